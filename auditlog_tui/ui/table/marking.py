"""Rows of which one, or a range, can be marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from auditlog_tui.ui.table.canvas import RowCanvas

if TYPE_CHECKING:
    from auditlog_tui.store.entries import Run
    from auditlog_tui.ui.look import Look


class MarkingCanvas(RowCanvas):
    """A range goes from where it was begun to the cursor, and stays on its entries when rows come above them."""

    @dataclass
    class Marking(Message):
        """Mark `count` entries of a run from a position on, or unmark them where all are marked.

        `again`: the key was pressed where it could not go on from the entry that it had just marked. Without a run
        there is nothing to mark: no entry is here yet, or the range was begun among other rows (`ranged`).
        """

        run: Run | None
        position: int
        count: int
        ranged: bool
        again: bool = False

    def __init__(self, look: Look) -> None:
        super().__init__(look)
        self._begun: tuple[Run, int] | None = None

    @property
    def span(self) -> range:
        """The rows of the range, the cursor's included; empty where none was begun."""
        if self._begun is None or self.view is None or self._begun[0] is not self.view.run:
            return range(0)
        run, position = self._begun
        start = max(0, position - run.first)
        return range(min(start, self.cursor), max(start, self.cursor) + 1)

    def action_range(self) -> None:
        """Begin a range at the cursor, or forget the one that was begun."""
        if not self.forget_range() and self.view is not None and len(self.view):
            self._begun = self.view.run, self.view.run.first + self.cursor
            self.refresh()

    def forget_range(self) -> bool:
        """False where there was none."""
        there = len(self.span) > 0
        self._begun = None
        if there:
            self.refresh()
        return there

    def mark(self, *, again: bool = False) -> bool:
        """Ask for the range to be marked and forget it, or else for the entry under the cursor; True for a range."""
        elsewhere = self._begun is not None and (self.view is None or self._begun[0] is not self.view.run)
        if self.view is None or not len(self.view) or elsewhere:
            self._begun = None
            self.post_message(self.Marking(None, 0, 0, ranged=elsewhere))
            return elsewhere
        run, span = self.view.run, self.span
        rows = span or range(self.cursor, self.cursor + 1)
        self.post_message(self.Marking(run, run.first + rows.start, len(rows), ranged=bool(span), again=again))
        return self.forget_range()
