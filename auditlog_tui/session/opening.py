"""Opens one log as the settings say: the client, the working set, and for the browser its navigation.

What is slow to import is imported where it is needed, so that the screen shows first.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from auditlog_tui.entries.contract import PAGE
from auditlog_tui.errors import AuditLogError, StoreError
from auditlog_tui.settings.connection import DEFAULT_BASE_URL
from auditlog_tui.settings.options import Settings
from auditlog_tui.settings.proxy import proxy_for
from auditlog_tui.text.times import counted
from auditlog_tui.text.zones import read_zone

if TYPE_CHECKING:
    import httpx

    from auditlog_tui.api.client import AuditLogClient
    from auditlog_tui.api.early import EarlyRequest
    from auditlog_tui.api.retry import Wait
    from auditlog_tui.log.log import Log
    from auditlog_tui.offline.sqlite_source import SqliteSource
    from auditlog_tui.session.marks import Marks
    from auditlog_tui.session.navigator import Navigator
    from auditlog_tui.store.entries import EntryStore

LATER_S = 1.0
"""Seconds after opening when `_LATER` are imported: the first rows are on the screen by then."""

_LATER = ("auditlog_tui.api.wire", "auditlog_tui.entries.schema")
"""Slow to import: httpx, for the second request, and pydantic, for an entry with malformed or unknown fields."""

DEMO_URL = "https://demo"
"""The demo's base URL, which never leaves this process; errors show its host."""


class Session:
    """What one run of the program holds open.

    The browser calls `request_early`, then `prepare`, in any thread, then `open`; a command calls `connect`, then
    `open_log`. `close` releases everything.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.client: AuditLogClient | None = None
        self._early: EarlyRequest | None = None
        self._demo_log: SqliteSource | None = None
        self._store: EntryStore | None = None
        self._marks: Marks | None = None
        self._later: threading.Timer | None = None
        self._closed = False

    def request_early(self, text: str) -> None:
        """Send the request for the first page of a filter from a thread, if it is known without an answer.

        Call it before slow imports: they take as long as the answer.
        """
        settings = self.settings
        if settings.demo or (settings.trust_env and proxy_for(settings.base_url) is not None):
            return
        from auditlog_tui.api.early import EarlyRequest, first_request

        try:
            target = _first_target(text, settings)
            if target is not None:
                self._early = EarlyRequest(first_request(settings.base_url, settings.key, settings.headers, target))
        except AuditLogError:
            pass  # it is told where the screen can show it

    def prepare(self) -> None:
        """Connect, and import what `open` needs. Raises `SettingsError`."""
        from auditlog_tui.session import navigator  # noqa: F401  # slow to import, which `open` must not be

        self.connect()

    def connect(self) -> AuditLogClient:
        """Make the client; nothing is sent yet. Raises `SettingsError`.

        A `close` in another thread meanwhile closes what this opens too.
        """
        from auditlog_tui.api.client import AuditLogClient

        settings = self.settings
        self.client = AuditLogClient(
            base_url=DEMO_URL if settings.demo else settings.base_url,
            key=settings.key.reveal() if settings.key is not None else None,
            headers=settings.headers,
            transport=self._demo() if settings.demo else None,
            trust_env=settings.trust_env,
            early=self._early,
        )
        return self.client

    def _demo(self) -> httpx.AsyncBaseTransport:
        from auditlog_tui.demo import demo_log
        from auditlog_tui.offline.transport import OfflineTransport

        self._demo_log = demo_log()
        if self._closed:  # in another thread, before there was a log to close
            self._demo_log.close()
        return OfflineTransport(self._demo_log)

    def open_log(self, on_wait: Callable[[Wait | None], None]) -> Log:
        """The log over a new working set; `on_wait` is told of slow requests. Raises `StoreError`."""
        from auditlog_tui.log.log import Log
        from auditlog_tui.store.entries import EntryStore

        if self.client is None:
            raise RuntimeError("not connected yet")
        self.client.on_wait = on_wait
        self._store = EntryStore()
        # The demo answers in this process, where several requests at once take no less time.
        log = Log(self.client, self._store, 1 if self.settings.demo else self.settings.parallel)
        log.marks = self.marks
        return log

    def marks(self) -> Marks:
        """The marks of the endpoint, read at the first call; `error` says what could not be read."""
        from auditlog_tui.session.marks import Marks, marks_path

        if self._marks is None:
            self._marks = Marks(None if self.settings.demo else marks_path(self.settings.base_url))
        return self._marks

    def open(self, on_wait: Callable[[Wait | None], None]) -> Navigator:
        """The browser's navigation over the log. Raises `StoreError`."""
        from auditlog_tui.session.filter_history import History, history_path
        from auditlog_tui.session.navigator import Navigator

        settings = self.settings
        self._later = threading.Timer(LATER_S, lambda: [*map(import_module, _LATER)])  # so that no key waits for it
        self._later.daemon = True
        self._later.start()
        return Navigator(
            self.open_log(on_wait),
            read_zone(settings.zone).zone,
            history=History(history_path()),
            marks=self.marks(),
            views=settings.views,
            base_url="" if settings.base_url == DEFAULT_BASE_URL else settings.base_url,
            demo=settings.demo,
        )

    def take_first_start(self) -> bool:
        """True once, at the first start of all; in any thread."""
        from auditlog_tui.session.first_start import started_path, take_first_start

        return take_first_start(started_path())

    def save_marks(self) -> str:
        """Save marks that could not be saved before; returns a message about those that are lost, if any."""
        marks = self._marks
        if marks is None or not marks.unsaved:
            return ""
        try:
            marks.save()
        except StoreError as error:
            return f"{counted(marks.unsaved, 'mark or note', 'marks or notes')} could not be saved: {error}"
        return ""

    async def close(self) -> None:
        """Close the connections and drop the working set."""
        self._closed = True
        if self._later is not None:
            self._later.cancel()
        try:
            if self._early is not None:
                self._early.abandon()
            if self.client is not None:
                await self.client.aclose()
        finally:
            for each in (self._demo_log, self._store):
                if each is not None:
                    each.close()


def _first_target(text: str, settings: Settings) -> str | None:
    """What the browser requests first for a filter; `None` if that depends on the server's clock.

    Raises `QueryError` and `NotFoundError`.
    """
    from auditlog_tui.api.request import entry_target, list_target

    if not text.strip():
        return list_target({}, limit=PAGE)
    from auditlog_tui.query import plan
    from auditlog_tui.session.typed_filter import read_filter

    typed = read_filter(text, settings.views)
    if typed.relative:
        return None
    planned = plan(typed.query(time.time_ns() // 1000, read_zone(settings.zone).zone))
    return list_target(planned.params, limit=PAGE) if planned.entry_id is None else entry_target(planned.entry_id)
