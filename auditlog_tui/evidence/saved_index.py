"""The entries of a saved log in a private temporary database, as a source that the API's endpoints answer from.

The database is an unlinked file of SQLite's (in memory while it is small), so any number of entries takes little
memory, and nothing of it is left behind. Each entry keeps its exact text.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime

from auditlog_tui.entries.models import Entry, read_entry
from auditlog_tui.entries.raw_json import restored, stored
from auditlog_tui.offline.source import Filter, Found, Located, Order, Place
from auditlog_tui.offline.sqlite_pages import Pages
from auditlog_tui.query.unreadable import FIELD_OF_PARAM, unreadable_params
from auditlog_tui.store.entries import store_error

_MISSING = -(2**62)
"""Stands for a time or status that is absent or can't be read: it sorts below all others."""

_SCHEMA = """
CREATE TABLE entry (
    n INTEGER PRIMARY KEY,
    key_hash INTEGER NOT NULL, raw_hash INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    action TEXT, actor_id TEXT, actor_type TEXT, client_ip TEXT, method TEXT, path TEXT,
    status_code INTEGER NOT NULL,
    target_id TEXT, target_type TEXT,
    unknown INTEGER NOT NULL
);
CREATE TABLE json (n INTEGER PRIMARY KEY, raw TEXT NOT NULL);
"""
_INSERT = f"INSERT INTO entry VALUES ({', '.join('?' * 14)})"  # noqa: S608  # marks only
_SELECT = "SELECT entry.*, json.raw FROM entry CROSS JOIN json USING (n)"  # CROSS: entries first, then their texts

_HAS_REPEATED = "SELECT EXISTS (SELECT 1 FROM entry GROUP BY key_hash, raw_hash HAVING count(*) > 1)"
_DELETE_REPEATED = (
    "DELETE FROM entry WHERE n IN (SELECT n FROM"
    " (SELECT n, row_number() OVER (PARTITION BY key_hash, raw_hash ORDER BY n) AS nth FROM entry) WHERE nth > 1)"
)

_BY_COLUMN = ("action", "actor_id", "client_ip", "target_id")
"""Columns of filters that many entries differ in, each with an index once it is asked for."""

_BITS = {name: 1 << at for at, name in enumerate(FIELD_OF_PARAM)}
"""The bit of each column that may hold an unreadable value, which matches every filter by it."""


class SavedIndex:
    """Filled by `add`, then, once `finish` was called, a `Source`. For several threads.

    Every method raises `StoreError` where the database can't be read or written (a full disk, for instance).
    `repeated` counts the entries that were there already, byte for byte.
    """

    def __init__(self) -> None:
        self.size = 0
        self.repeated = 0
        self.newest_us: int | None = None
        self._downs = 0
        self._last_us: int | None = None
        self._unknown = 0
        self._down = ""
        self._indexed: set[str] = set()
        self._lock = threading.Lock()
        with _errors():
            self._db = sqlite3.connect("", check_same_thread=False, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16000;")
            self._db.create_function("fold", 1, _fold, deterministic=True)
            self._db.executescript(_SCHEMA)
            self._db.execute("BEGIN")
        self._pages = Pages(self._db)

    def add(self, entries: Sequence[Entry]) -> None:
        """Append entries in the order of the file."""
        first = self.size + 1
        with _errors(), self._lock:
            self._db.executemany(_INSERT, [self._row(n, entry) for n, entry in enumerate(entries, first)])
            self._db.executemany(
                "INSERT INTO json VALUES (?, ?)", [(n, stored(entry.raw)) for n, entry in enumerate(entries, first)]
            )
            self.size += len(entries)

    def _row(self, n: int, entry: Entry) -> tuple[object, ...]:
        fields, actor, target, us = entry.fields, entry.actor, entry.target, entry.created_us
        if us is not None:
            if self._last_us is not None and us != self._last_us:
                self._downs += 1 if us < self._last_us else -1
            self._last_us = us
        row = (
            n, hash(entry.key), hash(entry.raw), _MISSING if us is None else us,
            fields.action, actor.id, actor.type, fields.client_ip, fields.method, fields.path,
            _MISSING if fields.status_code is None else fields.status_code, target.id, target.type,
        )  # fmt: skip
        odd = sum(_BITS[name] for name in unreadable_params(entry))
        self._unknown |= odd
        return *row, odd

    def finish(self) -> None:
        """Leave out what is repeated, and find out the order in which the file has the entries."""
        downwards = self._downs > 0
        with _errors(), self._lock:
            self._db.execute("CREATE INDEX entry_key ON entry (key_hash, raw_hash)")
            if self._db.execute(_HAS_REPEATED).fetchone()[0]:
                self.repeated = self._db.execute(_DELETE_REPEATED).rowcount
                self.size -= self.repeated
            # Of equal instants, the first in a file that is newest first is the newest, and else the last.
            self._down = " DESC" if downwards else ""
            self._index("created", f"created_us{self._down}")
            self._db.execute("COMMIT")
            newest = self._db.execute("SELECT max(created_us) FROM entry").fetchone()[0]
        self.newest_us = None if newest in (None, _MISSING) else newest
        odd = {name: f"unknown & {bit}" for name, bit in _BITS.items() if self._unknown & bit}
        self._pages = Pages(self._db, _SELECT, missing=_MISSING, downwards=downwards, unknown=odd)

    def _index(self, name: str, *lists: str) -> None:
        if name not in self._indexed:
            for at, columns in enumerate(lists):
                self._db.execute(f"CREATE INDEX entry_{name}_{at} ON entry ({columns})")
            self._indexed.add(name)

    def _index_for(self, where: Filter, order: Order) -> None:
        """Make the indexes for a request that it lacks: about a second for a million entries, once."""
        for name, _ in where.exact:
            if name in _BY_COLUMN:
                self._index(name, f"{name}, created_us{self._down}")
        if any(field == "status_code" for field, *_ in (*where.bounds, *order)):
            up = "" if self._down else " DESC"
            self._index("status", f"status_code, created_us{self._down}", f"status_code, created_us{up}, n DESC")

    # -- the source --------------------------------------------------------------------------------------------

    def find(self, where: Filter, order: Order, after: Place | None, limit: int) -> Found:
        with _errors(), self._lock:
            self._index_for(where, order)
            total = self._pages.count(where)
            rows = self._pages.rows(where, order, after, limit) if total else []
        return Found([Located(restored(row["raw"]), place) for row, place in rows], total)

    def get(self, entry_id: str) -> str | None:
        with _errors(), self._lock:
            sql = "SELECT raw FROM entry JOIN json USING (n) WHERE key_hash = ? ORDER BY n"
            found = [restored(row["raw"]) for row in self._db.execute(sql, [hash(entry_id)])]
        return next((text for text in found if read_entry(text).fields.id == entry_id), None)

    def now(self) -> datetime | None:
        """None: a file has no clock."""
        return None

    def interrupt(self) -> None:
        """Let what is under way in another thread end with a `StoreError`."""
        with suppress(sqlite3.ProgrammingError):  # closed already
            self._db.interrupt()

    def close(self) -> None:
        """Drop the database, and interrupt what is under way."""
        self.interrupt()
        with self._lock:
            self._db.close()


def _fold(text: str | None) -> str | None:
    return None if text is None else text.casefold()


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise store_error(error) from error
