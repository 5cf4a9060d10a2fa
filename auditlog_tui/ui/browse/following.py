"""Following the newest end: what is new is told, and nothing that one looks at moves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from auditlog_tui.errors import AuditLogError
from auditlog_tui.text.present import age, count, counted
from auditlog_tui.ui.browse.base import BrowseBase
from auditlog_tui.ui.patches.workers import start

if TYPE_CHECKING:
    from auditlog_tui.log.live import LiveTail, News
    from auditlog_tui.log.view import View

POLL_S, SLOWEST_S = 5.0, 60.0
"""Seconds between two polls, and at most after errors."""


class FollowPart(BrowseBase):
    """`F` begins and ends it; it goes on with every filter."""

    following = False
    _fresh = 0
    _own = 0
    _failing = False
    _above = False

    def action_follow(self) -> None:
        self.following = not self.following
        if self.following and not self.view.newer_done:
            self.leave()
            self.go(self.navigator.jump(oldest=False))
        else:
            self._follow_anew()
        self.say("Following: what is new comes in above, g goes there" if self.following else "Not following")

    def shown(self) -> None:
        super().shown()
        self._follow_anew()

    def _follow_anew(self) -> None:
        self._fresh = self._own = 0
        self._failing = self._above = False
        self._tell()
        if self.following:
            start(self, lambda: self._follow(self.view), "follow")
        else:
            self.workers.cancel_group(self, "follow")

    async def _follow(self, view: View) -> None:
        from auditlog_tui.log.live import LiveTail  # late: it loads the models

        tail, delay, told = LiveTail(view, self.changed), POLL_S, False
        while True:
            await asyncio.sleep(delay)
            if tail.possible:
                delay, told = await self._round(tail, delay), False
            elif not told:
                told = True
                self.say("Only the log's own order can be followed, from its newest entry on", "warning")

    async def _round(self, tail: LiveTail, delay: float) -> float:
        """One poll, and what came late; returns the seconds until the next."""
        try:
            self._came(tail, await tail.poll())
            self._came(tail, await tail.mend())
        except AuditLogError as error:
            delay = min(delay * 2, SLOWEST_S)
            if not self._failing:
                self.say(f"{error} Following goes on in {age(int(delay * 1_000_000))}.", "warning")
            self._failing = True
            self._tell()
            return delay
        self._failing = False
        self.changed()
        return POLL_S

    def _came(self, tail: LiveTail, news: News) -> None:
        self._read(keyed=False)
        self._fresh += news.added - news.own_reads
        self._own += news.own_reads
        if news.late == 1:
            self.say("1 entry came late, and was put where it belongs", "warning")
        elif news.late:
            self.say(f"{count(news.late)} entries came late, and were put where they belong", "warning")
        if news.added or news.late:
            self.changed()

    def changed(self) -> None:
        self._read(keyed=False)
        super().changed()
        self._above = self.table.top > 0
        self._tell()

    def keyed(self) -> None:
        super().keyed()
        self.call_after_refresh(self._read, keyed=True)

    def _tick(self) -> None:
        super()._tick()
        self._read(keyed=False)

    def _read(self, *, keyed: bool) -> None:
        """What is new is read once a key was pressed, or one scrolled, and it is on the screen."""
        if self.table.top <= 0 and (keyed or self._above):
            self._fresh = self._own = 0
            self._tell()
        self._above = self.table.top > 0

    def _tell(self) -> None:
        """What the header says of it."""
        fresh = f"{count(self._fresh)} new" if self._fresh else ""
        own = f"+{counted(self._own, 'own read')}" if self._own else ""
        failing = "no answer" if self._failing else ""
        self.header.follow(self.following, ", ".join(part for part in (fresh, own, failing) if part))
