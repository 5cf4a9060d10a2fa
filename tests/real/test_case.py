"""A case, as programs use it: killed at any moment, opened twice, of two profiles, on a disk that is full."""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from auditlog_tui.demo import demo_log, live_entries
from auditlog_tui.demo.server import Serving, serving
from auditlog_tui.offline.sqlite_source import FlatEntry, SqliteSource
from auditlog_tui.store.case import Owner, add_journal_line, open_case, read_case
from tests.effort import BRIEF, HANGS_S, THOROUGH
from tests.real.forked import APP, run
from tests.real.pty_terminal import PtyTerminal, environment

UNTIL = datetime(2026, 11, 20, tzinfo=UTC)
ENTRIES = 1_500
KILLS = 50 if THOROUGH else 3 if BRIEF else 6
ROW = r"\d\d:\d\d:\d\d +\w+\.\w+"
WHOLE = r"1,500  COMPLETE"


@pytest.fixture
def log() -> Iterator[SqliteSource]:
    with closing(demo_log(entries=ENTRIES, until=UNTIL)) as made:
        yield made


@pytest.fixture
def server(log: SqliteSource) -> Iterator[Serving]:
    with serving(log) as running:
        yield running


@pytest.fixture
def env(tmp_path: Path, server: Serving) -> dict[str, str]:
    return environment(tmp_path, NIRVANA_LABS_API_KEY="any", NIRVANA_LABS_BASE_URL=server.url)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "incident.db"


def opened(path: Path, env: dict[str, str], *words: str, size: tuple[int, int] = (120, 36)) -> PtyTerminal:
    return PtyTerminal([*APP, "--case", str(path), *words], env=env, size=size)


def quit_(terminal: PtyTerminal) -> None:
    terminal.send("\x11")
    assert terminal.status() == 0


def kill(terminal: PtyTerminal) -> None:
    os.kill(terminal.process.pid, signal.SIGKILL)
    terminal.process.wait(HANGS_S)


def one(path: Path, sql: str) -> int:
    with closing(read_case(path)) as case:
        (found,) = case.connection.execute(sql).fetchone()
        return int(found)


def marked(path: Path) -> int:
    return one(path, "SELECT count(*) FROM annotation WHERE marked")


def targets(server: Serving) -> list[str]:
    """What was asked for, without hosts and values."""
    return [
        re.sub(r"audit_logs/[^?]+", "audit_logs/ID", request.target.partition("?")[0]) for request in server.requests
    ]


# -- killed --------------------------------------------------------------------------------------------------------


def test_all_is_there_again_after_a_kill_and_only_the_newest_end_is_asked_for(
    path: Path, env: dict[str, str], server: Serving, log: SqliteSource
) -> None:
    with opened(path, env) as terminal:
        terminal.wait_for(ROW)
        terminal.wait_for(r"^ incident\.db 127\.0\.0\.1")
        terminal.send("A")
        terminal.wait_for(WHOLE)
        terminal.send("jjm")
        terminal.wait_for("⚑ 1")
        terminal.send(";")
        terminal.wait_for("note on")
        terminal.send("the first one #seen\r")
        terminal.wait_for("⚑ 2")
        terminal.send("/status:403\r")
        terminal.wait_for(r"^ / status:403")
        terminal.wait_for(r" 16  COMPLETE")
        terminal.send("jjj")
        terminal.settle(2.0)
        before = terminal.screen().splitlines()
        kill(terminal)
    assert stat_of(path) == 0o600
    log.add([new_entry()])
    server.requests.clear()
    with opened(path, env) as terminal:
        terminal.wait_for(r"^ / status:403")
        terminal.wait_for(r" 16  COMPLETE")
        terminal.settle()
        assert terminal.screen().splitlines()[1:-1] == before[1:-1]  # the same rows, and the cursor where it was
        # That it is the same log; whether it knows the filter; what is new; and whether the oldest are gone.
        assert len(server.requests) <= 6, targets(server)
        terminal.send("[")
        terminal.wait_for(r"1,501  COMPLETE")
        terminal.send("M")
        terminal.wait_for("only what is marked: 2")
        terminal.send("/\x1b[A")
        terminal.wait_for(r"^ / status:403")
        quit_(terminal)
    assert [each.name for each in path.parent.glob("incident*")] == ["incident.db"]
    assert one(path, "SELECT count(*) FROM annotation WHERE note LIKE '%#seen%'") == 1


def stat_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def new_entry() -> FlatEntry:
    return next(live_entries(until=UNTIL + timedelta(minutes=1)))


def test_a_kill_at_any_moment_loses_nothing_that_was_shown_as_saved(path: Path, env: dict[str, str]) -> None:
    dice = random.Random(20)
    rows = marks = 0
    for _ in range(KILLS):
        with opened(path, env, size=(140, 30)) as terminal:
            terminal.wait_for(r"loaded|COMPLETE")
            assert shown(terminal) in (0, rows) or shown(terminal) > rows  # before anything is pressed
            for key in dice.choices(["j", "m", "A", "/status:403\r", "[", "k", "/api\r", "U"], k=dice.randrange(8)):
                terminal.send(key)
                terminal.settle(dice.choice([0.0, 0.05, 0.3]))
            terminal.settle(dice.choice([0.0, 0.02, 0.1, 0.5]))
            said = re.search(r"(?:Marked|Unmarked).*", terminal.screen())
            flags = re.search(r"⚑ (\d+)", terminal.screen())
            kill(terminal)
        with closing(read_case(path)) as case:
            runs = dict(case.connection.execute("SELECT run, count(*) FROM place GROUP BY run"))
            kept = [run for (run,) in case.connection.execute("SELECT run FROM kept_feed")]
            assert case.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = max((runs.get(run, 0) for run in kept), default=0)  # of the whole log
        assert rows >= shown(terminal)
        marks = marked(path)
        if said is not None and flags is not None:  # what was said to be marked is
            assert marks >= int(flags[1])
    with opened(path, env) as terminal:
        terminal.wait_for(r"loaded|COMPLETE")
        assert marks == 0 or f"⚑ {marks}" in terminal.screen()


def shown(terminal: PtyTerminal) -> int:
    """How many entries the header says are loaded of the whole log; 0 where it says something else."""
    found = re.search(r" ([\d,]+)(?: of [\d,]+ loaded|  COMPLETE)", terminal.screen().splitlines()[0])
    whole = re.search(r"^ / everything", terminal.screen(), re.MULTILINE)
    return int(found[1].replace(",", "")) if found is not None and whole is not None else 0


# -- several -------------------------------------------------------------------------------------------------------


def test_a_second_process_reads_it_and_changes_nothing(path: Path, env: dict[str, str]) -> None:
    with opened(path, env) as first:
        first.wait_for(ROW)
        first.send("m")
        first.wait_for("⚑ 1")
        with opened(path, env) as second:
            second.wait_for(r"^ incident\.db read-only 127")
            second.wait_for("⚑ 1")
            second.send("jm")
            second.wait_for("Marks and notes can't be changed: another auditlog-tui writes this case")
            second.send(";")
            second.settle()
            assert "note on" not in second.screen()
            second.send("/status:403\r")
            second.wait_for(r"^ / status:403")
            second.wait_for("COMPLETE")
            second.send("M")
            second.wait_for("only what is marked: 1")
            quit_(second)
        first.send("jm")
        first.wait_for("⚑ 2")
        kill(first)
    with opened(path, env) as third:
        third.wait_for("⚑ 2")
        third.wait_for(r"^ incident\.db 127")
        assert "status:403" not in third.screen()
        quit_(third)


def test_two_profiles_on_one_endpoint_share_no_case(tmp_path: Path, path: Path, server: Serving) -> None:
    folder = tmp_path / ".config" / "auditlog-tui"
    folder.mkdir(parents=True)
    profile = f'base_url = "{server.url}"\nkey_command = "echo key-of-both-0123456789"\n'
    (folder / "config.toml").write_text(f"[profiles.one]\n{profile}[profiles.two]\n{profile}")
    env = environment(tmp_path)
    with opened(path, env, "--profile", "one") as terminal:
        terminal.wait_for(ROW)
        terminal.send("m/status:403\r")
        terminal.wait_for(r"^ / status:403")
        quit_(terminal)
    before, requests = path.read_bytes(), len(server.requests)
    with opened(path, env, "--profile", "two", size=(300, 20)) as terminal:
        assert terminal.status() == 2
        terminal.wait_for(r"is a case of http://\S+ in profile one, and this is http://\S+ in profile two")
    assert path.read_bytes() == before
    assert len(server.requests) == requests
    with PtyTerminal([*APP, "--profile", "one"], env=env) as terminal:  # without the case
        terminal.wait_for(ROW)
        assert "⚑" not in terminal.screen()
        terminal.send("/\x1b[A")
        terminal.settle()
        assert "403" not in terminal.screen()
        quit_(terminal)
    other = tmp_path / "other.db"
    with opened(other, env, "--profile", "two") as terminal:
        terminal.wait_for(ROW)
        assert "⚑" not in terminal.screen()
        quit_(terminal)


def test_another_organizations_key_is_refused_and_nothing_more_is_asked_for(path: Path, env: dict[str, str]) -> None:
    with opened(path, env) as terminal:
        terminal.wait_for(ROW)
        quit_(terminal)
    before = one(path, "SELECT count(*) FROM entry")
    with closing(demo_log(entries=ENTRIES, until=UNTIL, seed=2)) as theirs, serving(theirs) as server:
        rename(path, server.url)
        env = {**env, "NIRVANA_LABS_BASE_URL": server.url}
        with opened(path, env, size=(300, 20)) as terminal:
            assert terminal.status() == 2
            terminal.wait_for(r"None of the 5 newest entries in .*incident\.db is in this log")
            terminal.wait_for("another organization")
        assert targets(server) == ["/v1/audit_logs/ID"] * 5
        found = run(
            [*APP, "count", "status:403", "--case", str(path)],
            env=env, capture_output=True, text=True, timeout=HANGS_S, check=False,
        )  # fmt: skip
        assert (found.returncode, found.stdout) == (2, "")
        assert "another organization" in found.stderr
        assert targets(server) == ["/v1/audit_logs/ID"] * 10
    assert one(path, "SELECT count(*) FROM entry") == before


def rename(path: Path, url: str) -> None:
    """Let the case be of this address."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE meta SET value = ? WHERE name = 'endpoint'", [url])


def test_a_command_takes_marks_and_notes_from_it(path: Path, env: dict[str, str]) -> None:
    with opened(path, env) as terminal:
        terminal.wait_for(ROW)
        terminal.send("mjm")
        terminal.wait_for("⚑ 2")
        kill(terminal)
    before = path.read_bytes()
    export = ["export", "marked:yes", "--out", str(path.parent / "a.jsonl")]
    for words, expected in (
        (["count", "marked:yes"], "2\n"), (["count", "status:403 marked:no"], None), (["list", "marked:yes"], None),
        (export, None),
    ):  # fmt: skip
        found = run(
            [*APP, *words, "--case", str(path)],
            env=env, capture_output=True, text=True, timeout=HANGS_S, check=False,
        )  # fmt: skip
        assert found.returncode == 0, found.stderr
        assert expected is None or found.stdout == expected
    assert path.read_bytes() == before
    assert run([*APP, "count", "marked:yes"], env=env, capture_output=True, check=True).stdout == b"0\n"


def test_the_demo_keeps_a_case_of_its_own(path: Path, tmp_path: Path) -> None:
    env = environment(tmp_path)
    for marks in (1, 2):
        with opened(path, env, "--demo") as terminal:
            terminal.wait_for(ROW)
            terminal.send("jm")
            terminal.wait_for(f"⚑ {marks}")
            assert "keeps no marks" not in terminal.screen()
            quit_(terminal)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT value FROM meta WHERE name = 'endpoint'").fetchone() == ("https://demo",)


def test_what_is_no_case_is_told_before_anything_is_drawn(
    tmp_path: Path, env: dict[str, str], server: Serving
) -> None:
    text = tmp_path / "text"
    text.write_text("no case")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, why in ((text, "is no case"), (pipe, "is a named pipe"), (tmp_path / "no" / "x.db", "no folder")):
        with opened(path, env, size=(300, 20)) as terminal:
            assert terminal.status() == 2
            assert b"\x1b" not in terminal.raw
            assert why.encode() in terminal.raw
    assert text.read_text() == "no case"
    assert server.requests == []


def test_a_start_that_fails_leaves_one_file(path: Path, env: dict[str, str]) -> None:
    with opened(path, env, "--theme", "none-such") as terminal:
        assert terminal.status() == 2
    assert [each.name for each in path.parent.glob("incident*")] == ["incident.db"]


# -- a disk that is full -------------------------------------------------------------------------------------------


def test_a_full_disk_loses_nothing_and_goes_on_when_there_is_room(small_disk: Path, env: dict[str, str]) -> None:
    path = small_disk / "incident.db"
    with opened(path, env) as terminal:
        terminal.wait_for(ROW)
        terminal.send("m")
        terminal.wait_for("⚑ 1")
        terminal.send("A")
        terminal.wait_for(r"can't be read or written \(database or disk is full\)")
        assert "COMPLETE" not in terminal.screen()
        rows = shown(terminal)
        assert rows
        assert one(path, "SELECT count(*) FROM place WHERE run = (SELECT max(run) FROM kept_feed)") >= rows
        for key in ("j", "G", "g", "y", "\x1b", "p", "\x1b"):
            terminal.send(key)
            terminal.settle()
            assert terminal.process.poll() is None, key
        kill(terminal)
    with opened(path, env) as terminal:  # the disk is full still
        terminal.wait_for("⚑ 1")
        assert shown(terminal) >= rows
        for key in ("M", "["):
            terminal.send(key)
            terminal.settle()
            assert terminal.process.poll() is None, key
        subprocess.run(["mount", "-o", "remount,size=400m", small_disk], check=True)
        terminal.send("\x1b\x1b")
        terminal.settle()
        terminal.send("r")
        terminal.settle(1.0)
        terminal.send("A")
        terminal.wait_for(WHOLE)
        quit_(terminal)
    assert os.listdir(small_disk) == ["incident.db"]
    assert marked(path) == 1


@pytest.mark.parametrize("left", [0, 4096, 40960])
def test_one_that_is_closed_on_a_full_disk_keeps_everything(small_disk: Path, left: int) -> None:
    path, owner = small_disk / "incident.db", Owner("https://log.example")
    with closing(open_case(path, owner)) as case:
        for number in range(20):
            add_journal_line(case, f"{number} {'x' * 3000}")
        with (small_disk / "other").open("wb", buffering=0) as other:
            with suppress(OSError):
                while True:
                    other.write(bytes(4096))
            other.truncate(max(0, other.tell() - left))
    assert one(path, "SELECT count(*) FROM journal") == 20
    (small_disk / "other").unlink()
    open_case(path, owner).close()
    assert os.listdir(small_disk) == ["incident.db"]
    assert one(path, "SELECT count(*) FROM journal") == 20


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_one_file_with_what_was_marked(path: Path, env: dict[str, str], number: int) -> None:
    with opened(path, env) as terminal:
        terminal.wait_for(ROW)
        terminal.send("m")
        terminal.wait_for("⚑ 1")
        os.kill(terminal.process.pid, number)
        assert terminal.status() == 128 + number
    assert [each.name for each in path.parent.glob("incident*")] == ["incident.db"]
    assert marked(path) == 1


# -- the key ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("in_case", [True, False])
def test_the_key_is_in_no_file_and_not_on_the_screen_wherever_it_is_typed(
    path: Path, env: dict[str, str], tmp_path: Path, in_case: bool, server: Serving
) -> None:
    key = "nv-key-0123456789abcdef"
    words = ["--case", str(path)] if in_case else []
    with PtyTerminal([*APP, *words], env={**env, "NIRVANA_LABS_API_KEY": key}, size=(140, 36)) as terminal:
        terminal.wait_for(ROW)
        for typed in (f"ua:{key}", f"status:403 {key} last:24h"):
            terminal.send(f"/{typed}\r")
            terminal.wait_for("not searched for and not kept")
            assert key not in terminal.screen()
            terminal.send("\x1b")
            terminal.settle()
        terminal.send(";")
        terminal.wait_for("note on")
        terminal.send(f"rotate {key}\r")
        terminal.wait_for(r"rotate \[secret\]")
        terminal.send("\x1b")
        terminal.settle()
        terminal.send("/status:403\r")
        terminal.wait_for(r" 16  COMPLETE")
        terminal.settle(2.0)
        assert key not in terminal.screen()
        kill(terminal)
    files = [each for each in tmp_path.rglob("*") if each.is_file()]
    assert any(b"status:403" in each.read_bytes() for each in files)
    assert [each.name for each in files if key.encode() in each.read_bytes()] == []
    assert not any(key in request.target for request in server.requests)
