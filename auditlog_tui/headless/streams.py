"""Standard output for data, and one line of progress on standard error where that is a terminal."""

from __future__ import annotations

import asyncio
import errno
import os
import select
import shutil
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Protocol, TextIO

from auditlog_tui.text.cells import fit
from auditlog_tui.text.safe import safe

if TYPE_CHECKING:
    from auditlog_tui.api.retry import Wait

EVERY = 0.2
"""Seconds between two drawings of the progress; what ends sooner shows none."""


class Progress:
    """A line that is written over and over on a terminal, and nothing at all elsewhere.

    `describe` says how far it is; a request that takes long is shown instead while it lasts.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.describe: Callable[[], str] = str
        self._stream = stream if stream is not None and stream.isatty() else None
        self._wait: Wait | None = None
        self._drawn = 0

    def on_wait(self, wait: Wait | None) -> None:
        """To be told of a request that takes long, and of the end of that (`None`)."""
        self._wait = wait
        self.draw()

    def draw(self) -> None:
        if self._stream is None:
            return
        width = max(20, shutil.get_terminal_size().columns) - 1
        text = self._waiting(self._wait) if self._wait else self.describe()
        self._put("\r" + fit(text, width, ellipsis="~"))
        self._drawn = width

    def clear(self) -> None:
        """Take the line away, so that something else can be written."""
        if self._drawn:
            self._put("\r" + " " * self._drawn + "\r")
            self._drawn = 0

    def note(self, text: str) -> None:
        """A line that stays, on a terminal."""
        self.clear()
        self._put(f"{text}\n")

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Draw it now and then, and leave nothing of it."""
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
        seconds = max(0.0, wait.until - time.monotonic())
        return f"waiting {seconds:.0f} s, then attempt {wait.attempt} of {wait.attempts}: {safe(wait.reason, 200)}"

    def _put(self, text: str) -> None:
        if self._stream is not None:
            with suppress(OSError, UnicodeEncodeError):
                self._stream.write(text)
                self._stream.flush()


class Sink(Protocol):
    """An unbuffered binary stream, so that nothing is left to be written when we leave."""

    def write(self, data: memoryview, /) -> int | None:
        """Write some of it; returns how many bytes that was, `None` where it would have to wait."""

    def fileno(self) -> int:
        """The descriptor to wait for."""


class Out:
    """Where data goes. `OSError` where it can't be written, `BrokenPipeError` where nobody reads any more."""

    def __init__(self, sink: Sink, progress: Progress, encoding: str = "utf-8") -> None:
        self._sink = sink
        self._progress = progress
        self._encoding = encoding

    def lines(self, lines: Iterable[str]) -> None:
        """Write each of the lines; returns when the system has them."""
        data = self._encoded("".join([f"{line}\n" for line in lines]))
        if not data:
            return
        self._progress.clear()
        with _interruptible():
            rest = memoryview(data)
            while rest:
                written = self._sink.write(rest)
                if written is None:
                    select.select([], [self._sink], [])
                rest = rest[written or 0 :]

    def _encoded(self, text: str) -> bytes:
        """The very bytes that came, those that are not UTF-8 too; escapes for what another encoding lacks."""
        if self._encoding == "utf-8":
            with suppress(UnicodeEncodeError):
                return text.encode(self._encoding, "surrogateescape")
        return text.encode(self._encoding, "backslashreplace")


def standard_out(progress: Progress) -> tuple[Out, str | None]:
    """Standard output, and its encoding where it is a terminal (`None`: a pipe or a file, which get UTF-8)."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    descriptor = sys.stdout.fileno()
    terminal = sys.stdout.encoding if sys.stdout.isatty() else None
    return Out(open(descriptor, "wb", buffering=0, closefd=False), progress, terminal or "utf-8"), terminal


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl+C ends a write at once: asyncio would only note it, and a pipe that nobody empties blocks for ever."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
