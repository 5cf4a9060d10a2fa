"""A contiguous run of the log, fetched page by page from an anchor towards both ends, and checked by counts.

`older()` and `newer()` each fetch one page and add the entries that the run lacks. Cursors do the paging and ids the
deduplication, so no entry that shares its time with a page's last one is lost. Every page is checked against the
request *before* it is stored, since a server may ignore any filter. Once both ends are reached, `verify()` compares
the server's count with what arrived.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import Enum

from msgspec import Struct, field
from msgspec.structs import replace

from auditlog_tui.api.client import AuditLogApi
from auditlog_tui.entries.contract import NEWEST_FIRST, OLDEST_FIRST, PAGE
from auditlog_tui.entries.models import Entry, Page
from auditlog_tui.errors import BadRequestError, NotFoundError
from auditlog_tui.log.bounds import TIME_BOUNDS, narrower_bound, violated_bounds, whole_second
from auditlog_tui.log.gone import find_gone
from auditlog_tui.log.records import note_records
from auditlog_tui.log.server_support import SMALLEST_PAGE, ServerSupport
from auditlog_tui.log.slices import Limits, LookAhead, Part, Stretch
from auditlog_tui.log.sort_order import (
    SortKey,
    SortValues,
    ascending,
    entry_keys,
    primary_term,
    reversed_order,
    sort_key,
    sort_values,
)
from auditlog_tui.log.undated import DATED, all_dated, count_others, find_last
from auditlog_tui.query import Plan
from auditlog_tui.runtime import pause
from auditlog_tui.store.entries import EntryStore, Row, Run
from auditlog_tui.store.scans import newest_version
from auditlog_tui.text.times import rfc3339

IDLE_PAGES = 5
"""Paging stops after this many pages in a row without a new entry, even if the server sends another cursor."""

REFUSALS = 2
"""After this many refused cursors in a row, paging goes on by time where the server honours time bounds."""

_SLICE_PARAMS = TIME_BOUNDS | {"sort"}

_COUNTS_MORE = "the server counts"
"""Prefix of every `short` that comes from a count; a later count that agrees clears it."""

_MISPLACED = "rows could not be inserted"

_UNDATED = (
    "the server counted fewer than arrived, so entries without a time may be missing (created:>=1970-01-01 asks for"
    " the others only)"
)
_NOT_COUNTED = "the server can't tell what came late while the case was closed, so that may be missing"

_NO_JOINT = "the server no longer has the entries at which the walk was interrupted, so others may be missing there"


class Anchor(Enum):
    """The end of the log at which a feed begins."""

    NEWEST = "newest"
    OLDEST = "oldest"


class At(Struct, frozen=True):
    """A feed that begins at a time (microseconds since 1970 UTC) and goes both ways."""

    us: int


class Step(Struct, frozen=True):
    """The result of one request: entries received, entries the run lacked, parameters the server ignored.

    `lost` says that slices of time did not bring every entry, so that the feed can't become complete.
    """

    received: int = 0
    added: int = 0
    ignored: frozenset[str] = frozenset()
    lost: bool = False


RequestKey = tuple[frozenset[tuple[str, str]], str | None, Anchor | At]
"""Identifies what a feed requests: its parameters, the id it gets if any, and its anchor."""


def request_key(plan: Plan, anchor: Anchor | At) -> RequestKey:
    return frozenset(plan.params.items()), plan.entry_id, anchor


class End(Struct):
    """Pagination state for one end of a feed.

    `broken` says why paging stopped early. It resumes with `cursor` if there is one. Otherwise it restarts with
    `bound`, a bound at the last time that was fetched, or at the top where the server honours no bounds. After a
    restart, entries sorted before `resume_key` are skipped: they were written since. `refused` counts the cursors
    refused since one was accepted. `counted` says that one page had everything at this end, by the server's count.

    `count` is how many entries the server counted here last, `arrived` how many of them came, `page_size` the most on
    a page, `far_us` the time of the last one. `sliced` says that slices of time were read; `stale`, that cursor and
    bound are of a slice, so that paging begins again at the last time fetched. `sliced_from` is how many entries had
    arrived when slices began last. `unproven` says that since a restart no entry came that is here already: the first
    page under `bound` must have one, or the server rounds its bounds; otherwise one must come before anything new.
    `joint` is the key and the JSON of an entry that must come again, as it was, before anything new.
    """

    params: Mapping[str, str]
    sort: str
    done: bool = False
    broken: str = ""
    cursor: str | None = None
    restarted: bool = False
    bound: Mapping[str, str] = field(default_factory=dict)
    resume_key: SortKey | None = None
    pages: int = 0
    idle: int = 0
    idle_limit: int = IDLE_PAGES
    refused: int = 0
    counted: bool = False
    seen_cursors: set[str] = field(default_factory=set)
    count: int | None = None
    arrived: int = 0
    page_size: int = 1
    far_us: int | None = None
    sliced: bool = False
    sliced_from: int = -1
    stale: bool = False
    unproven: bool = False
    joint: tuple[str, str] | None = None

    @property
    def left(self) -> int:
        """About how many entries are not fetched yet; 0 if the server did not count them."""
        return max(0, (self.count or 0) - self.arrived)

    @property
    def towards_newest(self) -> bool:
        return primary_term(self.sort) == OLDEST_FIRST

    def precede_resume_point(self, entries: Sequence[Entry]) -> list[bool]:
        """Which of the entries are certainly sorted before `resume_key`."""
        if (resume := self.resume_key) is None:
            return [False] * len(entries)
        return [key is not None and key < resume for key in entry_keys(entries, self.sort)]

    def passes_resume_point(self, entries: Sequence[Entry]) -> bool:
        """Whether any of the entries is certainly sorted after `resume_key`."""
        if (resume := self.resume_key) is None:
            return False
        return any(key is not None and key > resume for key in entry_keys(entries, self.sort))

    def meet(self, page: Page) -> None:
        """Note that `joint` has come again, if it has."""
        if self.joint is not None and self.joint in ((entry.key, entry.raw) for entry in page.entries):
            self.joint = None

    def advance(self, page: Page, added: int) -> None:
        """Move on after a page that added so many entries."""
        self.broken = ""
        self.pages += 1
        self.idle = 0 if added else self.idle + 1
        if page.unclear:  # keep the cursor, so that this page is requested again
            self.broken = page.unclear
            return
        self.cursor = page.next_cursor
        if self.cursor is None:
            self.done = True
        elif self.cursor in self.seen_cursors:
            self.broken, self.cursor = "the server repeated a cursor", None
        elif self.idle >= self.idle_limit:
            self.broken, self.idle = f"the server sent nothing new in {self.idle} pages", 0
            self.seen_cursors.add(self.cursor)
        else:
            self.seen_cursors.add(self.cursor)

    def advance_in_slices(self, part: Part) -> None:
        """Move on after a page of a slice."""
        self.broken, self.cursor, self.done = "", None, part.last
        self.pages += 1

    def restart(self, bound: Mapping[str, str], resume_key: SortKey | None) -> None:
        """Begin again without a cursor."""
        self.bound, self.resume_key, self.cursor, self.broken, self.restarted = bound, resume_key, None, "", True
        self.stale = self.unproven = False
        # The pages up to the resume point bring nothing new.
        self.idle, self.idle_limit = 0, IDLE_PAGES + self.pages
        self.seen_cursors.clear()


class FeedState(Struct, frozen=True):
    """What a feed knows besides its rows. `possible_records` are pairs of an entry and a number."""

    older: End
    newer: End
    total: int | None
    as_of: datetime | None
    gone: int
    uncounted: int
    duplicates: int
    lost_joint: bool
    short: str
    too_deep: frozenset[str]
    verified: bool
    suspected: bool
    unordered: bool
    undated: bool
    bounds_unsupported: bool
    bounds_rounded: bool
    first_count: int | None
    last_count: int
    count_fell: bool
    possible_records: tuple[tuple[int, int], ...]


Keep = Callable[["Feed"], None]
"""Keeps a feed's state in the transaction that its rows are written in. Raises `StoreError`."""


async def _page_of(api: AuditLogApi, entry_id: str) -> Page:
    """A page with this entry, or empty if there is none. Raises `ApiError`."""
    try:
        return Page((await api.get(entry_id),))
    except NotFoundError:
        return Page(())


class Feed:
    """The entries that match a plan's server-side parameters, as far as they were fetched.

    `total` is the server's count of them and `as_of` the server's time to which the run is up to date. `lost_joint`
    says that after an interruption nothing came again that was here, so that entries may be missing there. `gone` is
    how many of the loaded entries the server no longer has, `uncounted` how many it has never included in its count.
    `too_deep` has the keys of late entries that were received but belong too far down to be inserted. `duplicates`
    counts entries that the server sent again. `newest_first` says that the requested order puts the newest entry
    first. `request_key` is `None` for a feed that must not be reused, because it does not come from the log.
    `unasked` says that it comes from a case, and that the server was not asked since what is new or was changed.
    """

    def __init__(
        self,
        api: AuditLogApi,
        store: EntryStore,
        plan: Plan,
        anchor: Anchor | At = Anchor.NEWEST,
        run: Run | None = None,
        keep: Keep | None = None,
    ) -> None:
        """Go on in `run` if there is one. `keep` is called whenever rows or what is known of them change."""
        self.plan = plan
        self.anchor = anchor
        self.request_key: RequestKey | None = request_key(plan, anchor)
        self.run = store.new_run() if run is None else run
        self.unasked = False
        self._keep = keep
        self.total: int | None = None
        self.as_of: datetime | None = None
        self.requests = 0
        self.duplicates = 0
        self.lost_joint = False
        self.gone = 0
        self.uncounted = 0
        self.too_deep: set[str] = set()
        self._api = api
        self._store = store
        self.lock = asyncio.Lock()
        """Held while a page is fetched and stored; hold it to change the run in any other way."""
        self._verified = False
        self._suspected = False
        self._unordered = False
        self._bounds_unsupported = self._bounds_rounded = False
        self._first_count: int | None = None
        self._last_count = 0
        self._count_fell = False
        self._possible_records = Counter[int]()
        self._ahead: LookAhead | None = None
        self._ahead_end: End | None = None
        self._undated = False
        self._short = ""
        sort = plan.params.get("sort", NEWEST_FIRST)
        backwards = reversed_order(sort)
        self.newest_first = primary_term(sort) == NEWEST_FIRST
        below: Mapping[str, str] = {}
        above: Mapping[str, str] = {}
        if isinstance(anchor, At):  # both include the anchor's time; ids remove the duplicates
            below = self._bound("created_at_max", anchor.us, plan.params)
            above = self._bound("created_at_min", anchor.us, plan.params)
        self.older_end = End({**plan.params, **below}, sort, done=anchor is Anchor.OLDEST)
        self.newer_end = End({**plan.params, "sort": backwards, **above}, backwards, done=anchor is Anchor.NEWEST)

    @property
    def keeping(self) -> Keeping:
        """Keeps it in a case."""
        return Keeping(self)

    @property
    def complete(self) -> bool:
        """True when both ends were reached."""
        return self.older_end.done and self.newer_end.done

    @property
    def short(self) -> str:
        """Why a feed that reached both ends may still lack entries; empty if nothing is known to be missing."""
        return _NO_JOINT if self.lost_joint else self._short

    @short.setter
    def short(self, why: str) -> None:
        self._short = why

    @property
    def broken(self) -> str:
        """Why paging stopped early at one of the ends; empty if it did not."""
        return self.older_end.broken or self.newer_end.broken

    @property
    def by_time(self) -> bool:
        """True while the newest entry is first and every entry received so far is in the order of time."""
        return self.newest_first and not self._unordered

    async def older(self) -> Step:
        """Fetch one page at the older end. Raises `ApiError`, after which the call may be repeated."""
        return await self._step(self.older_end)

    async def newer(self) -> Step:
        """Fetch one page at the newer end. Raises `ApiError`, after which the call may be repeated."""
        return await self._step(self.newer_end)

    async def take_back(
        self, entries: Sequence[Entry], total: int | None, as_of: datetime | None, pages: int
    ) -> None:
        """Store entries that were fetched before, the next ones of an unbroken walk from the newest end in order.

        `total` and `as_of` are the server's of that walk, which read so many `pages` in all. `older` goes on after
        the last entry: it asks for that once more, as proof that nothing lies between. It is the end's `joint` until
        it comes, and `lost_joint` says that it did not, or with other JSON.
        """
        async with self.lock:
            end = self.older_end
            page = Page(tuple(entries), total_count=total, served_at=as_of, unclear="fetched before")
            new = self._new_entries(page.entries, end)
            with self.keeping.saving():
                self._store_page(page, new, end)
                end.arrived += len(new)
                end.pages, end.stale = pages, True
                if (row := _last_row(self._store, self.run, end.sort, above=end is self.newer_end)) is not None:
                    end.joint = row.key, self._store.entry(row.n).raw

    # -- one page ----------------------------------------------------------------------------------------------

    async def _step(self, end: End) -> Step:
        async with self.lock:
            if end.done:
                return Step()
            part = await self._ahead.next() if self._ahead is not None and self._ahead_end is end else None
            if part is None:
                return await self._step_by_cursor(end)
            try:
                return await self._step_in_slices(part, end)
            except BaseException:
                self.end_look_ahead()  # this page would be missing between the one before and the next
                raise

    async def _step_by_cursor(self, end: End) -> Step:
        if self._ahead_end is end:
            await self._close_look_ahead()
        if end.stale or (end.broken and end.cursor is None):
            self._restart(end)
        page = await self._request(end)
        if end.sliced and await self._may_lack_undated(page, end, page.last):
            return Step(len(page.entries), lost=True)
        # No await from here on, so that a cancellation can't leave entries stored and state not updated.
        return self._process(page, end)

    async def _step_in_slices(self, part: Part, end: End) -> Step:
        await pause()  # the page may have come while a key was being handled
        end.sliced = True
        if await self._may_lack_undated(part.page, end, part.last, part.proven):
            self.end_look_ahead()
            return Step(len(part.page.entries), lost=True)
        if part.first and not _overlaps(self._store, self.run, part.page):
            self._bounds_rounded = True
            self.end_look_ahead()
            return Step(len(part.page.entries))
        if part.begins:
            last = self._last_fetched(end)
            end.restart(part.bound, sort_key(last, end.sort) if last else None)
        end.stale = True
        self._count_fell = self._count_fell or part.count_fell
        step = self._process(part.page, end, part)
        if step.ignored or end.done:
            self.end_look_ahead()
        return step

    async def _request(self, end: End) -> Page:
        self.requests += 1
        if self.plan.entry_id is not None:
            return await _page_of(self._api, self.plan.entry_id)
        try:
            page = await self._api.list({**end.params, **end.bound}, limit=PAGE, cursor=end.cursor)
        except (BadRequestError, NotFoundError) as error:
            if end.cursor is not None:
                end.refused += 1
                end.broken = _crowded_instant(end, self._last_fetched(end)) if end.idle else ""
                end.broken, end.cursor = end.broken or f"the server refused the cursor: {error}", None
            elif end.bound:
                self._bounds_unsupported = True
                self._restart(end)
            raise
        if end.cursor is not None:
            end.refused = 0
        return page

    def _process(self, page: Page, end: End, part: Part | None = None) -> Step:
        """Check a page and store its entries."""
        received = len(page.entries)
        new = self._new_entries(page.entries, end)
        ignored = self._ignored(page, new, end)
        if ignored:
            return Step(received, ignored=ignored)
        apart = end.unproven and not _overlaps(self._store, self.run, page)
        violated = part is None and violated_bounds(page.entries, end.bound)  # pages of slices are checked already
        if violated or (apart and end.bound):
            # Resume with a bound of whole seconds, or with none where that fails too.
            self._bounds_rounded, self._bounds_unsupported = True, self._bounds_rounded
            self._restart(end)
            return Step(received)
        end.unproven = apart
        end.meet(page)
        if end.unproven or end.joint is not None:
            last = page.last if part is None else part.last
            self.lost_joint |= last or (not self._unordered and end.passes_resume_point(new))
        with self.keeping.saving():
            self._store_page(page, new, end)
            end.arrived += len(new)
            if part is None:
                end.advance(page, len(new))
            else:
                end.advance_in_slices(part)
            if self.complete and self._seems_short():  # `verify` counts again; until then it contradicts COMPLETE
                self.short = f"{_COUNTS_MORE} {self.total:,}, {self._store.records(self.run):,} arrived"
        if end.refused >= REFUSALS and not end.done and not end.broken:
            self._continue_by_time(end, len(new))
        return Step(received, len(new))

    def _new_entries(self, entries: tuple[Entry, ...], end: End) -> list[Entry]:
        """The entries that the run lacks, without those written since that a restart passes on its way."""
        lacking = self._store.lacking(self.run, [entry.key for entry in entries])
        passed = [False] * len(entries) if self._unordered else end.precede_resume_point(entries)
        new: dict[str, Entry] = {}
        for entry, skip in zip(entries, passed, strict=True):
            if entry.key in lacking and not skip:
                new.setdefault(entry.key, entry)
        return list(new.values())

    def _ignored(self, page: Page, new: list[Entry], end: End) -> frozenset[str]:
        """The requested parameters that this page contradicts."""
        found = violated_bounds(page.entries, end.params)
        if self.plan.params:
            for entry in page.entries:
                found |= self.plan.violations(entry)
        last = self._last_fetched(end)
        if not ascending([sort_key(last, end.sort) if last else None, *entry_keys(new, end.sort)]):
            if "sort" in end.params:
                found.add("sort")
            else:
                self._unordered = True  # no order was requested, so none was ignored
        return frozenset(found)

    def _store_page(self, page: Page, new: list[Entry], end: End) -> None:
        skipped: set[str] = set()
        if end.resume_key is not None:
            skipped = self._store.lacking(self.run, [entry.key for entry in page.entries])
            skipped -= {entry.key for entry in new}
        numbers = self._store.add(page.entries)
        if not end.restarted and not end.broken:
            self.duplicates += len(numbers) - len(new)
        put = self._store.append if end is self.older_end else self._store.prepend
        # Entries that the run has already stay in: this may be another version of one.
        stored = [(n, e) for n, e in zip(numbers, page.entries, strict=True) if e.key not in skipped]
        if self._store.versioned:
            listing = [(n, sort_values(e)) for n, e in stored]
            sort = "" if self._unordered else end.sort
            self._possible_records += note_records(self._store, self.run, [listing], sort)
        put(self.run, [n for n, _ in stored])
        self._note_counts(page, end)

    def _note_counts(self, page: Page, end: End) -> None:
        """Keep the page's time and its count, unless that is a count of a part only."""
        if not end.bound:
            end.count, end.page_size = page.total_count, max(end.page_size, len(page.entries))
        total = None if end.bound or isinstance(self.anchor, At) else page.total_count
        end.counted = (
            page.last and not (end.pages or end.restarted) and page.total_count == len({e.key for e in page.entries})
        )
        if end.towards_newest or not end.pages:
            self.as_of = page.served_at
            self.total = self.total if total is None else total
        if total is not None:
            self._first_count = total if self._first_count is None else self._first_count
            self._count_fell = self._count_fell or total < self._last_count
            self._last_count = total

    # -- reading ahead in slices of time -----------------------------------------------------------------------

    def sliceable(self, end: End, pages: float) -> bool:
        """Whether the end may be read in slices of time, and more than so many pages are left."""
        by_time = primary_term(end.sort).startswith("created_at") and not self._unordered
        obeyed = not self._bounds_unsupported and self.plan.ignored.isdisjoint(_SLICE_PARAMS)
        fetching = end.pages > 1 and not end.done and not end.broken and not end.refused and self._ahead is None
        return (
            by_time and obeyed and fetching and self.plan.entry_id is None and not self._undated
            and end.left > pages * end.page_size and end.arrived > end.sliced_from
        )  # fmt: skip

    async def look_ahead(
        self,
        end: End,
        limits: Limits,
        usable: Awaitable[bool],
        delay: Callable[[], Awaitable[None]],
        allowed: Callable[[], float],
    ) -> LookAhead | None:
        """Read ahead at an end, so that `older` or `newer` take pages from slices; `None` where that can't be done.

        `usable` tells whether the server honours what slices need. The caller calls `end_look_ahead`, then closes it.
        Raises `ApiError`.
        """
        if end.far_us is None:
            far_us = await find_last(self._smallest, {**end.params, "sort": reversed_order(end.sort)})
            end.far_us, self._undated = far_us, far_us is None
        if not await usable:
            return None
        async with self.lock:
            last = self._last_fetched(end)
            start = self._resume_bound(end, last)
            if end.far_us is None or last is None or last.created_us is None or not start:
                return None
            if not self.sliceable(end, 0):
                return None
            first = max(0, len(self.run) - PAGE) if end is self.older_end else 0
            rate = _rate(self._store.window(self.run, first, PAGE))
            stretch = Stretch(end.params, end.sort, start, last.created_us, end.far_us, end.left, rate, end.page_size)
            check = (lambda: all_dated(self._smallest, end.params)) if limits.requests == math.inf else None
            self._ahead = LookAhead(stretch, limits, self._fetch_slice, delay, allowed, check)
            self._ahead_end, end.sliced_from = end, end.arrived
            return self._ahead

    async def _may_lack_undated(self, page: Page, end: End, last: bool, proven: bool | None = None) -> bool:
        """Whether slices may have left out entries whose time is absent or can't be read. Raises `ApiError`.

        `proven` is the answer of a check that was made already. Counts prove nothing where more arrives than the
        server counts, as with a server that counts up to some limit only.
        """
        if TIME_BOUNDS & end.params.keys():
            return False
        arrived = end.arrived + len(page.entries)
        if end.count is not None and arrived > end.count:  # only then it matters how many of them are new
            arrived = end.arrived + len(self._new_entries(page.entries, end))
        if end.count is not None and arrived > end.count:
            await self._close_look_ahead()
            end.count = max(end.count, (await self._smallest(end.params)).total_count or 0)
            if arrived > end.count:
                return True
        return last and not (await all_dated(self._smallest, end.params) if proven is None else proven)

    def end_look_ahead(self) -> None:
        """Stop reading ahead; paging goes on from what is contiguous."""
        if self._ahead is not None:
            self._ahead.stop()
        self._ahead = self._ahead_end = None

    async def _close_look_ahead(self) -> None:
        """`end_look_ahead`, and wait until its requests are over: the next one would be one too many at once."""
        ahead = self._ahead
        self.end_look_ahead()
        if ahead is not None:
            await ahead.close()

    async def _fetch_slice(self, params: Mapping[str, str], cursor: str | None) -> Page:
        self.requests += 1
        return await self._api.list(params, limit=PAGE, cursor=cursor)

    async def _smallest(self, params: Mapping[str, str]) -> Page:
        self.requests += 1
        return await self._api.list(params, limit=SMALLEST_PAGE)

    # -- resuming ----------------------------------------------------------------------------------------------

    def _restart(self, end: End) -> None:
        last = self._last_fetched(end)
        end.restart(self._resume_bound(end, last), sort_key(last, end.sort) if last else None)
        end.unproven = len(self.run) > 0

    def _continue_by_time(self, end: End, added: int) -> None:
        """Drop the cursor, which would be refused, and restart at the last time fetched."""
        if added:
            if self._resume_bound(end, self._last_fetched(end)):
                self._restart(end)
        elif end.bound:
            end.broken, end.cursor = _crowded_instant(end, self._last_fetched(end)), None
            end.refused = REFUSALS - 1  # so that the next call tries a cursor again

    def _last_fetched(self, end: End) -> SortValues | None:
        """Sort values of the last entry fetched at this end whose values are known."""
        row = _last_row(self._store, self.run, end.sort, above=end is self.newer_end)
        values = SortValues(row.created_us, row.status_code) if row is not None else None
        return values if values is not None and sort_key(values, end.sort) is not None else None

    def _resume_bound(self, end: End, last: SortValues | None) -> Mapping[str, str]:
        """The bound that resumes at the last entry fetched; empty where the server or the order allows none."""
        name, _, way = primary_term(end.sort).partition(":")
        if last is None or last.created_us is None or name != "created_at":
            return {}
        if self._unordered or self._bounds_unsupported:
            return {}
        # One microsecond more, as the server's timestamps may have more digits and its bounds may be exclusive.
        bound, us = (
            ("created_at_min", last.created_us - 1) if way == "asc" else ("created_at_max", last.created_us + 1)
        )
        return self._bound(bound, whole_second(bound, us) if self._bounds_rounded else us, end.params)

    def _bound(self, name: str, us: int, params: Mapping[str, str]) -> Mapping[str, str]:
        return {} if name in self.plan.ignored else {name: narrower_bound(params, name, us)}

    # -- verifying by count ------------------------------------------------------------------------------------

    async def verify(self, server_support: ServerSupport) -> None:
        """Compare the server's count with what arrived, once, after both ends were reached. Raises `ApiError`.

        Where they differ, the server is asked for another count, up to the newest loaded entry, as the log keeps
        growing. Entries that are missing here are reported in `short`, those missing on the server in `gone`, if it
        counted them when paging began. Unless the server is proven to honour the parameters, only counts that make
        one doubt are looked into, and the check is repeated once it is proven.
        """
        async with self.lock:
            proven = server_support.proven(self.plan.params)
            if self._verified or self.plan.entry_id is not None or not (proven or self._seems_short()):
                return
            await self._compare_counts()
            with self.keeping.saving():
                if not proven:
                    self.gone = self.uncounted = 0
                self._verified, self._suspected = proven, not proven

    def _seems_short(self) -> bool:
        if self._suspected or self.total is None:
            return False
        held = self._store.records(self.run)
        return self.total > held + self._possible_records.total() or (held > self.total and self._read_by_time)

    async def _compare_counts(self) -> None:
        if isinstance(self.anchor, At) and self.older_end.counted and self.newer_end.counted:
            self.total = self._store.records(self.run)
            return
        gone = await self._count_gone_since_start()
        held = self._store.records(self.run) - gone
        if self.total is not None and held <= self.total <= held + self._possible_records.total():
            self._resolve_records(self.total - held)
            self.gone, self.short = gone, "" if self._suspected else self.short
        elif self.total is not None or isinstance(self.anchor, At):
            await self._recount(held, gone)

    def _resolve_records(self, more: int) -> None:
        """Decide that so many of the possible records exist; the other versions replaced earlier ones."""
        records = self._store.records_of(self.run, list(self._possible_records))
        found = list(self._possible_records.elements())[:more]
        self._store.note_records(self.run, {n: records.get(n, 1) + k for n, k in Counter(found).items()})
        self._possible_records.clear()

    async def _recount(self, held: int, gone: int) -> None:
        """Ask for another count and set `total`, `gone`, `uncounted` and `short` by it.

        `held` is how many records are here, without the `gone` ones.
        """
        now, bounded = await self._count_again()
        before, most = self.total, held + self._possible_records.total()
        if now is None:
            missing = before is not None and before > most
            self.short = (
                f"the server counted {before:,}, {most:,} arrived, and it tells no count any more" if missing else ""
            )
            return
        if not bounded and before is None:
            return  # the count may include entries written since
        # Without the bound, entries written while paging may have arrived or not.
        least, highest = (now, now) if bounded or before is None else (min(before, now), max(before, now))
        arrived = max(held, min(most, least))
        self._resolve_records(arrived - held)
        self.total = arrived if least <= arrived <= highest else now
        gone_now = max(0, min(arrived, (self._first_count or 0) - gone) - highest)
        self.gone = gone + gone_now
        self.uncounted = max(0, arrived - highest - gone_now)
        suffix = f"{arrived:,} of them arrived" if gone else f"{arrived:,} arrived"
        self.short = f"{_COUNTS_MORE} {now:,}, {suffix}" if arrived < least else ""
        resumed = any(end.restarted and not end.sliced for end in (self.older_end, self.newer_end))
        counted = max(now, self._first_count or 0, before or 0)
        if resumed and self._read_by_time and before is not None and arrived > counted:
            self.short = _UNDATED

    async def _count_again(self) -> tuple[int | None, bool]:
        """A count of the server's, and whether it is certainly of all entries up to the newest one here, and no more.

        That takes a bound, and as proof the newest entry on the page, as a server may round its bounds.
        """
        newest, bound = self._newest_bound()
        try:
            page = await self._smallest({**self.plan.params, **bound})
        except BadRequestError:
            self._bounds_unsupported = True  # the next attempt sends no bound
            raise
        if bound and (violated_bounds(page.entries, bound) or newest not in [each.key for each in page.entries]):
            return (await self._smallest(self.plan.params)).total_count, False
        if not bound or page.total_count is None or not self._read_by_time:
            return page.total_count, bool(bound)
        undated = await count_others(self._smallest, self.plan.params, DATED) or 0
        most = page.total_count + undated if self.total is None else max(page.total_count, self.total)
        return min(page.total_count + undated, most), True

    @property
    def _read_by_time(self) -> bool:
        """True where requests had time bounds of ours, which leave out entries whose time is absent or unreadable."""
        resumed = any(end.restarted for end in (self.older_end, self.newer_end))
        return (resumed or isinstance(self.anchor, At)) and not TIME_BOUNDS & self.plan.params.keys()

    async def _count_gone_since_start(self) -> int:
        """How many loaded entries the server no longer has, where that can have made paging skip others."""
        end = self.older_end if self.anchor is Anchor.NEWEST else self.newer_end
        asked = {end.sort: end.params} if self._count_fell else {}
        if any(
            each.pages > 1 and primary_term(each.sort) != NEWEST_FIRST for each in (self.older_end, self.newer_end)
        ):
            asked.setdefault(OLDEST_FIRST, {**self.plan.params, "sort": OLDEST_FIRST})  # retention takes those
        gone: set[str] = set()
        for sort, params in asked.items() if not self._unordered else ():
            self.requests += 1
            page = await self._api.list(params, limit=PAGE)
            gone |= await find_gone(self._store, self.run, self.older_end.sort, page, sort)
        return len(gone)

    def _newest_bound(self) -> tuple[str, Mapping[str, str]]:
        """The key of the newest entry here, and the bound that leaves out newer ones; both empty without one."""
        first = self._store.window(self.run, 0, 1)
        if not first or first[0].created_us is None or not self.by_time or self._bounds_unsupported:
            return "", {}
        us, key = max((first[0].created_us, first[0].key), newest_version(self._store, self.run) or (0, ""))
        return key, self._bound("created_at_max", us + 1, self.plan.params)

    # -- what following finds out ------------------------------------------------------------------------------

    @property
    def expected_count(self) -> int:
        """How many of the loaded records the server should count."""
        return self._store.records(self.run) - self.gone - self.uncounted

    def update_gone(self, gone: int, total: int) -> None:
        """Set `gone`; what the server's count of `total` then still lacks is `uncounted`."""
        self.gone = gone
        self.uncounted = max(0, self._store.records(self.run) - gone - total)

    def report_missing(self, count: int) -> bool:
        """Say that the server counts so many more than are here; returns whether `short` changed."""
        before, self.short = self.short, f"{_COUNTS_MORE} {count:,} more"
        return self.short != before

    def report_misplaced(self) -> None:
        """Say that rows were taken out to be inserted again, and could not be."""
        self.short = _MISPLACED

    def confirm(self, as_of: datetime | None) -> None:
        """The run has everything that the server counted at `as_of`, except `too_deep`."""
        self.as_of = as_of or self.as_of
        if not self.too_deep and (self.short.startswith(_COUNTS_MORE) or self.short == _MISPLACED):
            self.short = ""


class Keeping:
    """Keeps a feed in a case, its state with its rows. Without a case, rows are written as they come."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Keep the rows that the block writes together with what it changes in the feed, or change nothing.

        The block may not await. Raises `StoreError`.
        """
        feed = self._feed
        if feed._keep is None:
            yield
            return
        before = self.state()
        try:
            with feed._store.together():
                yield
                feed._keep(feed)
        except BaseException:
            self.take(before)
            raise

    def state(self) -> FeedState:
        """What is known now, without the cursors seen, which are many: a circle of them is found again."""
        feed = self._feed
        return FeedState(
            older=replace(feed.older_end, seen_cursors=set()),
            newer=replace(feed.newer_end, seen_cursors=set()),
            total=feed.total,
            as_of=feed.as_of,
            gone=feed.gone,
            uncounted=feed.uncounted,
            duplicates=feed.duplicates,
            lost_joint=feed.lost_joint,
            short=feed._short,
            too_deep=frozenset(feed.too_deep),
            verified=feed._verified,
            suspected=feed._suspected,
            unordered=feed._unordered,
            undated=feed._undated,
            bounds_unsupported=feed._bounds_unsupported,
            bounds_rounded=feed._bounds_rounded,
            first_count=feed._first_count,
            last_count=feed._last_count,
            count_fell=feed._count_fell,
            possible_records=tuple(feed._possible_records.items()),
        )

    def take(self, state: FeedState) -> None:
        """Let the feed know what this state does; its rows are those of then."""
        feed = self._feed
        feed.end_look_ahead()
        feed.older_end, feed.newer_end = state.older, state.newer
        feed.total, feed.as_of = state.total, state.as_of
        feed.gone, feed.uncounted, feed.duplicates = state.gone, state.uncounted, state.duplicates
        feed.lost_joint, feed._short, feed.too_deep = state.lost_joint, state.short, set(state.too_deep)
        feed._verified, feed._suspected = state.verified, state.suspected
        feed._unordered, feed._undated = state.unordered, state.undated
        feed._bounds_unsupported, feed._bounds_rounded = state.bounds_unsupported, state.bounds_rounded
        feed._first_count, feed._last_count, feed._count_fell = state.first_count, state.last_count, state.count_fell
        feed._possible_records = Counter(dict(state.possible_records))

    def come_back(self, state: FeedState) -> None:
        """Take the state from a case: cursors of then are not used, and nothing is complete before it is asked for.

        `View.more` does that.
        """
        self.take(state)
        self._feed.unasked = True
        for end in (self._feed.older_end, self._feed.newer_end):
            end.stale = not end.done
            end.broken, end.cursor, end.refused, end.idle = "", None, 0, 0

    def be_up_to_date(self, *, counted: bool) -> None:
        """What was written while the case was closed is here, as far as the server `counted` what it has."""
        with self.saving():
            self._feed.unasked = False
            if not counted:
                self._feed.short = _NOT_COUNTED
                self._feed._verified = True  # sums that agree would not tell either


def _last_row(store: EntryStore, run: Run, sort: str, *, above: bool) -> Row | None:
    """The last row fetched below or `above` the others whose sort values are known; without one, the last of all."""
    rows: list[Row] = []
    for count in (1, PAGE):  # usually the very last
        rows = store.window(run, 0, count) if above else store.window(run, max(0, len(run) - count), count)[::-1]
        for row in rows:
            if sort_key(SortValues(row.created_us, row.status_code), sort) is not None:
                return row
    return rows[0] if rows else None


def _overlaps(store: EntryStore, run: Run, page: Page) -> bool:
    """Whether the page has an entry of the run, so that no entry can be missing between the two."""
    keys = {entry.key for entry in page.entries}
    return len(store.lacking(run, list(keys))) < len(keys)


def _crowded_instant(end: End, last: SortValues | None) -> str:
    """The reason why a restart brings nothing new, if it is a page full of entries of one time; else empty."""
    if not end.bound or last is None or last.created_us is None:
        return ""
    instant = rfc3339(last.created_us)
    return f"more entries happened at {instant} than come in one page, and the server refuses cursors"


def _rate(rows: Sequence[Row]) -> float:
    """Entries per second among these rows."""
    times = [row.created_us for row in rows if row.created_us is not None]
    return len(times) / max(1.0, abs(times[0] - times[-1]) / 1_000_000) if times else 1.0
