"""A list of groups side by side, as many as there is room for, with a cursor: detail and facets."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import chain
from typing import ClassVar, Generic, TypeVar

from msgspec import Struct
from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style
from textual.visual import Visual

from auditlog_tui.ui.patches.reverse_video import reversed_as_styled

_T = TypeVar("_T")

GAP = 2
"""Cells between two columns."""

SHORT = 16
"""Lines of a window below which a pane has no room beside the table."""


def is_short(lines: int) -> bool:
    """Whether a window of so many lines has no room for a pane beside the table."""
    return lines < SHORT


class Group(Struct, Generic[_T], frozen=True):
    """Items that stay together below each other, in this `column` or the shortest one. `wide` takes all columns.

    `width` is the cells that its longest line asks for, `least` those without which its text is cut; 0 if any will
    do.
    """

    items: Sequence[_T]
    wide: bool = False
    column: int | None = None
    width: int = 0
    least: int = 0


class Placed(Struct, Generic[_T], frozen=True):
    """An item and the cells that it takes."""

    item: _T
    region: Region
    lines: list[Content]


class GroupList(ScrollView, Generic[_T], can_focus=True):
    """Groups in columns of at least `column` cells; a group goes to the column that is shortest so far.

    `placed` are all items with the cells that they take, from the top of the list.
    `at` is the name of the item under the cursor, and how many before it have the same name. Only items with a name
    can be chosen.
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
        self.at: tuple[Hashable, int] | None = None
        self.placed: list[Placed[_T]] = []
        self._in_line: dict[int, list[int]] = {}
        self._choices: dict[tuple[Hashable, int], Placed[_T]] = {}
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
        """Show these groups. The cursor stays on its item, else it goes to the nearest one that is still there."""
        self.groups = groups
        self.flow()

    def flow(self) -> None:
        """Place and draw all items anew."""
        self._room, self._drawn = self._room_now, {}
        narrow = self._room.width - self.styles.scrollbar_size_vertical
        for width, between in ((self._room.width, 1), (self._room.width, 0), (narrow, 0)):
            self.placed = _place(self, width, between=between)
            self.virtual_size = Size(width, _height(self.placed))
            if self.virtual_size.height <= self._room.height:
                break
        before = list(self._choices)
        self._index()
        if self.at not in self._choices:
            self.at = self._nearest(before)
        self._scroll_to_cursor()
        self.refresh()

    @property
    def _room_now(self) -> Size:
        """The room without a scrollbar, whether there is one now or not: what is shown depends on its size alone."""
        room = self.scrollable_content_region.size
        return Size(room.width + self.styles.scrollbar_size_vertical * self.show_vertical_scrollbar, room.height)

    def _nearest(self, before: list[tuple[Hashable, int]]) -> tuple[Hashable, int] | None:
        """Of the names `before`, in their order, the nearest to the cursor's that is still there; else the first."""
        at = before.index(self.at) if self.at in before else len(before)
        near = chain(before[at:], reversed(before[:at]) if at < len(before) else (), self._choices)
        return next((name for name in near if name in self._choices), None)

    def _index(self) -> None:
        """Note which items are in each line, from left to right, and which can be chosen."""
        self._in_line, self._choices = {}, {}
        seen: Counter[Hashable] = Counter()
        for index, placed in enumerate(self.placed):
            for y in range(placed.region.y, placed.region.bottom):
                self._in_line.setdefault(y, []).append(index)
            name = self.name_of(placed.item)
            if name is not None:
                self._choices[name, seen[name]] = placed
                seen[name] += 1

    @property
    def columns(self) -> int:
        """The number of columns that fit, beside a scrollbar too."""
        widest = self._room_now.width - self.styles.scrollbar_size_vertical
        narrow = sum(not group.wide for group in self.groups)
        return max(1, min(narrow, (widest + GAP) // (self.column + GAP)))

    @property
    def chosen_item(self) -> _T | None:
        """The item under the cursor."""
        placed = self._cursor()
        return None if placed is None else placed.item

    def _cursor(self) -> Placed[_T] | None:
        return self._choices.get(self.at) if self.at is not None else None

    def render_line(self, y: int) -> Strip:
        y += self.scroll_offset.y
        width, style = self.size.width, self.rich_style
        cursor, parts, x = self._cursor(), [], 0
        for index in self._in_line.get(y, ()):
            placed = self.placed[index]
            region = placed.region
            parts += [
                Strip([Segment(" " * (region.x - x), style)]),
                self._strip(index, y - region.y, placed is cursor),
            ]
            x = region.right
        return Strip.join(parts).adjust_cell_length(width, style)

    def _strip(self, index: int, line: int, chosen: bool) -> Strip:
        key = index, line, chosen and self.has_focus
        if key not in self._drawn:
            placed = self.placed[index]
            style = self._chosen_style if key[2] else self.visual_style
            width = placed.region.width
            strips = Visual.to_strips(self, placed.lines[line], width, 1, style, pad=True, apply_selection=False)
            self._drawn[key] = strips[0] if strips else Strip.blank(width, style.rich_style)
        return self._drawn[key]

    @property
    def _chosen_style(self) -> Style:
        name = "groups--chosen"
        return reversed_as_styled(self, self.get_visual_style(name), name)

    def notify_style_update(self) -> None:
        self._drawn = {}
        super().notify_style_update()

    def on_resize(self) -> None:
        if self._room is not None and self._room != self._room_now:
            self.flow()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    # -- the cursor --------------------------------------------------------------------------------------------

    def choose_name(self, name: Hashable) -> None:
        """Put the cursor on the first item of this name."""
        self._choose((name, 0))

    def _choose(self, at: tuple[Hashable, int]) -> None:
        self.at = at
        self._scroll_to_cursor()
        self.refresh()

    def _scroll_to_cursor(self) -> None:
        placed = self._cursor()
        if placed is None:
            return
        region = placed.region
        above = [other.region.y for other in self.placed if other.region.x == region.x and other.region.y < region.y]
        first = next(iter(self._choices.values())).region.y
        if (region.y <= first or not above) and region.bottom <= self.scrollable_content_region.height:
            region = Region(region.x, 0, region.width, region.bottom)  # with the heading above it
        self.scroll_to_region(region, animate=False, immediate=True)

    def _move(self, by: int) -> None:
        if self.at in self._choices:
            names = list(self._choices)
            self._choose(names[max(0, min(names.index(self.at) + by, len(names) - 1))])

    def action_cursor_down(self) -> None:
        self._move(1)

    def action_cursor_up(self) -> None:
        self._move(-1)

    def action_page(self, way: int) -> None:
        self._move(way * max(1, self.size.height - 1))

    def action_end(self, way: int) -> None:
        self._move(way * len(self.placed))

    def action_column(self, way: int) -> None:
        """Go to the nearest item of the next column to the right (1) or to the left (-1)."""
        cursor = self._cursor()
        if cursor is None:
            return
        at = cursor.region
        beside = {name: each for name, each in self._choices.items() if (each.region.x - at.x) * way > 0}
        if beside:
            near = min(abs(each.region.x - at.x) for each in beside.values())
            column = [name for name, each in beside.items() if abs(each.region.x - at.x) == near]
            self._choose(min(column, key=lambda name: abs(beside[name].region.y - at.y)))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None:
            x, y = offset.x, offset.y + self.scroll_offset.y
            for name in [name for name, each in self._choices.items() if each.region.contains(x, y)]:
                self._choose(name)


def _height(placed: list[Placed[_T]]) -> int:
    return max((each.region.bottom for each in placed), default=0)


def _widths(groups: Sequence[Group[_T]], width: int, columns: int) -> list[int]:
    """The columns' widths: what their groups ask for, or equal ones if any asks for nothing."""
    least, asked = [0] * columns, [0] * columns
    for group in groups:
        if group.column is not None and not group.wide:
            place = group.column % columns
            least[place] = max(least[place], group.least)
            asked[place] = max(asked[place], group.width)
    if not all(asked):
        return [max(1, (width + GAP) // columns - GAP)] * columns
    room = width - GAP * (columns - 1)
    widths = _shared(least, room)
    more = _shared([want - has for want, has in zip(asked, widths, strict=True)], room - sum(widths))
    return [max(1, has + added) for has, added in zip(widths, more, strict=True)]


def _shared(asked: Sequence[int], room: int) -> list[int]:
    """What is asked for, as far as there is room: those who ask for the least get it first."""
    given = [0] * len(asked)
    for taken, number in enumerate(sorted(range(len(asked)), key=asked.__getitem__)):
        given[number] = max(0, min(asked[number], room // (len(asked) - taken)))
        room -= given[number]
    return given


def _place(of: GroupList[_T], width: int, *, between: int) -> list[Placed[_T]]:
    """The items from top to bottom of each column; the columns of a band between wide groups from left to right.

    `between` is the number of blank lines between two groups of a column.
    """
    columns = of.columns
    widths = _widths(of.groups, width, columns)
    lefts = [sum(widths[:number]) + GAP * number for number in range(columns)]
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
            cells = max(1, min(width, group.width or width)) if group.wide else widths[place]
            lines = of.draw(item, cells)
            region = Region(0 if group.wide else lefts[place], bottoms[place], cells, len(lines))
            band[place].append(Placed(item, region, lines))
            bottoms[place] = region.bottom
        if group.wide:
            bottoms = [max(bottoms)] * columns
            found += band[0]
            band = [[] for _ in range(columns)]
    return found + [placed for column in band for placed in column]
