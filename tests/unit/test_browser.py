from datetime import UTC, timedelta, timezone

import pytest

from auditlog_tui.errors import QueryError
from auditlog_tui.log.feed import Anchor
from auditlog_tui.log.log import Log
from auditlog_tui.session.navigator import Browser, Place
from auditlog_tui.store.entries import EntryStore
from tests.unit.fake import START_US, FakeApi, log_of
from tests.unit.views import ignore, keys_of, load, newest_first

NOW_US = START_US + 3_600_000_000


class At(Log):
    """A log whose clock stands where it is put."""

    us = NOW_US

    def now_us(self) -> int:
        return self.us


@pytest.fixture
def api() -> FakeApi:
    return FakeApi(log_of(250))


@pytest.fixture
def browser(api: FakeApi) -> Browser:
    return Browser(At(api, EntryStore()), UTC)


async def shown(place: Place | None) -> Place:
    assert place is not None
    await place.view.more(50, ignore, older=not place.view.upwards)
    return place


# -- the filter ----------------------------------------------------------------------------------------------------


async def test_what_is_submitted_is_shown(browser: Browser) -> None:
    place = browser.submit("method:POST")
    assert browser.place is place
    assert browser.view is place.view
    assert place.text == "method:POST"
    assert keys_of(await load(place.view)) == newest_first(range(250))


def test_times_are_absolute_once_submitted(browser: Browser) -> None:
    place = browser.submit("last:30m")
    assert place.text == "created:>=2027-01-15T08:30:00Z"
    browser.log.us += 60_000_000  # type: ignore[attr-defined]  # the clock is ours
    assert place.view.plan.params == {"created_at_min": "2027-01-15T08:30:00Z"}
    assert browser.submit("last:30m").text == "created:>=2027-01-15T08:31:00Z"


def test_times_without_an_offset_are_read_in_the_browsers_zone(browser: Browser) -> None:
    browser.zone = timezone(timedelta(hours=2))
    assert browser.submit("created:>=2027-01-15T08:00").view.plan.params == {"created_at_min": "2027-01-15T06:00:00Z"}


def test_the_same_filter_again_is_the_same_place(browser: Browser) -> None:
    place = browser.submit("method:POST")
    assert browser.submit(" method:POST ") is place
    assert browser.submit(place.text) is place
    assert len(browser.places) == 1


def test_the_same_filter_from_the_other_end_begins_at_the_newest_again(browser: Browser) -> None:
    browser.submit("method:POST")
    browser.anchored(Anchor.OLDEST)
    assert browser.submit("method:POST").view.anchor is Anchor.NEWEST


async def test_a_filter_that_the_server_knows_nothing_of_asks_nothing(browser: Browser, api: FakeApi) -> None:
    first = browser.submit("")
    await load(first.view)
    asked = len(api.calls)
    second = browser.submit("ua:curl")
    await load(second.view)
    assert second.view.feed is first.view.feed
    assert len(api.calls) == asked
    assert len(second.view) == 250


@pytest.mark.parametrize("text", ["nonsense:1", "status:x", "status:>500 status:<400", "created:never", '"open'])
def test_a_filter_that_cannot_be_read_changes_nothing(browser: Browser, text: str) -> None:
    place = browser.submit("method:POST")
    places, remembered = list(browser.places), list(browser.history.texts)
    with pytest.raises(QueryError):
        browser.submit(text)
    with pytest.raises(QueryError):
        browser.explain(text)
    assert (browser.place, browser.places, list(browser.history.texts)) == (place, places, remembered)


def test_explaining_shows_who_evaluates_what_and_asks_nothing(browser: Browser, api: FakeApi) -> None:
    browser.log.obedience.ignored.add("method")
    explanation = browser.explain("method:POST action:vm.created")
    assert [chip.where for chip in explanation.chips] == ["local", "server"]
    assert explanation.line
    assert not browser.places
    assert not api.calls


# -- back and forward ----------------------------------------------------------------------------------------------


async def test_back_and_forward_are_the_places_as_they_were_left(browser: Browser, api: FakeApi) -> None:
    places = [await shown(browser.submit(text)) for text in ("", "method:POST", "ua:curl")]
    places[0].cursor, places[0].above = 7, 3
    asked = len(api.calls)
    assert [browser.back(), browser.back(), browser.back()] == [places[1], places[0], None]
    assert browser.place is places[0]
    assert (browser.place.cursor, browser.place.above) == (7, 3)
    assert [browser.forward(), browser.forward(), browser.forward()] == [places[1], places[2], None]
    assert browser.place is places[2]
    assert len(api.calls) == asked


def test_a_new_filter_after_going_back_ends_what_was_ahead(browser: Browser) -> None:
    first = browser.submit("")
    browser.submit("method:POST")
    browser.back()
    third = browser.submit("ua:curl")
    assert browser.forward() is None
    assert browser.back() is first
    assert browser.places == [first, third]


# -- parking -------------------------------------------------------------------------------------------------------


async def test_parking_and_unparking_are_the_same_views_and_ask_nothing(browser: Browser, api: FakeApi) -> None:
    bare = await shown(browser.submit(""))
    narrow = await shown(browser.submit("method:POST"))
    narrow.cursor, narrow.above = 5, 2
    asked = len(api.calls)
    assert browser.park().view is bare.view
    again = browser.park()
    assert again.view is narrow.view
    assert (again.text, again.cursor, again.above) == ("method:POST", 5, 2)
    assert browser.park().view is bare.view
    assert len(api.calls) == asked


def test_parking_where_the_bare_log_was_never_shown_shows_it(browser: Browser) -> None:
    browser.submit("method:POST")
    assert browser.park().text == ""
    assert browser.park().text == "method:POST"


def test_the_filter_that_is_shown_is_the_one_that_is_parked(browser: Browser) -> None:
    browser.submit("method:POST")
    browser.park()
    browser.submit("ua:curl")
    assert browser.park().text == ""
    assert browser.park().text == "ua:curl"


def test_with_nothing_to_park_nothing_changes(browser: Browser) -> None:
    place = browser.submit("")
    assert browser.park() is place
    assert browser.places == [place]


# -- ends and refreshing -------------------------------------------------------------------------------------------


async def test_the_oldest_end_is_a_place_of_its_own(browser: Browser) -> None:
    first = browser.submit("method:POST")
    oldest = await shown(browser.jump(oldest=True))
    assert oldest.text == "method:POST"
    assert keys_of(oldest.view) == newest_first(range(100))
    assert browser.back() is first


async def test_an_end_that_was_shown_is_not_fetched_again(browser: Browser, api: FakeApi) -> None:
    first = await shown(browser.submit("method:POST"))
    oldest = await shown(browser.anchored(Anchor.OLDEST))
    asked = len(api.calls)
    assert browser.jump(oldest=False).view is first.view
    assert browser.jump(oldest=True).view is oldest.view
    assert len(api.calls) == asked


async def test_where_sort_is_known_to_be_ignored_an_end_costs_nothing_again(browser: Browser, api: FakeApi) -> None:
    first = await shown(browser.submit(""))
    browser.log.obedience.ignored.add("sort")
    asked = len(api.calls)
    oldest = browser.jump(oldest=True)
    assert oldest.view.notice
    assert len(oldest.view) == len(first.view) > 0
    assert len(api.calls) == asked


async def test_refreshing_asks_anew_and_leaves_the_old_rows_behind(browser: Browser, api: FakeApi) -> None:
    first = await shown(browser.submit("last:30d"))
    row = first.view.window(0, 1)[0]
    await browser.log.detail(row.n)
    api.arrive()
    fresh = await shown(browser.refresh())
    assert keys_of(fresh.view)[:2] == ["id-250", "id-249"]
    assert fresh.text == first.text
    assert browser.log.known_detail(row.n) is None
    assert browser.back() is first
    assert keys_of(first.view)[0] == "id-249"


def test_refreshing_keeps_the_end(browser: Browser) -> None:
    browser.submit("")
    browser.jump(oldest=True)
    assert browser.refresh().view.anchor is Anchor.OLDEST
