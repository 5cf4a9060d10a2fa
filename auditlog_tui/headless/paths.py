"""`paths`: where the program keeps what it writes. It reads no settings, so that it works when they are wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from auditlog_tui.errors import ExitStatus
from auditlog_tui.headless.streams import Progress, standard_out
from auditlog_tui.output.files import state_folder
from auditlog_tui.text.safe import safe


def write_paths(settings: Path) -> int:
    """Write a line for each kind of file: its name, and its path to the end of the line. Returns the exit status."""
    try:
        out, terminal = standard_out(Progress(None))
        out.lines(safe(line, len(line)) if terminal else line for line in _lines(settings))
    except BrokenPipeError:
        return ExitStatus.BROKEN_PIPE
    except OSError as error:
        with suppress(OSError):
            print(f"Standard output can't be written: {error.strerror}.", file=sys.stderr)  # noqa: T201
        return ExitStatus.INCOMPLETE
    return ExitStatus.DONE


def _lines(settings: Path) -> Iterator[str]:
    from auditlog_tui.session.filter_history import PROFILES_FILES, history_path
    from auditlog_tui.session.marks import MARKS_FILES

    yield f"settings  {settings}"
    yield f"marks     {state_folder() / MARKS_FILES}"
    yield f"history   {history_path()}"
    yield f"history   {state_folder() / PROFILES_FILES}"
    yield "case      where --case says"
