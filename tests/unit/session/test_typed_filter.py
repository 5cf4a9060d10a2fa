from datetime import UTC, timedelta, timezone

import pytest

from auditlog_tui.errors import QueryError
from auditlog_tui.log.log import Log
from auditlog_tui.query import format_query
from auditlog_tui.session.navigator import Navigator
from auditlog_tui.session.typed_filter import FilterError, read_filter
from auditlog_tui.settings.redactor import Redactor
from auditlog_tui.store.entries import EntryStore
from tests.unit.fake import START_US, FakeApi

VIEWS = {"mine": "method:DELETE", "bad": "statsu:1", "backwards": "status:500..400"}


def written(typed: str) -> str:
    return format_query(read_filter(typed, VIEWS, Redactor()).query(START_US, UTC))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", ""),
        ("status:403", "status:403"),
        ("@mine status:403", "method:DELETE status:403"),
        ("auditlog-tui --zone local '@mine' status:403", "method:DELETE status:403"),
        ("last:30m", "created:>=2027-01-15T07:30:00Z"),
    ],
)
def test_a_typed_filter_becomes_a_query_with_absolute_times(typed: str, meant: str) -> None:
    assert written(typed) == meant


def test_times_without_an_offset_are_read_in_the_zone() -> None:
    typed = read_filter("created:>=2026-01-01T10:00", {}, Redactor())
    east = timezone(timedelta(hours=5))
    assert format_query(typed.query(START_US, east)) == "created:>=2026-01-01T10:00:00+05:00"


@pytest.mark.parametrize(
    ("typed", "relative"), [("last:1h", True), ("@last-hour", True), ("created:2026-01-01", False)]
)
def test_what_depends_on_now_is_relative(typed: str, relative: bool) -> None:
    assert read_filter(typed, {}, Redactor()).relative is relative


@pytest.mark.parametrize(
    ("typed", "text", "pointed"),
    [
        ("method:GET statsu:403", "method:GET statsu:403", "statsu:403"),
        ("@mine statsu:403", "method:DELETE statsu:403", "statsu:403"),
        ("@mine status:500..400", "method:DELETE status:500..400", "status:500..400"),
        ("status:403 @mien", "status:403 @mien", "@mien"),
        ("status:403 @bad", "status:403 @bad", "@bad"),
        ("auditlog-tui 'status:403 @mien'", "status:403 @mien", "@mien"),
        ("auditlog-tui 'method:GET statsu:403'", "method:GET statsu:403", "statsu:403"),
    ],
)
def test_an_error_has_the_text_that_its_columns_are_of(typed: str, text: str, pointed: str) -> None:
    with pytest.raises(FilterError) as caught:
        read_filter(typed, VIEWS, Redactor()).query(START_US, UTC)
    error = caught.value
    assert error.text == text
    assert text[error.start : error.end] == pointed
    navigator = Navigator(Log(FakeApi([]), EntryStore()), UTC, views=VIEWS)
    with pytest.raises(QueryError) as shown:
        navigator.submit(typed)
    assert typed[shown.value.start : shown.value.end] == (pointed if typed == text else typed)
    assert (shown.value.message, shown.value.hint) == (error.message, error.hint)
