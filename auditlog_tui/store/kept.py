"""What a case keeps besides entries: feeds, marks and notes, and typed filters.

Every function takes the store that was opened on the case, and raises `StoreError`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from auditlog_tui.store.entries import ROWS_OF_FEED, EntryStore
from auditlog_tui.store.intact import renew_id

Annotated = tuple[str, str | bytes, bool, str, int]
"""The key and the stored JSON of an entry, whether it is marked, its note, and the time of that (microseconds)."""


@contextmanager
def _on_the_disk(store: EntryStore) -> Iterator[None]:
    """A transaction that survives a power failure too: what the user wrote can't be fetched again."""
    store.read("PRAGMA synchronous = FULL", [])
    try:
        with store.writing():
            yield
    finally:
        store.read("PRAGMA synchronous = NORMAL", [])


def write_feed(store: EntryStore, run: int, state: str) -> None:
    """Keep the state of the feed that fills a run; within `together`, in the transaction of its rows."""
    with store.writing():
        store.connection.execute("INSERT OR REPLACE INTO kept_feed VALUES (?, ?)", [run, state])
        renew_id(store.connection)


def read_feeds(store: EntryStore) -> dict[int, tuple[str, int]]:
    """The states of feeds and the numbers of their rows by the number of their run, those begun last at the end."""
    found = store.read(f"SELECT run, state, {ROWS_OF_FEED} FROM kept_feed ORDER BY run", [])  # noqa: S608 (our own names)
    return {run: (state, rows) for run, state, rows in found}


def write_annotations(store: EntryStore, rows: Sequence[Annotated], removed: Collection[str]) -> None:
    """Replace marks and notes by their entries' keys, and delete the removed ones."""
    with _on_the_disk(store):
        store.connection.executemany("INSERT OR REPLACE INTO annotation VALUES (?, ?, ?, ?, ?)", rows)
        store.connection.executemany("DELETE FROM annotation WHERE key = ?", [(key,) for key in removed])


def read_annotations(store: EntryStore, most: int) -> list[Annotated]:
    """At most so many marks and notes, in the order in which they were made."""
    sql = "SELECT key, raw, marked, note, made_us FROM annotation ORDER BY made_us, rowid LIMIT ?"
    return [(key, raw, bool(marked), note, made_us) for key, raw, marked, note, made_us in store.read(sql, [most])]


def write_query(store: EntryStore, query: str) -> None:
    """Keep a filter that was typed."""
    with store.writing():
        store.connection.execute("INSERT INTO typed (query) VALUES (?)", [query])


def forget_queries(store: EntryStore, queries: Collection[str]) -> None:
    """Delete filters so that nothing of them stays in the file."""
    store.read("PRAGMA secure_delete = ON", [])
    try:
        with store.writing():
            store.connection.executemany("DELETE FROM typed WHERE query = ?", [(query,) for query in queries])
    finally:
        store.read("PRAGMA secure_delete = OFF", [])


def read_queries(store: EntryStore, most: int) -> list[str]:
    """The last `most` filters typed, oldest first."""
    found = store.read("SELECT query FROM typed ORDER BY number DESC LIMIT ?", [most])
    return [query for (query,) in found][::-1]
