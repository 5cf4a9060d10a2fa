"""The dialog that compares two entries field by field."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets.option_list import Option

from auditlog_tui.text.cells import fit
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import count, distance
from auditlog_tui.ui.dialogs.dialog import Dialog
from auditlog_tui.ui.messages import CopyRequested
from auditlog_tui.ui.panes.detail import LABEL, label_of, wrap
from auditlog_tui.ui.panes.detail_fields import DetailField, Heading, describe
from auditlog_tui.ui.patches.options import Options

if TYPE_CHECKING:
    from datetime import tzinfo

    from auditlog_tui.entries.models import Entry
    from auditlog_tui.ui.look import Look

GAP = 2
"""Cells between the columns, and before the first, where the sign of a difference is."""

MIN_WIDTH = 20
"""Width of a value at least, in cells; with less room the two values stand below each other."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A field of two entries; `None` for an entry without the field."""

    name: str
    left: DetailField | None
    right: DetailField | None
    heading: ClassVar[Literal[False]] = False

    @property
    def differs(self) -> bool:
        return _value(self.left) != _value(self.right)


def pairs(one: Entry, other: Entry, zone: tzinfo) -> list[Pair | Heading]:
    """The fields of both entries in the detail pane's order. Fields of only the second come last."""
    left, right = describe(one, None, zone), describe(other, None, zone)
    of_left, of_right = ({item.name: item for item in items if not item.heading} for items in (left, right))
    names = {item.name for item in left}
    items = [*left, *(item for item in right if item.name not in names)]
    return [
        item if item.heading else Pair(item.name, of_left.get(item.name), of_right.get(item.name)) for item in items
    ]


class CompareScreen(Dialog[None]):
    """Shows the older entry on the left. Escape, q and D close the dialog."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,D", "dismiss(None)", "Close", show=False)]

    def __init__(self, one: Entry, other: Entry, look: Look, what: str = "two marked entries") -> None:
        super().__init__()
        self._what = what
        self._pairs = pairs(one, other, look.zone)
        self._sign = look.glyphs.differs
        self._time_apart = ""
        if one.created_us is not None and other.created_us is not None:
            self._time_apart = f", {distance(other.created_us - one.created_us)} apart"

    def compose(self) -> ComposeResult:
        box = PairList(self._pairs, self._sign)
        differing = sum(not item.heading and item.differs for item in self._pairs)
        fields = "1 field differs" if differing == 1 else f"{count(differing)} fields differ"
        box.border_title = Content(f"{self._what}: {fields} ({self._sign}){self._time_apart}")
        box.border_subtitle = Content("c copies both values, Esc closes")
        yield box


class PairList(Options):
    """The fields of both entries; long values are wrapped."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", show=False),
        Binding("k", "cursor_up", show=False),
        Binding("c", "copy", show=False),
    ]

    def __init__(self, items: list[Pair | Heading], sign: str) -> None:
        super().__init__(markup=False, id="compare")
        self._items = items
        self._sign = sign
        self._width = 0

    def on_resize(self) -> None:
        width = self.scrollable_content_region.width
        if width == self._width:
            return
        self._width = width
        first = next(number for number, item in enumerate(self._items) if not item.heading)
        at = self.highlighted if self.highlighted is not None else first
        self.clear_options()
        self.add_options([Option(self._prompt(item), disabled=item.heading) for item in self._items])
        self.highlighted = at

    def _prompt(self, item: Pair | Heading) -> Content:
        if item.heading:
            return Content.assemble((item.name, "bold $text-accent"))
        room = (self._width - LABEL - 2 * GAP) // 2
        if room < MIN_WIDTH:
            return self._stacked(item)
        sides = [wrap(field.shown if field is not None else "", room) for field in (item.left, item.right)]
        style = "bold $text-warning" if item.differs else ""
        label = label_of(item.name, LABEL)
        parts: list[tuple[str, str]] = []
        for number, (left, right) in enumerate(zip_longest(*sides, fillvalue="")):
            sign = self._sign if item.differs and not number else " "
            parts += [("\n" if number else "", ""), (fit(sign, GAP), "bold $text-warning")]
            parts += [
                (" " * LABEL if number else label, "$text-muted"),
                (fit(left, room + GAP), style),
                (right, style),
            ]
        return Content.assemble(*parts)

    def _stacked(self, item: Pair) -> Content:
        """The values below each other, or one if they are equal."""
        cells = min(LABEL, max(1, self._width // 3))
        room = max(1, self._width - cells - GAP)
        shown = [field.shown if field is not None else "" for field in (item.left, item.right)]
        lines = [line for value in (shown if item.differs else shown[:1]) for line in wrap(value, room)]
        sign, style = (self._sign, "bold $text-warning") if item.differs else (" ", "")
        values = f"\n{' ' * (GAP + cells)}".join(lines)
        return Content.assemble((fit(sign, GAP), style), (label_of(item.name, cells), "$text-muted"), (values, style))

    def action_copy(self) -> None:
        item = self._items[self.highlighted] if self.highlighted is not None else None
        if item is not None and not item.heading:
            text = f"{_value(item.left)}\n{_value(item.right)}"
            self.post_message(CopyRequested(text, f"both values of {safe(item.name, 40)}"))


def _value(field: DetailField | None) -> str:
    return field.value if field is not None else ""
