"""A made-up log of any size, as an archive or as JSON Lines. The same number of entries makes the same log.

It consists of weeks that are alike, except for IDs. Only the last one has the demo's incident.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import NamedTuple

from auditlog_tui.archive.dataset import Archive, Origin, read_manifest, read_state
from auditlog_tui.demo import cast, demo_entries, demo_truth
from auditlog_tui.entries.models import read_entry
from auditlog_tui.text.times import rfc3339
from tests.bench.server import UNTIL, json_line

ENDPOINT = "https://audit.example"
WEEKLY = 200_000
"""About so many entries are in a week of a large log."""

_WEEK = timedelta(days=7)
_WEEK_US = 7 * 24 * 3_600 * 1_000_000
_BATCH = 1_000
_WHOLE_SECOND, _FRACTION = re.compile(r'("created_at": "[^".]*)Z'), r"\1.000000Z"


class _Line(NamedTuple):
    """An entry of a week without its ID and date: the text between them, the date in the last week, and the rest."""

    before: str
    day: str
    after: str
    incident: bool


def lines(entries: int) -> Iterator[str]:
    """The JSON text of each entry, oldest first; at least the incident's and those around it."""
    weeks = max(1, round(entries / WEEKLY))
    incident = len(demo_truth(until=UNTIL).entries)
    week = _week(-(-entries // weeks) + incident)
    total = weeks * (len(week) - incident) + incident
    dice = Random(f"IDs of {entries}")
    return islice(_weeks(week, weeks, dice), max(0, total - entries), None)


def _weeks(week: list[_Line], weeks: int, dice: Random) -> Iterator[str]:
    days = {line.day for line in week}
    for ago in range(weeks - 1, -1, -1):
        moved = {day: (date.fromisoformat(day) - ago * _WEEK).isoformat() for day in days}
        for before, day, after, incident in week:
            if not (incident and ago):
                yield f'{{"id": "{cast.random_id(dice)}{before}{moved[day]}{after}'


def _week(entries: int) -> list[_Line]:
    """The demo's log of so many entries, laid over its last week."""
    until_us = cast.microseconds(UNTIL)
    incident = frozenset(demo_truth(until=UNTIL).entries)
    found = []
    for entry in demo_entries(entries=entries, until=UNTIL):
        ago = (until_us - entry.created_us - 1) % _WEEK_US
        us = until_us - 1 - ago
        before, stamp, after = json_line(entry._replace(created_us=us)).partition(rfc3339(us))
        text = before.removeprefix(f'{{"id": "{entry.id}')
        found.append((us, _Line(text, stamp[:10], stamp[10:] + after, entry.id in incident)))
    found.sort(key=lambda each: each[0])
    return [line for _, line in found]


def write_archive(folder: Path, entries: int) -> None:
    """Make an archive of the log, as `collect` does. It says that it is complete."""
    with Archive(folder, Origin(ENDPOINT)) as archive:
        texts = lines(entries)
        while batch := [read_entry(text) for text in islice(texts, _BATCH)]:
            while (taken := archive.take(batch)) < len(batch):
                archive.flush()
                batch = batch[taken:]
        archive.flush()
        archive.write_state(b"", cast.microseconds(UNTIL))


def archive(folder: Path, entries: int) -> Path:
    """The archive of the log in a folder of this name; made unless it is there."""
    found = folder / f"archive-{entries}"
    manifest = read_manifest(found) if found.is_dir() else None
    if manifest is None or manifest.rows < entries or read_state(found, manifest) is None:
        shutil.rmtree(found, ignore_errors=True)
        write_archive(found, entries)
    return found


def jsonl(folder: Path, entries: int) -> Path:
    """The newest so many entries as JSON Lines, oldest first; made unless the file is there.

    Every time has a fraction: where some lack it, a filter of lnav 0.11 does not end.
    """
    found = folder / f"{entries}-fractions.jsonl"
    if not found.exists():
        part = found.with_suffix(".part")
        with part.open("w", encoding="utf-8") as file:
            file.writelines(f"{_WHOLE_SECOND.sub(_FRACTION, text, 1)}\n" for text in lines(entries))
        part.rename(found)
    return found
