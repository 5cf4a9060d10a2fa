from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui.errors import QueryError
from auditlog_tui.query import MOMENT_HINT, read_deadline, read_moment
from auditlog_tui.text.times import instant_us, rfc3339

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = (UTC, BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Asia/Kathmandu"), ZoneInfo("Pacific/Apia"))
NOW = "2026-11-23T09:30:00+00:00"


def us(text: str) -> int:
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def read(text: str, now: str = NOW, zone: tzinfo = UTC) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=read_moment(text, us(now), zone))
    return moment.isoformat()


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("09:02", "2026-11-23T09:02:00+00:00"),
        ("9:02", "2026-11-23T09:02:00+00:00"),
        ("09:30", "2026-11-23T09:30:00+00:00"),
        ("09:29:59", "2026-11-23T09:29:59+00:00"),
        ("10:02", "2026-11-22T10:02:00+00:00"),
        ("09:30:01", "2026-11-22T09:30:01+00:00"),
        ("00:00", "2026-11-23T00:00:00+00:00"),
        ("today 18:00", "2026-11-23T18:00:00+00:00"),
        ("yesterday 18:00", "2026-11-22T18:00:00+00:00"),
        ("  YESTERDAY   18:00 ", "2026-11-22T18:00:00+00:00"),
        ("today", "2026-11-23T00:00:00+00:00"),
        ("yesterday", "2026-11-22T00:00:00+00:00"),
        ("2026-11-20", "2026-11-20T00:00:00+00:00"),
        ("2026-11-20 10:02", "2026-11-20T10:02:00+00:00"),
        ("2026-11-20T10:02:03", "2026-11-20T10:02:03+00:00"),
        ("2026-11-20T10:02:03Z", "2026-11-20T10:02:03+00:00"),
        ("2026-11-20t10:02:03.25z", "2026-11-20T10:02:03.250000+00:00"),
        ("2026-11-20T10:02:03+02:00", "2026-11-20T08:02:03+00:00"),
        ("2027-01-01", "2027-01-01T00:00:00+00:00"),
        ("2h", "2026-11-23T07:30:00+00:00"),
        ("2h ago", "2026-11-23T07:30:00+00:00"),
        ("15 m ago", "2026-11-23T09:15:00+00:00"),
        ("1W", "2026-11-16T09:30:00+00:00"),
        ("now", "2026-11-23T09:30:00+00:00"),
        ("-2h", "2026-11-23T07:30:00+00:00"),
        ("90 min ago", "2026-11-23T08:00:00+00:00"),
        ("2 hours ago", "2026-11-23T07:30:00+00:00"),
        ("1h30m", "2026-11-23T08:00:00+00:00"),
        ("1:30am", "2026-11-23T01:30:00+00:00"),
        ("2pm", "2026-11-22T14:00:00+00:00"),
        ("12:05 am", "2026-11-23T00:05:00+00:00"),
        ("yesterday 10:02 pm", "2026-11-22T22:02:00+00:00"),
        ("14:00 yesterday", "2026-11-22T14:00:00+00:00"),
        ("2026-11-01 1:30", "2026-11-01T01:30:00+00:00"),
        ("2026/11/1 1:30 UTC", "2026-11-01T01:30:00+00:00"),
        ("nov 1", "2026-11-01T00:00:00+00:00"),
        ("December 1st", "2025-12-01T00:00:00+00:00"),
        ("feb 29", "2024-02-29T00:00:00+00:00"),
        ("1 Nov 2025 10:00", "2025-11-01T10:00:00+00:00"),
        ("24/Nov/2025:10:00:00 +0100", "2025-11-24T09:00:00+00:00"),
        ("1795348800", "2026-11-22T12:00:00+00:00"),
        ("1795348800123", "2026-11-22T12:00:00.123000+00:00"),
    ],
)
def test_what_a_person_in_a_hurry_types(text: str, means: str) -> None:
    assert read(text) == means


@pytest.mark.parametrize(
    ("text", "now", "means"),
    [
        ("10:02", "2026-11-23T09:30:00+01:00", "2026-11-22T09:02:00+00:00"),
        ("00:10", "2026-11-23T23:20:00+00:00", "2026-11-23T23:10:00+00:00"),  # it is already the next day in Berlin
        ("today", "2026-11-23T23:20:00+00:00", "2026-11-23T23:00:00+00:00"),
        # Clocks go forward on 29 March, and back on 25 October: the day before is not 24 hours before.
        ("10:02", "2026-03-29T09:00:00+02:00", "2026-03-28T09:02:00+00:00"),
        ("10:02", "2026-03-29T11:00:00+02:00", "2026-03-29T08:02:00+00:00"),
        ("yesterday 10:02", "2026-03-29T09:00:00+02:00", "2026-03-28T09:02:00+00:00"),
        ("yesterday 10:02", "2026-03-30T09:00:00+02:00", "2026-03-29T08:02:00+00:00"),
        ("10:02", "2026-10-25T09:00:00+01:00", "2026-10-24T08:02:00+00:00"),
        ("yesterday 01:30", "2026-10-26T09:00:00+01:00", "2026-10-24T23:30:00+00:00"),
        ("yesterday 18:00", "2026-10-26T09:00:00+01:00", "2026-10-25T17:00:00+00:00"),
        ("today", "2026-03-29T12:00:00+02:00", "2026-03-28T23:00:00+00:00"),
        ("24h", "2026-03-29T12:00:00+02:00", "2026-03-28T10:00:00+00:00"),
    ],
)
def test_clocks_that_change(text: str, now: str, means: str) -> None:
    assert read(text, now, BERLIN) == means


@pytest.mark.parametrize(
    ("text", "now", "means"),
    [
        # The local time 02:30 occurs twice on 25 October: at 00:30 and 01:30 UTC.
        ("02:30", "2026-10-25T02:40:00+01:00", "2026-10-25T01:30:00+00:00"),
        ("02:30", "2026-10-25T01:20:00+00:00", "2026-10-25T00:30:00+00:00"),
        ("02:30", "2026-10-25T00:20:00+00:00", "2026-10-24T00:30:00+00:00"),
        ("today 02:30", "2026-10-25T09:00:00+01:00", "2026-10-25T01:30:00+00:00"),
        ("yesterday 02:30", "2026-10-26T09:00:00+01:00", "2026-10-25T01:30:00+00:00"),
        ("2026-10-25 02:30", "2026-10-26T09:00:00+01:00", "2026-10-25T01:30:00+00:00"),
        ("2026-10-25T02:30", "2026-10-25T01:20:00+00:00", "2026-10-25T00:30:00+00:00"),
        ("2026-10-25T02:30", "2026-10-24T12:00:00+00:00", "2026-10-25T00:30:00+00:00"),
        ("2026-10-25T02:30+02:00", "2026-10-26T09:00:00+01:00", "2026-10-25T00:30:00+00:00"),
        # It does not occur on 29 March.
        ("02:30", "2026-03-29T01:20:00+01:00", "2026-03-28T01:30:00+00:00"),
    ],
)
def test_of_two_it_is_the_latest_that_is_not_in_the_future(text: str, now: str, means: str) -> None:
    assert read(text, now, BERLIN) == means


@pytest.mark.parametrize("text", ["02:30", "today 02:30", "2026-03-29 02:30", "2026-03-29T02:00"])
def test_a_time_that_clocks_skipped_is_said(text: str) -> None:
    with pytest.raises(QueryError) as caught:
        read(text, "2026-03-29T12:00:00+02:00", BERLIN)
    assert caught.value.message == (
        f"There was no {text[-5:]} on 2026-03-29 in this time zone: clocks went from 02:00 to 03:00."
    )
    assert (caught.value.start, caught.value.end) == (0, len(text))
    assert read(caught.value.hint.split()[1].rstrip(","), NOW, BERLIN) == "2026-03-29T01:00:00+00:00"


@given(
    st.datetimes(datetime(1971, 1, 3), datetime(2100, 1, 1)),
    st.times(),
    st.sampled_from((*ZONES, timezone(timedelta(hours=-12)), timezone(timedelta(hours=14)))),
)
def test_a_time_of_day_is_the_latest_that_is_not_in_the_future(now: datetime, time: object, zone: tzinfo) -> None:
    now_us = us(now.replace(tzinfo=UTC).isoformat())
    text = str(time)[:8]
    try:
        found = read_moment(text, now_us, zone)
    except QueryError as error:
        if not error.message.startswith(f"There was no {text[:5]} on "):
            raise
        return
    assert found <= now_us
    assert now_us - found <= 26 * 3_600_000_000 or zone is ZONES[-1]  # Apia once skipped a day
    shown = datetime.fromtimestamp(found / 1_000_000, zone).strftime("%H:%M:%S")
    assert shown == text


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "soon", "25:00", "24:00", "10:60", "10:02:60", "10", "1002", "tomorrow", "tomorrow 10:00",
        "2026-13-01", "2026-11-31 10:00", "2026-11-20..2026-11-21", ">=2026-11-20", "0h", "2x", "2h 3m",
        "10:02\x00", "\ud800", "١٠:٠٢", "2026-11-20T10:02:03+25:00", "0000-01-01", "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-05:00", "x" * 10_000,
    ],
)  # fmt: skip
def test_what_is_no_moment_is_told_with_what_would_be(text: str) -> None:
    with pytest.raises(QueryError) as caught:
        read(text)
    assert caught.value.hint
    assert 0 <= caught.value.start <= caught.value.end <= len(text)


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("11/12/2026", "2026-12-11 or 2026-11-12"),
        ("11/12/2026 10:00", "2026-12-11t10:00 or 2026-11-12t10:00"),
        ("13/12/2026", "2026-12-13"),
        ("22.11.2026", "2026-11-22"),
        ("1/11", "nov-01 or jan-11"),
        ("20261122", "2026-11-22"),
        ("1002", "10:02"),
        ("10:00-11:00", "10:00..11:00 or 10:00:00-11:00"),
        ("13pm", "13:00"),
    ],
)
def test_what_may_mean_several_is_told_with_its_readings(text: str, readings: str) -> None:
    with pytest.raises(QueryError) as caught:
        read(text)
    assert caught.value.hint == f"Write {readings}."


def test_a_time_that_came_twice_is_the_latest_that_is_not_in_the_future() -> None:
    for text in ("2026-10-25 02:30", "oct 25 2:30am"):
        assert read(text, zone=BERLIN) == "2026-10-25T01:30:00+00:00"
        assert read(text, "2026-10-25T02:45:00+02:00", BERLIN) == "2026-10-25T00:30:00+00:00"
    assert read("2026-10-25 02:30 UTC", zone=BERLIN) == "2026-10-25T02:30:00+00:00"
    assert read("02:30", "2026-10-25T03:00:00+01:00", BERLIN) == "2026-10-25T01:30:00+00:00"


def test_the_hint_is_made_of_moments() -> None:
    examples = [part.strip() for part in MOMENT_HINT.replace(" for two hours ago", "").replace("or ", "").split(",")]
    assert len(examples) == 5
    assert all(read(example) for example in examples)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("10m", "2026-11-22T10:10:00Z"),
        ("1h30m", "2026-11-22T11:30:00Z"),
        ("18:00", "2026-11-22T18:00:00Z"),
        ("09:00", "2026-11-23T09:00:00Z"),
        ("10:00", "2026-11-23T10:00:00Z"),
        ("2026-11-24 18:00", "2026-11-24T18:00:00Z"),
        ("today 18:00", "2026-11-22T18:00:00Z"),
        ("yesterday 18:00", "2026-11-21T18:00:00Z"),  # past: its caller says so
    ],
)
def test_a_deadline_is_to_come(text: str, wanted: str) -> None:
    now_us = instant_us("2026-11-22T10:00:00Z")
    assert now_us is not None
    assert rfc3339(read_deadline(text, now_us, UTC)) == wanted


@pytest.mark.parametrize("text", ["soon", "", "0m", "999999999w", "25:00"])
def test_what_is_no_deadline_is_refused(text: str) -> None:
    with pytest.raises(QueryError) as caught:
        read_deadline(text, 1_800_000_000_000_000, UTC)
    assert caught.value.hint
