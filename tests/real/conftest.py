"""A log that every test here may read, and a disk that is soon full."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditlog_tui.demo import demo_log
from auditlog_tui.demo.server import serving
from tests.real import forked


@pytest.fixture(scope="session", autouse=True)
def _nothing_forks_after_the_tests() -> Iterator[None]:
    yield
    forked.close()


@pytest.fixture(scope="session")
def served() -> Iterator[dict[str, str]]:
    """What goes into a program's environment to read a log of 3,000 entries: `--demo` makes 20,000 at each start."""
    with serving(demo_log(entries=3_000)) as server:
        yield {"NIRVANA_LABS_API_KEY": "any", "NIRVANA_LABS_BASE_URL": server.url}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place]).returncode:
        pytest.skip("file systems can't be mounted here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)
