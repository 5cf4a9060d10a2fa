"""The facet pane: the most frequent or the rarest values, by field, side by side where there is room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual.binding import BindingType
from textual.content import Content

from auditlog_tui.text.cells import cell_width, fit, shorten_end, shorten_middle
from auditlog_tui.text.glyphs import Glyphs
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import count
from auditlog_tui.ui.keys import FACETS, bindings
from auditlog_tui.ui.look import nowhere
from auditlog_tui.ui.panes.groups import Group, GroupList

if TYPE_CHECKING:
    from auditlog_tui.analysis.facets import Facet, Tally

LEAST, MOST, OPENED = 3, 12, 100
"""Values listed for each facet: at least and at most, by the height of the pane, and how many more Enter lists."""

INDENT, COUNT, SHARE = 2, 10, 5
"""Cells before a value, of its count with the bar behind it, and of its share of all entries.

The bar gives up cells that the value's name needs.
"""

LEAST_BAR = 6
"""Cells of the count and its bar at least."""

LEAST_NAME = 8
"""Cells of a name below which the share is left out."""

PAIRED = (0, 1, 1, 0)
"""Which of two columns a facet is in: the narrow values on the left. Those after them take both columns."""


BESIDE = "  "
"""Between an address and its location."""

LEAST_PLACE, SHORT_PLACE = 12, 3
"""Cells of a location for which bar and share give way, and below which it is left out."""


class Cells(NamedTuple):
    """The cells of a facet's longest name, count, server's count, and location with the blanks before it."""

    name: int = 0
    number: int = 0
    asked: int = 0
    place: int = 0

    @property
    def least(self) -> int:
        """The cells of a line with the shortest bar."""
        return INDENT + self.name + self.short_place + 1 + self.asked + max(LEAST_BAR, self.number) + SHARE

    @property
    def all(self) -> int:
        return self.least + max(0, COUNT - max(LEAST_BAR, self.number)) + self.place - self.short_place

    @property
    def short_place(self) -> int:
        """The cells of a location that is cut as far as bar and share give way."""
        return min(self.place, len(BESIDE) + LEAST_PLACE)


NO_CELLS = Cells()


class Line(NamedTuple):
    """A line of a facet: a value if it has a `tally`, else a text. One that is `more` lists more values.

    `place` is the location of an address.
    """

    facet: Facet
    tally: Tally | None = None
    text: str = ""
    more: bool = False
    name: str = ""
    place: str = ""
    asked: str = ""
    cells: Cells = NO_CELLS


class FacetPane(GroupList[Line]):
    """Values grouped by field. `asked` holds the server's counts by field and value."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(FACETS)]
    column = 34

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self.glyphs = glyphs
        self.asked: dict[tuple[str, object], str] = {}
        self._rarest = False
        self._opened: dict[str, int] = {}
        self._shown: tuple[tuple[Facet, ...], int, str, Callable[[str], str]] | None = None
        self._where: Callable[[str], str] = nowhere

    def show(self, facets: tuple[Facet, ...], rows: int, of: str, where: Callable[[str], str] = nowhere) -> None:
        """Show the counts so far over `rows` entries, which `of` names. The cursor stays on its value.

        `where` tells the location of an address (safe text).
        """
        self._shown, self._where = (facets, rows, of, where), where
        order = "rarest" if self._rarest else "most frequent"
        self.border_title = Content(f"{order}, % {of}")
        self.groups = [Group(()) for _ in facets]  # the number of columns depends on it
        listed, columns = self._listed(len(facets)), self.columns
        self.set_groups([self._group(number, facet, rows, listed, columns) for number, facet in enumerate(facets)])

    def _group(self, number: int, facet: Facet, rows: int, listed: int, columns: int) -> Group[Line]:
        lines = self._lines(facet, rows, listed + self._opened.get(facet.kind.field, 0))
        width, least = max(line.cells.all for line in lines), max(line.cells.least for line in lines)
        if columns != len(set(PAIRED)):
            return Group(lines, column=number % columns, width=width, least=least)
        wide = number >= len(PAIRED)
        return Group(lines, wide, None if wide else PAIRED[number], width, least)

    def _listed(self, facets: int) -> int:
        """How many values of each facet fit, with a heading and a line to open it."""
        columns = self.columns
        bands = -(-facets // columns)
        if columns == len(set(PAIRED)):
            bands = len(PAIRED) // columns + max(0, facets - len(PAIRED))
        return max(LEAST, min(self.scrollable_content_region.height // bands - 2, MOST))

    def flow(self) -> None:
        room = self.scrollable_content_region.size
        if self._shown is not None and self._room != room:
            self._room = room
            self.show(*self._shown)
        else:
            super().flow()

    # -- lines -------------------------------------------------------------------------------------------------

    def _lines(self, facet: Facet, rows: int, listed: int) -> list[Line]:
        long = f"  {count(facet.too_long)} too long to list" if facet.too_long else ""
        so_far = f"  {facet.read * 100 // rows} %" if facet.behind and rows else ""
        heading = Line(facet, text=f"{long}{so_far}")
        if self._rarest and not facet.all_known:
            return [Line(facet, text="  too many values to know the rarest")]
        top = facet.rarest(listed) if self._rarest else facet.top(listed)
        values = self._values(facet, top)
        more = facet.distinct - len(top)
        if more == 1:
            return self._lines(facet, rows, listed + 1)
        if more <= 0:
            return [heading, *values]
        kept = "" if facet.all_known else " at least"
        return [heading, *values, Line(facet, text=f"{count(more)} more{kept}", more=True)]

    def _values(self, facet: Facet, top: Sequence[Tally]) -> list[Line]:
        names = Counter(tally.name for tally in top if tally.name)
        labels = [_label(tally, namesakes=names[tally.name] > 1) for tally in top]
        asked = [self.asked.get((facet.kind.field, tally.value), "") for tally in top]
        places = [self._where(str(tally.value)) if facet.kind.field == "ip" and tally.value else "" for tally in top]
        place = max(map(cell_width, places), default=0)
        cells = Cells(
            max(map(cell_width, labels), default=0),
            max((len(_number(tally)) for tally in top), default=0),
            max((len(text) + bool(text) for text in asked), default=0),
            place + len(BESIDE) if place else 0,
        )
        return [
            Line(facet, tally, name=name, place=where, asked=told, cells=cells)
            for tally, name, where, told in zip(top, labels, places, asked, strict=True)
        ]

    def name_of(self, item: Line) -> Hashable:
        if item.tally is not None:
            return item.facet.kind.field, item.tally.value
        return (item.facet.kind.field, item.facet, "more") if item.more else None

    def draw(self, item: Line, width: int) -> list[Content]:
        if item.tally is not None:
            return [self._value(item, item.tally, width)]
        ellipsis = self.glyphs.ellipsis
        if item.more:
            text = shorten_end(f"{self.glyphs.folded} {item.text}", width - INDENT, ellipsis)
            return [Content.assemble(" " * INDENT, (text, "$text-accent"))]
        title = item.facet.kind.title.upper()
        text = shorten_end(item.text, width - len(title), ellipsis)
        return [Content.assemble((title, "bold $text-accent"), (text, "$text-muted"))]

    def _value(self, line: Line, tally: Tally, width: int) -> Content:
        share, cells = tally.n / max(1, line.facet.read), line.cells
        beside = INDENT + 1 + cells.asked
        least = cells.name + cells.short_place if cells.place else min(LEAST_NAME, cells.name)
        percent = SHARE if width - beside - cells.number - SHARE >= least else 0
        bar = max(cells.number, LEAST_BAR, min(COUNT, width - beside - cells.name - cells.place - percent))
        room = max(1, width - beside - bar - percent)
        name, place = self._named(line, room)
        filled = round(share * bar)
        padded = f"{_number(tally):>{bar}}"
        return Content.assemble(
            f"{' ' * INDENT}{name}", (f"{place} ", "$text-muted"), (f"{line.asked:<{cells.asked}}", "$text-success"),
            (padded[:filled], "bold on $accent 35%"), (padded[filled:], "bold"),
            (f"{_percent(share):>{percent}}" if percent else "", "$text-muted"),
        )  # fmt: skip

    def _named(self, line: Line, room: int) -> tuple[str, str]:
        """A value's name and its location, which together take so many cells. The location is cut first."""
        ellipsis, cells, gap = self.glyphs.ellipsis, line.cells.name, len(BESIDE)
        if room < cells + gap + LEAST_PLACE:
            cells = cell_width(line.name)  # a long name does not take the room of others
        left = room - cells - gap
        if not line.place or left < SHORT_PLACE:
            return fit(shorten_middle(line.name, room, ellipsis), room), ""
        return fit(line.name, cells), BESIDE + fit(shorten_end(line.place, left, ellipsis), left)

    # -- what is chosen ----------------------------------------------------------------------------------------

    @property
    def chosen(self) -> tuple[str, str | int | None] | None:
        """The filter's field and the value under the cursor."""
        line = self.chosen_item
        return None if line is None or line.tally is None else (line.facet.kind.field, line.tally.value)

    @property
    def on_more(self) -> bool:
        """True while the cursor is on the line that says how many more values there are."""
        return self.chosen_item is not None and self.chosen_item.more

    def open_more(self) -> bool:
        """List more values where the cursor is on the line that says how many there are. False elsewhere."""
        line = self.chosen_item
        if line is None or not self.on_more or self._shown is None:
            return False
        field, before = line.facet.kind.field, self._values_of(line.facet)
        self._opened[field] = self._opened.get(field, 0) + OPENED
        self.show(*self._shown)
        for added in self._values_of(line.facet)[len(before) :][:1]:
            self.choose_name(self.name_of(added))
        return True

    def _values_of(self, facet: Facet) -> list[Line]:
        return [
            line for group in self.groups for line in group.items if line.facet is facet and line.tally is not None
        ]

    def forget(self) -> None:
        """The facets are of other entries from now on: forget the server's counts and what was opened."""
        self.asked, self._opened = {}, {}

    def action_turn(self) -> None:
        """List the rarest values first, or the most frequent ones again."""
        self._rarest = not self._rarest
        if self._shown is not None:
            self.at = None  # the first one
            self.show(*self._shown)


def _number(tally: Tally) -> str:
    """A count with the blank after it, for the bar to end there."""
    return f"{'' if tally.exact else '≥ '}{count(tally.n)} "


def _percent(share: float) -> str:
    return "<1%" if 0 < share < 0.005 else f"{share:.0%}"


def _label(tally: Tally, *, namesakes: bool) -> str:
    """The value's name, with its ID if another value has the same name."""
    if tally.value is None:
        return "(none)"
    value = safe(str(tally.value), 400)
    if tally.name:
        return f"{safe(tally.name, 400)} {value}" if namesakes else safe(tally.name, 400)
    return f"{safe(tally.kind, 100)} {value}" if tally.kind else value
