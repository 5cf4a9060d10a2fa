"""Places that nobody can go back to leave no rows in the working set."""

from __future__ import annotations

import asyncio
import gc

import pytest

from auditlog_tui.log import log
from auditlog_tui.session import navigator
from auditlog_tui.ui.browse import screen
from tests.app.helpers import Hand, running
from tests.effort import HANGS_S

KEPT = 3


def runs(hand: Hand) -> int:
    """The runs that have rows in the working set."""
    ((count,),) = hand.navigator.log.store.read("SELECT count(DISTINCT run) FROM place", [])
    return int(count)


async def test_the_screen_sweeps_what_old_places_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(navigator, "MOST_PLACES", KEPT)
    monkeypatch.setattr(log, "FEEDS_KEPT", KEPT)
    monkeypatch.setattr(screen, "CLOCK_S", 0.01)
    async with running() as hand:
        for minutes in range(2 * KEPT):
            await hand.filter(f"ua:a created:>=2026-06-30T12:{minutes:02}")
        assert len(hand.navigator.places) == KEPT
        # The feed of the whole log, and for each place the feed and the rows of it that match.
        async with asyncio.timeout(HANGS_S):
            while runs(hand) > 1 + 2 * KEPT:
                gc.collect()  # a run is unused once the cycles of objects that refer to it are collected
                await hand.pilot.pause(0.1)  # lets the app sweep, as its clock tells it to
        assert not hand.navigator.log.store.unused
        assert len(hand.table.view or ()) > 0
