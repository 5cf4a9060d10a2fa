"""The help screen: the keys, the filter language and the glyphs, from the program's own lists."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from auditlog_tui.text.cells import cell_width
from auditlog_tui.text.glyphs import Glyphs
from auditlog_tui.ui.dialogs.dialog import Dialog
from auditlog_tui.ui.keys import EVERYWHERE, by_place

COLUMN = 50
"""Cells that a column takes at least."""

GAP = 3
"""Cells between two columns."""

LEAST_TEXT, INDENT = 16, 4
"""Cells beside a name below which its text is set under it, and then indented."""

FRAME = 7
"""Cells around the text: border, padding and scroll bar."""

WIDEST = 200
"""The text is never set wider, in cells."""

HINT = "/ searches · Esc closes"


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the help: a name (keys, an example, a glyph), what it means, and a note."""

    name: str
    text: str
    note: str = ""

    def has(self, words: Sequence[str], title: str) -> bool:
        """Whether all of the words occur in the line or its section's title, in any case."""
        line = f"{title} {self.name} {self.text} {self.note}".casefold()
        return all(word in line for word in words)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its items. `wide` asks for the whole width."""

    title: str
    items: tuple[Item, ...]
    wide: bool = False


Line = list[tuple[str, str]]
"""A line of text in parts, each with its style."""


class HelpScreen(Dialog[None]):
    """Begins with the keys of `place`. Escape, q and ? close it; / searches, and Escape then shows all again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close", show=False),
        Binding("q,question_mark", "dismiss", "Close", show=False),
        Binding("slash", "search", show=False),
        Binding("j", "scroll('down')", show=False),
        Binding("k", "scroll('up')", show=False),
        Binding("space", "scroll('page_down')", show=False),
    ]

    def __init__(self, place: str, glyphs: Glyphs) -> None:
        super().__init__()
        self._sections = sections(place, glyphs)

    def compose(self) -> ComposeResult:
        with Vertical(id="help-box") as box:
            box.border_title = "keys and filters"
            box.border_subtitle = HINT
            search = Input(
                placeholder="a word of what it does", compact=True, select_on_focus=False, id="help-search"
            )
            search.display = False
            yield search
            with VerticalScroll(id="help"):
                yield Static("", markup=False, id="help-text")

    def on_mount(self) -> None:
        self.query_one("#help").focus()

    def on_resize(self, event: events.Resize) -> None:
        self._draw(event.size.width)

    def _draw(self, width: int) -> None:
        words = self.query_one(Input).value.casefold().split()
        found = [
            Section(section.title, items, section.wide)
            for section in self._sections
            if (items := tuple(item for item in section.items if item.has(words, section.title)))
        ]
        text = layout(found, max(1, min(width - FRAME, WIDEST)))
        self.query_one("#help-text", Static).update(text if found else Content("Nothing has all of these words"))

    @on(Input.Changed)
    def _searched(self, event: Input.Changed) -> None:
        event.stop()
        self._draw(self.size.width)
        self.query_one("#help").scroll_home(animate=False)

    @on(Input.Submitted)
    def _found(self, event: Input.Submitted) -> None:
        event.stop()
        self.query_one("#help").focus()

    def action_search(self) -> None:
        search = self.query_one(Input)
        search.display = True
        search.focus()

    def action_leave(self) -> None:
        """Show everything again if a search is under way, else close."""
        search = self.query_one(Input)
        if not search.display:
            self.dismiss()
            return
        search.value, search.display = "", False
        self.query_one("#help").focus()

    def action_scroll(self, direction: str) -> None:
        getattr(self.query_one("#help"), f"scroll_{direction}")(animate=False)


# -- what it tells -------------------------------------------------------------------------------------------------


def sections(place: str, glyphs: Glyphs) -> list[Section]:
    """All sections: the keys of `place`, those for everywhere, glyphs, filters, then the keys of the other places."""
    keys = {
        name: Section(f"Keys: {name}", tuple(Item(key.shown, key.help) for key in listed))
        for name, listed in by_place()
    }
    first = [keys.pop(name) for name in dict.fromkeys((place, EVERYWHERE))]
    return [*first, Section("Signs", tuple(_signs(glyphs))), _filters(), *keys.values()]


def _signs(glyphs: Glyphs) -> Iterator[Item]:
    yield Item(glyphs.ok, "status 2xx: it was done")
    yield Item(glyphs.moved, "status 3xx: a redirect")
    yield Item(glyphs.refused, "status 4xx: it was refused")
    yield Item(glyphs.failed, "status 5xx: the service failed")
    yield Item(glyphs.user, "the actor is a user")
    yield Item(glyphs.api_key, "the actor is an API key")
    yield Item(glyphs.other_actor, "another actor, or no status")
    yield Item(glyphs.novel, "first of its actor among loaded entries: an address, agent or action; x finds the next")
    yield Item(glyphs.marked, "marked")
    yield Item(glyphs.noted, "has a note")
    yield Item(glyphs.differs, "was received in two versions; in a comparison, a field that differs")
    yield Item(glyphs.server, "a term that the server evaluates")
    yield Item(glyphs.local, "a term that is evaluated here")
    yield Item(glyphs.on, "new entries are followed")
    yield Item("≤", "at most: the server evaluates only a part of the filter")
    yield Item("≥", "at least: the server can't count it, so the loaded entries were counted")


def _filters() -> Section:
    from auditlog_tui.query import FIELDS  # imported here, because it loads pydantic
    from auditlog_tui.query.saved_filters import BUILT_IN

    items = (
        Item("a:1 b:2", "spaces between terms: all must match"),
        Item("-term", "not"),
        Item("key:a,b", "either"),
        *(Item(field.example, field.help, "server" if field.params else "here") for field in FIELDS.values()),
        Item("terraform", "a word: part of any field", "here"),
        Item("action:*.deleted", "* stands for any text: everything that was deleted", "here"),
        *(Item(f"@{name}", f"a saved filter: {text}") for name, text in BUILT_IN.items()),
    )
    return Section("Filters", items, wide=True)


# -- how it is set -------------------------------------------------------------------------------------------------


def layout(found: Sequence[Section], width: int) -> Content:
    """The sections in as many columns as fit, each section in the shortest column; wide ones below in full width."""
    number = max(1, (width + GAP) // (COLUMN + GAP))
    column = (width - GAP * (number - 1)) // number
    wide = [section for section in found if section.wide and number > 1]
    columns: list[list[Line]] = [[] for _ in range(number)]
    for section in found:
        if section not in wide:
            min(columns, key=len).extend(_set(section, column))
    lines = [_beside(row, column) for row in _rows(columns)]
    for section in wide:
        lines += _set(section, width)
    return Content("\n").join(Content.assemble(*line) for line in lines)


def _rows(columns: Sequence[list[Line]]) -> Iterator[list[Line]]:
    for at in range(max(map(len, columns))):
        yield [lines[at] if at < len(lines) else [] for lines in columns]


def _beside(row: Sequence[Line], column: int) -> Line:
    """The columns' lines as one."""
    parts: Line = []
    for number, line in enumerate(row):
        if number and line:
            used = sum(cell_width(text) for text, _ in parts)
            parts.append((" " * (number * (column + GAP) - used), ""))
        parts += line
    return parts


def _set(section: Section, width: int) -> list[Line]:
    """A section's lines, the texts wrapped beside their names or below them, and an empty line."""
    names = max(cell_width(item.name) for item in section.items) + 2
    names = min(names, max(10, width - 30))
    lines: list[Line] = [[(section.title, "bold $text-accent")]]
    for item in section.items:
        note = f"  [{item.note}]" if item.note else ""
        beside = width - names - 2 >= LEAST_TEXT and cell_width(item.name) < names
        indent = names + 2 if beside else INDENT
        texts = textwrap.wrap(item.text + note, max(1, width - indent)) or [""]
        if beside:
            lines.append([("  ", ""), (f"{item.name:<{names}}", "bold"), (texts.pop(0), "")])
        else:
            lines += [[("  ", ""), (part, "bold")] for part in textwrap.wrap(item.name, max(1, width - 2))]
        lines += [[(" " * indent + text, "")] for text in texts]
    return [*lines, []]
