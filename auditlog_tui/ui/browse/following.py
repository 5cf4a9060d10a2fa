"""Following the newest end: new entries are counted in the header, and the rows on the screen don't move."""

from __future__ import annotations

import asyncio
from datetime import UTC
from typing import TYPE_CHECKING

from auditlog_tui.errors import AuditLogError, ServerError, TimedOutError, UnreachableError
from auditlog_tui.log.polling import POLL_S, next_try, slower
from auditlog_tui.text.times import count, counted
from auditlog_tui.ui.browse.host import Controller, Host
from auditlog_tui.ui.browse.loading import LoadController
from auditlog_tui.ui.panes.bars import NO_ANSWER, HeaderBar
from auditlog_tui.ui.table.table import EntryTable

if TYPE_CHECKING:
    from textual.worker import Worker

    from auditlog_tui.log.live import LiveTail, News
    from auditlog_tui.log.view import View


WAITING = "Waiting for the network: new entries are followed once the log is loaded"

PASSING = UnreachableError, TimedOutError, ServerError
"""Errors after which the server may answer later."""


def _is_loaded(view: View) -> bool:
    """False while nothing of the log has arrived, since a case was opened."""
    return (bool(len(view.feed.run)) or view.older_done) and not view.feed.unasked


class FollowController(Controller):
    """`F` starts and stops it; it goes on with every filter. It is said to follow once the server has answered."""

    def __init__(self, host: Host, table: EntryTable, header: HeaderBar, loader: LoadController) -> None:
        self._host = host
        self._table = table
        self._header = header
        self._loader = loader
        self._on = False
        self._worker: Worker[None] | None = None
        self._new = 0
        self._own_reads = 0
        self._state = ""
        """Why nothing is followed just now: `waiting` for the first answer, `no answer`, or `not here`."""
        self._scrolled = False
        """Whether the newest row was above the screen at the last look."""
        self._left: tuple[View, int] | None = None
        """The view that `F` left for the newest entry, which may fail, and how often the cursor had been moved."""

    def action_follow(self) -> None:
        log = self._host.navigator.log
        if log.origin is not None:
            grows = "An archive is shown as it was when it was opened: r opens it again"
            self._host.say(grows if log.reopen else "A file does not grow, so there is nothing to follow", "warning")
            return
        self._on = not self._on
        self._state, self._left = "waiting", None
        asking = "Asking for what is new …" if _is_loaded(self._host.view) else WAITING
        self._host.say(asking if self._on else "Not following")
        if self._on and not self._host.view.newer_done:
            self._left = self._host.view, self._table.moves
            self._host.go(lambda: self._host.navigator.jump(oldest=False))
        else:
            self._begin(after_s=0)

    def place_shown(self) -> None:
        self._begin(after_s=0 if self._state else POLL_S)

    def _begin(self, after_s: float) -> None:
        """Follow the view on the screen from now on, if that is wanted."""
        self._new = self._own_reads = 0
        self._scrolled = False
        self._show()
        if self._on:
            self._worker = self._host.start(lambda: self._follow(self._host.view, after_s), "follow")
        elif self._worker is not None:
            self._worker.cancel()

    async def _follow(self, view: View, after_s: float) -> None:
        from auditlog_tui.log.live import LiveTail  # late: it loads the models

        tail, delay, warned = LiveTail(view, self._host.rows_changed), POLL_S, False
        await asyncio.sleep(POLL_S if self._was_left(view) else after_s)
        while True:
            if not _is_loaded(view):
                if isinstance(view.error, PASSING) and not self._loader.busy:
                    self._loader.retry()
            elif tail.possible:
                self._left = None
                delay, warned = await self._poll(tail, delay), False
            elif self._was_left(view):
                delay = await self._reach_newest(delay)
            elif not warned:
                if self._state != "not here":
                    self._host.say("Only the log's own order can be followed, from its newest entry on", "warning")
                warned, self._state = True, "not here"
                self._show()
            await asyncio.sleep(delay)

    def _was_left(self, view: View) -> bool:
        """Whether `F` left this view for the newest entry, and it is shown again because that failed."""
        return self._left is not None and self._left[0] is view

    async def _reach_newest(self, delay: float) -> float:
        """Go to the newest entry if the server answers again. Returns the seconds until the next attempt."""
        left = self._left
        try:
            await self._host.navigator.log.reach()
        except AuditLogError as error:
            self._state = NO_ANSWER
            self._show()
            if not isinstance(error, PASSING):
                self._left = None
            return slower(delay, error)
        if left is not None and left[1] == self._table.moves:
            self._host.go(lambda: self._host.navigator.jump(oldest=False))
        else:
            self._left, self._state = None, "not here"
            self._host.say("The server answers again: g goes to the newest entry, which is followed then")
            self._show()
        return POLL_S

    async def _poll(self, tail: LiveTail, delay: float) -> float:
        """Poll once, and fetch late entries. Returns the seconds until the next poll."""
        try:
            self._take_in(await tail.poll())
            self._answered(tail)
            self._take_in(await tail.mend())
        except AuditLogError as error:
            delay = slower(delay, error)
            if self._state != NO_ANSWER:
                look = self._host.look
                again = next_try(self._host.navigator.log.now_us(), delay, look.zone if look.mode == "local" else UTC)
                self._host.say(f"{error} Trying again {again}, until an answer comes.", "warning")
            self._state = NO_ANSWER
            self._show()
            return delay
        self._host.rows_changed()
        return POLL_S

    def _answered(self, tail: LiveTail) -> None:
        """The server has answered, so new entries are followed from now on."""
        if self._state:
            self._state = ""
            where = "is sorted in" if tail.view.plan.local_order else "comes in above, g goes there"
            self._host.say(f"Following: what is new {where}")
            self._show()

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
        self._header.follow(self._on, ", ".join(part for part in (new, own, self._state) if part))
