"""Entries as JSON lines in the Elastic Common Schema 9.4.

An entry whose time can't be read has no `@timestamp`: the pipeline that receives it sets one, as ECS asks.
"""

from __future__ import annotations

from auditlog_tui.entries.actions import Activity, activity
from auditlog_tui.entries.models import Entry
from auditlog_tui.entries.raw_json import Json
from auditlog_tui.evidence.fields import (
    NO_NOTE,
    Fields,
    Note,
    address,
    fields_of,
    json_line,
    nested,
    original_of,
    present,
    succeeded,
    utc,
)

VERSION = "9.4.0"

_TYPES: dict[Activity | None, list[str]] = {
    "create": ["creation"], "read": ["access"], "update": ["change"], "delete": ["deletion"],
}  # fmt: skip
_OUTCOMES = {True: "success", False: "failure", None: "unknown"}


def line(entry: Entry, note: Note = NO_NOTE) -> str:
    """The entry as one line of JSON, without a line break."""
    fields, original = fields_of(entry), original_of(entry)
    members = {
        "@timestamp": _timestamp(fields),
        "ecs.version": VERSION,
        "event.kind": "event",
        "event.category": ["api"],
        "event.type": _TYPES.get(activity(fields.get("action"))),
        "event.dataset": "nirvana.audit",
        "event.outcome": _OUTCOMES[succeeded(fields.status_code)],
        **{name: fields.get(source) for name, source in _PLACES.items()},
        "source.ip": address(fields.get("client_ip")),
        "related.ip": [text for text in [address(fields.get("client_ip"))] if text],
        "related.user": _users(fields),
        "http.response.status_code": fields.status_code,
        "message": note.text or None,
        "tags": list(note.tags),
        "labels.context": "true" if note.context else "false",
        "labels.marked": "true" if note.marked else "false",
        "labels.unreadable": ", ".join(fields.unreadable) or None,
        "event.original": original.text,
        "event.hash": original.sha256,
        "nirvana.raw_base64": original.base64,
    }
    return json_line(nested(present(members).items()))


_PLACES = {
    "event.id": "id", "event.action": "action", "user.id": "actor.id", "user.name": "actor.name",
    "labels.actor_type": "actor.type", "source.address": "client_ip", "http.request.method": "method",
    "url.path": "path", "user_agent.original": "user_agent", "labels.target_id": "target.id",
    "labels.target_type": "target.type", "labels.created_at": "created_at",
}  # fmt: skip
"""The field of ECS for each of the entry's. Values of labels are texts."""


def _timestamp(fields: Fields) -> str | None:
    at = utc(fields.created_us)
    return at.replace("+00:00", "Z") if at else None


def _users(fields: Fields) -> list[Json]:
    return list(dict.fromkeys(text for name in ("actor.id", "actor.name") if (text := fields.get(name))))
