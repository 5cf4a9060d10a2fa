"""The README's question about an archive, as it stands there, over an archive that the program collected."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.engines import question, runner
from tests.engines.__main__ import ALL, Case, NotRunError, ask, cases, check_java, differences, main

ENTRIES = 6_000
"""Four days, so that some actors were seen before the week."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    return cases(tmp_path_factory.mktemp("archives"), ENTRIES)


@pytest.fixture(scope="module")
def told(made: list[Case]) -> dict[str, Any]:
    return ask("duckdb", Path(sys.executable), made)


def test_duckdb_gives_the_answer_that_is_found_without_sql(made: list[Case], told: dict[str, Any]) -> None:
    for number, case in enumerate(made):
        asked, whole = told["answers"][2 * number : 2 * number + 2]
        assert differences(case, asked, whole, whole) == []
        assert [name for name, _ in asked["columns"]] == [
            "actor_id", "actor", "first_seen", "target_type", "target_id", "destroyed_at"
        ]  # fmt: skip


def test_the_answer_has_actors_who_destroyed_something_and_others_and_leaves_out_those_known_before(
    made: list[Case],
) -> None:
    answer = made[0].answer
    assert {bool(row[3]) for row in answer} == {True, False}
    assert "backup-sync" in {row[1] for row in answer}  # the attacker's key
    assert "ci-deploy" not in {row[1] for row in answer}


def test_a_day_is_a_date_unless_an_entry_has_none(told: dict[str, Any]) -> None:
    plain, odd = (dict(told["answers"][number]["columns"])["day"] for number in (1, 3))
    assert (plain, odd) == ("DATE", "VARCHAR")


def test_an_actor_whose_times_can_not_be_read_is_in_the_answer(made: list[Case]) -> None:
    assert ("no-time", "Ödd\0", None, "vm", "t1", None) in made[1].answer


def test_a_wrong_row_and_a_lost_one_are_differences(made: list[Case], told: dict[str, Any]) -> None:
    case, (asked, whole) = made[0], told["answers"][:2]
    less = {**asked, "rows": asked["rows"][1:]}
    assert "rows, not the" in differences(case, less, whole, whole)[0]
    changed = {**whole, "rows": [["2026-01-01", *whole["rows"][0][1:]], *whole["rows"][1:]]}
    assert "columns are read differently" in differences(case, asked, changed, whole)[0]
    lost = {**whole, "rows": whole["rows"][1:]}
    assert f"{ENTRIES - 1:,} entries, not {ENTRIES:,}" in differences(case, asked, lost, lost)


def test_every_engine_has_its_definition_in_the_readme() -> None:
    for engine in runner.ENGINES:
        assert "log" in question.define_log(engine, Path("/srv/audit"))
        assert "'/srv/audit" in question.define_log(engine, Path("/srv/audit"))
    assert ALL.startswith("SELECT day, id, created_at,")


def test_an_engine_that_can_not_be_asked_is_not_passed_over(
    made: list[Case], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tests.engines.__main__.cases", lambda folder, entries: made)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotRunError, match="apt-get install openjdk-17-jre-headless"):
        check_java()
    assert main(["--only", "spark"]) == 1
    assert "NOT RUN  there is no java" in capsys.readouterr().out


def test_an_old_java_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(NotRunError, match="java is too old"):
        check_java()


def test_the_odd_entries_are_json() -> None:
    assert len({json.loads(text)["id"] for text in question.ODD}) == len(question.ODD) - 1  # one comes twice
