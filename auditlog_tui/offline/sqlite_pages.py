"""Pages and counts of a table of entries in SQLite, by the filters and orders of a list request.

A page is found through an index at the place where the last one ended, and a count is kept and brought up to date:
both cost the same at any depth.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence

from auditlog_tui.offline.source import ARRIVAL, Filter, Order, Place

_COLUMN = {"created_at": "created_us", "status_code": "status_code", ARRIVAL: "n"}
_COUNTS_KEPT = 10_000

_Condition = tuple[str, Sequence[str | int]]
"""SQL, and the values it binds."""


class Pages:
    """The table `entry` of a database, with a column for each parameter of a filter, and `n`, its rowid.

    `select` is what a row consists of, up to the table. `created_us` and `status_code` are never NULL; a value of at
    most `missing` stands for one that is absent, and matches no bound. `downwards` says that the rows were added
    newest first. A row whose column in `unknown` can't be read matches every filter by it: the SQL says which.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        select: str = "SELECT * FROM entry",
        *,
        missing: int | None = None,
        downwards: bool = False,
        unknown: Mapping[str, str] | None = None,
    ) -> None:
        self._db = db
        self._select = select
        self._missing = missing
        self._downwards = downwards
        self._unknown = unknown or {}
        self._counts: dict[Filter, tuple[int, int]] = {}
        """Of each filter: the newest row when it was counted, and the count."""

    def rows(self, where: Filter, order: Order, after: Place | None, limit: int) -> list[tuple[sqlite3.Row, Place]]:
        """The first `limit` matching rows in this order, after a place if one is given, each with its place."""
        terms = [(_COLUMN[field], descends ^ (field == ARRIVAL and self._downwards)) for field, descends in order]
        by = ", ".join(f"{column} DESC" if descends else column for column, descends in terms)
        conditions = list(self._conditions(where, terms[0], begun=after is not None))
        rows: list[sqlite3.Row] = []
        for beyond in _beyond(terms, after) if after is not None else [[]]:
            condition, values = _all_of([*conditions, *beyond])
            rows += self._db.execute(
                f"{self._select} WHERE {condition} ORDER BY {by} LIMIT {limit - len(rows)}", values
            )
            if len(rows) >= limit:
                break
        return [(row, tuple(row[column] for column, _ in terms)) for row in rows]

    def count(self, where: Filter) -> int:
        """How many entries match: counted once, then only among those added since."""
        newest: int = self._db.execute("SELECT coalesce(max(n), 0) FROM entry").fetchone()[0]
        counted_to, count = self._counts.get(where, (0, 0))
        if counted_to < newest:
            added: list[_Condition] = [("n > ?", [counted_to])] if counted_to else []
            condition, values = _all_of([*added, *self._conditions(where)])
            table = "entry NOT INDEXED" if counted_to else "entry"  # by rowid, that is: few rows are newer
            sql = f"SELECT count(*) FROM {table} WHERE {condition}"  # noqa: S608  # own names only
            count += self._db.execute(sql, values).fetchone()[0]
            if len(self._counts) >= _COUNTS_KEPT:
                self._counts.clear()
            self._counts[where] = newest, count
        return count

    def _conditions(
        self, where: Filter, lead: tuple[str, bool] | None = None, *, begun: bool = False
    ) -> Iterator[_Condition]:
        """The filter as SQL; `lead` is the first sort term, if the rows are sorted.

        A `+` keeps SQLite from an index that would cost a sort of everything that matches. Once a walk has `begun`,
        the bound at the end where it started says no more than the cursor does, and SQLite must not take it for the
        cursor's place: a deep page would then cost as much as all the pages before it.
        """
        for name, value in where.exact:
            yield self._or_unknown(name, f"{name} = ?", [value])
        if where.path is not None and where.path.isascii():
            yield self._or_unknown("path", "instr(lower(path), ?)", [where.path.lower()])
        elif where.path is not None:
            yield self._or_unknown("path", "instr(fold(path), ?)", [where.path.casefold()])
        for field, low, high in where.bounds:
            # what can't be read matches too, and is sorted below all others: the cursor may be at such a one
            known = begun and field not in self._unknown
            for sql, bound in self._bound(_COLUMN[field], low, high, lead, known):
                yield self._or_unknown(field, sql, [bound])

    def _bound(
        self, column: str, low: int | None, high: int | None, lead: tuple[str, bool] | None, begun: bool
    ) -> Iterator[tuple[str, int]]:
        name = column if lead is None or lead[0] == column else f"+{column}"
        if low is not None and low == high:
            yield f"{column} = ?", low
            return
        if low is None and self._missing is not None and not (begun and lead == (column, False)):
            yield f"{name} > ?", self._missing
        if low is not None and not (begun and lead == (column, False)):
            yield f"{name} >= ?", low
        if high is not None and not (begun and lead == (column, True)):
            yield f"{name} <= ?", high

    def _or_unknown(self, name: str, sql: str, values: Sequence[str | int]) -> _Condition:
        unknown = self._unknown.get(name)
        return (f"({sql} OR {unknown})" if unknown else sql), values


def _all_of(conditions: Iterable[_Condition]) -> _Condition:
    found = list(conditions)
    return " AND ".join([sql for sql, _ in found]) or "1", [value for _, values in found for value in values]


def _beyond(terms: list[tuple[str, bool]], place: Place) -> Iterator[list[_Condition]]:
    """Conditions for the rows after a place, nearest first; an index can start at each.

    One comparison of row values serves terms of one direction. Where the direction turns, the rows that are equal
    up to the turn come first.
    """
    start = len(terms)
    while start:
        end, descends = start, terms[start - 1][1]
        while start and terms[start - 1][1] == descends:
            start -= 1
        columns = [column for column, _ in terms[:end]]
        equal = [(f"{column} = ?", [value]) for column, value in zip(columns[:start], place[:start], strict=True)]
        run = f"({', '.join(columns[start:])}) {'<' if descends else '>'} ({', '.join('?' * (end - start))})"
        yield [*equal, (run, [*place[start:end]])]
