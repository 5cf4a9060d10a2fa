"""The help screen: all keys and filter fields, from the program's own lists."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from auditlog_tui.ui.dialogs.dialog import Dialog
from auditlog_tui.ui.keys import by_place


class HelpScreen(Dialog[None]):
    """A scrollable text. Escape, q and ? close it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "dismiss", "Close", show=False),
        Binding("j", "scroll('down')", show=False),
        Binding("k", "scroll('up')", show=False),
        Binding("space", "scroll('page_down')", show=False),
    ]

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help") as box:
            box.border_title = "keys and filters"
            box.border_subtitle = "Esc closes"
            yield Static(_keys(), markup=False)
            yield Static(_filters(), markup=False)

    def on_mount(self) -> None:
        self.query_one("#help").focus()

    def action_scroll(self, direction: str) -> None:
        getattr(self.query_one("#help"), f"scroll_{direction}")(animate=False)


def _keys() -> Content:
    parts: list[tuple[str, str]] = []
    for place, keys in by_place():
        parts.append((f"{place.capitalize()}\n", "bold $text-accent"))
        for key in keys:
            parts += [(f"  {key.shown:<10}", "bold"), (f"{key.help}\n", "")]
        parts.append(("\n", ""))
    return Content.assemble(*parts)


def _filters() -> Content:
    from auditlog_tui.query import FIELDS  # imported here, because it loads pydantic

    parts: list[tuple[str, str]] = [("Filters\n", "bold $text-accent")]
    parts.append(
        ("  Separate terms with spaces; all must match. -term negates, a,b matches either.\n", "$text-muted")
    )
    width = max(len(field.example) for field in FIELDS.values()) + 2
    for field in FIELDS.values():
        sent = "server" if field.params else "here"
        parts += [(f"  {field.example:<{width}}", "bold"), (field.help, ""), (f"  [{sent}]\n", "$text-muted")]
    parts += [(f"  {'terraform':<{width}}", "bold"), ("a word: part of any field", ""), ("  [here]\n", "$text-muted")]
    return Content.assemble(*parts)
