"""A log that every test here may read."""

from collections.abc import Iterator

import pytest

from auditlog_tui.demo import demo_log
from auditlog_tui.demo.server import serving


@pytest.fixture(scope="session")
def served() -> Iterator[dict[str, str]]:
    """What goes into a program's environment to read a log of 3,000 entries: `--demo` makes 20,000 at each start."""
    with serving(demo_log(entries=3_000)) as server:
        yield {"NIRVANA_LABS_API_KEY": "any", "NIRVANA_LABS_BASE_URL": server.url}
