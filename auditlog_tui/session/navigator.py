"""Where the user is: the view on the screen, the ones before and after it, and the filter that made each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo

from auditlog_tui.analysis.counting import Count, Counting
from auditlog_tui.analysis.no_matches import warnings
from auditlog_tui.analysis.pivots import Pivot, meanings, pivots
from auditlog_tui.analysis.search import next_marked
from auditlog_tui.errors import AuditLogError, QueryError
from auditlog_tui.log.feed import Anchor, At
from auditlog_tui.log.log import Log
from auditlog_tui.log.marked_view import MarkedView
from auditlog_tui.log.view import View
from auditlog_tui.query import (
    FIELDS,
    Chip,
    Completion,
    Query,
    explain,
    field_of,
    format_query,
    parse,
    plan,
    read_moment,
    term_for,
    with_term,
    without_term,
)
from auditlog_tui.query.complete import suggest
from auditlog_tui.query.saved_filters import BUILT_IN
from auditlog_tui.session.filter_history import History
from auditlog_tui.session.marks import Marks
from auditlog_tui.session.typed_filter import FilterError, TypedFilter, read_filter
from auditlog_tui.settings.command_line import command_line
from auditlog_tui.store.entries import Row
from auditlog_tui.text.times import rfc3339

MOST_PLACES = 100
"""Places that `back` reaches; with each older one goes what its view holds."""

CLOCK_NOISE_US = 2_000_000
"""Two clocks that differ by less, in microseconds, agree: a `Date` has whole seconds."""


@dataclass(slots=True, eq=False)
class Place:
    """A view as the user left it: the entry under the cursor (its number) and the lines shown above it.

    `around` tells that it is the time around an entry: so many microseconds before and after it. `typed` is the
    filter before its times were made absolute where these depend on now; `offset_us` is how much the server's clock
    was known to be ahead then (`None`: nothing was known). `relative` says that they do.
    """

    view: View
    text: str
    cursor: int | None = None
    above: int = 0
    around: int = 0
    typed: str = ""
    offset_us: int | None = None

    @property
    def relative(self) -> bool:
        return bool(self.typed)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a filter becomes: its terms, each with who evaluates it, the request, and what is odd about it."""

    chips: tuple[Chip, ...] = ()
    line: str = ""
    warning: str = ""


@dataclass(slots=True)
class Navigator:
    """The history of places, one of which is shown. `zone` reads times that were typed without an offset."""

    log: Log
    zone: tzinfo
    places: list[Place] = field(default_factory=list)
    at: int = -1
    parked: str = ""
    history: History = field(default_factory=History)
    marks: Marks = field(default_factory=Marks)
    views: Mapping[str, str] = field(default_factory=dict)
    base_url: str = ""
    demo: bool = False
    counting: Counting = field(init=False)

    def __post_init__(self) -> None:
        self.counting = Counting(self.log)

    @property
    def place(self) -> Place:
        return self.places[self.at]

    @property
    def view(self) -> View:
        return self.place.view

    # -- the filter --------------------------------------------------------------------------------------------

    def explain(self, text: str) -> Explanation:
        """What `text` would become. Raises `QueryError`."""
        query = self._query(text)
        planned = plan(query, frozenset(self.log.server_support.ignored))
        return Explanation(planned.chips, explain(planned), " ".join(warnings(query, self.log.store.seen)))

    def suggest(self, text: str, cursor: int) -> Completion:
        """What may come next in `text`."""
        return suggest(text, cursor, self.log.store.seen, {**BUILT_IN, **self.views})

    def submit(self, text: str) -> Place:
        """Show what `text` asks for, with its times made absolute. Raises `QueryError`, and then nothing changes."""
        typed, query = self._read(text)
        frozen = format_query(query)
        same = self._is_shown(frozen)
        place = self.place if same else Place(View(self.log, query, like=self._like), frozen)
        if typed.relative:
            place.typed, place.offset_us = text, self.log.api.clock_offset_us
        self.history.add(frozen)
        return place if same else self._show(place)

    def _is_shown(self, text: str) -> bool:
        return (
            bool(self.places)
            and text == self.place.text
            and self.view.anchor is Anchor.NEWEST
            and not self.view.marked
        )

    @property
    def _like(self) -> View | None:
        return self.view if self.places else None

    def _query(self, text: str) -> Query:
        return self._read(text)[1]

    def _read(self, text: str) -> tuple[TypedFilter, Query]:
        try:
            typed = read_filter(text, self.views)
            return typed, typed.query(self.log.now_us(), self.zone)
        except FilterError as error:
            raise error.in_typed(text) from error

    def frozen_anew(self) -> Place | None:
        """The place shown, in its place, where its times were made by a clock that turned out to be wrong.

        That is known with the first answer; from then on the times stay as they are.
        """
        place, offset_us = self.place, self.log.api.clock_offset_us
        if not place.typed or place.view.feed.as_of is None or offset_us is None:
            return None
        typed, place.typed = place.typed, ""
        if abs(offset_us - (place.offset_us or 0)) <= CLOCK_NOISE_US:
            return None
        query = self._query(typed)
        self.places[self.at] = Place(View(self.log, query), format_query(query))
        self.history.add(self.place.text)
        return self.place

    def link(self) -> str:
        """The command line that shows this filter again; its times are absolute."""
        return command_line(self.place.text, base_url=self.base_url, demo=self.demo)

    def park(self) -> Place:
        """Show the log without its filter, or with the one that was parked before."""
        text, parked = ("", self.place.text) if self.place.text else (self.parked, self.parked)
        found = self._nearest(text, Anchor.NEWEST)
        if found is None:
            place = self.submit(text)
        else:
            place = found if found is self.place else self._show(Place(found.view, text, found.cursor, found.above))
        self.parked = parked
        return place

    def value_of(self, row: Row, field: str) -> object:
        """What a row has in a field of the filter language."""
        return getattr(row, FIELDS[field].columns[0])

    def narrowed(self, field: str, value: object, *, negated: bool) -> str | None:
        """The filter with a term for this value more; `None` where the language has no term for it."""
        column = FIELDS[field].columns[0]
        if column == "status_code" and isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value)
        term = term_for(column, value, negated)
        return with_term(self.place.text, term) if term else None

    def between(self, first_us: int, last_us: int) -> str:
        """The filter with these bounds in place of those it has on time; both are included."""
        text = self.place.text
        for term in reversed(parse(text).terms):
            if term.key in ("created", "last") and not term.negated:
                text = without_term(text, term.start, term.end)
        return with_term(text, f"created:{rfc3339(first_us)}..{rfc3339(last_us)}")

    def sorted_by(self, field: str) -> str:
        """The filter sorted by a field: descending, then ascending, then as the log is."""
        text, order = self.place.text, self.view.plan.order
        for term in reversed(parse(text).terms):
            if term.key == "sort":
                text = without_term(text, term.start, term.end)
        if not FIELDS[field].sortable:
            return self.place.text
        ways = ["", "created"] if field == "created" else ["", f"-{field}", field]
        now = "".join(("-" if way == "desc" else "") + name for name, way in order)
        now = now if now != "-created" else ""  # which is how the log is
        following = ways[(ways.index(now) + 1) % len(ways)] if now in ways else ways[1]
        return with_term(text, f"sort:{following}") if following else text

    # -- counting ----------------------------------------------------------------------------------------------

    def pivots(self, row: Row) -> list[Pivot]:
        """Where one can go from a row of this view."""
        return pivots(row, self.place.text)

    def meanings(self, text: str) -> list[Pivot]:
        """What a text may mean that is nothing but an ID; nothing for any other text."""
        return meanings(text)

    async def count(self, text: str) -> Count:
        """How many entries a filter matches. Raises `QueryError`, `ApiError`, `StoreError`."""
        return await self.counting.count(self._query(text))

    async def span(self, text: str) -> tuple[int, int] | None:
        """When the first and the last entry that a filter matches happened, where the server can tell."""
        return await self.counting.span(self._query(text))

    # -- places ------------------------------------------------------------------------------------------------

    def _show(self, place: Place) -> Place:
        self.places[self.at + 1 :] = [place]
        del self.places[:-MOST_PLACES]
        self.at = len(self.places) - 1
        return place

    def back(self) -> Place | None:
        """The place before, as it was left; `None` at the first."""
        return self._go(self.at - 1)

    def forward(self) -> Place | None:
        """The place that `back` came from; `None` at the last."""
        return self._go(self.at + 1)

    def take_back(self) -> Place | None:
        """Go back from a place that is not to be kept, as its filter was refused; `None` at the first."""
        place = self._go(self.at - 1)
        if place is not None:
            del self.places[self.at + 1 :]
        return place

    def refusal(self, error: AuditLogError) -> QueryError:
        """What the server says of this place's filter, pointing at the term that it names, else at the whole text."""
        text, params = self.place.text, self.view.plan.params
        asked = [(name, term) for term in parse(text).terms for name in field_of(term.key).params if name in params]
        named = [(len(name), term) for name, term in asked if re.search(rf"\b{name}\b", str(error))]
        only = asked[0][1] if len({id(term) for _, term in asked}) == 1 else None
        term = max(named, key=lambda each: each[0])[1] if named else only
        start, end = (term.start, term.end) if term is not None else (0, len(text))
        return QueryError(str(error), start, end)

    def _go(self, to: int) -> Place | None:
        if not 0 <= to < len(self.places):
            return None
        self.at = to
        return self.place

    def anchored(self, anchor: Anchor) -> Place:
        """The same filter from its other end; the nearest place that shows it already, else a new one."""
        found = self._nearest(self.place.text, anchor)
        view = found.view if found is not None else View(self.log, self.view.query, anchor=anchor, like=self._like)
        return self._show(Place(view, self.place.text))

    def _nearest(self, text: str, anchor: Anchor) -> Place | None:
        places = (place for place in reversed(self.places) if place.text == text and place.view.anchor is anchor)
        return next((place for place in places if not place.view.marked), None)

    def only_marked(self) -> Place | None:
        """The marked entries, newest first; `None` where none is marked. Costs no request."""
        entries = self.marks.marked()[::-1]
        return self.show_marked(MarkedView(self.log, entries)) if entries else None

    def show_marked(self, view: MarkedView) -> Place:
        """Show a view of marked entries; the cursor stays on its entry where that is one of them."""
        cursor = self.place.cursor
        return self._show(Place(view, "", cursor if cursor is not None and view.row_of(cursor) is not None else None))

    async def next_marked(self, row: int, way: int) -> int | None:
        """The nearest row below (1) or above (-1) a row of the view whose entry is marked, if one is loaded."""
        return await next_marked(self.view, self.marks.keys, row, way)

    def at_moment(self, us: int) -> Place:
        """The same filter from an instant on, in both directions and the log's own order."""
        query = Query(tuple(term for term in self.view.query.terms if term.key != "sort"))
        return self._show(Place(View(self.log, query, anchor=At(us)), format_query(query)))

    def moment(self, text: str) -> int:
        """The instant that `text` means, in microseconds since 1970 UTC. Raises `QueryError`."""
        return read_moment(text, self.log.now_us(), self.zone)

    def around(self, row: Row, half_us: int, above: int) -> Place | None:
        """Everything within so many microseconds of an entry, which stands below `above` lines.

        The filter is parked. `None` for an entry whose time can't be read.
        """
        us = row.created_us
        if us is None:
            return None
        if not self.place.around:
            self.parked = self.place.text
        text = f"created:{rfc3339(us - half_us)}..{rfc3339(us + half_us)}"
        view = View(self.log, self._query(text), anchor=At(us))
        return self._show(Place(view, text, row.n, above, half_us))

    def jump(self, *, oldest: bool) -> Place:
        """The same filter from its oldest or its newest entry."""
        return self.anchored(Anchor.OLDEST if oldest else Anchor.NEWEST)

    def refresh(self) -> Place:
        """The same filter, asked anew; the old rows stay in the place before."""
        self.log.forget()
        self.counting.forget()
        if self.view.marked:
            return self.only_marked() or self.submit("")
        place = self.place
        view = View(self.log, self.view.query, anchor=self.view.anchor)
        return self._show(Place(view, place.text, place.cursor if place.around else None, place.above, place.around))
