from __future__ import annotations

import pytest

from auditlog_tui.demo import demo_entries
from auditlog_tui.offline.sqlite_source import SqliteSource
from auditlog_tui.offline.transport import Endpoints
from tests.app.helpers import Hand, running
from tests.app.wire import ENTRIES, NOW


def first_line(hand: Hand) -> str:
    return hand.rows[0]


def cursor_line(hand: Hand) -> str:
    return hand.rows[hand.table.cursor - hand.table.top]


# -- times ---------------------------------------------------------------------------------------------------------


async def test_t_shows_utc_then_local_then_ages(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        async with running() as hand:
            assert "UTC" in hand.header
            assert "2026-07-01 11:53:41" in first_line(hand)
            await hand.press("t")
            assert "2026-07-01 20:53:41" in first_line(hand)
            assert "UTC+09:00" in hand.header or "JST" in hand.header
            await hand.press("t")
            assert "ago" in first_line(hand) or "6m" in first_line(hand)
            assert "ages" in hand.header
            await hand.press("t")
            assert "2026-07-01 11:53:41" in first_line(hand)
    finally:
        monkeypatch.undo()
        time.tzset()


async def test_t_changes_the_zone_of_table_detail_and_timeline_at_once() -> None:
    async with running(zone="America/Los_Angeles") as hand:
        await hand.press("i", "escape", "enter")
        for newest in ("04:53:41", "11:53:41"):
            timeline = next(line for line in hand.lines if "730 entries" in line)
            detail = next(line for line in hand.lines if "created at" in line)
            for shown in (timeline, detail, first_line(hand)):
                assert f"2026-07-01 {newest}" in shown
            await hand.press("t")


async def test_typed_times_are_read_in_the_zone_that_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        async with running() as hand:
            await hand.press("t")
            await hand.filter("created:>=2026-07-01T20:00")
            assert hand.wire.pages[-1]["created_at_min"].startswith("2026-07-01T11:00:00")
    finally:
        monkeypatch.undo()
        time.tzset()


async def test_a_zone_that_is_named_is_shown_read_and_gone_through() -> None:
    async with running(zone="America/Los_Angeles") as hand:
        assert "2026-07-01 04:53:41" in first_line(hand)
        assert "PDT -07:00" in hand.header
        await hand.filter("created:>=2026-07-01T04:00")
        assert hand.wire.pages[-1]["created_at_min"].startswith("2026-07-01T11:00:00")
        for shown in ("2026-07-01 11:53:41", "ago", "2026-07-01 11:53:41", "2026-07-01 04:53:41"):
            await hand.press("t")  # this machine's, ages, UTC
            assert shown in first_line(hand)


# -- places --------------------------------------------------------------------------------------------------------


async def test_refresh_asks_anew_and_shows_what_was_written_since() -> None:
    entries = list(demo_entries(entries=ENTRIES, until=NOW))
    log = SqliteSource()
    log.add(entries[:-1])
    async with running(Endpoints(log)) as hand:
        assert hand.row.key == entries[-2].id
        log.add(entries[-1:])
        await hand.press("r")
        assert hand.row.key == entries[-1].id
        assert len(hand.wire.pages) == 2
        await hand.press("[")
        assert hand.row.key == entries[-2].id


async def test_z_parks_the_filter_and_brings_it_back_without_a_request() -> None:
    async with running(query="status:>=400") as hand:
        await hand.press("down", "down", "z")
        assert hand.input.value == ""
        assert hand.navigator.place.text == ""
        asked = len(hand.wire.pages)
        assert hand.wire.pages == [{"status_code_min": "400"}, {}]
        failed = hand.row.status_code
        await hand.press("z")
        assert hand.input.value == "status:>=400"
        assert hand.table.cursor == 2
        await hand.press("z", "z")
        assert len(hand.wire.pages) == asked
        assert failed is not None
        assert failed < 400


async def test_back_and_forward_find_the_exact_place_without_a_request() -> None:
    async with running() as hand:
        await hand.press("pagedown", "pagedown", "down", "up", "up")
        first = hand.row.key, hand.table.cursor - hand.table.top, hand.rows
        await hand.filter("status:>=400")
        await hand.press("down", "down", "down")
        second = hand.row.key, hand.rows
        asked = len(hand.wire.requests)
        await hand.press("[")
        assert (hand.row.key, hand.table.cursor - hand.table.top) == first[:2]
        assert hand.rows[1:] == first[2][1:]
        assert hand.input.value == ""
        await hand.press("]")
        assert (hand.row.key, hand.rows) == second
        assert hand.input.value == "status:>=400"
        await hand.press("backspace")
        assert hand.row.key == first[0]
        assert len(hand.wire.requests) == asked


async def test_there_is_no_place_before_the_first() -> None:
    async with running() as hand:
        await hand.press("[")
        assert "first" in hand.status
        await hand.press("]")
        assert "nothing to go forward to" in hand.status
        assert len(hand.wire.requests) == 1


# -- mouse ---------------------------------------------------------------------------------------------------------


async def test_a_click_moves_the_cursor_and_the_column_and_two_open() -> None:
    async with running() as hand:
        titles = next(line for line in hand.lines if "ACTION" in line)
        await hand.pilot.click("EntryTable", offset=(titles.index("IP"), 6))
        await hand.settled()
        assert hand.table.cursor == 5
        assert hand.table.canvas.field == "ip"
        await hand.pilot.click("EntryTable", offset=(30, 3), times=2)
        await hand.settled()
        assert hand.table.cursor == 2
        assert hand.pane.display


# -- the end -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_q_quits_with_status_0(key: str) -> None:
    async with running() as hand:
        await hand.press(key)
        await hand.until(lambda: hand.app.return_code is not None)
        assert hand.app.return_code == 0
    assert hand.app.report == ""


async def test_quitting_while_a_request_is_under_way_is_clean() -> None:
    async with running() as hand:
        hand.wire.hold()
        hand.send("A")
        await hand.until(lambda: len(hand.wire.requests) == 2)
        hand.send("q")
        await hand.until(lambda: hand.app.return_code is not None)
        hand.wire.release()
    assert hand.app.return_code == 0
    assert hand.app.report == ""
