"""Keys while the log is still being opened, and keys for an entry where there is none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.app.helpers import Hand, TestOpener, app_over, running, settled
from tests.app.wire import Wire, log_of


class SlowOpener(TestOpener):
    """Prepares until `go` is set."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self.go = threading.Event()

    def prepare(self) -> None:
        self.go.wait(60)
        super().prepare()


@asynccontextmanager
async def opening(query: str = "") -> AsyncIterator[tuple[Hand, SlowOpener]]:
    """The app before its log is open."""
    wire = Wire(log_of())
    opener = SlowOpener(wire)
    app = app_over(opener, query)
    async with app.run_test(size=(120, 36)) as pilot:
        hand = Hand(pilot, app, wire)
        await hand.until(lambda: "opening" in hand.shown)
        try:
            yield hand, opener
        finally:
            opener.go.set()
            wire.release()


async def typed(hand: Hand, text: str) -> None:
    hand.send("/", *text)
    await hand.until(lambda: hand.input.value == text)


async def test_a_filter_submitted_while_the_log_opens_is_the_first_one_shown() -> None:
    async with opening() as (hand, opener):
        await typed(hand, "status:401")
        hand.send("enter")
        await hand.until(lambda: hand.table.has_focus)
        opener.go.set()
        await hand.until(lambda: hand.screen.opened)
        await settled(hand.pilot)
        assert hand.navigator.place.text == "status:401"
        assert len(hand.navigator.places) == 1


async def test_what_is_typed_while_the_log_opens_is_kept() -> None:
    async with opening() as (hand, opener):
        await typed(hand, "status:40")
        opener.go.set()
        await hand.until(lambda: hand.screen.opened)
        await settled(hand.pilot)
        assert hand.input.has_focus
        assert hand.input.value == "status:40"
        await hand.write("1")
        await hand.press("enter")
        assert hand.navigator.place.text == "status:401"


async def test_a_filter_that_was_given_stands_in_the_bar_while_the_log_opens() -> None:
    async with opening("status:401") as (hand, opener):
        assert "status:401" in hand.lines[1]
        assert "everything, newest first" not in hand.text
        opener.go.set()
        await hand.until(lambda: hand.screen.opened)
        await settled(hand.pilot)
        assert hand.navigator.place.text == "status:401"


@pytest.mark.parametrize("key", ["w", "e", "c", "enter", "s", "i"])
async def test_a_key_for_an_entry_pressed_before_there_is_one_says_so(key: str) -> None:
    async with opening() as (hand, _opener):
        hand.send(key)
        await hand.until(lambda: "still being opened: press the key again" in hand.status)


@pytest.mark.parametrize("key", ["c", "y", "p", ".", "=", "-", "enter", ";"])
async def test_a_key_for_an_entry_says_that_there_is_none(key: str) -> None:
    async with running(query="action:none.such") as hand:
        await asyncio.wait_for(hand.press(key), 60)
        assert "No entry is here" in hand.status
