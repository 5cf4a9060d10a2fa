"""Filters: submitting, narrowing by what is on the screen, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on

from auditlog_tui.ui.screens.base import BrowseBase
from auditlog_tui.ui.widgets.filter_bar import FilterBar

if TYPE_CHECKING:
    from auditlog_tui.browser import Place


class FilterPart(BrowseBase):
    """The filter bar's requests, and the history of places."""

    @on(FilterBar.Submitted)
    def _submitted(self, message: FilterBar.Submitted) -> None:
        self.submit(message.text)

    @on(FilterBar.Left)
    def _left_filter(self) -> None:
        self.table.focus()

    def action_edit_filter(self) -> None:
        self.filter_bar.open()

    def action_back(self) -> None:
        self.leave()
        self._show(self.browser.back(), "This is the first filter of this run")

    def action_forward(self) -> None:
        self.leave()
        self._show(self.browser.forward(), "There is nothing to go forward to")

    def _show(self, place: Place | None, nothing: str) -> None:
        if place is None:
            self.say(nothing)
        else:
            self.go(place)

    def action_park(self) -> None:
        self.leave()
        self.go(self.browser.park())
