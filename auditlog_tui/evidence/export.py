"""Writes entries to a file as evidence: all that match a query, those around marked ones, or what is loaded.

What arrives goes to the part beside the file (`part`), page by page. Once everything is there, the ending makes the
file out of it, which gets its name only when it is whole and on the disk. Nothing is ever overwritten. An export that
is broken off at any point leaves the part, and the same export goes on with it: the feed takes back what is in it,
asks for the last entry once more, and then checks the whole against the server's count as if nothing had happened.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BufferedWriter, FileIO
from pathlib import Path
from typing import TypeVar

from msgspec import structs

from auditlog_tui.api.client import AuditLogApi, ForwardingApi
from auditlog_tui.api.retry import Wait
from auditlog_tui.entries.models import Entry, Page, read_entry
from auditlog_tui.errors import ApiError, AuditLogError, ExportError, ExportRefusedError, QueryError
from auditlog_tui.evidence.endings import encoded, restored_line
from auditlog_tui.evidence.formats import one_line
from auditlog_tui.evidence.forms import BUNDLE
from auditlog_tui.evidence.part import MOVE_AWAY, Checkpoint, Finished, Part, Plan, Reporting, finished
from auditlog_tui.evidence.recheck import Checked, Rechecks, stated
from auditlog_tui.evidence.statement import Annotation, Ending, Rechecked, Statement
from auditlog_tui.log.feed import Feed
from auditlog_tui.log.log import Log
from auditlog_tui.log.marked_feed import FrozenMarks
from auditlog_tui.log.pace import Pace
from auditlog_tui.log.sort_order import primary_term
from auditlog_tui.log.view import View
from auditlog_tui.log.walk import Walk
from auditlog_tui.output import files
from auditlog_tui.output.files import shown
from auditlog_tui.query import Query, format_query, parse, plan
from auditlog_tui.query.freeze import is_frozen
from auditlog_tui.query.seen_values import Unseen
from auditlog_tui.query.syntax import Instant, Term, Times
from auditlog_tui.runtime import give_way, pause_left, wait_for_end
from auditlog_tui.store import UNBOUNDED
from auditlog_tui.store.entries import EntryStore, Run, Stretch
from auditlog_tui.store.scans import all_raws, keys, numbers, raws, stretches
from auditlog_tui.store.sorting import sorted_run
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import count, counted

PORTION = 1_000
"""Rows written between two turns of the event loop."""

TAKEN = 200
"""Entries of an earlier run read between two turns of the event loop."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Job:
    """What to export, and to which file.

    `form` names the ending. `typed` is the filter as typed, `query` the same with absolute times; `zone` names the
    time zone that it was read in if it depends on one. With `context_us`, the query is of marked entries, and those
    that many microseconds before and after each are exported too. `profile` is that of the settings: a part of one is
    not gone on with by another. `notes` returns the user's marks and notes by the
    entry's key, and `unread` says why some could not be read. `rechecks` returns what is known of entries that were
    asked for again. An export that is INCOMPLETE is written only if
    `incomplete` is set, and then under a name that says so unless the file itself does.
    """

    out: Path
    form: str
    ending: Ending
    typed: str
    query: Query
    endpoint: str
    profile: str
    by: str = ""
    zone: str = ""
    context_us: int = 0
    incomplete: bool = False
    notes: Callable[[], Mapping[str, Annotation]] = field(default=dict)
    unread: str = ""
    rechecks: Callable[[], Rechecks] = Rechecks

    @property
    def notes_path(self) -> Path:
        """The file of notes that lies beside entries as JSON lines."""
        return self.out.parent / f"{self.out.name.removesuffix('.jsonl')}.notes.jsonl"

    @property
    def plan(self) -> Plan:
        typed, frozen = (text.encode("utf-8", "replace").decode() for text in (self.typed, format_query(self.query)))
        return Plan(typed, self.zone, self.endpoint, self.form, self.context_us, frozen, profile=self.profile)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an export ended.

    `written` is the file, `None` if the export is INCOMPLETE and only its `part` is there. `notes` is the file beside
    it, if there is one. `resumed` entries were there from an earlier run, and `around` are there only because they
    surround marked ones. `final` says that going on with the part would end the same: the log was read to its end.
    """

    statement: Statement
    written: Path | None
    notes: Path | None
    part: Path
    resumed: int = 0
    around: int = 0
    final: bool = False

    def counted(self) -> str:
        """How many entries were written, for example `31 entries (3 marked, 28 around them)`."""
        rows, picked = self.statement.rows, self.statement.rows - self.around
        entries = counted(rows, "entry", "entries")
        if not self.statement.context_us:
            return entries
        return f"{entries} ({count(picked)} marked, {count(self.around)} around {'it' if picked == 1 else 'them'})"

    @property
    def complete(self) -> bool:
        return self.statement.verdict == "COMPLETE"

    @property
    def advice(self) -> str:
        """What to do about a part that nothing can be added to, in sentences; empty for any other."""
        if self.written is not None or not self.final:
            return ""
        return f"The log was read to its end, so going on with that ends the same. {MOVE_AWAY}"


@dataclass(frozen=True, slots=True)
class _Found:
    """The rows to export, and what is stated of them. `as_is` says that the part has just these, in order."""

    store: EntryStore
    run: Run
    query: Query
    reason: str
    total: int | None
    as_of_us: int | None
    requests: int
    as_is: bool = False
    marked: frozenset[str] | None = None
    """The keys of the rows that are not there as surroundings; `None` for all."""
    final: bool = False
    """Whether the log was read to its end, with this reason."""
    growing: Run | None = None
    """The run that `run` is a part of, and that may grow meanwhile."""


class Export:
    """One export. `on_progress` is called when `describe` changed.

    Call one of `matching`, `loaded` and `one`, once. Each raises `ExportRefusedError` if the file exists or a part
    belongs to another export, `ExportError`, and `AuditLogError` of the log. After any error, and after being
    cancelled, `part` is what there is; the same export goes on with it.
    """

    def __init__(self, job: Job, log: Log, on_progress: Callable[[], None] = lambda: None) -> None:
        self.job = job
        self.part = Part(job.out)
        self.told = ""
        """What the user should know of how it began, in a sentence."""
        self.resumed = 0
        self.walk: Walk | None = None
        """What is being fetched."""
        self.marks: FrozenMarks | None = None
        """The marks and notes that the query is about, as they are when it begins; `None` if it is not about any."""
        self._notes: Mapping[str, Annotation] | None = None
        self._log = log
        self._on_progress = on_progress
        self._doing: Callable[[], str] = lambda: "beginning"

    @property
    def from_file(self) -> bool:
        """Whether the log is a file, so that a second run finds no more than the first."""
        return self._log.origin is not None

    @property
    def plan(self) -> Plan:
        """The job's, of this log and these marks."""
        content = "" if self._log.origin is None else self._log.origin.content
        marks = "" if self.marks is None else self.marks.digest
        return replace(self.job.plan, content=content, marks=marks)

    def freeze_marks(self) -> None:
        """Keep the marks and notes as they are now, whatever the user marks meanwhile, unless they are kept already.

        `matching` does it when it begins.
        """
        if self.marks is None and plan(self.job.query).of_marks:
            self.marks, self._notes = FrozenMarks(self._log.marks()), self.job.notes()

    # -- scopes ------------------------------------------------------------------------------------------------

    async def matching(self) -> Outcome:
        """Export every entry that matches, with its surroundings if they are asked for."""
        await _undisturbed(self._check_free)
        self.freeze_marks()
        with self.part, closing(EntryStore()) as store:
            self._check_notes_free()
            store.seen = Unseen()
            walker = _Walker(self, self._log, store)
            if not self.job.context_us:
                return await self._finish(await walker.all_that_match())
            try:
                return await self._finish(await walker.surroundings())
            except BaseException:
                self.part.remove()  # nothing can go on with it
                raise

    async def loaded(self, view: View) -> Outcome:
        """Export the rows of a view as they stand."""
        summary = view.summary()
        total = None if summary.filtered else summary.total
        of = f" of {count(total)}" if total is not None else ""
        part = f"only what was loaded is here: {counted(len(view), 'entry', 'entries')}{of}"
        reason = "" if summary.complete else ". ".join(filter(None, (summary.reason, part)))
        as_of_us, sent, run = _us(summary.as_of), view.feed.requests, view.run
        found = _Found(view.log.store, copy(run), view.query, reason, total, as_of_us, sent, growing=run)
        return await self._given(found)

    async def one(self, view: View, n: int) -> Outcome:
        """Export entry `n` of the store of a view."""
        store = view.log.store
        run = store.new_run()
        store.append(run, [n])
        as_of_us = None if view.marked else _us(view.summary().as_of)  # that of marks is not the entry's
        sent = view.feed.requests
        return await self._given(_Found(store, run, self.job.query, "", 1, as_of_us, sent))

    async def _given(self, found: _Found) -> Outcome:
        """Export rows that are there already: no part is needed but to hold the file's name."""
        await _undisturbed(self._check_free)
        with self.part as part:
            if part.plan is not None:
                self._refuse_other(part.plan)
                raise ExportRefusedError(f"{shown(part.path)} is of an export that can go on. Choose another file.")
            self._check_notes_free()
            return await self._finish(found)

    # -- before anything is sent -------------------------------------------------------------------------------

    def try_out(self) -> None:
        """Write what an export begins with, and remove it again; of an `Export` that does nothing else, in a thread.

        Raises what would keep the export from beginning: `ExportRefusedError` and `ExportError`.
        """
        self._check_free()
        with self.part as part:
            if part.plan is None:
                self._check_notes_free()
                part.begin(self.plan)
                part.sync()

    def _check_free(self) -> None:
        out = self.job.out
        if not os.path.lexists(out):
            return
        ended = finished(out)
        if ended is None or not ended.is_at(out):
            raise ExportRefusedError(f"{shown(out)} exists already, and is never overwritten. Choose another file.")
        _remove(_beside(out, "new"))
        if ended.verdict != "COMPLETE":
            raise ExportRefusedError(
                f"{shown(out)} was written by an earlier run, and is INCOMPLETE. Move it away to go on, or choose"
                " another file."
            )
        for path in (_beside(out, "state"), self.part.path, _beside(out, "entries")):
            _remove(path)
        raise ExportRefusedError(f"{shown(out)} was finished by an earlier run: it is whole.")

    def _check_notes_free(self) -> None:
        path = self.job.notes_path
        if self.job.form == "jsonl" and self.part.plan is None and os.path.lexists(path):
            raise ExportRefusedError(f"{shown(path)} exists already, and is never overwritten. Choose another file.")

    def _refuse_other(self, earlier: Plan) -> None:
        """Raise `ExportRefusedError` if the part is of another export."""
        away = "Move it away, or choose another file."
        for name in ("query", "zone", "profile", "endpoint", "form", "context_us"):
            was, now = getattr(earlier, name), getattr(self.job.plan, name)
            if was != now:
                what = _CALLED[name]
                raise ExportRefusedError(
                    f"{shown(self.part.path)} is of another export: its {what} is {_quoted(was)}, not {_quoted(now)}."
                    f" {away}"
                )
        if earlier.content != self.plan.content:
            raise ExportRefusedError(f"{shown(self.part.path)} is of another file, or this one was changed. {away}")

    # -- progress ----------------------------------------------------------------------------------------------

    def describe(self) -> str:
        """What it does now, for example `12,300 of 40,000 · 8 at once, 2,140/s, 13 s left`."""
        return self._doing()

    def doing(self, describe: Callable[[], str]) -> None:
        """Something else is done from now on, and described like this."""
        self._doing = describe
        self._on_progress()

    def progressed(self) -> None:
        """What is done has come further."""
        self._on_progress()

    def tells(self, wait: Wait) -> bool:
        """Whether `describe` tells of this wait."""
        return self.walk is not None and self.walk.tells(wait)

    # -- the end -----------------------------------------------------------------------------------------------

    async def _finish(self, found: _Found) -> Outcome:
        """Make the file of the rows, and remove the part if nothing is missing."""
        self._refuse_none_marked(found)
        found = await self._oldest_first(found)
        entries, lines = self.part.path, self.part.at.lines
        complete = not self._reason(found)
        if not (complete or self.job.incomplete):
            return Outcome(self._statement(found, lines), None, None, self.part.path, self.resumed, final=found.final)
        notes = await self._notes_of(found)
        if not found.as_is:
            entries = _beside(self.job.out, "entries")
        try:
            if not found.as_is:
                lines = await self._order(found, entries)
            statement = replace(self._statement(found, lines), rechecked=self._rechecked(found))
            self.doing(lambda: f"writing {shown(self.job.out)}")
            written = await self._write(entries, notes, statement)
            beside = await self._write_notes(notes) if self.job.form == "jsonl" and notes else None
            await self._note_finished(written, statement.verdict)
            await self._publish(written, self._target(complete=complete))
        finally:
            if not found.as_is:
                _remove(entries)
            _remove(_beside(self.job.out, "new"))
        if complete:
            self.part.remove()
        around = sum(note.context for note in notes)
        return Outcome(statement, self._target(complete=complete), beside, self.part.path, self.resumed, around)

    async def _oldest_first(self, found: _Found) -> _Found:
        """A timeline begins with the oldest entry, unless the query sorts."""
        if self.job.form != "markdown" or any(term.key == "sort" for term in found.query.terms):
            return found
        cuts = found.growing.cuts if found.growing is not None else 0
        self.doing(lambda: f"{count(len(found.run))} to be sorted")
        run = await sorted_run(found.store, found.run, (("created", "asc"),))
        if found.growing is not None and found.growing.cuts != cuts:
            raise ExportError(_CHANGED)
        return replace(found, run=run, as_is=False)

    def _refuse_none_marked(self, found: _Found) -> None:
        """Raise `ExportRefusedError` if nothing was asked for: no request is made for marked entries alone."""
        if not (only := plan(found.query).only) or len(found.run) or self.job.unread:
            return
        self.part.remove()
        known = {} if self.marks is None else self.marks.by_key
        if only == "marked" and not any(mark.marked for mark in known.values()):
            raise ExportRefusedError(f"No entry is marked at {safe(self.job.endpoint, 200)}. Nothing was written.")
        raise ExportRefusedError(f"No entry that you {only} matches. Nothing was written.")

    def _target(self, *, complete: bool) -> Path:
        out = self.job.out
        if complete or self.job.ending.states_verdict:
            return out
        return out.with_name(f"{out.stem}.incomplete{out.suffix}")

    async def _notes_of(self, found: _Found) -> list[Annotation]:
        """The notes on these rows, in their order."""
        store, run = found.store, found.run
        known = self.job.notes() if self._notes is None else self._notes
        if found.marked is not None:
            return await self._with_context(found, known, found.marked)
        rows: list[tuple[int, Annotation]] = []
        for done, (key, each) in enumerate(known.items()):
            n = store.number(key)
            row = None if n is None else store.row_of(run, n)
            if row is not None and 0 <= row < len(run):
                rows.append((row, each))
            if done % 100 == 0:
                await give_way()
        return [each for _, each in sorted(rows, key=lambda pair: pair[0])]

    async def _with_context(
        self, found: _Found, known: Mapping[str, Annotation], marked: frozenset[str]
    ) -> list[Annotation]:
        notes: list[Annotation] = []
        for stretch in _all_of(found.run):
            for _, key in keys(found.store, found.run, stretch):
                each = known.get(key)
                if key not in marked:
                    notes.append(replace(each or Annotation(key), context=True))
                elif each is not None:
                    notes.append(each)
            await give_way()
        return notes

    async def _order(self, found: _Found, path: Path) -> int:
        """Write the rows in order, every version of each; returns the number of lines."""
        lines = done = 0
        self.doing(lambda: f"{count(done)} of {count(len(found.run))} in order")
        _remove(path)
        with Reporting(path), files.new(path) as file:
            growing = found.growing or found.run
            cuts = growing.cuts
            for stretch in _all_of(found.run):
                texts = [one_line(raw) for raw in all_raws(found.store, found.run, stretch)]
                _write_all(file, encoded(texts))
                lines, done = lines + len(texts), done + stretch.count
                self.progressed()
                await give_way()
                if growing.cuts != cuts:
                    raise ExportError(_CHANGED)
        return lines

    def _reason(self, found: _Found) -> str:
        """Why something is missing; empty if nothing is."""
        unread = f"notes are missing: {self.job.unread}" if self.job.unread else ""
        origin = self._log.origin
        covered = origin is not None and origin.covered_us(plan(found.query).params) is not None
        lacks = "" if origin is None or covered or origin.lacks in found.reason else origin.lacks
        return ". ".join(part.rstrip(".") for part in (found.reason, lacks, unread) if part)

    def _statement(self, found: _Found, lines: int) -> Statement:
        planned, job, reason, origin = plan(found.query), self.job, self._reason(found), self._log.origin
        offset_us, as_of_us = self._log.api.clock_offset_us, found.as_of_us
        if origin is not None and origin.dated:
            covered_us = origin.covered_us(planned.params)
            as_of_us = origin.now_us if covered_us is None else covered_us
        return Statement(
            query=job.plan.query,
            frozen=format_query(found.query),
            low_us=planned.created_min_us,
            high_us=planned.created_max_us,
            endpoint=job.endpoint,
            by=job.by,
            as_of_us=as_of_us,
            clock_offset_ms=None if offset_us is None else round(offset_us / 1000),
            requests=found.requests,
            entries=lines,
            rows=len(found.run),
            total=found.total,
            verdict="INCOMPLETE" if reason else "COMPLETE",
            reason=reason,
            picked=planned.only,
            context_us=job.context_us,
            profile=job.profile,
            resumed=bool(self.resumed),
        )

    def _rechecked(self, found: _Found) -> Rechecked | None:
        """What is known of those of these rows that were asked for again; only a bundle states it."""
        store = found.store
        here = dict[str, Checked]()
        for key, each in self.job.rechecks().checked.items() if self.job.form == BUNDLE else ():
            n = store.number(key)
            row = None if n is None else store.row_of(found.run, n)
            if row is not None and 0 <= row < len(found.run):
                here[key] = each
        return stated(here)

    async def _write(self, entries: Path, notes: list[Annotation], statement: Statement) -> Path:
        """Let the ending write its file beside the one that it will be; returns its path."""
        if self.job.form == "jsonl" and entries == self.part.path and statement.verdict == "COMPLETE":
            await _undisturbed(self.part.sync)
            return entries
        path = _beside(self.job.out, "new")
        _remove(path)
        with Reporting(path), files.new(path) as file:
            out = _Stoppable(file.fileno())
            await _in_thread(lambda: _write_ending(self.job.ending, entries, notes, statement, out), out)
        return path

    async def _write_notes(self, notes: list[Annotation]) -> Path:
        """Write the notes beside the entries. What an earlier run wrote there may stay if it is the same."""
        path, temporary = self.job.notes_path, _beside(self.job.out, "notes")
        data = encoded([note.line() for note in notes])
        _remove(temporary)
        try:
            with Reporting(temporary):
                await _undisturbed(partial(files.create, temporary, data))
            await self._publish(temporary, path, same=data)
        finally:
            _remove(temporary)
        return path

    async def _note_finished(self, written: Path, verdict: str) -> None:
        """Let the state say what gets the file's name next, for the run after one that is killed then."""
        part = self.part
        with Reporting(written):
            if written == part.path:
                ended = Finished(verdict, part.at.size, part.at.sha256)
            else:
                ended = await asyncio.to_thread(Finished.of, written, verdict)
        if part.plan is None:
            part.begin(self.plan)
        await _undisturbed(partial(part.finish, ended))

    async def _publish(self, temporary: Path, path: Path, same: bytes | None = None) -> None:
        try:
            with Reporting(path):
                await _undisturbed(partial(files.publish, temporary, path))
        except ExportError as error:
            if isinstance(error.__cause__, FileExistsError):
                if same is not None and _has(path, same):
                    return
                raise ExportRefusedError(
                    f"{shown(path)} exists already, and is never overwritten. Move it away and run it again."
                ) from error
            raise


_CHANGED = "The rows changed while they were written. Export them again."
_CALLED = {
    "query": "filter", "zone": "time zone", "profile": "profile", "endpoint": "API address", "form": "format",
    "context_us": "--with-context in microseconds",
}  # fmt: skip


class _Walker:
    """Fetches what an export asks for, and lets it go to the part as it arrives."""

    def __init__(self, export: Export, log: Log, store: EntryStore) -> None:
        self._export = export
        self._api = _OneLineApi(log.api)
        self._log = Log(self._api, store, log.parallel)
        if (marks := export.marks) is not None:
            self._log.marks = lambda: marks
        self._log.server_support.ignored |= log.server_support.ignored
        self._part = export.part
        self._job = export.job
        self._feed: Feed | None = None
        self._written = self._noted = 0
        """The position after the rows that are in the part, and the versions that are."""
        self._sent_earlier = 0
        self._pace = Pace(lambda: 1)

    async def all_that_match(self) -> _Found:
        view = await self._resumed()
        if view is None:
            view = self._begun(self._job.query)
            self._log.store.passing = self._passes_on(view)
        walk = Walk(self._log, view.query, view)
        try:
            reason = await self._go(walk)
        except ApiError as error:
            if not (self._job.incomplete and len(view.feed.run)):
                raise
            reason = f"{error} {walk.reason()}"
        as_is = view.run is view.feed.run and not self._log.store.versioned
        if not as_is:
            await self._complete()
        total, as_of = view.feed.total, view.feed.as_of
        proven = self._log.server_support.proven(view.feed.plan.params)
        total = total if proven and view.plan.residual is None else None
        final = bool(reason) and view.feed.complete and not (self._log.store.versioned or self._begins_anew(view))
        return _Found(
            self._log.store, view.run, view.query, reason, total, _us(as_of), self._requests, as_is, final=final
        )

    def _passes_on(self, view: View) -> bool:
        """Whether rows only have to be told apart, since the part has their texts and the file is made of it.

        A timeline is sorted here. What an earlier run has left is in the store before its log goes on.
        """
        planned = view.plan
        sorted_here = planned.local_order or self._job.form == "markdown"
        return planned.residual is None and not (sorted_here or view.marked)

    async def _complete(self) -> None:
        """Store the rows in full that were only told apart, from the part."""
        store = self._log.store
        if not store.passing:
            return
        store.passing = False
        for lines in self._part.written():
            for first in range(0, len(lines), TAKEN):
                store.add([read_entry(restored_line(line)) for line in lines[first : first + TAKEN]])
                await give_way()

    @property
    def _requests(self) -> int:
        return self._sent_earlier + self._api.requests

    async def surroundings(self) -> _Found:
        """The entries that the query finds, which are marked, and those around each."""
        if self._part.plan is not None:
            self._export._refuse_other(self._part.plan)
            self._export.told = "An export with surroundings can't go on: it began anew."
        view = self._begun(self._job.query)
        walk, store = Walk(self._log, view.query, view), self._log.store
        reasons = [await self._go(walk)]
        marked = [row for each in _all_of(view.run) for row in store.window(view.run, each.position, each.count)]
        found, as_of = store.new_run(), list[datetime]()
        windows = merged([row.created_us for row in marked if row.created_us is not None], self._job.context_us)
        for number, (low, high) in enumerate(windows, 1):
            around = Walk(self._log, Query((Term("created", (Times(Instant(low), Instant(high)),)),)))
            reasons.append(await self._go(around, f"around {count(number)} of {count(len(windows))} · "))
            await self._take(found, around.view.run)
            as_of += [around.view.feed.as_of] if around.view.feed.as_of is not None else []
        await self._take(found, view.run)
        ordered = await sorted_run(store, found, view.plan.order or (("created", "desc"),))
        reasons.append(_nothing_around(sum(row.created_us is None for row in marked)))
        reason = ". ".join(dict.fromkeys(filter(None, (each.rstrip(".") for each in reasons))))
        keys_of = frozenset(row.key for row in marked)
        as_of_us = _us(min(as_of, default=None))
        return _Found(store, ordered, view.query, reason, None, as_of_us, self._requests, marked=keys_of)

    async def _take(self, run: Run, rows: Run) -> None:
        """Add the entries of another run."""
        for stretch in _all_of(rows):
            self._log.store.append(run, [n for _, n in numbers(self._log.store, rows, stretch)])
            await give_way()

    # -- the part ----------------------------------------------------------------------------------------------

    def _begun(self, query: Query) -> View:
        """A view with nothing in it, and an empty part."""
        self._begin(self._export.plan)
        view = View(self._log, query)
        self._follow(view.feed)
        return view

    def _begin(self, plan: Plan) -> None:
        self._part.begin(replace(plan, ignored=tuple(sorted(self._log.server_support.ignored))))

    async def _resumed(self) -> View | None:
        """A view with what an earlier run has fetched; `None` if there is nothing to go on with."""
        earlier = self._part.plan
        if earlier is None:
            return None
        self._export._refuse_other(earlier)
        if earlier.marks != self._export.plan.marks:
            self._export.told = "Marks or notes were changed since it began, so it began anew with those of now."
            return None
        self._log.server_support.ignored |= set(earlier.ignored)
        try:
            view = View(self._log, parse(earlier.frozen))
            if not _freezes_to(self._job, view.query):
                raise ValueError("another query")
        except (QueryError, ValueError) as error:
            raise ExportRefusedError(f"{shown(self._part.path)} has a state that was changed. {MOVE_AWAY}") from error
        if self._begins_anew(view):
            self._export.told = "" if view.marked else "An export in this order can't go on: it began anew."
            return None
        done = 0
        self._export.doing(lambda: f"{count(done)} of {count(self._part.at.lines)} from the run before")
        for lines in self._part.lines():
            for first in range(0, len(lines), TAKEN):
                await self._take_back(view.feed, lines[first : first + TAKEN])
                done += len(lines[first : first + TAKEN])
                self._export.progressed()
                await give_way()
        if self._log.store.versioned:  # how many records the server has of them is not in the part
            self._export.told = "An entry came in two versions, so the export can't go on: it began anew."
            return None
        self._export.resumed, self._sent_earlier = len(view.feed.run), self._part.at.requests
        self._follow(view.feed)
        return view

    def _begins_anew(self, view: View) -> bool:
        """Whether another run can't go on with a part of this view."""
        sort = primary_term(view.feed.plan.params.get("sort", "created_at:desc"))
        return view.marked or not sort.startswith("created_at")

    async def _take_back(self, feed: Feed, lines: Sequence[bytes]) -> None:
        at = self._part.at
        as_of = None if at.as_of_us is None else _EPOCH + timedelta(microseconds=at.as_of_us)
        await feed.take_back([read_entry(restored_line(line)) for line in lines], at.total, as_of, at.pages)

    def _follow(self, feed: Feed) -> None:
        """From now on, what is added to this feed goes to the part; what is there is in it."""
        self._feed, self._written, self._noted = feed, feed.run.after, feed.run.noted

    async def _go(self, walk: Walk, before: str = "") -> str:
        """Fetch everything; returns why something is missing, if it is. Raises `AuditLogError`."""
        self._pace, self._export.walk = Pace(lambda: 1), walk
        self._export.doing(lambda: before + self._describe(walk.view))
        on_page = partial(self._on_page, walk.view)
        await walk.more(1, on_page)
        await walk.view.prove()
        on_page()
        await walk.go(UNBOUNDED, on_page)
        on_page()
        return walk.reason()

    def _on_page(self, view: View) -> None:
        """Write what has come to the part. Where the view has begun again, the part does too."""
        feed = view.feed
        if feed is self._feed and self._export.resumed and not self._joined(feed):
            self._export.progressed()
            return
        if feed is not self._feed:
            if not self._job.context_us:
                self._begin(self._part.plan or self._export.plan)
            self._feed, self._written, self._noted = feed, feed.run.first, 0
        while texts := self._next_texts(feed.run):
            self._part.append(encoded([one_line(text) for text in texts]), self._checkpoint(feed, len(texts)))
        self._pace.note(len(feed.run), None if feed.total is None else max(0, feed.total - len(feed.run)))
        self._export.progressed()

    def _joined(self, feed: Feed) -> bool:
        """Whether the log goes on from what is in the part. Raises `ExportRefusedError` if it does not."""
        if feed.lost_joint:
            raise ExportRefusedError(
                f"The log no longer has the last entry of {shown(self._part.path)} as it is there, so the export"
                f" can't go on: it is another log, or entries of it are gone or changed. The part stays. {MOVE_AWAY}"
            )
        return feed.older_end.joint is None

    def _next_texts(self, run: Run) -> list[str]:
        store = self._log.store
        stretch = Stretch(self._written, min(PORTION, run.after - self._written))
        texts = raws(store, run, stretch) if stretch.count else []
        self._written = stretch.end
        if store.versioned and self._written == run.after:
            texts += [store.entry(n).raw for _, n in store.versions_since(run, self._noted)]
            self._noted = run.noted
        return texts

    def _checkpoint(self, feed: Feed, lines: int) -> Checkpoint:
        return Checkpoint(
            lines=self._part.at.lines + lines,
            total=feed.total,
            as_of_us=_us(feed.as_of),
            requests=self._requests,
            pages=feed.older_end.pages,
        )

    def _describe(self, view: View) -> str:
        """For example `12,300 of 40,000 · 8 at once, 2,140/s, 13 s left`."""
        try:
            summary = view.summary()
        except AuditLogError:
            return ""
        of = f" of {count(summary.total)}" if summary.total is not None else ""
        found = f"{count(summary.rows)} found · " if summary.filtered else ""
        pace = ", ".join(self._pace.speed()) if view.pace is None else view.pace.text(short=True)
        return " · ".join(filter(None, (f"{found}{count(summary.loaded)}{of}", pace)))


def _freezes_to(job: Job, frozen: Query) -> bool:
    """Whether the job's query, as typed, can have been this one at some time."""
    now = parse(job.plan.frozen)
    if format_query(now) == format_query(frozen):
        return True
    return not is_frozen(parse(job.typed)) and _without_times(now) == _without_times(frozen)


def _without_times(query: Query) -> list[Term]:
    return [
        structs.replace(
            term, start=0, end=0, values=tuple(Times(None, None) if isinstance(v, Times) else v for v in term.values)
        )
        for term in query.terms
    ]


def _nothing_around(undated: int) -> str:
    """The reason why the surroundings of so many marked entries are missing; empty for none."""
    if not undated:
        return ""
    have = "has" if undated == 1 else "have"
    return (
        f"{counted(undated, 'marked entry', 'marked entries')} {have} no readable time, so what is around is missing"
    )


def merged(times: Sequence[int], around_us: int) -> list[tuple[int, int]]:
    """The windows of so many microseconds around these times, latest first; those that overlap are one."""
    found: list[tuple[int, int]] = []
    for us in sorted(times, reverse=True):
        if found and us + around_us >= found[-1][0]:
            found[-1] = us - around_us, found[-1][1]
        else:
            found.append((us - around_us, us + around_us))
    return found


class _OneLineApi(ForwardingApi):
    """The API with each entry's JSON on one line, as an export writes it: so a part has what the log has.

    It counts the `requests` that were answered: of one under way, nobody knows whether it gets to the server.
    """

    def __init__(self, api: AuditLogApi) -> None:
        super().__init__(api)
        self.requests = 0

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        page = await super().list(params, limit=limit, cursor=cursor)
        self.requests += 1
        if any(_has_breaks(entry) for entry in page.entries):
            page = structs.replace(page, entries=tuple(map(_on_one_line, page.entries)))
        return page

    async def get(self, entry_id: str) -> Entry:
        entry = await super().get(entry_id)
        self.requests += 1
        return _on_one_line(entry)


def _has_breaks(entry: Entry) -> bool:
    return "\n" in entry.raw or "\r" in entry.raw


def _on_one_line(entry: Entry) -> Entry:
    return read_entry(one_line(entry.raw)) if _has_breaks(entry) else entry


# -- files -----------------------------------------------------------------------------------------------------------


class _StoppedError(Exception):
    """The export was stopped."""


class _Stoppable(FileIO):
    """Writes to an open file from a thread, until it is told to stop. It lets what the user typed go first."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "r+b", closefd=False)
        self.stop = threading.Event()

    def write(self, data: object, /) -> int:
        if self.stop.is_set():
            raise _StoppedError
        if (left := pause_left()) > 0:
            time.sleep(left)
        return super().write(data)  # type: ignore[arg-type]  # whatever the buffer gives it


def _write_ending(
    ending: Ending, entries: Path, notes: list[Annotation], statement: Statement, out: _Stoppable
) -> None:
    buffered = BufferedWriter(out, 64 * 1024)
    try:
        ending.write(entries, notes, statement, buffered)
        buffered.flush()
        os.fsync(out.fileno())
    finally:
        with suppress(OSError, _StoppedError):  # told already
            buffered.detach()


async def _in_thread(work: Callable[[], None], out: _Stoppable) -> None:
    """Do the work in a thread; being cancelled stops it, and waits until it has."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        out.stop.set()
        with suppress(_StoppedError, OSError):
            await _finished(task)
        raise


async def _undisturbed(work: Callable[[], None]) -> None:
    """Do a short work in a thread, and wait for its end in any case."""
    await _finished(asyncio.ensure_future(asyncio.to_thread(work)))


async def _finished(task: asyncio.Future[_T]) -> _T:
    """Wait for the task, whoever cancels this meanwhile."""
    await wait_for_end(task)
    return task.result()


def _beside(out: Path, what: str) -> Path:
    return out.parent / f"{out.name}.part.{what}"


def _remove(path: Path) -> None:
    """Remove what an earlier run left there."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _write_all(file: FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) or 0 :]


def _has(path: Path, data: bytes) -> bool:
    try:
        return files.read(path, len(data), private=True) == data
    except OSError:
        return False


def _all_of(run: Run) -> list[Stretch]:
    return list(stretches(range(run.first, run.after), PORTION))


def _us(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // timedelta(microseconds=1)


def _quoted(value: object) -> str:
    return f"“{value}”" if value else "none"
