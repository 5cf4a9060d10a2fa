"""Rows of which one is under the cursor, and the keys that mean it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from auditlog_tui.ui.table.marking import MarkingCanvas

if TYPE_CHECKING:
    from auditlog_tui.store.entries import Row


class AskingCanvas(MarkingCanvas):
    """What such a key does concerns more than the table, which only says what was asked of which entry."""

    @dataclass
    class Asked(Message):
        """A key that means the entry or cell under the cursor: `action` is the key's, `field` the column's."""

        action: str
        row: Row
        field: str

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self.rows.row(self.cursor)

    @property
    def field(self) -> str:
        """The filter's name for the column that the keys mean."""
        return self.layout_of_columns.columns[self.column].field

    def _ask(self, action: str) -> None:
        if (row := self.row) is not None:
            self.post_message(self.Asked(action, row, self.field))

    def action_open(self) -> None:
        self._ask("open")

    def action_copy(self) -> None:
        self._ask("copy")

    def action_around(self) -> None:
        self._ask("around")

    def action_narrower(self) -> None:
        self._ask("narrower")

    def action_wider(self) -> None:
        self._ask("wider")

    def action_columns(self) -> None:
        self._ask("columns")

    def action_sort(self) -> None:
        self._ask("sort")

    def action_note(self) -> None:
        self._ask("note")

    def action_next_mark(self) -> None:
        self._ask("next_mark")

    def action_previous_mark(self) -> None:
        self._ask("previous_mark")

    def action_next_novel(self) -> None:
        self._ask("next_novel")

    def action_previous_novel(self) -> None:
        self._ask("previous_novel")

    def action_compare(self) -> None:
        self._ask("compare")

    def action_pivots(self) -> None:
        self._ask("pivots")

    def action_yank(self) -> None:
        self._ask("yank")

    def action_include(self) -> None:
        self._ask("include")

    def action_exclude(self) -> None:
        self._ask("exclude")
