"""Fetching pages for the view on the screen, one job at a time, in the background."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from textual.worker import Worker, WorkerState

from auditlog_tui.runtime import pause_left
from auditlog_tui.store import UNBOUNDED
from auditlog_tui.text.safe import safe
from auditlog_tui.ui.browse.host import Controller, Host
from auditlog_tui.ui.patches.timers import certain
from auditlog_tui.ui.table.table import EntryTable

if TYPE_CHECKING:
    from textual.timer import Timer

    from auditlog_tui.log.view import View

LONGEST_REASON = 4_000
"""Characters of the reason that is shown why a file lacks entries."""

REDRAW_S = 0.25
"""Seconds between two updates of the screen while pages arrive: each takes as long as a page or two."""


class Job(NamedTuple):
    """What is being fetched: at which end of a view, and how many rows."""

    view: View
    older: bool
    rows: int
    everything: bool


class LoadController(Controller):
    """Fetches when the table comes near an end, and on `A`, Space and `r`.

    `stopped` is the view whose job was stopped last, until the next job begins.
    """

    def __init__(self, host: Host, table: EntryTable) -> None:
        self.job: Job | None = None
        self.stopped: View | None = None
        self._host = host
        self._table = table
        self._worker: Worker[None] | None = None
        self._redraw: Timer | None = None
        self._drawn_at = 0.0

    @property
    def busy(self) -> bool:
        return self._worker is not None and self._worker.is_running

    @property
    def loads_all(self) -> bool:
        """Whether everything in the view on the screen is being loaded."""
        return self.busy and self.job is not None and self.job.everything and self.job.view is self._host.view

    @property
    def has_rows(self) -> bool:
        """Whether the table has taken in a row of the view on the screen, and the cursor is on it."""
        return self._table.view is self._host.view and self._table.port.entry is not None

    @property
    def expects_rows(self) -> bool:
        """Whether the first rows of the view on the screen are being fetched, or are about to be."""
        view, worker = self._host.view, self._worker
        if self.has_rows or view.error is not None or view.paused:
            return False
        if worker is not None and self.job is not None and self.job.view is view:
            if not worker.is_finished:
                return True
            if worker.state is WorkerState.ERROR:
                return False
        return not len(view) and not (view.older_done and view.newer_done)

    @property
    def redraws(self) -> bool:
        """Whether the screen is about to be updated for rows that have come."""
        return self._redraw is not None

    def fetch(self, *, older: bool, rows: int = 1, everything: bool = False) -> None:
        """Fetch at one end of the view on the screen, unless something is being fetched for it already."""
        view = self._host.view
        if everything or not (self.busy and self.job is not None and self.job.view is view):
            self.stopped = None
            self.job = job = Job(view, older, UNBOUNDED if everything else rows, everything)
            self._worker = self._host.start(lambda: self._run(job), "feed")
        self._host.spin()

    def stop(self) -> bool:
        """Stop fetching; rows that arrived stay. False if nothing was running."""
        if not self.busy or self._worker is None or self.job is None:
            return False
        self._worker.cancel()
        self._worker = None  # it counts as running until the cancellation reaches it
        self.stopped = self.job.view
        self.stopped.pause()
        self._host.say("Stopped; A or r goes on")
        self._host.rows_changed()
        return True

    async def _run(self, job: Job) -> None:
        view = job.view
        view.resume()
        await view.more(job.rows, self._on_page, older=job.older, everything=job.everything)
        if job.everything and view.error is None and not view.paused and not view.complete:
            await view.more(job.rows, self._on_page, older=not job.older, everything=True)  # the other end as well
        self._on_rows()
        if view.error is None and not view.paused and await view.prove():
            await view.more(job.rows, self._on_page, older=job.older, everything=job.everything)
        # The worker counts as running until it returns.
        self._host.call_later(self._finished, view)

    def _on_page(self) -> None:
        if self._redraw is None:
            wait = self._drawn_at + REDRAW_S - time.monotonic()
            self._redraw = certain(self._host.set_timer(max(0.001, wait), self._on_time))

    def _on_time(self) -> None:
        """Redraw, but after a key that has just been pressed; steady keys delay it once."""
        left = pause_left()
        if left > 0 and time.monotonic() - self._drawn_at < 2 * REDRAW_S:
            self._redraw = certain(self._host.set_timer(left, self._on_time))
        else:
            self._on_rows()

    def _on_rows(self) -> None:
        if self._redraw is not None:
            self._redraw.stop()
        self._redraw, self._drawn_at = None, time.monotonic()
        self._host.rows_changed()

    def _finished(self, view: View) -> None:
        """Called after a job came to its own end."""
        self._host.rows_changed()
        if view is self._host.view and view.error is None and not view.paused:
            self._table.ask_for_more()

    # -- when to fetch -----------------------------------------------------------------------------------------

    def place_shown(self) -> None:
        view = self._host.view
        if view.feed.unasked:
            self.fetch(older=view.older_done, rows=0)
        elif view.plan.local_order and len(view):
            self.fetch(older=True, rows=0)

    def reached(self, *, older: bool) -> None:
        """Fetch at an end that the table came near to."""
        view = self._host.view
        if view.error is not None or view.paused or (view.plan.local_order and len(view)):
            return
        if self._table.lacks(older=older):  # rows that arrived meanwhile may be enough
            self.fetch(older=older, rows=self._table.body)

    def scan_on(self) -> None:
        """Go on after a pause."""
        self.fetch(older=not self._host.view.older_done, rows=self._table.body)

    def action_load_all(self) -> None:
        view = self._host.view
        summary = view.summary()
        if summary.complete:
            self._host.say("Everything that matches is loaded")
        elif view.complete and summary.final and view.log.origin is not None:
            self._tell_why(view.log.origin.kind, summary.reason)
        elif view.complete:  # both ends were reached, and yet something is missing
            self._host.say(f"INCOMPLETE: {summary.reason}; r loads it anew", "warning")
        else:
            self.fetch(older=not view.older_done, everything=True)

    def _tell_why(self, kind: str, reason: str) -> None:
        """Show all of why a file or an archive lacks entries: the header has room for a part of it."""
        from auditlog_tui.ui.dialogs.telling import TellingScreen

        loaded = f"All in the {kind} that matches is loaded, and the {kind} may lack entries of the log:"
        self._host.ask(TellingScreen("INCOMPLETE", [(loaded, ""), (safe(reason, LONGEST_REASON), "$text-error")]))

    def retry(self) -> bool:
        """Repeat a job that failed or was stopped. False if there is none."""
        view = self._host.view
        if view.error is None and not view.feed.broken and self.stopped is not view:
            return False
        everything = self.job is not None and self.job.view is view and self.job.everything
        self.fetch(older=not view.older_done, rows=self._table.body, everything=everything)
        return True
