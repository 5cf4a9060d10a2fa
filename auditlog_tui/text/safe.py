"""`safe()`: the one function through which text from the wire reaches a screen.

Terminals execute control sequences, and no library on the way removes them. The values in an audit log were chosen by
whoever called the API, so none is shown without passing through `safe()`.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from itertools import accumulate

LIMIT = 10_000
"""The most characters of one field that a screen shows; more would stall it, and nobody reads them there."""

_SHORTEST_LIMIT = 40
_MARKS_IN_A_ROW = 2
_CACHE = 65_536

# Printable according to Unicode, but without a visible shape: shown as code points.
_INVISIBLE = (
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x115F, 0x1160),  # Hangul fillers
    (0x17B4, 0x17B5),  # Khmer inherent vowels
    (0x180B, 0x180F),  # Mongolian variation selectors
    (0x2800, 0x2800),  # Braille blank
    (0x3164, 0x3164),  # Hangul filler
    (0xFE00, 0xFE0F),  # variation selectors, which also change a cell's width
    (0xFFA0, 0xFFA0),  # halfwidth Hangul filler
    (0x16FE4, 0x16FE4),  # Khitan filler
    (0x1D159, 0x1D159),  # musical null notehead
    (0xE0100, 0xE01EF),  # variation selectors
)
_WIDTH_DISPUTED = (  # Terminals, the C library and Rich disagree on their width, which would shift the rest of a row.
    (0x1161, 0x11FF),  # Hangul vowels and finals by themselves
    (0x2630, 0x2637),  # trigrams
    (0x268A, 0x268F),  # digrams
    (0x3248, 0x324F),  # circled numbers on black squares
    (0x4DC0, 0x4DFF),  # hexagrams
    (0xD7B0, 0xD7FF),  # Hangul vowels and finals by themselves
    (0x1171E, 0x1171E),  # an Ahom consonant sign: a mark to which later versions of Unicode give a cell of its own
    (0x1D300, 0x1D356),  # Tai Xuan Jing symbols
    (0x1D360, 0x1D376),  # counting rods
    (0x1F1E6, 0x1F1FF),  # halves of flags
    (0x1F3FB, 0x1F3FF),  # skin tones
)
_SHOWN_AS_CODE_POINT = frozenset(
    code for first, last in (*_INVISIBLE, *_WIDTH_DISPUTED) for code in range(first, last + 1)
)

_UNCHANGED = set(map(chr, range(0x20, 0x7F)))
"""Characters known to be shown unchanged; grows as characters are seen."""

_MARKS: set[str] = set()
"""Combining marks seen so far: shown unchanged, but at most `_MARKS_IN_A_ROW` in a row."""


def safe(text: str, limit: int = LIMIT) -> str:
    """`text` as one line without control sequences or invisible characters, which can be encoded as UTF-8.

    Control characters become their pictures (ESC `␛`, LF `␊`). Any other character that is invisible, reorders the
    text or has a disputed width becomes its code point (`⟨U+202E⟩`): format, unassigned and private-use characters,
    lone surrogates, every space but U+0020, variation selectors. Of consecutive combining marks two are kept.
    `limit` is the greatest length of the result in characters (at least 40); a cut result ends with the number of
    characters left out.
    """
    if len(text) <= limit and ((text.isascii() and text.isprintable()) or _UNCHANGED.issuperset(text)):
        return text
    return _sanitized(text, max(limit, _SHORTEST_LIMIT))


def safe_lines(text: str, limit: int = LIMIT) -> str:
    """Apply `safe()` to each line of `text`, keeping LF as the line break; `limit` applies to each line."""
    return "\n".join([safe(line, limit) for line in text.split("\n")])


class _Replacements(dict[str, str]):
    """The text shown for each character, computed on first use."""

    def __missing__(self, character: str) -> str:
        if len(self) >= _CACHE:
            self.clear()
            _UNCHANGED.clear()
        shown = self[character] = _replacement(character)
        if unicodedata.category(character) in ("Mn", "Me"):
            _MARKS.add(character)
        elif shown == character:
            _UNCHANGED.add(character)
        return shown


_REPLACEMENTS = _Replacements()


def _replacement(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    # Spacing marks (Mc) take a cell in some terminals and none in others.
    if not character.isprintable() or code in _SHOWN_AS_CODE_POINT or unicodedata.category(character) == "Mc":
        return _code_point(character)
    return character


def _code_point(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩"


def _sanitized(text: str, limit: int) -> str:
    pieces = [_REPLACEMENTS[character] for character in text[:limit]]
    if not _MARKS.isdisjoint(pieces):
        _limit_marks(pieces)
    if len(text) <= limit:
        shown = "".join(pieces)
        if len(shown) <= limit:
            return shown
    return _cut(pieces, len(text), limit)


def _limit_marks(pieces: list[str]) -> None:
    """Keep at most two marks in a row, and none at the start of the text, where they have no base character."""
    start = 0
    while start < len(pieces):
        if pieces[start] not in _MARKS:
            start += 1
            continue
        end = start
        while end < len(pieces) and pieces[end] in _MARKS:
            end += 1
        surplus = start + _MARKS_IN_A_ROW if start else start
        if end - surplus == 1:
            pieces[surplus] = _code_point(pieces[surplus])
        elif end > surplus:
            # Their number replaces the first and the others become empty, so that a cut removes all or none.
            pieces[surplus:end] = [
                f"⟨{end - surplus:,} mark{'' if end - surplus == 1 else 's'}⟩",
                *[""] * (end - surplus - 1),
            ]
        start = end


def _cut(pieces: list[str], total: int, limit: int) -> str:
    room = limit - len(_cut_note(total))
    kept = bisect_right(list(accumulate(map(len, pieces))), room)
    return "".join(pieces[:kept]) + _cut_note(total - kept)


def _cut_note(count: int) -> str:
    return f"… +{count:,} character{'' if count == 1 else 's'}"
