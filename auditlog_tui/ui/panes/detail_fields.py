"""The fields of an entry for the detail pane, in the order in which an investigator needs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from datetime import tzinfo
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from msgspec import Struct

from auditlog_tui.entries.actions import severity
from auditlog_tui.text.glyphs import status_mark
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import age, format_time_exact
from auditlog_tui.ui.look import nowhere

if TYPE_CHECKING:
    from auditlog_tui.entries.models import Entry
    from auditlog_tui.log.log import Detail

VALUE_LIMIT = 4_000
"""Characters of a value shown in the pane. Copying copies all of them."""

_WARNED = {"destroy": "warning", "access": "warning"}
"""Severities whose actions are shown as a warning."""


class Heading(Struct, frozen=True):
    """The title of a group of fields, and the column for it where there are several. `wide` takes all of them."""

    name: str
    tone: str = ""
    wide: bool = False
    column: int | None = None
    heading: ClassVar[Literal[True]] = True


class DetailField(Struct, frozen=True):
    """`value` is copied, `shown` is drawn (made safe).

    `term` is the filter key for the field, if there is one, and `filter_value` the value that it filters by.
    `flagged` marks a field that is malformed, or that differs between the list entry and the full record.
    """

    name: str
    value: str
    shown: str
    term: str = ""
    tone: str = ""
    flagged: bool = False
    filter_value: str | int | None = None
    heading: ClassVar[Literal[False]] = False


Item = DetailField | Heading


def describe(
    entry: Entry,
    detail: Detail | None,
    zone: tzinfo,
    now_us: int | None = None,
    where: Callable[[str], str] = nowhere,
) -> list[Item]:
    """The fields of the full record, or of `entry` until it is loaded.

    `now_us` adds the entry's age, and `where` the location of its address.
    """
    shown = detail.entry if detail is not None else entry
    differs = frozenset(detail.differs if detail is not None else ())
    log, actor, target = shown.fields, shown.actor, shown.target
    flags = {name.partition(".")[0] for name in shown.unreadable} | differs
    field = partial(_field, shown, differs)
    when = ""
    if now_us is not None and shown.created_us is not None:
        when = f" ({age(now_us - shown.created_us)} ago)"
    location = where(log.client_ip) if log.client_ip else ""
    exact = format_time_exact(shown.created_us, zone)
    items: list[Item] = [
        Heading("Event", column=0),
        field("action", log.action, "action", _WARNED.get(severity(log.action), "")),
        field("status_code", log.status_code, "status", _tone(log.status_code)),
        _created(shown, exact + when, flagged="created_at" in flags)
        if shown.created_us is not None
        else field("created_at", log.created_at),
        field("id", log.id, "id"),
        Heading("Target", column=1),
        field("target.type", target.type, "target.type"),
        field("target.id", target.id, "target"),
        Heading("Actor", column=0),
        field("actor.name", actor.name, "actor.name"),
        field("actor.type", actor.type, "actor.type"),
        field("actor.id", actor.id, "actor"),
        Heading("Request", column=1),
        field("method", log.method, "method"),
        field("path", log.path, "path"),
        field("client_ip", log.client_ip, "ip", more=f" ({location})" if location else ""),
        field("user_agent", log.user_agent, "ua"),
    ]
    if others := _other_fields(shown, {item.name for item in items}):
        items += [Heading("Other fields"), *others]
    if differs:
        names = ", ".join(sorted(map(safe, differs)))
        items.append(Heading(f"The full record differs from the row in: {names}", "warning", wide=True))
    return items


def _field(
    entry: Entry,
    differs: Set[str],
    name: str,
    value: str | int | None,
    term: str = "",
    tone: str = "",
    more: str = "",
) -> DetailField:
    """A field of the entry, flagged if it is malformed or differs. `more` is shown after the value (safe text)."""
    text = "" if value is None else str(value)
    malformed = entry.unreadable.get(name)
    shown = safe(text, VALUE_LIMIT) + more
    if malformed is not None:
        shown = f"{shown} (malformed)" if shown else f"{safe(malformed, VALUE_LIMIT)} (can't be read)"
    flagged = malformed is not None or name.partition(".")[0] in differs
    return DetailField(name, text or malformed or "", shown or "–", term, tone, flagged, value)


def _created(entry: Entry, shown: str, *, flagged: bool) -> DetailField:
    """The time of an entry whose time can be read. It filters by that microsecond."""
    text = entry.log.created_at or ""
    return DetailField("created_at", text, shown, "created", flagged=flagged, filter_value=entry.created_us)


def note_items(note: str, tags: Sequence[str]) -> list[Item]:
    """A group with the user's note and its tags; empty without a note."""
    if not note:
        return []
    fields = [DetailField("tag", tag, safe(tag, VALUE_LIMIT), term="tag", filter_value=tag) for tag in tags]
    return [Heading("Note", wide=True), DetailField("note", note, safe(note, VALUE_LIMIT)), *fields]


def version_items(entry: Entry, others: Sequence[str]) -> list[Item]:
    """A warning that other records have the same ID, and in which fields they differ. Empty if `others` is."""
    if not others:
        return []
    from auditlog_tui.entries.models import read_entry
    from auditlog_tui.log.log import differences  # imported here, because it loads httpx

    names = sorted({name for raw in others for name in differences(entry, read_entry(raw))})
    more = "another record" if len(others) == 1 else f"{len(others)} more records"
    differs = f"The server has {more} under this ID, which differs in: {', '.join(map(safe, names))}"
    return [Heading(differs, "warning", wide=True)]


def _tone(code: int | None) -> str:
    return {"refused": "error", "failed": "error"}.get(status_mark(code).kind, "")


def _other_fields(entry: Entry, listed: Set[str]) -> list[Item]:
    """The fields that are not `listed`, those that the schema doesn't know among them."""
    import json  # late: the first frame does not need it

    found: dict[str, object] = {}
    log = entry.log
    for prefix, part in (("", log), ("actor.", log.actor), ("target.", log.target)):
        known = type(part).model_fields if part else {}
        found |= {f"{prefix}{key}": value for key, value in part or () if value is not None or key not in known}
    texts = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in found.items()
        if name not in {*listed, "actor", "target"}
    }
    malformed = {name: text for name, text in entry.unreadable.items() if name not in {*listed, "actor", "target"}}
    return [
        DetailField(safe(name) or "malformed", text, safe(text, VALUE_LIMIT))
        for name, text in (texts | malformed).items()
    ]


def raw_lines(entry: Entry) -> list[Item]:
    """The record's JSON indented, one item per line; unchanged if it can't be parsed."""
    import json  # late, as above

    try:
        text = json.dumps(json.loads(entry.raw), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = entry.raw
    lines = text[: 20 * VALUE_LIMIT].split("\n")
    return [DetailField(f"{number:3}", line, safe(line, VALUE_LIMIT)) for number, line in enumerate(lines, 1)]
