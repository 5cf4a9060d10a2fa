"""Thousands of marks: keys have their turn in between, it is said how far the work is, and Escape stops it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from auditlog_tui.ui.browse import long_work
from auditlog_tui.ui.browse.long_work import PORTION
from tests.app.helpers import Hand, running
from tests.app.test_marks import keeping
from tests.app.wire import ENTRIES, JsonLog, made

MANY = 12 * PORTION


def large() -> JsonLog:
    return JsonLog(made(n) for n in range(MANY))


async def loaded(hand: Hand) -> None:
    await hand.press("A")
    assert len(hand.screen.view) == MANY


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """While it is clear, long work waits after a portion. It is set at first."""
    goes_on = asyncio.Event()
    goes_on.set()

    async def give_way() -> None:
        await asyncio.sleep(0)
        await goes_on.wait()

    monkeypatch.setattr(long_work, "give_way", give_way)
    return goes_on


async def begun(hand: Hand, *keys: str) -> None:
    """Press keys, and wait until long work says how far it is."""
    hand.send(*keys)
    await hand.until(lambda: "Esc stops" in hand.screen.footer.message)


async def test_a_long_range_is_marked_with_its_progress_and_keys_go_on(waits: asyncio.Event) -> None:
    async with running(large()) as hand:
        await loaded(hand)
        await hand.press("g", "V", "G")
        waits.clear()
        await begun(hand, "m")
        assert hand.screen.footer.message.startswith("Reading what to mark: ")
        assert hand.navigator.marks.count == 0
        at = hand.table.cursor
        hand.send("k")
        await hand.until(lambda: hand.table.cursor == at - 1)
        assert hand.screen.long_work.busy
        waits.set()
        await hand.settled()
        assert hand.navigator.marks.count == MANY
        assert f"Marked {MANY:,}, {MANY:,} in all" in hand.status


async def test_escape_stops_the_reading_of_a_range_and_nothing_is_marked(waits: asyncio.Event) -> None:
    async with running(large()) as hand:
        await loaded(hand)
        await hand.press("g", "V", "G")
        waits.clear()
        await begun(hand, "m")
        await hand.press("escape")
        waits.set()
        assert hand.navigator.marks.count == 0
        assert "Stopped: nothing was marked" in hand.status
        await hand.press("g", "V", "G", "m")
        assert hand.navigator.marks.count == MANY


async def test_escape_while_marks_are_saved_tells_what_is_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with keeping(tmp_path / "marks") as hand:
        await hand.press("A", "g", "V", "G")

        async def give_way() -> None:
            """Wait, once marks are being saved, for Escape."""
            await (asyncio.Event().wait() if "saving" in hand.screen.footer.message else asyncio.sleep(0))

        with monkeypatch.context() as patched:
            patched.setattr(long_work, "give_way", give_way)
            hand.send("m")
            await hand.until(lambda: "saving" in hand.screen.footer.message)
            await hand.press("escape")
        assert f"Stopped: {ENTRIES} marked; the next mark saves the rest" in hand.status
        unsaved = hand.navigator.marks.unsaved
        assert 0 < unsaved < ENTRIES
        await hand.press("g", "m")
        assert hand.navigator.marks.unsaved == 0
    async with keeping(tmp_path / "marks") as again:
        assert again.navigator.marks.count == ENTRIES - 1


async def test_copying_stops_without_a_copy_and_goes_first_when_asked_twice(
    clipboard: list[str], waits: asyncio.Event
) -> None:
    async with running(large()) as hand:
        await loaded(hand)
        await hand.press("g", "V", "G", "m", "y")
        waits.clear()
        await begun(hand, "d")
        assert hand.screen.footer.message.startswith("Copying: ")
        await hand.press("escape")
        assert "Stopped: nothing was copied" in hand.status
        assert clipboard == []
        waits.set()
        await hand.press("y", "d")
        assert len(clipboard[0].splitlines()) == MANY
        await hand.press("y")
        waits.clear()
        await begun(hand, "d")
        marked = hand.navigator.marks.count
        hand.send("g", "V", "G", "m")
        await hand.until(lambda: "Copying: that goes first" in hand.screen.footer.message)
        waits.set()
        await hand.settled()
        assert len(clipboard) == 2
        assert hand.navigator.marks.count == marked


async def test_all_that_is_marked_is_shown() -> None:
    async with running(large()) as hand:
        await loaded(hand)
        await hand.press("g", "V", "G", "m", "M")
        assert hand.screen.view.marked
        assert len(hand.screen.view) == MANY
        await hand.press("r")
        assert len(hand.screen.view) == MANY


async def test_u_looks_beyond_a_slice_of_rows_and_comparing_needs_two() -> None:
    async with running(large()) as hand:
        await loaded(hand)
        await hand.press("G", "m", "g", "u")
        assert hand.table.cursor == MANY - 1
        await hand.press("V", "g", "m", "D")
        assert f"{MANY:,} marked now" in hand.status
