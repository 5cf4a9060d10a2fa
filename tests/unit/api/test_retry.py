from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui.api.retry import asked_delay, backoff, http_date, worth_retrying

NOW = datetime(2025, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 599, 999])
def test_what_may_pass_is_worth_retrying(status: int) -> None:
    assert worth_retrying(status, {})


@pytest.mark.parametrize("status", [204, 301, 302, 304, 400, 401, 403, 404, 410, 422, 499])
def test_what_will_not_change_is_not_worth_retrying(status: int) -> None:
    assert not worth_retrying(status, {})


@pytest.mark.parametrize("said", ["true", "True", "TRUE"])
def test_the_server_may_ask_for_a_retry(said: str) -> None:
    assert worth_retrying(400, {"x-should-retry": said})


@pytest.mark.parametrize("said", ["false", "False"])
def test_the_server_may_forbid_a_retry(said: str) -> None:
    assert not worth_retrying(503, {"x-should-retry": said})


@pytest.mark.parametrize("said", ["", "1", "yes", "perhaps"])
def test_other_words_on_retries_say_nothing(said: str) -> None:
    assert worth_retrying(503, {"x-should-retry": said})
    assert not worth_retrying(400, {"x-should-retry": said})


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "0"}, 0.0),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 7 "}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "86400"}, 86400.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after-ms": "-1", "retry-after": "9"}, 9.0),
        ({"retry-after": "Wed, 01 Jan 2025 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Wed, 01 Jan 2025 14:00:30 +0200"}, 30.0),
        ({"retry-after": "Wed, 01 Jan 2025 12:00:30 -0000"}, 30.0),
        ({"retry-after": "Wed, 01 Jan 2025 11:00:00 GMT"}, 0.0),
    ],
)
def test_the_delay_that_the_server_asks_for(headers: dict[str, str], seconds: float) -> None:
    assert asked_delay(headers, NOW) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "-5", "-0.1", "nan", "inf", "-inf", "1e999", "soon", "5, 5", "0x10", "Wed, 99 Foo 2025", "9" * 5000],
    ids=lambda text: text[:20],
)
def test_a_delay_that_is_nonsense_is_none(text: str) -> None:
    assert asked_delay({"retry-after": text, "retry-after-ms": text}, NOW) is None


def test_a_date_is_utc() -> None:
    moment = http_date("Wed, 01 Jan 2025 14:00:00 +0200")
    assert moment == NOW
    assert moment.utcoffset() == timedelta(0)


@pytest.mark.parametrize("text", ["Fri, 31 Dec 9999 23:59:59 -0500", "Wed, 01 Jan 99999999999999999999 00:00:00 GMT"])
def test_a_date_that_no_calendar_holds_is_none(text: str) -> None:
    assert http_date(text) is None


@given(st.text(max_size=40) | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ [\d:.]+ ([A-Z]+|[+-]\d+)"))
def test_no_header_raises(text: str) -> None:
    delay = asked_delay({"retry-after": text, "retry-after-ms": text}, NOW)
    assert delay is None or delay >= 0


def test_the_delay_doubles_up_to_eight_seconds() -> None:
    assert [backoff(attempt, 0) for attempt in range(1, 7)] == [0.5, 1, 2, 4, 8, 8]


def test_chance_takes_up_to_a_quarter_of_the_delay() -> None:
    assert backoff(1, 1) == 0.375
    assert backoff(2, 0.5) == 0.875
