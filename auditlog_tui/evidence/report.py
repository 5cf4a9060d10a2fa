"""The report of a bundle in Markdown: what was asked, what was found, who acted from where, how to check it.

Every text from the log, from a note or from the command line stands in a code span, with defanged addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from auditlog_tui.entries.models import Entry, read_entry
from auditlog_tui.evidence import markdown
from auditlog_tui.evidence.container import Region
from auditlog_tui.evidence.digests import text_of
from auditlog_tui.evidence.fields import Fields, fields_of, utc
from auditlog_tui.evidence.markdown import code
from auditlog_tui.evidence.statement import Annotation, Rechecked, Statement
from auditlog_tui.text.times import counted, distance

MOST_VALUES = 100_000
"""The most actors, and the most addresses, that are counted; those that come after them are left out."""

MOST_SHOWN = 100
"""The most actors, and the most addresses, that the report lists beside those of marked entries."""

_LONG = 200
"""Characters of a value from which on it is cut, and told from others by a digest."""


def report_lines(statement: Statement, notes: Sequence[Annotation], entries: Region) -> Iterator[str]:
    """The lines of the report."""
    by_key = {note.key: note for note in notes}
    tally = _Tally(by_key)
    at = 0
    for line in entries.lines():
        tally.take(read_entry(text_of(line)), at, len(line))
        at += len(line)
    yield "# Evidence from the audit log"
    context = sum(note.context for note in notes)
    yield from ("", *_verdict(statement, context), "")
    yield from _table(("what", ""), _facts(statement, context))
    yield from _recheck(statement)
    yield from _timeline(tally, by_key, entries)
    yield from _ranked("Actors", "actor", tally.actors)
    yield from _ranked("Addresses", "address", tally.addresses)
    yield from _CHECKING


# -- what was asked ------------------------------------------------------------------------------------------------


def _verdict(statement: Statement, context: int) -> Iterator[str]:
    at = "" if statement.as_of_us is None else f" as of {_instant(statement.as_of_us)}"
    if statement.verdict == "COMPLETE" and statement.picked:
        yield from _verdict_of_picked(statement, context, at)
    elif statement.verdict == "COMPLETE":
        until = "then" if at else "the last one"
        yield (
            f"**COMPLETE{at}**: every entry that matches the query, and was in the log from the first request"
            f" until {until}, is in this bundle."
        )
    else:
        yield "# ⚠ INCOMPLETE: ENTRIES MAY BE MISSING"
        yield ""
        yield "**Do not conclude from this bundle that something did not happen.** Why it is incomplete:"
        yield code(statement.reason) if statement.reason else "no reason was given."


def _verdict_of_picked(statement: Statement, context: int, at: str) -> Iterator[str]:
    """What COMPLETE means of entries that the API was not asked for."""
    picked = counted(statement.rows - context, "entry", "entries")
    with_context = f", and every entry that was in the log within {distance(statement.context_us)} of one of them"
    yield (
        f"**COMPLETE{at}**: {picked} picked by hand ({_PICKED[statement.picked]}), as the API sent them when they"
        f" were picked{with_context if statement.context_us else ''}."
    )
    yield ""
    yield "**The rest of the log is not covered:** entries that were not picked may belong to the matter too."


_PICKED = {"": "", "marked": "marked", "noted": "with a note"}


def _facts(statement: Statement, context: int) -> Iterator[tuple[str, str]]:
    offset, picked = statement.clock_offset_ms, statement.picked
    yield "verdict", statement.verdict if statement.verdict == "COMPLETE" else f"**{statement.verdict}**"
    yield "query as typed", code(statement.query) or "(none: the whole log)"
    yield "query with absolute times", code(statement.frozen) or "(none: the whole log)"
    if picked:
        yield "picked by hand", f"{statement.rows - context:,} ({_PICKED[picked]})"
        around = f"{context:,}, within {distance(statement.context_us)} of these"
        yield "context", around if statement.context_us else "none"
    if not picked or statement.low_us is not None:
        yield "from (UTC)", _instant(statement.low_us, "the beginning of the log")
    if not picked or statement.high_us is not None:
        yield "to (UTC)", _instant(statement.high_us, "the end of the log")
    yield "API", code(statement.endpoint)
    if statement.profile:
        yield "profile of the exporter's settings", code(statement.profile)
    if statement.as_of_us is not None:
        yield "as of (the server's clock)", _instant(statement.as_of_us)
    yield "server's clock ahead of the exporter's", "unknown" if offset is None else f"{offset:,} ms"
    yield "exported by", code(statement.by) or "not given"
    yield "entries", f"{statement.rows:,}, in {counted(statement.entries, 'line')}"
    yield "entries by the server's count", "unknown" if statement.total is None else f"{statement.total:,}"
    resumed = " at least: it was broken off, and went on" if statement.resumed else ""
    yield "requests", f"{statement.requests:,}{resumed}"
    yield "tool", code(f"{statement.tool} {statement.version}")


def _recheck(statement: Statement) -> Iterator[str]:
    """What asking for entries again has shown."""
    found = statement.rechecked
    if found is None:
        return
    until = "" if found.to_us == found.from_us else f" to {_instant(found.to_us)}"
    gone = f"{found.gone:,} gone"
    if found.expired:
        gone += f" ({found.expired:,} older than the log's oldest entry)"
    fields = ", ".join(code(name) for name in dict.fromkeys(name for each in found.changes for name in each.fields))
    changed = f"{found.changed:,} changed{f' ({fields})' if fields else ''}"
    parts = [f"{found.same:,} same", changed, gone]
    parts += [f"{found.unasked:,} can't be asked for"] if found.unasked else []
    yield from ("", "## Re-checked", "")
    yield (
        f"At {_instant(found.from_us)}{until}, by the server's clock, {_asked(found, statement.rows)}:"
        f" {', '.join(parts)}."
    )
    if found.unclear:
        yield from ("", f"**It can't be told whether entries are gone.** {code(found.unclear)}")
    rows = [(code(each.key), f"changed: {', '.join(map(code, each.fields))}") for each in found.changes]
    rows += [(code(key), "gone") for key in found.missing]
    if rows:
        yield from ("", *_table(("ID", "result"), rows))
    if left := found.changed + found.gone - len(rows):
        yield from ("", f"{left:,} more are not listed here.")


def _asked(found: Rechecked, rows: int) -> str:
    """How many entries were re-checked."""
    here = f"of the {counted(rows, 'entry', 'entries')} here were"
    amounts = {"can't be told": found.untold, "answered with another entry": found.other, "failed": found.failed}
    others = [f"{amount:,} {told}" for told, amount in amounts.items() if amount]
    if not others:
        return f"{found.count:,} {here} asked for again by their IDs"
    return f"{found.same + found.changed + found.gone:,} {here} re-checked by their IDs, {', '.join(others)}"


def _instant(us: int | None, unknown: str = "unknown") -> str:
    return unknown if us is None else (utc(us) or f"{us} µs since 1970").replace("+00:00", "Z")


# -- what was found ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Value:
    """How often an actor or an address occurs, in all lines and in marked ones, and when (microseconds, UTC)."""

    count: int = 0
    marked: int = 0
    first_us: int | None = None
    last_us: int | None = None

    def take(self, us: int | None, *, marked: bool) -> None:
        self.count += 1
        self.marked += marked
        if us is not None:
            self.first_us = us if self.first_us is None else min(self.first_us, us)
            self.last_us = us if self.last_us is None else max(self.last_us, us)


class _Values:
    """Values with what is known of each; `left_out` lines had others when there were `MOST_VALUES`."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, ...], _Value] = {}
        self.left_out = 0

    def take(self, value: tuple[str, ...], us: int | None, *, marked: bool) -> None:
        found = self.found.get(value)
        if found is None and len(self.found) >= MOST_VALUES and not marked:
            self.left_out += 1
            return
        if found is None:
            found = self.found[value] = _Value()
        found.take(us, marked=marked)


class _Place(NamedTuple):
    """Where the line of an entry is in the file, and whether it is there as context only. Sorts by time."""

    undated: bool
    us: int
    at: int
    length: int
    context: bool


class _Tally:
    """The actors and addresses of all entries, and where the ones with a mark or a note are in the file."""

    def __init__(self, notes: Mapping[str, Annotation]) -> None:
        self.actors = _Values()
        self.addresses = _Values()
        self.noted: list[_Place] = []
        self.seen: set[str] = set()
        """The keys of these."""
        self._notes = notes

    def take(self, entry: Entry, at: int, length: int) -> None:
        note = self._notes.get(entry.key)
        fields, us = _fields(entry)
        if note is not None:
            self.seen.add(entry.key)
            self.noted.append(_Place(us is None, us or 0, at, length, note.context))
        marked = note is not None and note.marked
        actor = tuple(_cut(text) for name in _ACTOR if (text := fields.get(name)))
        address = tuple(_cut(text) for name in ("client_ip",) if (text := fields.get(name)))
        self.actors.take(actor, us, marked=marked)
        self.addresses.take(address, us, marked=marked)


_ACTOR = ("actor.name", "actor.type", "actor.id")


def _fields(entry: Entry) -> tuple[Mapping[str, str | None], int | None]:
    """The texts of an entry that are exact, and its time."""
    if entry.unreadable:
        found: Fields = fields_of(entry)
        return found.texts, found.created_us
    actor = entry.actor
    names = {"actor.name": actor.name, "actor.type": actor.type, "actor.id": actor.id}
    return {**names, "client_ip": entry.fields.client_ip}, entry.created_us


def _cut(text: str) -> str:
    if len(text) <= _LONG:
        return text
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{text[:_LONG]}… (SHA-256 {digest[:16]}…)"


def _timeline(tally: _Tally, notes: Mapping[str, Annotation], entries: Region) -> Iterator[str]:
    yield from ("", "## Marked entries and notes", "")
    if missing := len(notes.keys() - tally.seen):
        yield f"{counted(missing, 'line')} of notes.jsonl belong to entries that are not in this bundle."
        yield ""
    if not tally.noted:
        yield "No entry is marked or has a note."
        return
    yield "In UTC, oldest first; Δt is the time since the row above."
    found = sorted(tally.noted)
    picked = [each for each in found if not each.context]
    yield from _rows(picked, notes, entries)
    if len(picked) < len(found):
        yield from ("", "## Context", "", "Here only because of a marked entry nearby in time.")
        yield from _rows([each for each in found if each.context], notes, entries)


def _rows(places: Iterable[_Place], notes: Mapping[str, Annotation], entries: Region) -> Iterator[str]:
    """A table of these entries."""
    yield from ("", *markdown.HEADER)
    before_us: int | None = None
    for place in places:
        entry = read_entry(text_of(entries.part(place.at, place.length)))
        yield markdown.line(entry, notes[entry.key].as_note(), before_us)
        before_us = before_us if entry.created_us is None else entry.created_us


def _ranked(title: str, name: str, values: _Values) -> Iterator[str]:
    """A table of the values: those of marked entries first, then the most frequent."""
    yield from ("", f"## {title}", "")
    ranked = sorted(values.found.items(), key=lambda item: (-item[1].marked, -item[1].count, item[0]))
    shown = [item for n, item in enumerate(ranked) if item[1].marked or n < MOST_SHOWN]
    yield from _table(
        (name, "lines", "of marked entries", "first seen (UTC)", "last seen (UTC)"),
        (
            (
                " ".join(map(code, value)) or "(none that can be read)",
                f"{found.count:,}",
                f"{found.marked:,}",
                _instant(found.first_us),
                _instant(found.last_us),
            )
            for value, found in shown
        ),
    )
    if len(ranked) > len(shown):
        yield from ("", f"{len(ranked) - len(shown):,} more are not listed here.")
    if values.left_out:
        yield from ("", f"{counted(values.left_out, 'line')} with still others are not counted here.")


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield "|---" * len(header) + "|"
    for cells in rows:
        yield f"| {' | '.join(cells)} |"


_CHECKING = """\

## How to check it

Here, and in `entries.csv`, texts are made safe to read, and addresses are defanged here. The evidence is
`entries.jsonl`: each line is an entry exactly as the API sent it. `notes.jsonl` holds the marks and notes on them.
BUNDLE is the path of the file that this report is in.

```
auditlog-tui verify BUNDLE --manifest SHA256    # SHA256 as you were given it, by another way than this file
unzip -p BUNDLE manifest.json | sha256sum       # the hash of the manifest, which names those of all other files
unzip -p BUNDLE entries.jsonl | sed -n 1p | sha256sum    # that of an entry, as digests.jsonl names it
```

Without `--manifest` or a signature over the manifest, `verify` shows only that the bundle is consistent in
itself.
""".splitlines()
