"""The user's marks, notes and tags as tables of the working set, for conditions on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from auditlog_tui.store.entries import EntryStore


class Noted(Protocol):
    """A mark, a note, or both, on one entry; `tags` are those in the note."""

    @property
    def marked(self) -> bool: ...
    @property
    def note(self) -> str: ...
    @property
    def tags(self) -> Sequence[str]: ...


def write_marks(store: EntryStore, changed: Mapping[str, Noted], removed: Iterable[str]) -> None:
    """Replace marks and notes by their entries' keys, and delete the removed ones. Raises `StoreError`."""
    gone = [(key,) for key in (*changed, *removed)]
    with store.writing():
        store.connection.executemany("DELETE FROM mark WHERE key = ?", gone)
        store.connection.executemany("DELETE FROM tag WHERE key = ?", gone)
        store.connection.executemany(
            "INSERT INTO mark VALUES (?, ?, ?)", [(key, mark.marked, mark.note) for key, mark in changed.items()]
        )
        store.connection.executemany(
            "INSERT INTO tag VALUES (?, ?)", [(key, tag) for key, mark in changed.items() for tag in mark.tags]
        )
