"""Finding a text in what is loaded; never confused with the filter, which asks the server."""

from __future__ import annotations

import asyncio

from auditlog_tui.log.view import View
from auditlog_tui.query import text_condition
from auditlog_tui.store.scans import SLICE, stretches


async def find(view: View, text: str, row: int, way: int) -> int | None:
    """The row nearest to `row`, downwards (1) or upwards (-1) and then round, with the text in any field.

    `row` itself comes last. `None` where no loaded row has it. Reads in slices, and may be cancelled.
    """
    if not text.isprintable() and any("\ud800" <= character <= "\udfff" for character in text):
        return None  # a lone surrogate: no entry can hold it, and SQLite does not take it
    where = text_condition(text)
    run = view.run
    at = run.first + row
    parts = [range(at + 1, run.after), range(run.first, at + 1)]
    if way < 0:
        parts = [range(run.first, at), range(at, run.after)]
    for stretch in (stretch for part in parts for stretch in stretches(part, SLICE, way)):
        found = view.log.store.matching(run, stretch, where, shown=True)
        if found:
            return view.row_of(found[0])
        await asyncio.sleep(0)
    return None
