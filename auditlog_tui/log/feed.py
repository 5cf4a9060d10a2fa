"""One contiguous run of the log, fetched page by page from an anchor towards its two ends.

`older()` walks down, `newer()` walks up; both add what the run lacks and never lose the rest of an instant at a
seam, because cursors do the walking and ids the deduplication. A page is checked against what was asked *before* it
is kept: a server of generation 1 answers any filter with everything.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from auditlog_tui.api.client import AuditLogApi
from auditlog_tui.entries.models import Entry, Page
from auditlog_tui.errors import BadRequestError, NotFoundError
from auditlog_tui.log.records import note_records
from auditlog_tui.log.server_support import SMALLEST_PAGE, ServerSupport
from auditlog_tui.log.sort_order import NEWEST_FIRST, Rank, Stand, in_order, leading, rank, reversed_order
from auditlog_tui.query import Plan
from auditlog_tui.query.contradicts import contradicts
from auditlog_tui.store.entries import EntryStore, Row
from auditlog_tui.text.times import instant_us, rfc3339

IDLE_PAGES = 5
"""So many pages in a row that bring nothing new, with a cursor to go on, and we stop and say so."""


@dataclass(slots=True)
class End:
    """One end of a feed, which is walked in the order `sort`.

    `broken` says why the walk stopped short. It goes on by its `cursor` where that is alive, or else begins again:
    at the last instant that was fetched (`bound`), or, on a server that knows no bounds, at the top. `seam` is then
    where it broke off; the ids tell what was there already. `refused` counts cursors that the server refused since it
    took one.
    """

    params: Mapping[str, str]
    sort: str
    done: bool = False
    broken: str = ""
    cursor: str | None = None
    restarted: bool = False
    bound: Mapping[str, str] = field(default_factory=dict)
    seam: Rank | None = None
    pages: int = 0
    idle: int = 0
    patience: int = IDLE_PAGES
    refused: int = 0
    seen: set[str] = field(default_factory=set)

    @property
    def upwards(self) -> bool:
        """True for a walk towards the newest entry."""
        return leading(self.sort) == "created_at:asc"

    def precedes(self, stand: Stand) -> bool:
        """True for an entry that certainly comes before the seam."""
        if self.seam is None:
            return False
        place = rank(stand, self.sort)
        return place is not None and place < self.seam

    def advance(self, page: Page, added: int) -> None:
        self.broken = ""
        self.pages += 1
        self.idle = 0 if added else self.idle + 1
        if page.unclear:  # the cursor that brought the page is kept: it is asked for again
            self.broken = page.unclear
            return
        self.cursor = page.next_cursor
        if self.cursor is None:
            self.done = True
        elif self.cursor in self.seen:
            self.broken, self.cursor = "the server repeated a cursor", None
        elif self.idle >= self.patience:
            self.broken, self.idle = f"the server sent nothing new in {self.idle} pages", 0
            self.seen.add(self.cursor)
        else:
            self.seen.add(self.cursor)

    def restart(self, bound: Mapping[str, str], seam: Rank | None) -> None:
        self.bound, self.seam, self.cursor, self.broken, self.restarted = bound, seam, None, "", True
        # Up to the seam nothing is new.
        self.idle, self.patience = 0, IDLE_PAGES + self.pages
        self.seen.clear()


PAGE = 100
"""Entries per request: the most that the API allows."""


class Anchor(Enum):
    """Where a feed begins."""

    NEWEST = "newest"
    OLDEST = "oldest"


@dataclass(frozen=True, slots=True)
class At:
    """A feed that begins at an instant (microseconds since 1970 UTC) and goes both ways."""

    us: int


@dataclass(frozen=True, slots=True)
class Step:
    """What one request brought: entries received, those that the run lacked, parameters the server ignored."""

    received: int = 0
    added: int = 0
    ignored: frozenset[str] = frozenset()


REFUSALS = 2
"""Cursors refused in a row, after which none is used: the walk goes on by times, where the server knows them."""

Question = tuple[frozenset[tuple[str, str]], str | None, Anchor | At]
"""What a feed asks the server, and where it begins."""


def question(plan: Plan, anchor: Anchor | At) -> Question:
    """What a feed of the plan asks the server."""
    return frozenset(plan.params.items()), plan.entry_id, anchor


class Feed:
    """The entries that one plan's pushed part names, as far as they were fetched.

    `as_of` is the server's clock when the newest end was reached, `total` its count of them at that time,
    `duplicates` how many entries it sent more than once. `short` says why a feed that reached its ends may still
    lack entries, `gone` how many of them the server no longer has, `uncounted` how many its count left out from the
    beginning. `too_deep` has the keys of entries that were sent and are too far down to be put in their place.
    `newest_first` says that the order asked for puts the newest entry first. `question` is `None` for what is no feed of the log.
    """

    def __init__(self, api: AuditLogApi, store: EntryStore, plan: Plan, anchor: Anchor | At = Anchor.NEWEST) -> None:
        self.plan = plan
        self.anchor = anchor
        self.question: Question | None = question(plan, anchor)
        self.run = store.new_run()
        self.total: int | None = None
        self.as_of: datetime | None = None
        self.requests = 0
        self.duplicates = 0
        self.short = ""
        self.gone = 0
        self.uncounted = 0
        self.too_deep: set[str] = set()
        self._api = api
        self._store = store
        self._turn = asyncio.Lock()
        self._verified = False
        self._disordered = False
        self._unbounded = False
        self._suspected = False
        self._at_first: int | None = None
        self._counted = 0
        self._shrank = False
        self._perhaps = Counter[int]()
        sort = plan.params.get("sort", NEWEST_FIRST)
        backwards = reversed_order(sort)
        self.newest_first = leading(sort) == NEWEST_FIRST
        below, above = self._beside(anchor)
        self.older_end = End({**plan.params, **below}, sort, done=anchor is Anchor.OLDEST)
        self.newer_end = End({**plan.params, "sort": backwards, **above}, backwards, done=anchor is Anchor.NEWEST)

    @property
    def complete(self) -> bool:
        """True when both ends were reached: the run holds everything that was asked for, as of `as_of`."""
        return self.older_end.done and self.newer_end.done

    @property
    def turn(self) -> asyncio.Lock:
        """Held while a page is fetched and kept; whoever changes the run by another way holds it meanwhile."""
        return self._turn

    @property
    def broken(self) -> str:
        return self.older_end.broken or self.newer_end.broken

    @property
    def by_time(self) -> bool:
        """True when the newest entry is the first, and every one that came so far is older than those before it."""
        return self.newest_first and not self._disordered

    async def older(self) -> Step:
        """Fetch one page at the older end. Raises `ApiError`, after which the same call may be made again."""
        return await self._step(self.older_end)

    async def newer(self) -> Step:
        """Fetch one page at the newer end, as `older` does."""
        return await self._step(self.newer_end)

    def _beside(self, anchor: Anchor | At) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """The bounds of the two ends; both include the instant itself, and ids tell what came twice."""
        if not isinstance(anchor, At):
            return {}, {}
        own = self.plan.params
        return self._bounded("created_at_max", anchor.us, own), self._bounded("created_at_min", anchor.us, own)

    # -- one step ----------------------------------------------------------------------------------------------

    async def _step(self, end: End) -> Step:
        async with self._turn:
            if end.done:
                return Step()
            if end.broken and end.cursor is None:
                self._restart(end)
            page = await self._ask(end)
            # No await from here on: what is kept and what is known of it can't be torn apart by a cancellation.
            return self._take(page, end)

    async def _ask(self, end: End) -> Page:
        self.requests += 1
        if self.plan.entry_id is not None:
            return await self._get(self.plan.entry_id)
        try:
            page = await self._api.list({**end.params, **end.bound}, limit=PAGE, cursor=end.cursor)
        except (BadRequestError, NotFoundError) as error:
            if end.cursor is not None:
                end.refused += 1
                end.broken = self._crowd(end) if end.idle else ""
                end.broken, end.cursor = end.broken or f"the server refused the cursor: {error}", None
            elif end.bound:
                self._unbounded = True
                self._restart(end)
            raise
        if end.cursor is not None:
            end.refused = 0
        return page

    async def _get(self, entry_id: str) -> Page:
        try:
            return Page((await self._api.get(entry_id),))
        except NotFoundError:
            return Page(())

    def _take(self, page: Page, end: End) -> Step:
        received = len(page.entries)
        fresh = self._fresh(page.entries, end)
        ignored = self._ignored(page, fresh, end)
        if ignored:
            return Step(received, ignored=ignored)
        if any(_outside(entry, end.bound) for entry in page.entries):
            self._unbounded = True
            self._restart(end)
            return Step(received)
        added = self._keep(page, fresh, end)
        end.advance(page, added)
        if self.complete and self._seems_short():
            self.short = f"the server counts {self.total:,}, {self._store.records(self.run):,} arrived"
        if end.refused >= REFUSALS and not end.done and not end.broken:
            self._go_on_by_time(end, added)
        return Step(received, added)

    def _go_on_by_time(self, end: End, added: int) -> None:
        """Leave the cursor, which would be refused, and begin again at the last instant."""
        if added:
            if self._bound(end, self._last(end)):
                self._restart(end)
        elif end.bound:
            end.broken, end.cursor = self._crowd(end), None
            end.refused = REFUSALS - 1  # whoever asks again may find that cursors are taken now

    def _crowd(self, end: End) -> str:
        """Why nothing new comes where a walk began again at an instant; empty where it did not."""
        last = self._last(end)
        if not end.bound or last is None or last.created_us is None:
            return ""
        instant = rfc3339(last.created_us)
        return f"more entries happened at {instant} than come in one page, and the server refuses cursors"

    def _fresh(self, entries: tuple[Entry, ...], end: End) -> list[Entry]:
        """Those that the run lacks; not what was written since, which a walk that began again meets on its way."""
        lacking = self._store.lacking(self.run, [entry.key for entry in entries])
        fresh: dict[str, Entry] = {}
        for entry in entries:
            if entry.key in lacking and (self._disordered or not end.precedes(stand_of(entry))):
                fresh.setdefault(entry.key, entry)
        return list(fresh.values())

    def _ignored(self, page: Page, fresh: list[Entry], end: End) -> frozenset[str]:
        found: set[str] = set()
        bounds = [(name, end.params[name]) for name in _BOUNDS if name in end.params]
        for entry in page.entries:
            found |= self.plan.violations(entry)
            found |= {name for name, value in bounds if contradicts(entry, name, value)}
        last = self._last(end)
        if not in_order([*([last] if last else []), *map(stand_of, fresh)], end.sort):
            if "sort" in end.params:
                found.add("sort")
            else:
                self._disordered = True  # nothing was asked for, so nothing was ignored
        return frozenset(found)

    def _keep(self, page: Page, fresh: list[Entry], end: End) -> int:
        keys = {entry.key for entry in fresh}
        lacking = self._store.lacking(self.run, [entry.key for entry in page.entries]) - keys
        numbers = self._store.add(page.entries)
        if not end.restarted and not end.broken:
            self.duplicates += len(numbers) - len(fresh)
        put = self._store.append if end is self.older_end else self._store.prepend
        # Other versions of what is there go beside it; what came before the seam stays out.
        taken = [(n, e) for n, e in zip(numbers, page.entries, strict=True) if e.key not in lacking]
        reading = [(n, stand_of(e)) for n, e in taken]
        self._perhaps += note_records(self._store, self.run, [reading], "" if self._disordered else end.sort)
        put(self.run, [n for n, _ in taken])
        if end.upwards or not end.pages:
            self.as_of = page.served_at
            if page.total_count is not None and not end.bound and not isinstance(self.anchor, At):
                self.total = page.total_count
        self._note_count(page, end)
        return len(fresh)

    def _note_count(self, page: Page, end: End) -> None:
        total = page.total_count
        if total is None or end.bound or isinstance(self.anchor, At):
            return
        self._at_first = total if self._at_first is None else self._at_first
        self._shrank = self._shrank or total < self._counted
        self._counted = total

    # -- beginning again ---------------------------------------------------------------------------------------

    def _last(self, end: End) -> Stand | None:
        """Where the entry stands that was fetched last at this end, among those where that can be told."""
        for count in (1, PAGE):  # as a rule it is the very last
            if end is self.older_end:
                rows = self._store.window(self.run, max(0, len(self.run) - count), count)[::-1]
            else:
                rows = self._store.window(self.run, 0, count)
            stands = [Stand(row.created_us, row.status_code) for row in rows]
            known = [stand for stand in stands if rank(stand, end.sort) is not None]
            if known:
                return known[0]
        return None

    def _restart(self, end: End) -> None:
        last = self._last(end)
        end.restart(self._bound(end, last), rank(last, end.sort) if last else None)

    def _bound(self, end: End, last: Stand | None) -> Mapping[str, str]:
        """The parameter that goes on at the last instant that was fetched."""
        name, _, way = leading(end.sort).partition(":")
        if last is None or last.created_us is None or name != "created_at" or self._disordered or self._unbounded:
            return {}
        if way == "asc":
            return self._bounded("created_at_min", last.created_us, end.params)
        # One microsecond more, as the log's timestamps may have more digits than ours.
        return self._bounded("created_at_max", last.created_us + 1, end.params)

    def _bounded(self, name: str, us: int, params: Mapping[str, str]) -> Mapping[str, str]:
        """The bound, or the one among the parameters where that is narrower."""
        if name in self.plan.ignored:
            return {}
        own = instant_us(params.get(name, ""))
        narrower = min if name == "created_at_max" else max
        return {name: rfc3339(us if own is None else narrower(us, own))}

    # -- the server's count ------------------------------------------------------------------------------------

    async def verify(self, server_support: ServerSupport) -> None:
        """Compare the server's count with what arrived, once, when both ends were reached.

        Where they differ it is counted once more, up to the newest entry, as the log goes on growing. What the server
        has more is told by `short`; what it has less is `gone`, as far as it was counted when the walk began. Where
        the server did not prove that it obeys, only a count that is higher is told, until it did. Raises `ApiError`.
        """
        async with self._turn:
            proven = server_support.proven(self.plan.params)
            if self._verified or self.plan.entry_id is not None or not (proven or self._seems_short()):
                return
            await self._compare()
            if not proven:
                self.gone = self.uncounted = 0
            self._verified, self._suspected = proven, not proven

    def _seems_short(self) -> bool:
        most = self._store.records(self.run) + self._perhaps.total()
        return not self._suspected and self.total is not None and self.total > most

    async def _compare(self) -> None:
        gone = await self._gone_at_beginning() if self._shrank else 0
        held = self._store.records(self.run) - gone
        counted = self.total is not None or isinstance(self.anchor, At)
        if self.total is not None and held <= self.total <= held + self._perhaps.total():
            self._decide(self.total - held)
            self.gone, self.short = gone, "" if self._suspected else self.short
        elif counted:
            await self._count_again(held, gone)

    def _decide(self, more: int) -> None:
        """So many of the versions that may be records of their own are; the others replaced the ones before."""
        records = self._store.records_of(self.run, list(self._perhaps))
        found = list(self._perhaps.elements())[:more]
        self._store.note_records(self.run, {n: records.get(n, 1) + k for n, k in Counter(found).items()})
        self._perhaps.clear()

    async def _count_again(self, held: int, gone: int) -> None:
        bound = self._up_to_newest()
        self.requests += 1
        try:
            page = await self._api.list({**self.plan.params, **bound}, limit=SMALLEST_PAGE)
        except BadRequestError:
            self._unbounded = True  # the next attempt goes without
            raise
        bounded = bool(bound) and not any(_outside(entry, bound) for entry in page.entries)
        now, before, most = page.total_count, self.total, held + self._perhaps.total()
        if now is None:
            missing = before is not None and before > most
            self.short = (
                f"the server counted {before:,}, {most:,} arrived, and it tells no count any more" if missing else ""
            )
            return
        if not bounded and before is None:
            return  # what was written since may be counted
        # Without the bound, what was written during the walk may have arrived or not.
        least, highest = (now, now) if bounded or before is None else (min(before, now), max(before, now))
        arrived = max(held, min(most, least))
        self._decide(arrived - held)
        self.total = arrived if least <= arrived <= highest else now
        missing_here = max(0, min(arrived, (self._at_first or 0) - gone) - highest)
        self.gone = gone + missing_here
        self.uncounted = max(0, arrived - highest - missing_here)
        still = f"{arrived:,} of them arrived" if gone else f"{arrived:,} arrived"
        self.short = f"the server counts {now:,}, {still}" if arrived < least else ""

    async def _gone_at_beginning(self) -> int:
        """How many of the entries with which the walk began the server has no more.

        Its cursors may be offsets, which then pass others over: what arrived is as many as it counts, but not those.
        """
        end = self.older_end if self.anchor is Anchor.NEWEST else self.newer_end
        self.requests += 1
        page = await self._api.list(end.params, limit=PAGE)
        there = {entry.key for entry in page.entries}
        last = rank(stand_of(page.entries[-1]), end.sort) if page.entries else None
        if self._disordered or (last is None and not page.last):
            return 0
        gone = 0
        for start in range(0, len(self.run), PAGE):
            for row in self._from_beginning(start):
                place = rank(Stand(row.created_us, row.status_code), end.sort)
                if not page.last and place is not None and last is not None and place >= last:
                    return gone
                gone += place is not None and row.key not in there
            await asyncio.sleep(0)
        return gone

    def _from_beginning(self, start: int) -> list[Row]:
        """A page of rows as they came."""
        if self.anchor is Anchor.NEWEST:
            return self._store.window(self.run, start, PAGE)
        after = len(self.run) - start
        return self._store.window(self.run, max(0, after - PAGE), min(PAGE, after))[::-1]

    def _up_to_newest(self) -> Mapping[str, str]:
        first = self._store.window(self.run, 0, 1)
        if not first or first[0].created_us is None or not self.by_time or self._unbounded:
            return {}
        return self._bounded("created_at_max", first[0].created_us + 1, self.plan.params)


_BOUNDS = ("created_at_min", "created_at_max")


def stand_of(entry: Entry) -> Stand:
    """Where an entry stands in the API's orders."""
    return Stand(entry.created_us, entry.log.status_code)


def _outside(entry: Entry, bound: Mapping[str, str]) -> bool:
    """True for an entry that the bound certainly excludes."""
    return any(contradicts(entry, name, value) for name, value in bound.items())
