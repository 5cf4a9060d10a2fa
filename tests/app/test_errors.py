from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from auditlog_tui.errors import SettingsError
from auditlog_tui.settings.options import Settings
from auditlog_tui.ui.app import AuditLogApp
from tests.app.helpers import Hand, app_over, drawn, running, settled, texts
from tests.app.helpers import TestOpener as Opener
from tests.app.wire import ENTRIES, UNREACHABLE, Fault, JsonLog, Wire, answers, log_of, made
from tests.effort import THOROUGH

HTML = answers(200, b"<!DOCTYPE html><html><body>Sign in</body></html>", Content_Type="text/html")
REFUSED = answers(401, {"message": "invalid key"})
FORBIDDEN = answers(403, {"message": "missing permission"})

FAULTS: list[tuple[Fault, str]] = [
    (REFUSED, "key"),
    (FORBIDDEN, "read permission"),
    (HTML, "HTML page"),
    (UNREACHABLE, "log.example"),
    (answers(500, {"message": "it broke"}), "it broke"),
    (answers(200, {"pagination": {}}), ""),
]
NAMES = ["401", "403", "html", "unreachable", "500", "other json"]


def wire_that_fails(fault: Fault, times: int = 1 << 30) -> Wire:
    wire = Wire(log_of())
    wire.fail(fault, times)
    return wire


def loaded(hand: Hand) -> int:
    return len(hand.table.view or ())


# -- at the start --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fault", "said"), FAULTS, ids=NAMES)
async def test_an_error_at_the_start_is_said_where_the_rows_would_be(fault: Fault, said: str) -> None:
    async with running(wire_that_fails(fault)) as hand:
        assert said in " ".join(hand.shown.split())
        assert "r tries again" in hand.shown
        count = len(hand.wire.requests)
        await hand.settled()
        assert len(hand.wire.requests) == count  # nothing is tried again by itself
        hand.wire.fail(fault, times=0)
        await hand.press("r")
        assert loaded(hand) == 100
        assert "r tries again" not in hand.shown


@pytest.mark.parametrize(
    ("fault", "short"),
    [(UNREACHABLE, "not connected"), (REFUSED, "key refused"), (FORBIDDEN, "key refused"), (HTML, "not the API"),
     (answers(500, {"message": "it broke"}), "nothing loaded"), (answers(400, {"message": "no"}), "nothing loaded")],
)  # fmt: skip
async def test_a_start_that_failed_is_said_once_and_the_keys_stay(fault: Fault, short: str) -> None:
    async with running(wire_that_fails(fault), size=(80, 24)) as hand:
        assert short in hand.header
        assert "loaded, more" not in " ".join(hand.header.split())
        assert hand.text.count("log.example ") <= 2  # in the header, and in what is said
        assert "help" in hand.status
        hand.wire.fail(fault, times=0)
        await hand.press("r")
        assert short not in hand.header
        assert "100 of" in hand.header


# -- a filter that the server refuses ------------------------------------------------------------------------------


def invalid(message: str) -> Fault:
    return answers(400, {"message": message})


@pytest.mark.parametrize(
    ("text", "message", "term"),
    [
        ("status:500 ip:203.0.113.7", "client_ip is not an address", "ip:203.0.113.7"),
        ("actor.type:robot action:a.b", "unknown value of actor_type", "actor.type:robot"),
        ("action:a.b status:>=400", "status_code_min: must be below 400", "status:>=400"),
        ("ua:curl ip:203.0.113.7", "not an address", "ip:203.0.113.7"),  # the only one that the server was asked
        ("status:500 ip:203.0.113.7", "no", "status:500 ip:203.0.113.7"),
    ],
)
async def test_a_refused_filter_keeps_the_rows_and_points_at_its_term(text: str, message: str, term: str) -> None:
    async with running() as hand:
        await hand.press("down", "down")
        rows, key = hand.rows, hand.row.key
        hand.wire.fail(invalid(message))
        await hand.filter(text)
        assert hand.row.key == key
        assert [row[2:90] for row in hand.rows[:20]] == [row[2:90] for row in rows[:20]]
        assert hand.input.has_focus
        assert hand.input.value == text
        line = next(number for number, line in enumerate(hand.lines) if "^" in line)
        start = 3 + text.index(term)
        assert hand.lines[line].rstrip() == " " * start + "^" * min(len(term), 40)
        assert message in hand.lines[line + 1]
        assert "of 730 loaded" in hand.header
        assert any("still showing: everything, newest first" in below for below in hand.lines[line + 2 : line + 4])


@pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=str)
async def test_a_filter_that_can_not_be_read_does_not_take_the_verdict_of_the_one_before(
    size: tuple[int, int],
) -> None:
    async with running(size=size) as hand:
        await hand.filter("action:nothing.so")
        assert "COMPLETE" in hand.header
        await hand.filter("statsu:403")
        assert "COMPLETE" in hand.header
        assert "still showing: action:nothing.so" in hand.text
        await hand.press("escape")
        assert "still showing" not in hand.text


async def test_without_the_network_the_way_back_to_the_rows_is_named() -> None:
    async with running(wire_that_fails(UNREACHABLE)) as hand:
        assert "q quits" in hand.shown
        assert "[ goes back" not in hand.shown
        hand.wire.fail(UNREACHABLE, times=0)
        await hand.press("r")
        assert hand.rows
        hand.wire.fail(UNREACHABLE)
        await hand.filter("method:DELETE")
        assert "[ goes back · q quits" in hand.shown
        await hand.press("left_square_bracket")
        assert "[ goes back" not in hand.shown
        assert hand.row.key


async def test_after_a_refusal_one_goes_on_as_if_it_had_not_been() -> None:
    async with running() as hand:
        await hand.filter("status:>=400")
        hand.wire.fail(invalid("client_ip"), times=1)
        await hand.filter("ip:203.0.113.10")
        await hand.press("escape")
        assert hand.input.value == "status:>=400"
        assert "^" not in "\n".join(hand.lines[1:4])
        await hand.filter("ip:203.0.113.10")  # which the server accepts by now
        assert hand.navigator.place.text == "ip:203.0.113.10"
        assert len(hand.navigator.places) == 3
        await hand.press("left_square_bracket", "left_square_bracket")
        assert hand.navigator.place.text == ""


async def test_an_error_at_the_start_still_lets_one_type_and_quit() -> None:
    async with running(wire_that_fails(REFUSED)) as hand:
        await hand.press("/")
        await hand.write("status:>=400")
        hand.wire.fail(REFUSED, times=0)
        await hand.press("enter")
        assert loaded(hand) == 39
        await hand.press("q")
        assert hand.app.return_code == 0


async def test_what_cant_be_opened_says_so_and_lets_one_quit() -> None:
    class Broken(Opener):
        def prepare(self) -> None:
            raise SettingsError("The proxy can't be used.")

    app = app_over(Broken(Wire(log_of())))
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        assert "The proxy can't be used." in "\n".join(texts(drawn(app)))
        for key in ("down", "slash", "r", "A", "t", "z", "left_square_bracket", "enter", "equals_sign", "G"):
            app.simulate_key(key)
        await settled(pilot)
        assert app.is_running
        app.simulate_key("escape")
        await settled(pilot)
        app.simulate_key("q")
        await settled(pilot)
        assert app.return_code == 0


async def test_a_log_of_the_wrong_kind_is_no_crash() -> None:
    for body in ({"items": "no list", "pagination": None}, {"items": [1, "x", None, []], "pagination": {}}):
        async with running(wire_that_fails(answers(200, body))) as hand:
            assert hand.app.is_running


# -- half-way ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fault", "said"), FAULTS[:5] if THOROUGH else FAULTS[2:4])
async def test_an_error_half_way_keeps_the_rows_and_is_a_row_below_them(fault: Fault, said: str) -> None:
    async with running() as hand:
        await hand.press("pagedown")
        first = hand.table.rows.visible(0, 100)
        hand.wire.fail(fault)
        await hand.press("pagedown")
        assert said in hand.status
        await hand.press("pagedown", "pagedown")
        assert loaded(hand) == 100
        assert hand.table.rows.visible(0, 100) == first
        assert said in hand.rows[-1]
        assert "r tries again" in hand.rows[-1]
        count = len(hand.wire.requests)
        await hand.press("down", "up", "pageup", "pagedown")
        assert len(hand.wire.requests) == count
        hand.wire.fail(fault, times=0)
        await hand.press("r")
        assert loaded(hand) > 100
        await hand.press("A")
        assert f"{ENTRIES}  COMPLETE" in hand.header


async def test_an_error_while_all_is_loaded_stops_that_and_loses_nothing() -> None:
    async with running() as hand:
        wire = hand.wire

        def edit(number: int, body: dict[str, Any]) -> dict[str, Any]:
            if number == 4:
                wire.fail(FORBIDDEN)
            return body

        wire.edit = edit
        await hand.press("A")
        assert loaded(hand) == 400
        assert "read permission" in hand.status
        wire.fail(FORBIDDEN, times=0)
        await hand.press("r", "A")
        assert f"{ENTRIES}  COMPLETE" in hand.header


# -- waiting -------------------------------------------------------------------------------------------------------


class Sleeper:
    """A wait that ends when told."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.end = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        await self.end.wait()


BUSY = answers(503, {"message": "overloaded"}, Retry_After="2")


async def test_a_wait_is_shown_and_counts_down() -> None:
    sleeper = Sleeper()
    async with running(wire_that_fails(BUSY, times=1), sleep=sleeper, settle=False) as hand:
        await hand.until(lambda: "trying again in 2 s" in hand.status)
        assert sleeper.asked == [2.0]
        assert "Esc stops" in hand.status
        await hand.until(lambda: "trying again in 1 s" in hand.status)
        sleeper.end.set()
        await hand.settled()
        assert "trying again" not in hand.status
        assert loaded(hand) == 100


TOO_MANY = answers(429, {"message": "too many requests; try again in 1 s"}, Retry_After="0.4")
WORDY = answers(503, {"message": "overloaded " * 30}, Retry_After="0.4")


@pytest.mark.parametrize(
    ("fault", "width"), [(TOO_MANY, 120), (WORDY, 80), *([(TOO_MANY, 80), (WORDY, 120)] if THOROUGH else [])]
)
async def test_a_wait_is_one_line_and_never_of_0_s(fault: Fault, width: int) -> None:
    sleeper = Sleeper()
    async with running(wire_that_fails(fault, times=1), sleep=sleeper, settle=False, size=(width, 24)) as hand:
        await hand.until(lambda: ": trying again in 1 s (2 of 3), Esc stops" in hand.status)
        await asyncio.sleep(0.5)  # it should have been repeated by now
        await hand.until(lambda: ": trying again in 1 s (2 of 3), Esc stops" in hand.status)
        assert hand.screen.footer.size.height == 1
        assert ("too many requests (429): trying" in hand.status) == (fault is TOO_MANY)
        sleeper.end.set()
        await hand.settled()


async def test_escape_ends_a_wait_and_space_or_r_goes_on() -> None:
    sleeper = Sleeper()
    async with running(sleep=sleeper) as hand:
        hand.wire.fail(BUSY, times=1)
        hand.send("A")
        await hand.until(lambda: "trying again" in hand.status)
        hand.send("escape")
        await hand.settled()
        assert "trying again" not in hand.status
        assert loaded(hand) == 100
        count = len(hand.wire.requests)
        await hand.press("pagedown", "pagedown", "pagedown")
        assert len(hand.wire.requests) == count
        await hand.press("space")
        assert loaded(hand) > 100


async def test_a_wait_goes_on_being_shown_while_other_keys_are_pressed() -> None:
    sleeper = Sleeper()
    async with running(sleep=sleeper) as hand:
        hand.wire.fail(BUSY, times=1)
        hand.send("A")
        await hand.until(lambda: "trying again" in hand.status)
        hand.send("down")
        await hand.until(lambda: hand.table.cursor == 1)
        await hand.until(lambda: "trying again" in hand.status)
        sleeper.end.set()
        await hand.settled()
        assert f"{ENTRIES}  COMPLETE" in hand.header


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlog_tui.api.client.PATIENCE", 0.05)


@pytest.mark.usefixtures("impatient")
async def test_an_answer_that_does_not_come_is_shown_and_escape_and_r_work() -> None:
    async with running() as hand:
        hand.wire.hold()
        hand.send("A")
        await hand.until(lambda: "waiting 0 s, attempt 1 of 3, Esc stops" in hand.status)
        await hand.until(lambda: "waiting 1 s, attempt 1 of 3, Esc stops" in hand.status)
        hand.send("escape")
        await hand.until(lambda: "Stopped; A or r goes on" in hand.status)
        hand.wire.release()
        await hand.settled()
        assert loaded(hand) == 100
        await hand.press("r", "A")
        assert "waiting" not in hand.status
        assert f"{ENTRIES}  COMPLETE" in hand.header


@pytest.mark.parametrize(
    ("query", "key"), [("", "A"), ("path:v1", "r"), *([("", "r"), ("path:v1", "A")] if THOROUGH else [])]
)
async def test_each_key_that_goes_on_after_a_stop_does_so_from_any_row(query: str, key: str) -> None:
    async with running(query=query) as hand:
        hand.wire.hold()
        hand.send("A")
        await hand.until(lambda: hand.screen.loader.busy)
        hand.send("escape")
        await hand.until(lambda: hand.status.startswith("Stopped; "))
        named = hand.status.removeprefix("Stopped; ").removesuffix(" goes on").split(" or ")
        assert named == ["A", "r"]
        hand.wire.release()
        await hand.settled()
        assert (hand.table.cursor, loaded(hand) < ENTRIES) == (0, True)
        await hand.press(key)
        assert (hand.table.cursor, loaded(hand)) == (0, ENTRIES)
        assert "COMPLETE" in hand.header


@pytest.mark.usefixtures("impatient")
async def test_the_first_page_that_does_not_come_can_be_stopped_and_asked_for_again() -> None:
    wire = Wire(log_of())
    wire.hold()
    async with running(wire, settle=False) as hand:
        await hand.until(lambda: "waiting" in hand.status)
        hand.send("escape")
        await hand.until(lambda: "Stopped" in hand.status)
        wire.release()
        await hand.settled()
        assert loaded(hand) == 0
        await hand.press("r")
        assert loaded(hand) == 100


@pytest.mark.usefixtures("impatient")
async def test_a_wait_does_not_write_over_what_was_said_since() -> None:
    async with running() as hand:
        hand.wire.hold()
        hand.send("A")
        await hand.until(lambda: "waiting" in hand.status)
        hand.screen.say("Something else")
        await asyncio.sleep(0.4)  # three turns of the spinner
        assert "Something else" in hand.status
        hand.send("down")
        await hand.until(lambda: "waiting" in hand.status)
        hand.wire.release()
        await hand.settled()
        assert "waiting" not in hand.status


@pytest.mark.usefixtures("impatient")
async def test_a_full_record_that_does_not_come_can_be_stopped() -> None:
    async with running() as hand:
        hand.wire.hold()
        hand.send("enter")
        await hand.until(lambda: "waiting" in hand.status)
        hand.send("escape")
        await hand.until(lambda: "Stopped after" in hand.text)
        assert hand.pane.display
        hand.wire.release()
        await hand.press("r")
        assert "full record" in hand.text
        assert "Stopped" not in hand.text


async def test_a_longer_wait_than_anyone_sits_out_is_an_error_that_says_when() -> None:
    async with running(wire_that_fails(answers(429, {"message": "slow down"}, Retry_After="3600"))) as hand:
        assert len(hand.wire.requests) == 1
        assert "r tries again" in hand.shown
        assert "asks for a long pause" in hand.shown


# -- broken walks --------------------------------------------------------------------------------------------------


async def test_past_a_cursor_refused_half_way_everything_arrives_by_one_key() -> None:
    async with running() as hand:
        first = hand.table.rows.visible(0, 100)
        hand.wire.fail(answers(400, {"message": "cursor expired"}), times=1)
        await hand.press("A")
        assert f"{ENTRIES}  COMPLETE" in hand.header
        assert hand.table.rows.visible(0, 100) == first
        keys = [row.key for row in hand.table.rows.visible(0, ENTRIES)]
        assert len(set(keys)) == ENTRIES


async def test_a_cursor_that_is_repeated_for_ever_is_incomplete_with_its_reason() -> None:
    cursors: list[str] = []

    def edit(number: int, body: dict[str, Any]) -> dict[str, Any]:
        if number >= 2:
            cursors.append(body["pagination"]["next_cursor"])
            body["pagination"]["next_cursor"] = cursors[0]
        return body

    async with running(Wire(log_of(generation=1))) as hand:
        hand.wire.edit = edit
        await hand.press("A")
        assert "INCOMPLETE" in hand.header
        assert "repeated a cursor" in hand.header
        assert loaded(hand) == 300
        await hand.press(*["pagedown"] * 9)
        assert "repeated a cursor" in hand.rows[-1]
        assert "r goes on" in hand.rows[-1]


async def test_past_a_repeated_cursor_everything_arrives_by_one_key() -> None:
    def edit(number: int, body: dict[str, Any]) -> dict[str, Any]:
        if number == 2:
            body["pagination"]["next_cursor"] = httpx.URL(str(hand.wire.requests[1].url)).params["cursor"]
        return body

    async with running() as hand:
        hand.wire.edit = edit
        await hand.press("A")
        assert f"{ENTRIES}  COMPLETE" in hand.header


@pytest.mark.parametrize(
    "pagination",
    [{"next_cursor": {"id": 1}, "total_count": ENTRIES}, "gone", *([None, 7, [], {}] if THOROUGH else [])],
)
async def test_a_page_that_does_not_say_whether_more_follows_is_incomplete_and_r_goes_on(pagination: object) -> None:
    def edit(number: int, body: dict[str, Any]) -> dict[str, Any]:
        if dict(hand.wire.requests[number - 1].url.params).get("cursor"):
            body = {"items": body["items"]} if pagination == "gone" else {**body, "pagination": pagination}
        return body

    async with running() as hand:
        hand.wire.edit = edit
        await hand.press("A")
        assert loaded(hand) == 200
        assert f"200 of {ENTRIES}  INCOMPLETE" in hand.header
        await hand.press(*["pagedown"] * 9)
        assert "r goes on" in hand.shown
        assert "did not say whether more follows" in hand.shown
        await hand.press("r")
        assert "INCOMPLETE" in hand.header
        hand.wire.edit = lambda number, body: body
        await hand.press("r", "A")
        assert f"{ENTRIES}  COMPLETE" in hand.header
        keys = [row.key for row in hand.table.rows.visible(0, ENTRIES)]
        assert len(set(keys)) == ENTRIES


async def test_a_malformed_field_is_flagged_and_never_hides_its_entry() -> None:
    """`cu rl` is read with its tab, the byte and the word are unknown: they may be what is looked for."""
    places = {1: b'"cu\trl"', 2: b'"cu\xffrl"', 3: b"nope"}
    items = [json.dumps(made(n, user_agent="PLACE")).encode() for n in range(5)]
    items = [item.replace(b'"PLACE"', places.get(n, b'"wget"')) for n, item in enumerate(items)]
    body = b'{"items": [' + b", ".join(items) + b'], "pagination": {"next_cursor": null, "total_count": 5}}'
    wire = wire_that_fails(answers(200, body))
    async with running(wire, "ua:curl") as hand:
        assert [row.user_agent for row in hand.table.rows.visible(0, 9)] == [r"cu\xffrl", None]
        assert "2 match in 5" in hand.header
        await hand.press("enter")
        await hand.to_field("user_agent")
        assert hand.pane.field is not None
        assert hand.pane.field.shown == r"cu\xffrl (malformed)"
        assert hand.pane.field.flagged
        await hand.press("q")
        await hand.filter("ua:cu")
        assert loaded(hand) == 3
        await hand.filter("-ua:wget")
        assert loaded(hand) == 3


async def test_an_empty_page_with_a_cursor_is_no_end() -> None:
    def edit(number: int, body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "items": []} if number == 2 else body

    async with running(JsonLog(made(n) for n in range(350))) as hand:
        hand.wire.edit = edit
        await hand.press("A")
        assert loaded(hand) == 250
        assert "INCOMPLETE" in hand.header
        assert "350" in hand.header


async def test_a_count_that_is_none_costs_nothing_but_itself() -> None:
    count: object = None

    def edit(number: int, body: dict[str, Any]) -> dict[str, Any]:
        body["pagination"]["total_count"] = count
        return body

    wire = Wire(JsonLog(made(n) for n in range(150)))
    wire.edit = edit
    async with running(wire) as hand:
        for sent in (None, "many", -5, 10**30):
            count = sent
            await hand.press("r", "A")
            assert loaded(hand) == 150, sent
            assert hand.app.is_running


async def test_entries_sent_twice_are_shown_once() -> None:
    log = JsonLog(made(n) for n in range(250))
    log.entries[100:100] = log.entries[97:100]
    async with running(log) as hand:
        await hand.press("A")
        keys = [row.key for row in hand.table.rows.visible(0, 300)]
        assert len(keys) == len(set(keys)) == 250


async def test_the_header_names_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hidden@proxy.test:3128")
    for trusted in (True, False):
        settings = Settings(base_url="https://log.example", trust_env=trusted)
        app = AuditLogApp(settings, Opener(Wire(log_of())), "")
        async with app.run_test(size=(120, 36)) as pilot:
            await settled(pilot)
            lines = texts(drawn(app))
        assert ("log.example via proxy proxy.test:3128 " in lines[0]) is trusted
        assert "hidden" not in "".join(lines)


async def test_an_error_of_the_servers_own_in_a_200_is_shown_in_its_words() -> None:
    async with running(
        wire_that_fails(answers(200, {"error": {"message": "closed for \x1b[1mmaintenance"}}))
    ) as hand:
        assert "closed for" in " ".join(hand.shown.split())
        assert "maintenance" in hand.shown
        assert "r tries again" in hand.shown


async def test_work_that_tidies_up_while_the_app_closes_is_no_failure() -> None:
    begun = asyncio.Event()

    async def long() -> None:
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            while hand.screen.query("EntryTable"):  # noqa: ASYNC110 (no event tells that widgets are gone)
                await asyncio.sleep(0.001)
            hand.screen.rows_changed()

    async with running() as hand:
        hand.screen.run_worker(long(), group="test")
        await begun.wait()
    assert not hand.app.report


async def test_a_reload_that_fails_keeps_the_rows() -> None:
    async with running(query="status:>=400") as hand:
        loaded, places = len(hand.screen.view), len(hand.navigator.places)
        assert loaded
        hand.wire.fail(UNREACHABLE)
        await hand.press("r")
        assert "Still showing what was loaded before" in hand.status
        assert (len(hand.screen.view), len(hand.navigator.places)) == (loaded, places)
        hand.wire.fail(UNREACHABLE, 0)
        await hand.press("r")
        assert len(hand.screen.view) == loaded
        assert len(hand.navigator.places) == places + 1


@pytest.mark.parametrize(
    ("fault", "lost"),
    [(UNREACHABLE, "not connected"), (REFUSED, "key refused"), (HTML, "not the API"), (answers(500), "server error")],
)
@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_that_requests_fail_stays_in_the_header_until_one_succeeds(
    fault: Fault, lost: str, size: tuple[int, int]
) -> None:
    async with running(size=size) as hand:
        assert lost not in hand.header
        hand.wire.fail(fault)
        await hand.press("r")
        await hand.press("down", "down", "t")  # the message is gone, and the times are others
        assert lost in hand.header
        assert "so far" in hand.header or "loaded" in hand.header
        hand.wire.fail(fault, 0)
        await hand.press("G")
        assert lost not in hand.header


async def test_a_refused_filter_and_an_entry_that_is_gone_are_answers_of_the_server() -> None:
    async with running() as hand:
        hand.wire.fail(UNREACHABLE)
        await hand.press("r")
        assert "not connected" in hand.header
        hand.wire.fail(answers(404, {"message": "there is no such entry"}))
        await hand.press("down", "enter")
        assert "not connected" not in hand.header


MOVES = {
    "G": "go to the oldest entry",
    "end": "go to the oldest entry",
    ".": "show what is around the entry",
    "ctrl+t": "go to that time",
}
"""Keys that move within the log, and what is said to be impossible."""


async def move(hand: Hand, key: str) -> None:
    await hand.press(key)
    if key == "ctrl+t":
        await hand.write("2026-06-25 10:00")
        await hand.press("enter")


@pytest.mark.parametrize(
    ("query", "keys"),
    [(query, [key]) for query in ("", "method:GET", "path:v1") for key in MOVES]
    if THOROUGH
    else [("", ["G", ".", "ctrl+t"]), ("", ["end"]), ("method:GET", ["G"]), ("path:v1", [".", "ctrl+t"])],
)
async def test_a_move_within_the_log_that_fails_keeps_the_rows_and_r_tries_it_again(
    query: str, keys: list[str]
) -> None:
    async with running(query=query) as hand:
        await hand.press("j", "j", "j")
        at, place, view = hand.row, hand.navigator.place, hand.screen.view
        for key in keys:
            hand.wire.fail(UNREACHABLE)
            for pressed in (key, "r"):
                await move(hand, pressed)
                assert f"Can't {MOVES[key]}, r tries again: " in hand.status
                assert (hand.row, hand.navigator.place, hand.screen.view) == (at, place, view), key
                assert "not connected" in hand.header
            hand.wire.fail(UNREACHABLE, 0)
            await hand.press("r")
            assert hand.screen.view is not view, key
            assert len(hand.screen.view)
            assert hand.screen.view.upwards is (key in ("G", "end"))
            await hand.press("[")
            assert (hand.row, hand.screen.view) == (at, view), key


async def test_r_reloads_once_the_cursor_was_moved_after_a_move_that_failed() -> None:
    async with running() as hand:
        hand.wire.fail(UNREACHABLE)
        await hand.press("G")
        hand.wire.fail(UNREACHABLE, 0)
        await hand.press("j", "r")
        assert not hand.screen.view.upwards
        assert hand.navigator.place.reloads


async def test_the_newest_entry_is_asked_for_where_it_could_not_be_loaded_at_first() -> None:
    async with running(wire_that_fails(UNREACHABLE)) as hand:
        await hand.press("G")
        assert "Can't go to the oldest entry, r tries again" in hand.status
        assert "r tries again" in hand.shown
        hand.wire.fail(UNREACHABLE, 0)
        await hand.press("G")
        assert (hand.screen.view.upwards, loaded(hand)) == (True, 100)
        await hand.press("g")
        assert (hand.screen.view.upwards, loaded(hand)) == (False, 100)


async def test_escape_stops_a_move_within_the_log_and_the_rows_come_back() -> None:
    async with running() as hand:
        view = hand.screen.view
        hand.wire.hold()
        hand.send("G")
        await hand.until(lambda: hand.screen.view is not view and hand.screen.loader.busy)
        hand.send("escape")
        await hand.until(lambda: hand.screen.view is view)
        await hand.until(lambda: "Stopped" in hand.status and "r tries again" in hand.status)
        hand.wire.release()
        await hand.settled()
        await hand.press("r")
        assert hand.screen.view.upwards
        assert len(hand.screen.view)


async def test_a_reload_that_fails_keeps_what_is_being_typed() -> None:
    async with running(query="status:>=400") as hand:
        hand.wire.fail(UNREACHABLE)
        hand.wire.hold()
        hand.send("r", "/", *"ua:curl")
        await hand.until(lambda: hand.input.value == "ua:curl")
        hand.wire.release()
        await hand.settled()
        assert "Still showing what was loaded before" in hand.status
        assert hand.input.value == "ua:curl"
        assert hand.input.has_focus
