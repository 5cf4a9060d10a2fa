"""Syntax of other query languages: each line is understood, or is an error that suggests the equivalent filter.

`habits.txt` holds every line with its reading or its error. After a change, `WRITE_HABITS=1 pytest
tests/unit/query/test_habits.py` rewrites the file; review the diff.
"""

from __future__ import annotations

import os
import re
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditlog_tui.errors import QueryError
from auditlog_tui.query import Query, format_query, freeze, parse, plan, quote_reserved
from auditlog_tui.query.addresses import address_or_network
from auditlog_tui.query.fields import BOUNDS, FIELDS
from tests.unit.query.strategies import NOON_US

HERE = Path(__file__).parent
GOLDEN = HERE / "habits.txt"
BEFORE = HERE / "before.txt"

PLAIN = {
    "status": "403",
    "action": "vm.deleted",
    "ip": "203.0.113.7",
    "method": "DELETE",
    "actor.type": "api_key",
    "actor.name": "alice",
    "path": "/v1/keys",
    "target": "vm-1",
    "ua": "terraform",
}
"""A value for each key."""

SAME = (
    "{k}={v}", "{k} = {v}", "{k}=={v}", "{k} == {v}", "{k}:={v}", "{k} : {v}", "{k}: {v}", "{k} :{v}", "+{k}:{v}",
    "({k}:{v})", "( {k}:{v} )", "{k}:'{v}'", "{k}='{v}'", '{k}="{v}"', "{k}:“{v}”", "{k}:‘{v}’", "{k}:„{v}“",
    "{k}：{v}", "\ufeff{k}:{v}", "\u200b{k}:{v}\u200b", "{k}:\u200b{v}", "{k}\u200b:{v}", "  {k}:{v}\u00a0",
    "{k}:{v} AND", "AND {k}:{v}",
)  # fmt: skip
"""Forms of `key:value`; the last two lack a term on one side and are errors."""

OPPOSITE = (
    "{k}!={v}", "{k} != {v}", "{k}<>{v}", "{k} <> {v}", "{k}≠{v}", "!{k}:{v}", "! {k}:{v}", "NOT {k}:{v}",
    "not {k}:{v}", "NOT ({k}:{v})", "!({k}:{v})", "-({k}:{v})", "–{k}:{v}", "—{k}:{v}", "−{k}:{v}", "－{k}:{v}",
    "{k}:!={v}", "{k}:!{v}", "-{k}={v}", "-{k}: {v}",
)  # fmt: skip
"""Forms of `-key:value`."""

OFFERED = (
    ("{k} eq {v}", ""), ("{k} is {v}", ""), ('{k} equals "{v}"', ""), ("{k} ne {v}", "-"), ("{k} is not {v}", "-"),
    ("{k} in ({v})", ""), ("{k} not in ({v})", "-"), ("{k} IN [{v}]", ""), ("where {k}:{v}", ""),
    ("select * from logs where {k}={v}", "="), ("search {k}:{v}", ""), ("{k}:{v} | head 10", ""),
    ("{k}:{v} | stats count by actor", ""), ("{k}:{v} limit 10", ""), ("{k}:[{v}]", ""), ("{k}:({v})", ""),
    ('{{"{k}": "{v}"}}', ""), ('"{k}":{v}', ""),
)  # fmt: skip
"""Forms that are errors, and the sign of the `key:value` that each error suggests (`=`: as typed)."""

FOREIGN = {
    "action": (
        "event",
        "eventName",
        "event_name",
        "event.action",
        "operation",
        "operationName",
        "op",
        "evt.name",
    ),
    "ip": (
        "src_ip",
        "srcip",
        "sourceIPAddress",
        "source.ip",
        "source_ip",
        "client_ip",
        "clientIP",
        "network.client.ip",
        "remote_addr",
        "remote_ip",
        "callerIpAddress",
        "c-ip",
        "addr",
        "x_forwarded_for",
    ),
    "actor.name": (
        "user",
        "username",
        "user.name",
        "userName",
        "email",
        "user_email",
        "userIdentity.userName",
        "principal",
        "principalEmail",
        "login",
        "who",
        "name",
        "actor_name",
        "account",
    ),
    "actor": ("user_id", "userId", "uid", "actor_id", "principalId", "userIdentity.principalId", "apikey"),
    "actor.type": ("user_type", "userIdentity.type", "actor_type"),
    "status": (
        "status_code",
        "statusCode",
        "http.status_code",
        "http.response.status_code",
        "code",
        "http_status",
        "sc-status",
        "responseCode",
        "httpStatus",
    ),
    "method": ("verb", "http.method", "http.request.method", "request_method", "cs-method", "httpMethod"),
    "path": ("url", "uri", "url.path", "http.url", "requestURI", "request_path", "endpoint", "route"),
    "ua": ("user_agent", "userAgent", "user_agent.original", "agent", "http.useragent"),
    "target": ("resource", "resource_id", "target_id", "object_id", "resourceName"),
    "target.type": ("resource_type", "resource.type", "type", "kind", "target_type"),
    "created": ("timestamp", "@timestamp", "time", "eventTime", "date", "created_at", "_time"),
    "id": ("eventID", "event_id", "log_id"),
}
"""Names of our keys in GitHub, Splunk, Kibana, Datadog, CloudTrail and Kubernetes."""

VALUES = {**PLAIN, "created": "2026-11-22", "target.type": "vm", "actor": "u-1", "id": "e-1"}

MEANT = {
    "status>=400": "status:>=400",
    "status >= 400": "status:>=400",
    "status:>= 400": "status:>=400",
    "status=>400": "status:>=400",
    "status≥400": "status:>=400",
    "status < 500": "status:<500",
    "status:>400 AND status:<500": "status:>400 status:<500",
    "status:403 && method:GET": "status:403 method:GET",
    "alice AND bob": "alice bob",
    "alice && bob": "alice bob",
    "alice and status:403": "alice status:403",
    "status:403 and method:GET": "status:403 method:GET",
    "NOT alice": "-alice",
    "!alice": "-alice",
    "+alice": "alice",
    "'two words'": '"two words"',
    "“two words”": '"two words"',
    "–alice": "-alice",
    "alice and": 'alice "and"',
    "not": '"not"',
    "don't": '"don\'t"',
    "'tis": '"\'tis"',
    "status:400-499": "status:400..499",
    "status:400–499": "status:400..499",
    "status:40x": "status:400..409",
    "status:401, 403": "status:401,403",
    "status:401 , 403": "status:401,403",
    "status:400...499": "status:4xx",
    "(status:403 method:GET)": "status:403 method:GET",
    "(status:403 AND method:GET) ua:x": "status:403 method:GET ua:x",
    "(203.0.113.7)": "203.0.113.7",
    "203.0.113.7.": "203.0.113.7",
    "203.0.113.7,": "203.0.113.7",
    "<203.0.113.7>": "203.0.113.7",
    "[203.0.113.7]": "203.0.113.7",
    "[2001:db8::1]": '"2001:db8::1"',
    "203.0.113.18/32": "ip:203.0.113.18/32",
    "(203.0.113.0/24)": "ip:203.0.113.0/24",
    "203[.]0[.]113[.]0/24": "ip:203.0.113.0/24",
    "2001:db8::/32": "ip:2001:db8::/32",
    "-203.0.113.0/24": "-ip:203.0.113.0/24",
    "ip:[2001:db8::1]": "ip:2001:db8::1",
    "alice[@]example[.]com": "alice@example.com",
    "path=~^/v1": "path:~^/v1",
    "path!~^/v1": "-path:~^/v1",
    "sort:created desc": "sort:-created",
    "sort:created DESC": "sort:-created",
    "sort:status asc": "sort:status",
    "sort=created": "sort:created",
    "sort:-created desc": "sort:-created",
    "since:2026-11-01": "created:>=2026-11-01",
    "since=2026-11-01": "created:>=2026-11-01",
    "from:2026-11-01 to:2026-11-03": "created:>=2026-11-01 created:<=2026-11-03",
    "until:2026-11-03T10:00Z": "created:<=2026-11-03T10:00Z",
    "before:2026-11-03": "created:<2026-11-03",
    "after:2026-11-03": "created:>2026-11-03",
    "since:2h": "last:2h",
    "since:2h ago": "created:>=-2h",
    "until:1h": "created:<=-1h",
    "since:yesterday 14:00": "created:>=yesterdayT14:00",
    "since:>=2026-11-01": "created:>=2026-11-01",
    "last:90 min": "last:90m",
    "last:2 hours": "last:2h",
    "last:1 day": "last:1d",
    "last:1h30m": "last:90m",
    "last = 24h": "last:24h",
    "created:2026-11-24 10:00": "created:2026-11-24T10:00",
    "created:2026-11-24 1:30": "created:2026-11-24T01:30",
    "created:yesterday 14:00": "created:yesterdayT14:00",
    "created:yesterday at 2pm": "created:yesterday 2pm",
    "created:2026-11-22 .. 2026-11-24": "created:2026-11-22..2026-11-24",
    "created:2026-11-22 to 2026-11-24": "created:2026-11-22..2026-11-24",
    "created:2026-11-22 10:00 to 2026-11-24 11:00": "created:2026-11-22T10:00..2026-11-24T11:00",
    "created:2026-11-22 - 2026-11-24": "created:2026-11-22..2026-11-24",
    "created:2026-11-22…2026-11-24": "created:2026-11-22..2026-11-24",
    "created:2026-11-24 10:00 UTC": "created:2026-11-24T10:00Z",
    "created:2026-11-24 10:00:05Z": "created:2026-11-24T10:00:05Z",
    "created:2026-11-24 10:00 +01:00": "created:2026-11-24T10:00+01:00",
    "created:2026-11-24 10:00..11:00": "created:2026-11-24T10:00..11:00",
    "created:yesterday 14:00..15:00 UTC": "created:yesterdayT14:00Z..15:00Z",
    "created:2026-11-24 10:00 ±1m": "created:2026-11-24T09:59:00..2026-11-24T10:01:00",
    "created:2026-11-24T10:00Z+-90s": "created:2026-11-24T09:58:30Z..2026-11-24T10:01:30Z",
    "created:nov 1 2026": "created:2026-11-01",
    "created:1 November 2026": "created:2026-11-01",
    "created:nov 1, 2026": "created:2026-11-01",
    "created:nov 1": "created:nov-01",
    "created:2026/11/01": "created:2026-11-01",
    "created:1795348800": "created:2026-11-22T12:00:00Z",
    "created:1795348800000": "created:2026-11-22T12:00:00.000Z",
    "created:24/Nov/2026:10:00:05 +0000": "created:2026-11-24T10:00:05Z",
    "created:>=now": "created:>=now",
    "created:>-1h": "created:>-1h",
    "created:-2h..-1h": "created:-2h..-1h",
    "created >= 2026-11-24 10:00 status=403": "created:>=2026-11-24T10:00 status:403",
    "(created:2026-11-24 10:00)": "created:2026-11-24T10:00",
    "created:nov 1, nov 3": "created:nov-01,nov-03",
}
"""Lines that are understood, and the equivalent filters."""

REFUSED = {
    "status:403 OR status:401": "status:403,401",
    "(status:403 OR status:401)": "status:403,401",
    "status:403 || status:401": "status:403,401",
    "status:403 or status:401": "status:403,401",
    "status:401 OR status:>=500": "status:401,>=500",
    "action:a OR action:b OR action:c": "action:a,b,c",
    "action:a OR b": "action:a,b",
    "-(status:403 OR status:401)": "-status:403,401",
    "203.0.113.7 OR 203.0.113.8": "ip:203.0.113.7,203.0.113.8",
    "alice OR bob": "",
    "(a OR b)": "",
    "a || b": "",
    "alice or bob": '"alice or bob"',
    "alice OR status:403": "",
    "status:403 OR ip:203.0.113.7": "",
    "-action:a OR -action:b": "",
    "not alice": "-alice",
    "alice and bob": "alice bob",
    "alice and (status:403 OR x)": "",
    "action:a|b": "action:a,b",
    "action:a||b": "action:a,b",
    "action:{a,b}": "action:a,b",
    "action:vm.{created,deleted}": "action:vm.created,vm.deleted",
    "-action:a|b": "-action:a,b",
    "action:x,a|b": "action:x,a,b",
    "status:(401 403)": "status:401,403",
    "status:(401 OR 403)": "status:401,403",
    "status in (401, 403)": "status:401,403",
    "status:[400 TO 499]": "status:400..499",
    "status:{400 TO *}": "status:>=400",
    "created:[2026-11-01 TO now]": "created:2026-11-01..now",
    "status:(>=400 AND <500)": "status:>=400 status:<500",
    "status between 400 and 499": "status:400..499",
    "status gt 400": "status:>400",
    "status gte 400": "status:>=400",
    "action like 'vm.%'": "action:vm.*",
    "action not like 'vm.%'": "-action:vm.*",
    "action contains vm": "action:*vm*",
    "action startswith vm": "action:vm*",
    "action ends_with deleted": "action:*deleted",
    "path contains keys": "path:keys",
    "path like '%keys%'": "path:keys",
    "path matches ^/v1": "path:~^/v1",
    "user like 'al%'": "actor.name:al",
    "ip in 203.0.113.0/24": "ip:203.0.113.0/24",
    'x eq "y"': '"x" "eq" "\\"y\\""',
    "status 403": "status:403",
    "last 24h": "last:24h",
    "ip 203.0.113.7": "ip:203.0.113.7",
    "method delete": "method:delete",
    "order by created desc": "sort:-created",
    "status:403 sort by status": "sort:status",
    "group by actor": '"group" "by"',
    "index=main status=403": '"index=main"',
    "limit=100": '"limit=100"',
    "foo:bar": '"foo:bar"',
    "foo = bar": '"="',
    "a=b": '"a=b"',
    "a<b": '"a<b"',
    "f(x)": '"f(x)"',
    "a[0]": '"a[0]"',
    "{a}": "a",
    "<script>": "script",
    "a|b": '"a|b"',
    "a&&b": "a b",
    "a->b": '"a->b"',
    "abc==": '"abc=="',
    "(alice)": "alice",
    "(alice bob)": "alice bob",
    "(status:403": "(status:403)",
    "status:403)": "status:403",
    "()": '"()"',
    "!!a": "",
    "NOT -status:403": "",
    "-status!=403": "",
    "- status:403": "-status:403",
    "NOT": '"NOT"',
    "alice OR": '"OR"',
    "AND alice": '"AND"',
    "= 403": '"="',
    "target:null": "target:none",
    "target:NULL": "target:none",
    "action:>5": "action:5",
    "action:'vm.deleted": "action:vm.deleted",
    "action:vm.created, vm.deleted": "action:vm.created,vm.deleted",
    "status:4*": "status:4xx",
    "status:4x": "status:4xx",
    "status:４０３": "status:403",
    "ｓｔａｔｕｓ：４０３": "status:403",
    "status:401; method:GET": "status:401",
    "ip:203.0.113.7:443": "ip:203.0.113.7",
    "ip:203.0.113": "ip:203.0.113.0/24",
    "ip:203.0.113.*": "ip:203.0.113.0/24",
    "ip:10.*": "ip:10.0.0.0/8",
    "created:>1h": "last:1h",
    "created:2h": "last:2h",
    "created:1h ago": "created:>=-1h",
    "created:-1h": "created:>=-1h",
    "created:now": "created:<=now",
    "created:11/12/2026": "created:2026-12-11",
    "created:22.11.2026": "created:2026-11-22",
    "created:20261122": "created:2026-11-22",
    "created:1030": "created:10:30",
    "created:10:00-11:00": "created:10:00..11:00",
    "created:13pm": "created:13:00",
    "last:-2h": "last:2h",
    "last:2h ago": "last:2h",
    "last:1h 30m": "last:1h30m",
    "last:hour": "last:1h",
    "created:tomorrow": "",
    "user=alice ip=203.0.113.7": "actor.name:alice",
    "http.status_code>=400": "status:>=400",
    "-user:alice": "-actor.name:alice",
    "user!=alice": "-actor.name:alice",
    '{"status": 403, "method": "GET"}': "status:403 method:GET",
    "status:403 head 10": "status:403",
}
"""Lines that are errors, and the first filter that each hint suggests (empty if none)."""


def lines() -> list[str]:
    found = [form.format(k=key, v=value) for key, value in PLAIN.items() for form in (*SAME, *OPPOSITE)]
    found += [form.format(k=key, v=value) for key, value in PLAIN.items() for form, _ in OFFERED]
    found += [f"{name}:{VALUES[key]}" for key, names in FOREIGN.items() for name in names]
    return list(dict.fromkeys([*found, *MEANT, *REFUSED]))


def read(line: str) -> tuple[Query, QueryError | None]:
    try:
        return parse(line), None
    except QueryError as error:
        return Query(), error


def written(line: str) -> str:
    """The line with its reading, or with its error's columns, message and hint."""
    query, error = read(line)
    shown = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in line)
    if error is None:
        return f"{shown}\n= {format_query(query)}\n"
    return f"{shown}\n{error.start}-{error.end} {error}\n{error.hint}\n"


def test_the_readings_are_those_of_the_file() -> None:
    text = "\n".join(map(written, lines()))
    if os.environ.get("WRITE_HABITS"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")
    assert len(lines()) >= 300


@pytest.mark.parametrize("key", PLAIN)
def test_every_form_of_a_term_means_the_term(key: str) -> None:
    value = PLAIN[key]
    for form in SAME[:-2]:
        assert parse(form.format(k=key, v=value)) == parse(f"{key}:{value}"), form
    for form in OPPOSITE:
        assert parse(form.format(k=key, v=value)) == parse(f"-{key}:{value}"), form


@pytest.mark.parametrize("key", PLAIN)
def test_every_form_of_another_language_writes_out_ours(key: str) -> None:
    value = PLAIN[key]
    for form, sign in OFFERED:
        line = form.format(k=key, v=value)
        query, error = read(line)
        if line == "ip:[203.0.113.7]":  # an address may have brackets
            assert query == parse("ip:203.0.113.7")
            continue
        assert error is not None, line
        assert parse(error.offers[0]) == parse(f"{sign.removesuffix('=')}{key}:{value}"), line


@pytest.mark.parametrize("key", FOREIGN)
def test_every_key_of_another_system_names_ours(key: str) -> None:
    for name in FOREIGN[key]:
        _, error = read(f"{name}:{VALUES[key]}")
        assert error is not None, name
        assert f"Did you mean {key}:?" in error.hint
        assert error.offers[0] == f"{key}:{VALUES[key]}"
        assert (error.start, error.end) == (0, len(f"{name}:{VALUES[key]}"))


@pytest.mark.parametrize(("line", "plain"), MEANT.items())
def test_what_is_plainly_meant_is_understood(line: str, plain: str) -> None:
    assert parse(line) == parse(plain)
    assert parse(format_query(parse(line))) == parse(line)


@pytest.mark.parametrize(("line", "offer"), REFUSED.items())
def test_what_is_not_is_an_error_that_writes_out_the_right_form(line: str, offer: str) -> None:
    _, error = read(line)
    assert error is not None
    assert (error.offers[:1] or ("",))[0] == offer
    assert 0 <= error.start < error.end <= len(line)
    assert error.message.endswith(".")
    assert len(error.message) <= 120
    assert 0 < len(error.hint) <= 200


def test_every_filter_that_a_hint_offers_can_be_read() -> None:
    errors = {line: error for line in lines() if (error := read(line)[1]) is not None}
    assert len(errors) > 100
    for line, error in errors.items():
        assert all(parse(offer) and offer in error.hint for offer in error.offers), line


def test_quotes_search_for_any_of_it_as_it_stands() -> None:
    for line in lines():
        (term,) = parse('"' + line.replace("\\", "\\\\").replace('"', '\\"') + '"').terms
        assert (term.key, term.values[0].text) == ("", line)  # type: ignore[union-attr]  # a word is a Text


# -- unquoted syntax is never searched for as text ------------------------------------------------------------------

_SYNTAX = re.compile(r"[=<>|(){}\[\]]|&&|^!|^[A-Za-z]\w*:")
_pieces = st.sampled_from(
    (
        *FIELDS,
        *BOUNDS,
        "foo",
        "user",
        "alice",
        "403",
        "vm.deleted",
        "203.0.113.7",
        "203.0.113.0/24",
        "=",
        "==",
        "!=",
        "<>",
        ">=",
        "<",
        ">",
        "!",
        ":",
        "|",
        "||",
        "&&",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "AND",
        "OR",
        "NOT",
        "and",
        "or",
        "not",
        "+",
        "-",
        ",",
        "..",
        "to",
        "2026-11-22",
        "10:00",
        "yesterday",
        "2h",
        "ago",
        "UTC",
        "eq",
        "in",
        "like",
        "where",
        "limit",
        "10",
        "'",
        "“",
        "”",
        "：",
        "–",
        "\u200b",
        "\ufeff",
        "~",
        "*",
        "/v1",
        "none",
        "desc",
        "by",
    )
)
_habitual = st.lists(st.tuples(_pieces, st.sampled_from(("", " ", " "))), max_size=9).map(
    lambda parts: "".join(piece + space for piece, space in parts)
)


@given(_habitual)
@settings(max_examples=1_500, deadline=None)
def test_no_unquoted_syntax_is_searched_for_as_text(line: str) -> None:
    query, error = read(line)
    if error is not None:
        assert 0 <= error.start < error.end <= len(line)
        assert error.message
        assert 0 < len(error.hint) <= 200
        assert all(parse(offer) for offer in error.offers)
        return
    assert parse(format_query(query)) == query
    for term in query.terms:
        typed = line[term.start : term.end].lstrip("-!+–( \u200b\ufeff")
        if not term.key and not re.match(r"['\"“”]|NOT['\" ]*['\"“”]", typed) and not address_or_network(typed):
            assert not _SYNTAX.search(term.values[0].text), typed  # type: ignore[union-attr]  # a word is a Text


@given(_habitual)
@settings(max_examples=300, deadline=None)
def test_what_is_read_can_be_planned(line: str) -> None:
    query, _ = read(line)
    try:
        frozen = freeze(query, NOON_US, UTC)
        split = plan(frozen)
    except QueryError:
        return
    assert len(split.chips) == len(query.terms)


# -- filters stored by earlier versions ----------------------------------------------------------------------------


def test_filters_of_earlier_versions_mean_what_they_meant() -> None:
    """Each line as typed, and as the earlier version stored it."""
    pairs = [line.split("\t") for line in BEFORE.read_text(encoding="utf-8").splitlines()]
    assert len(pairs) > 900
    for typed, kept in pairs:
        assert parse(typed) == parse(quote_reserved(kept)), typed


@pytest.mark.parametrize(
    ("kept", "means"),
    [
        ("status=403", '"status=403"'),
        ("page=2 -a=b", '"page=2" -"a=b"'),
        ("alice OR bob", 'alice "OR" bob'),
        ("status 403", '"status" 403'),
        ("created:>=2026-11-22T00:00:00Z utc", 'created:>=2026-11-22T00:00:00Z "utc"'),
        ("203.0.113.0/24", '"203.0.113.0/24"'),
        ("action:=x", 'action:"=x"'),
        ("-target:null", '-target:"null"'),
        ("path:~a=b ua:a=b", "path:~a=b ua:a=b"),
        ('"a=b" ua:"x OR y"', '"a=b" ua:"x OR y"'),
        ("status:403 terraform", "status:403 terraform"),
    ],
)
def test_a_kept_word_means_itself(kept: str, means: str) -> None:
    assert quote_reserved(kept) == means
    assert quote_reserved(means) == means


@pytest.mark.parametrize("line", ["(" * 500, "!" * 5_000, "NOT " * 500 + "a", "-(" * 500, "(a " * 500 + ")" * 500])
def test_nesting_has_an_end(line: str) -> None:
    _, error = read(line)
    assert error is not None
    assert error.hint
