"""JSON read from left to right, each value with the exact text it came as.

Valid JSON is read by the standard library. What it refuses (a raw control character, a duplicate name, a trailing
comma, nesting beyond Python's) is read leniently instead, member by member, and each member that is not valid JSON is
flagged with its text. Bytes that are not UTF-8 stand in the text as lone surrogates (`surrogateescape`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from typing import Any, Final, NamedTuple, TypeVar

Json = Any  # what json.loads returns

UNREAD: Final = object()
"""A value that is there, as its text tells, but that Python can't hold (or whose inside is not JSON)."""

SQLITE_INT: Final = 2**63 - 1
"""The largest integer that SQLite binds; one beyond it counts as unreadable."""

WINDOW = 256 * 1024
"""Characters that are looked through in one go: some 2 ms of JSON."""

STEPS = 2_000
"""Brackets and quotes that are looked at in one go."""

MOST_TOKENS = 100_000
"""Tokens of one malformed object that are looked at; one that has more counts as unreadable as a whole."""

_SPACES = (" ", "\t", "\r", "\n")
_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_RUN = re.compile(r'"|[\[{]+|[\]}]+')
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|$)|[\[{]+|[\]}]+|,', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_NO_ESCAPE = re.compile(r'\\(["\\/bfnrt]|u[0-9a-fA-F]{4})?')

_T = TypeVar("_T")
Portions = Generator[None, None, _T]
"""Work in portions: it pauses after each, and returns its result at the end."""


def at_once(work: Portions[_T]) -> _T:
    """Do all of the work without a pause."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            result: _T = done.value
            return result


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("duplicate names")
    return found


def _no_number(text: str) -> Json:
    raise ValueError(text)


_scan = json.JSONDecoder(parse_constant=_no_number).raw_decode
_scan_unique = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_number).raw_decode


def _is_unique(value: Json, text: str) -> bool:
    """True where no name can stand twice in the text; that is to be found out at a third of `_scan_unique`'s cost."""
    if not isinstance(value, dict):
        return False
    names = len(value) + sum(len(inner) for inner in value.values() if isinstance(inner, dict))
    return text.count('":') == names and '" :' not in text


class Reader:
    """Reads one JSON text; every method raises `ValueError` where it is cut short or is not JSON."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    @property
    def at(self) -> int:
        """Characters that were read."""
        return self._at

    def members(self) -> Iterator[str]:
        """The name of each member of the object here. Its value must be read before the next name."""
        for _ in self._between("{", "}"):
            if self.peek() != '"':
                raise ValueError(self._at)
            name, self._at = _scan(self._text, self._at)
            self._expect(":")
            yield name

    def elements(self) -> Iterator[None]:
        """Comes to each element of the array here; it must be read before the next."""
        return self._between("[", "]")

    def value(self) -> Portions[tuple[Json, str]]:
        """The value here and its text."""
        self._skip()
        start = self._at
        try:
            if len(self._text) - start <= WINDOW:
                value, self._at = _scan(self._text, start)
            else:
                value, length = _scan(self._text[start : start + WINDOW])
                self._at = start + length
                if self._at >= start + WINDOW - 1:  # a number may go on
                    raise ValueError(start)
        except (ValueError, RecursionError):
            self._at = yield from self._end_of(start)
            value = UNREAD
        text = self._text[start : self._at]
        return value if value is not UNREAD and _is_unique(value, text) else read_value(text), text

    def end(self) -> None:
        """Nothing may follow."""
        if self.peek():
            raise ValueError(self._at)

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        self._skip()
        return self._text[self._at : self._at + 1]

    def _between(self, opening: str, closing: str) -> Iterator[None]:
        self._expect(opening)
        if self.peek() != closing:
            yield
            while self.peek() == ",":
                self._at += 1
                yield
        self._expect(closing)

    def _expect(self, character: str) -> None:
        if self.peek() != character:
            raise ValueError(self._at)
        self._at += 1

    def _skip(self) -> None:
        if self._text.startswith(_SPACES, self._at):
            match = _SPACE.match(self._text, self._at)
            self._at = match.end() if match else self._at

    def _end_of(self, start: int) -> Portions[int]:
        """Where the value at `start` ends, found without building it."""
        text, depth, position, steps = self._text, 0, start, 0
        if match := _NUMBER.match(text, start) or _CONSTANT.match(text, start):
            return match.end()
        if text[start : start + 1] not in ("[", "{", '"'):
            raise ValueError(start)
        while position < len(text):
            steps += 1
            if steps % STEPS == 0:
                yield
            match = _RUN.search(text, position, position + WINDOW)
            if match is None:
                position += WINDOW
                yield
                continue
            position = match.end()
            if match[0] == '"':
                position = _end_of_string(text, match.start())
            elif match[0][0] in "[{":
                depth += len(match[0])
            elif depth <= len(match[0]):
                return match.start() + depth
            else:
                depth -= len(match[0])
            if depth == 0:
                return position
        raise ValueError(start)


_CONSTANT = re.compile("-?(?:NaN|Infinity)")


def _end_of_string(text: str, start: int) -> int:
    """After the closing quote of the string at `start`."""
    end = text.find('"', start + 1)
    while end >= 0:
        before = end
        while text[before - 1] == "\\":
            before -= 1
        if (end - before) % 2 == 0:
            return end + 1
        end = text.find('"', end + 1)
    raise ValueError(start)


def read_value(text: str) -> Json:
    """The value of a JSON text; `UNREAD` where it is not valid JSON or Python can't hold it."""
    try:
        value, end = _scan_unique(text)
    except (ValueError, RecursionError):
        return UNREAD
    return value if end == len(text) else UNREAD


# -- what is not valid JSON ----------------------------------------------------------------------------------------


class Member(NamedTuple):
    """`text` is the value's, `flag` the text of what is wrong with the member; empty for valid JSON."""

    value: Json
    text: str
    flag: str = ""


class Members(NamedTuple):
    """An object's members by name, the last of each name; `rest` is text in it that belongs to none of them."""

    named: dict[str, Member]
    rest: str = ""


def is_plain(text: str) -> bool:
    """True for a text without a lone surrogate, which neither UTF-8 nor SQLite holds, and without an escaped one."""
    return encodes(text) and not ("\\u" in text and _ESCAPED_SURROGATE.search(text))


def encodes(text: str) -> bool:
    """False for a text with a lone surrogate."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def stored(text: str) -> str | bytes:
    """The text as SQLite can hold it: its bytes where it has some that are not UTF-8."""
    if encodes(text):
        return text
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        return text.encode("utf-8", "surrogatepass")


def restored(value: object) -> str:
    """The text of what `stored` returned."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def is_exact(text: str) -> bool:
    """True for a flagged text that leaves no doubt what is meant: a comma too many, raw control characters."""
    try:
        value = json.loads(text.removesuffix(","), strict=False)
    except (ValueError, RecursionError):
        return False
    return not isinstance(value, str) or encodes(value)


def members_of(text: str) -> Members | None:
    """The members of an object, however malformed it is; `None` where the text is no object.

    What can't belong to a member of its own is taken for a part of the one before.
    """
    text = text.strip(" \t\r\n")
    if not text.startswith("{"):
        return None
    parts, whole = _parts(text)
    if parts is None:
        return None
    found: list[tuple[str, str, str]] = []
    rest = [] if whole else [text]
    for part in parts:
        match = _NAMED.match(part)
        if match is not None:
            found.append((match[1], match[2].rstrip(" \t\r\n"), ""))
        elif found and not part.strip():
            found[-1] = (*found[-1][:2], ",")
        elif found:
            found[-1] = found[-1][0], f"{found[-1][1]},{part}".rstrip(" \t\r\n"), ""
        elif part.strip():
            rest.append(part)
    named: dict[str, Member] = {}
    for quoted, value, comma in found:
        name, sound = _string(quoted)
        member = _member(value)
        if not sound or (member.value is UNREAD and value[:1] not in ("[", "{") and '"' in value):
            rest.append(f"{quoted}: {value}")  # it may be, or hold, any other member
        flag = f"{value}{comma}" if comma else member.flag
        if name in named:
            flag = f"{named[name].flag or named[name].text}, {flag or value}"
        named[name] = member._replace(flag=flag)
    return Members(named, ", ".join(rest))


_NAMED = re.compile(r'[ \t\r\n]*("[^"\\]*(?:\\.[^"\\]*)*")[ \t\r\n]*:[ \t\r\n]*(.*)', re.DOTALL)


def _parts(text: str) -> tuple[list[str] | None, bool]:
    """What stands between an object's commas, and whether the object is closed at the text's end."""
    parts, depth, start = [], 0, 1
    for count, match in enumerate(_TOKEN.finditer(text)):
        if count == MOST_TOKENS:
            return None, False
        found = match[0]
        if found[0] == "," and depth == 1:
            parts.append(text[start : match.start()])
            start = match.end()
        elif found[0] in "[{":
            depth += len(found)
        elif found[0] in "]}":
            depth -= len(found)
            if depth <= 0:
                end = match.start() + len(found) + depth - 1
                rest = text[end + 1 :]
                return [*parts, text[start:end]] if not rest.strip() else [*parts, text[start:]], not rest.strip()
    return [*parts, text[start:]], False


def _member(text: str) -> Member:
    value = read_value(text)
    if value is not UNREAD and is_plain(text):
        return Member(value, text)
    if _STRING.fullmatch(text):
        string, sound = _string(text)
        return Member(string, text, "" if sound else text)
    try:
        value = json.loads(text, strict=False)
        sound = read_value(text) is not UNREAD and encodes(json.dumps(value, ensure_ascii=False))
    except (ValueError, RecursionError):
        return Member(UNREAD, text, text or "(nothing)")
    return Member(value, text, "" if sound else text)


def _string(text: str) -> tuple[str, bool]:
    r"""A string as it can be shown, and whether that is the very string and its text valid JSON.

    A byte that is not UTF-8 is shown as `\xff`, a lone surrogate as `\ud800`, an unknown escape as it came.
    """
    value = read_value(text)
    sound = isinstance(value, str)
    if not sound:
        try:
            value = json.loads(_NO_ESCAPE.sub(lambda match: match[0] if match[1] else "\\\\", text), strict=False)
        except ValueError:
            value = text[1:-1]
    if encodes(value):
        return value, sound
    return _SURROGATE.sub(lambda match: _shown(match[0], text), value), False


def _shown(surrogate: str, text: str) -> str:
    number = ord(surrogate)
    return f"\\x{number - 0xDC00:02x}" if 0xDC80 <= number <= 0xDCFF and surrogate in text else f"\\u{number:04x}"
