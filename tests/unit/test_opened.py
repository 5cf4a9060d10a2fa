"""The connection watch finds connections that the program leaves open."""

from __future__ import annotations

import sqlite3

import pytest

from auditlog_tui.errors import ExitStatus, StoreError
from auditlog_tui.headless.run import Command, run
from auditlog_tui.offline.sqlite_source import SqliteSource
from auditlog_tui.session.opening import Session
from auditlog_tui.settings.options import Settings
from auditlog_tui.store import entries as store
from auditlog_tui.store.entries import EntryStore
from tests import opened

DEMO = Settings(demo=True)
pytestmark = pytest.mark.usefixtures("small_demo")


def is_closed(connection: sqlite3.Connection) -> bool:
    try:
        connection.total_changes  # noqa: B018  # it raises
    except sqlite3.ProgrammingError:
        return True
    return False


def prepared() -> Session:
    session = Session(DEMO)
    session.prepare()
    return session


def test_what_the_program_leaves_open_is_found_by_where_it_was_opened() -> None:
    prepared().open(lambda wait: None)
    log, entries = opened.close()
    assert log.startswith("opening.py:")
    assert log.endswith("Session._offline")
    assert entries.startswith("opening.py:")
    assert entries.endswith("Session.open_log")
    assert opened.close() == []


async def test_a_session_closes_its_log_and_its_working_set() -> None:
    session = prepared()
    session.open(lambda wait: None)
    await session.close()
    assert opened.close() == []


async def test_a_session_that_is_closed_while_it_prepares_leaves_nothing_open() -> None:
    session = Session(DEMO)
    await session.close()
    session.prepare()
    assert opened.close() == []


def test_a_command_whose_working_set_fails_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> EntryStore:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(store, "EntryStore", fail)
    assert run(DEMO, Command("count", "")) == ExitStatus.INCOMPLETE
    assert opened.close() == []


def test_what_a_test_opens_is_closed_for_it() -> None:
    entries, log = EntryStore(), SqliteSource()
    assert opened.close() == []
    assert all(is_closed(each) for each in (entries.connection, log._db))


def test_what_is_to_last_does() -> None:
    with opened.lasting():
        entries = EntryStore()
    opened.close()
    assert not is_closed(entries.connection)
    entries.close()
