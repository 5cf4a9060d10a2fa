"""Opens one log as the settings say: the client, the working set, and for the browser its navigation.

What is slow to import is imported where it is needed, so that the screen shows first.
"""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from auditlog_tui import __version__
from auditlog_tui.entries.contract import PAGE
from auditlog_tui.errors import AuditLogError, CaseError, StoreError
from auditlog_tui.runtime import freeze_startup_objects
from auditlog_tui.session.journal import Journal
from auditlog_tui.settings.connection import DEFAULT_BASE_URL, DEMO_URL
from auditlog_tui.settings.options import Settings, is_folder
from auditlog_tui.settings.proxy import proxy_for
from auditlog_tui.settings.redactor import Redactor
from auditlog_tui.text.times import counted
from auditlog_tui.text.zones import read_zone

if TYPE_CHECKING:
    import httpx

    from auditlog_tui.analysis.locations import Locations
    from auditlog_tui.api.client import AuditLogApi, AuditLogClient
    from auditlog_tui.api.early import EarlyRequest
    from auditlog_tui.api.retry import Wait
    from auditlog_tui.archive.source import ArchiveSource
    from auditlog_tui.evidence.saved_log import SavedLog, SavedLogReader
    from auditlog_tui.log.log import Log
    from auditlog_tui.log.origin import Origin
    from auditlog_tui.offline.sqlite_source import SqliteSource
    from auditlog_tui.session.case import Case
    from auditlog_tui.session.filter_history import History
    from auditlog_tui.session.marks import Mark, Marks
    from auditlog_tui.session.navigator import Navigator
    from auditlog_tui.store.case import CaseFile, Owner
    from auditlog_tui.store.entries import EntryStore

LATER_S = 1.0
"""Seconds after opening when `_LATER` are imported: the first rows are on the screen by then."""

_LATER = ("auditlog_tui.api.wire", "auditlog_tui.entries.schema")
"""Slow to import: httpx, for the second request, and pydantic, for an entry with malformed or unknown fields."""

KNOWN_BY = 5
"""The newest entries of a case of which one must be in its log: the others may be gone by retention."""

DEMO_END = "demo_end"
"""The name of the time at which the demo's log ends, among the texts of a case."""

FILE_URL = "https://file"
"""The base URL of a saved log, which never leaves this process; errors show its host."""


def _import_later() -> None:
    for name in _LATER:
        import_module(name)
    freeze_startup_objects()


class Session:
    """What one run of the program holds open.

    The browser calls `begin`, then `prepare`, in any thread, then `open`; a command calls `prepare`, then
    `open_log`. `close` releases everything.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.client: AuditLogClient | None = None
        self._early: EarlyRequest | None = None
        self._demo_log: SqliteSource | None = None
        self._reader: SavedLogReader | None = None
        self._saved: SavedLog | None = None
        self._archive: ArchiveSource | None = None
        self._log: Log | None = None
        self._store: EntryStore | None = None
        self._marks: Marks | None = None
        self._locations: Locations | None = None
        self._later: threading.Timer | None = None
        self._case_file: CaseFile | None = None
        self._case: Case | None = None
        self._journal = Journal()
        self._redactor = Redactor(settings.secrets)
        self._ids: list[str] = []
        """Of the newest entries in the case: one of them must be in the log."""
        self._lost: str | None = None
        self.refused: Callable[[CaseError], None] | None = None
        """Told if the log turns out not to be the case's."""
        self._closed = False

    def begin(self, text: str) -> Callable[[], None]:
        """Open the case in a thread, as a large one takes a while to be checked, then do what `request_early` does.

        What is returned waits for that, and raises `CaseError` and `StoreError`.
        """
        if not self.settings.case:
            self.request_early(text)
            return lambda: None
        from concurrent.futures import ThreadPoolExecutor

        def begin() -> None:
            self.open_case()
            self.request_early(text)

        return ThreadPoolExecutor(1).submit(begin).result

    def open_case(self) -> None:
        """Open the case, if the settings name one, to work in it. Raises `CaseError` and `StoreError`."""
        if self.settings.case:
            from auditlog_tui.store.case import open_case

            self._case_file = open_case(self._case_path, self._owner)
            self._read_ids()

    @contextmanager
    def releasing_case(self) -> Iterator[None]:
        """Close the case if the block fails, as `close` is not called then."""
        try:
            yield
        except BaseException:
            if self._case_file is not None:
                self._case_file.close()
            raise

    def _read_case(self) -> None:
        """Read a copy of the case, for a command that needs its marks, unless it is open. Raises `CaseError`."""
        if not self.settings.case or self._case_file is not None:
            return
        from auditlog_tui.session.case import Case
        from auditlog_tui.store.case import read_case
        from auditlog_tui.store.entries import EntryStore

        self._case_file = read_case(self._case_path)
        self._case_file.check_owner(self._owner)
        self._case = Case(self._case_file, EntryStore(kept=self._case_file))

    @property
    def _case_path(self) -> Path:
        return Path(os.path.expanduser(self.settings.case))

    @property
    def _owner(self) -> Owner:
        from auditlog_tui.store.case import Owner

        settings = self.settings
        return Owner(DEMO_URL) if settings.demo else Owner(settings.base_url, settings.profile)

    def request_early(self, text: str) -> None:
        """Send the request for the first page of a filter from a thread, if it is known without an answer.

        Call it before slow imports: they take as long as the answer.
        """
        settings, case = self.settings, self._case_file
        if case is not None and case.has_entries:
            return  # they are shown first, and must be found in this log
        if settings.offline or (settings.trust_env and proxy_for(settings.base_url) is not None):
            return
        from auditlog_tui.api.early import EarlyRequest, first_request

        try:
            target = _first_target(text, settings)
            if target is not None:
                self._early = EarlyRequest(first_request(settings.base_url, settings.key, settings.headers, target))
        except AuditLogError:
            pass  # it is told where the screen can show it

    def prepare(self) -> None:
        """Connect, import what `open` needs, and read a saved log or open an archive.

        Raises `SettingsError`, `StoreError` and `ArchiveError`.
        """
        from auditlog_tui.session import navigator  # noqa: F401  # slow to import, which `open` must not be

        if is_folder(self.settings.saved):
            self._open_archive()
        elif self.settings.saved:
            self._read_saved()
        self.connect()

    def _read_ids(self) -> None:
        """Read the IDs by which the log is known to be the case's, once. Raises `StoreError`."""
        if self._case_file is not None and not self._ids:
            from auditlog_tui.entries.models import read_entry

            newest = map(read_entry, self._case_file.newest_texts(KNOWN_BY))
            self._ids = [entry.fields.id for entry in newest if entry.fields.id]

    def _read_saved(self) -> None:
        from auditlog_tui.evidence.saved_log import SavedLogReader

        self._reader = reader = SavedLogReader(self.settings.saved)
        if self._closed:
            reader.leave()
        self._saved = reader.read()
        if self._closed:
            self._saved.close()

    def _open_archive(self) -> None:
        from auditlog_tui.archive.source import ArchiveSource

        self._archive = ArchiveSource(Path(self.settings.saved))
        if self._closed:
            self._archive.close()

    @property
    def progress(self) -> str:
        """How far `prepare` has come in reading a saved log; empty if it is not. For any thread."""
        return "" if self._reader is None or self._saved is not None else self._reader.progress

    def stop(self) -> bool:
        """Let `prepare` read no further and go on with what it has. False if it reads nothing. For any thread."""
        if self._reader is None or self._saved is not None:
            return False
        self._reader.stop()
        return True

    def connect(self) -> AuditLogClient:
        """Make the client; nothing is sent yet. Raises `SettingsError` and `StoreError`.

        A `close` in another thread meanwhile closes what this opens too.
        """
        from auditlog_tui.api.client import AuditLogClient

        settings = self.settings
        self._read_case()
        self._read_ids()
        self.client = AuditLogClient(
            base_url=FILE_URL if settings.saved else DEMO_URL if settings.demo else settings.base_url,
            key=settings.key.reveal() if settings.key is not None else None,
            headers=settings.headers,
            transport=self._offline(),
            trust_env=settings.trust_env,
            early=self._early,
        )
        return self.client

    def _offline(self) -> httpx.AsyncBaseTransport | None:
        if not self.settings.offline:
            return None
        from auditlog_tui.offline.transport import OfflineTransport

        source = self._saved.index if self._saved is not None else self._archive
        if source is not None:
            return OfflineTransport(source, in_threads=True, answered=self._note_missing)
        from auditlog_tui.demo import demo_log

        self._demo_log = demo_log(until=self._demo_end())
        if self._closed:  # in another thread, before there was a log to close
            self._demo_log.close()
        return OfflineTransport(self._demo_log)

    def _demo_end(self) -> datetime | None:
        """When the demo's log ends: at the same time whenever the same case is open. Raises `StoreError`."""
        case = self._case_file
        if case is None:
            return None
        if not (text := case.text(DEMO_END)):
            text = datetime.now(UTC).replace(microsecond=0).isoformat()
            case.keep_text(DEMO_END, text)
        return datetime.fromisoformat(text)

    def open_log(self, on_wait: Callable[[Wait | None], None]) -> Log:
        """The log over a new working set; `on_wait` is told of slow requests. Raises `StoreError`."""
        from auditlog_tui.log.log import Log
        from auditlog_tui.store.entries import EntryStore

        if self.client is None:
            raise RuntimeError("not connected yet")
        self.client.on_wait = on_wait
        api = self._checked(self.client)
        if self._case_file is None or self._case is not None:
            self._store = EntryStore()
        else:
            from auditlog_tui.session.case import Case

            self._store = EntryStore(kept=self._case_file)
            self._case = Case(self._case_file, self._store)
        # What answers in this process takes no less time for several requests at once.
        parallel = 1 if self.settings.offline else self.settings.parallel
        log = Log(api, self._store, parallel, self._origin())
        log.marks = self.marks
        if self._archive is not None:
            log.reopen, self._log = self._reopen, log
        return log

    def _note_missing(self) -> None:
        """Tell the log which parts of the archive were found to be damaged as they were read."""
        if self._archive is not None and self._log is not None:
            self._log.note_missing(self._archive.snapshot.reason)

    def _checked(self, client: AuditLogClient) -> AuditLogApi:
        """The API, which checks first that its log is the case's. Raises `CaseError` and `StoreError`."""
        if not self.settings.case:
            return client
        from auditlog_tui.session.case import SameLogApi

        api = SameLogApi(client, self._ids, self._case_path)
        api.refused = self.refused or api.refused
        return api

    def _reopen(self) -> Origin:
        """Take what is in the archive now. Raises `ArchiveError`."""
        if self._archive is None:
            raise RuntimeError("no archive is open")
        self._archive.reload()
        return self._origin_of(self._archive)

    def _origin(self) -> Origin | None:
        """The saved log's, if there is one."""
        from auditlog_tui.log.origin import Origin

        if self._archive is not None:
            return self._origin_of(self._archive)
        saved = self._saved
        if saved is None:
            return None
        now_us = time.time_ns() // 1000
        if saved.as_of_us is not None:
            now_us = saved.as_of_us
        elif saved.index.newest_us is not None:
            now_us = min(now_us, saved.index.newest_us)
        repeated = saved.index.repeated
        note = f"{counted(repeated, 'entry is', 'entries are')} in the file more than once" if repeated else ""
        return Origin(
            name=self.settings.endpoint,
            now_us=now_us,
            query=saved.query,
            stated=saved.stated,
            reason=saved.reason,
            dated=saved.as_of_us is not None,
            note=note,
            content=saved.digest,
            covered=saved.covered,
        )

    def _origin_of(self, archive: ArchiveSource) -> Origin:
        from auditlog_tui.log.origin import Origin

        taken, now_us = archive.snapshot, time.time_ns() // 1000
        newest_us = now_us if taken.newest_us is None else min(now_us, taken.newest_us)
        return Origin(
            name=self.settings.endpoint,
            now_us=newest_us if taken.as_of_us is None else taken.as_of_us,
            query=taken.manifest.origin.query,
            stated=taken.as_of_us is not None,
            reason=taken.reason,
            dated=taken.as_of_us is not None,
            content=taken.manifest.digests[-1],
            kind="archive",
        )

    def marks(self) -> Marks:
        """The marks of the case, or of the endpoint and profile, read at the first call.

        `error` says what could not be read. Those of a saved log belong to its content, wherever it lies; the ones in
        it are there at first. Those of an archive belong to the address and the filter that it is of, and stay as it
        grows.
        """
        from auditlog_tui.session.marks import Marks, marks_path

        if self._marks is None and self._case is not None:
            self._marks = self._case.marks()
        if self._marks is None:
            saved, endpoint = self._saved, "" if self.settings.demo else self.settings.base_url
            profile = self.settings.profile
            if self._archive is not None:
                endpoint, profile = f"archive:{self._archive.snapshot.manifest.digests[0]}", ""
            elif saved is not None:
                endpoint, profile = saved.digest and f"sha256:{saved.digest}", ""
            self._marks = Marks(marks_path(endpoint, profile) if endpoint else None)
            if saved is not None:
                self._marks.begin_with(_marks_in(saved))
        self._marks.redactor = self._redactor
        return self._marks

    def _why_unkept(self) -> str:
        """Why marks and notes are not kept; empty if they are."""
        if self._case is not None:
            return ""
        if self.settings.demo:
            return "the demo keeps no marks and no notes after its end"
        if self._saved is not None and not self._saved.digest:
            return "of a file that was not read to its end, no marks and notes are kept"
        return ""

    def open(self, on_wait: Callable[[Wait | None], None]) -> Navigator:
        """The browser's navigation over the log. Raises `StoreError`."""
        from auditlog_tui.session.navigator import Navigator

        settings = self.settings
        self._later = threading.Timer(LATER_S, _import_later)  # in a thread, so that no key waits for it
        self._later.daemon = True
        self._later.start()
        log, case = self.open_log(on_wait), self._case
        if self._case_file is not None:
            self._begin_journal(self._case_file)
        return Navigator(
            log,
            read_zone(settings.zone).zone,
            history=self._history(),
            marks=self.marks(),
            views=settings.views,
            profile=settings.profile,
            base_url="" if settings.base_url == DEFAULT_BASE_URL else settings.base_url,
            demo=settings.demo,
            saved=settings.saved,
            unkept=self._why_unkept(),
            case=case,
            journal=self._journal,
            redactor=self._redactor,
        )

    def _history(self) -> History:
        """The filters typed before: in the case, or in the one that is opened as a file, else in this profile."""
        from auditlog_tui.session.filter_history import History, history_path

        saved = self._saved
        if self._case is not None:
            history = self._case.history()
        elif saved is None or not saved.queries:
            history = History(history_path(self.settings.profile))
        else:
            history = History()
            history.texts = list(saved.queries)
        if self._redactor.has_secrets:
            history.forget(self._redactor.has)
        return history

    def _begin_journal(self, case: CaseFile) -> None:
        """Note in the case's log that it was opened. Raises `StoreError`."""
        from auditlog_tui.session.journal import journal_of

        self._journal = journal_of(case, self._redactor)
        of = {
            "version": __version__,
            "log": self.settings.log_name,
            "profile": self.settings.profile,
            "user": _user_name(),
            "host": platform.node(),
        }
        self._journal.note("opened", {name: value for name, value in of.items() if value})

    def check_locations(self) -> None:
        """Raise `SettingsError` if a file with locations of addresses can't be used. Quick."""
        if self.settings.mmdb:
            from auditlog_tui.analysis.locations import check

            with self.settings.checking("mmdb"):
                check(self.settings.mmdb)

    def open_locations(self) -> Locations:
        """The locations of addresses, from the files of the settings; slow, in any thread."""
        from auditlog_tui.analysis.locations import Locations

        self._locations = Locations(self.settings.mmdb)
        if self._closed:
            self._locations.close()
        self._locations.open()
        return self._locations

    def take_first_start(self) -> bool:
        """True once, at the first start of all; in any thread."""
        from auditlog_tui.session.first_start import started_path, take_first_start

        return take_first_start(started_path())

    def save_marks(self) -> str:
        """Save marks that could not be saved before; returns a message about those that are lost, if any.

        Those of a case are saved by `close`.
        """
        if self._lost is not None:
            return self._lost
        marks = self._marks
        if marks is None or not marks.unsaved:
            return ""
        try:
            marks.save()
        except StoreError as error:
            return f"{counted(marks.unsaved, 'mark or note', 'marks or notes')} could not be saved: {error}"
        return ""

    async def close(self) -> None:
        """Close the connections and drop the working set."""
        self._closed = True
        if self._reader is not None:
            self._reader.leave()
        if self._later is not None:
            self._later.cancel()
        try:
            if self._early is not None:
                self._early.abandon()
            if self.client is not None:
                await self.client.aclose()
        finally:
            if self._case is not None:
                self._journal.note("ended")
                self._lost = "\n".join(filter(None, [self.save_marks(), self._journal.left]))
            opened = (
                self._demo_log, self._saved, self._archive, self._case_file, self._store, self._locations,
            )  # fmt: skip
            for each in opened:
                if each is not None:
                    each.close()


def _user_name() -> str:
    """The system's name of the user whose process this is, or their number; no variable can change it."""
    try:
        import pwd
    except ImportError:  # Windows
        return os.environ.get("USERNAME", "")
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _marks_in(saved: SavedLog) -> Iterator[Mark]:
    """The marks and notes in the file, with the entries that they are on."""
    from auditlog_tui.entries.models import read_entry
    from auditlog_tui.session.marks import Mark

    for note in saved.notes:
        text = saved.index.get(note.key) if note.marked or note.note else None
        if text is not None:
            yield Mark(read_entry(text), note.marked, note.note, note.made_us)


def _first_target(text: str, settings: Settings) -> str | None:
    """What the browser requests first for a filter; `None` if that depends on the server's clock.

    Raises `QueryError` and `NotFoundError`.
    """
    from auditlog_tui.api.request import entry_target, list_target

    if not text.strip():
        return list_target({}, limit=PAGE)
    from auditlog_tui.query import plan
    from auditlog_tui.session.typed_filter import read_filter

    typed = read_filter(text, settings.views, Redactor(settings.secrets))
    if typed.relative:
        return None
    planned = plan(typed.query(time.time_ns() // 1000, read_zone(settings.zone).zone))
    return list_target(planned.params, limit=PAGE) if planned.entry_id is None else entry_target(planned.entry_id)
