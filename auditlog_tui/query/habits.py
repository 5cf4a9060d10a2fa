"""What people type from other languages and can't mean here: each is an error that writes out the right form.

Rules, not cases: a bracket after a key is a list or a range, a word between a field and a value is an operator, what
is left of operators and brackets in a word is no word. The offers are tried by `parse`; those that can't be read are
left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from auditlog_tui.query.chars import as_ascii, folded
from auditlog_tui.query.fields import BOUNDS, FIELDS, Kind, called, is_known
from auditlog_tui.query.format import escaped, format_value, quoted, shown
from auditlog_tui.query.syntax import Text
from auditlog_tui.query.words import ABBREVIATED, COMMANDS, COMPARISONS, LIMITS, ORDERS

if TYPE_CHECKING:
    from auditlog_tui.query.lexer import Item

_CHUNK = re.compile(r"\S+")
_SIGN = re.compile(r"(?:[-!+]\s*|(?:NOT|Not|not)\s+)+")
_ODD = re.compile(r"[=<>|(){}\[\]≠≤≥]|&&|^[!~:]")
_ODD_IN_VALUE = re.compile(r"[|(){}\[\]]")
_ESCAPED = re.compile(r"\\.")
_DEFANGED = re.compile(r"\[(?:[.:@]|dot|at)\]|\(\.\)")
_PIECES = re.compile(r"\s*(?:\|\|?|,|\s(?:OR|or)\s|\s)\s*")
_RANGE = re.compile(r"\s*([\[{])\s*(\S+)\s+TO\s+(\S+)\s*[\]}]\s*", re.IGNORECASE)
_OPERATOR = re.compile(r"((?:is|not)\s+(?:not|in|like|between)|\w+)\s+(?=\S)", re.IGNORECASE)
_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_NUMBERED = re.compile(r"[+-]?\d+")
_FAR = 200
"""Characters in which the value after an operator is looked for."""

_LONGEST = 60
"""Characters of an offer: a longer one would be cut where it is shown."""


class Misread(Exception):  # noqa: N818 (it becomes a QueryError, which is the error)
    """A text whose syntax doesn't fit, the filters it may mean, and how it is written as a text to be found."""

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


def fits(text: str) -> bool:
    """Whether a message can show the text whole."""
    return 0 < len(text) <= _LONGEST and text.isprintable()


def unsigned(term: str) -> str:
    """The text of a term without what negates it."""
    match = _SIGN.match(folded(term))
    return term[match.end() :] if match else term


def _sign(text: str, start: int) -> str:
    match = _SIGN.match(folded(text[start : start + _FAR]))
    return "-" if match and match[0].strip() != "+" else ""


# -- words ---------------------------------------------------------------------------------------------------------


def check_word(text: str, start: int, at: int, end: int) -> None:
    """Raise for a bare word that holds an operator or a bracket."""
    bare = _ESCAPED.sub("", folded(text[at:end]))
    if _ODD.search(_DEFANGED.sub("", bare)):
        raise odd(text, start, at, end)


def odd(text: str, start: int, at: int, end: int) -> Misread:
    """The error for a word that holds an operator."""
    word, sign = text[at:end], _sign(text, start) if at > start else ""
    inner = word.strip("(){}[]<>\"' ")
    simple = inner != word and not _ODD.search(inner)
    parts = re.split(r"&&|\|\|?", word)
    offers = [sign + inner] if simple and inner else []
    if "&&" in word and all(parts) and not any(map(_ODD.search, parts)):
        offers = [" ".join(sign + part for part in parts)]
    message = "A word can't hold an operator or a bracket."
    return Misread(message, start, end, offers=offers, quote=sign + quoted(word))


def pipe(text: str, at: int) -> Misread:
    before = text[:at].strip()
    limit = re.match(r"\|\s*(?:head|limit|tail|take|top)\s+(\d+)", text[at:])
    hint = f" list takes --limit {limit[1]}." if limit else ""
    end = len(text)
    return Misread(
        f"There are no pipes here.{hint}", at, end, 'Leave it out, or put it in quotes: "|"', [before], '"|"'
    )


def quoted_key(text: str, key: str, start: int, at: int, end: int) -> Misread:
    """`"status": 403`, as in JSON."""
    rest = text[at:].lstrip(": ").rstrip("},")
    chunk = _CHUNK.match(rest)
    offers = [f"{_ours(key)}:{chunk[0]}"] if chunk and is_known(key) else []
    return Misread(
        "There is more after the closing quote.", start, max(end, at),
        "Leave a space there, or put all of it in quotes.", offers,
    )  # fmt: skip


def json(text: str, start: int) -> Misread:
    """`{"status": 403}`."""
    found = re.findall(r"\"([\w.]+)\"\s*:\s*\"?([^\",{}\s]+)", text[start:])
    terms = " ".join(f"{_ours(key)}:{written(_ours(key), value)}" for key, value in found if is_known(key))
    end = text.find("}", start) + 1 or len(text)
    return Misread("A filter is not JSON.", start, end, "Write status:403", [terms], quoted(text[start:end]))


# -- values --------------------------------------------------------------------------------------------------------


def check_value(text: str, start: int, at: int, end: int, key: str, *, exact: bool) -> None:
    """Raise for a bare value with another language's list in it, or a sign where nothing is compared by size."""
    if "{" in text[at:end] and "}" not in text[at:end]:
        end = max(end, text.find("}", end) + 1)  # the comma was one of the list in it
    value, term = text[at:end], text[start:at]
    bare = _ESCAPED.sub("", value)
    sign = re.match(r"(>=|<=|=>|=<|[<>≥≤])\s*", folded(bare))
    if sign:
        rest = value[sign.end() :]
        raise Misread(
            f"{key}: has no order to compare by.", start, end, offers=[term + rest], quote=term + quoted(value)
        )
    if "|" in bare or (exact and _ODD_IN_VALUE.search(bare)):
        takes = "takes a list with commas" if "|" in bare or "{" in bare else "takes no brackets"
        raise Misread(
            f"{key}: {takes}.", start, end, _like(key), [term + ",".join(_expanded(value, key))],
            term + quoted(value),
        )  # fmt: skip


def _expanded(value: str, key: str) -> list[str]:
    """The values of `a|b`, `{a,b}` and `vm.{a,b}`."""
    braces = re.fullmatch(r"([^{}]*)\{([^{}]*)\}([^{}]*)", value)
    if braces:
        return [f"{braces[1]}{part}{braces[3]}" for part in re.split(r"[,|]", braces[2]) if part]
    return [written(key, part) for part in re.split(r"\|\|?", value) if part]


def brackets(text: str, start: int, at: int, key: str) -> Misread:
    """`key:(a OR b)`, `key:[400 TO 499]`, `key:{a,b}`: another language's list or range."""
    end = _closed(text, at)
    inside = text[at + 1 : end - 1] if end > at + 1 else ""
    sign = _sign(text, start)
    offers = [f"{sign}{key}:{','.join(_members(inside, key))}"]
    if found := _RANGE.fullmatch(text[at:end]):
        offers = [sign + _between(key, found[2], found[3])]
    elif re.search(r"\sAND\s", inside):
        parts = [part.strip() for part in re.split(r"\sAND\s", inside)]
        offers = [] if sign else [" ".join(f"{key}:{written(key, part)}" for part in parts)]
    message = f"{key}: takes a list with commas, and no brackets."
    return Misread(message, start, end, _like(key), offers, f"{sign}{key}:{quoted(text[at:end])}")


def _like(key: str) -> str:
    return f"Write {FIELDS[key].example}"


def _closed(text: str, at: int) -> int:
    """Where the brackets that open here are closed, or else where the word ends."""
    closer = _CLOSERS.get(folded(text[at])) or ")"
    found = text.find(closer, at)
    if found >= 0:
        chunk = _CHUNK.match(text, found)
        return chunk.end() if chunk and chunk.end() > found + 1 and chunk[0][1] not in " )" else found + 1
    chunk = _CHUNK.match(text, at)
    return chunk.end() if chunk else len(text)


def _members(inside: str, key: str) -> list[str]:
    return [written(key, part.strip("\"' ")) for part in _PIECES.split(inside.strip()) if part.strip("\"' ")]


def _between(key: str, low: str, high: str) -> str:
    if high == "*":
        return f"{key}:>={low}"
    return f"{key}:<={high}" if low == "*" else f"{key}:{low}..{high}"


def written(key: str, value: str) -> str:
    """A value as it is written after this key."""
    field = FIELDS.get(key)
    if field is None or field.kind not in (Kind.EXACT, Kind.PART) or "*" in value:
        return as_ascii(value) if field is not None and field.kind not in (Kind.EXACT, Kind.PART) else value
    return format_value(field, Text(value), last=False)


# -- words that are operators elsewhere ----------------------------------------------------------------------------


def check_operator(text: str, items: Sequence[Item], at: int) -> None:
    """Raise where a field's name, an operator in words and a value follow each other: `status eq 403`."""
    field = _bare_word(items[-1], text) if items else ""
    match = _OPERATOR.match(text, at) if field else None
    if match is None:
        return
    words = match[1].lower().split()
    name = words[-1] if words[-1] != "not" else "is"
    operator = COMPARISONS.get(name)
    if operator is None or words == ["not"] or not (is_known(field) or name in ABBREVIATED):
        return
    key, value, length = _ours(field), *_operand(text[match.end() : match.end() + _FAR], operator)
    start, end = items[-1].start, match.end() + length
    negation = "-" if "not" in words or operator == "-" else ""
    offers = [f"{negation}{_formed(key, operator, value)}"] if key else []
    raise Misread(
        f"Between a key and its value stands a sign, not {' '.join(words)}.", start, end,
        _like(key) if key else "Write action:vm.created, status:>=400 or path:/v1", offers,
        " ".join(quoted(part) for part in text[start:end].split())[:_LONGEST],
    )  # fmt: skip


def _operand(rest: str, operator: str) -> tuple[str, int]:
    """The value after an operator in words, and the length of its text."""
    pattern = r"([(\[{].*?[)\]}]|\"[^\"]*\"|'[^']*'|“[^”]*”|\S+)"
    if operator == "between":
        pattern = rf"({pattern}\s+(?:and|AND|to)\s+{pattern})"
    match = re.match(pattern, rest)
    chunk = match or _CHUNK.match(rest)
    return (chunk[0], chunk.end()) if chunk else ("", 0)


def _formed(key: str, operator: str, value: str) -> str:
    if operator == "between":
        ends = re.split(r"\s+(?:and|to)\s+", value, maxsplit=1, flags=re.IGNORECASE)
        return _between(key, *(end.strip("'\"") for end in ends)) if len(ends) == 2 else ""
    if operator == "in":
        return f"{key}:{','.join(_members(value.strip('()[]{}'), key))}"
    bare = value.strip("\"'“”()")
    whole = FIELDS[key].kind is Kind.EXACT and FIELDS[key].globs
    if operator == "like":
        pieces = re.split(r"[%*]", bare)
        return f"{key}:{'*'.join(map(escaped, pieces))}" if whole else f"{key}:{written(key, bare.strip('%*'))}"
    if operator in ("part", "first", "last") and whole:
        before, after = "*" * (operator != "first"), "*" * (operator != "last")
        return f"{key}:{before}{escaped(bare)}{after}"
    if operator == "~":
        return f"{key}:~{bare}"
    sign = operator if operator in (">", ">=", "<", "<=") else ""
    return f"{key}:{sign}{written(key, bare)}"


def _ours(key: str) -> str:
    """Our name of a key, by whatever name."""
    lower = key.lower()
    return lower if lower in FIELDS else "created" if lower in BOUNDS else called(lower) or ""


def _bare_word(item: Item, text: str) -> str:
    """The text of a word without quotes; empty for anything else."""
    if getattr(item, "key", None) != "" or getattr(item, "negated", True):
        return ""
    word = text[item.start : item.end]
    return word if word[:1] not in "\"'“" else ""


def check_words(text: str, items: Sequence[Item]) -> None:
    """Raise for words that are commands elsewhere, and for a field's name with a value beside it."""
    for first, second in pairwise(items):
        word, following = _bare_word(first, text), text[second.start : second.end]
        lower = word.lower()
        if lower in LIMITS and _NUMBERED.fullmatch(following):
            _limit(text, first, second)
        elif lower in ORDERS and following.lower() == "by":
            _order(text, items, first, second)
        elif word and lower in FIELDS and _bare_word(second, text):
            _beside(lower, following, first, second)
    if len(items) > 1 and _bare_word(items[0], text).lower() in COMMANDS:
        _command(text, items)


def _limit(text: str, first: Item, second: Item) -> None:
    without = f"{text[: first.start].rstrip()} {text[second.end :].lstrip()}".strip()
    words = " ".join(map(quoted, text[first.start : second.end].split()))
    raise Misread(
        "A filter has no limit: list takes one, as --limit.", first.start, second.end, f"Or write {words}",
        [without], words,
    )  # fmt: skip


def _order(text: str, items: Sequence[Item], first: Item, second: Item) -> None:
    rest = text[second.end :].split()
    field = _ours(rest[0].strip(",")) if rest else ""
    down = len(rest) > 1 and rest[1].lower().startswith("desc")
    grouped = text[first.start : first.end].lower() in ("group", "count")
    offers = [f"sort:{'-' * down}{field}"] if field and not grouped else []
    end = items[-1].end if field else second.end
    words = " ".join(map(quoted, text[first.start : second.end].split()))
    message = "A filter does not count by a field; s in the browser does." if grouped else "The order is a term."
    raise Misread(message, first.start, end, f"Write sort:-created, or {words} for the words", offers, words)


def _beside(key: str, value: str, first: Item, second: Item) -> None:
    """`status 403`, where the value is one that the field has and no word."""
    kind = FIELDS[key].kind
    lists = {name.lower() for name in FIELDS[key].values}
    if kind not in (Kind.NUMBER, Kind.ADDRESS, Kind.TIME, Kind.LAST) and value.lower() not in lists:
        return
    if kind is Kind.NUMBER and not value[:1].isdigit():
        return
    offer = f"{key}:{value}"
    raise Misread(
        f"{key} is a key here.", first.start, second.end, f"Write {FIELDS[key].example}",
        [offer] if kind is not Kind.TIME or value.lower() != "at" else [], f"{quoted(key)} {quoted(value)}",
    )  # fmt: skip


def _command(text: str, items: Sequence[Item]) -> None:
    where = re.search(r"\swhere\s+(?=\S)", text, re.IGNORECASE)
    first, rest = items[0], text[where.end() :] if where else text[items[1].start :]
    keyed = any(getattr(item, "key", "") or getattr(item, "items", ()) for item in items[1:])
    if not keyed and where is None:
        return
    word = text[first.start : first.end]
    raise Misread(
        f"A filter has no commands: {shown(word)} is none.", first.start, first.end,
        f"Leave it out, or write {quoted(word)}", [rest.strip()], quoted(word),
    )  # fmt: skip
