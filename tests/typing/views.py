"""A log makes feeds; a view, of the log or of marked entries, offers their rows to the screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, assert_type

from auditlog_tui.api.client import AuditLogApi
from auditlog_tui.errors import AuditLogError
from auditlog_tui.log.feed import Anchor, At, Feed, Step
from auditlog_tui.log.log import Detail, Log
from auditlog_tui.log.marked_feed import MarkedFeed
from auditlog_tui.log.view import View
from auditlog_tui.query import Plan, Query
from auditlog_tui.store.entries import EntryStore, Row, Run


class Rows(Protocol):
    """What the table needs of a view."""

    paused: bool

    def __len__(self) -> int: ...

    @property
    def run(self) -> Run: ...

    @property
    def older_done(self) -> bool: ...

    @property
    def newer_done(self) -> bool: ...

    @property
    def upwards(self) -> bool: ...

    @property
    def centred(self) -> bool: ...

    def window(self, first: int, count: int) -> list[Row]: ...

    def row_of(self, n: int) -> int | None: ...


class Fetching(Protocol):
    """What background loading needs of a view."""

    paused: bool
    error: AuditLogError | None

    @property
    def complete(self) -> bool: ...

    async def more(
        self, want: int, on_page: Callable[[], None], *, older: bool = True, everything: bool = False
    ) -> None: ...

    async def prove(self) -> bool: ...


def a_view_offers_both(view: View) -> tuple[Rows, Fetching]:
    return view, view


def marked_entries_are_a_feed(log: Log, plan: Plan) -> Feed:
    return MarkedFeed(log, plan)


def a_log_is_a_client_and_a_working_set(api: AuditLogApi, store: EntryStore) -> Log:
    return Log(api, store)


def a_feed_is_one_plan_from_an_anchor(log: Log, plan: Plan) -> None:
    assert_type(log.feed(plan, Anchor.NEWEST), Feed)
    assert_type(log.reusable_feed(plan, At(1_750_000_000_000_000)), Feed | None)
    log.feed(plan, 1_750_000_000_000_000)  # type: ignore[arg-type]  # At(…)
    log.feed(plan)  # type: ignore[call-arg]  # the anchor is always given


async def a_step_says_what_it_brought(feed: Feed) -> None:
    step = assert_type(await feed.older(), Step)
    assert_type(await feed.newer(), Step)
    assert_type(step.added, int)
    assert_type(step.ignored, frozenset[str])
    assert_type(feed.total, int | None)


def verdicts_are_never_set(feed: Feed, view: View, step: Step) -> None:
    feed.complete = True  # type: ignore[misc]
    view.complete = True  # type: ignore[misc]
    view.older_done = True  # type: ignore[misc]
    step.added = 100  # type: ignore[misc]


def a_view_is_of_a_query(log: Log, plan: Plan, query: Query) -> None:
    assert_type(View(log, query, anchor=Anchor.OLDEST), View)
    View(log, plan)  # type: ignore[arg-type]  # the view plans
    View(log, "status:500")  # type: ignore[arg-type]


async def a_record_may_not_be_there(log: Log, row: Row) -> None:
    detail = assert_type(await log.detail(row.n), Detail | None)
    detail.entry.raw  # type: ignore[union-attr]  # noqa: B018  # no ID, no record
