"""The table of entries: one line each, drawn straight from the view.

It scrolls by whole lines and keeps its own position, so that a key costs the same however many rows there are: at
most two blocks read, and the changed lines drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from textual import events, on
from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from auditlog_tui.errors import StoreError
from auditlog_tui.text.times import zone_labels
from auditlog_tui.ui.keys import TABLE, bindings
from auditlog_tui.ui.look import Look
from auditlog_tui.ui.messages import Say
from auditlog_tui.ui.patches.line_widget import LineWidget
from auditlog_tui.ui.patches.scroll_region import ShiftingScreen
from auditlog_tui.ui.table.canvas import Canvas, Line, RowReader, Scene, ShownLines
from auditlog_tui.ui.table.lines import NO_SIGNS, LinePainter, Signs
from auditlog_tui.ui.table.states import States
from auditlog_tui.ui.table.viewport import MarkRange, Viewport

if TYPE_CHECKING:
    from auditlog_tui.log.view import View
    from auditlog_tui.query import Query
    from auditlog_tui.store.entries import Row

FITTED = 48
"""Rows above and below the screen that the columns are fitted to as well."""

WHEEL = 3
"""Lines that one notch of the mouse wheel scrolls."""


class EntryTable(LineWidget, can_focus=True):
    """The rows of a view, with a cursor that is an entry and a column.

    `refresh` costs what has changed: lines are compared with those that the terminal shows, and after scrolling with
    those that it can move by itself. CSS borders and padding do not apply to this widget, whose lines are not
    composed by Textual (3.7 ms a frame instead of 5.9, measured). `size` is not used here: Textual asks for changes
    in the middle of a layout, which reading `size` then would spoil.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(TABLE)]
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"table--{name}" for name in LinePainter.STYLES}
    ALLOW_SELECT = False

    @dataclass
    class Failed(Message):
        """Rows can't be read. Posted once until it is handled, however many rows are tried."""

        error: StoreError

    class Moved(Message):
        """The cursor is on another entry, or on none."""

    @dataclass
    class Reached(Message):
        """An end of what is loaded is less than a screen away."""

        older: bool

    @dataclass
    class Zoned(Message):
        """The zone's labels at the times on the screen: two around a change of clocks."""

        labels: tuple[str, ...]

    @dataclass
    class Jumped(Message):
        """Go to the log's newest or oldest entry."""

        oldest: bool

    class ScanOn(Message):
        """Go on scanning for entries that match."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.rows = RowReader(self._failed)
        self.states = States()
        self.signs: Callable[[Row], Signs] = lambda row: NO_SIGNS
        self.range = MarkRange()
        self.port = Viewport(self.rows, lambda: self.body)
        self.canvas = Canvas(self, self.rows, look)
        self._shown = ShownLines()
        self._lines: list[Line] = []
        self._labels: tuple[str, ...] = ()
        self._failing = False
        self._dragging = self._pressed_header = False
        self._fitted: tuple[Query, bool] | None = None
        self._fitting_from: int | None = None

    def _failed(self, error: StoreError) -> None:
        """Report rows that can't be read."""
        if not self._failing:
            self._failing = self.post_message(self.Failed(error))

    def on_entry_table_failed(self, message: Failed) -> None:
        self._failing = False
        self.post_message(Say(str(message.error), "error"))

    # -- state -------------------------------------------------------------------------------------------------

    @property
    def view(self) -> View | None:
        return self.rows.view

    @property
    def cursor(self) -> int:
        """The row under the cursor, by number."""
        return self.port.cursor

    @property
    def top(self) -> int:
        """The first line shown, by the number of its row."""
        return self.port.top

    @property
    def moves(self) -> int:
        """How often the user moved the cursor or scrolled."""
        return self.port.moves

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self.rows.row(self.port.cursor)

    @property
    def span(self) -> range:
        """The rows of the range to mark, from where it was begun to the cursor; empty if none was begun."""
        return self.range.rows(self.view, self.cursor)

    @property
    def body(self) -> int:
        """Lines below the header."""
        return max(1, self.outer_size.height - 1)

    def show(self, view: View, entry: int | None = None, above: int = 0) -> None:
        """Show another view, the cursor on entry number `entry` with `above` lines over it, if the view has it."""
        self.port.show(view, entry, above)
        self._forget_lines()
        if self._fitted != (view.query, view.marked):
            self._fitted = view.query, view.marked
            self._begin_fitting()
        self._settle(moved=True)
        self.refresh()

    def sync(self) -> None:
        """Take in rows that the view fetched; the rows on the screen stay where they are."""
        view, port = self.view, self.port
        if view is None:
            return
        if self.rows.run is not view.run:
            self.show(view, *port.kept())
            return
        if self.rows.stale:
            self.show(view, port.entry, port.above)
        port.take_in(view)
        port.settle_start(view)
        self._fit_columns()
        self._settle(moved=port.entry is None and len(view) > 0, ask=False)
        self.refresh()

    def restyle(self, look: Look) -> None:
        """Show the rows in another look."""
        before, self.canvas.look = self.canvas.look, look
        if look.columns != before.columns:
            self._begin_fitting()
        if look.redraws(before):
            self._lay_out()

    def _begin_fitting(self) -> None:
        """Fit the columns to the rows now, and again until a screenful is loaded or the user moves."""
        self._fitting_from = self.moves
        self._fit_columns()

    def _fit_columns(self) -> None:
        """Fit the columns to the rows around the screen, unless that is done: they never change while one reads."""
        if self._fitting_from is None:
            return
        rows = self.rows.visible(max(0, self.top - FITTED), self.body + 2 * FITTED)
        if rows and self.canvas.fit_content(rows):
            self._lay_out()
        if len(rows) >= self.body or self._fitting_from != self.moves:
            self._fitting_from = None

    def _lay_out(self) -> None:
        self.canvas.lay_out()
        self._forget_lines()
        self.refresh()

    def _settle(self, *, moved: bool = False, ask: bool = True) -> None:
        """Bring cursor and scroll position within bounds, and tell of the consequences."""
        view = self.view
        if view is None:
            return
        if self.port.clamp(view) or moved:
            self.post_message(self.Moved())
        self._note_zone()
        if ask:
            self.ask_for_more()

    def _note_zone(self) -> None:
        """Tell the zone's labels at the times shown, and make room for the offsets beside them."""
        look = self.canvas.look
        labels: tuple[str, ...] = ()
        if look.mode == "local":
            rows = self.rows.visible(self.top, self.body)
            instants = [row.created_us for row in rows if row.created_us is not None]
            labels = zone_labels(look.zone, instants)
            if self.canvas.fit_offsets(instants):
                self._lay_out()
        if labels != self._labels:
            self._labels = labels
            self.post_message(self.Zoned(labels))

    def ask_for_more(self) -> None:
        """Tell which ends of what is loaded are less than a screen away."""
        try:
            for older in (True, False):
                if self.lacks(older=older):
                    self.post_message(self.Reached(older))
        except StoreError as error:
            self._failed(error)

    def lacks(self, *, older: bool) -> bool:
        """Whether this end of what is loaded is less than a screen away, and there is more to fetch."""
        return self.view is not None and self.port.lacks(self.view, older=older)

    # -- drawing -----------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self._lay_out()
        self._begin_fitting()
        if self.view is not None and len(self.view):
            self.port.scroll_to_cursor(self.view, self.top)
        self._settle()

    @on(events.Focus)
    @on(events.Blur)
    def _focus_changed(self) -> None:
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.canvas.forget_styles()
        self._forget_lines()

    def _forget_lines(self) -> None:
        self.canvas.forget()
        self._shown.forget()
        self._lines = []

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        self._lines = []
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def regions_to_repaint(self) -> Collection[Region]:
        """The lines that the terminal does not show already."""
        return self._shown.update(self._to_show(), self.top, self.outer_size.width, self._shift)

    def _shift(self, by: int, redrawn: list[Region]) -> bool:
        screen = self.screen
        return isinstance(screen, ShiftingScreen) and screen.shift(self, by, redrawn)

    def render_lines(self, crop: Region) -> list[Strip]:
        lines = self._to_show()
        self._shown.drawing(lines)
        strips = [self.canvas.strip(lines[y], self.top + y - 1) for y in range(crop.y, min(crop.bottom, len(lines)))]
        whole = crop.x == 0 and crop.right == self.outer_size.width
        return strips if whole else [strip.crop(crop.x, crop.right) for strip in strips]

    def _to_show(self) -> list[Line]:
        """The lines to show, made once for each refresh."""
        height = self.outer_size.height
        if len(self._lines) != height:
            scene = Scene(self.states, self.signs, self.cursor, self.top, self.span, self.has_focus)
            self._lines = self.canvas.lines(scene, height)
        return self._lines

    # -- moving ------------------------------------------------------------------------------------------------

    def move_to(self, row: int, *, top: int | None = None) -> None:
        """Put the cursor on a row; scrolls as little as that takes, from `top` if it is given."""
        view = self.view
        if view is None or not len(view):
            self._settle()
            return
        if view.paused and row >= len(view):
            self.post_message(self.ScanOn())
        self.port.move_to(view, row, top)
        self._settle()
        self.refresh()

    def choose(self, column: int) -> None:
        """Put the cursor on a column, and scroll sideways until it is visible."""
        left = self.canvas.left
        self.canvas.choose(column)
        if self.canvas.left != left:
            self._forget_lines()
        self.refresh()

    def action_move(self, rows: int) -> None:
        self.move_to(self.cursor + rows)

    def action_move_column(self, columns: int) -> None:
        self.choose(self.canvas.column + columns)

    def _move_page(self, lines: int) -> None:
        self.move_to(self.cursor + lines, top=self.top + lines)

    def action_move_page(self, pages: int) -> None:
        self._move_page(pages * (self.body - 1))

    def action_move_half_page(self, halves: int) -> None:
        self._move_page(halves * (self.body // 2))

    def action_space(self) -> None:
        if self.view is not None and self.view.paused and self.top + self.body > len(self.view):
            self.post_message(self.ScanOn())
        else:
            self.action_move_page(1)

    def action_jump(self, oldest: bool) -> None:
        """Go to the oldest entry or the newest, where it is not loaded by a message."""
        view = self.view
        if view is None or (view.older_done if oldest else view.newer_done):
            self.move_to(len(view or ()) - 1 if oldest else 0)
        else:
            self.post_message(self.Jumped(oldest))

    # -- mouse -------------------------------------------------------------------------------------------------

    @on(events.MouseScrollDown)
    @on(events.MouseScrollUp)
    def _wheel_turned(self, event: events.MouseEvent) -> None:
        event.stop()
        self._scroll_top_to(self.top + (WHEEL if isinstance(event, events.MouseScrollDown) else -WHEEL))

    def _scroll_top_to(self, top: int) -> None:
        if self.view is not None:
            row, top = self.port.scrolled(self.view, top)
            self.move_to(row, top=top)

    @on(events.MouseDown)
    @on(events.MouseMove)
    def _drag(self, event: events.MouseEvent) -> None:
        """Scroll by the scroll bar."""
        if isinstance(event, events.MouseDown):
            self._pressed_header = event.y == 0
        if isinstance(event, events.MouseDown) and event.x == self.outer_size.width - 1 and event.y > 0:
            self._dragging = True
            self.capture_mouse()
        if self._dragging:
            share = max(0, min(event.y - 1, self.body - 1)) / max(1, self.body - 1)
            self._scroll_top_to(round(share * max(0, len(self.view or ()) + 1 - self.body)))

    def on_mouse_up(self) -> None:
        self._dragging = False
        self.release_mouse()

    async def on_click(self, event: events.Click) -> None:
        if event.x >= self.outer_size.width - 1:
            return
        if (column := self.canvas.column_at(event.x)) is not None:
            self.choose(column)
            if event.y == 0 and self._pressed_header:
                await self.run_action("screen.sort")
        row = self.top + event.y - 1
        if event.y > 0 and 0 <= row < len(self.view or ()):
            self.move_to(row)
            if event.chain == 2:
                await self.run_action("screen.open_detail")
