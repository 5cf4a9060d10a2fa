"""Entries and pages of the log, and their reader.

Reading is lenient, because an audit log is evidence: a malformed entry never loses its page, nor a malformed field
its entry. `Entry.raw` keeps the JSON exactly as received (duplicate keys, `1.10`, digits beyond a float's precision,
bytes that are not UTF-8 as lone surrogates), and `Entry.unreadable` holds the text of each invalid field. Unknown
fields are kept (`Entry.log.model_extra`).

A page as the contract has it is read by msgspec, in a quarter of the time that `raw_json` and `schema` take. They
read all others, and a test compares the two.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta, Raw, Struct
from msgspec.structs import asdict, astuple

from auditlog_tui.entries.raw_json import (
    SQLITE_INT,
    UNREAD,
    WINDOW,
    Json,
    Member,
    Portions,
    Reader,
    members_of,
    read_unique,
    read_value,
    run_at_once,
)
from auditlog_tui.errors import NotTheApiError
from auditlog_tui.text.times import instant_us, instants_us

if TYPE_CHECKING:
    from auditlog_tui.entries.schema import AuditLog

__all__ = ["Entry", "Json", "Page", "page_in_portions", "read_entry", "read_page"]


class _Values(Struct, frozen=True, eq=False, gc=False, kw_only=True):
    """Values by name; equal to others with the same names and values, of whichever class."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Values) and asdict(self) == asdict(other)

    def __hash__(self) -> int:
        return hash(astuple(self))


class Actor(_Values, frozen=True, eq=False, gc=False, kw_only=True):
    """Who acted. `type` is `user` or `api_key`; newer servers may send other types."""

    id: str | None = None
    name: str | None = None
    type: str | None = None


class Target(_Values, frozen=True, eq=False, gc=False, kw_only=True):
    """The resource that was acted on. `type` is its kind, for example `vm`."""

    id: str | None = None
    type: str | None = None


class Fields(_Values, frozen=True, eq=False, gc=False, kw_only=True):
    """The values of an entry's known fields; `None` if one is absent, null or unreadable."""

    id: str | None = None
    action: str | None = None
    actor: Actor | None = None
    client_ip: str | None = None
    created_at: str | None = None
    method: str | None = None
    path: str | None = None
    status_code: int | None = None
    user_agent: str | None = None
    target: Target | None = None


class Entry(Struct, frozen=True, gc=False):
    r"""One entry of the log with its exact text.

    `key` identifies it: the API's id, or `sha256:…` of the raw text if the id is missing. `created_us` is its instant
    in microseconds since 1970 UTC, `None` if the timestamp is unreadable. `unreadable` maps the dotted name of each
    malformed field (`actor.id`; `""` for text outside any field, or for the whole entry) to its JSON text. Such a
    field's value is exact (despite a raw control character, for example), approximate (a byte that is not UTF-8 is
    `\xff`) or `None`.
    """

    key: str
    fields: Fields
    raw: str
    created_us: int | None
    unreadable: Mapping[str, str] = {}

    @property
    def actor(self) -> Actor:
        return self.fields.actor or _NOBODY

    @property
    def target(self) -> Target:
        return self.fields.target or _NOTHING

    @property
    def log(self) -> AuditLog:
        """The entry in the API's schema, with its unknown fields; read anew from `raw` each time."""
        from auditlog_tui.entries.schema import read_log

        return read_log(read_value(self.raw), self.raw)[0]


_NOBODY = Actor()
_NOTHING = Target()


class Page(Struct, frozen=True):
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
    return _plain_entry(text, text) or _entry(read_value(text), text)


def _entry(data: Json, raw: str) -> Entry:
    from auditlog_tui.entries.schema import read_log  # loads pydantic, which a page as in the contract does not need

    log, unreadable = read_log(data, raw)
    actor, target = log.actor, log.target
    fields = Fields(
        id=log.id,
        action=log.action,
        actor=None if actor is None else Actor(id=actor.id, name=actor.name, type=actor.type),
        client_ip=log.client_ip,
        created_at=log.created_at,
        method=log.method,
        path=log.path,
        status_code=log.status_code,
        user_agent=log.user_agent,
        target=None if target is None else Target(id=target.id, type=target.type),
    )
    return _with_time(fields, raw, unreadable)


def _with_time(fields: Fields, raw: str, unreadable: dict[str, str]) -> Entry:
    created_us = None if fields.created_at is None else instant_us(fields.created_at)
    if fields.created_at is not None and created_us is None:
        unreadable.setdefault("created_at", json.dumps(fields.created_at))
    return Entry(fields.id or _fingerprint(raw), fields, raw, created_us, unreadable)


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
    page = (yield from _plain_page(text, served_at)) if len(text) <= WINDOW else None
    return page or (yield from _read_leniently(text, served_at))


def _read_leniently(text: str, served_at: datetime | None) -> Portions[Page]:
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


# -- pages as in the contract ------------------------------------------------------------------------------------


class _WholeActor(Actor, frozen=True, eq=False, gc=False, kw_only=True):
    id: str
    name: str | None
    type: str


class _WholeTarget(Target, frozen=True, eq=False, gc=False, kw_only=True):
    id: str
    type: str


class _WholeFields(Fields, frozen=True, eq=False, gc=False, kw_only=True):
    """The fields of an entry as in the contract: only the target may be absent, or it or the actor's name null."""

    id: str
    action: str
    actor: _WholeActor
    client_ip: str
    created_at: str
    method: str
    path: str
    status_code: Annotated[int, Meta(ge=-SQLITE_INT, le=SQLITE_INT)]
    user_agent: str
    target: _WholeTarget | None = None


class _WholePagination(Struct, frozen=True):
    next_cursor: str | None
    previous_cursor: str | None
    total_count: Annotated[int, Meta(ge=0, le=SQLITE_INT)]


class _Slices(Struct, frozen=True):
    items: list[Raw]
    pagination: Raw


class _WholeItems(Struct, frozen=True):
    items: list[_WholeFields]


_slices = msgspec.json.Decoder(_Slices).decode
_whole_fields = msgspec.json.Decoder(_WholeFields).decode
_whole_items = msgspec.json.Decoder(_WholeItems).decode
_whole_pagination = msgspec.json.Decoder(_WholePagination).decode
_UNREADABLE = (msgspec.MsgspecError, UnicodeEncodeError, RecursionError)


def _plain_page(text: str, served_at: datetime | None) -> Portions[Page | None]:
    """The page, if its text is exactly a list of valid entries and a pagination; else `None`.

    All entries are read at once. Where one has more than the contract, each is read by itself; those that have more
    take several times as long, so it pauses after `PORTION` of them.
    """
    text = text.strip(" \t\r\n")
    try:
        slices = _slices(text)
        items, pagination = [str(item, "utf-8") for item in slices.items], str(slices.pagination, "utf-8")
    except _UNREADABLE:
        return None
    if len(items) > MOST_ITEMS or not _consists_of(text, items, pagination):
        return None
    entries = _plain_entries(text, items, pagination)
    if entries is None:
        entries = yield from _entries_one_by_one(slices.items, items)
    if entries is None:
        return None
    whole = _plain_pagination(pagination)
    if whole is None:
        return _page(entries, [pagination], served_at)
    return Page(
        tuple(entries), whole.next_cursor or None, whole.previous_cursor or None, whole.total_count, served_at
    )


def _plain_entries(text: str, items: list[str], pagination: str) -> list[Entry] | None:
    """The entries of a page that consists of these parts, if each is as in the contract and nothing else."""
    try:
        found = _whole_items(text).items
    except _UNREADABLE:
        return None
    # No entry has fewer quotes than its fields take, so where the sums are equal, each has as many.
    quotes = text.count('"') - pagination.count('"') - 2 * len(("items", "pagination"))
    if quotes != sum(map(_quotes, found, items)):
        return None
    times = instants_us([fields.created_at for fields in found])
    if None in times:
        return None
    return [
        Entry(fields.id or _fingerprint(raw), fields, raw, us)
        for fields, raw, us in zip(found, items, times, strict=True)
    ]


def _entries_one_by_one(slices: Sequence[Raw], items: Sequence[str]) -> Portions[list[Entry] | None]:
    """The entries with these texts; `None` if one is not valid JSON."""
    entries: list[Entry] = []
    others = 0
    for item, raw in zip(slices, items, strict=True):
        entry = _plain_entry(item, raw)
        if entry is None:
            others += 1
            if others % PORTION == 0:
                yield
            value = read_unique(raw)
            if value is UNREAD:
                return None
            entry = _entry(value, raw)
        entries.append(entry)
    return entries


def _consists_of(text: str, items: Sequence[str], pagination: str) -> bool:
    """Whether a page's text is these parts and nothing else: no other member, none twice."""
    return text in (
        f'{{"items":[{",".join(items)}],"pagination":{pagination}}}',
        f'{{"items": [{", ".join(items)}], "pagination": {pagination}}}',
    )


def _plain_entry(item: Raw | str, raw: str) -> Entry | None:
    """The entry in a JSON text, if that is an entry as in the contract and nothing else."""
    try:
        fields = _whole_fields(item)
    except _UNREADABLE:
        return None
    if raw.count('"') != _quotes(fields, raw):
        return None
    return _with_time(fields, raw, {})


def _plain_pagination(text: str) -> _WholePagination | None:
    """The pagination in a JSON text, if that is one as in the contract and nothing else."""
    try:
        found = _whole_pagination(text)
    except _UNREADABLE:
        return None
    texts = 3 + (found.next_cursor is not None) + (found.previous_cursor is not None)
    return found if text.count('"') == 2 * texts and "\\" not in text else None


def _quotes(fields: _WholeFields, raw: str) -> int:
    """The quotes of an entry with these fields. If it has more, there are other fields, or a name occurs twice."""
    quotes = 2 * (9 + 7 + 3 + 2)  # names and texts of the entry, names and texts of its actor
    if fields.actor.name is not None:
        quotes += 2
    if fields.target is not None:
        return quotes + 2 * (1 + 2 + 2)
    return quotes + 2 * ('"target":' in raw)
