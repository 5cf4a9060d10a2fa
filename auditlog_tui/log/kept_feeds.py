"""Feeds of a case: their states are kept with their rows, and come back in the next process.

A feed that came back is `unasked`: its rows are shown, and `View.more` asks the server what has changed since.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Struct

from auditlog_tui.api.client import AuditLogApi
from auditlog_tui.log.feed import Anchor, At, Feed, FeedState, RequestKey, request_key
from auditlog_tui.query import Plan
from auditlog_tui.store.entries import EntryStore
from auditlog_tui.store.kept import read_feeds, write_feed

MOST_FEEDS = 300
"""Feeds that come back, besides those of the whole log. The rows of older ones are deleted; what they had whole stays
known."""


class _Kept(Struct, frozen=True):
    """A feed's request and state; `anchor` is one of `Anchor`, or a time in microseconds."""

    params: dict[str, str]
    entry_id: str | None
    anchor: str | int
    state: FeedState

    @property
    def request(self) -> RequestKey:
        anchor = At(self.anchor) if isinstance(self.anchor, int) else Anchor(self.anchor)
        return frozenset(self.params.items()), self.entry_id, anchor


class KeptFeeds:
    """The feeds in a case, by the number of their run; `save` keeps one. Raises `StoreError`.

    What can't be read, which this program did not write, and what lacks rows is as if it were not there.
    """

    def __init__(self, store: EntryStore) -> None:
        self._store = store
        store.covered_by = _covered_by
        self._waiting: dict[int, _Kept] = {}
        for run, (text, rows) in read_feeds(store).items():
            kept = _read(text, rows)
            if kept is None:
                store.unused.append(run)
            else:
                self._waiting[run] = kept
        parts = [run for run, kept in self._waiting.items() if kept.params or kept.entry_id is not None]
        for run in parts[:-MOST_FEEDS]:
            store.unused.append(run)
            del self._waiting[run]

    def save(self, feed: Feed) -> None:
        """Keep a feed's request and state."""
        plan, anchor = feed.plan, feed.anchor
        at = anchor.us if isinstance(anchor, At) else anchor.value
        kept = _Kept(dict(plan.params), plan.entry_id, at, feed.keeping.state())
        write_feed(self._store, feed.run.number, msgspec.json.encode(kept).decode())

    def forget(self) -> None:
        """Return no more of those that are not in use; their rows are of no use either."""
        self._store.unused.extend(self._waiting)
        self._waiting.clear()

    def take(self, api: AuditLogApi, plan: Plan, anchor: Anchor | At, run: int | None = None) -> Feed | None:
        """The feed in this run, or the last one, that sends the same request; `None` if there is none.

        It is taken once: whoever needs it again shares the view.
        """
        wanted = request_key(plan, anchor)
        runs = [run] if run is not None else sorted(self._waiting, reverse=True)
        found = next((each for each in runs if each in self._waiting and self._waiting[each].request == wanted), None)
        if found is None:
            return None
        feed = Feed(api, self._store, plan, anchor, self._store.kept_run(found), self.save)
        feed.keeping.come_back(self._waiting.pop(found).state)
        return feed


class Coverage(Struct, frozen=True):
    """A request of which every entry is in the case, as of a time (the server's, in microseconds since 1970 UTC).

    The request is of `params`, whatever the order.
    """

    params: Mapping[str, str]
    as_of_us: int


def _read(text: str, rows: int) -> _Kept | None:
    """A kept state; `None` if this program did not write it, or if fewer rows are left than have arrived."""
    try:
        kept = msgspec.json.decode(text, type=_Kept)
    except (msgspec.MsgspecError, ValueError):
        return None
    return kept if kept.state.older.arrived + kept.state.newer.arrived <= rows else None


def coverage_of(text: str, rows: int) -> Coverage | None:
    """What a feed with so many rows has whole by its kept state; `None` if nothing, or if that can't be relied on."""
    kept = _read(text, rows)
    if kept is None:
        return None
    state = kept.state
    whole = state.older.done and state.newer.done and not (state.short or state.lost_joint or state.too_deep)
    if not whole or state.as_of is None or kept.entry_id is not None:
        return None
    params = {name: value for name, value in kept.params.items() if name != "sort"}
    return Coverage(params, (state.as_of - _EPOCH) // timedelta(microseconds=1))


def read_coverage(request: object, as_of_us: object) -> Coverage | None:
    """The coverage of a feed that was dropped, from what the case kept; `None` if this program did not write it."""
    try:
        params = msgspec.json.decode(request if isinstance(request, str) else "", type=dict[str, str])
        return Coverage(params, msgspec.convert(as_of_us, _Instant))
    except (msgspec.MsgspecError, ValueError):
        return None


def _covered_by(text: str, rows: int) -> tuple[str, int] | None:
    """What a case keeps of a feed with this state and so many rows that is dropped."""
    found = coverage_of(text, rows)
    if found is None:
        return None
    return msgspec.json.encode(found.params, order="sorted").decode(), found.as_of_us


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Instant = Annotated[int, msgspec.Meta(ge=-62_135_596_800_000_000, le=253_402_300_799_999_999)]
"""Microseconds of the years 1 to 9999."""
