from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from auditlog_tui.api.retry import Wait
from auditlog_tui.entries.models import read_entry
from auditlog_tui.session.filter_history import History
from auditlog_tui.session.marks import Marks
from auditlog_tui.session.navigator import Navigator
from auditlog_tui.settings.redactor import Redactor
from auditlog_tui.text.glyphs import ASCII
from auditlog_tui.ui import app as app_module
from auditlog_tui.ui.dialogs.compare import CompareScreen, PairList
from auditlog_tui.ui.dialogs.menu import MenuScreen
from auditlog_tui.ui.dialogs.prompt import PromptScreen
from tests.app.helpers import SIZE, Hand, app_over, running, settled
from tests.app.helpers import TestOpener as Opener
from tests.app.wire import NOW_US, UNREACHABLE, JsonLog, Wire, log_of, made

DAY_US = 86_400_000_000


class KeepingOpener(Opener):
    """Keeps marks in a file, as the program does for a real endpoint."""

    def __init__(self, wire: Wire, path: Path) -> None:
        super().__init__(wire)
        self.path = path

    def open(self, on_wait: Callable[[Wait | None], None]) -> Navigator:
        navigator = super().open(on_wait)
        navigator.marks = Marks(self.path, now_us=lambda: NOW_US - DAY_US)
        return navigator


@asynccontextmanager
async def keeping(path: Path) -> AsyncIterator[Hand]:
    """A run that keeps its marks at `path`."""
    wire = Wire(log_of())
    app = app_over(KeepingOpener(wire, path))
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        yield Hand(pilot, app, wire)


def signs(hand: Hand) -> list[str]:
    """The gutter's second cell of the lines on the screen."""
    return [line[1] for line in hand.rows]


def marked(hand: Hand) -> list[int]:
    """The lines on the screen that have a mark."""
    return [number for number, sign in enumerate(signs(hand)) if sign == "⚑"]


def keys(hand: Hand) -> list[str]:
    """The ids of the rows that the table shows."""
    view = hand.table.view
    assert view is not None
    return [row.key for row in view.window(0, len(view))]


def in_range(hand: Hand) -> int:
    return len(hand.table.span)


# -- marking -------------------------------------------------------------------------------------------------------


async def test_m_marks_goes_down_one_and_costs_no_request() -> None:
    async with running() as hand:
        await hand.press("m", "down", "m")
        assert marked(hand) == [0, 2]
        assert hand.table.cursor == 3
        assert hand.navigator.marks.count == 2
        assert len(hand.wire.requests) == 1


async def test_a_mark_is_drawn_on_the_cursors_line_too() -> None:
    async with running() as hand:
        await hand.press("m", "up")
        assert hand.rows[0].startswith("▌⚑2026")


async def test_keys_faster_than_the_screen_mark_what_they_were_pressed_on() -> None:
    async with running() as hand:
        hand.send("m", "down", "m", "m", "up", "up", "m")
        await hand.settled()
        assert marked(hand) == [0, 3]
        assert hand.table.cursor == 3


async def test_m_on_a_mark_takes_it_away() -> None:
    async with running() as hand:
        await hand.press("m", "up", "m")
        assert marked(hand) == []
        assert hand.navigator.marks.count == 0


async def test_m_says_what_it_did_and_the_header_how_many_there_are() -> None:
    async with running(size=(80, 24)) as hand:
        assert "⚑" not in hand.header
        await hand.press("m")
        assert "Marked, 1" in hand.status
        assert "⚑ 1 " in hand.header
        await hand.press("m", "down", "m")
        assert "Marked, 3" in hand.status
        assert "⚑ 3 " in hand.header
        await hand.press("up", "m")
        assert "Unmarked, 2 left" in hand.status
        await hand.press("g", "m", "m")
        assert "Unmarked, none left" in hand.status
        assert "⚑" not in hand.header


async def test_the_last_row_is_marked_once_however_often_m_is_pressed() -> None:
    async with running(JsonLog(made(number) for number in range(3))) as hand:
        await hand.press("end", "m")
        assert "Marked, 1" in hand.status
        await hand.press("m", "m")
        assert marked(hand) == [2]
        assert "This is the last row" in hand.status
        await hand.press("up", "down", "m")
        assert "Unmarked, none left" in hand.status
        await hand.press("m")
        assert marked(hand) == []


async def test_held_down_m_marks_every_row_once() -> None:
    async with running(JsonLog(made(number) for number in range(5))) as hand:
        hand.send(*"m" * 12)
        await hand.settled()
        assert marked(hand) == [0, 1, 2, 3, 4]


async def test_marks_have_an_ascii_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "glyphs_for", lambda encoding: ASCII)
    async with running() as hand:
        await hand.press("m", "m")
        assert "= 2  UTC" in hand.header


async def test_marks_stay_through_filters_and_on_rows_that_are_fetched_again() -> None:
    async with running() as hand:
        key = hand.row.key
        await hand.press("m")
        await hand.filter(f"id:{key}")
        assert marked(hand) == [0]
        await hand.press("left_square_bracket")
        assert marked(hand) == [0]


async def test_an_entry_without_an_id_can_be_marked() -> None:
    async with running(JsonLog([made(0, id=None), made(1)])) as hand:
        await hand.press("m")
        assert marked(hand) == [0]
        assert hand.navigator.marks.count == 1


async def test_keys_that_mean_an_entry_do_nothing_where_there_is_none() -> None:
    async with running(JsonLog([])) as hand:
        await hand.press("m", "V", "m", "semicolon", "u", "U", "D", "M")
        assert hand.navigator.marks.count == 0
        assert len(hand.app.screen_stack) == 1


# -- ranges --------------------------------------------------------------------------------------------------------


async def test_a_range_is_drawn_as_it_grows_and_m_marks_all_of_it() -> None:
    async with running() as hand:
        await hand.press("down", "V")
        assert "m marks it, Esc drops it" in hand.status
        await hand.press("down", "down", "down")
        assert [line[0] for line in hand.rows[:6]] == [" ", "│", "│", "│", "▌", " "]
        await hand.press("up")
        assert [line[0] for line in hand.rows[:6]] == [" ", "│", "│", "▌", " ", " "]
        await hand.press("m")
        assert marked(hand) == [1, 2, 3]
        assert in_range(hand) == 0
        assert "Marked 3, 3 in all" in hand.status
        await hand.press("g", "V", "down", "m", "g", "V", "down", "m")
        assert "Unmarked 2, 2 left" in hand.status


async def test_a_range_grows_upwards_too() -> None:
    async with running() as hand:
        await hand.press("down", "down", "V", "up", "up", "m")
        assert marked(hand) == [0, 1, 2]


async def test_a_range_of_marks_is_unmarked_and_a_mixed_one_is_marked() -> None:
    async with running() as hand:
        await hand.press("m", "V", "down", "m")
        assert marked(hand) == [0, 1, 2]
        await hand.press("g", "V", "down", "m")
        assert marked(hand) == [2]
        await hand.press("g", "V", "down", "down", "m")
        assert marked(hand) == [0, 1, 2]


async def test_a_range_over_several_screens_holds_every_entry_once() -> None:
    async with running() as hand:
        await hand.press("V", "pagedown", "pagedown", "pagedown", "m")
        assert hand.navigator.marks.count == hand.table.cursor + 1 > 90


async def test_escape_forgets_the_range_before_anything_else() -> None:
    async with running() as hand:
        await hand.press("enter", "tab")
        hand.table.focus()
        await hand.press("V", "down")
        assert in_range(hand) == 2
        await hand.press("escape")
        assert (in_range(hand), bool(hand.pane.display)) == (0, True)
        await hand.press("escape")
        assert not hand.pane.display


async def test_v_again_forgets_the_range() -> None:
    async with running() as hand:
        await hand.press("V", "down", "V")
        assert in_range(hand) == 0
        await hand.press("m")
        assert marked(hand) == [1]


async def test_a_range_waits_among_its_own_rows() -> None:
    async with running() as hand:
        await hand.press("V", "down")
        await hand.filter("status:>=400")
        await hand.press("left_square_bracket")
        assert in_range(hand) == 2


async def test_more_than_can_be_marked_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlog_tui.session.marks.MOST", 2)
    async with running() as hand:
        await hand.press("V", "down", "down", "m")
        assert "At most 2 entries can be marked; the range has 3" in hand.status
        assert hand.navigator.marks.count == 0


# -- notes ---------------------------------------------------------------------------------------------------------


async def test_a_note_is_typed_drawn_and_shown_in_the_pane() -> None:
    async with running() as hand:
        await hand.press("semicolon")
        assert isinstance(hand.app.screen, PromptScreen)
        await hand.write("first use of the key #ioc")
        await hand.press("enter")
        assert hand.rows[0].startswith("▌⚑")
        assert "✎" in hand.rows[0]
        assert "✎" not in hand.rows[1]
        await hand.press("enter")
        assert "Note" in hand.text
        assert "first use of the key #ioc" in hand.text


@pytest.mark.parametrize("keys", [["m"], ["semicolon", "x", "enter"]], ids=["mark", "note"])
async def test_the_demo_says_once_that_it_keeps_none(keys: list[str]) -> None:
    told = "the demo keeps no marks and no notes after its end"
    async with running() as hand:
        await hand.press(*keys)
        assert told not in hand.status
        hand.navigator.unkept = "the demo keeps no marks and no notes after its end"
        await hand.press("down", *keys)
        assert told in hand.status
        await hand.press("down", *keys)
        assert told not in hand.status


async def test_a_note_is_changed_from_what_it_was_and_tags_are_offered_again() -> None:
    async with running() as hand:
        await hand.press("semicolon")
        await hand.write("one #ioc")
        await hand.press("enter", "down", "semicolon")
        assert "#ioc" in hand.text
        await hand.press("escape", "up", "semicolon")
        await hand.write(" two")
        await hand.press("enter")
        assert hand.navigator.marks.note_of(hand.row.key) == "one #ioc two"


async def test_an_empty_note_takes_it_away_and_escape_changes_nothing() -> None:
    async with running() as hand:
        await hand.press("semicolon", "x", "enter", "semicolon", "y", "escape")
        assert hand.navigator.marks.note_of(hand.row.key) == "x"
        await hand.press("semicolon", "backspace", "enter")
        assert hand.navigator.marks.note_of(hand.row.key) == ""
        assert "✎" not in hand.rows[0]
        assert marked(hand) == [0]


async def test_a_note_that_is_too_long_stays_in_its_line_and_is_told_of() -> None:
    async with running() as hand:
        await hand.press("semicolon")
        screen = hand.app.screen
        assert isinstance(screen, PromptScreen)
        screen.query_one("Input").value = "x" * 2_001  # type: ignore[attr-defined]  # typing it would take long
        await hand.press("enter")
        assert hand.app.screen is screen
        assert "at most 2,000 characters" in hand.text


async def test_in_the_pane_m_and_the_note_act_on_its_entry_and_the_cursor_stays() -> None:
    async with running() as hand:
        await hand.press("down", "enter", "m")
        assert marked(hand) == [1]
        assert hand.table.cursor == 1
        await hand.press("semicolon", "h", "i", "enter")
        assert hand.navigator.marks.note_of(hand.row.key) == "hi"
        assert "hi" in hand.text
        await hand.press("m")
        assert marked(hand) == []


# -- walking and showing them --------------------------------------------------------------------------------------


async def test_u_goes_to_the_next_mark_and_capital_u_to_the_one_before() -> None:
    async with running() as hand:
        await hand.press("down", "m", *["down"] * 40, "m", "g", "u")
        assert hand.table.cursor == 1
        await hand.press("u")
        assert hand.table.cursor == 42
        await hand.press("u")
        assert hand.table.cursor == 42
        assert "No mark below" in hand.status
        await hand.press("U")
        assert hand.table.cursor == 1
        await hand.press("U")
        assert "No mark above" in hand.status


async def test_without_marks_u_and_capital_m_say_how_to_make_one() -> None:
    async with running() as hand:
        await hand.press("u")
        assert "m marks an entry" in hand.status
        await hand.press("M")
        assert "m marks an entry" in hand.status
        assert hand.navigator.at == 0


async def test_capital_m_shows_exactly_the_marks_newest_first_and_asks_nobody() -> None:
    async with running() as hand:
        await hand.press("pagedown", "m", "g", "down", "m", "down", "m")
        wanted = [row.key for row in hand.navigator.view.window(0, 100) if hand.navigator.marks.is_marked(row.key)]
        hand.wire.fail(UNREACHABLE)
        before = len(hand.wire.requests)
        await hand.press("M", "i")
        assert len(wanted) == 3
        assert keys(hand) == wanted
        assert len(hand.wire.requests) == before
        assert "only what is marked: 3" in hand.header
        assert "as of 12:00:00" in hand.header
        assert "end: 3 marked" in hand.shown
        assert "only what is marked" in hand.lines[1]


async def test_marks_from_several_filters_are_shown_together_in_time_order() -> None:
    async with running() as hand:
        await hand.filter("method:DELETE")
        await hand.press("m")
        await hand.filter("method:POST")
        await hand.press("m", "m")
        await hand.press("M")
        times = [row.created_us for row in hand.navigator.view.window(0, 10)]
        assert len(times) == 3
        assert times == sorted(times, key=lambda us: -(us or 0))


@pytest.mark.parametrize("key", ["M", "left_square_bracket"])
async def test_back_from_the_marks_is_the_place_before_as_it_was(key: str) -> None:
    async with running() as hand:
        await hand.press(*["down"] * 50, "m")
        before = hand.table.cursor, hand.table.top, [line[:40] for line in hand.rows]
        requests = len(hand.wire.requests)
        await hand.press("M", key)
        assert (hand.table.cursor, hand.table.top, [line[:40] for line in hand.rows]) == before
        assert len(hand.wire.requests) == requests


async def test_the_cursor_is_on_the_same_entry_among_the_marks() -> None:
    async with running() as hand:
        await hand.press("m", "m", "up")
        key = hand.row.key
        await hand.press("M")
        assert (hand.row.key, hand.table.cursor) == (key, 1)


async def test_unmarking_among_the_marks_leaves_the_row_until_they_are_shown_anew() -> None:
    async with running() as hand:
        await hand.press("m", "m", "M", "g", "m")
        assert len(keys(hand)) == 2
        assert marked(hand) == [1]
        await hand.press("r")
        assert len(keys(hand)) == 1


async def test_the_log_without_a_filter_is_not_taken_for_the_marks() -> None:
    async with running(query="status:>=400") as hand:
        await hand.press("m", "M")
        await hand.filter("")
        assert len(keys(hand)) == 100
        assert "everything, newest first" in hand.lines[1]
        await hand.press("M", "M", "left_square_bracket", "left_square_bracket", "z")
        assert len(keys(hand)) > 1


async def test_a_filter_is_asked_of_the_whole_log_not_of_the_marks() -> None:
    async with running() as hand:
        await hand.press("m", "M")
        await hand.filter("method:DELETE")
        assert len(keys(hand)) > 1


# -- filters about them --------------------------------------------------------------------------------------------


async def noted(hand: Hand, note: str, *down: str) -> str:
    """Note the entry under the cursor, then press keys. Returns the entry's key."""
    key = hand.row.key
    await hand.press("semicolon")
    await hand.write(note)
    await hand.press("enter", *down)
    return key


async def test_a_filter_about_notes_shows_their_entries_and_asks_nobody() -> None:
    async with running() as hand:
        await hand.press("pagedown")
        older = await noted(hand, "seen #inc42", "g")
        newer = await noted(hand, "Rotated #inc42")
        before = len(hand.wire.requests)
        await hand.filter("tag:inc42")
        assert keys(hand) == [newer, older]
        assert "only what is noted: 2" in hand.header
        assert "COMPLETE" not in hand.header
        assert "end: 2 noted" in hand.shown
        await hand.filter("note:ROTATED tag:inc*")
        assert keys(hand) == [newer]
        await hand.filter("tag:inc42 action:nothing.ed")
        assert "No entry that you noted matches" in hand.text
        assert len(hand.wire.requests) == before


async def test_rows_follow_a_note_and_the_cursor_stays_at_its_row() -> None:
    async with running() as hand:
        first, second, third = [await noted(hand, "#a", "down") for _ in range(3)]
        await hand.filter("tag:a")
        await hand.press("down")
        assert hand.row.key == second
        await hand.press("semicolon", "ctrl+u", "enter")
        assert keys(hand) == [first, third]
        assert (hand.row.key, hand.table.cursor) == (third, 1)
        assert "only what is noted: 2" in hand.header
        await hand.press("semicolon", "ctrl+u", "enter")
        assert (keys(hand), hand.row.key) == ([first], first)
        await hand.press("semicolon", "ctrl+u", "enter")
        assert "No entry that you noted matches" in hand.text


async def test_rows_that_leave_marks_out_follow_them() -> None:
    async with running() as hand:
        await hand.filter("-marked:yes method:GET")
        before = keys(hand)
        requests = len(hand.wire.requests)
        await hand.press("down", "down", "m")
        assert keys(hand) == [*before[:2], *before[3:]]
        assert (hand.row.key, hand.table.cursor) == (before[3], 2)
        await hand.press("M", "M")
        assert keys(hand) == [*before[:2], *before[3:]]
        assert len(hand.wire.requests) == requests


async def test_a_place_left_before_marks_changed_follows_them_when_it_is_shown_again() -> None:
    async with running() as hand:
        await hand.filter("marked:no method:GET")
        key = hand.row.key
        await hand.filter("method:GET")
        await hand.press("g", "m")
        assert hand.navigator.marks.is_marked(key)
        await hand.press("left_square_bracket")
        assert key not in keys(hand)


async def test_a_tag_in_the_pane_is_filtered_by_and_left_out() -> None:
    async with running() as hand:
        key = await noted(hand, "see #inc42 and #other", "enter")
        assert "inc42" in hand.text
        await hand.to_field("tag")
        await hand.press("equals_sign")
        assert hand.navigator.place.text == "tag:inc42"
        assert keys(hand) == [key]
        await hand.press("left_square_bracket", "enter")
        await hand.to_field("tag")
        await hand.press("minus")
        assert hand.navigator.place.text == "-tag:inc42"
        assert key not in keys(hand)


async def test_tags_are_completed_with_their_counts() -> None:
    async with running() as hand:
        for note in ("#inc42", "#inc42 #inc7", "#other"):
            await noted(hand, note, "down")
        found = hand.navigator.suggest("tag:inc", 7).candidates
        assert [(candidate.text, candidate.count) for candidate in found] == [("inc42", 2), ("inc7", 1)]


async def test_what_another_terminal_noted_is_among_the_rows_of_a_filter(tmp_path: Path) -> None:
    path = tmp_path / "marks.sqlite3"
    async with keeping(path) as hand:
        key = await noted(hand, "#a")
        other, theirs = Marks(path), read_entry(json.dumps(made(0, id="theirs", action="key.leaked")))
        other.note(theirs, "#a")
        await hand.filter("tag:a")
        assert sorted(keys(hand)) == sorted([key, "theirs"])
        other.note(theirs, "")
        await hand.press("r")
        assert keys(hand) == [key]


async def test_all_marks_are_shown_from_a_filter_about_them_and_a_time_is_gone_to_within_it() -> None:
    async with running() as hand:
        for _ in range(3):
            await noted(hand, "#a", "down")
        await hand.filter("tag:a")
        await hand.press("g", "M")
        assert "only what is marked: 3" in hand.header
        await hand.press("M")
        assert hand.navigator.place.text == "tag:a"
        oldest = hand.navigator.view.window(2, 1)[0]
        hand.screen.go(lambda: hand.navigator.at_moment(oldest.created_us or 0))
        await hand.settled()
        assert (hand.row.key, len(keys(hand))) == (oldest.key, 3)


# -- copying -------------------------------------------------------------------------------------------------------


async def test_copying_takes_the_marks_in_time_order_and_says_how_many(clipboard: list[str]) -> None:
    async with running() as hand:
        newer, older = (row.key for row in hand.navigator.view.window(0, 2))
        await hand.press("m", "m", *["down"] * 5, "y")
        assert "copy of the 2 marked entries" in hand.text
        await hand.press("y")
        assert clipboard == [f"{older}\n{newer}"]


async def test_tab_switches_between_this_entry_and_the_marked_ones(clipboard: list[str]) -> None:
    async with running() as hand:
        first = hand.row.key
        await hand.press("m", "y")
        assert "Tab: copy of this entry" in hand.text
        await hand.press("tab")
        assert "copy of this entry" in hand.text
        assert "Tab: copy of the 1 marked entry" in hand.text
        await hand.press("y")
        assert clipboard == [hand.row.key]
        await hand.press("y", "tab", "tab", "y")
        assert clipboard == [hand.row.key, first]


async def test_what_an_earlier_run_marked_is_copied_when_asked_for_and_its_date_is_said(
    tmp_path: Path, clipboard: list[str]
) -> None:
    path = tmp_path / "marks.sqlite3"
    async with keeping(path) as hand:
        await hand.press("m", "m")
        old = keys(hand)[:2]
    async with keeping(path) as hand:
        assert "⚑ 2" in hand.header
        await hand.press("end", "y")
        assert "copy of this entry" in hand.text
        assert "Tab: copy of the 2 marked entries (since 2026-06-30)" in hand.text
        await hand.press("y")
        assert clipboard == [hand.row.key]
        await hand.press("y", "tab", "y")
        assert clipboard[1] == "\n".join(reversed(old))
        await hand.press("g", "m")
        assert "Unmarked, 1 left; it was marked on 2026-06-30" in hand.status


async def test_copying_one_mark_says_that_it_is_the_marked_one(clipboard: list[str]) -> None:
    async with running() as hand:
        key = hand.row.key
        await hand.press("m", "y")
        assert "copy of the 1 marked entry" in hand.text
        await hand.press("y")
        assert clipboard == [key]


async def test_c_copies_the_id_under_the_cursor_whatever_is_marked(clipboard: list[str]) -> None:
    async with running() as hand:
        await hand.press("m", "c")
        assert clipboard == [hand.row.key]


async def test_without_marks_the_entry_under_the_cursor_is_copied(clipboard: list[str]) -> None:
    async with running() as hand:
        await hand.press("down", "y")
        assert "copy of this entry" in hand.text
        await hand.press("j")
        assert read_entry(clipboard[0]).key == hand.row.key


async def test_marks_have_no_link(clipboard: list[str]) -> None:
    async with running() as hand:
        await hand.press("m", "M", "y", "l")
        assert clipboard == []
        assert "no link" in hand.status


# -- comparing -----------------------------------------------------------------------------------------------------


async def test_comparing_needs_exactly_two_marks_and_says_so() -> None:
    async with running() as hand:
        for count in range(4):
            await hand.press("D")
            if count == 2:
                assert isinstance(hand.app.screen, CompareScreen)
                await hand.press("escape")
            else:
                assert f"{count} marked now" in hand.status
            await hand.press("m")


async def test_two_marks_stand_side_by_side_the_older_left_with_what_differs_flagged() -> None:
    log = JsonLog([made(0, client_ip="198.51.100.4"), made(60, extra={"deep": 1})])
    async with running(log) as hand:
        await hand.press("m", "m", "D")
        lines = {line.split()[1]: line for line in hand.lines if line.count("│") == 2 and len(line.split()) > 2}
        assert lines["≢"].count("≢") == 1
        ip = next(line for line in hand.lines if "client ip" in line)
        assert "≢ client ip" in ip
        assert ip.index("203.0.113.7") < ip.index("198.51.100.4")
        method = next(line for line in hand.lines if " method " in line)
        assert "≢" not in method
        extra = next(line for line in hand.lines if " extra " in line)
        assert "≢" in extra
        assert "1 m apart" in hand.text


async def test_hostile_values_are_shown_and_not_obeyed() -> None:
    log = JsonLog([made(0, user_agent="\x1b]0;x\x07[/][@click=app.quit]"), made(1, path="\u202e/x")])
    async with running(log) as hand:
        await hand.press("m", "m", "D")
        assert isinstance(hand.app.screen, CompareScreen)
        assert "␛]0;x␇[/][@click=app.quit]" in hand.text
        assert "⟨U+202E⟩/x" in hand.text


async def test_c_copies_both_values_of_the_line(clipboard: list[str]) -> None:
    async with running(JsonLog([made(0, action="vm.deleted"), made(1)])) as hand:
        await hand.press("m", "m", "D", "c")
        assert clipboard == ["vm.created\nvm.deleted"]


async def test_comparing_scrolls_and_keeps_its_line_when_the_terminal_changes() -> None:
    long = {"user_agent": "agent " * 200}
    async with running(JsonLog([made(0, **long), made(1)]), size=(80, 24)) as hand:
        await hand.press("m", "m", "D", *["j"] * 30)
        pairs = hand.app.screen.query_one(PairList)
        at = pairs.highlighted
        assert pairs.scroll_offset.y > 0
        await hand.pilot.resize_terminal(120, 40)
        await hand.settled()
        assert pairs.highlighted == at


# -- what is kept --------------------------------------------------------------------------------------------------


async def test_marks_and_notes_are_offered_at_the_next_start_and_shown_without_a_connection(tmp_path: Path) -> None:
    path = tmp_path / "marks.sqlite3"
    async with keeping(path) as hand:
        await hand.press("m", "m", "semicolon")
        await hand.write("who? #ioc")
        await hand.press("enter")
        wanted = keys(hand)[:3]
    async with keeping(path) as hand:
        assert "3 marks and 1 note from 2026-06-30 (M shows them" in hand.status
        assert marked(hand) == [0, 1, 2]
        hand.wire.fail(UNREACHABLE)
        await hand.press("M")
        assert keys(hand) == wanted
        assert "✎" in hand.rows[2]


async def test_marks_of_entries_that_are_not_loaded_are_shown_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "marks.sqlite3"
    gone = read_entry(json.dumps(made(0, id="gone", action="key.leaked")))
    Marks(path).mark([gone])
    async with keeping(path) as hand:
        assert marked(hand) == []
        await hand.press("M")
        assert keys(hand) == ["gone"]
        assert "key.leaked" in hand.rows[0]


async def test_nothing_is_offered_where_nothing_was_marked(tmp_path: Path) -> None:
    async with keeping(tmp_path / "marks.sqlite3") as hand:
        assert "detail" in hand.status


async def test_a_broken_file_is_told_of_and_the_note_typed_is_there(tmp_path: Path) -> None:
    path = tmp_path / "marks.sqlite3"
    path.write_bytes(b"this is no database")
    async with keeping(path) as hand:
        assert "Marks can't be read (file is not a database). Move it away" in hand.status
        await hand.press("semicolon")
        await hand.write("typed #ioc")
        await hand.press("enter")
        assert "Kept for this run, not saved (file is not a database). Move it away" in hand.status
        assert marked(hand) == [0]
        assert hand.navigator.marks.note_of(hand.row.key) == "typed #ioc"
    assert path.read_bytes() == b"this is no database"


async def test_all_marks_can_be_forgotten_after_a_question(tmp_path: Path) -> None:
    path = tmp_path / "marks.sqlite3"
    async with keeping(path) as hand:
        await hand.press("m", "semicolon", "x", "enter")
        await hand.screen.run_action("screen.forget_marks")
        await hand.settled()
        assert isinstance(hand.app.screen, MenuScreen)
        assert "forget 2 marks and 1 note?" in hand.text
        await hand.press("k")
        assert hand.navigator.marks.count == 2
        await hand.screen.run_action("screen.forget_marks")
        await hand.settled()
        await hand.press("f")
        assert marked(hand) == []
        assert "Forgot 2 marks and 1 note" in hand.status
    assert Marks(path).earlier is None


# -- another terminal ----------------------------------------------------------------------------------------------


async def test_what_another_terminal_marked_and_noted_is_seen_at_m_and_in_the_prompt(tmp_path: Path) -> None:
    path = tmp_path / "marks.sqlite3"
    async with keeping(path) as hand:
        await hand.press("m")
        other = Marks(path)
        other.mark([read_entry(json.dumps(made(0, id="theirs", action="key.leaked")))])
        other.note(hand.navigator.log.store.entry(hand.row.n), "their note")
        await hand.press("semicolon")
        assert "their note" in hand.text
        await hand.press("escape", "M")
        assert "theirs" in keys(hand)


async def test_forgetting_says_what_another_terminal_made_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "marks.sqlite3"
    async with keeping(path) as hand:
        await hand.press("m")
        await hand.screen.run_action("screen.forget_marks")
        await hand.settled()
        assert "forget 1 mark?" in hand.text
        Marks(path).note(read_entry(json.dumps(made(0, id="theirs"))), "typed meanwhile")
        await hand.press("f")
        assert "Forgot 1 mark; another terminal made 1 mark and 1 note since" in hand.status
    assert Marks(path).note_of("theirs") == "typed meanwhile"


async def test_a_history_that_can_not_be_kept_is_told_of_once(tmp_path: Path) -> None:
    (tmp_path / "history").mkdir()
    async with keeping(tmp_path / "marks.sqlite3") as hand:
        hand.navigator.history = History(tmp_path / "history")
        await hand.press("slash")
        await hand.write("method:GET")
        await hand.press("enter")
        assert "Filters are kept for this run only (It is a folder" in hand.status
        await hand.press("slash")
        await hand.write("method:POST")
        await hand.press("enter")
        assert "Filters are kept" not in hand.status


async def test_a_mark_where_no_entry_is_yet_waits_for_it() -> None:
    async with running() as hand:
        hand.wire.hold()
        hand.send("G", "m")
        await hand.pilot.pause()
        assert hand.navigator.marks.count == 0
        hand.wire.release()
        await hand.until(lambda: hand.navigator.marks.count == 1)
        await hand.settled()
        await hand.press("V")
        assert len(hand.table.span) == 1
        await hand.press("g", "m")
        assert "among other rows" in hand.status
        assert hand.navigator.marks.count == 1


@pytest.mark.parametrize(
    ("before", "typed", "kept"),
    [
        ("", "the way in", "#unfinished the way in"),
        ("known", " to Jo", "#unfinished known to Jo"),
        ("known", "", "known"),
        ("#unfinished known", " to Jo", "#unfinished known to Jo"),
        ("", " ", ""),
    ],
)
async def test_a_note_being_typed_at_an_end_that_nobody_asked_for_loses_nothing(
    before: str, typed: str, kept: str
) -> None:
    async with running() as hand:
        entry = hand.navigator.log.store.entry(hand.row.n)
        hand.navigator.marks.note(entry, before)
        await hand.press(";")
        await hand.write(typed)
        told = hand.screen.marking.keep_typed()
        assert hand.navigator.marks.note_of(entry.key) == kept
        assert ("#unfinished" in told) == ("#unfinished" in kept)


async def test_a_note_that_was_being_replaced_is_kept_before_the_new_one() -> None:
    async with running() as hand:
        entry = hand.navigator.log.store.entry(hand.row.n)
        hand.navigator.marks.note(entry, "known")
        await hand.press(";", "ctrl+u")
        await hand.write("oth")
        hand.screen.marking.keep_typed()
        assert hand.navigator.marks.note_of(entry.key) == "#unfinished known oth"


async def test_a_note_that_was_cancelled_is_not_kept() -> None:
    async with running() as hand:
        await hand.press(";")
        await hand.write("the way in")
        await hand.press("escape")
        assert hand.screen.marking.keep_typed() == ""
        assert not hand.navigator.marks.notes


@pytest.mark.parametrize("typed", ["x nirvana-key-0123456789", "x nirv-ana key01", "x key-012345678 y"])
async def test_a_secret_that_was_being_typed_is_not_kept_either(typed: str) -> None:
    async with running() as hand:
        hand.navigator.marks.redactor = hand.navigator.redactor = Redactor(["nirvana-key-0123456789"])
        await hand.press(";")
        await hand.write(typed)
        told = hand.screen.marking.keep_typed()
        assert "is not kept" in told
        assert "key-0" not in told
        assert not hand.navigator.marks.notes
        await hand.press("escape", "/")
        hand.input.value = typed
        hand.screen.navigation.keep_typed()
        assert typed not in hand.navigator.history.texts


async def test_a_note_being_typed_where_none_is_kept_is_told() -> None:
    async with running() as hand:
        hand.navigator.unkept = "the demo keeps no marks and no notes after its end"
        await hand.press(";")
        await hand.write("the way in")
        told = hand.screen.marking.keep_typed()
        assert told == f"The note that was being typed: the way in ({hand.navigator.unkept})"
        assert not hand.navigator.marks.notes
