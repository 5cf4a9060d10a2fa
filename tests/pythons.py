"""`python -m tests.pythons` runs the tests on every supported Python that it finds, and on Debian unstable's.

Each gets its own virtual environment, in a folder that is deleted afterwards.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests import debian

ROOT = Path(__file__).parent.parent

Version = tuple[int, int, int]

_PROBE = """
import ensurepip, sqlite3, sys, venv
print(*sys.version_info[:3] if sys.version_info.releaselevel == "final" else ())
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of the tests on one Python; `output` is what to read if they failed."""

    name: str
    passed: bool
    words: str
    output: str = ""

    def line(self, seconds: float) -> str:
        return f"{self.name:<22} {'passed' if self.passed else 'FAILED'}  {self.words} ({seconds:.0f} s)"


def supported() -> list[tuple[int, int]]:
    """The Python versions that `pyproject.toml` names, oldest first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = re.findall(r"Python :: (\d+)\.(\d+)$", "\n".join(project["classifiers"]), re.MULTILINE)
    return sorted((int(major), int(minor)) for major, minor in names)


def folders() -> Iterator[Path]:
    """The folders to search for Pythons, without duplicates."""
    listed = [Path(each) for each in os.get_exec_path()] + [Path("/usr/bin"), Path("/usr/local/bin")]
    home = Path.home()
    for root in (home / ".pyenv/versions", home / ".local/share/uv/python"):
        listed += sorted(root.glob("*/bin"))
    return iter(dict.fromkeys(listed))


def found(where: Iterable[Path], oldest: tuple[int, int]) -> dict[Version, Path]:
    """The newest Python of each minor version from `oldest` on that can create virtual environments."""
    names = re.compile(r"python3(\.\d+)?")
    programs = {
        program.resolve()
        for folder in where
        if folder.is_dir()
        for program in folder.iterdir()
        if names.fullmatch(program.name)
    }
    pythons = {version: program for program in sorted(programs) if (version := _version(program)) >= (*oldest, 0)}
    newest = {version[:2]: version for version in sorted(pythons)}
    return {version: pythons[version] for version in newest.values()}


def _version(program: Path) -> Version:
    """The version; zeros if it doesn't run, isn't a final release, or lacks a required module."""
    try:
        told = subprocess.run([program, "-c", _PROBE], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return 0, 0, 0
    match told.stdout.split():
        case [major, minor, micro] if told.returncode == 0:
            return int(major), int(minor), int(micro)
    return 0, 0, 0


def steps(python: Path | str, folder: Path | str, tests: Sequence[str], jobs: int) -> list[list[str]]:
    """The commands that test this checkout (the current folder) on a Python, with its packages in `folder`."""
    own = f"{folder}/bin/python"
    return [
        [str(python), "-m", "venv", str(folder)],
        [own, "-m", "pip", "install", "-q", "--no-compile", "-e", ".[dev]"],
        [own, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", str(jobs), *tests],
    ]


def tested(version: Version, python: Path, tests: Sequence[str], jobs: int) -> Verdict:
    name = "Python " + ".".join(map(str, version))
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory(prefix="pythons-") as folder:
        for step in steps(python, Path(folder) / "venv", tests, jobs):
            done = subprocess.run(step, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
            if done.returncode:
                return Verdict(name, False, last_line(done.stdout or done.stderr), done.stdout + done.stderr)
    return Verdict(name, True, last_line(done.stdout))


def last_line(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    return re.sub(r" in \d.*", "", lines[-1].strip("= ")) if lines else "it said nothing"


def newest_debian(tests: Sequence[str], jobs: int) -> Verdict:
    name = "Debian's newest"
    if why := debian.unavailable():
        return Verdict(name, False, f"not run: {why}; --no-debian leaves it out")
    with tempfile.TemporaryDirectory(prefix="pythons-") as folder:
        made = debian.make(root := Path(folder) / "sid")
        if made.returncode:
            return Verdict(name, False, "it could not be installed", made.stdout + made.stderr)
        told = debian.inside(root, ROOT, "python3 --version")
        name += f", {told.stdout.strip()}" if told.returncode == 0 else ""
        done = debian.inside(root, ROOT, " && ".join(map(shlex.join, steps("python3", "/venv", tests, jobs))))
        output = done.stdout + done.stderr
        return Verdict(name, done.returncode == 0, last_line(done.stdout or done.stderr), output)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tests on every supported Python that is found, and report each result."""
    parser = argparse.ArgumentParser(prog="python -m tests.pythons", description=main.__doc__)
    parser.add_argument("tests", nargs="*", help="files or folders of tests, or options of pytest (default: all)")
    parser.add_argument("--others", action="store_true", help="leave out the minor version that runs this")
    parser.add_argument("--no-debian", action="store_true", help="leave out the Python in Debian's newest")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="tests at a time (default: 2)")
    options = parser.parse_args(argv)

    pythons = found(folders(), supported()[0])
    lacking = [minor for minor in supported() if minor not in {version[:2] for version in pythons}]
    for major, minor in lacking:
        print(f"Python {major}.{minor} was not found on this machine", flush=True)
    wanted = [
        partial(tested, version, python, options.tests)
        for version, python in sorted(pythons.items())
        if not (options.others and version[:2] == sys.version_info[:2])
    ]
    if not options.no_debian:
        wanted.append(partial(newest_debian, options.tests))
    # Installing keeps one processor busy at most, so it is better to do several Pythons than several tests at a time.
    at_once = max(1, min(options.jobs, len(wanted)))
    with ThreadPoolExecutor(at_once) as pool:
        passed = list(pool.map(_said, [partial(run, jobs=options.jobs // at_once) for run in wanted]))
    return 0 if all(passed) else 1


def _said(run: Callable[[], Verdict]) -> bool:
    began = time.monotonic()
    verdict = run()
    print(verdict.line(time.monotonic() - began), flush=True)
    if not verdict.passed:
        print(verdict.output, file=sys.stderr, flush=True)
    return verdict.passed


if __name__ == "__main__":
    sys.exit(main())
