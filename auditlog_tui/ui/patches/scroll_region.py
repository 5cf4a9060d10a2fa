"""Scrolling by the terminal's own means: lines that it shows already are moved there, not sent again.

Textual sends every line of a widget that scrolled, which over SSH is what a step takes. Any terminal since the VT100
moves lines itself between margins (DECSTBM, then IL or DL as in ECMA-48), in some 20 bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.screen import Screen

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from textual.strip import Strip
    from textual.widget import Widget

_T = TypeVar("_T")


class Shift(NamedTuple):
    """`area` is whole lines of the screen, which move up by `lines` (down where that is negative).

    `redrawn` is all of the area that is then drawn anew.
    """

    widget: Widget
    area: Region
    lines: int
    redrawn: frozenset[Region]

    @property
    def sequence(self) -> str:
        top, bottom = self.area.y + 1, self.area.bottom
        move = f"\x1b[{self.lines}M" if self.lines > 0 else f"\x1b[{-self.lines}L"
        return f"\x1b[{top};{bottom}r\x1b[{top};1H{move}\x1b[r"


class Shifted(ChopsUpdate):
    """An update before which lines are moved."""

    def __init__(self, shift: Shift, update: ChopsUpdate) -> None:
        super().__init__(update.chops, update.spans, update.chop_ends)
        self._sequence = shift.sequence

    def render_segments(self, console: Console) -> str:
        return self._sequence + super().render_segments(console)


class ShiftingCompositor(Compositor):
    """Moves lines where it is certain of what the terminal shows in them, and has them drawn anew elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self._shift: Shift | None = None

    def shift(self, widget: Widget, lines: int, redrawn: Collection[Region]) -> bool:
        """Move the lines of a widget below its first one before they are drawn, of which `redrawn` alone will be.

        False where that can't be: the widget must span the screen's width, and nothing may lie over it.
        """
        place = self.visible_widgets.get(widget)
        if place is None or self._shift is not None:
            return False
        region, clip = place
        if region.column_span != self.size.region.column_span or not clip.contains_region(region):
            return False
        beneath = widget.ancestors_with_self
        if any(other.overlaps(region) and w not in beneath for w, (other, _) in self.visible_widgets.items()):
            return False
        regions = frozenset(each.translate(region.offset) for each in redrawn)
        self._shift = Shift(widget, _below_first(region), lines, regions)
        return True

    def render_update(
        self, full: bool = False, screen_stack: list[Screen[Any]] | None = None, simplify: bool = False
    ) -> RenderableType | None:
        shift, self._shift = self._shift, None
        if shift is not None and not self._holds(shift):
            self._dirty_regions.add(shift.area)
            shift = None
        update = super().render_update(full, screen_stack, simplify)
        return Shifted(shift, update) if shift is not None and isinstance(update, ChopsUpdate) else update

    def _get_renders(self, crop: Region | None = None) -> Iterator[tuple[Region, Region, list[Strip]]]:
        """From front to back, and no further than to what covers all there is to draw: a third of a frame's time."""
        for region, clip, strips in super()._get_renders(crop):
            yield region, clip, strips
            if crop is not None and region.intersection(clip).contains_region(crop):
                return

    def _holds(self, shift: Shift) -> bool:
        """Whether the widget is where it was, and nothing else in the area is to be drawn."""
        region, _ = self.visible_widgets.get(shift.widget, (Region(), Region()))
        dirty = {each for each in self._dirty_regions if each.overlaps(shift.area)}
        return _below_first(region) == shift.area and dirty <= shift.redrawn


class ShiftingScreen(Screen[None]):
    """A screen whose widgets can have their lines moved by the terminal."""

    def __init__(self) -> None:
        super().__init__()
        self._compositor: ShiftingCompositor = ShiftingCompositor()

    def shift(self, widget: Widget, lines: int, redrawn: Collection[Region]) -> bool:
        """See `ShiftingCompositor.shift`."""
        return self._compositor.shift(widget, lines, redrawn)


def _below_first(region: Region) -> Region:
    return Region(region.x, region.y + 1, region.width, region.height - 1)


def shifted(lines: list[_T | None], by: int) -> list[_T | None]:
    """What stands where, after the lines were moved up by so many (down where that is negative)."""
    blank: list[_T | None] = [None] * min(abs(by), len(lines))
    return [*lines[by:], *blank] if by >= 0 else [*blank, *lines[:by]]
