"""A text input that shows hostile text safely: a filter made from a cell, pasted text.

Overrides: `Input._value`, `Input._position_to_cell`, `Input.render_line`.
Why: Textual's `Input` draws its value unchanged, escape sequences included. The value must stay unchanged, because it
    is what gets sent; only the drawn text is replaced.
Tested with Textual 8.2.8.
If Textual changes: control characters in a filter would reach the terminal, or the cursor would be in the wrong cell.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widgets import Input

from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import count
from auditlog_tui.ui.messages import Say

MAX_PASTE = 10_000
"""Characters taken from the clipboard at once: reading and drawing a line of a million takes minutes."""

HIDDEN = "\ufffd"
"""Drawn for a character whose safe form is longer than one character."""


class SafeInput(Input):
    """Draws a harmless character for each one that a terminal would obey or hide. `value` is unchanged.

    An ellipsis stands where more of the text is to the left or to the right.
    """

    ellipsis = "…"

    @property
    def _value(self) -> Text:
        return Text(one_for_one(self.value), no_wrap=True, overflow="ignore", end="")

    def render_line(self, y: int) -> Strip:
        strip, room = super().render_line(y), self.scrollable_content_region.width
        if y or room < 1:
            return strip
        left = self.scroll_offset.x
        right = cell_len(one_for_one(self.value) or self.placeholder) > left + room
        cursor = self._position_to_cell(self.cursor_position) - left if self.has_focus else -1
        return self._mark(strip, [0] * bool(left and cursor) + [room - 1] * bool(right and cursor != room - 1))

    def _mark(self, strip: Strip, cells: list[int]) -> Strip:
        for cell in cells:
            before, under, after = strip.divide([cell, cell + 1, strip.cell_length])
            ellipsis = Strip([type(part)(self.ellipsis, part.style) for part in under][:1])
            strip = Strip.join([before, ellipsis, after])
        return strip

    def show_part(self, start: int, end: int) -> None:
        """Scroll to these columns of the text. The cursor stays."""
        text = one_for_one(self.value)
        cell = cell_len(text[:start])
        region = Region(max(0, cell - 1), 0, cell_len(text[start:end]) + 2, 1)  # with room for an ellipsis
        self.scroll_to_region(region, force=True, animate=False, immediate=True)

    def on_paste(self, event: events.Paste) -> None:
        """Insert the first line, as Textual does, unless the text is too long."""
        self.refuse_long(event)

    def refuse_long(self, event: events.Paste) -> bool:
        """Whether a pasted text is too long; then nothing is inserted, and the status line says so."""
        if len(event.text) <= MAX_PASTE:
            return False
        event.prevent_default()
        event.stop()
        length = f"The pasted text has {count(len(event.text))} characters, and {count(MAX_PASTE)} are the most"
        self.post_message(Say(f"{length}: nothing was inserted", "error"))
        return True

    def _position_to_cell(self, position: int) -> int:
        return cell_len(one_for_one(self.value)[:position])


def one_for_one(text: str) -> str:
    """The text made safe, with its length in characters unchanged, so that cursor positions still hold."""
    if safe(text, len(text)) == text:
        return text
    return "".join(shown if len(shown := safe(character)) == 1 else HIDDEN for character in text)
