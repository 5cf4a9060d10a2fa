from datetime import timedelta, timezone

import pytest

from auditlog_tui.errors import QueryError
from auditlog_tui.log.feed import Anchor
from auditlog_tui.session.navigator import Navigator
from tests.unit.fake import SERVED_AT, FakeApi
from tests.unit.session.places import shown
from tests.unit.views import keys_of, load, newest_first

# -- the filter ----------------------------------------------------------------------------------------------------


async def test_submitted_filter_is_shown(navigator: Navigator) -> None:
    place = navigator.submit("method:POST")
    assert navigator.place is place
    assert navigator.view is place.view
    assert place.text == "method:POST"
    assert keys_of(await load(place.view)) == newest_first(range(250))


def test_times_are_absolute_once_submitted(navigator: Navigator) -> None:
    place = navigator.submit("last:30m")
    assert place.text == "created:>=2027-01-15T08:30:00Z"
    navigator.log.us += 60_000_000  # type: ignore[attr-defined]  # the clock of the test
    assert place.view.plan.params == {"created_at_min": "2027-01-15T08:30:00Z"}
    assert navigator.submit("last:30m").text == "created:>=2027-01-15T08:31:00Z"


def test_history_keeps_times_in_the_words_that_were_typed(navigator: Navigator) -> None:
    navigator.submit("last:30m  method:POST")
    assert navigator.history.texts == ["last:30m method:POST"]
    navigator.log.us += 60_000_000  # type: ignore[attr-defined]  # the clock of the test
    again = navigator.submit(navigator.history.texts[-1])
    assert again.text == "created:>=2027-01-15T08:31:00Z method:POST"
    assert navigator.history.texts == ["last:30m method:POST"]
    narrowed = navigator.submit(f"{again.text} status:500")  # as the table's keys do
    assert navigator.history.texts[-1] == navigator.shown == "last:30m method:POST status:500"
    assert narrowed.text.startswith("created:>=2027-01-15T08:31:00Z")
    navigator.submit("created:>=2027-01-15T08:00:00Z")
    assert navigator.history.texts[-1] == "created:>=2027-01-15T08:00:00Z"


def test_history_has_saved_filters_by_their_names_as_typed(navigator: Navigator) -> None:
    navigator.submit(" @destructive last:24h ")
    assert navigator.history.texts == ["@destructive last:24h"]
    navigator.submit("auditlog-tui '@last-hour'")
    assert navigator.history.texts[-1] == "@last-hour"


def test_a_clock_that_was_wrong_adds_no_other_form_to_the_history(navigator: Navigator, api: FakeApi) -> None:
    navigator.submit("@destructive last:30m")
    navigator.place.view.feed.as_of = SERVED_AT
    api.clock_offset_us = 3_600_000_000
    assert navigator.refreeze() is navigator.place
    assert navigator.history.texts == ["@destructive last:30m"]


def test_history_of_a_clock_that_was_wrong_has_the_words_once(navigator: Navigator, api: FakeApi) -> None:
    navigator.submit("last:30m")
    navigator.place.view.feed.as_of = SERVED_AT
    api.clock_offset_us = 3_600_000_000
    assert navigator.refreeze() is navigator.place
    assert navigator.history.texts == ["last:30m"]


def test_times_without_an_offset_use_the_navigators_zone(navigator: Navigator) -> None:
    navigator.zone = timezone(timedelta(hours=2))
    assert navigator.submit("created:>=2027-01-15T08:00").view.plan.params == {
        "created_at_min": "2027-01-15T06:00:00Z"
    }


def test_resubmitting_keeps_the_place(navigator: Navigator) -> None:
    place = navigator.submit("method:POST")
    assert navigator.submit(" method:POST ") is place
    assert navigator.submit(place.text) is place
    assert len(navigator.places) == 1


def test_resubmitting_from_the_oldest_begins_at_the_newest(navigator: Navigator) -> None:
    navigator.submit("method:POST")
    navigator.anchored(Anchor.OLDEST)
    assert navigator.submit("method:POST").view.anchor is Anchor.NEWEST


async def test_residual_only_filter_sends_no_request(navigator: Navigator, api: FakeApi) -> None:
    first = navigator.submit("")
    await load(first.view)
    asked = len(api.calls)
    second = navigator.submit("ua:curl")
    await load(second.view)
    assert second.view.feed is first.view.feed
    assert len(api.calls) == asked
    assert len(second.view) == 250


@pytest.mark.parametrize("text", ["nonsense:1", "status:x", "status:>500 status:<400", "created:never", '"open'])
def test_invalid_filter_changes_nothing(navigator: Navigator, text: str) -> None:
    place = navigator.submit("method:POST")
    places, remembered = list(navigator.places), list(navigator.history.texts)
    with pytest.raises(QueryError):
        navigator.submit(text)
    with pytest.raises(QueryError):
        navigator.explain(text)
    assert (navigator.place, navigator.places, list(navigator.history.texts)) == (place, places, remembered)


def test_explaining_sends_no_request(navigator: Navigator, api: FakeApi) -> None:
    navigator.log.server_support.ignored.add("method")
    explanation = navigator.explain("method:POST action:vm.created")
    assert [chip.where for chip in explanation.chips] == ["local", "server"]
    assert explanation.line
    assert not navigator.places
    assert not api.calls


# -- back and forward ----------------------------------------------------------------------------------------------


async def test_back_and_forward_restore_places(navigator: Navigator, api: FakeApi) -> None:
    places = [await shown(navigator.submit(text)) for text in ("", "method:POST", "ua:curl")]
    places[0].cursor, places[0].above = 7, 3
    asked = len(api.calls)
    assert [navigator.back(), navigator.back(), navigator.back()] == [places[1], places[0], None]
    assert navigator.place is places[0]
    assert (navigator.place.cursor, navigator.place.above) == (7, 3)
    assert [navigator.forward(), navigator.forward(), navigator.forward()] == [places[1], places[2], None]
    assert navigator.place is places[2]
    assert len(api.calls) == asked


def test_new_filter_after_back_drops_the_forward_places(navigator: Navigator) -> None:
    first = navigator.submit("")
    navigator.submit("method:POST")
    navigator.back()
    third = navigator.submit("ua:curl")
    assert navigator.forward() is None
    assert navigator.back() is first
    assert navigator.places == [first, third]


# -- parking -------------------------------------------------------------------------------------------------------


async def test_parking_and_restoring_reuse_views(navigator: Navigator, api: FakeApi) -> None:
    bare = await shown(navigator.submit(""))
    narrow = await shown(navigator.submit("method:POST"))
    narrow.cursor, narrow.above = 5, 2
    asked = len(api.calls)
    assert navigator.park().view is bare.view
    again = navigator.park()
    assert again.view is narrow.view
    assert (again.text, again.cursor, again.above) == ("method:POST", 5, 2)
    assert navigator.park().view is bare.view
    assert len(api.calls) == asked


def test_parking_shows_the_log_for_the_first_time(navigator: Navigator) -> None:
    navigator.submit("method:POST")
    assert navigator.park().text == ""
    assert navigator.park().text == "method:POST"


def test_current_filter_is_parked(navigator: Navigator) -> None:
    navigator.submit("method:POST")
    navigator.park()
    navigator.submit("ua:curl")
    assert navigator.park().text == ""
    assert navigator.park().text == "ua:curl"


def test_parking_without_a_filter_changes_nothing(navigator: Navigator) -> None:
    place = navigator.submit("")
    assert navigator.park() is place
    assert navigator.places == [place]


# -- ends and refreshing -------------------------------------------------------------------------------------------


async def test_oldest_end_is_a_new_place(navigator: Navigator) -> None:
    first = navigator.submit("method:POST")
    oldest = await shown(navigator.jump(oldest=True))
    assert oldest.text == "method:POST"
    assert keys_of(oldest.view) == newest_first(range(100))
    assert navigator.back() is first


async def test_end_shown_before_is_not_fetched_again(navigator: Navigator, api: FakeApi) -> None:
    first = await shown(navigator.submit("method:POST"))
    oldest = await shown(navigator.anchored(Anchor.OLDEST))
    asked = len(api.calls)
    assert navigator.jump(oldest=False).view is first.view
    assert navigator.jump(oldest=True).view is oldest.view
    assert len(api.calls) == asked


async def test_end_sends_no_request_again_where_sort_is_ignored(navigator: Navigator, api: FakeApi) -> None:
    first = await shown(navigator.submit(""))
    navigator.log.server_support.ignored.add("sort")
    asked = len(api.calls)
    oldest = navigator.jump(oldest=True)
    assert oldest.view.notice
    assert len(oldest.view) == len(first.view) > 0
    assert len(api.calls) == asked


async def test_refresh_fetches_again_and_keeps_the_old_place(navigator: Navigator, api: FakeApi) -> None:
    first = await shown(navigator.submit("last:30d"))
    row = first.view.window(0, 1)[0]
    await navigator.log.detail(row.n)
    api.arrive()
    fresh = await shown(navigator.refresh())
    assert keys_of(fresh.view)[:2] == ["id-250", "id-249"]
    assert fresh.text == first.text
    assert navigator.log.cached_detail(row.n) is None
    assert navigator.back() is first
    assert keys_of(first.view)[0] == "id-249"


def test_refresh_keeps_the_anchor(navigator: Navigator) -> None:
    navigator.submit("")
    navigator.jump(oldest=True)
    assert navigator.refresh().view.anchor is Anchor.OLDEST
