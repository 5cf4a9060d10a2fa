"""The dialog that chooses and orders the table's columns."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from auditlog_tui.text.cells import shorten_end
from auditlog_tui.ui.dialogs.dialog import Dialog, set_frame
from auditlog_tui.ui.patches.options import Options
from auditlog_tui.ui.table.columns import COLUMNS, STICKY

FRAME = 9
"""Cells taken by the mark, the box and its scroll bar."""

TITLES = {column.field: column.title for column in COLUMNS}


class ColumnsScreen(Dialog[tuple[str, ...] | None]):
    """Returns the names of the columns after the sticky ones, or `None` if cancelled."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", show=False),
        Binding("space", "show_or_hide", show=False),
        Binding("J,shift+down", "move(1)", show=False),
        Binding("K,shift+up", "move(-1)", show=False),
        Binding("down,j", "list('cursor_down')", show=False),
        Binding("up,k", "list('cursor_up')", show=False),
    ]

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        left_out = [column.field for column in COLUMNS[STICKY:] if column.field not in names]
        self._shown = set(names)
        self._names = [*names, *left_out]

    def compose(self) -> ComposeResult:
        box = Options(*map(self._option, self._names), markup=False, id="menu")
        set_frame(box, "columns after time and action", "Space shows or hides · J K move · ⏎ saves · Esc cancels")
        yield box

    def _option(self, name: str) -> Option:
        mark = "✓" if name in self._shown else " "
        text = shorten_end(f"{TITLES[name]:<8}{name}", max(1, self.app.size.width - FRAME))
        title, key = text[:8], text[8:]
        return Option(Content.assemble((f" {mark} ", "bold $text-accent"), title, (key, "$text-muted")))

    def on_resize(self) -> None:
        self._draw(self._list.highlighted or 0)

    @property
    def _list(self) -> OptionList:
        return self.query_one(OptionList)

    def _draw(self, at: int) -> None:
        self._list.clear_options()
        self._list.add_options(map(self._option, self._names))
        self._list.highlighted = at

    def action_list(self, action: str) -> None:
        getattr(self._list, f"action_{action}")()

    def action_show_or_hide(self) -> None:
        at = self._list.highlighted or 0
        self._shown ^= {self._names[at]}
        self._draw(at)

    def action_move(self, way: int) -> None:
        at = self._list.highlighted or 0
        to = max(0, min(at + way, len(self._names) - 1))
        self._names.insert(to, self._names.pop(at))
        self._draw(to)

    @on(OptionList.OptionSelected)
    def _keep(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(tuple(name for name in self._names if name in self._shown))
