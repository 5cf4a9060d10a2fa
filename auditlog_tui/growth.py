"""Which rows of a growing run were read already: for what is computed over all of them, a slice at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from auditlog_tui.store import Run

TURNS = 8
"""Turns of the event loop between two slices: a key goes through so many until it is answered (about 20 us each)."""


async def give_way() -> None:
    """Let everything else go first that waits for its turn, and what follows from it."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class Stretch:
    """`count` rows from a position of the run on, which join what was read at its older end or at its newer one."""

    position: int
    count: int
    older: bool


class Growth:
    """Hands out the rows that were not read yet, whichever end they came to."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.restart()

    def restart(self) -> None:
        """Nothing was read."""
        self._low = self._high = self.run.first
        self._cuts = self.run.cuts

    @property
    def read(self) -> int:
        """Rows that were read."""
        return self._high - self._low

    @property
    def behind(self) -> bool:
        """True where there are rows to read, or where rows that were read are gone."""
        return self.cut or self._low > self.run.first or self._high < self.run.after

    @property
    def cut(self) -> bool:
        """True where rows that were read are gone: what was computed over them has to be computed anew."""
        return self._cuts != self.run.cuts

    def following(self, most: int) -> Stretch | None:
        """What to read next, the older end first; `took` says that it was read."""
        run = self.run
        if self._high < run.after:
            return Stretch(self._high, min(most, run.after - self._high), older=True)
        if self._low > run.first:
            count = min(most, self._low - run.first)
            return Stretch(self._low - count, count, older=False)
        return None

    def took(self, stretch: Stretch) -> None:
        """A stretch was read."""
        if stretch.older:
            self._high = stretch.position + stretch.count
        else:
            self._low = stretch.position
