"""What an archive consisted of when it was opened: the parts that its manifest names, and what is lacking of them."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from auditlog_tui.archive import counts as by_value
from auditlog_tui.archive.dataset import (
    MANIFEST,
    STATE,
    Manifest,
    Part,
    is_behind_state,
    read_state,
    survey_manifest,
    temporary_of,
)
from auditlog_tui.archive.engine import Reader, RowGroup
from auditlog_tui.archive.rows import UNKNOWN
from auditlog_tui.errors import ArchiveError, ArchiveRefusedError
from auditlog_tui.offline.source import Filter
from auditlog_tui.output.files import shown
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import count, counted, instant_us

MISSING = -(2**62)
"""Stands for a time or status that is absent or can't be read: it sorts below all others."""

MOST_NAMED = 5
"""Days that are named where parts of them are lacking."""


@dataclass(frozen=True, slots=True)
class Block:
    """Successive rows of a part, the `first` and so many `rows`, of which `n` match a filter.

    No time in them is before `low` or after `high`, in microseconds; both are `MISSING` where they have none. `part`
    is the index of the part.
    """

    part: int
    first: int
    rows: int
    n: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A part that can be read. `low` and `high` are the times of its first and last entry in microseconds.

    `dated` says that its entries have times: `low` and `high` are `MISSING` if not. `odd` says that it may have
    entries with values that can't be read. `counts` are those of the manifest, if they can be relied on. `name` and
    `sha256` are the manifest's.
    """

    number: int
    path: Path
    day: str
    rows: int
    dated: bool
    low: int
    high: int
    blocks: Sequence[Block]
    odd: bool
    counts: msgspec.Raw | None
    name: str
    sha256: str

    def matching(self, where: Filter) -> int | None:
        """How many entries match a filter without bounds of time; `None` if they have to be read for that."""
        return None if self.counts is None else by_value.matching(self.counts, where, self.rows)

    def has_few(self, column: str) -> bool:
        """Whether the values of a column are so few that they were counted."""
        return self.counts is not None and by_value.decoded(self.counts, column, self.rows) is not None

    def statuses(self) -> by_value.Values | None:
        """Entries by status; `None` if that is not known, or some have none."""
        found = None if self.counts is None else by_value.decoded(self.counts, "status_code", self.rows)
        return None if found is None or sum(found.values()) < self.rows else found

    def block(self, first: int, rows: int, n: int) -> Block:
        """So many rows, of which `n` match a filter."""
        among = [block for block in self.blocks if block.first < first + rows and first < block.first + block.rows]
        low, high = min(block.low for block in among), max(block.high for block in among)
        return Block(among[0].part, first, rows, n, low, high)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The parts in the order in which they were added, without those that are `lacking`.

    `unnamed` are parts in the folder that the manifest does not name: it may have lost lines at its end. It has if it
    is `behind` the state. `as_of_us` is the time as of which the archive has every entry of its log, in microseconds;
    `None` if that is not known.
    """

    manifest: Manifest
    folder: Path
    parts: Sequence[Opened] = ()
    lacking: Sequence[str] = ()
    as_of_us: int | None = None
    unnamed: Sequence[str] = ()
    behind: bool = False
    reason: str = field(init=False)
    """What is lacking; empty if nothing is."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", "; ".join(_reasons(self)))

    def without(self, damaged: Iterable[Opened]) -> Snapshot:
        """The same, but these parts are lacking."""
        names = {part.name for part in damaged}
        left = (part for part in self.parts if part.name not in names)
        parts = [replace(part, blocks=[replace(b, part=at) for b in part.blocks]) for at, part in enumerate(left)]
        lacking = [part.part for part in self.manifest.parts if part.part in names or part.part in self.lacking]
        return replace(self, parts=parts, lacking=lacking)

    @property
    def newest_us(self) -> int | None:
        """The time of the newest entry, if one has a time."""
        return max((part.high for part in self.parts if part.dated), default=None)


def take(folder: Path, reader: Reader) -> Snapshot:
    """What there is now. Raises `ArchiveRefusedError` for a folder that is no archive, and `ArchiveError`."""
    manifest = manifest_of(folder)
    lacking, found = list[str](), list[tuple[Part, Path]]()
    for part in manifest.parts:
        path = place_of(folder, part)
        if path is None:
            lacking.append(part.part)
        else:
            found.append((part, path))
    behind = is_behind_state(folder, manifest)
    parts = list(_open(found, reader, lacking, reliable=not (manifest.broken or behind)))
    state = read_state(folder, manifest)
    as_of_us = None if state is None else state.complete_us
    return Snapshot(manifest, folder, parts, lacking, as_of_us, _unnamed(folder, manifest), behind)


def _unnamed(folder: Path, manifest: Manifest) -> list[str]:
    """The parts in the folder that its manifest does not name, though a part is named before it gets its name."""
    found = [path.relative_to(folder).as_posix() for path in folder.glob("day=*/part-*.parquet")]
    if set(found) <= {part.part for part in manifest.parts}:
        return []
    now = manifest_of(folder)  # a collect that is running may have added some
    return sorted({*found} - {part.part for part in now.parts} - {*now.replaced})


def manifest_of(folder: Path) -> Manifest:
    """The manifest as it is now. Raises as `take` does."""
    manifest = survey_manifest(folder)
    if manifest is None:
        raise ArchiveRefusedError(f"{shown(folder)} is no archive: it has no {MANIFEST}.")
    return manifest


def place_of(folder: Path, part: Part) -> Path | None:
    """Where a part lies, as whole as the manifest says; `None` if it does not.

    A process that was killed may have left a part under the name that it is written under.
    """
    for path in (folder / part.part, temporary_of(folder, part.number)):
        try:
            state = path.lstat()
        except OSError:
            continue
        return path if stat.S_ISREG(state.st_mode) and state.st_size == part.bytes else None
    return None


def changed_since(folder: Path, taken: Snapshot) -> str:
    """What happened to the parts of a snapshot since, in a sentence; empty if nothing did."""
    gone = [part for part in taken.parts if not part.path.is_file()]
    if not gone:
        return ""
    try:
        now = manifest_of(folder)
    except ArchiveError as error:
        return str(error)
    replaced = {folder / path for path in now.replaced}
    if all(part.path in replaced for part in gone):
        return "The archive's parts were joined since it was opened (collect --compact). r opens it again."
    part = next(part for part in gone if part.path not in replaced)
    if part.path == temporary_of(folder, part.number) and (folder / f"day={part.day}").is_dir():
        return "The archive was written to since it was opened. r opens it again."
    return f"A part of {part.day} was removed since the archive was opened. r opens what is left."


def _open(
    found: Sequence[tuple[Part, Path]], reader: Reader, lacking: list[str], *, reliable: bool
) -> Iterator[Opened]:
    for at, (part, path, groups) in enumerate(_with_groups(found, reader, lacking)):
        yield _opened(at, part, path, groups, reliable=reliable)


def _with_groups(
    found: Sequence[tuple[Part, Path]], reader: Reader, lacking: list[str]
) -> Iterator[tuple[Part, Path, Sequence[RowGroup]]]:
    """Each part with its row groups, but for those that can't be read or have other entries than they should."""
    try:
        groups = reader.row_groups([path for _, path in found]) if found else []
    except ArchiveError:
        if len(found) > 1:
            middle = len(found) // 2
            yield from _with_groups(found[:middle], reader, lacking)
            yield from _with_groups(found[middle:], reader, lacking)
        else:
            lacking.append(found[0][0].part)
        return
    of_part: list[list[RowGroup]] = [[] for _ in found]
    for group in groups:
        of_part[group.file].append(group)
    for (part, path), own in zip(found, of_part, strict=True):
        if sum(group.rows for group in own) == part.rows and _has_times_of(part, own):
            yield part, path, own
        else:
            lacking.append(part.part)


def _has_times_of(part: Part, groups: Sequence[RowGroup]) -> bool:
    """Whether the first and last time are the manifest's, as far as the file tells: parts are chosen by them."""
    lows = [group.low_us for group in groups if group.low_us is not None]
    highs = [group.high_us for group in groups if group.high_us is not None]
    if not groups or len(lows) < len(groups) or len(highs) < len(groups) or part.first is None or part.last is None:
        return True
    return (min(lows), max(highs)) == (instant_us(part.first), instant_us(part.last))


def _opened(at: int, part: Part, path: Path, groups: Sequence[RowGroup], *, reliable: bool) -> Opened:
    dated = part.day != UNKNOWN
    ends = [instant_us(text) if text and dated else None for text in (part.first, part.last)]
    low, high = (MISSING if us is None else us for us in ends)
    blocks, first = list[Block](), 0
    for group in groups:
        known = dated and group.low_us is not None and group.high_us is not None
        times = (group.low_us or 0, group.high_us or 0) if known else (low, high)
        blocks.append(Block(at, first, group.rows, group.rows, *times))
        first += group.rows
    if dated and blocks:
        low, high = min(block.low for block in blocks), max(block.high for block in blocks)
    odd = any(group.unreadable for group in groups)
    # an entry with a value that can't be read matches every filter by it
    noted = part.counts if reliable and not odd else None
    return Opened(
        part.number, path, part.day, part.rows, dated, low, high, blocks, odd, noted, part.part, part.sha256
    )


def _reasons(taken: Snapshot) -> Iterator[str]:
    folder, lacking, unnamed = taken.folder, taken.lacking, taken.unnamed
    if taken.manifest.broken:
        yield f"line {taken.manifest.broken[0]} of its {MANIFEST} does not follow the one before: it was changed"
    if unnamed:
        others = f" and {count(len(unnamed) - 1)} more" if len(unnamed) > 1 else ""
        yield f"its {MANIFEST} does not name {safe(unnamed[0], 100)}{others}: it may have lost its last lines"
    if taken.behind and not (taken.manifest.broken or unnamed):
        yield f"its {MANIFEST} lacks the line that its {STATE} is about: its last lines were removed or changed"
    if lacking:
        days = list(dict.fromkeys(name.partition("/")[0].removeprefix("day=") for name in lacking))
        more = len(days) - MOST_NAMED
        named = [", ".join(days[:MOST_NAMED]), *([f"{more:,} more days"] if more > 0 else [])]
        which = "is missing or was changed" if len(lacking) == 1 else "are missing or were changed"
        others = f" and {count(len(lacking) - 1)} more" if len(lacking) > 1 else ""
        yield (
            f"{counted(len(lacking), 'part')} {which}: entries of {' and '.join(named)} are lacking:"
            f" restore {lacking[0]}{others} (auditlog-tui verify {shown(folder)} checks all parts)"
        )
