"""Finding a text in what is loaded; never confused with the filter, which asks the server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from auditlog_tui.query import Query, plan
from auditlog_tui.query.syntax import WORD, Term, Text
from auditlog_tui.slices import SLICE
from auditlog_tui.view import View


async def find(view: View, text: str, row: int, way: int) -> int | None:
    """The row nearest to `row`, downwards (1) or upwards (-1) and then round, with the text in any field.

    `row` itself comes last. `None` where no loaded row has it. Reads in slices, and may be cancelled.
    """
    if not text.isprintable() and any("\ud800" <= character <= "\udfff" for character in text):
        return None  # a lone surrogate: no entry can hold it, and SQLite does not take it
    where = plan(Query((Term(WORD, (Text(text),)),))).where()
    for first, count in _stretches(len(view), row, way):
        found = view.log.store.matching(view.run, first, count, where)
        if found:
            return view.row_of(found[0] if way > 0 else found[-1])
        await asyncio.sleep(0)
    return None


def _stretches(rows: int, row: int, way: int) -> Iterator[tuple[int, int]]:
    """Slices of rows in the order in which they are searched: first row and number."""
    parts = [range(row + 1, rows), range(row + 1)] if way > 0 else [range(row), range(row, rows)]
    for part in parts:
        starts = range(part.start, part.stop, SLICE)
        for start in starts if way > 0 else reversed(starts):
            yield start, min(SLICE, part.stop - start)
