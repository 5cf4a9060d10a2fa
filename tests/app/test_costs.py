"""What a key costs must not depend on how many entries there are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from tests.app.helpers import Hand, frames, running
from tests.app.wire import NOW_US, JsonLog, made
from tests.effort import THOROUGH

SMALL, LARGE = 1_024, 1_000_000 if THOROUGH else 128_000
"""Whole blocks of rows, so that their ends cost the same. A million takes seconds to write, and counts the same."""

_ENTRIES = """
WITH RECURSIVE number(n) AS (SELECT ? UNION ALL SELECT n + 1 FROM number WHERE n < ?)
INSERT INTO entry
SELECT n, 'key-' || n, 0, n, ? - n * 1000000, '2026-07-01T00:00:00Z', 'vm.created', 'actor-1', 'Alice', 'user',
    '203.0.113.7', 'POST', '/v1/vms', 200, 'curl', 'vm-1', 'vm', '', 0, NULL
FROM number
"""
_PLACES = "INSERT INTO place SELECT ?, n - 1, n, n FROM entry WHERE n > ?"


def fill(hand: Hand, total: int) -> None:
    """Make the run on the screen `total` entries long, as if they had been fetched."""
    run, db = hand.screen.view.run, hand.navigator.log.store.connection
    there = len(run)
    db.execute(_ENTRIES, [there + 1, total, NOW_US])
    db.execute(_PLACES, [run.number, there])
    run.after = total
    hand.screen.rows_changed()


@asynccontextmanager
async def loaded(total: int) -> AsyncIterator[Hand]:
    async with running(JsonLog([made(n) for n in range(10)])) as hand:
        fill(hand, total)
        await hand.settled()
        yield hand


@contextmanager
def counted(hand: Hand) -> Iterator[Callable[[], tuple[int, int]]]:
    """Count SQL statements and formatted rows from here on."""
    statements: list[str] = []
    formatted = hand.table.canvas.formatted
    db = hand.navigator.log.store.connection
    db.set_trace_callback(statements.append)
    yield lambda: (len(statements), hand.table.canvas.formatted - formatted)
    db.set_trace_callback(None)


async def costs(total: int) -> dict[str, tuple[int, int]]:
    """What each key costs, pressed at the same place of a log of this many entries."""
    found: dict[str, tuple[int, int]] = {}
    async with loaded(total) as hand:
        walk = [
            ("down", 3), ("pagedown", 3), ("up", 2), ("pageup", 2), ("space", 1), ("ctrl+d", 2), ("ctrl+u", 2),
            ("l", 3), ("h", 2), ("end", 1), ("up", 3), ("pageup", 3), ("pagedown", 1),
            ("home", 1), ("G", 1), ("g", 1),
        ]  # fmt: skip
        for step, (key, times) in enumerate(walk):
            with counted(hand) as cost:
                await hand.press(*[key] * times)
                found[f"{step} {key} x{times}"] = cost()
        assert hand.table.cursor == 0
        assert len(hand.table.view or ()) == total
    return found


@pytest.fixture(autouse=True)
def _all_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "all", True)


@pytest.fixture(scope="module")
def small_and_large() -> tuple[dict[str, tuple[int, int]], dict[str, tuple[int, int]]]:
    import asyncio

    return asyncio.run(costs(SMALL)), asyncio.run(costs(LARGE))


def test_a_key_costs_the_same_among_very_many_entries_as_among_a_thousand(
    small_and_large: tuple[dict[str, tuple[int, int]], dict[str, tuple[int, int]]],
) -> None:
    small, large = small_and_large
    assert large == small


def test_a_key_costs_few_statements_and_no_more_than_a_screen_of_rows(
    small_and_large: tuple[dict[str, tuple[int, int]], dict[str, tuple[int, int]]],
) -> None:
    for step, (statements, formatted) in small_and_large[1].items():
        times = int(step.rpartition("x")[2])
        assert statements <= 2 * times, step
        assert formatted <= 36 * times, step


def test_down_within_the_screen_reads_nothing_and_formats_at_most_two_rows(
    small_and_large: tuple[dict[str, tuple[int, int]], dict[str, tuple[int, int]]],
) -> None:
    statements, formatted = small_and_large[1]["0 down x3"]
    assert statements == 0
    assert formatted <= 6


async def test_rows_that_came_page_by_page_cost_no_more() -> None:
    async with running() as hand:
        for _ in range(3):
            await hand.press("pagedown")
        assert 100 < len(hand.table.view or ()) < 730
        with counted(hand) as cost:
            await hand.press("up", "up", "up", "down")
            assert cost()[0] == 0
