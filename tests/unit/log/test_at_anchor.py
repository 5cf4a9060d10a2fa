from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditlog_tui.log.feed import Anchor, At
from auditlog_tui.log.log import Log
from auditlog_tui.log.view import State, View
from auditlog_tui.store.entries import EntryStore
from auditlog_tui.text.times import rfc3339
from tests.unit.fake import EVERY_FILTER, START_US, FakeApi, Json, entry, log_of
from tests.unit.views import ignore, keys_of, load, newest_first, query_of, view_of

SECOND = 1_000_000


def at_second(second: float) -> At:
    return At(START_US + round(second * SECOND))


async def load_both_ends(view: View) -> View:
    return await load(await load(view), older=False)


def times_of(view: View) -> list[int]:
    return [row.created_us or 0 for row in view.window(0, len(view))]


def shows_all_in_order(view: View, log: Sequence[Json]) -> bool:
    """True when each entry is shown once, newest first."""
    keys = keys_of(view)
    return len(keys) == len(set(keys)) and set(keys) == {data["id"] for data in log} and _descends(times_of(view))


def _descends(times: list[int]) -> bool:
    return times == sorted(times, reverse=True)


async def test_two_requests_show_both_sides_of_a_time() -> None:
    api = FakeApi(log_of(1_000))
    view = view_of(api, anchor=at_second(500))
    assert view.centred
    await view.more(50, ignore)
    await view.more(50, ignore, older=False)
    assert len(api.calls) == 2
    assert keys_of(view) == newest_first(range(401, 600))
    summary = view.summary()
    assert (summary.more_above, summary.more_below, summary.state) == (True, True, State.MORE)
    assert (summary.newest_us, summary.total) == (None, None)


async def test_both_directions_reach_the_ends() -> None:
    log = log_of(450)
    view = await load_both_ends(view_of(FakeApi(log), anchor=at_second(222)))
    assert shows_all_in_order(view, log)
    assert view.complete
    assert view.summary().state is State.COMPLETE
    assert view.summary().newest_us == START_US + 449 * SECOND


@pytest.mark.parametrize("second", [-10, 0, 449, 10_000, 200.5])
async def test_any_time_can_be_an_anchor(second: float) -> None:
    log = log_of(450)
    assert shows_all_in_order(await load_both_ends(view_of(FakeApi(log), anchor=at_second(second))), log)


@pytest.mark.parametrize("first", ["older", "newer"])
async def test_110_entries_at_the_anchor_time_are_all_shown_once(first: str) -> None:
    log = [*log_of(100), *(entry(n, at=100) for n in range(100, 210)), *(entry(n, at=n) for n in range(210, 330))]
    api = FakeApi(log, shuffle_ties=True)
    view = view_of(api, anchor=at_second(100))
    await load(view, older=first == "older")
    await load(view, older=first != "older")
    assert shows_all_in_order(view, log)
    assert view.complete


async def test_first_request_fetches_the_entry_at_the_anchor() -> None:
    api = FakeApi(log_of(300))
    for older in (True, False):
        view = view_of(api, anchor=at_second(150))
        await view.more(1, ignore, older=older)
        assert "id-150" in keys_of(view)


async def test_filter_applies_on_both_sides() -> None:
    log = [entry(n, method="GET" if n % 3 else "POST", user_agent="tool" if n % 2 else "curl") for n in range(300)]
    view = await load_both_ends(view_of(FakeApi(log), "method:POST ua:tool", at_second(150)))
    assert keys_of(view) == newest_first(n for n in range(300) if n % 6 == 3)
    assert view.complete


@pytest.mark.parametrize("second", [100, 150, 199, 0, 299])
async def test_bounds_of_the_filter_apply_wherever_the_anchor_is(second: int) -> None:
    text = "created:2027-01-15T08:01:40Z..2027-01-15T08:03:19Z"
    view = await load_both_ends(view_of(FakeApi(log_of(300)), text, at_second(second)))
    assert keys_of(view) == newest_first(range(100, 200))
    assert view.complete


async def test_rows_in_a_local_order_are_sorted() -> None:
    log = [entry(n, path=f"/{n * 7 % 40:02}") for n in range(40)]
    view = await load_both_ends(view_of(FakeApi(log), "sort:path", at_second(20)))
    assert [row.path for row in view.window(0, 40)] == [f"/{n:02}" for n in range(40)]


@pytest.mark.parametrize(
    "ignores", [EVERY_FILTER, ["created_at_max"], ["created_at_min"], ["sort"], ["created_at_min", "sort"]]
)
async def test_anchor_falls_back_to_newest_with_a_notice(ignores: list[str]) -> None:
    log = log_of(450)
    api = FakeApi(log, ignores=ignores)
    view = view_of(api, anchor=at_second(222))
    await view.more(1, ignore)
    await view.more(1, ignore, older=False)
    await load_both_ends(view)
    assert (view.anchor, view.centred) == (Anchor.NEWEST, False)
    assert "to see that time, scroll down" in view.notice
    assert shows_all_in_order(view, log)
    again = View(view.log, query_of(""), anchor=at_second(222))
    assert again.notice
    assert again.anchor is Anchor.NEWEST


async def test_ignored_parameters_are_evaluated_locally_around_a_time() -> None:
    log = [entry(n, method="GET" if n % 3 else "POST") for n in range(300)]
    view = await load_both_ends(view_of(FakeApi(log, ignores=["method"]), "method:POST", at_second(150)))
    assert view.centred
    assert keys_of(view) == newest_first(range(0, 300, 3))


async def test_same_anchor_reuses_the_previous_feed() -> None:
    api = FakeApi(log_of(300))
    view = await load_both_ends(view_of(api, anchor=at_second(150)))
    asked = len(api.calls)
    other = View(view.log, query_of("ua:curl"), anchor=at_second(150), like=view)
    await load_both_ends(other)
    assert other.feed is view.feed
    assert len(api.calls) == asked
    assert View(view.log, query_of(""), anchor=at_second(151), like=view).feed is not view.feed


async def test_empty_log_is_complete_at_any_anchor() -> None:
    view = await load_both_ends(view_of(FakeApi([]), anchor=at_second(5)))
    assert view.complete
    assert not len(view)


seconds = st.lists(st.integers(0, 12), max_size=40)


@given(
    seconds, st.integers(-2, 14), st.lists(st.booleans(), max_size=30), st.sampled_from([(), ("sort",), EVERY_FILTER])
)
@settings(max_examples=80)
async def test_scrolling_in_any_order_shows_every_entry_once(
    times: list[int], second: int, ways: list[bool], ignores: Iterable[str]
) -> None:
    log = [
        entry(n, created_at=rfc3339(START_US + t * SECOND), user_agent="tool" if n % 3 else "curl")
        for n, t in enumerate(times)
    ]
    api = FakeApi(log, page_size=3, shuffle_ties=True, ignores=ignores)
    view = View(Log(api, EntryStore()), query_of("ua:tool"), anchor=at_second(second))
    for older in ways:
        await view.more(1, ignore, older=older)
    await load_both_ends(view)
    await load_both_ends(view)
    assert shows_all_in_order(view, [data for data in log if data["user_agent"] == "tool"])
    assert view.complete
