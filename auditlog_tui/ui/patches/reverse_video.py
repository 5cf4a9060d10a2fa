"""Reverse video from the style sheet, where Textual draws content.

Overrides: nothing; to be called on what `Widget.get_visual_style` returns.
Why: that leaves out `reverse` of a `text-style`, which is how the chosen line is told without colours (NO_COLOR).
Tested with Textual 8.2.8.
If Textual changes: nothing, once it keeps `reverse` itself.
"""

from __future__ import annotations

from textual.style import Style
from textual.widget import Widget


def reversed_as_styled(widget: Widget, style: Style, *component_classes: str) -> Style:
    """The style of these component classes, in reverse video if one of them is."""
    reverse = any(widget.get_component_styles(name).text_style.reverse for name in component_classes)
    return style + Style(reverse=True) if reverse else style
