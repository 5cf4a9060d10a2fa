"""A store that can't be read or written costs what can't be done, never the app nor what is loaded."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from auditlog_tui.ui.keys import CHIPS, DETAIL, EVERYWHERE, FACETS, FILTER, KEYS, TABLE, TIMELINE, WHO
from tests.app.helpers import SIZE, Hand, running
from tests.effort import THOROUGH
from tests.unit.faulty import FaultyConnection, faulty

TOLD = "can't be read or written"
ENDS = {"app.quit", "close", "app.suspend_process"}

PLACES = {
    TABLE: [],
    DETAIL: ["enter"],
    TIMELINE: ["i"],
    FACETS: ["s"],
    WHO: ["w", "a"],
    CHIPS: ["shift+tab"],
    FILTER: ["/"],
}
"""The keys that give a place the focus."""


@asynccontextmanager
async def failing(
    fails: str, query: str = "", size: tuple[int, int] = SIZE
) -> AsyncIterator[tuple[Hand, FaultyConnection]]:
    """The app with what it needs on the screen, and from then on a store that fails."""
    async with running(query=query, size=size) as hand:
        disk = faulty(hand.navigator.log.store, random.Random(1))
        await hand.press("m", "m", "down")
        disk.fails = fails
        yield hand, disk


def keys_in(place: str) -> list[str]:
    """Every key that does something there, but for those that end it.

    Those that do the same everywhere are pressed in the table and in one other place.
    """
    everywhere, own = (
        [name for key in KEYS if key.place == at and key.action not in ENDS for name in key.keys.split(",")]
        for at in (EVERYWHERE, place)
    )
    others = [each for each in PLACES if each != TABLE]
    if place != TABLE and not THOROUGH:
        everywhere = everywhere[others.index(place) :: len(others)]
    return [*everywhere, *own]


@pytest.mark.parametrize("place", PLACES)
async def test_no_key_ends_the_app(place: str) -> None:
    async with failing("works", "status:>=200", (80, 24)) as (hand, disk):
        told = set()
        for key in keys_in(place):
            disk.fails = "works"
            hand.send(*["escape"] * 4, *PLACES[place])
            await hand.settled()
            disk.fails = "all fails"
            hand.send(*[key] * (2 if key == "F" else 1))  # what follows would never come to rest
            await hand.settled()
            assert hand.app.is_running, key
            if TOLD in hand.text:
                told.add(key)
        assert told or place == CHIPS
        disk.fails = "works"
        await hand.press("escape", "escape", "r")
        assert TOLD not in hand.text
        assert "can't be read now" not in hand.text


async def test_what_was_drawn_stays_and_what_cannot_be_read_says_so() -> None:
    async with failing("works") as (hand, disk):
        await hand.press("A", "g", "g")
        shown = hand.rows
        disk.fails = "all fails"
        await hand.press("down", "up")
        assert hand.rows == shown
        await hand.press("G")
        assert "this entry can't be read now; r tries again" in hand.shown
        assert TOLD in hand.status
        disk.fails = "works"
        await hand.press("k")
        assert "can't be read" not in hand.text
        assert "730  COMPLETE" in hand.header


async def test_the_header_claims_nothing_of_a_view_that_cannot_be_read() -> None:
    async with failing("works") as (hand, disk):
        await hand.press("A")
        assert "COMPLETE" in hand.header
        disk.fails = "all fails"
        await hand.filter("ua:terraform")
        assert "COMPLETE" not in hand.header
        assert TOLD in hand.text
        disk.fails = "works"
        await hand.press("r")
        assert "match in" in hand.header


async def test_the_detail_pane_never_shows_another_entrys_fields() -> None:
    async with failing("works") as (hand, disk):
        await hand.press("enter", "escape", "down")
        before = hand.pane.border_title
        assert before
        disk.fails = "all fails"
        await hand.press("down")
        assert hand.pane.field is None
        await hand.press("enter", "c")
        assert "There is no field here to copy" in hand.status
        assert any(TOLD in line for line in hand.lines)


async def test_loading_all_keeps_the_rows_and_goes_on_when_there_is_room() -> None:
    async with failing("writes fail") as (hand, disk):
        await hand.press("A")
        assert TOLD in hand.status
        assert len(hand.screen.view) == 100
        assert "COMPLETE" not in hand.header
        disk.fails = "works"
        await hand.press("r", "A")
        assert "730  COMPLETE" in hand.header


async def test_marks_are_copied_without_the_store() -> None:
    async with failing("all fails") as (hand, _):
        await hand.press("y")
        assert "2 marked entries" in hand.text
