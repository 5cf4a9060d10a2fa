"""Whether the parts that are read are those that the manifest names: each is hashed before it is first read."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from auditlog_tui.archive.engine import Reader
from auditlog_tui.archive.snapshot import Opened
from auditlog_tui.errors import ArchiveError
from auditlog_tui.output import files

_State = tuple[int, int, int]
"""Changes whenever a file is written or replaced: its inode, its size, and when it was written."""


class DamagedError(ArchiveError):
    """These parts are not as the manifest says, or can't be read: answer without them."""

    def __init__(self, parts: Sequence[Opened]) -> None:
        super().__init__(", ".join(part.name for part in parts))
        self.parts = parts


class Integrity:
    """Which parts are intact. Each is read in full once, and again if its file has changed since. For threads.

    Every method raises `ArchiveError` if a part is gone, or this was stopped.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: dict[Path, tuple[_State, bool]] = {}
        self._lock = threading.Lock()
        self._stopped = False

    def check(self, parts: Iterable[Opened]) -> None:
        """Raises `DamagedError` too."""
        if damaged := [part for part in parts if not self._is_intact(part)]:
            raise DamagedError(damaged)

    def explain(self, parts: Sequence[Opened]) -> None:
        """Raise `DamagedError` if reading some of the parts failed as one of them can't be read."""
        self.check(parts)
        if damaged := [part for part in parts if not self._reader.can_read(part.path)]:
            with self._lock:
                for part in damaged:
                    self._known[part.path] = _state_of(part.path), False
            raise DamagedError(damaged)

    def known_damaged(self, parts: Iterable[Opened]) -> list[Opened]:
        """Those that were found to be damaged, and have not changed since."""
        found = []
        for part in parts:
            state, intact = self._known.get(part.path, (None, True))
            if not intact and state == _state_of(part.path):
                found.append(part)
        return found

    def stop(self) -> None:
        """Check nothing more."""
        self._stopped = True

    def _is_intact(self, part: Opened) -> bool:
        state = _state_of(part.path)
        known = self._known.get(part.path)
        if known is not None and known[0] == state:
            return known[1]
        with self._lock:
            if self._stopped:
                raise ArchiveError("The archive was closed.")
            known = self._known.get(part.path)
            if known is None or known[0] != state:
                known = self._known[part.path] = state, _has_digest(part)
        return known[1]


def _has_digest(part: Opened) -> bool:
    try:
        return files.sha256_of(part.path) == part.sha256
    except OSError:
        return False  # what can't be read here can't be read for an answer


def _state_of(path: Path) -> _State:
    try:
        found = path.stat()
    except OSError as error:
        raise ArchiveError(f"{files.shown(path)} can't be read: {error.strerror}.") from error
    return found.st_ino, found.st_size, found.st_mtime_ns
