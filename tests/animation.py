"""Records a program in a real terminal and draws the recording as an animated SVG.

The frames lie side by side in the picture, and one CSS animation moves the strip from frame to frame. A row that
several frames share is drawn once. Each run of text has its width in cells, so no font needs to be embedded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any
from xml.sax.saxutils import escape

CELL_W, CELL_H = 8.4, 18
"""A cell in pixels."""

MARGIN, CAPTION_H = 12, 40
FONT = 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace'
FOREGROUND, BACKGROUND = "e0e0e0", "121212"
NAMES = {
    "black": "000000", "red": "cd3131", "green": "0dbc79", "brown": "e5e510", "blue": "2472c8", "magenta": "bc3fbc",
    "cyan": "11a8cd", "white": "e5e5e5", "brightblack": "666666", "brightred": "f14c4c", "brightgreen": "23d18b",
    "brightbrown": "f5f543", "brightblue": "3b8eea", "brightmagenta": "d670d6", "brightcyan": "29b8db",
    "brightwhite": "ffffff",
}  # fmt: skip
"""Colours by pyte's names for the first sixteen."""

Cells = Sequence[Sequence[Any]]
"""A screen's cells as pyte has them, row by row."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A screen, how long it is shown in seconds, and the line below it."""

    cells: Cells
    seconds: float
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Style:
    """How a cell is drawn; colours are `rrggbb`."""

    ink: str
    paper: str
    bold: bool
    italic: bool
    underlined: bool

    @property
    def css(self) -> str:
        more = (
            ("font-weight:bold", self.bold),
            ("font-style:italic", self.italic),
            ("text-decoration:underline", self.underlined),
        )
        return ";".join((f"fill:#{self.ink}", *(text for text, applies in more if applies)))


@dataclass(slots=True)
class _Drawing:
    """What the frames share: drawn rows by their SVG, and CSS classes by their declarations."""

    rows: dict[str, str] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)

    def row(self, cells: Sequence[Any]) -> str:
        """The id of the row's drawing."""
        return self.rows.setdefault("".join(self._row(cells)), f"r{len(self.rows)}")

    def _row(self, cells: Sequence[Any]) -> Iterable[str]:
        at = 0
        for style, run in groupby(cells, _style):
            characters = [cell.data for cell in run]
            x, width, text = at * CELL_W, len(characters) * CELL_W, "".join(characters)
            at += len(characters)
            if style.paper != BACKGROUND:
                yield f'<rect x="{x:g}" width="{width + 0.3:g}" height="{CELL_H + 0.3}" fill="#{style.paper}"/>'
            if text.strip() or style.underlined:
                name = self.classes.setdefault(style.css, f"c{len(self.classes)}")
                yield f'<text class="{name}" x="{x:g}" y="13.5" textLength="{width:g}">{escape(text)}</text>'


def _style(cell: Any) -> Style:
    ink, paper = _colour(cell.fg, FOREGROUND), _colour(cell.bg, BACKGROUND)
    if cell.reverse:
        ink, paper = paper, ink
    return Style(ink, paper, cell.bold, cell.italics, cell.underscore)


def _colour(name: str, default: str) -> str:
    return default if name == "default" else NAMES.get(name, name)


def animated(frames: Sequence[Frame], title: str) -> str:
    """The SVG that shows the frames one after the other, again and again.

    Raises `ValueError` if there is none, or if their screens differ in size.
    """
    sizes = {(len(frame.cells[0]), len(frame.cells)) for frame in frames}
    if len(sizes) != 1:
        raise ValueError(f"one size of screen is needed; these are {sorted(sizes)}")
    ((columns, lines),) = sizes
    width, height = columns * CELL_W + 2 * MARGIN, lines * CELL_H + 2 * MARGIN + CAPTION_H
    drawing = _Drawing()
    strip = "".join(_frame(drawing, frame, number * width, height) for number, frame in enumerate(frames))
    rows = "".join(f'<g id="{name}">{svg}</g>' for svg, name in drawing.rows.items())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" xml:space="preserve">\n'
        f"<title>{escape(title)}</title>\n<style>{_css(drawing, frames, width)}</style>\n<defs>{rows}</defs>\n"
        f'<rect width="{width:g}" height="{height:g}" rx="8" fill="#{BACKGROUND}"/>\n'
        f'<g class="strip">\n{strip}</g>\n</svg>\n'
    )


def _frame(drawing: _Drawing, frame: Frame, x: float, height: float) -> str:
    names = [drawing.row(row) for row in frame.cells]
    uses = "".join(f'<use href="#{name}" y="{number * CELL_H}"/>' for number, name in enumerate(names))
    caption = f'<text class="caption" y="{height - 2 * MARGIN - 10:g}">{escape(frame.caption)}</text>'
    return f'<g transform="translate({x + MARGIN:g} {MARGIN})">{uses}{caption}</g>\n'


def _css(drawing: _Drawing, frames: Sequence[Frame], width: float) -> str:
    """Classes, and the keyframes: each frame's position from its time on."""
    total, begun, stops = sum(frame.seconds for frame in frames), 0.0, []
    for number, frame in enumerate(frames):
        stops.append(f"{100 * begun / total:.3f}%{{transform:translateX({-number * width:g}px)}}")
        begun += frame.seconds
    classes = "".join(f".{name}{{{css}}}" for css, name in drawing.classes.items())
    return (
        f"text{{font:14px {FONT};white-space:pre}}.caption{{fill:#ffc473;font-weight:bold}}{classes}"
        f".strip{{animation:film {total:g}s steps(1,end) infinite}}@keyframes film{{{''.join(stops)}}}"
        "@media (prefers-reduced-motion:reduce){.strip{animation-play-state:paused}}"
    )
