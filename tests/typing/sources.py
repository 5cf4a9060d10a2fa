"""The client asks any httpx transport; offline sources answer through one too."""

from __future__ import annotations

from typing import assert_type

import httpx

from auditlog_tui.api.client import AuditLogApi, AuditLogClient
from auditlog_tui.demo import demo_log
from auditlog_tui.entries.models import Entry, Page
from auditlog_tui.offline.source import Source
from auditlog_tui.offline.sqlite_source import SqliteSource
from auditlog_tui.offline.transport import OfflineTransport


def the_demo_is_a_source() -> Source:
    return assert_type(demo_log(), SqliteSource)


def a_transport_answers_from_any_source(source: Source) -> httpx.AsyncBaseTransport:
    return OfflineTransport(source, latency_ms=5)


def what_finds_no_entries_is_no_source() -> Source:
    return object()  # type: ignore[return-value]  # it can't find entries


def the_client_asks_any_transport(transport: httpx.AsyncBaseTransport) -> AuditLogApi:
    return AuditLogClient(base_url="https://log.example", key="a-key", transport=transport)


def a_blocking_transport_is_refused(transport: httpx.BaseTransport) -> None:
    AuditLogClient(base_url="https://log.example", key=None, transport=transport)  # type: ignore[arg-type]  # it would stop the screen


def the_key_is_always_given() -> None:
    AuditLogClient(base_url="https://log.example")  # type: ignore[call-arg]  # None where there is none


async def two_questions(api: AuditLogApi) -> None:
    assert_type(await api.list({"method": "GET"}, limit=100), Page)
    assert_type(await api.list({}, limit=100, cursor="next"), Page)
    assert_type(await api.get("an-id"), Entry)
    assert_type(api.clock_offset_us, int | None)


async def parameters_are_texts(api: AuditLogApi) -> None:
    await api.list({"status_code_min": 400}, limit=100)  # type: ignore[dict-item]  # the API takes texts
    await api.list({}, 100)  # type: ignore[call-arg]  # limit and cursor go by name


async def the_answer_is_awaited(api: AuditLogApi) -> int:
    return len(api.list({}, limit=100))  # type: ignore[arg-type]  # a coroutine, no page


def the_clock_may_be_unknown(api: AuditLogApi, now_us: int) -> int:
    return now_us + api.clock_offset_us  # type: ignore[operator]  # None before the first answer
