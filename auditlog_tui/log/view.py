"""What a query shows: the feed of what the server was asked for, and the rows of it that match the rest.

A view is one contiguous run of entries around its anchor. Where nothing is left to evaluate here, its rows are the
feed's; otherwise they are a run of its own, filled in slices so short that no key waits for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from auditlog_tui.errors import ApiError, AuditLogError, BadRequestError, NotFoundError
from auditlog_tui.log.feed import Anchor, At, Feed, question
from auditlog_tui.log.log import Log
from auditlog_tui.query import Plan, Query, plan
from auditlog_tui.store.entries import Row, Run, Stretch
from auditlog_tui.store.scans import SLICE, Scan, newer_than
from auditlog_tui.store.sorting import sorted_run


class State(Enum):
    """How much of what matches a view holds."""

    MORE = "more"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Summary:
    """What the header says of a view.

    `rows` are shown, out of `loaded` that were fetched, out of `total` that the server counts (`None` where it
    proved no count); `filtered` says that something is left to evaluate here. `reason` says why a view is
    INCOMPLETE. `newest_us` is the instant of the newest entry, `None` where that was not reached or is not the
    first; `more_above` and `more_below` tell of ends not reached; `scanned_to_us` is how far the evaluation here has
    come. `gone` is how many of those loaded the server no longer has: retention took them.
    `marked`: these are the entries that the user marked.
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
    marked: bool = False


SCAN_REQUESTS = 20
"""Requests that one step may cost where most of what arrives doesn't match."""

UNBOUNDED = 1 << 62

TRIES = 3
"""So often we go on where the server broke off without anything new arriving; after something new, again."""

JUMPS = frozenset({"created_at_min", "created_at_max", "sort"})
"""Parameters without which a server can't begin in the middle."""


class View:
    """The rows of one frozen query, numbered from 0 at the top."""

    marked = False

    def __init__(
        self, log: Log, query: Query, *, anchor: Anchor | At = Anchor.NEWEST, like: View | None = None
    ) -> None:
        """`like` lends its feed where this query asks the server for the same, so that nothing is fetched again."""
        self.log = log
        self.query = query
        self.error: AuditLogError | None = None
        self.notice = ""
        self.paused = self._turned = False
        self._begin(anchor, like)

    def _begin(self, anchor: Anchor | At, like: View | None = None) -> None:
        self.plan: Plan = plan(self.query, frozenset(self.log.server_support.ignored))
        if unable := self._unable(anchor):
            anchor, self._turned, self.notice = Anchor.NEWEST, True, unable
        self.feed: Feed = self._feed(anchor, like)
        self.anchor = anchor
        self._match()

    def _unable(self, anchor: Anchor | At) -> str:
        """Why it can't be begun there; empty where it can."""
        ignored = self.log.server_support.ignored
        if anchor is Anchor.OLDEST and "sort" in ignored:
            return "This server ignores sort, so the oldest entry can only be walked to: A loads all"
        if isinstance(anchor, At) and ignored & JUMPS:
            return "This server ignores times or sort, so an instant can only be walked to: scroll, or A loads all"
        if isinstance(anchor, At) and "sort" in self.plan.params:
            return "An instant has its place in the order of time only: take sort: out of the filter"
        return ""

    def _match(self) -> None:
        """Evaluate from the start what the feed holds."""
        self._matched: Run = self.feed.run if self.plan.residual is None else self.log.store.new_run()
        self._sorted: Run | None = None
        self._sorted_of = (0, 0)
        self._scan = Scan(self.feed.run)
        self._turn = self.feed.run.turn

    def _feed(self, anchor: Anchor | At, like: View | None) -> Feed:
        """The feed of the view before or one that was walked, where that asked the same; or a new one."""
        if like is not None and like.feed.question == question(self.plan, anchor):
            return like.feed
        return self.log.walked(self.plan, anchor) or self.log.feed(self.plan, anchor)

    # -- rows --------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.run)

    @property
    def run(self) -> Run:
        """The rows that are shown: those that match, in the order asked for."""
        return self._sorted or self._matched

    @property
    def matched(self) -> Run:
        """The same rows in the order in which they came; it grows where `run` may be made anew."""
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

    # -- what it knows -----------------------------------------------------------------------------------------

    @property
    def older_done(self) -> bool:
        read = self.plan.residual is None or self._scan.older_read
        return read and (self.feed.older_end.done or self._below_bound())

    @property
    def newer_done(self) -> bool:
        read = self.plan.residual is None or self._scan.newer_read
        return read and self.feed.newer_end.done

    @property
    def upwards(self) -> bool:
        """True for a view that begins at the oldest entry."""
        return self.anchor is Anchor.OLDEST

    @property
    def centred(self) -> bool:
        """True for a view that begins at an instant and goes both ways."""
        return isinstance(self.anchor, At)

    @property
    def complete(self) -> bool:
        return self.older_done and self.newer_done and not self._unread() and self._in_order

    def summary(self) -> Summary:
        feed = self.feed
        reason = feed.short or ("" if self.complete else feed.broken)
        newest, oldest = self._instant(0), self._instant(len(feed.run) - 1)
        return Summary(
            rows=len(self),
            loaded=len(feed.run),
            filtered=self.plan.residual is not None,
            total=feed.total if self.log.server_support.proven(feed.plan.params) else None,
            state=State.INCOMPLETE if reason else State.COMPLETE if self.complete else State.MORE,
            reason=reason,
            as_of=feed.as_of,
            newest_us=newest if feed.newest_first and self.newer_done else None,
            scanned_to_us=None if self.plan.residual is None else newest if self.upwards else oldest,
            more_above=not self.newer_done,
            more_below=not self.older_done,
            gone=feed.gone,
            marked=self.marked,
        )

    def _instant(self, row: int) -> int | None:
        """When row `row` of the feed happened."""
        found = self.log.store.window(self.feed.run, row, 1)
        return found[0].created_us if found else None

    def _below_bound(self) -> bool:
        """True once a walk back in time has passed a lower bound that the server does not know."""
        low = self.plan.created_min_us
        if low is None or "created_at_min" not in self.plan.ignored or not self.feed.by_time:
            return False
        oldest = self._instant(len(self.feed.run) - 1)
        return oldest is not None and oldest < low

    def _unread(self) -> bool:
        """True while what came to the feed was not evaluated."""
        return self.plan.residual is not None and (self._scan.behind or self._turn != self.feed.run.turn)

    @property
    def _in_order(self) -> bool:
        """False while what matches is still to be sorted here."""
        return not self.plan.local_order or self._sorted_of == _state(self._matched) or not len(self._matched)

    # -- fetching ----------------------------------------------------------------------------------------------

    async def more(
        self, want: int, on_page: Callable[[], None], *, older: bool = True, everything: bool = False
    ) -> None:
        """Fetch at one end until `want` more rows are shown or there are no more.

        A failure is kept in `error`, and calling again tries again. Unless `everything` is asked for, at most
        `SCAN_REQUESTS` requests are made. Where the server breaks a walk off (a cursor that it refuses, say), it is
        gone on with, until `TRIES` in a row bring nothing new. `paused` says that there may be more, after so many
        requests or where the server broke off for good; calling again goes on. `on_page` is called after each page.
        May be cancelled anywhere; nothing that arrived is lost.
        """
        self.error, self.paused = None, False
        try:
            await self._more(len(self._matched) + want, UNBOUNDED if everything else SCAN_REQUESTS, older, on_page)
            if self.plan.local_order:
                await self._sort()
        except AuditLogError as error:
            self.error = error

    async def _more(self, goal: int, budget: int, older: bool, on_page: Callable[[], None]) -> None:
        try:
            with self.log.urgent():
                await self._fetch(goal, budget, older, on_page)
            if self.feed.complete:
                await self.feed.verify(self.log.server_support)
        except ApiError as error:
            self.error = error

    async def _fetch(self, goal: int, budget: int, older: bool, on_page: Callable[[], None]) -> None:
        await self._evaluate(on_page)
        tries, older = 0, older or self._turned
        while len(self._matched) < goal and not (self.older_done if older or self._turned else self.newer_done):
            if budget == 0:
                self.paused = True
                return
            budget -= 1
            arrived, refusal = len(self.feed.run), await self._step(older or self._turned)
            await self._evaluate(on_page)
            on_page()
            tries = 0 if len(self.feed.run) > arrived else tries + bool(self.feed.broken)
            if tries >= TRIES and self.feed.broken and not self.complete:
                self.paused, self.error = True, refusal
                return
            await self.log.turn()

    async def take_in(self) -> None:
        """Evaluate rows that came to the feed by another way than `more`. Raises `StoreError`."""
        await self._evaluate(lambda: None)
        if self.plan.local_order:
            await self._sort()

    async def _sort(self) -> None:
        """Put what is loaded in the order asked for, where the server doesn't know that."""
        for _ in range(TRIES):  # rows may come in or be taken out meanwhile
            matched = self._matched
            if self._sorted is not None and self._in_order:
                return
            made = await sorted_run(self.log.store, matched, self.plan.order)
            if matched is self._matched:
                self._sorted, self._sorted_of = made, (len(made), matched.cuts)

    def cut(self, us: int) -> None:
        """Take away the rows that happened at or after an instant: they are about to be fetched again."""
        store = self.log.store
        if self._matched is not self.feed.run:
            store.cut(self._matched, newer_than(store, self._matched, us))
        store.cut(self.feed.run, newer_than(store, self.feed.run, us))
        self._scan.go_on()

    async def _step(self, older: bool) -> ApiError | None:
        """Fetch a page; returns the error of a cursor that was refused, past which the feed can go on."""
        feed = self.feed
        try:
            step = await (feed.older() if older else feed.newer())
        except (BadRequestError, NotFoundError) as error:
            if not feed.broken:
                raise
            return error
        self.log.server_support.ignored |= step.ignored
        if step.ignored and feed is self.feed:
            self._begin(self.anchor)
        return None

    async def prove(self) -> bool:
        """Find out whether the server obeys what it was asked for; True where it doesn't and the view began anew."""
        feed = self.feed
        if not len(feed.run):
            return False
        try:
            ignored = await self.log.server_support.prove(self.log.api, feed.plan.params)
            if ignored and feed is self.feed:
                self._begin(self.anchor)
                return True
            if feed.complete:
                await feed.verify(self.log.server_support)
        except AuditLogError as error:
            self.error = error
        return False

    async def _evaluate(self, on_slice: Callable[[], None]) -> None:
        """Let the residual decide about the rows that arrived since, a slice at a time."""
        while self._unread():
            if self._scan.cut:
                self._match()  # another view of this feed put late entries in their place
            self._evaluate_slice()
            on_slice()
            await asyncio.sleep(0)  # where the view may begin anew, so that nothing is kept across it

    def _evaluate_slice(self) -> None:
        store, run, scan = self.log.store, self.feed.run, self._scan
        if not self._take_versions():
            self._match()
            return
        stretch = scan.following(SLICE)
        if stretch is not None:
            put = store.append if stretch.older else store.prepend
            put(self._matched, store.matching(run, stretch, self.plan.where()))
            scan.took(stretch)

    def _take_versions(self) -> bool:
        """Evaluate versions that came after their entry was; False where one needs a row that was passed already."""
        store, run, matched, scan = self.log.store, self.feed.run, self._matched, self._scan
        if self._turn == run.turn:
            return True
        since, self._turn = self._turn, run.turn
        late = {position for position, _ in store.others_since(run, since) if scan.holds(position)}
        for position in late:
            found = store.matching(run, Stretch(position, 1), self.plan.where())
            if found and store.row_of(matched, found[0]) is None:
                return False
            store.append(matched, found)
        return True


def _state(run: Run) -> tuple[int, int]:
    """What tells one state of a run's rows from another."""
    return len(run), run.cuts
