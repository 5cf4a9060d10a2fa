"""The user's small files: read without blocking, replaced atomically."""

from __future__ import annotations

import errno
import os
import re
import select
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from auditlog_tui.text.safe import safe

LOCK_S = 0.5
"""Seconds to wait for another process that is changing the same folder."""

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
    stat.S_IFSOCK: "a socket",
    stat.S_IFLNK: "a link",
}
_NO_LINKS = {getattr(errno, name, None) for name in ("EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK")}
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_RANDOM = re.compile(r"[0-9a-f]{12}\.tmp")
_NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)


@contextmanager
def opened(path: Path, *, private: bool = False, pipes: bool = False) -> Iterator[FileIO]:
    """Open an ordinary file for reading; others are refused, because opening a pipe or a device can block.

    `private` also refuses links and files of other users. `pipes` allows a pipe, opened without blocking.
    Raises `OSError`.
    """
    _check(os.stat(path, follow_symlinks=not private), private=private, pipes=pipes)
    descriptor = os.open(path, os.O_RDONLY | _NO_WAIT | (_NO_FOLLOW if private else 0))
    with open(descriptor, "rb", buffering=0) as file:
        _check(os.fstat(descriptor), private=private, pipes=pipes)
        yield file


def read(path: Path, limit: int, *, private: bool = False) -> bytes:
    """The content of an ordinary file of at most `limit` bytes; `private` as in `opened`. Raises `OSError`."""
    with opened(path, private=private) as file:
        return content_of(file, limit)


def sha256_of(path: Path) -> str:
    """The SHA-256 of an ordinary file, in hexadecimal. Raises `OSError`."""
    import hashlib  # late: the first frame needs none

    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_of(file: FileIO, limit: int, wait_s: float = 0.0) -> bytes:
    """An open file's content of at most `limit` bytes. Waits up to `wait_s` seconds for a pipe. Raises `OSError`."""
    content, deadline = bytearray(), time.monotonic() + wait_s
    while len(content) <= limit:
        part = file.read(limit + 1 - len(content))
        if part is None:
            left = deadline - time.monotonic()
            if left < 0:
                raise TimeoutError(errno.ETIMEDOUT, f"It sent nothing more within {wait_s:.0f} s")
            select.select([file], [], [], left)
        elif not part:
            return bytes(content)
        else:
            content += part
    raise OSError(errno.EFBIG, f"It is larger than {limit:,} bytes")


def _check(found: os.stat_result, *, private: bool, pipes: bool = False) -> None:
    kind = stat.S_IFMT(found.st_mode)
    if kind != stat.S_IFREG and not (pipes and kind == stat.S_IFIFO):
        raise OSError(errno.EINVAL, f"It is {kind_of(found)}, not an ordinary file")
    if private and belongs_to_another(found):
        raise OSError(errno.EPERM, "It belongs to another user")


def kind_of(found: os.stat_result) -> str:
    """What a file is that is no ordinary one, such as `a folder`."""
    return _KINDS.get(stat.S_IFMT(found.st_mode), "no ordinary file")


def belongs_to_another(found: os.stat_result) -> bool:
    """Whether another user owns the file, and so could read or change what is written to it."""
    return hasattr(os, "geteuid") and found.st_uid != os.geteuid()


@contextmanager
def appending(path: Path) -> Iterator[int]:
    """Open the user's own ordinary file for appending, creating it if necessary; yields its descriptor.

    Raises `OSError`.
    """
    with suppress(FileNotFoundError):
        _check(path.lstat(), private=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | _NO_FOLLOW | _NO_WAIT, 0o600)
    try:
        _check(os.fstat(descriptor), private=True)
        yield descriptor
    finally:
        os.close(descriptor)


def replace(path: Path, content: bytes, *, private: bool = False, alone: bool = False) -> None:
    """Replace the file's content atomically, or leave it unchanged. Raises `OSError`.

    The file keeps its mode and owner; only the owner can access a new or `private` one. A link would itself be
    replaced, so pass its target. The folder must exist. `alone` says that the caller holds the folder's lock: what
    killed processes left is removed.
    """
    found = None if private else _stat(path)
    if alone:
        remove_leftovers(path)
    temporary = path.with_name(f"{_beginning(path)}{os.urandom(6).hex()}.tmp")
    _write_new(temporary, content, found)
    try:
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink()
        raise
    sync_folder(path.parent)


def remove_leftovers(path: Path) -> None:
    """Remove, as far as possible, the temporary files of processes that were killed while they replaced a file.

    The caller must hold a lock that excludes others who replace it: theirs look the same.
    """
    with suppress(OSError):
        for name in os.listdir(path.parent):
            if name.startswith(_beginning(path)) and _RANDOM.fullmatch(name, len(_beginning(path))):
                path.with_name(name).unlink()


def _beginning(path: Path) -> str:
    return f".{path.name[:100]}."


def create(path: Path, content: bytes) -> None:
    """Create a file that only its owner can access. Raises `OSError`: `FileExistsError` if the name is taken."""
    _write_new(path, content, None)
    sync_folder(path.parent)


@contextmanager
def held(path: Path) -> Iterator[FileIO]:
    """Open the user's own ordinary file for reading and writing, creating it if necessary, and hold it alone.

    The lock ends with the process. Only the owner can access the file afterwards. Raises `OSError`: `BlockingIOError`
    if another process holds it, or has just renamed or removed it.
    """
    with suppress(FileNotFoundError):
        _check(path.lstat(), private=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _NO_FOLLOW | _NO_WAIT, 0o600)
    with open(descriptor, "r+b", buffering=0) as file:
        found = os.fstat(descriptor)
        _check(found, private=True)
        if found.st_nlink > 1:
            raise OSError(errno.EMLINK, "It has another name too")
        _lock_alone(descriptor)
        if not os.path.lexists(path) or not os.path.samestat(os.fstat(descriptor), path.lstat()):
            raise BlockingIOError(errno.EAGAIN, "Another process has just finished with it")
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, 0o600)
        yield file


def _lock_alone(descriptor: int) -> None:
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BlockingIOError(errno.EAGAIN, "Another process is writing it") from error
    except OSError:  # not on this file system
        return


def new(path: Path) -> FileIO:
    """Open a new file for reading and writing that only its owner can access. Raises `OSError`."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | getattr(os, "O_BINARY", 0)
    return open(os.open(path, flags, 0o600), "r+b", buffering=0)


def publish(temporary: Path, path: Path) -> None:
    """Give a file that is on the disk its name, which must be free; it has both names then, or only the new one.

    Raises `OSError`: `FileExistsError` if the name is taken.
    """
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _rename_new(temporary, path)
    sync_folder(path.parent)


def _rename_new(temporary: Path, path: Path) -> None:
    """Rename a file, on a file system without links."""
    new(path).close()  # fails if the name is taken
    try:
        os.replace(temporary, path)
    except BaseException:
        path.unlink()
        raise


def _stat(path: Path) -> os.stat_result | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return None if stat.S_ISLNK(found.st_mode) else found


def _write_new(path: Path, content: bytes, like: os.stat_result | None) -> None:
    """Write a new file with the mode and owner of another; removes it again if that fails."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with open(descriptor, "wb") as file:
            if like is not None and hasattr(os, "fchmod"):
                if belongs_to_another(like):
                    os.fchown(descriptor, like.st_uid, like.st_gid)
                os.fchmod(descriptor, stat.S_IMODE(like.st_mode))
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def sync_folder(path: Path) -> None:
    """Return once the names in a folder are on the disk."""
    with suppress(OSError):  # not every system can open a folder; the file is written in any case
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Hold the folder's lock against other processes that use it. Raises `BlockingIOError` after `LOCK_S` seconds.

    Yields whether it is held: systems without such locks do without.
    """
    descriptor = -1
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield descriptor >= 0 and _lock(descriptor)
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock it, if the system can. Raises `BlockingIOError`."""
    if sys.platform == "win32":
        return False
    import fcntl

    deadline = time.monotonic() + LOCK_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise BlockingIOError(errno.EAGAIN, "Another auditlog-tui is writing here; try again") from error
            time.sleep(0.01)
        except OSError:  # not on this file system
            return False
        else:
            return True


def named(path: Path) -> str:
    """The path for display, with `~` for the home folder."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def shown(path: Path) -> str:
    """The path for a message: `named`, as safe text."""
    return safe(named(path), 200)


def write_all(file: FileIO, data: bytes) -> None:
    """Write all of the data to an unbuffered file, which may take it in parts. Raises `OSError`."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) or 0 :]


def state_folder() -> Path:
    """The platform's folder for private state: marks, history and the like."""
    import platformdirs

    return platformdirs.user_state_path("auditlog-tui", appauthor=False)
