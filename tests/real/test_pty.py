"""The bytes that reach a real terminal: it is restored at every exit, and nothing unsafe is written."""

import base64
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from auditlog_tui.demo.server import Serving, serving
from auditlog_tui.offline.sqlite_source import SqliteSource
from tests.effort import HANGS_S, THOROUGH
from tests.real.forked import APP, STARTED
from tests.real.pty_terminal import PtyTerminal, environment

KEY = "nirvana-key-0123456789abcdef"
ROW = r"\d\d:\d\d:\d\d +\w+\.\w+"

PUT_BACK = (
    b"\x1b[?1049l",  # the screen that was there before
    b"\x1b[?25h",  # the cursor
    b"\x1b[?1000l",  # the mouse
    b"\x1b[?2004l",  # pasting
    b"\x1b[<u",  # the keyboard
)


@pytest.fixture
def server() -> Iterator[Serving]:
    with serving(SqliteSource()) as running:
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
def test_every_end_leaves_the_terminal_as_it_was(end: str, tmp_path: Path, served: dict[str, str]) -> None:
    deed, status = ENDS[end]
    with PtyTerminal(STARTED, env=environment(tmp_path, **served)) as terminal:
        before = terminal.modes_before
        terminal.wait_for(ROW)
        assert terminal.modes() != before
        deed(terminal)
        assert terminal.status() == status
        check_put_back(terminal, before, tmp_path)


@pytest.mark.parametrize("end", ["ctrl+q", "SIGTERM"])
def test_it_ends_while_an_answer_is_awaited(end: str, tmp_path: Path) -> None:
    deed, status = ENDS[end]
    with (
        serving(SqliteSource(), latency_ms=3_600_000) as server,
        PtyTerminal(APP, env=with_key(tmp_path, server)) as terminal,
    ):
        before = terminal.modes_before
        terminal.wait_for("loading|asking|fetching|0 loaded|…")
        deed(terminal)
        assert terminal.status() == status
        check_put_back(terminal, before, tmp_path)


def test_it_ends_when_the_window_is_closed(tmp_path: Path, served: dict[str, str]) -> None:
    with PtyTerminal(APP, env=environment(tmp_path, **served)) as terminal:
        terminal.wait_for(ROW)
        terminal.hang_up()
        assert terminal.process.wait(HANGS_S) in (129, -signal.SIGHUP)
        assert os.listdir(tmp_path / "tmp") == []


def test_a_change_of_size_is_followed(tmp_path: Path, served: dict[str, str]) -> None:
    with PtyTerminal(APP, env=environment(tmp_path, **served), size=(80, 24)) as terminal:
        terminal.wait_for(ROW)
        assert re.search(r"^..\d{4}-\d\d-\d\d \d\d:", terminal.screen(), re.MULTILINE) is not None
        assert "METHOD" not in terminal.screen()
        terminal.resize(160, 40)
        terminal.wait_for(r"^..\d{4}-\d\d-\d\d \d\d:(?:.*\n){30,} ⏎ detail.*\Z")
        assert "METHOD" in terminal.screen()


def test_a_size_that_changes_and_changes_back_is_drawn_anew(tmp_path: Path, served: dict[str, str]) -> None:
    """By the time that the program looks, the size is what it was, but the terminal has lost what it showed."""
    with PtyTerminal(APP, env=environment(tmp_path, **served)) as terminal:
        terminal.wait_for(rf"{ROW}(?:.*\n)+ ⏎ detail")
        terminal.settle()
        shown = terminal.cells()[2:]  # the lines above have ages and a blinking cursor
        terminal.signal(signal.SIGSTOP)
        terminal.resize(20, 5)
        terminal.resize(120, 36)
        assert terminal.cells()[2:] != shown
        terminal.signal(signal.SIGCONT)
        terminal.settle()
        assert terminal.cells()[2:] == shown


# -- crashes -------------------------------------------------------------------------------------------------------

CRASH = """
import os
from auditlog_tui.session import opening as session
import threading
from auditlog_tui.ui.patches.input_parser import InputReader
from auditlog_tui.ui.patches.terminal_driver import SafeDriver
from auditlog_tui.ui.browse.marking import MarkController
from auditlog_tui.ui.browse.screen import BrowseScreen
from auditlog_tui.ui.table.table import EntryTable

class ThreadedLook:
    start = None

def fail(self, *arguments):
    key = os.environ["NIRVANA_LABS_API_KEY"]
    raise RuntimeError(f"\\x1b[31mred \\x1b]0;owned\\x07 {key} {key[:-4]} {key!r}")

WHERE = fail
if ThreadedLook.start:
    opened = MarkController.opened
    def failing(self):
        opened(self)
        threading.Thread(target=fail, args=(self,)).start()
    MarkController.opened = failing
"""


@pytest.mark.parametrize(
    "where",
    [
        "BrowseScreen.action_help", "BrowseScreen.compose", "BrowseScreen.on_mount", "session.Session.prepare",
        "session.Session.open", "EntryTable.render_lines",
        "SafeDriver.process_message", "InputReader.feed", "ThreadedLook.start",
    ],
)  # fmt: skip
def test_a_crash_tells_no_secret_and_leaves_a_usable_terminal(where: str, tmp_path: Path, server: Serving) -> None:
    with PtyTerminal(APP, env=with_key(tmp_path, server), patch=CRASH.replace("WHERE", where)) as terminal:
        if where.endswith("help"):
            terminal.wait_for("Nothing|nothing|No entries|no entries|empty")
        if where.endswith(("help", "process_message")):
            terminal.wait_raw(b"\x1b[?1049h")
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


def test_over_ssh_the_terminal_is_sent_the_id_and_nothing_is_claimed(tmp_path: Path, served: dict[str, str]) -> None:
    env = environment(tmp_path, **served, SSH_CONNECTION="192.0.2.1 50000 192.0.2.2 22", DISPLAY="localhost:10.0")
    with PtyTerminal(APP, env=env) as terminal:
        terminal.wait_for(ROW)
        terminal.send("c")
        terminal.wait_for(r"Sent ID [0-9a-f-]{36} to the terminal's clipboard by OSC 52, unconfirmed")
        sent = re.findall(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)\a", terminal.raw)
        assert len(sent) == 1
        shown = re.search(r"Sent ID ([0-9a-f-]{36}) ", terminal.screen())
        assert shown is not None
        assert base64.b64decode(sent[0]).decode() == shown[1]


COLOUR = rb"\x1b\[(?:[\d;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[\d;]*)?m"


QUESTION = b"\x1b]11;?\x1b\\"
WHITE = b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\"
LIGHT_GROUND, DARK_GROUND = "e0e0e0", "121212"


def ground(terminal: PtyTerminal) -> str:
    """The background's colour below the rows' first cells."""
    terminal.settle()
    return str(terminal.cells()[6][2].bg)


def in_colour(home: Path, served: dict[str, str], **more: str) -> dict[str, str]:
    return environment(home, **served, COLORTERM="truecolor", **more)


SPLITS = (0, 1, 12, 23, *((2, 3, 7, 24) if THOROUGH else ()))


@pytest.mark.parametrize(
    ("split", "pause"), [*((split, 0.05) for split in SPLITS), (1, 0.5), *([(2, 0.5), (12, 0.5)] if THOROUGH else [])]
)
def test_a_light_background_has_a_light_theme_however_the_reply_is_split(
    split: int, pause: float, tmp_path: Path, served: dict[str, str]
) -> None:
    with PtyTerminal(APP, env=in_colour(tmp_path, served)) as terminal:
        terminal.wait_raw(QUESTION)
        terminal.send_bytes(WHITE[:split])
        time.sleep(pause)
        terminal.send_bytes(WHITE[split:])
        terminal.wait_for(ROW)
        assert ground(terminal) == LIGHT_GROUND
        assert "/ everything" in terminal.screen()
        assert "forward" not in terminal.screen()


def test_escape_and_the_next_key_sent_at_once_are_both_pressed(tmp_path: Path, served: dict[str, str]) -> None:
    with PtyTerminal(APP, env=environment(tmp_path, **served)) as terminal:
        terminal.wait_for(ROW)
        terminal.send("/quark")
        terminal.wait_for("/ quark")
        terminal.send("\x1b?")
        terminal.wait_for("Keys: table")
        terminal.send("\x1b]")
        terminal.wait_for("There is nothing to go forward to")
        assert "Keys: table" not in terminal.screen()


REPLIES = {
    "none": (b"", DARK_GROUND),
    "dark": (b"\x1b]11;rgb:1e1e/1e1e/1e1e\x07", DARK_GROUND),
    "malformed": (b"\x1b]11;rgb:zz;q]j?\x1b\\", DARK_GROUND),
    "late": (WHITE, LIGHT_GROUND),
}


@pytest.mark.parametrize("reply", REPLIES)
def test_the_first_rows_wait_for_no_reply_and_a_late_one_presses_no_key(
    reply: str, tmp_path: Path, served: dict[str, str]
) -> None:
    sent, colour = REPLIES[reply]
    with PtyTerminal(APP, env=in_colour(tmp_path, served)) as terminal:
        terminal.wait_for(ROW)
        assert ground(terminal) == DARK_GROUND
        before = terminal.screen()
        terminal.send_bytes(sent)
        assert ground(terminal) == colour
        assert terminal.screen().splitlines()[1:] == before.splitlines()[1:]


@pytest.mark.parametrize("variables", [{"AUDITLOG_TUI_THEME": "nord"}, {"NO_COLOR": "1"}, {"TERM": "linux"}], ids=str)
def test_the_terminal_is_not_asked_where_the_answer_does_not_matter(
    variables: dict[str, str], tmp_path: Path, served: dict[str, str]
) -> None:
    with PtyTerminal(APP, env=environment(tmp_path, **served) | variables) as terminal:
        terminal.wait_for(ROW)
        assert QUESTION not in terminal.raw


NO_MOUSE: dict[str, tuple[tuple[str, ...], dict[str, str], str]] = {
    "flag": (("--no-mouse",), {}, ""),
    "variable": ((), {"AUDITLOG_TUI_MOUSE": "no"}, ""),
    "file": ((), {}, "mouse = false\n"),
    "none": ((), {}, ""),
}


@pytest.mark.parametrize("source", NO_MOUSE)
def test_the_mouse_is_left_to_the_terminal_where_that_is_asked(
    source: str, tmp_path: Path, served: dict[str, str]
) -> None:
    flags, variables, file = NO_MOUSE[source]
    settings = tmp_path / "config" / "auditlog-tui" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(file)
    env = environment(tmp_path, **served, **variables, XDG_CONFIG_HOME=str(tmp_path / "config"))
    with PtyTerminal((*APP, *flags), env=env) as terminal:
        terminal.wait_for(ROW)
        asked = [b"\x1b[?%dh" % mode in terminal.raw for mode in (1000, 1003, 1006, 1015)]
        assert asked == [source == "none"] * 4


def test_ctrl_c_twice_quits(tmp_path: Path, served: dict[str, str]) -> None:
    with PtyTerminal(APP, env=environment(tmp_path, **served)) as terminal:
        before = terminal.modes_before
        terminal.wait_for(ROW)
        terminal.send("\x03")
        terminal.wait_for("Ctrl.C again quits")
        terminal.send("\x03")
        assert terminal.status() == 0
        check_put_back(terminal, before, tmp_path)


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light", "nord"])
def test_a_refused_request_has_a_colour_where_the_terminal_has_16(
    theme: str, tmp_path: Path, served: dict[str, str]
) -> None:
    env = environment(tmp_path, **served, TERM="xterm", AUDITLOG_TUI_THEME=theme)
    with PtyTerminal((*APP, "status:>=400"), env=env) as terminal:
        terminal.wait_for(ROW)
        terminal.settle()
        marks = [cell for row in terminal.cells()[4:] for cell in row if cell.data == "✗"]
        assert marks
        assert {cell.fg for cell in marks} <= {"red", "brightred"}


def test_colours_are_written_where_they_are_wanted(tmp_path: Path, served: dict[str, str]) -> None:
    with PtyTerminal(APP, env=environment(tmp_path, **served)) as terminal:
        terminal.wait_for(ROW)
        assert re.search(COLOUR, terminal.raw) is not None


def test_no_color_means_no_colour(tmp_path: Path, served: dict[str, str]) -> None:
    with PtyTerminal(APP, env=environment(tmp_path, **served, NO_COLOR="1")) as terminal:
        terminal.wait_for(ROW)
        terminal.send("\r")
        terminal.wait_for("full record")
        assert re.search(COLOUR, terminal.raw) is None


def test_a_terminal_of_ascii_is_sent_ascii(tmp_path: Path, served: dict[str, str]) -> None:
    env = environment(tmp_path, **served, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    with PtyTerminal(APP, env=env) as terminal:
        terminal.wait_for(ROW)
        terminal.send("\r")
        terminal.wait_for("user_agent|user agent|Request")
        assert terminal.raw.isascii()
        assert re.search(rb"\\[ux][0-9a-f]{2}", terminal.raw) is None


def test_the_c_locale_of_a_container_is_sent_what_python_takes_it_for(tmp_path: Path, served: dict[str, str]) -> None:
    with PtyTerminal(APP, env=environment(tmp_path, **served, LC_ALL="C")) as terminal:
        terminal.wait_for(ROW)
        terminal.raw.decode("utf-8")
        assert re.search(rb"\\[ux][0-9a-f]{2}", terminal.raw) is None
