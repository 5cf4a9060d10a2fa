"""An archive's folder: what is in it, what a process that is killed leaves, and what is noticed."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime, timedelta
from io import FileIO
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from auditlog_tui.archive import dataset, engine
from auditlog_tui.archive.checking import check
from auditlog_tui.archive.dataset import Archive, Origin, read_manifest
from auditlog_tui.archive.rows import COLUMNS, extra_of
from auditlog_tui.archive.source import ArchiveSource
from auditlog_tui.entries.models import Entry, read_entry
from auditlog_tui.entries.raw_json import stored
from auditlog_tui.errors import ArchiveError, ArchiveRefusedError
from auditlog_tui.headless import upkeep
from auditlog_tui.output import files

pytestmark = pytest.mark.usefixtures("one_database")
ORIGIN = Origin("https://log.example")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def entry(n: int, *, hours: float = 0, **more: object) -> Entry:
    at = (NOON + timedelta(hours=hours)).isoformat().replace("+00:00", "Z")
    fields = {
        "id": f"id-{n}", "action": "vm.created", "actor": {"id": "a", "name": None, "type": "user"},
        "client_ip": "::1", "created_at": at, "method": "POST", "path": "/v1", "status_code": 200, "user_agent": "ua",
    }  # fmt: skip
    return read_entry(json.dumps(fields | more))


def add(folder: Path, entries: Sequence[Entry], origin: Origin = ORIGIN) -> int:
    """Add the entries; returns how many the archive lacked."""
    with Archive(folder, origin) as archive:
        put(archive, entries)
        return archive.added


def put(archive: Archive, entries: Sequence[Entry]) -> None:
    while len(rest := entries[archive.take(entries) :]):
        archive.flush()
        entries = rest
    archive.flush()


def read(folder: Path, columns: str) -> list[tuple[Any, ...]]:
    """Rows of the whole dataset, as anyone would read it."""
    source = f"read_parquet('{folder}/**/*.parquet', hive_partitioning = true)"
    return duckdb.execute(f"SELECT {columns} FROM {source} ORDER BY ALL").fetchall()


def raws(entries: Iterable[Entry]) -> list[tuple[bytes]]:
    texts = [stored(each.raw) for each in entries]
    return sorted((text.encode() if isinstance(text, str) else text,) for text in texts)


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


PARTS = ["day=2026-11-20/part-000001.parquet", "day=2026-11-21/part-000002.parquet"]


def test_entries_lie_by_day_and_are_read_as_they_came(tmp_path: Path) -> None:
    entries = [entry(1), entry(2, hours=-1), entry(3, hours=13)]
    assert add(tmp_path / "a", entries) == 3
    assert names(tmp_path / "a") == ["_lock", "_manifest.jsonl", *PARTS]
    assert read(tmp_path / "a", "id, day::VARCHAR, epoch_us(created_at)") == [
        (each.key, day, each.created_us)
        for each, day in zip(entries, ["2026-11-20", "2026-11-20", "2026-11-21"], strict=True)
    ]
    assert read(tmp_path / "a", "raw") == raws(entries)
    for path in (tmp_path / "a").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_part_is_sorted_by_time_and_compressed(tmp_path: Path) -> None:
    add(tmp_path, [entry(n, hours=n * 7 % 11) for n in range(11)])
    part = f"'{tmp_path / PARTS[0]}'"
    times = [us for (us,) in duckdb.execute(f"SELECT epoch_us(created_at) FROM {part}").fetchall()]
    assert times == sorted(times)
    assert {kind for (kind,) in duckdb.execute(f"SELECT compression FROM parquet_metadata({part})").fetchall()} == {
        "ZSTD"
    }
    described = {row[0]: row[1] for row in duckdb.execute(f"DESCRIBE SELECT * FROM {part}").fetchall()}
    assert described == {**COLUMNS, "created_at": "TIMESTAMP WITH TIME ZONE", "day": described["day"]}


HOSTILE = [
    read_entry(text)
    for text in (
        '{"id":"no time"}',
        '{"id":"unread","created_at":"soon"}',
        '{"id":"year 0","created_at":"0001-01-01T00:00:00+01:00"}',
        '{"id":"year 10000","created_at":"9999-12-31T23:59:59-01:00"}',
        '{"id":"first","created_at":"0001-01-01T00:00:00Z"}',
        '{"id":"last","created_at":"9999-12-31T23:59:59.999999Z"}',
        '{"id":"leap","created_at":"2016-12-31T23:59:60Z"}',
        '{"id":"big","status_code":99999999999999999999,"created_at":"2026-11-20T00:00:00Z"}',
        '{"id":"most","status_code":9223372036854775807,"created_at":"2026-11-20T00:00:00Z"}',
        '{"id":"text","status_code":"abc","created_at":"2026-11-20T00:00:00.1234567890Z"}',
        '{"action":"without an id","created_at":"2026-11-20T00:00:00Z"}',
        '{"id":"\\u0000\\u202e\\ud83d\\ude00","path":"a\\nb\'c\\"","created_at":"2026-11-20T00:00:00Z"}',
        '{"id":"not UTF-8 \udcff","created_at":"2026-11-20T00:00:00Z"}',
        '{"id":"\\ud800","user_agent":"\\ud800","created_at":"2026-11-20T00:00:00Z"}',
        '{"id":"twice","id":"twice","created_at":"2026-11-20T00:00:00Z"}',
        '{"id":"space" , "created_at":"2026-11-20T00:00:00Z" }',
        '{"id":"deep","x":' + "[" * 5_000 + "]" * 5_000 + ',"created_at":"2026-11-20T00:00:00Z"}',
        '{"id":"NaN","x":NaN,"created_at":"2026-11-20T00:00:00Z"}',
        '{"id":"long","path":"' + "x" * 3_000_000 + '","created_at":"2026-11-20T00:00:00Z"}',
        '"no object"',
        "17",
    )
]


def test_no_entry_is_lost_whatever_is_in_it(tmp_path: Path) -> None:
    assert add(tmp_path, HOSTILE) == len(HOSTILE)
    assert read(tmp_path, "raw") == raws(HOSTILE)
    assert {name for (name,) in read(tmp_path, "id")} == {each.fields.id for each in HOSTILE}
    days = dict(read(tmp_path, "id, day"))
    assert {days[name] for name in ("no time", "unread", "year 0", "year 10000")} == {"unknown"}
    assert (days["first"], days["last"], days["leap"]) == ("0001-01-01", "9999-12-31", "2017-01-01")
    statuses = dict(read(tmp_path, "id, status_code"))
    assert (statuses["big"], statuses["most"], statuses["text"]) == (None, 2**63 - 1, None)
    assert add(tmp_path, HOSTILE) == 0


@pytest.mark.parametrize(
    ("raw", "extra"),
    [
        ('{"id":"1","action":"x"}', None),
        ('{"id":"1","new":1.10,"more":{"a":[1,2]}}', {"new": 1.1, "more": {"a": [1, 2]}}),
        ('{"id":"1","big":99999999999999999999}', {"big": 99999999999999999999}),
        ('{"actor":{"id":"1","role":"root"},"target":{"zone":null}}',
         {"actor": {"role": "root"}, "target": {"zone": None}}),
        ('{"a\\"b":1}', {'a"b': 1}),
        ('{"odd":"\udcff"}', {"odd": "\udcff"}),
        ("17", None),
        ('{"id":"1",,"new":1}', {"new": 1}),
    ],
)  # fmt: skip
def test_fields_that_the_contract_lacks_are_kept_as_json(raw: str, extra: object) -> None:
    found = extra_of(raw)
    assert (None if found is None else json.loads(found)) == extra
    assert found is None or found.encode()


def test_the_same_text_is_never_written_twice_and_another_version_is(tmp_path: Path) -> None:
    add(tmp_path, [entry(1), entry(2)])
    late, other = entry(3, hours=-2), entry(1, status_code=500)
    assert add(tmp_path, [entry(1), other, late, entry(2)]) == 2
    assert read(tmp_path, "raw") == raws([entry(1), other, entry(2), late])
    assert names(tmp_path)[2:] == ["day=2026-11-20/part-000001.parquet", "day=2026-11-20/part-000002.parquet"]


@pytest.mark.parametrize(("limit", "most"), [("PART_ROWS", 4), ("PART_BYTES", 1_900)])
def test_a_full_part_is_followed_by_another(
    limit: str, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, limit, most)
    assert add(tmp_path, [entry(n) for n in range(10)]) == 10
    assert [part.rows for part in manifest(tmp_path).parts] == [4, 4, 2]


def manifest(folder: Path) -> dataset.Manifest:
    found = read_manifest(folder)
    assert found is not None
    return found


def test_the_manifest_names_each_part_and_its_digest_and_is_chained(tmp_path: Path) -> None:
    add(tmp_path, [entry(1), entry(2, hours=-1), entry(3, hours=13)])
    head, *lines = (tmp_path / "_manifest.jsonl").read_bytes().splitlines(keepends=True)
    assert json.loads(head) == {"format": "auditlog-tui archive 2", "endpoint": ORIGIN.endpoint, "query": ""}
    previous = head
    for line, part in zip(lines, PARTS, strict=True):
        found = json.loads(line)
        data = (tmp_path / part).read_bytes()
        assert (found["part"], found["bytes"]) == (part, len(data))
        assert found["sha256"] == hashlib.sha256(data).hexdigest()
        assert found["previous"] == hashlib.sha256(previous).hexdigest()
        previous = line
    assert [json.loads(lines[0])[name] for name in ("rows", "first", "last")] == [
        2, "2026-11-20T11:00:00Z", "2026-11-20T12:00:00Z",
    ]  # fmt: skip
    assert manifest(tmp_path).rows == 3


# -- ended at any point ----------------------------------------------------------------------------------------


class EndedError(BaseException):
    """Stands for the end of the process: nothing catches it."""


def end_before(monkeypatch: pytest.MonkeyPatch, where: object, name: str, call: int = 1) -> None:
    """Let the process end before this is called the so-manieth time."""
    real, calls = getattr(where, name), [0]

    def ended(*given: object, **named: object) -> object:
        calls[0] += 1
        if calls[0] >= call:
            monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)  # it can't tidy up any more
            raise EndedError
        return real(*given, **named)

    monkeypatch.setattr(where, name, ended)


ENDINGS: list[tuple[object, str, int]] = [
    (engine.Engine, "write", 1),
    (engine.Engine, "write", 2),
    (Archive, "_commit", 1),
    (Archive, "_append", 1),
    (Archive, "_publish", 1),
    (Archive, "_publish", 2),
    (os, "rename", 1),
    (os, "rename", 2),
    (files, "sync_folder", 3),
]


@pytest.mark.parametrize(("where", "name", "call"), ENDINGS, ids=[f"{name} {call}" for _, name, call in ENDINGS])
def test_a_process_that_ends_at_any_point_leaves_nothing_half_or_twice(
    where: object, name: str, call: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [entry(1), entry(2, hours=-1), entry(3, hours=13)]
    add(tmp_path, [entry(0)])
    with monkeypatch.context() as patched:
        end_before(patched, where, name, call)
        with pytest.raises(EndedError):
            add(tmp_path, entries)
    before = read(tmp_path, "id")
    assert len(set(before)) == len(before)
    assert set(before) <= {(f"id-{n}",) for n in range(4)}
    add(tmp_path, entries)
    assert read(tmp_path, "raw") == raws([entry(0), *entries])
    assert not [name for name in names(tmp_path) if name.endswith(".tmp")]
    assert read_manifest(tmp_path) is not None


@pytest.mark.parametrize("call", [1, 2], ids=["manifest", "state"])
def test_a_process_that_ends_while_it_replaces_a_file_leaves_nothing_for_ever(
    call: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        end_before(patched, os, "replace", call)
        with pytest.raises(EndedError), Archive(tmp_path, ORIGIN) as archive:
            archive.write_state(b"one")
    assert len(list(tmp_path.glob("._*.tmp"))) == 1
    stranger = tmp_path / "._state.json.mine.tmp"
    stranger.touch()
    with Archive(tmp_path, ORIGIN):
        pass
    assert list(tmp_path.glob("**/*.tmp")) == [stranger]


def test_a_line_that_is_cut_off_is_not_there(tmp_path: Path) -> None:
    add(tmp_path, [entry(1)])
    path = tmp_path / "_manifest.jsonl"
    whole = path.read_bytes()
    for cut in range(1, 100, 7):
        path.write_bytes(whole + whole.splitlines(keepends=True)[-1][:cut])
        assert manifest(tmp_path).rows == 1
        assert add(tmp_path, [entry(1)]) == 0
        assert path.read_bytes() == whole


def test_an_error_while_a_part_is_noted_leaves_the_manifest_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(tmp_path, [entry(1)])
    before = (tmp_path / "_manifest.jsonl").read_bytes()

    def full(file: Any, data: bytes) -> None:
        file.write(data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    with Archive(tmp_path, ORIGIN) as archive:
        archive.take([entry(2)])
        real = Archive._append
        with monkeypatch.context() as patched:

            def append(archive: Archive, part: dataset.Part) -> None:
                patched.setattr(dataset, "write_all", full)
                real(archive, part)

            patched.setattr(Archive, "_append", append)
            with pytest.raises(ArchiveError, match="No space left on device"):
                archive.flush()
    assert (tmp_path / "_manifest.jsonl").read_bytes() == before
    assert add(tmp_path, [entry(1), entry(2)]) == 1
    assert read(tmp_path, "id") == [("id-1",), ("id-2",)]


# -- refusals ----------------------------------------------------------------------------------------------------


def test_two_processes_do_not_write_at_once(tmp_path: Path) -> None:
    with (
        Archive(tmp_path, ORIGIN),
        pytest.raises(ArchiveRefusedError, match="Another process is writing to"),
        Archive(tmp_path, ORIGIN),
    ):
        pass
    assert add(tmp_path, [entry(1)]) == 1


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (Origin("https://other.example"), "API address is “https://log.example”, not “https://other.example”"),
        (Origin(ORIGIN.endpoint, "method:GET"), "filter is none, not “method:GET”"),
    ],
)
def test_an_archive_of_something_else_is_refused(other: Origin, said: str, tmp_path: Path) -> None:
    add(tmp_path, [entry(1)])
    with pytest.raises(ArchiveRefusedError, match=re.escape(said)):
        add(tmp_path, [entry(2)], other)
    assert add(tmp_path, [entry(1)]) == 0


def test_a_folder_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(ArchiveRefusedError, match="is no archive, and there is something in it"):
        add(tmp_path, [entry(1)])
    assert names(tmp_path) == ["mine"]
    with pytest.raises(ArchiveRefusedError, match="it has no _manifest"), Archive(tmp_path):
        pass
    (tmp_path / "_manifest.jsonl").write_text("{}\n")
    with pytest.raises(ArchiveRefusedError, match="is not that of an archive of this version"):
        add(tmp_path, [entry(1)])


def test_without_duckdb_the_error_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ArchiveRefusedError, match=re.escape("pip install '.[archive]'")):
        add(tmp_path / "a", [entry(1)])
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(("was", "now"), [(b"log.example", b"lag.example"), (b'"rows":2', b'"rows":1'), (b"\n", b"")])
def test_a_changed_manifest_is_refused(was: bytes, now: bytes, tmp_path: Path) -> None:
    add(tmp_path, [entry(1), entry(2), entry(3, hours=13)])
    path = tmp_path / "_manifest.jsonl"
    data = path.read_bytes()
    at = data.rindex(was, 0, -1)
    path.write_bytes(data[:at] + now + data[at + len(was) :])
    with pytest.raises(ArchiveRefusedError, match="was changed: line"):
        read_manifest(tmp_path)


def test_a_path_out_of_the_archive_is_refused(tmp_path: Path) -> None:
    add(tmp_path, [entry(1)])
    lines = (tmp_path / "_manifest.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "_manifest.jsonl").write_bytes(lines[0] + lines[1].replace(b"day=2026-11-20", b"day=../../etc/x"))
    with pytest.raises(ArchiveRefusedError, match="was changed: line 2"):
        read_manifest(tmp_path)


def test_a_missing_part_is_told(tmp_path: Path) -> None:
    add(tmp_path, [entry(1)])
    (tmp_path / PARTS[0]).unlink()
    with pytest.raises(ArchiveError, match=r"part-000001.parquet is missing"):
        add(tmp_path, [entry(2)])


@pytest.mark.parametrize("name", ["it's", "a[1]*?", "a b;--", "日本"])
def test_a_folder_of_any_name_works(name: str, tmp_path: Path) -> None:
    add(tmp_path / name, [entry(1)])
    assert add(tmp_path / name, [entry(1), entry(2)]) == 1
    with Archive(tmp_path / name) as archive:
        archive.join(archive.small_parts()[0])
        assert archive.manifest.rows == 2
    assert wrong(tmp_path / name) == []
    with closing(ArchiveSource(tmp_path / name)) as source:
        assert source.get("id-1") == entry(1).raw


# -- upkeep ------------------------------------------------------------------------------------------------------


def test_small_parts_of_a_day_become_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [entry(1), entry(2, hours=-1), entry(3, hours=13), entry(4, hours=1)]
    for each in entries:
        add(tmp_path, [each])
    with Archive(tmp_path) as archive:
        for parts in archive.small_parts():
            archive.join(parts)
        assert archive.small_parts() == []
    assert read(tmp_path, "raw") == raws(entries)
    assert [part.rows for part in manifest(tmp_path).parts] == [1, 3]
    assert names(tmp_path)[2:] == ["day=2026-11-20/part-000005.parquet", "day=2026-11-21/part-000003.parquet"]
    assert add(tmp_path, entries) == 0


def test_large_parts_are_not_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(3):
        add(tmp_path, [entry(n)])
    with Archive(tmp_path) as archive:
        assert len(archive.small_parts()[0]) == 3
        for limit in ("PART_ROWS", "SMALL_BYTES"):
            with monkeypatch.context() as patched:
                patched.setattr(dataset, limit, 1)
                assert archive.small_parts() == []


@pytest.mark.parametrize(("where", "name"), [(Archive, "_append"), (Archive, "_publish"), (os, "rename")])
def test_joining_that_is_ended_loses_nothing_and_leaves_nothing_twice(
    where: object, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        add(tmp_path, [entry(n)])
    with monkeypatch.context() as patched, Archive(tmp_path) as archive:
        end_before(patched, where, name)
        with pytest.raises(EndedError):
            archive.join(archive.small_parts()[0])
    add(tmp_path, [])
    assert read(tmp_path, "id") == [("id-0",), ("id-1",), ("id-2",)]


def test_what_was_joined_stays_where_the_new_part_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(3):
        add(tmp_path, [entry(n)])
    with monkeypatch.context() as patched, Archive(tmp_path) as archive:
        end_before(patched, os, "rename")
        with pytest.raises(EndedError):
            archive.join(archive.small_parts()[0])
    (tmp_path / "_part-000004.tmp").write_bytes(b"")
    with Archive(tmp_path):
        pass
    part = "day=2026-11-20/part-00000{}.parquet: {}"
    assert wrong(tmp_path) == [
        part.format(4, "it was changed"), *(part.format(n, "a later part replaced it") for n in (1, 2, 3)),
    ]  # fmt: skip
    assert read(tmp_path, "id") == [("id-0",), ("id-1",), ("id-2",)]


def wrong(folder: Path) -> list[str]:
    """What a check finds, which leaves the folder as it was."""
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    found = check(folder, lambda *_: None)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert found.unreadable == []
    return found.changed


def test_a_check_names_what_is_wrong_with_each_part(tmp_path: Path) -> None:
    add(tmp_path, [entry(1), entry(3, hours=13)])
    path = tmp_path / PARTS[1]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    (tmp_path / "day=2026-11-20" / "more.parquet").write_bytes(b"")
    (tmp_path / "day=2026-11-20" / "_more.parquet").write_bytes(b"")
    assert wrong(tmp_path) == [
        f"{PARTS[1]}: it was changed", "day=2026-11-20/more.parquet: it is not in the manifest",
    ]  # fmt: skip
    os.unlink(tmp_path / PARTS[0])
    assert wrong(tmp_path)[0] == f"{PARTS[0]}: it is missing"


def test_a_check_finds_changed_lines_of_the_manifest(tmp_path: Path) -> None:
    add(tmp_path, [entry(1), *(entry(n, hours=13) for n in range(20, 40))])
    path = tmp_path / "_manifest.jsonl"
    head, first, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(head.replace(b"example", b"elsewhere") + first + last)
    assert wrong(tmp_path) == ["_manifest.jsonl: line 2 does not follow the one before"]
    path.write_bytes(head + first + last.replace(b'"vm.created":20', b'"vm.created":19'))
    assert wrong(tmp_path) == [f"{PARTS[1]}: the manifest has wrong counts of its entries"]


def test_a_check_finds_that_a_manifest_lost_lines_with_their_parts(tmp_path: Path) -> None:
    add(tmp_path, [entry(1), entry(3, hours=13)])
    with Archive(tmp_path, ORIGIN) as archive:
        archive.write_state(b"")
    path = tmp_path / "_manifest.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    (tmp_path / PARTS[1]).unlink()
    assert wrong(tmp_path) == ["_manifest.jsonl: it lacks the line that _state.json is about"]


def test_a_part_that_can_not_be_read_was_not_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path, [entry(1), entry(3, hours=13)])
    opened = files.opened

    def refused(path: Path, **more: bool) -> AbstractContextManager[FileIO]:
        if path == tmp_path / PARTS[0]:
            raise PermissionError(13, "Permission denied")
        return opened(path, **more)

    monkeypatch.setattr(files, "opened", refused)
    found = check(tmp_path, lambda *_: None)
    assert (found.changed, found.unreadable) == ([], [f"{PARTS[0]}: it can't be read: Permission denied"])
    assert list(upkeep._verdict("a", found, quiet=True)) == [
        "UNREADABLE: 1 of 2 parts of a can't be checked. The others were not changed.",
        f"- {PARTS[0]}: it can't be read: Permission denied",
    ]


def test_a_check_takes_a_part_that_was_not_given_its_name_yet(tmp_path: Path) -> None:
    add(tmp_path, [entry(1)])
    (tmp_path / PARTS[0]).rename(tmp_path / "_part-000001.tmp")
    assert wrong(tmp_path) == []


def test_a_check_passes_no_verdict_on_what_is_joined_meanwhile(tmp_path: Path) -> None:
    for n in range(2):
        add(tmp_path, [entry(n)])

    def join(doing: str, done: int, whole: int) -> None:
        if not done:
            with Archive(tmp_path) as archive:
                archive.join(archive.small_parts()[0])

    with pytest.raises(ArchiveError, match="was changed while it was checked"):
        check(tmp_path, join)


def test_a_check_meets_what_is_added_meanwhile(tmp_path: Path) -> None:
    add(tmp_path, [entry(0)])

    def collect(*_: object) -> None:
        add(tmp_path, [entry(1, hours=13)])

    found = check(tmp_path, collect)
    assert (found.changed, found.unreadable, len(found.manifest.parts)) == ([], [], 1)


# -- counts ------------------------------------------------------------------------------------------------------


def test_the_manifest_has_counts_of_columns_with_few_values(tmp_path: Path) -> None:
    found = [entry(n, status_code=200 + n % 2, action=f"a{n}", target=None if n else {"id": "t"}) for n in range(40)]
    add(tmp_path, found[:8])
    add(tmp_path, found[8:])
    with Archive(tmp_path) as archive:
        archive.join(archive.small_parts()[0])
    *_, line = (tmp_path / "_manifest.jsonl").read_bytes().splitlines()
    assert json.loads(line)["counts"] == {
        "status_code": {"200": 20, "201": 20}, "actor_id": {"a": 40}, "actor_type": {"user": 40},
        "client_ip": {"::1": 40}, "method": {"POST": 40}, "target_id": {"t": 1}, "target_type": {},
    }  # fmt: skip


def test_values_that_take_much_room_are_not_noted(tmp_path: Path) -> None:
    add(tmp_path, [entry(n, action="a" * 20_000) for n in range(20)])
    assert b'"actor_id":{"a":20}' in (tmp_path / "_manifest.jsonl").read_bytes()
    assert b'"action"' not in (tmp_path / "_manifest.jsonl").read_bytes()


def test_looking_after_an_archive_removes_no_part_that_could_not_be_put_right(tmp_path: Path) -> None:
    add(tmp_path, [entry(1)])
    left = tmp_path / "_part-000001.tmp"
    left.write_bytes((tmp_path / PARTS[0]).read_bytes()[:-1])
    (tmp_path / PARTS[0]).unlink()
    with Archive(tmp_path):
        pass
    assert wrong(tmp_path) == [f"{PARTS[0]}: it was changed"]
    assert left.exists()
    with pytest.raises(ArchiveError, match="was changed, and is a part of the archive"):
        add(tmp_path, [entry(2)])
    assert left.exists()


def test_parts_with_other_entries_than_the_manifest_says_are_not_joined(tmp_path: Path) -> None:
    add(tmp_path, [entry(1)])
    add(tmp_path, [entry(2)])
    before = names(tmp_path)
    with Archive(tmp_path) as archive, pytest.raises(ArchiveError, match="other entries than the manifest says"):
        archive.join([msgspec.structs.replace(part, rows=2) for part in archive.small_parts()[0]])
    assert names(tmp_path) == before


def test_a_changed_part_is_not_joined_into_one_that_passes_for_intact(tmp_path: Path) -> None:
    add(tmp_path / "a", [entry(1)])
    add(tmp_path / "a", [entry(2)])
    add(tmp_path / "b", [entry(3)])
    (tmp_path / "a" / PARTS[0]).write_bytes((tmp_path / "b" / PARTS[0]).read_bytes())
    before = names(tmp_path / "a")
    with Archive(tmp_path / "a") as archive, pytest.raises(ArchiveError, match=r"was changed.* auditlog-tui verify"):
        archive.join(archive.small_parts()[0])
    assert names(tmp_path / "a") == before


def known(archive: Archive) -> tuple[bytes, int | None] | None:
    state = archive.read_state()
    return None if state is None else (state.known, state.complete_us)


def test_the_state_is_forgotten_with_the_parts_that_it_speaks_of(tmp_path: Path) -> None:
    with Archive(tmp_path, ORIGIN) as archive:
        put(archive, [entry(1)])
        archive.write_state(b"one", 1)
    earlier = (tmp_path / "_manifest.jsonl").read_bytes()
    with Archive(tmp_path, ORIGIN) as archive:
        assert known(archive) == (b"one", 1)
        put(archive, [entry(3, hours=13)])
        assert known(archive) == (b"one", 1)
        archive.write_state(b"two")
    (tmp_path / "_manifest.jsonl").write_bytes(earlier)
    with Archive(tmp_path, ORIGIN) as archive:
        assert archive.read_state() is None
