import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from auditlog_tui.log.feed import Anchor
from tests.unit.fake import EVERY_FILTER, FakeApi, Json, entry, log_of
from tests.unit.walks import BOUNDS, Held, feed_of, keys_of, newest_first, verified, walk

# -- a server that follows the contract ---------------------------------------------------------------------------


async def test_older_fetches_one_page_down() -> None:
    api = FakeApi(log_of(250))
    feed = feed_of(api)
    steps = [await feed.older() for _ in range(4)]
    assert [(step.received, step.added) for step in steps] == [(100, 100), (100, 100), (50, 50), (0, 0)]
    assert keys_of(feed) == newest_first(250)
    assert feed.complete
    assert [(limit, cursor is None) for _, limit, cursor in api.calls] == [(100, True), (100, False), (100, False)]


async def test_the_oldest_entries_cost_one_request() -> None:
    api = FakeApi(log_of(1_000))
    feed = feed_of(api, anchor=Anchor.OLDEST)
    await feed.newer()
    assert keys_of(feed) == newest_first(100)
    assert len(api.calls) == 1
    assert not feed.complete


async def test_feed_from_the_oldest_loads_upwards() -> None:
    feed = feed_of(FakeApi(log_of(250)), anchor=Anchor.OLDEST)
    assert not (await feed.older()).received
    await walk(feed)
    assert keys_of(feed) == newest_first(250)


async def test_anchored_end_sends_no_request() -> None:
    api = FakeApi(log_of(5))
    assert not (await feed_of(api).newer()).received
    assert not api.calls


async def test_the_filters_are_sent_with_every_page() -> None:
    api = FakeApi([entry(number, method="GET" if number % 2 else "PUT") for number in range(300)])
    feed = feed_of(api, "method:GET")
    await walk(feed)
    assert len(feed.run) == 150
    assert {params["method"] for params, _, _ in api.calls} == {"GET"}


async def test_from_the_oldest_every_term_of_the_order_is_reversed() -> None:
    api = FakeApi([entry(number, status_code=200 + number % 3) for number in range(30)])
    down, up = feed_of(api, "sort:-status,created"), feed_of(api, "sort:-status,created", Anchor.OLDEST)
    await walk(down)
    await walk(up)
    assert keys_of(up) == keys_of(down)
    assert api.calls[-1][0]["sort"] == "status_code:asc,created_at:desc"


async def test_as_of_is_the_time_of_reaching_the_newest_end() -> None:
    down = feed_of(FakeApi(log_of(250)))
    up = feed_of(FakeApi(log_of(250)), anchor=Anchor.OLDEST)
    await walk(down)
    await walk(up)
    assert down.as_of is not None
    assert up.as_of is not None
    assert (down.as_of.second, up.as_of.second) == (1, 3)  # the seconds are the number of the call


async def test_entry_by_id_uses_the_get_endpoint() -> None:
    api = FakeApi(log_of(5))
    feed = feed_of(api, "id:id-3")
    await walk(feed)
    assert (keys_of(feed), api.got, api.calls) == (["id-3"], ["id-3"], [])
    assert feed.complete
    assert feed.total is None


async def test_unknown_id_gives_no_row_and_no_error() -> None:
    feed = feed_of(FakeApi(log_of(5)), "id:id-9")
    await walk(feed)
    assert feed.complete
    assert not len(feed.run)


async def test_an_empty_log() -> None:
    feed = await verified(feed_of(FakeApi([])))
    await walk(feed)
    assert feed.complete
    assert feed.total == 0


# -- a server that ignores parameters ------------------------------------------------------------------------------


@pytest.mark.parametrize("anchor", Anchor)
async def test_page_contradicting_the_filter_is_not_stored(anchor: Anchor) -> None:
    log = [entry(number, method="GET" if number % 2 else "PUT") for number in range(30)]
    feed = feed_of(FakeApi(log, ignores=["method"]), "method:GET", anchor)
    step = await (feed.older() if anchor is Anchor.NEWEST else feed.newer())
    assert step.ignored == {"method"}
    assert step.received == 30
    assert (
        step.added == len(feed.run) == feed._store.connection.execute("SELECT count(*) FROM entry").fetchone()[0] == 0
    )


async def test_ignored_bound_is_reported() -> None:
    api = FakeApi(log_of(30), ignores=BOUNDS)
    assert (await feed_of(api, "created:<=2027-01-15T08:00:05Z").older()).ignored == {"created_at_max"}
    assert len(api.calls) == 1


async def test_ignored_order_is_reported() -> None:
    api = FakeApi(log_of(30), ignores=["sort"])
    assert (await feed_of(api, anchor=Anchor.OLDEST).newer()).ignored == {"sort"}
    assert (await feed_of(api, "sort:created").older()).ignored == {"sort"}


async def test_ignored_order_is_noticed_between_two_pages() -> None:
    log = [entry(number, at=number // 3) for number in range(12)]  # all three on a page have the same time
    feed = feed_of(FakeApi(log, ignores=["sort"], page_size=3), anchor=Anchor.OLDEST)
    assert not (await feed.newer()).ignored
    assert (await feed.newer()).ignored == {"sort"}


async def test_unreadable_field_is_no_contradiction() -> None:
    feed = feed_of(FakeApi([entry(1, status_code="?")], ignores=EVERY_FILTER), "status:>=400")
    assert not (await feed.older()).ignored
    assert keys_of(feed) == ["id-1"]


async def test_digits_below_the_microsecond_keep_the_order() -> None:
    log = [
        entry(1, created_at="2027-01-01T00:00:00.0000009Z", status_code=500),
        entry(2, created_at="2027-01-01T00:00:00.0000001Z", status_code=200),
    ]

    class Exact(FakeApi):
        def matching(self, params: Mapping[str, str]) -> list[Json]:
            return log

        def _place(self, data: Json, walk: Any) -> tuple[Any, ...]:
            return (data["id"],)

    assert not (await feed_of(Exact(log), "sort:-created,status").older()).ignored


async def test_unordered_log_is_loaded_but_not_by_time() -> None:
    class Unsorted(FakeApi):
        def _place(self, data: Json, walk: Any) -> tuple[Any, ...]:
            return (-int(data["id"].removeprefix("id-")),)

    log = [entry(number, at=number + (7 if number % 10 == 5 else 0)) for number in range(60)]
    feed = feed_of(Unsorted(log, page_size=10, trouble={3: "refuse", 5: "repeat"}))
    await walk(feed)
    assert keys_of(feed) == newest_first(60)
    assert not feed.by_time


# -- cancellation and concurrency ----------------------------------------------------------------------------------


async def test_a_cancelled_request_changes_nothing() -> None:
    api = Held(log_of(30), page_size=10)
    feed = feed_of(api)
    task = asyncio.create_task(feed.older())
    await api.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not len(feed.run)
    api.answer.set()
    await walk(feed)
    assert keys_of(feed) == newest_first(30)
    assert feed.duplicates == 0


async def test_concurrent_calls_fetch_different_pages() -> None:
    api = Held(log_of(30), page_size=10)
    feed = feed_of(api)
    tasks = [asyncio.create_task(feed.older()) for _ in range(2)]
    await api.asked.wait()
    api.answer.set()
    assert [(await task).added for task in tasks] == [10, 10]
    assert not feed.broken
