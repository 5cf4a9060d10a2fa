"""The filter's terms as chips: each says who evaluates it, and can be taken away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from auditlog_tui.text.present import Glyphs, cell_width, safe, shorten_middle
from auditlog_tui.ui.keys import CHIPS, bindings

if TYPE_CHECKING:
    from auditlog_tui.query import Chip


def ground(widget: Widget, *, chosen: bool, otherwise: str = "") -> str:
    """The end of a style: the accent's background, or reversed where there are no colours (NO_COLOR)."""
    if not chosen:
        return otherwise
    return " reverse" if widget.app.no_color else " on $primary"


LONGEST = 40
"""Cells of a chip; the bar above has the whole term."""

_WORDS = {"server": "", "local": " here", "both": " both"}


class ChipLine(Widget, can_focus=True):
    """One line of chips. With the focus, the arrows choose one and Delete takes it away; so does a click."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(CHIPS)]
    ALLOW_SELECT = False
    at: reactive[int] = reactive(0)

    @dataclass
    class Removed(Message):
        """The term from column `start` up to `end` is to go."""

        start: int
        end: int

    class Left(Message):
        """The chips give the focus back."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self.glyphs = glyphs
        self.chips: tuple[Chip, ...] = ()

    def show(self, chips: tuple[Chip, ...], *, keep: bool = False) -> None:
        """Show other chips; `keep` the line where there are none, so that nothing moves while one types.

        A line without chips takes no focus: it may be gone with the next key.
        """
        self.chips = chips
        self.can_focus = bool(chips)
        if self.has_focus and not chips:
            self.post_message(self.Left())
        self.at = max(0, min(self.at, len(chips) - 1))
        self.display = keep or bool(chips)
        self.refresh()

    def _shown(self, chip: Chip) -> tuple[str, str]:
        """A chip's mark, and its text."""
        mark = self.glyphs.server if chip.where == "server" else self.glyphs.local
        text = shorten_middle(safe(chip.text), LONGEST, self.glyphs.ellipsis)
        return f" {mark} ", f"{text}{_WORDS[chip.where]} "

    def render(self) -> Content:
        parts: list[tuple[str, str]] = [("  ", "")]
        for number, chip in enumerate(self.chips):
            mark, text = self._shown(chip)
            chosen = self.has_focus and number == self.at
            under = ground(self, chosen=chosen, otherwise=" on $panel")
            parts.append((mark, f"bold $text-accent{under}"))
            parts.append((text, ("$text-warning" if chip.where != "server" else "$foreground") + under))
            parts.append((" ", ""))
        return Content.assemble(*parts)

    def _chip_at(self, x: int) -> int | None:
        start = 2
        for number, chip in enumerate(self.chips):
            end = start + sum(map(cell_width, self._shown(chip)))
            if start <= x < end:
                return number
            start = end + 1
        return None

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """A first click chooses a chip, a click on the chosen one takes it away."""
        number = self._chip_at(event.x)
        if number is None:
            return
        if number == self.at and event.chain > 1:
            self.action_remove()
        self.at = number

    def action_previous(self) -> None:
        self.at = max(0, self.at - 1)

    def action_next(self) -> None:
        self.at = min(len(self.chips) - 1, self.at + 1)

    def action_remove(self) -> None:
        if self.chips:
            chip = self.chips[self.at]
            self.post_message(self.Removed(chip.start, chip.end))

    def action_leave(self) -> None:
        self.post_message(self.Left())
