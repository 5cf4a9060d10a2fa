"""The main workflow in a real tmux, as an engineer uses it."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from auditlog_tui.demo.server import Fault, serving
from auditlog_tui.offline.sqlite_source import FlatEntry, SqliteSource
from tests.effort import HANGS_S
from tests.real.pty_terminal import APP, environment
from tests.real.tmux import Tmux

KEY = "nirvana-key-0123456789"
ROW = r"^[▌ ].(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d +\w+\.\w+"
ID = r"(?m)^\W*id +([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
FILTER = "status:>=400 actor.type:api_key"


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    with Tmux(tmp_path) as server:
        yield server


@contextmanager
def demo_server(*arguments: str, home: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "auditlog_tui.demo", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(home)) as server:
        assert server.stdout is not None
        found = re.search(r"http://[\d.:]+", server.stdout.readline())
        assert found is not None
        try:
            yield found[0]
        finally:
            server.terminate()


@pytest.mark.parametrize(("style", "theme"), [("bg=#ffffff", "224;224;224"), ("bg=#000000", "18;18;18")])
def test_the_theme_follows_the_background_that_tmux_reports(
    style: str, theme: str, tmux: Tmux, tmp_path: Path, served: dict[str, str]
) -> None:
    env = environment(tmp_path, **served, TERM="tmux-256color", COLORTERM="truecolor")
    wait = 'while [ ! -e ready ]; do sleep 0.05; done; exec "$@"'
    tmux.start(("sh", "-c", f"cd {tmp_path}; {wait}", "sh", *APP), env=env)
    tmux.run("set-option", "-g", "window-style", style)
    (tmp_path / "ready").touch()
    tmux.wait_for(ROW)
    deadline = time.monotonic() + HANGS_S
    while f"48;2;{theme}m" not in tmux.run("capture-pane", "-t", "test", "-p", "-e"):
        assert time.monotonic() < deadline, tmux.run("capture-pane", "-t", "test", "-p", "-e")
        time.sleep(0.1)


def do_the_main_job(tmux: Tmux) -> None:
    tmux.wait_for(ROW)
    tmux.wait_for(r"of 20,000 loaded")
    for pages in range(2, 5):
        tmux.keys("Down", times=100)
        tmux.wait_for(rf"[{pages}-9]\d\d of 20,000 loaded")
    open_the_filter(tmux)
    tmux.text(FILTER)
    tmux.keys("Enter")
    head = rf"\A(?!.*20,000).*(?:loaded|COMPLETE).*\n ?/ {re.escape(FILTER)}.*\n"
    # A screen may be seen while it is drawn, with rows from before at its end.
    row = rf"{ROW}.*⊸.*[✗!][45]\d\d.*\n"
    tmux.wait_for(rf"{head}(?:.*\n)+?(?:{row}){{11,}}(?!(?:.*\n)*{ROW})(?:.*\n)* ⏎ detail")

    tmux.keys("Down", times=3)
    tmux.keys("Enter")
    tmux.wait_for("full record")
    found = tmux.wait_for(ID)
    leave(tmux, "c copy field")
    tmux.keys("c")
    tmux.wait_for(f"Copied ID {found[1]} to the tmux buffer")
    assert tmux.buffer() == found[1]

    tmux.keys("q", "q")
    assert tmux.status() == 0


def rows_of(found: re.Match[str]) -> list[str]:
    """The table's rows on the screen that was waited for."""
    return [line for line in found.string.splitlines() if re.search(ROW, line)]


def open_the_filter(tmux: Tmux) -> None:
    tmux.keys("/")
    tmux.wait_for("⏎ apply")


def leave(tmux: Tmux, shown: str) -> None:
    """Press Escape and wait for its effect; directly before another key it would be read as that key's prefix."""
    tmux.wait_for(shown)
    tmux.keys("Escape")
    tmux.wait_for("⏎ detail")


def test_the_main_job_over_http(tmux: Tmux, tmp_path: Path) -> None:
    with demo_server("--latency", "200", "--api-key", KEY, home=tmp_path) as url:
        env = environment(tmp_path, NIRVANA_LABS_API_KEY=KEY, NIRVANA_LABS_BASE_URL=url)
        tmux.start(APP, env=env)
        tmux.wait_for(re.escape(url.removeprefix("http://")))
        do_the_main_job(tmux)


def test_another_key_is_refused_with_words_that_help(tmux: Tmux, tmp_path: Path) -> None:
    with serving(SqliteSource(), api_key=KEY) as server:
        wrong = KEY[::-1]
        tmux.start(APP, env=environment(tmp_path, NIRVANA_LABS_API_KEY=wrong, NIRVANA_LABS_BASE_URL=server.url))
        tmux.wait_for("(?i)key")
        assert wrong not in tmux.wait_for("401|refused|not accept").string


def test_a_field_is_copied_from_the_detail_pane(tmux: Tmux, tmp_path: Path) -> None:
    tmux.start([*APP, "--demo"], env=environment(tmp_path))
    tmux.wait_for(ROW)
    tmux.keys("Enter")
    tmux.wait_for("full record")
    action = tmux.wait_for(r"╭─ (\S+) ─")[1]
    tmux.keys("c")
    tmux.wait_for(rf"Copied action {re.escape(action)} to the tmux buffer")
    assert tmux.buffer() == action


# -- sizes ---------------------------------------------------------------------------------------------------------


def check_layout(tmux: Tmux, width: int, height: int) -> None:
    follow = "(?: ◌ follow)?"
    shown = rf"\A demo .{{{width - 45},}}UTC *{follow}$(?:.*\n){{{height - 1}}} ⏎ detail"
    deadline = time.monotonic() + HANGS_S
    while len(rows_of(found := tmux.wait_for(shown))) < height - 8:  # it may be seen while it is drawn
        assert time.monotonic() < deadline, found.string
    lines = found.string.split("\n")[:height]
    assert all(len(line) <= width for line in lines)
    assert "loaded" in lines[0]


def test_header_rows_and_footer_fit_the_terminal_which_may_change_its_size(tmux: Tmux, tmp_path: Path) -> None:
    tmux.start([*APP, "--demo"], env=environment(tmp_path), size=(80, 24))
    tmux.wait_for(ROW)
    check_layout(tmux, 80, 24)
    for width, height in ((200, 50), (80, 24), (120, 36)):
        tmux.resize(width, height)
        check_layout(tmux, width, height)
    tmux.resize(20, 5)
    tmux.wait_for(r"\A(?:.*\n){4} ⏎ detail  \? help$")  # and not what tmux keeps: the last lines, cut
    tmux.resize(120, 36)
    check_layout(tmux, 120, 36)


def test_the_cursor_stays_on_its_entry_when_the_size_changes(tmux: Tmux, tmp_path: Path) -> None:
    tmux.start([*APP, "--demo"], env=environment(tmp_path))
    rows = [row[1:].rstrip() for row in rows_of(tmux.wait_for(rf"(?:{ROW}.*\n){{26}}"))]
    tmux.keys("Down", times=25)
    tmux.wait_for(rf"(?:.*\n){{20,}}▌{re.escape(rows[25])}$")
    tmux.resize(120, 16)
    tmux.wait_for(rf"\A(?:.*\n){{3,15}}▌{re.escape(rows[25])}$(?:.*\n){{,12}}\Z")


# -- a hostile log -------------------------------------------------------------------------------------------------

HOSTILE = (
    "\x1b]0;OWNED\a", "\x1b]2;OWNED\x1b\\", "\x1bkOWNED\x1b\\", "\x9d0;OWNED\x9c",
    "\x1b]52;c;T1dORUQ=\a", "\x1b]52;c;T1dORUQ=\x1b\\", "\x1b]8;;http://owned.example\x1b\\link\x1b]8;;\x1b\\",
    "\x1bc",
)  # fmt: skip


def hostile_log() -> SqliteSource:
    log = SqliteSource()
    log.add(
        FlatEntry(
            id=f"{n}{text}", created_us=1_790_000_000_000_000 + n, action=f"vm.{text}", actor_id=text,
            actor_name=text, actor_type=text, client_ip=text, method=text, path=f"/{text}", status_code=403,
            user_agent=f"{text}curl", target_id=f"{n}{text}", target_type=text,
        )
        for n, text in enumerate(HOSTILE)
    )  # fmt: skip
    return log


def test_a_program_that_prints_the_sequences_changes_both(tmux: Tmux, tmp_path: Path) -> None:
    script = "read -r go; printf '%s' \"$0\"; echo printed; sleep 100"
    tmux.start(["sh", "-c", script, HOSTILE[0] + HOSTILE[4]], env=environment(tmp_path))
    tmux.run("set-option", "-s", "set-clipboard", "on")
    tmux.keys("Enter")
    tmux.wait_for("printed")
    assert tmux.buffer() == "OWNED"
    assert tmux.ask("#{pane_title}") == "OWNED"


def test_a_hostile_log_changes_neither_the_title_nor_the_buffer(tmux: Tmux, tmp_path: Path) -> None:
    refusal = Fault(400, {"Content-Type": "application/json"}, b'{"error": {"message": "\\u001b]0;OWNED\\u0007 no"}}')
    with serving(hostile_log()) as server:
        env = environment(tmp_path, NIRVANA_LABS_API_KEY=KEY, NIRVANA_LABS_BASE_URL=server.url)
        tmux.start(APP, env=env)
        tmux.run("set-option", "-s", "set-clipboard", "on", ";", "set-option", "-g", "allow-rename", "on")
        tmux.wait_for(r"vm\.␛")
        title, name = tmux.ask("#{pane_title}"), tmux.ask("#{window_name}")

        tmux.keys("Enter")
        tmux.wait_for("full record")
        tmux.keys("J", times=len(HOSTILE))  # each entry's full record
        tmux.wait_for("id +0␛]0;OWNED")
        tmux.keys("v")
        tmux.wait_for(r'"id"')
        tmux.keys("v")
        leave(tmux, "c copy field")
        tmux.keys("Home", "Right", "=")  # its text as a filter: input, chips, completion
        tmux.wait_for(r"^ ?/ \S+:.*␛c")
        open_the_filter(tmux)
        tmux.text(" action:vm")
        tmux.wait_for(r"vm\.␛kOWNED␛.* 1\b(?:.*\n)+ +Tab inserts")
        tmux.keys("Tab")
        leave(tmux, "⏎ apply")
        tmux.keys("[")
        tmux.wait_for(r"8  COMPLETE")
        server.faults.append(refusal)
        tmux.keys("r")
        tmux.wait_for("␛]0;OWNED␇ no")

        assert tmux.ask("#{pane_title}") == title
        assert tmux.ask("#{window_name}") == name
        assert tmux.buffer() == ""


def test_a_hostile_id_is_copied_as_harmless_text(tmux: Tmux, tmp_path: Path) -> None:
    with serving(hostile_log()) as server:
        env = environment(tmp_path, NIRVANA_LABS_API_KEY=KEY, NIRVANA_LABS_BASE_URL=server.url)
        tmux.start(APP, env=env)
        tmux.wait_for(r"vm\.␛")
        tmux.keys("c")
        tmux.wait_for("Copied ID")
        assert tmux.buffer() == f"{len(HOSTILE) - 1}␛c"


def test_after_the_shell_everything_is_drawn_anew(tmux: Tmux, tmp_path: Path) -> None:
    tmux.start(["sh", "-i"], env={**environment(tmp_path), "PS1": "shell> "})
    tmux.wait_for("shell>")
    tmux.text(f"{' '.join(APP)} --demo")
    tmux.keys("Enter")
    tmux.wait_for(ROW)
    tmux.wait_for(r"of 20,000 loaded")
    tmux.keys("Down", times=5)
    tmux.wait_for(r"(?:.*\n){8}▌")
    was = tmux.screen().partition("\n")[2]  # below the header, where an age may change
    tmux.keys("C-z")
    tmux.wait_for(r"[Ss]topped|[Ss]uspended|shell>\n*\Z")
    tmux.text("fg")
    tmux.keys("Enter")
    tmux.wait_for(rf"\A.*\n{re.escape(was)}\Z")
