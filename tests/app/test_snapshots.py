"""Pictures of the screens. After a change that is meant: `pytest tests/app/test_snapshots.py --snapshot-update`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.strip import Strip

from tests.app.helpers import Hand, app_over, drawn, settled
from tests.app.helpers import TestOpener as Opener
from tests.app.wire import Wire, log_of
from tests.effort import HANGS_S


class SnapCompare(Protocol):
    def __call__(
        self,
        app: App[None],
        *,
        terminal_size: tuple[int, int],
        run_before: Callable[[Pilot[None]], Awaitable[None]],
    ) -> bool: ...


NARROW, WIDE = (80, 24), (120, 36)

PICTURES = {
    "browse": (NARROW, "textual-dark", "", "down"),
    "browse-wide": (WIDE, "textual-dark", "", "pagedown l l"),
    "filter": (WIDE, "textual-dark", "status:>=400 -ua:terraform", "/"),
    "error": (NARROW, "textual-dark", "", "/ s t a t u : 4 0 0 enter"),
    "detail": (WIDE, "textual-dark", "action:api_key.read", "down enter j j"),
    "empty": (NARROW, "textual-dark", "action:no.such.thing", ""),
    "light": (NARROW, "textual-light", "status:>=400", "down"),
    "ansi": (NARROW, "ansi-dark", "status:>=400", "down"),
}
"""What each shows: the window, the theme, the filter at the start, and the keys pressed."""


async def at_rest(pilot: Pilot[None]) -> None:
    """Wait until the screen stays as it is: a scrollbar that goes leaves a cell, and a pane is laid out anew."""
    before: list[Strip] = []
    async with asyncio.timeout(HANGS_S):
        while pilot.app.screen._layout_required or drawn(pilot.app) != before:
            before = drawn(pilot.app)
            await settled(pilot)


@pytest.mark.parametrize("name", PICTURES)
def test_picture(name: str, snap_compare: SnapCompare) -> None:
    size, theme, query, keys = PICTURES[name]
    app = app_over(Opener(Wire(log_of())), query, theme=theme)

    async def before(pilot: Pilot[None]) -> None:
        hand = Hand(pilot, app, Wire(log_of()))
        await settled(pilot)
        await hand.press(*keys.split())
        hand.input.cursor_blink = False
        await at_rest(pilot)

    assert snap_compare(app, terminal_size=size, run_before=before)
