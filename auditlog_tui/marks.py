"""What the user marked and noted, kept in a private file of its own for each endpoint.

Every change is in memory first and is then written out whole, so that a disk which is full or can't be written costs
nothing but the copy on it; what could not be saved is saved with the next change. The entries' own JSON is kept too:
marks are there without a connection, and after the log has moved on.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from auditlog_tui.errors import StoreError
from auditlog_tui.models import Entry, read_entry

MOST = 10_000
"""Entries that can be marked or noted."""

NOTE_LIMIT = 2_000
"""Characters of a note."""

BUSY_S = 0.5
"""Seconds that a key waits for another terminal that is writing."""

_VERSION = 1
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS mark (
    key TEXT PRIMARY KEY, raw TEXT NOT NULL, marked INTEGER NOT NULL, note TEXT NOT NULL, made_us INTEGER NOT NULL
);
PRAGMA user_version = {_VERSION};
"""
_TAG = re.compile(r"#(\w(?:[\w-]*\w)?)")


@dataclass(frozen=True, slots=True)
class Mark:
    """An entry that is marked, has a note, or both. `made_us` is when that was last changed (microseconds, UTC)."""

    entry: Entry
    marked: bool
    note: str
    made_us: int


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier run left: entries marked, notes, and when the last of them was made (microseconds, UTC)."""

    marks: int
    notes: int
    made_us: int


class Marks:
    """The marks and notes of one endpoint; without a path they last as long as the run.

    What changes them raises `StoreError` where it can't be saved, and has then changed them all the same. `error`
    says what is wrong with the file that was there at the start.
    """

    def __init__(self, path: Path | None = None, *, now_us: Callable[[], int] | None = None) -> None:
        self.error = ""
        self.earlier: Earlier | None = None
        self._path = path
        self._now_us = now_us or (lambda: time.time_ns() // 1000)
        self._marks: dict[str, Mark] = {}
        self._marked: set[str] = set()
        self._unsaved: set[str] = set()
        self._fresh: set[str] = set()
        if path is not None:
            try:
                self._load(path)
            except _UnusableError as error:
                self.error = f"Marks can't be read {error}"

    # -- what there is -----------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many entries are marked."""
        return len(self._marked)

    @property
    def notes(self) -> int:
        """How many entries have a note."""
        return sum(1 for mark in self._marks.values() if mark.note)

    @property
    def keys(self) -> frozenset[str]:
        """The keys of the marked entries."""
        return frozenset(self._marked)

    @property
    def tags(self) -> list[str]:
        """The tags in all notes, without `#`, the most used first."""
        counted = Counter(tag for mark in self._marks.values() for tag in tags_of(mark.note))
        return [tag for tag, _ in counted.most_common()]

    def is_marked(self, key: str) -> bool:
        return key in self._marked

    @property
    def fresh(self) -> bool:
        """Whether any entry was marked in this run."""
        return not self._fresh.isdisjoint(self._marked)

    def since_us(self) -> int | None:
        """When the oldest of the marks that an earlier run left was made; `None` where it left none."""
        return min((self._marks[key].made_us for key in self._marked - self._fresh), default=None)

    def made_earlier_us(self, key: str) -> int | None:
        """When an entry was marked, if an earlier run did that."""
        return self._marks[key].made_us if key in self._marked - self._fresh else None

    def note_of(self, key: str) -> str:
        """The note on an entry; empty where there is none."""
        mark = self._marks.get(key)
        return mark.note if mark is not None else ""

    def marked(self) -> list[Entry]:
        """The marked entries, the oldest first; those whose time can't be read go last."""
        return sorted((self._marks[key].entry for key in self._marks if key in self._marked), key=_when)

    # -- changing it -------------------------------------------------------------------------------------------

    def mark(self, entries: Sequence[Entry]) -> None:
        """Mark entries. Raises `StoreError`; where they would be too many, nothing is marked."""
        self._change(entries, marked=True)

    def unmark(self, entries: Sequence[Entry]) -> None:
        """Take the marks off entries; their notes stay."""
        self._change([entry for entry in entries if entry.key in self._marked], marked=False)

    def toggle(self, entries: Sequence[Entry]) -> None:
        """Mark the entries, or unmark them where all of them are marked."""
        if all(entry.key in self._marked for entry in entries):
            self.unmark(entries)
        else:
            self.mark(entries)

    def note(self, entry: Entry, text: str) -> None:
        """Put a note on an entry, which marks it; an empty text takes the note away and leaves the mark."""
        note = check_note(text)
        if note:
            self._change([entry], marked=True, note=note)
        elif self.note_of(entry.key):
            self._change([entry], marked=self.is_marked(entry.key), note="")

    def forget(self) -> None:
        """Take every mark and note away, in the file too."""
        self._unsaved.update(self._marks)
        self._marks.clear()
        self._marked.clear()
        self.earlier = None
        self._save()

    def _change(self, entries: Sequence[Entry], *, marked: bool, note: str | None = None) -> None:
        fresh = {entry.key for entry in entries} - self._marks.keys()
        if len(self._marks) + len(fresh) > MOST:
            raise StoreError(f"At most {MOST:,} entries can be marked; with these it would be more.")
        for entry in entries:
            kept = self.note_of(entry.key) if note is None else note
            self._put(Mark(entry, marked, kept, self._now_us()))
            self._unsaved.add(entry.key)
            self._fresh.add(entry.key)
        self._save()

    def _put(self, mark: Mark) -> None:
        key = mark.entry.key
        (self._marked.add if mark.marked else self._marked.discard)(key)
        if mark.marked or mark.note:
            self._marks[key] = mark
        else:
            self._marks.pop(key, None)

    # -- the file ----------------------------------------------------------------------------------------------

    def _load(self, path: Path) -> None:
        if not os.path.lexists(path):
            return
        unread = 0
        with _opened(path) as connection:
            if not _version(connection):
                return
            query = "SELECT raw, marked, note, made_us FROM mark ORDER BY made_us, rowid LIMIT ?"
            for row in connection.execute(query, [MOST]):
                mark = _mark(*row)
                unread += mark is None
                if mark is not None:
                    self._put(mark)
        if self._marks:
            self.earlier = Earlier(self.count, self.notes, max(mark.made_us for mark in self._marks.values()))
        if unread:
            they = "it stays" if unread == 1 else "they stay"
            self.error = f"{unread} of the marks can't be read; {they} in {_named(path)}"

    def _save(self) -> None:
        if self._path is None or not self._unsaved:
            self._unsaved.clear()
            return
        kept = [self._marks[key] for key in self._unsaved if key in self._marks]
        rows = [(mark.entry.key, mark.entry.raw, mark.marked, mark.note, mark.made_us) for mark in kept]
        try:
            _make_private(self._path)
            with _opened(self._path) as connection:
                if not _version(connection):
                    connection.executescript(_SCHEMA)
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("DELETE FROM mark WHERE key = ?", [(key,) for key in self._unsaved])
                connection.executemany("INSERT INTO mark VALUES (?, ?, ?, ?, ?)", rows)
                connection.execute("COMMIT")
        except _UnusableError as error:
            raise StoreError(f"Kept for this run, not saved {error}. The next mark tries again.") from error
        self._unsaved.clear()


def check_note(text: str) -> str:
    """The note as it is kept. Raises `StoreError` for one that is too long."""
    note = text.strip().encode("utf-8", "replace").decode()
    if len(note) > NOTE_LIMIT:
        raise StoreError(f"A note has at most {NOTE_LIMIT:,} characters; this has {len(note):,}.")
    return note


def tags_of(note: str) -> list[str]:
    """The words after a `#`, each once."""
    return list(dict.fromkeys(_TAG.findall(note)))


def marks_path(endpoint: str) -> Path:
    """The file for an endpoint (its base URL) in the platform's folder for state."""
    import platformdirs

    name = hashlib.sha256(endpoint.encode("utf-8", "replace")).hexdigest()[:16]
    return platformdirs.user_state_path("auditlog-tui", appauthor=False) / f"marks-{name}.sqlite3"


def _when(entry: Entry) -> tuple[bool, int]:
    return entry.created_us is None, entry.created_us or 0


def _mark(raw: object, marked: object, note: object, made_us: object) -> Mark | None:
    """A row of the file, `None` for one that this program did not write. The entry's key is what its JSON says."""
    if not (isinstance(raw, str) and isinstance(note, str) and isinstance(made_us, int)):
        return None
    mark = Mark(read_entry(raw), bool(marked), note[:NOTE_LIMIT], made_us)
    return mark if mark.marked or mark.note else None


def _make_private(path: Path) -> None:
    """Make the file, or see to it that only its owner reads the one that is there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.path.lexists(path):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600))
        elif stat.S_IMODE(os.lstat(path).st_mode) & 0o077 and not path.is_symlink():
            path.chmod(0o600)
    except OSError as error:
        raise _failed(path, error) from error


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise _UnusableError(f"(no ordinary file). Move it away: {_named(path)}")
        uri = f"{path.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)) as connection:
            connection.text_factory = lambda data: data.decode("utf-8", "replace")
            if _version(connection) > _VERSION:
                raise _UnusableError(
                    f"(a newer auditlog-tui wrote them). Use that one, or move it away: {_named(path)}"
                )
            yield connection
    except (sqlite3.Error, OSError, UnicodeError) as error:
        raise _failed(path, error) from error


def _version(connection: sqlite3.Connection) -> int:
    """Of the file's tables; 0 where it has none yet."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


class _UnusableError(Exception):
    """Why the file can't be used, and what to do: the cause first, since a line may not have room for the path."""


def _failed(path: Path, error: sqlite3.Error | OSError | UnicodeError) -> _UnusableError:
    why = (error.strerror if isinstance(error, OSError) else None) or str(error)
    broken = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
    return _UnusableError(
        f"({why}). {'Move it away' if broken else 'Make room, or make it writable'}: {_named(path)}"
    )


def _named(path: Path) -> str:
    """The path as a person writes it."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
