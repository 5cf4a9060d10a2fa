"""A made-up audit log with an incident to find; `python -m auditlog_tui.demo` serves it over HTTP.

The same `until` and `seed` make the same log, byte for byte.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from random import Random

from auditlog_tui.demo import cast
from auditlog_tui.demo.incident import Lineage, Truth, incident, story
from auditlog_tui.demo.noise import Noise, noise
from auditlog_tui.offline.sqlite_source import FlatEntry, SqliteSource

__all__ = ["ENTRIES", "SEED", "Lineage", "Truth", "demo_entries", "demo_log", "demo_truth", "live_entries"]

ENTRIES = 20_000
SEED = 1
_LIVE_SCRIPT_US = 5_000_000
"""From one script of live entries to the next: about their length at two entries a second."""


def demo_log(*, entries: int = ENTRIES, until: datetime | None = None, seed: int = SEED) -> SqliteSource:
    """A log of `entries` entries, or of the incident's if those are more, that ends at `until` (by default, now).

    20,000 entries reach two weeks back, other numbers in proportion.
    """
    log = SqliteSource()
    try:
        log.add(demo_entries(entries=entries, until=until, seed=seed))
    except BaseException:
        log.close()
        raise
    return log


def demo_entries(*, entries: int = ENTRIES, until: datetime | None = None, seed: int = SEED) -> Iterator[FlatEntry]:
    """The log's entries, oldest first, made as they are asked for."""
    until = _whole_second(until)
    found, _ = incident(until, _dice(seed, "incident"))
    others = noise(
        _dice(seed, "noise"), story(until), count=max(0, entries - len(found)), until_us=cast.microseconds(until)
    )
    return heapq.merge(others, found, key=lambda entry: entry.created_us)


def demo_truth(*, until: datetime, seed: int = SEED) -> Truth:
    """The incident in the log of the same `until` and `seed`, whatever the log's size."""
    return incident(_whole_second(until), _dice(seed, "incident"))[1]


def live_entries(*, until: datetime, seed: int = SEED) -> Iterator[FlatEntry]:
    """Everyday entries without end, for a log that ended at `until`; the caller sets their `created_us`."""
    until = _whole_second(until)
    source = Noise(_dice(seed, f"live from {until.isoformat()}"), story(until))
    for us in count(cast.microseconds(until), _LIVE_SCRIPT_US):
        yield from source.script(us)


def _whole_second(until: datetime | None) -> datetime:
    return (until or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)


def _dice(seed: int, name: str) -> Random:
    return Random(f"{name} {seed}")  # noqa: S311  # dice, not secrets
