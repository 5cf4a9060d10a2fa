import asyncio
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditlog_tui.analysis.search import Matches, find
from auditlog_tui.entries.models import Entry
from auditlog_tui.log.log import Log
from auditlog_tui.log.view import View
from auditlog_tui.query import Query
from auditlog_tui.store import scans
from auditlog_tui.store.entries import EntryStore
from tests.unit.fake import FakeApi, entry, log_of
from tests.unit.query.evaluate import texts
from tests.unit.query.strategies import HOSTILE, entries
from tests.unit.views import load, view_of


def view_with(found: list[Entry]) -> View:
    """A view with rows that no server sent."""
    log = Log(FakeApi([]), EntryStore())
    view = View(log, Query())
    log.store.append(view.run, log.store.add(found))
    return view


def search(found: list[Entry], text: str, row: int, way: int) -> int | None:
    """The same by hand: all rows after this one, then round to this one itself."""
    after, before = range(row + 1, len(found)), range(row + 1)
    rows = chain(after, before) if way > 0 else chain(reversed(range(row)), reversed(range(row, len(found))))
    for number in rows:
        fields = [value for value in texts("", found[number]) if value is not None]
        if any(text.casefold() in value.casefold() for value in fields):
            return number
    return None


pieces = st.sampled_from((*HOSTILE[1:], "alice", "VM", "vm.", "203", "403", "T12:00", "straSSE", "e-", "/v1", "zzz"))


@given(
    st.lists(entries, min_size=1, max_size=12, unique_by=lambda found: found.key),
    pieces | st.text(min_size=1, max_size=3),
    st.data(),
    st.sampled_from((1, -1)),
    st.integers(1, 5),
)
@settings(max_examples=200)
async def test_it_finds_what_a_search_by_hand_finds(
    found: list[Entry], text: str, data: st.DataObject, way: int, size: int
) -> None:
    row = data.draw(st.integers(-1 if way > 0 else 0, max(0, len(found) - 1)))
    view = view_with(found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scans, "SLICE", size)
        assert await find(view, text, row, way) == search(found, text, row, way)
    view.log.store.close()


async def test_next_previous_and_round() -> None:
    log = [entry(n, path="/here" if n in (3, 7) else "/x") for n in range(10)]  # shown as rows 6 and 2
    view = await load(view_of(FakeApi(log)))
    assert [await find(view, "HERE", row, 1) for row in (-1, 0, 2, 5, 6, 9)] == [2, 2, 6, 6, 2, 2]
    assert [await find(view, "HERE", row, -1) for row in (0, 2, 3, 6, 9)] == [6, 6, 2, 2, 6]


async def test_the_only_one_is_found_from_itself() -> None:
    view = await load(view_of(FakeApi([entry(n, path="/here" if n == 5 else "/x") for n in range(10)])))
    assert (await find(view, "here", 4, 1), await find(view, "here", 4, -1)) == (4, 4)


@pytest.mark.parametrize(
    "text", ["nowhere", "\ud800", "a\udfff", "\x00", "%", "_", "' OR 1=1 --", '"', "*", "[" * 500]
)
async def test_what_is_in_no_row_is_not_found(text: str) -> None:
    view = await load(view_of(FakeApi(log_of(10))))
    assert await find(view, text, 0, 1) is None
    assert await find(view, text, 0, -1) is None


async def test_nothing_is_found_in_nothing() -> None:
    assert await find(view_with([]), "x", 0, 1) is None
    assert await find(view_with([]), "x", 0, -1) is None


async def test_finding_asks_the_server_nothing() -> None:
    api = FakeApi(log_of(250))
    view = view_of(api)
    await view.more(1, lambda: None)
    asked = len(api.calls)
    assert await find(view, "id-1", 0, 1) is not None  # id-199 and others
    assert await find(view, "id-2", 0, 1) is not None
    assert await find(view, "id-99", 0, 1) is None
    assert len(api.calls) == asked


async def test_it_may_be_cancelled_between_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scans, "SLICE", 10)
    view = await load(view_of(FakeApi(log_of(100))))
    task = asyncio.create_task(find(view, "nowhere", 0, 1))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@given(
    st.lists(entries, max_size=12, unique_by=lambda found: found.key), pieces, st.integers(1, 5), st.integers(0, 12)
)
@settings(max_examples=100)
async def test_it_counts_what_a_search_by_hand_counts(found: list[Entry], text: str, size: int, late: int) -> None:
    view = view_with(found[late:])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scans, "SLICE", size)
        matches = Matches(view, text)
        await matches.count(lambda: None)
        view.log.store.prepend(view.run, view.log.store.add(found[:late])[::-1])  # newer rows came in
        await matches.count(lambda: None)
        rows = [row for row in range(len(view)) if search(found[row : row + 1], text, -1, 1) is not None]
    keys = [row.key for row in view.window(0, len(view))]
    assert keys == [each.key for each in found]
    assert matches.total == len(rows)
    assert [matches.number_of(row) for row in rows] == list(range(1, len(rows) + 1))
    assert not matches.behind
    view.log.store.close()


async def test_rows_that_were_taken_out_are_no_longer_counted() -> None:
    view = await load(view_of(FakeApi([entry(n, path="/here") for n in range(10)])))
    matches = Matches(view, "here")
    await matches.count(lambda: None)
    view.log.store.cut(view.run, 4)
    assert matches.behind
    await matches.count(lambda: None)
    assert (matches.total, matches.number_of(0)) == (6, 1)


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "nowhere"])
async def test_what_is_in_no_row_counts_none(text: str) -> None:
    matches = Matches(await load(view_of(FakeApi(log_of(10)))), text)
    await matches.count(lambda: None)
    assert matches.total == 0


async def test_other_work_goes_on_between_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scans, "SLICE", 10)
    matches = Matches(await load(view_of(FakeApi(log_of(100)))), "id-9")
    seen: list[float] = []
    task = asyncio.create_task(matches.count(lambda: seen.append(matches.share)))
    while not task.done():
        await asyncio.sleep(0)
        assert len(seen) <= 10
    assert seen == [n / 10 for n in range(1, 11)]
    assert matches.total == 11  # and id-9 itself


async def test_rows_in_another_order_are_searched_in_that_order() -> None:
    log = [entry(n, path=f"/{n * 7 % 10}", user_agent="tool" if n in (2, 5) else "curl") for n in range(10)]
    view = await load(view_of(FakeApi(log), "sort:path"))
    first = await find(view, "tool", -1, 1)
    assert first is not None
    second = await find(view, "tool", first, 1)
    assert second is not None
    assert [view.window(row, 1)[0].path for row in (first, second)] == ["/4", "/5"]
