"""Checks entries in a response against the parameters of the request."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from auditlog_tui.query.addresses import ip_address
from auditlog_tui.query.fields import FIELD_OF_COLUMN, attribute_of
from auditlog_tui.text.times import instant_us

if TYPE_CHECKING:
    from auditlog_tui.entries.models import Entry

_MARGIN_US = 1
"""A log's timestamps may have digits beyond the microseconds that we keep."""

_instant = lru_cache(instant_us)  # called with the same bound for every entry of a page


def contradicts(entry: Entry, name: str, value: str) -> bool:
    """Whether the entry contradicts the parameter under every reading of the API's contract.

    Absent and unreadable fields contradict nothing.
    """
    column = name.removesuffix("_min").removesuffix("_max")
    field = FIELD_OF_COLUMN.get(column, column)
    if field in entry.unreadable:
        return False
    if column == "status_code":
        return _out_of_bounds(name, entry.fields.status_code, int(value), 0)
    if column == "created_at":
        return _out_of_bounds(name, entry.created_us, _instant(value), _MARGIN_US)
    holder, _, inner = attribute_of(column).partition(".")
    text = getattr(getattr(entry, holder), inner, None)
    return isinstance(text, str) and not _may_equal(name, text, value)


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
