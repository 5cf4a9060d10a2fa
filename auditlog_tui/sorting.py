"""Sorting what is loaded, by any column, in slices so short that no key waits.

SQLite sorts by an index that grows slice by slice; a million rows in one `ORDER BY` are 0.6 s that can't be split.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence

from auditlog_tui.query import FIELDS
from auditlog_tui.slices import SLICE
from auditlog_tui.store import EntryStore, Run, failed

Order = Sequence[tuple[str, str]]
"""Fields of the filter language, and `asc` or `desc`."""


async def sorted_run(store: EntryStore, run: Run, order: Order) -> Run:
    """A run of the same entries in another order; entries without a value come last, equal ones stay as they were."""
    made = store.new_run()
    columns = [FIELDS[field].columns[0] for field, _ in order]
    sorter = _Sorter(store, f"sorting_{made.number}", columns, [way for _, way in order])
    try:
        for first in range(0, len(run), SLICE):
            sorter.take(run, first, SLICE)
            await asyncio.sleep(0)
        for numbers in sorter.numbers(SLICE):
            store.append(made, numbers)
            await asyncio.sleep(0)
    finally:
        sorter.drop()
    return made


class _Sorter:
    """An index over entries that is filled slice by slice and then read in its order."""

    def __init__(self, store: EntryStore, name: str, columns: Sequence[str], ways: Sequence[str]) -> None:
        self._store = store
        self._name = name
        self._columns = columns
        keys = ", ".join(f"k{n}" for n in range(len(columns)))
        # The columns and ways are names of our own, so that they may stand in the statement.
        self._order = ", ".join(f"k{n} IS NULL, k{n} {way.upper()}" for n, way in enumerate(ways))
        index = ", ".join(f"(k{n} IS NULL), k{n} {way.upper()}" for n, way in enumerate(ways))
        with store.writing():
            store.connection.execute(f"CREATE TEMP TABLE {name} ({keys}, position INTEGER, entry INTEGER)")
            store.connection.execute(f"CREATE INDEX temp.{name}_order ON {name} ({index}, position, entry)")

    def take(self, run: Run, first: int, count: int) -> None:
        """Add a slice of a run's rows."""
        start = run.first + first
        columns = ", ".join(f"e.{column}" for column in self._columns)
        sql = (
            f"INSERT INTO {self._name} SELECT {columns}, p.position, p.entry"  # noqa: S608 (our own names)
            " FROM place p JOIN entry e ON e.n = p.entry WHERE p.run = ? AND p.position >= ? AND p.position < ?"
        )
        with self._store.writing():
            self._store.connection.execute(sql, [run.number, start, start + count])

    def numbers(self, count: int) -> Iterator[list[int]]:
        """The entries' numbers in order, so many at a time."""
        sql = f"SELECT entry FROM {self._name} ORDER BY {self._order}, position"  # noqa: S608 (our own names)
        try:
            cursor = self._store.connection.execute(sql)
            while rows := cursor.fetchmany(count):
                yield [n for (n,) in rows]
        except sqlite3.Error as error:
            raise failed(error) from error

    def drop(self) -> None:
        with self._store.writing():
            self._store.connection.execute(f"DROP TABLE {self._name}")
