"""Reads the text of a saved log in pieces: lines, or the values of a JSON array or of JSON over several lines.

A file may be compressed by gzip, be in UTF-16, begin with a BOM, end in the middle, and be larger than memory. At
most `LONGEST` bytes of it are held: a longer line is skipped. Bytes that are not UTF-8 are lone surrogates in a text
(`surrogateescape`).
"""

from __future__ import annotations

import codecs
import re
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple, Protocol

from auditlog_tui.entries.raw_json import WINDOW, Reader, run_at_once
from auditlog_tui.text.times import count

LONGEST = 8 * 1024 * 1024
"""Characters of the longest line or value that is read."""

CHUNK = 128 * 1024
"""Bytes read at a time, and unpacked at a time: some 300 entries, which are read in 3 ms."""

BATCH = 300
"""Values of a list in a batch."""

MOST_BROKEN = 20
"""Values that are no JSON, after which nothing more is read: each is looked for in up to `LONGEST` characters."""

_GZIP = b"\x1f\x8b"
_ENCODINGS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"{\x00", "utf-16-le"),
    (b"[\x00", "utf-16-le"),
    (b"\x00{", "utf-16-be"),
    (b"\x00[", "utf-16-be"),
)
_SPACES = " \t\r\n"
_LIST = re.compile(r'[ \t\r\n]*(\[|\{[ \t\r\n]*"items"[ \t\r\n]*:[ \t\r\n]*\[)')
_SPACE = re.compile(r"[ \t\r\n]*")
_BRACE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}]', re.DOTALL)
_OPENS = ("{", "[")
_CLOSES = ("}", "]", '"')


@dataclass(slots=True)
class Flaws:
    """What can't be read: so many lines or values, which of them is the first, and why the text ends too early."""

    count: int = 0
    first: str = ""
    cut: str = ""

    def add(self, unit: str, number: int, why: str = "") -> None:
        """Count a `line` or a `value`."""
        self.count += 1
        self.first = self.first or f"{unit} {count(number)}" + (f" ({why})" if why else "")

    @property
    def told(self) -> str:
        """Such as `3 can't be read, the first is line 17`; empty if all was read."""
        if self.count < 2:
            return f"{self.first} can't be read" if self.count else ""
        unit = self.first.partition(" ")[0]
        return f"{count(self.count)} {unit}s can't be read, the first is {self.first}"


class Batch(NamedTuple):
    """Consecutive lines or values, the `first` of which has this number. `None` is a text that is too long."""

    unit: str
    first: int
    texts: list[str | None]


class Readable(Protocol):
    """A file that is open for reading."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end. Raises `OSError`."""


@dataclass(slots=True)
class SavedText:
    """The text of an open file. `taken` is called with each part of the file that was read, as it is.

    `rests` are what follows the lists of pages, their pagination for instance; take them out after each batch.
    """

    file: Readable
    taken: Callable[[bytes], None]
    flaws: Flaws = field(default_factory=Flaws)
    rests: list[str] = field(default_factory=list)

    def batches(self) -> Iterator[Batch]:
        """The text in batches, of which only one is held at a time. Raises `OSError`."""
        chunks = _decoded(_unpacked(self._chunks(), self.flaws))
        begin = ""
        for chunk in chunks:
            begin += chunk
            if "\n" in begin.lstrip(_SPACES) or _LIST.match(begin) or len(begin) > LONGEST:
                break
        first = begin.lstrip(_SPACES).partition("\n")[0].rstrip(_SPACES)
        by_value = _LIST.match(begin) is not None or first.endswith(_OPENS)
        chunks = chain([begin], chunks)
        yield from _Values(self, chunks).batches() if by_value else _lines(chunks)

    def _chunks(self) -> Iterator[bytes]:
        while chunk := self.file.read(CHUNK):
            self.taken(chunk)
            yield chunk


# -- bytes to text -------------------------------------------------------------------------------------------------


def _unpacked(chunks: Iterator[bytes], flaws: Flaws) -> Iterator[bytes]:
    """The chunks, decompressed at most `CHUNK` bytes at a time if they are gzip."""
    begin = b""
    while len(begin) < len(_GZIP) and (chunk := next(chunks, b"")):
        begin += chunk
    if not begin.startswith(_GZIP):
        yield begin
        yield from chunks
        return
    packed, unpacker = begin, zlib.decompressobj(wbits=31)
    while packed or not unpacker.eof:
        if not packed and not (packed := next(chunks, b"")):
            flaws.cut = "the compressed data ends early"
            return
        before = unpacker.copy()
        try:
            data = unpacker.decompress(packed, CHUNK)
        except zlib.error:
            flaws.cut = "the compressed data is damaged"
            yield from _undamaged(before, packed)
            return
        yield data
        packed = unpacker.unconsumed_tail
        if unpacker.eof:
            packed = unpacker.unused_data.lstrip(b"\0")  # padding
            while not packed and (chunk := next(chunks, b"")):
                packed = chunk.lstrip(b"\0")
            if packed:
                unpacker = zlib.decompressobj(wbits=31)


def _undamaged(unpacker: zlib._Decompress, packed: bytes) -> Iterator[bytes]:
    """What is whole before the damage: an error takes the output of its call along, so it is called for each byte."""
    with suppress(zlib.error):
        for at in range(len(packed)):
            yield unpacker.decompress(packed[at : at + 1])


def _decoded(chunks: Iterator[bytes]) -> Iterator[str]:
    """The chunks as text, without a BOM."""
    begin = b""
    for chunk in chunks:
        begin += chunk
        if len(begin) >= 4:
            break
    encoding = next((name for mark, name in _ENCODINGS if begin.startswith(mark)), "utf-8-sig")
    errors = "surrogateescape" if encoding == "utf-8-sig" else "replace"
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    yield decoder.decode(begin)
    for chunk in chunks:
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


# -- lines ---------------------------------------------------------------------------------------------------------


def _lines(chunks: Iterator[str]) -> Iterator[Batch]:
    number, rest, skipping = 1, "", False
    for chunk in chunks:
        *lines, rest = (rest + chunk).split("\n")
        texts = [line.strip(_SPACES) if len(line) <= LONGEST else None for line in lines]
        if skipping and texts:
            texts[0], skipping = None, False
        if len(rest) > LONGEST or skipping:
            rest, skipping = "", True
        yield Batch("line", number, texts)
        number += len(texts)
    yield Batch("line", number, [None if skipping else rest.strip(_SPACES)])


# -- values --------------------------------------------------------------------------------------------------------


class _Values:
    """The values of a list, of the list of a page, or of JSON that goes over several lines, one after the other."""

    def __init__(self, saved: SavedText, chunks: Iterator[str]) -> None:
        self._saved = saved
        self._parts = _parts(chunks)
        self._put_back: deque[str] = deque()
        self._text = ""
        self._at = 0
        self._number = 0
        self._broken = 0

    def batches(self) -> Iterator[Batch]:
        while self._next():
            match = _LIST.match(self._text, self._at)
            if match is None:
                yield Batch("value", self._number + 1, [self._value()])
                continue
            self._at = match.end()
            yield from self._elements()
            if match[1] != "[":
                self._end_page()

    def _elements(self) -> Iterator[Batch]:
        """The elements of the list that was opened, up to its end."""
        found: list[str | None] = []
        while (following := self._next()) not in ("]", ""):
            if following == ",":
                self._at += 1
                continue
            found.append(self._value())
            if len(found) >= BATCH:
                yield Batch("value", self._number + 1 - len(found), found)
                found = []
        yield Batch("value", self._number + 1 - len(found), found)
        self._at += 1
        if not following:
            self._cut("the list has no end")

    def _value(self) -> str | None:
        """The text of the value here, or the beginning of what is no JSON; `None` for one that is too long."""
        self._number += 1
        while True:
            reader, start = Reader(self._text, self._at), self._at
            with suppress(ValueError):
                run_at_once(reader.value())
                end = reader.position
                if end < len(self._text) or self._text[end - 1] in _CLOSES:
                    found = self._text[start:end]
                    self._go_to(end)
                    return found
            too_long = len(self._text) - start > LONGEST
            if too_long or not self._double():
                return self._skip(too_long)

    def _skip(self, too_long: bool) -> str | None:
        """Go on after the end of the line, or give up where nearly nothing can be read."""
        start = self._at
        end = self._text.find("\n", start + 1)
        begin = self._text[start : start + 100]
        self._go_to(end if end >= 0 else len(self._text))
        self._broken += 1
        if self._broken >= MOST_BROKEN:
            self._cut(f"it is not JSON from value {self._number:,} on")
            self._text, self._at, self._parts = "", 0, iter(())
            self._put_back.clear()
            return ""
        return None if too_long else begin

    def _end_page(self) -> None:
        """Keep what follows the list of a page, up to the end of the object."""
        while (end := _closing(self._text, self._at)) < 0 and len(self._text) - self._at <= LONGEST:
            if not self._double():
                break
        if end < 0:
            self._cut("the page has no end")
            end = len(self._text)
        self._saved.rests.append(self._text[self._at : end])
        self._go_to(end + 1)

    def _cut(self, why: str) -> None:
        self._saved.flaws.cut = self._saved.flaws.cut or why

    def _next(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _go_to(self, end: int) -> None:
        """Go on there. After a long value, what was read beyond it is put back: `Reader` copies of a long text."""
        self._at = end
        if len(self._text) - end > WINDOW // 2:
            self._put_back.extendleft(reversed([*_parts([self._text[end:]])]))
            self._text, self._at = "", 0

    def _double(self) -> bool:
        """Read on for as much again as there is here, so that a value read anew each time takes linear time."""
        held = len(self._text) - self._at
        return self._more(max(1, min(held, LONGEST + 1 - held)))

    def _more(self, least: int = 1) -> bool:
        """Read on for so many characters or more; False at the end of the text."""
        texts, size = [self._text[self._at :]], 0
        while size < least and (part := self._put_back.popleft() if self._put_back else next(self._parts, "")):
            texts.append(part)
            size += len(part)
        self._text, self._at = "".join(texts), 0
        return size > 0


def _parts(chunks: Iterable[str]) -> Iterator[str]:
    """The chunks in parts of a size at which `Reader` copies nothing."""
    for chunk in chunks:
        for start in range(0, len(chunk), WINDOW // 2):
            yield chunk[start : start + WINDOW // 2]


def _closing(text: str, start: int) -> int:
    """The position of the `}` that ends the object which has begun before `start`; -1 if it is not there."""
    depth = 1
    for match in _BRACE.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if not depth:
            return match.start()
    return -1
