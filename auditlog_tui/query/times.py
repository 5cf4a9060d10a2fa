"""Times as text: the parser for filters, options and going to a time, and the formatter.

times  = ( ">" | ">=" | "<" | "<=" ) moment | moment range moment | moment "±" length | moment
range  = ".." | "..." | "…" | " to " | " - "         with dots, either end may be omitted
moment = ( day [ "T" | " " ] [ clock ] | clock [ " " day ] ) [ zone ]
| "now" | "-" length | length " ago" | ten digits (seconds since 1970) | thirteen (milliseconds)
day    = 2026-11-22 | 2026/11/22 | "today" | "yesterday" | nov 1 | 1 nov | nov 1 2026
clock  = 14:00 | 14:00:05 | 14:00:05.25 | 2:00pm | 2pm
zone   = "Z" | " UTC" | +01:00
length = a number and a unit: 90s, 90 min, 2 hours, 1h30m
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from auditlog_tui.query.syntax import Ago, Clock, Day, Instant, Moment, Named, Times
from auditlog_tui.text.late import late_pattern
from auditlog_tui.text.times import instant_us

EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)
SECOND = 1_000_000
FIRST = (datetime.min - EPOCH) // MICROSECOND
LAST = (datetime.max - EPOCH) // MICROSECOND
"""The first and last instant of the years 1 to 9999 in UTC, in microseconds since 1970."""

UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
"""Seconds in each unit of `last:`."""

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_UNIT = r"(?:s(?:ec(?:ond)?s?)?|m(?:in(?:ute)?s?)?|h(?:(?:ou)?rs?)?|d(?:ays?)?|w(?:(?:ee)?ks?)?)"
"""The names of the units; the first letter determines the unit."""

_LENGTH = late_pattern(rf"(\d{{1,9}}) ?({_UNIT})", re.ASCII)
_LENGTHS = late_pattern(rf"\d{{1,9}} ?{_UNIT}|(?:\d{{1,9}}{_UNIT})+", re.ASCII)
_BEFORE_NOW = late_pattern(r"- ?(?P<minus>.+)|(?P<ago>.+) ago")
_EPOCH = late_pattern(r"(?P<seconds>\d{10})(?:\.(?P<fraction>\d{1,6}))?|(?P<milliseconds>\d{13})", re.ASCII)
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DATE = r"(?P<date>\d{1,2})(?:st|nd|rd|th)?"
_DAYS = tuple(
    late_pattern(pattern, re.ASCII)
    for pattern in (
        r"(?P<year>\d{4})([-/])(?P<number>\d\d?)\2(?P<date>\d\d?)",
        rf"{_MONTH}[-. ]{{1,2}}{_DATE}(?:,? (?P<year>\d{{4}}))?",
        rf"{_DATE}[-./ ]{{1,2}}{_MONTH}(?:[-./ ](?P<year>\d{{4}}))?",
    )
)
_CLOCK = (
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?(?: ?(?P<half>[ap])m)?"
    r"| ?(?P<only_half>[ap])m)"
)
_DAYS_AND_TIMES = tuple(
    late_pattern(pattern, re.ASCII)
    for pattern in (
        _CLOCK,
        rf"(?P<day>.+?)(?:t|,? | at |:){_CLOCK}",
        rf"{_CLOCK} (?:on )?(?P<day>.+)",
        r"(?P<day>.+)",
    )
)
_ZONE = late_pattern(r"(.*\d(?: ?[ap]m)?) ?(z|[+-]\d\d:?\d\d)|(.*\S) ?(?:utc|gmt)", re.ASCII)
_NO_RANGE = late_pattern(r"(\d?\d:\d\d) ?-(\d\d:\d\d)", re.ASCII)
_RANGE = late_pattern(r" ?(?:\.{2,3}|…) ?| (?:to|until|till|-|–|—) |[–—]")
_AROUND = late_pattern(r"(.+?) ?(?:±|\+-|\+/-) ?(.+)")
_SIGNS = {">=": ">=", "=>": ">=", "≥": ">=", "<=": "<=", "=<": "<=", "≤": "<=", ">": ">", "<": "<"}
_NUMERIC_DAY = late_pattern(r"(\d{1,2})([/.])(\d{1,2})(?:\2(\d{4}))?\.?(?:[ t](.+))?", re.ASCII)
_DIGITS = late_pattern(r"(?:(\d{4})(\d\d)(\d\d)|(\d\d)(\d\d))", re.ASCII)
NAMES = ("today", "yesterday")


class NoTimeError(ValueError):
    """The text is not a time, or is ambiguous; `readings` are unambiguous texts that may be meant."""

    def __init__(self, text: str, readings: Iterable[str] = ()) -> None:
        super().__init__(text)
        self.readings = tuple(readings)


# -- parsing -----------------------------------------------------------------------------------------------------


def read_times(text: str) -> Times:
    """Parse a value of `created:`. Raises `NoTimeError`."""
    text = _normalized(text)
    for typed, sign in _SIGNS.items():
        if text.startswith(typed):
            moment, strict = _end(text[len(typed) :].lstrip(), text), len(sign) == 1
            return Times(moment, None, strict) if sign[0] == ">" else Times(None, moment, strict)
    found = _AROUND.fullmatch(text)
    if found is not None:
        return _around(_end(found[1], text), read_ago(found[2]))
    parts = _RANGE.split(text, maxsplit=1)
    if len(parts) == 2:
        return _range(parts[0], parts[1], text)
    first, last = _moment(text)
    if isinstance(first, Ago) or first == Named("now"):
        ago = format_moment(first)
        raise NoTimeError(text, (f">={ago}", f"<={ago}") if isinstance(first, Ago) else ("<=now",))
    return Times(first, last)


def read_ago(text: str) -> Ago:
    """Parse a value of `last:`. Raises `NoTimeError` if it is not a length of time."""
    text = _normalized(text)
    if not _LENGTHS.fullmatch(text):
        raise NoTimeError(text, _possible_lengths(text))
    parts = [(int(number), unit[0]) for number, unit in _LENGTH.findall(text)]
    smallest = min((unit for _, unit in parts), key=UNITS.__getitem__)
    count = sum(number * UNITS[unit] for number, unit in parts) // UNITS[smallest]
    if count == 0:
        raise NoTimeError(text)
    return Ago(count, smallest)


def is_ago(text: str) -> bool:
    """Whether the text is a length of time."""
    return _LENGTHS.fullmatch(_normalized(text)) is not None


def read_length(text: str) -> int:
    """A length of time such as `5m`, in microseconds. Raises `NoTimeError` if it is none."""
    ago = read_ago(text)
    return ago.count * UNITS[ago.unit] * 1_000_000


def read_one(text: str) -> Moment:
    """Parse a single moment; a bare length of time counts back from now. Raises `NoTimeError`."""
    text = _normalized(text)
    return read_ago(text) if is_ago(text) else _moment(text)[0]


def is_whole_day(moment: Moment | None) -> bool:
    """Whether the moment is a day without a time."""
    return isinstance(moment, Day) or (isinstance(moment, Named) and moment.at is None and moment.word != "now")


def _normalized(text: str) -> str:
    return " ".join(text.lower().split())


def _possible_lengths(text: str) -> tuple[str, ...]:
    bare = text.lstrip("-+ ").removesuffix(" ago").removeprefix("last ").removeprefix("past ")
    if bare in UNITS or re.fullmatch(_UNIT, bare):
        return (f"1{bare[0]}",)
    joined = bare.replace(" ", "")
    return (joined,) if joined != text and _LENGTHS.fullmatch(joined) else ()


def _range(low: str, high: str, text: str) -> Times:
    if not low and not high:
        raise NoTimeError(text)
    zoned = re.search(r" (utc|gmt)$", high)
    if zoned and low and _ZONE.fullmatch(low) is None:
        low += " utc"  # a zone after the second end applies to both
    return Times(_end(low, text) if low else None, _end(high, text) if high else None)


def _end(text: str, whole: str) -> Moment:
    """One end of a range. Raises `NoTimeError` for a bare length of time, which is ambiguous."""
    if is_ago(text):
        ago = read_ago(text)
        length = f"{ago.count}{ago.unit}"
        raise NoTimeError(whole, (f"last:{length}", f"<-{length}"))
    return _moment(text)[0]


def _around(moment: Moment, ago: Ago) -> Times:
    seconds = ago.count * UNITS[ago.unit]
    if isinstance(moment, Instant):
        us = seconds * SECOND
        return Times(Instant(moment.us - us, moment.offset), Instant(moment.us + us, moment.offset))
    try:
        if isinstance(moment, Clock):
            length = timedelta(seconds=seconds)
            return Times(Clock(moment.wall - length), Clock(moment.wall + length))
    except OverflowError as error:
        raise NoTimeError(str(seconds)) from error
    if is_whole_day(moment):
        raise NoTimeError(format_moment(moment), (f"{format_moment(moment)}t12:00±{ago.count}{ago.unit}",))
    return Times(moment, moment, around=seconds)


def _moment(text: str) -> tuple[Moment, Moment]:
    """The first and last moment that a text can mean at its precision (`10:02` is a whole minute)."""
    if text == "now":
        return Named("now"), Named("now")
    if match := _BEFORE_NOW.fullmatch(text):
        ago = read_ago(match["minus"] or match["ago"])
        return ago, ago
    if match := _EPOCH.fullmatch(text):
        return _epoch(match)
    if match := _NO_RANGE.fullmatch(text):
        raise NoTimeError(text, (f"{match[1]}..{match[2]}", f"{match[1]}:00-{match[2]}"))
    zone = _ZONE.fullmatch(text)
    rest = text if zone is None else zone[1] or zone[3]
    offset = None if zone is None else _offset(zone[2] or "z")
    for pattern in _DAYS_AND_TIMES:
        if (match := pattern.fullmatch(rest)) and (found := _day_and_time(match, offset)):
            return found
    raise NoTimeError(text, _possible_readings(text))


def _epoch(match: re.Match[str]) -> tuple[Moment, Moment]:
    if match["milliseconds"]:
        us, width = int(match["milliseconds"]) * 1_000, 1_000
    else:
        digits = match["fraction"] or ""
        us, width = int(match["seconds"]) * SECOND + int(digits.ljust(6, "0")), int(10 ** (6 - len(digits)))
    return Instant(us), Instant(us + width - 1)


def _day_and_time(match: re.Match[str], offset: int | None) -> tuple[Moment, Moment] | None:
    """The moments of a day, a time of day or both; `None` if the part for the day is not a day."""
    groups = match.groupdict()
    day = _day(groups["day"]) if "day" in groups else ""
    if day is None:
        return None
    if "hour" not in groups:
        return _whole_day(day, offset)
    seconds, fraction, width = _clock(groups)
    if isinstance(day, date):
        return _time_on_day(day, seconds, fraction, width, offset)
    if groups["second"] == "60":
        raise NoTimeError(seconds)  # a leap second needs a date
    at = _wall(instant_of(date(2000, 1, 1), seconds, fraction))
    last = at + (width - 1) * MICROSECOND
    return Named(day, at.time(), offset), Named(day, last.time(), offset)


def _time_on_day(day: date, seconds: str, fraction: str, width: int, offset: int | None) -> tuple[Moment, Moment]:
    us = instant_of(day, seconds, fraction)
    first, last = _wall(us), _wall(us + width - 1)
    if offset is None:
        return Clock(first), Clock(last)
    us -= offset * 60 * SECOND
    return Instant(us, offset), Instant(us + width - 1, offset)


def instant_of(day: date, seconds: str, fraction: str) -> int:
    """Microseconds since 1970 of a day's time `hh:mm:ss` in UTC."""
    us = instant_us(f"{day.isoformat()}T{seconds}{fraction}Z")
    if us is None:
        raise NoTimeError(seconds)
    return us


def _whole_day(day: date | str, offset: int | None) -> tuple[Moment, Moment]:
    if isinstance(day, str):
        if offset:
            raise NoTimeError(day)
        return Named(day, None, offset), Named(day, None, offset)
    if offset is None:
        return Day(day), Day(day)
    us = instant_of(day, "00:00:00", "") - offset * 60 * SECOND
    return Instant(us, offset), Instant(us + UNITS["d"] * SECOND - 1, offset)


def _clock(groups: dict[str, str | None]) -> tuple[str, str, int]:
    """The time as `hh:mm:ss`, its fraction with the point, and its precision in microseconds."""
    hour, half = int(groups["hour"] or 0), groups["half"] or groups["only_half"]
    if half and not 1 <= hour <= 12:
        raise NoTimeError(f"{hour}{half}m", (f"{hour}:{groups['minute'] or '00'}",) if hour < 24 else ())
    hour = hour % 12 + 12 * (half == "p") if half else hour
    digits = groups["fraction"] or ""
    width = UNITS["m" if groups["minute"] else "h"] * SECOND
    if groups["second"]:
        width = int(10 ** (6 - len(digits[:6])))
    return f"{hour:02}:{groups['minute'] or '00'}:{groups['second'] or '00'}", digits and f".{digits}", width


def _day(text: str) -> date | str | None:
    if text in NAMES:
        return text
    match = next(filter(None, (pattern.fullmatch(text) for pattern in _DAYS)), None)
    if match is None:
        return None
    groups = match.groupdict()
    name = groups.get("month") or ""
    number = MONTHS.index(name[:3]) + 1 if name else int(groups["number"])
    try:
        day = date(int(groups["year"] or 2000), number, int(groups["date"]))
    except ValueError as error:
        raise NoTimeError(text) from error
    return day if groups["year"] else f"{MONTHS[number - 1]}-{day.day:02}"


def _wall(us: int) -> datetime:
    try:
        return EPOCH + us * MICROSECOND
    except OverflowError as error:
        raise NoTimeError(str(us)) from error


def _offset(zone: str) -> int:
    if zone == "z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 23 or minutes > 59:
        raise NoTimeError(zone)
    return (hours * 60 + minutes) * (1 if zone[0] == "+" else -1)


def _possible_readings(text: str) -> tuple[str, ...]:
    """Unambiguous texts for digits without punctuation, and for dates in a national order."""
    if match := _DIGITS.fullmatch(text):
        found = f"{match[1]}-{match[2]}-{match[3]}" if match[1] else f"{match[4]}:{match[5]}"
        return tuple(filter(_is_moment, [found]))
    if match := _NUMERIC_DAY.fullmatch(text):
        orders = [(match[1], match[3])] if match[2] == "." else [(match[1], match[3]), (match[3], match[1])]
        clock = f"t{match[5]}" if match[5] else ""
        year = f"{match[4]}-" if match[4] else ""
        texts = [
            (f"{year}{int(month):02}-{int(day):02}" if year else f"{MONTHS[int(month) - 1]}-{int(day):02}") + clock
            for day, month in orders
            if 1 <= int(month) <= 12
        ]
        return tuple(dict.fromkeys(filter(_is_moment, texts)))
    return ()


def _is_moment(text: str) -> bool:
    try:
        _moment(text)
    except ValueError:
        return False
    return True


# -- formatting --------------------------------------------------------------------------------------------------


def format_times(times: Times) -> str:
    """The times as text that `read_times` parses to the same."""
    if times.around:
        return f"{format_moment(times.low)}±{times.around}s"
    if times.low is None or times.high is None:
        sign = ">" if times.high is None else "<"
        return sign + ("" if times.strict else "=") + format_moment(times.low or times.high)
    if times.low == times.high and is_whole_day(times.low):
        return format_moment(times.low)
    return f"{format_moment(times.low)}..{format_moment(times.high)}"


def format_moment(moment: Moment | None) -> str:
    """A moment as text; empty for `None`."""
    match moment:
        case Instant(us, offset):
            return f"{_iso(EPOCH + (us + offset * 60 * SECOND) * MICROSECOND)}{_zone(offset)}"
        case Clock(wall):
            return _iso(wall)
        case Day(day):
            return day.isoformat()
        case Ago(count, unit):
            return f"-{count}{unit}"
        case Named():
            return _format_named(moment)
    return ""


def _format_named(moment: Named) -> str:
    zone = "" if moment.offset is None else _zone(moment.offset)
    if moment.at is None:
        return moment.word + ("utc" if zone else "")
    at = moment.at.isoformat(timespec="microseconds" if moment.at.microsecond else "seconds")
    return f"{moment.word}{'T' if moment.word else ''}{at}{zone}"


def _iso(wall: datetime) -> str:
    return wall.isoformat(timespec="microseconds" if wall.microsecond else "seconds")


def _zone(offset: int) -> str:
    if offset == 0:
        return "Z"
    hours, minutes = divmod(abs(offset), 60)
    return f"{'+' if offset > 0 else '-'}{hours:02}:{minutes:02}"
