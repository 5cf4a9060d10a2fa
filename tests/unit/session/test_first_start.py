from __future__ import annotations

import stat
from pathlib import Path

import pytest

from auditlog_tui.session.first_start import started_path, take_first_start


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "auditlog-tui" / "started"


def test_the_first_start_is_taken_once(path: Path) -> None:
    assert [take_first_start(path) for _ in range(3)] == [True, False, False]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_who_has_a_history_is_not_new(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.with_name("history").write_text("status:500\n")
    assert not take_first_start(path)


def test_what_can_not_be_remembered_is_no_first_start(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder goes")
    assert not take_first_start(tmp_path / "state" / "auditlog-tui" / "started")


def test_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "elsewhere")
    assert not take_first_start(path)
    assert not (tmp_path / "elsewhere").exists()


def test_it_is_remembered_beside_the_history(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert started_path() == tmp_path / "auditlog-tui" / "started"
