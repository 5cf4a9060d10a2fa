"""Completion while a filter is typed: keys first, then the values seen so far, most frequent first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from auditlog_tui.query.addresses import one_spelling
from auditlog_tui.query.fields import FIELDS, Field, Kind
from auditlog_tui.query.format import format_value
from auditlog_tui.query.seen_values import Seen
from auditlog_tui.query.syntax import Address, Text
from auditlog_tui.text.late import late_pattern

ValuesOf = Callable[[str], Sequence[tuple[str, int]]]
"""Given a field's name, returns the values seen of it and how often."""

_LASTS = ("last:15m", "last:1h", "last:24h", "last:7d")
_MOST = 50


class Candidate(Struct, frozen=True):
    """A text to insert; `count` is how often the value was seen, `help` explains a key."""

    text: str
    help: str = ""
    count: int | None = None


class Completion(Struct, frozen=True):
    """Candidates to replace the text from column `start` up to `end`."""

    start: int
    end: int
    candidates: tuple[Candidate, ...]


def complete(text: str, cursor: int, values: ValuesOf) -> Completion:
    """Candidates for the term at the cursor; the text after the cursor is never replaced."""
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
    return Completion(cursor - len(begun), cursor, _value_candidates(field, begun, values))


def _term_start(text: str, cursor: int) -> tuple[int, bool]:
    """The column at which the term at the cursor begins, and whether a quote is open at the cursor."""
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
    """The part typed so far of a list's last value."""
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


def _value_candidates(field: Field, begun: str, values: ValuesOf) -> tuple[Candidate, ...]:
    if field.kind is Kind.ORDER:
        return _sort_candidates(begun)
    if begun.startswith("~"):
        return ()
    needle = begun.strip('"').casefold()
    fixed = field.kind in (Kind.TIME, Kind.LAST, Kind.FLAG)
    seen = [] if fixed else sorted(values(field.name), key=lambda pair: -pair[1])
    texts = [(_formatted(field, text), text.casefold(), count) for text, count in seen if text]
    known = {written for written, _, _ in texts}
    found = [Candidate(written, "", count) for written, folded, count in texts if folded.startswith(needle)]
    found += [
        Candidate(written, "", count) for written, folded, count in texts if needle in folded[1:] and
        not folded.startswith(needle)
    ]  # fmt: skip
    found += [Candidate(text) for text in field.values if text not in known and text.casefold().startswith(needle)]
    return tuple(found[:_MOST])


def _formatted(field: Field, text: str) -> str:
    if field.kind is Kind.NUMBER:
        return text
    if field.kind is Kind.ADDRESS and one_spelling(text):
        return format_value(field, Address(text))
    return format_value(field, Text(text), last=False)


def _sort_candidates(begun: str) -> tuple[Candidate, ...]:
    signs = ("-",) if begun.startswith("-") else ("", "-")
    names = [field for field in FIELDS.values() if field.sortable]
    names.sort(key=lambda field: not field.server_order)
    found = [Candidate(f"{sign}{field.name}", field.help) for field in names for sign in signs]
    return tuple(candidate for candidate in found if candidate.text.startswith(begun.lower()))


_VIEW = late_pattern(r"(?:^|(?<=\s))@([A-Za-z0-9_-]*)$")
_BY_LABEL = late_pattern(r"(?:^|(?<=[\s-]))(actor|target):([^\s,]*)$")
_NAME = late_pattern(r"(?:^|(?<=\s))actor\.name:(\"[^\"]+|[^\s\",]+)$")


def suggest(text: str, cursor: int, seen: Seen, views: Mapping[str, str]) -> Completion:
    """Candidates for the text before the cursor, saved filters and actors' names included.

    Reads only the counts in `seen`, never the log.
    """
    cursor = min(cursor, len(text))
    before = text[:cursor]
    if match := _VIEW.search(before):
        names = [name for name in views if name.startswith(match[1])]
        return Completion(match.start(), cursor, tuple(Candidate(f"@{name} ", views[name]) for name in names))
    found = complete(text, cursor, lambda field: [(value.text, value.count) for value in seen.values(field)])
    if match := _BY_LABEL.search(before):
        return replace(found, candidates=_labelled(match[1], match[2], found.candidates, seen))
    if match := _NAME.search(before):
        ids = [replace(c, text=f"actor:{c.text}") for c in _labelled("actor", match[1], (), seen)]
        named = [replace(c, text=f"actor.name:{c.text}") for c in found.candidates]
        return Completion(match.start(), cursor, (*ids, *named))
    return found


def _labelled(field: str, typed: str, found: tuple[Candidate, ...], seen: Seen) -> tuple[Candidate, ...]:
    """Candidates for ids, each with its label, plus the ids whose label contains the typed text."""
    values = {format_value(FIELDS[field], Text(value.text), last=False): value for value in seen.values(field)}
    labels = {written: value.label for written, value in values.items()}
    known = [replace(candidate, help=candidate.help or labels.get(candidate.text, "")) for candidate in found]
    present = {candidate.text for candidate in known}
    needle = typed.strip('"').casefold()
    known += [
        Candidate(written, value.label, value.count)
        for written, value in values.items()
        if needle and needle in value.label.casefold() and written not in present
    ]
    return tuple(known[:_MOST])
