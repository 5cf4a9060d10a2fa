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
from auditlog_tui.ui.panes.groups import GAP, Group, GroupList

if TYPE_CHECKING:
    from auditlog_tui.ui.panes.who_lines import Cell, Section, WhoLine

MOST, ENOUGH, LEAST = 40, 8, 2
"""Lines listed of a section: at most, and at least in one column or of the `FIRST` ones, and in several columns."""

FIRST = ("actors", "addresses")
"""Sections that get lines before the others do: whoever acted must not be hidden."""

ORDER = ("refused or failed", "deleted", "created, not deleted", "created, no deletion found", "succeeded")
"""Sections that get the next line of a column first; the others follow as they stand."""

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
        """List as many lines of each section as its column has room for, besides those that are opened."""
        room = self.scrollable_content_region.size
        error: list[Group[Heading | WhoLine | Error]] = []
        if self._error:
            error.append(Group([Error(self._error)], wide=True))
        wide = [*error, *(self._group(section, section.n) for section in self._sections if section.wide)]
        taken = sum(_lines(self, item, room.width) for group in wide for item in group.items)
        self.groups = [Group((), section.wide) for section in self._sections]  # the number of columns depends on it
        columns = _in_columns([section for section in self._sections if not section.wide], self.columns)
        width = (room.width + GAP) // len(columns) - GAP
        most: dict[str, int] = {}
        for column in columns:
            most |= self._shared(column, room.height - taken, width, ENOUGH if len(columns) == 1 else LEAST)
        place = {section.title: number for number, column in enumerate(columns) for section in column}
        self.groups = [
            *error,
            *(self._group(each, most.get(each.title, 0), place.get(each.title)) for each in self._sections),
        ]

    def _shared(self, column: Sequence[Section], room: int, width: int, least: int) -> dict[str, int]:
        """How many lines of each section of a column are listed: more in a higher one, never fewer."""
        most = {each.title: min(each.n, ENOUGH if each.title in FIRST else least) for each in column}
        able = {each.title: each.first(max(most[each.title], min(MOST, room))) for each in column}
        left = room - sum(1 + sum(_lines(self, item, width) for item in able[title][:n]) for title, n in most.items())
        for number in range(max(0, min(MOST, room))):
            for title in sorted(most, key=_turn):
                if most[title] != number or number >= len(able[title]):
                    continue
                left -= _lines(self, able[title][number], width)
                if left < 0:
                    return most
                most[title] += 1
        return most

    def _group(self, section: Section, most: int, column: int | None = None) -> Group[Heading | WhoLine | Error]:
        opened = section.title in self.opened
        listed = section.first(section.n if section.wide else OPENED if opened else most)
        heading = [Heading(section, section.n - len(listed), opened)] if section.title else []
        return Group([*heading, *listed], section.wide, column)

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
        amount = "" if section.wide else f" {count(section.n)} {section.unit}".rstrip()
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


def _in_columns(sections: Sequence[Section], columns: int) -> list[list[Section]]:
    """The sections of each column, which don't depend on the height."""
    found: list[list[Section]] = [[] for _ in range(columns)]
    bottoms = [0] * columns
    for section in sections:
        shortest = bottoms.index(min(bottoms))
        found[shortest].append(section)
        bottoms[shortest] += 1 + min(section.n, ENOUGH)
    return found


def _turn(title: str) -> int:
    """The place of a section where lines are given to one after the other."""
    names = (*FIRST, *ORDER)
    return names.index(title) if title in names else len(names)


def _lines(pane: WhoPane, item: Heading | WhoLine | Error, width: int) -> int:
    """The lines that an item takes; only some have to be drawn to tell."""
    if isinstance(item, Heading) or (not isinstance(item, Error) and not item.below and len(item.cells) > 1):
        return 1
    return len(pane.draw(item, width))


def _wanted(cell: Cell) -> int:
    return cell.width or cell_width(cell.text)
