"""The filters submitted before, in a file that only its owner reads."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from auditlog_tui.output import files
from auditlog_tui.query.format import quote_reserved

KEPT = 500
"""Filters kept over runs."""

LIMIT = 10_000_000
"""Bytes that the file may have."""


class History:
    """Oldest first. Without a path it lasts as long as the run.

    Filters hold names and addresses, so the file is private. One that can't be read or written costs nothing but
    itself: `error` says why.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.texts: list[str] = []
        self.error = ""
        self._path = path
        if path is not None:
            self._load(path)

    def add(self, text: str) -> None:
        """Remember a filter; one that is the latest already is not repeated."""
        if not text.strip() or self.texts[-1:] == [text]:
            return
        self.texts.append(text)
        if self._path is not None and text.splitlines() == [text]:  # one with line breaks lasts as long as the run
            try:
                _append(self._path, f"{text}\n".encode("utf-8", "replace"))
            except OSError as error:
                self._fail(error)

    def _load(self, path: Path) -> None:
        try:
            lines = _read(path)
            if len(lines) > 2 * KEPT:
                with files.locked(path.parent):
                    lines = _read(path)[-KEPT:]  # again: another run may have written since
                    files.replace(path, "".join(f"{line}\n" for line in lines).encode(), private=True)
            self.texts = [quote_reserved(line) for line in lines]
        except FileNotFoundError:
            return
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        where = files.named(self._path) if self._path is not None else ""
        self.error = f"Filters are kept for this run only ({error.strerror or error}): {where}"


def _read(path: Path) -> list[str]:
    text = files.read(path, LIMIT, private=True).decode("utf-8", "replace")
    return [line for line in text.splitlines() if line]


def _append(path: Path, line: bytes) -> None:
    """Add a line to the file, whole or not at all. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with files.locked(path.parent), files.appending(path) as descriptor:
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, 0o600)  # one that was there already may be open to others
        size = os.fstat(descriptor).st_size
        try:
            if os.write(descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, size)
            raise


def history_path() -> Path:
    """`history` in the platform's folder for state."""
    import platformdirs

    return platformdirs.user_state_path("auditlog-tui", appauthor=False) / "history"
