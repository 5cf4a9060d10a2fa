"""The detail pane and the facets share one place, and stand side by side where there is room for both."""

from __future__ import annotations

from collections.abc import Callable

from textual.geometry import Size
from textual.widget import Widget

from auditlog_tui.ui.panes.detail import DetailPane
from auditlog_tui.ui.panes.facets import FacetPane
from auditlog_tui.ui.table.table import EntryTable

WIDE = 150
"""Cells from which the panes stand beside the table, not below it."""

BOTH_WIDE, BOTH_HIGH = 220, 60
"""Cells beside the table, and lines below it, from which both panes are shown."""

OPEN = "-open"


class SidePanes:
    """Which of the two is open. One that had to make room for the other comes back when that is closed."""

    def __init__(self, detail: DetailPane, facets: FacetPane, table: EntryTable) -> None:
        self._panes = (detail, facets)
        self._table = table
        self._fill: dict[Widget, Callable[[], None]] = {}
        self._covered: Widget | None = None
        """The pane that was hidden to make room for the other one."""
        self._opened_from: dict[Widget, Widget] = {}
        """What had the focus when a pane was opened: the other pane, or the table."""
        self._room_for_both = False

    def on_show(self, pane: Widget, fill: Callable[[], None]) -> None:
        """Call `fill` whenever the pane comes back."""
        self._fill[pane] = fill

    def open(self, pane: Widget) -> None:
        """Open a pane and give it the focus."""
        if self._covered is pane:
            self._covered = None
        other = self._other(pane)
        self._opened_from[pane] = other if other.has_focus else self._table
        pane.add_class(OPEN)
        self._make_room(pane)
        self._lay_out()
        pane.focus()

    def close(self, pane: Widget) -> None:
        """Close a pane, show the one that had made room for it, and give back the focus."""
        pane.remove_class(OPEN)
        covered, self._covered = self._covered, None
        if covered is not None:
            self._come_back(covered)
        self._lay_out()
        self.give_back_focus(pane)

    def covers_origin(self, pane: Widget) -> bool:
        """Whether a pane hides the one it was opened from."""
        return self._covered is not None and self._opened_from.get(pane) is self._covered

    def give_back_focus(self, pane: Widget) -> None:
        """Give the focus back to what a pane was opened from, or to the table if that is closed."""
        origin = self._opened_from.get(pane, self._table)
        (origin if origin.has_class(OPEN) else self._table).focus()

    def fit(self, size: Size) -> None:
        """Follow the size of the screen."""
        self._room_for_both = size.width >= BOTH_WIDE or (size.width < WIDE and size.height >= BOTH_HIGH)
        if self._covered is not None and self._room_for_both:
            pane, self._covered = self._covered, None
            self._come_back(pane)
        elif all(pane.has_class(OPEN) for pane in self._panes):
            self._make_room(next((pane for pane in self._panes if pane.has_focus), self._panes[0]))
        self._lay_out()

    def _make_room(self, pane: Widget) -> None:
        other = self._other(pane)
        if other.has_class(OPEN) and not self._room_for_both:
            self._covered = other
            other.remove_class(OPEN)

    def _other(self, pane: Widget) -> Widget:
        return next(each for each in self._panes if each is not pane)

    def _lay_out(self) -> None:
        both = all(pane.has_class(OPEN) for pane in self._panes)
        for pane in self._panes:
            pane.set_class(both, "-both")

    def _come_back(self, pane: Widget) -> None:
        pane.add_class(OPEN)
        self._fill[pane]()
