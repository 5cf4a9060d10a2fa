"""Pivots: filters for the same actor, address or target, each with its count.

They are counted within the filter, which takes no request where everything that matches is loaded. Counting over all
time takes about a dozen requests, so it is done only when asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from auditlog_tui.errors import AuditLogError
from auditlog_tui.text.cells import cell_width
from auditlog_tui.text.safe import safe
from auditlog_tui.ui.browse.host import Controller, Host, wanted_row
from auditlog_tui.ui.patches.workers import start
from auditlog_tui.ui.table.table import EntryTable

if TYPE_CHECKING:
    from auditlog_tui.analysis.counting import Count
    from auditlog_tui.analysis.pivots import Pivot
    from auditlog_tui.ui.dialogs.menu import Choice, Column
    from auditlog_tui.ui.dialogs.pivot_menu import PivotMenu

WITHIN = "letter: within this filter · capital: over all time, Tab counts it · Esc"
ALL = "letter: within this filter · capital: over all time · Esc closes"

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
        """For an ID or an address alone, offer the filters that it may stand for. False for any other text."""
        offers = self._host.navigator.meanings(text)
        if offers:
            self._offer(f"{text} as …", offers)
        return bool(offers)

    def _offer(self, title: str, pivots: list[Pivot]) -> None:
        from auditlog_tui.ui.dialogs.pivot_menu import PivotMenu

        offers = {pivot.key: pivot for pivot in pivots}
        filtered = any(pivot.within != pivot.alone for pivot in pivots)
        spans = any(pivot.spans for pivot in pivots)
        navigator, everywhere = self._host.navigator, self._host.navigator.everywhere
        heads = ("here", "first here", "last here") if filtered else (everywhere, "first seen", "last seen")
        menu = PivotMenu(
            title,
            [_choice(pivot, note="counting") for pivot in pivots],
            WITHIN if filtered else "Esc closes",
            _columns(heads[:1], heads[1:] if spans else ()),
            (lambda menu: self._count_all(menu, pivots)) if filtered else None,
        )
        if spans:
            _set_columns(menu, pivots, heads[:1], heads[1:])

        def chosen(key: str | None) -> None:
            pivot = offers.get((key or "").lower())
            if pivot is not None and key is not None:
                navigator.journal.note("pivot", {"to": pivot.name, "value": pivot.value, "within": key in offers})
                self._host.submit(pivot.within if key in offers else pivot.alone)

        self._host.ask(menu, chosen)
        self._count(menu, pivots, everywhere=False)

    def _count_all(self, menu: PivotMenu, pivots: list[Pivot]) -> None:
        """Count over all time as well."""
        menu.set_hint(ALL)
        for pivot in pivots:
            menu.update(_choice(pivot, note="counting"))
        _set_columns(menu, pivots, ("here", self._host.navigator.everywhere), ("first seen", "last seen"))
        self._count(menu, pivots, everywhere=True)

    def _count(self, menu: PivotMenu, pivots: list[Pivot], *, everywhere: bool) -> None:
        for pivot in pivots:
            start(menu, partial(self._fill, menu, pivot, everywhere=everywhere), f"pivot-{pivot.key}")

    async def _fill(self, menu: PivotMenu, pivot: Pivot, *, everywhere: bool) -> None:
        navigator = self._host.navigator
        texts = (pivot.within, pivot.alone) if everywhere else (pivot.within,)
        try:
            counts = [await navigator.count(text) for text in texts]
            numbers = list(map(_number, counts))
            menu.update(_choice(pivot, *numbers))
            if not all(count.of_log for count in counts):
                menu.add_legend(AT_LEAST)
            span = await navigator.span(texts[-1]) if pivot.spans else None
        except AuditLogError as error:
            menu.update(_choice(pivot, note=str(error)))
            return
        if span is not None:
            times = (self._host.look.date_time(us)[: menu.columns[-1].width] for us in span)
            menu.update(_choice(pivot, *numbers, *times))


def _columns(counts: Sequence[str], times: Sequence[str], width: int = DATE) -> list[Column]:
    """The value's column, and those with these heads; times take `width` cells."""
    from auditlog_tui.ui.dialogs.menu import Column

    return [
        Column(),
        *(Column(head, NUMBER, right=True) for head in counts),
        *(Column(head, width) for head in times),
    ]


def _set_columns(menu: PivotMenu, pivots: Sequence[Pivot], counts: Sequence[str], times: Sequence[str]) -> None:
    """Set the menu's columns. Times have minutes if that cuts no value beside them that is whole beside dates."""
    dates, minutes = (_columns(counts, times, width) for width in (DATE, MINUTES))
    beside_dates, beside_minutes = menu.widths_of(dates), menu.widths_of(minutes)
    values = [cell_width(safe(pivot.value)) for pivot in pivots if pivot.spans]
    cut = any(beside_minutes[1] < value <= beside_dates[1] for value in values)
    menu.set_columns(minutes if beside_minutes[-1] and not cut else dates)


def _number(count: Count) -> str:
    """The number with its sign: what was counted of the loaded entries is the least that there are."""
    return count.number if count.of_log else f"≥ {count.number}"


def _choice(pivot: Pivot, *cells: str, note: str = "") -> Choice:
    from auditlog_tui.ui.dialogs.menu import Choice

    return Choice(pivot.key, pivot.name, (pivot.value, *cells), note, also=pivot.key.upper())
