"""`python -m tests.engines` asks DuckDB, Spark and ClickHouse the README's question about archives, and compares.

It collects the demo's log, and makes another archive of it with values that engines may read differently. Every
engine must give the answer that is found without SQL, and read every column of every entry as the others do. They
run in a time zone other than UTC.

Spark and ClickHouse (chdb) are installed into a virtual environment, which takes 1.5 GB and is deleted afterwards
unless --venv names its folder. Spark needs Java 17 or newer: apt-get install openjdk-17-jre-headless
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.engines import question, runner

PACKAGES = {
    "spark": "pyspark>=4.0,<5",  # brings Spark itself; runs on Java 17 or newer
    "clickhouse": "chdb>=4.0,<5",  # ClickHouse as a library
}
OLDEST_JAVA = 17
ALL = f"SELECT {', '.join(('day', *question.ARCHIVE_COLUMNS))} FROM log"
ZONE = "America/Los_Angeles"


class NotRunError(Exception):
    """Why an engine could not be asked."""


@dataclass(frozen=True, slots=True)
class Case:
    """An archive, its size and the right answer to the question."""

    name: str
    folder: Path
    entries: int
    answer: list[question.Row]


def cases(folder: Path, entries: int) -> list[Case]:
    """Collect the archives into a folder."""
    plain, odd = folder / "collected", folder / "odd"
    log = question.collect(plain, entries)
    shutil.copytree(plain, odd)
    more = [*log, *question.add(odd, question.ODD)]
    return [
        Case("the demo, collected", plain, len(log), question.answer(log, question.WEEK)),
        Case("with odd values, and day=unknown", odd, len(more), question.answer(more, question.WEEK)),
    ]


def ask(engine: str, python: Path, cases: Iterable[Case]) -> dict[str, Any]:
    """What the runner tells of an engine. Raises `NotRunError`."""
    work = [[question.define_log(engine, each.folder), question.question(question.WEEK), ALL] for each in cases]
    command = [str(python), runner.__file__, engine]
    told = subprocess.run(
        command, input=json.dumps(work), capture_output=True, text=True, check=False, env=os.environ | {"TZ": ZONE}
    )
    if told.returncode:
        raise NotRunError(told.stderr.strip() or f"it ended with {told.returncode}")
    answers: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return answers


def check_java() -> None:
    """Raise `NotRunError` without a Java that Spark runs on."""
    how = f"Spark needs Java {OLDEST_JAVA} or newer: apt-get install openjdk-17-jre-headless"
    try:
        told = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    except OSError as error:
        raise NotRunError(f"there is no java. {how}") from error
    version = re.search(r'version "(\d+)', told)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise NotRunError(f"java is too old. {how}")


def python_with(package: str, folder: Path) -> Path:
    """A Python that has a package, in a virtual environment in the folder. Raises `NotRunError`."""
    python = folder / "bin/python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    done = subprocess.run(
        [python, "-m", "pip", "install", "-q", package], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotRunError(f"{package} can't be installed: {done.stderr.strip()}")
    return python


def told_of(engine: str, folder: Path, cases: Sequence[Case]) -> dict[str, Any]:
    """Install an engine and ask it. Raises `NotRunError`."""
    if engine == "duckdb":
        return ask(engine, Path(sys.executable), cases)
    if engine == "spark":
        check_java()
    return ask(engine, python_with(PACKAGES[engine], folder), cases)


def differences(case: Case, asked: dict[str, Any], whole: dict[str, Any], others: dict[str, Any]) -> list[str]:
    """What is wrong with an engine's answers, in words."""
    wrong = []
    if (found := _sorted(asked["rows"])) != _sorted(case.answer):
        wrong.append(f"{len(found)} rows, not the {len(case.answer)} expected: {_first(found, _sorted(case.answer))}")
    found, expected = _sorted(whole["rows"]), _sorted(others["rows"])
    if len(found) != case.entries:
        wrong.append(f"{len(found):,} entries, not {case.entries:,}")
    if found != expected:
        wrong.append(f"columns are read differently: {_first(found, expected)}")
    return wrong


def _sorted(rows: Iterable[Sequence[object]]) -> list[tuple[object, ...]]:
    return sorted(map(tuple, rows), key=lambda row: [(value is None, str(value)) for value in row])


def _first(found: Sequence[object], expected: Sequence[object]) -> str:
    """The first row that differs."""
    only, missing = set(found) - set(expected), set(expected) - set(found)
    return f"{sorted(only, key=str)[:1]} instead of {sorted(missing, key=str)[:1]}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.engines", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=int, default=20_000, help="entries of the demo (default: 20000)")
    parser.add_argument("--only", action="append", choices=runner.ENGINES, help="an engine; may be given again")
    parser.add_argument("--venv", type=Path, metavar="DIR", help="keep the virtual environment in this folder")
    options = parser.parse_args(argv)
    with TemporaryDirectory(prefix="engines-") as folder:
        made = cases(Path(folder), options.entries)
        for case in made:
            print(f"{case.name}: {case.entries:,} entries; the answer has {len(case.answer)} rows", flush=True)
        engines = [name for name in runner.ENGINES if name in (options.only or runner.ENGINES)]
        place = options.venv or Path(folder) / "venv"
        reference = told_of("duckdb", place, made)
        right = [_said(engine, place, made, reference) for engine in engines]
        return int(not all(right))


def _said(engine: str, folder: Path, cases: Sequence[Case], reference: dict[str, Any]) -> bool:
    """Report on an engine; returns whether all of its answers are right."""
    try:
        told = reference if engine == "duckdb" else told_of(engine, folder, cases)
    except NotRunError as error:
        print(f"{engine:<11} NOT RUN  {error}", flush=True)
        return False
    right = True
    for number, case in enumerate(cases):
        asked, whole = told["answers"][2 * number : 2 * number + 2]
        wrong = differences(case, asked, whole, reference["answers"][2 * number + 1])
        kinds = dict(whole["columns"])
        types = f"day is {kinds['day']}, created_at {kinds['created_at']}"
        says = "; ".join(wrong) or f"{len(asked['rows'])} rows as expected, {len(whole['rows']):,} entries alike"
        print(f"{engine:<11} {'FAILED' if wrong else 'passed'}   {told['version']} · {case.name}: {says} ({types})")
        right = right and not wrong
    return right


if __name__ == "__main__":
    sys.exit(main())
