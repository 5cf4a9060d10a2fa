"""The working set: every entry that was fetched, in SQLite.

The database is private and temporary by default (an unlinked file, which SQLite keeps in memory while it is small),
so a million entries cost disk and not memory. Entries are kept once, by key. A *run* is an ordered list of them: its
positions are consecutive integers that grow towards the older end and may be negative, so that rows can be added at
either end without renumbering, and row `y` is one index lookup away at any size.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from auditlog_tui import query
from auditlog_tui.errors import StoreError
from auditlog_tui.models import Entry, read_entry
from auditlog_tui.rawjson import restored, stored
from auditlog_tui.seen import Seen

_SCHEMA = """
CREATE TABLE entry (
    n INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    created_us INTEGER, created_at TEXT, action TEXT,
    actor_id TEXT, actor_name TEXT, actor_type TEXT,
    client_ip TEXT, method TEXT, path TEXT, status_code INTEGER, user_agent TEXT,
    target_id TEXT, target_type TEXT,
    unreadable TEXT NOT NULL
);
CREATE TABLE json (n INTEGER PRIMARY KEY, raw TEXT NOT NULL);
CREATE TABLE place (
    run INTEGER, position INTEGER, entry INTEGER,
    PRIMARY KEY (run, position)
) WITHOUT ROWID;
CREATE UNIQUE INDEX place_of_entry ON place (run, entry);
CREATE TABLE version (entry INTEGER, raw TEXT, PRIMARY KEY (entry, raw)) WITHOUT ROWID;
"""

# The JSON lies apart, so that a question over every entry reads less than half as much.
_INSERT = f"INSERT INTO entry VALUES ({', '.join('?' * 16)})"  # noqa: S608 (marks only)
_INSERT_JSON = "INSERT INTO json VALUES (?, ?)"


class Row(NamedTuple):
    """What the table shows of an entry; `None` is absent or unreadable (`unreadable` has the text, as JSON)."""

    n: int
    key: str
    created_us: int | None
    created_at: str | None
    action: str | None
    actor_id: str | None
    actor_name: str | None
    actor_type: str | None
    client_ip: str | None
    method: str | None
    path: str | None
    status_code: int | None
    user_agent: str | None
    target_id: str | None
    target_type: str | None
    unreadable: str


SWEPT = 1_000
"""Places taken away in one go: in 2 ms (measured)."""

_ROW = ", ".join(f"e.{name}" for name in Row._fields)


class Run:
    """An ordered list of entries in the store; row 0 is the one at the newest end."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.first = 0
        self.after = 0
        self.cuts = 0

    def __len__(self) -> int:
        return self.after - self.first


class EntryStore:
    """Entries and runs. Every method raises `StoreError` where SQLite can't do its work (a full disk, say)."""

    def __init__(self, path: str = "") -> None:
        try:
            self.connection = _opened(path)
        except sqlite3.Error as error:
            raise failed(error) from error
        self.seen = Seen()
        self._entries = 0
        self._runs = 0
        self.unused: deque[int] = deque()
        """Runs that nobody holds any more, whose places `sweep` takes away."""

    def close(self) -> None:
        self.connection.close()

    # -- entries -----------------------------------------------------------------------------------------------

    def add(self, entries: Sequence[Entry]) -> list[int]:
        """Store the entries, each key once, and return their numbers in the same order.

        An entry that is there already with other bytes keeps its first version; the other is kept beside it.
        """
        with self.writing():
            known = self._numbers([entry.key for entry in entries])
            fresh: dict[str, Entry] = {}
            for entry in entries:
                if entry.key not in known:
                    self._entries += 1
                    known[entry.key] = self._entries
                    fresh[entry.key] = entry
            self.connection.executemany(_INSERT, (_columns(known[key], entry) for key, entry in fresh.items()))
            raws = ((known[key], stored(entry.raw)) for key, entry in fresh.items())
            self.connection.executemany(_INSERT_JSON, raws)
            if len(fresh) < len(entries):
                self._keep_versions([(known[entry.key], stored(entry.raw)) for entry in entries])
        self.seen.take(entry for entry in entries if entry.key in fresh)
        return [known[entry.key] for entry in entries]

    def _numbers(self, keys: Sequence[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for some in _portions(keys):
            found.update(self.read(f"SELECT key, n FROM entry WHERE key IN ({_marks(some)})", some))  # noqa: S608 (marks only)
        return found

    def _keep_versions(self, versions: Sequence[tuple[int, str | bytes]]) -> None:
        self.connection.executemany(
            "INSERT OR IGNORE INTO version SELECT n, ? FROM json WHERE n = ? AND raw <> ?",
            ((raw, n, raw) for n, raw in versions),
        )

    def entry(self, n: int) -> Entry:
        """The entry numbered `n`, in full."""
        (raw,) = self.read("SELECT raw FROM json WHERE n = ?", [n])[0]
        return read_entry(restored(raw))

    def number(self, key: str) -> int | None:
        """The number of the entry with this key, if it was fetched."""
        return self._numbers([key]).get(key)

    def versions(self, n: int) -> list[str]:
        """Other texts that the server sent under the same id."""
        return [restored(raw) for (raw,) in self.read("SELECT raw FROM version WHERE entry = ?", [n])]

    @property
    def size(self) -> int:
        """The entries fetched so far; they are numbered from 1."""
        return self._entries

    # -- runs --------------------------------------------------------------------------------------------------

    def new_run(self) -> Run:
        self._runs += 1
        run = Run(self._runs)
        weakref.finalize(run, self.unused.append, run.number).atexit = False
        return run

    async def sweep(self) -> None:
        """Take the places of `unused` runs away, so many at a time that no key waits."""
        while self.unused:
            with self.writing():
                gone = self.connection.execute(
                    "DELETE FROM place WHERE run = ?1 AND position IN"
                    " (SELECT position FROM place WHERE run = ?1 LIMIT ?2)",
                    (self.unused[0], SWEPT),
                )
            if gone.rowcount < SWEPT:
                self.unused.popleft()
            await asyncio.sleep(0)

    def drop(self, run: Run) -> None:
        with self.writing():
            self.connection.execute("DELETE FROM place WHERE run = ?", [run.number])
        run.first = run.after = 0

    def append(self, run: Run, numbers: Sequence[int]) -> int:
        """Put entries at the older end, those that the run lacks; returns how many that were."""
        fresh = self._missing(run, numbers)
        self._place(run, zip(range(run.after, run.after + len(fresh)), fresh, strict=True))
        run.after += len(fresh)
        return len(fresh)

    def prepend(self, run: Run, numbers: Sequence[int]) -> int:
        """Put entries at the newer end, the last of `numbers` outermost; returns how many the run lacked."""
        fresh = self._missing(run, numbers)
        self._place(run, zip(range(run.first - 1, run.first - 1 - len(fresh), -1), fresh, strict=True))
        run.first -= len(fresh)
        return len(fresh)

    def lacking(self, run: Run, keys: Sequence[str]) -> set[str]:
        """Those of the keys whose entries are not in the run."""
        numbers = self._numbers(keys)
        missing = set(self._missing(run, list(numbers.values())))
        return {key for key in keys if key not in numbers or numbers[key] in missing}

    def _missing(self, run: Run, numbers: Sequence[int]) -> list[int]:
        present: set[int] = set()
        for some in _portions(numbers):
            sql = f"SELECT entry FROM place WHERE run = ? AND entry IN ({_marks(some)})"  # noqa: S608 (marks only)
            present.update(n for (n,) in self.read(sql, [run.number, *some]))
        return [n for n in dict.fromkeys(numbers) if n not in present]

    def _place(self, run: Run, places: Iterator[tuple[int, int]]) -> None:
        with self.writing():
            self.connection.executemany(
                "INSERT INTO place VALUES (?, ?, ?)", ((run.number, position, n) for position, n in places)
            )

    def window(self, run: Run, first: int, count: int) -> list[Row]:
        """Rows `first` to `first + count - 1` of a run: one statement, whatever the run's length."""
        start = run.first + first
        sql = (
            f"SELECT {_ROW} FROM place p JOIN entry e ON e.n = p.entry"  # noqa: S608 (our own column names)
            " WHERE p.run = ? AND p.position >= ? AND p.position < ? ORDER BY p.position"
        )
        return [Row._make(row) for row in self.read(sql, [run.number, start, start + count])]

    def matching(self, run: Run, first: int, count: int, where: tuple[str, list[object]]) -> list[int]:
        """The numbers, in order, of the entries in a slice of rows for which the condition over `entry e` holds."""
        condition, values = where
        start = run.first + first
        sql = (
            "SELECT p.entry FROM place p JOIN entry e ON e.n = p.entry"  # noqa: S608 (made by the query plan)
            f" WHERE p.run = ? AND p.position >= ? AND p.position < ? AND ({condition}) ORDER BY p.position"
        )
        return [n for (n,) in self.read(sql, [run.number, start, start + count, *values])]

    def cut(self, run: Run, count: int) -> None:
        """Take the first `count` rows out of a run; the entries stay in the store."""
        with self.writing():
            self.connection.execute(
                "DELETE FROM place WHERE run = ? AND position < ?", [run.number, run.first + count]
            )
        run.first += count
        run.cuts += 1

    def row_of(self, run: Run, n: int) -> int | None:
        """Which row of the run shows entry `n`."""
        found = self.read("SELECT position FROM place WHERE run = ? AND entry = ?", [run.number, n])
        return found[0][0] - run.first if found else None

    # -- SQLite ------------------------------------------------------------------------------------------------

    def read(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        try:
            return self.connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise failed(error) from error

    @contextmanager
    def writing(self) -> Iterator[None]:
        try:
            with self.connection:
                self.connection.execute("BEGIN")
                yield
        except sqlite3.Error as error:
            raise failed(error) from error


def _opened(path: str) -> sqlite3.Connection:
    """An empty working set. Closed again where it can't be made."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        # No sync: it would protect a file that nobody can reopen. The journal undoes a write that fails half-way.
        connection.executescript("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA cache_size = -8000;")
        connection.executescript(_SCHEMA)
        query.install(connection)
    except BaseException:
        connection.close()
        raise
    return connection


_T = TypeVar("_T")


def _portions(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """The values, so many at a time as any SQLite binds."""
    return (values[start : start + 500] for start in range(0, len(values), 500))


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _columns(n: int, entry: Entry) -> tuple[object, ...]:
    log, actor, target = entry.log, entry.actor, entry.target
    return (
        n, entry.key, entry.created_us, log.created_at, log.action, actor.id, actor.name, actor.type, log.client_ip,
        log.method, log.path, log.status_code, log.user_agent, target.id, target.type,
        json.dumps(dict(entry.unreadable)) if entry.unreadable else "",
    )  # fmt: skip


def failed(error: sqlite3.Error) -> StoreError:
    """The error to raise for one of SQLite's."""
    return StoreError(
        f"The working set can't be read or written ({error}). Is the disk that holds temporary files full?"
        " SQLITE_TMPDIR names another."
    )
