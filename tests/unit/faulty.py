"""A store whose database fails like one on a full disk."""

from __future__ import annotations

import random
import sqlite3
from typing import Any


class FaultyConnection:
    """A SQLite connection that fails as `fails` says: "works", "reads fail", "writes fail", "inserts fail",
    "all fails" or "fails at times".

    "inserts fail" lets a transaction begin, and fails at what it inserts.
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
        inserts = ["inserts fail"] if "INSERT INTO" in sql else []
        self._maybe_fail("reads fail" if sql.lstrip().startswith("SELECT") else "writes fail", *inserts)
        return self._connection.execute(sql, *values)

    def executemany(self, sql: str, *values: Any) -> Any:
        self._maybe_fail("writes fail", "inserts fail")
        return self._connection.executemany(sql, *values)

    def _maybe_fail(self, *modes: str) -> None:
        at_times = self.fails == "fails at times" and self._dice.random() < 0.2
        if at_times or self.fails in ("all fails", *modes):
            raise sqlite3.OperationalError("database or disk is full")


def faulty(store: Any, dice: random.Random) -> FaultyConnection:
    """Replace the store's connection by one that can fail."""
    store.connection = FaultyConnection(store.connection, dice)
    connection: FaultyConnection = store.connection
    return connection
