"""Keys while the log is still being opened, and keys for an entry where there is none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from auditlog_tui.demo import demo_truth
from auditlog_tui.errors import SettingsError
from auditlog_tui.ui.patches.key_order import MOST_KEPT
from tests.app.helpers import Hand, TestOpener, app_over, running, settled
from tests.app.test_incident import ALL_OF_IT, BACK, EVIDENCE, MANY, REFUSED
from tests.app.wire import ENTRIES as FEW
from tests.app.wire import NOW, Wire, log_of

SOLUTION = (*REFUSED, *ALL_OF_IT, *EVIDENCE, *BACK, *ALL_OF_IT, *EVIDENCE)


class SlowOpener(TestOpener):
    """Prepares until `go` is set."""

    def __init__(self, wire: Wire, error: str = "") -> None:
        super().__init__(wire)
        self.go = threading.Event()
        self._error = error

    def prepare(self) -> None:
        self.go.wait(60)
        if self._error:
            raise SettingsError(self._error)
        super().prepare()


@asynccontextmanager
async def opening(query: str = "", *, entries: int = FEW, error: str = "") -> AsyncIterator[tuple[Hand, SlowOpener]]:
    """The app before its log is open; `error` is why it can't be."""
    wire = Wire(log_of(entries))
    opener = SlowOpener(wire, error)
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


async def opened(hand: Hand, opener: SlowOpener) -> None:
    """Let the log open, and wait until all that was typed is done."""
    opener.go.set()
    await hand.until(lambda: hand.screen.opened)
    await settled(hand.pilot)


def marked(hand: Hand) -> set[str | None]:
    return {entry.log.id for entry in hand.navigator.marks.marked()}


async def kept(hand: Hand, number: int) -> None:
    await hand.until(lambda: f"{number} key{'s' * (number > 1)} kept until" in hand.status)


async def test_the_keys_of_readme_typed_before_the_log_is_open_mark_what_they_mark_after() -> None:
    async with opening(entries=MANY) as (hand, opener):
        hand.send(*SOLUTION)
        await kept(hand, len(SOLUTION) - len(REFUSED))
        await opened(hand, opener)
        assert marked(hand) == set(demo_truth(until=NOW).entries)
        assert "kept until" not in hand.status


async def test_keys_typed_before_the_first_rows_of_a_filter_are_done_on_these() -> None:
    wire = Wire(log_of(MANY))
    async with running(wire) as hand:
        wire.hold()
        hand.send(*SOLUTION)
        await kept(hand, len(SOLUTION) - len(REFUSED))
        assert "the first entries are here" in hand.status
        wire.release()
        await hand.settled()
        assert marked(hand) == set(demo_truth(until=NOW).entries)


async def test_m_typed_twice_before_the_log_is_open_marks_two() -> None:
    async with opening() as (hand, opener):
        hand.send("m", "m")
        await kept(hand, 2)
        await opened(hand, opener)
        assert len(marked(hand)) == 2
        assert hand.table.cursor == 2


async def test_every_key_that_needs_the_log_is_kept_with_those_after_it() -> None:
    async with opening() as (hand, _opener):
        for key in ("w", "e", "enter", "s", "i", "G", "t", "z", "A", "left_square_bracket"):
            hand.send(key)
            await kept(hand, 1)
            hand.send("/", "a")
            await kept(hand, 3)
            assert hand.input.value == "", key
            hand.send("escape")
            await hand.until(lambda: "3 keys typed ahead were dropped" in hand.status)


async def test_what_needs_the_history_in_the_filter_bar_is_kept() -> None:
    async with opening() as (hand, opener):
        await typed(hand, "status:4")
        hand.send("tab", *"01", "enter", "m")
        await kept(hand, 5)
        await opened(hand, opener)
        assert hand.navigator.place.text != "status:4"


@pytest.mark.parametrize("key", ["escape", "ctrl+c"])
async def test_escape_and_ctrl_c_drop_what_is_kept(key: str) -> None:
    async with opening() as (hand, opener):
        hand.send("m", "m", "q")
        await kept(hand, 3)
        hand.send(key)
        await hand.until(lambda: "3 keys typed ahead were dropped" in hand.status)
        await opened(hand, opener)
        assert not marked(hand)
        assert hand.app.is_running


async def test_ctrl_q_quits_whatever_is_kept() -> None:
    async with opening() as (hand, opener):
        hand.send("m", "ctrl+q")
        await hand.until(lambda: hand.app.is_closing)
        opener.go.set()


async def test_what_follows_too_many_keys_is_dropped_and_that_is_said() -> None:
    async with opening() as (hand, opener):
        hand.send("m", *["j"] * (MOST_KEPT - 1), "m")
        await hand.until(lambda: f"{MOST_KEPT} keys kept" in hand.status and "now is dropped" in hand.status)
        hand.send("m")
        await opened(hand, opener)
        assert len(marked(hand)) == 1
        await hand.press("m")
        assert len(marked(hand)) == 2


async def test_keys_are_dropped_if_no_log_can_be_opened() -> None:
    async with opening(error="no log here") as (hand, opener):
        hand.send("m", "m")
        await kept(hand, 2)
        opener.go.set()
        await hand.until(lambda: "No log is open: the 2 keys typed ahead were dropped" in hand.status)
        hand.send("m")
        await hand.until(lambda: "No log is open; q quits" in hand.status)


async def test_keys_are_dropped_if_the_filter_typed_before_them_is_invalid() -> None:
    async with opening() as (hand, opener):
        hand.send("/", *"status:nine", "enter", "p", "I", "V", "G", "m")
        await kept(hand, 5)
        await opened(hand, opener)
        assert "5 keys typed ahead were dropped" in hand.status
        assert hand.input.value == "status:nine"
        assert not marked(hand)


@pytest.mark.parametrize("status", [400, 500])
async def test_keys_are_not_done_on_other_rows_if_those_they_were_typed_for_fail(status: int) -> None:
    wire = Wire(log_of())
    async with running(wire) as hand:
        wire.hold()
        hand.send("/", *"status:401", "enter", "V", "G", "m")
        await kept(hand, 3)
        wire.fail(lambda request: httpx.Response(status, json={"message": "no"}))
        wire.release()
        await hand.settled()
        assert "3 keys typed ahead were dropped" in hand.status
        assert not marked(hand)


async def test_keys_are_dropped_where_nothing_matches() -> None:
    wire = Wire(log_of())
    async with running(wire) as hand:
        wire.hold()
        hand.send("/", *"action:none.such", "enter", "p", "I", "left_square_bracket", "m")
        await kept(hand, 4)
        wire.release()
        await hand.settled()
        assert "No entry came: the 4 keys typed ahead were dropped" in hand.status
        assert not marked(hand)


async def test_the_header_says_nothing_of_following_before_the_log_is_open() -> None:
    async with opening() as (hand, opener):
        assert "follow" not in hand.header
        await opened(hand, opener)
        assert "follow" in hand.header


async def test_a_filter_can_be_typed_while_the_rows_of_another_are_awaited() -> None:
    wire = Wire(log_of())
    async with running(wire) as hand:
        wire.hold()
        hand.send("/", *"status:401", "enter", "/", "a")
        await hand.until(lambda: hand.input.has_focus and hand.input.value == "a")


async def test_a_key_for_an_entry_says_that_there_is_none() -> None:
    async with running(query="action:none.such") as hand:
        for key in ("c", "y", "p", ".", "=", "-", "enter", ";"):
            hand.screen.say("Something else")
            await asyncio.wait_for(hand.press(key), 60)
            assert "No entry is here" in hand.status, key
