"""A case: its name in the header, and the place that the user is at, which it keeps."""

from __future__ import annotations

from contextlib import suppress

from auditlog_tui.errors import StoreError
from auditlog_tui.ui.browse.host import Controller, Host
from auditlog_tui.ui.panes.bars import HeaderBar
from auditlog_tui.ui.table.table import EntryTable

KEEP_S = 1.0
"""Seconds between two looks at whether the place has changed."""


class KeepController(Controller):
    """Keeps the places when another one is shown, about once a second when the cursor moves, and at the end."""

    def __init__(self, host: Host, table: EntryTable, header: HeaderBar) -> None:
        self._host = host
        self._table = table
        self._header = header
        self._kept: tuple[object, ...] = ()
        self._keeps = False

    def opened(self) -> None:
        case = self._host.navigator.case
        if case is None:
            return
        self._keeps = True
        self._header.case = f"{case.name} read-only" if case.read_only else case.name
        self._header.refresh()
        self._host.set_interval(KEEP_S, self.keep)
        if case.read_only:
            self._host.say(
                "Read-only: another auditlog-tui writes this case, and nothing done here is kept", "warning"
            )

    def place_shown(self) -> None:
        self._host.call_later(self.keep)

    def keep(self) -> None:
        """Keep the places, if they have changed. What can't be written now is written the next time."""
        if not self._keeps:  # there is no case, or it is not open yet
            return
        from auditlog_tui.session.kept_places import keep_places  # late: it loads the models

        navigator = self._host.navigator
        place, row = navigator.place, self._table.row
        if self._table.view is place.view and row is not None:
            place.cursor, place.above = row.n, self._table.cursor - self._table.top
        now = id(place), navigator.at, len(navigator.places), place.cursor, place.above, place.view.feed.run.number
        if now != self._kept:
            with suppress(StoreError):  # the user did not ask for it; a full disk is told where rows are written
                keep_places(navigator)
                self._kept = now
