"""Queries over a saved log give what they mean, whatever its entries are like: nothing is lost, nothing is added."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditlog_tui.demo import demo_log
from auditlog_tui.entries.models import Entry, read_entry
from auditlog_tui.errors import SettingsError, StoppedError
from auditlog_tui.evidence.saved_index import SavedIndex
from auditlog_tui.evidence.saved_log import SavedLogReader
from auditlog_tui.log.log import Log
from auditlog_tui.log.view import State, View
from auditlog_tui.offline.source import ARRIVAL, Filter, Order
from auditlog_tui.query import Query, freeze, parse
from auditlog_tui.session.opening import Session
from auditlog_tui.settings.options import Settings
from tests.opened import lasting
from tests.unit.evidence.saved import LINES, line
from tests.unit.evidence.test_saved_log import NEWEST, a_bundle
from tests.unit.offline.test_generations import NOW, NOW_US, QUERIES
from tests.unit.query.evaluate import matches
from tests.unit.views import ALL

ODD = [
    line(1, status_code="abc"),
    line(2, action=5),
    line(3, actor=7),
    line(4, id=None),
    line(5, client_ip=None),
    line(6, target="vm"),
    line(7, path=["/v1"]),
    line(8, method="GE\ud800"),
    line(9).replace('"id-9"', '"id-9","id":"id-10"'),
    line(11).replace("curl", "cu\x07rl"),
    line(12, status_code=403, created_at="2026-07-01T11:59:00Z"),
    line(12, status_code=404, created_at="2026-07-01T11:59:00Z"),
    line(13, created_at="yesterday"),
    line(14, created_at=None, status_code=500),
]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with lasting(), closing(demo_log(entries=300, until=NOW)) as source:
        lines = [found.text for found in source.find(Filter(), NEWEST, None, 1_000).entries]
    path = tmp_path_factory.mktemp("saved") / "log.jsonl"
    path.write_text("\n".join([*lines[:200], *ODD, *lines[200:]]))
    return path


def texts_of(file: Path) -> list[str]:
    return file.read_text().split("\n")


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Log]:
    session = Session(Settings(saved=str(path)))
    try:
        session.prepare()
        yield session.open_log(lambda wait: None)
    finally:
        await session.close()


async def everything(log: Log, query: Query) -> View:
    view = View(log, query)
    await view.more(ALL, lambda: None, everything=True)
    if await view.prove():
        await view.more(ALL, lambda: None, everything=True)
    assert view.error is None
    return view


def shown(view: View) -> list[Entry]:
    """Every version of the entries of a view that it shows."""
    return [view.log.store.entry(row.n) for row in view.window(0, len(view))]


def limits_time(text: str) -> bool:
    return "created:" in text.replace("-created:", "").replace("sort:created", "") or "last:" in text


async def test_every_query_gives_what_it_means(file: Path) -> None:
    entries = [read_entry(text) for text in texts_of(file)]
    async with opened(file) as log:
        for text in ("", *QUERIES, "status:500", "status:<=100", "action:vm.read", "path:/v1", "target:none"):
            query = freeze(parse(text), NOW_US, UTC)
            meant = {each.key for each in entries if matches(query, each)}
            if limits_time(text):  # an entry without a time is in no range of time
                meant -= {each.key for each in entries if each.created_us is None}
            view = await everything(log, query)
            assert {each.key for each in shown(view)} == meant, text
            assert len(view) == len(meant), text
            assert view.summary().state is State.ALL_IN_FILE, (text, view.summary().reason)
        assert log.server_support.ignored == set()


async def test_the_whole_file_comes_in_its_order_with_its_texts(file: Path) -> None:
    texts = texts_of(file)
    async with opened(file) as log:
        view = await everything(log, Query())
        rows = shown(view)
        others = [raw for row in view.window(0, len(view)) for raw in log.store.versions(row.n)]
        assert sorted([*(row.raw for row in rows), *others]) == sorted(texts)
        times = [row.created_us for row in rows if row.created_us is not None]
        assert times == sorted(times, reverse=True)
        assert [row.created_us for row in rows[-2:]] == [None, None]


@pytest.mark.parametrize("future", ["", "9999-01-01T00:00:00Z"])
async def test_now_is_the_newest_entrys_time_but_never_in_the_future(future: str, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join([*([line(9, created_at=future)] if future else []), *LINES]))
    async with opened(path) as log:
        if not future:
            assert log.now_us() == read_entry(LINES[0]).created_us
        else:
            assert log.now_us() <= datetime.now(UTC).timestamp() * 1_000_000
        assert log.knows_now
        before = log.now_us()
        await everything(log, Query())
        assert log.now_us() == before


async def test_a_bundles_now_is_its_as_of_and_its_verdict_that_of_its_statement(tmp_path: Path) -> None:
    async with opened(a_bundle(tmp_path / "b.zip")) as log:
        assert log.now_us() == 1_782_909_000_000_000
        summary = (await everything(log, Query())).summary()
        assert (summary.state, summary.reason, summary.final) == (State.COMPLETE, "", False)
        assert log.origin is not None
        assert log.origin.lacks.endswith("only the entries of status:200 created:>=2026-07-01T11:30:00Z")
    async with opened(a_bundle(tmp_path / "b.zip", "INCOMPLETE", "the server broke off")) as log:
        summary = (await everything(log, parse("status:500"))).summary()
        assert (summary.state, summary.reason, summary.final) == (State.INCOMPLETE, "the server broke off", True)


async def test_marks_of_a_file_read_in_part_are_kept_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(SavedLogReader, "_take", lambda reader, chunk: reader.stop())
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(LINES))
    session = Session(Settings(saved=str(path)))
    try:
        session.prepare()
        session.marks().mark([read_entry(LINES[0])])
        assert session.open(lambda wait: None).unkept.startswith("of a file that was not read to its end")
    finally:
        await session.close()
    assert not list((tmp_path / "state").rglob("marks*"))


async def test_a_session_closed_while_it_reads_ends_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(LINES))
    for patched in ("_take", "_finish"):
        session = Session(Settings(saved=str(path)))
        own = getattr(SavedLogReader, patched)

        def leaving(reader: SavedLogReader, *given: object, own: object = own) -> None:
            reader.leave()
            assert callable(own)
            own(reader, *given)

        with monkeypatch.context() as patch:
            patch.setattr(SavedLogReader, patched, leaving)
            with pytest.raises(StoppedError):
                session.prepare()
        await session.close()


async def test_a_file_that_is_gone_is_an_error_of_the_settings(tmp_path: Path) -> None:
    session = Session(Settings(saved=str(tmp_path / "none")))
    with pytest.raises(SettingsError, match="No such file"):
        session.prepare()
    await session.close()


def test_a_page_after_an_unreadable_status_keeps_to_the_bounds() -> None:
    statuses = ("x", "y", 100, None, 404)
    order: Order = (("status_code", False), ("created_at", False), (ARRIVAL, False))
    where = Filter(bounds=(("status_code", 400, None),))
    with closing(SavedIndex()) as index:
        index.add([read_entry(line(n, status_code=status)) for n, status in enumerate(statuses)])
        index.finish()
        whole = index.find(where, order, None, 11)
        assert (len(whole.entries), whole.total) == (3, 3)
        assert index.find(where, order, whole.entries[0].place, 11).entries == whole.entries[1:]


def test_a_filter_that_is_not_ascii_meets_entries_without_a_path() -> None:
    with closing(SavedIndex()) as index:
        index.add([read_entry(line(1, path=None)), read_entry(line(2, path="/STRASSE")), read_entry(line(3, path=7))])
        index.finish()
        found = index.find(Filter(path="straße"), NEWEST, None, 11)
        assert [read_entry(entry.text).key for entry in found.entries] == ["id-3", "id-2"]
