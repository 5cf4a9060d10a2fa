"""`python -m tests.bench.server` serves one log as both generations of the API and prints their URLs as JSON.

The log ends at a fixed time, so that every run shows the same bytes and no displayed age changes while keys are
timed.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from auditlog_tui.demo import demo_entries, demo_log
from auditlog_tui.demo.server import serving
from auditlog_tui.offline.sqlite_source import FlatEntry
from auditlog_tui.text.times import rfc3339

UNTIL = datetime(2026, 7, 1, 12, tzinfo=UTC)


class _Forgetful(list[object]):
    """Discards the server's record of requests, which would grow without limit."""

    def append(self, value: object) -> None:
        """Discard it."""


def write_jsonl(path: Path, entries: int) -> None:
    """Write the log to a file, oldest first, as log viewers expect it."""
    with path.open("w") as file:
        for entry in demo_entries(entries=entries, until=UNTIL):
            file.write(json.dumps(_fields(entry)) + "\n")


def _fields(entry: FlatEntry) -> dict[str, object]:
    target = {"id": entry.target_id, "type": entry.target_type} if entry.target_id else None
    return {
        "id": entry.id, "created_at": rfc3339(entry.created_us), "action": entry.action,
        "actor": {"id": entry.actor_id, "name": entry.actor_name, "type": entry.actor_type},
        "client_ip": entry.client_ip, "method": entry.method, "path": entry.path,
        "status_code": entry.status_code, "user_agent": entry.user_agent, "target": target,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=20_000)
    parser.add_argument("--latency", type=float, default=0)
    options = parser.parse_args()
    log = demo_log(entries=options.entries, until=UNTIL)
    with (
        serving(log, latency_ms=options.latency) as new,
        serving(log, latency_ms=options.latency, generation=1) as old,
    ):
        for each in (new, old):
            each.requests = _Forgetful()  # type: ignore[assignment]  # nobody reads them
        sys.stdout.write(json.dumps([old.url, new.url]) + "\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
