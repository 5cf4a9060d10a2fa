"""The status line: long messages, and their most important part first."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from auditlog_tui.text.cells import cell_width
from tests.app.helpers import Hand, running
from tests.app.wire import JsonLog, answers, log_of, made
from tests.effort import THOROUGH

LONG = "Half of what there is to say stands here, which is read first of all, and the other half is below it."


def footer(hand: Hand) -> list[str]:
    return [line.strip() for line in hand.lines[-hand.screen.footer.size.height :]]


async def say(hand: Hand, text: str) -> None:
    hand.screen.say(text)
    await hand.settled()


async def test_a_long_text_takes_two_lines_until_the_next_key_and_the_rows_stay() -> None:
    async with running(size=(80, 24)) as hand:
        await hand.press("down", "down")
        rows = hand.rows
        await say(hand, LONG)
        assert footer(hand) == [
            "Half of what there is to say stands here, which is read first of all, and the",
            "other half is below it.",
        ]
        assert hand.rows == rows[:-1]
        await hand.press("up")
        assert len(footer(hand)) == 1
        assert [line[2:] for line in hand.rows] == [line[2:] for line in rows]


async def test_the_row_under_the_cursor_stays_in_sight() -> None:
    async with running(size=(80, 24)) as hand:
        await hand.press(*["down"] * 19)
        key, before = hand.row.key, hand.rows[-1]
        await say(hand, LONG)
        assert hand.row.key == key
        assert hand.rows[-1] == before


async def test_a_text_that_is_said_while_a_place_is_fetched_does_not_take_its_place_away() -> None:
    async with running(size=(80, 24)) as hand:
        await hand.press(*["down"] * 60)
        key = hand.row.key
        await hand.press(".", *">>>>>")
        hand.send(">")
        await hand.pilot.pause(0)
        await say(hand, LONG)
        assert hand.row.key == key
        assert len(hand.navigator.view) > 40
        assert 0 <= 10 - (hand.table.cursor - hand.table.top) <= 1


async def test_whatever_is_said_fits() -> None:
    async with running(JsonLog([made(1)]), size=(80, 24)) as hand:
        for text in ("x" * 100, "漢" * 60, "word " * 100, "a " + "x" * 77 + " b", "x" * 78, "x" * 79):
            await say(hand, text)
            lines = footer(hand)
            assert len(lines) == (1 if cell_width(text.strip()) <= 78 else 2), text
            assert all(cell_width(line) <= 78 for line in lines), text
            together = "".join(lines).replace(" ", "")
            assert text.replace(" ", "").startswith(together.removesuffix("…")), text
            assert together == text.replace(" ", "") or cell_width(together) > 120, text


async def test_a_wider_terminal_needs_one_line() -> None:
    async with running(size=(80, 24)) as hand:
        await say(hand, LONG)
        await hand.pilot.resize_terminal(120, 24)
        await hand.settled()
        assert footer(hand) == [LONG]


# -- the header ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("query", "verdict"), [("", "100 of 730 loaded"), ("action:nothing.so", "COMPLETE")])
async def test_at_80_columns_the_header_keeps_as_of(query: str, verdict: str) -> None:
    async with running(query=query, size=(80, 24)) as hand:
        assert re.search(r"log\.e\S* +as of \d\d:\d\d:\d\d\b", hand.header)
        assert verdict in hand.header
        assert "UTC" in hand.header


async def test_what_the_header_has_no_room_for_goes_in_the_order_of_its_worth() -> None:
    found = set()
    async with running(size=(120, 24)) as hand:
        for width in range(120, 30, -1 if THOROUGH else -4):
            await hand.resize(width, 24)
            has = ("newest" in hand.header, "as of" in hand.header, "log" in hand.header)
            found.add(has)
            assert "100 of 730 loaded" in hand.header or width < 45
    assert found == {(True, True, True), (False, True, True), (False, False, True), (False, False, False)}


# -- the timeline --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("generation", "worth"), [(1, r" of \d+ loaded"), (2, "")], ids=["here", "server"])
async def test_what_the_timelines_counts_are_worth_is_not_cut_off(generation: int, worth: str) -> None:
    async with running(log_of(generation=generation), size=(80, 24)) as hand:
        await hand.press("i", "escape")
        for width in (80, 100, 160):
            await hand.resize(width, 24)
            words = next(line for line in hand.lines if " failed" in line)
            assert re.search(rf"^ \d{{4}}-\d\d-\d\d.* to [-:\d ]+  \d+ entr(y|ies){worth}, \d+ failed\b", words)
            assert ("counted by the server" in words) == (generation == 2 and width > 80)


async def test_what_is_under_way_is_said_while_everything_loads() -> None:
    async with running(log_of(3_000), size=(80, 24)) as hand:
        held: list[int] = []

        def edit(number: int, body: dict[str, Any]) -> dict[str, Any]:
            if number == 20:
                held.append(number)
                hand.wire.hold()
            return body

        hand.wire.edit = edit
        hand.send("A")
        await hand.until(lambda: bool(held) and "at once" in hand.status)
        assert "Esc stops" in hand.status
        assert len(hand.status.strip()) < 78
        hand.wire.release()
        await hand.settled()
        await hand.until(lambda: "at once" not in hand.status)
        assert len(hand.screen.view) == 3_000


@pytest.mark.parametrize("width", [80, 120])
async def test_refusals_while_everything_loads_are_told_within_the_line_of_progress(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(log_of(3_000), size=(width, 24), sleep=asyncio.sleep) as hand:
        footer, said = hand.screen.footer, list[str]()
        say = footer.say

        def note(text: str, severity: str = "") -> None:
            said.append(text)
            say(text, severity)

        monkeypatch.setattr(footer, "say", note)

        def edit(number: int, body: dict[str, Any]) -> dict[str, Any]:
            if number in (15, 25):
                hand.wire.fail(answers(429, {"message": "try again in 1 s"}, Retry_After="0.5"), times=2)
            return body

        hand.wire.edit = edit
        await hand.press("A")
        await hand.until(lambda: len(hand.screen.view) == 3_000)
        slowed = [text for text in said if "slowed by the server" in text]
        assert slowed
        assert width == 80 or all(re.match(r"\d+ requests? at once, slowed by the server", text) for text in slowed)
        assert not [text for text in said if "429" in text or cell_width(text) > width - 2]
