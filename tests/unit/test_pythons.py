"""The test run over several Pythons: which are found, what is reported, and which settings another system gets."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests import debian, pythons

FAKE = """#!/bin/sh
here=$(dirname "$0")
case "$2" in
    venv) mkdir -p "$3/bin" && cp "$here/$(basename "$0")" "$3/bin/python" ;;
    pip) {pip} ;;
    pytest) shift 2; echo "asked: $*"; {pytest} ;;
    *) echo {version} ;;
esac
"""


def fake(folder: Path, name: str, version: str, *, pip: str = ":", pytest: str = "echo 3 passed in 2.00s") -> Path:
    """A script that behaves like a Python as far as the run needs it."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(FAKE.format(version=version, pip=pip, pytest=pytest))
    program.chmod(0o755)
    return program


def test_the_newest_of_each_minor_version_is_found(tmp_path: Path) -> None:
    fake(tmp_path / "a", "python3.12", "3 12 1")
    newest = fake(tmp_path / "b", "python3.12", "3 12 10")
    other = fake(tmp_path / "b", "python3", "3 13 0")
    fake(tmp_path / "b", "python3.10", "3 10 4")
    fake(tmp_path / "b", "python3.15", "")
    fake(tmp_path / "b", "python3-config", "3 14 0")
    (tmp_path / "b" / "python3.14").write_text("no program")
    where = [tmp_path / "a", tmp_path / "b", tmp_path / "missing"]
    assert pythons.found(where, (3, 11)) == {(3, 12, 10): newest, (3, 13, 0): other}


def test_the_python_that_runs_this_is_found() -> None:
    base = Path(sys.base_prefix) / "bin"
    assert sys.version_info[:3] in pythons.found([base], (3, 11))


def test_the_supported_ones_begin_with_the_oldest_that_can_install_it() -> None:
    assert pythons.supported()[:4] == [(3, 11), (3, 12), (3, 13), (3, 14)]


def found_only(monkeypatch: pytest.MonkeyPatch, *found: Path) -> None:
    monkeypatch.setattr(pythons, "folders", lambda: [each.parent for each in found])


def test_a_line_says_how_each_went_and_the_status_whether_all_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = fake(tmp_path / "a", "python3.12", "3 12 1")
    found_only(monkeypatch, good)
    assert pythons.main(["--no-debian", "tests/unit", "--jobs", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [f"Python 3.{minor} was not found on this machine" for minor in (11, 13, 14)]
    assert [line.split(" (")[0].split() for line in lines[3:]] == [["Python", "3.12.1", "passed", "3", "passed"]]

    bad = fake(tmp_path / "b", "python3.13", "3 13 0", pytest="echo '== 1 failed, 2 passed in 9s =='; exit 1")
    found_only(monkeypatch, bad, good)
    assert pythons.main(["--no-debian", "tests/unit", "--jobs", "1"]) == 1
    said = capsys.readouterr()
    assert "Python 3.12.1          passed  3 passed" in said.out
    assert "Python 3.13.0          FAILED  1 failed, 2 passed" in said.out
    assert "asked: -q -p no:cacheprovider -n 1 tests/unit" in said.err


def test_several_are_tested_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    met = "cd {0}; touch {1}; until [ -e {2} ]; do sleep 0.1; [ $((tries += 1)) -lt 600 ] || exit 1; done"
    one = fake(tmp_path / "a", "python3.12", "3 12 1", pytest=met.format(tmp_path, "one", "other"))
    other = fake(tmp_path / "b", "python3.13", "3 13 0", pytest=met.format(tmp_path, "other", "one"))
    found_only(monkeypatch, one, other)
    assert pythons.main(["--no-debian", "--jobs", "3"]) == 0
    said = capsys.readouterr().out
    assert "asked: -q -p no:cacheprovider -n 1" in said
    assert said.count("passed") == 2


def test_a_python_that_can_not_install_the_project_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found_only(monkeypatch, fake(tmp_path, "python3.12", "3 12 1", pip="echo no such wheel >&2; exit 1"))
    assert pythons.main(["--no-debian"]) == 1
    assert "Python 3.12.1          FAILED  no such wheel" in capsys.readouterr().out


def test_the_one_that_runs_this_can_be_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    major, minor = sys.version_info[:2]
    found_only(monkeypatch, fake(tmp_path, "python3", f"{major} {minor} 0", pytest="exit 1"))
    assert pythons.main(["--no-debian", "--others"]) == 0
    assert "FAILED" not in capsys.readouterr().out


def test_debian_that_can_not_be_had_is_a_failure_that_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found_only(monkeypatch)
    monkeypatch.setattr(debian, "unavailable", lambda: "it takes root on Linux")
    assert pythons.main([]) == 1
    assert "not run: it takes root on Linux; --no-debian leaves it out" in capsys.readouterr().out


def test_pip_works_elsewhere_by_the_settings_it_has_here() -> None:
    listed = (
        ":env:.cert='/etc/ca.pem'\nglobal.index-url='https://packages.example/simple'\n"
        "global.find-links='/srv/wheels\\nfile:///srv/index/simple'\ninstall.no-binary='x'\nlist.format='json'\n"
    )
    environ = {"PIP_INDEX_URL": "https://other.example/", "https_proxy": "http://proxy.example", "HOME": "/root"}
    assert debian.read_settings(listed, environ) == {
        "PIP_INDEX_URL": "https://other.example/",
        "PIP_FIND_LINKS": "/srv/wheels\nfile:///srv/index/simple",
        "PIP_NO_BINARY": "x",
        "https_proxy": "http://proxy.example",
    }


def test_what_settings_name_of_this_machine_is_taken_along(tmp_path: Path) -> None:
    certificate, index = tmp_path / "ca.pem", tmp_path / "index" / "simple"
    certificate.touch()
    index.mkdir(parents=True)
    values = [f"{certificate} {tmp_path}/missing", f"https://packages.example/simple {index.as_uri()}", "/ 180"]
    assert list(debian.places_in(values)) == [certificate, index.parent]
