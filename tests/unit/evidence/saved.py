"""Saved logs for tests: entries as the API writes them, and a file of them that is read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from auditlog_tui.evidence.saved_log import SavedLog, SavedLogReader


def line(n: int, **changed: object) -> str:
    """The JSON of entry `n`, which is n seconds after the hour."""
    entry: dict[str, object] = {
        "id": f"id-{n}",
        "action": "vm.read",
        "actor": {"id": "a-1", "name": "Ann", "type": "user"},
        "client_ip": "192.0.2.1",
        "created_at": f"2026-07-01T12:{n // 60:02}:{n % 60:02}Z",
        "method": "GET",
        "path": "/v1/compute/vms",
        "status_code": 200,
        "user_agent": "curl/8",
        "target": {"id": "vm-1", "type": "vm"},
    }
    return json.dumps(entry | changed, separators=(",", ":"))


LINES = [line(n) for n in (3, 2, 1)]
"""Newest first, as `list --format jsonl` writes them."""


@contextmanager
def reading(path: Path) -> Iterator[SavedLog]:
    log = SavedLogReader(str(path)).read()
    try:
        yield log
    finally:
        log.close()


@contextmanager
def saved(folder: Path, content: bytes | str, name: str = "log.jsonl") -> Iterator[SavedLog]:
    """The log in a file with this content, which stays as it was."""
    data = content.encode() if isinstance(content, str) else content
    path = folder / name
    path.write_bytes(data)
    before = path.stat()
    with reading(path) as log:
        yield log
    after = path.stat()
    assert path.read_bytes() == data
    assert (before.st_mtime_ns, before.st_mode, before.st_ino) == (after.st_mtime_ns, after.st_mode, after.st_ino)
