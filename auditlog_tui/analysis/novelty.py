"""First appearances: entries that are the first of their actor from an address, with an agent or with an action.

Also keys used from two addresses within minutes. Both are relative to what is loaded, and a log is loaded from its
newest end: each pair keeps the oldest entry seen so far, which an older one replaces. The cost of a page does not
depend on the number of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from auditlog_tui.runtime import give_way
from auditlog_tui.store.entries import EntryStore, Run
from auditlog_tui.store.scans import ActorEvent, Scan, actor_events

NOVELTY_SLICE = 200
"""Rows compared at a time; each takes longer than in a scan that only reads."""

SOON_US = 10 * 60_000_000
"""Uses of one key from two addresses within this time (microseconds) are flagged."""

KEY = "api_key"

FIRSTS = ((1, "from this address"), (2, "with this agent"), (4, "with this action"))
"""What an entry can be its actor's first of: a bit, and the words shown."""

_Oldest = tuple[int, int, int]
"""The oldest entry of a pair: its instant in microseconds, its tie-breaker, its number."""


@dataclass(frozen=True, slots=True)
class Shared:
    """The earlier use of an entry's key: another address, and how long before (microseconds)."""

    address: str
    before_us: int


class _Use(NamedTuple):
    us: int
    address: str
    n: int


class Novelty:
    """The novel entries of a run, among the rows read so far. `n in novelty` is true for the number of one."""

    def __init__(self, store: EntryStore, run: Run, *, ascending: bool = False) -> None:
        """`ascending` says that the run's positions grow towards the newer end."""
        self.run = run
        self._store = store
        self._ascending = ascending
        self._scan = Scan(run)
        self._reset()

    def _reset(self) -> None:
        self._scan.restart()
        self._oldest: tuple[dict[int, _Oldest], ...] = tuple({} for _ in FIRSTS)
        self._bits: dict[int, int] = {}
        # From an entry to the earlier one. Numbers only: a million objects would slow the garbage collector down.
        self._shared: dict[int, int] = {}
        self._first_and_last_use: dict[str, tuple[_Use, _Use]] = {}

    @property
    def behind(self) -> bool:
        """True while there are rows to read."""
        return self._scan.behind

    @property
    def read(self) -> int:
        """The number of rows read so far."""
        return self._scan.read

    def firsts(self, n: int) -> list[str]:
        """What entry `n` is its actor's first of, in words."""
        bits = self._bits.get(n, 0)
        return [words for bit, words in FIRSTS if bits & bit]

    def shared(self, n: int) -> Shared | None:
        """The use of the key of entry `n` from another address shortly before, if any. Raises `StoreError`."""
        if n not in self._shared:
            return None
        other = self._shared[n]
        rows = self._store.rows([n, other])
        before, after = rows[other], rows[n]
        return Shared(before.client_ip or "", (after.created_us or 0) - (before.created_us or 0))

    def is_shared(self, n: int) -> bool:
        """True when the key of entry `n` was used from another address shortly before."""
        return n in self._shared

    def __contains__(self, n: object) -> bool:
        return n in self._bits or n in self._shared

    async def catch_up(self, wanted: Callable[[], bool] = lambda: True) -> None:
        """Read the rows that came since, in slices, as long as that is `wanted`. Raises `StoreError`.

        May be cancelled at any point; calling it again continues from there.
        """
        while self.behind and wanted():
            await give_way()
            self.read_slice()

    def read_slice(self) -> None:
        """Read the next slice of rows. Raises `StoreError`, after which the same call may be made again."""
        if self._scan.cut:
            self._reset()
        stretch = self._scan.next_stretch(NOVELTY_SLICE)
        if stretch is None:
            return
        events = actor_events(self._store, self.run, stretch, ascending=self._ascending)
        self._note_firsts(events)
        self._note_uses(events, older=stretch.older is not self._ascending)
        self._scan.mark_read(stretch)

    def _note_firsts(self, events: Sequence[ActorEvent]) -> None:
        # Only the oldest entry of each pair in the slice is compared with those known: read from the newest end,
        # every entry is older than all before. A hash stands for the pair, since its texts may be long.
        for number, (bit, _) in enumerate(FIRSTS):
            in_slice: dict[int, ActorEvent] = {}
            for event in events:
                value = event[5 + number]
                if value is not None:
                    in_slice.setdefault(hash((event[3], value)), event)
            oldest = self._oldest[number]
            for pair, (us, tie, n, *_) in in_slice.items():
                known = oldest.get(pair)
                if known is None or (us, tie) < known[:2]:
                    if known is not None:
                        self._clear_bit(known[2], bit)
                    oldest[pair] = us, tie, n
                    self._bits[n] = self._bits.get(n, 0) | bit

    def _clear_bit(self, n: int, bit: int) -> None:
        left = self._bits[n] & ~bit
        if left:
            self._bits[n] = left
        else:
            del self._bits[n]

    def _note_uses(self, events: Sequence[ActorEvent], *, older: bool) -> None:
        """Compare each use of a key with its next one, also across the boundary to the rows read before.

        In a run that is not ordered by time, uses that are not neighbours are not compared.
        """
        in_slice: dict[str, tuple[_Use, _Use]] = {}
        for us, _, n, actor, kind, address, *_ in events:
            if kind == KEY and address is not None:
                use = _Use(us, address, n)
                first, last = in_slice.get(actor, (use, use))
                self._compare(last, use)
                in_slice[actor] = first, use
        for actor, (first, last) in in_slice.items():
            known = self._first_and_last_use.get(actor)
            if known is None:
                self._first_and_last_use[actor] = first, last
            elif older:
                self._compare(last, known[0])
                self._first_and_last_use[actor] = first, known[1]
            else:
                self._compare(known[1], first)
                self._first_and_last_use[actor] = known[0], last

    def _compare(self, one: _Use, other: _Use) -> None:
        before, after = (one, other) if one.us <= other.us else (other, one)
        if before.address != after.address and after.us - before.us <= SOON_US:
            self._shared[after.n] = before.n
