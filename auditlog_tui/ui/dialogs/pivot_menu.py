"""The menu of pivots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from auditlog_tui.ui.dialogs.menu import Choice, Column, MenuScreen


class PivotMenu(MenuScreen):
    """Tab calls `count_all`, the first time."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "count_all", show=False)]

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice],
        hint: str,
        columns: Sequence[Column],
        count_all: Callable[[PivotMenu], None] | None,
    ) -> None:
        super().__init__(title, choices, hint, columns)
        self._plain_title = title
        self._legend = ""
        self._count_all = count_all

    def set_hint(self, hint: str) -> None:
        self.set_title(f"{self._plain_title}{self._legend}", hint)

    def add_legend(self, legend: str) -> None:
        """Explain a sign behind the title."""
        self._legend = f" ({legend})"
        self.set_hint(self._hint)

    def action_count_all(self) -> None:
        count_all, self._count_all = self._count_all, None
        if count_all is not None:
            count_all(self)
