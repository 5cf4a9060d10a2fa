"""Syntax of other query languages: each becomes an error that suggests the equivalent filter.

The rules are general: a bracket after a key is a list or a range, a word between a field and a value is an operator,
and a word can't contain operators or brackets. `parse` tries every suggestion and drops the invalid ones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from auditlog_tui.query.fields import BOUNDS, FIELDS, Kind, is_known, key_for
from auditlog_tui.query.format import escaped, format_value, quoted, shown
from auditlog_tui.query.reserved import (
    ABBREVIATED,
    COMMANDS,
    COMPARISONS,
    LIMITS,
    ORDERS,
    as_ascii,
    folded,
)
from auditlog_tui.query.syntax import Text
from auditlog_tui.text.late import late_pattern

if TYPE_CHECKING:
    from auditlog_tui.query.lexer import Item

_CHUNK = late_pattern(r"\S+")
_SIGN = late_pattern(r"(?:[-!+]\s*|(?:NOT|Not|not)\s+)+")
_OPERATOR_SIGN = late_pattern(r"[=<>|(){}\[\]≠≤≥]|&&|^[!~:]")
_LIST_SIGN = late_pattern(r"[|(){}\[\]]")
_ESCAPED = late_pattern(r"\\.")
_DEFANGED = late_pattern(r"\[(?:[.:@]|dot|at)\]|\(\.\)")
_PIECES = late_pattern(r"\s*(?:\|\|?|,|\s(?:OR|or)\s|\s)\s*")
_RANGE = late_pattern(r"\s*([\[{])\s*(\S+)\s+TO\s+(\S+)\s*[\]}]\s*", re.IGNORECASE)
_OPERATOR = late_pattern(r"((?:is|not)\s+(?:not|in|like|between)|\w+)\s+(?=\S)", re.IGNORECASE)
_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_NUMBERED = late_pattern(r"[+-]?\d+")
_REACH = 200
"""Characters after an operator that are searched for its value."""

_LONGEST = 60
"""The most characters in a suggestion; a message would cut a longer one."""


class Misread(Exception):  # noqa: N818 (it becomes a QueryError, which is the error)
    """Invalid syntax at columns `start` to `end` of a filter.

    `offers` are the filters that may be meant, `quote` is the term that searches for the text itself, and `lead` is
    a sentence before the hint.
    """

    def __init__(
        self, message: str, start: int, end: int, hint: str = "", offers: Sequence[str] = (), quote: str = "",
        lead: str = "",
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end
        self.hint = hint
        self.offers = offers
        self.quote = quote
        self.lead = lead


def fits_in_message(text: str) -> bool:
    """Whether a message can show the text in full."""
    return 0 < len(text) <= _LONGEST and text.isprintable()


def without_sign(term: str) -> str:
    """The text of a term without its negation or plus sign."""
    match = _SIGN.match(folded(term))
    return term[match.end() :] if match else term


def _sign(text: str, start: int) -> str:
    match = _SIGN.match(folded(text[start : start + _REACH]))
    return "-" if match and match[0].strip() != "+" else ""


# -- words ---------------------------------------------------------------------------------------------------------


def check_word(text: str, start: int, at: int, end: int) -> None:
    """Raise `Misread` for a bare word that contains an operator or a bracket."""
    bare = _ESCAPED.sub("", folded(text[at:end]))
    if _OPERATOR_SIGN.search(_DEFANGED.sub("", bare)):
        raise word_error(text, start, at, end)


def word_error(text: str, start: int, at: int, end: int) -> Misread:
    """The error for a word that contains an operator or a bracket."""
    word, sign = text[at:end], _sign(text, start) if at > start else ""
    inner = word.strip("(){}[]<>\"' ")
    simple = inner != word and not _OPERATOR_SIGN.search(inner)
    parts = re.split(r"&&|\|\|?", word)
    offers = [sign + inner] if simple and inner else []
    if "&&" in word and all(parts) and not any(map(_OPERATOR_SIGN.search, parts)):
        offers = [" ".join(sign + part for part in parts)]
    message = "A word can't contain an operator or a bracket."
    return Misread(message, start, end, offers=offers, quote=sign + quoted(word))


def pipe_error(text: str, at: int) -> Misread:
    """The error for `status:403 | head 10`."""
    before = text[:at].strip()
    limit = re.match(r"\|\s*(?:head|limit|tail|take|top)\s+(\d+)", text[at:])
    hint = f" The list command has --limit {limit[1]}." if limit else ""
    end = len(text)
    return Misread(
        f"Filters have no pipes.{hint}", at, end, 'Leave it out, or put it in quotes: "|"', [before], '"|"'
    )


def quoted_key_error(text: str, key: str, start: int, at: int, end: int) -> Misread:
    """The error for `"status": 403`, as in JSON."""
    rest = text[at:].lstrip(": ").rstrip("},")
    chunk = _CHUNK.match(rest)
    offers = [f"{_known_key(key)}:{chunk[0]}"] if chunk and is_known(key) else []
    return Misread(
        "Text follows the closing quote.", start, max(end, at),
        "Leave a space there, or put all of it in quotes.", offers,
    )  # fmt: skip


def json_error(text: str, start: int) -> Misread:
    """The error for `{"status": 403}`."""
    found = re.findall(r"\"([\w.]+)\"\s*:\s*\"?([^\",{}\s]+)", text[start:])
    terms = " ".join(
        f"{_known_key(key)}:{value_text(_known_key(key), value)}" for key, value in found if is_known(key)
    )
    end = text.find("}", start) + 1 or len(text)
    return Misread("A filter is not JSON.", start, end, "Write status:403", [terms], quoted(text[start:end]))


# -- values --------------------------------------------------------------------------------------------------------


def check_value(text: str, start: int, at: int, end: int, key: str, *, exact: bool) -> None:
    """Raise `Misread` for a bare value that contains another language's list, or a sign that the key can't use."""
    if "{" in text[at:end] and "}" not in text[at:end]:
        end = max(end, text.find("}", end) + 1)  # the value ended at a comma within the braces
    value, term = text[at:end], text[start:at]
    bare = _ESCAPED.sub("", value)
    sign = re.match(r"(>=|<=|=>|=<|[<>≥≤])\s*", folded(bare))
    if sign:
        rest = value[sign.end() :]
        raise Misread(
            f"{key}: can't be compared with < or >.", start, end, offers=[term + rest], quote=term + quoted(value)
        )
    if "|" in bare or (exact and _LIST_SIGN.search(bare)):
        takes = "takes a list with commas" if "|" in bare or "{" in bare else "takes no brackets"
        raise Misread(
            f"{key}: {takes}.", start, end, _example(key), [term + ",".join(_expanded(value, key))],
            term + quoted(value),
        )  # fmt: skip


def _expanded(value: str, key: str) -> list[str]:
    """The single values in `a|b`, `{a,b}` or `vm.{a,b}`."""
    braces = re.fullmatch(r"([^{}]*)\{([^{}]*)\}([^{}]*)", value)
    if braces:
        return [f"{braces[1]}{part}{braces[3]}" for part in re.split(r"[,|]", braces[2]) if part]
    return [value_text(key, part) for part in re.split(r"\|\|?", value) if part]


def bracket_error(text: str, start: int, at: int, key: str) -> Misread:
    """The error for another language's list or range: `key:(a OR b)`, `key:[400 TO 499]`, `key:{a,b}`."""
    end = _closing_end(text, at)
    inside = text[at + 1 : end - 1] if end > at + 1 else ""
    sign = _sign(text, start)
    offers = [f"{sign}{key}:{','.join(_members(inside, key))}"]
    if found := _RANGE.fullmatch(text[at:end]):
        offers = [sign + _between(key, found[2], found[3])]
    elif re.search(r"\sAND\s", inside):
        parts = [part.strip() for part in re.split(r"\sAND\s", inside)]
        offers = [] if sign else [" ".join(f"{key}:{value_text(key, part)}" for part in parts)]
    message = f"{key}: takes a list with commas, not brackets."
    return Misread(message, start, end, _example(key), offers, f"{sign}{key}:{quoted(text[at:end])}")


def _example(key: str) -> str:
    return f"Write {FIELDS[key].example}"


def _closing_end(text: str, at: int) -> int:
    """The end of the brackets that open at this column; without a closing one, the end of the word."""
    closer = _CLOSERS.get(folded(text[at])) or ")"
    found = text.find(closer, at)
    if found >= 0:
        chunk = _CHUNK.match(text, found)
        return chunk.end() if chunk and chunk.end() > found + 1 and chunk[0][1] not in " )" else found + 1
    chunk = _CHUNK.match(text, at)
    return chunk.end() if chunk else len(text)


def _members(inside: str, key: str) -> list[str]:
    return [value_text(key, part.strip("\"' ")) for part in _PIECES.split(inside.strip()) if part.strip("\"' ")]


def _between(key: str, low: str, high: str) -> str:
    if high == "*":
        return f"{key}:>={low}"
    return f"{key}:<={high}" if low == "*" else f"{key}:{low}..{high}"


def value_text(key: str, value: str) -> str:
    """The value's text after this key."""
    field = FIELDS.get(key)
    if field is None or field.kind not in (Kind.EXACT, Kind.PART) or "*" in value:
        return as_ascii(value) if field is not None and field.kind not in (Kind.EXACT, Kind.PART) else value
    return format_value(field, Text(value), last=False)


# -- words that are operators in other languages -------------------------------------------------------------------


def check_operator(text: str, items: Sequence[Item], at: int) -> None:
    """Raise `Misread` for a field's name, an operator written as a word, and a value: `status eq 403`."""
    field = _bare_word(items[-1], text) if items else ""
    match = _OPERATOR.match(text, at) if field else None
    if match is None:
        return
    words = match[1].lower().split()
    name = words[-1] if words[-1] != "not" else "is"
    operator = COMPARISONS.get(name)
    if operator is None or words == ["not"] or not (is_known(field) or name in ABBREVIATED):
        return
    key, value, length = _known_key(field), *_operand(text[match.end() : match.end() + _REACH], operator)
    start, end = items[-1].start, match.end() + length
    negation = "-" if "not" in words or operator == "-" else ""
    offers = [f"{negation}{_term_for(key, operator, value)}"] if key else []
    wrong = f"the word{'s' * (len(words) > 1)} {' '.join(words)}"
    raise Misread(
        f"Use a sign between a key and its value, not {wrong}.", start, end,
        _example(key) if key else "Write action:vm.created, status:>=400 or path:/v1", offers,
        " ".join(quoted(part) for part in text[start:end].split())[:_LONGEST],
    )  # fmt: skip


def _operand(rest: str, operator: str) -> tuple[str, int]:
    """The value after an operator, and the length of its text."""
    pattern = r"([(\[{].*?[)\]}]|\"[^\"]*\"|'[^']*'|“[^”]*”|\S+)"
    if operator == "between":
        pattern = rf"({pattern}\s+(?:and|AND|to)\s+{pattern})"
    match = re.match(pattern, rest)
    chunk = match or _CHUNK.match(rest)
    return (chunk[0], chunk.end()) if chunk else ("", 0)


def _term_for(key: str, operator: str, value: str) -> str:
    if operator == "between":
        ends = re.split(r"\s+(?:and|to)\s+", value, maxsplit=1, flags=re.IGNORECASE)
        return _between(key, *(end.strip("'\"") for end in ends)) if len(ends) == 2 else ""
    if operator == "in":
        return f"{key}:{','.join(_members(value.strip('()[]{}'), key))}"
    bare = value.strip("\"'“”()")
    whole = FIELDS[key].kind is Kind.EXACT and FIELDS[key].globs
    if operator == "like":
        pieces = re.split(r"[%*]", bare)
        return f"{key}:{'*'.join(map(escaped, pieces))}" if whole else f"{key}:{value_text(key, bare.strip('%*'))}"
    if operator in ("part", "first", "last") and whole:
        before, after = "*" * (operator != "first"), "*" * (operator != "last")
        return f"{key}:{before}{escaped(bare)}{after}"
    if operator == "~":
        return f"{key}:~{bare}"
    sign = operator if operator in (">", ">=", "<", "<=") else ""
    return f"{key}:{sign}{value_text(key, bare)}"


def _known_key(key: str) -> str:
    """Our key for any tool's name of it; empty if there is none."""
    lower = key.lower()
    return lower if lower in FIELDS else "created" if lower in BOUNDS else key_for(lower) or ""


def _bare_word(item: Item, text: str) -> str:
    """The text of an unquoted word; empty for any other item."""
    if getattr(item, "key", None) != "" or getattr(item, "negated", True):
        return ""
    word = text[item.start : item.end]
    return word if word[:1] not in "\"'“" else ""


def check_words(text: str, items: Sequence[Item]) -> None:
    """Raise `Misread` for words that are commands in other languages, and for a key and its value as two words."""
    for first, second in pairwise(items):
        word, following = _bare_word(first, text), text[second.start : second.end]
        lower = word.lower()
        if lower in LIMITS and _NUMBERED.fullmatch(following):
            _limit_error(text, first, second)
        elif lower in ORDERS and following.lower() == "by":
            _order_error(text, items, first, second)
        elif word and lower in FIELDS and _bare_word(second, text):
            _check_key_and_value(lower, following, first, second)
    if len(items) > 1 and _bare_word(items[0], text).lower() in COMMANDS:
        _command_error(text, items)


def _limit_error(text: str, first: Item, second: Item) -> None:
    without = f"{text[: first.start].rstrip()} {text[second.end :].lstrip()}".strip()
    words = " ".join(map(quoted, text[first.start : second.end].split()))
    raise Misread(
        "A filter has no limit; the list command has --limit.", first.start, second.end, f"Or write {words}",
        [without], words,
    )  # fmt: skip


def _order_error(text: str, items: Sequence[Item], first: Item, second: Item) -> None:
    rest = text[second.end :].split()
    field = _known_key(rest[0].strip(",")) if rest else ""
    down = len(rest) > 1 and rest[1].lower().startswith("desc")
    grouped = text[first.start : first.end].lower() in ("group", "count")
    offers = [f"sort:{'-' * down}{field}"] if field and not grouped else []
    end = items[-1].end if field else second.end
    words = " ".join(map(quoted, text[first.start : second.end].split()))
    message = "A filter can't group or count; the facets (key s) do." if grouped else "The sort order is a term."
    raise Misread(message, first.start, end, f"Write sort:-created, or {words} for the words", offers, words)


def _check_key_and_value(key: str, value: str, first: Item, second: Item) -> None:
    """Raise `Misread` for `status 403`, if the second word can only be a value of the field."""
    kind = FIELDS[key].kind
    lists = {name.lower() for name in FIELDS[key].values}
    if kind not in (Kind.NUMBER, Kind.ADDRESS, Kind.TIME, Kind.LAST) and value.lower() not in lists:
        return
    if kind is Kind.NUMBER and not value[:1].isdigit():
        return
    offer = f"{key}:{value}"
    raise Misread(
        f"{key} is a key and needs a colon.", first.start, second.end, f"Write {FIELDS[key].example}",
        [offer] if kind is not Kind.TIME or value.lower() != "at" else [], f"{quoted(key)} {quoted(value)}",
    )  # fmt: skip


def _command_error(text: str, items: Sequence[Item]) -> None:
    where = re.search(r"\swhere\s+(?=\S)", text, re.IGNORECASE)
    first, rest = items[0], text[where.end() :] if where else text[items[1].start :]
    keyed = any(getattr(item, "key", "") or getattr(item, "items", ()) for item in items[1:])
    if not keyed and where is None:
        return
    word = text[first.start : first.end]
    raise Misread(
        f"Filters have no commands such as {shown(word)}.", first.start, first.end,
        f"Leave it out, or write {quoted(word)}", [rest.strip()], quoted(word),
    )  # fmt: skip
