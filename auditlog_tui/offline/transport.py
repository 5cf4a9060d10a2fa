"""The API's two endpoints, answered from a source in this process.

They keep the contract in full, so that whatever works against them works against the real API.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import format_datetime
from urllib.parse import unquote

import httpx

from auditlog_tui.entries.contract import LIST_PATH
from auditlog_tui.errors import ApiError, NotFoundError
from auditlog_tui.offline.requests import Cursor, ListRequest, read_request, reverse
from auditlog_tui.offline.source import Source

_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 405: {"Allow": "GET"}}


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes


class Endpoints:
    """The two endpoints over one source, which whoever opened it closes.

    Generation 1 of the API knows the parameters `cursor` and `limit` only. With an `api_key`, requests must carry
    it.
    """

    def __init__(self, source: Source, *, generation: int = 2, api_key: str | None = None) -> None:
        self.source = source
        self._generation = generation
        self._api_key = api_key

    def answer(self, method: str, target: str, headers: Mapping[str, str]) -> Answer:
        """The response to one request; `target` is the URL's path and query string."""
        try:
            return self._reply(200, self._read(method, target, headers))
        except ApiError as error:
            return self._reply(error.status or 400, json.dumps({"message": str(error)}, separators=(",", ":")))

    def _read(self, method: str, target: str, headers: Mapping[str, str]) -> str:
        self._authenticate(headers)
        path, _, query = target.partition("?")
        if path != LIST_PATH and not path.startswith(f"{LIST_PATH}/"):
            raise NotFoundError("there is no such endpoint", status=404)
        if method != "GET":
            raise ApiError("only GET is allowed here", status=405)
        if path == LIST_PATH:
            return self._page(read_request(query, self._generation))
        entry = self.source.get(unquote(path[len(LIST_PATH) + 1 :]))
        if entry is None:
            raise NotFoundError("there is no such audit log entry", status=404)
        return entry

    def _authenticate(self, headers: Mapping[str, str]) -> None:
        if self._api_key is None:
            return
        given = next((value for name, value in headers.items() if name.lower() == "authorization"), "")
        scheme, _, key = given.partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(key.encode(), self._api_key.encode()):
            raise ApiError("the API key is missing or wrong", status=401)

    def _page(self, request: ListRequest) -> str:
        cursor = request.cursor
        back = cursor is not None and cursor.back
        order = reverse(request.order) if back else request.order
        # One entry more than the page holds tells whether there is another page.
        found = self.source.find(request.filter, order, cursor.place if cursor else None, request.limit + 1)
        more = len(found.entries) > request.limit
        entries = found.entries[: request.limit]
        if back:
            entries = entries[::-1]
        has_next = bool(entries) and (back or more)
        has_previous = bool(entries) and (more if back else cursor is not None)
        pagination = {
            "next_cursor": request.encode(Cursor(entries[-1].place)) if has_next else None,
            "previous_cursor": request.encode(Cursor(entries[0].place, back=True)) if has_previous else None,
            "total_count": found.total,
        }
        items = ",".join([entry.text for entry in entries])
        return f'{{"items":[{items}],"pagination":{json.dumps(pagination, separators=(",", ":"))}}}'

    def _reply(self, status: int, body: str) -> Answer:
        headers = {"Content-Type": "application/json", **_HEADERS.get(status, {})}
        if (now := self.source.now()) is not None:
            headers["Date"] = format_datetime(now.astimezone(UTC), usegmt=True)
        return Answer(status, headers, body.encode("utf-8", "surrogateescape"))


class OfflineTransport(httpx.AsyncBaseTransport):
    """Answers an httpx client from a source, `latency_ms` milliseconds after each request, after calling `answered`.

    Closing it, as a client does with its transport, closes the source. With `in_threads`, the source is asked in
    other threads, so that nothing waits for it where it may take long.
    """

    def __init__(
        self,
        source: Source,
        latency_ms: float = 0,
        *,
        generation: int = 2,
        in_threads: bool = False,
        answered: Callable[[], None] = lambda: None,
    ) -> None:
        self._endpoints = Endpoints(source, generation=generation)
        self._latency_ms = latency_ms
        self._in_threads = in_threads
        self._answered = answered

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._latency_ms:
            await asyncio.sleep(self._latency_ms / 1000)
        question = request.method, request.url.raw_path.decode("ascii"), request.headers
        if self._in_threads:
            answer = await asyncio.to_thread(self._endpoints.answer, *question)
        else:
            answer = self._endpoints.answer(*question)
        self._answered()
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body)

    async def aclose(self) -> None:
        self._endpoints.source.close()
