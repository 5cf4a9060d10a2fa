"""Two profiles on one endpoint, as programs: neither gets the key, a mark, the history or a filter of the other."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditlog_tui.demo import demo_log
from auditlog_tui.demo.server import Fault, Serving, serving
from tests.effort import HANGS_S
from tests.real import forked
from tests.real.children import wait_until_ended
from tests.real.forked import APP
from tests.real.pty_terminal import PtyTerminal, environment

ROW = r"\d\d:\d\d:\d\d +\w+\.\w+"
KEYS = {"one": "key-of-one-0123456789", "two": "key-of-two-0123456789"}
LEFT = "key-of-neither-0123456789"


@pytest.fixture
def server() -> Iterator[Serving]:
    with serving(demo_log(entries=500, until=datetime(2026, 11, 20, tzinfo=UTC))) as running:
        yield running


@pytest.fixture
def env(tmp_path: Path, server: Serving) -> dict[str, str]:
    """A user with two profiles, and with a key of neither in the environment."""
    folder = tmp_path / ".config" / "auditlog-tui"
    folder.mkdir(parents=True)
    key_file = tmp_path / "key"
    key_file.write_text(KEYS["two"])
    key_file.chmod(0o600)
    (folder / "config.toml").write_text(
        f'base_url = "{server.url}"\n'
        f"[profiles.one]\nkey_command = \"sh -c 'echo unlocking >&2; echo {KEYS['one']}'\"\n"
        f'[profiles.two]\nkey_file = "{key_file}"\n'
    )
    return environment(tmp_path, NIRVANA_LABS_API_KEY=LEFT)


def done(env: dict[str, str], *words: str) -> tuple[int, str, str]:
    found = forked.run([*forked.APP, *words], env=env, capture_output=True, timeout=HANGS_S, check=False)
    return found.returncode, found.stdout.decode(), found.stderr.decode()


def count(env: dict[str, str], query: str, profile: str) -> str:
    status, out, err = done(env, "count", query, "--profile", profile)
    assert status == 0, err
    return out.strip()


def keys_sent(server: Serving) -> set[str]:
    return {request.headers["Authorization"].removeprefix("Bearer ") for request in server.requests}


def test_nothing_of_one_profile_is_there_in_another(tmp_path: Path, server: Serving, env: dict[str, str]) -> None:
    with PtyTerminal([*APP, "--profile", "one"], env=env) as terminal:
        terminal.wait_for(ROW)
        terminal.wait_for(r"^ one 127\.0\.0\.1")
        assert b"unlocking" in terminal.raw
        terminal.send("m")
        terminal.wait_for("⚑ 1")
        terminal.send("/status:403\r")
        terminal.wait_for(r"^ / status:403")
        terminal.wait_for("COMPLETE")
        terminal.send(":save this")
        terminal.wait_for("Save this filter")
        terminal.send("\r")
        terminal.wait_for("name for this filter")
        terminal.send("refused\r")
        terminal.wait_for("Saved: @refused")
        terminal.send("\x11")
        assert terminal.status() == 0
        assert KEYS["one"].encode() not in terminal.raw
    assert keys_sent(server) == {KEYS["one"]}
    config = tomllib.loads((tmp_path / ".config" / "auditlog-tui" / "config.toml").read_text())
    assert config["profiles"]["one"]["views"] == {"refused": "status:403"}
    assert "views" not in config

    server.requests.clear()
    with PtyTerminal([*APP, "--profile", "two"], env=env) as terminal:
        terminal.wait_for(ROW)
        terminal.wait_for(r"^ two 127\.0\.0\.1")
        terminal.send("/\x1b[A")
        terminal.settle()
        assert "status:403" not in terminal.screen()
        terminal.send("@refused\r")
        terminal.wait_for("There is no saved filter @refused", 20)
        terminal.send("\x11")
        assert terminal.status() == 0
    assert keys_sent(server) == {KEYS["two"]}

    assert [count(env, "marked:yes", name) for name in ("one", "two", "")] == ["1", "0", "0"]
    assert done(env, "count", "@refused", "--profile", "one")[0] == 0
    for other in ("two", ""):
        status, _, said = done(env, "count", "@refused", "--profile", other)
        assert (status, "There is no saved filter @refused" in said) == (2, True)
    state = tmp_path / ".local" / "state" / "auditlog-tui"
    assert (state / "history-one").read_text() == "status:403\n"
    assert not (state / "history").exists()
    assert len(list(state.glob("marks-*.sqlite3"))) == 1


def test_what_was_marked_before_there_were_profiles_stays_without_one(env: dict[str, str]) -> None:
    with PtyTerminal(APP, env=env) as terminal:
        terminal.wait_for(ROW)
        terminal.send("m")
        terminal.wait_for("⚑ 1")
        terminal.send("\x11")
        assert terminal.status() == 0
    assert [count(env, "marked:yes", name) for name in ("", "one", "two")] == ["1", "0", "0"]


def test_a_refused_key_names_its_profile(server: Serving, env: dict[str, str]) -> None:
    server.faults.append(Fault(status=401))
    status, out, said = done(env, "count", "--profile", "two")
    assert (status, out) == (3, "")
    assert said.startswith("Profile two: ")
    assert not any(key in said for key in (*KEYS.values(), LEFT))


def test_a_key_command_that_fails_is_told_with_its_own_words(tmp_path: Path, env: dict[str, str]) -> None:
    config = tmp_path / ".config" / "auditlog-tui" / "config.toml"
    config.write_text(f"[profiles.one]\nkey_command = \"sh -c 'echo locked >&2; echo {KEYS['one']}; exit 4'\"\n")
    status, out, said = done(env, "count", "--profile", "one")
    assert (status, out) == (2, "")
    assert said == f"locked\n{config}: profiles.one.key_command: sh failed with exit status 4.\n"


def test_ctrl_c_ends_a_key_command_that_waits(tmp_path: Path, env: dict[str, str]) -> None:
    pid = tmp_path / "pid"
    config = tmp_path / ".config" / "auditlog-tui" / "config.toml"
    config.write_text(f"[profiles.one]\nkey_command = \"sh -c 'echo $$ >{pid}; echo waiting >&2; exec sleep 600'\"\n")
    with PtyTerminal([*APP, "count", "--profile", "one"], env=env) as terminal:
        terminal.wait_for("waiting")
        terminal.send("\x03")
        assert terminal.status() == 130
        assert b"Traceback" not in terminal.raw
    wait_until_ended(int(pid.read_text()))


def test_a_key_command_can_ask_in_the_terminal(server: Serving, env: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / ".config" / "auditlog-tui" / "config.toml"
    ask = "printf PIN: >/dev/tty; read pin </dev/tty; echo key-of-$pin"
    config.write_text(f'base_url = "{server.url}"\n[profiles.one]\nkey_command = "sh -c \'{ask}\'"\n')
    with PtyTerminal([*APP, "--profile", "one"], env=env) as terminal:
        terminal.wait_for("PIN:")
        terminal.send("0123456789\r")
        terminal.wait_for(ROW)
        terminal.send("\x11")
        assert terminal.status() == 0
    assert keys_sent(server) == {"key-of-0123456789"}


def test_an_unknown_profile_is_refused_before_anything_is_drawn_or_sent(server: Serving, env: dict[str, str]) -> None:
    with PtyTerminal([*APP, "--profile", "three"], env=env, size=(300, 10)) as terminal:
        assert terminal.status() == 2
        assert b"\x1b" not in terminal.raw
        assert b"There is no profile 'three'" in terminal.raw
        assert b"has one, two." in terminal.raw
    assert server.requests == []
