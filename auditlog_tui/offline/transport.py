"""The API answered on this machine, from SQLite: what the demo is, in-process or behind its small HTTP server.

It keeps the contract in full, so that whatever works against it works against the real API. A page is found by the
place where the last one ended, and a count is kept and brought up to date, so both cost the same at any depth.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, NamedTuple
from urllib.parse import unquote

import httpx

from auditlog_tui.errors import ApiError, NotFoundError
from auditlog_tui.offline.requests import Cursor, Filter, ListRequest, beyond, read_query, reverse
from auditlog_tui.text.times import rfc3339

LIST_PATH = "/v1/audit_logs"


class LocalEntry(NamedTuple):
    """One entry to be answered; `created_us` is in microseconds since 1970 UTC; no target is two `None`s."""

    id: str
    created_us: int
    action: str
    actor_id: str
    actor_name: str | None
    actor_type: str
    client_ip: str
    method: str
    path: str
    status_code: int
    user_agent: str
    target_id: str | None
    target_type: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes


_SCHEMA = """
CREATE TABLE entry (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    created_us INTEGER NOT NULL,
    action TEXT NOT NULL,
    actor_id TEXT NOT NULL, actor_name TEXT, actor_type TEXT NOT NULL,
    client_ip TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    status_code INTEGER NOT NULL,
    user_agent TEXT NOT NULL,
    target_id TEXT, target_type TEXT
)
"""

# Each serves its filter newest first (n is the rowid, which ends every index), the last two the orders by status.
_INDEXES = (
    "entry_created ON entry (created_us)",
    "entry_action ON entry (action, created_us)",
    "entry_actor ON entry (actor_id, created_us)",
    "entry_ip ON entry (client_ip, created_us)",
    "entry_target ON entry (target_id, created_us)",
    "entry_status ON entry (status_code, created_us)",
    "entry_status_newest ON entry (status_code, created_us DESC, n DESC)",
)
_INSERT = f"INSERT OR IGNORE INTO entry VALUES (NULL, {', '.join('?' * len(LocalEntry._fields))})"  # noqa: S608  # marks only
_COUNTS_KEPT = 10_000


def _utc_now() -> datetime:
    return datetime.now(UTC)


class LocalLog:
    """A log and the two endpoints that read it; safe to call from several threads.

    `generation` is the API's: 1 knows `cursor` and `limit` only. With an `api_key`, requests must carry it. `now`
    is the server's clock, for the `Date` header.
    """

    def __init__(
        self, *, generation: int = 2, api_key: str | None = None, now: Callable[[], datetime] = _utc_now
    ) -> None:
        self._generation = generation
        self._api_key = api_key
        self._now = now
        self._lock = threading.Lock()
        self._counts: dict[Filter, tuple[int, int]] = {}
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.create_function("fold", 1, str.casefold, deterministic=True)
        self._db.execute(_SCHEMA)

    def close(self) -> None:
        """Drop the entries, when those who read have done so; nothing can be asked any more."""
        with self._lock:
            self._db.close()

    def add(self, entries: Iterable[LocalEntry]) -> None:
        """Append entries, in any order of time; one whose id is already there is left out."""
        with self._lock, self._db:
            self._db.executemany(_INSERT, entries)
            for index in _INDEXES:  # after the first rows: a million are indexed faster at once than one by one
                self._db.execute(f"CREATE INDEX IF NOT EXISTS {index}")

    def answer(self, method: str, target: str, headers: Mapping[str, str]) -> Answer:
        """The response to one request; `target` is the URL's path and query string."""
        try:
            self._authenticate(headers)
            path, _, query = target.partition("?")
            if path != LIST_PATH and not path.startswith(f"{LIST_PATH}/"):
                raise NotFoundError("there is no such endpoint", status=404)
            if method != "GET":
                raise ApiError("only GET is allowed here", status=405)
            with self._lock:
                if path == LIST_PATH:
                    return self._reply(200, self._page(read_query(query, self._generation)))
                return self._reply(200, self._get(unquote(path[len(LIST_PATH) + 1 :])))
        except ApiError as error:
            return self._reply(error.status or 400, {"message": str(error)})

    def _reply(self, status: int, body: object) -> Answer:
        headers = {
            "Date": format_datetime(self._now().astimezone(UTC), usegmt=True),
            "Content-Type": "application/json",
            **_HEADERS.get(status, {}),
        }
        return Answer(status, headers, json.dumps(body, separators=(",", ":")).encode())

    def _authenticate(self, headers: Mapping[str, str]) -> None:
        if self._api_key is None:
            return
        given = next((value for name, value in headers.items() if name.lower() == "authorization"), "")
        scheme, _, key = given.partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(key.encode(), self._api_key.encode()):
            raise ApiError("the API key is missing or wrong", status=401)

    def _get(self, entry_id: str) -> dict[str, Any]:
        row = self._db.execute("SELECT * FROM entry WHERE id = ?", (entry_id,)).fetchone()
        if row is None:
            raise NotFoundError("there is no such audit log entry", status=404)
        return _json(row)

    # -- pages ---------------------------------------------------------------------------------------------------

    def _page(self, query: ListRequest) -> dict[str, Any]:
        back = query.cursor is not None and query.cursor.back
        total = self._count(query.filter)
        rows = self._rows(query, back) if total else []
        more = len(rows) > query.limit
        rows = rows[: query.limit]
        if back:
            rows.reverse()
        has_next = bool(rows) and (back or more)
        has_previous = bool(rows) and (more if back else query.cursor is not None)
        return {
            "items": [_json(row) for row in rows],
            "pagination": {
                "next_cursor": query.encode(Cursor(_place(rows[-1], query))) if has_next else None,
                "previous_cursor": query.encode(Cursor(_place(rows[0], query), back=True)) if has_previous else None,
                "total_count": total,
            },
        }

    def _rows(self, query: ListRequest, back: bool) -> list[sqlite3.Row]:
        """The rows of a page in the direction of the walk, and one more if there is one."""
        order = reverse(query.order) if back else query.order
        by = ", ".join(f"{column} DESC" if down else column for column, down in order)
        conditions, values = query.filter.sql(order[0], begun=query.cursor is not None)
        rows: list[sqlite3.Row] = []
        for further, at in beyond(order, query.cursor.values) if query.cursor else [([], [])]:
            where = " AND ".join([*conditions, *further]) or "1"
            missing = query.limit + 1 - len(rows)
            sql = f"SELECT * FROM entry WHERE {where} ORDER BY {by} LIMIT {missing}"  # noqa: S608  # own names only
            rows += self._db.execute(sql, [*values, *at])
            if len(rows) > query.limit:
                break
        return rows

    def _count(self, where: Filter) -> int:
        """How many entries match. Counted once, then only those that were added since."""
        newest: int = self._db.execute("SELECT coalesce(max(n), 0) FROM entry").fetchone()[0]
        counted_to, count = self._counts.get(where, (0, 0))
        if counted_to < newest:
            conditions, values = where.sql()
            since = ["n > ?", *conditions] if counted_to else conditions
            table = "entry NOT INDEXED" if counted_to else "entry"  # by rowid, that is: few rows are newer
            sql = f"SELECT count(*) FROM {table} WHERE {' AND '.join(since) or '1'}"  # noqa: S608  # own names only
            count += self._db.execute(sql, [counted_to, *values] if counted_to else values).fetchone()[0]
            if len(self._counts) >= _COUNTS_KEPT:
                self._counts.clear()
            self._counts[where] = newest, count
        return count


_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 405: {"Allow": "GET"}}


def _place(row: sqlite3.Row, query: ListRequest) -> tuple[int, ...]:
    return tuple(row[column] for column, _ in query.order)


def _json(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "action": row["action"],
        "actor": {"id": row["actor_id"], "name": row["actor_name"], "type": row["actor_type"]},
        "client_ip": row["client_ip"],
        "created_at": rfc3339(row["created_us"]),
        "method": row["method"],
        "path": row["path"],
        "status_code": row["status_code"],
        "user_agent": row["user_agent"],
        "target": None if row["target_id"] is None else {"id": row["target_id"], "type": row["target_type"]},
    }


class LocalTransport(httpx.AsyncBaseTransport):
    """Answers an httpx client from a log in this process, `latency_ms` milliseconds after each request.

    Whoever closes it, as a client does with its transport, closes the log.
    """

    def __init__(self, log: LocalLog, latency_ms: float = 0) -> None:
        self._log = log
        self._latency_ms = latency_ms

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._latency_ms:
            await asyncio.sleep(self._latency_ms / 1000)
        answer = self._log.answer(request.method, request.url.raw_path.decode("ascii"), request.headers)
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body)

    async def aclose(self) -> None:
        self._log.close()
