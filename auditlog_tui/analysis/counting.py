"""How many entries match: asked of the server with its smallest page, where it proves to count what it is asked."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from auditlog_tui.errors import NotFoundError
from auditlog_tui.log.log import Log
from auditlog_tui.log.server_support import SMALLEST_PAGE
from auditlog_tui.log.sort_order import OLDEST_FIRST, in_order, sort_values
from auditlog_tui.query import FIELDS, Plan, Query, plan
from auditlog_tui.store.scans import SLICE, count_slice

AT_ONCE = 3
"""Counting requests under way together: pages and details go first."""

KEPT = 2_000


class How(Enum):
    """What a count is worth."""

    EXACT = "exact"
    AT_MOST = "at most"
    LOADED = "loaded"


@dataclass(frozen=True, slots=True)
class Count:
    """`n` entries: exactly, at most (a part of the query is not the server's), or of what is loaded here."""

    n: int
    how: How

    def __str__(self) -> str:
        sign = {How.EXACT: "", How.AT_MOST: "≤ ", How.LOADED: ""}[self.how]
        return f"{sign}{self.n:,}{' loaded' if self.how is How.LOADED else ''}"


class Counting:
    """Counts of one log. The server's are kept until `forget`; `requests` is how many were asked for."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.requests = 0
        self._known: OrderedDict[tuple[tuple[str, str], ...], tuple[int | None, tuple[int | None, ...]]] = (
            OrderedDict()
        )
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._proving = asyncio.Lock()

    def forget(self) -> None:
        self._known = OrderedDict()  # what is under way is of before, and goes with the old one

    async def count(self, query: Query) -> Count:
        """The entries that match a frozen query. Raises `ApiError`, `StoreError`. May be cancelled."""
        planned = await self.proven(query)
        if planned.entry_id is not None and planned.residual is None:
            return Count(await self._exists(planned.entry_id), How.EXACT)
        pushed = {name: value for name, value in planned.params.items() if name != "sort"}
        if planned.entry_id is None and (pushed or planned.residual is None):
            total = await self.total(pushed)
            if total is not None:
                return Count(total, How.EXACT if planned.residual is None else How.AT_MOST)
        return await self.loaded(query)

    async def _exists(self, entry_id: str) -> int:
        async with self._at_once:
            await self.log.idle.wait()
            self.requests += 1
            try:
                await self.log.api.get(entry_id)
            except NotFoundError:
                return 0
        return 1

    async def proven(self, query: Query) -> Plan:
        """The query's plan, once every parameter in it was tried on the server; the unproven count as ignored."""
        server_support = self.log.server_support
        planned = plan(query, frozenset(server_support.ignored))
        for name in planned.params:
            if not server_support.proven([name]) and self.log.store.size:  # in an empty log every count is 0
                async with self._proving, self._at_once:
                    await self.log.idle.wait()
                    await server_support.prove(self.log.api, [name])
        unproven = {name for name in planned.params if not server_support.proven([name])}
        return plan(query, frozenset(server_support.ignored) | unproven)

    async def total(self, params: dict[str, str]) -> int | None:
        """The server's count under parameters that it obeys; `None` where it tells none."""
        return (await self._ask(params))[0]

    async def _ask(self, params: dict[str, str]) -> tuple[int | None, tuple[int | None, ...]]:
        """The count, and when the entries of the answer happened: the newest first, unless `sort` says otherwise."""
        key = tuple(sorted(params.items()))
        known = self._known
        if key in known:
            return known[key]
        async with self._at_once:
            await self.log.idle.wait()
            if key not in known:
                self.requests += 1
                page = await self.log.api.list(params, limit=SMALLEST_PAGE)
                known[key] = page.total_count, tuple(entry.created_us for entry in page.entries)
                if "sort" in params and not in_order(map(sort_values, page.entries), params["sort"]):
                    self.log.server_support.ignored.add("sort")
        found = known[key]
        if len(known) > KEPT:
            known.popitem(last=False)
        return found

    async def span(self, query: Query) -> tuple[int, int] | None:
        """When the first and the last entry that match happened, as the server knows; `None` where it can't tell."""
        found = await self.ends(query)
        return None if found is None else (found[0][0], found[1][-1])

    async def ends(self, query: Query) -> tuple[list[int], list[int], int] | None:
        """When the first few entries that match happened and the last few (both ascending), and how many match.

        `None` where the server can't tell.
        """
        planned = await self.proven(query)
        pushed = {name: value for name, value in planned.params.items() if name != "sort"}
        if planned.residual is not None or "sort" in self.log.server_support.ignored:
            return None
        total, last = await self._ask(pushed)
        _, first = await self._ask({**pushed, "sort": OLDEST_FIRST})
        if not first or not last or total is None or "sort" in self.log.server_support.ignored:
            return None
        if first[0] is None or last[0] is None or first[0] > last[0]:
            return None
        return _known(first), _known(last)[::-1], total

    async def loaded(self, query: Query) -> Count:
        """The entries fetched so far that match, counted in slices."""
        where = plan(Query(query.terms), _EVERYTHING).where()
        n, first, last = 0, 1, self.log.store.size
        while first <= last:
            n += count_slice(self.log.store, first, first + SLICE, where)
            first += SLICE
            await asyncio.sleep(0)
        return Count(n, How.LOADED)


def _known(times: Iterable[int | None]) -> list[int]:
    return [us for us in times if us is not None]


_EVERYTHING = frozenset(name for field in FIELDS.values() for name in field.params)
"""Every parameter taken for ignored: then all of a query is evaluated here."""
