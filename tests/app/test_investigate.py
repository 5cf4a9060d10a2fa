"""Pivot, time, follow, find, sort: over the demo's HTTP server, with requests counted, on both generations."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.widgets import OptionList

from auditlog_tui.demo import demo_log
from auditlog_tui.demo.server import Serving, serving
from auditlog_tui.log import polling
from auditlog_tui.log.view import View
from auditlog_tui.offline.sqlite_source import FlatEntry, SqliteSource
from auditlog_tui.store import scans
from auditlog_tui.text.glyphs import UNICODE
from auditlog_tui.ui.browse import finding, following
from auditlog_tui.ui.dialogs.choose_columns import ColumnsScreen
from auditlog_tui.ui.dialogs.menu import Choice, MenuScreen
from tests.app.helpers import SIZE, Hand, app_over, frames, running, settled
from tests.app.helpers import TestOpener as Opener
from tests.app.wire import NOW, NOW_US, UNREACHABLE, JsonLog, Wire, answers, log_of, made, source_of

ENTRIES = 730
both = pytest.mark.parametrize("generation", [1, 2])


@asynccontextmanager
async def browsing(generation: int = 2) -> AsyncIterator[tuple[Hand, Serving]]:
    """The app at rest on the demo's log, served over HTTP."""
    with serving(source_of(ENTRIES), generation=generation) as server:
        app = app_over(Opener(base_url=server.url))
        async with app.run_test(size=SIZE) as pilot:
            await settled(pilot)
            yield Hand(pilot, app, Wire(log_of())), server


def column(view: View, name: str) -> list[object]:
    return [getattr(row, name) for row in view.window(0, len(view))]


def prompts(hand: Hand) -> str:
    menu = hand.app.screen
    assert isinstance(menu, MenuScreen)
    return "\n".join(str(option.prompt) for option in menu.query_one("#menu").options)  # type: ignore[attr-defined]  # an OptionList


# -- pivots ------------------------------------------------------------------------------------------------------


async def test_pivots_are_counted_by_the_server_before_one_goes_there() -> None:
    async with browsing() as (hand, server):
        before = len(server.requests)
        row = hand.table.row
        assert row is not None
        await hand.press("p")
        asked = len(server.requests) - before
        assert "all time" in prompts(hand) or str(row.actor_name) in prompts(hand)
        assert asked <= 30
        await hand.press("a")
        assert hand.bar.applied == f"actor:{row.actor_id}"
        total = hand.screen.view.summary().total
        assert total is not None
        assert total > 0
        await hand.press("[")
        assert hand.table.row == row


async def test_pivots_are_a_table_of_one_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "all", True)  # regions are compared with what is drawn
    async with browsing() as (hand, _):
        await hand.filter("status:>=200")
        for size in ((80, 24), (120, 36), (200, 50)):
            await hand.resize(*size)
            await hand.press("p")
            assert "Tab counts it · Esc ─" in hand.text  # whole
            await hand.press("tab")
            await hand.settled()
            box, shown = hand.app.screen.query_one(OptionList), hand.lines
            heads, *lines = [
                shown[y][box.region.x : box.region.right] for y in range(box.region.y, box.region.bottom)
            ][1:-1]
            assert len(lines) == box.option_count - 1
            ends = [heads.index(head) + len(head) for head in ("here", "all time")]
            for line in lines:
                assert all(line[end - 1].isdigit() and line[end] == " " for end in ends)
            starts = [heads.index(head) for head in ("first seen", "last seen")]
            for line in lines[:2]:
                assert all(re.match(r"20\d\d-\d\d-\d\d", line[start:]) for start in starts)
            assert all("…" not in line for line in lines if size > (120, 36) or " actor " in line), size
            await hand.press("escape")


@pytest.mark.parametrize(
    ("name", "size", "minutes"),
    [
        ("Alice", (80, 24), True),
        ("terraform-production-7", (80, 24), False),  # which minutes would cut
        ("terraform-production-7", (100, 30), True),
        ("Alice", (60, 20), False),
    ],
)
async def test_pivots_show_minutes_unless_they_cut_a_name(name: str, size: tuple[int, int], *, minutes: bool) -> None:
    entries = [made(n, actor={"id": "actor-1", "name": name, "type": "user"}) for n in range(8)]
    async with running(JsonLog(entries), "status:200", size=size) as hand:
        await hand.press("A", "p")
        line = next(line for line in hand.lines if " a  actor " in line)
        assert f" {name} " in line
        assert ("2026-07-01 11:59  2026-07-01 12:00" in line) is minutes
        assert "2026-07-01" in line


async def test_a_menu_is_as_wide_as_its_texts_and_keeps_its_lines_in_a_narrow_window() -> None:
    async with browsing() as (hand, _):
        await hand.pilot.resize_terminal(80, 24)
        await hand.press("y")
        assert "curl command, without the key" in hand.text
        assert "a line for a ticket, defanged" in hand.text
        await hand.press("escape", "p")
        menu = hand.app.screen
        assert isinstance(menu, MenuScreen)
        menu.update(Choice("a", "actor", ("x" * 300, "1,234,567")))
        await hand.settled()
        line = next(line for line in hand.lines if " a  actor " in line)
        assert "…" in line
        assert "1,234,567" in line
        await hand.press("enter")
        assert hand.bar.applied.startswith("actor:")


async def test_a_menu_in_a_small_window_leaves_columns_out_and_wraps_none() -> None:
    async with browsing() as (hand, _):
        for size in ((60, 20), (40, 16), (20, 8)):
            await hand.resize(*size)
            for key in ("p", "y", "C"):
                await hand.press(key)
                box = hand.app.screen.query_one(OptionList)
                assert box.virtual_size.height == box.option_count, (size, key)
                assert "actor" in hand.text.lower(), (size, key)
                await hand.press("escape")


async def test_a_count_of_loaded_entries_is_told_from_one_of_the_log() -> None:
    async with browsing() as (hand, _):
        await hand.press("p")
        assert "≥: of what is loaded" in hand.text
        assert re.search(r" agent .* ≥ \d+ ", hand.text)
        assert not re.search(r" actor .*≥", hand.text)


async def test_pivots_count_within_a_complete_filter_without_a_request_and_over_all_time_on_tab() -> None:
    async with browsing() as (hand, server):
        await hand.filter("status:>=400")
        await hand.press("A")
        assert hand.screen.view.summary().complete
        before, row = len(server.requests), hand.row
        await hand.press("p")
        assert len(server.requests) == before
        assert "here" in prompts(hand)
        assert "all time" not in prompts(hand)
        assert "counting" not in prompts(hand)
        same = [each for each in hand.screen.view.window(0, ENTRIES) if each.client_ip == row.client_ip]
        first, last = (
            "2026-" + hand.screen.look.date_time(each.created_us or 0)[5:16] for each in (same[-1], same[0])
        )
        assert re.search(rf" address +{row.client_ip} +{len(same)}  {first}  {last}", prompts(hand))
        await hand.press("tab")
        assert len(server.requests) > before
        found = re.search(rf" address +{row.client_ip} +{len(same)} +(\d+)  20", prompts(hand))
        assert found is not None
        total = int(found[1])
        assert total > len(same)
        asked = len(server.requests)
        await hand.press("tab")
        assert len(server.requests) == asked
        await hand.press("I")
        assert hand.screen.view.summary().total == total


async def test_over_all_time_of_a_complete_log_takes_no_request() -> None:
    async with browsing() as (hand, server):
        await hand.press("A")
        await hand.filter("terraform")
        before = len(server.requests)
        await hand.press("p", "tab")
        assert "all time" in prompts(hand)
        assert "counting" not in prompts(hand)
        assert len(server.requests) == before


@both
async def test_a_pivot_shows_what_it_says(generation: int) -> None:
    async with browsing(generation) as (hand, _):
        row = hand.table.row
        assert row is not None
        await hand.press("p", "I")
        assert set(column(hand.screen.view, "client_ip")) == {row.client_ip}


# -- time --------------------------------------------------------------------------------------------------------


@both
async def test_around_shows_everything_near_an_entry_which_stays_under_the_cursor(generation: int) -> None:
    async with browsing(generation) as (hand, _):
        await hand.press("A", *["down"] * 40)
        row = hand.table.row
        assert row is not None
        assert row.created_us is not None
        await hand.press(".")
        assert hand.table.row == row
        near = [us for us in column(hand.screen.view, "created_us") if isinstance(us, int)]
        assert max(abs(us - row.created_us) for us in near) <= 300_000_000
        few = len(near)
        await hand.press(">")
        assert len(hand.screen.view) >= few
        assert hand.table.row == row
        await hand.press("[", "[")
        assert hand.bar.applied == ""
        assert hand.table.row == row


async def test_a_time_takes_two_requests_and_both_directions_go_on_from_it() -> None:
    async with browsing() as (hand, server):
        before = len(server.requests)
        await hand.press("ctrl+t")
        await hand.press(*"1d")
        await hand.press("enter")
        asked = [request.target for request in server.requests[before:]]
        assert len(asked) <= 2, asked
        row = hand.table.row
        assert row is not None
        assert row.created_us is not None
        assert row.created_us <= NOW_US - 86_400_000_000
        times = column(hand.screen.view, "created_us")
        assert times == sorted(times, key=lambda us: -int(str(us)))
        assert hand.table.cursor > 0


@both
async def test_the_timeline_counts_the_whole_range(generation: int) -> None:
    async with browsing(generation) as (hand, server):
        if generation == 1:
            await hand.press("A")
        before = len(server.requests)
        await hand.press("i")
        buckets = hand.screen.timeline.buckets
        assert sum(bucket.n or 0 for bucket in buckets) == ENTRIES
        assert len(server.requests) - before <= 24 + 4  # and what proves that the server obeys
        await hand.press("l")
        chosen = buckets[hand.screen.timeline.at]
        await hand.press("enter")
        await hand.press("A")
        assert len(hand.screen.view) == chosen.n
        assert "created:" in hand.bar.applied


# -- following ---------------------------------------------------------------------------------------------------


@both
async def test_following_tells_what_is_new_and_moves_nothing(
    generation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "POLL_S", 0.01)
    log = demo_log(entries=ENTRIES, until=NOW)
    with serving(log, generation=generation) as server:
        app = app_over(Opener(base_url=server.url))
        async with app.run_test(size=SIZE) as pilot:
            hand = Hand(pilot, app, Wire(log_of()))
            await settled(pilot)
            await hand.press("down", "down", "pagedown")
            row, above = hand.table.row, hand.table.cursor - hand.table.top
            hand.send("F")
            log.add([fresh(number) for number in range(7)])
            await hand.until(lambda: "7 new" in hand.text)
            assert hand.table.row == row
            assert hand.table.cursor - hand.table.top == above
            hand.send("g")
            await hand.until(lambda: hand.table.cursor == 0)
            assert hand.table.row is not None
            assert hand.table.row.key == "fresh-6"
            hand.send("F")
            await hand.until(lambda: f"{UNICODE.on} follow" not in hand.text.splitlines()[0])


@both
async def test_what_is_new_is_said_at_the_top_too_until_it_is_read(
    generation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with followed(generation, monkeypatch) as (hand, log):
        row = hand.table.row
        log.add([fresh(number) for number in range(7)])
        await hand.until(lambda: "7 new" in hand.header)
        assert hand.table.row == row
        assert hand.table.cursor == 7
        log.add([fresh(7)])
        await hand.until(lambda: "8 new" in hand.header)
        hand.send("down")
        await hand.until(lambda: hand.table.cursor == 9)
        assert "8 new" in hand.header
        hand.send("g")
        await hand.until(lambda: "8 new" not in hand.header)
        assert hand.row.key == "fresh-7"


async def test_what_came_late_is_missing_until_it_is_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    async with followed(2, monkeypatch, "A") as (hand, log):
        assert "730  COMPLETE" in hand.header
        said: list[str] = []
        monkeypatch.setattr(hand.screen, "say", lambda text, severity="": said.append(text))
        log.add([fresh(n, late_us=4_000_000_000) for n in range(3)])
        await hand.until(lambda: "733  COMPLETE" in hand.header)
        assert said == ["3 entries came late, and were put where they belong"]
        times = [us for us in column(hand.screen.view, "created_us") if isinstance(us, int)]
        assert times == sorted(times, reverse=True)


async def test_one_dated_in_the_future_hides_nothing_that_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    async with followed(2, monkeypatch) as (hand, log):
        log.add([fresh(0, late_us=-3_600_000_000)])
        await hand.until(lambda: "1 new" in hand.header)
        assert "newest 1 h in the future" in hand.header
        log.add([fresh(1), fresh(2)])
        await hand.until(lambda: "3 new" in hand.header)
        assert column(hand.screen.view, "key")[:3] == ["fresh-0", "fresh-2", "fresh-1"]
        log.add([fresh(3, late_us=-6_278 * 365 * 86_400_000_000)])
        await hand.until(lambda: "newest 6,278 y in the future" in hand.header)


async def test_it_is_said_to_follow_once_the_server_has_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "POLL_S", 0.01)
    monkeypatch.setattr(polling, "SLOWEST_S", 0.01)
    async with running() as hand:
        hand.wire.hold()
        hand.send("F")
        await hand.until(lambda: f"{UNICODE.on} follow waiting" in hand.header)
        assert "Asking for what is new" in hand.status
        hand.wire.release()
        await hand.until(lambda: "Following: what is new comes in above" in hand.status)
        assert "waiting" not in hand.header
        say, said = hand.screen.footer.say, list[str]()

        def note(text: str, severity: str = "") -> None:
            said.append(text)
            say(text, severity)

        monkeypatch.setattr(hand.screen.footer, "say", note)
        hand.wire.fail(UNREACHABLE)
        await hand.until(lambda: f"{UNICODE.on} follow no answer" in hand.header)
        assert re.search(r"Trying again at \d\d:\d\d:\d\d UTC, until an answer comes", " ".join(said))
        hand.send("z")  # another place, which the network is needed for as well
        await hand.until(lambda: hand.screen.footer.message == "" or "z" not in hand.status)
        assert "no answer" in hand.header
        hand.wire.fail(UNREACHABLE, times=0)
        await hand.until(lambda: "no answer" not in hand.header and "Following: what is new" in hand.status)
        hand.send("F")
        await hand.until(lambda: "Not following" in hand.status)


async def test_without_a_network_follow_waits_for_it_and_loads_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "POLL_S", 0.01)
    monkeypatch.setattr(polling, "SLOWEST_S", 0.01)
    wire = Wire(log_of())
    wire.fail(UNREACHABLE)
    async with running(wire) as hand:
        said = heard(hand, monkeypatch)
        asked = len(wire.requests)
        hand.send("F")
        await hand.until(lambda: f"{UNICODE.on} follow waiting" in hand.header and len(wire.requests) > asked)
        assert said[0].startswith("Waiting for the network")
        assert not any("Following" in text for text in said)
        wire.fail(UNREACHABLE, times=0)
        await hand.until(lambda: "Following: what is new" in hand.status)
        assert "100 of 730 loaded" in hand.header
        assert "waiting" not in hand.header
        hand.send("F")
        await hand.until(lambda: "Not following" in hand.status)


def heard(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All that is said from now on."""
    said: list[str] = []
    say = hand.screen.say

    def listen(text: str, severity: str = "") -> None:
        said.append(text)
        say(text, severity)

    monkeypatch.setattr(hand.screen, "say", listen)
    return said


@pytest.mark.parametrize("key", ["G", "end"])
async def test_following_goes_on_where_a_jump_failed(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "POLL_S", 0.01)
    monkeypatch.setattr(polling, "SLOWEST_S", 0.01)
    async with running() as hand:
        hand.send("F")
        await hand.until(lambda: "Following: what is new" in hand.status)
        view, said = hand.screen.view, heard(hand, monkeypatch)
        hand.wire.fail(UNREACHABLE)
        hand.send(key)
        await hand.until(lambda: any(text.startswith("Can't go to the oldest entry") for text in said))
        await hand.until(lambda: hand.screen.view is view and "follow no answer" in hand.header)
        hand.wire.fail(UNREACHABLE, times=0)
        await hand.until(lambda: "no answer" not in hand.header and "not here" not in hand.header)
        assert hand.screen.view is view
        hand.send("F")
        await hand.until(lambda: "Not following" in hand.status)


@pytest.mark.parametrize("moved", [False, True])
async def test_following_from_the_oldest_entry_begins_once_the_server_answers(
    monkeypatch: pytest.MonkeyPatch, *, moved: bool
) -> None:
    monkeypatch.setattr(following, "POLL_S", 0.01)
    monkeypatch.setattr(polling, "SLOWEST_S", 0.01)
    wire = Wire(log_of())
    async with running(wire) as hand:
        await hand.press("G")
        del hand.navigator.places[0]  # whose rows would be shown again, without a request
        hand.navigator.at = 0
        view, said = hand.screen.view, heard(hand, monkeypatch)
        wire.fail(UNREACHABLE)
        hand.send("F")
        await hand.until(lambda: any(text.startswith("Can't go to the newest entry") for text in said))
        await hand.until(lambda: hand.screen.view is view and "follow no answer" in hand.header)
        if moved:
            hand.send("k")
            await hand.until(lambda: hand.table.cursor == len(view) - 2)
        wire.fail(UNREACHABLE, times=0)
        if moved:
            await hand.until(lambda: any(text.startswith("The server answers again") for text in said))
            assert hand.screen.view is view
            hand.send("g")
        await hand.until(lambda: "Following: what is new" in hand.status)
        assert hand.screen.view.newer_done
        hand.send("F")
        await hand.until(lambda: "Not following" in hand.status)


async def test_a_key_that_is_refused_is_not_tried_again_by_following(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "POLL_S", 0.01)
    wire = Wire(log_of())
    wire.fail(answers(401, {"message": "no"}))
    async with running(wire) as hand:
        asked = len(wire.requests)
        hand.send("F")
        await hand.until(lambda: "follow waiting" in hand.header)
        await asyncio.sleep(0.1)
        assert len(wire.requests) == asked
        hand.send("F")
        await hand.until(lambda: "Not following" in hand.status)


@pytest.mark.parametrize("keys", [("m", "M"), ("/", *"sort:status", "enter")])
async def test_what_can_not_be_followed_is_said_once(keys: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    async with followed(2, monkeypatch) as (hand, _):
        hand.send(*keys)
        await hand.until(lambda: "can be followed" in hand.status)
        hand.send("down")
        await hand.until(lambda: "can be followed" not in hand.status)
        await asyncio.sleep(0.2)  # twenty polls
        assert "can be followed" not in hand.status


async def test_around_and_its_steps_say_what_the_filter_has() -> None:
    async with browsing() as (hand, _):
        await hand.press(*["down"] * 40, ".")
        row = hand.row
        assert row.created_us is not None
        for key, half_s, said in (
            ("<", 120, "2 min"), ("<", 60, "1 min"), ("<", 30, "30 s"), ("<", 10, "10 s"), (">", 30, "30 s"),
            (">", 60, "1 min"), (">", 120, "2 min"), (">", 300, "5 min"), (">", 900, "15 min"), (">", 3_600, "1 h"),
            (">", 21_600, "6 h"), (">", 86_400, "1 d"), (">", 2_592_000, "30 d"),
        ):  # fmt: skip
            await hand.press(key)
            assert f"Everything {said} before and after" in hand.status
            plan = hand.screen.view.plan
            assert (plan.created_min_us, plan.created_max_us) == (
                row.created_us - half_s * 1_000_000, row.created_us + half_s * 1_000_000
            )  # fmt: skip
        places = len(hand.navigator.places)
        await hand.press(">")
        assert "30 d before and after is the most" in hand.status
        assert len(hand.navigator.places) == places


@asynccontextmanager
async def followed(
    generation: int, monkeypatch: pytest.MonkeyPatch, *keys: str
) -> AsyncIterator[tuple[Hand, SqliteSource]]:
    """The app at rest, after some keys; then it follows, with fast polls."""
    monkeypatch.setattr(following, "POLL_S", 0.01)
    log = demo_log(entries=ENTRIES, until=NOW)
    log._now = lambda: NOW
    with serving(log, generation=generation) as server:
        app = app_over(Opener(base_url=server.url))
        async with app.run_test(size=SIZE) as pilot:
            hand = Hand(pilot, app, Wire(log_of()))
            await settled(pilot)
            await hand.press(*keys)
            hand.send("F")
            await hand.until(lambda: f"{UNICODE.on} follow" in hand.header and "waiting" not in hand.header)
            yield hand, log
            hand.send("F")
            await hand.until(lambda: f"{UNICODE.on} follow" not in hand.header)


def fresh(number: int, late_us: int = 0) -> FlatEntry:
    return FlatEntry(
        id=f"fresh-{number}", created_us=NOW_US - late_us + number, action="vm.read", actor_id="a", actor_name="A",
        actor_type="user", client_ip="192.0.2.1", method="GET", path="/", status_code=200, user_agent="curl",
        target_id=None, target_type=None,
    )  # fmt: skip


# -- find, sort, columns -----------------------------------------------------------------------------------------


async def test_find_walks_what_is_loaded_without_a_request() -> None:
    async with browsing() as (hand, server):
        before = len(server.requests)
        await hand.press("ctrl+f")
        await hand.press(*"nks")
        await hand.press("enter")
        found = [n for n, action in enumerate(column(hand.screen.view, "action")) if "nks" in str(action)]
        rows = [n for n, row in enumerate(hand.screen.view.window(0, 100)) if "nks" in " ".join(map(str, row))]
        assert set(found) <= set(rows)
        visited = [hand.table.cursor]
        for _ in range(3):
            await hand.press("n")
            visited.append(hand.table.cursor)
        start = rows.index(visited[0])
        assert visited == (rows + rows)[start : start + 4]
        await hand.press("N")
        assert hand.table.cursor == visited[-2]
        assert len(server.requests) == before
        await hand.press("escape")
        assert not hand.screen.look.find


async def test_find_tells_which_of_how_many_matches_it_is() -> None:
    async with browsing() as (hand, _):
        await hand.press("ctrl+f", *"nks", "enter")
        first = re.search(r"nks: 1 of (\d+) in the 100 entries loaded so far", hand.status)
        assert first is not None
        await hand.press("n")
        assert f"nks: 2 of {first[1]} in the 100 entries loaded so far" in hand.status
        await hand.press("N", "N")
        assert f"nks: {first[1]} of {first[1]} in the 100 entries loaded so far, from the other end" in hand.status
        await hand.press("A", "n")
        rows = [" ".join(map(str, row)) for row in hand.screen.view.window(0, ENTRIES)]
        before = sum("nks" in row for row in rows[: hand.table.cursor])
        assert f"nks: {before + 1} of {sum('nks' in row for row in rows)}" in hand.status
        assert "loaded" not in hand.status
        await hand.press("j")
        assert "nks" not in hand.status


async def test_find_tells_that_there_is_no_match_and_where() -> None:
    async with browsing() as (hand, _):
        await hand.press("ctrl+f", *"xyzzy", "enter")
        assert "xyzzy is in none of the 100 entries loaded so far; / asks the server" in hand.status
        await hand.press("A", "n")
        assert "xyzzy is in none of all 730 entries" in hand.status
        assert "asks" not in hand.status


@pytest.mark.parametrize("key", ["j", "escape"])
async def test_counting_matches_keeps_no_key_waiting(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with browsing() as (hand, _):
        await hand.press("A")
        monkeypatch.setattr(scans, "SLICE", 1)
        monkeypatch.setattr(finding, "SLICES", 1)
        await hand.press("ctrl+f", *"vm")
        hand.send("enter")
        await hand.until(lambda: "counting" in hand.status)
        cursor = hand.table.cursor
        hand.send(key)
        await hand.until(lambda: "counting" not in hand.status)
        await hand.settled()
        assert hand.table.cursor == cursor + (key == "j")
        assert " of " not in hand.status  # it was left, or stopped
        assert bool(hand.screen.look.find) is (key == "j")


@both
async def test_a_column_sorts_what_is_loaded_and_status_sorts_at_the_server(generation: int) -> None:
    async with browsing(generation) as (hand, server):
        before = len(server.requests)
        await hand.press("l", "o")
        actions = column(hand.screen.view, "action")
        assert actions == sorted(map(str, actions), reverse=True)
        assert "sorted over 100 loaded" in " ".join(str(line) for line in (hand.table.states.tail,))
        assert len(server.requests) == before
        await hand.press("A")
        assert Counter(column(hand.screen.view, "action")).total() == ENTRIES
        await hand.press("l", "l", "l", "o", "A")
        codes = column(hand.screen.view, "status_code")
        assert codes == sorted(codes, key=lambda code: -int(str(code)))


async def test_columns_are_chosen_ordered_and_kept(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "auditlog_tui.ui.browse.appearance.save_option", lambda path, name, value: kept.append((name, value))
    )
    async with browsing() as (hand, _):
        await hand.press("C")
        assert isinstance(hand.app.screen, ColumnsScreen)
        await hand.press("space", "j", "J", "enter")
        assert "ACTOR" not in hand.text.splitlines()[2]
        assert hand.text.splitlines()[2].index("ST") < hand.text.splitlines()[2].index("IP")
        assert kept == [("columns", ",".join(hand.screen.look.columns))]


async def test_everything_at_a_time_is_loaded_at_both_ends() -> None:
    async with browsing() as (hand, _):
        await hand.press("ctrl+t", *"1d", "enter")
        assert not hand.screen.view.complete
        await hand.press("A")
        await hand.until(lambda: hand.screen.view.complete)
