"""Pivots: filters for the same actor, address or target, each with its count."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from auditlog_tui.errors import AuditLogError
from auditlog_tui.ui.browse.host import Controller, Host, wanted_row
from auditlog_tui.ui.dialogs.menu import Choice, Column, MenuScreen
from auditlog_tui.ui.patches.workers import start
from auditlog_tui.ui.table.table import EntryTable

if TYPE_CHECKING:
    from auditlog_tui.analysis.counting import Count
    from auditlog_tui.analysis.pivots import Pivot

NARROW = 100
"""Cells below which a line has no room for two dates with times of day."""

HINT = "small letter: in this filter · capital: over all time · Esc closes"

AT_LEAST = "≥: of what is loaded"
"""Told where the server could not count."""

DATE, MINUTES = len("2026-11-22"), len("2026-11-22 10:41")
"""Cells of a date, and of one with its time of day."""

NUMBER = len("≤ 1,234")
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
        offers = {pivot.key: pivot for pivot in pivots}
        filtered = any(pivot.within != pivot.alone for pivot in pivots)
        columns = [Column(), *([Column("filter", NUMBER, right=True)] if filtered else [])]
        columns.append(Column("all time", NUMBER, right=True))
        if any(pivot.spans for pivot in pivots):
            columns += [Column(head, self._date_width()) for head in ("first seen", "last seen")]
        choices = [_choice(pivot, note="counting") for pivot in pivots]
        menu = MenuScreen(title, choices, HINT if filtered else "Esc closes", columns)

        def chosen(key: str | None) -> None:
            pivot = offers.get((key or "").lower())
            if pivot is not None and key is not None:
                self._host.submit(pivot.within if key in offers else pivot.alone)

        self._host.ask(menu, chosen)

        def tell_at_least() -> None:
            menu.set_title(f"{title} ({AT_LEAST})", HINT if filtered else "Esc closes")

        for pivot in offers.values():
            work = partial(self._count, menu, pivot, tell_at_least, filtered=filtered)
            start(menu, work, f"pivot-{pivot.key}")

    async def _count(
        self, menu: MenuScreen, pivot: Pivot, tell_at_least: Callable[[], None], *, filtered: bool
    ) -> None:
        navigator = self._host.navigator
        try:
            alone = await navigator.count(pivot.alone)
            within = await navigator.count(pivot.within) if filtered else alone
            counts = (_number(within), _number(alone)) if filtered else (_number(alone),)
            menu.update(_choice(pivot, *counts))
            if not (within.of_log and alone.of_log):
                tell_at_least()
            span = await navigator.span(pivot.alone) if pivot.spans else None
        except AuditLogError as error:
            menu.update(_choice(pivot, note=str(error)))
            return
        if span is not None:
            times = (self._host.look.date_time(us)[: self._date_width()] for us in span)
            menu.update(_choice(pivot, *counts, *times))

    def _date_width(self) -> int:
        return MINUTES if self._table.app.size.width >= NARROW else DATE


def _number(count: Count) -> str:
    """The number with its sign: what was counted of the loaded entries is the least that there are."""
    return count.number if count.of_log else f"≥ {count.number}"


def _choice(pivot: Pivot, *cells: str, note: str = "") -> Choice:
    return Choice(pivot.key, pivot.name, (pivot.value, *cells), note, also=pivot.key.upper())
