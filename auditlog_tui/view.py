"""What a query shows: the feed of what the server was asked for, and the rows of it that match the rest.

A view is one contiguous run of entries around its anchor. Where nothing is left to evaluate here, its rows are the
feed's; otherwise they are a run of its own, filled in slices so short that no key waits for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from auditlog_tui.errors import ApiError, AuditLogError
from auditlog_tui.feed import Anchor, At, Feed
from auditlog_tui.log import Log
from auditlog_tui.query import Plan, Query, plan
from auditlog_tui.slices import SLICE, newer_than
from auditlog_tui.sorting import sorted_run
from auditlog_tui.store import Row, Run
from auditlog_tui.summary import State, Summary

SCAN_REQUESTS = 20
"""Requests that one step may cost where most of what arrives doesn't match."""

UNBOUNDED = 1 << 62

Question = tuple[frozenset[tuple[str, str]], str | None, Anchor | At]
"""What a feed asks the server, and where it begins."""

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
        self.plan: Plan = plan(self.query, frozenset(self.log.obedience.ignored))
        if unable := self._unable(anchor):
            anchor, self._turned, self.notice = Anchor.NEWEST, True, unable
        self.feed: Feed = self._lent(anchor, like) or Feed(self.log.api, self.log.store, self.plan, anchor)
        if self.plan.residual is not None or not self.plan.params:
            self.log.walked[self._question(anchor)] = self.feed
        self.anchor = anchor
        self._match()

    def _unable(self, anchor: Anchor | At) -> str:
        """Why it can't be begun there; empty where it can."""
        ignored = self.log.obedience.ignored
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
        self._low = self._high = self.feed.run.first
        self._cuts = self.feed.run.cuts

    def _lent(self, anchor: Anchor | At, like: View | None) -> Feed | None:
        """A feed that asked the server for the same, where nothing is gained by asking again.

        That is the one of the view before, and of any, where all depends on what is evaluated here: walking a log
        whose server knows no filters once more would take minutes.
        """
        if like is not None and like._serves(self.plan, anchor):
            return like.feed
        return self.log.walked.get(self._question(anchor)) if self.plan.residual is not None else None

    def _question(self, anchor: Anchor | At) -> Question:
        return frozenset(self.plan.params.items()), self.plan.entry_id, anchor

    def _serves(self, other: Plan, anchor: Anchor | At) -> bool:
        own = self.feed.plan
        return self.anchor == anchor and (own.params, own.entry_id) == (other.params, other.entry_id)

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

    def window(self, first: int, count: int) -> list[Row]:
        return self.log.store.window(self.run, first, count)

    def row_of(self, n: int) -> int | None:
        return self.log.store.row_of(self.run, n)

    # -- what it knows -----------------------------------------------------------------------------------------

    @property
    def older_done(self) -> bool:
        read = self.plan.residual is None or self._high >= self.feed.run.after
        return read and (self.feed.older_end.done or self._below_bound())

    @property
    def newer_done(self) -> bool:
        read = self.plan.residual is None or self._low <= self.feed.run.first
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
        return self.older_done and self.newer_done and not self._unread()

    def summary(self) -> Summary:
        feed = self.feed
        reason = feed.short or ("" if self.complete else feed.broken)
        newest, oldest = self._instant(0), self._instant(len(feed.run) - 1)
        return Summary(
            rows=len(self),
            loaded=len(feed.run),
            filtered=self.plan.residual is not None,
            total=feed.total if self.log.obedience.proven(feed.plan.params) else None,
            state=State.INCOMPLETE if reason else State.COMPLETE if self.complete else State.MORE,
            reason=reason,
            as_of=feed.as_of,
            newest_us=newest if feed.newest_first and self.newer_done else None,
            scanned_to_us=None if self.plan.residual is None else newest if self.upwards else oldest,
            more_above=not self.newer_done,
            more_below=not self.older_done,
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
        run = self.feed.run
        return self.plan.residual is not None and (self._high < run.after or self._low > run.first)

    # -- fetching ----------------------------------------------------------------------------------------------

    async def more(
        self, want: int, on_page: Callable[[], None], *, older: bool = True, everything: bool = False
    ) -> None:
        """Fetch at one end until `want` more rows are shown or there are no more.

        A failure is kept in `error`, and calling again tries again. Unless `everything` is asked for, at most
        `SCAN_REQUESTS` requests are made. `paused` says that there may be more, after so many requests or where the
        server broke off; calling again goes on. `on_page` is called after each page. May be cancelled anywhere;
        nothing that arrived is lost.
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
                await self.feed.verify(self.log.obedience)
        except ApiError as error:
            self.error = error

    async def _fetch(self, goal: int, budget: int, older: bool, on_page: Callable[[], None]) -> None:
        await self._evaluate(on_page)
        while len(self._matched) < goal and not (self.older_done if older or self._turned else self.newer_done):
            if budget == 0:
                self.paused = True
                return
            budget -= 1
            await self._step(older or self._turned)
            await self._evaluate(on_page)
            on_page()
            if self.feed.broken and not self.complete:
                self.paused = True
                return
            await self.log.turn()

    async def take_in(self) -> None:
        """Evaluate rows that came to the feed by another way than `more`. Raises `StoreError`."""
        await self._evaluate(lambda: None)
        if self.plan.local_order:
            await self._sort()

    async def _sort(self) -> None:
        """Put what is loaded in the order asked for, where the server doesn't know that."""
        matched = self._matched
        state = (len(matched), matched.cuts)
        if self._sorted is None or self._sorted_of != state:
            made = await sorted_run(self.log.store, matched, self.plan.order)
            if matched is self._matched:
                self._sorted, self._sorted_of = made, state

    def cut(self, us: int) -> None:
        """Take away the rows that happened at or after an instant: they are about to be fetched again."""
        store = self.log.store
        if self._matched is not self.feed.run:
            store.cut(self._matched, newer_than(store, self._matched, us))
        store.cut(self.feed.run, newer_than(store, self.feed.run, us))
        self._low, self._high = max(self._low, self.feed.run.first), max(self._high, self.feed.run.first)
        self._cuts = self.feed.run.cuts

    async def _step(self, older: bool) -> None:
        feed = self.feed
        step = await (feed.older() if older else feed.newer())
        self.log.obedience.ignored |= step.ignored
        if step.ignored and feed is self.feed:
            self._begin(self.anchor)

    async def prove(self) -> bool:
        """Find out whether the server obeys what it was asked for; True where it doesn't and the view began anew."""
        feed = self.feed
        if not len(feed.run):
            return False
        try:
            ignored = await self.log.obedience.prove(self.log.api, feed.plan.params)
            if ignored and feed is self.feed:
                self._begin(self.anchor)
                return True
            if feed.complete:
                await feed.verify(self.log.obedience)
        except AuditLogError as error:
            self.error = error
        return False

    async def _evaluate(self, on_slice: Callable[[], None]) -> None:
        """Let the residual decide about the rows that arrived since, a slice at a time."""
        if self._cuts != self.feed.run.cuts:
            self._match()  # another view of this feed put late entries in their place
        while self._unread():
            self._evaluate_slice()
            on_slice()
            await asyncio.sleep(0)  # where the view may begin anew, so that nothing is kept across it

    def _evaluate_slice(self) -> None:
        store, run, where = self.log.store, self.feed.run, self.plan.where()
        if self._high < run.after:
            count = min(SLICE, run.after - self._high)
            store.append(self._matched, store.matching(run, self._high - run.first, count, where))
            self._high += count
        else:
            count = min(SLICE, self._low - run.first)
            found = store.matching(run, self._low - run.first - count, count, where)
            store.prepend(self._matched, found[::-1])
            self._low -= count
