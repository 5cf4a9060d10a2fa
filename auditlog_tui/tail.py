"""Following the newest end of a view: what is new, and what came late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auditlog_tui import __version__
from auditlog_tui.errors import NotTheApiError
from auditlog_tui.feed import PAGE
from auditlog_tui.models import Entry, Page, instant_us, rfc3339
from auditlog_tui.obedience import SMALLEST_PAGE
from auditlog_tui.order import Stand, in_order
from auditlog_tui.query.check import contradicts
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
        entries = await self._written(newest)
        fresh = [entry for entry in self._fresh(entries) if not _before(entry, newest)]  # `mend` is for the others
        self._put(entries, fresh, len(fresh))
        await self.view.take_in()
        return News(len(fresh), sum(entry.log.user_agent == _OURS for entry in fresh))

    async def mend(self) -> News:
        """Count the last minutes again; where the server has more than is shown, fetch them anew, in order."""
        newest, feed, store = self._newest(), self.view.feed, self._log.store
        if newest is None or not await self._counts(since := newest - LATE_US):
            return News()
        entries = [entry for entry in await self._written(since) if not _before(entry, since)]
        fresh = self._fresh(entries)
        late = [entry for entry in fresh if _before(entry, newest)]
        following = {entry.key for entry in fresh if not _before(entry, newest)}  # the next poll's
        entries = [entry for entry in entries if entry.key not in following]
        shown = {row.key for row in store.window(feed.run, 0, newer_than(store, feed.run, since))}
        if not late or self._newest() != newest or not shown <= {entry.key for entry in entries}:
            return News()
        # No await from here on: rows are taken away and put back, the late ones where they belong.
        self.view.cut(since)
        self._put(entries, entries, len(late))
        await self.view.take_in()
        return News(late=len(late))

    async def _counts(self, since: int) -> bool:
        """True where the server has more than is shown since an instant, or can't tell."""
        log, feed = self._log, self.view.feed
        await log.obedience.prove(log.api, [*feed.plan.params, "created_at_min"])
        if self._unbounded:
            return True
        if not log.obedience.proven([*feed.plan.params, *_ASKED]):
            return False
        page = await log.api.list(self._params(since), limit=SMALLEST_PAGE)
        return page.total_count is not None and page.total_count > newer_than(log.store, feed.run, since)

    @property
    def _unbounded(self) -> bool:
        return bool(self._log.obedience.ignored & _ASKED)

    def _newest(self) -> int | None:
        first = self._log.store.window(self.view.feed.run, 0, 1)
        return first[0].created_us if first else None

    def _params(self, since: int) -> dict[str, str]:
        own = instant_us(self.view.feed.plan.params.get("created_at_min", ""))
        bound = since if own is None else max(own, since)
        return {**self.view.feed.plan.params, "sort": "created_at:asc", "created_at_min": rfc3339(bound)}

    async def _written(self, since: int | None) -> list[Entry]:
        """What was written at or after an instant, oldest first; older ones may be among them."""
        found = None if since is None or self._unbounded else await self._since(since)
        return await self._down(since) if found is None else found

    async def _since(self, us: int) -> list[Entry] | None:
        """What was written at or after an instant, oldest first; `None` where the server ignores what it is asked."""
        params = self._params(us)
        found: list[Entry] = []
        cursor: str | None = None
        for _ in range(PAGES):
            page = await self._log.api.list(params, limit=PAGE, cursor=cursor)
            found += page.entries
            ignored = {name for name in _ASKED if any(contradicts(entry, name, params[name]) for entry in found)}
            if not in_order((Stand(e.created_us, e.log.status_code) for e in found), params["sort"]):
                ignored.add("sort")
            if ignored:
                self._log.obedience.ignored |= ignored
                return None
            if page.unclear:
                raise NotTheApiError(f"Not all that is new is known: {page.unclear}.")
            self._page, cursor = page, page.next_cursor
            if page.last:
                break
        return found

    async def _down(self, since: int | None) -> list[Entry]:
        """The newest entries, oldest first, down to one before an instant: for servers that know no bounds.

        Without an instant, down to one that is shown already.
        """
        found: list[Entry] = []
        cursor: str | None = None
        seen: set[str | None] = set()
        while cursor not in seen:
            seen.add(cursor)
            page = await self._log.api.list(self.view.feed.plan.params, limit=PAGE, cursor=cursor)
            found += page.entries
            self._page, cursor = page, page.next_cursor
            enough = self._overlaps(page) if since is None else any(_before(entry, since) for entry in page.entries)
            if page.last or enough:
                break
            if page.unclear:
                raise NotTheApiError(f"Not all that is new is known: {page.unclear}.")
        return found[::-1]

    def _overlaps(self, page: Page) -> bool:
        keys = {entry.key for entry in page.entries}
        return len(self._log.store.lacking(self.view.feed.run, list(keys))) < len(keys)

    def _fresh(self, entries: Sequence[Entry]) -> list[Entry]:
        feed = self.view.feed
        lacking = self._log.store.lacking(feed.run, [entry.key for entry in entries])
        kept = {entry.key: entry for entry in entries if entry.key in lacking and not feed.plan.violations(entry)}
        return list(kept.values())

    def _put(self, entries: Sequence[Entry], fresh: Sequence[Entry], grown: int) -> None:
        feed, store = self.view.feed, self._log.store
        known = dict(zip([entry.key for entry in entries], store.add(entries), strict=True))
        store.prepend(feed.run, [known[entry.key] for entry in fresh])
        if feed.total is not None:
            feed.total += grown
        feed.as_of = self._page.served_at if self._page is not None else feed.as_of


def _before(entry: Entry, us: int | None) -> bool:
    """True for an entry that certainly happened before an instant."""
    return us is not None and entry.created_us is not None and entry.created_us < us
