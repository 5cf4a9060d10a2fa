"""An archive on the screen: what the header says of it, what works as on a log, and what becomes of it meanwhile."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from auditlog_tui.archive.dataset import Archive, Origin
from auditlog_tui.entries.models import Entry, read_entry
from auditlog_tui.session.opening import Session
from auditlog_tui.settings.options import Settings
from auditlog_tui.ui.app import AuditLogApp
from tests.app.helpers import Hand, settled
from tests.app.wire import Wire, log_of
from tests.effort import THOROUGH
from tests.unit.archive.damage import HARMS, damage
from tests.unit.evidence.saved import line

ORIGIN = Origin("https://log.example")
AS_OF_US = 1_782_909_000_000_000  # 2026-07-01 12:30
DAYS = ("2026-06-29", "2026-06-30", "2026-07-01")


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))


def entry(n: int, day: str = DAYS[-1], **changed: object) -> Entry:
    minute, second = divmod(n, 60)
    return read_entry(line(n, **{"created_at": f"{day}T12:{minute:02}:{second:02}Z", **changed}))


def some(days: Sequence[str] = DAYS, each: int = 200) -> list[Entry]:
    """Entries of several days, every tenth of which was refused."""
    numbered = ((day, at * each + n, n) for at, day in enumerate(days) for n in range(each))
    return [entry(n, day, id=f"id-{number}", status_code=200 if n % 10 else 403) for day, number, n in numbered]


def add(folder: Path, entries: Sequence[Entry], *, complete_us: int | None = AS_OF_US, query: str = "") -> None:
    with Archive(folder, Origin(ORIGIN.endpoint, query)) as archive:
        rest = entries
        while rest := rest[archive.take(rest) :]:
            archive.flush()
        archive.flush()
        archive.write_state(b"{}", complete_us)


@asynccontextmanager
async def showing(path: Path, query: str = "", *, size: tuple[int, int] = (160, 30)) -> AsyncIterator[Hand]:
    app_settings = Settings(saved=str(path), theme="textual-dark")
    app = AuditLogApp(app_settings, Session(app_settings), query)
    async with app.run_test(size=size) as pilot:
        hand = Hand(pilot, app, Wire(log_of()))
        await hand.until(lambda: hand.screen.opened or "q quits" in hand.shown)
        await settled(pilot)
        yield hand


def remove_parts(folder: Path) -> None:
    for part in folder.glob("day=*/*.parquet"):
        part.unlink()


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("size", [(160, 30), (80, 24)])
async def test_a_collected_archive_says_what_it_is_of_and_as_of_when(size: tuple[int, int], tmp_path: Path) -> None:
    add(tmp_path / "a", some(), query="path:/v1")
    before = contents(tmp_path / "a")
    async with showing(tmp_path / "a", size=size) as hand:
        verdict = " COMPLETE" if size[0] > 80 else ""
        assert hand.header.startswith(f" a {verdict} as of 2026-07-01 12:30:00  of path:/")
        assert "100 of 600 loaded" in hand.header
        assert "2026-07-01 12:03:19" in hand.rows[0]
        await hand.press("G")
        assert "2026-06-29 12:00:00" in hand.rows[-2]
        await hand.filter("status:403")
        assert "60  COMPLETE" in hand.header
        await hand.filter("ua:wget")
        assert "0 match in 600  COMPLETE" in hand.header
        await hand.filter("id:id-7")
        assert hand.row.key == "id-7"
    assert contents(tmp_path / "a") == before


async def test_an_archive_that_does_not_know_that_it_is_complete_says_all_in_archive(tmp_path: Path) -> None:
    add(tmp_path, some(DAYS[-1:], 20), complete_us=None)
    async with showing(tmp_path) as hand:
        assert " up to 2026-07-01 12:00:19" in hand.header
        assert "20  ALL IN ARCHIVE" in hand.header
        assert "COMPLETE" not in hand.text
        assert "end: the whole archive, 20 entries" in hand.shown
        await hand.press("F")
        assert "shown as it was when it was opened: r opens it again" in hand.status
        await hand.press("y", "c")
        assert "This log is an archive, which curl can't ask" in hand.status


async def test_an_archive_without_entries_is_called_no_empty_log(tmp_path: Path) -> None:
    add(tmp_path, [], complete_us=None)
    async with showing(tmp_path) as hand:
        assert "0  ALL IN ARCHIVE" in hand.header
        assert "There is no entry in this archive." in hand.shown
        assert "The log is empty" not in hand.text


async def test_days_that_are_lacking_make_every_filter_incomplete(tmp_path: Path) -> None:
    add(tmp_path, some(each=20))
    with (tmp_path / f"day={DAYS[1]}" / "part-000002.parquet").open("ab") as file:
        file.write(b"more")
    async with showing(tmp_path) as hand:
        assert f"INCOMPLETE: 1 part is missing or was changed: entries of {DAYS[1]} are lacking" in hand.status
        for text in ("", "status:403", "ua:curl", "ua:wget"):
            await hand.filter(text)
            assert "INCOMPLETE" in hand.header, text
        await hand.filter("")
        assert "40  INCOMPLETE" in hand.header


@pytest.mark.parametrize("kind", HARMS if THOROUGH else ["middle", "truncated"])
async def test_a_part_that_turns_out_to_be_damaged_makes_it_incomplete(kind: str, tmp_path: Path) -> None:
    add(tmp_path, some())
    part = tmp_path / f"day={DAYS[1]}" / "part-000002.parquet"
    before = damage(part, kind)
    async with showing(tmp_path) as hand:
        if kind in ("middle", "one byte", "swapped"):  # what the manifest and the file's end tell fits
            assert "100 of 600 loaded" in hand.header
        await hand.press("A")
        await hand.until(lambda: "400  INCOMPLETE" in hand.header)
        await hand.press("A")
        assert f"1 part is missing or was changed: entries of {DAYS[1]} are lacking" in hand.text
        assert "All in the archive that matches is loaded" in hand.text
        await hand.press("escape")
        assert "gone" not in hand.header
        await hand.press("G")
        assert f"{DAYS[0]} 12:00:00" in hand.rows[-2]
        for text in ("status:403", "path:v1", "ua:wget"):
            await hand.filter(text)
            assert "INCOMPLETE" in hand.header, text
        part.write_bytes(before)
        await hand.press("r")
        await hand.filter("")
        await hand.press("A")
        await hand.until(lambda: "600  COMPLETE" in hand.header)


async def test_counts_tell_of_a_damaged_part_at_once_and_leave_it_out(tmp_path: Path) -> None:
    add(tmp_path, some())
    damage(tmp_path / f"day={DAYS[1]}" / "part-000002.parquet", "middle")
    async with showing(tmp_path) as hand:
        assert "INCOMPLETE" not in hand.header
        counted = await hand.navigator.counting.total({"path": "v1"})
        assert counted == 400
        assert "INCOMPLETE" in hand.header
        assert f"INCOMPLETE: 1 part is missing or was changed: entries of {DAYS[1]} are lacking" in hand.status


async def test_r_opens_what_was_collected_meanwhile(tmp_path: Path) -> None:
    add(tmp_path, some(each=20))
    async with showing(tmp_path) as hand:
        assert "60  COMPLETE" in hand.header
        add(tmp_path, [entry(59, id="new")], complete_us=AS_OF_US + 60_000_000)
        await hand.filter("status:200")
        assert "54  COMPLETE" in hand.header
        await hand.press("r")
        await hand.until(lambda: "55  COMPLETE" in hand.header)
        assert "as of 2026-07-01 12:31:00" in hand.header
        assert hand.row.key == "new"


async def test_parts_that_were_joined_or_removed_meanwhile_are_an_error_that_says_so(tmp_path: Path) -> None:
    for at in range(4):
        add(tmp_path, [entry(n, id=f"id-{n}") for n in range(at * 100, at * 100 + 100)])
    async with showing(tmp_path) as hand:
        with Archive(tmp_path) as archive:
            for parts in archive.small_parts():
                archive.join(parts)
        await hand.press("G")
        assert "were joined since it was opened (collect --compact). r opens it again." in hand.text
        await hand.press("r")
        await hand.until(lambda: "of 400 loaded" in hand.header)
        await hand.press("G")
        await hand.until(lambda: "12:00:00" in hand.rows[-2])
        remove_parts(tmp_path)
        await hand.filter("path:x")
        assert "A part of 2026-07-01 was removed since the archive was opened. r opens what is left." in hand.text
        await hand.press("r")
        await hand.until(lambda: "0  INCOMPLETE" in hand.header)


async def test_marks_stay_as_the_archive_grows_wherever_it_lies(tmp_path: Path) -> None:
    add(tmp_path / "a", some(each=20))
    async with showing(tmp_path / "a") as hand:
        await hand.press("m")
        kept = hand.navigator.marks.keys
        assert len(kept) == 1
    add(tmp_path / "a", [entry(59, id="new")])
    moved = (tmp_path / "a").rename(tmp_path / "b")
    async with showing(moved) as hand:
        assert hand.navigator.marks.keys == kept
    add(tmp_path / "other", some(each=20), query="path:/v1")
    async with showing(tmp_path / "other") as hand:
        assert hand.navigator.marks.keys == set()


async def test_timeline_facets_and_pivots_count_in_the_archive(tmp_path: Path) -> None:
    add(tmp_path, some())
    async with showing(tmp_path) as hand:
        await hand.press("i")
        await hand.until(lambda: "counted in the archive" in hand.text)
        await hand.press("s", "#")
        await hand.until(lambda: "540 in archive" in hand.text)
        await hand.press("escape")


async def test_a_folder_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    async with showing(tmp_path) as hand:
        assert "is no archive: it has no _manifest.jsonl" in hand.shown
    (tmp_path / "_manifest.jsonl").write_text(json.dumps({"format": "other"}) + "\n")
    async with showing(tmp_path) as hand:
        assert "not that of an archive of this version" in hand.shown
