"""Reading one moment, as a person in a hurry types it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo

from auditlog_tui.errors import QueryError
from auditlog_tui.query.freeze import freeze
from auditlog_tui.query.syntax import Ago, Instant, Query, Term, Times, Value
from auditlog_tui.query.times import EPOCH, MICROSECOND, read_ago, read_times

HINT = "10:02, yesterday 18:00, 2026-11-22 10:02, 2026-11-22T10:02:00Z, or 2h for two hours ago"

_CLOCK = re.compile(r"(?:(today|yesterday) )?(\d{1,2}):(\d\d)(?::(\d\d))?", re.ASCII)


def read_moment(text: str, now_us: int, zone: tzinfo) -> int:
    """The instant in microseconds since 1970 UTC; a time of day is the latest one that is not in the future.

    Raises `QueryError`.
    """
    words = " ".join(text.lower().split())
    try:
        clock = _CLOCK.fullmatch(words)
        if clock is not None:
            return _clock(clock, now_us, zone)
        return _first(_value(words), now_us, zone)
    except (ValueError, OverflowError) as error:
        raise QueryError("This is no moment.", 0, len(text), f"Write {HINT}.") from error


def _value(words: str) -> Value:
    try:
        return read_ago(words.removesuffix(" ago").replace(" ", ""))
    except ValueError:
        return read_times(">=" + words)


def _first(value: Value, now_us: int, zone: tzinfo) -> int:
    key = "last" if isinstance(value, Ago) else "created"
    frozen = freeze(Query((Term(key, (value,)),)), now_us, zone).terms[0].values[0]
    if isinstance(frozen, Times) and isinstance(frozen.low, Instant):
        return frozen.low.us
    raise ValueError(value)


def _clock(match: re.Match[str], now_us: int, zone: tzinfo) -> int:
    hour, minute, second = int(match[2]), int(match[3]), int(match[4] or 0)
    midnight = _first(read_times(f">={match[1] or 'today'}"), now_us, zone)
    today = (EPOCH + (midnight + _offset_us(midnight, zone)) * MICROSECOND).date()
    wall = datetime(today.year, today.month, today.day, hour, minute, second)
    us = _instant(wall, now_us, zone)
    return us if match[1] or us <= now_us else _instant(wall - timedelta(days=1), now_us, zone)


def _instant(wall: datetime, now_us: int, zone: tzinfo) -> int:
    return _first(read_times(f">={wall.isoformat()}"), now_us, zone)


def _offset_us(us: int, zone: tzinfo) -> int:
    local = datetime.fromtimestamp(us / 1_000_000, zone)
    return (local.utcoffset() or timedelta()) // MICROSECOND
