"""Turns rows into strips of styled cells."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from auditlog_tui.text.cells import fit
from auditlog_tui.ui.look import Look
from auditlog_tui.ui.table.columns import NOTED, Layout

if TYPE_CHECKING:
    from auditlog_tui.store.entries import Row

TIME, DATE = 0, len("2026-11-22")
"""The number of the time column, and the cells of the date at its beginning."""

NOTE = 1
"""The number of the column whose end shows the sign for a note: the second, which never scrolls away."""

GUTTER = 2
"""Cells at the left: the cursor's bar and the sign."""


class Signs(NamedTuple):
    """Signs beside a row: a glyph in the gutter with its style, and whether the row has a note."""

    glyph: str = " "
    style: str = "accent"
    noted: bool = False


NO_SIGNS = Signs()


class LinePainter:
    """Draws lines in the theme's styles. Each style is looked up by name once, when it is first used."""

    STYLES: ClassVar[tuple[str, ...]] = (
        "text", "dim", "time", "day", "read", "change", "destroy", "error",
        "status-ok", "status-moved", "status-refused", "status-failed", "status-unknown",
        "header", "header-column", "cursor", "cursor-blurred", "cell", "range", "marked", "found",
        "bar", "track", "thumb", "accent",
    )  # fmt: skip

    def __init__(self, style_of: Callable[[str], Style], look: Look) -> None:
        self.look = look
        self._style_of = style_of
        self._styles: dict[str, Style] = {}
        self._over: dict[tuple[str, str], Style] = {}

    def style(self, name: str, under: str = "") -> Style:
        """A style, on the background of the style `under`."""
        if not under:
            if name not in self._styles:
                self._styles[name] = self._style_of(name)
            return self._styles[name]
        key = name, under
        if key not in self._over:
            ground, base = self.style(under), self.style(name)
            self._over[key] = base + (
                ground if under == "cell" else Style(bgcolor=ground.bgcolor, bold=base.bold, reverse=ground.reverse)
            )
        return self._over[key]

    def row(
        self,
        row: Row,
        layout: Layout,
        under: str,
        column: int | None,
        signs: Signs = NO_SIGNS,
        *,
        new_day: bool = False,
    ) -> Strip:
        """A row with its gutter. `under` is the style of the cursor or the range.

        `new_day` highlights the date.
        """
        look = self.look
        gap = Segment(" ", self.style("text", under))
        bar = {"": " ", "range": look.glyphs.upright}.get(under, look.glyphs.cursor)
        segments = [Segment(bar, self.style("accent", under)), Segment(signs.glyph, self.style(signs.style, under))]
        for number, (place, width) in enumerate(zip(layout.columns, layout.widths, strict=True)):
            if not width:
                continue
            text, name = place.draw(row, look, width)
            if signs.noted and number == NOTE:
                text = f"{fit(text.rstrip(), width - NOTED, ellipsis=look.glyphs.ellipsis)} {look.glyphs.noted}"
            under_it = "cell" if number == column else under
            if number == TIME and new_day:
                segments += self._found(text[:DATE], self.style("day", under_it))
                text = text[DATE:]
            segments += self._found(text, self.style(name, under_it))
            segments.append(gap)
        return Strip(joined(segments), GUTTER + layout.drawn)

    def _found(self, text: str, style: Style) -> list[Segment]:
        """A cell, with the text to find highlighted."""
        needle, folded = self.look.find.casefold(), text.casefold()
        at = folded.find(needle) if needle and len(folded) == len(text) else -1
        if at < 0:
            return [Segment(text, style)]
        end = at + len(needle)
        lit = style + self.style("found")
        return [Segment(text[:at], style), Segment(text[at:end], lit), *self._found(text[end:], style)]

    def header(self, layout: Layout, column: int) -> Strip:
        plain = self.style("header")
        segments = [Segment(" " * GUTTER, plain)]
        for number, (place, width) in enumerate(zip(layout.columns, layout.widths, strict=True)):
            if width:
                style = self.style("header-column") if number == column else plain
                segments += [Segment(fit(place.title, width), style), Segment(" ", plain)]
        return Strip(segments, GUTTER + layout.drawn)

    def message(self, text: str, style: str, width: int) -> Strip:
        """A line of text that is no entry."""
        return Strip([Segment(fit(" " * GUTTER + text, width), self.style(style))], width)


def scrollbar(height: int, total: int, top: int) -> list[str]:
    """The style of each cell of a scroll bar for `total` lines, the first one shown being `top`."""
    if total <= height:
        return ["text"] * height
    size = max(1, height * height // total)
    start = round((height - size) * max(0, top) / (total - height))
    return ["thumb" if start <= y < start + size else "track" for y in range(height)]


def joined(segments: list[Segment]) -> list[Segment]:
    """The same line in fewer segments. Each costs about 40 bytes of style that go to the terminal.

    A scroll step at 160x48 takes 17.0 KB instead of 37.9 (counted by tests/bench). A blank shows only its
    background, so it joins its neighbour.
    """
    found: list[Segment] = []
    for segment in segments:
        last = found[-1] if found else None
        if last is None or last.style is None or segment.style is None:
            found.append(segment)
        elif last.style == segment.style or _blends(segment, last.style):
            found[-1] = Segment(last.text + segment.text, last.style)
        elif _blends(last, segment.style):
            found[-1] = Segment(last.text + segment.text, segment.style)
        else:
            found.append(segment)
    return found


def _blends(blank: Segment, style: Style) -> bool:
    """Whether a blank segment looks the same in another style."""
    return blank.text.isspace() and blank.style is not None and _same_ground(blank.style, style)


@lru_cache
def _same_ground(one: Style, other: Style) -> bool:
    plain = not (one.underline or one.reverse or other.underline or other.reverse)
    return plain and one.bgcolor == other.bgcolor
