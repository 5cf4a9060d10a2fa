"""An in-memory audit log API that follows the contract of generation 2, or breaks it on request.

`trouble` maps the number of a list call (from 1) to the fault in that call:

    error     ServerError
    refuse    BadRequestError if a cursor was sent
    repeat    the page's next cursor is the one sent with the call, if any
    cycle     the page's next cursor is the first one of this pagination
    empty     no entries, but a next cursor
    overlap   the page begins with the last three entries of the previous one
    arrive    an entry is written at the newest end before the response
    no total  total_count is absent
    lie       total_count is wrong
"""

from __future__ import annotations

import json
import math
import random
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import Any

from auditlog_tui.entries.models import Entry, Page, read_entry
from auditlog_tui.errors import ApiError, BadRequestError, NotFoundError, ServerError
from auditlog_tui.text.times import instant_us, rfc3339

TROUBLES = ("error", "refuse", "repeat", "cycle", "empty", "overlap", "arrive", "no total", "lie")

EVERY_FILTER = frozenset(
    {
        "action", "actor_id", "actor_type", "client_ip", "created_at_min", "created_at_max", "method", "path",
        "status_code_min", "status_code_max", "target_id", "target_type", "sort",
    }
)  # fmt: skip
"""The parameters that a server of generation 1 ignores."""

START_US = 1_800_000_000_000_000
"""The time of a test log's first entry, in microseconds since 1970."""

SERVED_AT = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)

Json = dict[str, Any]


def entry(number: int, *, at: int | None = None, **fields: Any) -> Json:
    """Entry `number` of a log, `at` seconds after its start (default: one second per entry)."""
    return {
        "id": f"id-{number}",
        "action": "vm.created",
        "actor": {"id": "actor-1", "name": "Alice", "type": "user"},
        "client_ip": "203.0.113.7",
        "created_at": rfc3339(START_US + 1_000_000 * (number if at is None else at)),
        "method": "POST",
        "path": "/v1/vms",
        "status_code": 200,
        "user_agent": "curl",
        "target": {"id": "vm-1", "type": "vm"},
        **fields,
    }


def log_of(count: int, **fields: Any) -> list[Json]:
    """`count` entries, one per second."""
    return [entry(number, **fields) for number in range(count)]


@dataclass(frozen=True)
class Walk:
    """A cursor's state: it continues after `after`; `seed` shuffles entries of equal sort values."""

    params: Mapping[str, str]
    seed: int
    after: tuple[Any, ...] | None
    first: str


class FakeApi:
    """An `AuditLogApi`. `calls` records every list call, `got` every id requested."""

    def __init__(
        self,
        entries: Iterable[Json],
        *,
        ignores: Iterable[str] = (),
        trouble: Mapping[int, str] | None = None,
        shuffle_ties: bool = False,
        page_size: int = 100,
    ) -> None:
        self.entries = list(entries)
        self.ignores = frozenset(ignores)
        self.trouble = dict(trouble or {})
        self.page_size = page_size
        self.calls: list[tuple[dict[str, str], int, str | None]] = []
        self.got: list[str] = []
        self.arrived: list[Json] = []
        self.fails: ApiError | None = None
        self.clock_offset_us: int | None = 0
        self.at_once = math.inf
        self.clock = SERVED_AT
        self.counts = True
        self._shuffle = shuffle_ties
        self._walks: dict[str, Walk] = {}

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        assert 10 <= limit <= 100
        self.calls.append((dict(params), limit, cursor))
        trouble = self.trouble.get(len(self.calls), "")
        if self.fails is not None:
            raise self.fails
        if trouble == "error":
            raise ServerError("The server failed.", status=500)
        if trouble == "refuse" and cursor is not None:
            raise BadRequestError("cursor expired", status=400)
        if trouble == "arrive":
            self.arrive()
        return self._page(self._walk(params, cursor), min(limit, self.page_size), cursor, trouble)

    async def get(self, entry_id: str) -> Entry:
        self.got.append(entry_id)
        if self.fails is not None:
            raise self.fails
        for data in self.entries:
            if data.get("id") == entry_id:
                return read(data)
        raise NotFoundError("There is no such entry.", status=404)

    def arrive(self, **fields: Any) -> None:
        """Write an entry at the newest end."""
        newest = max(map(_instant, self.entries), default=START_US)
        number = len(self.entries)
        self.arrived.append(entry(number, created_at=rfc3339(newest + 1_000_000), **fields))
        self.entries.append(self.arrived[-1])

    def matching(self, params: Mapping[str, str]) -> Sequence[Json]:
        """The entries that match, in the order of `sort`; those with equal values in the order of writing."""
        sort = "" if "sort" in self.ignores else params.get("sort", "")
        return sorted(self._select(params), key=lambda data: _rank(data, sort))

    def _select(self, params: Mapping[str, str]) -> Sequence[Json]:
        heeded = [item for item in params.items() if item[0] not in self.ignores and item[0] != "sort"]
        return [data for data in self.entries if all(_holds(data, *item) for item in heeded)]

    # -- one response ------------------------------------------------------------------------------------------

    def _walk(self, params: Mapping[str, str], cursor: str | None) -> Walk:
        if cursor is None:
            return Walk(dict(params), len(self.calls), None, "")
        walk = self._walks.get(cursor)
        if walk is None or walk.params != dict(params):
            raise BadRequestError("no such cursor", status=400)
        return walk

    def _page(self, walk: Walk, limit: int, cursor: str | None, trouble: str) -> Page:
        placed = sorted(((self._place(data, walk), data) for data in self._select(walk.params)), key=itemgetter(0))
        matching = [data for _, data in placed]
        begin = 0 if walk.after is None else bisect_right(placed, walk.after, key=itemgetter(0))
        again = [data for data in matching[:begin] if data not in self.arrived][-3:] if trouble == "overlap" else []
        end = begin if trouble == "empty" else begin + limit
        following = None
        if end < len(matching):
            after = placed[end - 1][0] if end else None
            following = self._cursor(walk, after)
            if trouble == "repeat":
                following = cursor or following
            elif trouble == "cycle":
                following = self._walks[following].first
        total = {"no total": None, "lie": 7}.get(trouble, len(matching))
        total = total if self.counts else None
        served = self.clock + timedelta(seconds=len(self.calls))
        unclear = "the server did not say whether more follows" if trouble == "unclear" else ""
        entries = tuple(map(read, [*again, *matching[begin:end]]))
        return Page(entries, None if unclear else following, None, total, served, unclear)

    def _cursor(self, walk: Walk, after: tuple[Any, ...] | None) -> str:
        cursor = f"cursor-{len(self._walks)}"
        self._walks[cursor] = Walk(walk.params, walk.seed, after, walk.first or cursor)
        return cursor

    def _place(self, data: Json, walk: Walk) -> tuple[Any, ...]:
        """A total order, so that paging can continue after an entry whatever was written since."""
        sort = "" if "sort" in self.ignores else walk.params.get("sort", "")
        tie = random.Random(f"{walk.seed} {data.get('id')}").random() if self._shuffle else 0.0
        return (*_rank(data, sort), tie, str(data.get("id")))


def read(data: Json) -> Entry:
    """The entry as the client reads it."""
    return _read(json.dumps({name: value for name, value in data.items() if name != "_us"}))


_read = lru_cache(maxsize=20_000)(read_entry)
_parsed = lru_cache(maxsize=20_000)(instant_us)


def _instant(data: Json) -> int:
    """The time by the server; `_us` holds it for an entry whose timestamp the client can't read."""
    return int(data.get("_us") or _parsed(str(data.get("created_at"))) or 0)


def _rank(data: Json, sort: str) -> tuple[int, ...]:
    return tuple(sign * _sorted_by(data, name) for name, sign in _terms(sort))


@lru_cache
def _terms(sort: str) -> Sequence[tuple[str, int]]:
    terms = [term.split(":") for term in (sort or "created_at:desc").split(",")]
    return [(name, 1 if way == "asc" else -1) for name, way in terms]


def _sorted_by(data: Json, name: str) -> int:
    value = _instant(data) if name == "created_at" else data.get("status_code")
    assert name in ("created_at", "status_code")
    return value if isinstance(value, int) else 0


def _holds(data: Json, name: str, value: str) -> bool:
    actor, target = (each if isinstance(each, dict) else {} for each in (data.get("actor"), data.get("target")))
    match name:
        case "actor_id" | "actor_type":
            return bool(actor.get(name.removeprefix("actor_")) == value)
        case "target_id" | "target_type":
            return bool(target.get(name.removeprefix("target_")) == value)
        case "path":
            return value.casefold() in str(data.get("path", "")).casefold()
        case "created_at_min" | "created_at_max":
            return _within(_instant(data), name, _parsed(value))
        case "status_code_min" | "status_code_max":
            return _within(data.get("status_code"), name, int(value))
        case _:
            return bool(data.get(name) == value)


def _within(value: object, name: str, bound: int | None) -> bool:
    if not isinstance(value, int) or bound is None:
        return False
    return value >= bound if name.endswith("_min") else value <= bound
