"""A text input that shows hostile text safely: a filter made from a cell, pasted text.

Overrides: `Input._value`, `Input._position_to_cell`.
Why: Textual's `Input` draws its value unchanged, escape sequences included. The value must stay unchanged, because it
    is what gets sent; only the drawn text is replaced.
Tested with Textual 8.2.8.
If Textual changes: control characters in a filter would reach the terminal, or the cursor would be in the wrong cell.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text
from textual.widgets import Input

from auditlog_tui.text.safe import safe

HIDDEN = "\ufffd"
"""Drawn for a character whose safe form is longer than one character."""


class SafeInput(Input):
    """Draws a harmless character for each one that a terminal would obey or hide. `value` is unchanged."""

    @property
    def _value(self) -> Text:
        return Text(one_for_one(self.value), no_wrap=True, overflow="ignore", end="")

    def _position_to_cell(self, position: int) -> int:
        return cell_len(one_for_one(self.value)[:position])


def one_for_one(text: str) -> str:
    """The text made safe, with its length in characters unchanged, so that cursor positions still hold."""
    if safe(text, len(text)) == text:
        return text
    return "".join(shown if len(shown := safe(character)) == 1 else HIDDEN for character in text)
