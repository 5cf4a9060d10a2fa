"""The timeline's requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on

from auditlog_tui.errors import AuditLogError
from auditlog_tui.ui.browse.base import BrowseBase
from auditlog_tui.ui.panes.timeline import TimelineBar
from auditlog_tui.ui.patches.workers import start

if TYPE_CHECKING:
    from auditlog_tui.analysis.timeline import Timeline

WORTH = {"exact": "", "at most": "at most", "loaded": "of what is loaded"}


class TimelinePart(BrowseBase):
    """`i` shows and hides it; what it shows follows the filter."""

    _timeline: Timeline | None = None
    _buckets = 0

    def action_timeline(self) -> None:
        bar = self.timeline
        if bar.display and not bar.has_focus:
            bar.focus()
        elif bar.display:
            self.hide_timeline()
        else:
            bar.display = True
            bar.focus()
            self._count_over_time()

    def hide_timeline(self) -> None:
        self.timeline.display = False
        self.workers.cancel_group(self, "timeline")
        self.table.focus()

    def shown(self) -> None:
        super().shown()
        if self.timeline.display:
            self._count_over_time()

    def _count_over_time(self) -> None:
        from auditlog_tui.analysis.timeline import FEWEST, Timeline  # late: it loads the models

        if self._timeline is None or self._timeline.view is not self.view:
            self._timeline, self._buckets = Timeline(self.view, self.navigator.counting), FEWEST
            self.timeline.show([], self.look, "counting")
        timeline, buckets = self._timeline, self._buckets
        start(self, lambda: self._fill_timeline(timeline, buckets), "timeline")

    async def _fill_timeline(self, timeline: Timeline, buckets: int) -> None:
        try:
            await timeline.fill(buckets, lambda: self._show_timeline(timeline, "counting"))
            self._show_timeline(timeline, "" if timeline.buckets else "nothing to count")
        except AuditLogError as error:
            self._show_timeline(timeline, str(error))

    def _show_timeline(self, timeline: Timeline, more: str) -> None:
        if timeline is self._timeline:
            worth = WORTH[timeline.how.value]
            note = more or ("" if worth else "counted by the server")
            self.timeline.show(timeline.buckets, self.look, note, worth)

    @on(TimelineBar.Finer)
    def _finer(self) -> None:
        from auditlog_tui.analysis.timeline import MOST

        if self._buckets >= MOST:
            self.say("It does not get finer than this; Enter filters by a stretch, which is then cut anew")
        else:
            self._buckets *= 2
            self._count_over_time()

    @on(TimelineBar.Chosen)
    def _chosen(self, message: TimelineBar.Chosen) -> None:
        self.submit(self.navigator.between(message.first_us, message.last_us))

    @on(TimelineBar.Left)
    def _left_timeline(self) -> None:
        self.table.focus()
