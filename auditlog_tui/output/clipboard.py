"""Copies text to a clipboard by the routes that work here, and reports whether it arrived.

No route is reliable. tmux drops OSC 52 in its default configuration, clipboard programs fail silently and can hang,
and a terminal never confirms what it was sent. So the routes are tried in order, from the most verifiable to the one
that always works, and the message states only what is known.
"""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from msgspec import Struct

from auditlog_tui.errors import ClipboardError
from auditlog_tui.output import files
from auditlog_tui.output.children import environment_of
from auditlog_tui.text.safe import safe, safe_lines

LIMIT_S = 2.0
"""Seconds that all clipboard programs together may take; the user waits for them."""

OSC52_LIMIT = 74_994
"""The most bytes of UTF-8 sent by OSC 52. Terminals have different limits and silently drop longer sequences. By the
convention of hterm's `osc52.sh` a sequence has at most 100,000 bytes: 8, and 99,992 of base64 for these."""

SCREEN_LIMIT = 768
"""The most bytes in one control string of GNU screen, which drops longer ones."""

TMUX, TERMINAL = "the tmux buffer", "the terminal's clipboard"
"""Places that a text is copied to."""

# In a separate process, because pyperclip ignores exit codes, can hang, and lets its programs write to the screen.
_PYPERCLIP = """
import sys, pyperclip
text = sys.stdin.buffer.read().decode()
pyperclip.copy(text)
sys.exit(pyperclip.paste().replace("\\r\\n", "\\n") != text)
"""


class Copied(Struct, frozen=True):
    """Where a text was copied.

    `confirmed` names where it certainly arrived, and `unconfirmed` where it was sent besides; both may be empty.
    `message` completes "Copied the ID …", or "Sent the ID …" if nothing is confirmed. `path` is the file that was
    written if no clipboard took the text.
    """

    route: str  # "tmux", "local", "osc52" or "file"
    confirmed: str
    message: str
    path: str = ""
    unconfirmed: str = ""


async def copy(
    text: str,
    *,
    environ: Mapping[str, str],
    write_escape: Callable[[str], object],
    directory: Path | None = None,
) -> Copied:
    """Copy `text`, with control characters other than LF made visible, because a shell executes what is pasted.

    `write_escape` sends a sequence to the terminal. If no clipboard takes the text, a file is written to `directory`
    (default: the system's temporary directory). Raises `ClipboardError` if that fails too.
    """
    if not text:
        raise ClipboardError("There is nothing here to copy.")
    text = safe_lines(text, sys.maxsize)
    deadline = asyncio.get_running_loop().time() + LIMIT_S
    buffer, local = await asyncio.gather(
        _copy_to_tmux(text, environ, deadline), _copy_to_desktop(text, environ, deadline)
    )
    if local:
        and_tmux = " and the tmux buffer" if buffer else ""
        return Copied("local", f"the clipboard{and_tmux}", f"to the clipboard (read back){and_tmux}")
    if buffer == "forwarded":
        message = "to the tmux buffer, and to the terminal's clipboard if it accepts that"
        return Copied("tmux", TMUX, message, unconfirmed=TERMINAL)
    fits = len(text.encode()) <= OSC52_LIMIT
    if buffer:  # tmux before 3.2 passes a wrapped sequence through
        sent = fits and _send(tmux_wrapped(osc52_sequence(text)), write_escape)
        message = f"to the tmux buffer{', and sent to the terminal (unconfirmed)' if sent else ''}"
        return Copied("tmux", TMUX, message, unconfirmed=TERMINAL if sent else "")
    if fits and _send(_sequence_for(environ, text), write_escape):
        return Copied("osc52", "", "to the terminal's clipboard by OSC 52, unconfirmed", unconfirmed=TERMINAL)
    path = _write_file(text, directory)
    reason = "no clipboard took it" if fits else "too long for the terminal's clipboard"
    return Copied("file", f"the file {safe(path)}", f"to the file {safe(path)}, {reason}", path)


# -- through the terminal ------------------------------------------------------------------------------------------


def osc52_sequence(text: str) -> str:
    """The OSC 52 sequence that asks a terminal to put `text` on its clipboard."""
    return f"\x1b]52;c;{base64.b64encode(text.encode(errors='backslashreplace')).decode()}\a"


def tmux_wrapped(sequence: str) -> str:
    """The sequence wrapped for tmux to pass through: always before 3.3, since then only with `allow-passthrough`."""
    doubled = sequence.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{doubled}\x1b\\"


def screen_wrapped(sequence: str) -> str:
    """The sequence wrapped for GNU screen to pass through, in device control strings of at most `SCREEN_LIMIT`."""
    size = SCREEN_LIMIT - len("\x1bP\x1b\\")
    return "".join(f"\x1bP{sequence[at : at + size]}\x1b\\" for at in range(0, len(sequence), size))


def _sequence_for(environ: Mapping[str, str], text: str) -> str:
    """The sequence to send if no program took the text."""
    sequence = osc52_sequence(text)
    if environ.get("TMUX"):  # plain for `set-clipboard on`, wrapped for pass-through; tmux doesn't say which applies
        return sequence + tmux_wrapped(sequence)
    return screen_wrapped(sequence) if environ.get("STY") else sequence


# -- through programs ----------------------------------------------------------------------------------------------


async def _copy_to_tmux(text: str, environ: Mapping[str, str], deadline: float) -> Literal["", "kept", "forwarded"]:
    """Copy to the tmux buffer.

    Returns `forwarded` if tmux was also asked to pass the text on to the terminal, which needs tmux 3.2 (earlier
    versions refuse the flag), else `kept`; empty if tmux did not take the text.
    """
    if not environ.get("TMUX"):
        return ""
    if await _run(("tmux", "load-buffer", "-w", "-"), text, environ, deadline):
        return "forwarded"
    return "kept" if await _run(("tmux", "load-buffer", "-"), text, environ, deadline) else ""


async def _copy_to_desktop(text: str, environ: Mapping[str, str], deadline: float) -> bool:
    """Copy to this machine's clipboard if the user sits in front of it; whether that worked."""
    return _has_local_display(environ) and await _copy_locally(text, environ, deadline)


def _has_local_display(environ: Mapping[str, str]) -> bool:
    """Whether the user pastes from the clipboard of this machine, not from one at the other end of SSH."""
    if environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"):
        return False
    return sys.platform in ("darwin", "win32") or bool(environ.get("WAYLAND_DISPLAY") or environ.get("DISPLAY"))


async def _copy_locally(text: str, environ: Mapping[str, str], deadline: float) -> bool:
    # In a frozen build the executable is this program, not Python.
    if not sys.executable or getattr(sys, "frozen", False):
        return False
    return await _run((sys.executable, "-P", "-c", _PYPERCLIP), text, environ, deadline)


async def _run(command: Sequence[str], text: str, environ: Mapping[str, str], deadline: float) -> bool:
    """Whether a program took the text and exited with 0 before the deadline; otherwise it is killed."""
    try:
        process = await _start(command, environ)
    except OSError:
        return False
    try:
        async with asyncio.timeout_at(deadline):
            await process.communicate(text.encode())
        return process.returncode == 0
    except TimeoutError:
        return False
    finally:
        if process.returncode is None:
            await _kill(process)


async def _start(command: Sequence[str], environ: Mapping[str, str]) -> asyncio.subprocess.Process:
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment_of(environ),
            start_new_session=True,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # asyncio does not end a program whose start has just completed.
        with suppress(OSError):
            await _kill(await starting)
        raise


async def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill a program and its children."""
    with suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    # A child that left the process group may keep the pipe open; `wait()` would then wait for unwritten text.
    stdin = process.stdin
    if stdin is not None and (not stdin.is_closing() or stdin.transport.get_write_buffer_size()):
        stdin.transport.abort()
    await process.wait()


def _send(sequence: str, write_escape: Callable[[str], object]) -> bool:
    try:
        write_escape(sequence)
    except (OSError, ValueError):
        return False
    return True


def _write_file(text: str, directory: Path | None) -> str:
    """Write the text to a new file that only its owner can read, and return its path."""
    try:
        path = (directory or Path(tempfile.gettempdir())) / f"auditlog-copy-{os.urandom(6).hex()}.txt"
        files.create(path, text.encode())
    except OSError as error:
        raise _no_route(error) from error
    return str(path)


def _no_route(error: OSError) -> ClipboardError:
    return ClipboardError(
        f"No clipboard took the text, and no file could be written ({safe(str(error))})."
        " Free some space or set TMPDIR to a directory you can write in, then copy again."
    )
