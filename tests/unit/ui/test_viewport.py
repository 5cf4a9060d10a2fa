"""Cursor and scroll position without a screen."""

from __future__ import annotations

from typing import cast

import pytest

from auditlog_tui.errors import StoreError
from auditlog_tui.log.view import View
from auditlog_tui.store.entries import Row
from auditlog_tui.ui.table.canvas import RowReader
from auditlog_tui.ui.table.viewport import MarkRange, Viewport

BODY = 5


class FakeRun:
    """Entries numbered by their position."""

    def __init__(self, first: int, after: int) -> None:
        self.first, self.after, self.cuts = first, after, 0

    def __len__(self) -> int:
        return self.after - self.first


class FakeRow:
    def __init__(self, n: int) -> None:
        self.n = n


class FakeView:
    """The rows of a run, of which more may be above and below."""

    def __init__(self, rows: int, *, upwards: bool = False, centred: bool = False, newer_done: bool = True) -> None:
        self.run = FakeRun(0, rows)
        self.upwards, self.centred, self.newer_done, self.older_done = upwards, centred, newer_done, False

    def __len__(self) -> int:
        return len(self.run)

    def window(self, first: int, count: int) -> list[Row]:
        return [cast("Row", FakeRow(self.run.first + first + n)) for n in range(min(count, len(self) - first))]

    def row_of(self, n: int) -> int | None:
        return n - self.run.first if self.run.first <= n < self.run.after else None

    @property
    def real(self) -> View:
        return cast("View", self)


def fails(error: StoreError) -> None:
    raise error


def shown(view: FakeView, entry: int | None = None, above: int = 0) -> Viewport:
    port = Viewport(RowReader(fails), lambda: BODY)
    port.show(view.real, entry, above)
    port.clamp(view.real)
    return port


def test_a_view_begins_at_its_newest_entry() -> None:
    port = shown(FakeView(20))
    assert (port.cursor, port.top, port.entry) == (0, 0, 0)


def test_newer_entries_not_yet_fetched_have_a_line_above_the_first_row() -> None:
    assert shown(FakeView(20, newer_done=False)).top == -1


def test_an_entry_asked_for_keeps_its_place_on_the_screen() -> None:
    port = shown(FakeView(20), entry=7, above=2)
    assert (port.cursor, port.top) == (7, 5)


def test_an_entry_that_arrives_later_is_gone_to_until_the_user_moves() -> None:
    view = FakeView(3)
    port = shown(view, entry=7, above=2)
    assert port.cursor == 0
    view.run.after = 20
    port.take_in(view.real)
    port.settle_start(view.real)
    port.clamp(view.real)
    assert (port.cursor, port.top, port.entry) == (7, 5, 7)
    port.move_to(view.real, 10)
    port.settle_start(view.real)
    assert port.cursor == 10


def test_the_cursor_stays_on_its_entry_when_rows_come_above() -> None:
    view = FakeView(20)
    port = shown(view)
    port.move_to(view.real, 6)
    assert port.clamp(view.real)
    above = port.above
    view.run.first = -4
    port.take_in(view.real)
    assert not port.clamp(view.real)
    assert (port.cursor, port.entry, port.above) == (10, 6, above)


def test_a_view_from_the_oldest_entry_stands_at_its_end() -> None:
    view = FakeView(20, upwards=True)
    port = Viewport(RowReader(fails), lambda: BODY)
    port.show(view.real, None, 0)
    port.settle_start(view.real)
    port.clamp(view.real)
    assert (port.cursor, port.top) == (19, 16)


def test_a_centred_view_has_its_cursor_in_the_middle() -> None:
    view = FakeView(20, centred=True, newer_done=False)
    port = shown(view)
    view.run.first = -10
    port.take_in(view.real)
    port.settle_start(view.real)
    port.clamp(view.real)
    assert (port.cursor, port.entry, port.above) == (10, 0, BODY // 2)


@pytest.mark.parametrize(("row", "top", "expected"), [(3, 0, 0), (6, 0, 2), (2, 4, 2), (19, 0, 16), (0, 3, 0)])
def test_moving_scrolls_as_little_as_it_takes(row: int, top: int, expected: int) -> None:
    view = FakeView(20)
    port = shown(view)
    port.move_to(view.real, row, top)
    assert (port.cursor, port.top) == (row, expected)
    assert port.moves == 1


def test_scrolling_keeps_the_cursor_while_it_is_visible() -> None:
    view = FakeView(20)
    port = shown(view)
    port.move_to(view.real, 3)
    assert port.scrolled(view.real, 2) == (3, 2)
    assert port.scrolled(view.real, 6) == (6, 6)
    assert port.scrolled(view.real, 99) == (16, 16)


def test_more_is_wanted_a_screen_before_the_end() -> None:
    view = FakeView(20)
    port = shown(view)
    assert not port.lacks(view.real, older=True)
    port.move_to(view.real, 15)
    assert port.lacks(view.real, older=True)
    view.older_done = True
    assert not port.lacks(view.real, older=True)


def test_a_range_goes_from_its_beginning_to_the_cursor_and_stays_on_its_entries() -> None:
    view, marked = FakeView(20), MarkRange()
    marked.begin(view.real.run, 5)
    assert marked.rows(view.real, 8) == range(5, 9)
    assert marked.rows(view.real, 2) == range(2, 6)
    view.run.first = -3
    assert marked.rows(view.real, 11) == range(8, 12)
    assert not marked.lost(view.real)
    assert marked.lost(FakeView(20).real)
    assert marked.rows(FakeView(20).real, 8) == range(0)
    marked.clear()
    assert not marked.lost(FakeView(20).real)
