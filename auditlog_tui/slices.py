"""Questions about many entries, each asked of a slice at a time so that no key waits for an answer."""

from __future__ import annotations

from auditlog_tui.store import EntryStore, Run

SLICE = 2_000
"""Rows a slice: 0.75 ms (measured for `GROUP BY` over a million rows)."""


def count_slice(store: EntryStore, first: int, after: int, where: tuple[str, list[object]]) -> int:
    """How many of the entries numbered `first` to `after - 1` the condition over `entry e` holds for."""
    condition, values = where
    sql = f"SELECT count(*) FROM entry e WHERE e.n >= ? AND e.n < ? AND ({condition})"  # noqa: S608 (made by the query plan)
    return int(str(store.read(sql, [first, after, *values])[0][0]))


def newer_than(store: EntryStore, run: Run, us: int) -> int:
    """How many rows at the top of a run happened at or after an instant; later ones are not looked at."""
    newer = 0
    while rows := store.window(run, newer, SLICE):
        kept = [row for row in rows if row.created_us is None or row.created_us >= us]
        newer += len(kept)
        if len(kept) < len(rows):
            break
    return newer


def span(store: EntryStore, run: Run) -> tuple[int | None, int | None]:
    """When the first and the last entry of a run happened, as far as that is known at its ends."""
    ends = [*store.window(run, 0, 1), *store.window(run, len(run) - 1, 1)]
    known = [row.created_us for row in ends if row.created_us is not None]
    return (min(known), max(known)) if known else (None, None)


def histogram(
    store: EntryStore, run: Run, first: int, count: int, origin_us: int, width_us: int
) -> list[tuple[int, int, int]]:
    """Of a slice of rows: number of the stretch of time since `origin_us`, entries in it, those that failed."""
    start = run.first + first
    sql = (
        "SELECT (e.created_us - ?) / ?, count(*), count(*) FILTER (WHERE e.status_code >= 400)"
        " FROM place p JOIN entry e ON e.n = p.entry"
        " WHERE p.run = ? AND p.position >= ? AND p.position < ? AND e.created_us IS NOT NULL GROUP BY 1"
    )
    found = store.read(sql, [origin_us, width_us, run.number, start, start + count])
    return [(int(str(stretch)), int(str(n)), int(str(failed))) for stretch, n, failed in found]


def raws(store: EntryStore, run: Run, first: int, count: int) -> list[str]:
    """The JSON, as it came, of the entries in a slice of rows."""
    start = run.first + first
    sql = (
        "SELECT e.raw FROM place p JOIN entry e ON e.n = p.entry"
        " WHERE p.run = ? AND p.position >= ? AND p.position < ? ORDER BY p.position"
    )
    return [str(raw) for (raw,) in store.read(sql, [run.number, start, start + count])]
