"""Scrolling: what comes near is fetched, and jumps go to the ends."""

from __future__ import annotations

from textual import on

from auditlog_tui.ui.browse.base import BrowseBase
from auditlog_tui.ui.table.table import EntryTable


class ScrollPart(BrowseBase):
    """The table's ends, loading, and trying again."""

    @on(EntryTable.Reached)
    def _reached(self, message: EntryTable.Reached) -> None:
        if self.view.error is not None or self.view.paused or (self.view.plan.local_order and len(self.view)):
            return
        if self.table.lacks(older=message.older):  # what came since the table said so may be enough
            self.fetch(older=message.older, rows=self.table.body)

    def shown(self) -> None:
        super().shown()
        if self.view.plan.local_order and len(self.view):
            self.fetch(older=True, rows=0)

    @on(EntryTable.ScanOn)
    def _scan_on(self) -> None:
        self.fetch(older=not self.view.older_done, rows=self.table.body)

    @on(EntryTable.Jumped)
    def _jumped(self, message: EntryTable.Jumped) -> None:
        self.leave()
        self.go(self.navigator.jump(oldest=message.oldest))

    def action_load_all(self) -> None:
        if self.view.complete:
            self.say("Everything that matches is loaded")
        else:
            self.fetch(older=not self.view.older_done, everything=True)

    async def action_retry(self) -> None:
        if self.follower.retry(self.navigator.log, self.look):
            return
        if self.view.error is not None or self.view.feed.broken or self.loader.stopped is self.view:
            job = self.loader.job
            everything = job is not None and job.view is self.view and job.everything
            self.fetch(older=not self.view.older_done, rows=self.table.body, everything=everything)
        elif self.view.marked:
            await self.show_marked()
        else:
            self.leave()
            self.go(self.navigator.refresh())
