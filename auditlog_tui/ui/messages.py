"""Messages from screens to the app."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message


@dataclass
class CopyRequested(Message):
    """Copy `text` to the clipboard. `what` names it in the confirmation and must be safe to draw."""

    text: str
    what: str
