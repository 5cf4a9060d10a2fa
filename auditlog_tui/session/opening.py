"""Joins the parts into a browser of one log, as the settings say. The heavy imports are made here, late."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from auditlog_tui.settings.connection import DEFAULT_BASE_URL
from auditlog_tui.settings.options import Settings
from auditlog_tui.text.times import counted
from auditlog_tui.text.zones import read_zone

if TYPE_CHECKING:
    import httpx

    from auditlog_tui.api.client import AuditLogClient
    from auditlog_tui.api.retry import Wait
    from auditlog_tui.offline.sqlite_source import SqliteSource
    from auditlog_tui.session.marks import Marks
    from auditlog_tui.session.navigator import Navigator
    from auditlog_tui.store.entries import EntryStore

DEMO_URL = "https://demo"
"""Where the demo is asked, within this process: errors name it as the header does."""


class Session:
    """One run of the program: `prepare` in any thread, then `open` where the store is to be used."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.client: AuditLogClient | None = None
        self._log: SqliteSource | None = None
        self._store: EntryStore | None = None
        self._marks: Marks | None = None
        self._closed = False

    def prepare(self) -> None:
        """Import what is slow to import, and make the client. Raises `SettingsError`.

        What it opens is closed by `close`, also where that was called meanwhile, or this raises.
        """
        from auditlog_tui.api.client import AuditLogClient
        from auditlog_tui.session import navigator  # noqa: F401  (imported here so that `open` does not wait for it)

        settings = self.settings
        self.client = AuditLogClient(
            base_url=DEMO_URL if settings.demo else settings.base_url,
            key=settings.key.reveal() if settings.key is not None else None,
            headers=settings.headers,
            transport=self._demo() if settings.demo else None,
            trust_env=settings.trust_env,
        )

    def _demo(self) -> httpx.AsyncBaseTransport:
        from auditlog_tui.demo import demo_log
        from auditlog_tui.offline.transport import OfflineTransport

        self._log = demo_log()
        if self._closed:  # in another thread, before there was a log to close
            self._log.close()
        return OfflineTransport(self._log)

    def open(self, on_wait: Callable[[Wait | None], None]) -> Navigator:
        """The browser. Raises `StoreError`."""
        from auditlog_tui.log.log import Log
        from auditlog_tui.session.filter_history import History, history_path
        from auditlog_tui.session.marks import Marks, marks_path
        from auditlog_tui.session.navigator import Navigator
        from auditlog_tui.store.entries import EntryStore

        client = self.client
        if client is None:
            raise RuntimeError("open() before prepare()")
        client.on_wait = on_wait
        self._store = EntryStore()
        settings = self.settings
        self._marks = Marks(None if settings.demo else marks_path(settings.base_url))
        return Navigator(
            Log(client, self._store),
            read_zone(settings.zone).zone,
            history=History(history_path()),
            marks=self._marks,
            views=settings.views,
            base_url="" if settings.base_url == DEFAULT_BASE_URL else settings.base_url,
            demo=settings.demo,
        )

    def save_marks(self) -> str:
        """Save what could not be saved before; returns what to say of marks that are lost."""
        from auditlog_tui.errors import StoreError

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
        try:
            if self.client is not None:
                await self.client.aclose()
        finally:
            for each in (self._log, self._store):
                if each is not None:
                    each.close()
