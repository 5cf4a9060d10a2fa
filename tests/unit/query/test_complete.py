"""Completion while a filter is typed; `|` marks the cursor."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui.errors import QueryError
from auditlog_tui.query import FIELDS, Completion, complete, parse
from tests.unit.query.strategies import typed

SEEN = {
    "action": [("vm.deleted", 3), ("vm.created", 9), ("key.vm", 5), ("", 4)],
    "actor.name": [("Alice Smith", 2), ('a"b', 1), ("~x", 1)],
    "actor.type": [("api_key", 7)],
    "ip": [("203.0.113.7", 2), ("2001:DB8::1", 1), ("unknown", 1)],
    "method": [("GET", 2), ("get", 1)],
    "status": [("403", 2), ("500", 9), ("200", 1)],
    "target": [("none", 1), ("t-1", 4)],
}


def seen(name: str) -> Sequence[tuple[str, int]]:
    return SEEN.get(name, [])


def completed(line: str) -> Completion:
    return complete(line.replace("|", ""), line.index("|"), seen)


def offered(line: str) -> list[str]:
    return [candidate.text for candidate in completed(line).candidates]


def test_an_empty_line_is_offered_every_key_with_its_meaning() -> None:
    candidates = completed("|").candidates
    assert [candidate.text for candidate in candidates] == [f"{name}:" for name in FIELDS]
    assert all(candidate.help for candidate in candidates)


@pytest.mark.parametrize(
    ("line", "texts"),
    [
        ("actor|", ["actor:", "actor.name:", "actor.type:"]),
        ("method:GET tar|", ["target:", "target.type:"]),
        ("-me|", ["method:"]),
        ("ME|", ["method:"]),
        ("name|", ["actor.name:"]),
        ("la|", ["last:", "last:15m", "last:1h", "last:24h", "last:7d"]),
        ("crea|ted", ["created:", "created:today"]),
        ("zzz|", []),
        ("/v1|", []),
        ('"a|', []),
        ('"two met|', []),
    ],
)
def test_keys(line: str, texts: list[str]) -> None:
    assert offered(line) == texts


@pytest.mark.parametrize(
    ("line", "texts"),
    [
        ("action:|", ["vm.created", "key.vm", "vm.deleted"]),
        ("action:vm|", ["vm.created", "vm.deleted", "key.vm"]),
        ("action:VM.C|", ["vm.created"]),
        ("-action:vm.d|", ["vm.deleted"]),
        ("action:vm.created,ke|", ["key.vm"]),
        ('action:"a,b",ke|', ["key.vm"]),
        ("actor.name:|", ['"Alice Smith"', '"a\\"b"', '"~x"']),
        ('actor.name:"alice s|', ['"Alice Smith"']),
        (r"actor.name:two\ al|", []),
        ("actor.type:|", ["api_key", "user"]),
        ("ip:|", ["203.0.113.7", '"2001:DB8::1"', '"unknown"']),
        ("method:|", ["GET", '"get"', "POST", "PUT", "PATCH", "DELETE"]),
        (
            "status:|",
            ["500", "403", "200", ">=400", "2xx", "4xx", "5xx", "400", "401", "404", "409", "429", "503", "400..499"],
        ),
        ("status:4|", ["403", "4xx", "400", "401", "404", "409", "429", "400..499"]),
        ("target:|", ["t-1", '"none"', "none"]),
        ("created:|", ["today", "yesterday", ">=", "<="]),
        ("last:2|", ["24h", "2w"]),
        ("path:~|", []),
        ("nope:|", []),
        ("http://x|", []),
    ],
)
def test_values_most_frequent_first(line: str, texts: list[str]) -> None:
    assert offered(line) == texts


def test_values_carry_how_often_they_were_seen() -> None:
    assert [candidate.count for candidate in completed("actor.type:|").candidates] == [7, None]


def test_orders_begin_with_what_the_server_sorts_by() -> None:
    assert offered("sort:|")[:4] == ["status", "-status", "created", "-created"]
    assert offered("sort:status,-c|") == ["-created"]
    assert "last" not in offered("sort:|")


@pytest.mark.parametrize(
    ("line", "begun"),
    [("method:GET act| last:2h", "act"), ("-act|", "act"), ("action:vm|.x", "vm"), ("action:a,k|", "k"), ("|", "")],
)
def test_what_stands_before_the_cursor_is_replaced_and_the_rest_left_alone(line: str, begun: str) -> None:
    completion = completed(line)
    text = line.replace("|", "")
    assert text[completion.start : completion.end] == begun
    assert completion.end == line.index("|")


def test_a_long_list_is_cut() -> None:
    many = [(f"a{n}", n) for n in range(1_000)]
    candidates = complete("action:", 7, lambda _: many).candidates
    assert [candidate.text for candidate in candidates] == [f"a{n}" for n in range(999, 949, -1)]


@given(typed, st.integers(0, 40))
def test_nothing_that_is_typed_is_too_odd_to_complete(text: str, at: int) -> None:
    cursor = min(at, len(text))
    completion = complete(text, cursor, seen)
    assert 0 <= completion.start <= completion.end == cursor


@given(st.sampled_from(sorted(FIELDS)), st.text(max_size=8), st.integers(1, 9))
def test_a_value_that_was_seen_is_offered_as_it_must_be_written(name: str, text: str, count: int) -> None:
    if name in ("status", "created", "last", "sort", "marked") or not text or (name == "tag" and text[0] == "#"):
        return
    candidates = complete(f"{name}:", len(name) + 1, lambda _: [(text, count)]).candidates
    (candidate,) = [candidate for candidate in candidates if candidate.count == count]
    (term,) = parse(f"{name}:{candidate.text}").terms
    assert getattr(term.values[0], "text", None) == text


def test_what_is_offered_for_a_key_can_be_read() -> None:
    for name in FIELDS:
        for text in offered(f"{name}:|"):
            if text in (">=", "<="):
                continue
            try:
                parse(f"{name}:{text}")
            except QueryError as error:
                pytest.fail(f"{name}:{text}: {error}")


@pytest.mark.parametrize("before", ["-", "!", "(", "-(", "+", "status:403 AND ", "NOT "])
def test_a_term_is_completed_behind_what_other_languages_put_before_it(before: str) -> None:
    assert offered(f"{before}meth|") == ["method:"]
    assert completed(f"{before}meth|").start == len(before)
    assert offered(f"{before}actor.type:a|") == ["api_key"]
