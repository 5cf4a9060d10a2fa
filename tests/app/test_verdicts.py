"""What the header says of a view, by the keys that once made it lie."""

from __future__ import annotations

import httpx
import pytest

from auditlog_tui.text.glyphs import UNICODE
from auditlog_tui.ui.browse import following
from tests.app.helpers import running
from tests.app.wire import ENTRIES, Answers, JsonLog, Wire, log_of, made, source_of


class RefusesCursors(Wire):
    """Takes every cursor for one that expired."""

    def __init__(self, log: Answers) -> None:
        super().__init__(log)
        self.refused = 0
        self.refuses = True

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.refuses and "cursor" in request.url.params:
            self.refused += 1
            return httpx.Response(400, json={"message": "cursor expired"})
        return await super().handle_async_request(request)


async def test_a_filter_after_the_view_of_marks_reads_the_log() -> None:
    wanted = [entry for entry in source_of()._db.execute("SELECT user_agent FROM entry") if "Terraform" in entry[0]]
    async with running() as hand:
        await hand.press("down", "m", "down", "m", "M")
        assert "only what is marked: 2" in hand.header
        await hand.press("/")
        await hand.write("ua:terraform")
        await hand.press("enter", "A")
        await hand.settled()
        assert f"{len(wanted):,} match in {ENTRIES:,}  COMPLETE" in hand.header


async def test_where_cursors_are_refused_everything_is_loaded_by_times() -> None:
    wire = RefusesCursors(log_of())
    async with running(wire) as hand:
        await hand.press("A")
        await hand.settled()
        assert f"{ENTRIES:,}  COMPLETE" in hand.header
        assert wire.refused == 2


async def test_where_nothing_helps_it_is_incomplete_and_r_goes_on_with_everything() -> None:
    wire = RefusesCursors(log_of(generation=1))
    async with running(wire) as hand:
        await hand.press("A")
        await hand.settled()
        assert "INCOMPLETE" in hand.header
        wire.refuses = False
        await hand.press("r")
        await hand.settled()
        assert f"{ENTRIES:,}  COMPLETE" in hand.header


async def test_an_id_with_other_bytes_is_flagged_beside_its_row_and_in_the_detail() -> None:
    entries = [made(1), made(2), made(2, status_code=500, path="/other"), made(3)]
    async with running(JsonLog(entries)) as hand:
        assert [line.count("≢") for line in hand.rows[:3]] == [0, 1, 0]
        await hand.press("down", "enter")
        assert "another record under this ID" in hand.text
        assert "status_code" in hand.text


async def test_load_all_does_not_say_that_everything_is_loaded_where_something_is_missing() -> None:
    wire = Wire(JsonLog([made(n) for n in range(150)]))

    def more(number: int, body: dict[str, object]) -> dict[str, object]:
        pagination = body.get("pagination")
        if isinstance(pagination, dict):
            pagination["total_count"] = 153
        return body

    wire.edit = more
    async with running(wire) as hand:
        await hand.press("A", "A")
        assert "INCOMPLETE" in hand.header
        assert "Everything" not in hand.status
        assert "INCOMPLETE: the server counts 153" in hand.status


async def test_what_retention_took_is_said() -> None:
    wire = Wire(JsonLog([made(n) for n in range(250)]))

    def forgetting(number: int, body: dict[str, object]) -> dict[str, object]:
        pagination = body.get("pagination")
        if isinstance(pagination, dict):
            pagination["total_count"] = 250 if number < 3 else 245
        return body

    def absent(number: int, body: dict[str, object]) -> dict[str, object]:
        body = forgetting(number, body)
        pagination = body.get("pagination")
        if number == 1 and isinstance(pagination, dict):
            pagination["total_count"] = 251  # one of them is gone before it is reached
        return body

    wire.edit = absent
    async with running(wire) as hand:
        await hand.press("A")
        await hand.settled()
        assert "250  COMPLETE  5 gone since" in hand.header


async def test_complete_is_gone_from_the_header_when_a_poll_counts_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "POLL_S", 0.01)
    log = JsonLog([made(n) for n in range(250)])
    wire = Wire(log)

    def hold_the_next(number: int, body: dict[str, object]) -> dict[str, object]:
        wire.hold()
        return body

    async with running(wire) as hand:
        await hand.press("A")
        await hand.settled()
        assert "250  COMPLETE" in hand.header
        log.entries.insert(200, made(200, id="late"))
        log.entries.insert(0, made(-1))
        wire.edit = hold_the_next  # the poll is answered, and the search for the late entry waits
        hand.send("F")
        await hand.until(lambda: "1 new" in hand.header)
        assert "INCOMPLETE" in hand.header
        wire.edit = lambda number, body: body
        wire.release()
        await hand.until(lambda: "252  COMPLETE" in hand.header)
        hand.send("F")
        await hand.until(lambda: f"{UNICODE.on} follow" not in hand.header)
