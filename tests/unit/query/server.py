"""The API's filtering (generation 2) by its contract: the entries that the list endpoint returns for parameters.

A field that this program can't read counts as absent here, since the server's reading of it is unknown. Instants are
compared to the microsecond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from auditlog_tui.entries.models import Entry
from tests.unit.query.evaluate import unknown

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def listed(entries: Iterable[Entry], params: Mapping[str, str]) -> list[Entry]:
    """The entries that the list endpoint returns; `sort` only affects their order.

    A field that we can't read is assumed to match, because the server knows its value.
    """
    wanted = [(name, value) for name, value in params.items() if name != "sort"]
    return [
        entry
        for entry in entries
        if all(PARAMETERS[name](entry, value) or unknown(_field(name), entry) for name, value in wanted)
    ]


def _field(parameter: str) -> str:
    name = parameter.removesuffix("_min").removesuffix("_max")
    return name.replace("_", ".") if name.startswith(("actor_", "target_")) else name


def got(entries: Iterable[Entry], entry_id: str) -> list[Entry]:
    """The entry that the other endpoint returns, if any."""
    return [entry for entry in entries if entry.log.id == entry_id]


def _equals(field: Callable[[Entry], str | None]) -> Callable[[Entry, str], bool]:
    return lambda entry, value: field(entry) == value


def _contains(entry: Entry, value: str) -> bool:
    return entry.log.path is not None and value.casefold() in entry.log.path.casefold()


def _at_least(entry: Entry, value: str) -> bool:
    return entry.log.status_code is not None and entry.log.status_code >= int(value)


def _at_most(entry: Entry, value: str) -> bool:
    return entry.log.status_code is not None and entry.log.status_code <= int(value)


def _since(entry: Entry, value: str) -> bool:
    return entry.created_us is not None and entry.created_us >= _us(value)


def _until(entry: Entry, value: str) -> bool:
    return entry.created_us is not None and entry.created_us <= _us(value)


def _us(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


PARAMETERS: Mapping[str, Callable[[Entry, str], bool]] = {
    "action": _equals(lambda entry: entry.log.action),
    "actor_id": _equals(lambda entry: entry.actor.id),
    "actor_type": _equals(lambda entry: entry.actor.type),
    "client_ip": _equals(lambda entry: entry.log.client_ip),
    "created_at_min": _since,
    "created_at_max": _until,
    "method": _equals(lambda entry: entry.log.method),
    "path": _contains,
    "status_code_min": _at_least,
    "status_code_max": _at_most,
    "target_id": _equals(lambda entry: entry.target.id),
    "target_type": _equals(lambda entry: entry.target.type),
}
