"""Scrolling in the terminal: lines that the terminal already shows are moved, not sent again.

Overrides: `Compositor.render_update`, `Compositor._get_renders`, `Screen._compositor`, `ChopsUpdate.render_segments`,
    `MessagePump._dispatch_message`. Uses `Compositor._dirty_regions`, `Compositor.visible_widgets` and the module
    `textual._compositor`.
Why: Textual sends every line of a widget that scrolled, 17 KB for a screen. Terminals since the VT100 move lines
    between margins (DECSTBM, then IL or DL of ECMA-48), which takes some 20 bytes.
Tested with Textual 8.2.8.
If Textual changes: the screen may show wrong lines after scrolling. `AUDITLOG_TUI_SCROLL=redraw` turns it off.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.message import Message
from textual.screen import Screen

from auditlog_tui.ui.patches.error_guard import guarded

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from textual.strip import Strip
    from textual.widget import Widget

_T = TypeVar("_T")


class Shift(NamedTuple):
    """Moves the whole screen lines of `area` up by `lines`, or down if that is negative.

    `redrawn` lists every region of the area that is drawn afterwards.
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
    """A partial screen update that moves lines first."""

    def __init__(self, shift: Shift, update: ChopsUpdate) -> None:
        super().__init__(update.chops, update.spans, update.chop_ends)
        self._sequence = shift.sequence

    def render_segments(self, console: Console) -> str:
        return self._sequence + super().render_segments(console)


class ShiftingCompositor(Compositor):
    """Moves lines only where it knows what the terminal shows; redraws the whole area otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self._shift: Shift | None = None

    def shift(self, widget: Widget, lines: int, redrawn: Collection[Region]) -> bool:
        """Move the widget's lines, except its first, before the next frame, which draws only the regions `redrawn`.

        Returns False if that isn't possible: the widget must be as wide as the screen, with nothing over it.
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
        if shift is not None and not self._is_valid(shift):
            self._dirty_regions.add(shift.area)
            shift = None
        update = super().render_update(full, screen_stack, simplify)
        return Shifted(shift, update) if shift is not None and isinstance(update, ChopsUpdate) else update

    def _get_renders(self, crop: Region | None = None) -> Iterator[tuple[Region, Region, list[Strip]]]:
        """Stop at the first widget that covers all of `crop`, front to back. Saves a third of a frame's time."""
        for region, clip, strips in super()._get_renders(crop):
            yield region, clip, strips
            if crop is not None and region.intersection(clip).contains_region(crop):
                return

    def _is_valid(self, shift: Shift) -> bool:
        """Whether the widget has not moved, and nothing else in the area needs drawing."""
        region, _ = self.visible_widgets.get(shift.widget, (Region(), Region()))
        dirty = {each for each in self._dirty_regions if each.overlaps(shift.area)}
        return _below_first(region) == shift.area and dirty <= shift.redrawn


class ShiftingScreen(Screen[None]):
    """A screen whose widgets can have the terminal move their lines, unless `terminal_scrolling` is off."""

    def __init__(self, *, terminal_scrolling: bool = True) -> None:
        super().__init__()
        self._terminal_scrolling = terminal_scrolling
        self._compositor: ShiftingCompositor = ShiftingCompositor()

    def shift(self, widget: Widget, lines: int, redrawn: Collection[Region]) -> bool:
        """See `ShiftingCompositor.shift`. Always False with `terminal_scrolling` off."""
        return self._terminal_scrolling and self._compositor.shift(widget, lines, redrawn)

    async def _dispatch_message(self, message: Message) -> None:
        await guarded(self, super()._dispatch_message(message))


def _below_first(region: Region) -> Region:
    return Region(region.x, region.y + 1, region.width, region.height - 1)


def shifted(lines: list[_T | None], by: int) -> list[_T | None]:
    """`lines` moved up by `by`, or down if that is negative; `None` for the lines that became free."""
    blank: list[_T | None] = [None] * min(abs(by), len(lines))
    return [*lines[by:], *blank] if by >= 0 else [*blank, *lines[:by]]
