"""`verify`: whether a bundle is what was handed over. It needs no settings, key or network."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from auditlog_tui import __version__
from auditlog_tui.errors import BundleError, ExitStatus
from auditlog_tui.evidence.statement import NOT_COVERED, Statement
from auditlog_tui.evidence.verify import Verification, read_digest, verify
from auditlog_tui.headless.kinds import mistaken_for
from auditlog_tui.headless.streams import EVERY, Progress, standard_out
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import rfc3339

WHOLE, CHANGED, UNREADABLE = ExitStatus.DONE, 1, 2


def write_verdict(path: Path, manifest: str | None = None) -> int:
    """Check a bundle and write what was found; returns the exit status.

    `manifest` is the manifest's SHA-256 as typed; `None` if it is not known.
    """
    progress = Progress(sys.stderr)
    shown = safe(str(path), 500)
    try:
        expected = read_digest(manifest) if manifest is not None else ""
    except BundleError as error:
        return _fail(f"--manifest: {error}")
    if told := mistaken_for(path, "bundle"):
        return _fail(told)
    try:
        out, _ = standard_out(progress)
        try:
            found = verify(path, expected, Bar(progress))
        finally:
            progress.clear()
    except BrokenPipeError:
        return ExitStatus.BROKEN_PIPE
    except (BundleError, OSError) as error:
        why = str(error) if isinstance(error, BundleError) else f"It can't be read: {error.strerror or error}."
        return _fail(f"{shown}: {why}")
    try:
        out.lines(_lines(shown, found))
    except BrokenPipeError:
        return ExitStatus.BROKEN_PIPE
    except OSError as error:
        return _fail(f"Standard output can't be written: {error.strerror}.")
    return CHANGED if found.findings else WHOLE


def _fail(text: str) -> int:
    if sys.stderr is not None:
        print(text, file=sys.stderr)  # noqa: T201  # messages of a command line
    return UNREADABLE


def _lines(shown: str, found: Verification) -> Iterator[str]:
    if found.findings:
        yield f"CHANGED: {shown} is not as it was written."
        yield from (f"- {each}" for each in found.findings)
    elif found.proven:
        yield f"UNCHANGED: {shown} is the bundle whose manifest has this SHA-256."
    elif found.unchecked:
        yield f"CONSISTENT, but {_unchecked(found, 'checked')}. Else {shown} agrees with its own manifest."
    else:
        yield f"CONSISTENT: {shown} agrees with its own manifest."
    if found.unchecked and (found.findings or found.proven):
        yield f"But {_unchecked(found, 'compared with the entries')}."
    yield ""
    if found.statement is not None:
        yield from _stated(found.statement, changed=bool(found.findings))
    yield f"Manifest's SHA-256: {found.sha256}"
    if not found.proven and not found.findings:
        yield (
            "This does not show who made it: whoever changes a bundle can write its manifest anew. Compare this"
            " SHA-256 with the one that you were given by another way (verify --manifest SHA256 does), or check a"
            " signature over the manifest."
        )


def _unchecked(found: Verification, done: str) -> str:
    """Which members this was not done to, and why."""
    *names, last = found.unchecked
    which = f"{', '.join(names)} and {last} were" if names else f"{last} was"
    version = "?" if found.statement is None else safe(found.statement.version, 40)
    return f"{which} not {done}: made by version {version}, and this is {__version__}"


def _stated(statement: Statement, *, changed: bool) -> Iterator[str]:
    """What the manifest says about the entries, which is not to be relied on in a changed bundle."""
    as_of = "" if statement.as_of_us is None else f" as of {rfc3339(statement.as_of_us)}"
    reason = f": {safe(statement.reason, 500)}" if statement.reason else "."
    missing = " Entries may be missing" + reason if statement.verdict != "COMPLETE" else ""
    scope = f": {statement.scope}. {NOT_COVERED}" if statement.scope and not missing else "."
    asked = f"{safe(statement.frozen, 500) or '(the whole log)'}, asked of {safe(statement.endpoint, 200)}"
    if changed:
        yield f"It states {statement.verdict}{as_of}{scope} Don't rely on that: it was changed.{missing}"
        yield f"It states this query: {asked}. Don't rely on that either."
    else:
        yield f"{statement.verdict}{as_of}, by its own statement{scope}{missing}"
        yield f"Query: {asked}"


class Bar:
    """Shows progress on a terminal, a few times a second."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._next = time.monotonic() + EVERY

    def __call__(self, doing: str, done: int, whole: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + EVERY
            self._progress.describe = lambda: f"{doing}: {done >> 20:,} of {whole >> 20:,} MiB"
            self._progress.draw()
