"""What is read of a case that may come from anybody: every value may be of any type.

Every function takes a case that `read_case` opened, and raises `StoreError` for what is damaged in it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from auditlog_tui.store.case import CaseFile
from auditlog_tui.store.entries import ROWS_OF_FEED

_TEXTS = "SELECT raw FROM json UNION ALL SELECT raw FROM version UNION ALL SELECT raw FROM annotation"


def be_lenient(case: CaseFile, longest: int) -> None:
    """Read texts that are not UTF-8, as lone surrogates, and none of more than `longest` bytes."""
    case.connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    case.connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, longest)


def texts(case: CaseFile) -> Iterator[object]:
    """The stored JSON of every version of each entry, and of the marked ones once more."""
    return (raw for (raw,) in _read(case, _TEXTS))


def count_texts(case: CaseFile) -> int:
    """How many `texts` there are."""
    return sum(
        int(n)
        for table in ("json", "version", "annotation")
        for (n,) in _read(case, f"SELECT count(*) FROM {table}")  # noqa: S608  # our own names
    )


def marks(case: CaseFile, most: int) -> list[tuple[Any, ...]]:
    """The last `most` marks and notes, the newest first: stored JSON, marked, note, time."""
    return list(_read(case, "SELECT raw, marked, note, made_us FROM annotation ORDER BY made_us DESC LIMIT ?", most))


def queries(case: CaseFile, most: int) -> list[object]:
    """The last `most` filters typed, the newest first."""
    return [query for (query,) in _read(case, "SELECT query FROM typed ORDER BY number DESC LIMIT ?", most)]


def feeds(case: CaseFile, most: int) -> Iterator[tuple[object, int]]:
    """The states of the `most` feeds begun last, each with the number of its rows, the newest first."""
    sql = f"SELECT state, {ROWS_OF_FEED} FROM kept_feed ORDER BY run DESC LIMIT ?"  # noqa: S608  # our own names
    return ((state, int(rows)) for state, rows in _read(case, sql, most))


def covered(case: CaseFile, most: int) -> Iterator[tuple[object, object]]:
    """At most so many requests that feeds without rows had every entry of, and as of when."""
    return ((request, as_of_us) for request, as_of_us in _read(case, "SELECT * FROM covered LIMIT ?", most))


def _read(case: CaseFile, sql: str, *values: int) -> Iterator[tuple[Any, ...]]:
    try:
        yield from case.connection.execute(sql, values)
    except sqlite3.Error as error:
        raise case.trouble(error) from error
