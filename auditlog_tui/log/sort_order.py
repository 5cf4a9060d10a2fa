"""The API's sort orders: reverse one, compute an entry's sort key, check that entries are in order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import le
from typing import NamedTuple

from auditlog_tui.entries.models import Entry

SortKey = tuple[int, ...]
"""Ascends in the order that it was computed for."""


class SortValues(NamedTuple):
    """The values of an entry that the API sorts by; `None` where one can't be read."""

    created_us: int | None
    status_code: int | None


def sort_values(entry: Entry) -> SortValues:
    return SortValues(entry.created_us, entry.fields.status_code)


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
    for by_time, sign in _terms(sort):
        value = values.created_us if by_time else values.status_code
        if value is None:
            return None
        key.append(sign * value)
    return tuple(key)


@lru_cache(maxsize=16)  # asked for every entry
def _terms(sort: str) -> tuple[tuple[bool, int], ...]:
    """The terms up to `created_at`: whether each is the time, and 1 for ascending or -1 for descending."""
    terms: list[tuple[bool, int]] = []
    for term in sort.split(","):
        name, _, way = term.partition(":")
        terms.append((name == "created_at", 1 if way == "asc" else -1))
        if terms[-1][0]:
            break
    return tuple(terms)


def sort_keys(entries: Iterable[SortValues], sort: str) -> list[SortKey | None]:
    """`sort_key` of each of these."""
    terms = _terms(sort)
    if len(terms) > 1 or not terms[0][0]:
        return [sort_key(values, sort) for values in entries]
    sign = terms[0][1]
    return [None if us is None else (sign * us,) for us, _ in entries]


def entry_keys(entries: Sequence[Entry], sort: str) -> list[SortKey | None]:
    """`sort_key` of each of these."""
    terms = _terms(sort)
    if len(terms) > 1 or not terms[0][0]:
        return [sort_key(sort_values(entry), sort) for entry in entries]
    sign = terms[0][1]
    return [None if (us := entry.created_us) is None else (sign * us,) for entry in entries]


def in_order(entries: Iterable[SortValues], sort: str) -> bool:
    """False when the known values contradict the order."""
    return ascending(sort_keys(entries, sort))


def ascending(keys: Iterable[SortKey | None]) -> bool:
    """False when the known keys contradict the order that they were computed for."""
    known = [key for key in keys if key is not None]
    return all(map(le, known, known[1:]))
