"""The mouse on column titles, the header line and the footer; Ctrl+C without a selection."""

from __future__ import annotations

import pytest

from auditlog_tui.ui.browse.status import QUIT_HINT
from auditlog_tui.ui.table.table import EntryTable
from tests.app.helpers import Hand, running, table_lines
from tests.effort import THOROUGH


async def click(hand: Hand, x: int, y: int) -> None:
    await hand.pilot.click(offset=(x, y))
    await hand.settled()


async def click_text(hand: Hand, y: int, text: str) -> None:
    """Click on the middle of a text on line `y` of the screen."""
    await click(hand, hand.lines[y].index(text) + len(text) // 2, y)


# -- column titles -------------------------------------------------------------------------------------------------


async def test_a_click_on_a_title_sorts_as_o_does() -> None:
    async with running() as hand:
        for title, field in ("ACTION", "action"), ("ST ", "status"), ("IP ", "ip"):
            for wanted in (f"sort:-{field}", f"sort:{field}", ""):
                await click_text(hand, hand.table.region.y, title)
                assert hand.navigator.place.text == wanted
                assert hand.table.canvas.field == field


async def test_a_drag_that_ends_on_a_title_does_not_sort() -> None:
    async with running() as hand:
        await hand.pilot.mouse_down(EntryTable, offset=(30, 4))
        await hand.pilot.mouse_up(EntryTable, offset=(30, 0))
        await hand.settled()
        assert hand.navigator.place.text == ""
        assert table_lines(hand.table)[0].lstrip().startswith("TIME")


# -- the header line -----------------------------------------------------------------------------------------------


async def test_a_click_on_the_zone_is_t() -> None:
    async with running() as hand:
        modes = []
        for _ in range(3):
            await click_text(hand, 0, "UTC")
            modes.append(hand.screen.look.mode)
        assert modes == ["local", "relative", "utc"]


async def test_a_click_on_the_indicator_follows_and_ends_it() -> None:
    async with running() as hand:
        glyphs = hand.screen.look.glyphs
        assert f"{glyphs.off} follow" in hand.header
        offset = hand.header.index("follow"), 0
        await hand.pilot.click(offset=offset)
        await hand.until(lambda: f"{glyphs.on} follow" in hand.header)
        await hand.pilot.click(offset=offset)
        await hand.until(lambda: f"{glyphs.off} follow" in hand.header)


async def test_a_click_elsewhere_on_the_header_line_does_nothing() -> None:
    async with running() as hand:
        before = hand.screen.look
        for x in (2, 60, hand.header.index("loaded")):
            await click(hand, x, 0)
        assert hand.screen.look.mode == before.mode
        assert hand.navigator.place.text == ""


# -- the footer ----------------------------------------------------------------------------------------------------


async def test_a_click_on_a_hint_is_its_key() -> None:
    async with running() as hand:
        foot = len(hand.lines) - 1
        await click_text(hand, foot, "detail")
        assert hand.pane.display
        await hand.press("escape", "escape")
        await click_text(hand, foot, "filter")
        assert hand.input.has_focus
        await hand.write("status:403")
        await click_text(hand, foot, "apply")
        assert hand.navigator.place.text == "status:403"
        await click_text(hand, foot, "help")
        assert type(hand.app.screen).__name__ == "HelpScreen"


async def test_each_hint_begins_where_the_one_before_ends() -> None:
    async with running() as hand:
        foot = len(hand.lines) - 1
        await click(hand, hand.lines[foot].index("mark") + len("mark"), foot)  # the blank after it
        assert hand.navigator.marks.count == 1
        await hand.press("j")
        await click(hand, hand.lines[foot].index("/") - 1, foot)  # the blank before it
        assert hand.input.has_focus


async def test_a_click_on_a_message_or_beside_the_hints_does_nothing() -> None:
    async with running() as hand:
        hints = hand.lines[-1].rstrip()
        await click(hand, len(hints) + 1, len(hand.lines) - 1)
        hand.screen.say("Something happened")
        await hand.settled()
        await click(hand, 4, len(hand.lines) - 1)
        assert not hand.pane.display
        assert hand.app.screen is hand.screen


# -- ctrl+c --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [(), ("/",), ("?",), (":",), *([("enter",), ("p",)] if THOROUGH else [])], ids=str)
async def test_ctrl_c_twice_quits_and_the_first_says_so(before: tuple[str, ...]) -> None:
    async with running() as hand:
        await hand.press(*before, "ctrl+c")
        assert QUIT_HINT in hand.screen.footer.message
        assert not list(hand.app._notifications)
        await hand.press("ctrl+c")
        assert hand.app.exit_requested


async def test_another_key_between_them_keeps_it_running() -> None:
    async with running() as hand:
        for _ in range(3):
            await hand.press("ctrl+c", "down")
            assert QUIT_HINT not in hand.status
        assert not hand.app.exit_requested


async def test_it_does_not_quit_once_another_message_took_the_place_of_the_hint() -> None:
    async with running() as hand:
        await hand.press("ctrl+c")
        hand.screen.say("Something happened")
        await hand.press("ctrl+c")
        assert not hand.app.exit_requested
        assert QUIT_HINT in hand.status


async def test_a_selected_text_is_copied_and_nothing_quits() -> None:
    async with running() as hand:
        await hand.press("/")
        await hand.write("status:403")
        hand.input.select_all()
        await hand.press("ctrl+c", "ctrl+c")
        assert not hand.app.exit_requested
        assert hand.app.clipboard == "status:403"
