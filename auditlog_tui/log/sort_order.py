"""The API's sort orders: reverse one, compute an entry's sort key, check that entries are in order."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from auditlog_tui.entries.models import Entry

SortKey = tuple[int, ...]
"""Ascends in the order that it was computed for."""


class SortValues(NamedTuple):
    """The values of an entry that the API sorts by; `None` where one can't be read."""

    created_us: int | None
    status_code: int | None


def sort_values(entry: Entry) -> SortValues:
    return SortValues(entry.created_us, entry.log.status_code)


def primary_term(sort: str) -> str:
    """The first term of `sort`, for example `created_at:desc`."""
    return sort.partition(",")[0]


def reversed_order(sort: str) -> str:
    """`sort` with the direction of every term reversed."""
    opposite = {"asc": "desc", "desc": "asc"}
    return ",".join(f"{name}:{opposite[way]}" for name, way in (term.split(":") for term in sort.split(",")))


def sort_key(values: SortValues, sort: str) -> SortKey | None:
    """The entry's key in this order; `None` where a value is unknown.

    Terms after `created_at` are left out: times that are equal here may differ below the microsecond.
    """
    key: list[int] = []
    for term in sort.split(","):
        name, _, way = term.partition(":")
        value = values.created_us if name == "created_at" else values.status_code
        if value is None:
            return None
        key.append(value if way == "asc" else -value)
        if name == "created_at":
            break
    return tuple(key)


def in_order(entries: Iterable[SortValues], sort: str) -> bool:
    """False when the known values contradict the order."""
    keys = [key for values in entries if (key := sort_key(values, sort)) is not None]
    return all(a <= b for a, b in pairwise(keys))
