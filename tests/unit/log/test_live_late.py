"""Counts that differ from the view: late entries, future ones, entries without a time, gone and changed ones."""

import asyncio
from collections.abc import Iterable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from auditlog_tui.errors import ServerError
from auditlog_tui.log import insertion
from auditlog_tui.log import live as tail_module
from auditlog_tui.log.live import REREAD_EVERY, LiveTail, News
from auditlog_tui.log.view import State, View
from tests.unit.fake import EVERY_FILTER, START_US, FakeApi, Json, entry, log_of
from tests.unit.tails import GENERATIONS, NOON_US, at, following, in_time_order, polled, set_clock, write
from tests.unit.views import keys_of, like, load

HOUR_US = 3_600_000_000
YEAR_US = 365 * 24 * HOUR_US


def state_of(view: View) -> State:
    return view.summary().state


def sparse(count: int, seconds: int) -> list[Json]:
    """`count` entries, one every so many seconds."""
    return [entry(number, at=number * seconds) for number in range(count)]


def holds_everything(tail: LiveTail, api: FakeApi) -> bool:
    keys = keys_of(tail.view)
    return len(keys) == len(set(keys)) and set(keys) == {data["id"] for data in api.entries}


# -- late entries --------------------------------------------------------------------------------------------------


@GENERATIONS
@pytest.mark.parametrize("late_s", [1, 100, 299, 4_000, 7_900])
async def test_late_entries_are_inserted_by_time(ignores: Iterable[str], late_s: int) -> None:
    api = FakeApi(sparse(400, 20), ignores=ignores)
    tail = await following(api)
    write(api, at(10_000, 7_980_000_000 - late_s * 1_000_000 + 500_000))
    news = await polled(tail)
    assert news.added + news.late == 1
    assert in_time_order(tail.view)
    assert holds_everything(tail, api)
    assert (tail.view.summary().total, state_of(tail.view)) == (401, State.COMPLETE)


@GENERATIONS
async def test_view_is_not_complete_during_a_search(ignores: Iterable[str]) -> None:
    api = FakeApi(sparse(300, 10), ignores=ignores)
    told: list[tuple[State, str]] = []
    tail = await following(api, changed=lambda view: told.append((state_of(view), view.summary().reason)))
    as_of = tail.view.summary().as_of
    write(api, at(10_000, 500_000), at(10_001, 1_500_000))
    await tail.poll()
    assert tail.view.summary().as_of == as_of
    assert (await tail.mend()).late == 2
    assert told == [(State.INCOMPLETE, "the server counts 2 more")]
    assert state_of(tail.view) is State.COMPLETE
    assert tail.view.summary().as_of != as_of


@GENERATIONS
async def test_poll_with_higher_count_ends_complete_at_once(ignores: Iterable[str]) -> None:
    api = FakeApi(log_of(300), ignores=ignores)
    tail = await following(api)
    write(api, at(10_000, 100_500_000), *log_of(450)[300:])
    await tail.poll()
    summary = tail.view.summary()
    assert (summary.rows, summary.total) == (450, 451)
    assert (summary.state, summary.reason) == (State.INCOMPLETE, "the server counts 1 more")
    await tail.mend()
    assert state_of(tail.view) is State.COMPLETE
    assert holds_everything(tail, api)


@pytest.mark.parametrize("count", [1, 14, 100, 250])
async def test_without_bounds_late_entries_below_the_oldest_are_found_on_any_page(count: int) -> None:
    api = FakeApi(log_of(95), ignores=EVERY_FILTER)
    tail = await following(api)
    write(api, *(at(10_000 + n, -1_000_000 * n) for n in range(count)))
    await polled(tail)
    assert holds_everything(tail, api)
    assert in_time_order(tail.view)
    assert state_of(tail.view) is State.COMPLETE


async def test_late_entry_is_found_with_few_requests() -> None:
    api = FakeApi(sparse(400, 20))
    tail = await following(api)
    write(api, at(10_000, 3_500_000))
    asked = len(api.calls)
    assert (await polled(tail)).late == 1
    assert len(api.calls) - asked < 20
    assert sum(limit for _, limit, _ in api.calls[asked:]) < 300


async def test_many_late_entries_take_several_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "MAX_COUNTS", 8)
    api = FakeApi(sparse(400, 10))
    tail = await following(api)
    write(api, *(at(10_000 + n, n * 390_000_000 + 500_000) for n in range(10)))
    for _ in range(12):
        asked = len(api.calls)
        await polled(tail)
        assert len(api.calls) - asked < 25
        assert (state_of(tail.view) is State.COMPLETE) == holds_everything(tail, api)
    assert holds_everything(tail, api)
    assert in_time_order(tail.view)


async def test_without_bounds_a_walk_finds_it_over_several_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "MAX_PAGES", 2)
    api = FakeApi(log_of(500), ignores=EVERY_FILTER)
    tail = await following(api)
    write(api, at(10_000, 200_500_000))
    rounds = 0
    while not holds_everything(tail, api):
        rounds += 1
        assert rounds < 6
        await polled(tail)
        assert (state_of(tail.view) is State.COMPLETE) == holds_everything(tail, api)
    assert rounds == 2
    assert in_time_order(tail.view)


async def test_late_entry_too_far_down_is_reported_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insertion, "MAX_MOVED_ROWS", 100)
    api = FakeApi(log_of(500))
    tail = await following(api)
    write(api, at(10_000, 200_500_000))
    for _ in range(3):
        await polled(tail)
        assert tail.view.summary().reason == "the server counts 1 more"
    asked = len(api.calls)
    await polled(tail)
    assert len(api.calls) - asked == 1  # the search is not repeated
    write(api, at(10_001, 499_500_000), at(10_002, 450_500_000))
    await polled(tail)
    assert tail.view.summary().reason == "the server counts 1 more"
    assert len(tail.view) == 502


@GENERATIONS
async def test_only_matching_late_entries_are_shown(ignores: Iterable[str]) -> None:
    api = FakeApi([entry(n, method="GET" if n % 2 else "POST") for n in range(100)], ignores=ignores)
    tail = await following(api, "method:POST ua:curl")
    write(api, at(500, 90_500_000), at(501, 91_500_000, user_agent="other"), at(502, 92_500_000, method="GET"))
    await polled(tail)
    keys = keys_of(tail.view)
    assert sorted(keys) == sorted([*(f"id-{n}" for n in range(0, 100, 2)), "id-500"])
    assert in_time_order(tail.view)
    assert state_of(tail.view) is State.COMPLETE


async def test_other_view_of_the_feed_shows_late_entry() -> None:
    api = FakeApi(log_of(100))
    tail = await following(api)
    other = await load(like(tail.view, "ua:curl"))
    assert other.feed is tail.view.feed
    write(api, at(500, 90_500_000))
    await polled(tail)
    await load(other)
    assert keys_of(other) == keys_of(tail.view)


@GENERATIONS
async def test_partly_loaded_log_gets_late_entries_in_its_range(ignores: Iterable[str]) -> None:
    api = FakeApi(log_of(500), ignores=ignores)
    tail = await following(api, rows=100)
    write(api, at(10_000, 450_500_000), at(10_001, 100_500_000))
    assert (await polled(tail)).late == 1
    assert keys_of(tail.view)[49] == "id-10000"
    assert state_of(tail.view) is State.MORE
    asked = len(api.calls)
    await polled(tail)
    assert len(api.calls) - asked == 1
    await load(tail.view)
    assert holds_everything(tail, api)
    assert in_time_order(tail.view)


async def test_late_entry_older_than_all_goes_to_the_bottom() -> None:
    api = FakeApi(log_of(200))
    tail = await following(api)
    write(api, at(10_000, -HOUR_US))
    assert (await polled(tail)).late == 1
    assert keys_of(tail.view)[-1] == "id-10000"


async def test_late_among_many_with_the_same_time() -> None:
    api = FakeApi(
        [*log_of(50), *(entry(100 + n, at=50) for n in range(500)), *(entry(n, at=n) for n in range(51, 90))]
    )
    tail = await following(api)
    write(api, *(entry(10_000 + n, at=50) for n in range(3)))
    for _ in range(3):
        await polled(tail)
    assert holds_everything(tail, api)
    assert in_time_order(tail.view)


async def test_error_during_search_keeps_incomplete() -> None:
    api = FakeApi(log_of(500))
    tail = await following(api)
    await tail._bounds_proven()
    write(api, at(10_000, 200_500_000))
    await tail.poll()
    api.trouble = {len(api.calls) + 2: "error"}
    with pytest.raises(ServerError):
        await tail.mend()
    assert state_of(tail.view) is State.INCOMPLETE
    await polled(tail)
    assert state_of(tail.view) is State.COMPLETE
    assert holds_everything(tail, api)


@GENERATIONS
async def test_cancelling_anywhere_never_gives_a_wrong_verdict(ignores: Iterable[str]) -> None:
    api = FakeApi(log_of(500), ignores=ignores)
    tail = await following(api)
    before = tail.view.summary().as_of
    write(api, at(10_000, 200_500_000))
    for steps in range(0, 60, 5):
        task = asyncio.create_task(polled(tail))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        keys = keys_of(tail.view)
        assert len(keys) == len(set(keys))
        as_of = tail.view.summary().as_of
        assert holds_everything(tail, api) or state_of(tail.view) is State.INCOMPLETE or as_of == before
    await polled(tail)
    assert holds_everything(tail, api)


async def test_without_counts_five_minutes_are_read_again_regularly() -> None:
    api = FakeApi(log_of(500))
    api.counts = False
    tail = await following(api)
    write(api, at(10_000, 300_500_000))
    late = [(await polled(tail)).late for _ in range(tail_module.REREAD_EVERY)]
    assert late == [*[0] * (tail_module.REREAD_EVERY - 1), 1]
    assert in_time_order(tail.view)


# -- dated in the future -------------------------------------------------------------------------------------------


@GENERATIONS
@pytest.mark.parametrize("ahead_us", [HOUR_US, YEAR_US, 6_000 * YEAR_US])
@pytest.mark.parametrize("many", [1, 130])
async def test_future_entries_hide_no_new_ones(ignores: Iterable[str], ahead_us: int, many: int) -> None:
    """They stay at the top, and new entries are inserted below them."""
    api = FakeApi([*log_of(300), *(at(5_000 + n, NOON_US + ahead_us + n) for n in range(many))], ignores=ignores)
    tail = await following(api)
    for round_ in range(3):
        set_clock(api, START_US + NOON_US + round_ * 5_000_000)
        write(api, *(at(1_000 + 10 * round_ + n, NOON_US - 300_000 + round_ * 5_000_000 + n) for n in range(7)))
        news = await polled(tail)
        assert (news.added, news.late) == (7, 0)
        assert holds_everything(tail, api)
        assert in_time_order(tail.view)
        assert state_of(tail.view) is State.COMPLETE
    assert await polled(tail) == News()


async def test_another_future_entry_is_fetched() -> None:
    api = FakeApi([*log_of(300), *(at(5_000 + n, NOON_US + YEAR_US + n) for n in range(150))])
    tail = await following(api)
    write(api, at(9_000, NOON_US + YEAR_US // 2))
    for _ in range(2):
        await polled(tail)
    assert holds_everything(tail, api)
    assert in_time_order(tail.view)
    assert state_of(tail.view) is State.COMPLETE


async def test_without_server_time_the_local_clock_is_used() -> None:
    api = FakeApi([*log_of(300), at(5_000, NOON_US + YEAR_US)])
    tail = await following(api)
    tail.view.feed.as_of = None
    tail._reset()
    write(api, *(at(1_000 + n, NOON_US + n) for n in range(7)))
    assert (await polled(tail)).added == 7
    assert holds_everything(tail, api)


# -- without a time ------------------------------------------------------------------------------------------------


def undated(number: int, us: int) -> Json:
    """An entry whose time the server knows, but sends in a form that can't be read."""
    return entry(number, created_at="?", _us=START_US + us)


@GENERATIONS
async def test_entries_without_a_time_are_kept_and_block_nothing(ignores: Iterable[str]) -> None:
    odd = [undated(600, 95_400_000), undated(601, -10), undated(602, 70_000_000)]
    api = FakeApi([*log_of(100), *odd, *(entry(700 + n, at=-400 + n) for n in range(5))], ignores=ignores)
    tail = await following(api)
    write(api, at(500, 90_500_000), undated(603, 99_500_000), undated(604, 80_500_000))
    for _ in range(2):
        await polled(tail)
    assert holds_everything(tail, api)
    assert in_time_order(tail.view)
    assert state_of(tail.view) is State.COMPLETE


async def test_entry_that_no_bound_matches_is_found_by_a_walk() -> None:
    """The server has no time for the entry either, so it matches no bound."""
    api = FakeApi(log_of(300))
    holds = api.matching

    def matching(params):  # type: ignore[no-untyped-def]  # same signature as the method
        bounded = any(name.startswith("created_at_") for name in params)
        return [data for data in holds(params) if not (bounded and data["created_at"] == "?")]

    api.matching = matching  # type: ignore[method-assign]  # the fault under test
    tail = await following(api)
    write(api, undated(600, 150_500_000))
    for _ in range(2):
        await polled(tail)
    assert holds_everything(tail, api)
    assert state_of(tail.view) is State.COMPLETE


async def test_unexplained_higher_count_ends_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    api = FakeApi(log_of(300))
    tail = await following(api)
    ask = api.list

    async def one_more(params, **how):  # type: ignore[no-untyped-def]  # same signature as the method
        page = await ask(params, **how)
        bounded = "created_at_min" in params
        return page if bounded else type(page)(page.entries, page.next_cursor, None, 301, page.served_at)

    monkeypatch.setattr(api, "list", one_more)
    await polled(tail)
    assert (state_of(tail.view), tail.view.summary().reason) == (State.INCOMPLETE, "the server counts 1 more")
    asked = len(api.calls)
    await polled(tail)
    assert len(api.calls) - asked == 1


# -- gone entries --------------------------------------------------------------------------------------------------


@GENERATIONS
async def test_entries_deleted_on_the_server_are_gone_not_missing(ignores: Iterable[str]) -> None:
    api = FakeApi(log_of(300), ignores=ignores)
    tail = await following(api)
    del api.entries[:5]
    await polled(tail)
    assert (tail.view.feed.gone, state_of(tail.view), len(tail.view)) == (5, State.COMPLETE, 300)
    asked = len(api.calls)
    await polled(tail)
    assert len(api.calls) - asked == 1


async def test_gone_entries_do_not_offset_late_ones() -> None:
    api = FakeApi(log_of(300))
    tail = await following(api)
    del api.entries[:5]
    write(api, *(at(1_000 + n, 200_500_000 + n) for n in range(3)), *(entry(n) for n in range(300, 310)))
    news = await polled(tail)
    assert (news.added, news.late, tail.view.feed.gone) == (10, 3, 5)
    assert set(keys_of(tail.view)) >= {data["id"] for data in api.entries}
    assert state_of(tail.view) is State.COMPLETE
    del api.entries[:2]
    await polled(tail)
    assert tail.view.feed.gone == 7


@GENERATIONS
async def test_entries_deleted_in_the_middle_are_gone(ignores: Iterable[str]) -> None:
    api = FakeApi(log_of(300), ignores=ignores)
    tail = await following(api)
    del api.entries[100:103]
    await polled(tail)
    assert (tail.view.feed.gone, state_of(tail.view)) == (3, State.COMPLETE)
    write(api, entry(300))
    assert (await polled(tail)).added == 1
    assert (tail.view.feed.gone, state_of(tail.view)) == (3, State.COMPLETE)


async def test_late_entries_are_found_when_as_many_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "REREAD_EVERY", 2)
    api = FakeApi(log_of(300))
    tail = await following(api)
    del api.entries[:5]
    write(api, *(at(1_000 + n, 200_500_000 + n) for n in range(5)))
    await tail.poll()
    await tail.poll()
    assert (tail.view.feed.gone, tail.view.summary().reason) == (5, "the server counts 5 more")
    assert (await tail.mend()).late == 5
    assert set(keys_of(tail.view)) >= {data["id"] for data in api.entries}
    assert (tail.view.feed.gone, state_of(tail.view), len(tail.view)) == (5, State.COMPLETE, 305)


@GENERATIONS
@pytest.mark.parametrize("late_us", [-HOUR_US, 100_600_000], ids=["older than all", "among the gone"])
async def test_late_entry_in_the_range_of_gone_ones_is_found(ignores: Iterable[str], late_us: int) -> None:
    api = FakeApi(log_of(300), ignores=ignores)
    tail = await following(api)
    del api.entries[98:103]
    await polled(tail)
    write(api, at(10_000, late_us))
    await tail.poll()
    assert state_of(tail.view) is State.INCOMPLETE
    await tail.mend()
    assert "id-10000" in keys_of(tail.view)
    assert in_time_order(tail.view)
    assert (tail.view.feed.gone, state_of(tail.view)) == (5, State.COMPLETE)


@pytest.mark.parametrize("new", [0, 150])
@pytest.mark.parametrize("late_us", [[100_600_000], [100_600_000, 10_500_000]], ids=["one", "two"])
async def test_no_search_ends_with_complete_while_an_entry_is_offset_by_gone_ones(
    late_us: list[int], new: int
) -> None:
    api = FakeApi(log_of(300))
    tail = await following(api)
    del api.entries[98:103]
    await polled(tail)
    write(api, *(at(10_000 + n, us) for n, us in enumerate(late_us)), *log_of(300 + new)[300:])
    for _ in range(2):
        for step in (tail.poll, tail.mend):
            await step()
            found = set(keys_of(tail.view)) >= {data["id"] for data in api.entries}
            assert (state_of(tail.view) is State.COMPLETE) == found
    assert (tail.view.feed.gone, state_of(tail.view)) == (5, State.COMPLETE)


@GENERATIONS
async def test_gone_entries_do_not_offset_one_too_far_down(
    ignores: Iterable[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(insertion, "MAX_MOVED_ROWS", 100)
    api = FakeApi(log_of(500), ignores=ignores)
    tail = await following(api)
    del api.entries[:5]
    await polled(tail)
    write(api, at(10_000, 200_500_000))
    for _ in range(2):
        await polled(tail)
        assert (state_of(tail.view), tail.view.summary().reason) == (State.INCOMPLETE, "the server counts 1 more")
    del api.entries[:1]
    for follower in (tail, LiveTail(tail.view)):
        await polled(follower)
        assert (state_of(tail.view), tail.view.summary().reason) == (State.INCOMPLETE, "the server counts 1 more")


@pytest.mark.parametrize("turn", [1, -1])
async def test_entries_sharing_the_oldest_time_are_not_gone(turn: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "REREAD_EVERY", 2)
    api = FakeApi([at(n, 0) for n in range(4)] + [at(4, 1_000_000)])
    ask = api.list

    async def turned(params, **how):  # type: ignore[no-untyped-def]  # same signature as the method
        page = await ask(params, **how)
        if params.get("sort") != "created_at:asc":
            return page
        return replace(page, entries=(*page.entries[:4][::turn], *page.entries[4:]))  # equal times in any order

    tail = await following(api)
    monkeypatch.setattr(api, "list", turned)
    for _ in range(4):
        await tail.poll()
    assert (tail.view.feed.gone, state_of(tail.view)) == (0, State.COMPLETE)


@pytest.mark.parametrize("cap", [100, 305])
async def test_capped_count_makes_no_loaded_entry_gone(cap: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "REREAD_EVERY", 2)
    api = FakeApi(log_of(300))
    ask = api.list

    async def capped(params, **how):  # type: ignore[no-untyped-def]  # same signature as the method
        page = await ask(params, **how)
        return replace(page, total_count=min(cap, page.total_count or 0))

    monkeypatch.setattr(api, "list", capped)
    tail = await following(api)
    for number in range(300, 320, 4):
        write(api, *(entry(n) for n in range(number, number + 4)))
        assert (await polled(tail)).added == 4
        assert (tail.view.feed.gone, state_of(tail.view)) == (0, State.COMPLETE)
    del api.entries[:6]
    for _ in range(2):
        await polled(tail)
    assert (tail.view.feed.gone, state_of(tail.view)) == (6, State.COMPLETE)
    monkeypatch.setattr(api, "list", ask)
    for _ in range(3):
        await polled(tail)
    assert (tail.view.feed.gone, tail.view.feed.uncounted, state_of(tail.view)) == (6, 0, State.COMPLETE)


# -- changed entries -----------------------------------------------------------------------------------------------


@GENERATIONS
async def test_changed_records_do_not_offset_late_ones(ignores: Iterable[str]) -> None:
    api = FakeApi(log_of(300), ignores=ignores)
    tail = await following(api)
    for data in api.entries:
        data["actor"] = {**data["actor"], "name": "Alice B"}
    write(api, *(at(9_000 + n, 100_500_000 + n * 1_000_000) for n in range(9)), entry(400))
    for _ in range(2):
        await polled(tail)
    assert holds_everything(tail, api)
    summary = tail.view.summary()
    assert (summary.rows, summary.total, summary.gone, summary.state) == (310, 310, 0, State.COMPLETE)


async def test_two_new_records_of_one_id_count_as_two() -> None:
    api = FakeApi(log_of(300))
    tail = await following(api)
    write(api, entry(400), entry(400, status_code=500), entry(7, at=500, status_code=500), entry(401, at=501))
    for _ in range(2):
        await polled(tail)
    summary = tail.view.summary()
    assert (summary.rows, summary.total, summary.gone, summary.state) == (302, 304, 0, State.COMPLETE)


async def test_a_second_record_of_a_row_below_hides_no_late_entry() -> None:
    api = FakeApi(log_of(300))
    tail = await following(api, rows=100)
    write(api, at(7, 400_500_000, path="/again"))  # the first record of the two is not loaded
    await polled(tail)
    later = [entry(n, at=410) for n in range(1_000, 1_103)]
    write(api, at(7, 409_500_000, path="/once more"), at(10_000, 250_500_000), *later)
    assert (await polled(tail)).late == 1
    assert "id-10000" in keys_of(tail.view)


async def test_many_new_entries_hide_none_from_before_what_is_loaded() -> None:
    api = FakeApi(log_of(300))
    tail = await following(api, rows=100)
    write(api, at(10_000, 50_500_000), *log_of(450)[300:])  # so many that the count may be from before some of them
    await polled(tail)
    assert tail.late_below == 1
    for number in range(450, 453):
        write(api, entry(number))
        await polled(tail)
    assert tail.late_below == 1


async def test_an_entry_written_after_the_count_of_a_poll_is_not_late(monkeypatch: pytest.MonkeyPatch) -> None:
    api = FakeApi(log_of(300))
    tail = await following(api, rows=100)
    ask = api.list

    async def grows(params, **how):  # type: ignore[no-untyped-def]  # same signature as the method
        if params.get("sort"):
            monkeypatch.setattr(api, "list", ask)
            write(api, entry(450))
        return await ask(params, **how)

    monkeypatch.setattr(api, "list", grows)
    write(api, *log_of(450)[300:])
    for number in range(451, 454):
        await polled(tail)
        write(api, entry(number))
    assert keys_of(tail.view)[0] == "id-452"
    assert tail.late_below == 0


# -- property -----------------------------------------------------------------------------------------------------

writes = st.lists(
    st.tuples(st.sampled_from(("new", "same", "late", "later", "future")), st.integers(1, 15), st.booleans()),
    max_size=6,
)


@given(writes, st.sampled_from([(), EVERY_FILTER, ("created_at_min",)]), st.sampled_from(["", "ua:curl"]))
@example(
    [("new", 1, False), ("new", 1, False), ("new", 14, False), ("new", 15, False), ("new", 15, False),
     ("later", 15, False)],
    EVERY_FILTER, "",
)  # fmt: skip
@settings(max_examples=15, deadline=None)
async def test_every_entry_is_finally_shown_once_and_in_order(
    batches: list[tuple[str, int, bool]], ignores: Iterable[str], text: str
) -> None:
    api = FakeApi(log_of(40), ignores=ignores, shuffle_ties=True)
    tail = await following(api, text)
    newest, number = 39_000_000, 1_000
    for kind, count, mends in batches:
        for n in range(count):
            us = {
                "new": newest + 1_000 * (n + 1),
                "same": newest,
                "late": newest - 900_000 * (n + 1),
                "later": -7_000_000 * n,
                "future": NOON_US + HOUR_US * (n + 1),
            }[kind]
            write(api, at(number, us))
            number += 1
        newest += 1_000 * count if kind == "new" else 0
        await tail.poll()
        assert holds_everything(tail, api) or state_of(tail.view) is State.INCOMPLETE
        if mends:
            await tail.mend()
            assert holds_everything(tail, api) or state_of(tail.view) is State.INCOMPLETE
    for _ in range(4):
        await polled(tail)
    assert holds_everything(tail, api)
    assert in_time_order(tail.view)
    assert state_of(tail.view) is State.COMPLETE


async def test_an_entry_gone_of_the_oldest_instant_does_not_hide_a_late_one() -> None:
    api = FakeApi([entry(n, at=n // 3) for n in range(60)])
    tail = await following(api)
    del api.entries[0]  # two others of this instant stay
    write(api, entry(100, at=10))
    for _ in range(REREAD_EVERY):
        await polled(tail)
    assert "id-100" in keys_of(tail.view)
    summary = tail.view.summary()
    assert (summary.complete, summary.gone) == (True, 1)
