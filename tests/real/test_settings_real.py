"""Valid and invalid settings, seen in a real terminal."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditlog_tui.demo.server import Serving, serving
from auditlog_tui.offline.sqlite_source import SqliteSource
from tests.real.forked import APP, STARTED
from tests.real.pty_terminal import PtyTerminal, environment

KEY = "nirvana-key-0123456789abcdef"
ROW = r"\d\d:\d\d:\d\d +\w+\.\w+"
DEMO = (*APP, "--demo")


@pytest.fixture
def server() -> Iterator[Serving]:
    with serving(SqliteSource()) as running:
        yield running


def with_key(home: Path, server: Serving) -> dict[str, str]:
    return environment(home, NIRVANA_LABS_API_KEY=KEY, NIRVANA_LABS_BASE_URL=server.url)


def refused(arguments: list[str], env: dict[str, str]) -> str:
    """The terminal's text after a start that exits with 2 before drawing anything."""
    with PtyTerminal([*APP, *arguments], env=env, size=(200, 40)) as terminal:
        assert terminal.status() == 2
        assert b"\x1b" not in terminal.raw
        return terminal.raw.decode().replace("\r\n", "\n")


WITHOUT_A_KEY = """
import sys
from auditlog_tui.cli import main
status = main([])
heavy = {"textual", "rich", "httpx", "pydantic"}
print("LOADED", sorted(heavy & set(sys.modules)))
sys.exit(status)
"""


def test_without_a_key_it_says_how_to_make_one_and_loads_no_screen(tmp_path: Path) -> None:
    with PtyTerminal([sys.executable, "-c", WITHOUT_A_KEY], env=environment(tmp_path)) as terminal:
        assert terminal.status() == 2
        said = terminal.raw.decode()
    for part in ("API key", "read permission on audit_log", "NIRVANA_LABS_API_KEY", "--key-file", "--demo"):
        assert part in said
    assert "LOADED []" in said
    assert "\x1b" not in said


def test_a_key_does_not_go_over_plain_http(tmp_path: Path, server: Serving) -> None:
    said = refused(["--base-url", "http://192.0.2.1"], with_key(tmp_path, server))
    assert "not encrypted" in said
    assert KEY not in said


@pytest.mark.parametrize("key", [f"{KEY}\n{KEY}", f"{KEY} x", f"{KEY}\x1b]0;x\a", f'{KEY}"é'])
def test_a_key_that_can_be_none_is_refused_and_not_shown(key: str, tmp_path: Path) -> None:
    said = refused([], environment(tmp_path, NIRVANA_LABS_API_KEY=key))
    assert "NIRVANA_LABS_API_KEY holds no API key" in said
    assert KEY[:8] not in said


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    file.chmod(0o644)
    said = refused(["--key-file", str(file)], environment(tmp_path))
    assert "chmod 600" in said
    assert KEY not in said


def test_a_private_key_file_is_used(tmp_path: Path, server: Serving) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    file.chmod(0o600)
    env = environment(tmp_path, NIRVANA_LABS_BASE_URL=server.url)
    with PtyTerminal([*APP, "--key-file", str(file)], env=env) as terminal:
        terminal.wait_for("COMPLETE")
        assert server.requests[0].headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("stream", ["stdin", "stdout", "stderr"])
def test_without_a_terminal_it_says_so_instead_of_waiting(stream: str, tmp_path: Path) -> None:
    redirected = {"stdin": "</dev/null", "stdout": f"| cat >{tmp_path}/out", "stderr": f"2>{tmp_path}/out"}[stream]
    line = f'set -o pipefail; "$@" {redirected}; echo "status $?"; cat {tmp_path}/out'
    with PtyTerminal(
        ["bash", "-c", line, "bash", *STARTED, "--demo"], env=environment(tmp_path), size=(200, 40)
    ) as terminal:
        terminal.status()
        said = terminal.raw.decode()
    assert "status 2" in said
    assert re.search("Standard (input|output|error) is not a terminal", said)
    assert "auditlog-tui list, get or count" in said
    assert "\x1b" not in said


@pytest.mark.parametrize("kind", ["dumb", "unknown", ""])
def test_a_terminal_that_can_not_place_text_is_refused(kind: str, tmp_path: Path) -> None:
    said = refused(["--demo"], environment(tmp_path, TERM=kind))
    assert f"TERM is {kind or 'not set'}" in said
    assert "auditlog-tui list, get or count" in said


@pytest.mark.parametrize("flag", [f"--api-key={KEY}", f"--key={KEY}", "--nonsense"])
def test_a_flag_that_there_is_not_is_refused_and_its_value_not_shown(flag: str, tmp_path: Path) -> None:
    said = refused([flag], environment(tmp_path))
    assert flag.partition("=")[0] in said
    assert KEY not in said


def test_a_key_on_the_command_line_is_not_taken_for_a_file(tmp_path: Path) -> None:
    said = refused(["--key", KEY], environment(tmp_path))
    assert "unrecognized arguments: --key" in said
    assert "--key-file" in said
    assert KEY not in said


@pytest.mark.parametrize("query", ["status:>=banana", "nonsense:1", "action:vm.read status:>=banana"])
def test_a_filter_that_cannot_be_read_is_pointed_at(query: str, tmp_path: Path) -> None:
    with PtyTerminal([*DEMO, query], env=environment(tmp_path)) as terminal:
        terminal.wait_for(r"^ +\^+")
        lines = terminal.screen().splitlines()
        line = next(line for line in lines if line.lstrip().startswith("^"))
        typed = next(line for line in lines if query in line)
        start = line.index("^")
        pointed = typed[start : start + line.count("^")]
        assert pointed in query.split()[-1]
        assert pointed
        terminal.wait_for(ROW)


def test_a_negated_term_can_be_the_first_on_the_command_line(tmp_path: Path) -> None:
    with PtyTerminal([*DEMO, "-actor.type:user", "status:>=400"], env=environment(tmp_path)) as terminal:
        terminal.wait_for(r"^ / -actor\.type:user status:>=400")
        terminal.wait_for(ROW)
        assert "◊" not in "".join(line for line in terminal.screen().splitlines() if re.search(ROW, line))
