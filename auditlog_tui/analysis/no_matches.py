"""Hints for a filter that matches nothing, from the values seen so far; and warnings about unknown values."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from auditlog_tui.analysis.pivots import is_id
from auditlog_tui.errors import QueryError
from auditlog_tui.log.server_support import SMALLEST_PAGE
from auditlog_tui.query import FIELDS, Query, Term, format_term, parse
from auditlog_tui.query.addresses import addresses_in, one_spelling
from auditlog_tui.query.fields import Kind
from auditlog_tui.query.reserved import ZERO_WIDTH
from auditlog_tui.query.seen_values import Seen
from auditlog_tui.query.syntax import WORD, Address, Glob, Instant, Text, Times, Value
from auditlog_tui.text.times import rfc3339

if TYPE_CHECKING:
    from auditlog_tui.api.client import AuditLogApi

_COMPARED = 300
"""Values of a field compared with the one typed, most frequent first."""

_MOST_PARTS = 2_000
"""Parts of these values compared with a part that was typed."""

_ALIKE = 0.7
"""The ratio of `difflib` from which texts are similar."""

_LONGEST, _LONGEST_VALUE = 80, 400
"""Characters of the text typed, and of a value split into words, that are compared."""

_WORDS = re.compile(r"[^\W_]+")

FORMS_TRIED = 2
"""Other forms of a verb requested when the one typed finds nothing."""

_PART_OF_ID = re.compile(r"(?=.*[0-9])[0-9a-f][0-9a-f-]{3,34}", re.IGNORECASE)

_LENGTHS = {60_000_000: "minute", 1_000_000: "second"}
"""The unit that a time without seconds or fractions covers, by its length in microseconds."""

_NAMED = {"actor": ("actor.name", "name"), "target": ("target.type", "kind")}
"""Fields that hold IDs, with the field that may be meant instead and what that holds."""

_ENUMS = ("actor.type",)
"""Fields whose values the API's contract lists."""


def warnings(query: Query, seen: Seen) -> list[str]:
    """A sentence for each value that is neither in the API's contract nor among the values seen."""
    found = []
    for term in query.terms:
        if term.key in _ENUMS:
            known = dict.fromkeys((*FIELDS[term.key].values, *(value.text for value in seen.values(term.key))))
            texts = [value.text for value in term.values if isinstance(value, Text) and value.text not in known]
            found += [f"Unknown {term.key}:{text}; known: {', '.join(known)}." for text in texts]
    return found


def reasons(query: Query, seen: Seen, now_us: int, sample: str = "") -> list[str]:
    """Sentences on why a frozen filter may match nothing, each with a term that was seen instead, if any.

    `sample` names the entries that `seen` is about.
    """
    found: list[str] = []
    for term in query.terms:
        if term.key == "created" and not term.negated:
            found += [*_short(term), *_outside(term, seen, now_us)]
        elif not term.negated and term.key != "sort":
            for value in term.values:
                found += filter(None, (_reason(term.key, value, seen, sample), _no_id(term.key, value, seen)))
    return list(dict.fromkeys(found))


def other_forms(query: Query) -> list[str]:
    """The actions of a filter with another form of their verb: `vm.created` for `vm.create`."""
    terms = [term for term in query.terms if term.key == "action" and not term.negated]
    return [form for term in terms for value in term.values if isinstance(value, Text) for form in _forms(value.text)]


async def take_other_forms(query: Query, seen: Seen, api: AuditLogApi) -> None:
    """Add entries with the other forms to `seen`: at most two small requests. Raises `ApiError`."""
    for form in other_forms(query)[:FORMS_TRIED]:
        seen.take((await api.list({"action": form}, limit=SMALLEST_PAGE)).entries)


def _forms(action: str) -> list[str]:
    if action.endswith("ed"):
        return [action[:-1], action[:-2]]
    return [f"{action}d" if action.endswith("e") else f"{action}ed"] if action else []


def _reason(key: str, value: Value, seen: Seen, sample: str) -> str:
    if isinstance(value, Address):
        return _other_spelling(value.text, seen)
    if not isinstance(value, Text) or not value.text:
        return ""
    if any(character in ZERO_WIDTH for character in value.text):
        return f"{_name(key)} contains an invisible character: type it again."
    if key == WORD:
        return _as_term(value.text)
    texts = [each.text for each in seen.values(key)]
    if key == "id" or value.text in (*texts, *FIELDS[key].values):
        return ""
    same = [text for text in texts if text.casefold() == value.text.casefold()]
    if same and FIELDS[key].kind is Kind.EXACT:
        return f"Case matters; seen: {_terms(key, same)}"
    if key == "actor" and (label := _label(value.text, seen)):
        return f"actor: takes the ID; the name is {_terms('actor.name', [label])}"
    if key == "action" and (forms := [form for form in _forms(value.text) if form in texts]):
        return f"Similar: {_terms(key, forms)}"
    offered = _near(key, value.text, texts[:_COMPARED])
    among = f" in {sample}" if sample else ""
    return f"Similar{among}: {_terms(key, offered)}" if offered else ""


def _near(key: str, text: str, texts: list[str]) -> list[str]:
    """Up to three similar values, of which those that begin with the text come first; or similar parts of values."""
    typed = text.casefold()
    if FIELDS[key].kind is Kind.PART:
        return _near_parts(typed, texts)
    begun = [each for each in texts if each.casefold().startswith(typed)]
    near = difflib.get_close_matches(text[:_LONGEST], dict.fromkeys((*texts, *FIELDS[key].values)), 3, _ALIKE)
    within = [each for each in texts if typed in each.casefold()]
    return list(dict.fromkeys([*begun, *near, *within]))[:3]


def _near_parts(typed: str, texts: list[str]) -> list[str]:
    """Up to three similar parts of values, of as many words as were typed; none if a value contains the text."""
    if any(typed in text.casefold() for text in texts):
        return []
    words = max(1, len(_WORDS.findall(typed[:_LONGEST])))
    found = islice((part for text in texts for part in _parts(text, words)), _MOST_PARTS)
    parts = {part.casefold(): part for part in found}
    return [parts[near] for near in difflib.get_close_matches(typed[:_LONGEST], parts, 3, _ALIKE)]


def _parts(text: str, words: int) -> Iterator[str]:
    """Every part of a text that consists of so many words, with what stands between them."""
    spans = [match.span() for match in _WORDS.finditer(text[:_LONGEST_VALUE])]
    for (start, _), (_, end) in zip(spans, spans[words - 1 :], strict=False):
        yield text[start:end]


def _label(text: str, seen: Seen) -> str:
    """The name of an actor seen that equals the text in any case; empty if there is none."""
    labels = (each.label for each in seen.values("actor"))
    return next((label for label in labels if label.casefold() == text.casefold()), "")


def _no_id(key: str, value: Value, seen: Seen) -> str:
    """Why a value is not one of the IDs that its field holds; empty if it may be one."""
    if key not in _NAMED or not isinstance(value, Text) or not value.text or is_id(value.text):
        return ""
    text = value.text
    if any(each.text.casefold() == text.casefold() for each in seen.values(key)):
        return ""
    if _PART_OF_ID.fullmatch(text):
        return (
            f"{key}: takes the whole ID; a part of it ends with a star: {format_term(Term(key, (Glob((text, '')),)))}"
        )
    if key == "actor" and _label(text, seen):
        return ""  # another hint says so
    name, noun = _NAMED[key]
    return f"{key}: takes the ID; a {noun} is {_terms(name, [text])}"


def _name(key: str) -> str:
    return f"{key}:" if key else "The text"


def _terms(key: str, texts: Iterable[str]) -> str:
    return ", ".join(format_term(Term(key, (Text(text),))) for text in texts)


def _as_term(text: str) -> str:
    """A hint for a quoted text that is a filter without its quotes."""
    for typed in (text, f"created:{text}", f"last:{text}"):
        try:
            terms = parse(typed).terms
        except QueryError:
            continue
        if terms and any(term.key != WORD for term in terms):
            return f'"{text}" is searched for as text; the filter is {" ".join(map(format_term, terms))}'
    return ""


def _other_spelling(text: str, seen: Seen) -> str:
    if not one_spelling(text):
        return ""  # such a term matches every spelling
    addresses = addresses_in(text)
    same = [each.text for each in seen.values("ip") if not addresses.isdisjoint(addresses_in(each.text))]
    return f"Seen in another spelling: {_terms('ip', same[:3])}" if same and text not in same else ""


def _short(term: Term) -> Iterator[str]:
    """Hints for times that cover a single minute or second."""
    for value in term.values:
        low, high = (value.low, value.high) if isinstance(value, Times) else (None, None)
        if isinstance(low, Instant) and isinstance(high, Instant) and high.us - low.us + 1 in _LENGTHS:
            since = format_term(Term(term.key, (Times(low, None),)))
            yield f"The time covers only one {_LENGTHS[high.us - low.us + 1]}; {since} begins there."


def _outside(term: Term, seen: Seen, now_us: int) -> Iterator[str]:
    """Hints for times outside the range of the entries seen."""
    for value in term.values:
        low, high = (value.low, value.high) if isinstance(value, Times) else (None, None)
        if isinstance(low, Instant) and low.us > now_us:
            yield f"The time begins in the future: now is {rfc3339(now_us)}."
        elif isinstance(low, Instant) and seen.last_us is not None and low.us > seen.last_us:
            yield f"The time begins after the newest entry seen: {rfc3339(seen.last_us)}."
        if isinstance(high, Instant) and seen.first_us is not None and high.us < seen.first_us:
            yield f"The time ends before the oldest entry seen: {rfc3339(seen.first_us)}."
