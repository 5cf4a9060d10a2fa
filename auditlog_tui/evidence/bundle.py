"""A bundle: entries, notes and what they answer, in one file that can be handed over and checked.

It is a `container` of these members:

    entries.jsonl      the evidence: a line for each version of each entry, exactly as the API sent it
    notes.jsonl        the user's marks and notes
    entries.csv        for spreadsheets; holds less than the JSON
    report.md          for people
    timesketch.jsonl   for Timesketch
    digests.jsonl      SHA-256 of each line of entries.jsonl, and a chain over blocks of them
    manifest.json      the statement, counts, and size and SHA-256 of each other member

Everything but the first two and the statement follows from these, so that `verify` can make it again and compare. The
same entries, notes and statement give the same bytes on every system.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from auditlog_tui.entries.models import read_entry
from auditlog_tui.entries.raw_json import Json
from auditlog_tui.errors import BundleError
from auditlog_tui.evidence import timesketch
from auditlog_tui.evidence.container import Layout, Member, Region, Sums, Writer, read_layout
from auditlog_tui.evidence.digests import digest_lines, text_of
from auditlog_tui.evidence.fields import NO_NOTE, Note, utc
from auditlog_tui.evidence.formats import csv_header, csv_lines
from auditlog_tui.evidence.report import report_lines
from auditlog_tui.evidence.statement import Annotation, Statement, read_annotation
from auditlog_tui.output import files
from auditlog_tui.store.entries import row_of
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import counted

ENTRIES, NOTES, CSV = "entries.jsonl", "notes.jsonl", "entries.csv"
TIMESKETCH, DIGESTS, MANIFEST = "timesketch.jsonl", "digests.jsonl", "manifest.json"

NOTES_LIMIT = 128 << 20
"""The most bytes of `notes.jsonl`, which is read into memory: 10,000 notes of 2,000 characters are less."""

MANIFEST_LIMIT = 1 << 20
"""The most bytes of the manifest."""

FORMAT, VERSION = "auditlog-tui bundle", 3
"""The version changes with what is in the manifest, and with the notes and digests: all versions compare those.

2 has `LATER` in the statement, and 3 has `RESULTS` in what it says of a re-check. A bundle of which none of that is
stated is of an earlier version, with the same bytes.
"""

LATER: dict[str, Json] = {"profile": "", "resumed": False, "rechecked": None}
"""What version 2 added to the statement, and the values that are not written."""

RESULTS: dict[str, Json] = {"untold": 0, "other": 0, "failed": 0}
"""The same of version 3 and `rechecked`."""


# -- contents ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Content:
    """What a bundle is made from."""

    entries: Region
    notes: Sequence[Annotation]
    statement: Statement

    def note_of(self) -> Callable[[str], Note]:
        """The note on the entry with a key."""
        found = {note.key: note.as_note() for note in self.notes}
        return lambda key: found.get(key, NO_NOTE)


def _csv(content: Content) -> Iterator[str]:
    notes = content.note_of()
    yield csv_header(notes)
    for line in content.entries.lines():
        yield from csv_lines([row_of(read_entry(text_of(line)))], notes)


def _timesketch(content: Content) -> Iterator[str]:
    notes = content.note_of()
    for line in content.entries.lines():
        entry = read_entry(text_of(line))
        yield timesketch.line(entry, notes(entry.key))


DERIVED: dict[str, Callable[[Content], Iterator[str]]] = {
    NOTES: lambda content: (note.line() for note in content.notes),
    CSV: _csv,
    "report.md": lambda content: report_lines(content.statement, content.notes, content.entries),
    TIMESKETCH: _timesketch,
    DIGESTS: lambda content: digest_lines(content.entries.lines()),
}
"""The lines of each member between the entries and the manifest, in their order."""

NAMES = (ENTRIES, *DERIVED, MANIFEST)
"""The members of a bundle, in their order."""


# -- the manifest --------------------------------------------------------------------------------------------------


def manifest_lines(content: Content, members: Sequence[Member]) -> list[str]:
    """The lines of the manifest of a bundle with these other members."""
    statement, notes = content.statement, content.notes
    version, stated = _stated(statement)
    times = {"from": statement.low_us, "to": statement.high_us, "as_of": statement.as_of_us}
    found: dict[str, Json] = {
        "format": FORMAT,
        "format_version": version,
        "statement": stated,
        "times_utc": {name: utc(us) for name, us in times.items()},
        "counts": {
            "marked": sum(note.marked for note in notes),
            "notes": sum(bool(note.note) for note in notes),
            "context": sum(note.context for note in notes),
        },
        "members": [{"name": each.name, "size": each.size, "sha256": each.sha256} for each in members],
    }
    return json.dumps(found, indent=2, allow_nan=False).split("\n")


def _stated(statement: Statement) -> tuple[int, dict[str, Json]]:
    """What a manifest says of a statement, and the version that this needs."""
    stated = _without(LATER, asdict(statement))
    version = 2 if LATER.keys() & stated.keys() else 1
    if statement.rechecked is not None:
        rechecked = _without(RESULTS, asdict(statement.rechecked))
        version = 3 if RESULTS.keys() & rechecked.keys() else version
        stated["rechecked"] = rechecked
    return version, stated


def _without(defaults: Mapping[str, Json], found: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in found.items() if name not in defaults or value != defaults[name]}


class Named(msgspec.Struct, frozen=True):
    """A member as the manifest names it."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What is read of a manifest."""

    format: str
    format_version: int
    statement: Statement
    members: tuple[Named, ...]


def read_manifest(region: Region) -> Manifest:
    """The manifest in a member. Raises `BundleError`."""
    if region.size > MANIFEST_LIMIT:
        raise BundleError(f"{MANIFEST} is larger than {MANIFEST_LIMIT:,} bytes.")
    try:
        data = json.loads(region.part(0, region.size))
        version = data["format_version"] if data["format"] == FORMAT else 0
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BundleError(f"{MANIFEST} is not a manifest.") from error
    if isinstance(version, int) and version > VERSION:
        raise BundleError(f"A newer auditlog-tui made it (format {version}). Use that one.")
    try:
        return msgspec.convert(data, Manifest)
    except (msgspec.ValidationError, ValueError, RecursionError) as error:  # ValueError: a lone surrogate
        raise BundleError(f"{MANIFEST} is not a manifest of this version: {safe(str(error), 200)}") from error


def read_notes(region: Region) -> list[Annotation]:
    """The notes in a member. Raises `BundleError`."""
    if region.size > NOTES_LIMIT:
        raise BundleError(f"{NOTES} is larger than {NOTES_LIMIT:,} bytes.")
    found: list[Annotation] = []
    for number, line in enumerate(region.lines(), 1):
        try:
            found.append(read_annotation(line.decode("ascii").removesuffix("\n")))
        except ValueError as error:
            raise BundleError(f"Line {number:,} of {NOTES} is not a note.") from error
    return found


# -- writing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle as what an export ends as."""

    states_verdict: bool = True

    def write(self, entries: Path, notes: list[Annotation], statement: Statement, out: BinaryIO) -> None:
        """As `write` does."""
        write(entries, notes, statement, out)


class _Watched:
    """A file of which each read first writes nothing to a stream, which can so stop the work or delay it.

    The stream's buffer, if it has one, is passed by.
    """

    def __init__(self, file: BinaryIO, out: BinaryIO) -> None:
        self.seek = file.seek
        self._read = file.read
        self._beat = getattr(out, "raw", out).write

    def read(self, size: int, /) -> bytes:
        self._beat(b"")
        return self._read(size)


def write(entries: Path, notes: Sequence[Annotation], statement: Statement, out: BinaryIO) -> None:
    """Write a bundle to a stream, which need not be seekable; it takes minutes for a million entries.

    `entries` has a line for each version of each entry. The memory used does not grow with them. Temporary files
    without a name are made in the folder of `entries`, as large as the largest other member. `out.write`, or that of
    the stream below its buffer, is called for every 256 KiB read, perhaps with nothing; an error from it stops this.

    Raises `OSError`, and `BundleError` if the statement is of another number of entries or a note is too long.
    """
    with open(entries, "rb") as file:
        whole = Region(_Watched(file, out), 0, file.seek(0, 2))
        content = Content(whole, notes, statement)
        lines = _check_lines(whole)
        if lines != statement.entries:
            there = counted(lines, "line")
            raise BundleError(f"There are {there} of entries, and the statement says {statement.entries:,}.")
        writer = Writer(out, entries.parent)
        writer.copy(ENTRIES, whole)
        for name, derive in DERIVED.items():
            writer.make(name, derive(content))
            if name == NOTES and writer.members[-1].size > NOTES_LIMIT:
                raise BundleError(f"The notes are larger than {NOTES_LIMIT:,} bytes. Shorten some.")
        writer.make(MANIFEST, manifest_lines(content, writer.members))
        writer.finish()


def _check_lines(entries: Region) -> int:
    """The number of lines. Raises `BundleError` if the last one has no end."""
    count, last = 0, b"\n"
    for chunk in entries.chunks():
        count += chunk.count(b"\n")
        last = chunk[-1:]
    if last != b"\n":
        raise BundleError("The last line of the entries has no end. Export again.")
    return count


# -- reading -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened:
    """An open bundle. What it says of itself is as `verify` would show it, but was not checked."""

    statement: Statement
    notes: Sequence[Annotation]
    size: int
    """Bytes of all entries."""

    sha256: str
    """Of all entries, as the manifest has it."""

    _entries: Region

    def entries(self) -> Iterator[str]:
        """The JSON of each version of each entry, in order, as `read_entry` reads it. Raises `BundleError`."""
        return map(text_of, self._entries.lines())


@contextmanager
def read(path: Path) -> Iterator[Opened]:
    """Open a bundle for reading; the file stays open within the block.

    `Opened.entries()` yields each entry's exact text (bytes that are not UTF-8 as lone surrogates) and may be called
    again; `len(text.encode("utf-8", "surrogateescape")) + 1` of `Opened.size` are then read, for progress. It holds
    no more than a line. `Opened.notes` has the marks, notes and contexts, by the entries' keys, and
    `Opened.statement` the query, the window, the as-of and the verdict to show; an INCOMPLETE one stays INCOMPLETE.

    Refuses whatever `verify` refuses of the file's structure, and members that are not of the size that the manifest
    names. It compares no digests: there are `verify` and `Opened.sha256` for that. Raises `BundleError` and
    `OSError`.
    """
    with files.opened(path) as file:
        layout = layout_of(file)
        if layout.problem:
            raise BundleError(f"It is a changed bundle: {layout.problem}. Check it: auditlog-tui verify")
        manifest = read_manifest(layout.regions[MANIFEST])
        sizes = {each.name: each.size for each in layout.members[:-1]}
        digests = {each.name: each.sha256 for each in manifest.members}
        if {each.name: each.size for each in manifest.members} != sizes:
            raise BundleError("It is a changed bundle: sizes differ from its manifest. Check it: auditlog-tui verify")
        entries = layout.regions[ENTRIES]
        yield Opened(manifest.statement, read_notes(layout.regions[NOTES]), entries.size, digests[ENTRIES], entries)


def manifest_sha256(path: Path) -> str:
    """The SHA-256 of a bundle's manifest, as `verify` writes it. Raises `BundleError` and `OSError`."""
    with files.opened(path) as file:
        region, sums = layout_of(file).regions[MANIFEST], Sums()
        for chunk in region.chunks():
            sums.take(chunk)
        return sums.sha256


def is_bundle(start: bytes) -> bool:
    """Whether a file with these first bytes is one to read as a bundle: any zip file."""
    return start.startswith(b"PK\x03\x04")


def layout_of(file: BinaryIO) -> Layout:
    """Where the members are. Raises `BundleError` if the file is no bundle at all, and `OSError`."""
    size = file.seek(0, 2)
    layout = read_layout(file, size, NAMES)
    if {ENTRIES, MANIFEST} <= layout.regions.keys():
        return layout
    if not layout.regions and not is_bundle(Region(file, 0, size).part(0, 4)):
        raise BundleError("It is no bundle: no zip file, as export --bundle makes it.")
    missing = ", ".join(name for name in NAMES if name not in layout.regions)
    raise BundleError(f"It is no whole bundle of auditlog-tui: {layout.problem}. Not found: {missing}.")
