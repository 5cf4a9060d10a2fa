"""`python -m tests.bench.server` serves one log as both generations of the API and prints their URLs as JSON.

After each line on standard input it prints how many requests it has received; it ends with the input. The log ends
at a fixed time, so that every run shows the same bytes and no displayed age changes while keys are timed.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from auditlog_tui.demo import demo_entries, demo_log
from auditlog_tui.demo.server import Request, serving
from auditlog_tui.offline.sqlite_source import FlatEntry
from auditlog_tui.text.times import rfc3339

UNTIL = datetime(2026, 7, 1, 12, tzinfo=UTC)


class _Counter(list[Request]):
    """Counts the server's requests instead of keeping them, which would grow without limit."""

    def __init__(self) -> None:
        super().__init__()
        self.received = 0
        self._lock = threading.Lock()

    def append(self, value: Request) -> None:
        """Count it."""
        with self._lock:
            self.received += 1


def write_jsonl(path: Path, entries: int) -> None:
    """Write the log to a file, oldest first, as log viewers expect it."""
    with path.open("w") as file:
        for entry in demo_entries(entries=entries, until=UNTIL):
            file.write(json_line(entry) + "\n")


def json_line(entry: FlatEntry) -> str:
    """The entry as a line of JSON, with `id` first."""
    target = {"id": entry.target_id, "type": entry.target_type} if entry.target_id else None
    fields = {
        "id": entry.id, "created_at": rfc3339(entry.created_us), "action": entry.action,
        "actor": {"id": entry.actor_id, "name": entry.actor_name, "type": entry.actor_type},
        "client_ip": entry.client_ip, "method": entry.method, "path": entry.path,
        "status_code": entry.status_code, "user_agent": entry.user_agent, "target": target,
    }  # fmt: skip
    return json.dumps(fields)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=20_000)
    parser.add_argument("--latency", type=float, default=0)
    parser.add_argument("--rate-limit", type=float)
    options = parser.parse_args()
    log = demo_log(entries=options.entries, until=UNTIL)
    counter = _Counter()
    with (
        serving(log, latency_ms=options.latency, rate_limit=options.rate_limit) as new,
        serving(log, latency_ms=options.latency, rate_limit=options.rate_limit, generation=1) as old,
    ):
        new.requests = old.requests = counter
        _print([old.url, new.url])
        for _ in sys.stdin:
            _print(counter.received)


def _print(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
