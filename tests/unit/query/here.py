"""Plans of typed filters, and the entries of a log that the store finds by them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from datetime import UTC

from hypothesis import assume

from auditlog_tui.entries.models import Entry
from auditlog_tui.errors import QueryError
from auditlog_tui.query import Plan, Query, freeze, parse, plan
from auditlog_tui.store.entries import EntryStore, Stretch
from auditlog_tui.store.marks import write_marks
from tests.unit.query.evaluate import matches, noted
from tests.unit.query.strategies import NOON_US


def planned(text: str, ignored: Iterable[str] = ()) -> Plan:
    return plan(freeze(parse(text), NOON_US, UTC), frozenset(ignored))


def split_or_stop(query: Query, ignored: frozenset[str], entries: list[Entry]) -> Plan:
    """The plan. If it is refused, check that no entry matches and end the example.

    Unreadable fields match any term, but never a time or status outside bounds that exclude each other.
    """
    try:
        return plan(query, ignored)
    except QueryError:
        assert not any(matches(query, entry) for entry in entries if not entry.unreadable)
    assume(False)
    raise AssertionError


def kept_here(entries: list[Entry], split: Plan) -> list[Entry]:
    """The entries that the store finds by the plan's condition."""
    with closing(EntryStore()) as store:
        run = store.new_run()
        by_number = dict(zip(store.add(entries), entries, strict=True))
        store.append(run, list(by_number))
        marks = {entry.key: mark for entry in entries if (mark := noted(entry)) is not None}
        write_marks(store, marks, ())
        return [by_number[n] for n in store.matching(run, Stretch(run.first, len(run)), split.where())]
