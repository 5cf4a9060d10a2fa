"""Timeline: a histogram of matching entries over time, counted here where all of them are, else by the server.

The API's bounds are inclusive, so neighbouring ranges would share an instant. The server therefore counts the entries
up to each boundary, and the counts are subtracted. A server that is not proven to honour the filter is not asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from itertools import pairwise, product

from auditlog_tui.analysis.counting import Counting, How
from auditlog_tui.errors import QueryError
from auditlog_tui.log.server_support import SMALLEST_PAGE
from auditlog_tui.log.view import View
from auditlog_tui.query import Query, parse
from auditlog_tui.query.syntax import Instant, Term, Times
from auditlog_tui.query.times import LAST
from auditlog_tui.runtime import give_way
from auditlog_tui.store.scans import first_and_last, histogram, stretches
from auditlog_tui.text.times import offset_us, round_steps

FEWEST, MOST = 12, 24
"""Intervals that the server counts at most: at first (24 counts), and after asking for shorter ones."""

_FAILED = parse("status:>=400").terms


@dataclass(frozen=True, slots=True)
class Bucket:
    """A range of time, both ends included, and its entries; `None` is not counted yet.

    `intervals` is above 1 until the intervals that it spans are counted one by one. `beyond` marks a bucket for the
    few outliers far before or after all other entries; it may be of any length.
    """

    first_us: int
    last_us: int
    n: int | None = None
    failed: int | None = None
    beyond: bool = False
    intervals: int = 1


class Timeline:
    """The timeline of a view. `buckets` are oldest first, and begin at round times of the zone's clocks.

    `how` says how exact their counts are; `rows` is the number of rows counted here, `None` if the server counts.
    """

    def __init__(self, view: View, counting: Counting, zone: tzinfo = UTC) -> None:
        self.view = view
        self.buckets: list[Bucket] = []
        self.how = How.EXACT
        self.rows: int | None = None
        self._counting = counting
        self._zone = zone
        self._query = Query(tuple(term for term in view.query.terms if term.key != "sort"))
        self._range: Range | None = None

    async def fill(self, here: int, asked: int, changed: Callable[[], None]) -> None:
        """Count, and call `changed` after each step: at most `here` intervals here, or `asked` at the server.

        The server counts long intervals first. Raises `ApiError`, `StoreError`. May be cancelled, and called again.
        """
        complete = self.view.summary().complete
        whole = None if complete else await self._whole()
        if whole is None:
            self.how = How.EXACT if complete else How.LOADED
            await self._fill_from_rows(here, changed)
            return
        self.how, self.rows = How.EXACT, None
        step = whole.step(min(here, FEWEST), self._zone)
        if asked > FEWEST:
            step = whole.step(min(here, asked), self._zone, divides=step)
        first, *edges = whole.edges(step, self._zone)
        before: dict[int, tuple[int, int]] = {first: (0, 0)}
        for edge in _coarse_first(edges):
            before[edge] = await self._count_up_to(edge, before)
            self.buckets = whole.marked(_between(before, [first, *edges]))
            changed()

    async def _count_up_to(self, edge: int, before: dict[int, tuple[int, int]]) -> tuple[int, int]:
        """All entries and failed ones before a boundary. Between boundaries with equal counts nothing is asked."""
        earlier = before[max(at for at in before if at < edge)]
        later = before.get(min((at for at in before if at > edge), default=0))

        async def count(which: int, extra: Query) -> int:
            known = later is not None and earlier[which] == later[which]
            return earlier[which] if known else await self._up_to(edge, extra)

        n, failed = await asyncio.gather(count(0, Query()), count(1, Query(_FAILED)))
        return n, failed

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

    async def _fill_from_rows(self, most: int, changed: Callable[[], None]) -> None:
        store, run = self.view.log.store, self.view.run
        slices = list(stretches(range(run.first, run.after)))  # rows that arrive meanwhile are counted next time
        self.rows = len(run)
        lowest: list[int] = []
        highest: list[int] = []
        n = 0
        for stretch in slices:
            low, high, counted = first_and_last(store, run, stretch, AT_ENDS)
            lowest, highest = sorted([*lowest, *low])[:AT_ENDS], sorted([*highest, *high])[-AT_ENDS:]
            n += counted
            await give_way()
        if not n:
            self.buckets = []
            return
        whole = bulk(lowest, highest, n)
        edges = whole.edges(whole.step(most, self._zone), self._zone)
        counts = [(0, 0)] * (len(edges) - 1)
        for stretch in slices:
            for bucket, n, failed in histogram(store, run, stretch, edges):
                counts[bucket] = counts[bucket][0] + n, counts[bucket][1] + failed
            pieces = zip(pairwise(edges), counts, strict=True)
            self.buckets = whole.marked([Bucket(low, high - 1, *found) for (low, high), found in pieces])
            changed()
            await give_way()


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

    def step(self, most: int, zone: tzinfo, *, divides: int = 0) -> int:
        """The shortest round length of which at most `most` intervals are needed, outliers' included.

        With `divides` it divides that length, which must itself be short enough.
        """
        low, high = self.low + offset_us(self.low, zone), self.high + offset_us(self.high, zone)
        room = max(1, most - (self.first < self.low) - (self.last > self.high))
        return next(
            step
            for step in round_steps()
            if high // step - low // step < room and (not divides or divides % step == 0)
        )

    def edges(self, step: int, zone: tzinfo) -> list[int]:
        """Where each interval begins, and where the last one ends; outliers have one of their own at each end.

        All but the ends are multiples of `step` on the zone's clocks.
        """
        offset = offset_us(self.low, zone)
        low, high = self.low + offset, self.high + offset_us(self.high, zone)
        ticks = range((low // step + 1) * step, high + 1, step)
        inside = {tick - offset_us(tick - offset, zone) for tick in ticks}
        return sorted({self.first, self.low, *(us for us in inside if self.low < us <= self.high),
                       self.high + 1, self.last + 1})  # fmt: skip

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


def _coarse_first(edges: list[int]) -> list[int]:
    """The last edge first, then the middle one, then the middles of the halves, and so on."""
    order, parts = [edges[-1]], [(0, len(edges) - 1)]
    for low, high in parts:  # which grows meanwhile
        if low < high:
            middle = (low + high) // 2
            order.append(edges[middle])
            parts += [(low, middle), (middle + 1, high)]
    return order


def _between(before: dict[int, tuple[int, int]], edges: Sequence[int]) -> list[Bucket]:
    """The buckets between the boundaries counted so far.

    Counts made at different times may decrease from one boundary to the next; a bucket then has 0.
    """
    places = [place for place, edge in enumerate(edges) if edge in before]
    found = []
    for first, after in pairwise(places):
        low, high = edges[first], edges[after]
        n, failed = (max(0, before[high][which] - before[low][which]) for which in (0, 1))
        found.append(Bucket(low, high - 1, n, failed, intervals=after - first))
    return found
