"""No test leaves a connection to SQLite open; and `BRIEF=1` in the environment makes properties try less."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests import opened

BRIEF_EXAMPLES = 10
"""Of each property, where another run tries them in full: on the other Pythons in CI."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items if os.environ.get("BRIEF") else ():
        test = getattr(item, "obj", None)
        own = getattr(test, "_hypothesis_internal_use_settings", None)
        if test is not None and own is not None and own.max_examples > BRIEF_EXAMPLES:
            getattr(test, "__func__", test)._hypothesis_internal_use_settings = settings(
                own, max_examples=BRIEF_EXAMPLES
            )


@pytest.fixture(scope="session", autouse=True)
def _connections_are_watched() -> Iterator[None]:
    with opened.watched():
        yield


@pytest.fixture(autouse=True)
def _what_is_opened_is_closed(_connections_are_watched: None) -> Iterator[None]:
    opened.share()  # what wider fixtures opened
    yield
    left = opened.close()
    assert not left, f"nobody closed what was opened here: {'; '.join(left)}"
