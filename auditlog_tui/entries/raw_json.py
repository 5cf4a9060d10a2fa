"""A JSON reader that yields each value together with its exact text.

The standard library reads valid JSON. What it refuses (a raw control character, a duplicate name, a trailing comma,
nesting beyond Python's limit) is read leniently, member by member, and each invalid member is flagged with its text.
Bytes that are not UTF-8 are lone surrogates in the text (`surrogateescape`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from itertools import accumulate
from typing import Any, Final, NamedTuple, TypeVar

Json = Any  # what json.loads returns

UNREAD: Final = object()
"""The value of a text that Python can't represent, or that is not valid JSON."""

SQLITE_INT: Final = 2**63 - 1
"""The largest integer that SQLite can bind; larger ones count as unreadable."""

WINDOW = 256 * 1024
"""Characters scanned between two pauses, about 2 ms of JSON."""

STEPS = 2_000
"""Brackets and quotes scanned between two pauses."""

MOST_TOKENS = 100_000
"""The most tokens read of one malformed object; with more, the whole object counts as unreadable."""

MOST_LEVELS = 200
"""The deepest nesting that is read. Python's own limit is another in each version, and depends on who calls."""

_SPACES = (" ", "\t", "\r", "\n")
_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_RUN = re.compile(r'"|[\[{]+|[\]}]+')
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|$)|[\[{]+|[\]}]+|,', re.DOTALL)
_NO_BRACKETS = re.compile(r"[^\[\]{}]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_NO_ESCAPE = re.compile(r'\\(["\\/bfnrt]|u[0-9a-fA-F]{4})?')

_T = TypeVar("_T")
Portions = Generator[None, None, _T]
"""Work that pauses (yields) after each portion and returns its result at the end."""


def run_at_once(work: Portions[_T]) -> _T:
    """Run work to its end, ignoring its pauses."""
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


def _refuse_constant(text: str) -> Json:
    raise ValueError(text)


_scan = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode
_scan_unique = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant).raw_decode


_SPACED_COLON = re.compile(r'"[ \t\r\n]+:')


def _is_unique(value: Json, text: str) -> bool:
    """True if no name can occur twice in the text; costs a third of `_scan_unique`."""
    if not isinstance(value, dict):
        return False
    names = len(value) + sum(len(inner) for inner in value.values() if isinstance(inner, dict))
    return text.count('":') == names and _SPACED_COLON.search(text) is None


def _is_deep(text: str) -> bool:
    """Whether a text is nested deeper than `MOST_LEVELS`."""
    if text.count("[") + text.count("{") <= MOST_LEVELS:
        return False
    brackets = _NO_BRACKETS.sub("", _STRING.sub("", text))
    return max(accumulate(1 if each in "[{" else -1 for each in brackets), default=0) > MOST_LEVELS


def read_unique(text: str) -> Json:
    """`read_value`, in less time if no name occurs twice."""
    try:
        value, end = _scan(text, 0)
    except (ValueError, RecursionError):
        return UNREAD
    return value if end == len(text) and _is_unique(value, text) and not _is_deep(text) else read_value(text)


class Reader:
    """Reads one JSON text. Every method raises `ValueError` if the text is cut short or is not JSON."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    @property
    def position(self) -> int:
        """The number of characters read so far."""
        return self._at

    def members(self) -> Iterator[str]:
        """The names of the members of the object at this position. Read each value before the next name."""
        for _ in self._between("{", "}"):
            if self.peek() != '"':
                raise ValueError(self._at)
            name, self._at = _scan(self._text, self._at)
            self._expect(":")
            yield name

    def elements(self) -> Iterator[None]:
        """Stops at each element of the array at this position. Read each element before the next."""
        return self._between("[", "]")

    def value(self) -> Portions[tuple[Json, str]]:
        """The value at this position and its text."""
        self._skip()
        start = self._at
        try:
            if len(self._text) - start <= WINDOW:
                value, self._at = _scan(self._text, start)
            else:
                value, length = _scan(self._text[start : start + WINDOW])
                self._at = start + length
                if self._at >= start + WINDOW - 1:  # a number may continue
                    raise ValueError(start)
        except (ValueError, RecursionError):
            self._at = yield from self._end_of(start)
            value = UNREAD
        text = self._text[start : self._at]
        sound = value is not UNREAD and _is_unique(value, text) and not _is_deep(text)
        return value if sound else read_value(text), text

    def end(self) -> None:
        """Check that nothing follows."""
        if self.peek():
            raise ValueError(self._at)

    def peek(self) -> str:
        """The next character that is not a space; empty at the end."""
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
        """The end of the value at `start`, found without decoding it."""
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
    """The position after the closing quote of the string at `start`."""
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
    """The value of a JSON text; `UNREAD` if it is not valid JSON, nested too deep, or Python can't represent it."""
    if _is_deep(text):
        return UNREAD
    try:
        value, end = _scan_unique(text)
    except (ValueError, RecursionError):
        return UNREAD
    return value if end == len(text) else UNREAD


# -- invalid JSON --------------------------------------------------------------------------------------------------


class Member(NamedTuple):
    """A member's value and its `text`; `flag` is the invalid text, empty for valid JSON."""

    value: Json
    text: str
    flag: str = ""


class Members(NamedTuple):
    """An object's members by name (the last one of each name); `rest` is text that belongs to no member."""

    named: dict[str, Member]
    rest: str = ""


def has_surrogates(text: str) -> bool:
    """True for a text with a lone surrogate, which neither UTF-8 nor SQLite can represent, or with an escaped one."""
    return not is_encodable(text) or ("\\u" in text and _ESCAPED_SURROGATE.search(text) is not None)


def is_encodable(text: str) -> bool:
    """False for a text with a lone surrogate."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def stored(text: str) -> str | bytes:
    """The text in a form that SQLite can store: bytes if some of it is not UTF-8."""
    if is_encodable(text):
        return text
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that represents no byte
        return text.encode("utf-8", "surrogatepass")


def restored(value: object) -> str:
    """The text from a value that `stored` returned."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def is_exact(text: str) -> bool:
    """True for invalid JSON with only one possible meaning: an extra comma, or raw control characters."""
    if _is_deep(text):
        return False
    try:
        value = json.loads(text.removesuffix(","), strict=False)
    except (ValueError, RecursionError):
        return False
    return not isinstance(value, str) or is_encodable(value)


def members_of(text: str) -> Members | None:
    """The members of an object, however malformed it is; `None` if the text is not an object.

    Text that doesn't form a member of its own is treated as part of the member before it.
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
        name, valid = _string(quoted)
        member = _member(value)
        if not valid or (member.value is UNREAD and value[:1] not in ("[", "{") and '"' in value):
            rest.append(f"{quoted}: {value}")  # it may be, or contain, any other member
        flag = f"{value}{comma}" if comma else member.flag
        if name in named:
            flag = f"{named[name].flag or named[name].text}, {flag or value}"
        named[name] = member._replace(flag=flag)
    return Members(named, ", ".join(rest))


_NAMED = re.compile(r'[ \t\r\n]*("[^"\\]*(?:\\.[^"\\]*)*")[ \t\r\n]*:[ \t\r\n]*(.*)', re.DOTALL)


def _parts(text: str) -> tuple[list[str] | None, bool]:
    """The texts between an object's commas, and whether the object is closed at the end of the text."""
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
    if value is not UNREAD and not has_surrogates(text):
        return Member(value, text)
    if _STRING.fullmatch(text):
        string, valid = _string(text)
        return Member(string, text, "" if valid else text)
    if _is_deep(text):
        return Member(UNREAD, text, text)
    try:
        value = json.loads(text, strict=False)
        valid = read_value(text) is not UNREAD and is_encodable(json.dumps(value, ensure_ascii=False))
    except (ValueError, RecursionError):
        return Member(UNREAD, text, text or "(nothing)")
    return Member(value, text, "" if valid else text)


def _string(text: str) -> tuple[str, bool]:
    r"""A string in a displayable form, and whether it is exact and its text valid JSON.

    A byte that is not UTF-8 becomes `\xff`, a lone surrogate `\ud800`; an unknown escape stays as it is.
    """
    value = read_value(text)
    valid = isinstance(value, str)
    if not valid:
        try:
            value = json.loads(_NO_ESCAPE.sub(lambda match: match[0] if match[1] else "\\\\", text), strict=False)
        except ValueError:
            value = text[1:-1]
    if is_encodable(value):
        return value, valid
    return _SURROGATE.sub(lambda match: _escape_surrogate(match[0], text), value), False


def _escape_surrogate(surrogate: str, text: str) -> str:
    number = ord(surrogate)
    return f"\\x{number - 0xDC00:02x}" if 0xDC80 <= number <= 0xDCFF and surrogate in text else f"\\u{number:04x}"
