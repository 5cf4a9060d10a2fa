"""The one function between text from the wire and a screen.

A terminal obeys what it is sent, and none of the libraries between here and there stops a control sequence. What is
in an audit log was written by whoever called the API, so nothing of it is shown before `safe()` has seen it.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from itertools import accumulate

LIMIT = 10_000
"""Characters of one field that a screen shows; more stalls it, and nobody reads them there."""

_SHORTEST_LIMIT = 40
_MARKS_IN_A_ROW = 2
_CACHE = 65_536

# Printable by Unicode, and shown as their number all the same.
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
_WIDTH_DISPUTED = (  # Terminals, the C library and Rich give these different widths: a row of them would shift.
    (0x1161, 0x11FF),  # Hangul vowels and finals by themselves
    (0x2630, 0x2637),  # trigrams
    (0x268A, 0x268F),  # digrams
    (0x3248, 0x324F),  # circled numbers on black squares
    (0x4DC0, 0x4DFF),  # hexagrams
    (0xD7B0, 0xD7FF),  # Hangul vowels and finals by themselves
    (0x1171E, 0x1171E),  # an Ahom consonant sign: a mark that moves to a cell of its own by later versions of Unicode
    (0x1D300, 0x1D356),  # Tai Xuan Jing symbols
    (0x1D360, 0x1D376),  # counting rods
    (0x1F1E6, 0x1F1FF),  # halves of flags
    (0x1F3FB, 0x1F3FF),  # skin tones
)
_AS_NUMBER = frozenset(code for first, last in (*_INVISIBLE, *_WIDTH_DISPUTED) for code in range(first, last + 1))

_PLAIN = set(map(chr, range(0x20, 0x7F)))
"""Characters known to be shown as they are. It grows with what is seen."""

_MARKS: set[str] = set()
"""Combining marks seen: shown as they are, but not many of them in a row."""


def safe(text: str, limit: int = LIMIT) -> str:
    """`text` as one line that no terminal obeys, that hides nothing, and that can be encoded as UTF-8.

    Controls become their pictures (ESC `␛`, LF `␊`). Whatever else is invisible, reorders the text or has no agreed
    width becomes its number (`⟨U+202E⟩`): format characters, unassigned and private ones, lone surrogates, every
    space but the ordinary one, variation selectors. Of combining marks in a row two are drawn. `limit` is the
    longest result in characters (40 at least); what is cut is counted at the end.
    """
    if len(text) <= limit and ((text.isascii() and text.isprintable()) or _PLAIN.issuperset(text)):
        return text
    return _made_safe(text, max(limit, _SHORTEST_LIMIT))


def safe_lines(text: str, limit: int = LIMIT) -> str:
    """Every line of `text` made safe by itself, so that LF still ends a line; `limit` is that of one line."""
    return "\n".join([safe(line, limit) for line in text.split("\n")])


class _Pieces(dict[str, str]):
    """What each character is shown as, found when it is first seen."""

    def __missing__(self, character: str) -> str:
        if len(self) >= _CACHE:
            self.clear()
            _PLAIN.clear()
        piece = self[character] = _piece(character)
        if unicodedata.category(character) in ("Mn", "Me"):
            _MARKS.add(character)
        elif piece == character:
            _PLAIN.add(character)
        return piece


_PIECES = _Pieces()


def _piece(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    # Spacing marks (Mc) take a cell in some terminals and none in others.
    if not character.isprintable() or code in _AS_NUMBER or unicodedata.category(character) == "Mc":
        return _number(character)
    return character


def _number(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩"


def _made_safe(text: str, limit: int) -> str:
    pieces = [_PIECES[character] for character in text[:limit]]
    if not _MARKS.isdisjoint(pieces):
        _thin_out_marks(pieces)
    if len(text) <= limit:
        shown = "".join(pieces)
        if len(shown) <= limit:
            return shown
    return _cut(pieces, len(text), limit)


def _thin_out_marks(pieces: list[str]) -> None:
    """Draw no more than two marks in a row, and none that has nothing of this text to stand on."""
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
            pieces[surplus] = _number(pieces[surplus])
        elif end > surplus:
            # Counted where the first of them stood: a cut takes all of them or none.
            pieces[surplus:end] = [
                f"⟨{end - surplus:,} mark{'' if end - surplus == 1 else 's'}⟩",
                *[""] * (end - surplus - 1),
            ]
        start = end


def _cut(pieces: list[str], total: int, limit: int) -> str:
    room = limit - len(_rest(total))
    kept = bisect_right(list(accumulate(map(len, pieces))), room)
    return "".join(pieces[:kept]) + _rest(total - kept)


def _rest(count: int) -> str:
    return f"… +{count:,} character{'' if count == 1 else 's'}"
