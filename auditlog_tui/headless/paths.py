"""`paths`: where the program keeps what it writes. It reads no settings, so that it works when they are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from auditlog_tui.headless.streams import print_lines
from auditlog_tui.output.files import state_folder
from auditlog_tui.text.safe import safe


def write_paths(settings: Path) -> int:
    """Write a line for each kind of file: its name, and its path to the end of the line. Returns the exit status."""
    return print_lines(lambda terminal: (safe(line, len(line)) if terminal else line for line in _lines(settings)))


def _lines(settings: Path) -> Iterator[str]:
    from auditlog_tui.session.filter_history import PROFILES_FILES, history_path
    from auditlog_tui.session.marks import MARKS_FILES

    yield f"settings  {settings}"
    yield f"marks     {state_folder() / MARKS_FILES}"
    yield f"history   {history_path()}"
    yield f"history   {state_folder() / PROFILES_FILES}"
    yield "case      where --case says"
