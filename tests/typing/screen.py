"""The screen gets its log from an opener and asks it through the navigation history."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_type

from auditlog_tui.api.retry import Wait
from auditlog_tui.log.view import View
from auditlog_tui.query import Completion
from auditlog_tui.session.navigator import Explanation, Navigator, Place
from auditlog_tui.session.opening import Session
from auditlog_tui.settings.options import Settings
from auditlog_tui.store.entries import Row
from auditlog_tui.ui.app import AuditLogApp
from auditlog_tui.ui.browse.opening import Opener
from auditlog_tui.ui.panes.filter_bar import FilterBar
from auditlog_tui.ui.table.table import EntryTable
from tests.app.helpers import TestOpener


def the_session_opens_the_log(settings: Settings) -> Opener:
    return Session(settings)


def the_opener_of_tests_does_too() -> Opener:
    return TestOpener()


def the_app_takes_any_opener(settings: Settings, opener: Opener) -> None:
    assert_type(AuditLogApp(settings, opener, "status:>=400"), AuditLogApp)
    AuditLogApp(settings, opener.open)  # type: ignore[arg-type]  # not one of its methods


def waits_are_told(opener: Opener, on_wait: Callable[[Wait | None], None], only: Callable[[Wait], None]) -> None:
    assert_type(opener.open(on_wait), Navigator)
    opener.open(only)  # type: ignore[arg-type]  # None ends the wait


def a_filter_becomes_a_place(browser: Navigator, row: Row) -> None:
    assert_type(browser.submit("status:>=400"), Place)
    assert_type(browser.back(), Place | None)
    assert_type(browser.around(row, 1_000_000, 3), Place | None)
    assert_type(browser.view, View)
    browser.back().view  # type: ignore[union-attr]  # noqa: B018  # no place before the first
    browser.submit(browser.view.query)  # type: ignore[arg-type]  # a text


def the_filter_bar_asks_it(browser: Navigator, bar: FilterBar) -> None:
    assert_type(browser.explain("status:>=400"), Explanation)
    assert_type(browser.suggest("sta", 3), Completion)
    bar.explain = browser.explain
    bar.suggest = browser.suggest
    bar.explain = browser.submit  # type: ignore[assignment]  # this would submit at each key


def the_table_shows_a_view(table: EntryTable, browser: Navigator) -> None:
    table.show(browser.view, entry=None, above=0)
    table.show(browser.place)  # type: ignore[arg-type]
    assert_type(table.row, Row | None)
