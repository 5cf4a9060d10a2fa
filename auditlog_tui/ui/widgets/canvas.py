"""Draws the rows of a view line by line, and nothing that has not changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual.cache import LRUCache
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from auditlog_tui.ui.widgets.columns import IP_WIDTHS, Layout, Look, lay_out
from auditlog_tui.ui.widgets.lines import GUTTER, NO_SIGNS, LinePainter, Signs
from auditlog_tui.ui.widgets.rows import RowReader

if TYPE_CHECKING:
    from auditlog_tui.store import Row
    from auditlog_tui.view import View

STRIPS = 1024
"""Lines kept as drawn: a good many screens."""

Said = tuple[str, str]
"""A line of text that is no entry, and its style's name."""


class RowCanvas(Widget):
    """A header line and the rows from `top` on, the columns after the sticky ones from cell `left` on.

    `render_lines` is overridden because Textual's own way there composes every line anew (3.7 ms a frame instead of
    5.9, measured); so CSS borders and padding do not apply to this widget.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"table--{name}" for name in LinePainter.STYLES}
    ALLOW_SELECT = False

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.look = look
        self.view: View | None = None
        self.rows = RowReader()
        self.cursor = 0
        self.column = 0
        self.top = 0
        self.left = 0
        self.head: Said = ("", "dim")
        self.tail: Said = ("", "dim")
        self.blank: list[Said] = []
        self.ip_width = IP_WIDTHS[0]
        self.formatted = 0
        self.layout_of_columns: Layout = lay_out(80, look)
        self.signs: Callable[[Row], Signs] = lambda row: NO_SIGNS
        self._strips: LRUCache[tuple[int, str, int | None, Signs], Strip] = LRUCache(STRIPS)
        self._painter: LinePainter | None = None

    @property
    def span(self) -> range:
        """Rows drawn as a range."""
        return range(0)

    @property
    def body(self) -> int:
        """Lines below the header."""
        return max(1, self.size.height - 1)

    @property
    def inner_width(self) -> int:
        """Cells for columns: without the gutter and the scroll bar."""
        return max(1, self.size.width - GUTTER - 1)

    def restyle(self, look: Look | None = None) -> None:
        """Draw everything anew, in another look if one is given."""
        self.look = look or self.look
        self._painter = None
        self.forget_lines()
        self.layout_of_columns = lay_out(self.inner_width, self.look, self.ip_width)
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._painter = None
        self.forget_lines()

    def forget_lines(self) -> None:
        self._strips.clear()

    def refresh_row(self, row: int) -> None:
        """Draw one row's line anew, if it is on the screen."""
        y = row - self.top + 1
        if 1 <= y <= self.body:
            self.refresh(Region(0, y, self.size.width, 1))

    def refresh_said(self) -> None:
        """Draw the lines that are no entries anew, those that are on the screen."""
        count = len(self.view) if self.view is not None else 0
        if not count:
            self.refresh()
        else:
            self.refresh_row(-1)
            self.refresh_row(count)

    def render_lines(self, crop: Region) -> list[Strip]:
        strips = [self._line(y).crop(crop.x, crop.right) for y in range(crop.y, crop.bottom)]
        for line_filter in self.get_line_filters():
            strips = [strip.apply_filter(line_filter, self.background_colors[1]) for strip in strips]
        return strips

    def _line(self, y: int) -> Strip:
        painter = self._painter
        if painter is None:
            painter = self._painter = LinePainter(
                lambda name: self.get_component_rich_style(f"table--{name}"), self.look
            )
        width = self.size.width - 1
        layout = self.layout_of_columns
        if y == 0:
            bar = painter.corner()
            return Strip([*painter.window(painter.header(layout, self.column), layout, self.left, width), bar])
        count = len(self.view) if self.view is not None else 0
        bar = painter.scrollbar(y - 1, self.body, count + 1, self.top)
        return Strip([*self._content(painter, y - 1, count, width), bar], width + 1)

    def _content(self, painter: LinePainter, y: int, count: int, width: int) -> Strip:
        row = self.top + y
        if not count and self.blank:
            first = max(0, (self.body - len(self.blank)) // 3)
            text, style = self.blank[y - first] if 0 <= y - first < len(self.blank) else ("", "dim")
            return painter.message(text, style, width)
        if 0 <= row < count:
            return self._row(painter, row, width)
        text, style = self.head if row == -1 else self.tail if row == count else ("", "dim")
        return painter.message(text, style, width)

    def _row(self, painter: LinePainter, number: int, width: int) -> Strip:
        row = self.rows.row(number)
        if row is None:
            return painter.message("", "dim", width)
        under = "range" if number in self.span else ""
        if number == self.cursor:
            under = "cursor" if self.has_focus else "cursor-blurred"
        column = self.column if under == "cursor" else None
        signs = self.signs(row)
        key = row.n, under, column, signs
        strip = self._strips.get(key)
        if strip is None:
            self.formatted += 1
            strip = self._strips[key] = painter.row(row, self.layout_of_columns, under, column, signs)
        return painter.window(strip, self.layout_of_columns, self.left, width)
