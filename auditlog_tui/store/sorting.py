"""Sorting what is loaded, by any column, in slices so short that no key waits.

SQLite keeps a table in order that grows slice by slice; a million rows in one `ORDER BY` are 0.6 s that can't be
split.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing

from auditlog_tui.query import FIELDS
from auditlog_tui.store.entries import EntryStore, Run, Stretch, failed
from auditlog_tui.store.scans import Scan

SLICE = 1_000
"""Rows a slice: half as many as where they are only read, since each is written, in 7 ms at most (measured)."""

Order = Sequence[tuple[str, str]]
"""Fields of the filter language, and `asc` or `desc`."""


async def sorted_run(store: EntryStore, run: Run, order: Order) -> Run:
    """A run of the same entries in another order; entries without a value come last, equal ones stay as they were.

    Rows that come in meanwhile may be in it or not. It begins again where rows are taken out.
    """
    async with store.sorting:  # a table can't be let go while another one is read
        while True:
            scan = Scan(run)
            made = await _sorted(store, scan, order)
            if not scan.cut:
                return made
            store.drop(made)


async def _sorted(store: EntryStore, scan: Scan, order: Order) -> Run:
    made = store.new_run()
    columns = [FIELDS[field].columns[0] for field, _ in order]
    sorter = _Sorter(store, f"sorting_{made.number}", columns, [way for _, way in order])
    try:
        while not scan.cut and (stretch := scan.following(SLICE)) is not None:
            sorter.take(scan.run, stretch)
            scan.took(stretch)
            await asyncio.sleep(0)
        with closing(sorter.numbers(SLICE)) as portions:
            for numbers in portions:
                if scan.cut:
                    break
                store.append(made, numbers)
                await asyncio.sleep(0)
    finally:
        sorter.drop()
    return made


class _Sorter:
    """Entries by what they are sorted by, filled slice by slice and then read in order.

    They lie in a temporary database of their own: closing it takes no time, where dropping a table of a million rows
    takes half a second that can't be split. Values that are missing are told by a column beside, which comes first.
    """

    def __init__(self, store: EntryStore, name: str, columns: Sequence[str], ways: Sequence[str]) -> None:
        self._store = store
        self._name = name
        # The columns and ways are names of our own, so that they may stand in a statement.
        self._values = ", ".join(f"e.{column} IS NULL, ifnull(e.{column}, '')" for column in columns)
        names = ", ".join(f"lacks{n}, value{n}" for n in range(len(columns)))
        self._order = ", ".join(f"lacks{n}, value{n} {way.upper()}" for n, way in enumerate(ways))
        key = f"PRIMARY KEY ({self._order}, position)"
        self._execute(f"ATTACH DATABASE '' AS {name}")
        self._execute(f"CREATE TABLE {name}.sorted ({names}, position, entry, {key}) WITHOUT ROWID")

    def take(self, run: Run, stretch: Stretch) -> None:
        """Add a stretch of a run's rows."""
        sql = (
            f"INSERT INTO {self._name}.sorted SELECT {self._values}, p.position, p.shown"  # noqa: S608 (our own names)
            " FROM place p JOIN entry e ON e.n = p.shown WHERE p.run = ? AND p.position >= ? AND p.position < ?"
        )
        with self._store.writing():
            self._store.connection.execute(sql, [run.number, stretch.position, stretch.end])

    def numbers(self, count: int) -> Generator[list[int], None, None]:
        """The entries' numbers in order, so many at a time; close it before `drop`."""
        sql = f"SELECT entry FROM {self._name}.sorted ORDER BY {self._order}, position"  # noqa: S608 (our own names)
        try:
            cursor = self._store.connection.execute(sql)
            with closing(cursor):
                while rows := cursor.fetchmany(count):
                    yield [n for (n,) in rows]
        except sqlite3.Error as error:
            raise failed(error) from error

    def drop(self) -> None:
        self._execute(f"DETACH DATABASE {self._name}")

    def _execute(self, sql: str) -> None:
        try:
            self._store.connection.execute(sql)
        except sqlite3.Error as error:
            raise failed(error) from error
