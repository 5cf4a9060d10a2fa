"""The working set: every entry that was fetched, in SQLite.

The database is private and temporary by default (an unlinked file, which SQLite keeps in memory while it is small),
so a million entries cost disk and not memory. A *run* is an ordered list of entries: its positions are consecutive
integers that grow towards the older end and may be negative, so that rows can be added at either end without
renumbering, and row `y` is one index lookup away at any size.

A server may send one id with other bytes. Each such *version* has a number of its own; `first` is the number of the
one that came first, which stands for the entry. A run shows one version of an entry, the first that was put there,
and keeps the others that were put there beside it. Such a version may have replaced the one before, or belong to a
second record under the same id: `note_records` says which.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from auditlog_tui import query
from auditlog_tui.entries.models import Entry, read_entry
from auditlog_tui.entries.raw_json import restored, stored
from auditlog_tui.errors import StoreError
from auditlog_tui.query.seen_values import Seen

_SCHEMA = """
CREATE TABLE entry (
    n INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    first INTEGER NOT NULL,
    created_us INTEGER, created_at TEXT, action TEXT,
    actor_id TEXT, actor_name TEXT, actor_type TEXT,
    client_ip TEXT, method TEXT, path TEXT, status_code INTEGER, user_agent TEXT,
    target_id TEXT, target_type TEXT,
    unreadable TEXT NOT NULL,
    versions INTEGER NOT NULL
);
CREATE INDEX entry_of_key ON entry (key, first);
CREATE INDEX entry_version ON entry (first) WHERE first <> n;
CREATE TABLE json (n INTEGER PRIMARY KEY, raw TEXT NOT NULL);
CREATE TABLE place (
    run INTEGER, position INTEGER, entry INTEGER, shown INTEGER,
    PRIMARY KEY (run, position)
) WITHOUT ROWID;
CREATE UNIQUE INDEX place_of_entry ON place (run, entry);
CREATE TABLE version_of (
    run INTEGER, turn INTEGER, entry INTEGER, n INTEGER,
    PRIMARY KEY (run, turn)
) WITHOUT ROWID;
CREATE UNIQUE INDEX version_of_entry ON version_of (run, entry, n);
CREATE TABLE record_of (run INTEGER, entry INTEGER, more INTEGER, PRIMARY KEY (run, entry)) WITHOUT ROWID;
CREATE TABLE version (entry INTEGER, raw TEXT, PRIMARY KEY (entry, raw)) WITHOUT ROWID;
"""

# The JSON lies apart, so that a question over every entry reads less than half as much.
_INSERT = f"INSERT INTO entry VALUES ({', '.join('?' * 18)})"  # noqa: S608 (marks only)
_INSERT_JSON = "INSERT INTO json VALUES (?, ?)"


class Row(NamedTuple):
    """What the table shows of an entry; `None` is absent or unreadable (`unreadable` has the text, as JSON).

    `versions` is how many other texts came under the same id.
    """

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
    versions: int


SWEPT = 1_000
"""Places taken away in one go: in 2 ms (measured)."""

_BESIDE = "version_of o JOIN place p ON p.run = o.run AND p.entry = o.entry AND p.shown <> o.n"

_ROW = ", ".join(f"e.{name}" for name in Row._fields)


class Run:
    """An ordered list of entries in the store; row 0 is the one at the newest end.

    `first` and `after` are positions, and `cuts` counts how often rows were taken away. `turn` grows with each
    version that is noted of an entry that has several.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.first = 0
        self.after = 0
        self.cuts = 0
        self.turn = 0

    def __len__(self) -> int:
        return self.after - self.first


@dataclass(frozen=True, slots=True)
class Stretch:
    """`count` rows from a position of a run on, read from its older end on unless `older`."""

    position: int
    count: int
    older: bool = True

    @property
    def end(self) -> int:
        """The position after the last."""
        return self.position + self.count


Where = tuple[str, list[object]]
"""A condition over `entry e`, and the values that it binds."""


class EntryStore:
    """Entries and runs. Every method raises `StoreError` where SQLite can't do its work (a full disk, say)."""

    def __init__(self, path: str = "") -> None:
        try:
            self.connection = _opened(path)
        except sqlite3.Error as error:
            raise failed(error) from error
        self.seen = Seen()
        self.sorting = asyncio.Lock()
        self._entries = 0
        self._runs = 0
        self.unused: deque[int] = deque()
        """Runs that nobody holds any more, whose places `sweep` takes away."""
        self.versioned = False
        """True once an id came with other bytes; until then nothing is asked about versions."""

    def close(self) -> None:
        self.connection.close()

    # -- entries -----------------------------------------------------------------------------------------------

    def add(self, entries: Sequence[Entry]) -> list[int]:
        """Store the entries, each version once, and return the versions' numbers in the same order."""
        with self.writing():
            firsts = self._firsts([entry.key for entry in entries])
            fresh: dict[int, Entry] = {}
            numbers: list[int] = []
            again: list[int] = []
            for place, entry in enumerate(entries):
                if entry.key not in firsts:
                    self._entries += 1
                    firsts[entry.key] = self._entries
                    fresh[self._entries] = entry
                else:
                    again.append(place)
                numbers.append(firsts[entry.key])
            self._insert((n, n, entry, 0) for n, entry in fresh.items())
            if again:
                versions = self._versions_of([(numbers[place], entries[place]) for place in again])
                for place, n in zip(again, versions, strict=True):
                    numbers[place] = n
        self.seen.take(fresh.values())
        return numbers

    def _firsts(self, keys: Sequence[str]) -> dict[str, int]:
        """Of the keys that are there, the numbers of the versions that came first."""
        found: dict[str, int] = {}
        for some in _portions(keys):
            found.update(self.read(f"SELECT key, first FROM entry WHERE key IN ({_marks(some)})", some))  # noqa: S608 (marks only)
        return found

    def _insert(self, entries: Iterable[tuple[int, int, Entry, int]]) -> None:
        """Number, the first version's number, the entry, and how many other versions it has."""
        columns, texts = [], []
        for n, first, entry, versions in entries:
            columns.append(_columns(n, first, entry, versions))
            texts.append((n, stored(entry.raw)))
        self.connection.executemany(_INSERT, columns)
        self.connection.executemany(_INSERT_JSON, texts)

    def _versions_of(self, entries: Sequence[tuple[int, Entry]]) -> list[int]:
        """The number of each entry's own bytes, among the versions of the one that came first."""
        raws: dict[int, str | bytes] = {}
        for some in _portions([first for first, _ in entries]):
            raws.update(self.read(f"SELECT n, raw FROM json WHERE n IN ({_marks(some)})", some))  # noqa: S608 (marks only)
        return [
            first if raws[first] == stored(entry.raw) else self._version(first, entry) for first, entry in entries
        ]

    def _version(self, first: int, entry: Entry) -> int:
        sql = "SELECT e.n, j.raw FROM entry e JOIN json j ON j.n = e.n WHERE e.first = ? AND e.first <> e.n"
        known = self.read(sql, [first])
        for n, raw in known:
            if raw == stored(entry.raw):
                return int(n)
        self._entries += 1
        self.versioned = True
        self._insert([(self._entries, first, entry, len(known))])
        more = "UPDATE entry SET versions = versions + 1 WHERE"
        self.connection.execute(f"{more} n = ?", [first])
        self.connection.execute(f"{more} first = ? AND first <> n", [first])
        return self._entries

    def entry(self, n: int) -> Entry:
        """The entry numbered `n`, in full."""
        (raw,) = self.read("SELECT raw FROM json WHERE n = ?", [n])[0]
        return read_entry(restored(raw))

    def number(self, key: str) -> int | None:
        """The number of the entry with this key, if it was fetched."""
        return self._firsts([key]).get(key)

    def keep(self, n: int, raw: str) -> None:
        """Keep another text of entry `n` that is none of the list's."""
        with self.writing():
            self.connection.execute("INSERT OR IGNORE INTO version VALUES (?, ?)", [n, stored(raw)])

    def versions(self, n: int) -> list[str]:
        """Other texts that the server sent under the same id, those in the list first."""
        sql = (
            "SELECT j.raw FROM entry own JOIN entry e ON e.n = own.first OR (e.first = own.first AND e.first <> e.n)"
            " JOIN json j ON j.n = e.n WHERE own.n = ? AND e.n <> ?"
            " UNION ALL SELECT raw FROM version WHERE entry = ?"
        )
        return [restored(raw) for (raw,) in self.read(sql, [n, n, n])]

    @property
    def size(self) -> int:
        """The versions fetched so far; they are numbered from 1."""
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
                    "DELETE FROM place WHERE run = :run AND position IN"
                    " (SELECT position FROM place WHERE run = :run LIMIT :most)",
                    {"run": self.unused[0], "most": SWEPT},
                ).rowcount
                if gone < SWEPT:
                    self._forget_versions(self.unused[0])
            if gone < SWEPT:
                self.unused.popleft()
            await asyncio.sleep(0)

    def drop(self, run: Run) -> None:
        with self.writing():
            self.connection.execute("DELETE FROM place WHERE run = ?", [run.number])
            self._forget_versions(run.number)
        run.first = run.after = 0

    def _forget_versions(self, run: int) -> None:
        self.connection.execute("DELETE FROM version_of WHERE run = ?", [run])
        self.connection.execute("DELETE FROM record_of WHERE run = ?", [run])

    def append(self, run: Run, numbers: Sequence[int]) -> int:
        """Put entries at the older end, those that the run lacks; returns how many that were."""
        return self._put(run, numbers, older=True)

    def prepend(self, run: Run, numbers: Sequence[int]) -> int:
        """Put entries at the newer end, the last of `numbers` outermost; returns how many the run lacked."""
        return self._put(run, numbers, older=False)

    def _put(self, run: Run, numbers: Sequence[int], *, older: bool) -> int:
        versioned = self.with_versions(numbers)
        fresh: dict[int, int] = {}
        for n in numbers:
            fresh.setdefault(versioned.get(n, n), n)
        for entry in self._present(run, list(fresh)):
            del fresh[entry]
        begin, step = (run.after, 1) if older else (run.first - 1, -1)
        places = zip(range(begin, begin + step * len(fresh), step), fresh.items(), strict=True)
        with self.writing():
            self.connection.executemany(
                "INSERT INTO place VALUES (?, ?, ?, ?)",
                ((run.number, position, entry, n) for position, (entry, n) in places),
            )
            kept = self._keep_beside(run, versioned) if versioned else 0
        if older:
            run.after += len(fresh)
        else:
            run.first -= len(fresh)
        run.turn += kept
        return len(fresh)

    def with_versions(self, numbers: Sequence[int]) -> dict[int, int]:
        """Those of the versions whose entry has several, each with its entry's number."""
        found: dict[int, int] = {}
        for some in _portions(numbers) if self.versioned else ():
            sql = f"SELECT n, first FROM entry WHERE n IN ({_marks(some)}) AND versions > 0"  # noqa: S608 (marks only)
            found.update(self.read(sql, some))
        return found

    def _keep_beside(self, run: Run, versioned: Mapping[int, int]) -> int:
        """Note versions of entries that are in the run; returns how many were not noted before."""
        sql = "INSERT OR IGNORE INTO version_of SELECT run, ?, entry, ? FROM place WHERE run = ? AND entry = ?"
        kept = 0
        for n, entry in versioned.items():
            kept += self.connection.execute(sql, [run.turn + kept, n, run.number, entry]).rowcount
        return kept

    def known_versions(self, run: Run, numbers: Sequence[int]) -> list[tuple[int, int, int | None, int | None]]:
        """The versions that the run knows of the entries that these numbers are versions of.

        Each as the entry, the version's number, its time and its status; only of entries with several versions.
        """
        found: list[tuple[int, int, int | None, int | None]] = []
        for some in _portions(sorted(set(self.with_versions(numbers).values()))):
            marks = _marks(some)
            sql = (
                "SELECT known.entry, e.n, e.created_us, e.status_code FROM"  # noqa: S608 (marks only)
                f" (SELECT entry, shown AS n FROM place WHERE run = ? AND entry IN ({marks})"
                f" UNION SELECT entry, n FROM version_of WHERE run = ? AND entry IN ({marks})) known"
                " JOIN entry e ON e.n = known.n"
            )
            found += self.read(sql, [run.number, *some, run.number, *some])
        return found

    def records_of(self, run: Run, entries: Sequence[int]) -> dict[int, int]:
        """How many records the server has under the ids of these entries, where that is more than one."""
        found: dict[int, int] = {}
        for some in _portions(entries):
            sql = f"SELECT entry, more + 1 FROM record_of WHERE run = ? AND entry IN ({_marks(some)})"  # noqa: S608 (marks only)
            found.update(self.read(sql, [run.number, *some]))
        return found

    def note_records(self, run: Run, records: Mapping[int, int]) -> None:
        """Note how many records the server has under the ids of these entries."""
        with self.writing():
            self.connection.executemany(
                "INSERT OR REPLACE INTO record_of VALUES (?, ?, ?)",
                [(run.number, entry, count - 1) for entry, count in records.items()],
            )

    def records(self, run: Run, stretch: Stretch | None = None) -> int:
        """How many of the server's records a stretch of the run, or all of it, holds: rows and those noted."""
        stretch = stretch or Stretch(run.first, len(run))
        if not self.versioned:
            return stretch.count
        sql = (
            "SELECT coalesce(sum(r.more), 0) FROM record_of r JOIN place p ON p.run = r.run AND p.entry = r.entry"
            " WHERE r.run = ? AND p.position >= ? AND p.position < ?"
        )
        return stretch.count + int(self.read(sql, [run.number, stretch.position, stretch.end])[0][0])

    def lacking(self, run: Run, keys: Sequence[str]) -> set[str]:
        """Those of the keys whose entries are not in the run."""
        firsts = self._firsts(keys)
        present = self._present(run, list(firsts.values()))
        return {key for key in keys if firsts.get(key) not in present}

    def _present(self, run: Run, entries: Sequence[int]) -> set[int]:
        present: set[int] = set()
        for some in _portions(entries):
            sql = f"SELECT entry FROM place WHERE run = ? AND entry IN ({_marks(some)})"  # noqa: S608 (marks only)
            present.update(n for (n,) in self.read(sql, [run.number, *some]))
        return present

    def window(self, run: Run, first: int, count: int) -> list[Row]:
        """Rows `first` to `first + count - 1` of a run: one statement, whatever the run's length."""
        start = run.first + first
        sql = (
            f"SELECT {_ROW} FROM place p JOIN entry e ON e.n = p.shown"  # noqa: S608 (our own column names)
            " WHERE p.run = ? AND p.position >= ? AND p.position < ? ORDER BY p.position"
        )
        return [Row._make(row) for row in self.read(sql, [run.number, start, start + count])]

    def matching(self, run: Run, stretch: Stretch, where: Where, *, shown: bool = False) -> list[int]:
        """The numbers of the versions in a stretch of the run for which the condition over `entry e` holds.

        They come in the order of the run, or from its older end on for a stretch at the newer one; of an entry's
        versions, the one that is shown comes first, and is the only one asked about if that is `shown`.
        """
        condition, values = where
        others = run.turn and not shown
        bounds = "p.run = ? AND p.position >= ? AND p.position < ?"
        asked = [run.number, stretch.position, stretch.end]
        sql = f"SELECT p.position, e.n FROM place p JOIN entry e ON e.n = p.shown WHERE {bounds} AND ({condition})"  # noqa: S608 (made by the query plan)
        found = self.read(f"{sql} ORDER BY p.position", [*asked, *values])
        if others:
            sql = f"SELECT p.position, e.n FROM {_BESIDE} JOIN entry e ON e.n = o.n WHERE {bounds} AND ({condition})"  # noqa: S608 (made by the query plan)
            found += self.read(f"{sql} ORDER BY o.turn", [*asked, *values])
        if others or not stretch.older:
            found.sort(key=_position, reverse=not stretch.older)
        return [n for _, n in found]

    def others_since(self, run: Run, turn: int) -> list[tuple[int, int]]:
        """Versions that were put beside others from a turn on: where their entry stands, and their numbers."""
        sql = f"SELECT p.position, o.n FROM {_BESIDE} WHERE o.run = ? AND o.turn >= ? ORDER BY o.turn"  # noqa: S608 (our own names)
        return [(int(position), int(n)) for position, n in self.read(sql, [run.number, turn])]

    def cut(self, run: Run, count: int) -> None:
        """Take the first `count` rows out of a run; the entries stay in the store.

        An entry that is put there again has all its versions again, whichever of them is then shown.
        """
        after = run.first + count
        with self.writing():
            kept = 0
            if self.versioned:
                shown = self.read("SELECT shown FROM place WHERE run = ? AND position < ?", [run.number, after])
                kept = self._keep_beside(run, self.with_versions([n for (n,) in shown]))
            self.connection.execute("DELETE FROM place WHERE run = ? AND position < ?", [run.number, after])
        run.turn += kept
        run.first = after
        run.cuts += 1

    def row_of(self, run: Run, n: int) -> int | None:
        """Which row of the run shows entry `n`, by whichever version."""
        sql = "SELECT p.position FROM entry e JOIN place p ON p.run = ? AND p.entry = e.first WHERE e.n = ?"
        found = self.read(sql, [run.number, n])
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


def _position(found: tuple[int, int]) -> int:
    return found[0]


def _columns(n: int, first: int, entry: Entry, versions: int) -> tuple[object, ...]:
    log, actor, target = entry.log, entry.actor, entry.target
    return (
        n, entry.key, first, entry.created_us, log.created_at, log.action, actor.id, actor.name, actor.type,
        log.client_ip, log.method, log.path, log.status_code, log.user_agent, target.id, target.type,
        json.dumps(dict(entry.unreadable)) if entry.unreadable else "", versions,
    )  # fmt: skip


def failed(error: sqlite3.Error) -> StoreError:
    """The error to raise for one of SQLite's."""
    return StoreError(
        f"The working set can't be read or written ({error}). Is the disk that holds temporary files full?"
        " SQLITE_TMPDIR names another."
    )
