"""Inserts entries into a feed's run, which is newest first, at the row where their time belongs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from auditlog_tui.entries.contract import OLDEST_FIRST
from auditlog_tui.entries.models import Entry
from auditlog_tui.errors import StoreError
from auditlog_tui.log.records import note_records
from auditlog_tui.log.sort_order import sort_values
from auditlog_tui.log.view import View
from auditlog_tui.store.entries import Stretch
from auditlog_tui.store.scans import newer_than, numbers

MAX_MOVED_ROWS = 10_000
"""Entries that belong further down are not inserted, as all rows above them move: 0.1 s for this many."""


def insert(view: View, *listings: Sequence[Entry]) -> list[Entry]:
    """Insert the entries that the view's feed lacks, and return them; call this while holding the feed's lock.

    Each listing is oldest first, in the server's order. An entry without a time is inserted next to the one before
    it. Entries older than all loaded rows are left out while the older end is not reached, as loading more brings
    them. Entries too far down are left out too, and noted in `too_deep`. Raises `StoreError`.
    """
    feed, store = view.feed, view.log.store
    entries = listings[0] if len(listings) == 1 else sorted(chain(*listings), key=entry_time)
    _note_records(view, listings)
    lacking = store.lacking(feed.run, [entry.key for entry in entries])
    inserted: dict[str, Entry] = {}
    at_row: dict[int, list[int]] = {}
    versions: list[int] = []
    oldest_us, row = None, len(feed.run)
    for n, (entry, us) in zip(store.add(entries), _timed(entries), strict=True):
        if feed.plan.violations(entry):
            continue
        if entry.key in inserted or entry.key not in lacking:
            feed.too_deep.discard(entry.key)
            versions.append(n)
            continue
        row = _row_for(view, us, row)
        bottom = row == len(feed.run) > 0
        if bottom and not feed.older_end.done:
            continue
        if not bottom and row > MAX_MOVED_ROWS:
            feed.too_deep.add(entry.key)
            continue
        inserted[entry.key] = entry
        at_row.setdefault(row, []).append(n)
        oldest_us = us if oldest_us is None and row and not bottom else oldest_us
    if len(feed.run):
        store.append(feed.run, at_row.pop(len(feed.run), [])[::-1])
    _insert_above(view, at_row, oldest_us)
    store.append(feed.run, versions)
    return list(inserted.values())


def _note_records(view: View, listings: Sequence[Sequence[Entry]]) -> None:
    """Tell a second record under an id from a record whose text was changed."""
    feed, store = view.feed, view.log.store
    noted = []
    for listing in listings:
        matching = [entry for entry in listing if not feed.plan.violations(entry)]
        noted.append(list(zip(store.add(matching), map(sort_values, matching), strict=True)))
    note_records(store, feed.run, noted, OLDEST_FIRST)


def _row_for(view: View, us: int | None, previous: int) -> int:
    """The row above which an entry of this time belongs; the entry before it belongs above row `previous`."""
    store, run = view.log.store, view.feed.run
    if us is None:
        return 0
    above = store.window(run, previous - 1, 1) if previous else []
    if not previous or (above and above[0].created_us is not None and above[0].created_us > us):
        return previous
    return newer_than(store, run, us + 1)


def _insert_above(view: View, at_row: dict[int, list[int]], oldest_us: int | None) -> None:
    """Insert entries, oldest first, above each of these rows; `oldest_us` is the oldest of those below the top.

    The rows above that are taken out and put back together with the new ones.
    """
    feed, store = view.feed, view.log.store
    order = list[int]()
    if oldest_us is not None:
        deepest = max(at_row)
        moved = [n for _, n in numbers(store, feed.run, Stretch(feed.run.first, deepest))]
        for row in range(deepest, 0, -1):
            order += [*at_row.get(row, []), moved[row - 1]]
    try:
        if oldest_us is not None:
            view.cut(oldest_us + 1)
        store.prepend(feed.run, [*order, *at_row.get(0, [])])
    except StoreError:
        feed.report_misplaced()
        raise


def entry_time(entry: Entry) -> int:
    """The entry's time as a key to sort by; 0 where it can't be read."""
    return entry.created_us or 0


def _timed(entries: Sequence[Entry]) -> Iterator[tuple[Entry, int | None]]:
    """The entries, oldest first, each with its time, or where that can't be read with that of the one before."""
    us = next((entry.created_us for entry in entries if entry.created_us is not None), None)
    for entry in entries:
        us = us if entry.created_us is None else entry.created_us
        yield entry, us
