"""An archive as a source that the API's endpoints answer from, larger than memory.

A page is read from the few row groups that it may lie in. Of the whole log, the files themselves say how many entries
of which times are in which row groups. Of a filter, the manifest says it of whole parts; what it does not say is
counted once, by row group, and kept. Nothing of the archive is copied but what is asked for.

A part is compared with the manifest before it is first read; one that was changed is left out from then on.
"""

from __future__ import annotations

import heapq
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

from auditlog_tui.archive import snapshot
from auditlog_tui.archive.conditions import (
    ARRIVAL_BITS,
    ROW,
    Condition,
    all_of,
    beyond,
    conditions,
    sorted_by,
    within,
)
from auditlog_tui.archive.counts import status_bounds
from auditlog_tui.archive.engine import ROW_GROUP, Reader, Value, check_installed
from auditlog_tui.archive.integrity import DamagedError, Integrity
from auditlog_tui.archive.snapshot import MISSING, Block, Opened, Snapshot
from auditlog_tui.entries.models import read_entry
from auditlog_tui.entries.raw_json import restored
from auditlog_tui.errors import ArchiveError
from auditlog_tui.offline.source import ARRIVAL, Filter, Found, Located, Order, Place
from auditlog_tui.output.files import shown

MOST_AHEAD = 4_096
"""Entries read at once at most, where page after page is asked for."""

AHEAD_BYTES = 16 * 1024 * 1024
"""Bytes of entries read at once at most, as far as those before tell."""

GROWTH = 4
"""So many times as much is read at once where a walk goes on."""

RUNS_KEPT, RUN_BYTES_KEPT = 100, 64 * 1024 * 1024
COUNTS_KEPT, BLOCKS_KEPT, NOTED_KEPT, SHARED_KEPT = 10_000, 500_000, 100, 50

MOST_EDGES = 16
"""Blocks that a bound of time cuts are counted one by one, up to so many."""

AT_ONCE = 16
"""Places of parts that one query reads at once."""

_ALWAYS = -(2**62), 2**62
_EVERYTHING = Filter()
_ROWS_OF_PART = (
    "SELECT ?::BIGINT, file_row_number, raw FROM read_parquet(?)"
    " WHERE file_row_number BETWEEN ? AND ? AND list_contains(?::BIGINT[], file_row_number)"
)


class _Key(NamedTuple):
    """A row of a part: what it is sorted by, and where it is."""

    us: int
    status: int
    part: int
    row: int


@dataclass(frozen=True, slots=True)
class _Run:
    """Successive entries of a filter in an order, from a place on. `ended` says that no more follow."""

    after: Place | None
    entries: Sequence[Located]
    ended: bool
    bytes: int
    index: dict[Place, int]

    @classmethod
    def of(cls, after: Place | None, entries: Sequence[Located], *, ended: bool) -> _Run:
        size = sum(len(entry.text) for entry in entries)
        return cls(after, entries, ended, size, {entry.place: at for at, entry in enumerate(entries)})

    def start(self, after: Place | None) -> int | None:
        """The index of the first entry after a place; `None` if it is not known here."""
        if after == self.after:
            return 0
        at = None if after is None else self.index.get(after)
        return None if at is None else at + 1


_Answer = TypeVar("_Answer")

_Shape = tuple[Filter, str]
"""A filter without one of its conditions, and the column of that."""


class _State:
    """A snapshot, and what was found out about it."""

    def __init__(self, taken: Snapshot) -> None:
        self.snapshot = taken
        self.lock = threading.Lock()
        self.counts: OrderedDict[Filter, int] = OrderedDict()
        self.blocks: OrderedDict[Filter, dict[int, list[Block]]] = OrderedDict()
        self.noted: OrderedDict[Filter, list[int | None]] = OrderedDict()
        self.runs: OrderedDict[tuple[Filter, Order, bool], _Run] = OrderedDict()
        self.paths: list[str] | None = None
        self.sharing = threading.Lock()
        self.values: dict[_Shape, str] = {}
        self.shared: OrderedDict[_Shape, dict[int, dict[str, int]]] = OrderedDict()

    def parts(self, indexes: Iterable[int]) -> list[Opened]:
        return [self.snapshot.parts[at] for at in indexes]

    def matching(self, base: Filter) -> Sequence[int | None]:
        """How many entries of each part match a filter without bounds of time, as far as the manifest tells."""
        with self.lock:
            if base in self.noted:
                self.noted.move_to_end(base)
                return self.noted[base]
        found = [part.rows if base == _EVERYTHING else part.matching(base) for part in self.snapshot.parts]
        with self.lock:
            self.noted[base] = found
            if len(self.noted) > NOTED_KEPT:
                self.noted.popitem(last=False)
        return found

    def run(self, where: Filter, order: Order, after: Place | None) -> tuple[_Run | None, int]:
        """What was read that goes on after a place, and the index of the entry there; `None` if nothing was."""
        with self.lock:
            for begins in (False, True):
                run = self.runs.get((where, order, begins))
                start = None if run is None else run.start(after)
                if start is not None:
                    return run, start
        return None, 0

    def keep(self, where: Filter, order: Order, run: _Run) -> None:
        """Keep what was read, beside what the order begins with, which is asked for with every count."""
        with self.lock:
            key = where, order, run.after is None
            self.runs.pop(key, None)
            self.runs[key] = run
            size = sum(each.bytes for each in self.runs.values())
            while len(self.runs) > 1 and (len(self.runs) > RUNS_KEPT or size > RUN_BYTES_KEPT):
                size -= self.runs.popitem(last=False)[1].bytes

    def trim(self) -> None:
        """Forget the blocks of filters that were not asked for lately."""
        with self.lock:
            size = sum(len(blocks) for known in self.blocks.values() for blocks in known.values())
            while len(self.blocks) > 1 and size > BLOCKS_KEPT:
                size -= sum(len(blocks) for blocks in self.blocks.popitem(last=False)[1].values())


def check_archive(folder: Path) -> Path:
    """The path of an archive without links. Raises `ArchiveRefusedError` if it is none, and without DuckDB."""
    check_installed()
    found = folder.expanduser().resolve()
    snapshot.manifest_of(found)
    return found


class ArchiveSource:
    """The archive in a folder, as it was when it was opened or reloaded. For several threads.

    Every method raises `ArchiveError`, and the constructor `ArchiveRefusedError` for a folder that is no archive, and
    without DuckDB.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = check_archive(folder)
        self._reader = Reader(self.folder)
        self._integrity = Integrity(self._reader)
        self._leaving_out = threading.Lock()
        try:
            self._state = _State(snapshot.take(self.folder, self._reader))
        except BaseException:
            self._reader.close()
            raise

    @property
    def snapshot(self) -> Snapshot:
        return self._state.snapshot

    def reload(self) -> None:
        """Take what is in the folder now."""
        taken = snapshot.take(self.folder, self._reader)
        damaged = self._integrity.known_damaged(taken.parts)
        self._state = _State(taken.without(damaged) if damaged else taken)

    # -- the source --------------------------------------------------------------------------------------------

    def find(self, where: Filter, order: Order, after: Place | None, limit: int) -> Found:
        def found(state: _State) -> Found:
            total = self._count(state, where)
            return Found(self._entries(state, where, order, after, limit) if total else [], total)

        return self._answer(found)

    def get(self, entry_id: str) -> str | None:
        """The entry's text; of several versions, the one that came last."""
        return self._answer(lambda state: self._get(state, entry_id))

    def now(self) -> datetime | None:
        """None: an archive has no clock."""
        return None

    def interrupt(self) -> None:
        """Let what is under way in other threads end with an `ArchiveError`."""
        self._reader.interrupt()

    def close(self) -> None:
        self._integrity.stop()
        self._reader.close()

    def _answer(self, ask: Callable[[_State], _Answer]) -> _Answer:
        """The answer of the parts that are intact. The `ArchiveError` says what happened to the archive."""
        while True:
            state = self._state
            try:
                return ask(state)
            except DamagedError as error:
                with self._leaving_out:
                    if self._state is state:
                        self._state = _State(state.snapshot.without(error.parts))
            except ArchiveError as error:
                why = snapshot.changed_since(self.folder, state.snapshot)
                raise ArchiveError(why or f"{error} auditlog-tui verify {shown(self.folder)} checks it.") from error

    @contextmanager
    def _reading(self, state: _State, parts: Iterable[int]) -> Iterator[list[str]]:
        """The names of parts to be read, which are intact. Raises `DamagedError` if one is not, or can't be read."""
        opened = state.parts(parts)
        self._integrity.check(opened)
        try:
            yield Reader.named(part.path for part in opened)
        except DamagedError:
            raise
        except ArchiveError:
            self._integrity.explain(opened)
            raise

    def _get(self, state: _State, entry_id: str) -> str | None:
        sql = "SELECT raw FROM read_parquet(?) WHERE id = ? ORDER BY file_index DESC, file_row_number DESC"
        every = {name: at for at, part in enumerate(state.snapshot.parts) for name in Reader.named([part.path])}
        try:
            chosen = self._reader.may_have(list(every), "id", entry_id)
        except ArchiveError:
            self._integrity.explain(state.snapshot.parts)
            raise
        with self._reading(state, map(every.__getitem__, chosen)) as named:
            found = self._reader.rows(sql, [named, entry_id]) if named else []
        texts = (restored(raw) for (raw,) in found)
        text = next((text for text in texts if read_entry(text).fields.id == entry_id), None)
        if text is None:
            self._integrity.check(state.snapshot.parts)  # one that was changed may hide what it has
        return text

    # -- counts ------------------------------------------------------------------------------------------------

    def _count(self, state: _State, where: Filter) -> int:
        with state.lock:
            if where in state.counts:
                state.counts.move_to_end(where)
                return state.counts[where]
        count = self._count_in(state, _Query.of(where))
        with state.lock:
            state.counts[where] = count
            if len(state.counts) > COUNTS_KEPT:
                state.counts.popitem(last=False)
        return count

    def _count_in(self, state: _State, query: _Query) -> int:
        blocks = self._coarse(state, query)
        cut = {block.part for block in blocks if not query.encloses(block)}
        blocks = [*(block for block in blocks if block.part not in cut), *self._blocks(state, query, sorted(cut))]
        edges = [block for block in blocks if not query.encloses(block)]
        if len(edges) <= MOST_EDGES:
            inside = sum(block.n for block in blocks if query.encloses(block))
            return inside + sum(self._count_rows(state, query, [block.part], block) for block in edges)
        parts = {block.part for block in edges}
        return sum(block.n for block in blocks if block.part not in parts) + self._count_rows(
            state, query, sorted(parts)
        )

    def _count_rows(self, state: _State, query: _Query, parts: Sequence[int], block: Block | None = None) -> int:
        """How many entries match in the parts, or only in a block of the one part."""
        bounds = [within(query.low, query.high)]
        if block is not None:
            bounds.append(("file_row_number BETWEEN ? AND ?", [block.first, block.first + block.rows - 1]))
        condition, values = all_of([*bounds, *self._conditions(state, query, parts)])
        sql = f"SELECT count(*) FROM read_parquet(?) WHERE {condition}"  # noqa: S608  # own names only
        with self._reading(state, parts) as named:
            count: int = self._reader.rows(sql, [named, *values])[0][0]
        return count

    def _coarse(self, state: _State, query: _Query) -> list[Block]:
        """As `_blocks` of all parts, but a part whose number of matching entries is known is one block."""
        known, found, unknown = state.matching(query.base), list[Block](), list[int]()
        asked = [at for at, part in enumerate(state.snapshot.parts) if query.may_be_in(part)]
        lacking = [at for at in asked if known[at] is None]
        shared = self._shared(state, query.base, lacking) if lacking else {}
        for at in asked:
            n = shared.get(at, known[at])
            if n is None:
                unknown.append(at)
            elif n:
                part = state.snapshot.parts[at]
                found.append(Block(at, 0, part.rows, n, part.low, part.high))
        return [*found, *self._blocks(state, query, unknown)]

    def _shared(self, state: _State, base: Filter, parts: Sequence[int]) -> Mapping[int, int]:
        """How many entries match in some of the parts, from a scan that counted all values of one column.

        Of filters that differ in the value of one column, the second one makes that scan, for all that follow.
        """
        for condition in base.exact:
            column, value = condition
            rest = Filter(tuple(each for each in base.exact if each != condition), base.path, base.bounds)
            if state.values.setdefault((rest, column), value) == value:
                continue
            with state.sharing:
                values = state.shared.setdefault((rest, column), {})
                state.shared.move_to_end((rest, column))
                lacking = [at for at in parts if at not in values and state.snapshot.parts[at].has_few(column)]
                if lacking:
                    values.update(self._count_values(state, rest, column, lacking))
                if len(state.shared) > SHARED_KEPT:
                    state.shared.popitem(last=False)
            return {at: values[at].get(value, 0) for at in parts if at in values}
        return {}

    def _count_values(
        self, state: _State, rest: Filter, column: str, parts: Sequence[int]
    ) -> dict[int, dict[str, int]]:
        condition, values = all_of(self._conditions(state, _Query.of(rest), parts))
        sql = f"SELECT file_index, {column}, count(*) FROM read_parquet(?) WHERE {condition} GROUP BY ALL"  # noqa: S608  # own names only
        found: dict[int, dict[str, int]] = {at: {} for at in parts}
        with self._reading(state, parts) as named:
            rows = self._reader.rows(sql, [named, *values])
        for file, value, n in rows:
            found[parts[file]][value] = n
        return found

    def _blocks(self, state: _State, query: _Query, parts: Sequence[int]) -> list[Block]:
        """The blocks of the parts in which entries match, within the bounds of time."""
        self._integrity.check(state.parts(parts))  # the files tell their blocks
        if query.base == _EVERYTHING:
            found: Iterable[Block] = (block for at in parts for block in state.snapshot.parts[at].blocks)
        else:
            found = self._counted_blocks(state, query, parts)
        return [block for block in found if block.low <= query.high and query.low <= block.high]

    def _counted_blocks(self, state: _State, query: _Query, parts: Sequence[int]) -> Iterator[Block]:
        with state.lock:
            known = state.blocks.setdefault(query.base, {})
            state.blocks.move_to_end(query.base)
            lacking = [at for at in parts if at not in known]
        for odd in (False, True):
            chosen = [at for at in lacking if state.snapshot.parts[at].odd is odd]
            if chosen:
                counted = self._count_blocks(state, query, chosen)
                with state.lock:
                    known.update(counted)
        state.trim()
        return (block for at in parts for block in known[at])

    def _count_blocks(self, state: _State, query: _Query, parts: Sequence[int]) -> dict[int, list[Block]]:
        condition, values = all_of(self._conditions(state, query, parts))
        sql = (
            f"SELECT file_index, file_row_number // {ROW_GROUP}, count(*)"  # noqa: S608  # own names only
            f" FROM read_parquet(?) WHERE {condition} GROUP BY ALL"
        )
        found: dict[int, list[Block]] = {at: [] for at in parts}
        with self._reading(state, parts) as named:
            rows = self._reader.rows(sql, [named, *values])
        for file, nth, n in rows:
            part = state.snapshot.parts[parts[file]]
            found[parts[file]].append(part.block(nth * ROW_GROUP, ROW_GROUP, n))
        return found

    def _conditions(self, state: _State, query: _Query, parts: Iterable[int]) -> Iterator[Condition]:
        odd = any(part.odd for part in state.parts(parts))
        return conditions(query.base, odd=odd, paths=lambda needle: self._paths(state, needle))

    def _paths(self, state: _State, needle: str) -> list[str]:
        """The paths not of ASCII alone that have a case-folded text in them."""
        if state.paths is None:
            sql = "SELECT DISTINCT path FROM read_parquet(?) WHERE strlen(path) <> length(path)"
            with self._reading(state, range(len(state.snapshot.parts))) as named:
                state.paths = [path for (path,) in self._reader.rows(sql, [named])]
        return [path for path in state.paths if needle in path.casefold()]

    # -- pages -------------------------------------------------------------------------------------------------

    def _entries(
        self, state: _State, where: Filter, order: Order, after: Place | None, limit: int
    ) -> Sequence[Located]:
        """The entries after a place; where a walk goes on, more of them are read at once, and kept."""
        run, start = state.run(where, order, after)
        wanted = limit
        if run is not None:
            if start + limit <= len(run.entries) or run.ended:
                return run.entries[start : start + limit]
            each = run.bytes // len(run.entries) + 1 if run.entries else 1
            wanted = max(limit, min(MOST_AHEAD, GROWTH * len(run.entries), AHEAD_BYTES // each))
        query = _Query.of(where)
        keys = self._keys(state, query, order, after, wanted)
        texts = self._texts(state, keys)
        entries = [Located(text, _place(state, key, order)) for key, text in zip(keys, texts, strict=True)]
        state.keep(where, order, _Run.of(after, entries, ended=len(entries) < wanted))
        return entries[:limit]

    def _keys(self, state: _State, query: _Query, order: Order, after: Place | None, limit: int) -> list[_Key]:
        """Where the first `limit` matching entries after a place are, in this order."""
        if order[0][0] == "status_code":
            statuses = self._statuses(state, query)
            if statuses is None:
                return self._read_keys(state, query, order, after, limit, self._coarse(state, query))
            return self._keys_by_status(state, query, order, after, limit, statuses)
        down, keys = order[0][1], list[_Key]()
        blocks = self._coarse(state, query)
        for dated in (True, False) if down else (False, True):
            stage = [block for block in blocks if state.snapshot.parts[block.part].dated is dated]
            place_us = None if after is None else after[0] if order[0][0] == "created_at" else query.low
            near = choose(stage, down, query, place_us, limit - len(keys))
            finer = self._blocks(state, query, sorted({block.part for block in near}))
            chosen = choose(finer, down, query, place_us, limit - len(keys))
            if chosen and len(keys) < limit:
                narrow = query.narrowed(chosen, down, place_us) if dated else query
                keys += self._read_keys(state, narrow, order, after, limit - len(keys), chosen)
        return keys

    def _statuses(self, state: _State, query: _Query) -> list[int] | None:
        """The statuses of all entries that match; `None` if that takes reading them."""
        if query.base.exact or query.base.path is not None:
            return None
        found = set[str]()
        for part in state.snapshot.parts:
            if query.may_be_in(part):
                statuses = part.statuses()
                if statuses is None:
                    return None
                found.update(statuses)
        low, high = status_bounds(query.base)
        return sorted(status for status in map(int, found) if low <= status <= high)

    def _keys_by_status(
        self, state: _State, query: _Query, order: Order, after: Place | None, limit: int, statuses: Sequence[int]
    ) -> list[_Key]:
        """As `_keys`, one status after the other, so that only the entries of the page are sorted."""
        down, keys = order[0][1], list[_Key]()
        for status in reversed(statuses) if down else statuses:
            if len(keys) >= limit:
                break
            if after is not None and (status > after[0] if down else status < after[0]):
                continue
            of_status = replace(query, base=Filter(bounds=(("status_code", status, status),)))
            begin = after[1:] if after is not None and status == after[0] else None
            keys += self._keys(state, of_status, order[1:], begin, limit - len(keys))
        return keys

    def _read_keys(
        self, state: _State, query: _Query, order: Order, after: Place | None, limit: int, blocks: Sequence[Block]
    ) -> list[_Key]:
        parts = sorted({block.part for block in blocks})
        bounds = [within(query.low, query.high)] if query.bounded else []
        condition, values = all_of([*bounds, *self._conditions(state, query, parts)])
        numbers = [part.number for part in state.parts(parts)]
        later, more = ("true", []) if after is None else beyond(order, after, numbers)
        sql = (
            f"SELECT us, status, file, row FROM (SELECT {ROW} FROM read_parquet(?) WHERE {condition})"  # noqa: S608  # own names only
            f" WHERE {later} ORDER BY {sorted_by(order)} LIMIT {limit}"
        )
        with self._reading(state, parts) as named:
            rows = self._reader.rows(sql, [named, *values, *more])
        return [_Key(us, status, parts[file], row) for us, status, file, row in rows]

    def _texts(self, state: _State, keys: Sequence[_Key]) -> Iterator[str]:
        """The texts of entries, of which those near each other in a part are read together."""
        near: dict[tuple[int, int], list[int]] = {}
        for key in keys:
            near.setdefault((key.part, key.row // ROW_GROUP), []).append(key.row)
        found = dict[tuple[int, int], str]()
        places = iter(near.items())
        while some := list(islice(places, AT_ONCE)):
            values = list[Value]()
            with self._reading(state, (part for (part, _), _ in some)) as named:
                for ((part, _), rows), name in zip(some, named, strict=True):
                    values += [part, [name], min(rows), max(rows), rows]
                read = self._reader.rows(" UNION ALL ".join([_ROWS_OF_PART] * len(some)), values)
            for part, row, raw in read:
                found[part, row] = restored(raw)
        return (found[key.part, key.row] for key in keys)


@dataclass(frozen=True, slots=True)
class _Query:
    """A filter: `base` has no bounds of time, which are `low` and `high` in microseconds if it is `bounded`."""

    base: Filter
    bounded: bool
    low: int
    high: int

    @classmethod
    def of(cls, where: Filter) -> _Query:
        bounds = [bound for bound in where.bounds if bound[0] == "created_at"]
        base = Filter(where.exact, where.path, tuple(bound for bound in where.bounds if bound[0] != "created_at"))
        if not bounds:
            return cls(base, False, *_ALWAYS)
        low = max(_ALWAYS[0] if low is None else low for _, low, _ in bounds)
        high = min(_ALWAYS[1] if high is None else high for _, _, high in bounds)
        # what has no time is in no range of time
        return cls(base, True, max(low, MISSING + 1), high)

    def encloses(self, block: Block) -> bool:
        """Whether all times of a block are within the bounds."""
        return self.low <= block.low and block.high <= self.high

    def may_be_in(self, part: Opened) -> bool:
        return (part.dated or not self.bounded) and part.low <= self.high and self.low <= part.high

    def narrowed(self, blocks: Sequence[Block], down: bool, after_us: int | None) -> _Query:
        """The same within the time of some blocks, and after a time in the order."""
        low, high = (max(self.low, min(b.low for b in blocks)), min(self.high, max(b.high for b in blocks)))
        if after_us is not None:
            low, high = (low, min(high, after_us)) if down else (max(low, after_us), high)
        return _Query(self.base, True, low, high)


def choose(blocks: Iterable[Block], down: bool, query: _Query, after_us: int | None, limit: int) -> list[Block]:
    """The blocks that have the first `limit` entries after a time, latest first (`down`) or earliest first.

    Every entry of the others is later in the order than so many of these.
    """
    way = -1 if down else 1  # along the order, times times this grow
    near = {block: min(way * block.low, way * block.high) for block in blocks}
    start = None if after_us is None else way * after_us
    left = sorted((block for block in near if start is None or _far(block, way) >= start), key=lambda b: near[b])
    chosen, waiting, sure = list[Block](), list[tuple[int, int]](), 0
    for block in left:
        while waiting and waiting[0][0] < near[block]:
            sure += heapq.heappop(waiting)[1]
        if sure >= limit:
            break
        chosen.append(block)
        whole = query.encloses(block) and (start is None or near[block] > start)
        heapq.heappush(waiting, (_far(block, way), block.n if whole else 0))
    return chosen


def _far(block: Block, way: int) -> int:
    return max(way * block.low, way * block.high)


def _place(state: _State, key: _Key, order: Order) -> Place:
    number = state.snapshot.parts[key.part].number
    values = {"created_at": key.us, "status_code": key.status, ARRIVAL: (number << ARRIVAL_BITS) + key.row}
    return tuple(values[field] for field, _ in order)
