"""When the terminal may move lines, and when they are redrawn instead."""

from __future__ import annotations

import pytest
from rich.segment import Segment
from textual._compositor import ChopsUpdate
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from auditlog_tui.ui.patches.scroll_region import Shifted, ShiftingCompositor, ShiftingScreen, shifted

WIDTH, HEIGHT = 40, 12
LAST = [Region(0, HEIGHT - 3, WIDTH, 1)]


class Lines(Widget):
    """Fills every line with the same letter."""

    def render_lines(self, crop: Region) -> list[Strip]:
        return [Strip([Segment("x" * crop.width)], crop.width) for _ in range(crop.height)]


class Over(Widget):
    """Covers the lines, or stands beside them."""


class Page(ShiftingScreen):
    def compose(self) -> ComposeResult:
        yield Widget(id="head")
        yield Lines()
        yield Over()
        yield Widget(id="foot")


class Pages(App[None]):
    CSS = """
    Page { layers: below above; }
    #head { dock: top; height: 1; }
    #foot { dock: bottom; height: 1; }
    Lines { height: 1fr; width: 1fr; }
    Over { display: none; width: 5; height: 2; }
    .over Over { display: block; layer: above; offset: 10 4; }
    .beside { layout: horizontal; }
    .beside Over { display: block; height: 1fr; }
    """

    def get_default_screen(self) -> Screen[None]:
        return Page()


def compositor_of(app: App[None]) -> ShiftingCompositor:
    found = app.screen._compositor
    assert isinstance(found, ShiftingCompositor)
    return found


def redraw(compositor: ShiftingCompositor, lines: Widget, regions: list[Region]) -> object:
    """The update that draws these lines of the widget."""
    offset = compositor.visible_widgets[lines][0].offset
    compositor._dirty_regions.update(region.translate(offset) for region in regions)
    return compositor.render_update()


async def test_lines_are_moved_before_what_is_new_is_drawn() -> None:
    app = Pages()
    async with app.run_test(size=(WIDTH, HEIGHT)):
        compositor, lines = compositor_of(app), app.screen.query_one(Lines)
        assert compositor.shift(lines, 1, LAST)
        update = redraw(compositor, lines, LAST)
        assert isinstance(update, Shifted)
        written = update.render_segments(app.console)
        assert written.startswith("\x1b[3;11r\x1b[3;1H\x1b[1M\x1b[r")  # its first line, the screen's second, stays
        assert written.count("x" * WIDTH) == 1
        assert not isinstance(redraw(compositor, lines, LAST), Shifted)


async def test_they_go_down_as_well() -> None:
    app = Pages()
    async with app.run_test(size=(WIDTH, HEIGHT)):
        compositor, lines = compositor_of(app), app.screen.query_one(Lines)
        assert compositor.shift(lines, -2, LAST)
        update = redraw(compositor, lines, LAST)
        assert isinstance(update, Shifted)
        assert update.render_segments(app.console).startswith("\x1b[3;11r\x1b[3;1H\x1b[2L\x1b[r")


@pytest.mark.parametrize("place", ["over", "beside"])
async def test_nothing_is_moved_under_another_widget_or_beside_one(place: str) -> None:
    app = Pages()
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        app.screen.add_class(place)
        await pilot.pause()
        assert not compositor_of(app).shift(app.screen.query_one(Lines), 1, LAST)


async def test_nothing_is_moved_with_terminal_scrolling_off() -> None:
    app = Pages()
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        for on in (True, False):
            await app.push_screen(Page(terminal_scrolling=on))
            await pilot.pause()
            assert app.screen.query_one(Lines).is_attached
            assert isinstance(app.screen, Page)
            assert app.screen.shift(app.screen.query_one(Lines), 1, LAST) is on


async def test_one_move_waits_for_its_frame() -> None:
    app = Pages()
    async with app.run_test(size=(WIDTH, HEIGHT)):
        compositor, lines = compositor_of(app), app.screen.query_one(Lines)
        assert compositor.shift(lines, 1, LAST)
        assert not compositor.shift(lines, 1, LAST)


async def test_where_something_else_changed_too_everything_is_drawn() -> None:
    app = Pages()
    async with app.run_test(size=(WIDTH, HEIGHT)):
        compositor, lines = compositor_of(app), app.screen.query_one(Lines)
        assert compositor.shift(lines, 1, LAST)
        compositor._dirty_regions.add(Region(3, 5, 2, 2))
        update = redraw(compositor, lines, LAST)
        assert isinstance(update, ChopsUpdate)
        assert not isinstance(update, Shifted)
        assert update.render_segments(app.console).count("x" * WIDTH) == HEIGHT - 3


async def test_a_change_elsewhere_hinders_nothing() -> None:
    app = Pages()
    async with app.run_test(size=(WIDTH, HEIGHT)):
        compositor, lines = compositor_of(app), app.screen.query_one(Lines)
        assert compositor.shift(lines, 1, LAST)
        compositor._dirty_regions.add(Region(0, 0, WIDTH, 1))
        assert isinstance(redraw(compositor, lines, LAST), Shifted)


async def test_a_whole_frame_needs_no_move() -> None:
    app = Pages()
    async with app.run_test(size=(WIDTH, HEIGHT)):
        compositor, lines = compositor_of(app), app.screen.query_one(Lines)
        assert compositor.shift(lines, 1, LAST)
        assert not isinstance(compositor.render_update(full=True), Shifted)
        assert not isinstance(redraw(compositor, lines, LAST), Shifted)


@pytest.mark.parametrize(
    ("by", "left"), [(0, "abcd"), (1, "bcd_"), (3, "d___"), (-1, "_abc"), (-3, "___a"), (4, "____"), (-9, "____")]
)
def test_what_stands_where(by: int, left: str) -> None:
    assert "".join(each or "_" for each in shifted(list("abcd"), by)) == left
