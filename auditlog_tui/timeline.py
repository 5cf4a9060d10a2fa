"""When it happened: counts over the whole range that matches, by the server's own counting where it proves to count.

The API's bounds are inclusive, so that neighbouring ranges would share an instant: entries are counted up to each
boundary, and subtracted. Boundaries halve, so that a finer timeline asks only for what the coarser one lacks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from auditlog_tui.counting import Counting, How
from auditlog_tui.errors import QueryError
from auditlog_tui.growth import stretches
from auditlog_tui.query import Query, parse
from auditlog_tui.query.syntax import Instant, Term, Times
from auditlog_tui.query.times import LAST
from auditlog_tui.slices import SLICE, histogram, span
from auditlog_tui.view import View

FEWEST, MOST = 8, 64
"""Buckets: to begin with (16 counting requests and two for the range), and after asking for finer ones."""

_FAILED = parse("status:>=400").terms


@dataclass(frozen=True, slots=True)
class Bucket:
    """From `first_us` to `last_us`, both included; `None` is not counted yet."""

    first_us: int
    last_us: int
    n: int | None = None
    failed: int | None = None


class Timeline:
    """`how` says what the counts are worth; `buckets` are oldest first."""

    def __init__(self, view: View, counting: Counting) -> None:
        self.view = view
        self.buckets: list[Bucket] = []
        self.how = How.EXACT
        self._counting = counting
        self._query = Query(tuple(term for term in view.query.terms if term.key != "sort"))
        self._range: tuple[int, int] | None = None

    async def fill(self, buckets: int, changed: Callable[[], None]) -> None:
        """Count in so many buckets, the coarse ones first. Raises `ApiError`. May be cancelled, and called again."""
        whole = await self._whole()
        if whole is None:
            await self._fill_from_loaded(buckets, changed)
            return
        self.how = How.EXACT
        first, *edges = dict.fromkeys(_edges(*whole, buckets))
        before: dict[int, tuple[int, int]] = {first: (0, 0)}
        for edge in _coarse_first(edges):
            counts = await asyncio.gather(*(self._up_to(edge, extra) for extra in (Query(), Query(_FAILED))))
            before[edge] = counts[0], counts[1]
            self.buckets = _between(before)
            changed()

    async def _whole(self) -> tuple[int, int] | None:
        if self.view.marked or (await self._counting.proven(self._with(LAST, Query()))).residual is not None:
            return None
        if self._range is None:
            self._range = await self._counting.span(self._query)
        return self._range

    def _with(self, us: int, extra: Query) -> Query:
        bound = Term("created", (Times(None, Instant(us)),))
        return Query((*self._query.terms, *extra.terms, bound))

    async def _up_to(self, edge: int, extra: Query) -> int:
        try:
            count = await self._counting.count(self._with(edge - 1, extra))
        except QueryError:  # the filter's own status leaves out every failure
            return 0
        if count.how is not How.EXACT:
            self.how = count.how
        return count.n

    async def _fill_from_loaded(self, buckets: int, changed: Callable[[], None]) -> None:
        self.how = How.LOADED
        store, run = self.view.log.store, self.view.run
        slices = list(
            stretches(range(run.first, run.after), SLICE)
        )  # rows that come in meanwhile are for the next time
        ends: list[int] = []
        for stretch in slices:
            ends += span(store, run, stretch) or ()
            await asyncio.sleep(0)
        if not ends:
            self.buckets = []
            return
        whole = min(ends), max(ends)
        counts = [(0, 0)] * buckets
        for stretch in slices:
            for bucket, n, failed in histogram(store, run, stretch, whole, buckets):
                counts[bucket] = counts[bucket][0] + n, counts[bucket][1] + failed
            pieces = zip(pairwise(_edges(*whole, buckets)), counts, strict=True)
            self.buckets = [Bucket(low, high - 1, *found) for (low, high), found in pieces if low < high]
            changed()
            await asyncio.sleep(0)


def _edges(first: int, last: int, buckets: int) -> list[int]:
    """Boundaries in microseconds: where each bucket begins, and where the last one has ended."""
    width = last + 1 - first
    return [first + width * number // buckets for number in range(buckets + 1)]


def _coarse_first(edges: list[int]) -> list[int]:
    """The end first, then the middle, then the middles of what is left."""
    order: list[int] = []
    step = len(edges)
    while step:
        order += [edges[number - 1] for number in range(step, len(edges) + 1, step)]
        step //= 2
    return list(dict.fromkeys(order))


def _between(before: dict[int, tuple[int, int]]) -> list[Bucket]:
    """What lies between the boundaries counted so far; two counts at different times may cross, never below 0."""
    edges = sorted(before)
    return [
        Bucket(low, high - 1, max(0, before[high][0] - before[low][0]), max(0, before[high][1] - before[low][1]))
        for low, high in pairwise(edges)
    ]
