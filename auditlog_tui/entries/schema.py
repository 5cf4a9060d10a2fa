"""The API's schemas (pydantic v2), and the reading of malformed entries.

A malformed field never loses its entry: the text of each is kept beside the readable ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from auditlog_tui.entries.raw_json import (
    SQLITE_INT,
    UNREAD,
    Json,
    Member,
    has_surrogates,
    is_exact,
    members_of,
)

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


def read_log(data: Json, raw: str) -> tuple[AuditLog, dict[str, str]]:
    """The readable fields of an entry, and the texts of the malformed ones by field; `data` is its parsed JSON."""
    if data is UNREAD or has_surrogates(raw):
        return _salvage(raw)
    try:
        return AuditLog.model_validate(data), {}
    except ValidationError:
        return _salvage(raw)


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
