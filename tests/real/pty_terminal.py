"""A program in a real pseudo-terminal, with pyte as the screen in front of it."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pyte

from tests.effort import HANGS_S
from tests.real import forked

APP = forked.STARTED
LOOK_S = 0.02
"""Between two looks at whether the program waits."""

# Makes the pty the program's controlling terminal, which subprocess can't do, and becomes the program. What is
# started in the background of a shell, or by nohup, inherits that it ignores signals.
_UNCONTROLLED = (
    "import os, signal as s, sys; [s.signal(each, s.SIG_DFL) for each in (s.SIGINT, s.SIGQUIT, s.SIGHUP)];"
    " os.execvp(sys.argv[1], sys.argv[1:])"
)
_LAUNCHER = f"import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); {_UNCONTROLLED}"


def environment(home: Path, **more: str) -> dict[str, str]:
    """A minimal environment for a user whose files are under `home`, plus the variables in `more`."""
    (home / "tmp").mkdir(exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "COVERAGE_PROCESS_START") if name in os.environ}
    return {
        **kept, "HOME": str(home), "TMPDIR": str(home / "tmp"), "TERM": "xterm-256color", "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(__file__).parents[2]), **more,
    }  # fmt: skip


class _Screen(pyte.Screen):
    """Ignores private sequences (`CSI ? … $ p`) that pyte would take for others."""

    @property
    def display(self) -> list[str]:
        """As pyte's, which takes several times as long to measure characters: the cell behind a wide one is empty."""
        lines = [self.buffer[y] for y in range(self.lines)]
        return ["".join([line.get(x, line.default).data for x in range(self.columns)]) for line in lines]

    def set_margins(self, *args: Any, **kwargs: Any) -> None:
        if not kwargs.get("private"):
            super().set_margins(*args, **kwargs)

    def select_graphic_rendition(self, *args: Any, **kwargs: Any) -> None:
        if not kwargs.get("private"):
            super().select_graphic_rendition(*args)

    def report_device_status(self, *args: Any, **kwargs: Any) -> None:
        """Don't answer."""

    def report_device_attributes(self, *args: Any, **kwargs: Any) -> None:
        """Don't answer."""


class PtyTerminal:
    """Use as a context manager, which kills the program at its end. `raw` is everything that the program wrote."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        size: tuple[int, int] = (120, 36),
        cwd: Path | None = None,
        controlling: bool = True,
        patch: str = "",
    ) -> None:
        width, height = size
        self.raw = bytearray()
        self._screen = _Screen(width, height)
        self._stream = pyte.ByteStream(self._screen)
        self._master, slave = os.openpty()
        self._set_size(width, height)
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER if controlling else _UNCONTROLLED]
        self.process = forked.start(
            command, before=launcher, controlling=controlling, stdin=slave, stdout=slave, stderr=slave, env=dict(env),
            start_new_session=True, cwd=cwd, patch=patch,
        )  # fmt: skip
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(HANGS_S)
        self.hang_up()

    def screen(self) -> str:
        """The text on the screen, without trailing spaces."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    def wait_for(self, pattern: str, timeout_s: float = HANGS_S) -> re.Match[str]:
        """Read until the screen matches a regular expression, in which `^` and `$` match at each line."""
        deadline = time.monotonic() + timeout_s
        while (found := re.search(pattern, self.screen(), re.MULTILINE)) is None:
            left = deadline - time.monotonic()
            if left < 0 or not self._read(left):
                raise AssertionError(f"{pattern!r} did not come up on this screen:\n{self.screen()}\n{self._ended()}")
        return found

    def wait_raw(self, wanted: bytes, timeout_s: float = HANGS_S) -> None:
        """Read until the program has written these bytes."""
        deadline = time.monotonic() + timeout_s
        while wanted not in self.raw:
            left = deadline - time.monotonic()
            if left < 0 or not self._read(left):
                raise AssertionError(f"{wanted!r} was not written; the screen:\n{self.screen()}\n{self._ended()}")

    def settle(self, quiet_s: float = 0.2) -> None:
        """Read until the program has written nothing for `quiet_s` seconds, and waited, at most for `HANGS_S`.

        On a busy machine it may be silent because it has not had the processor yet.
        """
        deadline = time.monotonic() + HANGS_S
        quiet_until = time.monotonic() + quiet_s
        while (now := time.monotonic()) < min(deadline, quiet_until):
            if self._read(min(quiet_until - now, LOOK_S)) or self._is_running():
                quiet_until = time.monotonic() + quiet_s

    def _is_running(self) -> bool:
        """Whether a thread of the program has the processor or waits for it, where the system tells."""
        for stat in Path(f"/proc/{self.process.pid}/task").glob("*/stat"):
            with suppress(OSError):  # the thread has ended
                if stat.read_text().rpartition(")")[2].split()[0] in "RD":
                    return True
        return False

    def cells(self) -> list[list[Any]]:
        """Every cell of the screen with its colours."""
        screen = self._screen
        return [[screen.buffer[y][x] for x in range(screen.columns)] for y in range(screen.lines)]

    def overwrite(self, written: bytes) -> None:
        """Write on the screen as another program would."""
        self._stream.feed(written)

    def send(self, keys: str) -> None:
        """Type text; escape sequences are keys."""
        self.send_bytes(keys.encode())

    def send_bytes(self, sent: bytes) -> None:
        """Send any bytes."""
        while sent:
            sent = sent[os.write(self._master, sent) :]

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def modes(self) -> list[Any]:
        """The terminal's modes: echo, line editing and the like."""
        return termios.tcgetattr(self._master)

    def resize(self, width: int, height: int) -> None:
        self._screen.resize(height, width)
        self._set_size(width, height)
        self.process.send_signal(signal.SIGWINCH)

    def fill(self, keys: str) -> None:
        """Type without reading, until the program's output has filled the terminal's buffer."""
        deadline, before, same = time.monotonic() + HANGS_S, -1, 0
        while same < 10:
            assert time.monotonic() < deadline, "the terminal is not full"
            with suppress(BlockingIOError):
                self.send(keys)
            time.sleep(0.1)  # no event reports that writing stopped
            unread = int.from_bytes(fcntl.ioctl(self._master, termios.FIONREAD, b"\0" * 4), sys.byteorder)
            same = same + 1 if unread == before and unread > 1_000 else 0
            before = unread

    def status(self, timeout_s: float = HANGS_S) -> int:
        """Read until the program has ended. Returns its exit status as a shell reports it."""
        deadline = time.monotonic() + timeout_s
        while self._read(max(0.0, deadline - time.monotonic())):
            pass
        code = self.process.wait(max(1.0, deadline - time.monotonic()))
        return code if code >= 0 else 128 - code

    def hang_up(self) -> None:
        """Close the terminal's window."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def _read(self, timeout_s: float) -> bool:
        """Read some output; `False` at its end or after the timeout."""
        if not select.select([self._master], [], [], timeout_s)[0]:
            return False
        try:
            read = os.read(self._master, 65_536)
        except OSError:  # on Linux: the other end is closed
            return False
        self.raw += read
        self._show(read)
        return bool(read)

    def _show(self, read: bytes) -> None:
        self._stream.feed(read)

    def _ended(self) -> str:
        code = self.process.poll()
        return "The program still runs." if code is None else f"The program ended: {code}."

    def _set_size(self, width: int, height: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
