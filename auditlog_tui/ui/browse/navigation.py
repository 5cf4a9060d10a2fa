"""Where the user goes: filters, the places before and after, and moments."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from textual.widget import Widget

from auditlog_tui.errors import ApiError, AuditLogError, QueryError
from auditlog_tui.settings.file import config_path, save_view
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import age
from auditlog_tui.ui.browse.host import Controller, Host, Move, wanted_row
from auditlog_tui.ui.panes.detail import DetailPane
from auditlog_tui.ui.panes.facets import FacetPane
from auditlog_tui.ui.panes.filter_bar import FilterBar
from auditlog_tui.ui.table.states import is_refusal
from auditlog_tui.ui.table.table import EntryTable

if TYPE_CHECKING:
    from auditlog_tui.log.view import View
    from auditlog_tui.session.navigator import Place

STEPS_US = tuple(seconds * 1_000_000 for seconds in (10, 30, 60, 120, 300, 900, 3_600, 21_600, 86_400, 30 * 86_400))
"""Microseconds that `<` and `>` show before and after an entry. Each is a whole number of one unit."""

AROUND_US = 300_000_000
"""The step that `.` begins with."""


class NavigationController(Controller):
    """The filter bar, the history of places, and the keys that filter by what is under the cursor."""

    def __init__(
        self, host: Host, filter_bar: FilterBar, table: EntryTable, detail: DetailPane, facets: FacetPane
    ) -> None:
        self._host = host
        self._filter_bar = filter_bar
        self._table = table
        self._detail = detail
        self._facets = facets
        self.focused: Widget = table
        """What had the focus last, besides the filter bar."""
        self._history_error = ""
        self._forms_of: View | None = None
        self._failed: tuple[Place, int] | None = None
        """A move within the log that failed, and how often the user had moved the cursor by then."""

    # -- the filter --------------------------------------------------------------------------------------------

    def opened(self) -> None:
        self._history_error = self._host.navigator.history.error

    def action_edit_filter(self) -> None:
        """Open the filter bar; from a chip, with its term selected."""
        chip = self._filter_bar.chips.chosen
        if chip is None:
            self._filter_bar.open()
        else:
            self._filter_bar.open_at(chip.start, chip.end)

    def action_cancel_filter(self) -> None:
        """Restore the applied filter, and give the focus back to what had it."""
        self._filter_bar.restore()
        (self.focused if self.focused.focusable else self._table).focus()

    def keep_typed(self) -> None:
        """As the program is being ended: keep a filter that is being typed in the history."""
        bar, navigator = self._filter_bar, self._host.navigator
        text = bar.input.value
        if bar.input.has_focus and text != bar.applied and not navigator.redactor.has_part(text):
            navigator.history.add(text)

    def submit(self, text: str) -> None:
        """See `Host.submit`."""
        navigator = self._host.navigator
        try:
            self._host.go(lambda: navigator.submit(text))
        except QueryError as error:
            self.point_at(text, error)
            return
        chips = self._filter_bar.chips
        if not chips.has_focus or chips.chosen is None:  # else the next one may be removed as well
            self._table.focus()
        error_now = navigator.history.error
        if error_now and error_now != self._history_error:
            self._host.say(error_now, "error")
        self._history_error = error_now

    def point_at(self, text: str, error: QueryError) -> None:
        """Open the filter bar with an invalid filter, and point at what is wrong with it."""
        self._filter_bar.open_with(text)
        self._filter_bar.fail(error)

    def take_back(self) -> bool:
        """Show the rows from before if the filter was refused, or a reload or a move within the log failed.

        False if nothing of this is so. A filter that was refused is shown with a mark under its term.
        """
        view, place = self._host.view, self._host.navigator.place
        if len(view.feed.run):
            return False
        if view.error is not None and is_refusal(view.error):
            return self._refuse(view.error)
        if not (place.reloads or place.move):
            return False
        if view.error is not None:
            return self._keep_rows(f"{view.error}", "error")
        return view.paused and self._keep_rows("Stopped")

    def _refuse(self, error: AuditLogError) -> bool:
        """Show the rows from before the filter that was refused. False if there are none."""
        navigator = self._host.navigator
        text, pointed = navigator.place.text, navigator.refusal(error)
        place = navigator.discard()
        if place is None:
            return False
        typing = self._filter_bar.input.has_focus
        self._host.show(place)
        if typing:  # the bar holds another filter by now, which must not be overwritten
            self._host.say(str(error), "error")
        else:
            self._filter_bar.open_with(text)
            self._filter_bar.refuse(pointed)
        return True

    def _keep_rows(self, why: str, severity: str = "") -> bool:
        """Show the rows from before a reload or a move that failed. False if there are none."""
        navigator, failed = self._host.navigator, self._host.navigator.place
        place = navigator.discard()
        if place is None:
            return False
        self._host.show(place)
        bullet = self._host.look.glyphs.bullet
        text = f"{why} {bullet} Still showing what was loaded before"
        if failed.move and not failed.reloads:
            self._failed = failed, self._table.moves
            text = f"Can't {failed.move}, r tries again: {why}" if severity else f"{why} {bullet} r tries again"
        self._host.say(text, severity)
        return True

    def place_shown(self) -> None:
        self._failed = None

    def retry(self) -> bool:
        """Repeat the move within the log that failed. False if none did since the user moved the cursor."""
        failed, self._failed = self._failed, None
        if failed is None or failed[1] != self._table.moves:
            return False
        return self._host.go(lambda: self._host.navigator.again(failed[0]))

    def rows_changed(self) -> None:
        view = self._host.view
        if view is not self._forms_of and view.complete and not len(view) and view.query and not view.marked:
            self._forms_of = view
            self._host.start(lambda: self._try_forms(view), "forms")

    async def _try_forms(self, view: View) -> None:
        """For an action that matches nothing, look in the log for similar ones, and show these as a reason."""
        from auditlog_tui.analysis.no_matches import take_similar  # late: it loads the models

        with suppress(ApiError):  # the user did not ask for it
            await take_similar(view.query, view.log.store.seen, view.log.api)
        if view is self._host.view:
            self._host.show_state()
            self._table.refresh()

    def action_save_view(self) -> None:
        """Ask for a name, and save the filter under it in the settings file."""
        text = self._host.navigator.place.text
        if not text:
            self._host.say("There is no filter to save", "warning")
            return
        from auditlog_tui.ui.dialogs.prompt import PromptScreen

        hint = f"@name will stand for: {safe(text, 200)}"
        prompt = PromptScreen("name for this filter", hint=hint, check=lambda name: self._save(name, text))
        self._host.ask(prompt, lambda name: self._host.say(f"Saved: @{name}") if name else None)

    def _save(self, name: str, text: str) -> None:
        navigator = self._host.navigator
        navigator.redactor.check(name)
        save_view(config_path(), name, text, navigator.profile)
        navigator.views = {**navigator.views, name: text}

    # -- filtering by a value ----------------------------------------------------------------------------------

    def action_narrow_by_cell(self, action: str) -> None:
        """Filter by the cell under the cursor. `action` is `include` or `exclude`, here and below."""
        row, field = wanted_row(self._host, self._table), self._table.canvas.field
        if row is not None:
            self._narrow(field, self._host.navigator.value_of(row, field), action)

    def action_narrow_by_field(self, action: str) -> None:
        """Filter by the field under the detail pane's cursor."""
        field = self._detail.field
        if field is not None and field.term:
            self._narrow(field.term, field.filter_value, action)
        else:
            self._host.say("There is nothing to filter by in this field", "warning")

    def action_narrow_by_facet(self, action: str) -> None:
        """Filter by the value under the facets' cursor. On the line that tells how many more there are, list them."""
        if action == "include" and self._facets.open_more():
            return
        if (chosen := self._facets.chosen) is not None:
            self._narrow(*chosen, action)

    def _narrow(self, field: str, value: object, action: str) -> None:
        text = self._host.navigator.narrowed(field, value, negated=action == "exclude")
        if text is None:
            self._host.say("There is nothing to filter by here", "warning")
        else:
            self._host.submit(text)

    def action_sort(self) -> None:
        """Sort by the column under the cursor: descending, then ascending, then in the log's order."""
        field = self._table.canvas.field
        self._host.submit(self._host.navigator.sorted_by("actor.name" if field == "actor" else field))

    # -- places ------------------------------------------------------------------------------------------------

    def action_back(self) -> None:
        self._go(self._host.navigator.back, "This is the first filter of this run")

    def action_forward(self) -> None:
        self._go(self._host.navigator.forward, "There is nothing to go forward to")

    def _go(self, move: Move, nowhere: str) -> None:
        if not self._host.go(move):
            self._host.say(nowhere)

    def action_park(self) -> None:
        self._host.go(self._host.navigator.park)

    # -- moments -----------------------------------------------------------------------------------------------

    def action_around(self) -> None:
        self._show_around(AROUND_US)

    def _show_around(self, half_us: int) -> None:
        """Show every entry within so many microseconds of the one under the cursor."""
        row, navigator = wanted_row(self._host, self._table), self._host.navigator
        if row is None:
            return
        if self._host.go(lambda: navigator.around(row, half_us, self._table.body // 2)):
            text = f"Everything {age(half_us)} before and after this entry; < and > change that, [ goes back"
            self._host.say(text)
        else:
            self._host.say("This entry's time can't be read, so there is nothing around it", "warning")

    def action_change_around(self, way: int) -> None:
        """Show less time around the entry (-1) or more (1)."""
        half_us = self._host.navigator.place.around
        if not half_us:
            self._host.say("< and > narrow and widen the time around an entry: . shows that first")
            return
        further = [step for step in STEPS_US if (step - half_us) * way > 0]
        if further:
            self._show_around(min(further, key=lambda step: abs(step - half_us)))
        else:
            self._host.say(f"{age(half_us)} before and after is the {'most' if way > 0 else 'least'} there is")

    def action_go_to_time(self) -> None:
        from auditlog_tui.query import MOMENT_HINT  # late: it loads the models
        from auditlog_tui.ui.dialogs.prompt import PromptScreen

        prompt = PromptScreen("go to time", hint=MOMENT_HINT, check=self._host.navigator.moment)
        self._host.ask(prompt, self._go_to)

    def _go_to(self, text: str | None) -> None:
        if text is not None:
            self._host.start(lambda: self._go_to_moment(text), "moment")

    async def _go_to_moment(self, text: str) -> None:
        """Go there once the server's clock is known, as `text` may be relative to now."""
        navigator = self._host.navigator
        try:
            await navigator.log.learn_clock()
        except AuditLogError as error:
            self._host.say(str(error), "error")
        self._host.go(lambda: navigator.at_moment(navigator.moment(text)))
