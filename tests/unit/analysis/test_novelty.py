from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui.analysis.novelty import SOON_US, Novelty
from auditlog_tui.entries.models import read_entry
from auditlog_tui.store.entries import EntryStore, Run
from auditlog_tui.text.times import rfc3339

MINUTE = 60_000_000

Use = tuple[int, str, str, str, str]
"""Minute, actor, address, agent, action."""

uses = st.lists(
    st.tuples(
        st.integers(0, 40), st.sampled_from("ab"), st.sampled_from(("192.0.2.1", "192.0.2.2", "192.0.2.3")),
        st.sampled_from(("curl", "cli")), st.sampled_from(("vm.read", "vm.deleted")),
    ),
    max_size=40,
)  # fmt: skip


def json_of(**fields: Any) -> str:
    return json.dumps(
        {"created_at": "2026-07-01T00:00:00Z", "method": "GET", "path": "/", "status_code": 200, **fields}
    )


def stored(some: list[Use], parts: int) -> tuple[EntryStore, Run, list[int]]:
    """Newest first, in so many pages."""
    store = EntryStore()
    run = store.new_run()
    ordered = sorted(some, key=lambda use: -use[0])
    entries = [
        read_entry(
            json_of(
                id=f"e{n}", created_at=rfc3339(minute * MINUTE), action=action, client_ip=address, user_agent=agent,
                actor={"id": actor, "name": actor, "type": "api_key"},
            )
        )
        for n, (minute, actor, address, agent, action) in enumerate(ordered)
    ]  # fmt: skip
    numbers = store.add(entries)
    size = max(1, len(numbers) // parts)
    novelty_order = [numbers[start : start + size] for start in range(0, len(numbers), size)]
    for page in novelty_order:
        store.append(run, page)
    return store, run, numbers


@given(uses, st.integers(1, 5))
async def test_each_pairs_first_is_its_oldest(some: list[Use], parts: int) -> None:
    store, run, numbers = stored(some, parts)
    novelty = Novelty(store, run)
    await novelty.catch_up()
    oldest_first = list(zip(numbers, sorted(some, key=lambda use: -use[0]), strict=True))[::-1]
    seen: set[tuple[int, str, str]] = set()
    firsts: dict[int, set[int]] = {}
    for n, (_, actor, *values) in oldest_first:
        for place, value in enumerate(values):
            if (place, actor, value) not in seen:
                seen.add((place, actor, value))
                firsts.setdefault(n, set()).add(place)
    assert {n: len(places) for n, places in firsts.items()} == {
        n: len(novelty.firsts(n)) for n in numbers if novelty.firsts(n)
    }
    store.close()


@given(uses)
async def test_a_key_from_two_addresses_within_ten_minutes_is_flagged(some: list[Use]) -> None:
    store, run, numbers = stored(some, 1)
    novelty = Novelty(store, run)
    await novelty.catch_up()
    oldest_first = list(zip(numbers, sorted(some, key=lambda use: -use[0]), strict=True))[::-1]
    last: dict[str, tuple[int, str]] = {}
    flagged = set()
    for n, (minute, actor, address, *_) in oldest_first:
        before = last.get(actor)
        if before is not None and before[1] != address and (minute - before[0]) * MINUTE <= SOON_US:
            flagged.add(n)
        last[actor] = minute, address
    assert {n for n in numbers if novelty.is_shared(n)} == flagged
    for n in flagged:
        shared = novelty.shared(n)
        assert shared is not None
        assert shared.before_us <= SOON_US
    store.close()


async def test_rows_that_come_later_take_the_place_of_what_was_first() -> None:
    store, run, _ = stored([(10, "a", "192.0.2.1", "curl", "vm.read")], 1)
    novelty = Novelty(store, run)
    await novelty.catch_up()
    assert 1 in novelty
    older = json_of(
        id="older", created_at=rfc3339(0), action="vm.read", client_ip="192.0.2.1", user_agent="curl",
        actor={"id": "a", "name": "a", "type": "api_key"},
    )  # fmt: skip
    store.append(run, store.add([read_entry(older)]))
    await novelty.catch_up()
    assert 1 not in novelty
    assert 2 in novelty


def found(novelty: Novelty, numbers: list[int]) -> dict[int, tuple[list[str], bool]]:
    return {n: (novelty.firsts(n), novelty.is_shared(n)) for n in numbers if n in novelty}


@given(uses, st.data())
async def test_it_is_the_same_whichever_end_rows_come_to(some: list[Use], data: st.DataObject) -> None:
    store, whole, numbers = stored(some, 1)
    at_once = Novelty(store, whole)
    await at_once.catch_up()
    low = high = data.draw(st.integers(0, len(numbers)))
    run = store.new_run()
    piecewise = Novelty(store, run)
    while low > 0 or high < len(numbers):
        step = data.draw(st.integers(1, 7))
        if high < len(numbers) and (low == 0 or data.draw(st.booleans())):
            store.append(run, numbers[high : high + step])
            high += step
        else:
            store.prepend(run, numbers[max(0, low - step) : low][::-1])
            low = max(0, low - step)
        await piecewise.catch_up()
    assert found(piecewise, numbers) == found(at_once, numbers)
    store.close()


@given(uses)
async def test_it_is_the_same_in_a_log_that_begins_with_its_oldest_entry(some: list[Use]) -> None:
    store, run, numbers = stored(some, 1)
    newest_first = Novelty(store, run)
    await newest_first.catch_up()
    turned = store.new_run()
    store.append(turned, numbers[::-1])
    oldest_first = Novelty(store, turned, ascending=True)
    await oldest_first.catch_up()
    assert found(oldest_first, numbers) == found(newest_first, numbers)
    store.close()


async def test_what_is_cut_off_is_forgotten() -> None:
    store, run, numbers = stored(
        [(5, "a", "192.0.2.2", "curl", "vm.read"), (0, "a", "192.0.2.1", "curl", "vm.read")], 1
    )
    novelty = Novelty(store, run)
    await novelty.catch_up()
    assert novelty.is_shared(numbers[0])
    store.cut(run, 1)
    await novelty.catch_up()
    assert numbers[0] not in novelty
    assert numbers[1] in novelty


async def test_users_and_entries_without_an_address_share_nothing() -> None:
    store = EntryStore()
    run = store.new_run()
    kinds = [("user", "192.0.2.1"), ("user", "192.0.2.2"), ("api_key", "192.0.2.3"), ("api_key", None)]
    entries = [
        read_entry(json_of(id=f"{n}", client_ip=address, actor={"id": kind, "name": "a", "type": kind}))
        for n, (kind, address) in enumerate(kinds)
    ]
    numbers = store.add(entries)
    store.append(run, numbers)
    novelty = Novelty(store, run)
    await novelty.catch_up()
    assert not [n for n in numbers if novelty.is_shared(n)]
