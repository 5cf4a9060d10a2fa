"""The menu of the texts that can be copied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from auditlog_tui.ui.dialogs.menu import Choice, MenuScreen


class CopyMenu(MenuScreen):
    """Its title names the entries to copy. If there are two choices of entries, Tab switches; `at` is the current.

    `choices` are the keys with their labels.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "switch", show=False)]

    def __init__(self, titles: Sequence[str], choices: Sequence[tuple[str, str]], at: int) -> None:
        self.at = at
        self._titles = titles
        hint = f"Tab: {titles[1 - at]} · Esc closes" if len(titles) > 1 else "Esc closes"
        super().__init__(titles[at], [Choice(key, label) for key, label in choices], hint)

    def action_switch(self) -> None:
        if len(self._titles) > 1:
            self.at = 1 - self.at
            self.set_title(self._titles[self.at], f"Tab: {self._titles[1 - self.at]} · Esc closes")
