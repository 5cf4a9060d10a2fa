import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditlog_tui.entries.models import Entry
from auditlog_tui.errors import StoreError
from auditlog_tui.query import FIELDS
from auditlog_tui.store import sorting
from auditlog_tui.store.entries import EntryStore, Row, Run, Stretch
from auditlog_tui.store.scans import first_and_last, raws
from auditlog_tui.store.sorting import sorted_run
from tests.unit.fake import FakeApi, entry, log_of, read
from tests.unit.query.strategies import entries
from tests.unit.store.runs import keys
from tests.unit.views import ignore, keys_of, load, view_of

SORTABLE = [field.name for field in FIELDS.values() if field.sortable]
WAYS = ("asc", "desc")


def run_of(store: EntryStore, found: list[Entry]) -> Run:
    run = store.new_run()
    store.append(run, store.add(found))
    return run


def by_hand(rows: list[Row], order: list[tuple[str, str]]) -> list[str]:
    """Python's own stable sort, by the last field first."""
    for field, way in reversed(order):
        column = FIELDS[field].columns[0]
        known = [row for row in rows if getattr(row, column) is not None]
        rows = [
            *_stable(known, column, descending=way == "desc"),
            *(row for row in rows if getattr(row, column) is None),
        ]
    return [row.key for row in rows]


def _stable(rows: list[Row], column: str, *, descending: bool) -> list[Row]:
    def value(row: Row) -> Any:
        return getattr(row, column)

    return sorted(rows, key=value, reverse=descending)  # a reversed sort is stable too


@given(
    st.lists(entries, max_size=12, unique_by=lambda found: found.key),
    st.lists(st.tuples(st.sampled_from(SORTABLE), st.sampled_from(WAYS)), min_size=1, max_size=3),
    st.integers(1, 5),
)
@settings(max_examples=150)
async def test_it_sorts_as_python_does_whatever_the_slices(
    found: list[Entry], order: list[tuple[str, str]], size: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorting, "SORT_SLICE", size)
        store = EntryStore()
        run = run_of(store, found)
        made = await sorted_run(store, run, order)
    assert keys(store, made) == by_hand(store.window(run, 0, len(run)), order)
    assert keys(store, run) == [entry.key for entry in found]
    store.close()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("field", SORTABLE)
async def test_every_field_sorts_both_ways(field: str, way: str) -> None:
    log = [
        entry(n, status_code=200 + n * 7 % 5, path=f"/{n * 3 % 7}", client_ip=f"10.0.0.{n * 11 % 9}",
              actor={"id": f"a{n % 3}", "name": f"n{n % 4}", "type": "user"}, target={"id": f"t{n % 5}"},
              action=f"x{n % 6}", method="GET" if n % 2 else "PUT", user_agent=f"u{n * 5 % 8}")
        for n in range(30)
    ]  # fmt: skip
    store = EntryStore()
    run = run_of(store, list(map(read, reversed(log))))
    made = await sorted_run(store, run, [(field, way)])
    assert keys(store, made) == by_hand(store.window(run, 0, 30), [(field, way)])


async def test_it_never_takes_more_than_a_slice_between_two_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "SORT_SLICE", 10)
    store = EntryStore()
    run = run_of(store, list(map(read, log_of(95))))
    frames = 0

    async def count() -> None:
        nonlocal frames
        while True:
            frames += 1
            await asyncio.sleep(0)

    counter = asyncio.create_task(count())
    await sorted_run(store, run, [("path", "asc"), ("created", "desc")])
    counter.cancel()
    assert frames >= 2 * 10


async def test_sqlite_reads_the_order_from_its_index(monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[str] = []
    store = EntryStore()
    run = run_of(store, list(map(read, log_of(5))))

    class Explained(sorting._SortTable):
        def numbers(self, count: int):  # type: ignore[no-untyped-def]  # as the one it hides
            sql = f"EXPLAIN QUERY PLAN SELECT entry FROM {self._name}.sorted ORDER BY {self._order}, position"
            plans.extend(str(row[3]) for row in store.read(sql, []))
            return super().numbers(count)

    monkeypatch.setattr(sorting, "_SortTable", Explained)
    await sorted_run(store, run, [("path", "desc"), ("created", "asc")])
    assert plans
    assert not any("TEMP B-TREE" in plan for plan in plans)


@pytest.mark.parametrize("frames", range(1, 12))
async def test_one_that_is_cancelled_leaves_nothing_behind(frames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "SORT_SLICE", 10)
    store = EntryStore()
    run = run_of(store, list(map(read, log_of(95))))
    task = asyncio.create_task(sorted_run(store, run, [("path", "asc")]))
    for _ in range(frames * 2):
        await asyncio.sleep(0)
    if not task.done():
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [name for _, name, _ in store.read("PRAGMA database_list", [])] == ["main"]
    assert len(await sorted_run(store, run, [("path", "asc")])) == 95


async def test_a_store_that_fails_is_told_as_such() -> None:
    store = EntryStore()
    run = run_of(store, list(map(read, log_of(5))))
    store.connection.execute("DROP TABLE entry")
    with pytest.raises(StoreError):
        await sorted_run(store, run, [("path", "asc")])


# -- in a view -----------------------------------------------------------------------------------------------------


async def test_rows_that_come_later_are_sorted_in() -> None:
    view = view_of(FakeApi([entry(n, path=f"/{n * 7 % 250:03}") for n in range(250)]), "sort:path")
    await view.more(1, ignore)
    first = [row.path for row in view.window(0, 250)]
    assert len(first) == 100
    assert first == sorted(first, key=str)
    await load(view)
    assert [row.path for row in view.window(0, 250)] == [f"/{n:03}" for n in range(250)]


async def test_descending_and_with_a_filter_evaluated_here() -> None:
    log = [entry(n, path=f"/{n * 7 % 50:03}", user_agent="tool" if n % 2 else "curl") for n in range(50)]
    view = await load(view_of(FakeApi(log), "sort:-path ua:tool"))
    expected = sorted((data for data in log if data["user_agent"] == "tool"), key=lambda data: str(data["path"]))
    assert keys_of(view) == [data["id"] for data in reversed(expected)]


async def test_sorting_once_more_costs_nothing_where_nothing_came() -> None:
    view = await load(view_of(FakeApi(log_of(50)), "sort:path"))
    run = view.run
    await view.evaluate()
    assert view.run is run


# -- slices --------------------------------------------------------------------------------------------------------


def test_a_slice_tells_its_times_and_its_json() -> None:
    store = EntryStore()
    found = [read(entry(n)) for n in range(5)]
    run = run_of(store, [*found, read(entry(9, created_at="?"))])
    assert first_and_last(store, run, Stretch(1, 3), 2) == (
        [found[1].created_us, found[2].created_us], [found[2].created_us, found[3].created_us], 3
    )  # fmt: skip
    assert first_and_last(store, run, Stretch(5, 1), 2) == ([], [], 0)
    assert raws(store, run, Stretch(1, 2)) == [found[1].raw, found[2].raw]
