"""Pushdown and residual together are equivalent to the query."""

from __future__ import annotations

import pytest
from hypothesis import event, given, settings

from auditlog_tui.entries.models import Entry
from auditlog_tui.query import Plan, Query, parse
from tests.unit.query import server
from tests.unit.query.evaluate import matches, noted
from tests.unit.query.here import kept_here, planned, split_or_stop
from tests.unit.query.strategies import NOON_US, frozen_queries, ignored_sets, logs


def shown(entries: list[Entry], split: Plan) -> list[Entry]:
    """The entries that the user sees: the residual of those that the server returns, or of those marked or noted."""
    if split.only:
        assert (split.params, split.entry_id) == ({}, None)
        return kept_here([entry for entry in entries if noted(entry) is not None], split)
    if split.entry_id is not None:
        return kept_here(server.got(entries, split.entry_id), split)
    return kept_here(server.listed(entries, split.params), split)


# -- properties --------------------------------------------------------------------------------------------------


@given(frozen_queries, logs)
@settings(max_examples=300)
def test_pushdown_and_residual_are_the_query(query: Query, entries: list[Entry]) -> None:
    split = split_or_stop(query, frozenset(), entries)
    expected = [entry for entry in entries if matches(query, entry)]
    event(f"{'some' if expected else 'no'} match, {'some' if split.residual else 'no'} residual")
    assert shown(entries, split) == expected


@given(frozen_queries, logs, ignored_sets)
@settings(max_examples=300)
def test_whatever_the_server_ignores(query: Query, entries: list[Entry], ignored: frozenset[str]) -> None:
    split = split_or_stop(query, ignored, entries)
    assert not ignored & split.params.keys()
    assert shown(entries, split) == [entry for entry in entries if matches(query, entry)]


@given(frozen_queries, logs)
def test_a_server_that_ignores_all_leaves_the_whole_query_here(query: Query, entries: list[Entry]) -> None:
    split = split_or_stop(query, frozenset((*server.PARAMETERS, "sort")), entries)
    assert not split.params
    assert shown(entries, split) == [entry for entry in entries if matches(query, entry)]


@given(frozen_queries, logs)
def test_bounds_of_time_hold_for_all_that_matches(query: Query, entries: list[Entry]) -> None:
    split = split_or_stop(query, frozenset(), entries)
    for entry in entries:
        if matches(query, entry) and entry.created_us is not None:
            assert split.created_min_us is None or split.created_min_us <= entry.created_us
            assert split.created_max_us is None or entry.created_us <= split.created_max_us


@given(frozen_queries)
def test_every_term_is_a_chip_that_says_who_evaluates_it(query: Query) -> None:
    split = split_or_stop(query, frozenset(), [])
    assert len(split.chips) == len(query.terms)
    here = [
        term
        for term, chip in zip(query.terms, split.chips, strict=True)
        if term.key != "sort" and chip.where != "server"
    ]
    assert list(split.residual.terms if split.residual else ()) == here


# -- the plan of each kind of term ----------------------------------------------------------------------------------

SERVER, LOCAL, BOTH = "server", "local", "both"


@pytest.mark.parametrize(
    ("text", "params", "where"),
    [
        ("action:vm.created", {"action": "vm.created"}, SERVER),
        ("action:vm.*", {}, LOCAL),
        ("action:a,b", {}, LOCAL),
        ('action:""', {}, LOCAL),
        ("actor:u-1", {"actor_id": "u-1"}, SERVER),
        ("actor.name:alice", {}, LOCAL),
        ("actor.type:api_key", {"actor_type": "api_key"}, SERVER),
        ("ip:203.0.113.7", {"client_ip": "203.0.113.7"}, SERVER),
        ("ip:203[.]0[.]113[.]7", {"client_ip": "203.0.113.7"}, SERVER),
        ("ip:203.0.113.0/24", {}, LOCAL),
        ("ip:2001:db8::1", {}, LOCAL),
        ('ip:"2001:db8::1"', {"client_ip": "2001:db8::1"}, SERVER),
        ("ip:2001:DB8::1", {}, LOCAL),
        ("ip:2001:db8:0:0::1", {}, LOCAL),
        ("ip:::ffff:203.0.113.7", {}, LOCAL),
        ('ip:"::ffff:203.0.113.7"', {"client_ip": "::ffff:203.0.113.7"}, SERVER),
        ('ip:"unknown"', {"client_ip": "unknown"}, SERVER),
        ("method:DELETE", {"method": "DELETE"}, SERVER),
        ("method:delete", {"method": "DELETE"}, SERVER),
        ("path:/volumes", {"path": "/volumes"}, SERVER),
        ("/volumes", {"path": "/volumes"}, SERVER),
        ("path:~^/v1/.*/keys$", {}, LOCAL),
        ("status:403", {"status_code_min": "403", "status_code_max": "403"}, SERVER),
        ("status:>=400", {"status_code_min": "400"}, SERVER),
        ("status:>400", {"status_code_min": "401"}, SERVER),
        ("status:<400", {"status_code_max": "399"}, SERVER),
        ("status:5xx", {"status_code_min": "500", "status_code_max": "599"}, SERVER),
        ("status:400..499", {"status_code_min": "400", "status_code_max": "499"}, SERVER),
        ("status:403,409", {"status_code_min": "403", "status_code_max": "409"}, BOTH),
        ("status:<=100,>=500", {}, LOCAL),
        ("target:t-1", {"target_id": "t-1"}, SERVER),
        ("target:none", {}, LOCAL),
        ('target:"none"', {"target_id": "none"}, SERVER),
        ("target.type:vm", {"target_type": "vm"}, SERVER),
        (
            "created:2026-11-22..2026-11-23T06:00Z",
            {"created_at_min": "2026-11-22T00:00:00Z", "created_at_max": "2026-11-23T06:00:00Z"},
            SERVER,
        ),
        ("created:>=2026-11-22T06:00Z", {"created_at_min": "2026-11-22T06:00:00Z"}, SERVER),
        ("created:>2026-11-22T06:00Z", {"created_at_min": "2026-11-22T06:00:00Z"}, BOTH),
        ("created:<2026-11-22T06:00Z", {"created_at_max": "2026-11-22T06:00:00Z"}, BOTH),
        ("created:<2026-11-22", {"created_at_max": "2026-11-21T23:59:59.999999Z"}, SERVER),
        ("last:2h", {"created_at_min": "2026-11-22T10:00:00Z"}, SERVER),
        ("sort:-created", {}, SERVER),
        ("sort:created", {"sort": "created_at:asc"}, SERVER),
        ("sort:status,-created", {"sort": "status_code:asc,created_at:desc"}, SERVER),
        ("sort:status,path", {"sort": "status_code:asc"}, BOTH),
        ("sort:path", {}, LOCAL),
        ("id:e-1", {}, SERVER),
        ("id:a,b", {}, LOCAL),
        ("ua:terraform", {}, LOCAL),
        ("terraform", {}, LOCAL),
        ('"two words"', {}, LOCAL),
        ("-action:vm.created", {}, LOCAL),
        ("-status:403", {}, LOCAL),
        ("-created:>=2026-11-22T06:00Z", {}, LOCAL),
        ("-id:e-1", {}, LOCAL),
    ],
)
def test_a_term_becomes(text: str, params: dict[str, str], where: str) -> None:
    split = planned(text)
    assert dict(split.params) == params
    assert [chip.where for chip in split.chips] == [where]
    assert (split.residual is None) == (where == SERVER or text.startswith("sort:"))


def test_no_filter_asks_for_everything() -> None:
    split = planned("  ")
    assert (dict(split.params), split.residual, split.chips, split.order) == ({}, None, (), ())
    assert split.where() == ("1", [])


def test_of_two_texts_for_one_parameter_the_second_stays_here() -> None:
    split = planned("path:/v1 path:/keys")
    assert split.params == {"path": "/v1"}
    assert [chip.where for chip in split.chips] == [SERVER, LOCAL]
    assert split.residual == parse("path:/keys")


def test_the_same_term_twice_is_pushed_once() -> None:
    assert planned("action:a action:a").residual is None


def test_bounds_of_several_terms_meet() -> None:
    split = planned("status:>=400 status:<=499 status:403,500")
    assert split.params == {"status_code_min": "403", "status_code_max": "499"}
    assert [chip.where for chip in split.chips] == [SERVER, SERVER, BOTH]


def test_the_narrowest_of_several_times_is_asked_for() -> None:
    split = planned("last:7d created:2026-11-22T06:00Z..")
    assert split.params == {"created_at_min": "2026-11-22T06:00:00Z"}
    assert split.created_min_us == NOON_US - 6 * 3_600_000_000
    assert split.created_max_us is None


@pytest.mark.parametrize(
    ("text", "ignored", "params", "where"),
    [
        ("action:a", "action", {}, LOCAL),
        ("status:403", "status_code_min", {"status_code_max": "403"}, BOTH),
        ("status:>=400", "status_code_min", {}, LOCAL),
        ("status:>=400", "status_code_max", {"status_code_min": "400"}, SERVER),
        ("last:2h", "created_at_min", {}, LOCAL),
        ("sort:status", "sort", {}, LOCAL),
        ("sort:-created", "sort", {}, SERVER),
    ],
)
def test_what_the_server_ignores_is_not_sent(text: str, ignored: str, params: dict[str, str], where: str) -> None:
    split = planned(text, [ignored])
    assert split.params == params
    assert [chip.where for chip in split.chips] == [where]


def test_an_order_that_the_server_does_not_know_is_made_here() -> None:
    assert planned("sort:path,-status").order == (("path", "asc"), ("status", "desc"))
    assert planned("sort:path,-status").local_order
    assert planned("sort:status,path").local_order
    assert planned("sort:status", ["sort"]).local_order
    assert not planned("sort:-created,status").local_order
    assert not planned("sort:-created", ["sort"]).local_order


def test_an_entry_got_by_its_id_is_checked_here_against_all_other_terms() -> None:
    split = planned("id:e-1 status:>=400 last:2h sort:status")
    assert split.entry_id == "e-1"
    assert not split.params
    assert [chip.where for chip in split.chips] == [SERVER, LOCAL, LOCAL, SERVER]


def test_chips_stand_where_their_terms_were_typed() -> None:
    text = "  last:2h   -ip:203.0.113.7"
    chips = planned(text).chips
    assert [text[chip.start : chip.end] for chip in chips] == ["last:2h", "-ip:203.0.113.7"]
    assert [chip.text for chip in chips] == ["created:>=2026-11-22T10:00:00Z", "-ip:203.0.113.7"]
