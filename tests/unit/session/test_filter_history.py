import os
import stat
from pathlib import Path

import pytest

from auditlog_tui.session.filter_history import KEPT, History, history_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "auditlog-tui" / "history"


def test_filters_are_loaded_in_the_next_run_oldest_first(path: Path) -> None:
    first = History(path)
    for text in ("method:GET", "status:>=400", 'ua:"a b"', "actor.name:Zoë"):
        first.add(text)
    assert History(path).texts == first.texts == ["method:GET", "status:>=400", 'ua:"a b"', "actor.name:Zoë"]
    assert not first.error


def test_latest_filter_is_not_repeated_and_empty_is_not_saved(path: Path) -> None:
    history = History(path)
    for text in ("a", "a", "", "  ", "b", "a"):
        history.add(text)
    assert history.texts == ["a", "b", "a"]
    assert path.read_text() == "a\nb\na\n"


def test_without_a_path_nothing_is_written(tmp_path: Path) -> None:
    history = History()
    history.add("method:GET")
    assert history.texts == ["method:GET"]
    assert list(tmp_path.iterdir()) == []


def test_only_its_owner_reads_the_file_and_the_folder(path: Path) -> None:
    mask = os.umask(0)
    try:
        History(path).add("actor.name:alice")
    finally:
        os.umask(mask)
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)


def test_readable_file_is_made_private(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("old\n")
    path.chmod(0o644)
    History(path).add("new")
    assert mode(path) == 0o600
    assert History(path).texts == ["old", "new"]


def test_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "precious"
    other.write_text("x\n" * (2 * KEPT + 1))
    path.parent.mkdir(parents=True)
    path.symlink_to(other)
    history = History(path)
    history.add("method:GET")
    assert history.error
    assert history.texts[-1] == "method:GET"
    assert other.read_text() == "x\n" * (2 * KEPT + 1)


def test_long_file_is_shortened_at_the_next_start(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"f{n}\n" for n in range(2 * KEPT + 1)))
    kept = [f"f{n}" for n in range(KEPT + 1, 2 * KEPT + 1)]
    assert History(path).texts == kept
    assert path.read_text().split() == kept
    assert mode(path) == 0o600


def test_shorter_file_is_left_unchanged(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"f{n}\n" for n in range(2 * KEPT)))
    assert len(History(path).texts) == 2 * KEPT
    assert len(path.read_text().split()) == 2 * KEPT


def test_unreadable_file_is_only_an_error(path: Path) -> None:
    path.mkdir(parents=True)
    history = History(path)
    assert history.error
    history.add("method:GET")
    assert history.texts == ["method:GET"]


def test_failing_folder_is_only_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    history = History(tmp_path / "file" / "history")
    history.add("method:GET")
    assert history.error
    assert history.texts == ["method:GET"]


def test_invalid_utf_8_and_empty_lines_do_no_harm(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"one\n\n\xff\xfe\ntwo\n")
    assert History(path).texts == ["one", "\ufffd\ufffd", "two"]


@pytest.mark.parametrize("text", ['ua:"a\nb"', "a\rb", "a\u2028b", "a\x85b", "a\x0bb"])
def test_filter_with_line_breaks_is_not_saved(text: str, path: Path) -> None:
    history = History(path)
    for each in ("before", text, "after"):
        history.add(each)
    assert history.texts == ["before", text, "after"]
    assert History(path).texts == ["before", "after"]


def test_two_runs_at_once_write_both(path: Path) -> None:
    one, other = History(path), History(path)
    one.add("a")
    other.add("b")
    one.add("c")
    assert History(path).texts == ["a", "b", "c"]


def test_file_is_in_the_platforms_state_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert history_path().name == "history"
    assert history_path().parent.name == "auditlog-tui"


def test_works_without_file_modes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fchmod")
    monkeypatch.delattr(os, "O_NOFOLLOW")
    History(path).add("a")
    assert History(path).texts == ["a"]
