"""A source in SQLite, in memory: it can be filled with any entries, while it is read too."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from auditlog_tui.offline.source import Filter, Found, Located, Order, Place
from auditlog_tui.offline.sqlite_pages import Pages
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
_to_json = json.JSONEncoder(separators=(",", ":")).encode


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SqliteSource:
    """A `Source` that is empty until entries are added. `now` is its clock."""

    def __init__(self, *, now: Callable[[], datetime] = _utc_now) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.create_function("fold", 1, str.casefold, deterministic=True)
        self._db.execute(_SCHEMA)
        self._pages = Pages(self._db)

    def add(self, entries: Iterable[FlatEntry]) -> None:
        """Append entries, in any order of time; an entry whose ID is there already is left out."""
        with self._lock, self._db:
            self._db.executemany(_INSERT, entries)
            for index in _INDEXES:  # after the first rows: indexing a million at once is faster than one by one
                self._db.execute(f"CREATE INDEX IF NOT EXISTS {index}")

    def find(self, where: Filter, order: Order, after: Place | None, limit: int) -> Found:
        with self._lock:
            total = self._pages.count(where)
            rows = self._pages.rows(where, order, after, limit) if total else []
        return Found([Located(_text(row), place) for row, place in rows], total)

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
