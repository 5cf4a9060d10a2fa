"""The large archive and what is measured over it, both small."""

from __future__ import annotations

import json
import re
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from auditlog_tui.archive.checking import check
from auditlog_tui.archive.dataset import read_manifest
from auditlog_tui.demo import demo_truth
from auditlog_tui.text.times import instant_us
from tests.bench import archive, big_log
from tests.bench.server import UNTIL
from tests.bench.terminal import Terminal, environment

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc and a pty")

ENTRIES = 3_000


def test_a_log_has_the_entries_asked_for_in_order_each_with_an_id_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(big_log, "WEEKLY", 1_000)
    entries = [json.loads(text) for text in big_log.lines(ENTRIES)]
    assert len(entries) == len({entry["id"] for entry in entries}) == ENTRIES
    times = [instant_us(entry["created_at"]) or 0 for entry in entries]
    assert all(one <= other for one, other in pairwise(times))
    assert {entry["created_at"][:10] for entry in entries} >= {"2026-06-16", "2026-06-23", "2026-06-30"}


def test_the_incident_is_in_the_last_week_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(big_log, "WEEKLY", 1_000)
    entries = [json.loads(text) for text in big_log.lines(ENTRIES)]
    thief = demo_truth(until=UNTIL).addresses[0]
    days = [entry["created_at"][:10] for entry in entries if entry["client_ip"] == thief]
    assert days
    assert set(days) <= {"2026-07-01"}
    assert sum(archive.RARE.lower() in entry["path"].lower() for entry in entries) == 1


def test_the_same_number_makes_the_same_log() -> None:
    assert list(big_log.lines(500)) == list(big_log.lines(500))


def test_every_time_of_the_file_has_a_fraction_and_is_the_same(tmp_path: Path) -> None:
    found = [json.loads(line) for line in big_log.jsonl(tmp_path, 500).read_text().splitlines()]
    assert {len(entry["created_at"]) for entry in found} == {len("2026-07-01T00:00:00.000000Z")}
    meant = [json.loads(text) for text in big_log.lines(500)]
    assert any("." not in entry["created_at"] for entry in meant)
    for entry in (*found, *meant):
        entry["created_at"] = instant_us(entry["created_at"])
    assert found == meant


def test_an_archive_is_made_once_and_anew_if_it_is_not_whole(tmp_path: Path) -> None:
    folder = big_log.archive(tmp_path, 500)
    made = read_manifest(folder)
    assert made is not None
    assert made.rows == 500
    state = (folder / "_state.json").stat()
    assert (big_log.archive(tmp_path, 500) / "_state.json").stat().st_mtime_ns == state.st_mtime_ns
    (folder / "_state.json").unlink()
    assert (big_log.archive(tmp_path, 500) / "_state.json").exists()
    found = check(folder, lambda *_: None)
    assert (found.changed, len(found.manifest.parts)) == ([], len(made.parts))


def test_it_measures_all_and_says_which_goals_are_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(archive, "TIMES", 1)
    monkeypatch.setattr(archive, "PROGRAMS", 1)
    monkeypatch.setattr(archive, "SILENCE_S", 0.5)
    words = ["--entries", str(ENTRIES), "--beside", "1000", "--rounds", "2", "--folder", str(tmp_path)]
    assert archive.main(words) == 0
    said = capsys.readouterr().out
    rows = dict(re.findall(r"(?m)^\| (.+?) \| (.+?) \|", said))
    for name in ("first page", "a page at any depth", "the page after it", "count one actor"):
        assert re.search(rf"(?m)^\| {name} \|.*<= \d+ ms \| (met|\*\*missed\*\*) \|$", said), name
    assert rows["count all"].endswith(f", {ENTRIES:,}")
    assert rows["rare text in the path"].endswith(", 1")
    assert "MiB" in rows["memory of `open DIR`"]
    assert "`open` of 1,000 entries as JSON Lines, until read" in rows
    assert f"{ENTRIES:,} entries; median / p99" in said


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("read line; while :; do echo loading; sleep 0.05; done", "no answer in 1 s"),
        ("while :; do echo loading; sleep 0.05; done", "no answer in 1 s"),
        ("read line; echo found; exec sleep 1000", r"\d\.\d\d s"),
    ],
)
def test_a_program_that_never_falls_silent_has_no_figure(
    program: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "SILENCE_S", 0.4)
    with Terminal(["sh", "-c", program], environment(tmp_path)) as terminal:
        assert re.fullmatch(told, archive._told(archive._until(terminal, "x\r", 1.0), 1.0))
