"""The page about somebody: sections side by side where there is room, with a cursor over their lines."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual.binding import BindingType
from textual.content import Content

from auditlog_tui.text.cells import cell_width, fit, shorten_end, shorten_middle
from auditlog_tui.text.glyphs import Glyphs
from auditlog_tui.text.times import count
from auditlog_tui.ui.keys import WHO, bindings
from auditlog_tui.ui.panes.detail import wrap
from auditlog_tui.ui.panes.groups import Group, GroupList

if TYPE_CHECKING:
    from auditlog_tui.ui.panes.who_lines import Cell, Section, WhoLine

MOST, LEAST, SCROLLED = 40, 1, 8
"""Lines listed of a section: at most and at least if all sections fit, and if they don't."""

OPENED = 500
"""Lines listed of a section that is opened."""

LEAST_TEXT = 14
"""Cells of a line's flexible text below which other cells are left out."""


class Heading(NamedTuple):
    """A section's title; `hidden` is how many of its lines are not listed, `opened` that all of them are."""

    section: Section
    hidden: int = 0
    opened: bool = False


class Error(NamedTuple):
    """Why the page is not complete."""

    text: str


class WhoPane(GroupList["Heading | WhoLine | Error"]):
    """`opened` are the titles of the sections listed in full."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(WHO)]
    column = 52

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self.glyphs = glyphs
        self.opened: set[str] = set()
        self._sections: Sequence[Section] = ()
        self._error = ""

    def show(self, sections: Sequence[Section], title: str, subtitle: str, error: str = "") -> None:
        """Show these sections. The cursor stays on its line."""
        self.border_title, self.border_subtitle = Content(title), Content(subtitle)
        self._sections, self._error = sections, error
        self.flow()

    def flow(self) -> None:
        self._divide()
        super().flow()

    # -- what there is room for --------------------------------------------------------------------------------

    def _divide(self) -> None:
        """List as many lines of each section as all of them have room for, besides those that are opened."""
        room = self.scrollable_content_region.size
        error: list[Group[Heading | WhoLine | Error]] = []
        if self._error:
            error.append(Group([Error(self._error)], wide=True))
        wide = [*error, *(self._group(section, section.n) for section in self._sections if section.wide)]
        heights = [len(self.draw(item, room.width)) for group in wide for item in group.items]
        self.groups = [Group((), section.wide) for section in self._sections]  # the number of columns depends on it
        columns, left = self.columns, room.height - sum(heights)
        lengths = [section.n for section in self._sections if not section.wide]
        most = next((n for n in range(MOST, LEAST - 1, -1) if _height(lengths, n, columns) <= left), SCROLLED)
        self.groups = [*error, *(self._group(section, most) for section in self._sections)]

    def _group(self, section: Section, most: int) -> Group[Heading | WhoLine | Error]:
        opened = section.title in self.opened
        listed = section.first(section.n if section.wide else OPENED if opened else most)
        heading = [Heading(section, section.n - len(listed), opened)] if section.title else []
        return Group([*heading, *listed], section.wide)

    # -- drawing -----------------------------------------------------------------------------------------------

    def name_of(self, item: Heading | WhoLine | Error) -> Hashable:
        if isinstance(item, Error):
            return None
        if isinstance(item, Heading):
            return ("section", item.section.title) if item.hidden or item.opened else None
        return item.name

    def draw(self, item: Heading | WhoLine | Error, width: int) -> list[Content]:
        if isinstance(item, Error):
            return [Content.styled(line, "bold $text-error") for line in wrap(item.text, max(1, width))]
        if isinstance(item, Heading):
            return [self._heading(item, width)]
        if item.wraps or (item.name is None and len(item.cells) == 1):
            return [Content.styled(line, item.cells[0].style) for line in wrap(item.cells[0].text, max(1, width))]
        if not item.below:
            return [self._row(item.cells, item.flexible, width)]
        both = (*item.cells, *item.below)
        if sum(map(_wanted, both)) + len(both) - 1 <= width:
            return [self._row(both, -1, width)]
        more = [Content.styled(line, cell.style) for cell in item.below for line in wrap(cell.text, max(1, width))]
        return [self._row(item.cells, item.flexible, width), *more]

    def _heading(self, heading: Heading, width: int) -> Content:
        section = heading.section
        sign = self.glyphs.folded if heading.hidden else self.glyphs.unfolded if heading.opened else ""
        name = shorten_end(section.title.upper(), width, self.glyphs.ellipsis)
        amount = "" if section.wide else f" {count(section.n)}"
        of = shorten_end(f"  {section.of}", max(0, width - cell_width(name + amount)), self.glyphs.ellipsis)
        room = width - cell_width(name + amount + of)
        more = f"  {sign} {count(heading.hidden)} more" if heading.hidden else f"  {sign} all" if sign else ""
        return Content.assemble(
            (name, "bold $text-accent"), (amount, "bold"),
            (of, "$text-warning" if section.doubtful else "$text-muted"),
            (shorten_end(more, max(0, room), self.glyphs.ellipsis), "$text-accent"),
        )  # fmt: skip

    def _row(self, cells: Sequence[Cell], flexible: int, width: int) -> Content:
        """The cells in a line, the flexible one cut or padded, and those dropped for which there is no room."""
        kept, flexible = list(range(len(cells))), flexible % len(cells)

        def room() -> int:
            return width - sum(_wanted(cells[at]) for at in kept if at != flexible) - len(kept) + 1

        while room() < LEAST_TEXT and (able := [at for at in kept if cells[at].drop and at != flexible]):
            kept.remove(max(able, key=lambda at: cells[at].drop))
        parts: list[tuple[str, str] | str] = []
        for at in kept:
            cell, last = cells[at], at == kept[-1]
            cells_wide = max(1, room()) if at == flexible else _wanted(cell)
            text = shorten_middle(cell.text, cells_wide, self.glyphs.ellipsis)
            text = text if last and not cell.right else fit(text, cells_wide, "right" if cell.right else "left")
            parts += [(text, cell.style), "" if last else " "]
        return Content.assemble(*parts)

    # -- what is chosen ----------------------------------------------------------------------------------------

    @property
    def line(self) -> WhoLine | None:
        """The line under the cursor; `None` on a heading."""
        item = self.chosen_item
        return None if item is None or isinstance(item, Heading | Error) else item

    def turn(self) -> bool:
        """List all lines of the section whose heading is under the cursor, or a few again. False elsewhere."""
        item = self.chosen_item
        if not isinstance(item, Heading):
            return False
        self.opened ^= {item.section.title}
        self.flow()
        return True


def _height(lengths: Sequence[int], most: int, columns: int) -> int:
    """The lines of sections with so many lines each, if at most `most` of each are listed below its heading."""
    bottoms = [0] * columns
    for length in lengths:
        bottoms[bottoms.index(min(bottoms))] += 1 + min(length, most)
    return max(bottoms)


def _wanted(cell: Cell) -> int:
    return cell.width or cell_width(cell.text)
