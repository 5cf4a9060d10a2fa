"""The API's schemas (pydantic v2) and how a page of them is read.

Reading is lenient, because an audit log is evidence: a malformed entry never costs its page, nor a malformed field
its entry. `raw` keeps the entry's JSON exactly as it came (duplicate keys, `1.10`, digits beyond a float's), and
`unreadable` names what could not be read with the text that stood there. Unknown fields are kept
(`AuditLog.model_extra`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from auditlog_tui.errors import NotTheApiError
from auditlog_tui.rawjson import UNREAD, Json, Reader, texts

__all__ = [
    "SQLITE_INT",
    "Actor",
    "AuditLog",
    "Entry",
    "Json",
    "Page",
    "Target",
    "instant_us",
    "read_entry",
    "read_page",
    "rfc3339",
]

Text = Annotated[str, StringConstraints(min_length=0)]
"""A string; the constraint makes pydantic refuse lone surrogates, which SQLite can't store."""

SQLITE_INT = 2**63 - 1
"""The largest integer that SQLite binds; a status beyond it counts as unreadable."""


class _Schema(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="allow")


class Actor(_Schema):
    """Who acted. `type` is `user` or `api_key`; newer servers may send others."""

    id: Text | None = None
    name: Text | None = None
    type: Text | None = None


class Target(_Schema):
    """The resource that was acted on. `type` is its kind, `vm` for instance."""

    id: Text | None = None
    type: Text | None = None


class AuditLog(_Schema):
    """One entry, as the API's schema has it; `None` is a field that is absent, null or unreadable."""

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
    """One entry of the log as this program holds it.

    `key` identifies it: the API's id, or `sha256:…` of the raw text where the id is missing. `created_us` is the
    instant in microseconds since 1970 UTC, `None` where the timestamp can't be read. `unreadable` maps a dotted
    field name (`actor.id`; `""` for the whole entry) to the JSON text that stood there.
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
    """One answer of the list endpoint.

    Cursors are `None` at the ends. `total_count` is `None` where the server sent none that can be read.
    `served_at` is the server's own clock (its `Date` header, whole seconds, UTC).
    """

    entries: tuple[Entry, ...]
    next_cursor: str | None = None
    previous_cursor: str | None = None
    total_count: int | None = None
    served_at: datetime | None = None


# -- instants ----------------------------------------------------------------------------------------------------

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))?", re.ASCII
)


def instant_us(text: str) -> int | None:
    """The microseconds since 1970 UTC of an RFC 3339 timestamp, or `None` if it is none.

    Digits beyond the microsecond are cut (the raw text keeps them). A leap second (`:60`) is the second after
    `:59`. A timestamp without an offset is read as UTC.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    try:
        quick = datetime.fromisoformat(text)  # a third of the time, for all that it can read
        if match[4] < "24":  # some Pythons take that for the next day
            return ((quick if quick.tzinfo else quick.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND
    except ValueError:
        pass
    year, month, day, hour, minute, second = (int(match[n]) for n in range(1, 7))
    leap = second == 60
    try:
        moment = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=UTC)
    except ValueError:
        return None
    micros = (moment - _EPOCH) // _MICROSECOND + int((match[7] or "").ljust(6, "0")[:6]) + leap * 1_000_000
    if match[9]:
        offset = (int(match[10]) * 60 + int(match[11])) * 60_000_000
        micros -= offset if match[9] == "+" else -offset
    return micros


def rfc3339(us: int) -> str:
    """The instant as the API takes it: UTC with `Z`, microseconds only where there are any.

    Instants outside the years 1 to 9999 are clamped to them.
    """
    us = max(-62_135_596_800_000_000, min(us, 253_402_300_799_999_999))
    moment = _EPOCH + timedelta(microseconds=us)
    return moment.isoformat(timespec="microseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")


# -- entries -----------------------------------------------------------------------------------------------------


def read_entry(text: str) -> Entry:
    """The entry in a JSON text, whatever is wrong with it."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = UNREAD
    return _entry(data, text)


def _entry(data: Json, raw: str) -> Entry:
    unreadable: dict[str, str] = {}
    try:
        log = AuditLog.model_validate(data)
    except ValidationError:
        log, unreadable = _salvage(raw)
    created_us = None if log.created_at is None else instant_us(log.created_at)
    if log.created_at is not None and created_us is None:
        unreadable["created_at"] = json.dumps(log.created_at)
    return Entry(log.id or _fingerprint(raw), log, raw, created_us, unreadable)


def _salvage(raw: str) -> tuple[AuditLog, dict[str, str]]:
    """The entry without what can't be read, and the text of that by field."""
    members = texts(raw)
    if members is None:
        return AuditLog(), {"": raw}
    unreadable: dict[str, str] = {}
    data = _held(members, "", unreadable)
    insides: dict[str, dict[str, tuple[Json, str]]] = {}
    for name in ("actor", "target"):
        inside = texts(members[name][1]) if name in members else None
        if inside is not None:
            insides[name] = inside
            unreadable.pop(name, None)
            data[name] = _held(inside, f"{name}.", unreadable)
    try:
        return AuditLog.model_validate(data), unreadable
    except ValidationError as error:
        places = [[str(part) for part in problem["loc"]] for problem in error.errors(include_url=False)]
    for name, *inner in places:
        if inner:
            data[name].pop(inner[0])
            unreadable[f"{name}.{inner[0]}"] = insides[name][inner[0]][1]
        else:
            data.pop(name)
            unreadable[name] = members[name][1]
    return AuditLog.model_validate(data), unreadable


def _held(members: Mapping[str, tuple[Json, str]], within: str, unreadable: dict[str, str]) -> dict[str, Json]:
    """The members whose names and values Python and SQLite can hold; the texts of the others go to `unreadable`."""
    for name, (value, text) in members.items():
        if value is UNREAD or not _encodes(name):
            unreadable[within + name] = text
    return {name: value for name, (value, _) in members.items() if within + name not in unreadable}


def _encodes(text: str) -> bool:
    """False for a lone surrogate, which neither pydantic nor SQLite takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fingerprint(raw: str) -> str:
    return "sha256:" + hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()


# -- pages -------------------------------------------------------------------------------------------------------


def read_page(text: str, served_at: datetime | None = None) -> Page:
    """The page in a response's text, each entry with the exact text it came as.

    Raises `NotTheApiError` when the text is no JSON object with a list of `items`, or is cut short.
    """
    items: list[Entry] | None = None
    pagination: Json = None
    reader = Reader(text)
    try:
        for name in reader.members():
            if name == "items" and reader.peek() == "[":
                items = [_entry(*reader.value()) for _ in reader.elements()]
            elif name == "pagination":
                pagination, _ = reader.value()
            else:
                reader.value()
        reader.end()
    except ValueError as error:
        raise NotTheApiError("The server's answer is not complete JSON of this API.") from error
    if items is None:
        raise NotTheApiError("The server's answer holds no list of entries: is the base URL this API's?")
    return _page(items, pagination if isinstance(pagination, dict) else {}, served_at)


def _page(items: list[Entry], pagination: dict[str, Json], served_at: datetime | None) -> Page:
    def cursor(name: str) -> str | None:
        value = pagination.get(name)
        return value if isinstance(value, str) and value else None

    total = pagination.get("total_count")
    counted = isinstance(total, int) and not isinstance(total, bool) and 0 <= total <= SQLITE_INT
    return Page(tuple(items), cursor("next_cursor"), cursor("previous_cursor"), total if counted else None, served_at)
