"""Finding text in the loaded rows."""

from __future__ import annotations

from dataclasses import replace

from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import count
from auditlog_tui.ui.browse.host import Controller, Host
from auditlog_tui.ui.table.table import EntryTable


class FindController(Controller):
    """ctrl+f, `n` and `N`. The text found is highlighted."""

    def __init__(self, host: Host, table: EntryTable) -> None:
        self._host = host
        self._table = table

    def action_find(self) -> None:
        from auditlog_tui.ui.dialogs.prompt import PromptScreen

        hint = "highlights it and goes to the next one; n and N walk. Only what is loaded: / asks the server"
        prompt = PromptScreen("find in what is loaded", self._host.look.find, hint=hint, select=True)
        self._host.ask(prompt, self._find)

    def _find(self, text: str | None) -> None:
        if text is None:
            return
        self._host.restyle(replace(self._host.look, find=text.strip()))
        if self._host.look.find:
            self.action_find_next(1)

    def clear(self) -> bool:
        """Remove the highlight. False if there is none."""
        if not self._host.look.find:
            return False
        self._find("")
        return True

    def action_find_next(self, way: int) -> None:
        """Go to the next match further down (1) or up (-1)."""
        text = self._host.look.find
        if not text:
            self.action_find()
        else:
            self._host.start(lambda: self._go_to_match(text, way), "find")

    async def _go_to_match(self, text: str, way: int) -> None:
        from auditlog_tui.analysis.search import find  # late: it loads the models

        view, begun_at = self._host.view, self._table.cursor
        row = await find(view, text, begun_at, way)
        if view is not self._host.view:
            return
        if row is None:
            self._host.say(f"{safe(text, 60)} is in none of the {count(len(view))} loaded", "warning")
            return
        wrapped = row <= begun_at if way > 0 else row >= begun_at
        self._table.move_to(row)
        if wrapped:
            self._host.say("Found from the other end on")
