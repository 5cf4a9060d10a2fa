from datetime import UTC

import pytest

from auditlog_tui.errors import QueryError
from auditlog_tui.log.log import Log
from auditlog_tui.session.navigator import Browser, Place
from auditlog_tui.store.entries import EntryStore
from tests.unit.fake import START_US, FakeApi, entry, log_of
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


# -- from a cell, from a row ---------------------------------------------------------------------------------------


async def test_a_cell_narrows_or_excludes(browser: Browser) -> None:
    row = (await shown(browser.submit("ua:curl"))).view.window(0, 1)[0]
    assert browser.value_of(row, "status") == 200
    assert browser.narrowed("status", 200, negated=False) == "ua:curl status:200"
    assert browser.narrowed("status", "200", negated=False) == "ua:curl status:200"
    assert browser.narrowed("actor.name", browser.value_of(row, "actor.name"), negated=True) == (
        "ua:curl -actor.name:Alice"
    )


def test_a_stretch_of_time_takes_the_place_of_the_times_before(browser: Browser) -> None:
    browser.submit("last:30m method:POST -created:2020-01-01")
    between = browser.submit(browser.between(START_US, START_US + 1_000_000))
    assert "2027-01-15T08:30" not in between.text
    assert between.view.plan.params == {
        "method": "POST",
        "created_at_min": "2027-01-15T08:00:00Z",
        "created_at_max": "2027-01-15T08:00:01Z",
    }
    assert between.view.plan.residual is not None


@pytest.mark.parametrize(
    ("field", "orders"),
    [
        ("status", ["method:POST sort:-status", "method:POST sort:status", "method:POST"]),
        ("created", ["method:POST sort:created", "method:POST", "method:POST sort:created"]),
        ("last", ["method:POST", "method:POST", "method:POST"]),
    ],
)
def test_sorting_goes_round(browser: Browser, field: str, orders: list[str]) -> None:
    browser.submit("method:POST")
    assert [browser.submit(browser.sorted_by(field)).text for _ in orders] == orders


async def test_an_instant_is_a_place_of_its_own(browser: Browser) -> None:
    first = browser.submit("method:POST")
    us = browser.moment("2027-01-15T08:02Z")
    assert us == START_US + 120_000_000
    place = await shown(browser.at_moment(us))
    assert place.text == "method:POST"
    assert keys_of(place.view)[0] == "id-120"
    assert browser.back() is first


def test_a_moment_that_cannot_be_read_is_told(browser: Browser) -> None:
    with pytest.raises(QueryError):
        browser.moment("soon")


async def test_around_an_entry_is_everything_and_the_filter_is_parked(browser: Browser) -> None:
    row = (await shown(browser.submit("ua:curl"))).view.window(99, 1)[0]
    place = browser.around(row, 5_000_000, above=4)
    assert place is not None
    await load(place.view)
    await load(place.view, older=False)
    assert keys_of(place.view) == newest_first(range(145, 156))
    assert (place.cursor, place.above, place.around) == (row.n, 4, 5_000_000)
    wider = browser.around(row, 10_000_000, above=4)
    assert wider is not None
    assert browser.parked == "ua:curl"


async def test_around_an_entry_without_a_time_is_nothing(browser: Browser, api: FakeApi) -> None:
    api.entries = [entry(1, created_at="?")]
    row = (await shown(browser.submit(""))).view.window(0, 1)[0]
    assert browser.around(row, 1, above=0) is None


async def test_counts_and_spans_are_of_the_filter_as_typed(browser: Browser, api: FakeApi) -> None:
    await shown(browser.submit(""))
    assert (await browser.count("method:POST")).n == 250
    assert (await browser.count("created:<2027-01-15T08:00:10Z method:POST")).n in (10, 11)
    assert await browser.span("method:POST") == (START_US, START_US + 249_000_000)
    with pytest.raises(QueryError):
        await browser.count("nonsense:1")


async def test_a_row_offers_ways_to_go_on(browser: Browser) -> None:
    row = (await shown(browser.submit(""))).view.window(0, 1)[0]
    assert any(pivot.alone == "actor:actor-1" for pivot in browser.pivots(row))


def test_a_link_is_a_command_line_that_comes_back_as_the_filter(browser: Browser) -> None:
    place = browser.submit("last:30m method:POST")
    browser.submit("")
    assert browser.submit(browser.link()).text == ""
    browser.submit(place.text)
    link = browser.link()
    browser.submit("")
    assert browser.submit(link).text == place.text


def test_completion_offers_keys(browser: Browser) -> None:
    assert any("method" in candidate.text for candidate in browser.suggest("meth", 4).candidates)


# -- marked entries ------------------------------------------------------------------------------------------------


async def test_the_marked_entries_are_a_view_without_a_request(browser: Browser, api: FakeApi) -> None:
    assert browser.only_marked() is None
    place = await shown(browser.submit("ua:curl"))
    rows = place.view.window(0, 9)
    browser.marks.mark([browser.log.store.entry(row.n) for row in (rows[3], rows[1])])
    asks = (0, 1), (1, 1), (3, 1), (9, -1), (3, -1), (1, -1)
    assert [await browser.next_marked(row, way) for row, way in asks] == [1, 3, None, 3, 1, None]
    place.cursor = rows[3].n
    asked = len(api.calls)
    marked = await shown(browser.only_marked())
    assert keys_of(marked.view) == [rows[1].key, rows[3].key]
    assert marked.cursor == rows[3].n
    assert marked.view.complete
    assert not await marked.view.prove()
    assert len(api.calls) == asked
    assert browser.back() is place


async def test_the_marked_entries_are_not_the_whole_log(browser: Browser) -> None:
    place = await shown(browser.submit("ua:curl"))
    browser.marks.mark([browser.log.store.entry(place.view.window(0, 1)[0].n)])
    browser.only_marked()
    assert len((await shown(browser.submit(""))).view) == 100


async def test_refreshing_the_marked_entries_shows_those_that_are_marked_now(browser: Browser) -> None:
    place = await shown(browser.submit("ua:curl"))
    entries = [browser.log.store.entry(row.n) for row in place.view.window(0, 2)]
    browser.marks.mark(entries)
    browser.only_marked()
    browser.marks.unmark(entries[:1])
    assert keys_of(browser.refresh().view) == [entries[1].key]
    browser.marks.unmark(entries)
    assert not browser.refresh().view.marked
