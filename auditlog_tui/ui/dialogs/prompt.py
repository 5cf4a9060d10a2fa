"""A dialog that asks for one line of text."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from auditlog_tui.errors import AuditLogError, SecretError
from auditlog_tui.text.safe import safe
from auditlog_tui.ui.dialogs.dialog import Dialog
from auditlog_tui.ui.patches.input_widget import SafeInput


class PromptScreen(Dialog[str | None]):
    """Returns the text, or `None` if cancelled. `check` raises `AuditLogError` for an invalid one, shown below it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Close", show=False)]

    def __init__(
        self,
        title: str,
        value: str = "",
        *,
        hint: str = "",
        check: Callable[[str], object] | None = None,
        select: bool = False,
    ) -> None:
        """`select` selects the value, so that typing replaces it."""
        super().__init__()
        self._title = title
        self._value = value
        self._hint = hint
        self._check = check
        self._select = select

    def compose(self) -> ComposeResult:
        with Vertical(id="prompt") as box:
            box.border_title = Content(safe(self._title, 100))
            box.border_subtitle = Content("⏎ confirms, Esc cancels")
            yield SafeInput(self._value, compact=True, select_on_focus=self._select)
            yield Static(self._hint, markup=False)

    @property
    def typed(self) -> str:
        """What is in the line now."""
        return self.query_one(SafeInput).value

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        try:
            if self._check is not None:
                self._check(event.value)
        except AuditLogError as error:
            if isinstance(error, SecretError):
                self.query_one(SafeInput).value = error.text
            self.query_one(Static).update(Content.assemble((safe(str(error)), "$text-error")))
            return
        self.dismiss(event.value)
