"""Zip files of stored members with the same bytes for the same members, and a reader that accepts no others.

Every field of such a file follows from the names and contents of its members: no compression, comment or padding, a
fixed date, and zip64 fields only where a number needs them. So there is nothing that another reader could take in
another way, and nothing in the file that its members don't account for.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, NamedTuple, Protocol

from auditlog_tui.errors import BundleError
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import counted

CHUNK = 1 << 18
"""Bytes read at a time."""

LINE_LIMIT = 64 << 20
"""The most bytes of one line; no answer of the API is half as long."""

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_LOCAL_SIGN, _CENTRAL_SIGN, _END_SIGN = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_ENCRYPTED, _SIZES_FOLLOW, _SIZES_SIGN = 1, 8, b"PK\x07\x08"
_PLAIN, _ZIP64 = 20, 45
_UNIX = 3 << 8
_FILE_0600 = 0o100600 << 16
_DATE = 1 << 5 | 1
"""1980-01-01, the first that a zip file can hold."""

_MOST_32 = 0xFFFFFFFF
_LONGEST_NAME = 60


class Readable(Protocol):
    """A binary file that can be read at any position."""

    def seek(self, position: int, whence: int = 0, /) -> int: ...

    def read(self, size: int, /) -> bytes | None: ...


# -- members -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Region:
    """`size` bytes of a file from `start` on. Several readers may share the file, in one thread."""

    file: Readable
    start: int
    size: int

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, in order. Raises `BundleError` if the file has become shorter."""
        at = 0
        while at < self.size:
            chunk = self.part(at, min(CHUNK, self.size - at))
            if not chunk:
                raise BundleError("The file became shorter while it was read.")
            at += len(chunk)
            yield chunk

    def part(self, at: int, size: int) -> bytes:
        """`size` bytes from `at` on; fewer at the end of the file."""
        self.file.seek(self.start + at)
        found = self.file.read(size) or b""
        while len(found) < size and (more := self.file.read(size - len(found))):
            found += more
        return found

    def lines(self) -> Iterator[bytes]:
        """Its lines, each with its line feed; the last one may lack it. Raises `BundleError` for a line too long."""
        held: list[bytes] = []
        length = 0
        for chunk in self.chunks():
            *whole, last = chunk.split(b"\n")
            for piece in whole:
                held.append(piece)
                yield b"".join(held) + b"\n"
                held, length = [], 0
            held.append(last)
            length += len(last)
            if length > LINE_LIMIT:
                raise BundleError(f"A line is longer than {LINE_LIMIT:,} bytes.")
        if any(held):
            yield b"".join(held)


class Member(NamedTuple):
    """A member of a container. `offset` is that of its header, `size` that of its content in bytes."""

    name: str
    offset: int
    size: int
    crc: int
    sha256: str = ""


class Sums:
    """The checksums and the size of the bytes taken."""

    def __init__(self) -> None:
        self.size = self.crc = 0
        self._sha256 = sha256()

    def take(self, data: bytes) -> None:
        self.size += len(data)
        self.crc = zlib.crc32(data, self.crc)
        self._sha256.update(data)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()


# -- layout --------------------------------------------------------------------------------------------------------


def header(member: Member) -> bytes:
    """The bytes before a member's content."""
    name = member.name.encode("ascii")
    large = member.size >= _MOST_32
    size = _MOST_32 if large else member.size
    extra = struct.pack("<2H2Q", 1, 16, member.size, member.size) if large else b""
    version = _ZIP64 if large else _PLAIN
    return (
        _LOCAL.pack(_LOCAL_SIGN, version, 0, 0, 0, _DATE, member.crc, size, size, len(name), len(extra))
        + name
        + extra
    )


def directory(members: Sequence[Member]) -> bytes:
    """The bytes after the last member's content."""
    last = members[-1]
    start = last.offset + len(header(last)) + last.size
    entries = b"".join(map(_directory_entry, members))
    count, size = len(members), len(entries)
    if start < _MOST_32:
        return entries + _END.pack(_END_SIGN, 0, 0, count, count, size, start, 0)
    return b"".join(
        [
            entries,
            _END_64.pack(b"PK\x06\x06", 44, _UNIX | _ZIP64, _ZIP64, 0, 0, count, count, size, start),
            _LOCATOR.pack(b"PK\x06\x07", 0, start + size, 1),
            _END.pack(_END_SIGN, 0, 0, count, count, size, _MOST_32, 0),
        ]
    )


def _directory_entry(member: Member) -> bytes:
    name = member.name.encode("ascii")
    large = [
        *([member.size] * 2 if member.size >= _MOST_32 else []),
        *([member.offset] * (member.offset >= _MOST_32)),
    ]
    extra = struct.pack(f"<2H{len(large)}Q", 1, 8 * len(large), *large) if large else b""
    version = _ZIP64 if large else _PLAIN
    size, offset = min(member.size, _MOST_32), min(member.offset, _MOST_32)
    fixed = _CENTRAL.pack(
        _CENTRAL_SIGN, _UNIX | version, version, 0, 0, 0, _DATE, member.crc, size, size, len(name), len(extra),
        0, 0, 0, _FILE_0600, offset,
    )  # fmt: skip
    return fixed + name + extra


class Writer:
    """Writes a container to a stream, which need not be seekable.

    Members that are made meanwhile go through a temporary file in `folder` that has no name, as their headers name
    their sizes.
    """

    def __init__(self, out: BinaryIO, folder: Path) -> None:
        self.members: list[Member] = []
        self._out = out
        self._folder = folder
        self._offset = 0

    def copy(self, name: str, region: Region) -> None:
        """Add a member that is a part of a file. Raises `OSError`, and `BundleError` if that changes meanwhile."""
        sums = Sums()
        for chunk in region.chunks():
            sums.take(chunk)
        self._add(name, sums, region)

    def make(self, name: str, lines: Iterable[str]) -> None:
        """Add a member of lines. Raises `OSError`."""
        sums = Sums()
        with TemporaryFile(dir=self._folder) as spool:
            for chunk in chunks(lines):
                sums.take(chunk)
                spool.write(chunk)
            self._add(name, sums, Region(spool, 0, sums.size))

    def _add(self, name: str, sums: Sums, region: Region) -> None:
        member = Member(name, self._offset, sums.size, sums.crc, sums.sha256)
        copied = Sums()
        self._write(header(member))
        for chunk in region.chunks():
            copied.take(chunk)
            self._write(chunk)
        if copied.sha256 != sums.sha256:
            raise BundleError(f"The content of {name} changed while it was written. Export again.")
        self.members.append(member)

    def finish(self) -> None:
        self._write(directory(self.members))

    def _write(self, data: bytes) -> None:
        self._out.write(data)
        self._offset += len(data)


def chunks(lines: Iterable[str]) -> Iterator[bytes]:
    """The lines, each ended by a line feed, in UTF-8 and in pieces of about `CHUNK` bytes."""
    held: list[bytes] = []
    size = 0
    for line in lines:
        data = f"{line}\n".encode()
        held.append(data)
        size += len(data)
        if size >= CHUNK:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


# -- reading -------------------------------------------------------------------------------------------------------


@dataclass
class Layout:
    """Where the members of a file are. `problem` says why it is no container of these members; empty if it is one.

    With a problem, `regions` has the members that could be found, for telling what else was changed.
    """

    regions: dict[str, Region] = field(default_factory=dict)
    members: list[Member] = field(default_factory=list)
    problem: str = ""


class _WrongError(Exception):
    """Why a file is no container."""


def read_layout(file: Readable, size: int, names: Sequence[str]) -> Layout:
    """The members of a container that has exactly these ones, in this order."""
    whole = Region(file, 0, size)
    layout = Layout()
    try:
        at = 0
        for name in names:
            member = _member_at(whole, at, name, names)
            at += len(header(member))
            layout.members.append(member)
            layout.regions[name] = Region(file, at, member.size)
            at += member.size
        _check_directory(whole, at, layout.members)
    except _WrongError as wrong:
        return Layout(_found(whole, names), [], str(wrong))
    return layout


def _member_at(whole: Region, at: int, name: str, names: Sequence[str]) -> Member:
    """The member whose header is at a position. Raises `_WrongError` unless it is the one of this name."""
    if at >= whole.size:
        raise _WrongError(f"it ends before {name}")
    fixed = whole.part(at, _LOCAL.size)
    if fixed[:4] != _LOCAL_SIGN or len(fixed) < _LOCAL.size:
        before = names[names.index(name) - 1] if at else ""
        raise _WrongError(f"what follows {before} is no member" if at else "it does not begin with a member")
    _, _, flags, method, *_, crc, packed, length, name_size, extra_size = _LOCAL.unpack(fixed)
    found = whole.part(at + _LOCAL.size, name_size).decode("ascii", "replace")
    if found != name:
        raise _WrongError(f"{_shown(found, names)} stands where {name} belongs")
    if method or packed != length:
        raise _WrongError(f"{name} is compressed")
    if flags:
        raise _WrongError(f"{name} is encrypted, or its size is not in its header")
    if length == _MOST_32 and extra_size == 20:
        length = struct.unpack("<Q", whole.part(at + _LOCAL.size + name_size + 4, 8).ljust(8, b"\0"))[0]
    member = Member(name, at, length, crc)
    if length > whole.size - at:
        raise _WrongError(f"{name} is larger than the file")
    if whole.part(at, len(header(member))) != header(member):
        raise _WrongError(f"the header of {name} was changed")
    return member


def _shown(name: str, names: Sequence[str]) -> str:
    return name if name in names else f"another member ({safe(name[:_LONGEST_NAME], _LONGEST_NAME)})"


def _check_directory(whole: Region, at: int, members: Sequence[Member]) -> None:
    expected, rest = directory(members), whole.size - at
    found = whole.part(at, len(expected))
    if found == expected and rest > len(expected):
        raise _WrongError(f"there is more after its end: {counted(rest - len(expected), 'byte')}")
    if found != expected:
        short = expected.startswith(found)
        raise _WrongError("its end is missing" if short else "the directory at its end was changed")


class _Start(NamedTuple):
    """A header in a damaged container, and what it says of the size of the content, which may follow instead."""

    name: str
    header: int
    content: int
    size: int
    size_follows: bool


def _found(whole: Region, names: Sequence[str]) -> dict[str, Region]:
    """The uncompressed members of these names in a damaged container, each up to the next one or the directory."""
    starts = list(_starts(whole, names))
    regions: dict[str, Region] = {}
    for index, found in enumerate(starts):
        if index + 1 < len(starts):
            limit = starts[index + 1].header
        else:
            rest = Region(whole.file, found.content, max(0, whole.size - found.content))
            limit = found.content + next(_positions(rest, _CENTRAL_SIGN), rest.size)
        size = max(0, limit - found.content)
        if found.size_follows and whole.part(limit - 16, 4) == _SIZES_SIGN:
            size = max(0, size - 16)
        elif found.size < size and _ends_at(whole, found.content + found.size):
            size = found.size
        regions.setdefault(found.name, Region(whole.file, found.content, size))
    return regions


def _starts(whole: Region, names: Sequence[str]) -> Iterator[_Start]:
    for at in _positions(whole, _LOCAL_SIGN):
        fixed = whole.part(at, _LOCAL.size)
        if len(fixed) < _LOCAL.size:
            return
        _, _, flags, method, *_, size, name_size, extra_size = _LOCAL.unpack(fixed)
        after = at + _LOCAL.size
        name = whole.part(after, min(name_size, _LONGEST_NAME)).decode("ascii", "replace")
        if name in names and not method and not flags & _ENCRYPTED:
            yield _Start(name, at, after + name_size + extra_size, size, bool(flags & _SIZES_FOLLOW))


def _ends_at(whole: Region, at: int) -> bool:
    """Whether a header or the directory begins at a position."""
    return whole.part(at, 4) in (_LOCAL_SIGN, _CENTRAL_SIGN)


def _positions(region: Region, sign: bytes) -> Iterator[int]:
    """The positions of a signature."""
    at, kept = 0, b""
    for chunk in region.chunks():
        data = kept + chunk
        found = data.find(sign)
        while found >= 0:
            yield at - len(kept) + found
            found = data.find(sign, found + 1)
        at += len(chunk)
        kept = data[-(len(sign) - 1) :]
