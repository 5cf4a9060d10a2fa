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


class SeenValue(Struct, frozen=True):
    """A value and its count. `label` describes an id: an actor's name, or a target's type."""

    text: str
    count: int
    label: str = ""


_LABELS = {"actor": attrgetter("actor.name"), "target": attrgetter("target.type")}

_FIELDS = tuple(
    (field.name, attrgetter(attribute_of(field.columns[0])), _LABELS.get(field.name))
    for field in FIELDS.values()
    if field.kind in (Kind.EXACT, Kind.PART, Kind.ADDRESS, Kind.NUMBER) and field.name != "id" and field.columns
)
"""The fields whose values are counted, each with what reads its value and its label from an entry."""


class Seen:
    """Counts the values of entries as they arrive, at a constant cost per entry.

    `fields` limits the fields whose values are counted. `first_us` and `last_us` are the times of the oldest and
    newest entry seen (microseconds since 1970 UTC).
    """

    def __init__(self, fields: Collection[str] | None = None) -> None:
        self._fields = _FIELDS if fields is None else tuple(each for each in _FIELDS if each[0] in fields)
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._labels: dict[tuple[str, str], str] = {}
        self.first_us: int | None = None
        self.last_us: int | None = None

    def take(self, entries: Iterable[Entry]) -> None:
        """Count the values of new entries. Do not pass an entry twice."""
        entries = tuple(entries)
        known = (self.first_us, self.last_us, *(entry.created_us for entry in entries))
        times = [us for us in known if us is not None]
        self.first_us, self.last_us = min(times, default=None), max(times, default=None)
        for field, read, read_label in self._fields:
            values = tuple(map(read, entries))
            counts = self._counts[field]
            for value, count in Counter(values).items():
                if value is not None and value != "":
                    counts[str(value)] += count
            if read_label is not None:
                labels = zip(values, map(read_label, entries), strict=True)
                self._labels |= {(field, value): label for value, label in labels if value and label}
            if len(counts) > 2 * MOST:
                self._counts[field] = Counter(dict(counts.most_common(MOST)))
                self._labels = {key: label for key, label in self._labels.items() if key[1] in self._counts[key[0]]}

    def add(self, other: Seen) -> None:
        """Take the values of another count as well; a value of both keeps the higher count."""
        for field, counts in other._counts.items():
            self._counts[field] |= counts
        self._labels = {**other._labels, **self._labels}

    def replace(self, field: str, counts: Counter[str]) -> None:
        """Take these values of a field that no entry has, with their counts, in place of those known."""
        self._counts[field] = counts

    def values(self, field: str) -> list[SeenValue]:
        """The values of a field, most frequent first."""
        counts = self._counts[field]
        return [
            SeenValue(text, count, self._labels.get((field, text), "")) for text, count in counts.most_common(MOST)
        ]


class Unseen(Seen):
    """Collects no values: only completion needs them, and that would take a sixth of a walk's time."""

    def take(self, entries: Iterable[Entry]) -> None:
        pass
