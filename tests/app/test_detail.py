from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from auditlog_tui.ui.browse import detail
from auditlog_tui.ui.panes.detail import wrap
from tests.app.helpers import Hand, running
from tests.app.wire import JsonLog, answers, made


def pane_text(hand: Hand) -> str:
    """What the pane shows, its border with the titles included."""
    region = hand.pane.region
    return "\n".join(line[region.x : region.right] for line in hand.lines[region.y : region.bottom])


def visible(hand: Hand) -> bool:
    return hand.pane.display


# -- opening and following -----------------------------------------------------------------------------------------


async def test_enter_opens_the_entry_and_asks_for_it_once() -> None:
    async with running() as hand:
        await hand.press("down", "enter")
        assert hand.wire.gets == [hand.row.key]
        assert hand.pane.has_focus
        text = pane_text(hand)
        assert "full record" in text
        assert hand.action in text
        assert "2026-07-01 11:53:34" in text


async def test_the_row_is_shown_at_once_and_the_record_when_it_comes() -> None:
    async with running() as hand:
        hand.wire.hold()
        hand.send("enter")
        await hand.until(lambda: bool(hand.wire.gets) and "asking for the full record" in pane_text(hand))
        assert hand.action in pane_text(hand)
        hand.wire.release()
        await hand.settled()
        assert "asking" not in pane_text(hand)


async def test_every_known_field_has_its_place() -> None:
    async with running(size=(160, 60)) as hand:
        await hand.press("enter")
        text = pane_text(hand)
        row = hand.row
        for value in (
            row.key, row.action, row.actor_id, row.actor_name, row.actor_type, row.client_ip, row.method,
            row.user_agent, "204",
        ):  # fmt: skip
            assert value is not None
            assert value in text


async def test_the_pane_follows_the_cursor() -> None:
    async with running() as hand:
        await hand.press("enter", "escape", "down")
        assert hand.table.has_focus
        assert hand.pane.display
        assert hand.wire.gets[-1] == hand.row.key
        assert "11:53:34" in pane_text(hand)


async def test_a_cursor_that_does_not_rest_asks_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as hand:
        await hand.press("enter", "escape")
        await hand.until(lambda: len(hand.wire.gets) == 1)
        monkeypatch.setattr(detail, "REST_S", 3600)
        hand.send(*["down"] * 9)
        await hand.until(lambda: hand.table.cursor == 9)
        assert len(hand.wire.gets) == 1
        monkeypatch.setattr(detail, "REST_S", 0)
        passed = {row.key for row in hand.screen.view.window(1, 8)}
        await hand.press("down")
        assert hand.wire.gets[-1] == hand.row.key
        assert passed.isdisjoint(hand.wire.gets)


async def test_a_request_is_given_up_when_the_cursor_moves_on() -> None:
    async with running() as hand:
        await hand.press("enter", "escape")
        hand.wire.hold()
        hand.send("down")
        await hand.until(lambda: len(hand.wire.gets) == 2)
        hand.send("down")
        await hand.until(lambda: len(hand.wire.gets) == 3)
        hand.wire.release()
        await hand.settled()
        assert "11:53:31" in pane_text(hand)
        assert "full record" in pane_text(hand)
        await hand.press("up")
        assert hand.wire.gets[3] == hand.row.key  # the answer that was given up is not kept


async def test_a_record_is_fetched_once() -> None:
    async with running() as hand:
        await hand.press("enter", "J", "K", "J", "K")
        assert len(hand.wire.gets) == 2


async def test_j_and_k_with_shift_go_to_the_next_and_previous_entry_and_keep_the_field() -> None:
    async with running() as hand:
        await hand.press("enter")
        await hand.to_field("client_ip")
        await hand.press("J", "J")
        assert hand.table.cursor == 2
        assert hand.pane.has_focus
        assert hand.pane.field is not None
        assert hand.pane.field.name == "client_ip"
        assert hand.pane.field.value == hand.row.client_ip
        await hand.press("K")
        assert hand.table.cursor == 1


async def test_escape_goes_back_to_the_table_and_then_closes() -> None:
    async with running() as hand:
        await hand.press("enter", "escape")
        assert hand.table.has_focus
        assert hand.pane.display
        await hand.press("escape")
        assert not visible(hand)
        await hand.press("escape")
        assert hand.app.is_running


async def test_q_closes_the_pane_before_it_quits() -> None:
    async with running() as hand:
        await hand.press("enter", "q")
        assert not hand.pane.display
        assert hand.app.return_code is None
        assert hand.table.has_focus


async def test_a_pane_that_is_closed_asks_for_nothing() -> None:
    async with running() as hand:
        await hand.press("enter", "escape", "escape", "down", "down")
        assert len(hand.wire.gets) == 1


# -- what goes wrong -----------------------------------------------------------------------------------------------


async def test_a_failed_fetch_says_why_there_and_leaves_the_row() -> None:
    async with running() as hand:
        hand.wire.fail(answers(403, {"message": "no"}), times=1)
        await hand.press("enter")
        text = pane_text(hand)
        assert "read permission" in text
        assert "r tries again" in text
        assert hand.action in text
        assert "11:53:41" in text
        assert len(hand.table.view or ()) == 100


async def test_r_asks_for_a_record_again() -> None:
    async with running() as hand:
        hand.wire.fail(answers(403, {"message": "no"}), times=1)
        await hand.press("enter", "r")
        assert len(hand.wire.gets) == 2
        assert "full record" in pane_text(hand)
        assert "tries again" not in pane_text(hand)
        assert len(hand.wire.pages) == 1


async def test_an_entry_that_the_server_does_not_know_any_more_is_told() -> None:
    async with running() as hand:
        hand.wire.fail(answers(404, {"message": "there is no such audit log entry"}), times=1)
        await hand.press("enter")
        assert "no such" in pane_text(hand)


async def test_a_record_that_differs_from_the_row_says_where() -> None:
    def edit(number: int, body: dict[str, Any]) -> dict[str, Any]:
        return body if "items" in body else {**body, "status_code": 500}

    async with running(size=(160, 60)) as hand:
        hand.wire.edit = edit
        await hand.press("enter")
        text = pane_text(hand)
        assert "differs from the row in: status_code" in text
        assert "! status code" in text
        assert "500" in text


async def test_an_entry_without_an_id_is_not_asked_for() -> None:
    entry = made(1)
    del entry["id"]
    async with running(JsonLog([entry])) as hand:
        await hand.press("enter")
        assert hand.wire.gets == []
        assert "no ID" in pane_text(hand)
        assert "vm.created" in pane_text(hand)


# -- what else there is --------------------------------------------------------------------------------------------

STRANGE: Mapping[str, Any] = {
    "region": "us-east",
    "labels": {"a": [1, 2]},
    "actor": {"id": "actor-1", "name": "Alice", "type": "user", "mfa": True},
    "status_code": "many",
}


async def test_unknown_fields_are_shown_and_those_that_cant_be_read_flagged() -> None:
    async with running(JsonLog([made(1, **STRANGE)]), size=(160, 60)) as hand:
        await hand.press("enter")
        text = pane_text(hand)
        assert "us-east" in text
        assert '{"a": [1, 2]}' in text
        assert "mfa" in text
        assert "many" in text
        assert "can't be read" in text
        assert "! status code" in text


async def test_v_shows_the_json_as_it_came_and_back() -> None:
    async with running(JsonLog([made(1, **STRANGE)]), size=(160, 60)) as hand:
        await hand.press("enter", "v")
        assert '"region": "us-east"' in pane_text(hand)
        assert '"status_code": "many"' in pane_text(hand)
        await hand.press("v")
        assert '"region": "us-east"' not in pane_text(hand)
        assert "us-east" in pane_text(hand)


# -- groups side by side -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(120, 36), (200, 50), (250, 60)])
async def test_a_usual_entry_is_seen_without_scrolling(size: tuple[int, int]) -> None:
    target = {"id": "0b8f3a52-1111-4222-8333-944455556666", "type": "vm"}
    path = "/v1/compute/vms/0b8f3a52-1111-4222-8333-944455556666"
    agent = (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_6) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari"
    )
    log = JsonLog([made(1, target=target, path=path, user_agent=agent)])
    async with running(log, "action:vm.created", size=size) as hand:
        await hand.press("enter")
        text = pane_text(hand)
        row = hand.row
        for value in (row.key, row.action, row.actor_id, row.actor_type, row.client_ip, row.method, "Safari",
                      *target.values(), "ago)"):  # fmt: skip
            assert str(value) in text
        assert hand.pane.max_scroll_y == 0


async def test_the_target_is_beside_the_event_where_there_is_room() -> None:
    async with running(size=(120, 36)) as hand:
        await hand.press("enter")
        assert any("Event" in line and "Target" in line for line in hand.lines)
        await hand.pilot.resize_terminal(80, 36)
        await hand.until(lambda: not any("Event" in line and "Target" in line for line in hand.lines))


async def test_the_keys_go_down_a_column_and_across() -> None:
    async with running(size=(120, 36)) as hand:
        await hand.press("enter")
        names = []
        for key in ("l", "h", "end", "home", *"jjjj", "pageup"):
            await hand.press(key)
            names.append(hand.pane.field.name if hand.pane.field else "")
        assert names[:4] == ["target.type", "action", "user_agent", "action"]
        assert names[4:] == ["status_code", "created_at", "id", "actor.name", "action"]


async def test_fields_whose_names_look_alike_can_each_be_chosen() -> None:
    async with running(JsonLog([made(1, **{"zone\u200b": "a", "zone⟨U+200B⟩": "b", "last": "c"})])) as hand:
        await hand.press("enter")
        values = set()
        for _ in range(30):
            await hand.press("j")
            values.add(hand.pane.field.value if hand.pane.field else "")
        assert {"a", "b", "c"} <= values


async def test_a_text_is_split_at_a_space_near_the_end() -> None:
    assert wrap("2026-11-25 20:23:10 UTC (12 min ago)", 30) == ["2026-11-25 20:23:10 UTC (12 ", "min ago)"]
    assert wrap("0123456789abcdef", 10) == ["0123456789", "abcdef"]
    assert wrap("a 0123456789abcdef", 10) == ["a 01234567", "89abcdef"]
    assert "".join(wrap("one two three  four", 5)) == "one two three  four"


# -- where it stands -----------------------------------------------------------------------------------------------


async def test_right_of_the_table_when_wide_and_below_when_narrow() -> None:
    async with running(size=(170, 40)) as hand:
        await hand.press("enter")
        assert hand.pane.region.x >= hand.table.region.right
        assert hand.pane.region.y == hand.table.region.y
        await hand.pilot.resize_terminal(100, 40)
        await hand.until(lambda: hand.table.size.width == 100)
        assert hand.pane.region.y >= hand.table.region.bottom
        assert hand.pane.region.x == hand.table.region.x


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)])
async def test_the_entry_under_the_cursor_stays_in_sight_when_the_pane_opens(size: tuple[int, int]) -> None:
    async with running(size=size) as hand:
        await hand.press("pagedown")
        await hand.press("enter")
        line = hand.table.cursor - hand.table.top
        assert 0 <= line < hand.table.body
        assert hand.rows[line].startswith("▌")


async def test_a_view_that_holds_nothing_has_nothing_to_open() -> None:
    async with running(query="action:no.such") as hand:
        await hand.press("enter")
        assert hand.wire.gets == []
        assert hand.app.is_running
