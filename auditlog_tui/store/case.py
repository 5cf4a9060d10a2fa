"""A case: the working set in a file that outlives the program, with an investigation's marks, queries and places.

One process writes it. That one holds a lock on `PATH.lock`, which ends with the process; the next one works on a
private copy, and changes nothing. The lock is on a file of its own because closing any descriptor of a database drops
the locks that SQLite holds on it. Everything is in write-ahead mode, so a process that is killed leaves whole
transactions; `close` moves all of them into the one file, and leaves that mode. So the file itself tells whether the
log of writes, `PATH-wal`, belongs beside it: one that was moved away alone, or put beside another log, is refused.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from auditlog_tui.entries.raw_json import restored
from auditlog_tui.errors import CaseError, StoreError
from auditlog_tui.output import files
from auditlog_tui.output.files import shown
from auditlog_tui.store.entries import SCHEMA
from auditlog_tui.store.intact import is_of_another, missing_rows, renew_id
from auditlog_tui.text.safe import safe

APPLICATION_ID = 0x414C7463
"""Marks an SQLite file as a case of this program."""

JOURNAL_END = "journal_end"
"""The name of the `journal_end` among the texts of a case."""

LOCK_SUFFIX = ".lock"

LARGEST_VALUE = 64 << 20
"""The most bytes of a text in a case that is only read: twice what the API may answer with."""

MOVE_S, LOG_BYTES = 2.0, 4 << 20
"""Seconds between two looks at the log of writes, and the size from which it is moved into the file."""

LOCK_S = 0.5
"""Seconds to wait for a process that is closing the case."""

_HEAD = b"SQLite format 3\0"
_ROLLBACK, _WRITE_AHEAD = 1, 2
"""How an SQLite file begins, and the modes of writing that its head names."""

_CHECKED_BYTES = 256 << 20
"""Files of up to so many bytes are checked whole when they are opened: half a second. What is damaged in a larger one
is found when it is read."""

_KEPT = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE kept_feed (run INTEGER PRIMARY KEY, state TEXT NOT NULL);
CREATE TABLE annotation (
    key TEXT PRIMARY KEY, raw TEXT NOT NULL, marked INTEGER NOT NULL, note TEXT NOT NULL, made_us INTEGER NOT NULL
);
CREATE TABLE typed (number INTEGER PRIMARY KEY, query TEXT NOT NULL);
CREATE TABLE journal (seq INTEGER PRIMARY KEY, line TEXT NOT NULL);
"""

_COVERED = """
CREATE TABLE covered (request TEXT PRIMARY KEY, as_of_us INTEGER NOT NULL) WITHOUT ROWID;
"""

_IDENTIFIED = "INSERT OR IGNORE INTO meta VALUES ('case_id', lower(hex(randomblob(16))));"

MARKED = 3
"""From this version on, a case that has lines of the journal has a `journal_end` too."""

MIGRATIONS: tuple[str, ...] = (SCHEMA + _KEPT, _COVERED, _IDENTIFIED)
"""Migration `n`, counted from 1, makes a case of version `n` out of one of the version before. Never change one that
was released: add another."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The log that a case is of: the API's address (or the demo's), and the profile, empty for none."""

    endpoint: str
    profile: str = ""

    def __str__(self) -> str:
        endpoint, profile = safe(str(self.endpoint), 200), safe(str(self.profile), 100)  # a file may name any
        return f"{endpoint} in profile {profile}" if profile else endpoint


class _Opened(NamedTuple):
    connection: sqlite3.Connection
    version: int


class CaseFile:
    """An open case. `connection` is to the file, or to a private copy of it where it is `read_only`.

    `owner` is the log that it is of. Methods raise `StoreError` where they can't read or write.
    """

    def __init__(self, path: Path, opened: _Opened, owner: Owner, held: ExitStack, *, read_only: bool):
        self.path = path
        self.connection, self.version = opened
        """The version is that of the file, even if the copy is of the last one."""
        self.owner = owner
        self.read_only = read_only
        self._moving = ExitStack()
        if not read_only:
            self._moving.enter_context(_moving(path))
        self._held = held

    def check_owner(self, owner: Owner) -> None:
        """Raise `CaseError` if it is of another log."""
        _check_owner(self.path, self.owner, owner)

    @property
    def has_entries(self) -> bool:
        """Whether anything was fetched yet. Raises `StoreError`."""
        return bool(self._read("SELECT 1 FROM entry LIMIT 1"))

    def newest_texts(self, most: int) -> list[str]:
        """The JSON of its newest entries, the newest first. Reads all entries. Raises `StoreError`."""
        sql = "SELECT raw FROM json WHERE n = ?"
        newest = self._read(f"SELECT n FROM entry ORDER BY created_us DESC LIMIT {most:d}")  # noqa: S608 (a number)
        return [restored(raw) for n in newest for (raw,) in self._read(sql, n)]

    def text(self, name: str) -> str:
        """A text that is kept under a name; empty if there is none. Raises `StoreError`."""
        return next((text for (text,) in self._read("SELECT value FROM meta WHERE name = ?", [name])), "")

    def keep_text(self, name: str, text: str) -> None:
        """Keep a text under a name. Raises `StoreError`."""
        self._read("INSERT OR REPLACE INTO meta VALUES (?, ?)", [name, text])

    def forget_text(self, name: str) -> None:
        """Delete a text so that nothing of it stays in the file. Raises `StoreError`."""
        self._read("PRAGMA secure_delete = ON")
        self._read("DELETE FROM meta WHERE name = ?", [name])
        self._read("PRAGMA secure_delete = OFF")

    def _read(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        try:
            return self.connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise self.trouble(error) from error

    def trouble(self, error: sqlite3.Error) -> StoreError:
        """The `StoreError` for an error of SQLite."""
        return StoreError(_trouble(self.path, error))

    def close(self) -> None:
        """Move everything into the one file, and release it. What the disk has no room for stays safe beside it."""
        self._moving.close()
        if not self.read_only:
            for statement in ("PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA journal_mode = DELETE"):
                with suppress(sqlite3.Error):
                    self.connection.execute(statement)
        with suppress(sqlite3.Error, OSError):
            self._held.close()


def open_case(path: Path, owner: Owner) -> CaseFile:
    """Open a case of this log for writing, or create it; `read_only` if another process writes it.

    Raises `CaseError` for what is no case, for one of another log, and for one that can't be opened. Nothing that is
    there is overwritten.
    """
    with _explained(path), ExitStack() as stack:
        _check_place(path)
        _check_log(path, path)
        writes = _take_lock(path, stack)
        made = _open_to_write(path, stack, owner) if writes else _open_copy(path, stack)
        found = _read_owner(made.connection)
        if found is None:
            _write_owner(made.connection, owner)
        case = CaseFile(path, made, found or owner, stack.pop_all(), read_only=not writes)
    try:
        case.check_owner(owner)
    except CaseError:
        case.close()
        raise
    return case


def read_case(path: Path, *, received: bool = False) -> CaseFile:
    """Open a private copy of a case of any log. One that was `received` may be anybody's. Raises `CaseError`.

    Nothing is written beside the case or into it, and nothing in it is run: its tables are compared with those of a
    case before any of them is read.
    """
    with _explained(path), ExitStack() as stack:
        if not received:
            _check_place(path)
        real = _real(path)
        alone = _has_log(real) and not _is_written(real)
        made = _open_copy(_recovered(real, stack) if alone else real, stack, path, whole=received)
        owner = _read_owner(made.connection)
        if owner is None:
            raise _no_owner(path)
        return CaseFile(path, made, owner, stack.pop_all(), read_only=True)


def check_case(path: Path) -> bool:
    """Look whether `read_case` opens a case that may be anybody's, without copying all of it.

    Returns whether it has entries or marks, as far as it looked: a large one that a process left open is not looked
    at. Raises `CaseError`.
    """
    with _explained(path), ExitStack() as stack:
        real = _real(path)
        if _has_log(real) and not _is_written(real):
            if real.stat().st_size > _CHECKED_BYTES:
                return True
            real = _recovered(real, stack)
        source = stack.enter_context(_source(real))
        if not _check(real, source, path) or _read_owner(source) is None:
            raise _no_owner(path)
        sql = "SELECT EXISTS (SELECT 1 FROM json) OR EXISTS (SELECT 1 FROM annotation)"
        return bool(_value(source, sql)[0])


def _no_owner(path: Path) -> CaseError:
    return CaseError(f"{shown(path)} does not say which log it is of, so it is no case. Choose another file.")


def _real(path: Path) -> Path:
    """The file of a case to read, beside which SQLite keeps what was written last. Raises `CaseError`."""
    real = Path(os.path.realpath(path))
    if not real.exists():
        raise CaseError(f"There is no file {shown(path)}.")
    if not real.is_file():
        raise CaseError(f"{shown(path)} is {files.kind_of(real.stat())}, not an ordinary file. Choose another file.")
    if not real.stat().st_size and not _has_log(real):
        raise CaseError(f"{shown(path)} is an empty file, not a case. Choose another file.")
    _check_log(real, path)
    return real


def begins_like_a_case(start: bytes) -> bool:
    """Whether a file with these first bytes is a case: a database with its application's number."""
    return start.startswith(b"SQLite format 3\0") and start[68:72] == APPLICATION_ID.to_bytes(4, "big")


def journal_lines(case: CaseFile) -> Iterator[tuple[int, str | None]]:
    """The lines of the journal, in order, with their numbers; `None` is one that is too long for the connection.

    Raises `StoreError`.
    """
    try:
        for (number,) in case.connection.execute("SELECT seq FROM journal ORDER BY seq"):
            try:
                (line,) = case.connection.execute("SELECT line FROM journal WHERE seq = ?", [number]).fetchone()
            except sqlite3.DataError:
                line = None
            yield number, line
    except sqlite3.Error as error:
        raise case.trouble(error) from error


def journal_end(number: int, line: str) -> str:
    """What a case keeps of the journal's last line, apart from it: its number and its SHA-256."""
    return f"{number} {sha256(line.encode('utf-8', 'surrogateescape')).hexdigest()}"


def last_journal_line(case: CaseFile) -> tuple[int, str]:
    """The last line of the journal with its number; 0 and an empty text if there is none. Raises `StoreError`."""
    try:
        found = case.connection.execute("SELECT seq, line FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
    except sqlite3.Error as error:
        raise case.trouble(error) from error
    return (0, "") if found is None else (found[0], str(found[1]))


def add_journal_line(case: CaseFile, line: str) -> int:
    """Add a line to the journal, and keep its `journal_end`; returns its number.

    One that was wrong or missing before stays so: it shows that lines were removed. Raises `StoreError`, and then
    nothing was added.
    """
    try:
        with case.connection as connection:
            connection.execute("BEGIN")
            before = last_journal_line(case)
            right = case.text(JOURNAL_END) == journal_end(*before) if before[0] else not case.has_entries
            number = int(connection.execute("INSERT INTO journal (line) VALUES (?)", [line]).lastrowid or 0)
            if right:
                case.keep_text(JOURNAL_END, journal_end(number, line))
        return number
    except sqlite3.Error as error:
        raise case.trouble(error) from error


# -- opening -------------------------------------------------------------------------------------------------------


def _check_place(path: Path) -> None:
    """Raise `CaseError` for a path that can't be a case of this user."""
    if not path.parent.is_dir():
        raise CaseError(f"There is no folder {shown(path.parent)}. Make it, or choose another file.")
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode):
        raise CaseError(f"{shown(path)} is {files.kind_of(found)}, not an ordinary file. Choose another file.")
    if files.belongs_to_another(found):
        raise CaseError(f"{shown(path)} belongs to another user. Choose another file.")
    if found.st_nlink > 1:
        raise CaseError(f"{shown(path)} has another name too, and under that it would be another case. Copy it.")


def _take_lock(path: Path, stack: ExitStack) -> bool:
    """Hold the case alone until the stack is closed. False if another process holds it."""
    deadline = time.monotonic() + LOCK_S
    lock = path.with_name(path.name + LOCK_SUFFIX)
    while True:
        try:
            stack.enter_context(files.held(lock))
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        else:
            stack.callback(_end_lock, path, lock)  # before it is released
            return True


def _end_lock(path: Path, lock: Path) -> None:
    if not _lacks_log(path):  # else a full disk kept it from leaving write-ahead mode, and the lock tells so
        lock.unlink(missing_ok=True)


def _end_moved(path: Path, descriptor: int) -> None:
    """Let a case that was renamed while it was open leave write-ahead mode under its new name, where SQLite did not.

    The connection is closed, and everything was moved into the file, unless its log of writes is still there.
    """
    try:
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return
        Path(f"{path}{LOCK_SUFFIX}").unlink(missing_ok=True)
        now = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if now.exists() and not _has_log(path) and not _has_log(now):
            with closing(_connect(f"{now.as_uri()}?mode=rw")) as connection:
                connection.execute("PRAGMA journal_mode = DELETE")
    except (OSError, sqlite3.Error):
        pass  # then it is told when it is opened
    finally:
        os.close(descriptor)


def _has_log(path: Path) -> bool:
    return os.path.lexists(f"{path}-wal")


def _lacks_log(path: Path) -> bool:
    """Whether it is in write-ahead mode, and has no log of writes."""
    return _mode(path) == _WRITE_AHEAD and not _has_log(path)


def _mode(path: Path) -> int:
    """The mode of writing in the head of an SQLite file, 0 of any other. Raises `OSError`."""
    try:
        with files.opened(path) as file:
            head = file.read(20)
    except FileNotFoundError:
        return 0
    return head[18] if len(head) == 20 and head.startswith(_HEAD) else 0


def _check_log(path: Path, named: Path) -> None:
    """Raise `CaseError` for a case without its log of writes, or with that of another case or another state of it.

    Only while the case is opened or closed it may be in write-ahead mode without one: its lock is there then. `named`
    is the path in messages.
    """
    log = shown(Path(f"{path}-wal"))
    if not os.path.lexists(path) and _has_log(path) and not os.path.lexists(path):
        raise CaseError(
            f"{log}, which holds what a case saved last, is there, and the case {shown(named)} is not: that was moved"
            f" or renamed. Bring it back, or move {log} beside it, under its new name."
        )
    if _lacks_log(path) and not os.path.lexists(f"{path}{LOCK_SUFFIX}") and _lacks_log(path):
        raise CaseError(
            f"{shown(named)} was not closed, and {log}, which holds what was saved last, is not beside it: the case"
            " was moved, copied or linked alone. Bring that file here too. If it is lost, make an empty file of that"
            " name: then what was saved last is missing."
        )
    with suppress(FileNotFoundError):
        if _mode(path) == _ROLLBACK and os.lstat(f"{path}-wal").st_size and _mode(path) == _ROLLBACK:
            raise CaseError(
                f"{log} is not of {shown(named)}, which was closed and needs none: was that restored from a backup?"
                f" Move {log} away, and {shown(Path(f'{path}-shm'))} if it is there."
            )
    if _mode(path) == _WRITE_AHEAD and is_of_another(path):
        raise CaseError(
            f"{log} is not of {shown(named)}, but of another case. Move it away, and bring the one of this case here."
            " If that is lost, make an empty file of that name: then what was saved last is missing."
        )


def _check_owner(path: Path, found: Owner, owner: Owner) -> None:
    if found != owner:
        raise CaseError(f"{shown(path)} is a case of {found}, and this is {owner}. Choose another file.")


def _open_to_write(path: Path, stack: ExitStack, owner: Owner) -> _Opened:
    if not os.path.lexists(path):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600))
    if hasattr(os, "geteuid"):
        path.chmod(0o600)
    stack.callback(_end_moved, path, os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)))
    connection = stack.enter_context(closing(_connect(f"{path.absolute().as_uri()}?mode=rw")))
    version = _check(path, connection)
    if version:
        _check_owner(path, _read_owner(connection) or owner, owner)  # before anything is written
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")  # a process that is killed loses nothing
    connection.execute("PRAGMA cache_size = -8000")
    connection.execute("PRAGMA wal_autocheckpoint = 0")  # `_moving` does it, so that no key waits for the disk
    if 0 < version < MARKED:
        _mark_journal_end(connection)
    if version < len(MIGRATIONS):
        _migrate(connection, version)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # so that the ID is in the file
    with suppress(sqlite3.Error), connection:  # a full disk, say: what is written next has the ID too
        connection.execute("BEGIN IMMEDIATE")
        renew_id(connection)
    files.sync_folder(path.parent)
    return _Opened(connection, len(MIGRATIONS))


def _mark_journal_end(connection: sqlite3.Connection) -> None:
    """Keep the `journal_end` of a case of a version that did not always have it."""
    for number, line in connection.execute("SELECT seq, line FROM journal ORDER BY seq DESC LIMIT 1").fetchall():
        end = journal_end(number, str(line))
        connection.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", [JOURNAL_END, end])


def _is_written(path: Path) -> bool:
    """Whether another process holds the case."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        lock = os.open(f"{path}{LOCK_SUFFIX}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(lock)
    return False


def _recovered(path: Path, stack: ExitStack) -> Path:
    """A private copy of a case whose last process was killed, and of its log of writes, in a temporary folder.

    To read that log where it lies, SQLite would write a file beside it.
    """
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="auditlog-tui-")))
    for end in ("", "-wal"):
        with files.opened(Path(f"{path}{end}")) as file, files.new(folder / f"case{end}") as copy:
            shutil.copyfileobj(file, copy)
    return folder / "case"


@contextmanager
def _moving(path: Path) -> Iterator[None]:
    """Move what was written from the log of writes into the file, in a thread, as long as the block runs."""
    end = threading.Event()
    thread = threading.Thread(target=_move, args=(path, end), name="case", daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def _move(path: Path, end: threading.Event) -> None:
    log, moved_ns = Path(f"{path}-wal"), 0
    while not end.wait(MOVE_S):
        with suppress(sqlite3.Error, OSError):  # a full disk, say: `close` tries again, and the next process
            found = log.stat()
            if found.st_size > LOG_BYTES and found.st_mtime_ns != moved_ns:
                with closing(_connect(f"{path.absolute().as_uri()}?mode=rw")) as connection:
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
                moved_ns = found.st_mtime_ns


def _open_copy(path: Path, stack: ExitStack, named: Path | None = None, *, whole: bool = False) -> _Opened:
    """A private temporary database with the case's content as of now. Nothing is written beside the case.

    `named` is the case in messages, if `path` is a copy of it. `whole` is as for `_check`.
    """
    copy = stack.enter_context(closing(_connect("")))
    copy.executescript("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;")
    with _source(path) as source:
        version = _check(path, source, named, whole=whole)
        source.backup(copy)
    _migrate(copy, version)
    return _Opened(copy, version)


@contextmanager
def _source(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only reads a case."""
    # Without a log of writes nobody has it open, and SQLite would begin one to read the file.
    alone = "" if _has_log(path) else "&immutable=1"
    with closing(_connect(f"{path.absolute().as_uri()}?mode=ro{alone}")) as source:
        source.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_VALUE)
        source.execute("PRAGMA query_only = ON")
        yield source


def _connect(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=LOCK_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _check(path: Path, connection: sqlite3.Connection, named: Path | None = None, *, whole: bool = False) -> int:
    """The version of a case, 0 of an empty file. Of a large one, rows are looked for only to read it `whole`.

    Raises `CaseError`, and `sqlite3.Error` if it is damaged.
    """
    named = named or path
    (application,), (version,) = (_value(connection, f"PRAGMA {name}") for name in ("application_id", "user_version"))
    schema = _schema_of(connection)
    if not application and not version and not schema:
        return 0
    if application != APPLICATION_ID:
        raise CaseError(f"{shown(named)} is another program's database. Choose another file.")
    if version > len(MIGRATIONS):
        raise CaseError(f"A newer auditlog-tui wrote {shown(named)}. Use that one.")
    if version < 1:
        raise CaseError(f"{shown(named)} was changed: it does not say its version. Choose another file.")
    if schema != (made := _schema_made_by(MIGRATIONS[:version])):
        raise CaseError(f"{shown(named)} was changed: {_difference(schema, made)}. Choose another file.")
    small = path.stat().st_size <= _CHECKED_BYTES
    if small and _value(connection, "PRAGMA quick_check(1)") != ("ok",):
        raise CaseError(_damaged(named))
    if (small or whole) and (why := missing_rows(connection)):
        raise CaseError(_damaged(named, why))
    return int(version)


def _value(connection: sqlite3.Connection, sql: str) -> tuple[Any, ...]:
    found: tuple[Any, ...] = connection.execute(sql).fetchone()
    return found


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        head = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number};"
        try:
            connection.executescript(f"BEGIN IMMEDIATE; {script} {head} COMMIT;")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise


def _schema_of(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    found = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchall()
    return sorted((kind, name, table, sql or "") for kind, name, table, sql in found if name != "sqlite_sequence")


def _difference(found: list[tuple[str, ...]], made: list[tuple[str, ...]]) -> str:
    """How tables, indexes, views and triggers that were found differ from those that a case is made with."""
    there, wanted = ({each[:2]: each[2:] for each in schema} for schema in (found, made))
    keys = sorted({*there, *wanted}, key=lambda each: (each[0] == "index", each))  # those of a table after it
    told = [
        *(f"it has the {_named(*each)}, which a case does not have" for each in keys if each not in wanted),
        *(f"it lacks the {_named(*each)}" for each in keys if each not in there),
        *(f"its {_named(*each)} is not as in a case" for each in keys if there.get(each) != wanted.get(each)),
    ]
    return next(iter(told), "its tables are not as in a case")


def _named(kind: str, name: str) -> str:
    """A part of a schema by its kind and its name, which may be anybody's."""
    return f"{safe(kind, 20)} “{safe(name, 60)}”"


@lru_cache(maxsize=2)
def _schema_made_by(scripts: tuple[str, ...]) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for script in scripts:
            connection.executescript(script)
        return _schema_of(connection)


def _read_owner(connection: sqlite3.Connection) -> Owner | None:
    found = dict(connection.execute("SELECT name, value FROM meta WHERE name IN ('endpoint', 'profile')"))
    return Owner(found["endpoint"], found.get("profile", "")) if "endpoint" in found else None


def _write_owner(connection: sqlite3.Connection, owner: Owner) -> None:
    values = [("endpoint", owner.endpoint), ("profile", owner.profile)]
    connection.executemany("INSERT INTO meta VALUES (?, ?)", values)


# -- what went wrong -----------------------------------------------------------------------------------------------


_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG}


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn errors of the block into a `CaseError`."""
    try:
        yield
    except OSError as error:
        remedy = "Make room." if error.errno in _FULL else "Choose another file."
        raise CaseError(f"The case {shown(path)} can't be opened: {error.strerror or error}. {remedy}") from error
    except sqlite3.Error as error:
        raise CaseError(_trouble(path, error)) from error


def _damaged(path: Path, why: str = "") -> str:
    beside = "" if not _has_log(path) else f" (move {shown(Path(f'{path}-wal'))} away first)"
    return (
        f"The case {shown(path)} is damaged{why and f': {why}'}. Restore it from a backup{beside}, or move it away."
    )


def _trouble(path: Path, error: sqlite3.Error) -> str:
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code == sqlite3.SQLITE_NOTADB:
        return f"{shown(path)} is no case, and no SQLite file at all. Choose another file."
    if code == sqlite3.SQLITE_CORRUPT:
        return _damaged(path)
    room = " Make room: what was saved stays, and it goes on." if code in _NO_ROOM else ""
    return f"The case {shown(path)} can't be read or written ({safe(str(error), 200)}).{room}"


_NO_ROOM = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
