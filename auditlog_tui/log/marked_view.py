"""The marked entries as a view: all there from the start, and nothing is asked of the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

from auditlog_tui.entries.models import Entry
from auditlog_tui.log.feed import Anchor, At, Feed
from auditlog_tui.log.log import Log
from auditlog_tui.log.view import View
from auditlog_tui.query import Plan, Query
from auditlog_tui.store.scans import SLICE, beyond


class _Kept(Feed):
    """Entries that are here already: no feed of the log, so that it is lent to no view of the log."""

    def __init__(self, log: Log, plan: Plan) -> None:
        super().__init__(log.api, log.store, plan)
        self.question = None
        self.older_end.done = True


class MarkedView(View):
    """Entries in the order given; they stay as they are, whatever is marked or unmarked later."""

    marked = True

    def __init__(self, log: Log, entries: Sequence[Entry]) -> None:
        super().__init__(log, Query(()))
        self.take(entries)

    def take(self, entries: Sequence[Entry]) -> None:
        """Put more entries below those that are there. Raises `StoreError`."""
        self.log.store.append(self.run, self.log.store.add(entries))

    def _feed(self, anchor: Anchor | At, like: View | None) -> Feed:
        return _Kept(self.log, self.plan)

    async def more(
        self, want: int, on_page: Callable[[], None], *, older: bool = True, everything: bool = False
    ) -> None:
        """There is no more."""

    async def prove(self) -> bool:
        return False


async def next_marked(view: View, marked: Collection[str], row: int, way: int) -> int | None:
    """The nearest row below (1) or above (-1) row `row` whose entry has one of these keys.

    `None` where no loaded row has. Reads in slices, and may be cancelled.
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
