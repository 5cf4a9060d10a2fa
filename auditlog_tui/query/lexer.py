"""Splits a line into raw terms, connectives and groups with their columns. The grammar is in `parse`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from auditlog_tui.query import habits
from auditlog_tui.query.addresses import address_or_network
from auditlog_tui.query.fields import BOUNDS, FIELDS, Kind, is_known
from auditlog_tui.query.format import quoted
from auditlog_tui.query.habits import Misread
from auditlog_tui.query.reserved import (
    ANDS,
    DIRECTIONS,
    NOTS,
    ORS,
    ZERO_WIDTH,
    folded,
    is_syntax,
    without_zero_width,
)
from auditlog_tui.query.times import NoTimeError, is_ago, read_ago, read_times
from auditlog_tui.text.late import late_pattern

_INVISIBLE = ZERO_WIDTH[0]
_KEY = late_pattern(rf"[{_INVISIBLE}@$_]*[^\W\d_](?:[\w.\-{_INVISIBLE}]*\w)?{_INVISIBLE}*")
_SEPARATOR = late_pattern(
    r"(?P<gap>\s*)(?P<colon>:)?(?P<sign>!==?|!~|<>|≠|=~|={1,3}(?![<>=~])|(?<!:)~|(?<=:)!(?=[^\s=]))?(?=(?P<order>[<>≥≤]|=[<>])?)"
)
_ORDER = late_pattern(r"(>=|<=|=>|=<|>|<|≥|≤)\s+(?=\S)")
_URL = late_pattern(r"([A-Za-z][A-Za-z0-9+.\-]*)://")
_CHUNK = late_pattern(r"\S+")
_NEXT_CHUNK = late_pattern(r"\s+(\S+)")
_FURTHER = late_pattern(rf"[\s{_INVISIBLE}]*,[\s{_INVISIBLE}]*(?=[\d<>=\[\"'a-f])")
_CLOSING = late_pattern(r"['](?=[\s,)]|$)")
_DEEPEST = 20
"""The deepest nesting of brackets and negations."""

_MOST_CHUNKS = 12
"""The most words in a time: a range of two times with zones."""


class RawValue(Struct, frozen=True):
    """A value as typed: `pieces` are the texts between unescaped stars; it may be `quoted` or a `pattern` (`~`)."""

    pieces: tuple[str, ...]
    quoted: bool = False
    pattern: bool = False

    @property
    def text(self) -> str:
        return "*".join(self.pieces)


class RawTerm(Struct, frozen=True):
    """A term as typed; `key` is empty for a word. A `plain` term has no key written before it."""

    key: str
    values: tuple[RawValue, ...]
    negated: bool
    start: int
    end: int
    plain: bool = False


class Connective(Struct, frozen=True):
    """An `AND` or `OR`. A `soft` one is in lower case, and is a word unless a key stands beside it."""

    is_or: bool
    soft: bool
    start: int
    end: int


class RawGroup(Struct, frozen=True):
    """The items in a pair of brackets."""

    items: tuple[Item, ...]
    negated: bool
    start: int
    end: int


Item = RawTerm | RawGroup | Connective
Operand = RawTerm | RawGroup


def scan(text: str) -> list[Item]:
    """The items of a line. Raises `Misread` for invalid syntax."""
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
        """The items up to the end of the line or the bracket that closes the group."""
        items: list[Item] = []
        while self._skip_spaces() and not (self.depth and self._peek() == ")"):
            self.start = self.at
            habits.check_operator(self.text, items, self.at)
            items.append(self._item())
        return items

    def _skip_spaces(self) -> bool:
        while self.at < len(self.text) and (self.syntax[self.at].isspace() or self.syntax[self.at] == _INVISIBLE):
            self.at += 1
        return self.at < len(self.text)

    def _peek(self) -> str:
        return self.syntax[self.at] if self.at < len(self.text) else ""

    def _at_end(self) -> bool:
        if self.at >= len(self.text) or self.text[self.at].isspace():
            return True
        if self.depth and self._peek() == ")":
            return True
        rest = self.syntax[self.at :].lstrip(_INVISIBLE) if self._peek() == _INVISIBLE else "x"
        return not rest or rest[0].isspace()

    def _chunk(self, at: int) -> str:
        match = _CHUNK.match(self.syntax, at)
        return match[0].rstrip(")") if match and self.depth else match[0] if match else ""

    def _error(self, message: str, hint: str = "", *, offers: Sequence[str] = (), quote: str = "") -> Misread:
        chunk = _CHUNK.match(self.text, self.at)
        return Misread(message, self.start, chunk.end() if chunk else self.at, hint, offers, quote)

    def _text_after_quote(self) -> Misread:
        return self._error("Text follows the closing quote.", "Leave a space there, or put all of it in quotes.")

    def _item(self) -> Item:
        chunk = self._chunk(self.at)
        if chunk.lower() in ANDS or chunk.lower() in ORS:
            self.at += len(chunk)
            return Connective(chunk.lower() in ORS, chunk != chunk.upper(), self.start, self.at)
        if chunk.startswith("|"):
            raise habits.pipe_error(self.text, self.at)
        return self._operand()

    # -- negation ----------------------------------------------------------------------------------------------

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
            if self._at_end() and not _NEXT_CHUNK.match(self.syntax, self.at):
                raise Misread("NOT needs a term after it.", start, self.at, quote=quoted(chunk))
            self._skip_spaces()
            return self._not(start, soft=chunk != "NOT")
        if self._peek() == "!":
            self.at += 1
            self._skip_spaces()
            if self.at >= len(self.text) or self._peek() in "=~":
                raise self._error("! needs a term after it.", quote=self.text[start : self.at])
            return self._not(start, soft=False)
        if self._peek() == "+" and re.match(r"[^\W\d_]|[\"'(]", self.syntax[self.at + 1 :]):
            self.at += 1  # "required" in other languages, as every term is in this one
        negated = self._peek() == "-"
        self.at += negated
        if negated and (self._at_end() or self._peek() == "-"):
            raise self._lone_minus()
        return self._negated(self._primary(), start) if negated else self._primary()

    def _lone_minus(self) -> Misread:
        following = _NEXT_CHUNK.match(self.text, self.at)
        return self._error(
            "A minus needs one term right after it.",
            'For "not" write -key:value. Put text that begins with a minus in quotes: "-a".',
            offers=[f"-{following[1]}"] if following else [],
            quote=self.text[self.start : self.at],
        )

    def _not(self, start: int, *, soft: bool) -> Operand:
        first = self.at
        operand = self._operand()
        if soft and isinstance(operand, RawTerm) and operand.plain:
            word = self.text[first : self.at]
            raise Misread(
                "not before a word is ambiguous.", start, self.at,
                offers=[f"-{word}", quoted(f"{self.text[start:first]}{word}")],
            )  # fmt: skip
        return self._negated(operand, start)

    def _negated(self, operand: Operand, start: int) -> Operand:
        if operand.negated:
            raise Misread("This is negated twice.", start, self.at, "Remove one of the two.")
        return replace(operand, negated=True, start=start)

    # -- a term ------------------------------------------------------------------------------------------------

    def _primary(self) -> Operand:
        start = self.at
        if (standalone := self._standalone()) is not None:
            return standalone
        if self._peek() == "(":
            return self._group()
        if self._opens_quote():
            value = self._quoted()
            if not self._at_end():
                raise self._text_after_quote()
            return self._word(value)
        if self._peek() == "{" and re.match(r"\{\s*\"", self.syntax[self.at :]):
            raise habits.json_error(self.text, self.at)
        if self._peek() == "/":
            return RawTerm("path", (self._bare(commas=True),), False, self.start, self.at, plain=True)
        keyed = self._keyed()
        if keyed is not None:
            return keyed
        value = self._bare(commas=True)
        habits.check_word(self.text, self.start, start, self.at)
        return self._word(value)

    def _word(self, value: RawValue) -> RawTerm:
        return RawTerm("", (value,), False, self.start, self.at, plain=True)

    def _standalone(self) -> RawTerm | None:
        """An address, a network or a URL, whose colons and brackets are not syntax; else `None`."""
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
        if self._peek() != ")":
            text = self.text[start:]
            raise Misread("A bracket is not closed.", start, len(self.text), offers=[f"{text})"], quote=quoted(text))
        self.at += 1
        self.depth -= 1
        if not self._at_end():
            raise habits.word_error(self.text, self.start, start, self._chunk_end())
        if not items:
            raise Misread("The brackets are empty.", start, self.at, quote=quoted("()"))
        return RawGroup(tuple(items), False, self.start, self.at)

    def _chunk_end(self) -> int:
        chunk = _CHUNK.match(self.text, self.at)
        return chunk.end() if chunk else self.at

    # -- keys --------------------------------------------------------------------------------------------------

    def _keyed(self) -> RawTerm | None:
        """A term with a key and any separator; `None` for a word."""
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
            self._skip_spaces()
        negated = sign["sign"] in ("!=", "!==", "!~", "<>", "≠", "!")
        if name in BOUNDS:
            name, values = self._bound_of_created(BOUNDS[name], known_as=name)
        elif sign["sign"] in ("~", "=~", "!~"):
            values = (self._pattern(),)
        else:
            values = self._values_of(name)
        return RawTerm(name, values, negated, self.start, self.at)

    def _value_follows(self, at: int) -> bool:
        """Whether a value can follow these spaces, that is, not the end, a key or a connective."""
        rest = self.syntax[at:].lstrip(f" \t\r\n\u00a0\u3000{_INVISIBLE}")
        chunk = self._chunk(len(self.syntax) - len(rest))
        if not chunk or chunk.lower() in ANDS or chunk.lower() in ORS or chunk in NOTS:
            return False
        key = _KEY.match(chunk)
        return key is None or not (chunk[key.end() : key.end() + 1] in (":", "=") and is_known(key[0]))

    def _values_of(self, name: str) -> tuple[RawValue, ...]:
        field = FIELDS.get(name)
        if field is None:
            return self._values(None)
        if self._peek() in "([{" and not self._at_end():
            self._check_bracket(field.kind is Kind.ADDRESS, name)
        if field.kind in (Kind.TIME, Kind.LAST) and not self._opens_quote() and self._peek() != "~":
            return self._times(name)
        values = self._values(field.kind, name)
        return self._with_direction(values) if field.kind is Kind.ORDER else values

    def _with_direction(self, values: tuple[RawValue, ...]) -> tuple[RawValue, ...]:
        """The fields of `sort:`, with SQL's `asc` or `desc` applied to the last one."""
        following = _NEXT_CHUNK.match(self.syntax, self.at)
        sign = DIRECTIONS.get(following[1].lower()) if following else None
        if following is None or sign is None:
            return values
        self.at = following.end()
        return (*values[:-1], RawValue((sign + values[-1].text.removeprefix("-"),)))

    def _check_bracket(self, is_address: bool, name: str) -> None:
        """Allow an IPv6 address in brackets; raise `Misread` for any other bracket, a list in another language."""
        address = re.match(r"\[[0-9A-Fa-f:.]+(%\w+)?\](?=[\s,)]|$)", self.syntax[self.at :])
        if not (is_address and address):
            raise habits.bracket_error(self.text, self.start, self.at, name)

    # -- times -------------------------------------------------------------------------------------------------

    def _times(self, key: str) -> tuple[RawValue, ...]:
        """The longest text at this position that is a time; it may have several words."""
        read: Callable[[str], object] = read_ago if key == "last" else read_times
        for end in reversed(self._time_ends()):
            text = without_zero_width(self.text[self.at : end])
            for parts in dict.fromkeys(((text,), tuple(part.strip() for part in text.split(",")))):
                if _is_time(read, parts):
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

    def _bound_of_created(self, sign: str, known_as: str) -> tuple[str, tuple[RawValue, ...]]:
        """The key and values of `since:` and its like: a bound of `created:`, or `last:` for a length of time."""
        quoted = self._opens_quote()
        begun = re.match(r"[<>=≥≤]+\s*", self.syntax[self.at :])
        if begun:
            self.at += begun.end()
        values = self._values(None) if quoted else self._bound_times(sign)
        text = values[0].text
        if sign == ">=" and is_ago(text) and known_as != "to":
            return "last", values
        if is_ago(text):
            text = f"-{text}"
        return "created", (RawValue((f"{sign}{text}",)), *values[1:])

    def _bound_times(self, sign: str) -> tuple[RawValue, ...]:
        for end in reversed(self._time_ends()):
            text = without_zero_width(self.text[self.at : end])
            if is_ago(text) or _is_time(read_times, (f"{sign}{text}",)):
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
            elif self._peek() == ",":
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
        if self._peek() == "'":
            rest = self.text[self.at : self._chunk_end()]
            key = self.text[self.start : self.at]
            raise self._error("A quote is not closed.", offers=[key + rest.strip("'‘’‚‛")], quote=key + quoted(rest))
        if self._peek() == "~":
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
        """A pattern. It may contain commas, quotes and backslashes, and ends at a space unless it is quoted."""
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
        """Whether a quote begins here. An apostrophe counts if another one ends the value."""
        if self._peek() == "'":
            return _CLOSING.search(self.syntax, self.at + 2) is not None
        return self._peek() == '"'

    def _quoted(self) -> RawValue:
        found: list[str] = []
        opening, mark = self.text[self.at], self._peek()
        self.at += 1
        while not self._closes(opening, mark):
            if self.at >= len(self.text):
                raise self._error("A quote is not closed.", 'Add " at the end; for a quote in the text write \\".')
            character = self.text[self.at]
            self.at += 1
            if character == "\\" and self._peek() in ("\\", mark):
                character = self.text[self.at]
                self.at += 1
            found.append(character)
        self.at += 1
        if self._peek() == ":":
            raise habits.quoted_key_error(self.text, "".join(found), self.start, self.at, self._chunk_end())
        if not self._at_end() and self._peek() != ",":
            raise self._text_after_quote()
        return RawValue(("".join(found),), quoted=True)

    def _closes(self, opening: str, mark: str) -> bool:
        """Whether the quote ends here: a straight one at a straight one, a curly one at any, as chats mix them."""
        if mark == "'":
            return _CLOSING.match(self.syntax, self.at) is not None
        return self._peek() == mark and (opening != mark or self.text[self.at] == mark)

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
                raise self._error("A backslash at the end escapes nothing.", r"For a literal backslash write \\.")
            elif character == '"':
                raise self._error("A quote begins within a value.", 'Put the whole value in quotes, or write \\".')
            else:
                pieces[-1] += character
        if len(pieces) == 1:
            pieces[0] = pieces[0].strip(ZERO_WIDTH)
        while self._peek() == _INVISIBLE:
            self.at += 1
        return RawValue(tuple(pieces))

    def _bare_ends(self, opened: int, *, commas: bool) -> bool:
        if self.at >= len(self.text) or self.text[self.at].isspace():
            return True
        return (not commas and self.text[self.at] == ",") or (self.depth > 0 and opened <= 0 and self._peek() == ")")


def _is_time(read: Callable[[str], object], parts: Iterable[str]) -> bool:
    """Whether the parts are times, or ambiguous ones for which the reader suggests readings."""
    try:
        for part in parts:
            read(part)
    except NoTimeError as error:
        return bool(error.readings)
    except (ValueError, OverflowError):
        return False
    return True
