"""Exports from the screen: asked for, run in the background one at a time, stopped, gone on with, and told of."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import count as numbers
from pathlib import Path
from typing import TYPE_CHECKING

from textual.worker import Worker

from auditlog_tui.errors import AuditLogError, ExportError, ExportRefusedError, StoppedError
from auditlog_tui.output import files
from auditlog_tui.output.files import shown
from auditlog_tui.settings.command_line import export_command
from auditlog_tui.settings.options import Settings
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import count, counted, moment
from auditlog_tui.ui.browse.host import Controller, Host
from auditlog_tui.ui.browse.status import Begun, StatusController
from auditlog_tui.ui.panes.filter_bar import FilterBar
from auditlog_tui.ui.patches.timers import certain
from auditlog_tui.ui.table.table import EntryTable

if TYPE_CHECKING:
    from auditlog_tui.entries.raw_json import Json
    from auditlog_tui.evidence.export import Export, Job, Outcome
    from auditlog_tui.evidence.recheck import Rechecks
    from auditlog_tui.evidence.statement import Statement
    from auditlog_tui.ui.dialogs.export import Offer, Request

MARKED = "marked:yes"

QUIET_S, SOON_S = 1.0, 0.05
"""Seconds without a key before the end is told again that a key may have removed, and before another look."""


@dataclass(frozen=True, slots=True)
class Told:
    """How an export ended: in a sentence for the status line, and in paragraphs with their styles for a dialog."""

    title: str
    sentence: str
    severity: str
    paragraphs: tuple[tuple[str, str], ...]
    request: Request
    path: str = ""
    """The file as an absolute path; empty if none was written."""
    command: str = ""
    """The command that verifies it."""
    manifest: str = ""
    """The SHA-256 of its manifest."""
    sha256: str = ""
    """That of the file, if it is no bundle and a journal is kept."""
    arrived: int = 0
    """The entries that are there although no file was written."""
    final: bool = False
    """Whether going on with them would end the same."""


class ExportController(Controller):
    """`e`. `left` is what the user must know of an export once the screen is gone; empty if there is nothing."""

    def __init__(
        self,
        host: Host,
        table: EntryTable,
        filter_bar: FilterBar,
        status: StatusController,
        settings: Settings,
        rechecks: Callable[[], Rechecks],
        is_marking: Callable[[], bool],
    ) -> None:
        self.left = ""
        self._host = host
        self._table = table
        self._filter_bar = filter_bar
        self._status = status
        self._settings = settings
        self._rechecks = rechecks
        self._is_marking = is_marking
        self._worker: Worker[None] | None = None
        self._escaped = False
        self._unread = ""
        """Why other terminals' notes could not be read."""
        self._last: Told | None = None
        self._due: Callable[[], None] | None = None
        """Shows how the last export ended, until that was shown."""
        self._line: list[Offer] = []
        """What is offered in place of the view's entries; empty for these."""
        self._stopped: Path | None = None
        """The file of the export that was stopped last, wherever it is."""
        self._rest: Offer | None = None
        """What that left, until another export begins."""

    @property
    def busy(self) -> bool:
        return self._worker is not None and not self._worker.is_finished

    # -- asking ------------------------------------------------------------------------------------------------

    def action_export(self) -> None:
        """Ask what to export, in which format, and to which file."""
        self._ask_for([])

    def ask_for_line(self, text: str, what: str) -> None:
        """The same for what the filter of a page's line matches; `what` tells what that is."""
        from auditlog_tui.ui.dialogs.export import Offer

        self._ask_for([Offer("line", f"the line's entries: {what}", "fetched anew and checked", filter=text)])

    def _ask_for(self, line: list[Offer]) -> None:
        if self.busy:
            self._host.say("An export is running: Esc stops it, and then e begins another", "warning")
            return
        if self._due is not None:
            self._due()
            return
        if self._is_marking():
            self._host.say("Marking goes first, and then e exports; Esc stops it", "warning")
            return
        self._unread = ""
        try:
            self._host.navigator.marks.refresh()
        except AuditLogError as error:
            self._unread = str(error)
        self._line = line
        self._ask()

    def _ask(self, begun: Request | None = None, problem: str = "") -> None:
        from auditlog_tui.ui.dialogs.export import ExportScreen

        self._due, self.left, now_us = None, "", self._host.navigator.log.now_us()
        dialog = ExportScreen(
            self._line or [*([] if self._rest is None else [self._rest]), *self._offers()],
            self._host.look.glyphs,
            propose=lambda suffix: free_name(now_us, suffix),
            check=self._check,
            find_earlier=self._find_earlier,
            begun=begun,
            problem=problem,
        )
        self._host.ask(dialog, self._begin)

    def _offers(self) -> list[Offer]:
        """What can be exported, the most usual first."""
        from auditlog_tui.ui.dialogs.export import Offer

        navigator, view = self._host.navigator, self._host.view
        summary, marked = view.summary(), navigator.marks.count
        offers = []
        if marked:
            label = "the marked entry" if marked == 1 else f"the {count(marked)} marked"
            more = f"{label}, {{}} around it" if marked == 1 else f"{label}, {{}} around each"
            offers = [
                Offer("marked", label, "with notes; without a request"),
                Offer("around", more, "told apart; < > change this"),
            ]
        if view.fixed or (summary.complete and len(view)):
            label = f"the {count(len(view))} shown" if view.fixed else f"all {count(len(view))} that match"
            offers.append(Offer("loaded", label, "loaded; without a request"))
        else:
            total = "" if summary.total is None or summary.filtered else f"{count(summary.total)}, "
            offers.append(Offer("all", "all that match", f"{total}fetched anew and checked"))
            if len(view):
                offers.append(Offer("loaded", f"the {count(len(view))} loaded", "INCOMPLETE; without a request"))
        if (row := self._table.row) is not None and self._query_of_one():
            time = "" if row.created_us is None else f", {self._host.look.date_time(row.created_us)}"
            offers.append(Offer("one", "this entry", f"{row.action or row.key}{time}"))
        return offers

    def _query_of_one(self) -> str:
        """The filter for the entry under the cursor; empty if there is none for it."""
        from auditlog_tui.query.edit import term_for

        row = self._table.row
        return "" if row is None or row.key.startswith("sha256:") else term_for("key", row.key)

    async def _find_earlier(self) -> list[Offer]:
        """Earlier exports that can go on: the one stopped last, and those in the working directory.

        Also imports what the export needs, which Enter would wait for.
        """
        from auditlog_tui.evidence.part import earlier, earlier_in

        await asyncio.to_thread(import_module, "auditlog_tui.evidence.export")
        found = await asyncio.to_thread(earlier_in, Path(), *self._log_named)
        if self._stopped is not None and (last := await asyncio.to_thread(earlier, self._stopped)) is not None:
            found = [last, *(each for each in found if not _same(each.out, last.out))]
        shown = None if self._rest is None or self._line else Path(self._rest.path)
        return [
            rest_offer(each.out, each.at.lines)
            for each in found
            if not (each.plan.context_us or (shown is not None and _same(each.out, shown)))
        ]

    @property
    def _log_named(self) -> tuple[str, str, str]:
        """The log as a part names it: its endpoint, the content of the file that it comes from, and the profile."""
        origin = self._host.navigator.log.origin
        return self._settings.log_name, "" if origin is None else origin.content, self._settings.profile

    async def _check(self, request: Request) -> str:
        """What an earlier run left at the path, in a sentence; empty if nothing. Raises `AuditLogError`."""
        from auditlog_tui.evidence.export import Export
        from auditlog_tui.evidence.forms import SUFFIXES, other_form
        from auditlog_tui.evidence.part import earlier

        self._host.navigator.redactor.check(request.path)
        out = path_of(request.path)
        left = await asyncio.to_thread(earlier, out)
        if left is not None and not left.plan.is_of(*self._log_named):
            of = f"profile {safe(left.plan.profile, 100)}, " if left.plan.profile else ""
            of += safe(left.plan.endpoint, 100)
            raise ExportRefusedError(f"There is a part of an export of another log ({of}). Type another path.")
        if left is not None and request.what in ("loaded", "one"):
            raise ExportRefusedError("There is a part of an export of all that matches. Type another path.")
        if left is not None and not request.goes_on:
            what = f"“{left.plan.query}”" if left.plan.query else "the whole log"
            so_far = counted(left.at.lines, "entry", "entries")
            return (
                f"An export to this file was broken off: {left.plan.form} of {what}, {so_far} so far."
                " ⏎ goes on with that, another path begins anew."
            )
        export = Export(self._job(request), self._host.navigator.log)
        await asyncio.to_thread(try_out, export)
        if not request.goes_on and (other := other_form(out.name, request.form)):
            raise ExportRefusedError(
                f"{shown(out)} ends as {other} does, and {request.form} is chosen. Choose {other}, or let it end in"
                f" {SUFFIXES[request.form]}."
            )
        return ""

    def _job(self, request: Request) -> Job:
        """What the request says, or what the export that it goes on with said. Raises `AuditLogError`."""
        from auditlog_tui.evidence.endings import ending_of
        from auditlog_tui.evidence.export import Job
        from auditlog_tui.evidence.part import earlier
        from auditlog_tui.query import parse
        from auditlog_tui.session.typed_filter import TypedFilter

        navigator, out = self._host.navigator, path_of(request.path)
        marks, left = navigator.marks, earlier(out) if request.goes_on else None
        typed, form, zone = self._typed(request), request.form, ""
        context_us = request.around_us if request.what == "around" else 0
        if request.goes_on and left is None:
            raise ExportRefusedError(f"{shown(out)} has no part any more to go on with. Choose something else.")
        query = self._host.view.query if request.what in ("all", "loaded") else parse(typed)
        if left is not None:
            typed, form, zone = left.plan.query, left.plan.form, left.plan.zone
            query, context_us = parse(left.plan.frozen), left.plan.context_us
        elif TypedFilter(typed, parse(typed)).relative:
            zone = self._settings.zone
        return Job(
            out=out,
            form=form,
            ending=ending_of(form),
            typed=typed,
            query=query,
            endpoint=self._settings.log_name,
            profile=self._settings.profile,
            zone=zone,
            context_us=context_us,
            incomplete=request.incomplete or request.what in ("loaded", "one"),
            notes=marks.annotations,
            unread=marks.error or self._unread,
            rechecks=self._rechecks,
        )

    def _typed(self, request: Request) -> str:
        if request.what in ("marked", "around") or (request.what == "loaded" and self._host.view.fixed):
            return MARKED
        if request.what == "line":
            return request.filter
        return self._query_of_one() if request.what == "one" else self._host.navigator.shown

    # -- running -----------------------------------------------------------------------------------------------

    def _begin(self, request: Request | None) -> None:
        from auditlog_tui.evidence.export import Export

        if request is None:
            return
        try:
            export = Export(self._job(request), self._host.navigator.log)
            export.freeze_marks()
        except AuditLogError as error:
            self._ask(request, str(error))
            return
        view, row = self._host.view, self._table.row
        work: Callable[[], Awaitable[Outcome]] = export.matching
        if request.what == "loaded":
            work = lambda: export.loaded(view)  # noqa: E731
        elif request.what == "one" and row is not None:
            work = lambda: export.one(view, row.n)  # noqa: E731
        self._escaped, self._last, self._due, self._rest, self.left = False, None, None, None, ""
        self._worker = self._host.start(lambda: self._run(request, export, work), "export")
        self._status.show_work(export)

    async def _run(self, request: Request, export: Export, work: Callable[[], Awaitable[Outcome]]) -> None:
        from auditlog_tui.evidence.part import Reporting

        begun = self._status.begun()
        try:
            with Reporting(export.job.out):
                outcome = await work()
            told = await self._told(request, export, outcome)
            self._note(export, told, outcome.statement)
        except (asyncio.CancelledError, StoppedError) as error:
            self._say_stopped(export, leaving=not (self._escaped or isinstance(error, StoppedError)))
            if isinstance(error, asyncio.CancelledError):
                raise
            return
        except AuditLogError as error:
            self._keep_rest(export)
            if isinstance(error, ExportError):
                self.left = problem = str(error)
                self._end(lambda: self._ask(request, problem), problem, "error", begun)
                return
            told = self._told_of_error(request, export, error)
        finally:
            self._status.show_work(None)
        self._last, self.left = told, told.sentence
        self._end(self.action_show_exported, told.sentence, told.severity, begun)

    def _note(self, export: Export, told: Told, stated: Statement) -> None:
        """Write down what was exported; of an export without a file, that there is none."""
        facts: dict[str, Json] = {
            "path": told.path, "form": export.job.form, "query": stated.frozen, "verdict": stated.verdict,
            "entries": stated.rows, "manifest_sha256": told.manifest, "sha256": told.sha256,
        }  # fmt: skip
        kind = "exported" if told.path else "export without a file"
        self._host.navigator.journal.note(kind, {name: value for name, value in facts.items() if value != ""})

    def _say_stopped(self, export: Export, *, leaving: bool) -> None:
        """Say what is left, on the screen or, if that is being closed, after its end."""
        lines = export.part.at.lines
        self._keep_rest(export)
        text = "Stopped: nothing was written"
        if lines:
            kept = f"{counted(lines, 'entry', 'entries')} are kept" if lines != 1 else "1 entry is kept"
            text = f"Stopped: {kept} in {shown(export.part.path)}"
        if leaving:
            self.left = f"The export was s{text[1:]}."
            if lines:
                self.left += f"\nThis goes on with it: {self._command_for(export.job)}"
        else:
            e = f"; e ⏎ goes on with {'it' if lines == 1 else 'them'}" if lines else ""
            self._host.say(f"{text}{e}", "warning")

    def _keep_rest(self, export: Export) -> None:
        """Offer what an export left as the first thing to go on with."""
        lines, job = export.part.at.lines, export.job
        self._stopped = job.out if lines else None
        self._rest = rest_offer(job.out, lines) if lines and not job.context_us else None

    def _command_for(self, job: Job) -> str:
        """The command that goes on with an export that the screen began."""
        from auditlog_tui.evidence.forms import BUNDLE

        settings, form = self._settings, "" if job.form == BUNDLE else job.form
        base_url = self._host.navigator.base_url
        where = {"profile": settings.profile, "base_url": base_url, "saved": settings.saved}
        command = export_command(job.typed, str(job.out), form, zone=job.zone, demo=settings.demo, **where)
        return safe(command, 2_000)

    def stop(self) -> bool:
        """Stop the export; what has arrived is kept. False if none is running."""
        if self._worker is None or self._worker.is_finished:
            return False
        self._escaped = True
        self._worker.cancel()
        return True

    def _end(self, show: Callable[[], None], sentence: str, severity: str, begun: Begun) -> None:
        """Tell how an export ended, and show that in a dialog: at once if the user waits for it, else with `e`."""
        self._due = show
        if self._status.awaited(begun) and self._unused:
            self._host.say(sentence, severity)
            show()
        else:
            self._tell_end(sentence, severity)
            self._when_quiet(lambda: self._tell_end(sentence, severity), begun.keyed)

    def _tell_end(self, sentence: str, severity: str) -> None:
        self._host.say(self._status.shortened(sentence.rstrip("."), "; e shows more"), severity)

    @property
    def _unused(self) -> bool:
        """Whether nothing else is open or typed in."""
        return self._table.screen.is_current and not self._filter_bar.input.has_focus

    def _when_quiet(self, tell: Callable[[], None], keyed: int) -> None:
        """Tell the end again once nothing else is open or typed in, unless it was shown by then.

        `keyed` is the count of keys at the last look.
        """
        due, now = self._due, self._status.keyed
        if now == keyed and self._unused:
            tell()
            return

        def look_again() -> None:
            if self._due is due:
                self._when_quiet(tell, now)

        certain(self._host.set_timer(SOON_S if now == keyed else QUIET_S, look_again))

    # -- the end -----------------------------------------------------------------------------------------------

    async def _told(self, request: Request, export: Export, outcome: Outcome) -> Told:
        from auditlog_tui.evidence.bundle import manifest_sha256
        from auditlog_tui.evidence.forms import BUNDLE
        from auditlog_tui.evidence.statement import NOT_COVERED

        statement, out = outcome.statement, outcome.written
        as_of = "" if statement.as_of_us is None else f" as of {moment(statement.as_of_us, self._host.look.zone)}"
        verdict = f"{statement.verdict}{as_of}"
        style = "bold $text-success" if outcome.complete else "bold $text-error"
        scope = "" if statement.reason else statement.scope
        if why := safe(statement.reason, 500) or scope:
            verdict += f": {why}"
        if out is None:
            told_of_part = self._told_of_part(request, export, statement.verdict, [(verdict, style)])
            if not (advice := outcome.advice):
                return told_of_part
            return replace(told_of_part, paragraphs=(*told_of_part.paragraphs, (advice, "")), final=True)
        saved = f"Saved {outcome.counted()} in {shown(out)}"
        sentence = f"{saved}, COMPLETE: {scope}" if scope else f"{saved}, {statement.verdict}"
        told = [(verdict, style), *([(NOT_COVERED, "")] if scope else []), (saved, ""), *_notes_of(export, outcome)]
        command = manifest = digest = ""
        if export.job.form == BUNDLE:
            manifest = await asyncio.to_thread(manifest_sha256, out)
            name = out.name if not out.name.startswith("-") else f"./{out.name}"
            command = f"auditlog-tui verify {shlex.quote(safe(name, 500))} --manifest {manifest}"
            told += [
                ("", ""),
                ("SHA-256 of its manifest, for the recipient, by another way than the file:", "$foreground-muted"),
                (manifest, "bold"),
                ("They check it with:", "$foreground-muted"),
                (command, ""),
            ]
        elif self._host.navigator.journal.kept:
            with suppress(OSError):  # the log then names it without its digest
                digest = await asyncio.to_thread(files.sha256_of, out)
        if not outcome.complete:
            sentence = f"INCOMPLETE: {saved}, but {safe(statement.reason, 300)}"
        severity = "" if outcome.complete else "error"
        path = safe(str(out.absolute()), 4_000)
        title = f"exported: all that was {statement.picked}" if scope else f"exported: {statement.verdict}"
        return Told(title, sentence, severity, tuple(told), request, path, command, manifest, digest)

    def _told_of_error(self, request: Request, export: Export, error: AuditLogError) -> Told:
        return self._told_of_part(request, export, "The export stopped", [(str(error), "bold $text-error")])

    def _told_of_part(self, request: Request, export: Export, what: str, told: list[tuple[str, str]]) -> Told:
        """What is told of an export without a file: `told`, and what has arrived."""
        self._keep_rest(export)
        lines = export.part.at.lines
        left = f"{counted(lines, 'entry', 'entries')} arrived: {shown(export.part.path)}"
        told = [*told, (left if lines else "Nothing arrived, and nothing was written.", "")]
        why = told[0][0].removeprefix(f"{what}: ").rstrip(".")
        sentence = f"{what}: {why}. {left if lines else 'Nothing arrived'}"
        goes_on = bool(lines) and not export.job.context_us
        return Told("not exported", sentence, "error", tuple(told), replace(request, goes_on=goes_on), arrived=lines)

    def action_show_exported(self) -> None:
        """Show how the last export ended, and what can be done then."""
        from auditlog_tui.ui.dialogs.export import ExportedScreen

        told, self._due, self.left = self._last, None, ""
        if told is None:
            self._host.say("No export has ended in this run: e begins one")
            return
        choices = {
            "c": "copy the SHA-256" if told.manifest else "",
            "v": "copy the command that verifies it" if told.command else "",
            "p": "copy the path" if told.path else "",
            "r": "" if told.path or told.final else "go on with these" if told.request.goes_on else "try again",
            "w": "write what there is, as INCOMPLETE" if told.arrived else "",
        }
        shown = [(key, label) for key, label in choices.items() if label]
        dialog = ExportedScreen(told.title, told.paragraphs, shown, copy=lambda key: self._chosen(told, key))
        self._host.ask(dialog, lambda key: self._chosen(told, key))

    def _chosen(self, told: Told, key: str | None) -> None:
        if key == "c":
            self._host.copy(told.manifest, f"the manifest's SHA-256 {told.manifest[:12]}…")
        elif key == "v":
            self._host.copy(told.command, "the command that verifies it")
        elif key == "p":
            self._host.copy(told.path, "the path")
        elif key in ("r", "w") and not self.busy:
            self._begin(replace(told.request, incomplete=key == "w"))


# -- files -----------------------------------------------------------------------------------------------------------


def path_of(typed: str) -> Path:
    """The file that was typed. Raises `ExportRefusedError` for what can't be one's name."""
    text = typed.strip()
    if not text:
        raise ExportRefusedError("There is no path: type the name of the file to write.")
    try:
        path = Path(text).expanduser()
        str(path).encode("utf-8", "surrogateescape")
        folder = path.is_dir()
    except (ValueError, RuntimeError) as error:
        raise ExportRefusedError("This can't be the name of a file. Type another path.") from error
    except OSError:
        folder = False
    if "\0" in text:
        raise ExportRefusedError("This can't be the name of a file: it has a NUL character. Type another path.")
    if folder or text.endswith("/"):
        raise ExportRefusedError(f"{shown(path)} is a folder. Add the name of the file to write.")
    return path


def free_name(now_us: int, suffix: str) -> str:
    """A name that no file of an export of this kind, whole or not, has yet in the working directory."""
    from datetime import UTC

    minute = moment(now_us, UTC)
    base = f"auditlog-{minute[:10]}T{minute[11:13]}{minute[14:16]}Z"
    others = [suffix, f"{suffix}.part", f"{suffix}.part.state"]
    others += [] if suffix == ".zip" else [f".incomplete{suffix}"]
    others += [".notes.jsonl"] if suffix == ".jsonl" else []
    names = (f"{base}{f'-{number}' if number > 1 else ''}" for number in numbers(1))
    return next(name for name in names if not any(os.path.lexists(name + other) for other in others)) + suffix


def rest_offer(out: Path, lines: int) -> Offer:
    """To go on with an earlier export to `out`, of which so many entries have arrived."""
    from auditlog_tui.ui.dialogs.export import Offer

    so_far = f"{counted(lines, 'entry', 'entries')} so far: {out.name}"
    return Offer("earlier", "the rest of an export", so_far, str(out))


def _same(one: Path, other: Path) -> bool:
    return one.absolute() == other.absolute()


def _notes_of(export: Export, outcome: Outcome) -> list[tuple[str, str]]:
    """What else is to be said of an export that was written."""
    found = [] if outcome.notes is None else [(f"Notes: {shown(outcome.notes)}", "")]
    if outcome.resumed:
        found.append((f"{counted(outcome.resumed, 'entry was', 'entries were')} there from the run before", ""))
    return [*found, (export.told, "$text-warning")] if export.told else found


def try_out(export: Export) -> None:
    """Raise an `ExportError` if an export can't begin."""
    from auditlog_tui.evidence.part import Reporting

    with Reporting(export.job.out):
        export.try_out()
