"""The table's columns: what each shows of a row, in which style, and how wide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from auditlog_tui.errors import SettingsError
from auditlog_tui.text.cells import fit, shorten_middle
from auditlog_tui.text.glyphs import action_severity, actor_glyph, status_mark
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import format_time
from auditlog_tui.ui.look import Look

if TYPE_CHECKING:
    from auditlog_tui.store.entries import Row

CELL_LIMIT = 400
"""Characters of a field that a cell uses: no terminal shows more, and a field may be a megabyte long."""

Cell = tuple[str, str]
"""The text of a cell (made safe, not yet fitted) and the name of its style."""


@dataclass(frozen=True, slots=True)
class Column:
    """`field` is the filter's name for it. `cut` is where a text that is too long is shortened.

    A column with fewer than `least` cells is left out.
    """

    field: str
    title: str
    width: int
    least: int
    cell: Callable[[Row, Look], Cell]
    cut: Literal["end", "middle"] = "end"

    def draw(self, row: Row, look: Look, width: int) -> Cell:
        text, style = self.cell(row, look)
        if self.cut == "middle":
            text = shorten_middle(text, width, look.glyphs.ellipsis)
        return fit(text, width, ellipsis=look.glyphs.ellipsis), style


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
    severity = action_severity(row.action)
    return _text(row.action, row, "action", look), severity


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
        return f"{kind} {shorten_middle(identity, 13, look.glyphs.ellipsis)}", "text"
    return identity or kind, "text"


def _plain(name: str, style: str) -> Callable[[Row, Look], Cell]:
    def cell(row: Row, look: Look) -> Cell:
        return _text(getattr(row, name), row, name.replace("actor_type", "actor.type"), look), style

    return cell


IP_WIDTHS = 15, 39
"""Cells of the longest IPv4 address and of the longest IPv6 address."""

COLUMNS: tuple[Column, ...] = (
    Column("created", "TIME", 19, 19, _time),
    Column("action", "ACTION", 22, 8, _action),
    Column("actor", "ACTOR", 20, 8, _actor, "middle"),
    Column("ip", "IP", IP_WIDTHS[0], IP_WIDTHS[0], _plain("client_ip", "text"), "middle"),
    Column("status", "ST", 4, 4, _status),
    Column("method", "METHOD", 6, 6, _plain("method", "dim")),
    Column("path", "PATH", 26, 12, _path, "middle"),
    Column("target", "TARGET", 26, 12, _target, "middle"),
    Column("actor.type", "TYPE", 8, 7, _plain("actor_type", "dim")),
    Column("ua", "AGENT", 32, 8, _plain("user_agent", "dim")),
)

NARROW = 96
"""Cells below which action and actor are narrower, so that 80 columns show address and status too."""

_NARROW_WIDTHS = {"action": 19, "actor": 16}

STICKY = 2
"""The first columns (time and action) don't scroll sideways."""


@dataclass(frozen=True, slots=True)
class Layout:
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
        return replace(self, widths=tuple(widths))


def lay_out(width: int, look: Look, ip_width: int = IP_WIDTHS[0], offset_width: int = 0) -> Layout:
    """The columns for a width in cells. The path gets what the other columns leave, or those before it.

    `offset_width` are the cells for an offset beside the time. In a narrow window the action gives them up, and a
    long address gets no more than leaves room for the status.
    """
    by_name = {column.field: column for column in COLUMNS}
    columns = (*COLUMNS[:STICKY], *(by_name[name] for name in look.columns)) if look.columns else COLUMNS
    sizes = {"ip": ip_width, **(_NARROW_WIDTHS if width < NARROW else {})}
    widths = [sizes.get(column.field, column.width) for column in columns]
    widths[0] += offset_width
    widths[1] -= offset_width if width < NARROW else 0
    names = [column.field for column in columns]
    if width < NARROW and "ip" in names and "status" in names[names.index("ip") :]:
        over = sum(widths[: names.index("status") + 1]) + names.index("status") - width
        widths[names.index("ip")] = min(ip_width, max(IP_WIDTHS[0], ip_width - over))
    path = names.index("path") if "path" in names else None
    for last in (len(widths), *(() if path is None else (path + 2, path + 1))):
        spare = width - sum(widths[:last]) - last + 1
        if path is not None and spare >= 0:
            widths[path] += spare
            break
    offsets = [sum(widths[:n]) + n for n in range(len(widths))]
    return Layout(columns, tuple(offsets), tuple(widths))


def read_columns(text: str) -> tuple[str, ...]:
    """The column names in a comma-separated list. Raises `SettingsError` for an unknown name."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    able = [column.field for column in COLUMNS[STICKY:]]
    for name in names:
        if name not in able:
            raise SettingsError(f"columns: there is no column {safe(name, 40)!r}. There are {', '.join(able)}.")
    return names
