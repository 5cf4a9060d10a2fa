"""Following the newest end: new entries are counted in the header, and the rows on the screen don't move."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from auditlog_tui.errors import AuditLogError
from auditlog_tui.log.polling import POLL_S, slower
from auditlog_tui.text.times import age, count, counted
from auditlog_tui.ui.browse.host import Controller, Host
from auditlog_tui.ui.panes.bars import HeaderBar
from auditlog_tui.ui.table.table import EntryTable

if TYPE_CHECKING:
    from textual.worker import Worker

    from auditlog_tui.log.live import LiveTail, News
    from auditlog_tui.log.view import View


class FollowController(Controller):
    """`F` starts and stops it; it goes on with every filter."""

    def __init__(self, host: Host, table: EntryTable, header: HeaderBar) -> None:
        self._host = host
        self._table = table
        self._header = header
        self._on = False
        self._worker: Worker[None] | None = None
        self._new = 0
        self._own_reads = 0
        self._failing = False
        self._scrolled = False
        """Whether the newest row was above the screen at the last look."""

    def action_follow(self) -> None:
        self._on = not self._on
        if self._on and not self._host.view.newer_done:
            self._host.go(lambda: self._host.navigator.jump(oldest=False))
        else:
            self.place_shown()
        where = "is sorted in" if self._host.view.plan.local_order else "comes in above, g goes there"
        self._host.say(f"Following: what is new {where}" if self._on else "Not following")

    def place_shown(self) -> None:
        self._new = self._own_reads = 0
        self._failing = self._scrolled = False
        self._show()
        if self._on:
            self._worker = self._host.start(lambda: self._follow(self._host.view), "follow")
        elif self._worker is not None:
            self._worker.cancel()

    async def _follow(self, view: View) -> None:
        from auditlog_tui.log.live import LiveTail  # late: it loads the models

        tail, delay, warned = LiveTail(view, self._host.rows_changed), POLL_S, False
        while True:
            await asyncio.sleep(delay)
            if tail.possible:
                delay, warned = await self._poll(tail, delay), False
            elif not warned:
                warned = True
                self._host.say("Only the log's own order can be followed, from its newest entry on", "warning")

    async def _poll(self, tail: LiveTail, delay: float) -> float:
        """Poll once, and fetch late entries. Returns the seconds until the next poll."""
        try:
            self._take_in(await tail.poll())
            self._take_in(await tail.mend())
        except AuditLogError as error:
            delay = slower(delay, error)
            if not self._failing:
                self._host.say(f"{error} Following goes on in {age(int(delay * 1_000_000))}.", "warning")
            self._failing = True
            self._show()
            return delay
        self._failing = False
        self._host.rows_changed()
        return POLL_S

    def _take_in(self, news: News) -> None:
        self.look_at_top(keyed=False)
        self._new += news.added - news.own_reads
        self._own_reads += news.own_reads
        if news.late == 1:
            self._host.say("1 entry came late, and was put where it belongs", "warning")
        elif news.late:
            self._host.say(f"{count(news.late)} entries came late, and were put where they belong", "warning")
        if news.added or news.late:
            self._host.rows_changed()

    def rows_changed(self) -> None:
        self._scrolled = self._table.top > 0
        self._show()

    def look_at_top(self, *, keyed: bool) -> None:
        """Count new entries as read once they are on the screen and the user pressed a key or scrolled there.

        Call it before the table takes in rows: those move the newest row above the screen.
        """
        if self._table.top <= 0 and (keyed or self._scrolled):
            self._new = self._own_reads = 0
            self._show()
        self._scrolled = self._table.top > 0

    def _show(self) -> None:
        new = f"{count(self._new)} new" if self._new else ""
        own = f"+{counted(self._own_reads, 'own read')}" if self._own_reads else ""
        failing = "no answer" if self._failing else ""
        self._header.follow(self._on, ", ".join(part for part in (new, own, failing) if part))
