"""The bytes that reach a real terminal: how the program leaves it, and what it never writes on it."""

import base64
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from auditlog_tui.demo.server import Serving, serving
from auditlog_tui.local import LocalLog
from tests.real.pty_terminal import APP, PtyTerminal, environment

KEY = "nirvana-key-0123456789abcdef"
ROW = r"\d\d:\d\d:\d\d +\w+\.\w+"
DEMO = (*APP, "--demo")

PUT_BACK = (
    b"\x1b[?1049l",  # the screen that was there before
    b"\x1b[?25h",  # the cursor
    b"\x1b[?1000l",  # the mouse
    b"\x1b[?2004l",  # pasting
    b"\x1b[<u",  # the keyboard
)


@pytest.fixture
def server() -> Iterator[Serving]:
    with serving(LocalLog()) as running:
        yield running


def with_key(home: Path, server: Serving, **more: str) -> dict[str, str]:
    return environment(home, NIRVANA_LABS_API_KEY=KEY, NIRVANA_LABS_BASE_URL=server.url, **more)


def check_put_back(terminal: PtyTerminal, before: list[Any], home: Path) -> None:
    for sequence in PUT_BACK:
        on = sequence.replace(b"l", b"h") if sequence.endswith(b"l") else b"\x1b[?1049h"
        assert terminal.raw.rfind(sequence) > terminal.raw.rfind(on) >= 0, sequence
    assert terminal.modes() == before
    assert os.listdir(home / "tmp") == []


# -- how it ends ---------------------------------------------------------------------------------------------------

ENDS: dict[str, tuple[Callable[[PtyTerminal], None], int]] = {
    "q": (lambda terminal: terminal.send("q"), 0),
    "ctrl+q": (lambda terminal: terminal.send("\x11"), 0),
    "SIGTERM": (lambda terminal: terminal.signal(signal.SIGTERM), 143),
    "SIGHUP": (lambda terminal: terminal.signal(signal.SIGHUP), 129),
}


@pytest.mark.parametrize("end", ENDS)
def test_every_end_leaves_the_terminal_as_it_was(end: str, tmp_path: Path) -> None:
    deed, status = ENDS[end]
    with PtyTerminal(DEMO, env=environment(tmp_path)) as terminal:
        before = terminal.modes()
        terminal.wait_for(ROW)
        assert terminal.modes() != before
        deed(terminal)
        assert terminal.status() == status
        check_put_back(terminal, before, tmp_path)


@pytest.mark.parametrize("end", ["ctrl+q", "SIGTERM"])
def test_it_ends_while_an_answer_is_awaited(end: str, tmp_path: Path) -> None:
    deed, status = ENDS[end]
    with (
        serving(LocalLog(), latency_ms=3_600_000) as server,
        PtyTerminal(APP, env=with_key(tmp_path, server)) as terminal,
    ):
        before = terminal.modes()
        terminal.wait_for("loading|asking|fetching|0 loaded|…")
        deed(terminal)
        assert terminal.status() == status
        check_put_back(terminal, before, tmp_path)


def test_it_ends_when_the_window_is_closed(tmp_path: Path) -> None:
    with PtyTerminal(DEMO, env=environment(tmp_path)) as terminal:
        terminal.wait_for(ROW)
        terminal.hang_up()
        assert terminal.process.wait(30) in (129, -signal.SIGHUP)
        assert os.listdir(tmp_path / "tmp") == []


def test_a_change_of_size_is_followed(tmp_path: Path) -> None:
    with PtyTerminal(DEMO, env=environment(tmp_path), size=(80, 24)) as terminal:
        terminal.wait_for(ROW)
        assert re.search(r"\d{4}-\d\d-\d\d \d\d:", terminal.screen()) is None
        terminal.resize(160, 40)
        terminal.wait_for(r"^..\d{4}-\d\d-\d\d \d\d:(?:.*\n){30,} ⏎ detail.*\Z")


# -- crashes -------------------------------------------------------------------------------------------------------

CRASH = """
from auditlog_tui import cli, session
from auditlog_tui.ui.screens.browse import BrowseScreen
from auditlog_tui.ui.widgets.table import EntryTable

def fail(self, *arguments):
    settings = getattr(self, "settings", None) or self.screen.settings
    key = settings.key.reveal()
    raise RuntimeError(f"\\x1b[31mred \\x1b]0;owned\\x07 {key} {key[:-4]} {key!r}")

WHERE = fail
cli.run()
"""


@pytest.mark.parametrize(
    "where",
    [
        "BrowseScreen.action_help", "BrowseScreen.compose", "BrowseScreen.on_mount", "session.Session.prepare",
        "session.Session.open", "EntryTable.render_lines",
    ],
)  # fmt: skip
def test_a_crash_tells_no_secret_and_leaves_a_usable_terminal(where: str, tmp_path: Path, server: Serving) -> None:
    driver = tmp_path / "driver.py"
    driver.write_text(CRASH.replace("WHERE", where))
    with PtyTerminal([APP[0], str(driver)], env=with_key(tmp_path, server)) as terminal:
        if where.endswith("help"):
            terminal.wait_for("Nothing|nothing|No entries|no entries|empty")
            terminal.send("?")
        assert terminal.status() == 1
        left = terminal.raw.find(b"\x1b[?1049l")
        assert terminal.raw.rfind(b"RuntimeError: ") > left
        assert terminal.raw.rfind(b"\x1b[?25h") > terminal.raw.rfind(b"\x1b[?25l")
        assert all(KEY[start : start + 8].encode() not in terminal.raw for start in range(len(KEY) - 7))
        assert b"\x1b[31mred" not in terminal.raw
        assert b"\x1b]0;owned" not in terminal.raw
        assert "␛[31mred ␛]0;owned␇".encode() in terminal.raw
        assert os.listdir(tmp_path / "tmp") == []


# -- copying, colours, characters ----------------------------------------------------------------------------------


def test_over_ssh_the_terminal_is_sent_the_id_and_nothing_is_claimed(tmp_path: Path) -> None:
    env = environment(tmp_path, SSH_CONNECTION="192.0.2.1 50000 192.0.2.2 22", DISPLAY="localhost:10.0")
    with PtyTerminal(DEMO, env=env) as terminal:
        terminal.wait_for(ROW)
        terminal.send("c")
        terminal.wait_for(r"Copied ID [0-9a-f-]{36} sent to the terminal by OSC 52 \(unconfirmed\)")
        sent = re.findall(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)\a", terminal.raw)
        assert len(sent) == 1
        shown = re.search(r"Copied ID ([0-9a-f-]{36}) ", terminal.screen())
        assert shown is not None
        assert base64.b64decode(sent[0]).decode() == shown[1]


COLOUR = rb"\x1b\[(?:[\d;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[\d;]*)?m"


def test_colours_are_written_where_they_are_wanted(tmp_path: Path) -> None:
    with PtyTerminal(DEMO, env=environment(tmp_path)) as terminal:
        terminal.wait_for(ROW)
        assert re.search(COLOUR, terminal.raw) is not None


def test_no_color_means_no_colour(tmp_path: Path) -> None:
    with PtyTerminal(DEMO, env=environment(tmp_path, NO_COLOR="1")) as terminal:
        terminal.wait_for(ROW)
        terminal.send("\r")
        terminal.wait_for("full record")
        assert re.search(COLOUR, terminal.raw) is None


def test_a_terminal_of_ascii_is_sent_ascii(tmp_path: Path) -> None:
    env = environment(tmp_path, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    with PtyTerminal(DEMO, env=env) as terminal:
        terminal.wait_for(ROW)
        terminal.send("\r")
        terminal.wait_for("user_agent|user agent|Request")
        assert terminal.raw.isascii()
        assert re.search(rb"\\[ux][0-9a-f]{2}", terminal.raw) is None


def test_the_c_locale_of_a_container_is_sent_what_python_takes_it_for(tmp_path: Path) -> None:
    with PtyTerminal(DEMO, env=environment(tmp_path, LC_ALL="C")) as terminal:
        terminal.wait_for(ROW)
        terminal.raw.decode("utf-8")
        assert re.search(rb"\\[ux][0-9a-f]{2}", terminal.raw) is None


# -- what was typed or set wrongly ---------------------------------------------------------------------------------


def refused(arguments: list[str], env: dict[str, str]) -> str:
    """What is on the terminal after a start that ends with 2, before anything was drawn."""
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
    with PtyTerminal([APP[0], "-c", WITHOUT_A_KEY], env=environment(tmp_path)) as terminal:
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


def test_without_a_terminal_it_says_so_instead_of_waiting(tmp_path: Path) -> None:
    done = subprocess.run(DEMO, env=environment(tmp_path), stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"needs a terminal" in done.stderr
    assert b"\x1b" not in done.stderr + done.stdout


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
