"""The filter's terms as chips: each shows where it is evaluated and can be removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from auditlog_tui.text.cells import cell_width, shorten_middle
from auditlog_tui.text.glyphs import Glyphs
from auditlog_tui.text.safe import safe
from auditlog_tui.ui.keys import CHIPS, bindings

if TYPE_CHECKING:
    from auditlog_tui.query import Chip


def highlight(widget: Widget, *, chosen: bool, otherwise: str = "") -> str:
    """Suffix of a style for the chosen item: the accent background, or reverse video under NO_COLOR."""
    if not chosen:
        return otherwise
    return " reverse" if widget.app.no_color else " on $primary"


SIZES = ((40, True), (40, False), (24, False), (16, False))
"""Cells of a chip's text at most, and whether it says where it is evaluated: the first with which all chips fit."""

READABLE = SIZES[2]
"""The size where they never all fit."""

INDENT = 2
"""Cells to the left of the chips."""

_SUFFIXES = {"server": "", "local": " here", "both": " both"}


class ChipLine(Widget, can_focus=True):
    """One line of chips. The arrow keys or a click choose a chip, Delete or a double click removes it."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(CHIPS)]
    ALLOW_SELECT = False
    at: reactive[int] = reactive(0)

    @dataclass
    class Removed(Message):
        """Remove the term with this number, counted from 0."""

        number: int

    class Left(Message):
        """Return the focus to the table."""

    @dataclass
    class Chosen(Message):
        """The focus is on this chip."""

        chip: Chip

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self.glyphs = glyphs
        self.chips: tuple[Chip, ...] = ()

    def show(self, chips: tuple[Chip, ...], *, keep: bool = False) -> None:
        """Show these chips. `keep` shows the line even if it is empty, so that nothing moves while the user types.

        An empty line can't have the focus, because it may be hidden at any time.
        """
        self.chips = chips
        self.can_focus = bool(chips)
        if self.has_focus and not chips:
            self.post_message(self.Left())
        self.at = max(0, min(self.at, len(chips) - 1))
        self.display = keep or bool(chips)
        self.refresh()

    def _parts(self, chip: Chip, most: int, *, told: bool) -> tuple[str, str]:
        """A chip's mark, and its text in at most `most` cells; `told` adds where it is evaluated."""
        mark = self.glyphs.server if chip.where == "server" else self.glyphs.local
        text = shorten_middle(safe(chip.text), most, self.glyphs.ellipsis)
        return f" {mark} ", f"{text}{_SUFFIXES[chip.where] if told else ''} "

    @property
    def chosen(self) -> Chip | None:
        """The chip under the cursor, while the line has the focus."""
        return self.chips[self.at] if self.has_focus and self.chips else None

    def _fitting(self) -> tuple[range, list[tuple[str, str]]]:
        """The chips that fit into the line, and the parts of all of them. The chosen chip is among those that fit."""
        room = self.size.width - INDENT
        for most, told in (*SIZES, READABLE):
            parts = [self._parts(chip, most, told=told) for chip in self.chips]
            widths = list(map(_width, parts))
            if sum(widths) <= room:
                return range(len(widths)), parts
        last = self.at if self.has_focus else 0
        others = len(_more(last)) + len(_more(len(widths) - last - 1))
        if widths[last] > room - others:  # alone too wide for the line
            text = room - others - _width(self._parts(self.chips[last], 0, told=False))
            parts[last] = self._parts(self.chips[last], max(1, text), told=False)
            return range(last, last + 1), parts
        return self._most(widths, last, room), parts

    def _most(self, widths: list[int], last: int, room: int) -> range:
        """As many chips as possible from the first on, with number `last` among them."""
        for first in range(last + 1):
            end, used = first, len(_more(first))
            while end < len(widths) and used + widths[end] + len(_more(len(widths) - end - 1)) <= room:
                used += widths[end]
                end += 1
            if end > last:
                return range(first, end)
        return range(last, last + 1)

    def render(self) -> Content:
        fitting, chips = self._fitting()
        parts: list[tuple[str, str]] = [(" " * INDENT, ""), (_more(fitting.start), "$text-muted")]
        for number in fitting:
            chip = self.chips[number]
            mark, text = chips[number]
            chosen = self.has_focus and number == self.at
            style = highlight(self, chosen=chosen, otherwise=" on $panel")
            parts.append((mark, f"bold $text-accent{style}"))
            parts.append((text, ("$text-warning" if chip.where != "server" else "$foreground") + style))
            parts.append((" ", ""))
        parts.append((_more(len(self.chips) - fitting.stop), "$text-muted"))
        return Content.assemble(*parts)

    def _chip_at(self, x: int) -> int | None:
        fitting, parts = self._fitting()
        start = INDENT + len(_more(fitting.start))
        for number in fitting:
            end = start + _width(parts[number])
            if start <= x < end - 1:
                return number
            start = end
        return None

    def on_focus(self) -> None:
        self._tell_chosen()
        self.refresh()

    def watch_at(self) -> None:
        self._tell_chosen()

    def _tell_chosen(self) -> None:
        if self.chosen is not None:
            self.post_message(self.Chosen(self.chosen))

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """The first click chooses a chip, a double click removes it."""
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
            self.post_message(self.Removed(self.at))

    def action_leave(self) -> None:
        self.post_message(self.Left())


def _width(parts: tuple[str, str]) -> int:
    """The cells of a chip with the blank after it."""
    return sum(map(cell_width, parts)) + 1


def _more(hidden: int) -> str:
    """Tells how many chips are not shown on one side."""
    return f"+{hidden} " if hidden else ""
