"""The columns of a part, and an entry as one row of them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import msgspec

from auditlog_tui.entries.models import Entry
from auditlog_tui.entries.raw_json import members_of, stored
from auditlog_tui.query.unreadable import unreadable_params
from auditlog_tui.text.times import DAY_US, is_in_calendar, rfc3339

COLUMNS: Mapping[str, str] = {
    "id": "VARCHAR",
    "created_at": "TIMESTAMPTZ",
    "action": "VARCHAR",
    "actor_id": "VARCHAR",
    "actor_name": "VARCHAR",
    "actor_type": "VARCHAR",
    "client_ip": "VARCHAR",
    "method": "VARCHAR",
    "path": "VARCHAR",
    "status_code": "BIGINT",
    "user_agent": "VARCHAR",
    "target_id": "VARCHAR",
    "target_type": "VARCHAR",
    "extra": "VARCHAR",
    "unreadable": "VARCHAR",
    "raw": "BLOB",
}
"""The columns of every part, with DuckDB's types.

A value is NULL if it is absent or unreadable; `raw` has it as the server sent it, byte for byte. `extra` is a JSON
object of the fields that the API's contract does not have, or NULL. `unreadable` names the columns whose value is
only approximate or NULL though the entry has one, separated by commas, or is NULL. Nested names are joined by `_`, as
in the API's parameters.
"""

UNKNOWN = "unknown"
"""The day of entries whose time is absent or can't be read."""

_KNOWN = {
    "": frozenset(
        ("id", "action", "actor", "client_ip", "created_at", "method", "path", "status_code", "user_agent", "target")
    ),
    "actor": frozenset(("id", "name", "type")),
    "target": frozenset(("id", "type")),
}
_split = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _only(name: str, **others: object) -> type[msgspec.Struct]:
    """An object that has fields of the contract at most."""
    fields = [(field, others.get(field, msgspec.Raw), None) for field in sorted(_KNOWN[name])]
    return msgspec.defstruct(f"Only{name}", fields, forbid_unknown_fields=True, gc=False)


_check_known = msgspec.json.Decoder(_only("", actor=_only("actor") | None, target=_only("target") | None)).decode
_encode = msgspec.json.Encoder().encode


def time_of(entry: Entry) -> int | None:
    """The entry's time in microseconds since 1970 UTC; `None` if it is outside the years 1 to 9999 too."""
    us = entry.created_us
    return us if us is not None and is_in_calendar(us) else None


def day_of(us: int | None) -> str:
    """The day of a time in UTC: `2026-11-20`, or `UNKNOWN`."""
    return UNKNOWN if us is None else rfc3339(us // DAY_US * DAY_US)[:10]


def bytes_of(entry: Entry) -> bytes:
    """The entry's text as the server sent it."""
    kept = stored(entry.raw)
    return kept.encode() if isinstance(kept, str) else kept


def line_of(entry: Entry, number: int) -> bytes:
    """The entry as a line of JSON, from which the engine makes a row.

    It has the time in microseconds as `us` and `number`, by which rows of one time are sorted.
    """
    fields, actor, target = entry.fields, entry.actor, entry.target
    row = {
        "id": fields.id,
        "us": time_of(entry),
        "number": number,
        "action": fields.action,
        "actor_id": actor.id,
        "actor_name": actor.name,
        "actor_type": actor.type,
        "client_ip": fields.client_ip,
        "method": fields.method,
        "path": fields.path,
        "status_code": fields.status_code,
        "user_agent": fields.user_agent,
        "target_id": target.id,
        "target_type": target.type,
        "extra": extra_of(entry.raw),
        "unreadable": ",".join(unreadable_params(entry)) or None,
        "raw": bytes_of(entry),
    }
    return _encode(row) + b"\n"


def extra_of(raw: str) -> str | None:
    """A JSON object of the fields that the contract does not have, each as it came; `None` if there are none.

    Those of the actor and the target are in objects of these names.
    """
    with suppress(msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        _check_known(raw)  # a twentieth of the time of what follows
        return None
    members = _members(raw)
    found = {name: text for name, text in members.items() if name not in _KNOWN[""]}
    for name in ("actor", "target"):
        inner = _members(members.get(name, ""))
        if unknown := {key: text for key, text in inner.items() if key not in _KNOWN[name]}:
            found[name] = _object(unknown)
    return _object(found).encode("utf-8", "backslashreplace").decode() if found else None


def _object(members: Mapping[str, str]) -> str:
    return "{" + ",".join(f"{_quoted(name)}:{text}" for name, text in members.items()) + "}"


def _quoted(name: str) -> str:
    return _encode(name.encode("utf-8", "backslashreplace").decode()).decode()


def _members(text: str) -> Mapping[str, str]:
    """The texts of an object's members by name; empty if the text is no object."""
    try:
        return {name: str(value, "utf-8") for name, value in _split(text).items()} if text else {}
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        found = members_of(text)
        return {} if found is None else {name: member.text for name, member in found.named.items()}
