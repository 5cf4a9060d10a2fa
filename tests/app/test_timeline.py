"""The timeline: its bars, axis and keys, and who counts it."""

from __future__ import annotations

import re

import pytest

from auditlog_tui.analysis.timeline import Bucket
from auditlog_tui.text.times import DAY_US
from auditlog_tui.ui.panes.timeline import SCALE
from tests.app.helpers import Hand, running
from tests.app.wire import NOW_US, Json, JsonLog, log_of, made
from tests.effort import THOROUGH


def lines(hand: Hand) -> list[str]:
    """What the timeline shows: rows of bars, the axis, the text."""
    region = hand.screen.timeline.region
    return hand.lines[region.y : region.bottom]


def shown(hand: Hand) -> bool:
    return hand.screen.timeline.display


def spread(count: int = 100, every: int = 60, failing: int = 0) -> JsonLog:
    """An entry each minute (`every` seconds); the newest `failing` were refused."""
    return JsonLog([made(n * every, status_code=403 if n < failing else 200) for n in range(count)])


@pytest.mark.parametrize("size", [(80, 24), (250, 60), (40, 12), *([(120, 36), (200, 50)] if THOROUGH else [])])
async def test_a_complete_log_has_a_bar_for_nearly_each_cell_and_sends_no_request(size: tuple[int, int]) -> None:
    async with running(query="last:30d", size=size) as hand:
        await hand.press("A")
        asked = len(hand.wire.requests)
        await hand.press("i")
        room = size[0] - SCALE - 1
        assert room / 2 < len(hand.screen.timeline.buckets) <= room
        assert len(hand.wire.requests) == asked
        assert all(len(line.rstrip()) <= size[0] for line in lines(hand))
        axis = lines(hand)[-2]
        assert re.search(r"0 │2026-06-\d\d \d\d:\d\d", axis)
        assert not set(re.findall(r"│(\d\d:\d\d)", axis)) - {f"{hour:02}:00" for hour in range(24)}


async def test_the_scale_tells_the_highest_bar_where_the_cursor_is_at_first() -> None:
    log = JsonLog([*(made(n * 60) for n in range(50)), *(made(1_500, id=f"more-{n}") for n in range(30))])
    async with running(log) as hand:
        await hand.press("i")
        assert [line[:SCALE].strip() for line in lines(hand)[:-1]] == ["31", "", "", "0"]
        assert "31 entries, 0 failed  the peak" in lines(hand)[-1]
        await hand.press("l")
        assert "the peak" not in lines(hand)[-1]
        await hand.press("h", "enter")
        assert len(hand.screen.view) == 31


def weekdays(days: int) -> JsonLog:
    """An entry each two hours of so many days, but on Saturday, 2026-06-27, and on Sunday."""
    hours = [n for n in range(0, days * 24, 2) if not 84 < n <= 108 and not 60 < n <= 84]
    return JsonLog([made(n * 3_600) for n in hours])


async def test_a_bar_of_days_without_entries_has_a_0_and_each_bar_its_date() -> None:
    days = 2 * DAY_US
    first = NOW_US // days * days - 12 * days
    async with running(size=(120, 36)) as hand:
        await hand.press("i")
        counts = [5, 4, 0, 6, 5, 4, 0, None, 5, 4, 3, 2]
        buckets = [Bucket(first + n * days, first + (n + 1) * days - 1, each, 0) for n, each in enumerate(counts)]
        hand.screen.timeline.show(buckets, "")
        await hand.settled()
        *_, bars, axis, _ = lines(hand)
        assert bars[SCALE:].count("0") == 2  # what is not counted yet has none
        assert axis[SCALE:].startswith("│2026-06-")
        assert len(re.findall(r"│Ju[nl] \d\d", axis)) == len(counts) - 2  # the first takes two
        hand.screen.timeline.show(buckets[-8:], "")
        await hand.settled()
        labels = re.findall(r"│(Jun [\d.]+)", lines(hand)[-2])
        assert labels == ["Jun 18..19", "Jun 20..21", "Jun 22..23", "Jun 24..25", "Jun 26..27", "Jun 28..29"]


async def test_who_counted_is_told_at_80_columns_for_whole_days_too_and_hours_stay() -> None:
    first = NOW_US // DAY_US * DAY_US - 20 * DAY_US
    note = "counted by the server"
    async with running(size=(80, 24)) as hand:
        await hand.press("i")
        days = [Bucket(first + n * DAY_US, first + (n + 2) * DAY_US - 1, 3_000 + n, 105) for n in range(0, 20, 2)]
        hand.screen.timeline.show(days, note)
        await hand.settled()
        peak = lines(hand)[-1].strip()
        assert re.fullmatch(r"2026-\S+ to 2026-\S+  3,018 entries, 105 failed  the peak  by the server", peak)
        await hand.press("left")
        assert "3,016 entries, 105 failed  counted by the server" in lines(hand)[-1]
        hours = [Bucket(first + n * DAY_US // 4, first + (n + 1) * DAY_US // 4 - 1, 9, 1) for n in range(10)]
        hand.screen.timeline.show([hours[0], hours[-1]], note)
        await hand.press("V", "left")
        assert re.search(r"00:00\S* to 2026-\S+ 11:59", lines(hand)[-1])


async def test_a_stretch_of_narrow_bars_without_entries_has_one_0() -> None:
    async with running(weekdays(8), query="last:30d", size=(120, 36)) as hand:
        await hand.press("A", "i")
        *_, bars, _, _ = lines(hand)
        empty = [bucket.n == 0 for bucket in hand.screen.timeline.buckets]
        assert sum(empty) > 3
        assert bars[SCALE:].count("0") == 1


async def test_the_chosen_bar_is_underlined_on_the_axis() -> None:
    async with running(spread()) as hand:
        await hand.press("i")
        bar = hand.screen.timeline

        def reverse() -> list[int]:
            axis = bar.render_line(bar.size.height - 2)
            cells = [bool(part.style and part.style.reverse) for part in axis for _ in part.text]
            return [cell for cell, chosen in enumerate(cells) if chosen]

        await hand.press(*["h"] * 100)
        assert reverse() == [SCALE]
        await hand.press("l")
        assert reverse() == [SCALE + 1]
        await hand.press("V", "l", "l")
        assert reverse() == [SCALE + 1, SCALE + 2, SCALE + 3]
        await hand.press("escape", "escape")
        assert reverse() == []


async def test_failures_are_part_of_the_bar_in_the_same_scale() -> None:
    async with running(spread(failing=30), size=(120, 36)) as hand:
        await hand.press("i", "escape")
        bar = hand.screen.timeline
        lowest = [part for part in bar.render_line(bar.size.height - 3) if part.text.strip()]
        colours = [part.style.color.name for part in lowest if part.style and part.style.color]
        assert colours[0] != colours[-1]
        assert len(set(colours)) == 2
        assert "100 entries, 30 failed" in lines(hand)[-1]


async def test_few_failures_do_not_colour_a_low_bar() -> None:
    many = [made(1_500, id=f"more-{n}") for n in range(400)]
    low = [made(60 * n, id=f"{n}-{k}", status_code=403 if not k else 200) for n in range(3) for k in range(8)]
    async with running(JsonLog([*low, *many])) as hand:
        await hand.press("A", "i", "escape")
        bar = hand.screen.timeline
        lowest = [part for part in bar.render_line(bar.size.height - 3) if part.text.strip(" 0")]
        assert len({part.style.color for part in lowest if part.style}) == 1


@pytest.mark.parametrize(
    ("entries", "query", "why"),
    [
        ([made(1)], "action:no.such.thing", "no entry matches"),
        ([made(1, created_at="soon")], "", "no entry has a time that can be read"),
        ([made(n) for n in range(2_500)], "action:no.such.thing", "no entry that matches is loaded so far"),
    ],
)
async def test_it_is_said_why_there_is_nothing_to_count(entries: list[Json], query: str, why: str) -> None:
    async with running(JsonLog(entries), query) as hand:
        await hand.press("i")
        assert f"nothing to count: {why}" in hand.status


async def test_one_with_nothing_to_count_takes_no_lines_until_there_is_something() -> None:
    async with running(query="action:no.such.thing") as hand:
        await hand.press("i")
        assert not shown(hand)
        assert hand.table.has_focus
        assert "nothing to count" in hand.status
        await hand.filter("")
        assert shown(hand)
        assert "730 entries" in lines(hand)[-1]
        await hand.filter("action:no.such.thing")
        assert not shown(hand)
        await hand.press("[")
        assert shown(hand)


async def test_it_is_counted_again_when_all_is_loaded() -> None:
    async with running(log_of(generation=1)) as hand:
        await hand.press("i", "escape")
        assert "of 100 loaded" in lines(hand)[-1]
        await hand.press("A")
        assert "730 entries, " in lines(hand)[-1]
        assert "loaded" not in lines(hand)[-1]


async def test_what_the_server_counted_is_counted_here_once_all_is_loaded() -> None:
    async with running() as hand:
        await hand.press("i")
        few = len(hand.screen.timeline.buckets)
        assert "counted by the server" in lines(hand)[-1]
        await hand.press("A")
        assert len(hand.screen.timeline.buckets) > 2 * few
        assert "counted by the server" not in lines(hand)[-1]


async def test_the_server_counts_few_bars_and_more_with_plus() -> None:
    async with running() as hand:
        asked = len(hand.wire.requests)
        await hand.press("i")
        few = len(hand.screen.timeline.buckets)
        assert few <= 12
        assert len(hand.wire.requests) - asked <= 24 + 4  # and what proves that the server obeys
        await hand.press("+")
        assert few < len(hand.screen.timeline.buckets) <= 24
        await hand.press("+")
        assert "as many bars as can be" in hand.status


async def test_a_wider_window_has_more_bars() -> None:
    async with running(spread(), size=(60, 24)) as hand:
        await hand.press("i")
        few = len(hand.screen.timeline.buckets)
        await hand.pilot.resize_terminal(160, 24)
        await hand.until(lambda: len(hand.screen.timeline.buckets) > few)


async def test_pivots_in_a_complete_log_send_no_request() -> None:
    async with running() as hand:
        await hand.press("A")
        asked = len(hand.wire.requests)
        await hand.press("p")
        assert "entries of the same" in hand.text
        assert "counting" not in hand.text
        assert len(hand.wire.requests) == asked
