import asyncio

from auditlog_tui.log.feed import Anchor
from auditlog_tui.log.view import State, View
from tests.unit.fake import EVERY_FILTER, FakeApi, entry, log_of
from tests.unit.views import ALL, ignore, keys_of, load, mixed, newest_first, now, view_of
from tests.unit.walks import Held


async def test_generation_1_every_row_satisfies_the_query_and_none_is_missing() -> None:
    api = FakeApi(mixed(350), ignores=EVERY_FILTER)
    view = view_of(api, "method:DELETE status:<400")
    await load(view)
    assert keys_of(view) == newest_first(range(0, 350, 10))
    assert view.log.server_support.ignored == {"method"}  # no entry contradicted the other one
    assert await view.prove()
    await load(view)
    assert keys_of(view) == newest_first(range(0, 350, 10))
    assert view.log.server_support.ignored == {"method", "status_code_max"}
    assert not view.feed.plan.params
    summary = view.summary()
    assert (summary.filtered, summary.total, summary.loaded, summary.rows) == (True, 350, 350, 35)
    assert summary.state is State.COMPLETE


async def test_no_row_that_contradicts_the_query_is_ever_shown() -> None:
    log = [entry(n, method="DELETE" if n >= 30 else "GET") for n in range(60)]
    view = view_of(FakeApi(log, ignores=EVERY_FILTER, page_size=10), "method:DELETE")
    methods: set[str | None] = set()
    await view.more(ALL, lambda: methods.update(row.method for row in view.window(0, len(view))))
    assert methods == {"DELETE"}
    assert keys_of(view) == newest_first(range(30, 60))


async def test_canary_detects_ignored_filter_behind_a_matching_page() -> None:
    view = view_of(FakeApi(log_of(150), ignores=["method"]), "method:POST")
    await view.more(50, ignore)
    assert not view.summary().filtered
    assert await view.prove()
    assert len(view) == 0
    await load(view)
    assert view.summary().filtered
    assert len(view) == 150
    assert not await view.prove()


async def test_ignored_parameters_are_shared_between_views() -> None:
    view = view_of(FakeApi(log_of(50), ignores=["method"]), "method:POST")
    await view.more(50, ignore)
    view.log.server_support.ignored.add("method")
    assert await view.prove()
    assert not view.plan.params


async def test_in_an_empty_log_nothing_is_proven() -> None:
    api = FakeApi([], ignores=EVERY_FILTER)
    view = await load(view_of(api, "method:POST"))
    assert not await view.prove()
    assert len(api.calls) == 1


async def test_honouring_server_is_asked_once() -> None:
    view = await load(view_of(FakeApi(log_of(50)), "method:POST"))
    assert view.summary().total is None
    assert not await view.prove()
    assert view.summary().total == 50
    assert len(view) == 50


async def test_loading_stops_below_an_ignored_lower_bound() -> None:
    api = FakeApi(log_of(300), ignores=EVERY_FILTER, page_size=10)
    view = await load(view_of(api, "created:>=2027-01-15T08:04:20Z"))
    assert keys_of(view) == newest_first(range(260, 300))
    assert now(view.complete)
    assert view.older_done
    assert not view.feed.complete
    assert view.summary().state is State.COMPLETE
    assert len(api.calls) <= 13  # of 30 pages, three to find out whether slices of time can be read


async def test_entry_at_the_lower_bound_does_not_stop_loading() -> None:
    log = [entry(n, at=10 if n < 30 else n) for n in range(40)]
    api = FakeApi(log, ignores=EVERY_FILTER, page_size=10)
    view = await load(view_of(api, "created:>=2027-01-15T08:00:10Z"))
    assert len(view) == 40


async def test_interruption_below_the_bound_does_not_matter() -> None:
    api = FakeApi(log_of(60), ignores=EVERY_FILTER, page_size=10)
    view = view_of(api, "created:>=2027-01-15T08:00:50Z")
    view.log.server_support.ignored |= EVERY_FILTER
    view = View(view.log, view.query)
    api.trouble = {2: "repeat"}
    await load(view)
    assert view.feed.broken
    assert view.summary().state is State.COMPLETE
    assert not now(view.paused)


async def test_oldest_anchor_falls_back_to_newest_where_sort_is_ignored() -> None:
    view = view_of(FakeApi(log_of(250), ignores=["sort"]), anchor=Anchor.OLDEST)
    await view.more(50, ignore, older=False)
    assert "ignores sort" in view.notice
    assert not now(view.upwards)
    assert keys_of(view) == newest_first(range(150, 250))
    assert keys_of(await load(view)) == newest_first(range(250))
    assert now(view.complete)


async def test_feed_is_reused_where_sort_is_ignored() -> None:
    first = await load(view_of(FakeApi(log_of(250), ignores=["sort"])))
    first.log.server_support.ignored.add("sort")
    second = View(first.log, first.query, anchor=Anchor.OLDEST, like=first)
    assert second.feed is first.feed
    assert second.notice


async def test_ignored_order_loses_nothing() -> None:
    view = await load(view_of(FakeApi(log_of(250), ignores=["sort"]), "sort:created"))
    assert view.plan.local_order
    assert len(view) == 250


async def test_view_restarted_while_a_page_was_under_way() -> None:
    api = Held(log_of(150), ignores=["method"])
    view = view_of(api, "method:POST")
    api.answer.set()
    await view.more(1, ignore)
    api.asked.clear()
    api.answer.clear()
    loading = asyncio.create_task(load(view))
    await api.asked.wait()
    api.answer.set()
    view.log.server_support.ignored.add("method")
    assert await view.prove()
    await loading
    await load(view)
    assert keys_of(view) == newest_first(range(150))
