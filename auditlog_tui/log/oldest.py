"""Compares the oldest entries of a server with those loaded: the log forgets some of these, and others come late.

Where just as many came late as are gone, the counts agree. So the entries themselves are compared, from the oldest
one on, up to a page that has no late entry and lacks none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from auditlog_tui.entries.contract import OLDEST_FIRST, PAGE
from auditlog_tui.entries.models import Entry, Page
from auditlog_tui.log.bounds import violated_bounds
from auditlog_tui.log.server_support import SMALLEST_PAGE
from auditlog_tui.log.sort_order import in_order, sort_values
from auditlog_tui.log.view import View
from auditlog_tui.runtime import give_way
from auditlog_tui.store.entries import Stretch
from auditlog_tui.store.scans import count_records, count_undated, newer_than


class Oldest(NamedTuple):
    """How many loaded entries are gone, what the server counts, and how many late entries were inserted."""

    gone: int
    total: int
    late: int


async def compare_oldest(
    view: View, insert: Callable[[Sequence[Entry]], Awaitable[list[Entry]]], most: int
) -> Oldest | None:
    """Compare up to `most` pages; `None` where that does not tell. Raises `ApiError` and `StoreError`.

    `insert` inserts those of the entries, which are oldest first, that the view's feed lacks, and returns them.
    """
    feed = view.feed
    first = page = await _read_oldest(view, SMALLEST_PAGE)
    if first is None or page is None or first.total_count is None or not _times(first.entries):
        return None
    entries, late, gone = list(first.entries), 0, 0
    for number in range(most):
        new = len(await insert(page.entries))
        before, gone = gone, await _count_gone(view, entries, all_of_them=page.last)
        times = _times(entries)
        settled = not new and gone == before and (times[0] < times[-1])
        late += new
        if feed is not view.feed:
            return None
        if settled or page.last:
            return Oldest(_count_older(view, times[0]) + gone, first.total_count, late)
        page = await _read_oldest(view, PAGE, page.next_cursor if number else None)
        if page is None:
            return None
        entries = [*(entries if number else ()), *page.entries]
    return None


async def _read_oldest(view: View, limit: int, cursor: str | None = None) -> Page | None:
    """A page of the oldest entries; `None` where the server ignores what was asked for."""
    if "sort" in view.log.server_support.ignored:
        return None
    params = {**view.feed.plan.params, "sort": OLDEST_FIRST}
    page = await view.log.api.list(params, limit=limit, cursor=cursor)
    obeyed = in_order(map(sort_values, page.entries), OLDEST_FIRST) and not violated_bounds(page.entries, params)
    return page if obeyed and not page.unclear else None


def _times(entries: Sequence[Entry]) -> list[int]:
    return [entry.created_us for entry in entries if entry.created_us is not None]


def _count_older(view: View, oldest: int) -> int:
    """How many of the loaded records are dated before a time."""
    store, run = view.log.store, view.feed.run
    below = newer_than(store, run, oldest)
    stretch = Stretch(run.first + below, len(run) - below)
    return count_records(store, run, stretch, None, oldest - 1) - count_undated(store, run, stretch)


async def _count_gone(view: View, entries: Sequence[Entry], *, all_of_them: bool) -> int:
    """How many of the loaded records are dated between the oldest of these and the last one, and are none of them.

    Those dated as the last one count if these are `all_of_them`: the server may list them in any order.
    """
    store, run, gone = view.log.store, view.feed.run, 0
    times, keys = _times(entries), {entry.key for entry in entries}
    oldest, after = times[0], times[-1] + all_of_them
    end = newer_than(store, run, oldest)
    for first in range(newer_than(store, run, after), end, PAGE):
        for row, found in enumerate(store.window(run, first, min(PAGE, end - first)), run.first + first):
            dated = found.created_us is not None and oldest <= found.created_us < after
            if dated and found.key not in keys:
                gone += store.records(run, Stretch(row, 1))
        await give_way()
    return gone
