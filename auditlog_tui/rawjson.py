"""JSON read from left to right, each value with the exact text it came as.

Python can't hold every JSON value: arrays nested 200,000 deep and integers of 5,000 digits are refused. Such a value
is `UNREAD` here and costs nothing around it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

Json = Any  # what json.loads returns

UNREAD: Final = object()
"""A value that is there, as its text tells, but that Python can't hold (or whose inside is not JSON)."""

_SPACES = (" ", "\t", "\r", "\n")
_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKET = re.compile(r'["\[\]{}]')
_scan = json.JSONDecoder().raw_decode


class Reader:
    """Reads one JSON text; every method raises `ValueError` where it is cut short or is not JSON."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

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

    def value(self) -> tuple[Json, str]:
        """The value here and its text."""
        self._skip()
        start = self._at
        try:
            value, self._at = _scan(self._text, start)
        except (ValueError, RecursionError):
            value, self._at = UNREAD, self._end_of(start)
        return value, self._text[start : self._at]

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

    def _end_of(self, start: int) -> int:
        """Where the number, object or array at `start` ends, found without building it."""
        if number := _NUMBER.match(self._text, start):
            return number.end()
        if self._text[start : start + 1] not in ("[", "{"):
            raise ValueError(start)
        depth, position = 0, start
        while match := _BRACKET.search(self._text, position):
            if match[0] == '"':
                string = _STRING.match(self._text, match.start())
                if string is None:
                    break
                position = string.end()
                continue
            depth += 1 if match[0] in "[{" else -1
            position = match.end()
            if depth == 0:
                return position
        raise ValueError(start)


def texts(raw: str) -> dict[str, tuple[Json, str]] | None:
    """The members of an object, each with its text, the last one of a name; `None` where the text is no object."""
    reader = Reader(raw)
    found = {}
    try:
        for name in reader.members():
            found[name] = reader.value()
        reader.end()
    except ValueError:
        return None
    return found
