import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from auditlog_tui.errors import ApiError, BadRequestError, NotFoundError, ServerError
from auditlog_tui.feed import Anchor, At, Feed
from auditlog_tui.models import Page
from auditlog_tui.obedience import Obedience
from auditlog_tui.order import Stand, in_order
from auditlog_tui.query import freeze, parse, plan
from auditlog_tui.store import EntryStore, Row
from auditlog_tui.walk import IDLE_PAGES
from tests.unit.fake import EVERY_FILTER, START_US, TROUBLES, FakeApi, Json, entry, log_of

BOUNDS = frozenset({"created_at_min", "created_at_max"})


def feed_of(api: FakeApi, text: str = "", anchor: Anchor | At = Anchor.NEWEST, ignored: Iterable[str] = ()) -> Feed:
    return Feed(api, EntryStore(), plan(freeze(parse(text), START_US, UTC), frozenset(ignored)), anchor)


def rows_of(feed: Feed) -> list[Row]:
    return feed._store.window(feed.run, 0, len(feed.run))


def keys_of(feed: Feed) -> list[str]:
    return [row.key for row in rows_of(feed)]


def newest_first(count: int) -> list[str]:
    return [f"id-{number}" for number in reversed(range(count))]


async def walk(feed: Feed, steps: int = 300) -> list[str]:
    """Go to the end as a patient user does, at both ends in turn; returns what was said to be broken."""
    said: list[str] = []
    for step in range(steps):
        if feed.complete:
            return said
        before = feed.requests
        with suppress(ApiError):
            await (feed.older() if step % 2 else feed.newer())
        if feed.broken and feed.requests > before:
            said.append(feed.broken)
    raise AssertionError("it goes on for ever")


async def verified(feed: Feed) -> Feed:
    obedience = Obedience()
    obedience.obeyed |= feed.plan.params.keys()
    for _ in range(20):
        try:
            await feed.verify(obedience)
        except ApiError:
            continue
        return feed
    raise AssertionError("it fails for ever")


# -- a server that keeps the contract ------------------------------------------------------------------------------


async def test_older_walks_down_a_page_at_a_time() -> None:
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


async def test_from_the_oldest_the_walk_goes_up() -> None:
    feed = feed_of(FakeApi(log_of(250)), anchor=Anchor.OLDEST)
    assert not (await feed.older()).received
    await walk(feed)
    assert keys_of(feed) == newest_first(250)


async def test_the_end_that_is_the_anchor_asks_nothing() -> None:
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


async def test_as_of_is_when_the_newest_end_was_reached() -> None:
    down = feed_of(FakeApi(log_of(250)))
    up = feed_of(FakeApi(log_of(250)), anchor=Anchor.OLDEST)
    await walk(down)
    await walk(up)
    assert down.as_of is not None
    assert up.as_of is not None
    assert (down.as_of.second, up.as_of.second) == (1, 3)  # the number of the call


async def test_an_entry_by_its_id_is_got_by_the_other_endpoint() -> None:
    api = FakeApi(log_of(5))
    feed = feed_of(api, "id:id-3")
    await walk(feed)
    assert (keys_of(feed), api.got, api.calls) == (["id-3"], ["id-3"], [])
    assert feed.complete
    assert feed.total is None


async def test_an_id_that_does_not_exist_is_no_row_and_no_error() -> None:
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
async def test_a_page_that_contradicts_the_filter_is_not_kept(anchor: Anchor) -> None:
    log = [entry(number, method="GET" if number % 2 else "PUT") for number in range(30)]
    feed = feed_of(FakeApi(log, ignores=["method"]), "method:GET", anchor)
    step = await (feed.older() if anchor is Anchor.NEWEST else feed.newer())
    assert step.ignored == {"method"}
    assert step.received == 30
    assert (
        step.added == len(feed.run) == feed._store.connection.execute("SELECT count(*) FROM entry").fetchone()[0] == 0
    )


async def test_a_bound_of_the_filter_that_is_ignored_is_told() -> None:
    api = FakeApi(log_of(30), ignores=BOUNDS)
    assert (await feed_of(api, "created:<=2027-01-15T08:00:05Z").older()).ignored == {"created_at_max"}
    assert len(api.calls) == 1


async def test_an_order_that_is_ignored_is_told() -> None:
    api = FakeApi(log_of(30), ignores=["sort"])
    assert (await feed_of(api, anchor=Anchor.OLDEST).newer()).ignored == {"sort"}
    assert (await feed_of(api, "sort:created").older()).ignored == {"sort"}


async def test_an_order_that_is_ignored_is_told_at_the_seam_of_two_pages() -> None:
    log = [entry(number, at=number // 3) for number in range(12)]  # within a page of three all are equal
    feed = feed_of(FakeApi(log, ignores=["sort"], page_size=3), anchor=Anchor.OLDEST)
    assert not (await feed.newer()).ignored
    assert (await feed.newer()).ignored == {"sort"}


async def test_a_field_that_cannot_be_read_is_no_contradiction() -> None:
    feed = feed_of(FakeApi([entry(1, status_code="?")], ignores=EVERY_FILTER), "status:>=400")
    assert not (await feed.older()).ignored
    assert keys_of(feed) == ["id-1"]


async def test_digits_below_the_microsecond_are_no_disorder() -> None:
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


async def test_a_log_that_is_not_quite_in_order_is_walked_to_its_end_and_not_by_time() -> None:
    class Unsorted(FakeApi):
        def _place(self, data: Json, walk: Any) -> tuple[Any, ...]:
            return (-int(data["id"].removeprefix("id-")),)

    log = [entry(number, at=number + (7 if number % 10 == 5 else 0)) for number in range(60)]
    feed = feed_of(Unsorted(log, page_size=10, trouble={3: "refuse", 5: "repeat"}))
    await walk(feed)
    assert keys_of(feed) == newest_first(60)
    assert not feed.by_time


# -- misbehaviours, one by one -------------------------------------------------------------------------------------


async def survived(trouble: Mapping[int, str], anchor: Anchor = Anchor.NEWEST, **more: Any) -> tuple[FakeApi, Feed]:
    """A walk of 60 entries, ten a page, that lost nothing and kept the order."""
    api = FakeApi(log_of(60), trouble=trouble, page_size=10, **more)
    feed = feed_of(api, anchor=anchor)
    feed.said = await walk(feed)  # type: ignore[attr-defined]  # for the test to look at
    late = {data["id"] for data in api.arrived}
    assert [key for key in keys_of(feed) if key not in late] == newest_first(60)
    assert in_order([Stand(row.created_us, row.status_code) for row in rows_of(feed)], "created_at:desc")
    return api, await verified(feed)


@pytest.mark.parametrize("anchor", Anchor)
async def test_duplicates_across_pages_are_counted(anchor: Anchor) -> None:
    _, feed = await survived({2: "overlap", 4: "overlap"}, anchor)
    assert feed.duplicates == 6
    assert not feed.short


@pytest.mark.parametrize("anchor", Anchor)
@pytest.mark.parametrize("ignores", [(), BOUNDS])
async def test_a_repeated_cursor_is_told_and_the_walk_begins_again(anchor: Anchor, ignores: Iterable[str]) -> None:
    api, feed = await survived({3: "repeat"}, anchor, ignores=ignores)
    assert feed.said == ["the server repeated a cursor"]  # type: ignore[attr-defined]
    assert not feed.short
    assert not feed.broken
    assert feed.duplicates == 0
    assert [cursor is None for _, _, cursor in api.calls[:4]] == [True, False, False, True]


@pytest.mark.parametrize("anchor", Anchor)
@pytest.mark.parametrize("ignores", [(), BOUNDS])
async def test_a_cycle_of_cursors_is_told(anchor: Anchor, ignores: Iterable[str]) -> None:
    _, feed = await survived({4: "cycle"}, anchor, ignores=ignores)
    assert "the server repeated a cursor" in feed.said  # type: ignore[attr-defined]


@pytest.mark.parametrize("anchor", Anchor)
@pytest.mark.parametrize("ignores", [(), BOUNDS])
async def test_a_cursor_that_died_is_told_and_the_walk_begins_again(anchor: Anchor, ignores: Iterable[str]) -> None:
    _, feed = await survived({4: "refuse"}, anchor, ignores=ignores)
    assert feed.said[0] == "the server refused the cursor: cursor expired"  # type: ignore[attr-defined]
    assert not feed.short


async def test_the_walk_begins_again_at_the_last_instant() -> None:
    api, _ = await survived({3: "refuse"})
    assert api.calls[3] == ({"created_at_max": "2027-01-15T08:00:40.000001Z"}, 100, None)
    assert len(api.calls) == 8


async def test_the_walk_up_begins_again_at_the_last_instant() -> None:
    api, _ = await survived({3: "refuse"}, Anchor.OLDEST)
    assert api.calls[3][0] == {"sort": "created_at:asc", "created_at_min": "2027-01-15T08:00:19Z"}


async def test_it_never_begins_again_beyond_the_bounds_of_the_filter() -> None:
    text = "created:2027-01-15T08:00:10Z..2027-01-15T08:00:30Z"
    log = [entry(number, at=30 if number >= 30 else number) for number in range(60)]
    log.append(entry(99, created_at="2027-01-15T08:00:30.000001Z"))
    for anchor in Anchor:
        api = FakeApi(log, page_size=10, trouble={2: "refuse"})
        feed = feed_of(api, text, anchor)
        await walk(feed)
        assert set(keys_of(feed)) == {data["id"] for data in log[10:60]}
        for params, _, _ in api.calls:
            assert params["created_at_min"] >= "2027-01-15T08:00:10Z"
            assert params["created_at_max"] <= "2027-01-15T08:00:30Z"


async def test_from_an_instant_both_ends_begin_again_on_their_own_side() -> None:
    log = [entry(n, at=30 if 15 <= n < 45 else n) for n in range(60)]
    log.append(entry(99, created_at="2027-01-15T08:00:30.000001Z"))
    trouble = {3: "refuse", 4: "refuse", 7: "repeat", 9: "arrive", 12: "refuse"}
    api = FakeApi(log, page_size=10, trouble=trouble, shuffle_ties=True)
    feed = feed_of(api, "", At(START_US + 30_000_000))
    await walk(feed)
    rows = rows_of(feed)
    assert sorted(row.key for row in rows) == sorted(data["id"] for data in api.entries)
    assert in_order([Stand(row.created_us, row.status_code) for row in rows], "created_at:desc")
    assert (await verified(feed)).total is None


async def test_where_bounds_are_known_to_be_ignored_none_is_sent() -> None:
    api = FakeApi(log_of(60), ignores=BOUNDS, page_size=10, trouble={3: "refuse"})
    feed = feed_of(api, ignored=BOUNDS)
    await walk(feed)
    assert all(not params for params, _, _ in api.calls)
    assert keys_of(feed) == newest_first(60)


async def test_a_bound_that_is_refused_is_not_sent_again() -> None:
    class Strict(FakeApi):
        async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
            if "created_at_max" in params:
                self.calls.append((dict(params), limit, cursor))
                raise BadRequestError("unknown parameter", status=400)
            return await super().list(params, limit=limit, cursor=cursor)

    api = Strict(log_of(60), page_size=10, trouble={3: "refuse"})
    feed = feed_of(api)
    await walk(feed)
    assert keys_of(feed) == newest_first(60)
    assert len([params for params, _, _ in api.calls if params]) == 1


async def test_what_was_written_since_does_not_come_in_at_the_bottom() -> None:
    trouble = {2: "arrive", 3: "refuse", 5: "arrive", 6: "repeat"}
    _, feed = await survived(trouble, ignores=EVERY_FILTER)
    assert keys_of(feed) == newest_first(60)
    assert not feed.short


async def test_entries_whose_time_cannot_be_read_do_not_stop_it_from_going_on() -> None:
    log = [*log_of(40)[15:], *(entry(n, created_at="?", _us=START_US + 1_000_000 * n) for n in range(15))]
    api = FakeApi(log, page_size=10, trouble={4: "refuse", 7: "arrive", 8: "refuse"})
    feed = feed_of(api)
    await walk(feed)
    assert set(keys_of(feed)) == {data["id"] for data in log}
    assert api.calls[4][0] == {"created_at_max": "2027-01-15T08:00:15.000001Z"}


@pytest.mark.parametrize("anchor", Anchor)
async def test_empty_pages_with_a_cursor_are_passed(anchor: Anchor) -> None:
    _, feed = await survived({1: "empty", 3: "empty", 4: "empty", 9: "empty"}, anchor)
    assert feed.said == []  # type: ignore[attr-defined]


async def test_many_empty_pages_are_told_and_then_gone_on_from() -> None:
    api, feed = await survived(dict.fromkeys(range(2, 2 + 2 * IDLE_PAGES), "empty"))
    assert feed.said == ["the server sent nothing new in 5 pages"] * 2  # type: ignore[attr-defined]
    assert [cursor for _, _, cursor in api.calls].count(None) == 1


async def test_pages_that_bring_nothing_new_end_in_words_whatever_their_cursors() -> None:
    class Endless(FakeApi):
        async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
            page = await super().list(params, limit=limit)
            return Page(page.entries, f"cursor {len(self.calls)}")

    api = Endless(log_of(5))
    feed = feed_of(api)
    while not feed.broken:
        await feed.older()
    assert len(api.calls) == 1 + IDLE_PAGES
    assert feed.broken == "the server sent nothing new in 5 pages"


@pytest.mark.parametrize("anchor", Anchor)
async def test_an_error_is_raised_and_the_same_call_goes_on(anchor: Anchor) -> None:
    api = FakeApi(log_of(60), trouble={1: "error", 4: "error"}, page_size=10)
    feed = feed_of(api, anchor=anchor)
    with pytest.raises(ServerError):
        await (feed.older() if anchor is Anchor.NEWEST else feed.newer())
    assert not feed.broken
    await walk(feed)
    assert keys_of(feed) == newest_first(60)


async def test_a_refusal_without_a_cursor_is_no_broken_walk() -> None:
    api = FakeApi(log_of(60))
    api.fails = BadRequestError("no such filter", status=400)
    feed = feed_of(api)
    with pytest.raises(BadRequestError):
        await feed.older()
    assert not feed.broken


@pytest.mark.parametrize("ignores", [(), BOUNDS])
async def test_entries_of_one_instant_are_not_lost_at_a_seam(ignores: Iterable[str]) -> None:
    log = [entry(number, at=7) for number in range(47)]
    for anchor in Anchor:
        trouble = {2: "refuse", 5: "repeat", 9: "refuse"}
        feed = feed_of(FakeApi(log, trouble=trouble, shuffle_ties=True, page_size=10, ignores=ignores), anchor=anchor)
        await walk(feed)
        assert sorted(keys_of(feed)) == sorted(data["id"] for data in log)


async def test_the_same_id_with_other_bytes_is_one_row_with_both_versions() -> None:
    feed = feed_of(FakeApi([entry(1, path="/a"), entry(1, path="/b")]))
    await walk(feed)
    assert keys_of(feed) == ["id-1"]
    assert feed.duplicates == 1
    assert len(feed._store.versions(1)) == 1


# -- cancellation and company --------------------------------------------------------------------------------------


class Held(FakeApi):
    """Answers when told."""

    def __init__(self, entries: Iterable[Json], **more: Any) -> None:
        super().__init__(entries, **more)
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        page = await super().list(params, limit=limit, cursor=cursor)
        self.asked.set()
        await self.answer.wait()
        return page


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


async def test_two_who_ask_at_once_get_two_pages() -> None:
    api = Held(log_of(30), page_size=10)
    feed = feed_of(api)
    tasks = [asyncio.create_task(feed.older()) for _ in range(2)]
    await api.asked.wait()
    api.answer.set()
    assert [(await task).added for task in tasks] == [10, 10]
    assert not feed.broken


# -- the server's count --------------------------------------------------------------------------------------------


async def test_a_count_that_fits_is_not_asked_for_again() -> None:
    api, feed = await survived({})
    assert feed.total == 60
    assert len(api.calls) == 6


async def test_without_proof_nothing_is_verified() -> None:
    feed = feed_of(FakeApi(log_of(3), trouble={1: "lie"}), "method:POST")
    await walk(feed)
    await feed.verify(Obedience())
    assert not feed.short
    assert (await verified(feed)).total == 3


@pytest.mark.parametrize("anchor", Anchor)
async def test_a_count_that_was_wrong_once_is_counted_again(anchor: Anchor) -> None:
    api, feed = await survived(dict.fromkeys(range(1, 7), "lie"), anchor)
    assert not feed.short
    assert feed.total == 60
    assert api.calls[-1] == ({"created_at_max": "2027-01-15T08:00:59.000001Z"}, 10, None)
    await verified(feed)
    assert len(api.calls) == 7


@pytest.mark.parametrize("anchor", Anchor)
async def test_a_count_that_stays_wrong_is_told_with_both_numbers(anchor: Anchor) -> None:
    _, feed = await survived(dict.fromkeys(range(1, 20), "lie"), anchor)
    assert feed.short == "the server counts 7, 60 arrived"


async def test_an_absent_count_never_drives_completion() -> None:
    _, feed = await survived(dict.fromkeys(range(1, 20), "no total"))
    assert feed.complete
    assert feed.total is None
    assert not feed.short


async def test_a_count_that_is_absent_when_counted_again_is_none() -> None:
    _, feed = await survived({1: "lie", 7: "no total"})
    assert feed.total is None
    assert not feed.short


@pytest.mark.parametrize("ignores", [(), BOUNDS, EVERY_FILTER])
async def test_a_log_that_grows_is_not_short(ignores: Iterable[str]) -> None:
    trouble = {2: "arrive", 4: "arrive", 7: "arrive", 8: "arrive"}
    for anchor in Anchor if "sort" not in ignores else [Anchor.NEWEST]:
        _, feed = await survived({1: "lie", **trouble}, anchor, ignores=ignores)
        assert (feed.short, feed.total is None) in (("", False), ("the server counts 64, 60 arrived", False))
        _, feed = await survived(trouble, anchor, ignores=ignores)
        assert not feed.short


async def test_entries_that_the_server_withheld_are_told() -> None:
    class Withholding(FakeApi):
        async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
            page = await super().list(params, limit=limit, cursor=cursor)
            return Page(page.entries[1:], page.next_cursor, None, page.total_count, page.served_at)

    for text in ("", "sort:status"):
        feed = feed_of(Withholding(log_of(60), page_size=30), text)
        await walk(feed)
        await verified(feed)
        assert feed.complete
        assert feed.short == ("the server counts 59, 58 arrived" if not text else "the server counts 60, 58 arrived")


async def test_an_error_while_counting_is_raised_and_tried_again() -> None:
    api = FakeApi(log_of(3), trouble={1: "lie", 2: "error"})
    feed = feed_of(api)
    await walk(feed)
    with pytest.raises(ServerError):
        await feed.verify(Obedience())
    await feed.verify(Obedience())
    assert feed.total == 3


async def test_a_bound_that_is_refused_while_counting_is_left_out() -> None:
    api = FakeApi(log_of(3), trouble={1: "lie"})
    feed = feed_of(api)
    await walk(feed)
    api.fails = BadRequestError("unknown parameter", status=400)
    with pytest.raises(BadRequestError):
        await feed.verify(Obedience())
    api.fails = None
    await feed.verify(Obedience())
    assert api.calls[-1][0] == {}
    assert not feed.short


async def test_a_cursor_that_is_not_found_is_a_refused_one() -> None:
    api = FakeApi(log_of(30), page_size=10)
    feed = feed_of(api)
    await feed.older()
    api.fails = NotFoundError("no such cursor", status=404)
    with pytest.raises(NotFoundError):
        await feed.older()
    assert feed.broken
    api.fails = None
    await walk(feed)
    assert keys_of(feed) == newest_first(30)


# -- whatever the server does --------------------------------------------------------------------------------------

QUERIES = (
    "",
    "method:POST",
    "status:>=400",
    "created:>=2027-01-15T08:00:03Z",
    "sort:-status,created",
    "sort:created",
)

logs = st.lists(st.tuples(st.integers(0, 12), st.sampled_from([200, 404, 500, "?"])), max_size=45).map(
    lambda drawn: [entry(number, at=at, status_code=status) for number, (at, status) in enumerate(drawn)]
)
troubles = st.dictionaries(st.integers(1, 25), st.sampled_from(TROUBLES), max_size=12)


@given(
    log=logs,
    trouble=troubles,
    ignores=st.sampled_from([frozenset[str](), BOUNDS]),
    text=st.sampled_from(QUERIES),
    anchor=st.sampled_from(Anchor) | st.integers(-1, 13).map(lambda at: At(START_US + 1_000_000 * at)),
    page_size=st.integers(1, 12),
    shuffle=st.booleans(),
)
def test_whatever_the_server_does_nothing_is_lost_or_out_of_order(
    log: list[Json],
    trouble: dict[int, str],
    ignores: frozenset[str],
    text: str,
    anchor: Anchor | At,
    page_size: int,
    shuffle: bool,
) -> None:
    if isinstance(anchor, At):
        assume(not ignores and "sort" not in text)  # a view begins at an instant nowhere else

    async def check() -> None:
        api = FakeApi(log, trouble=trouble, ignores=ignores, page_size=page_size, shuffle_ties=shuffle)
        feed = feed_of(api, text, anchor, ignores)
        before = {data["id"] for data in api.matching(feed.plan.params)}
        await walk(feed)
        keys = keys_of(feed)
        assert len(keys) == len(set(keys))
        assert before <= set(keys) <= {data["id"] for data in api.matching(feed.plan.params)}
        sort = feed.plan.params.get("sort", "created_at:desc")
        assert in_order([Stand(row.created_us, row.status_code) for row in rows_of(feed)], sort)
        if "lie" not in trouble.values():
            assert not (await verified(feed)).short

    asyncio.run(check())


@given(log=logs, trouble=troubles, page_size=st.integers(1, 12))
def test_generation_1_loses_nothing_either(log: list[Json], trouble: dict[int, str], page_size: int) -> None:
    async def check() -> None:
        api = FakeApi(log, trouble=trouble, ignores=EVERY_FILTER, page_size=page_size)
        feed = feed_of(api)
        await walk(feed)
        late = {data["id"] for data in api.arrived}
        newest = [data["id"] for data in api.matching({}) if data["id"] not in late]
        assert sorted(key for key in keys_of(feed) if key not in late) == sorted(newest)
        assert feed.by_time
        if "lie" not in trouble.values():
            assert not (await verified(feed)).short

    asyncio.run(check())
