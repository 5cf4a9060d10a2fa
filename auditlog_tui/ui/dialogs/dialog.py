"""The screens that open over the log, and close once.

Textual's `dismiss` (8.2.8) takes away whatever screen is on top: the second of two clicks or keys that close a dialog
would close what lies below, and at last the log itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.command import CommandList, CommandPalette
from textual.screen import ModalScreen, Screen
from textual.widget import Widget

from auditlog_tui.ui.patches.options import PaletteOptions

_T = TypeVar("_T")


def _is_on_top(screen: Screen[_T]) -> bool:
    return screen.app.screen is screen


class Dialog(ModalScreen[_T]):
    """Asks for something; `None` is no answer."""

    def dismiss(self, result: _T | None = None) -> AwaitComplete:
        return super().dismiss(result) if _is_on_top(self) else AwaitComplete()


class Palette(CommandPalette):
    """Textual's command palette, with a list of ours."""

    def compose(self) -> ComposeResult:
        composed: Iterable[Widget] = super().compose()
        for widget in composed:
            yield PaletteOptions() if type(widget) is CommandList else widget

    def dismiss(self, result: None = None) -> AwaitComplete:
        return super().dismiss(result) if _is_on_top(self) else AwaitComplete()
