import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditlog_tui.analysis.counting import Counting, How
from auditlog_tui.analysis.timeline import FEWEST, MOST, Bucket, Timeline
from auditlog_tui.errors import ServerError
from auditlog_tui.log.feed import Anchor
from auditlog_tui.log.log import Log
from auditlog_tui.log.view import View
from auditlog_tui.query import Query
from auditlog_tui.session.marks import Marks
from auditlog_tui.store import scans
from auditlog_tui.store.entries import EntryStore
from auditlog_tui.text.times import rfc3339
from tests.unit.fake import EVERY_FILTER, START_US, FakeApi, Json, entry, log_of, read
from tests.unit.views import ALL, ignore, load, query_of
from tests.unit.walks import Held

SECOND = 1_000_000


def failing(count: int) -> list[Json]:
    """An entry a second, every third of which failed."""
    return [entry(n, status_code=403 if n % 3 == 0 else 200) for n in range(count)]


async def timeline_of(api: FakeApi, text: str = "", *, everything: bool = False) -> Timeline:
    """Of a view as it is shown, with the server proven."""
    view = View(Log(api, EntryStore()), query_of(text))
    await view.more(ALL if everything else 1, ignore, everything=everything)
    if await view.prove():
        await view.more(ALL if everything else 1, ignore, everything=everything)
    if not everything:
        view = View(view.log, view.query)  # of which nothing is loaded, so that the server counts
    return Timeline(view, Counting(view.log))


CELLS = 60


async def filled(timeline: Timeline, asked: int = FEWEST, *, here: int = CELLS) -> list[Bucket]:
    await timeline.fill(here, asked, ignore)
    return timeline.buckets


def counted(log: Sequence[Json], buckets: Sequence[Bucket]) -> list[tuple[int, int]]:
    """What each bucket should hold."""
    entries = [read(data) for data in log]
    found = []
    for bucket in buckets:
        inside = [
            e for e in entries if e.created_us is not None and bucket.first_us <= e.created_us <= bucket.last_us
        ]
        found.append((len(inside), len([e for e in inside if (e.log.status_code or 0) >= 400])))
    return found


def shown(buckets: Sequence[Bucket]) -> list[tuple[int | None, int | None]]:
    return [(bucket.n, bucket.failed) for bucket in buckets]


def is_without_gaps(buckets: Sequence[Bucket]) -> bool:
    return all(one.last_us + 1 == other.first_us for one, other in pairwise(buckets))


# -- counted by the server -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "method:POST", "created:>=2027-01-15T08:00:10Z", "last:30d sort:status"])
async def test_the_whole_range_is_counted_however_little_is_loaded(text: str) -> None:
    log = failing(500)
    timeline = await timeline_of(FakeApi(log), text)
    buckets = await filled(timeline)
    matching = [data for data in log if "08:00:10" not in text or data["created_at"] >= "2027-01-15T08:00:10Z"]
    assert FEWEST // 2 < len(buckets) <= FEWEST
    assert (timeline.how, timeline.rows) == (How.EXACT, None)
    assert is_without_gaps(buckets)
    assert shown(buckets) == counted(matching, buckets)
    assert sum(bucket.n or 0 for bucket in buckets) == len(matching)
    assert buckets[-1].last_us == START_US + 499 * SECOND


async def test_entries_on_a_boundary_are_counted_once() -> None:
    log = [entry(n, at=at) for n, at in enumerate(sorted([*range(0, 801, 100)] * 20))]
    buckets = await filled(await timeline_of(FakeApi(log)))
    assert [bucket.first_us for bucket in buckets] == [START_US + n * 120 * SECOND for n in range(7)]
    assert shown(buckets) == counted(log, buckets)
    assert sum(bucket.n or 0 for bucket in buckets) == len(log)


async def test_it_begins_with_24_requests_at_most() -> None:
    api = FakeApi(failing(500))
    timeline = await timeline_of(api, "method:POST")
    asked = len(api.calls)
    await filled(timeline)
    assert len(api.calls) - asked <= 24
    assert all(limit == 10 for _, limit, _ in api.calls[asked:])


async def test_finer_ones_ask_only_for_what_is_missing() -> None:
    api = FakeApi(failing(500))
    timeline = await timeline_of(api)
    await filled(timeline)
    asked = len(api.calls)
    await filled(timeline)
    assert len(api.calls) == asked
    coarse = timeline.buckets
    buckets = await filled(timeline, MOST)
    assert len(api.calls) - asked == 2 * (len(buckets) - len(coarse))
    assert len(coarse) < len(buckets) <= MOST
    assert {bucket.first_us for bucket in coarse} < {bucket.first_us for bucket in buckets}
    assert shown(buckets) == counted(failing(500), buckets)


async def test_between_boundaries_with_equal_counts_nothing_is_asked() -> None:
    log = [entry(n, at=at) for n, at in enumerate([*range(20), *range(3_000, 3_200)])]
    api = FakeApi(log)
    timeline = await timeline_of(api)
    asked = len(api.calls)
    buckets = await filled(timeline)
    assert shown(buckets) == counted(log, buckets)
    assert len(api.calls) - asked < 2 + 2 * len(buckets) - 4


async def test_coarse_ones_are_shown_first() -> None:
    timeline = await timeline_of(FakeApi(failing(500)))
    told: list[list[Bucket]] = []
    await timeline.fill(CELLS, FEWEST, lambda: told.append(timeline.buckets))
    assert [len(buckets) for buckets in told] == list(range(1, len(timeline.buckets) + 1))
    assert all(sum(bucket.intervals for bucket in buckets) == len(timeline.buckets) for buckets in told)
    assert all(sum(bucket.n or 0 for bucket in buckets) == 500 for buckets in told)
    assert all(is_without_gaps(buckets) for buckets in told)
    widths = [bucket.intervals for bucket in told[3]]
    assert max(widths) - min(widths) <= 1


async def test_a_filter_by_successes_has_no_failures() -> None:
    buckets = await filled(await timeline_of(FakeApi(failing(300)), "status:200"))
    assert sum(bucket.n or 0 for bucket in buckets) == 200
    assert {bucket.failed for bucket in buckets} == {0}


async def test_a_filter_by_failures_has_nothing_else() -> None:
    buckets = await filled(await timeline_of(FakeApi(failing(300)), "status:>=400"))
    assert sum(bucket.n or 0 for bucket in buckets) == 100
    assert all(bucket.failed == bucket.n for bucket in buckets)


async def test_one_instant_is_one_bucket() -> None:
    timeline = await timeline_of(FakeApi(log_of(110, created_at="2027-01-15T08:00:00Z")))
    assert await filled(timeline) == [Bucket(START_US, START_US, 110, 0)]


@pytest.mark.parametrize("ignores", [[], EVERY_FILTER])
async def test_an_empty_log_has_none(ignores: list[str]) -> None:
    assert await filled(await timeline_of(FakeApi([], ignores=ignores))) == []


async def test_nothing_that_matches_has_none() -> None:
    assert await filled(await timeline_of(FakeApi(failing(30)), "action:nothing")) == []


async def test_it_may_be_cancelled_and_goes_on_where_it_was() -> None:
    api = Held(failing(300))
    api.answer.set()
    timeline = await timeline_of(api)
    before = len(api.calls)
    counts = asyncio.Event()
    task = asyncio.create_task(timeline.fill(CELLS, FEWEST, counts.set))
    await counts.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    buckets = await filled(timeline)
    assert shown(buckets) == counted(failing(300), buckets)
    assert len(api.calls) - before <= 24 + 2


async def test_an_error_is_raised_and_what_was_counted_stays() -> None:
    api = FakeApi(failing(300))
    timeline = await timeline_of(api)
    await filled(timeline)
    buckets = timeline.buckets
    api.fails = ServerError("down", status=500)
    with pytest.raises(ServerError):
        await filled(timeline, MOST)
    assert sum(bucket.n or 0 for bucket in timeline.buckets) == 300
    api.fails = None
    assert await filled(timeline) == buckets


async def test_a_log_that_grows_meanwhile_never_counts_below_nothing() -> None:
    api = FakeApi(failing(300))
    timeline = await timeline_of(api)
    await timeline.fill(CELLS, FEWEST, api.arrive)
    assert all((bucket.n or 0) >= 0 and (bucket.failed or 0) >= 0 for bucket in timeline.buckets)
    assert sum(bucket.n or 0 for bucket in timeline.buckets) == 300


async def test_where_the_server_stops_telling_counts_it_says_so() -> None:
    api = FakeApi(failing(300))
    timeline = await timeline_of(api)
    api.trouble = dict.fromkeys(range(len(api.calls) + 1, 100), "no total")
    await filled(timeline)
    assert timeline.how is How.LOADED


# -- of what is loaded ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ignores"), [("", EVERY_FILTER), ("status:403", EVERY_FILTER), ("ua:curl", []), ("sort:path", [])]
)
async def test_where_the_server_cannot_tell_the_loaded_are_counted(text: str, ignores: list[str]) -> None:
    log = failing(500)
    api = FakeApi(log, ignores=ignores)
    timeline = await timeline_of(api, text, everything=True)
    await filled(timeline)
    asked = len(api.calls)
    buckets = await filled(timeline)
    matching = [data for data in log if text != "status:403" or data["status_code"] == 403]
    assert (timeline.how, timeline.rows) == (How.EXACT, len(matching))  # as all of them are
    assert len(api.calls) == asked
    assert is_without_gaps(buckets)
    assert shown(buckets) == counted(matching, buckets)
    assert sum(bucket.n or 0 for bucket in buckets) == len(matching)


async def test_loaded_rows_in_another_order_are_counted_by_their_time() -> None:
    log = [entry(n, path=f"/{n * 37 % 101}", status_code=200 + n * 7 % 300) for n in range(300)]
    timeline = await timeline_of(FakeApi(log, ignores=EVERY_FILTER), "sort:path", everything=True)
    buckets = await filled(timeline)
    assert timeline.how is How.EXACT
    assert (buckets[0].first_us, buckets[-1].last_us) == (START_US, START_US + 299 * SECOND)
    assert shown(buckets) == counted(log, buckets)


async def test_one_loaded_instant_is_one_bucket() -> None:
    timeline = await timeline_of(
        FakeApi(log_of(110, created_at="2027-01-15T08:00:00Z"), ignores=EVERY_FILTER), everything=True
    )
    assert await filled(timeline) == [Bucket(START_US, START_US, 110, 0)]


async def test_times_that_cannot_be_read_are_in_no_bucket() -> None:
    log = [entry(0, created_at="?"), *log_of(20)[1:]]
    api = FakeApi(log, ignores=EVERY_FILTER)
    assert sum(bucket.n or 0 for bucket in await filled(await timeline_of(api, everything=True))) == 19
    api = FakeApi(log[:1], ignores=EVERY_FILTER)
    assert await filled(await timeline_of(api, everything=True)) == []


async def test_many_loaded_rows_are_counted_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scans, "SLICE", 100)
    log = failing(250)
    timeline = await timeline_of(FakeApi(log, ignores=EVERY_FILTER), everything=True)
    told: list[int] = []
    await timeline.fill(CELLS, FEWEST, lambda: told.append(sum(bucket.n or 0 for bucket in timeline.buckets)))
    assert told == [100, 200, 250]
    assert shown(timeline.buckets) == counted(log, timeline.buckets)


async def test_marked_entries_are_counted_by_themselves() -> None:
    api = FakeApi(failing(30))
    log = Log(api, EntryStore())
    await View(log, Query()).more(1, ignore)
    asked = len(api.calls)
    marks = Marks()
    marks.mark([log.store.entry(n) for n in (3, 9)])
    log.marks = lambda: marks
    timeline = Timeline(await load(View(log, query_of("marked:yes"))), Counting(log))
    assert sum(bucket.n or 0 for bucket in await filled(timeline)) == 2
    assert len(api.calls) == asked


instants = st.integers(0, 40) | st.integers(0, 10**13) | st.sampled_from((0, 8, 16, 64))


@given(st.lists(instants, min_size=1, max_size=30), st.integers(3, FEWEST))
@settings(max_examples=60)
async def test_what_is_loaded_is_counted_as_the_server_does(ats: list[int], buckets: int) -> None:
    log = [
        entry(n, created_at=rfc3339(START_US + at), status_code=500 if at % 2 else 200) for n, at in enumerate(ats)
    ]
    found = []
    for everything in (False, True):
        timeline = await timeline_of(FakeApi(log), everything=everything)
        found.append(await filled(timeline, here=buckets))
        assert (timeline.how, timeline.rows) == (How.EXACT, len(log) if everything else None)
    assert found[0] == found[1]
    assert shown(found[0]) == counted(log, found[0])
    assert is_without_gaps(found[0])


async def test_thousands_of_years_are_counted_too() -> None:
    log = [entry(0, created_at="0001-01-01T00:00:00Z"), *log_of(9)[1:], entry(9, created_at="9999-12-31T23:59:59Z")]
    timeline = await timeline_of(FakeApi(log, ignores=EVERY_FILTER), everything=True)
    buckets = await filled(timeline)
    assert sum(bucket.n or 0 for bucket in buckets) == 10
    assert (buckets[0].n, buckets[-1].n) == (1, 1)


async def test_a_view_from_the_oldest_end_has_the_same_timeline() -> None:
    api = FakeApi(failing(250), ignores=[])
    view = View(Log(api, EntryStore()), query_of("ua:curl"), anchor=Anchor.OLDEST)
    await load(view, older=False)
    buckets = await filled(Timeline(view, Counting(view.log)))
    assert shown(buckets) == counted(failing(250), buckets)


# -- a few entries far off -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ignores", [[], EVERY_FILTER])
@pytest.mark.parametrize(
    ("before", "after"),
    [(["0001-01-01T00:00:00Z"], []), ([], ["8304-01-01T00:00:00Z"]),
     (["0001-01-01T00:00:00Z"] * 3, ["8304-01-01T00:00:00Z"]),
     (["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z"], ["2100-01-01T00:00:00Z", "8304-01-01T00:00:00Z"])],
)  # fmt: skip
async def test_a_few_entries_far_off_have_a_bar_of_their_own(
    before: list[str], after: list[str], ignores: list[str]
) -> None:
    odd = [entry(1_000 + n, created_at=created_at) for n, created_at in enumerate([*before, *after])]
    log = [*failing(300), *odd]
    # With an entry before 1971 a server is not proven to honour times: all of them are loaded then.
    here = bool(ignores or before)
    buckets = await filled(await timeline_of(FakeApi(log, ignores=ignores), everything=here))
    beyond = [bucket.n for bucket in buckets if bucket.beyond]
    inside = [bucket for bucket in buckets if not bucket.beyond]
    assert beyond == [len(times) for times in (before, after) if times]
    assert (inside[0].first_us, inside[-1].last_us) == (START_US, START_US + 299 * SECOND)
    assert FEWEST // 2 < len(inside) <= (CELLS if here else FEWEST)
    assert is_without_gaps(buckets)
    assert shown(buckets) == counted(log, buckets)
    assert sum(bucket.n or 0 for bucket in buckets) == len(log)


async def test_most_of_the_entries_are_never_far_off() -> None:
    for times in ([0, 10**12], [0, 10**12, 2 * 10**12], [0, 1, 10**12, 10**12 + 1], [0, 0, 0]):
        log = [entry(n, created_at=rfc3339(START_US + at)) for n, at in enumerate(times)]
        assert not any(bucket.beyond for bucket in await filled(await timeline_of(FakeApi(log))))


# -- round times ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "here", "step"),
    [(60, 60, 2), (59, 60, 1), (599, 120, 5), (3_599, 60, 60), (86_399, 100, 900), (86_399 * 7, 72, 3 * 3600),
     (86_399 * 60, 100, 86_400), (86_399 * 365, 100, 4 * 86_400)],
)  # fmt: skip
async def test_as_many_intervals_as_there_are_cells_begin_at_round_times(seconds: int, here: int, step: int) -> None:
    log = [entry(0), *(entry(n, at=seconds * n // 99) for n in range(1, 100))]
    timeline = await timeline_of(FakeApi(log), everything=True)
    buckets = await filled(timeline, here=here)
    assert here // 3 < len(buckets) <= here
    assert {bucket.first_us % (step * SECOND) for bucket in buckets[1:]} == {0}
    assert {one.first_us - other.first_us for other, one in pairwise(buckets[1:])} == {step * SECOND}
    assert (buckets[0].first_us, buckets[-1].last_us) == (START_US, START_US + seconds * SECOND)
    assert shown(buckets) == counted(log, buckets)


async def test_days_begin_at_midnight_of_the_zones_clocks_also_after_they_change() -> None:
    zone = ZoneInfo("Europe/Berlin")
    begin = datetime(2027, 3, 20, 5, tzinfo=zone)
    log = [entry(n, created_at=(begin + timedelta(days=n)).isoformat()) for n in range(20)]
    view = (await timeline_of(FakeApi(log), everything=True)).view
    buckets = await filled(Timeline(view, Counting(view.log), zone), here=25)
    local = [datetime.fromtimestamp(bucket.first_us / SECOND, zone) for bucket in buckets[1:]]
    assert {moment.hour for moment in local} == {0}
    assert {moment.utcoffset() for moment in local} == {timedelta(hours=1), timedelta(hours=2)}
    assert shown(buckets) == counted(log, buckets) == [(1, 0)] * 20


async def test_a_complete_log_is_counted_without_a_request() -> None:
    api = FakeApi(failing(250))
    timeline = await timeline_of(api, everything=True)
    asked = len(api.calls)
    buckets = await filled(timeline)
    assert len(buckets) > MOST
    assert shown(buckets) == counted(failing(250), buckets)
    assert len(api.calls) == asked


async def test_an_incomplete_one_on_a_server_without_filters_is_said_to_be() -> None:
    view = View(Log(FakeApi(failing(250), ignores=EVERY_FILTER), EntryStore()), Query())
    await view.more(1, ignore)
    timeline = Timeline(view, Counting(view.log))
    view.log.server_support.ignored |= EVERY_FILTER
    assert sum(bucket.n or 0 for bucket in await filled(timeline)) == 100
    assert (timeline.how, timeline.rows) == (How.LOADED, 100)
