"""Going to a moment: the time around an entry, and any time that is typed."""

from __future__ import annotations

from auditlog_tui.errors import AuditLogError
from auditlog_tui.text.present import age
from auditlog_tui.ui.browse.base import BrowseBase
from auditlog_tui.ui.dialogs.prompt import PromptScreen
from auditlog_tui.ui.patches.workers import start

STEPS_US = tuple(seconds * 1_000_000 for seconds in (10, 30, 60, 120, 300, 900, 3_600, 21_600, 86_400, 30 * 86_400))
"""What may be shown before and after an entry, in microseconds; each has one unit, and is named as it is."""

AROUND_US = 300_000_000
"""The one to begin with."""


class MomentPart(BrowseBase):
    """`.` and then `<` and `>`; ctrl+t."""

    def open_around(self, half_us: int = AROUND_US) -> None:
        row = self.table.row
        if row is None:
            return
        self.leave()
        place = self.navigator.around(row, half_us, self.table.body // 2)
        if place is None:
            self.say("This entry's time can't be read, so there is nothing around it", "warning")
            return
        self.go(place)
        self.say(f"Everything {age(half_us)} before and after this entry; < and > change that, [ goes back")

    def change_around(self, way: int) -> None:
        """Show less time around the entry (-1) or more (1)."""
        half_us = self.navigator.place.around
        if not half_us:
            self.say("< and > narrow and widen the time around an entry: . shows that first")
            return
        further = [step for step in STEPS_US if (step - half_us) * way > 0]
        if further:
            self.open_around(min(further, key=lambda step: abs(step - half_us)))
        else:
            self.say(f"{age(half_us)} before and after is the {'most' if way > 0 else 'least'} there is")

    def action_go_to_time(self) -> None:
        from auditlog_tui.query import MOMENT_HINT  # late: it loads the models

        prompt = PromptScreen("go to time", hint=MOMENT_HINT, check=self.navigator.moment)
        self.app.push_screen(prompt, self._go_to)

    def _go_to(self, text: str | None) -> None:
        if text is not None:
            start(self, lambda: self._go_when_known(text), "moment")

    async def _go_when_known(self, text: str) -> None:
        """Go there, once the server's clock is known: a moment may depend on now."""
        try:
            await self.navigator.log.learn_clock()
        except AuditLogError as error:
            self.say(str(error), "error")
        self.leave()
        self.go(self.navigator.at_moment(self.navigator.moment(text)))
