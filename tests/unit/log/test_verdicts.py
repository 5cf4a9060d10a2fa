"""Cases in which a view must or must not say COMPLETE; `tests.fuzz.verdicts` searches for further ones."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC

import pytest
from msgspec.structs import replace

from auditlog_tui.analysis.search import find
from auditlog_tui.analysis.timeline import Timeline
from auditlog_tui.entries.models import Page
from auditlog_tui.errors import BadRequestError
from auditlog_tui.log.feed import Anchor
from auditlog_tui.log.live import LiveTail
from auditlog_tui.log.log import Log
from auditlog_tui.log.view import State
from auditlog_tui.log.walk import Walk
from auditlog_tui.session.navigator import Navigator
from auditlog_tui.store.entries import EntryStore
from auditlog_tui.store.sorting import sorted_run
from auditlog_tui.text.times import rfc3339
from tests.unit import fake
from tests.unit.fake import EVERY_FILTER, START_US, FakeApi, Json, entry, log_of, read
from tests.unit.views import ALL, error_of, ignore, keys_of, load, newest_first, query_of, view_of
from tests.unit.walks import BOUNDS


def navigator_of(api: FakeApi) -> Navigator:
    return Navigator(Log(api, EntryStore()), UTC)


# -- counts and cursors --------------------------------------------------------------------------------------------


class CapsAndRefuses(FakeApi):
    """A server that counts up to 30, and refuses every cursor."""

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        if cursor is not None:
            raise BadRequestError("cursor expired", status=400)
        page = await super().list(params, limit=limit)
        return replace(page, total_count=min(30, page.total_count or 0))

    def _select(self, params: Mapping[str, str]) -> Sequence[Json]:
        """Those that match; without a time, no time bound matches."""
        return [data for data in super()._select(params) if data["created_at"] or BOUNDS.isdisjoint(params)]


@pytest.mark.parametrize("undated", [0, 3])
async def test_capped_counts_without_cursors_are_incomplete_until_the_filter_names_a_time(undated: int) -> None:
    log = [*log_of(300), *(entry(n, created_at=None) for n in range(300, 300 + undated))]
    api = CapsAndRefuses(log, page_size=20)
    summary = (await load(view_of(api))).summary()
    assert (summary.state, summary.rows) == (State.INCOMPLETE, 300)
    text = summary.reason.partition("(")[2].partition(" asks")[0]
    view = await load(view_of(api, text))
    await view.prove()
    assert (view.summary().state, len(view)) == (State.COMPLETE, 300)


# -- the whole log -------------------------------------------------------------------------------------------------


async def test_marked_view_is_never_used_as_the_log() -> None:
    log = [entry(n, user_agent="terraform" if n % 3 else "curl") for n in range(60)]
    api = FakeApi(log)
    navigator = navigator_of(api)
    await load(navigator.submit("").view)
    navigator.marks.mark([navigator.log.store.entry(row.n) for row in navigator.view.window(1, 2)])
    marked = navigator.only_marked()
    assert marked is not None
    for text, wanted in (("ua:terraform", 40), ("ua:curl sort:path", 20), ("", 60)):
        navigator.only_marked()
        view = await load(navigator.submit(text).view)
        assert (len(view), view.summary().state) == (wanted, State.COMPLETE)
    navigator.only_marked()
    assert len(await load(navigator.park().view)) == 60
    place = navigator.only_marked()
    assert navigator.jump(oldest=True) is place
    assert marked.view.feed.request_key is None


async def test_feed_is_reused_until_a_refresh() -> None:
    api = FakeApi(log_of(60))
    navigator = navigator_of(api)
    await load(navigator.submit("").view)
    asked = len(api.calls)
    assert len(await load(navigator.submit("ua:curl").view)) == 60
    assert len(api.calls) == asked
    await load(navigator.refresh().view)
    assert len(api.calls) > asked


async def test_no_page_shows_complete_with_fewer_entries_than_counted() -> None:
    class CountsMore(FakeApi):
        async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
            return replace(await super().list(params, limit=limit, cursor=cursor), total_count=310)

    view = view_of(CountsMore(log_of(300)))
    states: list[State] = []
    await view.more(ALL, lambda: states.append(view.summary().state), everything=True)
    assert states == [State.MORE, State.MORE, State.INCOMPLETE]
    assert view.summary().reason == "the server counts 310, 300 arrived"


# -- interrupted paging ------------------------------------------------------------------------------------------


class RefusesCursors(FakeApi):
    """Refuses every cursor after `since` calls."""

    refused = 0
    since = 0

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        if cursor is not None and len(self.calls) >= self.since:
            self.refused += 1
            self.calls.append((dict(params), limit, cursor))
            raise BadRequestError("cursor expired", status=400)
        return await super().list(params, limit=limit, cursor=cursor)


@pytest.mark.parametrize("anchor", Anchor)
async def test_paging_goes_on_by_time_where_cursors_are_refused(anchor: Anchor) -> None:
    api = RefusesCursors(log_of(300), page_size=10)
    view = await load(view_of(api, anchor=anchor), older=anchor is Anchor.NEWEST)
    assert keys_of(view) == newest_first(range(300))
    assert (error_of(view), view.paused, view.summary().state) == (None, False, State.COMPLETE)
    assert api.refused == 2  # after that none is sent


async def test_listing_and_screen_resume_alike() -> None:
    shown = await load(view_of(RefusesCursors(log_of(120), page_size=10), "ua:curl"))
    walk = Walk(Log(RefusesCursors(log_of(120), page_size=10), EntryStore()), query_of("ua:curl"))
    await walk.begin()
    await walk.go(ALL, ignore)
    assert keys_of(shown) == keys_of(walk.view) == newest_first(range(120))
    assert walk.missing() == ""


async def test_expired_cursor_is_resumed_while_scrolling() -> None:
    view = view_of(FakeApi(log_of(60), trouble={2: "refuse"}, page_size=10))
    await view.more(30, ignore)
    assert (len(view), error_of(view), view.paused) == (39, None, False)


@pytest.mark.parametrize("since", [0, 3], ids=["always", "from the third page on"])
async def test_time_with_more_entries_than_a_page_is_named(since: int) -> None:
    log = [entry(n, at=50 if 50 <= n < 75 else n) for n in range(100)]
    api = RefusesCursors(log, page_size=10)
    api.since = since
    view = await load(view_of(api))
    summary = view.summary()
    assert summary.state is State.INCOMPLETE
    assert rfc3339(START_US + 50_000_000) in summary.reason
    assert view.paused
    asked = len(api.calls)
    await load(view)
    assert asked < len(api.calls) < asked + 12
    assert rfc3339(START_US + 50_000_000) in view.summary().reason
    api.since = 1 << 30
    assert (await load(view)).summary().state is State.COMPLETE
    assert len(view) == 100


@pytest.mark.parametrize("ignores", [BOUNDS, EVERY_FILTER])
async def test_without_cursors_and_times_it_is_incomplete(ignores: frozenset[str]) -> None:
    api = RefusesCursors(log_of(60), page_size=10, ignores=ignores)
    view = await load(view_of(api))
    assert view.summary().state is State.INCOMPLETE
    assert isinstance(error_of(view), BadRequestError)
    assert len(api.calls) < 20


# -- counts --------------------------------------------------------------------------------------------------------


class DeletesOldest(FakeApi):
    """Deletes the five oldest entries before one of the calls."""

    before = 4

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        if len(self.calls) + 1 == self.before:
            self.entries.sort(key=fake._instant)
            del self.entries[:5]
        return await super().list(params, limit=limit, cursor=cursor)


async def test_fewer_on_the_server_are_gone_not_missing() -> None:
    for text in ("sort:created", "sort:created ua:curl"):
        view = await load(view_of(DeletesOldest(log_of(60), page_size=10), text))
        summary = view.summary()
        assert (summary.rows, summary.gone, summary.reason, summary.state) == (60, 5, "", State.COMPLETE)


async def test_entries_deleted_before_they_were_fetched_are_not_missing() -> None:
    view = await load(view_of(DeletesOldest(log_of(60), page_size=10)))
    summary = view.summary()
    assert (summary.rows, summary.gone, summary.state) == (55, 0, State.COMPLETE)


async def test_later_page_without_count_keeps_the_known_one() -> None:
    class Withholds(FakeApi):
        async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
            page = await super().list(params, limit=limit, cursor=cursor)
            total = page.total_count if len(self.calls) == 1 else None
            return Page(page.entries[1:], page.next_cursor, None, total, page.served_at)

    view = await load(view_of(Withholds(log_of(60), page_size=30)))
    summary = view.summary()
    assert (summary.total, summary.state) == (60, State.INCOMPLETE)
    assert summary.reason == "the server counted 60, 58 arrived, and it tells no count any more"


# -- rows added at the top during a computation ---------------------------------------------------------------------


async def test_rows_added_while_sorting_are_sorted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlog_tui.store.sorting.SORT_SLICE", 10)
    api = FakeApi([entry(n, path=f"/{n * 7 % 60:03}") for n in range(60)])
    view = await load(view_of(api, "sort:path"))
    store, run = view.log.store, view.matched
    sorting = asyncio.create_task(sorted_run(store, run, view.plan.order))
    for number in range(60, 64):
        await asyncio.sleep(0)
        store.prepend(run, store.add([read(entry(number, path=f"/{number}"))]))
    made = await sorting
    paths = [row.path for row in store.window(made, 0, 100)]
    assert (len(paths), paths) == (64, sorted(paths, key=str))


async def test_following_with_local_order_never_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlog_tui.store.sorting.SORT_SLICE", 10)
    api = FakeApi([entry(n, path=f"/{n * 7 % 60:03}") for n in range(60)])
    view = await load(view_of(api, "sort:path"))
    tail = LiveTail(view)
    for number in range(60, 64):
        api.entries.append(entry(number, path="/0"))
        await asyncio.gather(tail.poll(), load(view))
        await load(view)
        paths = [row.path for row in view.window(0, 100)]
        assert (error_of(view), len(paths), paths) == (None, number + 1, sorted(paths, key=str))


@pytest.mark.parametrize("turns", [1, 4, 8, 10])
async def test_rows_removed_while_sorting_are_not_shown(turns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlog_tui.store.sorting.SORT_SLICE", 10)
    view = await load(view_of(FakeApi(log_of(60))))
    sorting = asyncio.create_task(sorted_run(view.log.store, view.matched, [("path", "asc")]))
    for _ in range(turns):
        await asyncio.sleep(0)
    view.cut(START_US + 50_000_000)
    assert len(await sorting) == 50


async def test_two_views_can_sort_at_once_and_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlog_tui.store.sorting.SORT_SLICE", 3)
    view = await load(view_of(FakeApi(log_of(60))))
    for turns in range(0, 60, 7):
        orders = [[("path", "asc")], [("ua", "desc")], [("created", "asc")]]
        tasks = [asyncio.create_task(sorted_run(view.log.store, view.matched, order)) for order in orders]
        for _ in range(turns):
            await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.wait(tasks)
        assert [len(task.result()) for task in tasks[1:]] == [60, 60]


async def test_a_view_is_not_complete_before_it_is_sorted() -> None:
    view = await load(view_of(FakeApi(log_of(60)), "sort:path"))
    assert view.summary().state is State.COMPLETE
    view.log.store.prepend(view.matched, view.log.store.add([read(entry(99))]))
    assert view.summary().state is State.MORE


async def test_rows_added_while_the_timeline_counts_are_counted_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("auditlog_tui.store.scans.SLICE", 10)
    view = await load(view_of(FakeApi(log_of(60), ignores=EVERY_FILTER)))
    navigator = Navigator(view.log, UTC)
    timeline = Timeline(view, navigator.counting)
    store = view.log.store

    def arrive() -> None:
        number = store.size
        store.prepend(view.run, store.add([read(entry(number, at=30))]))

    filling = asyncio.create_task(timeline.fill(8, 8, arrive))
    await filling
    assert sum(bucket.n or 0 for bucket in timeline.buckets) == 60


async def test_search_result_survives_rows_added_above(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlog_tui.store.scans.SLICE", 10)
    view = await load(view_of(FakeApi([entry(n, path="/needle" if n == 20 else "/") for n in range(60)])))
    store = view.log.store

    async def found() -> str:
        row = await find(view, "needle", 0, 1)
        assert row is not None
        return view.window(row, 1)[0].key

    finding = asyncio.create_task(found())
    for number in range(60, 90):
        await asyncio.sleep(0)
        store.prepend(view.run, store.add([read(entry(number))]))
    assert await finding == "id-20"
