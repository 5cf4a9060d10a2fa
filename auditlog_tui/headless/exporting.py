"""`export`: writes the entries of a query to a file as evidence, and says how that ended."""

from __future__ import annotations

import argparse
import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from auditlog_tui.errors import AuditLogError, ExitStatus, ExportError, ExportRefusedError, SettingsError
from auditlog_tui.evidence.endings import ending_of
from auditlog_tui.evidence.export import Export, Job, Outcome
from auditlog_tui.evidence.forms import BUNDLE, FORMS, form_of
from auditlog_tui.evidence.statement import NOT_COVERED
from auditlog_tui.headless.queries import connected, read_query
from auditlog_tui.headless.streams import Progress, print_note
from auditlog_tui.log.log import clock_skew
from auditlog_tui.output.files import shown
from auditlog_tui.query import with_term
from auditlog_tui.query.times import NoTimeError, read_length
from auditlog_tui.session.opening import Session
from auditlog_tui.settings.command_line import STDOUT
from auditlog_tui.settings.options import Settings
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import counted, moment

_MARKED = "marked:yes"


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What the command line says about an export."""

    out: str
    format: str = "jsonl"
    marked: bool = False
    context_us: int = 0
    by: str = ""
    incomplete: bool = False


def options_of(options: argparse.Namespace) -> ExportOptions:
    """The options of `export`. Raises `SettingsError`."""
    try:
        context_us = read_length(options.with_context) if options.with_context else 0
    except NoTimeError as error:
        typed = safe(options.with_context, 40)
        raise SettingsError(f"--with-context {typed}: this is not a length of time. Write 30s, 5m or 2h.") from error
    out, form = options.bundle or options.out, options.format or form_of(options.out)
    if form == BUNDLE:
        raise SettingsError(f"{safe(out, 200)} has the name of a bundle: write --bundle, or name a --format.")
    if not form:
        raise SettingsError(_no_ending(out))
    return ExportOptions(
        out if out == STDOUT else _expanded(out),
        BUNDLE if options.bundle else form,
        options.marked,
        context_us,
        options.by,
        options.incomplete,
    )


def _no_ending(out: str) -> str:
    ending = safe(Path(out).suffix, 40)
    endings = ", ".join(form.suffix for form in FORMS if form.name != BUNDLE)
    formats = ", ".join(form.name for form in FORMS if form.name != BUNDLE)
    return (
        f"{safe(out, 200)}: no format has the ending {ending}, so nothing was written.\n"
        f"Use one of {endings}; or say --format with any name: {formats}."
    )


def _expanded(path: str) -> str:
    """The path with `~` for a home folder replaced. Raises `SettingsError` if there is no such user."""
    try:
        return os.path.join(Path(path).expanduser(), "") if path.endswith("/") else str(Path(path).expanduser())
    except RuntimeError as error:
        raise SettingsError(f"{safe(path, 200)}: there is no such user. Write ./ before a name with ~.") from error


def only_marked(text: str, options: ExportOptions) -> str:
    """The filter, for marked entries alone if that is asked for."""
    return with_term(text, _MARKED) if options.marked else text


async def export(settings: Settings, text: str, options: ExportOptions, progress: Progress) -> ExitStatus:
    """Write the entries that match a filter to a file. Raises `AuditLogError`."""
    async with AsyncExitStack() as stack:
        session = Session(settings)
        stack.push_async_callback(session.close)
        await connected(session, progress)
        log = session.open_log(progress.on_wait)
        typed, query = await read_query(only_marked(text, options), log, settings)
        marks = session.marks()
        job = Job(
            out=Path(options.out),
            form=options.format,
            ending=ending_of(options.format),
            typed=typed.text,
            query=query,
            endpoint=settings.log_name,
            by=options.by,
            zone=settings.zone if typed.relative else "",
            context_us=options.context_us,
            incomplete=options.incomplete,
            notes=marks.annotations,
            unread=marks.error,
            profile=settings.profile,
        )
        running = Export(job, log)
        progress.describe, progress.tells = running.describe, running.tells
        try:
            outcome = await _go(running, progress)
        except (asyncio.CancelledError, KeyboardInterrupt):
            print_note(f"Stopped. {_kept(running)}" if running.part.at.lines else "Stopped. Nothing was written.")
            raise
        if slow := clock_skew(log.api.clock_offset_us):
            print_note(f"{slow}.")
        return _end(running, outcome)


async def _go(running: Export, progress: Progress) -> Outcome:
    """Run it; an error then says what is left. Raises `AuditLogError`."""
    try:
        async with progress.shown():
            return await running.matching()
    except AuditLogError as error:
        if running.part.at.lines and not isinstance(error, ExportRefusedError):
            print_note(_kept(running))
        raise
    except OSError as error:
        raise ExportError(
            f"{shown(running.job.out)} can't be written: {safe(error.strerror or str(error))}."
        ) from error


def _kept(running: Export) -> str:
    lines = counted(running.part.at.lines, "entry", "entries")
    return f"{lines} arrived so far: {shown(running.part.path)}. The same command goes on with them."


def _end(running: Export, outcome: Outcome) -> ExitStatus:
    """Say how it ended; returns the exit status."""
    statement = outcome.statement
    if running.told:
        print_note(running.told)
    if outcome.resumed:
        print_note(f"{counted(outcome.resumed, 'entry', 'entries')} were there from the run before.")
    if outcome.written is None:
        lines = counted(statement.entries, "entry", "entries")
        again = outcome.advice or ("" if running.from_file else "The same command tries again.")
        again = f"{again} With --incomplete, the same command writes what there is."
        print_note(
            f"INCOMPLETE: {safe(statement.reason, 500)}.\n{lines} arrived: {shown(outcome.part)}. {again.lstrip()}"
        )
        return ExitStatus.INCOMPLETE
    as_of = "" if statement.as_of_us is None else f" as of {moment(statement.as_of_us, UTC)}"
    beside = "" if outcome.notes is None else f" Notes: {shown(outcome.notes)}."
    written = f"{outcome.counted()}: {shown(outcome.written)}."
    if outcome.complete:
        scope = f": {statement.scope}. {NOT_COVERED}" if statement.scope else "."
        print_note(f"COMPLETE{as_of}{scope} {written}{beside}")
        return ExitStatus.DONE
    print_note(f"INCOMPLETE{as_of}: {safe(statement.reason, 500)}.\n{written}{beside}")
    return ExitStatus.INCOMPLETE
