"""Thousands of marks: keys have their turn in between, it is said how far the work is, and Escape stops it."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditlog_tui.output.clipboard import Copied
from auditlog_tui.ui import app as app_module
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


async def begun(hand: Hand, *keys: str) -> None:
    """Press keys, and wait until long work says how far it is."""
    hand.send(*keys)
    await hand.until(lambda: "Esc stops" in hand.screen.footer.message)


async def test_a_long_range_is_marked_with_its_progress_and_keys_go_on() -> None:
    async with running(large()) as hand:
        await loaded(hand)
        await hand.press("g", "V", "G")
        await begun(hand, "m")
        assert hand.screen.footer.message.startswith("Reading what to mark: ")
        assert hand.navigator.marks.count == 0
        at = hand.table.cursor
        hand.send("k")
        await hand.until(lambda: hand.table.cursor == at - 1)
        assert hand.screen.long_work.busy
        await hand.settled()
        assert hand.navigator.marks.count == MANY
        assert f"Marked {MANY:,}, {MANY:,} in all" in hand.status


async def test_escape_stops_the_reading_of_a_range_and_nothing_is_marked() -> None:
    async with running(large()) as hand:
        await loaded(hand)
        await hand.press("g", "V", "G")
        await begun(hand, "m")
        await hand.press("escape")
        assert hand.navigator.marks.count == 0
        assert "Stopped: nothing was marked" in hand.status
        await hand.press("g", "V", "G", "m")
        assert hand.navigator.marks.count == MANY


async def test_escape_while_marks_are_saved_tells_what_is_so(tmp_path: Path) -> None:
    async with keeping(tmp_path / "marks") as hand:
        await hand.press("A", "g", "V", "G")
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


async def test_copying_stops_without_a_copy_and_goes_first_when_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []

    async def copy(text: str, **how: object) -> Copied:
        copied.append(text)
        return Copied("local", True, "to a test's clipboard")

    monkeypatch.setattr(app_module, "copy", copy)
    async with running(large()) as hand:
        await loaded(hand)
        await hand.press("g", "V", "G", "m", "y")
        await begun(hand, "d")
        assert hand.screen.footer.message.startswith("Copying: ")
        await hand.press("escape")
        assert "Stopped: nothing was copied" in hand.status
        assert copied == []
        await hand.press("y", "d")
        assert len(copied[0].splitlines()) == MANY
        await hand.press("y")
        await begun(hand, "d")
        hand.send("V", "m")
        await hand.until(lambda: "that goes first" in hand.screen.footer.message or not hand.screen.long_work.busy)
        await hand.settled()
        assert len(copied) == 2


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
