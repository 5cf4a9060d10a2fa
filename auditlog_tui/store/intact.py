"""Whether a case has the rows that its other rows refer to."""

from __future__ import annotations

import sqlite3

from auditlog_tui.text.times import counted

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
