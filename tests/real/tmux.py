"""A private tmux server with one window, in which a program runs as it does for a user."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.effort import HANGS_S

# tmux does not always get the status of a program that has closed its terminal.
_KEEP_STATUS = '"$@"; echo "$?" >"$0"'


LOOK_S = 0.1
"""Between two looks at the screen, each of which starts a process."""


class Tmux:
    """Use as a context manager. Its files are in `directory`."""

    def __init__(self, directory: Path) -> None:
        program = shutil.which("tmux")
        if program is None:
            pytest.skip("tmux is not installed")
        self._command = [program, "-L", "test", "-f", os.devnull]
        self._status = directory / "exit-status"
        self._env = {
            "PATH": os.environ["PATH"],
            "TMUX_TMPDIR": str(directory),
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm-256color",
        }

    def __enter__(self) -> Tmux:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, command: Sequence[str], *, env: Mapping[str, str], size: tuple[int, int] = (120, 36)) -> None:
        """Run a program in the window, which stays open after the program ends."""
        width, height = size
        variables = [part for name, value in env.items() for part in ("-e", f"{name}={value}")]
        self.run(
            "set-option", "-g", "remain-on-exit", "on", ";",
            "new-session", "-d", "-s", "test", "-x", str(width), "-y", str(height), *variables,
            "--", "sh", "-c", _KEEP_STATUS, str(self._status), *command,
        )  # fmt: skip

    def keys(self, *names: str, times: int = 1) -> None:
        """Press keys, by tmux's names for them."""
        self.run("send-keys", "-t", "test", "-N", str(times), "--", *names)

    def text(self, text: str) -> None:
        """Type a text."""
        self.run("send-keys", "-t", "test", "-l", "--", text)

    def screen(self) -> str:
        return self.run("capture-pane", "-t", "test", "-p")

    def wait_for(self, pattern: str, timeout_s: float = HANGS_S) -> re.Match[str]:
        """Wait until the regular expression is on the screen (`^` and `$` match at lines)."""
        deadline = time.monotonic() + timeout_s
        while (found := re.search(pattern, screen := self.screen(), re.MULTILINE)) is None:
            if time.monotonic() > deadline or "Pane is dead" in screen:
                raise AssertionError(f"{pattern!r} did not come up on this screen:\n{screen}")
            time.sleep(LOOK_S)
        return found

    def buffer(self) -> str:
        """The newest buffer, empty if there is none."""
        return self.run("show-buffer") if self.run("list-buffers") else ""

    def ask(self, format: str) -> str:  # noqa: A002  # tmux's name for it
        """The window's value of a tmux format, for example `#{pane_title}`."""
        return self.run("display-message", "-t", "test", "-p", format).rstrip("\n")

    def resize(self, width: int, height: int) -> None:
        self.run("resize-window", "-t", "test", "-x", str(width), "-y", str(height))

    def status(self) -> int:
        """Wait for the program's end; returns its exit status."""
        deadline = time.monotonic() + HANGS_S
        while not (self._status.exists() and (status := self._status.read_text())):
            if time.monotonic() > deadline:
                raise AssertionError(f"the program still runs:\n{self.screen()}")
            time.sleep(0.03)
        return int(status)

    def close(self) -> None:
        subprocess.run(
            [*self._command, "kill-server"], env=self._env, capture_output=True, check=False, timeout=HANGS_S
        )

    def run(self, *arguments: str) -> str:
        """Run a tmux command. Raises if tmux refuses it."""
        done = subprocess.run(
            [*self._command, *arguments], env=self._env, capture_output=True, check=False, timeout=HANGS_S
        )
        if done.returncode:
            raise RuntimeError(f"tmux {arguments[0]}: {done.stderr.decode()}")
        return done.stdout.decode()
