"""A list of groups side by side, as many as there is room for, with a cursor: detail and facets."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

_T = TypeVar("_T")

GAP = 2
"""Cells between two columns."""


@dataclass(frozen=True, slots=True)
class Group(Generic[_T]):
    """Items that stay together below each other, in this `column` or the shortest one. `wide` takes all columns."""

    items: Sequence[_T]
    wide: bool = False
    column: int | None = None


@dataclass(frozen=True, slots=True)
class Placed(Generic[_T]):
    """An item and the cells that it takes."""

    item: _T
    region: Region
    lines: list[Content]


class GroupList(ScrollView, Generic[_T], can_focus=True):
    """Groups in columns of at least `column` cells; a group goes to the column that is shortest so far.

    The cursor is on the item `at`; only items with a name can be chosen.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"groups--chosen"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pagedown", "page(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("home", "end(-1)", show=False),
        Binding("end", "end(1)", show=False),
    ]
    column: ClassVar[int] = 40

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[Group[_T]] = []
        self.at: Hashable = None
        self._placed: list[Placed[_T]] = []
        self._room: Size | None = None
        self._drawn: dict[tuple[int, int, bool], Strip] = {}

    # -- what a pane defines -----------------------------------------------------------------------------------

    @abstractmethod
    def name_of(self, item: _T) -> Hashable:
        """What identifies an item among all; `None` for one that can't be chosen."""

    @abstractmethod
    def draw(self, item: _T, width: int) -> list[Content]:
        """The item's lines in a column of so many cells."""

    # -- showing -----------------------------------------------------------------------------------------------

    def set_groups(self, groups: list[Group[_T]]) -> None:
        """Show these groups. The cursor stays on the item with the same name, else it goes to the first one."""
        self.groups = groups
        self.flow()

    def flow(self) -> None:
        """Place and draw all items anew."""
        self._room = self.scrollable_content_region.size
        self._placed, self._drawn = _place(self, self._room.width, between=1), {}
        if _height(self._placed) > self._room.height:
            self._placed = _place(self, self._room.width, between=0)
        self.virtual_size = Size(self._room.width, _height(self._placed))
        names = [self.name_of(placed.item) for placed in self._choices()]
        if self.at not in names:
            self.at = names[0] if names else None
        self._scroll_to_cursor()
        self.refresh()

    @property
    def columns(self) -> int:
        """The number of columns that fit."""
        widest = self.scrollable_content_region.width
        narrow = sum(not group.wide for group in self.groups)
        return max(1, min(narrow, (widest + GAP) // (self.column + GAP)))

    @property
    def chosen_item(self) -> _T | None:
        """The item under the cursor."""
        placed = self._cursor()
        return None if placed is None else placed.item

    def _choices(self) -> list[Placed[_T]]:
        return [placed for placed in self._placed if self.name_of(placed.item) is not None]

    def _cursor(self) -> Placed[_T] | None:
        return next((placed for placed in self._choices() if self.name_of(placed.item) == self.at), None)

    def render_line(self, y: int) -> Strip:
        y += self.scroll_offset.y
        width, style = self.size.width, self.rich_style
        cursor, parts, x = self._cursor(), [], 0
        for index, placed in self._in_line(y):
            region = placed.region
            parts += [
                Strip([Segment(" " * (region.x - x), style)]),
                self._strip(index, y - region.y, placed is cursor),
            ]
            x = region.right
        return Strip.join(parts).adjust_cell_length(width, style)

    def _in_line(self, y: int) -> list[tuple[int, Placed[_T]]]:
        found = [(n, placed) for n, placed in enumerate(self._placed) if placed.region.y <= y < placed.region.bottom]
        return sorted(found, key=lambda each: each[1].region.x)

    def _strip(self, index: int, line: int, chosen: bool) -> Strip:
        key = index, line, chosen and self.has_focus
        if key not in self._drawn:
            placed = self._placed[index]
            style = self.get_visual_style("groups--chosen") if key[2] else self.visual_style
            width = placed.region.width
            strips = Visual.to_strips(self, placed.lines[line], width, 1, style, pad=True, apply_selection=False)
            self._drawn[key] = strips[0] if strips else Strip.blank(width, style.rich_style)
        return self._drawn[key]

    def notify_style_update(self) -> None:
        self._drawn = {}
        super().notify_style_update()

    def on_resize(self) -> None:
        if self._room is not None and self._room != self.scrollable_content_region.size:
            self.flow()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    # -- the cursor --------------------------------------------------------------------------------------------

    def choose_name(self, name: Hashable) -> None:
        """Put the cursor on the item of this name."""
        self.at = name
        self._scroll_to_cursor()
        self.refresh()

    def _scroll_to_cursor(self) -> None:
        placed = self._cursor()
        if placed is None:
            return
        region = placed.region
        above = [other.region.y for other in self._placed if other.region.x == region.x and other.region.y < region.y]
        first = self._choices()[0].region.y
        if region.y <= first or not above:
            region = Region(region.x, 0, region.width, region.bottom)  # with the heading above it
        self.scroll_to_region(region, animate=False, immediate=True)

    def _move(self, by: int) -> None:
        choices = self._choices()
        cursor = self._cursor()
        if cursor is not None:
            place = max(0, min(choices.index(cursor) + by, len(choices) - 1))
            self.choose_name(self.name_of(choices[place].item))

    def action_cursor_down(self) -> None:
        self._move(1)

    def action_cursor_up(self) -> None:
        self._move(-1)

    def action_page(self, way: int) -> None:
        self._move(way * max(1, self.size.height - 1))

    def action_end(self, way: int) -> None:
        self._move(way * len(self._placed))

    def action_column(self, way: int) -> None:
        """Go to the nearest item of the next column to the right (1) or to the left (-1)."""
        cursor = self._cursor()
        if cursor is None:
            return
        at = cursor.region
        beside = [placed for placed in self._choices() if (placed.region.x - at.x) * way > 0]
        if beside:
            near = min(abs(placed.region.x - at.x) for placed in beside)
            column = [placed for placed in beside if abs(placed.region.x - at.x) == near]
            beside_it = min(column, key=lambda placed: abs(placed.region.y - at.y))
            self.choose_name(self.name_of(beside_it.item))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None:
            x, y = offset.x, offset.y + self.scroll_offset.y
            under = [placed for placed in self._choices() if placed.region.contains(x, y)]
            if under:
                self.choose_name(self.name_of(under[0].item))


def _height(placed: list[Placed[_T]]) -> int:
    return max((each.region.bottom for each in placed), default=0)


def _place(of: GroupList[_T], width: int, *, between: int) -> list[Placed[_T]]:
    """The items from top to bottom of each column; the columns of a band between wide groups from left to right.

    `between` is the number of blank lines between two groups of a column.
    """
    columns = of.columns
    room = max(1, (width + GAP) // columns - GAP)
    found: list[Placed[_T]] = []
    band: list[list[Placed[_T]]] = [[] for _ in range(columns)]
    bottoms = [0] * columns
    for group in of.groups:
        if group.wide:
            found += [placed for column in band for placed in column]
            band, bottoms = [[] for _ in range(columns)], [max(bottoms)] * columns
        shortest = bottoms.index(min(bottoms))
        place = shortest if group.column is None or group.wide else group.column % columns
        bottoms[place] += between if bottoms[place] else 0
        for item in group.items:
            cells = max(1, width) if group.wide else room
            lines = of.draw(item, cells)
            region = Region(place * (room + GAP), bottoms[place], cells, len(lines))
            band[place].append(Placed(item, region, lines))
            bottoms[place] = region.bottom
        if group.wide:
            bottoms = [max(bottoms)] * columns
            found += band[0]
            band = [[] for _ in range(columns)]
    return found + [placed for column in band for placed in column]
