"""Reading one moment, as a person in a hurry types it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo

from auditlog_tui.errors import QueryError
from auditlog_tui.query.freeze import SkippedError, checked, day_of, freeze, instants_of
from auditlog_tui.query.syntax import Ago, Clock, Instant, Named, Query, Term, Times, Value
from auditlog_tui.query.times import read_ago, read_times

HINT = "10:02, yesterday 18:00, 2026-11-22 10:02, 2026-11-22T10:02:00Z, or 2h for two hours ago"

_CLOCK = re.compile(r"(?:(today|yesterday) )?(\d{1,2}):(\d\d)(?::(\d\d))?", re.ASCII)


def read_moment(text: str, now_us: int, zone: tzinfo) -> int:
    """The instant in microseconds since 1970 UTC; a time of day is the latest one that is not in the future.

    Raises `QueryError`.
    """
    words = " ".join(text.lower().split())
    try:
        clock = _CLOCK.fullmatch(words)
        us = _clock(clock, now_us, zone) if clock is not None else _first(_value(words), now_us, zone)
        return checked(Instant(us)).us
    except SkippedError as error:
        raise QueryError(error.message, 0, len(text), error.hint) from error
    except (ValueError, OverflowError) as error:
        raise QueryError("This is no moment.", 0, len(text), f"Write {HINT}.") from error


def _value(words: str) -> Value:
    try:
        return read_ago(words.removesuffix(" ago").replace(" ", ""))
    except ValueError:
        return read_times(">=" + words)


def _first(value: Value, now_us: int, zone: tzinfo) -> int:
    if isinstance(value, Times) and isinstance(value.low, Clock):
        return _latest(value.low.wall, now_us, zone)
    key = "last" if isinstance(value, Ago) else "created"
    frozen = freeze(Query((Term(key, (value,)),)), now_us, zone).terms[0].values[0]
    if isinstance(frozen, Times) and isinstance(frozen.low, Instant):
        return frozen.low.us
    raise ValueError(value)


def _clock(match: re.Match[str], now_us: int, zone: tzinfo) -> int:
    today = day_of(Named(match[1] or "today"), now_us, zone)
    wall = datetime(today.year, today.month, today.day, int(match[2]), int(match[3]), int(match[4] or 0))
    try:
        us = _latest(wall, now_us, zone)
    except SkippedError as error:
        if match[1] or error.at_us <= now_us:
            raise
        us = error.at_us
    return us if match[1] or us <= now_us else _latest(wall - timedelta(days=1), now_us, zone)


def _latest(wall: datetime, now_us: int, zone: tzinfo) -> int:
    """The latest instant at which clocks show this that is not in the future, else the first."""
    instants = instants_of(wall, zone)
    return max((us for us in instants if us <= now_us), default=instants[0])
