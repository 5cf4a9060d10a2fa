"""Views of filters about marks and notes: their rows are those of the query, now and after every change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditlog_tui.analysis.counting import Count, Counting, How
from auditlog_tui.log import marked_feed
from auditlog_tui.log import view as view_module
from auditlog_tui.log.log import Log
from auditlog_tui.log.view import State, View
from auditlog_tui.session.marks import Marks
from auditlog_tui.store.entries import EntryStore
from auditlog_tui.store.marks import Noted, write_marks
from tests.unit.fake import EVERY_FILTER, FakeApi, Json, entry, read
from tests.unit.views import keys_of, load, mixed, query_of

NOTES = ("", "plain", "Rotated #inc42", "#INC7 and #inc42", "#inc-7")


@dataclass
class Case:
    """A log, its marks, and the view of a filter."""

    api: FakeApi
    log: Log
    marks: Marks
    entries: list[Json]

    @classmethod
    def of(cls, entries: list[Json], ignores: frozenset[str] = frozenset()) -> Case:
        api, marks = FakeApi(entries, ignores=ignores), Marks()
        log = Log(api, EntryStore())
        log.marks = lambda: marks
        return cls(api, log, marks, entries)

    def note(self, number: int, note: str, *, marked: bool = True) -> None:
        found = read(self.entries[number])
        self.marks.mark([found])
        self.marks.note(found, note)
        if not marked:
            self.marks.unmark([found])

    def view(self, text: str) -> View:
        return View(self.log, query_of(text))


FILTERS: dict[str, Callable[[bool, str], bool]] = {
    "marked:yes": lambda marked, note: marked,
    "marked:no": lambda marked, note: not marked,
    "tag:inc42": lambda marked, note: "#inc42" in note,
    "-tag:inc42": lambda marked, note: "#inc42" not in note,
    "tag:inc*": lambda marked, note: "#inc" in note,
    "tag:inc42,INC7": lambda marked, note: "#inc42" in note or "#INC7" in note,
    "note:ROTATED": lambda marked, note: "Rotated" in note,
    "-note:rotated": lambda marked, note: "Rotated" not in note,
    "marked:yes -tag:inc42": lambda marked, note: marked and "#inc42" not in note,
    "-marked:yes note:inc": lambda marked, note: not marked and "inc" in note.lower(),
}
"""Filters, each with the same in plain Python."""

changes = st.lists(st.tuples(st.integers(0, 39), st.sampled_from(NOTES), st.booleans()), max_size=12)


@given(st.sampled_from(sorted(FILTERS)), changes, changes, st.booleans())
@settings(max_examples=60, deadline=None)
async def test_rows_are_those_of_the_query_before_and_after_marks_change(
    text: str, before: list[tuple[int, str, bool]], after: list[tuple[int, str, bool]], ignoring: bool
) -> None:
    case = Case.of(mixed(40), frozenset(EVERY_FILTER if ignoring else ()))
    state = dict.fromkeys(range(40), (False, ""))

    def change(steps: list[tuple[int, str, bool]]) -> None:
        for number, note, marked in steps:
            case.note(number, note, marked=marked)
            state[number] = marked, note

    def wanted() -> list[str]:
        return [f"id-{n}" for n in range(39, -1, -1) if n % 10 == 0 and FILTERS[text](*state[n])]

    change(before)
    view = await load(case.view(f"{text} method:DELETE"))
    assert (keys_of(view), view.summary().state) == (wanted(), State.COMPLETE)
    change(after)
    run = view.run
    assert await view.follow_marks() is bool(after)
    assert (view.run is run) is not bool(after)
    assert (keys_of(view), view.summary().state) == (wanted(), State.COMPLETE)


async def test_marked_entries_are_shown_without_a_request_even_if_the_log_has_lost_them() -> None:
    case = Case.of(mixed(30))
    for number in (3, 10, 20):
        case.note(number, "#a")
    case.api.entries.clear()
    view = await load(case.view("tag:a method:DELETE sort:created"))
    assert keys_of(view) == ["id-10", "id-20"]
    assert view.summary().only == "noted"
    assert not await view.prove()
    assert await Counting(case.log).count(query_of("tag:a -method:DELETE")) == Count(1, How.EXACT)
    assert case.api.calls == []


async def test_rows_are_not_complete_until_they_follow() -> None:
    case = Case.of(mixed(30))
    view = await load(case.view("-marked:yes method:DELETE"))
    asked = len(case.api.calls)
    case.note(20, "")
    assert (view.complete, view.summary().state) == (False, State.MORE)
    await load(view)
    assert (keys_of(view), view.complete, len(case.api.calls)) == (["id-10", "id-0"], True, asked)


async def test_marks_that_change_while_rows_follow_are_followed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marked_feed, "PORTION", 2)
    case = Case.of(mixed(30))
    for number in range(9):
        case.note(number, "#a")
    view = await load(case.view("tag:a"))
    case.note(0, "")
    left = [1]

    async def give_way() -> None:
        if left.pop() if left else 0:
            case.note(8, "")

    monkeypatch.setattr(view_module, "give_way", give_way)
    assert await view.follow_marks()
    assert keys_of(view) == [f"id-{n}" for n in range(7, 0, -1)]
    assert view.complete


async def test_fixed_rows_stay() -> None:
    case = Case.of(mixed(30))
    case.note(3, "")
    view = await load(View(case.log, query_of("marked:yes"), fixed=True))
    case.marks.unmark([read(entry(3))])
    assert not await view.follow_marks()
    assert (keys_of(view), view.complete) == (["id-3"], True)


async def test_counts_of_a_complete_log_follow_marks() -> None:
    case = Case.of(mixed(30))
    view, counting = await load(case.view("")), Counting(case.log)
    assert (await counting.count(query_of("-marked:yes"), view)).n == 30
    case.note(3, "")
    assert (await counting.count(query_of("-marked:yes"), view)).n == 29


async def test_many_marks_are_taken_in_a_little_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []

    def write(store: EntryStore, changed: Mapping[str, Noted], removed: Sequence[str]) -> None:
        written.append(len(changed) + len(removed))
        write_marks(store, changed, removed)

    monkeypatch.setattr(marked_feed, "write_marks", write)
    case = Case.of(mixed(2 * marked_feed.PORTION))
    for number in range(2 * marked_feed.PORTION - 1):
        case.note(number, "#a")
    view = await load(case.view("tag:a"))
    assert len(view) == 2 * marked_feed.PORTION - 1
    assert max(written) == marked_feed.PORTION
    case.marks.forget()
    await load(view)
    assert (len(view), view.complete) == (0, True)
    assert max(written) == marked_feed.PORTION
    assert sum(written) == 2 * len(case.entries) - 2


def test_it_is_as_of_when_it_was_opened() -> None:
    case = Case.of([entry(n) for n in range(3)])
    case.note(1, "")
    before = case.log.now_us()
    first, after = case.view("marked:yes").summary().as_of, case.log.now_us()
    assert first is not None
    assert before <= round(first.timestamp() * 1_000_000) <= after
