"""Dialogs, the command palette over them, and lists in windows too small for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.style import Style
from textual import events
from textual.command import Command, CommandPalette
from textual.screen import Screen
from textual.widgets import OptionList

from auditlog_tui.ui.browse.screen import BrowseScreen
from auditlog_tui.ui.dialogs.menu import Choice
from auditlog_tui.ui.dialogs.pivot_menu import PivotMenu
from tests.app.helpers import Hand, drawn, running
from tests.effort import THOROUGH

DIALOGS = ["e", "y", "semicolon", "question_mark", "C", *(["p", "ctrl+t", "ctrl+f", "D"] if THOROUGH else [])]
"""The keys of dialogs: one of each kind, and those that are like another."""


async def open_dialog(hand: Hand, key: str) -> Screen[Any]:
    """Open a dialog with its key, and return it."""
    if key == "D":
        await hand.press("m", "m")
    await hand.press(key)
    dialog = hand.app.screen
    assert not isinstance(dialog, BrowseScreen)
    return dialog


async def offered(hand: Hand) -> list[str]:
    """Open the palette, and return the commands it offers."""
    await hand.press("ctrl+p")
    assert isinstance(hand.app.screen, CommandPalette)
    options = hand.app.screen.query_one(OptionList).options
    return [option.hit.text or "" for option in options if isinstance(option, Command)]


async def test_a_menu_that_is_opening_or_closed_takes_keys_and_counts() -> None:
    async with running() as hand:
        menu = PivotMenu("pivot", [Choice("a", "action")], "Esc closes", [], None)
        menu.add_legend("early")
        menu.action_list("cursor_down")
        hand.app.push_screen(menu)
        await hand.settled()
        assert "pivot (early)" in str(menu.query_one(OptionList).border_title)
        await hand.press("escape")
        menu.add_legend("late")
        menu.action_list("cursor_down")


@pytest.mark.parametrize("key", DIALOGS)
async def test_every_command_offered_over_a_dialog_can_be_chosen(key: str) -> None:
    async with running() as hand:
        dialog = await open_dialog(hand, key)
        names = await offered(hand)
        await hand.press("escape")
        assert "Change the theme" in names
        for number, name in enumerate(names):
            if name in ("Quit", "Suspend to the shell"):
                continue
            assert hand.app.screen is dialog
            await hand.press("ctrl+p", *["down"] * number, "enter")
            assert hand.app.is_running, name
            while hand.app.screen is not dialog:
                await hand.press("escape")
        await hand.press("escape")
        assert isinstance(hand.app.screen, BrowseScreen)
        await hand.press("down")
        assert hand.table.cursor > 0


async def test_commands_that_mean_an_entry_are_not_offered_over_a_dialog() -> None:
    async with running() as hand:
        assert "Open the entry's full record" in await offered(hand)
        await hand.press("escape", "y")
        names = await offered(hand)
        assert "Quit" in names
        assert "Open the entry's full record" not in names
        assert "Close what is open, else quit" not in names


async def test_the_palette_of_themes_changes_the_theme_over_a_dialog() -> None:
    async with running() as hand:
        dialog = await open_dialog(hand, "y")
        hand.app.action_change_theme()
        await hand.settled()
        await hand.write("nord")
        await hand.press("down", "enter")
        assert hand.app.theme == "nord"
        assert hand.app.screen is dialog


async def test_a_dialog_that_is_told_twice_to_close_closes_alone() -> None:
    async with running() as hand:
        for key in ("e", "y", "semicolon", "question_mark", "C", "ctrl+t", "ctrl+p"):
            await hand.press("p")
            below: Screen[Any] = hand.app.screen
            if key == "ctrl+p":
                await hand.press(key)
            else:
                hand.app.simulate_key("escape")
                await hand.settled()
                await hand.press(key)
                below = hand.screen
            dialog: Screen[Any] = hand.app.screen
            hand.app.call_later(lambda dialog=dialog: [dialog.dismiss(None) for _ in range(2)][:0])
            await hand.settled()
            assert hand.app.screen is below
            await hand.press("escape")


async def test_two_clicks_beside_the_palette_close_it_and_nothing_else() -> None:
    async with running() as hand:
        await hand.press("ctrl+p")
        for _ in range(2):
            for kind in (events.MouseDown, events.MouseUp):
                hand.app.post_message(kind(None, 0, 0, 0, 0, 1, False, False, False, screen_x=0, screen_y=0))
        await hand.settled()
        assert hand.app.screen is hand.screen


MOVES = ["pagedown", "pageup", "home", "end", "pagedown", "down", "pagedown", "up", "pageup"]


async def test_a_list_too_small_to_be_drawn_can_be_paged() -> None:
    async with running() as hand:
        for opened in (["i", "s"], ["y"], ["e"], ["p"], ["C"], ["m", "m", "D"], ["enter"], ["ctrl+p"]):
            await hand.press(*opened)
            for size in ((80, 12), (80, 4), (5, 24), (1, 1)) if THOROUGH else ((80, 4), (5, 24), (1, 1)):
                await hand.pilot.resize_terminal(*size)
                hand.send(*MOVES)
                hand.app.post_message(events.MouseScrollDown(None, 0, 0, 0, 1, 0, False, False, False))
                hand.app.post_message(events.MouseScrollUp(None, 0, 0, 0, -1, 0, False, False, False))
                await hand.settled()
                assert hand.app.is_running, (opened, size)
            await hand.pilot.resize_terminal(120, 36)
            hand.send(*MOVES)
            await hand.press("escape", "escape", "escape")
            assert hand.app.screen is hand.screen, opened


async def test_the_palette_opens_in_windows_of_any_width() -> None:
    async with running() as hand:
        for width in (1, 2, 4, 7) if THOROUGH else (1, 4):
            await hand.pilot.resize_terminal(width, 31)
            await hand.press("ctrl+p", *"sort:path", "escape")
        assert hand.app.is_running


async def test_a_click_on_an_option_that_went_away_does_nothing() -> None:
    async with running() as hand:
        await hand.press("y")
        dialog = hand.app.screen
        box = dialog.query_one(OptionList)
        event = events.Click(box, 0, 1, 0, 0, 1, False, False, False)
        event._style = Style.from_meta({"option": box.option_count})
        box.post_message(event)
        await hand.settled()
        assert hand.app.screen is dialog


async def test_the_footer_names_no_key_that_a_dialog_takes() -> None:
    async with running() as hand:
        keys = footer_of(hand)
        assert "copy ID" in keys
        for key in ("p", "y", "e", "C", ";", "?", ":", "ctrl+f", "ctrl+t"):
            await hand.press(key)
            assert hand.app.screen is not hand.screen, key
            assert not footer_of(hand).strip(), key
            hand.screen.say("Saved")
            await hand.settled()
            assert footer_of(hand).strip() == "Saved", key
            await hand.press("escape")
            assert footer_of(hand) == keys, key


def footer_of(hand: Hand) -> str:
    """What the footer shows, also below a dialog."""
    footer = hand.screen.footer
    return "".join(strip.text for strip in footer.render_lines(footer.size.region))


@pytest.mark.parametrize("keys", [["p"], ["y"], ["w"], ["C"], ["ctrl+p"], ["m", "e", "enter"], ["enter"], ["s"]])
async def test_without_colours_the_chosen_line_is_reversed(
    keys: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    async with running() as hand:
        await hand.press(*keys)
        await hand.until(lambda: not hand.app.screen.query("#export"))
        await hand.settled()
        seen = []
        for _ in range(2):
            seen.append(reversed_lines(hand))
            assert len(seen[-1]) == 1, hand.text
            await hand.press("down")
        assert seen[0] != seen[1]


def reversed_lines(hand: Hand) -> list[str]:
    """The lines of the list or pane with the focus that are drawn reversed."""
    box = hand.app.screen.query_one("CommandList, OptionList, GroupList:focus").content_region
    lines = [line.crop(box.x, box.right) for line in drawn(hand.app)[box.y : box.bottom]]
    parts = [[part.text for part in line if part.style and part.style.reverse] for line in lines]
    return [text for text in map("".join, parts) if any(map(str.isalnum, text))]  # a scrollbar is reversed too
