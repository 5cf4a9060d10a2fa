"""Every error message with its columns; `errors.txt` holds the expected ones.

After a change, `WRITE_ERRORS=1 pytest tests/unit/query/test_errors.py` rewrites the file; review the diff.
"""

from __future__ import annotations

import os
import re
from datetime import UTC
from pathlib import Path

import pytest

from auditlog_tui.errors import QueryError
from auditlog_tui.query import FIELDS, freeze, parse
from tests.unit.query.strategies import NOON_US

GOLDEN = Path(__file__).with_name("errors.txt")

LINES = [
    # keys
    "foo:bar",
    "statsu:403",
    "Stauts:403",
    "actor_id:u-1",
    "client_ip:203.0.113.7",
    "user:alice",
    "user_agent:curl",
    "type:vm",
    "localhost:8080",
    "fe80:",
    "method:GET nope:1 status:403",
    "x" * 80 + ":1",
    "stätus:403",
    "action:vm.created status.code:403",
    # missing values
    "status:",
    "status:403,",
    "action:a,,b",
    "path:",
    "path:~",
    'path:""',
    '""',
    "-",
    "method:GET -",
    "--action:a",
    "- action:a",
    # quotes
    '"abc',
    'ua:"abc',
    'ua:"a"b',
    'ua:a"b',
    '"a"b',
    '"a",b',
    '"a":b',
    'don"t',
    "ua:a\\",
    "a\\",
    # wildcards and patterns
    "vm.*",
    "path:/v1/*",
    "actor.name:al*",
    "id:e*",
    "path:~(",
    "path:~a{2,1}",
    "path:~[a",
    "path:~(a{1000}){1000}",
    "path:~" + "a" * 501,
    "action:~^vm",
    "status:~4..",
    "ua:~curl",
    "ip:~203",
    "sort:~a",
    "id:~a",
    "last:~a",
    # status
    "status:abc",
    "status:4*",
    "status:>",
    "status:..",
    "status:500..400",
    "status:>=500 status:<400",
    "status:403 method:GET status:404",
    "status:" + "4" * 101,
    # addresses
    "ip:203.0.113",
    "ip:203.0.113.*",
    "ip:203.0.113.256",
    "ip:203.0.113.0/33",
    "ip:unknown",
    "ip:203.0.113.7:8080",
    "ip:2001:db8::g",
    # times
    "created:2026-11-31",
    "created:2026-11-22T25:00Z",
    "created:22.11.2026",
    "created:2026-11-22T06:00+25:00",
    "created:2h",
    "created:tomorrow",
    "created:",
    "created:..",
    "created:2026-11-22T06",
    "created:>2026-11-22..2026-11-23",
    "created:2026-11-23..2026-11-22",
    "created:>=2026-11-23 created:<2026-11-23",
    "last:2h created:<2026-11-01",
    "created:9999-12-31T23:59-05:00",
    "created:>9999-12-31",
    "last:2",
    "last:0h",
    "last:2y",
    "last:-2h",
    "last:1h,2h",
    # order and ids
    "sort:name",
    "sort:created_at",
    "sort:created:desc",
    "sort:last",
    "sort:status,status",
    "-sort:created",
    "sort:status sort:created",
    "id:a id:b",
    # the whole line
    "ip:" + ",".join(["203.0.113.7"] * 501),
    "action:\ud800",
]


def refusal(line: str) -> QueryError:
    with pytest.raises(QueryError) as caught:
        freeze(parse(line), NOON_US, UTC)
    return caught.value


def written(line: str) -> str:
    """The line, the columns that its error underlines, the message and the hint; long lines are shortened."""
    error = refusal(line)
    shown = "".join(c if c.isprintable() else "�" for c in line)
    if len(line) > 100:
        shown = shown[:40] + "…"
        return f"{shown}\n{error.start}-{error.end}\n{error}\n{error.hint}\n"
    return f"{shown}\n{' ' * error.start}{'^' * (error.end - error.start)}\n{error}\n{error.hint}\n"


def test_the_messages_are_those_of_the_file() -> None:
    text = "\n".join(map(written, LINES))
    if os.environ.get("WRITE_ERRORS"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("line", LINES)
def test_a_message_is_fit_for_the_line_below_the_filter(line: str) -> None:
    error = refusal(line)
    assert error.message.endswith(".")
    assert len(error.message) <= 120
    assert 0 < len(error.hint) <= 200
    assert (error.message + error.hint).isprintable()
    assert error.start < error.end <= len(line)


def test_an_error_points_at_its_term_among_others() -> None:
    line = "method:GET  stauts:403 path:/v1"
    error = refusal(line)
    assert line[error.start : error.end] == "stauts:403"


def test_every_key_that_a_message_offers_exists() -> None:
    for line in ("statsu:403", "actor_id:u-1", "user:alice", "type:vm", "action:~^vm"):
        offered = re.findall(r"([\w.]+):(?=\?| does)", refusal(line).hint)
        assert offered
        assert set(offered) <= set(FIELDS)


def test_a_sensible_suggestion_for_what_other_tools_call_it() -> None:
    for line, key in {
        "actor_id:u-1": "actor",
        "client-ip:::1": "ip",
        "clientIP:::1": "ip",
        "created_at_min:today": "created",
        "user_agent:x": "ua",
        "userAgent:x": "ua",
        "status_code_min:400": "status",
        "created_at:today": "created",
        "event:x": "action",
        "who:x": "actor.name",
        "acton:x": "action",
    }.items():
        assert f"Did you mean {key}:?" in refusal(line).hint
