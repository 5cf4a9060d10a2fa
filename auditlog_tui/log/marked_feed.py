"""The user's marks and notes: in the working set for conditions on them, and as a feed of their entries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from auditlog_tui.entries.models import Entry
from auditlog_tui.log.feed import Feed, Step
from auditlog_tui.store import UNBOUNDED
from auditlog_tui.store.entries import EntryStore
from auditlog_tui.store.marks import Noted, write_marks

if TYPE_CHECKING:
    from auditlog_tui.log.log import Log
    from auditlog_tui.log.server_support import ServerSupport
    from auditlog_tui.query import Plan

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

PORTION = 500
"""Entries, or marks, stored at a time: 3 ms."""


class MarkSource(Protocol):
    """The marks and notes of the log's endpoint. `version` changes whenever they do."""

    @property
    def version(self) -> int: ...
    @property
    def by_key(self) -> Mapping[str, Noted]:
        """All marks and notes, by the entry's key. A mark that changed is another object."""

    def entries(self) -> list[Entry]:
        """The entries with a mark or a note, newest first."""


class NoMarks:
    """The source of a log without marks."""

    version = 0
    by_key: Mapping[str, Noted] = {}

    def entries(self) -> list[Entry]:
        return []


class FrozenMarks:
    """The marks and notes of a source as they are now. `digest` is a SHA-256 of them."""

    version = 0

    def __init__(self, source: MarkSource) -> None:
        self.by_key: Mapping[str, Noted] = dict(source.by_key)
        self._entries = source.entries()
        digest = sha256()
        for key, mark in sorted(self.by_key.items()):
            digest.update(repr((key, mark.marked, mark.note)).encode())
        self.digest = digest.hexdigest()

    def entries(self) -> list[Entry]:
        return self._entries


class StoredMarks:
    """Keeps the working set's tables of marks and notes equal to their source."""

    def __init__(self, store: EntryStore) -> None:
        self._store = store
        self._state: tuple[MarkSource, int] | None = None
        self._known: dict[str, Noted] = {}

    def take(self, source: MarkSource, most: int = UNBOUNDED) -> bool:
        """Take in what has changed in the source, at most so many marks. Returns whether that is all.

        Raises `StoreError`.
        """
        state = source, source.version
        if self._state == state:
            return True
        self._state, known, marks = None, self._known, source.by_key
        changed = dict(islice(((key, mark) for key, mark in marks.items() if known.get(key) is not mark), most))
        removed = list(islice((key for key in known if key not in marks), most))
        write_marks(self._store, changed, removed)
        known |= changed
        for key in removed:
            del known[key]
        done = len(changed) < most and len(removed) < most
        self._state = state if done else None
        return done


class MarkedFeed(Feed):
    """The entries that have a mark or a note, from where they are kept: no request is made.

    It is of the marks and notes that there are `as_of` its beginning. Views of the log never reuse it.
    """

    def __init__(self, log: Log, plan: Plan) -> None:
        super().__init__(log.api, log.store, plan)
        self.request_key = None
        self.as_of = _EPOCH + timedelta(microseconds=log.now_us())
        self._left: Iterator[Entry] = iter(log.marks().entries())

    async def older(self) -> Step:
        """Store the next entries. Raises `StoreError`."""
        some = list(islice(self._left, PORTION))
        self._store.append(self.run, self._store.add(some))
        self.older_end.done = len(some) < PORTION
        return Step(len(some), len(some))

    async def verify(self, server_support: ServerSupport) -> None:
        """Do nothing: the server does not know what is marked."""
