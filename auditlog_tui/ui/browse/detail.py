"""The detail pane: shows the entry under the cursor, copies its fields and filters by them."""

from __future__ import annotations

import asyncio

from auditlog_tui.errors import AuditLogError, StoreError
from auditlog_tui.text.safe import safe
from auditlog_tui.ui.browse.host import Controller, Host, wanted_row
from auditlog_tui.ui.browse.side_panes import SidePanes
from auditlog_tui.ui.panes.detail import DetailPane
from auditlog_tui.ui.panes.detail_fields import Heading, describe, note_items, raw_lines, version_items
from auditlog_tui.ui.table.table import EntryTable

REST_S = 0.15
"""Seconds that the cursor rests before the full record is requested."""


class DetailController(Controller):
    """Shows the row at once, and the full record when the cursor rests."""

    def __init__(self, host: Host, pane: DetailPane, table: EntryTable, side: SidePanes) -> None:
        self._host = host
        self._pane = pane
        self._table = table
        self._side = side
        side.on_show(pane, self.follow)
        self._entry: int | None = None
        """The number of the entry shown."""
        self._raw = False
        self._fetching = False
        self._errors: dict[int, str] = {}

    # -- opening and closing -----------------------------------------------------------------------------------

    def action_open_detail(self) -> None:
        if wanted_row(self._host, self._table) is None:
            return
        self._side.open(self._pane)
        self.follow(now=True)

    def close(self) -> None:
        self._side.close(self._pane)

    # -- showing an entry --------------------------------------------------------------------------------------

    def follow(self, *, now: bool = False) -> None:
        """Show the entry under the cursor. `now` requests its full record without waiting for the cursor to rest."""
        if not self._pane.display:
            return
        row, log = self._table.row, self._host.navigator.log
        self._entry = row.n if row is not None else None
        if row is None:
            self._pane.show([], "no entry")
            return
        self._show(fetching=log.cached_detail(row.n) is None)
        self._request(row.n, 0 if now else REST_S)

    def show_again(self) -> None:
        """Show the same entry again: something else about it is known."""
        if self._pane.display:
            self._show(fetching=self._fetching)

    def retry(self) -> bool:
        """Request a record again whose request failed. False if there is none."""
        if self._entry is None or self._errors.pop(self._entry, None) is None:
            return False
        self._show(fetching=True)
        self._request(self._entry, 0)
        return True

    def _request(self, n: int, wait: float) -> None:
        self._host.start(lambda: self._fetch(n, wait), "detail")

    async def _fetch(self, n: int, wait: float) -> None:
        log = self._host.navigator.log
        if log.cached_detail(n) is None:
            await asyncio.sleep(wait)
        try:
            await log.detail(n)
            self._errors.pop(n, None)
        except AuditLogError as error:
            self._errors = {n: str(error)}
        if n == self._entry:
            self._show()

    def _show(self, *, fetching: bool = False) -> None:
        self._fetching = fetching
        n, log, look = self._entry, self._host.navigator.log, self._host.look
        if n is None:
            return
        try:
            entry = log.store.entry(n)
        except StoreError as unread:  # never show another entry's fields instead
            self._pane.show([Heading(str(unread), "error", wide=True)], "can't be read")
            return
        detail, error = log.cached_detail(n), self._errors.get(n)
        record = detail.entry if detail is not None else entry
        fields = raw_lines(record) if self._raw else describe(entry, detail, look.zone, log.now_us(), look.where)
        others = [raw for raw in log.store.versions(n) if raw != record.raw]
        mark = self._host.navigator.marks.by_key.get(entry.key)
        note = note_items(mark.note, mark.tags) if mark is not None else []
        items = [*note, *version_items(entry, others), *fields]
        subtitle = "full record" if detail is not None else "the list's data, no ID to ask for"
        if fetching:
            subtitle = f"the list's data {look.glyphs.ellipsis} asking for the full record"
        elif error is not None:
            subtitle = "the list's data"
            items = [Heading(f"{error} r tries again.", "error", wide=True), *items]
        self._pane.show(items, safe(entry.fields.action or "entry", 60), subtitle)

    # -- keys of the pane --------------------------------------------------------------------------------------

    def action_move_entry(self, rows: int) -> None:
        self._table.action_move(rows)

    def action_show_raw(self) -> None:
        """Switch between the fields and the record's JSON."""
        self._raw = not self._raw
        self._show()

    def action_copy_field(self) -> None:
        field = self._pane.field
        if field is None:
            self._host.say("There is no field here to copy", "warning")
        else:
            self._host.copy(field.value, f"{safe(field.name, 40)} {safe(field.value, 80)}")
