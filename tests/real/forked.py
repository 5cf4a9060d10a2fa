"""The program, forked from a process that has imported it: most of a start's time goes into imports.

For tests of what it does once it has begun. Those of starting itself, of what is read before its first line, or of
the time that a start takes have `STARTED`.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import fcntl
import gc
import inspect
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any

from tests.real.children import INTERRUPTIBLE

STARTED = (sys.executable, "-m", "auditlog_tui")
APP = ("forked auditlog-tui",) if sys.platform == "linux" else STARTED
"""What a command begins with that is for `start`, `run` or `PtyTerminal`."""

_ROOT = str(Path(__file__).parents[2])
_ENVIRONMENT = {"LANG": "C.UTF-8", "PYTHONPATH": _ROOT}
_BEFORE_IT = ("PYTHON", "TEXTUAL", "LANG", "LC_", "TERM_PROGRAM", "ESCDELAY", "COVERAGE", "LD_")
"""Variables that are read before the program's first line, or once, when a module is imported."""

_RUN = "import runpy; runpy.run_module('auditlog_tui', run_name='__main__', alter_sys=True)"

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
_REQUEST = 1 << 17
"""Bytes that the longest request may have."""


def start(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    before: Sequence[str] = INTERRUPTIBLE,
    controlling: bool = False,
    patch: str = "",
    **options: Any,
) -> subprocess.Popen[Any]:
    """As `subprocess.Popen`, of a program in which signals have their defaults.

    It is forked if the command begins with `APP` and nothing in `env` makes it another program before its first line.
    If not, it is what `before` starts. `controlling` makes standard input its controlling terminal, if it is forked.
    `patch` is Python that a program of `APP` runs before its first line.
    """
    if command[0] != APP[0] or APP == STARTED:
        return subprocess.Popen([*before, *command], env=env, **options)
    words = command[len(APP) :]
    other = {name: value for name, value in env.items() if name.startswith(_BEFORE_IT)}
    if other.items() <= _ENVIRONMENT.items() and _sqlite() is not None:
        return _Forked([*STARTED, *words], env=env, controlling=controlling, patch=patch, **options)
    started = (sys.executable, "-c", f"{patch}\n{_RUN}") if patch else STARTED
    return subprocess.Popen([*before, *started, *words], env=env, **options)


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    input: bytes | None = None,  # noqa: A002  # as subprocess.run
    capture_output: bool = False,
    timeout: float | None = None,
    check: bool = False,
    **options: Any,
) -> subprocess.CompletedProcess[Any]:
    """As `subprocess.run`, of what `start` starts."""
    if capture_output:
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if input is not None:
        options["stdin"] = subprocess.PIPE
    with start(command, env=env, **options) as process:
        try:
            out, err = process.communicate(input, timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(process.args, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done


class _Forked(subprocess.Popen[Any]):
    def __init__(self, command: Sequence[str], *, controlling: bool, patch: str, **options: Any) -> None:
        self._controlling, self._patch = controlling, patch
        super().__init__(command, **options)

    def _execute_child(self, *given: Any) -> None:
        how = inspect.signature(subprocess.Popen._execute_child).bind(self, *given).arguments  # type: ignore[attr-defined]  # private
        pipes = [how[name] for name in ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")]
        streams = [own if pipe < 0 else pipe for own, pipe in enumerate((pipes[0], pipes[3], pipes[5]))]
        request = {
            "words": how["args"][len(STARTED) :],
            "env": dict(how["env"]),
            "cwd": os.fspath(how["cwd"] or Path.cwd()),
            "session": how["start_new_session"],
            "controlling": self._controlling,
            "patch": self._patch,
        }
        if not _sources:
            _sources.append(_Source())
        self.pid = _sources[0].fork(request, streams)
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]  # private


class _Source:
    """The process that has imported the program, and does nothing but fork."""

    def __init__(self) -> None:
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = Lock()
        self._set = ctypes.CDLL(None).prctl
        with other:
            self._process = subprocess.Popen(
                [*INTERRUPTIBLE, sys.executable, "-m", "tests.real.forked", str(other.fileno())],
                env={"PATH": os.environ["PATH"], **_ENVIRONMENT}, stdin=subprocess.DEVNULL,
                pass_fds=[other.fileno()], cwd=_ROOT,
            )  # fmt: skip

    def fork(self, request: dict[str, Any], streams: list[int]) -> int:
        """Start the program, as a child of this process; returns its ID."""
        with self._lock:
            self._set(_SUBREAPER, 1)  # it inherits the program from the process in between, which ends
            try:
                socket.send_fds(self._socket, [json.dumps(request).encode()], streams)
                told = self._socket.recv(_REQUEST)
            finally:
                self._set(_SUBREAPER, 0)
        assert told, "the process that forks programs has ended"
        return int(told)

    def close(self) -> None:
        self._socket.close()
        self._process.wait()


_sources: list[_Source] = []


def close() -> None:
    """End the process that forks, if there is one."""
    while _sources:
        _sources.pop().close()


def _sqlite() -> ctypes.CDLL | None:
    """SQLite, which reads the environment once, where it can be told to do so again."""
    library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
    return library if hasattr(library, "sqlite3_shutdown") else None


# -- in the process that forks -------------------------------------------------------------------------------------


def _serve(requests: socket.socket) -> dict[str, Any]:
    """Fork at each request; returns it in the forked process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        text, streams, *_ = socket.recv_fds(requests, _REQUEST, 3)
        if not text:
            os._exit(0)
        if (program := _fork_twice()) == 0:
            requests.close()
            request: dict[str, Any] = json.loads(text)
            _become(request, streams)
            return request
        for stream in streams:
            os.close(stream)
        requests.send(b"%d" % program)


def _fork_twice() -> int:
    """0 in the program, its ID here. The process in between has ended by then, and the tests' process has it."""
    reading, writing = os.pipe()
    if (between := os.fork()) == 0:
        if program := os.fork():
            os.write(writing, b"%d" % program)
            os._exit(0)
        os.close(reading)
        os.close(writing)
        return 0
    os.waitpid(between, 0)
    told = os.read(reading, 20)
    os.close(reading)
    os.close(writing)
    return int(told)


def _become(request: Mapping[str, Any], streams: list[int]) -> None:
    """Be as a process that has just been started."""
    if request["session"]:
        os.setsid()
    for number, given in enumerate(streams):
        os.dup2(given, number)
        os.close(given)
    if request["controlling"]:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    os.fsync = os.fstat  # type: ignore[assignment]  # nothing waits for the disk, as in the tests' own process
    time.tzset()
    if (sqlite := _sqlite()) is not None:
        sqlite.sqlite3_shutdown()
        sqlite.sqlite3_initialize()  # reads TMPDIR and SQLITE_TMPDIR
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = open(  # noqa: SIM115  # stays open, as Python's own
            number, "w" if number else "r", 1 if number == 2 or os.isatty(number) else -1, "utf-8",
            "backslashreplace" if number == 2 else "surrogateescape", "\n", closefd=False,
        )  # fmt: skip
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _import_all() -> None:
    import auditlog_tui
    from auditlog_tui import runtime

    runtime.prepare()  # as the program does
    for module in pkgutil.walk_packages(auditlog_tui.__path__, "auditlog_tui."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    gc.freeze()


if __name__ == "__main__":
    _import_all()
    asked = _serve(socket.socket(fileno=int(sys.argv[1])))
    sys.argv[1:] = asked["words"]
    exec(asked["patch"], {"__name__": "patch"})
    runpy.run_module("auditlog_tui", run_name="__main__", alter_sys=True)
