"""What is new in a log: entries that are the first of their actor from an address, with an agent, with an action.

All of it holds within what is loaded, and a log is loaded from its newest end: each pair keeps the oldest entry seen
so far, which gives way when an older one arrives. What a page costs does not depend on how many rows there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from auditlog_tui.log.view import View
from auditlog_tui.store.entries import EntryStore, Run, Stretch
from auditlog_tui.store.scans import SLICE, Scan, beyond, give_way

PORTION = 500
"""Rows looked at in one go."""

SOON_US = 10 * 60_000_000
"""Two addresses of one key within this time, in microseconds, are worth a look."""

KEY = "api_key"

FIRSTS = ((1, "from this address"), (2, "with this agent"), (4, "with this action"))
"""What an entry can be its actor's first of: a bit, and what a person reads."""

_Oldest = tuple[int, int, int]
"""Of a pair's oldest entry: its instant in microseconds, what decides between equal ones, its number."""


@dataclass(frozen=True, slots=True)
class Shared:
    """The key of an entry was used from another address so many microseconds before."""

    address: str
    before_us: int


class _Use(NamedTuple):
    us: int
    address: str
    n: int


class Novelty:
    """What is new in a run, as far as it was read."""

    def __init__(self, store: EntryStore, run: Run, *, ascending: bool = False) -> None:
        """`ascending` says that the run's positions grow towards the newer end."""
        self.run = run
        self._store = store
        self._ascending = ascending
        self._scan = Scan(run)
        self._begin()

    def _begin(self) -> None:
        self._scan.restart()
        self._oldest: tuple[dict[int, _Oldest], ...] = tuple({} for _ in FIRSTS)
        self._bits: dict[int, int] = {}
        self._shared: dict[int, int] = {}  # numbers only: a million objects would cost the garbage collector's time
        self._ends: dict[str, tuple[_Use, _Use]] = {}

    @property
    def behind(self) -> bool:
        """True while there are rows to look at."""
        return self._scan.behind

    @property
    def read(self) -> int:
        """Rows looked at so far."""
        return self._scan.read

    def firsts(self, n: int) -> list[str]:
        """What entry `n` is its actor's first of."""
        bits = self._bits.get(n, 0)
        return [words for bit, words in FIRSTS if bits & bit]

    def shared(self, n: int) -> Shared | None:
        """Where the key of entry `n` was used shortly before, if that was another address. Raises `StoreError`."""
        if n not in self._shared:
            return None
        sql = "SELECT b.client_ip, a.created_us - b.created_us FROM entry a, entry b WHERE a.n = ? AND b.n = ?"
        ((address, before_us),) = self._store.read(sql, [n, self._shared[n]])
        return Shared(address, before_us)

    def is_shared(self, n: int) -> bool:
        """True where the key of entry `n` was used shortly before, from another address."""
        return n in self._shared

    def __contains__(self, n: int) -> bool:
        """True for an entry that is a first, or whose key was used from two addresses."""
        return n in self._bits or n in self._shared

    async def catch_up(self, changed: Callable[[], None]) -> None:
        """Look at the rows that came since, in portions; `changed` is called after each. Raises `StoreError`.

        May be cancelled anywhere, and called again: it goes on where it was.
        """
        while self.behind:
            self.look_on()
            changed()
            await give_way()

    def look_on(self) -> None:
        """Look at a portion more. Raises `StoreError`, after which the same call may be made again."""
        if self._scan.cut:
            self._begin()
        stretch = self._scan.following(PORTION)
        if stretch is None:
            return
        rows = self._rows(stretch)
        self._note_firsts(rows)
        self._note_uses(rows, older=stretch.older is not self._ascending)
        self._scan.took(stretch)

    def _rows(self, stretch: Stretch) -> Sequence[tuple[Any, ...]]:
        """The portion's entries, oldest first; those whose time can't be read are left out."""
        tie = "p.position" if self._ascending else "-p.position"
        sql = (
            f"SELECT e.created_us, {tie}, e.n, e.actor_id, e.actor_type, e.client_ip, e.user_agent, e.action"  # noqa: S608 (our own names)
            " FROM place p JOIN entry e ON e.n = p.shown WHERE p.run = ? AND p.position >= ? AND p.position < ?"
            " AND e.created_us IS NOT NULL AND e.actor_id IS NOT NULL ORDER BY 1, 2"
        )
        return self._store.read(sql, [self.run.number, stretch.position, stretch.end])

    def _note_firsts(self, rows: Sequence[tuple[Any, ...]]) -> None:
        # Only a portion's oldest of each pair is compared with what is known: from the newest end on, every entry is
        # older than all before. A hash stands for the pair, since its texts may be long.
        for number, (bit, _) in enumerate(FIRSTS):
            here: dict[int, tuple[Any, ...]] = {}
            for row in rows:
                value = row[5 + number]
                if value is not None:
                    here.setdefault(hash((row[3], value)), row)
            oldest = self._oldest[number]
            for pair, (us, tie, n, *_) in here.items():
                known = oldest.get(pair)
                if known is None or (us, tie) < known[:2]:
                    if known is not None:
                        self._take_bit(known[2], bit)
                    oldest[pair] = us, tie, n
                    self._bits[n] = self._bits.get(n, 0) | bit

    def _take_bit(self, n: int, bit: int) -> None:
        left = self._bits[n] & ~bit
        if left:
            self._bits[n] = left
        else:
            del self._bits[n]

    def _note_uses(self, rows: Sequence[tuple[Any, ...]], *, older: bool) -> None:
        """Compare each use of a key with its next one, over the seam to what was read before as well.

        In a run that is not in the order of time some pairs are not neighbours, and not found.
        """
        here: dict[str, tuple[_Use, _Use]] = {}
        for us, _, n, actor, kind, address, *_ in rows:
            if kind == KEY and address is not None:
                use = _Use(us, address, n)
                first, last = here.get(actor, (use, use))
                self._compare(last, use)
                here[actor] = first, use
        for actor, (first, last) in here.items():
            ends = self._ends.get(actor)
            if ends is None:
                self._ends[actor] = first, last
            elif older:
                self._compare(last, ends[0])
                self._ends[actor] = first, ends[1]
            else:
                self._compare(ends[1], first)
                self._ends[actor] = ends[0], last

    def _compare(self, one: _Use, other: _Use) -> None:
        before, after = (one, other) if one.us <= other.us else (other, one)
        if before.address != after.address and after.us - before.us <= SOON_US:
            self._shared[after.n] = before.n


async def next_novel(view: View, novelty: Novelty, row: int, way: int) -> int | None:
    """The nearest row below (1) or above (-1) row `row` that is in `novelty`, as far as that has looked.

    `None` where there is none. Reads in slices, and may be cancelled.
    """
    run = view.run
    for stretch in beyond(run, run.first + row, SLICE, way):
        sql = "SELECT position, shown FROM place WHERE run = ? AND position >= ? AND position < ? ORDER BY position"
        found = view.log.store.read(sql, [run.number, stretch.position, stretch.end])
        for position, n in found[::way]:
            if n in novelty:
                return int(position) - run.first
        await asyncio.sleep(0)
    return None
