from __future__ import annotations

import pytest

from auditlog_tui.demo import demo_entries
from auditlog_tui.ui.table.columns import COLUMNS
from tests.app.helpers import Hand, running, table_lines
from tests.app.wire import ENTRIES, NOW, JsonLog, made


def first_line(hand: Hand) -> str:
    return hand.rows[0]


def cursor_line(hand: Hand) -> str:
    return hand.rows[hand.table.cursor - hand.table.top]


# -- rows ----------------------------------------------------------------------------------------------------------


async def test_rows_appear_with_one_request() -> None:
    async with running() as hand:
        assert len(hand.wire.pages) == 1
        assert hand.action in first_line(hand)
        assert "2026-07-01 11:53:41" in first_line(hand)
        assert f"100 of {ENTRIES} loaded" in hand.header


async def test_what_is_opened_is_said_before_the_first_answer() -> None:
    async with running(settle=False) as hand:
        hand.wire.hold()
        await hand.until(lambda: len(hand.wire.requests) == 1)
        assert "asking for entries" in hand.shown
        hand.wire.release()
        await hand.settled()
        assert "asking for entries" not in hand.shown


async def test_a_filter_on_the_command_line_is_the_first_thing_asked() -> None:
    async with running(query="status:>=400") as hand:
        assert hand.wire.pages == [{"status_code_min": "400"}]
        assert "COMPLETE" in hand.header


async def test_a_filter_on_the_command_line_that_cant_be_read_leaves_the_log_and_the_text() -> None:
    async with running(query="statu:400") as hand:
        assert hand.input.value == "statu:400"
        assert "status" in hand.text
        assert hand.wire.pages == [{}]
        assert "11:53:41" in first_line(hand)


async def test_down_through_all_pages_asks_for_each_once_and_before_its_end_is_seen() -> None:
    async with running() as hand:
        seen = set()
        while hand.table.cursor < ENTRIES - 1:
            before = hand.table.cursor
            await hand.press("pagedown")
            assert hand.table.cursor > before
            seen.update(hand.rows)
            assert not any("loading" in line or "older entries below" in line for line in hand.rows)
        cursors = [page.get("cursor") for page in hand.wire.pages]
        assert len(cursors) == len(set(cursors)) == 8
        assert f"end: the whole log, {ENTRIES} entries" in hand.shown
        assert f"{ENTRIES}  COMPLETE" in hand.header


async def test_down_moves_one_entry_and_scrolls_at_the_end_of_the_screen() -> None:
    async with running() as hand:
        await hand.press("down")
        assert (hand.table.cursor, hand.table.top) == (1, 0)
        assert cursor_line(hand).startswith("▌")
        for _ in range(hand.table.body):
            await hand.press("j")
        assert hand.table.top == 2
        await hand.press("up", "k")
        assert hand.table.cursor == hand.table.body - 1


async def test_holding_down_longer_than_pages_come_loses_no_entry() -> None:
    async with running() as hand:
        hand.wire.hold()
        hand.send(*["down"] * 300)
        await hand.until(lambda: hand.table.cursor == 99)
        hand.wire.release()
        await hand.settled()
        cursors = [page.get("cursor") for page in hand.wire.pages]
        assert len(cursors) == len(set(cursors))
        assert len(hand.table.view or ()) >= 200


async def test_pages_halves_and_space() -> None:
    async with running() as hand:
        body = hand.table.body
        await hand.press("pagedown")
        assert hand.table.cursor == body - 1
        await hand.press("space")
        assert hand.table.cursor == 2 * (body - 1)
        await hand.press("pageup", "pageup")
        assert (hand.table.cursor, hand.table.top) == (0, 0)
        await hand.press("ctrl+d")
        assert hand.table.cursor == body // 2
        await hand.press("ctrl+u")
        assert hand.table.cursor == 0


async def test_keys_that_were_handled_ask_for_nothing_on_a_screen_that_is_loaded() -> None:
    async with running() as hand:
        await hand.press("down", "up", "ctrl+d", "ctrl+u", "l", "h", "t", "t", "t")
        assert len(hand.wire.requests) == 1


# -- the two ends --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["G", "end"])
async def test_the_oldest_entry_is_one_request_away(key: str) -> None:
    oldest = next(demo_entries(entries=ENTRIES, until=NOW))
    async with running() as hand:
        await hand.press(key)
        assert hand.row.key == oldest.id
        assert hand.wire.pages[1:] == [{"sort": "created_at:asc"}]
        assert oldest.action in cursor_line(hand)
        assert "more above" in hand.header


@pytest.mark.parametrize("key", ["g", "home"])
async def test_back_at_the_newest_entry_without_a_request(key: str) -> None:
    async with running() as hand:
        newest = hand.row.key
        await hand.press("G")
        count = len(hand.wire.requests)
        await hand.press(key)
        assert hand.row.key == newest
        assert len(hand.wire.requests) == count


async def test_up_from_the_oldest_entry_reaches_the_newest_and_keeps_the_cursor_on_its_entry() -> None:
    async with running() as hand:
        newest = hand.row.key
        await hand.press("G")
        for _ in range(40):
            await hand.press("pageup")
        assert hand.row.key == newest
        assert f"{ENTRIES}  COMPLETE" in hand.header
        cursors = [page.get("cursor") for page in hand.wire.pages]
        assert len(cursors) == 10  # the first view's, eight, and one that asks for the oldest once more


async def test_the_cursor_stays_on_its_entry_and_line_when_rows_come_above() -> None:
    async with running() as hand:
        await hand.press("G", "up", "up", "up")
        entry, line = hand.row.key, hand.table.cursor - hand.table.top
        lines = hand.rows
        rows = len(hand.table.view or ())
        hand.wire.hold()
        await hand.screen.run_action("screen.load_all")
        hand.wire.release()
        await hand.settled()
        assert len(hand.table.view or ()) > rows
        assert hand.row.key == entry
        assert hand.table.cursor - hand.table.top == line
        assert hand.rows[:-1] == lines[:-1]  # the last says that now nothing is missing


async def test_the_oldest_entry_of_a_loaded_view_is_no_request_away() -> None:
    async with running() as hand:
        await hand.press("A")
        count = len(hand.wire.requests)
        await hand.press("G")
        assert hand.table.cursor == ENTRIES - 1
        await hand.press("g")
        assert hand.table.cursor == 0
        assert len(hand.wire.requests) == count


# -- columns -------------------------------------------------------------------------------------------------------


async def test_h_and_l_choose_the_column_and_scroll_with_time_and_action_staying() -> None:
    async with running(size=(80, 24)) as hand:
        fixed = [line[:36] for line in hand.rows]
        assert "AGENT" not in hand.text
        fields = [hand.table.canvas.field]
        for _ in range(9):
            await hand.press("l")
            fields.append(hand.table.canvas.field)
        assert fields == [
            "created", "action", "actor", "ip", "status", "target", "method", "path", "actor.type", "ua",
        ]  # fmt: skip
        assert "AGENT" in hand.text
        assert "nirvana-cli/" in hand.shown
        assert [line[:20] for line in hand.rows] == [line[:20] for line in fixed]
        assert "ACTOR" not in hand.text
        await hand.press(*["left"] * 9)
        assert hand.table.canvas.field == "created"
        assert [line[:36] for line in hand.rows] == fixed


WIDE_ACTION = "organizations.LeaveOrganization"


def titles(hand: Hand) -> str:
    return table_lines(hand.table)[0]


async def test_a_wide_terminal_cuts_no_action_beside_blank_cells() -> None:
    log = JsonLog([made(n, action=WIDE_ACTION, path="/v1/x", target=None) for n in range(60)])
    async with running(log, size=(140, 36)) as hand:
        assert WIDE_ACTION in hand.shown
        assert "/v1/x" in hand.shown


async def test_columns_are_fitted_at_a_query_and_at_a_resize_but_not_while_one_reads() -> None:
    entries = [made(n, action="vm.read" if n < 300 else WIDE_ACTION) for n in range(600)]
    async with running(JsonLog(entries), size=(120, 36)) as hand:
        before = titles(hand)
        await hand.press("A", *["pagedown"] * 12)
        assert WIDE_ACTION[:8] in hand.shown
        assert titles(hand) == before
        await hand.press("G", "g", "G")
        assert titles(hand) == before
        await hand.pilot.resize_terminal(121, 36)
        await hand.settled()
        assert WIDE_ACTION in hand.shown
        fitted = titles(hand)
        await hand.press("g", "t")
        assert titles(hand).startswith(fitted[:30])
        await hand.filter("action:vm.read")
        assert titles(hand) == before + " "


async def test_columns_are_fitted_when_others_are_chosen() -> None:
    entries = [made(n, action="vm.read" if n < 300 else WIDE_ACTION) for n in range(600)]
    async with running(JsonLog(entries)) as hand:
        await hand.press("A", "G")
        assert WIDE_ACTION not in hand.shown
        await hand.press("C", "enter")
        assert WIDE_ACTION in hand.shown


async def test_the_outermost_columns_are_the_last() -> None:
    async with running() as hand:
        await hand.press("h")
        assert hand.table.canvas.field == "created"
        await hand.press(*["l"] * 2 * len(COLUMNS))
        assert hand.table.canvas.field == COLUMNS[-1].field


# -- all of it -----------------------------------------------------------------------------------------------------


async def test_load_all_loads_all() -> None:
    async with running() as hand:
        await hand.press("A")
        assert f"{ENTRIES}  COMPLETE" in hand.header
        assert len(hand.wire.pages) == 8
        await hand.press("A")
        assert "Everything that matches is loaded" in hand.status
        assert len(hand.wire.pages) == 8


async def test_escape_stops_what_loads_all_and_space_goes_on() -> None:
    async with running() as hand:
        hand.wire.hold()
        hand.send("A")
        await hand.until(lambda: len(hand.wire.requests) == 2)
        await hand.until(lambda: hand.screen.loader.busy)
        hand.send("escape")
        await hand.until(lambda: "Stopped" in hand.status)
        hand.wire.release()
        await hand.settled()
        assert len(hand.wire.requests) == 2
        assert f"100 of {ENTRIES} loaded" in hand.header
        await hand.press("pagedown", "pagedown", "pagedown")
        assert "Space goes on" in hand.shown
        assert len(hand.wire.requests) == 2
        await hand.press("space")
        assert len(hand.wire.pages) > 2
        assert len(hand.table.view or ()) > 100


async def test_escape_with_nothing_open_and_nothing_running_leaves_everything_as_it_is() -> None:
    async with running() as hand:
        before = hand.rows
        await hand.press("escape", "escape")
        assert hand.app.is_running
        assert hand.rows == before
