"""Finding and sorting in what is loaded, and which columns there are."""

from __future__ import annotations

from dataclasses import replace

from auditlog_tui.settings.file import config_path, save_option
from auditlog_tui.text.present import count, safe
from auditlog_tui.ui.browse.base import BrowseBase
from auditlog_tui.ui.dialogs.choose_columns import ColumnsScreen
from auditlog_tui.ui.dialogs.prompt import PromptScreen
from auditlog_tui.ui.patches.workers import start
from auditlog_tui.ui.table.columns import COLUMNS, STICKY


class FindPart(BrowseBase):
    """ctrl+f, `n` and `N`; `o`; `C`."""

    def action_find(self) -> None:
        hint = "highlights it and goes to the next one; n and N walk. Only what is loaded: / asks the server"
        self.app.push_screen(
            PromptScreen("find in what is loaded", self.look.find, hint=hint, select=True), self._find
        )

    def _find(self, text: str | None) -> None:
        if text is None:
            return
        self.look = replace(self.look, find=text.strip())
        self.table.restyle(self.look)
        if self.look.find:
            self.action_find_next()

    def forget_find(self) -> bool:
        """Take the highlight away; False where there is none."""
        if not self.look.find:
            return False
        self._find("")
        return True

    def action_find_next(self) -> None:
        self._walk(1)

    def action_find_previous(self) -> None:
        self._walk(-1)

    def _walk(self, way: int) -> None:
        if not self.look.find:
            self.action_find()
        else:
            start(self, lambda: self._go_on(self.look.find, way), "find")

    async def _go_on(self, text: str, way: int) -> None:
        from auditlog_tui.analysis.search import find  # late: it loads the models

        view, start = self.view, self.table.cursor
        row = await find(view, text, start, way)
        if view is not self.view:
            return
        if row is None:
            self.say(f"{safe(text, 60)} is in none of the {count(len(view))} loaded", "warning")
            return
        round_again = row <= start if way > 0 else row >= start
        self.table.move_to(row)
        if round_again:
            self.say("Found from the other end on")

    def sort_by(self, field: str) -> None:
        """Sort by what a column shows: descending, then ascending, then as the log is."""
        self.submit(self.navigator.sorted_by("actor.name" if field == "actor" else field))

    def choose_columns(self) -> None:
        names = self.look.columns or tuple(column.field for column in COLUMNS[STICKY:])
        self.app.push_screen(ColumnsScreen(names), self._keep_columns)

    def _keep_columns(self, names: tuple[str, ...] | None) -> None:
        if names is None:
            return
        self.look = replace(self.look, columns=names)
        self.table.column = 0
        self.table.restyle(self.look)
        save_option(config_path(), "columns", ",".join(names))
        self.say("Kept in the settings file")
