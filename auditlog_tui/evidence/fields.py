"""What the hand-over formats take from an entry: its readable fields, its exact text, and the user's note.

A field that can't be read is left out, never guessed; the exact text has it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from auditlog_tui.entries.models import Entry
from auditlog_tui.entries.raw_json import Json, is_exact, members_of, stored
from auditlog_tui.query.addresses import ip_address
from auditlog_tui.text.safe import LIMIT, safe


@dataclass(frozen=True, slots=True)
class Note:
    """The user's note on an entry, and whether they `marked` it.

    `context` is true if the entry is there only because it surrounds a marked one.
    """

    text: str = ""
    tags: tuple[str, ...] = ()
    context: bool = False
    marked: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", self.text.encode("utf-8", "replace").decode())


NO_NOTE = Note()


# -- fields --------------------------------------------------------------------------------------------------------

OUTSIDE = "(outside any field)"
"""The name in `Fields.unreadable` for text that belongs to no field."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The readable fields of an entry. `texts` has those of type text by dotted name, as `actor.id`.

    `created_us` is in microseconds since 1970 UTC. `unreadable` are the names of the fields left out because they
    can't be read; a field that is absent or null is in none of these.
    """

    texts: Mapping[str, str]
    status_code: int | None
    created_us: int | None
    unreadable: tuple[str, ...]

    def get(self, name: str) -> str | None:
        return self.texts.get(name)


def fields_of(entry: Entry) -> Fields:
    """The fields of an entry whose values are exact."""
    inexact = {name for name, text in entry.unreadable.items() if not is_exact(text)}
    doubtful = {name for name in ("actor", "target") if name in inexact and _comes_twice(entry, name)}
    texts = {
        name: text for name, text in _texts(entry) if name not in inexact and name.partition(".")[0] not in doubtful
    }
    status = None if "status_code" in inexact else entry.fields.status_code
    known = {*texts, *(["status_code"] if status is not None else [])}
    left_out = (name for name in entry.unreadable if name not in known and (name in inexact or name in _MAPPED))
    unreadable = tuple(name or OUTSIDE for name in left_out)
    return Fields(texts, status, entry.created_us if "created_at" in texts else None, unreadable)


def _comes_twice(entry: Entry, name: str) -> bool:
    """Whether the entry has several values under a name; only one of them is in `entry.log`."""
    found = members_of(entry.raw)
    member = found.named.get(name) if found is not None else None
    return member is not None and member.flag not in ("", member.text)


_MAPPED = frozenset({
    "", "id", "created_at", "action", "actor", "actor.id", "actor.name", "actor.type", "client_ip", "method", "path",
    "status_code", "user_agent", "target", "target.id", "target.type",
})  # fmt: skip
"""The fields that formats have places for, and what contains them."""


def _texts(entry: Entry) -> Iterator[tuple[str, str]]:
    log, actor, target = entry.fields, entry.actor, entry.target
    found = {
        "id": log.id, "created_at": log.created_at, "action": log.action, "actor.id": actor.id,
        "actor.name": actor.name, "actor.type": actor.type, "client_ip": log.client_ip, "method": log.method,
        "path": log.path, "user_agent": log.user_agent, "target.id": target.id, "target.type": target.type,
    }  # fmt: skip
    return ((name, text) for name, text in found.items() if text is not None)


def utc(us: int | None) -> str | None:
    """The instant with six decimals, as `2026-11-22T10:41:57.204000+00:00`; `None` outside the years 1 to 9999."""
    try:
        return None if us is None else (_EPOCH + timedelta(microseconds=us)).isoformat(timespec="microseconds")
    except OverflowError:
        return None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def address(text: str | None) -> str | None:
    """The text if it is an IP address that fields of type ip accept: no zone, at most 39 characters."""
    accepted = text is not None and len(text) <= _LONGEST_IPV6 and "%" not in text and ip_address(text) is not None
    return text if accepted else None


_LONGEST_IPV6 = 39


def succeeded(status_code: int | None) -> bool | None:
    """Whether a request with this HTTP status succeeded; `None` if there is none, or it is not one of HTTP's."""
    return status_code < 400 if status_code is not None and 100 <= status_code <= 599 else None


# -- the exact text ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Original:
    """An entry's JSON as received, in a form that a JSON string can hold.

    `text` is exact unless the bytes are not UTF-8: then each invalid one is U+FFFD in it, and `base64` has the bytes.
    `sha256` is of the bytes.
    """

    text: str
    sha256: str
    base64: str | None


def original_of(entry: Entry) -> Original:
    kept = stored(entry.raw)
    data = kept.encode() if isinstance(kept, str) else kept
    digest = hashlib.sha256(data).hexdigest()
    if isinstance(kept, str):
        return Original(kept, digest, None)
    return Original(data.decode("utf-8", "replace"), digest, base64.b64encode(data).decode())


# -- text for reading ----------------------------------------------------------------------------------------------

_LATER = ((0x2600, 0x27BF), (0x1F300, 0x1F5FF), (0x1F600, 0x1F64F), (0x1F900, 0x1F9FF))
"""Blocks of symbols and emoji that every Python from 3.11 on knows in full."""


def plain(text: str, limit: int = LIMIT) -> str:
    """`safe()` with the same result on every Python.

    Each knows the characters of another version of Unicode. So those newer than Unicode 3.2, whose data every Python
    has, become their code points, except those of `_LATER`.
    """
    if not text.isascii():
        text = "".join([each if each < "\x80" or _is_settled(each) else f"⟨U+{ord(each):04X}⟩" for each in text])
    return safe(text, limit)


def _is_settled(character: str) -> bool:
    if unicodedata.ucd_3_2_0.category(character) != "Cn":
        return True
    code = ord(character)
    return any(first <= code <= last for first, last in _LATER)


# -- JSON lines ----------------------------------------------------------------------------------------------------


def present(members: Mapping[str, Json]) -> dict[str, Json]:
    """The members that have a value: without `None` and empty objects and lists."""
    return {name: value for name, value in members.items() if value is not None and value not in ({}, [])}


def nested(members: Iterable[tuple[str, Json]]) -> dict[str, Json]:
    """An object from members with dotted names."""
    found: dict[str, Json] = {}
    for name, value in members:
        *holders, last = name.split(".")
        inner = found
        for holder in holders:
            inner = inner.setdefault(holder, {})
        inner[last] = value
    return found


def json_line(members: Mapping[str, Json]) -> str:
    """The object as one line of printable ASCII: every other character is an escape."""
    return json.dumps(members, separators=(",", ":"), allow_nan=False)
