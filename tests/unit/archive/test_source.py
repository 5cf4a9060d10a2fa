"""An archive answers as a file of the same entries does, and as the API would."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from auditlog_tui.archive import dataset, source
from auditlog_tui.archive.dataset import Archive, Origin
from auditlog_tui.archive.source import ArchiveSource
from auditlog_tui.entries.models import Entry, read_entry
from auditlog_tui.evidence.saved_index import SavedIndex
from auditlog_tui.offline.requests import reverse
from auditlog_tui.offline.source import ARRIVAL, Filter, Order, Place, Source
from auditlog_tui.text.times import rfc3339

START_US = 1_787_000_000_000_000
ORIGIN = Origin("https://log.example")
FIELDS = ("action", "actor_id", "actor_type", "client_ip", "method", "target_id", "target_type")

seconds = st.one_of(st.integers(0, 5), st.integers(0, 400_000).map(lambda n: n * 1_000_003))
words = st.sampled_from(["a", "B", "ab", "K", "straße", "ÄB", "x\u0000y", "%", "'", "\\", "İ"])
odd = st.sampled_from([5, None, ["a"], "\ud800", "a\udcff"])


@st.composite
def entries(draw: st.DrawFn) -> list[Entry]:
    """Entries in the order of their arrival; some have no time, or values that can't be read."""
    found = []
    for n in range(draw(st.integers(0, 40))):
        value = st.one_of(words, words, words, odd)
        row = {
            "id": f"id-{n}",
            "action": draw(value),
            "actor": draw(st.one_of(st.fixed_dictionaries({"id": value, "type": st.just("user")}), st.just(7))),
            "client_ip": draw(value),
            "created_at": draw(st.one_of(seconds.map(lambda s: rfc3339(START_US + s)), st.sampled_from([None, "x"]))),
            "method": draw(value),
            "path": "/".join(draw(st.lists(words, max_size=3))) if draw(st.integers(0, 5)) else draw(value),
            "status_code": draw(st.one_of(st.sampled_from([200, 200, 404, -1]), st.sampled_from(["x", None, 2**63]))),
            "target": draw(st.one_of(st.none(), st.fixed_dictionaries({"id": value, "type": value}))),
        }
        found.append(read_entry(json.dumps(row, ensure_ascii=False).replace("\udcff", "\udcff")))
    return found


@contextmanager
def both(found: Sequence[Entry]) -> Iterator[tuple[ArchiveSource, SavedIndex]]:
    """The entries in an archive, and in the index of a saved log."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with Archive(folder, ORIGIN) as archive:
            rest = found
            while rest := rest[archive.take(rest) :]:
                archive.flush()
            archive.flush()
        index = stack.enter_context(closing(SavedIndex()))
        # oldest first, so that of equal instants the last one is the newest
        index.add(sorted(found, key=lambda entry: -(2**62) if entry.created_us is None else entry.created_us))
        index.finish()
        yield stack.enter_context(closing(ArchiveSource(folder))), index


bounds = st.one_of(st.none(), seconds.map(lambda s: START_US + s), st.sampled_from([START_US, START_US + 2]))
filters = st.builds(
    Filter,
    exact=st.dictionaries(st.sampled_from(FIELDS), words, max_size=2).map(lambda found: tuple(found.items())),
    path=st.one_of(st.none(), st.none(), words, st.sampled_from(["STRASSE", "äb", "k", "i", "ss", "/", ""])),
    bounds=st.tuples(
        st.tuples(st.just("created_at"), bounds, bounds),
        st.tuples(st.just("status_code"), *[st.sampled_from([None, None, 200, 201, 404])] * 2),
    ).map(lambda found: tuple(bound for bound in found if bound[1:] != (None, None))),
)


@st.composite
def orders(draw: st.DrawFn) -> Order:
    down = draw(st.booleans())
    terms = draw(st.permutations([("created_at", down), ("status_code", draw(st.booleans()))]))
    return (*terms[: draw(st.integers(1, 2))], ("created_at", down), (ARRIVAL, down))


def without_repeats(order: Order) -> Order:
    return tuple(dict(reversed(order)).items())[::-1]


def page(source: Source, where: Filter, order: Order, after: Place | None, limit: int) -> tuple[list[str], int]:
    found = source.find(where, order, after, limit)
    return [entry.text for entry in found.entries], found.total


@settings(phases=[Phase.generate])
@given(entries(), st.lists(st.tuples(filters, orders()), min_size=1, max_size=6), st.data())
def test_an_archive_answers_as_a_saved_log_does(
    found: list[Entry], asked: list[tuple[Filter, Order]], data: st.DataObject
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "PART_ROWS", 7)
        patch.setattr(source, "ROW_GROUP", 3)
        patch.setattr(source, "MOST_EDGES", data.draw(st.sampled_from([0, 16])))
        with both(found) as (archive, index):
            for where, repeated in asked:
                order = without_repeats(repeated)
                meant = index.find(where, order, None, 1_000)
                whole = archive.find(where, order, None, data.draw(st.sampled_from([11, 1_000])))
                assert (where, whole.total) == (where, meant.total)
                assert [entry.text for entry in whole.entries] == [e.text for e in meant.entries][
                    : len(whole.entries)
                ]
                whole = archive.find(where, order, None, 1_000)
                assert [entry.text for entry in whole.entries] == [entry.text for entry in meant.entries]
                if meant.entries:
                    at = data.draw(st.integers(0, len(meant.entries) - 1))
                    back = reverse(order)
                    for way in (order, back):
                        assert page(archive, where, way, whole.entries[at].place, 4) == page(
                            index, where, way, meant.entries[at].place, 4
                        )


@given(entries())
def test_an_entry_is_found_by_its_id(found: list[Entry]) -> None:
    with both(found) as (archive, index):
        for name in ("id-0", "id-39", "id", ""):
            assert archive.get(name) == index.get(name)
