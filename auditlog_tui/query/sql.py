"""The residual of a query as an SQL condition over the store's columns.

It uses SQLite's own comparisons where possible, since a call into Python costs about 0.3 s per million rows. A
condition is never `NULL`: a term `IS TRUE`, and its negation `IS NOT TRUE`.
"""

from __future__ import annotations

import ipaddress
import json
import sqlite3
from collections.abc import Callable, Iterable
from functools import lru_cache

from auditlog_tui.entries.raw_json import SQLITE_INT, is_exact
from auditlog_tui.query.addresses import addresses_in, one_spelling
from auditlog_tui.query.fields import FIELD_OF_COLUMN, Field, Kind, field_of
from auditlog_tui.query.patterns import compiled
from auditlog_tui.query.syntax import (
    WORD,
    Address,
    Glob,
    Instant,
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

_addresses = lru_cache(maxsize=4096)(addresses_in)
_pieces: Callable[[str], list[str]] = lru_cache(maxsize=64)(json.loads)
_network = lru_cache(maxsize=512)(ipaddress.ip_network)


def part(needle: str, value: str | None) -> bool:
    """Whether the value contains the case-folded needle."""
    return value is not None and needle in value.casefold()


def any_part(needle: str, *values: str | int | None) -> bool:
    """Whether one of the values contains the case-folded needle."""
    return any(value is not None and needle in str(value).casefold() for value in values)


def glob(pieces_json: str, value: str | None) -> bool:
    """Whether the value consists of these pieces with any text between them."""
    if value is None:
        return False
    first, *inner, last = _pieces(pieces_json)
    if not value.startswith(first) or len(value) < len(first) + len(last) or not value.endswith(last):
        return False
    at, end = len(first), len(value) - len(last)
    for piece in inner:
        at = value.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


def regex(pattern: str, value: str | None) -> bool:
    """Whether the pattern matches in the value within its time budget."""
    return value is not None and compiled(pattern).found(value)


def address(text: str, value: str | None) -> bool:
    """Whether the value contains this address, in any spelling."""
    return value is not None and not _addresses(text).isdisjoint(_addresses(value))


def network(text: str, value: str | None) -> bool:
    """Whether the value contains an address of this network."""
    return value is not None and any(found in _network(text) for found in _addresses(value))


_texts = lru_cache(maxsize=256)(json.loads)


def unknown(names_json: str, unreadable: str, *values: object) -> bool:
    """Whether one of the values is unreadable: missing or only approximate.

    `names_json` lists the values' fields, `unreadable` is the entry's. A value with a raw control character is exact.
    """
    texts: dict[str, str] = _texts(unreadable)
    for name, value in zip(_texts(names_json), values, strict=True):
        if value is None and not {"", name, name.partition(".")[0]}.isdisjoint(texts):
            return True
        if name in texts and not is_exact(texts[name]):
            return True
    return False


_FUNCTIONS: tuple[tuple[str, int, Callable[..., bool]], ...] = (
    ("q_part", 2, part),
    ("q_any", -1, any_part),
    ("q_glob", 2, glob),
    ("q_regex", 2, regex),
    ("q_address", 2, address),
    ("q_network", 2, network),
    ("q_unknown", -1, unknown),
)
"""Name in SQL, number of arguments (-1 for any), function."""


Condition = tuple[str, list[object]]
"""An SQL condition over `entry e`, and the values that it binds."""

_NO_TARGET = "(e.target_id IS NULL AND e.target_type IS NULL)"


def install(connection: sqlite3.Connection) -> None:
    """Register the functions that conditions use on a connection."""
    for name, arguments, function in _FUNCTIONS:
        connection.create_function(name, arguments, function, deterministic=True)


def condition(query: Query) -> Condition:
    """The condition that every term of a frozen query matches, and its bound values."""
    return _join(" AND ", [_term(term) for term in query.terms if term.key != "sort"])


def text_condition(text: str) -> Condition:
    """The condition that any readable field contains a text, and its bound values."""
    term = Term(WORD, (Text(text),))
    return _join(" OR ", list(_alternatives(field_of(term.key), term)))


def _term(term: Term) -> Condition:
    field = field_of(term.key)
    sql, values = _join(" OR ", list(_alternatives(field, term)))
    unknown, names = _unknown(field, term)
    return f"(({sql}) IS {'NOT ' if term.negated else ''}TRUE OR {unknown})", [*values, *names]


def _unknown(field: Field, term: Term) -> Condition:
    """The condition that the term's field is unreadable: such an entry may match, so it is always shown."""
    columns = tuple(column for column in field.columns if column != "key")  # the key is never unreadable
    if not columns:
        return "0", []
    if any(isinstance(value, Nothing) for value in term.values):
        columns = (*columns, "target_type")
    listed = ", ".join(f"e.{column}" for column in columns)
    names = json.dumps([FIELD_OF_COLUMN.get(column, column) for column in columns])
    return f"(e.unreadable <> '' AND q_unknown(?, e.unreadable, {listed}))", [names]


def _join(operator: str, conditions: list[Condition]) -> Condition:
    return operator.join(sql for sql, _ in conditions), [value for _, values in conditions for value in values]


def _alternatives(field: Field, term: Term) -> Iterable[Condition]:
    """One condition for all values that SQLite can compare by `IN`, and one for each other value."""
    if field.of_marks:
        yield from (_mark(field, value) for value in term.values)
        return
    whole = {value: exact_text(field, value) for value in term.values}
    together: list[object] = [text for text in whole.values() if text is not None]
    if together:
        yield f"e.{field.columns[0]} IN ({', '.join('?' * len(together))})", together
    for value, text in whole.items():
        if text is None:
            yield _value(field, value)


def _mark(field: Field, value: Value) -> Condition:
    """A condition on the user's marks and notes, which `store.marks` keeps in tables of their own."""
    marked, tagged = "SELECT m.key FROM mark m WHERE", "SELECT t.key FROM tag t WHERE"
    match field.name, value:
        case "marked", Text(text):
            return f"e.key {'NOT ' if text == 'no' else ''}IN ({marked} m.marked)", []
        case "tag", Text(text):
            return f"e.key IN ({tagged} t.tag = ?)", [text]
        case "tag", Glob(pieces):
            return f"e.key IN ({tagged} q_glob(?, t.tag))", [json.dumps(pieces)]
        case "note", Text(text):
            return f"e.key IN ({marked} q_part(?, m.note))", [text.casefold()]
    raise TypeError(value)


def exact_text(field: Field, value: Value) -> str | None:
    """The text that the field must equal for the value to match; `None` if the match is not an equality."""
    match value:
        case Text(text) if field.kind in (Kind.EXACT, Kind.ADDRESS):
            return text
        case Address(text) if one_spelling(text):
            return text
    return None


def _value(field: Field, value: Value) -> Condition:
    column = f"e.{field.columns[0]}"
    match value:
        case Text(text) if field.name == WORD:
            columns = ", ".join(f"e.{name}" for name in field.columns)
            return f"q_any(?, {columns})", [text.casefold()]
        case Text(text):
            return f"q_part(?, {column})", [text.casefold()]
        case Glob(pieces):
            return f"q_glob(?, {column})", [json.dumps(pieces)]
        case Regex(pattern):
            return f"q_regex(?, {column})", [pattern]
        case Address(text):
            return f"q_address(?, {column})", [text]
        case Network(text):
            return f"q_network(?, {column})", [text]
        case Nothing():
            return _NO_TARGET, []
        case Numbers(low, high):
            return _between(column, low, high, strict=False)
        case Times(low, high, strict):
            return _between(column, _us(low), _us(high), strict=strict)
    raise TypeError(value)


def _us(moment: object) -> int | None:
    return moment.us if isinstance(moment, Instant) else None


def _between(column: str, low: int | None, high: int | None, *, strict: bool) -> Condition:
    """A range condition. A bound that SQLite can't bind is outside the values that it can store."""
    if (low is not None and low > SQLITE_INT) or (high is not None and high < -SQLITE_INT):
        return "0", []
    equal = "" if strict else "="
    parts: list[Condition] = [(f"{column} IS NOT NULL", [])]
    if low is not None and low >= -SQLITE_INT:
        parts.append((f"{column} >{equal} ?", [low]))
    if high is not None and high <= SQLITE_INT:
        parts.append((f"{column} <{equal} ?", [high]))
    sql, values = _join(" AND ", parts)
    return f"({sql})", values
