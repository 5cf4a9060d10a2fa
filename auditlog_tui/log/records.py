"""How many records the server has under one id: two that differ, or one whose text changed between two requests.

Two texts for one id in the same listing are two records. So is a new text when the known one lies outside the part
of the log that was listed. When the listing covers the known text's place but has another text instead, the record
was changed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from auditlog_tui.log.sort_order import SortKey, SortValues, sort_key
from auditlog_tui.store.entries import EntryStore, Run

Listing = Sequence[tuple[int, SortValues]]
"""A gapless part of the log, from one response or several: each version's number and its sort values."""

_KnownVersions = dict[int, dict[int, SortKey | None]]
"""By entry: the numbers of its versions, with their sort keys."""


def note_records(store: EntryStore, run: Run, listings: Sequence[Listing], sort: str) -> Counter[int]:
    """Store how many records the listings show for each id; call this before their entries are added to the run.

    `sort` is the listings' order, empty where they have none. Returns by entry how many further records are
    possible: a text at the very edge of a listing may have been changed, or may be on the adjacent page.
    """
    numbers = [n for listing in listings for n, _ in listing]
    entries = store.versioned_entries(numbers)
    if not entries:
        return Counter()
    known: _KnownVersions = defaultdict(dict)
    for entry, n, created_us, status_code in store.known_versions(run, numbers):
        known[entry][n] = sort_key(SortValues(created_us, status_code), sort) if sort else None
    records = store.records_of(run, sorted(set(entries.values())))
    before, possible = dict(records), Counter[int]()
    for listing in listings:
        _count_listing(listing, entries, known, records, possible, sort)
    store.note_records(run, {entry: count for entry, count in records.items() if count > before.get(entry, 1)})
    return possible


def _count_listing(
    listing: Listing,
    entries: dict[int, int],
    known: _KnownVersions,
    records: dict[int, int],
    possible: Counter[int],
    sort: str,
) -> None:
    """Update `records`, `possible` and `known` from one listing; `entries` maps versions to their entries."""
    keys = {n: sort_key(values, sort) if sort else None for n, values in listing}
    in_listing = [key for key in keys.values() if key is not None]
    low, high = (min(in_listing), max(in_listing)) if in_listing else (None, None)
    listed: dict[int, set[int]] = defaultdict(set)
    for n in keys:
        if n in entries:
            listed[entries[n]].add(n)
    for entry, versions in listed.items():
        replaced = unsure = 0
        for n, key in known[entry].items():
            if n in versions:
                continue
            if key is None or low is None or high is None or key in (low, high):
                unsure += 1
            elif low < key < high:
                replaced += 1
        added = len(versions - known[entry].keys()) if known[entry] else len(versions)
        least = records.get(entry, 1 if known[entry] else 0)
        most = max(least, len(versions), least + added - replaced)
        records[entry] = max(least, len(versions), least + added - replaced - unsure)
        possible[entry] += most - records[entry]
        known[entry] |= {n: keys[n] for n in versions}
