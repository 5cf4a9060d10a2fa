"""What the terminal sends, read so that no byte of it ends the program. Tested with Textual 8.2.8.

Textual's own reader fails on bytes that are no UTF-8 and on some numbers in escape sequences, and takes a release of
a key for a press of it, escape sequences that it does not know for typed text, and any report of the terminal's size
for a sign that the mouse is reported in pixels.
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
_BEGINS = re.compile(b"|".join(map(re.escape, (_PASTE, _MOUSE))))
_ENDS = re.compile(re.escape(_PASTED))
_ODD = re.compile("[\udc80-\udcff]")
_ODD_IN_PASTE = re.compile("[\udc80-\udcff]|\x1b")

_KEY = re.compile(r"\x1b\[([0-9:]*(?:;[0-9:]*){0,2})([u~ABCDEFHPQRS])")
_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-LN-Z\\-ln-~]")  # CSI, but not to be confused with a mouse report
_MODE_REPORT = re.compile(r"\x1b\[\?\d+;\d\$y")
_RELEASE = "3"
_MODIFIED_OTHER_KEY = "27"
_SHIFT = "2"  # the protocol's number for it alone

_RELEASED, _MOTION, _WHEEL = 3, 32, 64


class InputDecoder:
    r"""Bytes to text, in which everything is a character that the parser can take.

    What is no UTF-8 is left out, but shown as `\xff` in what is pasted, and so is an escape there: the parser would
    take what follows for keys. The three bytes of a legacy mouse report, which are no text, become three characters.
    """

    def __init__(self) -> None:
        self._decoder = getincrementaldecoder("utf-8")("surrogateescape")
        self._before = b""  # the last bytes that were typed: a mark may come in pieces
        self._held = b""  # what may be the beginning of a paste's end
        self._pasting = False
        self._of_mouse = 0  # bytes of a mouse report that are still to come

    def feed(self, data: bytes) -> str:
        """The text of the next bytes; what may be half a character is kept for the next time."""
        text = []
        while data:
            read = self._mouse if self._of_mouse else self._pasted if self._pasting else self._typed
            part, data = read(data)
            text.append(part)
        return "".join(text)

    def _typed(self, data: bytes) -> tuple[str, bytes]:
        """The text up to and with the next mark, and what comes after it."""
        joined = self._before + data
        match = _BEGINS.search(joined)
        size = match.end() - len(self._before) if match is not None else len(data)
        self._before = joined[-len(_PASTE) + 1 :] if match is None else b""
        self._pasting = match is not None and match[0] == _PASTE
        self._of_mouse = 3 if match is not None and match[0] == _MOUSE else 0
        return _ODD.sub("", self._decoder.decode(data[:size])), data[size:]

    def _pasted(self, data: bytes) -> tuple[str, bytes]:
        joined = self._held + data
        match = _ENDS.search(joined)
        if match is None:
            kept = next(size for size in range(len(_PASTED) - 1, -1, -1) if joined.endswith(_PASTED[:size]))
            self._held = joined[len(joined) - kept :]
            return self._shown(joined[: len(joined) - kept]), b""
        self._held, self._pasting = b"", False
        return self._shown(joined[: match.start()], final=True) + _PASTED.decode(), joined[match.end() :]

    def _shown(self, data: bytes, *, final: bool = False) -> str:
        return _ODD_IN_PASTE.sub(lambda odd: f"\\x{ord(odd[0]) & 0xFF:02x}", self._decoder.decode(data, final))

    def _mouse(self, data: bytes) -> tuple[str, bytes]:
        """What there is of a mouse report; one that an escape cuts short is filled up, and is no report then."""
        wanted = data[: self._of_mouse]
        part = wanted.partition(b"\x1b")[0]
        self._of_mouse -= len(part)
        text = part.decode("latin-1").replace("\n", " ")
        if part != wanted:
            text += " " * self._of_mouse
            self._of_mouse = 0
        return text, data[len(part) :]


class SafeParser(XTermParser):
    """Textual's, which also understands legacy mouse reports and the keyboard protocol's subparameters."""

    def __init__(self) -> None:
        super().__init__(debug=False)  # which would write down what is typed
        self._pressed = 0

    def parse_mouse_code(self, code: str) -> Message | None:
        self.mouse_pixels = False  # they are never asked for
        return super().parse_mouse_code(self._modern(code) if code.startswith("\x1b[M") else code)

    def _modern(self, code: str) -> str:
        """A legacy mouse report as SGR has it, where a release names the button."""
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
    """An encoded key as Textual reads it, without subparameters; empty for what is no press of a key that there is.

    See https://sw.kovidgoyal.net/kitty/keyboard-protocol and xterm's modifyOtherKeys. Anything else is left as it is.
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
    if kind == _RELEASE or not _can_be_pressed(code, end):
        return ""
    written = [each for each in text.split(":") if _is_text(each)]
    if not written and held == _SHIFT and _is_text(shifted):
        written = [shifted]
    return f"\x1b[{';'.join((code, held, ':'.join(written))).rstrip(';')}{end}"


def _can_be_pressed(code: str, end: str) -> bool:
    if f"{code or 1}{end}" in FUNCTIONAL_KEYS:
        return True
    return end == "u" and code != "" and _is_character(code)


def _is_character(code: str) -> bool:
    return len(code) < 8 and int(code) < 0x110000 and not 0xD800 <= int(code) < 0xE000


def _is_text(code: str) -> bool:
    return code != "" and _is_character(code) and chr(int(code)).isprintable()


class InputReader:
    """Bytes to messages, whatever the bytes are: where the parser fails after all, it begins anew."""

    def __init__(self) -> None:
        self._decoder = InputDecoder()
        self._parser = SafeParser()

    def feed(self, data: bytes) -> Iterator[Message]:
        """What the next bytes mean."""
        return self._safely(self._parser.feed, self._decoder.feed(data))

    def tick(self) -> Iterator[Message]:
        """What was waited for and has not come within its time."""
        return self._safely(self._parser.tick)

    def _safely(self, parse: Callable[..., Iterable[Message]], *arguments: str) -> Iterator[Message]:
        try:
            yield from parse(*arguments) if arguments != ("",) else ()
        except Exception:  # one that the guards here do not know
            self._parser = SafeParser()
