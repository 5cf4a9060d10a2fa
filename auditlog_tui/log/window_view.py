"""A range of time out of a view that is loaded whole, as a view of its own, which sends no requests."""

from __future__ import annotations

from msgspec.structs import replace

from auditlog_tui.log.bounds import TIME_BOUNDS
from auditlog_tui.log.feed import Anchor, At, Feed
from auditlog_tui.log.view import Summary, View
from auditlog_tui.query import Plan, Query, plan
from auditlog_tui.query.syntax import Term, Times
from auditlog_tui.store.scans import SLICE


class WindowView(View):
    """The rows of `whole` in the range of `query`. It is as up to date as `whole`, and as complete."""

    def __init__(self, whole: View, query: Query) -> None:
        self._whole = whole
        super().__init__(whole.log, query, anchor=whole.anchor)
        self._evaluate_slice()  # so that the rows are there at once

    def _make_plan(self) -> Plan:
        return plan(self.query, TIME_BOUNDS)  # evaluated here

    def _find_feed(self, anchor: Anchor | At, like: View | None) -> Feed:
        return self._whole.feed

    def summary(self) -> Summary:
        found, first = super().summary(), self.window(0, 1)
        newest_us = first[0].created_us if first and found.newest_us is not None else None
        found = replace(found, newest_us=newest_us)
        return replace(found, loaded=found.rows, total=None, filtered=False) if found.complete else found


def window_of(view: View, query: Query) -> WindowView | None:
    """The view of a range of time, if `view` is complete, has every entry of the range, and is small enough.

    Raises `StoreError`.
    """
    run, outer, inner = view.feed.run, _range(view.query), _range(query)
    if view.marked or outer is None or inner is None or len(run) > SLICE or run.noted:
        return None
    covered = outer[0] <= inner[0] and inner[1] <= outer[1]
    summary = view.summary()
    return WindowView(view, query) if covered and summary.complete and not summary.gone else None


def _range(query: Query) -> tuple[float, float] | None:
    """The range of a query that asks for nothing but times; `None` for another one."""
    if not all(map(_is_range, query.terms)):
        return None
    planned = plan(query)
    low, high = planned.created_min_us, planned.created_max_us
    return float("-inf") if low is None else low, float("inf") if high is None else high


def _is_range(term: Term) -> bool:
    match term:
        case Term(key="created", values=(Times(strict=False),), negated=False):
            return True
    return False
