"""Fetches pages for the view on the screen, one job at a time, in the background."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.worker import Worker

from auditlog_tui.store import UNBOUNDED
from auditlog_tui.ui.patches.workers import start

if TYPE_CHECKING:
    from textual.screen import Screen
    from textual.timer import Timer

    from auditlog_tui.log.view import View

TELL_S = 0.25
"""Seconds between two looks at what arrived: each takes as long as a page or two, and a key may come meanwhile."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is being fetched."""

    view: View
    older: bool
    rows: int
    everything: bool


class Loader:
    """`changed` is called after rows arrived, `idle` after a job came to its own end (not when it was stopped).

    `stopped` is the view whose job was the last to be stopped, until another begins.
    """

    def __init__(self, screen: Screen[None], changed: Callable[[], None], idle: Callable[[View], None]) -> None:
        self.job: Job | None = None
        self.stopped: View | None = None
        self._screen = screen
        self._changed = changed
        self._idle = idle
        self._worker: Worker[None] | None = None
        self._telling: Timer | None = None
        self._told = 0.0

    @property
    def busy(self) -> bool:
        return self._worker is not None and self._worker.is_running

    def want(self, view: View, *, older: bool, rows: int = 1, everything: bool = False) -> None:
        """Fetch at one end of a view, unless it is being fetched for already."""
        if self.busy and self.job is not None and self.job.view is view and not everything:
            return
        self.stopped = None
        self.job = job = Job(view, older, UNBOUNDED if everything else rows, everything)
        self._worker = start(self._screen, lambda: self._run(job), "feed")

    def stop(self) -> bool:
        """Stop; what arrived stays. False where nothing was running."""
        if not self.busy or self._worker is None or self.job is None:
            return False
        self._worker.cancel()
        self._worker = None  # it counts as running until the cancellation has reached it
        self.stopped = self.job.view
        self.stopped.paused = True
        return True

    async def _run(self, job: Job) -> None:
        view = job.view
        view.paused = False
        await view.more(job.rows, self._on_page, older=job.older, everything=job.everything)
        if job.everything and view.error is None and not view.paused and not view.complete:
            await view.more(job.rows, self._on_page, older=not job.older, everything=True)  # the other end as well
        self._tell()
        if view.error is None and not view.paused and await view.prove():
            await view.more(job.rows, self._on_page, older=job.older, everything=job.everything)
        # The worker counts as running until it returns.
        self._screen.call_later(self._idle, view)

    def _on_page(self) -> None:
        if self._telling is None:
            wait = self._told + TELL_S - time.monotonic()
            self._telling = self._screen.set_timer(max(0.001, wait), self._tell)

    def _tell(self) -> None:
        if self._telling is not None:
            self._telling.stop()
        self._telling, self._told = None, time.monotonic()
        self._changed()
