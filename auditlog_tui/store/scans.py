"""Time-sliced scans over a run: at most `SLICE` rows are read between two turns of the event loop.

`Scan` and `stretches` say which rows to read next; the other functions each read one slice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from heapq import heappush, heappushpop
from itertools import groupby
from math import gcd, inf
from operator import itemgetter
from typing import NamedTuple

from auditlog_tui.entries.raw_json import restored
from auditlog_tui.query import Condition
from auditlog_tui.runtime import give_way
from auditlog_tui.store.entries import EntryStore, Row, Run, Stretch

SLICE = 2_000
"""Rows read at a time: 0.75 ms (measured with `GROUP BY` over a million rows)."""


# -- what to read next ---------------------------------------------------------------------------------------------


class Scan:
    """Tracks which rows of a growing run an incremental scan has covered."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.restart()

    def restart(self) -> None:
        """Begin again with no row covered."""
        self._low = self._high = self.run.first
        self.accept_cut()

    def accept_cut(self) -> None:
        """Go on after rows were removed from the run, as the result no longer depends on them."""
        self._low, self._high = max(self._low, self.run.first), max(self._high, self.run.first)
        self._cuts = self.run.cuts

    @property
    def read(self) -> int:
        """The number of rows covered."""
        return self._high - self._low

    @property
    def older_read(self) -> bool:
        """True when every row down to the older end is covered."""
        return not self.cut and self._high >= self.run.after

    @property
    def newer_read(self) -> bool:
        """True when every row up to the newer end is covered."""
        return not self.cut and self._low <= self.run.first

    @property
    def behind(self) -> bool:
        """True while rows are not covered, or covered rows were removed."""
        return not (self.older_read and self.newer_read)

    @property
    def cut(self) -> bool:
        """True when covered rows were removed, so that the result has to be computed anew."""
        return self._cuts != self.run.cuts

    def covers(self, position: int) -> bool:
        """True for a position that is covered."""
        return self._low <= position < self._high

    def next_stretch(self, most: int | None = None) -> Stretch | None:
        """The next rows to read, at most `most` (by default `SLICE`) and those at the older end first.

        `None` when every row is covered. Pass the stretch to `mark_read` once it was read.
        """
        run, most = self.run, most or SLICE
        if self._high < run.after:
            return Stretch(self._high, min(most, run.after - self._high))
        if self._low > run.first:
            count = min(most, self._low - run.first)
            return Stretch(self._low - count, count, older=False)
        return None

    def mark_read(self, stretch: Stretch) -> None:
        """Count a stretch from `next_stretch` as covered."""
        if stretch.older:
            self._high = stretch.end
        else:
            self._low = stretch.position


def stretches(positions: range, most: int | None = None, *, way: int = 1) -> Iterator[Stretch]:
    """Positions in slices of at most `most` rows (by default `SLICE`), downwards (1) or upwards (-1)."""
    most = most or SLICE
    while positions:
        near = positions[:most] if way > 0 else positions[-most:]
        positions = positions[most:] if way > 0 else positions[:-most]
        yield Stretch(near.start, len(near), older=way > 0)


# -- over all entries ----------------------------------------------------------------------------------------------


async def count_entries(store: EntryStore, condition: Condition) -> int:
    """The number of entries stored that a condition over `entry e` holds for, of any run. May be cancelled."""
    found, last = 0, store.size
    for first in range(1, last + 1, SLICE):
        found += _count_numbered(store, first, first + SLICE, condition)
        await give_way()
    return found


def _count_numbered(store: EntryStore, first: int, after: int, condition: Condition) -> int:
    """Count the entries among the versions `first` to `after - 1`.

    An entry with several versions is counted at the first version for which the condition holds.
    """
    where, values = condition
    sql = f"SELECT count(*) FROM entry e WHERE e.n >= ? AND e.n < ? AND ({where})"  # noqa: S608 (made by the query plan)
    earlier = f"SELECT 1 FROM entry e WHERE e.hash = v.hash AND e.key = v.key AND e.n < v.n AND ({where})"  # noqa: S608 (made by the query plan)
    repeated = (
        "SELECT count(*) FROM entry v WHERE v.n >= ? AND v.n < ? AND v.first <> v.n"  # noqa: S608 (made by the query plan)
        f" AND EXISTS (SELECT 1 FROM entry e WHERE e.n = v.n AND ({where})) AND EXISTS ({earlier})"
    )
    found = int(store.read(sql, [first, after, *values])[0][0])
    return found - int(store.read(repeated, [first, after, *values, *values])[0][0])


async def newest_unreadable(store: EntryStore, most: int, after: int = 0) -> list[Row]:
    """The newest `most` versions with a field that can't be read, of those stored after so many. May be cancelled."""
    return (await newest_matching(store, ("e.unreadable <> ''", []), most, after))[0]


async def newest_matching(
    store: EntryStore, condition: Condition, most: int, after: int = 0
) -> tuple[list[Row], int]:
    """The newest `most` of the versions stored, of any run, that a condition over `entry e` holds for, oldest first.

    Only those stored after the first `after` are looked at. Also the number of them all. A version without a readable
    time counts as newest. May be cancelled.
    """
    where, values = condition
    sql = f"SELECT e.created_us, e.n FROM entry e WHERE e.n >= ? AND e.n < ? AND ({where})"  # noqa: S608 (made by the query plan)
    newest: list[tuple[float, int]] = []
    total, last = 0, store.size
    for first in range(after + 1, last + 1, SLICE):
        for us, n in store.read(sql, [first, first + SLICE, *values]):
            total += 1
            put = heappush if total <= most else heappushpop
            put(newest, (inf if us is None else us, n))
        await give_way()
    numbers = [n for _, n in sorted(newest)]
    rows: list[Row] = []
    for at in range(0, len(numbers), ROWS_AT_ONCE):
        batch = numbers[at : at + ROWS_AT_ONCE]
        read = store.rows(batch)
        rows += [read[n] for n in batch]
        await give_way()
    return rows, total


ROWS_AT_ONCE = 500
"""Whole rows read in one go."""


# -- over a run, by binary search ----------------------------------------------------------------------------------


def newer_than(store: EntryStore, run: Run, us: int) -> int:
    """The number of rows at the top of a run, newest first, that happened at or after an instant.

    A row whose time can't be read counts as happening when the next row below it did.
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
    """The time of a row, or of the next row below it whose time can be read."""
    count = 1
    while rows := store.window(run, row, count):
        for found in rows:
            if found.created_us is not None:
                return found.created_us
        row, count = row + len(rows), SLICE
    return None


# -- over one stretch ----------------------------------------------------------------------------------------------

_ROWS = "FROM place p JOIN entry e ON e.n = p.shown WHERE p.run = ? AND p.position >= ? AND p.position < ?"


def _bounds(run: Run, stretch: Stretch) -> list[int]:
    return [run.number, stretch.position, stretch.end]


def numbers(store: EntryStore, run: Run, stretch: Stretch) -> list[tuple[int, int]]:
    """Position and version shown of each row, ordered by position."""
    sql = "SELECT position, shown FROM place WHERE run = ? AND position >= ? AND position < ? ORDER BY position"
    return store.read(sql, _bounds(run, stretch))


def keys(store: EntryStore, run: Run, stretch: Stretch) -> list[tuple[int, str]]:
    """Position and key of each row, ordered by position."""
    return store.read(f"SELECT p.position, e.key {_ROWS} ORDER BY p.position", _bounds(run, stretch))


def sorted_by(store: EntryStore, run: Run, stretch: Stretch) -> list[tuple[str, int | None, int | None]]:
    """Key, time and status of each row, ordered by position."""
    sql = f"SELECT e.key, e.created_us, e.status_code {_ROWS} ORDER BY p.position"
    return store.read(sql, _bounds(run, stretch))


def count_records(store: EntryStore, run: Run, stretch: Stretch, low: int | None, high: int) -> int:
    """The number of the server's records dated from `low` up to `high`, which the rows of the stretch are.

    A row that several records share counts where each of these is dated, not where the row is.
    """
    found = stretch.count
    for position, records, times in _shared_rows(store, run):
        here = stretch.position <= position < stretch.end
        inside = [us for us in times if (here if us is None else (low is None or low <= us) and us <= high)]
        found += min(records, max(len(set(inside)), records - (len(times) - len(inside)))) - here
    return found


def _shared_rows(store: EntryStore, run: Run) -> list[tuple[int, int, list[int | None]]]:
    """The rows that several records share: position, number of records, and the times of all their versions."""
    if not store.versioned:
        return []
    sql = (
        "SELECT p.position, r.more + 1, e.created_us FROM record_of r"
        " JOIN place p ON p.run = r.run AND p.entry = r.entry"
        " JOIN entry e ON e.n = p.shown OR e.n IN"
        " (SELECT n FROM version_of o WHERE o.run = r.run AND o.entry = r.entry)"
        " WHERE r.run = ? AND r.more > 0 ORDER BY p.position"
    )
    rows = groupby(store.read(sql, [run.number]), key=itemgetter(0, 1))
    return [(position, records, [us for *_, us in group]) for (position, records), group in rows]


def arrived(store: EntryStore, run: Run, after: int, since_us: int) -> list[int]:
    """The versions numbered above `after` whose entries are in the run, in the order in which they came.

    Without those of before a time (microseconds since 1970 UTC).
    """
    sql = (
        "SELECT e.n FROM entry e CROSS JOIN place p ON p.run = ? AND p.entry = e.first"
        " WHERE e.n > ? AND coalesce(e.created_us >= ?, 1) ORDER BY e.n"
    )
    return [n for (n,) in store.read(sql, [run.number, after, since_us])]


def left_out(store: EntryStore, run: Run, first: int, after: int) -> list[str]:
    """The JSON of the versions numbered from `first` up to `after` whose entries are not in the run."""
    sql = (
        "SELECT j.raw FROM entry e JOIN json j ON j.n = e.n WHERE e.n >= ? AND e.n < ?"
        " AND NOT EXISTS (SELECT 1 FROM place p WHERE p.run = ? AND p.entry = e.first) ORDER BY e.n"
    )
    return [restored(raw) for (raw,) in store.read(sql, [first, after, run.number])]


def stored(store: EntryStore, first: int, after: int) -> list[str]:
    """The JSON of the versions numbered from `first` up to `after`, of any run, that the store keeps."""
    found = store.read("SELECT raw FROM json WHERE n >= ? AND n < ? ORDER BY n", [first, after])
    return [restored(raw) for (raw,) in found]


def texts_since(store: EntryStore, entry: int, after: int, since_us: int) -> list[str]:
    """The JSON of an entry's versions numbered above `after`, in the order in which they came.

    Without those of before a time (microseconds since 1970 UTC).
    """
    sql = (
        "SELECT j.raw FROM entry e JOIN json j ON j.n = e.n WHERE (e.n = ? OR (e.first = ? AND e.first <> e.n))"
        " AND e.n > ? AND coalesce(e.created_us >= ?, 1) ORDER BY e.n"
    )
    return [restored(raw) for (raw,) in store.read(sql, [entry, entry, after, since_us])]


def raw_of(store: EntryStore, n: int) -> str:
    """The JSON of version `n`, exactly as received."""
    return restored(store.read("SELECT raw FROM json WHERE n = ?", [n])[0][0])


def text_of(store: EntryStore, n: int) -> str | None:
    """`raw_of`, or `None` for one that a `passing` store does not keep any more."""
    if found := store.read("SELECT raw FROM json WHERE n = ?", [n]):
        return restored(found[0][0])
    try:
        return store.passed(n)
    except LookupError:
        return None


def with_versions(store: EntryStore, run: Run, stretch: Stretch) -> list[int]:
    """The versions shown of the entries that have several, ordered by position."""
    found = store.read(f"SELECT e.n {_ROWS} AND e.versions > 0 ORDER BY p.position", _bounds(run, stretch))
    return [n for (n,) in found]


def newest_version(store: EntryStore, run: Run) -> tuple[int, str] | None:
    """The time and the key of the newest version of those entries of a run that have several; `None` without one."""
    if not run.noted:
        return None
    sql = "SELECT e.created_us, e.key FROM version_of o JOIN entry e ON e.n = o.n WHERE o.run = ? ORDER BY 1 DESC"
    found = store.read(f"{sql} LIMIT 1", [run.number])
    return found[0] if found and found[0][0] is not None else None


def count_undated(store: EntryStore, run: Run, stretch: Stretch) -> int:
    """The number of rows whose time can't be read."""
    return int(store.read(f"SELECT count(*) {_ROWS} AND e.created_us IS NULL", _bounds(run, stretch))[0][0])


def raws(store: EntryStore, run: Run, stretch: Stretch) -> list[str]:
    """The JSON of the version that each row shows, exactly as received, ordered by position.

    Raises `LookupError` for one that a `passing` store does not keep any more.
    """
    sql = (
        "SELECT p.shown, j.raw FROM place p LEFT JOIN json j ON j.n = p.shown"
        " WHERE p.run = ? AND p.position >= ? AND p.position < ? ORDER BY p.position"
    )
    found = store.read(sql, _bounds(run, stretch))
    return [store.passed(n) if raw is None else restored(raw) for n, raw in found]


def all_raws(store: EntryStore, run: Run, stretch: Stretch) -> list[str]:
    """The JSON of every version of each row, exactly as received, ordered by position; the one shown comes first."""
    texts = raws(store, run, stretch)
    if not store.versioned:
        return texts
    rows = store.window(run, stretch.position - run.first, stretch.count)
    found: list[str] = []
    for row, text in zip(rows, texts, strict=True):
        found += [text, *store.versions(row.n)] if row.versions else [text]
    return found


def first_and_last(store: EntryStore, run: Run, stretch: Stretch, most: int) -> tuple[list[int], list[int], int]:
    """The first and the last `most` times (microseconds, ascending), and the number of rows with a time."""
    times = f"{_ROWS} AND e.created_us IS NOT NULL"
    bounds = _bounds(run, stretch)
    ((n,),) = store.read(f"SELECT count(*) {times}", bounds)
    first, last = (
        [int(us) for (us,) in store.read(f"SELECT e.created_us {times} ORDER BY 1 {way} LIMIT ?", [*bounds, most])]
        for way in ("ASC", "DESC")
    )
    return first, last[::-1], int(n)


def positions(store: EntryStore, run: Run, stretch: Stretch, condition: Condition) -> list[int]:
    """The positions of the rows that a condition over `entry e` holds for, ascending.

    Of an entry with several versions it reads the one shown.
    """
    where, values = condition
    sql = f"SELECT p.position {_ROWS} AND ({where}) ORDER BY p.position"
    return [position for (position,) in store.read(sql, [*_bounds(run, stretch), *values])]


def matches(
    store: EntryStore, run: Run, stretch: Stretch, condition: Condition
) -> tuple[int, int | None, int | None]:
    """The number of rows that a condition over `entry e` holds for, and the first and last of their times.

    Of an entry with several versions it reads the one shown.
    """
    where, values = condition
    sql = f"SELECT count(*), min(e.created_us), max(e.created_us) {_ROWS} AND ({where})"
    (found,) = store.read(sql, [*_bounds(run, stretch), *values])
    return found


def histogram(store: EntryStore, run: Run, stretch: Stretch, edges: Sequence[int]) -> list[tuple[int, int, int]]:
    """For each bucket with entries: its index, the number of entries, and the number of those that failed.

    `edges` are the times, ascending, at which each bucket begins, and the time at which the last one ends.
    """
    inner = edges[1:-1] or edges[:1]
    grid = gcd(*(edge - inner[0] for edge in inner)) or edges[-1] - edges[0]  # no edge lies inside a cell of the grid
    anchor = inner[0] + (edges[0] - inner[0]) // grid * grid
    sql = (
        f"SELECT min(e.created_us), count(*), count(*) FILTER (WHERE e.status_code >= 400) {_ROWS}"
        " AND e.created_us >= ? AND e.created_us < ? GROUP BY (e.created_us - ?) / ?"
    )
    counts: dict[int, tuple[int, int]] = {}
    for us, n, failed in store.read(sql, [*_bounds(run, stretch), edges[0], edges[-1], anchor, grid]):
        bucket = bisect_right(edges, us) - 1
        before = counts.get(bucket, (0, 0))
        counts[bucket] = before[0] + n, before[1] + failed
    return [(index, n, failed) for index, (n, failed) in sorted(counts.items())]


class ValueCount(NamedTuple):
    """A value of a column (`None`: absent or unreadable) and the number of rows with it.

    `name` and `kind` are from one of these rows. A value that is `long`, or a name or kind, is left out as `None`.
    """

    value: str | int | None
    long: bool
    rows: int
    name: str | None
    kind: str | None


def value_counts(
    store: EntryStore, run: Run, stretch: Stretch, columns: tuple[str, str | None, str | None], longest: int
) -> list[ValueCount]:
    """Count the values of a column. `columns` of `Row` are those of the value, its name and its kind (`None`: none).

    Texts of more than `longest` bytes are long.
    """
    value, name, kind = (f"e.{column}" if column else "NULL" for column in columns)
    sql = (
        f"SELECT {_unless_long(value, longest)}, {_is_long(value, longest)}, count(*),"
        f" {_unless_long(f'max({name})', longest)}, {_unless_long(f'max({kind})', longest)} {_ROWS} GROUP BY {value}"
    )
    return [ValueCount._make(found) for found in store.read(sql, _bounds(run, stretch))]


def _is_long(text: str, longest: int) -> str:
    """An SQL condition on the bytes of a text; SQLite's `length` and `substr` of a text end at the first NUL."""
    return f"length(CAST({text} AS BLOB)) > {longest}"


def _unless_long(text: str, longest: int) -> str:
    return f"CASE WHEN {_is_long(text, longest)} THEN NULL ELSE {text} END"


ActorEvent = tuple[int, int, int, str, str | None, str | None, str | None, str | None]
"""`created_us`, tie-breaker, `n`, `actor_id`, `actor_type`, `client_ip`, `user_agent`, `action`.

The tie-breaker orders entries of one instant. A plain tuple, as there may be a million of them.
"""


def actor_events(store: EntryStore, run: Run, stretch: Stretch, *, ascending: bool) -> list[ActorEvent]:
    """Rows with a time and an actor, oldest first; `ascending` says that positions grow towards the newer end."""
    tie = "p.position" if ascending else "-p.position"
    sql = (
        f"SELECT e.created_us, {tie}, e.n, e.actor_id, e.actor_type, e.client_ip, e.user_agent, e.action {_ROWS}"
        " AND e.created_us IS NOT NULL AND e.actor_id IS NOT NULL ORDER BY 1, 2"
    )
    return store.read(sql, _bounds(run, stretch))
