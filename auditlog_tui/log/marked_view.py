"""The marked entries as a view: all there from the start, and nothing is asked of the server."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from auditlog_tui.entries.models import Entry
from auditlog_tui.log.feed import Anchor, At, Feed
from auditlog_tui.log.log import Log
from auditlog_tui.log.view import View
from auditlog_tui.query import Plan, Query


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
