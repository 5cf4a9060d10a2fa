"""A widget that sends only the lines that changed.

Overrides: `Widget._exchange_repaint_regions`, `MessagePump._dispatch_message`.
Why: Textual repaints the whole widget on `refresh()`, which over SSH is 17 KB for each step of the cursor. The widget
    is asked for the regions while the frame is being composed, when it knows which of its lines differ.
Tested with Textual 8.2.8.
If Textual changes: whole widgets are repainted (slow, but correct), or an exception ends the app.
"""

from __future__ import annotations

from collections.abc import Collection

from textual.geometry import Region
from textual.message import Message
from textual.widget import Widget

from auditlog_tui.ui.patches.error_guard import guarded


class LineWidget(Widget):
    """Subclasses override `regions_to_repaint`."""

    def regions_to_repaint(self) -> Collection[Region]:
        """The regions that changed since the previous frame, relative to the widget. Called once per frame."""
        return [self.outer_size.region]

    def _exchange_repaint_regions(self) -> Collection[Region]:
        return self.regions_to_repaint() if super()._exchange_repaint_regions() else ()

    async def _dispatch_message(self, message: Message) -> None:
        await guarded(self, super()._dispatch_message(message))
