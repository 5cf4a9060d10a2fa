"""The log without its screen, for pipes and scripts: `list`, `get` and `count`.

Data goes to standard output as it arrives, page by page; what has been written is never taken back. Progress and
notes go to standard error where that is a terminal, errors always.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass
from datetime import tzinfo
from enum import IntEnum
from typing import TYPE_CHECKING, cast

from auditlog_tui.errors import ApiError, AuditLogError, QueryError, SettingsError
from auditlog_tui.evidence.formats import TableStyle, Writer, read_columns
from auditlog_tui.headless.streams import Progress, standard_out
from auditlog_tui.output.crash import crash_report
from auditlog_tui.settings.options import Settings
from auditlog_tui.text.cells import cell_width
from auditlog_tui.text.glyphs import glyphs_for
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import counted
from auditlog_tui.text.zones import read_zone

if TYPE_CHECKING:
    from auditlog_tui.api.client import AuditLogClient
    from auditlog_tui.headless.listing import Printer, Walk
    from auditlog_tui.log.log import Log
    from auditlog_tui.query import Query
    from auditlog_tui.query.seen_values import Seen


class Exit(IntEnum):
    """How the program ends. `BROKEN_PIPE` is that of a program which SIGPIPE ended: nobody reads any more."""

    DONE = 0
    INCOMPLETE = 1
    USAGE = 2
    API = 3
    INTERRUPTED = 130
    BROKEN_PIPE = 141


@dataclass(frozen=True, slots=True)
class Command:
    """What was asked for: `text` is the filter of `list` and `count`, the ID of `get`. No `limit` is everything."""

    name: str
    text: str
    format: str = "table"
    limit: int | None = None


class _PointedError(AuditLogError):
    """A filter that can't be read, with a line that points at the term."""


def run(settings: Settings, command: Command) -> int:
    """Do what was asked for; returns the exit status."""
    progress = Progress(sys.stderr)
    try:
        return asyncio.run(_run(settings, command, progress))
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return Exit.BROKEN_PIPE
    except (_PointedError, SettingsError) as error:
        return _fail(str(error), Exit.USAGE)
    except ApiError as error:
        return _fail(str(error), Exit.API)
    except AuditLogError as error:
        return _fail(str(error), Exit.INCOMPLETE)
    except OSError as error:
        return _fail(f"Standard output can't be written: {error.strerror}.", Exit.INCOMPLETE)
    except Exception as error:  # a fault of ours: a report of it, without secrets
        return _fail(crash_report(error, settings.secrets).rstrip("\n"), Exit.INCOMPLETE)


def _fail(text: str, status: Exit) -> Exit:
    _say(text)
    return status


def _say(text: str) -> None:
    if sys.stderr is None:  # print would write among the data
        return
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)  # noqa: T201 (this is where a command line speaks)


def _say_all(sentences: Sequence[str]) -> None:
    for sentence in sentences:
        _say(safe(sentence, 500))


async def _run(settings: Settings, command: Command, progress: Progress) -> Exit:
    async with _session(settings, command, progress) as run:
        match command.name:
            case "get":
                return await run.get(command.text)
            case "count":
                return await run.count(await run.query(command.text))
            case _:
                return await run.list(await run.query(command.text), command.limit)


@asynccontextmanager
async def _session(settings: Settings, command: Command, progress: Progress) -> AsyncIterator[_Run]:
    """What the command works with; given back at the end, however that comes."""
    from auditlog_tui.headless.listing import Printer, Unseen
    from auditlog_tui.log.log import Log
    from auditlog_tui.session.opening import Session
    from auditlog_tui.store.entries import EntryStore

    columns = read_columns(settings.columns) if command.format == "table" else ()
    out, terminal = standard_out(progress)
    async with AsyncExitStack() as opened:
        session = Session(settings)
        opened.push_async_callback(session.close)
        session.prepare()
        client = cast("AuditLogClient", session.client)
        client.on_wait = progress.on_wait
        store = opened.enter_context(closing(EntryStore()))
        store.seen = Unseen()
        log = Log(client, store)
        way = read_zone(settings.zone)
        look = TableStyle(
            width=shutil.get_terminal_size().columns if terminal else None,
            mode=way.mode,
            zone=way.zone,
            now_us=log.now_us(),
            glyphs=glyphs_for(terminal or "utf-8"),
            columns=columns,
        )
        writer = Writer(command.format, look, ascii_only=look.glyphs.ellipsis != "…")
        await opened.enter_async_context(progress.shown())
        yield _Run(log, client, Printer(store, writer, out), progress, settings)


class _Run:
    """One command at work."""

    def __init__(
        self, log: Log, client: AuditLogClient, printer: Printer, progress: Progress, settings: Settings
    ) -> None:
        self._log = log
        self._client = client
        self._printer = printer
        self._progress = progress
        self._settings = settings

    async def query(self, text: str) -> Query:
        """The filter, its times made absolute by the server's clock; what is odd about it is said.

        Raises `_PointedError` and `ApiError`.
        """
        from auditlog_tui.analysis.zero import warnings
        from auditlog_tui.log.log import NO_SERVER_TIME
        from auditlog_tui.query.seen_values import Seen

        log, views = self._log, self._settings.views
        zone = read_zone(self._settings.zone).zone
        query = read_query(text, views, log.now_us(), zone)
        _say_all(warnings(query, Seen()))
        if not is_relative(text, views):
            return query
        await log.learn_clock()
        if log.api.clock_offset_us is None:
            _say(f"{NO_SERVER_TIME}.")
        return read_query(text, views, log.now_us(), zone)

    async def list(self, query: Query, limit: int | None) -> Exit:
        from auditlog_tui.headless.listing import Listing, Walk

        walk = Walk(self._log, query)
        self._watch(walk)
        listing = Listing(walk, self._printer, limit)
        missing = await listing.go()
        said = [] if listing.written or missing else [*await self._zero(query)]
        if walk.gone:
            are = "is" if walk.gone == 1 else "are"
            said.append(f"{counted(walk.gone, 'entry', 'entries')} of these {are} gone from the server since.")
        return self._end(missing, said)

    async def count(self, query: Query) -> Exit:
        from auditlog_tui.headless.listing import count_matching

        number, missing = await count_matching(self._log, query, self._watch)
        if missing:
            return self._end(f"{missing} {number:,} of them {'matches' if number == 1 else 'match'}.", [])
        self._printer.line(str(number))
        return self._end("", [] if number else await self._zero(query))

    async def get(self, entry_id: str) -> Exit:
        self._printer.entry(await self._log.api.get(entry_id))
        return Exit.DONE

    def _watch(self, walk: Walk) -> None:
        self._progress.describe = lambda: f"{walk.describe()} · {counted(self._client.requests, 'request')}"

    async def _zero(self, query: Query) -> Sequence[str]:
        """That nothing matches, and why that may be, by a few small requests."""
        from auditlog_tui.analysis.zero import reasons
        from auditlog_tui.log.feed import PAGE
        from auditlog_tui.log.server_support import SMALLEST_PAGE
        from auditlog_tui.query.seen_values import Seen

        if not query:
            return ["The log is empty."]
        seen = Seen()
        with suppress(AuditLogError):  # the answer is complete without it
            seen = await self._seen(query)
        sample = f"the {PAGE} newest and {SMALLEST_PAGE} oldest entries"
        return ["No entry matches.", *reasons(query, seen, self._log.now_us(), sample)]

    async def _seen(self, query: Query) -> Seen:
        """A sample of the log's values, and the other forms of the actions asked for where the log has them.

        Raises `AuditLogError`.
        """
        from auditlog_tui.analysis.zero import take_other_forms
        from auditlog_tui.headless.listing import seen_of

        seen = await seen_of(self._log, query)
        await take_other_forms(query, seen, self._log.api)
        return seen

    def _end(self, missing: str, said: Sequence[str]) -> Exit:
        from auditlog_tui.log.log import clock_skew

        ignored = self._log.server_support.ignored
        if ignored:
            self._progress.note(f"This server ignores {', '.join(sorted(ignored))}: evaluated here.")
        self._progress.clear()
        if slow := clock_skew(self._log.api.clock_offset_us):
            _say(f"{slow}.")
        _say_all(said)
        return _fail(missing, Exit.INCOMPLETE) if missing else Exit.DONE


def read_query(text: str, views: Mapping[str, str], now_us: int, zone: tzinfo) -> Query:
    """The filter as the browser reads it, saved views included. Raises an error that shows the term it is about."""
    from auditlog_tui.query import freeze, parse, plan
    from auditlog_tui.query.saved_filters import expand
    from auditlog_tui.settings.command_line import filter_in

    text = filter_in(text)
    try:
        text = expand(text, views)  # an error in this line is about the text before it, one below about the new one
        query = freeze(parse(text), now_us, zone)
        plan(query)
    except QueryError as error:
        raise _PointedError(pointed(text, error)) from error
    return query


def is_relative(text: str, views: Mapping[str, str]) -> bool:
    """True for a filter, one that can be read, that means something else at another time."""
    from auditlog_tui.query import depends_on_now, parse
    from auditlog_tui.query.saved_filters import expand
    from auditlog_tui.settings.command_line import filter_in

    return depends_on_now(parse(expand(filter_in(text), views)))


def pointed(text: str, error: QueryError) -> str:
    """The error in lines: what is wrong, the filter with marks under the term, and what would be valid."""
    before, term, after = (safe(part) for part in _parts(text, error.start, error.end))
    marks = " " * cell_width(before) + "^" * max(1, cell_width(term))
    return "\n".join(filter(None, [error.message, f"  {before}{term}{after}", f"  {marks}", error.hint]))


def _parts(text: str, start: int, end: int) -> tuple[str, str, str]:
    return text[:start], text[start:end], text[end:]
