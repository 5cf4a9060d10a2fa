from collections.abc import Sequence
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui.log.log import Log
from auditlog_tui.query import parse
from auditlog_tui.query.complete import suggest
from auditlog_tui.query.saved_filters import BUILT_IN
from auditlog_tui.query.seen_values import Seen
from auditlog_tui.session.navigator import Navigator
from auditlog_tui.store.entries import EntryStore
from tests.unit.fake import FakeApi, entry, log_of, read
from tests.unit.query.strategies import HOSTILE, typed

VIEWS = {**BUILT_IN, "mine": "ua:curl"}


def seen() -> Seen:
    found = Seen()
    people = [("u-1", "Alice Smith"), ("u-2", "Bob"), ("u-3", "alina"), ("k-1", "ci-deploy")]
    found.take(
        read(entry(10 * n + m, actor={"id": actor, "name": name, "type": "user"}))
        for n, (actor, name) in enumerate(people)
        for m in range(n + 1)
    )
    return found


def texts(text: str, cursor: int | None = None) -> list[str]:
    at = len(text) if cursor is None else cursor
    return [candidate.text for candidate in suggest(text, at, seen(), VIEWS).candidates]


def applied(text: str, number: int = 0) -> str:
    """The text after a candidate is accepted."""
    found = suggest(text, len(text), seen(), VIEWS)
    return text[: found.start] + found.candidates[number].text + text[found.end :]


# -- ids by their labels --------------------------------------------------------------------------------------------


def test_ids_are_offered_with_the_names_that_people_know_them_by() -> None:
    found = suggest("actor:", 6, seen(), VIEWS)
    assert [(each.text, each.help, each.count) for each in found.candidates] == [
        ("k-1", "ci-deploy", 4), ("u-3", "alina", 3), ("u-2", "Bob", 2), ("u-1", "Alice Smith", 1),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["actor:ali", "method:GET actor:ALI", "-actor:ali", 'actor:"ali'])
def test_a_name_that_was_typed_finds_its_id(text: str) -> None:
    assert texts(text) == ["u-3", "u-1"]


def test_a_targets_kind_finds_its_id() -> None:
    found = suggest("target:v", 8, seen(), VIEWS)
    assert ("vm-1", "vm") in [(each.text, each.help) for each in found.candidates]
    assert [each.text for each in found.candidates].count("vm-1") == 1


def test_taking_an_id_leaves_a_filter_that_means_it() -> None:
    assert applied("-actor:ali") == "-actor:u-3"
    assert parse(applied("actor:bob")) == parse("actor:u-2")


def test_where_a_name_is_typed_the_ids_are_offered_first() -> None:
    found = suggest("status:200 actor.name:ali", 25, seen(), VIEWS)
    assert [each.text for each in found.candidates] == [
        "actor:u-3", "actor:u-1", "actor.name:alina", 'actor.name:"Alice Smith"',
    ]  # fmt: skip
    assert applied("status:200 actor.name:ali") == "status:200 actor:u-3"
    assert texts('actor.name:"alice s')[0] == "actor:u-1"


def test_what_follows_a_name_is_completed_for_itself() -> None:
    assert applied("actor.name:alice sta") == "actor.name:alice status:"
    assert applied('actor.name:"Alice Smith" sta') == 'actor.name:"Alice Smith" status:'


def test_an_id_that_needs_quotes_gets_them() -> None:
    for hostile in HOSTILE:
        if not hostile:
            continue
        made = Seen()
        made.take([read(entry(0, actor={"id": hostile, "name": "Mallory"}))])
        for text in ("actor:mal", "actor:", "actor.name:mal"):
            found = suggest(text, len(text), made, {})
            ids = [each.text.removeprefix("actor:") for each in found.candidates if "actor.name:" not in each.text]
            assert len(ids) == 1
            assert parse(f"actor:{ids[0]}").terms[0].values[0].text == hostile  # type: ignore[union-attr]  # a text


# -- views ---------------------------------------------------------------------------------------------------------


def test_views_are_offered_by_name_with_what_they_stand_for() -> None:
    assert texts("@") == [f"@{name} " for name in VIEWS]
    found = suggest("method:GET @mi", 14, seen(), VIEWS)
    assert [(each.text, each.help) for each in found.candidates] == [("@mine ", "ua:curl")]
    assert applied("method:GET @mi") == "method:GET @mine "
    assert texts("@nothing") == []


def test_an_at_sign_within_a_word_is_no_view() -> None:
    assert suggest("a@mi", 4, seen(), VIEWS).candidates == ()


# -- everything else -----------------------------------------------------------------------------------------------


def test_keys_and_values_are_the_languages_own() -> None:
    assert "method:" in texts("meth")
    assert texts("method:")[0] == "POST"
    assert "created:today" in texts("crea")


def test_a_cursor_beyond_the_text_is_at_its_end() -> None:
    assert suggest("meth", 99, seen(), VIEWS) == suggest("meth", 4, seen(), VIEWS)


def test_what_stands_after_the_cursor_is_left_alone() -> None:
    found = suggest("actor:ali method:GET", 9, seen(), VIEWS)
    assert (found.start, found.end) == (6, 9)


def test_no_more_are_offered_than_a_list_shows() -> None:
    made = Seen()
    made.take(read(entry(n, actor={"id": f"u-{n}", "name": f"Alice {n}"})) for n in range(900))
    for text in ("actor:", "actor:u", "actor:ali", "actor.name:ali"):
        assert 0 < len(suggest(text, len(text), made, VIEWS).candidates) <= 100


@given(typed, st.integers(0, 40))
def test_whatever_is_typed_candidates_stand_at_the_cursor(text: str, cursor: int) -> None:
    found = suggest(text, cursor, seen(), VIEWS)
    assert 0 <= found.start <= found.end <= len(text)
    assert found.end == min(cursor, len(text))


def test_a_keystroke_executes_no_sql() -> None:
    store = EntryStore()
    store.add(list(map(read, log_of(300))))
    navigator = Navigator(Log(FakeApi([]), store), UTC, views={"mine": "ua:curl"})
    executed: list[str] = []
    store.connection.set_trace_callback(executed.append)
    line = 'actor:ali actor.name:"al" @mi method:P status:4 -path:/v1 sort:cr'
    offered: list[Sequence[object]] = [navigator.suggest(line[:at], at).candidates for at in range(len(line) + 1)]
    assert any(offered)
    assert executed == []
