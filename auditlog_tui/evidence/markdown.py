"""Entries as the rows of a table in Markdown: a timeline for a ticket or a report, with defanged addresses.

It holds less than the JSON. Every text from the log or from a note stands in a code span, where Markdown has no
links, mentions or HTML.
"""

from __future__ import annotations

import re

from auditlog_tui.entries.models import Entry
from auditlog_tui.evidence.fields import NO_NOTE, Fields, Note, fields_of, plain, utc
from auditlog_tui.text.defang import defang
from auditlog_tui.text.times import distance

_COLUMNS = {
    "action": ("action",), "actor": ("actor.name", "actor.type", "actor.id"), "address": ("client_ip",),
    "request": ("method", "path"), "status": ("status_code",), "target": ("target.type", "target.id"),
    "agent": ("user_agent",), "ID": ("id",),
}  # fmt: skip
"""The columns between time and mark, and the fields in each."""

HEADER = (
    "| " + " | ".join(("time (UTC)", "Δt", *_COLUMNS, "marked", "note")) + " |",
    "|" + "---|" * (len(_COLUMNS) + 4),
)
"""The lines before the first row."""

ABSENT, UNREADABLE, MARKED = "-", "?", "⚑ marked"

_BELOW_MICROSECONDS = re.compile(r"\.\d{6}\d*[1-9]")
_FENCES = re.compile("`+")


def line(entry: Entry, note: Note = NO_NOTE, before_us: int | None = None) -> str:
    """The entry as a row. `before_us` is the time of the entry in the row before, in microseconds since 1970 UTC.

    Δt is the time since then, negative if this entry is older; empty if one of both times is unknown.
    """
    fields = fields_of(entry)
    cells = [
        _time(fields),
        _since(fields.created_us, before_us),
        *(_cell(fields, names) for names in _COLUMNS.values()),
        MARKED if note.marked else ABSENT,
        _note(note),
    ]
    return f"| {' | '.join(cells)} |"


def _time(fields: Fields) -> str:
    """The time in UTC; with the original text if that says more, or if it can't be read."""
    at, text = utc(fields.created_us), fields.get("created_at")
    if at is None:
        return f"{UNREADABLE} {code(text)}" if text else _cell(fields, ("created_at",))
    shown = at.removesuffix("+00:00").replace("T", " ")
    return f"{shown} ({code(text)})" if text and _BELOW_MICROSECONDS.search(text) else shown


def _since(us: int | None, before_us: int | None) -> str:
    if us is None or before_us is None:
        return ""
    sign = "+" if us > before_us else "-" if us < before_us else ""
    return sign + distance(us - before_us)


def _cell(fields: Fields, names: tuple[str, ...]) -> str:
    """The fields that there are, each in a code span; one `?` for neighbours that can't be read."""
    shown: list[str] = []
    for name in names:
        text = fields.get(name) if name != "status_code" else _status(fields)
        if text:
            shown.append(code(text))
        elif shown[-1:] != [UNREADABLE] and not {name, name.partition(".")[0]}.isdisjoint(fields.unreadable):
            shown.append(UNREADABLE)
    return " ".join(shown) or ABSENT


def _status(fields: Fields) -> str:
    return "" if fields.status_code is None else str(fields.status_code)


def _note(note: Note) -> str:
    tags = [f"#{tag}" for tag in note.tags if not re.search(rf"#{re.escape(tag)}(?![\w-])", note.text)]
    texts = [code(text) for text in (note.text, *tags) if text]
    return " ".join([*(["(context)"] if note.context else []), *texts])


def code(text: str) -> str:
    """The text, defanged and without control characters, in a code span that any Markdown reads as one.

    A `|` ends a cell even inside a code span, so it stands outside, as an entity.
    """
    return "&#124;".join(map(_span, defang(plain(text)).split("|")))


def _span(text: str) -> str:
    if not text:
        return ""
    fence = "`" * (1 + max(map(len, _FENCES.findall(text)), default=0))
    stripped = text[0] == text[-1] == " " and text.strip(" ")  # Markdown takes one space off at both ends
    pad = " " if "`" in (text[0], text[-1]) or stripped else ""
    return f"{fence}{pad}{text}{pad}{fence}"
