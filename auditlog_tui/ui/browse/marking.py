"""Marks and notes: made as one looks, saved at once, and walked, shown alone and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on

from auditlog_tui.errors import AuditLogError
from auditlog_tui.text.present import count, counted, safe
from auditlog_tui.ui.browse.facets import FacetPart
from auditlog_tui.ui.dialogs.compare import CompareScreen
from auditlog_tui.ui.dialogs.menu import Choice, MenuScreen
from auditlog_tui.ui.dialogs.prompt import PromptScreen
from auditlog_tui.ui.panes.filter_bar import PLACEHOLDER
from auditlog_tui.ui.patches.workers import start
from auditlog_tui.ui.table.lines import Signs
from auditlog_tui.ui.table.table import EntryTable

if TYPE_CHECKING:
    from auditlog_tui.entries.models import Entry
    from auditlog_tui.store.entries import Row, Run

TAGS_OFFERED = 8


class MarkPart(FacetPart):
    """`m`, `V`, `;`, `u`, `U`, `M` and `D`."""

    _demo_told = False

    def on_mount(self) -> None:
        self.table.signs = self.signs

    def begun(self) -> None:
        super().begun()
        marks = self.navigator.marks
        self.follower.note_of = marks.note_of
        self.header.marked = marks.count
        wrong = [error for error in (marks.error, self.history_error()) if error]
        if wrong:
            self.say(". ".join(wrong), "error")
        elif marks.earlier is not None:
            when = self.day(marks.earlier.made_us)
            self.say(f"{self._amount()} from {when} (M shows them, : and “Forget all marks” drops them)")

    def shown(self) -> None:
        super().shown()
        self.filter_bar.input.placeholder = "only what is marked" if self.view.marked else PLACEHOLDER

    def signs(self, row: Row) -> Signs:
        """What stands beside a row."""
        marks, glyphs = self.navigator.marks, self.look.glyphs
        noted = bool(marks.note_of(row.key))
        if marks.is_marked(row.key):
            return Signs(glyphs.marked, "marked", noted)
        if row.versions:
            return Signs(glyphs.differs, "error", noted)
        novel = self.novel(row.n)
        return Signs(glyphs.novel, "error" if novel == "shared" else "accent", noted) if novel else Signs(noted=noted)

    def _amount(self) -> str:
        """Such as `1 mark and 2 notes`."""
        marks = self.navigator.marks
        return " and ".join(counted(n, word) for n, word in ((marks.count, "mark"), (marks.notes, "note")) if n)

    # -- marking -----------------------------------------------------------------------------------------------

    @on(EntryTable.Marking)
    async def _mark(self, message: EntryTable.Marking) -> None:
        from auditlog_tui.session.marks import MOST  # late: it loads the models

        if message.run is None:
            range_lost = "The range was begun among other rows, so nothing was marked: V begins one here"
            self.say(range_lost if message.ranged else "No entry is here yet, so nothing was marked", "warning")
            return
        if message.count > MOST:
            self.say(f"At most {count(MOST)} entries can be marked; the range has {count(message.count)}", "error")
            return
        if message.again:
            self.say("This is the last row: to change its mark once more, leave it and press m there")
            return
        run = message.run
        await self.long.do(message.count, lambda: self._mark_rows(run, message))

    async def _mark_rows(self, run: Run, asked: EntryTable.Marking) -> None:
        """Read the entries, mark them all at once, and save that."""
        from auditlog_tui.entries.models import read_entry
        from auditlog_tui.store.entries import Stretch
        from auditlog_tui.store.scans import raws

        entries: list[Entry] = []
        positions = range(asked.position, asked.position + asked.count)
        async for some in self.long.portions(positions, "Reading what to mark", lambda done: "nothing was marked"):
            found = raws(self.navigator.log.store, run, Stretch(some[0], len(some)))
            entries += map(read_entry, found)
        marks = self.navigator.marks
        since = marks.made_earlier_us(entries[0].key) if entries and not asked.ranged else None
        marks.toggle(entries)
        self._marks_changed()
        done = "marked" if entries and marks.is_marked(entries[0].key) else "unmarked"
        await self._save_marks(f"{count(len(entries))} {done}")
        self._say_marked(entries, since, ranged=asked.ranged)

    async def _save_marks(self, done: str) -> None:
        marks, unsaved = self.navigator.marks, range(self.navigator.marks.unsaved)
        left = f"{done}; the next mark saves the rest"
        async for some in self.long.portions(unsaved, f"{done}, saving", lambda _: left):
            marks.save(len(some))

    def _say_marked(self, entries: list[Entry], since: int | None, *, ranged: bool) -> None:
        """What `m` did; `since` is when an earlier run made the mark that it took away."""
        marks, of = self.navigator.marks, f" {count(len(entries))}" if ranged else ""
        if entries and marks.is_marked(entries[0].key):
            self.say(f"Marked{of}, {count(marks.count)}{' in all' if ranged else ''}{self._demo_forgets()}")
        else:
            before = f"; it was marked on {self.day(since)}" if since is not None else ""
            self.say(f"Unmarked{of}, {count(marks.count) if marks.count else 'none'} left{before}")

    def _demo_forgets(self) -> str:
        """What is to be said, once, of marks and notes in the demo."""
        if not self.navigator.demo or self._demo_told:
            return ""
        self._demo_told = True
        return "; the demo keeps no marks and no notes after its end"

    def _marks_changed(self) -> None:
        self.header.marked = self.navigator.marks.count
        self.table.refresh()

    def _refresh_marks(self) -> bool:
        """Take in what other terminals marked and noted; says what is wrong where it can't be read."""
        try:
            self.navigator.marks.refresh()
        except AuditLogError as error:
            self.say(str(error), "error")
            return False
        self._marks_changed()
        return True

    def open_note(self, row: Row) -> None:
        """Ask for a note on an entry."""
        from auditlog_tui.session.marks import check_note

        self._refresh_marks()
        marks, entry = self.navigator.marks, self.navigator.log.store.entry(row.n)
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
            self.navigator.marks.note(entry, text)
            if text and (forgets := self._demo_forgets()):
                self.say(f"Noted{forgets}")
        finally:  # it is changed, even where it can't be saved
            self._marks_changed()
            self.follower.follow(self.table.row, self.navigator.log, self.look)

    def action_forget_marks(self) -> None:
        """Ask, and take every mark and note away."""
        self._refresh_marks()
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
            self.navigator.marks.forget()
            kept = self._amount()
            self.say(f"{told}; another terminal made {kept} since" if kept else told)
        finally:
            self._marks_changed()
            self.follower.follow(self.table.row, self.navigator.log, self.look)

    # -- looking at what is marked -----------------------------------------------------------------------------

    def go_to_mark(self, way: int) -> None:
        """Go to the next mark further down (1) or up (-1), of those that are loaded."""
        if self.navigator.marks.count:
            start(self, lambda: self._to_mark(way), "find")
        else:
            self.say("Nothing is marked: m marks an entry")

    async def _to_mark(self, way: int) -> None:
        view = self.view
        found = await self.navigator.next_marked(self.table.cursor, way)
        if view is not self.view:
            return
        if found is not None:
            self.table.move_to(found)
        else:
            where = "below" if way > 0 else "above"
            self.say(f"No mark {where} this entry, of the {count(len(self.view))} here; M shows all marked entries")

    async def action_only_marked(self) -> None:
        if not self.view.marked:
            await self.show_marked()
            return
        self.leave()
        place = self.navigator.back()
        if place is not None:
            self.go(place)

    async def show_marked(self) -> None:
        fresh = self._refresh_marks()
        amount = self.navigator.marks.count
        if amount:
            await self.long.do(amount, lambda: self._gather_marked(fresh=fresh))
        else:
            self.say("Nothing is marked: m marks an entry")

    async def _gather_marked(self, *, fresh: bool) -> None:
        from auditlog_tui.log.marked_view import MarkedView  # late: it loads the models

        before, view = self.view, MarkedView(self.navigator.log, [])
        marked = self.navigator.marks.marked()[::-1]
        async for some in self.long.portions(marked, "Gathering what is marked", lambda done: "nothing has changed"):
            view.append(some)
        if before is not self.view:
            return  # the user went elsewhere
        self.leave()
        self.go(self.navigator.show_marked(view))
        if fresh:
            self.say("Only what is marked, without a filter; M or [ goes back")

    def compare(self) -> None:
        """Show the two marked entries side by side."""
        if self.navigator.marks.count != 2:
            told = count(self.navigator.marks.count)
            self.say(f"Two marked entries can be compared: {told} marked now, m marks and unmarks")
            return
        log, marked = self.navigator.log, self.navigator.marks.marked()
        details = [log.cached_detail(n) for n in log.store.add(marked)]
        one, other = (
            detail.entry if detail is not None else entry for entry, detail in zip(marked, details, strict=True)
        )
        self.app.push_screen(CompareScreen(one, other, self.look))
