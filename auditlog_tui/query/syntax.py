"""The filter as a tree: what `parse` makes of a line, and `plan` splits.

Trees are equal when they mean the same; where a term stood in the typed text (`start`, `end`) does not count.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time

WORD = ""
"""The key of a term without one: a text to be found in any field."""


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment: microseconds since 1970 UTC, and the offset (minutes east of UTC) it is written with."""

    us: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Clock:
    """A date and time of day as clocks show it; an instant only in a time zone."""

    wall: datetime


@dataclass(frozen=True, slots=True)
class Day:
    """A whole day; where it begins and ends depends on the time zone."""

    day: date


@dataclass(frozen=True, slots=True)
class Named:
    """A day whose date depends on now, or the time `at` on it; `offset` (minutes east of UTC) is its time zone.

    `word` is `today`, `yesterday`, a month and day (`nov-01`: the latest that has begun), or empty: the latest time
    of day that is not in the future, and as the end of a range the first one after its beginning.
    """

    word: str
    at: time | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Ago:
    """So many units (`s`, `m`, `h`, `d`, `w`) before now; `last:` is everything since."""

    count: int
    unit: str


Moment = Instant | Clock | Day | Named | Ago


@dataclass(frozen=True, slots=True)
class Text:
    """A text as it stands: a whole value or a part of one, as the field has it."""

    text: str


@dataclass(frozen=True, slots=True)
class Glob:
    """Texts with anything (`*`) between them; there are at least two, and only the outermost may be empty."""

    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Regex:
    """A regular expression, found anywhere in the value; case counts."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Address:
    """One IP address, in any spelling."""

    text: str


@dataclass(frozen=True, slots=True)
class Network:
    """Every address of a network in CIDR notation."""

    text: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """The field is absent."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Integers from `low` to `high`, both included; `None` is no bound."""

    low: int | None
    high: int | None


@dataclass(frozen=True, slots=True)
class Times:
    """From the beginning of `low` to the end of `high`; `None` is no bound.

    `strict` excludes the bound itself (`>` and `<`); there is then one bound only. `around` is a number of seconds
    to go before `low` and beyond `high`, which are then the same time of a day that depends on now.
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
    """Entries whose field `key` has one of the values, or, negated, all the others.

    `start` and `end` are the columns where the term stood in the text.
    """

    key: str
    values: tuple[Value, ...]
    negated: bool = False
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Query:
    """Entries that every term lets through, in the order that a `sort` term asks for."""

    terms: tuple[Term, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms)
