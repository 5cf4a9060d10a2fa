"""How many entries of a part have each value of a column, as noted in the manifest when the part was written.

A column with many values in a part is not noted, and the part has to be read to count by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

import msgspec

from auditlog_tui.offline.source import Filter

COUNTED = ("status_code", "action", "actor_id", "actor_type", "client_ip", "method", "target_id", "target_type")
"""The columns that filters are about, but for the time and the path."""

_LEAST, _MOST = -(2**63), 2**63 - 1
"""The statuses that a part can have."""

MOST_VALUES, MOST_BYTES = 256, 16 * 1024
"""A column that has more values in a part, or whose counts take more bytes, is not noted."""

NO_COUNTS = msgspec.Raw(b"{}")

Values = Mapping[str, int]
"""Entries by value; of the status, by its digits. What has no value is not counted."""

Condition = tuple[str, Callable[[Values], int]]
"""A column, and how many entries match."""


def most_bytes(rows: int) -> int:
    """The most bytes that the counts of a column may take for so many rows.

    At one byte a row, a manifest stays small beside its parts, also of a log that is collected every few minutes.
    """
    return min(MOST_BYTES, rows)


def encoded(columns: Iterable[tuple[str, Values]], rows: int) -> msgspec.Raw:
    """Counts as they are noted, without columns that have too many values or take too many bytes."""
    few = ((name, msgspec.json.encode(values)) for name, values in columns if len(values) <= MOST_VALUES)
    found = {name: msgspec.Raw(text) for name, text in few if len(text) <= most_bytes(rows)}
    return msgspec.Raw(msgspec.json.encode(found))


def decoded(noted: msgspec.Raw, column: str, rows: int) -> Values | None:
    """The noted counts of a column; `None` if it has none, or they can't be those of so many rows."""
    try:
        raw = msgspec.json.decode(noted, type=dict[str, msgspec.Raw]).get(column)
        values = None if raw is None else msgspec.json.decode(raw, type=dict[str, int])
    except msgspec.MsgspecError:
        return None
    if values is None or min(values.values(), default=0) < 0 or sum(values.values()) > rows:
        return None
    return values if column != "status_code" or all(map(_is_status, values)) else None


def _is_status(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and text.isascii()


def matching(noted: msgspec.Raw, where: Filter, rows: int) -> int | None:
    """How many of so many rows match a filter without bounds of time; `None` if the counts do not tell."""
    left, unknown = list[int](), False
    for column, count in _conditions(where):
        values = decoded(noted, column, rows)
        n = None if values is None else count(values)
        if n == 0:
            return 0
        if n is None:
            unknown = True
        elif n < rows:
            left.append(n)
    if unknown or where.path is not None or len(left) > 1:
        return None
    return left[0] if left else rows


def _conditions(where: Filter) -> Iterator[Condition]:
    for name, value in where.exact:
        yield name, partial(_equal, value)
    if any(field == "status_code" for field, _, _ in where.bounds):
        yield "status_code", partial(_within, *status_bounds(where))


def _equal(value: str, values: Values) -> int:
    return values.get(value, 0)


def _within(low: int, high: int, values: Values) -> int:
    return sum(n for status, n in values.items() if low <= int(status) <= high)


def status_bounds(where: Filter) -> tuple[int, int]:
    """The lowest and the highest status within all bounds of the status."""
    bounds = [(low, high) for field, low, high in where.bounds if field == "status_code"]
    lowest = max((low for low, _ in bounds if low is not None), default=_LEAST)
    return lowest, min((high for _, high in bounds if high is not None), default=_MOST)
