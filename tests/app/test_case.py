"""A case in the browser: what was there is shown before the server answers, and what is said of it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from datetime import UTC
from itertools import islice
from pathlib import Path
from random import Random

import httpx
import pytest

from auditlog_tui.api.retry import Wait
from auditlog_tui.demo import demo_log, live_entries
from auditlog_tui.offline.sqlite_source import FlatEntry, SqliteSource
from auditlog_tui.offline.transport import Endpoints
from auditlog_tui.session.case import Case, SameLogApi
from auditlog_tui.session.navigator import Navigator
from auditlog_tui.settings.options import Settings
from auditlog_tui.store.case import CaseFile, Owner, open_case
from auditlog_tui.store.entries import EntryStore
from auditlog_tui.ui.app import AuditLogApp
from tests.app.helpers import SIZE, Hand, PinnedLog, TestOpener, app_over
from tests.app.wire import NOW, JsonLog, Wire, log_of
from tests.effort import THOROUGH
from tests.unit.faulty import faulty


class CaseOpener(TestOpener):
    """Opens a log in a case."""

    def __init__(self, wire: Wire, path: Path) -> None:
        super().__init__(wire)
        self.file: CaseFile = open_case(path, Owner(self.base_url))

    def open(self, on_wait: Callable[[Wait | None], None]) -> Navigator:
        assert self.client is not None
        self.store = EntryStore(kept=self.file)
        case = Case(self.file, self.store)
        log = PinnedLog(self.client, self.store, self.parallel)
        return Navigator(log, UTC, case=case, history=case.history(), marks=case.marks())

    async def close(self) -> None:
        self.file.close()
        await super().close()


@asynccontextmanager
async def opened(
    path: Path, wire: Wire | None = None, query: str = "", *, size: tuple[int, int] = SIZE, settle: bool = True
) -> AsyncIterator[Hand]:
    wire = wire or Wire(log_of())
    app = app_over(CaseOpener(wire, path), query)
    async with app.run_test(size=size) as pilot:
        hand = Hand(pilot, app, wire)
        if settle:
            await hand.settled()
        try:
            yield hand
        finally:
            wire.release()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "incident.db"


def rows(hand: Hand) -> list[str]:
    """The table's lines without what is said of novelty, which is found out afterwards."""
    return [line.replace("✦", " ") for line in hand.lines[3:-2]]


async def test_all_is_shown_before_the_server_answers_and_complete_after_it(path: Path) -> None:
    async with opened(path) as hand:
        await hand.press("A", "down", "down", "m")
        assert "COMPLETE" in hand.header
        cursor = hand.row.key
        body = [
            line.replace("✦", " ") for line in hand.lines[3:-2]
        ]  # what is new for its actor is told once all is here
    wire = Wire(log_of())
    wire.hold()
    async with opened(path, wire, settle=False) as hand:
        await hand.until(lambda: hand.screen.opened and hand.table.row is not None)
        assert hand.row.key == cursor
        assert rows(hand) == body
        assert "COMPLETE" not in hand.header
        assert "more above" in hand.header
        assert "⚑ 1" in hand.header
        wire.release()
        await hand.settled()
        assert hand.row.key == cursor
        assert "COMPLETE" in hand.header
        assert len(wire.requests) == 2  # the newest end, and the oldest entry


@pytest.mark.parametrize("width", [60, 120, *([80, 100] if THOROUGH else [])])
async def test_the_header_names_the_case(path: Path, width: int) -> None:
    async with opened(path, size=(width, 24)) as hand:
        assert hand.header.startswith(" incident.db ")
        async with opened(path, size=(width, 24)) as other:  # as another process
            assert other.header.startswith(" incident.db read-only ")
            assert "Read-only: another auditlog-tui writes this case" in other.text


async def test_where_it_is_only_read_nothing_can_be_noted_and_all_else_works(path: Path) -> None:
    async with opened(path) as hand:
        await hand.press("m")
        async with opened(path) as other:
            await other.press("down", "m")
            assert "Marks and notes can't be changed: another auditlog-tui writes this case" in other.text
            await other.press("semicolon")
            assert len(other.app.screen_stack) == 1
            assert "Marks and notes can't be changed" in other.text
            await other.filter("status:403")
            assert other.navigator.place.text == "status:403"
            await other.press("M")
            assert "only what is marked: 1" in other.header
        await hand.press("down", "m")
    async with opened(path) as hand:
        assert hand.navigator.place.text == ""
        assert hand.navigator.marks.count == 2


async def test_while_the_server_is_away_the_rows_are_there_and_r_catches_up(path: Path) -> None:
    async with opened(path) as hand:
        await hand.press("A")
        before = len(hand.navigator.view)
    wire = Wire(log_of())
    wire.fail(httpx.ConnectError("no route"))
    async with opened(path, wire) as hand:
        assert len(hand.navigator.view) == before
        assert "COMPLETE" not in hand.header
        assert "Can't reach log.example" in hand.text
        wire.fail(httpx.ConnectError("no route"), times=0)
        await hand.press("r")
        assert "COMPLETE" in hand.header


async def test_an_older_time_is_shown_with_its_date(path: Path) -> None:
    async with opened(path) as hand:
        hand.navigator.view.feed.as_of = hand.navigator.view.feed.as_of.replace(month=1)  # type: ignore[union-attr]  # it has one
        with hand.navigator.view.feed.keeping.saving():
            pass
    wire = Wire(log_of())
    wire.hold()
    async with opened(path, wire, settle=False) as hand:
        await hand.until(lambda: hand.screen.opened and hand.table.row is not None)
        assert "as of 2026-01-" in hand.header


async def test_new_entries_come_in_above_and_the_cursor_stays(path: Path) -> None:
    entries = [
        {"id": f"id-{n}", "action": "vm.read", "created_at": f"2026-11-2{n % 4}T0{n % 10}:00:00Z"} for n in range(40)
    ]
    entries.sort(key=lambda entry: entry["created_at"], reverse=True)
    async with opened(path, Wire(JsonLog(entries[3:]))) as hand:
        await hand.press("down")
        key = hand.row.key
    async with opened(path, Wire(JsonLog(entries))) as hand:
        assert hand.row.key == key
        assert len(hand.navigator.view) == 40
        assert "INCOMPLETE" in hand.header  # this server can't be asked for the oldest entry


async def test_following_waits_until_it_is_caught_up(path: Path) -> None:
    async with opened(path) as hand:
        await hand.press("A")
    wire = Wire(log_of())
    wire.hold()
    async with opened(path, wire, settle=False) as hand:
        await hand.until(lambda: hand.screen.opened and hand.table.row is not None)
        hand.send("F")
        await hand.until(lambda: "Waiting" in hand.text or "follow" in hand.header)
        assert "can be followed" not in hand.text
        wire.release()
        await hand.until(lambda: "COMPLETE" in hand.header)


async def test_places_that_cannot_be_kept_now_are_kept_later(path: Path) -> None:
    async with opened(path) as hand:
        disk = faulty(hand.navigator.log.store, Random(1))
        disk.fails = "writes fail"
        await hand.press("down", "down")
        hand.screen.keeping.keep()
        disk.fails = "works"
        hand.screen.keeping.keep()
        key = hand.row.key
    async with opened(path) as hand:
        assert hand.row.key == key


async def test_another_organizations_log_is_refused(path: Path) -> None:
    async with opened(path) as hand:
        await hand.press("A")
        before = len(hand.navigator.view)
    wire = Wire(JsonLog([]))
    async with opened(path, wire, settle=False) as hand:
        await hand.until(lambda: hand.screen.opened)
        log = hand.navigator.log
        checked = SameLogApi(log.api, ["not-there"], path)
        checked.refused = hand.app.refuse
        log.api = hand.navigator.view.feed._api = checked
        hand.send("r")
        await hand.until(lambda: hand.app.return_code == 2 or not hand.app.is_running)
        assert "another organization" in hand.app.report
        assert len(hand.navigator.view) == before


async def test_the_case_is_named_from_the_first_frame(path: Path) -> None:
    opener = CaseOpener(Wire(log_of()), path)
    may_open = threading.Event()
    prepare = opener.prepare
    opener.prepare = lambda: (may_open.wait(60), prepare())[1]  # type: ignore[method-assign]  # it is held
    settings = Settings(base_url=opener.base_url, theme="textual-dark", case=str(path))
    app = AuditLogApp(settings, opener)
    async with app.run_test(size=SIZE) as pilot:
        hand = Hand(pilot, app, Wire(log_of()))
        try:
            await hand.until(lambda: "opening incident.db" in hand.shown)
            assert hand.header.startswith(" incident.db")
        finally:
            may_open.set()
        await hand.until(lambda: hand.screen.opened)


@pytest.fixture
def changing() -> Iterator[SqliteSource]:
    """A log of which a test changes something."""
    with closing(demo_log(entries=300, until=NOW)) as made:
        yield made


def change(log: SqliteSource, sql: str) -> None:
    with log._db:
        log._db.execute(sql)
    log._pages._counts.clear()


async def test_what_came_late_changed_and_went_between_two_starts_is_shown_and_said(
    path: Path, changing: SqliteSource
) -> None:
    async with opened(path, Wire(Endpoints(changing, generation=2))) as hand:
        await hand.press("A", "down", "m", "m")
        assert "300  COMPLETE" in hand.header
        first, second = (mark.entry.key for mark in hand.navigator.marks._marks.values())
        us = hand.row.created_us or 0
    change(changing, "DELETE FROM entry WHERE n IN (SELECT n FROM entry ORDER BY created_us LIMIT 10)")
    change(changing, f"UPDATE entry SET status_code = 599 WHERE id = '{first}'")
    changing.add([each._replace(id=f"late-{n}", created_us=us - 3_600_000_000) for n, each in enumerate(some())])
    async with opened(path, Wire(Endpoints(changing, generation=2))) as hand:
        assert "303  COMPLETE  10 gone since" in hand.header
        for n in range(3):
            assert hand.navigator.log.store.number(f"late-{n}") is not None
        await hand.press("R")
        assert "1 same, 1 changed (status_code)" in hand.text
        await hand.press("escape")
        await hand.filter("status:599")
        assert (hand.row.key, len(hand.navigator.view)) == (first, 1)
        assert "COMPLETE" in hand.header
    change(changing, f"DELETE FROM entry WHERE id = '{second}'")
    async with opened(path, Wire(Endpoints(changing, generation=2))) as hand:
        await hand.press("[")
        assert "303  COMPLETE  11 gone since" in hand.header
        await hand.press("R")
        assert "1 gone" in hand.text


def some() -> list[FlatEntry]:
    """Three entries."""
    return list(islice(live_entries(until=NOW), 3))


async def test_an_entry_that_matches_a_kept_filter_since_it_was_changed_is_shown(
    path: Path, changing: SqliteSource
) -> None:
    async with opened(path, Wire(Endpoints(changing, generation=2)), "method:POST") as hand:
        await hand.press("A")
        rows = len(hand.navigator.view)
        assert f"{rows}  COMPLETE" in hand.header
    became = "SELECT n FROM entry WHERE method = 'GET' ORDER BY n LIMIT 1 OFFSET 100"
    change(changing, f"UPDATE entry SET method = 'POST', id = 'now-post' WHERE n = ({became})")
    async with opened(path, Wire(Endpoints(changing, generation=2)), "method:POST") as hand:
        assert f"{rows + 1}  COMPLETE" in hand.header
        assert hand.navigator.log.store.number("now-post") is not None


async def test_what_came_in_place_of_another_is_found_by_loading_anew(path: Path, changing: SqliteSource) -> None:
    """The count is the same, so nothing tells of it before."""
    async with opened(path, Wire(Endpoints(changing, generation=2))) as hand:
        await hand.press("A")
    change(changing, "UPDATE entry SET id = 'another' WHERE n = 100")
    async with opened(path, Wire(Endpoints(changing, generation=2))) as hand:
        await hand.press("r", "A")
        assert hand.navigator.log.store.number("another") is not None
        assert "300  COMPLETE" in hand.header


def killed(path: Path) -> Path:
    """The case as it is when the program that writes it is killed now."""
    left = path.with_name("left.db")
    for end in ("", "-wal"):
        shutil.copy(f"{path}{end}", f"{left}{end}")
    return left


async def page_done(hand: Hand) -> None:
    def done() -> bool:
        page = hand.navigator.place.page
        return page is not None and not page.busy

    await hand.until(done)
    await hand.settled()


@pytest.mark.parametrize("whole", [True, False])
async def test_the_page_of_a_case_that_was_killed_or_left_reads_nothing_again(path: Path, *, whole: bool) -> None:
    log, actor = log_of(8_000), "actor.name:ci-deploy-2"
    async with opened(path, Wire(log), actor) as hand:
        await hand.press(*(["A"] if whole else []), "w", "a")
        await page_done(hand)
        before = [line for line in hand.lines[2:-1] if "│" in line]
        left = killed(path) if whole else path
    wire = Wire(log)
    async with opened(left, wire) as hand:
        await page_done(hand)
        assert [line for line in hand.lines[2:-1] if "│" in line] == before
        assert "exact" in hand.text
        assert "TO REVOKE 1" in hand.text
        asked = [page for page in wire.pages if "actor_id" in page]
        assert not asked if whole else asked
        assert not [page for page in asked if "cursor" in page]
