"""Ends the program on a signal or when the terminal is closed, even if the terminal is blocked.

The event loop is asked first, and cleans up completely. It may be blocked by a terminal that nobody reads or that is
gone; then a thread restores the terminal as far as possible and ends the process.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Protocol

GRACE_S = 2.0
"""Seconds that the event loop gets to end the app."""

_NOT_ENDING = (
    "SIGKILL", "SIGSTOP",  # can't be handled
    "SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH", "SIGINFO", "SIGTSTP", "SIGTTIN", "SIGTTOU",  # don't end a process
    "SIGPIPE", "SIGXFSZ",  # ignored by Python: the write fails instead
    "SIGABRT", "SIGBUS", "SIGEMT", "SIGFPE", "SIGILL", "SIGSEGV", "SIGSYS", "SIGTRAP",  # the process can't go on
)  # fmt: skip


LEAVING = 0
"""Passed in place of a signal once the terminal is restored: whatever still blocks, such as DNS, may be cut off."""


class Ended(Protocol):
    """The app to end. Every method may be called from any thread."""

    ask_end: Callable[[int], None]
    """Call with a signal's number to end the program as that signal does, or with `LEAVING`."""

    report: str
    """The crash report to print on the terminal, or empty."""

    @property
    def return_code(self) -> int | None:
        """The exit status."""

    def end(self, status: int) -> None:
        """Exit normally with this status, without waiting for it."""

    def abandon(self) -> None:
        """Restore the terminal without waiting for anything."""

    def thread_failed(self, error: BaseException) -> None:
        """A thread ended with an exception."""


@contextmanager
def ending(app: Ended) -> Iterator[None]:
    """End `app` on signals and on exceptions in threads, with the exit status that a shell would report."""
    if sys.platform == "win32":
        yield
        return
    watch = _Watch(app)
    before = threading.excepthook
    threading.excepthook = lambda failed: app.thread_failed(failed.exc_value or RuntimeError("a thread failed"))
    app.ask_end = watch.ask
    watch.begin()
    try:
        yield
    finally:
        watch.end()
        threading.excepthook = before


class _Watch:
    """Receives signals through Python's wakeup descriptor, which works while the main thread is blocked."""

    def __init__(self, app: Ended) -> None:
        self._app = app
        self._left = threading.Event()
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._thread = threading.Thread(target=self._watch, name="ending", daemon=True)
        self._before: dict[int, object] = {}
        self._wakeup = -1

    def begin(self) -> None:
        """Start watching. Signals that are ignored already (`nohup`) stay ignored. Call in the main thread."""
        self._wakeup = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        for number in ending_signals():
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                self._before[number] = signal.signal(number, _ignore)
        self._thread.start()

    def end(self) -> None:
        """Stop watching and restore the signal handlers. Call in the main thread."""
        self._left.set()
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # as `signal.signal` returned it
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._writing)
        self._thread.join()
        os.close(self._reading)

    def ask(self, number: int) -> None:
        """End the program as this signal would. May be called from any thread."""
        with suppress(OSError):  # ended meanwhile
            if not self._left.is_set():
                os.write(self._writing, bytes([number]))

    def _watch(self) -> None:
        endings = ending_signals()
        while numbers := os.read(self._reading, 64):
            number = next((each for each in numbers if each in endings), None)
            if number is not None:
                self._app.end(128 + number)
                if not self._left.wait(GRACE_S):
                    self._app.abandon()
                    os._exit(128 + number)
            elif LEAVING in numbers and not self._left.wait(GRACE_S):
                with suppress(OSError):
                    os.write(2, self._app.report.encode(errors="backslashreplace"))
                os._exit(self._app.return_code or 0)


def ending_signals() -> frozenset[int]:
    """Signals whose default action ends the process, and that a handler can survive."""
    excluded = {getattr(signal, name, None) for name in _NOT_ENDING}
    return frozenset(int(number) for number in signal.valid_signals() if number not in excluded)


def _ignore(number: int, frame: FrameType | None) -> None:
    """The wakeup descriptor has the number already."""
