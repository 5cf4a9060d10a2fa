"""Looks after an archive without its log: checks every part, or joins small parts. It needs no key and no network."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from auditlog_tui.archive.checking import Checked, check
from auditlog_tui.archive.dataset import Archive, Part
from auditlog_tui.errors import ArchiveError, ArchiveRefusedError, ExitStatus
from auditlog_tui.headless.kinds import mistaken_for
from auditlog_tui.headless.streams import Out, Progress, print_note, standard_out
from auditlog_tui.headless.verifying import CHANGED, UNREADABLE, WHOLE, Bar
from auditlog_tui.output.files import shown
from auditlog_tui.text.times import count, counted

NOTHING_TO_JOIN = "there is nothing to join, as no day has several small parts."


def verify(folder: Path, *, quiet: bool) -> int:
    """Check every part against the manifest, and write what was found; with `quiet`, only what is wrong.

    Returns the exit status as `verify` of a bundle does. Writes nothing to the folder.
    """
    progress = Progress(sys.stderr)
    try:
        if told := mistaken_for(folder, "archive"):
            raise ArchiveRefusedError(told)
        out, _ = standard_out(progress)
        try:
            found = check(folder, Bar(progress))
        finally:
            progress.clear()
        out.lines(_verdict(shown(folder), found, quiet=quiet))
    except BrokenPipeError:
        return ExitStatus.BROKEN_PIPE
    except ArchiveError as error:
        print_note(str(error))
        return UNREADABLE
    except OSError as error:
        print_note(f"Standard output can't be written: {error.strerror}.")
        return UNREADABLE
    return CHANGED if found.changed else UNREADABLE if found.unreadable else WHOLE


def _verdict(name: str, found: Checked, *, quiet: bool) -> Iterator[str]:
    manifest = found.manifest
    if found.changed:
        yield f"CHANGED: {name} is not as it was written."
    elif found.unreadable:
        which = f"{count(len(found.unreadable))} of {counted(len(manifest.parts), 'part')}"
        yield f"UNREADABLE: {which} of {name} can't be checked. The others were not changed."
    elif not quiet:
        parts = f"{counted(manifest.rows, 'entry', 'entries')} in {counted(len(manifest.parts), 'part')}"
        yield f"CONSISTENT: {name} agrees with its own manifest: {parts}."
        yield f"The manifest's last line has the SHA-256 {manifest.digests[-1]}."
        yield "Whoever changes an archive can write its manifest anew: keep this digest elsewhere to notice it."
    yield from (f"- {each}" for each in (*found.changed, *found.unreadable))
    if found.unsure and not quiet:
        yield f"It does not say whether it has all of its log ({found.unsure}): collect finds out."


def compact(folder: Path, *, quiet: bool) -> ExitStatus:
    """Make one part of each day's small ones, and write what was done unless `quiet`."""
    progress = Progress(sys.stderr)
    try:
        if told := mistaken_for(folder, "archive"):
            raise ArchiveRefusedError(told)
        out, _ = standard_out(progress)
        with Archive(folder) as archive:
            try:
                _compact(archive, out, Bar(progress), quiet=quiet)
            finally:
                progress.clear()
    except BrokenPipeError:
        return ExitStatus.BROKEN_PIPE
    except ArchiveRefusedError as error:
        print_note(str(error))
        return ExitStatus.USAGE
    except ArchiveError as error:
        print_note(str(error))
        return ExitStatus.INCOMPLETE
    except OSError as error:
        print_note(f"Standard output can't be written: {error.strerror}.")
        return ExitStatus.INCOMPLETE
    return ExitStatus.DONE


def _compact(archive: Archive, out: Out, bar: Bar, *, quiet: bool) -> None:
    before, days = len(archive.manifest.parts), archive.small_parts()
    whole, done = sum(map(_size, days), 0), 0
    for parts in days:
        bar("joining", done, whole)
        archive.join(parts)
        done += _size(parts)
    if quiet:
        return
    became = f"{counted(before, 'part')} became {count(len(archive.manifest.parts))}."
    out.lines([f"{shown(archive.folder)}: {became if days else NOTHING_TO_JOIN}"])


def _size(parts: list[Part]) -> int:
    return sum(part.bytes for part in parts)
