"""Replaces everything drawn with ASCII, for terminals whose encoding has nothing else.

Overrides: `LineFilter.apply` (public). Installed through `PatchedApp.line_filters`.
Why: Textual draws borders and its own texts in Unicode whatever the terminal's encoding is.
Tested with Textual 8.2.8.
If Textual changes: such terminals would show escapes in place of borders, and lines out of place.
"""

from __future__ import annotations

from itertools import cycle, islice

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from auditlog_tui.text.glyphs import ASCII, UNICODE


def _as_long(plain: str, drawn: str) -> str:
    """`plain` repeated to the length of `drawn`: the ASCII spinner has fewer frames."""
    return "".join(islice(cycle(plain), len(drawn)))


_DRAWN = {
    "─": "-", "━": "-", "│": "|", "┃": "|", "╭": "+", "╮": "+", "╰": "+", "╯": "+", "┌": "+", "┐": "+", "└": "+",
    "┘": "+", "├": "+", "┤": "+", "▔": "-", "▁": "_", "▏": "|", "▕": "|", "▎": "|", "▊": "|", "█": "#", "▀": "#",
    "▄": "#", "⏎": "<", "⌫": "<", "⇧": "^", "↑": "^", "↓": "v", "←": "<", "→": ">", "≤": "<", "≥": ">", "×": "x",
    "·": "-", "—": "-", "–": "-", "“": '"', "µ": "u", "”": '"',
}  # fmt: skip
"""Characters drawn besides the program's glyphs: borders, and punctuation in texts."""

_GLYPHS = {
    glyph: plain
    for drawn, ascii_form in zip(UNICODE, ASCII, strict=True)
    for glyph, plain in zip(drawn, _as_long(ascii_form, drawn), strict=True)
    if not glyph.isascii()
}
REPLACEMENTS = {**_GLYPHS, **_DRAWN}


class AsciiFilter(LineFilter):
    """Keeps the width of every text. A character without a replacement becomes `?` in each of its cells."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(_ascii(text), style, control) for text, style, control in segments]


def _ascii(text: str) -> str:
    if text.isascii():
        return text
    return "".join(each if each.isascii() else REPLACEMENTS.get(each, "?" * cell_len(each)) for each in text)
