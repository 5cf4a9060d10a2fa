"""The app over a fake transport and a pinned clock: the user's actions, and what the screen shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import httpx
from textual import events
from textual.app import App
from textual.geometry import Region, Size
from textual.keys import _character_to_key
from textual.message_pump import MessagePump
from textual.pilot import Pilot
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from auditlog_tui.analysis.locations import Locations
from auditlog_tui.api.client import AuditLogClient
from auditlog_tui.api.retry import Wait
from auditlog_tui.log.log import PARALLEL, Log
from auditlog_tui.session.navigator import Navigator
from auditlog_tui.settings.options import Settings
from auditlog_tui.store.entries import EntryStore, Row
from auditlog_tui.ui.app import AuditLogApp
from auditlog_tui.ui.browse.screen import BrowseScreen
from auditlog_tui.ui.panes.detail import DetailPane
from auditlog_tui.ui.panes.filter_bar import FilterBar, FilterInput
from auditlog_tui.ui.patches.key_order import TypeAheadApp
from auditlog_tui.ui.table.table import EntryTable
from tests.app.wire import NOW_US, Answers, Wire, log_of
from tests.effort import HANGS_S, THOROUGH

SIZE = 120, 36


# -- the opener ----------------------------------------------------------------------------------------------------


class PinnedClient(AuditLogClient):
    """A client whose clock is pinned."""

    @property
    def clock_offset_us(self) -> int | None:
        return 0


class PinnedLog(Log):
    """A log for which it is always `NOW`."""

    def now_us(self) -> int:
        return NOW_US


async def no_time(seconds: float) -> None:
    """Wait no time between attempts."""
    await asyncio.sleep(0)


class TestOpener:
    """Opens a log over any transport, or at a base URL."""

    __test__ = False

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport | None = None,
        base_url: str = "https://log.example",
        sleep: Callable[[float], Awaitable[None]] = no_time,
        parallel: int = PARALLEL,
        mmdb: Sequence[Path] = (),
    ) -> None:
        self.transport = transport
        self.parallel = parallel
        self.base_url = base_url
        self.sleep = sleep
        self.client: AuditLogClient | None = None
        self.store: EntryStore | None = None
        self.mmdb = tuple(map(str, mmdb))
        self.locations: Locations | None = None
        self.progress = ""

    def stop(self) -> bool:
        return False

    def prepare(self) -> None:
        self.client = PinnedClient(
            base_url=self.base_url, key="a-key", transport=self.transport, sleep=self.sleep, chance=lambda: 0.0
        )

    def open(self, on_wait: Callable[[Wait | None], None]) -> Navigator:
        assert self.client is not None
        self.client.on_wait = on_wait
        self.store = EntryStore()
        return Navigator(PinnedLog(self.client, self.store, self.parallel), UTC)

    def open_locations(self) -> Locations:
        self.locations = Locations(self.mmdb)
        self.locations.open()
        return self.locations

    def take_first_start(self) -> bool:
        return False

    async def close(self) -> None:
        if self.client is not None:
            await self.client.aclose()
        for each in (self.store, self.locations):
            if each is not None:
                each.close()


# -- waiting -------------------------------------------------------------------------------------------------------


async def settled(pilot: Pilot[Any]) -> None:
    """Wait until all messages are handled and no worker is running, and draw what they changed."""
    async with asyncio.timeout(HANGS_S):
        quiet = 0
        while quiet < 3 and _alive(pilot.app):
            with frames.held(quiet == 0 or not frames.are_due(pilot.app.screen)):
                await _turn(pilot.app)
            if not _alive(pilot.app):
                return
            working = [worker for worker in pilot.app.workers if not worker.is_finished]
            quiet = 0 if working or _busy(pilot.app) else quiet + 1
            await asyncio.gather(*(worker.wait() for worker in working), return_exceptions=True)


class Frames:
    """Draws the first frame of a dialog and of each unusual size of the window, those that a test looks at, and its
    last one; if they are `all` drawn, each frame in which what is shown has come to rest.

    Half of a test's time would go into drawing what nobody looks at, and
    more if those frames were drawn that Textual draws in between if the machine is fast enough.
    """

    def __init__(self) -> None:
        self.all = THOROUGH
        self._drawn: tuple[Screen[Any], Size] | None = None
        self._are_held = False
        self._draw = Screen._compositor_refresh

    @contextmanager
    def held(self, are_held: bool = True) -> Iterator[None]:
        """Lay out without drawing, in this block."""
        before, self._are_held = self._are_held, are_held
        try:
            yield
        finally:
            self._are_held = before

    def refresh(self, screen: Screen[Any]) -> None:
        """In place of `Screen._compositor_refresh`."""
        if self._are_held and screen is screen.app.screen:
            screen._dirty_widgets.clear()  # as regions, they are in the compositor's
            screen.app._update_mouse_over(screen)
        else:
            self._drawn = screen, screen.size
            self._draw(screen)

    def are_due(self, screen: Screen[Any]) -> bool:
        is_usual = isinstance(screen, BrowseScreen) and screen.size == SIZE
        return self.all or (self._drawn != (screen, screen.size) and not is_usual)

    def draw_held(self, screen: Screen[Any]) -> None:
        if not self._are_held and screen._compositor._dirty_regions:
            screen._compositor_refresh()


frames = Frames()


async def _turn(app: App[Any]) -> None:
    """Let everything run that can, and draw what it changed."""
    for _ in range(5):
        await asyncio.sleep(0)
    if _alive(app):
        app.screen._on_timer_update()
        frames.draw_held(app.screen)


async def until(pilot: Pilot[Any], condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, while workers may keep running."""
    async with asyncio.timeout(HANGS_S):
        while not condition():
            await pilot.pause(0)  # handles what was sent before: a condition may hold half way through
            await asyncio.sleep(0.001)


def _alive(app: App[Any]) -> bool:
    return app.is_running and not app._exit and app._exception is None


def _unread(app: App[Any]) -> bool:
    return bool(isinstance(app, TypeAheadApp) and app._typed) or any(pump.message_queue_size for pump in _pumps(app))


def _busy(app: App[Any]) -> bool:
    """Whether a message is unread, or the handling of one goes on."""
    typed = isinstance(app, TypeAheadApp) and app._typed
    return bool(typed) or any(pump.message_queue_size or not _waits(pump) for pump in _pumps(app))


def _pumps(app: App[Any]) -> list[MessagePump]:
    return [app, *app.screen.walk_children(with_self=True)]


def _waits(pump: MessagePump) -> bool:
    """Whether a pump waits for its next message."""
    ready: Any = pump._message_queue.ready_event
    return any(not each.done() for each in ready._waiters)


# -- what is drawn -------------------------------------------------------------------------------------------------


def drawn(app: App[Any]) -> list[Strip]:
    """The whole screen as lines."""
    frames.draw_held(app.screen)
    return app.screen._compositor.render_strips()


def table_lines(table: EntryTable) -> list[str]:
    """The table's lines, the header first."""
    return texts(table.render_lines(Region(0, 0, *table.size)))


def texts(strips: Sequence[Strip]) -> list[str]:
    return [strip.text for strip in strips]


def key_event(key: str) -> events.Key:
    """The event of a key, given by Textual's name of it or as a character."""
    if key == "space":
        return events.Key("space", " ")
    return events.Key(_character_to_key(key), key) if len(key) == 1 else events.Key(key, None)


@dataclass(slots=True)
class Hand:
    """A running app: the user's actions, and what the screen shows."""

    pilot: Pilot[None]
    app: AuditLogApp
    wire: Wire

    def send(self, *keys: str) -> None:
        """Press keys without waiting."""
        for key in keys:
            self.app.post_message(key_event(key))

    async def press(self, *keys: str) -> None:
        """Press keys one by one, waiting after each until its work is done."""
        for key in keys:
            self.send(key)
            await settled(self.pilot)

    async def write(self, text: str) -> None:
        self.send(*text)
        await settled(self.pilot)

    async def filter(self, text: str) -> None:
        """Replace the whole filter."""
        await self.press("/")
        self.input.value = text
        await self.press("enter")

    async def to_field(self, name: str) -> None:
        """Go down in the detail pane to a field, by its name."""
        while self.pane.field is None or self.pane.field.name != name:
            before = self.pane.at
            await self.press("j")
            assert self.pane.at != before, f"there is no field {name}"

    async def resize(self, width: int, height: int) -> None:
        await self.pilot.resize_terminal(width, height)
        await self.settled()

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
    def navigator(self) -> Navigator:
        assert self.screen.navigator is not None
        return self.screen.navigator

    @property
    def row(self) -> Row:
        """The entry under the cursor."""
        row = self.table.row
        assert row is not None
        return row

    @property
    def action(self) -> str:
        """The action of the entry under the cursor."""
        action = self.row.action
        assert action is not None
        return action

    @property
    def lines(self) -> list[str]:
        """The whole screen as lines."""
        return texts(drawn(self.app))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def header(self) -> str:
        return self.lines[0]

    @property
    def status(self) -> str:
        """The footer: its message, or the keys; a long text takes two lines."""
        return " ".join(line.strip() for line in self.lines[-self.screen.footer.size.height :])

    @property
    def rows(self) -> list[str]:
        """The table's lines below its header."""
        return table_lines(self.table)[1:]

    @property
    def shown(self) -> str:
        return "\n".join(self.rows)


def app_over(
    opener: TestOpener, query: str = "", *, theme: str = "textual-dark", zone: str = "utc", profile: str = ""
) -> AuditLogApp:
    settings = Settings(base_url=opener.base_url, theme=theme, zone=zone, mmdb=opener.mmdb, profile=profile)
    return AuditLogApp(settings, opener, query)


@asynccontextmanager
async def running(
    log: Answers | Wire | None = None,
    query: str = "",
    *,
    size: tuple[int, int] = SIZE,
    sleep: Callable[[float], Awaitable[None]] = no_time,
    settle: bool = True,
    zone: str = "utc",
    mmdb: Sequence[Path] = (),
    profile: str = "",
) -> AsyncIterator[Hand]:
    """The app over a log (by default the demo's), opened and idle."""
    wire = log if isinstance(log, Wire) else Wire(log or log_of())
    app = app_over(TestOpener(wire, sleep=sleep, mmdb=mmdb), query, zone=zone, profile=profile)
    async with AsyncExitStack() as stack:
        with frames.held(settle):
            pilot = await stack.enter_async_context(app.run_test(size=size))
        hand = Hand(pilot, app, wire)
        if settle:
            await settled(pilot)
        try:
            yield hand
        finally:
            wire.release()
        if _alive(app):
            frames.draw_held(app.screen)
