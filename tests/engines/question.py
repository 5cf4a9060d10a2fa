"""The README's question about an archive: its SQL, the answer found without SQL, and archives to ask about."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from auditlog_tui.archive.dataset import Archive, read_manifest
from auditlog_tui.archive.rows import COLUMNS, day_of, time_of
from auditlog_tui.demo import demo_log
from auditlog_tui.demo.server import serving
from auditlog_tui.entries.models import Entry, read_entry
from auditlog_tui.offline.source import ARRIVAL, Filter
from tests.readme import README
from tests.real.pty_terminal import environment

UNTIL = datetime(2026, 7, 1, 12, tzinfo=UTC)
WEEK = date(2026, 6, 29)
"""The Monday before `UNTIL`."""

ARCHIVE_COLUMNS = tuple(COLUMNS)

Row = tuple[str | int | None, ...]

ODD = (
    '{"id":"odd-1","action":"vm.deleted","actor":{"id":"no-time","name":"Ödd\\u0000","type":"user"},'
    '"created_at":"soon","status_code":200,"target":{"id":"t1","type":"vm"}}',
    '{"id":"odd-2","action":"vm.deleted","actor":{"id":"large-status","type":"user","mfa":true},'
    '"created_at":"2026-06-30T10:00:00.1234567Z","status_code":99999999999999999999,"region":{"a":[1,2]}}',
    '{"id":"odd-3","action":"vm.deleted","actor":{"id":"no-utf-8","name":"\udcff","type":"user"},'
    '"created_at":"0001-01-01T00:00:00Z","status_code":204,"target":{"id":"t1","type":"vm"}}',
    '{"id":"odd-4","action":"vm.deleted","actor":{"id":"twice","type":"user"},'
    '"created_at":"9999-12-31T23:59:59.999999Z","status_code":204,"target":{"id":"t1","type":"vm"}}',
    '{"id":"odd-4","action":"vm.deleted","actor":{"id":"twice","type":"user"},'
    '"created_at":"9999-12-31T23:59:59.999999Z","status_code":203,"target":{"id":"t1","type":"vm"}}',
    '{"id":"odd-5","action":"vm.read","actor":{"id":"before-1970","type":"user"},'
    '"created_at":"1969-12-31T23:59:59.999999Z","status_code":-7}',
    '{"id":"odd-6","action":"vm.read","actor":{"id":"before-1582","type":"user"},'
    '"created_at":"1500-02-28T00:00:00-01:00","status_code":0}',
)
"""Entries that no demo has: each has a value that engines may read differently."""


def sql(name: str) -> str:
    """A block of SQL in the README, without its last semicolon: `duckdb`, `spark`, `clickhouse` or `question`."""
    (found,) = re.findall(
        rf"<!-- sql: {name} -->\n```sql\n(.*?);\n```", README.read_text(encoding="utf-8"), re.DOTALL
    )
    return str(found)


def define_log(engine: str, archive: Path) -> str:
    """The README's statement that makes an archive the table `log` of an engine."""
    found = sql(engine)
    assert found.count("'archive") == 1
    return found.replace("'archive", f"'{archive}")


def question(since: date) -> str:
    """The README's question, about the week that begins on this day."""
    text, asked = re.subn(r"'\d{4}-\d\d-\d\d'", f"'{since}'", sql("question"))
    assert asked == 1
    return text


def answer(entries: Iterable[Entry], since: date) -> list[Row]:
    """The answer to the question, in no particular order; times are in microseconds since 1970 UTC."""
    seen: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.actor.id is not None:
            seen.setdefault(entry.actor.id, []).append(entry)
    found: list[Row] = []
    for actor, own in seen.items():
        if min(day_of(time_of(entry)) for entry in own) < since.isoformat():
            continue
        names = [entry.actor.name for entry in own if entry.actor.name is not None]
        about = (actor, max(names, default=None), _first(own))
        destroyed: dict[tuple[str | None, str | None], list[Entry]] = {}
        for entry in own:
            if (entry.fields.action or "").endswith(".deleted") and 200 <= (entry.fields.status_code or 0) < 300:
                destroyed.setdefault((entry.target.type, entry.target.id), []).append(entry)
        found += [(*about, *target, _first(deletions)) for target, deletions in destroyed.items()]
        if not destroyed:
            found.append((*about, None, None, None))
    return found


def _first(entries: Iterable[Entry]) -> int | None:
    return min((us for entry in entries if (us := time_of(entry)) is not None), default=None)


def collect(folder: Path, entries: int) -> list[Entry]:
    """Collect the demo's log into a folder with the program; returns its entries."""
    log = demo_log(entries=entries, until=UNTIL)
    try:
        with serving(log) as server, TemporaryDirectory() as home:
            env = environment(Path(home), NIRVANA_LABS_BASE_URL=server.url, NIRVANA_LABS_API_KEY="any")
            command = [sys.executable, "-m", "auditlog_tui", "collect", str(folder), "--quiet"]
            subprocess.run(command, env=env, cwd=README.parent, check=True)
        found = log.find(Filter(), ((ARRIVAL, False),), None, entries).entries
        return [read_entry(each.text) for each in found]
    finally:
        log.close()


def add(folder: Path, texts: Sequence[str]) -> list[Entry]:
    """Add entries to an archive; returns them."""
    entries = [read_entry(text) for text in texts]
    manifest = read_manifest(folder)
    assert manifest is not None
    with Archive(folder, manifest.origin) as archive:
        rest = entries
        while (taken := archive.take(rest)) < len(rest):
            archive.flush()
            rest = rest[taken:]
        archive.flush()
    return entries
