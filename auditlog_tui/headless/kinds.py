"""What a file is that a command was given by mistake, and the command for it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from auditlog_tui.archive.dataset import MANIFEST
from auditlog_tui.output import files
from auditlog_tui.store.case import begins_like_a_case
from auditlog_tui.text.safe import safe

Kind = Literal["archive", "bundle", "case", "entries", "other"]

_NAMES = {
    "archive": "the folder of an archive",
    "bundle": "a bundle",
    "case": "a case",
    "entries": "a file of entries",
}
_WANTED = {
    "archive": "the folder of an archive",
    "bundle": "a bundle",
    "case": "a case",
    "entries": "a file of entries, a bundle or a case",
}
_DO = {
    "archive": "auditlog-tui verify DIR checks it, open DIR browses it.",
    "bundle": "auditlog-tui verify FILE checks it, open FILE browses it.",
    "case": "auditlog-tui log FILE checks its log, --case FILE goes on with it.",
    "entries": "auditlog-tui open FILE browses it, recheck FILE asks for its entries again.",
    "other": "",
}


def mistaken_for(path: Path, wanted: Kind) -> str:
    """A sentence on what the path is, if it is not what is wanted; empty if it may be, or can't be read."""
    try:
        kind, name = _kind_of(path)
    except OSError:
        return ""
    if kind == wanted or (kind == "other" and not name) or (wanted == "archive" and path.is_dir()):
        return ""  # what a folder lacks, the archive itself says
    then = _DO[kind] or f"Name {_WANTED[wanted]}."
    return f"{safe(str(path), 300)} is {name or _NAMES[kind]}, not {_WANTED[wanted]}. {then}"


def _kind_of(path: Path) -> tuple[Kind, str]:
    """What the path is, and its name if it is nothing of ours; no name if it can't be told. Raises `OSError`."""
    if path.is_dir():
        return ("archive", "") if (path / MANIFEST).exists() else ("other", "a folder")
    if not path.is_file():
        return "other", files.kind_of(path.stat())
    with path.open("rb") as file:
        start = file.read(4096)
    if not start:
        unmerged = path.with_name(f"{path.name}-wal").exists()  # a case after a crash
        return "other", "" if unmerged else "an empty file"
    if start.startswith(b"PK\x03\x04"):
        return "bundle", ""
    if begins_like_a_case(start):
        return "case", ""
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    return ("entries", "") if text[:1] in (b"{", b"[") or start.startswith(b"\x1f\x8b") else ("other", "")
