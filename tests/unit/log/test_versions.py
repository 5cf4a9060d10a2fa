"""Two records under one id share one flagged row, which shows the version that matches."""

from datetime import UTC

import pytest

from auditlog_tui.analysis.counting import Counting
from auditlog_tui.analysis.facets import Facets
from auditlog_tui.analysis.search import find
from auditlog_tui.log.feed import Anchor
from auditlog_tui.log.log import Log
from auditlog_tui.log.view import State, View
from auditlog_tui.session.navigator import Navigator
from auditlog_tui.store.entries import EntryStore, Stretch
from auditlog_tui.store.scans import raws
from auditlog_tui.store.sorting import sorted_run
from tests.unit.fake import EVERY_FILTER, FakeApi, Json, entry, log_of, read
from tests.unit.views import load, query_of, view_of


def two_records_log(count: int = 30, between: int = 0) -> list[Json]:
    """A log in which request 7 was logged twice under one id: at its start, and as failed `between` entries later."""
    begun = entry(7, path="/begun", user_agent="first")
    failed = entry(7, at=7 + between, status_code=500, path="/failed", user_agent="second")
    log = log_of(count)
    log[7] = begun
    return [*log, failed]


def shown(view: View) -> list[tuple[str, int | None, str | None, str | None, int]]:
    rows = view.window(0, len(view))
    return [(row.key, row.status_code, row.path, row.user_agent, row.versions) for row in rows]


FIRST = ("id-7", 200, "/begun", "first", 1)
SECOND = ("id-7", 500, "/failed", "second", 1)


@pytest.mark.parametrize("between", [0, 15], ids=["side by side", "pages apart"])
@pytest.mark.parametrize("ignores", [(), EVERY_FILTER], ids=["pushed", "evaluated here"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("status:500", [SECOND]),
        ("ua:second", [SECOND]),
        ("ua:first", [FIRST]),
        ("status:500 ua:second", [SECOND]),
        ("status:200 ua:second", []),
        ("status:500 ua:first", []),
        ("sort:path ua:second", [SECOND]),
        ("-status:200", [SECOND]),
    ],
)
async def test_a_filter_shows_the_version_that_matches(
    text: str, expected: list[tuple[str, int, str, str, int]], ignores: frozenset[str], between: int
) -> None:
    api = FakeApi(two_records_log(between=between), ignores=ignores, page_size=5)
    log = Log(api, EntryStore())
    await load(View(log, query_of("")))  # loads both versions into the store
    view = await load(View(log, query_of(text)))
    await view.prove()
    await load(view)
    assert shown(view) == expected
    assert view.summary().state is State.COMPLETE


@pytest.mark.parametrize("between", [0, 15], ids=["side by side", "pages apart"])
async def test_two_records_are_one_flagged_row_and_count_twice(between: int) -> None:
    api = FakeApi(two_records_log(between=between), page_size=5)
    view = await load(view_of(api))
    assert len(view) == 30
    assert [row.key for row in view.window(0, 30) if row.versions] == ["id-7"]
    assert view.summary().state is State.COMPLETE
    assert len(api.calls) == 7  # all 31 records arrived, so there was no second count


@pytest.mark.parametrize("anchor", Anchor)
async def test_a_second_count_includes_the_newest_record_whichever_row_shows_it(anchor: Anchor) -> None:
    api = FakeApi(two_records_log(between=40), page_size=5, trouble=dict.fromkeys(range(1, 8), "lie"))
    view = await load(view_of(api, "", anchor), older=anchor is Anchor.NEWEST)
    assert api.calls[-1] == ({"created_at_max": "2027-01-15T08:00:47.000001Z"}, 10, None)
    found = view.summary()
    assert (found.state, found.total, found.gone) == (State.COMPLETE, 31, 0)


async def test_later_matching_version_is_inserted_in_order() -> None:
    view = view_of(FakeApi(two_records_log(between=15), page_size=5), "-method:GET ua:first", Anchor.NEWEST)
    while not view.complete:
        await view.more(1, lambda: None)
    assert shown(view) == [FIRST]
    view = await load(
        view_of(FakeApi(two_records_log(between=15), page_size=5), "-method:GET path:/", Anchor.OLDEST),
        older=False,
    )
    assert [row.key for row in view.window(0, 30)] == [f"id-{n}" for n in reversed(range(30))]


async def test_analysis_uses_the_versions_shown() -> None:
    log = Log(FakeApi(two_records_log(), page_size=5), EntryStore())
    await load(View(log, query_of("")))
    view = await load(View(log, query_of("status:500")))
    facets = Facets(log.store, view.run)
    await facets.fill(lambda _: None)
    assert [tally.value for facet in facets.facets if facet.kind.field == "ua" for tally in facet.top(9)] == [
        "second"
    ]
    assert await find(view, "begun", 0, 1) is None
    assert await find(view, "failed", 0, 1) == 0
    assert '"/failed"' in raws(log.store, view.run, Stretch(view.run.first, 1))[0]
    made = await sorted_run(log.store, view.run, [("path", "asc")])
    assert log.store.window(made, 0, 1)[0].path == "/failed"


async def test_entry_with_two_versions_is_counted_once() -> None:
    log = Log(FakeApi(two_records_log(), ignores=EVERY_FILTER), EntryStore())
    view = await load(View(log, query_of("")))
    counting = Counting(log)
    assert len(view) == 30
    for text, n in (("id:id-7,id-7", 1), ("-id:x", 30), ("ua:second", 1), ("ua:first", 1), ("ua:first,second", 1)):
        assert (await counting.loaded(query_of(text))).n == n


async def test_the_cursor_stays_on_the_entry_whichever_version_a_view_shows() -> None:
    navigator = Navigator(Log(FakeApi(two_records_log()), EntryStore()), UTC)
    navigator.submit("")
    await load(navigator.view)
    (row,) = [row for row in navigator.view.window(0, 30) if row.key == "id-7"]
    navigator.submit("status:500")
    await load(navigator.view)
    assert navigator.view.row_of(row.n) == 0


def test_other_versions_move_with_the_shown_ones() -> None:
    store = EntryStore()
    run = store.new_run()
    one, other, third = (read(entry(1, path=path)) for path in ("/a", "/b", "/c"))
    numbers = store.add([one, read(entry(2)), other])
    assert store.append(run, numbers) == 2
    assert (store.records(run), len(run)) == (2, 2)  # the second text may be a change of the first
    store.note_records(run, {numbers[0]: 2})
    assert store.records(run) == 3
    assert store.append(run, store.add([third, other, one])) == 0
    assert [n for _, n in store.versions_since(run, 0)] == [numbers[2], 4]
    store.note_records(run, {numbers[0]: 3})
    assert store.records(run) == 4
    assert [row.versions for row in store.window(run, 0, 2)] == [2, 0]
    assert set(store.versions(numbers[2])) == {one.raw, third.raw}
    everything: tuple[str, list[object]] = ("1", [])
    store.cut(run, 1)
    assert (store.records(run), store.versions_since(run, 0)) == (1, [])
    store.prepend(run, numbers[2:])
    assert store.matching(run, Stretch(run.first, 1), everything)[0] == numbers[2]
    assert set(store.matching(run, Stretch(run.first, 1), everything)) == {numbers[0], numbers[2], 4}
    assert store.records(run) == 4
