"""The API's schemas (pydantic v2), and the reader of pages and entries.

Reading is lenient, because an audit log is evidence: a malformed entry never loses its page, nor a malformed field
its entry. `Entry.raw` keeps the JSON exactly as received (duplicate keys, `1.10`, digits beyond a float's precision,
bytes that are not UTF-8 as lone surrogates), and `Entry.unreadable` holds the text of each invalid field. Unknown
fields are kept (`AuditLog.model_extra`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from auditlog_tui.entries.raw_json import (
    SQLITE_INT,
    UNREAD,
    WINDOW,
    Json,
    Member,
    Portions,
    Reader,
    has_surrogates,
    is_exact,
    members_of,
    read_value,
    run_at_once,
)
from auditlog_tui.errors import NotTheApiError
from auditlog_tui.text.times import instant_us

__all__ = [
    "Actor",
    "AuditLog",
    "Entry",
    "Json",
    "Page",
    "Target",
    "page_in_portions",
    "read_entry",
    "read_page",
]

Text = Annotated[str, StringConstraints(min_length=0)]
"""A string; the constraint makes pydantic refuse lone surrogates, which SQLite can't store."""


class _Schema(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="allow")


class Actor(_Schema):
    """Who acted. `type` is `user` or `api_key`; newer servers may send other types."""

    id: Text | None = None
    name: Text | None = None
    type: Text | None = None


class Target(_Schema):
    """The resource that was acted on. `type` is its kind, for example `vm`."""

    id: Text | None = None
    type: Text | None = None


class AuditLog(_Schema):
    """One entry in the API's schema; a field is `None` if it is absent, null or unreadable."""

    id: Text | None = None
    action: Text | None = None
    actor: Actor | None = None
    client_ip: Text | None = None
    created_at: Text | None = None
    method: Text | None = None
    path: Text | None = None
    status_code: Annotated[int, Field(ge=-SQLITE_INT, le=SQLITE_INT)] | None = None
    user_agent: Text | None = None
    target: Target | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    r"""One entry of the log with its exact text.

    `key` identifies it: the API's id, or `sha256:…` of the raw text if the id is missing. `created_us` is its instant
    in microseconds since 1970 UTC, `None` if the timestamp is unreadable. `unreadable` maps the dotted name of each
    malformed field (`actor.id`; `""` for text outside any field, or for the whole entry) to its JSON text. Such a
    field's value is exact (despite a raw control character, for example), approximate (a byte that is not UTF-8 is
    `\xff`) or `None`.
    """

    key: str
    log: AuditLog
    raw: str
    created_us: int | None
    unreadable: Mapping[str, str] = field(default_factory=dict)

    @property
    def actor(self) -> Actor:
        return self.log.actor or _NOBODY

    @property
    def target(self) -> Target:
        return self.log.target or _NOTHING


_NOBODY = Actor()
_NOTHING = Target()


@dataclass(frozen=True, slots=True)
class Page:
    """One response of the list endpoint.

    A cursor is `None` if there is none; only `last` says that the log ends here. `total_count` is `None` if the
    server sent no readable one. `served_at` is the server's clock (its `Date` header, whole seconds, UTC). `unclear`
    is the reason why it is unknown whether more entries follow; empty if the server said.
    """

    entries: tuple[Entry, ...]
    next_cursor: str | None = None
    previous_cursor: str | None = None
    total_count: int | None = None
    served_at: datetime | None = None
    unclear: str = ""

    @property
    def last(self) -> bool:
        """Whether the server said that no more entries follow."""
        return self.next_cursor is None and not self.unclear


# -- entries -----------------------------------------------------------------------------------------------------


def read_entry(text: str) -> Entry:
    """The entry in a JSON text, however malformed it is."""
    return _entry(read_value(text), text)


def _entry(data: Json, raw: str) -> Entry:
    unreadable: dict[str, str] = {}
    try:
        if data is UNREAD or has_surrogates(raw):
            log, unreadable = _salvage(raw)
        else:
            log = AuditLog.model_validate(data)
    except ValidationError:
        log, unreadable = _salvage(raw)
    created_us = None if log.created_at is None else instant_us(log.created_at)
    if log.created_at is not None and created_us is None:
        unreadable.setdefault("created_at", json.dumps(log.created_at))
    return Entry(log.id or _fingerprint(raw), log, raw, created_us, unreadable)


def _salvage(raw: str) -> tuple[AuditLog, dict[str, str]]:
    """The readable fields of a malformed entry, and the texts of the malformed ones by field."""
    found = members_of(raw)
    if found is None or not found.named:
        return AuditLog(), {"": raw}
    unreadable = {"": found.rest} if found.rest else {}
    members = dict(found.named)
    data = _readable(members, "", unreadable)
    for name in ("actor", "target"):
        inside = members_of(members[name].text) if name in members else None
        if inside is not None:
            if inside.rest:
                unreadable[name] = members[name].flag or members[name].text
            elif members[name].flag == members[name].text:
                unreadable.pop(name, None)  # the inner member is flagged instead
            data[name] = _readable(inside.named, f"{name}.", unreadable)
            members |= {f"{name}.{inner}": member for inner, member in inside.named.items()}
    if "id" in unreadable and not is_exact(members["id"].text):
        data.pop("id", None)  # an approximate id could identify two entries
    return _validated(data, members, unreadable), unreadable


def _validated(data: dict[str, Json], members: Mapping[str, Member], unreadable: dict[str, str]) -> AuditLog:
    """The entry's fields. Those of the wrong type are removed from `data`, and their texts added to `unreadable`."""
    try:
        return AuditLog.model_validate(data)
    except ValidationError as error:
        places = [[str(part) for part in problem["loc"]] for problem in error.errors(include_url=False)]
    for place in places:
        holder = data[place[0]] if len(place) > 1 else data
        holder.pop(place[-1])
        name = ".".join(place)
        unreadable[name] = members[name].flag or members[name].text
    return AuditLog.model_validate(data)


def _readable(members: Mapping[str, Member], prefix: str, unreadable: dict[str, str]) -> dict[str, Json]:
    """The values that Python can represent; the texts of malformed members are added to `unreadable`."""
    for name, member in members.items():
        if member.flag:
            unreadable[prefix + name] = member.flag
    return {name: member.value for name, member in members.items() if member.value is not UNREAD}


def _fingerprint(raw: str) -> str:
    return "sha256:" + hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()


# -- pages -------------------------------------------------------------------------------------------------------

MOST_ITEMS = 1_000
"""The most entries accepted in one page (we ask for 100). A page is stored in one step, so more would delay keys."""

PORTION = 25
"""Entries read between two pauses."""


def read_page(text: str, served_at: datetime | None = None) -> Page:
    """The page in a response's text, each entry with its exact text.

    Raises `NotTheApiError` if the text isn't a JSON object with a list of `items`, is cut short, or has more than
    `MOST_ITEMS`.
    """
    return run_at_once(page_in_portions(text, served_at))


def page_in_portions(text: str, served_at: datetime | None = None) -> Portions[Page]:
    """`read_page` in portions, so that other work can run between them."""
    items: list[Entry] | None = None
    pagination: list[str] = []
    reader = Reader(text)
    try:
        for name in reader.members():
            if name == "items" and reader.peek() == "[":
                items = items or []
                yield from _read_items(reader, items)
            elif name == "pagination":
                _, found = yield from reader.value()
                pagination.append(found)
            else:
                yield from reader.value()
        reader.end()
    except ValueError as error:
        raise NotTheApiError("The server's answer is not complete JSON of this API.") from error
    if items is None:
        raise NotTheApiError("The server's answer has no list of entries. Is the base URL that of this API?")
    return _page(items, pagination, served_at)


def _read_items(reader: Reader, items: list[Entry]) -> Portions[None]:
    start = reader.position
    for _ in reader.elements():
        value, text = yield from reader.value()
        items.append(_entry(value, text))
        if len(items) > MOST_ITEMS:
            raise NotTheApiError(
                f"The server sent more than {MOST_ITEMS:,} entries in one page; the API's limit is 100."
            )
        if len(items) % PORTION == 0 or reader.position - start >= WINDOW:
            start = reader.position
            yield


def _page(items: list[Entry], paginations: list[str], served_at: datetime | None) -> Page:
    pagination = paginations[0] if len(paginations) == 1 else None  # several would contradict each other
    found = None if pagination is None else members_of(pagination)
    members = {} if found is None else found.named
    total = members["total_count"].value if "total_count" in members else None
    counted = isinstance(total, int) and not isinstance(total, bool) and 0 <= total <= SQLITE_INT
    following = None if found is None or found.rest else _cursor(members.get("next_cursor"))
    return Page(
        tuple(items),
        following or None,
        _cursor(members.get("previous_cursor")) or None,
        total if counted else None,
        served_at,
        "" if following is not None else _why_unclear(pagination, members.get("next_cursor")),
    )


def _cursor(member: Member | None) -> str | None:
    """The cursor; empty if the server says that there is none, `None` if it does not say."""
    if member is None or member.flag or not (member.value is None or isinstance(member.value, str)):
        return None
    return member.value or ""


def _why_unclear(pagination: str | None, cursor: Member | None) -> str:
    """Why it is unknown whether more entries follow.

    A missing `next_cursor` does not mean the end: the contract has it on every page, null or empty on the last one.
    Taking a page without it for the last would hide every later page.
    """
    if pagination is None:
        reason = "it sent no pagination, or more than one"
    elif not pagination.startswith("{"):
        reason = f"its pagination is {_json_kind(pagination)}"
    elif cursor is None:
        reason = "its pagination has no next_cursor"
    else:
        reason = f"its next_cursor is {_json_kind(cursor.text)}"
    return f"the server did not say whether more follows: {reason}"


_KINDS = {"n": "null", "t": "true", "f": "false", "[": "a list", "{": "an object", '"': "malformed text"}


def _json_kind(text: str) -> str:
    """The type of a JSON text in words."""
    return _KINDS.get(text[:1], "a number" if read_value(text) is not UNREAD else "unreadable")
