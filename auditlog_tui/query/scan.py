"""Cutting a line into raw terms, with the columns where they stand."""

from __future__ import annotations

import re
from dataclasses import dataclass

from auditlog_tui.errors import QueryError
from auditlog_tui.query.addresses import ip_address, refanged
from auditlog_tui.query.fields import FIELDS

_SPECIAL = '*,"\\~<>'
"""What a backslash takes the meaning from, spaces aside; before anything else it stands for itself."""

_KEY = re.compile(r"([^\W\d_][\w.\-]*):")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://")
_CHUNK = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class RawValue:
    """A value as it was written: the texts between unescaped stars, whether in quotes, whether after `~`."""

    pieces: tuple[str, ...]
    quoted: bool = False
    pattern: bool = False

    @property
    def text(self) -> str:
        return "*".join(self.pieces)


@dataclass(frozen=True, slots=True)
class RawTerm:
    """A term as it was written; `key` is empty for a word."""

    key: str
    values: tuple[RawValue, ...]
    negated: bool
    start: int
    end: int


def scan(text: str) -> list[RawTerm]:
    """The terms of a line. Raises `QueryError` where quotes or commas don't fit."""
    return _Scanner(text).terms()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.start = 0

    def terms(self) -> list[RawTerm]:
        terms = []
        while self._skip():
            terms.append(self._term())
        return terms

    def _skip(self) -> bool:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.at < len(self.text)

    def _next(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def _ends(self) -> bool:
        return self.at >= len(self.text) or self.text[self.at].isspace()

    def _error(self, message: str, hint: str) -> QueryError:
        chunk = _CHUNK.match(self.text, self.at)
        return QueryError(message, self.start, chunk.end() if chunk else self.at, hint)

    def _more(self) -> QueryError:
        return self._error(
            "There is more after the closing quote.", "Leave a space there, or put all of it in quotes."
        )

    def _term(self) -> RawTerm:
        self.start = self.at
        negated = self._next() == "-"
        self.at += negated
        if self._ends() or self._next() == "-":
            raise self._error(
                "A minus needs one term right after it.",
                'For "not" write -key:value. A text that begins with a minus goes in quotes: "-a".',
            )
        key, values = self._key_and_values()
        return RawTerm(key, values, negated, self.start, self.at)

    def _key_and_values(self) -> tuple[str, tuple[RawValue, ...]]:
        chunk = _CHUNK.match(self.text, self.at)
        bare = chunk[0] if chunk else ""
        if bare.startswith('"'):
            value = self._quoted()
            if not self._ends():
                raise self._more()
            return "", (value,)
        if _stands_alone(bare):
            self.at += len(bare)
            return "", (RawValue((bare,)),)
        key = _KEY.match(self.text, self.at)
        if bare.startswith("/") or key is None:
            return "path" if bare.startswith("/") else "", (self._bare(commas=True),)
        self.at = key.end()
        return key[1].lower(), self._values()

    def _values(self) -> tuple[RawValue, ...]:
        values = [self._value()]
        while self._next() == ",":
            self.at += 1
            values.append(self._value())
        return tuple(values)

    def _value(self) -> RawValue:
        if self._next() == '"':
            return self._quoted()
        if self._next() == "~":
            self.at += 1
            return self._pattern()
        return self._bare()

    def _pattern(self) -> RawValue:
        """A pattern has commas, quotes and backslashes of its own: it ends at a space, unless it is in quotes."""
        if self._next() == '"':
            return RawValue(self._quoted().pieces, quoted=True, pattern=True)
        chunk = _CHUNK.match(self.text, self.at)
        self.at = chunk.end() if chunk else self.at
        return RawValue((chunk[0] if chunk else "",), pattern=True)

    def _quoted(self) -> RawValue:
        found: list[str] = []
        self.at += 1
        while (character := self._next()) != '"':
            if not character:
                raise self._error("A quote is not closed.", 'Add " at the end; for a quote in the text write \\".')
            self.at += 1
            if character == "\\" and self._next() in ("\\", '"'):
                character = self._next()
                self.at += 1
            found.append(character)
        self.at += 1
        if not self._ends() and self._next() != ",":
            raise self._more()
        return RawValue(("".join(found),), quoted=True)

    def _bare(self, *, commas: bool = False) -> RawValue:
        pieces = [""]
        while not self._ends() and (commas or self._next() != ","):
            character = self._next()
            self.at += 1
            following = self._next()
            if character == "\\" and following and (following in _SPECIAL or following.isspace()):
                self.at += 1
                pieces[-1] += following
            elif character == "*":
                pieces.append("")
            elif character == "\\" and not following:
                raise self._error("The backslash at the end stands before nothing.", r"For a backslash write \\.")
            elif character == '"':
                raise self._error("A quote begins within a value.", 'Put the whole value in quotes, or write \\".')
            else:
                pieces[-1] += character
        return RawValue(tuple(pieces))


def _stands_alone(chunk: str) -> bool:
    """True for an address or a URL, whose colons are no keys. (Times begin with a digit, as no key does.)"""
    url = _URL.match(chunk)
    if url is not None:
        return url[1].lower() not in FIELDS
    return ":" in chunk and ip_address(refanged(chunk).strip("[]").partition("/")[0]) is not None
