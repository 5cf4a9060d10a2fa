"""A page read ahead is stored only once what the user typed is drawn."""

from itertools import pairwise

import pytest

from auditlog_tui.log import feed
from auditlog_tui.log.log import Log
from auditlog_tui.log.walk import Walk
from auditlog_tui.store.entries import EntryStore
from tests.unit.fake import FakeApi, log_of
from tests.unit.views import query_of


async def test_each_page_of_a_slice_waits_for_input_before_it_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(FakeApi(log_of(600), page_size=10), EntryStore())
    order: list[str] = []

    async def pause() -> None:
        order.append("pause")

    store_page = feed.Feed._store_page

    def stored(*arguments: object) -> None:
        order.append("store")
        store_page(*arguments)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(feed, "pause", pause)
    monkeypatch.setattr(feed.Feed, "_store_page", stored)
    walk = Walk(log, query_of(""))
    await walk.begin()
    await walk.go(10_000)
    assert len(walk.view) == 600
    sliced = order[order.index("pause") :]
    assert sliced.count("store") > 20
    assert all(one == "pause" for one, other in pairwise(sliced) if other == "store")
    log.store.close()
