"""Views that are followed while their log grows."""

from typing import Any

import pytest

from auditlog_tui.models import rfc3339
from auditlog_tui.tail import Tail
from auditlog_tui.view import View
from tests.unit.fake import EVERY_FILTER, START_US, FakeApi, Json, entry
from tests.unit.views import ALL, ignore, view_of

GENERATIONS = pytest.mark.parametrize("ignores", [(), EVERY_FILTER], ids=["generation-2", "generation-1"])


async def following(api: FakeApi, text: str = "", rows: int = ALL) -> Tail:
    """A view as it is followed: loaded, with the server proven."""
    view = view_of(api, text)
    await view.more(rows, ignore, everything=True)
    if await view.prove():
        await view.more(rows, ignore, everything=True)
    return Tail(view)


def write(api: FakeApi, *entries: Json) -> None:
    api.entries += entries


def at(number: int, us: int, **fields: Any) -> Json:
    return entry(number, created_at=rfc3339(START_US + us), **fields)


def in_time_order(view: View) -> bool:
    times = [row.created_us for row in view.window(0, len(view)) if row.created_us is not None]
    return times == sorted(times, reverse=True)
