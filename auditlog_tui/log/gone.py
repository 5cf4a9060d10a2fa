"""Finds out which of the loaded entries the server no longer has, by the first page of an order.

Where the server's cursors are offsets, an entry that is deleted makes paging skip another one. If one more was
written meanwhile, the number that arrived equals the count, but does not contain the one that was skipped.
"""

from __future__ import annotations

from auditlog_tui.entries.models import Page
from auditlog_tui.log.sort_order import SortValues, in_order, reversed_order, sort_key, sort_values
from auditlog_tui.runtime import give_way
from auditlog_tui.store.entries import EntryStore, Run
from auditlog_tui.store.scans import sorted_by, stretches


async def find_gone(store: EntryStore, run: Run, order: str, page: Page, sort: str) -> set[str]:
    """The keys of the rows that belong on the first `page` in the order `sort` and are not on it.

    `order` is the run's own. Raises `StoreError`.
    """
    last = sort_key(sort_values(page.entries[-1]), sort) if page.entries else None
    if (last is None and not page.last) or not in_order(map(sort_values, page.entries), sort):
        return set()
    there, gone = {entry.key for entry in page.entries}, set[str]()
    way = -1 if sort == reversed_order(order) else 1
    for stretch in stretches(range(run.first, run.after), way=way):
        rows = sorted_by(store, run, stretch)
        for name, created_us, status_code in rows[::way]:
            key = sort_key(SortValues(created_us, status_code), sort)
            if key is None or (last is not None and not page.last and key >= last):
                if key is not None and sort in (order, reversed_order(order)):
                    return gone
            elif name not in there:
                gone.add(name)
        await give_way()
    return gone
