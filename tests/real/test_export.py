"""Exports as a program against an HTTP server: killed at any point, by signals, on a full disk, twice at once."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from auditlog_tui.demo import demo_log
from auditlog_tui.demo.server import Fault, Serving, serving
from auditlog_tui.evidence import bundle
from auditlog_tui.evidence.verify import verify
from auditlog_tui.offline.sqlite_source import SqliteSource
from tests.effort import HANGS_S, THOROUGH
from tests.opened import lasting
from tests.real import forked
from tests.real.forked import APP
from tests.real.pty_terminal import PtyTerminal, environment
from tests.unit.evidence.bundles import members

ENTRIES = 3_000
KILLS = 25 if THOROUGH else 4
EXPORT = [*APP, "export"]


@cache
def log() -> SqliteSource:
    with lasting():
        return demo_log(entries=ENTRIES, until=datetime(2026, 11, 20, tzinfo=UTC))


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with lasting(), serving(log(), latency_ms=10) as running:
        yield running


class Exporter:
    """Starts exports in a folder of their own."""

    def __init__(self, server: Serving, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.env = environment(folder, NIRVANA_LABS_BASE_URL=server.url, NIRVANA_LABS_API_KEY="any")

    def start(self, *words: str, **more: Any) -> subprocess.Popen[bytes]:
        return forked.start(
            [*EXPORT, *words],
            cwd=self.folder,
            env=self.env,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            **more,
        )

    def done(self, *words: str) -> tuple[int, str]:
        with self.start(*words) as process:
            _, told = process.communicate(timeout=HANGS_S)
        return process.returncode, told.decode()

    @contextmanager
    def begun(self, *words: str, size: int = 1, file: str = "a.part") -> Iterator[subprocess.Popen[bytes]]:
        """An export one of whose files is larger than so many bytes, or which has ended."""
        with self.start(*words) as process:
            deadline = time.monotonic() + HANGS_S
            while process.poll() is None and size_of(self.folder / file) < size:
                assert time.monotonic() < deadline
                time.sleep(0.001)  # nothing signals that a file has grown
            yield process

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if path.name.startswith("a"))


def size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def exporter(server: Serving, tmp_path: Path) -> Exporter:
    return Exporter(server, tmp_path)


@pytest.mark.parametrize("words", [(), ("ua:terraform sort:path", "--format", "csv")], ids=["jsonl", "sorted csv"])
def test_killed_at_random_points_it_ends_with_the_bytes_of_an_undisturbed_run(
    words: tuple[str, ...], exporter: Exporter
) -> None:
    """Kill it after it wrote some more, again and again, also while it makes the file of what has come."""
    status, told = exporter.done(*words, "--out", "whole")
    assert (status, told[:8]) == (0, "COMPLETE")
    dice, kills = random.Random(17), 0
    whole = size_of(exporter.folder / "whole") if not words else ENTRIES * 300
    while kills < KILLS:
        (exporter.folder / "a").unlink(missing_ok=True)
        file = "a.part.new" if words and kills % 3 == 2 else "a.part"
        size = size_of(exporter.folder / file) + dice.randrange(1, 2 * whole // KILLS)
        with exporter.begun(*words, "--out", "a", size=1 if file == "a.part.new" else size, file=file) as process:
            time.sleep(dice.random() / 50)
            process.kill()
            kills += process.wait(HANGS_S) == -signal.SIGKILL
        if (exporter.folder / "a").exists():
            assert digest(exporter.folder / "a") == digest(exporter.folder / "whole")
    if not (exporter.folder / "a").exists():
        status, told = exporter.done(*words, "--out", "a")
        assert (status, "COMPLETE as of" in told) == (0, True)
    assert digest(exporter.folder / "a") == digest(exporter.folder / "whole")
    assert exporter.names() == ["a"]


def test_a_bundle_killed_at_random_points_differs_in_what_it_states_of_its_runs_alone(exporter: Exporter) -> None:
    sent_before = len(exporter.server.requests)
    status, told = exporter.done("--bundle", "whole.zip")
    assert status == 0, told
    whole, dice, kills = members((exporter.folder / "whole.zip").read_bytes()), random.Random(20), 0
    sent, size = len(exporter.server.requests), len(whole[bundle.ENTRIES])
    while kills < KILLS:
        at_least = size_of(exporter.folder / "a.part") + dice.randrange(1, size // KILLS)
        with exporter.begun("--bundle", "a", size=at_least) as process:
            process.kill()
            assert process.wait(HANGS_S) == -signal.SIGKILL, "it ended before it was killed"
            kills += 1
    status, told = exporter.done("--bundle", "a")
    assert (status, "COMPLETE as of" in told) == (0, True)
    found = members((exporter.folder / "a").read_bytes())
    differing = {name for name in found if found[name] != whole[name]}
    assert differing == {"report.md", bundle.MANIFEST}
    stated, before = (json.loads(each[bundle.MANIFEST])["statement"] for each in (found, whole))
    assert stated.pop("resumed")
    assert before["requests"] == sent - sent_before
    assert 0 < stated["requests"] <= len(exporter.server.requests) - sent
    of_the_run = ("requests", "as_of_us", "clock_offset_ms")
    assert {name for name in stated if stated[name] != before[name]} <= {*of_the_run}
    verified = verify(exporter.folder / "a")
    assert (verified.findings, verified.unchecked) == ([], [])


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_leaves_a_part_that_says_so_and_how_to_go_on(name: str, exporter: Exporter) -> None:
    number = getattr(signal, name)
    with exporter.begun("--out", "a") as process:
        process.send_signal(number)
        _, told = process.communicate(timeout=HANGS_S)
    assert process.returncode == 128 + number
    said = re.fullmatch(
        r"Stopped\. ([\d,]+) entries arrived so far: a\.part\. The same command goes on with them\.\n", told.decode()
    )
    assert said is not None, told
    assert exporter.names() == ["a.part", "a.part.state"]
    arrived = int(said[1].replace(",", ""))
    assert (exporter.folder / "a.part").read_bytes().count(b"\n") == arrived
    for each in exporter.folder.glob("a.part*"):
        assert each.stat().st_mode & 0o777 == 0o600
    status, told_then = exporter.done("--out", "a")
    assert status == 0
    assert f"{said[1]} entries were there from the run before." in told_then
    assert (exporter.folder / "a").read_bytes().count(b"\n") == ENTRIES


def test_of_two_processes_on_one_file_the_second_is_refused(exporter: Exporter) -> None:
    with exporter.begun("--out", "a") as process:
        process.send_signal(signal.SIGSTOP)
        try:
            status, told = exporter.done("--out", "a")
            assert status == 2
            assert told.startswith("Another process is writing it: a.part.")
        finally:
            process.send_signal(signal.SIGCONT)
        _, _ = process.communicate(timeout=HANGS_S)
    assert process.returncode == 0
    assert (exporter.folder / "a").read_bytes().count(b"\n") == ENTRIES


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A file system of its own: call it with its size, and again with another."""
    place = tmp_path / "disk"
    place.mkdir()

    def sized(size: str) -> Path:
        again = "remount," if os.path.ismount(place) else ""
        command = ["mount", "-t", "tmpfs", "-o", f"{again}size={size}", "tmpfs", str(place)]
        if os.geteuid() or subprocess.run(command).returncode:
            pytest.skip("file systems can't be mounted here")
        return place

    yield sized
    if os.path.ismount(place):
        subprocess.run(["umount", "-l", place], check=True)


FULL = "No space left on device"


@pytest.mark.parametrize("size", ["200k", "1500k"], ids=["while entries arrive", "while the file is made of them"])
def test_a_full_disk_leaves_a_part_that_goes_on_when_there_is_room(
    size: str, disk: Callable[[str], Path], server: Serving, exporter: Exporter
) -> None:
    words = ("status:>=200", "--format", "ocsf") if size == "1500k" else ("status:>=200",)
    status, _ = exporter.done(*words, "--out", "whole")
    assert status == 0
    place = disk(size)
    full = str(place / "a")
    status, told = exporter.done(*words, "--out", full)
    assert status == 1
    assert FULL in told
    assert "entries arrived so far" in told
    assert not (place / "a").exists()
    assert {path.name for path in place.iterdir()} == {"a.part", "a.part.state"}
    disk("400m")
    status, told = exporter.done(*words, "--out", full)
    assert (status, "COMPLETE as of" in told) == (0, True), told
    assert digest(place / "a") == digest(exporter.folder / "whole")


def test_a_limit_on_the_size_of_files_is_told_as_a_full_disk_is(exporter: Exporter) -> None:
    script = "import resource, sys, os; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000,) * 2);"
    command = [sys.executable, "-c", f"{script} os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"]
    ran = subprocess.run(
        [*command, "-m", "auditlog_tui", "export", "--out", "a"],
        cwd=exporter.folder, env=exporter.env, capture_output=True, timeout=HANGS_S, check=False,
    )  # fmt: skip
    assert ran.returncode == 1
    assert b"File too large" in ran.stderr
    assert size_of(exporter.folder / "a.part") <= 100_000
    status, _ = exporter.done("--out", "a")
    assert status == 0


def test_an_answer_that_refuses_the_key_is_told_with_what_arrived(tmp_path: Path) -> None:
    with serving(log(), latency_ms=20) as running:
        exporter = Exporter(running, tmp_path)
        with exporter.begun("--out", "a") as process:
            running.faults.extend([Fault(status=401)] * 100)
            _, told = process.communicate(timeout=HANGS_S)
        assert process.returncode == 3
        assert "entries arrived so far: a.part." in told.decode()
        running.faults.clear()
        assert exporter.done("--out", "a")[0] == 0


def test_standard_output_is_as_list_writes_it(exporter: Exporter) -> None:
    found = [
        forked.run(
            [*APP, *words], env=exporter.env, cwd=exporter.folder,
            capture_output=True, timeout=HANGS_S, check=True,
        ).stdout
        for words in (
            ("export", "status:>=500", "--out", "-", "--format", "csv"),
            ("list", "status:>=500", "--format", "csv"),
        )
    ]  # fmt: skip
    assert found[0] == found[1]
    assert found[0].count(b"\n") > 2
    assert exporter.names() == []


NOTE = """
import sys
from auditlog_tui.entries.models import read_entry
from auditlog_tui.session.marks import Marks, marks_path
marks = Marks(marks_path(sys.argv[1]))
for n, line in enumerate(sys.stdin):
    marks.note(read_entry(line.rstrip("\\n")), f"seen {n} #inc42")
"""


def test_marked_entries_and_their_surroundings_become_a_bundle_that_verifies(exporter: Exporter) -> None:
    assert exporter.done("--out", "whole")[0] == 0
    lines = (exporter.folder / "whole").read_bytes().splitlines(keepends=True)
    subprocess.run(
        [sys.executable, "-c", NOTE, exporter.server.url], env=exporter.env, timeout=HANGS_S, check=True,
        input=b"".join([lines[10], lines[500]]),
    )  # fmt: skip
    status, err = exporter.done("--marked", "--out", "a.jsonl")
    assert status == 0
    assert re.search(r"COMPLETE as of .+ UTC: .* marked\. The rest of the log is not covered\.", err)
    assert (exporter.folder / "a.jsonl").read_bytes() == lines[10] + lines[500]
    words = ("--marked", "--with-context", "2h", "--by", "Jo", "--bundle", "a.zip")
    status, told = exporter.done(*words)
    assert (status, told[:8]) == (0, "COMPLETE")
    with bundle.read(exporter.folder / "a.zip") as opened:
        assert opened.statement.by == "Jo"
        assert opened.statement.query == "marked:yes"
        assert opened.statement.endpoint == exporter.server.url
        assert [each.note for each in opened.notes if not each.context] == ["seen 0 #inc42", "seen 1 #inc42"]
        assert sum(each.context for each in opened.notes) == opened.statement.rows - 2 > 2
    checked = forked.run(
        [*APP, "verify", "a.zip"],
        env=exporter.env, cwd=exporter.folder, capture_output=True, timeout=HANGS_S, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("how", ["SIGTERM", "q", *(["SIGHUP"] if THOROUGH else [])])
def test_the_screen_keeps_the_part_when_it_ends_and_the_command_goes_on_with_it(how: str, exporter: Exporter) -> None:
    with PtyTerminal(APP, env=exporter.env, cwd=exporter.folder) as terminal:
        terminal.wait_for(r"loaded")
        terminal.send("e")
        terminal.wait_for("all that match")
        terminal.send("\t\t\x15a.zip\r")
        terminal.wait_for("Exporting: [0-9,]+ of 3,000")
        if how == "q":
            terminal.send("q")
        else:
            terminal.signal(getattr(signal, how))
        assert terminal.status() == (0 if how == "q" else 128 + getattr(signal, how))
        told = terminal.raw.decode("utf-8", "replace")
        assert re.search(r"The export was stopped: [0-9,]+ entries are kept in a\.zip\.part", told)
    assert exporter.names() == ["a.zip.part", "a.zip.part.state"]
    status, told = exporter.done("--bundle", "a.zip")
    assert status == 0
    assert re.search(r"entries were there from the run before\.\nCOMPLETE", told)
    assert exporter.names() == ["a.zip"]
    assert not verify(exporter.folder / "a.zip").findings
