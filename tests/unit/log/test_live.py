import asyncio
from collections.abc import Iterable

import pytest

from auditlog_tui import __version__
from auditlog_tui.errors import ServerError
from auditlog_tui.log import live as tail
from auditlog_tui.log.feed import Anchor, At
from auditlog_tui.log.live import LiveTail, News
from tests.unit.fake import EVERY_FILTER, START_US, FakeApi, entry, log_of
from tests.unit.tails import GENERATIONS, NOON_US, at, following, in_time_order, polled, set_clock, write
from tests.unit.views import ignore, keys_of, load, newest_first, query_of, view_of

OURS = f"auditlog-tui/{__version__}"


# -- new entries ---------------------------------------------------------------------------------------------------


@GENERATIONS
async def test_new_entries_are_added_at_the_top(ignores: Iterable[str]) -> None:
    api = FakeApi(log_of(150), ignores=ignores)
    tail = await following(api)
    assert await tail.poll() == News()
    for number in range(150, 157):
        write(api, entry(number))
    assert await tail.poll() == News(added=7)
    assert keys_of(tail.view) == newest_first(range(157))
    assert await tail.poll() == News()
    assert tail.view.summary().total == 157


@GENERATIONS
async def test_more_than_a_page_of_new_entries(ignores: Iterable[str]) -> None:
    api = FakeApi(log_of(150), ignores=ignores)
    tail = await following(api)
    write(api, *log_of(480)[150:])
    assert (await tail.poll()).added == 330
    assert keys_of(tail.view) == newest_first(range(480))


async def test_entries_beyond_the_limit_of_a_poll_come_with_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "MAX_PAGES", 2)
    api = FakeApi(log_of(50))
    follower = await following(api)
    write(api, *log_of(500)[50:])
    added = [(await follower.poll()).added for _ in range(4)]
    assert sum(added) == 450
    assert added[0] == 197  # 200 without the newest loaded ones, which the margin includes
    assert keys_of(follower.view) == newest_first(range(500))


@GENERATIONS
async def test_new_entries_at_the_newest_time_are_not_lost(ignores: Iterable[str]) -> None:
    api = FakeApi(log_of(50), ignores=ignores, shuffle_ties=True)
    tail = await following(api)
    for round_ in range(3):
        write(api, *(entry(1000 * round_ + n, at=49) for n in range(100, 210)))
        assert (await tail.poll()).added == 110
    keys = keys_of(tail.view)
    assert len(keys) == len(set(keys)) == 50 + 330
    assert in_time_order(tail.view)


@GENERATIONS
async def test_the_first_entries_of_an_empty_log_are_new(ignores: Iterable[str]) -> None:
    api = FakeApi([], ignores=ignores)
    tail = await following(api)
    assert await tail.poll() == News()
    write(api, *log_of(3))
    assert await tail.poll() == News(added=3)
    assert keys_of(tail.view) == newest_first(range(3))


async def test_newest_entry_without_a_time_is_followed_by_its_row() -> None:
    api = FakeApi([*log_of(5), entry(5, created_at="?", _us=START_US + 5_000_000)])
    tail = await following(api)
    write(api, entry(6), entry(7))
    assert (await tail.poll()).added == 2
    assert keys_of(tail.view) == newest_first(range(8))


@GENERATIONS
async def test_own_reads_are_counted_separately(ignores: Iterable[str]) -> None:
    api = FakeApi(log_of(50), ignores=ignores)
    tail = await following(api)
    write(api, entry(50, user_agent=OURS), entry(51), entry(52, user_agent=OURS), entry(53, user_agent=OURS + "x"))
    assert await tail.poll() == News(added=4, own_reads=2)


@GENERATIONS
async def test_only_matching_new_entries_are_added(ignores: Iterable[str]) -> None:
    api = FakeApi(log_of(50), ignores=ignores)
    tail = await following(api, "method:POST ua:curl")
    write(api, entry(50, method="GET"), entry(51), entry(52, user_agent="other"), entry(53))
    await tail.poll()
    assert keys_of(tail.view) == newest_first([*range(50), 51, 53])


@GENERATIONS
async def test_following_stays_within_the_bounds_of_the_filter(ignores: Iterable[str]) -> None:
    api = FakeApi(log_of(50), ignores=ignores)
    tail = await following(api, "created:2027-01-15T08:00:40Z..2027-01-15T08:00:55Z")
    write(api, *(entry(n) for n in range(50, 60)))
    await tail.poll()
    await tail.mend()
    assert keys_of(tail.view) == newest_first(range(40, 56))


async def test_new_rows_are_sorted_in_a_local_order() -> None:
    api = FakeApi([entry(n, path=f"/{n * 7 % 10}") for n in range(10)])
    tail = await following(api, "sort:path")
    write(api, entry(10, path="/45"))
    await tail.poll()
    assert [row.path for row in tail.view.window(4, 3)] == ["/4", "/45", "/5"]


@GENERATIONS
async def test_rows_on_the_screen_stay_the_same_entries(ignores: Iterable[str]) -> None:
    api = FakeApi(log_of(150), ignores=ignores)
    tail = await following(api)
    shown = tail.view.window(20, 40)
    write(api, *(entry(n) for n in range(150, 160)))
    await tail.poll()
    assert [tail.view.row_of(row.n) for row in shown] == list(range(30, 70))
    write(api, at(500, 140_500_000))
    assert (await polled(tail)).late == 1
    assert [tail.view.row_of(row.n) for row in shown] == list(range(31, 71))
    assert tail.view.window(31, 40) == shown


async def test_error_changes_nothing_and_the_next_poll_continues() -> None:
    api = FakeApi(log_of(150))
    tail = await following(api)
    write(api, *log_of(400)[150:])
    api.trouble = {len(api.calls) + 2: "error"}
    with pytest.raises(ServerError):
        await tail.poll()
    assert keys_of(tail.view) == newest_first(range(150))
    assert (await tail.poll()).added == 250
    assert keys_of(tail.view) == newest_first(range(400))


async def test_a_poll_costs_one_request() -> None:
    api = FakeApi(log_of(150))
    tail = await following(api)
    asked = len(api.calls)
    await tail.poll()
    assert len(api.calls) - asked == 1


# -- partly supporting servers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ignores", [["created_at_min"], ["sort"], ["sort", "created_at_min"]])
async def test_server_ignoring_bounds_is_noticed_and_followed_from_the_top(ignores: list[str]) -> None:
    api = FakeApi(log_of(1_000), ignores=ignores)
    tail = await following(api, rows=100)
    write(api, *log_of(1_050)[1_000:])
    assert (await tail.poll()).added == 50
    assert keys_of(tail.view) == newest_first(range(900, 1_050))
    asked = len(api.calls)
    assert await tail.poll() == News()
    assert len(api.calls) - asked == 1


async def test_following_from_the_top_leaves_no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "MAX_PAGES", 2)
    api = FakeApi(log_of(150), ignores=EVERY_FILTER)
    follower = await following(api)
    write(api, *log_of(700)[150:])
    await follower.poll()
    assert keys_of(follower.view) == newest_first(range(700))


async def test_repeated_cursors_end_a_poll() -> None:
    api = FakeApi(log_of(150), ignores=EVERY_FILTER)
    tail = await following(api)
    write(api, *log_of(700)[150:])
    api.trouble = dict.fromkeys(range(len(api.calls) + 2, 10_000), "cycle")
    await tail.poll()
    assert len(keys_of(tail.view)) == len(set(keys_of(tail.view)))


# -- when to follow ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "possible"),
    [("", True), ("method:POST", True), ("ua:curl", True), ("sort:path", True), ("sort:status", False),
     ("sort:created", False), ("id:id-3", False)],
)  # fmt: skip
async def test_only_the_order_of_time_can_be_followed(text: str, possible: bool) -> None:
    assert (await following(FakeApi(log_of(30)), text)).possible is possible


async def test_only_a_reached_newest_end_can_be_followed() -> None:
    api = FakeApi(log_of(250))
    set_clock(api, START_US + NOON_US)
    for anchor in (Anchor.OLDEST, At(START_US + 120_000_000)):
        view = view_of(api, anchor=anchor)
        await view.more(1, ignore, older=False)
        assert not LiveTail(view).possible
        await load(view, older=False)
        assert LiveTail(view).possible
        write(api, entry(len(api.entries)))
        assert (await LiveTail(view).poll()).added == 1


async def test_marked_entries_are_not_followed() -> None:
    view = await load(view_of(FakeApi(log_of(3)), "marked:yes"))
    assert view.complete
    assert not LiveTail(view).possible


async def test_cancelled_poll_changes_nothing() -> None:
    api = FakeApi(log_of(50))
    tail = await following(api)
    write(api, entry(50))
    task = asyncio.create_task(tail.poll())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert keys_of(tail.view) == newest_first(range(50))
    assert (await tail.poll()).added == 1


async def test_poll_updates_as_of() -> None:
    api = FakeApi(log_of(5))
    tail = await following(api)
    before = tail.view.summary().as_of
    await tail.poll()
    after = tail.view.summary().as_of
    assert before is not None
    assert after is not None
    assert after > before


async def test_total_counts_matching_entries_only() -> None:
    api = FakeApi(log_of(50))
    tail = await following(api, "method:POST")
    write(api, entry(50, method="GET"), entry(51))
    await tail.poll()
    assert tail.view.summary().total == 51
    assert query_of("method:POST") == tail.view.query
