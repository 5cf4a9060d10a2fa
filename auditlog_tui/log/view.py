"""The rows of a query: the feed of its server-side part, filtered by its residual and sorted.

A view is one contiguous run of entries around its anchor. Without a residual its rows are the feed's. Otherwise they
are a run of its own, which is filled in slices short enough to keep the event loop responsive.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from copy import copy
from datetime import UTC, datetime, timedelta
from enum import Enum

from msgspec import Struct

from auditlog_tui.errors import ApiError, AuditLogError, BadRequestError, NotFoundError
from auditlog_tui.log.feed import Anchor, At, End, Feed, request_key
from auditlog_tui.log.log import Log
from auditlog_tui.log.marked_feed import MarkedFeed
from auditlog_tui.log.pace import Pace
from auditlog_tui.log.slices import MOST_PAGES, Limits, LookAhead
from auditlog_tui.query import Plan, Query, plan
from auditlog_tui.query.plan import Only
from auditlog_tui.runtime import give_way, pause
from auditlog_tui.store.entries import Row, Run, Stretch
from auditlog_tui.store.scans import Scan, newer_than
from auditlog_tui.store.sorting import sorted_run


class State(Enum):
    """Whether a view has all matching entries: of the log, or of a file that doesn't say what it has of the log."""

    MORE = "more"
    COMPLETE = "complete"
    ALL_IN_FILE = "all in file"
    INCOMPLETE = "incomplete"


class Summary(Struct, frozen=True):
    """The state of a view for the header.

    `rows` are shown out of `loaded` entries out of the server's count `total`, which is `None` unless the server is
    proven to honour the parameters. `filtered` says that a residual is evaluated here. `reason` says why the view is
    INCOMPLETE. `newest_us` is the time of the newest entry, `None` where that is not reached or not the first row.
    `scanned_to_us` is the time that the local evaluation has reached. `more_above` and `more_below` say which ends
    are not reached. `gone` is how many of the loaded entries the server no longer has, usually by retention.
    `only` says that these are of the entries that the user `marked` or `noted`, and the state is about those.
    `final` says that the reason is one of the file's, which nothing can be done about here; a view without rows
    becomes INCOMPLETE for that once it has looked at the whole file.
    """

    rows: int
    loaded: int
    filtered: bool
    total: int | None
    state: State
    reason: str
    as_of: datetime | None
    newest_us: int | None
    scanned_to_us: int | None
    more_above: bool
    more_below: bool
    gone: int = 0
    only: Only = ""
    final: bool = False

    @property
    def complete(self) -> bool:
        return self.state in (State.COMPLETE, State.ALL_IN_FILE)

    @property
    def all_in_file(self) -> bool:
        return self.state is State.ALL_IN_FILE

    @property
    def incomplete(self) -> bool:
        return self.state is State.INCOMPLETE


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SCAN_REQUESTS = 20
"""Requests per call of `more`, so that a filter with few matches doesn't load the whole log."""

MIN_PAGES = 10
"""With fewer pages left, they are not read in slices of time: finding out whether that is possible takes longer."""

SCAN_SLICE = 2
"""Pages of a slice in a scan, which goes on in slices after `SCAN_REQUESTS` pages."""

LOOK_AGAIN = 30
"""Where reading in slices ended early, it is tried again after so many pages."""

SCAN_RESERVE = 5
"""Requests of a scan that its slices leave for finding out what to read, and for the page after them."""

TRIES = 3
"""Paging is resumed this many times in a row without a new entry before it stops."""

_ANCHOR_PARAMS = frozenset({"created_at_min", "created_at_max", "sort"})
"""Parameters a server must honour for a view to begin at a time."""


class View:
    """The rows of one frozen query, numbered from 0 at the top.

    `error` is the last failure, `paused` says that fetching stopped although there may be more. `pace` is set while
    slices of time are read. The rows of a query about marks and notes follow these when `follow_marks` is called,
    unless they are `fixed`.
    """

    def __init__(
        self,
        log: Log,
        query: Query,
        *,
        anchor: Anchor | At = Anchor.NEWEST,
        like: View | None = None,
        fixed: bool = False,
        feed: Feed | None = None,
    ) -> None:
        """Reuse `like`'s feed if it sends the same request, or this `feed`, which must."""
        self.log = log
        self.query = query
        self.fixed = fixed
        self.error: AuditLogError | None = None
        self.notice = ""
        self.paused = self._only_older = False
        self.pace: Pace | None = None
        self._ahead: tuple[Feed, LookAhead] | None = None
        self._next_look = 0
        self._start(anchor, like, feed)

    def _start(self, anchor: Anchor | At, like: View | None = None, feed: Feed | None = None) -> None:
        self.plan: Plan = self._make_plan()
        self.log.store.passing = False  # what is evaluated or sorted here has to be there in full
        if self.marked:
            anchor = Anchor.NEWEST  # all of it is shown at once
        elif problem := self._anchor_problem(anchor):
            anchor, self._only_older, self.notice = Anchor.NEWEST, True, problem
        self.feed: Feed = feed or self._find_feed(anchor, like)
        self.anchor = anchor
        self._reset_matches()

    def _make_plan(self) -> Plan:
        return plan(self.query, frozenset(self.log.server_support.ignored))

    def _anchor_problem(self, anchor: Anchor | At) -> str:
        """Why the view can't begin at this anchor; empty if it can."""
        ignored = self.log.server_support.ignored
        if anchor is Anchor.OLDEST and "sort" in ignored:
            return "This server ignores sort: to see the oldest entry, load all with A"
        if isinstance(anchor, At) and ignored & _ANCHOR_PARAMS:
            return "This server ignores times or sort: to see that time, scroll down or load all with A"
        if isinstance(anchor, At) and "sort" in self.plan.params:
            return "A time can be shown in the order of time only: take sort: out of the filter"
        return ""

    def _reset_matches(self) -> None:
        """Evaluate all rows of the feed anew."""
        self._marks_version = self.log.marks_version(self.plan)
        self._matched: Run = self.feed.run if self.plan.residual is None else self.log.store.new_run()
        self._sorted: Run | None = None
        self._sorted_state = (0, 0)
        self._scan = Scan(self.feed.run)
        self._evaluated_notes = self.feed.run.noted

    def _find_feed(self, anchor: Anchor | At, like: View | None) -> Feed:
        """A feed that sends the same request, if there is one; else a new one."""
        if self.marked:
            return MarkedFeed(self.log, self.plan)
        if like is not None and like.feed.request_key == request_key(self.plan, anchor):
            return like.feed
        return self.log.reusable_feed(self.plan, anchor) or self.log.feed(self.plan, anchor)

    # -- rows --------------------------------------------------------------------------------------------------

    @property
    def marked(self) -> bool:
        """True for rows that are all marked or noted entries, which no request is made for."""
        return bool(self.plan.only)

    def __len__(self) -> int:
        return len(self.run)

    @property
    def run(self) -> Run:
        """The rows on the screen: the matching entries in the requested order."""
        return self._sorted or self._matched

    @property
    def matched(self) -> Run:
        """The same rows in the feed's order: it only grows at its ends, while `run` may be replaced."""
        return self._matched

    def pause(self) -> None:
        """The user stopped `more`."""
        self.paused = True

    def resume(self) -> None:
        """`more` is about to go on."""
        self.paused = False

    def take_notice(self) -> str:
        """The warning to show, once; empty if there is none."""
        notice, self.notice = self.notice, ""
        return notice

    def window(self, first: int, count: int) -> list[Row]:
        return self.log.store.window(self.run, first, count)

    def row_of(self, n: int) -> int | None:
        return self.log.store.row_of(self.run, n)

    def entry_at(self, us: int) -> int | None:
        """The newest entry shown from before an instant, else the oldest one; `None` without rows."""
        row = min(newer_than(self.log.store, self._matched, us), len(self._matched) - 1)
        return next((found.n for found in self.log.store.window(self._matched, row, 1)), None)

    # -- state ------------------------------------------------------------------------------------------------

    @property
    def older_done(self) -> bool:
        read = self.plan.residual is None or self._scan.older_read
        return read and (self.feed.older_end.done or self._past_lower_bound())

    @property
    def newer_done(self) -> bool:
        read = self.plan.residual is None or self._scan.newer_read
        return read and self.feed.newer_end.done and not self.feed.unasked

    @property
    def upwards(self) -> bool:
        """True for a view that begins at the oldest entry and is loaded upwards."""
        return self.anchor is Anchor.OLDEST

    @property
    def centred(self) -> bool:
        """True for a view that begins at a time and is loaded both ways."""
        return isinstance(self.anchor, At)

    @property
    def complete(self) -> bool:
        evaluated = not self._has_unevaluated() and not self.marks_changed
        return self.older_done and self.newer_done and evaluated and self._is_sorted

    def summary(self) -> Summary:
        feed, origin = self.feed, None if self.marked else self.log.origin
        reason = feed.short or ("" if self.complete else feed.broken)
        covered_us = None if origin is None else origin.covered_us(feed.plan.params)
        final = bool(not reason and origin is not None and origin.reason and covered_us is None)
        if origin is not None and final:
            reason = origin.reason
        begins = final and not self.complete and not len(self)  # an empty view is no result before all was looked at
        stated = origin is None or origin.stated or covered_us is not None
        whole = State.COMPLETE if stated else State.ALL_IN_FILE
        newest, oldest = self._time_of(0), self._time_of(len(feed.run) - 1)
        return Summary(
            rows=len(self),
            loaded=len(feed.run),
            filtered=self.plan.residual is not None,
            total=feed.total if self.log.server_support.proven(feed.plan.params) else None,
            state=State.INCOMPLETE if reason and not begins else whole if self.complete else State.MORE,
            reason=reason,
            as_of=feed.as_of if covered_us is None else _EPOCH + timedelta(microseconds=covered_us),
            newest_us=newest if feed.newest_first and self.newer_done else None,
            scanned_to_us=None if self.plan.residual is None else newest if self.upwards else oldest,
            more_above=not self.newer_done,
            more_below=not self.older_done,
            gone=feed.gone,
            only=self.plan.only,
            final=final,
        )

    def _time_of(self, row: int) -> int | None:
        """The time of a row of the feed."""
        found = self.log.store.window(self.feed.run, row, 1)
        return found[0].created_us if found else None

    def _past_lower_bound(self) -> bool:
        """True once loading has passed a lower time bound that the server ignores."""
        low = self.plan.created_min_us
        if low is None or "created_at_min" not in self.plan.ignored or not self.feed.by_time:
            return False
        oldest = self._time_of(len(self.feed.run) - 1)
        return oldest is not None and oldest < low

    def _has_unevaluated(self) -> bool:
        """True while there are rows or versions that the residual was not evaluated for."""
        return self.plan.residual is not None and (self._scan.behind or self._evaluated_notes != self.feed.run.noted)

    @property
    def _is_sorted(self) -> bool:
        """False while the matching rows still have to be sorted here."""
        return not self.plan.local_order or self._sorted_state == _state(self._matched) or not len(self._matched)

    # -- marks and notes ---------------------------------------------------------------------------------------

    @property
    def marks_changed(self) -> bool:
        """True if `follow_marks` has to evaluate the rows anew."""
        return not self.fixed and self._marks_version != self.log.marks_version(self.plan)

    async def follow_marks(self) -> bool:
        """Evaluate the rows anew if marks or notes changed; the rows stay until that is done. Raises `StoreError`.

        Returns whether it did.
        """
        followed = False
        while self.marks_changed:
            fresh, feed = copy(self), self.feed
            fresh._ahead = fresh.pace = None
            if self.marked:
                fresh.feed = MarkedFeed(self.log, self.plan)
            fresh._reset_matches()
            await self.log.take_marks(self.plan)
            await fresh._fetch(0, 0, True, _nothing)
            if self.plan.local_order:
                await fresh._sort()
            if self.feed is feed:  # else the view started again meanwhile
                self.__dict__ |= {name: fresh.__dict__[name] for name in _ROWS}
            followed = True
        return followed

    # -- fetching ----------------------------------------------------------------------------------------------

    async def more(
        self, want: int, on_page: Callable[[], None] | None = None, *, older: bool = True, everything: bool = False
    ) -> None:
        """Fetch at one end until `want` more rows are shown or there are no more.

        A failure is kept in `error`; the call may be repeated. Unless `everything` is set, at most `SCAN_REQUESTS`
        requests are sent. Where the server interrupts paging (a refused cursor, for example), it is resumed until
        `TRIES` attempts in a row bring nothing new. `paused` is set where there may be more: after `SCAN_REQUESTS`,
        or where paging can't be resumed. Calling again continues. `on_page` is called after each page. Cancelling
        loses nothing that arrived.
        """
        self.error, self.paused = None, False
        try:
            await self.log.take_marks(self.plan)
            await self.follow_marks()
            budget = math.inf if everything else SCAN_REQUESTS
            await self._more(len(self._matched) + want, budget, older, on_page or _nothing)
            if self.plan.local_order:
                await self._sort()
        except AuditLogError as error:
            self.error = error

    async def _more(self, goal: int, budget: float, older: bool, on_page: Callable[[], None]) -> None:
        try:
            with self.log.foreground():
                await self._evaluate(on_page)
                while self.feed.unasked and not self.paused:
                    await self._catch_up(on_page)
                await self._fetch(goal, budget, older, on_page)
            if self.feed.complete and not self.feed.unasked:
                await self.feed.verify(self.log.server_support)
        except ApiError as error:
            self.error = error

    async def _catch_up(self, on_page: Callable[[], None]) -> None:
        """Bring a feed of a case up to date, or begin anew where it might not become whole. Raises `ApiError`."""
        from auditlog_tui.log.live import LiveTail  # late: it imports this

        feed, log = self.feed, self.log
        if (
            self.plan.entry_id is not None
            or not feed.by_time
            or self.anchor is not Anchor.NEWEST
            or not len(feed.run)
        ):
            await log.reach()
            log.forget_feed(feed)
            self._start(self.anchor)
            return
        if len(feed.run) and await log.server_support.prove(log.api, feed.plan.params):
            self._start(self.anchor)
            return
        tail = LiveTail(self, on_page)
        if not await tail.catch_up() or not log.server_support.tested(feed.plan.params):
            self.paused = True
        elif feed is self.feed:
            feed.keeping.be_up_to_date(counted=tail.server_counts and tail.range_known and not feed.uncounted)
        on_page()

    async def _fetch(self, goal: float, budget: float, older: bool, on_page: Callable[[], None]) -> None:
        await self._evaluate(on_page)
        tries, spent, self._next_look = 0, _Spent(self.feed), 0
        if self.marked:  # a count of them has to be of all
            goal, budget = math.inf, math.inf
        try:
            while len(self._matched) < goal:
                end, done = self._end(older)
                if done:
                    return
                if spent.requests >= budget:
                    self.paused = True
                    return
                await self._look_ahead(end, goal - len(self._matched), budget - spent.requests)
                arrived, refusal = len(self.feed.run), await self._step(older or self._only_older)
                await self._evaluate(on_page)
                self._note_pace()
                on_page()
                spent.note(self.feed)
                tries = 0 if len(self.feed.run) > arrived else tries + bool(self.feed.broken)
                if tries >= TRIES and self.feed.broken and not self.complete:
                    self.paused, self.error = True, refusal
                    return
                await give_way()
        finally:
            await self._end_look_ahead()

    def _end(self, older: bool) -> tuple[End, bool]:
        """The feed's end to fetch at, and whether that is done."""
        if older or self._only_older:
            return self.feed.older_end, self.older_done
        return self.feed.newer_end, self.newer_done

    # -- reading ahead -----------------------------------------------------------------------------------------

    async def _look_ahead(self, end: End, rows: float, budget: float) -> None:
        """Read the end in slices of time where much is left to be fetched for so many rows. Raises `ApiError`."""
        log, feed = self.log, self.feed
        if not self._walks_far(end, rows, budget):
            return
        await self._end_look_ahead()
        self._next_look = end.pages + LOOK_AGAIN
        limits = Limits(
            log.parallel,
            pages=SCAN_SLICE if budget < math.inf else MOST_PAGES,
            requests=budget - SCAN_RESERVE,
            entries=rows if self.plan.residual is None else math.inf,
        )
        usable = asyncio.create_task(log.server_support.slices_usable(log.api))
        try:
            ahead = await feed.look_ahead(end, limits, usable, pause, lambda: log.api.at_once)
        finally:
            usable.cancel()
        if ahead is not None:
            self._ahead = feed, ahead
            self.pace = Pace(lambda: ahead.at_once, wanted=log.parallel, allowed=lambda: log.api.at_once)

    def _walks_far(self, end: End, rows: float, budget: float) -> bool:
        """Whether to read in slices: all that is left or many rows, or on in a scan that was long already."""
        log, residual = self.log, self.plan.residual is not None
        if self.marked or log.parallel < 2 or end.pages < self._next_look or not log.server_support.slices_possible:
            return False
        if budget < math.inf and not (residual and end.pages >= SCAN_REQUESTS and budget > 2 * SCAN_RESERVE):
            return False
        return self.feed.sliceable(end, MIN_PAGES) and (residual or rows > MIN_PAGES * end.page_size)

    async def _end_look_ahead(self) -> None:
        """Forget what was read ahead, and wait until no request of it is under way."""
        if self._ahead is None:
            return
        (feed, ahead), self._ahead, self.pace = self._ahead, None, None
        feed.end_look_ahead()
        await ahead.close()

    def _note_pace(self) -> None:
        if self.pace is not None:
            feed = self.feed
            self.pace.note(len(feed.run), None if feed.total is None else max(0, feed.total - len(feed.run)))

    async def evaluate(self) -> None:
        """Evaluate rows that were added to the feed by others than `more`. Raises `StoreError`."""
        await self._evaluate(_nothing)
        if self.plan.local_order:
            await self._sort()

    async def _sort(self) -> None:
        """Sort the loaded rows in an order that the server doesn't offer."""
        for _ in range(TRIES):  # rows may be added or removed meanwhile
            matched = self._matched
            if self._sorted is not None and self._is_sorted:
                return
            result = await sorted_run(self.log.store, matched, self.plan.order)
            if matched is self._matched:
                self._sorted, self._sorted_state = result, (len(result), matched.cuts)

    def cut(self, us: int) -> None:
        """Remove the rows from a time on (microseconds); the caller adds them again."""
        store = self.log.store
        if self._matched is not self.feed.run:
            store.cut(self._matched, newer_than(store, self._matched, us))
        store.cut(self.feed.run, newer_than(store, self.feed.run, us))
        self._scan.accept_cut()

    async def _step(self, older: bool) -> ApiError | None:
        """Fetch a page; returns the error for a refused cursor, after which the feed can resume."""
        feed = self.feed
        try:
            step = await (feed.older() if older else feed.newer())
        except (BadRequestError, NotFoundError) as error:
            if not feed.broken:
                raise
            return error
        self.log.server_support.ignored |= step.ignored
        if step.lost:
            self.log.server_support.slices_fail = True
            self.log.forget_feed(feed)
        if (step.ignored or step.lost) and feed is self.feed:
            await self._end_look_ahead()
            self._next_look = 0
            self._start(self.anchor)
        return None

    async def prove(self) -> bool:
        """Test whether the server honours the parameters; True where it doesn't and the view started again."""
        feed = self.feed
        if self.marked or not len(feed.run):
            return False
        try:
            ignored = await self.log.server_support.prove(self.log.api, feed.plan.params)
            if ignored and feed is self.feed:
                self._start(self.anchor)
                return True
            if feed.complete:
                await feed.verify(self.log.server_support)
        except AuditLogError as error:
            self.error = error
        return False

    async def _evaluate(self, on_slice: Callable[[], None]) -> None:
        """Evaluate the residual for rows that were added, a slice at a time."""
        while self._has_unevaluated():
            if self._scan.cut:
                self._reset_matches()  # another view of this feed inserted late entries
            self._evaluate_slice()
            on_slice()
            await give_way()  # the view may start again here: keep no state across it

    def _evaluate_slice(self) -> None:
        store, run, scan = self.log.store, self.feed.run, self._scan
        if not self._evaluate_versions():
            self._reset_matches()
            return
        stretch = scan.next_stretch()
        if stretch is not None:
            put = store.append if stretch.older else store.prepend
            put(self._matched, store.matching(run, stretch, self.log.where(self.plan)))
            scan.mark_read(stretch)

    def _evaluate_versions(self) -> bool:
        """Evaluate versions added to entries evaluated before; False where one matches and its entry has no row."""
        store, run, matched, scan = self.log.store, self.feed.run, self._matched, self._scan
        if self._evaluated_notes == run.noted:
            return True
        since, self._evaluated_notes = self._evaluated_notes, run.noted
        late = {position for position, _ in store.versions_since(run, since) if scan.covers(position)}
        for position in late:
            found = store.matching(run, Stretch(position, 1), self.log.where(self.plan))
            if found and store.row_of(matched, found[0]) is None:
                return False
            store.append(matched, found)
        return True


class _Spent:
    """Counts the requests of a feed, and of the one that replaces it."""

    def __init__(self, feed: Feed) -> None:
        self.requests = 0
        self._feed, self._before = feed, feed.requests

    def note(self, feed: Feed) -> None:
        self.requests += feed.requests - self._before if feed is self._feed else max(1, feed.requests)
        self._feed, self._before = feed, feed.requests


_ROWS = ("feed", "_matched", "_sorted", "_sorted_state", "_scan", "_evaluated_notes", "_marks_version")
"""The attributes of a view that its rows consist of."""


def _nothing() -> None:
    pass


def _state(run: Run) -> tuple[int, int]:
    """Changes whenever the run's rows do."""
    return len(run), run.cuts
