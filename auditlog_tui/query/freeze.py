"""Making instants of the times that depend on now and on where one is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo

from auditlog_tui.errors import QueryError
from auditlog_tui.query.bounds import check
from auditlog_tui.query.syntax import Ago, Clock, Day, Instant, Moment, Named, Query, Term, Times, Value
from auditlog_tui.query.times import EPOCH, FIRST, MICROSECOND, SECOND, UNITS

_MINUTE = timedelta(minutes=1)


def freeze(query: Query, now_us: int, zone: tzinfo) -> Query:
    """The query with every relative or zoneless time as an instant, in `zone` where it was a day or a clock's time.

    `now_us` is now, in microseconds since 1970 UTC. Terms keep their place in the typed text. Raises `QueryError`
    for times that exclude each other, or that are beyond the years 1 to 9999.
    """
    frozen = Query(tuple(_frozen_term(term, now_us, zone) for term in query.terms))
    check(frozen)
    return frozen


def is_frozen(query: Query) -> bool:
    """True when the query's times no longer depend on now, nor on a time zone."""
    return all(_settled(value) for term in query.terms for value in term.values)


def depends_on_now(query: Query) -> bool:
    """True when what the query means depends on what time it is: `last:`, `today`, `yesterday`."""
    return any(_moves(value) for term in query.terms for value in term.values)


def _moves(value: Value) -> bool:
    if isinstance(value, Times):
        return isinstance(value.low, Named) or isinstance(value.high, Named)
    return isinstance(value, Ago)


def _settled(value: Value) -> bool:
    if isinstance(value, Times):
        return all(moment is None or isinstance(moment, Instant) for moment in (value.low, value.high))
    return not isinstance(value, Ago)


def _frozen_term(term: Term, now_us: int, zone: tzinfo) -> Term:
    if term.key not in ("created", "last"):
        return term
    try:
        values = tuple(_frozen(value, now_us, zone) for value in term.values)
    except (OverflowError, ValueError) as error:
        message = "This time reaches outside the years 1 to 9999."
        raise QueryError(message, term.start, term.end, "Write a time within them, in UTC.") from error
    return replace(term, key="created", values=values)


def _frozen(value: Value, now_us: int, zone: tzinfo) -> Value:
    if isinstance(value, Ago):
        return Times(Instant(max(FIRST, now_us - value.count * UNITS[value.unit] * SECOND)), None)
    if not isinstance(value, Times):
        return value
    # A day that `>` or `<` excludes goes as a whole: what remains begins after it or ends before it.
    beside = value.strict and isinstance(value.low or value.high, Day | Named)
    low = _edge(value.low, now_us, zone, following=beside) if value.low else None
    high = _edge(value.high, now_us, zone, following=not beside, back=1) if value.high else None
    return Times(low, high, value.strict and not beside)


def _edge(moment: Moment, now_us: int, zone: tzinfo, *, following: bool, back: int = 0) -> Instant:
    """Where a day, or the `following` one, begins, less `back` microseconds. An instant has no edges."""
    if isinstance(moment, Instant):
        return _checked(moment)
    if isinstance(moment, Clock):
        us = _us(moment.wall, zone)
    else:
        day = _day(moment, now_us, zone)
        if following and back and day == date.max:
            us = _us(datetime.max, zone)
        else:
            midnight = datetime(day.year, day.month, day.day) + timedelta(days=1 if following else 0)
            us = _us(midnight, zone) - back
    return _checked(Instant(us, _offset(us, zone)))


def _checked(moment: Instant) -> Instant:
    """The instant. Raises `OverflowError` for one that can't be written, in UTC (as the API takes it) or as it is."""
    for minutes in (0, moment.offset):
        _ = EPOCH + moment.us * MICROSECOND + minutes * _MINUTE
    return moment


def _day(moment: Day | Named, now_us: int, zone: tzinfo) -> date:
    if isinstance(moment, Day):
        return moment.day
    today = _local(now_us, zone).date()
    return today - timedelta(days=1) if moment.word == "yesterday" else today


def _us(wall: datetime, zone: tzinfo) -> int:
    return (wall - EPOCH - (wall.replace(tzinfo=zone).utcoffset() or timedelta())) // MICROSECOND


def _offset(us: int, zone: tzinfo) -> int:
    """The minutes east of UTC; 0 where the zone was not at a whole minute, as before railways."""
    offset = _local(us, zone).utcoffset() or timedelta()
    return 0 if offset % _MINUTE else offset // _MINUTE


def _local(us: int, zone: tzinfo) -> datetime:
    return (EPOCH.replace(tzinfo=UTC) + us * MICROSECOND).astimezone(zone)
