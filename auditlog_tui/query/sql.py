"""What is evaluated here, as SQL over the store's columns.

Comparisons are SQLite's own where they can be, since a call into Python costs some 0.3 s a million rows. SQL's `NULL`
never decides: a term is true or it is not, and its negation is `IS NOT TRUE`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from auditlog_tui.entries.raw_json import SQLITE_INT
from auditlog_tui.query import functions
from auditlog_tui.query.addresses import one_spelling
from auditlog_tui.query.fields import FIELD_OF_COLUMN, Field, Kind, field_of
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

Condition = tuple[str, list[object]]

_NO_TARGET = "(e.target_id IS NULL AND e.target_type IS NULL)"


def install(connection: sqlite3.Connection) -> None:
    """Register the functions that conditions use."""
    for name, arguments, function in functions.ALL:
        connection.create_function(name, arguments, function, deterministic=True)


def condition(query: Query) -> Condition:
    """The condition that every term of a frozen query holds, and the values it binds."""
    return _joined(" AND ", [_term(term) for term in query.terms if term.key != "sort"])


def holding(text: str) -> Condition:
    """The condition that a readable field holds a text."""
    term = Term(WORD, (Text(text),))
    return _joined(" OR ", list(_either(field_of(term.key), term)))


def _term(term: Term) -> Condition:
    field = field_of(term.key)
    sql, values = _joined(" OR ", list(_either(field, term)))
    unknown, names = _unknown(field, term)
    return f"(({sql}) IS {'NOT ' if term.negated else ''}TRUE OR {unknown})", [*values, *names]


def _unknown(field: Field, term: Term) -> Condition:
    """Whether the term can't be decided, as its field can't be read: such an entry is shown, never left out."""
    columns = tuple(column for column in field.columns if column != "key")  # which every entry has
    if not columns:
        return "0", []
    if any(isinstance(value, Nothing) for value in term.values):
        columns = (*columns, "target_type")
    listed = ", ".join(f"e.{column}" for column in columns)
    names = json.dumps([FIELD_OF_COLUMN.get(column, column) for column in columns])
    return f"(e.unreadable <> '' AND q_unknown(?, e.unreadable, {listed}))", [names]


def _joined(operator: str, conditions: list[Condition]) -> Condition:
    return operator.join(sql for sql, _ in conditions), [value for _, values in conditions for value in values]


def _either(field: Field, term: Term) -> Iterable[Condition]:
    """One condition for the values that SQLite can look up together, and one for each other."""
    whole = {value: as_it_stands(field, value) for value in term.values}
    together: list[object] = [text for text in whole.values() if text is not None]
    if together:
        yield f"e.{field.columns[0]} IN ({', '.join('?' * len(together))})", together
    for value, text in whole.items():
        if text is None:
            yield _value(field, value)


def as_it_stands(field: Field, value: Value) -> str | None:
    """The text that the field must be, of a value that means no more than that."""
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
    """A range; bounds that SQLite can't bind are beyond every value that it holds."""
    if (low is not None and low > SQLITE_INT) or (high is not None and high < -SQLITE_INT):
        return "0", []
    equal = "" if strict else "="
    parts: list[Condition] = [(f"{column} IS NOT NULL", [])]
    if low is not None and low >= -SQLITE_INT:
        parts.append((f"{column} >{equal} ?", [low]))
    if high is not None and high <= SQLITE_INT:
        parts.append((f"{column} <{equal} ?", [high]))
    sql, values = _joined(" AND ", parts)
    return f"({sql})", values
