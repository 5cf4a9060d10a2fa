"""The one screen: header, filter bar, table, detail pane, footer; what is typed or clicked becomes a deed here."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.binding import BindingType

from auditlog_tui.ui.browse.copying import CopyPart
from auditlog_tui.ui.browse.filters import FilterPart
from auditlog_tui.ui.browse.finding import FindPart
from auditlog_tui.ui.browse.following import FollowPart
from auditlog_tui.ui.browse.marking import MarkPart
from auditlog_tui.ui.browse.moments import MomentPart
from auditlog_tui.ui.browse.record import RecordPart
from auditlog_tui.ui.browse.scroll import ScrollPart
from auditlog_tui.ui.browse.timeline import TimelinePart
from auditlog_tui.ui.dialogs.help import HelpScreen
from auditlog_tui.ui.keys import EVERYWHERE, bindings
from auditlog_tui.ui.table.table import EntryTable

ALWAYS = frozenset({"help", "close", "escape", "redraw"})
"""What can be done before the log is open."""


class BrowseScreen(
    ScrollPart, FilterPart, RecordPart, CopyPart, TimelinePart, MomentPart, FollowPart, FindPart, MarkPart
):
    """Joins the parts, and does what concerns all of them."""

    AUTO_FOCUS = "EntryTable"

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(EVERYWHERE)]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.opened or action in ALWAYS

    @on(EntryTable.Asked)
    def _asked_of_row(self, message: EntryTable.Asked) -> None:
        match message.action:
            case "open":
                self.open_pane()
            case "copy":
                self.copy_id(message.row)
            case "yank":
                self.open_copy_menu()
            case "pivots":
                self.open_pivots()
            case "around":
                self.open_around()
            case "narrower":
                self.change_around(-1)
            case "wider":
                self.change_around(1)
            case "columns":
                self.choose_columns()
            case "note":
                self.open_note(message.row)
            case "next_mark":
                self.go_to_mark(1)
            case "previous_mark":
                self.go_to_mark(-1)
            case "next_novel":
                self.go_to_novel(1)
            case "previous_novel":
                self.go_to_novel(-1)
            case "compare":
                self.compare()
            case "sort":
                self.sort_by(message.field)
            case _:
                self.narrow(message.field, self.navigator.value_of(message.row, message.field), message.action)

    def action_zone(self) -> None:
        self.ways.rotate(-1)
        mode, zone = self.ways[0]
        self.look = replace(self.look, mode=mode, zone=zone)
        self.navigator.zone = zone
        self.table.restyle(self.look)
        self.changed()
        self.follower.follow(self.table.row, self.navigator.log, self.look)

    def action_redraw(self) -> None:
        self.refresh()

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen())

    def action_close(self) -> None:
        if self.pane.display:
            self.close_pane()
        elif self.facets.display:
            self.hide_facets()
        else:
            self.app.exit()

    def action_escape(self) -> None:
        if self.long.stop() or self.table.forget_range() or self.stop_waiting():
            return
        if self.pane.has_focus:
            self.table.focus()
        elif self.pane.display:
            self.close_pane()
        elif self.facets.display:
            self.hide_facets()
        elif self.timeline.display:
            self.hide_timeline()
        elif self.loader.stop():
            self.say("Stopped; Space or r goes on")
            self.changed()
        else:
            self.forget_find()
