"""Facets and novelty: computed in the background over what is loaded, as it grows."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from textual import on
from textual.worker import Worker

from auditlog_tui.text.present import age, count, safe
from auditlog_tui.ui.browse.base import BrowseBase
from auditlog_tui.ui.panes.facets import FacetPane
from auditlog_tui.ui.patches.workers import start

if TYPE_CHECKING:
    from auditlog_tui.analysis.facets import Facet, Facets
    from auditlog_tui.analysis.novelty import Novelty

EVERY = 25
"""Slices between two looks at the facets: drawing them costs more than counting one."""


class FacetPart(BrowseBase):
    """`s`; `x` and `X`."""

    _facets: Facets | None = None
    _novelty: Novelty | None = None
    _slices = 0

    def on_mount(self) -> None:
        self._doing: dict[str, tuple[object, Worker[None]]] = {}

    def _keep_at(self, group: str, what: object, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `work` in place of what its group runs, unless that is for the same thing."""
        doing = self._doing.get(group)
        if doing is None or doing[0] is not what or doing[1].is_finished:
            self._doing[group] = what, start(self, work, group)

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
        self._doing.pop("facets", None)
        self.workers.cancel_group(self, "facets")
        self.table.focus()

    def changed(self) -> None:
        super().changed()
        self._look_for_novelty()
        if self.facets.display:
            self._count_facets()

    def _count_facets(self) -> None:
        from auditlog_tui.analysis.facets import Facets  # late: it loads the models

        run = self.view.matched
        if self._facets is None or self._facets.run is not run:
            self._facets = Facets(self.navigator.log.store, run)
            self.facets.asked = {}
            self._show_facets()
        facets = self._facets
        if facets.behind:
            self._keep_at("facets", facets, lambda: self._fill_facets(facets))

    async def _fill_facets(self, facets: Facets) -> None:
        await facets.fill(self._sliced)
        if facets is self._facets:
            self._show_facets()

    def _sliced(self, facet: Facet) -> None:
        self._slices += 1
        if self._slices % EVERY == 1 or not facet.behind:
            self._show_facets()

    def _show_facets(self) -> None:
        if self._facets is not None:
            summary = self.view.summary()
            matching = (
                f"{count(summary.rows)} that {'matches' if summary.rows == 1 else 'match'} in "
                if summary.filtered
                else ""
            )
            self.facets.show(self._facets.facets, summary.rows, f"{matching}{count(summary.loaded)} loaded")

    @on(FacetPane.Asked)
    def _asked_of_facet(self, message: FacetPane.Asked) -> None:
        if message.action == "count":
            field, value = message.field, message.value
            start(self, lambda: self._count_value(field, value), f"count {field} {value}")
        else:
            self.narrow(message.field, message.value, message.action)

    async def _count_value(self, field: str, value: str | int | None) -> None:
        text = self.navigator.narrowed(field, value, negated=False)
        if text is None:
            self.say("There is nothing to count here", "warning")
            return
        facets = self._facets
        counted = await self.navigator.count(text)
        if facets is not self._facets:
            return  # it was counted under another filter
        self.facets.asked[field, value] = str(counted) if counted.how.value == "loaded" else f"{counted} in all"
        self._show_facets()

    @on(FacetPane.Left)
    def _left_facets(self) -> None:
        self.table.focus()

    # -- novelty -----------------------------------------------------------------------------------------------

    def _look_for_novelty(self) -> None:
        from auditlog_tui.analysis.novelty import Novelty

        run = self.view.matched
        if self._novelty is None or self._novelty.run is not run:
            self._novelty = Novelty(self.navigator.log.store, run, ascending=not self.view.feed.newest_first)
        novelty = self._novelty
        if novelty.behind:
            self._keep_at("novelty", novelty, lambda: self._catch_up(novelty))

    async def _catch_up(self, novelty: Novelty) -> None:
        await novelty.catch_up(lambda: None)
        self.table.refresh()

    def novel(self, n: int) -> str:
        """How an entry is new: `first`, `shared` (a key used from two addresses), or not at all."""
        if self._novelty is None or n not in self._novelty:
            return ""
        return "shared" if self._novelty.is_shared(n) else "first"

    def go_to_novel(self, way: int) -> None:
        start(self, lambda: self._walk_to_novel(way), "find")

    async def _walk_to_novel(self, way: int) -> None:
        from auditlog_tui.analysis.novelty import next_novel

        view, novelty = self.view, self._novelty
        row = await next_novel(view, novelty, self.table.cursor, way) if novelty is not None else None
        if view is not self.view or novelty is None:
            return
        if row is None:
            so_far = (
                f", of which {count(novelty.read)} {'was' if novelty.read == 1 else 'were'} looked at so far"
                if novelty.behind
                else ""
            )
            self.say(f"Nothing new further {'down' if way > 0 else 'up'}, within what is loaded{so_far}")
            return
        self.table.move_to(row)
        shown = self.table.row
        if shown is not None:
            self.say(
                self._told(novelty, shown.n, safe(shown.actor_name or shown.actor_id or shown.actor_type or "?", 60))
            )

    def _told(self, novelty: Novelty, n: int, actor: str) -> str:
        parts = [f"the first of {actor} {' and '.join(firsts)}" for firsts in [novelty.firsts(n)] if firsts]
        shared = novelty.shared(n)
        if shared is not None:
            parts.append(f"the same key was used from {safe(shared.address, 60)} {age(shared.before_us)} before")
        return f"{'; '.join(parts)} (within what is loaded)"
