"""An httpx transport that gives an early request's answer to the client's first request, if both are the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx

from auditlog_tui.api.early import PORTS, Answer, EarlyRequest, Request

RECEIVED_AT = "auditlog_tui.received_at"
"""The extension of a response that was received before it was asked for: when (UTC) its headers came."""

UNSENT = 3.0
"""Seconds to wait for an early request that has no connection yet; the usual way may find a better one."""


class HandoverTransport(httpx.AsyncBaseTransport):
    """Sends all but the first request with `transport`, and that too unless the early request has an answer to it."""

    def __init__(self, early: EarlyRequest, transport: httpx.AsyncBaseTransport) -> None:
        self._early: EarlyRequest | None = early
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        early, self._early = self._early, None
        if early is not None:
            try:
                answer = await _answer_to(request, early)
            finally:
                early.abandon()
            if answer is not None:
                return _response(answer)
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections, that of the early request too."""
        if self._early is not None:
            self._early.abandon()
        await self._transport.aclose()


def _response(answer: Answer) -> httpx.Response:
    return httpx.Response(
        answer.status,
        headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers],
        stream=_Parts(answer.body),
        extensions={RECEIVED_AT: answer.received_at},
    )


class _Parts(httpx.AsyncByteStream):
    def __init__(self, parts: tuple[bytes, ...]) -> None:
        self._parts = parts

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            yield part


async def _answer_to(request: httpx.Request, early: EarlyRequest) -> Answer | None:
    """The early answer, for which it waits; `None` if there is none to this request."""
    if early.request is None or not _same(request, early.request):
        return None
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


def _same(request: httpx.Request, early: Request) -> bool:
    """Whether both have the same bytes on the wire, to the same server."""
    url = request.url
    sent = sorted((name.lower().encode(), value.encode()) for name, value in early.headers)
    asked = sorted((name.lower(), value) for name, value in request.headers.raw)
    return (
        request.method == "GET"
        and (url.scheme, url.host, url.port or PORTS[early.scheme]) == (early.scheme, early.host, early.port)
        and url.raw_path == early.path.encode()
        and asked == sent
    )
