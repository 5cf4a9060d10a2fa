"""The history of submitted filters, in a private file."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from auditlog_tui.output import files
from auditlog_tui.query.format import quote_reserved

KEPT = 500
"""Filters kept in the file when it is shortened."""

PROFILES_FILES = "history-*"
"""The names of the files of profiles."""

LIMIT = 10_000_000
"""Maximum size of the file in bytes."""


class History:
    """Submitted filters, oldest first. Without a path they are not saved.

    The file is private, as filters contain names and addresses. If it can't be read or written, `error` says why and
    the history lasts for this run.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.texts: list[str] = []
        self.error = ""
        self._path = path
        if path is not None:
            self._load(path)

    def add(self, text: str) -> None:
        """Append a filter, unless it is the latest already."""
        if not text.strip() or self.texts[-1:] == [text]:
            return
        self.texts.append(text)
        if self._path is not None and text.splitlines() == [text]:  # a filter with line breaks is not saved
            try:
                _append(self._path, f"{text}\n".encode("utf-8", "replace"))
            except OSError as error:
                self._fail(error)

    def forget(self, is_secret: Callable[[str], bool]) -> None:
        """Drop the filters with a secret, which another version wrote, here and where they are kept."""
        self.texts = [text for text in self.texts if not is_secret(text)]
        self._delete(is_secret)

    def _delete(self, is_secret: Callable[[str], bool]) -> None:
        if self._path is None:
            return
        try:
            if not any(map(is_secret, _read(self._path))):
                return
            with files.locked(self._path.parent) as alone:
                lines = (line for line in _read(self._path) if not is_secret(line))
                text = "".join(f"{line}\n" for line in lines)
                files.replace(self._path, text.encode(), private=True, alone=alone)
        except FileNotFoundError:
            return
        except OSError as error:
            self._fail(error)

    def _load(self, path: Path) -> None:
        try:
            lines = _read(path)
            if len(lines) > 2 * KEPT:
                with files.locked(path.parent) as alone:
                    lines = _read(path)[-KEPT:]  # read again: another run may have written
                    text = "".join(f"{line}\n" for line in lines)
                    files.replace(path, text.encode(), private=True, alone=alone)
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
    """Append a line, or nothing if it can't be written whole. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with files.locked(path.parent), files.appending(path) as descriptor:
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, 0o600)  # an existing file may be readable by others
        size = os.fstat(descriptor).st_size
        try:
            if os.write(descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, size)
            raise


def history_path(profile: str = "") -> Path:
    """The file in the platform's state directory, for a profile or without one."""
    return files.state_folder() / (PROFILES_FILES.replace("*", profile) if profile else "history")
