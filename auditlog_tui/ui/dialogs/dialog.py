"""Base classes of the screens that open over the log.

Textual's `dismiss` closes whatever screen is on top: a second click or key that closes a dialog would also close the
screen below it, and in the end the log. Tested with Textual 8.2.8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.command import CommandList, CommandPalette, SearchIcon
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widget import Widget

from auditlog_tui.text.cells import cell_width
from auditlog_tui.text.safe import safe
from auditlog_tui.ui.patches.options import PaletteOptions

_T = TypeVar("_T")


def set_frame(box: Widget, title: str, hint: str) -> None:
    """Show a title and a hint in the border of a box, which gets wide enough for them."""
    title, hint = safe(title, 80), safe(hint, 80)
    box.border_title, box.border_subtitle = Content(title), Content(hint)
    box.styles.min_width = max(cell_width(title), cell_width(hint)) + 6  # with the corners and blanks around it


def _is_on_top(screen: Screen[_T]) -> bool:
    return screen.app.screen is screen


def _copy_or_quit(screen: Screen[_T], copy: Callable[[], None]) -> None:
    """Copy the selection (ctrl+c); without one, do what the app does, whose keys a modal screen hides."""
    try:
        copy()
    except SkipAction:
        screen.app.action_help_quit()


class Dialog(ModalScreen[_T]):
    """A modal screen that can be dismissed only once. The result is `None` if it was cancelled."""

    def action_copy_text(self) -> None:
        _copy_or_quit(self, super().action_copy_text)

    def dismiss(self, result: _T | None = None) -> AwaitComplete:
        return super().dismiss(result) if _is_on_top(self) else AwaitComplete()


class Palette(CommandPalette):
    """Textual's command palette with the patched list."""

    def action_copy_text(self) -> None:
        _copy_or_quit(self, super().action_copy_text)

    def compose(self) -> ComposeResult:
        composed: Iterable[Widget] = super().compose()
        for widget in composed:
            if isinstance(widget, SearchIcon):
                widget.icon = ":"  # Textual's own is an emoji, which some terminals draw wider or narrower than it is
            yield PaletteOptions() if type(widget) is CommandList else widget

    def dismiss(self, result: None = None) -> AwaitComplete:
        return super().dismiss(result) if _is_on_top(self) else AwaitComplete()
