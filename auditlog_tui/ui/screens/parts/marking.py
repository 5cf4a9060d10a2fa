"""Marks and notes: made as one looks, saved at once, and walked, shown alone and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on

from auditlog_tui.errors import AuditLogError
from auditlog_tui.output.present import count, counted, safe
from auditlog_tui.ui.screens.compare import CompareScreen
from auditlog_tui.ui.screens.menu import Choice, MenuScreen
from auditlog_tui.ui.screens.parts.faceting import FacetPart
from auditlog_tui.ui.screens.prompt import PromptScreen
from auditlog_tui.ui.widgets.filter_bar import PLACEHOLDER
from auditlog_tui.ui.widgets.lines import Signs
from auditlog_tui.ui.widgets.table import EntryTable

if TYPE_CHECKING:
    from auditlog_tui.models import Entry
    from auditlog_tui.store import Row

TAGS_OFFERED = 8


class MarkPart(FacetPart):
    """`m`, `V`, `;`, `u`, `U`, `M` and `D`."""

    def on_mount(self) -> None:
        self.table.signs = self.signs

    def begun(self) -> None:
        super().begun()
        marks = self.browser.marks
        self.follower.note_of = marks.note_of
        self.header.marked = marks.count
        if marks.error:
            self.say(marks.error, "error")
        elif marks.earlier is not None:
            when = self.day(marks.earlier.made_us)
            self.say(f"{self._amount()} from {when} (M shows them, : and “Forget all marks” drops them)")

    def shown(self) -> None:
        super().shown()
        self.filter_bar.input.placeholder = "only what is marked" if self.view.marked else PLACEHOLDER

    def signs(self, row: Row) -> Signs:
        """What stands beside a row."""
        marks, glyphs = self.browser.marks, self.look.glyphs
        noted = bool(marks.note_of(row.key))
        if marks.is_marked(row.key):
            return Signs(glyphs.marked, "marked", noted)
        novel = self.novel(row.n)
        return Signs(glyphs.novel, "error" if novel == "shared" else "accent", noted) if novel else Signs(noted=noted)

    def _amount(self) -> str:
        """Such as `1 mark and 2 notes`."""
        marks = self.browser.marks
        return " and ".join(counted(n, word) for n, word in ((marks.count, "mark"), (marks.notes, "note")) if n)

    # -- marking -----------------------------------------------------------------------------------------------

    @on(EntryTable.Marking)
    def _mark(self, message: EntryTable.Marking) -> None:
        from auditlog_tui.marks import MOST  # late: it loads the models
        from auditlog_tui.models import read_entry
        from auditlog_tui.slices import raws

        if message.count > MOST:
            self.say(f"At most {count(MOST)} entries can be marked; the range has {count(message.count)}", "error")
            return
        marks, run = self.browser.marks, message.run
        if message.again:
            self.say("This is the last row: to change its mark once more, leave it and press m there")
            return
        try:
            found = raws(self.browser.log.store, run, max(0, message.position - run.first), message.count)
            entries = [read_entry(raw) for raw in found]
            since = marks.made_earlier_us(entries[0].key) if entries and not message.ranged else None
            marks.toggle(entries)
            self._say_marked(entries, since, ranged=message.ranged)
        except AuditLogError as error:
            self.say(str(error), "error")
        self._marks_changed()

    def _say_marked(self, entries: list[Entry], since: int | None, *, ranged: bool) -> None:
        """What `m` did; `since` is when an earlier run made the mark that it took away."""
        marks, of = self.browser.marks, f" {count(len(entries))}" if ranged else ""
        if entries and marks.is_marked(entries[0].key):
            self.say(f"Marked{of}, {count(marks.count)}{' in all' if ranged else ''}")
        else:
            before = f"; it was marked on {self.day(since)}" if since is not None else ""
            self.say(f"Unmarked{of}, {count(marks.count) if marks.count else 'none'} left{before}")

    def _marks_changed(self) -> None:
        self.header.marked = self.browser.marks.count
        self.table.refresh()

    def open_note(self, row: Row) -> None:
        """Ask for a note on an entry."""
        from auditlog_tui.marks import check_note

        marks, entry = self.browser.marks, self.browser.log.store.entry(row.n)
        used = " ".join(f"#{tag}" for tag in marks.tags[:TAGS_OFFERED])
        hint = f"#words are tags{f': {used}' if used else ''}. An empty note takes the old one away"
        prompt = PromptScreen(
            f"note on {row.action or 'this entry'}", marks.note_of(row.key), hint=safe(hint, 400), check=check_note
        )
        self.app.push_screen(prompt, lambda text: self._note(entry, text))

    def _note(self, entry: Entry, text: str | None) -> None:
        if text is None:
            return
        try:
            self.browser.marks.note(entry, text)
        except AuditLogError as error:
            self.say(str(error), "error")
        self._marks_changed()
        self.follower.follow(self.table.row, self.browser.log, self.look)

    def action_forget_marks(self) -> None:
        """Ask, and take every mark and note away."""
        if not self._amount():
            self.say("There are no marks and no notes")
            return
        choices = [Choice("f", "forget them"), Choice("k", "keep them")]
        self.app.push_screen(MenuScreen(f"forget {self._amount()}?", choices), self._forget)

    def _forget(self, key: str | None) -> None:
        if key != "f":
            return
        told = f"Forgot {self._amount()}"
        try:
            self.browser.marks.forget()
            self.say(told)
        except AuditLogError as error:
            self.say(str(error), "error")
        self._marks_changed()
        self.follower.follow(self.table.row, self.browser.log, self.look)

    # -- looking at what is marked -----------------------------------------------------------------------------

    def go_to_mark(self, way: int) -> None:
        """Go to the next mark further down (1) or up (-1), of those that are loaded."""
        rows, at = self.browser.marked_rows(), self.table.cursor
        found = next((row for row in rows[::way] if (row - at) * way > 0), None)
        if found is not None:
            self.table.move_to(found)
        elif not self.browser.marks.count:
            self.say("Nothing is marked: m marks an entry")
        else:
            where = "below" if way > 0 else "above"
            self.say(f"No mark {where} this entry, of the {count(len(self.view))} here; M shows all marked entries")

    def action_only_marked(self) -> None:
        self.leave()
        try:
            place = self.browser.back() if self.view.marked else self.browser.only_marked()
        except AuditLogError as error:
            self.say(str(error), "error")
            return
        if place is None:
            self.say("Nothing is marked: m marks an entry")
            return
        self.go(place)
        if place.view.marked:
            self.say("Only what is marked, without a filter; M or [ goes back")

    def compare(self) -> None:
        """Show the two marked entries side by side."""
        marked = self.browser.marks.marked()
        if len(marked) != 2:
            self.say(f"Two marked entries can be compared: {count(len(marked))} marked now, m marks and unmarks")
            return
        log = self.browser.log
        details = [log.known_detail(n) for n in log.store.add(marked)]
        one, other = (
            detail.entry if detail is not None else entry for entry, detail in zip(marked, details, strict=True)
        )
        self.app.push_screen(CompareScreen(one, other, self.look))
