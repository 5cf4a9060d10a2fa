"""Checks entries in a response against the parameters of the request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from auditlog_tui.query.addresses import ip_address
from auditlog_tui.text.times import instant_us

if TYPE_CHECKING:
    from auditlog_tui.entries.models import Entry

_MARGIN_US = 1
"""A log's timestamps may have digits beyond the microseconds that we keep."""

_TEXTS: Mapping[str, Callable[[Entry], str | None]] = {
    "action": lambda entry: entry.log.action,
    "actor_id": lambda entry: entry.actor.id,
    "actor_type": lambda entry: entry.actor.type,
    "client_ip": lambda entry: entry.log.client_ip,
    "method": lambda entry: entry.log.method,
    "path": lambda entry: entry.log.path,
    "target_id": lambda entry: entry.target.id,
    "target_type": lambda entry: entry.target.type,
}

_FIELDS: Mapping[str, str] = {
    "actor_id": "actor.id", "actor_type": "actor.type", "target_id": "target.id", "target_type": "target.type",
    "status_code_min": "status_code", "status_code_max": "status_code",
    "created_at_min": "created_at", "created_at_max": "created_at",
}  # fmt: skip
"""The field that a parameter filters by, if their names differ."""

_instant = lru_cache(instant_us)  # called with the same bound for every entry of a page


def contradicts(entry: Entry, name: str, value: str) -> bool:
    """Whether the entry contradicts the parameter under every reading of the API's contract.

    Absent and unreadable fields contradict nothing.
    """
    if _FIELDS.get(name, name) in entry.unreadable:
        return False
    if name in _TEXTS:
        text = _TEXTS[name](entry)
        return text is not None and not _may_equal(name, text, value)
    if name.startswith("status_code_"):
        return _out_of_bounds(name, entry.log.status_code, int(value), 0)
    if name.startswith("created_at_"):
        return _out_of_bounds(name, entry.created_us, _instant(value), _MARGIN_US)
    return False


def _out_of_bounds(name: str, value: int | None, bound: int | None, margin: int) -> bool:
    if value is None or bound is None:
        return False
    return value < bound - margin if name.endswith("_min") else value > bound + margin


def _may_equal(name: str, text: str, value: str) -> bool:
    if name == "path":
        return any(fold(value) in fold(text) for fold in (str.casefold, str.lower, str.upper))
    if text.casefold() == value.casefold():
        return True
    address = ip_address(value) if name == "client_ip" else None
    return address is not None and ip_address(text) == address
