"""A long session of changing filters: what it holds stops growing."""

from __future__ import annotations

import gc
from collections.abc import Callable
from datetime import UTC
from typing import NamedTuple

import pytest

from auditlog_tui.log import log
from auditlog_tui.log.log import Log
from auditlog_tui.session import navigator as navigating
from auditlog_tui.session.navigator import Navigator, Place
from auditlog_tui.store.entries import EntryStore, Run
from tests.effort import THOROUGH
from tests.unit.fake import START_US, FakeApi, log_of
from tests.unit.views import ignore

pytestmark = pytest.mark.untraced  # a hundred times the same
ENTRIES = 20
KEPT = 100 if THOROUGH else 30
"""Places, and feeds besides."""

STEPS = 5 * KEPT
SETTLED = 2 * KEPT - 1
"""The step after which nothing may grow any more: every place and every feed kept has been replaced by then."""


class Clock(Log):
    """A log whose server's time stands still."""

    def now_us(self) -> int:
        return START_US + 3_600_000_000


class Held(NamedTuple):
    runs: int
    rows: int
    notes: int
    places: int
    feeds: int
    entries: int


@pytest.fixture
def navigator(monkeypatch: pytest.MonkeyPatch) -> Navigator:
    monkeypatch.setattr(log, "FEEDS_KEPT", KEPT)
    monkeypatch.setattr(navigating, "MOST_PLACES", KEPT)
    return Navigator(Clock(FakeApi(log_of(ENTRIES)), EntryStore()), UTC)


async def held(navigator: Navigator) -> Held:
    """What is held after the next sweep."""
    gc.collect()
    store = navigator.log.store
    await store.sweep()
    ((rows, notes, entries),) = store.read(
        "SELECT (SELECT count(*) FROM place), (SELECT count(*) FROM version_of) + (SELECT count(*) FROM record_of),"
        " (SELECT count(*) FROM entry)",
        [],
    )
    ((runs,),) = store.read("SELECT count(DISTINCT run) FROM place", [])
    alive = sum(isinstance(each, Run) for each in gc.get_objects())
    assert runs <= alive
    return Held(alive, rows, notes, len(navigator.places), len(navigator.log._feeds), entries)


async def walk(navigator: Navigator, step: Callable[[int], Place]) -> tuple[Held, Held]:
    """Take every step as a user does, and see what is held on the way and at the end."""
    on_the_way = None
    for number in range(STEPS):
        view = step(number).view
        for older in (True, False):
            await view.more(2 * ENTRIES, ignore, older=older)
        assert view.complete
        if number % 50 == 0:
            await held(navigator)  # as the app does, each second
        if number == SETTLED:
            on_the_way = await held(navigator)
    assert on_the_way is not None
    return on_the_way, await held(navigator)


async def test_many_filters_hold_no_more_than_fewer(navigator: Navigator) -> None:
    texts = ("last:{}m", "ua:curl last:{}m", "sort:path ua:curl last:{}m", "ua:curl -path:/x{}", "id:id-{}")
    on_the_way, at_the_end = await walk(
        navigator, lambda number: navigator.submit(texts[number % len(texts)].format(number + 1_000))
    )
    assert at_the_end == on_the_way
    assert at_the_end.places == KEPT
    assert at_the_end.feeds <= KEPT + 1
    assert at_the_end.rows <= at_the_end.runs * ENTRIES
    assert at_the_end.entries == ENTRIES


async def test_many_instants_hold_no_more_than_fewer(navigator: Navigator) -> None:
    whole = navigator.submit("").view.feed
    on_the_way, at_the_end = await walk(navigator, lambda number: navigator.at_moment(START_US + number))
    assert at_the_end == on_the_way
    assert at_the_end.places == KEPT
    assert at_the_end.feeds == KEPT + 1
    assert navigator.submit("ua:curl").view.feed is whole
