"""One contiguous run of the log, fetched page by page from an anchor towards its two ends.

`older()` walks down, `newer()` walks up; both append what the run lacks and never lose the rest of an instant at a
seam, because cursors do the walking and ids the deduplication. A page is checked against what was asked *before* it
is kept: a server of generation 1 answers any filter with everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from itertools import pairwise

from auditlog_tui.api import AuditLogApi
from auditlog_tui.errors import BadRequestError, NotFoundError
from auditlog_tui.models import Entry, Page, instant_us, rfc3339
from auditlog_tui.obedience import SMALLEST_PAGE, Obedience
from auditlog_tui.query import Plan
from auditlog_tui.store import EntryStore

PAGE = 100
"""Entries per request: the most that the API allows."""

EMPTY_PAGES = 5
"""So many empty pages in a row with a cursor to go on are a server that goes in circles."""

NEWEST_FIRST = "created_at:desc"
"""The API's order when `sort` is not given."""


class Anchor(Enum):
    """Where a feed begins."""

    NEWEST = "newest"
    OLDEST = "oldest"


@dataclass(frozen=True, slots=True)
class Step:
    """What one request brought: entries received, those that the run lacked, parameters the server ignored."""

    received: int = 0
    added: int = 0
    ignored: frozenset[str] = frozenset()


@dataclass(slots=True)
class End:
    """One end of a feed. `broken` says why it can't go on by its cursor; `resume` starts it again."""

    params: Mapping[str, str]
    done: bool = False
    broken: str = ""
    cursor: str | None = None
    resumed: bool = False
    empty_pages: int = 0
    seen: set[str] = field(default_factory=set)

    def advance(self, page: Page) -> None:
        self.empty_pages = 0 if page.entries else self.empty_pages + 1
        following = page.next_cursor
        if following is None:
            self.done = True
        elif following in self.seen:
            self.broken = "the server repeated a cursor"
        elif self.empty_pages >= EMPTY_PAGES:
            self.broken = f"the server sent {EMPTY_PAGES} empty pages in a row"
        else:
            self.seen.add(following)
            self.cursor = following

    def resume(self, params: Mapping[str, str]) -> None:
        """Go on without a cursor: it died, but the ids tell what was there already."""
        self.params, self.cursor, self.broken, self.empty_pages = params, None, "", 0
        self.resumed = True
        self.seen.clear()


class Feed:
    """The entries that one plan's pushed part names, as far as they were fetched.

    `as_of` is the server's clock when the newest end was reached, `total` its count of them at that time,
    `duplicates` how many entries it sent more than once. `short` says why a feed that reached its ends may still
    lack entries. `by_time` is true when the newest entry is the first.
    """

    def __init__(self, api: AuditLogApi, store: EntryStore, plan: Plan, anchor: Anchor = Anchor.NEWEST) -> None:
        self.plan = plan
        self.anchor = anchor
        self.run = store.new_run()
        self.total: int | None = None
        self.as_of: datetime | None = None
        self.requests = 0
        self.duplicates = 0
        self.short = ""
        self._verified = False
        self._api = api
        self._store = store
        self.by_time = plan.params.get("sort", NEWEST_FIRST).split(",")[0] == NEWEST_FIRST
        oldest = anchor is Anchor.OLDEST
        self.older_end = End(plan.params, done=oldest)
        self.newer_end = End(
            {**plan.params, "sort": _reversed(plan.params.get("sort", NEWEST_FIRST))}, done=not oldest
        )

    @property
    def complete(self) -> bool:
        """True when both ends were reached: the run holds everything that was asked for, as of `as_of`."""
        return self.older_end.done and self.newer_end.done

    @property
    def broken(self) -> str:
        return self.older_end.broken or self.newer_end.broken

    async def older(self) -> Step:
        """Fetch one page at the older end. Raises `ApiError`, after which the same call may be made again."""
        return await self._step(self.older_end)

    async def newer(self) -> Step:
        """Fetch one page at the newer end, as `older` does."""
        return await self._step(self.newer_end)

    async def _step(self, end: End) -> Step:
        if end.done:
            return Step()
        if end.broken:
            end.resume(self._resumed(end))
        page = await self._ask(end)
        if any(_outside(entry, end.params) for entry in page.entries):
            end.resume({name: value for name, value in end.params.items() if name not in _BOUNDS})
            return Step(len(page.entries))
        ignored = self._ignored(page, end)
        if ignored:
            return Step(len(page.entries), ignored=ignored)
        added = self._keep(page, end)
        end.advance(page)
        return Step(len(page.entries), added)

    async def _ask(self, end: End) -> Page:
        self.requests += 1
        if self.plan.entry_id is not None:
            return await self._get(self.plan.entry_id)
        try:
            return await self._api.list(end.params, limit=PAGE, cursor=end.cursor)
        except BadRequestError as error:
            if end.cursor is not None:
                end.broken = f"the server refused the cursor: {error}"
            raise

    async def _get(self, entry_id: str) -> Page:
        try:
            return Page((await self._api.get(entry_id),))
        except NotFoundError:
            return Page(())

    async def verify(self, obedience: Obedience) -> None:
        """Compare the server's count with what arrived, once, when both ends were reached.

        Where they differ the entries up to the newest one are counted again, as the log goes on growing; a
        difference that remains is told by `short`. Raises `ApiError`.
        """
        loaded = len(self.run)
        if self._verified or self.plan.entry_id is not None or not obedience.proven(self.plan.params):
            return
        total = self.total
        if total not in (None, loaded) and self.by_time and "created_at_max" not in obedience.ignored and loaded:
            newest = self._store.window(self.run, 0, 1)[0].created_us
            bound = {} if newest is None else {"created_at_max": rfc3339(newest)}
            total = (await self._api.list({**self.plan.params, **bound}, limit=SMALLEST_PAGE)).total_count
        self._verified = True
        if total not in (None, loaded):
            self.short = f"the server counts {total:,}, {loaded:,} arrived"

    def _keep(self, page: Page, end: End) -> int:
        entries = page.entries
        if end is self.older_end:
            if self.total is None and not end.resumed:
                self.total = page.total_count
            self.as_of = self.as_of or page.served_at
            entries = self._not_newer(entries)
            added = self._store.append(self.run, self._store.add(entries))
        else:
            self.total = self.total if end.resumed else page.total_count
            self.as_of = page.served_at
            added = self._store.prepend(self.run, self._store.add(entries))
        self.duplicates += len(entries) - added
        return added

    def _not_newer(self, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        """Without what was written after the run began: a walk that starts again meets it at the top."""
        if not (self.older_end.resumed and self.by_time and len(self.run)):
            return entries
        newest = self._store.window(self.run, 0, 1)[0].created_us
        return tuple(e for e in entries if newest is None or e.created_us is None or e.created_us <= newest)

    def _ignored(self, page: Page, end: End) -> frozenset[str]:
        found: set[str] = set()
        for entry in page.entries:
            found |= self.plan.violations(entry)
        if not _sorted(page.entries, end.params.get("sort", "")):
            found.add("sort")
        return frozenset(found)

    def _resumed(self, end: End) -> Mapping[str, str]:
        """The parameters that go on at the last instant that was fetched."""
        row = len(self.run) - 1 if end is self.older_end else 0
        last = self._store.window(self.run, row, 1)
        if not last or last[0].created_us is None or not self.by_time or "created_at_max" in self.plan.ignored:
            return end.params
        if end is self.older_end:
            # One microsecond more, as the log's timestamps may have more digits than ours.
            return {**end.params, "created_at_max": rfc3339(last[0].created_us + 1)}
        return {**end.params, "created_at_min": rfc3339(last[0].created_us)}


_BOUNDS = {"created_at_min", "created_at_max"}


def _outside(entry: Entry, params: Mapping[str, str]) -> bool:
    """True for an entry that the bounds exclude, by a margin of a microsecond."""
    if entry.created_us is None:
        return False
    low, high = instant_us(params.get("created_at_min", "")), instant_us(params.get("created_at_max", ""))
    return (low is not None and entry.created_us < low - 1) or (high is not None and entry.created_us > high + 1)


def _reversed(sort: str) -> str:
    turned = {"asc": "desc", "desc": "asc"}
    return ",".join(f"{name}:{turned[way]}" for name, way in (term.split(":") for term in sort.split(",")))


def _sorted(entries: tuple[Entry, ...], sort: str) -> bool:
    """False when the known values contradict the order that was asked for."""
    name, _, way = sort.partition(",")[0].partition(":")
    if not name:
        return True
    values = [e.created_us if name == "created_at" else e.log.status_code for e in entries]
    known = [value for value in values if value is not None]
    pairs = pairwise(known) if way == "asc" else ((b, a) for a, b in pairwise(known))
    return all(a <= b for a, b in pairs)
