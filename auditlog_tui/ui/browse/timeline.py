"""The timeline: counts of the filter over time, in the background."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from auditlog_tui.errors import AuditLogError
from auditlog_tui.text.times import count
from auditlog_tui.ui.browse.host import Controller, Host
from auditlog_tui.ui.panes.timeline import TimelineBar
from auditlog_tui.ui.table.table import EntryTable

if TYPE_CHECKING:
    from textual.worker import Worker

    from auditlog_tui.analysis.timeline import Timeline

GROWTH = 1.25
"""An incomplete log is counted again at so many times the rows: counting all of them for each page is too much."""


class TimelineController(Controller):
    """`i` shows, focuses and hides it, `+` makes it finer. It takes no lines while there is nothing to count."""

    def __init__(self, host: Host, bar: TimelineBar, table: EntryTable) -> None:
        self._host = host
        self._bar = bar
        self._table = table
        self._open = False
        self._timeline: Timeline | None = None
        self._asked = 0
        self._room = 0
        self._worker: Worker[None] | None = None

    def action_timeline(self) -> None:
        if self._bar.has_focus:
            self.close()
        elif self._bar.display:
            self._bar.focus()
        else:
            self._open = self._bar.display = True
            self._bar.focus()
            self._count()

    def close(self) -> None:
        self._open = self._bar.display = False
        if self._worker is not None:
            self._worker.cancel()
        self._table.focus()

    def place_shown(self) -> None:
        if self._open:
            self._count()

    def rows_changed(self) -> None:
        """Count the rows again if they were counted here and there are more now, or all of them."""
        timeline = self._timeline
        if not self._open or timeline is None or timeline.view is not self._host.view or self._busy:
            return
        if self._outdated(timeline):
            self._count()

    def room_changed(self) -> None:
        """Count again where the number of intervals follows the width of the window."""
        timeline = self._timeline
        if self._open and timeline is not None and timeline.rows is not None and self._bar.room != self._room:
            self._count()

    @property
    def _busy(self) -> bool:
        return self._worker is not None and not self._worker.is_finished

    def _outdated(self, timeline: Timeline) -> bool:
        view = self._host.view
        complete = view.summary().complete
        if timeline.rows is None:
            return complete  # now it can be counted here
        return len(view) != timeline.rows and (complete or not timeline.rows or len(view) >= GROWTH * timeline.rows)

    def _count(self) -> None:
        from auditlog_tui.analysis.timeline import FEWEST, Timeline  # late: it loads the models

        view, look = self._host.view, self._host.look
        if self._timeline is None or self._timeline.view is not view:
            zone = look.zone if look.mode == "local" else UTC
            self._timeline, self._asked = Timeline(view, self._host.navigator.counting, zone), FEWEST
            self._bar.show([], "counting …")
        timeline, asked, self._room = self._timeline, self._asked, self._bar.room
        self._worker = self._host.start(lambda: self._fill(timeline, self._room, asked), "timeline")

    async def _fill(self, timeline: Timeline, room: int, asked: int) -> None:
        try:
            await timeline.fill(room, asked, lambda: self._show(timeline, "counting"))
        except AuditLogError as error:
            self._show(timeline, str(error))
            return
        if timeline is self._timeline:
            self._show(timeline, "")
            self._host.call_later(self.rows_changed)  # they may have changed meanwhile

    def _show(self, timeline: Timeline, note: str) -> None:
        if timeline is not self._timeline or not self._open:
            return
        worth = {"exact": "", "at most": "at most", "loaded": f"of {count(timeline.rows or 0)} loaded"}
        origin = self._host.navigator.log.origin
        by = "counted by the server" if origin is None else f"counted in the {origin.kind}"
        by = by if timeline.rows is None else ""
        self._bar.show(timeline.buckets, note or by, worth[timeline.how.value])
        self._bar.display = bool(timeline.buckets or note)
        if not self._bar.display and self._bar.has_focus:
            self._table.focus()
            self._host.say(f"The timeline has nothing to count: {self._why_nothing(timeline)}")

    def _why_nothing(self, timeline: Timeline) -> str:
        if timeline.rows:
            return "no entry has a time that can be read"
        return "no entry matches" if timeline.view.summary().complete else "no entry that matches is loaded so far"

    def action_finer_timeline(self) -> None:
        from auditlog_tui.analysis.timeline import MOST

        timeline = self._timeline
        if timeline is not None and timeline.rows is None and self._asked < MOST:
            self._asked = MOST
            self._count()
        else:
            self._host.say("There are as many bars as can be; Enter filters by one, which is then divided anew")
