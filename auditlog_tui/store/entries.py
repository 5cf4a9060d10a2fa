"""The working set: every entry fetched so far, in a private SQLite database.

The database is temporary by default (an unlinked file that SQLite keeps in memory while it is small), so a million
entries cost disk space and not memory. With a case it is the case's, and what was saved there comes back. A *run* is
an ordered list of entries. Its positions are consecutive integers that grow towards the older end and may be
negative: rows are added at either end without renumbering, and any row is one index lookup away at any size.

A server may send one id with different JSON. Each such *version* has its own number. `first` is the number of the
version received first, and identifies the entry. A run shows one version of an entry, the first that was added to
the run, and keeps the others beside it. A later version either replaced the earlier one or belongs to a second
record with the same id; `note_records` stores how many records there are.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from itertools import islice
from typing import Any, NamedTuple, Protocol, TypeVar

from msgspec import Struct

from auditlog_tui import query
from auditlog_tui.entries.models import Entry, read_entry
from auditlog_tui.entries.raw_json import SQLITE_INT, restored, stored
from auditlog_tui.errors import StoreError
from auditlog_tui.query import Condition
from auditlog_tui.query.seen_values import Seen
from auditlog_tui.runtime import give_way

_MARK_TABLES = (
    "CREATE TABLE mark (key TEXT PRIMARY KEY, marked INTEGER, note TEXT) WITHOUT ROWID",
    "CREATE TABLE tag (key TEXT, tag TEXT, PRIMARY KEY (key, tag)) WITHOUT ROWID",
)
"""Copies of marks and tags, for filters."""

SCHEMA = """
CREATE TABLE entry (
    n INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    hash INTEGER NOT NULL,
    first INTEGER NOT NULL,
    created_us INTEGER, created_at TEXT, action TEXT,
    actor_id TEXT, actor_name TEXT, actor_type TEXT,
    client_ip TEXT, method TEXT, path TEXT, status_code INTEGER, user_agent TEXT,
    target_id TEXT, target_type TEXT,
    unreadable TEXT NOT NULL,
    versions INTEGER NOT NULL
);
CREATE INDEX entry_of_hash ON entry (hash, first);
CREATE INDEX entry_version ON entry (first) WHERE first <> n;
CREATE TABLE json (n INTEGER PRIMARY KEY, raw TEXT NOT NULL);
CREATE TABLE place (
    run INTEGER, position INTEGER, entry INTEGER, shown INTEGER,
    PRIMARY KEY (run, position)
) WITHOUT ROWID;
CREATE UNIQUE INDEX place_of_entry ON place (run, entry);
CREATE TABLE version_of (
    run INTEGER, number INTEGER, entry INTEGER, n INTEGER,
    PRIMARY KEY (run, number)
) WITHOUT ROWID;
CREATE UNIQUE INDEX version_of_entry ON version_of (run, entry, n);
CREATE TABLE record_of (run INTEGER, entry INTEGER, more INTEGER, PRIMARY KEY (run, entry)) WITHOUT ROWID;
CREATE TABLE version (entry INTEGER, raw TEXT, PRIMARY KEY (entry, raw)) WITHOUT ROWID;
""" + "".join(f"{table};\n" for table in _MARK_TABLES)


_DIGEST = "ALTER TABLE entry ADD COLUMN digest INTEGER;"
"""What only a temporary working set has, as nothing passes through a case."""


class Row(NamedTuple):
    """The columns of an entry. `None` is absent or unreadable; `unreadable` then has the text, as JSON.

    `versions` is the number of other versions of the entry.
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


SEEN_AGAIN = 2_000
"""Entries of a case that completion knows when it is opened: 60 ms. It is a sample, as counting all takes minutes."""

SWEPT = 1_000
"""Rows of unused runs deleted at a time: 2 ms (measured)."""

_OTHER_VERSIONS = "version_of o JOIN place p ON p.run = o.run AND p.entry = o.entry AND p.shown <> o.n"

# The JSON has a table of its own: scans over all entries then read less than half as much. Keys are found by their
# hash: it takes a quarter of the index that the texts take, and adding a page three quarters of the time. Python's
# own is the fastest, and of this process alone, so a case has another one.
_COLUMNS = ("n", "key", "hash", "first", *Row._fields[2:])
_INSERT = f"INSERT INTO entry ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608 (our own names)
_INSERT_JSON = "INSERT INTO json VALUES (?, ?)"
_INSERT_PASSING = (
    "INSERT INTO entry (n, first, key, hash, created_us, status_code, digest, unreadable, versions)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, '', 0)"
)

# Most rows are added in the order of their numbers. One statement for all of them takes a third of the time.
_INSERT_PLACES = (
    "WITH RECURSIVE added (i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM added WHERE i + 1 < :count)"
    " INSERT INTO place SELECT :run, :begin + :step * i, :n + i, :n + i FROM added"
)

CACHE_KIB = 2_000
"""SQLite writes to the temporary file once a quarter of its cache has changed, all of it in the commit that finds so.

With four times as much, the slowest page in a hundred took 7.8 ms of 400,000 entries, where it takes 5.2; all pages
together took no less.
"""

SLOTS = 1 << 22
"""Slots for the hashes of keys. Only keys whose slot is taken are looked up: of new ones, a fifth with a million."""

PASSED_KEPT = 1_000
"""JSON texts kept of the entries that were added last while the store is `passing`."""

ROWS_OF_FEED = (
    "coalesce((SELECT max(position) FROM place WHERE run = kept_feed.run)"
    " - (SELECT min(position) FROM place WHERE run = kept_feed.run) + 1, 0)"
)
"""Counts the rows of a kept feed's run, whose positions are consecutive, by two looks into the index."""

_ROW = ", ".join(f"e.{name}" for name in Row._fields)


class Run:
    """An ordered list of entries in the store; row 0 is at the newest end.

    `first` is the position of row 0, and `after` the position after the last row. `cuts` counts how often rows were
    removed. `noted` counts the versions noted of entries that have several. No entry with a number above `highest`
    was ever in the run.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.first = 0
        self.after = 0
        self.cuts = 0
        self.noted = 0
        self.highest = 0

    def __len__(self) -> int:
        return self.after - self.first


class _Unit:
    """What `EntryStore.together` has changed in memory: runs, as they were before, and entries new to the store."""

    def __init__(self) -> None:
        self.fresh: list[Entry] = []
        self._before: dict[Run, dict[str, int]] = {}

    def touch(self, run: Run) -> None:
        """Call it before a run is changed."""
        self._before.setdefault(run, dict(vars(run)))

    def undo(self) -> None:
        for run, before in self._before.items():
            vars(run).update(before)


class Stretch(Struct, frozen=True):
    """`count` consecutive rows of a run from a position on; unless `older`, they are read from last to first."""

    position: int
    count: int
    older: bool = True

    @property
    def end(self) -> int:
        """The position after the last row."""
        return self.position + self.count


class Database(Protocol):
    """A database that outlives the working set in it."""

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection, open as long as the working set; the tables are there."""

    def trouble(self, error: sqlite3.Error) -> StoreError:
        """The `StoreError` for an error of SQLite."""


class EntryStore:
    """Entries and runs. Every method raises `StoreError` when SQLite fails (a full disk, for instance).

    `kept` is the database to go on in; without one, the working set is a new one at `path`.
    """

    def __init__(self, path: str = "", kept: Database | None = None) -> None:
        self.kept = kept is not None
        self.trouble: Callable[[sqlite3.Error], StoreError] = store_error if kept is None else kept.trouble
        try:
            self.connection = _open(path) if kept is None else kept.connection
            if kept is not None:
                query.install(kept.connection)
        except sqlite3.Error as error:
            raise self.trouble(error) from error
        self._hash: Callable[[str], int] = hash if kept is None else _lasting_hash
        self.seen = Seen()
        self.sorting = asyncio.Lock()
        """Held while a run is sorted: a database can't be detached while another one is read."""
        self._entries = 0
        self._slots = bytearray(SLOTS) if kept is None else None
        """Has a 1 for each key stored in a temporary working set; memory that was never written takes none."""
        self._last_keys: list[str] | None = None
        self._last_firsts: dict[str, int] = {}
        """The result of `_firsts` for `_last_keys`: a page is looked up before it is checked and when it is added."""
        self._runs = 0
        self.unused: deque[int] = deque()
        """Numbers of runs that no object refers to any more; `sweep` deletes their rows."""
        self.covered_by: Callable[[str, int], tuple[str, int] | None] = lambda state, rows: None
        """The request of which a kept feed with this state and so many rows has every entry, and as of when; `None`
        if it has not. A case keeps that when the feed's rows are deleted: the entries stay."""
        self.passing = False
        """While set, whoever adds entries also writes them out at once, and only what tells entries apart and in
        which order they are is stored: key, time, status and a digest of the JSON. The JSON of those added last can
        be read as always; the one of others can't, except that of later versions. Once it is no longer set, an
        entry that is added again is stored in full."""
        self._passed: dict[int, str] = {}
        """The JSON of entries added while `passing`, by number."""
        self.versioned = False
        """True once an id came with different JSON; until then no statement asks about versions."""
        self._unit: _Unit | None = None
        """What is undone in memory if the transaction of `together` is; `None` outside of one."""
        if kept is not None:
            self._go_on()

    def _go_on(self) -> None:
        """Take over what is in the database. Runs of no feed are of no use any more, nor are copies of marks.

        These are made anew in tables of the same names that only this connection sees, which takes no room there.
        """
        ((self._entries, self._runs),) = self.read(
            "SELECT (SELECT coalesce(max(n), 0) FROM entry), (SELECT coalesce(max(run), 0) FROM place)", []
        )
        self.versioned = bool(self.read("SELECT 1 FROM entry WHERE first <> n LIMIT 1", []))
        runs = {run for (run,) in self.read("SELECT run FROM kept_feed", [])}
        self._runs = max(self._runs, *runs, 0)
        place = self.read("SELECT min(run) FROM place", [])
        while place and place[0][0] is not None:  # each run by a look into the index
            (run,) = place[0]
            if run not in runs:
                self.unused.append(run)
            place = self.read("SELECT min(run) FROM place WHERE run > ?", [run])
        for table in _MARK_TABLES:
            self.read(f"CREATE TEMP {table.removeprefix('CREATE ')}", [])
        newest = self.read("SELECT raw FROM json ORDER BY n DESC LIMIT ?", [SEEN_AGAIN])
        self.seen.take([read_entry(restored(raw)) for (raw,) in newest])

    def close(self) -> None:
        self.connection.close()

    # -- entries -----------------------------------------------------------------------------------------------

    def add(self, entries: Sequence[Entry]) -> list[int]:
        """Store the entries, each version once. Returns the numbers of the versions, in the same order."""
        with self.writing():
            firsts = self._firsts([entry.key for entry in entries])
            fresh: dict[int, Entry] = {}
            numbers: list[int] = []
            known: list[int] = []
            for index, entry in enumerate(entries):
                if entry.key not in firsts:
                    self._entries += 1
                    firsts[entry.key] = self._entries
                    fresh[self._entries] = entry
                else:
                    known.append(index)
                numbers.append(firsts[entry.key])
            if self.passing:
                self._insert_passing(fresh)
            else:
                self._insert((n, n, entry, 0) for n, entry in fresh.items())
            if known:
                versions = self._versions_of([(numbers[index], entries[index]) for index in known])
                for index, n in zip(known, versions, strict=True):
                    numbers[index] = n
            if self.passing:
                self._keep_passed({n: entry.raw for n, entry in zip(numbers, entries, strict=True)})
        if self._unit is None:
            self.seen.take(fresh.values())
        else:
            self._unit.fresh += fresh.values()
        return numbers

    def _firsts(self, keys: Sequence[str]) -> dict[str, int]:
        """The number of the first version of each key that is stored."""
        if keys != self._last_keys:
            found: dict[str, int] = {}
            for batch in _batches(self._perhaps_stored(keys)):
                sql = f"SELECT key, first FROM entry WHERE hash IN ({_placeholders(batch)})"  # noqa: S608 (placeholders only)
                found.update(self.read(sql, list(map(self._hash, batch))))
            self._last_keys, self._last_firsts = list(keys), {key: found[key] for key in keys if key in found}
        return dict(self._last_firsts)

    def _perhaps_stored(self, keys: Sequence[str]) -> Sequence[str]:
        """The keys without those that are certainly not stored."""
        slots = self._slots
        return keys if slots is None else [key for key in keys if slots[hash(key) % SLOTS]]

    def _take_slots(self, entries: Iterable[Entry]) -> None:
        """Note that the keys of these are stored."""
        if (slots := self._slots) is not None:
            for entry in entries:
                slots[hash(entry.key) % SLOTS] = 1

    def _insert(self, entries: Iterable[tuple[int, int, Entry, int]]) -> None:
        """Insert versions: number, number of the first version, entry, number of other versions."""
        self._last_keys = None
        columns, texts, fresh = [], [], []
        for n, first, entry, versions in entries:
            columns.append(_columns(n, first, entry, versions, self._hash(entry.key)))
            texts.append((n, stored(entry.raw)))
            fresh.append(entry)
        self._take_slots(fresh)
        self.connection.executemany(_INSERT, columns)
        self.connection.executemany(_INSERT_JSON, texts)

    def _insert_passing(self, entries: Mapping[int, Entry]) -> None:
        """Insert what is kept of entries that pass through, by number."""
        self._last_keys = None
        self._take_slots(entries.values())
        self.connection.executemany(
            _INSERT_PASSING,
            [
                (n, n, entry.key, self._hash(entry.key), entry.created_us, entry.fields.status_code, hash(entry.raw))
                for n, entry in entries.items()
            ],
        )

    def _keep_passed(self, texts: Mapping[int, str]) -> None:
        """Keep these texts, and of others those that were added last."""
        for n in texts:
            self._passed.pop(n, None)
        self._passed |= texts
        most = max(PASSED_KEPT, len(texts))
        for n in list(islice(self._passed, max(0, len(self._passed) - most))):
            del self._passed[n]

    def _versions_of(self, entries: Sequence[tuple[int, Entry]]) -> list[int]:
        """The number of the version with the entry's JSON; each entry comes with the number of its first version."""
        raws: dict[int, str | bytes] = {}
        digests: dict[int, int | None] = {}
        for batch in _batches([first for first, _ in entries]):
            raws.update(self.read(f"SELECT n, raw FROM json WHERE n IN ({_placeholders(batch)})", batch))  # noqa: S608 (placeholders only)
            if passed := [n for n in batch if n not in raws]:
                digests.update(self.read(f"SELECT n, digest FROM entry WHERE n IN ({_placeholders(passed)})", passed))  # noqa: S608 (placeholders only)
        numbers: list[int] = []
        for first, entry in entries:
            same = raws[first] == stored(entry.raw) if first in raws else digests[first] == hash(entry.raw)
            if same and first not in raws and not self.passing:
                self._complete(first, entry)
                raws[first] = stored(entry.raw)
            numbers.append(first if same else self._version(first, entry))
        return numbers

    def _complete(self, n: int, entry: Entry) -> None:
        """Store the rest of an entry of which only a part was kept."""
        ((versions,),) = self.read("SELECT versions FROM entry WHERE n = ?", [n])
        self.connection.execute("DELETE FROM entry WHERE n = ?", [n])
        self._insert([(n, n, entry, versions)])

    def passed(self, n: int) -> str:
        """The JSON of version `n`, added while `passing`. Raises `LookupError` if it is not kept any more."""
        return self._passed[n]

    def _version(self, first: int, entry: Entry) -> int:
        """The number of the later version with the entry's JSON, inserted if it is new."""
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
        """The full entry of version `n`."""
        (raw,) = self.read("SELECT raw FROM json WHERE n = ?", [n])[0]
        return read_entry(restored(raw))

    def rows(self, numbers: Sequence[int]) -> dict[int, Row]:
        """The columns of a few versions, by number."""
        sql = f"SELECT {_ROW} FROM entry e WHERE e.n IN ({_placeholders(numbers)})"  # noqa: S608 (our own column names)
        return {row[0]: Row._make(row) for row in self.read(sql, numbers)}

    def number(self, key: str) -> int | None:
        """The number of the first version of the entry with this key; `None` if it was not fetched."""
        return self._firsts([key]).get(key)

    def keep_detail(self, n: int, raw: str) -> None:
        """Keep the JSON that the get endpoint returned for entry `n`, where it differs from the list endpoint's."""
        with self.writing():
            self.connection.execute("INSERT OR IGNORE INTO version VALUES (?, ?)", [n, stored(raw)])

    def versions(self, n: int) -> list[str]:
        """The other JSON texts that came under the id of version `n`, in that order; those of lists first."""
        sql = (
            "SELECT j.raw, e.n FROM entry own"
            " JOIN entry e ON e.n = own.first OR (e.first = own.first AND e.first <> e.n)"
            " JOIN json j ON j.n = e.n WHERE own.n = ? AND e.n <> ?"
            " UNION ALL SELECT raw, ? FROM version WHERE entry = ? ORDER BY 2"
        )
        return [restored(raw) for raw, _ in self.read(sql, [n, n, SQLITE_INT, n])]

    @property
    def size(self) -> int:
        """The number of versions stored; they are numbered from 1."""
        return self._entries

    # -- runs --------------------------------------------------------------------------------------------------

    def new_run(self) -> Run:
        """An empty run. Once no object refers to it any more, `sweep` deletes its rows."""
        self._runs += 1
        return self._watched(Run(self._runs))

    def _watched(self, run: Run) -> Run:
        weakref.finalize(run, self.unused.append, run.number).atexit = False
        return run

    def kept_run(self, number: int) -> Run:
        """A run of an earlier process, as its rows are."""
        run = Run(number)
        ends = "min(position)", "max(position)", "max(entry)"  # by a look into an index each
        first, last, run.highest = (
            self.read(f"SELECT coalesce({end}, 0) FROM place WHERE run = ?", [number])[0][0]  # noqa: S608 (our own)
            for end in ends
        )
        if run.highest:
            run.first, run.after = first, last + 1
        ((run.noted,),) = self.read("SELECT coalesce(max(number) + 1, 0) FROM version_of WHERE run = ?", [number])
        return self._watched(run)

    async def sweep(self) -> None:
        """Delete the rows of `unused` runs, a few at a time so that no key waits."""
        while self.unused:
            with self.writing():
                if self.kept:  # first of all, so that no feed of it is found again
                    self._drop_feed(self.unused[0])
                deleted = self.connection.execute(
                    "DELETE FROM place WHERE run = :run AND position IN"
                    " (SELECT position FROM place WHERE run = :run LIMIT :most)",
                    {"run": self.unused[0], "most": SWEPT},
                ).rowcount
                if deleted < SWEPT:
                    self.connection.execute("DELETE FROM version_of WHERE run = ?", [self.unused[0]])
                    self.connection.execute("DELETE FROM record_of WHERE run = ?", [self.unused[0]])
            if deleted < SWEPT:
                self.unused.popleft()
            await give_way()

    def _drop_feed(self, run: int) -> None:
        """Delete the state of the feed in a run, but not what is known to be whole by it."""
        for state, rows in self.read(f"SELECT state, {ROWS_OF_FEED} FROM kept_feed WHERE run = ?", [run]):  # noqa: S608 (our own names)
            if (covered := self.covered_by(state, rows)) is not None:
                sql = (
                    "INSERT INTO covered VALUES (?, ?)"
                    " ON CONFLICT (request) DO UPDATE SET as_of_us = max(as_of_us, excluded.as_of_us)"
                )
                self.connection.execute(sql, covered)
        self.connection.execute("DELETE FROM kept_feed WHERE run = ?", [run])

    def append(self, run: Run, numbers: Sequence[int]) -> int:
        """Add the entries that the run lacks at its older end. Returns how many were added."""
        return self._extend(run, numbers, older=True)

    def prepend(self, run: Run, numbers: Sequence[int]) -> int:
        """Add the entries that the run lacks at its newer end, the last of `numbers` outermost; returns how many."""
        return self._extend(run, numbers, older=False)

    def _extend(self, run: Run, numbers: Sequence[int], *, older: bool) -> int:
        versioned = self.versioned_entries(numbers)
        fresh: dict[int, int] = {}
        for n in numbers:
            fresh.setdefault(versioned.get(n, n), n)
        for entry in self._present(run, [entry for entry in fresh if entry <= run.highest]):
            del fresh[entry]
        begin, step = (run.after, 1) if older else (run.first - 1, -1)
        with self.writing():
            self._insert_places(run, begin, step, fresh)
            noted = self._note_versions(run, versioned) if versioned else 0
        if self._unit is not None:
            self._unit.touch(run)
        if older:
            run.after += len(fresh)
        else:
            run.first -= len(fresh)
        run.noted += noted
        run.highest = max(run.highest, max(fresh, default=0))
        return len(fresh)

    def _insert_places(self, run: Run, begin: int, step: int, entries: Mapping[int, int]) -> None:
        """Place entries, each with the version that it shows, from a position on."""
        numbers = list(entries)
        lowest = numbers[0] if numbers else 0
        if numbers == list(range(lowest, lowest + len(numbers))) == list(entries.values()):
            values = {"run": run.number, "begin": begin, "step": step, "n": lowest, "count": len(numbers)}
            if numbers:
                self.connection.execute(_INSERT_PLACES, values)
            return
        self.connection.executemany(
            "INSERT INTO place VALUES (?, ?, ?, ?)",
            [(run.number, begin + step * i, entry, n) for i, (entry, n) in enumerate(entries.items())],
        )

    def versioned_entries(self, numbers: Sequence[int]) -> dict[int, int]:
        """Maps those of the versions whose entry has several to the number of the entry."""
        found: dict[int, int] = {}
        for batch in _batches(numbers) if self.versioned else ():
            sql = f"SELECT n, first FROM entry WHERE n IN ({_placeholders(batch)}) AND versions > 0"  # noqa: S608 (placeholders only)
            found.update(self.read(sql, batch))
        return found

    def _note_versions(self, run: Run, versioned: Mapping[int, int]) -> int:
        """Note versions of entries in the run, given by version. Returns how many were new."""
        sql = "INSERT OR IGNORE INTO version_of SELECT run, ?, entry, ? FROM place WHERE run = ? AND entry = ?"
        noted = 0
        for n, entry in versioned.items():
            noted += self.connection.execute(sql, [run.noted + noted, n, run.number, entry]).rowcount
        return noted

    def known_versions(self, run: Run, numbers: Sequence[int]) -> list[tuple[int, int, int | None, int | None]]:
        """All versions that the run has of the entries to which these versions belong.

        Each as (entry, version, `created_us`, `status_code`). Entries with a single version are left out.
        """
        found: list[tuple[int, int, int | None, int | None]] = []
        for batch in _batches(sorted(set(self.versioned_entries(numbers).values()))):
            ids = _placeholders(batch)
            sql = (
                "SELECT known.entry, e.n, e.created_us, e.status_code FROM"  # noqa: S608 (placeholders only)
                f" (SELECT entry, shown AS n FROM place WHERE run = ? AND entry IN ({ids})"
                f" UNION SELECT entry, n FROM version_of WHERE run = ? AND entry IN ({ids})) known"
                " JOIN entry e ON e.n = known.n"
            )
            found += self.read(sql, [run.number, *batch, run.number, *batch])
        return found

    def records_of(self, run: Run, entries: Sequence[int]) -> dict[int, int]:
        """The number of the server's records with the id of each of these entries, where that is more than one."""
        found: dict[int, int] = {}
        for batch in _batches(entries):
            sql = f"SELECT entry, more + 1 FROM record_of WHERE run = ? AND entry IN ({_placeholders(batch)})"  # noqa: S608 (placeholders only)
            found.update(self.read(sql, [run.number, *batch]))
        return found

    def note_records(self, run: Run, records: Mapping[int, int]) -> None:
        """Store the number of the server's records with the id of each of these entries."""
        with self.writing():
            self.connection.executemany(
                "INSERT OR REPLACE INTO record_of VALUES (?, ?, ?)",
                [(run.number, entry, count - 1) for entry, count in records.items()],
            )

    def records(self, run: Run, stretch: Stretch | None = None) -> int:
        """The number of the server's records in a stretch of the run, or in all of it: its rows and those noted."""
        stretch = stretch or Stretch(run.first, len(run))
        if not self.versioned:
            return stretch.count
        sql = (
            "SELECT coalesce(sum(r.more), 0) FROM record_of r JOIN place p ON p.run = r.run AND p.entry = r.entry"
            " WHERE r.run = ? AND p.position >= ? AND p.position < ?"
        )
        return stretch.count + int(self.read(sql, [run.number, stretch.position, stretch.end])[0][0])

    def lacking(self, run: Run, keys: Sequence[str]) -> set[str]:
        """The keys whose entries are not in the run."""
        firsts = self._firsts(keys)
        present = self._present(run, list(firsts.values()))
        return {key for key in keys if firsts.get(key) not in present}

    def _present(self, run: Run, entries: Sequence[int]) -> set[int]:
        present: set[int] = set()
        for batch in _batches(entries):
            sql = f"SELECT entry FROM place WHERE run = ? AND entry IN ({_placeholders(batch)})"  # noqa: S608 (placeholders only)
            present.update(n for (n,) in self.read(sql, [run.number, *batch]))
        return present

    def window(self, run: Run, first: int, count: int) -> list[Row]:
        """Rows `first` to `first + count - 1` of a run, by one indexed statement at any length of the run."""
        start = run.first + first
        sql = (
            f"SELECT {_ROW} FROM place p JOIN entry e ON e.n = p.shown"  # noqa: S608 (our own column names)
            " WHERE p.run = ? AND p.position >= ? AND p.position < ? ORDER BY p.position"
        )
        return [Row._make(row) for row in self.read(sql, [run.number, start, start + count])]

    def matching(self, run: Run, stretch: Stretch, condition: Condition) -> list[int]:
        """The numbers of the versions in a stretch of a run that a condition over `entry e` holds for.

        They are in the order of the stretch; of one entry, the version shown comes first.
        """
        sql, values = condition
        bounds = "p.run = ? AND p.position >= ? AND p.position < ?"
        bound = [run.number, stretch.position, stretch.end, *values]
        shown = f"SELECT p.position, e.n FROM place p JOIN entry e ON e.n = p.shown WHERE {bounds} AND ({sql})"  # noqa: S608 (made by the query plan)
        found = self.read(f"{shown} ORDER BY p.position", bound)
        if run.noted:
            other = f"SELECT p.position, e.n FROM {_OTHER_VERSIONS} JOIN entry e ON e.n = o.n WHERE {bounds}"  # noqa: S608 (our own names)
            found += self.read(f"{other} AND ({sql}) ORDER BY o.number", bound)
        if run.noted or not stretch.older:
            found.sort(key=_position, reverse=not stretch.older)
        return [n for _, n in found]

    def versions_since(self, run: Run, noted: int) -> list[tuple[int, int]]:
        """The versions noted after the first `noted` that are not shown: position of the entry, number."""
        sql = f"SELECT p.position, o.n FROM {_OTHER_VERSIONS} WHERE o.run = ? AND o.number >= ? ORDER BY o.number"  # noqa: S608 (our own names)
        return [(int(position), int(n)) for position, n in self.read(sql, [run.number, noted])]

    def cut(self, run: Run, count: int) -> None:
        """Remove the first `count` rows of a run. The entries stay in the store.

        An entry that is added again later has all its versions again, whichever is then shown.
        """
        after = run.first + count
        with self.writing():
            noted = 0
            if self.versioned:
                shown = self.read("SELECT shown FROM place WHERE run = ? AND position < ?", [run.number, after])
                noted = self._note_versions(run, self.versioned_entries([n for (n,) in shown]))
            self.connection.execute("DELETE FROM place WHERE run = ? AND position < ?", [run.number, after])
        if self._unit is not None:
            self._unit.touch(run)
        run.noted += noted
        run.first = after
        run.cuts += 1

    def row_of(self, run: Run, n: int) -> int | None:
        """The row of the run with the entry of version `n`, whichever version it shows; `None` if it has none."""
        sql = "SELECT p.position FROM entry e JOIN place p ON p.run = ? AND p.entry = e.first WHERE e.n = ?"
        found = self.read(sql, [run.number, n])
        return found[0][0] - run.first if found else None

    # -- SQLite ------------------------------------------------------------------------------------------------

    def read(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The rows of a SELECT. For this package only: others call functions with names."""
        try:
            return self.connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise self.trouble(error) from error

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction, rolled back on an error; within `together`, a part of that one. For this package only."""
        try:
            if self._unit is not None:
                yield
                return
            with self.connection:
                self.connection.execute("BEGIN")
                yield
        except sqlite3.Error as error:
            raise self.trouble(error) from error

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write all that the block writes in one transaction: on an error, nothing of it, and runs are as before.

        The block may not await. In a temporary database this does nothing: nobody sees it after a crash.
        """
        if not self.kept or self._unit is not None:
            yield
            return
        before = self._entries, self.versioned
        unit = _Unit()
        try:
            with self.writing():
                self._unit = unit
                yield
        except BaseException:
            self._entries, self.versioned = before
            self._last_keys = None
            unit.undo()
            raise
        finally:
            self._unit = None
        self.seen.take(unit.fresh)


def _open(path: str) -> sqlite3.Connection:
    """An empty working set; on an error the connection is closed again."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        # No sync, as nobody reopens the file after a crash. The journal rolls back a write that fails.
        connection.executescript("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;")
        connection.execute(f"PRAGMA cache_size = {-CACHE_KIB}")
        connection.executescript(SCHEMA + _DIGEST)
        query.install(connection)
    except BaseException:
        connection.close()
        raise
    return connection


_T = TypeVar("_T")


def _batches(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """The values in batches that every build of SQLite can bind."""
    return (values[start : start + 500] for start in range(0, len(values), 500))


def _placeholders(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _position(found: tuple[int, int]) -> int:
    return found[0]


def _lasting_hash(key: str) -> int:
    """64 bits that are the same in every process."""
    return int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big", signed=True)


def _columns(n: int, first: int, entry: Entry, versions: int, key_hash: int) -> tuple[object, ...]:
    log, actor, target = entry.fields, entry.actor, entry.target
    return (
        n, entry.key, key_hash, first, entry.created_us, log.created_at, log.action,
        actor.id, actor.name, actor.type, log.client_ip, log.method, log.path, log.status_code, log.user_agent,
        target.id, target.type,
        json.dumps(dict(entry.unreadable)) if entry.unreadable else "", versions,
    )  # fmt: skip


def row_of(entry: Entry) -> Row:
    """The columns of an entry that is not stored; its number is 0."""
    n, key, _, _, *columns = _columns(0, 0, entry, 0, 0)
    return Row._make((n, key, *columns))


def store_error(error: sqlite3.Error) -> StoreError:
    """The `StoreError` for an error of SQLite."""
    return StoreError(
        f"The working set can't be read or written ({error})."
        " If the disk for temporary files is full, make room or set SQLITE_TMPDIR to another folder."
    )
