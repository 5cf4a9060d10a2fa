"""One server's log as this program knows it: the client, the working set, and what the server proved."""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from auditlog_tui.api.client import AuditLogApi
from auditlog_tui.entries.models import Entry
from auditlog_tui.entries.raw_json import UNREAD, Json, members_of
from auditlog_tui.log.feed import Anchor, At, Feed, Question, question
from auditlog_tui.log.server_support import SMALLEST_PAGE, ServerSupport
from auditlog_tui.query import Plan
from auditlog_tui.store.entries import EntryStore
from auditlog_tui.text.times import age

DETAILS_KEPT = 200

WALKED_KEPT = 100
"""Feeds kept to be reused, besides those of the whole log from either end."""

SKEW_US = 5_000_000
"""A difference between two clocks that is worth a word, in microseconds."""

UNTIMED = "The server does not tell its time: last:, today and yesterday go by this machine's clock"


@dataclass(frozen=True, slots=True)
class Detail:
    """What the get endpoint returned for an entry, and the fields in which it differs from the row."""

    entry: Entry
    differs: tuple[str, ...] = ()


class Log:
    """What every view of one log shares."""

    def __init__(self, api: AuditLogApi, store: EntryStore) -> None:
        self.api = api
        self.store = store
        self.server_support = ServerSupport()
        self._walked: dict[Question, Feed] = {}
        self.quiet = asyncio.Event()
        self.quiet.set()
        self._urgent = 0
        self._held_until = 0.0
        self._details: OrderedDict[int, Detail] = OrderedDict()

    def feed(self, plan: Plan, anchor: Anchor | At) -> Feed:
        """Begin a new feed, which is then the one that `walked` knows."""
        feed = Feed(self.api, self.store, plan, anchor)
        if plan.residual is not None or not plan.params:
            self._walked[question(plan, anchor)] = feed
            others = [asked for asked in self._walked if asked not in _WHOLE_LOG]
            for asked in others[:-WALKED_KEPT]:
                del self._walked[asked]
        return feed

    def walked(self, plan: Plan, anchor: Anchor | At) -> Feed | None:
        """The feed that was last begun to ask the server for what this plan asks, if most of that is evaluated here.

        Walking a log whose server knows no filters once more would take minutes.
        """
        return self._walked.get(question(plan, anchor)) if plan.residual is not None else None

    def forget(self) -> None:
        """What was fetched so far is of before."""
        self._walked.clear()
        self._details.clear()

    def now_us(self) -> int:
        """The server's clock, in microseconds since 1970; this machine's before the first answer."""
        return time.time_ns() // 1000 + (self.api.clock_offset_us or 0)

    async def learn_clock(self) -> None:
        """Ask for the server's time, by its smallest page, where no answer told it yet. Raises `ApiError`."""
        if self.api.clock_offset_us is None:
            await self.api.list({}, limit=SMALLEST_PAGE)

    @contextmanager
    def urgent(self) -> Iterator[None]:
        """While something is fetched that the user looks at: whoever counts waits for `quiet`."""
        self._urgent += 1
        self.quiet.clear()
        try:
            yield
        finally:
            self._urgent -= 1
            if not self._urgent:
                self.quiet.set()

    def hold(self, seconds: float) -> None:
        """Let the next page wait so long: something quicker has to be done first, a key for instance."""
        self._held_until = time.monotonic() + seconds

    async def turn(self) -> None:
        """Wait while the next page is held."""
        if (left := self._held_until - time.monotonic()) > 0:
            await asyncio.sleep(left)

    def known_detail(self, n: int) -> Detail | None:
        """The full record of entry `n`, if it was fetched before."""
        return self._details.get(n)

    async def detail(self, n: int) -> Detail | None:
        """The full record of entry `n`; `None` for an entry without an id, which can't be asked for.

        Raises `ApiError`.
        """
        known = self._details.get(n)
        if known is not None:
            self._details.move_to_end(n)
            return known
        row = self.store.entry(n)
        if not row.log.id:
            return None
        with self.urgent():
            entry = await self.api.get(row.log.id)
        detail = Detail(entry, differences(row, entry))
        if detail.differs and entry.key == row.key:
            self.store.keep_detail(n, entry.raw)
        self._details[n] = detail
        if len(self._details) > DETAILS_KEPT:
            self._details.popitem(last=False)
        return detail


_WHOLE_LOG = frozenset((frozenset[tuple[str, str]](), None, anchor) for anchor in Anchor)
"""What the feeds of the whole log from either end ask. They are kept: walking the log again may take minutes."""


def skew(offset_us: int | None) -> str:
    """What there is to say of the server's clock, which is so much ahead of this machine's; empty for nothing."""
    if offset_us is None or abs(offset_us) <= SKEW_US:
        return ""
    way = "behind" if offset_us > 0 else "ahead of"
    return f"This machine's clock is {age(abs(offset_us))} {way} the server's; times and ages go by the server's"


def differences(one: Entry, other: Entry) -> tuple[str, ...]:
    """The top-level fields whose parsed JSON differs; an absent field equals a null one."""
    first, second = _members(one.raw), _members(other.raw)
    names = sorted(first.keys() | second.keys())
    return tuple(name for name in names if first.get(name, "null") != second.get(name, "null"))


def _members(raw: str) -> dict[str, str]:
    """The fields, each as a text that is the same for the same JSON; as it came where Python can't hold it."""
    members = members_of(raw)
    if members is None:
        return {"": raw}
    return {name: _canonical(member.value, member.text) for name, member in members.named.items()}


def _canonical(value: Json, text: str) -> str:
    try:
        return text if value is UNREAD else json.dumps(value, sort_keys=True)
    except RecursionError:
        return text
