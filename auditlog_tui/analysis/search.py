"""The next row of a view: one that holds a text, a marked one, or a novel one.

Only loaded rows are searched; the filter is what asks the server. Each search reads in slices and may be cancelled.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container
from typing import TypeVar

from auditlog_tui.log.view import View
from auditlog_tui.query import text_condition
from auditlog_tui.runtime import give_way
from auditlog_tui.store import scans
from auditlog_tui.store.entries import EntryStore, Run, Stretch

_T = TypeVar("_T")


async def find(view: View, text: str, row: int, way: int) -> int | None:
    """The nearest row below (1) or above (-1) `row` with the text in any field, then from the other end of the view.

    `row` itself comes last. `None` when no loaded row has the text. Raises `StoreError`.
    """
    if not text.isprintable() and any("\ud800" <= character <= "\udfff" for character in text):
        return None  # a lone surrogate: no entry can hold it, and SQLite does not take it
    condition = text_condition(text)
    run = view.run
    at = run.first + row
    parts = [range(at + 1, run.after), range(run.first, at + 1)]
    if way < 0:
        parts = [range(run.first, at), range(at, run.after)]
    for stretch in (stretch for part in parts for stretch in scans.stretches(part, way=way)):
        found = view.log.store.matching(run, stretch, condition, shown_only=True)
        if found:
            return view.row_of(found[0])
        await give_way()
    return None


async def next_marked(view: View, marked: Collection[str], row: int, way: int) -> int | None:
    """The nearest row below (1) or above (-1) `row` whose entry has one of the keys; `None` if there is none.

    Raises `StoreError`.
    """
    return await _next(view, scans.keys, marked, row, way)


async def next_novel(view: View, novel: Container[int], row: int, way: int) -> int | None:
    """The nearest row below (1) or above (-1) `row` whose number is among the novel ones; `None` if there is none.

    Raises `StoreError`.
    """
    return await _next(view, scans.numbers, novel, row, way)


async def _next(
    view: View,
    read: Callable[[EntryStore, Run, Stretch], list[tuple[int, _T]]],
    wanted: Container[_T],
    row: int,
    way: int,
) -> int | None:
    run = view.run
    at = run.first + row
    part = range(at + 1, run.after) if way > 0 else range(run.first, at)
    for stretch in scans.stretches(part, way=way):
        for position, value in read(view.log.store, run, stretch)[::way]:
            if value in wanted:
                return position - run.first
        await give_way()
    return None
