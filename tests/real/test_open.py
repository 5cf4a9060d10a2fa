"""A saved log in a real terminal: nothing is sent, nothing is left behind, and it can be left at any time."""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.effort import HANGS_S
from tests.real import forked
from tests.real.forked import APP
from tests.real.pty_terminal import PtyTerminal, environment
from tests.real.test_offline import GUARD, guarded, sockets
from tests.unit.evidence.saved import LINES, line
from tests.unit.evidence.test_saved_case import made
from tests.unit.evidence.test_saved_log import a_bundle

MANY = 180_000


def a_log(folder: Path, lines: list[str], name: str = "log.jsonl.gz") -> Path:
    path = folder / name
    text = "\n".join(lines).encode()
    path.write_bytes(gzip.compress(text, 1) if name.endswith(".gz") else text)
    path.chmod(0o400)
    return path


def many(entries: int) -> list[str]:
    """Lines of as many entries as are asked for, or up to 3,599 more."""
    hour = "\n".join(line(second, id=f"id-HOUR-{second}") for second in range(3_600))
    return [hour.replace("HOUR", str(number)) for number in range(-(-entries // 3_600))]


def test_the_browser_opens_a_file_without_key_and_network_and_leaves_nothing_behind(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "logs"
    home.mkdir()
    folder.mkdir()
    path = a_log(folder, LINES)
    before = path.read_bytes(), path.stat().st_mtime_ns
    with PtyTerminal(
        [*APP, "open", str(path), "status:200"], env=guarded(home), patch=GUARD, size=(80, 24)
    ) as terminal:
        terminal.wait_for(r"log\.jsonl\.gz  up to 2026-07-01 12:00:03 .*3  ALL IN FILE")
        terminal.send("\r")
        terminal.wait_for("full record")
        terminal.send("m\x11")
        assert terminal.status() == 0
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert os.listdir(folder) == [path.name]
    assert os.listdir(home / "tmp") == []
    assert [each for each in sockets(home) if "connect" in each or "sendto" in each] == []


def test_a_long_file_is_stopped_by_escape_and_left_by_q(tmp_path: Path) -> None:
    path = a_log(tmp_path, many(MANY), "long.jsonl")
    for keys in ("q", "\x11"):
        with PtyTerminal([*APP, "open", str(path)], env=environment(tmp_path)) as terminal:
            terminal.wait_for(r"reading long\.jsonl: [\d,]+ entries, \d+ % read")
            terminal.send(keys)
            assert terminal.status() == 0
        assert os.listdir(tmp_path / "tmp") == []
    with PtyTerminal([*APP, "open", str(path)], env=environment(tmp_path)) as terminal:
        terminal.wait_for(r"reading long\.jsonl: [1-9][\d,]+ entries")
        terminal.send("\x1b")
        terminal.wait_for(r"INCOMPLETE: reading was stopped, \d+ % of it is here")
        terminal.wait_for(r"100 of [\d,]+  INCOMPLETE")
        terminal.send("q")
        assert terminal.status() == 0
    assert os.listdir(tmp_path / "tmp") == []


def test_what_is_no_file_is_refused_before_the_screen_is_drawn(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero"), Path("-")):
        with PtyTerminal([*APP, "open", str(path)], env=environment(tmp_path)) as terminal:
            assert terminal.status() == 2
            assert b"\x1b[?1049h" not in terminal.raw


async def test_a_case_or_bundle_that_can_not_be_opened_is_refused_before_the_screen_is_drawn(tmp_path: Path) -> None:
    whole, bundle = tmp_path / "whole.db", a_bundle(tmp_path / "whole.zip")
    await made(whole, "")
    for name, change in (
        ("trigger", "CREATE TRIGGER t AFTER INSERT ON journal BEGIN DELETE FROM json; END"),
        ("entries", "DELETE FROM json"),
        ("owner", "DELETE FROM meta"),
    ):
        shutil.copyfile(whole, tmp_path / f"{name}.db")
        with closing(sqlite3.connect(tmp_path / f"{name}.db")) as connection, connection:
            connection.execute(change)
    (tmp_path / "cut.db").write_bytes(whole.read_bytes()[:30_000])
    (tmp_path / "cut.zip").write_bytes(bundle.read_bytes()[:-40])
    for name, why in (
        ("trigger.db", "was changed: it has the trigger “t”, which a case does not have"),
        ("entries.db", "lacks the JSON of 250 entries"),
        ("owner.db", "does not say which log it is of"),
        ("cut.db", "is damaged"),
        ("cut.zip", "can't be opened"),
    ):
        with PtyTerminal([*APP, "open", name], env=environment(tmp_path), cwd=tmp_path, size=(200, 20)) as terminal:
            assert terminal.status() == 2, name
            assert b"\x1b" not in terminal.raw, name
            assert why in terminal.raw.decode(), name
        assert os.listdir(tmp_path / "tmp") == []


def test_a_full_disk_is_an_error_on_the_screen(small_disk: Path, tmp_path: Path) -> None:
    path = a_log(tmp_path, many(40_000), "long.jsonl")
    env = environment(tmp_path, SQLITE_TMPDIR=str(small_disk))
    with PtyTerminal([*APP, "open", str(path)], env=env) as terminal:
        terminal.wait_for("working set can't be read or written")
        terminal.send("q")
        assert terminal.status() == 0


@pytest.mark.parametrize("signal", ["SIGTERM", "SIGINT"])
def test_a_command_that_reads_a_file_is_ended_by_signals(signal: str, tmp_path: Path) -> None:
    from signal import Signals

    env = environment(tmp_path)
    command = [*APP, "count", "--from", "-"]
    with forked.start(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=env) as process:
        assert process.stdin is not None
        for lines in many(7_200):  # more than the pipe holds: it is reading by then
            process.stdin.write(lines.encode() + b"\n")
        process.stdin.flush()
        process.send_signal(Signals[signal])
        assert process.wait(HANGS_S) == 128 + Signals[signal]  # and its input has no end yet


def test_commands_read_a_file_and_standard_input(tmp_path: Path) -> None:
    env = environment(tmp_path)
    path = a_log(tmp_path, [*LINES, "garbage"], "log.jsonl")

    def run(*arguments: str, given: bytes = b"") -> tuple[int, str, str]:
        done = forked.run([*APP, *arguments], input=given, capture_output=True, env=env, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    text = "\n".join(LINES) + "\n"
    assert run("list", "--from", "-", "--format", "jsonl", given=text.encode()) == (0, text, "")
    assert run("count", "--from", "-", "status:500", given=text.encode())[:2] == (0, "0\n")
    assert run("get", "id-2", "--from", "-", given=text.encode()) == (0, LINES[1] + "\n", "")
    status, out, err = run("list", "--from", str(path), "--format", "jsonl")
    assert (status, out) == (1, text)
    assert "Incomplete: line 4 can't be read" in err
    status, out, err = run("count", "--from", str(path))
    assert (status, out) == (1, "")
    assert err == "Incomplete: line 4 can't be read. 3 entries there match.\n"
    for words in (["--limit", "1"], ["status:500"]):
        status, _, err = run("list", "--from", str(path), *words)
        assert status == 1
        assert "Incomplete: line 4 can't be read" in err
    status, out, err = run("get", "id-9", "--from", str(path))
    assert (status, out) == (3, "")
    assert "log.jsonl has no entry with this ID. It is incomplete: line 4 can't be read." in err
    for arguments in (("follow", "--from", str(path)), ("list", "--demo", "--from", str(path)), ("open",)):
        assert run(*arguments)[0] == 2
    status, out, err = run("export", "--from", str(path), "--bundle", str(tmp_path / "b.zip"))
    assert status == 1
    assert err.endswith("b.zip.part. With --incomplete, the same command writes what there is.\n")
    status, out, err = run("export", "--from", str(path), "--bundle", str(tmp_path / "b.zip"), "--incomplete")
    assert status == 1
    assert "INCOMPLETE" in err
    status, out, err = run("count", "--from", str(tmp_path / "b.zip"))
    assert (status, out) == (1, "")
    assert "line 4 can't be read" in err


def test_help_and_slips_of_open(tmp_path: Path) -> None:
    env = environment(tmp_path)
    for arguments in (["open", "--help"], ["help", "open"], ["open", "x", "-h"]):
        done = forked.run([*APP, *arguments], capture_output=True, env=env, check=False, text=True)
        assert done.returncode == 0
        assert done.stdout.startswith("usage: auditlog-tui open ")
        assert "Nothing is written to it" in done.stdout
    done = subprocess.run([sys.executable, "-m", "auditlog_tui", "opne"], capture_output=True, env=env, text=True)
    assert "Did you mean open?" in done.stderr
