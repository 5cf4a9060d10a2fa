"""Cutting a line into raw terms, joints and groups, with the columns where they stand. The grammar is in `parse`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from auditlog_tui.query import habits
from auditlog_tui.query.addresses import address_or_network
from auditlog_tui.query.chars import ZERO_WIDTH, folded, is_syntax, without_zero_width
from auditlog_tui.query.fields import BOUNDS, FIELDS, Kind, is_known
from auditlog_tui.query.format import quoted
from auditlog_tui.query.habits import Misread
from auditlog_tui.query.times import NoTimeError, is_ago, read_ago, read_times
from auditlog_tui.query.words import ANDS, DIRECTIONS, NOTS, ORS

_UNSEEN = ZERO_WIDTH[0]
_KEY = re.compile(rf"[{_UNSEEN}@$_]*[^\W\d_](?:[\w.\-{_UNSEEN}]*\w)?{_UNSEEN}*")
_SEPARATOR = re.compile(
    r"(?P<gap>\s*)(?P<colon>:)?(?P<sign>!==?|!~|<>|≠|=~|={1,3}(?![<>=~])|(?<!:)~|(?<=:)!(?=[^\s=]))?(?=(?P<order>[<>≥≤]|=[<>])?)"
)
_ORDER = re.compile(r"(>=|<=|=>|=<|>|<|≥|≤)\s+(?=\S)")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://")
_CHUNK = re.compile(r"\S+")
_NEXT_CHUNK = re.compile(r"\s+(\S+)")
_FURTHER = re.compile(rf"[\s{_UNSEEN}]*,[\s{_UNSEEN}]*(?=[\d<>=\[\"'a-f])")
_CLOSING = re.compile(r"['](?=[\s,)]|$)")
_DEEPEST = 20
"""Brackets and negations within each other."""

_MOST_CHUNKS = 12
"""Words of the longest time: two of them with zones, and what stands between."""


@dataclass(frozen=True, slots=True)
class RawValue:
    """A value as it was written: the texts between unescaped stars, whether in quotes, whether after `~`."""

    pieces: tuple[str, ...]
    quoted: bool = False
    pattern: bool = False

    @property
    def text(self) -> str:
        return "*".join(self.pieces)


@dataclass(frozen=True, slots=True)
class RawTerm:
    """A term as it was written; `key` is empty for a word. `plain` says that nothing but its words say what it is."""

    key: str
    values: tuple[RawValue, ...]
    negated: bool
    start: int
    end: int
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Joint:
    """An `AND` or `OR`; a `soft` one is in lower case, and a word where no key stands beside it."""

    is_or: bool
    soft: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class RawGroup:
    """What stands in brackets."""

    items: tuple[Item, ...]
    negated: bool
    start: int
    end: int


Item = RawTerm | RawGroup | Joint
Operand = RawTerm | RawGroup


def scan(text: str) -> list[Item]:
    """The items of a line. Raises `Misread` where its syntax doesn't fit."""
    scanner = _Scanner(text)
    items = scanner.items()
    habits.check_words(text, items)
    return items


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.syntax = folded(text)
        self.at = 0
        self.start = 0
        self.depth = 0
        self.nested = 0

    # -- items -------------------------------------------------------------------------------------------------

    def items(self) -> list[Item]:
        """The items up to the end, or to the bracket that closes the group."""
        items: list[Item] = []
        while self._skip() and not (self.depth and self._next() == ")"):
            self.start = self.at
            habits.check_operator(self.text, items, self.at)
            items.append(self._item())
        return items

    def _skip(self) -> bool:
        while self.at < len(self.text) and (self.syntax[self.at].isspace() or self.syntax[self.at] == _UNSEEN):
            self.at += 1
        return self.at < len(self.text)

    def _next(self) -> str:
        return self.syntax[self.at] if self.at < len(self.text) else ""

    def _ends(self) -> bool:
        if self.at >= len(self.text) or self.text[self.at].isspace():
            return True
        if self.depth and self._next() == ")":
            return True
        rest = self.syntax[self.at :].lstrip(_UNSEEN) if self._next() == _UNSEEN else "x"
        return not rest or rest[0].isspace()

    def _chunk(self, at: int) -> str:
        match = _CHUNK.match(self.syntax, at)
        return match[0].rstrip(")") if match and self.depth else match[0] if match else ""

    def _error(self, message: str, hint: str = "", *, offers: Sequence[str] = (), quote: str = "") -> Misread:
        chunk = _CHUNK.match(self.text, self.at)
        return Misread(message, self.start, chunk.end() if chunk else self.at, hint, offers, quote)

    def _more(self) -> Misread:
        return self._error(
            "There is more after the closing quote.", "Leave a space there, or put all of it in quotes."
        )

    def _item(self) -> Item:
        chunk = self._chunk(self.at)
        if chunk.lower() in ANDS or chunk.lower() in ORS:
            self.at += len(chunk)
            return Joint(chunk.lower() in ORS, chunk != chunk.upper(), self.start, self.at)
        if chunk.startswith("|"):
            raise habits.pipe(self.text, self.at)
        return self._operand()

    # -- what negates ------------------------------------------------------------------------------------------

    def _operand(self) -> Operand:
        self.nested += 1
        if self.nested > _DEEPEST:
            raise self._error("This is nested too deeply.", "Leave out brackets and negations.")
        operand = self._signed()
        self.nested -= 1
        return operand

    def _signed(self) -> Operand:
        start, chunk = self.start, self._chunk(self.at)
        if chunk in NOTS and (chunk == "NOT" or _NEXT_CHUNK.match(self.syntax, self.at + len(chunk))):
            self.at += len(chunk)
            if self._ends() and not _NEXT_CHUNK.match(self.syntax, self.at):
                raise Misread("NOT stands before no term.", start, self.at, quote=quoted(chunk))
            self._skip()
            return self._not(start, soft=chunk != "NOT")
        if self._next() == "!":
            self.at += 1
            self._skip()
            if self.at >= len(self.text) or self._next() in "=~":
                raise self._error("! stands before no term.", quote=self.text[start : self.at])
            return self._not(start, soft=False)
        if self._next() == "+" and re.match(r"[^\W\d_]|[\"'(]", self.syntax[self.at + 1 :]):
            self.at += 1  # what other languages require, and every term is required here
        negated = self._next() == "-"
        self.at += negated
        if negated and (self._ends() or self._next() == "-"):
            raise self._lone_minus()
        return self._negated(self._primary(), start) if negated else self._primary()

    def _lone_minus(self) -> Misread:
        following = _NEXT_CHUNK.match(self.text, self.at)
        return self._error(
            "A minus needs one term right after it.",
            'For "not" write -key:value. A text that begins with a minus goes in quotes: "-a".',
            offers=[f"-{following[1]}"] if following else [],
            quote=self.text[self.start : self.at],
        )

    def _not(self, start: int, *, soft: bool) -> Operand:
        first = self.at
        operand = self._operand()
        if soft and isinstance(operand, RawTerm) and operand.plain:
            word = self.text[first : self.at]
            raise Misread(
                "not before a word may be a word itself.", start, self.at,
                offers=[f"-{word}", quoted(f"{self.text[start:first]}{word}")],
            )  # fmt: skip
        return self._negated(operand, start)

    def _negated(self, operand: Operand, start: int) -> Operand:
        if operand.negated:
            raise Misread("This is negated twice.", start, self.at, "Take one of the two away.")
        return replace(operand, negated=True, start=start)

    # -- a term ------------------------------------------------------------------------------------------------

    def _primary(self) -> Operand:
        start = self.at
        if (alone := self._alone()) is not None:
            return alone
        if self._next() == "(":
            return self._group()
        if self._opens_quote():
            value = self._quoted()
            if not self._ends():
                raise self._more()
            return self._word(value)
        if self._next() == "{" and re.match(r"\{\s*\"", self.syntax[self.at :]):
            raise habits.json(self.text, self.at)
        if self._next() == "/":
            return RawTerm("path", (self._bare(commas=True),), False, self.start, self.at, plain=True)
        keyed = self._keyed()
        if keyed is not None:
            return keyed
        value = self._bare(commas=True)
        habits.check_word(self.text, self.start, start, self.at)
        return self._word(value)

    def _word(self, value: RawValue) -> RawTerm:
        return RawTerm("", (value,), False, self.start, self.at, plain=True)

    def _alone(self) -> RawTerm | None:
        """An address, a network or a URL: their colons are no keys, nor are the brackets around them groups."""
        chunk = self.text[self.at : self.at + len(self._chunk(self.at))] if self.at < len(self.text) else ""
        bare = chunk.strip(ZERO_WIDTH)
        url = _URL.match(bare)
        if url is not None and url[1].lower() not in FIELDS:
            self.at += len(chunk)
            return self._word(RawValue((bare,)))
        found = address_or_network(bare)
        if found is None:
            return None
        self.at += len(chunk)
        return replace(self._word(RawValue((found,))), key="ip" if "/" in found else "")

    def _group(self) -> RawGroup:
        start = self.at
        self.at += 1
        self.depth += 1
        outer = self.start
        items = self.items()
        self.start = outer
        if self._next() != ")":
            text = self.text[start:]
            raise Misread("A bracket is not closed.", start, len(self.text), offers=[f"{text})"], quote=quoted(text))
        self.at += 1
        self.depth -= 1
        if not self._ends():
            raise habits.odd(self.text, self.start, start, self._chunk_end())
        if not items:
            raise Misread("There is nothing in the brackets.", start, self.at, quote=quoted("()"))
        return RawGroup(tuple(items), False, self.start, self.at)

    def _chunk_end(self) -> int:
        chunk = _CHUNK.match(self.text, self.at)
        return chunk.end() if chunk else self.at

    # -- keys --------------------------------------------------------------------------------------------------

    def _keyed(self) -> RawTerm | None:
        """A term with a key, whatever stands between it and its value; `None` for a word."""
        key = _KEY.match(self.syntax, self.at)
        sign = _SEPARATOR.match(self.syntax, key.end()) if key else None
        if key is None or sign is None or not (sign["colon"] or sign["sign"] or sign["order"]):
            return None
        name = without_zero_width(key[0]).lower()
        known = is_known(name)
        empty = sign.end() >= len(self.text)
        if not known and (sign["gap"] or sign["sign"] == "~" or (empty and not sign["colon"])):
            return None
        if sign["gap"] and (empty or not (known and self._value_follows(sign.end()))):
            return None
        self.at = sign.end()
        if known and self._value_follows(self.at):
            self._skip()
        negated = sign["sign"] in ("!=", "!==", "!~", "<>", "≠", "!")
        if name in BOUNDS:
            name, values = self._bounded(BOUNDS[name], known_as=name)
        elif sign["sign"] in ("~", "=~", "!~"):
            values = (self._pattern(),)
        else:
            values = self._values_of(name)
        return RawTerm(name, values, negated, self.start, self.at)

    def _value_follows(self, at: int) -> bool:
        """Whether what comes after these spaces can be a value: not the end, a key or a joint."""
        rest = self.syntax[at:].lstrip(f" \t\r\n\u00a0\u3000{_UNSEEN}")
        chunk = self._chunk(len(self.syntax) - len(rest))
        if not chunk or chunk.lower() in ANDS or chunk.lower() in ORS or chunk in NOTS:
            return False
        key = _KEY.match(chunk)
        return key is None or not (chunk[key.end() : key.end() + 1] in (":", "=") and is_known(key[0]))

    def _values_of(self, name: str) -> tuple[RawValue, ...]:
        field = FIELDS.get(name)
        if field is None:
            return self._values(None)
        if self._next() in "([{" and not self._ends():
            self._bracketed(field.kind is Kind.ADDRESS, name)
        if field.kind in (Kind.TIME, Kind.LAST) and not self._opens_quote() and self._next() != "~":
            return self._times(name)
        values = self._values(field.kind, name)
        return self._directed(values) if field.kind is Kind.ORDER else values

    def _directed(self, values: tuple[RawValue, ...]) -> tuple[RawValue, ...]:
        """The fields of `sort:` with the direction that SQL writes after the last."""
        following = _NEXT_CHUNK.match(self.syntax, self.at)
        way = DIRECTIONS.get(following[1].lower()) if following else None
        if following is None or way is None:
            return values
        self.at = following.end()
        return (*values[:-1], RawValue((way + values[-1].text.removeprefix("-"),)))

    def _bracketed(self, is_address: bool, name: str) -> None:
        """Leave an IPv6 address in its brackets; raise for every other bracket, which is another language's list."""
        address = re.match(r"\[[0-9A-Fa-f:.]+(%\w+)?\](?=[\s,)]|$)", self.syntax[self.at :])
        if not (is_address and address):
            raise habits.brackets(self.text, self.start, self.at, name)

    # -- times -------------------------------------------------------------------------------------------------

    def _times(self, key: str) -> tuple[RawValue, ...]:
        """The longest text from here on that is a time, of as many words as it takes."""
        read: Callable[[str], object] = read_ago if key == "last" else read_times
        for end in reversed(self._time_ends()):
            text = without_zero_width(self.text[self.at : end])
            for parts in dict.fromkeys(((text,), tuple(part.strip() for part in text.split(",")))):
                if _state(read, parts):
                    self.at = end
                    return tuple(RawValue((part,)) for part in parts)
        return self._values(None)

    def _time_ends(self) -> list[int]:
        ends: list[int] = []
        at = self.at
        while len(ends) < _MOST_CHUNKS and (chunk := self._chunk(at)):
            if ends and (chunk in NOTS or chunk.lower() in ANDS or chunk.lower() in ORS or self._begins_term(chunk)):
                break
            ends.append(at + len(chunk))
            at = ends[-1]
            while at < len(self.text) and self.text[at].isspace():
                at += 1
        return ends

    def _begins_term(self, chunk: str) -> bool:
        key = _KEY.match(chunk.lstrip("-!"))
        return chunk[0] in '"(' or (
            key is not None and is_known(key[0]) and chunk.lstrip("-!")[key.end() :][:1] == ":"
        )

    def _bounded(self, sign: str, known_as: str) -> tuple[str, tuple[RawValue, ...]]:
        """What `since:` and its like mean: a bound of `created:`, or for a length of time `last:`."""
        quoted = self._opens_quote()
        begun = re.match(r"[<>=≥≤]+\s*", self.syntax[self.at :])
        if begun:
            self.at += begun.end()
        values = self._values(None) if quoted else self._bounding_times(sign)
        text = values[0].text
        if sign == ">=" and is_ago(text) and known_as != "to":
            return "last", values
        if is_ago(text):
            text = f"-{text}"
        return "created", (RawValue((f"{sign}{text}",)), *values[1:])

    def _bounding_times(self, sign: str) -> tuple[RawValue, ...]:
        for end in reversed(self._time_ends()):
            text = without_zero_width(self.text[self.at : end])
            if is_ago(text) or _state(read_times, (f"{sign}{text}",)):
                self.at = end
                return (RawValue((text,)),)
        return self._values(None)

    # -- values ------------------------------------------------------------------------------------------------

    def _values(self, kind: Kind | None, name: str = "") -> tuple[RawValue, ...]:
        spaced = kind in (Kind.NUMBER, Kind.ADDRESS)
        if spaced and (order := _ORDER.match(self.syntax, self.at)):
            self.at = order.end()
            value = self._bare()
            values = [replace(value, pieces=(order[1] + value.pieces[0], *value.pieces[1:]))]
        else:
            values = [self._value(kind, name)]
        while True:
            further = _FURTHER.match(self.syntax, self.at) if spaced else None
            if further and self._value_follows(further.end()):
                self.at = further.end()
            elif self._next() == ",":
                self.at += 1
                self._check_list(name)
            else:
                return tuple(values)
            values.append(self._value(kind, name))

    def _check_list(self, name: str) -> None:
        following = _NEXT_CHUNK.match(self.text, self.at)
        if name and following and self._value_follows(self.at):
            raise self._error(
                f"{name}: lacks a value after the comma.",
                offers=[f"{self.text[self.start : self.at]}{following[1]}"],
            )

    def _value(self, kind: Kind | None, name: str) -> RawValue:
        if self._opens_quote():
            return self._quoted()
        if self._next() == "'":
            rest = self.text[self.at : self._chunk_end()]
            key = self.text[self.start : self.at]
            raise self._error("A quote is not closed.", offers=[key + rest.strip("'‘’‚‛")], quote=key + quoted(rest))
        if self._next() == "~":
            self.at += 1
            return self._pattern()
        start = self.at
        value = self._bare()
        if name and kind in (Kind.EXACT, Kind.PART):
            habits.check_value(self.text, self.start, start, self.at, name, exact=kind is Kind.EXACT)
        elif kind is not None and "|" in self.text[start : self.at]:
            habits.check_value(self.text, self.start, start, self.at, name, exact=True)
        return value

    def _pattern(self) -> RawValue:
        """A pattern has commas, quotes and backslashes of its own: it ends at a space, unless it is in quotes."""
        if self._opens_quote():
            return replace(self._quoted(), pattern=True)
        start = self.at
        opened = 0
        while self.at < len(self.text) and not self.text[self.at].isspace():
            opened += {"(": 1, ")": -1}.get(self.text[self.at], 0)
            if self.depth and opened < 0:
                break
            self.at += 1
        return RawValue((self.text[start : self.at],), pattern=True)

    def _opens_quote(self) -> bool:
        """Whether a quote begins here; an apostrophe does where another one ends the value."""
        if self._next() == "'":
            return _CLOSING.search(self.syntax, self.at + 2) is not None
        return self._next() == '"'

    def _quoted(self) -> RawValue:
        found: list[str] = []
        opening, mark = self.text[self.at], self._next()
        self.at += 1
        while not self._closes(opening, mark):
            if self.at >= len(self.text):
                raise self._error("A quote is not closed.", 'Add " at the end; for a quote in the text write \\".')
            character = self.text[self.at]
            self.at += 1
            if character == "\\" and self._next() in ("\\", mark):
                character = self.text[self.at]
                self.at += 1
            found.append(character)
        self.at += 1
        if self._next() == ":":
            raise habits.quoted_key(self.text, "".join(found), self.start, self.at, self._chunk_end())
        if not self._ends() and self._next() != ",":
            raise self._more()
        return RawValue(("".join(found),), quoted=True)

    def _closes(self, opening: str, mark: str) -> bool:
        """A straight quote ends at a straight one; another at any of its kind, as chats mix them."""
        if mark == "'":
            return _CLOSING.match(self.syntax, self.at) is not None
        return self._next() == mark and (opening != mark or self.text[self.at] == mark)

    def _bare(self, *, commas: bool = False) -> RawValue:
        pieces = [""]
        opened = 0
        while not self._bare_ends(opened, commas=commas):
            character = self.text[self.at]
            opened += {"(": 1, ")": -1}.get(character, 0)
            self.at += 1
            following = self.text[self.at : self.at + 1]
            if character == "\\" and following and is_syntax(following):
                self.at += 1
                pieces[-1] += following
            elif character == "*":
                pieces.append("")
            elif character == "\\" and not following:
                raise self._error("The backslash at the end stands before nothing.", r"For a backslash write \\.")
            elif character == '"':
                raise self._error("A quote begins within a value.", 'Put the whole value in quotes, or write \\".')
            else:
                pieces[-1] += character
        if len(pieces) == 1:
            pieces[0] = pieces[0].strip(ZERO_WIDTH)
        while self._next() == _UNSEEN:
            self.at += 1
        return RawValue(tuple(pieces))

    def _bare_ends(self, opened: int, *, commas: bool) -> bool:
        if self.at >= len(self.text) or self.text[self.at].isspace():
            return True
        return (not commas and self.text[self.at] == ",") or (self.depth > 0 and opened <= 0 and self._next() == ")")


def _state(read: Callable[[str], object], parts: Iterable[str]) -> bool:
    """Whether this is a time, or one of which the reader can tell what it may mean."""
    try:
        for part in parts:
            read(part)
    except NoTimeError as error:
        return bool(error.readings)
    except (ValueError, OverflowError):
        return False
    return True
