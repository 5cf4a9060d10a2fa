"""Live tails of a growing `FakeApi`."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auditlog_tui.log.live import LiveTail, News
from auditlog_tui.log.view import View
from auditlog_tui.text.times import rfc3339
from tests.unit.fake import EVERY_FILTER, START_US, FakeApi, Json, entry
from tests.unit.views import ALL, ignore, view_of

NOON_US = 12 * 3_600_000_000

GENERATIONS = pytest.mark.parametrize("ignores", [(), EVERY_FILTER], ids=["generation-2", "generation-1"])


async def following(
    api: FakeApi, text: str = "", rows: int = ALL, changed: Callable[[View], None] = lambda view: None
) -> LiveTail:
    """The tail of a loaded view, with the server's support tested, half a day after the log began."""
    set_clock(api, START_US + NOON_US)
    view = view_of(api, text)
    await view.more(rows, ignore, everything=True)
    if await view.prove():
        await view.more(rows, ignore, everything=True)
    return LiveTail(view, lambda: changed(view))


def set_clock(api: FakeApi, us: int) -> None:
    """Set the server's clock."""
    api.clock = datetime.fromtimestamp(us / 1_000_000, UTC) - timedelta(seconds=len(api.calls))
    api.clock_offset_us = us - time.time_ns() // 1000


async def polled(tail: LiveTail) -> News:
    """One round of following: a poll, then a search for what is missing."""
    return await tail.poll() + await tail.mend()


def write(api: FakeApi, *entries: Json) -> None:
    api.entries += entries


def at(number: int, us: int, **fields: Any) -> Json:
    return entry(number, created_at=rfc3339(START_US + us), **fields)


def in_time_order(view: View) -> bool:
    times = [row.created_us for row in view.window(0, len(view)) if row.created_us is not None]
    return times == sorted(times, reverse=True)
