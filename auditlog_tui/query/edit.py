"""Changing a filter's text term by term, as the screen does for the user."""

from __future__ import annotations

from dataclasses import replace

from auditlog_tui.errors import QueryError
from auditlog_tui.query.addresses import one_spelling
from auditlog_tui.query.fields import FIELDS, Kind
from auditlog_tui.query.format import format_term
from auditlog_tui.query.parse import parse
from auditlog_tui.query.syntax import Address, Instant, Nothing, Numbers, Term, Text, Times, Value
from auditlog_tui.query.times import FIRST, LAST
from auditlog_tui.text.times import instant_us

_BY_COLUMN = {column: field.name for field in FIELDS.values() for column in field.columns if field.name != "last"}
_BY_COLUMN["created_at"] = "created"


def with_term(text: str, term_text: str) -> str:
    """The text with a term more.

    A term that is there already is not repeated, its opposite makes room for it, and so does the other `sort:` or
    `id:`, of which there is only one. A text that can't be read only grows.
    """
    try:
        terms = parse(term_text).terms
    except QueryError:
        return _joined(text, term_text)
    for term in terms:
        text = _with_one(text, term, term_text[term.start : term.end])
    return _joined(text)


def _with_one(text: str, new: Term, new_text: str) -> str:
    try:
        present = parse(text).terms
    except QueryError:
        return _joined(text, new_text)
    if new in present:
        return text
    for old in reversed(present):
        if old == replace(new, negated=not new.negated) or _only_one(old, new):
            text = text[: old.start] + text[old.end :].lstrip()
    return _joined(text, new_text)


def _only_one(old: Term, new: Term) -> bool:
    return old.key == new.key and new.key in ("sort", "id") and not old.negated and not new.negated


def without_term(text: str, start: int, end: int) -> str:
    """The text without what stands from column `start` up to `end`, and one space between its neighbours.

    The text is as `format_query` writes it: one with `AND` or brackets may lack a side then.
    """
    return _joined(text[:start], text[end:])


def _joined(*texts: str) -> str:
    """The texts with one space between them."""
    return " ".join(filter(None, map(_trimmed, texts)))


def _trimmed(text: str) -> str:
    """The text without the spaces around it, save one after a backslash, which may belong to a term."""
    text = text.lstrip()
    bare = text.rstrip()
    return text[: len(bare) + 1] if bare.endswith("\\") else bare


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
        return Times(Instant(us), Instant(us)) if isinstance(us, int) and FIRST <= us <= LAST else None
    if kind is Kind.NUMBER:
        return Numbers(value, value) if isinstance(value, int) else None
    if value is None and FIELDS[name].none:
        return Nothing()
    if not isinstance(value, str) or (kind is Kind.PART and not value):
        return None
    if kind is Kind.ADDRESS and one_spelling(value):
        return Address(value)
    return Text(value)
