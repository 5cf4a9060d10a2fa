"""The marked entries as a view, which sends no requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from auditlog_tui.entries.models import Entry
from auditlog_tui.log.feed import Anchor, At, Feed
from auditlog_tui.log.log import Log
from auditlog_tui.log.view import View
from auditlog_tui.query import Plan, Query


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
