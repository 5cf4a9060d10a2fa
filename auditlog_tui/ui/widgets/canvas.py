"""Draws the rows of a view line by line, and nothing that has not changed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.segment import Segment
from textual.cache import LRUCache
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from auditlog_tui.ui.shifting import ShiftingScreen, shifted
from auditlog_tui.ui.widgets.columns import IP_WIDTHS, Layout, Look, lay_out
from auditlog_tui.ui.widgets.lines import GUTTER, NO_SIGNS, LinePainter, Signs, scrollbar
from auditlog_tui.ui.widgets.rows import RowReader

if TYPE_CHECKING:
    from auditlog_tui.store import Row
    from auditlog_tui.view import View

STRIPS = 512
"""Lines kept as drawn: a good many screens."""

Said = tuple[str, str]
"""A line of text that is no entry, and its style's name."""


class Line(NamedTuple):
    """All that a line shows: two that are equal look the same.

    `n` is an entry, or `said` a text that is none; with neither it is the header. `bar` is the style of the scroll
    bar's cell.
    """

    bar: str
    n: int | None = None
    under: str = ""
    column: int | None = None
    signs: Signs = NO_SIGNS
    said: Said | None = None


class RowCanvas(Widget):
    """A header line and the rows from `top` on, the columns after the sticky ones from cell `left` on.

    `refresh` costs what has changed: lines are compared with those that the terminal shows, and after scrolling with
    those that it can move by itself. CSS borders and padding do not apply to this widget, whose lines are not
    composed by Textual (3.7 ms a frame instead of 5.9, measured).
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
        self._rows: LRUCache[Line, Strip] = LRUCache(STRIPS)
        self._strips: LRUCache[Line, Strip] = LRUCache(STRIPS)
        self._shown: list[Line | None] = []
        self._shown_top = 0
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
        """Whatever was drawn looks otherwise now."""
        self._rows.clear()
        self._strips.clear()
        self._shown = []

    # -- what the terminal shows -------------------------------------------------------------------------------

    def _exchange_repaint_regions(self) -> Collection[Region]:
        """Textual asks what is to be drawn anew: of what it would draw, the lines that are not shown already."""
        if not super()._exchange_repaint_regions():
            return ()
        lines = [self._line(y) for y in range(self.size.height)]
        unknown: list[Line | None] = [None] * len(lines)
        shown = self._shown if len(self._shown) == len(lines) else unknown
        changed = self._changed(lines, shown)
        by = self.top - self._shown_top
        if by and len(changed) > abs(by):
            moved = [*shown[:1], *shifted(shown[1:], by)]
            fewer = self._changed(lines, moved)
            if len(fewer) < len(changed) and self._shift(by, fewer):
                changed = fewer
        self._shown, self._shown_top = list(lines), self.top
        return changed

    def _changed(self, lines: list[Line], shown: list[Line | None]) -> list[Region]:
        pairs = enumerate(zip(lines, shown, strict=True))
        return [Region(0, y, self.size.width, 1) for y, (line, other) in pairs if line != other]

    def _shift(self, by: int, redrawn: list[Region]) -> bool:
        screen = self.screen
        return isinstance(screen, ShiftingScreen) and screen.shift(self, by, redrawn)

    def render_lines(self, crop: Region) -> list[Strip]:
        lines = [(y, self._line(y)) for y in range(crop.y, crop.bottom)]
        for y, line in lines:
            # Drawn for another reason than a refresh of ours: the terminal may now show this line or the one before.
            if y < len(self._shown) and self._shown[y] != line:
                self._shown[y] = None
        strips = [self._strip(line, y).crop(crop.x, crop.right) for y, line in lines]
        for line_filter in self.get_line_filters():
            strips = [strip.apply_filter(line_filter, self.background_colors[1]) for strip in strips]
        return strips

    # -- lines -------------------------------------------------------------------------------------------------

    def _line(self, y: int) -> Line:
        """What line `y` of the widget is to show."""
        if y == 0:
            return Line("header", column=self.column)
        count = len(self.view) if self.view is not None else 0
        bar = scrollbar(y - 1, self.body, count + 1, self.top)
        if not count and self.blank:
            first = max(0, (self.body - len(self.blank)) // 3)
            return Line(bar, said=self.blank[y - 1 - first] if 0 <= y - 1 - first < len(self.blank) else ("", "dim"))
        number = self.top + y - 1
        row = self.rows.row(number) if 0 <= number < count else None
        if row is None:
            return Line(bar, said=self.head if number == -1 else self.tail if number == count else ("", "dim"))
        under = "range" if number in self.span else ""
        if number == self.cursor:
            under = "cursor" if self.has_focus else "cursor-blurred"
        return Line(bar, row.n, under, self.column if under == "cursor" else None, self.signs(row))

    def _strip(self, line: Line, y: int) -> Strip:
        strip = self._strips.get(line)
        if strip is None:
            painter = self._painter
            if painter is None:
                painter = self._painter = LinePainter(
                    lambda name: self.get_component_rich_style(f"table--{name}"), self.look
                )
            width = self.size.width - 1
            bar = Segment(" ", painter.style(line.bar))
            strip = Strip([*self._content(painter, line, self.top + y - 1, width), bar], width + 1)
            self._strips[line] = strip
        return strip

    def _content(self, painter: LinePainter, line: Line, number: int, width: int) -> Strip:
        layout = self.layout_of_columns
        if line.said is not None:
            return painter.message(*line.said, width)
        if line.n is None:
            return painter.window(painter.header(layout, self.column), layout, self.left, width)
        key = line._replace(bar="")
        strip = self._rows.get(key)
        row = self.rows.row(number) if strip is None else None
        if row is not None:
            self.formatted += 1
            strip = painter.row(row, layout, line.under, line.column, line.signs)
            strip = self._rows[key] = painter.window(strip, layout, self.left, width)
        return strip or painter.message("", "dim", width)
