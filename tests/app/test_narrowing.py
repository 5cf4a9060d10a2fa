from __future__ import annotations

from auditlog_tui.demo import demo_entries
from tests.app.helpers import Hand, running
from tests.app.wire import NOW, log_of


def statuses(hand: Hand) -> set[int | None]:
    return {row.status_code for row in hand.table.rows.visible(0, len(hand.table.view or ()))}


# -- by what is on the screen --------------------------------------------------------------------------------------

COLUMNS = ["created", "action", "actor", "ip", "status", "target", "method", "path", "actor.type", "ua"]


async def on_column(hand: Hand, field: str) -> None:
    await hand.press(*["l"] * COLUMNS.index(field))
    assert hand.table.canvas.field == field


async def test_include_asks_for_the_cells_value() -> None:
    parameters = {
        "action": "action",
        "actor": "actor_id",
        "ip": "client_ip",
        "method": "method",
        "target": "target_id",
    }
    async with running() as hand:
        await hand.press("down")
        for field, parameter in parameters.items():
            await on_column(hand, field)
            value = hand.navigator.value_of(hand.row, field)
            await hand.press("=")
            assert hand.wire.pages[-1] == {parameter: value}
            rows = hand.table.rows.visible(0, len(hand.table.view or ()))
            assert rows
            assert {hand.navigator.value_of(row, field) for row in rows} == {value}, field
            await hand.press("[", *["h"] * COLUMNS.index(field))


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
        assert "target:none" in hand.navigator.place.text
        assert {row.target_id for row in hand.table.rows.visible(0, 50)} == {None}
        await hand.press("-")
        assert "-target:none" in hand.navigator.place.text


async def test_include_of_a_time_narrows_to_it() -> None:
    async with running() as hand:
        await hand.press("down", "down")
        entry = hand.row.key
        await hand.press("=")
        assert "created:" in hand.navigator.place.text
        assert entry in {row.key for row in hand.table.rows.visible(0, 100)}
        assert len(hand.table.view or ()) < 10


async def test_including_twice_changes_nothing_more() -> None:
    async with running() as hand:
        await on_column(hand, "method")
        await hand.press("=")
        text = hand.navigator.place.text
        await hand.press("=")
        assert hand.navigator.place.text == text


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
        assert "11:53:41" in hand.shown


async def test_an_empty_log_says_that_it_is_empty() -> None:
    from auditlog_tui.offline.sqlite_source import SqliteSource
    from auditlog_tui.offline.transport import Endpoints

    async with running(Endpoints(SqliteSource())) as hand:
        assert "The log is empty" in hand.shown
        await hand.press("down", "G", "enter", "=", "-", "c", "escape", "A", "pagedown", "g")
        assert hand.app.is_running


# -- a server that ignores filters ---------------------------------------------------------------------------------


async def test_a_server_that_ignores_a_filter_never_fills_the_table_with_other_rows() -> None:
    wrong: list[str] = []
    async with running(log_of(generation=1)) as hand:
        await hand.press("/")
        await hand.write("status:>=400")
        hand.send("enter")

        def checked() -> bool:
            if hand.navigator.place.text:
                rows = hand.table.rows.visible(0, len(hand.table.view or ()))
                wrong.extend(row.key for row in rows if (row.status_code or 0) < 400)
            return bool(hand.navigator.place.text) and not hand.screen.loader.busy

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
