"""Entries that contradict the request's parameters; the check is never stricter than the API's contract."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import event, given, settings

from auditlog_tui.entries.models import Entry, read_entry
from auditlog_tui.query import Query
from tests.unit.query import server
from tests.unit.query.evaluate import address
from tests.unit.query.here import planned, split_or_stop
from tests.unit.query.strategies import frozen_queries, logs

READ: dict[str, Callable[[Entry], object]] = {
    "action": lambda entry: entry.log.action,
    "actor_id": lambda entry: entry.actor.id,
    "actor_type": lambda entry: entry.actor.type,
    "client_ip": lambda entry: entry.log.client_ip,
    "method": lambda entry: entry.log.method,
    "path": lambda entry: entry.log.path,
    "status_code_min": lambda entry: entry.log.status_code,
    "status_code_max": lambda entry: entry.log.status_code,
    "target_id": lambda entry: entry.target.id,
    "target_type": lambda entry: entry.target.type,
}


@given(frozen_queries, logs)
def test_an_entry_that_the_server_returns_contradicts_nothing(query: Query, entries: list[Entry]) -> None:
    split = split_or_stop(query, frozenset(), entries)
    for entry in server.listed(entries, split.params):
        assert not split.violations(entry)


@given(frozen_queries, logs)
@settings(max_examples=200)
def test_an_entry_that_the_server_would_not_return_contradicts_what_it_can_be_read_to_be(
    query: Query, entries: list[Entry]
) -> None:
    split = split_or_stop(query, frozenset(), entries)
    for entry in entries:
        for name, value in split.params.items():
            found = READ[name](entry) if name in READ else None
            if found is None or server.listed([entry], {name: value}):
                continue
            event(f"{name} contradicted")
            leniently_equal = isinstance(found, str) and (
                found.casefold() == value.casefold() or address(found) == address(value) is not None
            )
            assert (name in split.violations(entry)) is not leniently_equal


ENTRY = read_entry(
    '{"id": "e-1", "action": "vm.created", "actor": {"id": "u-1", "type": "user"}, "client_ip": "2001:db8::1",'
    ' "created_at": "2026-11-22T12:00:00.0000009Z", "method": "POST", "path": "/v1/Volumes", "status_code": 403,'
    ' "target": {"id": "t-1", "type": "vm"}}'
)
BARE = read_entry('{"id": "e-2", "status_code": "403", "created_at": "noon", "actor": 7}')


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("action:vm.deleted", {"action"}),
        ("actor:u-2", {"actor_id"}),
        ("actor.type:api_key", {"actor_type"}),
        ("ip:203.0.113.7", {"client_ip"}),
        ('ip:"2001:db8::2"', {"client_ip"}),
        ("method:GET", {"method"}),
        ("path:/keys", {"path"}),
        ("status:>403", {"status_code_min"}),
        ("status:<403", {"status_code_max"}),
        ("status:500", {"status_code_min"}),
        ("target:t-2", {"target_id"}),
        ("target.type:key", {"target_type"}),
        ("created:>=2026-11-22T12:00:01Z", {"created_at_min"}),
        ("created:<2026-11-22T11:59Z", {"created_at_max"}),
        ("action:vm.deleted method:GET path:/v1", {"action", "method"}),
    ],
)
def test_an_entry_contradicts(text: str, names: set[str]) -> None:
    split = planned(text)
    assert split.violations(ENTRY) == names
    assert not server.listed([ENTRY], {name: split.params[name] for name in names})


@pytest.mark.parametrize(
    "text",
    [
        "action:VM.CREATED",
        "actor:U-1",
        'ip:"2001:DB8:0::1"',
        'method:"post"',
        "path:/V1/volumes",
        "status:403",
        "created:<=2026-11-22T11:59:59.999999Z",
        "created:>=2026-11-22T12:00:00.000001Z",
        "sort:created",
        "last:2h",
    ],
)
def test_what_the_contract_leaves_open_is_no_contradiction(text: str) -> None:
    assert not planned(text).violations(ENTRY)


@pytest.mark.parametrize("text", ["status:500", "last:2h", "actor:u-1", "action:a", "target:t", "path:/x", "ip:::1"])
def test_what_is_absent_or_unreadable_contradicts_nothing(text: str) -> None:
    assert not planned(text).violations(BARE)
