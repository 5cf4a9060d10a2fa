"""Facets and novelty: computed in the background over what is loaded, as it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on

from auditlog_tui.errors import AuditLogError
from auditlog_tui.output.present import age, safe
from auditlog_tui.ui.screens.base import BrowseBase
from auditlog_tui.ui.widgets.facets import FacetPane
from auditlog_tui.ui.work import start

if TYPE_CHECKING:
    from auditlog_tui.facets import Facet, Facets
    from auditlog_tui.novelty import Novelty

EVERY = 25
"""Slices between two looks at the facets: drawing them costs more than counting one."""


class FacetPart(BrowseBase):
    """`s`; `x` and `X`."""

    _facets: Facets | None = None
    _novelty: Novelty | None = None
    _slices = 0

    # -- facets ------------------------------------------------------------------------------------------------

    def action_facets(self) -> None:
        if self.facets.display and self.facets.has_focus:
            self.hide_facets()
            return
        self.pane.remove_class("-open")  # they share the place
        self.facets.display = True
        self.facets.focus()
        self._count_facets()

    def hide_facets(self) -> None:
        self.facets.display = False
        self.workers.cancel_group(self, "facets")
        self.table.focus()

    def changed(self) -> None:
        super().changed()
        self._look_for_novelty()
        if self.facets.display:
            self._count_facets()

    def _count_facets(self) -> None:
        from auditlog_tui.facets import Facets  # late: it loads the models

        run = self.view.run
        if self._facets is None or self._facets.run is not run:
            self._facets = Facets(self.browser.log.store, run)
            self.facets.asked = {}
            self._show_facets()
        facets = self._facets
        if facets.behind and not self._working("facets"):
            start(self, lambda: self._fill_facets(facets), "facets")

    async def _fill_facets(self, facets: Facets) -> None:
        try:
            await facets.fill(self._sliced)
        except AuditLogError as error:
            self.say(str(error), "error")
        if facets is self._facets:
            self._show_facets()

    def _sliced(self, facet: Facet) -> None:
        self._slices += 1
        if self._slices % EVERY == 1 or not facet.behind:
            self._show_facets()

    def _show_facets(self) -> None:
        if self._facets is not None:
            self.facets.show(self._facets.facets, len(self.view))

    def _working(self, group: str) -> bool:
        return any(worker.group == group and worker.is_running for worker in self.workers)

    @on(FacetPane.Asked)
    def _asked_of_facet(self, message: FacetPane.Asked) -> None:
        if message.action == "count":
            start(self, lambda: self._count_value(message.field, message.value), "count")
        else:
            self.narrow(message.field, message.value, message.action)

    async def _count_value(self, field: str, value: str | int | None) -> None:
        text = self.browser.narrowed(field, value, negated=False)
        if text is None:
            self.say("There is nothing to count here", "warning")
            return
        try:
            told = f"{await self.browser.count(text)} in all"
        except AuditLogError as error:
            self.say(str(error), "error")
            return
        self.facets.asked[field, value] = told
        self._show_facets()

    @on(FacetPane.Left)
    def _left_facets(self) -> None:
        self.table.focus()

    # -- novelty -----------------------------------------------------------------------------------------------

    def _look_for_novelty(self) -> None:
        from auditlog_tui.novelty import Novelty

        run = self.view.run
        if self._novelty is None or self._novelty.run is not run:
            ascending = self.view.plan.order[:1] == (("created", "asc"),)
            self._novelty = Novelty(self.browser.log.store, run, ascending=ascending)
        novelty = self._novelty
        if novelty.behind and not self._working("novelty"):
            start(self, lambda: self._catch_up(novelty), "novelty")

    async def _catch_up(self, novelty: Novelty) -> None:
        try:
            await novelty.catch_up(lambda: None)
        except AuditLogError as error:
            self.say(str(error), "error")
        self.table.refresh()

    def novel(self, n: int) -> str:
        """How an entry is new: `first`, `shared` (a key used from two addresses), or not at all."""
        if self._novelty is None or n not in self._novelty:
            return ""
        return "shared" if self._novelty.is_shared(n) else "first"

    def go_to_novel(self, way: int) -> None:
        start(self, lambda: self._to_novel(way), "find")

    async def _to_novel(self, way: int) -> None:
        from auditlog_tui.novelty import next_novel

        view, novelty = self.view, self._novelty
        row = await next_novel(view, novelty, self.table.cursor, way) if novelty is not None else None
        if view is not self.view or novelty is None:
            return
        if row is None:
            self.say(f"Nothing new further {'down' if way > 0 else 'up'}, within what is loaded")
            return
        self.table.move_to(row)
        shown = self.table.row
        if shown is not None:
            self.say(self._told(novelty, shown.n, safe(shown.actor_name or shown.actor_id or "?", 60)))

    def _told(self, novelty: Novelty, n: int, actor: str) -> str:
        parts = [f"the first of {actor} {' and '.join(firsts)}" for firsts in [novelty.firsts(n)] if firsts]
        shared = novelty.shared(n)
        if shared is not None:
            parts.append(f"the same key was used from {safe(shared.address, 60)} {age(shared.before_us)} before")
        return f"{'; '.join(parts)} (within what is loaded)"
