"""Exports from the screen: asked for, run, stopped, gone on with, and told of."""

from __future__ import annotations

import asyncio
import json
import re
import stat
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx
import pytest
from textual.widgets import Input, OptionList

from auditlog_tui.demo import demo_truth
from auditlog_tui.evidence import bundle
from auditlog_tui.evidence.export import Export
from auditlog_tui.evidence.forms import FORMS
from auditlog_tui.evidence.part import Part
from auditlog_tui.evidence.verify import verify
from auditlog_tui.ui.browse import exporting as exporting_module
from auditlog_tui.ui.browse import status
from auditlog_tui.ui.browse.screen import BrowseScreen
from auditlog_tui.ui.dialogs.export import Choices, ExportedScreen, ExportScreen
from tests.app.helpers import Hand, drawn, running
from tests.app.wire import NOW, answers, log_of
from tests.effort import HANGS_S, THOROUGH

DEFAULT = "auditlog-2026-07-01T1200Z"
"""The proposed name at `NOW`."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, which is empty."""
    path = tmp_path / "work"
    path.mkdir()
    monkeypatch.chdir(path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return path


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def in_dialog(hand: Hand) -> bool:
    return not isinstance(hand.app.screen, BrowseScreen)


def ids(path: Path) -> list[str]:
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


def told(hand: Hand) -> str:
    """The text of the dialog on top, as it is drawn, without its frame and breaks."""
    box = hand.app.screen.query_one("#exported, #export").region
    lines = [line.text[box.x + 1 : box.right - 1] for line in drawn(hand.app)[box.y : box.bottom]]
    return " ".join(" ".join(lines).replace("─", " ").split())


def chosen(hand: Hand, name: str) -> str:
    """The line that is chosen in a list of the dialog."""
    box = hand.app.screen.query_one(f"#{name}", Choices)
    return str(box.get_option_at_index(box.highlighted or 0).prompt)


def lines_of(hand: Hand) -> list[str]:
    box = hand.app.screen.query_one("#what", Choices)
    return [str(option.prompt) for option in box.options]


def path_of(hand: Hand) -> str:
    return hand.app.screen.query_one(Input).value


async def choose(hand: Hand, what: str, form: str = "bundle", path: str = "") -> None:
    """Open the dialog and fill it in by keys."""
    await hand.press("e")
    while what not in chosen(hand, "what"):
        await hand.press("down")
    await hand.press("tab", *["down"] * [each.name for each in FORMS].index(form))
    if path:
        await hand.press("tab")
        hand.app.screen.query_one(Input).value = path


async def ended(hand: Hand) -> str:
    """Wait for the dialog that tells how an export ended, and return its text."""
    await hand.until(lambda: isinstance(hand.app.screen, ExportedScreen))
    await hand.settled()
    return told(hand)


@asynccontextmanager
async def exporting(hand: Hand, path: str = "a.zip", form: str = "bundle") -> AsyncIterator[None]:
    """An export of all that match that waits for the server, with some entries."""
    handle, sent = hand.wire.handle_async_request, len(hand.wire.requests)

    async def waits(request: httpx.Request) -> httpx.Response:
        if len(hand.wire.requests) == sent + 4:
            hand.wire.hold()
        return await handle(request)

    hand.wire.handle_async_request = waits  # type: ignore[method-assign]
    await choose(hand, "all that match", form, path)
    hand.send("enter")
    await hand.until(lambda: hand.screen.exporting.busy and len(hand.wire.requests) > sent + 4)
    try:
        yield
    finally:
        hand.wire.handle_async_request = handle  # type: ignore[method-assign]
        hand.wire.release()


# -- what is exported ----------------------------------------------------------------------------------------------


async def test_the_marked_go_into_a_bundle_with_two_keys(folder: Path) -> None:
    async with running() as hand:
        await hand.press("m", "m")
        keys, sent = hand.navigator.marks.keys, len(hand.wire.requests)
        await hand.press("e")
        assert "the 2 marked" in chosen(hand, "what")
        await hand.press("enter")
        text = await ended(hand)
        assert re.match(
            r"exported: all that was marked COMPLETE as of \d{4}-[-\d]+ [:\d]+ UTC: all 2 entries that were marked"
            r" The rest of the log is not covered\. Saved 2 entries in auditlog-2026-07-01T1200Z\.zip",
            text,
        )
        assert f"Saved 2 entries in {DEFAULT}.zip, COMPLETE: all 2 entries that were marked" in hand.status
        assert len(hand.wire.requests) == sent
    assert names(folder) == [f"{DEFAULT}.zip"]
    found = verify(folder / f"{DEFAULT}.zip")
    assert not found.findings
    assert found.sha256 in text
    assert f"auditlog-tui verify {DEFAULT}.zip --manifest" in text
    with bundle.read(folder / f"{DEFAULT}.zip") as opened:
        assert {json.loads(line)["id"] for line in opened.entries()} == keys
        assert opened.statement.verdict == "COMPLETE"
        assert opened.statement.query == "marked:yes"
        assert opened.statement.endpoint == "https://log.example"


async def test_keys_typed_ahead_begin_one_export(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, tried = threading.Event(), []

    def try_out(export: Export) -> None:
        tried.append(export)
        go_on.wait(HANGS_S)

    monkeypatch.setattr(exporting_module, "try_out", try_out)
    async with running() as hand:
        await hand.press("m")
        hand.send("e", "enter", "enter", "enter")
        await hand.until(lambda: bool(tried) and isinstance(hand.app.screen, ExportScreen))
        await hand.pilot.pause()
        go_on.set()
        await ended(hand)
    assert len(tried) == 1
    assert names(folder) == [f"{DEFAULT}.zip"]


async def test_without_marks_all_that_match_are_exported(folder: Path) -> None:
    async with running() as hand:
        await hand.filter("method:DELETE")
        matching = len(hand.screen.view)
        await hand.filter("")
        await hand.press("e")
        assert "all that match" in chosen(hand, "what")
        await hand.press("enter")
        assert "Saved 730 entries" in await ended(hand)
        await hand.press("escape")
        await hand.filter("method:DELETE")
        await hand.press("e")
        assert f"all {matching} that match" in chosen(hand, "what")
        sent = len(hand.wire.requests)
        await hand.press("enter")
        assert f"COMPLETE as of 2026-07-01 12:00:00 UTC Saved {matching} entries" in await ended(hand)
        assert len(hand.wire.requests) == sent
    with bundle.read(folder / f"{DEFAULT}-2.zip") as opened:
        assert opened.statement.query == "method:DELETE"
        assert {json.loads(line)["method"] for line in opened.entries()} == {"DELETE"}
        assert opened.statement.rows == matching


async def test_the_loaded_are_exported_without_a_request_and_said_to_be_incomplete(folder: Path) -> None:
    async with running() as hand:
        await choose(hand, "the 100 loaded", "csv", "a.csv")
        sent = len(hand.wire.requests)
        await hand.press("enter")
        text = await ended(hand)
        assert text.startswith("exported: INCOMPLETE INCOMPLETE as of")
        assert "only what was loaded is here: 100 entries of 730" in text
        assert "Saved 100 entries in a.incomplete.csv" in text
        assert hand.status.startswith("INCOMPLETE: Saved 100 entries")
        assert hand.screen.footer.severity == "error"
        assert len(hand.wire.requests) == sent
    assert names(folder) == ["a.incomplete.csv"]


async def test_this_entry_alone_is_exported(folder: Path) -> None:
    async with running() as hand:
        await hand.press("j", "j")
        key = hand.row.key
        await choose(hand, "this entry", "jsonl", "a.jsonl")
        await hand.press("enter")
        assert "COMPLETE" in await ended(hand)
    assert ids(folder / "a.jsonl") == [key]


async def test_what_happened_around_the_marked_is_told_apart(folder: Path) -> None:
    async with running() as hand:
        await hand.press("m")
        await choose(hand, "5 min around it")
        await hand.press("shift+tab", "<", "<")
        assert "30 s around it" in chosen(hand, "what")
        await hand.press("enter")
        text = await ended(hand)
        assert "COMPLETE" in text
    with bundle.read(folder / f"{DEFAULT}.zip") as opened:
        contexts = [note.context for note in opened.notes]
        assert contexts.count(False) == 1
        entries, around = len(contexts), contexts.count(True)
        assert f"Saved {entries} entries (1 marked, {around} around it) in" in text
        assert len(contexts) == len(list(opened.entries())) > 1


async def test_only_the_marked_rows_are_exported_from_their_view(folder: Path) -> None:
    async with running() as hand:
        await hand.press("m", "j", "m", "M")
        await choose(hand, "the 2 shown", "jsonl", "a")
        assert not [line for line in lines_of(hand) if "all" in line]
        await hand.press("enter")
        assert "COMPLETE" in await ended(hand)
    assert len(ids(folder / "a")) == 2


async def test_each_format_is_written_under_its_own_suffix(folder: Path) -> None:
    written: list[str] = []
    async with running() as hand:
        await hand.press("m")
        for form in FORMS:
            await choose(hand, "the marked entry", form.name)
            assert path_of(hand) == DEFAULT + form.suffix
            await hand.press("enter")
            assert ("SHA-256" in await ended(hand)) == (form.name == "bundle"), form.name
            await hand.press("escape")
            beside = [f"{DEFAULT}.notes.jsonl"] if form.name == "jsonl" else []
            written += [DEFAULT + form.suffix, *beside]
            assert names(folder) == sorted(written)
            assert stat.S_IMODE((folder / (DEFAULT + form.suffix)).stat().st_mode) == 0o600, form.name


async def test_the_key_works_in_table_detail_and_facets() -> None:
    async with running() as hand:
        for keys in ((), ("enter",), ("s",)):
            await hand.press(*keys, "e")
            assert isinstance(hand.app.screen, ExportScreen), keys
            await hand.press("escape")


async def test_a_key_right_after_enter_does_not_change_what_is_exported(folder: Path) -> None:
    async with running() as hand:
        await choose(hand, "the 100 loaded", "bundle", "a.zip")
        hand.send("enter", "A")
        assert "Saved 100 entries in a.zip" in await ended(hand)
    assert names(folder) == ["a.zip"]


# -- the path ------------------------------------------------------------------------------------------------------


async def test_the_proposed_name_is_free_and_follows_the_format_until_it_is_edited(folder: Path) -> None:
    (folder / f"{DEFAULT}.zip").write_text("")
    (folder / f"{DEFAULT}-2.zip.part").symlink_to("nowhere")
    async with running() as hand:
        await hand.press("e")
        assert path_of(hand) == f"{DEFAULT}-3.zip"
        (folder / f"{DEFAULT}.notes.jsonl").write_text("")
        await hand.press("tab", "down")
        assert path_of(hand) == f"{DEFAULT}-2.jsonl"
        await hand.press("down")
        assert path_of(hand) == f"{DEFAULT}.csv"
        assert hand.app.screen.query_one(Input).cursor_position == len(f"{DEFAULT}.csv")
        await hand.press("tab", "home", "x", "shift+tab", "down")
        assert path_of(hand) == f"x{DEFAULT}.csv"


WRONG = {
    "file": "exists already",
    "link": "exists already",
    "folder": "is a folder",
    "new/": "is a folder",
    "~": "is a folder",
    "nowhere/a.zip": "There is no folder nowhere",
    "x" * 300: "File name too long",
    "  ": "There is no path",
    "a\0b": "can't be the name of a file",
    "a\ud800b": "can't be the name of a file",
    "~nobody-of-this-name/a": "can't be the name of a file",
    "/proc/a.zip": "can't be written",
    "a.zip": "a.zip ends as bundle does, and csv is chosen",
    "a.OCSF.jsonl": "ends as ocsf does, and csv is chosen",
}
"""Paths to which nothing can be exported, and what is said of them."""


async def test_what_is_wrong_with_a_path_is_said_there_and_what_was_typed_stays(folder: Path) -> None:
    (folder / "file").write_text("precious")
    (folder / "folder").mkdir()
    (folder / "link").symlink_to(folder / "nowhere")
    before = names(folder)
    async with running() as hand:
        await choose(hand, "all that match", "csv", "free.csv")
        sent = len(hand.wire.requests)
        for typed, problem in WRONG.items():
            hand.app.screen.query_one(Input).value = typed
            await hand.press("enter")
            assert isinstance(hand.app.screen, ExportScreen), typed
            assert problem in told(hand), typed
            assert path_of(hand) == typed
            assert "csv" in chosen(hand, "form")
            assert len(hand.wire.requests) == sent
            hand.app.screen.query_one(Input).value = "free.csv"
            await hand.settled()
            assert problem not in told(hand), typed
        await hand.press("enter")
        assert "COMPLETE" in await ended(hand)
    assert names(folder) == sorted([*before, "free.csv"])


async def test_the_home_folder_is_written_as_a_tilde(folder: Path) -> None:
    async with running() as hand:
        await hand.press("m")
        await choose(hand, "the marked", "csv", "~/a.csv")
        await hand.press("enter")
        assert "~/a.csv" in await ended(hand)
    assert (folder.parent / "a.csv").exists()


async def test_a_hostile_path_reaches_no_terminal_unchanged(folder: Path, clipboard: list[str]) -> None:
    name = "a\x1b]52;c;eA==\x07[red]\u202e.zip"
    async with running() as hand:
        await hand.press("m")
        await choose(hand, "the marked", "bundle", name)
        shown = [hand.text]
        await hand.press("enter")
        await ended(hand)
        shown.append(hand.text)
        await hand.press("v")
        shown.append(hand.text)
    assert names(folder) == [name]
    for text in shown:
        assert "[red]" in text or "Copied" in text
        assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert not {"\x1b", "\x07", "\u202e"} & set(clipboard[-1])


# -- what an earlier run left --------------------------------------------------------------------------------------


async def test_escape_keeps_what_came_and_e_goes_on_with_it(folder: Path) -> None:
    async with running() as hand:
        async with exporting(hand, "a.jsonl", "jsonl"):
            await hand.until(lambda: "Exporting: " in hand.status and " of 730" in hand.status)
            assert hand.status.endswith("Esc stops")
            await hand.pilot.press("escape")
            await hand.until(lambda: "Stopped" in hand.status)
            assert "entries are kept in a.jsonl.part; e ⏎ goes on with them" in hand.status
        assert names(folder) == ["a.jsonl.part", "a.jsonl.part.state"]
        await hand.press("e")
        assert "the rest of an export" in chosen(hand, "what")
        assert path_of(hand) == "a.jsonl"
        await hand.press("down")
        assert path_of(hand) == f"{DEFAULT}.zip"
        await hand.press("up")
        assert path_of(hand) == "a.jsonl"
        assert sum("the rest of an export" in line for line in lines_of(hand)) == 1
        assert "Format and path are those of that export: a.jsonl" in hand.text
        await hand.press("enter")
        text = await ended(hand)
        assert "Saved 730 entries in a.jsonl" in text
        assert "entries were there from the run before" in text
        assert hand.screen.exporting.left == ""
        await hand.press("escape")
        await choose(hand, "all that match", "jsonl", "b.jsonl")
        await hand.press("enter")
        await ended(hand)
    assert (folder / "a.jsonl").read_bytes() == (folder / "b.jsonl").read_bytes()
    assert names(folder) == ["a.jsonl", "b.jsonl"]


async def test_a_part_at_the_path_is_offered_and_another_path_begins_anew(folder: Path) -> None:
    async with running() as hand:
        async with exporting(hand, "a.jsonl", "jsonl"):
            await hand.pilot.press("escape")
            await hand.until(lambda: "Stopped" in hand.status)
        await choose(hand, "all that match", "csv", "a.jsonl")
        await hand.press("enter")
        seen = told(hand)
        assert "broken off: jsonl of the whole log" in seen
        hand.app.screen.query_one(Input).value = "b.csv"
        await hand.press("enter")
        assert "Saved 730 entries in b.csv" in await ended(hand)
        await hand.press("escape")
        await choose(hand, "all that match", "csv", "a.jsonl")
        await hand.press("enter", "enter")
        assert "Saved 730 entries in a.jsonl" in await ended(hand)
    assert len(ids(folder / "a.jsonl")) == 730
    assert names(folder) == ["a.jsonl", "b.csv"]


async def test_a_part_of_another_profile_is_not_offered(folder: Path) -> None:
    async with running(profile="staging") as hand, exporting(hand, "a.zip"):
        await hand.pilot.press("q")
        await hand.until(lambda: not hand.app.is_running)
    assert hand.app.left.endswith("auditlog-tui export --profile staging --bundle a.zip")
    before = (folder / "a.zip.part").read_bytes()
    async with running(profile="prod") as hand:
        await choose(hand, "all that match", "bundle", "a.zip")
        assert not [line for line in lines_of(hand) if "the rest of an export" in line]
        await hand.press("enter")
        assert "of another log (profile staging, https://log.example)" in told(hand)
    assert (folder / "a.zip.part").read_bytes() == before
    async with running(profile="staging") as hand:
        await hand.press("e")
        await hand.until(lambda: bool([line for line in lines_of(hand) if "the rest of an export" in line]))


async def test_a_part_of_another_log_is_left_alone(folder: Path) -> None:
    async with running() as hand, exporting(hand, "a.zip"):
        await hand.pilot.press("escape")
        await hand.until(lambda: "Stopped" in hand.status)
    before = (folder / "a.zip.part").read_bytes()
    with Part(folder / "a.zip") as part:
        assert part.plan is not None
        at = part.at
        part.begin(replace(part.plan, endpoint="https://log.another"))
        part.append(before, at)
    async with running() as hand:
        await choose(hand, "all that match", "bundle", "a.zip")
        assert not [line for line in lines_of(hand) if "the rest of an export" in line]
        await hand.press("enter")
        assert "of another log (https://log.another)" in told(hand)
    assert (folder / "a.zip.part").read_bytes() == before


async def test_escape_while_a_request_waits_keeps_what_came_too(folder: Path) -> None:
    async def forever(seconds: float) -> None:
        await asyncio.Event().wait()

    async with running(sleep=forever) as hand, exporting(hand):
        hand.wire.fail(answers(500, {"message": "no"}))
        hand.wire.release()
        await hand.until(lambda: "trying again in" in hand.status)
        await hand.pilot.press("escape")
        await hand.until(lambda: not hand.screen.exporting.busy)
        assert "Stopped: " in hand.status
        assert "are kept in a.zip.part; e ⏎ goes on with them" in hand.status
    assert names(folder) == ["a.zip.part", "a.zip.part.state"]


# -- what goes wrong -----------------------------------------------------------------------------------------------


async def failed_midway(hand: Hand, form: str = "bundle") -> str:
    """Let the server fail in the middle of an export, and return what is told then."""
    handle, sent = hand.wire.handle_async_request, len(hand.wire.requests)

    async def fails(request: httpx.Request) -> httpx.Response:
        if len(hand.wire.requests) > sent + 4:
            hand.wire.requests.append(request)
            return httpx.Response(500, json={"message": "out of [order]"})
        return await handle(request)

    hand.wire.handle_async_request = fails  # type: ignore[method-assign]
    await choose(hand, "all that match", form, "a.out")
    await hand.press("enter")
    text = await ended(hand)
    hand.wire.handle_async_request = handle  # type: ignore[method-assign]
    return text


async def test_a_server_that_fails_in_the_middle_leaves_a_part_and_r_goes_on(folder: Path) -> None:
    async with running() as hand:
        text = await failed_midway(hand, "jsonl")
        assert "out of [order]" in text
        assert "entries arrived: a.out.part" in text
        assert "COMPLETE" not in text.replace("as INCOMPLETE", "")
        assert hand.screen.footer.severity == "error"
        assert names(folder) == ["a.out.part", "a.out.part.state"]
        await hand.press("r")
        assert "Saved 730 entries in a.out" in await ended(hand)
        await hand.press("escape", "A")
        view = hand.screen.view
        assert ids(folder / "a.out") == [row.key for row in view.window(0, len(view))]


async def test_w_writes_what_there_is_and_says_that_it_is_incomplete(folder: Path) -> None:
    async with running() as hand:
        await failed_midway(hand)
        hand.wire.fail(answers(500, {"message": "still"}))
        await hand.press("w")
        text = await ended(hand)
        assert text.startswith("exported: INCOMPLETE INCOMPLETE")
        assert hand.status.startswith("INCOMPLETE: Saved ")
    with bundle.read(folder / "a.out") as opened:
        assert opened.statement.verdict == "INCOMPLETE"
        assert 0 < opened.statement.rows < 730


@pytest.mark.parametrize("what", ["all that match", "5 min around it"])
async def test_an_entry_that_is_counted_and_does_not_come_is_told_and_w_writes_the_rest(
    what: str, folder: Path
) -> None:
    async with running() as hand:
        await hand.press("m", "j")
        hidden = hand.row.key

        def without(number: int, body: dict[str, Any]) -> dict[str, Any]:
            if "items" in body:
                body["items"] = [each for each in body["items"] if each["id"] != hidden]
            return body

        hand.wire.edit = without
        await choose(hand, what, "csv", "a.csv")
        await hand.press("enter")
        text = await ended(hand)
        assert text.startswith("not exported INCOMPLETE")
        assert "the server counts" in text
        assert ("ends the same. Move it away" in text) == (what == "all that match")
        assert "go on with these" not in text
        assert ("try again" in text) == (what != "all that match")
        assert not (folder / "a.csv").exists()
        await hand.press("w")
        assert (await ended(hand)).startswith("exported: INCOMPLETE INCOMPLETE")
    lines = (folder / "a.incomplete.csv").read_text().splitlines()
    assert len(lines) > 1
    assert not [line for line in lines if hidden in line]


async def test_a_server_that_fails_at_once_leaves_nothing(folder: Path) -> None:
    async with running() as hand:
        hand.wire.fail(answers(500, {"message": "no"}))
        await hand.press("e", "enter")
        text = await ended(hand)
        assert "Nothing arrived, and nothing was written." in text
        assert "write what there is" not in text
        assert names(folder) == []
        hand.wire.fail(answers(500, {"message": "no"}), 0)
        await hand.press("r")
        assert "Saved 730 entries" in await ended(hand)


async def test_a_file_that_comes_meanwhile_is_told_in_the_dialog_with_what_was_chosen(folder: Path) -> None:
    async with running() as hand:
        async with exporting(hand, "mine.csv", "csv"):
            (folder / "mine.csv").write_text("precious")
        await hand.until(lambda: isinstance(hand.app.screen, ExportScreen))
        await hand.settled()
        assert "exists already" in hand.text
        assert path_of(hand) == "mine.csv"
        assert "csv" in chosen(hand, "form")
        assert (folder / "mine.csv").read_text() == "precious"


# -- beside browsing -----------------------------------------------------------------------------------------------


async def test_a_second_export_is_refused_while_one_is_running() -> None:
    async with running() as hand, exporting(hand):
        await hand.pilot.press("e")
        await hand.until(lambda: "An export is running" in hand.status)
        assert not in_dialog(hand)
        await hand.pilot.press("escape")
        await hand.until(lambda: "Stopped" in hand.status)


async def test_browsing_goes_on_and_escape_closes_what_is_open_first(folder: Path) -> None:
    async with running() as hand:
        async with exporting(hand):
            await hand.pilot.press("s", "j", "escape")
            await hand.until(lambda: not hand.screen.facets.has_focus)
            await hand.pilot.press("down", "down")
            await hand.until(lambda: hand.table.cursor == 2)
            assert hand.screen.exporting.busy
        await hand.until(lambda: hand.status == "Saved 730 entries in a.zip, COMPLETE; e shows more")
        assert not in_dialog(hand)
        await hand.press("e")
        assert "copy the SHA-256" in await ended(hand)
        await hand.press("escape", "e")
        assert isinstance(hand.app.screen, ExportScreen)
    assert names(folder) == ["a.zip"]


async def test_the_end_waits_until_nothing_is_typed(folder: Path) -> None:
    async with running() as hand:
        async with exporting(hand):
            await hand.pilot.press("/", "v", "m")
        await hand.until(lambda: not hand.screen.exporting.busy)
        assert "COMPLETE" in hand.screen.exporting.left
        await hand.pilot.press("d")
        assert not in_dialog(hand)
        assert hand.input.value == "vmd"
        await hand.pilot.press("escape")
        await hand.until(lambda: "e shows more" in hand.status)  # told again, as the keys removed it
        assert not in_dialog(hand)
        assert "COMPLETE" in hand.screen.exporting.left
        await hand.press("e")
        assert "COMPLETE" in await ended(hand)
        assert hand.screen.exporting.left == ""


async def test_the_end_takes_no_key_from_what_is_browsed(
    folder: Path, clipboard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "AT_ONCE_S", 0.0)  # as it took a while, without a key
    async with running() as hand:
        async with exporting(hand):
            pass
        await hand.until(lambda: "e shows more" in hand.status)
        assert not in_dialog(hand)
        await hand.press("c")
        assert clipboard == [hand.row.key]
        await hand.press("e", "c")
        assert clipboard[-1] == verify(folder / "a.zip").sha256


async def test_an_export_that_cannot_be_written_takes_no_key_either(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "AT_ONCE_S", 0.0)
    async with running() as hand:
        async with exporting(hand, "mine.csv", "csv"):
            (folder / "mine.csv").write_text("precious")
        await hand.until(lambda: "e shows more" in hand.status)
        assert "exists already" in hand.status
        assert not in_dialog(hand)
        await hand.press("e")
        assert isinstance(hand.app.screen, ExportScreen)
        assert path_of(hand) == "mine.csv"


async def test_quitting_keeps_the_part_and_says_so_after_the_end(folder: Path) -> None:
    async with running() as hand, exporting(hand):
        await hand.until(lambda: " of 730" in hand.status)
        await hand.pilot.press("q")
        await hand.until(lambda: not hand.app.is_running)
    assert "The export was stopped: " in hand.app.left
    assert "are kept in a.zip.part" in hand.app.left
    assert hand.app.left.endswith("\nThis goes on with it: auditlog-tui export --bundle a.zip")
    assert names(folder) == ["a.zip.part", "a.zip.part.state"]


# -- how it ended --------------------------------------------------------------------------------------------------


async def test_the_sha256_of_the_manifest_is_copied(folder: Path, clipboard: list[str]) -> None:
    async with running() as hand:
        await hand.press("m", "e", "enter")
        await ended(hand)
        await hand.press("c")
        assert in_dialog(hand)
        digest = verify(folder / f"{DEFAULT}.zip").sha256
        assert clipboard == [digest]
        await hand.press("v")
        assert clipboard[-1] == f"auditlog-tui verify {DEFAULT}.zip --manifest {digest}"
        await hand.press("p")
        assert clipboard[-1] == str(folder / f"{DEFAULT}.zip")
        assert in_dialog(hand)
        await hand.press("enter")
        assert not in_dialog(hand)
        assert clipboard[-1] == digest
        assert f"Copied the manifest's SHA-256 {digest[:12]}…" in hand.status


async def test_the_palette_shows_the_last_export() -> None:
    async with running() as hand:
        await hand.press(":")
        await hand.write("how the last export")
        await hand.press("down", "enter")
        assert "No export has ended in this run" in hand.status
        await hand.press("m", "e", "enter")
        await ended(hand)
        await hand.press("escape", ":")
        await hand.write("how the last export")
        await hand.press("down", "enter")
        assert "Saved 1 entry" in told(hand)


# -- the mouse and sizes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), (120, 36), *([(200, 50)] if THOROUGH else [])])
async def test_nothing_is_cut_without_an_ellipsis(size: tuple[int, int]) -> None:
    async with running(size=size) as hand:
        await hand.press("m", "m", "e")
        shown = hand.text
        for box in hand.app.screen.query(OptionList):
            room = box.scrollable_content_region.width
            for option in box.options:
                text = str(option.prompt)
                assert len(text) <= room
                assert text in shown
            assert box.size.height == box.option_count
        assert "Nothing is ever overwritten." in shown
        assert "Esc cancels" in shown
        await hand.press("enter")
        text = await ended(hand)
        assert "copy the path Esc closes" in text
        assert text.startswith("exported: all that was marked COMPLETE as of ")


async def test_without_colours_the_list_with_the_focus_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with running() as hand:
        await hand.press("e")
        for name in ("all that match", "bundle"):
            parts = [part for line in drawn(hand.app) for part in line if part.style and part.style.reverse]
            assert {"all that match", "bundle"} & {part.text.strip() for part in parts} == {name}
            await hand.press("tab")


async def test_a_click_chooses_a_line_and_begins_nothing(folder: Path) -> None:
    async with running() as hand:
        await hand.press("e")
        await hand.pilot.click("#form", offset=(4, 2))
        await hand.settled()
        assert isinstance(hand.app.screen, ExportScreen)
        assert "csv" in chosen(hand, "form")
        assert path_of(hand) == f"{DEFAULT}.csv"
        await hand.press("enter")
        assert "COMPLETE" in await ended(hand)
    assert names(folder) == [f"{DEFAULT}.csv"]


@pytest.mark.parametrize("size", [(30, 10), (3, 2), *([(12, 4)] if THOROUGH else [])])
async def test_the_dialogs_work_in_windows_too_small_for_them(size: tuple[int, int]) -> None:
    async with running(size=size) as hand:
        await hand.press("m", "e", "tab", "tab", "enter")
        await hand.until(lambda: isinstance(hand.app.screen, ExportedScreen))
        await hand.press("down", "escape")
        assert not in_dialog(hand)


async def test_e_on_a_page_exports_the_entries_of_the_line(folder: Path) -> None:
    truth = demo_truth(until=NOW)
    async with running(log_of(), f"actor:{truth.new_keys[0]}") as hand:
        await hand.press("w", "a")
        pane = hand.screen.who
        while "vm.deleted" not in pane.draw(pane.chosen_item, 116)[0].plain:  # type: ignore[arg-type]  # it is there
            await hand.press("j")
        await hand.press("e")
        assert "the line's entries: " in chosen(hand, "what")
        await hand.press("tab", "down", "enter")
        assert "Saved 6 entries" in await ended(hand)
        assert set(ids(folder / f"{DEFAULT}.jsonl")) <= set(truth.entries)


async def test_an_export_waits_for_the_marking_of_a_long_range(folder: Path) -> None:
    async with running() as hand:
        await hand.press("A", "m", "V", "G")
        said: list[str] = []
        say = hand.screen.status.say
        hand.screen.status.say = lambda text, severity="": (said.append(text), say(text, severity))[1]  # type: ignore[method-assign,func-returns-value]  # it is listened to
        hand.send("m", "e")
        await hand.until(lambda: any("Marking goes first" in each for each in said) or in_dialog(hand))
        assert not in_dialog(hand)
        await hand.settled()
        marked = hand.navigator.marks.count
        assert marked > 700
        await hand.press("e", "enter")
        assert f"Saved {marked} entries" in await ended(hand)


async def test_an_export_has_what_was_marked_at_the_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may_look = threading.Event()
    check = Export._check_free

    def held(export: Export) -> None:
        assert may_look.wait(HANGS_S)
        check(export)

    async with running() as hand:
        await hand.press("m", "m")
        marked = hand.navigator.marks.keys
        await hand.press("e")
        await hand.until(lambda: "the 2 marked" in chosen(hand, "what"))
        monkeypatch.setattr(Export, "_check_free", held)
        monkeypatch.setattr(exporting_module, "try_out", lambda export: None)
        hand.send("enter")
        await hand.until(lambda: hand.screen.exporting.busy and not in_dialog(hand))
        hand.send("m", "m", "m")
        await hand.until(lambda: hand.navigator.marks.count == 5)
        may_look.set()
        await hand.settled()
    with ZipFile(folder / f"{DEFAULT}.zip") as file:
        found = [json.loads(line)["id"] for line in file.read("entries.jsonl").decode().splitlines()]
    assert sorted(found) == sorted(marked)
