"""Opens a saved log: a bundle, a case, JSON Lines, a page of the API as curl saves it, a list of entries; or as gzip.

The file is read once, from its first byte to its last, and is never written to. What can't be read is counted, and
everything else is there. A file proves nothing of the log that it came from, unless it comes with a statement: a
bundle does, and so do a case and the part of an export that has not ended.
"""

from __future__ import annotations

import hashlib
import os
import select
import stat
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO

from auditlog_tui.entries.models import Entry, Fields, Page, read_entry, read_page
from auditlog_tui.entries.raw_json import UNREAD, Reader, members_of, read_value, run_at_once
from auditlog_tui.errors import ApiError, BundleError, SettingsError, StoppedError
from auditlog_tui.evidence import bundle, saved_case
from auditlog_tui.evidence.part import SUFFIX, earlier
from auditlog_tui.evidence.saved_index import SavedIndex
from auditlog_tui.evidence.saved_text import BATCH, CHUNK, SavedText
from auditlog_tui.evidence.statement import Annotation, read_annotation
from auditlog_tui.output import files
from auditlog_tui.runtime import give_way_in_thread
from auditlog_tui.store.case import check_case
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import counted

STDIN = "-"
"""The path that stands for standard input."""

LOOK_S = 0.1
"""Seconds between two looks at whether to stop waiting for standard input."""

STATE_LIMIT = 64 * 1024 * 1024
"""The most bytes of what is read from files beside a log."""

BEGINNING = 60
"""Characters of a file that is no log that its refusal shows."""

WANTED = "open reads JSON Lines, a page of the API, a bundle or a case"

_NAMES = frozenset(Fields.__struct_fields__)
"""A JSON object is an entry if it has one of these members, whatever is in it."""

_OF_NOTES = frozenset(("id", "note", "made_us"))
"""Members of a line of notes, which has an ID too."""


@dataclass(slots=True)
class SavedLog:
    """What was read of a file, and what it says of itself.

    `reason` says why entries of the file are missing here, or entries of the log in the file as far as it shows;
    empty if neither. `digest` is the SHA-256 of the file, empty if it was not read to its end. `stated` says that the
    file comes with a statement: the filter `query` with absolute times, and the time `as_of_us` (microseconds since
    1970 UTC). `notes` are the marks and notes in it or beside it. `endpoint` is the API's address that the statement
    names, which is not to be trusted; empty if there is none. `queries` are the filters of a case, oldest first, and
    `covered` its requests of which it has every entry, each with the time as of which that is so.
    """

    index: SavedIndex
    reason: str = ""
    digest: str = ""
    stated: bool = False
    query: str = ""
    as_of_us: int | None = None
    notes: Sequence[Annotation] = ()
    endpoint: str = ""
    queries: Sequence[str] = ()
    covered: Mapping[frozenset[tuple[str, str]], int] = field(default_factory=dict)

    def close(self) -> None:
        self.index.close()


class SavedLogReader:
    """Reads one file, in any thread; `stop` and `progress` are for others."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._stopped = threading.Event()
        self._size = 0
        self._taken = 0
        self._entries = 0
        self._index: SavedIndex | None = None  # while it is sorted
        self._left = False
        self._follows = False
        self._stated_total = 0
        self._two_lists = False
        self._digest = hashlib.sha256()
        self._begins = ""
        """How the first text that is no entry begins."""

    @property
    def progress(self) -> str:
        """How far it has come, for the screen."""
        if self._index is not None:
            return f"sorting {counted(self._entries, 'entry', 'entries')}"
        part = f", {self._part()} read" if self._size else ""
        return f"{counted(self._entries, 'entry', 'entries')}{part}"

    def _part(self) -> str:
        return f"{min(100, 100 * self._taken // self._size)} %"

    def stop(self) -> None:
        """Read no further; what was read so far is kept."""
        self._stopped.set()

    def leave(self) -> None:
        """Let `read` end with an error, as soon as possible."""
        self._left = True
        self._stopped.set()
        if self._index is not None:
            self._index.interrupt()

    def read(self) -> SavedLog:
        """Read the file.

        Raises `SettingsError` if it can't be opened or has no entry, `StoreError`, and `StoppedError` after `leave`.
        """
        index = SavedIndex()
        try:
            if self._path == STDIN:
                return self._read(_Stdin(self._stopped), index)
            with _opened(self._path) as file:
                return self._read(file, index)
        except BundleError as error:
            index.close()
            raise _unreadable(self._path, str(error).rstrip(".")) from error
        except OSError as error:
            index.close()
            raise _refused(self._path, error) from error
        except BaseException:
            index.close()
            raise

    def _read(self, file: IO[bytes] | _Stdin, index: SavedIndex) -> SavedLog:
        found = os.fstat(file.fileno())
        self._size = found.st_size if stat.S_ISREG(found.st_mode) else 0
        start = b"" if isinstance(file, _Stdin) else _start(file)
        if not isinstance(file, _Stdin) and bundle.is_bundle(start):
            return self._read_bundle(file, index)
        if not isinstance(file, _Stdin) and start == saved_case.MAGIC:
            return self._read_case(file, index)
        text = SavedText(file, self._take)
        self._fill(index, text)
        log = SavedLog(index, digest=self._digest.hexdigest())
        part = ""
        if self._path != STDIN:
            path = Path(os.path.expanduser(self._path))
            part, log.notes = _state_part(path, log), _notes_beside(path)
        two = "a page has two lists of entries, which are both here" if self._two_lists else ""
        self._finish(log, text.flaws.told, text.flaws.cut, two, part)
        if not index.size and not self._stopped.is_set():
            raise _no_log(self._path, self._why_none(log.reason))
        return log

    def _why_none(self, reason: str) -> str:
        """Why there is no entry, and how what is there begins."""
        if not reason:
            return "it is empty"
        begins = f", and begins “{safe(self._begins, BEGINNING)}”" if self._begins else ""
        return f"it has no audit log entry ({reason}){begins}"

    def _read_bundle(self, file: IO[bytes], index: SavedIndex) -> SavedLog:
        """Read a bundle, whose entries are compared with the digest in its manifest. Raises `BundleError`."""
        whole, entries = hashlib.sha256(), hashlib.sha256()
        while (chunk := file.read(CHUNK)) and not self._stopped.is_set():
            whole.update(chunk)
        with bundle.read(Path(os.path.expanduser(self._path))) as opened:
            self._size, stated = opened.size, opened.statement
            texts = opened.entries()
            while some := list(islice(texts, BATCH)):
                data = "".join(f"{text}\n" for text in some).encode("utf-8", "surrogateescape")
                entries.update(data)
                self._taken += len(data)
                self._add(index, [read_entry(text) for text in some])
                if self._stopped.is_set():
                    break
            log = SavedLog(index, "", whole.hexdigest(), True, stated.frozen, stated.as_of_us, opened.notes)
            log.endpoint = stated.endpoint
        same = self._stopped.is_set() or entries.hexdigest() == opened.sha256
        changed = "" if same else "its entries were changed since it was made: auditlog-tui verify names them"
        reason = stated.reason or "it says so of itself"
        self._finish(log, changed, reason if stated.verdict != "COMPLETE" else "")
        return log

    def _read_case(self, file: IO[bytes], index: SavedIndex) -> SavedLog:
        """Read a case. Raises `CaseError`, and `StoreError` for what is damaged in it."""
        path, unread = Path(os.path.expanduser(self._path)), 0
        found: list[Sequence[Entry]]
        self._digest_of(file, path)
        with saved_case.opened(path) as case:
            self._size, texts = case.size, case.texts()
            while some := list(islice(texts, BATCH)):
                self._taken += len(some)
                found = [() if text is None else self._entries_in(text) for text in some]
                unread += found.count(())
                self._add(index, [entry for entries in found for entry in entries])
                if self._stopped.is_set():
                    break
            log = SavedLog(
                index, "", self._digest.hexdigest(), stated=case.whole_us is not None, as_of_us=case.as_of_us,
                notes=case.notes, endpoint=case.endpoint, queries=case.queries, covered=case.covered,
            )  # fmt: skip
        odd = f"{counted(unread, 'entry', 'entries')} in it can't be read" if unread else ""
        self._finish(log, odd, case.lacks)
        index.repeated = 0  # marks hold their entries once more
        if not index.size and not self._stopped.is_set():
            raise _no_entry(self._path)
        return log

    def _digest_of(self, file: IO[bytes], path: Path) -> None:
        """Take the digest of a case, with what SQLite has not yet moved into it from the file beside it."""
        while (chunk := file.read(CHUNK)) and not self._stopped.is_set():
            self._digest.update(chunk)
        with suppress(OSError), files.opened(Path(f"{path}-wal")) as beside:
            while (chunk := beside.read(CHUNK)) and not self._stopped.is_set():
                self._digest.update(chunk)

    def _finish(self, log: SavedLog, *reasons: str) -> None:
        """Sort the entries, and put down why some are missing. Raises `StoppedError` and `StoreError`."""
        stopped = "" if not self._stopped.is_set() else self._part() if self._size else "a part"
        if stopped:
            log.digest = ""
        self._index = log.index
        if self._left:
            raise StoppedError("Reading was stopped.")
        log.index.finish()
        read = f"reading was stopped, {stopped} of it is here" if stopped else ""
        log.reason = "; ".join(filter(None, (read, *reasons, self._missing(log.index.size))))

    def _missing(self, entries: int) -> str:
        """Why more entries are in the log than in its pages, by what the pages say."""
        if self._follows:
            return "it is a page, after which more entries follow in the log"
        if self._stated_total > entries:
            there = counted(self._stated_total, "entry", "entries")
            return f"its page says that there are {there}, and {entries:,} are here"
        return ""

    def _take(self, chunk: bytes) -> None:
        self._taken += len(chunk)
        self._digest.update(chunk)

    def _fill(self, index: SavedIndex, text: SavedText) -> None:
        for batch in text.batches():
            entries: list[Entry] = []
            for number, each in enumerate(batch.texts, batch.first):
                if each is None:
                    text.flaws.add(batch.unit, number, "too long")
                elif each:
                    found = self._entries_in(each)
                    entries += found
                    if not found:
                        self._begins = self._begins or each[:BEGINNING]
                        text.flaws.add(batch.unit, number)
            self._add(index, [*entries, *self._after_lists(text)])
            if self._stopped.is_set():
                return
        self._add(index, self._after_lists(text))

    def _after_lists(self, text: SavedText) -> Sequence[Entry]:
        """The entries in what follows the lists of pages: a page may have a second list."""
        entries: list[Entry] = []
        for rest in text.rests:
            try:
                entries += self._entries_of(read_page(f'{{"items":[]{rest}}}'))
            except ApiError:
                text.flaws.cut = text.flaws.cut or "the end of a page can't be read"
        self._two_lists = self._two_lists or bool(entries)
        text.rests.clear()
        return entries

    def _entries_of(self, page: Page) -> Sequence[Entry]:
        """The entries of a page, of which its pagination is kept."""
        self._follows = self._follows or page.next_cursor is not None
        self._stated_total = max(self._stated_total, page.total_count or 0)
        return page.entries

    def _add(self, index: SavedIndex, entries: Sequence[Entry]) -> None:
        index.add(entries)
        self._entries = index.size
        give_way_in_thread()

    def _entries_in(self, text: str) -> Sequence[Entry]:
        """The entry in a text, or those of the page in it; empty for anything else."""
        entry = read_entry(text)
        if entry.fields.id is not None and entry.fields.action is not None and not entry.unreadable:
            return (entry,)
        if text.endswith(","):  # one of a list, a line each
            return self._entries_in(text.rstrip(", \t\r\n"))
        if not _is_object(text):
            return ()
        value = read_value(text)
        if isinstance(value, dict) and isinstance(value.get("items"), list):
            return self._entries_of_page(text)
        members = members_of(text)
        if members is not None and _NAMES.isdisjoint(members.named):
            items = members.named.get("items") if value is UNREAD else None
            self._two_lists = self._two_lists or (items is not None and items.flag not in ("", items.text))
            return () if items is None else self._entries_of_page(text)
        return () if members is not None and members.named.keys() >= _OF_NOTES else (entry,)

    def _entries_of_page(self, text: str) -> Sequence[Entry]:
        try:
            return self._entries_of(read_page(text))
        except ApiError:  # too many entries, for instance
            return ()


def check(path: str) -> None:
    """Raise `SettingsError` if this is no file that can be read, and `CaseError` for a case that can't be opened."""
    try:
        with _opened(path) as file:
            start = _start(file)
        if start == saved_case.MAGIC and not check_case(Path(os.path.expanduser(path))):
            raise _no_entry(path)
        if bundle.is_bundle(start):
            with bundle.read(Path(os.path.expanduser(path))):
                pass
    except BundleError as error:
        raise _unreadable(path, str(error).rstrip(".")) from error
    except OSError as error:
        raise _refused(path, error) from error


class _Stdin:
    """Standard input, which ends where reading is stopped: what writes to it may never end."""

    def __init__(self, stopped: threading.Event) -> None:
        if sys.stdin is None or sys.stdin.isatty():
            raise SettingsError("Standard input is a terminal; - reads a log from a pipe or a file.")
        self._stopped = stopped

    def fileno(self) -> int:
        return sys.stdin.fileno()

    def read(self, size: int) -> bytes:
        while sys.platform != "win32" and not select.select([self], [], [], LOOK_S)[0]:
            if self._stopped.is_set():
                return b""
        return os.read(self.fileno(), size)


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    """The file. Raises `OSError` and, for what no file can be called, `SettingsError`."""
    try:
        with files.opened(Path(os.path.expanduser(path))) as file:
            yield file
    except ValueError as error:  # a NUL in the path
        raise _unreadable(path, "no file has such a name") from error


def _start(file: IO[bytes]) -> bytes:
    """The first bytes of a file; it is read from its beginning after that."""
    start = file.read(4)
    file.seek(0)
    return start


def _state_part(path: Path, log: SavedLog) -> str:
    """Why the file is not whole, if it is the part of an export; the log then has what the state beside it says."""
    if path.suffix != SUFFIX:
        return ""
    if (left := earlier(path.with_name(path.name.removesuffix(SUFFIX)))) is not None:
        log.stated, log.query, log.as_of_us = True, left.plan.frozen, left.at.as_of_us
        log.endpoint = left.plan.endpoint
    return "it is the part of an export that has not ended"


def _notes_beside(path: Path) -> Sequence[Annotation]:
    """The notes that an export wrote beside its file."""
    found: list[Annotation] = []
    beside = path.with_name(f"{path.name.removesuffix('.jsonl')}.notes.jsonl")
    with suppress(OSError, ValueError):
        found.extend(read_annotation(line) for line in files.read(beside, STATE_LIMIT).decode().split("\n") if line)
    return found


def _unreadable(path: str, why: str) -> SettingsError:
    return SettingsError(f"{_name(path)} can't be opened: {why}.")


def _no_log(path: str, why: str) -> SettingsError:
    return SettingsError(f"{_name(path)} is no saved log: {WANTED}; {why}.")


def _no_entry(path: str) -> SettingsError:
    return _no_log(path, "it is a case without entries")


def _refused(path: str, error: OSError) -> SettingsError:
    """What to say of a path that can't be read as a file."""
    if os.path.isdir(os.path.expanduser(path)):
        return _no_log(path, "it is a folder")
    return _unreadable(path, error.strerror or str(error))


def _name(path: str) -> str:
    return "Standard input" if path == STDIN else safe(path, 300)


def _is_object(text: str) -> bool:
    """Whether the text is one JSON object with an end, if with faults in it."""
    if not text.startswith("{"):
        return False
    reader = Reader(text)
    try:
        run_at_once(reader.value())
        reader.end()
    except ValueError:
        return False
    return True
