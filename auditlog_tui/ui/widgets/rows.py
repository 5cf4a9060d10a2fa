"""Rows read from a view in blocks, so that a key costs a fixed number of SQL statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.cache import LRUCache

if TYPE_CHECKING:
    from auditlog_tui.store import Row, Run
    from auditlog_tui.view import View

BLOCK = 64
"""Rows read at a time: a screen is one or two blocks, and a line more is mostly none."""


class RowReader:
    """Blocks are numbered by the run's own positions, which stay when rows are added at either end."""

    def __init__(self) -> None:
        self.run: Run | None = None
        self.cuts = 0
        self._view: View | None = None
        self._blocks: LRUCache[range, list[Row]] = LRUCache(16)

    def reset(self, view: View) -> None:
        self._view, self.run, self.cuts = view, view.run, view.run.cuts
        self._blocks.clear()

    def row(self, number: int) -> Row | None:
        """Row `number` counted from the top, `None` beyond the ends."""
        view, run = self._view, self.run
        if view is None or run is None or not 0 <= number < len(run):
            return None
        position = run.first + number
        span, rows = self._block(view, run, position // BLOCK)
        place = position - span.start
        return rows[place] if 0 <= place < len(rows) else None

    def visible(self, first: int, count: int) -> list[Row]:
        return [row for number in range(first, first + count) if (row := self.row(number)) is not None]

    def _block(self, view: View, run: Run, block: int) -> tuple[range, list[Row]]:
        span = range(max(run.first, block * BLOCK), min(run.after, (block + 1) * BLOCK))
        rows = self._blocks.get(span)  # by the span, as a block grows, and this cache never replaces what it has
        if rows is None:
            rows = self._blocks[span] = view.window(span.start - run.first, len(span))
        return span, rows
