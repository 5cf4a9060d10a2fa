"""What may be wrong with a filter that nothing matches, by what was seen of the log; and what nobody knows of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from auditlog_tui.errors import QueryError
from auditlog_tui.models import rfc3339
from auditlog_tui.query import FIELDS, Query, Term, format_term, parse
from auditlog_tui.query.addresses import addresses_in, one_spelling
from auditlog_tui.query.chars import ZERO_WIDTH
from auditlog_tui.query.fields import Kind
from auditlog_tui.query.syntax import WORD, Address, Instant, Text, Times, Value
from auditlog_tui.seen import Seen

_COMPARED = 300
"""Values of a field that are compared, the most frequent first."""

_ENUMS = ("actor.type",)
"""Fields of which the API's contract lists the values."""


def warnings(query: Query, seen: Seen) -> list[str]:
    """A sentence for each value that neither the API's contract nor the log, as far as it was seen, knows."""
    found = []
    for term in query.terms:
        if term.key in _ENUMS:
            known = dict.fromkeys((*FIELDS[term.key].values, *(value.text for value in seen.values(term.key))))
            texts = [value.text for value in term.values if isinstance(value, Text) and value.text not in known]
            found += [f"Nobody knows {term.key}:{text}; known are {', '.join(known)}." for text in texts]
    return found


def reasons(query: Query, seen: Seen, now_us: int) -> list[str]:
    """Sentences on why a frozen filter may match nothing, each with the term that was seen instead."""
    found: list[str] = []
    for term in query.terms:
        if term.key == "created" and not term.negated:
            found += _outside(term, seen, now_us)
        elif not term.negated and term.key != "sort":
            found += [reason for value in term.values if (reason := _reason(term.key, value, seen))]
    return list(dict.fromkeys(found))


def _reason(key: str, value: Value, seen: Seen) -> str:
    if isinstance(value, Address):
        return _other_spelling(value.text, seen)
    if not isinstance(value, Text) or not value.text:
        return ""
    if any(character in ZERO_WIDTH for character in value.text):
        return f"{_name(key)} holds a character that can't be seen: type it again."
    if key == WORD:
        return _as_term(value.text)
    texts = [each.text for each in seen.values(key)]
    if key == "id" or value.text in (*texts, *FIELDS[key].values):
        return ""
    same = [text for text in texts if text.casefold() == value.text.casefold()]
    if same and FIELDS[key].kind is Kind.EXACT:
        return f"Case counts; seen: {_terms(key, same)}"
    label = next((each for each in seen.values(key) if each.label.casefold() == value.text.casefold()), None)
    if key == "actor" and label is not None:
        return f"actor: takes the ID; the name is {_terms('actor.name', [label.label])}"
    able = dict.fromkeys((*texts[:_COMPARED], *FIELDS[key].values))
    near = difflib.get_close_matches(value.text[:80], able, 3, 0.7)
    within = [text for text in texts[:_COMPARED] if value.text.casefold() in text.casefold()]
    whole = FIELDS[key].kind is Kind.EXACT
    offered = list(dict.fromkeys([*near, *(within if whole else [])]))[:3]
    return f"Close to it: {_terms(key, offered)}" if offered else ""


def _name(key: str) -> str:
    return f"{key}:" if key else "The text"


def _terms(key: str, texts: Iterable[str]) -> str:
    return ", ".join(format_term(Term(key, (Text(text),))) for text in texts)


def _as_term(text: str) -> str:
    """What a text in quotes would be without them."""
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
        return ""  # that one finds every spelling
    addresses = addresses_in(text)
    same = [each.text for each in seen.values("ip") if not addresses.isdisjoint(addresses_in(each.text))]
    return f"Seen in another spelling: {_terms('ip', same[:3])}" if same and text not in same else ""


def _outside(term: Term, seen: Seen, now_us: int) -> Iterator[str]:
    """Where the time asked for lies outside the log, as far as it was seen."""
    for value in term.values:
        low, high = (value.low, value.high) if isinstance(value, Times) else (None, None)
        if isinstance(low, Instant) and low.us > now_us:
            yield f"The time begins in the future: now is {rfc3339(now_us)}."
        elif isinstance(low, Instant) and seen.last_us is not None and low.us > seen.last_us:
            yield f"The time begins after the newest entry seen: {rfc3339(seen.last_us)}."
        if isinstance(high, Instant) and seen.first_us is not None and high.us < seen.first_us:
            yield f"The time ends before the oldest entry seen: {rfc3339(seen.first_us)}."
