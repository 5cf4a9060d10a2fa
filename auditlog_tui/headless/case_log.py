"""`log`: writes the investigator's log of a case and checks it. It needs no settings, key or network."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from auditlog_tui.errors import AuditLogError, BundleError, CaseError, ExitStatus
from auditlog_tui.evidence.journal import Checked, Line, check, read_line
from auditlog_tui.evidence.verify import read_digest
from auditlog_tui.headless.kinds import mistaken_for
from auditlog_tui.headless.streams import Out, Progress, print_note, standard_out
from auditlog_tui.store.case import CaseFile, journal_lines, read_case
from auditlog_tui.store.received import be_lenient
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import counted

HOLDS, BROKEN, UNREADABLE = ExitStatus.DONE, 1, 2

LIMIT = 1 << 20
"""The most bytes of a line: the program writes shorter ones."""


def write_log(path: Path, form: str = "text", noted: str | None = None) -> int:
    """Write the lines of a case's log, and whether they hold; returns the exit status.

    `noted` is a digest as typed that was noted earlier, to be looked for; `None` for none.
    """
    progress = Progress(sys.stderr)
    try:
        wanted = read_digest(noted) if noted is not None else ""
        out, _ = standard_out(progress)
        if told := mistaken_for(path, "case"):
            raise CaseError(told)
        with closing(read_case(path, received=True)) as case:
            be_lenient(case, LIMIT)
            lines = _written(case, out, form)
            found = check(lines, wanted)
            for _ in lines:  # what follows a broken line is shown too
                pass
        verdict = list(_verdict(found, safe(str(path), 300), wanted))
        if form == "text":
            out.lines(verdict)
        else:
            print_note("\n".join(verdict))
    except BrokenPipeError:
        return ExitStatus.BROKEN_PIPE
    except BundleError as error:
        print_note(f"--digest: {error}")
        return UNREADABLE
    except AuditLogError as error:
        print_note(str(error))
        return UNREADABLE
    except OSError as error:
        print_note(f"Standard output can't be written: {error.strerror}.")
        return UNREADABLE
    return BROKEN if found.broken or (wanted and not found.noted) else HOLDS


def _written(case: CaseFile, out: Out, form: str) -> Iterator[tuple[object, object]]:
    """The lines, each written before it is checked."""
    for number, text in journal_lines(case):
        out.lines([safe(str(text), LIMIT) if form == "jsonl" else _shown(number, text)])
        yield number, text


def _shown(number: object, text: object) -> str:
    """A line for people."""
    try:
        line = read_line(str(text))
    except ValueError:
        return f"{safe(str(number), 20):>5}  ?  {safe(str(text), 200)}"
    return f"{line.seq:>5}  {safe(line.time, 40)}  {safe(line.kind, 40):<11}{_details(line)}".rstrip()


def _details(line: Line) -> str:
    parts = []
    for name, value in line.fields.items():
        if name == "query" and value == "":
            value = "(the whole log)"
        if value in ("", None, [], {}):
            continue
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            value = ", ".join(map(str, value))
        text = value if isinstance(value, str) else json.dumps(value)
        parts.append(f"{safe(name, 40)}: {safe(text, 500)}")
    return "; ".join(parts)


def _verdict(found: Checked, shown: str, noted: str) -> Iterator[str]:
    """One verdict, the worst, and then what else is known."""
    hold = counted(found.lines, "line holds", "lines hold")
    if found.broken:
        yield f"BROKEN at line {found.broken:,} of the log in {shown}: {found.why}. Before it, {hold}."
    elif noted and not found.noted:
        yield f"BROKEN: the log in {shown} was cut off or written anew: the digest given is of none of its lines."
        if found.lines:
            yield f"What is left agrees with itself: {hold}, each with the one before. Its digest: {found.digest}"
    elif not found.lines:
        yield f"The log in {shown} is empty."
    else:
        yield f"VERIFIED: {hold}, each with the one before. The digest of the last one: {found.digest}"
    if noted and found.noted:
        yield "The digest that was given is that of one of them: nothing up to that line was changed."
    elif noted and found.broken:
        yield "The digest that was given is of none of the lines before it."
    elif found.lines and not noted:
        yield (
            "This does not show that its end was not cut off, or the whole not written anew. Note that digest"
            " elsewhere: log --digest SHA256 looks for it later."
        )
