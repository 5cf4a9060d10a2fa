"""Finds by counts in which hours a log has other entries than when it was walked before.

An hour is known once it was walked to its end and the server's count before the walk was the number of entries that
the walk found. Counts of long stretches are compared first, and halved where they differ: where nothing changed, one
request tells. Entries that come late raise a count. Where old entries are removed, the oldest one changes as well, so
a stretch in which as many came as went is found too, provided that a server removes its oldest entries first.

Bounds are at whole hours, which no server rounds. They include both ends, so the entries right on the later one are
kept apart.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

import msgspec

from auditlog_tui.entries.models import Page
from auditlog_tui.log.bounds import violated_bounds
from auditlog_tui.store.entries import Row
from auditlog_tui.text.times import rfc3339

HOUR_US = 3_600_000_000

FEW, MOST = 300, 20_000
"""A stretch with at most so many entries is walked rather than counted further; one that is new, up to `MOST`."""

_FINER = re.compile(r"\.\d{6}0*[1-9]")
"""A time with digits below the microsecond."""

Ask = Callable[[Mapping[str, str]], Awaitable[Page]]
"""Requests the smallest page under these parameters. Raises `ApiError`."""


@dataclass(frozen=True, slots=True)
class Span:
    """The hours from `low` up to `high`, which is not one of them, numbered from 1970 in UTC.

    `count` is the server's, with the entries right at the end of the last hour; `None` if it can't be used.
    """

    low: int
    high: int
    count: int | None


class Known(msgspec.Struct):
    """What was found in the hours that are known: the number of entries and the time of the first (microseconds).

    `on` is the number of entries right at the beginning of an hour. `others` is the number of entries that no bound
    matches, as of when they were found all.
    """

    hours: dict[int, tuple[int, int]] = {}
    on: dict[int, int] = {}
    others: int = 0

    def forget(self, low: int, high: int) -> None:
        """Forget what is known of the hours from `low` up to `high`."""
        for hour in [hour for hour in self.hours if low <= hour < high]:
            del self.hours[hour]
        for hour in [hour for hour in self.on if low <= hour < high]:
            del self.on[hour]

    def learn(self, span: Span, rows: Iterable[Row]) -> None:
        """Take over what a walk of the span has found, which lost nothing; nothing if its count was another."""
        hours, on, doubtful = dict[int, tuple[int, int]](), dict[int, int](), False
        for row in rows:
            if row.created_us is None or not span.low * HOUR_US <= row.created_us <= span.high * HOUR_US:
                continue
            hour, rest = divmod(row.created_us, HOUR_US)
            if not rest:
                on[hour] = on.get(hour, 0) + 1
                doubtful |= _FINER.search(row.created_at or "") is not None  # it may be after the bound
            if hour < span.high:
                count, first = hours.get(hour, (0, row.created_us))
                hours[hour] = count + 1, min(first, row.created_us)
        self.forget(span.low, span.high)
        self.on.pop(span.high, None)
        if span.count == sum(count for count, _ in hours.values()) + on.get(span.high, 0) and not doubtful:
            self.hours |= hours
            self.on |= on


class Changes:
    """Compares a server's counts under `params` with what is known.

    `most` is the largest count that the server has sent. A server may count up to some limit only, so a smaller count
    is right, while one that is as large proves nothing.
    """

    def __init__(self, ask: Ask, params: Mapping[str, str], known: Known, most: int) -> None:
        self._ask = ask
        self._params = params
        self._known = known
        self._most = most

    async def find(self, low: int, high: int) -> list[Span]:
        """The spans from hour `low` up to `high` that are to be walked, oldest first. Raises `ApiError`."""
        bounds = bounds_of(low, high)
        page = await self._ask({**self._params, **bounds, "sort": "created_at:asc"})
        count, known = page.total_count, self._known
        usable = count is not None and bool(count) == bool(page.entries) and not violated_bounds(page.entries, bounds)
        if not usable or count is None:
            return [Span(low, high, None)]
        hours = [hour for hour in known.hours if low <= hour < high]
        firsts = [known.hours[min(hours)][1]] if hours else [high * HOUR_US]
        agrees = count == sum(known.hours[hour][0] for hour in hours) + known.on.get(high, 0)
        if agrees and (not count or (count < self._most and page.entries[0].created_us in firsts)):
            return []
        if not count:
            known.forget(low, high)
            return []
        if high - low == 1 or (count <= FEW and not agrees) or (not hours and count <= MOST):
            return [Span(low, high, count)]
        middle = (low + high) // 2
        return await self.find(low, middle) + await self.find(middle, high)


def bounds_of(low: int, high: int, more_us: int = 0) -> Mapping[str, str]:
    """The time bounds from hour `low` up to `high`, both included, and so much more at both ends."""
    return {
        "created_at_min": rfc3339(low * HOUR_US - more_us),
        "created_at_max": rfc3339(high * HOUR_US + more_us),
    }
