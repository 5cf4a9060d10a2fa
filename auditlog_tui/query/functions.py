"""The functions that SQL conditions call. None of them raises, whatever stands in the log."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable
from functools import lru_cache

from auditlog_tui.entries.raw_json import is_exact
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


_texts = lru_cache(maxsize=256)(json.loads)


def unknown(names_json: str, unreadable: str, *values: object) -> bool:
    """Whether one of the values is not what the server meant: `names` are their fields, `unreadable` the entry's.

    A value may be missing, or only close to what stood there. A raw control character leaves it exact.
    """
    texts: dict[str, str] = _texts(unreadable)
    for name, value in zip(_texts(names_json), values, strict=True):
        if value is None and not {"", name, name.partition(".")[0]}.isdisjoint(texts):
            return True
        if name in texts and not is_exact(texts[name]):
            return True
    return False


ALL: tuple[tuple[str, int, Callable[..., bool]], ...] = (
    ("q_part", 2, part),
    ("q_any", -1, any_part),
    ("q_glob", 2, glob),
    ("q_regex", 2, regex),
    ("q_address", 2, address),
    ("q_network", 2, network),
    ("q_unknown", -1, unknown),
)
"""Name in SQL, number of arguments (-1: any), function."""
