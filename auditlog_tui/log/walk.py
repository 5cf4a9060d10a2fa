"""Loads a view without a screen: to its end, or to a number of rows."""

from __future__ import annotations

from collections.abc import Callable

from auditlog_tui.api.retry import Wait
from auditlog_tui.entries.contract import NEWEST_FIRST, PAGE
from auditlog_tui.errors import ApiError, AuditLogError, BadRequestError, NotFoundError
from auditlog_tui.log.log import Log
from auditlog_tui.log.server_support import SMALLEST_PAGE
from auditlog_tui.log.sort_order import SortValues, in_order, reversed_order, sort_key, sort_values
from auditlog_tui.log.view import View
from auditlog_tui.query import Query
from auditlog_tui.text.times import rfc3339


class Walk:
    """Loads the view of a query, or `view` if there is one, to its end or to a number of rows."""

    def __init__(self, log: Log, query: Query, view: View | None = None) -> None:
        self.view = View(log, query) if view is None else view

    async def begin(self) -> None:
        """Fetch the first rows, and test which parameters the server honours. Raises `AuditLogError`."""
        await self.more(1)
        await self.view.prove()

    async def go(self, limit: int, on_page: Callable[[], None] | None = None) -> None:
        """Fetch until there are `limit` rows, or all. Raises `AuditLogError`."""
        await self.more(limit - len(self.view), on_page, everything=True)

    async def more(self, want: int, on_page: Callable[[], None] | None = None, *, everything: bool = False) -> None:
        """Fetch `want` more rows; unless `everything` is set, with a few requests at most. Raises `AuditLogError`."""
        view = self.view
        await view.more(want, on_page, everything=everything)
        refused_cursor = view.feed.broken and isinstance(view.error, BadRequestError | NotFoundError)
        if view.error is not None and not refused_cursor:
            raise view.error

    async def order_shown(self) -> bool:
        """Whether the server is known to sort as requested.

        The first page may fit its default order too. Then one more request decides: a server that honours `sort`
        starts the reverse order with another entry.
        """
        feed, log = self.view.feed, self.view.log
        sort = feed.plan.params.get("sort")
        rows = [SortValues(row.created_us, row.status_code) for row in log.store.window(feed.run, 0, PAGE)]
        if sort is None or feed.complete or not in_order(rows, NEWEST_FIRST):
            return True
        try:
            page = await log.api.list({**feed.plan.params, "sort": reversed_order(sort)}, limit=SMALLEST_PAGE)
        except ApiError:
            return False
        ends = [sort_values(entry) for entry in page.entries[:1]] + rows[:1]
        last, first = [sort_key(values, sort) for values in ends] if len(ends) > 1 else (None, None)
        return first is not None and last is not None and first < last

    def missing(self) -> str:
        """A sentence on what is known to be missing; empty if nothing is."""
        return f"Incomplete: {reason}" if (reason := self.reason()) else ""

    def reason(self) -> str:
        """Why not every entry that matches is there, in sentences without a capital; empty if every one is."""
        summary = self.view.summary()
        if summary.complete:
            return ""
        reason = summary.reason or "the server broke off"
        counted = f" of {summary.total:,}" if summary.total is not None else ""
        entries = "entry" if summary.total == 1 or (summary.total is None and summary.loaded == 1) else "entries"
        said = f"{reason}. {summary.loaded:,}{counted} {entries} arrived"
        return f"{said}; {self._gap()} is missing." if not self.view.complete else f"{said}."

    def _gap(self) -> str:
        feed = self.view.feed
        last = self.view.log.store.window(feed.run, len(feed.run) - 1, 1)
        if not last or last[0].created_us is None or not feed.by_time:
            return "what follows"
        return f"what is older than {rfc3339(last[0].created_us)}"

    @property
    def gone(self) -> int:
        """How many of the loaded entries the server no longer has."""
        return self.view.summary().gone

    def tells(self, wait: Wait) -> bool:
        """Whether the state tells of this wait."""
        return self.view.pace is not None and self.view.pace.tells(wait)

    def describe(self) -> str:
        """The state of the walk, for the progress line."""
        try:
            summary = self.view.summary()
        except AuditLogError:
            return ""
        of = f" of {summary.total:,}" if summary.total is not None else ""
        pace = "" if self.view.pace is None else f" · {self.view.pace.text(short=True)}"
        if summary.filtered:
            return f"{summary.rows:,} found · {summary.loaded:,}{of} scanned{pace}"
        return f"{summary.loaded:,}{of} fetched{pace}"
