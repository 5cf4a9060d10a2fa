"""What `collect` brings into an archive, over logs whose entries come late and are removed, and servers that err."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from auditlog_tui.archive.dataset import Archive, Origin
from auditlog_tui.entries.models import Page
from auditlog_tui.errors import ApiError, QueryError, ServerError
from auditlog_tui.headless import collecting
from auditlog_tui.headless.collecting import Collecting, Outcome, check_collectable
from auditlog_tui.log import changes
from auditlog_tui.log.changes import HOUR_US
from auditlog_tui.log.log import Log
from auditlog_tui.query import Query, freeze, parse
from auditlog_tui.store.entries import EntryStore
from tests.effort import LONG_EXAMPLES
from tests.unit.fake import START_US, FakeApi, log_of
from tests.unit.timed_log import ABSENT, UNREADABLE, TimedLog

pytestmark = pytest.mark.usefixtures("one_database")
ORIGIN = Origin("https://log.example")
SECOND, HOUR = 10**9, 3_600 * 10**9
DAY = 24 * HOUR


class ServingLog(TimedLog):
    """Keeps what it has ever served, also where nobody waits for it any more."""

    served: set[str]

    def _page(self, params: Mapping[str, str], limit: int, cursor: str | None, what: str) -> Page:
        page = super()._page(params, limit, cursor, what)
        self.__dict__.setdefault("served", set()).update(entry.raw for entry in page.entries)
        return page


async def collect(
    api: TimedLog | FakeApi,
    folder: Path,
    text: str = "",
    *,
    since: int | None = None,
    until: int | None = None,
    parallel: int = 4,
) -> Outcome:
    query: Query = freeze(parse(text), START_US, UTC)
    with Archive(folder, Origin(ORIGIN.endpoint, text)) as archive:
        return await Collecting(Log(api, EntryStore(), parallel), query, archive, since, until).go()


def held(folder: Path) -> list[str]:
    """The texts in the archive, sorted."""
    if not list(folder.glob("day=*/*.parquet")):
        return []
    found = duckdb.execute(f"SELECT decode(raw) FROM read_parquet('{folder}/**/*.parquet') ORDER BY 1").fetchall()
    return [text for (text,) in found]


def raws(log: TimedLog) -> list[str]:
    return sorted(record.entry.raw for record in log.alive)


@pytest.mark.parametrize("parallel", [1, 4])
async def test_the_archive_gets_the_log_and_then_what_is_new(parallel: int, tmp_path: Path) -> None:
    log = TimedLog([n * 7 * 60 * SECOND for n in range(1_000)])
    outcome = await collect(log, tmp_path, parallel=parallel)
    assert outcome.complete
    assert held(tmp_path) == raws(log)
    calls = len(log.calls)
    assert (await collect(log, tmp_path)).complete
    assert len(log.calls) - calls <= 12  # three counts, and what finds out whether they can be used
    log.write(1_000 * 7 * 60 * SECOND)
    log.write(DAY + 1)  # late
    calls = len(log.calls)
    assert (await collect(log, tmp_path)).complete
    assert held(tmp_path) == raws(log)
    assert len(log.calls) - calls < 60


async def test_entries_that_come_late_while_as_many_old_ones_go_are_found(tmp_path: Path) -> None:
    log = TimedLog([n * HOUR // 20 for n in range(1_000)])
    assert (await collect(log, tmp_path)).complete
    before = set(raws(log))
    for record in log.records[:5]:
        record.gone = True
    for n in range(5):
        log.write(25 * HOUR + n)
    assert (await collect(log, tmp_path)).complete
    assert set(held(tmp_path)) == before | set(raws(log))


async def test_what_is_gone_stays_and_does_not_hide_what_comes(tmp_path: Path) -> None:
    log = TimedLog([n * HOUR // 20 for n in range(200)])
    assert (await collect(log, tmp_path)).complete
    everything = set(raws(log))
    for record in log.records:
        record.gone = True
    assert (await collect(log, tmp_path)).complete
    for n in range(200):  # as many as there were, at the same times
        log.write(n * HOUR // 20)
    assert (await collect(log, tmp_path)).complete
    assert set(held(tmp_path)) == everything | set(raws(log))
    assert len(held(tmp_path)) == 400


class DatedLog(TimedLog):
    """Tells its time, and fails if it is told to."""

    served_at = datetime(2026, 11, 20, tzinfo=UTC)
    failing = False

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        if self.failing and len(self.calls) % 5 == 4:
            raise ServerError("The server failed.", status=500)
        return replace(await super().list(params, limit=limit, cursor=cursor), served_at=self.served_at)


def complete_at(folder: Path) -> datetime | None:
    with Archive(folder) as archive:
        state = archive.read_state()
        us = None if state is None else state.complete_us
        return None if us is None else datetime.fromtimestamp(us / 1_000_000, UTC)


async def test_the_archive_keeps_as_of_when_it_had_everything(tmp_path: Path) -> None:
    log = DatedLog([n * HOUR // 20 for n in range(200)])
    first = log.served_at
    assert (await collect(log, tmp_path, since=START_US // HOUR_US, until=START_US // HOUR_US + 2)).complete
    assert complete_at(tmp_path) is None  # it has these hours only
    assert (await collect(log, tmp_path)).complete
    assert complete_at(tmp_path) == first
    log.served_at += timedelta(minutes=15)
    log.write(3 * HOUR + 1)
    log.failing = True
    with pytest.raises(ApiError):
        await collect(log, tmp_path)
    assert complete_at(tmp_path) == first
    log.failing = False
    assert (await collect(log, tmp_path, since=START_US // HOUR_US)).complete
    assert complete_at(tmp_path) == first
    assert (await collect(log, tmp_path)).complete
    assert complete_at(tmp_path) == log.served_at
    (tmp_path / "_state.json").unlink()
    assert complete_at(tmp_path) is None


async def test_entries_without_a_time_are_collected(tmp_path: Path) -> None:
    log = TimedLog([n * HOUR // 20 for n in range(800)])
    log.write(ABSENT)
    assert (await collect(log, tmp_path)).complete
    assert held(tmp_path) == raws(log)
    log.write(UNREADABLE)
    for _ in range(20):
        log.write(ABSENT)
    assert (await collect(log, tmp_path)).complete
    assert held(tmp_path) == raws(log)
    unknown = duckdb.execute(f"SELECT count(*) FROM read_parquet('{tmp_path}/day=unknown/*.parquet')").fetchall()
    assert unknown == [(22,)]


async def test_a_log_of_nothing_and_of_entries_without_a_time_alone(tmp_path: Path) -> None:
    log = TimedLog([])
    assert (await collect(log, tmp_path)).complete
    assert held(tmp_path) == []
    log.write(ABSENT)
    log.write(UNREADABLE)
    assert (await collect(log, tmp_path)).complete
    assert held(tmp_path) == raws(log)


async def test_a_filter_collects_what_matches(tmp_path: Path) -> None:
    log = TimedLog([n * HOUR // 20 for n in range(900)])
    assert (await collect(log, tmp_path / "sent", "method:PUT")).complete
    assert held(tmp_path / "sent") == sorted(each.entry.raw for each in log.alive if each.method == "PUT")
    for text in ("-method:GET", "path:x OR method:PUT"):
        if text == "-method:GET":
            assert (await collect(log, tmp_path / "here", text)).complete
            assert held(tmp_path / "here") == held(tmp_path / "sent")
    log.write(10 * HOUR + 5)
    log.write(10 * HOUR + 6)
    log.write(10 * HOUR + 7)
    for name, text in (("sent", "method:PUT"), ("here", "-method:GET")):
        assert (await collect(log, tmp_path / name, text)).complete
        assert held(tmp_path / name) == sorted(each.entry.raw for each in log.alive if each.method == "PUT")


async def test_a_span_is_collected_and_what_lies_around_is_not(tmp_path: Path) -> None:
    start = START_US // HOUR_US
    log = TimedLog([n * HOUR // 20 for n in range(900)])
    outcome = await collect(log, tmp_path, since=start + 10, until=start + 20)
    assert outcome.complete
    first, last = (start + 10) * HOUR_US, (start + 20) * HOUR_US
    inside = sorted(
        each.entry.raw for each in log.alive if each.ns is not None and first - 2_000_000 <= each.ns // 1000
        <= last + 2_000_000
    )  # fmt: skip
    assert held(tmp_path) == inside
    assert 150 < len(inside) < 250
    assert (await collect(log, tmp_path)).complete
    assert held(tmp_path) == raws(log)


@pytest.mark.parametrize("generation", [1, 2])
async def test_a_server_that_ignores_filters_is_collected_whole_each_time(generation: int, tmp_path: Path) -> None:
    ignored = () if generation == 2 else IGNORED
    api = FakeApi(log_of(700), ignores=ignored)
    assert (await collect(api, tmp_path)).complete
    assert len(held(tmp_path)) == 700
    assert (await collect(api, tmp_path)).complete
    assert len(held(tmp_path)) == 700


IGNORED = ("created_at_min", "created_at_max", "sort", "method", "status_code_min", "status_code_max")


async def test_a_server_that_counts_up_to_a_limit_hides_nothing_once_that_is_reached(tmp_path: Path) -> None:
    log = TimedLog([n * HOUR for n in range(100)], most_counted=100)
    await collect(log, tmp_path)
    for hour in range(100, 103):
        for minute in range(25):
            log.write(hour * HOUR + minute * 60 * SECOND)
        outcome = await collect(log, tmp_path)
        assert held(tmp_path) == raws(log) or not outcome.complete


async def test_a_server_that_excludes_its_bounds_loses_no_entry_at_a_full_hour(tmp_path: Path) -> None:
    log = TimedLog([n * HOUR for n in range(200)], exclusive=True)
    for _ in range(2):
        assert (await collect(log, tmp_path)).complete
        assert held(tmp_path) == raws(log)
        log.write(7 * HOUR)
        log.write(199 * HOUR + 1)


async def test_a_server_that_excludes_its_bounds_loses_no_entry_between_two_spans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "FEW", 5)
    monkeypatch.setattr(changes, "MOST", 20)
    log = TimedLog([*(n * HOUR for n in range(200)), 199 * HOUR + SECOND // 3], exclusive=True)
    await collect(log, tmp_path)
    assert held(tmp_path) == raws(log)


async def test_an_error_leaves_what_had_arrived_and_the_next_run_goes_on(tmp_path: Path) -> None:
    log = ServingLog([n * HOUR // 20 for n in range(1_500)], happens=dict.fromkeys(range(12, 16), "fail"))
    failures = 0
    for _ in range(10):
        try:
            outcome = await collect(log, tmp_path)
        except ApiError:
            failures += 1
            assert set(held(tmp_path)) <= set(raws(log))
        else:
            assert outcome.complete
            break
    assert failures > 0
    assert held(tmp_path) == raws(log)


@pytest.mark.parametrize("what", ["late", "forget"])
async def test_what_comes_or_goes_while_it_is_fetched_does_not_make_it_incomplete(what: str, tmp_path: Path) -> None:
    log = ServingLog([n * HOUR // 20 for n in range(1_500)], happens={10: what, 13: what})
    assert (await collect(log, tmp_path)).complete
    assert set(raws(log)) | log.served <= set(held(tmp_path))


class HastyLog(ServingLog):
    """Refuses a slice and removes its oldest entries then, while answers are on their way."""

    def _page(self, params: Mapping[str, str], limit: int, cursor: str | None, what: str) -> Page:
        if what == "refuse slice":
            oldest = sorted((each for each in self.alive if each.ns is not None), key=lambda each: each.ns or 0)
            for record in oldest[: len(oldest) * 4 // 5]:
                record.gone = True
            self._found.clear()
        return super()._page(params, limit, cursor, what)

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        page = await super().list(params, limit=limit, cursor=cursor)
        for _ in range(len(self.calls) * 7 % 20):
            await asyncio.sleep(0)
        return page


@pytest.mark.parametrize("call", [23, 31])
async def test_what_is_on_its_way_when_a_walk_begins_again_is_not_lost(call: int, tmp_path: Path) -> None:
    log = HastyLog([n * HOUR // 20 for n in range(3_000)], happens={call: "refuse slice"})
    await collect(log, tmp_path, parallel=8)
    assert log.served <= set(held(tmp_path))


HAPPENINGS = ("grow", "late", "forget", "undated", "throttle", "fail", "refuse cursor", "no total", "unclear")
TIMES = st.lists(
    st.integers(0, 36 * HOUR) | st.integers(0, 36).map(lambda hour: hour * HOUR) | st.just(ABSENT),
    min_size=0,
    max_size=60,
)
RUNS = st.lists(
    st.tuples(st.dictionaries(st.integers(1, 40), st.sampled_from(HAPPENINGS), max_size=6), TIMES),
    min_size=1,
    max_size=4,
)


@settings(max_examples=LONG_EXAMPLES)
@given(TIMES, RUNS, st.sampled_from([1, 1000, 10**9]), st.booleans())
async def test_whatever_happens_nothing_that_was_served_is_lost_or_twice_and_complete_is_true(
    times: list[int | str], runs: list[tuple[dict[int, str], list[int | str]]], unit: int, exclusive: bool
) -> None:
    log = ServingLog(times, unit=unit, exclusive=exclusive, page_size=10)
    log.served = set()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(changes, "FEW", 5)
        patched.setattr(changes, "MOST", 20)
        patched.setattr(collecting, "MOST", 20)
        for happens, more in runs:
            for time in more:
                log.write(time)
            log.happens = {len(log.calls) + call: what for call, what in happens.items()}
            there = {record for record in log.records if not record.gone}
            try:
                outcome = await collect(log, Path(folder))
            except ApiError:
                outcome = None
            found = held(Path(folder))
            assert len(set(found)) == len(found)
            assert set(found) <= {record.entry.raw for record in log.records}
            if outcome is not None:
                assert log.served <= set(found)
                if outcome.complete:
                    assert {record.entry.raw for record in there if not record.gone} <= set(found)


@pytest.mark.parametrize(
    "text", ["last:5h", "created:2026-11-20", "sort:status", "marked:yes", "tag:x", "note:x", "id:1"]
)
def test_a_filter_that_an_archive_can_not_be_kept_by_is_refused(text: str) -> None:
    with pytest.raises(QueryError):
        check_collectable(freeze(parse(text), START_US, UTC))


def test_every_other_filter_is_taken() -> None:
    for text in ("", "method:GET", "-ua:x", "status:>=400 word", "id:1,2"):
        check_collectable(freeze(parse(text), START_US, UTC))
