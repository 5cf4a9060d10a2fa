from __future__ import annotations

import pytest
from textual import events

from auditlog_tui.demo import demo_entries
from tests.app.helpers import NOW, Hand, log_of, running


async def write(hand: Hand, text: str) -> None:
    """Open the bar, empty it and type; submit nothing."""
    await hand.press("/")
    hand.input.value = ""
    await hand.write(text)


def statuses(hand: Hand) -> set[int | None]:
    return {row.status_code for row in hand.table.rows.visible(0, len(hand.table.view or ()))}


# -- submitting ----------------------------------------------------------------------------------------------------


async def test_a_filter_goes_to_the_server_and_its_rows_are_shown() -> None:
    async with running() as hand:
        await hand.filter("status:>=400 actor.type:api_key")
        assert hand.wire.pages[1:] == [{"status_code_min": "400", "actor_type": "api_key"}]
        assert hand.table.has_focus
        rows = hand.table.rows.visible(0, len(hand.table.view or ()))
        assert rows
        assert all(row.actor_type == "api_key" and (row.status_code or 0) >= 400 for row in rows)
        assert "status:>=400" in hand.lines[1]


async def test_what_a_filter_becomes_is_said_while_it_is_typed_and_not_after() -> None:
    async with running() as hand:
        await write(hand, "status:5xx")
        assert "GET /v1/audit_logs?status_code_min=500&status_code_max=599" in hand.text
        assert len(hand.wire.requests) == 1
        await hand.press("enter")
        assert "GET /v1/audit_logs?" not in hand.text


async def test_every_parameter_of_the_api_can_be_asked_by() -> None:
    typed = (
        "action:vm.created actor:a-1 actor.type:user ip:203.0.113.7 method:POST path:/v1 status:200..299 "
        "target:t-1 target.type:vm created:2026-06-01T00:00Z..2026-06-02T00:00Z sort:status"
    )
    async with running() as hand:
        await hand.filter(typed)
        asked = hand.wire.pages[-1]
        assert {name: value for name, value in asked.items() if not name.startswith("created")} == {
            "action": "vm.created", "actor_id": "a-1", "actor_type": "user", "client_ip": "203.0.113.7",
            "method": "POST", "path": "/v1", "status_code_min": "200", "status_code_max": "299",
            "target_id": "t-1", "target_type": "vm", "sort": "status_code:asc",
        }  # fmt: skip
        assert asked["created_at_min"].startswith("2026-06-01T00:00:00")
        assert asked["created_at_max"].startswith("2026-06-02T00:00:00")


async def test_an_id_asks_the_get_endpoint_alone() -> None:
    async with running() as hand:
        await hand.press("down", "down")
        wanted = hand.row.key
        await hand.filter(f"id:{wanted}")
        assert hand.wire.gets == [wanted]
        assert len(hand.wire.pages) == 1
        assert hand.row.key == wanted
        assert "COMPLETE" in hand.header


async def test_last_is_made_absolute_by_the_servers_clock() -> None:
    async with running() as hand:
        await hand.filter("last:2h")
        assert hand.wire.pages[-1]["created_at_min"].startswith("2026-07-01T10:00:00")
        assert "2026-07-01T10:00" in hand.input.value


async def test_the_same_filter_again_asks_nothing() -> None:
    async with running() as hand:
        await hand.filter("status:>=400")
        count = len(hand.wire.requests)
        await hand.filter("status:>=400")
        assert len(hand.wire.requests) == count


async def test_a_filter_typed_faster_than_the_screen_follows_arrives_whole() -> None:
    async with running() as hand:
        hand.send("/", *"status:>=400 method:GET", "enter")
        await hand.until(lambda: len(hand.wire.pages) == 2)
        await hand.settled()
        assert hand.wire.pages[1] == {"status_code_min": "400", "method": "GET"}
        assert hand.browser.place.text == "status:>=400 method:GET"
        assert len(hand.browser.places) == 2


# -- what can't be read --------------------------------------------------------------------------------------------


async def test_an_error_points_at_its_column_and_keeps_rows_and_text() -> None:
    async with running() as hand:
        rows = hand.rows[:20]
        await hand.filter("action:vm.created status:abc")
        assert hand.input.value == "action:vm.created status:abc"
        assert hand.input.has_focus
        lines = hand.lines
        bar = next(n for n, line in enumerate(lines) if "status:abc" in line)
        term = lines[bar].index("status:abc")
        caret = next(line for line in lines[bar + 1 :] if "^" in line)
        assert caret.index("^") in range(term, term + len("status:abc"))
        assert hand.rows[:20] == rows
        assert len(hand.wire.requests) == 1


async def test_an_unknown_key_is_an_error_with_a_suggestion() -> None:
    async with running() as hand:
        await hand.filter("stauts:400")
        assert "status" in hand.text
        assert hand.input.has_focus
        assert len(hand.wire.requests) == 1


async def test_an_error_can_be_corrected_where_one_is() -> None:
    async with running() as hand:
        await hand.filter("status:abc")
        await hand.press("backspace", "backspace", "backspace")
        await hand.write("404")
        await hand.press("enter")
        assert hand.wire.pages[-1] == {"status_code_min": "404", "status_code_max": "404"}
        assert "^" not in hand.text


async def test_an_error_is_gone_with_the_text_that_had_it() -> None:
    async with running() as hand:
        await hand.filter("status:abc")
        await hand.press("escape")
        assert "^" not in hand.text
        assert "abc" not in hand.text


# -- leaving and coming back ---------------------------------------------------------------------------------------


async def test_escape_gives_the_applied_text_back_and_leaves() -> None:
    async with running(query="status:>=400") as hand:
        await write(hand, "method:DELETE")
        await hand.press("escape")
        assert hand.input.value == "status:>=400"
        assert hand.table.has_focus
        assert len(hand.wire.pages) == 1


async def test_tab_out_of_an_unfinished_text_is_no_way_to_apply_it() -> None:
    async with running(query="status:>=400") as hand:
        await write(hand, "method:DELETE")
        hand.table.focus()
        await hand.settled()
        assert hand.input.value == "status:>=400"
        assert len(hand.wire.pages) == 1


async def test_up_and_down_walk_the_history() -> None:
    async with running() as hand:
        await hand.filter("status:>=400")
        await hand.filter("method:DELETE")
        await write(hand, "half")
        await hand.press("up")
        assert hand.input.value == "method:DELETE"
        await hand.press("up")
        assert hand.input.value == "status:>=400"
        await hand.press("up")
        assert hand.input.value == "status:>=400"
        await hand.press("down", "down")
        assert hand.input.value == "half"
        await hand.press("up", "up", "enter")
        assert hand.browser.place.text == "status:>=400"


async def test_a_paste_of_several_lines_is_one_line() -> None:
    async with running() as hand:
        await hand.press("/")
        hand.input.post_message(events.Paste("status:>=400\r\n  method:GET\n"))
        await hand.settled()
        assert hand.input.value == "status:>=400 method:GET"
        assert len(hand.wire.requests) == 1
        await hand.press("enter")
        assert hand.wire.pages[-1] == {"status_code_min": "400", "method": "GET"}


async def test_a_terminal_that_loses_the_focus_keeps_what_was_typed() -> None:
    async with running() as hand:
        await write(hand, "status:>=4")
        hand.app.post_message(events.AppBlur())
        await hand.settled()
        assert hand.input.value == "status:>=4"
        hand.app.post_message(events.AppFocus())
        await hand.settled()
        assert hand.input.value == "status:>=4"
        assert hand.input.has_focus
        await hand.write("00")
        await hand.press("enter")
        assert hand.wire.pages[-1] == {"status_code_min": "400"}


async def test_letters_are_text_while_one_types() -> None:
    async with running() as hand:
        await write(hand, "q?z[]AGr t")
        assert hand.input.value == "q?z[]AGr t"
        assert hand.app.screen is hand.screen
        assert len(hand.wire.requests) == 1


# -- by what is on the screen --------------------------------------------------------------------------------------

COLUMNS = ["created", "action", "actor", "ip", "status", "method", "path", "target", "actor.type", "ua"]


async def on_column(hand: Hand, field: str) -> None:
    await hand.press(*["l"] * COLUMNS.index(field))
    assert hand.table.field == field


@pytest.mark.parametrize(
    ("field", "parameter"),
    [("action", "action"), ("actor", "actor_id"), ("ip", "client_ip"), ("method", "method"), ("target", "target_id")],
)
async def test_include_asks_for_the_cells_value(field: str, parameter: str) -> None:
    async with running() as hand:
        await hand.press("down")
        await on_column(hand, field)
        value = hand.browser.value_of(hand.row, field)
        await hand.press("=")
        assert hand.wire.pages[-1] == {parameter: value}
        rows = hand.table.rows.visible(0, len(hand.table.view or ()))
        assert rows
        assert {hand.browser.value_of(row, field) for row in rows} == {value}


async def test_include_of_a_status_asks_for_just_that() -> None:
    async with running(query="status:>=400") as hand:
        await on_column(hand, "status")
        code = hand.row.status_code
        await hand.press("=")
        assert statuses(hand) == {code}


async def test_exclude_hides_the_cells_value_and_asks_nothing_new_of_the_server() -> None:
    async with running() as hand:
        await hand.press("A")
        count = len(hand.wire.requests)
        await on_column(hand, "action")
        hidden = hand.row.action
        await hand.press("-")
        assert len(hand.wire.requests) == count
        rows = hand.table.rows.visible(0, len(hand.table.view or ()))
        assert rows
        assert hidden not in {row.action for row in rows}
        assert "match in" in hand.header


async def test_a_target_that_is_none_can_be_asked_for_and_hidden() -> None:
    async with running(query="action:audit_log.read") as hand:
        await on_column(hand, "target")
        assert hand.row.target_id is None
        await hand.press("=")
        assert "target:none" in hand.browser.place.text
        assert {row.target_id for row in hand.table.rows.visible(0, 50)} == {None}
        await hand.press("-")
        assert "-target:none" in hand.browser.place.text


async def test_include_of_a_time_narrows_to_it() -> None:
    async with running() as hand:
        await hand.press("down", "down")
        entry = hand.row.key
        await hand.press("=")
        assert "created:" in hand.browser.place.text
        assert entry in {row.key for row in hand.table.rows.visible(0, 100)}
        assert len(hand.table.view or ()) < 10


async def test_including_twice_changes_nothing_more() -> None:
    async with running() as hand:
        await on_column(hand, "method")
        await hand.press("=")
        text = hand.browser.place.text
        await hand.press("=")
        assert hand.browser.place.text == text


# -- what is evaluated here ----------------------------------------------------------------------------------------


async def test_changing_only_what_is_evaluated_here_asks_nothing() -> None:
    async with running(query="status:>=400") as hand:
        count = len(hand.wire.requests)
        await hand.filter("status:>=400 ua:terraform")
        assert len(hand.wire.requests) == count
        await hand.filter("status:>=400 -ua:terraform")
        assert len(hand.wire.requests) == count


async def test_a_scan_that_finds_nothing_stops_says_so_and_goes_on_by_space() -> None:
    async with running(log_of(3_000)) as hand:
        await hand.filter("ua:no-such-agent")
        assert len(hand.wire.pages) == 21
        assert "Space" in hand.shown
        assert "2,000" in hand.shown or "2,100" in hand.shown
        await hand.press("space")
        assert "No entry matches" in hand.shown
        assert len(hand.wire.pages) == 30 or len(hand.wire.pages) == 31


async def test_an_empty_result_says_what_was_asked_and_offers_a_way_out() -> None:
    async with running() as hand:
        await hand.filter("action:no.such.thing method:GET")
        assert "No entry matches" in hand.shown
        assert "action:no.such.thing method:GET" in hand.shown
        assert "z" in hand.shown
        await hand.press("z")
        assert "11:57:16" in hand.shown


async def test_an_empty_log_says_that_it_is_empty() -> None:
    from auditlog_tui.local import LocalLog

    async with running(LocalLog()) as hand:
        assert "The log is empty" in hand.shown
        await hand.press("down", "G", "enter", "=", "-", "c", "escape", "A", "pagedown", "g")
        assert hand.app.is_running


# -- a server that ignores filters ---------------------------------------------------------------------------------


async def test_a_server_that_ignores_a_filter_never_fills_the_table_with_other_rows() -> None:
    wrong: list[str] = []
    async with running(log_of(generation=1)) as hand:
        await write(hand, "status:>=400")
        hand.send("enter")

        def checked() -> bool:
            if hand.browser.place.text:
                rows = hand.table.rows.visible(0, len(hand.table.view or ()))
                wrong.extend(row.key for row in rows if (row.status_code or 0) < 400)
            return bool(hand.browser.place.text) and not hand.screen.loader.busy

        await hand.until(checked)
        await hand.press("A")
        assert checked()
        assert not wrong
        assert len(hand.table.view or ()) == 39


async def test_the_screen_says_that_the_server_ignores_a_filter() -> None:
    async with running(log_of(generation=1)) as hand:
        await hand.filter("method:DELETE")
        assert "ignores method" in hand.status
        assert "here" in hand.lines[2]
        await hand.press("A")
        assert "match in 730" in hand.header


async def test_on_a_server_that_ignores_sort_the_oldest_is_walked_to() -> None:
    async with running(log_of(generation=1)) as hand:
        newest = hand.row.key
        await hand.press("G")
        assert "ignores sort" in hand.status
        assert {row.key for row in hand.table.rows.visible(0, 200)} >= {newest}
        await hand.press("A", "G")
        assert hand.row.key == next(demo_entries(entries=730, until=NOW)).id
