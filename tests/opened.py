"""Tracks the SQLite connections that are open while tests run: the program must close those it opens.

Python 3.13 warns of an unclosed connection, but only once the garbage collector finds it. Here each one is recorded
with the place that opened it, so that a test fails on every version. Connections opened by a test itself, or for it
by `demo_log` and similar helpers, are closed when the test ends.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any
from unittest.mock import patch

_TESTS = Path(__file__).parent
_PROGRAM = _TESTS.parent / "auditlog_tui"

_HAND_OVER = frozenset({"__init__", "_open", "_opened", "demo_log"})
"""Functions whose callers must close what they open."""


class _Known(sqlite3.Connection):
    def close(self) -> None:
        super().close()
        _open.pop(id(self), None)


@dataclass(slots=True)
class _Opened:
    """An open connection. `owner` is the place that must close it."""

    connection: sqlite3.Connection
    owner: str
    of_program: bool
    shared: bool = False


_open: dict[int, _Opened] = {}
_connect: Callable[..., sqlite3.Connection] = sqlite3.connect


@contextmanager
def watched() -> Iterator[None]:
    """Track the connections opened in this block. Shared ones are closed after it."""
    with patch.object(sqlite3, "connect", _watching):
        yield
    for each in list(_open.values()):
        each.connection.close()


def _watching(*args: Any, **more: Any) -> sqlite3.Connection:
    frame = sys._getframe(1)
    while frame.f_code.co_name in _HAND_OVER and frame.f_back is not None:
        frame = frame.f_back
    file = Path(frame.f_code.co_filename)
    of_program = file.is_relative_to(_PROGRAM)
    if not (of_program or file.is_relative_to(_TESTS)):
        return _connect(*args, **more)
    connection = _connect(*args, factory=_Known, **more)
    _open[id(connection)] = _Opened(connection, _place(frame), of_program)
    return connection


def _place(frame: FrameType) -> str:
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}, {frame.f_code.co_qualname}"


def share() -> None:
    """Keep the connections that are open now beyond the test that runs."""
    for each in _open.values():
        each.shared = True


@contextmanager
def lasting() -> Iterator[None]:
    """Keep the connections opened in this block beyond the test that runs."""
    before = set(_open)
    yield
    for each in _open.keys() - before:
        _open[each].shared = True


def close() -> list[str]:
    """Close all connections that are not shared; returns the places where the program left one open."""
    left = [each for each in _open.values() if not each.shared]
    for each in left:
        each.connection.close()
    return [each.owner for each in left if each.of_program]
