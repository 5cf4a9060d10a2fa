"""Waits for the answer to an early request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime

from auditlog_tui.api.early import EarlyAnswer, EarlyRequest
from auditlog_tui.api.http import Answer, joined, read_body, read_error_body

UNSENT = 3.0
"""Seconds to wait for an early request that has no connection yet; the usual way may find a better one."""


async def answer_to(early: EarlyRequest) -> tuple[Answer, datetime] | None:
    """The early answer, for which it waits, and when (UTC) its headers came; `None` if there is none.

    The early request is forgotten afterwards. Raises `NotTheApiError`.
    """
    try:
        found = await _awaited(early)
    finally:
        early.abandon()
    if found is None:
        return None
    headers = joined((name.encode("latin-1"), value.encode("latin-1")) for name, value in found.headers)
    read = read_body if found.status == 200 else read_error_body
    body = await read(_each(found.body), headers.get("content-encoding", ""))
    return Answer(found.status, headers, body), found.received_at


async def _each(parts: tuple[bytes, ...]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def _awaited(early: EarlyRequest) -> EarlyAnswer | None:
    loop, told = asyncio.get_running_loop(), asyncio.Event()

    def tell() -> None:
        loop.call_soon_threadsafe(told.set)

    early.listen(tell)
    with suppress(TimeoutError):
        async with asyncio.timeout(UNSENT):
            while not (early.sent or early.done):
                await told.wait()
                told.clear()
    while early.sent and not early.done:
        await told.wait()
        told.clear()
    return early.answer
