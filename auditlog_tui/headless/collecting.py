"""`collect`: brings an archive up to date with a log, in portions that are each whole on the disk."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from auditlog_tui.api.client import AuditLogApi, ForwardingApi
from auditlog_tui.api.retry import Wait
from auditlog_tui.archive.dataset import Archive, Origin
from auditlog_tui.archive.engine import check_installed
from auditlog_tui.archive.rows import day_of, time_of
from auditlog_tui.entries.contract import NEWEST_FIRST, OLDEST_FIRST, PAGE
from auditlog_tui.entries.models import Entry, Page, read_entry
from auditlog_tui.errors import ApiError, AuditLogError, ExitStatus, QueryError, SettingsError
from auditlog_tui.headless.queries import read_query
from auditlog_tui.headless.streams import Progress, print_note
from auditlog_tui.log.changes import HOUR_US, MOST, Changes, Known, Span, bounds_of
from auditlog_tui.log.log import Log, clock_skew
from auditlog_tui.log.server_support import SMALLEST_PAGE
from auditlog_tui.log.undated import DATED, count_others
from auditlog_tui.log.walk import Walk
from auditlog_tui.output.files import shown
from auditlog_tui.query import MOMENT_HINT, Query, field_of, format_query, plan, read_moment
from auditlog_tui.query.seen_values import Unseen
from auditlog_tui.query.syntax import Instant, Term, Times
from auditlog_tui.query.times import FIRST, LAST
from auditlog_tui.runtime import give_way, wait_for_end
from auditlog_tui.session.opening import Session
from auditlog_tui.settings.options import Settings
from auditlog_tui.store import UNBOUNDED
from auditlog_tui.store.entries import EntryStore, Row, Run
from auditlog_tui.store.scans import all_raws, left_out, stored, stretches
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import count, counted, moment, rfc3339
from auditlog_tui.text.zones import read_zone

PORTION = 500
"""Entries taken between two turns of the event loop."""

LAST_ANSWER_S = 5.0
"""How long the answer to a request is waited for when nobody needs it any more."""

TRIES = 3
"""Hours in which more entries came while they were fetched are fetched so many times at most."""

_SECOND_US = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ALL_HOURS = FIRST // HOUR_US, LAST // HOUR_US + 1


@dataclass(frozen=True, slots=True)
class CollectOptions:
    """What the command line says about collecting; `folder`, `since` and `until` are as typed."""

    folder: str
    since: str = ""
    until: str = ""
    quiet: bool = False


def options_of(options: argparse.Namespace) -> CollectOptions:
    """The options of `collect`."""
    return CollectOptions(options.folder, options.since, options.until, options.quiet)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: the server's time at its start, if that is known, and why something may be missing."""

    as_of: datetime | None
    reasons: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return not self.reasons


class Collecting:
    """One run: finds what the archive lacks, walks it and adds it. Call `go` once.

    `since` and `until` limit it to the hours from one up to the other, numbered from 1970 in UTC.
    """

    def __init__(
        self, log: Log, query: Query, archive: Archive, since: int | None = None, until: int | None = None
    ) -> None:
        self.walk: Walk | None = None
        """What is being fetched."""
        self.told = ""
        """What the user should know of how it went, in a sentence."""
        self._api = _NotingApi(log.api)
        self._log = log
        self._query = query
        self._archive = archive
        self._since, self._until = since, until
        self._plan = plan(query)
        self._oldest: Entry | None = None
        self._newest: Entry | None = None
        self._known = Known()
        self._reasons: list[str] = []
        self._unkept = 0
        """Entries found since what is known was kept."""
        self._complete_us: int | None = None
        """The time as of which the archive has everything, as it says itself."""
        self._doing, self._before = "counting", ""

    def describe(self) -> str:
        """What it does now."""
        added = f"{counted(self._archive.added, 'entry', 'entries')} added"
        return f"{self._doing if self.walk is None else self._before + self.walk.describe()} · {added}"

    def tells(self, wait: Wait) -> bool:
        """Whether `describe` tells of this wait."""
        return self.walk is not None and self.walk.tells(wait)

    async def go(self) -> Outcome:
        """Collect. Raises `AuditLogError`; what the archive has then is whole, and another run goes on."""
        self._known = self._read_known()
        page = await self._ask({**self._plan.params, **self._limits})
        for entry in page.entries:
            self._log.server_support.ignored |= self._plan.violations(entry)
        try:
            await self._go(page)
        except ApiError:
            await self._finish()
            raise
        if not self._reasons and self._since is None and self._until is None and page.served_at is not None:
            self._complete_us = (page.served_at - _EPOCH) // timedelta(microseconds=1)
        await self._finish()
        return Outcome(page.served_at, tuple(dict.fromkeys(self._reasons)))

    async def _go(self, page: Page) -> None:
        """`page` is the smallest one."""
        if page.entries and await self._counts_usable(page):
            await self._collect_changes(page.total_count or 0)
        elif page.entries or page.total_count or not page.last:
            self.told = "This server does not count by time, so everything was fetched again."
            await self._collect(self._within(self._since, self._until))
        else:  # nothing matches
            self._known.forget(*self._hours_asked)

    # -- what is to be fetched ---------------------------------------------------------------------------------

    async def _counts_usable(self, page: Page) -> bool:
        """Whether the server's counts tell what changed: it honours all that is asked, and counts by exact bounds."""
        api, support = self._api, self._log.server_support
        usable = await support.slices_usable(api)
        await support.prove(api, self._plan.params)
        self._plan = plan(self._query, frozenset(support.ignored))
        if not usable or not support.proven(self._plan.params) or page.total_count is None:
            return False
        self._oldest, self._newest = [await self._end(sort) for sort in (OLDEST_FIRST, NEWEST_FIRST)]
        if self._oldest is None or self._newest is None:
            return False
        us = time_of(self._newest) or 0  # nobody removes this one meanwhile
        second = {
            "created_at_min": rfc3339(us // _SECOND_US * _SECOND_US),
            "created_at_max": rfc3339(-(-us // _SECOND_US) * _SECOND_US),
        }
        return bool((await self._ask({**self._plan.params, **second})).entries)

    async def _end(self, sort: str) -> Entry | None:
        """The first entry in this order whose time can be read, if it is near the beginning."""
        for bound in ({}, DATED):
            page = await self._ask({**self._plan.params, **bound, **self._limits, "sort": sort})
            if dated := [entry for entry in page.entries if time_of(entry) is not None]:
                return dated[0]
        return None

    async def _collect_changes(self, total: int) -> None:
        """Fetch the hours that have other entries than when they were fetched before; `total` is the count of all."""
        first, last = ((time_of(each) or 0) // HOUR_US for each in (self._oldest, self._newest) if each is not None)
        since, until = self._hours_asked
        low, high = max(first, since), min(last + 1, until)
        self._known.forget(since, low)
        self._known.forget(high, until)
        for _ in range(TRIES if low < high else 0):
            self._reasons.clear()
            changes = Changes(self._ask, self._plan.params, self._known, total)
            await self._collect_spans(await changes.find(low, high))
            if not self._reasons:
                break
        if self._since is None and self._until is None:
            await self._collect_others(low)

    async def _collect_spans(self, spans: Sequence[Span]) -> None:
        for span in spans:
            self._known.forget(span.low, span.high)
        for number, span in enumerate(spans, 1):
            self._before = f"{count(number)} of {count(len(spans))} · " if len(spans) > 1 else ""
            await self._collect(self._within(span.low, span.high, _SECOND_US), span)

    async def _collect_others(self, low: int) -> None:
        """Fetch the entries that match no bound: those whose time is absent or can't be read, for example."""
        self._before, self._doing = "", "looking for entries without a time"
        bound = {"created_at_min": rfc3339(low * HOUR_US - _SECOND_US), "created_at_max": "9999-12-31T23:59:59Z"}
        others = await count_others(self._ask, self._plan.params, bound)
        at_ends = await self._undated_at_ends() if others != 0 and self._plan.residual is None else 0
        if others is not None and (others <= at_ends or others == self._known.others):
            self._known.others = max(0, others)
        elif await self._collect(self._query) and others is not None:
            self._known.others = others

    async def _undated_at_ends(self) -> int:
        """Take the entries without a time that the log begins or ends with; returns how many there are."""
        found: dict[str, Entry] = {}
        for sort in (OLDEST_FIRST, NEWEST_FIRST):
            cursor: str | None = None
            while True:
                page = await self._api.list({**self._plan.params, "sort": sort}, limit=PAGE, cursor=cursor)
                fresh = {e.raw: e for e in page.entries if time_of(e) is None and e.raw not in found}
                found |= fresh
                cursor = page.next_cursor
                if not fresh or cursor is None:
                    break
        return len(found)

    # -- requests ----------------------------------------------------------------------------------------------

    async def _ask(self, params: Mapping[str, str]) -> Page:
        return await self._api.list(params, limit=SMALLEST_PAGE)

    @property
    def _hours_asked(self) -> tuple[int, int]:
        first, last = _ALL_HOURS
        return first if self._since is None else self._since, last if self._until is None else self._until

    @property
    def _limits(self) -> Mapping[str, str]:
        """The bounds of `since` and `until`."""
        bounds = bounds_of(*self._hours_asked)
        given = {"created_at_min": self._since, "created_at_max": self._until}
        return {name: bound for name, bound in bounds.items() if given[name] is not None}

    def _within(self, low: int | None, high: int | None, more_us: int = 0) -> Query:
        """The query, from hour `low` up to `high`, and so much more at both ends."""
        if low is None and high is None:
            return self._query
        ends = (
            (None if low is None else low * HOUR_US - more_us),
            (None if high is None else high * HOUR_US + more_us),
        )
        first, last = (None if us is None else Instant(max(FIRST, min(us, LAST))) for us in ends)
        return Query((*self._query.terms, Term("created", (Times(first, last),))))

    async def _collect(self, query: Query, span: Span | None = None) -> bool:
        """Fetch everything that matches and add what the archive lacks; returns whether nothing is missing.

        After an error, what had arrived is added. Raises `AuditLogError`.
        """
        with closing(EntryStore()) as store:
            store.seen = Unseen()
            log = Log(self._api, store, self._log.parallel)
            log.server_support = self._log.server_support
            self.walk = walk = Walk(log, query)
            try:
                await walk.begin()
                await walk.go(UNBOUNDED, self._api.drop_stored(store))
            except ApiError:
                await self._add_rows(walk)
                raise
            await self._add_rows(walk)
            reason = walk.reason()
            if reason:
                self._reasons.append(reason.rstrip("."))
            elif span is not None:
                self._known.learn(span, _rows(store, walk.view.feed.run))
            self.walk = None
            self._unkept += len(walk.view)
        if self._unkept >= MOST:
            await self._keep()
        return not reason

    # -- the archive -------------------------------------------------------------------------------------------

    async def _add_rows(self, walk: Walk) -> None:
        """Add what a walk has found."""
        store, run = walk.view.log.store, walk.view.run
        for stretch in stretches(range(run.first, run.after), PORTION, way=-1):
            texts = all_raws(store, run, stretch)[::-1]  # from day to day, as walk follows walk
            for text in texts:
                self._api.noted.pop(text, None)
            await self._take([read_entry(text) for text in texts])
            await give_way()
        for first in range(1, store.size + 1 if self._plan.residual is None else 1, PORTION):
            texts = left_out(store, run, first, first + PORTION)  # where the walk began again
            self._api.noted |= {text: read_entry(text) for text in texts}
            await give_way()

    async def _finish(self) -> None:
        await self._api.settle()
        await self._add_noted()
        await self._keep()

    async def _add_noted(self) -> None:
        """Add what came and is in no walk: a server that removes entries may not have sent them again."""
        noted, self._api.noted = self._api.noted.values(), {}
        if self._plan.residual is None:
            found = [entry for entry in noted if not self._plan.violations(entry) and self._is_asked(entry)]
            await self._take(sorted(found, key=lambda entry: day_of(time_of(entry))))

    def _is_asked(self, entry: Entry) -> bool:
        """Whether it is in the hours asked for."""
        us, (since, until) = time_of(entry), self._hours_asked
        return (since, until) == _ALL_HOURS or (us is not None and since * HOUR_US <= us <= until * HOUR_US)

    async def _take(self, entries: Sequence[Entry]) -> None:
        while len(rest := entries[self._archive.take(entries) :]):
            await _to_its_end(self._archive.flush)
            entries = rest

    def _read_known(self) -> Known:
        state = self._archive.read_state()
        self._complete_us = None if state is None else state.complete_us
        try:
            return msgspec.json.decode(b"{}" if state is None else state.known, type=Known)
        except msgspec.MsgspecError:
            return Known()

    async def _keep(self) -> None:
        """Make a part of what was taken, then keep what is known, for the next run."""
        self._unkept = 0
        await _to_its_end(self._archive.flush)
        self._archive.write_state(msgspec.json.encode(self._known), self._complete_us)


class _NotingApi(ForwardingApi):
    """The API. `noted` are the entries that came, by their JSON, until an archive has them.

    A walk drops what it fetched ahead when the log changes, and then the server may have removed it already.
    """

    def __init__(self, api: AuditLogApi) -> None:
        super().__init__(api)
        self.noted: dict[str, Entry] = {}
        self._under_way: set[asyncio.Task[Page]] = set()

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        """As the API's. Being cancelled takes up to `LAST_ANSWER_S`, as the server may be sending its answer."""
        task = asyncio.create_task(super().list(params, limit=limit, cursor=cursor))
        self._under_way.add(task)
        task.add_done_callback(self._note)
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            await self.settle(task)
            raise
        return task.result()

    def _note(self, task: asyncio.Task[Page]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and task.exception() is None:
            self.noted |= {entry.raw: entry for entry in task.result().entries}

    async def settle(self, *tasks: asyncio.Task[Page]) -> None:
        """Wait up to `LAST_ANSWER_S` for requests (by default for all that are under way), then end them."""
        waiting = tasks or tuple(self._under_way)
        if not waiting:
            return
        try:
            await asyncio.wait(waiting, timeout=LAST_ANSWER_S)
        finally:
            for task in waiting:
                task.cancel()

    def drop_stored(self, store: EntryStore) -> Callable[[], None]:
        """What, called after each page, drops what is in the store from `noted` where that has become much."""
        passed = 0

        def drop() -> None:
            nonlocal passed
            while len(self.noted) > MOST and passed < store.size:
                first, passed = passed + 1, min(passed + PORTION, store.size)
                for text in stored(store, first, passed + 1):
                    self.noted.pop(text, None)

        return drop


def _rows(store: EntryStore, run: Run) -> Iterator[Row]:
    for first in range(0, len(run), PORTION):
        yield from store.window(run, first, PORTION)


async def _to_its_end(work: Callable[[], None]) -> None:
    """Do the work in a thread; being cancelled waits for its end."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    cancelled = await wait_for_end(task)
    task.result()
    if cancelled is not None:
        raise cancelled


# -- the command -----------------------------------------------------------------------------------------------------


def check_collectable(query: Query) -> None:
    """Raise `QueryError` for a filter that an archive can't be kept by."""
    for term in query.terms:
        field = field_of(term.key)
        if term.key in ("created", "last"):
            raise _refused(term, "An archive goes on in time.", "Use --since and --until to collect a part of it.")
        if term.key == "sort":
            raise _refused(term, "An archive is sorted by time.", "Take it out.")
        if field.of_marks:
            raise _refused(
                term, "What is marked and noted does not come from the log.", "Take it out, or use export."
            )
    if plan(query).entry_id is not None:
        term = next(term for term in query.terms if term.key == "id")
        raise _refused(term, "An ID names one entry.", "Use get.")


def _refused(term: Term, why: str, hint: str) -> QueryError:
    return QueryError(why, term.start, term.end, hint)


async def collect(settings: Settings, text: str, options: CollectOptions, progress: Progress) -> ExitStatus:
    """Bring an archive up to date with the log. Raises `AuditLogError`."""
    check_installed()
    async with AsyncExitStack() as stack:
        session = Session(settings)
        stack.push_async_callback(session.close)
        session.connect()
        log = session.open_log(progress.on_wait)
        _, query = await read_query(text, log, settings, check_collectable)
        since, until = await _hours(log, settings, options)
        profile = f" with profile {settings.profile}" if settings.profile else ""  # organizations never mix
        endpoint = f"{settings.log_name}{profile}"
        with Archive(Path(options.folder), Origin(endpoint, format_query(query))) as archive:
            running = Collecting(log, query, archive, since, until)
            progress.describe, progress.tells = running.describe, running.tells
            try:
                async with progress.shown():
                    outcome = await running.go()
            except (asyncio.CancelledError, KeyboardInterrupt):
                print_note(f"Stopped. {_added(archive)} The same command goes on.")
                raise
            except AuditLogError:
                if archive.added:
                    print_note(f"{_added(archive)} The same command goes on.")
                raise
            if not options.quiet:
                _tell(log, running)
            return _end(archive, outcome, _of_span(since, until), quiet=options.quiet)


async def _hours(log: Log, settings: Settings, options: CollectOptions) -> tuple[int | None, int | None]:
    """The hours that `--since` and `--until` are in. Raises `SettingsError` and `ApiError`."""
    if not (options.since or options.until):
        return None, None
    await log.learn_clock()
    now_us, zone = log.now_us(), read_zone(settings.zone).zone
    found: list[int | None] = []
    for name, text in (("--since", options.since), ("--until", options.until)):
        try:
            found.append(read_moment(text, now_us, zone) if text else None)
        except QueryError as error:
            raise SettingsError(f"{name} {safe(text, 60)}: {error} Write {MOMENT_HINT}.") from error
    since, until = found
    if since is not None and until is not None and since >= until:
        raise SettingsError("--since is not before --until.")
    return None if since is None else since // HOUR_US, None if until is None else -(-until // HOUR_US)


def _added(archive: Archive) -> str:
    parts = f" in {counted(archive.parts_added, 'part')}" if archive.added else ""
    return f"{counted(archive.added, 'new entry', 'new entries')}{parts}; {count(archive.manifest.rows)} in all."


def _tell(log: Log, running: Collecting) -> None:
    if running.told:
        print_note(running.told)
    if slow := clock_skew(log.api.clock_offset_us):
        print_note(f"{slow}.")


def _of_span(since: int | None, until: int | None) -> str:
    ends = ((" from ", since), (" up to ", until))
    return "".join(f"{word}{moment(hour * HOUR_US, UTC)}" for word, hour in ends if hour is not None)


def _end(archive: Archive, outcome: Outcome, of_span: str, *, quiet: bool) -> ExitStatus:
    """Say how it ended, in a line; returns the exit status."""
    as_of = of_span
    if outcome.as_of is not None:
        as_of += f" as of {moment((outcome.as_of - _EPOCH) // timedelta(microseconds=1), UTC)}"
    added = f"{shown(archive.folder)}: {_added(archive)}"
    if outcome.complete:
        if not quiet:
            print_note(f"COMPLETE{as_of}. {added}")
        return ExitStatus.DONE
    print_note(f"INCOMPLETE{as_of}: {safe('. '.join(outcome.reasons), 500)}. {added}")
    return ExitStatus.INCOMPLETE
