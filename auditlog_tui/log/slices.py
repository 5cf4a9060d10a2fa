"""Reads ahead of one end of a feed: walks several slices of time at once and hands their pages over in order.

What is left to be read is an ordered list of slices, each walked by a cursor of its own, and of gaps, which no slice
covers yet. Slices are carved off the first gap, as wide as the entries seen nearby suggest. A slice with many more
entries than expected ends earlier, and gives the rest back as a gap. So a guess that is too wide costs nothing, while
one that is too narrow costs a request.

Neighbours meet at a whole second `c`. The first one asks for a second more and is cut off here, after the entries of
`c`; the next one's bound is `c`. Whether a server's bounds are inclusive or exclusive, and even if it rounds them to
seconds, no entry falls between them. Only entries of that very microsecond come twice.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from auditlog_tui.entries.models import Entry, Page
from auditlog_tui.errors import BadRequestError, NotFoundError
from auditlog_tui.log.bounds import narrower_bound, violated_bounds
from auditlog_tui.log.sort_order import SortValues, ascending, entry_keys, sort_key, sort_values

FIRST_AT_ONCE = 4
"""Requests under way at first; one more with each answer that is quick."""

MOST_HELD = 128
"""Pages held that are not handed over yet; beyond, only the first slice goes on."""

MOST_PAGES, FEWEST_PAGES = 8, 4
"""Pages per slice: most while much is left, fewest towards the end, so that no slice is walked alone for long."""

PAGES_AT_ONCE = 96
"""Slices are shorter where many are walked at once: so many pages in all."""

IDLE_PAGES = 5
"""A slice is given up after so many pages in a row without an entry."""

SECOND = 1_000_000
_EMPTY_FACTOR = 4
"""After a stretch without entries, the next slice is so many times as wide as the stretch."""


class Stretch(Struct, frozen=True):
    """What is to be read: the entries of a request from a place on, in the order `sort` (by `created_at`).

    `start` is the bound at the place where reading begins, `start_us` its time, `end_us` the time of the last entry
    (microseconds). About `entries` are left, `rate` a second near the start, `page_size` on a page.
    """

    params: Mapping[str, str]
    sort: str
    start: Mapping[str, str]
    start_us: int
    end_us: int
    entries: float
    rate: float
    page_size: int

    @property
    def way(self) -> int:
        """1 if times grow along the order, else -1."""
        return 1 if self.end_us >= self.start_us and self.sort.startswith("created_at:asc") else -1


class Limits(Struct, frozen=True):
    """How much may be asked for: requests at once, pages per slice, requests in all, and entries planned for."""

    at_once: int
    pages: int = MOST_PAGES
    requests: float = math.inf
    entries: float = math.inf


class Part(Struct, frozen=True):
    """A page of a slice whose requests had these bounds; the slice's first one `begins` it.

    `first` is the first page of all.
    `count_fell` says that the server counted fewer entries in the slice than on the page before. `last` is the last
    page of all; then `proven` is the answer of the walk's check, if it had one.
    """

    page: Page
    bound: Mapping[str, str]
    begins: bool
    first: bool
    last: bool
    count_fell: bool = False
    proven: bool | None = None


class _Gap(Struct, eq=False):
    """A span that no slice covers; cuts are in seconds along the order, `None` at the start and at the open end."""

    near: int | None
    far: int | None
    entries: float


class _Slice(Struct, eq=False):
    """A span under way, planned for `target` entries at `rate` a second.

    `far` may move nearer while the slice is walked: its requests keep their bounds, and pages are cut off there.
    """

    near: int | None
    far: int | None
    bound: Mapping[str, str]
    rate: float
    expected: float
    target: float
    task: asyncio.Task[None] | None = None
    pages: deque[tuple[Page, bool]] = field(default_factory=deque)
    count: int | None = None
    received: int = 0
    idle: int = 0
    asked: int = 0
    last: SortValues | None = None
    cursors: set[str] = field(default_factory=set)
    ended: bool = False
    begun: bool = False
    shortened: bool = False
    error: Exception | None = None

    @property
    def walked(self) -> bool:
        """True while its task runs."""
        return self.task is not None and not self.task.done()

    @property
    def failed(self) -> bool:
        """True where it can't be read to its end."""
        return not self.walked and not self.ended

    @property
    def empty(self) -> bool:
        return self.ended and not self.received


class _UnusableError(Exception):
    """A page contradicts its request, so that what comes after it can't be trusted."""


class LookAhead:
    """Walks a stretch in slices; `next` returns their pages in order. `close` ends all requests.

    `fetch` sends a request, `delay` waits until the next may be sent, and `allowed` tells how many the server allows
    at once. `check` runs beside the walk; its answer comes with the last page.
    """

    def __init__(
        self,
        stretch: Stretch,
        limits: Limits,
        fetch: Callable[[Mapping[str, str], str | None], Awaitable[Page]],
        delay: Callable[[], Awaitable[None]],
        allowed: Callable[[], float],
        check: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self._stretch = stretch
        self._limits = limits
        self._fetch = fetch
        self._delay = delay
        self._allowed = allowed
        self._way = stretch.way
        self._pieces: deque[_Slice | _Gap] = deque([_Gap(None, None, stretch.entries)])
        self._rate, self._void = max(stretch.rate, 1e-9), 0.0
        self._planned = 0.0
        self._held = 0
        self._handed_over = False
        self._asking = 0
        self._quickest = math.inf
        self._window = float(min(FIRST_AT_ONCE, limits.at_once))
        self._requests = limits.requests
        self._pulse = asyncio.Event()
        self._closed = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._last: Part | None = None
        self._answer: bool | Exception | None = None
        self._checking = check is not None
        if check is not None:
            self._start(self._check(check))

    @property
    def at_once(self) -> int:
        """Requests under way."""
        return int(min(self._asking, self._allowed()))

    async def next(self) -> Part | None:
        """The next page in order; `None` where reading ahead can't go on. Raises `ApiError`."""
        while not self._closed:
            if self._last is not None and not self._checking:
                if isinstance(self._answer, Exception):
                    raise self._answer
                return replace(self._last, proven=self._answer)
            part = self._take_part() if self._last is None else None
            self._plan()
            if part is not None and not part.last:
                return part
            if part is not None:
                self._last = part
                continue
            head = self._pieces[0]
            if isinstance(head, _Slice) and head.error is not None:
                raise head.error
            if self._last is None and (isinstance(head, _Gap) or head.failed):
                return None
            await self._pulse.wait()
        return None

    def stop(self) -> None:
        """End all requests; what was not handed over is forgotten."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        self._notify()

    async def close(self) -> None:
        """`stop`, and wait until no request is under way."""
        self.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _notify(self) -> None:
        """Wake everything that waits for a change."""
        self._pulse.set()
        self._pulse = asyncio.Event()

    # -- handing over ------------------------------------------------------------------------------------------

    def _take_part(self) -> Part | None:
        """The next page, if it has arrived. Pages without entries are left out, except the last of all."""
        while True:
            head = self._pieces[0]
            if isinstance(head, _Gap):
                return None
            if head.pages:
                page, fell = head.pages.popleft()
                self._held -= 1
                last = head.ended and not head.pages and len(self._pieces) == 1
                if page.entries or last or fell:
                    begins, head.begun = not head.begun, True
                    first, self._handed_over = not self._handed_over, True
                    self._notify()
                    return Part(page, head.bound, begins, first, last, fell)
            elif head.ended and len(self._pieces) > 1:
                self._pass(head)
            else:
                return None

    def _pass(self, head: _Slice) -> None:
        """Go on with the next piece."""
        self._rate, self._void = (head.rate, self._void + self._width(head)) if head.empty else (head.rate, 0.0)
        self._pieces.popleft()
        self._notify()

    # -- planning ----------------------------------------------------------------------------------------------

    def _plan(self) -> None:
        """Begin as many slices as may be under way."""
        while not self._closed:
            under_way = [each for each in self._slices() if each.walked and not each.ended]
            gap = next((each for each in self._pieces if isinstance(each, _Gap)), None)
            if gap is None or len(under_way) >= self._room or any(each.failed for each in self._slices()):
                return
            needed = sum(max(1.0, (each.target - each.received) / self._stretch.page_size) for each in under_way)
            first = gap is self._pieces[0]
            if self._requests <= (0 if first else needed + self._limits.pages - 1):
                return
            if self._planned >= self._limits.entries and not first:
                return
            self._begin(self._carve(gap))

    @property
    def _room(self) -> int:
        return max(1, int(min(self._window, self._limits.at_once, self._allowed())) - self._checking)

    def _slices(self) -> Iterator[_Slice]:
        return (each for each in self._pieces if isinstance(each, _Slice))

    def _begin(self, piece: _Slice) -> None:
        piece.task = self._start(self._walk(piece))

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _check(self, check: Callable[[], Awaitable[bool]]) -> None:
        try:
            self._answer = await check()
        except Exception as error:
            self._answer = error
        self._checking = False
        self._notify()

    def _carve(self, gap: _Gap) -> _Slice:
        """A slice off the near side of a gap, or all of it."""
        rate, void = self._nearby(gap)
        target = self._target()
        near, end = self._near(gap), self._far(gap)
        average = gap.entries / self._width(gap)
        rate = min(rate, average) if average > 0 else rate  # too wide costs nothing, too narrow a request
        width = max(target / rate, void * _EMPTY_FACTOR, 1.0)
        cut = math.ceil(near + width)
        whole = gap.entries <= 1.3 * target or end - cut < max(1.0, 0.3 * width)
        far = gap.far if whole else cut
        expected = gap.entries if whole else min(gap.entries, rate * (cut - near))
        piece = _Slice(gap.near, far, self._bound(gap.near, far), rate, expected, target)
        at = self._pieces.index(gap)
        self._pieces[at] = piece
        if not whole:
            self._pieces.insert(at + 1, _Gap(cut, gap.far, gap.entries - expected))
        self._planned += expected
        return piece

    def _target(self) -> float:
        """Entries of the next slice."""
        left = sum(each.entries for each in self._pieces if isinstance(each, _Gap)) / self._stretch.page_size
        most = min(self._limits.pages, max(4, PAGES_AT_ONCE // self._limits.at_once))
        pages = min(most, max(FEWEST_PAGES, left / (2 * self._limits.at_once)))
        return (pages - 0.5) * self._stretch.page_size

    def _nearby(self, gap: _Gap) -> tuple[float, float]:
        """The entries per second before a gap, and how many seconds right before it are known to be empty."""
        void = 0.0
        before = list(self._pieces)[: self._pieces.index(gap)]
        for piece in reversed(before):
            if isinstance(piece, _Slice) and piece.empty:
                void += self._width(piece)
            elif isinstance(piece, _Slice) and piece.count is not None:
                return piece.rate, void
        return self._rate, void + self._void

    def _near(self, piece: _Slice | _Gap) -> float:
        return self._way * self._stretch.start_us / SECOND if piece.near is None else piece.near

    def _far(self, piece: _Slice | _Gap) -> float:
        end = self._way * self._stretch.end_us / SECOND if piece.far is None else piece.far
        return max(end, self._near(piece))

    def _width(self, piece: _Slice | _Gap) -> float:
        return max(1.0, self._far(piece) - self._near(piece))

    def _bound(self, near: int | None, far: int | None) -> Mapping[str, str]:
        """The bounds of a slice between two cuts."""
        bound = dict(self._stretch.start)
        if near is not None:
            bound |= self._edge(near, lowest=self._way > 0)
        if far is not None:
            bound |= self._edge(far + 1, lowest=self._way < 0)  # `_before_cut` ends the slice
        return bound

    def _edge(self, cut: int, *, lowest: bool) -> Mapping[str, str]:
        """The bound at a cut: the lowest time of a slice, or the highest."""
        name = "created_at_min" if lowest else "created_at_max"
        return {name: narrower_bound(self._stretch.params, name, self._way * cut * SECOND)}

    # -- walking a slice ---------------------------------------------------------------------------------------

    async def _walk(self, piece: _Slice) -> None:
        cursor: str | None = None
        try:
            while not piece.ended and await self._turn(piece):
                page = await self._ask(piece, cursor)
                self._receive(piece, page)
                cursor = page.next_cursor
                self._plan()
                self._notify()
        except (BadRequestError, NotFoundError, _UnusableError):
            pass  # reading ahead ends before this slice, and one cursor goes on from there
        except Exception as error:
            piece.error = error
        finally:
            piece.task = None
            self._notify()

    async def _turn(self, piece: _Slice) -> bool:
        """Wait until the slice may send a request; False if no more requests may be sent."""
        await self._delay()
        while self._held >= MOST_HELD and piece is not self._pieces[0]:
            await self._pulse.wait()
        self._requests -= 1
        return self._requests >= 0

    async def _ask(self, piece: _Slice, cursor: str | None) -> Page:
        began = time.monotonic()
        self._asking += 1
        try:
            page = await self._fetch({**self._stretch.params, **piece.bound}, cursor)
        finally:
            self._asking -= 1
        took = time.monotonic() - began
        if took <= 2 * self._quickest + 0.05:
            self._window = min(self._limits.at_once, self._window + 1)
        self._quickest = min(self._quickest, took)
        return page

    def _receive(self, piece: _Slice, page: Page) -> None:
        """Check a page and keep it. Raises `_UnusableError`."""
        sort = self._stretch.sort
        last = None if piece.last is None else sort_key(piece.last, sort)
        keys = entry_keys(page.entries, sort)
        piece.idle = 0 if page.entries else piece.idle + 1
        repeated = page.next_cursor in piece.cursors
        disordered = not ascending([last, *keys])
        if page.unclear or repeated or disordered or piece.idle >= IDLE_PAGES:
            raise _UnusableError
        if violated_bounds(page.entries, piece.bound):
            raise _UnusableError
        if page.next_cursor is not None:
            piece.cursors.add(page.next_cursor)
        fell = piece.count is not None and page.total_count is not None and page.total_count < piece.count
        first, piece.asked = not piece.asked, piece.asked + 1
        piece.count = page.total_count if page.total_count is not None else piece.count
        known = [each for each, key in zip(page.entries, keys, strict=True) if key is not None]
        piece.last = sort_values(known[-1]) if known else piece.last
        if first and piece.count is not None:
            self._learn(piece, known)
        elif not page.last and piece.received >= 1.5 * piece.target:
            self._shorten(piece, self._near(piece), piece.received + len(page.entries))
        kept = self._before_cut(page.entries, piece)
        piece.received += len(kept)
        piece.ended = page.last or len(kept) < len(page.entries)
        piece.pages.append((replace(page, entries=kept), fell))
        self._held += 1

    def _before_cut(self, entries: tuple[Entry, ...], piece: _Slice) -> tuple[Entry, ...]:
        """The entries up to the first one beyond the cut."""
        if piece.far is None:
            return entries
        cut_us = self._way * piece.far * SECOND
        for at, entry in enumerate(entries):
            us = entry.created_us
            if us is not None and self._way * (us - cut_us) > 0:
                return entries[:at]
        return entries

    def _learn(self, piece: _Slice, known: Sequence[Entry]) -> None:
        """Take over the count of a slice's first page: the rate of its entries, and where it should end."""
        count = piece.count or 0
        after = self._gap_after(piece)
        if after is not None:
            after.entries = max(0.0, after.entries + piece.expected - count)
        if not count:
            return
        piece.rate = count / self._width(piece)
        if count > 1.4 * piece.target and known:
            first, last = (self._way * (each.created_us or 0) / SECOND for each in (known[0], known[-1]))
            here = len(known) / max(1.0, last - first)
            piece.rate = math.sqrt(max(here, piece.rate) * piece.rate)
            self._shorten(piece, self._near(piece) + piece.target / piece.rate, piece.target)

    def _gap_after(self, piece: _Slice) -> _Gap | None:
        rest = list(self._pieces)[self._pieces.index(piece) + 1 :]
        return next((each for each in rest if isinstance(each, _Gap)), None)

    def _shorten(self, piece: _Slice, far: float, entries: float) -> None:
        """End a slice after about so many entries, at a whole second beyond those that came; give the rest back."""
        last_us = piece.last.created_us if piece.last is not None else None
        if last_us is None or piece.count is None:
            return
        cut = max(math.ceil(far), math.floor(self._way * last_us / SECOND) + 1)
        if self._far(piece) - cut < max(1.0, 0.3 * (cut - self._near(piece))):
            return
        rest = piece.rate * (self._far(piece) - cut) if piece.shortened else max(1.0, piece.count - entries)
        at = self._pieces.index(piece) + 1
        after = self._pieces[at] if at < len(self._pieces) else None
        if isinstance(after, _Gap):
            after.near, after.entries = cut, after.entries + rest
        else:
            self._pieces.insert(at, _Gap(cut, piece.far, rest))
        piece.far, piece.shortened = cut, True
