"""Entries as JSON lines in OCSF 1.8.0, class API Activity (6003).

The schema requires a time, an operation, an actor and a source. Where an entry has none, 0 or "Unknown" stands for
it, and `metadata.debug` says so. A value that the schema has no place for is in `unmapped`.
"""

from __future__ import annotations

from collections.abc import Iterator

from auditlog_tui.entries.actions import Activity, activity
from auditlog_tui.entries.models import Entry
from auditlog_tui.entries.raw_json import Json
from auditlog_tui.evidence.fields import (
    NO_NOTE,
    Fields,
    Note,
    Original,
    address,
    fields_of,
    json_line,
    original_of,
    present,
    succeeded,
)

VERSION = "1.8.0"
CATEGORY, CLASS = 6, 6003
UNKNOWN = "Unknown"

_ACTIVITIES: dict[Activity | None, int] = {None: 0, "create": 1, "read": 2, "update": 3, "delete": 4, "other": 99}
_ACTOR_TYPES = {None: 0, "user": 1, "api_key": 4}
_OTHER = 99
_METHODS = frozenset({"OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT", "PATCH"})
_SHA_256 = 3


def line(entry: Entry, note: Note = NO_NOTE) -> str:
    """The entry as one line of JSON, without a line break."""
    fields, original = fields_of(entry), original_of(entry)
    action, kind = fields.get("action"), _ACTIVITIES[activity(fields.get("action"))]
    return json_line(
        {
            "category_uid": CATEGORY,
            "class_uid": CLASS,
            "activity_id": kind,
            "type_uid": CLASS * 100 + kind,
            "severity_id": 1,
            "time": 0 if fields.created_us is None else fields.created_us // 1000,
            "metadata": _metadata(fields),
            "api": {"operation": UNKNOWN if action is None else action},
            "actor": {"user": _user(fields)},
            "src_endpoint": _source(fields),
            **present(
                {
                    "activity_name": action if kind == _OTHER else None,
                    "http_request": _request(fields),
                    "resources": _resources(fields),
                    "enrichments": _enrichments(note),
                    **_status(fields),
                }
            ),
            "unmapped": _unmapped(fields, note, original),
            "raw_data": original.text,
            "raw_data_hash": {"algorithm": "SHA-256", "algorithm_id": _SHA_256, "value": original.sha256},
        }
    )


def _metadata(fields: Fields) -> dict[str, Json]:
    return {
        "version": VERSION,
        "product": {"name": "Audit Log", "vendor_name": "Nirvana Labs"},
        **present(
            {
                "original_event_uid": fields.get("id"),
                "original_time": fields.get("created_at"),
                "debug": list(_issues(fields)),
            }
        ),
    }


def _issues(fields: Fields) -> Iterator[str]:
    """What was left out, and which required values are placeholders."""
    yield from (f"{name}: left out, as it can't be read" for name in fields.unreadable)
    if fields.created_us is None:
        yield "time: 0 is a placeholder"
    for name, sources in (
        ("api.operation", ("action",)),
        ("actor.user.name", ("actor.id", "actor.name")),
        ("src_endpoint.name", ("client_ip",)),
    ):
        if all(fields.get(source) is None for source in sources):
            yield f"{name}: {UNKNOWN} is a placeholder"


def _user(fields: Fields) -> dict[str, Json]:
    uid, name, kind = (fields.get(f"actor.{part}") for part in ("id", "name", "type"))
    type_id = _ACTOR_TYPES.get(kind, _OTHER)
    credentials = [{"uid": uid, "type": "API Key"}] if kind == "api_key" and uid is not None else []
    return present(
        {
            "uid": uid,
            "name": UNKNOWN if uid is None and name is None else name,
            "type_id": type_id,
            "type": kind if type_id == _OTHER else None,
            "programmatic_credentials": credentials,
        }
    )


def _source(fields: Fields) -> dict[str, Json]:
    text = fields.get("client_ip")
    if address(text):
        return {"ip": text}
    return {"name": UNKNOWN if text is None else text}


def _request(fields: Fields) -> dict[str, Json]:
    method = fields.get("method")
    return present(
        {
            "http_method": method if method in _METHODS else None,
            "url": present({"path": fields.get("path")}),
            "user_agent": fields.get("user_agent"),
        }
    )


def _status(fields: Fields) -> dict[str, Json]:
    code = fields.status_code
    if code is None:
        return {}
    status_id = {True: 1, False: 2, None: 0}[succeeded(code)]
    return {"http_response": {"code": code}, "status_code": str(code), "status_id": status_id}


def _resources(fields: Fields) -> list[Json]:
    uid = fields.get("target.id")
    return [] if uid is None else [present({"uid": uid, "type": fields.get("target.type")})]


def _enrichments(note: Note) -> list[Json]:
    if not (note.text or note.tags):
        return []
    return [{"name": "note", "value": note.text, "data": {"tags": list(note.tags)}}]


def _unmapped(fields: Fields, note: Note, original: Original) -> dict[str, Json]:
    method, uid = fields.get("method"), fields.get("target.id")
    return present(
        {
            "context": note.context,
            "marked": note.marked,
            "method": None if method in _METHODS else method,
            "target_type": fields.get("target.type") if uid is None else None,
            "raw_data_base64": original.base64,
        }
    )
