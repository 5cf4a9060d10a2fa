"""The file of a case: who may open it, what is refused, and what a process that is killed leaves."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from auditlog_tui.errors import CaseError
from auditlog_tui.store import case as module
from auditlog_tui.store.case import (
    CaseFile,
    Owner,
    add_journal_line,
    check_case,
    journal_lines,
    last_journal_line,
    open_case,
    read_case,
)
from auditlog_tui.store.entries import EntryStore
from auditlog_tui.store.kept import write_feed
from tests.effort import HANGS_S

OWNER = Owner("https://log.example", "prod")

HOLD = """
import sys
from pathlib import Path
from auditlog_tui.store.case import Owner, add_journal_line, open_case
case = open_case(Path(sys.argv[1]), Owner("https://log.example", "prod"))
add_journal_line(case, "saved")
print(case.read_only, flush=True)
sys.stdin.read()
"""
"""Opens a case, writes a line and waits."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "incident.db"


@contextmanager
def opened(path: Path, owner: Owner = OWNER) -> Iterator[CaseFile]:
    with closing(open_case(path, owner)) as case:
        yield case


@contextmanager
def another_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "False\n"
            yield process
        finally:
            process.kill()


def refused(path: Path, why: str) -> None:
    with pytest.raises(CaseError, match=why):
        open_case(path, OWNER)
    with pytest.raises(CaseError, match=why):
        read_case(path)


def lines(path: Path) -> list[str]:
    with closing(read_case(path)) as case:
        return [str(line) for _, line in journal_lines(case)]


def test_it_is_one_private_file_once_it_is_closed(path: Path) -> None:
    with opened(path) as case:
        assert add_journal_line(case, "one") == 1
        assert not case.read_only
    assert os.listdir(path.parent) == ["incident.db"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes()[68:72] == module.APPLICATION_ID.to_bytes(4, "big")
    with opened(path) as case:
        assert case.owner == OWNER
        assert add_journal_line(case, "two") == 2
    assert lines(path) == ["one", "two"]
    assert os.listdir(path.parent) == ["incident.db"]


def test_a_process_that_is_killed_leaves_what_it_wrote_and_no_lock(path: Path) -> None:
    with another_process(path) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with opened(path) as case:
        assert not case.read_only
    assert lines(path) == ["saved"]
    assert os.listdir(path.parent) == ["incident.db"]


def test_what_is_written_is_moved_into_the_file_while_it_is_open(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOVE_S", 0.01)
    monkeypatch.setattr(module, "LOG_BYTES", 100_000)
    with opened(path) as case:
        before, deadline = path.stat().st_size, time.monotonic() + HANGS_S
        for number in range(300):
            add_journal_line(case, f"{number} " * 200)
        while path.stat().st_size <= before:
            assert time.monotonic() < deadline
            time.sleep(0.01)  # nothing tells when it is done
    assert len(lines(path)) == 300
    assert "case" not in [thread.name for thread in threading.enumerate()]


def killed(path: Path) -> None:
    """A case that was not closed, with a line that is still in its log of writes."""
    if not path.exists():
        opened(path).__enter__().close()
    with another_process(path) as process:
        process.kill()
        process.wait(HANGS_S)
    assert Path(f"{path}-wal").stat().st_size


def linked(path: Path, tmp_path: Path, how: str) -> Path:
    """Another path to the same file."""
    link = tmp_path / "link.db"
    match how:
        case "relative":
            link.symlink_to(path.name)
        case "absolute":
            link.symlink_to(path)
        case "through two":
            (tmp_path / "first.db").symlink_to(path)
            link.symlink_to("first.db")
        case "folder":
            (tmp_path / "folder").symlink_to(path.parent)
            return tmp_path / "folder" / path.name
    return link


@pytest.mark.parametrize("how", ["relative", "absolute", "through two", "folder"])
@pytest.mark.parametrize("running", [True, False])
def test_through_a_link_what_was_saved_last_is_read_too(path: Path, tmp_path: Path, how: str, running: bool) -> None:
    with another_process(path) as process:
        if not running:
            process.kill()
            process.wait(HANGS_S)
        with closing(read_case(linked(path, tmp_path, how), received=True)) as case:
            assert [line for _, line in journal_lines(case)] == ["saved"]


def test_through_a_descriptor_what_was_saved_last_is_read_too(path: Path) -> None:
    killed(path)
    with path.open("rb") as file, closing(read_case(Path(f"/proc/self/fd/{file.fileno()}"), received=True)) as case:
        assert [line for _, line in journal_lines(case)] == ["saved"]


@pytest.mark.parametrize("move", [os.rename, os.link, shutil.copyfile])
def test_one_that_was_moved_without_its_log_of_writes_is_refused(
    path: Path, tmp_path: Path, move: Callable[[Path, Path], object]
) -> None:
    killed(path)
    moved = tmp_path / "moved.db"
    move(path, moved)
    with pytest.raises(CaseError, match=r"moved\.db was not closed, and .*moved\.db-wal, .* is not beside it"):
        read_case(moved, received=True)
    if move is not os.link:
        refused(moved, "was not closed")
        Path(f"{path}-wal").rename(f"{moved}-wal")
        assert lines(moved) == ["saved"]


def test_no_case_is_made_beside_the_log_of_writes_of_one_that_was_renamed(path: Path, tmp_path: Path) -> None:
    killed(path)
    renamed = tmp_path / "renamed.db"
    path.rename(renamed)
    with pytest.raises(
        CaseError, match=r"incident\.db-wal, which holds what a case saved last, is there, and the case .* not"
    ):
        open_case(path, OWNER)
    assert not path.exists()
    Path(f"{path}-wal").rename(f"{renamed}-wal")
    assert lines(renamed) == ["saved"]


def test_without_its_log_of_writes_it_is_read_where_the_user_gives_that_up(path: Path) -> None:
    killed(path)
    for end in ("-wal", "-shm", ".lock"):
        Path(f"{path}{end}").unlink(missing_ok=True)
    refused(path, "make an empty file of that name")
    Path(f"{path}-wal").touch()
    with opened(path) as case:
        assert [line for _, line in journal_lines(case)] == []


def test_while_it_is_being_opened_or_closed_its_log_of_writes_may_be_missing(path: Path) -> None:
    killed(path)  # as one that is killed in such a moment leaves it, with its lock
    for end in ("-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)
    assert lines(path) == []
    with opened(path) as case:
        add_journal_line(case, "later")
    assert lines(path) == ["later"]


def test_beside_the_log_of_writes_of_another_state_a_restored_one_is_refused(path: Path, tmp_path: Path) -> None:
    with opened(path) as case:
        add_journal_line(case, "backed up")
    shutil.copyfile(path, tmp_path / "backup.db")
    killed(path)
    shutil.copyfile(tmp_path / "backup.db", path)
    refused(path, r"incident\.db-wal is not of .*incident\.db, .* Move .*incident\.db-wal away")
    Path(f"{path}-wal").unlink()
    assert lines(path) == ["backed up"]


def left(path: Path, name: str) -> Path:
    """What a process that is killed now would leave of the case, under another name."""
    for end in ("", "-wal"):
        shutil.copyfile(f"{path}{end}", f"{path.with_name(name)}{end}")
    return path.with_name(name)


@pytest.mark.parametrize("moved", ["", "line", "feed"])
def test_beside_the_log_of_writes_of_another_case_it_is_refused(moved: str, path: Path, tmp_path: Path) -> None:
    with opened(path) as case:
        add_journal_line(case, "ours")
        ours = left(path, "ours.db")
    with opened(tmp_path / "other.db") as case:
        add_journal_line(case, "theirs")
        if moved:  # then the log of writes begins anew
            assert case.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
        if moved == "line":
            add_journal_line(case, "more")
        elif moved == "feed":
            write_feed(EntryStore(kept=case), 1, "{}")
        theirs = left(tmp_path / "other.db", "theirs.db")
        shutil.copyfile(f"{theirs}-wal", f"{ours}-wal")
    before = {each.name: each.read_bytes() for each in tmp_path.glob("ours.db*")}
    refused(ours, r"ours\.db-wal is not of .*ours\.db, but of another case\. Move it away")
    with pytest.raises(CaseError, match="of another case"):
        check_case(ours)
    assert {each.name: each.read_bytes() for each in tmp_path.glob("ours.db*")} == before
    assert lines(theirs) == (["theirs", "more"] if moved == "line" else ["theirs"])


def test_its_own_log_of_writes_is_read_after_each_of_several_kills(path: Path, tmp_path: Path) -> None:
    with opened(path) as case:
        add_journal_line(case, "one")
        again = left(path, "again.db")
    with opened(again) as case:
        add_journal_line(case, "two")
        last = left(again, "last.db")
    assert lines(last) == ["one", "two"]
    with opened(last) as case:
        assert last_journal_line(case) == (2, "two")


def test_an_older_version_gets_an_id(path: Path) -> None:
    opened(path).__enter__().close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM meta WHERE name = 'case_id'")
        connection.execute("PRAGMA user_version = 2")
    found = []
    for _ in range(2):
        with opened(path) as case:
            found.append(case.text("case_id"))
    assert re.fullmatch("[0-9a-f]{32}", found[0])
    assert found[0] == found[1]


def test_one_that_could_not_leave_write_ahead_mode_is_not_taken_for_moved(path: Path) -> None:
    def refuse(action: int, name: str | None, *_: object) -> int:  # as a full disk does
        denied = action == sqlite3.SQLITE_PRAGMA and name == "journal_mode"
        return sqlite3.SQLITE_DENY if denied else sqlite3.SQLITE_OK

    with opened(path) as case:
        add_journal_line(case, "saved")
        case.connection.set_authorizer(refuse)
    assert not Path(f"{path}-wal").exists()
    assert lines(path) == ["saved"]
    opened(path).__enter__().close()
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("replaced", [True, False])
def test_one_that_is_renamed_while_it_is_open_loses_nothing(path: Path, tmp_path: Path, replaced: bool) -> None:
    renamed = tmp_path / "renamed.db"
    with opened(path) as case:
        add_journal_line(case, "before")
    with opened(path) as case:
        add_journal_line(case, "open")
        path.rename(renamed)
        if replaced:
            shutil.copyfile(renamed, path)
        add_journal_line(case, "renamed")
        with pytest.raises(CaseError, match="was not closed"):
            read_case(renamed)
    assert lines(renamed) == ["before", "open", "renamed"]
    if replaced:
        refused(path, "was not closed")  # it is a copy of it as it was in between
    assert {each.name for each in tmp_path.iterdir()} == {renamed.name, *([path.name] if replaced else [])}


@pytest.mark.parametrize("named", ["https://a.example\x1b]0;b\x07", b"\x1b[31m\xff"])
def test_the_log_that_a_file_names_is_told_as_safe_text(path: Path, named: str | bytes) -> None:
    with opened(path) as case:
        case.connection.execute("UPDATE meta SET value = ?", [named])
    with pytest.raises(CaseError, match="is a case of ") as opening:
        open_case(path, OWNER)
    with closing(read_case(path)) as case, pytest.raises(CaseError, match="is a case of ") as reading:
        case.check_owner(OWNER)
    assert f"{opening.value}{reading.value}".isprintable()


def test_an_empty_file_is_no_case_to_be_read(path: Path) -> None:
    path.touch()
    with pytest.raises(CaseError, match=r"incident\.db is an empty file, not a case"):
        read_case(path)


def test_one_that_names_no_log_is_no_case_to_be_read(path: Path) -> None:
    with opened(path) as case:
        case.connection.execute("DELETE FROM meta")
    with pytest.raises(CaseError, match="does not say which log it is of"):
        read_case(path, received=True)


def test_beside_a_process_that_writes_it_only_a_copy_is_opened(path: Path) -> None:
    with another_process(path) as process:
        with opened(path) as case:
            assert case.read_only
            assert [line for _, line in journal_lines(case)] == ["saved"]
            add_journal_line(case, "lost")
        assert lines(path) == ["saved"]
        assert process.poll() is None
        with opened(path) as case:  # the lock outlived the copies
            assert case.read_only
    with opened(path) as case:
        assert not case.read_only


@pytest.mark.parametrize("owner", [Owner("https://other.example", "prod"), Owner(OWNER.endpoint)])
def test_one_of_another_log_is_refused(path: Path, owner: Owner) -> None:
    opened(path).__enter__().close()
    before = path.read_bytes()
    with pytest.raises(CaseError, match=r"is a case of https://log\.example in profile prod, and this is https://"):
        open_case(path, owner)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["incident.db"]


def test_a_newer_version_is_refused(path: Path) -> None:
    opened(path).__enter__().close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(module.MIGRATIONS) + 1}")
    refused(path, r"A newer auditlog-tui wrote .*incident\.db\. Use that one")


def test_an_older_version_is_migrated_in_one_go(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(path) as case:
        add_journal_line(case, "kept")
    more = (*module.MIGRATIONS, "CREATE TABLE added (a TEXT); INSERT INTO added SELECT line FROM journal;")
    monkeypatch.setattr(module, "MIGRATIONS", (*more, "CREATE TABLE half (a); SELECT fails;"))
    with pytest.raises(CaseError, match="fails"):
        open_case(path, OWNER)
    monkeypatch.setattr(module, "MIGRATIONS", more)
    with closing(read_case(path)) as case:  # a copy is migrated as well
        assert case.connection.execute("SELECT a FROM added").fetchall() == [("kept",)]
    with opened(path) as case:
        assert case.connection.execute("SELECT a FROM added").fetchall() == [("kept",)]
        assert case.connection.execute("PRAGMA user_version").fetchone() == (len(more),)
    monkeypatch.undo()
    with pytest.raises(CaseError, match="newer"):
        open_case(path, OWNER)


def test_one_made_by_hand_with_a_table_twice_is_refused(path: Path) -> None:
    opened(path).__enter__().close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("INSERT INTO sqlite_schema SELECT * FROM sqlite_schema WHERE name = 'typed'")
    with pytest.raises(CaseError, match=r"changed|damaged|can't be read"):
        read_case(path, received=True)


def test_the_schema_that_was_released_stays() -> None:
    digest = hashlib.sha256(module.MIGRATIONS[0].encode()).hexdigest()
    assert digest == FIRST, "cases of version 1 have other tables: restore the first migration, and add another"


FIRST = "5bffd8b4cc4f544d8bea6f99c7aaadeda021cbb27a42ab0d49ce8ec366043409"
"""SHA-256 of the first migration."""


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"no database, just text " * 50, r"is no case, and no SQLite file"),
        (b"SQLite format 3\0" + b"\xff" * 4_080, r"is no case|can't be read"),
    ],
)
def test_what_is_no_database_is_refused(path: Path, content: bytes, why: str) -> None:
    path.write_bytes(content)
    refused(path, why)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    before = path.read_bytes()
    with pytest.raises(CaseError, match="is another program's database"):
        open_case(path, OWNER)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            "CREATE TRIGGER t AFTER INSERT ON journal BEGIN DELETE FROM json; END",
            "it has the trigger “t”, which a case does not have",
        ),
        ("CREATE VIEW v AS SELECT 1", "it has the view “v”, which a case does not have"),
        ('CREATE TABLE "\x1b[2Jmore" (a)', "it has the table “␛[2Jmore”, which a case does not have"),
        ("CREATE INDEX i ON typed (query)", "it has the index “i”, which a case does not have"),
        ("DROP INDEX entry_of_hash", "it lacks the index “entry_of_hash”"),
        ("DROP TABLE typed", "it lacks the table “typed”"),
        ("ALTER TABLE typed ADD COLUMN more", "its table “typed” is not as in a case"),
        (
            "CREATE TABLE one (a); CREATE TABLE two (a); DROP TABLE typed",
            "it has the table “one”, which a case does not have",
        ),
        ("PRAGMA user_version = 0", "it does not say its version"),
    ],
)
def test_one_with_another_schema_is_refused_by_its_name(path: Path, change: str, why: str) -> None:
    opened(path).__enter__().close()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(change)
    for look in (lambda: open_case(path, OWNER), lambda: read_case(path, received=True), lambda: check_case(path)):
        with pytest.raises(CaseError, match=f"was changed: {re.escape(why)}. Choose another file"):
            look()


def test_a_damaged_one_is_refused(path: Path) -> None:
    with opened(path) as case:
        for number in range(2_000):
            add_journal_line(case, f"{number} " * 50)
    content = bytearray(path.read_bytes())
    for at in range(len(content) // 2, len(content) - 4_096, 4_096):
        content[at : at + 200] = b"\x5a" * 200
    path.write_bytes(content)
    with pytest.raises(CaseError, match=r"The case .*incident\.db is damaged"):
        open_case(path, OWNER)
    assert path.read_bytes() == content


def test_an_empty_file_becomes_a_case(path: Path) -> None:
    path.touch(0o644)
    opened(path).__enter__().close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert lines(path) == []


def test_a_link_a_pipe_a_folder_and_a_second_name_are_refused(tmp_path: Path, path: Path) -> None:
    target = tmp_path / "target.db"
    opened(target).__enter__().close()
    link, pipe, folder, second = (tmp_path / name for name in ("link", "pipe", "folder", "second"))
    link.symlink_to(target)
    os.mkfifo(pipe)
    folder.mkdir()
    for where, why in ((link, "a link"), (pipe, "a named pipe"), (folder, "a folder")):
        with pytest.raises(CaseError, match=f"is {why}, not an ordinary file"):
            open_case(where, OWNER)
    second.hardlink_to(target)
    with pytest.raises(CaseError, match="has another name too"):
        open_case(second, OWNER)


def test_a_file_of_another_user_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(path).__enter__().close()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(CaseError, match="belongs to another user"):
        open_case(path, OWNER)


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"There is no folder .*/missing\. Make it"):
        open_case(tmp_path / "missing" / "incident.db", OWNER)
    with pytest.raises(CaseError, match=r"There is no file .*/incident\.db"):
        read_case(tmp_path / "incident.db")


def test_a_failed_opening_leaves_no_lock(path: Path) -> None:
    path.write_bytes(b"text")
    with pytest.raises(CaseError):
        open_case(path, OWNER)
    assert os.listdir(path.parent) == ["incident.db"]
    path.write_bytes(b"")
    with opened(path) as case:
        assert not case.read_only
