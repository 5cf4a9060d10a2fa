"""An investigation in a case: its marks, typed filters and places, and the check that a log is the case's own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from auditlog_tui.api.client import AuditLogApi, ForwardingApi
from auditlog_tui.entries.models import Entry, Page
from auditlog_tui.entries.raw_json import stored
from auditlog_tui.errors import BadRequestError, CaseError, NotFoundError, StoreError
from auditlog_tui.output.files import shown
from auditlog_tui.session.filter_history import KEPT, History
from auditlog_tui.session.marks import MOST, Marks, read_mark
from auditlog_tui.store import UNBOUNDED
from auditlog_tui.store.case import CaseFile
from auditlog_tui.store.entries import EntryStore
from auditlog_tui.store.kept import (
    forget_queries,
    read_annotations,
    read_queries,
    write_annotations,
    write_query,
)
from auditlog_tui.text.safe import safe

if TYPE_CHECKING:
    from collections.abc import Callable

READ_ONLY = "another auditlog-tui writes this case, and here it is only read"


class Case:
    """A case in use. `name` is short, as safe text; `read_only` says that nothing is kept."""

    def __init__(self, file: CaseFile, store: EntryStore) -> None:
        self.name = safe(file.path.name, 200)
        self.read_only = file.read_only
        self._file = file
        self._store = store

    def history(self) -> History:
        """The filters typed in this case. Raises `StoreError`."""
        return CaseHistory(self._store)

    def marks(self) -> Marks:
        """The marks and notes of this case. Raises `StoreError`."""
        return CaseMarks(self._store, READ_ONLY if self.read_only else "")

    def read(self, name: str) -> str:
        """A text that was kept; empty if there is none. Raises `StoreError`."""
        return self._file.text(name)

    def keep(self, name: str, text: str) -> None:
        """Keep a text under a name. Raises `StoreError`."""
        self._file.keep_text(name, text)

    def forget(self, name: str) -> None:
        """Delete a text from the file. Raises `StoreError`."""
        self._file.forget_text(name)


class CaseHistory(History):
    """The filters typed in a case, oldest first."""

    def __init__(self, store: EntryStore) -> None:
        super().__init__()
        self.texts = read_queries(store, KEPT)
        self._store = store

    def add(self, text: str) -> None:
        before = len(self.texts)
        super().add(text)
        if len(self.texts) == before:
            return
        try:
            write_query(self._store, text.encode("utf-8", "replace").decode())
        except StoreError as error:
            self.error = f"Filters are kept for this run only. {error}"

    def _delete(self, is_secret: Callable[[str], bool]) -> None:
        if found := list(filter(is_secret, read_queries(self._store, UNBOUNDED))):
            forget_queries(self._store, found)


class CaseMarks(Marks):
    """The marks and notes of a case."""

    def __init__(self, store: EntryStore, fixed: str = "") -> None:
        super().__init__()
        self.fixed = fixed
        self._store = store
        unread = 0
        for _, raw, marked, note, made_us in read_annotations(store, MOST):
            mark = read_mark(raw, marked, note, made_us)
            unread += mark is None
            if mark is not None:
                self._set(mark)
        self.error = f"{unread} of the marks in the case can't be read" if unread else ""
        self._note_earlier()

    def _change(self, entries: Sequence[Entry], *, marked: bool, note: str | None = None) -> None:
        self._check_free()
        super()._change(entries, marked=marked, note=note)

    def forget(self) -> None:
        self._check_free()
        super().forget()

    def _check_free(self) -> None:
        if self.fixed:
            raise StoreError(f"Marks and notes can't be changed: {self.fixed}.")

    def save(self, most: int | None = None) -> None:
        keys = list(islice(self._unsaved, most))
        kept = {key: self._marks[key] for key in keys if key in self._marks}
        rows = [(key, stored(mark.entry.raw), mark.marked, mark.note, mark.made_us) for key, mark in kept.items()]
        try:
            if keys:
                write_annotations(self._store, rows, [key for key in keys if key not in kept])
        except StoreError as error:
            raise StoreError(f"Kept for this run, not saved. {error} The next mark tries again.") from error
        self._unsaved.difference_update(keys)


class SameLogApi(ForwardingApi):
    """The API, once one of a case's entries was found in its log.

    Until then each request asks for them first. If none is there, it and all others are refused with a `CaseError`,
    which `refused` is told of, once.
    """

    def __init__(self, api: AuditLogApi, ids: Sequence[str], case: Path) -> None:
        super().__init__(api)
        self.refused: Callable[[CaseError], None] = _nobody
        self._ids = ids
        self._case = case
        self._error: CaseError | None = None
        self._checking = asyncio.Lock()

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        await self._check()
        return await super().list(params, limit=limit, cursor=cursor)

    async def get(self, entry_id: str) -> Entry:
        await self._check()
        return await super().get(entry_id)

    async def _check(self) -> None:
        if not self._ids:
            return
        async with self._checking:
            if self._error is None and self._ids and not await self._is_there():
                self._error = self._refusal()
                self.refused(self._error)
            if self._error is not None:
                raise CaseError(str(self._error))
            self._ids = []

    async def _is_there(self) -> bool:
        for entry_id in self._ids:
            try:
                await self._api.get(entry_id)
            except (NotFoundError, BadRequestError):
                continue
            return True
        return False

    def _refusal(self) -> CaseError:
        count = len(self._ids)
        entries = f"None of the {count} newest entries" if count > 1 else "The entry"
        return CaseError(
            f"{entries} in {shown(self._case)} is in this log, so nothing more was asked for. The key may be of"
            " another organization: use the one that the case was made with. If the log has forgotten all of them,"
            " begin another case."
        )


def _nobody(error: CaseError) -> None:
    """Told of a refusal where nobody else is."""
