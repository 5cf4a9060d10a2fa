"""Looks after an archive without its log: checks every part, or joins small parts. It needs no key and no network."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from auditlog_tui.archive.dataset import Archive, Part
from auditlog_tui.errors import ArchiveError, ArchiveRefusedError, ExitStatus
from auditlog_tui.headless.kinds import mistaken_for
from auditlog_tui.headless.streams import Out, Progress, print_note, standard_out
from auditlog_tui.headless.verifying import Bar
from auditlog_tui.output.files import shown
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import count, counted


def verify(folder: Path, *, quiet: bool) -> ExitStatus:
    """Check every part against the manifest, and write what was found; with `quiet`, only what is wrong."""
    return _with_archive(folder, lambda archive, out, bar: _verify(archive, out, bar, quiet=quiet))


def compact(folder: Path, *, quiet: bool) -> ExitStatus:
    """Make one part of each day's small ones, and write what was done unless `quiet`."""
    return _with_archive(folder, lambda archive, out, bar: _compact(archive, out, bar, quiet=quiet))


def _with_archive(folder: Path, work: Callable[[Archive, Out, Bar], ExitStatus]) -> ExitStatus:
    progress = Progress(sys.stderr)
    try:
        if told := mistaken_for(folder, "archive"):
            raise ArchiveRefusedError(told)
        out, _ = standard_out(progress)
        with Archive(folder) as archive:
            try:
                return work(archive, out, Bar(progress))
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


def _verify(archive: Archive, out: Out, bar: Bar, *, quiet: bool) -> ExitStatus:
    manifest, done = archive.manifest, 0
    whole, findings = sum(part.bytes for part in manifest.parts), list[str]()
    for part in manifest.parts:
        bar("checking", done, whole)
        if wrong := archive.check(part):
            findings.append(f"{part.part}: {wrong}")
        done += part.bytes
    findings += [f"{safe(name, 200)}: it is not in the manifest" for name in archive.strangers()]
    if findings:
        out.lines(
            [f"CHANGED: {shown(archive.folder)} is not as it was written.", *(f"- {each}" for each in findings)]
        )
        return ExitStatus.INCOMPLETE
    if not quiet:
        parts = f"{counted(manifest.rows, 'entry', 'entries')} in {counted(len(manifest.parts), 'part')}"
        out.lines(
            [
                f"CONSISTENT: {shown(archive.folder)} agrees with its own manifest: {parts}.",
                f"The manifest's last line has the SHA-256 {manifest.digests[-1]}.",
                "Whoever changes an archive can write its manifest anew: keep this digest elsewhere to notice it.",
            ]
        )
    return ExitStatus.DONE


def _compact(archive: Archive, out: Out, bar: Bar, *, quiet: bool) -> ExitStatus:
    before, days = len(archive.manifest.parts), archive.small_parts()
    whole, done = sum(map(_size, days), 0), 0
    for parts in days:
        bar("joining", done, whole)
        archive.join(parts)
        done += _size(parts)
    if not quiet:
        now = len(archive.manifest.parts)
        out.lines([f"{shown(archive.folder)}: {counted(before, 'part')} became {count(now)}."])
    return ExitStatus.DONE


def _size(parts: list[Part]) -> int:
    return sum(part.bytes for part in parts)
