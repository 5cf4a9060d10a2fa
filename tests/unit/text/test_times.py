import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui.text.cells import cell_width
from auditlog_tui.text.times import (
    Mode,
    age,
    count,
    counted,
    distance,
    format_time,
    format_time_exact,
    instant_us,
    instants_us,
    local_zone,
    rfc3339,
    zone_label,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
KATHMANDU = ZoneInfo("Asia/Kathmandu")
FIRST_US = -62_135_596_800_000_000
LAST_US = 253_402_300_799_999_999
DAY_US = 86_400_000_000
YEAR_US = 365 * DAY_US


def us(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


NOW = us("2026-11-22T12:00:00+00:00")

zones = st.sampled_from(
    [UTC, BERLIN, KATHMANDU, ZoneInfo("Pacific/Apia"), timezone(timedelta(hours=-23)), local_zone()]
)
instants = st.integers(FIRST_US, LAST_US) | st.integers()


@pytest.fixture
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("mode", "zone", "with_date", "shown"),
    [
        ("utc", BERLIN, True, "2026-11-22 10:41:57"),
        ("utc", BERLIN, False, "10:41:57"),
        ("local", BERLIN, True, "2026-11-22 11:41:57"),
        ("local", BERLIN, False, "11:41:57"),
        ("local", KATHMANDU, True, "2026-11-22 16:26:57"),
        ("relative", BERLIN, True, "1 h 18 m ago"),
        ("relative", BERLIN, False, "1 h 18 m ago"),
    ],
)
def test_an_instant_in_each_mode(mode: Mode, zone: tzinfo, with_date: bool, shown: str) -> None:
    assert format_time(us("2026-11-22T10:41:57.204+00:00"), mode, NOW, zone, with_date) == shown


@pytest.mark.parametrize(
    ("before", "shown"),
    [
        (0, "now"), (999_999, "now"), (1_000_000, "1 s ago"), (59_999_999, "59 s ago"), (60_000_000, "1 m ago"),
        (192_000_000, "3 m 12 s ago"), (3_600_000_000, "1 h ago"), (DAY_US + 3_600_000_000, "1 d 1 h ago"),
        (DAY_US, "1 d ago"), (YEAR_US, "1 y ago"), (YEAR_US + DAY_US, "1 y 1 d ago"), (-1, "now"),
        (-5_000_000, "in 5 s"), (-YEAR_US, "in 1 y"), (2 * YEAR_US - 1_000_000, "1 y 364 d ago"),
    ],
)  # fmt: skip
def test_how_long_ago_it_was(before: int, shown: str) -> None:
    assert format_time(NOW - before, "relative", NOW, UTC) == shown


@pytest.mark.parametrize("mode", ["utc", "local", "relative"])
def test_an_instant_that_could_not_be_read_is_a_question_mark(mode: Mode) -> None:
    assert format_time(None, mode, NOW, BERLIN) == format_time_exact(None, BERLIN) == "?"


@pytest.mark.parametrize("mode", ["utc", "local", "relative"])
def test_an_instant_beyond_the_calendar_is_named_as_that(mode: Mode) -> None:
    assert format_time(FIRST_US - 1, mode, NOW, BERLIN) == format_time_exact(FIRST_US - 1, UTC) == "before year 1"
    assert format_time(LAST_US + 1, mode, NOW, BERLIN) == format_time_exact(10**40, UTC) == "after year 9999"


def test_the_ends_of_the_calendar_are_shown_in_utc_where_the_zone_would_leave_it() -> None:
    east, west = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))
    assert (
        format_time(FIRST_US, "local", NOW, west) == format_time(FIRST_US, "utc", NOW, west) == "0001-01-01 00:00:00"
    )
    assert format_time(LAST_US, "local", NOW, east) == format_time(LAST_US, "utc", NOW, east) == "9999-12-31 23:59:59"
    assert format_time_exact(LAST_US, east) == "9999-12-31 23:59:59.999999 UTC"
    assert format_time(FIRST_US, "local", NOW, east) == "0001-01-01 14:00:00"


@given(instants, st.sampled_from(("utc", "local", "relative")), instants, zones)
def test_every_instant_fits_its_column(instant: int, mode: Mode, now: int, zone: tzinfo) -> None:
    shown = format_time(instant, mode, min(max(now, FIRST_US), LAST_US), zone)
    assert 0 < cell_width(shown) <= (25 if mode == "local" else 19)


@pytest.mark.parametrize(
    ("instant", "zone", "shown"),
    [
        ("2026-11-01T04:59:59+00:00", "America/New_York", "2026-11-01 00:59:59"),
        ("2026-11-01T05:00:00+00:00", "America/New_York", "2026-11-01 01:00:00-04"),
        ("2026-11-01T06:59:59+00:00", "America/New_York", "2026-11-01 01:59:59-05"),
        ("2026-11-01T07:00:00+00:00", "America/New_York", "2026-11-01 02:00:00"),
        ("2026-03-08T07:30:00+00:00", "America/New_York", "2026-03-08 03:30:00"),
        ("2026-04-04T15:10:00+00:00", "Australia/Lord_Howe", "2026-04-05 01:40:00+10:30"),
        ("2026-07-01T12:00:00+00:00", "Asia/Kathmandu", "2026-07-01 17:45:00"),
    ],
)
def test_a_time_that_clocks_show_twice_has_its_offset(instant: str, zone: str, shown: str) -> None:
    assert format_time(us(instant), "local", NOW, ZoneInfo(zone)) == shown
    assert format_time(us(instant), "local", NOW, ZoneInfo(zone), with_date=False) == shown[11:]
    assert len(format_time(us(instant), "utc", NOW, ZoneInfo(zone))) == 19


def test_each_can_have_its_offset() -> None:
    assert format_time(NOW, "local", NOW, KATHMANDU, with_offset=True) == "2026-11-22 17:45:00+05:45"
    assert format_time(NOW, "local", NOW, BERLIN, with_offset=True) == "2026-11-22 13:00:00+01"
    assert format_time(LAST_US + 1, "local", NOW, BERLIN, with_offset=True) == "after year 9999"


@given(instants, zones)
def test_every_instant_can_be_told_exactly(instant: int, zone: tzinfo) -> None:
    assert format_time_exact(instant, zone).isprintable()
    assert zone_label(zone, instant).isprintable()


@given(st.integers(FIRST_US + 2 * DAY_US, LAST_US - 2 * DAY_US))
def test_the_exact_time_is_the_instant(instant: int) -> None:
    text, name = format_time_exact(instant, UTC).rsplit(" ", 1)
    assert name == "UTC"
    assert us(text + "+00:00") == instant


@pytest.mark.parametrize(
    ("instant", "zone", "shown"),
    [
        ("2026-11-22T10:41:57.204+00:00", UTC, "2026-11-22 10:41:57.204 UTC"),
        ("2026-11-22T10:41:57+00:00", UTC, "2026-11-22 10:41:57.000 UTC"),
        ("2026-11-22T10:41:57.204001+00:00", UTC, "2026-11-22 10:41:57.204001 UTC"),
        ("2026-11-22T10:41:57.204+00:00", BERLIN, "2026-11-22 11:41:57.204 CET +01:00"),
        ("2026-07-22T10:41:57.204+00:00", BERLIN, "2026-07-22 12:41:57.204 CEST +02:00"),
        ("2026-11-22T10:41:57.204+00:00", KATHMANDU, "2026-11-22 16:26:57.204 +05:45"),
        ("2026-10-25T00:30:00+00:00", BERLIN, "2026-10-25 02:30:00.000 CEST +02:00"),
        ("2026-10-25T01:30:00+00:00", BERLIN, "2026-10-25 02:30:00.000 CET +01:00"),
        ("2026-03-29T00:59:59+00:00", BERLIN, "2026-03-29 01:59:59.000 CET +01:00"),
        ("2026-03-29T01:00:00+00:00", BERLIN, "2026-03-29 03:00:00.000 CEST +02:00"),
    ],
)
def test_an_exact_time_says_its_zone(instant: str, zone: tzinfo, shown: str) -> None:
    assert format_time_exact(us(instant), zone) == shown


@pytest.mark.parametrize(
    ("zone", "label"),
    [
        (UTC, "UTC"), (ZoneInfo("Etc/UTC"), "UTC"), (BERLIN, "CET +01:00"), (KATHMANDU, "+05:45"),
        (ZoneInfo("America/St_Johns"), "NST -03:30"), (ZoneInfo("Europe/London"), "GMT +00:00"),
        (timezone(timedelta(hours=-5)), "-05:00"),
        (timezone(timedelta(hours=1), "W. Europe Standard Time"), "+01:00"),
        (timezone(timedelta(hours=1), "\x1b[31m"), "+01:00"),
    ],
)  # fmt: skip
def test_a_zone_is_called_by_its_name_and_offset(zone: tzinfo, label: str) -> None:
    assert zone_label(zone, NOW) == label


def test_a_zone_has_a_name_at_any_instant() -> None:
    assert zone_label(UTC, 10**40) == zone_label(UTC, -(10**40)) == "UTC"


@pytest.mark.parametrize(
    ("duration", "shown"),
    [
        (-5_000_000, "0 s"), (0, "0 s"), (12_900_000, "12 s"), (59_999_999, "59 s"), (60_000_000, "1 min"),
        (3_599_000_000, "59 min"), (7_200_000_000, "2 h"), (5 * DAY_US, "5 d"), (1_234 * DAY_US, "1,234 d"),
    ],
)  # fmt: skip
def test_a_duration_is_told_in_its_largest_unit(duration: int, shown: str) -> None:
    assert age(duration) == shown


@pytest.mark.parametrize(
    ("duration", "shown"),
    [
        (0, "0 s"), (1, "1 µs"), (999, "999 µs"), (300_000, "300 ms"), (39_000_000, "39 s"), (-39_999_999, "39 s"),
        (100_000_000, "1 m 40 s"), (DAY_US + 7_200_000_000, "1 d 2 h"),
    ],
)  # fmt: skip
def test_how_far_two_instants_are_apart(duration: int, shown: str) -> None:
    assert distance(duration) == shown


@pytest.mark.parametrize(
    ("n", "shown"), [(0, "0 entries"), (1, "1 entry"), (2, "2 entries"), (18_331, "18,331 entries")]
)
def test_a_number_has_the_noun_that_fits_it(n: int, shown: str) -> None:
    assert counted(n, "entry", "entries") == shown
    assert counted(n, "mark") == shown.replace("entries", "marks").replace("entry", "mark")


def test_numbers_are_grouped() -> None:
    assert [count(0), count(999), count(18_331), count(-1_000)] == ["0", "999", "18,331", "-1,000"]


@pytest.mark.usefixtures("new_york")
@pytest.mark.parametrize(
    ("instant", "shown"),
    [
        ("2026-11-22T10:41:57+00:00", "2026-11-22 05:41:57.000 EST -05:00"),
        ("2026-07-22T10:41:57+00:00", "2026-07-22 06:41:57.000 EDT -04:00"),
        ("2026-11-01T05:30:00+00:00", "2026-11-01 01:30:00.000 EDT -04:00"),
        ("2026-11-01T06:30:00+00:00", "2026-11-01 01:30:00.000 EST -05:00"),
        ("2026-03-08T06:59:59+00:00", "2026-03-08 01:59:59.000 EST -05:00"),
        ("2026-03-08T07:00:00+00:00", "2026-03-08 03:00:00.000 EDT -04:00"),
    ],
)
def test_the_machines_zone_has_the_offset_of_each_instant(instant: str, shown: str) -> None:
    assert format_time_exact(us(instant), local_zone()) == shown


@pytest.mark.usefixtures("new_york")
@given(st.integers(us("1971-01-01T00:00:00+00:00"), us("2037-01-01T00:00:00+00:00")))
def test_the_machines_zone_agrees_with_the_zone_database(instant: int) -> None:
    assert format_time_exact(instant, local_zone()) == format_time_exact(instant, ZoneInfo("America/New_York"))


@pytest.mark.usefixtures("new_york")
def test_the_machines_zone_survives_the_ends_of_the_calendar() -> None:
    assert format_time(FIRST_US, "local", NOW, local_zone()) == "0001-01-01 00:00:00"
    assert format_time(LAST_US, "local", NOW, local_zone()) == "9999-12-31 18:59:59"
    for end in (datetime.min, datetime.max):
        assert end.replace(tzinfo=local_zone()).utcoffset() is not None


@pytest.mark.usefixtures("new_york")
def test_the_machines_zone_is_a_zone_of_its_own_kind() -> None:
    zone = local_zone()
    assert repr(zone) == "local_zone()"
    assert zone.utcoffset(None) in (timedelta(hours=-4), timedelta(hours=-5))
    assert zone.dst(datetime(2026, 7, 1)) is None
    assert zone.tzname(datetime(2026, 7, 1)) == "EDT"


@st.composite
def timestamps(draw: st.DrawFn) -> str:
    """A timestamp in the API's form, or in one that looks almost like it."""
    text = rfc3339(draw(st.integers(FIRST_US, LAST_US))) if draw(st.booleans()) else "2026-06-30T23:59:59.123456Z"
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        at = draw(st.integers(0, len(text)))
        put = draw(
            st.sampled_from(["", "0", "6", "60", "24", "Z", "z", " ", ".", "+0100", "+01:00", "-00:00", "\u0666"])
        )
        text = text[:at] + put + text[at + draw(st.integers(0, 2)) :]
    return text


@given(st.lists(timestamps(), max_size=4))
def test_times_of_many_texts_are_those_of_each(texts: list[str]) -> None:
    assert instants_us(texts) == [instant_us(text) for text in texts]


@pytest.mark.parametrize(
    "text", ["2026-06-30T23:59:59.12+0100", "2026-06-30T23:59:59.1234567Z", "2026-06-30T23:59:60Z"]
)
def test_what_msgspec_reads_in_another_way_is_left_to_the_pattern(text: str) -> None:
    assert instants_us([text]) == [instant_us(text)]
