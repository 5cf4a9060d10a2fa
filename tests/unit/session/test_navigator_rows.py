import pytest

from auditlog_tui.errors import QueryError
from auditlog_tui.session.navigator import Navigator
from tests.unit.fake import START_US, FakeApi, entry
from tests.unit.session.places import shown
from tests.unit.views import keys_of, load, newest_first

# -- filters from rows --------------------------------------------------------------------------------------------


async def test_cell_narrows_or_excludes(navigator: Navigator) -> None:
    row = (await shown(navigator.submit("ua:curl"))).view.window(0, 1)[0]
    assert navigator.value_of(row, "status") == 200
    assert navigator.narrowed("status", 200, negated=False) == "ua:curl status:200"
    assert navigator.narrowed("actor.name", navigator.value_of(row, "actor.name"), negated=True) == (
        "ua:curl -actor.name:Alice"
    )


def test_time_range_replaces_earlier_times(navigator: Navigator) -> None:
    navigator.submit("last:30m method:POST -created:2020-01-01")
    between = navigator.submit(navigator.between(START_US, START_US + 1_000_000))
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
def test_sorting_cycles(navigator: Navigator, field: str, orders: list[str]) -> None:
    navigator.submit("method:POST")
    assert [navigator.submit(navigator.sorted_by(field)).text for _ in orders] == orders


async def test_view_at_a_time_is_a_new_place(navigator: Navigator) -> None:
    first = navigator.submit("method:POST")
    us = navigator.moment("2027-01-15T08:02Z")
    assert us == START_US + 120_000_000
    place = await shown(navigator.at_moment(us))
    assert place.text == "method:POST"
    assert keys_of(place.view)[0] == "id-120"
    assert navigator.back() is first


def test_unreadable_time_is_an_error(navigator: Navigator) -> None:
    with pytest.raises(QueryError):
        navigator.moment("soon")


async def test_window_around_an_entry_shows_everything_and_parks_the_filter(navigator: Navigator) -> None:
    row = (await shown(navigator.submit("ua:curl"))).view.window(99, 1)[0]
    place = navigator.around(row, 5_000_000, above=4)
    assert place is not None
    await load(place.view)
    await load(place.view, older=False)
    assert keys_of(place.view) == newest_first(range(145, 156))
    assert (place.cursor, place.above, place.around) == (row.n, 4, 5_000_000)
    wider = navigator.around(row, 10_000_000, above=4)
    assert wider is not None
    assert navigator.parked == "ua:curl"


async def test_entry_without_a_time_has_no_window(navigator: Navigator, api: FakeApi) -> None:
    api.entries = [entry(1, created_at="?")]
    row = (await shown(navigator.submit(""))).view.window(0, 1)[0]
    assert navigator.around(row, 1, above=0) is None


async def test_counts_and_spans_use_the_typed_filter(navigator: Navigator, api: FakeApi) -> None:
    await shown(navigator.submit(""))
    assert (await navigator.count("method:POST")).n == 250
    assert (await navigator.count("created:<2027-01-15T08:00:10Z method:POST")).n in (10, 11)
    assert await navigator.span("method:POST") == (START_US, START_US + 249_000_000)
    with pytest.raises(QueryError):
        await navigator.count("nonsense:1")


async def test_row_offers_pivots(navigator: Navigator) -> None:
    row = (await shown(navigator.submit(""))).view.window(0, 1)[0]
    assert any(pivot.alone == "actor:actor-1" for pivot in navigator.pivots(row))


def test_link_round_trips_to_the_filter(navigator: Navigator) -> None:
    place = navigator.submit("last:30m method:POST")
    navigator.submit("")
    assert navigator.submit(navigator.link()).text == ""
    navigator.submit(place.text)
    link = navigator.link()
    navigator.submit("")
    assert navigator.submit(link).text == place.text


def test_completion_offers_keys(navigator: Navigator) -> None:
    assert any("method" in candidate.text for candidate in navigator.suggest("meth", 4).candidates)


# -- marked entries ------------------------------------------------------------------------------------------------


async def test_marked_view_sends_no_request(navigator: Navigator, api: FakeApi) -> None:
    assert navigator.only_marked() is None
    place = await shown(navigator.submit("ua:curl"))
    rows = place.view.window(0, 9)
    navigator.marks.mark([navigator.log.store.entry(row.n) for row in (rows[3], rows[1])])
    asks = (0, 1), (1, 1), (3, 1), (9, -1), (3, -1), (1, -1)
    assert [await navigator.next_marked(row, way) for row, way in asks] == [1, 3, None, 3, 1, None]
    place.cursor = rows[3].n
    asked = len(api.calls)
    marked = await shown(navigator.only_marked())
    assert keys_of(marked.view) == [rows[1].key, rows[3].key]
    assert marked.cursor == rows[3].n
    assert marked.view.complete
    assert not await marked.view.prove()
    assert len(api.calls) == asked
    assert navigator.back() is place


async def test_marked_view_is_not_the_whole_log(navigator: Navigator) -> None:
    place = await shown(navigator.submit("ua:curl"))
    navigator.marks.mark([navigator.log.store.entry(place.view.window(0, 1)[0].n)])
    navigator.only_marked()
    assert len((await shown(navigator.submit(""))).view) == 100


async def test_refresh_shows_the_currently_marked_entries(navigator: Navigator) -> None:
    place = await shown(navigator.submit("ua:curl"))
    entries = [navigator.log.store.entry(row.n) for row in place.view.window(0, 2)]
    navigator.marks.mark(entries)
    navigator.only_marked()
    navigator.marks.unmark(entries[:1])
    assert keys_of((await shown(navigator.refresh())).view) == [entries[1].key]
    navigator.marks.unmark(entries)
    assert not navigator.refresh().view.marked
