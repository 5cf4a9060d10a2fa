"""Navigation history: the current view, back and forward entries, and each one's filter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from auditlog_tui.analysis.counting import Count, Counting
from auditlog_tui.analysis.no_matches import warnings
from auditlog_tui.analysis.pivots import Pivot, announced, meanings, pivots
from auditlog_tui.analysis.search import next_marked
from auditlog_tui.errors import AuditLogError, QueryError
from auditlog_tui.log.feed import Anchor, At
from auditlog_tui.log.log import Log
from auditlog_tui.log.view import View
from auditlog_tui.log.window_view import window_of
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
from auditlog_tui.session.journal import Journal
from auditlog_tui.session.marks import Marks
from auditlog_tui.session.typed_filter import FilterError, TimeWords, TypedFilter, read_filter
from auditlog_tui.settings.command_line import command_line
from auditlog_tui.settings.redactor import Redactor
from auditlog_tui.store.entries import Row
from auditlog_tui.text.times import rfc3339

if TYPE_CHECKING:
    from auditlog_tui.analysis.who import Subject
    from auditlog_tui.entries.raw_json import Json
    from auditlog_tui.session.case import Case
    from auditlog_tui.session.page import Page

MOST_PLACES = 100
"""Places in the history; an older one is dropped together with its view."""

CLOCK_NOISE_US = 2_000_000
"""Clocks that differ by less than this (microseconds) agree: a `Date` header has whole seconds."""


ONLY_MARKED = "marked:yes"
"""The filter of `only_marked`."""

TO_TIME = "go to that time"
"""The `move` of `at_moment`."""


class Place(Struct, eq=False):
    """A view with its filter `text`, and where the user left it.

    `cursor` is the number of the entry under the cursor and `above` the lines shown above it. `around` is set for the
    window around an entry: so many microseconds before and after it. `typed` is the filter as typed if its times are
    relative to now; `offset_us` is how far the server's clock was ahead when they were made absolute, `None` if that
    was unknown. `reloads` says that it asks for what the place before shows already. `move` is set for a move within
    the log: what the user asked for, in words that follow "can't". `page` covers the view.
    """

    view: View
    text: str
    cursor: int | None = None
    above: int = 0
    around: int = 0
    typed: str = ""
    offset_us: int | None = None
    reloads: bool = False
    move: str = ""
    page: Page | None = None

    @property
    def relative(self) -> bool:
        """True for a filter with times relative to now."""
        return bool(self.typed)


class Explanation(Struct, frozen=True):
    """A filter's terms, each with who evaluates it, the request in one line, and a warning if it looks wrong."""

    chips: tuple[Chip, ...] = ()
    line: str = ""
    warning: str = ""


@dataclass(slots=True, eq=False, repr=False)
class Navigator:
    """The places of one session and the current one, `places[at]`.

    `zone` is the time zone of times typed without an offset. `parked` is the filter that `park` brings back. `views`
    are the user's saved filters by name, those of the `profile` if there is one. `saved` is the path of a saved log.
    `unkept` says why marks and notes are not kept after the end; empty if they are. `case` keeps the places, if there
    is one; `begun` is the filter that the program was started with. `journal` is told of each place that is shown.
    `redactor` knows the secrets, which no filter may have.
    """

    log: Log
    zone: tzinfo
    places: list[Place] = field(default_factory=list)
    at: int = -1
    parked: str = ""
    history: History = field(default_factory=History)
    marks: Marks = field(default_factory=Marks)
    views: Mapping[str, str] = field(default_factory=dict)
    profile: str = ""
    base_url: str = ""
    demo: bool = False
    saved: str = ""
    unkept: str = ""
    case: Case | None = None
    begun: str = ""
    journal: Journal = field(default_factory=Journal)
    redactor: Redactor = field(default_factory=Redactor)
    counting: Counting = field(init=False)
    words: TimeWords = field(default_factory=TimeWords)

    def __post_init__(self) -> None:
        self.counting = Counting(self.log)
        self.log.marks = lambda: self.marks

    @property
    def place(self) -> Place:
        return self.places[self.at]

    @property
    def view(self) -> View:
        return self.place.view

    # -- the filter --------------------------------------------------------------------------------------------

    @property
    def shown(self) -> str:
        """The current filter as it is shown: with its times in the words in which they were typed."""
        return self.words.in_words(self.place.text)

    def _shown_query(self) -> Query:
        """The current filter with its absolute times, and with columns of `shown`."""
        pairs = zip(parse(self.place.text).terms, parse(self.shown).terms, strict=True)
        return Query(tuple(replace(term, start=words.start, end=words.end) for term, words in pairs))

    def explain(self, text: str) -> Explanation:
        """Explain a filter without submitting it. Raises `QueryError`."""
        query = self._shown_query() if self.places and text == self.shown else self._query(text)
        planned = plan(query, frozenset(self.log.server_support.ignored))
        line = announced(offers) if (offers := meanings(text)) else explain(planned)
        return Explanation(planned.chips, line, " ".join(warnings(query, self.log.store.seen)))

    def suggest(self, text: str, cursor: int) -> Completion:
        """Completions at the cursor."""
        seen = self.log.store.seen
        seen.replace("tag", self.marks.tag_counts)
        return suggest(text, cursor, seen, {**BUILT_IN, **self.views})

    def submit(self, text: str) -> Place:
        """Show what `text` asks for, with its times made absolute. Raises `QueryError`, and then nothing changes."""
        typed, query = self._read(text)
        self.words.keep(typed, query)
        frozen = format_query(query)
        same = self._is_shown(frozen)
        place = self.place if same else Place(View(self.log, query, like=self._like), frozen)
        if typed.relative:
            place.typed, place.offset_us = text, self.log.api.clock_offset_us
        self.history.add(self.words.as_typed(text, typed, frozen))
        return place if same else self._show(place)

    def _is_shown(self, text: str) -> bool:
        return (
            bool(self.places)
            and self.place.page is None
            and text == self.place.text
            and self.view.anchor is Anchor.NEWEST
            and not self.view.fixed
        )

    @property
    def _like(self) -> View | None:
        return self.view if self.places else None

    def _query(self, text: str) -> Query:
        return self._read(text)[1]

    def _read(self, text: str) -> tuple[TypedFilter, Query]:
        try:
            typed = read_filter(text, self.views, self.redactor)
            return typed, typed.query(self.log.now_us(), self.zone)
        except FilterError as error:
            raise error.in_typed(text) from error

    def refreeze(self) -> Place | None:
        """Replace the current place if its times were made absolute by a clock that turned out to be wrong.

        The first response tells the server's clock. After that the times stay as they are.
        """
        place, offset_us = self.place, self.log.api.clock_offset_us
        if not place.typed or place.view.feed.as_of is None or offset_us is None:
            return None
        typed, place.typed = place.typed, ""
        if abs(offset_us - (place.offset_us or 0)) <= CLOCK_NOISE_US:
            return None
        read, query = self._read(typed)
        self.words.keep(read, query)
        self.places[self.at] = Place(View(self.log, query), format_query(query))
        self.history.add(self.words.as_typed(typed, read, self.place.text))
        self.journal.note(*_noted(self.place))
        return self.place

    def link(self, text: str | None = None) -> str:
        """The command line that opens the current filter, or this one, with absolute times."""
        shown = self.place.text if text is None else text
        profile = "" if self.demo or self.saved else self.profile
        return command_line(shown, profile=profile, base_url=self.base_url, demo=self.demo, saved=self.saved)

    def park(self) -> Place:
        """Show the log without its filter, or with the filter that was parked."""
        text, parked = ("", self.place.text) if self.place.text else (self.parked, self.parked)
        found = self._nearest(text, Anchor.NEWEST)
        if found is None:
            place = self.submit(text)
        else:
            place = found if found is self.place else self._show(Place(found.view, text, found.cursor, found.above))
        self.parked = parked
        return place

    def value_of(self, row: Row, field: str) -> object:
        """The row's value of a field of the filter language."""
        return getattr(row, FIELDS[field].columns[0])

    def narrowed(self, field: str, value: object, *, negated: bool) -> str | None:
        """The current filter with another term for this value; `None` where the language has no term for it."""
        term = term_for(next(iter(FIELDS[field].columns), field), value, negated)
        return with_term(self.place.text, term) if term else None

    def without(self, number: int) -> str:
        """The current filter without the term with this number, counted from 0; its times stay absolute."""
        text = self.place.text
        for term in parse(text).terms[number : number + 1]:
            text = without_term(text, term.start, term.end)
        return text

    def between(self, first_us: int, last_us: int) -> str:
        """The current filter with its time terms replaced by this range; both bounds are included."""
        text = self.place.text
        for term in reversed(parse(text).terms):
            if term.key in ("created", "last") and not term.negated:
                text = without_term(text, term.start, term.end)
        return with_term(text, f"created:{rfc3339(first_us)}..{rfc3339(last_us)}")

    def sorted_by(self, field: str) -> str:
        """The current filter with the next sort order of a field: descending, ascending, then the log's own."""
        text, order = self.place.text, self.view.plan.order
        for term in reversed(parse(text).terms):
            if term.key == "sort":
                text = without_term(text, term.start, term.end)
        if not FIELDS[field].sortable:
            return self.place.text
        ways = ["", "created"] if field == "created" else ["", f"-{field}", field]
        now = "".join(("-" if way == "desc" else "") + name for name, way in order)
        now = now if now != "-created" else ""  # the log's own order
        following = ways[(ways.index(now) + 1) % len(ways)] if now in ways else ways[1]
        return with_term(text, f"sort:{following}") if following else text

    # -- counting ----------------------------------------------------------------------------------------------

    @property
    def everywhere(self) -> str:
        """What a count without a filter is over, in two words."""
        return "all time" if self.log.origin is None else f"in {self.log.origin.kind}"

    def pivots(self, row: Row) -> list[Pivot]:
        """The related filters offered for a row."""
        return pivots(row, self.place.text)

    def meanings(self, text: str) -> list[Pivot]:
        """The filters that an ID or an address alone may stand for; empty for any other text."""
        return meanings(text)

    async def count(self, text: str) -> Count:
        """How many entries a filter matches. Raises `QueryError`, `ApiError`, `StoreError`."""
        return await self.counting.count(self._query(text), self.view)

    async def span(self, text: str) -> tuple[int, int] | None:
        """The times of the first and the last match, where all are loaded or the server can tell."""
        return await self.counting.span(self._query(text), self.view)

    # -- places ------------------------------------------------------------------------------------------------

    def _show(self, place: Place) -> Place:
        self.places[self.at + 1 :] = [place]
        del self.places[:-MOST_PLACES]
        self.at = len(self.places) - 1
        self.journal.note(*_noted(place))
        return place

    def back(self) -> Place | None:
        """Go to the previous place, as it was left; `None` at the first."""
        return self._go(self.at - 1)

    def forward(self) -> Place | None:
        """Go to the next place; `None` at the last."""
        return self._go(self.at + 1)

    def discard(self) -> Place | None:
        """Go back and drop the current place, which could not be loaded; `None` at the first."""
        place = self._go(self.at - 1)
        if place is not None:
            del self.places[self.at + 1 :]
        return place

    def refusal(self, error: AuditLogError) -> QueryError:
        """The server's error about the current filter, pointing at the term it names, or at the whole text."""
        text, params = self.place.text, self.view.plan.params
        sent = [(name, term) for term in parse(text).terms for name in field_of(term.key).params if name in params]
        named = [(len(name), term) for name, term in sent if re.search(rf"\b{name}\b", str(error))]
        only = sent[0][1] if len({id(term) for _, term in sent}) == 1 else None
        term = max(named, key=lambda each: each[0])[1] if named else only
        start, end = (term.start, term.end) if term is not None else (0, len(text))
        return QueryError(str(error), start, end)

    def _go(self, to: int) -> Place | None:
        if not 0 <= to < len(self.places):
            return None
        way = "back" if to < self.at else "forward"
        self.at = to
        self.journal.note(way, whereabouts(self.place))
        return self.place

    def anchored(self, anchor: Anchor) -> Place:
        """Show the same filter from this end, with the view of the nearest place that has it, else with a new one."""
        if self.view.marked:
            return self.place  # it has no other end
        found = self._nearest(self.place.text, anchor)
        view = found.view if found is not None else View(self.log, self.view.query, anchor=anchor, like=self._like)
        end = "oldest" if anchor is Anchor.OLDEST else "newest"
        return self._show(Place(view, self.place.text, move=f"go to the {end} entry"))

    def again(self, place: Place) -> Place:
        """Show a place that could not be loaded, to be loaded again."""
        return self._show(replace(place, view=View(self.log, place.view.query, anchor=place.view.anchor)))

    def _nearest(self, text: str, anchor: Anchor) -> Place | None:
        places = (place for place in reversed(self.places) if place.text == text and place.view.anchor is anchor)
        return next((place for place in places if not place.view.fixed and not _failed(place.view)), None)

    def only_marked(self) -> Place | None:
        """Show the entries that are marked now, newest first, with the cursor on the same entry if it is one of them.

        Rows stay when their mark is removed. `None` if none is marked. Sends no request.
        """
        if not self.marks.count:
            return None
        entry, cursor = self.place.cursor, None
        if entry is not None and self.marks.is_marked(self.log.store.rows([entry])[entry].key):
            cursor = entry
        return self._show(Place(View(self.log, parse(ONLY_MARKED), fixed=True), "", cursor))

    async def next_marked(self, row: int, way: int) -> int | None:
        """The nearest row with a marked entry below (`way` 1) or above (-1) a row; `None` if none is loaded."""
        return await next_marked(self.view, self.marks.keys, row, way)

    def at_moment(self, us: int) -> Place:
        """Show the same filter at a time, to be loaded both ways, in the log's own order."""
        if self.view.marked and not self.view.fixed:
            return self._show(Place(self.view, self.place.text, self.view.entry_at(us)))
        if self.view.fixed:
            return self._show(Place(View(self.log, Query(()), anchor=At(us)), "", move=TO_TIME))
        query = Query(tuple(term for term in self.view.query.terms if term.key != "sort"))
        return self._show(Place(View(self.log, query, anchor=At(us)), format_query(query), move=TO_TIME))

    def moment(self, text: str) -> int:
        """Read a time, in microseconds since 1970 UTC. Raises `QueryError`."""
        self.redactor.check(text)
        return read_moment(text, self.log.now_us(), self.zone)

    def around(self, row: Row, half_us: int, above: int) -> Place | None:
        """Show all entries within `half_us` microseconds of an entry, which stays below `above` lines.

        The filter is parked. `None` for an entry whose time can't be read. Raises `StoreError`.
        """
        us = row.created_us
        if us is None:
            return None
        if not self.place.around:
            self.parked = self.place.text
        text = f"created:{rfc3339(us - half_us)}..{rfc3339(us + half_us)}"
        view = self._loaded_window(text) or View(self.log, self._query(text), anchor=At(us))
        return self._show(Place(view, text, row.n, above, half_us, move="show what is around the entry"))

    def _loaded_window(self, text: str) -> View | None:
        """A view of a range of time that is loaded already, unless it was before the last reload."""
        for place in reversed(self.places):
            if place.text == text and not place.view.marked and place.view.complete:
                return place.view
            if (view := window_of(place.view, self._query(text))) is not None:
                return view
            if place.reloads:
                break
        return None

    def who(self, subject: Subject, before: Page | None = None) -> Place:
        """Show the page about somebody, over the view; it is still to be loaded.

        With the same page as it was `before`, everything is asked again.
        """
        page = self.page_about(subject, None if before else self.view)
        if before is not None:
            page.line, page.opened = before.line, {*before.opened}
        place = self.place
        return self._show(Place(self.view, place.text, place.cursor, place.above, place.around, page=page))

    def page_about(self, subject: Subject, view: View | None) -> Page:
        """The page about somebody, still to be loaded; with a view, what that has is not asked for."""
        from auditlog_tui.analysis.gathering import Gatherer
        from auditlog_tui.analysis.who import Who
        from auditlog_tui.session.page import Page

        return Page(Who(subject, Gatherer(self.counting, view), self.zone))

    def jump(self, *, oldest: bool) -> Place:
        """Show the same filter from its oldest or its newest entry."""
        return self.anchored(Anchor.OLDEST if oldest else Anchor.NEWEST)

    def refresh(self) -> Place:
        """Fetch the same filter or page again, as a new place; the previous one keeps the old rows."""
        self.log.forget()
        self.counting.forget()
        if (page := self.place.page) is not None:
            return self.who(page.who.subject, page)
        if self.view.fixed:
            return self.only_marked() or self.submit("")
        place = self.place
        view = View(self.log, self.view.query, anchor=self.view.anchor)
        cursor = place.cursor if place.around else None
        return self._show(Place(view, place.text, cursor, place.above, place.around, reloads=True))


def _noted(place: Place) -> tuple[str, dict[str, Json]]:
    """What the journal says of a place: how it was asked for, and what it is."""
    if place.page is not None:
        subject = place.page.who.subject
        return "who", {subject.kind: subject.value}
    if place.view.fixed:
        return "marked only", {}
    query: dict[str, Json] = {"query": place.text}
    if place.around:
        return "around", {**query, "seconds": place.around / 1_000_000}
    if place.reloads:
        return "reload", query
    if place.move:
        return "jump", {**query, "to": place.move}
    return "query", {**query, "typed": place.typed}


def whereabouts(place: Place) -> dict[str, Json]:
    """What the journal says of a place that is shown again."""
    kind, fields = _noted(place)
    return fields if kind in ("query", "reload") else {"place": kind, **fields}


def _failed(view: View) -> bool:
    """Whether nothing could be loaded."""
    return view.error is not None and not len(view.feed.run)
