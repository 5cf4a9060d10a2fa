"""Follows the newest end of a view: new entries, late entries, and entries that the server no longer has.

A poll reads from the newest entry down to where the last poll began. Its first page also has the server's count. If
that is higher than what is loaded, entries came late: they were written after entries with a later time had been
read. Counts over ever smaller time ranges find them, or a walk through the log where the server honours no bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from auditlog_tui import __version__
from auditlog_tui.entries.contract import NEWEST_FIRST, OLDEST_FIRST, PAGE
from auditlog_tui.entries.models import Entry, Page
from auditlog_tui.errors import BadRequestError, NotFoundError, NotTheApiError
from auditlog_tui.log.bounds import TIME_BOUNDS, narrower_bound, violated_bounds
from auditlog_tui.log.insertion import entry_time, insert
from auditlog_tui.log.oldest import compare_oldest
from auditlog_tui.log.server_support import SMALLEST_PAGE
from auditlog_tui.log.sort_order import in_order, sort_values
from auditlog_tui.log.view import View
from auditlog_tui.query.times import FIRST, LAST
from auditlog_tui.store.entries import Stretch
from auditlog_tui.store.scans import count_records, newer_than

MARGIN_US = 2_000_000
"""A poll begins this many microseconds before the newest entry, so that slightly late entries come with it."""

REREAD_US, REREAD_EVERY = 5 * 60_000_000, 6
"""If the server tells no count, every so many polls begin this many microseconds before the newest entry.

If it tells one that agrees, its oldest entry is checked as often.
"""

FUTURE_US = 60_000_000
"""Entries dated further ahead than this (microseconds) are not read by every poll if that would take pages."""

MAX_PAGES = 50
"""Pages per poll; the next poll continues."""

FEW_PAGES = 2
"""Pages of the oldest entries that a poll compares."""

CATCH_UPS = 20
"""Polls of one attempt to catch up; the next attempt continues."""

MAX_COUNTS = 40
"""Counting requests per search for late entries; the next search continues."""

_POLLED_PARAMS = TIME_BOUNDS | {"sort"}
_OWN_USER_AGENT = f"auditlog-tui/{__version__}"


@dataclass(frozen=True, slots=True)
class News:
    """Entries that came in: new ones in `added`, of which `own_reads` log our own requests, and `late` ones.

    A late entry is older than entries that had been read before.
    """

    added: int = 0
    own_reads: int = 0
    late: int = 0

    def __add__(self, other: News) -> News:
        return News(self.added + other.added, self.own_reads + other.own_reads, self.late + other.late)


@dataclass(frozen=True, slots=True)
class _Newest:
    """The entries read by a poll, oldest first, with the server's count and time at its beginning.

    `count_fits` is false where entries may have been written between the count and the last page.
    """

    entries: Sequence[Entry]
    total: int | None
    served_at: datetime | None
    count_fits: bool = True


class LiveTail:
    """Follows a view that is newest first.

    `poll` and `mend` raise `ApiError` and may then be called again. They call `changed` when the number of missing
    entries changes.
    """

    def __init__(self, view: View, changed: Callable[[], None] = lambda: None) -> None:
        self.view = view
        self._log = view.log
        self._changed = changed
        self._polls = self._budget = 0
        self._reset()

    def _reset(self) -> None:
        """Start with the view's current feed.

        `late_below` is how many entries came late and are dated before all loaded ones, where that is not the log's
        beginning.
        `_missing` is how many more entries the server counts than expected, `None` if unknown; `_given_up` how many
        of them a search failed to find. `_expected` is what the server should count, where the feed is not complete;
        `_confirmed_total` the last count that agreed. `_walk_cursor` is where the next walk continues.
        """
        self._feed = feed = self.view.feed
        self._reached_us = self._log.now_us() if feed.as_of is None else _us(feed.as_of)
        self._truncated = False
        self._server_counts = True
        self._served_at = feed.as_of
        self._expected = self._confirmed_total = feed.total
        self._missing: int | None = 0
        self._given_up: int | None = None
        self._walk_cursor: str | None = None
        self.late_below = 0
        self.range_known = True
        """False where `catch_up` can't tell whether just as many entries came late as are gone."""

    @property
    def server_counts(self) -> bool:
        """Whether the last poll brought a count of what matches, which tells of late entries."""
        return self._server_counts

    @property
    def possible(self) -> bool:
        """False for other sort orders, and until the newest entry is reached."""
        view = self.view
        return view.feed.by_time and view.newer_done and view.plan.entry_id is None and not view.marked

    async def poll(self) -> News:
        """Fetch what was written since the last poll and insert it at the rows where its time belongs."""
        if self._feed is not self.view.feed:
            self._reset()
        feed, since, before_us = self._feed, self._poll_from(), self._log.now_us()
        self._polls += 1
        reread = not self._server_counts and not self._polls % REREAD_EVERY
        newest = await self._read_newest(since - REREAD_US if since is not None and reread else since)
        async with feed.lock:
            if feed is not self.view.feed:
                return News()
            with feed.keeping.saving():
                before = self._log.store.records(feed.run)
                inserted = insert(self.view, newest.entries)
                added = self._log.store.records(feed.run) - before
            self._compare_counts(newest, added)
            with feed.keeping.saving():
                pass
        if not self._truncated:
            self._reached_us = before_us if newest.served_at is None else _us(newest.served_at)
        await self.view.evaluate()
        news = _news(inserted, since)
        if self._missing == 0 and self._server_counts and feed.complete and not self._polls % REREAD_EVERY:
            news += News(late=await self._check_oldest(FEW_PAGES) or 0)
        return news

    async def mend(self) -> News:
        """Fetch what is missing if the last poll found that the server's count differs from what is loaded.

        While entries are missing, and if they can't be found, the feed is `short`.
        """
        if self._missing == 0 or self._feed is not self.view.feed:
            return News()
        if self._server_counts_fewer():
            await self._note_gone()
        bounded, since = await self._bounds_proven(), self._poll_from()
        if self._missing == 0 or (self._missing is not None and self._missing == self._given_up):
            return News()
        if bounded and since is not None:
            return await self._search(since)
        return await self._walk()

    async def catch_up(self) -> bool:
        """Fetch all that was written since the feed was saved in a case, and compare the counts of its whole range.

        Returns whether the feed is up to date then: False where the log grew too fast. Raises `ApiError`.
        """
        for _ in range(CATCH_UPS):
            feed = self.view.feed
            await self.poll()
            if self._truncated or feed is not self.view.feed:
                continue
            await self.mend()
            if self._missing == 0 and self._server_counts and feed.complete:
                self.range_known = await self._check_oldest(MAX_PAGES) is not None
                await self.mend()
            if self._missing == 0 or feed.short:
                self.range_known &= not (feed.complete and "sort" in self._log.server_support.ignored)
                return True
        return False

    # -- reading the newest entries ----------------------------------------------------------------------------

    def _poll_from(self) -> int | None:
        """The time from which a poll reads: that of the newest entry, but never one in the future."""
        newest = next((us for us in self._times(0, PAGE) if us is not None), None)
        return None if newest is None else min(newest, self._reached_us) - (0 if self._truncated else MARGIN_US)

    def _times(self, first: int, count: int) -> list[int | None]:
        return [row.created_us for row in self._log.store.window(self.view.feed.run, first, count)]

    def _rows_since(self, us: int | None) -> int:
        return 0 if us is None else newer_than(self._log.store, self.view.feed.run, us)

    async def _read_newest(self, since: int | None) -> _Newest:
        limit = PAGE if self._rows_since(since) >= SMALLEST_PAGE else SMALLEST_PAGE
        page = await self._log.api.list(self.view.feed.plan.params, limit=limit)
        ordered = in_order(map(sort_values, page.entries), NEWEST_FIRST)
        if ordered and (page.last or self._reaches_loaded(page, since)):
            self._truncated = False
            return _Newest(page.entries[::-1], page.total_count, page.served_at)
        if since is not None and not self._log.server_support.ignored & _POLLED_PARAMS:
            found = await self._read_upwards(since, capped=self._rows_since(since) > PAGE)
            if found is not None:
                return _Newest(found, page.total_count, page.served_at, count_fits=False)
        return await self._read_downwards(since)

    def _reaches_loaded(self, page: Page, since: int | None) -> bool:
        """True for a page that goes down to entries from before `since`."""
        if not page.entries or (since is not None and any(_before(entry, since) for entry in page.entries)):
            return True
        run, store = self.view.feed.run, self._log.store
        number = store.number(page.entries[-1].key)
        row = None if number is None else store.row_of(run, number)
        return row is not None and row >= self._rows_since(since)

    async def _read_upwards(self, since: int, *, capped: bool) -> list[Entry] | None:
        """The entries from a time on, oldest first; `None` where the server ignores the bounds or the order.

        `capped` leaves out entries dated in the future.
        """
        until = self._log.now_us() + FUTURE_US if capped else None
        params = {**self._range(since, until), "sort": OLDEST_FIRST}
        found: list[Entry] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            page = await self._log.api.list(params, limit=PAGE, cursor=cursor)
            found += page.entries
            if ignored := _ignored(found, params):
                self._log.server_support.ignored |= ignored
                return None
            cursor = _next_cursor(page)
            if cursor is None:
                break
        self._truncated = cursor is not None
        if self._truncated:
            self._reached_us = max((e.created_us for e in found if e.created_us is not None), default=since)
        return found

    def _range(self, low: int | None, high: int | None) -> dict[str, str]:
        """The feed's parameters with these time bounds, or its own where those are narrower."""
        params = dict(self.view.feed.plan.params)
        for name, us in (("created_at_min", low), ("created_at_max", high)):
            if us is not None:
                params[name] = narrower_bound(params, name, us)
        return params

    async def _read_downwards(self, since: int | None) -> _Newest:
        """The newest entries down to those read before, for servers that honour no bounds."""
        first = await self._page(None)
        found, cursor, page = list(first.entries), _next_cursor(first), first
        seen: set[str] = set()
        while cursor is not None and cursor not in seen and not self._reaches_loaded(page, since):
            seen.add(cursor)
            page = await self._page(cursor)
            found += page.entries
            cursor = _next_cursor(page)
        self._truncated = False
        return _Newest(found[::-1], first.total_count, first.served_at)

    async def _page(self, cursor: str | None) -> Page:
        return await self._log.api.list(self.view.feed.plan.params, limit=PAGE, cursor=cursor)

    # -- comparing counts --------------------------------------------------------------------------------------

    def _compare_counts(self, newest: _Newest, added: int) -> None:
        """Set `_missing` by the count of a poll that added so many records."""
        feed = self.view.feed
        total = newest.total if self._log.server_support.proven(feed.plan.params) else None
        self._expected = None if self._expected is None else self._expected + added
        self._served_at, self._server_counts = newest.served_at, total is not None
        if total is None:
            self._missing = 0
        else:
            feed.total = total
            self._missing = None if added and not newest.count_fits else self._difference(total)
        if self._missing == 0:
            self._settle()
        elif known := self._known_missing():
            self._report_missing(known)  # at once, as it contradicts COMPLETE

    def _difference(self, total: int) -> int:
        """How many more entries the server counts than it should."""
        feed = self.view.feed
        if feed.complete:
            return total - feed.expected_count
        return max(0, total - self._expected) if self._expected is not None else 0  # fewer: gone below what is loaded

    def _known_missing(self) -> int:
        """How many entries the last count has, at least, that a complete feed lacks."""
        feed = self._feed
        if not self._server_counts or not feed.complete or feed.total is None:
            return 0
        return max(0, feed.total - feed.expected_count)

    def _settle(self) -> None:
        """Everything that the server counted is loaded."""
        feed = self._feed
        self._missing, self._given_up, self._walk_cursor = 0, None, None
        self._expected = self._confirmed_total = feed.total
        feed.confirm(self._served_at)
        if feed.too_deep:
            self._report_missing(len(feed.too_deep))

    def _settle_below(self, missing: int) -> None:
        """Settle; what is still missing is older than what is loaded, where the feed is not complete."""
        self.late_below += max(0, missing)
        self._settle()

    async def _settle_above(self, until: int) -> None:
        """Settle a feed that has everything from its oldest entry up to `until`."""
        missing, expected = self._missing, self._expected
        if missing is not None or expected is None:
            self._settle_below(missing or 0)
            return
        server = await self._server_count(None, until)
        newer = self._log.store.records(self.view.feed.run) - self._loaded_count(None, until)
        missing = max(0, (server or 0) - (expected - newer))
        self._settle_below(missing)
        self._expected = expected + missing  # the poll's count may be from before entries that it fetched

    def _report_missing(self, count: int) -> None:
        if self._feed.report_missing(count):
            self._changed()

    def _records(self, first: int, end: int) -> int:
        """How many of the server's records the rows from `first` up to, not including, `end` hold."""
        run = self.view.feed.run
        return self._log.store.records(run, Stretch(run.first + first, max(0, end - first)))

    async def _bounds_proven(self) -> bool:
        """Whether the server is proven to honour time bounds with the feed's parameters; tests it if need be."""
        log, feed = self._log, self.view.feed
        names = [*feed.plan.params, *TIME_BOUNDS]
        if not log.server_support.proven(names) and not log.server_support.ignored & _POLLED_PARAMS:
            async with feed.lock:
                await log.server_support.prove(log.api, names)
        return log.server_support.proven(names)

    # -- entries that the server no longer has -----------------------------------------------------------------

    def _server_counts_fewer(self) -> bool:
        feed = self.view.feed
        if not feed.complete or feed.total is None:
            return False
        return feed.total < feed.expected_count if self._missing is None else self._missing < 0

    async def _note_gone(self) -> None:
        """Find out how many loaded entries are gone; usually the oldest, by retention.

        A count that did not fall may be capped by the server. Then only entries older than its oldest are gone.
        """
        feed = self.view.feed
        total, gone = feed.expected_count + (self._missing or 0), 0
        if (oldest := await compare_oldest(self.view, self._insert, MAX_PAGES)) is not None:
            gone, total = oldest.gone, oldest.total
        fell = self._confirmed_total is not None and total < self._confirmed_total
        fewer = self._records(0, len(feed.run)) - feed.uncounted - total if fell else 0
        self._update_gone(max(gone, fewer, feed.gone), total)
        if self._missing == 0:
            self._settle()

    def _update_gone(self, gone: int, total: int) -> None:
        self._feed.update_gone(gone, total)
        self._missing = total - self._feed.expected_count

    async def _check_oldest(self, most: int) -> int | None:
        """Where the counts agree, check that not just as many entries came late as are gone.

        Returns how many late ones it has inserted; `None` if up to `most` pages don't tell.
        """
        feed, total = self._feed, self._feed.total
        oldest = await compare_oldest(self.view, self._insert, most)
        if oldest is None or total is None or feed is not self.view.feed:
            return None
        if oldest.gone > feed.gone or oldest.late:
            self._update_gone(max(feed.gone, oldest.gone), min(total, oldest.total))
            if self._missing:
                self._report_missing(self._missing)
        return oldest.late

    # -- finding late entries by counts ------------------------------------------------------------------------

    async def _search(self, until: int) -> News:
        """Compare counts for the time before `until`, where the log no longer grows; fetch what differs."""
        self._budget = MAX_COUNTS
        until -= 1
        low = self._search_from()
        server, loaded = await self._server_count(low, until), self._loaded_count(low, until)
        if server == loaded and self._feed.uncounted:
            self._feed.uncounted = 0  # the server counts every entry that it has
            self._missing = None  # the next poll compares again
            return News()
        if server is None or server <= loaded:
            return await self._search_outside(until)
        self._report_missing(server - loaded)
        listings = await self._fetch_differences(low, until, server)
        inserted = await self._insert(*listings) if listings else []
        found = self._loaded_count(low, until) - loaded
        self._conclude(server - loaded - found, gave_up=self._budget > 0 and found <= 0)
        return _news(inserted, until + 1)

    def _search_from(self) -> int | None:
        """The time from which everything on the server should be loaded; `None`: from the beginning."""
        feed = self.view.feed
        if feed.complete and not feed.gone:
            return None
        last = len(feed.run) - feed.gone
        times = [us for us in self._times(max(0, last - PAGE), min(PAGE, last)) if us is not None]
        return times[-1] + 1 if times else None

    def _loaded_count(self, low: int | None, until: int) -> int:
        run, store = self.view.feed.run, self._log.store
        bottom = len(run) if low is None else newer_than(store, run, low)
        top = newer_than(store, run, until + 1)
        return count_records(store, run, Stretch(run.first + top, max(0, bottom - top)), low, until)

    async def _server_count(self, low: int | None, until: int | None) -> int | None:
        self._budget -= 1
        page = await self._log.api.list(self._range(low, until), limit=SMALLEST_PAGE)
        return page.total_count

    async def _fetch_differences(self, low: int | None, until: int, server: int) -> list[list[Entry]]:
        """The entries, oldest first, of each time range where the server counts more than is loaded.

        Ranges are halved. Every count goes up to `until`, and the difference of two is that of a range: bounds are
        inclusive, so counts of adjacent ranges would overlap.
        """
        found: list[list[Entry]] = []
        ranges = [(low, until + 1, server, 0)]
        while ranges and self._budget > 0:
            first, end, from_first, from_end = ranges.pop()
            loaded = self._loaded_count(first, until) - self._loaded_count(end, until)
            if from_first - from_end <= loaded:
                continue
            middle = self._middle(first, end) if from_first - from_end > PAGE else None
            if middle is None:
                fetched = await self._fetch_range(first, min(end, until))
                found.append(sorted(fetched, key=entry_time))
                continue
            from_middle = await self._server_count(middle, until)
            if from_middle is None:
                break
            ranges += [(first, middle, from_first, from_middle), (middle, end, from_middle, from_end)]
        return found

    def _middle(self, first: int | None, end: int) -> int | None:
        """A time that halves the rows of a range, or the range itself; `None` if it can't be divided."""
        run, store = self.view.feed.run, self._log.store
        top = newer_than(store, run, end)
        bottom = len(run) if first is None else newer_than(store, run, first)
        low = FIRST if first is None else first
        times = self._times((top + bottom) // 2, 1) if bottom > top else []
        middle = times[0] if times and times[0] is not None else (low + end) // 2
        middle = low + 1 if middle <= low else middle
        return middle if middle < end else None

    async def _fetch_range(self, low: int | None, high: int) -> list[Entry]:
        params, found = self._range(low, high), list[Entry]()
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            page = await self._log.api.list(params, limit=PAGE, cursor=cursor)
            self._budget -= 1
            found += page.entries
            cursor = _next_cursor(page)
            if cursor is None:
                break
        return found

    async def _search_outside(self, until: int) -> News:
        """Where the counts up to `until` agree, find entries dated later, without a time, or offset by gone ones."""
        missing, ahead, feed = self._missing, self._log.now_us() + FUTURE_US, self.view.feed
        if not feed.complete:
            await self._settle_above(until)
            return News()
        if missing is not None and missing <= 0:
            self._settle()
            return News()
        unknown = missing is None and not self._known_missing()
        if unknown and (await self._server_count(ahead, None) or 0) <= self._rows_since(ahead):
            self._settle()
            return News()
        news = _news(await self._insert(await self._read_upwards(until, capped=False) or []), until)
        dated = await self._server_count(FIRST, LAST)
        total = (await self._log.api.list(feed.plan.params, limit=SMALLEST_PAGE)).total_count
        again = await self._server_count(FIRST, LAST)
        if dated is None or total is None or dated != again:
            return news  # the log grew meanwhile: the next poll compares again
        if total <= feed.expected_count:
            self._missing = None  # the poll counted entries that this has fetched
            return news
        return news + await self._walk()

    async def _insert(self, *listings: Sequence[Entry]) -> list[Entry]:
        feed = self._feed
        async with feed.lock:
            with feed.keeping.saving():
                before = self._log.store.records(feed.run)
                inserted = insert(self.view, *listings) if feed is self.view.feed else []
                added = self._log.store.records(feed.run) - before
            self._expected = None if self._expected is None else self._expected + added
        await self.view.evaluate()
        return inserted

    # -- finding late entries by walking -----------------------------------------------------------------------

    async def _walk(self) -> News:
        """Page down from the newest end until what is missing is found, at most `MAX_PAGES` at a time."""
        news = News()
        if self._walk_cursor is None:
            news = await self.poll()  # compares again: the log may have grown since
            if self._missing is None or self._missing <= 0:
                return news
            self._report_missing(self._missing)
        elif self._missing is None:
            return news
        missing, since = self._missing, self._poll_from()
        found, self._walk_cursor, finished = await self._walk_pages(missing, self._walk_cursor)
        self._conclude(missing - found, gave_up=finished)
        return news + (News(late=found) if since is not None else News(added=found))

    async def _walk_pages(self, missing: int, cursor: str | None) -> tuple[int, str | None, bool]:
        """How many entries were inserted, where to continue, and whether the end was reached."""
        found = 0
        for _ in range(MAX_PAGES):
            try:
                page = await self._page(cursor)
            except (BadRequestError, NotFoundError):
                self._walk_cursor = None  # the next walk begins at the top
                raise
            found += len(await self._insert(page.entries[::-1]))
            if _next_cursor(page) in (None, cursor) or self._is_bottom(page):
                return found, None, True
            cursor = _next_cursor(page)
            if found >= missing:
                return found, None, False
        return found, cursor, False

    def _is_bottom(self, page: Page) -> bool:
        """True for a page with the oldest loaded row, where what is older need not be loaded."""
        feed = self.view.feed
        if feed.older_end.done:
            return False
        last = self._log.store.window(feed.run, len(feed.run) - 1, 1)
        return bool(last) and last[0].key in {entry.key for entry in page.entries}

    def _conclude(self, missing: int, *, gave_up: bool) -> None:
        """So many entries are still missing; `gave_up` says that searching again would not find them."""
        feed = self.view.feed
        if missing <= 0 and (known := self._known_missing()):
            self._report_missing(known)  # in the place of gone entries: the next search walks
            self._missing = known
        elif missing <= 0 or (gave_up and not feed.complete and not feed.too_deep):
            self._settle_below(missing)
        elif gave_up and self._gone_too_high():
            held = self._records(0, len(feed.run))
            total = feed.total or 0
            feed.update_gone(min(feed.gone, held - total), total)
            self._settle()
        else:
            self._report_missing(missing)
            self._given_up = self._missing = missing if gave_up else None

    def _gone_too_high(self) -> bool:
        """True where nothing is missing if fewer entries are gone than assumed."""
        feed = self.view.feed
        if not feed.complete or feed.too_deep or feed.total is None:
            return False
        return feed.total <= self._records(0, len(feed.run))


def _next_cursor(page: Page) -> str | None:
    """The cursor of the next page; `None` after the last. Raises `NotTheApiError` where the server did not say."""
    if page.unclear:
        raise NotTheApiError(f"New entries may be missing: {page.unclear}.")
    return page.next_cursor


def _us(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def _before(entry: Entry, us: int | None) -> bool:
    """True for an entry that certainly happened before a time."""
    return us is not None and entry.created_us is not None and entry.created_us < us


def _news(inserted: Iterable[Entry], since: int | None) -> News:
    entries = list(inserted)
    new = [entry for entry in entries if not _before(entry, since)]
    own_reads = sum(entry.fields.user_agent == _OWN_USER_AGENT for entry in new)
    return News(len(new), own_reads, len(entries) - len(new))


def _ignored(entries: Sequence[Entry], params: dict[str, str]) -> set[str]:
    """The time bounds, and the order, among `params` that these entries contradict."""
    ignored = violated_bounds(entries, params)
    if not in_order(map(sort_values, entries), params["sort"]):
        ignored.add("sort")
    return ignored
