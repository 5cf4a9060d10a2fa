import asyncio
from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from auditlog_tui.entries.models import Page
from auditlog_tui.errors import ServerError
from auditlog_tui.log.feed import Anchor
from auditlog_tui.log.view import SCAN_REQUESTS, TRIES, State, View
from auditlog_tui.store import scans
from tests.unit.fake import START_US, FakeApi, log_of
from tests.unit.views import ALL, ignore, keys_of, like, load, mixed, newest_first, now, query_of, view_of

# -- rows ----------------------------------------------------------------------------------------------------------


async def test_more_fetches_until_enough_rows_are_shown() -> None:
    api = FakeApi(log_of(500))
    view = view_of(api)
    assert len(view) == len(api.calls) == 0
    await view.more(150, ignore)
    assert (len(view), len(api.calls)) == (200, 2)
    await view.more(1, ignore)
    assert (len(view), len(api.calls)) == (300, 3)
    assert keys_of(view) == newest_first(range(200, 500))


async def test_no_request_is_sent_at_the_end() -> None:
    api = FakeApi(log_of(150))
    view = await load(view_of(api))
    asked = len(api.calls)
    await load(view)
    await load(view, older=False)
    assert len(api.calls) == asked == 2


async def test_windows_and_row_numbers_are_those_of_the_shown_rows() -> None:
    view = await load(view_of(FakeApi(mixed(50)), "ua:tool"))
    assert [row.key for row in view.window(1, 2)] == ["id-30", "id-20"]
    number = view.log.store.number("id-20")
    assert number is not None
    assert view.row_of(number) == 2
    other = view.log.store.number("id-21")
    assert other is not None
    assert view.row_of(other) is None


async def test_on_page_is_called_for_each_page() -> None:
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


# -- local evaluation ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("anchor", Anchor)
async def test_residual_is_evaluated_locally(anchor: Anchor) -> None:
    view = view_of(FakeApi(mixed(330)), "ua:tool", anchor)
    await load(view, older=anchor is Anchor.NEWEST)
    assert keys_of(view) == newest_first(range(0, 330, 10))
    assert now(view.complete)


async def test_changing_only_the_residual_sends_no_request() -> None:
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


async def test_changing_the_parameters_creates_a_feed() -> None:
    first = await load(view_of(FakeApi(mixed(50))))
    assert like(first, "method:DELETE").feed is not first.feed
    assert View(first.log, first.query, anchor=Anchor.OLDEST, like=first).feed is not first.feed


async def test_views_of_one_feed_show_what_the_other_fetched() -> None:
    first = view_of(FakeApi(mixed(400)), "ua:tool")
    await first.more(1, ignore)
    second = like(first, "-ua:tool")
    await load(second)
    assert not now(first.complete)
    await first.more(1, ignore)
    assert keys_of(first) == newest_first(range(0, 400, 10))
    assert now(first.complete)


@pytest.mark.parametrize("anchor", Anchor)
async def test_loaded_rows_are_evaluated_in_slices(monkeypatch: pytest.MonkeyPatch, anchor: Anchor) -> None:
    monkeypatch.setattr(scans, "SLICE", 30)
    first = view_of(FakeApi(mixed(95)), "", anchor)
    await load(first, older=anchor is Anchor.NEWEST)
    second = View(first.log, query_of("ua:tool"), anchor=anchor, like=first)
    seen: list[int] = []
    await second.more(ALL, lambda: seen.append(len(second)), older=anchor is Anchor.NEWEST)
    assert len(seen) == 4
    assert seen == sorted(seen)
    assert keys_of(second) == newest_first(range(0, 95, 10))


async def test_other_tasks_run_between_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scans, "SLICE", 10)
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


async def cancel_at_first_page(view: View) -> None:
    """Start to load, and cancel at the first call of `on_page`."""

    def stop() -> None:
        task.cancel()

    task = asyncio.create_task(view.more(ALL, stop))
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_evaluation_continues_after_a_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scans, "SLICE", 10)
    for anchor in Anchor:
        first = view_of(FakeApi(mixed(100)), "", anchor)
        await load(first, older=anchor is Anchor.NEWEST)
        second = View(first.log, query_of("ua:tool"), anchor=anchor, like=first)

        await cancel_at_first_page(second)
        assert 0 < len(second) < 10
        await load(second)
        assert keys_of(second) == newest_first(range(0, 100, 10))


async def test_more_pauses_after_scan_requests_and_continues_when_called_again() -> None:
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


async def test_scanned_to_is_the_newest_row_when_loading_upwards() -> None:
    api = FakeApi(log_of(SCAN_REQUESTS * 10 + 25), page_size=10)
    view = view_of(api, "ua:nothing", Anchor.OLDEST)
    await view.more(1, ignore, older=False)
    assert now(view.paused)
    assert view.summary().scanned_to_us == START_US + 199_000_000


# -- the summary ---------------------------------------------------------------------------------------------------


async def test_summary_of_a_partly_loaded_view() -> None:
    view = view_of(FakeApi(log_of(250)))
    await view.more(1, ignore)
    summary = view.summary()
    assert (summary.rows, summary.loaded, summary.total, summary.filtered) == (100, 100, 250, False)
    assert (summary.state, summary.reason) == (State.MORE, "")
    assert (summary.more_above, summary.more_below) == (False, True)
    assert summary.newest_us == START_US + 249_000_000
    assert summary.scanned_to_us is None
    assert summary.as_of is not None


async def test_summary_before_the_first_page() -> None:
    summary = view_of(FakeApi(log_of(250))).summary()
    assert (summary.rows, summary.loaded, summary.total, summary.as_of) == (0, 0, None, None)
    assert summary.state is State.MORE


async def test_newest_is_unknown_in_other_orders() -> None:
    view = await load(view_of(FakeApi(log_of(20)), "sort:status"))
    assert view.summary().newest_us is None


async def test_complete_without_a_count() -> None:
    api = FakeApi(log_of(150), trouble=dict.fromkeys(range(9), "no total"))
    summary = (await load(view_of(api))).summary()
    assert (summary.state, summary.total) == (State.COMPLETE, None)


async def test_higher_count_makes_it_incomplete() -> None:
    class Withholds(FakeApi):
        async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
            page = await super().list(params, limit=limit, cursor=cursor)
            return replace(page, total_count=153)

    summary = (await load(view_of(Withholds(log_of(150))))).summary()
    assert (summary.state, summary.total, summary.gone) == (State.INCOMPLETE, 153, 0)
    assert summary.reason == "the server counts 153, 150 arrived"


async def test_count_is_verified_once_proven() -> None:
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


async def test_paging_resumes_after_a_repeated_cursor() -> None:
    api = FakeApi(log_of(60), trouble={3: "repeat"}, page_size=10)
    view = await load(view_of(api))
    assert len(view) == 60
    assert now(not view.paused)
    assert view.summary().state is State.COMPLETE


async def test_endless_cursor_cycle_ends_paging() -> None:
    class Circling(FakeApi):
        async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
            page = await super().list(params, limit=limit)
            return Page(page.entries, "again")

    api = Circling(log_of(10))
    view = view_of(api)
    for _ in range(5):
        await load(view)
        assert view.summary().state is State.INCOMPLETE
    assert len(api.calls) <= 5 * 2 * TRIES
