"""Copying an entry's ID, or one of several texts about it, to the clipboard."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from auditlog_tui.errors import StoreError
from auditlog_tui.text.safe import safe, safe_lines
from auditlog_tui.text.times import count, counted
from auditlog_tui.ui.browse.host import Controller, Host, wanted_row
from auditlog_tui.ui.browse.long_work import PORTION, LongWork
from auditlog_tui.ui.messages import CopyRequested
from auditlog_tui.ui.table.table import EntryTable

if TYPE_CHECKING:
    from auditlog_tui.entries.models import Entry
    from auditlog_tui.entries.raw_json import Json
    from auditlog_tui.output.clipboard import Copied

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


MOST_MATCHING = 10_000
"""Entries of one filter that are copied at most."""


class Source(NamedTuple):
    """Entries to copy: `read` returns them, and `amount` is how many are read or searched for that.

    `told`: the title says how many they are.
    """

    title: str
    amount: int
    read: Callable[[], Awaitable[list[Entry]]]
    told: bool = True


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
            self._host.copy(row.key, f"ID {safe(row.key, 80)}", (row.key,))

    def note(self, asked: CopyRequested, copied: Copied) -> None:
        """Write down what was copied and where it arrived: its name, its digest and IDs, not the text itself."""
        journal = self._host.navigator.journal
        if not journal.kept:
            return
        from hashlib import sha256

        from auditlog_tui.evidence.journal import MOST_IDS, ids_of

        text = safe_lines(asked.text, sys.maxsize)  # as the clipboard got it
        facts: dict[str, Json] = {
            "what": asked.what, "lines": text.count("\n") + 1,
            "sha256": sha256(text.encode(errors="backslashreplace")).hexdigest(),
            "confirmed": copied.confirmed, "unconfirmed": copied.unconfirmed, "values": list(asked.values[:MOST_IDS]),
        }  # fmt: skip
        of = ids_of(asked.ids) if asked.ids else {}
        journal.note("copied", {name: value for name, value in facts.items() if value} | of)

    def action_copy_menu(self) -> None:
        row = wanted_row(self._host, self._table)
        if row is None:
            return

        async def read() -> list[Entry]:
            return [self._host.navigator.log.store.entry(row.n)]

        self._offer(Source("copy of this entry", 1, read), None)

    def offer_matching(self, text: str) -> None:
        """Offer copies of all loaded entries that a filter matches."""
        from auditlog_tui.query import parse

        navigator = self._host.navigator

        async def read() -> list[Entry]:
            rows, total = await navigator.counting.matching(parse(text), MOST_MATCHING)
            if total > len(rows):
                most = f"At most {count(MOST_MATCHING)} entries are copied at once"
                raise StoreError(f"{most}; here are {count(total)}.")
            return [navigator.log.store.entry(n) for n in {row.key: row.n for row in rows}.values()]

        self._offer(Source("copy of this line's loaded entries", navigator.log.store.size, read, told=False), text)

    def _offer(self, own: Source, text: str | None) -> None:
        """Offer copies of some entries, and of the marked ones. The link shows the filter `text`, or this view."""
        from auditlog_tui.ui.dialogs.copy_menu import CopyMenu

        marks, offers = self._host.navigator.marks, [own]
        if marks.count:
            since = marks.oldest_earlier_us()
            date = f" (since {self._host.look.date(since)})" if since is not None else ""
            title = f"copy of the {counted(marks.count, 'marked entry', 'marked entries')}{date}"
            offers.append(Source(title, marks.count, self._read_marked))
        # Marks of an earlier run come second: they are probably not the ones meant.
        choices = [*((key, name) for key, (_, name) in COPIES.items()), LINK]
        at = len(offers) - 1 if marks.marked_this_run and text is None else 0
        menu = CopyMenu([offer.title for offer in offers], choices, at)
        self._host.ask(menu, lambda key: self._copy(key, offers[menu.at], text))

    async def _read_marked(self) -> list[Entry]:
        """The marked entries in time order."""
        return self._host.navigator.marks.marked()

    async def _copy(self, key: str | None, source: Source, text: str | None) -> None:
        if key == "l" and text is not None:
            self._host.copy(self._host.navigator.link(text), "the link to this line's entries")
        elif key == "l" and self._host.view.fixed:
            no_link = "Marks are kept on this machine, so there is no link to them; y y copies their IDs"
            self._host.say(no_link, "warning")
        elif key == "c" and (origin := self._host.navigator.log.origin) is not None:
            no_curl = f"This log is {origin.noun}, which curl can't ask for an entry; y j copies its JSON"
            self._host.say(no_curl, "warning")
        elif key == "l":
            self._host.copy(self._host.navigator.link(), "the link to this view")
        elif key is not None:
            await self._long.do(source.amount, lambda: self._read_and_copy(key, source))

    async def _read_and_copy(self, key: str, source: Source) -> None:
        """Copy the entries; if they are many, and their number was not told, ask first."""
        entries = await source.read()
        if source.told or len(entries) <= PORTION:
            await self._copy_texts(*COPIES[key], entries)
            return
        from auditlog_tui.ui.dialogs.menu import Choice, MenuScreen

        async def answered(answer: str | None) -> None:
            if answer is None:
                self._host.say("Nothing was copied")
            else:
                await self._long.do(len(entries), lambda: self._copy_texts(*COPIES[key], entries))

        choice = Choice("y", f"copy of each: {COPIES[key][1]}")
        self._host.ask(MenuScreen(f"copy {count(len(entries))} entries?", [choice]), answered)

    async def _copy_texts(self, kind: str, name: str, entries: list[Entry]) -> None:
        from auditlog_tui.output.copies import texts  # late: it loads the models

        found: dict[str, None] = {}
        async for some in self._long.portions(entries, "Copying", lambda done: "nothing was copied"):
            found |= dict.fromkeys(texts(kind, some, self._base_url))
        if not found:
            self._host.say(f"There is no {name} here to copy", "warning")
            return
        text = "\n".join(found)
        what = f"{name} {safe(text, 60)}" if len(found) == 1 else f"{count(len(found))} × {name}"
        self._host.copy(text, what, tuple(entry.key for entry in entries))
