"""Standard output for data, and a progress line on standard error if that is a terminal."""

from __future__ import annotations

import asyncio
import errno
import math
import os
import select
import shutil
import signal
import stat
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from io import FileIO
from typing import TYPE_CHECKING, Protocol, TextIO

from auditlog_tui.errors import ExitStatus
from auditlog_tui.text.cells import fit
from auditlog_tui.text.safe import safe

if TYPE_CHECKING:
    from auditlog_tui.api.retry import Wait

EVERY = 0.2
"""Seconds between two updates of the progress line; shorter commands show none."""


PAUSES_S = 5.0
"""Seconds between two lines on pauses."""


class Progress:
    """A progress line, redrawn in place on a terminal, and nothing elsewhere.

    `describe` returns its text. While a request is slow, the line shows that instead, unless the text `tells` of it.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.describe: Callable[[], str] = str
        self.tells: Callable[[Wait], bool] = lambda wait: False
        self._stream = stream if stream is not None and stream.isatty() else None
        self._wait: Wait | None = None
        self._drawn = 0
        self.tells_pauses = False
        """Whether pauses are told in lines where there is no terminal, one in `PAUSES_S` at most."""
        self._told_at = -math.inf

    def on_wait(self, wait: Wait | None) -> None:
        """Callback for slow requests; `None` when none is slow any more."""
        self._wait = wait
        self.draw()
        if wait is not None and wait.until is not None and self._stream is None and self.tells_pauses:
            self._tell_pause(wait)

    def _tell_pause(self, wait: Wait) -> None:
        now = time.monotonic()
        if now - self._told_at >= PAUSES_S:
            self._told_at = now
            print_note(f"{self.describe()}; {self._waiting(wait)}")

    def draw(self) -> None:
        if self._stream is None:
            return
        width = max(20, shutil.get_terminal_size().columns) - 1
        wait = self._wait
        text = self.describe() if wait is None or self.tells(wait) else self._waiting(wait)
        self._put("\r" + fit(text, width, ellipsis="~"))
        self._drawn = width

    def clear(self) -> None:
        """Erase the line, so that something else can be written."""
        if self._drawn:
            self._put("\r" + " " * self._drawn + "\r")
            self._drawn = 0

    def note(self, text: str) -> None:
        """Write a line that stays, on a terminal."""
        self.clear()
        self._put(f"{text}\n")

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Redraw the line while the block runs, then erase it."""
        ticks = asyncio.create_task(self._tick()) if self._stream is not None else None
        try:
            yield
        finally:
            if ticks is not None:
                ticks.cancel()
            self.clear()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            self.draw()

    @staticmethod
    def _waiting(wait: Wait) -> str:
        if wait.until is None:
            return (
                f"waiting {wait.waited(time.monotonic())} s for an answer, attempt {wait.attempt} of {wait.attempts}"
            )
        seconds = wait.left(time.monotonic())
        return f"waiting {seconds} s, then attempt {wait.attempt} of {wait.attempts}: {safe(wait.brief, 200)}"

    def _put(self, text: str) -> None:
        if self._stream is not None:
            with suppress(OSError, UnicodeEncodeError):
                self._stream.write(text)
                self._stream.flush()


class Sink(Protocol):
    """An unbuffered binary stream: nothing is left to flush at exit."""

    def write(self, data: memoryview, /) -> int | None:
        """Write a part; returns the number of bytes, `None` if it would block."""

    def fileno(self) -> int:
        """The descriptor, to wait until it can be written."""


class Out:
    """Output of data. Raises `OSError` if it can't be written, `BrokenPipeError` if its reader is gone.

    A write `may_block` for ever, unless it goes to a file.
    """

    def __init__(self, sink: Sink, progress: Progress, encoding: str = "utf-8") -> None:
        self.may_block = True
        self._sink = sink
        self._progress = progress
        self._encoding = encoding

    def lines(self, lines: Iterable[str]) -> None:
        """Write lines, and return once the system has them."""
        data = self._encoded("".join([f"{line}\n" for line in lines]))
        if not data:
            return
        self._progress.clear()
        with _interruptible() if self.may_block else nullcontext():
            rest = memoryview(data)
            while rest:
                written = self._sink.write(rest)
                if written is None:
                    select.select([], [self._sink], [])
                rest = rest[written or 0 :]

    def _encoded(self, text: str) -> bytes:
        """The bytes as received, even if not UTF-8; in another encoding, escapes for what it lacks."""
        if self._encoding == "utf-8":
            with suppress(UnicodeEncodeError):
                return text.encode(self._encoding, "surrogateescape")
        return text.encode(self._encoding, "backslashreplace")


def standard_out(progress: Progress) -> tuple[Out, str | None]:
    """Standard output, and its encoding if it is a terminal; `None` for a pipe or a file, which get UTF-8."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    descriptor = sys.stdout.fileno()
    terminal = sys.stdout.encoding if sys.stdout.isatty() else None
    out = Out(FileIO(descriptor, "wb", closefd=False), progress, terminal or "utf-8")
    out.may_block = not stat.S_ISREG(os.fstat(descriptor).st_mode)
    return out, terminal


def print_lines(lines: Callable[[bool], Iterable[str]]) -> int:
    """Write lines on standard output, which are told whether that is a terminal. Returns the exit status."""
    try:
        out, terminal = standard_out(Progress(None))
        out.lines(lines(terminal is not None))
    except BrokenPipeError:
        return ExitStatus.BROKEN_PIPE
    except OSError as error:
        print_note(f"Standard output can't be written: {error.strerror}.")
        return ExitStatus.INCOMPLETE
    return ExitStatus.DONE


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl+C end a write at once: asyncio defers it, and a write to a pipe that nobody reads never returns."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def print_note(text: str) -> None:
    """Write a line on standard error, if it can be written."""
    if sys.stderr is None:  # print would write to standard output, among the data
        return
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)  # noqa: T201  # messages of a command line


def print_notes(sentences: Iterable[str]) -> None:
    """Write lines on standard error, whatever is in them."""
    for sentence in sentences:
        print_note(safe(sentence, 500))
