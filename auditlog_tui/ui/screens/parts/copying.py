"""Copying: the ID with one key, and everything else of an entry with two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditlog_tui.output.present import count, safe
from auditlog_tui.ui.messages import CopyRequested
from auditlog_tui.ui.screens.base import BrowseBase
from auditlog_tui.ui.screens.menu import Choice, MenuScreen

if TYPE_CHECKING:
    from auditlog_tui.store import Row

COPIES = {
    "y": ("id", "ID"),
    "a": ("actor", "actor's ID"),
    "i": ("ip", "address"),
    "t": ("target", "target's ID"),
    "j": ("json", "JSON"),
    "d": ("summary", "a line for a ticket, defanged"),
    "c": ("curl", "curl command, without the key"),
}
"""The second key after `y`: what is copied, and what it is called."""


class CopyPart(BrowseBase):
    """What `c` and `y` copy."""

    def copy_id(self, row: Row) -> None:
        if row.key.startswith("sha256:"):
            self.say("This entry came without an ID, so there is none to copy; y j copies its JSON", "error")
        else:
            self.post_message(CopyRequested(row.key, f"ID {safe(row.key, 80)}"))

    def open_copy_menu(self) -> None:
        numbers = self.meant()
        marked = self.browser.marks.count
        of = f"{count(marked)} marked {'entry' if marked == 1 else 'entries'}" if marked else "this entry"
        choices = [Choice(key, name) for key, (_, name) in COPIES.items()]
        choices.append(Choice("l", "link", "the command that shows this view again"))
        self.app.push_screen(MenuScreen(f"copy of {of}", choices), lambda key: self._copy(key, numbers))

    def meant(self) -> list[int]:
        """The numbers of the entries that a key means: those marked, in time order, or the one under the cursor."""
        if self.browser.marks.count:
            return self.browser.log.store.add(self.browser.marks.marked())
        row = self.table.row
        return [row.n] if row is not None else []

    def _copy(self, key: str | None, numbers: list[int]) -> None:
        if key == "l" and self.view.marked:
            self.say("Marks are kept on this machine, so there is no link to them; y y copies their IDs", "warning")
        elif key == "l":
            self.post_message(CopyRequested(self.browser.link(), "the link to this view"))
        elif key is not None:
            self._copy_of(*COPIES[key], numbers)

    def _copy_of(self, kind: str, name: str, numbers: list[int]) -> None:
        from auditlog_tui.output.copies import copied  # late: it loads the models

        text = copied(kind, [self.browser.log.store.entry(n) for n in numbers], self.settings.base_url)
        if not text:
            self.say(f"There is no {name} here to copy", "warning")
            return
        lines = text.count("\n") + 1
        self.post_message(
            CopyRequested(text, f"{name} {safe(text, 60)}" if lines == 1 else f"{count(lines)} × {name}")
        )
