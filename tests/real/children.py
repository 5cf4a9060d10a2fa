"""Starting programs as a person's shell would."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import termios
import time

from tests.effort import HANGS_S

# What is started in the background of a shell, or by nohup, inherits that it ignores signals. A program that becomes
# the other one can put that right; a function for `preexec_fn` would fork a process with threads, which Python warns
# of. It puts right as well what `subprocess` does of what Python itself ignores.
INTERRUPTIBLE = (
    sys.executable, "-I", "-S", "-c",
    "import os, signal as s, sys;"
    " [s.signal(each, s.SIG_DFL) for each in (s.SIGINT, s.SIGQUIT, s.SIGHUP, s.SIGPIPE, s.SIGXFSZ)];"
    " os.execvp(sys.argv[1], sys.argv[1:])",
)  # fmt: skip
"""What to put before a command that Ctrl+C is to end."""

PIPE = 65_536
"""Bytes that fit into a pipe."""


def wait_until_full(process: subprocess.Popen[bytes]) -> None:
    """Wait until a program can't write on, because nobody reads its output."""
    assert process.stdout is not None
    while int.from_bytes(fcntl.ioctl(process.stdout, termios.FIONREAD, b"\0" * 4), sys.byteorder) < PIPE - 4_096:
        assert process.poll() is None
        time.sleep(0.01)  # nothing signals that a pipe is full


def wait_until_ended(process_id: int) -> None:
    """Wait for the end of a process that is none of ours; one that nobody collects has ended too."""
    deadline, state = time.monotonic() + HANGS_S, "?"
    while state and not state.startswith("Z"):
        assert time.monotonic() < deadline, f"{process_id} runs: {state}"
        told = subprocess.run(
            ["ps", "-o", "stat=", "-p", str(process_id)], capture_output=True, text=True, check=False
        )
        state = told.stdout.strip()
