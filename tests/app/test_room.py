"""The room on the screen: no text is cut beside unused cells, and no pane is an empty frame, whatever the window."""

from __future__ import annotations

import re
from typing import Any

import pytest
from textual.geometry import Region
from textual.widget import Widget
from textual.widgets import OptionList

from auditlog_tui.text.glyphs import UNICODE
from auditlog_tui.ui.browse.pivoting import NUMBER
from auditlog_tui.ui.dialogs.help import layout, sections
from auditlog_tui.ui.keys import TABLE
from auditlog_tui.ui.panes.groups import SHORT, GroupList
from tests.app.helpers import Hand, running
from tests.app.wire import UNREACHABLE, Wire, log_of

SIZES = [(60, 20), (80, 24), (120, 36), (200, 50), (250, 60)]
SMALL = [(20, 6), (40, 12), (60, 20), (160, 10)]

GAP = 3
"""Cells that may be blank in all lines of a block in which a text is cut: the gap between two columns."""


def lines_in(hand: Hand, region: Region) -> list[str]:
    """What the screen shows in a region."""
    return [line[region.x : region.right] for line in hand.lines[region.y : region.bottom]]


def unused(lines: list[str]) -> int:
    """The most cells side by side that are blank in all of the lines."""
    width = max(map(len, lines))
    blank = "".join(" " if all(line.ljust(width)[cell] == " " for line in lines) else "x" for cell in range(width))
    return max(map(len, blank.split("x")))


def assert_used(lines: list[str], *, reserved: int = 0) -> None:
    """No text is cut beside unused cells, besides those `reserved` for numbers to come."""
    if any("…" in line for line in lines):
        assert unused(lines) <= GAP + reserved, "\n".join(lines)


def test_the_check_finds_a_text_that_is_cut_beside_blanks() -> None:
    with pytest.raises(AssertionError):
        assert_used(["  terraf…-prod       94   17%", "  vm                 11    2%"])
    assert_used(["  terraf…-prod  94   17%", "  terraform-pro  1    2%"])
    assert_used(["  vm                 11    2%"])


def groups_of(pane: GroupList[Any]) -> list[Region]:
    """Where each group of a pane stands on the screen, as far as it is seen."""
    found: list[Region] = []
    for group in pane.groups:
        regions = [placed.region for placed in pane.placed if any(placed.item is item for item in group.items)]
        if regions:
            here = Region.from_union(regions).translate(pane.content_region.offset - pane.scroll_offset)
            found.append(here.intersection(pane.content_region))
    return [region for region in found if region.area]


# -- cut text ------------------------------------------------------------------------------------------------------


async def test_no_facet_is_cut_beside_unused_cells() -> None:
    async with running(query="last:7d") as hand:
        await hand.press("A", "s", "l", "#")
        for size in SIZES:
            await hand.resize(*size)
            groups = groups_of(hand.screen.facets)
            assert len(groups) > 1 or size[1] <= 24, size
            for region in groups:
                assert_used([line for line in lines_in(hand, region)[1:] if " more" not in line] or [""])


@pytest.mark.parametrize("query", ["", "status:401"])
async def test_no_pivot_is_cut_beside_unused_cells(query: str) -> None:
    async with running(query=query) as hand:
        for size in SIZES:
            await hand.resize(*size)
            await hand.press("p")
            box = hand.app.screen.query_one(OptionList)
            assert_used(lines_in(hand, box.content_region), reserved=NUMBER - 1)
            assert box.virtual_size.height == box.option_count, size
            await hand.press("escape")


@pytest.mark.parametrize("query", ["", "action:*.deleted"])
async def test_no_cell_of_the_table_is_cut_beside_unused_cells(query: str) -> None:
    async with running(query=query) as hand:
        for size in SIZES:
            await hand.resize(*size)
            rows = [line for line in hand.rows if "──" not in line]
            fitted = hand.table.canvas.layout.seen(0, hand.table.canvas.inner_width)
            columns = list(zip(fitted.columns, fitted.offsets, fitted.widths, strict=True))
            cut = [
                column.title
                for column, offset, width in columns
                if any("…" in line[2 + offset : 2 + offset + width] for line in rows)
            ]
            assert not cut or fitted.drawn >= hand.table.canvas.inner_width - GAP, size
            if "ACTION" in cut or "ACTOR" in cut or "TARGET" in cut:
                assert not {"TYPE", "AGENT"} & {column.title for column, _, width in columns if width}, size


async def test_the_header_is_never_cut_without_an_ellipsis() -> None:
    async with running(query="status:>=400 actor.type:api_key -path:/vpcs") as hand:
        rows = len(hand.screen.view)
        for size in (*SIZES, *SMALL):
            await hand.resize(*size)
            assert hand.screen.header.render().cell_length == hand.screen.header.size.width == size[0]
            if not hand.screen.view.complete:
                assert f"{rows} match in" in hand.header or f"{rows} so far" in hand.header, size
        await hand.press("A")
        for size in (*SIZES, *SMALL):
            await hand.resize(*size)
            assert "COMPLETE" in hand.header, size
            assert str(len(hand.screen.view)) in hand.header, size


# -- panes in small windows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["enter", "s"])
async def test_a_pane_shows_what_is_chosen_in_a_window_of_any_size(key: str) -> None:
    async with running(query="status:>=400") as hand:
        for size in SMALL:
            await hand.resize(*size)
            await hand.press(key, "j", "j")
            pane = hand.screen.pane if key == "enter" else hand.screen.facets
            assert pane.has_focus, size
            placed = next(placed for placed in pane.placed if placed.item is pane.chosen_item)
            shown = placed.region.translate(pane.content_region.offset - pane.scroll_offset)
            assert pane.content_region.intersection(hand.screen.region).overlaps(shown), size
            assert lines_in(hand, shown)[0].strip()
            assert hand.lines[-1].strip().endswith("help")
            below_or_beside = hand.table.size.height > 1
            assert below_or_beside == (size[1] >= SHORT or size[0] >= 150), size
            await hand.press("escape")
            assert "2026-" in hand.shown, size
            assert hand.table.has_focus
            await hand.press(key, "q")
            assert not pane.display


async def test_the_timeline_leaves_room_for_what_is_around_it() -> None:
    async with running(query="status:>=400") as hand:
        await hand.press("A")
        bar: Widget = hand.screen.timeline
        for size in (*SMALL, (80, 24), (200, 50)):
            await hand.resize(*size)
            await hand.press("i")
            lines = lines_in(hand, bar.region)
            assert bar.region.bottom < size[1]
            assert re.search(r"[▁▂▃▄▅▆▇█]", "".join(lines)), size
            assert re.search(r"\d+ entr(y|ies)", lines[-1]), size
            assert not lines[-1].rstrip().endswith((",", " the", " the pe")), size
            assert hand.lines[-1].strip().endswith("help")
            await hand.press("escape")
            assert (bar.size.height == 1) == (size[1] < SHORT), size
            assert "2026-" in hand.shown, size


# -- dialogs and the footer ----------------------------------------------------------------------------------------


async def test_two_entries_are_compared_below_each_other_in_a_narrow_window() -> None:
    async with running(query="status:>=400") as hand:
        one, other = (row.key for row in hand.screen.view.window(0, 2))
        await hand.press("m", "m")
        for size in ((40, 12), (60, 20), (120, 36)):
            await hand.resize(*size)
            await hand.press("D")
            ids = [line for line in hand.lines if one in line or other in line]
            assert len(ids) == {40: 0, 60: 2, 120: 1}[size[0]]
            box = hand.app.screen.query_one(OptionList)
            prompts = [str(option.prompt) for option in box.options]
            assert max(len(line) for prompt in prompts for line in prompt.split("\n")) <= box.content_size.width
            await hand.press("escape")


@pytest.mark.parametrize("width", [14, 20, 40, 80])
def test_no_line_of_the_help_is_wider_than_its_column(width: int) -> None:
    text = layout(sections(TABLE, UNICODE), width).plain
    assert max(len(line.rstrip()) for line in text.split("\n") if not line.startswith("Keys: ")) <= width


async def test_the_footer_offers_no_key_for_an_entry_where_there_is_none() -> None:
    wire = Wire(log_of())
    wire.fail(UNREACHABLE)
    async with running(wire) as hand:
        assert "detail" not in hand.status
        assert "r again" in hand.status
        wire.fail(UNREACHABLE, 0)
        await hand.press("r")
        assert "detail" in hand.status
        assert "r again" not in hand.status
        await hand.filter("action:no.such.thing")
        assert "copy" not in hand.status
        assert "filter off" in hand.status
