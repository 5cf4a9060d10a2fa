import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui.entries.models import Page, read_entry, read_page
from auditlog_tui.entries.raw_json import SQLITE_INT
from auditlog_tui.errors import NotTheApiError
from tests.unit.fake import entry, log_of

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from([*entry(0), "extra", "\ud800"])
json_objects = st.dictionaries(fields | st.text(max_size=3), json_values, max_size=8)
actors = st.dictionaries(st.sampled_from(["id", "name", "type", "\udfff", "more"]), json_values, max_size=4)


def page_text(
    *items: str, pagination: str = '{"next_cursor": null, "previous_cursor": null, "total_count": 1}'
) -> str:
    return f'{{"items": [{", ".join(items)}], "pagination": {pagination}}}'


def with_field(name: str, text: str) -> str:
    """A valid entry whose field has the JSON `text`."""
    return json.dumps({**entry(1), name: "PLACE"}).replace('"PLACE"', text)


# -- entries -------------------------------------------------------------------------------------------------------


def test_a_good_entry_is_read_in_full() -> None:
    data = entry(1, created_at="2025-01-01T00:00:00.5Z", more=[1])
    read = read_entry(json.dumps(data))
    assert read.key == read.log.id == "id-1"
    assert read.created_us == 1_735_689_600_500_000
    assert (read.actor.id, read.actor.name, read.actor.type) == ("actor-1", "Alice", "user")
    assert (read.target.id, read.target.type) == ("vm-1", "vm")
    assert (read.log.action, read.log.method, read.log.path) == ("vm.created", "POST", "/v1/vms")
    assert (read.log.client_ip, read.log.status_code, read.log.user_agent) == ("203.0.113.7", 200, "curl")
    assert read.log.model_extra == {"more": [1]}
    assert not read.unreadable


@given(json_objects | st.fixed_dictionaries({"actor": actors, "target": actors, "id": st.just("a")}))
def test_any_object_is_an_entry(data: dict[str, Any]) -> None:
    raw = json.dumps(data)
    read = read_entry(raw)
    assert read.raw == raw
    assert read.key
    for value in (read.key, read.log.action, read.log.path, read.actor.name, read.target.id):
        (value or "").encode()
    for name in ("action", "method", "path", "user_agent", "client_ip"):
        value = data.get(name)
        assert getattr(read.log, name) == value or name in read.unreadable


@given(st.text(max_size=30))
def test_any_text_is_an_entry(text: str) -> None:
    assert read_entry(text).raw == text


@given(st.sampled_from([name for name in entry(0) if name != "id"]), json_values)
def test_a_bad_field_costs_no_other_field(name: str, value: Any) -> None:
    read = read_entry(with_field(name, json.dumps(value)))
    good = read_entry(json.dumps(entry(1)))
    assert read.key == "id-1"
    for other in set(entry(0)) - {name}:
        assert getattr(read.log, other) == getattr(good.log, other)


@pytest.mark.parametrize("text", ['"200"', '"abc"', "true", "1.10", "1e3", "NaN", "-Infinity", "[]", "1" + "0" * 30])
def test_a_status_that_is_no_integer_is_told_by_its_text(text: str) -> None:
    read = read_entry(with_field("status_code", text))
    assert read.log.status_code is None
    assert read.unreadable == {"status_code": text}
    assert read.log.action == "vm.created"


@pytest.mark.parametrize("status", [0, -1, 999, SQLITE_INT, -SQLITE_INT])
def test_any_integer_is_a_status(status: int) -> None:
    read = read_entry(with_field("status_code", str(status)))
    assert read.log.status_code == status
    assert not read.unreadable


@pytest.mark.parametrize("name", ["status_code", "extra", "actor", "target"])
@pytest.mark.parametrize("text", ["1" * 5_000, "[" * 200_000 + "]" * 200_000], ids=["digits", "nesting"])
def test_what_python_cannot_hold_costs_its_field_only(name: str, text: str) -> None:
    raw = with_field(name, text)
    read = read_entry(raw)
    assert read.raw == raw
    assert read.key == "id-1"
    assert read.log.action == "vm.created"
    assert read.unreadable == {name: text}


@pytest.mark.parametrize("holder", ["actor", "target"])
@pytest.mark.parametrize(
    "text",
    ["1" * 5_000, "[" * 60_000 + "]" * 60_000, "7"],
    ids=["digits", "nesting", "number"],
)
def test_inside_actor_and_target_it_costs_that_member_only(holder: str, text: str) -> None:
    read = read_entry(with_field(holder, f'{{"id": {text}, "type": "x"}}'))
    assert getattr(read, holder).type == "x"
    assert getattr(read, holder).id is None
    assert read.unreadable == {f"{holder}.id": text}


@pytest.mark.parametrize("name", ["action", "path", "user_agent"])
@pytest.mark.parametrize(("text", "shown"), [("a\\ud800b", r"a\ud800b"), ("a\udcffb", r"a\xffb")])
def test_what_no_text_can_hold_is_shown_flagged_and_its_text_is_kept(name: str, text: str, shown: str) -> None:
    read = read_entry(with_field(name, f'"{text}"'))
    assert getattr(read.log, name) == shown
    assert read.unreadable == {name: f'"{text}"'}


def test_an_id_that_is_only_nearly_known_is_none() -> None:
    entries = [read_entry(with_field("id", f'"a{text}"')) for text in ("\udcff", "\udcfe", "\\ud800", "\\x", "\t")]
    assert [read.log.id for read in entries] == [None, None, None, None, "a\t"]
    assert all("id" in read.unreadable for read in entries)
    assert len({read.key for read in entries}) == 5


def test_a_name_that_no_text_can_hold_costs_nothing_else() -> None:
    read = read_entry('{"id": "a", "\\ud800": 1, "actor": {"\\udc00": 2, "name": "Bob"}}')
    assert (read.key, read.actor.name) == ("a", "Bob")
    assert read.log.model_extra == {r"\ud800": 1}
    assert read.unreadable == {"": r'"\ud800": 1', "actor": r'{"\udc00": 2, "name": "Bob"}'}


@pytest.mark.parametrize("target", ['{"target": null}', "{}"])
def test_a_target_may_be_absent_or_null(target: str) -> None:
    read = read_entry(target)
    assert read.log.target is None
    assert read.target.id is None
    assert not read.unreadable


def test_an_unknown_kind_of_actor_is_kept() -> None:
    assert read_entry('{"actor": {"id": "a", "type": "robot"}}').actor.type == "robot"


def test_of_duplicate_names_the_last_counts_and_the_text_keeps_both() -> None:
    raw = '{"id": "a", "status_code": "x", "id": "b", "status_code": true}'
    read = read_entry(raw)
    assert read.key == "b"
    assert read.unreadable == {"id": '"a", "b"', "status_code": '"x", true'}
    assert read.raw == raw


@pytest.mark.parametrize("raw", ["null", "[1]", "3", '"text"', "{", "nonsense", ""])
def test_what_is_no_object_is_an_entry_all_the_same(raw: str) -> None:
    read = read_entry(raw)
    assert read.unreadable == {"": raw}
    assert read.key.startswith("sha256:")


@pytest.mark.parametrize("missing", ["{}", '{"id": null}', '{"id": ""}', '{"id": 7}'])
def test_without_an_id_the_text_identifies_the_entry(missing: str) -> None:
    assert read_entry(missing).key == read_entry(missing).key
    assert read_entry(missing).key != read_entry(missing + " ").key


@pytest.mark.parametrize("key", [".", "..", "a/b", "?", "%2f", "a\nb", "x" * 10_000], ids=lambda key: key[:3])
def test_any_other_id_is_kept_as_it_is(key: str) -> None:
    assert read_entry(json.dumps({"id": key})).key == key


# -- pages ---------------------------------------------------------------------------------------------------------


def test_each_entry_of_a_page_keeps_its_exact_text() -> None:
    items = ['{"id":"a",  "status_code": 1.10}', '{ "id": "b","id": "c" }', "7", '{"id": "\\u0041"}']
    page = read_page(page_text(*items))
    assert [read.raw for read in page.entries] == items
    assert [read.key for read in page.entries[::3]] == ["a", "A"]


@pytest.mark.parametrize(
    "bad",
    ["null", "1" * 5_000, "[" * 200_000 + "]" * 200_000, '{"id": nope}', '{"a": "]}\\"["}', "NaN"],
    ids=lambda bad: bad[:8],
)
def test_a_bad_entry_never_costs_its_page(bad: str) -> None:
    page = read_page(page_text('{"id": "a"}', bad, '{"id": "b"}'))
    assert [read.key for read in page.entries[::2]] == ["a", "b"]
    assert page.entries[1].raw == bad
    assert page.total_count == 1


def test_the_page_itself() -> None:
    served = datetime(2027, 1, 1, tzinfo=UTC)
    page = read_page(
        page_text(pagination='{"next_cursor": "n", "previous_cursor": "p", "total_count": 125, "more": 1}'), served
    )
    assert page == Page((), "n", "p", 125, served)


@pytest.mark.parametrize("cursor", ["null", '""'])
def test_a_cursor_that_is_null_or_empty_is_the_end(cursor: str) -> None:
    page = read_page(page_text(pagination=f'{{"next_cursor": {cursor}, "total_count": 1}}'))
    assert (page.next_cursor, page.unclear, page.last) == (None, "", True)


@pytest.mark.parametrize(
    ("pagination", "how"),
    [
        ("null", "pagination is null"),
        ("7", "pagination is a number"),
        ("[]", "pagination is a list"),
        ('"x"', "pagination is"),
        ("{}", "has no next_cursor"),
        ('{"total_count": 600}', "has no next_cursor"),
        ('{"next_cursor": {"id": 1}}', "next_cursor is an object"),
        ('{"next_cursor": 7}', "next_cursor is a number"),
        ('{"next_cursor": [], "total_count": 3}', "next_cursor is a list"),
        ('{"next_cursor": false}', "next_cursor is false"),
        ('{"next_cursor": "a\\ud800"}', "next_cursor is malformed text"),
        ('{"next_cursor": "a", "next_cursor": "b"}', "next_cursor is"),
        ('{"next_cursor\\ud800": "a", "next_cursor": null}', ""),
    ],
)
def test_without_a_readable_pagination_the_end_is_not_known(pagination: str, how: str) -> None:
    page = read_page(page_text('{"id": "a"}', pagination=pagination))
    assert [read.key for read in page.entries] == ["a"]
    assert not page.last
    assert page.next_cursor is None
    assert how in page.unclear
    assert "did not say whether more follows" in page.unclear


def test_a_page_without_pagination_is_not_known_to_be_the_last() -> None:
    page = read_page('{"items": [{"id": "a"}]}')
    assert not page.last
    assert "no pagination" in page.unclear


def test_a_count_that_cannot_be_read_costs_no_cursor() -> None:
    page = read_page(page_text(pagination='{"next_cursor": "n", "total_count": ' + "1" * 5_000 + "}"))
    assert (page.next_cursor, page.total_count, page.unclear) == ("n", None, "")


@pytest.mark.parametrize("total", ["null", '"12"', "true", "-1", "1.5", "NaN", "1" + "0" * 30])
def test_a_total_that_is_no_count_is_none(total: str) -> None:
    assert read_page(page_text(pagination=f'{{"total_count": {total}}}')).total_count is None


@pytest.mark.parametrize(
    "pagination",
    ["null", "[]", "7", "1" * 5_000, '{"total_count": ' + "1" * 5_000 + "}"],
    ids=lambda pagination: pagination[:8],
)
def test_pagination_that_cannot_be_read_costs_no_entry(pagination: str) -> None:
    page = read_page(page_text('{"id": "a"}', pagination=pagination))
    assert [read.key for read in page.entries] == ["a"]
    assert (page.next_cursor, page.total_count) == (None, None)


def test_unknown_members_are_passed_over_whatever_they_hold() -> None:
    deep = "[" * 200_000 + "]" * 200_000
    page = read_page(f'\n{{ "new": {deep}, "items" : [ {{"id": "a"}} ] , "items2": "]" }}\r\n')
    assert [read.key for read in page.entries] == ["a"]


@given(st.data())
def test_any_truncation_is_told(data: st.DataObject) -> None:
    text = json.dumps(
        {
            "items": [*log_of(2), {"id": 'x"}]}', "actor": {"name": "\\"}, "n": [1, {"a": []}]}],
            "pagination": {"next_cursor": "abc", "previous_cursor": None, "total_count": 3},
        }
    )
    assert len(read_page(text).entries) == 3
    with pytest.raises(NotTheApiError):
        read_page(text[: data.draw(st.integers(0, len(text) - 1))])


@given(json_values.map(json.dumps) | st.text(max_size=40))
def test_anything_else_is_not_the_api(text: str) -> None:
    if "items" not in text:
        with pytest.raises(NotTheApiError):
            read_page(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "<html>", "{}", "[]", '{"items": null}', '{"items": {}}', '{"items": []} x', '{"items": [] "a": 1}',
        '{"items": [1 2]}', '{"items": [1,]}', '{"items": [],}', '{7: 1, "items": []}', "[" * 200_000,
        "{" + "[" * 200_000, '{"items": [', '{"items": "', '{"items": [{"a": "]', '{"items" []}', "\ufeff{}",
    ],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_other_answers_are_not_the_api(text: str) -> None:
    with pytest.raises(NotTheApiError):
        read_page(text)


def test_of_two_paginations_none_tells_the_end() -> None:
    page = read_page('{"items": [], "pagination": {"next_cursor": "n"}, "pagination": {"next_cursor": null}}')
    assert (page.last, page.next_cursor) == (False, None)
    assert "more than one" in page.unclear
