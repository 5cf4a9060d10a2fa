import gc
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui.entries.models import read_entry
from auditlog_tui.errors import StoreError
from auditlog_tui.store import entries
from auditlog_tui.store.entries import SWEPT, EntryStore, Run, Stretch
from tests.unit.fake import START_US, entry, log_of, read
from tests.unit.faulty import faulty
from tests.unit.store.runs import added, keys

# -- entries -------------------------------------------------------------------------------------------------------


def test_an_entry_comes_back_as_it_was(store: EntryStore) -> None:
    original = read_entry('{"id": "a", "status_code": 1.10, "x": "\\u0000", "id": "b"}')
    (n,) = store.add([original])
    assert store.entry(n) == original


def test_keys_with_one_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "hash", lambda _: 7, raising=False)
    store = EntryStore()
    run, numbers = added(store, 3)
    assert len(set(numbers)) == len(run) == 3
    assert [store.number(f"id-{n}") for n in range(4)] == [*numbers, None]
    assert store.lacking(run, ["id-1", "id-3"]) == {"id-3"}
    assert store.add([read(entry(1, path="/other")), read(entry(3))]) == [5, 4]


IO = Path("/proc/self/io")


def written() -> int:
    """Bytes that this process has written so far, to files of any kind."""
    return int(IO.read_text().split("wchar: ")[1].split()[0])


@pytest.mark.skipif(not IO.exists(), reason="counts bytes as Linux does")
def test_no_page_writes_much_to_the_temporary_file() -> None:
    store = EntryStore()
    run, each = store.new_run(), []
    for start in range(0, 10_000, 100):
        page = [read(entry(n, user_agent="x" * 200)) for n in range(start, start + 100)]
        before = written()
        store.append(run, store.add(page))
        each.append(written() - before)
    first, *rest = filter(None, each)  # the first one writes the whole cache
    assert first < 2_500_000
    assert max(rest) < 1_000_000
    store.close()


@pytest.mark.parametrize("passing", [False, True])
def test_only_keys_that_may_be_stored_are_looked_up(store: EntryStore, passing: bool) -> None:
    store.passing = passing
    statements: list[str] = []
    store.connection.set_trace_callback(statements.append)
    numbers = store.add([read(each) for each in log_of(50)])
    assert not [each for each in statements if "WHERE hash IN" in each]
    assert store.add([read(each) for each in log_of(51)])[:50] == numbers
    assert [each for each in statements if "WHERE hash IN" in each]


def test_a_key_that_was_looked_up_is_looked_up_again_once_it_is_added(store: EntryStore) -> None:
    run = store.new_run()
    assert store.lacking(run, ["id-1"]) == {"id-1"}
    numbers = store.add([read(entry(1))])
    assert store.add([read(entry(1))]) == numbers
    store.append(run, numbers)
    assert store.lacking(run, ["id-1"]) == set()


def test_entries_put_in_again_in_any_order_stay_where_they_are(store: EntryStore) -> None:
    run, numbers = added(store, 3)
    (later,) = store.add([read(entry(9))])
    assert store.prepend(run, [numbers[2], later, numbers[0]]) == 1
    assert keys(store, run) == ["id-9", *[f"id-{n}" for n in range(3)]]


def test_every_column_of_a_row(store: EntryStore) -> None:
    run, (n,) = added(store, 1)
    (row,) = store.window(run, 0, 1)
    assert row._asdict() | {
        "n": n, "key": "id-0", "created_us": START_US, "created_at": "2027-01-15T08:00:00Z", "action": "vm.created",
        "actor_id": "actor-1", "actor_name": "Alice", "actor_type": "user", "client_ip": "203.0.113.7",
        "method": "POST", "path": "/v1/vms", "status_code": 200, "user_agent": "curl", "target_id": "vm-1",
        "target_type": "vm", "unreadable": "", "versions": 0,
    } == row._asdict()  # fmt: skip


def test_what_could_not_be_read_stands_in_the_row_as_json(store: EntryStore) -> None:
    run = store.new_run()
    store.append(run, store.add([read(entry(1, status_code="\ud800", created_at="never"))]))
    (row,) = store.window(run, 0, 1)
    assert (row.status_code, row.created_us, row.created_at) == (None, None, "never")
    assert json.loads(row.unreadable) == {"status_code": '"\\ud800"', "created_at": '"never"'}


@pytest.mark.parametrize("text", ["\0", "a\0b", "'; DROP TABLE entry; --", "é", "\U0001f9ff"])
def test_any_text_is_stored_and_found(store: EntryStore, text: str) -> None:
    (n,) = store.add([read(entry(1, id=text, path=text))])
    assert store.number(text) == n
    assert store.entry(n).log.path == text


def test_no_entries_are_no_trouble(store: EntryStore) -> None:
    run = store.new_run()
    assert store.add([]) == []
    assert store.append(run, []) == store.prepend(run, []) == len(run) == 0
    assert store.window(run, 0, 10) == []
    assert store.lacking(run, []) == set()


def test_each_key_is_stored_once(store: EntryStore) -> None:
    entries = [read(data) for data in log_of(3)]
    assert store.add(entries[:2]) == [1, 2]
    assert store.add([*entries[::-1], entries[2]]) == [3, 2, 1, 3]


def test_the_same_id_with_other_bytes_keeps_both(store: EntryStore) -> None:
    first, second, third = (read(entry(1, path=path)) for path in ("/a", "/b", "/c"))
    (n,) = store.add([first])
    assert store.add([second, third, second, first]) == [2, 3, 2, n]
    assert [store.entry(number) for number in (n, 2, 3)] == [first, second, third]
    assert store.number("id-1") == n
    assert set(store.versions(n)) == {second.raw, third.raw}


def test_other_bytes_within_one_page_are_kept_too(store: EntryStore) -> None:
    first, second = (read(entry(1, path=path)) for path in ("/a", "/b"))
    assert store.add([first, second]) == [1, 2]
    assert store.versions(1) == [second.raw]


def test_the_same_bytes_are_no_version(store: EntryStore) -> None:
    same = read(entry(1))
    store.add([same])
    store.add([same])
    assert store.versions(1) == []


def test_a_key_that_was_not_fetched_has_no_number(store: EntryStore) -> None:
    assert store.number("id-1") is None


# -- runs ----------------------------------------------------------------------------------------------------------


def test_rows_are_added_at_either_end(store: EntryStore) -> None:
    run = store.new_run()
    numbers = store.add([read(data) for data in log_of(6)])
    assert store.append(run, numbers[2:4]) == 2
    assert store.prepend(run, numbers[:2]) == 2
    assert store.append(run, numbers[4:]) == 2
    assert keys(store, run) == ["id-1", "id-0", "id-2", "id-3", "id-4", "id-5"]


def test_a_run_holds_an_entry_once(store: EntryStore) -> None:
    run, numbers = added(store, 4)
    fresh = store.add([read(entry(9))])
    assert store.append(run, [*numbers, *fresh, *fresh]) == 1
    assert store.prepend(run, [*fresh, *numbers]) == 0
    assert keys(store, run) == ["id-0", "id-1", "id-2", "id-3", "id-9"]


async def test_runs_share_entries_and_nothing_else(store: EntryStore) -> None:
    one, numbers = added(store, 3)
    other = store.new_run()
    store.append(other, numbers[::-1])
    assert keys(store, other) == ["id-2", "id-1", "id-0"]
    del one
    gc.collect()
    await store.sweep()
    assert places(store) == len(keys(store, other)) == 3


def test_what_a_run_lacks(store: EntryStore) -> None:
    run, _ = added(store, 2)
    store.add([read(entry(5))])
    assert store.lacking(run, ["id-0", "id-5", "id-7", "id-1"]) == {"id-5", "id-7"}


@pytest.mark.parametrize(
    ("first", "count", "expected"),
    [(0, 2, [0, 1]), (3, 9, [3, 4]), (5, 1, []), (2, 0, []), (-2, 3, [0]), (-5, 2, [])],
)
def test_windows(store: EntryStore, first: int, count: int, expected: list[int]) -> None:
    run, _ = added(store, 5)
    assert [row.key for row in store.window(run, first, count)] == [f"id-{n}" for n in expected]


def test_which_row_shows_an_entry(store: EntryStore) -> None:
    run, numbers = added(store, 3)
    (extra,) = store.add([read(entry(9))])
    assert [store.row_of(run, n) for n in numbers] == [0, 1, 2]
    assert store.row_of(run, extra) is None
    store.prepend(run, [extra])
    assert [store.row_of(run, n) for n in (extra, *numbers)] == [0, 1, 2, 3]


def test_matching_keeps_the_order_and_the_slice(store: EntryStore) -> None:
    run, numbers = added(store, 10)
    where: tuple[str, list[object]] = ("e.created_us % 2000000 = ?", [0])
    assert store.matching(run, Stretch(1, 6), where) == numbers[2:7:2]
    assert store.matching(run, Stretch(1, 6, older=False), where) == numbers[2:7:2][::-1]


@pytest.mark.untraced  # much of the same
def test_more_keys_than_sqlite_binds(store: EntryStore) -> None:
    run = store.new_run()
    entries = [read_entry(f'{{"id": "{n}"}}') for n in range(40_000)]
    assert store.append(run, store.add(entries)) == 40_000
    assert store.append(run, store.add(entries)) == 0


@given(st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 30), max_size=6)), max_size=8))
def test_a_run_is_a_list_without_duplicates(steps: list[tuple[bool, list[int]]]) -> None:
    store = EntryStore()
    numbers = store.add([read(data) for data in log_of(31)])
    run, model = store.new_run(), list[int]()
    for older, some in steps:
        fresh = [n for n in dict.fromkeys(numbers[i] for i in some) if n not in model]
        model = model + fresh if older else fresh[::-1] + model
        put = store.append if older else store.prepend
        assert put(run, [numbers[i] for i in some]) == len(fresh)
        assert [row.n for row in store.window(run, 0, len(run))] == model
    assert [store.row_of(run, n) for n in model] == list(range(len(model)))
    store.close()


def test_a_window_costs_one_statement_at_any_size(store: EntryStore) -> None:
    def cost(run: Run) -> int:
        statements: list[str] = []
        store.connection.set_trace_callback(statements.append)
        rows = store.window(run, len(run) // 2, 48)
        store.connection.set_trace_callback(None)
        assert len(rows) == 48
        return len(statements)

    run = store.new_run()
    costs = []
    for size in (1_000, 200_000):
        grow(store, run, size)
        costs.append(cost(run))
    assert costs == [1, 1]


def test_a_window_is_looked_up_and_not_counted_out(store: EntryStore) -> None:
    def work(run: Run) -> int:
        """How much SQLite does for a window, in hundreds of its instructions."""
        ticks: list[None] = []
        store.connection.set_progress_handler(lambda: ticks.append(None), 100)
        store.window(run, len(run) // 2, 48)
        store.connection.set_progress_handler(None, 100)
        return len(ticks)

    run = store.new_run()
    grow(store, run, 1_000)
    small = work(run)
    grow(store, run, 200_000)
    assert work(run) <= small + 1


def grow(store: EntryStore, run: Run, size: int) -> None:
    """Make the run `size` entries long, with SQL, as reading so many takes seconds."""
    counting = "WITH RECURSIVE c(n) AS (VALUES (?) UNION ALL SELECT n + 1 FROM c WHERE n < ? - 1)"
    for sql in (
        f"{counting} INSERT INTO entry (n, key, hash, first, unreadable, versions)"
        " SELECT n, 'id-' || n, 0, n, '', 0 FROM c",
        f"{counting} INSERT INTO place SELECT 1, n, n, n FROM c",
    ):
        store.connection.execute(sql, [run.after, size])
    run.after, run.highest = size, size - 1


# -- runs that nobody holds ----------------------------------------------------------------------------------------


def places(store: EntryStore) -> int:
    ((count,),) = store.read("SELECT count(*) FROM place", [])
    return int(count)


async def test_the_places_of_a_run_that_nobody_holds_are_swept(store: EntryStore) -> None:
    numbers = store.add([read(data) for data in log_of(SWEPT + 500)])
    kept, left = store.new_run(), store.new_run()
    store.append(kept, numbers)
    store.append(left, numbers)
    await store.sweep()
    assert places(store) == 2 * len(numbers)
    del left
    gc.collect()
    await store.sweep()
    assert places(store) == len(kept) == len(numbers)
    assert not store.unused


async def test_a_sweep_that_fails_goes_on_later(store: EntryStore) -> None:
    numbers = store.add([read(data) for data in log_of(3)])
    store.append(store.new_run(), numbers)
    gc.collect()
    disk = faulty(store, random.Random(1))
    disk.fails = "writes fail"
    with pytest.raises(StoreError):
        await store.sweep()
    disk.fails = "works"
    await store.sweep()
    assert places(store) == 0
