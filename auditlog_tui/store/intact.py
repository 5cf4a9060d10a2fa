"""Whether a case has the rows that its other rows refer to, and whether a log of writes is its own."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import IO

from auditlog_tui.output import files
from auditlog_tui.text.times import counted

CASE_ID = "case_id"
"""The name of the random ID of a case among its texts."""

_ID = re.compile(rf"{CASE_ID}([0-9a-f]{{32}})".encode())
"""The ID as it is on a page: the values of a row are one after the other."""

# The table is read in the order of its numbers, as its JSON is: an index would be in another one.
_NO_JSON = "SELECT count(*) FROM entry e NOT INDEXED WHERE NOT EXISTS (SELECT 1 FROM json j WHERE j.n = e.n)"
_NO_ENTRY = (
    "SELECT count(DISTINCT p.entry) FROM place p"
    " WHERE NOT EXISTS (SELECT 1 FROM entry e WHERE e.n = p.entry)"
    " OR (p.shown <> p.entry AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.n = p.shown))"
)
_GAPS = (
    "SELECT coalesce(sum(lacking), 0) FROM ("
    "SELECT max(position) - min(position) + 1 - count(*) AS lacking FROM place"
    " WHERE run IN (SELECT run FROM kept_feed) GROUP BY run)"
)


def missing_rows(connection: sqlite3.Connection) -> str:
    """Which rows a case lacks, in words; empty if it has all that its others refer to. Reads the whole case."""
    for sql, told in (
        (_NO_ENTRY, "lacks {} that it lists"),
        (_NO_JSON, "lacks the JSON of {}"),
        (_GAPS, "lacks {} in the middle of its lists"),
    ):
        ((missing,),) = connection.execute(sql)
        if missing:
            return f"it {told.format(counted(int(missing), 'entry', 'entries'))}"
    return ""


def is_of_another(path: Path) -> bool:
    """Whether the log of writes beside a case is that of another one, as far as both tell.

    A log of writes does not name its database, but holds whole pages, and one has the ID of the case: see `renew_id`.
    Raises `OSError`.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            ((own,),) = connection.execute("SELECT value FROM meta WHERE name = ?", [CASE_ID])
            ((root,),) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'meta'")
    except (sqlite3.Error, ValueError):  # not yet in the file, or a page of it was being moved there
        return False
    with suppress(FileNotFoundError), files.opened(Path(f"{path}-wal")) as log:
        return any(each.decode() != own for page in _pages(log, root) for each in _ID.findall(page))
    return False


def _pages(log: IO[bytes], number: int) -> Iterator[bytes]:
    """What a log of writes holds of a page of the database."""
    head = log.read(32)
    size, salts = int.from_bytes(head[8:12], "big"), head[16:24]
    while 512 <= size <= 65_536 and len(frame := log.read(24)) == 24 and frame[8:16] == salts:
        if int.from_bytes(frame[:4], "big") == number:
            yield log.read(size)
        else:
            log.seek(size, 1)


def renew_id(connection: sqlite3.Connection) -> None:
    """Write the ID of a case anew, in a transaction, so that its page gets into the log of writes.

    That begins anew whenever all of it was moved. Raises `sqlite3.Error`.
    """
    for (own,) in connection.execute("SELECT value FROM meta WHERE name = ?", [CASE_ID]).fetchall():
        connection.execute("DELETE FROM meta WHERE name = ?", [CASE_ID])  # SQLite does not write what stays the same
        connection.execute("INSERT INTO meta VALUES (?, ?)", [CASE_ID, own])
