import random
import sqlite3
from pathlib import Path

import pytest

from auditlog_tui import query
from auditlog_tui.errors import StoreError
from auditlog_tui.store.entries import EntryStore, Run, Stretch
from tests.unit.fake import entry, read
from tests.unit.faulty import faulty
from tests.unit.store.runs import added, keys


def fill(store: EntryStore, run: Run) -> int:
    """Add large entries until the database is full; returns how many were kept."""
    store.connection.execute("PRAGMA max_page_count = 60")
    for number in range(1_000):
        noise = random.Random(number).randbytes(5_000).hex()
        try:
            store.append(run, store.add([read(entry(number, user_agent=noise))]))
        except StoreError:
            return number
    raise AssertionError("it was never full")


def test_a_full_disk_is_an_error_that_says_what_to_do(store: EntryStore) -> None:
    fill(store, store.new_run())
    with pytest.raises(StoreError, match=r"full.*SQLITE_TMPDIR"):
        store.add([read(entry(1_000, user_agent="x" * 50_000))])


def test_a_full_disk_costs_nothing_that_was_there(store: EntryStore) -> None:
    run = store.new_run()
    kept = fill(store, run)
    assert kept > 2
    assert keys(store, run) == [f"id-{n}" for n in range(kept)]


def test_it_goes_on_where_the_disk_has_room_again(store: EntryStore) -> None:
    run = store.new_run()
    kept = fill(store, run)
    store.connection.execute("PRAGMA max_page_count = 100000")
    assert store.append(run, store.add([read(entry(kept)), read(entry(kept + 1))])) == 2
    assert keys(store, run) == [f"id-{n}" for n in range(kept + 2)]


def test_a_write_that_fails_leaves_the_run_as_it_was(store: EntryStore) -> None:
    run, _ = added(store, 3)
    (extra,) = store.add([read(entry(9))])
    disk = faulty(store, random.Random(1))
    disk.fails = "inserts fail"
    for put in (store.append, store.prepend):
        with pytest.raises(StoreError):
            put(run, [extra])
    disk.fails = "works"
    assert len(run) == 3
    assert store.append(run, [extra]) == 1


def test_a_closed_store_says_so(store: EntryStore) -> None:
    run, (n,) = added(store, 1)
    store.close()
    for call in (
        lambda: store.window(run, 0, 1), lambda: store.entry(n), lambda: store.number("id-0"),
        lambda: store.versions(n), lambda: store.row_of(run, n), lambda: store.add([]), lambda: store.cut(run, 1),
        lambda: store.matching(run, Stretch(0, 1), ("1", [])), lambda: store.append(run, [n]),
        lambda: store.rows([n]),
    ):  # fmt: skip
        with pytest.raises(StoreError):
            call()


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        EntryStore(str(tmp_path / "missing" / "file"))


def test_a_working_set_that_can_not_be_made_is_closed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[sqlite3.Connection] = []

    def fail(connection: sqlite3.Connection) -> None:
        made.append(connection)
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(query, "install", fail)
    with pytest.raises(StoreError, match="disk I/O error"):
        EntryStore()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        made[0].execute("SELECT 1")
