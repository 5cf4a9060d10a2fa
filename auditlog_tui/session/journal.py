"""Writes the investigator's log of a case while it goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from auditlog_tui.errors import StoreError
from auditlog_tui.text.times import counted

if TYPE_CHECKING:
    from auditlog_tui.entries.raw_json import Json
    from auditlog_tui.evidence.journal import Chain
    from auditlog_tui.settings.redactor import Redactor
    from auditlog_tui.store.case import CaseFile


class Journal:
    """The log of one run; this one keeps nothing."""

    kept = False
    """Whether the log is kept."""

    def note(self, kind: str, fields: Mapping[str, Json] | None = None) -> None:
        """Write down what was done, without secrets. Never raises: what can't be written is tried again later."""

    def tell(self, say: Callable[[str, str], None]) -> None:
        """Let `say` be called, with a text and its severity, when a line can't be written."""

    @property
    def left(self) -> str:
        """What is lost because it could not be written, in a sentence; empty if nothing is."""
        return ""


class KeptJournal(Journal):
    """The log in a case. `add` keeps a line and raises `StoreError` if it can't; `now_us` is this machine's clock."""

    kept = True

    def __init__(
        self,
        chain: Chain,
        redactor: Redactor,
        add: Callable[[str], object],
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._chain = chain
        self._redactor = redactor
        self._add = add
        self._now_us = now_us
        self._waiting: list[str] = []
        self._trouble = ""
        self._say: Callable[[str, str], None] = lambda text, severity: None

    def note(self, kind: str, fields: Mapping[str, Json] | None = None) -> None:
        cleaned = {name: self._redactor.clean(value) for name, value in (fields or {}).items()}
        self._waiting.append(self._chain.add(self._now_us(), kind, cleaned).text)
        self.save()

    def save(self) -> None:
        """Write what could not be written before."""
        before = self._trouble
        try:
            while self._waiting:
                self._add(self._waiting[0])
                del self._waiting[0]
            self._trouble = ""
        except StoreError as error:
            self._trouble = str(error)
        if self._trouble and not before:
            self._say(f"The investigator's log can't be written now, and waits: {self._trouble}", "error")

    def tell(self, say: Callable[[str, str], None]) -> None:
        self._say = say

    @property
    def left(self) -> str:
        if self._waiting:
            self.save()
        lines = counted(len(self._waiting), "line")
        return f"{lines} of the investigator's log could not be written: {self._trouble}" if self._waiting else ""


def journal_of(case: CaseFile, redactor: Redactor) -> Journal:
    """The log of a case, which goes on after its last line; of one that is read only, nothing is kept.

    `redactor` keeps secrets out of it. Raises `StoreError`.
    """
    from auditlog_tui.evidence.journal import Chain
    from auditlog_tui.store.case import add_journal_line, last_journal_line

    if case.read_only:
        return Journal()
    return KeptJournal(Chain(*last_journal_line(case)), redactor, lambda line: add_journal_line(case, line))
