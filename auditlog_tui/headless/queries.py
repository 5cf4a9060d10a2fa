"""From a filter as typed on a command line to a query with absolute times."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from auditlog_tui.analysis.no_matches import warnings
from auditlog_tui.api.client import AuditLogClient
from auditlog_tui.errors import QueryError
from auditlog_tui.headless.streams import Progress, print_note, print_notes
from auditlog_tui.log.log import NO_SERVER_TIME, Log
from auditlog_tui.query import Query
from auditlog_tui.query.seen_values import Seen
from auditlog_tui.session.opening import Session
from auditlog_tui.session.typed_filter import FilterError, TypedFilter, read_filter
from auditlog_tui.settings.options import Settings
from auditlog_tui.settings.redactor import Redactor
from auditlog_tui.text.zones import read_zone


async def read_query(
    text: str, log: Log, settings: Settings, check: Callable[[Query], None] = lambda query: None
) -> tuple[TypedFilter, Query]:
    """The filter, and its query with times absolute by the server's clock; writes warnings about it.

    `check` may refuse it by a `QueryError`. Raises `FilterError`, `SecretError` and `ApiError`.
    """
    typed, zone = read_filter(text, settings.views, Redactor(settings.secrets)), read_zone(settings.zone).zone
    query = typed.query(log.now_us(), zone)
    try:
        check(query)
    except QueryError as error:
        raise FilterError(typed.text, error) from error
    print_notes(warnings(query, Seen()))
    if not typed.relative:
        return typed, query
    await log.learn_clock()
    if not log.knows_now:
        print_note(f"{NO_SERVER_TIME}.")
    return typed, typed.query(log.now_us(), zone)


async def connected(session: Session, progress: Progress) -> AuditLogClient:
    """The session's client, once a saved log is read. Raises `SettingsError` and `StoreError`."""
    if not session.settings.saved:
        return session.connect()
    progress.describe = lambda: f"reading {session.settings.endpoint}: {session.progress}"
    async with progress.shown():
        await asyncio.to_thread(session.prepare)
    if session.client is None:
        raise RuntimeError("not connected")
    return session.client
