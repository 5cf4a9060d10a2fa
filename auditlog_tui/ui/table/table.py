"""The table: one line an entry, drawn straight from the view.

It scrolls by whole lines and keeps its own position, so that a key costs the same however many rows there are: at
most two blocks read and the lines drawn that changed. Lines are numbered by row; -1 is the line above row 0 that
tells of newer entries not yet fetched, and the one after the last row tells what lies below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message

from auditlog_tui.errors import StoreError
from auditlog_tui.text.present import repeated_offset, zone_labels
from auditlog_tui.ui.keys import TABLE, bindings
from auditlog_tui.ui.look import Look
from auditlog_tui.ui.table.asking import AskingCanvas
from auditlog_tui.ui.table.columns import IP_WIDTHS
from auditlog_tui.ui.table.lines import GUTTER

if TYPE_CHECKING:
    from auditlog_tui.log.view import View
    from auditlog_tui.store.entries import Row

WHEEL = 3
"""Lines that one notch of the mouse wheel scrolls."""


class EntryTable(AskingCanvas, can_focus=True):
    """The rows of a view, with a cursor that is an entry and a column."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(TABLE)]

    @dataclass
    class Moved(Message):
        """The cursor is on another entry (`None`: there is none)."""

        row: Row | None

    @dataclass
    class Reached(Message):
        """An end of what is loaded came near."""

        older: bool

    @dataclass
    class Zoned(Message):
        """What the zone is called at the times that are shown: two names around a change of clocks."""

        labels: tuple[str, ...]

    @dataclass
    class Jumped(Message):
        """Go to the newest or the oldest entry there is."""

        oldest: bool

    class ScanOn(Message):
        """Go on scanning for entries that match."""

    def __init__(self, look: Look) -> None:
        super().__init__(look)
        self._entry: int | None = None
        self._first = 0
        self._dragging = False
        self._wanted: tuple[int, int] | None = None
        self._centring = False
        self._touched = False
        self._labels: tuple[str, ...] = ()
        self._marked_last: int | None = None

    # -- what is shown -----------------------------------------------------------------------------------------

    def show(self, view: View, cursor: int | None = None, above: int = 0) -> None:
        """Show another view, the cursor on entry number `cursor` with `above` lines over it, where it has that."""
        self.view = view
        row = None if cursor is None else self._row_of(view, cursor)
        self._wanted = None if cursor is None or row is not None else (cursor, above)
        self._centring = view.centred and row is None
        self._touched = cursor is not None
        self.cursor = row or 0
        self.top = self.cursor - above if row is not None else self._lowest_top()
        self._entry = cursor if row is not None else None
        self._first = view.run.first
        self.rows.reset(view)
        self.forget_lines()
        self._settle(moved=True)
        self.refresh()

    def sync(self) -> None:
        """Take in what the view fetched; what the user looks at stays where it is."""
        view = self.view
        if view is None:
            return
        if self.rows.run is not view.run:
            cursor, above = self._wanted or (self._entry, self.cursor - self.top)
            self.show(view, cursor if self._touched else None, above)
            return
        if self.rows.cuts != view.run.cuts:
            self.show(view, self._entry, self.cursor - self.top)
        grown = self._first - view.run.first
        self._first = view.run.first
        if self._entry is not None:
            self.cursor += grown
            self.top += grown
        self._widen()
        self._place_anew(view)
        self._settle(moved=self._entry is None and len(view) > 0, ask=False)
        self.refresh()

    def _place_anew(self, view: View) -> None:
        """Until the user moves: on the entry that was asked for, at the end begun at, or in the middle."""
        wanted = self._row_of(view, self._wanted[0]) if self._wanted is not None else None
        if self._wanted is not None and wanted is not None:
            self.cursor, self.top = wanted, wanted - self._wanted[1]
            self._entry = self._wanted[0]
        elif self._centring and len(view):
            self.top = self.cursor - self.body // 2
        elif self._entry is None and view.upwards and not self._touched:
            self.cursor = len(view) - 1
            self.top = len(view) + 1 - self.body

    def _row_of(self, view: View, n: int) -> int | None:
        try:
            return view.row_of(n)
        except StoreError as error:
            self.failed(error)
            return None

    def _lowest_top(self) -> int:
        return 0 if self.view is None or self.view.newer_done else -1

    def _settle(self, *, moved: bool = False, ask: bool = True) -> None:
        """Bring cursor and scroll position within bounds, and say what came near."""
        view = self.view
        if view is None:
            return
        before = self._entry
        lowest = self._lowest_top()
        self.cursor = max(0, min(self.cursor, len(view) - 1))
        self.top = max(lowest, min(self.top, len(view) + 1 - self.body))
        row = self.row
        self._entry = row.n if row is not None else None
        if moved or self._entry != before:
            self.post_message(self.Moved(row))
        self._note_zone()
        if ask:
            self.ask_for_more()

    def _note_zone(self) -> None:
        """Say what the zone is called at the times that are shown, and make room for the offsets beside them."""
        zone = self.look.zone
        labels: tuple[str, ...] = ()
        if self.look.mode == "local":
            seen = self.rows.visible(self.top, self.body)
            instants = [row.created_us for row in seen if row.created_us is not None]
            labels = zone_labels(zone, instants)
            width = max((len(repeated_offset(us, zone)) for us in instants), default=0)
            if width > self.offset_width:
                self.offset_width = width
                self.restyle()
        if labels != self._labels:
            self._labels = labels
            self.post_message(self.Zoned(labels))

    def ask_for_more(self) -> None:
        """Say which end of what is loaded is less than a screen away."""
        try:
            for older in (True, False):
                if self.lacks(older=older):
                    self.post_message(self.Reached(older))
        except StoreError as error:
            self.failed(error)

    def lacks(self, *, older: bool) -> bool:
        """True when this end of what is loaded is less than a screen away, and there is more beyond."""
        view = self.view
        if view is None:
            return False
        if older:
            return not view.older_done and self.top + 2 * self.body > len(view)
        return not view.newer_done and self.top < self.body

    def _widen(self) -> None:
        """Make room for the longest address seen."""
        seen = (len(row.client_ip or "") for row in self.rows.visible(self.top, self.body))
        width = max(self.ip_width, min(max(seen, default=0), IP_WIDTHS[1]))
        if width != self.ip_width:
            self.ip_width = width
            self.restyle()

    def on_resize(self) -> None:
        self.restyle()
        if self.view is not None and len(self.view):
            self._scroll_to_cursor(self.view, self.top)
        self._settle()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    # -- moving ------------------------------------------------------------------------------------------------

    def move_to(self, row: int, *, top: int | None = None) -> None:
        """Put the cursor on a row; scrolls as little as that takes, from `top` if it is given."""
        view = self.view
        if view is None or not len(view):
            self._settle()
            return
        if view.paused and row >= len(view):
            self.post_message(self.ScanOn())
        self._wanted, self._centring, self._touched, self._marked_last = None, False, True, None
        self.cursor = max(0, min(row, len(view) - 1))
        self._scroll_to_cursor(view, self.top if top is None else top)
        self._settle()
        self.refresh()

    def _scroll_to_cursor(self, view: View, top: int) -> None:
        """Scroll from `top` as little as it takes to have the cursor in sight."""
        first = self._lowest_top() if self.cursor == 0 else self.cursor
        last = self.cursor + (self.cursor == len(view) - 1)
        self.top = min(max(top, last - self.body + 1), first)

    def action_down(self) -> None:
        self.move_to(self.cursor + 1)

    def action_up(self) -> None:
        self.move_to(self.cursor - 1)

    def _page(self, lines: int) -> None:
        self.move_to(self.cursor + lines, top=self.top + lines)

    def action_page_down(self) -> None:
        self._page(self.body - 1)

    def action_page_up(self) -> None:
        self._page(1 - self.body)

    def action_half_down(self) -> None:
        self._page(self.body // 2)

    def action_half_up(self) -> None:
        self._page(-(self.body // 2))

    def action_space(self) -> None:
        if self.view is not None and self.view.paused and self.top + self.body > len(self.view):
            self.post_message(self.ScanOn())
        else:
            self.action_page_down()

    def action_newest(self) -> None:
        if self.view is None or self.view.newer_done:
            self.move_to(0)
        else:
            self.post_message(self.Jumped(oldest=False))

    def action_oldest(self) -> None:
        if self.view is None or self.view.older_done:
            self.move_to(len(self.view or ()) - 1)
        else:
            self.post_message(self.Jumped(oldest=True))

    def action_left(self) -> None:
        self.choose(self.column - 1)

    def action_right(self) -> None:
        self.choose(self.column + 1)

    def choose(self, column: int) -> None:
        """Make a column the one that the keys mean, and scroll sideways until it is seen."""
        layout = self.layout_of_columns
        self.column = max(0, min(column, len(layout.columns) - 1))
        left = layout.scrolled(self.column, self.left, self.inner_width)
        if left != self.left:
            self.left = left
            self.forget_lines()
        self.refresh()

    def action_mark(self) -> None:
        row = self.row
        stays = row is not None and self._marked_last == row.n
        if not self.mark(again=stays):
            self.action_down()
            self._marked_last = row.n if row is not None and self.row == row else None

    # -- mouse -------------------------------------------------------------------------------------------------

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._scroll(WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._scroll(-WHEEL)

    def _scroll(self, lines: int) -> None:
        """Scroll; the cursor stays on its entry while that is in sight."""
        top = max(self._lowest_top(), min(self.top + lines, len(self.view or ()) + 1 - self.body))
        self.move_to(max(top, min(self.cursor, top + self.body - 1)), top=top)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if event.x == self.outer_size.width - 1 and event.y > 0:
            self._dragging = True
            self.capture_mouse()
            self._drag(event.y)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragging:
            self._drag(event.y)

    def on_mouse_up(self) -> None:
        self._dragging = False
        self.release_mouse()

    def _drag(self, y: int) -> None:
        share = max(0, min(y - 1, self.body - 1)) / max(1, self.body - 1)
        top = round(share * max(0, len(self.view or ()) + 1 - self.body))
        self.move_to(max(top, min(self.cursor, top + self.body - 1)), top=top)

    def on_click(self, event: events.Click) -> None:
        if event.x >= self.outer_size.width - 1:
            return
        self._choose_at(event.x)
        row = self.top + event.y - 1
        if event.y > 0 and 0 <= row < len(self.view or ()):
            self.move_to(row)
            if event.chain == 2:
                self.action_open()

    def _choose_at(self, x: int) -> None:
        layout = self.layout_of_columns
        cell = x - GUTTER
        cell += self.left if cell >= layout.fixed else 0
        for number, (offset, width) in enumerate(zip(layout.offsets, layout.widths, strict=True)):
            if offset <= cell <= offset + width:
                self.choose(number)
