"""What msgspec reads is what the lenient reader reads, over valid and hostile texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditlog_tui.entries import models
from auditlog_tui.entries.models import Page, read_entry, read_page
from auditlog_tui.entries.raw_json import read_value, run_at_once
from auditlog_tui.errors import NotTheApiError
from tests.unit.entries.test_malformed import DAMAGES
from tests.unit.fake import entry, log_of

VALUES = [damage.decode("utf-8", "surrogateescape") for damage in DAMAGES.values()]
VALUES += ['"a\\"b"', '"\\u0041"', '"\\ud83d\\ude00"', '"ü漢"', '":"', '"target"', '"\\"target\\":"', '"a" ', "null"]
VALUES += ["1.0", "1e2", "-0", "true", "9223372036854775807", "9223372036854775808", "{}", '{"id": "x", "id": "y"}']
SPACES = ["", "", "", " ", "\n", "\t ", "\x0c", "\ufeff"]

spaces = st.sampled_from(SPACES)
texts = st.text(st.characters(codec=None), max_size=6).map(json.dumps)
values = st.sampled_from(VALUES) | texts | texts.map(lambda text: json.dumps(json.loads(text), ensure_ascii=False))


@st.composite
def objects(draw: st.DrawFn, data: dict[str, Any]) -> str:
    """The object as JSON, with up to two of its members changed, doubled, renamed, removed or moved."""
    members = [[json.dumps(name), json.dumps(value)] for name, value in data.items()]
    for place, (name, value) in enumerate(data.items()):
        if isinstance(value, dict):
            members[place][1] = draw(objects(value))
        if name == "id" and draw(st.booleans()):
            members[place][0] = '"\\u0069d"'
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        place = draw(st.integers(0, len(members) - 1))
        match draw(st.sampled_from(["change", "double", "add", "remove", "move"])):
            case "change":
                members[place][1] = draw(values)
            case "double":
                members.insert(draw(st.integers(0, len(members))), [members[place][0], draw(values)])
            case "add":
                members.append(['"more"', draw(values)])
            case "remove" if len(members) > 1:
                del members[place]
            case "move":
                members.append(members.pop(place))
    before, after = draw(spaces), draw(spaces)
    return "{" + ",".join(f"{name}{before}:{after}{value}" for name, value in members) + "}"


@st.composite
def entries(draw: st.DrawFn) -> str:
    data = entry(draw(st.integers(0, 3)))
    if draw(st.booleans()):
        del data["target"]
    elif draw(st.booleans()):
        data["target"] = None
    return draw(objects(data))


@st.composite
def pages(draw: st.DrawFn) -> str:
    items = draw(st.lists(entries(), max_size=3))
    gap = draw(st.sampled_from(["", " "]))
    pagination = draw(objects({"next_cursor": "c", "previous_cursor": None, "total_count": 3}))
    members = [f'"items":{gap}[{f",{gap}".join(items)}]', f'"pagination":{gap}{pagination}']
    if draw(st.sampled_from([False, False, True])):
        members = draw(st.permutations([*members, members[0], '"more":1']))
    return draw(spaces) + "{" + f",{gap}".join(members) + "}" + draw(spaces)


@st.composite
def cut(draw: st.DrawFn) -> str:
    """A page with a character removed, or another one put in."""
    text = draw(pages())
    place = draw(st.integers(0, len(text)))
    return text[:place] + draw(st.sampled_from(["", ",", '"', "\\", "}", "]", " ", "\x00"])) + text[place + 1 :]


def leniently(text: str) -> Page | str:
    return outcome(lambda: run_at_once(models._read_leniently(text, None)))


def outcome(read: Callable[[], Page]) -> Page | str:
    try:
        return read()
    except NotTheApiError as error:
        return str(error)


@given(pages() | cut())
@example('{"items":[{"id":"a"}],"items":[{"id":"b"}],"pagination":{"next_cursor":null}}')
@example('{"items":[{"id":"a"}],"pagination":{"next_cursor":"c"},"pagination":{"next_cursor":null}}')
@example('{"items":[{"id"\n:"a","id":"b"}],"pagination":{"next_cursor":null}}')
def test_a_page_is_read_as_the_lenient_reader_reads_it(text: str) -> None:
    assert outcome(lambda: read_page(text)) == leniently(text)


@given(entries(), spaces, spaces)
def test_an_entry_is_read_as_the_lenient_reader_reads_it(text: str, before: str, after: str) -> None:
    text = before + text + after
    assert read_entry(text) == models._entry(read_value(text), text)


def doubled(text: str, name: str) -> str:
    """The text with a member once more, which takes two quotes, as an absent target leaves them free."""
    return text.replace(f'"{name}"', f'"{name}": 1, "{name}"', 1)


@pytest.mark.parametrize("agent", ["curl", "target", '"target":', "\\"])
@pytest.mark.parametrize("space", ["", " ", "\n", "\t "])
def test_a_name_that_occurs_twice_is_never_overlooked(agent: str, space: str) -> None:
    for absent in ({}, {"target": None}, {"target": ...}):
        data = {**entry(1, user_agent=agent), **absent}
        text = json.dumps({name: value for name, value in data.items() if value is not ...})
        text = doubled(text, "status_code").replace('"status_code":', f'"status_code"{space}:', 1)
        assert read_entry(text).unreadable == {"status_code": "1, 200"}, text


def page_of(count: int, separators: tuple[str, str]) -> str:
    pagination = {"next_cursor": None, "previous_cursor": None, "total_count": count}
    return json.dumps({"items": log_of(count), "pagination": pagination}, separators=separators)


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("end", ["", "\n"])
def test_a_page_as_in_the_contract_takes_neither_the_lenient_reader_nor_pydantic(
    separators: tuple[str, str], end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Sequence[object]) -> None:
        raise AssertionError

    monkeypatch.setattr(models, "_read_leniently", refuse)
    monkeypatch.setattr(models, "_entry", refuse)
    page = read_page(page_of(100, separators) + end)
    assert [read.raw for read in page.entries] == [json.dumps(data, separators=separators) for data in log_of(100)]
    assert (page.last, page.total_count) == (True, 100)
