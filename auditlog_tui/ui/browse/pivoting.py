"""Pivots: filters for the same actor, address or target, each with its count."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from auditlog_tui.errors import AuditLogError
from auditlog_tui.ui.browse.host import Controller, Host, wanted_row
from auditlog_tui.ui.patches.workers import start
from auditlog_tui.ui.table.table import EntryTable

if TYPE_CHECKING:
    from auditlog_tui.analysis.counting import Count
    from auditlog_tui.analysis.pivots import Pivot
    from auditlog_tui.ui.dialogs.menu import Choice, MenuScreen

NARROW = 100
"""Cells below which a line has no room for two dates with times of day."""

HINT = "small letter: within this filter · capital: over all time · Esc closes"

DATE, MINUTES = len("2026-11-22"), len("2026-11-22 10:41")
"""Cells of a date, and of one with its time of day."""

NUMBER = len("≤ 123,456")
"""Cells kept for a count, so that nothing moves as the counts arrive."""


class PivotController(Controller):
    """`p`: a menu of pivots that is shown at once and filled as the counts arrive."""

    def __init__(self, host: Host, table: EntryTable) -> None:
        self._host = host
        self._table = table

    def action_pivots(self) -> None:
        row = wanted_row(self._host, self._table)
        if row is not None:
            self._offer("entries of the same …", self._host.navigator.pivots(row))

    def open_meanings(self, text: str) -> bool:
        """For a text that is only an ID, offer the filters that it may stand for. False for any other text."""
        offers = self._host.navigator.meanings(text)
        if offers:
            self._offer(f"{text} as …", offers)
        return bool(offers)

    def _offer(self, title: str, pivots: list[Pivot]) -> None:
        from auditlog_tui.ui.dialogs.menu import Column, MenuScreen

        offers = {pivot.key: pivot for pivot in pivots}
        filtered = any(pivot.within != pivot.alone for pivot in pivots)
        columns = [Column(), *([Column("here", NUMBER, right=True)] if filtered else [])]
        columns.append(Column("in all", NUMBER, right=True))
        if any(pivot.spans for pivot in pivots):
            columns += [Column(head, self._date_width()) for head in ("first seen", "last seen")]
        choices = [_choice(pivot, note="counting") for pivot in pivots]
        menu = MenuScreen(title, choices, HINT if filtered else "Esc closes", columns)

        def chosen(key: str | None) -> None:
            pivot = offers.get((key or "").lower())
            if pivot is not None and key is not None:
                self._host.submit(pivot.within if key in offers else pivot.alone)

        self._host.ask(menu, chosen)
        for pivot in offers.values():
            start(menu, partial(self._count, menu, pivot, filtered=filtered), f"pivot-{pivot.key}")

    async def _count(self, menu: MenuScreen, pivot: Pivot, *, filtered: bool) -> None:
        navigator = self._host.navigator
        try:
            alone = await navigator.count(pivot.alone)
            within = await navigator.count(pivot.within) if filtered else alone
            counts = _counts(within, alone) if filtered else (alone.number,)
            menu.update(_choice(pivot, *counts, note="" if alone.of_log else "of those loaded"))
            span = await navigator.span(pivot.alone) if pivot.spans else None
        except AuditLogError as error:
            menu.update(_choice(pivot, note=str(error)))
            return
        if span is not None:
            times = (self._host.look.date_time(us)[: self._date_width()] for us in span)
            menu.update(_choice(pivot, *counts, *times))

    def _date_width(self) -> int:
        return MINUTES if self._table.app.size.width >= NARROW else DATE


def _counts(within: Count, alone: Count) -> tuple[str, str]:
    """The two numbers; the note after them tells if both are of loaded entries only."""
    return within.number if not alone.of_log else str(within), alone.number


def _choice(pivot: Pivot, *cells: str, note: str = "") -> Choice:
    from auditlog_tui.ui.dialogs.menu import Choice

    return Choice(pivot.key, pivot.name, (pivot.value, *cells), note, also=pivot.key.upper())
