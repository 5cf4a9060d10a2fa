"""The table's columns: what each shows of a row, in which style, and how wide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from auditlog_tui.entries.actions import severity
from auditlog_tui.errors import SettingsError
from auditlog_tui.text.cells import cell_width, fit, shorten_end, shorten_middle
from auditlog_tui.text.glyphs import actor_glyph, status_mark
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import format_time
from auditlog_tui.ui.look import Look

if TYPE_CHECKING:
    from auditlog_tui.store.entries import Row

CELL_LIMIT = 400
"""Characters of a field that a cell uses: no terminal shows more, and a field may be a megabyte long."""

Cell = tuple[str, str]
"""The text of a cell (made safe, not yet fitted) and the name of its style."""


class Column(NamedTuple):
    """`field` is the filter's name for it. `cut` is where a text that is too long is shortened.

    It is as wide as its longest text, up to `most` cells (before rows are loaded: `ample`). It gives up cells for
    columns to its right: down to `least` for the essential ones, to `ample` for method and path, none for the last
    ones. What has no room then is left out.
    """

    field: str
    title: str
    least: int
    ample: int
    most: int
    cell: Callable[[Row, Look], Cell]
    cut: Literal["end", "middle", "id"] = "end"

    def draw(self, row: Row, look: Look, width: int) -> Cell:
        text, style = self.cell(row, look)
        if self.cut == "middle":
            text = shorten_middle(text, width, look.glyphs.ellipsis)
        elif self.cut == "id" and cell_width(text) > width:
            text = _shorten_id(text, width, look.glyphs.ellipsis)
        return fit(text, width, ellipsis=look.glyphs.ellipsis), style


ID_CELLS = 9
"""Cells of a shortened ID beside its kind: four characters of either end."""


def _shorten_id(text: str, width: int, ellipsis: str) -> str:
    """A kind and an ID in so many cells: the ID is shortened first, in the middle, then the kind at its end."""
    kind, _, identity = text.rpartition(" ")
    room = max(width - cell_width(kind) - 1, ID_CELLS)
    if not kind or width < 2 * ID_CELLS:
        return shorten_middle(text, width, ellipsis)
    return f"{shorten_end(kind, width - room - 1, ellipsis)} {shorten_middle(identity, room, ellipsis)}"


def _text(value: str | None, row: Row, field: str, look: Look) -> str:
    shown = "" if value is None else safe(value, CELL_LIMIT)
    if not row.unreadable or (value is not None and field == "created_at"):
        return shown
    flagged = f'"{field}": ' in row.unreadable or (value is None and '"": ' in row.unreadable)
    return f"{look.glyphs.unknown}{shown}" if flagged else shown


def _time(row: Row, look: Look) -> Cell:
    if row.created_us is None:
        return _text(row.created_at, row, "created_at", look), "error"
    return format_time(row.created_us, look.mode, look.now_us, look.zone), "time"


def _action(row: Row, look: Look) -> Cell:
    return _text(row.action, row, "action", look), _STYLES[severity(row.action)]


_STYLES = {"read": "read", "change": "change", "network": "change", "destroy": "destroy", "access": "destroy"}
"""The style of each severity: what lets somebody in is as loud as what destroys."""


def _actor(row: Row, look: Look) -> Cell:
    name = row.actor_name or row.actor_id or row.actor_type
    field = "actor.name" if '"actor.name"' in row.unreadable else "actor"
    text = _text(name, row, field, look)
    if row.actor_type is None and not text:
        return "", "text"
    return f"{actor_glyph(row.actor_type, look.glyphs)} {text}", "text"


def _status(row: Row, look: Look) -> Cell:
    if row.status_code is None:
        return _text(None, row, "status_code", look), "dim"
    mark = status_mark(row.status_code, look.glyphs)
    return f"{mark.glyph}{row.status_code}", f"status-{mark.kind}"


def _path(row: Row, look: Look) -> Cell:
    return _text(row.path, row, "path", look), "text"


def _target(row: Row, look: Look) -> Cell:
    identity = _text(row.target_id, row, "target", look)
    kind = _text(row.target_type, row, "target.type", look)
    if identity and kind:
        return f"{kind} {identity}", "text"
    return identity or kind, "text"


def _plain(name: str, style: str) -> Callable[[Row, Look], Cell]:
    def cell(row: Row, look: Look) -> Cell:
        return _text(getattr(row, name), row, name.replace("actor_type", "actor.type"), look), style

    return cell


COLUMNS: tuple[Column, ...] = (
    Column("created", "TIME", 19, 19, 19, _time),
    Column("action", "ACTION", 18, 34, 42, _action),
    Column("actor", "ACTOR", 14, 22, 40, _actor, "middle"),
    Column("ip", "IP", 15, 15, 39, _plain("client_ip", "text"), "middle"),
    Column("status", "ST", 4, 4, 4, _status),
    Column("target", "TARGET", 20, 33, 56, _target, "id"),
    Column("method", "METHOD", 6, 6, 7, _plain("method", "dim")),
    Column("path", "PATH", 20, 36, 90, _path, "middle"),
    Column("actor.type", "TYPE", 7, 8, 8, _plain("actor_type", "dim")),
    Column("ua", "AGENT", 16, 32, 90, _plain("user_agent", "dim")),
)

ESSENTIAL = ("created", "action", "actor", "ip", "status", "target")
"""Who did what to what, from where, and whether it was refused: for these, columns before them are cut."""

LAST = ("actor.type", "ua")
"""These tell the least: no column before them is cut for them."""

NOTED = 2
"""Cells at the end of the action that the sign for a note takes."""

STICKY = 2
"""The first columns (time and action) don't scroll sideways."""


class Layout(NamedTuple):
    """Each column's offset and width in cells, without the gutter."""

    columns: tuple[Column, ...]
    offsets: tuple[int, ...]
    widths: tuple[int, ...]

    @property
    def fixed(self) -> int:
        """Cells taken by the columns that never scroll."""
        return self.offsets[STICKY] if len(self.columns) > STICKY else self.total + 1

    @property
    def total(self) -> int:
        return self.offsets[-1] + self.widths[-1]

    @property
    def drawn(self) -> int:
        """Cells of the columns that have a width, each with the blank after it."""
        return sum(width + 1 for width in self.widths if width)

    def scrolled(self, column: int, left: int, room: int) -> int:
        """The sideways scroll position nearest to `left`, in whole columns, that shows a column in `room` cells."""
        if column < STICKY:
            return 0
        starts = [offset - self.fixed for offset in self.offsets[STICKY:]]
        start, end = starts[column - STICKY], self.offsets[column] + self.widths[column]
        left = max(each for each in starts if each <= left)
        least = next((each for each in starts if each >= end - room), start)
        return min(max(left, least), start)

    def seen(self, left: int, room: int) -> Layout:
        """The columns as drawn in `room` cells, scrolled by `left`; those not drawn have the width 0.

        A column at the edge gets the remaining cells, so that its text is shortened and not cut, or 0.
        """
        widths = []
        for number, (column, offset, width) in enumerate(zip(self.columns, self.offsets, self.widths, strict=True)):
            scrolls = number >= STICKY
            visible = max(0, min(width, room - offset + (left if scrolls else 0)))
            first = number < STICKY or offset - self.fixed == left
            enough = first or visible >= min(column.least, width)
            hidden = scrolls and offset - self.fixed < left
            widths.append(visible if enough and not hidden else 0)
        return self._replace(widths=tuple(widths))


def content_widths(rows: Sequence[Row], look: Look) -> dict[str, int]:
    """The cells of the longest text in each column but the time, by field; empty without rows."""
    if not rows:
        return {}
    widths = {column.field: max(cell_width(column.cell(row, look)[0]) for row in rows) for column in COLUMNS[1:]}
    return {**widths, "action": widths["action"] + NOTED}


def lay_out(width: int, look: Look, content: Mapping[str, int] | None = None, offset_width: int = 0) -> Layout:
    """The columns for a width in cells, given the `content_widths` of the rows.

    Time to status, and the target if possible, are shown as long as each has its `least` cells, method and path if
    those before them keep `ample` ones, the last ones if no text before them is cut. The remaining cells go to the
    columns whose text is longer, the narrowest first. `offset_width` are the cells for an offset beside the time.
    """
    by_name = {column.field: column for column in COLUMNS}
    columns = (*COLUMNS[:STICKY], *(by_name[name] for name in look.columns)) if look.columns else COLUMNS
    wanted = [_wanted(column, content or {}) for column in columns]
    wanted[0] += offset_width
    least = [min(column.least, want) for column, want in zip(columns, wanted, strict=True)]
    least[0] = wanted[0]
    ample = [min(column.ample, want) for column, want in zip(columns, wanted, strict=True)]
    ample[0] = wanted[0]
    kept = least[:STICKY]
    for n in range(STICKY, len(columns)):
        field = columns[n].field
        before = least if field in ESSENTIAL or look.columns else wanted if field in LAST else ample
        if sum(before[:n]) + n + least[n] > width:
            break
        kept = [*before[:n], least[n]]
    spare = width - sum(kept) - len(kept) + 1 if len(kept) > STICKY else 0
    widths = [*_share(kept, wanted, spare), *ample[len(kept) :]]
    offsets = [sum(widths[:n]) + n for n in range(len(widths))]
    return Layout(columns, tuple(offsets), tuple(widths))


def _wanted(column: Column, content: Mapping[str, int]) -> int:
    """The cells of a column's longest text, within its bounds."""
    if column.least == column.most:
        return column.most
    return max(len(column.title), min(content.get(column.field, column.ample), column.most))


def _share(least: Sequence[int], wanted: Sequence[int], spare: int) -> list[int]:
    """The widths once `spare` cells are given to columns that want more, one by one to the narrowest of them."""
    widths = list(least)
    for _ in range(spare):
        wanting = [n for n, width in enumerate(widths) if width < wanted[n]]
        if not wanting:
            break
        widths[min(wanting, key=lambda n: widths[n])] += 1
    return widths


def read_columns(text: str) -> tuple[str, ...]:
    """The column names in a comma-separated list. Raises `SettingsError` for an unknown name."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    able = [column.field for column in COLUMNS[STICKY:]]
    for name in names:
        if name not in able:
            raise SettingsError(f"There is no column {safe(name, 40)!r}. There are {', '.join(able)}.")
    return names
