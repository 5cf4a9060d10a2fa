"""A store whose disk is full or fails at times."""

from __future__ import annotations

import random
import sqlite3
from typing import Any


class FaultyConnection:
    """An SQLite connection whose disk `fails` as told: "works", "reads fail", "writes fail", "all fails" or "fails at
    times".
    """

    def __init__(self, connection: sqlite3.Connection, dice: random.Random) -> None:
        self.fails = "works"
        self._connection = connection
        self._dice = dice

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def __enter__(self) -> Any:
        return self._connection.__enter__()

    def __exit__(self, *exc: Any) -> Any:
        return self._connection.__exit__(*exc)

    def execute(self, sql: str, *values: Any) -> Any:
        self._perhaps(reads=sql.lstrip().startswith("SELECT"))
        return self._connection.execute(sql, *values)

    def executemany(self, sql: str, *values: Any) -> Any:
        self._perhaps(reads=False)
        return self._connection.executemany(sql, *values)

    def _perhaps(self, *, reads: bool) -> None:
        at_times = self.fails == "fails at times" and self._dice.random() < 0.2
        if at_times or self.fails in ("all fails", "reads fail" if reads else "writes fail"):
            raise sqlite3.OperationalError("database or disk is full")


def faulty(store: Any, dice: random.Random) -> FaultyConnection:
    """Replace a store's connection with one that can fail."""
    store.connection = FaultyConnection(store.connection, dice)
    connection: FaultyConnection = store.connection
    return connection
