"""What is said of a file that a command was given by mistake."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from auditlog_tui import cli
from auditlog_tui.headless.kinds import Kind, mistaken_for
from auditlog_tui.store.case import APPLICATION_ID, begins_like_a_case

WANTED: dict[str, Kind] = {"verify": "bundle", "log": "case", "collect --verify": "archive"}


def made(folder: Path, kind: str) -> Path:
    """A file of this kind."""
    path = folder / kind
    if kind in ("folder", "archive"):
        path.mkdir()
        if kind == "archive":
            (path / "_manifest.jsonl").touch()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "case":
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute("CREATE TABLE a (b)")
        assert begins_like_a_case(path.read_bytes())
    elif kind == "device":
        return Path(os.devnull)
    else:
        path.write_bytes(
            {"bundle": b"PK\x03\x04", "entries": b'{"id": "1"}\n', "gzip": b"\x1f\x8b\x08"}.get(kind, b"")
        )
    return path


NAMES = {
    "folder": "a folder", "pipe": "a named pipe", "device": "a device", "empty": "an empty file",
    "archive": "the folder of an archive", "bundle": "a bundle", "case": "a case", "entries": "a file of entries",
    "gzip": "a file of entries",
}  # fmt: skip
COMMANDS = {
    "archive": "verify DIR", "bundle": "verify FILE", "case": "log FILE", "entries": "open FILE", "gzip": "open FILE",
}  # fmt: skip


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("command", WANTED)
def test_it_says_what_it_is_and_the_command_for_it(
    command: str, kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = made(tmp_path, kind)
    if path.is_dir() and command != "log":
        assert mistaken_for(path, "archive") == ""  # which verify checks too
        return
    if kind == WANTED[command]:
        assert mistaken_for(path, WANTED[command]) == ""
        return
    assert cli.main([*command.split(), str(path)]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"{path} is {NAMES[kind]}, not ")
    assert COMMANDS.get(kind, "Name ") in err
    assert len(err.splitlines()) == 1


def test_a_case_whose_entries_are_all_beside_it_is_no_empty_file(tmp_path: Path) -> None:
    path = made(tmp_path, "empty")
    assert mistaken_for(path, "case")
    (tmp_path / "empty-wal").touch()
    assert mistaken_for(path, "case") == ""


def test_what_can_not_be_told_is_left_to_the_command(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    assert mistaken_for(tmp_path / "a.txt", "case") == ""
    assert mistaken_for(tmp_path / "missing", "case") == ""
