"""A terminal driver that survives a closed terminal and arbitrary input.

Overrides: `LinuxDriver.run_input_thread`, `LinuxDriver._run_input_thread`, `LinuxDriver._file`,
    `LinuxDriver._query_in_band_window_resize`, `Driver.process_message`. Uses `LinuxDriver._get_terminal_size`,
    `LinuxDriver._writer_thread`, `LinuxDriver.exit_event`, `LinuxDriver.attrs_before`.
Why: when the terminal is gone, Textual's writing thread fails, the app waits for it for ever, and its reading thread
    reads the end of file in a loop. An exception in the reading thread is printed by Rich with all local variables,
    and the exit status is 0.
Tested with Textual 8.2.8.
If Textual changes: closing the terminal's window may leave the process running, or print secrets.
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

from auditlog_tui.runtime import input_arrived
from auditlog_tui.ui.patches.input_parser import ASK_BACKGROUND, InputReader, ReplyReader

TICK_S = 0.1
"""Seconds between checks for a timed-out escape sequence and for the end of the app."""

BUFFER = 65_536
"""Characters collected before they are written, even in the middle of a frame."""

RESTORE = (
    b"\x1b\\"  # terminates a string sequence that was cut off
    b"\x1b[?2026l\x1b[?2004l\x1b[?7h\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1004l"
    b"\x1b[r\x1b[<u\x1b[?1049l\x1b[?25h\x1b[0m"
)
"""Undoes every terminal mode that Textual or this program sets."""

INTERRUPT_S = 0.02
"""Seconds that an interrupted writing thread gets to notice that its output was redirected."""


class Owner(Protocol):
    """The app that a driver belongs to. Both methods may be called from any thread."""

    def terminal_gone(self) -> None:
        """The terminal was closed."""

    def thread_failed(self, error: BaseException) -> None:
        """A thread ended with an exception."""


class _Output:
    """The writing thread's output. Discards everything once the terminal is gone."""

    def __init__(self, stream: TextIO, gone: Callable[[], None]) -> None:
        self._stream = stream
        self._gone = gone
        self._open = True
        self._buffer: list[str] = []
        self._size = 0

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> None:
        self._buffer.append(text)
        self._size += len(text)
        if self._size >= BUFFER:
            self.flush()

    def flush(self) -> None:
        text = "".join(self._buffer)
        self._buffer.clear()
        self._size = 0
        if not self._open or not text:
            return
        try:
            self._write_all(text.encode(self._stream.encoding or "utf-8", "backslashreplace"))
        except OSError:
            self._open = False
            self._gone()

    def _write_all(self, data: bytes) -> None:
        descriptor, rest = self._stream.fileno(), memoryview(data)
        while rest:
            try:
                rest = rest[os.write(descriptor, rest) :]
            except BlockingIOError:  # another program made the shared terminal non-blocking
                select.select([], [descriptor], [], 1)


class SafeDriver(LinuxDriver):
    """Reports a closed terminal and exceptions in its threads to the app, which must be an `Owner`."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._owner = cast("Owner", app)
        self._replies = ReplyReader()
        if sys.__stderr__ is not None:
            self._file = cast("TextIOWrapper", _Output(sys.__stderr__, self._owner.terminal_gone))

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except BaseException as error:
            self._owner.thread_failed(error)

    def run_input_thread(self) -> None:
        """Read input and post it as messages, until the app or the terminal ends."""
        reader = InputReader(self._replies)
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
        """The bytes that arrived: empty if the terminal is gone, `None` if there are none yet."""
        try:
            return os.read(self.fileno, 4_096)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def ask_background(self) -> None:
        """Ask for the background colour; `BackgroundReported` is posted if the terminal ever answers."""
        if os.environ.get("TERM") != "linux":  # whose older versions show the question
            self._replies.expect(time.monotonic())
            self.write(ASK_BACKGROUND)

    # -- sizes -------------------------------------------------------------------------------------------------

    def _query_in_band_window_resize(self) -> None:
        """Don't ask for size reports: SIGWINCH is enough, and Textual would read mouse cells as pixels."""

    def process_message(self, message: Message) -> None:
        if isinstance(message, messages.InBandWindowResize):
            return
        if isinstance(message, events.Key | events.Paste):
            input_arrived()  # before the app is told: background work would delay that too
        if isinstance(message, events.Resize):  # a size report found in the input
            size = Size(*self._get_terminal_size())
            message = events.Resize(size, size)
        super().process_message(message)

    # -- the end -----------------------------------------------------------------------------------------------

    def abandon(self) -> None:
        """Restore the terminal without waiting for it or the writing thread. The process must end afterwards."""
        with suppress(OSError, termios.error):
            terminal = os.open(os.ttyname(self.fileno), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
            self._stop_writing()
            if self.attrs_before is not None:
                termios.tcsetattr(terminal, termios.TCSANOW, self.attrs_before)
            termios.tcflush(terminal, termios.TCOFLUSH)  # discards unsent output, to make room
            os.write(terminal, RESTORE)

    def _stop_writing(self) -> None:
        if self._file is None:
            return
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._file.fileno())
        writer = self._writer_thread
        if writer is not None and writer.ident is not None and writer.is_alive():
            signal.pthread_kill(writer.ident, signal.SIGUSR1)  # interrupts a blocked write
            time.sleep(INTERRUPT_S)
