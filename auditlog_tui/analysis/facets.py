"""The most frequent values of what is loaded: actors, addresses, actions, targets, statuses, agents.

They are counted in slices so short that no key waits for one, one facet after the other; rows that arrive later are
added to what was counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from auditlog_tui.store.entries import EntryStore, Run
from auditlog_tui.store.scans import SLICE, Scan, give_way

MOST, TOO_MANY = 2_000, 8_000
"""Values of each facet that are kept where there are too many, and how many that is."""

CROWDED = 500
"""Values in a slice from which slices are shorter: merging so many takes as long as reading them."""

LONGEST = 2_000
"""Bytes of a value that is listed: values are written by whoever calls the API, and are kept in memory."""

Value = str | int | None


@dataclass(frozen=True, slots=True)
class FacetField:
    """What a facet counts: the filter's `field`, the store's `column`, and the one that has what it is called by."""

    field: str
    title: str
    column: str
    name: str = "NULL"
    kind: str = "NULL"


KINDS = (
    FacetField("actor", "actors", "e.actor_id", "e.actor_name", "e.actor_type"),
    FacetField("ip", "addresses", "e.client_ip"),
    FacetField("action", "actions", "e.action"),
    FacetField("target", "targets", "e.target_id", kind="e.target_type"),
    FacetField("status", "statuses", "e.status_code"),
    FacetField("ua", "agents", "e.user_agent"),
)


class Tally(NamedTuple):
    """A value (`None`: absent, or not readable) and its entries; where not `exact`, there are at least so many.

    `name` and `kind` are what a person knows an id by, as last seen.
    """

    value: Value
    n: int
    name: str
    kind: str
    exact: bool


class Facet:
    """The counts of one kind, over as many rows of a run as were read."""

    def __init__(self, kind: FacetField, store: EntryStore, run: Run) -> None:
        self.kind = kind
        self._store = store
        self._scan = Scan(run)
        self._begin()

    def _begin(self) -> None:
        self._scan.restart()
        self.too_long = 0
        self._counts: Counter[Value] = Counter()
        self._names: dict[Value, tuple[str, str]] = {}
        self._kept: frozenset[Value] | None = None
        self._most = SLICE

    @property
    def read(self) -> int:
        """Rows counted so far."""
        return self._scan.read

    @property
    def behind(self) -> bool:
        """True while there are rows to count."""
        return self._scan.behind

    @property
    def distinct(self) -> int:
        """Values known; where some made room, there were more."""
        return len(self._counts)

    @property
    def all_known(self) -> bool:
        """True while no value had to make room."""
        return self._kept is None

    def top(self, most: int) -> list[Tally]:
        """The most frequent values."""
        return [
            Tally(value, n, *self._names.get(value, ("", "")), self._kept is None or value in self._kept)
            for value, n in self._counts.most_common(most)
        ]

    def count_slice(self) -> None:
        """Count a slice more of what is behind. Raises `StoreError`, after which the same call may be made again."""
        if self._scan.cut:
            self._begin()
        stretch = self._scan.following(self._most)
        if stretch is None:
            return
        kind = self.kind
        sql = (
            f"SELECT {_unless_long(kind.column)}, {_long(kind.column)}, count(*),"  # noqa: S608 (our own names)
            f" {_unless_long(f'max({kind.name})')}, {_unless_long(f'max({kind.kind})')}"
            " FROM place p JOIN entry e ON e.n = p.shown"
            f" WHERE p.run = ? AND p.position >= ? AND p.position < ? GROUP BY {kind.column}"
        )
        found = self._store.read(sql, [self._scan.run.number, stretch.position, stretch.end])
        for value, long, n, name, type_ in found:
            if long:
                self.too_long += n
            else:
                self._counts[value] += n
                if (name or type_) and (value not in self._names or not stretch.older):
                    self._names[value] = name or "", type_ or ""
        self._scan.took(stretch)
        self._most = (
            min(SLICE, CROWDED) if len(found) >= CROWDED else SLICE if len(found) < CROWDED // 4 else self._most
        )
        if len(self._counts) > TOO_MANY:
            self._make_room()

    def _make_room(self) -> None:
        """Let the rarest values go; those that never had to are still counted exactly."""
        least = sorted(self._counts.values())[-MOST]
        more = {value: n for value, n in self._counts.items() if n > least}
        as_many = (item for item in self._counts.items() if item[1] == least)
        self._counts = Counter({**more, **dict(islice(as_many, MOST - len(more)))})
        self._names = {value: self._names[value] for value in self._counts if value in self._names}
        kept = self._counts.keys()
        self._kept = frozenset(kept if self._kept is None else self._kept & kept)


def _long(text: str) -> str:
    """SQL that tells whether a text is too long; SQLite's own length, as its substr, ends at the first NUL."""
    return f"length(CAST({text} AS BLOB)) > {LONGEST}"


def _unless_long(text: str) -> str:
    return f"CASE WHEN {_long(text)} THEN NULL ELSE {text} END"


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
        """Count what is behind, a facet at a time; `changed` is called after each slice. Raises `StoreError`.

        May be cancelled anywhere, and called again: it goes on where it was.
        """
        while (facet := next((facet for facet in self.facets if facet.behind), None)) is not None:
            facet.count_slice()
            changed(facet)
            await give_way()
