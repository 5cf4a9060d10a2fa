"""Questions about many entries, each asked of a slice at a time so that no key waits for an answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from auditlog_tui.rawjson import restored
from auditlog_tui.store import EntryStore, Run

SLICE = 2_000
"""Rows a slice: 0.75 ms (measured for `GROUP BY` over a million rows)."""


def count_slice(store: EntryStore, first: int, after: int, where: tuple[str, list[object]]) -> int:
    """How many of the entries numbered `first` to `after - 1` the condition over `entry e` holds for."""
    condition, values = where
    sql = f"SELECT count(*) FROM entry e WHERE e.n >= ? AND e.n < ? AND ({condition})"  # noqa: S608 (made by the query plan)
    return int(str(store.read(sql, [first, after, *values])[0][0]))


def newer_than(store: EntryStore, run: Run, us: int) -> int:
    """How many rows at the top of a run, which is newest first, happened at or after an instant.

    Those whose time can't be read count where such a row stands below them.
    """
    low, high = 0, len(run)
    while low < high:
        middle = (low + high) // 2
        found = _instant_from(store, run, middle)
        if found is not None and found >= us:
            low = middle + 1
        else:
            high = middle
    return low


def _instant_from(store: EntryStore, run: Run, row: int) -> int | None:
    """When a row happened, or, where that can't be read, the next one below it whose time can."""
    count = 1
    while rows := store.window(run, row, count):
        for found in rows:
            if found.created_us is not None:
                return found.created_us
        row, count = row + len(rows), SLICE
    return None


def ends(store: EntryStore, run: Run, first: int, count: int, most: int) -> tuple[list[int], list[int], int]:
    """When the first and the last `most` entries of a slice of rows happened (ascending), and how many are dated."""
    start = run.first + first
    sql = (
        "SELECT e.created_us FROM place p JOIN entry e ON e.n = p.entry"
        " WHERE p.run = ? AND p.position >= ? AND p.position < ? AND e.created_us IS NOT NULL ORDER BY 1"
    )
    found = [int(us) for (us,) in store.read(sql, [run.number, start, start + count])]
    return found[:most], found[-most:], len(found)


def histogram(
    store: EntryStore, run: Run, first: int, count: int, edges: Sequence[int]
) -> list[tuple[int, int, int]]:
    """Of a slice of rows: number of the bucket, entries in it, those that failed.

    `edges` are the instants, ascending, at which each bucket begins, and at last the one at which the last has ended.
    """
    start = run.first + first
    bounds = ", ".join(["(?, ?, ?)"] * (len(edges) - 1))
    sql = (
        f"WITH bucket (k, low, high) AS (VALUES {bounds})"  # noqa: S608 (marks only)
        " SELECT k, count(*), count(*) FILTER (WHERE e.status_code >= 400)"
        " FROM place p JOIN entry e ON e.n = p.entry JOIN bucket ON e.created_us >= low AND e.created_us < high"
        " WHERE p.run = ? AND p.position >= ? AND p.position < ? GROUP BY k"
    )
    values = [value for k, (low, high) in enumerate(pairwise(edges)) for value in (k, low, high)]
    found = store.read(sql, [*values, run.number, start, start + count])
    return [(int(bucket), int(n), int(failed)) for bucket, n, failed in found]


def raws(store: EntryStore, run: Run, first: int, count: int) -> list[str]:
    """The JSON, as it came, of the entries in a slice of rows."""
    start = run.first + first
    sql = (
        "SELECT j.raw FROM place p JOIN json j ON j.n = p.entry"
        " WHERE p.run = ? AND p.position >= ? AND p.position < ? ORDER BY p.position"
    )
    return [restored(raw) for (raw,) in store.read(sql, [run.number, start, start + count])]


def slices_beyond(run: Run, position: int, way: int) -> Iterator[tuple[int, int]]:
    """Positions beyond one, nearest first: where each slice begins, and how long it is."""
    part = range(position + 1, run.after) if way > 0 else range(run.first, position)
    while part:
        near = part[:SLICE] if way > 0 else part[-SLICE:]
        part = part[SLICE:] if way > 0 else part[:-SLICE]
        yield near.start, len(near)
