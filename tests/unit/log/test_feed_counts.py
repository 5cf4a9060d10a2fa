from collections.abc import Iterable, Mapping

import pytest
from msgspec.structs import replace

from auditlog_tui.entries.models import Page
from auditlog_tui.errors import BadRequestError, NotFoundError, ServerError
from auditlog_tui.log.feed import Anchor, At
from auditlog_tui.log.server_support import SMALLEST_PAGE, ServerSupport
from tests.unit.fake import EVERY_FILTER, START_US, FakeApi, Json, entry, log_of, read
from tests.unit.walks import BOUNDS, feed_of, keys_of, newest_first, survived, verified, walk


async def test_matching_count_is_not_requested_again() -> None:
    api, feed, _ = await survived({})
    assert feed.total == 60
    assert len(api.calls) == 6


async def test_unproven_count_is_not_verified() -> None:
    feed = feed_of(FakeApi(log_of(3), trouble={1: "lie"}), "method:POST")
    await walk(feed)
    await feed.verify(ServerSupport())
    assert not feed.short
    assert (await verified(feed)).total == 3


@pytest.mark.parametrize("anchor", Anchor)
async def test_wrong_count_is_requested_again(anchor: Anchor) -> None:
    api, feed, _ = await survived(dict.fromkeys(range(1, 7), "lie"), anchor)
    assert not feed.short
    assert feed.total == 60
    assert api.calls[-1] == ({"created_at_max": "2027-01-15T08:00:59.000001Z"}, 10, None)
    asked = len(api.calls)
    assert asked == (7 if anchor is Anchor.NEWEST else 8)  # from there, it also asks for the oldest once more
    await verified(feed)
    assert len(api.calls) == asked


@pytest.mark.parametrize("anchor", Anchor)
async def test_uncounted_entries_are_not_gone(anchor: Anchor) -> None:
    _, feed, _ = await survived(dict.fromkeys(range(1, 20), "lie"), anchor)
    assert (feed.short, feed.gone, feed.uncounted) == ("", 0, 53)


async def test_completion_does_not_need_a_count() -> None:
    _, feed, _ = await survived(dict.fromkeys(range(1, 20), "no total"))
    assert feed.complete
    assert feed.total is None
    assert not feed.short


async def test_missing_second_count_changes_nothing() -> None:
    _, feed, _ = await survived({1: "lie", 7: "no total"})
    assert feed.total == 7
    assert not feed.short  # more arrived than the second count: nothing is missing


async def test_counted_entries_are_missing_even_if_the_server_stops_counting() -> None:
    class Cuts(FakeApi):
        async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
            page = await super().list(params, limit=limit, cursor=cursor)
            if limit == SMALLEST_PAGE:
                return replace(page, total_count=None)
            return replace(page, next_cursor=None) if cursor else page

    feed = feed_of(Cuts(log_of(600)))
    await walk(feed)
    await feed.verify(ServerSupport())
    assert feed.total == 600
    assert feed.short == "the server counted 600, 200 arrived, and it tells no count any more"


@pytest.mark.parametrize("ignores", [(), BOUNDS, EVERY_FILTER])
async def test_growing_log_is_not_short(ignores: Iterable[str]) -> None:
    trouble = {2: "arrive", 4: "arrive", 7: "arrive", 8: "arrive"}
    for anchor in Anchor if "sort" not in ignores else [Anchor.NEWEST]:
        _, feed, _ = await survived({1: "lie", **trouble}, anchor, ignores=ignores)
        assert (feed.short, feed.total is None) in (("", False), ("the server counts 64, 60 arrived", False))
        _, feed, _ = await survived(trouble, anchor, ignores=ignores)
        assert not feed.short


async def test_withheld_entries_are_reported() -> None:
    class Withholding(FakeApi):
        async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
            page = await super().list(params, limit=limit, cursor=cursor)
            return Page(page.entries[1:], page.next_cursor, None, page.total_count, page.served_at)

    for text in ("", "sort:status"):
        feed = feed_of(Withholding(log_of(60), page_size=30), text)
        await walk(feed)
        await verified(feed)
        assert feed.complete
        assert feed.short == "the server counts 60, 58 arrived"


async def test_error_while_counting_is_raised_and_retried() -> None:
    api = FakeApi(log_of(3), trouble={1: "lie", 2: "error"})
    feed = feed_of(api)
    await walk(feed)
    with pytest.raises(ServerError):
        await feed.verify(ServerSupport())
    await feed.verify(ServerSupport())
    assert feed.total == 3


async def test_bound_refused_while_counting_is_dropped() -> None:
    api = FakeApi(log_of(3), trouble={1: "lie"})
    feed = feed_of(api)
    await walk(feed)
    api.fails = BadRequestError("unknown parameter", status=400)
    with pytest.raises(BadRequestError):
        await feed.verify(ServerSupport())
    api.fails = None
    await feed.verify(ServerSupport())
    assert api.calls[-1][0] == {}
    assert not feed.short


async def test_unknown_cursor_counts_as_refused() -> None:
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


# -- counts that are misleading -----------------------------------------------------------------------------------


class OffsetCursors(FakeApi):
    """A server with offsets as cursors, so that changes to the log shift pages. `after_first` runs after page 1."""

    def after_first(self) -> None:
        raise NotImplementedError

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        self.calls.append((dict(params), limit, cursor))
        found = self.matching(params)
        begin = int(cursor or 0)
        end = begin + min(limit, self.page_size)
        page = Page(
            tuple(map(read, found[begin:end])), str(end) if end < len(found) else None, None, len(found), self.clock
        )
        if len(self.calls) == 1:
            self.after_first()
        return page


def rename_actors(log: list[Json]) -> None:
    for data in log:
        data["actor"] = {**data["actor"], "name": "Alice B"}


async def test_changed_text_is_no_second_record() -> None:
    class Renames(OffsetCursors):
        def after_first(self) -> None:
            self.arrive()
            rename_actors(self.entries)

    feed = feed_of(Renames(log_of(60), page_size=10))
    await walk(feed)
    assert feed._possible_records.total() == 1
    await verified(feed)
    assert (len(feed.run), feed.total, feed.gone, feed.short) == (60, 60, 0, "")

    class RenamesMore(Renames):
        def after_first(self) -> None:
            for _ in range(4):
                self.arrive()
            rename_actors(self.entries)

    feed = feed_of(RenamesMore(log_of(60), page_size=10))
    await walk(feed)
    assert feed._possible_records.total() == 1  # the other texts lie inside the listing
    await verified(feed)
    assert (len(feed.run), feed.total, feed.gone, feed.short) == (60, 60, 0, "")


@pytest.mark.parametrize(("text", "anchor"), [("sort:created", Anchor.NEWEST), ("", Anchor.OLDEST)])
async def test_entries_skipped_by_offset_cursors_are_missing_though_counts_agree(text: str, anchor: Anchor) -> None:
    class Deletes(OffsetCursors):
        def after_first(self) -> None:
            del self.entries[:10]

    feed = feed_of(Deletes(log_of(300)), text, anchor)
    await walk(feed)
    assert len(feed.run) == 290
    await verified(feed)
    assert (feed.gone, feed.short) == (10, "the server counts 290, 280 of them arrived")


@pytest.mark.parametrize(("text", "anchor"), [("sort:created", Anchor.NEWEST), ("", Anchor.OLDEST)])
async def test_entries_skipped_by_offset_cursors_are_missing_though_as_many_were_written(
    text: str, anchor: Anchor
) -> None:
    class Rotates(OffsetCursors):
        def after_first(self) -> None:
            for _ in range(3):
                self.arrive(id=f"new-{len(self.arrived)}")
            del self.entries[:3]

    feed = feed_of(Rotates(log_of(300)), text, anchor)
    await walk(feed)
    assert len(feed.run) == 300
    await verified(feed)
    assert (feed.gone, feed.short) == (3, "the server counts 300, 297 of them arrived")


async def test_in_an_order_by_status_the_oldest_are_looked_for_too() -> None:
    class Rotates(OffsetCursors):
        def after_first(self) -> None:
            self.arrive(id="new", status_code=999)
            del self.entries[0]

    entries = [entry(n, status_code=200 + n % 7) for n in range(300)]
    feed = feed_of(Rotates(entries), "sort:status")
    await walk(feed)
    assert "id-0" in keys_of(feed)
    assert len(feed.run) == 300
    await verified(feed)
    assert (feed.gone, feed.short) == (1, "the server counts 300, 299 of them arrived")


async def test_retention_during_complete_paging_is_recognised() -> None:
    class Deletes(FakeApi):
        async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
            if len(self.calls) == 2:
                del self.entries[:10]
            return await super().list(params, limit=limit, cursor=cursor)

    feed = feed_of(Deletes(log_of(300)), "sort:created")
    await walk(feed)
    await verified(feed)
    assert (len(feed.run), feed.total, feed.gone, feed.short) == (300, 290, 10, "")


class EndsAfterFirstPage(FakeApi):
    """A server that says its first page is the last."""

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        page = await super().list(params, limit=limit, cursor=cursor)
        return replace(page, next_cursor=None)


async def test_feed_from_a_time_is_verified_too() -> None:
    feed = feed_of(EndsAfterFirstPage(log_of(500)), anchor=At(START_US + 250_000_000))
    await walk(feed)
    await verified(feed)
    assert len(feed.run) == 199
    assert feed.short == "the server counts 350, 199 arrived"
    feed = feed_of(FakeApi(log_of(500)), anchor=At(START_US + 250_000_000))
    await walk(feed)
    await verified(feed)
    assert (feed.short, feed.total, feed.gone) == ("", 500, 0)


async def test_higher_unproven_count_is_reported_and_checked_again_once_proven() -> None:
    api = EndsAfterFirstPage(log_of(500))
    feed = feed_of(api, "method:POST")
    await walk(feed)
    await feed.verify(ServerSupport())
    assert feed.short == "the server counts 500, 100 arrived"
    asked = len(api.calls)
    await feed.verify(ServerSupport())
    assert len(api.calls) == asked
    del api.entries[:400]
    await verified(feed)
    assert feed.short == ""


async def test_capped_count_makes_nothing_gone() -> None:
    class Capped(FakeApi):
        async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
            page = await super().list(params, limit=limit, cursor=cursor)
            return replace(page, total_count=min(100, page.total_count or 0))

    for anchor in Anchor:
        feed = feed_of(Capped(log_of(300)), anchor=anchor)
        await walk(feed)
        await verified(feed)
        assert (feed.short, feed.gone, feed.uncounted) == ("", 0, 200)
