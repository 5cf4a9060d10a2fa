"""Exports over a `FakeApi`: what they write, what they leave when they are broken off, and how they go on."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import pytest
from msgspec import structs

from auditlog_tui.entries.models import Page, read_entry
from auditlog_tui.errors import (
    AuditLogError,
    BadRequestError,
    BundleError,
    ExportError,
    ExportRefusedError,
    ServerError,
)
from auditlog_tui.evidence import bundle
from auditlog_tui.evidence.bundle import Bundle
from auditlog_tui.evidence.endings import Lines
from auditlog_tui.evidence.export import Export, Job, Outcome, merged
from auditlog_tui.evidence.forms import BUNDLE, FORMS
from auditlog_tui.evidence.part import Finished, Part, earlier, earlier_in, finished
from auditlog_tui.evidence.statement import Annotation, Statement, read_annotation
from auditlog_tui.evidence.verify import verify
from auditlog_tui.log.log import Log
from auditlog_tui.log.origin import Origin
from auditlog_tui.output import files
from auditlog_tui.session.marks import Marks
from auditlog_tui.settings.command_line import EXPORT_FORMATS
from auditlog_tui.store.entries import EntryStore
from tests.unit.fake import EVERY_FILTER, SERVED_AT, FakeApi, Json, entry, read
from tests.unit.views import ignore, load, query_of, view_of

QUERIES = ("", "ua:tool", "sort:created", "sort:path ua:tool", "-marked:yes", "method:DELETE")
MINUTE_US = 60_000_000


def log(size: int = 60) -> list[Json]:
    """Every third entry is a DELETE by a tool; the paths are in another order than the times."""
    by_tool: Json = {"method": "DELETE", "user_agent": "tool"}
    return [entry(n, path=f"/v1/{n * 7 % size}", **({} if n % 3 else by_tool)) for n in range(size)]


class Halting(FakeApi):
    """Never answers the list call number `halt` (from 1), but sets `halted`."""

    def __init__(self, entries: Iterable[Json], halt: int = 0, **more: Any) -> None:
        super().__init__(entries, page_size=10, **more)
        self.halt = halt
        self.halted = asyncio.Event()

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        page = await super().list(params, limit=limit, cursor=cursor)
        if len(self.calls) == self.halt:
            self.halted.set()
            await asyncio.Event().wait()
        return page


def job(out: Path, text: str = "", form: str = "jsonl", **more: Any) -> Job:
    values: dict[str, Any] = {
        "ending": Lines(form),
        "typed": text,
        "query": query_of(text),
        "endpoint": "https://log.example",
        "profile": "",
    }
    return Job(out=out, form=form, **(values | more))


def export_of(given: Job, api: FakeApi, marks: Marks | None = None) -> Export:
    over = Log(api, EntryStore(), 1)
    if marks is not None:
        over.marks = lambda: marks
    return Export(given, over)


async def done(given: Job, api: FakeApi, marks: Marks | None = None) -> Outcome:
    return await export_of(given, api, marks).matching()


async def broken_off(given: Job, api: Halting) -> Export:
    """Cancel an export while the server does not answer."""
    running = export_of(given, api)
    task = asyncio.create_task(running.matching())
    halted = asyncio.create_task(api.halted.wait())
    await asyncio.wait((task, halted), return_when=asyncio.FIRST_COMPLETED)
    assert not task.done(), task.exception()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    return running


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def ids(path: Path) -> list[str]:
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


def marked(*numbers: int, note: str = "") -> Marks:
    marks = Marks(now_us=lambda: 1_800_000_000_000_000)
    entries = {data["id"]: read(data) for data in [*log(), entry(70), entry(99)]}
    marks.mark([entries[f"id-{n}"] for n in numbers])
    if note:
        marks.note(entries[f"id-{numbers[0]}"], note)
    return marks


# -- what is written -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", QUERIES)
async def test_a_file_has_each_entry_that_matches_as_it_came_and_in_order(text: str, tmp_path: Path) -> None:
    api = FakeApi(log(), page_size=10)
    view = await load(view_of(FakeApi(log(), page_size=10), text))
    outcome = await done(job(tmp_path / "a.jsonl", text), api)
    raws = [view.log.store.entry(row.n).raw for row in view.window(0, len(view))]
    assert (tmp_path / "a.jsonl").read_text() == "".join(f"{raw}\n" for raw in raws)
    assert outcome.complete
    assert outcome.statement.rows == outcome.statement.entries == len(raws) > 0
    assert names(tmp_path) == ["a.jsonl"]
    assert stat.S_IMODE((tmp_path / "a.jsonl").stat().st_mode) == 0o600


async def test_the_statement_says_what_was_asked_and_what_came(tmp_path: Path) -> None:
    api = FakeApi(log(), page_size=10)
    api.clock_offset_us = 1_500
    asked = "created:2027-01-15T08:00:00Z..2027-01-15T08:00:29Z"
    outcome = await done(job(tmp_path / "a", asked, by="Jo", profile="prod"), api)
    assert outcome.statement == Statement(
        query=asked,
        frozen=asked,
        low_us=1_800_000_000_000_000,
        high_us=1_800_000_029_000_000,
        endpoint="https://log.example",
        by="Jo",
        as_of_us=int(SERVED_AT.timestamp() + 1) * 1_000_000,
        clock_offset_ms=2,
        requests=len(api.calls),
        entries=30,
        rows=30,
        total=30,
        verdict="COMPLETE",
        profile="prod",
    )


@pytest.mark.parametrize("form", EXPORT_FORMATS)
async def test_notes_are_in_each_format_or_beside_it(form: str, tmp_path: Path) -> None:
    marks = marked(5, 9, 99, note="rotated the key, #inc42")
    outcome = await done(job(tmp_path / "a.jsonl", "", form, notes=marks.annotations), FakeApi(log()), marks)
    text = (tmp_path / "a.jsonl").read_text()
    assert len(text.splitlines()) == 60 + {"csv": 1, "markdown": 2}.get(form, 0)
    assert ("rotated the key" in text) == (form != "jsonl")
    beside = tmp_path / "a.notes.jsonl"
    assert outcome.notes == (beside if form == "jsonl" else None)
    assert names(tmp_path) == ["a.jsonl", *(["a.notes.jsonl"] if form == "jsonl" else [])]
    if form == "jsonl":
        made = 1_800_000_000_000_000
        assert [read_annotation(line) for line in beside.read_text().splitlines()] == [
            Annotation("id-9", True, "", (), made),
            Annotation("id-5", True, "rotated the key, #inc42", ("inc42",), made),
        ]
        assert stat.S_IMODE(beside.stat().st_mode) == 0o600


async def test_every_version_of_an_entry_is_written_beside_the_one_shown(tmp_path: Path) -> None:
    twice = [*log(), entry(7, user_agent="other"), entry(30, at=2, path="/elsewhere")]
    outcome = await done(job(tmp_path / "a.jsonl"), FakeApi(twice, page_size=10))
    found = ids(tmp_path / "a.jsonl")
    assert len(found) == 62 == outcome.statement.entries
    assert outcome.statement.rows == 60
    for key in ("id-7", "id-30"):
        assert found[found.index(key) : found.index(key) + 2] == [key, key]


async def test_entries_with_line_breaks_are_on_one_line_and_go_on_as_that(tmp_path: Path) -> None:
    class Pretty(Halting):
        async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
            page = await super().list(params, limit=limit, cursor=cursor)
            entries = tuple(read_entry(json.dumps(json.loads(each.raw), indent=2)) for each in page.entries)
            return Page(entries, page.next_cursor, None, page.total_count, page.served_at)

    await broken_off(job(tmp_path / "a.jsonl"), Pretty(log(), 4))
    outcome = await done(job(tmp_path / "a.jsonl"), Pretty(log()))
    assert outcome.resumed > 0
    assert (outcome.statement.entries, outcome.complete) == (60, True)
    assert len(ids(tmp_path / "a.jsonl")) == 60


# -- scopes --------------------------------------------------------------------------------------------------------


async def test_the_marked_are_exported_without_a_request(tmp_path: Path) -> None:
    marks, api = marked(5, 9), FakeApi(log())
    outcome = await done(job(tmp_path / "a.jsonl", "marked:yes", notes=marks.annotations), api, marks)
    assert ids(tmp_path / "a.jsonl") == ["id-9", "id-5"]
    assert outcome.complete
    assert outcome.statement.scope == "all 2 entries that were marked"
    assert outcome.statement.as_of_us is not None
    assert api.calls == []


async def test_surroundings_are_told_apart_and_overlapping_windows_come_once(tmp_path: Path) -> None:
    marks, api = marked(10, 12, 40, 70, note="look"), FakeApi(log(), page_size=10)
    given = job(tmp_path / "a.jsonl", "marked:yes", context_us=3_000_000, notes=marks.annotations)
    outcome = await done(given, api, marks)
    assert ids(tmp_path / "a.jsonl") == [f"id-{n}" for n in (70, *range(43, 36, -1), *range(15, 6, -1))]
    notes = [read_annotation(line) for line in (tmp_path / "a.notes.jsonl").read_text().splitlines()]
    assert [each.key for each in notes if not each.context] == ["id-70", "id-40", "id-12", "id-10"]
    around = {f"id-{n}" for n in (7, 8, 9, 11, 13, 14, 15, *range(37, 44)) if n != 40}
    assert {each.key for each in notes if each.context} == around
    assert outcome.complete
    assert outcome.statement.as_of_us is not None


@pytest.mark.parametrize("time", [None, "yesterday"])
async def test_a_marked_entry_without_a_time_has_no_surroundings_and_that_is_told(
    time: str | None, tmp_path: Path
) -> None:
    marks = marked(10)
    marks.mark([read(entry(7, created_at=time))])
    given = job(tmp_path / "a.jsonl", "marked:yes", context_us=3_000_000, notes=marks.annotations)
    outcome = await done(given, FakeApi(log(), page_size=10), marks)
    assert outcome.statement.verdict == "INCOMPLETE"
    assert "1 marked entry has no readable time, so what is around is missing" in outcome.statement.reason


def test_windows_that_touch_are_one() -> None:
    assert merged([5, 50, 8, 20], 5) == [(45, 55), (15, 25), (0, 13)]
    assert merged([5, 15], 5) == [(0, 20)]
    assert merged([], 5) == []
    assert merged([0, 11], 5) == [(6, 16), (-5, 5)]


async def test_what_is_loaded_says_that_it_is_a_part(tmp_path: Path) -> None:
    view = view_of(FakeApi(log(), page_size=10))
    await view.more(20)
    plain = await Export(job(tmp_path / "a.jsonl", incomplete=True), view.log).loaded(view)
    assert plain.written == tmp_path / "a.incomplete.jsonl"
    assert not plain.complete
    assert "only what was loaded is here: 20 entries" in plain.statement.reason
    assert ids(plain.written) == [f"id-{n}" for n in range(59, 39, -1)]
    await load(view)
    whole = await Export(job(tmp_path / "a.jsonl"), view.log).loaded(view)
    assert whole.complete
    assert len(ids(tmp_path / "a.jsonl")) == 60
    assert names(tmp_path) == ["a.incomplete.jsonl", "a.jsonl"]


async def test_one_entry_is_exported(tmp_path: Path) -> None:
    view = await load(view_of(FakeApi(log(), page_size=10)))
    n = view.window(3, 1)[0].n
    outcome = await Export(job(tmp_path / "a.jsonl", "id:id-56"), view.log).one(view, n)
    assert ids(tmp_path / "a.jsonl") == ["id-56"]
    assert outcome.complete


# -- going on ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ignores", [(), EVERY_FILTER], ids=["honours", "ignores"])
@pytest.mark.parametrize("text", QUERIES)
async def test_a_second_run_ends_with_the_bytes_of_an_undisturbed_one(
    text: str, ignores: frozenset[str], tmp_path: Path
) -> None:
    form = "ocsf" if text == "ua:tool" else "jsonl"
    whole = await done(job(tmp_path / "whole", text, form), Halting(log(), ignores=ignores))
    for halt in (3, 5, 8):
        out = tmp_path / f"{halt}"
        api = Halting(log(), halt, ignores=ignores)
        given = job(out, text, form)
        task = asyncio.create_task(export_of(given, api).matching())
        waiting = asyncio.create_task(api.halted.wait())
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        for each in (task, waiting):
            each.cancel()
            with suppress(asyncio.CancelledError):
                await each
        if not out.exists():
            assert set(names(tmp_path)) >= {f"{halt}.part", f"{halt}.part.state"}
            outcome = await done(given, Halting(log(), ignores=ignores))
            assert outcome.complete
            assert outcome.resumed >= 10
            assert outcome.statement.frozen == whole.statement.frozen
        assert out.read_bytes() == (tmp_path / "whole").read_bytes()


async def test_the_second_run_asks_for_what_is_missing_alone_and_keeps_the_time_of_the_first(tmp_path: Path) -> None:
    first = Halting(log(), 5)
    running = await broken_off(job(tmp_path / "a.jsonl"), first)
    assert running.part.at.lines == 40
    second = Halting([*log(), entry(99)])  # written since
    outcome = await done(job(tmp_path / "a.jsonl"), second)
    assert outcome.statement.as_of_us == int(SERVED_AT.timestamp() + 1) * 1_000_000
    assert "id-99" not in ids(tmp_path / "a.jsonl")
    assert outcome.complete
    assert outcome.statement.requests == 4 + len(second.calls)  # a fifth was under way
    assert outcome.statement.resumed
    assert len(second.calls) <= 7


async def test_a_query_of_a_length_of_time_goes_on_with_the_first_runs_window(tmp_path: Path) -> None:
    early = query_of("created:2027-01-15T08:00:00Z..2027-01-15T08:00:49Z")
    later = query_of("created:2027-01-15T08:00:00Z..2027-01-15T08:00:59Z")
    await broken_off(job(tmp_path / "a", "last:1h", query=early), Halting(log(), 4))
    outcome = await done(job(tmp_path / "a", "last:1h", query=later), Halting(log()))
    assert outcome.statement.rows == 50
    assert outcome.statement.query == "last:1h"


async def test_an_order_that_is_not_of_time_begins_anew_and_says_so(tmp_path: Path) -> None:
    given = job(tmp_path / "a", "sort:-status")
    await broken_off(given, Halting(log(), 5))
    running = export_of(given, Halting(log()))
    assert (await running.matching()).complete
    assert "began anew" in running.told
    assert len(ids(tmp_path / "a")) == 60


async def test_two_versions_of_an_entry_begin_anew_and_say_so(tmp_path: Path) -> None:
    twice = [*log(), entry(55, user_agent="other")]
    await broken_off(job(tmp_path / "a"), Halting(twice, 5))
    running = export_of(job(tmp_path / "a"), Halting(twice))
    assert (await running.matching()).complete
    assert "two versions" in running.told
    assert len(ids(tmp_path / "a")) == 61


def another_log() -> list[Json]:
    return [entry(n, id=f"other-{n}", at=n) for n in range(15)]


def without_newest() -> list[Json]:
    return log()[:19]  # the part ends with id-20: id-19 was never fetched


def without_the_last() -> list[Json]:
    return [each for each in log() if each["id"] != "id-20"]


def with_the_last_changed() -> list[Json]:
    return [each | ({"path": "/changed"} if each["id"] == "id-20" else {}) for each in log()]


def emptied() -> list[Json]:
    return []


@pytest.mark.parametrize("ignores", [(), EVERY_FILTER], ids=["honours", "ignores"])
@pytest.mark.parametrize(
    "now", [another_log, without_newest, without_the_last, with_the_last_changed, emptied], ids=lambda f: f.__name__
)
async def test_a_part_never_goes_on_with_a_log_that_lacks_its_last_entry(
    now: Callable[[], list[Json]], ignores: frozenset[str], tmp_path: Path
) -> None:
    running = await broken_off(job(tmp_path / "a"), Halting(log(), 5))
    assert running.part.at.lines == 40
    before = [(tmp_path / name).read_bytes() for name in ("a.part", "a.part.state")]
    with pytest.raises(ExportRefusedError, match=r"no longer has the last entry of .* Move it away"):
        await done(job(tmp_path / "a", incomplete=True), Halting(now(), ignores=ignores))
    assert [(tmp_path / name).read_bytes() for name in ("a.part", "a.part.state")] == before
    assert names(tmp_path) == ["a.part", "a.part.state"]
    assert (await done(job(tmp_path / "a"), Halting(log(), ignores=ignores))).complete


def cut(data: bytes) -> bytes:
    return data[:-7]


def torn(data: bytes) -> bytes:
    return data + b'{"id": "torn'


@pytest.mark.parametrize("change", [cut, torn])
async def test_a_torn_line_is_cut_off_and_comes_again(change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    await broken_off(job(tmp_path / "a"), Halting(log(), 5))
    for name in ("a.part", "a.part.state"):
        path = tmp_path / name
        path.write_bytes(change(path.read_bytes()))
    assert (await done(job(tmp_path / "a"), Halting(log()))).complete
    assert ids(tmp_path / "a") == [f"id-{n}" for n in range(59, -1, -1)]


async def test_what_follows_the_last_page_noted_is_never_in_a_file(tmp_path: Path) -> None:
    await done(job(tmp_path / "a"), Crowded())
    path = tmp_path / "a.part"
    path.write_bytes(torn(path.read_bytes()))
    outcome = await done(job(tmp_path / "a", incomplete=True), Crowded())
    assert outcome.written is not None
    assert len(ids(outcome.written)) == outcome.statement.entries == 10


@pytest.mark.parametrize("at", [0, 100, -200])
async def test_a_part_that_was_changed_is_refused_and_stays(at: int, tmp_path: Path) -> None:
    await broken_off(job(tmp_path / "a"), Halting(log(), 5))
    path = tmp_path / "a.part"
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(ExportRefusedError, match="was changed since"):
        await done(job(tmp_path / "a"), Halting(log()))
    assert path.read_bytes() == data
    assert not (tmp_path / "a").exists()


def edited(data: bytes) -> bytes:
    return data.replace(b'"frozen":""', b'"frozen":"status:200"', 1)


def counted_down(data: bytes) -> bytes:
    return data.replace(b'"total":60', b'"total":40')


def without_a_line(data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    return b"".join(lines[:1] + lines[2:])


@pytest.mark.parametrize("change", [edited, counted_down, without_a_line])
async def test_a_state_that_was_changed_is_refused(change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    await broken_off(job(tmp_path / "a"), Halting(log(), 5))
    path = tmp_path / "a.part.state"
    assert path.read_bytes() != change(path.read_bytes())
    path.write_bytes(change(path.read_bytes()))
    before = (tmp_path / "a.part").read_bytes()
    assert earlier(tmp_path / "a") is None
    with pytest.raises(ExportRefusedError, match="was changed"):
        await done(job(tmp_path / "a"), Halting(log()))
    assert (tmp_path / "a.part").read_bytes() == before


@pytest.mark.parametrize(
    ("typed", "frozen"),
    [
        ("", "status:200"),
        ("", "last:1h"),
        ("", "nonsense:1"),
        ("", "created:2027..2026"),
        ("created:<2027-01-15T09:00:00Z", "created:<2027-01-15T08:00:00Z"),
        ("last:1h", "created:>=2027-01-15T08:00:00Z status:200"),
        ("last:1h -status:200", "created:>=2027-01-15T08:00:00Z status:200"),
        ("last:1h", ""),
    ],
)
async def test_a_query_that_is_not_the_one_typed_is_refused(typed: str, frozen: str, tmp_path: Path) -> None:
    given = job(tmp_path / "a", typed)
    with Part(tmp_path / "a") as part:
        part.begin(dataclasses.replace(given.plan, frozen=frozen))
        part.append(b"{}\n", dataclasses.replace(part.at, lines=1))
    api = Halting(log())
    with pytest.raises(ExportRefusedError, match="was changed"):
        await done(given, api)
    assert api.calls == []
    assert names(tmp_path) == ["a.part", "a.part.state"]


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"text": "method:GET"}, "filter"),
        ({"endpoint": "https://other.example"}, "API address"),
        ({"profile": "other"}, "profile"),
        ({"form": "csv"}, "format"),
        ({"zone": "Asia/Tokyo"}, "time zone"),
    ],
)
async def test_the_part_of_another_export_is_refused_and_stays(
    more: dict[str, Any], what: str, tmp_path: Path
) -> None:
    await broken_off(job(tmp_path / "a"), Halting(log(), 5))
    before = (tmp_path / "a.part").read_bytes()
    api = Halting(log())
    with pytest.raises(ExportRefusedError, match=f"of another export: its {what} is"):
        await done(job(tmp_path / "a", **more), api)
    assert (tmp_path / "a.part").read_bytes() == before
    assert api.calls == []
    assert (await done(job(tmp_path / "a"), Halting(log()))).complete


@pytest.mark.parametrize(
    ("part", "state"),
    [("mine\n", ""), ("mine\n", "mine too\n"), ("", "mine too\n"), ("", "mine"), ("mine", "auditlog-tui part")],
)
async def test_files_of_others_where_the_part_would_be_are_refused(part: str, state: str, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_text(part)
    (tmp_path / "a.part.state").write_text(state)
    with pytest.raises(ExportRefusedError, match="is no export that can go on"):
        await done(job(tmp_path / "a"), FakeApi(log()))
    assert (tmp_path / "a.part").read_text() == part
    assert (tmp_path / "a.part.state").read_text() == state


@pytest.mark.parametrize("state", ["", "auditlog-tui part 2", 'auditlog-tui part 2 {"query":"'])
async def test_a_run_killed_at_its_very_beginning_is_no_hindrance(state: str, tmp_path: Path) -> None:
    (tmp_path / "a.part").touch()
    (tmp_path / "a.part.state").write_text(state)
    assert (await done(job(tmp_path / "a"), FakeApi(log()))).complete


async def test_a_second_process_on_the_same_file_is_refused(tmp_path: Path) -> None:
    api = Halting(log(), 4)
    task = asyncio.create_task(export_of(job(tmp_path / "a"), api).matching())
    await api.halted.wait()
    with pytest.raises(ExportRefusedError, match="Another process is writing it"):
        await done(job(tmp_path / "a"), FakeApi(log()))
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert (await done(job(tmp_path / "a"), FakeApi(log()))).complete


# -- what is there already -----------------------------------------------------------------------------------------


def make_file(path: Path) -> None:
    path.write_text("precious")


def make_link(path: Path) -> None:
    (path.parent / "target").write_text("precious")
    path.symlink_to("target")


def make_dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_hard(path: Path) -> None:
    (path.parent / "target").write_text("")
    os.link(path.parent / "target", path)


@pytest.mark.parametrize("path", [".", "..", "/"])
async def test_a_folder_is_no_file_to_write(path: str) -> None:
    with pytest.raises(ExportRefusedError, match="exists already"):
        await done(job(Path(path)), FakeApi(log()))


async def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ExportRefusedError, match="There is no folder"):
        await done(job(tmp_path / "nowhere" / "a"), FakeApi(log()))


@pytest.mark.parametrize("make", [make_file, make_link, make_dangling, make_pipe, Path.mkdir])
async def test_whatever_has_the_files_name_is_never_touched(make: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "a"
    make(path)
    before, api = path.lstat(), FakeApi(log())
    with pytest.raises(ExportRefusedError, match="exists already"):
        await done(job(path), api)
    assert path.lstat() == before
    assert api.calls == []
    assert set(names(tmp_path)) <= {"a", "target"}


@pytest.mark.parametrize("name", ["a.part", "a.part.state"])
@pytest.mark.parametrize("make", [make_link, make_dangling, make_pipe, Path.mkdir, make_hard])
async def test_a_part_is_never_written_through_a_link_or_to_a_pipe(
    make: Callable[[Path], None], name: str, tmp_path: Path
) -> None:
    make(tmp_path / name)
    with pytest.raises(ExportRefusedError, match=r"can't be written to .*a\.part"):
        await done(job(tmp_path / "a"), FakeApi(log()))
    assert not (tmp_path / "nowhere").exists()
    assert not (tmp_path / "a").exists()
    if (tmp_path / "target").exists():
        assert (tmp_path / "target").read_text() in ("precious", "")


async def test_a_file_that_comes_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    class Rival(Lines):
        def write(self, entries: Path, notes: list[Annotation], statement: Statement, out: BinaryIO) -> None:
            (tmp_path / "a").write_text("precious")
            super().write(entries, notes, statement, out)

    with pytest.raises(ExportRefusedError, match="exists already"):
        await done(job(tmp_path / "a", form="csv", ending=Rival("csv")), FakeApi(log()))
    assert (tmp_path / "a").read_text() == "precious"
    assert names(tmp_path) == ["a", "a.part", "a.part.state"]


async def test_notes_of_others_are_not_overwritten_either(tmp_path: Path) -> None:
    (tmp_path / "a.notes.jsonl").write_text("precious")
    api = FakeApi(log())
    with pytest.raises(ExportRefusedError, match="notes"):
        await done(job(tmp_path / "a.jsonl"), api)
    assert api.calls == []
    assert names(tmp_path) == ["a.notes.jsonl"]


async def killed_after_publishing(given: Job, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> Job:
    """An export; returns the same one in a folder as it was just after the file got its name."""
    then = given.out.parent / "then"

    def publish(temporary: Path, path: Path) -> None:
        files.publish(temporary, path)
        shutil.copytree(path.parent, then)

    with monkeypatch.context() as patch:
        patch.setattr("auditlog_tui.evidence.export.files", SimpleNamespace(**vars(files) | {"publish": publish}))
        await done(given, api)
    return dataclasses.replace(given, out=then / given.out.name)


@pytest.mark.parametrize("form", ["jsonl", "csv", "bundle"])
async def test_a_run_killed_after_it_gave_the_file_its_name_left_it_whole(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = Bundle() if form == "bundle" else Lines(form)
    first = job(tmp_path / "a", form=form, ending=ending)
    given = await killed_after_publishing(first, Halting(log()), monkeypatch)
    folder = given.out.parent
    assert set(names(folder)) >= {"a", "a.part", "a.part.state"}
    with pytest.raises(ExportRefusedError, match="was finished by an earlier run: it is whole"):
        await done(given, FakeApi(log()))
    assert names(folder) == ["a"]
    assert (folder / "a").read_bytes() == (tmp_path / "a").read_bytes()


async def test_a_run_killed_after_it_named_an_incomplete_file_says_that_and_keeps_the_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = job(tmp_path / "a", form="bundle", ending=Bundle(), incomplete=True)
    given = await killed_after_publishing(first, Crowded(), monkeypatch)
    folder = given.out.parent
    assert "a.part.new" in names(folder)
    with pytest.raises(ExportRefusedError, match="is INCOMPLETE"):
        await done(given, FakeApi(log()))
    assert names(folder) == ["a", "a.part", "a.part.state"]
    (folder / "a").rename(folder / "b")
    (folder / "a").write_text("precious")
    with pytest.raises(ExportRefusedError, match="exists already"):
        await done(given, FakeApi(log()))
    (folder / "a").unlink()
    assert (await done(given, Crowded())).resumed == 10


@pytest.mark.parametrize("scope", ["loaded", "one"])
async def test_rows_that_were_there_are_known_too_after_a_kill(
    scope: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = await load(view_of(FakeApi(log(), page_size=10)))
    given = job(tmp_path / "a", form="csv", ending=Lines("csv"))
    noted: list[Finished | None] = []

    def publish(temporary: Path, path: Path) -> None:
        files.publish(temporary, path)
        noted.append(finished(path))

    monkeypatch.setattr("auditlog_tui.evidence.export.files", SimpleNamespace(**vars(files) | {"publish": publish}))
    running = Export(given, view.log)
    await (running.loaded(view) if scope == "loaded" else running.one(view, view.window(3, 1)[0].n))
    assert noted == [Finished.of(tmp_path / "a", "COMPLETE")]
    assert names(tmp_path) == ["a"]


async def test_another_name_of_the_part_is_not_a_finished_file(tmp_path: Path) -> None:
    await broken_off(job(tmp_path / "a"), Halting(log(), 5))
    os.link(tmp_path / "a.part", tmp_path / "a")
    with pytest.raises(ExportRefusedError, match="exists already"):
        await done(job(tmp_path / "a"), FakeApi(log()))
    assert names(tmp_path) == ["a", "a.part", "a.part.state"]
    (tmp_path / "a").unlink()
    assert (await done(job(tmp_path / "a"), Halting(log()))).complete


async def test_a_run_killed_after_it_wrote_the_notes_goes_on(tmp_path: Path) -> None:
    marks = marked(5)
    notes = marks.annotations
    await broken_off(job(tmp_path / "a.jsonl"), Halting(log(), 5))
    (tmp_path / "a.notes.jsonl").write_text("".join(f"{each.line()}\n" for each in notes().values()))
    assert (await done(job(tmp_path / "a.jsonl", notes=notes), FakeApi(log()))).complete


def test_what_an_earlier_run_left_is_found_without_holding_it(tmp_path: Path) -> None:
    for number, name in enumerate(("old", "new")):
        given = job(tmp_path / name, "ua:tool")
        with Part(tmp_path / name) as part:
            part.begin(given.plan)
            part.append(b"{}\n" * (number + 1), dataclasses.replace(part.at, lines=number + 1))
            assert earlier(tmp_path / name) is not None
        os.utime(tmp_path / f"{name}.part.state", (number, number))
    (tmp_path / "junk.part.state").write_text("junk")
    (tmp_path / "junk.part").write_text("junk")
    (tmp_path / "link.part.state").symlink_to(tmp_path / "old.part.state")
    found = earlier_in(tmp_path, "https://log.example")
    assert [(each.out.name, each.at.lines, each.plan.query) for each in found] == [
        ("new", 2, "ua:tool"),
        ("old", 1, "ua:tool"),
    ]
    assert earlier_in(tmp_path, "https://another.example") == []
    assert earlier_in(tmp_path, "https://log.example", profile="staging") == []
    assert earlier_in(tmp_path / "nowhere", "https://log.example") == []


def test_the_forms_are_a_bundle_and_each_format() -> None:
    assert tuple(form.name for form in FORMS) == (BUNDLE, *EXPORT_FORMATS)


def test_trying_out_leaves_nothing_and_tells_what_is_in_the_way(tmp_path: Path) -> None:
    api = FakeApi(log())
    export_of(job(tmp_path / "a"), api).try_out()
    assert names(tmp_path) == []
    (tmp_path / "a").write_text("precious")
    with pytest.raises(ExportRefusedError, match="exists already"):
        export_of(job(tmp_path / "a"), api).try_out()
    with pytest.raises(ExportRefusedError, match="There is no folder"):
        export_of(job(tmp_path / "nowhere" / "a"), api).try_out()
    assert names(tmp_path) == ["a"]
    assert api.calls == []


async def test_trying_out_leaves_a_part_that_can_go_on(tmp_path: Path) -> None:
    await broken_off(job(tmp_path / "a"), Halting(log(), 5))
    before = (tmp_path / "a.part").read_bytes()
    export_of(job(tmp_path / "a"), FakeApi(log())).try_out()
    assert (tmp_path / "a.part").read_bytes() == before
    assert names(tmp_path) == ["a.part", "a.part.state"]


async def test_an_export_with_surroundings_that_is_broken_off_leaves_no_part(tmp_path: Path) -> None:
    marks, api = marked(10, 40), Halting(log(), 2)
    given = job(tmp_path / "a", "marked:yes", context_us=MINUTE_US, notes=marks.annotations)
    task = asyncio.create_task(export_of(given, api, marks).matching())
    await api.halted.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert names(tmp_path) == []


async def test_rows_that_come_while_loaded_ones_are_written_are_left_out(tmp_path: Path) -> None:
    view = view_of(FakeApi(log(), page_size=10))
    await view.more(10, ignore)
    marks = marked(*range(60))

    class Growing(Export):
        async def _notes_of(self, found: Any) -> list[Annotation]:
            await load(view)
            return await super()._notes_of(found)

    loaded = len(view)
    given = job(tmp_path / "a.zip", form="bundle", ending=Bundle(), incomplete=True, notes=marks.annotations)
    outcome = await Growing(given, view.log).loaded(view)
    assert len(view) == 60 > loaded
    with bundle.read(tmp_path / "a.zip") as opened:
        assert outcome.statement.rows == opened.statement.entries == len(list(opened.entries())) == loaded
        assert len(opened.notes) == loaded
        assert bundle.manifest_sha256(tmp_path / "a.zip") == verify(tmp_path / "a.zip").sha256


async def test_progress_tells_of_requests_at_once(tmp_path: Path) -> None:
    told: list[str] = []
    over = Log(FakeApi([entry(n) for n in range(2_000)]), EntryStore(), 8)
    running = Export(job(tmp_path / "a"), over, lambda: told.append(running.describe()))
    await running.matching()
    assert [each for each in told if " of 2,000 · " in each and "at once" in each]


# -- what goes wrong -----------------------------------------------------------------------------------------------


async def test_an_error_of_the_server_leaves_the_part_and_the_next_run_goes_on(tmp_path: Path) -> None:
    running = export_of(job(tmp_path / "a"), FakeApi(log(), page_size=10, trouble={4: "error"}))
    with pytest.raises(ServerError):
        await running.matching()
    assert running.part.at.lines >= 20
    assert names(tmp_path) == ["a.part", "a.part.state"]
    assert (await done(job(tmp_path / "a"), FakeApi(log(), page_size=10))).resumed >= 20


async def test_nothing_is_left_where_nothing_came(tmp_path: Path) -> None:
    api = FakeApi(log(), trouble={1: "error"})
    with pytest.raises(ServerError):
        await done(job(tmp_path / "a", incomplete=True), api)
    assert names(tmp_path) == []


class Crowded(FakeApi):
    """Refuses every cursor, while more entries are of one instant than come in a page."""

    def __init__(self) -> None:
        super().__init__([entry(n, at=5) for n in range(30)], page_size=10)

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        if cursor is not None:
            self.calls.append((dict(params), limit, cursor))
            raise BadRequestError("no cursors here", status=400)
        return await super().list(params, limit=limit)


@pytest.mark.parametrize("form", ["jsonl", "csv"])
async def test_an_incomplete_export_never_has_the_name_of_a_complete_one(form: str, tmp_path: Path) -> None:
    outcome = await done(job(tmp_path / "a.txt", form=form), Crowded())
    assert outcome.written is None
    assert outcome.statement.verdict == "INCOMPLETE"
    assert "more entries happened at" in outcome.statement.reason
    assert names(tmp_path) == ["a.txt.part", "a.txt.part.state"]
    outcome = await done(job(tmp_path / "a.txt", form=form, incomplete=True), Crowded())
    assert outcome.written == tmp_path / "a.incomplete.txt"
    assert names(tmp_path) == ["a.incomplete.txt", "a.txt.part", "a.txt.part.state"]
    assert (tmp_path / "a.incomplete.txt").stat().st_nlink == 1


async def test_a_bundle_keeps_its_name_and_says_so_itself(tmp_path: Path) -> None:
    outcome = await done(job(tmp_path / "a.zip", form="bundle", ending=Bundle(), incomplete=True), Crowded())
    assert outcome.written == tmp_path / "a.zip"
    assert not outcome.complete
    with bundle.read(tmp_path / "a.zip") as opened:
        assert opened.statement == outcome.statement
        assert opened.statement.verdict == "INCOMPLETE"


@pytest.mark.parametrize("halt", [0, 4])
async def test_a_bundle_has_the_notes_and_goes_on_as_any_format(halt: int, tmp_path: Path) -> None:
    marks = marked(5, note="#inc42")
    given = job(tmp_path / "a.zip", form="bundle", ending=Bundle(), notes=marks.annotations)
    if halt:
        await broken_off(given, Halting(log(), halt))
    outcome = await done(given, Halting(log()))
    with bundle.read(tmp_path / "a.zip") as opened:
        assert opened.statement == outcome.statement
        assert list(opened.notes) == list(marks.annotations().values())
        assert len(list(opened.entries())) == 60
    assert names(tmp_path) == ["a.zip"]


async def test_what_is_written_late_after_the_first_request_takes_nothing_away(tmp_path: Path) -> None:
    await broken_off(job(tmp_path / "a"), Halting(log(), 5))
    outcome = await done(job(tmp_path / "a"), Halting([*log(), entry(999, at=45)]))
    assert outcome.complete
    assert outcome.statement.rows == 60


class Hiding(Halting):
    """Counts an entry that it never sends."""

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        page = await super().list(params, limit=limit, cursor=cursor)
        return structs.replace(page, entries=tuple(each for each in page.entries if each.key != "id-9"))


async def test_an_entry_that_is_counted_and_does_not_come_makes_every_run_incomplete(tmp_path: Path) -> None:
    await broken_off(job(tmp_path / "a"), Hiding(log(), 5))
    for _ in range(2):
        outcome = await done(job(tmp_path / "a"), Hiding(log()))
        assert outcome.written is None
        assert "the server counts 60, 59 arrived" in outcome.statement.reason
        assert "ends the same. Move it away" in outcome.advice
    written = await done(job(tmp_path / "a", incomplete=True), Hiding(log()))
    assert written.advice == ""


async def test_an_export_that_another_run_may_mend_is_not_to_be_moved_away(tmp_path: Path) -> None:
    broken_off_by_server = await done(job(tmp_path / "a"), Crowded())
    begins_anew = await done(job(tmp_path / "b", "sort:-status"), Hiding(log()))
    without_notes = await done(job(tmp_path / "c", unread="the disk is broken"), FakeApi(log()))
    for outcome in (broken_off_by_server, begins_anew, without_notes):
        assert (outcome.written, outcome.advice) == (None, "")


async def test_marks_that_could_not_be_read_make_it_incomplete(tmp_path: Path) -> None:
    outcome = await done(job(tmp_path / "a", unread="the disk is broken"), FakeApi(log()))
    assert outcome.written is None
    assert "notes are missing: the disk is broken" in outcome.statement.reason


class Failing(Lines):
    """Fails after a few lines as on a full disk."""

    def write(self, entries: Path, notes: list[Annotation], statement: Statement, out: BinaryIO) -> None:
        super().write(entries, notes, statement, out)
        out.flush()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Refusing(Lines):
    def write(self, entries: Path, notes: list[Annotation], statement: Statement, out: BinaryIO) -> None:
        raise BundleError("The notes are larger than anything.")


@pytest.mark.parametrize(("ending", "kind"), [(Failing("csv"), ExportError), (Refusing("csv"), BundleError)])
async def test_an_ending_that_fails_leaves_the_part_alone(
    ending: Lines, kind: type[AuditLogError], tmp_path: Path
) -> None:
    with pytest.raises(kind):
        await done(job(tmp_path / "a", form="csv", ending=ending), FakeApi(log()))
    assert names(tmp_path) == ["a.part", "a.part.state"]
    assert (await done(job(tmp_path / "a", form="csv"), FakeApi(log()))).complete


async def test_being_stopped_while_the_file_is_written_stops_that_and_leaves_the_part(tmp_path: Path) -> None:
    begun, loop = asyncio.Event(), asyncio.get_running_loop()

    class Endless(Lines):
        def write(self, entries: Path, notes: list[Annotation], statement: Statement, out: BinaryIO) -> None:
            loop.call_soon_threadsafe(begun.set)
            while True:
                out.write(b"more\n" * 1_000)
                if (tmp_path / "a.part.new").stat().st_size > 1 << 20:
                    out.seek(0)

    task = asyncio.create_task(done(job(tmp_path / "a", form="csv", ending=Endless("csv")), FakeApi(log())))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert names(tmp_path) == ["a.part", "a.part.state"]


async def test_progress_tells_how_far_it_is(tmp_path: Path) -> None:
    told: list[str] = []
    over = Log(FakeApi(log(), page_size=10), EntryStore(), 1)
    running = Export(job(tmp_path / "a"), over, lambda: told.append(running.describe()))
    await running.matching()
    assert {"0", "30 of 60", "60 of 60"} <= set(told)
    assert told[-1] == f"writing {tmp_path / 'a'}"


def test_a_part_without_room_still_goes_as_far_as_it_did(tmp_path: Path) -> None:
    given = job(tmp_path / "a")
    with Part(tmp_path / "a") as part:
        part.begin(given.plan)
        part.append(b"one\n", part.at)
        part._file.close()
        with pytest.raises(ValueError, match="closed"):
            part.append(b"two\n", part.at)
        assert part.at.size == 4


# -- the log and the marks that a part is of -----------------------------------------------------------------------


def over_file(given: Job, api: FakeApi, marks: Marks, content: str, reason: str = "") -> Export:
    over = Log(api, EntryStore(), 1, Origin("a.zip", 0, stated=True, reason=reason, content=content))
    over.marks = lambda: marks
    return Export(given, over)


@pytest.mark.parametrize("text", ["marked:yes", "-marked:yes", ""])
@pytest.mark.parametrize("content", ["", "def"])
async def test_a_part_of_a_file_never_goes_on_over_an_api_or_another_file(
    text: str, content: str, tmp_path: Path
) -> None:
    given, marks = job(tmp_path / "a", text), marked(1, 2, 3)
    outcome = await over_file(given, Halting(log()), marks, "abc", "line 4 can't be read").matching()
    assert outcome.written is None
    before = outcome.part.read_bytes()
    assert earlier_in(tmp_path, given.endpoint, content) == []
    assert [each.out.name for each in earlier_in(tmp_path, given.endpoint, "abc")] == ["a"]
    api = Halting(log())
    again = over_file(given, api, marks, content) if content else export_of(given, api, marks)
    with pytest.raises(ExportRefusedError, match="is of another file, or this one was changed"):
        await again.matching()
    assert outcome.part.read_bytes() == before
    assert names(tmp_path) == ["a.part", "a.part.state"]


async def test_an_export_whose_marks_were_changed_since_begins_anew(tmp_path: Path) -> None:
    given = job(tmp_path / "a", "-marked:yes")
    running = export_of(given, api := Halting(log(), 4), marked(1))
    task = asyncio.create_task(running.matching())
    await api.halted.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert running.part.at.lines
    again = export_of(given, Halting(log()), marked(1, 5))
    outcome = await again.matching()
    assert "began anew" in again.told
    assert outcome.resumed == 0
    assert outcome.complete
    assert not {"id-1", "id-5"} & set(ids(tmp_path / "a"))


async def test_marks_set_while_an_export_runs_are_not_in_it(tmp_path: Path) -> None:
    marks = marked(1, 2)
    given = job(tmp_path / "a.jsonl", "marked:yes", context_us=MINUTE_US, notes=marks.annotations)

    class Marking(FakeApi):
        async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
            marks.mark([read(entry(30))])
            return await super().list(params, limit=limit, cursor=cursor)

    outcome = await done(given, Marking(log(), page_size=10), marks)
    assert outcome.complete
    notes = [read_annotation(line) for line in (tmp_path / "a.notes.jsonl").read_text().splitlines()]
    assert [note.key for note in notes if note.marked] == ["id-2", "id-1"]


@pytest.mark.parametrize("context_us", [0, MINUTE_US])
async def test_an_export_of_marked_entries_without_any_writes_no_file(context_us: int, tmp_path: Path) -> None:
    given = job(tmp_path / "a", "marked:yes", context_us=context_us, incomplete=True)
    with pytest.raises(ExportRefusedError, match=r"No entry is marked at https://log\.example"):
        await done(given, FakeApi(log()), marked())
    with pytest.raises(ExportRefusedError, match="No entry is marked at"):
        await done(job(tmp_path / "a", "marked:yes last:7d"), FakeApi(log()), marked())
    with pytest.raises(ExportRefusedError, match="No entry that you marked matches"):
        await done(job(tmp_path / "a", "marked:yes method:PUT"), FakeApi(log()), marked(1))
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "context_us"), [("", 0), ("ua:tool", 0), ("marked:yes", 0), ("marked:yes", MINUTE_US)]
)
async def test_a_timeline_in_markdown_is_oldest_first_unless_the_query_sorts(
    text: str, context_us: int, tmp_path: Path
) -> None:
    marks = marked(1, 9, 5)
    for name, more, newest_first in (("a", "", False), ("b", " sort:-created", True)):
        given = job(tmp_path / name, text + more, "markdown", context_us=context_us, notes=marks.annotations)
        await done(given, FakeApi(log(), page_size=10), marks)
        rows = (tmp_path / name).read_text().splitlines()[2:]
        times = [row.split(" | ")[0] for row in rows]
        assert times == sorted(times, reverse=newest_first)
        assert len(times) > 2
        assert any(row.split(" | ")[1].strip().startswith("-") for row in rows) == newest_first


async def test_loaded_rows_are_a_timeline_oldest_first_too(tmp_path: Path) -> None:
    view = await load(view_of(FakeApi(log(20), page_size=10)))
    outcome = await Export(job(tmp_path / "a", "", "markdown"), view.log).loaded(view)
    times = [row.split(" | ")[0] for row in (tmp_path / "a").read_text().splitlines()[2:]]
    assert outcome.complete
    assert len(times) == 20
    assert times == sorted(times)
