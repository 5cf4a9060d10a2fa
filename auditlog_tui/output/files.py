"""Small files of the user's: read without ever waiting for them, replaced whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import select
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

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
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)


@contextmanager
def opened(path: Path, *, private: bool = False, pipes: bool = False) -> Iterator[FileIO]:
    """An ordinary file, open for reading; opening a pipe or a device could wait for ever.

    `private` also refuses links and what another user owns. With `pipes` a pipe is opened too, without waiting.
    Raises `OSError`.
    """
    _check(os.stat(path, follow_symlinks=not private), private=private, pipes=pipes)
    descriptor = os.open(path, os.O_RDONLY | _NO_WAIT | (_NO_FOLLOW if private else 0))
    with open(descriptor, "rb", buffering=0) as file:
        _check(os.fstat(descriptor), private=private, pipes=pipes)
        yield file


def read(path: Path, limit: int, *, private: bool = False) -> bytes:
    """The content of an ordinary file of at most `limit` bytes. Raises `OSError`; for `private` see `opened`."""
    with opened(path, private=private) as file:
        return content_of(file, limit)


def content_of(file: FileIO, limit: int, wait_s: float = 0.0) -> bytes:
    """All that is in an opened file, at most `limit` bytes; a pipe is waited for so long. Raises `OSError`."""
    content, deadline = bytearray(), time.monotonic() + wait_s
    while len(content) <= limit:
        part = file.read(limit + 1 - len(content))
        if part is None:
            left = deadline - time.monotonic()
            if left < 0:
                raise TimeoutError(errno.ETIMEDOUT, f"Nothing more came out of it in {wait_s:.0f} s")
            select.select([file], [], [], left)
        elif not part:
            return bytes(content)
        else:
            content += part
    raise OSError(errno.EFBIG, f"It is larger than {limit:,} bytes")


def _check(found: os.stat_result, *, private: bool, pipes: bool = False) -> None:
    kind = stat.S_IFMT(found.st_mode)
    if kind != stat.S_IFREG and not (pipes and kind == stat.S_IFIFO):
        raise OSError(errno.EINVAL, f"It is {_KINDS.get(kind, 'no ordinary file')}, not an ordinary file")
    if private and belongs_to_another(found):
        raise OSError(errno.EPERM, "It belongs to another user")


def belongs_to_another(found: os.stat_result) -> bool:
    """Whether another user owns a file, and could read or change what this one writes into it."""
    return hasattr(os, "geteuid") and found.st_uid != os.geteuid()


@contextmanager
def appending(path: Path) -> Iterator[int]:
    """The descriptor of an ordinary file of one's own, open for adding to its end; made where it isn't there.

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


def replace(path: Path, content: bytes, *, private: bool = False) -> None:
    """Put `content` in the place of what the file holds, or leave it as it was. Raises `OSError`.

    The file keeps its mode and its owner; a new or `private` one is its owner's alone. A link itself is replaced:
    pass what it points to. The folder must exist.
    """
    found = None if private else _stat(path)
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}.tmp")
    _write_new(temporary, content, found)
    try:
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink()
        raise
    _sync_folder(path.parent)


def create(path: Path, content: bytes) -> None:
    """Make a new file, its owner's alone. Raises `OSError`: `FileExistsError` where anything has that name."""
    _write_new(path, content, None)
    _sync_folder(path.parent)


def _stat(path: Path) -> os.stat_result | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return None if stat.S_ISLNK(found.st_mode) else found


def _write_new(path: Path, content: bytes, like: os.stat_result | None) -> None:
    """Write a file that was not there, of the mode and owner of another; nothing of it is left where that fails."""
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


def _sync_folder(path: Path) -> None:
    with suppress(OSError):  # not every system opens folders; the file is there all the same
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other processes that use this from changing files of the folder. Raises `BlockingIOError` if one stays.

    Where the system has no such locks, nothing is kept out.
    """
    descriptor = -1
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
    try:
        if descriptor >= 0:
            _lock(descriptor)
        yield
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        return
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
            return
        else:
            return


def named(path: Path) -> str:
    """The path as a person writes it."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
