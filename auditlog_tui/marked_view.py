"""The marked entries as a view: all there from the start, and nothing is asked of the server."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from auditlog_tui.log import Log
from auditlog_tui.models import Entry
from auditlog_tui.query import Plan, Query
from auditlog_tui.view import Anchor, View


class MarkedView(View):
    """Entries in the order given; they stay as they are, whatever is marked or unmarked later."""

    marked = True

    def __init__(self, log: Log, entries: Sequence[Entry]) -> None:
        super().__init__(log, Query(()))
        log.store.append(self.run, log.store.add(entries))
        self.feed.older_end.done = True

    def _serves(self, other: Plan, anchor: Anchor) -> bool:
        return False

    async def more(
        self, want: int, on_page: Callable[[], None], *, older: bool = True, everything: bool = False
    ) -> None:
        """There is no more."""

    async def prove(self) -> bool:
        return False
