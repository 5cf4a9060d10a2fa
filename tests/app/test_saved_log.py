"""A log that was saved to a file, on the screen: what the header says of it, and what works on it as elsewhere."""

from __future__ import annotations

import re
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from auditlog_tui.evidence import saved_text
from auditlog_tui.evidence.saved_index import SavedIndex
from auditlog_tui.evidence.saved_log import SavedLogReader
from auditlog_tui.evidence.statement import Annotation
from auditlog_tui.offline.source import Filter, Found, Order
from auditlog_tui.offline.source import Place as SavedPlace
from auditlog_tui.session.opening import Session
from auditlog_tui.settings.options import Settings
from auditlog_tui.text.cells import cell_width
from auditlog_tui.ui.app import AuditLogApp
from tests.app.helpers import Hand, settled
from tests.app.wire import Wire, log_of
from tests.effort import THOROUGH
from tests.unit.evidence.saved import LINES, line
from tests.unit.evidence.test_saved_case import made
from tests.unit.evidence.test_saved_log import a_bundle

WIDE, NARROW = (160, 30), (80, 24)


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))


@asynccontextmanager
async def showing(
    path: Path, query: str = "", *, size: tuple[int, int] = WIDE, settle: bool = True
) -> AsyncIterator[Hand]:
    settings = Settings(saved=str(path), theme="textual-dark")
    app = AuditLogApp(settings, Session(settings), query)
    async with app.run_test(size=size) as pilot:
        hand = Hand(pilot, app, Wire(log_of()))
        if settle:
            await hand.until(lambda: hand.screen.opened or "q quits" in hand.shown)
            await settled(pilot)
        yield hand


def a_file(folder: Path, lines: Sequence[str] = LINES, name: str = "log.jsonl") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_a_plain_file_says_that_all_of_it_is_there_and_never_complete(
    size: tuple[int, int], tmp_path: Path
) -> None:
    async with showing(a_file(tmp_path), size=size) as hand:
        assert hand.header.startswith(" log.jsonl  up to 2026-07-01 12:00:03 ")
        assert "3  ALL IN FILE" in hand.header
        assert "COMPLETE" not in hand.text
        assert "end: the whole file, 3 entries" in hand.shown
        await hand.filter("status:500")
        assert "0  ALL IN FILE" in hand.header
        assert "No entry matches" in hand.shown
        assert "COMPLETE" not in hand.text


@pytest.mark.parametrize("size", [NARROW, (40, 10), *([WIDE, (60, 20)] if THOROUGH else [])])
async def test_what_cannot_be_read_makes_it_incomplete_under_every_filter(
    size: tuple[int, int], tmp_path: Path
) -> None:
    async with showing(a_file(tmp_path, [*LINES, "garbage"]), size=size) as hand:
        assert "INCOMPLETE: line 4 can't be read" in hand.status
        for text in ("", "status:200", "ua:curl", "status:500", "ua:wget"):
            await hand.filter(text)
            assert "INCOMPLETE" in hand.header, text
            assert "line 4 can't be read" in hand.text
            assert "r goes on" not in hand.text
        await hand.filter("")
        await hand.press("A")
        assert "All in the file that matches is" in hand.text
        await hand.press("escape")


async def test_a_bundle_says_what_its_statement_does(tmp_path: Path) -> None:
    notes = [
        Annotation("id-2", marked=True, note="look #inc42", tags=("inc42",), made_us=1_782_900_000_000_000),
        Annotation("id-1", note="only noted", made_us=1),
        Annotation("id-3", context=True),
    ]
    path = a_bundle(tmp_path / "b.zip", notes=notes)
    async with showing(path) as hand:
        assert " b.zip  as of 2026-07-01 12:30:00  of status:200 created:>=2026-07-01T11:30:00Z" in hand.header
        assert "3  COMPLETE" in hand.header
        assert "1 mark and 2 notes from 2026-07-01" in hand.status
        await hand.filter("last:29m58s")
        assert [row[2:21] for row in hand.rows[:2]] == ["2026-07-01 12:00:03", "2026-07-01 12:00:02"]
        await hand.filter("tag:inc42")
        assert "1" in hand.header
        assert hand.row.key == "id-2"
    async with showing(a_bundle(tmp_path / "b.zip", "INCOMPLETE", "the server broke off"), size=NARROW) as hand:
        assert "as of 2026-07-01 12:30:00  of status" in hand.header
        assert "3  INCOMPLETE" in hand.header
        assert "the server broke off" in hand.shown
        await hand.filter("status:200")
        assert "INCOMPLETE" in hand.header


@pytest.mark.parametrize("name", ["b.zip", "incident-2026-11-of-the-stolen-key.zip"])
@pytest.mark.parametrize("loading", [True, False])
async def test_no_width_shows_the_verdict_or_time_of_a_bundle_without_its_filter(
    loading: bool, name: str, tmp_path: Path
) -> None:
    query = " of status:200 created:>=2026-07-01T11:30:00Z"
    async with showing(a_bundle(tmp_path / name)) as hand:
        header, seen = hand.screen.header, set[str]()
        header.summary = None if loading else header.summary
        for room in range(8, 140):
            left = header._left(room).plain
            assert cell_width(left) <= room
            assert "   " not in left
            told = "COMPLETE" in left, "as of" in left, " of " in left
            assert told in [(loading, True, True), (False, True, True), (False, False, True), (False, False, False)]
            assert left.endswith((query, "…")) or told == (False, False, False), left
            assert name in left or re.match(r" [^ ]*… ?", left), left
            seen.add(str(told))
        assert len(seen) == (4 if loading else 3)


async def test_marks_are_kept_for_the_content_wherever_the_file_lies(tmp_path: Path) -> None:
    notes = [Annotation("id-2", marked=True, note="theirs", made_us=1)]
    path = a_bundle(tmp_path / "b.zip", notes=notes)
    async with showing(path) as hand:
        assert not list((tmp_path / "state").rglob("marks*"))  # nothing is written for looking at it
        await hand.press("m")
        assert hand.navigator.marks.keys == {"id-3", "id-2"}
        await hand.press("j", "m")
        assert hand.navigator.marks.keys == {"id-3"} or hand.navigator.marks.keys == {"id-3", "id-2", "id-1"}
        kept = hand.navigator.marks.keys
    moved = path.rename(tmp_path / "elsewhere.zip")
    async with showing(moved) as hand:
        assert hand.navigator.marks.keys == kept
    async with showing(a_file(tmp_path)) as hand:
        assert hand.navigator.marks.keys == set()


async def test_following_and_reloading_say_that_a_file_does_not_grow(tmp_path: Path) -> None:
    async with showing(a_file(tmp_path)) as hand:
        assert "follow" not in hand.header
        await hand.press("F")
        assert "A file does not grow" in hand.status
        assert len(hand.navigator.places) == 1
        await hand.press("r")
        assert "A file does not grow: open it again" in hand.status
        assert len(hand.navigator.places) == 1
        await hand.press("M", "m")  # and nothing marked to reload


async def test_the_link_opens_the_file_again_and_curl_is_not_offered_for_it(
    tmp_path: Path, clipboard: list[str]
) -> None:
    path = a_file(tmp_path)
    async with showing(path, "-method:POST") as hand:
        await hand.press("y", "l")
        assert clipboard == [f"auditlog-tui open {path} -- -method:POST"]
        await hand.press("y", "c")
        assert "curl can't ask" in hand.status
        await hand.press("enter")
        assert "full record" in hand.text


async def test_reading_shows_its_progress_and_escape_stops_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_text, "CHUNK", 10_000)
    path = a_file(tmp_path, [line(n) for n in range(3_000, 0, -1)])
    go, take, readers = threading.Event(), SavedLogReader._take, list[SavedLogReader]()

    def slowly(reader: SavedLogReader, chunk: bytes) -> None:
        readers.append(reader)
        take(reader, chunk)
        if reader._taken >= 100_000:
            go.wait(60)

    monkeypatch.setattr(SavedLogReader, "_take", slowly)
    async with showing(path, settle=False) as hand:
        await hand.until(lambda: "% read" in hand.shown)
        assert "reading log.jsonl: " in hand.shown
        assert "Esc stops, and shows what was read" in hand.shown
        hand.send("escape")
        await hand.until(lambda: any(reader._stopped.is_set() for reader in readers))
        go.set()
        await hand.until(lambda: hand.screen.opened)
        await settled(hand.pilot)
        assert "INCOMPLETE" in hand.header
        assert hand.row.key == "id-3000"
        await hand.press("m")
        assert "of a file that was not read to its end, no marks and notes are kept" in hand.status
        await hand.press("q")
    assert not list((tmp_path / "state").rglob("marks*"))


async def test_quitting_while_a_file_is_read_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_text, "CHUNK", 1_000)
    path = a_file(tmp_path, [line(n) for n in range(3_000, 0, -1)])
    go, take = threading.Event(), SavedLogReader._take
    taken: list[int] = []

    def slowly(reader: SavedLogReader, chunk: bytes) -> None:
        take(reader, chunk)
        taken.append(len(chunk))
        go.wait(60)

    monkeypatch.setattr(SavedLogReader, "_take", slowly)
    async with showing(path, settle=False) as hand:
        await hand.until(lambda: bool(taken))
        hand.send("q")
        await hand.pilot.pause()
        go.set()
    assert sum(taken) < path.stat().st_size


async def test_a_file_that_has_no_entry_says_so_on_the_screen(tmp_path: Path) -> None:
    path = tmp_path / "passwd"
    path.write_text("root:x:0\n")
    async with showing(path) as hand:
        shown = " ".join(hand.shown.split())
        assert "is no saved log: open reads JSON Lines, a page of the API, a bundle or a ca" in shown
        assert "it has no audit log entry (line 1 can't be read), and begins “root:x:0”" in shown
        assert "q quits" in hand.shown
        assert "everything" not in hand.text
        assert "follow" not in hand.text


async def test_two_versions_of_an_entry_and_those_without_id_or_time_are_all_shown(tmp_path: Path) -> None:
    lines = [*LINES, line(2, status_code=500), line(7, id=None), line(8, created_at="yesterday"), LINES[0]]
    async with showing(a_file(tmp_path, lines)) as hand:
        await hand.press("A")
        assert "ALL IN FILE" in hand.header
        assert "1 entry is in the file more than once" not in hand.text  # it was said when it was opened
        assert sum("vm.read" in row for row in hand.rows) == 5
        await hand.filter("status:500")
        assert "1  ALL IN FILE" in hand.header
        assert hand.row.status_code == 500


async def test_counts_are_said_to_be_of_the_file_and_not_of_all_time(tmp_path: Path) -> None:
    async with showing(a_file(tmp_path)) as hand:
        await hand.press("p")
        assert "in file" in hand.text
        assert "all time" not in hand.text
        await hand.press("escape", "i")
        assert "by the server" not in hand.text
        await hand.press("escape", "A", "s", "#")
        assert "all time" not in hand.text


async def test_the_header_begins_to_say_why_it_is_incomplete_where_there_is_no_room_for_all(tmp_path: Path) -> None:
    case = tmp_path / "incident.db"
    await made(case, "status:200")
    async with showing(case, "method:POST", size=(120, 36)) as hand:
        assert "INCOMPLETE only what was looked at is in this case: all of" in hand.header
        assert hand.header.startswith(" incident.db")


@pytest.mark.parametrize("size", [(120, 36), NARROW])
async def test_all_of_why_it_is_incomplete_is_one_key_away(size: tuple[int, int], tmp_path: Path) -> None:
    case, asked = tmp_path / "incident.db", ["status:200", "method:POST", "ip:203.0.113.7", "actor.type:user"]
    await made(case, *asked)
    async with showing(case, size=size) as hand:
        assert "INCOMPLETE only what was looked at is in this case" in hand.header or size == NARROW
        await hand.press("A")
        if "may lack" not in hand.text:  # the first one loaded the rest
            await hand.press("A")
        box = " ".join(re.sub(r"[│┃]", " ", hand.text).split())
        for text in asked:
            assert f"{text} (as of 2027-" in box, box
        assert "and parts of others" in box
        await hand.press("escape", "j")
        assert "may lack" not in hand.text


@pytest.mark.parametrize("form", ["case", "bundle"])
async def test_what_is_still_looked_for_is_not_told_as_incomplete_with_nothing_found(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "incident.db" if form == "case" else a_bundle(tmp_path / "b.zip", "INCOMPLETE", "it broke off")
    if form == "case":
        await made(path, "status:200")
    go, find = threading.Event(), SavedIndex.find

    def slowly(index: SavedIndex, wanted: Filter, order: Order, after: SavedPlace | None, limit: int) -> Found:
        if wanted.exact:
            go.wait(60)
        return find(index, wanted, order, after, limit)

    async with showing(path, size=(120, 36)) as hand:
        assert "INCOMPLETE" in hand.header
        monkeypatch.setattr(SavedIndex, "find", slowly)
        for key in ("/", *"method:GET", "enter"):
            hand.send(key)
        await hand.until(lambda: hand.navigator.place.text == "method:GET" and "asking for entries" in hand.text)
        assert "COMPLETE" not in hand.header
        assert "0 loaded  more below" in hand.header
        go.set()
        await settled(hand.pilot)
        assert "INCOMPLETE" in hand.header
