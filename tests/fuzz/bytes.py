"""Sends bursts of bytes that no keyboard sends to the program in a real terminal.

Bytes that quit, suspend or open the palette (which can quit) are left out; files are written to a private folder.
After each burst the program must still handle keys, and at the end quit with status 0.
"""

from __future__ import annotations

import random
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from textual import events

from auditlog_tui.ui.patches.input_parser import InputReader
from tests.real.pty_terminal import APP, PtyTerminal, environment

ROW = rb"\d\d:\d\d:\d\d +\w+\.\w+"
STYLES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
BURSTS = 40
"""Bursts that one program gets."""

LEFT_OUT = frozenset(b"q\x03\x10\x11\x1a:")
LEFT_OUT_KEYS = frozenset({"q", "ctrl+q", "ctrl+c", "ctrl+p", "ctrl+z", "colon"})
LETTERS = "abcfhijklmnprstuvwyzAFMNV/.,;=-[] \t\r\x7fé漢🙂"
PATIENCE_S = 120.0
"""Seconds after which a program counts as hung. Generous, because many keys take long on a busy machine."""

END = b"\x1b[201~" + b"\x1b[27u" * 8
"""Ends a paste, and leaves whatever is open."""


class BareTerminal(PtyTerminal):
    """Doesn't emulate the screen, which would take most of the time."""

    def _show(self, read: bytes) -> None:
        """Draw nothing."""


def run(seconds: float, seed: int) -> str:
    """Send bursts for this many seconds. Raises `AssertionError` with the bursts of the program that failed."""
    chance, deadline = random.Random(seed), time.monotonic() + seconds
    programs = bursts = 0
    while not programs or time.monotonic() < deadline:
        bursts += _program(chance, deadline)
        programs += 1
    return f"{bursts:,} bursts into {programs:,} programs"


def _program(chance: random.Random, deadline: float) -> int:
    sent: list[bytes] = []
    with tempfile.TemporaryDirectory() as home:
        # As over SSH, so that copies go to the terminal and not to this machine's clipboard.
        env = environment(Path(home), SSH_CONNECTION="192.0.2.1 50000 192.0.2.2 22")
        size = chance.choice([(120, 36), (80, 24), (160, 50)])
        with BareTerminal((*APP, "--demo"), env=env, size=size, cwd=Path(home)) as terminal:
            _wait_for(terminal, ROW)
            try:
                for burst in _bursts(chance):
                    sent.append(burst)
                    _send(terminal, burst, chance)
                    _check_alive(terminal, len(sent))
                    if time.monotonic() > deadline:
                        break
                _check_quits(terminal)
            except (AssertionError, OSError) as error:
                raise AssertionError(f"after {sent!r}: {error}") from error
    return len(sent)


def _check_alive(terminal: BareTerminal, number: int) -> None:
    """Paste a new word into the filter bar, and check that it is shown."""
    word = b"word%d" % number
    terminal.raw.clear()
    terminal.send_bytes(END + b"/" + b"\x1b[200~" + word + b"\x1b[201~")
    _wait_for(terminal, word)
    terminal.send_bytes(END)


def _wait_for(terminal: BareTerminal, pattern: bytes) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not re.search(pattern, STYLES.sub(b"", bytes(terminal.raw))):
        left = terminal.raw[-3000:].decode(errors="replace")
        assert terminal.process.poll() is None, f"it ended: {left}"
        assert time.monotonic() < deadline, f"{pattern!r} did not come: {left}"
        terminal.settle(0.05)


def _check_quits(terminal: BareTerminal) -> None:
    terminal.send("\x11")
    status = terminal.status(PATIENCE_S)
    assert status == 0, f"it ended with {status}:\n{terminal.raw[-3000:].decode(errors='replace')}"
    assert b"Traceback" not in terminal.raw


def _send(terminal: BareTerminal, burst: bytes, chance: random.Random) -> None:
    """Send the bytes, sometimes in pieces as over a slow connection."""
    while burst:
        size = len(burst) if chance.random() < 0.7 else chance.randint(1, len(burst))
        terminal.send_bytes(burst[:size])
        burst = burst[size:]
        if burst:
            terminal.settle(chance.choice([0.0, 0.01, 0.15]))


# -- what is sent --------------------------------------------------------------------------------------------------


def _bursts(chance: random.Random) -> Iterator[bytes]:
    for _ in range(BURSTS):
        burst = b"".join(chance.choice(KINDS)(chance) for _ in range(chance.randint(1, 6)))
        burst = bytes(byte for byte in burst if byte not in LEFT_OUT)
        if not _keys(burst) & LEFT_OUT_KEYS:
            yield burst


def _keys(burst: bytes) -> set[str]:
    """The keys that a burst may be read as, whole and in two pieces."""
    reader = InputReader()
    found = [*reader.feed(burst), *reader.feed(END)]
    return {message.key for message in found if isinstance(message, events.Key)}


def _number(chance: random.Random) -> bytes:
    return str(chance.choice([0, 1, 2, 3, 27, chance.randint(0, 300), chance.randint(0, 2**21), 10**30])).encode()


def _noise(chance: random.Random) -> bytes:
    return chance.randbytes(chance.randint(1, 16))


def _typed(chance: random.Random) -> bytes:
    return "".join(chance.choices(LETTERS, k=chance.randint(1, 8))).encode()


def _sequence(chance: random.Random) -> bytes:
    fields = chance.choice([b";", b":", b";", b""]).join(_number(chance) for _ in range(chance.randint(0, 5)))
    middle = chance.choice([b"", b"", b"<", b"?", b">", b"$"])
    return b"\x1b" + chance.choice([b"[", b"[", b"O", b"]", b"P"]) + middle + fields + chance.randbytes(1)


def _key(chance: random.Random) -> bytes:
    end = chance.choice([b"u", b"~", b"A", b"H", b"P"])
    fields = [_number(chance), b"%d:%d" % (chance.randint(0, 300), chance.randint(0, 5)), _number(chance)]
    return b"\x1b[" + b";".join(fields[: chance.randint(1, 3)]) + end


def _mouse(chance: random.Random) -> bytes:
    if chance.random() < 0.5:
        return b"\x1b[M" + chance.randbytes(3)
    place = b";".join(str(chance.choice([1, 2, 40, 79, 10**9, -5])).encode() for _ in range(2))
    return b"\x1b[<" + str(chance.randint(0, 130)).encode() + b";" + place + chance.choice([b"M", b"m"])


def _paste(chance: random.Random) -> bytes:
    end = b"\x1b[201~" if chance.random() < 0.9 else b""
    return b"\x1b[200~" + chance.randbytes(chance.randint(0, 200)) + end


def _size(chance: random.Random) -> bytes:
    return b"\x1b[48;" + b";".join(_number(chance) for _ in range(4)) + b"t"


KINDS = (_noise, _noise, _typed, _typed, _sequence, _key, _mouse, _paste, _size)
