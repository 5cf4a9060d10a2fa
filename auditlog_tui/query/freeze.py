"""Resolves the times of a query that depend on now or on a time zone to instants."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo

from msgspec.structs import replace

from auditlog_tui.errors import QueryError
from auditlog_tui.query.bounds import check_bounds
from auditlog_tui.query.syntax import Ago, Clock, Day, Instant, Moment, Named, Query, Term, Times, Value
from auditlog_tui.query.times import (
    EPOCH,
    FIRST,
    LAST,
    MICROSECOND,
    MONTHS,
    SECOND,
    UNITS,
    NoTimeError,
    is_ago,
    is_whole_day,
    read_ago,
    read_one,
)

_MINUTE = timedelta(minutes=1)
_OUT_OF_RANGE = "This time is outside the years 1 to 9999."
_IN_RANGE = "Write a time within those years, in UTC."


def freeze(query: Query, now_us: int, zone: tzinfo) -> Query:
    """The query with every time as an instant; days and local times are read in `zone`.

    `now_us` is the current time in microseconds since 1970 UTC. Terms keep their columns. Raises `QueryError` for
    times that exclude each other, don't exist, or are outside the years 1 to 9999.
    """
    frozen = Query(tuple(_freeze_term(term, now_us, zone) for term in query.terms))
    check_bounds(frozen)
    return frozen


def is_frozen(query: Query) -> bool:
    """Whether the query's times depend neither on now nor on a time zone."""
    return all(_is_resolved(value) for term in query.terms for value in term.values)


def depends_on_now(query: Query) -> bool:
    """Whether the query's meaning depends on the current time: `last:`, `today`, `10:02` and the like."""
    return any(_is_relative(value) for term in query.terms for value in term.values)


def _is_relative(value: Value) -> bool:
    if isinstance(value, Times):
        return any(isinstance(moment, Named | Ago) for moment in (value.low, value.high))
    return isinstance(value, Ago)


def _is_resolved(value: Value) -> bool:
    if isinstance(value, Times):
        return all(moment is None or isinstance(moment, Instant) for moment in (value.low, value.high))
    return not isinstance(value, Ago)


def _freeze_term(term: Term, now_us: int, zone: tzinfo) -> Term:
    if term.key not in ("created", "last"):
        return term
    try:
        values = tuple(_freeze_value(value, now_us, zone) for value in term.values)
    except SkippedError as error:
        raise QueryError(error.message, term.start, term.end, error.hint) from error
    except (OverflowError, ValueError) as error:
        raise QueryError(_OUT_OF_RANGE, term.start, term.end, _IN_RANGE) from error
    return replace(term, key="created", values=values)


def _freeze_value(value: Value, now_us: int, zone: tzinfo) -> Value:
    if isinstance(value, Ago):
        return Times(_ago(value, now_us), None)
    if not isinstance(value, Times):
        return value
    # `>` and `<` exclude a day as a whole: the range begins after it or ends before it.
    whole_day = value.strict and is_whole_day(value.low or value.high)
    low = _edge(value.low, now_us, zone, following=whole_day) if value.low else None
    high = value.high
    if isinstance(high, Named) and not high.word and high.at is not None and low is not None and not value.around:
        end: Instant | None = _first_after(low, high, _zone_of(value.low, zone))
    else:
        end = _edge(high, now_us, zone, following=not whole_day, back=1) if high else None
    if value.around and low is not None and end is not None:
        around = value.around * SECOND
        low, end = _checked(replace(low, us=low.us - around)), _checked(replace(end, us=end.us + around))
    return Times(low, end, value.strict and not whole_day)


def _ago(ago: Ago, now_us: int) -> Instant:
    return Instant(max(FIRST, now_us - ago.count * UNITS[ago.unit] * SECOND))


def _edge(moment: Moment, now_us: int, zone: tzinfo, *, following: bool, back: int = 0) -> Instant:
    """The start of a day (or of the `following` one) minus `back` microseconds; of an instant, the instant itself.

    A local time that occurs twice resolves to its second occurrence as an upper bound (`back`), so that a range
    contains both.
    """
    if isinstance(moment, Instant):
        return _checked(moment)
    if isinstance(moment, Ago):
        return _ago(moment, now_us)
    if isinstance(moment, Named) and moment.word == "now":
        return _checked(Instant(now_us))
    zone = _zone_of(moment, zone)
    if isinstance(moment, Clock):
        us = instants_of(moment.wall, zone)[-1 if back else 0]
    elif isinstance(moment, Named) and moment.at is not None and moment.word:
        us = instants_of(datetime.combine(_day(moment, now_us, zone), moment.at), zone)[-1 if back else 0]
    elif isinstance(moment, Named) and moment.at is not None:
        us = _time_of_day(moment.at, now_us, zone)
    else:
        day = _day(moment, now_us, zone)
        if following and back and day == date.max:
            us = _us(datetime.max, zone)
        else:
            us = _start_of_day(datetime(day.year, day.month, day.day) + timedelta(days=int(following)), zone) - back
    return _checked(Instant(us, _offset(us, zone)))


def _zone_of(moment: Moment | None, zone: tzinfo) -> tzinfo:
    """The zone that the moment was written with, else `zone`."""
    if isinstance(moment, Named | Instant) and moment.offset is not None:
        return timezone(timedelta(minutes=moment.offset))
    return zone


def instant_of(moment: Moment, now_us: int, zone: tzinfo) -> int:
    """The moment as one instant in microseconds since 1970 UTC; a day is its start.

    Of a local time that occurs twice it is the latest occurrence not in the future. Raises `SkippedError`, and
    `OverflowError` or `ValueError` outside the years 1 to 9999.
    """
    written = _zone_of(moment, zone)
    if isinstance(moment, Clock):
        return _checked(Instant(_latest_of(moment.wall, now_us, written))).us
    if isinstance(moment, Named) and moment.at is not None and moment.word:
        wall = datetime.combine(_day(moment, now_us, written), moment.at)
        return _checked(Instant(_latest_of(wall, now_us, written))).us
    return _edge(moment, now_us, zone, following=False).us


def _time_of_day(at: time, now_us: int, zone: tzinfo) -> int:
    """The latest occurrence of a time of day that is not in the future."""
    today = datetime.combine(_local(now_us, zone).date(), at)
    try:
        us = _latest_of(today, now_us, zone)
    except SkippedError as error:
        if error.at_us <= now_us:
            raise
        us = error.at_us
    return us if us <= now_us else _latest_of(today - timedelta(days=1), now_us, zone)


def _latest_of(wall: datetime, now_us: int, zone: tzinfo) -> int:
    """The latest instant of this local time that is not in the future, else the first one."""
    instants = instants_of(wall, zone)
    return max((us for us in instants if us <= now_us), default=instants[0])


def _first_after(low: Instant, moment: Named, zone: tzinfo) -> Instant:
    """The first occurrence of a time of day at or after the start of the range."""
    zone = _zone_of(moment, zone)
    day = datetime.combine(_local(low.us, zone).date(), moment.at or time())
    for wall in (day, day + timedelta(days=1)):
        us = instants_of(wall, zone)[-1]
        if us >= low.us:
            break
    return _checked(Instant(us, _offset(us, zone)))


# -- daylight saving time ------------------------------------------------------------------------------------------


class SkippedError(Exception):
    """A local time that did not exist, because clocks were set forward over it at the instant `at_us`."""

    def __init__(self, wall: datetime, at_us: int, zone: tzinfo) -> None:
        before, after = (_local(us, zone) for us in (at_us - 1, at_us))
        self.at_us = at_us
        self.message = (
            f"There was no {wall:%H:%M} on {wall:%Y-%m-%d} in this time zone: clocks went from"
            f" {before + MICROSECOND:%H:%M} to {after:%H:%M}."
        )
        self.hint = f"Write {after:%Y-%m-%dT%H:%M}, or a time with its offset or in UTC (Z)."
        super().__init__(self.message)


def instants_of(wall: datetime, zone: tzinfo) -> tuple[int, ...]:
    """The instants of a local time in microseconds since 1970 UTC: two if clocks were set back over it.

    Raises `SkippedError` if there is none.
    """
    first, second = _us(wall, zone), _us(wall.replace(fold=1), zone)
    if first > second:
        raise SkippedError(wall, _transition(second, first, zone), zone)
    return (first, second) if first < second else (first,)


def _start_of_day(midnight: datetime, zone: tzinfo) -> int:
    """The first instant of a day; if midnight is skipped, the instant at which clocks are set forward."""
    try:
        return instants_of(midnight, zone)[0]
    except SkippedError as error:
        return error.at_us


def _transition(before: int, after: int, zone: tzinfo) -> int:
    """The instant between these two at which the zone's offset changes."""
    old = _local(before, zone).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (middle, after) if _local(middle, zone).utcoffset() == old else (before, middle)
    return after


def _checked(moment: Instant) -> Instant:
    """The instant. Raises `OverflowError` if it can't be written in UTC (for the API) or with its own offset."""
    for minutes in (0, moment.offset):
        _ = EPOCH + moment.us * MICROSECOND + minutes * _MINUTE
    return moment


def _day(moment: Day | Named, now_us: int, zone: tzinfo) -> date:
    if isinstance(moment, Day):
        return moment.day
    today = _local(now_us, zone).date()
    if "-" in moment.word:
        return _latest_date(moment.word, today)
    return today - timedelta(days=1) if moment.word == "yesterday" else today


def _latest_date(word: str, today: date) -> date:
    """The latest day with this month and date that is not in the future; 29 February occurs every 4 or 8 years."""
    month, number = MONTHS.index(word[:3]) + 1, int(word[4:])
    for year in range(today.year, today.year - 9, -1):
        with suppress(ValueError):
            if (day := date(year, month, number)) <= today:
                return day
    raise ValueError(word)


def _us(wall: datetime, zone: tzinfo) -> int:
    offset = wall.replace(tzinfo=zone).utcoffset() or timedelta()
    return (wall.replace(fold=0) - EPOCH - offset) // MICROSECOND


def _offset(us: int, zone: tzinfo) -> int:
    """The offset in minutes east of UTC; 0 if it isn't a whole minute, as in local mean time."""
    offset = _local(us, zone).utcoffset() or timedelta()
    return 0 if offset % _MINUTE else offset // _MINUTE


def _local(us: int, zone: tzinfo) -> datetime:
    return (EPOCH.replace(tzinfo=UTC) + us * MICROSECOND).astimezone(zone)


HINT = "10:02, yesterday 18:00, 2026-11-22 10:02, 2026-11-22T10:02:00Z, or 2h for two hours ago"
DEADLINE_HINT = "10m, 18:00 or 2026-11-22 18:00"


def read_moment(text: str, now_us: int, zone: tzinfo) -> int:
    """The instant of a typed time, in microseconds since 1970 UTC.

    A time of day means its latest occurrence not in the future. Raises `QueryError`.
    """
    try:
        moment = read_one(text)
    except (ValueError, OverflowError) as error:
        readings = error.readings if isinstance(error, NoTimeError) else ()
        hint = f"Write {' or '.join(readings)}." if readings else f"Write {HINT}."
        raise QueryError("This is not a date or time.", 0, len(text), hint) from error
    try:
        return instant_of(moment, now_us, zone)
    except SkippedError as error:
        raise QueryError(error.message, 0, len(text), error.hint) from error
    except (ValueError, OverflowError) as error:
        raise QueryError(_OUT_OF_RANGE, 0, len(text), _IN_RANGE) from error


def read_deadline(text: str, now_us: int, zone: tzinfo) -> int:
    """The instant of a typed time that is to come, in microseconds since 1970 UTC.

    A length of time counts from now on, and a time of day means its next occurrence. A time that is past is returned
    as it is. Raises `QueryError`.
    """
    try:
        ago = read_ago(text) if is_ago(text) else None
        moment = ago or read_one(text)
    except (ValueError, OverflowError) as error:
        raise QueryError("This is not a date or time.", 0, len(text), f"Write {DEADLINE_HINT}.") from error
    if ago is not None:
        us = now_us + ago.count * UNITS[ago.unit] * SECOND
        if us > LAST:
            raise QueryError(_OUT_OF_RANGE, 0, len(text), _IN_RANGE)
        return us
    if isinstance(moment, Named) and moment.at is not None and not moment.word:
        return _next_time_of_day(text, now_us, zone)
    return read_moment(text, now_us, zone)


def _next_time_of_day(text: str, now_us: int, zone: tzinfo) -> int:
    """The next occurrence of a time of day: the latest within a day from now, or of 25 hours where clocks change."""
    for hours in (24, 25):
        us = read_moment(text, now_us + hours * 3_600 * SECOND, zone)
        if us > now_us:
            break
    return us
