"""The app over a wire that the test holds: pinned clock, counted requests, faults on order, what the screen says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Any, Protocol
from urllib.parse import unquote

import httpx
from textual import events
from textual.app import App
from textual.geometry import Region
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widget import Widget

from auditlog_tui.api import AuditLogClient
from auditlog_tui.browser import Browser
from auditlog_tui.demo import demo_log
from auditlog_tui.local import LIST_PATH, Answer, LocalLog
from auditlog_tui.log import Log
from auditlog_tui.retry import Wait
from auditlog_tui.settings import Settings
from auditlog_tui.store import EntryStore, Row
from auditlog_tui.ui.app import AuditLogApp
from auditlog_tui.ui.screens.browse import BrowseScreen
from auditlog_tui.ui.widgets.detail import DetailPane
from auditlog_tui.ui.widgets.filter_bar import FilterBar, FilterInput
from auditlog_tui.ui.widgets.table import EntryTable

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
NOW_US = int(NOW.timestamp() * 1_000_000)
ENTRIES = 730
"""Of the log most tests read: seven pages and a piece."""

SIZE = 120, 36
PATIENCE_S = 30
"""After so long something that was waited for is not going to come."""

Json = dict[str, Any]
Fault = Exception | Callable[[httpx.Request], httpx.Response]


@lru_cache(maxsize=8)
def log_of(entries: int = ENTRIES, generation: int = 2) -> LocalLog:
    """The demo's log up to `NOW`; shared, so nothing is to be added to it."""
    return demo_log(entries=entries, until=NOW, generation=generation)


# -- the wire ------------------------------------------------------------------------------------------------------


class Answers(Protocol):
    """What answers requests."""

    def answer(self, method: str, target: str, headers: Any) -> Answer:
        """One HTTP response."""


class JsonLog:
    """A server of generation 1 (no filters) that sends these entries, whatever they hold, newest first."""

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


class Wire(httpx.AsyncBaseTransport):
    """Answers from a log at `NOW`, keeps every request, and fails or waits as told.

    `edit` changes what a good answer says; it gets the request's number (from 1) and the JSON.
    """

    def __init__(self, log: Answers) -> None:
        self.log = log
        self.requests: list[httpx.Request] = []
        self.edit: Callable[[int, Json], Json] = lambda number, body: body
        self._fault: Fault | None = None
        self._times = 0
        self._open = asyncio.Event()
        self._open.set()

    def fail(self, fault: Fault, times: int = 1 << 30) -> None:
        """Answer the next `times` requests with a fault; 0 ends that."""
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
        if answer.status == 200:
            body = json.dumps(self.edit(number, json.loads(body))).encode()
        headers = answer.headers | {"Date": format_datetime(NOW, usegmt=True)}
        return httpx.Response(answer.status, headers=headers, content=body)

    @property
    def pages(self) -> list[dict[str, str]]:
        """The parameters of every request for a page of entries (the small ones that prove obedience left out)."""
        params = [dict(request.url.params) for request in self.requests if request.url.path == LIST_PATH]
        return [{k: v for k, v in each.items() if k != "limit"} for each in params if each["limit"] == "100"]

    @property
    def gets(self) -> list[str]:
        """The id of every entry that was asked for in full."""
        paths = [unquote(request.url.raw_path.decode()) for request in self.requests]
        return [path.removeprefix(f"{LIST_PATH}/") for path in paths if path.startswith(f"{LIST_PATH}/")]


def answers(status: int, body: bytes | Json = b"", **headers: str) -> Fault:
    """A fault: this answer. A header's `_` stands for `-`."""
    content = json.dumps(body).encode() if isinstance(body, dict) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    kind = {"Content-Type": "application/json"} if isinstance(body, dict) else {}
    return lambda request: httpx.Response(status, headers=kind | named, content=content)


UNREACHABLE = httpx.ConnectError("no route to host")


# -- the opener ----------------------------------------------------------------------------------------------------


class PinnedClient(AuditLogClient):
    """Knows no other clock than ours."""

    @property
    def clock_offset_us(self) -> int | None:
        return None


class PinnedLog(Log):
    """It is always `NOW`."""

    def now_us(self) -> int:
        return NOW_US


async def no_time(seconds: float) -> None:
    """Waits between attempts take none."""
    await asyncio.sleep(0)


class TestOpener:
    """Opens a log over any transport, or at a base URL."""

    __test__ = False

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport | None = None,
        base_url: str = "https://log.example",
        sleep: Callable[[float], Awaitable[None]] = no_time,
    ) -> None:
        self.transport = transport
        self.base_url = base_url
        self.sleep = sleep
        self.client: AuditLogClient | None = None
        self.store: EntryStore | None = None

    def prepare(self) -> None:
        self.client = PinnedClient(
            base_url=self.base_url, key="a-key", transport=self.transport, sleep=self.sleep, chance=lambda: 0.0
        )

    def open(self, on_wait: Callable[[Wait | None], None]) -> Browser:
        assert self.client is not None
        self.client.on_wait = on_wait
        self.store = EntryStore()
        return Browser(PinnedLog(self.client, self.store), UTC)

    async def close(self) -> None:
        if self.client is not None:
            await self.client.aclose()
        if self.store is not None:
            self.store.close()


# -- waiting -------------------------------------------------------------------------------------------------------


async def settled(pilot: Pilot[Any]) -> None:
    """Wait until no message waits to be handled and no worker works."""
    async with asyncio.timeout(PATIENCE_S):
        quiet = 0
        while quiet < 3 and _alive(pilot.app):
            await pilot.pause(0)
            if not _alive(pilot.app):
                return
            working = [worker for worker in pilot.app.workers if not worker.is_finished]
            quiet = 0 if working or _unread(pilot.app) else quiet + 1
            await asyncio.gather(*(worker.wait() for worker in working), return_exceptions=True)


async def until(pilot: Pilot[Any], condition: Callable[[], bool]) -> None:
    """Wait until something holds, while workers may go on working."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await pilot.pause(0)
            await asyncio.sleep(0.001)


def _alive(app: App[Any]) -> bool:
    return app.is_running and not app._exit and app._exception is None


def _unread(app: App[Any]) -> bool:
    pumps = [app, *app.screen.walk_children(with_self=True)]
    return any(pump.message_queue_size for pump in pumps)


# -- what is drawn -------------------------------------------------------------------------------------------------


def drawn(app: App[Any]) -> list[Strip]:
    """The whole screen, line by line."""
    return app.screen._compositor.render_strips()


def table_lines(table: EntryTable) -> list[str]:
    """What the table draws, its header line first."""
    return texts(table.render_lines(Region(0, 0, *table.size)))


def texts(strips: Sequence[Strip]) -> list[str]:
    return [strip.text for strip in strips]


def key_event(key: str) -> events.Key:
    """What a terminal sends for a key, given as Textual's name of it or as the character."""
    if key == "space":
        return events.Key("space", " ")
    return events.Key(_character_to_key(key), key) if len(key) == 1 else events.Key(key, None)


@dataclass(slots=True)
class Hand:
    """A running app: what a person does to it, and what they see."""

    pilot: Pilot[None]
    app: AuditLogApp
    wire: Wire

    def send(self, *keys: str) -> None:
        """Press keys, and wait for nothing."""
        for key in keys:
            self.app.post_message(key_event(key))

    async def press(self, *keys: str) -> None:
        """Press keys one by one, each when what the one before began is done."""
        for key in keys:
            self.send(key)
            await settled(self.pilot)

    async def write(self, text: str) -> None:
        self.send(*text)
        await settled(self.pilot)

    async def filter(self, text: str) -> None:
        """Replace the filter, all at once."""
        await self.press("/")
        self.input.value = text
        await self.press("enter")

    async def until(self, condition: Callable[[], bool]) -> None:
        await until(self.pilot, condition)

    async def settled(self) -> None:
        await settled(self.pilot)

    @property
    def screen(self) -> BrowseScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, BrowseScreen)
        return screen

    def _one(self, kind: type[Widget]) -> Any:
        return self.screen.query_one(kind)

    @property
    def table(self) -> EntryTable:
        table: EntryTable = self._one(EntryTable)
        return table

    @property
    def bar(self) -> FilterBar:
        bar: FilterBar = self._one(FilterBar)
        return bar

    @property
    def input(self) -> FilterInput:
        typed: FilterInput = self._one(FilterInput)
        return typed

    @property
    def pane(self) -> DetailPane:
        pane: DetailPane = self._one(DetailPane)
        return pane

    @property
    def browser(self) -> Browser:
        assert self.screen.browser is not None
        return self.screen.browser

    @property
    def row(self) -> Row:
        """The entry under the cursor."""
        row = self.table.row
        assert row is not None
        return row

    @property
    def action(self) -> str:
        """What the entry under the cursor did."""
        action = self.row.action
        assert action is not None
        return action

    @property
    def lines(self) -> list[str]:
        """The whole screen."""
        return texts(drawn(self.app))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def header(self) -> str:
        return self.lines[0]

    @property
    def status(self) -> str:
        """The last line: what there is to say, or the keys."""
        return self.lines[-1]

    @property
    def rows(self) -> list[str]:
        """The table's lines below its header."""
        return table_lines(self.table)[1:]

    @property
    def shown(self) -> str:
        return "\n".join(self.rows)


def app_over(opener: TestOpener, query: str = "", *, theme: str = "textual-dark", zone: str = "utc") -> AuditLogApp:
    settings = Settings(base_url=opener.base_url, theme=theme, zone=zone)
    return AuditLogApp(settings, opener, query)


@asynccontextmanager
async def running(
    log: Answers | Wire | None = None,
    query: str = "",
    *,
    size: tuple[int, int] = SIZE,
    sleep: Callable[[float], Awaitable[None]] = no_time,
    settle: bool = True,
) -> AsyncIterator[Hand]:
    """The app over a log (the demo's, if none is given), opened and at rest."""
    wire = log if isinstance(log, Wire) else Wire(log or log_of())
    app = app_over(TestOpener(wire, sleep=sleep), query)
    async with app.run_test(size=size) as pilot:
        hand = Hand(pilot, app, wire)
        if settle:
            await settled(pilot)
        try:
            yield hand
        finally:
            wire.release()


def made(number: int, **fields: Any) -> Json:
    """Entry `number` of a made log: the higher, the older, a second apart."""
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
