"""A part that was changed is noticed when it is first read, named, and left out; the other days go on."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from auditlog_tui.archive.source import ArchiveSource
from auditlog_tui.errors import ArchiveError
from auditlog_tui.offline.source import Filter
from auditlog_tui.output import files
from tests.unit.archive.damage import HARMS, damage
from tests.unit.archive.test_source import NEWEST, collected, plain, walked

DAYS = ("2026-07-01", "2026-07-02", "2026-07-03")
BAD = f"day={DAYS[1]}/part-000002.parquet"
OF_PATH = Filter(path="v1")


@pytest.fixture(scope="module")
def three_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with a part for each of the days. No test changes it."""
    folder = tmp_path_factory.mktemp("days")
    for day in DAYS:
        times = [f"{day}T00:{n // 60:02}:{n % 60:02}Z" for n in range(100)]
        collected(folder, [plain(n, id=f"{day}-{n}", created_at=at, path="/v1") for n, at in enumerate(times)])
    return folder


@pytest.fixture
def days(three_days: Path, tmp_path: Path) -> Path:
    """A copy of `three_days`."""
    return Path(shutil.copytree(three_days, tmp_path, dirs_exist_ok=True))


def ids(found: Sequence[str]) -> list[str]:
    return [json.loads(text)["id"] for text in found]


LEFT = [f"{day}-{n}" for day in (DAYS[2], DAYS[0]) for n in reversed(range(100))]


@pytest.mark.parametrize("kind", HARMS)
def test_a_walk_leaves_out_a_damaged_part_and_names_it(kind: str, days: Path) -> None:
    before = damage(days / BAD, kind)
    with closing(ArchiveSource(days)) as archive:
        assert ids(walked(archive, Filter(), NEWEST, 50)) == LEFT
        for part in ("1 part is missing or was changed", f"entries of {DAYS[1]} are", BAD, "auditlog-tui verify "):
            assert part in archive.snapshot.reason
        assert archive.find(Filter(), NEWEST, None, 50).total == 200
        archive.reload()
        assert BAD in archive.snapshot.reason
        (days / BAD).write_bytes(before)
        archive.reload()
        assert (archive.find(Filter(), NEWEST, None, 50).total, archive.snapshot.reason) == (300, "")
        assert len(walked(archive, Filter(), NEWEST, 50)) == 300


@pytest.mark.parametrize("kind", HARMS)
def test_a_count_that_reads_a_damaged_part_leaves_it_out(kind: str, days: Path) -> None:
    damage(days / BAD, kind)
    with closing(ArchiveSource(days)) as archive:
        assert archive.find(OF_PATH, NEWEST, None, 11).total == 200
        assert BAD in archive.snapshot.reason


@pytest.mark.parametrize("kind", HARMS)
def test_an_entry_in_a_damaged_part_is_not_found_and_the_archive_says_why(kind: str, days: Path) -> None:
    damage(days / BAD, kind)
    with closing(ArchiveSource(days)) as archive:
        assert archive.get(f"{DAYS[0]}-7") is not None
        assert archive.get("of no part") is None
        assert BAD in archive.snapshot.reason
    with closing(ArchiveSource(days)) as archive:
        assert archive.get(f"{DAYS[1]}-7") is None
        assert BAD in archive.snapshot.reason


def test_a_count_of_the_manifest_stays_until_the_part_is_known_to_be_damaged(days: Path) -> None:
    damage(days / BAD, "one byte")
    with closing(ArchiveSource(days)) as archive:
        first = archive.find(Filter(), NEWEST, None, 11)
        assert (first.total, archive.snapshot.reason) == (300, "")
        place = archive.find(Filter(), NEWEST, None, 100).entries[-1].place
        after = archive.find(Filter(), NEWEST, place, 11)
        assert (after.total, ids([entry.text for entry in after.entries])) == (200, LEFT[100:111])


def test_a_part_that_is_damaged_after_it_was_checked_is_noticed(days: Path) -> None:
    with closing(ArchiveSource(days)) as archive:
        assert len(walked(archive, Filter(), NEWEST, 50)) == 300
        damage(days / BAD, "middle")
        assert archive.find(OF_PATH, NEWEST, None, 11).total == 200


def test_each_part_is_hashed_once(days: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed, sha256_of = list[Path](), files.sha256_of

    def hash_of(path: Path) -> str:
        hashed.append(path)
        return sha256_of(path)

    monkeypatch.setattr(files, "sha256_of", hash_of)
    with closing(ArchiveSource(days)) as archive:
        assert hashed == []
        archive.find(Filter(), NEWEST, None, 11)
        assert [path.parent.name for path in hashed] == [f"day={DAYS[2]}"]
        for _ in range(2):
            walked(archive, Filter(), NEWEST, 50)
            archive.find(OF_PATH, NEWEST, None, 11)
        archive.reload()
        walked(archive, Filter(), NEWEST, 50)
        assert len(hashed) == len(set(hashed)) == 3


def test_a_part_that_duckdb_can_not_read_is_left_out_though_its_digest_is_the_manifests(days: Path) -> None:
    part = max(days.glob("day=*/*.parquet"))
    data = part.read_bytes()
    footer = 8 + int.from_bytes(data[-8:-4], "little")
    changed = data[:4] + b"\xff" * (len(data) - footer - 4) + data[-footer:]
    part.write_bytes(changed)
    manifest = days / "_manifest.jsonl"  # nothing follows its last line, which so can be changed
    old, new = (hashlib.sha256(each).hexdigest() for each in (data, changed))
    manifest.write_text(manifest.read_text().replace(old, new))
    (days / "_state.json").unlink()  # it has the digest of that line
    with closing(ArchiveSource(days)) as archive:
        assert archive.snapshot.reason == ""
        found = archive.find(Filter(), NEWEST, None, 11)
        assert (found.total, ids([each.text for each in found.entries])[0]) == (200, f"{DAYS[1]}-99")
        assert f"entries of {DAYS[2]} are lacking" in archive.snapshot.reason


def test_an_error_that_is_no_parts_fault_blames_none(days: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(sql: str, values: object) -> list[tuple[object, ...]]:
        raise ArchiveError("DuckDB can't read the archive: Out of memory")

    with closing(ArchiveSource(days)) as archive:
        monkeypatch.setattr(archive._reader, "rows", fail)
        with pytest.raises(ArchiveError, match=r"Out of memory.* auditlog-tui verify \S+ checks it"):
            archive.find(OF_PATH, NEWEST, None, 11)
        assert archive.snapshot.reason == ""
