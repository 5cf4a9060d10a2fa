"""A case's log, and a case that is opened as a file, as programs."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditlog_tui.demo import demo_log
from auditlog_tui.demo.server import Serving, serving
from tests.effort import HANGS_S
from tests.real.forked import APP, run
from tests.real.pty_terminal import PtyTerminal, environment
from tests.real.test_offline import GUARD, guarded, sockets

KEY = "nirvana-key-0123456789abcdef"
ROW = r"\d\d:\d\d:\d\d +\w+\.\w+"


@pytest.fixture
def server() -> Iterator[Serving]:
    with serving(demo_log(entries=500, until=datetime(2026, 11, 20, tzinfo=UTC)), api_key=KEY) as running:
        yield running


@pytest.fixture
def env(tmp_path: Path, server: Serving) -> dict[str, str]:
    home = tmp_path / "home"
    home.mkdir()
    return environment(home, NIRVANA_LABS_API_KEY=KEY, NIRVANA_LABS_BASE_URL=server.url)


@pytest.fixture
def case(tmp_path: Path) -> Path:
    folder = tmp_path / "cases"
    folder.mkdir()
    return folder / "incident.db"


def log(path: Path, *words: str) -> tuple[int, str, str]:
    """What `log` writes without a key."""
    env = environment(path.parent)
    found = run([*APP, "log", str(path), *words], env=env, capture_output=True, timeout=HANGS_S, check=False)
    shutil.rmtree(path.parent / "tmp", ignore_errors=True)
    return found.returncode, found.stdout.decode(), found.stderr.decode()


def investigate(terminal: PtyTerminal) -> None:
    terminal.wait_for(ROW)
    terminal.send("/status:403\r")
    terminal.wait_for(r"^ / status:403")
    terminal.wait_for("COMPLETE")
    terminal.send("m")
    terminal.wait_for("⚑ 1")
    terminal.send("R")
    terminal.wait_for("1 marked entry re-checked|R shows each")  # or a line, on a slow machine
    terminal.send("\x1b")
    terminal.settle()


def kill(terminal: PtyTerminal) -> None:
    os.kill(terminal.process.pid, signal.SIGKILL)
    terminal.process.wait(HANGS_S)


def test_what_was_done_is_written_down_and_verified_without_a_key(env: dict[str, str], case: Path) -> None:
    with PtyTerminal([*APP, "--case", str(case)], env=env) as terminal:
        investigate(terminal)
        terminal.send(f"/ua:{KEY}\r")
        terminal.wait_for(r"ua:nirvana")
        terminal.settle()
        terminal.send("\x11")
        assert terminal.status() == 0
    status, out, err = log(case)
    assert (status, err) == (0, "")
    kinds = [line.split()[2] for line in out.splitlines() if line.startswith("    ")]
    assert kinds[0] == "opened"
    assert kinds[-1] == "ended"
    assert {"query", "marked", "rechecked"} <= set(kinds)
    assert "VERIFIED" in out
    assert KEY not in log(case, "--format", "jsonl")[1]
    assert os.listdir(case.parent) == [case.name]

    data = bytearray(case.read_bytes())
    data[data.index(b'"kind":"rechecked"') + 10] ^= 1
    case.write_bytes(data)
    status, out, _ = log(case)
    assert (status, "VERIFIED" in out) == (1, False)
    assert f"BROKEN at line {1 + kinds.index('rechecked')} of the log" in out


def test_a_run_that_is_killed_keeps_its_lines_and_the_next_one_goes_on(env: dict[str, str], case: Path) -> None:
    with PtyTerminal([*APP, "--case", str(case)], env=env) as terminal:
        investigate(terminal)
        kill(terminal)
    before = sorted(os.listdir(case.parent))
    status, out, _ = log(case)
    assert (status, "rechecked" in out, "ended" in out) == (0, True, False)
    assert sorted(os.listdir(case.parent)) == before
    with PtyTerminal([*APP, "--case", str(case)], env=env) as terminal:
        terminal.wait_for("⚑ 1")
        terminal.settle()
        terminal.send("\x11")
        assert terminal.status() == 0
    status, out, _ = log(case)
    assert (status, out.count("  opened "), out.count("  ended")) == (0, 2, 1)


@pytest.mark.parametrize("killed", [False, True])
def test_a_case_is_opened_without_key_and_network_and_not_touched(
    env: dict[str, str], case: Path, tmp_path: Path, killed: bool
) -> None:
    with PtyTerminal([*APP, "--case", str(case)], env=env) as terminal:
        investigate(terminal)
        if killed:
            kill(terminal)
        else:
            terminal.send("\x11")
            assert terminal.status() == 0
    before = {name: (case.parent / name).read_bytes() for name in os.listdir(case.parent)}
    home = tmp_path / "other"
    home.mkdir()
    with PtyTerminal([*APP, "open", str(case), "status:403"], env=guarded(home), patch=GUARD) as terminal:
        terminal.wait_for(r"incident\.db  as of \d{4}-.* COMPLETE")
        terminal.wait_for("⚑ 1")
        terminal.send("/\x15\r")
        terminal.wait_for(r"incident\.db .* INCOMPLETE only what was looked at")
        terminal.send("M")
        terminal.wait_for("only what is marked: 1")
        terminal.send("m\x11")
        assert terminal.status() == 0
    assert {name: (case.parent / name).read_bytes() for name in os.listdir(case.parent)} == before
    assert [each for each in sockets(home) if "connect" in each or "sendto" in each] == []
    assert os.listdir(home / "tmp") == []


def test_a_case_that_is_being_written_is_read_as_it_is_now(env: dict[str, str], case: Path, tmp_path: Path) -> None:
    with PtyTerminal([*APP, "--case", str(case)], env=env) as terminal:
        investigate(terminal)
        before = sorted(os.listdir(case.parent))
        status, out, _ = log(case)
        assert (status, "rechecked" in out, "ended" in out) == (0, True, False)
        assert sorted(os.listdir(case.parent)) == before
        terminal.send("\x11")
        assert terminal.status() == 0
    assert log(case)[0] == 0
