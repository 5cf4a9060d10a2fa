from __future__ import annotations

import json
import os
import resource
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from auditlog_tui.entries.models import Entry, read_entry
from auditlog_tui.errors import StoreError
from auditlog_tui.session import marks as module
from auditlog_tui.session.marks import MOST, NOTE_LIMIT, Earlier, Marks, marks_path, tags_of
from auditlog_tui.session.opening import Session
from auditlog_tui.settings.options import Settings

NOW_US = 1_790_000_000_000_000


def entry(number: int, created_at: object = None, **fields: object) -> Entry:
    created = created_at or f"2026-07-01T12:00:{number:02}Z"
    return read_entry(json.dumps({"id": f"id-{number}", "created_at": created, "action": "vm.deleted"} | fields))


ONE, TWO, THREE = entry(1), entry(2), entry(3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "marks.sqlite3"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program holds a write transaction."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def reloaded(path: Path) -> Marks:
    """Marks as the next run loads them."""
    return Marks(path)


def keys(marks: Marks) -> list[str]:
    return [each.key for each in marks.marked()]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# -- in memory -----------------------------------------------------------------------------------------------------


def test_marks_are_in_time_order_whatever_order_they_were_made_in() -> None:
    marks = Marks()
    marks.mark([THREE, ONE])
    marks.mark([TWO])
    assert keys(marks) == ["id-1", "id-2", "id-3"]
    assert marks.count == 3
    assert marks.keys == {"id-1", "id-2", "id-3"}


def test_entry_with_unreadable_time_comes_last() -> None:
    marks = Marks()
    marks.mark([entry(9, "yesterday"), TWO])
    assert keys(marks) == ["id-2", "id-9"]


def test_toggling_one_marks_it_and_then_unmarks_it() -> None:
    marks = Marks()
    marks.toggle([ONE])
    assert marks.is_marked("id-1")
    marks.toggle([ONE])
    assert not marks.is_marked("id-1")
    assert marks.marked() == []


def test_toggling_several_unmarks_them_only_where_all_are_marked() -> None:
    marks = Marks()
    marks.mark([ONE])
    marks.toggle([ONE, TWO])
    assert keys(marks) == ["id-1", "id-2"]
    marks.toggle([ONE, TWO])
    assert marks.count == 0


def test_a_note_marks_its_entry_and_is_read_back() -> None:
    marks = Marks()
    marks.note(ONE, "  the leaked key #ioc ")
    assert marks.note_of("id-1") == "the leaked key #ioc"
    assert marks.is_marked("id-1")
    assert marks.notes == 1
    assert marks.note_of("id-2") == ""


def test_unmarking_keeps_the_note_and_an_empty_note_keeps_the_mark() -> None:
    marks = Marks()
    marks.note(ONE, "first")
    marks.unmark([ONE])
    assert (marks.is_marked("id-1"), marks.note_of("id-1")) == (False, "first")
    marks.note(TWO, "second")
    marks.note(TWO, "")
    assert (marks.is_marked("id-2"), marks.note_of("id-2")) == (True, "")


def test_an_empty_note_on_an_entry_without_one_does_nothing() -> None:
    marks = Marks()
    marks.note(ONE, " ")
    assert marks.count == 0


def test_marking_again_keeps_the_note() -> None:
    marks = Marks()
    marks.note(ONE, "kept")
    marks.mark([ONE])
    assert marks.note_of("id-1") == "kept"


def test_tags_are_words_after_a_number_sign_most_used_first() -> None:
    assert tags_of("#ioc, not#this? #c2-host. #ioc (#über)") == ["ioc", "this", "c2-host", "über"]
    marks = Marks()
    marks.note(ONE, "#rare #ioc")
    marks.note(TWO, "#ioc")
    assert marks.tags == ["ioc", "rare"]


def test_a_note_that_is_too_long_is_refused_and_the_old_one_stays() -> None:
    marks = Marks()
    marks.note(ONE, "old")
    with pytest.raises(StoreError, match="at most 2,000 characters"):
        marks.note(ONE, "x" * (NOTE_LIMIT + 1))
    assert marks.note_of("id-1") == "old"


def test_too_many_marks_are_refused_and_nothing_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    marks = Marks()
    marks.mark([ONE])
    with pytest.raises(StoreError, match="At most 2 entries"):
        marks.mark([TWO, THREE])
    assert keys(marks) == ["id-1"]
    marks.mark([ONE, TWO])
    assert marks.count == 2


# -- the file ------------------------------------------------------------------------------------------------------


def test_nothing_is_written_before_something_is_marked(path: Path) -> None:
    marks = Marks(path)
    marks.unmark([ONE])
    marks.forget()
    assert marks.earlier is None
    assert not path.exists()


def test_marks_and_notes_are_there_at_the_next_start_with_the_exact_json(path: Path) -> None:
    odd = read_entry('{"id": "id-7", "status_code": 1.10, "status_code": 403, "action": "\\u001b[31m"}')
    marks = Marks(path, now_us=lambda: NOW_US)
    marks.mark([odd, ONE])
    marks.note(TWO, "who? #ioc")
    marks.unmark([ONE])
    found = reloaded(path)
    assert found.error == ""
    assert {each.key: each.raw for each in found.marked()} == {"id-2": TWO.raw, "id-7": odd.raw}
    assert found.note_of("id-2") == "who? #ioc"
    assert found.earlier == Earlier(marks=2, notes=1, made_us=NOW_US)


def test_each_mark_is_in_the_file_when_the_call_returns(path: Path) -> None:
    marks = Marks(path)
    for count, each in enumerate((ONE, TWO, THREE), 1):
        marks.mark([each])
        assert reloaded(path).count == count


def test_an_entry_without_an_id_is_the_same_one_at_the_next_start(path: Path) -> None:
    nameless = read_entry('{"action": "vm.deleted"}')
    Marks(path).mark([nameless])
    assert reloaded(path).is_marked(nameless.key)


def test_the_file_and_its_folder_are_for_their_owner_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        Marks(path).mark([ONE])
    finally:
        os.umask(before)
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_file_that_others_could_read_is_made_private_with_the_next_mark(path: Path) -> None:
    Marks(path).mark([ONE])
    path.chmod(0o644)
    reloaded(path).mark([TWO])
    assert mode(path) == 0o600


def test_forget_empties_the_file(path: Path) -> None:
    Marks(path).mark([ONE, TWO])
    marks = reloaded(path)
    marks.forget()
    assert (marks.count, marks.earlier) == (0, None)
    assert reloaded(path).earlier is None
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM mark").fetchone() == (0,)


def test_two_terminals_keep_the_marks_of_both(path: Path) -> None:
    here, there = Marks(path), Marks(path)
    here.mark([ONE])
    there.mark([TWO])
    here.mark([THREE])
    assert keys(reloaded(path)) == ["id-1", "id-2", "id-3"]


def test_each_endpoint_has_a_file_with_an_opaque_name() -> None:
    one, other = marks_path("https://api.example/../x"), marks_path("https://api.other")
    assert one != other
    assert one.parent == other.parent
    assert one == marks_path("https://api.example/../x")
    assert "example" not in one.name
    assert "/" not in one.name.removeprefix("marks-").removesuffix(".sqlite3")


def test_each_profile_has_a_file_and_none_has_the_one_from_before_there_were_any() -> None:
    url = "https://api.nirvanalabs.io"
    assert marks_path(url).name == "marks-f2f0fc92876bd015.sqlite3"
    assert len({marks_path(url), marks_path(url, "prod"), marks_path(url, "stage"), marks_path(f"prod{url}")}) == 4


# -- faults of the file -------------------------------------------------------------------------------------------


@contextmanager
def full_disk() -> Iterator[None]:
    """Limit the size of files to 0, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_full_disk_is_reported_and_loses_nothing(path: Path) -> None:
    marks = Marks(path)
    marks.mark([ONE])
    with full_disk(), pytest.raises(StoreError, match="Kept for this run, not saved") as told:
        marks.note(TWO, "typed with care #ioc")
    assert str(path) in str(told.value)
    assert marks.note_of("id-2") == "typed with care #ioc"
    assert keys(marks) == ["id-1", "id-2"]
    assert keys(reloaded(path)) == ["id-1"]


def test_unsaved_changes_are_saved_with_the_next_mark(path: Path) -> None:
    marks = Marks(path)
    marks.mark([ONE])
    with full_disk():
        with pytest.raises(StoreError):
            marks.note(TWO, "kept")
        with pytest.raises(StoreError):
            marks.unmark([ONE])
    marks.mark([THREE])
    found = reloaded(path)
    assert keys(found) == ["id-2", "id-3"]
    assert found.note_of("id-2") == "kept"


def test_locked_file_is_reported_and_loses_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_S", 0.01)
    marks = Marks(path)
    marks.mark([ONE])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="locked"):
            marks.mark([TWO])
    assert keys(marks) == ["id-1", "id-2"]
    marks.mark([THREE])
    assert keys(reloaded(path)) == ["id-1", "id-2", "id-3"]


def test_failing_folder_is_reported(tmp_path: Path) -> None:
    blocking = tmp_path / "state"
    blocking.write_text("a file where the folder should be")
    marks = Marks(blocking / "marks.sqlite3")
    with pytest.raises(StoreError, match="Make it writable"):
        marks.mark([ONE])
    assert keys(marks) == ["id-1"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_file_is_loaded_and_reported_on_marking(path: Path) -> None:
    Marks(path).mark([ONE])
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        marks = reloaded(path)
        assert (marks.error, keys(marks)) == ("", ["id-1"])
        with pytest.raises(StoreError, match="not saved"):
            marks.mark([TWO])
    finally:
        path.parent.chmod(0o700)
    assert keys(marks) == ["id-1", "id-2"]


@pytest.mark.parametrize("content", [b"this is no database", b"SQLite format 3\0" + b"\xff" * 4096])
def test_broken_file_is_reported_and_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    marks = reloaded(path)
    assert str(path) in marks.error
    assert "Move it away" in marks.error
    with pytest.raises(StoreError, match="Move it away"):
        marks.note(ONE, "typed #ioc")
    assert marks.note_of("id-1") == "typed #ioc"
    assert path.read_bytes() == content


def test_everything_is_saved_once_a_broken_file_is_moved(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database")
    marks = reloaded(path)
    with pytest.raises(StoreError):
        marks.note(ONE, "typed #ioc")
    path.rename(path.with_suffix(".broken"))
    marks.mark([TWO])
    found = reloaded(path)
    assert keys(found) == ["id-1", "id-2"]
    assert found.note_of("id-1") == "typed #ioc"


def test_empty_file_is_used(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"")
    marks = reloaded(path)
    assert (marks.error, marks.count) == ("", 0)
    marks.mark([ONE])
    assert reloaded(path).count == 1


def test_path_in_the_home_folder_is_shortened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "marks.sqlite3").write_bytes(b"this is no database")
    assert reloaded(tmp_path / "marks.sqlite3").error.endswith("Move it away: ~/marks.sqlite3")


def test_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"")
    path.symlink_to(elsewhere)
    marks = reloaded(path)
    assert "no ordinary file" in marks.error
    with pytest.raises(StoreError, match="no ordinary file"):
        marks.mark([ONE])
    assert elsewhere.read_bytes() == b""


def test_a_newer_programs_file_is_left_alone(path: Path) -> None:
    Marks(path).mark([ONE])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    before = path.read_bytes()
    marks = reloaded(path)
    assert "newer auditlog-tui" in marks.error
    with pytest.raises(StoreError, match="newer auditlog-tui"):
        marks.mark([TWO])
    assert path.read_bytes() == before


# -- untrusted contents -------------------------------------------------------------------------------------------


def write_row(path: Path, *row: object) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO mark VALUES (?, ?, ?, ?, ?)", row)


def test_foreign_rows_are_counted_and_skipped(path: Path) -> None:
    Marks(path).mark([ONE])
    write_row(path, "a", b"\x00\x01", 1, "", 0)
    write_row(path, "b", TWO.raw, 1, b"note", 0)
    write_row(path, "c", TWO.raw, 1, "", "soon")
    write_row(path, "d", TWO.raw, 0, "", 0)
    marks = reloaded(path)
    assert keys(marks) == ["id-1"]
    assert marks.error.startswith("4 of the marks")
    assert str(path) in marks.error


def test_entry_key_comes_from_the_json(path: Path) -> None:
    Marks(path).mark([ONE])
    write_row(path, "id-3", TWO.raw, 1, "", 0)
    marks = reloaded(path)
    assert keys(marks) == ["id-1", "id-2"]
    assert not marks.is_marked("id-3")


@pytest.mark.parametrize("raw", ["", "[]", "{" * 100_000, '{"id": 5}', "null", '{"id": "\\ud800"}'])
def test_odd_json_is_read_leniently(path: Path, raw: str) -> None:
    Marks(path).mark([ONE])
    write_row(path, "odd", raw, 1, "", 0)
    marks = reloaded(path)
    assert marks.count == 2
    assert {each.raw for each in marks.marked()} == {ONE.raw, raw}


def test_invalid_utf_8_is_read(path: Path) -> None:
    Marks(path).mark([ONE])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE mark SET note = CAST(x'61ff62' AS TEXT)")
    assert reloaded(path).note_of("id-1") == "a\ufffdb"


def test_loading_stops_at_the_maximum(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Marks(path).mark([ONE, TWO, THREE])
    assert MOST >= 3
    monkeypatch.setattr(module, "MOST", 2)
    assert reloaded(path).count == 2


def test_a_lone_surrogate_in_a_note_can_be_saved(path: Path) -> None:
    Marks(path).note(ONE, "a\ud800b")
    assert reloaded(path).note_of("id-1") == "a?b"


# -- several terminals ---------------------------------------------------------------------------------------------


def two_terminals(path: Path) -> tuple[Marks, Marks]:
    """Two terminals on one file; every change is one second after the previous one."""
    seconds = iter(range(1_000))

    def now_us() -> int:
        return NOW_US + next(seconds) * 1_000_000

    return Marks(path, now_us=now_us), Marks(path, now_us=now_us)


def test_two_notes_on_one_entry_are_joined_newest_first(path: Path) -> None:
    here, there = two_terminals(path)
    here.note(ONE, "the leaked key #ioc")
    there.note(ONE, "seen at 12:00")
    assert there.note_of("id-1") == "seen at 12:00 | the leaked key #ioc"
    assert reloaded(path).note_of("id-1") == "seen at 12:00 | the leaked key #ioc"
    here.refresh()
    assert here.note_of("id-1") == "seen at 12:00 | the leaked key #ioc"


def test_known_note_can_be_changed_and_removed(path: Path) -> None:
    here, there = two_terminals(path)
    here.note(ONE, "first")
    there.refresh()
    there.note(ONE, "better")
    assert reloaded(path).note_of("id-1") == "better"
    here.refresh()
    here.note(ONE, "")
    there.refresh()
    assert there.note_of("id-1") == reloaded(path).note_of("id-1") == ""


def test_the_same_note_typed_twice_is_kept_once(path: Path) -> None:
    here, there = two_terminals(path)
    here.note(ONE, "same")
    there.note(ONE, "same")
    assert reloaded(path).note_of("id-1") == "same"


def test_other_terminals_newer_note_is_not_overwritten(path: Path) -> None:
    here, there = two_terminals(path)
    here.note(ONE, "old")
    there.refresh()
    here.note(ONE, "new")
    there.unmark([ONE])
    assert (there.is_marked("id-1"), there.note_of("id-1")) == (False, "new")
    here.note(ONE, "newer")
    there.note(ONE, "")
    assert reloaded(path).note_of("id-1") == "newer"


def test_joined_notes_beyond_the_limit_are_kept(path: Path) -> None:
    here, there = two_terminals(path)
    here.note(ONE, "a" * NOTE_LIMIT)
    there.note(ONE, "b" * NOTE_LIMIT)
    assert reloaded(path).note_of("id-1") == f"{'b' * NOTE_LIMIT} | {'a' * NOTE_LIMIT}"


def test_other_terminals_marks_are_merged_with_the_next_change(path: Path) -> None:
    here, there = two_terminals(path)
    here.mark([ONE])
    there.mark([TWO])
    assert keys(there) == ["id-1", "id-2"]
    assert keys(here) == ["id-1"]
    here.unmark([ONE])
    assert keys(here) == ["id-2"]
    there.refresh()
    assert keys(there) == ["id-2"]


def test_forget_keeps_marks_made_since_by_others(path: Path) -> None:
    here, there = two_terminals(path)
    here.note(ONE, "mine")
    there.note(TWO, "theirs")
    there.note(ONE, "changed")
    here.forget()
    assert keys(here) == keys(reloaded(path)) == ["id-1", "id-2"]
    assert reloaded(path).note_of("id-1") == "changed"
    here.forget()
    assert reloaded(path).earlier is None


def test_notes_are_joined_in_order_after_a_full_disk(path: Path) -> None:
    here, there = two_terminals(path)
    here.mark([TWO])
    with full_disk(), pytest.raises(StoreError):
        here.note(ONE, "earlier")
    there.note(ONE, "later")
    here.mark([THREE])
    assert reloaded(path).note_of("id-1") == "later | earlier"


def test_removed_file_removes_no_mark(path: Path) -> None:
    here, there = two_terminals(path)
    here.note(ONE, "kept")
    there.refresh()
    path.rename(path.with_suffix(".away"))
    there.mark([TWO])
    here.mark([THREE])
    assert keys(reloaded(path)) == ["id-1", "id-2", "id-3"]
    assert reloaded(path).note_of("id-1") == "kept"


WRITER = """
import sys
from pathlib import Path
from auditlog_tui.session import marks
from auditlog_tui.session.marks import Marks
from auditlog_tui.entries.models import read_entry
marks.BUSY_S = 60.0
path, name = Path(sys.argv[1]), sys.argv[2]
terminals = [Marks(path) for _ in range(20)]  # none of them has loaded the others' notes
print("ready", flush=True)
sys.stdin.readline()
for number, marks in enumerate(terminals):
    marks.note(read_entry('{"id": "id-%d"}' % number), f"{name}{number}")
"""


def test_file_created_by_another_terminal_is_used(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Marks(path).mark([entry(1)])
    lexists = os.path.lexists
    monkeypatch.setattr(os.path, "lexists", lambda each: each != path and lexists(each))
    late = Marks(path)
    late.mark([entry(2)])
    monkeypatch.undo()
    assert Marks(path).count == 2


def test_two_processes_that_note_the_same_entries_at_once_lose_no_note(path: Path) -> None:
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for name in "ab"
    ]
    for each in runs:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in runs:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in runs:
        each.communicate(timeout=60)
        assert each.returncode == 0
    found = reloaded(path)
    for number in range(20):
        assert sorted(found.note_of(f"id-{number}").split(" | ")) == [f"a{number}", f"b{number}"]


# -- ownership ----------------------------------------------------------------------------------------------------


def test_other_programs_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE moz_places (id INTEGER)")
    before = path.read_bytes()
    marks = reloaded(path)
    assert "another program's" in marks.error
    with pytest.raises(StoreError, match="another program's"):
        marks.mark([ONE])
    assert path.read_bytes() == before


def test_other_database_with_the_same_table_name_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mark (id INTEGER)")
        connection.execute("PRAGMA user_version = 1")
    assert "another program's" in reloaded(path).error


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_another_user_is_neither_read_nor_written(path: Path) -> None:
    Marks(path).mark([ONE])
    os.chown(path, 12_345, 12_345)
    marks = reloaded(path)
    assert "belongs to another user" in marks.error
    assert marks.count == 0
    with pytest.raises(StoreError, match="belongs to another user"):
        marks.mark([TWO])


def test_file_locked_at_the_start_is_reported_and_read_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_S", 0.01)
    Marks(path).mark([ONE])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        marks = reloaded(path)
        assert "locked" in marks.error
        assert "Close the program that is using it" in marks.error
        assert "room" not in marks.error
        with pytest.raises(StoreError, match="locked"):
            marks.refresh()
    marks.mark([TWO])
    assert keys(marks) == ["id-1", "id-2"]


def test_unsaved_changes_are_retried_at_exit_or_reported(path: Path) -> None:
    session = Session(Settings(base_url="https://log.example"))
    assert session.save_marks() == ""
    session._marks = marks = Marks(path)
    marks.mark([TWO])
    with locked(path), pytest.raises(StoreError):
        marks.mark([ONE])
    with locked(path):
        assert session.save_marks().startswith("1 mark or note could not be saved: Kept for this run")
    assert session.save_marks() == ""
    assert reloaded(path).count == 2
