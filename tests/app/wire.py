"""A fake transport: it answers from a log, keeps the requests, and fails on request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Any, Protocol
from urllib.parse import unquote

import httpx

from auditlog_tui.demo import demo_log
from auditlog_tui.entries.contract import LIST_PATH
from auditlog_tui.offline.sqlite_source import SqliteSource
from auditlog_tui.offline.transport import Answer, Endpoints
from tests.opened import lasting

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
NOW_US = int(NOW.timestamp() * 1_000_000)
ENTRIES = 730
"""The size of the log in most tests: seven full pages and a partial one."""

Json = dict[str, Any]
Fault = Exception | Callable[[httpx.Request], httpx.Response]


@lru_cache(maxsize=8)
def source_of(entries: int = ENTRIES) -> SqliteSource:
    """The demo's log up to `NOW`. It is shared, so add nothing to it."""
    with lasting():
        return demo_log(entries=entries, until=NOW)


def log_of(entries: int = ENTRIES, generation: int = 2) -> Endpoints:
    """The API over the demo's log up to `NOW`."""
    return Endpoints(source_of(entries), generation=generation)


def made(number: int, **fields: Any) -> Json:
    """Entry `number` of a generated log; higher numbers are older, by a second each."""
    created = datetime.fromtimestamp(NOW.timestamp() - number, UTC)
    return {
        "id": f"id-{number:05}",
        "action": "vm.created",
        "actor": {"id": "actor-1", "name": "Alice", "type": "user"},
        "client_ip": "203.0.113.7",
        "created_at": created.isoformat().replace("+00:00", "Z"),
        "method": "POST",
        "path": "/v1/vms",
        "status_code": 200,
        "user_agent": "curl",
        "target": {"id": "vm-1", "type": "vm"},
        **fields,
    }


class Answers(Protocol):
    """The interface of what answers requests."""

    def answer(self, method: str, target: str, headers: Any) -> Answer:
        """Answer one request."""


class JsonLog:
    """A server of generation 1 (no filters) that sends any given entries, newest first."""

    def __init__(self, entries: Iterable[Json]) -> None:
        self.entries = list(entries)

    def answer(self, method: str, target: str, headers: Any) -> Answer:
        path, _, query = target.partition("?")
        if path == LIST_PATH:
            return self._reply(200, self._page(httpx.QueryParams(query)))
        wanted = unquote(path.removeprefix(f"{LIST_PATH}/"))
        found = [entry for entry in self.entries if entry.get("id") == wanted]
        return self._reply(200, found[0]) if found else self._reply(404, {"message": "there is no such entry"})

    def _page(self, params: httpx.QueryParams) -> Json:
        begin, limit = int(params.get("cursor", "0")), int(params["limit"])
        following = str(begin + limit) if begin + limit < len(self.entries) else None
        counts = {"next_cursor": following, "previous_cursor": None, "total_count": len(self.entries)}
        return {"items": self.entries[begin : begin + limit], "pagination": counts}

    def _reply(self, status: int, body: Json) -> Answer:
        return Answer(status, {"Content-Type": "application/json"}, json.dumps(body).encode())


class WithoutIds(JsonLog):
    """A server that lists its entries, and finds none by its ID."""

    def answer(self, method: str, target: str, headers: Any) -> Answer:
        by_id = target.partition("?")[0] != LIST_PATH
        return Answer(404, {}, b"") if by_id else super().answer(method, target, headers)


class Wire(httpx.AsyncBaseTransport):
    """A transport that answers from a log at `NOW` and keeps every request; it fails or waits on request.

    `edit` changes the JSON of a successful answer; it gets the request's number (from 1) and the JSON.
    """

    def __init__(self, log: Answers) -> None:
        self.log = log
        self.requests: list[httpx.Request] = []
        self.edit: Callable[[int, Json], Json] | None = None
        self._fault: Fault | None = None
        self._times = 0
        self._open = asyncio.Event()
        self._open.set()

    def fail(self, fault: Fault, times: int = 1 << 30) -> None:
        """Answer the next `times` requests with a fault; 0 ends the fault."""
        self._fault, self._times = fault, times

    def hold(self) -> None:
        """Let requests wait until `release`."""
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        number = len(self.requests)
        await self._open.wait()
        if self._times > 0 and self._fault is not None:
            self._times -= 1
            if isinstance(self._fault, Exception):
                raise self._fault
            return self._fault(request)
        answer = self.log.answer(request.method, request.url.raw_path.decode("ascii"), request.headers)
        body = answer.body
        if answer.status == 200 and self.edit is not None:
            body = json.dumps(self.edit(number, json.loads(body))).encode()
        headers = answer.headers | {"Date": format_datetime(NOW, usegmt=True)}
        return httpx.Response(answer.status, headers=headers, content=body)

    @property
    def pages(self) -> list[dict[str, str]]:
        """The parameters of every request for a page of entries, without the small ones that probe the server's
        support.
        """
        params = [dict(request.url.params) for request in self.requests if request.url.path == LIST_PATH]
        return [{k: v for k, v in each.items() if k != "limit"} for each in params if each["limit"] == "100"]

    @property
    def gets(self) -> list[str]:
        """The id of every entry that was requested in full."""
        paths = [unquote(request.url.raw_path.decode()) for request in self.requests]
        return [path.removeprefix(f"{LIST_PATH}/") for path in paths if path.startswith(f"{LIST_PATH}/")]


def answers(status: int, body: bytes | Json = b"", **headers: str) -> Fault:
    """A fault that is this response. In a header's name `_` stands for `-`."""
    content = json.dumps(body).encode() if isinstance(body, dict) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    kind = {"Content-Type": "application/json"} if isinstance(body, dict) else {}
    return lambda request: httpx.Response(status, headers=kind | named, content=content)


UNREACHABLE = httpx.ConnectError("no route to host")
