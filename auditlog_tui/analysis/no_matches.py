"""Hints for a filter that matches nothing, from the values seen so far; and warnings about unknown values."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from auditlog_tui.analysis.pivots import is_id
from auditlog_tui.entries.actions import COMMON, activity
from auditlog_tui.errors import QueryError
from auditlog_tui.log.server_support import SMALLEST_PAGE
from auditlog_tui.query import FIELDS, Query, Term, format_term, parse
from auditlog_tui.query.addresses import addresses_in, one_spelling
from auditlog_tui.query.fields import Kind, field_of
from auditlog_tui.query.reserved import ZERO_WIDTH
from auditlog_tui.query.seen_values import Seen
from auditlog_tui.query.syntax import WORD, Address, Glob, Instant, Text, Times, Value
from auditlog_tui.text.times import rfc3339

if TYPE_CHECKING:
    from auditlog_tui.api.client import AuditLogApi

_MOST_COMPARED = 1_000
"""Values of a field, or different parts of them, compared with the text typed, most frequent first."""

_ALIKE, _SLIGHTLY = 0.7, 0.5
"""The ratios of `difflib` from which texts are similar, and from which the nearest of few values is offered."""

_FEW = frozenset(("action", "method", "target.type"))
"""Fields with few values, of which the nearest one is offered even if it is only slightly similar."""

_IN_WORDS = ("action", "actor.name", "target.type", "ua", "path")
"""Fields whose parts are compared with a word."""

_LONGEST, _LONGEST_VALUE = 80, 400
"""Characters of the text typed, and of a value split into words, that are compared."""

_WORDS = re.compile(r"[^\W_]+")

TRIED = 2
"""Similar actions requested when the one typed finds nothing."""

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


def compared_fields(query: Query) -> frozenset[str]:
    """The fields whose values `reasons` compares with terms that no server evaluates."""
    terms = [term for term in query.terms if not term.negated]
    here = [term for term in terms if not field_of(term.key).params or any(isinstance(v, Glob) for v in term.values)]
    keys = {term.key for term in here}
    return frozenset(keys - {WORD}).union(_IN_WORDS if WORD in keys else ())


def similar_actions(query: Query, seen: Seen) -> list[str]:
    """Actions that a filter may mean and that were not seen: another form of the verb, or one similar to the text.

    The similar ones are made of the kinds and verbs of actions that are known.
    """
    terms = [term for term in query.terms if term.key == "action" and not term.negated]
    typed = [value.text for term in terms for value in term.values if isinstance(value, Text) and value.text]
    seen_texts = [each.text for each in seen.values("action")]
    known = list(dict.fromkeys((*seen_texts, *islice(_actions((*COMMON, *seen_texts)), _MOST_COMPARED))))
    found: list[str] = []
    for text in typed:
        forms = _forms(text)
        likely = [form for form in forms if form in known]
        found += likely or [*_near("action", text, known), *forms]
    return [text for text in dict.fromkeys(found) if text not in seen_texts]


async def take_similar(query: Query, seen: Seen, api: AuditLogApi) -> None:
    """Add entries with similar actions to `seen`: at most two small requests. Raises `ApiError`."""
    for action in similar_actions(query, seen)[:TRIED]:
        seen.take((await api.list({"action": action}, limit=SMALLEST_PAGE)).entries)


def _actions(known: Iterable[str]) -> Iterator[str]:
    """Every kind of the known actions with every verb of them."""
    pairs = [action.rpartition(".") for action in known]
    verbs = dict.fromkeys(verb for _, _, verb in pairs)
    return (f"{kind}.{verb}" for kind in dict.fromkeys(kind for kind, _, _ in pairs) if kind for verb in verbs)


def _forms(action: str) -> list[str]:
    if action.endswith("ed"):
        return [action[:-1], action[:-2]]
    return [f"{action}d" if action.endswith("e") else f"{action}ed"] if action else []


def _reason(key: str, value: Value, seen: Seen, sample: str) -> str:
    if isinstance(value, Address):
        return _other_spelling(value.text, seen)
    if isinstance(value, Glob):
        return _similar_glob(key, value, [each.text for each in seen.values(key)], sample)
    if not isinstance(value, Text) or not value.text:
        return ""
    if any(character in ZERO_WIDTH for character in value.text):
        return f"{_name(key)} contains an invisible character: type it again."
    if key == WORD:
        texts = [each.text for field in _IN_WORDS for each in seen.values(field)]
        return _as_term(value.text) or _similar(key, _near_parts(value.text.casefold(), texts), sample)
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
    # Similar actions were requested, and may be none of the sample's.
    return _similar(key, _near(key, value.text, texts), "" if key == "action" else sample)


def _similar(key: str, offered: Iterable[str | Glob], sample: str) -> str:
    among = f" in {sample}" if sample else ""
    terms = [format_term(Term(key, (each if isinstance(each, Glob) else Text(each),))) for each in offered]
    return f"Similar{among}: {', '.join(terms)}" if terms else ""


def _similar_glob(key: str, glob: Glob, texts: list[str], sample: str) -> str:
    """The glob with a part in place of a similar one that no value has."""
    if any(re.fullmatch(".*".join(map(re.escape, glob.pieces)), text) for text in texts):
        return ""
    offered = []
    for at, piece in enumerate(glob.pieces):
        word = piece.strip("._-")
        parts = _near_parts(word.casefold(), texts) if word else []
        offered += [
            Glob((*glob.pieces[:at], piece.replace(word, part), *glob.pieces[at + 1 :])) for part in parts[:1]
        ]
    return _similar(key, offered, sample)


def _near(key: str, text: str, texts: list[str]) -> list[str]:
    """Up to three similar values, of which those that begin with the text come first; or similar parts of values."""
    typed = text.casefold()
    if FIELDS[key].kind is Kind.PART:
        return _near_parts(typed, texts)
    texts = texts[:_MOST_COMPARED]
    begun = [each for each in texts if each.casefold().startswith(typed)]
    near = difflib.get_close_matches(text[:_LONGEST], dict.fromkeys((*texts, *FIELDS[key].values)), 3, _ALIKE)
    within = [each for each in texts if typed in each.casefold()]
    found = [*begun, *near, *within]
    if key == "action":
        found = [*_with_its_effect(typed, texts), *found] or _near_actions(typed, texts)
    if not found and key in _FEW:
        found = difflib.get_close_matches(text[:_LONGEST], texts, 3, _SLIGHTLY)
    return list(dict.fromkeys(found))[:3]


def _with_its_effect(action: str, texts: list[str]) -> list[str]:
    """Actions of the same kind that do the same in another word: `vm.deleted` for `vm.remove`."""
    kind, dot, _ = action.rpartition(".")
    effect = activity(action) if kind else None
    return [each for each in texts if effect != "other" and each.startswith(kind + dot) and activity(each) == effect]


def _near_actions(typed: str, texts: list[str]) -> list[str]:
    """Actions of the kind typed; or with a similar kind or verb."""
    kind, dot, _ = typed.rpartition(".")
    if kind:
        return [each for each in texts if each.casefold().startswith(kind + dot)]
    parts = {each: each.casefold().rpartition(".")[::2] for each in texts}
    near = difflib.get_close_matches(typed[:_LONGEST], {part for both in parts.values() for part in both}, 1, _ALIKE)
    return [each for each, both in parts.items() if near and near[0] in both]


def _near_parts(typed: str, texts: list[str]) -> list[str]:
    """Up to three similar parts of values, of as many words as were typed; none if a value contains the text."""
    if any(typed in text.casefold() for text in texts):
        return []
    words = max(1, len(_WORDS.findall(typed[:_LONGEST])))
    found = dict.fromkeys(part for text in texts for part in _parts(text, words))
    parts: dict[str, str] = {}
    for part in islice(found, _MOST_COMPARED):
        parts.setdefault(part.casefold(), part)
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
