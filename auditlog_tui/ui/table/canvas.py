"""Reads the rows of a view in blocks, and draws the table's lines, keeping those it drew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.segment import Segment
from textual.cache import LRUCache
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from auditlog_tui.errors import StoreError
from auditlog_tui.text.times import day, repeated_offset
from auditlog_tui.ui.look import Look
from auditlog_tui.ui.patches.scroll_region import shifted
from auditlog_tui.ui.table.columns import Layout, content_widths, lay_out
from auditlog_tui.ui.table.lines import GUTTER, NO_SIGNS, LinePainter, Signs, scrollbar
from auditlog_tui.ui.table.states import NOTHING, States, StyledText

if TYPE_CHECKING:
    from auditlog_tui.log.view import View
    from auditlog_tui.store.entries import Row, Run

BLOCK = 64
"""Rows read at a time: a screen is one or two blocks, and one line more is usually in them."""

STRIPS = 512
"""Drawn lines kept: several screens."""

UNREAD: StyledText = ("this entry can't be read now; r tries again", "error")


class RowReader:
    """Rows of a view by their number, read in blocks.

    Blocks are numbered by the run's own positions, which stay the same when rows are added at either end. If the
    store fails, rows read before stay, `failed` is called, and the next call tries again.
    """

    def __init__(self, failed: Callable[[StoreError], None]) -> None:
        self._failed = failed
        self.view: View | None = None
        self.run: Run | None = None
        self._cuts = 0
        self._blocks: LRUCache[int, tuple[range, list[Row]]] = LRUCache(16)

    def reset(self, view: View) -> None:
        self.view, self.run, self._cuts = view, view.run, view.run.cuts
        self._blocks.clear()

    @property
    def stale(self) -> bool:
        """Whether rows were removed from the run since `reset`."""
        return self.run is not None and self._cuts != self.run.cuts

    def row(self, number: int) -> Row | None:
        """Row `number` counted from the top; `None` beyond the ends and if it can't be read."""
        view, run = self.view, self.run
        if view is None or run is None or not 0 <= number < len(run):
            return None
        position = run.first + number
        span, rows = self._block(view, run, position // BLOCK)
        place = position - span.start
        return rows[place] if 0 <= place < len(rows) else None

    def visible(self, first: int, count: int) -> list[Row]:
        return [row for number in range(first, first + count) if (row := self.row(number)) is not None]

    def number_of(self, view: View, n: int) -> int | None:
        """The row of entry number `n` in a view; `None` if it has none or can't be read."""
        try:
            return view.row_of(n)
        except StoreError as error:
            self._failed(error)
            return None

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
            self._blocks.discard(block)  # this cache never replaces an item
        self._blocks[block] = span, rows
        return span, rows


class Line(NamedTuple):
    """All that a line shows: two equal lines look the same.

    A line shows entry number `n`, or a `text`, or with neither of them the column titles. `bar` is the style of the
    scroll bar's cell, `under` that of the cursor's or the range's background.
    """

    bar: str
    n: int | None = None
    under: str = ""
    column: int | None = None
    signs: Signs = NO_SIGNS
    new_day: bool = False
    text: StyledText | None = None


class Scene(NamedTuple):
    """What the table's lines are made of, besides rows and columns."""

    states: States
    signs: Callable[[Row], Signs]
    cursor: int
    top: int
    span: range
    focused: bool


class Canvas:
    """The columns' layout and horizontal position, and the lines drawn with it.

    `column` is the one under the cursor. `left` is how many cells the columns after the sticky ones are scrolled.
    `formatted` counts the rows drawn.
    """

    def __init__(self, widget: Widget, rows: RowReader, look: Look) -> None:
        """`widget` has the styles, and the width."""
        self.look = look
        self.column = 0
        self.left = 0
        self.formatted = 0
        self.layout: Layout = lay_out(80, look)
        self._widget = widget
        self._rows = rows
        self._content_widths: dict[str, int] = {}
        self._offset_width = 0
        self._cells: LRUCache[Line, Strip] = LRUCache(STRIPS)
        self._strips: LRUCache[Line, Strip] = LRUCache(STRIPS)
        self._painter: LinePainter | None = None

    @property
    def field(self) -> str:
        """The filter's name for the column under the cursor."""
        return self.layout.columns[self.column].field

    @property
    def inner_width(self) -> int:
        """Cells for columns: without the gutter and the scroll bar."""
        return max(1, self._widget.outer_size.width - GUTTER - 1)

    def lay_out(self) -> None:
        """Lay the columns out anew, and draw every line again."""
        self.forget_styles()
        self.layout = lay_out(self.inner_width, self.look, self._content_widths, self._offset_width)
        self.column = min(self.column, len(self.layout.columns) - 1)
        self.left = self.layout.scrolled(self.column, self.left, self.inner_width)

    def forget(self) -> None:
        """Draw every line again, as rows have changed."""
        self._cells.clear()
        self._strips.clear()

    def forget_styles(self) -> None:
        """Draw every line again, as styles have changed."""
        self._painter = None
        self.forget()

    def choose(self, column: int) -> None:
        """Put the cursor on a column, and scroll sideways until it is visible."""
        self.column = max(0, min(column, len(self.layout.columns) - 1))
        left = self.layout.scrolled(self.column, self.left, self.inner_width)
        if left != self.left:
            self.left = left
            self.forget()

    def column_at(self, x: int) -> int | None:
        """The column at a cell of the widget."""
        cell = x - GUTTER
        cell += self.left if cell >= self.layout.fixed else 0
        for number, (offset, width) in enumerate(zip(self.layout.offsets, self.layout.widths, strict=True)):
            if offset <= cell <= offset + width:
                return number
        return None

    def fit_content(self, rows: Sequence[Row]) -> bool:
        """Take the columns' widths from the texts of these rows. Returns whether any has changed."""
        before, self._content_widths = self._content_widths, content_widths(rows, self.look)
        return before != self._content_widths

    def fit_offsets(self, instants: Sequence[int]) -> bool:
        """Widen the time column for the zone's offset at these instants. Returns whether it was widened."""
        width = max((len(repeated_offset(us, self.look.zone)) for us in instants), default=0)
        widened, self._offset_width = width > self._offset_width, max(width, self._offset_width)
        return widened

    def lines(self, scene: Scene, height: int) -> list[Line]:
        """The column titles and `height` - 1 lines below them."""
        return [Line("header", column=self.column), *self._body(scene, height - 1)] if height else []

    def _body(self, scene: Scene, height: int) -> Iterator[Line]:
        states, count = scene.states, len(self._rows.view or ())
        blank = [*[NOTHING] * max(0, (height - len(states.blank)) // 3), *states.blank]
        for y, bar in enumerate(scrollbar(height, count + 1, scene.top)):
            number = scene.top + y
            row = self._rows.row(number) if 0 <= number < count else None
            if not count and states.blank:
                yield Line(bar, text=blank[y] if y < len(blank) else NOTHING)
            elif row is not None:
                yield self._row_line(scene, bar, number, row)
            elif 0 <= number < count:
                yield Line(bar, text=UNREAD)
            else:
                yield Line(bar, text=states.head if number == -1 else states.tail if number == count else NOTHING)

    def _row_line(self, scene: Scene, bar: str, number: int, row: Row) -> Line:
        column, under = None, "range" if number in scene.span else ""
        if number == scene.cursor:
            column = self.column if scene.focused else None
            under = "cursor" if scene.focused else "cursor-blurred"
        return Line(bar, row.n, under, column, scene.signs(row), self._begins_day(number, row))

    def _begins_day(self, number: int, row: Row) -> bool:
        """Whether a row shows another date than the one above it."""
        mode, zone = self.look.mode, self.look.zone
        if mode == "relative":
            return False
        above, today = self._rows.row(number - 1), day(row.created_us, mode, zone)
        return today is not None and (above is None or day(above.created_us, mode, zone) != today)

    def strip(self, line: Line, number: int) -> Strip:
        """Draw a line, which shows row `number` if it shows an entry."""
        strip = self._strips.get(line)
        if strip is None:
            painter = self._painter
            if painter is None:
                painter = LinePainter(lambda name: self._widget.get_component_rich_style(f"table--{name}"), self.look)
                self._painter = painter
            width = self._widget.outer_size.width - 1
            content = self._content(painter, line, number, width)
            if content is None:
                return painter.message(*UNREAD, width + 1)  # and not kept
            strip = Strip([*content, Segment(" ", painter.style(line.bar))], width + 1)
            if filters := self._widget.get_line_filters():
                background = self._widget.background_colors[1]
                for line_filter in filters:
                    strip = strip.apply_filter(line_filter, background)
            self._strips[line] = strip
        return strip

    def _content(self, painter: LinePainter, line: Line, number: int, width: int) -> Strip | None:
        """The line without the scroll bar; `None` for an entry that can't be read."""
        layout = self.layout.seen(self.left, self.inner_width)
        if line.text is not None:
            return painter.message(*line.text, width)
        if line.n is None:
            return painter.header(layout, self.column).crop_extend(0, width, painter.style("text"))
        key = line._replace(bar="")
        strip = self._cells.get(key)
        row = self._rows.row(number) if strip is None else None
        if row is not None:
            self.formatted += 1
            strip = painter.row(row, layout, line.under, line.column, line.signs, new_day=line.new_day)
            strip = self._cells[key] = strip.crop_extend(0, width, painter.style("text"))
        return strip


class ShownLines:
    """The lines that the terminal shows, so that only others are sent."""

    def __init__(self) -> None:
        self._lines: list[Line | None] = []
        self._top = 0

    def forget(self) -> None:
        self._lines = []

    def update(
        self, lines: list[Line], top: int, width: int, shift: Callable[[int, list[Region]], bool]
    ) -> list[Region]:
        """The regions to draw so that the terminal shows `lines`, the first of which is row `top`.

        `shift` moves the terminal's lines up by so many where it can, given the regions drawn then. It is called
        where that leaves fewer lines to draw.
        """
        unknown: list[Line | None] = [None] * len(lines)
        shown = self._lines if len(self._lines) == len(lines) else unknown
        changed = _changed(lines, shown, width)
        by = top - self._top
        if by:
            moved = [*shown[:1], *shifted(shown[1:], by)]
            fewer = _changed(lines, moved, width)
            if len(fewer) < len(changed) and shift(by, fewer):
                changed = fewer
        self._lines, self._top = list(lines), top
        return changed

    def drawing(self, lines: list[Line]) -> None:
        """Textual draws lines that were not asked for: the terminal then shows these lines or those before."""
        if lines != self._lines:
            pairs = zip(lines, self._lines, strict=False)
            self._lines = [line if line == shown else None for line, shown in pairs]


def _changed(lines: list[Line], shown: list[Line | None], width: int) -> list[Region]:
    pairs = enumerate(zip(lines, shown, strict=True))
    return [Region(0, y, width, 1) for y, (line, other) in pairs if line != other]
