"""The API's orders: reversing one, and telling whether entries contradict it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

Rank = tuple[int, ...]


class Stand(NamedTuple):
    """The values of an entry that the API sorts by."""

    created_us: int | None
    status_code: int | None


def leading(sort: str) -> str:
    """The term that decides first."""
    return sort.partition(",")[0]


def reversed_order(sort: str) -> str:
    """The same order from its other end."""
    turned = {"asc": "desc", "desc": "asc"}
    return ",".join(f"{name}:{turned[way]}" for name, way in (term.split(":") for term in sort.split(",")))


def rank(stand: Stand, sort: str) -> Rank | None:
    """Ascends in this order; `None` where a value is unknown.

    Terms after `created_at` don't count: instants that are equal here may differ below the microsecond.
    """
    found: list[int] = []
    for term in sort.split(","):
        name, _, way = term.partition(":")
        value = stand.created_us if name == "created_at" else stand.status_code
        if value is None:
            return None
        found.append(value if way == "asc" else -value)
        if name == "created_at":
            break
    return tuple(found)


def in_order(stands: Iterable[Stand], sort: str) -> bool:
    """False when the known values contradict the order."""
    ranks = [found for stand in stands if (found := rank(stand, sort)) is not None]
    return all(a <= b for a, b in pairwise(ranks))
