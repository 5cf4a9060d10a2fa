"""Messages between the app and its screens."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message


@dataclass
class CopyRequested(Message):
    """To the app: put `text` on the clipboard. `what` names it in the message that follows (safe text).

    The rest is for the investigator's log: `ids` are those of the entries that it is about, `values` its lines if
    these are other IDs.
    """

    text: str
    what: str
    ids: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


@dataclass
class Say(Message):
    """To the browse screen: show a text in the status line. `severity` is empty, `warning` or `error`."""

    text: str
    severity: str = ""


class QuitAsked(Message):
    """To the browse screen: Ctrl+C was pressed with nothing selected."""
