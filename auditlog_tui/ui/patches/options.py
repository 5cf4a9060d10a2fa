"""Lists to choose from that survive windows too small to show them, and options that went away under the mouse.

Textual's `OptionList` (8.2.8) keeps no lines while it has no room to be drawn, and looks its cursor up among them
when it moves by a page; a click names the option that was drawn there, which may be gone.
"""

from __future__ import annotations

from typing import Literal

from textual import events
from textual.command import CommandList
from textual.geometry import Size
from textual.widgets import OptionList

LEAST_WIDTH = 8
"""Cells that an option is wrapped for at least: Textual divides a text into pieces of no width otherwise."""


def _has_lines(box: OptionList) -> bool:
    """Whether the cursor is at an option of which it is known where it is drawn."""
    return (box.highlighted or 0) in box._index_to_line and bool(box._lines)


def _has_room(box: OptionList) -> bool:
    """Whether options can be laid out: with fewer cells than that there is nothing of them to see."""
    return box.scrollable_content_region.width >= LEAST_WIDTH


def _drop_stale_click(box: OptionList, event: events.Click) -> None:
    """Keep a click on an option that is not there any more from Textual's own handler."""
    option = event.style.meta.get("option")
    if option is not None and option >= box.option_count:
        event.prevent_default()


class Options(OptionList):
    """The base of every list of ours."""

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return super().get_content_height(container, viewport, max(width, LEAST_WIDTH))

    def _update_lines(self) -> None:
        if _has_room(self):
            super()._update_lines()

    def _move_page(self, direction: Literal[-1, 1]) -> None:
        if _has_lines(self):
            super()._move_page(direction)

    def on_click(self, event: events.Click) -> None:
        _drop_stale_click(self, event)


class PaletteOptions(CommandList, Options, can_focus=False):
    """The palette's list; it comes first, since Textual finds widgets by the first base alone."""
