"""Characters that chats and word processors put in place of ASCII, where they are syntax.

`folded` keeps every column, so that what is read in it can be cut out of the text as it was typed.
"""

from __future__ import annotations

import unicodedata

ZERO_WIDTH = "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\u00ad"
"""Characters that nobody sees: they mean nothing around a value or in a key."""

_FOLDS: dict[int, int | str] = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},  # full width
    **{ord(mark): '"' for mark in "“”„‟«»〝〞"},
    **{ord(mark): "'" for mark in "‘’‚‛"},
    **{ord(mark): "-" for mark in "‐‑‒–—―−﹣"},
    **{ord(mark): ":" for mark in "﹕∶ː"},
    **{ord(mark): ZERO_WIDTH[0] for mark in ZERO_WIDTH},
}

_NOTHING = {ord(mark): None for mark in ZERO_WIDTH}


SYNTAX = "*,\"'\\~<>=!|&(){}[]"
"""What a backslash takes the meaning from, spaces and what looks like these or like nothing aside."""


def is_syntax(character: str) -> bool:
    """Whether a character may mean something without a backslash before it."""
    return character.isspace() or character in ZERO_WIDTH or folded(character) in SYNTAX


def folded(text: str) -> str:
    """The text with the ASCII form of what may be syntax, and one character for all that is not seen."""
    return text if text.isascii() else text.translate(_FOLDS)


def without_zero_width(text: str) -> str:
    """The text without what is not seen."""
    return text if text.isascii() else text.translate(_NOTHING)


def as_ascii(text: str) -> str:
    """The nearest ASCII form of a text: full-width digits, dashes and the like are what they look like."""
    return unicodedata.normalize("NFKC", without_zero_width(text)).translate(_FOLDS)
