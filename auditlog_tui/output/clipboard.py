"""Text to a clipboard, by whichever route works here, and the truth about whether it arrived.

No route is sure. tmux drops OSC 52 as it is set up by default, clipboard programs fail with nobody told and can hang
for ever, and a terminal never says whether it took what it was sent. So the routes are tried from the one that can be
checked best to the one that always works, and what is said afterwards is what is known.
"""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from auditlog_tui.errors import ClipboardError
from auditlog_tui.output import files
from auditlog_tui.output.children import environment_of
from auditlog_tui.text.safe import safe, safe_lines

LIMIT_S = 2.0
"""Seconds that the programs tried may take together; a person waits for this."""

OSC52_LIMIT = 74_994
"""Bytes of UTF-8 that OSC 52 is used for. Terminals agree on no limit and drop what is too long without a word. By a
convention, from hterm's `osc52.sh`, a sequence has at most 100,000 bytes: 8, and 99,992 of base64 for these."""

SCREEN_LIMIT = 768
"""Bytes of a control string that GNU screen holds; it drops a longer one."""

# In a process of its own, for pyperclip ignores exit codes, can hang, and lets its programs write on the screen.
_PYPERCLIP = """
import sys, pyperclip
text = sys.stdin.buffer.read().decode()
pyperclip.copy(text)
sys.exit(pyperclip.paste().replace("\\r\\n", "\\n") != text)
"""


@dataclass(frozen=True, slots=True)
class Copied:
    """Where a text went.

    `message` completes "Copied the ID …", or "Sent the ID …" where the text is not `confirmed` to be there. `path` is
    the file that was written where no clipboard took the text.
    """

    route: str  # "tmux", "local", "osc52" or "file"
    confirmed: bool
    message: str
    path: str = ""


async def copy(
    text: str,
    *,
    environ: Mapping[str, str],
    write_escape: Callable[[str], object],
    directory: Path | None = None,
) -> Copied:
    """Copy `text`, with every control character but LF made visible: what is pasted into a shell gets executed.

    `write_escape` sends a sequence to the terminal. `directory` is where a file is written if no clipboard takes the
    text (otherwise the system's temporary directory). Raises `ClipboardError` if nothing took it.
    """
    if not text:
        raise ClipboardError("There is nothing here to copy.")
    text = safe_lines(text, sys.maxsize)
    deadline = asyncio.get_running_loop().time() + LIMIT_S
    buffer, local = await asyncio.gather(
        _copy_to_tmux(text, environ, deadline), _copy_to_desktop(text, environ, deadline)
    )
    if local:
        return Copied("local", True, f"to the clipboard (read back){' and the tmux buffer' if buffer else ''}")
    if buffer == "forwarded":
        return Copied("tmux", True, "to the tmux buffer, and to the terminal's clipboard if it accepts that")
    fits = len(text.encode()) <= OSC52_LIMIT
    if buffer:  # tmux before 3.2 lets through what is wrapped
        sent = fits and _send(tmux_wrapped(osc52_sequence(text)), write_escape)
        return Copied("tmux", True, f"to the tmux buffer{', and sent to the terminal (unconfirmed)' if sent else ''}")
    if fits and _send(_sequence_for(environ, text), write_escape):
        return Copied("osc52", False, "to the terminal's clipboard by OSC 52, unconfirmed")
    path = _write_file(text, directory)
    reason = "no clipboard took it" if fits else "too long for the terminal's clipboard"
    return Copied("file", True, f"to the file {safe(path)}, {reason}", path)


# -- by way of the terminal ----------------------------------------------------------------------------------------


def osc52_sequence(text: str) -> str:
    """The sequence that asks a terminal to put `text` on its clipboard."""
    return f"\x1b]52;c;{base64.b64encode(text.encode(errors='backslashreplace')).decode()}\a"


def tmux_wrapped(sequence: str) -> str:
    """The sequence as tmux hands it on to the terminal around it: always before 3.3, then by `allow-passthrough`."""
    doubled = sequence.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{doubled}\x1b\\"


def screen_wrapped(sequence: str) -> str:
    """The sequence as GNU screen hands it on: in device control strings, each no longer than it can hold."""
    size = SCREEN_LIMIT - len("\x1bP\x1b\\")
    return "".join(f"\x1bP{sequence[at : at + size]}\x1b\\" for at in range(0, len(sequence), size))


def _sequence_for(environ: Mapping[str, str], text: str) -> str:
    """What is sent where no program could be asked to copy."""
    sequence = osc52_sequence(text)
    if environ.get("TMUX"):  # plain for `set-clipboard on`, wrapped for one that hands it on: who knows which
        return sequence + tmux_wrapped(sequence)
    return screen_wrapped(sequence) if environ.get("STY") else sequence


# -- by way of programs --------------------------------------------------------------------------------------------


async def _copy_to_tmux(text: str, environ: Mapping[str, str], deadline: float) -> Literal["", "kept", "forwarded"]:
    """Whether tmux has it in its buffer, and then whether it was asked to hand it on to the terminal as well.

    It knows how to from 3.2 on; an earlier one refuses the flag.
    """
    if not environ.get("TMUX"):
        return ""
    if await _run(("tmux", "load-buffer", "-w", "-"), text, environ, deadline):
        return "forwarded"
    return "kept" if await _run(("tmux", "load-buffer", "-"), text, environ, deadline) else ""


async def _copy_to_desktop(text: str, environ: Mapping[str, str], deadline: float) -> bool:
    """Whether the clipboard of this machine has it, where the person is in front of it."""
    return _has_local_display(environ) and await _copy_locally(text, environ, deadline)


def _has_local_display(environ: Mapping[str, str]) -> bool:
    """Whether a clipboard of this machine is the one that the person in front of the screen pastes from."""
    if environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"):
        return False
    return sys.platform in ("darwin", "win32") or bool(environ.get("WAYLAND_DISPLAY") or environ.get("DISPLAY"))


async def _copy_locally(text: str, environ: Mapping[str, str], deadline: float) -> bool:
    # Frozen into one file, the executable is this program and no Python.
    if not sys.executable or getattr(sys, "frozen", False):
        return False
    return await _run((sys.executable, "-P", "-c", _PYPERCLIP), text, environ, deadline)


async def _run(command: Sequence[str], text: str, environ: Mapping[str, str], deadline: float) -> bool:
    """Whether a program took the text and ended well before the deadline; it is killed if not."""
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
        # asyncio would end the program, but none that it has started by now.
        with suppress(OSError):
            await _kill(await starting)
        raise


async def _kill(process: asyncio.subprocess.Process) -> None:
    """End a program and those that it started."""
    with suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    # One that left the group may hold the pipe open, with text still to be written that `wait()` would wait for.
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
    """Write the text into a new file that only its owner reads, and return the file's path."""
    try:
        path = (directory or Path(tempfile.gettempdir())) / f"auditlog-copy-{secrets.token_hex(6)}.txt"
        files.create(path, text.encode())
    except OSError as error:
        raise _no_route(error) from error
    return str(path)


def _no_route(error: OSError) -> ClipboardError:
    return ClipboardError(
        f"No clipboard took the text, and no file could be written ({safe(str(error))})."
        " Free some space or set TMPDIR to a directory you can write in, then copy again."
    )
