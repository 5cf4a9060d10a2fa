"""Reading one value by the kind of its field."""

from __future__ import annotations

import ipaddress
import re

from auditlog_tui.query import patterns, times
from auditlog_tui.query.addresses import ip_address, one_spelling, refanged
from auditlog_tui.query.fields import FIELDS, Field, Kind, nearest
from auditlog_tui.query.format import shown
from auditlog_tui.query.scan import RawValue
from auditlog_tui.query.syntax import (
    WORD,
    Address,
    Ago,
    By,
    Glob,
    Network,
    Nothing,
    Numbers,
    Regex,
    Text,
    Times,
    Value,
)

_INTEGER = re.compile(r"-?[0-9]{1,100}")
_HUNDRED = re.compile(r"([1-9])[xX]{2}")
_SIGNED = re.compile(r"(>=|<=|>|<)(-?[0-9]{1,100})")


class BadValueError(Exception):
    """A value that its field can't have."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def read_value(field: Field, raw: RawValue) -> Value:
    """The value as the field means it. Raises `BadValueError`."""
    if raw.pattern:
        return _pattern(field, raw)
    if raw.pieces == ("",) and not raw.quoted:
        hint = f"Write it right after the colon or comma, without a space: {field.example}"
        raise BadValueError(f"{field.name}: lacks a value.", hint)
    match field.kind:
        case Kind.EXACT:
            return _whole(field, raw)
        case Kind.PART:
            return _part(field, raw)
        case Kind.ADDRESS:
            return _address(raw)
        case Kind.NUMBER:
            return _numbers(raw.text)
        case Kind.TIME:
            return _times(raw.text)
        case Kind.LAST:
            return _ago(raw.text)
        case Kind.ORDER:
            return _by(raw.text)


def _pattern(field: Field, raw: RawValue) -> Regex:
    if not field.patterns:
        able = " or ".join(f"{other.name}:" for other in FIELDS.values() if other.patterns)
        texts = field.kind in (Kind.EXACT, Kind.PART, Kind.ADDRESS)
        instead = (
            f'A text that begins with ~ goes in quotes: {field.name}:"~a"' if texts else f"Write {field.example}"
        )
        raise BadValueError(f"{field.name}: takes no pattern.", f"Only {able} does. {instead}")
    if not raw.text:
        raise BadValueError("The pattern is empty.", r"Write a regular expression: path:~^/v1/.*/keys$")
    try:
        patterns.compiled(raw.text)
    except patterns.TooBigError as error:
        raise BadValueError(
            f"The pattern can't be used: {error}.", "Write a shorter one, or smaller counts."
        ) from error
    except ValueError as error:
        hint = r"Put a backslash before . ( ) [ ] { } * + ? that are meant as they stand."
        raise BadValueError(f"The pattern can't be used: {shown(str(error), 80)}.", hint) from error
    return Regex(raw.text)


def _whole(field: Field, raw: RawValue) -> Value:
    if len(raw.pieces) > 1 and not field.globs:
        raise BadValueError(
            f"{field.name}: takes no wildcard.", f'Put a star that is meant in quotes: {field.name}:"*".'
        )
    pieces = raw.pieces
    if field.name == "method" and not raw.quoted:
        pieces = tuple(piece.upper() for piece in pieces)
    if len(pieces) > 1:
        first, *inner, last = pieces
        return Glob((first, *filter(None, inner), last))
    if field.none and raw.text == "none" and not raw.quoted:
        return Nothing()
    return Text(pieces[0])


def _part(field: Field, raw: RawValue) -> Text:
    name = "A word" if field.name == WORD else f"{field.name}:"
    if len(raw.pieces) > 1:
        other = " or name a field, as in action:vm.*" if field.name == WORD else " as a part is enough"
        other = " or write a pattern, as in path:~^/v1/.*/keys$" if field.patterns else other
        raise BadValueError(
            f"{name} finds a part of the text and takes no wildcard.",
            f"Leave the star out,{other}. A star that is meant goes in quotes.",
        )
    if not raw.text:
        raise BadValueError("The text to find is empty.", "Write what it must contain.")
    if field.name == WORD and not raw.quoted and ip_address(refanged(raw.text)) is not None:
        return Text(refanged(raw.text))
    return Text(raw.text)


def _address(raw: RawValue) -> Value:
    if raw.quoted:
        return Address(raw.text) if one_spelling(raw.text) else Text(raw.text)
    text = refanged(raw.text)
    if ip_address(text) is not None:
        return Address(text)
    if "/" in text and len(text) < 80:
        try:
            return Network(str(ipaddress.ip_network(text, strict=False)))
        except ValueError as error:
            message = f"{shown(text)} is no network."
            raise BadValueError(
                message, "Write an address and the length of the prefix: ip:203.0.113.0/24"
            ) from error
    raise BadValueError(
        f"{shown(raw.text)} is no IP address.",
        'Write a whole address, or a network: ip:203.0.113.0/24. Any other text in quotes: ip:"unknown"',
    )


def _numbers(text: str) -> Numbers:
    if _INTEGER.fullmatch(text):
        return Numbers(int(text), int(text))
    if match := _HUNDRED.fullmatch(text):
        return Numbers(int(match[1]) * 100, int(match[1]) * 100 + 99)
    if match := _SIGNED.fullmatch(text):
        sign, number = match[1], int(match[2])
        if sign[0] == ">":
            return Numbers(number + (sign == ">"), None)
        return Numbers(None, number - (sign == "<"))
    low, dots, high = text.partition("..")
    ends = [end for end in (low, high) if end]
    if dots and ends and all(map(_INTEGER.fullmatch, ends)):
        return Numbers(int(low) if low else None, int(high) if high else None)
    raise BadValueError(f"{shown(text)} is no status.", "Write 403, >=400, 5xx, 400..499 or 403,409.")


def _times(text: str) -> Times:
    try:
        return times.read_times(text)
    except ValueError as error:
        hint = "Write 2026-11-22, 2026-11-22T06:00Z, 2026-11-22..2026-11-23, >=2026-11-22, today or yesterday."
        if times.is_ago(text):
            hint = f"For a length of time before now write last:{text}"
        raise BadValueError(f"{shown(text)} is no date or time.", hint) from error


def _ago(text: str) -> Ago:
    try:
        return times.read_ago(text)
    except ValueError as error:
        raise BadValueError(
            f"{shown(text)} is no length of time.", "Write a number and s, m, h, d or w: last:15m, last:7d"
        ) from error


def _by(text: str) -> By:
    name = text.removeprefix("-").lower()
    if name in FIELDS and FIELDS[name].sortable:
        return By(name, text.startswith("-"))
    field, colon, _ = name.partition(":")
    near = nearest(field)
    if near is None or not FIELDS[near].sortable:
        hint = f"Fields are {', '.join(field.name for field in FIELDS.values() if field.sortable)}."
    elif colon:
        hint = f"Write sort:{near} for ascending order, sort:-{near} for descending."
    else:
        hint = f"Did you mean sort:{near}?"
    raise BadValueError(f"There is no field {shown(name)} to sort by.", hint)
