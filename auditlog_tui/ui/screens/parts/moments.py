"""Going to a moment: the time around an entry, and any time that is typed."""

from __future__ import annotations

from auditlog_tui.output.present import age
from auditlog_tui.ui.screens.base import BrowseBase
from auditlog_tui.ui.screens.prompt import PromptScreen

AROUND_US = 5 * 60_000_000
"""Shown before and after an entry to begin with, in microseconds."""

LEAST_US, MOST_US = 1_000_000, 30 * 86_400_000_000


class MomentPart(BrowseBase):
    """`.` and then `<` and `>`; ctrl+t."""

    def open_around(self, half_us: int = AROUND_US) -> None:
        row = self.table.row
        if row is None:
            return
        self.leave()
        place = self.browser.around(row, half_us, self.table.body // 2)
        if place is None:
            self.say("This entry's time can't be read, so there is nothing around it", "warning")
            return
        self.go(place)
        self.say(f"Everything {age(half_us)} before and after this entry; < and > change that, [ goes back")

    def change_around(self, factor: float) -> None:
        half_us = self.browser.place.around
        if not half_us:
            self.say("< and > narrow and widen the time around an entry: . shows that first")
        else:
            self.open_around(int(max(LEAST_US, min(half_us * factor, MOST_US))))

    def action_go_to_time(self) -> None:
        from auditlog_tui.query import MOMENT_HINT  # late: it loads the models

        prompt = PromptScreen("go to time", hint=MOMENT_HINT, check=self.browser.moment)
        self.app.push_screen(prompt, self._go_to)

    def _go_to(self, text: str | None) -> None:
        if text is not None:
            self.leave()
            self.go(self.browser.at_moment(self.browser.moment(text)))
