r"""Reading the filter language.

    query   = [ term { space term } ]                      every term must hold
    term    = [ "-" ] ( word | path | keyed )              "-": every entry that the term leaves out
    word    = quoted | alone | text                        found in any field
    alone   = an IPv6 address, a URL or a time of day, recognised before keys are
    path    = "/" text                                     as path:/…
    keyed   = key ":" value { "," value }                  either value
            | "sort:" [ "-" ] key { "," [ "-" ] key }
    value   = quoted | "~" pattern | text
    pattern = quoted | every character up to a space       commas and quotes are its own
    quoted  = '"' { character | '\"' | '\\' } '"'          nothing else has a meaning in quotes
    text    = { character | escape | "*" }                 up to a space and, after a key, a comma
    escape  = "\" ( "*" | "," | '"' | "\" | "~" | "<" | ">" | space )

A `*` is anything in fields that are compared as a whole, and an error elsewhere. A backslash before any other
character stands for itself.
"""

from __future__ import annotations

from dataclasses import replace

from auditlog_tui.errors import QueryError
from auditlog_tui.query.bounds import check
from auditlog_tui.query.fields import ANY, FIELDS, Field, nearest
from auditlog_tui.query.format import shown
from auditlog_tui.query.scan import RawTerm, scan
from auditlog_tui.query.syntax import WORD, Query, Term
from auditlog_tui.query.values import BadValueError, read_value

MOST_VALUES = 500
"""Values in one query: a condition of more is more than SQLite nests."""


def parse(text: str) -> Query:
    """The query that a line means. Raises `QueryError`, which points at the term that can't be read."""
    _check_text(text)
    query = Query(tuple(_term(raw) for raw in scan(text)))
    if sum(len(term.values) for term in query.terms) > MOST_VALUES:
        raise QueryError(
            f"The filter has more than {MOST_VALUES} values.", 0, len(text), "Use a pattern or a network instead."
        )
    for key in ("sort", "id"):
        _check_single(query, key)
    check(query)
    return query


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        message = "This character is not valid Unicode."
        raise QueryError(message, error.start, error.end, "Type it again, or leave it out.") from error


def _term(raw: RawTerm) -> Term:
    field = _field(raw)
    try:
        term = Term(field.name, tuple(read_value(field, value) for value in raw.values), raw.negated)
        if field.name == "last" and len(term.values) > 1:
            raise BadValueError("last: takes one length of time.", "Leave out all but the longest.")
        if field.name == "sort":
            _check_order(term)
    except BadValueError as error:
        raise QueryError(error.message, raw.start, raw.end, error.hint) from error
    return replace(term, start=raw.start, end=raw.end)


def _field(raw: RawTerm) -> Field:
    if raw.key == WORD:
        return ANY
    if raw.key in FIELDS:
        return FIELDS[raw.key]
    near = nearest(raw.key)
    meant = f"Did you mean {near}:?" if near else f"Keys are {', '.join(FIELDS)}."
    raise QueryError(
        f"There is no key {shown(raw.key)}:.",
        raw.start,
        raw.end,
        f"{meant} To find the text itself, put it in quotes.",
    )


def _check_order(term: Term) -> None:
    if term.negated:
        raise BadValueError("sort: can't be negated.", "For descending order write sort:-created.")
    names = [value.field for value in term.values if hasattr(value, "field")]
    if len(set(names)) < len(names):
        raise BadValueError("sort: names a field twice.", "Name each field once, the most important first.")


def _check_single(query: Query, key: str) -> None:
    terms = [term for term in query.terms if term.key == key and not term.negated]
    if len(terms) > 1:
        first, second = terms[:2]
        hints = {"sort": "Join them: sort:status,-created.", "id": "For either of two write id:a,b."}
        raise QueryError(f"There are two {key}: terms.", second.start, second.end, hints[first.key])
