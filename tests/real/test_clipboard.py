"""Copying with a real tmux, whose default configuration makes copying difficult."""

import asyncio
import base64
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auditlog_tui.output import clipboard
from auditlog_tui.output.clipboard import TERMINAL, TMUX, Copied, copy, osc52_sequence
from tests.effort import HANGS_S
from tests.real.pty_terminal import PtyTerminal

PANE = "while read -r line; do printf '%s:printed' \"$line\"; done"
UNCONFIRMED = "to the tmux buffer, and to the terminal's clipboard if it accepts that"


class Tmux:
    """A private tmux server with one session."""

    def __init__(self, directory: Path) -> None:
        program = shutil.which("tmux")
        if program is None:
            pytest.skip("tmux is not installed, so copying into it was not tested")
        self.command = [program, "-L", "auditlog", "-f", os.devnull]
        kept = {name: value for name, value in os.environ.items() if name not in ("TMUX", "TMUX_PANE")}
        self.environ = {**kept, "TMUX_TMPDIR": str(directory), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        self.run("new-session", "-d", "-s", "test", "-x", "80", "-y", "24", "sh", "-c", PANE)

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self.command, *arguments], env=self.environ, capture_output=True, check=True, timeout=HANGS_S
        )
        return done.stdout.decode()

    async def copy(self, text: str, write_escape: Callable[[str], object] | None = None) -> Copied:
        inside = self.run("display-message", "-p", "-t", "test", "#{socket_path},#{pid},0 #{pane_id}").split()
        environ = {**self.environ, "TMUX": inside[0], "TMUX_PANE": inside[1]}
        return await copy(text, environ=environ, write_escape=write_escape or refuse)


def refuse(sequence: str) -> None:
    raise AssertionError("the terminal was sent the text")


@pytest.fixture
def tmux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tmux]:
    monkeypatch.setattr(clipboard, "LIMIT_S", 60.0)
    server = Tmux(tmp_path)
    yield server
    server.run("kill-server")


@pytest.mark.parametrize("setting", ["external", "on", "off"])
async def test_the_text_is_in_the_buffer_whatever_the_setting(tmux: Tmux, setting: str) -> None:
    tmux.run("set-option", "-s", "set-clipboard", setting)
    assert await tmux.copy("vm_123\n漢字\n") == Copied("tmux", TMUX, UNCONFIRMED, unconfirmed=TERMINAL)
    assert tmux.run("show-buffer") == "vm_123\n漢字\n"


async def test_a_megabyte_is_in_the_buffer(tmux: Tmux) -> None:
    text = "".join(f"line {number}\n" for number in range(100_000))
    assert len(text) > 1_000_000
    assert (await tmux.copy(text)).route == "tmux"
    assert tmux.run("show-buffer") == text


async def test_what_is_in_the_buffer_is_nothing_that_a_terminal_obeys(tmux: Tmux) -> None:
    await tmux.copy("\x1b]0;title\x07rm -rf x\r\ud800")
    assert tmux.run("show-buffer") == "␛]0;title␇rm -rf x␍⟨U+D800⟩"


async def test_a_server_that_is_gone_is_passed_over(tmux: Tmux, tmp_path: Path) -> None:
    sent: list[str] = []
    environ = {**tmux.environ, "TMUX": f"{tmp_path}/no-such-socket,1,0"}
    assert (await copy("text", environ=environ, write_escape=sent.append)).route != "tmux"


async def test_the_terminal_around_tmux_gets_the_text_as_well(tmux: Tmux) -> None:
    command = [*tmux.command, "attach-session", "-t", "test"]
    with PtyTerminal(command, env=tmux.environ) as terminal:
        await asyncio.to_thread(terminal.wait_raw, b"test")
        assert b"]52;" not in terminal.raw
        await tmux.copy("for the terminal")
        await asyncio.to_thread(terminal.wait_raw, base64.b64encode(b"for the terminal"))
        assert b"\x1b]52;" in terminal.raw
        tmux.run("detach-client", "-s", "test")
        assert await asyncio.to_thread(terminal.status) == 0


async def test_a_tmux_without_the_flag_has_the_text_and_lets_it_through(tmux: Tmux, tmp_path: Path) -> None:
    """The real tmux behind a wrapper that refuses `-w` and passes sequences through, as tmux did before 3.2."""
    programs, sent = tmp_path / "programs", tmp_path / "sent"
    programs.mkdir()
    (programs / "tmux").write_text(f'#!/bin/sh\n[ "$2" != -w ] || exit 1\nexec {tmux.command[0]} "$@"\n')
    (programs / "tmux").chmod(0o700)
    tmux.environ["PATH"] = f"{programs}:{tmux.environ['PATH']}"
    tmux.run("set-option", "-g", "allow-passthrough", "on")
    with PtyTerminal([*tmux.command, "attach-session", "-t", "test"], env=tmux.environ) as outside:
        await asyncio.to_thread(outside.wait_raw, b"test")
        copied = await tmux.copy("for the terminal", sent.write_text)
        assert copied == Copied(
            "tmux", TMUX, "to the tmux buffer, and sent to the terminal (unconfirmed)", unconfirmed=TERMINAL
        )
        assert tmux.run("show-buffer") == "for the terminal"
        assert b"]52;" not in outside.raw
        tmux.run("new-window", f"cat {sent}; sleep 60")
        await asyncio.to_thread(outside.wait_raw, osc52_sequence("for the terminal").encode())
        tmux.run("detach-client", "-s", "test")
        assert await asyncio.to_thread(outside.status) == 0


@pytest.mark.parametrize("size", [4, 700, 20_000])
async def test_the_terminal_around_gnu_screen_gets_the_text(tmp_path: Path, size: int) -> None:
    program = shutil.which("screen")
    if program is None:
        pytest.skip("GNU screen is not installed, so copying in it was not tested")
    sent, sockets = tmp_path / "sent", tmp_path / "sockets"
    sockets.mkdir(mode=0o700)
    kept = {name: value for name, value in os.environ.items() if name not in ("TMUX", "STY", "DISPLAY")}
    environ = {**kept, "SCREENDIR": str(sockets), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    text = "".join(chr(97 + number % 26) for number in range(size))
    assert (await copy(text, environ={**environ, "STY": "1.x"}, write_escape=sent.write_text)).route == "osc52"
    command = [program, "-c", os.devnull, "-S", "test", "sh", "-c", f"cat {sent}; read -r line"]
    with PtyTerminal(command, env=environ) as outside:
        await asyncio.to_thread(outside.wait_raw, osc52_sequence(text).encode())
        await asyncio.to_thread(subprocess.run, [program, "-S", "test", "-X", "quit"], env=environ, timeout=HANGS_S)
        await asyncio.to_thread(outside.status)


@pytest.mark.parametrize(("setting", "buffers"), [("external", ["kept"]), ("on", ["kept", "sent"])])
async def test_what_is_sent_by_osc_52_is_lost_in_tmux_as_it_is_by_default(
    tmux: Tmux, setting: str, buffers: list[str]
) -> None:
    """The reason for running tmux itself."""
    tmux.run("set-option", "-s", "set-clipboard", setting)
    tmux.run("send-keys", "-t", "test", "-l", osc52_sequence("sent"))
    tmux.run("send-keys", "-t", "test", "Enter")
    async with asyncio.timeout(60):
        while ":printed" not in await asyncio.to_thread(tmux.run, "capture-pane", "-p", "-t", "test"):
            pass
    await tmux.copy("kept")
    assert tmux.run("list-buffers", "-F", "#{buffer_sample}").splitlines() == buffers
