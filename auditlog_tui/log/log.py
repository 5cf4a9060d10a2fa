"""The log of one server: its client, the working set, known server support, and caches that views share."""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from msgspec import Struct

from auditlog_tui.api.client import AuditLogApi, WatchedApi
from auditlog_tui.entries.models import Entry
from auditlog_tui.entries.raw_json import UNREAD, Json, members_of
from auditlog_tui.errors import ApiError
from auditlog_tui.log.feed import Anchor, At, Feed, RequestKey, request_key
from auditlog_tui.log.kept_feeds import KeptFeeds
from auditlog_tui.log.marked_feed import PORTION, MarkSource, NoMarks, StoredMarks
from auditlog_tui.log.origin import Origin
from auditlog_tui.log.server_support import SMALLEST_PAGE, ServerSupport
from auditlog_tui.query import Condition, Plan
from auditlog_tui.runtime import give_way
from auditlog_tui.store.entries import EntryStore
from auditlog_tui.text.times import age

DETAILS_KEPT = 200
"""Full records in the cache."""

FEEDS_KEPT = 100
"""Reusable feeds in the cache, besides those of the whole log from either end."""

PARALLEL = 8
"""Requests at once, unless the settings say otherwise."""

MAX_SKEW_US = 5_000_000
"""Clock differences above this, in microseconds, are reported."""

NO_SERVER_TIME = "The server does not send its time: last:, today and yesterday go by this machine's clock"


class Detail(Struct, frozen=True):
    """The full record of an entry, and the top-level fields in which it differs from the row."""

    entry: Entry
    differs: tuple[str, ...] = ()


class Log:
    """Shared by all views of one log.

    `idle` is set while no foreground request is under way. At most `parallel` requests are sent at once where much is
    to be loaded. `marks` returns the user's marks and notes; it is called only for queries that are about them.
    `origin` is the file or the archive that the log was saved to, `None` for the API. `reopen` takes what is in an
    archive now, in any thread, and returns its new origin; `None` where there is nothing new to take.
    `origin_changed` is called after something was found to be missing in the origin.
    """

    def __init__(
        self, api: AuditLogApi, store: EntryStore, parallel: int = PARALLEL, origin: Origin | None = None
    ) -> None:
        self.api = api
        self.store = store
        self.origin = origin
        self.reopen: Callable[[], Origin] | None = None
        self.origin_changed: Callable[[], None] = lambda: None
        self.parallel = parallel
        self.server_support = ServerSupport()
        no_marks = NoMarks()
        self.marks: Callable[[], MarkSource] = lambda: no_marks
        self._stored_marks = StoredMarks(store)
        self._feeds: dict[RequestKey, Feed] = {}
        self.idle = asyncio.Event()
        self.idle.set()
        self._foreground = 0
        self._details: OrderedDict[int, Detail] = OrderedDict()
        self._kept = KeptFeeds(store) if store.kept else None

    def watch(self, answered: Callable[[ApiError | None], None]) -> None:
        """Tell `answered` how each request ends from now on: with an error, or with `None`."""
        self.api = WatchedApi(self.api, answered)

    def feed(self, plan: Plan, anchor: Anchor | At) -> Feed:
        """Create a feed, which `reusable_feed` then returns."""
        feed = Feed(self.api, self.store, plan, anchor, keep=self._kept.save if self._kept is not None else None)
        self._lend(feed)
        return feed

    def kept_feed(self, plan: Plan, anchor: Anchor | At, run: int | None = None) -> Feed | None:
        """A feed of the case that sends the same request: that in this run, or the last; `None` if there is none.

        `reusable_feed` returns it then. Raises `StoreError`.
        """
        feed = self._kept.take(self.api, plan, anchor, run) if self._kept is not None else None
        if feed is not None:
            self._lend(feed)
        return feed

    def _lend(self, feed: Feed) -> None:
        plan, anchor = feed.plan, feed.anchor
        if plan.residual is not None or not plan.params:
            self._feeds[request_key(plan, anchor)] = feed
            others = [key for key in self._feeds if key not in _WHOLE_LOG]
            for key in others[:-FEEDS_KEPT]:
                del self._feeds[key]

    def reusable_feed(self, plan: Plan, anchor: Anchor | At) -> Feed | None:
        """The last feed that sends the same request, for a plan with a residual.

        Loading the log again from a server that ignores filters would take minutes.
        """
        if plan.residual is None:
            return None
        return self._feeds.get(request_key(plan, anchor)) or self.kept_feed(plan, anchor)

    def forget_feed(self, feed: Feed) -> None:
        """Never return this feed again."""
        self._feeds = {key: each for key, each in self._feeds.items() if each is not feed}

    def marks_version(self, plan: Plan) -> int:
        """Changes whenever marks or notes do; 0 for a plan that is not about them."""
        return self.marks().version if plan.of_marks else 0

    async def take_marks(self, plan: Plan) -> None:
        """Do the longest part of `where`, a little at a time. Raises `StoreError`."""
        while plan.of_marks and not self._stored_marks.take(self.marks(), PORTION):
            await give_way()

    def where(self, plan: Plan) -> Condition:
        """The plan's residual as an SQL condition, of marks and notes as they are now. Raises `StoreError`."""
        if plan.of_marks:
            self._stored_marks.take(self.marks())
        return plan.where()

    def forget(self) -> None:
        """Clear the caches, so that everything is fetched again."""
        self._feeds.clear()
        self._details.clear()
        if self._kept is not None:
            self._kept.forget()

    def now_us(self) -> int:
        """The server's clock in microseconds since 1970; this machine's clock before the first response.

        Of a file, the time that it is about.
        """
        if self.origin is not None:
            return self.origin.now_us
        return time.time_ns() // 1000 + (self.api.clock_offset_us or 0)

    @property
    def lacks(self) -> str:
        """Why its source may lack entries of the log; empty if it states that it has all, and for the API."""
        return "" if self.origin is None else self.origin.partial

    def note_missing(self, reason: str) -> None:
        """Take note of why entries are missing in the origin, as far as it is known by now."""
        if self.origin is not None and self.origin.reason != reason:
            self.origin = replace(self.origin, reason=reason)
            self.origin_changed()

    async def learn_clock(self) -> None:
        """Request the smallest page if no response has told the server's time yet. Raises `ApiError`."""
        if not self.knows_now:
            await self.reach()

    @property
    def knows_now(self) -> bool:
        """False as long as `now_us` goes by this machine's clock."""
        return self.origin is not None or self.api.clock_offset_us is not None

    async def reach(self) -> None:
        """Request the smallest page. Raises `ApiError`."""
        await self.api.list({}, limit=SMALLEST_PAGE)

    @contextmanager
    def foreground(self) -> Iterator[None]:
        """Mark requests that the user is waiting for: background counts wait until the log is `idle`."""
        self._foreground += 1
        self.idle.clear()
        try:
            yield
        finally:
            self._foreground -= 1
            if not self._foreground:
                self.idle.set()

    def cached_detail(self, n: int) -> Detail | None:
        """The full record of entry `n`, if it is in the cache."""
        return self._details.get(n)

    async def detail(self, n: int) -> Detail | None:
        """The full record of entry `n`; `None` for an entry without an id. Raises `ApiError`."""
        known = self._details.get(n)
        if known is not None:
            self._details.move_to_end(n)
            return known
        row = self.store.entry(n)
        if not row.fields.id:
            return None
        with self.foreground():
            entry = await self.api.get(row.fields.id)
        detail = Detail(entry, differences(row, entry))
        if detail.differs and entry.key == row.key:
            self.store.keep_detail(n, entry.raw)
        self._details[n] = detail
        if len(self._details) > DETAILS_KEPT:
            self._details.popitem(last=False)
        return detail


_WHOLE_LOG = frozenset((frozenset[tuple[str, str]](), None, anchor) for anchor in Anchor)
"""Request keys of the whole log from either end. These feeds are kept: loading the log again may take minutes."""


def clock_skew(offset_us: int | None) -> str:
    """A notice if the server's clock, ahead by `offset_us`, differs notably from this machine's; else empty."""
    if offset_us is None or abs(offset_us) <= MAX_SKEW_US:
        return ""
    way = "behind" if offset_us > 0 else "ahead of"
    return f"This machine's clock is {age(abs(offset_us))} {way} the server's; times and ages go by the server's"


def differences(one: Entry, other: Entry) -> tuple[str, ...]:
    """The top-level fields whose parsed JSON differs; an absent field equals a null one."""
    first, second = _members(one.raw), _members(other.raw)
    names = sorted(first.keys() | second.keys())
    return tuple(name for name in names if first.get(name, "null") != second.get(name, "null"))


def _members(raw: str) -> dict[str, str]:
    """The fields as canonical JSON, or as received where Python can't hold the value."""
    members = members_of(raw)
    if members is None:
        return {"": raw}
    return {name: _canonical(member.value, member.text) for name, member in members.named.items()}


def _canonical(value: Json, text: str) -> str:
    try:
        return text if value is UNREAD else json.dumps(value, sort_keys=True)
    except RecursionError:
        return text
