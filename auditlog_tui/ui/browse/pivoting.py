"""Pivots: filters for the same actor, address or target, each with its count."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from auditlog_tui.errors import AuditLogError
from auditlog_tui.ui.browse.host import Controller, Host
from auditlog_tui.ui.dialogs.menu import Choice, MenuScreen
from auditlog_tui.ui.patches.workers import start
from auditlog_tui.ui.table.table import EntryTable

if TYPE_CHECKING:
    from auditlog_tui.analysis.pivots import Pivot

NARROW = 96
"""Cells below which a line has no room for two dates with times of day."""

HINT = "small letter: within this filter · capital: over all time · Esc closes"

MINUTES = len("2026-11-22 10:41")


class PivotController(Controller):
    """`p`: a menu of pivots that is shown at once and filled as the counts arrive."""

    def __init__(self, host: Host, table: EntryTable) -> None:
        self._host = host
        self._table = table

    def action_pivots(self) -> None:
        row = self._table.wanted_row()
        if row is not None:
            self._offer("entries of …", self._host.navigator.pivots(row), HINT)

    def open_meanings(self, text: str) -> bool:
        """For a text that is only an ID, offer the filters that it may stand for. False for any other text."""
        offers = self._host.navigator.meanings(text)
        if offers:
            self._offer(f"{text} as …", offers, "Esc closes")
        return bool(offers)

    def _offer(self, title: str, pivots: list[Pivot], hint: str) -> None:
        offers = {pivot.key: pivot for pivot in pivots}
        menu = MenuScreen(title, [_choice(pivot, "counting") for pivot in pivots], hint)

        def chosen(key: str | None) -> None:
            pivot = offers.get((key or "").lower())
            if pivot is not None and key is not None:
                self._host.submit(pivot.within if key in offers else pivot.alone)

        self._host.ask(menu, chosen)
        for pivot in offers.values():
            start(menu, partial(self._count, menu, pivot), f"pivot-{pivot.key}")

    async def _count(self, menu: MenuScreen, pivot: Pivot) -> None:
        navigator = self._host.navigator
        try:
            alone = await navigator.count(pivot.alone)
            same = pivot.within == pivot.alone
            counts = str(alone) if same else f"{await navigator.count(pivot.within)} here, {alone} in all"
            menu.update(_choice(pivot, counts))
            span = await navigator.span(pivot.alone) if pivot.spans else None
        except AuditLogError as error:
            menu.update(_choice(pivot, str(error)))
            return
        if span is not None:
            menu.update(_choice(pivot, f"{counts} · {self._span(*span, width=menu.app.size.width)}"))

    def _span(self, first_us: int, last_us: int, *, width: int) -> str:
        """First to last time: the date only once if it is the same, and no time of day in a narrow window."""
        first, last = (self._host.look.date_time(us)[:MINUTES] for us in (first_us, last_us))
        if first[:10] == last[:10]:
            return f"{first} to {last[11:]}"
        return f"{first} to {last}" if width >= NARROW else f"{first[:10]} to {last[:10]}"


def _choice(pivot: Pivot, detail: str) -> Choice:
    label = f"{pivot.name}: {pivot.value}" if pivot.value else pivot.name
    return Choice(pivot.key, label, detail, also=pivot.key.upper())
