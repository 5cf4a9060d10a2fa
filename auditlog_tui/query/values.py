"""Parses a single value according to the kind of its field."""

from __future__ import annotations

import re
from collections.abc import Iterable

from auditlog_tui.query import patterns, times
from auditlog_tui.query.addresses import (
    address_or_network,
    addresses_in,
    ip_address,
    network_of,
    one_spelling,
    refang,
)
from auditlog_tui.query.fields import FIELDS, Field, Kind, nearest
from auditlog_tui.query.format import quoted, shown
from auditlog_tui.query.lexer import RawValue
from auditlog_tui.query.reserved import NO_VALUE, as_ascii
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
from auditlog_tui.text.late import late_pattern

_INTEGER = late_pattern(r"-?[0-9]{1,100}")
_HUNDRED = late_pattern(r"([1-9])[xX]{2}")
_TEN = late_pattern(r"([1-9][0-9])[xX]")
_SIGNED = late_pattern(r"(>=|<=|>|<)(-?[0-9]{1,100})")
_DASHED = late_pattern(r"([0-9]{1,100})[-‐‑–—−]([0-9]{1,100})")
_ORDERS = {"=>": ">=", "=<": "<=", "≥": ">=", "≤": "<=", "＞": ">", "＜": "<"}


class BadValueError(Exception):
    """The value is invalid for its field.

    `offers` are values that may be meant, or whole terms with another key; `quote` is the value as quoted text.
    """

    def __init__(self, message: str, hint: str, offers: Iterable[str] = (), quote: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.offers = tuple(offers)
        self.quote = quote


def read_value(field: Field, raw: RawValue) -> Value:
    """The value of a field. Raises `BadValueError`."""
    if raw.pattern:
        return _pattern(field, raw)
    if raw.pieces == ("",) and not raw.quoted:
        hint = f"Write it right after the colon or comma, without a space: {field.example}"
        raise BadValueError(f"{field.name}: lacks a value.", hint)
    match field.kind:
        case Kind.EXACT:
            return _exact(field, raw)
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
            return _sort_field(raw.text)
        case Kind.FLAG:
            return _flag(field, raw)


def _pattern(field: Field, raw: RawValue) -> Regex:
    if not field.patterns:
        able = " or ".join(f"{other.name}:" for other in FIELDS.values() if other.patterns)
        texts = field.kind in (Kind.EXACT, Kind.PART, Kind.ADDRESS)
        instead = f'Put text that begins with ~ in quotes: {field.name}:"~a"' if texts else f"Write {field.example}"
        raise BadValueError(f"{field.name}: takes no pattern.", f"Only {able} does. {instead}")
    if not raw.text:
        raise BadValueError("The pattern is empty.", r"Write a regular expression: path:~^/v1/.*/keys$")
    try:
        patterns.compiled(raw.text)
    except patterns.TooBigError as error:
        raise BadValueError(
            f"The pattern can't be used: {error}.", "Shorten it, or use smaller repeat counts."
        ) from error
    except ValueError as error:
        hint = r"To match . ( ) [ ] { } * + ? literally, put a backslash before them."
        raise BadValueError(f"The pattern can't be used: {shown(str(error), 80)}.", hint) from error
    return Regex(raw.text)


def _exact(field: Field, raw: RawValue) -> Value:
    if len(raw.pieces) > 1 and not field.globs:
        raise BadValueError(f"{field.name}: takes no wildcard.", f'Put a literal star in quotes: {field.name}:"*".')
    pieces = raw.pieces
    if field.name == "method" and not raw.quoted:
        pieces = tuple(piece.upper() for piece in pieces)
    if field.name == "tag":
        pieces = (pieces[0].lstrip("#"), *pieces[1:])  # as it is written in a note
        if pieces == ("",):
            raise BadValueError("tag: lacks a value.", f"Write {field.example}")
    if len(pieces) > 1:
        first, *inner, last = pieces
        return Glob((first, *filter(None, inner), last))
    if field.none and not raw.quoted:
        if raw.text == "none":
            return Nothing()
        if raw.text.lower() in NO_VALUE:
            message = f"{field.name}:{shown(raw.text)} could mean no {field.name}, or this ID."
            raise BadValueError(message, "Write target:none", ["none"], quoted(raw.text))
    return Text(pieces[0])


def _part(field: Field, raw: RawValue) -> Text:
    name = "A word" if field.name == WORD else f"{field.name}:"
    if len(raw.pieces) > 1:
        other = " or name a field, as in action:vm.*" if field.name == WORD else " as a part is enough"
        other = " or write a pattern, as in path:~^/v1/.*/keys$" if field.patterns else other
        raise BadValueError(
            f"{name} matches any part of the text and takes no wildcard.",
            f"Leave the star out,{other}. Put a literal star in quotes.",
        )
    if not raw.text:
        raise BadValueError("The text to search for is empty.", "Write what it must contain.")
    return Text(refang(raw.text) if field.name == WORD and not raw.quoted else raw.text)


def _address(raw: RawValue) -> Value:
    if raw.quoted:
        return Address(raw.text) if one_spelling(raw.text) else Text(raw.text)
    text = refang(raw.text)
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    if ip_address(text) is not None:
        return Address(text)
    if "/" in text and len(text) < 80:
        if (network := network_of(text)) is not None:
            return Network(network)
        hint = "Write an address and a prefix length: ip:203.0.113.0/24"
        raise BadValueError(f"{shown(text)} is not a network.", hint)
    raise BadValueError(
        f"{shown(raw.text)} is not an IP address.",
        "Write a whole address, or a network: ip:203.0.113.0/24.",
        _suggested_addresses(text),
        quoted(raw.text),
    )


def _suggested_addresses(text: str) -> Iterable[str]:
    """The addresses within a longer text, and the network of an incomplete address."""
    yield from sorted(str(address) for address in addresses_in(text))
    if (found := address_or_network(text)) is not None:
        yield found
    pieces = [part for part in text.rstrip(".*xX").split(".") if part]
    if 1 <= len(pieces) <= 3 and all(part.isascii() and part.isdigit() for part in pieces):
        yield ".".join([*pieces, *["0"] * (4 - len(pieces))]) + f"/{8 * len(pieces)}"


def _numbers(text: str) -> Numbers:
    text = _ORDERS.get(text[:2], text[:2]) + text[2:]
    text = _ORDERS.get(text[:1], text[:1]) + text[1:]
    if _INTEGER.fullmatch(text):
        return Numbers(int(text), int(text))
    if match := _HUNDRED.fullmatch(text):
        return Numbers(int(match[1]) * 100, int(match[1]) * 100 + 99)
    if match := _TEN.fullmatch(text):
        return Numbers(int(match[1]) * 10, int(match[1]) * 10 + 9)
    if match := _SIGNED.fullmatch(text):
        sign, number = match[1], int(match[2])
        if sign[0] == ">":
            return Numbers(number + (sign == ">"), None)
        return Numbers(None, number - (sign == "<"))
    if match := _DASHED.fullmatch(text):
        return Numbers(int(match[1]), int(match[2]))
    low, dots, high = text.partition("..")
    high = high.removeprefix(".")
    ends = [end for end in (low, high) if end]
    if dots and ends and all(map(_INTEGER.fullmatch, ends)):
        return Numbers(int(low) if low else None, int(high) if high else None)
    hint = "Write 403, >=400, 5xx, 400..499 or 403,409."
    raise BadValueError(f"{shown(text)} is not a status.", hint, _suggested_numbers(text))


def _suggested_numbers(text: str) -> Iterable[str]:
    ascii_text = as_ascii(text)
    if match := re.fullmatch(r"([1-9])(?:\*{1,2}|[xX])", ascii_text):
        yield f"{match[1]}xx"
    elif match := re.fullmatch(r"([1-9]\d)\*", ascii_text, re.ASCII):
        yield f"{match[1]}x"
    elif found := re.findall(r"(?:>=|<=|[<>])?(?<!\d)\d{3}(?!\d)", ascii_text, re.ASCII):
        yield ",".join(found[:5])


def _times(text: str) -> Times:
    try:
        return times.read_times(text)
    except ValueError as error:
        hint = "Write 2026-11-22, 2026-11-22T06:00Z, 2026-11-22..2026-11-23, >=2026-11-22, today or yesterday."
        if times.is_ago(text):
            hint = f"For a length of time before now write last:{text}"
        readings = error.readings if isinstance(error, times.NoTimeError) else ()
        message = "is ambiguous" if len(readings) > 1 else "is not a date or time"
        offers = [f"last:{text}"] if times.is_ago(text) else readings
        raise BadValueError(f"{shown(text)} {message}.", hint, offers) from error


def _ago(text: str) -> Ago:
    try:
        return times.read_ago(text)
    except ValueError as error:
        readings = error.readings if isinstance(error, times.NoTimeError) else ()
        hint = "Write a number and s, m, h, d or w: last:15m, last:7d"
        raise BadValueError(f"{shown(text)} is not a length of time.", hint, readings) from error


_FLAGS = {"yes": "yes", "no": "no", "true": "yes", "false": "no", "y": "yes", "n": "no", "1": "yes", "0": "no"}


def _flag(field: Field, raw: RawValue) -> Text:
    text = raw.text.lower()
    if text not in field.values:
        offers = [_FLAGS[text]] if text in _FLAGS else []
        hint = f"Write {' or '.join(f'{field.name}:{value}' for value in field.values)}."
        raise BadValueError(f"{field.name}: is yes or no.", hint, offers)
    return Text(text)


def _sort_field(text: str) -> By:
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
