import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditlog_tui import __version__, tail
from auditlog_tui.errors import ServerError
from auditlog_tui.feed import Anchor, At
from auditlog_tui.log import Log
from auditlog_tui.marked_view import MarkedView
from auditlog_tui.models import rfc3339
from auditlog_tui.store import EntryStore
from auditlog_tui.tail import LATE_US, News, Tail
from auditlog_tui.view import View
from tests.unit.fake import EVERY_FILTER, START_US, FakeApi, Json, entry, log_of
from tests.unit.views import ALL, ignore, keys_of, like, load, newest_first, query_of, view_of

OURS = f"auditlog-tui/{__version__}"
GENERATIONS = pytest.mark.parametrize("ignores", [(), EVERY_FILTER], ids=["generation-2", "generation-1"])


async def following(api: FakeApi, text: str = "", rows: int = ALL) -> Tail:
    """A view as it is followed: loaded, with the server proven."""
    view = view_of(api, text)
    await view.more(rows, ignore, everything=True)
    if await view.prove():
        await view.more(rows, ignore, everything=True)
    return Tail(view)


def write(api: FakeApi, *entries: Json) -> None:
    api.entries += entries


def at(number: int, us: int, **fields: Any) -> Json:
    return entry(number, created_at=rfc3339(START_US + us), **fields)


def in_time_order(view: View) -> bool:
    times = [row.created_us for row in view.window(0, len(view)) if row.created_us is not None]
    return times == sorted(times, reverse=True)


# -- what is new ---------------------------------------------------------------------------------------------------


@GENERATIONS
async def test_what_was_written_since_comes_above(ignores: Iterable[str]) -> None:
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
async def test_more_than_a_page_of_them(ignores: Iterable[str]) -> None:
    api = FakeApi(log_of(150), ignores=ignores)
    tail = await following(api)
    write(api, *log_of(480)[150:])
    assert (await tail.poll()).added == 330
    assert keys_of(tail.view) == newest_first(range(480))


async def test_more_than_one_poll_reads_come_with_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "PAGES", 2)
    api = FakeApi(log_of(50))
    follower = await following(api)
    write(api, *log_of(500)[50:])
    added = [(await follower.poll()).added for _ in range(4)]
    assert sum(added) == 450
    assert added[0] == 199  # and the newest before, which the bound includes
    assert keys_of(follower.view) == newest_first(range(500))


@GENERATIONS
async def test_what_happened_at_the_newest_instant_is_not_lost(ignores: Iterable[str]) -> None:
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


async def test_a_newest_entry_without_a_time_is_followed_by_its_place() -> None:
    api = FakeApi([*log_of(5), entry(5, created_at="?", _us=START_US + 5_000_000)])
    tail = await following(api)
    write(api, entry(6), entry(7))
    assert (await tail.poll()).added == 2
    assert keys_of(tail.view) == newest_first(range(8))


@GENERATIONS
async def test_our_own_reads_are_counted_apart(ignores: Iterable[str]) -> None:
    api = FakeApi(log_of(50), ignores=ignores)
    tail = await following(api)
    write(api, entry(50, user_agent=OURS), entry(51), entry(52, user_agent=OURS), entry(53, user_agent=OURS + "x"))
    assert await tail.poll() == News(added=4, own=2)


@GENERATIONS
async def test_only_what_matches_comes_above(ignores: Iterable[str]) -> None:
    api = FakeApi(log_of(50), ignores=ignores)
    tail = await following(api, "method:POST ua:curl")
    write(api, entry(50, method="GET"), entry(51), entry(52, user_agent="other"), entry(53))
    await tail.poll()
    assert keys_of(tail.view) == newest_first([*range(50), 51, 53])


@GENERATIONS
async def test_a_filter_that_begins_later_stays_within_its_bounds(ignores: Iterable[str]) -> None:
    api = FakeApi(log_of(50), ignores=ignores)
    tail = await following(api, "created:2027-01-15T08:00:40Z..2027-01-15T08:00:55Z")
    write(api, *(entry(n) for n in range(50, 60)))
    await tail.poll()
    await tail.mend()
    assert keys_of(tail.view) == newest_first(range(40, 56))


async def test_new_rows_are_sorted_in_where_the_order_is_ours() -> None:
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
    write(api, *(entry(n) for n in range(150, 160)), at(500, 148_500_000))
    await tail.poll()
    assert [tail.view.row_of(row.n) for row in shown] == list(range(30, 70))
    assert (await tail.mend()).late == 1
    assert [tail.view.row_of(row.n) for row in shown] == list(range(31, 71))
    assert tail.view.window(31, 40) == shown


async def test_an_error_changes_nothing_and_the_next_poll_goes_on() -> None:
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


# -- servers in between --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ignores", [["created_at_min"], ["sort"], ["sort", "created_at_min"]])
async def test_a_server_that_knows_no_bounds_is_found_out_and_followed_from_the_top(ignores: list[str]) -> None:
    api = FakeApi(log_of(1_000), ignores=ignores)
    tail = await following(api, rows=100)
    write(api, *log_of(1_005)[1_000:])
    asked = len(api.calls)
    assert (await tail.poll()).added == 5
    assert keys_of(tail.view) == newest_first(range(900, 1_005))
    assert len(api.calls) - asked == 2
    assert await tail.poll() == News()
    assert len(api.calls) - asked == 3


async def test_from_the_top_no_gap_is_left_however_much_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "PAGES", 2)
    api = FakeApi(log_of(150), ignores=EVERY_FILTER)
    follower = await following(api)
    write(api, *log_of(700)[150:])
    await follower.poll()
    assert keys_of(follower.view) == newest_first(range(700))


async def test_a_server_that_repeats_itself_is_not_asked_for_ever() -> None:
    api = FakeApi(log_of(150), ignores=EVERY_FILTER)
    tail = await following(api)
    write(api, *log_of(700)[150:])
    api.trouble = dict.fromkeys(range(len(api.calls) + 2, 10_000), "cycle")
    await tail.poll()
    assert len(keys_of(tail.view)) == len(set(keys_of(tail.view)))


# -- what came late ------------------------------------------------------------------------------------------------


@GENERATIONS
async def test_what_came_late_is_put_where_it_belongs(ignores: Iterable[str]) -> None:
    api = FakeApi(log_of(400), ignores=ignores)
    tail = await following(api)
    write(api, at(1000, 250_500_000), at(1001, 398_500_000), at(1002, 120_500_000))
    assert (await tail.poll()).added == 0
    news = await tail.mend()
    assert (news.added, news.late) == (0, 3)
    assert in_time_order(tail.view)
    assert len(keys_of(tail.view)) == len(set(keys_of(tail.view))) == 403
    assert tail.view.summary().total == 403
    assert tail.view.complete
    assert await tail.mend() == News()


async def test_without_anything_late_it_is_counted_and_not_fetched() -> None:
    api = FakeApi(log_of(400))
    tail = await following(api)
    await tail.mend()
    asked = len(api.calls)
    assert await tail.mend() == News()
    assert [limit for _, limit, _ in api.calls[asked:]] == [10]


@GENERATIONS
async def test_what_is_older_than_five_minutes_is_not_looked_for(ignores: Iterable[str]) -> None:
    api = FakeApi(log_of(400), ignores=ignores)
    tail = await following(api)
    write(api, at(1000, 399_000_000 - LATE_US - 1))
    assert await tail.mend() == News()
    write(api, at(1001, 399_000_000 - LATE_US))
    assert (await tail.mend()).late == 1
    assert in_time_order(tail.view)


@GENERATIONS
async def test_what_is_new_is_left_to_the_next_poll(ignores: Iterable[str]) -> None:
    api = FakeApi(log_of(100), ignores=ignores)
    tail = await following(api)
    write(api, at(500, 90_500_000), entry(100), entry(101, at=99))
    assert await tail.mend() == News(late=1)
    assert await tail.poll() == News(added=2)
    assert len(keys_of(tail.view)) == len(set(keys_of(tail.view))) == 103
    assert in_time_order(tail.view)


@GENERATIONS
async def test_of_what_came_late_only_what_matches_is_shown(ignores: Iterable[str]) -> None:
    api = FakeApi([entry(n, method="GET" if n % 2 else "POST") for n in range(100)], ignores=ignores)
    tail = await following(api, "method:POST ua:curl")
    write(api, at(500, 90_500_000), at(501, 91_500_000, user_agent="other"), at(502, 92_500_000, method="GET"))
    await tail.mend()
    keys = keys_of(tail.view)
    assert sorted(keys) == sorted([*(f"id-{n}" for n in range(0, 100, 2)), "id-500"])
    assert in_time_order(tail.view)


async def test_another_view_of_the_same_feed_sees_it_too() -> None:
    api = FakeApi(log_of(100))
    tail = await following(api)
    other = await load(like(tail.view, "ua:curl"))
    assert other.feed is tail.view.feed
    write(api, at(500, 90_500_000))
    await tail.mend()
    await load(other)
    assert keys_of(other) == keys_of(tail.view)


async def test_entries_without_a_time_are_neither_lost_nor_in_the_way() -> None:
    odd = [
        entry(n, created_at="?", _us=START_US + us) for n, us in ((600, 95_400_000), (601, -10), (602, 70_000_000))
    ]
    old = [entry(700 + n, at=-400 + n) for n in range(5)]
    for ignores in ((), EVERY_FILTER):
        api = FakeApi([*log_of(100), *odd, *old], ignores=ignores)
        tail = await following(api)
        before = set(keys_of(tail.view))
        write(api, at(500, 90_500_000))
        assert (await tail.mend()).late == 1
        assert set(keys_of(tail.view)) == before | {"id-500"}
        assert in_time_order(tail.view)
        assert len(keys_of(tail.view)) == len(before) + 1


async def test_rows_that_the_server_does_not_send_again_stay() -> None:
    odd = entry(600, created_at="?", _us=START_US + 95_400_000)
    api = FakeApi([*log_of(100), odd])
    tail = await following(api)
    odd["_us"] = START_US - 10**12
    write(api, at(500, 90_500_000))
    write(api, at(501, 91_500_000))
    assert await tail.mend() == News()
    assert "id-600" in keys_of(tail.view)


async def test_where_five_minutes_are_more_than_can_be_fetched_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tail, "PAGES", 2)
    api = FakeApi(log_of(290))
    follower = await following(api)
    write(api, at(500, 90_500_000))
    assert await follower.mend() == News()
    assert keys_of(follower.view) == newest_first(range(290))


async def test_where_a_parameter_is_unproven_nothing_is_mended() -> None:
    api = FakeApi(log_of(50))
    tail = Tail(await load(view_of(api, "method:POST")))
    api.fails = ServerError("down", status=500)
    write(api, at(500, 40_500_000))
    assert await tail.mend() == News()


async def test_an_empty_view_has_nothing_late() -> None:
    api = FakeApi([])
    tail = await following(api)
    asked = len(api.calls)
    assert await tail.mend() == News()
    assert len(api.calls) == asked


async def test_what_another_poll_brought_meanwhile_is_not_torn_apart() -> None:
    class Meanwhile(FakeApi):
        then: list[Tail]

        async def list(self, params, *, limit, cursor=None):  # type: ignore[no-untyped-def]  # as the one it hides
            page = await super().list(params, limit=limit, cursor=cursor)
            if limit == 100 and self.then:
                await self.then.pop().poll()
            return page

    api = Meanwhile(log_of(100))
    api.then = []
    tail = await following(api)
    write(api, at(500, 90_500_000), entry(100))
    await tail._log.obedience.prove(api, ["created_at_min"])
    api.then = [Tail(tail.view)]
    assert await tail.mend() == News()
    assert keys_of(tail.view) == newest_first(range(101))


# -- what can be followed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "possible"),
    [("", True), ("method:POST", True), ("ua:curl", True), ("sort:path", True), ("sort:status", False),
     ("sort:created", False), ("id:id-3", False)],
)  # fmt: skip
async def test_only_the_logs_own_order_can_be_followed(text: str, possible: bool) -> None:
    assert (await following(FakeApi(log_of(30)), text)).possible is possible


async def test_only_from_the_newest_entry_on() -> None:
    api = FakeApi(log_of(250))
    for anchor in (Anchor.OLDEST, At(START_US + 120_000_000)):
        view = view_of(api, anchor=anchor)
        await view.more(1, ignore, older=False)
        assert not Tail(view).possible
        await load(view, older=False)
        assert Tail(view).possible
        write(api, entry(len(api.entries)))
        assert (await Tail(view).poll()).added == 1


async def test_marked_entries_are_not_followed() -> None:
    log = Log(FakeApi([]), EntryStore())
    assert not Tail(MarkedView(log, [])).possible


# -- whatever happens ----------------------------------------------------------------------------------------------

writes = st.lists(st.tuples(st.sampled_from(("new", "same", "late")), st.integers(1, 60), st.booleans()), max_size=8)


@given(writes, st.sampled_from([(), EVERY_FILTER, ("created_at_min",)]), st.sampled_from(["", "ua:curl"]))
@settings(max_examples=30)
async def test_in_the_end_everything_is_there_once_and_in_order(
    batches: list[tuple[str, int, bool]], ignores: Iterable[str], text: str
) -> None:
    api = FakeApi(log_of(120), ignores=ignores, shuffle_ties=True)
    tail = await following(api, text)
    newest, number = 119_000_000, 1_000
    for kind, count, mends in batches:
        for n in range(count):
            us = {"new": newest + 1_000 * (n + 1), "same": newest, "late": newest - 900_000 * (n + 1)}[kind]
            write(api, at(number, us))
            number += 1
        newest += 1_000 * count if kind == "new" else 0
        await tail.poll()
        if mends:
            await tail.mend()
    await tail.poll()
    await tail.mend()
    keys = keys_of(tail.view)
    assert len(keys) == len(set(keys))
    assert set(keys) == {data["id"] for data in api.entries}
    assert in_time_order(tail.view)


async def test_a_cancelled_poll_leaves_all_as_it_was() -> None:
    api = FakeApi(log_of(50))
    tail = await following(api)
    write(api, entry(50))
    task = asyncio.create_task(tail.poll())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert keys_of(tail.view) == newest_first(range(50))
    assert (await tail.poll()).added == 1


async def test_the_view_says_as_of_when_it_was_polled() -> None:
    api = FakeApi(log_of(5))
    tail = await following(api)
    before = tail.view.summary().as_of
    await tail.poll()
    after = tail.view.summary().as_of
    assert before is not None
    assert after is not None
    assert after > before


async def test_what_a_query_is_of_no_concern_to_is_not_added_to_its_total() -> None:
    api = FakeApi(log_of(50))
    tail = await following(api, "method:POST")
    write(api, entry(50, method="GET"), entry(51))
    await tail.poll()
    assert tail.view.summary().total == 51
    assert query_of("method:POST") == tail.view.query
