"""Ends the program on a signal or when the terminal is gone, even if the terminal accepts no output.

The event loop is asked first; it restores the terminal. But it may be blocked on a terminal that is not read or is
gone. Then a thread restores what it can and ends the process.
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
"""Seconds that a normal exit may take."""

_OTHERS = (
    "SIGKILL", "SIGSTOP",  # can't be handled
    "SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH", "SIGINFO", "SIGTSTP", "SIGTTIN", "SIGTTOU",  # don't end a process
    "SIGPIPE", "SIGXFSZ",  # ignored by Python: the write fails
    "SIGABRT", "SIGBUS", "SIGEMT", "SIGFPE", "SIGILL", "SIGSEGV", "SIGSYS", "SIGTRAP",  # nothing can run afterwards
)  # fmt: skip


LEAVING = 0
"""Passed in place of a signal once the terminal is restored: what still blocks, such as a name server, is dropped."""


class Ended(Protocol):
    """The app to end. Every method can be called from any thread."""

    ask_end: Callable[[int], None]
    """To be called with the number of the signal to end as if by, or with `LEAVING`."""

    report: str
    """Printed on the terminal at the end."""

    @property
    def return_code(self) -> int | None:
        """The exit status."""

    def end(self, status: int) -> None:
        """Exit normally, soon."""

    def abandon(self) -> None:
        """Restore the terminal without waiting for anything."""

    def thread_failed(self, error: BaseException) -> None:
        """A thread ended with an exception."""


@contextmanager
def ending(app: Ended) -> Iterator[None]:
    """End `app` on signals and failed threads, with the exit status that a shell would show."""
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
    """Reads signals from Python's wakeup descriptor, which is written to even while the main thread is blocked."""

    def __init__(self, app: Ended) -> None:
        self._app = app
        self._left = threading.Event()
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._thread = threading.Thread(target=self._watch, name="ending", daemon=True)
        self._before: dict[int, object] = {}
        self._wakeup = -1

    def begin(self) -> None:
        """Call in the main thread. A signal that is ignored already (`nohup`) stays ignored."""
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
        """End as if by a signal; from any thread."""
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
    """The signals that end a process by default and can be handled."""
    others = {getattr(signal, name, None) for name in _OTHERS}
    return frozenset(int(number) for number in signal.valid_signals() if number not in others)


def _noted(number: int, frame: FrameType | None) -> None:
    """Does nothing: the number is in the pipe already."""
