"""The next row of a view: one that holds a text, a marked one, or a novel one.

Only loaded rows are searched; the filter is what asks the server. Each search reads in slices and may be cancelled.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Container
from typing import TypeVar

from auditlog_tui.log.view import View
from auditlog_tui.query import Condition, text_condition
from auditlog_tui.runtime import give_way
from auditlog_tui.store import scans
from auditlog_tui.store.entries import EntryStore, Run, Stretch

_T = TypeVar("_T")


async def find(view: View, text: str, row: int, way: int) -> int | None:
    """The nearest row below (1) or above (-1) `row` with the text in any field, then from the other end of the view.

    `row` itself comes last. `None` when no loaded row has the text. Raises `StoreError`.
    """
    condition, run = _condition(text), view.run
    at = run.first + row
    parts = [range(at + 1, run.after), range(run.first, at + 1)]
    if way < 0:
        parts = [range(run.first, at), range(at, run.after)]
    for stretch in (stretch for part in parts for stretch in scans.stretches(part, way=way)):
        found = scans.positions(view.log.store, run, stretch, condition)
        if found:
            return found[0 if way > 0 else -1] - run.first
        await give_way()
    return None


class Matches:
    """How many loaded rows of a view have a text in any field, counted in slices as the rows grow."""

    def __init__(self, view: View, text: str) -> None:
        self.run = view.run
        self.text = text
        self._store = view.log.store
        self._condition = _condition(text)
        self._scan = scans.Scan(self.run)
        self._noted = self.run.noted
        self._positions = array("q")

    @property
    def behind(self) -> bool:
        """True while not every row is counted."""
        return self._scan.behind or self._noted != self.run.noted

    @property
    def total(self) -> int:
        return len(self._positions)

    @property
    def share(self) -> float:
        """How much of the rows is counted, from 0 to 1."""
        return self._scan.read / max(1, len(self.run))

    def number_of(self, row: int) -> int:
        """The number of a matching row among those that match, from the top, 1 the first."""
        return bisect_left(self._positions, self.run.first + row) + 1

    async def count(self, on_slice: Callable[[], None]) -> None:
        """Count the rows that are not counted yet. Raises `StoreError`. May be cancelled and called again."""
        while self.behind:
            if self._scan.cut or self._noted != self.run.noted:  # rows were replaced, or show another version
                self._noted = self.run.noted
                self._positions = array("q")
                self._scan.restart()
            self._count_slice()
            on_slice()
            await give_way()

    def _count_slice(self) -> None:
        stretch = self._scan.next_stretch()
        if stretch is None:
            return
        found = array("q", scans.positions(self._store, self.run, stretch, self._condition))
        if stretch.older:
            self._positions.extend(found)
        else:
            self._positions = found + self._positions
        self._scan.mark_read(stretch)


def _condition(text: str) -> Condition:
    """The condition that a text is in any field. No entry can hold a lone surrogate, which SQLite does not take."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "0", []
    return text_condition(text)


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
