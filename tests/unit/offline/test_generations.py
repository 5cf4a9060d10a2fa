"""The same query gives the same entries on both generations of the API, and they are those that it means."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import lru_cache

import pytest

from auditlog_tui.api.client import AuditLogClient
from auditlog_tui.demo import demo_log, demo_truth
from auditlog_tui.entries.models import Entry
from auditlog_tui.log.log import Log
from auditlog_tui.log.view import State, View
from auditlog_tui.offline.sqlite_source import SqliteSource
from auditlog_tui.offline.transport import OfflineTransport
from auditlog_tui.query import Query, freeze, parse
from auditlog_tui.store.entries import EntryStore
from tests.opened import lasting
from tests.unit.query.evaluate import matches
from tests.unit.views import ALL

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
NOW_US = int(NOW.timestamp() * 1_000_000)
TRUTH = demo_truth(until=NOW)
KEY, ADDRESS, TARGET = TRUTH.key_id, TRUTH.addresses[0], TRUTH.destroyed[0]

QUERIES = (
    "",
    "action:vm.read",
    "action:vm.deleted,volume.deleted",
    "action:*.deleted",
    "action:vm.*",
    "action:*e*d",
    "-action:*.read",
    "action:no.such",
    f"actor:{KEY}",
    f"-actor:{KEY}",
    f"actor:{KEY},none",
    "actor:*-*",
    "actor.name:alice",
    "-actor.name:ci",
    "actor.name:ci,alice",
    "actor.type:api_key",
    "actor.type:user",
    "-actor.type:user",
    "actor.type:api_key,user",
    "actor.type:*key",
    f"ip:{ADDRESS}",
    f"-ip:{ADDRESS}",
    "ip:198.51.100.0/24",
    "-ip:192.0.2.0/24",
    "ip:2001:db8::/32",
    f"ip:{ADDRESS.replace('.', '[.]')}",
    "method:DELETE",
    "-method:GET",
    "method:POST,PATCH",
    "method:delete",
    "path:/volumes",
    "path:VOLUMES",
    "/compute",
    "-path:/compute",
    "path:~^/v1/[a-z]+$",
    "path:~vms/.*",
    "status:403",
    "status:>=400",
    "status:>400",
    "status:4xx",
    "status:400..499",
    "status:403,409",
    "-status:200",
    "status:<300",
    "status:>=400 -status:403",
    "status:>=400 status:<500",
    f"target:{TARGET}",
    f"-target:{TARGET}",
    "target:none",
    "-target:none",
    'target:"none"',
    "target.type:vm",
    "-target.type:vm",
    "target.type:v*",
    "created:>=2026-07-01",
    "created:2026-06-30..2026-06-30",
    "created:2026-06-30",
    "-created:2026-06-30",
    "created:<2026-06-30T12:00Z",
    "last:24h",
    "last:2h status:>=400",
    "created:yesterday",
    "ua:terraform",
    "-ua:python",
    "ua:Mozilla -actor.name:alice",
    "terraform",
    '"api_key"',
    "-terraform",
    f"actor:{KEY} ip:{ADDRESS}",
    f"actor:{KEY} -ip:{ADDRESS} method:DELETE",
    "path:/v1 path:/vms -path:/volumes",
    f"id:{TRUTH.entries[0]}",
    f"id:{TRUTH.entries[0]},{TRUTH.entries[1]}",
    f"-id:{TRUTH.entries[0]}",
    "sort:created status:>=400",
    "sort:status,-created status:>=400",
    "sort:-actor.name action:vm.deleted",
)


@lru_cache
def source() -> SqliteSource:
    with lasting():
        return demo_log(entries=250, until=NOW)


async def everything(generation: int, query: Query) -> tuple[View, list[Entry]]:
    """All that a view shows once it is complete."""
    transport = OfflineTransport(source(), generation=generation)
    client = AuditLogClient(base_url="https://log.example", key=None, transport=transport)
    store = EntryStore()
    view = View(Log(client, store), query)
    while not view.complete:
        await view.more(ALL, lambda: None, everything=True)
        assert view.error is None
    if await view.prove():
        await view.more(ALL, lambda: None, everything=True)
    rows = [store.entry(row.n) for row in view.window(0, len(view))]
    return view, rows


@pytest.fixture(scope="module")
def log() -> list[Entry]:
    """Every entry of the log."""
    with lasting():
        return asyncio.run(everything(2, Query()))[1]


@pytest.mark.parametrize("text", QUERIES)
async def test_both_generations_show_what_the_query_means(text: str, log: list[Entry]) -> None:
    query = freeze(parse(text), NOW_US, UTC)
    meant = {entry.key for entry in log if matches(query, entry)}
    for generation in (1, 2):
        view, rows = await everything(generation, query)
        assert view.summary().state is State.COMPLETE
        assert {entry.key for entry in rows} == meant
        assert len(rows) == len(meant)


async def test_they_come_in_the_same_order() -> None:
    for text in ("status:>=400", "action:*.deleted -actor.type:user"):
        query = freeze(parse(text), NOW_US, UTC)
        first, second = [[entry.key for entry in (await everything(n, query))[1]] for n in (1, 2)]
        assert first == second


def test_there_are_enough_of_them() -> None:
    assert len(set(QUERIES)) >= 60
