"""Which hours of a log have changed, by counts that include both of their bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from auditlog_tui.entries.models import Page, read_entry
from auditlog_tui.log.changes import FEW, HOUR_US, MOST, Changes, Known, Span
from auditlog_tui.store.entries import Row, row_of
from auditlog_tui.text.times import instant_us, rfc3339

START = 500_000


def row(hour: float, digits: str = "") -> Row:
    text = rfc3339(round((START + hour) * HOUR_US))
    return row_of(read_entry(f'{{"id":"{hour}","created_at":"{text.removesuffix("Z")}{digits}Z"}}'))


class Server:
    """Counts entries at these hours since `START`, and sends the oldest."""

    def __init__(self, hours: Sequence[float]) -> None:
        self.hours = list(hours)
        self.asked = 0
        self.counts = True
        self.limit = 1_000_000

    async def __call__(self, params: Mapping[str, str]) -> Page:
        self.asked += 1
        low, high = (instant_us(params[f"created_at_{end}"]) or 0 for end in ("min", "max"))
        times = sorted(round((START + hour) * HOUR_US) for hour in self.hours)
        found = [us for us in times if low <= us <= high]
        entries = tuple(read_entry(f'{{"id":"x","created_at":"{rfc3339(us)}"}}') for us in found[:10])
        return Page(entries, total_count=min(len(found), self.limit) if self.counts else None)


async def find(server: Server, known: Known, hours: int = 100) -> list[Span]:
    most = min(len(server.hours), server.limit)
    spans = await Changes(server, {}, known, most).find(START, START + hours)
    return [Span(span.low - START, span.high - START, span.count) for span in spans]


async def learned(server: Server, hours: int = 100) -> Known:
    """What is known once everything was walked."""
    known = Known()
    for span in await Changes(server, {}, known, len(server.hours)).find(START, START + hours):
        known.learn(span, [row(hour) for hour in server.hours])
    return known


async def test_what_was_walked_is_found_unchanged_by_a_count_of_each_half() -> None:
    server = Server([0, 0.5, 1, 1, 40, 41.5, 42, 99.9])
    known = await learned(server)
    server.asked = 0
    assert await find(server, known) == []
    assert server.asked == 3
    for low in range(0, 100, 7):  # entries right at a bound are counted on both sides
        spans = await Changes(server, {}, known, 9).find(START + low, START + low + 7)
        assert spans == []


async def test_only_the_hours_that_changed_are_found() -> None:
    server = Server([hour / 50 for hour in range(5_000)])
    known = await learned(server)
    server.hours.append(70.123)
    spans = await find(server, known)
    assert [span for span in spans if span.low <= 70 < span.high] == spans
    assert len(spans) == 1
    assert (spans[0].count or 0) <= FEW


async def test_a_stretch_that_is_new_is_cut_so_that_each_is_walked_in_a_short_time() -> None:
    server = Server([hour / 500 for hour in range(50_000)])
    spans = await find(server, Known())
    assert [span.low for span in spans[1:]] == [span.high for span in spans[:-1]]
    assert (spans[0].low, spans[-1].high) == (0, 100)
    assert all(span.count is not None and span.count <= MOST for span in spans)


async def test_a_walk_that_found_another_number_than_was_counted_teaches_nothing() -> None:
    known = await learned(Server([0.5, 1.5]))
    span = Span(START, START + 100, 3)
    known.learn(span, [row(0.5), row(1.5)])
    assert (known.hours, known.on) == ({}, {})


async def test_digits_below_the_microsecond_at_a_bound_teach_nothing() -> None:
    for digits, learns in ((".0000000", True), (".000000001", False)):
        known = Known()
        known.learn(Span(START, START + 2, 2), [row(0.5), row(1, digits)])
        assert bool(known.hours) == learns


@pytest.mark.parametrize("goes", [[0.1], [0.1, 0.2]])
async def test_as_many_that_come_as_the_oldest_that_go_are_found(goes: list[float]) -> None:
    server = Server([0.1, 0.2, 0.3, 50, 60.5])
    known = await learned(server)
    for hour in goes:
        server.hours.remove(hour)
        server.hours.append(60.6 + hour)
    assert await find(server, known) != []


async def test_an_hour_that_is_empty_now_is_known_to_be() -> None:
    server = Server([0.5, 1.5, 50])
    known = await learned(server)
    server.hours = []
    assert await find(server, known) == []
    server.hours = [0.5, 1.5, 50]
    assert await find(server, known) != []


async def test_a_count_as_large_as_the_largest_proves_nothing() -> None:
    known = await learned(Server([0.5, 1.5, 50, 51]))
    server = Server([0.5, 1.5, 50, 51, 52, 53])
    server.limit = 4
    assert await find(server, known, 60) != []


async def test_without_a_count_everything_is_to_be_walked() -> None:
    server = Server([0.5])
    server.counts = False
    assert await find(server, Known()) == [Span(0, 100, None)]
