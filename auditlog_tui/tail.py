"""Following the newest end of a view: what is new, and what came late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auditlog_tui import __version__
from auditlog_tui.feed import PAGE
from auditlog_tui.models import Entry, Page, instant_us, rfc3339
from auditlog_tui.obedience import SMALLEST_PAGE
from auditlog_tui.order import Stand, in_order
from auditlog_tui.slices import newer_than
from auditlog_tui.view import View

LATE_US = 5 * 60_000_000
"""Entries may be written this much after they happened, in microseconds; no cursor tells of them."""

PAGES = 50
"""Pages read in one poll; the next one goes on."""

_ASKED = frozenset({"sort", "created_at_min"})
_OURS = f"auditlog-tui/{__version__}"


@dataclass(frozen=True, slots=True)
class News:
    """What a poll brought: new entries, our own reads among them, and late ones."""

    added: int = 0
    own: int = 0
    late: int = 0


class Tail:
    """Follows a view whose newest entry is the first. `poll` raises `ApiError`, and may then be called again."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._log = view.log
        self._page: Page | None = None

    @property
    def possible(self) -> bool:
        """False for other orders, and while the newest entry is not reached."""
        view = self.view
        return view.feed.by_time and view.newer_done and view.plan.entry_id is None and not view.marked

    async def poll(self) -> News:
        """Fetch what was written since; rows come above those that are shown."""
        newest = self._newest()
        bounded = newest is not None and not self.view.plan.ignored & _ASKED
        entries = await self._since(newest) if bounded and newest is not None else await self._top()
        fresh = self._fresh(entries)
        self._put(entries, fresh)
        await self.view.take_in()
        return News(len(fresh), sum(entry.log.user_agent == _OURS for entry in fresh))

    async def mend(self) -> News:
        """Count the last minutes again; where the server has more than is shown, fetch them anew, in order."""
        newest, feed, store = self._newest(), self.view.feed, self._log.store
        if (
            newest is None
            or feed.plan.ignored & _ASKED
            or not self._log.obedience.proven([*feed.plan.params, *_ASKED])
        ):
            return News()
        since = newest - LATE_US
        have = newer_than(store, feed.run, since)
        page = await self._log.api.list(self._params(since), limit=SMALLEST_PAGE)
        if page.total_count is None or page.total_count <= have:
            return News()
        entries = await self._since(since)
        fresh = self._fresh(entries)
        if not fresh or self._newest() != newest:
            return News()
        # No await from here on: rows are taken away and put back, the late ones where they belong.
        self.view.cut(since)
        self._put(entries, entries, grown=len(fresh))
        await self.view.take_in()
        return News(late=sum(entry.created_us is not None and entry.created_us < newest for entry in fresh))

    def _newest(self) -> int | None:
        first = self._log.store.window(self.view.feed.run, 0, 1)
        return first[0].created_us if first else None

    def _params(self, since: int) -> dict[str, str]:
        own = instant_us(self.view.feed.plan.params.get("created_at_min", ""))
        bound = since if own is None else max(own, since)
        return {**self.view.feed.plan.params, "sort": "created_at:asc", "created_at_min": rfc3339(bound)}

    async def _since(self, us: int) -> list[Entry]:
        """What was written at or after an instant, oldest first."""
        found: list[Entry] = []
        cursor: str | None = None
        for _ in range(PAGES):
            page = await self._log.api.list(self._params(us), limit=PAGE, cursor=cursor)
            found += page.entries
            self._page, cursor = page, page.next_cursor
            if cursor is None:
                break
        if not in_order((Stand(e.created_us, e.log.status_code) for e in found), "created_at:asc"):
            self._log.obedience.ignored.add("sort")
            return await self._top()
        return found

    async def _top(self) -> list[Entry]:
        """What stands above the newest entry known, oldest first: for servers that know no bounds."""
        found: list[Entry] = []
        cursor: str | None = None
        for _ in range(PAGES):
            page = await self._log.api.list(self.view.feed.plan.params, limit=PAGE, cursor=cursor)
            found += page.entries
            self._page, cursor = page, page.next_cursor
            if cursor is None or len(self._fresh(page.entries)) < len(page.entries):
                break
        return found[::-1]

    def _fresh(self, entries: Sequence[Entry]) -> list[Entry]:
        feed = self.view.feed
        lacking = self._log.store.lacking(feed.run, [entry.key for entry in entries])
        kept = {entry.key: entry for entry in entries if entry.key in lacking and not feed.plan.violations(entry)}
        return list(kept.values())

    def _put(self, entries: Sequence[Entry], fresh: Sequence[Entry], grown: int | None = None) -> None:
        feed, store = self.view.feed, self._log.store
        known = dict(zip([entry.key for entry in entries], store.add(entries), strict=True))
        store.prepend(feed.run, [known[entry.key] for entry in fresh])
        if feed.total is not None:
            feed.total += len(fresh) if grown is None else grown
        feed.as_of = self._page.served_at if self._page is not None else feed.as_of
