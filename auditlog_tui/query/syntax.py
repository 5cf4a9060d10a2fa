"""The syntax tree of a filter, made by `parse` and split by `plan`.

Comparing trees ignores the columns of their terms (`start`, `end`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time

WORD = ""
"""The key of a term without a key, whose text is searched for in every field."""


@dataclass(frozen=True, slots=True)
class Instant:
    """An instant in microseconds since 1970 UTC, and the offset to write it with (minutes east of UTC)."""

    us: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Clock:
    """A local date and time; which instant it is depends on the time zone."""

    wall: datetime


@dataclass(frozen=True, slots=True)
class Day:
    """A whole day; its start and end depend on the time zone."""

    day: date


@dataclass(frozen=True, slots=True)
class Named:
    """A day whose date depends on now, or the time `at` on that day; `offset` is its zone in minutes east of UTC.

    `word` is `now`, `today`, `yesterday`, or a month and day (`nov-01`: the latest not in the future). If it is
    empty, `at` means its latest occurrence not in the future, or, as the end of a range, the first after its start.
    """

    word: str
    at: time | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Ago:
    """The instant `count` units (`s`, `m`, `h`, `d`, `w`) before now; with `last:`, everything since then."""

    count: int
    unit: str


Moment = Instant | Clock | Day | Named | Ago


@dataclass(frozen=True, slots=True)
class Text:
    """A literal text: the whole value or a part of it, depending on the field."""

    text: str


@dataclass(frozen=True, slots=True)
class Glob:
    """Texts with any text (`*`) between them; there are at least two, and only the first and last may be empty."""

    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Regex:
    """A case-sensitive regular expression that matches anywhere in the value."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Address:
    """An IP address, in any spelling."""

    text: str


@dataclass(frozen=True, slots=True)
class Network:
    """The addresses of a network in CIDR notation."""

    text: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """The field is absent."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Integers from `low` to `high`, both included; `None` means unbounded."""

    low: int | None
    high: int | None


@dataclass(frozen=True, slots=True)
class Times:
    """From the start of `low` to the end of `high`; `None` means unbounded.

    `strict` excludes the bound itself (`>` and `<`); there is only one bound then. `around` extends the range by
    this many seconds on both sides; `low` and `high` are the same moment then, on a day that depends on now.
    """

    low: Moment | None
    high: Moment | None
    strict: bool = False
    around: int = 0


@dataclass(frozen=True, slots=True)
class By:
    """One field to sort by."""

    field: str
    descending: bool


Value = Text | Glob | Regex | Address | Network | Nothing | Numbers | Times | Ago | By


@dataclass(frozen=True, slots=True)
class Term:
    """Matches entries whose field `key` has one of the values; if negated, all other entries.

    `start` and `end` are the columns where the term stood in the text.
    """

    key: str
    values: tuple[Value, ...]
    negated: bool = False
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Query:
    """Matches entries that every term matches, in the order of its `sort` term."""

    terms: tuple[Term, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms)
