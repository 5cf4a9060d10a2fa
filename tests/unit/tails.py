"""Views that are followed while their log grows."""

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
    """A view as it is followed: loaded, with the server proven, half a day after its log began."""
    set_clock(api, START_US + NOON_US)
    view = view_of(api, text)
    await view.more(rows, ignore, everything=True)
    if await view.prove():
        await view.more(rows, ignore, everything=True)
    return LiveTail(view, lambda: changed(view))


def set_clock(api: FakeApi, us: int) -> None:
    """Let it be this instant at the server."""
    api.clock = datetime.fromtimestamp(us / 1_000_000, UTC) - timedelta(seconds=len(api.calls))
    api.clock_offset_us = us - time.time_ns() // 1000


async def polled(tail: LiveTail) -> News:
    """What one round brings: a poll, and what is missing then."""
    return await tail.poll() + await tail.mend()


def write(api: FakeApi, *entries: Json) -> None:
    api.entries += entries


def at(number: int, us: int, **fields: Any) -> Json:
    return entry(number, created_at=rfc3339(START_US + us), **fields)


def in_time_order(view: View) -> bool:
    times = [row.created_us for row in view.window(0, len(view)) if row.created_us is not None]
    return times == sorted(times, reverse=True)
