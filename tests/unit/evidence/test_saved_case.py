"""Opening a case that may come from anybody: what is in it, what it states, and what is refused."""

from __future__ import annotations

import gc
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from auditlog_tui.entries.models import read_entry
from auditlog_tui.errors import AuditLogError, CaseError, StoreError
from auditlog_tui.evidence.saved_case import SavedCase
from auditlog_tui.evidence.saved_log import SavedLog, SavedLogReader
from auditlog_tui.log import kept_feeds
from auditlog_tui.log.feed import Anchor
from auditlog_tui.log.log import Log
from auditlog_tui.log.view import View
from auditlog_tui.offline.source import ARRIVAL, Filter
from auditlog_tui.query import parse
from auditlog_tui.session.case import Case
from auditlog_tui.store import UNBOUNDED
from auditlog_tui.store.case import Owner, open_case
from auditlog_tui.store.entries import EntryStore
from tests.effort import THOROUGH
from tests.unit.fake import FakeApi, entry, log_of

OWNER = Owner("https://api.nirvanalabs.io")


async def made(path: Path, *queries: str, marks: int = 0, close: bool = True, api: FakeApi | None = None) -> None:
    """Make a case in which these queries were loaded whole, and as many of the newest entries marked."""
    api = api or FakeApi(log_of(250))
    file = open_case(path, OWNER)
    store = EntryStore(kept=file)
    case, log = Case(file, store), Log(api, store)
    log.marks = case.marks
    for query in queries:
        view = View(log, parse(query), anchor=Anchor.NEWEST)
        await view.more(UNBOUNDED, everything=True)
        await view.prove()
        case.history().add(query)
    kept = case.marks()
    kept.mark([read_entry(json.dumps(each)) for each in log_of(250)[-marks:]] if marks else [])
    if marks:
        kept.note(read_entry(json.dumps(entry(249))), "the way in #inc42")
    if close:
        file.close()
        store.close()
    else:  # as a process that is killed
        for end in ("", "-wal"):
            shutil.copyfile(f"{path}{end}", f"{path}.killed{end}")
        file.close()
        store.close()
        _be_killed(path)


def _be_killed(path: Path) -> None:
    assert Path(f"{path}.killed-wal").stat().st_size
    for end in ("", "-wal"):
        Path(f"{path}.killed{end}").replace(f"{path}{end}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "incident.db"


@pytest.fixture
def read(path: Path) -> Iterator[Callable[[], SavedLog]]:
    """Opens the case. Nothing may then be beside it that was not there, and nothing in it may have changed."""
    logs: list[SavedLog] = []

    def opened() -> SavedLog:
        before = {each.name: each.read_bytes() for each in path.parent.iterdir()}
        try:
            logs.append(SavedLogReader(str(path)).read())
        finally:
            assert {each.name: each.read_bytes() for each in path.parent.iterdir()} == before
        return logs[-1]

    yield opened
    for log in logs:
        log.close()


def keys(log: SavedLog) -> list[str]:
    found = log.index.find(Filter(), (("created_at", True), (ARRIVAL, True)), None, 1_000)
    return [json.loads(each.text)["id"] for each in found.entries]


async def test_its_entries_marks_notes_and_filters_are_there(path: Path, read: Callable[[], SavedLog]) -> None:
    await made(path, "", "status:200 action:vm.created", marks=3)
    log = read()
    assert keys(log) == [f"id-{n}" for n in range(249, -1, -1)]
    assert [(note.key, note.marked, note.note) for note in log.notes] == [
        ("id-247", True, ""), ("id-248", True, ""), ("id-249", True, "the way in #inc42"),
    ]  # fmt: skip
    assert list(log.queries) == ["status:200 action:vm.created"]
    assert log.endpoint == OWNER.endpoint
    assert log.index.repeated == 0


async def test_one_with_the_whole_log_states_that_as_of_when(path: Path, read: Callable[[], SavedLog]) -> None:
    api = FakeApi(log_of(250))
    await made(path, "", api=api)
    log = read()
    assert (log.stated, log.reason, log.query) == (True, "", "")
    assert log.covered == {frozenset(): log.as_of_us}
    assert log.as_of_us is not None
    assert 0 <= log.as_of_us - int(api.clock.timestamp() * 1_000_000) <= 60_000_000


async def test_one_with_a_part_of_the_log_is_incomplete_but_for_what_it_has_whole(
    path: Path, read: Callable[[], SavedLog]
) -> None:
    api = FakeApi([entry(n, status_code=403 if n % 10 == 0 else 200) for n in range(250)])
    await made(path, "status:403", api=api)
    log = read()
    assert (log.stated, len(keys(log))) == (False, 25)
    assert log.reason.startswith("only what was looked at is in this case: all of status:403 (as of 2027-")
    (params,) = log.covered
    assert dict(params) == {"status_code_min": "403", "status_code_max": "403"}


async def test_one_that_was_not_loaded_to_its_end_states_nothing(path: Path, read: Callable[[], SavedLog]) -> None:
    file = open_case(path, OWNER)
    with closing(EntryStore(kept=file)) as store:
        view = View(Log(FakeApi(log_of(250)), store), parse(""))
        await view.more(10)
        file.close()
    log = read()
    assert (log.stated, log.covered, len(keys(log))) == (False, {}, 100)
    assert log.reason == "only what was looked at is in this case"


@contextmanager
def working(path: Path, api: FakeApi) -> Iterator[Log]:
    """A log that is worked with in the case; nothing of it is in use at the end, and what is of no use is deleted."""
    file = open_case(path, OWNER)
    with closing(EntryStore(kept=file)) as store:
        yield Log(api, store)
        file.close()


async def swept(log: Log) -> int:
    """Delete the rows of views that are gone; returns how many feeds the case still has."""
    gc.collect()
    await log.store.sweep()
    return int(log.store.read("SELECT count(*) FROM kept_feed", [])[0][0])


def some_refused() -> FakeApi:
    return FakeApi([entry(n, status_code=403 if n % 2 else 200) for n in range(500)])


async def load(log: Log, text: str, rows: int = UNBOUNDED) -> None:
    await View(log, parse(text)).more(rows, everything=rows == UNBOUNDED)


async def test_a_request_stays_complete_when_its_place_was_dropped(path: Path, read: Callable[[], SavedLog]) -> None:
    with working(path, some_refused()) as log:
        await load(log, "status:403")
        await load(log, "status:200 sort:created", 100)  # not whole
        await load(log, "status:403 sort:created")
        assert await swept(log) == 0
    found = read()
    ((params, as_of_us),) = found.covered.items()
    assert dict(params) == {"status_code_min": "403", "status_code_max": "403"}
    assert as_of_us == found.as_of_us
    assert "all of status:403 (as of 2027-" in found.reason
    assert "status:200" not in found.reason
    with working(path, FakeApi([])) as log:  # nor does another process forget it
        log.forget()
        assert await swept(log) == 0
    assert read().covered == found.covered


async def test_a_request_stays_complete_when_too_many_feeds_are_kept(
    path: Path, read: Callable[[], SavedLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(path, "status:403", "status:200", "method:GET", api=some_refused())
    before = read().covered
    monkeypatch.setattr(kept_feeds, "MOST_FEEDS", 1)
    with working(path, some_refused()) as log:
        assert await swept(log) == 1
    assert read().covered == before
    assert len(before) == 3


async def test_the_latest_time_as_of_which_a_request_was_complete_is_told(
    path: Path, read: Callable[[], SavedLog]
) -> None:
    api = some_refused()
    with working(path, api) as log:
        await load(log, "status:403")
        first = api.clock
        api.clock += timedelta(hours=1)
        await load(log, "status:403")
        assert await swept(log) == 0
    ((_, as_of_us),) = read().covered.items()
    assert as_of_us - int(first.timestamp() * 1_000_000) >= 3_600_000_000


async def test_what_a_killed_process_left_beside_it_is_read_too(path: Path, read: Callable[[], SavedLog]) -> None:
    await made(path, "", marks=2, close=False)
    log = read()
    assert len(keys(log)) == 250
    assert len(log.notes) == 2


async def test_one_of_another_user_with_a_second_name_by_a_link_can_be_opened(path: Path, tmp_path: Path) -> None:
    await made(path, "")
    os.link(path, tmp_path / "second.db")
    (tmp_path / "link.db").symlink_to(path)
    for name in ("second.db", "link.db"):
        with closing(SavedLogReader(str(tmp_path / name)).read()) as log:
            assert len(keys(log)) == 250


# -- hostile ones --------------------------------------------------------------------------------------------------

HOSTILE = {
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON typed BEGIN DELETE FROM json; END",
    "a view in place of a table": "DROP TABLE typed; CREATE VIEW typed AS SELECT 1 AS number, 'x' AS query",
    "a further view": "CREATE VIEW v AS SELECT load_extension('x')",
    "a virtual table": "CREATE VIRTUAL TABLE f USING fts5(x)",
    "a further table": "CREATE TABLE t (x)",
    "an index that computes": "CREATE INDEX i ON typed (abs(number))",
    "a missing table": "DROP TABLE typed",
    "a table with a check": "DROP TABLE typed; CREATE TABLE typed (number INTEGER PRIMARY KEY, query TEXT CHECK (1))",
    "a newer version": "PRAGMA user_version = 99",
    "another program's": "PRAGMA application_id = 7",
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_one_that_was_tampered_with_is_refused(name: str, path: Path, read: Callable[[], SavedLog]) -> None:
    await made(path, "")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(HOSTILE[name])
    with pytest.raises(AuditLogError, match=r"changed|newer|another program"):
        read()


LOST = {
    "it lacks the JSON of 10 entries": "DELETE FROM json WHERE n BETWEEN 101 AND 110",
    "it lacks 1 entry that it lists": "DELETE FROM json WHERE n = 101; DELETE FROM entry WHERE n = 101",
    "it lacks 250 entries that it lists": "DELETE FROM json; DELETE FROM entry",
    "it lacks 2 entries that it lists": "UPDATE place SET shown = 999 WHERE position IN (3, 4)",
    "it lacks 20 entries in the middle of its lists": "DELETE FROM place WHERE position BETWEEN 101 AND 120",
}


@pytest.mark.parametrize("why", LOST)
async def test_one_that_lost_rows_is_refused(why: str, path: Path, read: Callable[[], SavedLog]) -> None:
    await made(path, "", marks=2)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(LOST[why])
    with pytest.raises(AuditLogError, match=f"is damaged: {why}"):
        read()
    with pytest.raises(CaseError, match=f"is damaged: {why}"):
        open_case(path, OWNER)


async def test_a_large_one_that_lost_rows_is_refused_where_it_is_read_whole(
    path: Path, read: Callable[[], SavedLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(path, "")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM json WHERE n = 7")
    monkeypatch.setattr("auditlog_tui.store.case._CHECKED_BYTES", 0)
    with pytest.raises(AuditLogError, match="lacks the JSON of 1 entry"):
        read()
    open_case(path, OWNER).close()


@pytest.mark.parametrize("dropped", [False, True])
async def test_one_whose_list_lost_its_end_has_not_the_whole_log(
    dropped: bool, path: Path, read: Callable[[], SavedLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(path, "", "status:200")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM place WHERE run = 1 AND position >= 240")
        connection.execute("DELETE FROM json WHERE n NOT IN (SELECT entry FROM place)")
        connection.execute("DELETE FROM entry WHERE n NOT IN (SELECT entry FROM place)")
    if dropped:  # the list was not what it says even before
        monkeypatch.setattr(kept_feeds, "MOST_FEEDS", 0)
        with working(path, FakeApi(log_of(250))) as working_log:
            await swept(working_log)
    saved = read()
    assert not saved.stated
    assert "only what was looked at is in this case" in saved.reason
    assert frozenset() not in saved.covered
    assert len(saved.covered) == 1, "the other list has all that it says"


async def test_a_schema_written_by_hand_is_refused(path: Path, read: Callable[[], SavedLog]) -> None:
    await made(path, "")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, 'query TEXT', 'query BLOB') WHERE name = 'typed'"
        )
    with pytest.raises(AuditLogError, match="changed"):
        read()


async def test_a_damaged_one_is_refused_or_read_and_is_no_crash(path: Path, tmp_path: Path) -> None:
    await made(path, "", marks=2)
    _damage(path, tmp_path)


def _damage(path: Path, tmp_path: Path) -> None:
    data, damaged = path.read_bytes(), tmp_path / "damaged.db"
    for at in range(0, len(data), max(1, len(data) // (300 if THOROUGH else 20))):
        damaged.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        try:
            SavedLogReader(str(damaged)).read().close()
        except AuditLogError as error:
            assert str(error)  # noqa: PT017  # which of both it is depends on the byte


@pytest.mark.parametrize("size", [0, 4, 100, 4_096, 10_000])
async def test_one_that_is_cut_off_is_refused(size: int, path: Path, read: Callable[[], SavedLog]) -> None:
    await made(path, "")
    os.truncate(path, size)
    with pytest.raises(AuditLogError):
        read()


async def test_values_of_other_types_are_left_out_and_counted(path: Path, read: Callable[[], SavedLog]) -> None:
    await made(path, "", marks=1)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE json SET raw = 7.5 WHERE n = 3")
        connection.execute("UPDATE json SET raw = x'ff00fe' WHERE n = 4")
        connection.execute("INSERT INTO annotation VALUES ('k', x'80', 1, x'00', 'never')")
        connection.execute("INSERT INTO typed VALUES (-5, x'ff')")
        connection.execute("INSERT INTO kept_feed VALUES (77, 'gibberish')")
        connection.execute("INSERT INTO kept_feed VALUES (78, x'00')")
        covered = [
            ("gibberish", 1),
            ('{"a": 1}', 1),
            ('{"a": "1"}', "never"),
            ('{"a": "2"}', 9 * 10**18),
            (b"\xff", 1),
        ]
        connection.executemany("INSERT INTO covered VALUES (?, ?)", covered)
    log = read()
    assert "3 entries in it can't be read" in log.reason
    assert set(log.covered) == {frozenset()}
    assert len(log.notes) == 1


async def test_a_value_of_endless_length_is_refused(path: Path, read: Callable[[], SavedLog]) -> None:
    await made(path, "")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE json SET raw = zeroblob(70000000) WHERE n = 3")
    with pytest.raises(StoreError, match="too big"):
        read()


async def test_reading_can_be_stopped(path: Path) -> None:
    await made(path, "")
    reader = SavedLogReader(str(path))
    reader.stop()
    with closing(reader.read()) as log:
        assert (log.digest, "reading was stopped" in log.reason) == ("", True)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"status_code_min": "401", "status_code_max": "401"}, "status:401"),
        ({"status_code_min": "400"}, "status:>=400"),
        ({"client_ip": "198.51.100.23", "method": "GET"}, "ip:198.51.100.23 method:GET"),
        ({"created_at_min": "2026-01-01T00:00:00Z", "created_at_max": "2026-01-02T00:00:00Z"},
         "created:2026-01-01T00:00:00Z..2026-01-02T00:00:00Z"),
        ({"unheard_of": "x"}, "unheard_of=x"),
    ],
)  # fmt: skip
def test_a_request_is_named_in_the_filter_language(params: dict[str, str], text: str) -> None:
    case = SavedCase("", 0, (), (), {frozenset(params.items()): 0}, None)  # type: ignore[arg-type]  # nothing is read
    assert f"all of {text} (as of " in case.lacks
