"""The commands without a screen, from their command line to their status, in this process and over a real server."""

from __future__ import annotations

import asyncio
import errno
import importlib.util
import json
import re
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from auditlog_tui import cli
from auditlog_tui.archive.dataset import Archive, Origin
from auditlog_tui.demo import demo_log
from auditlog_tui.demo.server import Serving, serving
from auditlog_tui.entries.models import Entry, read_entry
from auditlog_tui.evidence.formats import WITH_NOTES
from auditlog_tui.output import files
from auditlog_tui.session.marks import Marks, marks_path
from auditlog_tui.settings.command_line import FORMATS
from tests.unit.headless.conftest import KEY, Command

ENTRIES = 300


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with serving(demo_log(entries=ENTRIES), api_key=KEY) as running:
        yield running


def test_what_is_listed_is_what_is_counted(command: Command) -> None:
    assert command("count") == (0, f"{ENTRIES}\n", "")
    status, ids, err = command("list", "-method:GET", "--format", "ids")
    assert (status, err) == (0, "")
    assert 0 < len(ids.splitlines()) < ENTRIES
    assert command("count", "-method:GET") == (0, f"{len(ids.splitlines())}\n", "")


def test_one_entry_is_written_as_the_list_has_it(command: Command) -> None:
    _, line, _ = command("list", "--limit", "1", "--format", "jsonl")
    assert command("get", json.loads(line)["id"]) == (0, line, "")


def test_a_table_has_a_heading_and_no_more_rows_than_asked_for(command: Command) -> None:
    status, out, err = command("list", "--limit", "7", "--columns", "ip,status")
    assert (status, len(out.splitlines()), err) == (0, 8, "")


def test_a_filter_that_can_not_be_read_is_pointed_at_and_asks_for_nothing(command: Command, server: Serving) -> None:
    before = len(server.requests)
    status, out, err = command("list", "method:GET status:>=banana")
    assert (status, out) == (2, "")
    text, marks = err.splitlines()[1:3]
    assert text[marks.index("^") : marks.rindex("^") + 1] in ("status:>=banana", ">=banana", "banana")
    assert len(server.requests) == before


def test_where_nothing_matches_the_nearest_is_told(command: Command) -> None:
    status, out, err = command("count", "action:api_key.create")
    assert (status, out) == (0, "0\n")
    assert err.startswith("No entry matches.\n")
    assert "api_key.created" in err
    assert command("list", "method:DELETE status:418", "--format", "ids") == (0, "", "No entry matches.\n")


def test_where_nothing_matches_all_that_was_read_is_compared(command: Command) -> None:
    entries = [read_entry(line) for line in command("list", "--format", "jsonl")[1].splitlines()]
    typed = str(entries[len(entries) // 2].fields.user_agent).replace("/", "#").replace(" ", "")
    for name in ("count", "list"):
        _, _, err = command(name, f'ua:"{typed}"')
        assert "Similar in what was read: ua:" in err
    assert "Similar: action:api_key.deleted" in command("count", "action:api_key.delted")[2]


def test_a_relative_time_goes_by_the_servers_clock(command: Command) -> None:
    assert command("count", "last:3650d") == (0, f"{ENTRIES}\n", "")


def test_a_key_that_is_refused_is_not_told(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIRVANA_LABS_API_KEY", "another-key")
    status, out, err = command("count")
    assert (status, out) == (3, "")
    assert err
    assert "another-key" not in err


def test_an_entry_that_is_not_there_is_no_crash(command: Command) -> None:
    status, out, err = command("get", "00000000-0000-4000-8000-000000000000")
    assert (status, out) == (3, "")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 141, ""),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "can't be written: No space left on device."),
        (RuntimeError(f"a fault with {KEY} in it"), 1, "RuntimeError"),
    ],
)
def test_whatever_ends_it_has_a_status_of_its_own_and_tells_no_key(
    error: BaseException, status: int, told: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(work: Coroutine[Any, Any, Any]) -> None:
        work.close()
        raise error

    monkeypatch.setattr(asyncio, "run", fail)
    found, out, err = command("count")
    assert (found, out) == (status, "")
    assert told in err if told else err == ""
    assert KEY not in err


def test_the_browser_needs_a_terminal(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "__stdin__", None)
    status, out, err = command()
    assert (status, out) == (2, "")
    assert "Standard input is not a terminal" in err


def test_the_script_ends_with_the_commands_status(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["auditlog-tui", "count", "status:>=banana"])
    with pytest.raises(SystemExit) as ended:
        cli.run()
    assert ended.value.code == 2


@pytest.fixture
def marks(server: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The private file for marks of this endpoint."""
    monkeypatch.setattr(files, "state_folder", lambda: tmp_path / "state")
    return marks_path(server.url)


def newest(command: Command) -> Entry:
    return read_entry(command("list", "--limit", "1", "--format", "jsonl")[1].rstrip("\n"))


@pytest.mark.parametrize("form", sorted(WITH_NOTES))
@pytest.mark.parametrize("name", ["list", "get", "follow"])
def test_the_notes_of_this_endpoint_are_taken_along(name: str, form: str, command: Command, marks: Path) -> None:
    entry = newest(command)
    Marks(marks).note(entry, "the way in #inc42")
    arguments = {
        "list": ("list", "--limit", "1"),
        "get": ("get", entry.key),
        "follow": ("follow", "--last", "1", "--until", "1s"),
    }
    status, out, err = command(*arguments[name], "--format", form)
    assert (status, re.sub(r"^Following until .*\n", "", err)) == (0, "")
    last = out.splitlines()[-1]
    assert "the way in #inc42" in last
    assert entry.key in last
    if form != "markdown":
        assert last.replace("#inc42", "").count("inc42") == 1


@pytest.mark.parametrize(
    ("zone", "shown"),
    [("utc", "UTC"), ("relative", "UTC"), ("Asia/Kathmandu", "[+]05:45"), ("Asia/Tokyo", "JST [+]09:00")],
)
def test_follow_tells_until_when_it_runs(zone: str, shown: str, command: Command) -> None:
    status, _, err = command("follow", "-n0", "--until", "1s", "--zone", zone)
    assert status == 0
    assert re.fullmatch(rf"Following until \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d {shown}[.]\n", err)


def test_notes_of_another_endpoint_are_not(command: Command, marks: Path) -> None:
    entry = newest(command)
    Marks(marks_path("https://elsewhere.example")).note(entry, "elsewhere")
    assert "elsewhere" not in command("list", "--limit", "1", "--format", "timesketch")[1]
    assert not marks.exists()


@pytest.mark.parametrize("form", FORMATS)
def test_notes_that_can_not_be_read_make_incomplete_what_should_have_them(
    form: str, command: Command, marks: Path
) -> None:
    marks.parent.mkdir()
    marks.write_text("this is no database, however long it may be" * 20)
    status, out, err = command("list", "--limit", "1", "--format", form)
    assert out
    if form in WITH_NOTES:
        assert status == 1
        assert err.startswith("Incomplete: notes are missing. Marks can't be read")
    else:
        assert (status, err) == (0, "")


# -- marks and notes -----------------------------------------------------------------------------------------------


@pytest.fixture
def noted(server: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the endpoint's marks: two entries of it with a tag, and a third that the log lacks."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    path = marks_path(server.url)
    kept = Marks(path)
    for number, note in enumerate(("#inc42", "#inc42 rotated", "#other")):
        raw = json.dumps({"id": f"e-{number}", "action": "key.used", "created_at": f"2026-11-22T12:0{number}:00Z"})
        kept.note(read_entry(raw), note)
    return path


def test_what_is_noted_is_listed_and_counted_without_a_request(
    command: Command, server: Serving, noted: Path
) -> None:
    before = len(server.requests)
    assert command("list", "tag:inc42", "--format", "ids") == (0, "e-1\ne-0\n", "")
    assert command("list", "tag:inc* note:Rotated", "--format", "ids") == (0, "e-1\n", "")
    assert command("list", "marked:yes -tag:inc42 sort:created", "--format", "ids") == (0, "e-2\n", "")
    assert command("count", "tag:inc42,other") == (0, "3\n", "")
    assert command("count", "tag:INC42") == (0, "0\n", "No entry that you noted matches.\n")
    assert len(server.requests) == before


def test_what_is_marked_is_left_out(command: Command, noted: Path) -> None:
    _, line, _ = command("list", "--limit", "1", "--format", "jsonl")
    assert command("count", "marked:no") == (0, f"{ENTRIES}\n", "")
    Marks(noted).mark([read_entry(line.rstrip("\n"))])
    assert command("count", "marked:no") == (0, f"{ENTRIES - 1}\n", "")
    _, ids, _ = command("list", "-marked:yes", "--format", "ids")
    assert len(ids.splitlines()) == ENTRIES - 1
    assert json.loads(line)["id"] not in ids.splitlines()


def test_marks_that_can_not_be_read_are_an_incomplete_answer(command: Command, noted: Path) -> None:
    noted.write_bytes(b"no database" * 100)
    for text in ("tag:inc42", "-tag:inc42"):
        for name in ("count", "list"):
            status, _, err = command(name, text, "--limit", "1") if name == "list" else command(name, text)
            assert status == 1
            assert "Marks can't be read" in err
    assert command("count") == (0, f"{ENTRIES}\n", "")


def test_marks_can_not_be_followed(command: Command, noted: Path) -> None:
    status, out, err = command("follow", "-tag:inc42")
    assert (status, out) == (2, "")
    assert "use list" in err


# -- collect -----------------------------------------------------------------------------------------------------


def test_an_archive_is_collected_and_looked_after_without_a_key(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = str(tmp_path / "archive")
    status, out, err = command("collect", archive)
    assert (status, out) == (0, "")
    assert re.fullmatch(
        rf"COMPLETE as of \S+ \S+ UTC\. \S+archive: {ENTRIES} new entries in \d+ parts?; {ENTRIES} in all\.\n", err
    )
    assert command("collect", archive, "--quiet") == (0, "", "")
    monkeypatch.delenv("NIRVANA_LABS_API_KEY")
    status, out, err = command("collect", archive, "--verify")
    assert (status, err) == (0, "")
    assert f"agrees with its own manifest: {ENTRIES} entries in" in out
    assert command("collect", archive, "--verify", "--quiet") == (0, "", "")
    assert command("collect", archive, "--compact", "--quiet") == (0, "", "")
    status, out, err = command("collect", archive, "--compact")
    assert (status, err) == (0, "")
    assert out.endswith("/archive: there is nothing to join, as no day has several small parts.\n")
    status, out, err = command("collect", str(tmp_path / "none"), "--verify")
    assert (status, out) == (2, "")
    assert "none is no archive" in err


@pytest.mark.parametrize("state", ["missing", "unreadable", "never complete"])
def test_an_archive_that_may_lack_entries_says_so_with_every_answer(
    state: str, command: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "archive"
    assert command("collect", str(folder), "--quiet") == (0, "", "")
    assert command("verify", str(folder))[1].count("\n") == 3
    if state == "missing":
        (folder / "_state.json").unlink()
    elif state == "unreadable":
        (folder / "_state.json").write_text("{")
    else:
        with Archive(folder) as archive:
            archive.write_state(b"{}")
    unsure = "an archive that does not say whether it has all of the log"
    _, entry_id, _ = command("list", "--limit", "1", "--format", "ids")
    for words, expected, written in (
        (("list", "--format", "ids"), f"Incomplete: it was made of archive, {unsure}.\n", ENTRIES),
        (("list", "path:nowhere"), f"Incomplete: it was made of archive, {unsure}.\n", 0),
        (("count",), f"Incomplete: it was made of archive, {unsure}. {ENTRIES} entries there match.\n", 0),
        (("who", "203.0.113.7"), "Incomplete: this archive does not say whether it has all of the log.\n", None),
        (("who", "192.0.2.250"), "Incomplete: this archive does not say whether it has all of the log.\n", None),
        (("export", "--out", "-"), f"Incomplete: it was made of archive, {unsure}.\n", ENTRIES),
    )[: None if state == "missing" else 1]:
        status, out, err = command(*words, "--from", str(folder))
        assert status == 1, words
        assert err.endswith(expected), words
        assert written in (None, len(out.splitlines())), words
    assert command("get", entry_id.strip(), "--from", str(folder))[0] == 0
    status, _, err = command("get", "none", "--from", str(folder))
    assert (status, "It does not say whether it has all of the log." in err) == (3, True)
    status, out, _ = command("verify", str(folder))
    why = {"missing": "_state.json: it is missing", "unreadable": "_state.json: it can't be read"}
    told = why.get(state, "no collect has found all of it")
    assert (status, f"It does not say whether it has all of its log ({told})" in out) == (0, True)


def test_an_archive_without_entries_is_no_empty_log(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    with Archive(folder, Origin("https://log.example")):
        pass
    status, out, err = command("count", "--from", str(folder))
    assert (status, out) == (1, "")
    assert err.endswith("does not say whether it has all of the log. 0 entries there match.\n")
    status, out, err = command("list", "--format", "ids", "--from", str(folder))
    assert (status, out, "The log is empty" in err) == (1, "", False)
    with Archive(folder) as archive:
        archive.write_state(b"{}", 1)
    assert command("count", "--from", str(folder)) == (0, "0\n", "The log is empty.\n")


def test_what_was_saved_of_a_filter_is_not_the_whole_log(command: Command, tmp_path: Path) -> None:
    bundle = str(tmp_path / "b.zip")
    assert command("export", "status:418", "--bundle", bundle)[0] == 0
    assert command("count", "--from", bundle) == (0, "0\n", "There is no entry in this file.\n")


def test_what_is_collected_of_a_span_says_so(command: Command, tmp_path: Path) -> None:
    status, _, err = command("collect", str(tmp_path / "a"), "--since", "2026-01-01T10:20Z", "--until", "2h")
    assert status == 0
    assert re.match(r"COMPLETE from 2026-01-01 10:00:00 UTC up to \S+ \d\d:00:00 UTC as of ", err)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["last:5h"], "Use --since and --until to collect a part of it."),
        (["created:2026-11-20"], "Use --since and --until to collect a part of it."),
        (["sort:status"], "An archive is sorted by time."),
        (["marked:yes"], "What is marked and noted does not come from the log."),
        (["id:1"], "An ID names one entry."),
        (["--since", "soon"], "--since soon: This is not a date or time. Write 10:02,"),
        (["--since", "1h", "--until", "2h"], "--since is not before --until."),
    ],
)
def test_what_can_not_be_collected_is_told_and_no_folder_made(
    words: list[str], said: str, command: Command, tmp_path: Path
) -> None:
    status, out, err = command("collect", str(tmp_path / "a"), *words)
    assert (status, out) == (2, "")
    assert said in err
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    "words",
    [[], ["a", "method:GET", "--verify"], ["a", "--verify", "--compact"], ["a", "--since", "1h", "--compact"]],
)
def test_a_command_line_of_collect_that_makes_no_sense_is_refused(words: list[str], command: Command) -> None:
    with pytest.raises(SystemExit) as ended:
        command("collect", *words)
    assert ended.value.code == 2


def test_without_duckdb_nothing_is_collected_and_the_command_to_install_it_is_told(
    command: Command, server: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    before = len(server.requests)
    for more in ([], ["--verify"]):
        status, _, err = command("collect", str(tmp_path / "a"), *more)
        assert (status, err) == (
            2, "An archive needs DuckDB. In the clone of this program, run pip install '.[archive]'.\n",
        )  # fmt: skip
    assert len(server.requests) == before


@pytest.mark.parametrize(
    "words",
    [
        ["list", f"ua:{KEY}"], ["count", f'-"{KEY.upper()}"'], ["count", f"@mine ua:{KEY}"], ["get", KEY],
        ["who", KEY], ["follow", f"actor:{KEY}"], ["export", "status:403", "--out", f"{KEY}.csv"],
        ["export", "status:403", "--bundle", "a.zip", "--by", f"me {KEY}"], ["collect", "archive", f"ua:{KEY}"],
    ],
)  # fmt: skip
def test_the_key_is_not_sent_and_not_kept_where_it_is_typed(
    words: list[str], command: Command, server: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    server.requests.clear()
    status, out, err = command(*words)
    assert (status, out) == (2, "")
    assert "This has the API key in it" in err
    assert "[secret]" in err
    assert KEY.casefold() not in err.casefold()
    assert server.requests == []
    assert not any(each.is_file() for each in tmp_path.rglob("*"))
