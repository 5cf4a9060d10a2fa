from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from auditlog_tui.analysis import facets as module
from auditlog_tui.analysis.facets import Facet, Facets
from auditlog_tui.demo import demo_entries
from auditlog_tui.entries.models import read_entry
from auditlog_tui.errors import StoreError
from auditlog_tui.offline.sqlite_source import FlatEntry
from auditlog_tui.store.entries import EntryStore, Run
from auditlog_tui.store.scans import SLICE

UNTIL = datetime(2026, 7, 1, 12, tzinfo=UTC)
ENTRIES = list(demo_entries(entries=3 * SLICE + 17, until=UNTIL))[::-1]


def json_of(**fields: Any) -> str:
    return json.dumps(
        {"created_at": "2026-07-01T00:00:00Z", "method": "GET", "path": "/", "status_code": 200, **fields}
    )


def text_of(entry: FlatEntry) -> str:
    target = {"id": entry.target_id, "type": entry.target_type} if entry.target_id else None
    actor = {"id": entry.actor_id, "name": entry.actor_name, "type": entry.actor_type}
    return json_of(
        id=entry.id, action=entry.action, actor=actor, client_ip=entry.client_ip,
        status_code=entry.status_code, user_agent=entry.user_agent, target=target,
    )  # fmt: skip


def stored(entries: list[FlatEntry]) -> tuple[EntryStore, Run]:
    store = EntryStore()
    run = store.new_run()
    store.append(run, store.add([read_entry(text_of(entry)) for entry in entries]))
    return store, run


def counted(facet: Facet) -> dict[object, int]:
    return {tally.value: tally.n for tally in facet.top(100_000)}


async def test_they_are_the_counts_of_what_is_loaded() -> None:
    store, run = stored(ENTRIES)
    facets = Facets(store, run)
    await facets.fill(lambda facet: None)
    columns = ("status_code", "actor_id", "action", "client_ip", "target_id", "user_agent")
    for facet, column in zip(facets.facets, columns, strict=True):
        assert counted(facet) == Counter(getattr(entry, column) for entry in ENTRIES)


async def test_rows_that_come_later_are_added_and_only_they_are_read() -> None:
    store, run = stored(ENTRIES[:1000])
    facets = Facets(store, run)
    await facets.fill(lambda facet: None)
    store.append(run, store.add([read_entry(text_of(entry)) for entry in ENTRIES[1000:1100]]))
    seen: list[str] = []
    store.connection.set_trace_callback(seen.append)
    await facets.fill(lambda facet: None)
    assert len([sql for sql in seen if "GROUP BY" in sql]) == len(facets.facets)
    assert counted(facets.facets[2]) == Counter(entry.action for entry in ENTRIES[:1100])


async def test_statuses_and_actors_come_first_and_are_known_by_their_names() -> None:
    store, run = stored(ENTRIES)
    order: list[str] = []
    facets = Facets(store, run)
    await facets.fill(lambda facet: order.append(facet.kind.field))
    assert list(dict.fromkeys(order)) == ["status", "actor", "action", "ip", "target", "ua"]
    assert facets.facets[1].top(1)[0].name in {entry.actor_name for entry in ENTRIES}


async def test_a_fill_that_is_broken_off_goes_on_where_it_was() -> None:
    store, run = stored(ENTRIES)
    facets = Facets(store, run)
    for _ in range(3):
        facets.facets[1].count_slice()
    await facets.fill(lambda facet: None)
    assert counted(facets.facets[1]) == Counter(entry.actor_id for entry in ENTRIES)


async def test_too_many_values_make_room_and_what_remains_is_at_least_so_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST", 20)
    monkeypatch.setattr(module, "TOO_MANY", 40)
    store, run = stored(ENTRIES)
    facets = Facets(store, run)
    await facets.fill(lambda facet: None)
    targets, truth = facets.facets[4], Counter(entry.target_id for entry in ENTRIES)
    assert not targets.all_known
    for tally in targets.top(20):
        assert tally.n == truth[tally.value] if tally.exact else tally.n <= truth[tally.value]  # type: ignore[index]  # a target's id


async def test_rows_that_come_at_the_newer_end_are_counted_too() -> None:
    store, run = stored(ENTRIES[500:1000])
    facets = Facets(store, run)
    await facets.fill(lambda facet: None)
    newer = store.add([read_entry(text_of(entry)) for entry in ENTRIES[:500]])
    store.prepend(run, newer[::-1])
    await facets.fill(lambda facet: None)
    assert counted(facets.facets[3]) == Counter(entry.client_ip for entry in ENTRIES[:1000])
    assert facets.facets[3].read == 1000


async def test_rows_that_are_cut_off_are_no_longer_counted() -> None:
    store, run = stored(ENTRIES[:1000])
    facets = Facets(store, run)
    await facets.fill(lambda facet: None)
    store.cut(run, 300)
    assert facets.behind
    await facets.fill(lambda facet: None)
    assert counted(facets.facets[1]) == Counter(entry.actor_id for entry in ENTRIES[300:1000])


async def test_values_too_long_to_list_are_counted_apart() -> None:
    store = EntryStore()
    run = store.new_run()
    longest, longer, hidden = "a" * module.LONGEST, "a" * (module.LONGEST + 1), "\0" + "b" * module.LONGEST
    agents = [longest, longer, longer, hidden, "c", None]
    store.append(run, store.add([read_entry(json_of(id=f"{n}", user_agent=agent)) for n, agent in enumerate(agents)]))
    facet = Facets(store, run).facets[5]
    facet.count_slice()
    assert counted(facet) == {longest: 1, "c": 1, None: 1}
    assert facet.too_long == 3


async def test_values_that_are_the_same_up_to_a_nul_are_different_values() -> None:
    store = EntryStore()
    run = store.new_run()
    names = ["x", "x\0y", "x\0z"]
    entries = [
        read_entry(json_of(id=f"{n}", user_agent=name, actor={"id": f"a{n}", "name": name, "type": "user"}))
        for n, name in enumerate(names)
    ]
    store.append(run, store.add(entries))
    _, actors, *_, agents = Facets(store, run).facets
    agents.count_slice()
    actors.count_slice()
    assert counted(agents) == dict.fromkeys(names, 1)
    assert {tally.name for tally in actors.top(3)} == set(names)


async def test_a_failing_store_loses_no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    store, run = stored(ENTRIES[:1000])
    facet = Facets(store, run).facets[1]

    def fails(sql: str, values: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(store, "read", fails)
        with pytest.raises(StoreError):
            facet.count_slice()
    facet.count_slice()
    assert counted(facet) == Counter(entry.actor_id for entry in ENTRIES[:1000])


async def test_the_rarest_values_come_first_where_all_are_known() -> None:
    store, run = stored(ENTRIES)
    facets = Facets(store, run)
    await facets.fill(lambda facet: None)
    truth = Counter(entry.action for entry in ENTRIES)
    rarest = facets.facets[2].rarest(5)
    assert [tally.n for tally in rarest] == sorted(truth.values())[:5]
    assert all(truth[tally.value] == tally.n for tally in rarest)  # type: ignore[index]  # an action
