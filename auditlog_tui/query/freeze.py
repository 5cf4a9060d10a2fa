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
    except SkippedError as error:
        raise QueryError(error.message, term.start, term.end, error.hint) from error
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
    """Where a day, or the `following` one, begins, less `back` microseconds. An instant has no edges.

    A clock's time that comes twice is the second one as an upper bound (`back`), so that a range has both.
    """
    if isinstance(moment, Instant):
        return checked(moment)
    if isinstance(moment, Clock):
        us = instants_of(moment.wall, zone)[-1 if back else 0]
    else:
        day = day_of(moment, now_us, zone)
        if following and back and day == date.max:
            us = _us(datetime.max, zone)
        else:
            us = _beginning(datetime(day.year, day.month, day.day) + timedelta(days=int(following)), zone) - back
    return checked(Instant(us, _offset(us, zone)))


# -- clocks that are changed ---------------------------------------------------------------------------------------


class SkippedError(Exception):
    """A clock's time that there never was, since clocks were set forward over it at the instant `at_us`."""

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
    """The instants at which clocks show this, in microseconds since 1970 UTC: two where they were set back.

    Raises `SkippedError` where it is none.
    """
    first, second = _us(wall, zone), _us(wall.replace(fold=1), zone)
    if first > second:
        raise SkippedError(wall, _change(second, first, zone), zone)
    return (first, second) if first < second else (first,)


def _beginning(midnight: datetime, zone: tzinfo) -> int:
    """The first instant of a day; where midnight is skipped, the one at which clocks are set forward over it."""
    try:
        return instants_of(midnight, zone)[0]
    except SkippedError as error:
        return error.at_us


def _change(before: int, after: int, zone: tzinfo) -> int:
    """The instant within these at which the zone's offset changes."""
    old = _local(before, zone).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (middle, after) if _local(middle, zone).utcoffset() == old else (before, middle)
    return after


def checked(moment: Instant) -> Instant:
    """The instant. Raises `OverflowError` for one that can't be written, in UTC (as the API takes it) or as it is."""
    for minutes in (0, moment.offset):
        _ = EPOCH + moment.us * MICROSECOND + minutes * _MINUTE
    return moment


def day_of(moment: Day | Named, now_us: int, zone: tzinfo) -> date:
    """The day that is meant, where one is. Raises `OverflowError` for one beyond the calendar."""
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
