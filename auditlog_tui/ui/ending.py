"""The program's end when a signal or the terminal asks for it, which comes even where the terminal takes nothing.

The event loop is asked first, and puts everything back. But it may be waiting for a terminal that is not read or is
gone; then a thread ends the process, after it has put back what it can.
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
"""Seconds that the normal way out may take."""

_OTHERS = (
    "SIGKILL", "SIGSTOP",  # nobody can handle these
    "SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH", "SIGINFO", "SIGTSTP", "SIGTTIN", "SIGTTOU",  # these don't end it
    "SIGPIPE", "SIGXFSZ",  # Python ignores these: the write fails
    "SIGABRT", "SIGBUS", "SIGEMT", "SIGFPE", "SIGILL", "SIGSEGV", "SIGSYS", "SIGTRAP",  # nothing can run after these
)  # fmt: skip


LEAVING = 0
"""Asked for like a signal once the terminal is put back: what may still wait, a name server say, matters no more."""


class Ended(Protocol):
    """What ends. Every method can be called from any thread."""

    ask_end: Callable[[int], None]
    """Called with the number of a signal where the program is to end as by that signal, or with `LEAVING`."""

    report: str
    """What is to be left on the terminal."""

    @property
    def return_code(self) -> int | None:
        """The exit status."""

    def end(self, status: int) -> None:
        """Leave the normal way, soon."""

    def abandon(self) -> None:
        """Put the terminal back without waiting for anything."""

    def thread_failed(self, error: BaseException) -> None:
        """A thread ended by an exception."""


@contextmanager
def ending(app: Ended) -> Iterator[None]:
    """While it lasts, signals and threads that fail end `app`, with the exit status that they have in a shell."""
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
    """Learns of signals by Python's wakeup descriptor, which is written to whatever the main thread waits for."""

    def __init__(self, app: Ended) -> None:
        self._app = app
        self._left = threading.Event()
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._thread = threading.Thread(target=self._watch, name="ending", daemon=True)
        self._before: dict[int, object] = {}
        self._wakeup = -1

    def begin(self) -> None:
        """Call in the main thread. What ignores a signal already (`nohup`) goes on ignoring it."""
        self._wakeup = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        for number in ending_signals():
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                self._before[number] = signal.signal(number, _noted)
        self._thread.start()

    def end(self) -> None:
        """Call in the main thread."""
        self._left.set()
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # as it was got
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._writing)
        self._thread.join()
        os.close(self._reading)

    def ask(self, number: int) -> None:
        """End as by a signal; from any thread."""
        with suppress(OSError):  # it has ended
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
    """The numbers of the signals that end a process which does not handle them, and leave it able to."""
    others = {getattr(signal, name, None) for name in _OTHERS}
    return frozenset(int(number) for number in signal.valid_signals() if number not in others)


def _noted(number: int, frame: FrameType | None) -> None:
    """Nothing to do here: the number is in the pipe by now."""
