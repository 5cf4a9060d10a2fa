"""The cursor, the vertical scroll position and the range to mark. Knows nothing of the screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from auditlog_tui.ui.table.canvas import RowReader

if TYPE_CHECKING:
    from auditlog_tui.log.view import View
    from auditlog_tui.store.entries import Run


class Viewport:
    """`cursor` is a row, `top` the first line shown, `entry` the number of the entry under the cursor.
    `moves` counts the user's moves.

    Lines are numbered by row; -1 is the line above row 0 that stands for newer entries not yet fetched, and one line
    follows the last row. The cursor stays on its entry when rows are added above it. Until the user moves, it stands
    where the view begins: at its newest or oldest end, in the middle, or on the entry asked for.
    """

    def __init__(self, rows: RowReader, body: Callable[[], int]) -> None:
        """`body` is the number of lines for rows."""
        self.cursor = 0
        self.top = 0
        self.entry: int | None = None
        self._rows = rows
        self._body = body
        self._first = 0
        self._wanted: tuple[int, int] | None = None
        self._centring = False
        self._moved = False
        self.moves = 0

    @property
    def above(self) -> int:
        """Lines between the top and the cursor."""
        return self.cursor - self.top

    def show(self, view: View, entry: int | None, above: int) -> None:
        """Show another view, the cursor on entry number `entry` with `above` lines over it, if the view has it."""
        row = None if entry is None else self._rows.number_of(view, entry)
        self._rows.reset(view)
        self._wanted = None if entry is None or row is not None else (entry, above)
        self._centring = view.centred and row is None
        self._moved = entry is not None
        self.cursor = row or 0
        self.top = self.cursor - above if row is not None else self._lowest_top(view)
        self.entry = entry if row is not None else None
        self._first = view.run.first

    def kept(self) -> tuple[int | None, int]:
        """The entry to keep the cursor on and the lines above it, for `show`."""
        entry, above = self._wanted or (self.entry, self.above)
        return (entry if self._moved else None), above

    def take_in(self, view: View) -> None:
        """Stay on the same entries after rows were added."""
        grown = self._first - view.run.first
        self._first = view.run.first
        if self.entry is not None:
            self.cursor += grown
            self.top += grown

    def settle_start(self, view: View) -> None:
        """Until the user moves, stand where the view begins."""
        wanted = self._rows.number_of(view, self._wanted[0]) if self._wanted is not None else None
        if self._wanted is not None and wanted is not None:
            self.cursor, self.top = wanted, wanted - self._wanted[1]
            self.entry = self._wanted[0]
        elif self._centring and len(view):
            self.top = self.cursor - self._body() // 2
        elif self.entry is None and view.upwards and not self._moved:
            self.cursor = len(view) - 1
            self.top = len(view) + 1 - self._body()

    def clamp(self, view: View) -> bool:
        """Bring cursor and top within bounds. Returns whether the cursor is on another entry than before."""
        before = self.entry
        self.cursor = max(0, min(self.cursor, len(view) - 1))
        self.top = max(self._lowest_top(view), min(self.top, len(view) + 1 - self._body()))
        row = self._rows.row(self.cursor)
        self.entry = row.n if row is not None else None
        return self.entry != before

    def move_to(self, view: View, row: int, top: int | None = None) -> None:
        """Put the cursor on a row, and scroll as little as that takes, from `top` if it is given."""
        self._wanted, self._centring, self._moved = None, False, True
        self.moves += 1
        self.cursor = max(0, min(row, len(view) - 1))
        self.scroll_to_cursor(view, self.top if top is None else top)

    def scroll_to_cursor(self, view: View, top: int) -> None:
        """Scroll from `top` as little as it takes to show the cursor."""
        first = self._lowest_top(view) if self.cursor == 0 else self.cursor
        last = self.cursor + (self.cursor == len(view) - 1)
        self.top = min(max(top, last - self._body() + 1), first)

    def scrolled(self, view: View, top: int) -> tuple[int, int]:
        """The cursor's row and the top, scrolled to `top`: the cursor stays on its entry while that is visible."""
        body = self._body()
        top = max(self._lowest_top(view), min(top, len(view) + 1 - body))
        return max(top, min(self.cursor, top + body - 1)), top

    def lacks(self, view: View, *, older: bool) -> bool:
        """Whether less than a screen is loaded beyond what is shown, and there is more to fetch."""
        if older:
            return not view.older_done and self.top + 2 * self._body() > len(view)
        return not view.newer_done and self.top < self._body()

    def _lowest_top(self, view: View) -> int:
        return 0 if view.newer_done else -1


class MarkRange:
    """A range of rows to mark, from where it was begun to the cursor. It stays on its entries when rows are added."""

    def __init__(self) -> None:
        self._start: tuple[Run, int] | None = None

    def begin(self, run: Run, row: int) -> None:
        self._start = run, run.first + row

    def clear(self) -> None:
        self._start = None

    def lost(self, view: View | None) -> bool:
        """Whether it was begun in other rows than the view's."""
        return self._start is not None and (view is None or self._start[0] is not view.run)

    def rows(self, view: View | None, cursor: int) -> range:
        """The rows from its beginning to the cursor, both included; empty without a range in this view."""
        if self._start is None or view is None or self._start[0] is not view.run:
            return range(0)
        run, position = self._start
        start = max(0, position - run.first)
        return range(min(start, cursor), max(start, cursor) + 1)
