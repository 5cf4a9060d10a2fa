"""A log on a server whose times may be absent, unreadable or of nanoseconds, and which changes while it is read.

Bounds compare the nanoseconds, and an entry without a readable time matches no bound. What happens at a request is
told by the number of that request.
"""

from __future__ import annotations

import asyncio
import json
import math
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from auditlog_tui.entries.models import Entry, Page, read_entry
from auditlog_tui.errors import BadRequestError, NotFoundError, RateLimitedError, ServerError
from auditlog_tui.text.times import instant_us
from tests.unit.fake import START_US

ABSENT, UNREADABLE = "absent", "unreadable"
Time = int | str
"""Nanoseconds since the log's start, or why there are none."""

CHANGES = ("grow", "late", "undated", "forget")
"""What changes the log."""

HAPPENINGS = (
    *CHANGES, "refuse cursor", "refuse slice", "throttle", "fail", "stray", "repeat",
    "unclear", "no total",
)  # fmt: skip


@dataclass(eq=False)
class Record:
    number: int
    entry: Entry
    ns: int | None
    method: str
    gone: bool = False

    @property
    def place(self) -> tuple[int, int]:
        """Newest first; those without a time come last."""
        return -self.ns if self.ns is not None else 1 << 80, self.number


class TimedLog:
    """An `AuditLogApi`. `happens` maps a list call, from 1, to what happens in it.

    Bounds are cut to whole multiples of `unit` (nanoseconds) and `exclusive` or not. Counts stop at `most_counted`.
    Of a hundred cursors under the same bounds, about `refused` are always refused.

    `most_at_once` is the most requests that were under way together.
    """

    def __init__(
        self,
        times: Iterable[Time],
        *,
        happens: Mapping[int, str] | None = None,
        page_size: int = 100,
        exclusive: bool = False,
        unit: int = 1,
        most_counted: float = math.inf,
        refused: int = 0,
        turns: Callable[[int], int] = lambda call: 1,
    ) -> None:
        self.clock_offset_us: int | None = 0
        self.at_once = math.inf
        self.records: list[Record] = []
        self.happens = dict(happens or {})
        self.page_size = page_size
        self.exclusive = exclusive
        self.unit = unit
        self.most_counted = most_counted
        self.refused = refused
        self.turns = turns
        self.calls: list[tuple[dict[str, str], int, str | None]] = []
        self.under_way = self.most_at_once = 0
        self._found: dict[frozenset[tuple[str, str]], Sequence[Record]] = {}
        for time in times:
            self.write(time)
        self.first = [*self.records]

    def write(self, time: Time) -> Record:
        number = len(self.records)
        ns = START_US * 1000 + time if isinstance(time, int) else None
        self.records.append(Record(number, _entry(number, time), ns, _method(number)))
        self._found.clear()
        return self.records[-1]

    @property
    def alive(self) -> list[Record]:
        return [record for record in self.records if not record.gone]

    def stable(self) -> list[Record]:
        """Those that were there from the start until now."""
        return [record for record in self.first if not record.gone]

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        assert 10 <= limit <= 100
        self.calls.append((dict(params), limit, cursor))
        call = len(self.calls)
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            for _ in range(self.turns(call)):
                await asyncio.sleep(0)
            page = self._page(params, min(limit, self.page_size), cursor, self.happens.get(call, ""))
            await asyncio.sleep(0)
            return page
        finally:
            self.under_way -= 1

    async def get(self, entry_id: str) -> Entry:
        raise NotFoundError("There is no such entry.", status=404)

    def _page(self, params: Mapping[str, str], limit: int, cursor: str | None, what: str) -> Page:
        bounds = {"created_at_min", "created_at_max"} & params.keys()
        self._change(what)
        if what == "throttle":
            raise RateLimitedError("Too many requests.", status=429)
        if what == "fail":
            raise ServerError("The server failed.", status=500)
        if (what == "refuse cursor" and cursor is not None) or (what == "refuse slice" and len(bounds) == 2):
            raise BadRequestError("refused", status=400)
        if (
            cursor is not None
            and zlib.crc32(f"{cursor} {params.get('created_at_max')}".encode()) % 100 < self.refused
        ):
            raise BadRequestError("refused", status=400)
        ascending = params.get("sort", "").startswith("created_at:asc")
        matching = self._matching(params)

        def place(record: Record) -> tuple[int, ...]:
            return tuple(-part for part in record.place) if ascending else record.place

        if ascending:
            matching = matching[::-1]
        after = None if cursor is None else tuple(int(part) for part in cursor.split())
        begin = 0 if after is None else bisect_right(matching, after, key=place)
        found = matching[begin : begin + limit]
        more = begin + limit < len(matching)
        following = " ".join(map(repr, place(matching[begin + limit - 1]))) if more else None
        if what == "repeat" and cursor is not None and more:
            following = cursor
        if what == "stray" and len(bounds) == 2 and self.alive:
            found = [*found, min(self.alive, key=lambda each: each.place)]
        total = None if what == "no total" else int(min(len(matching), self.most_counted))
        unclear = "the server did not say whether more follows" if what == "unclear" else ""
        served = datetime(2027, 1, 15, 8, tzinfo=UTC) + timedelta(seconds=len(self.calls))
        return Page(tuple(each.entry for each in found), None if unclear else following, None, total, served, unclear)

    def _change(self, what: str) -> None:
        if what not in CHANGES:
            return
        dated = [each.ns for each in self.alive if each.ns is not None]
        low, high = (min(dated), max(dated)) if dated else (START_US * 1000, START_US * 1000)
        match what:
            case "grow":
                self.write(high - START_US * 1000 + 10**9)
            case "late":
                self.write((low + high) // 2 - START_US * 1000)
            case "undated":
                self.write(ABSENT)
            case "forget":
                for record in sorted((each for each in self.alive if each.ns is not None), key=_age)[:2]:
                    record.gone = True
                self._found.clear()

    def _matching(self, params: Mapping[str, str]) -> Sequence[Record]:
        """Those that match now, newest first."""
        key = frozenset(params.items())
        if key not in self._found:
            self._found[key] = sorted(self.select(params, self.alive), key=lambda record: record.place)
        return self._found[key]

    def select(self, params: Mapping[str, str], records: Iterable[Record]) -> Iterator[Record]:
        """Those that match."""
        bounds = {
            name: (instant_us(params[name]) or 0) * 1000 // self.unit * self.unit + inwards * self.exclusive
            for name, inwards in (("created_at_min", 1), ("created_at_max", -1))
            if name in params
        }
        low, high = bounds.get("created_at_min", -math.inf), bounds.get("created_at_max", math.inf)
        for record in records:
            dated = not bounds or (record.ns is not None and low <= record.ns <= high)
            if dated and record.method == params.get("method", record.method):
                yield record


def _method(number: int) -> str:
    return "GET" if number % 3 else "PUT"


@lru_cache(maxsize=1 << 15)
def _entry(number: int, time: Time) -> Entry:
    """The entry as a client reads it. The tests' logs have many in common, and reading them anew takes longer than
    paging through them.
    """
    fields = {"id": f"id-{number}", "action": "vm.read", "method": _method(number), "status_code": 200}
    if isinstance(time, int):
        ns = START_US * 1000 + time
        second = datetime.fromtimestamp(ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        fields["created_at"] = f"{second}.{ns % 10**9:09d}Z"
    elif time == UNREADABLE:
        fields["created_at"] = "yesterday"
    return read_entry(json.dumps(fields))


def _age(record: Record) -> tuple[int, int]:
    return record.ns or 0, -record.number
