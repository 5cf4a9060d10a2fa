"""Which of the API's parameters an entry can't be compared with, because its value can't be read."""

from __future__ import annotations

import json
from collections.abc import Sequence

from auditlog_tui.entries.models import Entry
from auditlog_tui.query.sql import unknown

FIELD_OF_PARAM = {
    "action": "action",
    "actor_id": "actor.id",
    "actor_type": "actor.type",
    "client_ip": "client_ip",
    "method": "method",
    "path": "path",
    "status_code": "status_code",
    "target_id": "target.id",
    "target_type": "target.type",
}
"""The entry's field of each parameter that filters by a value other than the time."""


def unreadable_params(entry: Entry) -> Sequence[str]:
    """The parameters whose value in the entry is missing or only approximate, though the entry has one."""
    if not entry.unreadable:
        return ()
    fields, actor, target, texts = entry.fields, entry.actor, entry.target, json.dumps(dict(entry.unreadable))
    values = (
        fields.action, actor.id, actor.type, fields.client_ip, fields.method, fields.path,
        fields.status_code, target.id, target.type,
    )  # fmt: skip
    named = zip(FIELD_OF_PARAM.items(), values, strict=True)
    return [name for (name, field), value in named if unknown(json.dumps([field]), texts, value)]
