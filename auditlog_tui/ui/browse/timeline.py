"""The timeline: counts of the filter over time, in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditlog_tui.errors import AuditLogError
from auditlog_tui.ui.browse.host import Controller, Host
from auditlog_tui.ui.panes.timeline import TimelineBar
from auditlog_tui.ui.table.table import EntryTable

if TYPE_CHECKING:
    from textual.worker import Worker

    from auditlog_tui.analysis.timeline import Timeline

WORTH = {"exact": "", "at most": "at most", "loaded": "of what is loaded"}
"""Shown after a count, by how it was made."""


class TimelineController(Controller):
    """`i` shows, focuses and hides it, `+` makes it finer."""

    def __init__(self, host: Host, bar: TimelineBar, table: EntryTable) -> None:
        self._host = host
        self._bar = bar
        self._table = table
        self._timeline: Timeline | None = None
        self._buckets = 0
        self._worker: Worker[None] | None = None

    def action_timeline(self) -> None:
        if self._bar.display and not self._bar.has_focus:
            self._bar.focus()
        elif self._bar.display:
            self.close()
        else:
            self._bar.display = True
            self._bar.focus()
            self._count()

    def close(self) -> None:
        self._bar.display = False
        if self._worker is not None:
            self._worker.cancel()
        self._table.focus()

    def place_shown(self) -> None:
        if self._bar.display:
            self._count()

    def _count(self) -> None:
        from auditlog_tui.analysis.timeline import FEWEST, Timeline  # late: it loads the models

        view = self._host.view
        if self._timeline is None or self._timeline.view is not view:
            self._timeline, self._buckets = Timeline(view, self._host.navigator.counting), FEWEST
            self._bar.show([], "counting")
        timeline, buckets = self._timeline, self._buckets
        self._worker = self._host.start(lambda: self._fill(timeline, buckets), "timeline")

    async def _fill(self, timeline: Timeline, buckets: int) -> None:
        try:
            await timeline.fill(buckets, lambda: self._show(timeline, "counting"))
            self._show(timeline, "" if timeline.buckets else "nothing to count")
        except AuditLogError as error:
            self._show(timeline, str(error))

    def _show(self, timeline: Timeline, note: str) -> None:
        if timeline is self._timeline:
            worth = WORTH[timeline.how.value]
            self._bar.show(timeline.buckets, note or ("" if worth else "counted by the server"), worth)

    def action_finer_timeline(self) -> None:
        from auditlog_tui.analysis.timeline import MOST

        if self._buckets >= MOST:
            self._host.say("Bars don't get shorter than this; Enter filters by one, which is then divided anew")
        else:
            self._buckets *= 2
            self._count()
