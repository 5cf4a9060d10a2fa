"""Follows the newest end of a query and writes each new entry as it comes, as `tail -f` does.

An entry is written once, in the order in which the server's answers brought it: oldest first within one answer, and a
late entry after those that came before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from auditlog_tui.api.retry import Wait
from auditlog_tui.entries.contract import PAGE
from auditlog_tui.errors import ApiError, AuditLogError, KeyRefusedError, NotPermittedError, QueryError
from auditlog_tui.headless.listing import Printer
from auditlog_tui.log.live import LiveTail
from auditlog_tui.log.log import Log
from auditlog_tui.log.polling import POLL_S, next_try, slower
from auditlog_tui.log.walk import Walk
from auditlog_tui.query import Query, field_of, plan
from auditlog_tui.query.times import FIRST
from auditlog_tui.store.entries import Stretch
from auditlog_tui.store.scans import arrived, raw_of, texts_since
from auditlog_tui.text.times import age, count, counted, rfc3339

LAST = 10
"""Matching entries that are written first, as `tail` does."""

LATE_US, MOST_LOADED = 3_600_000_000, 2_000
"""How many microseconds before the start are loaded, or how many entries: a late entry among them is known as new."""

GRACE_S = 10.0
"""Seconds that the last poll may take after the deadline."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What to write: the `last` entries there are, then new ones, at most `limit` and until `until_us`."""

    last: int = LAST
    limit: int | None = None
    until_us: int | None = None


def check_followable(query: Query) -> None:
    """Raise `QueryError` for a filter that has no newest end."""
    for term in query.terms:
        if term.key == "sort":
            hint = "Take it out, or use list."
            raise QueryError("follow writes entries in the order in which they come.", term.start, term.end, hint)
        if field_of(term.key).of_marks:
            hint = "Take it out, or use list."
            raise QueryError("What is marked and noted does not come from the log.", term.start, term.end, hint)
    if plan(query).entry_id is not None:
        term = next(term for term in query.terms if term.key == "id")
        raise QueryError("An ID names one entry, which does not change.", term.start, term.end, "Use get.")


class Following:
    """Writes the last entries of a query, then each new one.

    `written` is the number of new ones; while `writing`, some more may be. `tell` gets a line about what is or may be
    lost. `sleep` is replaced by tests.
    """

    def __init__(
        self,
        log: Log,
        query: Query,
        printer: Printer,
        extent: Extent,
        tell: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.written = 0
        self.writing = False
        self._log = log
        self._walk = Walk(log, query)
        self._view = self._walk.view
        self._printer = printer
        self._extent = extent
        self._tell = tell
        self._sleep = sleep
        self._out = log.store.new_run()
        """The entries written, in that order."""
        self._start = self._seen = 0
        """The versions stored when following began, and those looked at so far."""
        self._deep: set[str] = set()
        self._delay = POLL_S
        self._tail: LiveTail | None = None
        self._answered = 0
        """The time of the last poll that succeeded, in microseconds since 1970."""
        self._error: AuditLogError | None = None
        """The last error, while the connection is lost."""
        self._next_try = ""
        """When the next poll is after an error, for example `at 23:41:10 UTC`."""
        self._late_below = 0
        self._short = ""

    # -- the beginning -----------------------------------------------------------------------------------------

    async def begin(self) -> bool:
        """Write the last entries; returns whether the log has any entry that matches. Raises `AuditLogError`.

        Then load what is older, for late entries. That may fail: the late ones are then reported.
        """
        view = self._view
        await self._walk.begin()
        await self._walk.more(max(1, self._extent.last) - len(view))  # the view is empty if it started again
        await self._search_on()
        self._answered = self._now()
        self._printer.header()
        self._write_last()
        try:
            await self._load_recent()
        except (KeyRefusedError, NotPermittedError):
            raise
        except ApiError as error:
            self._lose(error)
        self._start = self._seen = self._log.store.size
        self._tail = LiveTail(view)
        return len(view) > 0 or not view.complete

    async def _search_on(self) -> None:
        """Search the log to its end for the last entries, and tell why if fewer are found before it."""
        view, last = self._view, self._extent.last
        if len(view) >= last or not self._view.paused:
            return
        first = f"{count(len(view))} of the last {count(last)} found so far"
        self._tell(f"{first}: searching older entries before following. With -n 0 it follows at once.")
        try:
            async with asyncio.timeout(self._left()):
                await self._walk.more(last - len(view), everything=True)
            reason = str(view.error or "the server broke off.") if view.paused else ""
        except (KeyRefusedError, NotPermittedError):
            raise
        except ApiError as error:
            reason = str(error)
        except TimeoutError:
            reason = "the deadline came."
        if reason:
            self._tell(f"Only {count(len(view))} of the last {count(last)} found, older ones are missing: {reason}")

    def _write_last(self) -> None:
        rows = self._view.window(0, self._extent.last)
        self._log.store.append(self._out, [row.n for row in reversed(rows)])
        if len(self._out):
            self._printer.rows(self._out, 0, len(self._out))

    async def _load_recent(self) -> None:
        view, low = self._view, self._log.now_us() - LATE_US
        while not view.older_done and not view.paused and len(view.feed.run) < MOST_LOADED:
            last = self._log.store.window(view.feed.run, len(view.feed.run) - 1, 1)
            if last and last[0].created_us is not None and last[0].created_us < low:
                return
            await self._walk.more(PAGE)

    # -- following ---------------------------------------------------------------------------------------------

    async def go(self) -> str:
        """Follow until the limit or the deadline; returns a sentence on what is missing then, if anything is known.

        Call `begin` before. Raises `AuditLogError`, and `OSError` if the output can't be written.
        """
        tail = self._tail
        if tail is None or not tail.possible:
            return "Incomplete: the server does not answer in the order of time, so new entries can't be told."
        while True:  # at least one poll, also if the deadline came while the last entries were searched
            await self._sleep(self._pause())
            try:
                async with asyncio.timeout(self._patience()):
                    await self._poll(tail)
            except TimeoutError:
                self._write_new()
                return f"Incomplete: no answer within {GRACE_S:.0f} s of the deadline."
            if self._done():
                return self._missing()

    def _done(self) -> bool:
        until, limit = self._extent.until_us, self._extent.limit
        return (limit is not None and self.written >= limit) or (until is not None and self._log.now_us() >= until)

    def _left(self) -> float | None:
        """Seconds until the deadline; `None` if there is none."""
        until = self._extent.until_us
        return None if until is None else max(0.0, (until - self._log.now_us()) / 1_000_000)

    def _pause(self) -> float:
        left = self._left()
        return self._delay if left is None else min(self._delay, left)

    def _patience(self) -> float | None:
        left = self._left()
        return None if left is None else left + GRACE_S

    async def _poll(self, tail: LiveTail) -> None:
        """Poll once, fetch late entries, and write what came, also before an error."""
        try:
            await tail.poll()
            self._regain(tail)
            self._write_new()
            await tail.mend()
            self._write_new()
            await self._prove()
        except ApiError as error:
            self._write_new()
            if isinstance(error, KeyRefusedError | NotPermittedError):
                raise
            self._lose(error)
            return
        self._delay, self._answered = POLL_S, self._now()
        self._tell_gaps(tail)

    async def _prove(self) -> None:
        """Test the server's parameters once something matches: only then its counts tell of late entries."""
        support, params = self._log.server_support, self._view.feed.plan.params
        if len(self._view.feed.run) and not support.proven(params):
            await support.prove(self._log.api, params)

    # -- writing -----------------------------------------------------------------------------------------------

    def _write_new(self) -> None:
        """Write the entries that came since the last call, and from JSON every other text that came for one."""
        store = self._log.store
        came = sorted({*arrived(store, self._view.matched, self._seen, self._since_us()), *self._too_deep()})
        self._seen = store.size
        numbers, texts = self._wanted(came)
        before = len(self._out)
        store.append(self._out, numbers)
        added = len(self._out) - before
        self.writing = True
        if self._printer.raw:
            self._printer.texts(texts)
        elif added:
            self._printer.rows(self._out, before, added)
        self.written += added
        self.writing = False

    def _since_us(self) -> int:
        """The time from which every entry is loaded: only from there on it is known which ones are new."""
        oldest_us = None if self._view.feed.complete else self._oldest_us()
        return FIRST if oldest_us is None else oldest_us

    def _oldest_us(self) -> int | None:
        """The time of the oldest entry loaded; `None` if there is none or its time can't be read."""
        run = self._view.feed.run
        return next((row.created_us for row in self._log.store.window(run, len(run) - 1, 1)), None)

    def _wanted(self, came: Sequence[int]) -> tuple[list[int], list[str]]:
        """As many of the versions that came as the limit allows entries, and their JSON texts.

        Of an entry that is new here, texts that came before the first that matched are among them.
        """
        store, limit = self._log.store, self._extent.limit
        versioned = store.versioned_entries(came)
        new, numbers, texts = set[int](), list[int](), list[str]()
        for n in came:
            entry = versioned.get(n, n)
            if entry in new:
                continue
            fresh = store.row_of(self._out, n) is None
            if fresh:
                if limit is not None and self.written + len(new) >= limit:
                    break
                new.add(entry)
            numbers.append(n)
            if self._printer.raw:
                whole = fresh and n in versioned
                texts += texts_since(store, entry, self._start, self._since_us()) if whole else [raw_of(store, n)]
        return numbers, texts

    def _too_deep(self) -> list[int]:
        """Late entries that belong too far down to be inserted, as far as they match."""
        store, view = self._log.store, self._view
        keys = view.feed.too_deep - self._deep
        if not keys:
            return []
        self._deep |= keys
        numbers = sorted(n for key in keys if (n := store.number(key)) is not None)
        if view.plan.residual is None:
            return numbers
        run = store.new_run()
        store.append(run, numbers)
        return store.matching(run, Stretch(run.first, len(run)), view.log.where(view.plan))

    # -- what is told ------------------------------------------------------------------------------------------

    def tells(self, wait: Wait) -> bool:
        """Whether the progress line tells of this wait."""
        return self._walk.tells(wait)

    def describe(self) -> str:
        """The state, for the progress line."""
        if self._tail is None:
            return self._walk.describe()
        came, as_of = counted(self.written, "new entry", "new entries"), self._view.feed.as_of
        if self._error is not None:
            return f"following · {came} · no answer since {rfc3339(self._answered)} · again {self._next_try}"
        return f"following · {came}" + (f" · as of {as_of:%H:%M:%S} UTC" if as_of is not None else "")

    def _now(self) -> int:
        """The server's time in microseconds since 1970, in whole seconds."""
        return self._log.now_us() // 1_000_000 * 1_000_000

    def _lose(self, error: ApiError) -> None:
        """Wait longer, and tell of the error unless it is of the same kind as the last one."""
        self._delay = slower(self._delay, error)
        self._next_try = next_try(self._log.now_us(), self._delay)
        before, self._error = self._error, error
        if type(before) is not type(error):
            self._tell(f"{rfc3339(self._now())} No answer: {error} Trying again {self._next_try}, until one comes.")

    def _regain(self, tail: LiveTail) -> None:
        if self._error is None:
            return
        since, now, self._error = self._answered, self._now(), None
        told = f"{rfc3339(now)} Connected again after {age(now - since)}. What was written meanwhile follows."
        if not tail.server_counts:
            missing = f"From {rfc3339(since)} to {rfc3339(now)} late entries may be missing"
            told = f"{told} {missing}: the server tells no count."
        self._tell(told)

    def _tell_gaps(self, tail: LiveTail) -> None:
        """Tell of entries that the server counts and that were not found."""
        feed, oldest = self._view.feed, self._oldest_us()
        begin = "the log's beginning" if oldest is None or feed.complete else rfc3339(oldest)
        if feed.short and feed.short != self._short:
            self._tell(f"From {begin} to {rfc3339(self._now())} entries may be missing: {feed.short}.")
        self._short = feed.short
        if more := tail.late_below - self._late_below:
            late = counted(more, "entry", "entries")
            self._tell(f"Up to {rfc3339(self._now())} {late} may be missing: late ones, likely dated before {begin}.")
            self._late_below = tail.late_below

    def _missing(self) -> str:
        if self._error is None:
            return ""
        return f"Incomplete: no answer since {rfc3339(self._answered)}. What came later is missing."
