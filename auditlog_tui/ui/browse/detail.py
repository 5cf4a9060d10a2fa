"""Keeps the detail pane on the entry under the cursor: the row at once, the full record when the cursor rests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from auditlog_tui.errors import AuditLogError, StoreError
from auditlog_tui.text.present import safe
from auditlog_tui.ui.panes.detail_fields import Heading, describe, noted, raw_lines, versions
from auditlog_tui.ui.patches.workers import start

if TYPE_CHECKING:
    from textual.screen import Screen

    from auditlog_tui.log.log import Log
    from auditlog_tui.store.entries import Row
    from auditlog_tui.ui.look import Look
    from auditlog_tui.ui.panes.detail import DetailPane

REST_S = 0.15
"""Seconds that the cursor rests before the full record is asked for."""


class Follower:
    """`n` is the number of the entry that the pane shows."""

    def __init__(self, screen: Screen[None], pane: DetailPane) -> None:
        self.n: int | None = None
        self.raw = False
        self.note_of: Callable[[str], str] = lambda key: ""
        self._screen = screen
        self._pane = pane
        self._errors: dict[int, str] = {}

    def follow(self, row: Row | None, log: Log, look: Look, *, now: bool = False) -> None:
        """Show an entry; `now` asks for the full record without waiting for the cursor to rest."""
        if not self._pane.display:
            return
        self.n = row.n if row is not None else None
        if row is None:
            self._pane.show([], "no entry")
            return
        self._show(log, look, fetching=log.known_detail(row.n) is None)
        self._ask(row.n, log, look, 0 if now else REST_S)

    def toggle_raw(self, log: Log, look: Look) -> None:
        self.raw = not self.raw
        self._show(log, look)

    def retry(self, log: Log, look: Look) -> bool:
        """Ask again for a record that could not be had; False where none is missing."""
        if self.n is None or self._errors.pop(self.n, None) is None:
            return False
        self._show(log, look, fetching=True)
        self._ask(self.n, log, look, 0)
        return True

    def _ask(self, n: int, log: Log, look: Look, wait: float) -> None:
        start(self._screen, lambda: self._fetch(n, log, look, wait), "detail")

    async def _fetch(self, n: int, log: Log, look: Look, wait: float) -> None:
        if log.known_detail(n) is None:
            await asyncio.sleep(wait)
        try:
            await log.detail(n)
            self._errors.pop(n, None)
        except AuditLogError as error:
            self._errors = {n: str(error)}
        if n == self.n:
            self._show(log, look)

    def _show(self, log: Log, look: Look, *, fetching: bool = False) -> None:
        n = self.n
        if n is None:
            return
        try:
            entry = log.store.entry(n)
        except StoreError as unread:  # never another entry's fields
            self._pane.show([Heading(str(unread), "error")], "can't be read")
            return
        detail, error = log.known_detail(n), self._errors.get(n)
        record = detail.entry if detail is not None else entry
        fields = raw_lines(record) if self.raw else describe(entry, detail, look.zone, log.now_us())
        others = [raw for raw in log.store.versions(n) if raw != record.raw]
        items = [*noted(self.note_of(entry.key)), *versions(entry, others), *fields]
        subtitle = "full record" if detail is not None else "the list's data, no ID to ask for"
        if fetching:
            subtitle = f"the list's data {look.glyphs.ellipsis} asking for the full record"
        elif error is not None:
            subtitle = "the list's data"
            items = [Heading(f"{error} r tries again.", "error"), *items]
        self._pane.show(items, safe(entry.log.action or "entry", 60), subtitle)
