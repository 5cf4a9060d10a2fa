"""Instants and durations to and from text; both are integers in microseconds, instants since 1970 UTC."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Literal

import msgspec

from auditlog_tui.text.safe import safe

Mode = Literal["utc", "local", "relative"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST_US = -62_135_596_800_000_000
_LAST_US = 253_402_300_799_999_999
_SECOND, _MINUTE, _HOUR, _DAY, _YEAR = 1, 60, 3600, 86_400, 365 * 86_400
_UNITS = ((_YEAR, "y", _DAY, "d"), (_DAY, "d", _HOUR, "h"), (_HOUR, "h", _MINUTE, "m"), (_MINUTE, "m", _SECOND, "s"))
DAY_US = _DAY * 1_000_000
_QUARTER_US = 900 * 1_000_000
"""A quarter of an hour: offset changes and local midnights fall on multiples of it (since standard time)."""

_LONGEST_ZONE_NAME = 6

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))?", re.ASCII
)


def instant_us(text: str) -> int | None:
    """Microseconds since 1970 UTC of an RFC 3339 timestamp, or `None` if the text is not one.

    Digits beyond the microsecond are dropped (the raw text keeps them). A leap second (`:60`) counts as the second
    after `:59`. A timestamp without an offset is read as UTC.
    """
    if len(text) == 27 and text[4:11:3] + text[13:20:3] + text[26] == "--T::.Z" and text[11:13] < "24":
        try:  # the API's own form first, in less time than the pattern takes
            return (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND
        except ValueError:
            pass
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)  # takes a third of the time, but refuses some valid timestamps
        if match[4] < "24":  # some versions of Python read hour 24 as the next day
            return ((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND
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


def instants_us(texts: Sequence[str]) -> list[int | None]:
    """`instant_us` of each of these, in a quarter of the time where all have the API's own form."""
    # msgspec reads `+0100` too, and rounds digits below the microsecond.
    if {text[-1:] for text in texts} == {"Z"} and max(map(len, texts)) <= len("2000-01-01T00:00:00.000000Z"):
        with suppress(msgspec.ValidationError):
            return [(moment - _EPOCH) // _MICROSECOND for moment in msgspec.convert(texts, list[datetime])]
    return list(map(instant_us, texts))


def rfc3339(us: int) -> str:
    """The instant in the API's form: UTC with `Z`, with microseconds only if they are not zero.

    Instants outside the years 1 to 9999 are clamped to them.
    """
    us = max(_FIRST_US, min(us, _LAST_US))
    moment = _EPOCH + timedelta(microseconds=us)
    return moment.isoformat(timespec="microseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")


def is_in_calendar(us: int) -> bool:
    """Whether an instant is in the years 1 to 9999."""
    return _FIRST_US <= us <= _LAST_US


def format_time(
    us: int | None,
    mode: Mode,
    now_us: int,
    zone: tzinfo,
    with_date: bool = True,
    *,
    with_offset: bool = False,
) -> str:
    """An instant as a table cell: `2026-11-22 10:41:57`, or `3 m 12 s ago` (at most 25 cells).

    `zone` is used in the mode `local`. Its offset is added if `with_offset`, and to every time that its clocks show
    twice (`2026-11-01 01:30:00-05`). An unreadable instant (`None`) is `?`; one outside the years 1 to 9999 is
    `before year 1` or `after year 9999`. An instant whose local year would be outside them is given in UTC.
    """
    if us is None:
        return "?"
    if not is_in_calendar(us):
        return _out_of_range(us)
    if mode == "relative":
        return _relative(now_us - us)
    text = _at(us, UTC if mode == "utc" else zone).isoformat(" ", "seconds")
    offset = (short_offset if with_offset else repeated_offset)(us, zone) if mode == "local" else ""
    return (text[:19] if with_date else text[11:19]) + offset


def repeated_offset(us: int, zone: tzinfo) -> str:
    """The offset of an instant whose local time occurs twice; empty for any other instant."""
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
    """A zone's offset at an instant in ISO 8601: `-05`, or `+05:45` if it isn't a whole number of hours."""
    offset = _at(max(_FIRST_US, min(us, _LAST_US)), zone).utcoffset() or timedelta()
    return _offset(offset).removesuffix(":00")


def day(us: int | None, mode: Mode, zone: tzinfo) -> int | None:
    """A number for the day on which an instant is shown, equal for instants of the same day; `None` if unreadable."""
    if us is None or mode != "local":
        return None if us is None else us // (_DAY * 1_000_000)
    return _local_day(us // _QUARTER_US, zone)


@lru_cache(4096)
def _local_day(quarter: int, zone: tzinfo) -> int:
    us = max(_FIRST_US, min(quarter * _QUARTER_US, _LAST_US))
    return _at(us, zone).toordinal()


def zone_labels(zone: tzinfo, instants: Iterable[int]) -> tuple[str, ...]:
    """The zone's labels at these instants, without duplicates."""
    return tuple(dict.fromkeys(_label(zone, us // _QUARTER_US) for us in instants))


@lru_cache(4096)
def _label(zone: tzinfo, quarter: int) -> str:
    return zone_label(zone, quarter * _QUARTER_US)


def format_time_exact(us: int | None, zone: tzinfo) -> str:
    """The instant with milliseconds (microseconds if it has any) and the zone: `… 10:41:57.204 UTC`."""
    if us is None:
        return "?"
    if not is_in_calendar(us):
        return _out_of_range(us)
    moment = _at(us, zone)
    text = moment.replace(tzinfo=None).isoformat(" ", "microseconds" if us % 1000 else "milliseconds")
    return f"{text} {_zone_name(moment)}"


def moment(us: int, zone: tzinfo, *, with_date: bool = True) -> str:
    """The instant to the second, with its zone: `2026-11-22 10:41:57 UTC`."""
    return f"{format_time(us, 'local', us, zone, with_date)} {zone_label(zone, us)}"


def age(us: int) -> str:
    """A duration in its largest unit: `12 s`, `3 min`, `2 h`, `5 d`. A negative one (clocks that differ) is `0 s`."""
    seconds = max(0, us) // 1_000_000
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= unit:
            return f"{count(seconds // unit)} {name}"
    return f"{seconds} s"


def distance(us: int) -> str:
    """The absolute length of a duration: `39 s`, `1 m 40 s`, `300 ms`, `0 s`."""
    us = abs(us)
    if us >= 1_000_000:
        return _in_units(us // 1_000_000)
    return f"{us // 1000} ms" if us >= 1000 else f"{us} µs" if us else "0 s"


def offset_us(us: int, zone: tzinfo) -> int:
    """How far a zone's clocks are ahead of UTC at an instant."""
    if zone is UTC:
        return 0
    return (_at(max(_FIRST_US, min(us, _LAST_US)), zone).utcoffset() or timedelta()) // _MICROSECOND


_IN_A_SECOND = tuple(digit * 10**power for power in range(6) for digit in (1, 2, 5))
_IN_60 = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)
_IN_24 = (1, 2, 3, 4, 6, 8, 12)


def round_steps() -> Iterator[int]:
    """Durations (µs) whose multiples are round times of a clock, ascending, without end: …, 15 s, 20 s, …, 1 d, …."""
    yield from _IN_A_SECOND
    for unit, parts in ((_SECOND, _IN_60), (_MINUTE, _IN_60), (_HOUR, _IN_24)):
        yield from (part * unit * 1_000_000 for part in parts)
    days = 1
    while True:
        yield days * DAY_US
        days += max(1, days // 10)


def zone_label(zone: tzinfo, now_us: int) -> str:
    """A time zone's name and offset at an instant: `UTC`, `CET +01:00`, `+05:45`."""
    return _zone_name(_at(max(_FIRST_US, min(now_us, _LAST_US)), zone))


def count(n: int) -> str:
    """A number with thousands separators: `18,331`."""
    return f"{n:,}"


def counted(n: int, one: str, many: str = "") -> str:
    """A number with its noun: `1 entry`, `18,331 entries`. The plural defaults to the singular plus s."""
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


def local_zone() -> tzinfo:
    """The machine's time zone (it honours `TZ`), with the offset in force at each instant."""
    return _local(os.environ.get("TZ"))


@lru_cache(1)
def _local(tz: str | None) -> tzinfo:
    """One object per value of `TZ`, because labels are cached by zone object."""
    return _LocalZone()


class _LocalZone(tzinfo):
    def fromutc(self, moment: datetime) -> datetime:
        local = moment.replace(tzinfo=UTC).astimezone()
        first = local.replace(tzinfo=self, fold=0)
        # In the hour that the end of summer time repeats, `fold` marks the second occurrence.
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
            # The platform's range is exceeded: use the current offset.
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


def _out_of_range(us: int) -> str:
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
    # Some names are offsets, and names on Windows are whole phrases.
    return f"{name} {hours}" if name.isalpha() and len(name) <= _LONGEST_ZONE_NAME else hours


def _offset(offset: timedelta) -> str:
    minutes = abs(offset) // timedelta(minutes=1)
    return f"{'-' if offset < timedelta() else '+'}{minutes // 60:02}:{minutes % 60:02}"
