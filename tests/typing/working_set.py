"""The store keeps entries by number and runs by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, assert_type

from auditlog_tui.entries.models import Entry
from auditlog_tui.store.entries import EntryStore, Row, Run


class Writing(Protocol):
    """What a feed needs of the working set."""

    def add(self, entries: Sequence[Entry]) -> list[int]: ...

    def new_run(self) -> Run: ...

    def append(self, run: Run, numbers: Sequence[int]) -> int: ...

    def prepend(self, run: Run, numbers: Sequence[int]) -> int: ...

    def lacking(self, run: Run, keys: Sequence[str]) -> set[str]: ...


class Reading(Protocol):
    """What views and panes need of the working set."""

    def window(self, run: Run, first: int, count: int) -> list[Row]: ...

    def row_of(self, run: Run, n: int) -> int | None: ...

    def entry(self, n: int) -> Entry: ...

    def versions(self, n: int) -> list[str]: ...


def feeds_write_to_it(store: EntryStore) -> Writing:
    return store


def views_read_it(store: EntryStore) -> Reading:
    return store


def it_is_private_without_a_path() -> None:
    assert_type(EntryStore(), EntryStore)
    assert_type(EntryStore("case.db"), EntryStore)
    assert_type(len(EntryStore().new_run()), int)


def what_a_row_holds(row: Row) -> None:
    assert_type(row.n, int)
    assert_type(row.key, str)
    assert_type(row.created_us, int | None)
    assert_type(row.status_code, int | None)
    assert_type(row.path, str | None)


def a_row_is_no_entry(store: EntryStore, row: Row, entry: Entry) -> None:
    store.add([row])  # type: ignore[list-item]  # it lacks the JSON
    row.path = "/"  # type: ignore[misc]
    store.append(store.new_run(), [entry])  # type: ignore[list-item]  # runs hold numbers
    store.append(store.new_run(), [entry.key])  # type: ignore[list-item]


def a_number_may_be_unknown(store: EntryStore, key: str) -> None:
    assert_type(store.number(key), int | None)
    store.entry(store.number(key))  # type: ignore[arg-type]


def runs_are_no_numbers(store: EntryStore, run: Run) -> None:
    store.window(run.number, 0, 48)  # type: ignore[arg-type]
