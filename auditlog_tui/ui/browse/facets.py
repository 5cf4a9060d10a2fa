"""Facets: the most frequent or the rarest values, counted in the background over the loaded rows as they grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditlog_tui.text.times import count, counted
from auditlog_tui.ui.browse.host import Controller, Host, on_table
from auditlog_tui.ui.browse.long_work import TargetWork
from auditlog_tui.ui.browse.side_panes import SidePanes
from auditlog_tui.ui.panes.facets import FacetPane

if TYPE_CHECKING:
    from auditlog_tui.analysis.facets import Facet, Facets
    from auditlog_tui.log.view import Summary

SLICES = 25
"""Slices counted between two updates of the pane: drawing it costs more than counting one."""


def _counted_of(summary: Summary) -> str:
    """What the counts are of: of all entries that match, or of the loaded ones."""
    if summary.complete:
        return f"of all {counted(summary.rows, 'entry', 'entries')}"
    loaded = f"{count(summary.loaded)} loaded{', not of all' if not summary.only else ''}"
    if not summary.filtered:
        return f"of {loaded}"
    return f"of {count(summary.rows)} that {'matches' if summary.rows == 1 else 'match'} in {loaded}"


class FacetController(Controller):
    """`s`, and `#` in the pane."""

    def __init__(self, host: Host, pane: FacetPane, side: SidePanes) -> None:
        self._host = host
        self._pane = pane
        self._side = side
        side.on_show(pane, self._count)
        self._facets: Facets | None = None
        self._slices = 0
        self._work = TargetWork(host, "facets")

    def action_facets(self) -> None:
        if self._pane.display and self._pane.has_focus:
            self.close()
        elif on_table(self._host):
            self._side.open(self._pane)
            self._count()

    def close(self) -> None:
        self._work.cancel()
        self._side.close(self._pane)

    def action_leave_facets(self) -> None:
        """Give the focus back to what the facets were opened from. They close if they hide it."""
        if self._side.covers_origin(self._pane):
            self.close()
        else:
            self._side.give_back_focus(self._pane)

    def rows_changed(self) -> None:
        if self._pane.display:
            self._count()

    def _count(self) -> None:
        from auditlog_tui.analysis.facets import Facets  # late: it loads the models

        run = self._host.view.matched
        if self._facets is None or self._facets.run is not run:
            self._facets = Facets(self._host.navigator.log.store, run)
            self._pane.forget()
            self._show()
        facets = self._facets
        if facets.behind:
            self._work.run(facets, lambda: self._fill(facets))
        else:
            self._show()  # the view may be complete now

    async def _fill(self, facets: Facets) -> None:
        await facets.fill(self._on_slice)
        if facets is self._facets:
            self._show()

    def _on_slice(self, facet: Facet) -> None:
        self._slices += 1
        if self._slices % SLICES == 1 or not facet.behind:
            self._show()

    def _show(self) -> None:
        if self._facets is not None:
            summary = self._host.view.summary()
            self._pane.show(self._facets.facets, summary.rows, _counted_of(summary), self._host.look.where)

    def action_count_facet(self) -> None:
        """Count the chosen value at the server."""
        chosen = self._pane.chosen
        if chosen is not None:
            field, value = chosen
            self._host.start(lambda: self._count_value(field, value), f"count {field} {value}")

    async def _count_value(self, field: str, value: str | int | None) -> None:
        navigator = self._host.navigator
        text = navigator.narrowed(field, value, negated=False)
        if text is None:
            self._host.say("There is nothing to count here", "warning")
            return
        facets = self._facets
        found = await navigator.count(text)
        if facets is not self._facets:
            return  # it was counted under another filter
        where = "in filter" if navigator.place.text else navigator.everywhere
        self._pane.asked[field, value] = f"{found} {where}" if found.of_log else str(found)
        self._show()
