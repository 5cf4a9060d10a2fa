"""Option lists that work in windows too small for them, and ignore clicks on options that were removed.

Overrides: `OptionList._update_lines`, `OptionList._move_page`, `Widget.get_visual_style`. Uses
    `OptionList._lines` and `OptionList._index_to_line`.
Why: `OptionList` has no lines while it has no room, and looks its cursor up among them when it moves by a page. It
    can't wrap text to a width of zero. A click names the option that was drawn, which may be gone.
Tested with Textual 8.2.8.
If Textual changes: Page Down in a tiny window, or a click on a list that just became shorter, ends the app.
"""

from __future__ import annotations

from typing import Literal

from textual import events
from textual.command import CommandList
from textual.geometry import Size
from textual.style import Style
from textual.widgets import OptionList

from auditlog_tui.ui.patches.reverse_video import reversed_as_styled

LEAST_WIDTH = 8
"""Minimum width, in cells, that options are wrapped to."""


class Options(OptionList):
    """Base class of every list in this program."""

    def get_visual_style(self, *component_classes: str, partial: bool = False) -> Style:
        style = super().get_visual_style(*component_classes, partial=partial)
        return reversed_as_styled(self, style, *component_classes)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return super().get_content_height(container, viewport, max(width, LEAST_WIDTH))

    def _update_lines(self) -> None:
        if self.scrollable_content_region.width >= LEAST_WIDTH:
            super()._update_lines()

    def _move_page(self, direction: Literal[-1, 1]) -> None:
        cursor_has_line = (self.highlighted or 0) in self._index_to_line and bool(self._lines)
        if cursor_has_line:
            super()._move_page(direction)

    def on_click(self, event: events.Click) -> None:
        option = event.style.meta.get("option")
        if option is not None and option >= self.option_count:
            event.prevent_default()


class PaletteOptions(CommandList, Options, can_focus=False):
    """The command palette's list. `CommandList` comes first: queries match by the first base class only."""
