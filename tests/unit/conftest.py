from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from auditlog_tui import demo
from auditlog_tui.archive import engine


@pytest.fixture
def small_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--demo` is its last 2,000 entries, for a test that needs no more: all 20,000 take half a second to make."""
    monkeypatch.setattr(demo, "demo_log", partial(demo.demo_log, entries=2_000))


@pytest.fixture(scope="module")
def one_database() -> Iterator[None]:
    """Archives are written by connections to one database: opening one takes as long as writing a part."""
    import duckdb  # which not every installation has

    with closing(duckdb.connect(config={**engine._CONFIG})) as database, pytest.MonkeyPatch.context() as patched:

        def share(self: engine.Engine, _: Path) -> None:
            self._error = duckdb.Error
            self._connection = database.cursor()
            self._connection.execute("SET TimeZone = 'UTC'")

        patched.setattr(engine.Engine, "__init__", share)
        yield
