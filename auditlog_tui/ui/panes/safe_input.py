"""An input that may hold text from the wire: a filter by a cell, a paste."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text
from textual.widgets import Input

from auditlog_tui.text.present import safe

HIDDEN = "\ufffd"
"""Stands for a character that has no picture of its own."""


class SafeInput(Input):
    """Draws, for each character that a terminal would obey or hide, one that it doesn't; the value keeps them."""

    @property
    def _value(self) -> Text:
        return Text(one_for_one(self.value), no_wrap=True, overflow="ignore", end="")

    def _position_to_cell(self, position: int) -> int:
        return cell_len(one_for_one(self.value)[:position])


def one_for_one(text: str) -> str:
    """The text made safe, as many characters long as it was."""
    if safe(text, len(text)) == text:
        return text
    return "".join(shown if len(shown := safe(character)) == 1 else HIDDEN for character in text)
