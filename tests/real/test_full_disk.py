"""The app with its temporary files on a disk that is really full."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from auditlog_tui.evidence.verify import verify
from tests.real.forked import APP
from tests.real.pty_terminal import PtyTerminal, environment

LONG_S = 180.0
"""Seconds to wait for loading all; on a busy machine it takes a while."""

ESC = "\x1b"
KEYS = (
    "jjk", "G", "g", "mmm", "y", "j", "u", "\x06api\r", "n", ESC, "s", ESC, "i", ESC, "p", ESC, "M", "[", "x", "D",
    ESC, "\r", ESC, ESC, ESC,
)  # fmt: skip
"""Each key either uses the store that can't write, or closes what the one before opened."""

FULL = "working set can't be read or written"


def test_loading_all_on_a_full_disk_keeps_the_rows_and_goes_on_when_there_is_room(
    small_disk: Path, tmp_path: Path
) -> None:
    env = environment(tmp_path, SQLITE_TMPDIR=str(small_disk))
    with PtyTerminal([*APP, "--demo"], env=env) as terminal:
        terminal.wait_for(r"100 of 20,000 loaded")
        terminal.send("A")
        terminal.wait_for(FULL, LONG_S)
        assert "COMPLETE" not in terminal.screen()
        for keys in KEYS:
            terminal.send(keys)
            terminal.settle()
            assert terminal.process.poll() is None, keys
        subprocess.run(["mount", "-o", "remount,size=400m", small_disk], check=True)
        terminal.send("\x1b\x1b\x1b")
        terminal.settle()
        terminal.send("r")
        terminal.settle(1.0)
        terminal.send("A")
        terminal.wait_for(r"20,000  COMPLETE", LONG_S)
        terminal.send("q")
        assert terminal.status() == 0


def show_end(terminal: PtyTerminal, end: str) -> None:
    """Wait for the end of an export, and for its dialog, which `e` opens where it took long."""
    terminal.wait_for(f"e shows more|{end}", LONG_S)
    if "e shows more" in terminal.screen():
        terminal.send("e")
        terminal.settle()
        terminal.wait_for(end)


def test_an_export_on_a_full_disk_is_told_at_the_path_and_goes_on_when_there_is_room(
    small_disk: Path, tmp_path: Path, served: dict[str, str]
) -> None:
    with PtyTerminal(APP, env=environment(tmp_path, **served), cwd=small_disk) as terminal:
        terminal.wait_for(r"100 of 3,000 loaded")
        terminal.send("e")
        terminal.wait_for("all that match")
        terminal.send("\t\t\x15a.zip\r")
        show_end(terminal, r"a\.zip\.part can't be written: No space left on device")
        assert sorted(os.listdir(small_disk)) == ["a.zip.part", "a.zip.part.state"]
        subprocess.run(["mount", "-o", "remount,size=400m", small_disk], check=True)
        terminal.send("\r")
        terminal.wait_for("An export to this file was broken off")
        terminal.send("\r")
        show_end(terminal, "exported: COMPLETE")
        assert sorted(os.listdir(small_disk)) == ["a.zip"]
        terminal.send("\x1b")
        terminal.settle()
        (small_disk / "fill").write_bytes(b"")
        subprocess.run(["dd", "if=/dev/zero", f"of={small_disk}/fill", "bs=1M"], capture_output=True, check=False)
        terminal.send("e")
        terminal.wait_for("all that match")
        terminal.send("\t\t\x15b.csv\r")
        show_end(terminal, r"b\.csv\.part can't be written: No space left on device")
        assert sorted(os.listdir(small_disk)) == ["a.zip", "fill"]
        terminal.send("\x1b")
        terminal.settle()
        terminal.send("q")
        assert terminal.status() == 0
    assert not verify(small_disk / "a.zip").findings
