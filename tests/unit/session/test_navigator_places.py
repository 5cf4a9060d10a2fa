import gc
import weakref
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui.entries.models import Entry
from auditlog_tui.errors import QueryError
from auditlog_tui.log.feed import Anchor
from auditlog_tui.log.log import FEEDS_KEPT, Log
from auditlog_tui.query import FIELDS
from auditlog_tui.session.marks import Marks
from auditlog_tui.session.navigator import MOST_PLACES, Navigator, Place
from auditlog_tui.store.entries import EntryStore, Row
from tests.unit.fake import EVERY_FILTER, START_US, FakeApi, log_of
from tests.unit.query.evaluate import matches
from tests.unit.query.strategies import entries
from tests.unit.views import ignore, keys_of, load, newest_first, query_of

MINUTE = 60_000_000
UUID = "123e4567-e89b-12d3-a456-426614174000"


class FixedClockLog(Log):
    """A log whose clock is fixed at an hour after its first entry."""

    def now_us(self) -> int:
        return START_US + 60 * MINUTE


def navigator_of(api: FakeApi, **more: Any) -> Navigator:
    return Navigator(FixedClockLog(api, EntryStore()), UTC, **more)


@pytest.fixture
def api() -> FakeApi:
    return FakeApi(log_of(700))


@pytest.fixture
def navigator(api: FakeApi) -> Navigator:
    return navigator_of(api)


async def load_both_ends(place: Place | None) -> Place:
    assert place is not None
    await load(await load(place.view), older=False)
    return place


async def row_of(navigator: Navigator, text: str = "", number: int = 0) -> Row:
    place = navigator.submit(text)
    await place.view.more(number + 1, ignore)
    return place.view.window(number, 1)[0]


# -- around an entry -----------------------------------------------------------------------------------------------


async def test_window_shows_both_sides_of_an_entry(navigator: Navigator, api: FakeApi) -> None:
    row = await row_of(navigator, "ua:curl", 200)
    asked = len(api.calls)
    place = navigator.around(row, 60_000_000, above=7)
    assert place is not None
    await place.view.more(50, ignore)
    await place.view.more(50, ignore, older=False)
    assert len(api.calls) - asked == 2
    assert keys_of(place.view) == newest_first(range(439, 560))
    assert place.view.row_of(row.n) == 60
    assert (place.cursor, place.above, navigator.parked) == (row.n, 7, "ua:curl")


async def test_resizing_the_window_keeps_the_filter_parked(navigator: Navigator) -> None:
    row = await row_of(navigator, "ua:curl", 200)
    first = navigator.place
    for half in (60_000_000, 30_000_000, 15_000_000, 120_000_000):
        place = await load_both_ends(navigator.around(row, half, above=3))
        seconds = half // 1_000_000
        assert keys_of(place.view) == newest_first(range(499 - seconds, 500 + seconds))
    assert navigator.parked == "ua:curl"
    places = [navigator.back() for _ in range(4)]
    assert places[-1] is first
    navigator.forward()
    assert navigator.place.around == 60_000_000


async def test_less_time_and_what_was_shown_before_take_no_request(navigator: Navigator, api: FakeApi) -> None:
    row = await row_of(navigator, "ua:curl", 200)
    await load_both_ends(navigator.around(row, 60_000_000, above=3))
    asked = len(api.calls)
    for half in (30_000_000, 10_000_000, 30_000_000, 60_000_000):
        place = await load_both_ends(navigator.around(row, half, above=3))
        assert keys_of(place.view) == newest_first(range(499 - half // 1_000_000, 500 + half // 1_000_000))
        assert place.view.summary().complete
    assert len(api.calls) == asked
    await load_both_ends(navigator.refresh())
    assert len(api.calls) > asked


async def test_after_a_reload_that_fails_nothing_older_is_taken_for_it(navigator: Navigator, api: FakeApi) -> None:
    row = await row_of(navigator, "ua:curl", 200)
    await load_both_ends(navigator.around(row, 60_000_000, above=3))
    navigator.refresh()
    asked = len(api.calls)
    await load_both_ends(navigator.around(row, 30_000_000, above=3))
    assert len(api.calls) > asked


async def test_window_can_be_narrowed_and_linked(navigator: Navigator) -> None:
    row = await row_of(navigator, "", 500)
    place = navigator.around(row, 5_000_000, above=3)
    assert place is not None
    assert navigator.submit(navigator.link()).text == place.text
    assert navigator.narrowed("method", "POST", negated=False) == f"{place.text} method:POST"


async def test_window_is_loaded_from_the_top_where_times_are_ignored() -> None:
    navigator = navigator_of(FakeApi(log_of(300), ignores=EVERY_FILTER))
    row = await row_of(navigator, "", 150)
    place = await load_both_ends(navigator.around(row, 5_000_000, above=3))
    assert keys_of(place.view) == newest_first(range(144, 155))
    assert place.view.notice


# -- at a time ----------------------------------------------------------------------------------------------------


async def test_view_at_a_time_shows_both_sides_with_two_requests(navigator: Navigator, api: FakeApi) -> None:
    navigator.submit("method:POST")
    place = navigator.at_moment(navigator.moment("08:05"))
    await place.view.more(50, ignore)
    await place.view.more(50, ignore, older=False)
    assert len(api.calls) == 2
    assert "id-300" in keys_of(place.view)
    assert (keys_of(place.view)[0], keys_of(place.view)[-1]) == ("id-399", "id-201")
    await load_both_ends(place)
    assert keys_of(place.view) == newest_first(range(700))


@pytest.mark.parametrize("sort", ["sort:created", "sort:-status", "sort:status,-created", "sort:path"])
async def test_view_at_a_time_is_in_the_logs_own_order(sort: str, navigator: Navigator) -> None:
    navigator.submit(f"method:POST {sort}")
    place = navigator.at_moment(START_US + 500_000_000)
    assert place.text == "method:POST"
    await load_both_ends(place)
    assert keys_of(place.view) == newest_first(range(700))
    assert not navigator.log.server_support.ignored


async def test_same_filter_after_a_time_begins_at_the_newest(navigator: Navigator) -> None:
    navigator.submit("method:POST")
    place = navigator.at_moment(START_US)
    assert navigator.submit("method:POST") is not place
    assert navigator.view.anchor is Anchor.NEWEST


async def test_refresh_keeps_the_time(navigator: Navigator) -> None:
    navigator.submit("")
    place = navigator.at_moment(START_US + 5)
    assert navigator.refresh().view.anchor == place.view.anchor


# -- filters from cells --------------------------------------------------------------------------------------------


def test_new_bounds_replace_all_earlier_ones(navigator: Navigator) -> None:
    navigator.submit("created:>=2027-01-15T08:00:00Z method:POST created:<2027-01-15T09:00:00Z")
    text = navigator.between(START_US + 1, START_US + 2)
    assert text == "method:POST created:2027-01-15T08:00:00.000001Z..2027-01-15T08:00:00.000002Z"
    assert navigator.submit(text).view.plan.residual is None


async def test_bounds_include_both_ends(navigator: Navigator) -> None:
    navigator.submit("")
    place = navigator.submit(navigator.between(START_US + 3_000_000, START_US + 5_000_000))
    assert keys_of((await load_both_ends(place)).view) == newest_first(range(3, 6))


@pytest.mark.parametrize(
    ("text", "field", "then"),
    [
        ("sort:path", "path", ["", "sort:-path", "sort:path"]),
        ("sort:-path", "path", ["sort:path", "", "sort:-path"]),
        ("sort:status,-created", "status", ["sort:-status", "sort:status", ""]),
        ("sort:path", "ip", ["sort:-ip", "sort:ip", ""]),
        ("sort:created", "created", ["", "sort:created", ""]),
        ("sort:-created", "created", ["sort:created", "", "sort:created"]),
        ("sort:path", "sort", ["sort:path"] * 3),
    ],
)
def test_sorting_by_a_column_cycles(text: str, field: str, then: list[str], navigator: Navigator) -> None:
    navigator.submit(text)
    assert [navigator.submit(navigator.sorted_by(field)).text for _ in then] == then


@given(entries, st.booleans(), st.sampled_from([name for name, field in FIELDS.items() if field.columns]))
def test_cell_filter_keeps_or_excludes_its_entry(found: Entry, negated: bool, field: str) -> None:
    navigator = navigator_of(FakeApi([]))
    navigator.submit("")
    store = navigator.log.store
    run = store.new_run()
    store.append(run, store.add([found]))
    row = store.window(run, 0, 1)[0]
    text = navigator.narrowed(field, navigator.value_of(row, field), negated=negated)
    unread = {"", "target", "target.id", "target.type"} & set(found.unreadable)
    half = row.target_id is None and (row.target_type is not None or unread)
    if text and not (field == "target" and half):  # `target:none` would be wrong for an entry with half a target
        assert matches(query_of(text), found) is not negated or (negated and found.unreadable)
    store.close()


def test_excluding_an_included_value_leaves_one_term(navigator: Navigator) -> None:
    navigator.submit("action:vm.created")
    assert navigator.narrowed("action", "vm.created", negated=True) == "-action:vm.created"
    assert navigator.narrowed("action", "vm.created", negated=False) == "action:vm.created"


# -- saved filters and pasted lines --------------------------------------------------------------------------------


def test_saved_filter_is_shown_expanded(api: FakeApi) -> None:
    navigator = navigator_of(api, views={"mine": "last:30m ua:curl"})
    assert navigator.submit("@mine method:POST").text == "created:>=2027-01-15T08:30:00Z ua:curl method:POST"
    assert navigator.explain("@mine").chips[-1].text == "ua:curl"
    assert navigator.suggest("@mi", 3).candidates[0].help == "last:30m ua:curl"


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("method:GET @min", 11, 15),
        ("@mine nonsense:1", 0, 16),
        ("@mine status:<400 status:>500", 0, 29),
        ("auditlog-tui nonsense:1", 0, 23),
        ("method:GET nonsense:1", 11, 21),
    ],
)
def test_error_points_into_the_typed_text(text: str, start: int, end: int, api: FakeApi) -> None:
    navigator = navigator_of(api, views={"mine": "ua:a-long-text-that-moves-every-column"})
    with pytest.raises(QueryError) as caught:
        navigator.submit(text)
    assert (caught.value.start, caught.value.end) == (start, end)
    assert caught.value.hint


@pytest.mark.parametrize("text", ["", "last:30m method:POST", '-ua:"it\'s" sort:path', "list", '"-x"', '"$(id)"'])
def test_pasted_link_shows_the_same_later(text: str, api: FakeApi) -> None:
    for more in ({}, {"demo": True}, {"base_url": "https://api.test"}):
        navigator = navigator_of(api, **more)
        place = navigator.submit(text)
        line = navigator.link()
        assert line.startswith("auditlog-tui")
        later = navigator_of(api)
        later.submit("method:GET")
        assert later.submit(line).view.query == place.view.query


async def test_time_from_the_marked_view_is_of_the_whole_log(navigator: Navigator) -> None:
    row = await row_of(navigator, "")
    navigator.marks = Marks()
    navigator.marks.mark([navigator.log.store.entry(row.n)])
    navigator.only_marked()
    place = await load_both_ends(navigator.at_moment(START_US))
    assert len(place.view) == 700


async def test_history_and_its_feeds_are_bounded(navigator: Navigator) -> None:
    first = weakref.ref(navigator.submit("ua:curl last:99h").view.matched)
    for hours in range(1, 2 * MOST_PLACES):
        navigator.submit(f"ua:curl last:{hours}m")
    assert len(navigator.places) == MOST_PLACES
    assert navigator.place is navigator.places[-1]
    assert len([feed for feed in navigator.log._feeds.values() if feed.plan.params]) <= FEEDS_KEPT
    gc.collect()
    assert first() is None
    for _ in range(MOST_PLACES - 1):
        assert navigator.back() is not None
    assert navigator.back() is None
