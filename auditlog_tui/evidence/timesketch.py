"""Entries as JSON lines for Timesketch: flat objects, each with a message and a time.

Timesketch refuses a whole file for one line without a time. An entry whose time can't be read is therefore dated
1970-01-01 and described as "Not a time", as Plaso does.
"""

from __future__ import annotations

from collections.abc import Iterator

from auditlog_tui.entries.models import Entry
from auditlog_tui.evidence.fields import NO_NOTE, Fields, Note, fields_of, json_line, original_of, plain, present, utc

NOT_A_TIME = "Not a time"


def line(entry: Entry, note: Note = NO_NOTE) -> str:
    """The entry as one line of JSON, without a line break."""
    fields, original = fields_of(entry), original_of(entry)
    at = utc(fields.created_us)
    names = {name: _NAMES.get(name, name.replace(".", "_")) for name in fields.texts}
    return json_line(
        {
            "message": plain(" ".join(_summary(fields))) or "API request",
            "datetime": at or utc(0),
            "timestamp": fields.created_us if at else 0,
            "timestamp_desc": "API request" if at else NOT_A_TIME,
            "data_type": "nirvana:audit_log",
            **{names[name]: text for name, text in fields.texts.items()},
            **present(
                {
                    "status_code": fields.status_code,
                    "comment": note.text or None,
                    "tag": list(note.tags),
                    "unreadable": list(fields.unreadable),
                    "raw_base64": original.base64,
                }
            ),
            "context": note.context,
            "marked": note.marked,
            "raw": original.text,
        }
    )


_NAMES = {"id": "audit_id"}


def _summary(fields: Fields) -> Iterator[str]:
    """The parts of the message, of what is known."""
    get = fields.get
    parts = (
        ("", ("action",)),
        ("by ", ("actor.name",) if get("actor.name") else ("actor.type", "actor.id")),
        ("from ", ("client_ip",)),
        ("on ", ("target.type", "target.id")),
        ("with ", ("method", "path")),
    )
    for word, names in parts:
        if texts := [text for name in names if (text := get(name))]:
            yield word + " ".join(texts)
    if fields.status_code is not None:
        yield f"-> {fields.status_code}"
