"""How many entries match: counted here if all of them are, else the server's count if it honours the filter.

Otherwise the loaded ones.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from enum import Enum

from msgspec import Struct

from auditlog_tui.entries.contract import OLDEST_FIRST, PAGE
from auditlog_tui.errors import NotFoundError
from auditlog_tui.log.log import Log
from auditlog_tui.log.server_support import SMALLEST_PAGE
from auditlog_tui.log.sort_order import in_order, sort_values
from auditlog_tui.log.view import View
from auditlog_tui.query import FIELDS, Plan, Query, plan
from auditlog_tui.runtime import give_way
from auditlog_tui.store.entries import Row, Run
from auditlog_tui.store.scans import count_entries, matches, newest_matching, stretches

AT_ONCE = 3
"""Counting requests under way at once; pages and details go first."""

KEPT = 2_000
"""Counts cached."""


class How(Enum):
    """How exact a count is."""

    EXACT = "exact"
    AT_MOST = "at most"
    LOADED = "loaded"


class Count(Struct, frozen=True):
    """A number of entries: exact, an upper bound (the server evaluates a part of the query), or of those loaded."""

    n: int
    how: How

    @property
    def of_log(self) -> bool:
        """False if only loaded entries were counted."""
        return self.how is not How.LOADED

    @property
    def number(self) -> str:
        """The number and its sign, without telling whether only loaded entries were counted."""
        return f"{'≤ ' if self.how is How.AT_MOST else ''}{self.n:,}"

    def __str__(self) -> str:
        return self.number if self.of_log else f"{self.number} loaded"


class Found(Struct, frozen=True):
    """The number of matching rows, and the first and last of their times (`None`: no row has one)."""

    n: int
    first_us: int | None
    last_us: int | None


class Sample(Struct, frozen=True):
    """Rows of the first page that matches, as the server sent them, and the number of entries that match.

    `all` says that these are all of them. An entry sent with different JSON has several rows.
    """

    rows: list[Row]
    total: int
    all: bool


class Counting:
    """Counts of one log. The server's are cached until `forget`; `requests` is the number of requests made."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.requests = 0
        self._known: OrderedDict[tuple[tuple[str, str], ...], tuple[int | None, tuple[int | None, ...]]] = (
            OrderedDict()
        )
        self._found: OrderedDict[tuple[object, ...], Found] = OrderedDict()
        self._reading = asyncio.Lock()
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._proving = asyncio.Lock()

    def forget(self) -> None:
        """Empty the cache."""
        self._known = OrderedDict()  # a new one: requests under way still write to the old one

    async def count(self, query: Query, view: View | None = None) -> Count:
        """Count the entries that match a frozen query; without a request where `view` has all of them.

        Raises `ApiError`, `StoreError`. May be cancelled.
        """
        run = await self._run_with_all(query, view)
        if run is not None:
            return Count((await self._find(query, run)).n, How.EXACT)
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
        """The query's plan, after each of its parameters was tested on the server. Unproven ones count as ignored.

        Raises `ApiError`.
        """
        server_support = self.log.server_support
        planned = plan(query, frozenset(server_support.ignored))
        for name in planned.params:
            if not server_support.proven([name]) and self.log.store.size:  # an empty log proves nothing
                async with self._proving, self._at_once:
                    await self.log.idle.wait()
                    await server_support.prove(self.log.api, [name])
        unproven = {name for name in planned.params if not server_support.proven([name])}
        return plan(query, frozenset(server_support.ignored) | unproven)

    async def total(self, params: dict[str, str]) -> int | None:
        """The server's count for parameters that it honours; `None` if it sends none. Raises `ApiError`."""
        return (await self._ask(params))[0]

    async def _ask(self, params: dict[str, str]) -> tuple[int | None, tuple[int | None, ...]]:
        """The server's count, and the times of the entries that came with it (newest first without `sort`)."""
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

    async def span(self, query: Query, view: View | None = None) -> tuple[int, int] | None:
        """The times of the first and the last matching entry; `None` if there is none or the server can't tell.

        Without a request where `view` has all of them. Raises `ApiError`, `StoreError`.
        """
        run = await self._run_with_all(query, view)
        if run is not None:
            here = await self._find(query, run)
            return None if here.first_us is None or here.last_us is None else (here.first_us, here.last_us)
        found = await self.ends(query)
        return None if found is None else (found[0][0], found[1][-1])

    async def ends(self, query: Query) -> tuple[list[int], list[int], int] | None:
        """The times of the first and the last few matching entries (both ascending), and the number that match.

        `None` if the server can't tell. Raises `ApiError`.
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
        return _readable(first), _readable(last)[::-1], total

    async def oldest(self, query: Query, view: View | None = None) -> int | None:
        """The time of the first matching entry; `None` if there is none or the server can't tell.

        Without a request where `view` has all of them. Raises `ApiError`, `StoreError`.
        """
        run = await self._run_with_all(query, view)
        if run is not None:
            return (await self._find(query, run)).first_us
        planned = await self.proven(query)
        if planned.residual is not None or "sort" in self.log.server_support.ignored:
            return None
        _, first = await self._ask({**planned.params, "sort": OLDEST_FIRST})
        return None if "sort" in self.log.server_support.ignored or not first else first[0]

    async def has_all(self, query: Query, view: View | None) -> bool:
        """Whether every entry that matches is known to be loaded, in `view`. Raises `StoreError`."""
        return await self._run_with_all(query, view) is not None

    async def sample(self, query: Query, *, oldest: bool = False) -> Sample | None:
        """A page of the newest entries that match a frozen query, or of the oldest, and how many match; one request.

        `None` unless the server is proven to evaluate all of the query and its answer agrees with itself. Raises
        `ApiError`, `StoreError`.
        """
        planned = await self.proven(query)
        if planned.residual is not None or planned.entry_id is not None:
            return None
        log, params = self.log, dict(planned.params)
        if oldest:
            params["sort"] = OLDEST_FIRST
        async with self._at_once:
            await log.idle.wait()
            self.requests += 1
            page = await log.api.list(params, limit=PAGE)
        if oldest and not in_order(map(sort_values, page.entries), OLDEST_FIRST):
            log.server_support.ignored.add("sort")
        for entry in page.entries:
            log.server_support.ignored |= planned.violations(entry)
        total, here = page.total_count, len(page.entries)
        agrees = total is not None and total >= here and not page.unclear and page.last == (total == here)
        if total is None or not agrees or not log.server_support.ignored.isdisjoint(params):
            return None
        numbers = list(dict.fromkeys(log.store.add(page.entries)))
        rows = log.store.rows(numbers)
        return Sample([rows[n] for n in numbers], total, page.last)

    async def _find(self, query: Query, run: Run) -> Found:
        """The rows of a run that match. One such scan runs at a time, so that keys wait for one slice at most."""
        terms = tuple(term for term in query.terms if term.key != "sort")
        planned = plan(query, EVERY_PARAMETER)
        marks = self.log.marks_version(planned)
        key = (terms, run.number, run.first, run.after, run.cuts, marks)
        async with self._reading:
            if key not in self._found:
                condition = self.log.where(planned)
                parts = []
                for stretch in stretches(range(run.first, run.after)):
                    parts.append(matches(self.log.store, run, stretch, condition))
                    await give_way()
                firsts, lasts = (_readable(part[which] for part in parts) for which in (1, 2))
                n = sum(part[0] for part in parts)
                self._found[key] = Found(n, min(firsts, default=None), max(lasts, default=None))
            if len(self._found) > KEPT:
                self._found.popitem(last=False)
            return self._found[key]

    async def matching(self, query: Query, most: int) -> tuple[list[Row], int]:
        """The newest `most` of the loaded entries that match, and how many of those match. Raises `StoreError`.

        May be cancelled.
        """
        return await newest_matching(self.log.store, self.log.where(plan(query, EVERY_PARAMETER)), most)

    async def loaded(self, query: Query) -> Count:
        """Count the matching entries among those fetched so far. Raises `StoreError`. May be cancelled."""
        condition = self.log.where(plan(query, EVERY_PARAMETER))
        return Count(await count_entries(self.log.store, condition), How.LOADED)

    async def _run_with_all(self, query: Query, view: View | None) -> Run | None:
        """A run that has every entry which matches; `None` if there is none. Raises `StoreError`."""
        if not plan(query).only:
            return _complete_run(query, view)
        marked = View(self.log, query)
        await marked.more(0, lambda: None)
        if marked.error is not None:
            raise marked.error
        return marked.matched


def _complete_run(query: Query, view: View | None) -> Run | None:
    """A run of a COMPLETE view that has every entry which matches; `None` if there is none.

    Either the query narrows the view, or the whole log was loaded for the view.
    """
    if view is None or view.marked or not view.summary().complete:
        return None
    narrows = all(term in query.terms for term in view.query.terms if term.key != "sort")
    feed = view.feed
    whole = feed.complete and not feed.plan.params.keys() - {"sort"}
    run = view.matched if narrows else feed.run if whole else None
    return None if run is None or run.noted else run  # a version that is not shown may match


def _readable(times: Iterable[int | None]) -> list[int]:
    return [us for us in times if us is not None]


EVERY_PARAMETER = frozenset(name for field in FIELDS.values() for name in field.params)
"""A plan that treats all of them as ignored evaluates the whole query here."""
