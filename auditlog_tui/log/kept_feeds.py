"""Feeds of a case: their states are kept with their rows, and come back in the next process.

A feed that came back is `unasked`: its rows are shown, and `View.more` asks the server what has changed since.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct

from auditlog_tui.api.client import AuditLogApi
from auditlog_tui.log.feed import Anchor, At, Feed, FeedState, RequestKey, request_key
from auditlog_tui.query import Plan
from auditlog_tui.store.entries import EntryStore
from auditlog_tui.store.kept import read_feeds, write_feed

MOST_FEEDS = 300
"""Feeds that come back, besides those of the whole log. The rows of older ones are deleted."""


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

    What can't be read, which this program did not write, is as if it were not there.
    """

    def __init__(self, store: EntryStore) -> None:
        self._store = store
        self._waiting: dict[int, _Kept] = {}
        for run, text in read_feeds(store).items():
            try:
                self._waiting[run] = msgspec.json.decode(text, type=_Kept)
            except (msgspec.MsgspecError, ValueError):
                store.unused.append(run)
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
    """What a kept feed has of the log: `whole` says that it has every entry of its request as of a time.

    The request is of `params`, whatever the order, or of one entry. `as_of_us` is the server's time, in microseconds
    since 1970 UTC.
    """

    params: Mapping[str, str]
    entry_id: str | None
    whole: bool
    as_of_us: int | None


def coverage_of(text: str) -> Coverage | None:
    """The coverage of a feed whose kept state is in a text; `None` if this program did not write it."""
    try:
        kept = msgspec.json.decode(text, type=_Kept)
    except (msgspec.MsgspecError, ValueError):
        return None
    state = kept.state
    whole = state.older.done and state.newer.done and not (state.short or state.lost_joint or state.too_deep)
    us = None if state.as_of is None else (state.as_of - _EPOCH) // timedelta(microseconds=1)
    params = {name: value for name, value in kept.params.items() if name != "sort"}
    return Coverage(params, kept.entry_id, whole and us is not None, us)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
