"""The main workflow in a process that can reach only this machine: which connections it opens, and that it tries no
others.
"""

import re
from pathlib import Path

from auditlog_tui.demo import demo_log
from auditlog_tui.demo.server import serving
from tests.real.forked import APP, STARTED
from tests.real.pty_terminal import PtyTerminal, environment

KEY = "nirvana-key-0123456789"
ROW = r"\d\d:\d\d:\d\d +\w+\.\w+"

# Python calls this hook before every operation of its sockets, whichever library makes it.
GUARD = """
import os, socket, sys

def guard(event, arguments):
    if not event.startswith("socket.") or (event == "socket.__new__" and arguments[1] == socket.AF_UNIX):
        return  # asyncio wakes itself by a pair of Unix sockets
    address = arguments[1] if event in ("socket.connect", "socket.sendto", "socket.bind") else arguments
    with open(os.environ["SOCKETS"], "a") as log:
        log.write(f"{event} {address!r}\\n")
    host = address[0] if isinstance(address, tuple) else address
    if event != "socket.__new__" and host not in ("127.0.0.1", "::1"):
        raise ConnectionRefusedError(f"blocked: {event}")

sys.addaudithook(guard)
"""


def guarded(home: Path, **more: str) -> dict[str, str]:
    """For a program that is started with `GUARD` as its patch."""
    return environment(home, SOCKETS=str(home / "sockets"), SSH_CONNECTION="192.0.2.1 50000 192.0.2.2 22", **more)


def sockets(home: Path) -> list[str]:
    log = home / "sockets"
    return log.read_text().splitlines() if log.exists() else []


def do_the_main_job(terminal: PtyTerminal) -> None:
    terminal.wait_for(ROW)
    terminal.send("\x1b[B" * 150)
    terminal.wait_for(r"[2-9]00 of 20,000 loaded")
    terminal.send("/")
    terminal.wait_for("⏎ apply")
    terminal.send("status:>=400 actor.type:api_key\r")
    terminal.wait_for(r"\A(?!.*20,000).*(?:loaded|COMPLETE).*\n ?/ status:>=400 actor\.type:api_key(?:.*\n)+▌.*[✗!]")
    terminal.send("\r")
    terminal.wait_for("full record")
    terminal.send("c")
    terminal.wait_for("Copied |Sent ")
    terminal.send("\x11")
    assert terminal.status() == 0


def test_the_demo_opens_no_socket(tmp_path: Path) -> None:
    """Nor while it imports its libraries."""
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD)
    env = guarded(tmp_path)
    env["PYTHONPATH"] = f"{tmp_path / 'guard'}:{env['PYTHONPATH']}"
    with PtyTerminal([*STARTED, "--demo"], env=env) as terminal:
        do_the_main_job(terminal)
    assert sockets(tmp_path) == []


def test_over_http_it_talks_to_its_server_alone(tmp_path: Path) -> None:
    with serving(demo_log(), api_key=KEY) as server:
        port = int(server.url.rpartition(":")[2])
        env = guarded(tmp_path, NIRVANA_LABS_API_KEY=KEY, NIRVANA_LABS_BASE_URL=server.url)
        with PtyTerminal(APP, env=env, patch=GUARD) as terminal:
            do_the_main_job(terminal)
    connected = [line for line in sockets(tmp_path) if line.startswith("socket.connect ")]
    assert connected
    assert set(connected) == {f"socket.connect ('127.0.0.1', {port})"}
    assert not [line for line in sockets(tmp_path) if re.match(r"socket\.(bind|sendto)", line)]


def test_what_is_blocked_is_blocked(tmp_path: Path) -> None:
    env = guarded(tmp_path, NIRVANA_LABS_API_KEY=KEY, NIRVANA_LABS_BASE_URL="https://192.0.2.1:9")
    with PtyTerminal(APP, env=env, patch=GUARD) as terminal:
        terminal.wait_for(r"trying again in|reach")
        terminal.send("\x11")
        assert terminal.status() == 0
    assert any("192.0.2.1" in line for line in sockets(tmp_path))


def test_a_proxy_of_the_environment_is_not_asked(tmp_path: Path) -> None:
    proxy = "http://192.0.2.1:3128"
    with serving(demo_log(entries=500)) as server:
        env = guarded(
            tmp_path, NIRVANA_LABS_API_KEY=KEY, NIRVANA_LABS_BASE_URL=server.url, HTTP_PROXY=proxy,
            HTTPS_PROXY=proxy, ALL_PROXY=proxy, http_proxy=proxy,
        )  # fmt: skip
        with PtyTerminal(APP, env=env, patch=GUARD) as terminal:
            terminal.wait_for(ROW)
            terminal.send("q")
            assert terminal.status() == 0
    assert not [line for line in sockets(tmp_path) if "192.0.2.1" in line]
