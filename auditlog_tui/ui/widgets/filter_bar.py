"""The filter bar: one line to type in, and one that tells what it becomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from auditlog_tui.errors import QueryError
from auditlog_tui.output.present import Glyphs, safe
from auditlog_tui.ui.keys import FILTER, bindings

if TYPE_CHECKING:
    from auditlog_tui.browser import Explanation

PLACEHOLDER = "everything, newest first"


class FilterInput(Input):
    """An input whose own bindings give way to the filter bar's."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(FILTER)]

    def action_older_text(self) -> None:
        self.bar.walk_history(-1)

    def action_newer_text(self) -> None:
        self.bar.walk_history(1)

    def action_complete(self) -> None:
        self.bar.complete()

    def action_cancel(self) -> None:
        self.bar.cancel()

    def on_blur(self) -> None:
        if self.app.app_focus:  # else the whole terminal lost the focus, and what is typed stays
            self.bar.restore()
            self.bar.tell(self.value)

    def on_paste(self, event: events.Paste) -> None:
        """Paste as one line: a line break in what was copied is a space here."""
        event.prevent_default()
        event.stop()
        self.insert_text_at_cursor(" ".join(event.text.split()))

    @property
    def bar(self) -> FilterBar:
        return self.query_ancestor(FilterBar)


class FilterBar(Vertical):
    """Shows the filter that made the rows; while it has the focus, what is typed and what that would become."""

    @dataclass
    class Submitted(Message):
        """The text is to be applied."""

        text: str

    class Left(Message):
        """The bar gives the focus back."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self.glyphs = glyphs
        self.applied = ""
        self.explain: Callable[[str], Explanation] | None = None
        self.history: Sequence[str] = ()
        self.suggest: Callable[[str, int], tuple[str, int] | None] | None = None
        self._walked: int | None = None
        self._draft = ""

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static("/", markup=False, id="filter-sign")
            yield FilterInput(placeholder=PLACEHOLDER, compact=True, select_on_focus=False)
        yield Static("", markup=False, id="filter-line")

    @property
    def input(self) -> FilterInput:
        return self.query_one(FilterInput)

    @property
    def line(self) -> Static:
        return self.query_one("#filter-line", Static)

    def open(self, text: str | None = None) -> None:
        """Take the focus, with another text than the applied one if one is given."""
        self._walked = None
        if text is not None:
            self.input.value = text
        self.input.focus()
        self.input.cursor_position = len(self.input.value)
        self.tell(self.input.value)

    def show(self, text: str) -> None:
        """Show the filter that is applied now."""
        self.applied = text
        with self.prevent(Input.Changed):
            self.input.value = text
        self.input.cursor_position = len(text)
        self.tell(text)

    def restore(self) -> None:
        """Give the applied text back; what was typed stays reachable with Up."""
        if self.input.value != self.applied:
            self._draft = self.input.value
            self.show(self.applied)

    def cancel(self) -> None:
        self.restore()
        self.post_message(self.Left())

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.tell(event.value)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Submitted(event.value))

    def tell(self, text: str) -> None:
        """Say below the bar what the text becomes, or what is wrong with it and where."""
        if self.explain is None:
            return
        try:
            told = self.explain(text)
        except QueryError as error:
            self.line.update(self._pointing(text, error))
            self.set_class(True, "-told", "-wrong")
            return
        self.remove_class("-wrong")
        self.set_class(bool(told.chips) or self.input.has_focus, "-told")
        self.line.update(self._chips(told))

    def fail(self, error: QueryError) -> None:
        """Point at the term that can't be read, and put the cursor there."""
        self.input.cursor_position = error.end
        self.tell(self.input.value)

    def _pointing(self, text: str, error: QueryError) -> Content:
        term = safe(text[error.start : error.end]) or "end"
        hint = f"  {safe(error.hint)}" if error.hint else ""
        width = max(1, min(error.end - error.start, 12))
        caret = " " * 2 + " " * min(error.start, 40) + "^" * width if error.start <= 40 else f"  {term}"
        message = f" {safe(error.message)}"
        return Content.assemble((caret, "bold $text-error"), (message, "$text-error"), (hint, "$text-muted"))

    def _chips(self, told: Explanation) -> Content:
        parts: list[tuple[str, str]] = [("  ", "")]
        for chip in told.chips:
            here = chip.where != "server"
            glyph = self.glyphs.local if here else self.glyphs.server
            word = {"server": "", "local": " (here)", "both": " (both)"}[chip.where]
            style = "$text-warning" if here else ""
            parts += [(f"{glyph} ", "bold $text-accent"), (f"{safe(chip.text)}{word}", style), ("  ", "")]
        if self.input.has_focus:
            parts.append(("\n  " if told.chips else "", ""))
            parts.append((safe(told.line), "$text-muted"))
        return Content.assemble(*parts)

    # -- history and completion --------------------------------------------------------------------------------

    def walk_history(self, way: int) -> None:
        """Show the text submitted before (-1) or after (1); past the newest stands what was being typed."""
        texts = list(dict.fromkeys(reversed(self.history)))[::-1]
        if self._walked is None:
            self._draft = self.input.value if self.input.value != self.applied else self._draft
            self._walked = len(texts)
        self._walked = max(0, min(self._walked + way, len(texts)))
        self.input.value = texts[self._walked] if self._walked < len(texts) else self._draft
        self.input.cursor_position = len(self.input.value)

    def complete(self) -> None:
        if self.suggest is None:
            return
        found = self.suggest(self.input.value, self.input.cursor_position)
        if found is not None:
            self.input.value, self.input.cursor_position = found
