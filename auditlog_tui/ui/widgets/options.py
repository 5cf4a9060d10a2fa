"""A list to choose from that survives windows too narrow for it."""

from __future__ import annotations

from textual.geometry import Size
from textual.widgets import OptionList


class Options(OptionList):
    """Textual's own can't tell its height where the borders leave no room."""

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return super().get_content_height(container, viewport, max(width, 8))
