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
from codecs import getincrementaldecoder
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
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


class _Cells(dict[str, Any]):
    """The cells of characters, all with the same attributes."""

    def __init__(self, attributes: Any) -> None:
        super().__init__()
        self._attributes = attributes

    def __missing__(self, character: str) -> Any:
        self[character] = cell = self._attributes._replace(data=character)
        return cell


@cache
def _is_narrow(character: str) -> bool:
    return int(pyte.screens.wcwidth(character)) == 1


_COLOURS = re.compile("\x1b\\[([0-9;]*)m")


class Screen(pyte.Screen):
    """Ignores private sequences (`CSI ? … $ p`) that pyte would take for others."""

    def __init__(self, columns: int, lines: int) -> None:
        self._coloured: dict[tuple[Any, str], Any] = {}
        """Attributes after colours, by those before and the colours."""
        self._cells: dict[Any, _Cells] = {}
        super().__init__(columns, lines)

    @property
    def display(self) -> list[str]:
        """As pyte's, which takes several times as long to measure characters: the cell behind a wide one is empty."""
        lines = [self.buffer[y] for y in range(self.lines)]
        return ["".join([line.get(x, line.default).data for x in range(self.columns)]) for line in lines]

    def draw(self, data: str) -> None:
        """As pyte's, which takes several times as long for a text that fits into its line."""
        x, y, attributes = self.cursor.x, self.cursor.y, self.cursor.attrs
        end = x + len(data)
        if end > self.columns or pyte.modes.IRM in self.mode or not all(map(_is_narrow, data)):
            super().draw(data)
            return
        if (cells := self._cells.get(attributes)) is None:
            cells = self._cells[attributes] = _Cells(attributes)
        self.buffer[y].update(zip(range(x, end), map(cells.__getitem__, data), strict=True))
        self.cursor.x = end
        self.dirty.add(y)

    def colour(self, colours: str) -> None:
        """Do what `CSI colours m` says."""
        key = self.cursor.attrs, colours
        if (attributes := self._coloured.get(key)) is None:
            self.select_graphic_rendition(*(min(int(each or 0), 9_999) for each in colours.split(";")))
            attributes = self._coloured[key] = self.cursor.attrs
        self.cursor.attrs = attributes

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


class Stream(pyte.Stream):
    """Reads colours at once: character by character, as pyte does, takes half of its time."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen)
        self._screen = screen

    def feed(self, data: str) -> None:
        done = 0
        for found in _COLOURS.finditer(data):
            super().feed(data[done : found.start()])
            done = found.start()
            if self._taking_plain_text:  # and not within another sequence
                self._screen.colour(found[1])
                done = found.end()
        super().feed(data[done:])


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
        self._screen = Screen(width, height)
        self._stream = Stream(self._screen)
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._master, slave = os.openpty()
        self._set_size(width, height)
        self.modes_before = self.modes()
        """As they are before the program starts."""
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
        self._show(written)

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
        self._stream.feed(self._decoder.decode(read))

    def _ended(self) -> str:
        code = self.process.poll()
        return "The program still runs." if code is None else f"The program ended: {code}."

    def _set_size(self, width: int, height: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
