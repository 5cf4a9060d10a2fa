import json
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui.entries.models import read_entry
from auditlog_tui.text.times import instant_us, rfc3339
from tests.unit.fake import entry

FIRST_US, LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999


def with_field(name: str, text: str) -> str:
    """A valid entry whose field has the JSON `text`."""
    return json.dumps({**entry(1), name: "PLACE"}).replace('"PLACE"', text)


@given(st.integers(FIRST_US, LAST_US))
def test_instants_come_back_as_they_were(us: int) -> None:
    assert instant_us(rfc3339(us)) == us


@given(st.datetimes(), st.integers(-23, 23))
def test_any_offset_is_read(moment: datetime, hours: int) -> None:
    at_utc, elsewhere = instant_us(f"{moment.isoformat()}Z"), instant_us(f"{moment.isoformat()}{hours:+03}:00")
    assert at_utc is not None
    assert elsewhere == at_utc - hours * 3_600_000_000


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00.000001z", 1),
        ("1970-01-01 00:00:01", 1_000_000),
        ("1970-01-01T00:00:00.1234567899Z", 123_456),
        ("1970-01-01T00:00:00." + "9" * 5_000 + "Z", 999_999),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:00:00-01:00", 0),
        ("1969-12-31T23:59:60Z", 0),
        ("0001-01-01T00:00:00Z", FIRST_US),
        ("9999-12-31T23:59:59.999999Z", LAST_US),
        ("9999-12-31T23:59:60Z", LAST_US + 1),
    ],
)
def test_timestamps_that_can_be_read(text: str, us: int) -> None:
    assert instant_us(text) == us
    assert not read_entry(with_field("created_at", json.dumps(text))).unreadable


@pytest.mark.parametrize(
    "text",
    [
        "", "yesterday", "2025-01-01", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "2025-02-30T00:00:00Z",
        "2025-01-01T24:00:00Z", "2025-01-01T00:00:61Z", "2025-01-01T00:00Z", "1735689600", "1e300",
        "٢٠٢٥-01-01T00:00:00Z", "2025-01-01T00:00:00Z\n", "2025-01-01T00:00:00+0100",
        "٢٠٢٥-01-01T00:00:00.000000Z", "2025-01-01T24:00:00.000000Z", "2025-01-01T00:60:00.000000Z",
        "2025-01-01T00:00:00.00000٣Z",
    ],
)  # fmt: skip
def test_timestamps_that_cannot_be_read_are_kept_as_text(text: str) -> None:
    assert instant_us(text) is None
    read = read_entry(with_field("created_at", json.dumps(text)))
    assert read.created_us is None
    assert read.log.created_at == text
    assert read.unreadable == {"created_at": json.dumps(text)}


@pytest.mark.parametrize("text", ["1735689600", "1e300", "true"])
def test_a_timestamp_that_is_no_text_is_not_guessed(text: str) -> None:
    read = read_entry(with_field("created_at", text))
    assert read.created_us is None
    assert read.log.created_at is None
    assert read.unreadable == {"created_at": text}


@pytest.mark.parametrize(("us", "text"), [(FIRST_US - 1, "0001-01-01T00:00:00Z"), (1 << 80, rfc3339(LAST_US))])
def test_instants_beyond_the_calendar_are_clamped(us: int, text: str) -> None:
    assert rfc3339(us) == text
