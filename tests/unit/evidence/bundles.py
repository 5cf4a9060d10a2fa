"""Bundles of made-up entries, and what a forger may do to one."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from auditlog_tui.evidence.bundle import DERIVED, ENTRIES, MANIFEST, Content, manifest_lines, write
from auditlog_tui.evidence.container import Member, Region, chunks, directory, header
from auditlog_tui.evidence.statement import Annotation, Statement
from tests.unit.fake import entry

AS_OF_US = 1_800_000_900_000_000
REASON = "the server broke off after page 3"


def line(number: int, **fields: Any) -> bytes:
    """An entry's line without its line feed."""
    return json.dumps(entry(number, **fields)).encode()


def statement(lines: int, **other: Any) -> Statement:
    facts: dict[str, Any] = {
        "query": "ip:203.0.113.7 last:24h", "frozen": "ip:203.0.113.7 created:2027-01-14T08:15:00Z..",
        "low_us": AS_OF_US - 86_400_000_000, "high_us": None, "endpoint": "https://api.nirvanalabs.io",
        "by": "Robin", "as_of_us": AS_OF_US, "clock_offset_ms": -12, "requests": 5, "entries": lines, "rows": lines,
        "total": lines, "verdict": "COMPLETE",
    }  # fmt: skip
    return Statement(**{**facts, **other})


NOTES = (
    Annotation("id-3", True, "the way in #inc42", ("inc42",), AS_OF_US),
    Annotation("id-4", context=True),
    Annotation("id-5", False, "ask Sam", (), AS_OF_US),
)


def made(
    folder: Path, lines: Sequence[bytes], notes: Sequence[Annotation] = NOTES, stated: Statement | None = None
) -> bytes:
    """The bytes of a bundle of these lines."""
    entries = folder / "part.jsonl"
    entries.write_bytes(b"".join(each + b"\n" for each in lines))
    out = io.BytesIO()
    write(entries, notes, statement(len(lines)) if stated is None else stated, out)
    return out.getvalue()


def members(bundle: bytes) -> dict[str, bytes]:
    """The contents of the members, in their order, as any other program reads them."""
    with ZipFile(io.BytesIO(bundle)) as file:
        assert file.testzip() is None
        return {name: file.read(name) for name in file.namelist()}


def packed(contents: Mapping[str, bytes] | Iterable[tuple[str, bytes]]) -> bytes:
    """A container of these members, packed as auditlog-tui packs them."""
    found: list[Member] = []
    data = b""
    for name, content in contents.items() if isinstance(contents, Mapping) else contents:
        member = Member(name, len(data), len(content), zlib.crc32(content))
        found.append(member)
        data += header(member) + content
    return data + directory(found)


def forged(lines: Sequence[bytes], notes: Sequence[Annotation], stated: Statement) -> bytes:
    """A bundle of other entries in which everything agrees, its manifest too."""
    entries = b"".join(each + b"\n" for each in lines)
    content = Content(Region(io.BytesIO(entries), 0, len(entries)), notes, stated)
    made = {ENTRIES: entries, **{name: b"".join(chunks(derive(content))) for name, derive in DERIVED.items()}}
    return rewritten(made, content)


def rewritten(contents: Mapping[str, bytes], content: Content) -> bytes:
    """A bundle with these members and a manifest that names them."""
    named = [Member(name, 0, len(data), 0, sha256(data).hexdigest()) for name, data in contents.items()]
    manifest = "".join(f"{line}\n" for line in manifest_lines(content, named)).encode()
    return packed({**contents, MANIFEST: manifest})


def content_of(bundle: bytes, notes: Sequence[Annotation], stated: Statement) -> Content:
    entries = members(bundle)[ENTRIES]
    return Content(Region(io.BytesIO(entries), 0, len(entries)), notes, stated)
