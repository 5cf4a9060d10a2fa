"""The entries of an actor, on a target or from an address: counted first, then fetched if they are not too many.

If the whole log is loaded, nothing is requested. If the server is not proven to honour the filter, there are only the
loaded entries, and the result says so. No filter of the API finds an entry whose actor or target can't be read: of
these, the loaded ones are counted as doubtful.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from auditlog_tui.analysis.counting import AT_ONCE, EVERY_PARAMETER, Count, Counting, How, Sample
from auditlog_tui.api.retry import Wait
from auditlog_tui.entries.actions import outcome
from auditlog_tui.errors import BadRequestError, NotFoundError
from auditlog_tui.log.feed import Anchor, Feed
from auditlog_tui.log.view import View
from auditlog_tui.query import Query, Term, parse, plan
from auditlog_tui.query.addresses import one_spelling
from auditlog_tui.query.syntax import Address, Instant, Text, Times
from auditlog_tui.runtime import give_way
from auditlog_tui.store import UNBOUNDED
from auditlog_tui.store.entries import Row
from auditlog_tui.store.scans import ROWS_AT_ONCE, newest_matching, newest_unreadable

MOST_WALKED = 2_000
"""Entries of one subject that are fetched; of more, the newest are, to the end of the page that has the last."""

MOST_KEPT = 10_000
"""Entries of one subject that are taken from a log that is loaded already; of more, the newest are."""


MOST_VALUES = 60
"""Actions or actors of one subject that are counted one by one."""

MOST_FETCHED = 20_000
"""Entries that are fetched for one report; once they are, there are counts and a page of the newest of each."""


class Basis(Enum):
    """What a statement rests on: all entries, all those of a part of the log, only those loaded, or nothing yet."""

    EXACT = "exact"
    HERE = "of these entries"
    LOADED = "of the loaded"
    UNKNOWN = "unknown"

    @property
    def of_a_part(self) -> Basis:
        """What it is if the source may lack entries of the log."""
        return Basis.HERE if self is Basis.EXACT else self

    @property
    def suffix(self) -> str:
        """What to add to a number of entries."""
        return {Basis.EXACT: "", Basis.HERE: " found"}.get(self, " loaded")

    @property
    def all_here(self) -> bool:
        """Whether it rests on all that the source has."""
        return self in (Basis.EXACT, Basis.HERE)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number; `None` if it is unknown. On the basis of the loaded entries, or of a part, it is a lower bound."""

    n: int | None = None
    basis: Basis = Basis.UNKNOWN

    def __str__(self) -> str:
        if self.n is None:
            return "unknown"
        return f"{self.n:,}{self.basis.suffix}"


@dataclass(frozen=True, slots=True)
class When:
    """An instant in microseconds since 1970 UTC; `None` if it is unknown, or if there is none (then it is exact)."""

    us: int | None = None
    basis: Basis = Basis.UNKNOWN


NO_FIGURE = Figure()
NO_TIME = When()
"""Not known yet."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was found: `rows` are oldest first, and all there are if the basis is exact.

    `unsure` are loaded rows that may belong here, as the field in question can't be read. `reason` says why rows are
    missing, if that is not only their number.
    """

    rows: Sequence[Row] = ()
    basis: Basis = Basis.UNKNOWN
    total: Figure = NO_FIGURE
    first: When = NO_TIME
    last: When = NO_TIME
    refused: Figure = NO_FIGURE
    unsure: Sequence[Row] = ()
    reason: str = ""

    @property
    def none(self) -> bool:
        """True if it is certain that there is no such entry."""
        return self.total == Figure(0, Basis.EXACT) and not self.unsure

    def with_rows(self, rows: Iterable[Row]) -> Gathered:
        """The same with more rows, those that it has already left out."""
        known = {row.n for row in self.rows}
        more = [row for row in rows if row.n not in known]
        return replace(self, rows=sorted([*self.rows, *more], key=oldest_first)) if more else self


def oldest_first(row: Row) -> tuple[bool, int, int]:
    """The sort key of rows in the order of time; those without a readable time come last."""
    return row.created_us is None, row.created_us or 0, row.n


def query_for(field: str, value: str) -> Query:
    """The query for one value of a field, taken literally: an IPv6 address in this spelling only."""
    literal = Address(value) if field == "ip" and one_spelling(value) else Text(value)
    return Query((Term(field, (literal,)),))


def _query_for_all(field: str, values: Sequence[str]) -> Query:
    """The query for any of several values of a field."""
    return Query((Term(field, tuple(query_for(field, value).terms[0].values[0] for value in values)),))


_COLUMNS = {"actor": "actor_id", "target": "target_id", "ip": "client_ip"}
_REFUSED = parse("status:>=400").terms


Found = Callable[[str, Gathered], None]


def _nothing() -> None:
    pass


class Gatherer:
    """Gathers entries of one log, each subject once.

    `view` is what the user has loaded. With `everything`, the whole log is fetched where that is the only way to an
    exact answer. Every method raises `ApiError` and `StoreError`, and may be cancelled and called again.
    """

    def __init__(self, counting: Counting, view: View | None = None, *, everything: bool = False) -> None:
        self.log = counting.log
        self.counting = counting
        self.walk: View | None = None
        """What is being fetched, for the progress."""
        self._view = view
        self._anew = view is None
        """Nothing that was loaded before is used."""
        self._everything = everything
        self._fetched_log = False
        self._walking = asyncio.Lock()
        self.fetched = 0
        """Entries fetched, of `MOST_FETCHED`."""
        self._known: dict[tuple[str, str], Gathered] = {}
        self._pages: dict[str, Gathered] = {}
        self._unreadable: dict[int, Row] = {}
        self._looked_at = 0  # versions stored, of which those that can't be read are known

    async def begin(self) -> None:
        """Fetch a page of the log if nothing is loaded: an empty log proves nothing."""
        if self._view is None or not self.log.store.size:
            self._view = View(self.log, Query())
            await self._walk(self._view, 1, _nothing)

    def describe(self) -> str:
        """What is being fetched, for a progress line."""
        if self.walk is None:
            return "counting" if self.log.idle.is_set() else "waiting for rows that are being loaded"
        feed = self.walk.feed
        of = f" of {feed.total:,}" if feed.total is not None else ""
        pace = f" · {self.walk.pace.text(short=True)}" if self.walk.pace is not None else ""
        return f"{len(feed.run):,}{of} entries fetched{pace}"

    def tells(self, wait: Wait) -> bool:
        """Whether `describe` tells of this wait."""
        pace = None if self.walk is None else self.walk.pace
        return pace is not None and pace.tells(wait)

    async def log_begins(self) -> When:
        """The time of the oldest entry of the log."""
        us = await self.counting.oldest(Query(), self._view)
        return NO_TIME if us is None else When(us, Basis.EXACT)

    # -- one subject -------------------------------------------------------------------------------------------

    async def of(self, field: str, value: str, changed: Callable[[], None] = _nothing) -> Gathered:
        """The entries with a value in a field: all, if they are at most `MOST_WALKED` or loaded already."""
        if (field, value) not in self._known:
            self._known[field, value] = await self._of(field, value, changed)
        return self._known[field, value]

    async def has_all(self, field: str, value: str) -> bool:
        """Whether every entry with a value in a field is loaded."""
        return await self.counting.has_all(query_for(field, value), self._view)

    async def actions_of(self, field: str, value: str, action: str) -> Gathered:
        """The entries with a value in a field and with an action, if they are loaded or the server counts them."""
        query = Query((*query_for(field, value).terms, *query_for("action", action).terms))
        key = f"{value}\n{action}"
        if key not in self._pages:
            if await self.counting.has_all(query, self._view):
                self._pages[key] = await self._loaded_actions(field, value, query)
            else:
                sample = await self._sample(query)
                self._pages[key] = Gathered() if sample is None else await self._fetched(query, sample, _nothing)
        return self._pages[key]

    async def _loaded_actions(self, field: str, value: str, query: Query) -> Gathered:
        """The same in a log that is loaded; exact unless rows that may match can't be read."""
        rows, total = await newest_matching(self.log.store, plan(query, EVERY_PARAMETER).where(), MOST_KEPT)
        certain = [row for row in rows if row.action is not None and not _is_unsure(row, field, [value])]
        return _all_of(certain, Basis.EXACT if len(certain) == total else Basis.LOADED)

    async def are_all(
        self, field: str, value: str, own: Gathered, by: str, amounts: Mapping[str, int | None]
    ) -> bool:
        """Whether every entry with a value in a field has one of these values in the field `by`.

        That is certain if their numbers add up. Those that are `None` are asked for. `own` is what was gathered: the
        numbers are of the time up to its last entry, so that new entries change nothing, and its total is asked for
        again at the end.
        """
        if own.last.us is None or own.total.basis is not Basis.EXACT or len(amounts) > MOST_VALUES:
            return False
        query, known = query_for(field, value), dict(amounts)
        until = Term("created", (Times(None, Instant(own.last.us + 1)),))

        async def ask(each: str) -> None:
            counted = await self.counting.count(Query((*query.terms, *query_for(by, each).terms, until)), self._view)
            known[each] = counted.n if counted.how is How.EXACT else None

        await _together([each for each, n in amounts.items() if n is None], ask)
        if None in known.values() or sum(n or 0 for n in known.values()) != own.total.n:
            return False
        return await self.counting.count(Query((*query.terms, until)), self._view) == Count(own.total.n, How.EXACT)

    async def _of(self, field: str, value: str, changed: Callable[[], None]) -> Gathered:
        query = query_for(field, value)
        if not await self._answered_here(query, query, changed):
            sample = await self._sample(query)
            if sample is not None:
                return await self._with_unsure(await self._fetched(query, sample, changed), field, value)
        return (await self._loaded(field, (value,)))[value]

    async def _answered_here(self, query: Query, one: Query, changed: Callable[[], None]) -> bool:
        """Whether the server need not be asked for all of a query, or can't be, by `one` value after the other.

        If it can't be, and with `everything`, the log is fetched.
        """
        if await self.counting.has_all(query, self._view):
            return True
        if (await self.counting.proven(one)).residual is None:
            return False
        if self._everything and not self._fetched_log:
            if self._view is None or self._view.feed.plan.params:
                self._view = View(self.log, Query())
            await self._walk(self._view, UNBOUNDED, changed)
            self._fetched_log = True
        return True

    async def _sample(self, query: Query, *, oldest: bool = False) -> Sample | None:
        """A sample, asked for twice if the log changed meanwhile."""
        found = await self.counting.sample(query, oldest=oldest)
        return found if found is not None else await self.counting.sample(query, oldest=oldest)

    async def _fetched(self, query: Query, sample: Sample, changed: Callable[[], None]) -> Gathered:
        if sample.all:
            return _all_of(sample.rows)
        rows, total, reason = sample.rows, sample.total, ""
        view = await self._walked(query, total, changed)
        if view is not None:
            rows, summary = await self._rows_of(view), view.summary()
            if summary.complete:
                return _all_of(rows)
            total, reason = max(total, len(view)), summary.reason
        first = await self.counting.oldest(query)
        refused = await self.counting.count(Query((*query.terms, *_REFUSED)))
        return Gathered(
            sorted(rows, key=oldest_first),
            Basis.LOADED,
            Figure(total, Basis.EXACT),
            NO_TIME if first is None else When(first, Basis.EXACT),
            _span(sample.rows, Basis.EXACT)[1],
            Figure(refused.n, Basis.EXACT) if refused.how is How.EXACT else _refused(rows, Basis.LOADED),
            reason=reason,
        )

    async def _walked(self, query: Query, total: int, changed: Callable[[], None]) -> View | None:
        """A view of all entries of a query, or the newest; `None` if too many were fetched for other subjects."""
        async with self._walking:
            if self.fetched + min(total, MOST_WALKED) > MOST_FETCHED:
                return None
            rows, kept = UNBOUNDED if total <= MOST_WALKED else MOST_WALKED, self._kept_feed(query)
            view = View(self.log, query, feed=kept)
            await self._walk(view, rows, changed)
            if kept is not None and rows == UNBOUNDED and not view.summary().complete:  # it can't be relied on
                view = View(self.log, query)
                await self._walk(view, rows, changed)
            self.fetched += len(view)
            return view

    def _kept_feed(self, query: Query) -> Feed | None:
        """What a case has of these entries from before; it is brought up to date as it is walked."""
        planned = plan(query, frozenset(self.log.server_support.ignored))
        return None if self._anew else self.log.kept_feed(planned, Anchor.NEWEST)

    async def _walk(self, view: View, rows: int, changed: Callable[[], None]) -> None:
        self.walk = view
        try:
            await view.more(rows - len(view), changed, everything=True)
        finally:
            self.walk = None
        refused_cursor = view.feed.broken and isinstance(view.error, BadRequestError | NotFoundError)
        if view.error is not None and not refused_cursor:
            raise view.error

    async def _rows_of(self, view: View) -> list[Row]:
        """The rows of a view with every version of their entries, oldest first."""
        store, rows = self.log.store, list[Row]()
        for first in range(0, len(view), ROWS_AT_ONCE):
            part = view.window(first, ROWS_AT_ONCE)
            several = [row.n for row in part if row.versions]
            others = {n for _, n, *_ in store.known_versions(view.matched, several)} - set(several)
            rows += [*part, *store.rows(sorted(others)).values()]
            await give_way()
        return sorted(rows, key=oldest_first)

    # -- many at once ------------------------------------------------------------------------------------------

    async def actors(self, ids: Sequence[str], found: Found) -> None:
        """The entries of each of these actors; `found` is called with each as it is known."""
        await self._each("actor", ids, self._known_actor, found)

    async def targets(self, ids: Sequence[str], found: Found) -> None:
        """The newest page of the entries on each of these targets: one request each."""
        await self._each("target", ids, self._page, found)

    async def _each(
        self, field: str, ids: Sequence[str], ask: Callable[[str], Awaitable[Gathered]], found: Found
    ) -> None:
        if not ids:
            return
        if await self._answered_here(_query_for_all(field, ids), query_for(field, ids[0]), _nothing):
            for each, gathered in (await self._loaded(field, ids)).items():
                found(each, gathered)
            return

        async def one(each: str) -> None:
            found(each, await ask(each))

        await _together(ids, one)

    async def _known_actor(self, actor: str) -> Gathered:
        return await self.of("actor", actor)

    async def _page(self, target: str) -> Gathered:
        if target not in self._pages:
            found = _of_page(await self._sample(query_for("target", target)))
            self._pages[target] = await self._with_unsure(found, "target", target)
        return self._pages[target]

    async def oldest_page(self, field: str, value: str) -> Gathered:
        """The oldest page of the entries with a value in a field, where there are too many for one page."""
        found = _of_page(await self._sample(query_for(field, value), oldest=True))
        return await self._with_unsure(found, field, value)

    async def _with_unsure(self, found: Gathered, field: str, value: str) -> Gathered:
        """What the server sent, with the loaded rows that it can't be asked for."""
        size = self.log.store.size
        if self._looked_at < size:
            rows = await newest_unreadable(self.log.store, MOST_KEPT, self._looked_at)
            self._unreadable |= {row.n: row for row in rows}
            self._looked_at = max(self._looked_at, size)
        unsure = [row for row in self._unreadable.values() if _is_unsure(row, field, [value])]
        return replace(found, unsure=unsure) if unsure else found

    # -- loaded entries ----------------------------------------------------------------------------------------

    async def _loaded(self, field: str, values: Sequence[str]) -> Mapping[str, Gathered]:
        """What is loaded of each value, by one scan over all loaded entries."""
        query = _query_for_all(field, values)
        whole = await self.counting.has_all(query, self._view)
        rows, total = await newest_matching(self.log.store, plan(query, EVERY_PARAMETER).where(), MOST_KEPT)
        if total > len(rows) and len(values) > 1:
            return {value: (await self._loaded(field, [value]))[value] for value in values}
        basis = Basis.EXACT if whole and total == len(rows) else Basis.LOADED
        unsure = [row for row in rows if _is_unsure(row, field, values)]
        others = {row.n for row in unsure}
        mine: dict[str, list[Row]] = {value: [] for value in values}
        for row in rows:
            if row.n not in others:
                mine[getattr(row, _COLUMNS[field])].append(row)
        found = {value: replace(_all_of(own, basis), unsure=unsure) for value, own in mine.items()}
        if whole and total > len(rows):
            return {value: await self._counted(query, each) for value, each in found.items()}
        return found

    async def _counted(self, query: Query, found: Gathered) -> Gathered:
        """The same with exact totals, as every entry is loaded."""
        counting, view = self.counting, self._view
        span = await counting.span(query, view) or (None, None)
        return replace(
            found,
            total=Figure((await counting.count(query, view)).n, Basis.EXACT),
            first=When(span[0], Basis.EXACT),
            last=When(span[1], Basis.EXACT),
            refused=Figure((await counting.count(Query((*query.terms, *_REFUSED)), view)).n, Basis.EXACT),
        )


async def _together(values: Sequence[str], ask: Callable[[str], Awaitable[None]]) -> None:
    """Ask for all of these, a few at a time; none is under way afterwards."""
    for first in range(0, len(values), AT_ONCE):
        batch = [asyncio.ensure_future(ask(each)) for each in values[first : first + AT_ONCE]]
        try:
            await asyncio.gather(*batch)
        finally:
            for task in batch:
                task.cancel()


def _of_page(sample: Sample | None) -> Gathered:
    if sample is None:
        return Gathered(reason="the server's answers do not agree")
    found = _all_of(sample.rows, Basis.EXACT if sample.all else Basis.LOADED)
    return found if sample.all else replace(found, total=Figure(sample.total, Basis.EXACT))


def _all_of(rows: Sequence[Row], basis: Basis = Basis.EXACT) -> Gathered:
    ordered = sorted(rows, key=oldest_first)
    first, last = _span(ordered, basis)
    entries = Figure(len({row.key for row in ordered}), basis)
    return Gathered(ordered, basis, entries, first, last, _refused(ordered, basis))


def _span(rows: Sequence[Row], basis: Basis) -> tuple[When, When]:
    times = [row.created_us for row in rows if row.created_us is not None]
    return When(min(times, default=None), basis), When(max(times, default=None), basis)


def _refused(rows: Sequence[Row], basis: Basis) -> Figure:
    return Figure(len({row.key for row in rows if outcome(row.status_code) == "refused"}), basis)


_NAMES = {"actor": {"actor.id", "actor", ""}, "target": {"target.id", "target", ""}, "ip": {"client_ip", ""}}


def _is_unsure(row: Row, field: str, values: Sequence[str]) -> bool:
    """Whether a row only may have one of the values, as the field can't be read."""
    if not row.unreadable or getattr(row, _COLUMNS[field]) in values:
        return False
    return not _NAMES[field].isdisjoint(json.loads(row.unreadable))
