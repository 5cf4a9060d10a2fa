"""Reads the terminal's input so that no byte sequence can end the program.

Overrides: `XTermParser._sequence_to_key_events`, `XTermParser.parse_mouse_code`. Sets `XTermParser.mouse_pixels`.
    Uses the modules `textual._xterm_parser` and `textual._keyboard_protocol`.
Why: Textual's reader fails on bytes that are not UTF-8 and on some numbers in escape sequences. It takes a key's
    release for a press, unknown escape sequences for typed text, and any size report as a sign that mouse reports are
    in pixels.
Tested with Textual 8.2.8.
If Textual changes: some input would end the program, or be taken for keys that nobody pressed.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator

from textual import events
from textual._keyboard_protocol import FUNCTIONAL_KEYS
from textual._xterm_parser import XTermParser
from textual.keys import Keys
from textual.message import Message

_PASTE, _PASTED, _MOUSE = b"\x1b[200~", b"\x1b[201~", b"\x1b[M"
_START = re.compile(b"|".join(map(re.escape, (_PASTE, _MOUSE))))
_END = re.compile(re.escape(_PASTED))
_INVALID = re.compile("[\udc80-\udcff]")
_INVALID_IN_PASTE = re.compile("[\udc80-\udcff]|\x1b")

_KEY = re.compile(r"\x1b\[([0-9:]*(?:;[0-9:]*){0,2})([u~ABCDEFHPQRS])")
_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-LN-Z\\-ln-~]")  # CSI, but not to be confused with a mouse report
_MODE_REPORT = re.compile(r"\x1b\[\?\d+;\d\$y")
_RELEASE = "3"
_MODIFIED_OTHER_KEY = "27"
_SHIFT = "2"  # the protocol's number for it alone

_RELEASED, _MOTION, _WHEEL = 3, 32, 64


class InputDecoder:
    r"""Decodes input bytes to text that the parser accepts.

    Bytes that are not UTF-8 are dropped. In pasted text they are shown as `\xff`, and so is an escape character,
    after which the parser would read keys. The three bytes of a legacy mouse report become three characters.
    """

    def __init__(self) -> None:
        self._decoder = getincrementaldecoder("utf-8")("surrogateescape")
        self._before = b""  # the last typed bytes: a marker may arrive in pieces
        self._held = b""  # possibly the beginning of the end-of-paste marker
        self._pasting = False
        self._mouse_bytes = 0  # bytes of a mouse report still to come

    def feed(self, data: bytes) -> str:
        """Decode the next bytes. An incomplete character is kept until its other bytes arrive."""
        text = []
        while data:
            read = self._read_mouse if self._mouse_bytes else self._read_paste if self._pasting else self._read_typed
            part, data = read(data)
            text.append(part)
        return "".join(text)

    def _read_typed(self, data: bytes) -> tuple[str, bytes]:
        """The text up to and including the next marker, and the remaining bytes."""
        joined = self._before + data
        match = _START.search(joined)
        size = match.end() - len(self._before) if match is not None else len(data)
        self._before = joined[-len(_PASTE) + 1 :] if match is None else b""
        self._pasting = match is not None and match[0] == _PASTE
        self._mouse_bytes = 3 if match is not None and match[0] == _MOUSE else 0
        return _INVALID.sub("", self._decoder.decode(data[:size])), data[size:]

    def _read_paste(self, data: bytes) -> tuple[str, bytes]:
        joined = self._held + data
        match = _END.search(joined)
        if match is None:
            kept = next(size for size in range(len(_PASTED) - 1, -1, -1) if joined.endswith(_PASTED[:size]))
            self._held = joined[len(joined) - kept :]
            return self._decode_paste(joined[: len(joined) - kept]), b""
        self._held, self._pasting = b"", False
        return self._decode_paste(joined[: match.start()], final=True) + _PASTED.decode(), joined[match.end() :]

    def _decode_paste(self, data: bytes, *, final: bool = False) -> str:
        return _INVALID_IN_PASTE.sub(
            lambda match: f"\\x{ord(match[0]) & 0xFF:02x}", self._decoder.decode(data, final)
        )

    def _read_mouse(self, data: bytes) -> tuple[str, bytes]:
        """The next part of a mouse report. One cut short by an escape character is padded, which makes it invalid."""
        wanted = data[: self._mouse_bytes]
        part = wanted.partition(b"\x1b")[0]
        self._mouse_bytes -= len(part)
        text = part.decode("latin-1").replace("\n", " ")
        if part != wanted:
            text += " " * self._mouse_bytes
            self._mouse_bytes = 0
        return text, data[len(part) :]


class SafeParser(XTermParser):
    """Also understands legacy mouse reports and the keyboard protocol's subparameters."""

    def __init__(self) -> None:
        super().__init__(debug=False)  # debugging would log what is typed
        self._pressed = 0

    def parse_mouse_code(self, code: str) -> Message | None:
        self.mouse_pixels = False  # never requested
        return super().parse_mouse_code(self._to_sgr(code) if code.startswith("\x1b[M") else code)

    def _to_sgr(self, code: str) -> str:
        """Convert a legacy mouse report to SGR form, where a release names its button."""
        button, x, y = (ord(each) - 32 for each in code[-3:])
        released = button >= 0 and button & _RELEASED == _RELEASED and not button & (_MOTION | _WHEEL)
        if released:
            button += self._pressed - _RELEASED
        elif not button & (_MOTION | _WHEEL):
            self._pressed = button & _RELEASED
        return f"\x1b[<{button};{x};{y}{'m' if released else 'M'}"

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        plain = plain_key(sequence)
        keys = list(super()._sequence_to_key_events(plain, alt)) if plain else []
        if not keys and (not plain or (_SEQUENCE.fullmatch(sequence) and not _MODE_REPORT.fullmatch(sequence))):
            return [events.Key(Keys.Ignore, sequence)]
        return keys


def plain_key(sequence: str) -> str:
    """Convert an encoded key to the form that Textual reads, without subparameters; empty for a release or no key.

    See https://sw.kovidgoyal.net/kitty/keyboard-protocol and xterm's modifyOtherKeys. Other sequences are returned
    unchanged.
    """
    match = _KEY.fullmatch(sequence)
    if match is None:
        return sequence
    codes, modifiers, text = f"{match[1]};;".split(";")[:3]
    end = match[2]
    if end == "~" and codes == _MODIFIED_OTHER_KEY and text:
        codes, text, end = text, "", "u"
    code, shifted = f"{codes}:".split(":")[:2]
    held, kind = f"{modifiers}:".split(":")[:2]
    if kind == _RELEASE or not _is_key(code, end):
        return ""
    written = [each for each in text.split(":") if _is_text(each)]
    if not written and held == _SHIFT and _is_text(shifted):
        written = [shifted]
    return f"\x1b[{';'.join((code, held, ':'.join(written))).rstrip(';')}{end}"


def _is_key(code: str, end: str) -> bool:
    if f"{code or 1}{end}" in FUNCTIONAL_KEYS:
        return True
    return end == "u" and code != "" and _is_character(code)


def _is_character(code: str) -> bool:
    return len(code) < 8 and int(code) < 0x110000 and not 0xD800 <= int(code) < 0xE000


def _is_text(code: str) -> bool:
    return code != "" and _is_character(code) and chr(int(code)).isprintable()


class InputReader:
    """Converts input bytes to messages. If the parser fails after all, a new one takes its place."""

    def __init__(self) -> None:
        self._decoder = InputDecoder()
        self._parser = SafeParser()

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages for the next bytes."""
        return self._safely(self._parser.feed, self._decoder.feed(data))

    def tick(self) -> Iterator[Message]:
        """The messages for an escape sequence that timed out."""
        return self._safely(self._parser.tick)

    def _safely(self, parse: Callable[..., Iterable[Message]], *arguments: str) -> Iterator[Message]:
        try:
            yield from parse(*arguments) if arguments != ("",) else ()
        except Exception:  # a case that nothing above handles
            self._parser = SafeParser()
