"""Adding and removing single terms of a filter."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditlog_tui.entries.models import Entry
from auditlog_tui.errors import QueryError
from auditlog_tui.query import FIELDS, format_query, parse, term_for, with_term, without_term
from auditlog_tui.query.syntax import Query
from tests.unit.query.evaluate import matches
from tests.unit.query.strategies import entries, typed


@pytest.mark.parametrize(
    ("text", "term", "becomes"),
    [
        ("", "method:GET", "method:GET"),
        ("  method:GET ", "", "method:GET"),
        ("method:GET", "status:403", "method:GET status:403"),
        ("method:GET", "method:GET", "method:GET"),
        ("method:get", "method:GET", "method:get"),
        ("method:GET /v1", "-method:GET", "/v1 -method:GET"),
        ("-method:GET   /v1", "method:GET", "/v1 method:GET"),
        ("  -a b -a", "a", "b a"),
        ("sort:path method:GET", "sort:-created", "method:GET sort:-created"),
        ("id:e-1", "id:e-2", "id:e-2"),
        ("id:e-1", "-id:e-2", "id:e-1 -id:e-2"),
        ("method:GET", "status:403 -method:GET", "status:403 -method:GET"),
        ("status:>=500", "status:<=400 method:GET", "status:>=500 status:<=400 method:GET"),
        ('ua:"unclosed', "method:GET", 'ua:"unclosed method:GET'),
        ("method:GET", "nope:1", "method:GET nope:1"),
        (r"action:a*\ ", "method:GET", r"action:a*\  method:GET"),
        ("method:GET", "action:a*\\ ", "method:GET action:a*\\ "),
    ],
)
def test_a_text_with_a_term_more(text: str, term: str, becomes: str) -> None:
    assert with_term(text, term) == becomes


@pytest.mark.parametrize(
    ("text", "term", "becomes"),
    [
        ("method:GET", "method:GET", ""),
        ("method:GET /v1", "method:GET", "/v1"),
        ("/v1   method:GET", "method:GET", "/v1"),
        ("/v1  method:GET  last:2h", "method:GET", "/v1 last:2h"),
        ('ua:"two  words" method:GET', "method:GET", 'ua:"two  words"'),
        (r"action:a*\  method:GET", "method:GET", "action:a*\\ "),
    ],
)
def test_a_text_without_a_term(text: str, term: str, becomes: str) -> None:
    start = text.index(term)
    assert without_term(text, start, start + len(term)) == becomes


def parsed(text: str) -> Query | None:
    try:
        return parse(text)
    except QueryError:
        return None


@given(typed, st.integers(0, 9))
@settings(max_examples=300)
def test_taking_a_term_away_leaves_the_others(text: str, which: int) -> None:
    query = parsed(text)
    if query is None or not query.terms:
        return
    text = format_query(query)
    terms = list(parse(text).terms)
    gone = terms.pop(which % len(terms))
    assert list(parse(without_term(text, gone.start, gone.end)).terms) == terms


@given(typed, st.sampled_from(("method:GET", "-method:GET", "status:403", "sort:path", r"action:a*\ ")))
def test_a_term_that_was_added_is_there_and_its_opposite_is_not(text: str, term: str) -> None:
    query, (new,) = parsed(text), parse(term).terms
    added = parsed(with_term(text, term))
    if query is None or added is None:
        return
    assert new in added.terms
    kept = [old for old in query.terms if old.key != new.key]
    assert [old for old in added.terms if old.key != new.key] == kept


@pytest.mark.parametrize(
    ("column", "value", "term"),
    [
        ("action", "vm.created", "action:vm.created"),
        ("action", "a*b", 'action:"a*b"'),
        ("action", "", 'action:""'),
        ("actor_id", "u-1", "actor:u-1"),
        ("actor_name", "Alice Smith", 'actor.name:"Alice Smith"'),
        ("actor_name", "", ""),
        ("client_ip", "203.0.113.7", "ip:203.0.113.7"),
        ("client_ip", "2001:DB8::1", 'ip:"2001:DB8::1"'),
        ("client_ip", "203[.]0[.]113[.]7", 'ip:"203[.]0[.]113[.]7"'),
        ("client_ip", "unknown", 'ip:"unknown"'),
        ("client_ip", "None", 'ip:"None"'),
        ("method", "DELETE", "method:DELETE"),
        ("method", "delete", 'method:"delete"'),
        ("path", "/v1/a b", 'path:"/v1/a b"'),
        ("status_code", 403, "status:403"),
        ("status_code", "403", ""),
        ("status_code", None, ""),
        ("target_id", "none", 'target:"none"'),
        ("target_id", None, "target:none"),
        ("target_type", None, ""),
        ("user_agent", 'say "hi"\\', 'ua:"say \\"hi\\"\\\\"'),
        ("key", "e-1", "id:e-1"),
        ("created_us", 1_795_348_800_000_000, "created:2026-11-22T12:00:00Z..2026-11-22T12:00:00Z"),
        ("created_at", "2026-11-22T12:00:00Z", "created:2026-11-22T12:00:00Z..2026-11-22T12:00:00Z"),
        ("created_at", "noon", ""),
        ("created_at", "9999-12-31T23:59:59-05:00", ""),
        ("created_at", None, ""),
        ("unreadable", "x", ""),
    ],
)
def test_the_term_for_a_value(column: str, value: object, term: str) -> None:
    assert term_for(column, value) == term
    assert term_for(column, value, negated=True) == (f"-{term}" if term else "")


@given(entries)
@settings(max_examples=200)
def test_the_term_for_what_an_entry_has_finds_the_entry(entry: Entry) -> None:
    log = entry.log
    values: dict[str, object] = {
        "action": log.action, "actor_id": entry.actor.id, "actor_name": entry.actor.name, "client_ip": log.client_ip,
        "method": log.method, "path": log.path, "status_code": log.status_code, "user_agent": log.user_agent,
        "target_type": entry.target.type, "created_us": entry.created_us, "created_at": log.created_at,
    }  # fmt: skip
    for column, value in values.items():
        term = term_for(column, value)
        if term:
            assert matches(parse(term), entry)
            assert entry.unreadable or not matches(parse(f"-{term}"), entry)


def test_every_column_of_a_field_has_its_term() -> None:
    for field in FIELDS.values():
        for column in field.columns:
            value: object = 400 if column in ("status_code", "created_us") else "x"
            assert term_for(column, value).startswith("created:" if field.name == "last" else f"{field.name}:")
