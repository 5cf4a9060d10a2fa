"""Marks and notes: made, saved at once, walked, shown alone, compared and forgotten."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from auditlog_tui.errors import AuditLogError
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import count, counted
from auditlog_tui.ui.browse.detail import DetailController
from auditlog_tui.ui.browse.host import Controller, Host, wanted_row
from auditlog_tui.ui.browse.long_work import LongWork
from auditlog_tui.ui.browse.novelty import NoveltyController
from auditlog_tui.ui.panes.bars import HeaderBar
from auditlog_tui.ui.panes.filter_bar import PLACEHOLDER, FilterBar
from auditlog_tui.ui.table.lines import Signs
from auditlog_tui.ui.table.table import EntryTable

if TYPE_CHECKING:
    from textual.worker import Worker

    from auditlog_tui.entries.models import Entry
    from auditlog_tui.entries.raw_json import Json
    from auditlog_tui.log.view import View
    from auditlog_tui.session.marks import Marks
    from auditlog_tui.store.entries import Row, Run
    from auditlog_tui.ui.dialogs.prompt import PromptScreen

UNFINISHED = "#unfinished"
"""The tag of a note that was still being typed when the program was ended."""

TAGS_OFFERED = 8
"""Tags used before that the prompt for a note lists."""

NEAR = 200
"""Rows above and below the cursor among which it finds one that stays."""


class Wanted(Struct, frozen=True):
    """The entries to mark, or to unmark if all are marked: `count` of a run, from a position on."""

    run: Run
    position: int
    count: int
    ranged: bool


class MarkController(Controller):
    """`m`, `;`, `u`, `U`, `M`, `D`, and forgetting all marks; the signs beside the rows."""

    def __init__(
        self,
        host: Host,
        table: EntryTable,
        header: HeaderBar,
        filter_bar: FilterBar,
        long: LongWork,
        novelty: NoveltyController,
        detail: DetailController,
    ) -> None:
        self._host = host
        self._table = table
        self._header = header
        self._filter_bar = filter_bar
        self._long = long
        self._novelty = novelty
        self._detail = detail
        self._work: Worker[None] | None = None
        """Marks many entries."""
        self._unkept_told = False
        self._noting: tuple[Entry, PromptScreen] | None = None
        """The entry that a note is being typed on, and where."""
        self._stayed_at: tuple[int, int] | None = None
        """The entry marked last, if the cursor could not go on from it, and the table's moves then."""
        table.signs = self._signs

    @property
    def busy(self) -> bool:
        """Whether entries are being marked in the background."""
        return self._work is not None and not self._work.is_finished

    @property
    def _marks(self) -> Marks:
        return self._host.navigator.marks

    def opened(self) -> None:
        marks, history = self._marks, self._host.navigator.history
        self._header.marked = marks.count
        wrong = [error for error in (marks.error, history.error) if error]
        if wrong:
            self._host.say(". ".join(wrong), "error")
        elif marks.earlier is not None:
            since = self._host.look.date(marks.earlier.made_us)
            self._host.say(f"{self._amount()} from {since} (M shows them, : and “Forget all marks” drops them)")

    def place_shown(self) -> None:
        view = self._host.view
        self._filter_bar.input.placeholder = "only what is marked" if view.fixed else PLACEHOLDER
        if view.plan.of_marks and not view.fixed:
            self._refresh_marks()

    def _signs(self, row: Row) -> Signs:
        """The signs beside a row."""
        glyphs = self._host.look.glyphs
        noted = bool(self._marks.note_of(row.key))
        if self._marks.is_marked(row.key):
            return Signs(glyphs.marked, "marked", noted)
        if row.versions:
            return Signs(glyphs.differs, "error", noted)
        novel = self._novelty.of(row.n)
        return Signs(glyphs.novel, "error" if novel == "shared" else "accent", noted) if novel else Signs(noted=noted)

    def _amount(self) -> str:
        """Such as `1 mark and 2 notes`."""
        amounts = (self._marks.count, "mark"), (self._marks.notes, "note")
        return " and ".join(counted(n, word) for n, word in amounts if n)

    # -- marking -----------------------------------------------------------------------------------------------

    def action_mark_range(self) -> None:
        """Begin a range at the cursor, or forget the one that was begun."""
        table = self._table
        if not self.forget_range() and table.view is not None and len(table.view):
            table.range.begin(table.view.run, table.cursor)
            table.refresh()
            self._host.say("A range begins here: go to its end, m marks it, Esc drops it")

    def forget_range(self) -> bool:
        """Returns whether there was a range."""
        had_range = len(self._table.span) > 0
        self._table.range.clear()
        if had_range:
            self._table.refresh()
        return had_range

    async def action_mark(self) -> None:
        """Mark the range, or else the entry under the cursor and go down one."""
        table, row = self._table, self._table.row
        wanted = self._wanted()
        if row is None or wanted is None or wanted.ranged:
            await self._mark(wanted)
            return
        again = self._stayed_at == (row.n, table.moves)
        table.action_move(1)
        self._stayed_at = (row.n, table.moves) if table.row == row else None
        if again:
            self._host.say("This is the last row: to change its mark once more, leave it and press m there")
        else:
            await self._mark(wanted)

    async def action_mark_entry(self) -> None:
        """Mark or unmark the range, or else the entry that the detail pane shows."""
        await self._mark(self._wanted())

    def _wanted(self) -> Wanted | None:
        """What to mark, of which the range is then forgotten; `None`, with the reason said, if there is nothing."""
        table, view = self._table, self._table.view
        lost = table.range.lost(view)
        if view is None or not len(view) or lost:
            table.range.clear()
            range_lost = "The range was begun among other rows, so nothing was marked: V begins one here"
            self._host.say(range_lost if lost else "No entry is here yet, so nothing was marked", "warning")
            return None
        span = table.span
        self.forget_range()
        rows = span or range(table.cursor, table.cursor + 1)
        return Wanted(view.run, view.run.first + rows.start, len(rows), ranged=bool(span))

    async def _mark(self, wanted: Wanted | None) -> None:
        from auditlog_tui.session.marks import MOST  # late: it loads the models

        if wanted is not None and wanted.count > MOST:
            text = f"At most {count(MOST)} entries can be marked; the range has {count(wanted.count)}"
            self._host.say(text, "error")
        elif wanted is not None:
            self._work = await self._long.do(wanted.count, lambda: self._mark_rows(wanted)) or self._work

    async def _mark_rows(self, wanted: Wanted) -> None:
        """Read the entries, mark them all at once, and save that."""
        from auditlog_tui.entries.models import read_entry
        from auditlog_tui.store.entries import Stretch
        from auditlog_tui.store.scans import raws

        entries: list[Entry] = []
        positions = range(wanted.position, wanted.position + wanted.count)
        async for some in self._long.portions(positions, "Reading what to mark", lambda done: "nothing was marked"):
            found = raws(self._host.navigator.log.store, wanted.run, Stretch(some[0], len(some)))
            entries += map(read_entry, found)
        marks = self._marks
        since = marks.made_earlier_us(entries[0].key) if entries and not wanted.ranged else None
        await self._toggle(entries)
        self._say_marked(entries, since, ranged=wanted.ranged)

    async def mark_matching(self, text: str, of: Callable[[int], str]) -> None:
        """Mark all loaded entries that a filter matches, or unmark them if all are marked.

        `of` takes their number and returns what follows the message.
        """
        work = await self._long.do(self._host.navigator.log.store.size, lambda: self._mark_matching(text, of))
        self._work = work or self._work

    async def _mark_matching(self, text: str, of: Callable[[int], str]) -> None:
        from auditlog_tui.query import parse
        from auditlog_tui.session.marks import MOST

        self._long.begin("Looking for what to mark", "nothing was marked")
        rows, total = await self._host.navigator.counting.matching(parse(text), MOST)
        if total > len(rows):
            self._host.say(f"At most {count(MOST)} entries can be marked; this line has {count(total)}", "error")
            return
        entries: dict[str, Entry] = {}
        async for some in self._long.portions(rows, "Reading what to mark", lambda done: "nothing was marked"):
            entries |= {row.key: self._host.navigator.log.store.entry(row.n) for row in some}
        if not entries:
            self._host.say(f"Nothing of this is loaded, so nothing was marked{of(0)}", "warning")
            return
        await self._toggle([*entries.values()])
        self._say_marked([*entries.values()], None, ranged=True, of=of(len(entries)))

    async def _toggle(self, entries: list[Entry]) -> None:
        """Mark the entries, or unmark them if all are marked, and save that."""
        self._marks.toggle(entries)
        self._marks_changed()
        done = "marked" if entries and self._marks.is_marked(entries[0].key) else "unmarked"
        self._journal(done, [entry.key for entry in entries])
        await self._save_marks(f"{count(len(entries))} {done}")

    def _journal(self, kind: str, keys: list[str], **more: Json) -> None:
        from auditlog_tui.evidence.journal import ids_of

        self._host.navigator.journal.note(kind, {**ids_of(keys), **more})

    async def _save_marks(self, done: str) -> None:
        marks, unsaved = self._marks, range(self._marks.unsaved)
        left = f"{done}; the next mark saves the rest"
        async for some in self._long.portions(unsaved, f"{done}, saving", lambda _: left):
            marks.save(len(some))

    def _say_marked(self, entries: list[Entry], since: int | None, *, ranged: bool, of: str = "") -> None:
        """`since` is when an earlier run made the mark that was removed. `of` follows the message."""
        marks, number = self._marks, f" {count(len(entries))}" if ranged else ""
        if entries and marks.is_marked(entries[0].key):
            in_all = " in all" if ranged else ""
            self._host.say(f"Marked{number}, {count(marks.count)}{in_all}{of}{self._unkept_warning()}")
        else:
            before = f"; it was marked on {self._host.look.date(since)}" if since is not None else ""
            self._host.say(f"Unmarked{number}, {count(marks.count) if marks.count else 'none'} left{before}")

    def _unkept_warning(self) -> str:
        """Once, why marks and notes are not kept."""
        unkept = self._host.navigator.unkept
        if not unkept or self._unkept_told:
            return ""
        self._unkept_told = True
        return f"; {unkept}"

    def _marks_changed(self) -> None:
        self._header.marked = self._marks.count
        self._table.refresh()
        if self._host.view.marks_changed:
            self._host.start(self._follow_marks, "marks")

    async def _follow_marks(self) -> None:
        """Let the rows of a filter about marks or notes follow these; the cursor stays on its row, or the nearest."""
        view, table = self._host.view, self._table
        try:
            await view.follow_marks()
            shown = table.rows.run
            if table.view is view and shown is not None and shown is not view.run:
                table.show(view, self._nearest_kept(view, shown), table.cursor - table.top)
        except AuditLogError as error:
            self._host.say(str(error), "error")
        self._host.rows_changed()

    def _nearest_kept(self, view: View, run: Run) -> int | None:
        """The entry nearest to the cursor, of the rows on the screen and around it, that the view still has."""
        store, cursor = view.log.store, self._table.cursor
        below = store.window(run, cursor, NEAR)
        above = store.window(run, max(0, cursor - NEAR), min(cursor, NEAR))[::-1]
        return next((row.n for row in (*below, *above) if view.row_of(row.n) is not None), None)

    def _refresh_marks(self) -> bool:
        """Take in what other terminals marked and noted. False, with the reason said, if it can't be read."""
        try:
            self._marks.refresh()
        except AuditLogError as error:
            self._host.say(str(error), "error")
            return False
        self._marks_changed()
        return True

    # -- notes -------------------------------------------------------------------------------------------------

    def action_note(self) -> None:
        """Ask for a note on the entry under the cursor."""
        row = wanted_row(self._host, self._table)
        if row is None:
            return
        from auditlog_tui.ui.dialogs.prompt import PromptScreen

        if self._marks.fixed:  # before anything is typed
            self._host.say(f"Marks and notes can't be changed: {self._marks.fixed}", "error")
            return
        self._refresh_marks()
        entry = self._host.navigator.log.store.entry(row.n)
        used = " ".join(f"#{tag}" for tag in self._marks.tags[:TAGS_OFFERED])
        hint = f"#words are tags{f': {used}' if used else ''}. An empty note takes the old one away"
        prompt = PromptScreen(
            f"note on {row.action or 'this entry'}",
            self._marks.note_of(row.key),
            hint=safe(hint, 400),
            check=self._marks.check_note,
        )
        self._noting = entry, prompt
        self._host.ask(prompt, lambda text: self._note(entry, text))

    def keep_typed(self) -> str:
        """As the program is being ended: keep a note that is being typed, tagged as unfinished, after the old one.

        Returns what the user must know of it; empty if none is being typed.
        """
        (entry, prompt), self._noting = self._noting or (None, None), None
        if entry is None or prompt is None or not prompt.is_mounted:
            return ""
        typed, before = prompt.typed.strip(), self._marks.note_of(entry.key)
        if typed in ("", before):
            return ""
        if self._marks.redactor.has_part(typed):
            return "The note that was being typed is not kept: it may contain a key."
        if unkept := self._host.navigator.unkept:
            return f"The note that was being typed: {safe(typed)} ({unkept})"
        text = typed if typed.startswith(before) else f"{before} {typed}"
        text = text if UNFINISHED in text else f"{UNFINISHED} {text}"
        try:
            self._marks.note(entry, text)
            self._journal("noted", [entry.key], note=text)
        except AuditLogError as error:
            return f"The note that was being typed could not be saved: {safe(typed)}\n{error}"
        return f"The note that was being typed is kept, with the tag {UNFINISHED}."

    def _note(self, entry: Entry, text: str | None) -> None:
        self._noting = None
        if text is None:
            return
        try:
            self._marks.note(entry, text)
            self._journal("noted", [entry.key], note=text)
            if text and (warning := self._unkept_warning()):
                self._host.say(f"Noted{warning}")
        finally:  # the note has changed, even if it can't be saved
            self._marks_changed()
            self._detail.follow()

    def action_forget_marks(self) -> None:
        """Remove every mark and note, after a question."""
        self._refresh_marks()
        if not self._amount():
            self._host.say("There are no marks and no notes")
            return
        from auditlog_tui.ui.dialogs.menu import Choice, MenuScreen

        choices = [Choice("f", "forget them"), Choice("k", "keep them")]
        self._host.ask(MenuScreen(f"forget {self._amount()}?", choices), self._forget)

    def _forget(self, key: str | None) -> None:
        if key != "f":
            return
        forgot = f"Forgot {self._amount()}"
        self._journal("forgot marks", [*self._marks.by_key])
        try:
            self._marks.forget()
            kept = self._amount()
            self._host.say(f"{forgot}; another terminal made {kept} since" if kept else forgot)
        finally:
            self._marks_changed()
            self._detail.follow()

    # -- marked entries ----------------------------------------------------------------------------------------

    def action_go_to_mark(self, way: int) -> None:
        """Go to the next marked entry further down (1) or up (-1), of those loaded."""
        if self._marks.count:
            self._host.start(lambda: self._go_to_mark(way), "find")
        else:
            self._host.say("Nothing is marked: m marks an entry")

    async def _go_to_mark(self, way: int) -> None:
        view = self._host.view
        found = await self._host.navigator.next_marked(self._table.cursor, way)
        if view is not self._host.view:
            return
        if found is not None:
            self._table.move_to(found)
        else:
            where = "below" if way > 0 else "above"
            self._host.say(f"No mark {where} this entry, of the {count(len(view))} here; M shows all marked entries")

    def action_only_marked(self) -> None:
        if self._host.view.fixed:
            self._host.go(self._host.navigator.back)
        else:
            self.show_marked()

    def show_marked(self) -> None:
        """Show only the marked entries, as they are now."""
        fresh = self._refresh_marks()
        if not self._host.go(self._host.navigator.only_marked):
            self._host.say("Nothing is marked: m marks an entry")
        elif fresh:
            self._host.say("Only what is marked, without a filter; M or [ goes back")

    def action_compare(self) -> None:
        """Show the two marked entries side by side."""
        if self._marks.count != 2:
            amount = count(self._marks.count)
            self._host.say(f"Two marked entries can be compared: {amount} marked now, m marks and unmarks")
            return
        from auditlog_tui.ui.dialogs.compare import CompareScreen

        log, marked = self._host.navigator.log, self._marks.marked()
        details = [log.cached_detail(n) for n in log.store.add(marked)]
        one, other = (
            detail.entry if detail is not None else entry for entry, detail in zip(marked, details, strict=True)
        )
        self._host.ask(CompareScreen(one, other, self._host.look))
