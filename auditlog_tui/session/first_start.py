"""Whether the program is started for the first time, remembered by an empty file in the private state folder."""

from __future__ import annotations

import os
from pathlib import Path

from auditlog_tui.output.files import state_folder


def take_first_start(path: Path) -> bool:
    """True once: creates the file, and returns whether it was missing.

    False if the file can't be created, because it would be true again at every start. Users of the versions before
    this file have a history beside it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        return not path.with_name("history").exists()
    except OSError:
        return False


def started_path() -> Path:
    """The file in the platform's state directory."""
    return state_folder() / "started"
