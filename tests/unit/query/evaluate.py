"""An independent evaluator: whether a frozen query matches an entry, in plain Python, without the package's plan and
SQL.
"""

from __future__ import annotations

import ipaddress
import json
import re
import zlib
from dataclasses import dataclass
from functools import lru_cache

from auditlog_tui.entries.models import Entry, read_entry
from auditlog_tui.entries.schema import AuditLog
from auditlog_tui.query.syntax import (
    Address,
    Glob,
    Instant,
    Network,
    Nothing,
    Numbers,
    Query,
    Regex,
    Term,
    Text,
    Times,
    Value,
)

IN_PART = ("", "actor.name", "path", "ua", "note")


@dataclass(frozen=True)
class Noted:
    marked: bool
    note: str
    tags: tuple[str, ...] = ()


_NOTED = (
    None,
    Noted(True, ""),
    Noted(False, "Rotated the key, #inc42", ("inc42",)),
    Noted(True, "#inc42 #INC7: ask Bob", ("inc42", "INC7")),
    Noted(True, "Stra\u00dfe 9, #inc-7", ("inc-7",)),
)


def noted(entry: Entry) -> Noted | None:
    """What the user marked and noted on an entry: chosen by its key."""
    return _NOTED[zlib.crc32(entry.key.encode("utf-8", "replace")) % len(_NOTED)]


@lru_cache(maxsize=20_000)
def _log_of(raw: str) -> AuditLog:
    return read_entry(raw).log


def log_of(entry: Entry) -> AuditLog:
    """The entry in the API's schema, which it reads anew from its text each time."""
    return _log_of(entry.raw)


def matches(query: Query, entry: Entry) -> bool:
    """Whether every term matches the entry; the sort order is ignored.

    A term on an unreadable field matches, because the entry may match.
    """
    terms = [term for term in query.terms if term.key != "sort"]
    return all(_holds(term, entry) is not term.negated or _open(term, entry) for term in terms)


NAMES = {
    "actor": "actor.id", "ip": "client_ip", "target": "target.id", "ua": "user_agent", "status": "status_code",
    "created": "created_at", "last": "created_at",
}  # fmt: skip
"""The API's field names where they differ from the keys."""

EVERY = (
    "created_at", "action", "actor.id", "actor.name", "actor.type", "client_ip", "method", "path", "status_code",
    "user_agent", "target.id", "target.type",
)  # fmt: skip


def _open(term: Term, entry: Entry) -> bool:
    names = [NAMES.get(term.key, term.key)] if term.key else list(EVERY)
    if term.key in ("id", "marked", "tag", "note"):
        return False  # an entry without an id has a fallback key, and the others are no fields of the entry
    if any(isinstance(value, Nothing) for value in term.values):
        names.append("target.type")
    return any(unknown(name, entry, timed=bool(term.key)) for name in names)


def unknown(name: str, entry: Entry, *, timed: bool = True) -> bool:
    """Whether the server's value of a field (by the API's name) is unknown; with `timed`, whether its instant is."""
    holder, _, inner = name.rpartition(".")
    value = getattr(getattr(entry, holder), inner) if holder else getattr(log_of(entry), inner)
    if timed and name == "created_at" and entry.created_us is None:
        value = None
    if value is None:
        return not {"", holder or name, name}.isdisjoint(entry.unreadable)
    try:
        return name in entry.unreadable and bool(json.loads(entry.unreadable[name], strict=False) != value)
    except ValueError:
        return True


def _holds(term: Term, entry: Entry) -> bool:
    return any(_is(term.key, value, entry) for value in term.values)


def _is(key: str, value: Value, entry: Entry) -> bool:
    if isinstance(value, Nothing):
        return _has_no_target(entry)
    if isinstance(value, Numbers):
        status = log_of(entry).status_code
        return status is not None and _within(value.low, status, value.high)
    if isinstance(value, Times):
        return entry.created_us is not None and _in_time(value, entry.created_us)
    return any(_text_is(key, value, text) for text in texts(key, entry) if text is not None)


def texts(key: str, entry: Entry) -> list[str | None]:
    """The entry's texts of a field; for a word, all of its texts."""
    log, actor, target, mark = log_of(entry), entry.actor, entry.target, noted(entry)
    if key == "marked":
        return ["yes" if mark is not None and mark.marked else "no"]
    if key == "tag":
        return [*(mark.tags if mark is not None else ())]
    if key == "note":
        return [mark.note if mark is not None else None]
    fields = {
        "id": entry.key,
        "action": log.action,
        "actor": actor.id,
        "actor.name": actor.name,
        "actor.type": actor.type,
        "ip": log.client_ip,
        "method": log.method,
        "path": log.path,
        "target": target.id,
        "target.type": target.type,
        "ua": log.user_agent,
    }
    if key:
        return [fields[key]]
    status = None if log.status_code is None else str(log.status_code)
    return [*fields.values(), log.created_at, status]


def _text_is(key: str, value: Value, text: str) -> bool:
    match value:
        case Text(wanted) if key in IN_PART:
            return wanted.casefold() in text.casefold()
        case Text(wanted):
            return wanted == text
        case Glob(pieces):
            return re.fullmatch(".*".join(map(re.escape, pieces)), text, re.DOTALL) is not None
        case Regex(pattern):
            return re.search(pattern, text) is not None
        case Address(wanted) if as_servers_spell(wanted):
            return wanted == text
        case Address(wanted):
            return bool(set(addresses(wanted)) & set(addresses(text)))
        case Network(wanted):
            return any(found in ipaddress.ip_network(wanted) for found in addresses(text))
    raise TypeError(value)


def as_servers_spell(text: str) -> bool:
    """Whether an address has only one spelling. An IPv6 address matches in every spelling."""
    found = address(text)
    return isinstance(found, ipaddress.IPv4Address) and found.compressed == text


def addresses(text: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """The addresses in a field: a list, each with a port, zero padding, or as IPv4 mapped to IPv6."""
    found = []
    for part in text.split(","):
        host = part.strip().strip("\"'")
        if port := re.fullmatch(r"\[(.+)\](:[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}", host):
            host = port[1] or port[3]
        if re.fullmatch(r"[0-9]{1,3}([.][0-9]{1,3}){3}", host):
            host = ".".join(str(int(number)) for number in host.split("."))
        one = address(host)
        mapped = one.ipv4_mapped if isinstance(one, ipaddress.IPv6Address) else None
        found += [each for each in (one, mapped) if each is not None]
    return found


def address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _has_no_target(entry: Entry) -> bool:
    """Whether the entry has no target; an unreadable target is unknown."""
    unknown = {"", "target", "target.id", "target.type"} & set(entry.unreadable)
    return entry.target.id is None and entry.target.type is None and not unknown


def _in_time(value: Times, us: int) -> bool:
    low, high = (moment.us if isinstance(moment, Instant) else None for moment in (value.low, value.high))
    return _within(low, us, high) and not (value.strict and us in (low, high))


def _within(low: int | None, value: int, high: int | None) -> bool:
    return (low is None or low <= value) and (high is None or value <= high)
