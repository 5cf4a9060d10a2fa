from functools import partial

import pytest

from auditlog_tui import demo


@pytest.fixture
def small_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--demo` is its last 2,000 entries, for a test that needs no more: all 20,000 take half a second to make."""
    monkeypatch.setattr(demo, "demo_log", partial(demo.demo_log, entries=2_000))
