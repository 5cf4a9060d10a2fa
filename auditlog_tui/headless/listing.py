"""Walks a query to its end without a screen, writing rows as they arrive.

Output can't be corrected later, as a screen can. So every parameter is tested on the server first, and rows are
held back if the server is not known to sort as requested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from auditlog_tui.entries.contract import OLDEST_FIRST, PAGE
from auditlog_tui.entries.models import Entry
from auditlog_tui.errors import AuditLogError
from auditlog_tui.evidence.formats import Writer
from auditlog_tui.headless.streams import Out
from auditlog_tui.log.log import Log
from auditlog_tui.log.server_support import SMALLEST_PAGE
from auditlog_tui.log.walk import Walk
from auditlog_tui.query import Query, plan
from auditlog_tui.query.seen_values import Seen
from auditlog_tui.store import UNBOUNDED
from auditlog_tui.store.entries import EntryStore, Row, Run, Stretch
from auditlog_tui.store.scans import raws, stretches, text_of, with_versions

PORTION = 1_000
"""Rows written in one go."""


class Printer:
    """Writes rows of the store in one format, after a header."""

    def __init__(self, store: EntryStore, writer: Writer, out: Out) -> None:
        self._store = store
        self._writer = writer
        self._out = out
        self._begun = False
        self._versions: dict[str, list[str]] = {}
        """By key of an entry with several versions: the JSON texts written so far."""

    def rows(self, run: Run, first: int, count: int) -> None:
        if self._writer.raw:
            self.header()
            self._out.lines(self._writer.raw_lines(self._texts(run, Stretch(run.first + first, count))))
            return
        rows = self._store.window(run, first, count)
        self._writer.prepare(rows)
        self.header(rows)
        self._out.lines(self._writer.lines(rows))

    def _texts(self, run: Run, stretch: Stretch) -> list[str]:
        """The JSON texts of these rows: every version of each entry, the one shown first."""
        texts = raws(self._store, run, stretch)
        if not self._store.versioned:
            return texts
        rows = self._store.window(run, stretch.position - run.first, stretch.count)
        found: list[str] = []
        for row, text in zip(rows, texts, strict=True):
            versions = [text, *self._store.versions(row.n)] if row.versions else [text]
            if row.versions:
                self._versions[row.key] = versions
            found += versions
        return found

    def later_versions(self, run: Run, count: int) -> None:
        """Write versions that arrived after their row was written, for the first `count` rows of a run."""
        if not (self._writer.raw and self._store.versioned):
            return
        for stretch in stretches(range(run.first, run.first + count), PORTION):
            for n in with_versions(self._store, run, stretch):
                row = self._store.window(run, self._store.row_of(run, n) or 0, 1)[0]
                written = self._versions.get(row.key) or self._kept(self._store.number(row.key) or n)
                later = [text for text in (*self._kept(n), *self._store.versions(n)) if text not in written]
                self._versions[row.key] = [*written, *later]
                self._out.lines(self._writer.raw_lines(later))

    def _kept(self, n: int) -> list[str]:
        """The JSON text of a version, unless it was written without being kept."""
        return [raw] if (raw := text_of(self._store, n)) is not None else []

    def entry(self, entry: Entry) -> None:
        """Write one entry that is not in a run."""
        run = self._store.new_run()
        self._store.append(run, self._store.add([entry]))
        self.rows(run, 0, 1)

    @property
    def raw(self) -> bool:
        """Whether entries are written from their JSON."""
        return self._writer.raw

    def texts(self, raws: Sequence[str]) -> None:
        """Write entries from their JSON texts."""
        self._out.lines(self._writer.raw_lines(raws))

    def line(self, text: str) -> None:
        """Write a line that is no row."""
        self._out.lines([text])

    def header(self, rows: Sequence[Row] = ()) -> None:
        if not self._begun:
            self._begun = True
            self._out.lines(self._writer.header(rows))


class Listing:
    """Writes the entries of a query as they arrive, at most `limit`.

    `written` is the number written; while `writing`, some of the next ones may be as well.
    """

    def __init__(self, walk: Walk, printer: Printer, limit: int | None = None) -> None:
        self.written = 0
        self.writing = False
        self._walk = walk
        self._printer = printer
        self._limit = UNBOUNDED if limit is None else limit
        self._run: Run | None = None
        self._next = 0
        self._before: list[tuple[Run, int]] = []
        self._whole = False

    async def go(self) -> str:
        """Write everything; returns a sentence on what is missing, if anything. Raises `AuditLogError`, `OSError`."""
        walk, view = self._walk, self._walk.view
        await walk.begin()
        self._whole = view.plan.local_order or not await walk.order_shown()
        disordered = ""
        # Rows are written as they come and are not read again: only what tells them apart has to be stored.
        view.log.store.passing = self._printer.raw and not self._whole and view.plan.residual is None
        try:
            self._on_page()
            await walk.go(UNBOUNDED if self._whole else self._limit, self._on_page)
            if view.plan.local_order and not self._whole:
                disordered = "The server left the order that it was asked for." if self.written else ""
                self._whole = True
                await walk.go(UNBOUNDED, self._on_page)
        except AuditLogError:
            self._write_rest()
            raise
        self._write_rest()
        self._printer.header()
        return disordered or ("" if self.written >= self._limit else walk.missing())

    def _on_page(self) -> None:
        if not self._whole and not self._walk.view.plan.local_order:
            self._write(self._walk.view.run)

    def _write_rest(self) -> None:
        """Write the rows that were held back: by now the view has sorted what the server did not."""
        self._write(self._walk.view.run)
        if self._run is not None:
            for run, count in (*self._before, (self._run, self._next)):
                self._printer.later_versions(run, count)

    def _write(self, run: Run) -> None:
        """Write the rows of a run, except those written before from it or from a run that it replaced."""
        if run is not self._run:
            if self._run is not None and self._next:
                self._before.append((self._run, self._next))
            self._run, self._next = run, 0
        while self._next < len(run) and self.written < self._limit:
            count = min(PORTION, len(run) - self._next, self._limit - self.written)
            for first, length in self._unwritten(run, self._next, count):
                self.writing = True
                self._printer.rows(run, first, length)
                self.written += length
                self.writing = False
            self._next += count

    def _unwritten(self, run: Run, first: int, count: int) -> Iterator[tuple[int, int]]:
        if not self._before:
            yield first, count
            return
        for row, entry in enumerate(self._numbers(run, first, count), first):
            if not any(self._was_written(entry, *before) for before in self._before):
                yield row, 1

    def _numbers(self, run: Run, first: int, count: int) -> list[int]:
        return [row.n for row in self._walk.view.log.store.window(run, first, count)]

    def _was_written(self, entry: int, run: Run, count: int) -> bool:
        row = self._walk.view.log.store.row_of(run, entry)
        return row is not None and row < count


async def count_matching(log: Log, query: Query, watch: Callable[[Walk], None]) -> tuple[int, str]:
    """How many entries match, and a sentence on what is missing, if anything. Raises `AuditLogError`.

    The server counts if it evaluates the whole query and is known to honour every parameter. Else the log is
    walked, and `watch` gets the walk.
    """
    query = Query(tuple(term for term in query.terms if term.key != "sort"))
    total = await _total(log, query)
    if total is not None:
        return total, ""
    walk = Walk(log, query)
    watch(walk)
    await walk.begin()
    await walk.go(UNBOUNDED)
    return len(walk.view), walk.missing()


async def _total(log: Log, query: Query) -> int | None:
    """The server's count, if it is known to be of this query."""
    planned = plan(query, frozenset(log.server_support.ignored))
    if planned.residual is not None or planned.entry_id is not None:
        return None
    page = await log.api.list(planned.params, limit=SMALLEST_PAGE)
    for entry in page.entries:
        log.server_support.ignored |= planned.violations(entry)
    here = len(page.entries)
    total = page.total_count
    if total is None or total < here or page.unclear or page.last != (total == here):
        return None
    if not here:
        return 0  # the walk is complete
    if log.server_support.proven(planned.params):
        return total
    # The log is not empty, so a canary value that counts 0 proves a parameter, if the count itself stays the same.
    await log.server_support.prove(log.api, planned.params)
    obeyed = log.server_support.proven(planned.params) and log.server_support.ignored.isdisjoint(planned.params)
    if not obeyed or not planned.params:
        return total if obeyed else None
    again = await log.api.list(planned.params, limit=SMALLEST_PAGE)
    return again.total_count if again.total_count in (total, total + 1) else None


async def seen_of(log: Log, query: Query) -> Seen:
    """A sample of the log's values: its newest page, its oldest entries, the query's values in lower case.

    Raises `AuditLogError`.
    """
    seen = Seen()
    seen.take((await log.api.list({}, limit=PAGE)).entries)
    seen.take((await log.api.list({"sort": OLDEST_FIRST}, limit=SMALLEST_PAGE)).entries)
    lower = {name: value.lower() for name, value in plan(query).params.items() if name in _CASED}
    for name, value in lower.items():
        if value != plan(query).params[name]:
            seen.take((await log.api.list({name: value}, limit=SMALLEST_PAGE)).entries)
    return seen


_CASED = ("action", "actor_id", "target_id", "target_type")
"""Parameters whose values are case-sensitive."""
