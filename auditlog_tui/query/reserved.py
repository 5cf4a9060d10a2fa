"""Characters and words with a meaning in the language; to search for them, they are quoted or escaped."""

from __future__ import annotations

import re
import unicodedata

from auditlog_tui.query.addresses import address_or_network
from auditlog_tui.query.fields import FIELDS
from auditlog_tui.query.times import UNITS
from auditlog_tui.settings.command_line import FIRST_WORDS

# -- characters, and what chats and word processors put in their place -----------------------------------------------

ZERO_WIDTH = "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\u00ad"
"""Invisible characters; they are ignored around values and in keys."""

_FOLDS: dict[int, int | str] = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},  # full width
    **{ord(mark): '"' for mark in "“”„‟«»〝〞"},
    **{ord(mark): "'" for mark in "‘’‚‛"},
    **{ord(mark): "-" for mark in "‐‑‒–—―−﹣"},
    **{ord(mark): ":" for mark in "﹕∶ː"},
    **{ord(mark): ZERO_WIDTH[0] for mark in ZERO_WIDTH},
}

_REMOVALS = {ord(mark): None for mark in ZERO_WIDTH}


SYNTAX = "*,\"'\\~<>=!|&(){}[]"
"""The characters that a backslash escapes, besides spaces, look-alikes of these and invisible characters."""


def is_syntax(character: str) -> bool:
    """Whether a character can have a meaning unless a backslash precedes it."""
    return character.isspace() or character in ZERO_WIDTH or folded(character) in SYNTAX


def folded(text: str) -> str:
    """The text with look-alikes of syntax replaced by ASCII, and all invisible characters by a single one.

    Every column stays the same, so that what is found here can be cut out of the typed text.
    """
    return text if text.isascii() else text.translate(_FOLDS)


def without_zero_width(text: str) -> str:
    """The text without invisible characters."""
    return text if text.isascii() else text.translate(_REMOVALS)


def as_ascii(text: str) -> str:
    """The nearest ASCII form of a text: full-width digits, dashes and other look-alikes are replaced."""
    return unicodedata.normalize("NFKC", without_zero_width(text)).translate(_FOLDS)


# -- words -----------------------------------------------------------------------------------------------------------

ANDS = frozenset({"and", "&&", "&"})
ORS = frozenset({"or", "||"})
NOTS = frozenset({"not", "NOT", "Not"})
DIRECTIONS = {"asc": "", "ascending": "", "desc": "-", "descending": "-"}
"""SQL's sort directions, and our sign before the field."""

COMPARISONS = {
    "eq": "", "is": "", "equals": "", "equal": "", "ne": "-", "neq": "-", "gt": ">", "gte": ">=", "ge": ">=",
    "lt": "<", "lte": "<=", "le": "<=", "in": "in", "like": "like", "ilike": "like", "contains": "part",
    "includes": "part", "has": "part", "matches": "~", "rlike": "~", "regexp": "~", "startswith": "first",
    "starts_with": "first", "endswith": "last", "ends_with": "last", "between": "between",
}  # fmt: skip
"""Operators written as words in other query languages, and our sign or method for each."""

ABBREVIATED = frozenset({"eq", "ne", "neq", "gt", "gte", "lt", "lte", "ilike", "rlike"})
"""The operators that are not words of English, so that they are operators beside any word."""

COMMANDS = frozenset({"where", "search", "select", "filter", "from", "fields", "show"})
"""First words of queries in other languages."""

LIMITS = frozenset({"limit", "head", "tail", "take", "top", "first"})
ORDERS = frozenset({"order", "sort", "group", "sorted", "count"})
"""Words before `by` in other languages."""

NO_VALUE = frozenset({"null", "nil", "undefined", "empty", "nothing", "-"})
"""Words for an absent value in other languages; ours is `none`."""

_RESERVED = frozenset({
    *ANDS, *ORS, "not", "to", "until", "till", "utc", "gmt", "ago", "am", "pm", "at", "now", "today", "yesterday",
    *DIRECTIONS, *COMPARISONS, *COMMANDS, *LIMITS, *ORDERS, *FIRST_WORDS, *FIELDS, "by", *UNITS,
})  # fmt: skip
_WORD = re.compile(r"\w[\w.@%+#/-]*")
_CLOCK = re.compile(r"\d{1,2}[ap]m", re.ASCII)


def is_plain(word: str) -> bool:
    """Whether a text needs no quotes to be searched for, wherever it stands in a filter."""
    return (
        _WORD.fullmatch(word) is not None
        and word.lower() not in _RESERVED
        and not _CLOCK.fullmatch(word.lower())
        and not word.endswith((".", ","))
        and "/" not in (address_or_network(word) or "")
    )
