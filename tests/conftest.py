"""No test leaves a connection to SQLite open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import opened


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
