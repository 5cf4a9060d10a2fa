"""What may come next while a filter is typed: keys first, then the values that were seen, most frequent first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from auditlog_tui.query.addresses import one_spelling
from auditlog_tui.query.fields import FIELDS, Field, Kind
from auditlog_tui.query.format import format_value
from auditlog_tui.query.syntax import Address, Text

Seen = Callable[[str], Sequence[tuple[str, int]]]
"""The values seen of a field (a name in `FIELDS`), and how often."""

_LASTS = ("last:15m", "last:1h", "last:24h", "last:7d")
_MOST = 50


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text to put in; `count` is how often the value was seen, `help` what a key means."""

    text: str
    help: str = ""
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """Candidates for what stands from column `start` up to `end`."""

    start: int
    end: int
    candidates: tuple[Candidate, ...]


def complete(text: str, cursor: int, values: Seen) -> Completion:
    """Candidates for the term in which the cursor stands; what follows the cursor is left alone."""
    start, quote = _term_start(text, cursor)
    start += len(text[start:cursor]) - len(text[start:cursor].lstrip("-!(+"))
    typed = text[start:cursor]
    key, colon, rest = typed.partition(":")
    if not colon:
        return Completion(start, cursor, () if quote and typed.startswith('"') else _keys(typed.lower()))
    field = FIELDS.get(key.lower())
    if field is None:
        return Completion(cursor, cursor, ())
    begun = _last_value(rest)
    return Completion(cursor - len(begun), cursor, _values(field, begun, values))


def _term_start(text: str, cursor: int) -> tuple[int, bool]:
    """Where the term at the cursor begins, and whether a quote is open there."""
    start, quote, at = 0, False, 0
    while at < cursor:
        character = text[at]
        if character == "\\":
            at += 1
        elif character == '"':
            quote = not quote
        elif character.isspace() and not quote:
            start = at + 1
        at += 1
    return start, quote


def _last_value(rest: str) -> str:
    """What was typed of the last value of a list."""
    quote, start = False, 0
    for at, character in enumerate(rest):
        if character == '"':
            quote = not quote
        elif character == "," and not quote:
            start = at + 1
    return rest[start:]


def _keys(typed: str) -> tuple[Candidate, ...]:
    found = [Candidate(f"{field.name}:", field.help) for field in FIELDS.values() if field.name.startswith(typed)]
    if typed and not found:
        found = [Candidate(f"{field.name}:", field.help) for field in FIELDS.values() if typed in field.name]
    if typed and "created".startswith(typed):
        found += [Candidate("created:today", FIELDS["created"].help)]
    if typed and "last".startswith(typed):
        found += [Candidate(text, FIELDS["last"].help) for text in _LASTS]
    return tuple(found)


def _values(field: Field, begun: str, values: Seen) -> tuple[Candidate, ...]:
    if field.kind is Kind.ORDER:
        return _orders(begun)
    if begun.startswith("~"):
        return ()
    needle = begun.strip('"').casefold()
    seen = [] if field.kind in (Kind.TIME, Kind.LAST) else sorted(values(field.name), key=lambda pair: -pair[1])
    texts = [(_written(field, text), text.casefold(), count) for text, count in seen if text]
    known = {written for written, _, _ in texts}
    found = [Candidate(written, "", count) for written, folded, count in texts if folded.startswith(needle)]
    found += [
        Candidate(written, "", count) for written, folded, count in texts if needle in folded[1:] and
        not folded.startswith(needle)
    ]  # fmt: skip
    found += [Candidate(text) for text in field.values if text not in known and text.casefold().startswith(needle)]
    return tuple(found[:_MOST])


def _written(field: Field, text: str) -> str:
    if field.kind is Kind.NUMBER:
        return text
    if field.kind is Kind.ADDRESS and one_spelling(text):
        return format_value(field, Address(text))
    return format_value(field, Text(text), last=False)


def _orders(begun: str) -> tuple[Candidate, ...]:
    ways = ("-",) if begun.startswith("-") else ("", "-")
    names = [field for field in FIELDS.values() if field.sortable]
    names.sort(key=lambda field: not field.server_order)
    found = [Candidate(f"{way}{field.name}", field.help) for field in names for way in ways]
    return tuple(candidate for candidate in found if candidate.text.startswith(begun.lower()))
