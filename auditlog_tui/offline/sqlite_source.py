"""A source in SQLite, in memory: it can be filled with any entries, while it is read too.

A page is found through an index at the place where the last one ended, and a count is kept and brought up to date:
both cost the same at any depth.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from auditlog_tui.offline.source import ARRIVAL, Filter, Found, Located, Order, Place
from auditlog_tui.text.times import rfc3339


class FlatEntry(NamedTuple):
    """One entry's fields; `created_us` is in microseconds since 1970 UTC. Both target fields may be `None`."""

    id: str
    created_us: int
    action: str
    actor_id: str
    actor_name: str | None
    actor_type: str
    client_ip: str
    method: str
    path: str
    status_code: int
    user_agent: str
    target_id: str | None
    target_type: str | None


_SCHEMA = """
CREATE TABLE entry (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    created_us INTEGER NOT NULL,
    action TEXT NOT NULL,
    actor_id TEXT NOT NULL, actor_name TEXT, actor_type TEXT NOT NULL,
    client_ip TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    status_code INTEGER NOT NULL,
    user_agent TEXT NOT NULL,
    target_id TEXT, target_type TEXT
)
"""

# Each serves its filter newest first (n is the rowid, which ends every index), the last two the orders by status.
_INDEXES = (
    "entry_created ON entry (created_us)",
    "entry_action ON entry (action, created_us)",
    "entry_actor ON entry (actor_id, created_us)",
    "entry_ip ON entry (client_ip, created_us)",
    "entry_target ON entry (target_id, created_us)",
    "entry_status ON entry (status_code, created_us)",
    "entry_status_newest ON entry (status_code, created_us DESC, n DESC)",
)
_INSERT = f"INSERT OR IGNORE INTO entry VALUES (NULL, {', '.join('?' * len(FlatEntry._fields))})"  # noqa: S608  # marks only
_COLUMN = {"created_at": "created_us", "status_code": "status_code", ARRIVAL: "n"}
_COUNTS_KEPT = 10_000

_Condition = tuple[str, Sequence[str | int]]
"""SQL, and the values it binds."""

_to_json = json.JSONEncoder(separators=(",", ":")).encode


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SqliteSource:
    """A `Source` that is empty until entries are added. `now` is its clock."""

    def __init__(self, *, now: Callable[[], datetime] = _utc_now) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._counts: dict[Filter, tuple[int, int]] = {}
        """Of each filter: the newest row when it was counted, and the count."""
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.create_function("fold", 1, str.casefold, deterministic=True)
        self._db.execute(_SCHEMA)

    def add(self, entries: Iterable[FlatEntry]) -> None:
        """Append entries, in any order of time; an entry whose ID is there already is left out."""
        with self._lock, self._db:
            self._db.executemany(_INSERT, entries)
            for index in _INDEXES:  # after the first rows: indexing a million at once is faster than one by one
                self._db.execute(f"CREATE INDEX IF NOT EXISTS {index}")

    def find(self, where: Filter, order: Order, after: Place | None, limit: int) -> Found:
        with self._lock:
            total = self._count(where)
            rows = self._rows(where, order, after, limit) if total else []
        columns = [_COLUMN[field] for field, _ in order]
        return Found([Located(_text(row), tuple(row[column] for column in columns)) for row in rows], total)

    def get(self, entry_id: str) -> str | None:
        with self._lock:
            row = self._db.execute("SELECT * FROM entry WHERE id = ?", (entry_id,)).fetchone()
        return None if row is None else _text(row)

    def now(self) -> datetime:
        return self._now()

    def close(self) -> None:
        """Drop the entries, once nobody is reading them."""
        with self._lock:
            self._db.close()

    def _rows(self, where: Filter, order: Order, after: Place | None, limit: int) -> list[sqlite3.Row]:
        terms = [(_COLUMN[field], descends) for field, descends in order]
        by = ", ".join(f"{column} DESC" if descends else column for column, descends in terms)
        conditions = list(_conditions(where, terms[0], begun=after is not None))
        rows: list[sqlite3.Row] = []
        for beyond in _beyond(terms, after) if after is not None else [[]]:
            condition, values = _all_of([*conditions, *beyond])
            sql = f"SELECT * FROM entry WHERE {condition} ORDER BY {by} LIMIT {limit - len(rows)}"  # noqa: S608  # own names only
            rows += self._db.execute(sql, values)
            if len(rows) >= limit:
                break
        return rows

    def _count(self, where: Filter) -> int:
        """How many entries match: counted once, then only among those added since."""
        newest: int = self._db.execute("SELECT coalesce(max(n), 0) FROM entry").fetchone()[0]
        counted_to, count = self._counts.get(where, (0, 0))
        if counted_to < newest:
            added: list[_Condition] = [("n > ?", [counted_to])] if counted_to else []
            condition, values = _all_of([*added, *_conditions(where)])
            table = "entry NOT INDEXED" if counted_to else "entry"  # by rowid, that is: few rows are newer
            sql = f"SELECT count(*) FROM {table} WHERE {condition}"  # noqa: S608  # own names only
            count += self._db.execute(sql, values).fetchone()[0]
            if len(self._counts) >= _COUNTS_KEPT:
                self._counts.clear()
            self._counts[where] = newest, count
        return count


def _text(row: sqlite3.Row) -> str:
    """The entry's JSON, as the API has it."""
    return _to_json(
        {
            "id": row["id"],
            "action": row["action"],
            "actor": {"id": row["actor_id"], "name": row["actor_name"], "type": row["actor_type"]},
            "client_ip": row["client_ip"],
            "created_at": rfc3339(row["created_us"]),
            "method": row["method"],
            "path": row["path"],
            "status_code": row["status_code"],
            "user_agent": row["user_agent"],
            "target": None if row["target_id"] is None else {"id": row["target_id"], "type": row["target_type"]},
        }
    )


# -- SQL ---------------------------------------------------------------------------------------------------------


def _all_of(conditions: Iterable[_Condition]) -> _Condition:
    found = list(conditions)
    return " AND ".join([sql for sql, _ in found]) or "1", [value for _, values in found for value in values]


def _conditions(where: Filter, lead: tuple[str, bool] | None = None, *, begun: bool = False) -> Iterator[_Condition]:
    """The filter as SQL; `lead` is the first sort term, if the rows are sorted.

    A `+` keeps SQLite from an index that would cost a sort of everything that matches. Once a walk has `begun`, the
    bound at the end where it started says no more than the cursor does, and SQLite must not take it for the
    cursor's place: a deep page would then cost as much as all the pages before it.
    """
    for name, value in where.exact:
        yield f"{name} = ?", [value]
    if where.path is not None and where.path.isascii():
        yield "instr(lower(path), ?)", [where.path.lower()]
    elif where.path is not None:
        yield "instr(fold(path), ?)", [where.path.casefold()]
    for field, low, high in where.bounds:
        column = _COLUMN[field]
        leads = lead is not None and lead[0] == column
        name = column if lead is None or leads else f"+{column}"
        if low is not None and low == high:
            yield f"{column} = ?", [low]
            continue
        if low is not None and not (begun and lead == (column, False)):
            yield f"{name} >= ?", [low]
        if high is not None and not (begun and lead == (column, True)):
            yield f"{name} <= ?", [high]


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
