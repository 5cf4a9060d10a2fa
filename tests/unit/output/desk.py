"""A machine with fake clipboard programs."""

import base64
import shlex
from pathlib import Path

from auditlog_tui.output.clipboard import Copied, copy

SYSTEM_PATH = "/usr/bin:/bin"


class Desk:
    """A machine with fake clipboard programs, and the sequences sent to its terminal."""

    def __init__(self, root: Path) -> None:
        self.programs = root / "programs"
        self.files = root / "files"
        self.programs.mkdir()
        self.files.mkdir()
        self.store = root / "store"
        self.arguments = root / "store.arguments"
        self.sent: list[str] = []
        self.environ = {"PATH": f"{self.programs}:{SYSTEM_PATH}"}

    def program(self, name: str, script: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\nSTORE={shlex.quote(str(self.store))}\n{script}\n")
        path.chmod(0o700)

    async def copy(self, text: str, **environ: str) -> Copied:
        return await copy(text, environ=self.environ | environ, write_escape=self.sent.append, directory=self.files)

    def sent_text(self) -> str:
        [sequence] = self.sent
        return base64.b64decode(sequence.removeprefix("\x1b]52;c;").removesuffix("\a")).decode()
