"""How typed times are parsed, and which entries their terms match."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

from auditlog_tui.entries.models import read_entry
from auditlog_tui.errors import QueryError
from auditlog_tui.query import format_query, freeze, parse
from auditlog_tui.query.syntax import Instant, Moment, Query, Times
from auditlog_tui.query.times import format_times, read_times
from auditlog_tui.text.times import instant_us, rfc3339
from tests.unit.query.evaluate import matches
from tests.unit.query.strategies import NOON_US, clocks, instants

NEW_YORK = ZoneInfo("America/New_York")
KATHMANDU = ZoneInfo("Asia/Kathmandu")


def frozen(text: str, zone: tzinfo = UTC, now: str = "2026-11-22T12:00:00Z") -> str:
    now_us = instant_us(now)
    assert now_us is not None
    return format_query(freeze(parse(text), now_us, zone))


def query(text: str) -> Query:
    return freeze(parse(text), NOON_US, UTC)


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("created:2026-11-22", "created:2026-11-22T00:00:00Z..2026-11-22T23:59:59.999999Z"),
        ("created:today", "created:2026-11-22T00:00:00Z..2026-11-22T23:59:59.999999Z"),
        ("created:Yesterday", "created:2026-11-21T00:00:00Z..2026-11-21T23:59:59.999999Z"),
        ("created:>=2026-11-22", "created:>=2026-11-22T00:00:00Z"),
        ("created:>2026-11-22", "created:>=2026-11-23T00:00:00Z"),
        ("created:<2026-11-22", "created:<=2026-11-21T23:59:59.999999Z"),
        ("created:<=2026-11-22", "created:<=2026-11-22T23:59:59.999999Z"),
        ("created:2026-11-21..2026-11-22", "created:2026-11-21T00:00:00Z..2026-11-22T23:59:59.999999Z"),
        ("created:..2026-11-22", "created:<=2026-11-22T23:59:59.999999Z"),
        ("created:2026-11-22..", "created:>=2026-11-22T00:00:00Z"),
        ("created:2026-11-22T06:00", "created:2026-11-22T06:00:00Z..2026-11-22T06:00:59.999999Z"),
        ("created:2026-11-22T06:00:30Z", "created:2026-11-22T06:00:30Z..2026-11-22T06:00:30.999999Z"),
        ("created:2026-11-22T06:00:30.25Z", "created:2026-11-22T06:00:30.250000Z..2026-11-22T06:00:30.259999Z"),
        (
            "created:2026-11-22T06:00:30.123456789Z",
            "created:2026-11-22T06:00:30.123456Z..2026-11-22T06:00:30.123456Z",
        ),
        ("created:>2026-11-22T06:00+0100", "created:>2026-11-22T06:00:00+01:00"),
        ("created:<=2026-11-22t06:00z", "created:<=2026-11-22T06:00:00Z"),
        ("created:>=2026-11-22T23:59:60Z", "created:>=2026-11-23T00:00:00Z"),
        ("created:>=today,..2026-11-01T00:00Z", "created:>=2026-11-22T00:00:00Z,<=2026-11-01T00:00:00Z"),
        ("last:90s", "created:>=2026-11-22T11:58:30Z"),
        ("last:15m", "created:>=2026-11-22T11:45:00Z"),
        ("last:2h", "created:>=2026-11-22T10:00:00Z"),
        ("last:7d", "created:>=2026-11-15T12:00:00Z"),
        ("-last:2w", "-created:>=2026-11-08T12:00:00Z"),
        ("last:999999999w", "created:>=0001-01-01T00:00:00Z"),
    ],
)  # fmt: skip
def test_a_time_becomes(text: str, becomes: str) -> None:
    assert frozen(text) == becomes


@pytest.mark.parametrize(
    ("text", "zone", "becomes"),
    [
        ("created:>=2026-07-01", NEW_YORK, "created:>=2026-07-01T00:00:00-04:00"),
        ("created:>=2026-12-01T06:00", NEW_YORK, "created:>=2026-12-01T06:00:00-05:00"),
        ("created:>=2026-12-01T06:00", KATHMANDU, "created:>=2026-12-01T06:00:00+05:45"),
        ("created:>=2026-12-01T06:00Z", KATHMANDU, "created:>=2026-12-01T06:00:00Z"),
        ("last:2h", KATHMANDU, "created:>=2026-11-22T10:00:00Z"),
        # A day on which clocks are set back has 25 hours, and one on which they are set forward has 23.
        ("created:2026-11-01", NEW_YORK, "created:2026-11-01T00:00:00-04:00..2026-11-01T23:59:59.999999-05:00"),
        ("created:2026-03-08", NEW_YORK, "created:2026-03-08T00:00:00-05:00..2026-03-08T23:59:59.999999-04:00"),
        ("created:>=1850-01-01", NEW_YORK, "created:>=1850-01-01T04:56:02Z"),
    ],
)
def test_a_time_without_an_offset_is_that_of_the_zone_on_display(text: str, zone: tzinfo, becomes: str) -> None:
    assert frozen(text, zone) == becomes


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("2026-11-01T01:00..2026-11-01T01:59", "2026-11-01T01:00:00-04:00..2026-11-01T01:59:00-05:00"),
        ("2026-11-01T01:30", "2026-11-01T01:30:00-04:00..2026-11-01T01:30:59.999999-05:00"),
        ("<=2026-11-01T01:30", "<=2026-11-01T01:30:00-05:00"),
        ("<2026-11-01T01:30", "<2026-11-01T01:30:00-05:00"),
        (">=2026-11-01T01:30", ">=2026-11-01T01:30:00-04:00"),
        (">2026-11-01T01:30", ">2026-11-01T01:30:00-04:00"),
        ("2026-11-01T01:30-05:00..2026-11-01T01:40-05:00", "2026-11-01T01:30:00-05:00..2026-11-01T01:40:00-05:00"),
    ],
)
def test_a_bound_in_a_repeated_hour_leaves_out_neither(text: str, becomes: str) -> None:
    assert frozen(f"created:{text}", NEW_YORK) == f"created:{becomes}"


def test_a_range_over_a_repeated_hour_has_the_entries_of_both() -> None:
    asked = freeze(parse("created:2026-11-01T01:00..2026-11-01T01:59"), NOON_US, NEW_YORK)
    entries = [f"2026-11-01T{hour:02}:{minute:02}:00Z" for hour in range(3, 10) for minute in range(0, 60, 10)]
    found = [at for at in entries if matches(asked, read_entry(f'{{"created_at": "{at}"}}'))]
    assert (len(found), found[0], found[-1]) == (12, "2026-11-01T05:00:00Z", "2026-11-01T06:50:00Z")


@pytest.mark.parametrize(
    "text",
    [
        "created:>=2026-03-08T02:30",
        "created:..2026-03-08T02:30",
        "created:2026-03-08T02:30",
        "-created:<2026-03-08T02:30",
    ],
)
def test_a_time_that_clocks_skipped_is_said(text: str) -> None:
    with pytest.raises(QueryError) as caught:
        frozen(f"status:500 {text}", NEW_YORK)
    assert "no 02:30 on 2026-03-08 in this time zone: clocks went from 02:00 to 03:00" in caught.value.message
    assert (caught.value.start, caught.value.end) == (11, 11 + len(text))


@pytest.mark.parametrize(
    ("text", "zone", "becomes"),
    [
        # In São Paulo midnight was skipped, in Samoa a whole day.
        ("created:2018-11-04", "America/Sao_Paulo", "2018-11-04T01:00:00-02:00..2018-11-04T23:59:59.999999-02:00"),
        ("created:2018-11-03", "America/Sao_Paulo", "2018-11-03T00:00:00-03:00..2018-11-03T23:59:59.999999-03:00"),
        ("created:>=2011-12-30", "Pacific/Apia", ">=2011-12-31T00:00:00+14:00"),
        # In Toronto clocks went from 23:30 to 00:30, so the day began within an hour.
        ("created:>=1919-03-31", "America/Toronto", ">=1919-03-31T00:30:00-04:00"),
        # Havana repeats the hour after midnight; the day begins with the first one.
        ("created:2026-11-01", "America/Havana", "2026-11-01T00:00:00-04:00..2026-11-01T23:59:59.999999-05:00"),
        ("created:2026-10-31", "America/Havana", "2026-10-31T00:00:00-04:00..2026-10-31T23:59:59.999999-04:00"),
    ],
)
def test_a_day_begins_and_ends_where_clocks_say(text: str, zone: str, becomes: str) -> None:
    assert frozen(text, ZoneInfo(zone)) == f"created:{becomes}"


def test_today_is_the_day_where_one_is() -> None:
    assert frozen("created:>=today", KATHMANDU, "2026-11-22T23:00:00Z") == "created:>=2026-11-23T00:00:00+05:45"
    assert frozen("created:>=today", NEW_YORK, "2026-11-22T03:00:00Z") == "created:>=2026-11-21T00:00:00-05:00"
    assert frozen("created:>=yesterday", NEW_YORK, "2026-11-22T03:00:00Z") == "created:>=2026-11-20T00:00:00-05:00"


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("created:2026-11-22", "2026-11-22T00:00:00Z", "2026-11-22T23:59:59.999999Z"),
        ("created:2026-11-22..2026-11-23T06:00Z", "2026-11-22T00:00:00Z", "2026-11-23T06:00:00Z"),
        ("created:2026-11-22T06:00Z", "2026-11-22T06:00:00Z", "2026-11-22T06:00:59.999999Z"),
    ],
)
def test_both_ends_are_included(text: str, low: str, high: str) -> None:
    for at, within in ((low, True), (high, True), (before(low), False), (after(high), False)):
        assert matches(query(text), read_entry(f'{{"created_at": "{at}"}}')) is within


def test_more_and_less_exclude_the_instant_itself() -> None:
    entry = read_entry('{"created_at": "2026-11-22T06:00:00Z"}')
    for text, within in {">": False, ">=": True, "<": False, "<=": True}.items():
        assert matches(query(f"created:{text}2026-11-22T06:00Z"), entry) is within


def before(text: str) -> str:
    us = instant_us(text)
    assert us is not None
    return rfc3339(us - 1)


def after(text: str) -> str:
    us = instant_us(text)
    assert us is not None
    return rfc3339(us + 1)


@pytest.mark.parametrize(
    "text",
    [
        "created:<=9999-12-31",
        "created:9999-12-31",
        "created:>=0001-01-01",
        "created:0001-01-01T00:00Z",
        "created:9999-12-31T23:59:59.999999Z",
    ],
)
def test_the_first_and_the_last_day_can_be_asked_for(text: str) -> None:
    assert format_query(freeze(parse(frozen(text)), NOON_US, UTC)) == frozen(text)


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("created:<=9999-12-31", NEW_YORK),
        ("created:>=0001-01-01", KATHMANDU),
        ("created:>9999-12-31", UTC),
        ("created:<0001-01-01", UTC),
        ("created:>=0001-01-01T00:00+01:00", UTC),
        ("created:<=9999-12-31T23:59:59-01:00", UTC),
    ],
)
def test_an_instant_beyond_the_calendar_is_refused(text: str, zone: tzinfo) -> None:
    with pytest.raises(QueryError, match="outside the years 1 to 9999"):
        freeze(parse(text), NOON_US, zone)


@pytest.mark.parametrize("now_us", [-(10**18), 10**18])
def test_a_clock_gone_mad_is_an_error_or_a_bound_and_no_crash(now_us: int) -> None:
    assert len(freeze(parse("created:>=2026-11-22"), now_us, NEW_YORK).terms) == 1
    with pytest.raises(QueryError):
        freeze(parse("created:today"), now_us, NEW_YORK)


@given(instants | clocks)
def test_a_moment_is_read_as_it_was_written(moment: Moment) -> None:
    times = Times(moment, moment)
    assert read_times(format_times(times)) == times


@given(instants)
def test_an_instant_means_the_same_to_datetime(moment: Moment) -> None:
    assert isinstance(moment, Instant)
    text = format_times(Times(moment, None)).removeprefix(">=")
    since = datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)
    assert since // timedelta(microseconds=1) == moment.us
