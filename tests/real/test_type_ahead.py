"""README's keys, typed at once when the program starts, over every kind of log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditlog_tui.demo import demo_log, demo_truth
from auditlog_tui.demo.server import Serving, serving
from tests.real import forked
from tests.real.forked import APP, STARTED
from tests.real.pty_terminal import PtyTerminal, environment

UNTIL = datetime(2026, 11, 20, tzinfo=UTC)
KEYS = "/status:401\rpIVGm[" + "\x1b[B" * 3 + "pIVGm"
ENTRIES = 3_000
MARKED = len(demo_truth(until=UNTIL).entries)
SLOW_MS = 800


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with closing(demo_log(entries=ENTRIES, until=UNTIL)) as log, serving(log) as running:
        yield running


@pytest.fixture(scope="module")
def slow_server() -> Iterator[Serving]:
    with closing(demo_log(entries=ENTRIES, until=UNTIL)) as log, serving(log, latency_ms=SLOW_MS) as running:
        yield running


def using(server: Serving, home: Path) -> dict[str, str]:
    return environment(home, NIRVANA_LABS_API_KEY="any", NIRVANA_LABS_BASE_URL=server.url)


def saved_as(kind: str, server: Serving, home: Path) -> str:
    """Save the log with a command; returns the path."""
    path = home / ("log.jsonl" if kind == "file" else "archive")
    words = ["list", "--format", "jsonl"] if kind == "file" else ["collect", str(path), "--quiet"]
    done = forked.run([*APP, *words], env=using(server, home), capture_output=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    if kind == "file":
        path.write_bytes(done.stdout)
    return str(path)


def solve(words: list[str], env: dict[str, str], program: tuple[str, ...] = APP) -> None:
    """Type all keys before the program has drawn anything, and look at what is marked in the end."""
    with PtyTerminal([*program, *words], env=env) as terminal:
        terminal.send(KEYS)
        terminal.wait_for(rf"⚑ {MARKED}\b")
        terminal.wait_for(rf"{MARKED} in all")


def test_the_demo(tmp_path: Path) -> None:
    solve(["--demo"], environment(tmp_path), STARTED)


def test_a_slow_server(slow_server: Serving, tmp_path: Path) -> None:
    solve([], using(slow_server, tmp_path), STARTED)


def test_a_case_new_and_opened_again(slow_server: Serving, tmp_path: Path) -> None:
    words, env = ["--case", str(tmp_path / "incident.db")], using(slow_server, tmp_path)
    with PtyTerminal([*APP, *words], env=env) as terminal:
        terminal.wait_for(r"100 of 3,000 loaded")
        terminal.send("\x11")
        assert terminal.status() == 0
    solve(words, env)


@pytest.mark.parametrize("kind", ["file", "archive"])
def test_a_saved_log(kind: str, server: Serving, tmp_path: Path) -> None:
    solve(["open", saved_as(kind, server, tmp_path)], environment(tmp_path))
