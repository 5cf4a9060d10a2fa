"""Pivots: everything of the same actor, address or target, each counted before one goes there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from auditlog_tui.errors import AuditLogError
from auditlog_tui.text.present import format_time
from auditlog_tui.ui.browse.base import BrowseBase
from auditlog_tui.ui.dialogs.menu import Choice, MenuScreen
from auditlog_tui.ui.patches.workers import start

if TYPE_CHECKING:
    from auditlog_tui.analysis.pivots import Pivot

NARROW = 96
"""Cells below which a line has no room for two dates with their times of day."""

HINT = "small letter: within this filter · capital: over all time · Esc closes"


class PivotPart(BrowseBase):
    """The menu of pivots, filled as the counts come."""

    def open_pivots(self) -> None:
        row = self.table.row
        if row is None:
            return
        self._offer("entries of …", self.navigator.pivots(row), HINT)

    def open_meanings(self, text: str) -> bool:
        """Where a text is nothing but an ID, offer what that may mean, each counted; False for any other text."""
        offers = self.navigator.meanings(text)
        if offers:
            self._offer(f"{text} as …", offers, "Esc closes")
        return bool(offers)

    def _offer(self, title: str, pivots: list[Pivot], hint: str) -> None:
        offers = {pivot.key: pivot for pivot in pivots}
        menu = MenuScreen(title, [_choice(pivot, "counting") for pivot in pivots], hint)

        def chosen(key: str | None) -> None:
            pivot = offers.get((key or "").lower())
            if pivot is not None and key is not None:
                self.submit(pivot.within if key in offers else pivot.alone)

        self.app.push_screen(menu, chosen)
        for pivot in offers.values():
            start(menu, partial(self._count_pivot, menu, pivot), f"pivot-{pivot.key}")

    async def _count_pivot(self, menu: MenuScreen, pivot: Pivot) -> None:
        try:
            alone = await self.navigator.count(pivot.alone)
            same = pivot.within == pivot.alone
            told = str(alone) if same else f"{await self.navigator.count(pivot.within)} here, {alone} in all"
            menu.update(_choice(pivot, told))
            span = await self.navigator.span(pivot.alone) if pivot.spans else None
        except AuditLogError as error:
            menu.update(_choice(pivot, str(error)))
            return
        if span is not None:
            menu.update(_choice(pivot, f"{told} · {self._span(*span)}"))

    def _span(self, first_us: int, last_us: int) -> str:
        """From when to when: without the time of day where there is no room for that, and one date once."""
        first, last = self._time(first_us), self._time(last_us)
        if first[:10] == last[:10]:
            return f"{first} to {last[11:]}"
        return f"{first} to {last}" if self.app.size.width >= NARROW else f"{first[:10]} to {last[:10]}"

    def _time(self, us: int) -> str:
        look = self.look
        return format_time(us, "utc" if look.mode == "relative" else look.mode, look.now_us, look.zone)[:16]


def _choice(pivot: Pivot, told: str) -> Choice:
    label = f"{pivot.name}: {pivot.value}" if pivot.value else pivot.name
    return Choice(pivot.key, label, told, also=pivot.key.upper())
