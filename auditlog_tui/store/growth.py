"""How far a scan of a growing run has come: what is computed over its rows is computed a slice at a time.

Positions are those of the run, which stay what they are when rows come in above: a row's number does not, so none is
kept across an await.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from auditlog_tui.store.entries import Run, Stretch

__all__ = ["Growth", "Stretch", "beyond", "give_way", "stretches"]

TURNS = 8
"""Turns of the event loop between two slices: a key goes through so many until it is answered (about 20 us each)."""


async def give_way() -> None:
    """Let everything else go first that waits for its turn, and what follows from it."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


class Growth:
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
