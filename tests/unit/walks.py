"""Feeds over a `FakeApi`, and paging through them."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC
from typing import Any

from auditlog_tui.entries.models import Page
from auditlog_tui.errors import ApiError
from auditlog_tui.log.feed import Anchor, At, Feed
from auditlog_tui.log.server_support import ServerSupport
from auditlog_tui.log.sort_order import SortValues, in_order
from auditlog_tui.query import freeze, parse, plan
from auditlog_tui.store.entries import EntryStore, Row
from tests.unit.fake import START_US, FakeApi, Json, log_of

BOUNDS = frozenset({"created_at_min", "created_at_max"})


def feed_of(api: FakeApi, text: str = "", anchor: Anchor | At = Anchor.NEWEST, ignored: Iterable[str] = ()) -> Feed:
    return Feed(api, EntryStore(), plan(freeze(parse(text), START_US, UTC), frozenset(ignored)), anchor)


def rows_of(feed: Feed) -> list[Row]:
    return feed._store.window(feed.run, 0, len(feed.run))


def keys_of(feed: Feed) -> list[str]:
    return [row.key for row in rows_of(feed)]


def newest_first(count: int) -> list[str]:
    return [f"id-{number}" for number in reversed(range(count))]


async def walk(feed: Feed, steps: int = 300) -> list[str]:
    """Fetch at both ends in turn until both are reached; returns the reasons for interruptions."""
    interruptions: list[str] = []
    for step in range(steps):
        if feed.complete:
            return interruptions
        before = feed.requests
        with suppress(ApiError):
            await (feed.older() if step % 2 else feed.newer())
        if feed.broken and feed.requests > before:
            interruptions.append(feed.broken)
    raise AssertionError("paging never ends")


async def verified(feed: Feed) -> Feed:
    server_support = ServerSupport()
    server_support.honoured |= feed.plan.params.keys()
    for _ in range(20):
        try:
            await feed.verify(server_support)
        except ApiError:
            continue
        return feed
    raise AssertionError("verifying never succeeds")


async def survived(
    trouble: Mapping[int, str], anchor: Anchor = Anchor.NEWEST, **more: Any
) -> tuple[FakeApi, Feed, list[str]]:
    """Page through 60 entries, ten a page, and check that none is lost and all are in order.

    Returns the API, the feed, and the reasons for interruptions.
    """
    api = FakeApi(log_of(60), trouble=trouble, page_size=10, **more)
    feed = feed_of(api, anchor=anchor)
    interruptions = await walk(feed)
    late = {data["id"] for data in api.arrived}
    assert [key for key in keys_of(feed) if key not in late] == newest_first(60)
    assert in_order([SortValues(row.created_us, row.status_code) for row in rows_of(feed)], "created_at:desc")
    return api, await verified(feed), interruptions


class Held(FakeApi):
    """Waits with each response until `answer` is set."""

    def __init__(self, entries: Iterable[Json], **more: Any) -> None:
        super().__init__(entries, **more)
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        page = await super().list(params, limit=limit, cursor=cursor)
        self.asked.set()
        await self.answer.wait()
        return page
