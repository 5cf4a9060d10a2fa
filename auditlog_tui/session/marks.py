"""The user's marks and notes, in a private file for each endpoint and profile.

A change is made in memory first and then written in one transaction. If the disk is full or not writable, nothing in
memory is lost, and the next change saves it too. The entries' JSON is stored with them, so that marks are available
offline and after retention.

Several terminals may use the file at once. Each save merges the others' changes in the same transaction. A note is
overwritten only by a user who could see it; if two users wrote notes on one entry, both are kept.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import sqlite3
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from auditlog_tui.entries.models import Entry, read_entry
from auditlog_tui.entries.raw_json import restored, stored
from auditlog_tui.errors import StoreError
from auditlog_tui.output import files
from auditlog_tui.settings.redactor import Redactor

if TYPE_CHECKING:
    from auditlog_tui.evidence.statement import Annotation

MOST = 10_000
"""Maximum number of entries with a mark or a note."""

NOTE_LIMIT = 2_000
"""Maximum characters of a typed note."""

JOINED_LIMIT = 20 * NOTE_LIMIT
"""Maximum characters of a note read from the file, where notes of several terminals may have been joined."""

BETWEEN = " | "
"""Separator of joined notes, which are newest first."""

BUSY_S = 0.5
"""Seconds to wait for another terminal's transaction."""

_VERSION = 1
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS mark (
    key TEXT PRIMARY KEY, raw TEXT NOT NULL, marked INTEGER NOT NULL, note TEXT NOT NULL, made_us INTEGER NOT NULL
);
PRAGMA user_version = {_VERSION};
COMMIT;
"""
_COLUMNS = {"key", "raw", "marked", "note", "made_us"}
_TAG = re.compile(r"#(\w(?:[\w-]*\w)?)")


class Mark(Struct, frozen=True):
    """An entry with a mark, a note, or both. `made_us` is the time of the last change (microseconds, UTC)."""

    entry: Entry
    marked: bool
    note: str
    made_us: int

    @property
    def tags(self) -> list[str]:
        """The `#tags` of the note, without `#`, each once."""
        return tags_of(self.note)


_Row = tuple[object, ...]
"""`marked`, `note` and `made_us` of a row in the file."""


class _Stamp(NamedTuple):
    """Identifies a state of the file, to detect writes by others."""

    inode: int
    written_ns: int
    size: int


class Earlier(Struct, frozen=True):
    """The number of marks and notes from earlier runs, and the time of the last one (microseconds, UTC)."""

    marks: int
    notes: int
    made_us: int


class Marks:
    """The marks and notes of one endpoint. Without a path they are not saved.

    Methods that change them raise `StoreError` if saving fails; the change in memory stays. `error` says why the
    file could not be read at the start.
    """

    def __init__(self, path: Path | None = None, *, now_us: Callable[[], int] | None = None) -> None:
        self.error = ""
        self.fixed = ""
        """Why marks and notes can't be changed; empty if they can."""
        self.redactor = Redactor()
        """Knows the secrets, which no note may have."""
        self.earlier: Earlier | None = None
        self.version = 0
        """Changes whenever a mark or a note does."""
        self._tag_counts = 0, Counter[str]()
        self._path = path
        self._now_us = now_us or (lambda: time.time_ns() // 1000)
        self._marks: dict[str, Mark] = {}
        self._marked: set[str] = set()
        self._unsaved: set[str] = set()
        self._file_rows: dict[str, _Row] = {}  # the file's rows as last read or written
        self._stamp: _Stamp | None = None
        self._inode = 0  # of the file that `_file_rows` comes from; 0: none yet
        self._marked_this_run: set[str] = set()
        if path is not None:
            try:
                unread = self._load(path)
            except _UnusableError as error:
                self.error = f"Marks can't be read {error}"
                return
            if unread:
                they = "it stays" if unread == 1 else "they stay"
                self.error = f"{unread} of the marks can't be read; {they} in {files.named(path)}"
            self._note_earlier()

    def _note_earlier(self) -> None:
        if self._marks:
            newest_us = max(mark.made_us for mark in self._marks.values())
            self.earlier = Earlier(self.count, self.notes, newest_us)

    def begin_with(self, marks: Iterable[Mark]) -> None:
        """Take over marks that came with the log, unless the user's own file exists. The first change saves them."""
        if self._stamp is None and not self.error:
            for mark in islice(marks, MOST):
                self._set(mark)
            self._note_earlier()

    # -- reading ----------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """Number of marked entries."""
        return len(self._marked)

    @property
    def notes(self) -> int:
        """Number of entries with a note."""
        return sum(1 for mark in self._marks.values() if mark.note)

    @property
    def keys(self) -> frozenset[str]:
        """The keys of the marked entries."""
        return frozenset(self._marked)

    @property
    def tags(self) -> list[str]:
        """The tags of all notes, without `#`, most used first."""
        return [tag for tag, _ in self.tag_counts.most_common()]

    @property
    def tag_counts(self) -> Counter[str]:
        """How many notes have each tag."""
        version, counts = self._tag_counts
        if version != self.version:
            counts = Counter(tag for mark in self._marks.values() for tag in mark.tags)
            self._tag_counts = self.version, counts
        return counts

    @property
    def by_key(self) -> Mapping[str, Mark]:
        """All marks and notes, by the entry's key."""
        return self._marks

    def annotations(self) -> Mapping[str, Annotation]:
        """All marks and notes as an export has them, by the entry's key."""
        from auditlog_tui.evidence.statement import Annotation  # only exports need it

        return {
            key: Annotation(key, mark.marked, mark.note, tuple(mark.tags), mark.made_us)
            for key, mark in self._marks.items()
        }

    def is_marked(self, key: str) -> bool:
        return key in self._marked

    @property
    def marked_this_run(self) -> bool:
        """Whether any entry was marked in this run."""
        return not self._marked_this_run.isdisjoint(self._marked)

    def oldest_earlier_us(self) -> int | None:
        """The time of the oldest mark from an earlier run; `None` if there is none."""
        return min((self._marks[key].made_us for key in self._marked - self._marked_this_run), default=None)

    def made_earlier_us(self, key: str) -> int | None:
        """The time of an entry's mark, if it comes from an earlier run."""
        return self._marks[key].made_us if key in self._marked - self._marked_this_run else None

    def note_of(self, key: str) -> str:
        """The note on an entry; empty if there is none."""
        mark = self._marks.get(key)
        return mark.note if mark is not None else ""

    def marked(self) -> list[Entry]:
        """The marked entries, oldest first; those whose time can't be read come last."""
        return [entry for entry in self.entries()[::-1] if entry.key in self._marked]

    def entries(self) -> list[Entry]:
        """The entries with a mark or a note, newest first; those whose time can't be read come first."""
        return sorted((mark.entry for mark in self._marks.values()), key=_time_order)[::-1]

    # -- changing ----------------------------------------------------------------------------------------------

    def mark(self, entries: Sequence[Entry]) -> None:
        """Mark entries. Raises `StoreError`; if the limit would be exceeded, none is marked."""
        self._change(entries, marked=True)
        self.save()

    def unmark(self, entries: Sequence[Entry]) -> None:
        """Remove marks; notes stay."""
        self._change([entry for entry in entries if entry.key in self._marked], marked=False)
        self.save()

    def toggle(self, entries: Sequence[Entry]) -> None:
        """Mark the entries, or unmark them if all are marked. The caller saves."""
        if all(entry.key in self._marked for entry in entries):
            self._change(entries, marked=False)
        else:
            self._change(entries, marked=True)

    def check_note(self, text: str) -> str:
        """The note as it is stored. Raises `StoreError` if it is too long, and `SecretError`."""
        self.redactor.check(text)
        note = text.strip().encode("utf-8", "replace").decode()
        if len(note) > NOTE_LIMIT:
            raise StoreError(f"A note has at most {NOTE_LIMIT:,} characters; this has {len(note):,}.")
        return note

    def note(self, entry: Entry, text: str) -> None:
        """Set the note of an entry and mark it; an empty text removes the note and keeps the mark."""
        note = self.check_note(text)
        if note:
            self._change([entry], marked=True, note=note)
        elif self.note_of(entry.key):
            self._change([entry], marked=self.is_marked(entry.key), note="")
        self.save()

    def refresh(self) -> None:
        """Merge other terminals' changes. Raises `StoreError` if the file can't be read."""
        if self._path is None or _stamp(self._path) == self._stamp:
            return
        try:
            self._load(self._path)
        except _UnusableError as error:
            raise StoreError(f"Marks of other terminals can't be read {error}") from error

    def forget(self) -> None:
        """Delete all marks and notes, in the file too, except those other terminals made since `refresh`."""
        self._unsaved.update(self._marks)
        self._marks.clear()
        self._marked.clear()
        self.version += 1
        self.earlier = None
        self.save()

    def _change(self, entries: Sequence[Entry], *, marked: bool, note: str | None = None) -> None:
        new = {entry.key for entry in entries} - self._marks.keys()
        if len(self._marks) + len(new) > MOST:
            raise StoreError(f"At most {MOST:,} entries can be marked; with these it would be more.")
        for entry in entries:
            text = self.note_of(entry.key) if note is None else note
            self._set(Mark(entry, marked, text, self._now_us()))
            self._unsaved.add(entry.key)
            self._marked_this_run.add(entry.key)

    def _set(self, mark: Mark) -> None:
        key = mark.entry.key
        self.version += 1
        (self._marked.add if mark.marked else self._marked.discard)(key)
        if mark.marked or mark.note:
            self._marks[key] = mark
        else:
            self._marks.pop(key, None)

    # -- the file ----------------------------------------------------------------------------------------------

    def _load(self, path: Path) -> int:
        """Merge the file; returns the number of unreadable rows."""
        stamp = _stamp(path)  # before reading, so that later writes are noticed
        if stamp is None:
            return 0
        with _opened(path) as connection:
            connection.execute("BEGIN")
            unread = self._merge(connection) if _version(connection) else 0
        self._stamp = stamp
        self._inode = stamp.inode
        return unread

    @property
    def unsaved(self) -> int:
        """Number of changes not saved yet."""
        return len(self._unsaved)

    def save(self, most: int | None = None) -> None:
        """Write unsaved changes, at most `most` of them. Raises `StoreError`."""
        if self._path is None or not self._unsaved:
            self._unsaved.clear()
            return
        try:
            _make_private(self._path)
            with _opened(self._path) as connection:
                created = not _version(connection)
                if created:
                    connection.executescript(_SCHEMA)
                connection.execute("BEGIN IMMEDIATE")
                self._note_file(_stamp(self._path), created=created)
                self._merge(connection)
                keys = list(islice(self._unsaved, most))
                rows = self._rows(keys)
                connection.executemany("DELETE FROM mark WHERE key = ?", [(key,) for key in keys])
                connection.executemany("INSERT INTO mark VALUES (?, ?, ?, ?, ?)", rows)
                connection.execute("COMMIT")
        except _UnusableError as error:
            raise StoreError(f"Kept for this run, not saved {error}. The next mark tries again.") from error
        for key in keys:
            self._file_rows.pop(key, None)
        self._file_rows.update({key: (marked, note, made_us) for key, _, marked, note, made_us in rows})
        self._unsaved.difference_update(keys)

    def _note_file(self, stamp: _Stamp | None, *, created: bool) -> None:
        """If this is another file than before, marks missing in it were not deleted by anyone: write all of them."""
        inode = stamp.inode if stamp is not None else 0
        if created or self._inode not in (0, inode):
            self._unsaved.update(self._marks)
            self._file_rows = {}
        self._inode = inode

    def _rows(self, keys: Sequence[str]) -> list[tuple[str, str | bytes, bool, str, int]]:
        kept = [self._marks[key] for key in keys if key in self._marks]
        return [(mark.entry.key, stored(mark.entry.raw), mark.marked, mark.note, mark.made_us) for mark in kept]

    # -- other terminals ---------------------------------------------------------------------------------------

    def _merge(self, connection: sqlite3.Connection) -> int:
        """Merge the rows changed since they were last read; returns the number of unreadable ones."""
        query = "SELECT key, marked, note, made_us FROM mark ORDER BY made_us, rowid LIMIT ?"
        found: dict[str, _Row] = {key: tuple(row) for key, *row in connection.execute(query, [MOST])}
        unread = 0
        for key in [key for key, row in found.items() if self._file_rows.get(key) != row]:
            (raw,) = connection.execute("SELECT raw FROM mark WHERE key = ?", [key]).fetchone()
            theirs = read_mark(raw, *found[key])
            unread += theirs is None
            if theirs is not None:
                self._merge_mark(theirs, self._file_rows.get(key))
        for key in self._file_rows.keys() - found.keys() - self._unsaved:
            self._remove(key)
        self._file_rows = found
        return unread

    def _merge_mark(self, theirs: Mark, seen: _Row | None) -> None:
        """Merge another terminal's mark; if it was changed here too, keep both notes, newest first."""
        key = theirs.entry.key
        if key not in self._unsaved:
            self._set(theirs)
            return
        known = seen[1] if seen is not None else ""
        ours = self._marks.get(key)
        if theirs.note == known:
            return
        if ours is None:
            if theirs.note:
                self._set(theirs)
        elif ours.note in ("", known):
            self._set(replace(ours, note=theirs.note))
        elif theirs.note:
            self._set(replace(ours, note=_joined(ours, theirs)))

    def _remove(self, key: str) -> None:
        self.version += 1
        self._marks.pop(key, None)
        self._marked.discard(key)


def _joined(one: Mark, other: Mark) -> str:
    newer, older = sorted((one, other), key=lambda mark: mark.made_us, reverse=True)
    for whole, part in ((newer.note, older.note), (older.note, newer.note)):
        if part in whole.split(BETWEEN) or part == whole:
            return whole
    return f"{newer.note}{BETWEEN}{older.note}"


def tags_of(note: str) -> list[str]:
    """The `#tags` of a note, without `#`, each once."""
    return list(dict.fromkeys(_TAG.findall(note)))


MARKS_FILES = "marks-*.sqlite3"
"""The names of the files of all endpoints."""


def marks_path(endpoint: str, profile: str = "") -> Path:
    """The file for an endpoint (its base URL) and a profile, if any, in the platform's state directory."""
    of = f"{profile}\n{endpoint}" if profile else endpoint  # no endpoint has a line break
    name = hashlib.sha256(of.encode("utf-8", "replace")).hexdigest()[:16]
    return files.state_folder() / MARKS_FILES.replace("*", name)


def _time_order(entry: Entry) -> tuple[bool, int]:
    return entry.created_us is None, entry.created_us or 0


def read_mark(raw: object, marked: object, note: object, made_us: object) -> Mark | None:
    """Read a row of the file; `None` if this program did not write it. The entry's key comes from its JSON."""
    if isinstance(raw, bytes) and not raw.startswith(b"{"):
        return None
    if not (isinstance(raw, str | bytes) and isinstance(note, str) and isinstance(made_us, int)):
        return None
    mark = Mark(read_entry(restored(raw)), bool(marked), note[:JOINED_LIMIT], made_us)
    return mark if mark.marked or mark.note else None


def _make_private(path: Path) -> None:
    """Create the file, or make an existing one readable by its owner only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.path.lexists(path):
            with suppress(FileExistsError):  # created by another terminal
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600))
        elif stat.S_IMODE(os.lstat(path).st_mode) & 0o077 and not path.is_symlink():
            path.chmod(0o600)
    except OSError as error:
        raise _failed(path, error) from error


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode):
            raise _UnusableError(f"(no ordinary file). Move it away: {files.named(path)}")
        if files.belongs_to_another(found):
            raise _UnusableError(f"(the file belongs to another user). Move it away: {files.named(path)}")
        uri = f"{path.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)) as connection:
            connection.text_factory = lambda data: data.decode("utf-8", "replace")
            _check(connection, path)
            yield connection
    except (sqlite3.Error, OSError, UnicodeError) as error:
        raise _failed(path, error) from error


def _check(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN")  # so that the three reads are consistent
    version = _version(connection)
    if version > _VERSION:
        raise _UnusableError(f"(a newer auditlog-tui wrote them). Use that one, or move it away: {files.named(path)}")
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    columns = {row[1] for row in connection.execute("PRAGMA table_info(mark)")}
    connection.execute("COMMIT")
    if (version or tables) and not columns >= _COLUMNS:
        raise _UnusableError(f"(the file is another program's). Move it away: {files.named(path)}")


def _version(connection: sqlite3.Connection) -> int:
    """The schema version; 0 for a new file."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _stamp(path: Path) -> _Stamp | None:
    """The file's stamp; `None` if there is no file. Raises `_UnusableError`."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _failed(path, error) from error
    return _Stamp(found.st_ino, found.st_mtime_ns, found.st_size)


class _UnusableError(Exception):
    """Why the file can't be used and what to do. The cause comes first, as the line may cut off the path."""


_NO_ROOM = {getattr(errno, name, None) for name in ("ENOSPC", "EDQUOT", "EFBIG")}
_REMEDIES = {
    sqlite3.SQLITE_BUSY: "Close the program that is using it",
    sqlite3.SQLITE_LOCKED: "Close the program that is using it",
    sqlite3.SQLITE_FULL: "Make room",
    sqlite3.SQLITE_IOERR: "Make room, or look after the disk",
    sqlite3.SQLITE_NOTADB: "Move it away",
    sqlite3.SQLITE_CORRUPT: "Move it away",
}


def _failed(path: Path, error: sqlite3.Error | OSError | UnicodeError) -> _UnusableError:
    why, remedy = str(error), "Move it away"
    if isinstance(error, OSError):
        why = error.strerror or why
        remedy = "Make room" if error.errno in _NO_ROOM else "Make it writable"
    elif isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)  # missing on errors raised by Python itself
        remedy = _REMEDIES.get(code & 0xFF, "Make it writable") if code is not None else remedy
    return _UnusableError(f"({why}). {remedy}: {files.named(path)}")
