r"""The parser of the filter language.

    query   = [ item { space [ and ] item } ]              every item must match
    and     = "AND" | "and" | "&&" | "&"                   "and" is an error between words, a word at an end
    item    = [ not ] ( term | group )                     negated: all entries that the item excludes
    not     = "-" | "!" | "NOT " | "not "                  in lower case before a term with a key only
    group   = "(" query ")"                                of terms with keys, or of one item; negated, of one item
    term    = [ "+" ] ( word | path | keyed )              "+" (required) changes nothing
    word    = quoted | alone | text                        found in any field; text has no operator or bracket
    alone   = an address, a network, a URL or a time of day, recognised before keys and brackets
    path    = "/" text                                     as path:/…
    keyed   = key sep value { "," value }                  either value
            | "sort" sep [ "-" ] key { "," [ "-" ] key } [ " asc" | " desc" ]
            | bound sep moment                             since, from, after, until, to, before: a bound of created:
    sep     = ":" | "=" | "==" | ":="                      as key:value
            | "!=" | "<>" | ":!=" | ":!"                   as -key:value
            | "=~" | "!~"                                  as key:~pattern, -key:~pattern
            | nothing before ">" "<" ">=" "<="             as key:>value; spaces around a sep after a known key
    value   = quoted | "~" pattern | text | times          `times` (its module) may contain spaces
    pattern = quoted | every character up to a space       commas and quotes included
    quoted  = '"' { character | '\"' | '\\' } '"'          no other character has a meaning in quotes
            | "'" … "'"                                    where the second one ends the value
    text    = { character | escape | "*" }                 up to a space and, after a key, a comma
    escape  = "\" ( one of * , " ' \ ~ < > = ! | & ( ) { } [ ] or a space )

`*` matches anything in fields that are compared as a whole, and is an error in others. A backslash before any other
character is literal. There is no OR: a comma lists values of one key.

In syntax, curly quotes, full-width characters and dashes count as their ASCII forms, and invisible characters are
ignored. Within quotes, patterns and values all of them are literal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from auditlog_tui.errors import QueryError
from auditlog_tui.query import habits
from auditlog_tui.query.addresses import ip_address, refang
from auditlog_tui.query.bounds import check_bounds
from auditlog_tui.query.fields import ANY, FIELDS, Field, nearest
from auditlog_tui.query.format import format_term, quoted, shown
from auditlog_tui.query.habits import Misread
from auditlog_tui.query.lexer import Connective, Item, Operand, RawGroup, RawTerm, RawValue, scan
from auditlog_tui.query.syntax import WORD, Query, Term
from auditlog_tui.query.values import BadValueError, read_value

MOST_VALUES = 500
"""The most values in one query; SQLite can't nest a condition with many more."""


def parse(text: str) -> Query:
    """The query in a line of text. Raises `QueryError` with the columns of the invalid term."""
    _check_text(text)
    try:
        query = _query(text)
    except Misread as misread:
        raise _error(misread, text) from misread
    check_bounds(query)
    return query


def raw_terms(text: str) -> list[RawTerm]:
    """The terms of a line as typed, including those in brackets. Raises `QueryError`."""
    _check_text(text)
    try:
        return list(_all_terms(scan(text)))
    except Misread as misread:
        raise _error(misread, text) from misread


def _all_terms(items: Iterable[Item]) -> Iterable[RawTerm]:
    for item in items:
        if isinstance(item, RawGroup):
            yield from _all_terms(item.items)
        elif isinstance(item, RawTerm):
            yield item


def _query(text: str) -> Query:
    query = Query(tuple(_term(raw, text) for raw in _flatten(scan(text), text)))
    if sum(len(term.values) for term in query.terms) > MOST_VALUES:
        raise Misread(
            f"The filter has more than {MOST_VALUES} values.", 0, len(text), "Use a pattern or a network instead."
        )
    for key in ("sort", "id"):
        _check_single(query, key)
    return query


def _error(misread: Misread, text: str) -> QueryError:
    """The error for the user, with only those offers that are valid filters."""
    offers = tuple(offer for offer in dict.fromkeys(misread.offers) if offer != text and _readable(offer))
    quote = misread.quote if habits.fits_in_message(misread.quote) and _readable(misread.quote) else ""
    hint = misread.hint or _GENERAL
    if offers:
        hint = f"Write {' or '.join(offers)}" + (f", or {quote} for the text itself" if quote else "")
    elif quote and quote not in hint:
        first = "" if misread.hint in ("", _IN_QUOTES) else f"{misread.hint.removesuffix('.')}. "
        hint = f"{first}For the text itself write {quote}"
    hint = f"{misread.lead} {hint}".strip()
    return QueryError(misread.message, misread.start, misread.end, hint, (*offers, *filter(None, [quote])))


_IN_QUOTES = "To find the text itself, put it in quotes."
_GENERAL = "Put text to search for in quotes, or name a field: status:>=400"
_SEPARATOR = re.compile(r"\s*:?\s*(?:!==?|!~|<>|≠|=~|={1,3}(?![<>]))?\s*")


def _readable(text: str) -> bool:
    if not habits.fits_in_message(text):
        return False
    try:
        check_bounds(_query(text))
    except (Misread, QueryError):
        return False
    return True


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        message = "This character is not valid Unicode."
        raise QueryError(message, error.start, error.end, "Type it again, or leave it out.") from error


# -- items ---------------------------------------------------------------------------------------------------------


def _flatten(items: Sequence[Item], text: str) -> list[RawTerm]:
    """The terms of items that must all match. Raises `Misread` for an OR, and for a group that can't be expressed."""
    items = [_resolved(items, at, text) for at in range(len(items))]
    for at, item in enumerate(items):
        if isinstance(item, Connective):
            _check_connective(items, at, text)
    found: list[RawTerm] = []
    for item in items:
        if isinstance(item, RawTerm):
            found.append(item)
        elif isinstance(item, RawGroup):
            found += _expand_group(item, text)
    return found


def _resolved(items: Sequence[Item], at: int, text: str) -> Item:
    """The item; a connective in lower case at the start or end is a word. Raises `Misread` if it is ambiguous."""
    item = items[at]
    if not isinstance(item, Connective) or not item.soft or text[item.start] in "&|":
        return item
    sides = [*items[max(0, at - 1) : at], *items[at + 1 : at + 2]]
    if len(sides) < 2:
        return RawTerm(WORD, (RawValue((text[item.start : item.end],)),), False, item.start, item.end, plain=True)
    if all(isinstance(side, RawTerm) and side.plain for side in sides):
        first, last = sides
        both = text[first.start : last.end]
        offers = [quoted(both)] if item.is_or else [f"{_text(first, text)} {_text(last, text)}", quoted(both)]
        raise Misread(
            f"{_text(item, text)} between words is ambiguous.", item.start, item.end, _SEPARATELY, offers,
            lead="There is no OR between words: search separately." if item.is_or else "",
        )  # fmt: skip
    return item


_SEPARATELY = "Search for each separately."
_GROUPS = "Brackets can only group terms with keys."


def _text(item: Item, text: str) -> str:
    return text[item.start : item.end]


def _check_connective(items: Sequence[Item], at: int, text: str) -> None:
    connective = items[at]
    sides = [
        item for item in (*items[max(0, at - 1) : at], *items[at + 1 : at + 2]) if not isinstance(item, Connective)
    ]
    if len(sides) < 2:
        word = _text(connective, text)
        raise Misread(
            f"{word} needs a term on both sides.",
            connective.start,
            connective.end,
            "Leave it out.",
            quote=quoted(word),
        )
    if isinstance(connective, Connective) and connective.is_or:
        raise _or_error(_or_operands(items, at), connective, text)


def _or_operands(items: Sequence[Item], at: int) -> list[Operand]:
    """The operands of this OR and of those that directly follow it."""
    found = [items[at - 1]]
    while at < len(items) - 1 and isinstance(connective := items[at], Connective) and connective.is_or:
        found.append(items[at + 1])
        at += 2
    return [item for item in found if not isinstance(item, Connective)]


def _or_error(operands: Sequence[Operand], connective: Connective, text: str) -> Misread:
    """The error for an OR: it offers a list if all sides have the same key, else each side as its own filter."""
    one_term = _as_list(operands, text)
    if one_term:
        message, offers = "To match any of several values, list them with commas.", [one_term]
    else:
        message = "There is no OR between words." if all(map(_is_word, operands)) else "There is no OR between keys."
        offers = []
    texts = [_text(operand, text).strip("()") for operand in operands]
    short = all(map(habits.fits_in_message, texts)) and len(texts) < 4
    hint = f"Search separately: {', then '.join(texts)}" if short else _SEPARATELY
    return Misread(message, connective.start, connective.end, hint, offers)


def _is_word(operand: Operand) -> bool:
    return isinstance(operand, RawTerm) and operand.key == WORD


def _as_list(operands: Sequence[Operand], text: str) -> str:
    """One term with a list that matches any of the operands; empty if there is none."""
    terms = [operand for operand in operands if isinstance(operand, RawTerm) and not operand.negated]
    if len(terms) < len(operands):
        return ""
    keys = {term.key for term in terms if term.key != WORD}
    if not keys and all(ip_address(refang(term.values[0].text)) for term in terms):
        keys = {"ip"}
    key = next(iter(keys), "")
    if len(keys) != 1 or key in ("sort", "last") or (terms[0].key == WORD and key != "ip"):
        return ""
    try:
        read = [_term(replace(term, key=key), text) for term in terms]
    except Misread:
        return ""
    return format_term(Term(key, tuple(value for term in read for value in term.values)))


def _expand_group(group: RawGroup, text: str) -> list[RawTerm]:
    """The terms that a group stands for. Raises `Misread` if it can't be expressed as terms."""
    try:
        terms = _flatten(group.items, text)
    except Misread as misread:
        raise _negate_offers(group, misread) from misread
    if len(terms) == 1 and not (group.negated and terms[0].negated):
        if terms[0].key == WORD and not _is_address(terms[0]):
            word = _text(terms[0], text)
            raise Misread(
                _GROUPS, group.start, group.end, offers=[("-" * group.negated) + word],
                quote=quoted(_text(group, text).lstrip("-!")),
            )  # fmt: skip
        negated = terms[0].negated is not group.negated
        return [replace(terms[0], negated=negated, start=group.start, end=group.end)]
    if group.negated:
        raise Misread(
            "A group of several terms can't be negated.", group.start, group.end, "Negate one term: -status:403"
        )
    if any(term.key == WORD and not _is_address(term) for term in terms):
        inner = _text(group, text)[1:-1].strip()
        raise Misread(_GROUPS, group.start, group.end, offers=[inner], quote=quoted(_text(group, text)))
    return terms


def _negate_offers(group: RawGroup, misread: Misread) -> Misread:
    """The error from inside a group; its offers are negated if the group is."""
    if not group.negated or not misread.offers:
        return misread
    offers = [f"-{offer}" for offer in misread.offers]
    return Misread(misread.message, misread.start, misread.end, misread.hint, offers, misread.quote)


def _is_address(term: RawTerm) -> bool:
    return ip_address(refang(term.values[0].text)) is not None


# -- terms ---------------------------------------------------------------------------------------------------------


def _term(raw: RawTerm, text: str) -> Term:
    field = _field(raw, text)
    try:
        term = Term(field.name, tuple(read_value(field, value) for value in raw.values), raw.negated)
        if field.name == "last" and len(term.values) > 1:
            raise BadValueError("last: takes one length of time.", "Keep only the longest.")
        if field.name == "sort":
            _check_order(term)
    except BadValueError as error:
        sign = "-" if raw.negated else ""
        offers = [sign + (offer if offer.startswith("last:") else f"{field.name}:{offer}") for offer in error.offers]
        quote = error.quote and f"{sign}{field.name}:{error.quote}"
        raise Misread(error.message, raw.start, raw.end, error.hint, offers, quote) from error
    return replace(term, start=raw.start, end=raw.end)


def _field(raw: RawTerm, text: str) -> Field:
    if raw.key == WORD:
        return ANY
    if raw.key in FIELDS:
        return FIELDS[raw.key]
    near = nearest(raw.key)
    typed = habits.without_sign(text[raw.start : raw.end])
    rest = _SEPARATOR.sub("", typed[len(raw.key) :], count=1)
    sign = "-" if raw.negated else ""
    offers = [f"{sign}{near}:{rest}"] if near and rest else []
    lead = f"Did you mean {near}:?" if near else f"Keys are {', '.join(FIELDS)}." if len(typed) < 40 else ""
    raise Misread(
        f"There is no key {shown(raw.key)}:.", raw.start, raw.end, _IN_QUOTES,
        offers, f"{sign}{quoted(typed)}", lead,
    )  # fmt: skip


def _check_order(term: Term) -> None:
    if term.negated:
        raise BadValueError("sort: can't be negated.", "For descending order write sort:-created.")
    names = [value.field for value in term.values if hasattr(value, "field")]
    if len(set(names)) < len(names):
        raise BadValueError("sort: names a field twice.", "Name each field once, the most important first.")


def _check_single(query: Query, key: str) -> None:
    terms = [term for term in query.terms if term.key == key and not term.negated]
    if len(terms) > 1:
        first, second = terms[:2]
        hints = {"sort": "Join them: sort:status,-created.", "id": "To match either of two, write id:a,b."}
        raise Misread(f"There are two {key}: terms.", second.start, second.end, hints[first.key])
