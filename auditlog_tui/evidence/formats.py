"""Entries as lines of text, for pipes, terminals and other tools.

`jsonl` is the evidence: each entry's JSON exactly as received. `timesketch`, `ocsf` and `ecs` (a module each) are
JSON lines for those tools, and carry that JSON in a field. `table`, `csv`, `ids` and `markdown` (a module) are for
reading: they hold less than the JSON, and all of their text passes through `safe()`.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import TYPE_CHECKING

from auditlog_tui.entries.models import Entry, read_entry
from auditlog_tui.errors import SettingsError
from auditlog_tui.evidence import ecs, markdown, ocsf, timesketch
from auditlog_tui.evidence.fields import NO_NOTE, Note, plain
from auditlog_tui.text.cells import cell_width, fit, shorten_middle
from auditlog_tui.text.glyphs import Glyphs
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import Mode, format_time

if TYPE_CHECKING:
    from auditlog_tui.store.entries import Row

UNCUT = sys.maxsize
"""The limit for `safe()` that never cuts."""

Notes = Callable[[str], Note]
"""The user's note on the entry with a key."""


@dataclass(frozen=True, slots=True)
class TableStyle:
    """How a table is drawn. `width` is the terminal's width in cells; `None` means a pipe, where nothing is cut."""

    width: int | None
    mode: Mode
    zone: tzinfo
    now_us: int
    glyphs: Glyphs
    columns: tuple[str, ...] = ()
    """The columns after time and action; if empty, the default ones that fit."""


# -- jsonl ---------------------------------------------------------------------------------------------------------

_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"?'
_STRING_OR_BREAK = re.compile(rf"{_STRING}|[\r\n][ \t\r\n]*", re.DOTALL)
_STRING_OR_SPACE = re.compile(rf"{_STRING}|[\t\r\n]+", re.DOTALL)
_NOT_ASCII = re.compile(r"[^ -~]")


def one_line(raw: str) -> str:
    """An entry's JSON as received, on one line.

    It is not decoded and encoded again, so digits, escapes, the order of members and duplicates stay. Each line break
    outside strings, with the indentation after it, becomes one space. A line break inside a string is invalid JSON
    and is escaped.
    """
    return _STRING_OR_BREAK.sub(_without_breaks, raw) if "\n" in raw or "\r" in raw else raw


def _without_breaks(match: re.Match[str]) -> str:
    return match[0].replace("\n", "\\n").replace("\r", "\\r") if match[0][0] == '"' else " "


def terminal_line(raw: str, *, ascii_only: bool = False) -> str:
    """`one_line` for a terminal: control and invisible characters become `u` escapes, which mean the same in JSON."""
    if raw.isascii() and raw.isprintable():
        return raw
    text = _STRING_OR_SPACE.sub(lambda found: found[0] if found[0][0] == '"' else " ", one_line(raw))
    return _NOT_ASCII.sub(lambda found: _escaped(found[0], ascii_only=ascii_only), text)


def _escaped(character: str, *, ascii_only: bool) -> str:
    if not ascii_only and safe(character) == character:
        return character
    return json.dumps(character)[1:-1] if ord(character) != 0x7F else "\\u007f"


# -- csv -----------------------------------------------------------------------------------------------------------

_CSV = (
    ("id", "key"), ("created_at", "created_at"), ("action", "action"), ("actor.id", "actor_id"),
    ("actor.name", "actor_name"), ("actor.type", "actor_type"), ("client_ip", "client_ip"), ("method", "method"),
    ("path", "path"), ("status_code", "status_code"), ("user_agent", "user_agent"), ("target.id", "target_id"),
    ("target.type", "target_type"),
)  # fmt: skip
"""Each column's name (the API's), and the row's attribute that it shows."""

_CSV_NOTES = ("marked", "note", "tags", "context")
"""The columns after those, where notes are asked for; tags are separated by spaces."""

_FORMULA = re.compile(r"[\s\ufeff]*[=+\-@＝＋－＠]|[\t\r]")


def csv_header(notes: Notes | None = None) -> str:
    """The names of the columns."""
    return ",".join([*(name for name, _ in _CSV), *(_CSV_NOTES if notes else ())])


def csv_lines(rows: Iterable[Row], notes: Notes | None = None) -> list[str]:
    """The rows as CSV. An apostrophe precedes values that a spreadsheet would run as a formula."""
    return [_csv([_cell(value) for value in (*_values(row), *_note_values(row, notes))]) for row in rows]


def _note_values(row: Row, notes: Notes | None) -> tuple[str, ...]:
    if notes is None:
        return ()
    note = notes(row.key)
    marked, context = ("true" if each else "false" for each in (note.marked, note.context))
    return marked, note.text, " ".join(note.tags), context


def _values(row: Row) -> Iterable[str]:
    """The row's values; of an unreadable one its JSON text."""
    unreadable: dict[str, str] = json.loads(row.unreadable) if row.unreadable else {}
    for name, field in _CSV:
        value = getattr(row, field)
        if value is None:
            value = unreadable.get(name, unreadable.get(name.partition(".")[0], ""))
        yield str(value)


def _cell(text: str) -> str:
    return ("'" if _FORMULA.match(text) else "") + plain(text, UNCUT)


def _csv(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()


# -- table ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the table: `least` cells wide if there is little room, `width` if there is enough."""

    title: str
    least: int
    width: int
    text: Callable[[Row, TableStyle], str]
    middle: bool = False


def _field(name: str, dotted: str = "") -> Callable[[Row, TableStyle], str]:
    def text(row: Row, style: TableStyle) -> str:
        value = getattr(row, name)
        if value is not None:
            return safe(str(value)) or "-"
        return style.glyphs.unknown if f'"{dotted or name}"' in row.unreadable else "-"

    return text


def _time(row: Row, style: TableStyle) -> str:
    if row.created_us is None:
        return _field("created_at")(row, style)
    # No other part of the output names the time zone.
    return format_time(row.created_us, style.mode, style.now_us, style.zone, with_offset=True)


def _actor(row: Row, style: TableStyle) -> str:
    if row.actor_name:
        return _field("actor_name", "actor.name")(row, style)
    kind, identity = _field("actor_type", "actor.type")(row, style), _field("actor_id", "actor")(row, style)
    return identity if kind == "-" else kind if identity == "-" else f"{kind} {identity}"


def _target(row: Row, style: TableStyle) -> str:
    kind, identity = _field("target_type", "target.type")(row, style), _field("target_id", "target")(row, style)
    return identity if kind == "-" else kind if identity == "-" else f"{kind} {identity}"


_PATH = _Column("PATH", 12, 26, _field("path"), middle=True)
_ALWAYS = (_Column("TIME", 19, 19, _time), _Column("ACTION", 18, 22, _field("action")))
_BY_NAME = {
    "actor": _Column("ACTOR", 14, 20, _actor, middle=True),
    "ip": _Column("IP", 15, 15, _field("client_ip"), middle=True),
    "status": _Column("ST", 3, 3, _field("status_code")),
    "method": _Column("METHOD", 6, 6, _field("method")), "path": _PATH,
    "target": _Column("TARGET", 16, 26, _target, middle=True), "id": _Column("ID", 36, 36, _field("key")),
    "actor.type": _Column("TYPE", 8, 8, _field("actor_type", "actor.type")),
    "ua": _Column("AGENT", 16, 32, _field("user_agent")),
}  # fmt: skip
"""The columns by their names in `--columns`."""

_LOCAL_TIME = replace(_ALWAYS[0], least=25, width=25)
"""The time column with room for the offset."""

_COLUMNS = (*_ALWAYS, *(_BY_NAME[name] for name in ("actor", "ip", "status", "method", "path", "target", "id")))

_FIXED = {"ACTION": 32, "ACTOR": 24, "PATH": 48, "TARGET": 46}
"""Widths in a pipe where rows come one by one, so that columns can't be widened for them."""

_WIDEST = 80
"""The greatest width of a column in a pipe; longer texts break the alignment."""


def read_columns(text: str) -> tuple[str, ...]:
    """The column names in a comma-separated list. Raises `SettingsError` for an unknown one."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in _BY_NAME:
            raise SettingsError(f"There is no column {safe(name, 40)!r}. Columns are {', '.join(_BY_NAME)}.")
    return names


class Table:
    """Rows in columns. On a terminal columns have fixed widths and lines never wrap; in a pipe nothing is cut.

    If `fixed` is set, columns keep their widths in a pipe too, and longer texts are cut.
    """

    def __init__(self, style: TableStyle, *, fixed: bool = False) -> None:
        self._style = style
        self._cut = fixed or style.width is not None
        columns = (*_ALWAYS, *(_BY_NAME[name] for name in style.columns)) if style.columns else _COLUMNS
        self._columns = _layout((_LOCAL_TIME, *columns[1:]) if style.mode == "local" else columns, style.width)
        if fixed and style.width is None:
            self._columns = [
                (replace(column, middle=True), _FIXED.get(column.title, width)) for column, width in self._columns
            ]

    def widen(self, rows: Iterable[Row]) -> None:
        """In a pipe, widen the columns for the texts of these rows."""
        if self._style.width is None:
            for row in rows:
                self._columns = [
                    (column, max(width, min(_WIDEST, cell_width(column.text(row, self._style)))))
                    for column, width in self._columns
                ]

    @property
    def header(self) -> str:
        return self._line([column.title for column, _ in self._columns])

    def lines(self, rows: Iterable[Row]) -> list[str]:
        return [self._line([column.text(row, self._style) for column, _ in self._columns]) for row in rows]

    def _line(self, texts: Sequence[str]) -> str:
        cells = [self._fitted(text, *place) for text, place in zip(texts, self._columns, strict=True)]
        return (" " if self._style.width else "  ").join(cells).rstrip()

    def _fitted(self, text: str, column: _Column, width: int) -> str:
        if not self._cut:
            return text + " " * (width - cell_width(text))
        if column.middle:
            text = shorten_middle(text, width, self._style.glyphs.ellipsis)
        return fit(text, width, ellipsis=self._style.glyphs.ellipsis)


def _layout(columns: Sequence[_Column], width: int | None) -> list[tuple[_Column, int]]:
    """The columns that fit, each with its width; the path gets the space that is left over."""
    if width is None:
        return [(column, column.width) for column in columns]
    columns = list(columns)
    while len(columns) > 1 and _least_width(columns) > width:
        columns.pop()
    spare = max(0, width - _least_width(columns))
    widths = []
    for column in columns:
        more = min(spare, column.width - column.least)
        widths.append(column.least + more)
        spare -= more
    widths = [own + spare if column is _PATH else own for column, own in zip(columns, widths, strict=True)]
    return [(column, min(own, width)) for column, own in zip(columns, widths, strict=True)]


def _least_width(columns: Sequence[_Column]) -> int:
    """The least width of columns in cells, with one cell between them."""
    return sum(column.least + 1 for column in columns) - 1


# -- all formats ---------------------------------------------------------------------------------------------------


_ENTRY_LINES: Mapping[str, Callable[[Entry, Note], str]] = {
    "timesketch": timesketch.line, "ocsf": ocsf.line, "ecs": ecs.line,
}  # fmt: skip

WITH_NOTES = frozenset({"csv", "markdown", *_ENTRY_LINES})
"""The formats that take the user's notes along."""


class Writer:
    """Turns rows into the lines of one format. `raw` is true if it takes the entries' JSON instead of rows.

    `fixed` is for rows that come one by one: a table's columns keep their widths, and its header comes first. `notes`
    is for the formats of `WITH_NOTES`; CSV has columns for them only if it is given.
    """

    def __init__(
        self,
        name: str,
        style: TableStyle,
        *,
        ascii_only: bool = False,
        fixed: bool = False,
        notes: Notes | None = None,
    ) -> None:
        self.raw = name in ("jsonl", "markdown", *_ENTRY_LINES)
        self._name = name
        self._table = Table(style, fixed=fixed)
        self._terminal = style.width is not None
        self._ascii_only = ascii_only
        self._fixed = fixed
        self._notes = notes
        self._before_us: int | None = None
        """The time of the last entry written as Markdown."""

    def header(self, rows: Sequence[Row] = ()) -> list[str]:
        """The header before `rows`: CSV and Markdown always have one, a table in a pipe only if there are rows."""
        if self._name == "csv":
            return [csv_header(self._notes)]
        if self._name == "markdown":
            return list(markdown.HEADER)
        early = self._terminal or self._fixed
        return [self._table.header] if self._name == "table" and (early or rows) else []

    def lines(self, rows: Sequence[Row]) -> list[str]:
        if self._name == "csv":
            return csv_lines(rows, self._notes)
        if self._name == "ids":
            return [safe(row.key, UNCUT) for row in rows]
        return self._table.lines(rows)

    def prepare(self, rows: Sequence[Row]) -> None:
        """Widen a table's columns for the rows that will be written next."""
        if self._name == "table" and not self._fixed:
            self._table.widen(rows)

    def raw_lines(self, raws: Sequence[str]) -> list[str]:
        """The lines of entries, from their JSON."""
        if self._name != "jsonl":
            return [self._entry_line(read_entry(raw)) for raw in raws]
        if not self._terminal:
            return [one_line(raw) for raw in raws]
        return [terminal_line(raw, ascii_only=self._ascii_only) for raw in raws]

    def _entry_line(self, entry: Entry) -> str:
        note = self._notes(entry.key) if self._notes else NO_NOTE
        if self._name != "markdown":
            return _ENTRY_LINES[self._name](entry, note)
        line = markdown.line(entry, note, self._before_us)
        self._before_us = self._before_us if entry.created_us is None else entry.created_us
        return line
