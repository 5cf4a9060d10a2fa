"""Opening the log: how far that has come, how to stop it, and what to know of a log that was read from a file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from auditlog_tui.errors import AuditLogError
from auditlog_tui.ui.browse.host import Host
from auditlog_tui.ui.keys import KEYS, TABLE
from auditlog_tui.ui.panes.bars import HeaderBar
from auditlog_tui.ui.panes.filter_bar import FilterBar
from auditlog_tui.ui.table.states import States
from auditlog_tui.ui.table.table import EntryTable

if TYPE_CHECKING:
    from auditlog_tui.analysis.locations import Locations
    from auditlog_tui.api.retry import Wait
    from auditlog_tui.log.log import Log
    from auditlog_tui.log.origin import Origin
    from auditlog_tui.session.navigator import Navigator

SHOWN_S = 0.12
"""Seconds between two updates of the progress."""


class Opener(Protocol):
    """Opens the log once the first frame is on the screen."""

    @property
    def progress(self) -> str:
        """How far `prepare` has come in reading a file; empty if there is nothing to tell. From any thread."""

    def prepare(self) -> None:
        """The slow part; runs in a thread. Raises `SettingsError` and `StoreError`."""

    def stop(self) -> bool:
        """Let `prepare` go on with what it has read. False if it reads nothing. From any thread."""

    def open(self, on_wait: Callable[[Wait | None], None]) -> Navigator:
        """The navigator of the log. Raises `StoreError`."""

    def open_locations(self) -> Locations:
        """The locations of addresses, if the settings name files with them; called in a thread."""

    def take_first_start(self) -> bool:
        """True once, at the first start of all; called in a thread."""

    async def close(self) -> None:
        """Release everything."""


class Opening:
    """Lets the opener prepare, in a thread, and shows in the table that it does."""

    def __init__(
        self, host: Host, opener: Opener, table: EntryTable, header: HeaderBar, filter_bar: FilterBar, name: str
    ) -> None:
        self._host = host
        self._opener = opener
        self._table = table
        self._header = header
        self._filter_bar = filter_bar
        self.failed = False
        """There is no log."""
        self._name = name
        self._frame = 0

    def begin(self, text: str) -> None:
        """Show what is opened, and the filter that it will be shown under."""
        if text:
            self._filter_bar.show(text)
        self.show()

    def fail(self, why: str) -> None:
        """Show that there is no log."""
        self.failed = True
        self._filter_bar.input.placeholder = "no log is open"
        self._table.states = States(
            blank=(*((line, "error") for line in why.split("; ")), ("", "dim"), ("q quits", "dim"))
        )
        self._table.refresh()

    def keyed(self, key: str) -> None:
        """Say of a key for entries that there is no log."""
        if self.failed and key in FOR_ENTRIES and not self._filter_bar.input.has_focus:
            self._host.say("No log is open; q quits", "warning")

    async def prepare(self) -> None:
        """See `Opener.prepare`."""
        timer = self._host.set_interval(SHOWN_S, self.show)
        try:
            await asyncio.to_thread(self._opener.prepare)
        finally:
            timer.stop()

    def show(self) -> None:
        """Show what is under way."""
        spinner, progress = self._host.look.glyphs.spinner, self._opener.progress
        glyph = spinner[self._frame % len(spinner)]
        self._frame += 1
        lines = [(f"{glyph} opening {self._name} …", "dim")]
        if progress:
            lines = [(f"{glyph} reading {self._name}: {progress}", "text"), ("", "dim"), (STOPS, "dim")]
        self._table.states = States(blank=tuple(lines))
        self._table.refresh()

    def stop(self) -> bool:
        """Read no more of a file. False if none is being read."""
        return self._opener.stop()

    def reopen(self) -> None:
        """Take what is in the archive now, then show the same filter of that."""
        self._host.say("Opening the archive again …")
        self._host.start(self._reopen, "reopen")

    async def _reopen(self) -> None:
        log = self._host.navigator.log
        if log.reopen is None:
            return
        try:
            origin = await asyncio.to_thread(log.reopen)
        except AuditLogError as error:
            self._host.say(str(error), "error")
            return
        log.origin = self._header.origin = origin
        self._host.go(self._host.navigator.refresh)
        self._host.say("This is the archive as it is now")
        self.report(origin)

    def watch(self, log: Log) -> None:
        """Say what can't be read of the file, also what is found to be so later."""
        log.origin_changed = self._lost
        self.report(log.origin)

    def _lost(self) -> None:
        """Say that a part of an archive turned out to be damaged, and count anew without it."""
        navigator = self._host.navigator
        navigator.counting.forget()
        self._header.origin = navigator.log.origin
        self._host.rows_changed()
        self.report(navigator.log.origin)

    def report(self, origin: Origin | None) -> None:
        """Say what can't be read of the file."""
        if origin is not None and origin.reason:
            self._host.say(f"INCOMPLETE: {origin.reason}", "warning")
        elif origin is not None and origin.note:
            self._host.say(origin.note)


FOR_ENTRIES = frozenset(
    name
    for key in KEYS
    if key.place == TABLE or key.action in ("timeline", "facets", "find", "go_to_time", "load_all", "only_marked")
    for name in key.keys.split(",")
)
"""Keys that do nothing without entries."""

STOPS = "Esc stops, and shows what was read"
