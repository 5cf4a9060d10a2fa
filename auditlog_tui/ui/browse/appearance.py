"""Choosing the time zone and the columns."""

from __future__ import annotations

from collections import deque

from msgspec.structs import replace

from auditlog_tui.settings.file import config_path, save_option
from auditlog_tui.text.zones import TimeDisplay
from auditlog_tui.ui.browse.host import Controller, Host
from auditlog_tui.ui.table.columns import COLUMNS, STICKY
from auditlog_tui.ui.table.table import EntryTable


class AppearanceController(Controller):
    """`t` and `C`."""

    def __init__(self, host: Host, table: EntryTable, zones: list[TimeDisplay]) -> None:
        """`zones` are the ways to show times, the current one first."""
        self._host = host
        self._table = table
        self._zones = deque(zones)

    def action_zone(self) -> None:
        """Show times in the next zone of UTC, local time and ages."""
        self._zones.rotate(-1)
        mode, zone = self._zones[0]
        self._host.restyle(replace(self._host.look, mode=mode, zone=zone))
        self._host.rows_changed()

    def action_columns(self) -> None:
        from auditlog_tui.ui.dialogs.choose_columns import ColumnsScreen

        names = self._host.look.columns or tuple(column.field for column in COLUMNS[STICKY:])
        self._host.ask(ColumnsScreen(names), self._set_columns)

    def _set_columns(self, names: tuple[str, ...] | None) -> None:
        if names is None:
            return
        self._table.choose(0)
        self._host.restyle(replace(self._host.look, columns=names))
        save_option(config_path(), "columns", ",".join(names))
        self._host.say("Kept in the settings file")
