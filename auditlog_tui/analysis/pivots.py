"""Pivots: from an entry to all entries with the same actor, address, target and so on."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from auditlog_tui.query import FIELDS, term_for, with_term
from auditlog_tui.query.addresses import address_or_network
from auditlog_tui.store.entries import Row


class Pivot(Struct, frozen=True):
    """A filter offered: by the `value` that the entries share.

    `key` is the key that chooses it. `within` is the current filter with the term added, and `alone` the term only.
    `spans` says that the first and last time seen are worth a request.
    """

    key: str
    name: str
    value: str
    within: str
    alone: str
    spans: bool


_KINDS = (
    ("a", "actor", "actor", True),
    ("i", "ip", "address", True),
    ("t", "target", "target", True),
    ("u", "ua", "agent", False),
    ("v", "action", "action", False),
    ("m", "method", "method", False),
    ("p", "path", "path", False),
)
"""Key, field, name, `spans`."""


def pivots(row: Row, text: str) -> list[Pivot]:
    """The pivots from a row; `text` is the current filter."""
    found = []
    for key, field, name, spans in _KINDS:
        column = FIELDS[field].columns[0]
        value = getattr(row, column)
        term = term_for(column, value) if value is not None else ""
        if term:
            found.append(Pivot(key, name, _label(field, row, value), with_term(text, term), term, spans))
    return found


_ID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def is_id(text: str) -> bool:
    """True for a UUID, which every ID in the log is."""
    return _ID.fullmatch(text) is not None


def meanings(text: str) -> list[Pivot]:
    """The filters that an ID or an address alone may mean; empty for any other text.

    An ID is that of an entry, an actor or a target, or a text in any field. An address is the one that requests came
    from, or a text.
    """
    text = text.strip().strip('"')
    address = address_or_network(text)
    if is_id(text):
        kinds: tuple[tuple[str, str, str], ...] = (
            ("e", "id", "the entry"),
            ("a", "actor", "entries of the actor"),
            ("t", "target", "entries on the target"),
        )
    elif address is not None and "/" not in address:
        text, kinds = address, (("i", "ip", "entries from the address"),)
    else:
        return []
    terms = [(key, name, f"{field}:{text}") for key, field, name in kinds] + [("w", "in any field", f'"{text}"')]
    return [Pivot(key, name, "", term, term, spans=False) for key, name, term in terms]


def announced(offers: Sequence[Pivot]) -> str:
    """What Enter offers to show, in a line."""
    *names, last = [offer.name for offer in offers]
    return f"Enter offers: {', '.join(names)} or {last}"


def _label(field: str, row: Row, value: str) -> str:
    """The value as shown: an actor by its name or type, a target with its type."""
    if field == "actor":
        return row.actor_name or (f"{row.actor_type} {value}" if row.actor_type else value)
    return f"{row.target_type} {value}" if field == "target" and row.target_type else value
