"""The detail pane: it follows the cursor, and its fields can be copied and filtered by."""

from __future__ import annotations

from textual import on

from auditlog_tui.text.present import safe
from auditlog_tui.ui.browse.base import BrowseBase
from auditlog_tui.ui.messages import CopyRequested
from auditlog_tui.ui.panes.detail import DetailPane
from auditlog_tui.ui.table.table import EntryTable


class RecordPart(BrowseBase):
    """Opening, closing and following; the screen does the narrowing."""

    @on(EntryTable.Moved)
    def _moved(self, message: EntryTable.Moved) -> None:
        self.follower.follow(message.row, self.navigator.log, self.look)

    def open_pane(self) -> None:
        self.facets.display = False  # they share the place
        self.pane.add_class("-open")
        self.pane.focus()
        self.follower.follow(self.table.row, self.navigator.log, self.look, now=True)

    def close_pane(self) -> None:
        self.pane.remove_class("-open")
        self.table.focus()

    @on(DetailPane.Asked)
    def _asked_of_field(self, message: DetailPane.Asked) -> None:
        field = message.field
        match message.action:
            case "next_entry":
                self.table.action_down()
            case "previous_entry":
                self.table.action_up()
            case "pivots":
                self.table.action_pivots()
            case "around":
                self.table.action_around()
            case "mark":
                self.table.mark()
            case "note":
                self.table.action_note()
            case "raw":
                self.follower.toggle_raw(self.navigator.log, self.look)
            case "copy" if field is not None:
                what = f"{safe(field.name, 40)} {safe(field.value, 80)}"
                self.post_message(CopyRequested(field.value, what))
            case "include" | "exclude" if field is not None and field.term:
                self.narrow(field.term, field.value or None, message.action)
            case _:
                self.say("There is nothing to filter by in this field", "warning")
