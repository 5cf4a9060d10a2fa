"""The places of a case: where the user was, and what can be gone back to, come back in the next process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from auditlog_tui.errors import QueryError
from auditlog_tui.log.feed import Anchor, At, Feed, request_key
from auditlog_tui.log.log import Log
from auditlog_tui.log.view import View
from auditlog_tui.query import format_query, parse, plan

if TYPE_CHECKING:
    from auditlog_tui.session.navigator import Navigator, Place

PLACES = "places"
"""The name of the places among the texts of a case."""


class _View(Struct, frozen=True):
    """`anchor` is one of `Anchor`, or a time in microseconds. `run` is the feed's, `None` for marked entries."""

    query: str
    anchor: str | int
    run: int | None
    fixed: bool = False


class _Place(Struct, frozen=True):
    """As `Place`; `view` is a number, and `who` whom a page is about: kind and value."""

    view: int
    text: str
    cursor: int | None
    above: int
    around: int
    reloads: bool
    move: str
    who: tuple[Literal["actor", "ip", "target"], str] | None = None


class _Places(Struct, frozen=True):
    """`begun` is the filter that the program was started with. `words` are those in which times were typed."""

    views: list[_View]
    places: list[_Place]
    at: int
    parked: str
    begun: str
    words: dict[str, str]
    ignored: list[str]
    slices_fail: bool


def begin(navigator: Navigator, text: str) -> Place:
    """Show what the program was started for, with the filter `text`. Raises `QueryError` and `StoreError`.

    A case shows where it was left, if there is no filter, or the one that it was started with before.
    """
    from auditlog_tui.session.navigator import whereabouts

    if navigator.case is not None:
        begun = _take_places(navigator, navigator.case.read(PLACES))
        if begun is not None and text in ("", begun):
            navigator.begun = begun
            navigator.journal.note("resumed", whereabouts(navigator.place))
            return navigator.place
    place = navigator.submit(text)
    navigator.begun = text
    return place


def keep_places(navigator: Navigator) -> None:
    """Let the case keep the places as they are now. Raises `StoreError`."""
    if navigator.case is not None and navigator.places:
        navigator.case.keep(PLACES, _text_of(navigator))


def _text_of(navigator: Navigator) -> str:
    numbers: dict[View, int] = {}
    for place in navigator.places:
        numbers.setdefault(place.view, len(numbers))
    support = navigator.log.server_support
    kept = _Places(
        [_of_view(view) for view in numbers],
        [_of_place(place, numbers[place.view]) for place in navigator.places],
        navigator.at,
        navigator.parked,
        navigator.begun,
        dict(navigator.words.known),
        sorted(support.ignored),
        support.slices_fail,
    )
    return msgspec.json.encode(kept).decode()


def _of_view(view: View) -> _View:
    at = view.anchor.us if isinstance(view.anchor, At) else view.anchor.value
    run = view.feed.run.number if view.feed.request_key is not None else None
    return _View(format_query(view.query), at, run, view.fixed)


def _of_place(place: Place, view: int) -> _Place:
    subject = place.page.who.subject if place.page is not None else None
    who = (subject.kind, subject.value) if subject is not None else None
    return _Place(view, place.text, place.cursor, place.above, place.around, place.reloads, place.move, who)


def _take_places(navigator: Navigator, text: str) -> str | None:
    """Let the navigator have the places in a text of `_text_of`.

    Returns the filter that the program was started with then; `None` if there are no places. Raises `StoreError`.
    """
    if navigator.redactor.has(text):  # a version that kept secrets wrote it
        if navigator.case is not None:
            navigator.case.forget(PLACES)
        return None
    try:
        kept = msgspec.json.decode(text, type=_Places)
        navigator.log.server_support.ignored |= set(kept.ignored)
        navigator.log.server_support.slices_fail |= kept.slices_fail
        views = _views(navigator.log, kept.views)
        places = [_place(navigator, place, views[place.view]) for place in kept.places]
    except (msgspec.MsgspecError, QueryError, IndexError, ValueError):
        return None  # this program did not write it
    if not 0 <= kept.at < len(places):
        return None
    navigator.places, navigator.at, navigator.parked = places, kept.at, kept.parked
    navigator.words.known.update(kept.words)
    return kept.begun


def _views(log: Log, kept: list[_View]) -> list[View]:
    feeds: dict[int, Feed] = {}
    views = []
    for each in kept:
        query = parse(each.query)
        anchor = At(each.anchor) if isinstance(each.anchor, int) else Anchor(each.anchor)
        planned, feed = plan(query, frozenset(log.server_support.ignored)), None
        if each.run is not None:
            feed = feeds.get(each.run) or log.kept_feed(planned, anchor, each.run)
        if each.run is not None and feed is not None:
            feeds[each.run] = feed
            feed = feed if feed.request_key == request_key(planned, anchor) else None
        views.append(View(log, query, anchor=anchor, fixed=each.fixed, feed=feed))
    return views


def _place(navigator: Navigator, kept: _Place, view: View) -> Place:
    from auditlog_tui.session.navigator import Place

    place = Place(view, kept.text, kept.cursor, kept.above, kept.around, reloads=kept.reloads, move=kept.move)
    if kept.who is not None:
        from auditlog_tui.analysis.who import Subject

        place.page = navigator.page_about(Subject(*kept.who), view)
    return place
