"""An archive answers as a file of the same entries does, and as the API would."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from auditlog_tui.archive import counts, dataset, engine, snapshot, source
from auditlog_tui.archive.dataset import Archive, Origin
from auditlog_tui.archive.rows import day_of, time_of
from auditlog_tui.archive.snapshot import Block
from auditlog_tui.archive.source import ArchiveSource
from auditlog_tui.entries.models import Entry, read_entry
from auditlog_tui.errors import ArchiveError
from auditlog_tui.evidence.saved_index import SavedIndex
from auditlog_tui.offline.requests import reverse
from auditlog_tui.offline.source import ARRIVAL, Filter, Found, Order, Place, Source
from auditlog_tui.text.times import rfc3339
from tests.effort import HANGS_S, LONG_EXAMPLES

pytestmark = pytest.mark.usefixtures("one_database")
START_US = 1_787_000_000_000_000
ORIGIN = Origin("https://log.example")
FIELDS = ("action", "actor_id", "actor_type", "client_ip", "method", "target_id", "target_type")

WORDS = ("a", "B", "ab", "K", "straße", "ÄB", "x\u0000y", "%", "'", "\\", "İ")
ODD = (5, None, ["a"], "\ud800", "a\udcff")

seconds = st.one_of(st.integers(0, 5), st.integers(0, 400_000).map(lambda n: n * 1_000_003))
words = st.sampled_from(WORDS)


@st.composite
def entries(draw: st.DrawFn) -> list[Entry]:
    """Entries in the order of their arrival; some have no time, and in half of the logs values that can't be read.

    Dice choose the values: drawing each of them would take as long as all that is done with them.
    """
    dice, odd = Random(draw(st.integers(0, 1 << 30))), draw(st.booleans())
    found = [
        read_entry(json.dumps(row(n, dice, odd=odd), ensure_ascii=False)) for n in range(draw(st.integers(0, 40)))
    ]
    return sorted(found, key=lambda entry: day_of(time_of(entry)))  # fewer parts, which take long to write


def row(n: int, dice: Random, *, odd: bool) -> dict[str, object]:
    def value() -> object:
        return dice.choice(WORDS if not odd or dice.randrange(4) else ODD)

    def one_of(right: list[object], wrong: list[object]) -> object:
        return dice.choice(right + wrong if odd else right)

    second = dice.choice([dice.randrange(6), dice.randrange(400_001) * 1_000_003])
    time = rfc3339(START_US + second)
    return {
        "id": f"id-{n}",
        "action": value(),
        "actor": one_of([{"id": value(), "type": "user"}], [7]),
        "client_ip": value(),
        "created_at": one_of([time, time], [None, "x"]),
        "method": value(),
        "path": "/".join(dice.choices(WORDS, k=dice.randrange(4))) if dice.randrange(6) else value(),
        "status_code": one_of([200, 200, 404, -1], ["x", None, 2**63]),
        "target": dice.choice([None, {"id": value(), "type": value()}]),
    }


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


# Each example writes an archive: shrinking one would take minutes.
@settings(phases=[Phase.explicit, Phase.reuse, Phase.generate], max_examples=LONG_EXAMPLES)
@given(entries(), st.lists(st.tuples(filters, orders()), min_size=1, max_size=6), st.data())
def test_an_archive_answers_as_a_saved_log_does(
    found: list[Entry], asked: list[tuple[Filter, Order]], data: st.DataObject
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "PART_ROWS", 7)
        patch.setattr(source, "ROW_GROUP", 3)
        most = data.draw(st.sampled_from([0, 12, 200]))
        patch.setattr(counts, "most_bytes", lambda _: most)
        patch.setattr(source, "MOST_EDGES", data.draw(st.sampled_from([0, 16])))
        with both(found) as (archive, index):
            for name in ("id-0", "id-39", "id", ""):
                assert archive.get(name) == index.get(name)
            for where, repeated in asked:
                order = without_repeats(repeated)
                meant = index.find(where, order, None, 1_000)
                whole = archive.find(where, order, None, data.draw(st.sampled_from([11, 1_000])))
                assert (where, whole.total) == (where, meant.total)
                assert [entry.text for entry in whole.entries] == [e.text for e in meant.entries][
                    : len(whole.entries)
                ]
                whole = archive.find(where, order, None, 1_000)
                assert (where, order, texts(whole)) == (where, order, texts(meant))
                if meant.entries:
                    at = data.draw(st.integers(0, len(meant.entries) - 1))
                    back = reverse(order)
                    for way in (order, back):
                        assert page(archive, where, way, whole.entries[at].place, 4) == page(
                            index, where, way, meant.entries[at].place, 4
                        )


def texts(found: Found) -> list[str]:
    return [entry.text for entry in found.entries]


# -- walks, versions and what becomes of the folder ------------------------------------------------------------------

NEWEST: Order = (("created_at", True), (ARRIVAL, True))


def plain(n: int, **more: object) -> Entry:
    row: dict[str, object] = {
        "id": f"id-{n}", "action": "vm.read", "actor": {"id": "a", "type": "user"}, "client_ip": "::1",
        "created_at": rfc3339(START_US + n * 1_000_000), "method": "GET", "path": "/v1", "status_code": 200,
    }  # fmt: skip
    return read_entry(json.dumps(row | more))


def collected(folder: Path, found: Sequence[Entry], complete_us: int | None = None) -> Path:
    with Archive(folder, ORIGIN) as archive:
        rest = found
        while rest := rest[archive.take(rest) :]:
            archive.flush()
        archive.flush()
        archive.write_state(b"{}", complete_us)
    return folder


def walked(archive: ArchiveSource, where: Filter, order: Order, limit: int) -> list[str]:
    seen, place = list[str](), None
    while found := archive.find(where, order, place, limit).entries:
        seen += [entry.text for entry in found]
        place = found[-1].place
    return seen


@pytest.mark.parametrize("limit", [7, 101])
@pytest.mark.parametrize("order", [NEWEST, reverse(NEWEST), (("status_code", False), *NEWEST)])
def test_a_walk_reads_ahead_and_meets_every_entry_once(limit: int, order: Order, tmp_path: Path) -> None:
    found = [plain(n % 500, id=f"id-{n}", status_code=200 + n % 3) for n in range(1_500)]
    with closing(ArchiveSource(collected(tmp_path, found))) as archive:
        seen = walked(archive, Filter(), order, limit)
        assert sorted(seen) == sorted(entry.raw for entry in found)
        whole = archive.find(Filter(), order, None, 2_000)
        assert seen == texts(whole)
        refused = Filter(bounds=(("status_code", 202, 202), ("created_at", START_US, START_US + 300_000_000)))
        meant = [e for e in found if e.fields.status_code == 202 and (e.created_us or 0) <= START_US + 300_000_000]
        assert sorted(walked(archive, refused, order, limit)) == sorted(entry.raw for entry in meant)
        assert archive.find(refused, order, None, 11).total == len(meant)


Read = Sequence[str]
"""The files that a query reads."""


@contextmanager
def reads(archive: ArchiveSource, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Read]]:
    """The queries over parts in the block."""
    found, rows = list[Read](), archive._reader.rows

    def noting(sql: str, values: Sequence[object]) -> list[tuple[object, ...]]:
        if "read_parquet" in sql:
            found.append(
                [name for value in values if isinstance(value, list) for name in value if "part" in str(name)]
            )
        return rows(sql, values)  # type: ignore[arg-type]  # as it came

    with monkeypatch.context() as patched:
        patched.setattr(archive._reader, "rows", noting)
        yield found


def many_days(folder: Path) -> Path:
    """Ten parts, of as many days; in each, every status was met by every actor."""
    day_us, found = 86_400_000_000, list[Entry]()
    for day in range(10):
        for n in range(400):
            at = rfc3339(START_US + day * day_us + n * 1_000_000)
            more = {"status_code": (200, 404)[n % 2], "actor": {"id": f"a{n // 4 % 10}", "type": "user"}}
            found.append(plain(day * 400 + n, created_at=at, **more))
    return collected(folder, found)


def test_counts_that_the_manifest_has_read_no_part_but_those_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(ArchiveSource(many_days(tmp_path))) as archive, reads(archive, monkeypatch) as read:
        for where in (
            Filter(bounds=(("status_code", 400, None),)),
            Filter(exact=(("actor_id", "a3"), ("method", "GET"))),
            Filter(exact=(("actor_id", "nobody"), ("action", "vm.read"))),
        ):
            found = archive.find(where, NEWEST, None, 4)
            assert found.total == {"nobody": 0, "a3": 400}.get(dict(where.exact).get("actor_id", ""), 2_000)
            assert {name for names in read for name in names} <= {str(archive.snapshot.parts[-1].path)}


def test_a_sort_by_status_reads_the_parts_of_the_page_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(ArchiveSource(many_days(tmp_path))) as archive, reads(archive, monkeypatch) as read:
        found = archive.find(Filter(), (("status_code", True), *NEWEST), None, 10)
        assert [json.loads(text)["status_code"] for text in texts(found)] == [404] * 10
        assert {name for names in read for name in names} == {str(archive.snapshot.parts[-1].path)}


def test_filters_that_differ_in_one_value_share_a_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(ArchiveSource(many_days(tmp_path))) as archive, reads(archive, monkeypatch) as read:

        def count(n: int) -> int:
            where = Filter((("actor_id", f"a{n}"), ("method", "GET")), None, (("status_code", 400, None),))
            return archive.find(where, NEWEST, None, 1).total

        with ThreadPoolExecutor(5) as pool:
            assert list(pool.map(count, range(10))) == [200] * 10
        assert sum(len(set(names)) == 10 for names in read) == 2


def test_counts_of_a_manifest_that_was_changed_are_not_relied_on(tmp_path: Path) -> None:
    path = many_days(tmp_path) / "_manifest.jsonl"
    head, first, *lines = path.read_bytes().splitlines(keepends=True)
    last = lines[-1].replace(b'"404":200', b'"404":201')
    where = Filter(bounds=(("status_code", 400, None),))
    for changed in (
        [first.replace(b'"404":200', b'"404":199'), *lines],  # breaks the chain
        [first, *lines[:-1], last],  # more than the part has
        [first, *lines[:-1], lines[-1].replace(b'"404":200', b'"404":199')],  # the state is about another line
    ):
        path.write_bytes(b"".join([head, *changed]))
        with closing(ArchiveSource(tmp_path)) as archive:
            assert archive.find(where, NEWEST, None, 1).total == 2_000


def test_an_entry_is_read_from_the_part_that_may_have_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(ArchiveSource(many_days(tmp_path))) as archive, reads(archive, monkeypatch) as read:
        assert json.loads(archive.get("id-123") or "")["id"] == "id-123"
        assert archive.get("none") is None
        assert sum(map(len, read)) < 5


def test_of_two_versions_get_gives_the_one_that_came_last(tmp_path: Path) -> None:
    first, second = plain(1), plain(1, status_code=403)
    collected(tmp_path, [second])
    collected(tmp_path, [first])
    with closing(ArchiveSource(tmp_path)) as archive:
        assert archive.get("id-1") == first.raw
        assert archive.find(Filter(), NEWEST, None, 11).total == 2


def test_joined_parts_keep_the_order_of_arrival(tmp_path: Path) -> None:
    for start in range(0, 300, 100):
        collected(tmp_path, [plain(1, id=f"id-{n}") for n in range(start, start + 100)])
    with closing(ArchiveSource(tmp_path)) as archive:
        before = walked(archive, Filter(), NEWEST, 50)
    with Archive(tmp_path) as writing:
        writing.join(writing.small_parts()[0])
    with closing(ArchiveSource(tmp_path)) as archive:
        assert walked(archive, Filter(), NEWEST, 50) == before


@pytest.mark.parametrize("limit", [7, 20, 45])
def test_entries_of_one_instant_are_in_the_order_of_arrival(limit: int, tmp_path: Path) -> None:
    found = [plain(1, id=f"id-{n}") for n in range(60)]
    for at in range(0, 60, 20):
        collected(tmp_path, found[at : at + 20])
    came = [entry.raw for entry in found]
    with closing(ArchiveSource(tmp_path)) as archive:
        assert walked(archive, Filter(), reverse(NEWEST), limit) == came
        assert walked(archive, Filter(), NEWEST, limit) == came[::-1]
        assert walked(archive, Filter(), (("status_code", False), *NEWEST), limit) == came[::-1]


def test_what_has_no_status_or_time_is_below_all_others_and_in_no_range(tmp_path: Path) -> None:
    statuses = [200, None, -1, 0, 404]
    found = [plain(n, status_code=status) for n, status in enumerate(statuses)]
    undated = plain(9, created_at=None)
    with closing(ArchiveSource(collected(tmp_path, [*found, undated]))) as archive:
        by_status = walked(archive, Filter(path="v1"), (("status_code", False), *NEWEST), 2)
        assert [json.loads(text)["status_code"] for text in by_status] == [None, -1, 0, 200, 200, 404]
        assert walked(archive, Filter(), NEWEST, 2) == [*(entry.raw for entry in reversed(found)), undated.raw]
        for low, high in ((None, START_US + 10**9), (-(2**62), None)):
            where = Filter(bounds=(("created_at", low, high),))
            assert archive.find(where, NEWEST, None, 11).total == len(walked(archive, where, NEWEST, 2)) == 5


@pytest.mark.parametrize("edges", [0, 16])
def test_a_count_between_two_times_has_each_entry_once(
    edges: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "ROW_GROUP", 5)
    monkeypatch.setattr(source, "MOST_EDGES", edges)
    monkeypatch.setattr(engine, "ROW_GROUP", 5)
    found = [plain(n, created_at=rfc3339(START_US + n)) for n in range(30)]
    with closing(ArchiveSource(collected(tmp_path, found))) as archive:
        for low, high in ((0, 29), (1, 29), (0, 28), (3, 12), (4, 5), (5, 9), (6, 6), (9, 10), (0, 4)):
            bounds = (("created_at", START_US + low, START_US + high),)
            assert archive.find(Filter(path="v1", bounds=bounds), NEWEST, None, 1).total == high - low + 1


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=4), max_size=6), st.integers(1, 9), st.booleans())
def test_the_chosen_blocks_have_the_first_entries(times: list[list[int]], limit: int, down: bool) -> None:
    blocks = [Block(at, 0, len(each), len(each), min(each), max(each)) for at, each in enumerate(times)]
    query = source._Query.of(Filter())
    chosen = {block.part for block in source.choose(blocks, down, query, None, limit)}
    first = sorted((us for each in times for us in each), reverse=down)[:limit]
    assert chosen >= {at for at, each in enumerate(times) if any(us in first for us in each)}


def test_what_is_collected_meanwhile_is_not_there_before_a_reload(tmp_path: Path) -> None:
    collected(tmp_path, [plain(n) for n in range(50)], START_US)
    with closing(ArchiveSource(tmp_path)) as archive:
        collected(tmp_path, [plain(n) for n in range(50, 90)], START_US + 1)
        assert (archive.find(Filter(), NEWEST, None, 11).total, archive.snapshot.as_of_us) == (50, START_US)
        assert len(walked(archive, Filter(), NEWEST, 11)) == 50
        archive.reload()
        assert (archive.find(Filter(), NEWEST, None, 11).total, archive.snapshot.as_of_us) == (90, START_US + 1)


def test_only_what_the_manifest_names_is_read(tmp_path: Path) -> None:
    collected(tmp_path, [plain(n) for n in range(20)])
    part = next(tmp_path.glob("day=*/*.parquet"))
    (part.parent / "part-000009.parquet").write_bytes(part.read_bytes())
    (tmp_path / "day=2026-01-01").mkdir()
    (tmp_path / "day=2026-01-01" / "part-000010.parquet").write_bytes(b"no parquet")
    with closing(ArchiveSource(tmp_path)) as archive:
        assert archive.find(Filter(), NEWEST, None, 11).total == 20
        assert "does not name day=2026-01-01/part-000010.parquet and 1 more" in archive.snapshot.reason


def test_a_part_that_was_not_given_its_name_yet_is_read(tmp_path: Path) -> None:
    collected(tmp_path, [plain(n) for n in range(20)])
    next(tmp_path.glob("day=*/*.parquet")).rename(tmp_path / "_part-000001.tmp")
    with closing(ArchiveSource(tmp_path)) as archive:
        assert (archive.find(Filter(), NEWEST, None, 11).total, archive.snapshot.reason) == (20, "")
        collected(tmp_path, [])
        archive._state.runs.clear()
        with pytest.raises(ArchiveError, match="was written to since it was opened"):
            archive.find(Filter(), NEWEST, None, 11)


Harm = Callable[[Path, Path], None]


def _cut(folder: Path, part: Path) -> None:
    part.write_bytes(part.read_bytes()[:-10])


def _overwrite(folder: Path, part: Path) -> None:
    part.write_bytes(b"x" * part.stat().st_size)


def _link(folder: Path, part: Path) -> None:
    part.rename(folder / "_elsewhere")
    part.symlink_to(folder / "_elsewhere")


def _miscount(folder: Path, part: Path) -> None:
    """Let the part have another number of entries than the manifest says."""
    manifest = folder / "_manifest.jsonl"
    lines = manifest.read_bytes().splitlines(keepends=True)
    at = next(at for at, line in enumerate(lines) if part.name.encode() in line)
    lines[at] = lines[at].replace(b'"rows":100', b'"rows":101')
    manifest.write_bytes(b"".join(lines))


@pytest.mark.parametrize("harm", [_cut, _overwrite, _link, _miscount, lambda folder, part: part.unlink()])
def test_a_day_that_is_lacking_is_named_and_the_rest_opens(harm: Harm, tmp_path: Path) -> None:
    for day in ("2026-07-01", "2026-07-02"):
        found = [plain(n, id=f"id-{day}-{n}", created_at=f"{day}T00:00:00Z") for n in range(100)]
        collected(tmp_path, found, START_US)
    harm(tmp_path, tmp_path / "day=2026-07-01" / "part-000001.parquet")
    with closing(ArchiveSource(tmp_path)) as archive:
        assert "entries of 2026-07-01 are lacking" in archive.snapshot.reason
        assert archive.find(Filter(), NEWEST, None, 11).total == 100


def test_a_broken_manifest_is_said_and_its_other_parts_open(tmp_path: Path) -> None:
    found = [plain(day, created_at=f"2026-07-0{day}T00:00:00Z") for day in range(1, 6)]
    collected(tmp_path, found)
    manifest = tmp_path / "_manifest.jsonl"
    lines = manifest.read_bytes().splitlines(keepends=True)
    for changed, total in (
        ([*lines[:2], *lines[3:]], 4),
        ([*lines[:2], b"garbage\n", *lines[3:]], 4),
        ([*lines[:3], lines[2], *lines[3:]], 5),
        ([*lines[:2], lines[2].replace(b"part-000002", b"../../../x"), *lines[3:]], 4),
        ([*lines[:4], lines[5], lines[4]], 4),
    ):
        manifest.write_bytes(b"".join(changed))
        with closing(ArchiveSource(tmp_path)) as archive:
            assert "of its _manifest.jsonl does not follow the one before" in archive.snapshot.reason
            assert archive.find(Filter(), NEWEST, None, 11).total == total
    last = next(tmp_path.glob("day=2026-07-05/*.parquet"))
    for end in (b"", lines[-1][:20]):
        manifest.write_bytes(b"".join(lines[:-1]) + end)
        with closing(ArchiveSource(tmp_path)) as archive:
            assert f"does not name day=2026-07-05/{last.name}" in archive.snapshot.reason
            assert archive.find(Filter(), NEWEST, None, 11).total == 4
    last.rename(tmp_path / "_part-000005.tmp")  # another process is writing
    (tmp_path / "_state.json").unlink()
    with closing(ArchiveSource(tmp_path)) as archive:
        assert (archive.snapshot.reason, archive.find(Filter(), NEWEST, None, 11).total) == ("", 4)


@pytest.mark.parametrize("left", [0, 2, 20])
def test_a_manifest_that_lost_lines_with_their_parts_is_behind_the_state(left: int, tmp_path: Path) -> None:
    collected(tmp_path, [plain(1)], START_US)
    collected(tmp_path, [plain(day, created_at=f"2026-07-0{day}T00:00:00Z") for day in range(1, 3)], START_US)
    manifest = tmp_path / "_manifest.jsonl"
    *lines, last = manifest.read_bytes().splitlines(keepends=True)
    manifest.write_bytes(b"".join(lines) + last[:left])
    next(tmp_path.glob("day=2026-07-02/*.parquet")).unlink()
    with closing(ArchiveSource(tmp_path)) as archive:
        found = archive.snapshot
        assert (found.reason, found.as_of_us) == (
            "its _manifest.jsonl lacks the line that its _state.json is about:"
            " its last lines were removed or changed",
            None,
        )
    collected(tmp_path, [], START_US)
    with closing(ArchiveSource(tmp_path)) as archive:
        assert (archive.snapshot.reason, archive.snapshot.as_of_us) == ("", START_US)


def test_a_run_that_ends_while_the_archive_is_opened_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collected(tmp_path, [plain(1)], START_US)
    survey, surveys = dataset.survey_manifest, list[int]()

    def survey_and_collect(folder: Path) -> dataset.Manifest | None:
        found = survey(folder)
        surveys.append(1)
        if len(surveys) == 2:  # the first only looks whether it is an archive
            collected(folder, [plain(2)], START_US + 1)
        return found

    monkeypatch.setattr(snapshot, "survey_manifest", survey_and_collect)
    with closing(ArchiveSource(tmp_path)) as archive:
        assert (archive.snapshot.reason, archive.snapshot.manifest.rows) == ("", 1)


# -- the database is locked in ---------------------------------------------------------------------------------------


def test_the_database_reads_the_archives_folder_and_nothing_else(tmp_path: Path) -> None:
    folder = collected(tmp_path / "a'b [x] *", [plain(n) for n in range(20)])
    outside = tmp_path / "outside.parquet"
    outside.write_bytes(next(folder.glob("day=*/*.parquet")).read_bytes())
    (folder / "link.parquet").symlink_to(outside)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with closing(ArchiveSource(folder)) as archive:
        assert archive.find(Filter(), NEWEST, None, 11).total == 20
        reader = archive._reader
        named = [str(outside), f"{folder}/../outside.parquet", "/etc/passwd", "https://host.example/x.parquet"]
        for path in [*named, *reader.named([folder / "link.parquet"])]:
            with pytest.raises(ArchiveError):
                reader.rows("SELECT count(*) FROM read_parquet(?)", [path])
        for statement in (
            f"COPY (SELECT 1) TO '{tmp_path}/new.csv'",
            f"ATTACH '{tmp_path}/new.db'",
            f"EXPORT DATABASE '{tmp_path}/new'",
            "INSTALL httpfs",
            "LOAD httpfs",
            "SELECT * FROM read_text('/etc/passwd')",
            "SELECT * FROM glob('/etc/*')",
            "SET enable_external_access = true",
            f"SET allowed_directories = ['{tmp_path}']",
            f"SET temp_directory = '{tmp_path}'",
            "SET lock_configuration = false",
        ):
            with pytest.raises(ArchiveError):
                reader.rows(statement, [])
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_a_value_is_never_part_of_a_query(tmp_path: Path) -> None:
    hostile = ["' OR true --", "{0}", "?", "x'); DROP TABLE entry; --", "\x00", "%", "$1"]
    collected(tmp_path, [plain(n, action=text, path=text) for n, text in enumerate(hostile)])
    with closing(ArchiveSource(tmp_path)) as archive:
        for text in hostile:
            assert archive.find(Filter((("action", text),)), NEWEST, None, 11).total == 1
            assert archive.find(Filter(path=text), NEWEST, None, 11).total == sum(text in each for each in hostile)
            assert archive.get(text) is None


def test_closing_ends_what_is_under_way(tmp_path: Path) -> None:
    archive = ArchiveSource(collected(tmp_path, [plain(n) for n in range(20)]))
    failed = list[ArchiveError]()

    def ask() -> None:
        try:
            archive._reader.rows("SELECT count(*) FROM range(1000000000000) a, range(1000) b", [])
        except ArchiveError as error:
            failed.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    while not archive._reader._running:
        time.sleep(0.01)
    archive.close()
    thread.join(HANGS_S)
    assert len(failed) == 1
    with pytest.raises(ArchiveError, match="closed"):
        archive.find(Filter(), NEWEST, None, 11)


def test_several_threads_ask_at_once(tmp_path: Path) -> None:
    found = [plain(n, status_code=200 + n % 5) for n in range(500)]
    with closing(ArchiveSource(collected(tmp_path, found))) as archive, ThreadPoolExecutor(8) as pool:
        asked = [Filter(bounds=(("status_code", 200 + n % 5, 200 + n % 5),)) for n in range(40)]
        totals = list(pool.map(lambda where: len(walked(archive, where, NEWEST, 11)), asked))
    assert totals == [100] * 40
