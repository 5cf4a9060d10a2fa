"""The list of keys, and the bindings, footer, help and palette made from it."""

from __future__ import annotations

from collections import Counter

import pytest
from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import _character_to_key
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import OptionList, Static

from auditlog_tui.text.glyphs import ASCII, UNICODE, Glyphs
from auditlog_tui.ui import keys
from auditlog_tui.ui.commands import KeyCommands
from auditlog_tui.ui.dialogs.help import HelpScreen, sections
from auditlog_tui.ui.keys import KEYS, Key, Situation, bindings, by_place, footer
from tests.app.helpers import Hand, running

PLACES = list(dict.fromkeys(key.place for key in KEYS))
WITHOUT_KEYS_OF_THEIR_OWN = {"everywhere"}
TYPED_INTO = {"filter bar"}
PUNCTUATION = {_character_to_key(character) for character in "/[]:?=-+<>.#;"}


def names(key: Key) -> list[str]:
    """The keys as Textual names them."""
    return [_character_to_key(name) if len(name) == 1 else name for name in key.keys.split(",")]


def is_text(name: str) -> bool:
    """True for a key that types a character."""
    return "+" not in name and (len(name) == 1 or name in PUNCTUATION)


async def focus(hand: Hand, place: str) -> DOMNode:
    """Focus the widget that binds the keys of a place."""
    if place == "everywhere":
        return hand.screen
    bound = {binding.id for binding in bindings(place)}
    for widget in hand.screen.walk_children(Widget):
        mine = {b.id for b in getattr(type(widget), "BINDINGS", []) if isinstance(b, Binding)}
        if bound <= mine:
            for node in widget.ancestors_with_self:
                if node is not hand.app:
                    node.display = True
            widget.focus()
            await hand.settled()
            assert hand.screen.focused is widget, place
            return widget
    raise AssertionError(f"nothing binds the keys of {place}")


async def test_the_keys_of_a_place_are_its_own_and_those_for_everywhere() -> None:
    async with running(query="status:>=400") as hand:
        for place in PLACES:
            node = await focus(hand, place)
            check_that_every_action_exists(hand, node, place)
            check_that_its_keys_win_over_all_others(hand, node, place)
            if place not in WITHOUT_KEYS_OF_THEIR_OWN:
                check_that_those_for_everywhere_work_unless_it_uses_them(hand, place)
                check_that_what_textual_binds_besides_is_known(hand, place)


def check_that_every_action_exists(hand: Hand, node: DOMNode, place: str) -> None:
    for key in KEYS:
        if key.place == place:
            _parse(hand, node, key)


def _parse(hand: Hand, node: DOMNode, key: Key) -> None:
    target: DOMNode = node
    action = key.action.partition("(")[0]
    namespace, _, name = action.rpartition(".")
    if namespace:
        target = {"app": hand.app, "screen": hand.screen}[namespace]
    assert hasattr(target, f"action_{name}") or hasattr(target, f"_action_{name}"), key


@pytest.mark.parametrize("place", PLACES)
def test_no_key_stands_twice_in_one_place(place: str) -> None:
    found = Counter(name for key in KEYS if key.place == place for name in names(key))
    assert [name for name, times in found.items() if times > 1] == []


def check_that_its_keys_win_over_all_others(hand: Hand, node: DOMNode, place: str) -> None:
    active = hand.screen.active_bindings
    for key in KEYS:
        for name in names(key) if key.place == place else []:
            assert name in active, key
            if name == "ctrl+q":  # Textual's own, which comes before all others, does the same
                continue
            assert active[name].node is node, f"{name} in {place} is {active[name].binding}"
            assert active[name].binding.action == key.action


def check_that_those_for_everywhere_work_unless_it_uses_them(hand: Hand, place: str) -> None:
    own = {name for key in KEYS if key.place == place for name in names(key)}
    if place in TYPED_INTO:
        own |= {name for key in KEYS for name in names(key) if is_text(name)} | {"backspace"}
    active = hand.screen.active_bindings
    for key in KEYS:
        for name in names(key) if key.place == "everywhere" else []:
            if name not in own:
                found = active[name].binding.action.removeprefix("app.")
                assert found == key.action.removeprefix("app."), f"{name} in {place} is {found}"


def check_that_what_textual_binds_besides_is_known(hand: Hand, place: str) -> None:
    """Review any new inherited key, from this program or a new Textual: does it conflict with another?"""
    ours = {name for key in KEYS if key.place in (place, "everywhere") for name in names(key)}
    besides = {name for name in hand.screen.active_bindings if name not in ours}
    common = {"tab", "shift+tab", "ctrl+c", "super+c", "ctrl+p", "up", "down", "left", "right", "home", "end"}
    common |= {"pageup", "pagedown", "ctrl+pageup", "ctrl+pagedown", "enter", "ctrl+q"}
    assert place in TYPED_INTO or besides <= common, besides - common


@pytest.mark.parametrize("place", [place for place in PLACES if place not in WITHOUT_KEYS_OF_THEIR_OWN])
def test_every_key_of_the_footer_has_a_label(place: str) -> None:
    shown = footer(place, Situation(back=True, filter=True))
    assert all(key.label for key in shown)
    assert [key.shown for key in shown].count("?") == (place != "filter bar")


async def test_a_narrow_footer_names_pivots_who_export_and_help() -> None:
    async with running(size=(80, 24)) as hand:
        assert "p pivots" in hand.status
        await hand.filter("status:>=400")
        for key in ("w who", "e export", "? help"):
            assert key in hand.status


async def test_the_footer_names_keys_where_they_matter() -> None:
    async with running() as hand:
        assert "c copy ID" in hand.status
        assert "y copy" in hand.status
        assert "q quit" in hand.status
        assert "[" not in hand.status
        await hand.filter("status:>=400")
        assert "[ back" in hand.status
        assert "z filter off" in hand.status
        await hand.press("z")
        assert "z filter on" in hand.status
        await hand.press("enter")
        assert "q close" in hand.status
        assert "= only this" in hand.status
        assert "- not this" in hand.status
        await hand.press("q")
        assert "q quit" in hand.status


async def test_a_narrow_footer_keeps_what_matters_most() -> None:
    async with running(size=(80, 24), query="status:>=200") as hand:
        await hand.filter("status:>=400")
        for named in ("⏎ detail", "= only this", "w who", "e export", "y copy", "/ filter", "[ back", "? help"):
            assert named in hand.status


async def test_the_footer_never_cuts_a_key() -> None:
    async with running(size=(20, 24)) as hand:
        for width in (20, 60, 80, 120, 200):
            await hand.resize(width, 24)
            status = hand.status
            for word in status.split("  "):
                if word.strip():
                    assert any(f"{key.shown} {key.label}" in word for key in KEYS if key.label), status


async def test_the_help_lists_every_key_and_every_filter() -> None:
    from auditlog_tui.query import FIELDS

    async with running(size=(80, 24)) as hand:
        await hand.press("?")
        shown: Screen[object] = hand.app.screen
        assert isinstance(shown, HelpScreen)
        text = unwrapped(str(shown.query_one("#help-text", Static).content))
        for key in KEYS:
            assert key.shown in text
            assert key.help in text
        for field in FIELDS.values():
            assert field.example in text
        await hand.press("escape")
        assert hand.app.screen is hand.screen


def unwrapped(text: str) -> str:
    """The text with every run of blanks as one."""
    return " ".join(text.split())


async def help_lines(hand: Hand) -> list[str]:
    """Open the help, and return its first screen."""
    await hand.press("?")
    assert isinstance(hand.app.screen, HelpScreen)
    return hand.lines


async def test_the_help_begins_with_the_keys_of_what_has_the_focus() -> None:
    async with running(size=(80, 24)) as hand:
        for keys_, title in ((), "Keys: table"), (("enter",), "Keys: detail"), (("i",), "Keys: timeline"):
            await hand.press(*keys_)
            lines = await help_lines(hand)
            assert title in lines[2]
            await hand.press("escape")


async def test_the_help_stands_in_as_many_columns_as_fit() -> None:
    async with running() as hand:
        for width, columns in (80, 1), (120, 2), (200, 3):
            await hand.resize(width, 50)
            lines = await help_lines(hand)
            heads = [title for title in ("Keys: table", "Keys: everywhere", "Signs") if title in lines[2]]
            assert len(heads) == columns, width
            await hand.press("escape")


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_the_help_explains_every_glyph_that_has_a_meaning(glyphs: Glyphs) -> None:
    told = {item.name for section in sections("table", glyphs) if section.title == "Signs" for item in section.items}
    drawn = {"cursor", "line", "upright", "corners", "bars", "spinner", "ellipsis", "bullet", "separator", "enter"}
    unused = {"off", "ascending", "descending", "folded", "unfolded", "next"}
    for name, glyph in glyphs._asdict().items():
        if name not in drawn | unused:
            assert glyph in told, name


async def test_the_help_is_searched_for_words() -> None:
    async with running(size=(80, 24)) as hand:
        await hand.press("?", "/")
        await hand.write("marked q")
        assert "Nothing has all of these words" in hand.text
        await hand.press("backspace", "backspace")
        assert "Next marked entry below" in hand.text
        assert "Open the filter bar" not in hand.text
        await hand.press("enter", "j", "escape")
        assert "Keys: table" in hand.text
        assert "Next entry" in hand.text
        await hand.press("escape")
        assert hand.app.screen is hand.screen


async def test_a_section_is_found_by_its_title_and_deletions_by_their_filters() -> None:
    async with running(size=(120, 36)) as hand:
        await hand.press("?", "/")
        await hand.write("facets")
        text = unwrapped(str(hand.app.screen.query_one("#help-text", Static).content))
        for place, listed in by_place():
            assert place != "facets" or all(key.help in text for key in listed)
        assert "Keys: facets" in text
        assert "Keys: timeline" not in text
        await hand.press(*["backspace"] * 6)
        await hand.write("delete")
        assert "action:*.deleted" in hand.text
        assert "@destructive" in hand.text


async def test_the_help_scrolls_and_closes() -> None:
    async with running(size=(80, 24)) as hand:
        for key in ("escape", "q", "?"):
            await hand.press("?")
            before = hand.lines
            await hand.press("j", "j", "space")
            assert hand.lines != before
            await hand.press(key)
            assert hand.app.screen is hand.screen, key
            assert hand.app.is_running, key


async def test_the_palette_finds_every_action() -> None:
    known = {"app.command_palette", "escape", "cursor_down", "cursor_up"}
    async with running() as hand:
        await hand.press("enter")
        provider = KeyCommands(hand.screen)
        discovered = {str(hit.prompt) async for hit in provider.discover()}
        for key in KEYS:
            if key.place in ("everywhere", "table", "detail") and key.action not in known:
                assert any(key.help in text for text in discovered), key
                assert [hit async for hit in provider.search(key.help)], key


async def test_the_palette_has_a_line_each_the_most_used_first() -> None:
    async with running(size=(80, 24)) as hand:
        await hand.press(":")
        listed = hand.app.screen.query_one(OptionList)
        await hand.until(lambda: listed.option_count > 5)
        await hand.settled()
        first = hand.lines.index(next(line for line in hand.lines if "Open the filter bar" in line))
        shown = [line.split(maxsplit=1)[0] for line in hand.lines[first : first + 10]]
        assert shown == ["/", "p", "⏎", "=", "-", "[", ".", "y", "m", "e"]


@pytest.mark.parametrize("keys", ["", "enter", "w a", "enter w a"])
async def test_the_palette_offers_nothing_twice(keys: str) -> None:
    async with running() as hand:
        await hand.press(*keys.split())
        titles = [str(hit.text) async for hit in KeyCommands(hand.screen).discover()]
        assert len(titles) > 30
        assert sorted({title.removesuffix(" (detail)") for title in titles}) == sorted(
            title.removesuffix(" (detail)") for title in titles
        )


async def test_the_palette_does_what_was_chosen() -> None:
    async with running() as hand:
        await hand.press(":")
        assert hand.app.screen is not hand.screen
        await hand.write("oldest entry")
        await hand.until(lambda: "Go to the oldest entry" in hand.text)
        await hand.press("down", "enter")
        await hand.until(lambda: hand.app.screen is hand.screen)
        await hand.settled()
        assert len(hand.wire.pages) == 2
        assert hand.table.view is not None
        assert hand.table.view.upwards


async def test_a_message_stays_until_the_next_key() -> None:
    async with running() as hand:
        await hand.press("[")
        assert "first" in hand.status
        await hand.press("down")
        assert "first" not in hand.status
        assert "filter" in hand.status


async def test_a_key_pressed_in_a_dialog_ends_a_message_too() -> None:
    async with running() as hand:
        await hand.press("?")
        hand.screen.say("Something happened meanwhile")
        assert hand.screen.footer.message
        await hand.press("j")
        assert not hand.screen.footer.message


def test_keys_that_terminals_and_multiplexers_keep_are_not_ours() -> None:
    taken = {"ctrl+a", "ctrl+b", "ctrl+h", "ctrl+i", "ctrl+m", "ctrl+s", "ctrl+j", "ctrl+c"}
    assert not {name for key in keys.KEYS for name in names(key)} & taken
