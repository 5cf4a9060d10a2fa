"""How what is chosen stands out in a line that a widget draws itself."""

from __future__ import annotations

from textual.widget import Widget


def ground(widget: Widget, *, chosen: bool, otherwise: str = "") -> str:
    """The end of a style: the accent's background, or reversed where there are no colours (NO_COLOR)."""
    if not chosen:
        return otherwise
    return " reverse" if widget.app.no_color else " on $primary"
