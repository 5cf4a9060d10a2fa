"""Textual's driver, for a terminal that may go away, or send anything. Tested with Textual 8.2.8.

Textual's own goes on for ever when its terminal is gone: its writing thread fails, so that the app waits for it, and
its reading thread reads the end again and again. An exception in the latter is reported by Rich, local variables
included, and the exit status is 0.
"""

from __future__ import annotations

import os
import select
import selectors
import signal
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from io import TextIOWrapper
from typing import Any, Protocol, TextIO, cast

from textual import events, messages
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size
from textual.message import Message

from auditlog_tui.ui.patches.safe_input import InputReader

TICK_S = 0.1
"""Seconds between two looks at what was to follow in the input, and at whether the end has come."""

BUFFER = 65_536
"""Characters that are written without waiting for the end of a frame."""

PUT_BACK = (
    b"\x1b\\"  # the end of what was cut off
    b"\x1b[?2026l\x1b[?2004l\x1b[?7h\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1004l"
    b"\x1b[r\x1b[<u\x1b[?1049l\x1b[?25h\x1b[0m"
)
"""Undoes all that Textual, and the program, set on a terminal."""

CUT_S = 0.02
"""Seconds for the writing thread to notice that it is to write elsewhere."""


class Owner(Protocol):
    """The app that a driver belongs to; both can be called from any thread."""

    def terminal_gone(self) -> None:
        """There is no terminal any more."""

    def thread_failed(self, error: BaseException) -> None:
        """A thread ended by an exception."""


class _Output:
    """What the writing thread writes on. Once the terminal is gone, nothing is written any more."""

    def __init__(self, stream: TextIO, gone: Callable[[], None]) -> None:
        self._stream = stream
        self._gone = gone
        self._open = True
        self._waiting: list[str] = []
        self._size = 0

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> None:
        self._waiting.append(text)
        self._size += len(text)
        if self._size >= BUFFER:
            self.flush()

    def flush(self) -> None:
        text = "".join(self._waiting)
        self._waiting.clear()
        self._size = 0
        if not self._open or not text:
            return
        try:
            self._put(text.encode(self._stream.encoding or "utf-8", "backslashreplace"))
        except OSError:
            self._open = False
            self._gone()

    def _put(self, data: bytes) -> None:
        descriptor, rest = self._stream.fileno(), memoryview(data)
        while rest:
            try:
                rest = rest[os.write(descriptor, rest) :]
            except BlockingIOError:  # another program has set the terminal so, which is the same for all
                select.select([], [descriptor], [], 1)


class SafeDriver(LinuxDriver):
    """Tells its app, an `Owner`, of the end of the terminal and of its threads' exceptions."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._owner = cast("Owner", app)
        if sys.__stderr__ is not None:
            self._file = cast("TextIOWrapper", _Output(sys.__stderr__, self._owner.terminal_gone))

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except BaseException as error:
            self._owner.thread_failed(error)

    def run_input_thread(self) -> None:
        """Read and hand on what the terminal sends, until the program or the terminal ends."""
        reader = InputReader()
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                data = self._read() if selector.select(TICK_S) else None
                if data == b"":
                    self._owner.terminal_gone()
                    return
                for message in reader.feed(data or b""):
                    self.process_message(message)
                for message in reader.tick():
                    self.process_message(message)

    def _read(self) -> bytes | None:
        """Some bytes, none at the terminal's end, `None` where there are none yet."""
        try:
            return os.read(self.fileno, 4_096)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    # -- sizes -------------------------------------------------------------------------------------------------

    def _query_in_band_window_resize(self) -> None:
        """Not asked for: the system tells of every change, and Textual would take the mouse's cells for pixels."""

    def process_message(self, message: Message) -> None:
        if isinstance(message, messages.InBandWindowResize):
            return
        if isinstance(message, events.Resize):  # a report of the terminal's, in what is read
            size = Size(*self._get_terminal_size())
            message = events.Resize(size, size)
        super().process_message(message)

    # -- the end -----------------------------------------------------------------------------------------------

    def abandon(self) -> None:
        """Put the terminal back without waiting for it or for the writing thread. The process must end then."""
        with suppress(OSError, termios.error):
            terminal = os.open(os.ttyname(self.fileno), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
            self._stop_writing()
            if self.attrs_before is not None:
                termios.tcsetattr(terminal, termios.TCSANOW, self.attrs_before)
            termios.tcflush(terminal, termios.TCOFLUSH)  # makes room
            os.write(terminal, PUT_BACK)

    def _stop_writing(self) -> None:
        if self._file is None:
            return
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._file.fileno())
        writer = self._writer_thread
        if writer is not None and writer.ident is not None and writer.is_alive():
            signal.pthread_kill(writer.ident, signal.SIGUSR1)  # interrupts a write that waits
            time.sleep(CUT_S)
