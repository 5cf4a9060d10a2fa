"""Finding text in the loaded rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import count, counted
from auditlog_tui.ui.browse.host import Controller, Host, on_table
from auditlog_tui.ui.browse.long_work import TargetWork
from auditlog_tui.ui.panes.bars import FooterBar
from auditlog_tui.ui.table.table import EntryTable

if TYPE_CHECKING:
    from auditlog_tui.analysis.search import Matches
    from auditlog_tui.log.view import Summary, View

LONG = 100_000
"""Rows from which it is said that the text is looked for."""

SLICES = 50
"""Slices counted between two updates of the status line."""


class FindController(Controller):
    """ctrl+f, `n` and `N`. The text found is highlighted, and the matches are counted in the background."""

    def __init__(self, host: Host, table: EntryTable, footer: FooterBar) -> None:
        self._host = host
        self._table = table
        self._footer = footer
        self._matches: Matches | None = None
        self._found = 0, ""
        """The position found last, and how it was found."""
        self._said = ""
        """The message about it, which the next key removes."""
        self._going = TargetWork(host, "find")
        self._counting = TargetWork(host, "count matches")

    def action_find(self) -> None:
        if not on_table(self._host):
            return
        from auditlog_tui.ui.dialogs.prompt import PromptScreen

        hint = "highlights it and goes to the next one; n and N walk. Only what is loaded: / asks the server"
        check = self._host.navigator.redactor.check
        prompt = PromptScreen("find in what is loaded", self._host.look.find, hint=hint, check=check, select=True)
        self._host.ask(prompt, self._find)

    def _find(self, text: str | None) -> None:
        if text is None:
            return
        self._host.restyle(replace(self._host.look, find=text.strip()))
        if self._host.look.find:
            self.action_find_next(1)

    def clear(self) -> bool:
        """Remove the highlight, and stop looking. False if there is none."""
        self._stop()
        if not self._host.look.find:
            return False
        self._find("")
        return True

    def place_shown(self) -> None:
        self._stop()

    def _stop(self) -> None:
        self._going.cancel()
        self._counting.cancel()
        self._matches = None

    def action_find_next(self, way: int) -> None:
        """Go to the next match further down (1) or up (-1)."""
        text = self._host.look.find
        if not text:
            self.action_find()
        elif on_table(self._host):
            self._going.run(object(), lambda: self._go_to_match(text, way))

    async def _go_to_match(self, text: str, way: int) -> None:
        from auditlog_tui.analysis.search import find  # late: it loads the models

        view, begun_at = self._host.view, self._table.cursor
        if len(view) >= LONG:
            self._host.say(f"{safe(text, 60)}: looking, Esc stops")
        row = await find(view, text, begun_at, way)
        if view is not self._host.view:
            return
        if row is None:
            summary = view.summary()
            more = "" if summary.complete or summary.only else "; / asks the server"
            self._host.say(f"{safe(text, 60)} is in none of {_rows(summary)}{more}", "warning")
            return
        wrapped = row <= begun_at if way > 0 else row >= begun_at
        self._table.move_to(row)
        self._tell_number(view, text, row, ", from the other end on" if wrapped else "")

    # -- counting ----------------------------------------------------------------------------------------------

    def _tell_number(self, view: View, text: str, row: int, how: str) -> None:
        """Say which of the matches a row is, once they are counted."""
        from auditlog_tui.analysis.search import Matches

        matches = self._matches
        if matches is None or matches.run is not view.run or matches.text != text:
            self._matches = matches = Matches(view, text)
        counting, self._found, self._said = matches, (view.run.first + row, how), self._footer.message
        if counting.behind:
            self._counting.run(counting, lambda: self._count(view, counting))
        else:
            self._say_number(view, counting)

    async def _count(self, view: View, matches: Matches) -> None:
        slices = 0

        def on_slice() -> None:
            nonlocal slices
            slices += 1
            if slices % SLICES == 0:
                self._say_number(view, matches)

        await matches.count(on_slice)
        self._say_number(view, matches)

    def _say_number(self, view: View, matches: Matches) -> None:
        """Say it unless the user went elsewhere, or something else is said, meanwhile."""
        position, how = self._found
        stays = position == view.run.first + self._table.cursor and self._footer.message == self._said
        if not stays or view is not self._host.view or matches is not self._matches:
            return
        number = f"counting, {matches.share:.0%}, Esc stops"
        if not matches.behind:
            summary = view.summary()
            where = "" if summary.complete else f" in {_rows(summary)}"
            number = f"{count(matches.number_of(position - view.run.first))} of {count(matches.total)}{where}{how}"
        self._host.say(f"{safe(matches.text, 60)}: {number}")
        self._said = self._footer.message


def _rows(summary: Summary) -> str:
    """The rows that were searched, as those loaded, or as all that match."""
    if summary.only:
        return f"the {counted(summary.rows, f'{summary.only} entry', f'{summary.only} entries')}"
    if summary.complete:
        return f"all {counted(summary.rows, 'entry', 'entries')}"
    return f"the {counted(summary.rows, 'entry', 'entries')} loaded so far"
