"""Archives collected by a program from an HTTP server: killed at any point, on a full disk, twice at once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest

from auditlog_tui.demo import demo_entries, demo_log
from auditlog_tui.demo.server import Fault, Serving, serving
from auditlog_tui.offline.source import ARRIVAL, Filter, Found, Order, Place
from auditlog_tui.offline.sqlite_source import FlatEntry, SqliteSource
from tests.effort import HANGS_S, THOROUGH
from tests.opened import lasting
from tests.real import forked
from tests.real.pty_terminal import environment

ENTRIES = 3_000
KILLS = 50 if THOROUGH else 6
UNTIL = datetime(2026, 11, 20, tzinfo=UTC)


@cache
def log() -> SqliteSource:
    with lasting():
        return demo_log(entries=ENTRIES, until=UNTIL)


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with lasting(), serving(log(), latency_ms=5) as running:
        yield running


class Collector:
    """Collects from a server, in a folder of its own."""

    def __init__(self, server: Serving, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.env = environment(folder, NIRVANA_LABS_BASE_URL=server.url, NIRVANA_LABS_API_KEY="any")

    @contextmanager
    def started(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        with forked.start(
            [*forked.APP, *words], cwd=self.folder, env=self.env, stderr=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            yield process

    def ended(self, *words: str) -> tuple[int, str]:
        """The status, and what was written on standard output and standard error."""
        with self.started(*words) as process:
            out, told = process.communicate(timeout=HANGS_S)
        return process.returncode, (out + told).decode()

    def rows(self, columns: str, archive: str = "archive") -> list[tuple[Any, ...]]:
        """Rows of an archive, as anyone reads such a dataset."""
        return rows(self.folder / archive, columns)


def rows(folder: Path, columns: str) -> list[tuple[Any, ...]]:
    if not list(folder.glob("day=*/*.parquet")):
        return []
    source = f"read_parquet('{folder}/**/*.parquet', hive_partitioning=true)"
    return duckdb.execute(f"SELECT {columns} FROM {source} ORDER BY ALL").fetchall()


@pytest.fixture
def collector(server: Serving, tmp_path: Path) -> Collector:
    return Collector(server, tmp_path)


def test_an_archive_is_read_by_duckdb_as_it_is_and_has_the_log(collector: Collector) -> None:
    status, told = collector.ended("collect", "archive")
    assert (status, told[:14]) == (0, "COMPLETE as of")
    assert f"{ENTRIES:,} new entries in" in told
    _, lines = collector.ended("list", "--format", "jsonl")
    assert [raw.decode() for (raw,) in collector.rows("raw")] == sorted(lines.splitlines())
    _, ids = collector.ended("list", "--format", "ids")
    assert collector.rows("id") == sorted((each,) for each in ids.splitlines())
    assert collector.rows("count(*)") == [(ENTRIES,)]
    assert collector.rows("bool_and(created_at::DATE = day)") == [(True,)]
    assert collector.ended("collect", "archive", "--quiet") == (0, "")
    assert collector.ended("collect", "archive", "--verify")[0] == 0


def test_killed_at_random_moments_it_ends_with_the_entries_of_an_undisturbed_run(collector: Collector) -> None:
    assert collector.ended("collect", "whole")[0] == 0
    whole, asked = collector.rows("id, raw", "whole"), len(collector.server.requests)
    dice, kills, runs = random.Random(19), 0, 0
    while kills < KILLS:
        with collector.started("collect", "archive") as process:
            wait_for_work(process, collector, dice, asked)
            time.sleep(dice.random() * 0.03)
            process.kill()
            kills += process.wait(HANGS_S) == -signal.SIGKILL
        found = collector.rows("id, raw")
        assert len(set(found)) == len(found)
        assert set(found) <= set(whole)
        runs += 1
        assert runs < 10 * KILLS
    assert collector.ended("collect", "archive")[0] == 0
    assert collector.rows("id, raw") == whole
    assert collector.ended("collect", "archive", "--verify")[0] == 0
    assert not list((collector.folder / "archive").glob("*.tmp"))


def wait_for_work(process: subprocess.Popen[bytes], collector: Collector, dice: random.Random, most: int) -> None:
    """Wait until some requests have come, fewer than `most`, or some files of the archive changed; or for its end."""
    folder, sent = collector.folder / "archive", len(collector.server.requests)
    requests, changes = dice.choice([(dice.randrange(1, most), ENTRIES), (ENTRIES, dice.randrange(1, 12))])
    before = sizes(folder)
    while process.poll() is None and changes > 0 and len(collector.server.requests) < sent + requests:
        time.sleep(0.002)  # nothing signals it
        now = sizes(folder)
        changes -= now != before
        before = now


def sizes(folder: Path) -> dict[str, int]:
    found = {}
    for path, _, names in os.walk(folder):
        for each in (os.path.join(path, name) for name in names):
            with suppress(FileNotFoundError):
                found[each] = os.stat(each).st_size
    return found


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_it_and_the_same_command_goes_on(name: str, collector: Collector) -> None:
    number = getattr(signal, name)
    with collector.started("collect", "archive") as process:
        wait_for(lambda: (collector.folder / "archive" / "_manifest.jsonl").exists())
        process.send_signal(number)
        _, told = process.communicate(timeout=HANGS_S)
    assert process.returncode == 128 + number
    assert told.startswith(b"Stopped. ")
    assert told.endswith(b" The same command goes on.\n")
    assert collector.ended("collect", "archive")[0] == 0
    assert collector.rows("count(DISTINCT id), count(*)") == [(ENTRIES, ENTRIES)]


def wait_for(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + HANGS_S
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.005)  # nothing signals it


def test_of_two_processes_the_second_is_refused(collector: Collector) -> None:
    with collector.started("collect", "archive") as process:
        wait_for(lambda: (collector.folder / "archive" / "_manifest.jsonl").exists())
        process.send_signal(signal.SIGSTOP)
        try:
            for more in ((), ("--compact",)):
                status, told = collector.ended("collect", "archive", *more)
                assert (status, told) == (2, "Another process is writing to archive.\n")
        finally:
            process.send_signal(signal.SIGCONT)
        process.communicate(timeout=HANGS_S)
    assert process.returncode == 0
    assert collector.rows("count(*)") == [(ENTRIES,)]


def test_another_address_is_refused(collector: Collector) -> None:
    assert collector.ended("collect", "archive", "method:DELETE")[0] == 0
    before = collector.rows("id")
    assert before
    with serving(log()) as other:
        status, told = Collector(other, collector.folder).ended("collect", "archive", "method:DELETE")
    assert status == 2
    assert f"is another archive: its API address is “{collector.server.url}”" in told
    status, told = collector.ended("collect", "archive")
    assert status == 2
    assert "its filter is “method:DELETE”, not none" in told
    assert collector.rows("id") == before


def test_small_parts_are_joined(collector: Collector) -> None:
    for until in ("2026-11-18T06:00:00Z", "2026-11-18T12:00:00Z", "2026-11-18T18:00:00Z"):
        assert collector.ended("collect", "archive", "--until", until, "--quiet") == (0, "")
    assert collector.ended("collect", "archive")[0] == 0
    before = collector.rows("id, raw")
    assert len(list((collector.folder / "archive" / "day=2026-11-18").iterdir())) == 4
    status, told = collector.ended("collect", "archive", "--compact")
    assert status == 0
    assert "became" in told
    assert len(list((collector.folder / "archive" / "day=2026-11-18").iterdir())) == 1
    assert collector.rows("id, raw") == before
    assert collector.ended("collect", "archive", "--verify")[0] == 0


def test_a_changed_part_is_named(collector: Collector) -> None:
    assert collector.ended("collect", "archive")[0] == 0
    part = min((collector.folder / "archive").glob("day=*/*.parquet"))
    part.write_bytes(part.read_bytes()[:-1])
    status, told = collector.ended("collect", "archive", "--verify", "--quiet")
    assert status == 1
    assert told.splitlines()[1:] == [f"- {part.parent.name}/{part.name}: it was changed"]


def test_an_answer_that_fails_is_told_and_the_next_run_goes_on(tmp_path: Path) -> None:
    with serving(log(), latency_ms=5) as running:
        collector = Collector(running, tmp_path)
        with collector.started("collect", "archive", "--quiet") as process:
            wait_for(lambda: len(running.requests) > 20)
            running.faults.extend([Fault(status=401)] * 100)
            _, told = process.communicate(timeout=HANGS_S)
        assert process.returncode == 3
        assert b"The same command goes on." in told
        assert 0 < len(collector.rows("id")) < ENTRIES
        running.faults.clear()
        assert collector.ended("collect", "archive", "--quiet") == (0, "")
        assert collector.rows("count(*), count(DISTINCT id)") == [(ENTRIES, ENTRIES)]


@pytest.mark.parametrize("size", ["100k", "400k"])
def test_a_full_disk_is_told_and_the_next_run_goes_on(size: str, collector: Collector) -> None:
    place = collector.folder / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o"]
    if os.geteuid() or subprocess.run([*mount, f"size={size}", "tmpfs", str(place)]).returncode:
        pytest.skip("file systems can't be mounted here")
    try:
        status, told = collector.ended("collect", "disk/archive")
        assert status == 1
        assert "No space left on device" in told
        found = collector.rows("id, raw", "disk/archive")
        assert len(set(found)) == len(found)
        subprocess.run([*mount, "remount,size=400m", "tmpfs", str(place)], check=True)
        status, told = collector.ended("collect", "disk/archive")
        assert status == 0, told
        assert collector.rows("count(*), count(DISTINCT id)", "disk/archive") == [(ENTRIES, ENTRIES)]
        assert collector.ended("collect", "disk/archive", "--verify")[0] == 0
    finally:
        subprocess.run(["umount", "-l", place], check=True)


# -- a log that changes meanwhile --------------------------------------------------------------------------------

LATE_S = 4_000
WRITTEN, KEPT = 6_000, 2_500


class FadingLog(SqliteSource):
    """Entries come up to `LATE_S` seconds late, the oldest are removed, and what was served is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.served: set[str] = set()
        dice = random.Random(7)
        made = list(demo_entries(entries=WRITTEN, until=UNTIL))
        self._coming = sorted(made, key=lambda each: each.created_us + dice.randrange(LATE_S) * 1_000_000)
        self.come(2_000)

    def come(self, entries: int) -> bool:
        """Write the next entries, and remove the oldest beyond `KEPT`; whether more are to come."""
        more: list[FlatEntry] = self._coming[:entries]
        del self._coming[:entries]
        self.add(more)
        with self._lock, self._db:
            kept = "SELECT n FROM entry ORDER BY created_us DESC LIMIT ?"
            if self._db.execute(f"DELETE FROM entry WHERE n NOT IN ({kept})", [KEPT]).rowcount:
                self._pages._counts.clear()
        return bool(self._coming)

    def find(self, where: Filter, order: Order, after: Place | None, limit: int) -> Found:
        found = super().find(where, order, after, limit)
        self.served |= {each.text for each in found.entries[: limit - 1]}  # one more is asked for than is sent
        return found


def test_nothing_that_was_served_is_lost_where_entries_come_late_and_old_ones_are_removed(tmp_path: Path) -> None:
    with lasting():
        source = FadingLog()
    with ExitStack() as stack:
        running = stack.enter_context(serving(source, latency_ms=2))
        collector, runs = Collector(running, tmp_path), 0
        writing = threading.Thread(target=lambda: write_slowly(source))
        writing.start()
        stack.callback(writing.join)
        while writing.is_alive() or not runs:
            runs += 1
            status, told = collector.ended("collect", "archive")
            assert status in (0, 1), told  # what goes while it is read may be missing, which is told
            lost = source.served - {raw.decode() for (raw,) in collector.rows("raw")}
            assert not lost, told
        writing.join()
        source.come(1)
        status, told = collector.ended("collect", "archive")
        assert (status, told[:8]) == (0, "COMPLETE")
        found = [raw.decode() for (raw,) in collector.rows("raw")]
        assert len(set(found)) == len(found)
        assert source.served <= set(found)
        assert len(found) > KEPT
        newest_first: Order = (("created_at", True), (ARRIVAL, True))
        alive = source.find(Filter(), newest_first, None, WRITTEN).entries
        assert {each.text for each in alive} <= set(found)


def write_slowly(source: FadingLog) -> None:
    while source.come(40):
        time.sleep(0.1)
