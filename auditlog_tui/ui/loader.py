"""Fetches pages for the view on the screen, one job at a time, in the background."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.worker import Worker

from auditlog_tui.ui.work import start

if TYPE_CHECKING:
    from textual.screen import Screen

    from auditlog_tui.view import View

EVERYTHING = 1 << 62
"""More rows than there are."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is being fetched."""

    view: View
    older: bool
    rows: int
    everything: bool


class Loader:
    """`changed` is called after rows arrived, `idle` after a job came to its own end (not when it was stopped)."""

    def __init__(self, screen: Screen[None], changed: Callable[[], None], idle: Callable[[View], None]) -> None:
        self.job: Job | None = None
        self._screen = screen
        self._changed = changed
        self._idle = idle
        self._worker: Worker[None] | None = None
        self._told = False

    @property
    def busy(self) -> bool:
        return self._worker is not None and self._worker.is_running

    def want(self, view: View, *, older: bool, rows: int = 1, everything: bool = False) -> None:
        """Fetch at one end of a view, unless it is being fetched for already."""
        if self.busy and self.job is not None and self.job.view is view and not everything:
            return
        self.job = job = Job(view, older, EVERYTHING if everything else rows, everything)
        self._worker = start(self._screen, lambda: self._run(job), "feed")

    def stop(self) -> bool:
        """Stop; what arrived stays. False where nothing was running."""
        if not self.busy or self._worker is None or self.job is None:
            return False
        self._worker.cancel()
        self._worker = None  # it counts as running until the cancellation has reached it
        self.job.view.paused = True
        return True

    async def _run(self, job: Job) -> None:
        view = job.view
        view.paused = False
        await view.more(job.rows, self._on_page, older=job.older, everything=job.everything)
        self._changed()
        if view.error is None and not view.paused and await view.prove():
            await view.more(job.rows, self._on_page, older=job.older, everything=job.everything)
        # The worker counts as running until it returns.
        self._screen.call_later(self._idle, view)

    def _on_page(self) -> None:
        if not self._told:
            self._told = True
            self._screen.call_later(self._tell)

    def _tell(self) -> None:
        self._told = False
        self._changed()
