"""The container: zip files that others read, with one form for each content, and regions of files."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui.errors import BundleError
from auditlog_tui.evidence import container
from auditlog_tui.evidence.container import Member, Region, Writer, directory, header, read_layout
from tests.unit.evidence.bundles import packed

LARGE = 5 << 30


class Ends:
    """A file of many zeros between a start and an end, of which nothing is held."""

    def __init__(self, start: bytes, zeros: int, end: bytes) -> None:
        self._start, self._zeros, self._end = start, zeros, end
        self.size = len(start) + zeros + len(end)
        self._at = 0

    def seek(self, position: int, whence: int = 0, /) -> int:
        self._at = position + (0, self._at, self.size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        after = len(self._start) + self._zeros
        if self._at < len(self._start):
            found = self._start[self._at : self._at + size]
        elif self._at < after:
            found = bytes(min(size, after - self._at))
        else:
            found = self._end[self._at - after :][: size if size >= 0 else None]
        self._at += len(found)
        return found


def region(data: bytes) -> Region:
    return Region(io.BytesIO(data), 0, len(data))


@given(st.lists(st.binary(max_size=30).map(lambda data: data.replace(b"\n", b"")), max_size=6), st.booleans())
def test_lines_are_those_between_line_feeds_wherever_a_read_ends(pieces: list[bytes], ended: bool) -> None:
    whole = [piece + b"\n" for piece in pieces]
    data = b"x" + b"".join(whole)[: None if ended else -1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(container, "CHUNK", 3)
        found = list(Region(io.BytesIO(data), 1, len(data) - 1).lines())
    assert b"".join(found) == data[1:]
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in found[:-1])
    assert found == io.BytesIO(data[1:]).readlines()


def test_a_line_without_an_end_is_refused_before_it_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "CHUNK", 10)
    monkeypatch.setattr(container, "LINE_LIMIT", 50)
    file = Ends(b"", LARGE, b"")
    with pytest.raises(BundleError, match="longer than 50 bytes"):
        list(Region(file, 0, LARGE).lines())
    assert file.tell() <= 70


def test_a_file_that_is_read_in_bits_is_read_whole() -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(1, size or 0))

    data = packed({"one": b"1\n2\n", "two": b"3\n"})
    layout = read_layout(Slow(data), len(data), ("one", "two"))
    assert layout.problem == ""
    assert list(layout.regions["one"].lines()) == [b"1\n", b"2\n"]


def test_a_file_that_shrinks_is_an_error() -> None:
    with pytest.raises(BundleError, match="shorter"):
        list(Region(io.BytesIO(b"abc"), 0, 4).chunks())


def test_other_programs_read_it(tmp_path: Path) -> None:
    out = io.BytesIO()
    writer = Writer(out, tmp_path)
    writer.copy("one", region(b"first\n"))
    writer.make("two", ["é", "b"])
    writer.finish()
    assert out.getvalue() == packed({"one": b"first\n", "two": "é\nb\n".encode()})
    with ZipFile(out) as file:
        assert file.testzip() is None
        assert [(each.filename, each.compress_type, each.date_time) for each in file.infolist()] == [
            ("one", ZIP_STORED, (1980, 1, 1, 0, 0, 0)),
            ("two", ZIP_STORED, (1980, 1, 1, 0, 0, 0)),
        ]
        assert {each.external_attr >> 16 for each in file.infolist()} == {0o100600}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [(1 << 32) - 2, (1 << 32) - 1, LARGE])
def test_zip64_stands_where_32_bits_do_not_hold_a_size_or_an_offset(size: int) -> None:
    first = Member("one", 0, size, 0)
    second = Member("two", len(header(first)) + size, 3, 0x352441C2)
    end = header(second) + b"abc" + directory([first, second])
    file = Ends(header(first), size, end)
    assert (len(header(first)) > 33) == (size >= (1 << 32) - 1)
    with ZipFile(file) as other:
        assert [(each.filename, each.file_size) for each in other.infolist()] == [("one", size), ("two", 3)]
        assert other.read("two") == b"abc"
    layout = read_layout(file, file.size, ("one", "two"))
    assert layout.problem == ""
    assert [(each.start, each.size) for each in layout.regions.values()] == [
        (len(header(first)), size),
        (second.offset + len(header(second)), 3),
    ]


def test_what_changes_while_it_is_copied_is_an_error(tmp_path: Path) -> None:
    file = io.BytesIO(b"before")

    class Out(io.BytesIO):
        def write(self, data: object, /) -> int:
            file.seek(0)
            file.write(b"after!")
            return 0

    with pytest.raises(BundleError, match="changed while it was written"):
        Writer(Out(), tmp_path).copy("one", Region(file, 0, 6))


ONE, TWO = b"1\n" * 40, b"2\n" * 50
GOOD = packed({"one": ONE, "two": TWO})


def zipped(*, compress: int = ZIP_STORED, **contents: bytes) -> bytes:
    out = io.BytesIO()
    with ZipFile(out, "w", compress) as file:
        for name, data in contents.items():
            file.writestr(name, data)
    return out.getvalue()


def streamed() -> bytes:
    """Sizes after the members, as a program writes them that can't go back."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise OSError

        def tell(self) -> int:
            raise OSError

    out = Pipe()
    with ZipFile(out, "w") as file:
        file.writestr("one", ONE)
        file.writestr("two", TWO)
    return out.getvalue()


def patched(at: int, data: bytes) -> bytes:
    return GOOD[:at] + data + GOOD[at + len(data) :]


LIES = {
    "empty": (b"", "it ends before one"),
    "no zip": (b"a" * 100, "it does not begin with a member"),
    "before": (b"#!/bin/sh\n" + GOOD, "it does not begin with a member"),
    "after": (GOOD + b"x", "there is more after its end: 1 byte"),
    "comment": (GOOD[:-2] + b"\x03\0abc", "the directory at its end was changed"),
    "between": (GOOD[: 33 + len(ONE)] + b"x" + GOOD[33 + len(ONE) :], "what follows one is no member"),
    "cut in the directory": (GOOD[:-5], "its end is missing"),
    "cut in a member": (GOOD[: 33 + 5], "one is larger than the file"),
    "cut in a header": (GOOD[: 33 + len(ONE) + 9], "what follows one is no member"),
    "cut after a member": (GOOD[: 33 + len(ONE)], "it ends before two"),
    "compressed": (zipped(compress=8, one=ONE, two=TWO), "one is compressed"),
    "another program's": (zipped(one=ONE, two=TWO), "the header of one was changed"),
    "streamed": (streamed(), "one is encrypted, or its size is not in its header"),
    "reordered": (packed({"two": TWO, "one": ONE}), "two stands where one belongs"),
    "one more": (packed({"one": ONE, "two": TWO, "three": b""}), "the directory at its end was changed"),
    "twice": (packed([("one", ONE), ("one", ONE), ("two", TWO)]), "one stands where two belongs"),
    "renamed": (packed({"../one": ONE, "two": TWO}), "another member (../one) stands where one belongs"),
    "hostile name": (packed({"one": ONE, "\x1b[2J": TWO}), "another member (␛[2J) stands where two belongs"),
    "extra field": (
        GOOD[:28] + b"\4\0one" + b"\1\2\0\0" + GOOD[33:], "the header of one was changed"
    ),
    "claims more": (patched(18, struct.pack("<2I", 1 << 30, 1 << 30)), "one is larger than the file"),
    "claims less": (patched(18, struct.pack("<2I", 5, 5)), "what follows one is no member"),
    "needless zip64": (
        GOOD[:18] + b"\xff" * 8 + b"\3\0\x14\0one" + struct.pack("<2H2Q", 1, 16, len(ONE), len(ONE)) + GOOD[33:],
        "the header of one was changed",
    ),
    "endless zip64": (
        GOOD[:18] + b"\xff" * 8 + b"\3\0\x14\0one" + struct.pack("<2H2Q", 1, 16, 1 << 63, 1 << 63) + GOOD[33:],
        "one is larger than the file",
    ),
    "executable": (GOOD.replace(struct.pack("<I", 0o100600 << 16), struct.pack("<I", 0o100755 << 16)), "directory"),
    "overlapping": (
        GOOD[: -22 - 49] + GOOD[-22 - 49 : -22].replace(struct.pack("<I", 33 + len(ONE)), bytes(4)) + GOOD[-22:],
        "the directory at its end was changed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_every_other_form_is_refused_with_its_reason(lie: str) -> None:
    data, reason = LIES[lie]
    assert data != GOOD
    layout = read_layout(io.BytesIO(data), len(data), ("one", "two"))
    assert reason in layout.problem
    layout.problem.encode()
    assert layout.problem.isprintable()


def test_the_sound_one_is_not() -> None:
    layout = read_layout(io.BytesIO(GOOD), len(GOOD), ("one", "two"))
    assert layout.problem == ""
    assert [each.part(0, each.size) for each in layout.regions.values()] == [ONE, TWO]


@pytest.mark.parametrize(
    "lie", ["before", "after", "another program's", "reordered", "one more", "comment", "streamed", "extra field"]
)
def test_members_of_a_damaged_container_are_found(lie: str) -> None:
    data, _ = LIES[lie]
    regions = read_layout(io.BytesIO(data), len(data), ("one", "two")).regions
    assert {name: each.part(0, each.size) for name, each in regions.items()} == {"one": ONE, "two": TWO}


def test_members_are_found_across_the_ends_of_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "CHUNK", 7)
    data = b"x" + GOOD
    regions = read_layout(io.BytesIO(data), len(data), ("one", "two")).regions
    assert {name: each.part(0, each.size) for name, each in regions.items()} == {"one": ONE, "two": TWO}
