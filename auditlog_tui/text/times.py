"""Instants and durations to and from text. Both are integers of microseconds; instants count from 1970 UTC."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Literal

from auditlog_tui.text.safe import safe

Mode = Literal["utc", "local", "relative"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST_US = -62_135_596_800_000_000
_LAST_US = 253_402_300_799_999_999
_SECOND, _MINUTE, _HOUR, _DAY, _YEAR = 1, 60, 3600, 86_400, 365 * 86_400
_UNITS = ((_YEAR, "y", _DAY, "d"), (_DAY, "d", _HOUR, "h"), (_HOUR, "h", _MINUTE, "m"), (_MINUTE, "m", _SECOND, "s"))
_QUARTER_US = 900 * 1_000_000
"""Clocks are changed, and days begin, at quarters of an hour (since railways)."""

_LONGEST_ZONE_NAME = 6

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))?", re.ASCII
)


def instant_us(text: str) -> int | None:
    """The microseconds since 1970 UTC of an RFC 3339 timestamp, or `None` if it is none.

    Digits beyond the microsecond are cut (the raw text keeps them). A leap second (`:60`) is the second after
    `:59`. A timestamp without an offset is read as UTC.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    try:
        quick = datetime.fromisoformat(text)  # a third of the time, for all that it can read
        if match[4] < "24":  # some Pythons take that for the next day
            return ((quick if quick.tzinfo else quick.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND
    except ValueError:
        pass
    year, month, day, hour, minute, second = (int(match[n]) for n in range(1, 7))
    leap = second == 60
    try:
        moment = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=UTC)
    except ValueError:
        return None
    micros = (moment - _EPOCH) // _MICROSECOND + int((match[7] or "").ljust(6, "0")[:6]) + leap * 1_000_000
    if match[9]:
        offset = (int(match[10]) * 60 + int(match[11])) * 60_000_000
        micros -= offset if match[9] == "+" else -offset
    return micros


def rfc3339(us: int) -> str:
    """The instant as the API takes it: UTC with `Z`, microseconds only where there are any.

    Instants outside the years 1 to 9999 are clamped to them.
    """
    us = max(_FIRST_US, min(us, _LAST_US))
    moment = _EPOCH + timedelta(microseconds=us)
    return moment.isoformat(timespec="microseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")


def format_time(
    us: int | None,
    mode: Mode,
    now_us: int,
    zone: tzinfo,
    with_date: bool = True,
    *,
    with_offset: bool = False,
) -> str:
    """The instant for a table's cell: `2026-11-22 10:41:57`, or `3 m 12 s ago` (25 cells at most).

    `zone` is used in the mode `local`; a time that its clocks show twice has its offset (`2026-11-01 01:30:00-05`),
    and so has every one `with_offset`.
    `?` is an instant that could not be read; one beyond the years 1 to 9999 is named as that. An instant whose local
    year would be beyond them is given in UTC.
    """
    if us is None:
        return "?"
    if not _FIRST_US <= us <= _LAST_US:
        return _beyond(us)
    if mode == "relative":
        return _relative(now_us - us)
    text = _at(us, UTC if mode == "utc" else zone).isoformat(" ", "seconds")
    offset = (short_offset if with_offset else repeated_offset)(us, zone) if mode == "local" else ""
    return (text[:19] if with_date else text[11:19]) + offset


def repeated_offset(us: int, zone: tzinfo) -> str:
    """The offset of an instant whose time the zone's clocks show twice; empty for any other."""
    return "" if zone is UTC else _repeated_offset(us // _QUARTER_US, zone)


@lru_cache(4096)
def _repeated_offset(quarter: int, zone: tzinfo) -> str:
    us = quarter * _QUARTER_US
    if not _FIRST_US <= us <= _LAST_US:
        return ""
    moment = _at(us, zone)
    other = moment.replace(fold=1 - moment.fold)
    return short_offset(us, zone) if other.utcoffset() != moment.utcoffset() else ""


def short_offset(us: int, zone: tzinfo) -> str:
    """The offset of a zone at an instant, as ISO 8601 has it: `-05`, or `+05:45` where it is no whole hour."""
    offset = _at(max(_FIRST_US, min(us, _LAST_US)), zone).utcoffset() or timedelta()
    return _offset(offset).removesuffix(":00")


def day(us: int | None, mode: Mode, zone: tzinfo) -> int | None:
    """A number for the day on which an instant is shown; the same for two instants of one day, else another."""
    if us is None or mode != "local":
        return None if us is None else us // (_DAY * 1_000_000)
    return _local_day(us // _QUARTER_US, zone)


@lru_cache(4096)
def _local_day(quarter: int, zone: tzinfo) -> int:
    us = max(_FIRST_US, min(quarter * _QUARTER_US, _LAST_US))
    return _at(us, zone).toordinal()


def zone_labels(zone: tzinfo, instants: Iterable[int]) -> tuple[str, ...]:
    """What a zone is called at these instants, each label once."""
    return tuple(dict.fromkeys(_label(zone, us // _QUARTER_US) for us in instants))


@lru_cache(4096)
def _label(zone: tzinfo, quarter: int) -> str:
    return zone_label(zone, quarter * _QUARTER_US)


def format_time_exact(us: int | None, zone: tzinfo) -> str:
    """The instant with its milliseconds, or microseconds where it has any, and the zone: `… 10:41:57.204 UTC`."""
    if us is None:
        return "?"
    if not _FIRST_US <= us <= _LAST_US:
        return _beyond(us)
    moment = _at(us, zone)
    text = moment.replace(tzinfo=None).isoformat(" ", "microseconds" if us % 1000 else "milliseconds")
    return f"{text} {_zone_name(moment)}"


def age(us: int) -> str:
    """A duration in its largest unit: `12 s`, `3 min`, `2 h`, `5 d`. A negative one (two clocks) is `0 s`."""
    seconds = max(0, us) // 1_000_000
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= unit:
            return f"{count(seconds // unit)} {name}"
    return f"{seconds} s"


def distance(us: int) -> str:
    """How far two instants are apart: `39 s`, `1 m 40 s`, `300 ms`, `0 s`."""
    us = abs(us)
    if us >= 1_000_000:
        return _in_units(us // 1_000_000)
    return f"{us // 1000} ms" if us >= 1000 else f"{us} µs" if us else "0 s"


def zone_label(zone: tzinfo, now_us: int) -> str:
    """What a time zone is called at an instant, with its offset: `UTC`, `CET +01:00`, `+05:45`."""
    return _zone_name(_at(max(_FIRST_US, min(now_us, _LAST_US)), zone))


def count(n: int) -> str:
    """A number for people: `18,331`."""
    return f"{n:,}"


def counted(n: int, one: str, many: str = "") -> str:
    """A number with its noun: `1 entry`, `18,331 entries`. The plural has an s if it is not given."""
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


def local_zone() -> tzinfo:
    """The machine's own time zone (`TZ` is honoured), with the offset that was in force at each instant."""
    return _local(os.environ.get("TZ"))


@lru_cache(1)
def _local(tz: str | None) -> tzinfo:
    """One object for each value of `TZ`, by which labels are cached."""
    return _LocalZone()


class _LocalZone(tzinfo):
    def fromutc(self, moment: datetime) -> datetime:
        local = moment.replace(tzinfo=UTC).astimezone()
        first = local.replace(tzinfo=self, fold=0)
        # An hour that the end of summer time repeats: the later one is told by `fold`.
        return first if self.utcoffset(first) == local.utcoffset() else first.replace(fold=1)

    def utcoffset(self, moment: datetime | None) -> timedelta:
        return self._fixed(moment).utcoffset() or timedelta()

    def dst(self, moment: datetime | None) -> timedelta | None:
        return None

    def tzname(self, moment: datetime | None) -> str | None:
        return self._fixed(moment).tzname()

    @staticmethod
    def _fixed(moment: datetime | None) -> datetime:
        naive = moment.replace(tzinfo=None) if moment else datetime.now()
        try:
            return naive.astimezone()
        except (OverflowError, ValueError, OSError):
            # At the ends of the calendar: as it is now.
            return datetime.fromtimestamp(time.time()).astimezone()

    def __repr__(self) -> str:
        return "local_zone()"


def _at(us: int, zone: tzinfo) -> datetime:
    moment = _EPOCH + timedelta(microseconds=us)
    if zone is UTC:
        return moment
    try:
        return moment.astimezone(zone)
    except (OverflowError, ValueError, OSError):
        return moment


def _beyond(us: int) -> str:
    return "before year 1" if us < _FIRST_US else "after year 9999"


def _relative(us: int) -> str:
    seconds = abs(us) // 1_000_000
    if not seconds:
        return "now"
    return f"{_in_units(seconds)} ago" if us > 0 else f"in {_in_units(seconds)}"


def _in_units(seconds: int) -> str:
    for size, name, smaller, smaller_name in _UNITS:
        if seconds >= size:
            rest = seconds % size // smaller
            return f"{seconds // size} {name} {rest} {smaller_name}" if rest else f"{seconds // size} {name}"
    return f"{seconds} s"


def _zone_name(moment: datetime) -> str:
    offset = moment.utcoffset() or timedelta()
    name = safe(moment.tzname() or "")
    if not offset and name in ("UTC", "Z", "Etc/UTC"):
        return "UTC"
    hours = _offset(offset)
    # Some zones are named by their offset, and Windows has names of whole sentences.
    return f"{name} {hours}" if name.isalpha() and len(name) <= _LONGEST_ZONE_NAME else hours


def _offset(offset: timedelta) -> str:
    minutes = abs(offset) // timedelta(minutes=1)
    return f"{'-' if offset < timedelta() else '+'}{minutes // 60:02}:{minutes % 60:02}"
