"""The API key as another program writes it: a password manager, say."""

from __future__ import annotations

import codecs
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO, Final

from auditlog_tui.errors import SettingsError
from auditlog_tui.output.children import environment_without
from auditlog_tui.text.safe import safe, safe_lines

WAIT_S: Final = 60.0
"""Seconds that the program may take: it may ask for a passphrase first."""

LIMIT: Final = 100_000
"""The most bytes that the program may write as the key."""

TOLD_LIMIT: Final = 10_000
"""The most bytes of its standard error that are passed on."""

_LAST_S = 1.0
"""Seconds to wait for its end once it is killed; and for the end of its output, as a process that it left behind may
hold that open."""


def read_key(command: str, environ: Mapping[str, str], secret: tuple[str, ...], wait_s: float = WAIT_S) -> str:
    """What the command writes to standard output. It is not run by a shell.

    Its standard error is passed on as it comes, without control characters. `secret` are the variables that it does
    not get. Raises `SettingsError`, which names the program alone: its arguments and its output may be secret.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise SettingsError(f"This is no command: {error}.") from error
    if not words:
        raise SettingsError("This is no command: it is blank.")
    words[0], name = os.path.expanduser(words[0]), safe(words[0], 60)
    try:
        process = subprocess.Popen(  # noqa: S603  # the user's own command
            words, stdin=_input(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
            env=environment_without(environ, secret),
        )  # fmt: skip
    except (OSError, ValueError) as error:  # ValueError: a NUL in a word
        reason = (error.strerror if isinstance(error, OSError) else None) or safe(str(error), 100)
        raise SettingsError(f"{name} can't be started: {reason}.") from error
    return _answer(process, name, wait_s)


def _input() -> int | None:
    """A terminal, so that it can ask for a passphrase; standard input may be a log otherwise."""
    return None if sys.stdin is not None and sys.stdin.isatty() else subprocess.DEVNULL


def _answer(process: subprocess.Popen[bytes], name: str, wait_s: float) -> str:
    if process.stdout is None or process.stderr is None:
        raise RuntimeError("no pipes")
    written = bytearray()

    def keep(part: bytes) -> None:
        written.extend(part[: LIMIT + 1 - len(written)])
        if len(written) > LIMIT:
            process.kill()

    try:
        readers = [_reading(process.stdout, keep), _reading(process.stderr, _Telling())]
        status = process.wait(wait_s)
        for reader in readers:
            reader.join(_LAST_S)
    except subprocess.TimeoutExpired as error:
        raise SettingsError(f"{name} did not end within {wait_s:g} s.") from error
    finally:
        process.kill()
        with suppress(subprocess.TimeoutExpired):  # Ctrl+C just now may have left a lock of `Popen` closed
            process.wait(_LAST_S)
    if len(written) > LIMIT:
        raise SettingsError(f"{name} wrote more than {LIMIT:,} bytes, which is no key.")
    if status:
        raise SettingsError(f"{name} {_failure(status)}.")
    return written.decode("utf-8", "replace")


def _failure(status: int) -> str:
    if status > 0:
        return f"failed with exit status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def _reading(stream: IO[bytes], take: Callable[[bytes], None]) -> threading.Thread:
    """Read a stream to its end in a thread; the thread is left behind where that does not come."""

    def read() -> None:
        with stream:
            while part := stream.read(4_096):
                take(part)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread


class _Telling:
    """Passes a program's standard error on as it comes: it may be a question that the user has to answer."""

    def __init__(self) -> None:
        self._left = TOLD_LIMIT
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def __call__(self, part: bytes) -> None:
        text = self._decoder.decode(part[: self._left].replace(b"\r\n", b"\n"))
        self._left -= min(len(part), self._left)
        if text and sys.stderr is not None:
            try:
                sys.stderr.write(safe_lines(text, len(text)))
                sys.stderr.flush()
            except (OSError, ValueError):  # nobody reads it any more
                self._left = 0
