"""`log` from its command line to its status and what it writes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from auditlog_tui import cli
from auditlog_tui.entries.models import read_entry
from auditlog_tui.evidence.journal import Chain
from auditlog_tui.headless.case_log import LIMIT
from auditlog_tui.store.case import (
    JOURNAL_END,
    Owner,
    add_journal_line,
    journal_end,
    last_journal_line,
    open_case,
)
from auditlog_tui.store.entries import EntryStore

Command = Callable[..., tuple[int, str, str]]
OWNER = Owner("https://api.nirvanalabs.io")
NOON_US = 1_800_000_000_000_000


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Runs `log` in a folder of its own, with settings that nothing could be done with."""
    (tmp_path / "config.toml").write_text("not = [toml")
    monkeypatch.setattr(cli, "config_path", lambda: tmp_path / "config.toml")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(["log", *arguments])
        said = capfd.readouterr()
        return int(status), said.out, said.err

    return run


@pytest.fixture
def lines(tmp_path: Path) -> list[str]:
    """The lines of the log in `incident.db`."""
    chain = Chain()
    acts = [
        ("opened", {"endpoint": "https://api.nirvanalabs.io", "filter": ""}),
        ("query", {"query": "status:403"}),
        ("marked", {"entries": 2, "ids": ["id-1", "id-2"]}),
        ("copied", {"what": "2 × ID", "ids": ["id-1", "\x1b[31mid-2"]}),
    ]
    texts = [chain.add(NOON_US + 1_000_000 * n, kind, fields).text for n, (kind, fields) in enumerate(acts)]  # type: ignore[arg-type]  # JSON
    with closing(open_case(tmp_path / "incident.db", OWNER)) as case:
        for text in texts:
            add_journal_line(case, text)
    return texts


def test_a_log_is_written_and_verified(command: Command, lines: list[str]) -> None:
    status, out, err = command("incident.db")
    assert (status, err) == (0, "")
    _, query, marked, copied, verdict, *rest = out.splitlines()
    assert query == "    2  2027-01-15T08:00:01.000000Z  query      query: status:403"
    assert marked.endswith("entries: 2; ids: id-1, id-2")
    assert "\x1b" not in copied
    digest = json.loads(lines[-1])["digest"]
    assert verdict == f"VERIFIED: 4 lines hold, each with the one before. The digest of the last one: {digest}"
    assert "does not show that its end was not cut off" in rest[0]


def test_as_jsonl_the_lines_are_as_they_are_kept(command: Command, lines: list[str]) -> None:
    status, out, err = command("incident.db", "--format", "jsonl")
    assert (status, out.splitlines()) == (0, lines)
    assert err.startswith("VERIFIED")


def test_nothing_is_written_beside_the_case_nor_into_it(command: Command, lines: list[str], tmp_path: Path) -> None:
    before = (tmp_path / "incident.db").read_bytes()
    files = sorted(path.name for path in tmp_path.iterdir())
    assert command("incident.db")[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == files
    assert (tmp_path / "incident.db").read_bytes() == before


@pytest.mark.parametrize("mask", [1, 32, 128])
def test_one_flipped_bit_breaks_it(command: Command, lines: list[str], tmp_path: Path, mask: int) -> None:
    path = tmp_path / "incident.db"
    data = bytearray(path.read_bytes())
    at = data.index(b"status:403")
    data[at] ^= mask
    path.write_bytes(data)
    status, out, _ = command("incident.db")
    assert status == 1
    assert "BROKEN at line 2 of the log in incident.db: it " in out
    assert "Before it, 1 line holds." in out
    assert "VERIFIED" not in out
    assert out.count("2027-01-15T08:00:03") == 1, "what follows is shown too"


def test_a_missing_line_is_named(command: Command, lines: list[str], tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "incident.db")) as connection, connection:
        connection.execute("DELETE FROM journal WHERE seq = 2")
    status, out, _ = command("incident.db")
    assert status == 1
    broken = (
        "BROKEN at line 2 of the log in incident.db: it is missing, as line 3 comes next. Before it, 1 line holds."
    )
    assert broken in out.splitlines()


def test_a_noted_digest_shows_that_the_end_was_cut_off(command: Command, lines: list[str], tmp_path: Path) -> None:
    last, third = (json.loads(lines[at])["digest"] for at in (3, 2))
    assert command("incident.db", "--digest", last)[0] == 0
    with closing(sqlite3.connect(tmp_path / "incident.db")) as connection, connection:
        connection.execute("DELETE FROM journal WHERE seq = 4")
    status, out, _ = command("incident.db")
    assert (status, "VERIFIED" in out) == (1, False)
    verdict, rest = out.splitlines()[3:5]
    assert verdict == "BROKEN: the log in incident.db was cut off: the case counts 4 lines."
    assert rest.startswith("What is left agrees with itself: 3 lines hold")
    forge_end(tmp_path)
    status, out, _ = command("incident.db")
    assert (status, "VERIFIED: 3 lines hold" in out) == (0, True)
    status, out, _ = command("incident.db", "--digest", last)
    assert status == 1
    verdict, rest = out.splitlines()[3:]
    assert verdict.startswith("BROKEN: the log in incident.db was cut off or written anew")
    assert rest.startswith("What is left agrees with itself: 3 lines hold")
    assert "VERIFIED" not in out
    assert command("incident.db", "--digest", f"sha256:{third.upper()}")[0] == 0


def test_a_broken_line_before_the_noted_one_is_not_said_to_be_a_cut(
    command: Command, lines: list[str], tmp_path: Path
) -> None:
    last = json.loads(lines[3])["digest"]
    with closing(sqlite3.connect(tmp_path / "incident.db")) as connection, connection:
        connection.execute("DELETE FROM journal WHERE seq = 2")
    status, out, _ = command("incident.db", "--digest", last)
    assert (status, "cut off" in out) == (1, False)
    verdict, rest = out.splitlines()[-2:]
    assert verdict.startswith("BROKEN at line 2")
    assert rest == "The digest that was given is of none of the lines before it."


def test_a_line_that_was_taken_out_is_found(command: Command, lines: list[str], tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "incident.db")) as connection, connection:
        connection.execute("DELETE FROM journal WHERE seq = 2")
    status, out, _ = command("incident.db")
    assert (status, "BROKEN at line 2" in out) == (1, True)


def test_what_is_no_case_can_not_be_read(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello " * 300)
    for words in (["a.txt"], ["missing.db"], ["."], ["a.txt", "--digest", "12"]):
        status, out, err = command(*words)
        assert (status, out) == (2, ""), words
        assert err


def change(folder: Path, script: str) -> None:
    with closing(sqlite3.connect(folder / "incident.db")) as connection:
        connection.executescript(script)


def add_entry(folder: Path) -> None:
    with closing(open_case(folder / "incident.db", OWNER)) as case:
        EntryStore(kept=case).add([read_entry('{"id": "id-1"}')])


NO_END = f"DELETE FROM meta WHERE name = '{JOURNAL_END}';"


def test_without_what_the_case_keeps_of_its_end_a_log_is_broken(
    command: Command, lines: list[str], tmp_path: Path
) -> None:
    change(tmp_path, NO_END)
    status, out, _ = command("incident.db")
    assert (status, "VERIFIED" in out) == (1, False)
    assert "BROKEN: the log in incident.db is not as it was kept: what the case keeps of its end is missing." in out
    assert "What is left agrees with itself: 4 lines hold" in out


def test_an_empty_log_of_a_case_with_entries_is_broken(command: Command, lines: list[str], tmp_path: Path) -> None:
    change(tmp_path, f"DELETE FROM journal; {NO_END}")
    assert command("incident.db") == (0, "The log in incident.db is empty.\n", "")
    add_entry(tmp_path)
    told = "BROKEN: the log in incident.db is empty, but the case has entries: its lines were removed.\n"
    assert command("incident.db") == (1, told, "")


@pytest.mark.parametrize("harm", [NO_END, "DELETE FROM journal WHERE seq > 2", f"DELETE FROM journal; {NO_END}"])
def test_lines_that_are_added_later_do_not_hide_that_others_were_removed(
    harm: str, command: Command, lines: list[str], tmp_path: Path
) -> None:
    add_entry(tmp_path)
    change(tmp_path, harm)
    with closing(open_case(tmp_path / "incident.db", OWNER)) as case:
        chain = Chain(*last_journal_line(case))
        for n in range(5):
            add_journal_line(case, chain.add(NOON_US, "query", {"query": str(n)}).text)
    status, out, _ = command("incident.db")
    assert (status, "VERIFIED" in out, "BROKEN" in out) == (1, False, True)


def test_a_log_of_a_version_that_did_not_keep_its_end_holds(
    command: Command, lines: list[str], tmp_path: Path
) -> None:
    change(tmp_path, f"{NO_END} DELETE FROM meta WHERE name = 'case_id'; PRAGMA user_version = 2")
    status, out, _ = command("incident.db")
    assert (status, "VERIFIED: 4 lines hold" in out) == (0, True)
    open_case(tmp_path / "incident.db", OWNER).close()
    status, out, _ = command("incident.db")
    assert (status, "VERIFIED: 4 lines hold" in out) == (0, True)
    change(tmp_path, "DELETE FROM journal WHERE seq = 4")
    assert command("incident.db")[0] == 1


def forge_end(folder: Path) -> None:
    """Let the case name the last line that is there now as its last one."""
    with closing(sqlite3.connect(folder / "incident.db")) as connection, connection:
        last = connection.execute("SELECT seq, line FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
        connection.execute("UPDATE meta SET value = ? WHERE name = ?", [journal_end(*last), JOURNAL_END])


@pytest.mark.parametrize("more", [0, 1, 3])
def test_an_end_that_was_replaced_by_lines_in_a_chain_is_found(
    command: Command, lines: list[str], tmp_path: Path, more: int
) -> None:
    noted = json.loads(lines[-1])["digest"]
    chain = Chain(2, lines[1])
    forged = [chain.add(NOON_US, "query", {"query": "status:200"}).text for _ in range(2 + more)]
    with closing(sqlite3.connect(tmp_path / "incident.db")) as connection, connection:
        connection.execute("DELETE FROM journal WHERE seq > 2")
        connection.executemany("INSERT INTO journal VALUES (?, ?)", enumerate(forged, 3))
    status, out, _ = command("incident.db")
    assert (status, "VERIFIED" in out) == (1, False)
    assert "BROKEN: the log in incident.db has another end than the case says" in out
    forge_end(tmp_path)  # of which nothing in the file tells
    assert command("incident.db")[0] == 0
    assert command("incident.db", "--digest", noted)[0] == 1


@pytest.mark.parametrize("form", ["text", "jsonl"])
def test_a_line_of_10_mb_is_judged_as_any_other(command: Command, tmp_path: Path, form: str) -> None:
    chain = Chain()
    texts = [chain.add(NOON_US, "copied", {"ids": ["x" * size]}).text for size in (1, 10_000_000, 1)]
    with closing(open_case(tmp_path / "incident.db", Owner("https://api.nirvanalabs.io"))) as case:
        for text in texts:
            add_journal_line(case, text)
    status, out, err = command("incident.db", "--format", form)
    assert (status, "VERIFIED: 3 lines hold" in out + err) == (0, True)
    with closing(sqlite3.connect(tmp_path / "incident.db")) as connection, connection:
        connection.execute("UPDATE journal SET line = ? WHERE seq = 2", [texts[1].replace("xx", "xy", 1)])
    status, out, err = command("incident.db", "--format", form)
    assert (status, "BROKEN at line 2 " in out + err, "VERIFIED" in out + err) == (1, True, False)


@pytest.mark.parametrize("size", [30_000_000, 50_000_000])
def test_a_line_of_endless_length_is_not_read_and_breaks_it(
    command: Command, lines: list[str], tmp_path: Path, size: int
) -> None:
    with closing(sqlite3.connect(tmp_path / "incident.db")) as connection, connection:
        connection.execute("UPDATE journal SET line = zeroblob(?) WHERE seq = 3", [size])
    status, out, _ = command("incident.db")
    why = "it is longer than any that this program writes" if size > LIMIT else "it is no text"
    assert (status, f"BROKEN at line 3 of the log in incident.db: {why}" in out) == (1, True)
    assert out.count("2027-01-15T08:00:03") == 1, "what follows is shown too"
    assert len(out) < 10_000
