"""While everything is loaded, nothing is drawn that a key would have to wait for."""

from collections.abc import Callable
from typing import Any

import pytest

from auditlog_tui import runtime
from auditlog_tui.log.pace import Pace
from auditlog_tui.ui.table.table import EntryTable
from tests.app.helpers import Hand, running


def refreshes(hand: Hand, do: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> int:
    """How often the table is drawn by this."""
    count = 0

    def counted(table: EntryTable, *regions: Any, **options: Any) -> EntryTable:
        nonlocal count
        count += 1
        return table

    with monkeypatch.context() as patched:
        patched.setattr(EntryTable, "refresh", counted)
        do()
    return count


async def test_a_spinner_that_no_line_of_the_table_shows_does_not_draw_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as hand:
        hand.wire.hold()
        hand.send("A")
        await hand.until(lambda: hand.screen.loader.busy)
        runtime._Pause.until = 0.0
        assert hand.table.top + hand.table.body < len(hand.screen.view)
        assert refreshes(hand, hand.screen.status._turn, monkeypatch) == 0
        before = hand.header
        hand.screen.status._turn()
        await hand.until(lambda: hand.header != before)  # it turns there
        hand.table.move_to(len(hand.screen.view) - 1)
        assert refreshes(hand, hand.screen.status._turn, monkeypatch) == 1
        hand.wire.release()
        await hand.settled()


async def test_a_spinner_waits_for_what_was_typed() -> None:
    async with running() as hand:
        hand.wire.hold()
        hand.send("A")
        await hand.until(lambda: hand.screen.loader.busy)
        status = hand.screen.status
        runtime.input_arrived()
        before = status._frame
        status._turn()
        assert status._frame == before
        runtime._Pause.until = 0.0
        status._turn()
        assert status._frame == before + 1
        hand.wire.release()
        await hand.settled()


async def test_a_key_leaves_the_pace_where_it_is() -> None:
    """Clearing it would draw the line at each key, and again at the next turn."""
    async with running() as hand:
        hand.wire.hold()
        hand.send("A")
        await hand.until(lambda: hand.screen.loader.busy)
        view, status = hand.screen.view, hand.screen.status
        view.pace = Pace(lambda: 8)
        status._say_progress()
        assert "8 requests at once" in hand.screen.footer.message
        status.note_key()
        assert "8 requests at once" in hand.screen.footer.message
        view.pace = None
        status.note_key()
        assert not hand.screen.footer.message
        hand.wire.release()
        await hand.settled()


async def test_a_tick_waits_for_what_was_typed_and_comes_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as hand:
        collected = 0

        def collect(**_: Any) -> None:
            nonlocal collected
            collected += 1

        monkeypatch.setattr(runtime, "collect_garbage", collect)
        runtime.input_arrived()
        hand.screen._tick()
        assert collected == 0
        runtime.input_arrived()
        await hand.until(lambda: collected > 0)
