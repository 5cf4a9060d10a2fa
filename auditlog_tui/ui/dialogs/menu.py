"""A menu whose lines can be chosen by the cursor or by a key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from auditlog_tui.text.cells import fit, shorten_middle
from auditlog_tui.text.safe import safe
from auditlog_tui.ui.dialogs.dialog import Dialog
from auditlog_tui.ui.patches.options import Options

LABEL, DETAIL = 30, 52
"""Widths of a choice's label and detail, in cells."""

NARROW_LABEL, OVERHEAD = 27, 12
"""Width of the label in a narrow window; cells taken by the key, blanks and the border."""


@dataclass(frozen=True, slots=True)
class Choice:
    """`key` is one character, `also` another one for a variant. `label` and `detail` may hold unsafe text."""

    key: str
    label: str
    detail: str = ""
    also: str = ""


class MenuScreen(Dialog[str | None]):
    """Returns the key that was pressed, or that of the chosen line, or `None` if cancelled."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Close", show=False),
        Binding("down,j", "list('cursor_down')", show=False),
        Binding("up,k", "list('cursor_up')", show=False),
    ]

    def __init__(self, title: str, choices: Sequence[Choice], hint: str = "Esc closes") -> None:
        super().__init__()
        self._title = title
        self._hint = hint
        self._choices = list(choices)

    def compose(self) -> ComposeResult:
        box = Options(*(Option(self._prompt(choice)) for choice in self._choices), markup=False, id="menu")
        box.border_title = Content(safe(self._title, 80))
        box.border_subtitle = Content(self._hint)
        yield box

    def set_title(self, title: str, hint: str) -> None:
        """Replace the title and the hint."""
        box = self.query_one(OptionList)
        box.border_title, box.border_subtitle = Content(safe(title, 80)), Content(safe(hint, 80))

    def update(self, choice: Choice) -> None:
        """Replace the choice with the same key."""
        for number, old in enumerate(self._choices):
            if old.key == choice.key:
                self._choices[number] = choice
                for box in self.query(OptionList):  # empty while the menu is closing
                    box.replace_option_prompt_at_index(number, self._prompt(choice))

    def _prompt(self, choice: Choice) -> Content:
        room = self.app.size.width - OVERHEAD
        label_width = LABEL if room >= LABEL + DETAIL else NARROW_LABEL
        detail_width = max(1, min(DETAIL, room - label_width))
        label = fit(shorten_middle(safe(choice.label), label_width), label_width)
        detail = fit(shorten_middle(safe(choice.detail), detail_width), detail_width)
        return Content.assemble((f" {choice.key}  ", "bold $text-accent"), label, (f"  {detail}", "$text-muted"))

    def action_list(self, action: str) -> None:
        getattr(self.query_one(OptionList), f"action_{action}")()

    def on_key(self, event: events.Key) -> None:
        for choice in self._choices:
            if event.character and event.character in (choice.key, choice.also):
                event.stop()
                self.dismiss(event.character)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(self._choices[event.option_index].key)
