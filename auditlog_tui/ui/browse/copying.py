"""Copying: the ID with one key, and everything else of an entry with two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from auditlog_tui.text.present import count, counted, safe
from auditlog_tui.ui.browse.base import BrowseBase
from auditlog_tui.ui.dialogs.menu import Choice, MenuScreen
from auditlog_tui.ui.messages import CopyRequested

if TYPE_CHECKING:
    from auditlog_tui.entries.models import Entry
    from auditlog_tui.store.entries import Row

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


class CopyMenu(MenuScreen):
    """Says in its title what is meant, of which there may be several: Tab goes on to the next. `at` is its number."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "switch", show=False)]

    def __init__(self, titles: Sequence[str], at: int) -> None:
        choices = [Choice(key, name) for key, (_, name) in COPIES.items()]
        choices.append(Choice("l", "link", "the command that shows this view again"))
        self.at = at
        self._titles = titles
        hint = f"Tab: {titles[1 - at]} · Esc closes" if len(titles) > 1 else "Esc closes"
        super().__init__(titles[at], choices, hint)

    def action_switch(self) -> None:
        if len(self._titles) > 1:
            self.at = 1 - self.at
            self.set_title(self._titles[self.at], f"Tab: {self._titles[1 - self.at]} · Esc closes")


class CopyPart(BrowseBase):
    """What `c` and `y` copy."""

    def copy_id(self, row: Row) -> None:
        if row.key.startswith("sha256:"):
            self.say("This entry came without an ID, so there is none to copy; y j copies its JSON", "error")
        else:
            self.post_message(CopyRequested(row.key, f"ID {safe(row.key, 80)}"))

    def open_copy_menu(self) -> None:
        marks, row = self.navigator.marks, self.table.row
        offers = [("copy of this entry", False)] if row is not None or not marks.count else []
        if marks.count:
            since = marks.oldest_earlier_us()
            day = f" (since {self.day(since)})" if since is not None else ""
            offers.append((f"copy of the {counted(marks.count, 'marked entry', 'marked entries')}{day}", True))
        # What an earlier run left is not what one means without saying so.
        menu = CopyMenu([title for title, _ in offers], at=len(offers) - 1 if marks.marked_this_run else 0)
        self.app.push_screen(menu, lambda key: self._copy(key, self._meant(row, marked=offers[menu.at][1])))

    def _meant(self, row: Row | None, *, marked: bool) -> list[Entry]:
        """The entries to copy: those marked, in time order, or the one that was under the cursor."""
        if marked:
            return self.navigator.marks.marked()
        return [self.navigator.log.store.entry(row.n)] if row is not None else []

    async def _copy(self, key: str | None, entries: list[Entry]) -> None:
        if key == "l" and self.view.marked:
            self.say("Marks are kept on this machine, so there is no link to them; y y copies their IDs", "warning")
        elif key == "l":
            self.post_message(CopyRequested(self.navigator.link(), "the link to this view"))
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
