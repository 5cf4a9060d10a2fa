"""Following the newest end: what is new is told, and nothing that one looks at moves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from auditlog_tui.errors import AuditLogError
from auditlog_tui.output.present import age, count, counted
from auditlog_tui.ui.screens.base import BrowseBase
from auditlog_tui.ui.work import start

if TYPE_CHECKING:
    from auditlog_tui.view import View

POLL_S, SLOWEST_S = 5.0, 60.0
"""Seconds between two polls, and at most after errors."""

MEND_EVERY = 6
"""Polls after which the last minutes are counted again, for entries that came late."""


class FollowPart(BrowseBase):
    """`F` begins and ends it; it goes on with every filter."""

    following = False
    _fresh = 0
    _own = 0

    def action_follow(self) -> None:
        self.following = not self.following
        if self.following and not self.view.newer_done:
            self.leave()
            self.go(self.browser.jump(oldest=False))
        else:
            self._follow_anew()
        self.say("Following: what is new comes in above, g goes there" if self.following else "Not following")

    def shown(self) -> None:
        super().shown()
        self._follow_anew()

    def _follow_anew(self) -> None:
        self._fresh = self._own = 0
        self._tell()
        if self.following:
            start(self, lambda: self._follow(self.view), "follow")
        else:
            self.workers.cancel_group(self, "follow")

    async def _follow(self, view: View) -> None:
        from auditlog_tui.tail import Tail  # late: it loads the models

        tail, delay, polls = Tail(view), POLL_S, 0
        while True:
            await asyncio.sleep(delay)
            if not tail.possible:
                self.say("Only the log's own order can be followed, from its newest entry on", "warning")
                continue
            try:
                polls += 1
                news = await tail.poll()
                late = (await tail.mend()).late if polls % MEND_EVERY == 0 else 0
                delay = POLL_S
            except AuditLogError as error:
                delay = min(delay * 2, SLOWEST_S)
                self.say(f"{error} Following goes on in {age(int(delay * 1_000_000))}.", "warning")
                continue
            self._fresh += news.added - news.own
            self._own += news.own
            if late == 1:
                self.say("1 entry came late, and was put where it belongs", "warning")
            elif late:
                self.say(f"{count(late)} entries came late, and were put where they belong", "warning")
            if news.added or late:
                self.changed()

    def changed(self) -> None:
        if self.table.top <= 0:
            self._fresh = self._own = 0
        super().changed()
        self._tell()

    def _tell(self) -> None:
        """What the header says of it."""
        fresh = f"{count(self._fresh)} new" if self._fresh else ""
        own = f"+{counted(self._own, 'own read')}" if self._own else ""
        self.header.follow(self.following, " ".join(part for part in (fresh, own) if part))
