from __future__ import annotations

import re

import pytest
from textual import events

from auditlog_tui.ui.panes.chips import ChipLine
from tests.app.helpers import Hand, running
from tests.app.wire import NOW_US, JsonLog, made
from tests.effort import THOROUGH


async def write(hand: Hand, text: str) -> None:
    """Open the bar, empty it and type; submit nothing."""
    await hand.press("/")
    hand.input.value = ""
    await hand.write(text)


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
        assert hand.input.value == "last:2h"
        assert "created:>=2026-07-01T10:00:00Z" in hand.lines[2]
        assert hand.navigator.place.text == "created:>=2026-07-01T10:00:00Z"


async def test_times_keep_their_words_and_their_instants_as_the_filter_grows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running() as hand:
        await hand.filter("last:2h")
        monkeypatch.setattr(hand.navigator.log, "now_us", lambda: NOW_US + 60_000_000)
        await hand.press("l", "l", "l", "l", "=")
        value = hand.row.status_code
        assert hand.input.value == f"last:2h status:{value}"
        assert "created:>=2026-07-01T10:00:00Z" in hand.lines[2]
        assert hand.wire.pages[-1]["created_at_min"].startswith("2026-07-01T10:00:00")
        hand.screen.filter_bar.chips.focus()
        await hand.press("right", "delete")
        assert hand.input.value == "last:2h"
        assert hand.navigator.place.text == "created:>=2026-07-01T10:00:00Z"
        await hand.press("[", "[")
        assert hand.input.value == "last:2h"
        await hand.press("/")
        assert "created:>=2026-07-01T10:00:00Z" in hand.lines[2]
        await hand.press("enter")
        assert hand.wire.pages[-1]["created_at_min"].startswith("2026-07-01T10:01:00")


async def test_typing_replaces_the_filter_and_end_or_an_arrow_keeps_it() -> None:
    async with running(query="status:>=400") as hand:
        await hand.press("/")
        await hand.write("method:GET")
        assert hand.input.value == "method:GET"
        for key in ("end", "right"):
            await hand.press("escape", "/", key)
            await hand.write(" x")
            assert hand.input.value == "status:>=400 x"
        await hand.press("escape", "/", "ctrl+u")
        assert hand.input.value == ""


async def test_a_paste_replaces_the_filter() -> None:
    async with running(query="status:>=400") as hand:
        await hand.press("/")
        hand.input.post_message(events.Paste("method:GET"))
        await hand.settled()
        assert hand.input.value == "method:GET"


@pytest.mark.parametrize("key", [(), ("enter",), ("s",), ("i",)], ids=str)
async def test_what_is_pasted_outside_of_the_filter_bar_goes_there(key: tuple[str, ...]) -> None:
    async with running(query="status:>=200") as hand:
        await hand.press(*key)
        focused, asked = hand.screen.focused, len(hand.wire.requests)
        hand.app.post_message(events.Paste("10.0.0.1\n\x1b[31m"))
        await hand.settled()
        assert hand.input.has_focus
        assert hand.input.value == "10.0.0.1 \x1b[31m"
        assert len(hand.wire.requests) == asked
        await hand.press("escape")
        assert hand.screen.focused is focused
        assert hand.navigator.place.text == hand.input.value == "status:>=200"


@pytest.mark.parametrize("pasted", ["192[.]0[.]2[.]66", *(["192.0.2.66", "(192.0.2.66)"] if THOROUGH else [])])
async def test_an_address_is_announced_and_offered_as_the_one_of_requests_and_as_a_text(pasted: str) -> None:
    async with running() as hand:
        hand.app.post_message(events.Paste(pasted))
        await hand.settled()
        assert "Enter offers: entries from the address or in any field" in hand.text
        assert "here:" not in hand.text
        await hand.press("enter")
        assert all(offer in hand.text for offer in (" i  entries from the address", " w  in any field"))
        await hand.press("i")
        assert hand.bar.applied == "ip:192.0.2.66"
        assert "client_ip=192.0.2.66" in str(hand.wire.requests[-1].url)
        hand.app.post_message(events.Paste(pasted))
        await hand.settled()
        await hand.press("enter", "w")
        assert hand.navigator.place.text == "192.0.2.66"


async def test_an_id_is_announced_as_what_it_is_offered_as() -> None:
    async with running() as hand:
        for text in ("5b254df3-5afe-4c11-9d30-000000000001", '"5b254df3-5afe-4c11-9d30-000000000001"'):
            hand.app.post_message(events.Paste(text))
            await hand.settled()
            told = "Enter offers: the entry, entries of the actor, entries on the target or in any field"
            assert told in hand.text
            await hand.press("space", "x")
            assert told not in hand.text
            assert "here: text" in hand.text
            await hand.press("escape")


async def test_a_paste_of_nothing_or_over_a_dialog_changes_nothing() -> None:
    async with running() as hand:
        hand.app.post_message(events.Paste(" \n"))
        await hand.settled()
        assert hand.table.has_focus
        await hand.press("y")
        hand.app.post_message(events.Paste("y"))
        await hand.settled()
        assert hand.app.screen is not hand.screen
        await hand.press("escape")
        assert hand.table.has_focus


async def test_the_filter_is_changed_at_the_chosen_chip() -> None:
    async with running(query="status:>=400 method:GET") as hand:
        hand.screen.filter_bar.chips.focus()
        await hand.press("right", "enter")
        await hand.write("path:/v1")
        assert hand.input.value == "status:>=400 path:/v1"


async def test_chips_that_do_not_fit_are_counted_and_can_be_reached() -> None:
    terms = "status:>=200 method:GET path:/v1 -ua:terraform -actor.name:alice -ip:203.0.113.0/24"
    async with running(query=terms, size=(80, 24)) as hand:
        chips = hand.lines[2]
        assert chips.rstrip().endswith("+2")
        assert "path:/v1" in chips
        assert "203.0.113.0/24" not in chips
        hand.screen.filter_bar.chips.focus()
        await hand.press(*["right"] * 5)
        assert "-ip:203.0.113.0/24" in hand.lines[2]
        assert re.match(r" +\+\d ", hand.lines[2])
        await hand.press("delete")
        assert hand.navigator.place.text == terms.removesuffix(" -ip:203.0.113.0/24")


LONG = "status:>=400 actor.type:api_key -path:/vpcs -ua:terraform method:POST,DELETE -actor.name:grafana vm.read"


async def test_the_term_of_the_chosen_chip_is_seen_in_the_bar() -> None:
    async with running(query=LONG, size=(60, 20)) as hand:
        assert hand.lines[1].rstrip().endswith("…")
        hand.bar.chips.focus()
        await hand.press(*["right"] * 6)
        assert hand.lines[1].startswith(" / …")
        assert "vm.read" in hand.lines[1]
        await hand.press(*["left"] * 5)
        assert "actor.type:api_key" in hand.lines[1]


async def test_chips_are_shortened_before_any_is_left_out() -> None:
    async with running(
        query="status:>=400 actor.type:api_key -ua:terraform -ip:203.0.113.0/24", size=(80, 24)
    ) as hand:
        assert "+" not in hand.lines[2]
        assert all(term in hand.lines[2] for term in ("status:>=400", "api_key", "-ua:terraform", "-ip:"))


@pytest.mark.parametrize("size", [(30, 20), (20, 9), (12, 9)])
async def test_a_chip_wider_than_the_line_is_shortened(size: tuple[int, int]) -> None:
    async with running(query=f"path:{'/long' * 30} status:200", size=size) as hand:
        assert "…" in hand.lines[2]
        assert hand.lines[2].rstrip().endswith("+1")


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (30, 12)])
async def test_what_a_filter_becomes_is_wrapped_and_ends_with_an_ellipsis(size: tuple[int, int]) -> None:
    async with running(query=LONG, size=size) as hand:
        await hand.press("/")
        region = hand.bar.line.region
        told = hand.lines[region.y : region.bottom]
        assert told[0].startswith("   GET /v1/audit_logs")
        assert all(line.startswith("   ") for line in told)
        assert told[-1].rstrip().endswith("…") == (size[0] < 60)


@pytest.mark.parametrize("size", [(200, 50), (20, 8)])
async def test_a_suggestion_takes_one_line_and_is_whole_where_there_is_room(size: tuple[int, int]) -> None:
    path = f"/v1/{'very/' * 12}long"
    async with running(JsonLog([made(n, path=path) for n in range(3)]), size=size) as hand:
        await write(hand, "path:")
        suggestions = hand.bar.suggestions
        assert suggestions.completion is not None
        assert suggestions.size.height == 1 + len(suggestions.completion.candidates)
        region = suggestions.region
        assert any(path in line for line in hand.lines[region.y : region.bottom]) == (size[0] == 200)
        assert hand.lines[1].startswith(" / path:")


async def test_a_missing_value_is_no_error_while_values_are_suggested() -> None:
    async with running() as hand:
        await write(hand, "method:GET status:")
        assert "Tab inserts" in hand.text
        assert "lacks a value" not in hand.text
        assert "method:GET" in hand.lines[2]
        await hand.press("enter")
        assert "lacks a value" in hand.text


async def test_suggestions_cover_the_rows_behind_them() -> None:
    async with running() as hand:
        await write(hand, "status:")
        bar = hand.screen.filter_bar.suggestions
        top = bar.region.y
        lines = hand.lines[top : top + bar.size.height]
        assert any(line.lstrip().startswith("200") for line in lines)
        assert not any(line.startswith(hand.screen.look.glyphs.cursor) for line in lines)
        assert all("/v1" not in line for line in lines)


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
        assert hand.navigator.place.text == "status:>=400 method:GET"
        assert len(hand.navigator.places) == 2


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
        assert hand.navigator.place.text == "status:>=400"


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


# -- what finds nothing --------------------------------------------------------------------------------------------


async def test_an_answer_of_none_says_what_was_seen_instead() -> None:
    async with running() as hand:
        action = hand.row.action
        assert action is not None
        await hand.filter(f"action:{action.upper()}")
        assert "No entry matches" in hand.shown
        assert f"Case matters; seen: action:{action}" in hand.shown


async def test_another_form_of_the_verb_is_looked_for_in_the_log_once() -> None:
    async with running() as hand:
        assert "api_key.created" not in {value.text for value in hand.navigator.log.store.seen.values("action")}
        before = len(hand.wire.requests)
        await hand.filter("action:api_key.create")
        assert "0  COMPLETE" in hand.header
        assert "Similar: action:api_key.created" in hand.shown
        asked = len(hand.wire.requests) - before
        await hand.press("/", "escape", "down")
        assert len(hand.wire.requests) - before == asked


@pytest.mark.parametrize(
    ("typed", "similar"),
    [
        ("action:volume.snapshoted", "action:volume.snapshotted"),
        ("action:api_key.delted", "action:api_key.deleted"),
        ("action:*.deletd", "action:*.deleted"),
        ("actor.name:alise", "actor.name:Alice"),
        ("terafrom", "Similar in what was loaded: terraform"),
    ],
)
async def test_the_nearest_value_of_the_log_is_offered_for_a_misspelt_one(typed: str, similar: str) -> None:
    async with running() as hand:
        await hand.filter(typed)
        assert "No entry matches" in hand.shown
        assert similar in hand.shown.replace("\n", " ")


async def test_a_name_where_an_id_goes_is_said() -> None:
    async with running() as hand:
        await hand.filter("actor:ci-deploy")
        assert "No entry matches" in hand.shown
        assert "actor: takes the ID; a name is actor.name:ci-deploy" in hand.shown


async def test_a_time_outside_the_log_is_said() -> None:
    async with running() as hand:
        await hand.filter("created:<2020-01-01")
        assert "The time ends before the oldest entry seen" in hand.shown
        await hand.filter("created:>=2030-01-01")
        assert "The time begins in the future" in hand.shown


async def test_a_value_that_nobody_knows_is_warned_of_while_one_types() -> None:
    async with running() as hand:
        await write(hand, "actor.type:robot")
        assert "Unknown actor.type:robot; known: user, api_key" in hand.text
        assert "actor_type=robot" in hand.text


# -- what other languages have -------------------------------------------------------------------------------------


async def test_a_filter_of_another_language_is_applied_as_ours() -> None:
    async with running() as hand:
        await hand.filter("NOT status=200 AND method != GET")
        assert hand.navigator.place.text == "-status:200 -method:GET"
        await hand.filter("status>=400 && actor.type = 'api_key'")
        assert hand.wire.pages[-1] == {"status_code_min": "400", "actor_type": "api_key"}


async def test_an_or_is_pointed_at_with_the_list_that_it_means() -> None:
    async with running() as hand:
        await hand.filter("status:403 OR status:401")
        assert "Write status:403,401" in hand.text
        assert len(hand.wire.requests) == 1


async def test_a_click_below_an_empty_bar_leaves_the_focus_where_keys_arrive() -> None:
    async with running() as hand:
        await hand.press("/")
        assert hand.screen.filter_bar.chips.display
        await hand.pilot.click(ChipLine)
        await hand.settled()
        assert hand.app.focused is not None
        assert hand.app.focused.display
        await hand.press("slash", "escape")
        assert hand.table.has_focus


async def test_a_text_that_is_too_long_is_not_pasted() -> None:
    async with running() as hand:
        await hand.press("/")
        hand.input.value = "status:401"
        hand.app.post_message(events.Paste("x" * 1_000_000))
        await hand.settled()
        assert hand.input.value == "status:401"
        assert "The pasted text has 1,000,000 characters" in hand.status
        hand.app.post_message(events.Paste(" ua:x\nip:10.0.0.1"))
        await hand.settled()
        assert hand.input.value == "status:401ua:x ip:10.0.0.1"


async def test_chips_are_removed_one_after_the_other() -> None:
    async with running(query="status:>=400 method:GET") as hand:
        await hand.press("shift+tab", "x")
        assert len(hand.navigator.place.text.split()) == 1
        assert hand.screen.filter_bar.chips.has_focus
        await hand.press("x")
        assert hand.navigator.place.text == ""
        assert hand.table.has_focus
