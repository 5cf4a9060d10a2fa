"""A malformed field never loses its entry, a malformed entry never loses its page, and neither delays a key."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui.api.http import decode
from auditlog_tui.entries import models, raw_json
from auditlog_tui.entries.models import Entry, page_in_portions, read_entry, read_page
from auditlog_tui.entries.raw_json import run_at_once
from auditlog_tui.errors import NotTheApiError
from auditlog_tui.output.copies import copied
from auditlog_tui.store.entries import EntryStore, Stretch
from auditlog_tui.store.scans import raws
from tests.unit.fake import entry

FIELDS = (
    "id", "action", "actor.id", "actor.name", "actor.type", "client_ip", "created_at", "method", "path",
    "status_code", "user_agent", "target.id", "target.type",
)  # fmt: skip

DAMAGES: dict[str, bytes] = {
    "tab": b'"cu\trl"', "escape": b'"cu\x1b[2Jrl"', "nul": b'"cu\x00rl"', "line break": b'"cu\nrl"',
    "latin-1": b'"cu\xe9rl"', "half a character": b'"cu\xe2\x82rl"', "surrogate in utf-8": b'"\xed\xa0\x80"',
    "escaped surrogate": b'"cu\\ud800rl"', "unknown escape": b'"cu\\x41rl"', "short escape": b'"cu\\u41"',
    "trailing comma": b'"curl",', "two commas": b'"curl",,', "nan": b"NaN", "infinity": b"-Infinity",
    "digits": b"1" * 5_000, "leading zero": b"0200", "plus": b"+5", "word": b"undefined", "python": b"None",
    "single quotes": b"'curl'", "nesting": b"[" * 5_000 + b"]" * 5_000, "list": b"[1, 2]", "nothing": b"",
    "number and word": b"200 OK", "inner quotes": b'"cu "x" rl"',
}  # fmt: skip
"""JSON texts in place of a field's value."""


def body_of(entries: list[bytes]) -> bytes:
    return b'{"items": [' + b", ".join(entries) + b'], "pagination": {"next_cursor": "c", "total_count": 3}}'


def damaged(field: str, text: bytes, number: int = 1) -> bytes:
    data = entry(number)
    holder, _, name = field.rpartition(".")
    (data[holder] if holder else data)[name] = "PLACE"
    return json.dumps(data).encode().replace(b'"PLACE"', text)


def value_of(read: Entry, field: str) -> object:
    holder, _, name = field.rpartition(".")
    return getattr(getattr(read, holder) if holder else read.log, name)


@given(st.sampled_from(FIELDS), st.sampled_from(sorted(DAMAGES)), st.integers(0, 2))
def test_one_damaged_field_costs_nothing_else(field: str, damage: str, place: int) -> None:
    items = [json.dumps(entry(n)).encode() for n in range(3)]
    items[place] = damaged(field, DAMAGES[damage], place)
    page = read_page(decode(body_of(items)))
    assert (page.next_cursor, page.total_count, len(page.entries)) == ("c", 3, 3)
    for n, read in enumerate(page.entries):
        good = read_entry(json.dumps(entry(n)))
        assert read.raw.encode("utf-8", "surrogateescape") == items[n]
        if n != place:
            assert read == good
            continue
        for name in FIELDS:
            if name != field:
                assert value_of(read, name) == value_of(good, name)
        assert field in read.unreadable


@given(st.sampled_from(FIELDS), st.sampled_from([rb"\ud800", b"\xff", b"\x1b"]))
def test_a_damaged_name_costs_nothing_else_and_is_flagged(field: str, damage: bytes) -> None:
    name = field.rpartition(".")[2].encode()
    holder = field.rpartition(".")[0]
    text = json.dumps(entry(1)).encode()
    at = text.index(b'"' + name + b'"', text.index(holder.encode()) if holder else 0)
    if not holder and name == b"id":
        at = text.index(b'"id"')
    text = text[: at + 1] + name + damage + text[at + 1 + len(name) :]
    (read,) = read_page(decode(body_of([text]))).entries
    good = read_entry(json.dumps(entry(1)))
    for other in FIELDS:
        assert value_of(read, other) == (None if other == field else value_of(good, other))
    assert value_of(read, field) is None
    assert not {"", holder, field}.isdisjoint(read.unreadable) or any(
        flagged.startswith(field) for flagged in read.unreadable
    )


@pytest.mark.parametrize("text", [b'"vm.read", "action": "vm.deleted"', b'"vm.deleted", "action": "vm.deleted"'])
def test_a_field_that_stands_twice_is_flagged(text: bytes) -> None:
    (read,) = read_page(decode(body_of([damaged("action", text)]))).entries
    assert read.log.action == "vm.deleted"
    assert read.unreadable["action"].count("vm.") == 2


@given(st.binary(max_size=200))
def test_any_bytes_of_an_entry_are_stored_as_they_came(junk: bytes) -> None:
    body = b'{"id": "a", "x": ' + json.dumps(junk.decode("latin-1")).encode() + b', "y": "' + junk.replace(
        b"\\", b""
    ).replace(b'"', b"") + b'"}'  # fmt: skip
    text = body.decode("utf-8", "surrogateescape")
    store = EntryStore()
    run = store.new_run()
    store.append(run, store.add([read_entry(text)]))
    (kept,) = raws(store, run, Stretch(0, 1))
    assert kept.encode("utf-8", "surrogateescape") == body
    assert store.entry(1) == read_entry(text)
    store.close()


def test_versions_that_differ_in_a_byte_are_all_kept() -> None:
    store = EntryStore()
    texts = [damaged("path", b'"/%s"' % byte).decode("utf-8", "surrogateescape") for byte in (b"\xff", b"\xfe", b"a")]
    assert store.add([read_entry(text) for text in texts]) == [1, 2, 3]
    assert [store.entry(1).raw, *store.versions(1)] == texts
    store.close()


def test_a_copy_of_the_json_holds_nothing_that_a_terminal_obeys() -> None:
    text = copied("json", [read_entry(damaged("user_agent", b'"\x1b]52;\xff"').decode("utf-8", "surrogateescape"))])
    assert text.isprintable()
    assert json.loads(text)["user_agent"] == "\x1b]52;\udcff"


# -- portions ------------------------------------------------------------------------------------------------------


def test_a_page_is_read_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps({"items": [entry(n) for n in range(1_000)], "pagination": {"next_cursor": None}})
    read = 0
    one = models._entry

    def counted(*arguments: str) -> Entry:
        nonlocal read
        read += 1
        return one(*arguments)

    monkeypatch.setattr(models, "_entry", counted)
    portions: list[int] = []
    for _ in page_in_portions(text):
        portions.append(read)
        read = 0
    assert sum(portions) + read == 1_000
    assert max([*portions, read]) <= models.PORTION


def test_more_entries_than_any_page_has_are_a_named_error() -> None:
    text = json.dumps({"items": [entry(n) for n in range(1_001)], "pagination": {"next_cursor": None}})
    with pytest.raises(NotTheApiError, match="more than 1,000 entries in one page"):
        read_page(text)


@pytest.mark.parametrize("unit", ["[]", "[{", '{"a":['])
def test_what_is_nested_deeply_is_passed_over_in_portions(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    closing = "".join({"{": "}", "[": "]"}[mark] for mark in reversed(unit) if mark in "{[")
    deep = unit * 20_000 + closing * 20_000 if unit != "[]" else "[" * 20_000 + "]" * 20_000
    text = f'{{"items": [{{"id": "a", "x": {deep}, "method": "GET"}}, {{"id": "b"}}], "pagination": null}}'
    searched = 0

    class Counting:
        @staticmethod
        def search(text: str, start: int, end: int) -> object:
            nonlocal searched
            searched += 1
            return run.search(text, start, end)

    run = raw_json._RUN
    monkeypatch.setattr(raw_json, "_RUN", Counting)
    work, most = page_in_portions(text), 0
    while True:
        searched = 0
        try:
            next(work)
        except StopIteration as done:
            page = done.value
            break
        most = max(most, searched)
    assert most <= raw_json.STEPS
    assert [read.raw.startswith("{") for read in page.entries] == [True, True]
    assert page.entries[1].key == "b"
    assert page.entries[0].unreadable


def test_reading_in_portions_reads_the_same() -> None:
    rng = random.Random(7)
    text = json.dumps({"items": [entry(n, path="x" * rng.randrange(9_000)) for n in range(200)], "pagination": None})
    assert run_at_once(page_in_portions(text)) == read_page(text)
    assert [read.raw for read in read_page(text).entries] == [json.dumps(entry(n, path=read.log.path)) for n, read in
                                                             enumerate(read_page(text).entries)]  # fmt: skip


def at_depth(frames: int, text: str) -> Entry:
    """The entry in a text, read so many calls further down."""
    return read_entry(text) if frames == 0 else at_depth(frames - 1, text)


@pytest.mark.parametrize("levels", [190, 199, 201, 300, 600, 900, 970, 990, 5_000, 20_000])
@pytest.mark.parametrize("field", ["extra", "path", "actor"])
def test_how_deep_an_entry_is_read_does_not_depend_on_who_reads_it(field: str, levels: int) -> None:
    nested = {"extra": "PLACE", "path": "PLACE", "actor": {"id": "a", "x": "PLACE"}}[field]
    text = json.dumps({**entry(1), field: nested}).replace('"PLACE"', '{"[":' * levels + "1" + "}" * levels)
    found = at_depth(0, text)
    assert all(at_depth(frames, text) == found for frames in (100, 300, 500))
    flagged = any(name.partition(".")[0] == field for name in found.unreadable)
    assert flagged == (levels > raw_json.MOST_LEVELS or field == "path")


def test_brackets_in_texts_and_side_by_side_are_no_levels() -> None:
    text = json.dumps({**entry(1), "path": "[{" * 9_000, "extra": [{"a": []}] * 5_000})
    assert not read_entry(text).unreadable
