"""Tells whether a bundle is, byte for byte, what was written, and if not, what was changed.

The manifest names the digests of all other members, and whatever follows from entries, notes and statement is made
again and compared. Whoever knows the program can make all of that agree with changed entries. So nothing but the
manifest's own digest, known from elsewhere, shows that a bundle is the one that was handed over.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from auditlog_tui import __version__
from auditlog_tui.errors import BundleError
from auditlog_tui.evidence.bundle import (
    CSV,
    DERIVED,
    DIGESTS,
    ENTRIES,
    MANIFEST,
    NAMES,
    NOTES,
    TIMESKETCH,
    Content,
    Manifest,
    layout_of,
    manifest_lines,
    read_manifest,
    read_notes,
)
from auditlog_tui.evidence.container import CHUNK, Layout, Member, Region, Sums, chunks
from auditlog_tui.evidence.digests import differences, key_of, shown_id
from auditlog_tui.evidence.statement import Statement
from auditlog_tui.output import files
from auditlog_tui.text.times import counted

MOST_FINDINGS = 20
"""The most entries named one by one."""

_DIGEST = re.compile(r"[0-9a-f]{64}")

OnProgress = Callable[[str, int, int], None]
"""Takes what is being done, and how many bytes of how many of it are done."""


def _no_progress(doing: str, done: int, whole: int) -> None:
    """For those who show none."""


@dataclass(slots=True)
class Verification:
    """What was found out about a bundle; without `findings` it is unchanged.

    `sha256` is that of the manifest, and `proven` says that it is the expected one. `statement` is `None` if the
    manifest can't be read. `unchecked` names members that
    another version of the program made, and that this one would make otherwise.
    """

    sha256: str
    proven: bool = False
    statement: Statement | None = None
    findings: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)


def read_digest(text: str) -> str:
    """A SHA-256 as people pass it on: in hexadecimal, with `sha256:` before it or not. Raises `BundleError`."""
    digest = re.sub(r"\s", "", text).lower().removeprefix("sha256:")
    if not _DIGEST.fullmatch(digest):
        raise BundleError("A SHA-256 has 64 hexadecimal digits, as verify writes them.")
    return digest


def verify(path: Path, expected: str = "", on_progress: OnProgress = _no_progress) -> Verification:
    """Check a bundle. `expected` is the manifest's SHA-256 as `read_digest` returns it; empty if it is not known.

    Reads the file several times, and needs little memory. Raises `BundleError` if the file is no bundle, and
    `OSError`.
    """
    with files.opened(path) as file:
        layout = layout_of(file)
        found = _Check(layout, on_progress)
        return found.go(expected)


class _Check:
    def __init__(self, layout: Layout, on_progress: OnProgress) -> None:
        self._layout = layout
        self._regions = layout.regions
        self._on_progress = on_progress
        self._sums: dict[str, Sums] = {}
        self._said: list[str] = []
        self._unchecked: list[str] = []

    def go(self, expected: str) -> Verification:
        if self._layout.problem:
            self._said.append(f"The file is not as auditlog-tui writes it: {self._layout.problem}.")
        self._sums = {name: self._summed(name) for name in NAMES if name in self._regions}
        digest = self._sums[MANIFEST].sha256
        proven = bool(expected) and hmac.compare_digest(digest, expected)
        if expected and not proven:
            self._said.append(f"{MANIFEST} is not the one whose SHA-256 was given: it was changed or replaced.")
        try:
            manifest = read_manifest(self._regions[MANIFEST])
        except BundleError as error:
            self._said.append(str(error))
            manifest = None
        self._compare(manifest)
        statement = None if manifest is None else manifest.statement
        return Verification(digest, proven, statement, self._said, self._unchecked)

    def _summed(self, name: str) -> Sums:
        sums, region = Sums(), self._regions[name]
        for chunk in region.chunks():
            sums.take(chunk)
            self._on_progress(f"reading {name}", sums.size, region.size)
        return sums

    # -- against the manifest ----------------------------------------------------------------------------------

    def _compare(self, manifest: Manifest | None) -> None:
        named = {} if manifest is None else {each.name: each for each in manifest.members}
        changed = [name for name in NAMES[:-1] if name not in self._regions or not self._is_named(name, named)]
        if manifest is not None and tuple(each.name for each in manifest.members) != NAMES[:-1]:
            self._said.append(f"{MANIFEST} does not name the members of a bundle.")
        if manifest is None or ENTRIES in changed:
            self._tell_entries()
        if manifest is not None and NOTES in self._regions and {NOTES} == {NOTES, ENTRIES, CSV} & {*changed}:
            self._tell_notes(manifest)
        for name in changed if manifest is not None else ():
            missing = name not in self._regions
            self._said.append(
                f"{name} can't be found." if missing else f"{name} was changed: its SHA-256 is another."
            )
        wrong = [member.name for member in self._layout.members if self._sums[member.name].crc != member.crc]
        self._said += [f"The checksum of {name} in the file is wrong." for name in wrong if name not in changed]
        if manifest is not None and not {ENTRIES, NOTES} & {*changed}:
            self._make_again(manifest, {name for name in DERIVED if name not in changed})

    def _is_named(self, name: str, named: Mapping[str, object]) -> bool:
        """Whether a member is as the manifest names it."""
        sums, found = self._sums[name], named.get(name)
        return (sums.size, sums.sha256) == (getattr(found, "size", None), getattr(found, "sha256", None))

    def _tell_entries(self) -> None:
        """Name the entries that are not as their digests have them."""
        if DIGESTS not in self._regions:
            self._said.append(f"It can't be told which entries were changed: {DIGESTS} can't be found.")
            return
        try:
            told = differences(self._regions[ENTRIES], self._regions[DIGESTS])
            self._said += islice(told, MOST_FINDINGS)
            if more := sum(1 for _ in told):
                self._said.append(f"{counted(more, 'entry was', 'entries were')} changed besides.")
        except BundleError as error:
            self._said.append(str(error))

    def _tell_notes(self, manifest: Manifest) -> None:
        """Name the entries whose notes are not as the unchanged CSV has them."""
        try:
            content = Content(self._regions[ENTRIES], read_notes(self._regions[NOTES]), manifest.statement)
            made = zip(
                DERIVED[CSV](content), self._regions[CSV].lines(), chain([b""], content.entries.lines()), strict=False
            )
            told = (
                f"The note on entry {shown_id(key_of(line))} was changed: line {number:,} of {ENTRIES}."
                for number, (now, was, line) in enumerate(made)
                if f"{now}\n".encode() != was
            )
            self._said += islice(told, MOST_FINDINGS)
        except BundleError as error:
            self._said.append(str(error))

    # -- what follows from the entries -------------------------------------------------------------------------

    def _make_again(self, manifest: Manifest, names: set[str]) -> None:
        """Make the other members from entries, notes and statement, and compare these `names` with them."""
        try:
            notes = read_notes(self._regions[NOTES])
            content = Content(self._regions[ENTRIES], notes, manifest.statement)
            self._compare_manifest(content, manifest)
            made = {name: chunks(derive(content)) for name, derive in DERIVED.items() if name in names}
            places = {name: self._first_difference(name, lines) for name, lines in made.items()}
            differ = {name: at for name, at in places.items() if at is not None}
            if {DIGESTS, TIMESKETCH} <= differ.keys():  # so it is the entries
                self._tell_entries()
            for name, at in differ.items():
                self._tell_made(name, at, manifest.statement.version)
        except BundleError as error:
            self._said.append(str(error))

    def _compare_manifest(self, content: Content, manifest: Manifest) -> None:
        members = [Member(each.name, 0, each.size, 0, each.sha256) for each in manifest.members]
        made = b"".join(chunks(manifest_lines(content, members)))
        region = self._regions[MANIFEST]
        if made != region.part(0, region.size):
            self._said.append(f"{MANIFEST} is not as auditlog-tui writes it: something in it was changed.")
        lines = sum(chunk.count(b"\n") for chunk in content.entries.chunks())
        ended = not content.entries.size or content.entries.part(content.entries.size - 1, 1) == b"\n"
        if lines != manifest.statement.entries or not ended:
            stated = counted(manifest.statement.entries, "line")
            self._said.append(f"{MANIFEST} states {stated} of entries, and there are {lines:,}.")

    def _tell_made(self, name: str, at: int, version: str) -> None:
        """Tell that a member differs at an offset from what was made again. `version` is that of the program."""
        if version != __version__ and name not in (NOTES, DIGESTS):
            self._unchecked.append(name)
            return
        region = self._regions[name]
        line = 1 + sum(chunk.count(b"\n") for chunk in Region(region.file, region.start, at).chunks())
        self._said.append(f"{name} does not follow from the entries, from line {line:,} on: it was changed.")

    def _first_difference(self, name: str, made: Iterator[bytes]) -> int | None:
        """The offset of a member's first byte that differs from what was made; `None` if none does."""
        region, at = self._regions[name], 0
        for expected in made:
            found = region.part(at, min(len(expected), max(0, region.size - at)))
            if found != expected:
                pairs = zip(found, expected, strict=False)
                return at + next((n for n, (one, other) in enumerate(pairs) if one != other), len(found))
            at += len(expected)
            self._on_progress(f"making {name} again", at, max(region.size, at, CHUNK))
        return at if at < region.size else None
