"""The text of a query: `parse(format_query(query)) == query`."""

from __future__ import annotations

import re

from auditlog_tui.query.fields import Field, Kind, field_of
from auditlog_tui.query.syntax import (
    WORD,
    Address,
    Ago,
    By,
    Glob,
    Network,
    Nothing,
    Numbers,
    Query,
    Regex,
    Term,
    Text,
    Times,
    Value,
)
from auditlog_tui.query.times import format_times

_PLAIN = re.compile(r"[\w.@%+=#/:-]+")
_PLAIN_WORD = re.compile(r"\w[\w.@%+=#/-]*")
_ESCAPED = re.compile(r'[\s*,"\\~<>]')
_HUNDRED = 100


def format_query(query: Query) -> str:
    """One line that means the query."""
    return " ".join(map(format_term, query.terms))


def format_term(term: Term) -> str:
    prefix = "-" if term.negated else ""
    if term.key == WORD:
        return prefix + "".join(map(_word, term.values))
    last = len(term.values) - 1
    field = field_of(term.key)
    values = (format_value(field, value, last=n == last) for n, value in enumerate(term.values))
    return f"{prefix}{term.key}:{','.join(values)}"


def _word(value: Value) -> str:
    text = value.text if isinstance(value, Text) else ""
    return text if _PLAIN_WORD.fullmatch(text) else quoted(text)


def format_value(field: Field, value: Value, *, last: bool = True) -> str:
    """A value as it is written after the field's key; one that is not the `last` is followed by a comma."""
    match value:
        case Text(text):
            return _text(field, text)
        case Glob(pieces):
            return "*".join(map(escaped, pieces))
        case Regex(pattern):
            bare = last and not pattern.startswith('"') and not re.search(r"\s", pattern)
            return "~" + (pattern if bare else quoted(pattern))
        case Address(text) | Network(text):
            return text
        case Nothing():
            return "none"
        case Numbers():
            return _numbers(value)
        case Times():
            return format_times(value)
        case Ago(count, unit):
            return f"{count}{unit}"
        case By(name, descending):
            return ("-" if descending else "") + name


def _text(field: Field, text: str) -> str:
    reserved = (
        field.kind is Kind.ADDRESS
        or (field.none and text == "none")
        or (field.name == "method" and text != text.upper())
    )
    return text if _PLAIN.fullmatch(text) and not reserved else quoted(text)


def _numbers(value: Numbers) -> str:
    low, high = value.low, value.high
    if high is None:
        return f">={low}"
    if low is None:
        return f"<={high}"
    if low == high:
        return str(low)
    if low % _HUNDRED == 0 and high == low + _HUNDRED - 1 and 1 <= low // _HUNDRED <= 9:
        return f"{low // _HUNDRED}xx"
    return f"{low}..{high}"


def quoted(text: str) -> str:
    """The text in quotes, in which nothing but the quote and the backslash has a meaning."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def escaped(text: str) -> str:
    """The text without quotes, each character that would mean something after a backslash."""
    return _ESCAPED.sub(r"\\\g<0>", text)


def shown(text: str, limit: int = 40) -> str:
    """The text as a message may hold it: short, and without control characters."""
    clean = "".join(c if c.isprintable() else "�" for c in text[: limit + 1])
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"
