"""The actors of a name, where a name was typed instead of an ID."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from auditlog_tui.analysis.gathering import query_for
from auditlog_tui.log.log import Log
from auditlog_tui.log.walk import Walk
from auditlog_tui.runtime import give_way
from auditlog_tui.store import UNBOUNDED
from auditlog_tui.store.entries import Row
from auditlog_tui.store.scans import ROWS_AT_ONCE


class Named(Struct, frozen=True):
    """An actor with the name that was looked up.

    `entries` are those that have it under this name, the newest at `last_us` (`None`: no readable time).
    """

    id: str
    name: str
    type: str | None
    entries: int
    last_us: int | None


class NameSearch:
    """Looks for the actors of a name, which is exact but for case. The API can't filter by it: the log is read."""

    def __init__(self, log: Log, name: str) -> None:
        self.name = name
        self.walk = Walk(log, query_for("actor.name", name))
        self.found: dict[str, Named] = {}
        self.without_id = 0
        """Entries with this name and no readable ID of the actor."""

    async def go(self) -> None:
        """Fill `found`, newest actor first. Raises `ApiError`, `StoreError`."""
        await self.walk.begin()
        await self.walk.go(UNBOUNDED)
        view = self.walk.view
        for first in range(0, len(view), ROWS_AT_ONCE):
            for row in view.window(first, ROWS_AT_ONCE):
                self._take(row)
            await give_way()

    def _take(self, row: Row) -> None:
        if row.actor_name is None or row.actor_name.strip().casefold() != self.name.strip().casefold():
            return
        if not row.actor_id:
            self.without_id += 1
        elif (known := self.found.get(row.actor_id)) is not None:
            self.found[row.actor_id] = replace(known, entries=known.entries + 1)
        else:
            self.found[row.actor_id] = Named(row.actor_id, row.actor_name, row.actor_type, 1, row.created_us)
