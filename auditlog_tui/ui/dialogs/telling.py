"""The dialog that tells what the status line has no room for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from auditlog_tui.ui.dialogs.dialog import Dialog, set_frame


class TellingScreen(Dialog[None]):
    """Shows paragraphs, each safe text with its style."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss(None)", "Close", show=False),
        Binding("j", "scroll('down')", show=False),
        Binding("k", "scroll('up')", show=False),
    ]

    def __init__(self, title: str, paragraphs: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title = title
        self._paragraphs = paragraphs

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="telling") as box:
            set_frame(box, self._title, "Esc closes")
            yield Static(Content("\n\n").join(Content.styled(text, style) for text, style in self._paragraphs))

    def on_mount(self) -> None:
        self.query_one("#telling").focus()

    def action_scroll(self, way: str) -> None:
        getattr(self.query_one("#telling"), f"scroll_{way}")()
