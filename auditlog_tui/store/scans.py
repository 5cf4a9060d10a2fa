"""Questions about many entries, each asked of a slice at a time so that no key waits for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import pairwise

from auditlog_tui.entries.raw_json import restored
from auditlog_tui.store.entries import EntryStore, Run, Stretch

TURNS = 8
"""Turns of the event loop between two slices: a key goes through so many until it is answered (about 20 us each)."""


async def give_way() -> None:
    """Let everything else go first that waits for its turn, and what follows from it."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


class Scan:
    """Hands out the rows of a run that were not read yet, whichever end they came to."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.restart()

    def restart(self) -> None:
        """Nothing was read."""
        self._low = self._high = self.run.first
        self.go_on()

    def go_on(self) -> None:
        """Rows were taken out of the run, of which nothing is left in what was computed."""
        self._low, self._high = max(self._low, self.run.first), max(self._high, self.run.first)
        self._cuts = self.run.cuts

    @property
    def read(self) -> int:
        """Rows that were read."""
        return self._high - self._low

    @property
    def older_read(self) -> bool:
        """True when every row down to the older end was read."""
        return not self.cut and self._high >= self.run.after

    @property
    def newer_read(self) -> bool:
        """True when every row up to the newer end was read."""
        return not self.cut and self._low <= self.run.first

    @property
    def behind(self) -> bool:
        """True where there are rows to read, or where rows that were read are gone."""
        return not (self.older_read and self.newer_read)

    @property
    def cut(self) -> bool:
        """True where rows that were read are gone: what was computed over them has to be computed anew."""
        return self._cuts != self.run.cuts

    def holds(self, position: int) -> bool:
        """True for a row that was read."""
        return self._low <= position < self._high

    def following(self, most: int) -> Stretch | None:
        """What to read next, the older end first; `took` says that it was read."""
        run = self.run
        if self._high < run.after:
            return Stretch(self._high, min(most, run.after - self._high))
        if self._low > run.first:
            count = min(most, self._low - run.first)
            return Stretch(self._low - count, count, older=False)
        return None

    def took(self, stretch: Stretch) -> None:
        """A stretch was read."""
        if stretch.older:
            self._high = stretch.end
        else:
            self._low = stretch.position


def beyond(run: Run, position: int, most: int, way: int) -> Iterator[Stretch]:
    """The rows below a position (1) or above it (-1), nearest first, in slices of so many at most."""
    return stretches(range(position + 1, run.after) if way > 0 else range(run.first, position), most, way)


def stretches(part: range, most: int, way: int = 1) -> Iterator[Stretch]:
    """Positions in slices of so many at most, read downwards (1) or upwards (-1)."""
    while part:
        near = part[:most] if way > 0 else part[-most:]
        part = part[most:] if way > 0 else part[:-most]
        yield Stretch(near.start, len(near), older=way > 0)


SLICE = 2_000
"""Rows a slice: 0.75 ms (measured for `GROUP BY` over a million rows)."""


def count_slice(store: EntryStore, first: int, after: int, where: tuple[str, list[object]]) -> int:
    """How many of the entries numbered `first` to `after - 1` the condition over `entry e` holds for.

    An entry of several versions counts once, where the first of them is for which it holds.
    """
    condition, values = where
    sql = f"SELECT count(*) FROM entry e WHERE e.n >= ? AND e.n < ? AND ({condition})"  # noqa: S608 (made by the query plan)
    earlier = f"SELECT 1 FROM entry e WHERE e.key = v.key AND e.n < v.n AND ({condition})"  # noqa: S608 (made by the query plan)
    again = (
        "SELECT count(*) FROM entry v WHERE v.n >= ? AND v.n < ? AND v.first <> v.n"  # noqa: S608 (made by the query plan)
        f" AND EXISTS (SELECT 1 FROM entry e WHERE e.n = v.n AND ({condition})) AND EXISTS ({earlier})"
    )
    found = int(store.read(sql, [first, after, *values])[0][0])
    return found - int(store.read(again, [first, after, *values, *values])[0][0])


def newer_than(store: EntryStore, run: Run, us: int) -> int:
    """How many rows at the top of a run, which is newest first, happened at or after an instant.

    Those whose time can't be read count where such a row stands below them.
    """
    low, high = 0, len(run)
    while low < high:
        middle = (low + high) // 2
        found = _instant_from(store, run, middle)
        if found is not None and found >= us:
            low = middle + 1
        else:
            high = middle
    return low


def _instant_from(store: EntryStore, run: Run, row: int) -> int | None:
    """When a row happened, or, where that can't be read, the next one below it whose time can."""
    count = 1
    while rows := store.window(run, row, count):
        for found in rows:
            if found.created_us is not None:
                return found.created_us
        row, count = row + len(rows), SLICE
    return None


def ends(store: EntryStore, run: Run, stretch: Stretch, most: int) -> tuple[list[int], list[int], int]:
    """When the first and the last `most` entries of a stretch happened (ascending), and how many are dated."""
    sql = (
        "SELECT e.created_us FROM place p JOIN entry e ON e.n = p.shown"
        " WHERE p.run = ? AND p.position >= ? AND p.position < ? AND e.created_us IS NOT NULL ORDER BY 1"
    )
    found = [int(us) for (us,) in store.read(sql, [run.number, stretch.position, stretch.end])]
    return found[:most], found[-most:], len(found)


def histogram(store: EntryStore, run: Run, stretch: Stretch, edges: Sequence[int]) -> list[tuple[int, int, int]]:
    """Of a stretch of rows: number of the bucket, entries in it, those that failed.

    `edges` are the instants, ascending, at which each bucket begins, and at last the one at which the last has ended.
    """
    bounds = ", ".join(["(?, ?, ?)"] * (len(edges) - 1))
    sql = (
        f"WITH bucket (k, low, high) AS (VALUES {bounds})"  # noqa: S608 (marks only)
        " SELECT k, count(*), count(*) FILTER (WHERE e.status_code >= 400)"
        " FROM place p JOIN entry e ON e.n = p.shown JOIN bucket ON e.created_us >= low AND e.created_us < high"
        " WHERE p.run = ? AND p.position >= ? AND p.position < ? GROUP BY k"
    )
    values = [value for k, (low, high) in enumerate(pairwise(edges)) for value in (k, low, high)]
    found = store.read(sql, [*values, run.number, stretch.position, stretch.end])
    return [(int(bucket), int(n), int(failed)) for bucket, n, failed in found]


def raws(store: EntryStore, run: Run, stretch: Stretch) -> list[str]:
    """The JSON, as it came, of the versions that a stretch of rows shows."""
    sql = (
        "SELECT j.raw FROM place p JOIN json j ON j.n = p.shown"
        " WHERE p.run = ? AND p.position >= ? AND p.position < ? ORDER BY p.position"
    )
    return [restored(raw) for (raw,) in store.read(sql, [run.number, stretch.position, stretch.end])]
