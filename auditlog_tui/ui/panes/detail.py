"""The detail pane: all fields of the entry under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.widgets.option_list import Option

from auditlog_tui.text.cells import cell_width, fit
from auditlog_tui.ui.keys import DETAIL, bindings
from auditlog_tui.ui.patches.options import Options

if TYPE_CHECKING:
    from auditlog_tui.ui.panes.detail_fields import DetailField, Heading

LABEL = 13
"""Width of the label column, in cells."""


class DetailPane(Options):
    """A list of fields; the keys act on the field under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(DETAIL)]

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._items: list[DetailField | Heading] = []
        self._width = 0

    def show(self, items: list[DetailField | Heading], title: str, subtitle: str = "") -> None:
        """Show these items. The cursor stays on the field with the same name."""
        at = self.field
        self.border_title = Content(title)
        self.border_subtitle = Content(subtitle)
        self._items = items
        self._draw()
        places = {item.name: n for n, item in enumerate(items) if not item.heading}
        first = next(iter(places.values()), None)
        self.highlighted = places.get(at.name, first) if at is not None else first

    def _draw(self) -> None:
        self._width = self.scrollable_content_region.width
        self.clear_options()
        self.add_options([Option(self._prompt(item), disabled=item.heading) for item in self._items])

    def on_resize(self) -> None:
        if self.scrollable_content_region.width != self._width and self._items:
            at = self.highlighted
            self._draw()
            self.highlighted = at

    def _prompt(self, item: DetailField | Heading) -> Content:
        if item.heading:
            return Content.assemble((item.name, f"bold $text-{item.tone}" if item.tone else "bold $text-accent"))
        room = max(10, self._width - LABEL - 2)
        lines = wrap(item.shown, room)
        label = fit(item.name.rpartition(".")[2].replace("_", " "), LABEL)
        flag = ("! ", "bold $text-warning") if item.flagged else ("  ", "")
        parts = [flag, (label, "$text-muted"), (lines[0], f"$text-{item.tone}" if item.tone else "")]
        parts += [(f"\n{' ' * (LABEL + 2)}{line}", "") for line in lines[1:]]
        return Content.assemble(*parts)

    @property
    def field(self) -> DetailField | None:
        """The field under the cursor."""
        at = self.highlighted
        item = self._items[at] if at is not None and at < len(self._items) else None
        return None if item is None or item.heading else item


def wrap(text: str, width: int) -> list[str]:
    """Split a text into lines of at most `width` cells, at any character: IDs and paths have few spaces."""
    lines, line, used = [], "", 0
    for character in text:
        cells = cell_width(character)
        if used + cells > width:
            lines.append(line)
            line, used = "", 0
        line += character
        used += cells
    return [*lines, line]
