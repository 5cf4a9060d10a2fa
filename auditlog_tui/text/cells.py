"""Terminal cell widths, and text padded or cut to a number of cells.

Widths are those on which terminals, Rich (and so Textual) and the C library agree. `safe()` replaces every other
character, so these functions expect its output.
"""

from __future__ import annotations

import unicodedata
from typing import Literal

_CACHE = 65_536


class _Widths(dict[str, int]):
    """Cell width by character, computed on first use."""

    def __missing__(self, character: str) -> int:
        if len(self) >= _CACHE:
            self.clear()
        width = self[character] = _width(character)
        return width


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


_WIDTHS = _Widths()


def cell_width(text: str) -> int:
    """The width of `text` in cells."""
    if text.isascii():
        return len(text)
    return sum([_WIDTHS[character] for character in text])


def fit(text: str, width: int, align: Literal["left", "right"] = "left", ellipsis: str = "…") -> str:
    """`text` in exactly `width` cells: padded with spaces, or cut with an ellipsis at its end."""
    if text.isascii() and len(text) <= width:
        return text.ljust(width) if align == "left" else text.rjust(width)
    shortened = shorten_end(text, width, ellipsis)
    padding = " " * (width - cell_width(shortened))
    return shortened + padding if align == "left" else padding + shortened


def shorten_end(text: str, width: int, ellipsis: str = "…") -> str:
    """`text` in at most `width` cells; an ellipsis (one cell) replaces what is cut from its end."""
    if _fits(text, width):
        return text
    return _head(text, width - 1) + ellipsis if width > 0 else ""


def shorten_middle(text: str, width: int, ellipsis: str = "…") -> str:
    """`text` in at most `width` cells, cut in the middle because IDs and paths differ at their ends."""
    if _fits(text, width):
        return text
    if width <= 0:
        return ""
    tail = _tail(text, (width - 1) // 2)
    return _head(text, width - 1 - cell_width(tail)) + ellipsis + tail


def _fits(text: str, width: int) -> bool:
    return len(text) <= width if text.isascii() else cell_width(text) <= width


def _head(text: str, width: int) -> str:
    """The longest prefix of `text` within `width` cells, with the combining marks of its last character."""
    if text.isascii():
        return text[:width]
    used = 0
    for position, character in enumerate(text):
        used += _WIDTHS[character]
        if used > width:
            return text[:position]
    return text


def _tail(text: str, width: int) -> str:
    """The longest suffix of `text` within `width` cells.

    It never starts with a combining mark, which would attach to the character before it.
    """
    start = len(text)
    if text.isascii():
        return text[start - width :]
    used = 0
    for position in range(len(text) - 1, -1, -1):
        cells = _WIDTHS[text[position]]
        used += cells
        if used > width:
            break
        if cells:
            start = position
    return text[start:]
