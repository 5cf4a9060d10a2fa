"""Questions about many entries, each asked of a slice at a time so that no key waits for an answer."""

from __future__ import annotations

from auditlog_tui.store import EntryStore, Run, Stretch

SLICE = 2_000
"""Rows a slice: 0.75 ms (measured for `GROUP BY` over a million rows)."""


def count_slice(store: EntryStore, first: int, after: int, where: tuple[str, list[object]]) -> int:
    """How many of the entries numbered `first` to `after - 1` the condition over `entry e` holds for.

    An entry of several versions counts once, where the first of them is for which it holds.
    """
    condition, values = where
    sql = f"SELECT count(*) FROM entry e WHERE e.n >= ? AND e.n < ? AND ({condition})"  # noqa: S608 (made by the query plan)
    earlier = f"SELECT 1 FROM entry e WHERE e.key = v.key AND e.n < v.n AND ({condition})"  # noqa: S608 (made by the query plan)
    again = (
        "SELECT count(*) FROM entry v WHERE v.n >= ? AND v.n < ? AND v.first <> v.n"  # noqa: S608 (made by the query plan)
        f" AND EXISTS (SELECT 1 FROM entry e WHERE e.n = v.n AND ({condition})) AND EXISTS ({earlier})"
    )
    found = int(store.read(sql, [first, after, *values])[0][0])
    return found - int(store.read(again, [first, after, *values, *values])[0][0])


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


def span(store: EntryStore, run: Run, stretch: Stretch) -> tuple[int, int] | None:
    """When the first and the last entry of a stretch happened; `None` where no time can be read."""
    sql = (
        "SELECT min(e.created_us), max(e.created_us) FROM place p JOIN entry e ON e.n = p.shown"
        " WHERE p.run = ? AND p.position >= ? AND p.position < ?"
    )
    ((low, high),) = store.read(sql, [run.number, stretch.position, stretch.end])
    return None if low is None else (int(low), int(high))


def histogram(
    store: EntryStore, run: Run, stretch: Stretch, whole: tuple[int, int], buckets: int
) -> list[tuple[int, int, int]]:
    """Of a stretch of rows: number of the bucket, entries in it, those that failed.

    Bucket `k` of a `whole` range (first and last instant) of `width` microseconds begins `width * k // buckets` after
    its first.
    """
    low, high = whole
    sql = (
        "SELECT ((e.created_us - ? + 1) * ? - 1) / ?, count(*), count(*) FILTER (WHERE e.status_code >= 400)"
        " FROM place p JOIN entry e ON e.n = p.shown"
        " WHERE p.run = ? AND p.position >= ? AND p.position < ? AND e.created_us BETWEEN ? AND ? GROUP BY 1"
    )
    found = store.read(sql, [low, buckets, high + 1 - low, run.number, stretch.position, stretch.end, low, high])
    # Over thousands of years SQLite goes on with floats, which are good enough there.
    return [(min(int(bucket), buckets - 1), n, failed) for bucket, n, failed in found]


def raws(store: EntryStore, run: Run, stretch: Stretch) -> list[str]:
    """The JSON, as it came, of the versions that a stretch of rows shows."""
    sql = (
        "SELECT j.raw FROM place p JOIN json j ON j.n = p.shown"
        " WHERE p.run = ? AND p.position >= ? AND p.position < ? ORDER BY p.position"
    )
    return [str(raw) for (raw,) in store.read(sql, [run.number, stretch.position, stretch.end])]
