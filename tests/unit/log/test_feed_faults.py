from collections.abc import Iterable, Mapping

import pytest

from auditlog_tui.entries.models import Page
from auditlog_tui.errors import BadRequestError, ServerError
from auditlog_tui.log.feed import IDLE_PAGES, Anchor, At
from auditlog_tui.log.sort_order import SortValues, in_order
from tests.unit.fake import EVERY_FILTER, START_US, FakeApi, entry, log_of
from tests.unit.walks import BOUNDS, feed_of, keys_of, newest_first, rows_of, survived, verified, walk


@pytest.mark.parametrize("anchor", Anchor)
async def test_duplicates_across_pages_are_counted(anchor: Anchor) -> None:
    _, feed, _ = await survived({2: "overlap", 4: "overlap"}, anchor)
    assert feed.duplicates == 6
    assert not feed.short


@pytest.mark.parametrize("anchor", Anchor)
@pytest.mark.parametrize("ignores", [(), BOUNDS])
async def test_repeated_cursor_is_reported_and_paging_restarts(anchor: Anchor, ignores: Iterable[str]) -> None:
    api, feed, interruptions = await survived({3: "repeat"}, anchor, ignores=ignores)
    assert interruptions == ["the server repeated a cursor"]
    assert not feed.short
    assert not feed.broken
    assert feed.duplicates == 0
    assert [cursor is None for _, _, cursor in api.calls[:4]] == [True, False, False, True]


@pytest.mark.parametrize("anchor", Anchor)
@pytest.mark.parametrize("ignores", [(), BOUNDS])
async def test_cursor_cycle_is_reported(anchor: Anchor, ignores: Iterable[str]) -> None:
    _, _, interruptions = await survived({4: "cycle"}, anchor, ignores=ignores)
    assert "the server repeated a cursor" in interruptions


@pytest.mark.parametrize("anchor", Anchor)
@pytest.mark.parametrize("ignores", [(), BOUNDS])
async def test_refused_cursor_is_reported_and_paging_restarts(anchor: Anchor, ignores: Iterable[str]) -> None:
    _, feed, interruptions = await survived({4: "refuse"}, anchor, ignores=ignores)
    assert interruptions[0] == "the server refused the cursor: cursor expired"
    assert not feed.short


@pytest.mark.parametrize("anchor", Anchor)
@pytest.mark.parametrize("ignores", [(), BOUNDS])
@pytest.mark.parametrize("number", [1, 2, 4, 6])
async def test_page_without_clear_end_is_requested_again(number: int, anchor: Anchor, ignores: Iterable[str]) -> None:
    api, feed, interruptions = await survived({number: "unclear"}, anchor, ignores=ignores)
    assert interruptions == ["the server did not say whether more follows"]
    assert feed.total == 60
    assert feed.duplicates == 0
    assert not feed.short
    if number > 1:  # the first page has no cursor to retry with
        assert api.calls[number][2] == api.calls[number - 1][2]


async def test_end_is_not_reached_until_a_page_says_so() -> None:
    feed = feed_of(FakeApi(log_of(600), trouble=dict.fromkeys(range(2, 99), "unclear")))
    for _ in range(5):
        await feed.older()
        assert not feed.complete
    assert (len(feed.run), feed.total) == (200, 600)
    assert feed.broken == "the server did not say whether more follows"


async def test_paging_restarts_at_the_last_time() -> None:
    api, _, _ = await survived({3: "refuse"})
    assert api.calls[3] == ({"created_at_max": "2027-01-15T08:00:40.000001Z"}, 100, None)
    assert len(api.calls) == 8


async def test_paging_upwards_restarts_at_the_last_time() -> None:
    api, _, _ = await survived({3: "refuse"}, Anchor.OLDEST)
    assert api.calls[3][0] == {"sort": "created_at:asc", "created_at_min": "2027-01-15T08:00:18.999999Z"}


@pytest.mark.parametrize("anchor", Anchor)
@pytest.mark.parametrize("ignores", [(), BOUNDS])
async def test_restart_where_nothing_comes_again_says_that_entries_may_be_missing(
    anchor: Anchor, ignores: Iterable[str]
) -> None:
    api = FakeApi(log_of(60), page_size=10, trouble={3: "refuse"}, ignores=ignores)
    feed = feed_of(api, anchor=anchor)
    step = feed.older if anchor is Anchor.NEWEST else feed.newer
    for _ in range(2):
        await step()
    # What was fetched is gone, and five more that were not.
    kept = [each for each in api.entries if each["id"] not in set(keys_of(feed))]
    api.entries = kept[:-5] if anchor is Anchor.NEWEST else kept[5:]
    await walk(feed)
    assert feed.complete
    assert "others may be missing" in feed.short


async def test_restart_stays_within_the_bounds_of_the_filter() -> None:
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


async def test_both_ends_of_an_anchor_restart_on_their_side() -> None:
    log = [entry(n, at=30 if 15 <= n < 45 else n) for n in range(60)]
    log.append(entry(99, created_at="2027-01-15T08:00:30.000001Z"))
    trouble = {3: "refuse", 4: "refuse", 7: "repeat", 9: "arrive", 12: "refuse"}
    api = FakeApi(log, page_size=10, trouble=trouble, shuffle_ties=True)
    feed = feed_of(api, "", At(START_US + 30_000_000))
    await walk(feed)
    rows = rows_of(feed)
    assert sorted(row.key for row in rows) == sorted(data["id"] for data in api.entries)
    assert in_order([SortValues(row.created_us, row.status_code) for row in rows], "created_at:desc")
    assert (await verified(feed)).total == len(log) + 1


async def test_no_bound_is_sent_where_they_are_ignored() -> None:
    api = FakeApi(log_of(60), ignores=BOUNDS, page_size=10, trouble={3: "refuse"})
    feed = feed_of(api, ignored=BOUNDS)
    await walk(feed)
    assert all(not params for params, _, _ in api.calls)
    assert keys_of(feed) == newest_first(60)


async def test_refused_bound_is_not_sent_again() -> None:
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


async def test_entries_written_since_are_not_added_at_the_bottom() -> None:
    trouble = {2: "arrive", 3: "refuse", 5: "arrive", 6: "repeat"}
    _, feed, _ = await survived(trouble, ignores=EVERY_FILTER)
    assert keys_of(feed) == newest_first(60)
    assert not feed.short


async def test_unreadable_times_do_not_stop_a_restart() -> None:
    log = [*log_of(40)[15:], *(entry(n, created_at="?", _us=START_US + 1_000_000 * n) for n in range(15))]
    api = FakeApi(log, page_size=10, trouble={4: "refuse", 7: "arrive", 8: "refuse"})
    feed = feed_of(api)
    await walk(feed)
    assert set(keys_of(feed)) == {data["id"] for data in log}
    assert api.calls[4][0] == {"created_at_max": "2027-01-15T08:00:15.000001Z"}


@pytest.mark.parametrize("anchor", Anchor)
async def test_empty_pages_with_a_cursor_are_skipped(anchor: Anchor) -> None:
    _, _, interruptions = await survived({1: "empty", 3: "empty", 4: "empty", 9: "empty"}, anchor)
    assert interruptions == []


async def test_many_empty_pages_are_reported_and_resumed() -> None:
    api, _, interruptions = await survived(dict.fromkeys(range(2, 2 + 2 * IDLE_PAGES), "empty"))
    assert interruptions == ["the server sent nothing new in 5 pages"] * 2
    assert [cursor for _, _, cursor in api.calls].count(None) == 1


async def test_pages_without_new_entries_end_with_a_reason() -> None:
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
async def test_error_is_raised_and_the_call_can_be_repeated(anchor: Anchor) -> None:
    api = FakeApi(log_of(60), trouble={1: "error", 4: "error"}, page_size=10)
    feed = feed_of(api, anchor=anchor)
    with pytest.raises(ServerError):
        await (feed.older() if anchor is Anchor.NEWEST else feed.newer())
    assert not feed.broken
    await walk(feed)
    assert keys_of(feed) == newest_first(60)


async def test_refusal_without_a_cursor_is_no_interruption() -> None:
    api = FakeApi(log_of(60))
    api.fails = BadRequestError("no such filter", status=400)
    feed = feed_of(api)
    with pytest.raises(BadRequestError):
        await feed.older()
    assert not feed.broken


@pytest.mark.parametrize("ignores", [(), BOUNDS])
async def test_entries_with_equal_times_are_not_lost_between_pages(ignores: Iterable[str]) -> None:
    log = [entry(number, at=7) for number in range(47)]
    for anchor in Anchor:
        trouble = {2: "refuse", 5: "repeat", 9: "refuse"}
        feed = feed_of(FakeApi(log, trouble=trouble, shuffle_ties=True, page_size=10, ignores=ignores), anchor=anchor)
        await walk(feed)
        assert sorted(keys_of(feed)) == sorted(data["id"] for data in log)


async def test_same_id_with_other_bytes_is_one_row_with_both_versions() -> None:
    feed = feed_of(FakeApi([entry(1, path="/a"), entry(1, path="/b")]))
    await walk(feed)
    assert keys_of(feed) == ["id-1"]
    assert feed.duplicates == 1
    assert len(feed._store.versions(1)) == 1
