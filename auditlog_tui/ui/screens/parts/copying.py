"""Copying: the ID with one key, and everything else of an entry with two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditlog_tui.output.present import count, safe
from auditlog_tui.ui.messages import CopyRequested
from auditlog_tui.ui.screens.base import BrowseBase
from auditlog_tui.ui.screens.menu import Choice, MenuScreen

if TYPE_CHECKING:
    from auditlog_tui.models import Entry
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
        entries = self.meant()
        marked = self.browser.marks.count
        of = f"{count(marked)} marked {'entry' if marked == 1 else 'entries'}" if marked else "this entry"
        choices = [Choice(key, name) for key, (_, name) in COPIES.items()]
        choices.append(Choice("l", "link", "the command that shows this view again"))
        self.app.push_screen(MenuScreen(f"copy of {of}", choices), lambda key: self._copy(key, entries))

    def meant(self) -> list[Entry]:
        """The entries that a key means: those marked, in time order, or the one under the cursor."""
        if self.browser.marks.count:
            return self.browser.marks.marked()
        row = self.table.row
        return [self.browser.log.store.entry(row.n)] if row is not None else []

    async def _copy(self, key: str | None, entries: list[Entry]) -> None:
        if key == "l" and self.view.marked:
            self.say("Marks are kept on this machine, so there is no link to them; y y copies their IDs", "warning")
        elif key == "l":
            self.post_message(CopyRequested(self.browser.link(), "the link to this view"))
        elif key is not None:
            await self.long.do(len(entries), lambda: self._copy_of(*COPIES[key], entries))

    async def _copy_of(self, kind: str, name: str, entries: list[Entry]) -> None:
        from auditlog_tui.output.copies import texts  # late: it loads the models

        found: dict[str, None] = {}
        async for some in self.long.portions(entries, "Copying", lambda done: "nothing was copied"):
            found |= dict.fromkeys(texts(kind, some, self.settings.base_url))
        if not found:
            self.say(f"There is no {name} here to copy", "warning")
            return
        text = "\n".join(found)
        what = f"{name} {safe(text, 60)}" if len(found) == 1 else f"{count(len(found))} × {name}"
        self.post_message(CopyRequested(text, what))
