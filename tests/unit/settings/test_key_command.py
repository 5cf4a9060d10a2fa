"""A key that another program writes."""

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditlog_tui.entries.contract import KEY_VARIABLE
from auditlog_tui.errors import SettingsError
from auditlog_tui.settings import key_command
from auditlog_tui.settings.connection import HEADERS_VARIABLE
from auditlog_tui.settings.key_command import LIMIT, TOLD_LIMIT, read_key
from auditlog_tui.settings.options import load
from tests.effort import HANGS_S

KEY = "nirvana-key-0123456789"
SECRET = (KEY_VARIABLE, HEADERS_VARIABLE)


def python(code: str) -> str:
    return shlex.join([sys.executable, "-c", code])


def key_by(code: str, wait_s: float = 60.0, **environ: str) -> str:
    return read_key(python(code), {**os.environ, **environ}, SECRET, wait_s)


def refusal(command: str, wait_s: float = 60.0) -> str:
    with pytest.raises(SettingsError) as caught:
        read_key(command, os.environ, SECRET, wait_s)
    assert KEY not in str(caught.value)
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_what_it_writes_is_the_key() -> None:
    key = load({"key_command": f"printf '%s\\n' {KEY}"}, os.environ, {}, demo=False).key
    assert key is not None
    assert key.reveal() == KEY


def test_no_shell_reads_it_unless_one_is_named(tmp_path: Path) -> None:
    file = tmp_path / "made"
    assert read_key(f"echo $HOME ; touch {file} | x", os.environ, ()) == f"$HOME ; touch {file} | x\n"
    assert not file.exists()
    assert read_key("sh -c 'echo one | tr o O'", os.environ, ()) == "One\n"


def test_the_home_folder_of_the_program_may_be_abbreviated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key").write_text(f"#!/bin/sh\necho {KEY}\n")
    (tmp_path / "key").chmod(0o700)
    assert read_key("~/key", os.environ, ()) == f"{KEY}\n"


def test_it_gets_no_secret_of_ours_and_everything_else() -> None:
    found = key_by(
        "import os; print(sorted(os.environ.items()))", NIRVANA_LABS_API_KEY=KEY, COPY_OF_IT=f"Bearer {KEY}",
        NIRVANA_LABS_CUSTOM_HEADERS="X-Gateway: gateway-secret", OP_SESSION="theirs",
    )  # fmt: skip
    assert "theirs" in found
    assert "PATH" in found
    for secret in (KEY, "gateway-secret", KEY_VARIABLE, HEADERS_VARIABLE, "COPY_OF_IT"):
        assert secret not in found


@pytest.mark.parametrize("command", ["", " ", "'open", "\0"])
def test_what_is_no_command_is_refused(command: str) -> None:
    refusal(command)


def test_a_program_that_cannot_be_started_is_named_without_its_arguments() -> None:
    assert refusal(f"/no/such/program {KEY}") == "/no/such/program can't be started: No such file or directory."


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("sys.exit(3)", "failed with exit status 3."),
        ("os.kill(os.getpid(), 15)", "was ended by SIGTERM."),
    ],
)
def test_a_failure_is_told_without_what_it_wrote(end: str, said: str) -> None:
    assert refusal(python(f"import os, sys; print({KEY!r}, flush=True); {end}")).endswith(said)


def test_what_it_writes_that_is_no_key_is_not_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"key_command": f"printf '%s\\n' {KEY} {KEY}"}, os.environ, {}, demo=False)
    assert str(caught.value).startswith("--key-command: Its output holds no API key")
    assert KEY not in str(caught.value)


def test_it_is_ended_if_it_does_not_end() -> None:
    began = time.monotonic()
    assert "did not end within 0.2 s" in refusal(python("import time; time.sleep(600)"), 0.2)
    assert time.monotonic() - began < 300  # it was not waited for


def test_it_is_ended_if_it_writes_without_end() -> None:
    assert f"more than {LIMIT:,} bytes" in refusal("yes")


def test_a_process_that_it_leaves_behind_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_command, "_LAST_S", 0.05)
    pid = tmp_path / "pid"
    try:
        assert read_key(f"sh -c 'sleep 600 & echo $! >{pid}; echo {KEY}'", os.environ, (), 300).strip() == KEY
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)


def test_its_standard_error_is_passed_on_without_control_characters(capfd: pytest.CaptureFixture[str]) -> None:
    code = r"import os, sys; os.write(2, b'Touch the key\r\n\x1b]0;x\x07 \xff \xe2\x80\xaefin'); print('k')"
    assert key_by(code) == "k\n"
    said = capfd.readouterr().err
    assert said.startswith("Touch the key\n")
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert said.endswith("fin")


def test_a_question_is_passed_on_before_the_answer(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It ends once what it asked on standard error, without a line break, has come through."""
    file = tmp_path / "err"
    code = (
        "import sys, time\nsys.stderr.write('PIN? '); sys.stderr.flush()\n"
        f"while 'PIN?' not in open({str(file)!r}).read(): time.sleep(0.01)\nprint('k')"
    )
    with file.open("w") as err, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", err)
        assert key_by(code) == "k\n"


def test_no_more_than_a_screenful_of_its_standard_error_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    assert key_by(f"import sys; sys.stderr.write('x' * {10 * TOLD_LIMIT}); print('k')") == "k\n"
    assert len(capfd.readouterr().err) == TOLD_LIMIT


def test_it_can_not_read_the_log_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.write(write, b"an entry")
    os.close(write)
    with os.fdopen(read) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert key_by("import sys; print('k' + sys.stdin.read())") == "k\n"


def interrupted_in(place: object, name: str, interrupt: Callable[..., int], patched: pytest.MonkeyPatch) -> int:
    """Raise `KeyboardInterrupt` in place of a function; returns the exit status of the program that was started."""
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen.__init__

    def noted(process: subprocess.Popen[bytes], *args: Any, **options: Any) -> None:
        started.append(process)
        start(process, *args, **options)

    def read() -> None:
        with pytest.raises(KeyboardInterrupt):
            read_key("sleep 600", os.environ, ())

    patched.setattr(subprocess.Popen, "__init__", noted)
    patched.setattr(place, name, interrupt)
    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    reading.join(HANGS_S)
    assert not reading.is_alive()
    patched.undo()
    lock = started[0]._waitpid_lock  # type: ignore[attr-defined]  # what the interrupted wait has left
    if lock.locked():
        lock.release()
    with started[0] as process:  # closes its pipes
        return process.wait(HANGS_S)


def test_ctrl_c_before_it_is_waited_for_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> int:
        raise KeyboardInterrupt

    assert interrupted_in(key_command, "_reading", interrupt, monkeypatch) == -signal.SIGKILL


def test_ctrl_c_just_when_it_is_waited_for_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    wait = subprocess.Popen.wait

    def interrupt(process: Any, timeout: float | None = None) -> int:
        if process._waitpid_lock.acquire(False) and timeout == key_command.WAIT_S:
            raise KeyboardInterrupt  # before `Popen` comes to release it
        return wait(process, timeout)

    assert interrupted_in(subprocess.Popen, "wait", interrupt, monkeypatch) == -signal.SIGKILL
