"""The archive's folder: its layout, its manifest, and how a part is added so that nothing is ever half there.

    DIR/_manifest.jsonl                          a line for each part, after one that says what the archive is of
    DIR/day=2026-11-20/part-000017.parquet       entries of that day in UTC, sorted by time
    DIR/day=unknown/part-000018.parquet          entries whose time is absent or can't be read
    DIR/_…                                       everything else: readers of such datasets pass over it

Parts are only added: entries that come late, and other versions of an entry, become parts of their own. A part is
written whole under another name and synced, then noted in the manifest, then renamed. A process that is killed before
the note has written nothing. One that is killed after it leaves a part that the next one renames. Readers see a part
whole or not at all, and no entry twice. The same text of an entry is never written again.

Only `compact` takes parts away. Its line names the parts that the new one `replaces`, and they are removed after the
new one is there, so a reader at that moment may see entries twice.

Each line has the SHA-256 of the line before, so that no line but the last can be changed or left out unnoticed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from io import SEEK_END
from pathlib import Path
from typing import Self

import msgspec

from auditlog_tui.archive.counts import NO_COUNTS
from auditlog_tui.archive.engine import Engine, Written, check_installed
from auditlog_tui.archive.rows import bytes_of, day_of, line_of, time_of
from auditlog_tui.entries.models import Entry
from auditlog_tui.errors import ArchiveError, ArchiveRefusedError
from auditlog_tui.output import files
from auditlog_tui.output.files import shown, write_all
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import rfc3339

MANIFEST, STATE, LOCK, SPOOL, SPILL = "_manifest.jsonl", "_state.json", "_lock", "_spool.tmp", "_spill.tmp"

PART_ROWS = 250_000
"""The most entries of a part; smaller parts can be joined."""

PART_BYTES = 128 * 1024 * 1024
"""A part is full too once its lines of JSON have so many bytes: the engine holds half of a part in memory."""

SMALL_BYTES = 16 * 1024 * 1024
"""A part of so many bytes is joined with no other."""

_FORMAT = "auditlog-tui archive 2"
_MOST_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Origin:
    """What an archive is of: the API's address, and the filter; empty for the whole log."""

    endpoint: str
    query: str = ""


class Part(msgspec.Struct, frozen=True):
    """A part as the manifest has it. `part` is its path in the archive, with `/`.

    `first` and `last` are the times of its first and last entry, `None` where no time can be read. `counts` has
    entries by value (`archive.counts`), which parts of earlier versions lack.
    """

    number: int
    part: str
    rows: int
    first: str | None
    last: str | None
    bytes: int
    sha256: str
    replaces: tuple[str, ...] = ()
    counts: msgspec.Raw = NO_COUNTS

    @property
    def day(self) -> str:
        return self.part.partition("/")[0].removeprefix("day=")


@dataclass(frozen=True, slots=True)
class _Head:
    format: str
    endpoint: str
    query: str


@dataclass(slots=True)
class Manifest:
    """What `_manifest.jsonl` says. `parts` are those that were not replaced, in the order in which they were added.

    `replaced` are the paths of the others. `digests` are the SHA-256 of its lines, `size` is in bytes.
    """

    origin: Origin
    parts: list[Part] = field(default_factory=list)
    replaced: set[str] = field(default_factory=set)
    digests: list[str] = field(default_factory=list)
    size: int = 0
    number: int = 0
    """The number of the last part."""
    broken: list[int] = field(default_factory=list)
    """Numbers of lines that do not follow the one before; `read_manifest` refuses them."""

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)

    def add(self, part: Part, line: bytes) -> None:
        gone = set(part.replaces)
        self.parts = [*(each for each in self.parts if each.part not in gone), part]
        self.replaced |= gone
        self.number = part.number
        self.note(line)

    def note(self, line: bytes) -> None:
        """Count a line in."""
        self.digests.append(hashlib.sha256(line).hexdigest())
        self.size += len(line)


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of an archive; `None` if there is none. A last line that is cut off is left out.

    Raises `ArchiveRefusedError` if it was changed, or is none, and `ArchiveError`.
    """
    found = survey_manifest(folder)
    if found is not None and found.broken:
        raise ArchiveRefusedError(
            f"{shown(folder / MANIFEST)} was changed: line {found.broken[0]} does not follow the one before."
            " Restore it from a backup."
        )
    return found


def survey_manifest(folder: Path) -> Manifest | None:
    """As `read_manifest`, but `broken` has the numbers of lines that do not follow the one before.

    The part of such a line is left out if the line can't be read.
    """
    try:
        data = files.read(folder / MANIFEST, _MOST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArchiveError(f"{shown(folder / MANIFEST)} can't be read: {_why(error)}.") from error
    lines = [line for line in data.splitlines(keepends=True) if line.endswith(b"\n")]
    try:
        head = msgspec.json.decode(lines[0], type=_Head)
        if head.format != _FORMAT:
            raise ValueError(head.format)
    except (IndexError, ValueError, msgspec.MsgspecError) as error:
        raise ArchiveRefusedError(f"{shown(folder / MANIFEST)} is not that of an archive of this version.") from error
    found = Manifest(Origin(head.endpoint, head.query))
    found.note(lines[0])
    for at, line in enumerate(lines[1:], 2):
        part, follows = _part_of(line, found)
        if not follows:
            found.broken.append(at)
        if part is None:
            found.note(line)
        else:
            found.add(part, line)
    return found


class _Line(msgspec.Struct, frozen=True):
    previous: str


def _part_of(line: bytes, before: Manifest) -> tuple[Part | None, bool]:
    """The part of a line, `None` if it can't be one, and whether the line follows those before."""
    try:
        part = msgspec.json.decode(line, type=Part)
        previous = msgspec.json.decode(line, type=_Line).previous
    except msgspec.MsgspecError:
        return None, False
    if part.number <= before.number or part.part != _path_of(part.day, part.number):
        return None, False
    return part, previous == before.digests[-1]


class State(msgspec.Struct):
    """What the last run knew. The archive had every entry of its log as of `complete_us`, in microseconds since 1970.

    `complete_us` is `None` if it never had. `digest` is that of the last line of the manifest then. `known` is what
    the writer knows of its log.
    """

    digest: str
    complete_us: int | None = None
    known: bytes = b""


def read_state(folder: Path, manifest: Manifest, *, private: bool = False) -> State | None:
    """The state, if it is about this manifest or an earlier one of the same archive."""
    state = _any_state(folder, private=private)
    return state if state is not None and state.digest in manifest.digests else None


def is_behind_state(folder: Path, manifest: Manifest) -> bool:
    """Whether the state is about a line that the manifest lacks: its last lines were removed or changed.

    Raises as `read_manifest` does.
    """
    state = _any_state(folder)
    if state is None or state.digest in manifest.digests:
        return False
    now = survey_manifest(folder)  # a collect that is running may have added lines
    return now is None or state.digest not in now.digests


def why_no_state(folder: Path) -> str:
    """What is wrong with the file of the state, in words; empty if it can be read."""
    if _any_state(folder) is not None:
        return ""
    return "it can't be read" if os.path.lexists(folder / STATE) else "it is missing"


def _any_state(folder: Path, *, private: bool = False) -> State | None:
    try:
        data = files.read(folder / STATE, _MOST_BYTES, private=private)
        head, _, known = data.partition(b"\n")
        state = msgspec.json.decode(head, type=State)
    except (OSError, msgspec.MsgspecError):
        return None
    state.known = known
    return state


def temporary_of(folder: Path, number: int) -> Path:
    """Where a part lies until it is given its name."""
    return folder / f"_part-{number:06}.tmp"


def _path_of(day: str, number: int) -> str:
    return f"day={day}/part-{number:06}.parquet" if _is_day(day) else ""


def _is_day(day: str) -> bool:
    return day == "unknown" or (len(day) == 10 and day.replace("-", "").isdecimal() and day.isascii())


class Archive:
    """The archive in a folder, held by this process alone while the block runs.

    With an `origin`, entries are added to it, and it is made if there is none; then no part may be missing. Without,
    it is looked after. `manifest` is what there is, `added` counts the entries
    and `parts_added` the parts that this process added. Every method raises `ArchiveError`. Entering the block raises
    `ArchiveRefusedError` if the folder is no archive, or that of another origin, or if another process holds it.
    """

    manifest: Manifest

    def __init__(self, folder: Path, origin: Origin | None = None) -> None:
        self.folder = folder
        self.added = self.parts_added = 0
        self._origin = origin
        self._stack = ExitStack()
        self._spool: _Spool | None = None
        self._engine: Engine | None = None

    def __enter__(self) -> Self:
        check_installed()
        try:
            with self._reporting():
                self._open()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._drop_spool()
            self._stack.close()

    def _open(self) -> None:
        before = read_manifest(self.folder)
        if before is None:
            self._check_new()
        if before is not None and self._origin is not None and before.origin != self._origin:
            raise ArchiveRefusedError(_other(self.folder, before.origin, self._origin))
        try:
            self._stack.enter_context(files.held(self.folder / LOCK))
        except BlockingIOError as error:
            raise ArchiveRefusedError(f"Another process is writing to {shown(self.folder)}.") from error
        if read_manifest(self.folder) is None and self._origin is not None:
            head = _Head(_FORMAT, self._origin.endpoint, self._origin.query)
            files.replace(self.folder / MANIFEST, msgspec.json.encode(head) + b"\n", private=True)
        found = read_manifest(self.folder)
        if found is None or (self._origin is not None and found.origin != self._origin):
            raise ArchiveRefusedError(f"{shown(self.folder)} has just become another archive.")
        self.manifest = found
        self._recover()

    def _check_new(self) -> None:
        """Make the folder. Raises `ArchiveRefusedError` if it has anything else in it."""
        if self._origin is None:
            raise ArchiveRefusedError(f"{shown(self.folder)} is no archive: it has no {MANIFEST}.")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        others = [name for name in os.listdir(self.folder) if not name.startswith((".", "_"))]
        if others:
            raise ArchiveRefusedError(
                f"{shown(self.folder)} is no archive, and there is something in it. Choose another folder."
            )

    def _recover(self) -> None:
        """Put right what a process left that was ended."""
        manifest = self.folder / MANIFEST
        with open(manifest, "r+b", buffering=0) as file:
            if file.seek(0, SEEK_END) > self.manifest.size:
                file.truncate(self.manifest.size)
        for part in self.manifest.parts:
            if not os.path.lexists(self.folder / part.part):
                try:
                    self._publish_left(part)
                except ArchiveError:
                    if self._origin is not None:
                        raise
        if all(os.path.lexists(self.folder / part.part) for part in self.manifest.parts):
            for path in self.manifest.replaced:
                (self.folder / path).unlink(missing_ok=True)
        shutil.rmtree(self.folder / SPILL, ignore_errors=True)
        noted = {self._temporary(part.number) for part in self.manifest.parts}  # the only copy, if still there
        for left in {*self.folder.glob("_part-*.tmp"), self.folder / SPOOL} - noted:
            left.unlink(missing_ok=True)
        for name in (MANIFEST, STATE):
            files.remove_leftovers(self.folder / name)

    def _publish_left(self, part: Part) -> None:
        temporary = self._temporary(part.number)
        if not os.path.lexists(temporary):
            path = shown(self.folder / part.part)
            raise ArchiveError(f"{path} is missing. Restore it from a backup, or collect into a new folder.")
        if _digest(temporary) != (part.bytes, part.sha256):
            raise ArchiveError(f"{shown(temporary)} was changed, and is a part of the archive. Restore it.")
        self._publish(part)

    def _temporary(self, number: int) -> Path:
        return temporary_of(self.folder, number)

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """Turn an `OSError` into an `ArchiveError`."""
        try:
            yield
        except OSError as error:
            raise ArchiveError(f"{shown(self.folder)} can't be written: {_why(error)}.") from error

    @property
    def engine(self) -> Engine:
        if self._engine is None:
            spill = self.folder / SPILL
            spill.mkdir(mode=0o700)  # the engine would let others read it
            self._stack.callback(shutil.rmtree, spill, ignore_errors=True)
            self._engine = Engine(spill)
            self._stack.callback(self._engine.close)
        return self._engine

    # -- adding entries ----------------------------------------------------------------------------------------

    def take(self, entries: Sequence[Entry]) -> int:
        """Take entries that may become a part; returns how many until one is full or of another day.

        Then call `flush`, and `take` with the rest.
        """
        with self._reporting():
            for index, entry in enumerate(entries):
                us = time_of(entry)
                day = day_of(us)
                if self._spool is None:
                    self._spool = _Spool(self.folder / SPOOL, day)
                if self._spool.day != day or self._spool.full:
                    return index
                self._spool.add(entry, us)
        return len(entries)

    def flush(self) -> None:
        """Make a part of what was taken, without what the archive has; it is on the disk then."""
        spool = self._spool
        if spool is None:
            return
        with self._reporting():
            spool.file.close()
            held = [self.folder / part.part for part in self.manifest.parts if part.day == spool.day]
            number = self.manifest.number + 1
            written = self._write(
                number, lambda target: self.engine.write(spool.path, spool.longest, held, spool.times, target)
            )
            if written.rows:
                self._commit(number, spool.day, written)
                self.added += written.rows
                self.parts_added += 1
            else:
                self._temporary(number).unlink()
            self._drop_spool()

    def _drop_spool(self) -> None:
        if self._spool is not None:
            spool, self._spool = self._spool, None
            spool.file.close()
            spool.path.unlink(missing_ok=True)

    def _write(self, number: int, write: Callable[[Path], Written]) -> Written:
        """Have the engine write a part under another name."""
        temporary = self._temporary(number)
        temporary.unlink(missing_ok=True)
        try:
            files.new(temporary).close()  # the engine keeps who can read it
            return write(temporary)
        except BaseException as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            if isinstance(error, ArchiveError):
                raise ArchiveError(f"{error} {self._advice}") from error
            raise

    @property
    def _advice(self) -> str:
        return f"Restore what auditlog-tui verify {shown(self.folder)} names."

    def _commit(self, number: int, day: str, written: Written, replaces: Iterable[str] = ()) -> None:
        temporary = self._temporary(number)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        size, sha256 = _digest(temporary)
        first, last = (None if us is None else rfc3339(us) for us in (written.first_us, written.last_us))
        path = _path_of(day, number)
        part = Part(number, path, written.rows, first, last, size, sha256, tuple(replaces), written.counts)
        if os.path.lexists(self.folder / part.part):
            raise ArchiveError(f"{shown(self.folder / part.part)} is in the way. Move it away.")
        self._append(part)
        self._publish(part)

    def _append(self, part: Part) -> None:
        """Note a part in the manifest: from here on the archive has it."""
        row = msgspec.structs.asdict(part) | {"previous": self.manifest.digests[-1]}
        line = msgspec.json.encode(row) + b"\n"
        with open(self.folder / MANIFEST, "r+b", buffering=0) as file:
            file.seek(self.manifest.size)
            try:
                write_all(file, line)
                os.fsync(file.fileno())
            except BaseException:
                with suppress(OSError):  # else the next process cuts it off
                    file.truncate(self.manifest.size)
                raise
        self.manifest.add(part, line)

    def _publish(self, part: Part) -> None:
        """Give a part its name, and remove those that it replaces."""
        target = self.folder / part.part
        if not target.parent.is_dir():
            target.parent.mkdir(mode=0o700)
        files.sync_folder(self.folder)
        os.rename(self._temporary(part.number), target)
        files.sync_folder(target.parent)
        for path in part.replaces:
            (self.folder / path).unlink(missing_ok=True)

    # -- state -------------------------------------------------------------------------------------------------

    def read_state(self) -> State | None:
        """What `write_state` wrote last, unless the manifest was put back to an earlier one since."""
        return read_state(self.folder, self.manifest, private=True)

    def write_state(self, known: bytes, complete_us: int | None = None) -> None:
        """Keep a `State`, as of what the archive has now. It is no evidence, and may be lost."""
        state = msgspec.json.encode(State(self.manifest.digests[-1], complete_us)) + b"\n" + known
        with self._reporting():
            files.replace(self.folder / STATE, state, private=True)

    # -- upkeep ------------------------------------------------------------------------------------------------

    def small_parts(self) -> list[list[Part]]:
        """The parts that `join` can make one of, by day."""
        by_day: dict[str, list[Part]] = {}
        for part in self.manifest.parts:
            if part.rows < PART_ROWS and part.bytes < SMALL_BYTES:
                by_day.setdefault(part.day, []).append(part)
        return [parts for _, parts in sorted(by_day.items()) if len(parts) > 1]

    def join(self, parts: Sequence[Part]) -> None:
        """Make one part of several of a day. Nobody may be reading them.

        Raises `ArchiveError`, also if they are not as the manifest says: the new part would pass for intact.
        """
        with self._reporting():
            for part in parts:
                if _digest(self.folder / part.part) != (part.bytes, part.sha256):
                    raise ArchiveError(f"{part.part} was changed, and joined with none. {self._advice}")
            number, paths = self.manifest.number + 1, [self.folder / part.part for part in parts]
            written = self._write(number, lambda target: self.engine.join(paths, target))
            if written.rows != sum(part.rows for part in parts):
                self._temporary(number).unlink()
                raise ArchiveError(f"day={parts[0].day} has other entries than the manifest says. {self._advice}")
            self._commit(number, parts[0].day, written, [part.part for part in parts])


class _Spool:
    """Lines of entries of one day, on the disk until they become a part."""

    def __init__(self, path: Path, day: str) -> None:
        path.unlink(missing_ok=True)
        self.path = path
        self.day = day
        self.rows = self.longest = self.bytes = 0
        self.times: tuple[int, int] | None = None
        self.file = files.new(path)
        self._digests: set[bytes] = set()

    @property
    def full(self) -> bool:
        return self.rows >= PART_ROWS or self.bytes >= PART_BYTES

    def add(self, entry: Entry, us: int | None) -> None:
        """Add an entry, unless its text is there."""
        digest = hashlib.sha256(bytes_of(entry)).digest()
        if digest in self._digests:
            return
        self._digests.add(digest)
        line = line_of(entry, self.rows)
        write_all(self.file, line)
        self.rows += 1
        self.bytes += len(line)
        self.longest = max(self.longest, len(line))
        if us is not None:
            low, high = self.times or (us, us)
            self.times = min(low, us), max(high, us)


def _other(folder: Path, was: Origin, now: Origin) -> str:
    what, one, other = (
        ("API address", was.endpoint, now.endpoint)
        if was.endpoint != now.endpoint
        else ("filter", was.query, now.query)
    )
    one, other = (f"“{safe(text, 200)}”" if text else "none" for text in (one, other))
    return f"{shown(folder)} is another archive: its {what} is {one}, not {other}. Choose another folder."


def _why(error: OSError) -> str:
    return safe(error.strerror or str(error))


def _digest(path: Path) -> tuple[int, str]:
    """The size and the SHA-256 of an ordinary file. Raises `OSError`."""
    with files.opened(path, private=True) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest
