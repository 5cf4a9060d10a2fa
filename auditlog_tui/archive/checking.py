"""Whether an archive is as it was written. Only reads: the archive may be another user's, or on read-only media."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from auditlog_tui.archive import counts
from auditlog_tui.archive.dataset import (
    MANIFEST,
    STATE,
    Manifest,
    Part,
    is_behind_state,
    read_state,
    survey_manifest,
    temporary_of,
    why_no_state,
)
from auditlog_tui.archive.engine import Reader, check_installed
from auditlog_tui.archive.snapshot import manifest_of
from auditlog_tui.errors import ArchiveError
from auditlog_tui.output import files
from auditlog_tui.output.files import shown
from auditlog_tui.text.safe import safe

Progress = Callable[[str, int, int], None]
"""Is told what is done, how many bytes of it, and of how many."""


@dataclass(slots=True)
class Checked:
    """The manifest as it was read, and what is wrong: what was changed, and what can't be read.

    `unsure` says why the archive does not say whether it has all of its log; empty if it does.
    """

    manifest: Manifest
    changed: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    unsure: str = ""


def check(folder: Path, progress: Progress) -> Checked:
    """Compare the parts that the manifest names now with it.

    Raises `ArchiveRefusedError` for a folder that is no archive, and without DuckDB; `ArchiveError` if the manifest
    can't be read, or parts were joined meanwhile.
    """
    check_installed()
    folder = folder.expanduser()
    manifest = manifest_of(folder)
    folder = folder.resolve()
    found = Checked(manifest, unsure=_why_unsure(folder, manifest))
    found.changed += [f"{MANIFEST}: line {at} does not follow the one before" for at in manifest.broken]
    if is_behind_state(folder, manifest):
        found.changed.append(f"{MANIFEST}: it lacks the line that {STATE} is about")
    done, whole = 0, sum(part.bytes for part in manifest.parts)
    with closing(Reader(folder)) as reader:
        for part in manifest.parts:
            progress("checking", done, whole)
            try:
                if wrong := _wrong(reader, folder, part):
                    found.changed.append(f"{part.part}: {wrong}")
            except OSError as error:
                found.unreadable.append(f"{part.part}: it can't be read: {safe(error.strerror or str(error))}")
            except ArchiveError as error:
                found.unreadable.append(f"{part.part}: {error}")
            done += part.bytes
    found.changed += _strangers(folder, manifest)
    return found


def _why_unsure(folder: Path, manifest: Manifest) -> str:
    if why := why_no_state(folder):
        return f"{STATE}: {why}"
    state = read_state(folder, manifest)
    return "" if state is not None and state.complete_us is not None else "no collect has found all of it"


def _wrong(reader: Reader, folder: Path, part: Part) -> str:
    """What is wrong with a part, in words; empty if nothing is. Raises `OSError` and `ArchiveError`."""
    path = _place_of(folder, part)
    if path is None:
        return "it is missing"
    if not stat.S_ISREG(path.lstat().st_mode):
        return "it is no ordinary file"
    with files.opened(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if (file.tell(), digest) != (part.bytes, part.sha256):
            return "it was changed"
    rows = reader.count(path)
    if rows != part.rows:
        return f"it has {rows:,} entries, not {part.rows:,}"
    return "" if _counts_are_right(reader, path, part) else "the manifest has wrong counts of its entries"


def _place_of(folder: Path, part: Part) -> Path | None:
    """Where a part lies: also under the name that it is written under, until it is given its own."""
    for path in (folder / part.part, temporary_of(folder, part.number), folder / part.part):
        try:
            path.lstat()
        except FileNotFoundError:
            continue
        return path
    return None


def _counts_are_right(reader: Reader, path: Path, part: Part) -> bool:
    try:
        noted = msgspec.json.decode(part.counts, type=dict[str, counts.Values])
    except msgspec.MsgspecError:
        return False
    return all(name in counts.COUNTED and reader.values(path, name) == values for name, values in noted.items())


def _strangers(folder: Path, before: Manifest) -> Iterator[str]:
    """Files that other readers take for parts of the archive, and that are none now."""
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")]
    now = survey_manifest(folder)  # a collect that is running may have added parts
    if now is None or now.digests[: len(before.digests)] != before.digests or now.replaced != before.replaced:
        raise ArchiveError(f"{shown(folder)} was changed while it was checked. Check it again.")
    known = {part.part for part in now.parts}
    for name in sorted(names):
        if name in known or any(each.startswith(("_", ".")) for each in name.split("/")):
            continue
        why = "a later part replaced it" if name in now.replaced else "it is not in the manifest"
        yield f"{safe(name, 200)}: {why}"
