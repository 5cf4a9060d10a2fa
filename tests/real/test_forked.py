"""A forked program is as one that was started."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.real import forked
from tests.real.children import PIPE
from tests.real.forked import APP, STARTED, run, start
from tests.real.pty_terminal import PtyTerminal, environment
from tests.real.test_pty import ROW

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing is forked elsewhere")


def state_of(process: Path) -> dict[str, Any]:
    """What a process has from its start."""
    status = (process / "status").read_text()
    files = {int(each.name): str(each.readlink()) for each in (process / "fd").iterdir()}
    return {
        "signals": re.findall(r"^Sig(?:Blk|Ign|Cgt):\s*(\w+)", status, re.MULTILINE),
        "folder": (process / "cwd").readlink(),
        "streams": [re.sub(r"pts/\d+", "pts", files[number]) for number in range(3)],
    }


def sockets_of(process: int) -> set[str]:
    links = [str(each.readlink()) for each in Path(f"/proc/{process}/fd").iterdir()]
    return {each for each in links if each.startswith(("socket", "pipe"))}


def test_it_has_the_streams_signals_folders_and_terminal_of_a_start(tmp_path: Path, served: dict[str, str]) -> None:
    env, found = environment(tmp_path, **served), []
    for command in (APP, STARTED):
        with PtyTerminal(command, env=env, cwd=tmp_path) as terminal:
            terminal.wait_for(ROW)
            terminal.send("A")
            terminal.wait_for("3,000  COMPLETE")
            found.append(state_of(Path(f"/proc/{terminal.process.pid}")))
            assert not sockets_of(terminal.process.pid) & sockets_of(forked._sources[0]._process.pid)
            assert os.getsid(terminal.process.pid) == terminal.process.pid
            terminal.send("\x11")
            assert terminal.status() == 0
            assert os.listdir(tmp_path / "tmp") == []
    assert found[0] == found[1]


def test_how_it_ends_and_what_it_writes_is_told_as_of_a_start(tmp_path: Path, served: dict[str, str]) -> None:
    env = environment(tmp_path, **served)
    for words in (["count"], ["list", "--format", "jsonl"], ["opne"], ["list", "--nope"]):
        one, other = (
            run([*command, *words], env=env, cwd=tmp_path, capture_output=True) for command in (APP, STARTED)
        )
        assert one.returncode == other.returncode
        assert (one.stdout, one.stderr) == (other.stdout, other.stderr)
    with start([*APP, "list", "--format", "jsonl"], env=env, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert len(process.stdout.read(PIPE)) == PIPE
        process.kill()
        assert process.wait() == -signal.SIGKILL


def test_a_patch_is_run_before_its_first_line(tmp_path: Path) -> None:
    for env in (environment(tmp_path), environment(tmp_path, PYTHONUTF8="0")):  # forked, and started
        done = run([*APP, "paths"], env=env, patch="print('patched')", capture_output=True, check=True)
        assert b"patched\n" in done.stdout


def test_what_python_reads_before_its_first_line_is_read(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.exit('customized')")
    found = run([*APP, "paths"], env=environment(tmp_path, PYTHONPATH=str(tmp_path)), capture_output=True)
    assert b"customized" in found.stderr
