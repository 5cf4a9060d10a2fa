"""Following the newest end of a view: what is new, what came late, and what is gone since.

A poll reads from the newest end down to where the one before was. Its first page also tells how many entries the
server counts: where these are more than are here, some came late, and counts over ever shorter ranges say where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from auditlog_tui import __version__
from auditlog_tui.entries.models import Entry, Page
from auditlog_tui.errors import BadRequestError, NotFoundError, NotTheApiError, StoreError
from auditlog_tui.log.feed import PAGE, stand_of
from auditlog_tui.log.records import note_records
from auditlog_tui.log.server_support import SMALLEST_PAGE
from auditlog_tui.log.sort_order import in_order
from auditlog_tui.log.view import View
from auditlog_tui.query.contradicts import contradicts
from auditlog_tui.query.times import FIRST, LAST
from auditlog_tui.store.entries import Stretch
from auditlog_tui.store.scans import newer_than
from auditlog_tui.text.times import instant_us, rfc3339

MARGIN_US = 2_000_000
"""A poll begins so much before the newest entry, in microseconds: what is written a little late comes with it."""

LATE_US, LATE_EVERY = 5 * 60_000_000, 6
"""Where the server tells no count, so much (microseconds) is read again every so many polls.

Where it tells one that agrees, its oldest entry is looked at as often.
"""

AHEAD_US = 60_000_000
"""What is dated further ahead, in microseconds, is not read in each poll where that would be pages."""

PAGES = 50
"""Pages read in one poll; the next one goes on."""

COUNTS = 40
"""Counting requests in one poll to find what came late; the next one goes on."""

MOVED = 10_000
"""Rows that stand above an entry that is put in its place, at most: they move, which takes 0.1 s."""

COUNTS_MORE = "the server counts"
"""How every reason begins that is a count of the server's; one that agrees takes it back."""

MISPLACED = "rows could not be put in their place"

_ASKED = frozenset({"sort", "created_at_min", "created_at_max"})
_BOUNDS = frozenset({"created_at_min", "created_at_max"})
_OURS = f"auditlog-tui/{__version__}"


@dataclass(frozen=True, slots=True)
class News:
    """What came: new entries, our own reads among them, and late ones, which happened before others shown already."""

    added: int = 0
    own: int = 0
    late: int = 0

    def __add__(self, other: News) -> News:
        return News(self.added + other.added, self.own + other.own, self.late + other.late)


@dataclass(frozen=True, slots=True)
class _Top:
    """What a poll read, oldest first, and the server's count when it began.

    `count_fits` is false where entries may have come after the count; `served_at` is the server's time of it.
    """

    entries: Sequence[Entry]
    total: int | None
    served_at: datetime | None
    count_fits: bool = True


class LiveTail:
    """Follows a view whose newest entry is the first. `poll` and `mend` raise `ApiError` and may be called again.

    `changed` is called when the verdict changes while `mend` is under way.
    """

    def __init__(self, view: View, changed: Callable[[], None] = lambda: None) -> None:
        self.view = view
        self._log = view.log
        self._changed = changed
        self._polls = self._budget = 0
        self._begin()

    def _begin(self) -> None:
        """Nothing is known of the view's feed; `_missing` is `None` while it is not known."""
        self._feed = feed = self.view.feed
        self._reached_us = self._log.now_us() if feed.as_of is None else _us(feed.as_of)
        self._cut_short = False
        self._counted = True
        self._served_at = feed.as_of
        self._expected = self._agreed = feed.total
        self._missing: int | None = 0
        self._given_up: int | None = None
        self._cursor: str | None = None

    @property
    def possible(self) -> bool:
        """False for other orders, and while the newest entry is not reached."""
        view = self.view
        return view.feed.by_time and view.newer_done and view.plan.entry_id is None and not view.marked

    async def poll(self) -> News:
        """Fetch what was written since; rows come where they belong by their time, as a rule above all others."""
        if self._feed is not self.view.feed:
            self._begin()
        feed, since, before_us = self._feed, self._since(), self._log.now_us()
        self._polls += 1
        late = not self._counted and not self._polls % LATE_EVERY
        top = await self._read_top(since - LATE_US if since is not None and late else since)
        async with feed.turn:
            if feed is not self.view.feed:
                return News()
            fresh = self._put(top.entries)
            self._compare(top, len(fresh))
        if not self._cut_short:
            self._reached_us = before_us if top.served_at is None else _us(top.served_at)
        await self.view.take_in()
        if self._missing == 0 and self._counted and feed.complete and not self._polls % LATE_EVERY:
            await self._look_below()
        return _news(fresh, since)

    async def mend(self) -> News:
        """Where the last poll found another count at the server than here, fetch what is missing here.

        Until that is found, and where it can't be, the feed is `short` of it.
        """
        if self._missing == 0 or self._feed is not self.view.feed:
            return News()
        if self._fewer():
            await self._count_gone()
        bounded, since = await self._knows_bounds(), self._since()
        if self._missing == 0 or (self._missing is not None and self._missing == self._given_up):
            return News()
        if bounded and since is not None:
            return await self._search(since)
        return await self._walk_again()

    # -- the newest end ----------------------------------------------------------------------------------------

    def _since(self) -> int | None:
        """From when on a poll reads: not from an entry dated in the future, below which all others come."""
        newest = next((us for us in self._instants(0, PAGE) if us is not None), None)
        return None if newest is None else min(newest, self._reached_us) - (0 if self._cut_short else MARGIN_US)

    def _instants(self, first: int, count: int) -> list[int | None]:
        return [row.created_us for row in self._log.store.window(self.view.feed.run, first, count)]

    def _ahead(self, since: int | None) -> int:
        """Rows at the top that a poll from an instant on reads again."""
        return 0 if since is None else newer_than(self._log.store, self.view.feed.run, since)

    async def _read_top(self, since: int | None) -> _Top:
        limit = PAGE if self._ahead(since) >= SMALLEST_PAGE else SMALLEST_PAGE
        page = await self._log.api.list(self.view.feed.plan.params, limit=limit)
        if not self._disordered(page) and (page.last or self._reaches(page, since)):
            self._cut_short = False
            return _Top(page.entries[::-1], page.total_count, page.served_at)
        if since is not None and not self._log.server_support.ignored & _ASKED:
            found = await self._upwards(since, capped=self._ahead(since) > PAGE)
            if found is not None:
                return _Top(found, page.total_count, page.served_at, count_fits=False)
        return await self._down(since)

    def _disordered(self, page: Page) -> bool:
        return not in_order(map(stand_of, page.entries), "created_at:desc")

    def _reaches(self, page: Page, since: int | None) -> bool:
        """True where the page goes down to what was read before."""
        if not page.entries or (since is not None and any(_before(entry, since) for entry in page.entries)):
            return True
        run, store = self.view.feed.run, self._log.store
        number = store.number(page.entries[-1].key)
        row = None if number is None else store.row_of(run, number)
        return row is not None and row >= self._ahead(since)

    async def _upwards(self, since: int, *, capped: bool) -> list[Entry] | None:
        """What happened at or after an instant, oldest first; `None` where the server ignores what it is asked.

        `capped` leaves out what is dated in the future.
        """
        until = self._log.now_us() + AHEAD_US if capped else None
        params = {**self._between(since, until), "sort": "created_at:asc"}
        found: list[Entry] = []
        cursor: str | None = None
        for _ in range(PAGES):
            page = await self._log.api.list(params, limit=PAGE, cursor=cursor)
            found += page.entries
            if ignored := _ignored(found, params):
                self._log.server_support.ignored |= ignored
                return None
            cursor = _following(page)
            if cursor is None:
                break
        self._cut_short = cursor is not None
        if self._cut_short:
            self._reached_us = max((e.created_us for e in found if e.created_us is not None), default=since)
        return found

    def _between(self, low: int | None, high: int | None) -> dict[str, str]:
        """The parameters of this feed, and bounds, where its own are not narrower."""
        params = dict(self.view.feed.plan.params)
        for name, us, narrower in (("created_at_min", low, max), ("created_at_max", high, min)):
            own = instant_us(params.get(name, ""))
            if us is not None:
                params[name] = rfc3339(us if own is None else narrower(us, own))
        return params

    async def _down(self, since: int | None) -> _Top:
        """The newest entries down to what was read before, for servers that know no bounds."""
        params, first = self.view.feed.plan.params, await self._page(None)
        found, cursor, page = list(first.entries), _following(first), first
        seen: set[str] = set()
        while cursor is not None and cursor not in seen and not self._reaches(page, since):
            seen.add(cursor)
            page = await self._log.api.list(params, limit=PAGE, cursor=cursor)
            found += page.entries
            cursor = _following(page)
        self._cut_short = False
        return _Top(found[::-1], first.total_count, first.served_at)

    async def _page(self, cursor: str | None) -> Page:
        return await self._log.api.list(self.view.feed.plan.params, limit=PAGE, cursor=cursor)

    # -- putting entries in their place ------------------------------------------------------------------------

    async def _keep(self, entries: Sequence[Entry], *others: Sequence[Entry]) -> list[Entry]:
        feed = self._feed
        async with feed.turn:
            put = self._put(entries, *others) if feed is self.view.feed else []
            self._expected = None if self._expected is None else self._expected + len(put)
        await self.view.take_in()
        return put

    def _put(self, *readings: Sequence[Entry]) -> list[Entry]:
        """Put those that the run lacks where they belong, and return them; to be called in the feed's `turn`.

        Each reading is in the server's order, oldest first. An entry without a time keeps its place beside the one
        before.
        """
        feed, store = self.view.feed, self._log.store
        entries = readings[0] if len(readings) == 1 else sorted(chain(*readings), key=_time)
        self._note_records(readings)
        lacking = store.lacking(feed.run, [entry.key for entry in entries])
        put: dict[str, Entry] = {}
        places: dict[int, list[int]] = {}
        beside: list[int] = []
        lowest, row = None, len(feed.run)
        for n, (entry, us) in zip(store.add(entries), _timed(entries), strict=True):
            if feed.plan.violations(entry):
                continue
            if entry.key in put or entry.key not in lacking:
                feed.too_deep.discard(entry.key)
                beside.append(n)
                continue
            row = self._place(us, row)
            bottom = row == len(feed.run) > 0
            if bottom and not feed.older_end.done:
                continue  # loading older rows brings it
            if not bottom and row > MOVED:
                feed.too_deep.add(entry.key)
                continue
            put[entry.key] = entry
            places.setdefault(row, []).append(n)
            lowest = us if lowest is None and row and not bottom else lowest
        if len(feed.run):
            store.append(feed.run, places.pop(len(feed.run), [])[::-1])
        self._insert(places, lowest)
        store.append(feed.run, beside)  # other versions of what is there
        return list(put.values())

    def _note_records(self, readings: Sequence[Sequence[Entry]]) -> None:
        """Tell a second record under an id from a text that replaced the one before."""
        feed, store = self.view.feed, self._log.store
        stood = []
        for reading in readings:
            allowed = [entry for entry in reading if not feed.plan.violations(entry)]
            stood.append(list(zip(store.add(allowed), map(stand_of, allowed), strict=True)))
        note_records(store, feed.run, stood, "created_at:asc")

    def _place(self, us: int | None, before: int) -> int:
        """Above which row an entry belongs that happened at an instant; the one before it belongs above `before`."""
        store, run = self._log.store, self.view.feed.run
        if us is None:
            return 0
        above = self._instants(before - 1, 1) if before else []
        if not before or (above and above[0] is not None and above[0] > us):
            return before
        return newer_than(store, run, us + 1)

    def _insert(self, places: dict[int, list[int]], lowest: int | None) -> None:
        """Put entries (oldest first) above each of these rows; `lowest` is the time of the first below the top."""
        feed, store = self.view.feed, self._log.store
        order = list[int]()
        if lowest is not None:
            deepest = max(places)
            moved = store.matching(feed.run, Stretch(feed.run.first, deepest), ("1", []), shown=True)
            for row in range(deepest, 0, -1):
                order += [*places.get(row, []), moved[row - 1]]
        try:
            if lowest is not None:
                self.view.cut(lowest + 1)
            store.prepend(feed.run, [*order, *places.get(0, [])])
        except StoreError:
            feed.short = MISPLACED
            raise

    # -- comparing counts --------------------------------------------------------------------------------------

    def _compare(self, top: _Top, fresh: int) -> None:
        """How many entries the server counts more than there should be, after `fresh` were put."""
        feed = self.view.feed
        total = top.total if self._log.server_support.proven(feed.plan.params) else None
        self._expected = None if self._expected is None else self._expected + fresh
        expected = self._held() if feed.complete else self._expected
        self._served_at, self._counted = top.served_at, total is not None
        feed.total = feed.total if total is None else total
        if total is None:
            self._missing = 0
        elif fresh and not top.count_fits:
            self._missing = None
        else:
            self._missing = total - expected if expected is not None else 0
            if not feed.complete and self._missing < 0:
                self._missing = 0  # below what is loaded
        if self._missing == 0:
            self._settle()
        elif total is not None and feed.complete and total > self._held():
            self._lacks(total - self._held())

    def _settle(self) -> None:
        """Everything that the server counted is here."""
        feed = self._feed
        self._missing, self._given_up, self._cursor = 0, None, None
        self._expected = self._agreed = feed.total
        feed.as_of = self._served_at or feed.as_of
        if feed.too_deep:
            self._lacks(len(feed.too_deep))
        elif feed.short.startswith(COUNTS_MORE) or feed.short == MISPLACED:
            feed.short = ""

    def _lacks(self, missing: int) -> None:
        feed = self._feed
        short = f"{COUNTS_MORE} {missing:,} more"
        if feed.short != short:
            feed.short = short
            self._changed()

    def _records(self, first: int, after: int) -> int:
        """How many of the server's records these rows hold."""
        run = self.view.feed.run
        return self._log.store.records(run, Stretch(run.first + first, max(0, after - first)))

    def _held(self) -> int:
        """How many records are here that the server should still have."""
        feed = self.view.feed
        return self._records(0, len(feed.run)) - feed.gone - feed.uncounted

    def _fewer(self) -> bool:
        """True where the server seems to have fewer entries than are here."""
        feed = self.view.feed
        if not feed.complete or feed.total is None:
            return False
        return feed.total < self._held() if self._missing is None else self._missing < 0

    async def _count_gone(self) -> None:
        """Set apart what the server has no more: as a rule the oldest, which it keeps for a time only.

        A count that did not fall may be one that goes no higher: then only what is older than its oldest is gone.
        """
        feed = self.view.feed
        total, gone = self._held() + (self._missing or 0), 0
        if (known := await self._gone_below()) is not None:
            gone, total = known
        fell = self._agreed is not None and total < self._agreed
        fewer = self._records(0, len(feed.run)) - feed.uncounted - total if fell else 0
        self._set_gone(max(gone, fewer, feed.gone), total)
        if self._missing == 0:
            self._settle()

    async def _gone_below(self) -> tuple[int, int] | None:
        """How many that are here are older than the oldest that the server has, and its count; `None` if unknown."""
        feed, log = self.view.feed, self._log
        if "sort" in log.server_support.ignored:
            return None
        params = {**feed.plan.params, "sort": "created_at:asc"}
        page = await log.api.list(params, limit=SMALLEST_PAGE)
        if page.total_count is None or _ignored(page.entries, params):
            return None
        oldest = next((entry.created_us for entry in page.entries if entry.created_us is not None), None)
        if oldest is None:
            return None
        # Of equal instants it is not known which the server would name first.
        below = newer_than(log.store, feed.run, oldest)
        stretch = Stretch(feed.run.first + below, len(feed.run) - below)
        undated = log.store.matching(feed.run, stretch, ("e.created_us IS NULL", []), shown=True)
        return self._records(below, len(feed.run)) - len(undated), page.total_count

    def _set_gone(self, gone: int, total: int) -> None:
        feed = self._feed
        feed.gone = gone
        feed.uncounted = max(0, feed.uncounted + self._held() - total)
        self._missing = total - self._held()

    async def _look_below(self) -> None:
        """Where the counts agree: as many may have come late as are gone."""
        feed, total = self._feed, self._feed.total
        known = await self._gone_below()
        if known is None or total is None or feed is not self.view.feed or known[0] <= feed.gone:
            return
        self._set_gone(known[0], min(total, known[1]))
        if self._missing:
            self._lacks(self._missing)

    async def _knows_bounds(self) -> bool:
        log, feed = self._log, self.view.feed
        names = [*feed.plan.params, *_BOUNDS]
        if not log.server_support.proven(names) and not log.server_support.ignored & _ASKED:
            async with feed.turn:
                await log.server_support.prove(log.api, names)
        return log.server_support.proven(names)

    # -- finding what came late --------------------------------------------------------------------------------

    async def _search(self, until: int) -> News:
        """Compare counts up to an instant, where the log does not grow any more, and fetch where they differ."""
        self._budget = COUNTS
        until -= 1
        low = self._lowest()
        server, here = await self._count(low, until), self._here(low, until)
        if server == here and self._feed.uncounted:
            self._feed.uncounted, self._missing = 0, None  # it counts all of them now: the next poll compares
            return News()
        if server is None or server <= here:
            return await self._beyond_time(until)
        self._lacks(server - here)
        found = await self._narrow(low, until, server)
        put = await self._keep(*found) if found else []
        came = self._here(low, until) - here
        self._conclude(server - here - came, gave_up=self._budget > 0 and came <= 0)
        return _news(put, until + 1)

    def _lowest(self) -> int | None:
        """From where on all that the server has should be here; `None`: from the beginning."""
        feed = self.view.feed
        if feed.complete and not feed.gone:
            return None
        last = len(feed.run) - feed.gone
        oldest = [us for us in self._instants(max(0, last - PAGE), min(PAGE, last)) if us is not None]
        return oldest[-1] + 1 if oldest else None

    def _here(self, low: int | None, until: int) -> int:
        run, store = self.view.feed.run, self._log.store
        bottom = len(run) if low is None else newer_than(store, run, low)
        return self._records(newer_than(store, run, until + 1), bottom)

    async def _count(self, low: int | None, until: int | None) -> int | None:
        self._budget -= 1
        page = await self._log.api.list(self._between(low, until), limit=SMALLEST_PAGE)
        return page.total_count

    async def _narrow(self, low: int | None, until: int, server: int) -> list[list[Entry]]:
        """The entries, range by range, of those ranges where the server counts more than are here, by halving.

        Counts go from an instant up to `until`, and are subtracted: neighbouring ranges would share an instant.
        """
        found: list[list[Entry]] = []
        ranges = [(low, until + 1, server, 0)]
        while ranges and self._budget > 0:
            first, after, more, less = ranges.pop()
            here = self._here(first, until) - self._here(after, until)
            if more - less <= here:
                continue
            middle = self._middle(first, after) if more - less > PAGE else None
            if middle is None:
                fetched = await self._fetch(first, min(after, until))
                found.append(sorted(fetched, key=_time))
                continue
            count = await self._count(middle, until)
            if count is None:
                break
            ranges += [(first, middle, more, count), (middle, after, count, less)]
        return found

    def _middle(self, first: int | None, after: int) -> int | None:
        """An instant that halves the rows of a range; or its time, where all rows are at one instant."""
        run, store = self.view.feed.run, self._log.store
        top = newer_than(store, run, after)
        bottom = len(run) if first is None else newer_than(store, run, first)
        low = FIRST if first is None else first
        rows = self._instants((top + bottom) // 2, 1) if bottom > top else []
        middle = rows[0] if rows and rows[0] is not None else (low + after) // 2
        middle = low + 1 if middle <= low else middle
        return middle if middle < after else None

    async def _fetch(self, low: int | None, high: int) -> list[Entry]:
        params, found = self._between(low, high), list[Entry]()
        cursor: str | None = None
        for _ in range(PAGES):
            page = await self._log.api.list(params, limit=PAGE, cursor=cursor)
            self._budget -= 1
            found += page.entries
            cursor = _following(page)
            if cursor is None:
                break
        return found

    async def _beyond_time(self, until: int) -> News:
        """The counts agree up to an instant: what is left is dated later, or has no time that bounds could find."""
        missing, ahead = self._missing, self._log.now_us() + AHEAD_US
        if not self.view.feed.complete or (missing is not None and missing <= 0):
            self._settle()
            return News()
        if missing is None and (await self._count(ahead, None) or 0) <= self._ahead(ahead):
            self._settle()
            return News()
        put = await self._keep(await self._upwards(until, capped=False) or [])
        dated = await self._count(FIRST, LAST)
        total = (await self._log.api.list(self.view.feed.plan.params, limit=SMALLEST_PAGE)).total_count
        again = await self._count(FIRST, LAST)
        if None in (dated, total, again) or dated != again:
            return _news(put, until)  # it grew meanwhile: the next poll compares again
        if total is not None and total <= self._held():
            self._missing = None  # it counted what came meanwhile
            return _news(put, until)
        return _news(put, until) + await self._walk_again()

    async def _walk_again(self) -> News:
        """Walk down from the newest end until what is missing is found, so many pages at a time."""
        if self._cursor is None:
            news = await self.poll()  # which compares anew: the log may have grown between page and count
            if self._missing is None or self._missing <= 0:
                return news
            self._lacks(self._missing)
        elif self._missing is None:
            return News()
        else:
            news = News()
        missing, since = self._missing, self._since()
        late, self._cursor, reached = await self._walk_on(missing, self._cursor)
        self._conclude(missing - late, gave_up=reached)
        return news + News(late=late) if since is not None else news + News(added=late)

    async def _walk_on(self, missing: int, cursor: str | None) -> tuple[int, str | None, bool]:
        """How many were put, where to go on, and whether the end of what is loaded was reached."""
        feed, late = self.view.feed, 0
        for _ in range(PAGES):
            try:
                page = await self._page(cursor)
            except (BadRequestError, NotFoundError):
                self._cursor = None  # the next walk begins at the top
                raise
            late += len(await self._keep(page.entries[::-1]))
            if _following(page) in (None, cursor) or (not feed.older_end.done and self._reaches_oldest(page)):
                return late, None, True
            cursor = _following(page)
            if late >= missing:
                return late, None, False
        return late, cursor, False

    def _reaches_oldest(self, page: Page) -> bool:
        """True for a page that contains the oldest loaded row."""
        run = self.view.feed.run
        last = self._log.store.window(run, len(run) - 1, 1)
        return bool(last) and last[0].key in {entry.key for entry in page.entries}

    def _conclude(self, left: int, *, gave_up: bool) -> None:
        """`left` are still missing; `gave_up` says that no further search finds them."""
        feed, total = self.view.feed, self.view.feed.total
        if left <= 0:
            self._settle()
        elif gave_up and feed.too_deep:
            self._lacks(left)
            self._given_up = self._missing = left
        elif gave_up and feed.complete and total is not None and total <= self._records(0, len(feed.run)):
            fewer = self._records(0, len(feed.run)) - total
            feed.gone = min(feed.gone, fewer)  # fewer were gone than it seemed
            feed.uncounted = fewer - feed.gone
            self._settle()
        elif gave_up and not feed.complete:
            self._settle()  # below what is loaded
        else:
            self._lacks(left)
            self._given_up = self._missing = left if gave_up else None


def _time(entry: Entry) -> int:
    return entry.created_us or 0


def _following(page: Page) -> str | None:
    """The cursor of the next page; `None` after the last. Raises `NotTheApiError` where the server did not say."""
    if page.unclear:
        raise NotTheApiError(f"Not all that is new is known: {page.unclear}.")
    return page.next_cursor


def _us(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def _timed(entries: Iterable[Entry]) -> Iterator[tuple[Entry, int | None]]:
    """The entries, oldest first, and when each happened: where that can't be read, when the one before did."""
    entries = list(entries)
    us = next((entry.created_us for entry in entries if entry.created_us is not None), None)
    for entry in entries:
        us = us if entry.created_us is None else entry.created_us
        yield entry, us


def _before(entry: Entry, us: int | None) -> bool:
    """True for an entry that certainly happened before an instant."""
    return us is not None and entry.created_us is not None and entry.created_us < us


def _news(fresh: Iterable[Entry], since: int | None) -> News:
    entries = list(fresh)
    new = [entry for entry in entries if not _before(entry, since)]
    return News(len(new), sum(entry.log.user_agent == _OURS for entry in new), len(entries) - len(new))


def _ignored(entries: Sequence[Entry], params: dict[str, str]) -> set[str]:
    """Of what was asked for here, the parameters that these entries contradict."""
    asked = _BOUNDS & params.keys()
    ignored = {name for name in asked if any(contradicts(entry, name, params[name]) for entry in entries)}
    if not in_order(map(stand_of, entries), params["sort"]):
        ignored.add("sort")
    return ignored
