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
    """While another program writes."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def again(path: Path) -> Marks:
    """What the next start finds."""
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


def test_an_entry_whose_time_cant_be_read_goes_last() -> None:
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
    found = again(path)
    assert found.error == ""
    assert {each.key: each.raw for each in found.marked()} == {"id-2": TWO.raw, "id-7": odd.raw}
    assert found.note_of("id-2") == "who? #ioc"
    assert found.earlier == Earlier(marks=2, notes=1, made_us=NOW_US)


def test_each_mark_is_in_the_file_when_the_call_returns(path: Path) -> None:
    marks = Marks(path)
    for count, each in enumerate((ONE, TWO, THREE), 1):
        marks.mark([each])
        assert again(path).count == count


def test_an_entry_without_an_id_is_the_same_one_at_the_next_start(path: Path) -> None:
    nameless = read_entry('{"action": "vm.deleted"}')
    Marks(path).mark([nameless])
    assert again(path).is_marked(nameless.key)


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
    again(path).mark([TWO])
    assert mode(path) == 0o600


def test_forgetting_empties_the_file_too(path: Path) -> None:
    Marks(path).mark([ONE, TWO])
    marks = again(path)
    marks.forget()
    assert (marks.count, marks.earlier) == (0, None)
    assert again(path).earlier is None
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM mark").fetchone() == (0,)


def test_two_terminals_keep_the_marks_of_both(path: Path) -> None:
    here, there = Marks(path), Marks(path)
    here.mark([ONE])
    there.mark([TWO])
    here.mark([THREE])
    assert keys(again(path)) == ["id-1", "id-2", "id-3"]


def test_each_endpoint_has_its_file_whose_name_tells_nothing() -> None:
    one, other = marks_path("https://api.example/../x"), marks_path("https://api.other")
    assert one != other
    assert one.parent == other.parent
    assert one == marks_path("https://api.example/../x")
    assert "example" not in one.name
    assert "/" not in one.name.removeprefix("marks-").removesuffix(".sqlite3")


# -- what goes wrong with it ---------------------------------------------------------------------------------------


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process may grow beyond nothing, as on a disk without room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_told_and_costs_neither_mark_nor_note(path: Path) -> None:
    marks = Marks(path)
    marks.mark([ONE])
    with full_disk(), pytest.raises(StoreError, match="Kept for this run, not saved") as told:
        marks.note(TWO, "typed with care #ioc")
    assert str(path) in str(told.value)
    assert marks.note_of("id-2") == "typed with care #ioc"
    assert keys(marks) == ["id-1", "id-2"]
    assert keys(again(path)) == ["id-1"]


def test_what_could_not_be_saved_is_saved_with_the_next_mark(path: Path) -> None:
    marks = Marks(path)
    marks.mark([ONE])
    with full_disk():
        with pytest.raises(StoreError):
            marks.note(TWO, "kept")
        with pytest.raises(StoreError):
            marks.unmark([ONE])
    marks.mark([THREE])
    found = again(path)
    assert keys(found) == ["id-2", "id-3"]
    assert found.note_of("id-2") == "kept"


def test_a_file_that_another_program_is_writing_is_told_of_and_loses_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_S", 0.01)
    marks = Marks(path)
    marks.mark([ONE])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="locked"):
            marks.mark([TWO])
    assert keys(marks) == ["id-1", "id-2"]
    marks.mark([THREE])
    assert keys(again(path)) == ["id-1", "id-2", "id-3"]


def test_a_folder_that_cant_be_made_is_told_of(tmp_path: Path) -> None:
    blocking = tmp_path / "state"
    blocking.write_text("a file where the folder should be")
    marks = Marks(blocking / "marks.sqlite3")
    with pytest.raises(StoreError, match="Make it writable"):
        marks.mark([ONE])
    assert keys(marks) == ["id-1"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_cant_be_written_is_read_and_told_of_when_something_is_marked(path: Path) -> None:
    Marks(path).mark([ONE])
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        marks = again(path)
        assert (marks.error, keys(marks)) == ("", ["id-1"])
        with pytest.raises(StoreError, match="not saved"):
            marks.mark([TWO])
    finally:
        path.parent.chmod(0o700)
    assert keys(marks) == ["id-1", "id-2"]


@pytest.mark.parametrize("content", [b"this is no database", b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_broken_file_is_told_of_and_left_alone_and_what_is_typed_stays(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    marks = again(path)
    assert str(path) in marks.error
    assert "Move it away" in marks.error
    with pytest.raises(StoreError, match="Move it away"):
        marks.note(ONE, "typed #ioc")
    assert marks.note_of("id-1") == "typed #ioc"
    assert path.read_bytes() == content


def test_once_a_broken_file_is_moved_away_everything_is_saved(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database")
    marks = again(path)
    with pytest.raises(StoreError):
        marks.note(ONE, "typed #ioc")
    path.rename(path.with_suffix(".broken"))
    marks.mark([TWO])
    found = again(path)
    assert keys(found) == ["id-1", "id-2"]
    assert found.note_of("id-1") == "typed #ioc"


def test_a_file_that_was_made_and_never_written_holds_no_marks_and_takes_some(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"")
    marks = again(path)
    assert (marks.error, marks.count) == ("", 0)
    marks.mark([ONE])
    assert again(path).count == 1


def test_a_path_in_the_home_folder_is_told_of_in_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "marks.sqlite3").write_bytes(b"this is no database")
    assert again(tmp_path / "marks.sqlite3").error.endswith("Move it away: ~/marks.sqlite3")


def test_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"")
    path.symlink_to(elsewhere)
    marks = again(path)
    assert "no ordinary file" in marks.error
    with pytest.raises(StoreError, match="no ordinary file"):
        marks.mark([ONE])
    assert elsewhere.read_bytes() == b""


def test_a_newer_programs_file_is_left_alone(path: Path) -> None:
    Marks(path).mark([ONE])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    before = path.read_bytes()
    marks = again(path)
    assert "newer auditlog-tui" in marks.error
    with pytest.raises(StoreError, match="newer auditlog-tui"):
        marks.mark([TWO])
    assert path.read_bytes() == before


# -- what is in it is not trusted ----------------------------------------------------------------------------------


def put(path: Path, *row: object) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO mark VALUES (?, ?, ?, ?, ?)", row)


def test_rows_that_this_program_did_not_write_are_counted_and_cost_no_other(path: Path) -> None:
    Marks(path).mark([ONE])
    put(path, "a", b"\x00\x01", 1, "", 0)
    put(path, "b", TWO.raw, 1, b"note", 0)
    put(path, "c", TWO.raw, 1, "", "soon")
    put(path, "d", TWO.raw, 0, "", 0)
    marks = again(path)
    assert keys(marks) == ["id-1"]
    assert marks.error.startswith("4 of the marks")
    assert str(path) in marks.error


def test_an_entry_of_the_file_is_what_its_json_says_not_what_its_key_says(path: Path) -> None:
    Marks(path).mark([ONE])
    put(path, "id-3", TWO.raw, 1, "", 0)
    marks = again(path)
    assert keys(marks) == ["id-1", "id-2"]
    assert not marks.is_marked("id-3")


@pytest.mark.parametrize("raw", ["", "[]", "{" * 100_000, '{"id": 5}', "null", '{"id": "\\ud800"}'])
def test_json_that_is_no_entry_is_read_as_leniently_as_from_the_wire(path: Path, raw: str) -> None:
    Marks(path).mark([ONE])
    put(path, "odd", raw, 1, "", 0)
    marks = again(path)
    assert marks.count == 2
    assert {each.raw for each in marks.marked()} == {ONE.raw, raw}


def test_text_that_is_no_utf_8_is_read_all_the_same(path: Path) -> None:
    Marks(path).mark([ONE])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE mark SET note = CAST(x'61ff62' AS TEXT)")
    assert again(path).note_of("id-1") == "a\ufffdb"


def test_no_more_marks_are_read_than_may_be_made(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Marks(path).mark([ONE, TWO, THREE])
    assert MOST >= 3
    monkeypatch.setattr(module, "MOST", 2)
    assert again(path).count == 2


def test_a_lone_surrogate_in_a_note_can_be_saved(path: Path) -> None:
    Marks(path).note(ONE, "a\ud800b")
    assert again(path).note_of("id-1") == "a?b"


# -- several terminals ---------------------------------------------------------------------------------------------


def two(path: Path) -> tuple[Marks, Marks]:
    """Two terminals over one file, whose changes are each a second later than the one before."""
    seconds = iter(range(1_000))

    def now_us() -> int:
        return NOW_US + next(seconds) * 1_000_000

    return Marks(path, now_us=now_us), Marks(path, now_us=now_us)


def test_of_two_notes_on_one_entry_both_stay_the_newest_first(path: Path) -> None:
    here, there = two(path)
    here.note(ONE, "the leaked key #ioc")
    there.note(ONE, "seen at 12:00")
    assert there.note_of("id-1") == "seen at 12:00 | the leaked key #ioc"
    assert again(path).note_of("id-1") == "seen at 12:00 | the leaked key #ioc"
    here.refresh()
    assert here.note_of("id-1") == "seen at 12:00 | the leaked key #ioc"


def test_a_note_that_was_seen_can_be_changed_and_taken_away(path: Path) -> None:
    here, there = two(path)
    here.note(ONE, "first")
    there.refresh()
    there.note(ONE, "better")
    assert again(path).note_of("id-1") == "better"
    here.refresh()
    here.note(ONE, "")
    there.refresh()
    assert there.note_of("id-1") == again(path).note_of("id-1") == ""


def test_the_same_note_typed_twice_is_kept_once(path: Path) -> None:
    here, there = two(path)
    here.note(ONE, "same")
    there.note(ONE, "same")
    assert again(path).note_of("id-1") == "same"


def test_what_another_terminal_typed_is_not_lost_to_an_older_view_of_it(path: Path) -> None:
    here, there = two(path)
    here.note(ONE, "old")
    there.refresh()
    here.note(ONE, "new")
    there.unmark([ONE])
    assert (there.is_marked("id-1"), there.note_of("id-1")) == (False, "new")
    here.note(ONE, "newer")
    there.note(ONE, "")
    assert again(path).note_of("id-1") == "newer"


def test_joined_notes_that_are_longer_than_one_may_be_are_kept_whole(path: Path) -> None:
    here, there = two(path)
    here.note(ONE, "a" * NOTE_LIMIT)
    there.note(ONE, "b" * NOTE_LIMIT)
    assert again(path).note_of("id-1") == f"{'b' * NOTE_LIMIT} | {'a' * NOTE_LIMIT}"


def test_what_another_terminal_marked_is_there_with_the_next_change(path: Path) -> None:
    here, there = two(path)
    here.mark([ONE])
    there.mark([TWO])
    assert keys(there) == ["id-1", "id-2"]
    assert keys(here) == ["id-1"]
    here.unmark([ONE])
    assert keys(here) == ["id-2"]
    there.refresh()
    assert keys(there) == ["id-2"]


def test_forgetting_takes_away_what_was_known_and_nothing_that_another_made_since(path: Path) -> None:
    here, there = two(path)
    here.note(ONE, "mine")
    there.note(TWO, "theirs")
    there.note(ONE, "changed")
    here.forget()
    assert keys(here) == keys(again(path)) == ["id-1", "id-2"]
    assert again(path).note_of("id-1") == "changed"
    here.forget()
    assert again(path).earlier is None


def test_after_a_full_disk_both_notes_are_kept_in_the_order_in_which_they_were_typed(path: Path) -> None:
    here, there = two(path)
    here.mark([TWO])
    with full_disk(), pytest.raises(StoreError):
        here.note(ONE, "earlier")
    there.note(ONE, "later")
    here.mark([THREE])
    assert again(path).note_of("id-1") == "later | earlier"


def test_a_file_that_was_taken_away_takes_no_mark_away(path: Path) -> None:
    here, there = two(path)
    here.note(ONE, "kept")
    there.refresh()
    path.rename(path.with_suffix(".away"))
    there.mark([TWO])
    here.mark([THREE])
    assert keys(again(path)) == ["id-1", "id-2", "id-3"]
    assert again(path).note_of("id-1") == "kept"


WRITER = """
import sys
from pathlib import Path
from auditlog_tui.session import marks
from auditlog_tui.session.marks import Marks
from auditlog_tui.entries.models import read_entry
marks.BUSY_S = 60.0
path, name = Path(sys.argv[1]), sys.argv[2]
terminals = [Marks(path) for _ in range(20)]  # each of a person who saw none of the notes
print("ready", flush=True)
sys.stdin.readline()
for number, marks in enumerate(terminals):
    marks.note(read_entry('{"id": "id-%d"}' % number), f"{name}{number}")
"""


def test_a_file_that_another_terminal_makes_first_is_taken(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    found = again(path)
    for number in range(20):
        assert sorted(found.note_of(f"id-{number}").split(" | ")) == [f"a{number}", f"b{number}"]


# -- whose file it is ----------------------------------------------------------------------------------------------


def test_another_programs_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE moz_places (id INTEGER)")
    before = path.read_bytes()
    marks = again(path)
    assert "another program's" in marks.error
    with pytest.raises(StoreError, match="another program's"):
        marks.mark([ONE])
    assert path.read_bytes() == before


def test_one_with_a_table_of_the_same_name_is_left_alone_too(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mark (id INTEGER)")
        connection.execute("PRAGMA user_version = 1")
    assert "another program's" in again(path).error


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_another_user_is_neither_read_nor_written(path: Path) -> None:
    Marks(path).mark([ONE])
    os.chown(path, 12_345, 12_345)
    marks = again(path)
    assert "belongs to another user" in marks.error
    assert marks.count == 0
    with pytest.raises(StoreError, match="belongs to another user"):
        marks.mark([TWO])


def test_a_file_that_is_locked_at_the_start_is_told_of_and_read_later(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_S", 0.01)
    Marks(path).mark([ONE])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        marks = again(path)
        assert "locked" in marks.error
        assert "Close the program that is using it" in marks.error
        assert "room" not in marks.error
        with pytest.raises(StoreError, match="locked"):
            marks.refresh()
    marks.mark([TWO])
    assert keys(marks) == ["id-1", "id-2"]


def test_what_could_not_be_saved_is_tried_again_at_the_end_or_told(path: Path) -> None:
    session = Session(Settings(base_url="https://log.example"))
    assert session.save_marks() == ""
    session._marks = marks = Marks(path)
    marks.mark([TWO])
    with locked(path), pytest.raises(StoreError):
        marks.mark([ONE])
    with locked(path):
        assert session.save_marks().startswith("1 mark or note could not be saved: Kept for this run")
    assert session.save_marks() == ""
    assert again(path).count == 2
