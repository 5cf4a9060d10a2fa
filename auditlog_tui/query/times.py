"""Times in the filter: reading them and writing them."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from auditlog_tui.models import instant_us
from auditlog_tui.query.syntax import Ago, Clock, Day, Instant, Moment, Named, Times

EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)
SECOND = 1_000_000
FIRST = (datetime.min - EPOCH) // MICROSECOND
LAST = (datetime.max - EPOCH) // MICROSECOND
"""The years 1 to 9999, UTC, in microseconds since 1970."""

UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
"""Seconds in each unit of `last:`."""

_TIME = re.compile(
    r"(?P<wall>\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d)(?P<second>:\d\d(?P<fraction>\.\d+)?)?(?P<zone>[Zz]|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_AGO = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)
NAMES = ("today", "yesterday")


# -- reading -----------------------------------------------------------------------------------------------------


def read_times(text: str) -> Times:
    """What stands after `created:`. Raises `ValueError` for what is no time."""
    for sign in (">=", "<=", ">", "<"):
        if text.startswith(sign):
            moment, _ = _moment(text[len(sign) :])
            strict = len(sign) == 1
            return Times(moment, None, strict) if sign[0] == ">" else Times(None, moment, strict)
    low, dots, high = text.partition("..")
    if dots:
        if not low and not high:
            raise ValueError(text)
        return Times(_moment(low)[0] if low else None, _moment(high)[0] if high else None)
    return Times(*_moment(text))


def read_ago(text: str) -> Ago:
    """What stands after `last:`. Raises `ValueError` for what is no length of time."""
    match = _AGO.fullmatch(text.lower())
    if match is None or int(match[1]) == 0:
        raise ValueError(text)
    return Ago(int(match[1]), match[2])


def is_ago(text: str) -> bool:
    return _AGO.fullmatch(text.lower()) is not None


def _moment(text: str) -> tuple[Moment, Moment]:
    """The moment, and the last one that is the same as precisely as it is written."""
    if text.lower() in NAMES:
        return Named(text.lower()), Named(text.lower())
    if _DAY.fullmatch(text):
        return Day(date.fromisoformat(text)), Day(date.fromisoformat(text))
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(text)
    us = instant_us(f"{match['wall']}{match['second'] or ':00'}Z")
    if us is None:
        raise ValueError(text)
    digits = (match["fraction"] or ".")[1:7]
    width = int(10 ** (6 - len(digits))) if match["second"] else 60 * SECOND
    first, last = _wall(us), _wall(us + width - 1)
    if match["zone"] is None:
        return Clock(first), Clock(last)
    offset = _offset(match["zone"])
    us -= offset * 60 * SECOND
    return Instant(us, offset), Instant(us + width - 1, offset)


def _wall(us: int) -> datetime:
    try:
        return EPOCH + us * MICROSECOND
    except OverflowError as error:
        raise ValueError(us) from error


def _offset(zone: str) -> int:
    if zone in "Zz":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 23 or minutes > 59:
        raise ValueError(zone)
    return (hours * 60 + minutes) * (1 if zone[0] == "+" else -1)


# -- writing -----------------------------------------------------------------------------------------------------


def format_times(times: Times) -> str:
    if times.low is None or times.high is None:
        sign = ">" if times.high is None else "<"
        return sign + ("" if times.strict else "=") + _format(times.low or times.high)
    if times.low == times.high and isinstance(times.low, Day | Named):
        return _format(times.low)
    return f"{_format(times.low)}..{_format(times.high)}"


def _format(moment: Moment | None) -> str:
    if isinstance(moment, Instant):
        wall = EPOCH + (moment.us + moment.offset * 60 * SECOND) * MICROSECOND
        return f"{_iso(wall)}{_zone(moment.offset)}"
    if isinstance(moment, Clock):
        return _iso(moment.wall)
    if isinstance(moment, Day):
        return moment.day.isoformat()
    return moment.word if moment else ""


def _iso(wall: datetime) -> str:
    return wall.isoformat(timespec="microseconds" if wall.microsecond else "seconds")


def _zone(offset: int) -> str:
    if offset == 0:
        return "Z"
    hours, minutes = divmod(abs(offset), 60)
    return f"{'+' if offset > 0 else '-'}{hours:02}:{minutes:02}"
