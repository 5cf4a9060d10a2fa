"""The dialog with the result of a re-check, one line an entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from auditlog_tui.text.cells import cell_width, fit, shorten_end
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import count
from auditlog_tui.ui.dialogs.dialog import Dialog, set_frame
from auditlog_tui.ui.messages import CopyRequested
from auditlog_tui.ui.panes.detail import wrap
from auditlog_tui.ui.patches.options import Options

if TYPE_CHECKING:
    from auditlog_tui.evidence.recheck import Checked
    from auditlog_tui.ui.look import Look

MOST_LINES = 1_000
"""The most entries listed; those that are the same come last."""

WIDEST_RESULT = 44
"""Cells of the result at most."""

GAP = 2
"""Cells between two columns."""

HINT = "⏎ goes to it · D compares · c ID · y all · R again · Esc"


class Chosen(NamedTuple):
    """What the user wants: to `go` to the entry with a key, to `compare` what it was and is, or all `again`."""

    what: Literal["go", "compare", "again"]
    key: str = ""


class RecheckScreen(Dialog[Chosen]):
    """Shows what was found out. `sentences` stand above the entries, each with its style."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Close", show=False),
        Binding("R", "again", show=False),
    ]

    def __init__(
        self, title: str, checked: Sequence[Checked], sentences: Sequence[tuple[str, str]], look: Look
    ) -> None:
        super().__init__()
        self._title = title
        self._list = ResultList(checked, sentences, look)
        self._enter = look.glyphs.enter

    def compose(self) -> ComposeResult:
        set_frame(self._list, self._title, HINT.replace("⏎", self._enter))
        yield self._list

    def action_again(self) -> None:
        self.dismiss(Chosen("again"))

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if (each := self._list.current) is not None:
            self.dismiss(Chosen("go", each.key))


class ResultList(Options):
    """The sentences, then the entries."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", show=False),
        Binding("k", "cursor_up", show=False),
        Binding("c", "copy_id", show=False),
        Binding("y", "copy_all", show=False),
        Binding("D", "compare", show=False),
    ]

    def __init__(self, checked: Sequence[Checked], sentences: Sequence[tuple[str, str]], look: Look) -> None:
        super().__init__(markup=False, id="recheck")
        self._checked = checked
        self._sentences = sentences
        self._look = look
        self._width = 0

    @property
    def current(self) -> Checked | None:
        """The entry under the cursor."""
        at = -1 if self.highlighted is None else self.highlighted - len(self._sentences)
        return self._checked[at] if 0 <= at < min(MOST_LINES, len(self._checked)) else None

    def on_resize(self) -> None:
        width = self.scrollable_content_region.width
        if width == self._width:
            return
        self._width = width
        at = self.highlighted if self.highlighted is not None else len(self._sentences)
        self.clear_options()
        self.add_options(self._made())
        self.highlighted = min(at, self.option_count - 1)

    def _made(self) -> list[Option]:
        said = [
            Option(Content.assemble(("\n".join(wrap(text, max(1, self._width))), style)), disabled=True)
            for text, style in self._sentences
        ]
        shown = self._checked[:MOST_LINES]
        width = min(WIDEST_RESULT, max((cell_width(each.told) for each in shown), default=0))
        left = len(self._checked) - len(shown)
        more = [Option(Content(f"and {count(left)} more, not listed here"), disabled=True)] if left else []
        return [*said, *(Option(self._line(each, width)) for each in shown), *more]

    def _line(self, each: Checked, width: int) -> Content:
        style, ellipsis = _STYLES[each.result], self._look.glyphs.ellipsis
        told = fit(shorten_end(each.told, width, ellipsis), width + GAP)
        us = each.stored.created_us
        time = "" if us is None else self._look.date_time(us)
        rest = (" " * GAP).join(filter(None, (time, safe(each.stored.fields.action or "", 60), safe(each.key, 80))))
        return Content.assemble((told, style), (shorten_end(rest, max(1, self._width - width - GAP), ellipsis), ""))

    def action_copy_id(self) -> None:
        if (each := self.current) is not None:
            self.post_message(CopyRequested(each.key, f"ID {safe(each.key, 80)}", (each.key,)))

    def action_copy_all(self) -> None:
        lines = [text for text, _ in self._sentences]
        lines += [f"{safe(each.key, 200)} {each.told}" for each in self._checked]
        ids = tuple(each.key for each in self._checked)
        self.post_message(CopyRequested("\n".join(lines), "the result of the re-check", ids))

    def action_compare(self) -> None:
        each, screen = self.current, self.screen
        if each is not None and each.now is not None and isinstance(screen, RecheckScreen):
            screen.dismiss(Chosen("compare", each.key))


_STYLES = {
    "same": "$text-muted",
    "changed": "bold $text-warning",
    "gone": "bold $text-error",
    "untold": "$text-warning",
    "other": "bold $text-error",
    "failed": "$text-warning",
    "unasked": "$text-warning",
}
