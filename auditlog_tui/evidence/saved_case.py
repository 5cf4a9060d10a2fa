"""What is read of a case that somebody handed over: its entries, marks, filters, and how much of the log it has.

It is read from a private copy, whose tables are those of a case and nothing else. Every value may be of any type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from auditlog_tui.entries.models import read_entry
from auditlog_tui.entries.raw_json import restored
from auditlog_tui.evidence.statement import Annotation
from auditlog_tui.log.kept_feeds import coverage_of, read_coverage
from auditlog_tui.query import FIELDS, term_for
from auditlog_tui.store import received
from auditlog_tui.store.case import LARGEST_VALUE, CaseFile, read_case
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import counted, rfc3339

MAGIC = b"SQLi"
"""How an SQLite file begins, in four bytes."""

MOST_NOTES = 10_000
"""The most marks and notes that are read: a case has no more."""

MOST_QUERIES = 1_000
"""The most filters that are read, the last ones."""

MOST_FEEDS = 10_000
"""The most feeds whose state is looked at, the last ones, and the most requests of those that were dropped."""

MOST_NAMED = 10
"""The most requests that it names of which it has every entry, the latest ones."""

LONGEST_NOTE, LONGEST_QUERY = 40_000, 10_000
"""Characters from which on a note or a filter is left out: the program keeps shorter ones."""


@dataclass(frozen=True, slots=True)
class SavedCase:
    """An open case. `size` is the number of `texts`.

    `covered` holds the requests of which it has every entry, with the times (microseconds, UTC) as of which it does.
    """

    endpoint: str
    size: int
    notes: Sequence[Annotation]
    queries: Sequence[str]
    covered: Mapping[frozenset[tuple[str, str]], int]
    _case: CaseFile

    def texts(self) -> Iterator[str | None]:
        """The JSON of every version of each entry, `None` for one that can't be read. Raises `StoreError`."""
        return (restored(raw) if isinstance(raw, str | bytes) else None for raw in received.texts(self._case))

    @property
    def whole_us(self) -> int | None:
        """The time as of which it has the whole log; `None` if it has not."""
        return self.covered.get(frozenset())

    @property
    def as_of_us(self) -> int | None:
        """The time as of which it has the whole log, else the last one as of which it has all of a request."""
        return max(self.covered.values(), default=None) if self.whole_us is None else self.whole_us

    @property
    def lacks(self) -> str:
        """Why it may lack entries of the log; empty if it has all."""
        if self.whole_us is not None:
            return ""
        latest = sorted(self.covered.items(), key=lambda item: item[1], reverse=True)
        all_of = [f"{_named(request)} (as of {rfc3339(us)})" for request, us in latest[:MOST_NAMED]]
        if more := len(latest) - len(all_of):
            all_of.append(f"{counted(more, 'other request')}")
        has = f": all of {', '.join(all_of)}, and parts of others" if all_of else ""
        return f"only what was looked at is in this case{has}"


def _named(request: frozenset[tuple[str, str]]) -> str:
    """A request in the filter language; a parameter that has no place there as the API has it."""
    left, terms = dict(request), []
    for field in FIELDS.values():
        values = [left.pop(name, "") for name in field.params]
        if len(values) == 2 and any(values):
            terms.append(f"{field.name}:{_range(*values)}")
        elif any(values):
            terms.append(term_for(field.columns[0], values[0]) or f"{field.name}:{values[0]}")
    terms += [f"{name}={value}" for name, value in sorted(left.items())]
    return safe(" ".join(terms), 200)


def _range(low: str, high: str) -> str:
    """A range of numbers or times, of which one bound may be missing."""
    if low == high:
        return low
    return f"{low}..{high}" if low and high else f">={low}" if low else f"<={high}"


@contextmanager
def opened(path: Path) -> Iterator[SavedCase]:
    """Open a case that may come from anybody. Raises `CaseError`, and `StoreError` for what is damaged in it."""
    with closing(read_case(path, received=True)) as case:
        received.be_lenient(case, LARGEST_VALUE)
        size = received.count_texts(case)
        yield SavedCase(str(case.owner.endpoint), size, _notes(case), _queries(case), _covered(case), case)


def _notes(case: CaseFile) -> list[Annotation]:
    """The marks and notes, of the entries whose JSON is beside them."""
    found: list[Annotation] = []
    for raw, marked, note, made_us in received.marks(case, MOST_NOTES):
        readable = isinstance(raw, str | bytes)
        if isinstance(made_us, int) and isinstance(note, str) and readable and len(note) <= LONGEST_NOTE:
            found.append(Annotation(read_entry(restored(raw)).key, bool(marked), note, (), made_us))
    return found[::-1]


def _queries(case: CaseFile) -> list[str]:
    texts = received.queries(case, MOST_QUERIES)
    return [text for text in texts if isinstance(text, str) and len(text) <= LONGEST_QUERY][::-1]


def _covered(case: CaseFile) -> dict[frozenset[tuple[str, str]], int]:
    """The requests of which it has every entry; where it has them twice, as of the later time."""
    found: dict[frozenset[tuple[str, str]], int] = {}
    kept = (coverage_of(state, rows) for state, rows in received.feeds(case, MOST_FEEDS) if isinstance(state, str))
    dropped = (read_coverage(*each) for each in received.covered(case, MOST_FEEDS))
    for coverage in filter(None, (*kept, *dropped)):
        request = frozenset(coverage.params.items())
        found[request] = max(coverage.as_of_us, found.get(request, coverage.as_of_us))
    return found
