"""Queries as text: `parse(format_query(query)) == query`."""

from __future__ import annotations

import re

from auditlog_tui.query.fields import Field, Kind, field_of
from auditlog_tui.query.reserved import NO_VALUE, is_plain, is_syntax
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
from auditlog_tui.text.late import late_pattern

_PLAIN = late_pattern(r"[\w.@%+#/:-][\w.@%+=#/:-]*")
_CHUNK = late_pattern(r'(?:[^\s"\\]|\\.|"(?:[^"\\]|\\.)*")+')
_OLD_WORD = late_pattern(r"(-?)(\w[\w.@%+=#/-]*)")
_OLD_VALUE = late_pattern(rf"(-?[\w.]+:)(=[\w.@%+=#/:-]*)|(-?target:)({'|'.join(NO_VALUE)})", re.IGNORECASE)
_HUNDRED = 100


def format_query(query: Query) -> str:
    """The query as one line of text."""
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
    return text if is_plain(text) else quoted(text)


def format_value(field: Field, value: Value, *, last: bool = True) -> str:
    """A value's text after the field's key. If it is not the `last`, a comma must be able to follow it."""
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
        or (field.none and (text == "none" or text.lower() in NO_VALUE))
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
    """The text in quotes, with quotes and backslashes in it escaped."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def escaped(text: str) -> str:
    """The text without quotes, with a backslash before each syntax character."""
    return "".join(f"\\{character}" if is_syntax(character) else character for character in text)


def quote_reserved(text: str) -> str:
    """The text of a stored filter, with quotes around bare words that have become reserved since.

    Filters are stored as `format_query` writes them; earlier versions left words bare that are operators now.
    """

    def requoted(match: re.Match[str]) -> str:
        if (word := _OLD_WORD.fullmatch(match[0])) and not is_plain(word[2]):
            return word[1] + quoted(word[2])
        if value := _OLD_VALUE.fullmatch(match[0]):
            return (value[1] or value[3]) + quoted(value[2] or value[4])
        return match[0]

    return _CHUNK.sub(requoted, text)


def shown(text: str, limit: int = 40) -> str:
    """The text for use in a message: shortened, and without control characters."""
    clean = "".join(c if c.isprintable() else "�" for c in text[: limit + 1])
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"
