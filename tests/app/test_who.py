"""The page about an actor, an address or a target."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from auditlog_tui.demo import demo_truth
from auditlog_tui.ui.panes.who import Heading, WhoPane
from auditlog_tui.ui.panes.who_lines import Cell, Section, WhoLine
from tests.app.helpers import Hand, running
from tests.app.wire import NOW, JsonLog, Wire, answers, log_of, made
from tests.effort import THOROUGH

TRUTH = demo_truth(until=NOW)
MANY = 3_000


@pytest.fixture
def few_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a log of `MANY` entries, the stolen key has more than are fetched."""
    monkeypatch.setattr("auditlog_tui.analysis.gathering.MOST_WALKED", 200)


REFUSED = "status:401"
BACKUP_SYNC = TRUTH.new_keys[0]


def page(hand: Hand) -> WhoPane:
    return hand.screen.who


def is_open(hand: Hand) -> bool:
    return page(hand).display and not hand.table.display


def listed(hand: Hand, width: int = 116) -> str:
    """All lines of the page, on the screen or not."""
    pane = page(hand)
    return "\n".join(line.plain for group in pane.groups for item in group.items for line in pane.draw(item, width))


async def to_line(hand: Hand, text: str) -> None:
    """Go down to the first line with a text."""
    pane = page(hand)
    await hand.press("home")
    while text not in pane.draw(pane.chosen_item, 116)[0].plain:  # type: ignore[arg-type]  # there is one
        before = pane.at
        await hand.press("j")
        assert pane.at != before, f"no line has {text}"


async def open_page(hand: Hand, filter_text: str) -> None:
    """Open the page of the first entry's actor."""
    await hand.filter(filter_text)
    await hand.press("w", "a")
    assert is_open(hand)


# -- what must be revoked ------------------------------------------------------------------------------------------


async def test_six_keys_lead_from_a_refused_entry_to_the_list_of_what_must_be_revoked(clipboard: list[str]) -> None:
    wire = Wire(log_of(20_000))
    async with running(wire, REFUSED) as hand:
        asked = len(wire.requests)
        keys = ("down", "down", "down", "w", "a", "C")
        await hand.press(*keys)
        assert len(keys) <= 12
        assert clipboard == ["\n".join(TRUTH.to_revoke)]
        assert "perhaps not all" not in hand.status
        assert len(wire.requests) - asked <= 160
        again = len(wire.requests)
        await hand.press("[", "]", "C")
        assert len(clipboard) == 2
        assert len(wire.requests) == again


async def test_a_key_that_still_works_must_be_revoked_itself(clipboard: list[str]) -> None:
    async with running(log_of()) as hand:
        await open_page(hand, f"actor:{TRUTH.new_keys[1]}")
        await hand.press("C")
        assert clipboard == [TRUTH.new_keys[1]]
        assert "perhaps not all" not in hand.status


async def test_each_that_is_counted_to_revoke_has_a_line(clipboard: list[str]) -> None:
    admin = {"id": "admin-1", "name": "Robin", "type": "user"}
    entries = [
        made(3, actor=admin, action="api_key.created", target={"id": "key-1", "type": "api_key"}),
        made(2, actor=admin, action="api_key.deleted", target={"id": "key-1", "type": "api_key"}),
        made(9, actor=admin, action="user.created", target={"id": "admin-1", "type": "user"}),
    ]
    async with running(JsonLog(entries)) as hand:
        await hand.press("w", "a")
        text = listed(hand)
        section = text[text.index("TO REVOKE") :].split("SUCCEEDED")[0]
        assert section.startswith("TO REVOKE 1  all: itself, and 0 of 1 key or user created by it")
        unlike = [line for line in section.splitlines() if "not deleted" in line]
        assert [("Robin" in line, "admin-1" in line) for line in unlike] == [(True, True)]
        await to_line(hand, "itself")
        await hand.press("c", "C")
        assert clipboard == ["admin-1", "admin-1"]


async def test_what_cannot_be_known_is_said_with_the_copy(clipboard: list[str]) -> None:
    created = made(1, action="api_key.created", target={"id": "key-1", "type": "api_key"})
    async with running(JsonLog([created, *map(made, range(2, 300))])) as hand:
        await hand.press("w", "a", "C")
        assert clipboard == ["actor-1\nkey-1"]
        assert "2 of them perhaps deleted already" in hand.status
        assert "perhaps not all" in hand.status


@asynccontextmanager
async def awaiting_the_list() -> AsyncIterator[tuple[Wire, Hand]]:
    """The page after `C`, while the answers that the list to revoke needs are held back."""
    wire = Wire(log_of())
    async with running(wire, REFUSED) as hand:
        wire.hold()
        hand.send("l", "l", "w", "C")
        await hand.until(lambda: "once all are known" in hand.status)
        yield wire, hand


async def test_the_list_is_copied_once_it_is_complete_and_again_as_it_is(clipboard: list[str]) -> None:
    async with awaiting_the_list() as (wire, hand):
        assert clipboard == []
        wire.release()
        await hand.settled()
        assert clipboard == [TRUTH.to_revoke[0]]
        wire.hold()
        await hand.press("[")
        hand.send("j", "j", "j", "w", "C")
        await hand.until(lambda: "once all are known" in hand.status)
        hand.send("C")
        await hand.until(lambda: len(clipboard) == 2 and "perhaps not all" in hand.status)
        wire.release()
        await hand.settled()
        assert len(clipboard) == 2


async def test_leaving_the_page_copies_nothing_later(clipboard: list[str]) -> None:
    async with awaiting_the_list() as (wire, hand):
        hand.send("[")
        wire.release()
        await hand.settled()
        assert "nothing was copied" in hand.status
        await hand.press("]")
        assert clipboard == []


async def test_escape_while_the_list_is_awaited_says_that_nothing_was_copied(clipboard: list[str]) -> None:
    async with awaiting_the_list() as (wire, hand):
        hand.send("escape")
        await hand.until(lambda: "nothing was copied" in hand.status)
        assert is_open(hand)
        hand.send("r", "escape")
        await hand.until(lambda: hand.status.startswith("Stopped; r goes on"))  # nothing was to be copied
        hand.send("C")
        await hand.until(lambda: "perhaps not all" in hand.status)
        assert len(clipboard) == 1
        wire.release()


async def test_a_page_without_anything_to_revoke_copies_nothing(clipboard: list[str]) -> None:
    async with running(JsonLog([made(1), made(2)])) as hand:
        await hand.press("w", "t")
        assert "copy to revoke" not in hand.status
        await hand.press("C")
        assert clipboard == []
        assert "Nothing is known that must be revoked" in hand.status


# -- opening -------------------------------------------------------------------------------------------------------


async def test_w_opens_the_page_of_the_cell() -> None:
    async with running(query=f"ip:{TRUTH.addresses[1]}") as hand:
        await hand.press("l", "l", "l")
        assert hand.table.canvas.field == "ip"
        await hand.press("w")
        assert is_open(hand)
        assert f"address {TRUTH.addresses[1]}" in hand.text


async def test_w_elsewhere_asks_whom() -> None:
    async with running(JsonLog([made(1)])) as hand:
        await hand.press("w")
        for offered in ("actor", "Alice actor-1", "address", "203.0.113.7", "target", "vm vm-1"):
            assert offered in hand.text
        await hand.press("escape")
        assert not is_open(hand)
        await hand.press("w", "i")
        assert "who: address 203.0.113.7" in hand.text


async def test_w_asks_nothing_where_there_is_but_one() -> None:
    async with running(JsonLog([made(1, target=None, client_ip=None)])) as hand:
        await hand.press("w")
        assert "who: actor Alice" in hand.text


async def test_w_without_any_says_so() -> None:
    async with running(JsonLog([made(1, target=None, client_ip=None, actor=None)])) as hand:
        await hand.press("w")
        assert "no readable actor, address or target" in hand.status


async def test_w_opens_the_page_of_a_field_of_the_detail() -> None:
    async with running(JsonLog([made(1)])) as hand:
        await hand.press("enter")
        await hand.to_field("client_ip")
        await hand.press("w")
        assert "who: address 203.0.113.7" in hand.text
        await hand.press("escape")
        assert hand.pane.display
        assert hand.pane.has_focus
        assert hand.pane.field is not None
        assert hand.pane.field.name == "client_ip"


async def test_w_opens_the_page_of_a_facet() -> None:
    async with running() as hand:
        await hand.press("s", "w")
        assert "no actor, address or target" in hand.status
        await hand.press("l", "w")
        assert "who: actor" in hand.text
        await hand.press("q")
        assert hand.screen.facets.has_focus


# -- what it shows -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), (200, 50), *([(120, 36)] if THOROUGH else [])])
async def test_the_sections_stand_in_the_order_of_an_investigation(size: tuple[int, int]) -> None:
    async with running(log_of(), f"actor:{BACKUP_SYNC}", size=size) as hand:
        await hand.press("w", "a")
        text = listed(hand)
        order = ["backup-sync", "TO REVOKE 1", "REFUSED OR FAILED 3 kinds  exact", "SUCCEEDED 8 kinds  exact"]
        order += ["SESSIONS 2  exact", "ADDRESSES 1", "AGENTS 1", "DELETED 12  exact", "CREATED, NOT DELETED 1"]
        assert [text.index(each) for each in order] == sorted(text.index(each) for each in order)
        assert "never used" in text
        assert f"by ci-deploy {TRUTH.key_id}" in text
        assert hand.lines[3].startswith("╭─ who: actor backup-sync")


async def test_it_is_one_screen_at_120_by_36() -> None:
    async with running(log_of(20_000), f"actor:{BACKUP_SYNC}", size=(120, 36)) as hand:
        await hand.press("w", "a")
        assert not page(hand).max_scroll_y
        await hand.press("escape")
        await open_page(hand, f"actor:{TRUTH.key_id}")
        assert not page(hand).max_scroll_y


@pytest.mark.usefixtures("few_walked")
async def test_each_section_says_what_it_rests_on() -> None:
    async with running(log_of(MANY)) as hand:
        await open_page(hand, f"actor:{TRUTH.key_id}")
        text = listed(hand)
        assert re.search(r"SUCCEEDED \d+ kinds  of 2\d\d loaded", text)
        assert re.search(r"LEFT|NOT DELETED \d+  of 2\d\d loaded", text)
        assert "TO REVOKE 2  all: 2 of 3 keys and users created by it" in text


HEIGHTS = (16, 20, 24, 30, 36, 44, 50, 60, 80)


@pytest.mark.parametrize("width", [80, 200, *([120, 250] if THOROUGH else [])])
async def test_more_room_never_shows_less(width: int) -> None:
    async with running(log_of(), f"actor:{TRUTH.key_id}", size=(width, HEIGHTS[0])) as hand:
        await hand.press("w", "a")
        before: dict[str, int] = {}
        for height in HEIGHTS:
            await hand.resize(width, height)
            pane = page(hand)
            shown = {group.items[0].section.title: len(group.items) - 1 for group in pane.groups
                     if group.items and isinstance(group.items[0], Heading)}  # fmt: skip
            assert all(shown[title] >= n for title, n in before.items()), height
            assert shown["addresses"] == 2
            room = pane.scrollable_content_region.height
            blank = room - max(each.region.bottom for each in pane.placed)
            assert blank <= 0 or all(n == 40 or not _more(pane, title) for title, n in shown.items()), height
            before = shown


def _more(pane: WhoPane, title: str) -> int:
    """How many lines of a section are hidden."""
    headings = [item for group in pane.groups for item in group.items if isinstance(item, Heading)]
    return next(each.hidden for each in headings if each.section.title == title)


async def test_without_filters_it_is_of_what_is_loaded_and_says_so() -> None:
    async with running(log_of(1_000, 1)) as hand:
        await hand.press("w", "a")
        asked = len(hand.wire.requests)
        text = listed(hand)
        assert "loaded, " in text
        assert "SUCCEEDED" in text
        assert "exact" not in text
        await hand.press("escape", "A", "w", "a")
        assert "exact" in listed(hand)
        assert len(hand.wire.requests) - asked <= 10  # the rest of the log


async def test_a_section_is_listed_in_full_and_cut_again() -> None:
    async with running(log_of(), f"actor:{BACKUP_SYNC}", size=(120, 36)) as hand:
        await hand.press("w", "a")
        await to_line(hand, "DELETED 12")
        before = len(listed(hand).splitlines())
        await hand.press("enter")
        assert len(listed(hand).splitlines()) > before
        assert is_open(hand)
        await hand.press("enter")
        assert len(listed(hand).splitlines()) == before


async def test_hostile_names_are_drawn_harmlessly() -> None:
    evil = "[bold]\x1b[31m\u202eevil\n" + "x" * 500
    actor = {"id": evil, "name": evil, "type": evil}
    entries = [
        made(1, actor=actor, action="api_key.created", target={"id": evil + "2", "type": "api_key"}, user_agent=evil),
        made(2, actor={"id": evil + "2", "name": evil, "type": evil}, action=evil, client_ip=evil, target=actor),
    ]  # fmt: skip
    for size in ((80, 24), (120, 36)):
        async with running(JsonLog(entries), size=size) as hand:
            await hand.press("w", "a")
            assert is_open(hand)
            assert "\x1b" not in hand.text
            assert "\u202e" not in hand.text
            assert "[bold]" in hand.text
            for line in hand.lines:
                assert len(line) <= size[0]
            await to_line(hand, "not deleted")
            await hand.press("enter")
            assert hand.app.is_running


# -- going and coming back -----------------------------------------------------------------------------------------


async def test_enter_goes_to_the_lines_entries_and_back_to_the_line() -> None:
    async with running(log_of(), f"actor:{BACKUP_SYNC}") as hand:
        await hand.press("w", "a")
        await to_line(hand, "vm.deleted")
        asked, at = len(hand.wire.requests), page(hand).at
        await hand.press("enter")
        assert not is_open(hand)
        assert hand.bar.applied == f"actor:{BACKUP_SYNC} action:vm.deleted status:2xx"
        assert len(hand.screen.view) == 6
        asked = len(hand.wire.requests)
        await hand.press("[")
        assert is_open(hand)
        assert page(hand).at == at
        assert page(hand).has_focus
        assert len(hand.wire.requests) == asked
        await hand.press("[")
        assert hand.table.has_focus
        assert hand.bar.applied == f"actor:{BACKUP_SYNC}"


async def test_w_on_a_line_opens_its_page_and_escape_comes_back() -> None:
    async with running(log_of(), f"actor:{BACKUP_SYNC}") as hand:
        await hand.press("w", "a")
        await to_line(hand, "by ci-deploy")
        at = page(hand).at
        await hand.press("w")
        assert "who: actor ci-deploy" in hand.text
        await hand.press("escape")
        assert "who: actor backup-sync" in hand.text
        assert page(hand).at == at
        await hand.press("home", "w")
        assert "This is its page" in hand.status
        await hand.press("escape")
        assert not is_open(hand)
        await hand.press("]", "]")
        assert "who: actor ci-deploy" in hand.text


async def test_the_filter_it_was_opened_over_can_be_applied_again() -> None:
    async with running(query=REFUSED) as hand:
        await hand.press("w", "a", "/", "enter")
        assert not is_open(hand)
        assert hand.table.has_focus


async def test_q_closes_it_and_keys_of_the_table_say_that_it_covers_it() -> None:
    async with running(query=REFUSED) as hand:
        await hand.press("w", "a")
        for key in ("s", "ctrl+f"):
            await hand.press(key)
            assert "covers the table" in hand.status
            assert page(hand).has_focus
        await hand.press("i", "escape")
        assert hand.app.is_running
        await hand.press("q")
        assert not is_open(hand)
        assert hand.app.is_running


async def test_it_survives_every_size() -> None:
    async with running(log_of(), f"actor:{BACKUP_SYNC}") as hand:
        await hand.press("w", "a")
        await to_line(hand, "vm.deleted")
        at = page(hand).at
        for size in ((20, 6), (80, 24), (300, 90), (1, 1), (120, 36)):
            await hand.pilot.resize_terminal(*size)
            await hand.settled()
            assert page(hand).at == at
        assert is_open(hand)
        assert hand.lines[3].startswith("╭─ who")


async def test_the_cursor_stays_on_its_line_while_others_come_and_go() -> None:
    async with running(log_of(), f"actor:{BACKUP_SYNC}") as hand:
        await hand.press("w", "a")
        pane = page(hand)

        def show(*names: str) -> None:
            lines = [WhoLine(name, (Cell(name),), filter=name) for name in names]
            pane.show([Section("", "", len(lines), lambda most: lines[:most], wide=True)], "", "")

        show(*"abcd")
        pane.choose_name("c")
        for names, expected in (("xcya", "c"), ("xya", "y"), ("xa", "a"), ("xb", "x"), ("b", "b")):
            show(*names)
            assert pane.line is not None
            assert pane.line.name == expected


# -- copying and marking -------------------------------------------------------------------------------------------


async def test_c_copies_the_lines_value(clipboard: list[str]) -> None:
    async with running(log_of(), f"actor:{BACKUP_SYNC}") as hand:
        await hand.press("w", "a", "c")
        await to_line(hand, "vm.deleted")
        await hand.press("c")
        await to_line(hand, "never used")
        await hand.press("c")
        assert clipboard == [BACKUP_SYNC, "vm.deleted", TRUTH.to_revoke[0]]


async def test_y_copies_of_the_lines_entries(clipboard: list[str]) -> None:
    async with running(log_of(), f"actor:{BACKUP_SYNC}") as hand:
        await hand.press("w", "a")
        await to_line(hand, "vm.deleted")
        await hand.press("y", "t", "y", "l")
        assert len(clipboard[0].splitlines()) == 6
        assert set(clipboard[0].splitlines()) <= set(TRUTH.destroyed)
        assert "action:vm.deleted" in clipboard[1]


async def test_more_entries_than_fit_on_a_screen_are_copied_once_their_number_is_confirmed(
    clipboard: list[str],
) -> None:
    async with running(JsonLog(made(n) for n in range(300))) as hand:
        await hand.press("A", "w", "a", "y", "d")
        await hand.until(lambda: "copy 300 entries?" in hand.text)
        assert clipboard == []
        await hand.press("escape")
        assert "Nothing was copied" in hand.status
        await hand.press("y", "d")
        await hand.until(lambda: "copy 300 entries?" in hand.text)
        await hand.press("y")
        await hand.until(lambda: len(clipboard) == 1)
        assert len(clipboard[0].splitlines()) == 300


async def test_m_marks_the_lines_entries_and_unmarks_them() -> None:
    async with running(log_of(), f"actor:{BACKUP_SYNC}") as hand:
        await hand.press("w", "a")
        asked = len(hand.wire.requests)
        await hand.press("m")
        assert "Marked 29, 29 in all" in hand.status
        assert {entry.log.id for entry in hand.navigator.marks.marked()} <= set(TRUTH.entries)
        await hand.press("m")
        assert "Unmarked 29" in hand.status
        await to_line(hand, "vm.deleted")
        await hand.press("m")
        assert "Marked 6, 6 in all" in hand.status
        assert len(hand.wire.requests) == asked


@pytest.mark.usefixtures("few_walked")
async def test_m_says_what_is_not_loaded() -> None:
    async with running(log_of(MANY)) as hand:
        await open_page(hand, f"actor:{TRUTH.key_id}")
        await hand.press("m")
        assert re.search(r"Marked [23]\d\d, ", hand.status)
        assert "more are not loaded" in hand.status


# -- stopping and failing ------------------------------------------------------------------------------------------


async def test_escape_stops_first_and_then_closes() -> None:
    wire = Wire(log_of())
    async with running(wire, REFUSED) as hand:
        wire.hold()
        hand.send("l", "l", "w")
        await hand.until(lambda: "Esc stops" in hand.text)
        hand.send("escape")
        await hand.until(lambda: "r goes on" in hand.status)
        assert is_open(hand)
        assert "stopped, r goes on" in hand.text
        wire.release()
        await hand.settled()
        assert "SUCCEEDED" not in listed(hand)
        await hand.press("r")
        assert "SUCCEEDED 8 kinds  exact" in listed(hand)
        await hand.press("escape")
        assert not is_open(hand)


async def test_leaving_stops_it_and_coming_back_goes_on() -> None:
    wire = Wire(log_of())
    async with running(wire, REFUSED) as hand:
        wire.hold()
        hand.send("l", "l", "w")
        await hand.until(lambda: is_open(hand))
        hand.send("[")
        await hand.until(lambda: not is_open(hand))
        wire.release()
        await hand.settled()
        asked = len(wire.requests)
        await hand.press("j")
        assert len(wire.requests) == asked
        await hand.press("]")
        assert "SUCCEEDED 8 kinds  exact" in listed(hand)


async def test_a_refusal_is_shown_and_r_goes_on() -> None:
    wire = Wire(log_of())
    async with running(wire, f"actor:{BACKUP_SYNC}") as hand:
        wire.fail(answers(403, {"message": "no [more] of this"}))
        await hand.press("l", "l", "w")
        assert "no [more] of this" in hand.text
        assert "r goes on" in hand.text
        wire.fail(answers(403), times=0)
        await hand.press("r")
        assert "no [more] of this" not in hand.text
        assert "SUCCEEDED 8 kinds  exact" in listed(hand)


async def test_r_asks_again_once_it_is_complete() -> None:
    wire = Wire(log_of())
    async with running(wire, f"actor:{BACKUP_SYNC}") as hand:
        await hand.press("w", "a")
        asked = len(wire.requests)
        await hand.press("r")
        assert len(wire.requests) > asked
        assert "SUCCEEDED 8 kinds  exact" in listed(hand)


async def test_a_server_that_drops_connections_in_between_changes_nothing() -> None:
    wire = Wire(log_of())
    async with running(wire, f"actor:{BACKUP_SYNC}") as hand:
        wire.fail(httpx.ReadError("reset"), times=2)
        await hand.press("w", "a")
        assert "SUCCEEDED 8 kinds  exact" in listed(hand)


async def test_the_palette_lists_the_keys_of_the_page() -> None:
    async with running(log_of(), f"actor:{BACKUP_SYNC}") as hand:
        await hand.press("w", "a", ":")
        await hand.write("all that must be revoked")
        await hand.until(lambda: "Copy the IDs of all that must be revoked" in hand.text)
        await hand.press("escape")
        await hand.until(lambda: hand.app.screen is hand.screen)
        assert page(hand).has_focus


# -- the page of an address ----------------------------------------------------------------------------------------


async def test_who_acted_from_an_address_and_is_not_deleted_is_listed_and_copied_with_a_word(
    clipboard: list[str],
) -> None:
    created, acted = TRUTH.to_revoke
    async with running(query=f"ip:{TRUTH.addresses[1]}") as hand:
        await hand.press("w", "i")
        text = listed(hand)
        assert "TO REVOKE 2  all: 1 created from here, 1 acted from here, not deleted" in text
        assert (
            text.index(created) < text.index("acted from here, not deleted, may be legitimate:") < text.index(acted)
        )
        await hand.press("C")
        assert clipboard == [f"{created}\n{acted}"]
        assert "1 acted from here and may be legitimate" in hand.status
        await to_line(hand, "svc-monitor")
        await hand.press("enter")
        assert hand.bar.applied == f"ip:{TRUTH.addresses[1]} actor:{acted}"


@pytest.mark.usefixtures("few_walked")
async def test_what_may_be_missing_of_a_busy_key_is_settled_as_the_page_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlog_tui.analysis.gathering.MOST_VALUES", 3)
    async with running(log_of(MANY)) as hand:
        await open_page(hand, f"actor:{TRUTH.key_id}")
        await to_line(hand, "perhaps not all: 2")
        assert "created by another action may be missing" in " ".join(listed(hand).split())
        await hand.press("enter")
        assert hand.bar.applied == f"actor:{TRUTH.key_id}"
        await hand.press("A", "w", "a")
        assert "TO REVOKE 2  all: 2 of 3 keys and users created by it" in listed(hand)
