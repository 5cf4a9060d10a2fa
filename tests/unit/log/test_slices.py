"""Reading ahead in slices of time: how many requests, how many at once, and what stays when it ends early."""

import asyncio
import random
from collections.abc import Mapping
from contextlib import suppress

import pytest
from msgspec.structs import replace

from auditlog_tui.entries.models import Page
from auditlog_tui.errors import RateLimitedError
from auditlog_tui.log.feed import Anchor, Feed
from auditlog_tui.log.log import Log
from auditlog_tui.log.slices import MOST_HELD
from auditlog_tui.log.view import SCAN_REQUESTS, State, View
from auditlog_tui.store.entries import EntryStore
from tests.effort import THOROUGH
from tests.unit.timed_log import ABSENT, Time, TimedLog
from tests.unit.views import ALL, error_of, ignore, keys_of, load, now, query_of

SECOND = 10**9
BOUNDS = [(False, Anchor.NEWEST), (True, Anchor.OLDEST)]
"""Whether a server excludes its bounds, and from where a log is read."""

if THOROUGH:
    BOUNDS += [(True, Anchor.NEWEST), (False, Anchor.OLDEST)]


def even(count: int) -> list[Time]:
    """So many entries, one about every ten seconds."""
    dice = random.Random(count)
    return [number * 10 * SECOND + dice.randrange(9 * SECOND) for number in range(count)]


def view_of(api: TimedLog, text: str = "", *, parallel: int = 8, anchor: Anchor = Anchor.NEWEST) -> View:
    return View(Log(api, EntryStore(), parallel), query_of(text), anchor=anchor)


def in_order(api: TimedLog) -> list[str]:
    return [record.entry.key for record in sorted(api.stable(), key=lambda record: record.place)]


def sliced(api: TimedLog) -> list[tuple[dict[str, str], int, str | None]]:
    """The requests for the pages of slices."""
    return [call for call in api.calls if "created_at_max" in call[0] and call[1] == 100]


async def walked(api: TimedLog, view: View) -> View:
    await load(view, older=not view.upwards)
    assert error_of(view) is None
    assert keys_of(view) == in_order(api)
    assert view.summary().state is State.COMPLETE
    return view


# -- requests ------------------------------------------------------------------------------------------------------


@pytest.mark.untraced  # much of the same
@pytest.mark.parametrize("anchor", Anchor)
@pytest.mark.parametrize("parallel", [2, 8, 16])
async def test_an_even_log_takes_few_requests_more_than_one_cursor(anchor: Anchor, parallel: int) -> None:
    api = TimedLog(even(3_000), page_size=20)
    await walked(api, view_of(api, parallel=parallel, anchor=anchor))
    assert len(api.calls) <= 1.15 * 150 + 10
    assert parallel - max(1, parallel // 8) <= api.most_at_once <= parallel


async def test_one_at_once_is_one_cursor() -> None:
    api = TimedLog(even(600), page_size=20)
    await walked(api, view_of(api, parallel=1))
    assert len(api.calls) == 30
    assert api.most_at_once == 1


async def test_little_that_is_left_is_read_by_one_cursor() -> None:
    api = TimedLog(even(220), page_size=20)
    await walked(api, view_of(api))
    assert len(api.calls) == 11


async def test_a_limit_of_rows_is_not_read_beyond() -> None:
    api = TimedLog(even(3_000), page_size=20)
    view = view_of(api)
    await view.more(400, ignore, everything=True)
    assert 400 <= len(view) <= 420
    assert len(api.calls) <= 1.15 * 20 + 10 + 10  # the last ten: slices that were under way


@pytest.mark.parametrize(
    ("name", "times"),
    [
        ("a crowd in one instant", [0] * 900 + [n * SECOND for n in range(300)]),
        ("a gap of months", [n * SECOND for n in range(600)] + [10**7 * SECOND + n * SECOND for n in range(600)]),
        ("bursts", [day * 86_400 * SECOND + n for day in range(30) for n in range(40)]),
        ("ever sparser", [int(1.012**n * SECOND) for n in range(1_200)]),
        ("one microsecond", [n * 40 for n in range(1_200)]),
        ("the edge of a second", [n // 4 * SECOND + (1_000, 1_999, 2_000, 999)[n % 4] for n in range(1_200)]),
    ],
)
@pytest.mark.parametrize(("exclusive", "anchor"), BOUNDS)
async def test_uneven_logs_come_whole_and_in_bounded_requests(
    name: str, times: list[Time], exclusive: bool, anchor: Anchor
) -> None:
    api = TimedLog(times, page_size=20, exclusive=exclusive)
    await walked(api, view_of(api, anchor=anchor))
    assert len(api.calls) <= 1.5 * 60 + 20


# -- what ends it --------------------------------------------------------------------------------------------------


async def test_entries_that_match_no_bound_leave_it_to_one_cursor() -> None:
    api = TimedLog([*even(600), ABSENT], page_size=20)
    await walked(api, view_of(api))
    assert not sliced(api)


class Late(TimedLog):
    """Counts an entry without a time only after so many requests."""

    hidden_until = 0

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        page = await super().list(params, limit=limit, cursor=cursor)
        lies = page.total_count and len(self.calls) < self.hidden_until and "created_at_min" not in params
        return Page(page.entries, page.next_cursor, None, (page.total_count or 0) - 1 if lies else page.total_count)


async def test_entries_without_a_time_found_too_late_are_read_by_one_cursor_before_a_verdict() -> None:
    api = Late([*even(600), ABSENT], page_size=20)
    api.hidden_until = 8
    view = await walked(api, view_of(api))
    assert sliced(api)
    assert view.log.server_support.slices_fail


@pytest.mark.parametrize("what", ["refuse slice", "refuse cursor", "stray", "repeat", "unclear"])
@pytest.mark.parametrize("call", [9, 14, 20])
async def test_what_a_slice_can_not_bring_one_cursor_does(what: str, call: int) -> None:
    api = TimedLog(even(600), page_size=20, happens={call: what})
    await walked(api, view_of(api))


async def test_an_error_keeps_what_is_contiguous_and_trying_again_goes_on() -> None:
    api = TimedLog(even(1_200), page_size=20, happens={25: "throttle"})
    view = view_of(api)
    await load(view)
    assert isinstance(error_of(view), RateLimitedError)
    assert keys_of(view) == in_order(api)[: len(view)]
    assert 0 < len(view) < 1_200
    await walked(api, view)


@pytest.mark.parametrize("turns", [40, 55, 70, 85])
async def test_escape_keeps_what_is_contiguous_and_ends_all_requests(turns: int) -> None:
    api = TimedLog(even(1_200), page_size=20, turns=lambda call: 3 + call % 5)
    view = view_of(api)
    task = asyncio.create_task(load(view))
    for _ in range(turns):
        await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert api.under_way == 0
    assert view.pace is None
    assert keys_of(view) == in_order(api)[: len(view)]
    await walked(api, view)


async def test_a_store_that_fails_loses_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    api = TimedLog(even(1_200), page_size=20)
    view, pages = view_of(api), 0
    process = Feed._process

    def failing(feed: Feed, *arguments: object) -> object:
        nonlocal pages
        pages += 1
        if pages == 12:
            raise RateLimitedError("as if the disk were full")
        return process(feed, *arguments)  # type: ignore[arg-type]  # passed on as they are

    monkeypatch.setattr(Feed, "_process", failing)
    await load(view)
    assert error_of(view) is not None
    await walked(api, view)


# -- bounds that are rounded, counts that stop ---------------------------------------------------------------------

MS = 10**6
DENSE: dict[str, list[Time]] = {
    "bursts": [day * 86_400 * SECOND + n * MS // 3 for day in range(12) for n in range(100)],
    "one second": [SECOND // 3 + n * 400_000 for n in range(1_200)],
    "each whole second and just after": [n // 2 * SECOND + n % 2 * 1_500 for n in range(1_200)],
}


@pytest.mark.parametrize("name", DENSE)
@pytest.mark.parametrize("unit", [MS, SECOND])
@pytest.mark.parametrize(("exclusive", "anchor"), BOUNDS)
async def test_a_server_that_rounds_bounds_loses_nothing(
    name: str, unit: int, exclusive: bool, anchor: Anchor
) -> None:
    api = TimedLog(DENSE[name], page_size=20, unit=unit, exclusive=exclusive)
    await walked(api, view_of(api, anchor=anchor))


@pytest.mark.parametrize("name", DENSE)
@pytest.mark.parametrize("most_counted", [300, float("inf")])
@pytest.mark.parametrize("refused", [30, 100])
@pytest.mark.parametrize("parallel", [1, 8])
async def test_rounded_bounds_and_refused_cursors_give_no_false_verdict(
    name: str, most_counted: float, refused: int, parallel: int
) -> None:
    api = TimedLog(DENSE[name], page_size=20, unit=SECOND, most_counted=most_counted, refused=refused)
    view = view_of(api, parallel=parallel)
    for _ in range(3):
        await load(view)
    if view.summary().state is State.COMPLETE:
        assert keys_of(view) == in_order(api)
    else:
        assert keys_of(view) == in_order(api)[: len(view)]


class Withholding(TimedLog):
    """Never sends one entry that it counts."""

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        page = await super().list(params, limit=limit, cursor=cursor)
        return replace(page, entries=tuple(each for each in page.entries if each.key != "id-50"))


async def test_a_lower_count_of_rounded_bounds_does_not_replace_a_higher_one() -> None:
    api = Withholding(DENSE["one second"][:100], page_size=20, unit=SECOND)
    view = view_of(api)
    await load(view)
    assert view.summary().state is State.INCOMPLETE
    assert view.summary().reason == "the server counts 100, 99 arrived"
    assert view.summary().gone == 0


@pytest.mark.parametrize("parallel", [1, 8])
@pytest.mark.parametrize("anchor", Anchor)
async def test_counts_that_stop_do_not_prove_that_every_entry_has_a_time(parallel: int, anchor: Anchor) -> None:
    api = TimedLog([*even(1_500), *[ABSENT] * 40], page_size=20, most_counted=1_000)
    view = await walked(api, view_of(api, parallel=parallel, anchor=anchor))
    assert view.log.server_support.slices_fail == (parallel > 1)


async def test_counts_that_stop_leave_a_restart_by_time_incomplete() -> None:
    api = TimedLog([*even(600), *[ABSENT] * 40], page_size=20, most_counted=300, refused=100)
    view = view_of(api, parallel=1)
    await load(view)
    assert view.summary().state is State.INCOMPLETE


async def test_retention_is_not_taken_for_counts_that_stop() -> None:
    api = TimedLog(even(1_200), page_size=20, happens={30: "forget", 45: "forget"})
    view = await walked(api, view_of(api))
    assert not view.log.server_support.slices_fail


@pytest.mark.parametrize("parallel", [1, 8])
@pytest.mark.parametrize(("page_size", "around"), [(5, 300), (10, 75)])
async def test_refused_cursors_in_a_crowded_instant_end(parallel: int, page_size: int, around: int) -> None:
    after: list[Time] = [(20 * around + n) * SECOND for n in range(around)]
    api = TimedLog([*even(around), *[10 * around * SECOND] * 400, *after], page_size=page_size, refused=3)
    view = view_of(api, parallel=parallel)
    async with asyncio.timeout(30):
        await load(view)
    assert "more entries happened at" in view.summary().reason
    assert keys_of(view) == in_order(api)[: len(view)]


# -- memory, and scans ---------------------------------------------------------------------------------------------


class SlowHead(TimedLog):
    """Answers only the first slice slowly."""

    held_back = 0

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        page = await super().list(params, limit=limit, cursor=cursor)
        if limit == 100 and "created_at_max" in params:
            heads = min(call[0]["created_at_max"] for call in sliced(self)[:1])
            for _ in range(300 if params["created_at_max"] == heads else 0):
                await asyncio.sleep(0)
        return page


@pytest.mark.untraced  # much of the same
async def test_pages_held_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    api = SlowHead(even(4_000), page_size=10)
    view = view_of(api, parallel=16)
    most = 0

    def on_page() -> None:
        nonlocal most
        if view._ahead is not None:
            most = max(most, view._ahead[1]._held)

    await view.more(ALL, on_page, everything=True)
    assert keys_of(view) == in_order(api)
    assert 0 < most <= MOST_HELD + 16


async def test_a_scan_goes_on_in_slices_within_its_requests() -> None:
    api = TimedLog(even(3_000), page_size=20)
    view = view_of(api, "ua:nowhere")
    for number in range(1, 5):
        before = len(api.calls)
        await view.more(1, ignore)
        assert now(view.paused)
        assert len(api.calls) - before <= SCAN_REQUESTS + (2 if number == 2 else 0)  # the two canaries
        assert [row.key for row in view.log.store.window(view.feed.run, 0, 9_999)] == in_order(api)[
            : len(view.feed.run)
        ]
    assert sliced(api)
    assert api.most_at_once > 2
    assert len(view.feed.run) >= 0.6 * 4 * SCAN_REQUESTS * 20
