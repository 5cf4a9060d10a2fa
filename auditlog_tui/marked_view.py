"""The marked entries as a view: all there from the start, and nothing is asked of the server."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from auditlog_tui.feed import Anchor, At, Feed
from auditlog_tui.log import Log
from auditlog_tui.models import Entry
from auditlog_tui.query import Plan, Query
from auditlog_tui.store import EntryStore, Run
from auditlog_tui.view import View

PORTION = 500
"""Values that any SQLite binds at once."""


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
        log.store.append(self.run, log.store.add(entries))

    def _feed(self, anchor: Anchor | At, like: View | None) -> Feed:
        return _Kept(self.log, self.plan)

    async def more(
        self, want: int, on_page: Callable[[], None], *, older: bool = True, everything: bool = False
    ) -> None:
        """There is no more."""

    async def prove(self) -> bool:
        return False


def rows_of(store: EntryStore, run: Run, keys: Collection[str]) -> list[int]:
    """The rows, in order, in which a run shows the entries with these keys."""
    found: list[int] = []
    wanted = list(keys)
    for start in range(0, len(wanted), PORTION):
        some = wanted[start : start + PORTION]
        sql = (
            "SELECT p.position FROM entry e JOIN place p ON p.run = ? AND p.entry = e.n"  # noqa: S608 (marks only)
            f" WHERE e.key IN ({', '.join('?' * len(some))})"
        )
        found += [position - run.first for (position,) in store.read(sql, [run.number, *some])]
    return sorted(found)
