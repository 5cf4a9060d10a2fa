"""The log without a screen, for pipes and scripts: `list`, `get`, `count`, `follow` and `who`.

Data goes to standard output as it arrives, page by page; what has been written is never taken back. Progress and
notes go to standard error where that is a terminal, errors always.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import TYPE_CHECKING

from auditlog_tui.analysis.counting import Counting
from auditlog_tui.analysis.gathering import Gatherer
from auditlog_tui.analysis.names import NameSearch
from auditlog_tui.analysis.no_matches import compared_fields, reasons, take_similar
from auditlog_tui.analysis.who import Subject, Who, subject_in, subjects_in
from auditlog_tui.api.client import AuditLogClient
from auditlog_tui.entries.contract import PAGE
from auditlog_tui.errors import (
    ApiError,
    ArchiveRefusedError,
    AuditLogError,
    ExitStatus,
    ExportRefusedError,
    NotFoundError,
    QueryError,
    SecretError,
    SettingsError,
)
from auditlog_tui.evidence.fields import NO_NOTE, Note
from auditlog_tui.evidence.formats import WITH_NOTES, Notes, TableStyle, Writer, read_columns
from auditlog_tui.headless.following import LAST, Extent, Following, check_followable
from auditlog_tui.headless.listing import Listing, Printer, count_matching, seen_of
from auditlog_tui.headless.queries import connected, read_query
from auditlog_tui.headless.streams import Progress, print_note, print_notes, standard_out
from auditlog_tui.headless.who import choice, has_name, missing_from, nobody, who_json, who_text
from auditlog_tui.log.log import Log, clock_skew
from auditlog_tui.log.server_support import SMALLEST_PAGE
from auditlog_tui.log.walk import Walk
from auditlog_tui.output.crash import crash_report
from auditlog_tui.query import DEADLINE_HINT, Query, plan, read_deadline
from auditlog_tui.query.seen_values import Seen, Unseen
from auditlog_tui.session.opening import Session
from auditlog_tui.session.typed_filter import FilterError
from auditlog_tui.settings.command_line import STDOUT
from auditlog_tui.settings.options import Settings
from auditlog_tui.settings.redactor import Redactor
from auditlog_tui.text.cells import cell_width
from auditlog_tui.text.glyphs import Glyphs, glyphs_for
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import counted, moment, rfc3339
from auditlog_tui.text.zones import read_zone

if TYPE_CHECKING:
    from auditlog_tui.headless.collecting import CollectOptions
    from auditlog_tui.headless.exporting import ExportOptions
    from auditlog_tui.headless.rechecking import RecheckOptions


@dataclass(frozen=True, slots=True)
class Command:
    """A command: `text` is the filter, or what `get` or `who` is about.

    `limit` and `last` are in entries, `until` is as typed.
    """

    name: str
    text: str
    format: str = "table"
    limit: int | None = None
    last: int = LAST
    until: str = ""
    export: ExportOptions | None = None
    collect: CollectOptions | None = None
    recheck: RecheckOptions | None = None


def run(settings: Settings, command: Command) -> int:
    """Run a command; returns the exit status."""
    progress = Progress(sys.stderr)
    ended_by = [int(signal.SIGINT)]
    try:
        with _ending_like_ctrl_c(ended_by):
            return asyncio.run(_run(settings, command, progress))
    except KeyboardInterrupt:
        return 128 + ended_by[-1]
    except BrokenPipeError:
        return ExitStatus.BROKEN_PIPE
    except (FilterError, SecretError) as error:
        return _fail(pointed(error), ExitStatus.USAGE)
    except (SettingsError, ExportRefusedError, ArchiveRefusedError) as error:
        return _fail(str(error), ExitStatus.USAGE)
    except ApiError as error:
        of = f"Profile {settings.profile}: " if settings.profile else ""  # whose key it was
        return _fail(f"{of}{error}", ExitStatus.API)
    except AuditLogError as error:
        return _fail(str(error), ExitStatus.INCOMPLETE)
    except OSError as error:
        return _fail(f"Standard output can't be written: {error.strerror}.", ExitStatus.INCOMPLETE)
    except Exception as error:
        return _fail(crash_report(error, settings.secrets).rstrip("\n"), ExitStatus.INCOMPLETE)


@contextmanager
def _ending_like_ctrl_c(ended_by: list[int]) -> Iterator[None]:
    """Let the signals that end a program do what Ctrl+C does, unless they are ignored; note those that come."""

    def end(number: int, _: object) -> None:
        ended_by.append(number)
        if not callable(signal.getsignal(signal.SIGINT)):  # ignored, as in the background of a script
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)

    names = ("SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    numbers = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    for number in numbers:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _fail(text: str, status: ExitStatus) -> ExitStatus:
    print_note(text)
    return status


def pointed(error: FilterError | SecretError) -> str:
    """The error in lines: what is wrong, the filter with marks under the term, and what would be valid."""
    text = error.text
    before, term, after = map(safe, (text[: error.start], text[error.start : error.end], text[error.end :]))
    marks = " " * cell_width(before) + "^" * max(1, cell_width(term))
    return "\n".join(filter(None, [error.message, f"  {before}{term}{after}", f"  {marks}", error.hint]))


async def _run(settings: Settings, command: Command, progress: Progress) -> int:
    redactor = Redactor(settings.secrets)
    for typed in (command.text, *((command.export.by, command.export.out) if command.export is not None else ())):
        redactor.check(typed)
    if command.export is not None:
        from auditlog_tui.headless.exporting import export, only_marked  # only this command needs it

        if command.export.out != STDOUT:
            return await export(settings, command.text, command.export, progress)
        command = replace(command, name="list", text=only_marked(command.text, command.export))
    if command.collect is not None:
        from auditlog_tui.headless.collecting import collect

        return await collect(settings, command.text, command.collect, progress)
    if command.recheck is not None:
        from auditlog_tui.headless.rechecking import recheck

        return await recheck(settings, command.recheck, progress)
    async with _opened(settings, command, progress) as opened:
        match command.name:
            case "get":
                return await opened.get(command.text)
            case "count":
                return await opened.count(await opened.query(command.text))
            case "follow":
                return await opened.follow(command)
            case "who":
                return await opened.who(command)
            case _:
                return await opened.list(await opened.query(command.text), command.limit)


@asynccontextmanager
async def _opened(settings: Settings, command: Command, progress: Progress) -> AsyncIterator[_Run]:
    """The command with its log and its output open."""
    with settings.checking("columns"):
        columns = read_columns(settings.columns) if command.format == "table" else ()
    out, terminal = standard_out(progress)
    async with AsyncExitStack() as stack:
        session = Session(settings)
        stack.push_async_callback(session.close)
        client = await connected(session, progress)
        log = session.open_log(progress.on_wait)
        log.store.seen = Unseen()
        shown = read_zone(settings.zone)
        style = TableStyle(
            width=shutil.get_terminal_size().columns if terminal else None,
            mode=shown.mode,
            zone=shown.zone,
            now_us=log.now_us(),
            glyphs=glyphs_for(terminal or "utf-8"),
            columns=columns,
        )
        follows = command.name == "follow"
        if follows and style.mode == "relative":  # an age would be that of the start
            style = replace(style, mode="utc")
        notes, unread = _notes_of(session) if command.format in WITH_NOTES else (None, "")
        ascii_only = style.glyphs.ellipsis != "…"
        writer = Writer(command.format, style, ascii_only=ascii_only, fixed=follows, notes=notes)
        await stack.enter_async_context(progress.shown())
        yield _Run(session, log, client, Printer(log.store, writer, out), progress, style.glyphs, unread)


def _notes_of(session: Session) -> tuple[Notes, str]:
    """The user's notes at this endpoint, and a sentence on those that can't be read, if any."""
    from auditlog_tui.session.marks import tags_of  # only some formats need it

    marks = session.marks()

    def note(key: str) -> Note:
        text, marked = marks.note_of(key), marks.is_marked(key)
        return Note(text, tuple(tags_of(text)), marked=marked) if text or marked else NO_NOTE

    return note, marks.error


class _Run:
    """A command over one log. `unread` says which of the notes that belong to the output can't be read."""

    def __init__(
        self,
        session: Session,
        log: Log,
        client: AuditLogClient,
        printer: Printer,
        progress: Progress,
        glyphs: Glyphs,
        unread: str = "",
    ) -> None:
        self._session = session
        self._log = log
        self._client = client
        self._printer = printer
        self._progress = progress
        self._settings = session.settings
        self._glyphs = glyphs
        self._unread = unread

    async def query(self, text: str, check: Callable[[Query], None] = lambda query: None) -> Query:
        """`read_query` of the settings' saved filters, in their zone."""
        _, query = await read_query(text, self._log, self._settings, check)
        if fields := compared_fields(query):
            self._log.store.seen = Seen(fields)
        return query

    @property
    def _zone(self) -> tzinfo:
        return read_zone(self._settings.zone).zone

    async def follow(self, command: Command) -> ExitStatus:
        if command.until:
            self._deadline(command.until)  # before anything is sent
        query = await self.query(command.text, check_followable)
        until_us = None
        if command.until:
            await self._log.learn_clock()
            until_us = self._deadline(command.until)
            if until_us <= self._log.now_us():
                raise SettingsError(f"--until is {rfc3339(until_us)}, which is past. Write {DEADLINE_HINT}.")
            self._tell(f"Following until {moment(until_us, self._zone)}.")
        following = Following(
            self._log, query, self._printer, Extent(command.last, command.limit, until_us), self._tell
        )
        self._show_progress(following)
        try:
            if not await following.begin():
                print_notes(["No entry matches yet.", *(await self._why_nothing(query))[1:]])
            return self._end(await following.go(), [])
        except (asyncio.CancelledError, KeyboardInterrupt):
            least = "At least " if following.writing else ""
            self._tell(f"{least}{counted(following.written, 'new entry', 'new entries')} written.")
            raise

    def _deadline(self, text: str) -> int:
        """The instant of `--until`. Raises `SettingsError`."""
        try:
            return read_deadline(text, self._log.now_us(), self._zone)
        except QueryError as error:
            raise SettingsError(f"--until {safe(text, 60)}: {error} {error.hint}") from error

    def _tell(self, text: str) -> None:
        """Write a line on standard error at once."""
        self._progress.clear()
        print_note(safe(text, 500))

    async def list(self, query: Query, limit: int | None) -> ExitStatus:
        walk = Walk(self._log, query)
        self._show_progress(walk)
        listing = Listing(walk, self._printer, limit)
        try:
            missing = await listing.go() or self._unread_marks(query) or self._file_lacks(query)
        except BrokenPipeError:
            raise
        except BaseException as error:
            self._tell_written(listing, stopped=not isinstance(error, Exception))
            raise
        notes = [] if listing.written or missing else [*await self._why_nothing(query)]
        if walk.gone:
            are = "is" if walk.gone == 1 else "are"
            notes.append(f"{counted(walk.gone, 'entry', 'entries')} of these {are} gone from the server since.")
        return self._end(missing, notes)

    def _tell_written(self, listing: Listing, *, stopped: bool) -> None:
        """Say how much of a listing that was broken off has been written, nothing too if it was `stopped`."""
        if listing.written or stopped:
            self._progress.clear()
            least = "At least " if listing.writing else ""
            print_note(f"{least}{counted(listing.written, 'entry', 'entries')} written; more may be missing.")

    async def count(self, query: Query) -> ExitStatus:
        if unread := self._unread_marks(query):
            return self._end(unread, [])
        number, missing = await count_matching(self._log, query, self._show_progress)
        matching = "matches" if number == 1 else "match"
        if missing:
            return self._end(f"{missing} {number:,} of them {matching}.", [])
        if missing := self._file_lacks(query):
            return self._end(f"{missing} {counted(number, 'entry', 'entries')} there {matching}.", [])
        self._printer.line(str(number))
        return self._end("", [] if number else await self._why_nothing(query))

    async def get(self, entry_id: str) -> ExitStatus:
        try:
            entry = await self._log.api.get(entry_id)
        except NotFoundError as error:
            origin = self._log.origin
            if origin is None:
                raise
            why = f" It is incomplete: {origin.reason}." if origin.reason else ""
            why = why or (" It does not say whether it has all of the log." if origin.unsure else "")
            raise NotFoundError(f"{origin.name} has no entry with this ID.{why}", status=error.status) from error
        self._printer.entry(entry)
        return self._finish("")

    async def who(self, command: Command) -> ExitStatus:
        """Write a report on an actor, an address or a target."""
        if not subjects_in(command.text):
            raise SettingsError("who takes the ID of an actor or a target, the name of an actor, or an address.")
        self._session.check_locations()
        where = await asyncio.to_thread(self._session.open_locations)
        gatherer = Gatherer(Counting(self._log), everything=True)
        self._progress.describe = lambda: f"{gatherer.describe()} · {counted(self._client.requests, 'request')}"
        self._progress.tells = gatherer.tells
        subject, missing = await subject_in(command.text, gatherer), ""
        if subject is None:
            subject, missing = await self._actor_named(command.text, gatherer)
        if subject is None:
            lacks = f"Incomplete: {self._log.lacks}." if self._log.lacks else ""
            return self._end("\n".join(filter(None, [missing, lacks])), [])
        self._progress.tells = gatherer.tells
        who = Who(subject, gatherer, self._zone)
        self._progress.describe = lambda: f"{who.describe()} · {counted(self._client.requests, 'request')}"
        await who.load(lambda: None)
        report = who.report
        if command.format == "json":
            self._printer.line(who_json(report, self._zone))
        else:
            for line in who_text(report, self._zone, self._glyphs, where.text):
                self._printer.line(line)
        lacks = missing_from(report) or self._unsure()
        return self._end("\n".join(filter(None, [missing, lacks])), where.take_problems())

    async def _actor_named(self, text: str, gatherer: Gatherer) -> tuple[Subject | None, str]:
        """The actor of a name, and what may be missing; if there is none, what was looked for in vain.

        Raises `SettingsError` if there are several.
        """
        subjects = subjects_in(text)
        known = [await gatherer.of(each.kind, each.value) for each in subjects]
        if not has_name(subjects):
            return None, nobody(subjects, None, sure=all(each.none for each in known), lacks=self._log.lacks)
        search = NameSearch(self._log, subjects[0].value)
        self._show_progress(search.walk)
        await search.go()
        missing = search.walk.missing()
        if len(search.found) > 1:
            raise SettingsError(choice(search, missing, self._zone))
        if not search.found:
            sure = all(each.none for each in known) and not missing
            none = nobody(subjects, search, sure=sure, lacks=self._log.lacks)
            return None, "\n".join(filter(None, [none, missing]))
        (actor,) = search.found
        self._tell(f"{search.name} is no ID here, but the name of the actor {actor}.")
        return Subject("actor", actor), missing and f"{missing}\nOther actors may have this name too."

    def _file_lacks(self, query: Query) -> str:
        """Why entries are or may be missing in what the log was saved to; empty if none are, or if it was not."""
        origin, planned = self._log.origin, plan(query)
        if origin is None or planned.only or origin.covered_us(planned.params) is not None:
            return ""
        return f"Incomplete: {origin.reason}." if origin.reason else self._unsure()

    def _unsure(self) -> str:
        """Why what was found may lack entries of the log, in a sentence; empty if it has all that are there."""
        unsure = "" if self._log.origin is None else self._log.origin.unsure
        return f"Incomplete: {unsure}." if unsure else ""

    def _unread_marks(self, query: Query) -> str:
        """Why marks could not be read that the query is about; empty if all were."""
        return f"{self._session.marks().error}." if plan(query).of_marks and self._session.marks().error else ""

    def _show_progress(self, walk: Walk | Following) -> None:
        self._progress.describe = lambda: f"{walk.describe()} · {counted(self._client.requests, 'request')}"
        self._progress.tells = walk.tells

    async def _why_nothing(self, query: Query) -> Sequence[str]:
        """That nothing matches, with possible reasons, for which a few small requests are made."""
        if not query:
            return ["The log is empty." if self._log.origin is None else self._log.origin.empty]
        if only := plan(query).only:
            return [f"No entry that you {only} matches."]
        seen = Seen()
        with suppress(AuditLogError):  # the count is right without the reasons
            seen = await self._sample(query)
        read = compared_fields(query) and self._log.store.seen.first_us is not None
        sample = "what was read" if read else f"the {PAGE} newest and {SMALLEST_PAGE} oldest entries"
        return ["No entry matches.", *reasons(query, seen, self._log.now_us(), sample)]

    async def _sample(self, query: Query) -> Seen:
        """Values of the log, and actions similar to the query's if the log has them. Raises `AuditLogError`."""
        seen = await seen_of(self._log, query)
        await take_similar(query, seen, self._log.api)
        seen.add(self._log.store.seen)
        return seen

    def _end(self, missing: str, notes: Sequence[str]) -> ExitStatus:
        """Write what is left to be said, and what is missing; returns the exit status."""
        ignored = self._log.server_support.ignored
        if ignored:
            self._progress.note(f"This server ignores {', '.join(sorted(ignored))}: evaluated here.")
        self._progress.clear()
        if slow := clock_skew(self._log.api.clock_offset_us):
            print_note(f"{slow}.")
        print_notes(notes)
        return self._finish(missing)

    def _finish(self, missing: str) -> ExitStatus:
        """Write what is missing, notes included; returns the exit status."""
        if self._unread:
            missing = f"{missing}\nIncomplete: notes are missing. {safe(self._unread, 500)}.".lstrip("\n")
        return _fail(missing, ExitStatus.INCOMPLETE) if missing else ExitStatus.DONE
