"""Rows read from a view in blocks, so that a key costs a fixed number of SQL statements."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.cache import LRUCache

from auditlog_tui.errors import StoreError

if TYPE_CHECKING:
    from auditlog_tui.log.view import View
    from auditlog_tui.store.entries import Row, Run

BLOCK = 64
"""Rows read at a time: a screen is one or two blocks, and a line more is mostly none."""


class RowReader:
    """Blocks are numbered by the run's own positions, which stay when rows are added at either end.

    Where the store fails, what was read before stays, `failed` is called, and the next call tries again.
    """

    def __init__(self, failed: Callable[[StoreError], None]) -> None:
        self._failed = failed
        self.run: Run | None = None
        self.cuts = 0
        self._view: View | None = None
        self._blocks: LRUCache[int, tuple[range, list[Row]]] = LRUCache(16)

    def reset(self, view: View) -> None:
        self._view, self.run, self.cuts = view, view.run, view.run.cuts
        self._blocks.clear()

    def row(self, number: int) -> Row | None:
        """Row `number` counted from the top, `None` beyond the ends and for one that can't be read."""
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
        kept = self._blocks.get(block)
        if kept is not None and kept[0] == span:
            return kept
        try:
            rows = view.window(span.start - run.first, len(span))
        except StoreError as error:
            self._failed(error)
            return kept or (span, [])
        if kept is not None:
            self._blocks.discard(block)  # this cache never replaces what it has
        self._blocks[block] = span, rows
        return span, rows
