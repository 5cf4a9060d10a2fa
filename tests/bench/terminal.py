"""A program timed in a real pty. Nothing interprets its output, so only the program itself is timed."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

WIDTH, HEIGHT = 160, 48
PATIENCE_S = 300.0
QUIET_S = 0.03
"""A frame is complete after this much silence; the wait is not counted."""

ASKS_FOR_SYNC = b"\x1b[?2026$p"
HAS_SYNC = b"\x1b[?2026;2$y"
"""The replies of current terminals to queries; with them, frames are written in one piece."""

FRAME_ENDS = b"\x1b[?2026l"
ROOT = Path(__file__).parents[2]
KEPT = 200_000
_LAUNCHER = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
)


class Frame(NamedTuple):
    """Milliseconds from a key to the last byte it caused, and the number of bytes."""

    ms: float
    bytes: int


class Terminal:
    """Use as a context manager, which kills what still runs at the end. `seen` is the recent output."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self.seen = bytearray()
        self.written = 0
        self._scanned = 0
        self._master, slave = os.openpty()
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command],
            stdin=slave, stdout=slave, stderr=slave, env=dict(env), start_new_session=True,
        )  # fmt: skip
        os.close(slave)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_S)
        os.close(self._master)

    # -- reading -----------------------------------------------------------------------------------------------

    def read(self, timeout_s: float) -> bytes:
        """The next output; empty at the timeout. Raises `EOFError` when the program has ended."""
        if not select.select([self._master], [], [], timeout_s)[0]:
            return b""
        try:
            found = os.read(self._master, 1 << 20)
        except OSError as error:
            raise EOFError(self.seen[-2_000:].decode(errors="replace")) from error
        if ASKS_FOR_SYNC in found:
            os.write(self._master, HAS_SYNC)
        self.written += len(found)
        self.seen += found
        if len(self.seen) > 2 * KEPT:
            del self.seen[:-KEPT]
        return found

    def wait_for(self, pattern: bytes, since: int = 0) -> tuple[float, re.Match[bytes]]:
        """Read until the pattern appears after byte `since` of the output; returns the seconds since the start and
        the match.
        """
        deadline = time.perf_counter() + PATIENCE_S
        while True:
            dropped = self.written - len(self.seen)
            found = re.search(pattern, bytes(self.seen[max(0, since - dropped) :]))
            if found:
                return time.perf_counter() - self.started, found
            if time.perf_counter() > deadline:
                raise TimeoutError(f"{pattern!r} did not come up: {bytes(self.seen[-2_000:])!r}")
            self.read(0.5)

    def settle(self, quiet_s: float = QUIET_S) -> None:
        """Read until the output is silent."""
        while self.read(quiet_s):
            pass

    # -- keys --------------------------------------------------------------------------------------------------

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def key(self, keys: str) -> Frame:
        """Type and read the resulting frame until silence. No output within two seconds counts as no frame."""
        self.settle()
        before, start = self.written, time.perf_counter()
        last = start
        self.type(keys)
        timeout = 2.0
        while self.read(timeout):
            last, timeout = time.perf_counter(), QUIET_S
        return Frame((last - start) * 1000, self.written - before)

    def key_among_others(self, keys: str, sign: bytes) -> float:
        """Milliseconds to the end of the first frame that contains a sign, while other frames arrive too."""
        frame = bytearray()
        while self.read(0):
            pass
        start = time.perf_counter()
        self.type(keys)
        while not (sign in frame and FRAME_ENDS in frame[frame.find(sign) :]):
            frame += self.read(5.0)
            if time.perf_counter() - start > 5:
                raise TimeoutError(f"no frame with {sign!r}")
        return (time.perf_counter() - start) * 1000

    # -- resources ---------------------------------------------------------------------------------------------

    def cpu_ms(self) -> float:
        """The CPU time of all threads so far."""
        total = 0
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except OSError:  # the thread has just ended
                continue
        return total / 1e6

    def idle(self, window_s: float = 0.1, share: float = 0.05) -> None:
        """Read until the program uses less than this share of one CPU."""
        while True:
            before, end = self.cpu_ms(), time.perf_counter() + window_s
            while (left := end - time.perf_counter()) > 0:
                self.read(left)
            if self.cpu_ms() - before < share * window_s * 1000:
                return

    def cpu_of(self, keys: str) -> float:
        """Milliseconds of CPU from a key until the program is idle again."""
        self.idle()
        before = self.cpu_ms()
        self.type(keys)
        self.idle()
        return self.cpu_ms() - before

    def memory_mib(self, name: str = "VmRSS") -> float:
        """The resident memory of the process (`VmHWM`: its maximum so far)."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"{name}:\s+(\d+) kB", text)
        assert found is not None
        return int(found[1]) / 1024


def as_installed(home: Path) -> str:
    """A `PYTHONPATH` without click, which httpx imports if it is installed.

    click comes with the test tools but not with the program.
    """
    (home / "as-installed").mkdir(exist_ok=True)
    (home / "as-installed/click.py").write_text("raise ImportError\n")
    return f"{home / 'as-installed'}{os.pathsep}{ROOT}"


def environment(home: Path, **more: str) -> dict[str, str]:
    """A user's environment with only the requested variables."""
    (home / "tmp").mkdir(parents=True, exist_ok=True)
    return {
        "PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home / "tmp"), "TERM": "xterm-256color",
        "COLORTERM": "truecolor", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), **more,
    }  # fmt: skip
