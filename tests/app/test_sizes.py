"""The terminal's size, and timers, on a busy machine."""

from __future__ import annotations

import itertools

import pytest
from textual import _time

from auditlog_tui.ui.patches.timers import certain
from tests.app.helpers import running

LATE_S = 0.009
"""Longer than the app waits for further changes of the size, which takes a 120th of a second."""


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks at Textual's clock has to wait for the processor first."""
    looks = itertools.count(1)
    look = _time.get_time
    monkeypatch.setattr(_time, "get_time", lambda: look() + next(looks) * LATE_S)


async def test_a_change_of_size_is_followed_however_busy_the_machine_is(busy: None) -> None:
    async with running(size=(80, 24)) as hand:
        await hand.pilot.resize_terminal(120, 36)
        await hand.until(lambda: hand.screen.size == (120, 36))
        await hand.settled()
        assert len(hand.lines) == 36


async def test_a_timer_calls_however_late_it_starts(busy: None) -> None:
    async with running() as hand:
        called: list[str] = []
        certain(hand.screen.set_timer(0.001, lambda: called.append("called")))
        await hand.until(lambda: bool(called))
