"""For terminals that can't be sent anything but ASCII: everything drawn, borders and names included, as ASCII."""

from __future__ import annotations

from dataclasses import astuple
from itertools import cycle, islice

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from auditlog_tui.text.present import ASCII, UNICODE


def _as_long(likeness: str, drawn: str) -> str:
    """The spinner has fewer frames in ASCII: they come round again."""
    return "".join(islice(cycle(likeness), len(drawn)))


_DRAWN = {
    "─": "-", "━": "-", "│": "|", "┃": "|", "╭": "+", "╮": "+", "╰": "+", "╯": "+", "┌": "+", "┐": "+", "└": "+",
    "┘": "+", "├": "+", "┤": "+", "▔": "-", "▁": "_", "▏": "|", "▕": "|", "▎": "|", "▊": "|", "█": "#", "▀": "#",
    "▄": "#", "⏎": "<", "⌫": "<", "⇧": "^", "↑": "^", "↓": "v", "←": "<", "→": ">", "≤": "<", "≥": ">", "×": "x",
    "·": "-", "—": "-", "–": "-", "“": '"', "µ": "u", "”": '"',
}  # fmt: skip
"""What is drawn besides our glyphs: borders, and signs in texts. Pairs, so that none can take another's place."""

_GLYPHS = {
    glyph: plain
    for drawn, likeness in zip(astuple(UNICODE), astuple(ASCII), strict=True)
    for glyph, plain in zip(drawn, _as_long(likeness, drawn), strict=True)
    if not glyph.isascii()
}
REPLACEMENTS = {**_GLYPHS, **_DRAWN}


class AsciiFilter(LineFilter):
    """Takes no more and no fewer cells than what it replaces; a character without a likeness is `?`."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(_ascii(text), style, control) for text, style, control in segments]


def _ascii(text: str) -> str:
    if text.isascii():
        return text
    return "".join(each if each.isascii() else REPLACEMENTS.get(each, "?" * cell_len(each)) for each in text)
