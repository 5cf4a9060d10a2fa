"""`recheck`: asks the API again for the entries in a file, and tells which are the same, changed or gone.

The key goes to the address of the settings alone, never to one that is only named in the file.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from auditlog_tui.entries.models import Entry, read_entry
from auditlog_tui.entries.raw_json import Json
from auditlog_tui.errors import ApiError, AuditLogError, SettingsError
from auditlog_tui.evidence.recheck import AT_ONCE, RESULTS, Checked, Recheck, in_order
from auditlog_tui.evidence.saved_log import SavedLog, SavedLogReader
from auditlog_tui.headless.kinds import mistaken_for
from auditlog_tui.headless.streams import Progress, print_note, standard_out
from auditlog_tui.log.log import Log, clock_skew
from auditlog_tui.log.pace import Pace
from auditlog_tui.session.opening import Session
from auditlog_tui.settings.options import Settings
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import counted, rfc3339

SAME, DIFFERENT, UNKNOWN = 0, 1, 2
"""Exit statuses."""


@dataclass(frozen=True, slots=True)
class RecheckOptions:
    """What the command line says. `any_endpoint` allows a file that was made at another address than that of the
    settings.
    """

    path: str
    marked: bool = False
    format: str = "text"
    any_endpoint: bool = False


async def recheck(settings: Settings, options: RecheckOptions, progress: Progress) -> int:
    """Ask for the entries in a file again; returns the exit status. Raises `AuditLogError` and `OSError`."""
    try:
        return await _recheck(settings, options, progress)
    except AuditLogError as error:
        profile = f"Profile {settings.profile}: " if settings.profile and isinstance(error, ApiError) else ""
        print_note(f"{profile}{error}")
        return UNKNOWN


async def _recheck(settings: Settings, options: RecheckOptions, progress: Progress) -> int:
    _check_file(Path(options.path))
    async with AsyncExitStack() as stack:
        saved = stack.enter_context(closing(await _read(options.path, progress)))
        _check_endpoint(settings, options, saved)
        if saved.reason:
            print_note(f"Incomplete: {safe(saved.reason, 500)}. What is in the file is re-checked.")
        marked = {note.key for note in saved.notes if note.marked}
        if options.marked and not marked:
            raise SettingsError(f"{safe(options.path, 300)} has no marked entry. Nothing was sent.")
        session = Session(settings)
        stack.push_async_callback(session.close)
        progress.tells_pauses = True
        session.connect()
        log = session.open_log(progress.on_wait)
        out, _ = standard_out(progress)
        running = _Running(log, saved, marked if options.marked else None)
        progress.note(_asked(options, running.recheck.total, len(marked)))
        await running.go(progress)
        out.lines(running.lines(options, settings.log_name))
        if slow := clock_skew(log.api.clock_offset_us):
            print_note(f"{slow}.")
        running.raise_error()
        return running.status


def _check_file(path: Path) -> None:
    """Raise `SettingsError` for a folder, of an archive or not."""
    if path.expanduser().is_dir():
        raise SettingsError(mistaken_for(path.expanduser(), "entries"))


def _asked(options: RecheckOptions, total: int, marked: int) -> str:
    """How many entries are asked for, and how to ask for fewer."""
    told = f"Asking for {counted(total, 'entry', 'entries')} in {safe(options.path, 300)}, one request each."
    if options.marked or not 0 < marked < total:
        return told
    return f"{told} {counted(marked, 'is', 'are')} marked: --marked asks only for {'it' if marked == 1 else 'them'}."


async def _read(path: str, progress: Progress) -> SavedLog:
    reader = SavedLogReader(path)
    progress.describe = lambda: f"reading {safe(path, 100)}: {reader.progress}"
    async with progress.shown():
        task = asyncio.ensure_future(asyncio.to_thread(reader.read))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            reader.leave()
            await asyncio.gather(task, return_exceptions=True)
            raise


def _check_endpoint(settings: Settings, options: RecheckOptions, saved: SavedLog) -> None:
    """Raise `SettingsError` for a file of another API than that of the settings, unless the user named this one."""
    named = saved.endpoint
    if options.any_endpoint or named in ("", settings.log_name) or named.startswith("file "):
        return
    raise SettingsError(
        f"{safe(options.path, 300)} says that it was made at {safe(named, 200)}, and the settings name"
        f" {safe(settings.log_name, 200)}. Nothing was sent: your key goes only to an address that you name yourself,"
        f" by --base-url or a profile. To ask {safe(settings.log_name, 200)} all the same, add"
        f" --base-url {safe(settings.base_url, 200)}"
    )


class _Running:
    """A re-check of the entries in a file, or of those with these `wanted` keys."""

    def __init__(self, log: Log, saved: SavedLog, wanted: set[str] | None) -> None:
        self._saved = saved
        self._wanted = wanted
        self._log = log
        total = len(saved.index.numbers()) if wanted is None else len(wanted)
        self._error: AuditLogError | None = None
        self.recheck = Recheck(log, total, others=self._others, brief=True)

    async def go(self, progress: Progress) -> None:
        """Ask for them, until an error breaks it off."""
        running = self.recheck
        pace = Pace(lambda: min(AT_ONCE, self._log.parallel))

        def describe() -> str:
            pace.note(running.done, running.total - running.done)
            return ", ".join([running.told, *pace.speed()])

        progress.describe = describe
        try:
            async with progress.shown():
                await running.go(self._entries())
        except (asyncio.CancelledError, KeyboardInterrupt):
            print_note(f"Stopped: {running.told}.")
            raise
        except AuditLogError as error:
            self._error = error

    def _entries(self) -> Iterator[Sequence[Entry]]:
        """The versions of each entry."""
        for number in self._saved.index.numbers():
            by_key: dict[str, list[Entry]] = {}
            for entry in map(read_entry, self._saved.index.versions(number)):
                by_key.setdefault(entry.key, []).append(entry)
            for key, versions in by_key.items():
                if self._wanted is None or key in self._wanted:
                    yield versions

    def _others(self) -> Iterator[str]:
        """The IDs of entries that are not wanted."""
        for number in self._saved.index.numbers() if self._wanted is not None else ():
            for entry in map(read_entry, self._saved.index.versions(number)):
                if entry.fields.id and entry.key not in (self._wanted or ()):
                    yield entry.fields.id

    @property
    def status(self) -> int:
        found = self.recheck
        different = any(each.result in ("changed", "gone") for each in found.checked.values())
        if found.unclear or self._error is not None:
            return UNKNOWN
        return DIFFERENT if different else UNKNOWN if found.rechecked < found.total else SAME

    def raise_error(self) -> None:
        """Raise what broke it off, or for marked entries that the file lacks a `SettingsError`."""
        if self._error is not None:
            raise self._error
        if (left := self.recheck.total - self.recheck.done) and self._wanted is not None:
            raise SettingsError(f"{counted(left, 'marked entry is', 'marked entries are')} not in the file.")

    # -- output ------------------------------------------------------------------------------------------------

    def lines(self, options: RecheckOptions, endpoint: str) -> list[str]:
        """What is written on standard output."""
        found = in_order(self.recheck.checked.values())
        at_us = self._log.now_us()
        if options.format == "json":
            return [json.dumps(self._json(options, endpoint, found, at_us))]
        lines = [f"Re-checked at {rfc3339(at_us)} at {safe(endpoint, 200)}: {self.recheck.told}."]
        lines += [self.recheck.unclear] if self.recheck.unclear else []
        return [*lines, *map(_line, found)]

    def _json(self, options: RecheckOptions, endpoint: str, found: list[Checked], at_us: int) -> Json:
        amounts = {name: sum(each.result == name for each in found) for name in RESULTS if name != "same"}
        entries: list[Json] = [
            {
                "id": each.key,
                "created_at": each.stored.fields.created_at,
                "result": each.result,
                "fields": list(each.fields),
                "expired": each.expired,
                "reason": each.why,
            }
            for each in found
        ]
        oldest = self.recheck.oldest_us
        return {
            "file": options.path.encode("utf-8", "replace").decode(),
            "endpoint": endpoint,
            "checked_at": rfc3339(at_us),
            "entries": self.recheck.total,
            "asked": self.recheck.done - amounts["unasked"],
            "rechecked": self.recheck.rechecked,
            "same": self.recheck.same,
            **amounts,
            "unclear": self.recheck.unclear or None,
            "error": None if self._error is None else str(self._error),
            "oldest_in_log": None if oldest is None else rfc3339(oldest),
            "differences": entries,
        }


def _line(each: Checked) -> str:
    return "  ".join(filter(None, (safe(each.key, 200), safe(each.stored.fields.created_at or "", 60), each.told)))
