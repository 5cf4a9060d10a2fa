"""Copying an entry's ID, or one of several texts about it, to the clipboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import count, counted
from auditlog_tui.ui.browse.host import Controller, Host, wanted_row
from auditlog_tui.ui.browse.long_work import LongWork
from auditlog_tui.ui.table.table import EntryTable

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
"""The second key after `y`: the kind of text, and its name on the screen."""

LINK = ("l", "link: the command that shows this view again")


class CopyController(Controller):
    """`c` and `y`. `base_url` is the one that a copied curl command asks."""

    def __init__(self, host: Host, table: EntryTable, long: LongWork, base_url: str) -> None:
        self._host = host
        self._table = table
        self._long = long
        self._base_url = base_url

    def action_copy_id(self) -> None:
        row = wanted_row(self._host, self._table)
        if row is None:
            return
        if row.key.startswith("sha256:"):
            self._host.say("This entry came without an ID, so there is none to copy; y j copies its JSON", "error")
        else:
            self._host.copy(row.key, f"ID {safe(row.key, 80)}")

    def action_copy_menu(self) -> None:
        marks, row = self._host.navigator.marks, wanted_row(self._host, self._table)
        if row is None:
            return
        from auditlog_tui.ui.dialogs.copy_menu import CopyMenu

        offers = [("copy of this entry", False)]
        if marks.count:
            since = marks.oldest_earlier_us()
            date = f" (since {self._host.look.date(since)})" if since is not None else ""
            offers.append((f"copy of the {counted(marks.count, 'marked entry', 'marked entries')}{date}", True))
        # Marks of an earlier run come second: they are probably not the ones meant.
        choices = [*((key, name) for key, (_, name) in COPIES.items()), LINK]
        menu = CopyMenu([title for title, _ in offers], choices, at=len(offers) - 1 if marks.marked_this_run else 0)
        self._host.ask(menu, lambda key: self._copy(key, self._chosen(row, marked=offers[menu.at][1])))

    def _chosen(self, row: Row, *, marked: bool) -> list[Entry]:
        """The entries to copy: the marked ones in time order, or the one that was under the cursor."""
        navigator = self._host.navigator
        return navigator.marks.marked() if marked else [navigator.log.store.entry(row.n)]

    async def _copy(self, key: str | None, entries: list[Entry]) -> None:
        if key == "l" and self._host.view.fixed:
            text = "Marks are kept on this machine, so there is no link to them; y y copies their IDs"
            self._host.say(text, "warning")
        elif key == "c" and self._host.navigator.saved:
            self._host.say("This log is a file, which curl can't ask for an entry; y j copies its JSON", "warning")
        elif key == "l":
            self._host.copy(self._host.navigator.link(), "the link to this view")
        elif key is not None:
            await self._long.do(len(entries), lambda: self._copy_texts(*COPIES[key], entries))

    async def _copy_texts(self, kind: str, name: str, entries: list[Entry]) -> None:
        from auditlog_tui.output.copies import texts  # late: it loads the models

        found: dict[str, None] = {}
        async for some in self._long.portions(entries, "Copying", lambda done: "nothing was copied"):
            found |= dict.fromkeys(texts(kind, some, self._base_url))
        if not found:
            self._host.say(f"There is no {name} here to copy", "warning")
            return
        text = "\n".join(found)
        self._host.copy(text, f"{name} {safe(text, 60)}" if len(found) == 1 else f"{count(len(found))} × {name}")
