"""Timeline: a histogram of matching entries over time, from the server's counts if these are proven.

The API's bounds are inclusive, so neighbouring ranges would share an instant. Entries are therefore counted up to
each boundary, and the counts subtracted. Boundaries are halved, so that a finer timeline only adds requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise, product

from auditlog_tui.analysis.counting import Counting, How
from auditlog_tui.errors import QueryError
from auditlog_tui.log.server_support import SMALLEST_PAGE
from auditlog_tui.log.view import View
from auditlog_tui.query import Query, parse
from auditlog_tui.query.syntax import Instant, Term, Times
from auditlog_tui.query.times import LAST
from auditlog_tui.store.scans import first_and_last, histogram, stretches

FEWEST, MOST = 8, 64
"""Buckets at first (16 counting requests and two for the range), and at most, after asking for finer ones."""

_FAILED = parse("status:>=400").terms


@dataclass(frozen=True, slots=True)
class Bucket:
    """A range of time, both ends included, and its entries; `None` is not counted yet.

    `beyond` marks a bucket for the few outliers far before or after all other entries; it may be of any length.
    """

    first_us: int
    last_us: int
    n: int | None = None
    failed: int | None = None
    beyond: bool = False


class Timeline:
    """The timeline of a view. `buckets` are oldest first; `how` says how exact their counts are."""

    def __init__(self, view: View, counting: Counting) -> None:
        self.view = view
        self.buckets: list[Bucket] = []
        self.how = How.EXACT
        self._counting = counting
        self._query = Query(tuple(term for term in view.query.terms if term.key != "sort"))
        self._range: Range | None = None

    async def fill(self, buckets: int, changed: Callable[[], None]) -> None:
        """Count in `buckets` buckets, coarse ones first; `changed` is called after each step.

        Raises `ApiError`, `StoreError`. May be cancelled, and called again.
        """
        whole = await self._whole()
        if whole is None:
            await self._fill_from_loaded(buckets, changed)
            return
        self.how = How.EXACT
        first, *edges = whole.edges(buckets)
        before: dict[int, tuple[int, int]] = {first: (0, 0)}
        for edge in _coarse_first(edges):
            counts = await asyncio.gather(*(self._up_to(edge, extra) for extra in (Query(), Query(_FAILED))))
            before[edge] = counts[0], counts[1]
            self.buckets = whole.marked(_between(before))
            changed()

    async def _whole(self) -> Range | None:
        if self.view.marked or (await self._counting.proven(self._with(LAST, Query()))).residual is not None:
            return None
        if self._range is None:
            found = await self._counting.ends(self._query)
            self._range = None if found is None else bulk(*found)
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
        slices = list(stretches(range(run.first, run.after)))  # rows that arrive meanwhile are counted next time
        lowest: list[int] = []
        highest: list[int] = []
        n = 0
        for stretch in slices:
            low, high, counted = first_and_last(store, run, stretch, AT_ENDS)
            lowest, highest = sorted([*lowest, *low])[:AT_ENDS], sorted([*highest, *high])[-AT_ENDS:]
            n += counted
            await asyncio.sleep(0)
        if not n:
            self.buckets = []
            return
        whole = bulk(lowest, highest, n)
        edges = whole.edges(buckets)
        counts = [(0, 0)] * (len(edges) - 1)
        for stretch in slices:
            for bucket, n, failed in histogram(store, run, stretch, edges):
                counts[bucket] = counts[bucket][0] + n, counts[bucket][1] + failed
            pieces = zip(pairwise(edges), counts, strict=True)
            self.buckets = whole.marked([Bucket(low, high - 1, *found) for (low, high), found in pieces])
            changed()
            await asyncio.sleep(0)


AT_ENDS = SMALLEST_PAGE
"""Entries at each end that may be outliers."""

GAP = 10
"""They are outliers if the gap to the other entries is this many times as long as the range of those."""


@dataclass(frozen=True, slots=True)
class Range:
    """The times of the first and the last entry (microseconds); without outliers, of `low` and `high`."""

    first: int
    low: int
    high: int
    last: int

    def edges(self, buckets: int) -> list[int]:
        """Where each bucket begins, and where the last one ends; outliers have a bucket of their own at each end."""
        inside = _edges(self.low, self.high, buckets)
        return list(dict.fromkeys([self.first, *inside, self.last + 1]))

    def marked(self, buckets: list[Bucket]) -> list[Bucket]:
        """The same buckets, with those of outliers marked."""
        return [
            replace(bucket, beyond=True) if bucket.last_us < self.low or bucket.first_us > self.high else bucket
            for bucket in buckets
        ]


def bulk(lowest: list[int], highest: list[int], n: int) -> Range:
    """The range of `n` entries, given the first and the last `AT_ENDS` times (ascending).

    Outliers are set apart: with an entry of the year 1 or 8304, all others would otherwise share one bar.
    """
    best = (highest[-1] - lowest[0], 0, 0)
    for before, after in product(range(len(lowest)), range(len(highest))):
        low, high = lowest[before], highest[-1 - after]
        gaps = [low - lowest[before - 1]] if before else []
        gaps += [highest[-after] - high] if after else []
        if gaps and 0 < (high - low) * GAP < min(gaps) and n >= 3 * (before + after):
            best = min(best, (high - low, before, after))
    _, before, after = best
    return Range(lowest[0], lowest[before], highest[-1 - after], highest[-1])


def _edges(first: int, last: int, buckets: int) -> list[int]:
    """Boundaries in microseconds: where each bucket begins, and where the last one ends."""
    width = last + 1 - first
    return [first + width * number // buckets for number in range(buckets + 1)]


def _coarse_first(edges: list[int]) -> list[int]:
    """The last edge first, then the middle one, then the middles of the halves, and so on."""
    order: list[int] = []
    step = len(edges)
    while step:
        order += [edges[number - 1] for number in range(step, len(edges) + 1, step)]
        step //= 2
    return list(dict.fromkeys(order))


def _between(before: dict[int, tuple[int, int]]) -> list[Bucket]:
    """The buckets between the boundaries counted so far.

    Counts made at different times may decrease from one boundary to the next; a bucket then has 0.
    """
    edges = sorted(before)
    return [
        Bucket(low, high - 1, max(0, before[high][0] - before[low][0]), max(0, before[high][1] - before[low][1]))
        for low, high in pairwise(edges)
    ]
