"""The texts to copy of entries, one line per entry."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from urllib.parse import quote

from auditlog_tui.entries.contract import KEY_VARIABLE, LIST_PATH
from auditlog_tui.entries.models import Entry
from auditlog_tui.text.defang import defang
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import format_time_exact


def copied(kind: str, entries: Sequence[Entry], base_url: str = "") -> str:
    """The entries as one of `KINDS`, one line each without duplicates; empty if no entry has the value."""
    return "\n".join(dict.fromkeys(texts(kind, entries, base_url)))


def texts(kind: str, entries: Iterable[Entry], base_url: str = "") -> Iterator[str]:
    """The text of each entry that has the value.

    Control characters are made visible, so that a value stays on its line. JSON stays as received, except that
    control characters which JSON does not allow are escaped.
    """
    for entry in entries:
        text = curl(entry, base_url) if kind == "curl" else _READERS[kind](entry)
        if text:
            yield text if kind == "json" else safe(text)


def summary(entry: Entry) -> str:
    """The entry as one line for a ticket or a chat, with addresses and links defanged."""
    log, actor, target = entry.fields, entry.actor, entry.target
    kind_and_id = f"{actor.type or '?'} {actor.id or '?'}"
    parts = [
        format_time_exact(entry.created_us, UTC),
        log.action,
        f"by {actor.name} ({kind_and_id})" if actor.name else f"by {kind_and_id}",
        f"from {log.client_ip or '?'}",
        f"{log.method or '?'} {log.path or '?'} -> {'?' if log.status_code is None else log.status_code}",
        f"on {target.type or '?'} {target.id or '?'}" if target.id or target.type else None,
        f"agent {log.user_agent}" if log.user_agent else None,
        f"id {log.id}" if log.id else None,
    ]
    return defang(" | ".join(part for part in parts if part))


def curl(entry: Entry, base_url: str) -> str | None:
    """A curl command for the entry's full record. The API key comes from the environment of whoever runs it."""
    if not entry.fields.id:
        return None
    url = f"{base_url}{LIST_PATH}/{quote(entry.fields.id.encode('utf-8', 'replace'), safe='')}"
    return f'curl -sS -H "Authorization: Bearer ${KEY_VARIABLE}" {shlex.quote(url)}'


_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def _escaped_json(raw: str) -> str:
    """The same JSON, with control characters and lone surrogates escaped."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", raw)


_READERS: Mapping[str, Callable[[Entry], str | None]] = {
    "id": lambda entry: entry.fields.id,
    "actor": lambda entry: entry.actor.id,
    "ip": lambda entry: entry.fields.client_ip,
    "target": lambda entry: entry.target.id,
    "json": lambda entry: _escaped_json(entry.raw),
    "summary": summary,
}
KINDS = (*_READERS, "curl")
