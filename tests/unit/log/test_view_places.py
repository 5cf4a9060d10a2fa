from collections.abc import Iterable

import pytest

from auditlog_tui.log.feed import At
from auditlog_tui.log.view import State
from tests.unit.fake import EVERY_FILTER, START_US, FakeApi, entry, log_of, read
from tests.unit.views import ignore, keys_of, like, load, mixed, newest_first, view_of


async def test_loaded_rows_are_sorted_in_a_local_order() -> None:
    api = FakeApi([entry(n, path=f"/{n * 7 % 250:03}") for n in range(250)])
    view = view_of(api, "sort:path")
    for pages in (1, 2, 3):
        await view.more(1, ignore)
        assert len(api.calls) == pages
        paths = [row.path for row in view.window(0, len(view))]
        assert len(paths) == min(250, 100 * pages)
        assert paths == sorted(paths, key=str)


async def test_local_sort_and_filter_stop_at_enough_rows() -> None:
    api = FakeApi(mixed(600))
    view = view_of(api, "ua:tool sort:path")
    for pages in (1, 2, 3):
        await view.more(10, ignore)
        assert len(api.calls) == pages


async def test_view_at_a_time_takes_one_request_and_loads_both_ways() -> None:
    api = FakeApi(log_of(1_000))
    view = view_of(api, "", At(START_US + 500_000_000))
    await view.more(1, ignore)
    assert keys_of(view) == newest_first(range(401, 501))
    assert len(api.calls) == 1
    await view.more(1, ignore, older=False)
    assert keys_of(view) == newest_first(range(401, 600))
    assert view.summary().total is None
    await load(view)
    await load(view, older=False)
    assert keys_of(view) == newest_first(range(1_000))
    assert view.summary().state is State.COMPLETE


@pytest.mark.parametrize("ignores", [["sort"], ["created_at_min"], ["created_at_max"], EVERY_FILTER])
async def test_view_at_a_time_falls_back_to_newest_with_a_notice(
    ignores: Iterable[str],
) -> None:
    view = view_of(FakeApi(log_of(250), ignores=ignores), "", At(START_US + 120_000_000))
    for _ in range(3):
        await load(view)
        await load(view, older=False)
    assert keys_of(view) == newest_first(range(250))
    assert view.notice


async def test_view_at_a_time_needs_the_order_of_time() -> None:
    view = view_of(FakeApi(log_of(50)), "sort:created", At(START_US + 20_000_000))
    assert "order of time" in view.notice
    await load(view)
    assert keys_of(view) == newest_first(range(50))[::-1]


async def test_loading_up_from_an_ignored_anchor_still_shows_rows() -> None:
    view = view_of(FakeApi(log_of(250), ignores=EVERY_FILTER), "", At(START_US + 20_000_000))
    await view.more(50, ignore, older=False)
    assert keys_of(view) == newest_first(range(150, 250))


async def test_entries_at_the_anchor_time_are_shown_once() -> None:
    log = [entry(n, at=5 if 20 <= n < 60 else n // 30) for n in range(100)]
    view = view_of(FakeApi(log, page_size=7, shuffle_ties=True), "", At(START_US + 5_000_000))
    await load(view)
    await load(view, older=False)
    assert sorted(keys_of(view)) == sorted(data["id"] for data in log)


async def test_removed_and_reinserted_rows_are_evaluated_by_every_view() -> None:
    first = await load(view_of(FakeApi(mixed(100)), "ua:tool"))
    other = await load(like(first, "ua:tool method:DELETE path:~vms"))
    assert other.feed is not first.feed
    other = await load(like(first, "ua:tool -ua:zzz"))
    assert other.feed is first.feed
    store, run = first.log.store, first.feed.run
    first.cut(START_US + 55_000_000)
    assert keys_of(first) == newest_first(range(0, 55, 10))
    late = read(entry(57, id="late", user_agent="tool"))
    back = store.add([*(read(data) for data in mixed(100)[55:57]), late, *(read(d) for d in mixed(100)[57:])])
    store.prepend(run, back)
    await first.evaluate()
    await other.evaluate()
    wanted = ["id-90", "id-80", "id-70", "id-60", "late", *newest_first(range(0, 55, 10))]
    assert keys_of(first) == keys_of(other) == wanted
    assert first.complete


async def test_rows_removed_before_evaluation_are_evaluated_when_reinserted() -> None:
    view = await load(view_of(FakeApi(mixed(10)), "ua:tool"))
    store, run = view.log.store, view.feed.run
    new = store.add([read(entry(n, user_agent="tool")) for n in range(10, 16)])
    store.prepend(run, new)
    view.cut(START_US + 8_000_000)
    store.prepend(run, new)
    await view.evaluate()
    assert keys_of(view) == [*newest_first(range(10, 16)), "id-0"]


async def test_sorted_view_shows_removed_and_reinserted_rows() -> None:
    view = await load(view_of(FakeApi([entry(n, path=f"/{n}") for n in range(5)]), "sort:path"))
    view.cut(START_US + 4_000_000)
    view.log.store.prepend(view.feed.run, view.log.store.add([read(entry(9, path="/0a"))]))
    await view.evaluate()
    assert [row.path for row in view.window(0, 9)] == ["/0", "/0a", "/1", "/2", "/3"]
