"""Requests that go from a screen to the app."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message


@dataclass
class CopyRequested(Message):
    """Put `text` on the clipboard; `what` names it for the message that follows (safe)."""

    text: str
    what: str
