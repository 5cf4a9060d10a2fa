"""The detail pane: all fields of the entry under the cursor, in groups side by side where there is room."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.content import Content

from auditlog_tui.text.cells import cell_width, fit
from auditlog_tui.ui.keys import DETAIL, bindings
from auditlog_tui.ui.panes.groups import Group, GroupList

if TYPE_CHECKING:
    from auditlog_tui.ui.panes.detail_fields import DetailField, Heading

LABEL = 12
"""Width of the label column, in cells; less in a narrow pane."""


class DetailPane(GroupList["DetailField | Heading"]):
    """Groups of fields; the keys act on the field under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(DETAIL)]
    column = LABEL + 2 + 36  # an ID fits

    def show(self, items: list[DetailField | Heading], title: str, subtitle: str = "") -> None:
        """Show these items, a group from each heading on. The cursor stays on the field with the same name."""
        self.border_title = Content(title)
        self.border_subtitle = Content(subtitle)
        groups: list[list[DetailField | Heading]] = []
        for item in items:
            if item.heading or not groups:
                groups.append([])
            groups[-1].append(item)
        self.set_groups([_group(group) for group in groups])

    def name_of(self, item: DetailField | Heading) -> str | None:
        return None if item.heading else item.name

    def draw(self, item: DetailField | Heading, width: int) -> list[Content]:
        if item.heading:
            style = f"bold $text-{item.tone}" if item.tone else "bold $text-accent"
            return [Content.styled(line, style) for line in wrap(item.name, max(1, width))]
        cells = min(LABEL, max(1, width // 3))
        first, *others = wrap(item.shown, max(1, width - cells - 2))
        label = label_of(item.name, cells)
        flag = ("! ", "bold $text-warning") if item.flagged else ("  ", "")
        value = (first, f"$text-{item.tone}" if item.tone else "")
        return [
            Content.assemble(flag, (label, "$text-muted"), value),
            *(Content(f"{' ' * (cells + 2)}{line}") for line in others),
        ]

    @property
    def field(self) -> DetailField | None:
        """The field under the cursor."""
        item = self.chosen_item
        return None if item is None or item.heading else item


def _group(items: list[DetailField | Heading]) -> Group[DetailField | Heading]:
    """The lines of the original JSON have no heading, and take the whole width."""
    first = items[0]
    return Group(items, first.wide, first.column) if first.heading else Group(items, wide=True)


def label_of(name: str, cells: int) -> str:
    """A field's label in so many cells, with a blank at its end."""
    return fit(name.rpartition(".")[2].replace("_", " "), cells - 1) + " "


def wrap(text: str, width: int) -> list[str]:
    """Split a text into lines of at most `width` cells: at a space near the end, else anywhere (IDs, paths)."""
    lines, line, used = [], "", 0
    for character in text:
        cells = cell_width(character)
        if used + cells > width:
            kept, space, rest = line.rpartition(" ")
            if not space or character == " " or 3 * len(rest) > len(line):
                kept, space, rest = line, "", ""
            lines.append(kept + space)
            line, used = rest, cell_width(rest)
        line += character
        used += cells
    return [*lines, line]
