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

from auditlog_tui.text.cells import cell_width, fit, shorten_end, shorten_middle
from auditlog_tui.text.safe import safe
from auditlog_tui.ui.dialogs.dialog import Dialog, set_frame
from auditlog_tui.ui.patches.options import Options

OVERHEAD = 10
"""Cells taken by the key, its blanks and the box."""

GAP = 2
"""Cells between two columns."""

MIN_TEXT = 12
"""Columns are shortened to so many cells before the last column is left out, and to fewer if there is but one."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a menu: its head, and the cells that it takes at least. One with a `width` is never shortened."""

    head: str = ""
    width: int = 0
    right: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """`key` is one character, `also` another one for a variant. The other texts may be unsafe.

    `cells` are the texts of the columns after the label; `note` takes the place of those left out at the end.
    """

    key: str
    label: str
    cells: tuple[str, ...] = ()
    note: str = ""
    also: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """The label and the cells, made safe."""
        return tuple(map(safe, (self.label, *self.cells)))


class MenuScreen(Dialog[str | None]):
    """Returns the key that was pressed, or that of the chosen line, or `None` if cancelled."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Close", show=False),
        Binding("down,j", "list('cursor_down')", show=False),
        Binding("up,k", "list('cursor_up')", show=False),
    ]

    def __init__(
        self, title: str, choices: Sequence[Choice], hint: str = "Esc closes", columns: Sequence[Column] = ()
    ) -> None:
        """`columns` are those after the label; there may be fewer than cells."""
        super().__init__()
        self._title = title
        self._hint = hint
        self._choices = list(choices)
        cells = max((len(choice.cells) for choice in choices), default=0)
        self.columns = [Column(), *columns, *[Column()] * (cells - len(columns))]
        self._has_heads = any(column.head for column in self.columns)

    def compose(self) -> ComposeResult:
        box = Options(*self._options(), markup=False, id="menu")
        self._set_title(box)
        yield box

    def set_title(self, title: str, hint: str) -> None:
        """Replace the title and the hint."""
        self._title, self._hint = title, hint
        for box in self.query(OptionList):  # empty while the menu is opening or closing
            self._set_title(box)

    def _set_title(self, box: OptionList) -> None:
        set_frame(box, self._title, self._hint)

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Replace the columns after the label. The choices' cells must be replaced as well."""
        self.columns = [Column(), *columns]
        self._redraw()

    def widths_of(self, columns: Sequence[Column]) -> list[int]:
        """The cells of the label and of these columns after it, 0 for those without room."""
        return self._widths([Column(), *columns])

    def update(self, choice: Choice) -> None:
        """Replace the choice with the same key."""
        self._choices = [choice if old.key == choice.key else old for old in self._choices]
        self._redraw()

    def on_resize(self) -> None:
        self._redraw()

    def _redraw(self) -> None:
        for box in self.query(OptionList):
            for option in self._options():
                box.replace_option_prompt(str(option.id), option.prompt)

    def _options(self) -> list[Option]:
        widths = self._widths(self.columns)
        heads = [Option(self._heads(widths), id="heads", disabled=True)] if self._has_heads else []
        return [*heads, *(Option(self._prompt(choice, widths), id=f"key-{choice.key}") for choice in self._choices)]

    def _widths(self, columns: Sequence[Column]) -> list[int]:
        """The columns' widths: as wide as their texts, the widest shortened as far as the window asks.

        The last columns have the width 0 if there is no room for them.
        """
        room = self.app.size.width - OVERHEAD
        widths = self._wanted(columns)
        for shown in range(len(widths), 1, -1):
            fitted = _shortened(widths[:shown], columns, room, MIN_TEXT)
            if _total(fitted) <= room:
                return fitted + [0] * (len(widths) - shown)
        return _shortened(widths[:1], columns, max(1, room), 1) + [0] * (len(widths) - 1)

    def _wanted(self, columns: Sequence[Column]) -> list[int]:
        rows = [choice.texts for choice in self._choices]
        widths = [max(column.width, cell_width(column.head)) for column in columns]
        for row in rows:
            widths[: len(row)] = [max(pair) for pair in zip(widths, map(cell_width, row), strict=False)]
        return widths

    def _heads(self, widths: Sequence[int]) -> Content:
        heads = [column.head for column in self.columns]
        return Content.assemble(("    " + "".join(self._aligned(heads, widths)).rstrip(), "$text-muted"))

    def _aligned(self, texts: Sequence[str], widths: Sequence[int]) -> list[str]:
        """The texts, each in its column's width and with the gap after it; columns without any text are left out."""
        placed = []
        for text, width, column in zip(texts, widths, self.columns, strict=False):
            if width:
                shown = fit(shorten_middle(text, width), width, "right" if column.right else "left")
                placed.append(shown + " " * GAP)
        return placed

    def _prompt(self, choice: Choice, widths: Sequence[int]) -> Content:
        label, *cells = self._aligned(choice.texts, widths)
        used = cell_width(label) + sum(map(cell_width, cells))
        room = max(sum(widths) + GAP * len(widths), self.app.size.width - OVERHEAD) - used
        details = "".join(cells) + (shorten_end(safe(choice.note), room) if room >= MIN_TEXT else "")
        label = label if details.strip() else label.rstrip()
        return Content.assemble((f" {choice.key}  ", "bold $text-accent"), label, (details.rstrip(), "$text-muted"))

    def action_list(self, action: str) -> None:
        for box in self.query(OptionList):
            getattr(box, f"action_{action}")()

    def on_key(self, event: events.Key) -> None:
        for choice in self._choices:
            if event.character and event.character in (choice.key, choice.also):
                event.stop()
                self.dismiss(event.character)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(str(event.option_id).removeprefix("key-"))


def _total(widths: Sequence[int]) -> int:
    """The cells of columns with the gaps between them."""
    return sum(widths) + GAP * (sum(map(bool, widths)) - 1)


def _shortened(wanted: Sequence[int], columns: Sequence[Column], room: int, least: int) -> list[int]:
    """The widths, those of columns without a width of their own shortened to `least` cells at least."""
    widths = list(wanted)
    able = [number for number, column in enumerate(columns[: len(widths)]) if not column.width]
    while _total(widths) > room:
        widest = max(able, key=lambda number: widths[number])
        if widths[widest] <= least:
            break
        widths[widest] -= 1
    return widths
