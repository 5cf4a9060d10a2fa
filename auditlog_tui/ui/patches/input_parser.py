"""Reads the terminal's input so that no byte sequence can end the program.

Overrides: `XTermParser._sequence_to_key_events`, `XTermParser.parse_mouse_code`. Sets `XTermParser.mouse_pixels`.
    Uses the modules `textual._xterm_parser` and `textual._keyboard_protocol`.
Why: Textual's reader fails on bytes that are not UTF-8 and on some numbers in escape sequences. It takes a key's
    release for a press, unknown escape sequences and the terminal's replies to questions for typed text, Escape and a
    key that arrive together for one key, and any size report as a sign that mouse reports are in pixels. It waits
    for the end of a paste for ever.
Tested with Textual 8.2.8.
If Textual changes: some input would end the program, or be taken for keys that nobody pressed.
"""

from __future__ import annotations

import re
import time
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from textual import constants, events
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
        self.pasting = False
        self._given_up = False  # a paste, and nothing came since
        self._mouse_bytes = 0  # bytes of a mouse report still to come

    def feed(self, data: bytes) -> str:
        """Decode the next bytes. An incomplete character is kept until its other bytes arrive."""
        text = []
        while data:
            read = self._read_mouse if self._mouse_bytes else self._read_paste if self.pasting else self._read_typed
            part, data = read(data)
            text.append(part)
        return "".join(text)

    def _read_typed(self, data: bytes) -> tuple[str, bytes]:
        """The text up to and including the next marker, and the remaining bytes."""
        given_up, self._given_up = self._given_up, False
        if given_up and _END.search(data):  # it goes on after all
            self.pasting = True
            return _PASTE.decode(), data
        joined = self._before + data
        match = _START.search(joined)
        size = match.end() - len(self._before) if match is not None else len(data)
        self._before = joined[-len(_PASTE) + 1 :] if match is None else b""
        self.pasting = match is not None and match[0] == _PASTE
        self._mouse_bytes = 3 if match is not None and match[0] == _MOUSE else 0
        typed = _INVALID.sub("", self._decoder.decode(data[:size]))
        return typed.replace("\n", "\r"), data[size:]  # so the terminal sends Enter until the program sets its mode

    def _read_paste(self, data: bytes) -> tuple[str, bytes]:
        joined = self._held + data
        match = _END.search(joined)
        if match is None:
            kept = next(size for size in range(len(_PASTED) - 1, -1, -1) if joined.endswith(_PASTED[:size]))
            self._held = joined[len(joined) - kept :]
            return self._decode_paste(joined[: len(joined) - kept]), b""
        self._held, self.pasting = b"", False
        return self._decode_paste(joined[: match.start()], final=True) + _PASTED.decode(), joined[match.end() :]

    def give_up(self) -> str:
        """The end of the paste that has begun: its own is not awaited any more."""
        held, self._held, self.pasting, self._given_up = self._held, b"", False, True
        return self._decode_paste(held, final=True) + _PASTED.decode()

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


_TYPED_ESCAPE = re.compile(r"\x1b(?=[^\x00-\x1f\x7f\[\\OPX^_bf])")
"""Escape before a key that it begins no sequence with: Escape, typed just before (tmux and SSH send both at once).

Terminals send the same for Alt with a key, which nothing here is bound to but the word moves, Alt+b and Alt+f.
"""

ASK_BACKGROUND = "\x1b]11;?\x1b\\"
"""Asks the terminal for its background colour (xterm's OSC 11)."""

REPLY_S = 2.0
"""Seconds after which a reply that has begun is given up."""

EXPECTED_S = 30.0
"""Seconds for which a reply is expected. Most come in the first of them, unless the connection stalls."""

LIKELY_S = 1.0
"""Seconds after a question for which Escape alone is taken for the beginning of the reply."""

PASTE_S = 5.0
"""Seconds without input after which a paste is over: a connection that breaks off may lose its end."""

PASTE_KEY_S = 0.5
"""Seconds without input after which Escape or Ctrl+C, if it comes alone, is a key that ends a paste."""

REPLY_LIMIT = 1_000
"""Characters of a reply at most."""

_TEXT = rf"[^\x00-\x1f\x7f]{{0,{REPLY_LIMIT}}}"
_REPLY = re.compile(rf"\x1b\](\d{{1,3}};{_TEXT})(?:\x07|\x1b\\)")
# Of an unfinished colour no other characters: after one that broke off, keys are keys again.
_UNFINISHED = rf"(?:11;[0-9a-fA-Frg:/#?;]{{0,{REPLY_LIMIT}}}|(?!11;)\d{{1,3}};{_TEXT}|\d{{1,3}})"
_BEGUN = re.compile(rf"\x1b\](?:{_UNFINISHED}\x1b?)?")
_BROKEN = re.compile(rf"\x1b\]{_UNFINISHED}")

_RGB = re.compile(r"11;rgba?:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})(?:/[0-9a-fA-F]{1,4})?")
_HEX = re.compile(r"11;#(?:([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})|" + r"([0-9a-fA-F]{4})" * 3 + ")")


@dataclass
class BackgroundReported(Message):
    """The terminal's background colour, each part from 0 to 1."""

    red: float
    green: float
    blue: float

    @property
    def is_light(self) -> bool:
        return 0.2126 * self.red + 0.7152 * self.green + 0.0722 * self.blue > 0.5


def background_in(reply: str) -> BackgroundReported | None:
    """The colour in a reply to `ASK_BACKGROUND`; `None` for another reply and for no colour."""
    match = _RGB.fullmatch(reply) or _HEX.fullmatch(reply)
    if match is None:
        return None
    red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in match.groups() if part is not None)
    return BackgroundReported(red, green, blue)


class ReplyReader:
    """Takes the terminal's replies (OSC sequences) out of the decoded input, in however many pieces they arrive.

    Escape and `]` begin a reply and are keys as well, so they are held until what follows tells which. Escape is
    held for Textual's delay at most, or until `LIKELY_S` after a question that has no reply yet. While a reply is
    expected, one whose beginning was taken for Escape is still found, and `]` after Escape waits for the rest of it.
    """

    def __init__(self) -> None:
        self._held = ""
        self._escaped = False
        """Whether the Escape that begins what is held was taken for a key already."""
        self._since = 0.0
        self._likely_until = self._expected_until = 0.0

    def expect(self, now: float) -> None:
        """The terminal was asked something."""
        self._likely_until, self._expected_until = now + LIKELY_S, now + EXPECTED_S

    def feed(self, text: str, now: float) -> tuple[str, list[str]]:
        """The text without replies, and the replies without the characters around them."""
        if not text:
            return "", []
        rest, passed, replies = self._held + text, "", []
        begun, escaped, self._held, self._escaped = self._held, self._escaped, "", False
        while rest:
            before, escape, after = rest.partition("\x1b")
            passed, rest = passed + before, escape + after
            if match := _REPLY.match(rest):
                replies.append(match[1])
                rest = rest[match.end() :]
                self._likely_until = self._expected_until = 0.0
            elif rest and (rest == "\x1b" or _BEGUN.fullmatch(rest)):
                self._since = self._since if begun and not escaped else now
                self._held, self._escaped, rest = rest, escaped, ""
            elif match := _BROKEN.match(rest):
                rest = rest[match.end() :]
            else:
                passed, rest = passed + ("" if escaped else rest[:1]), rest[1:]
            begun, escaped = "", False
        return passed, replies

    def expire(self, now: float) -> str:
        """The text to take for typed after all: Escape, alone or before `]`; a reply that broke off is dropped."""
        held, waited = self._held, now - self._since
        over = waited >= REPLY_S or (now >= self._expected_until and held in ("\x1b", "\x1b]"))
        keys = (held if over else held[:1]) if held in ("\x1b", "\x1b]") else ""
        if waited < (constants.ESCAPE_DELAY if keys else REPLY_S) or (keys and now < self._likely_until):
            return ""
        typed = keys[self._escaped :]
        self._held, self._escaped = ("", False) if over else (held, True)
        return typed


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

    def __init__(self, replies: ReplyReader | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._decoder = InputDecoder()
        self._parser = SafeParser()
        self._replies = replies or ReplyReader()
        self._clock = clock
        self._fed = 0.0
        """When bytes came last."""

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages for the next bytes."""
        if data in (b"\x1b", b"\x03"):
            yield from self._give_up(PASTE_KEY_S)
        self._fed = self._clock() if data else self._fed
        yield from self._parse(self._decoder.feed(data))

    def _give_up(self, after_s: float) -> Iterator[Message]:
        """The messages for a paste that nothing was heard of for so many seconds."""
        if self._decoder.pasting and self._clock() - self._fed >= after_s:
            yield from self._parse(self._decoder.give_up())

    def _parse(self, decoded: str) -> Iterator[Message]:
        text, replies = self._replies.feed(decoded, self._clock())
        first, *others = _TYPED_ESCAPE.split(text)
        yield from self._safely(self._parser.feed, first)
        for typed in others:
            yield events.Key("escape", "\x1b")
            yield from self._safely(self._parser.feed, typed)
        yield from filter(None, map(background_in, replies))

    def tick(self) -> Iterator[Message]:
        """The messages for an escape sequence or a paste that timed out."""
        yield from self._give_up(PASTE_S)
        yield from self._safely(self._parser.tick)
        expired = self._replies.expire(self._clock())
        if expired.startswith("\x1b"):  # the parser would wait for more once again
            yield events.Key("escape", "\x1b")
        yield from self._safely(self._parser.feed, expired.removeprefix("\x1b"))

    def _safely(self, parse: Callable[..., Iterable[Message]], *arguments: str) -> Iterator[Message]:
        try:
            yield from parse(*arguments) if arguments != ("",) else ()
        except Exception:  # a case that nothing above handles
            self._parser = SafeParser()
