"""The line below the filter: the request, and the terms evaluated locally."""

from __future__ import annotations

import pytest
from hypothesis import given

from auditlog_tui.query import Query, explain
from tests.unit.query.here import planned, split_or_stop
from tests.unit.query.strategies import frozen_queries


def explained(text: str, *ignored: str) -> str:
    return explain(planned(text, ignored))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "GET /v1/audit_logs"),
        ("status:>=400", "GET /v1/audit_logs?status_code_min=400"),
        ("status:>=400 -path:/health", "GET /v1/audit_logs?status_code_min=400 · here: not path /health"),
        (
            "status:403,409 ip:203.0.113.0/24",
            "GET /v1/audit_logs?status_code_min=403&status_code_max=409 · here: status 403 or 409, ip 203.0.113.0/24",
        ),
        ("last:2h", "GET /v1/audit_logs?created_at_min=2026-11-22T10:00:00Z"),
        ("path:/v1/a&b=c", "GET /v1/audit_logs?path=/v1/a%26b%3Dc"),
        ('path:"a b"', "GET /v1/audit_logs?path=a%20b"),
        ("id:e-1", "GET /v1/audit_logs/e-1"),
        ("id:../x?y", "GET /v1/audit_logs/..%2Fx%3Fy"),
        ("id:e-1 method:GET", "GET /v1/audit_logs/e-1 · here: method GET"),
        ("terraform", 'GET /v1/audit_logs · here: text "terraform"'),
        ('-"two words"', 'GET /v1/audit_logs · here: not text "two words"'),
        ("target:none", "GET /v1/audit_logs · here: target none"),
        ("path:~^/v1/.*s$", "GET /v1/audit_logs · here: path ~^/v1/.*s$"),
        ("marked:yes id:e-1", "no request: of what you marked · here: marked yes, id e-1"),
        ("tag:a sort:-created", "no request: of what you noted · here: tag a · sorted here by created desc"),
        ("-tag:a method:GET", "GET /v1/audit_logs?method=GET · here: not tag a"),
        ("sort:status", "GET /v1/audit_logs?sort=status_code:asc"),
        ("sort:-created", "GET /v1/audit_logs"),
        ("sort:status,-path", "GET /v1/audit_logs?sort=status_code:asc · sorted here by status asc, path desc"),
    ],
)
def test_a_filter_is_explained(text: str, line: str) -> None:
    assert explained(text) == line


def test_what_the_server_ignores_is_said_to_stay_here() -> None:
    assert explained("method:GET", "method") == "GET /v1/audit_logs · here: method GET"


@given(frozen_queries)
def test_every_query_can_be_explained(query: Query) -> None:
    split = split_or_stop(query, frozenset(), [])
    line = explain(split)
    assert line.startswith(f"no request: of what you {split.only}" if split.only else "GET /v1/audit_logs")
    assert ("here: " in line) or split.residual is None
    assert all(f"{name}=" in line for name in split.params)
