"""Saved filters: `@name` in a filter stands for the filter saved under that name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from auditlog_tui.errors import QueryError
from auditlog_tui.query.format import quote_reserved
from auditlog_tui.query.lexer import RawTerm
from auditlog_tui.query.parse import parse, raw_terms

BUILT_IN: Mapping[str, str] = {
    "failures": "status:>=400",
    "destructive": "action:*.deleted,*.revoked,*.detached,*.removed,*.destroyed",
    "api-keys": "actor.type:api_key",
    "last-hour": "last:1h",
}
"""The predefined filters; one of the same name in the settings file overrides it."""


def expand(text: str, views: Mapping[str, str]) -> str:
    """The text with every `@name` replaced by the filter saved under it.

    Raises `QueryError` with the columns of the name if there is no such filter, or if it is invalid.
    """
    return _expand(text, {**BUILT_IN, **{name: quote_reserved(view) for name, view in views.items()}}, ())


def _expand(text: str, known: Mapping[str, str], within: tuple[str, ...]) -> str:
    """Expand the names in a text; `within` are the names of the saved filters that the text itself is part of."""
    for term in reversed(raw_terms(text)):
        name = _saved_name(term)
        if name:
            text = text[: term.start] + _saved_text(name, known, term, within) + text[term.end :]
    return text


def _saved_name(term: RawTerm) -> str:
    if term.key or term.negated or len(term.values) != 1 or term.values[0].quoted:
        return ""
    word = term.values[0].text
    return word[1:] if word.startswith("@") else ""


def _saved_text(name: str, known: Mapping[str, str], term: RawTerm, within: tuple[str, ...]) -> str:
    if name not in known:
        near = difflib.get_close_matches(name[:40], known, 1, 0.6)
        names = ", ".join(f"@{each}" for each in known)
        hint = f"Did you mean @{near[0]}?" if near else f"Saved filters are {names}."
        raise QueryError(f"There is no saved filter @{name[:40]}.", term.start, term.end, hint)
    if name in within:
        raise QueryError(
            f"The saved filter @{name} refers to itself.", term.start, term.end, "Change it in the settings file."
        )
    try:
        text = _expand(known[name], known, (*within, name))
        parse(text)
    except QueryError as error:
        message = f"The saved filter @{name} can't be read: {error.message}"
        raise QueryError(message, term.start, term.end, error.hint) from error
    return text
