"""While everything is loaded, nothing is drawn that a key would have to wait for."""

from collections.abc import Callable
from typing import Any

import pytest

from auditlog_tui import runtime
from auditlog_tui.analysis.novelty import Novelty
from auditlog_tui.log.pace import Pace
from auditlog_tui.ui.browse import novelty as novelties
from auditlog_tui.ui.table.table import EntryTable
from tests.app.helpers import Hand, running
from tests.app.wire import Json, log_of
from tests.effort import HANGS_S


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


def rows_read(hand: Hand) -> int:
    """Of how many rows it is known how they are new for their actor."""
    novelty = hand.screen.novelty._novelty
    return novelty.read if novelty is not None else 0


def novel(hand: Hand) -> list[tuple[int, str]]:
    return [(n, sign) for n in range(1, len(hand.screen.view) + 1) if (sign := hand.screen.novelty.of(n))]


async def load_some(hand: Hand) -> None:
    """Begin to load everything; requests wait once two pages have come."""
    rows, requests = len(hand.screen.view), len(hand.wire.requests)

    def edit(number: int, body: Json) -> Json:
        if number == requests + 2:
            hand.wire.hold()
        return body

    hand.wire.edit = edit
    hand.send("A")
    await hand.until(lambda: len(hand.screen.view) > rows + 100 and hand.screen.loader._redraw is None)


async def test_what_is_new_is_read_once_everything_is_loaded() -> None:
    async with running(log_of(900)) as hand:
        read = rows_read(hand)
        assert read == len(hand.screen.view)
        assert novel(hand)
        await load_some(hand)
        assert hand.screen.loader.loads_all
        assert rows_read(hand) == read
        assert not novel(hand)  # an older entry may take it away
        hand.wire.release()
        await hand.settled()
        assert rows_read(hand) == len(hand.screen.view) == 900
        view = hand.screen.view
        whole = Novelty(view.log.store, view.matched)
        await whole.catch_up()
        assert [n for n, _ in novel(hand)] == [n for n in range(1, 901) if n in whole]


async def test_what_is_new_is_read_when_no_row_has_come_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(novelties, "QUIET_S", 0.05)
    async with running(log_of(900)) as hand:
        await load_some(hand)
        await hand.until(lambda: rows_read(hand) == len(hand.screen.view))
        assert hand.screen.loader.loads_all
        hand.wire.release()
        await hand.settled()
        assert rows_read(hand) == 900


async def test_the_next_new_entry_is_looked_for_in_all_that_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(novelties, "QUIET_S", 10 * HANGS_S)
    async with running(log_of(900)) as hand:
        await load_some(hand)
        hand.send("x")
        await hand.until(lambda: rows_read(hand) == len(hand.screen.view))
        assert hand.screen.loader.loads_all
        hand.wire.release()
        await hand.settled()


async def test_what_is_new_is_read_after_loading_was_stopped() -> None:
    async with running(log_of(900)) as hand:
        await load_some(hand)
        hand.send("escape")
        await hand.until(lambda: rows_read(hand) == len(hand.screen.view))
        hand.wire.release()
        await hand.settled()
