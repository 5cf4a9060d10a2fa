"""When it was: dates at any width, and offsets where clocks show a time twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from rich.segment import Segment

from tests.app.helpers import Hand, running
from tests.app.wire import Json, JsonLog, made


def at(moment: datetime) -> Json:
    number = int(moment.timestamp())
    return made(0, id=f"id-{number}", created_at=f"{moment:%Y-%m-%dT%H:%M:%SZ}")


def every(minutes: int, last: datetime, entries: int) -> JsonLog:
    return JsonLog(at(last - timedelta(minutes=minutes * number)) for number in range(entries))


def day_style(hand: Hand, line: int) -> bool:
    """Whether the date in a line of the table stands out."""
    strip = hand.table.render_lines(hand.table.size.region)[line + 1]
    dates: list[Segment] = [segment for segment in strip if "2026-" in segment.text or "2024-" in segment.text]
    return dates[0].style is not None and bool(dates[0].style.bold)


@pytest.mark.parametrize("width", [60, 80, 120])
async def test_every_row_has_its_date_and_the_first_of_a_day_stands_out(width: int) -> None:
    log = JsonLog([at(datetime(2026, 7, 1, 0, 10, tzinfo=UTC)), at(datetime(2026, 6, 30, 23, 50, tzinfo=UTC)),
                   at(datetime(2026, 6, 30, 8, tzinfo=UTC)), at(datetime(2024, 6, 30, 8, tzinfo=UTC))])  # fmt: skip
    async with running(log, size=(width, 24)) as hand:
        await hand.press("end")
        dates = ["2026-07-01 00:10:00", "2026-06-30 23:50:00", "2026-06-30 08:00:00", "2024-06-30 08:00:00"]
        assert [line[2:21] for line in hand.rows[:4]] == dates
        await hand.press("tab")  # so that no cell is bold as the one under the cursor
        assert [day_style(hand, line) for line in range(4)] == [True, True, False, True]


async def test_where_a_day_begins_depends_on_the_zone() -> None:
    log = JsonLog([at(datetime(2026, 7, 1, 8, tzinfo=UTC)), at(datetime(2026, 7, 1, 6, tzinfo=UTC))])
    async with running(log, zone="America/Los_Angeles") as hand:
        await hand.press("tab")
        assert [line[2:21] for line in hand.rows[:2]] == ["2026-07-01 01:00:00", "2026-06-30 23:00:00"]
        assert [day_style(hand, line) for line in range(2)] == [True, True]


# -- clocks that are set back --------------------------------------------------------------------------------------

END = datetime(2026, 11, 1, 8, 50, tzinfo=UTC)
"""03:50 in New York, where the hour from 01:00 comes twice: at 05:00 and at 06:00 UTC."""


@pytest.fixture(params=["America/New_York", "local"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


async def test_rows_of_the_repeated_hour_say_which_it_is(zone: str) -> None:
    async with running(every(30, END, 12), zone=zone) as hand:
        shown = {line[2:24].strip() for line in hand.rows}
        assert {"2026-11-01 01:50:00-05", "2026-11-01 01:20:00-05"} < shown
        assert {"2026-11-01 01:50:00-04", "2026-11-01 01:20:00-04"} < shown
        assert {"2026-11-01 02:20:00", "2026-11-01 00:50:00"} < shown


async def test_the_header_has_the_offset_of_the_rows_that_are_shown(zone: str) -> None:
    async with running(every(30, END, 80), zone=zone, size=(160, 24)) as hand:
        assert "EST -05:00 and EDT -04:00" in hand.header
        await hand.press("end")
        assert "EDT -04:00" in hand.header
        assert "EST" not in hand.header
        await hand.press("home", "t", "t")
        assert "EST" not in hand.header


async def test_a_range_over_the_repeated_hour_shows_both(zone: str) -> None:
    async with running(every(10, END, 60), zone=zone) as hand:
        await hand.filter("created:2026-11-01T01:00..2026-11-01T01:59")
        assert "12 match" in hand.header
        await hand.filter("created:2026-03-08T02:30")
        assert "There was no 02:30 on 2026-03-08 in this time zone: clocks went from 02:00 to 03:00." in hand.text


@pytest.mark.parametrize("width", [80, 120])
async def test_pivots_have_the_year_and_a_line_each(width: int) -> None:
    async with running(size=(width, 24)) as hand:
        await hand.press("p")
        await hand.settled()
        first = next(n for n, line in enumerate(hand.lines) if "all time" in line) + 1
        kinds = ("actor", "address", "target", "agent", "action", "method", "path")
        for line, kind in zip(hand.lines[first:], kinds, strict=False):
            assert f"  {kind} " in line
        assert "2026-07-01 11:52  2026-07-01 11:53" in hand.lines[first]
