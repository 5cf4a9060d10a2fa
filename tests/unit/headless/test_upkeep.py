"""An archive is looked after without its log, and the demo is served."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from auditlog_tui.archive.dataset import Archive, Origin
from auditlog_tui.demo.__main__ import main as serve
from auditlog_tui.entries.models import read_entry
from auditlog_tui.headless import upkeep


def collect(folder: Path, *numbers: int) -> None:
    for n in numbers:
        row = {"id": f"id-{n}", "created_at": "2026-07-01T00:00:00Z", "status_code": 200}
        with Archive(folder, Origin("https://log.example")) as archive:
            archive.take([read_entry(json.dumps(row))])
            archive.flush()


def test_small_parts_of_a_day_become_one(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    collect(tmp_path, 1, 2, 3)
    assert upkeep.compact(tmp_path, quiet=False) == 0
    assert "3 parts became 1." in capfd.readouterr().out
    assert upkeep.compact(tmp_path, quiet=False) == 0
    assert upkeep.NOTHING_TO_JOIN in capfd.readouterr().out
    assert upkeep.verify(tmp_path, quiet=False) == 0
    assert "CONSISTENT" in capfd.readouterr().out
    assert upkeep.verify(tmp_path, quiet=True) == 0
    assert capfd.readouterr().out == ""


def test_a_changed_part_is_named_and_is_not_joined(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    collect(tmp_path, 1, 2)
    part = next(tmp_path.glob("day=*/part-000001.parquet"))
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    assert upkeep.verify(tmp_path, quiet=True) == 1
    assert f"- day=2026-07-01/{part.name}: " in capfd.readouterr().out
    assert upkeep.compact(tmp_path, quiet=True) == 1
    assert part.name in capfd.readouterr().err


def test_what_is_no_archive_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert upkeep.verify(tmp_path, quiet=True) == 2
    assert upkeep.compact(tmp_path, quiet=True) == 2
    assert "is no archive" in capfd.readouterr().err


def test_a_port_that_is_taken_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit):
        serve(["--port", str(taken.getsockname()[1]), "--entries", "300"])
    assert "can't listen on port" in capfd.readouterr().err
