"""Filters: submitting, narrowing by what is on the screen, and the way back."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from textual import on

from auditlog_tui.errors import ApiError
from auditlog_tui.settings.file import config_path, save_view
from auditlog_tui.text.present import safe
from auditlog_tui.ui.browse.pivoting import PivotPart
from auditlog_tui.ui.dialogs.prompt import PromptScreen
from auditlog_tui.ui.panes.filter_bar import FilterBar
from auditlog_tui.ui.patches.workers import start

if TYPE_CHECKING:
    from auditlog_tui.log.view import View
    from auditlog_tui.session.navigator import Place


class FilterPart(PivotPart):
    """The filter bar's requests, and the history of places."""

    _forms_of: View | None = None

    def changed(self) -> None:
        super().changed()
        view = self.view
        if view is not self._forms_of and view.complete and not len(view) and view.query:
            self._forms_of = view
            start(self, lambda: self._try_forms(view), "forms")

    async def _try_forms(self, view: View) -> None:
        """See whether the log has another form of an action that found nothing, and then say so."""
        from auditlog_tui.analysis.zero import take_other_forms  # late: it loads the models

        with suppress(ApiError):  # nobody asked for it
            await take_other_forms(view.query, view.log.store.seen, view.log.api)
        if view is self.view:
            self._show_state()
            self.table.refresh()

    @on(FilterBar.Submitted)
    def _submitted(self, message: FilterBar.Submitted) -> None:
        if not (self.opened and self.open_meanings(message.text)):
            self.submit(message.text)

    @on(FilterBar.Left)
    def _left_filter(self) -> None:
        self.table.focus()

    def action_edit_filter(self) -> None:
        self.filter_bar.open()

    def action_back(self) -> None:
        self.leave()
        self._show(self.navigator.back(), "This is the first filter of this run")

    def action_forward(self) -> None:
        self.leave()
        self._show(self.navigator.forward(), "There is nothing to go forward to")

    def _show(self, place: Place | None, nothing: str) -> None:
        if place is None:
            self.say(nothing)
        else:
            self.go(place)

    def action_save_view(self) -> None:
        """Ask for a name, and keep the filter under it in the settings file."""
        text = self.navigator.place.text
        if not text:
            self.say("There is no filter to save", "warning")
            return
        hint = f"@name will stand for: {safe(text, 200)}"
        prompt = PromptScreen("name for this filter", hint=hint, check=lambda name: self._save(name, text))
        self.app.push_screen(prompt, lambda name: self.say(f"Saved: @{name}") if name else None)

    def _save(self, name: str, text: str) -> None:
        save_view(config_path(), name, text)
        self.navigator.views = {**self.navigator.views, name: text}

    def action_park(self) -> None:
        self.leave()
        self.go(self.navigator.park())
