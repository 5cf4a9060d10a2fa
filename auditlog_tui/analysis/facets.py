"""The most frequent and the rarest values of the loaded entries: statuses, actors, actions, addresses and so on.

Facets are counted one after the other, in slices so short that no key waits. Rows that arrive later are added to the
counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from heapq import nsmallest
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

from auditlog_tui.runtime import give_way
from auditlog_tui.store.entries import EntryStore, Run
from auditlog_tui.store.scans import Scan, value_counts

MOST, TOO_MANY = 2_000, 8_000
"""A facet with more than `TOO_MANY` values keeps the `MOST` frequent ones."""

CROWDED = 500
"""Distinct values in a slice from which slices get shorter: merging so many takes as long as reading the rows."""

LONGEST = 2_000
"""Bytes of the longest value listed. Values are kept in memory, and callers of the API choose them."""

Value = str | int | None


@dataclass(frozen=True, slots=True)
class FacetField:
    """A field that a facet counts: its name in the filter language, and columns of the store.

    `name` and `kind` are the columns that describe the value, if any.
    """

    field: str
    title: str
    column: str
    name: str | None = None
    kind: str | None = None


KINDS = (
    FacetField("status", "statuses", "status_code"),
    FacetField("actor", "actors", "actor_id", "actor_name", "actor_type"),
    FacetField("action", "actions", "action"),
    FacetField("ip", "addresses", "client_ip"),
    FacetField("target", "targets", "target_id", kind="target_type"),
    FacetField("ua", "agents", "user_agent"),
)


class Tally(NamedTuple):
    """A value (`None`: absent or unreadable) and its number of entries, which is a lower bound unless `exact`.

    `name` and `kind` describe an ID, as last seen.
    """

    value: Value
    n: int
    name: str
    kind: str
    exact: bool


class Facet:
    """The value counts of one field, over the rows of a run read so far."""

    def __init__(self, kind: FacetField, store: EntryStore, run: Run) -> None:
        self.kind = kind
        self._store = store
        self._scan = Scan(run)
        self._reset()

    def _reset(self) -> None:
        self._scan.restart()
        self.too_long = 0
        self._counts: Counter[Value] = Counter()
        self._names: dict[Value, tuple[str, str]] = {}
        self._exact: frozenset[Value] | None = None
        self._rows_per_slice: int | None = None

    @property
    def read(self) -> int:
        """The number of rows counted so far."""
        return self._scan.read

    @property
    def behind(self) -> bool:
        """True while there are rows to count."""
        return self._scan.behind

    @property
    def distinct(self) -> int:
        """The number of values kept; a lower bound unless `all_known`."""
        return len(self._counts)

    @property
    def all_known(self) -> bool:
        """True while no value was discarded."""
        return self._exact is None

    def top(self, most: int) -> list[Tally]:
        """The most frequent values."""
        return [self._tally(value, n) for value, n in self._counts.most_common(most)]

    def rarest(self, most: int) -> list[Tally]:
        """The least frequent of the values kept: the rarest ones only if `all_known`."""
        return [self._tally(value, n) for value, n in nsmallest(most, self._counts.items(), key=itemgetter(1))]

    def _tally(self, value: Value, n: int) -> Tally:
        return Tally(value, n, *self._names.get(value, ("", "")), self._exact is None or value in self._exact)

    def count_slice(self) -> None:
        """Count the next slice of rows. Raises `StoreError`, after which the same call may be made again."""
        if self._scan.cut:
            self._reset()
        stretch = self._scan.next_stretch(self._rows_per_slice)
        if stretch is None:
            return
        columns = (self.kind.column, self.kind.name, self.kind.kind)
        found = value_counts(self._store, self._scan.run, stretch, columns, LONGEST)
        for value, long, n, name, kind in found:
            if long:
                self.too_long += n
            else:
                self._counts[value] += n
                if (name or kind) and (value not in self._names or not stretch.older):
                    self._names[value] = name or "", kind or ""
        self._scan.mark_read(stretch)
        if len(found) >= CROWDED:
            self._rows_per_slice = CROWDED
        elif len(found) < CROWDED // 4:
            self._rows_per_slice = None
        if len(self._counts) > TOO_MANY:
            self._discard_rare()

    def _discard_rare(self) -> None:
        """Keep the `MOST` frequent values. Those that were never discarded remain exact."""
        least = sorted(self._counts.values())[-MOST]
        more = {value: n for value, n in self._counts.items() if n > least}
        as_many = (item for item in self._counts.items() if item[1] == least)
        self._counts = Counter({**more, **dict(islice(as_many, MOST - len(more)))})
        self._names = {value: self._names[value] for value in self._counts if value in self._names}
        kept = self._counts.keys()
        self._exact = frozenset(kept if self._exact is None else self._exact & kept)


class Facets:
    """All facets of one run."""

    def __init__(self, store: EntryStore, run: Run) -> None:
        self.run = run
        self.facets = tuple(Facet(kind, store, run) for kind in KINDS)

    @property
    def behind(self) -> bool:
        """True while a facet has rows to count."""
        return any(facet.behind for facet in self.facets)

    async def fill(self, changed: Callable[[Facet], None]) -> None:
        """Count all rows, one facet at a time; `changed` is called after each slice. Raises `StoreError`.

        May be cancelled at any point; calling it again continues from there.
        """
        while (facet := next((facet for facet in self.facets if facet.behind), None)) is not None:
            facet.count_slice()
            changed(facet)
            await give_way()
