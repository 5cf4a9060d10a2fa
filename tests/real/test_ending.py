"""The program ends on signals and when its terminal is closed, even if the terminal is blocked."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.effort import HANGS_S, THOROUGH
from tests.real import forked
from tests.real.children import wait_until_full
from tests.real.forked import APP, STARTED
from tests.real.pty_terminal import PtyTerminal, environment
from tests.real.test_pty import ROW, check_put_back

REDRAWS = "?\x1b[27u"  # opens and closes help, which redraws the whole screen each time
SIGNALS = ["SIGTERM", "SIGHUP", "SIGINT", "SIGUSR1", "SIGRTMIN"]
if THOROUGH:
    SIGNALS += ["SIGQUIT", "SIGUSR2", "SIGALRM", "SIGIO"]


def number_of(name: str) -> int:
    return int(getattr(signal, name))


@pytest.mark.parametrize("name", SIGNALS)
def test_each_signal_leaves_the_terminal_as_it_was(name: str, tmp_path: Path, served: dict[str, str]) -> None:
    with PtyTerminal(APP, env=environment(tmp_path, **served)) as terminal:
        before = terminal.modes_before
        terminal.wait_for(ROW)
        terminal.signal(number_of(name))
        assert terminal.status() == 128 + number_of(name)
        check_put_back(terminal, before, tmp_path)
        assert b"Traceback" not in terminal.raw


def test_a_broken_pipe_elsewhere_does_not_end_it(tmp_path: Path, served: dict[str, str]) -> None:
    with PtyTerminal(APP, env=environment(tmp_path, **served)) as terminal:
        terminal.wait_for(ROW)
        terminal.signal(signal.SIGPIPE)
        terminal.send("?")
        terminal.wait_for("keys and filters")
        assert terminal.process.poll() is None


def test_what_was_told_to_ignore_a_hangup_goes_on_ignoring_it(tmp_path: Path, served: dict[str, str]) -> None:
    with PtyTerminal(
        ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh", *STARTED], env=environment(tmp_path, **served)
    ) as terminal:
        terminal.wait_for(ROW)
        terminal.signal(signal.SIGHUP)
        terminal.send("?")
        terminal.wait_for("keys and filters")
        terminal.signal(signal.SIGTERM)
        assert terminal.status() == 143


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1", *(["SIGINT", "SIGQUIT"] if THOROUGH else [])])
def test_a_terminal_that_is_not_read_is_put_back_all_the_same(
    name: str, tmp_path: Path, served: dict[str, str]
) -> None:
    with PtyTerminal(APP, env=environment(tmp_path, **served)) as terminal:
        before = terminal.modes_before
        terminal.wait_for(ROW)
        terminal.fill(REDRAWS)
        terminal.signal(number_of(name))
        assert terminal.process.wait(HANGS_S) == 128 + number_of(name)
        terminal.status()
        check_put_back(terminal, before, tmp_path)


@pytest.mark.parametrize("controlling", [True, False])
@pytest.mark.parametrize("unread", [True, False])
def test_it_ends_when_its_terminal_goes_away(
    unread: bool, controlling: bool, tmp_path: Path, served: dict[str, str]
) -> None:
    with PtyTerminal(APP, env=environment(tmp_path, **served), controlling=controlling) as terminal:
        terminal.wait_for(ROW)
        if unread:
            terminal.fill(REDRAWS)
        terminal.hang_up()
        assert terminal.process.wait(HANGS_S) == 129
        assert os.listdir(tmp_path / "tmp") == []


def typing(home: Path, served: dict[str, str], keys: str, typed: str) -> PtyTerminal:
    """The browser over the log, with a text that is being typed after these keys."""
    terminal = PtyTerminal(APP, env=environment(home, **served))
    terminal.wait_for(ROW)
    terminal.send(keys)
    terminal.wait_for("note on" if keys == ";" else "⏎ apply")
    terminal.send(typed)
    terminal.wait_for(typed)
    return terminal


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_note_that_is_being_typed_is_kept(name: str, tmp_path: Path, served: dict[str, str]) -> None:
    with typing(tmp_path, served, ";", "the way in") as terminal:
        terminal.signal(number_of(name))
        assert terminal.status() == 128 + number_of(name)
        assert b"The note that was being typed is kept, with the tag #unfinished." in terminal.raw
    with PtyTerminal(APP, env=environment(tmp_path, **served)) as terminal:
        terminal.wait_for("1 mark and 1 note from")
        terminal.send(";")
        terminal.wait_for("#unfinished the way in")


def test_a_note_that_is_being_typed_is_kept_when_the_terminal_goes_away(
    tmp_path: Path, served: dict[str, str]
) -> None:
    with typing(tmp_path, served, ";", "the way in") as terminal:
        terminal.hang_up()
        assert terminal.process.wait(HANGS_S) == 129
    with PtyTerminal(APP, env=environment(tmp_path, **served)) as terminal:
        terminal.wait_for("1 mark and 1 note from")


def test_a_filter_that_is_being_typed_is_in_the_history(tmp_path: Path, served: dict[str, str]) -> None:
    with typing(tmp_path, served, "/", "status:50") as terminal:
        terminal.signal(signal.SIGTERM)
        assert terminal.status() == 143
    with PtyTerminal(APP, env=environment(tmp_path, **served)) as terminal:
        terminal.wait_for(ROW)
        terminal.send("/")
        terminal.wait_for("⏎ apply")
        terminal.send("\x1b[A")
        terminal.wait_for("status:50")


def test_a_signal_before_the_screen_ends_it_as_any_program(tmp_path: Path, served: dict[str, str]) -> None:
    with PtyTerminal(STARTED, env=environment(tmp_path, **served)) as terminal:
        terminal.signal(signal.SIGTERM)
        assert terminal.status() == 143


@pytest.mark.parametrize("name", [*SIGNALS, "SIGXCPU"])
def test_a_command_whose_output_nobody_reads_ends_by_each_signal(
    name: str, tmp_path: Path, served: dict[str, str]
) -> None:
    number = number_of(name)
    with forked.start(
        [*APP, "list", "--format", "jsonl"],
        env=environment(tmp_path, **served),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        wait_until_full(process)
        process.send_signal(number)
        status = process.wait(HANGS_S)
        assert (status if status >= 0 else 128 - status) == 128 + number
        told = process.stderr.read()
        if name in ("SIGINT", "SIGTERM", "SIGHUP"):
            assert told.endswith(b"entries written; more may be missing.\n")
        else:
            assert told == b""
        assert os.listdir(tmp_path / "tmp") == []


LOADING = """
import runpy, sys
class Interrupted:
    def find_spec(self, name, *_):
        if name == "auditlog_tui.cli":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
runpy.run_module("auditlog_tui", run_name="__main__")
"""


def test_ctrl_c_while_it_loads_ends_it_quietly(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADING], env=environment(tmp_path), capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


RESOLVING = """
import socket, time
def hang(*_, **__):
    open("asked", "w").close()
    time.sleep(3_600)
socket.getaddrinfo = hang
"""


def test_it_quits_while_a_name_server_gives_no_answer(tmp_path: Path) -> None:
    env = environment(tmp_path, NIRVANA_LABS_API_KEY="any", NIRVANA_LABS_BASE_URL="https://log.example")
    with PtyTerminal(APP, env=env, cwd=tmp_path, patch=RESOLVING) as terminal:
        before = terminal.modes_before
        while not (tmp_path / "asked").exists():
            terminal.wait_for("log.example")
            time.sleep(0.05)
        terminal.send("\x11")
        assert terminal.status() == 0
        check_put_back(terminal, before, tmp_path)
