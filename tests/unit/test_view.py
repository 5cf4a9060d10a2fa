import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui import view as view_module
from auditlog_tui.errors import AuditLogError, ServerError, StoreError
from auditlog_tui.feed import Anchor, At
from auditlog_tui.log import Log
from auditlog_tui.models import Page
from auditlog_tui.obedience import SMALLEST_PAGE
from auditlog_tui.query import Query, freeze, parse
from auditlog_tui.store import EntryStore
from auditlog_tui.view import SCAN_REQUESTS, State, View
from tests.unit.fake import EVERY_FILTER, START_US, TROUBLES, FakeApi, Json, entry, log_of, read
from tests.unit.test_feed import Held

ALL = 1 << 60


def query_of(text: str) -> Query:
    return freeze(parse(text), START_US, UTC)


def view_of(api: FakeApi, text: str = "", anchor: Anchor | At = Anchor.NEWEST) -> View:
    return View(Log(api, EntryStore()), query_of(text), anchor=anchor)


def like(view: View, text: str) -> View:
    return View(view.log, query_of(text), like=view)


def keys_of(view: View) -> list[str]:
    return [row.key for row in view.window(0, len(view))]


def newest_first(numbers: Iterable[int]) -> list[str]:
    return [f"id-{number}" for number in sorted(numbers, reverse=True)]


def ignore() -> None:
    """What nobody is told."""


def now(value: bool) -> bool:
    """The same, of which the type checker does not believe that it stays so."""
    return value


def error_of(view: View) -> AuditLogError | None:
    return view.error


async def load(view: View, *, older: bool = True) -> View:
    await view.more(ALL, ignore, older=older, everything=True)
    return view


def asked_for_entries(api: FakeApi) -> int:
    return len([limit for _, limit, _ in api.calls if limit > SMALLEST_PAGE])


def mixed(count: int) -> list[Json]:
    """Every tenth entry is a DELETE by a tool."""
    return [entry(n) if n % 10 else entry(n, method="DELETE", user_agent="tool") for n in range(count)]


# -- rows ----------------------------------------------------------------------------------------------------------


async def test_more_fetches_until_so_many_rows_are_shown() -> None:
    api = FakeApi(log_of(500))
    view = view_of(api)
    assert len(view) == len(api.calls) == 0
    await view.more(150, ignore)
    assert (len(view), len(api.calls)) == (200, 2)
    await view.more(1, ignore)
    assert (len(view), len(api.calls)) == (300, 3)
    assert keys_of(view) == newest_first(range(200, 500))


async def test_at_the_end_nothing_more_is_asked() -> None:
    api = FakeApi(log_of(150))
    view = await load(view_of(api))
    asked = len(api.calls)
    await load(view)
    await load(view, older=False)
    assert len(api.calls) == asked == 2


async def test_windows_and_rows_are_those_of_what_is_shown() -> None:
    view = await load(view_of(FakeApi(mixed(50)), "ua:tool"))
    assert [row.key for row in view.window(1, 2)] == ["id-30", "id-20"]
    number = view.log.store.number("id-20")
    assert number is not None
    assert view.row_of(number) == 2
    other = view.log.store.number("id-21")
    assert other is not None
    assert view.row_of(other) is None


async def test_pages_are_told_as_they_come() -> None:
    view = view_of(FakeApi(log_of(250)))
    told: list[int] = []
    await view.more(ALL, lambda: told.append(len(view)))
    assert told == [100, 200, 250]


async def test_the_oldest_entries_cost_one_request() -> None:
    api = FakeApi(log_of(1_000))
    view = view_of(api, anchor=Anchor.OLDEST)
    await view.more(50, ignore, older=False)
    assert keys_of(view) == newest_first(range(100))
    assert len(api.calls) == 1
    assert now(view.upwards)
    assert view.older_done
    assert not view.newer_done


# -- what is evaluated here ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("anchor", Anchor)
async def test_the_rest_of_the_query_is_evaluated_here(anchor: Anchor) -> None:
    view = view_of(FakeApi(mixed(330)), "ua:tool", anchor)
    await load(view, older=anchor is Anchor.NEWEST)
    assert keys_of(view) == newest_first(range(0, 330, 10))
    assert now(view.complete)


async def test_changing_only_the_rest_makes_no_request() -> None:
    api = FakeApi(mixed(250))
    first = await load(view_of(api, "method:DELETE ua:tool"))
    asked = len(api.calls)
    second = like(first, "method:DELETE -ua:tool")
    await load(second)
    third = await load(like(second, "method:DELETE"))
    assert len(api.calls) == asked
    assert (len(first), len(second), len(third)) == (25, 0, 25)
    assert third.complete
    assert third.run is third.feed.run


async def test_changing_what_is_asked_begins_a_feed() -> None:
    first = await load(view_of(FakeApi(mixed(50))))
    assert like(first, "method:DELETE").feed is not first.feed
    assert View(first.log, first.query, anchor=Anchor.OLDEST, like=first).feed is not first.feed


async def test_views_of_one_feed_each_take_in_what_the_other_fetched() -> None:
    first = view_of(FakeApi(mixed(400)), "ua:tool")
    await first.more(1, ignore)
    second = like(first, "-ua:tool")
    await load(second)
    assert not now(first.complete)
    await first.more(1, ignore)
    assert keys_of(first) == newest_first(range(0, 400, 10))
    assert now(first.complete)


@pytest.mark.parametrize("anchor", Anchor)
async def test_what_is_there_is_scanned_in_slices(monkeypatch: pytest.MonkeyPatch, anchor: Anchor) -> None:
    monkeypatch.setattr(view_module, "SLICE", 30)
    first = view_of(FakeApi(mixed(95)), "", anchor)
    await load(first, older=anchor is Anchor.NEWEST)
    second = View(first.log, query_of("ua:tool"), anchor=anchor, like=first)
    seen: list[int] = []
    await second.more(ALL, lambda: seen.append(len(second)), older=anchor is Anchor.NEWEST)
    assert len(seen) == 4
    assert seen == sorted(seen)
    assert keys_of(second) == newest_first(range(0, 95, 10))


async def test_other_tasks_run_between_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_module, "SLICE", 10)
    first = await load(view_of(FakeApi(mixed(100))))
    second = like(first, "ua:tool")
    turns = 0

    async def other() -> None:
        nonlocal turns
        while not second.complete:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await load(second)
    await task
    assert turns >= 9


async def stopped(view: View) -> None:
    """Begin to load, and be cancelled when something was told."""

    def stop() -> None:
        task.cancel()

    task = asyncio.create_task(view.more(ALL, stop))
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_cancelled_between_slices_it_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_module, "SLICE", 10)
    for anchor in Anchor:
        first = view_of(FakeApi(mixed(100)), "", anchor)
        await load(first, older=anchor is Anchor.NEWEST)
        second = View(first.log, query_of("ua:tool"), anchor=anchor, like=first)

        await stopped(second)
        assert 0 < len(second) < 10
        await load(second)
        assert keys_of(second) == newest_first(range(0, 100, 10))


async def test_after_so_many_requests_it_pauses_and_goes_on_when_told() -> None:
    api = FakeApi(log_of(SCAN_REQUESTS * 10 + 25), page_size=10)
    view = view_of(api, "ua:nothing")
    await view.more(50, ignore)
    assert now(view.paused)
    assert len(api.calls) == SCAN_REQUESTS
    summary = view.summary()
    assert (summary.rows, summary.loaded, summary.filtered, summary.state) == (0, 200, True, State.MORE)
    assert summary.scanned_to_us == START_US + 25_000_000
    await view.more(50, ignore)
    assert not now(view.paused)
    assert len(api.calls) == SCAN_REQUESTS + 3
    assert view.summary().state is State.COMPLETE


async def test_everything_is_loaded_without_a_pause() -> None:
    api = FakeApi(log_of(SCAN_REQUESTS * 10 + 25), page_size=10)
    view = await load(view_of(api, "ua:nothing"))
    assert now(view.complete)
    assert not now(view.paused)


async def test_from_the_oldest_it_tells_how_far_up_it_has_scanned() -> None:
    api = FakeApi(log_of(SCAN_REQUESTS * 10 + 25), page_size=10)
    view = view_of(api, "ua:nothing", Anchor.OLDEST)
    await view.more(1, ignore, older=False)
    assert now(view.paused)
    assert view.summary().scanned_to_us == START_US + 199_000_000


# -- a server that ignores filters ---------------------------------------------------------------------------------


async def test_generation_1_every_row_satisfies_the_query_and_none_is_missing() -> None:
    api = FakeApi(mixed(350), ignores=EVERY_FILTER)
    view = view_of(api, "method:DELETE status:<400")
    await load(view)
    assert keys_of(view) == newest_first(range(0, 350, 10))
    assert view.log.obedience.ignored == {"method"}  # the other was never contradicted
    assert await view.prove()
    await load(view)
    assert keys_of(view) == newest_first(range(0, 350, 10))
    assert view.log.obedience.ignored == {"method", "status_code_max"}
    assert not view.feed.plan.params
    summary = view.summary()
    assert (summary.filtered, summary.total, summary.loaded, summary.rows) == (True, 350, 350, 35)
    assert summary.state is State.COMPLETE


async def test_no_row_that_contradicts_the_query_is_ever_shown() -> None:
    log = [entry(n, method="DELETE" if n >= 30 else "GET") for n in range(60)]
    view = view_of(FakeApi(log, ignores=EVERY_FILTER, page_size=10), "method:DELETE")
    methods: set[str | None] = set()
    await view.more(ALL, lambda: methods.update(row.method for row in view.window(0, len(view))))
    assert methods == {"DELETE"}
    assert keys_of(view) == newest_first(range(30, 60))


async def test_what_a_page_cannot_tell_a_canary_does() -> None:
    view = view_of(FakeApi(log_of(150), ignores=["method"]), "method:POST")
    await view.more(50, ignore)
    assert not view.summary().filtered
    assert await view.prove()
    assert len(view) == 0
    await load(view)
    assert view.summary().filtered
    assert len(view) == 150
    assert not await view.prove()


async def test_what_another_view_found_out_is_known_here() -> None:
    view = view_of(FakeApi(log_of(50), ignores=["method"]), "method:POST")
    await view.more(50, ignore)
    view.log.obedience.ignored.add("method")
    assert await view.prove()
    assert not view.plan.params


async def test_in_an_empty_log_nothing_is_proven() -> None:
    api = FakeApi([], ignores=EVERY_FILTER)
    view = await load(view_of(api, "method:POST"))
    assert not await view.prove()
    assert len(api.calls) == 1


async def test_a_server_that_obeys_is_left_alone() -> None:
    view = await load(view_of(FakeApi(log_of(50)), "method:POST"))
    assert view.summary().total is None
    assert not await view.prove()
    assert view.summary().total == 50
    assert len(view) == 50


async def test_a_walk_back_stops_below_a_bound_that_the_server_ignores() -> None:
    api = FakeApi(log_of(300), ignores=EVERY_FILTER, page_size=10)
    view = await load(view_of(api, "created:>=2027-01-15T08:04:20Z"))
    assert keys_of(view) == newest_first(range(260, 300))
    assert now(view.complete)
    assert view.older_done
    assert not view.feed.complete
    assert view.summary().state is State.COMPLETE
    assert len(api.calls) <= 11


async def test_an_entry_at_the_bound_itself_does_not_stop_it() -> None:
    log = [entry(n, at=10 if n < 30 else n) for n in range(40)]
    api = FakeApi(log, ignores=EVERY_FILTER, page_size=10)
    view = await load(view_of(api, "created:>=2027-01-15T08:00:10Z"))
    assert len(view) == 40


async def test_below_the_bound_a_broken_walk_does_not_matter() -> None:
    api = FakeApi(log_of(60), ignores=EVERY_FILTER, page_size=10)
    view = view_of(api, "created:>=2027-01-15T08:00:50Z")
    view.log.obedience.ignored |= EVERY_FILTER
    view = View(view.log, view.query)
    api.trouble = {2: "repeat"}
    await load(view)
    assert view.feed.broken
    assert view.summary().state is State.COMPLETE
    assert not now(view.paused)


async def test_from_the_oldest_where_sort_is_ignored_it_begins_at_the_newest_and_says_so() -> None:
    view = view_of(FakeApi(log_of(250), ignores=["sort"]), anchor=Anchor.OLDEST)
    await view.more(50, ignore, older=False)
    assert "ignores sort" in view.notice
    assert not now(view.upwards)
    assert keys_of(view) == newest_first(range(150, 250))
    assert keys_of(await load(view)) == newest_first(range(250))
    assert now(view.complete)


async def test_where_sort_is_known_to_be_ignored_the_feed_is_lent() -> None:
    first = await load(view_of(FakeApi(log_of(250), ignores=["sort"])))
    first.log.obedience.ignored.add("sort")
    second = View(first.log, first.query, anchor=Anchor.OLDEST, like=first)
    assert second.feed is first.feed
    assert second.notice


async def test_an_order_that_is_ignored_is_sorted_by_nobody_but_nothing_is_lost() -> None:
    view = await load(view_of(FakeApi(log_of(250), ignores=["sort"]), "sort:created"))
    assert view.plan.local_order
    assert len(view) == 250


async def test_a_view_that_began_anew_while_a_page_was_on_its_way() -> None:
    api = Held(log_of(150), ignores=["method"])
    view = view_of(api, "method:POST")
    api.answer.set()
    await view.more(1, ignore)
    api.asked.clear()
    api.answer.clear()
    loading = asyncio.create_task(load(view))
    await api.asked.wait()
    api.answer.set()
    view.log.obedience.ignored.add("method")
    assert await view.prove()
    await loading
    await load(view)
    assert keys_of(view) == newest_first(range(150))


# -- sorting, instants, late entries -------------------------------------------------------------------------------


async def test_what_the_server_cannot_sort_is_sorted_here_as_far_as_it_is_loaded() -> None:
    api = FakeApi([entry(n, path=f"/{n * 7 % 250:03}") for n in range(250)])
    view = view_of(api, "sort:path")
    for pages in (1, 2, 3):
        await view.more(1, ignore)
        assert len(api.calls) == pages
        paths = [row.path for row in view.window(0, len(view))]
        assert len(paths) == min(250, 100 * pages)
        assert paths == sorted(paths, key=str)


async def test_what_is_sorted_and_filtered_here_needs_no_more_requests_than_rows() -> None:
    api = FakeApi(mixed(600))
    view = view_of(api, "ua:tool sort:path")
    for pages in (1, 2, 3):
        await view.more(10, ignore)
        assert len(api.calls) == pages


async def test_an_instant_is_begun_at_with_one_request_and_gone_from_both_ways() -> None:
    api = FakeApi(log_of(1_000))
    view = view_of(api, "", At(START_US + 500_000_000))
    await view.more(1, ignore)
    assert keys_of(view) == newest_first(range(401, 501))
    assert len(api.calls) == 1
    await view.more(1, ignore, older=False)
    assert keys_of(view) == newest_first(range(401, 600))
    assert view.summary().total is None
    await load(view)
    await load(view, older=False)
    assert keys_of(view) == newest_first(range(1_000))
    assert view.summary().state is State.COMPLETE


@pytest.mark.parametrize("ignores", [["sort"], ["created_at_min"], ["created_at_max"], EVERY_FILTER])
async def test_where_no_instant_can_be_begun_at_it_begins_at_the_newest_and_says_so(
    ignores: Iterable[str],
) -> None:
    view = view_of(FakeApi(log_of(250), ignores=ignores), "", At(START_US + 120_000_000))
    for _ in range(3):
        await load(view)
        await load(view, older=False)
    assert keys_of(view) == newest_first(range(250))
    assert view.notice


async def test_in_another_order_no_instant_is_begun_at() -> None:
    view = view_of(FakeApi(log_of(50)), "sort:created", At(START_US + 20_000_000))
    assert "order of time" in view.notice
    await load(view)
    assert keys_of(view) == newest_first(range(50))[::-1]


async def test_going_up_from_an_instant_that_turns_out_to_be_ignored_still_shows_something() -> None:
    view = view_of(FakeApi(log_of(250), ignores=EVERY_FILTER), "", At(START_US + 20_000_000))
    await view.more(50, ignore, older=False)
    assert keys_of(view) == newest_first(range(150, 250))


async def test_entries_of_the_instant_itself_are_there_once() -> None:
    log = [entry(n, at=5 if 20 <= n < 60 else n // 30) for n in range(100)]
    view = view_of(FakeApi(log, page_size=7, shuffle_ties=True), "", At(START_US + 5_000_000))
    await load(view)
    await load(view, older=False)
    assert sorted(keys_of(view)) == sorted(data["id"] for data in log)


async def test_rows_that_were_cut_and_put_back_are_evaluated_again_by_every_view_of_the_feed() -> None:
    first = await load(view_of(FakeApi(mixed(100)), "ua:tool"))
    other = await load(like(first, "ua:tool method:DELETE path:~vms"))
    assert other.feed is not first.feed
    other = await load(like(first, "ua:tool -ua:zzz"))
    assert other.feed is first.feed
    store, run = first.log.store, first.feed.run
    first.cut(START_US + 55_000_000)
    assert keys_of(first) == newest_first(range(0, 55, 10))
    late = read(entry(57, id="late", user_agent="tool"))
    back = store.add([*(read(data) for data in mixed(100)[55:57]), late, *(read(d) for d in mixed(100)[57:])])
    store.prepend(run, back)
    await first.take_in()
    await other.take_in()
    wanted = ["id-90", "id-80", "id-70", "id-60", "late", *newest_first(range(0, 55, 10))]
    assert keys_of(first) == keys_of(other) == wanted
    assert first.complete


async def test_rows_cut_before_they_were_evaluated_are_evaluated_when_they_come_back() -> None:
    view = await load(view_of(FakeApi(mixed(10)), "ua:tool"))
    store, run = view.log.store, view.feed.run
    new = store.add([read(entry(n, user_agent="tool")) for n in range(10, 16)])
    store.prepend(run, new)
    view.cut(START_US + 8_000_000)
    store.prepend(run, new)
    await view.take_in()
    assert keys_of(view) == [*newest_first(range(10, 16)), "id-0"]


async def test_a_sorted_view_takes_in_what_was_cut_and_replaced() -> None:
    view = await load(view_of(FakeApi([entry(n, path=f"/{n}") for n in range(5)]), "sort:path"))
    view.cut(START_US + 4_000_000)
    view.log.store.prepend(view.feed.run, view.log.store.add([read(entry(9, path="/0a"))]))
    await view.take_in()
    assert [row.path for row in view.window(0, 9)] == ["/0", "/0a", "/1", "/2", "/3"]


# -- the summary ---------------------------------------------------------------------------------------------------


async def test_the_summary_of_a_view_that_goes_on() -> None:
    view = view_of(FakeApi(log_of(250)))
    await view.more(1, ignore)
    summary = view.summary()
    assert (summary.rows, summary.loaded, summary.total, summary.filtered) == (100, 100, 250, False)
    assert (summary.state, summary.reason) == (State.MORE, "")
    assert (summary.more_above, summary.more_below) == (False, True)
    assert summary.newest_us == START_US + 249_000_000
    assert summary.scanned_to_us is None
    assert summary.as_of is not None


async def test_the_summary_before_anything_was_fetched() -> None:
    summary = view_of(FakeApi(log_of(250))).summary()
    assert (summary.rows, summary.loaded, summary.total, summary.as_of) == (0, 0, None, None)
    assert summary.state is State.MORE


async def test_an_order_that_does_not_begin_with_the_newest_names_no_newest() -> None:
    view = await load(view_of(FakeApi(log_of(20)), "sort:status"))
    assert view.summary().newest_us is None


async def test_complete_without_a_count() -> None:
    api = FakeApi(log_of(150), trouble=dict.fromkeys(range(9), "no total"))
    summary = (await load(view_of(api))).summary()
    assert (summary.state, summary.total) == (State.COMPLETE, None)


async def test_a_count_that_differs_makes_it_incomplete() -> None:
    api = FakeApi(log_of(150), trouble=dict.fromkeys(range(9), "lie"))
    summary = (await load(view_of(api))).summary()
    assert (summary.state, summary.total) == (State.INCOMPLETE, 7)
    assert summary.reason == "the server counts 7, 150 arrived"


async def test_a_count_is_verified_as_soon_as_it_is_proven() -> None:
    api = FakeApi(log_of(50), trouble={1: "lie"})
    view = await load(view_of(api, "method:POST"))
    assert view.summary().total is None
    assert not await view.prove()
    assert (view.summary().total, view.summary().state) == (50, State.COMPLETE)


async def test_an_error_while_proving_is_kept() -> None:
    api = FakeApi(log_of(50), trouble={1: "lie", 3: "error"})
    view = await load(view_of(api, "method:POST"))
    assert not await view.prove()
    assert isinstance(view.error, ServerError)
    assert not await view.prove()
    assert view.summary().total == 50


async def test_a_broken_walk_is_incomplete_and_waits_to_be_told_to_go_on() -> None:
    api = FakeApi(log_of(60), trouble={3: "repeat"}, page_size=10)
    view = await load(view_of(api))
    assert len(view) == 30
    assert now(view.paused)
    assert view.summary().state is State.INCOMPLETE
    assert view.summary().reason == "the server repeated a cursor"
    await load(view)
    assert view.summary().state is State.COMPLETE
    assert len(view) == 60


async def test_a_server_that_goes_in_circles_for_ever_does_not_take_us_along() -> None:
    class Circling(FakeApi):
        async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
            page = await super().list(params, limit=limit)
            return Page(page.entries, "again")

    api = Circling(log_of(10))
    view = view_of(api)
    for _ in range(5):
        await load(view)
        assert view.summary().state is State.INCOMPLETE
    assert len(api.calls) <= 12


# -- errors and cancellation ---------------------------------------------------------------------------------------


async def test_an_error_is_kept_and_the_next_call_tries_again() -> None:
    api = FakeApi(log_of(60), trouble={3: "error"}, page_size=10)
    view = await load(view_of(api))
    assert isinstance(error_of(view), ServerError)
    assert len(view) == 20
    assert view.summary().state is State.MORE
    await load(view)
    assert error_of(view) is None
    assert keys_of(view) == newest_first(range(60))


async def test_a_cursor_that_died_is_an_error_and_incomplete_until_it_goes_on() -> None:
    api = FakeApi(log_of(60), trouble={3: "refuse"}, page_size=10)
    view = await load(view_of(api))
    assert view.error is not None
    assert view.summary().reason == "the server refused the cursor: cursor expired"
    await load(view)
    assert view.summary().state is State.COMPLETE


async def test_a_full_disk_is_kept_as_an_error_and_nothing_is_skipped() -> None:
    view = view_of(FakeApi(mixed(200), page_size=50), "ua:tool")
    await view.more(1, ignore)
    pages = view.log.store.connection.execute("PRAGMA page_count").fetchone()[0]
    view.log.store.connection.execute(f"PRAGMA max_page_count = {pages}")
    await load(view)
    assert isinstance(view.error, StoreError)
    view.log.store.connection.execute("PRAGMA max_page_count = 100000")
    await load(view)
    assert keys_of(view) == newest_first(range(0, 200, 10))


async def test_cancelled_while_waiting_for_a_page_nothing_is_lost() -> None:
    api = Held(log_of(60), page_size=10)
    view = view_of(api)
    task = asyncio.create_task(view.more(ALL, ignore))
    await api.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert view.error is None
    api.answer.set()
    assert keys_of(await load(view)) == newest_first(range(60))
    assert view.log.quiet.is_set()


drawn_entries = st.tuples(st.integers(0, 9), st.sampled_from(["GET", "PUT"]), st.sampled_from(["a", "b"]))


@given(
    log=st.lists(drawn_entries, max_size=40),
    ignores=st.sets(st.sampled_from(sorted(EVERY_FILTER))),
    trouble=st.dictionaries(st.integers(1, 25), st.sampled_from([t for t in TROUBLES if t != "lie"]), max_size=8),
    text=st.sampled_from(
        ["", "method:GET", "ua:a", "method:GET ua:a", "-method:GET created:>=2027-01-15T08:00:04Z",
         "ua:a sort:created", "created:2027-01-15T08:00:02Z..2027-01-15T08:00:06Z"]
    ),
    anchor=st.sampled_from(Anchor),
    cancel=st.sets(st.integers(1, 12)),
)  # fmt: skip
def test_whatever_the_server_obeys_and_does_the_rows_are_those_of_the_query(
    log: list[tuple[int, str, str]],
    ignores: set[str],
    trouble: dict[int, str],
    text: str,
    anchor: Anchor,
    cancel: set[int],
) -> None:
    entries = [entry(n, at=at, method=method, user_agent=ua) for n, (at, method, ua) in enumerate(log)]

    def matches(at: int, method: str, ua: str) -> bool:
        tests: dict[str, Callable[[], bool]] = {
            "-method:GET": lambda: method != "GET", "method:GET": lambda: method == "GET", "ua:a": lambda: ua == "a",
            "created:>=2027-01-15T08:00:04Z": lambda: at >= 4, "sort:created": lambda: True,
            "created:2027-01-15T08:00:02Z..2027-01-15T08:00:06Z": lambda: 2 <= at <= 6,
        }  # fmt: skip
        return all(tests[term]() for term in text.split())

    async def check() -> None:
        api = FakeApi(entries, ignores=ignores, trouble=trouble, page_size=7)
        view = view_of(api, text, anchor)
        for attempt in range(60):
            task = asyncio.create_task(load(view, older=not view.upwards))
            if attempt in cancel:
                for _ in range(attempt):
                    await asyncio.sleep(0)
                task.cancel()
            await asyncio.wait([task])
            shown = {row.key for row in view.window(0, len(view))}
            wanted = {f"id-{n}" for n, drawn in enumerate(log) if matches(*drawn)}
            late = {data["id"] for data in api.arrived}
            assert shown <= wanted | late
            if view.error is None and not view.paused and not await view.prove() and view.complete:
                break
        assert now(view.complete)
        assert wanted <= shown
        assert len(shown) == len(view)
        assert not view.feed.short

    asyncio.run(check())
