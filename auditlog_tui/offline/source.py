"""What a log needs to offer so that the API's endpoints can be answered from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Protocol

ARRIVAL: Final = "arrival"
"""Sort term: the order in which entries came into the log. No two entries share a value."""

Order = tuple[tuple[str, bool], ...]
"""Sort terms by precedence, each with whether it descends: `created_at`, `status_code`, and `ARRIVAL` as the last."""

Place = tuple[int, ...]
"""Where an entry stands in an order: its value of each sort term."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions on an entry, all of which must hold; hashable, so that counts can be kept by it.

    `exact` holds API parameters (`action`, `actor_id`, …) and the value to equal. `path` is a substring, whatever
    its case. `bounds` are (field, lowest, highest), inclusive, `None` for open: `created_at` in microseconds since
    1970 UTC, and `status_code`.
    """

    exact: tuple[tuple[str, str], ...] = ()
    path: str | None = None
    bounds: tuple[tuple[str, int | None, int | None], ...] = ()


class Located(NamedTuple):
    """One entry: its JSON text, and its place in the order that was asked for.

    Bytes that are not UTF-8 are lone surrogates in the text (`surrogateescape`), and are sent as they were.
    """

    text: str
    place: Place


class Found(NamedTuple):
    """The entries of one page, and how many entries match in all."""

    entries: Sequence[Located]
    total: int


class Source(Protocol):
    """A log's entries. Every method may be called from several threads at once."""

    def find(self, where: Filter, order: Order, after: Place | None, limit: int) -> Found:
        """The first `limit` matching entries in this order, after a place if one is given.

        The entries and their total are of the same moment.
        """

    def get(self, entry_id: str) -> str | None:
        """One entry's JSON text; `None` if there is no entry of this ID."""

    def now(self) -> datetime | None:
        """The log's clock, with a time zone; `None` for a log that has none."""

    def close(self) -> None:
        """Release what the source holds; it can't be asked any more."""
