"""The filters submitted before, in a file that only its owner reads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from auditlog_tui.query.format import stored

KEPT = 500
"""Filters kept over runs."""


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
            self._write(self._path, [text], os.O_APPEND)

    def _load(self, path: Path) -> None:
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            self.texts = [stored(line) for line in lines if line]
        except FileNotFoundError:
            return
        except OSError as error:
            self.error = error.strerror or str(error)
            return
        if len(self.texts) > 2 * KEPT:
            self.texts = self.texts[-KEPT:]
            self._write(path, self.texts, os.O_TRUNC)

    def _write(self, path: Path, lines: Sequence[str], how: int) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            flags = os.O_WRONLY | os.O_CREAT | how | getattr(os, "O_NOFOLLOW", 0)
            with open(os.open(path, flags, 0o600), "w", encoding="utf-8", errors="replace") as file:
                if hasattr(os, "fchmod"):
                    os.fchmod(file.fileno(), 0o600)  # one that was there already may be open to others
                file.writelines(f"{line}\n" for line in lines)
        except OSError as error:
            self.error = error.strerror or str(error)


def history_path() -> Path:
    """`history` in the platform's folder for state."""
    import platformdirs

    return platformdirs.user_state_path("auditlog-tui", appauthor=False) / "history"
