"""The marked entries as a view, which sends no requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

from auditlog_tui.entries.models import Entry
from auditlog_tui.log.feed import Anchor, At, Feed
from auditlog_tui.log.log import Log
from auditlog_tui.log.view import View
from auditlog_tui.query import Plan, Query
from auditlog_tui.store.scans import SLICE, beyond


class _MarkedFeed(Feed):
    """A feed of entries that are loaded already. Views of the log never reuse it."""

    def __init__(self, log: Log, plan: Plan) -> None:
        super().__init__(log.api, log.store, plan)
        self.request_key = None
        self.older_end.done = True


class MarkedView(View):
    """Entries in the given order; marking or unmarking does not change a view that is shown."""

    marked = True

    def __init__(self, log: Log, entries: Sequence[Entry]) -> None:
        super().__init__(log, Query(()))
        self.append(entries)

    def append(self, entries: Sequence[Entry]) -> None:
        """Append entries. Raises `StoreError`."""
        self.log.store.append(self.run, self.log.store.add(entries))

    def _find_feed(self, anchor: Anchor | At, like: View | None) -> Feed:
        return _MarkedFeed(self.log, self.plan)

    async def more(
        self, want: int, on_page: Callable[[], None], *, older: bool = True, everything: bool = False
    ) -> None:
        """Do nothing: every entry is there from the start."""

    async def prove(self) -> bool:
        return False


async def next_marked(view: View, marked: Collection[str], row: int, way: int) -> int | None:
    """The nearest row below (`way` 1) or above (-1) row `row` whose entry has one of the keys in `marked`.

    `None` if no loaded row has. Reads in slices; may be cancelled.
    """
    run = view.run
    sql = (
        "SELECT p.position, e.key FROM place p JOIN entry e ON e.n = p.entry"
        " WHERE p.run = ? AND p.position >= ? AND p.position < ? ORDER BY p.position"
    )
    for stretch in beyond(run, run.first + row, SLICE, way):
        found = view.log.store.read(sql, [run.number, stretch.position, stretch.end])
        for position, key in found[::way]:
            if key in marked:
                return int(position) - run.first
        await asyncio.sleep(0)
    return None
