"""Saved filters: `@name` in the filter bar stands for the text saved under the name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from auditlog_tui.errors import QueryError
from auditlog_tui.query import parse, stored
from auditlog_tui.query.lexer import RawTerm
from auditlog_tui.query.parse import raw_terms

BUILT_IN: Mapping[str, str] = {
    "failures": "status:>=400",
    "destructive": "action:*.deleted,*.revoked,*.detached,*.removed,*.destroyed",
    "api-keys": "actor.type:api_key",
    "last-hour": "last:1h",
}
"""Views that everyone has; one of the same name in the settings file goes before it."""


def expand(text: str, views: Mapping[str, str]) -> str:
    """The text with every `@name` replaced by what it stands for.

    Raises `QueryError`, which points at the name: for one that there is not, and for a view that can't be read.
    """
    return _expanded(text, {**BUILT_IN, **{name: stored(view) for name, view in views.items()}}, ())


def _expanded(text: str, known: Mapping[str, str], within: tuple[str, ...]) -> str:
    """`within` are the views whose text this is part of."""
    for term in reversed(raw_terms(text)):
        name = _name(term)
        if name:
            text = text[: term.start] + _saved(name, known, term, within) + text[term.end :]
    return text


def _name(term: RawTerm) -> str:
    if term.key or term.negated or len(term.values) != 1 or term.values[0].quoted:
        return ""
    word = term.values[0].text
    return word[1:] if word.startswith("@") else ""


def _saved(name: str, known: Mapping[str, str], term: RawTerm, within: tuple[str, ...]) -> str:
    if name not in known:
        near = difflib.get_close_matches(name[:40], known, 1, 0.6)
        hint = f"Did you mean @{near[0]}?" if near else f"There are {', '.join('@' + each for each in known)}."
        raise QueryError(f"There is no saved view @{name[:40]}.", term.start, term.end, hint)
    if name in within:
        raise QueryError(
            f"The view @{name} is part of itself.", term.start, term.end, "Change it in the settings file."
        )
    try:
        text = _expanded(known[name], known, (*within, name))
        parse(text)
    except QueryError as error:
        message = f"The view @{name} can't be read: {error.message}"
        raise QueryError(message, term.start, term.end, error.hint) from error
    return text
