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
from auditlog_tui.store.case import JOURNAL_END, MARKED, CaseFile, journal_end, journal_lines, read_case
from auditlog_tui.store.received import be_lenient
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import counted

HOLDS, BROKEN, UNREADABLE = ExitStatus.DONE, 1, 2

LIMIT = 32 << 20
"""The most bytes of a line that is read: the program writes shorter ones, of 200 IDs of 4,000 characters at most."""

_START = 1_000
"""Characters of a line that does not hold from which on it is cut."""


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
            lines = _Lines(case, out, form)
            found = check(lines, wanted)
            for _ in lines:  # what follows a broken line is shown too
                pass
            cut = "" if found.broken else _cut(found, lines.end, case)
        verdict = list(_verdict(found, safe(str(path), 300), wanted, cut))
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
    return BROKEN if found.broken or cut or (wanted and not found.noted) else HOLDS


class _Lines(Iterator[tuple[object, object]]):
    """The lines, each written before it is checked. `end` is the `journal_end` of the last one so far."""

    def __init__(self, case: CaseFile, out: Out, form: str) -> None:
        self.end = ""
        self._lines = journal_lines(case)
        self._out = out
        self._form = form

    def __next__(self) -> tuple[object, object]:
        number, text = next(self._lines)
        if self._form == "text":
            self._out.lines([_shown(number, text)])
        elif isinstance(text, str):
            self._out.lines([safe(text, LIMIT)])
        self.end = journal_end(number, text) if isinstance(text, str) else ""
        return number, text


def _cut(found: Checked, end: str, case: CaseFile) -> str:
    """How the end of the lines differs from what the case keeps of it, in a clause; empty if it does not.

    Raises `StoreError`.
    """
    kept = case.text(JOURNAL_END)
    if not kept and found.lines and case.version >= MARKED:
        return "is not as it was kept: what the case keeps of its end is missing"
    if not kept and not found.lines and case.has_entries:
        return "is empty, but the case has entries: its lines were removed"
    if kept in ("", end):
        return ""
    number = kept.partition(" ")[0]
    if number.isdecimal() and len(number) < 20 and int(number) > found.lines:
        return f"was cut off: the case counts {counted(int(number), 'line')}"
    return "has another end than the case says: lines were added or written anew"


def _shown(number: object, text: object) -> str:
    """A line for people."""
    try:
        line = read_line(text if isinstance(text, str) else "")
    except ValueError:
        start = text[:_START] if isinstance(text, str | bytes) else text
        return f"{safe(str(number), 20):>5}  ?  {'' if text is None else safe(str(start), 200)}".rstrip()
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


def _verdict(found: Checked, shown: str, noted: str, cut: str) -> Iterator[str]:
    """One verdict, the worst, and then what else is known."""
    hold = counted(found.lines, "line holds", "lines hold")
    if found.broken:
        yield f"BROKEN at line {found.broken:,} of the log in {shown}: {found.why}. Before it, {hold}."
    elif cut or (noted and not found.noted):
        cut = cut or "was cut off or written anew: the digest given is of none of its lines"
        yield f"BROKEN: the log in {shown} {cut}."
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
            "This does not show that its end was not cut off, or the whole not written anew, by somebody who also"
            " changed what the case keeps of its end. Note that digest elsewhere: log --digest SHA256 looks for it"
            " later."
        )
