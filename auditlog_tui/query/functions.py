"""The functions that SQL conditions call. None of them raises, whatever stands in the log."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable
from functools import lru_cache

from auditlog_tui.query.addresses import addresses_in
from auditlog_tui.query.patterns import compiled

_addresses = lru_cache(maxsize=4096)(addresses_in)
_pieces: Callable[[str], list[str]] = lru_cache(maxsize=64)(json.loads)
_network = lru_cache(maxsize=512)(ipaddress.ip_network)


def part(needle: str, value: str | None) -> bool:
    """Whether the value contains the case-folded needle."""
    return value is not None and needle in value.casefold()


def any_part(needle: str, *values: str | int | None) -> bool:
    """Whether one of the values contains the case-folded needle."""
    return any(value is not None and needle in str(value).casefold() for value in values)


def glob(pieces_json: str, value: str | None) -> bool:
    """Whether the value is these pieces with anything between them."""
    if value is None:
        return False
    first, *inner, last = _pieces(pieces_json)
    if not value.startswith(first) or len(value) < len(first) + len(last) or not value.endswith(last):
        return False
    at, end = len(first), len(value) - len(last)
    for piece in inner:
        at = value.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


def regex(pattern: str, value: str | None) -> bool:
    """Whether the pattern is found in the value in time."""
    return value is not None and compiled(pattern).found(value)


def address(text: str, value: str | None) -> bool:
    """Whether the value names this address, in whatever spelling."""
    return value is not None and not _addresses(text).isdisjoint(_addresses(value))


def network(text: str, value: str | None) -> bool:
    """Whether the value names an address of this network."""
    return value is not None and any(found in _network(text) for found in _addresses(value))


def target_unread(unreadable: str) -> bool:
    """Whether the fields that could not be read, as JSON, are among those that tell the target."""
    if not unreadable:
        return False
    return not {"", "target", "target.id", "target.type"}.isdisjoint(json.loads(unreadable))


ALL: tuple[tuple[str, int, Callable[..., bool]], ...] = (
    ("q_part", 2, part),
    ("q_any", -1, any_part),
    ("q_glob", 2, glob),
    ("q_regex", 2, regex),
    ("q_address", 2, address),
    ("q_network", 2, network),
    ("q_target_unread", 1, target_unread),
)
"""Name in SQL, number of arguments (-1: any), function."""
