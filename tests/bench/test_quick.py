"""The machine-independent counts have not grown. `python -m tests.bench` measures times."""

from __future__ import annotations

import asyncio
import sys

import pytest

from tests.bench.quick import LARGE, SMALL, Counts, complaints, counts
from tests.bench.terminal import HEIGHT

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc and a pty")


@pytest.fixture(scope="module")
def found() -> Counts:
    return asyncio.run(counts())


def test_nothing_costs_more_than_it_did(found: Counts) -> None:
    assert not complaints(found), "\n".join(complaints(found))


def test_a_key_costs_the_same_at_any_size(found: Counts) -> None:
    for name in ("down in view", "scroll", "page"):
        for what in ("statements", "rows formatted"):
            assert found[f"{what}, {name}, {LARGE}"] == found[f"{what}, {name}, {SMALL}"], (what, name)


def test_the_first_rows_take_one_request(found: Counts) -> None:
    assert found[f"requests to the first rows of {LARGE}"] == 1


def test_a_line_further_formats_one_line_besides_those_of_the_cursor(found: Counts) -> None:
    assert found[f"rows formatted, scroll, {LARGE}"] <= 3
    assert found[f"rows formatted, page, {LARGE}"] <= HEIGHT
