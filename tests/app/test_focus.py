"""Where the focus goes: back to where it was, and to what was covered."""

from __future__ import annotations

import pytest

from auditlog_tui.ui.panes.chips import ChipLine
from tests.app.helpers import Hand, running
from tests.effort import THOROUGH

PLACES = {
    "table": (),
    "detail": ("enter",),
    "facets": ("s",),
    "timeline": ("i",),
    "chips": ("shift+tab",),
}
"""Keys that bring the focus to each place, from the table with a filter."""


async def go_to(hand: Hand, place: str) -> object:
    await hand.press(*PLACES[place])
    assert hand.screen.footer.place == place
    return hand.screen.focused


@pytest.mark.parametrize("place", PLACES)
async def test_escape_gives_the_focus_back_to_where_it_was(place: str) -> None:
    async with running(query="method:POST") as hand:
        before = await go_to(hand, place)
        for key in ("/", ":", "?", "ctrl+p", "ctrl+t", "ctrl+f") if THOROUGH or place == "table" else ("/", ":", "?"):
            await hand.press(key)
            assert hand.app.screen.focused is not before, key
            await hand.press("escape")
            assert hand.screen.focused is before, key
            assert hand.app.screen is hand.screen, key


async def test_a_menu_gives_the_focus_back() -> None:
    async with running() as hand:
        await hand.press("enter")
        for key in ("p", ";", "y"):
            await hand.press(key)
            assert hand.app.screen is not hand.screen
            await hand.press("escape")
            assert hand.pane.has_focus, key


async def test_a_note_that_is_written_gives_the_focus_back() -> None:
    async with running() as hand:
        await hand.press("enter", ";", *"seen", "enter")
        assert hand.pane.has_focus


async def test_a_click_into_the_filter_bar_gives_the_focus_back() -> None:
    async with running() as hand:
        await hand.press("s")
        await hand.pilot.click("FilterInput")
        await hand.settled()
        assert hand.input.has_focus
        await hand.press("escape")
        assert hand.screen.facets.has_focus


async def test_the_table_takes_the_focus_where_what_had_it_is_gone() -> None:
    async with running(query="method:POST") as hand:
        await go_to(hand, "chips")
        await hand.press("x")  # the last term
        await hand.press("/", "escape")
        assert not hand.screen.query_one(ChipLine).display
        assert hand.table.has_focus


async def test_a_dialog_over_the_filter_bar_leaves_what_was_typed() -> None:
    async with running() as hand:
        await hand.press("/")
        await hand.write("status:404")
        for key in ("ctrl+p", "ctrl+t", "ctrl+f"):
            await hand.press(key)
            assert hand.app.screen is not hand.screen
            await hand.press("escape")
            assert hand.input.has_focus, key
            assert hand.input.value == "status:404", key


# -- the panes beside the table ------------------------------------------------------------------------------------


def is_open(hand: Hand) -> tuple[bool, bool]:
    """Whether the detail pane is open, and whether the facets are."""
    return hand.pane.display, hand.screen.facets.display


@pytest.mark.parametrize("closing", ["s", "q"])
async def test_closing_the_facets_brings_the_detail_back(closing: str) -> None:
    async with running() as hand:
        await hand.press("enter", "s")
        assert is_open(hand) == (False, True)
        await hand.press(closing)
        assert is_open(hand) == (True, False)
        assert hand.pane.has_focus


async def test_escape_and_q_go_from_the_facets_to_the_detail_that_they_hide() -> None:
    for key in ("escape", "q"):
        async with running() as hand:
            await hand.press("enter", "s", key)
            assert is_open(hand) == (True, False)
            assert hand.pane.has_focus
            await hand.press("escape", "escape")
            assert is_open(hand) == (False, False)
            assert hand.table.has_focus


async def test_escape_and_q_go_from_the_facets_to_the_detail_beside_them() -> None:
    for key, left in (("escape", True), ("q", False)):
        async with running(size=(250, 60)) as hand:
            await hand.press("enter", "s", key)
            assert is_open(hand) == (True, left)
            assert hand.pane.has_focus
            await hand.press("escape")
            assert hand.table.has_focus
            assert is_open(hand) == (True, left)


async def test_escape_and_q_go_from_the_facets_to_the_table() -> None:
    for key, left in (("escape", True), ("q", False)):
        for before in ((), ("enter", "escape"), ("enter", "q")):
            async with running() as hand:
                await hand.press(*before, "s", key)
                assert hand.table.has_focus
                assert hand.screen.facets.display is left


async def test_the_detail_comes_back_with_the_entry_under_the_cursor() -> None:
    async with running() as hand:
        await hand.press("enter", "escape", "s", "escape", "j", "j", "q")
        assert is_open(hand) == (True, False)
        assert hand.table.has_focus
        await hand.press("enter")
        await hand.to_field("id")
        assert hand.pane.field is not None
        assert hand.pane.field.value == hand.row.key


async def test_closing_the_detail_brings_the_facets_back_counted() -> None:
    async with running() as hand:
        await hand.press("s", "escape", "enter", "A", "q")
        assert is_open(hand) == (False, True)
        assert "of all 730 entries" in hand.text


async def test_each_of_them_closed_stays_closed() -> None:
    async with running() as hand:
        await hand.press("enter", "s", "escape", "enter")  # back to the detail
        assert is_open(hand) == (True, False)
        await hand.press("s", "q", "q")
        assert is_open(hand) == (False, False)
        await hand.press("s", "q")
        assert is_open(hand) == (False, False)


@pytest.mark.parametrize("size", [(220, 50), (250, 60), (100, 60)])
async def test_both_are_shown_where_there_is_room(size: tuple[int, int]) -> None:
    async with running(size=size) as hand:
        await hand.press("enter", "s")
        assert is_open(hand) == (True, True)
        assert hand.table.outer_size.width >= 80
        assert hand.table.outer_size.height >= 20
        await hand.press("q")  # what has the focus
        assert is_open(hand) == (True, False)
        await hand.press("q")
        assert is_open(hand) == (False, False)


async def test_a_window_made_smaller_keeps_the_one_with_the_focus_and_made_larger_both() -> None:
    async with running(size=(220, 50)) as hand:
        await hand.press("enter", "s")
        await hand.pilot.resize_terminal(120, 36)
        await hand.settled()
        assert is_open(hand) == (False, True)
        await hand.pilot.resize_terminal(220, 50)
        await hand.settled()
        assert is_open(hand) == (True, True)
        assert hand.screen.facets.has_focus
