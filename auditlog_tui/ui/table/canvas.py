"""Draws the rows of a view line by line, and nothing that has not changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self

from rich.segment import Segment
from textual.cache import LRUCache
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from auditlog_tui.errors import StoreError
from auditlog_tui.text.present import day
from auditlog_tui.ui.guard import guarded
from auditlog_tui.ui.look import Look
from auditlog_tui.ui.patches.scroll_region import ShiftingScreen, shifted
from auditlog_tui.ui.table.columns import IP_WIDTHS, Layout, lay_out
from auditlog_tui.ui.table.lines import GUTTER, NO_SIGNS, LinePainter, Signs, scrollbar

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


STRIPS = 512
"""Lines kept as drawn: a good many screens."""

Said = tuple[str, str]
"""A line of text that is no entry, and its style's name."""

NOTHING: Said = ("", "dim")
UNREAD: Said = ("this entry can't be read now; r tries again", "error")


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
    new_day: bool = False
    said: Said | None = None


class RowCanvas(Widget):
    """A header line and the rows from `top` on, the columns after the sticky ones from cell `left` on.

    `refresh` costs what has changed: lines are compared with those that the terminal shows, and after scrolling with
    those that it can move by itself. CSS borders and padding do not apply to this widget, whose lines are not
    composed by Textual (3.7 ms a frame instead of 5.9, measured). `size` is not used here: Textual asks for changes
    in the middle of a layout, which finding out about `size` then would spoil.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"table--{name}" for name in LinePainter.STYLES}
    ALLOW_SELECT = False

    @dataclass
    class Failed(Message):
        """Rows can't be read. Said once until it is handled, however many rows are tried."""

        error: StoreError

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.look = look
        self.view: View | None = None
        self.rows = RowReader(self.failed)
        self._failing = False
        self.cursor = 0
        self.column = 0
        self.top = 0
        self.left = 0
        self.head = self.tail = NOTHING
        self.blank: list[Said] = []
        self.ip_width = IP_WIDTHS[0]
        self.offset_width = 0
        self.formatted = 0
        self.layout_of_columns: Layout = lay_out(80, look)
        self.signs: Callable[[Row], Signs] = lambda row: NO_SIGNS
        self._rows: LRUCache[Line, Strip] = LRUCache(STRIPS)
        self._strips: LRUCache[Line, Strip] = LRUCache(STRIPS)
        self._lines: list[Line] = []
        self._shown: list[Line | None] = []
        self._shown_top = 0
        self._painter: LinePainter | None = None

    async def _dispatch_message(self, message: Message) -> None:
        await guarded(self, super()._dispatch_message(message))

    def failed(self, error: StoreError) -> None:
        """Tell of rows that can't be read, from wherever they are read."""
        if not self._failing:
            self._failing = self.post_message(self.Failed(error))

    def on_row_canvas_failed(self) -> None:
        self._failing = False

    @property
    def span(self) -> range:
        """Rows drawn as a range."""
        return range(0)

    @property
    def body(self) -> int:
        """Lines below the header."""
        return max(1, self.outer_size.height - 1)

    @property
    def inner_width(self) -> int:
        """Cells for columns: without the gutter and the scroll bar."""
        return max(1, self.outer_size.width - GUTTER - 1)

    def restyle(self, look: Look | None = None) -> None:
        """Draw everything anew, in another look if one is given."""
        self.look = look or self.look
        self._painter = None
        self.forget_lines()
        self.layout_of_columns = lay_out(self.inner_width, self.look, self.ip_width, self.offset_width)
        self.column = min(self.column, len(self.layout_of_columns.columns) - 1)
        self.left = self.layout_of_columns.scrolled(self.column, self.left, self.inner_width)
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._painter = None
        self.forget_lines()

    def forget_lines(self) -> None:
        """Whatever was drawn looks otherwise now."""
        self._rows.clear()
        self._strips.clear()
        self._lines, self._shown = [], []

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        self._lines = []
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    # -- what the terminal shows -------------------------------------------------------------------------------

    def _exchange_repaint_regions(self) -> Collection[Region]:
        """Textual asks what is to be drawn anew: of what it would draw, the lines that are not shown already."""
        if not super()._exchange_repaint_regions():
            return ()
        lines = self._to_show()
        unknown: list[Line | None] = [None] * len(lines)
        shown = self._shown if len(self._shown) == len(lines) else unknown
        changed = self._changed(lines, shown)
        by = self.top - self._shown_top
        if by:
            moved = [*shown[:1], *shifted(shown[1:], by)]
            fewer = self._changed(lines, moved)
            if len(fewer) < len(changed) and self._shift(by, fewer):
                changed = fewer
        self._shown, self._shown_top = list(lines), self.top
        return changed

    def _changed(self, lines: list[Line], shown: list[Line | None]) -> list[Region]:
        width = self.outer_size.width
        pairs = enumerate(zip(lines, shown, strict=True))
        return [Region(0, y, width, 1) for y, (line, other) in pairs if line != other]

    def _shift(self, by: int, redrawn: list[Region]) -> bool:
        screen = self.screen
        return isinstance(screen, ShiftingScreen) and screen.shift(self, by, redrawn)

    def render_lines(self, crop: Region) -> list[Strip]:
        lines = self._to_show()
        if lines != self._shown:
            # Drawn for another reason than a refresh of ours: the terminal may now show these lines or those before.
            pairs = zip(lines, self._shown, strict=False)
            self._shown = [line if line == shown else None for line, shown in pairs]
        strips = [self._strip(lines[y], y) for y in range(crop.y, min(crop.bottom, len(lines)))]
        whole = crop.x == 0 and crop.right == self.outer_size.width
        return strips if whole else [strip.crop(crop.x, crop.right) for strip in strips]

    # -- lines -------------------------------------------------------------------------------------------------

    def _to_show(self) -> list[Line]:
        """What each line is to show, found out once for each refresh."""
        height = self.outer_size.height
        if len(self._lines) != height:
            self._lines = [Line("header", column=self.column), *self._body_lines(height - 1)] if height else []
        return self._lines

    def _body_lines(self, body: int) -> Iterator[Line]:
        count, top, span = len(self.view) if self.view is not None else 0, self.top, self.span
        cursor = "cursor" if self.has_focus else "cursor-blurred"
        blank = [*[NOTHING] * max(0, (body - len(self.blank)) // 3), *self.blank]
        for y, bar in enumerate(scrollbar(body, count + 1, top)):
            number = top + y
            row = self.rows.row(number) if 0 <= number < count else None
            if not count and self.blank:
                yield Line(bar, said=blank[y] if y < len(blank) else NOTHING)
            elif row is None and 0 <= number < count:
                yield Line(bar, said=UNREAD)
            elif row is None:
                yield Line(bar, said=self.head if number == -1 else self.tail if number == count else NOTHING)
            elif number == self.cursor:
                column = self.column if self.has_focus else None
                yield Line(bar, row.n, cursor, column, self.signs(row), self._begins_day(number, row))
            else:
                under = "range" if number in span else ""
                yield Line(bar, row.n, under, None, self.signs(row), self._begins_day(number, row))

    def _begins_day(self, number: int, row: Row) -> bool:
        """Whether a row shows another date than the one above it."""
        if self.look.mode == "relative":
            return False
        above, mode, zone = self.rows.row(number - 1), self.look.mode, self.look.zone
        today = day(row.created_us, mode, zone)
        return today is not None and (above is None or day(above.created_us, mode, zone) != today)

    def _strip(self, line: Line, y: int) -> Strip:
        strip = self._strips.get(line)
        if strip is None:
            painter = self._painter
            if painter is None:
                painter = self._painter = LinePainter(
                    lambda name: self.get_component_rich_style(f"table--{name}"), self.look
                )
            width = self.outer_size.width - 1
            bar = Segment(" ", painter.style(line.bar))
            content = self._content(painter, line, self.top + y - 1, width)
            if content is None:
                return painter.message(*UNREAD, width + 1)  # and not kept
            strip = Strip([*content, bar], width + 1)
            if filters := self.get_line_filters():
                ground = self.background_colors[1]
                for line_filter in filters:
                    strip = strip.apply_filter(line_filter, ground)
            self._strips[line] = strip
        return strip

    def _content(self, painter: LinePainter, line: Line, number: int, width: int) -> Strip | None:
        """What the line says, without the scroll bar; `None` for an entry that can't be read."""
        layout = self.layout_of_columns.seen(self.left, self.inner_width)
        if line.said is not None:
            return painter.message(*line.said, width)
        if line.n is None:
            return painter.header(layout, self.column).crop_extend(0, width, painter.style("text"))
        key = line._replace(bar="")
        strip = self._rows.get(key)
        row = self.rows.row(number) if strip is None else None
        if row is not None:
            self.formatted += 1
            strip = painter.row(row, layout, line.under, line.column, line.signs, new_day=line.new_day)
            strip = self._rows[key] = strip.crop_extend(0, width, painter.style("text"))
        return strip
