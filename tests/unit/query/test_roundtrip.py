"""Parsing and formatting are inverse."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

from auditlog_tui.errors import QueryError
from auditlog_tui.query import Query, format_query, freeze, parse, plan
from auditlog_tui.query.bounds import check_bounds
from auditlog_tui.query.freeze import is_frozen
from tests.unit.query.strategies import NOON_US, frozen_queries, queries, typed

zones = st.sampled_from((UTC, ZoneInfo("America/New_York"), ZoneInfo("Asia/Kathmandu"), ZoneInfo("Pacific/Apia")))
now = st.integers(NOON_US - 10**15, NOON_US + 10**15)


def read(text: str) -> tuple[Query, QueryError | None]:
    try:
        return parse(text), None
    except QueryError as error:
        return Query(), error


def consistent(query: Query) -> bool:
    try:
        check_bounds(query)
    except QueryError:
        return False
    return True


@given(queries)
@settings(max_examples=300)
def test_a_formatted_query_parses_to_itself(query: Query) -> None:
    assume(consistent(query))
    assert parse(format_query(query)) == query


@given(typed | st.text(max_size=30))
@settings(max_examples=1_000)
@example("path:~(?<=a+")
@example('status:>= "x')
@example("-")
@example("a -")
@example('a "')
@example("ip:1.2.3.4/33")
@example("created:9999-12-31T23:59:60Z")
def test_a_line_is_read_or_refused_with_its_place(text: str) -> None:
    query, error = read(text)
    event("refused" if error else f"read, {'some' if query else 'no'} terms")
    if error:
        assert 0 <= error.start < error.end <= len(text)
        assert error.message
        assert error.hint
        assert (error.message + error.hint).isprintable()
    else:
        assert parse(format_query(query)) == query


@given(typed)
def test_each_term_alone_is_the_term_that_it_was_in_the_line(text: str) -> None:
    query, _ = read(text)
    assert [parse(text[term.start : term.end]).terms for term in query.terms] == [(term,) for term in query.terms]


@given(queries, now, zones)
def test_freezing_leaves_nothing_that_depends_on_now_or_on_where_one_is(
    query: Query, now_us: int, zone: ZoneInfo
) -> None:
    try:
        frozen = freeze(query, now_us, zone)
    except QueryError:
        assume(False)
    assert is_frozen(frozen)
    assert freeze(frozen, now_us + 1, UTC) == frozen
    assert parse(format_query(frozen)) == frozen
    assert len(frozen.terms) == len(query.terms)


@given(frozen_queries)
def test_what_is_frozen_already_stays_as_it_is(query: Query) -> None:
    assume(consistent(query))
    assert freeze(query, NOON_US, UTC) == query


def test_only_a_frozen_query_can_be_planned() -> None:
    for text in ("last:2h", "created:today", "created:2026-11-22"):
        with pytest.raises(ValueError, match="freeze it first"):
            plan(parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "action:vm.created",
        "-target:none",
        'target:"none"',
        "status:4xx",
        "status:>=400",
        "status:403,409",
        "ip:203.0.113.0/24",
        r"path:~^/v1/.*/keys$",
        'path:~"a b",c',
        r'path:~"\"a"',
        "sort:status,-created",
        "last:24h",
        "created:2026-11-22..2026-11-23T06:00:00Z",
        "created:>2026-11-22T06:00:00+01:00",
        'method:"delete"',
        "action:vm.*",
        '"two words"',
        "-terraform",
    ],
)
def test_the_usual_spelling_is_kept(text: str) -> None:
    assert format_query(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("ACTION:vm.created", "action:vm.created"),
        ("method:delete", "method:DELETE"),
        ("method:p*", "method:P*"),
        ("ip:203[.]0[.]113[.]7", "ip:203.0.113.7"),
        ("ip:203.0.113.9/24", "ip:203.0.113.0/24"),
        ("203[.]0[.]113[.]7", '"203.0.113.7"'),
        ("/v1/a,b", 'path:"/v1/a,b"'),
        ("-/health", "-path:/health"),
        ("status:400..499", "status:4xx"),
        ("status:>400", "status:>=401"),
        ("status:<400", "status:<=399"),
        (r"action:a\*b", 'action:"a*b"'),
        (r"ua:two\ words", 'ua:"two words"'),
        ("http://x.test/a?b=c:d", '"http://x.test/a?b=c:d"'),
        ("2001:db8::1", '"2001:db8::1"'),
        ("fe80::1", '"fe80::1"'),
        ("2026-11-22T06:00Z", '"2026-11-22T06:00Z"'),
        ("12:30", '"12:30"'),
        ("created:2026-11-22T06:00Z", "created:2026-11-22T06:00:00Z..2026-11-22T06:00:59.999999Z"),
        ("created:2026-11-22T06:00:00.5Z", "created:2026-11-22T06:00:00.5Z..2026-11-22T06:00:00.599999Z"),
        ('created:"2026-11-22 06:00Z"', "created:2026-11-22T06:00Z"),
        ("last:2H", "last:2h"),
        ('ip:"203.0.113.7"', "ip:203.0.113.7"),
        ("action:a**b", "action:a*b"),
    ],
)
def test_two_spellings_of_the_same(text: str, same: str) -> None:
    assert parse(text) == parse(same)
    assert format_query(parse(text)) == format_query(parse(same))


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("target:none", 'target:"none"'),
        ("action:a*", 'action:"a*"'),
        ("method:delete", 'method:"delete"'),
        ("ip:2001:DB8::1", 'ip:"2001:DB8::1"'),
        ("path:a", "path:~a"),
        ("path:a,b", 'path:"a,b"'),
        ("action:A", "action:a"),
        ("-a", '"-a"'),
        ("last:60s", "last:1m"),
    ],
)
def test_two_things(text: str, other: str) -> None:
    assert parse(text) != parse(other)
