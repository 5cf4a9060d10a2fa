"""Hostile text in the log must not reach the terminal as commands."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from textual.strip import Strip

from tests.app.helpers import Hand, drawn, running
from tests.app.wire import JsonLog, Wire, answers, log_of, made
from tests.effort import THOROUGH

EVIL = {
    "escape": "\x1b[31mred\x1b[0m \x1b]52;c;ZXZpbA==\x07 \x9b2J \x1b]0;title\x07",
    "markup": "[/] [bold] [@click=app.quit]quit[/] [/red] [link=https://evil.example]x[/link] \\[ [$error]",
    "lines": "one\ntwo\r\nthree\rfour\u2028five\u2029six\x0bseven\x85eight\ttab",
    "bidi": "\u202egnp.exe \u2066isolate\u2069 \u200fmark\u200e zero\u200bwidth\ufeff \u00ad",
    "wide": "漢字かな交じり文 한국어 😀👩‍👩‍👧‍👦🇩🇪 ｆｕｌｌ\u0301\u0302\u0303\u0304\u0305 e\u0301",
    "nul": "\x00\x01\x02\x7f\x80 \ud800 \udfff".encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass"),
    "long": "AAAAAAAAA\x1b" * (100_000 if THOROUGH else 5_000),
}


COLUMNS = [1, 2, 5]
"""Those of the action, the actor and the target."""


def hostile(text: str, number: int = 1) -> dict[str, Any]:
    """An entry with this text in every text field."""
    return made(
        number,
        id=text,
        action=text,
        actor={"id": text, "name": text, "type": text, text: text},
        client_ip=text,
        method=text,
        path=text,
        user_agent=text,
        target={"id": text, "type": text},
        **{text: {"nested": [text]}},
    )


def unfit(text: str) -> set[str]:
    """The characters that a terminal would obey, or that hide or reorder others."""
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")}


def check(hand: Hand) -> None:
    """Check that no unsafe character is drawn, and that every line is exactly as wide as the screen."""
    strips = drawn(hand.app)
    assert [strip.cell_length for strip in strips] == [hand.app.size.width] * hand.app.size.height
    for strip in strips:
        assert not unfit(strip.text)
        assert not links(strip)
    for line in hand.table.render_lines(hand.table.size.region):
        assert line.cell_length == hand.table.size.width


def links(strip: Strip) -> list[str]:
    """Links and click actions, which only parsed markup could have made."""
    styles = [segment.style for segment in strip if segment.style is not None]
    clicks = [str(style.meta) for style in styles if any("click" in str(key) for key in style.meta)]
    return [style.link for style in styles if style.link] + clicks


# -- entries -------------------------------------------------------------------------------------------------------


async def test_a_hostile_entry_is_shown_harmless_everywhere() -> None:
    async with running(JsonLog([hostile(text, n) for n, text in enumerate(EVIL.values())])) as hand:
        check(hand)
        for key in ("l", "l", "l", "l", "l", "l", "l", "l", "l"):
            await hand.press(key)
            check(hand)
        for number, kind in enumerate(EVIL):
            assert hand.table.cursor == number, kind
            await hand.press("enter")
            check(hand)
            for key in ("j", "j", "v", "end", "v", "J", "K", "escape", "escape", "t", "t"):
                await hand.press(key)
                check(hand)
            assert hand.app.is_running, kind
            await hand.press("down")


async def test_a_filter_by_a_hostile_cell_is_shown_harmless() -> None:
    async with running(JsonLog([hostile(text[:300], n) for n, text in enumerate(EVIL.values())])) as hand:
        for number, kind in enumerate(EVIL):
            assert hand.table.cursor == number, kind
            for column in COLUMNS if THOROUGH else [COLUMNS[number % len(COLUMNS)]]:
                await hand.press(*["l"] * column, "=")
                check(hand)
                await hand.press("/")
                check(hand)
                await hand.press("escape", "[")
                check(hand)
                await hand.press(*["h"] * column)
            await hand.press("p")
            check(hand)
            await hand.press("escape", "y")
            check(hand)
            await hand.press("escape", "down")
            assert hand.app.is_running, kind


async def test_hostile_words_of_a_server_in_an_error_are_harmless() -> None:
    wire = Wire(log_of())
    wire.fail(answers(500, x_should_retry="false"))
    async with running(wire) as hand:
        for kind, text in EVIL.items():
            wire.fail(answers(400, {"message": text[:5_000], "error": text[:500]}))
            await hand.press("r")
            assert "(400)" in hand.text, kind
            check(hand)
            wire.fail(answers(200, text.encode("utf-8", "surrogatepass")))
            await hand.press("r")
            check(hand)
            assert hand.app.is_running, kind


async def test_fields_of_other_types_cost_nothing_but_themselves() -> None:
    values: list[Any] = [None, 1, 1.5, True, [], {}, [[]], {"a": None}, "", 10**400, -1]
    names = ("id", "action", "actor", "client_ip", "created_at", "method", "path", "status_code", "target")
    entries = [made(n, **dict.fromkeys(names, value)) for n, value in enumerate(values)]
    entries += [made(100 + n, **{name: value}) for n, value in enumerate(values) for name in names]
    async with running(JsonLog(entries)) as hand:
        await hand.press("A", "G")
        check(hand)
        await hand.press("g", "enter")
        for _ in range(12):
            await hand.press("J")
            check(hand)
        assert hand.app.is_running


async def test_entries_that_are_no_objects_do_not_cost_the_page() -> None:
    def edit(number: int, body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "items": [*body.get("items", []), 7, None, "text", ["list"], {}]}

    wire = Wire(JsonLog([made(1), made(2)]))
    wire.edit = edit
    async with running(wire) as hand:
        assert len(hand.table.view or ()) >= 2
        await hand.press("G", "enter")
        check(hand)
        assert hand.app.is_running


async def test_times_beyond_all_measure() -> None:
    times = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "yesterday", ""]
    async with running(JsonLog([*(made(n, created_at=time) for n, time in enumerate(times)), made(9)])) as hand:
        for time in times:
            for key in ("t", "t", "t", "enter", "J", "K", "escape", "escape", "=", "["):
                await hand.press(key)
                check(hand)
            assert hand.app.is_running, time
            await hand.press("down")


# -- typed ---------------------------------------------------------------------------------------------------------


async def test_what_is_pasted_into_the_filter_is_shown_harmless() -> None:
    from textual import events

    async with running(JsonLog([made(1)])) as hand:
        for kind in ("escape", "markup", "lines", "bidi", "wide"):
            await hand.press("/")
            hand.input.value = ""
            hand.input.post_message(events.Paste(EVIL[kind]))
            await hand.settled()
            assert hand.input.value, kind
            check(hand)
            await hand.press("enter")
            check(hand)
            await hand.press("escape")
            check(hand)
            assert hand.app.is_running, kind


# -- windows -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1, 1), (10, 3), (40, 10), *([(2, 2), (20, 5)] if THOROUGH else [])])
async def test_any_window(size: tuple[int, int]) -> None:
    keys = "down pagedown l l l l l enter j J v escape escape / a escape t G g = [ A y escape p escape ? escape"
    async with running(size=size) as hand:
        check(hand)
        for key in keys.split():
            await hand.press(key)
            assert [strip.cell_length for strip in drawn(hand.app)] == [size[0]] * size[1]
        assert hand.app.is_running


async def test_resizing_while_pages_arrive_keeps_the_entry_in_sight() -> None:
    async with running() as hand:
        await hand.press("pagedown", "down", "down")
        entry = hand.row.key
        hand.wire.hold()
        hand.send("A")
        await hand.until(lambda: len(hand.wire.requests) == 2)
        for width, height in [(80, 24), (1, 1), (200, 50), (30, 8), (120, 36)]:
            await hand.pilot.resize_terminal(width, height)
            hand.wire.release()
            await hand.until(lambda width=width: hand.table.size.width == width)  # type: ignore[misc]  # bound per turn
        await hand.settled()
        assert hand.row.key == entry
        assert any(line.startswith("▌") for line in hand.rows)
        check(hand)


async def test_no_color_draws_the_same_text_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as hand:
        plain = hand.lines
    monkeypatch.setenv("NO_COLOR", "1")
    async with running() as hand:
        assert hand.lines == plain
        await hand.press("down", "l", "enter")
        for strip in drawn(hand.app):
            for segment in strip:
                color = segment.style.color if segment.style is not None else None
                if color is not None and color.triplet is not None:
                    assert len(set(color.triplet)) == 1, segment
