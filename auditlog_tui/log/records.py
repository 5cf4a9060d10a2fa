"""How many records the server has under one id: two that differ, or one that was changed between two readings.

Two texts in one answer are two records. So is another text that comes while the one before stands outside of what
was read. Where a reading covers the place of a text that we have and brings another instead, that one replaced it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from auditlog_tui.log.sort_order import Rank, Stand, rank
from auditlog_tui.store.entries import EntryStore, Run

Reading = Sequence[tuple[int, Stand]]
"""One answer, or several that follow each other without a gap: versions' numbers, and where they stand."""

_Known = dict[int, dict[int, Rank | None]]


def note_records(store: EntryStore, run: Run, readings: Sequence[Reading], sort: str) -> Counter[int]:
    """Note the records that readings of a run show; to be called before their entries are put there.

    Returns, by entry, how many more there may be: a text at the very edge of a reading may have been replaced, or
    stand on the page beside. `sort` is the readings' order, empty where they have none.
    """
    numbers = [n for reading in readings for n, _ in reading]
    entries = store.versioned_entries(numbers)
    if not entries:
        return Counter()
    known: _Known = defaultdict(dict)
    for entry, n, created_us, status_code in store.known_versions(run, numbers):
        known[entry][n] = rank(Stand(created_us, status_code), sort) if sort else None
    held = store.records_of(run, sorted(set(entries.values())))
    before, perhaps = dict(held), Counter[int]()
    for reading in readings:
        _take(reading, entries, known, held, perhaps, sort)
    store.note_records(run, {entry: count for entry, count in held.items() if count > before.get(entry, 1)})
    return perhaps


def _take(
    reading: Reading, entries: dict[int, int], known: _Known, held: dict[int, int], perhaps: Counter[int], sort: str
) -> None:
    ranks = {n: rank(stand, sort) if sort else None for n, stand in reading}
    span = [place for place in ranks.values() if place is not None]
    low, high = (min(span), max(span)) if span else (None, None)
    here: dict[int, set[int]] = defaultdict(set)
    for n in ranks:
        if n in entries:
            here[entries[n]].add(n)
    for entry, found in here.items():
        replaced = unsure = 0
        for n, place in known[entry].items():
            if n in found:
                continue
            if place is None or low is None or high is None or place in (low, high):
                unsure += 1
            elif low < place < high:
                replaced += 1
        fresh = len(found - known[entry].keys()) if known[entry] else len(found)
        least = held.get(entry, 1 if known[entry] else 0)
        most = max(least, len(found), least + fresh - replaced)
        held[entry] = max(least, len(found), least + fresh - replaced - unsure)
        perhaps[entry] += most - held[entry]
        known[entry] |= {n: ranks[n] for n in found}
