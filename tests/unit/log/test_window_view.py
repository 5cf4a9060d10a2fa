"""A window out of a loaded view has the rows that a request would bring."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui.log.feed import Anchor, At
from auditlog_tui.log.log import Log
from auditlog_tui.log.view import View
from auditlog_tui.log.window_view import window_of
from auditlog_tui.store.entries import EntryStore
from auditlog_tui.text.times import rfc3339
from tests.unit.fake import START_US, FakeApi, entry, log_of
from tests.unit.views import keys_of, load, query_of, view_of

SECOND = 1_000_000


def created(first: int, last: int) -> str:
    """The filter for entries between two seconds of the log."""
    return f"created:{rfc3339(START_US + first * SECOND)}..{rfc3339(START_US + last * SECOND)}"


async def loaded(api: FakeApi, text: str, anchor: Anchor | At = Anchor.NEWEST) -> View:
    view = view_of(api, text, anchor)
    await load(view)
    await load(view, older=False)
    await view.prove()
    assert view.summary().complete
    return view


@given(st.lists(st.integers(0, 60), max_size=40), st.integers(0, 60), st.integers(0, 60), st.booleans())
async def test_it_has_what_a_request_would_bring(times: list[int], one: int, other: int, whole: bool) -> None:
    api = FakeApi([entry(n, at=at) for n, at in enumerate(times)])
    view = await loaded(api, "" if whole else created(0, 60), Anchor.NEWEST if whole else At(START_US + 30 * SECOND))
    query = query_of(created(min(one, other), max(one, other)))
    asked = len(api.calls)
    window = window_of(view, query)
    assert window is not None
    assert window.summary().complete
    await load(window)
    assert len(api.calls) == asked
    fresh = await load(View(Log(api, EntryStore()), query))
    assert sorted(keys_of(window)) == sorted(keys_of(fresh))
    summary = window.summary()
    assert (summary.rows, summary.loaded, summary.total) == (len(fresh), len(fresh), None)
    assert summary.as_of == view.summary().as_of
    assert summary.newest_us == fresh.summary().newest_us


@pytest.mark.parametrize(
    "outer",
    [created(100, 200), created(120, 300), "method:POST", "-created:2020-01-01", f"{created(0, 300)} method:POST"],
)
async def test_only_a_view_of_times_that_has_the_whole_range_will_do(outer: str) -> None:
    view = await loaded(FakeApi(log_of(300)), outer)
    assert window_of(view, query_of(created(110, 250))) is None


async def test_a_view_that_is_not_complete_will_not_do() -> None:
    view = view_of(FakeApi(log_of(300)))
    await view.more(100, lambda: None)
    assert window_of(view, query_of(created(250, 260))) is None


@pytest.mark.untraced  # much of the same
async def test_a_large_view_will_not_do() -> None:
    view = await loaded(FakeApi(log_of(2_001)), "")
    assert window_of(view, query_of(created(250, 260))) is None


async def test_it_is_incomplete_when_the_view_turns_out_to_be() -> None:
    view = await loaded(FakeApi(log_of(50)), "")
    window = window_of(view, query_of(created(10, 20)))
    assert window is not None
    view.feed.report_missing(3)
    assert window.summary().incomplete


# -- what a window around a time asks the server -------------------------------------------------------------------


async def at_the_middle(api: FakeApi) -> View:
    view = view_of(api, created(100, 160), At(START_US + 130 * SECOND))
    await view.log.server_support.prove(api, ["created_at_min", "created_at_max"])
    api.calls.clear()
    await load(view)
    await load(view, older=False)
    return view


async def test_a_window_in_two_pages_is_complete_by_their_own_counts() -> None:
    api = FakeApi(log_of(300))
    view = await at_the_middle(api)
    assert view.summary().complete
    assert view.summary().total == len(view) == 61
    assert len(api.calls) == 2


@pytest.mark.parametrize("page", [3, 4])  # after the two that prove the bounds
async def test_a_page_whose_count_differs_is_counted_again(page: int) -> None:
    api = FakeApi(log_of(300), trouble={page: "lie"})
    view = view_of(api, created(100, 160), At(START_US + 130 * SECOND))
    await view.log.server_support.prove(api, ["created_at_min", "created_at_max"])
    await load(view)
    await load(view, older=False)
    assert len(api.calls) == 5
    assert view.summary().complete  # the third count agrees


async def test_more_than_a_page_at_one_side_is_counted_as_a_whole() -> None:
    api = FakeApi(log_of(300), page_size=20)
    view = await at_the_middle(api)
    assert view.summary().complete
    assert len(api.calls) == 2 + 2 + 1 + 1  # two pages a side, the oldest again, and a count
