"""An investigation in a case: marks, filters and places come back, and another log is refused."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC
from pathlib import Path
from random import Random

import pytest

from auditlog_tui.analysis.who import Subject
from auditlog_tui.entries.models import read_entry
from auditlog_tui.entries.raw_json import Json
from auditlog_tui.errors import CaseError, ServerError, StoreError
from auditlog_tui.log.feed import Anchor
from auditlog_tui.log.log import Log
from auditlog_tui.log.view import State
from auditlog_tui.session.case import Case, SameLogApi
from auditlog_tui.session.journal import Journal
from auditlog_tui.session.kept_places import begin, keep_places
from auditlog_tui.session.navigator import Navigator
from auditlog_tui.store.case import Owner, open_case
from auditlog_tui.store.entries import EntryStore
from tests.unit.fake import START_US, FakeApi, entry, log_of, read
from tests.unit.faulty import faulty
from tests.unit.tails import NOON_US, set_clock
from tests.unit.views import ALL, now

OWNER = Owner("https://log.example")
ONE, TWO = (read(entry(n)) for n in (1, 2))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "incident.db"


@contextmanager
def case(path: Path) -> Iterator[tuple[Case, EntryStore]]:
    with closing(open_case(path, OWNER)) as file:
        store = EntryStore(kept=file)
        yield Case(file, store), store


@contextmanager
def navigating(path: Path, api: FakeApi) -> Iterator[Navigator]:
    set_clock(api, START_US + NOON_US)
    with case(path) as (found, store):
        yield Navigator(Log(api, store), UTC, case=found, history=found.history(), marks=found.marks())


# -- marks and filters ---------------------------------------------------------------------------------------------


def test_marks_and_notes_are_there_in_the_next_process(path: Path) -> None:
    with case(path) as (found, _):
        marks = found.marks()
        marks.mark([ONE, TWO])
        marks.note(TWO, "was here #seen")
        marks.unmark([ONE])
        assert marks.earlier is None
    with case(path) as (found, _):
        marks = found.marks()
        assert (marks.keys, marks.note_of("id-2"), marks.tags) == (frozenset({"id-2"}), "was here #seen", ["seen"])
        assert [each.raw for each in marks.entries()] == [TWO.raw]
        assert marks.earlier is not None
        marks.forget()
    with case(path) as (found, _):
        assert not found.marks().by_key


def test_a_mark_that_cannot_be_saved_is_kept_for_this_run_and_saved_with_the_next(path: Path) -> None:
    with case(path) as (found, store):
        marks = found.marks()
        disk = faulty(store, Random(1))
        disk.fails = "inserts fail"
        with pytest.raises(StoreError, match=r"Kept for this run, not saved.*full.*The next mark tries again"):
            marks.mark([ONE])
        assert marks.is_marked("id-1")
        disk.fails = "works"
        marks.mark([TWO])
        assert not marks.unsaved
    with case(path) as (found, _):
        assert found.marks().keys == {"id-1", "id-2"}


def test_a_mark_that_this_program_did_not_write_is_told(path: Path) -> None:
    with case(path) as (found, store):
        found.marks().mark([ONE])
        with store.writing():
            store.connection.execute("INSERT INTO annotation VALUES ('x', x'00', 1, 'n', 1)")
    with case(path) as (found, _):
        assert found.marks().error == "1 of the marks in the case can't be read"
        assert found.marks().keys == {"id-1"}


def test_where_it_is_only_read_marks_can_not_be_changed(path: Path) -> None:
    with case(path) as (found, _):
        found.marks().mark([ONE])
        with case(path) as (other, _):  # as another process
            assert other.read_only
            marks = other.marks()
            assert marks.fixed
            changes: list[Callable[[], None]] = [
                lambda: marks.mark([TWO]), lambda: marks.toggle([TWO]), lambda: marks.note(TWO, "a"),
                lambda: marks.unmark([ONE]), marks.forget,
            ]  # fmt: skip
            for change in changes:
                with pytest.raises(StoreError, match="can't be changed: another auditlog-tui writes this case"):
                    change()
            assert marks.keys == {"id-1"}


def test_filters_that_were_typed_are_there_in_the_next_process(path: Path) -> None:
    with case(path) as (found, store):
        history = found.history()
        for text in ("status:403", "status:403", "method:GET", "two\nlines", "\ud800"):
            history.add(text)
        faulty(store, Random(1)).fails = "writes fail"
        history.add("lost")
        assert history.texts[-1] == "lost"
        assert history.error.startswith("Filters are kept for this run only.")
    with case(path) as (found, _):
        assert found.history().texts == ["status:403", "method:GET", "two\nlines", "?"]


# -- places --------------------------------------------------------------------------------------------------------


async def test_the_places_come_back_with_their_cursors_and_without_a_request(path: Path) -> None:
    api = FakeApi(log_of(300))
    with navigating(path, api) as navigator:
        begin(navigator, "")
        await navigator.view.more(ALL, everything=True)
        row = navigator.view.window(40, 1)[0]
        navigator.place.cursor, navigator.place.above = row.n, 7
        navigator.submit("method:POST last:24h")
        await navigator.view.more(1)
        navigator.around(row, 60_000_000, 5)
        await navigator.view.more(1)
        navigator.back()
        keep_places(navigator)
        texts, shown = [place.text for place in navigator.places], navigator.shown
    api.calls.clear()
    with navigating(path, api) as navigator:
        place = begin(navigator, "")
        assert [each.text for each in navigator.places] == texts
        assert (navigator.at, navigator.shown) == (1, shown)
        assert shown == "method:POST last:24h"
        assert len(place.view) > 0
        first = navigator.back()
        assert first is not None
        assert (first.cursor, first.above, len(first.view)) == (row.n, 7, 300)
        assert first.view.summary().state is State.MORE
        navigator.forward()
        around = navigator.forward()
        assert around is not None
        assert (around.around, around.cursor) == (60_000_000, row.n)
        assert navigator.forward() is None
        assert not api.calls


async def test_places_that_share_a_view_share_it_again(path: Path) -> None:
    api = FakeApi(log_of(50), ignores={"method", "status_code_min", "status_code_max"})
    with navigating(path, api) as navigator:
        begin(navigator, "")
        await navigator.view.more(ALL)
        navigator.log.server_support.ignored |= {"method"}
        navigator.submit("method:GET")  # evaluated here, over the same feed
        navigator.park()
        keep_places(navigator)
        assert navigator.places[0].view is navigator.places[2].view
    with navigating(path, api) as navigator:
        begin(navigator, "")
        one, other, again = navigator.places
        assert one.view is again.view
        assert one.view.feed is other.view.feed
        assert navigator.parked == "method:GET"


async def test_the_same_filter_goes_on_and_another_one_is_a_new_place(path: Path) -> None:
    api = FakeApi(log_of(50))
    with navigating(path, api) as navigator:
        begin(navigator, "last:24h")
        await navigator.view.more(1)
        navigator.submit("method:GET")
        keep_places(navigator)
    for text, expected in (("last:24h", "method:GET"), ("", "method:GET"), ("status:403", "status:403")):
        with navigating(path, api) as navigator:
            assert begin(navigator, text).text == expected
    with navigating(path, api) as navigator:
        begin(navigator, "status:403")
        assert navigator.back() is not None


async def test_pages_about_somebody_and_marked_entries_come_back(path: Path) -> None:
    api = FakeApi(log_of(50))
    with navigating(path, api) as navigator:
        begin(navigator, "")
        navigator.marks.mark([ONE])
        navigator.only_marked()
        navigator.who(Subject("actor", "actor-1"))
        keep_places(navigator)
    with navigating(path, api) as navigator:
        page = begin(navigator, "").page
        assert page is not None
        assert page.who.subject == Subject("actor", "actor-1")
        place = navigator.back()
        assert place is not None
        await place.view.more(1)
        assert (len(place.view), place.view.fixed) == (1, True)


class Noted(Journal):
    """Keeps what is noted."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, Mapping[str, Json]]] = []

    def note(self, kind: str, fields: Mapping[str, Json] | None = None) -> None:
        self.lines.append((kind, dict(fields or {})))


async def test_the_log_names_the_place_that_is_resumed_or_gone_back_to(path: Path) -> None:
    api = FakeApi(log_of(50))
    with navigating(path, api) as navigator:
        begin(navigator, "method:POST")
        await navigator.view.more(10)
        navigator.marks.mark([ONE])
        navigator.only_marked()
        navigator.who(Subject("actor", "actor-1"))
        navigator.around(navigator.places[0].view.window(0, 1)[0], 60_000_000, 5)
        navigator.anchored(Anchor.OLDEST)
        keep_places(navigator)
        around, jump = (place.text for place in navigator.places[3:])
    expected: list[Mapping[str, Json]] = [
        {"query": "method:POST", "typed": ""},
        {"place": "marked only"},
        {"place": "who", "actor": "actor-1"},
        {"place": "around", "query": around, "seconds": 60.0},
        {"place": "jump", "query": jump, "to": "go to the oldest entry"},
    ]
    for at in reversed(range(5)):
        with navigating(path, api) as navigator:
            navigator.journal = journal = Noted()
            begin(navigator, "")
            assert journal.lines == [("resumed", expected[at])]
            navigator.back()
            assert journal.lines[1:] == ([("back", expected[at - 1])] if at else [])
            navigator.forward()
            assert journal.lines[2:] == ([("forward", expected[at])] if at else [])
            navigator.back()
            keep_places(navigator)


@pytest.mark.parametrize("text", ["", "no JSON", "{}", '{"views": [], "places": [], "at": 0}'])
def test_places_that_this_program_did_not_write_are_left_out(path: Path, text: str) -> None:
    api = FakeApi(log_of(5))
    with navigating(path, api) as navigator:
        assert navigator.case is not None
        navigator.case.keep("places", text)
    with navigating(path, api) as navigator:
        assert begin(navigator, "").text == ""
        assert len(navigator.places) == 1


# -- another log ---------------------------------------------------------------------------------------------------


async def test_nothing_is_asked_for_before_an_entry_was_found(path: Path) -> None:
    api = FakeApi(log_of(20))
    checked = SameLogApi(api, ["gone-1", "id-3", "id-4"], path)
    await asyncio.gather(checked.list({}, limit=10), checked.list({}, limit=20), checked.get("id-5"))
    assert api.got == ["gone-1", "id-3", "id-5"]
    assert len(api.calls) == 2


async def test_another_log_is_refused_and_told_of_once(path: Path) -> None:
    api, told = FakeApi(log_of(20)), list[CaseError]()
    checked = SameLogApi(api, ["other-1", "other-2"], path)
    checked.refused = told.append
    for _ in range(3):
        with pytest.raises(
            CaseError, match=r"None of the 2 newest entries in .*incident\.db is in this log.*another"
        ):
            await checked.list({}, limit=10)
    assert api.got == ["other-1", "other-2"]
    assert api.calls == []
    assert len(told) == 1


async def test_a_server_that_fails_decides_nothing(path: Path) -> None:
    api = FakeApi(log_of(20))
    checked = SameLogApi(api, ["id-3"], path)
    api.fails = ServerError("The server failed.", status=500)
    with pytest.raises(ServerError):
        await checked.list({}, limit=10)
    api.fails = None
    assert (await checked.list({}, limit=10)).entries


async def test_an_empty_case_is_of_any_log(path: Path) -> None:
    api = FakeApi(log_of(20))
    await SameLogApi(api, [], path).list({}, limit=10)
    assert not api.got


def test_its_newest_entries_are_those_to_be_found(path: Path) -> None:
    with closing(open_case(path, OWNER)) as file:
        assert now(file.has_entries) is False
        EntryStore(kept=file).add([read(data) for data in (*log_of(20)[::-1], entry(50, at=3))])
        assert now(file.has_entries) is True
        assert [read_id(text) for text in file.newest_texts(3)] == ["id-19", "id-18", "id-17"]
    with pytest.raises(StoreError, match=r"incident\.db can't be read"):
        file.text("places")
    with pytest.raises(sqlite3.ProgrammingError):
        file.connection.execute("SELECT 1")


def read_id(text: str) -> str:
    return str(read_entry(text).fields.id)
