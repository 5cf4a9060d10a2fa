"""Counts of the values seen in each field, for completion without reading the log again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from operator import attrgetter
from typing import TYPE_CHECKING

from msgspec import Struct

from auditlog_tui.query.fields import FIELDS, Kind, attribute_of

if TYPE_CHECKING:
    from auditlog_tui.entries.models import Entry


MOST = 1_000
"""The most values kept of each field; above that, the least frequent ones are dropped."""


Value = str | int | None
"""What a field of an entry holds."""


class SeenValue(Struct, frozen=True):
    """A value and its count. `label` describes an id: an actor's name, or a target's type."""

    text: str
    count: int
    label: str = ""


_LABELS = {"actor": "name", "target": "type"}

_FIELDS = tuple(
    (field.name, *attribute_of(field.columns[0]).split("."), _LABELS.get(field.name, ""))
    for field in FIELDS.values()
    if field.kind in (Kind.EXACT, Kind.PART, Kind.ADDRESS, Kind.NUMBER) and field.name != "id" and field.columns
)
"""The fields whose values are counted: name, what holds the value (`fields`, `actor`, `target`), and its attributes
with the value and with the label, if it has one."""


class Seen:
    """Counts the values of entries as they arrive, at a constant cost per entry.

    `fields` limits the fields whose values are counted. `first_us` and `last_us` are the times of the oldest and
    newest entry seen (microseconds since 1970 UTC).
    """

    def __init__(self, fields: Collection[str] | None = None) -> None:
        self._fields = _FIELDS if fields is None else tuple(each for each in _FIELDS if each[0] in fields)
        self._counts: defaultdict[str, Counter[Value]] = defaultdict(Counter)
        """By field, as they are in the entries, so that a page is counted without a step for each entry."""
        self._labels: defaultdict[str, dict[str, str]] = defaultdict(dict)
        self.first_us: int | None = None
        self.last_us: int | None = None

    def take(self, entries: Iterable[Entry]) -> None:
        """Count the values of new entries. Do not pass an entry twice."""
        entries = tuple(entries)
        known = (self.first_us, self.last_us, *(entry.created_us for entry in entries))
        times = [us for us in known if us is not None]
        self.first_us, self.last_us = min(times, default=None), max(times, default=None)
        holders = {name: tuple(map(attrgetter(name), entries)) for name in ("fields", "actor", "target")}
        for field, holder, name, label in self._fields:
            values = tuple(map(attrgetter(name), holders[holder]))
            counts = self._counts[field]
            counts.update(values)
            if label:
                labels = zip(values, map(attrgetter(label), holders[holder]), strict=True)
                self._labels[field] |= {value: text for value, text in labels if value and text}
            if len(counts) > 2 * MOST:
                self._counts[field] = counts = Counter(dict(_most_common(counts)))
                self._labels[field] = {key: text for key, text in self._labels[field].items() if key in counts}

    def add(self, other: Seen) -> None:
        """Take the values of another count as well; a value of both keeps the higher count."""
        for field, counts in other._counts.items():
            self._counts[field] |= counts
            self._labels[field] = {**other._labels[field], **self._labels[field]}

    def replace(self, field: str, counts: Counter[str]) -> None:
        """Take these values of a field that no entry has, with their counts, in place of those known."""
        self._counts[field] = Counter(dict(counts))

    def values(self, field: str) -> list[SeenValue]:
        """The values of a field, most frequent first."""
        counts, labels = self._counts[field], self._labels[field]
        for nothing in (None, ""):
            counts.pop(nothing, None)
        return [SeenValue(str(value), count, labels.get(str(value), "")) for value, count in _most_common(counts)]


def _most_common(counts: Counter[Value]) -> list[tuple[Value, int]]:
    """`counts.most_common(MOST)` with one sort, which takes a third of the time for so many."""
    return counts.most_common()[:MOST]


class Unseen(Seen):
    """Collects no values: only completion needs them, and that would take a sixth of a walk's time."""

    def take(self, entries: Iterable[Entry]) -> None:
        pass
