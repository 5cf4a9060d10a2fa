"""The syntax tree of a filter, made by `parse` and split by `plan`.

Comparing trees ignores the columns of their terms (`start`, `end`).
"""

from __future__ import annotations

from datetime import date, datetime, time

from msgspec import Struct

WORD = ""
"""The key of a term without a key, whose text is searched for in every field."""


class Instant(Struct, frozen=True):
    """An instant in microseconds since 1970 UTC, and the offset to write it with (minutes east of UTC)."""

    us: int
    offset: int = 0


class Clock(Struct, frozen=True):
    """A local date and time; which instant it is depends on the time zone."""

    wall: datetime


class Day(Struct, frozen=True):
    """A whole day; its start and end depend on the time zone."""

    day: date


class Named(Struct, frozen=True):
    """A day whose date depends on now, or the time `at` on that day; `offset` is its zone in minutes east of UTC.

    `word` is `now`, `today`, `yesterday`, or a month and day (`nov-01`: the latest not in the future). If it is
    empty, `at` means its latest occurrence not in the future, or, as the end of a range, the first after its start.
    """

    word: str
    at: time | None = None
    offset: int | None = None


class Ago(Struct, frozen=True):
    """The instant `count` units (`s`, `m`, `h`, `d`, `w`) before now; with `last:`, everything since then."""

    count: int
    unit: str


Moment = Instant | Clock | Day | Named | Ago


class Text(Struct, frozen=True):
    """A literal text: the whole value or a part of it, depending on the field."""

    text: str


class Glob(Struct, frozen=True):
    """Texts with any text (`*`) between them; there are at least two, and only the first and last may be empty."""

    pieces: tuple[str, ...]


class Regex(Struct, frozen=True):
    """A case-sensitive regular expression that matches anywhere in the value."""

    pattern: str


class Address(Struct, frozen=True):
    """An IP address, in any spelling."""

    text: str


class Network(Struct, frozen=True):
    """The addresses of a network in CIDR notation."""

    text: str


class Nothing(Struct, frozen=True):
    """The field is absent."""


class Numbers(Struct, frozen=True):
    """Integers from `low` to `high`, both included; `None` means unbounded."""

    low: int | None
    high: int | None


class Times(Struct, frozen=True):
    """From the start of `low` to the end of `high`; `None` means unbounded.

    `strict` excludes the bound itself (`>` and `<`); there is only one bound then. `around` extends the range by
    this many seconds on both sides; `low` and `high` are the same moment then, on a day that depends on now.
    """

    low: Moment | None
    high: Moment | None
    strict: bool = False
    around: int = 0


class By(Struct, frozen=True):
    """One field to sort by."""

    field: str
    descending: bool


Value = Text | Glob | Regex | Address | Network | Nothing | Numbers | Times | Ago | By


class Term(Struct, frozen=True, eq=False):
    """Matches entries whose field `key` has one of the values; if negated, all other entries.

    `start` and `end` are the columns where the term stood in the text.
    """

    key: str
    values: tuple[Value, ...]
    negated: bool = False
    start: int = 0
    end: int = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Term) and self._meaning == other._meaning

    def __hash__(self) -> int:
        return hash(self._meaning)

    @property
    def _meaning(self) -> tuple[object, ...]:
        return self.key, self.values, self.negated


class Query(Struct, frozen=True):
    """Matches entries that every term matches, in the order of its `sort` term."""

    terms: tuple[Term, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms)
