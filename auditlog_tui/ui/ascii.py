"""For terminals that can't be sent anything but ASCII: everything drawn, borders and names included, as ASCII."""

from __future__ import annotations

from dataclasses import astuple

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from auditlog_tui.output.present import ASCII, UNICODE

_DRAWN = dict(zip("─━│┃╭╮╰╯┌┐└┘├┤▔▁▏▕▎▊█▀▄⏎⌫⇧↑↓←→≤≥×·—–", "--||+++++++++++-_||||##^_<<^^v<><>x---", strict=False))
_GLYPHS = {
    unicode: ascii_
    for drawn, plain in zip(astuple(UNICODE), astuple(ASCII), strict=True)
    for unicode, ascii_ in zip(drawn, plain, strict=False)
    if not unicode.isascii()
}
_TABLE = {**_DRAWN, **_GLYPHS}


class AsciiFilter(LineFilter):
    """Takes no more and no fewer cells than what it replaces; a character without a likeness is `?`."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(_ascii(text), style, control) for text, style, control in segments]


def _ascii(text: str) -> str:
    if text.isascii():
        return text
    return "".join(each if each.isascii() else _TABLE.get(each, "?" * cell_len(each)) for each in text)
