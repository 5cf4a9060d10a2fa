"""Changing a filter's text term by term, as the screen does for the user."""

from __future__ import annotations

from dataclasses import replace

from auditlog_tui.errors import QueryError
from auditlog_tui.models import instant_us
from auditlog_tui.query.fields import FIELDS, Kind
from auditlog_tui.query.format import format_term
from auditlog_tui.query.parse import parse
from auditlog_tui.query.scan import ip_address
from auditlog_tui.query.syntax import Address, Instant, Nothing, Numbers, Term, Text, Times, Value

_BY_COLUMN = {column: field.name for field in FIELDS.values() for column in field.columns if field.name != "last"}
_BY_COLUMN["created_at"] = "created"


def with_term(text: str, term_text: str) -> str:
    """The text with a term more.

    A term that is there already is not repeated, its opposite makes room for it, and so does the other `sort:` or
    `id:`, of which there is only one.
    """
    try:
        present, added = parse(text).terms, parse(term_text).terms
    except QueryError:
        return f"{text.strip()} {term_text.strip()}".strip()
    for new in added:
        if new in present:
            continue
        for old in reversed(present):
            if old == replace(new, negated=not new.negated) or _only_one(old, new):
                text = without_term(text, old.start, old.end)
        text = f"{text.strip()} {term_text[new.start : new.end]}".strip()
        present = parse(text).terms if len(added) > 1 else present
    return text.strip()


def _only_one(old: Term, new: Term) -> bool:
    return old.key == new.key and new.key in ("sort", "id") and not old.negated and not new.negated


def without_term(text: str, start: int, end: int) -> str:
    """The text without what stands from column `start` up to `end`, and one space between its neighbours."""
    return f"{text[:start].rstrip()} {text[end:].lstrip()}".strip()


def term_for(column: str, value: object, negated: bool = False) -> str:
    """The term for a value in one of the store's columns; empty where the language has none for it.

    Columns that are compared in part (the path, a name, the user agent) get a term that finds the whole text.
    """
    name = _BY_COLUMN.get(column)
    if name is None:
        return ""
    found = _value(name, value)
    return "" if found is None else format_term(Term(name, (found,), negated))


def _value(name: str, value: object) -> Value | None:
    kind = FIELDS[name].kind
    if kind is Kind.TIME:
        us = instant_us(value) if isinstance(value, str) else value
        return Times(Instant(us), Instant(us)) if isinstance(us, int) else None
    if kind is Kind.NUMBER:
        return Numbers(value, value) if isinstance(value, int) else None
    if value is None and FIELDS[name].none:
        return Nothing()
    if not isinstance(value, str) or (kind is Kind.PART and not value):
        return None
    if kind is Kind.ADDRESS and ip_address(value) is not None:
        return Address(value)
    return Text(value.upper() if name == "method" and value.isascii() else value)
