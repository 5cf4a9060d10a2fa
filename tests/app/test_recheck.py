"""`R`: the marked entries are asked for again; its dialog, its progress and Escape, and what a bundle then states."""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

from auditlog_tui.entries.models import read_entry
from auditlog_tui.evidence.verify import verify
from auditlog_tui.ui.browse import status
from auditlog_tui.ui.dialogs.compare import CompareScreen
from auditlog_tui.ui.dialogs.recheck import RecheckScreen, ResultList
from tests.app.helpers import Hand, running
from tests.app.wire import ENTRIES, Json, JsonLog, Wire, WithoutIds, log_of, made


def log(*, without: tuple[int, ...] = ()) -> JsonLog:
    return JsonLog(made(n) for n in range(200) if n not in without)


def results(hand: Hand) -> list[str]:
    """The lines of the dialog."""
    box = hand.app.screen.query_one(ResultList)
    return [str(box.get_option_at_index(number).prompt) for number in range(box.option_count)]


def bundle_in(folder: Path) -> Path:
    (path,) = folder.glob("*.zip")
    return path


def told_by(bundle: Path) -> tuple[str, Json]:
    """Its report and its manifest."""
    with ZipFile(bundle) as file:
        return file.read("report.md").decode(), json.loads(file.read("manifest.json"))


async def mark(hand: Hand, entries: int) -> None:
    await hand.press(*["m"] * entries)


async def change(hand: Hand, wire: Wire) -> None:
    """Mark four entries; the server then changes the second and forgets the third."""
    await mark(hand, 4)
    wire.log = log(without=(2,))
    assert isinstance(wire.log, JsonLog)
    wire.log.entries[1] = made(1, status_code=500)


async def test_r_tells_of_each_marked_entry_what_the_server_has_now() -> None:
    wire = Wire(log())
    async with running(wire) as hand:
        await change(hand, wire)
        await hand.press("R")
        assert isinstance(hand.app.screen, RecheckScreen)
        assert sorted(wire.gets) == [f"id-{n:05}" for n in range(4)]
        said, *lines = results(hand)
        assert said == "At 2026-07-01 12:00:00: 2 same, 1 changed (status_code), 1 gone"
        assert [line.split("  ")[0] for line in lines] == ["changed: status_code", "gone", "same", "same"]
        assert "vm.created" in lines[0]
        assert "4 marked entries re-checked" in hand.text


async def test_a_line_can_be_gone_to_compared_and_copied(clipboard: list[str]) -> None:
    wire = Wire(log())
    async with running(wire) as hand:
        await change(hand, wire)
        await hand.press("G", "R", "c")
        assert clipboard == ["id-00001"]
        await hand.press("y")
        assert clipboard[-1].splitlines()[1:3] == ["id-00001 changed: status_code", "id-00002 gone"]
        await hand.press("D")
        assert isinstance(hand.app.screen, CompareScreen)
        assert "as it was, and as it is now: 1 field differs" in hand.text
        await hand.press("escape", "j", "enter")
        assert hand.row.key == "id-00002"
        assert hand.screen.is_current


async def test_an_entry_that_is_not_in_the_view_is_gone_to_among_the_marked_ones() -> None:
    async with running() as hand:
        await mark(hand, 3)
        await hand.filter("method:GET")
        await hand.press("R", "j", "enter")
        assert hand.navigator.view.fixed
        assert hand.row.key == hand.navigator.marks.entries()[1].key


async def test_r_in_the_dialog_asks_once_more() -> None:
    wire = Wire(log())
    async with running(wire) as hand:
        await mark(hand, 2)
        await hand.press("R")
        wire.log = log(without=(0,))
        await hand.press("R")
        assert isinstance(hand.app.screen, RecheckScreen)
        assert results(hand)[0].endswith(": 1 same, 1 gone")
        assert len(wire.gets) == 4


async def test_without_marks_nothing_is_asked() -> None:
    async with running() as hand:
        before = len(hand.wire.requests)
        await hand.press("R")
        assert hand.status.startswith("Nothing is marked")
        assert len(hand.wire.requests) == before


async def test_another_organizations_log_is_not_told_as_all_gone() -> None:
    wire = Wire(JsonLog(made(n, id=f"other-{n}") for n in range(30)))
    async with running(wire) as hand:
        marked = [read_entry(json.dumps(made(n))) for n in (1, 2)]
        hand.navigator.marks.mark(marked)  # in an earlier run, with another key
        await hand.press("R")
        assert results(hand)[0].endswith(": 2 can't be told")
        assert "None of the 2 entries is in this log: the key may belong to another organization" in results(hand)[1]
        await hand.press("escape", "M")
        await hand.press("R")
        assert "the key may belong to another organization" in results(hand)[1]


async def test_of_an_entry_that_this_log_has_sent_it_is_said_that_it_is_gone() -> None:
    wire = Wire(log())
    async with running(wire) as hand:
        await mark(hand, 1)
        wire.log = log(without=(0,))
        await hand.press("R")
        assert [line.split("  ")[0] for line in results(hand)[1:]] == ["gone"]


async def test_of_an_entry_that_an_earlier_recheck_found_it_is_said_that_it_is_gone() -> None:
    wire = Wire(log())
    async with running(wire) as hand:
        hand.navigator.marks.mark([read_entry(json.dumps(made(150)))])  # not loaded
        await hand.press("R")
        assert results(hand)[0].endswith(": 1 same")
        wire.log = log(without=(150,))
        await hand.press("R")
        assert results(hand)[0].endswith(": 1 gone")


async def test_escape_stops_it_and_says_how_far_it_came() -> None:
    wire = Wire(log())
    async with running(wire) as hand:
        await mark(hand, 6)
        wire.hold()
        hand.send("R")
        await hand.until(lambda: len(wire.gets) == 4)
        await hand.until(lambda: "Re-checking: 0 of 6, Esc stops" in hand.status)
        hand.send("escape")
        await hand.until(lambda: "Stopped: 0 of 6 entries re-checked" in hand.status)
        wire.release()
        await hand.settled()
        assert hand.app.screen is hand.screen
        assert len(wire.gets) == 4


async def test_what_was_found_out_before_an_error_can_be_looked_at() -> None:
    wire = Wire(log())
    async with running(wire) as hand:
        await mark(hand, 5)

        def refuse(request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("id-00000"):
                return httpx.Response(200, json=made(0))
            return httpx.Response(401, json={"message": "revoked"})

        wire.fail(refuse)
        await hand.press("R")
        assert "401" in hand.status
        assert hand.app.screen is hand.screen


async def test_a_result_that_comes_while_the_user_goes_on_waits_for_r() -> None:
    wire = Wire(log())
    async with running(wire) as hand:
        await mark(hand, 2)
        wire.hold()
        hand.send("R")
        await hand.until(lambda: len(wire.gets) == 2)
        hand.send("j")
        await hand.until(lambda: hand.table.cursor == 3)
        wire.release()
        await hand.settled()
        assert "Re-checked: 2 same; R shows each" in hand.status
        assert hand.app.screen is hand.screen
        await hand.press("R")
        assert isinstance(hand.app.screen, RecheckScreen)
        assert len(wire.gets) == 2


async def test_a_result_that_comes_late_takes_no_key(clipboard: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "AT_ONCE_S", 0.0)
    async with running(JsonLog(made(n) for n in range(200))) as hand:
        await mark(hand, 2)
        await hand.press("R")
        assert "Re-checked: 2 same; R shows each" in hand.status
        await hand.press("c")
        assert clipboard == [hand.row.key]
        await hand.press("R")
        assert isinstance(hand.app.screen, RecheckScreen)


async def test_a_bundle_states_what_the_recheck_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    wire = Wire(log())
    async with running(wire) as hand:
        await change(hand, wire)
        await hand.press("R", "escape", "e", "enter", "escape")
    path = bundle_in(tmp_path)
    report, manifest = told_by(path)
    assert (
        "At 2026-07-01T12:00:00.000000Z, by the server's clock, 4 of the 4 entries here were asked for again by their"
        " IDs: 2 same, 1 changed (`status_code`), 1 gone."
    ) in report
    assert "| `id-00001` | changed: `status_code` |\n| `id-00002` | gone |" in report
    stated: Json = manifest["statement"]["rechecked"]
    assert (stated["same"], stated["changed"], stated["gone"]) == (2, 1, 1)
    assert not {"untold", "other", "failed"} & stated.keys()
    assert manifest["format_version"] == 2
    assert verify(path).findings == []


async def test_a_bundle_of_other_entries_states_nothing_of_these(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wire = Wire(log_of())
    async with running(wire) as hand:
        await mark(hand, 2)
        await hand.press("R", "escape")
        await hand.press(":")
        await hand.write("forget all marks")
        await hand.press("enter", "f", "G", "m", "e", "enter", "escape")
    path = bundle_in(tmp_path)
    with ZipFile(path) as file:
        assert "Re-checked" not in file.read("report.md").decode()
        assert "rechecked" not in json.loads(file.read("manifest.json"))["statement"]
        assert json.loads(file.read("manifest.json"))["format_version"] == 1
    assert ENTRIES > 2


async def test_escape_keeps_what_was_checked_and_says_that_the_rest_was_not() -> None:
    wire = Wire(log())
    async with running(wire) as hand:
        await mark(hand, 6)
        wire.log = log(without=(5,))

        handle = wire.handle_async_request

        async def only_two(request: httpx.Request) -> httpx.Response:
            if len(wire.gets) >= 2:
                wire.hold()
            return await handle(request)

        wire.handle_async_request = only_two  # type: ignore[method-assign]  # the others wait
        hand.send("R")
        await hand.until(lambda: len(wire.gets) == 6)  # two were answered, and four wait
        hand.send("escape")
        await hand.until(lambda: "Stopped: 2 of 6 entries re-checked; R shows these" in hand.status)
        wire.handle_async_request = handle  # type: ignore[method-assign]
        wire.release()
        await hand.settled()
        asked = len(wire.gets)
        await hand.press("R")
        assert isinstance(hand.app.screen, RecheckScreen)
        assert "2 of 6 marked entries re-checked" in hand.text
        said = " ".join(results(hand))
        assert "1 same, 1 gone" in said
        assert len(wire.gets) == asked


async def test_an_answer_with_another_entry_is_said_and_is_no_result() -> None:
    wire = Wire(log())
    async with running(wire) as hand:
        await mark(hand, 1)
        wire.fail(lambda request: httpx.Response(200, json=made(7)))
        await hand.press("R")
        assert "0 of 1 marked entry re-checked" in hand.text
        said, line = results(hand)
        assert said.endswith(": 1 answered with another entry")
        assert line.startswith("another entry came: id-00007  ")


def fails(request: httpx.Request) -> httpx.Response:
    return httpx.Response(500, json={"message": "boom"}, headers={"x-should-retry": "false"})


async def test_a_server_that_finds_nothing_by_its_id_proves_nothing_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with running(WithoutIds(made(n) for n in range(200))) as hand:
        await mark(hand, 3)
        await hand.press("R")
        said, why, *lines = results(hand)
        assert said.endswith(": 3 can't be told")
        assert "0 of 3 marked entries re-checked" in hand.text
        assert why.startswith("The server finds no entry by its ID, not even the newest one")
        assert [line.split("  ")[0] for line in lines] == ["can't be told"] * 3
        await hand.press("escape", "e", "enter", "escape")
    report, manifest = told_by(bundle_in(tmp_path))
    assert (
        "0 of the 3 entries here were re-checked by their IDs, 3 can't be told: 0 same, 0 changed, 0 gone." in report
    )
    assert "**It can't be told whether entries are gone.** `The server finds no entry" in report
    stated: Json = manifest["statement"]["rechecked"]
    assert (stated["gone"], stated["missing"], stated["untold"]) == (0, [], 3)
    assert manifest["format_version"] == 3
    assert verify(bundle_in(tmp_path)).findings == []


async def test_entries_at_which_the_server_fails_are_told_as_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wire = Wire(log())
    async with running(wire) as hand:
        await mark(hand, 14)
        wire.fail(fails)
        await hand.press("R")
        assert "0 of 14 entries re-checked, " in hand.status
        wire.fail(fails, times=0)
        await hand.press("R")
        assert "0 of 14 marked entries re-checked" in hand.text
        said, *lines = results(hand)
        assert said.endswith(f": {len(lines)} failed")
        assert all(line.startswith("failed: ") for line in lines)
        await hand.press("escape", "e", "enter", "escape")
    report, manifest = told_by(bundle_in(tmp_path))
    assert f"0 of the 14 entries here were re-checked by their IDs, {len(lines)} failed: 0 same" in report
    stated: Json = manifest["statement"]["rechecked"]
    assert (stated["failed"], stated["unasked"]) == (len(lines), 0)
    assert verify(bundle_in(tmp_path)).findings == []


async def test_a_404_with_another_entry_in_it_is_no_change() -> None:
    wire = Wire(log())
    async with running(wire) as hand:
        await mark(hand, 2)

        def refuse(request: httpx.Request) -> httpx.Response:
            return httpx.Response(404, json=made(7))

        wire.fail(refuse, times=1)
        await hand.press("R")
        assert sorted(line.split("  ")[0] for line in results(hand)[1:]) == ["gone", "same"]
