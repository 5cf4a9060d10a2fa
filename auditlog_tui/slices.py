"""Questions about many entries, each asked of a slice at a time so that no key waits for an answer."""

from __future__ import annotations

from collections.abc import Iterator

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
    """How many rows at the top of a run, up to the first that is older, happened at or after an instant.

    Those whose time can't be read count where such a row stands below them.
    """
    newer = seen = 0
    while rows := store.window(run, seen, SLICE):
        for row in rows:
            seen += 1
            if row.created_us is not None:
                if row.created_us < us:
                    return newer
                newer = seen
    return newer


def span(store: EntryStore, run: Run, first: int, count: int) -> tuple[int, int] | None:
    """When the first and the last entry of a slice of rows happened; `None` where no time can be read."""
    start = run.first + first
    sql = (
        "SELECT min(e.created_us), max(e.created_us) FROM place p JOIN entry e ON e.n = p.entry"
        " WHERE p.run = ? AND p.position >= ? AND p.position < ?"
    )
    ((low, high),) = store.read(sql, [run.number, start, start + count])
    return None if low is None else (int(low), int(high))


def histogram(
    store: EntryStore, run: Run, first: int, count: int, whole: tuple[int, int], buckets: int
) -> list[tuple[int, int, int]]:
    """Of a slice of rows: number of the bucket, entries in it, those that failed.

    Bucket `k` of a `whole` range (first and last instant) of `width` microseconds begins `width * k // buckets` after
    its first.
    """
    start, (low, high) = run.first + first, whole
    sql = (
        "SELECT ((e.created_us - ? + 1) * ? - 1) / ?, count(*), count(*) FILTER (WHERE e.status_code >= 400)"
        " FROM place p JOIN entry e ON e.n = p.entry"
        " WHERE p.run = ? AND p.position >= ? AND p.position < ? AND e.created_us BETWEEN ? AND ? GROUP BY 1"
    )
    found = store.read(sql, [low, buckets, high + 1 - low, run.number, start, start + count, low, high])
    # Over thousands of years SQLite goes on with floats, which are good enough there.
    return [(min(int(bucket), buckets - 1), n, failed) for bucket, n, failed in found]


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
