"""Adds terms to a filter's text and removes them, for the screen's narrowing commands."""

from __future__ import annotations

from msgspec.structs import replace

from auditlog_tui.errors import QueryError
from auditlog_tui.query.addresses import one_spelling
from auditlog_tui.query.fields import FIELDS, Kind
from auditlog_tui.query.format import format_term
from auditlog_tui.query.parse import parse
from auditlog_tui.query.syntax import Address, Instant, Nothing, Numbers, Term, Text, Times, Value
from auditlog_tui.query.times import FIRST, LAST
from auditlog_tui.text.times import instant_us

_BY_COLUMN = {column: field.name for field in FIELDS.values() for column in field.columns if field.name != "last"}
_BY_COLUMN |= {"created_at": "created", "tag": "tag"}


def with_term(text: str, term_text: str) -> str:
    """The text with one more term.

    A term already present is not repeated. The new term replaces its negation, and any other `sort:` or `id:` term,
    of which there can be only one. To an invalid text it is simply appended. It is put in front where a `not` or an
    `or` at the end of the text would take it.
    """
    try:
        terms = parse(term_text).terms
    except QueryError:
        return _join(text, term_text)
    for term in terms:
        text = _add_term(text, term, term_text[term.start : term.end])
    return _join(text)


def _add_term(text: str, new: Term, new_text: str) -> str:
    try:
        present = parse(text).terms
    except QueryError:
        return _join(text, new_text)
    if new in present:
        return text
    for old in reversed(present):
        if old == replace(new, negated=not new.negated) or _must_replace(old, new):
            text = text[: old.start] + text[old.end :].lstrip()
    behind, before = _join(text, new_text), _join(new_text, text)
    return before if _has(before, new) and not _has(behind, new) else behind


def _has(text: str, term: Term) -> bool:
    try:
        return term in parse(text).terms
    except QueryError:
        return False


def _must_replace(old: Term, new: Term) -> bool:
    return old.key == new.key and new.key in ("sort", "id") and not old.negated and not new.negated


def without_term(text: str, start: int, end: int) -> str:
    """The text without the columns from `start` up to `end`, and with one space between the remaining parts.

    The text must be as `format_query` writes it; elsewhere an `AND` or a bracket could lose its other side.
    """
    return _join(text[:start], text[end:])


def _join(*texts: str) -> str:
    """The texts with one space between them."""
    return " ".join(filter(None, map(_trim, texts)))


def _trim(text: str) -> str:
    """The text without surrounding spaces, except one after a backslash, which may belong to a term."""
    text = text.lstrip()
    bare = text.rstrip()
    return text[: len(bare) + 1] if bare.endswith("\\") else bare


def term_for(column: str, value: object, negated: bool = False) -> str:
    """The term that matches a value of one of the store's columns; empty if the language can't express it.

    For fields that match a part of the value (path, actor's name, user agent) the term has the whole text.
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
