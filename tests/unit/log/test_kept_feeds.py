"""Feeds in a case: what a process that is killed leaves, and what the next one may say of it."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditlog_tui.errors import ServerError, StoreError
from auditlog_tui.log.feed import Anchor, At
from auditlog_tui.log.log import Log
from auditlog_tui.log.view import State, View
from auditlog_tui.query import plan
from auditlog_tui.store.case import Owner, open_case
from auditlog_tui.store.entries import EntryStore
from auditlog_tui.text.times import rfc3339
from tests.effort import THOROUGH
from tests.unit.fake import EVERY_FILTER, START_US, FakeApi, entry, log_of
from tests.unit.faulty import faulty
from tests.unit.tails import GENERATIONS, NOON_US, set_clock
from tests.unit.views import ALL, keys_of, newest_first, query_of

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where syncing takes no time, and a process that is killed leaves the same."""

OWNER = Owner("https://log.example")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "incident.db"


def server(entries: Iterable[object], **more: object) -> FakeApi:
    """A server on which it is half a day after the log began."""
    api = FakeApi(entries, **more)  # type: ignore[arg-type]  # as they come
    set_clock(api, START_US + NOON_US)
    return api


@contextmanager
def case(path: Path, api: FakeApi) -> Iterator[Log]:
    with closing(open_case(path, OWNER)) as file:
        yield Log(api, EntryStore(kept=file))


def returned(log: Log, text: str = "", anchor: Anchor | At = Anchor.NEWEST, ignored: Iterable[str] = ()) -> View:
    """The view as it was left."""
    log.server_support.ignored |= set(ignored)
    query = query_of(text)
    feed = log.kept_feed(plan(query, frozenset(ignored)), anchor)
    assert feed is not None
    return View(log, query, anchor=anchor, feed=feed)


async def loaded(path: Path, api: FakeApi, text: str = "", rows: int = ALL) -> list[str]:
    with case(path, api) as log:
        view = View(log, query_of(text))
        await view.more(rows, everything=rows == ALL)
        if await view.prove():
            await view.more(rows, everything=rows == ALL)
        return keys_of(view)


# -- coming back ---------------------------------------------------------------------------------------------------


@GENERATIONS
@pytest.mark.parametrize("text", ["", "method:GET"])
async def test_all_is_there_before_any_request_and_complete_only_after_the_newest_end_was_asked_for(
    path: Path, ignores: Iterable[str], text: str
) -> None:
    entries = [entry(n, method="GET" if n % 2 else "POST") for n in range(450)]
    api = server(entries, ignores=ignores)
    before = await loaded(path, api, text)
    api.calls.clear()
    with case(path, api) as log:
        view = returned(log, text, ignored={"method"} & set(ignores))
        await view.evaluate()
        assert keys_of(view) == before
        assert not api.calls
        summary = view.summary()
        assert (summary.state, summary.more_above, summary.more_below) == (State.MORE, True, False)
        api.entries += [entry(n, method="GET") for n in range(450, 453)]
        await view.more(0)
        assert keys_of(view) == newest_first(range(450, 453)) + before
        # A server that ignores the order can't be asked whether as many came late as are gone.
        assert view.summary().state is (State.INCOMPLETE if ignores else State.COMPLETE)
        # The newest end, the oldest entry, and whether the filter is honoured, which every process has to find out.
        assert len(api.calls) <= (3 if text and not ignores else 2)


async def test_a_part_goes_on_at_both_ends(path: Path) -> None:
    api = server(log_of(550))
    assert len(await loaded(path, api, rows=250)) == 300
    api.entries.append(entry(550))
    api.calls.clear()
    with case(path, api) as log:
        view = returned(log)
        await view.more(0)
        assert (len(view), view.summary().state, len(api.calls)) == (301, State.MORE, 1)
        await view.more(ALL, everything=True)
        assert keys_of(view) == newest_first(range(551))
        assert view.summary().state is State.COMPLETE
        assert len(api.calls) == 4  # two hundred and fifty more, and the last one again


async def test_more_is_new_than_one_page(path: Path) -> None:
    api = server(log_of(200))
    await loaded(path, api)
    api.entries += log_of(900)[200:]
    with case(path, api) as log:
        view = returned(log)
        await view.more(0)
        assert keys_of(view) == newest_first(range(900))
        assert view.summary().state is State.COMPLETE


async def test_late_entries_and_retention_while_it_was_closed_are_found(path: Path) -> None:
    api = server(log_of(300))
    await loaded(path, api)
    api.entries += [entry(1_000 + n, at=150) for n in range(3)]
    del api.entries[:10]
    with case(path, api) as log:
        view = returned(log)
        await view.more(0)
        summary = view.summary()
        assert {f"id-{1_000 + n}" for n in range(3)} <= set(keys_of(view))
        assert (summary.state, summary.rows, summary.gone, summary.total) == (State.COMPLETE, 303, 10, 293)


async def test_just_as_many_late_as_gone_are_found_too(path: Path) -> None:
    api = server(log_of(300))
    await loaded(path, api)
    api.entries += [entry(1_000 + n, at=150) for n in range(10)]
    del api.entries[:10]
    with case(path, api) as log:
        view = returned(log)
        await view.more(0)
        assert {f"id-{1_000 + n}" for n in range(10)} <= set(keys_of(view))
        assert (view.summary().state, view.summary().gone) == (State.COMPLETE, 10)


@pytest.mark.parametrize(
    ("late", "kept_of_crowd"),
    [(1, 30), (3, 1), (20, 30), (250, 1), *([(1, 1), (3, 30), (20, 1), (250, 30)] if THOROUGH else [])],
)
async def test_late_entries_below_a_crowd_that_retention_cut_in_two_are_found(
    path: Path, late: int, kept_of_crowd: int
) -> None:
    crowd = [entry(100 + n, at=100) for n in range(40)]
    api = server([*log_of(100), *crowd, *(entry(n, at=n) for n in range(140, 600))])
    await loaded(path, api)
    del api.entries[: 140 - kept_of_crowd]
    api.entries[:0] = [entry(1_000 + n, at=99) for n in range(late)]
    api.entries += [entry(n, at=n) for n in range(600, 605)]
    with case(path, api) as log:
        view = returned(log)
        await view.more(0)
        assert {data["id"] for data in api.entries} <= set(keys_of(view))
        assert (view.summary().state, view.summary().gone) == (State.COMPLETE, 140 - kept_of_crowd)


async def test_without_a_count_it_is_never_complete_again(path: Path) -> None:
    api = server(log_of(150))
    api.counts = False
    await loaded(path, api)
    api.entries.append(entry(1_000, at=70))  # late, which nothing tells
    with case(path, api) as log:
        view = returned(log)
        await view.more(ALL, everything=True)
        assert view.summary().state is State.INCOMPLETE
        assert "may be missing" in view.summary().reason
    with case(path, api) as log:  # nor in the next process
        view = returned(log)
        await view.more(ALL, everything=True)
        assert view.summary().state is State.INCOMPLETE


async def test_while_the_server_fails_the_rows_stay_and_nothing_is_said_to_be_complete(path: Path) -> None:
    api = server(log_of(150))
    await loaded(path, api)
    with case(path, api) as log:
        view = returned(log)
        api.fails = ServerError("The server failed.", status=500)
        for _ in range(2):
            await view.more(ALL, everything=True)
            assert view.error is not None
            assert (len(view), view.summary().state) == (150, State.MORE)
        api.fails = None
        await view.more(0)
        assert view.summary().state is State.COMPLETE


async def test_a_canary_that_fails_decides_nothing(path: Path) -> None:
    api = server(log_of(150, method="GET"))
    await loaded(path, api, "method:GET")
    with case(path, api) as log:
        view = returned(log, "method:GET")
        api.trouble[len(api.calls) + 1] = "error"
        await view.more(0)
        assert (view.paused, view.summary().state) == (True, State.MORE)
        await view.more(0)
        assert view.summary().state is State.COMPLETE


@pytest.mark.parametrize(
    ("text", "anchor"),
    [
        ("sort:status", Anchor.NEWEST),
        ("", Anchor.OLDEST),
        ("", At(START_US + 100_000_000)),
        ("method:PUT", Anchor.NEWEST),
    ],
)
async def test_where_the_newest_end_can_not_be_followed_it_is_loaded_anew(
    path: Path, text: str, anchor: Anchor | At
) -> None:
    api = server(log_of(150))
    with case(path, api) as log:
        view = View(log, query_of(text), anchor=anchor)
        for older in (True, False):
            await view.more(ALL, older=older, everything=True)
        before = keys_of(view)
    api.entries += [entry(500, at=50), entry(501, at=500)]
    with case(path, api) as log:
        view = returned(log, text, anchor)
        assert keys_of(view) == before
        api.fails = ServerError("The server failed.", status=500)
        await view.more(0)
        assert keys_of(view) == before  # and only then
        api.fails = None
        for older in (True, False):
            await view.more(ALL, older=older, everything=True)
        assert len(view) == len(before) + (2 if before else 0)
        assert view.summary().state is State.COMPLETE


async def test_feeds_that_nobody_has_any_more_are_swept_with_their_rows(path: Path) -> None:
    api = server(log_of(150))
    await loaded(path, api)
    await loaded(path, api, "method:POST")
    with case(path, api) as log:
        log.forget()  # as `r` does
        await log.store.sweep()
        assert log.store.read("SELECT count(*) FROM place", []) == [(0,)]
        assert log.store.read("SELECT count(*) FROM kept_feed", []) == [(0,)]
        assert log.kept_feed(plan(query_of("")), Anchor.NEWEST) is None


async def test_what_cannot_be_read_of_a_feed_is_loaded_anew(path: Path) -> None:
    api = server(log_of(150))
    await loaded(path, api)
    with case(path, api) as log, log.store.writing():
        log.store.connection.execute("UPDATE kept_feed SET state = '{}'")
    with case(path, api) as log:
        assert log.kept_feed(plan(query_of("")), Anchor.NEWEST) is None


# -- a disk that is full -------------------------------------------------------------------------------------------


async def test_a_feed_that_lost_rows_is_loaded_anew(path: Path) -> None:
    api = server(log_of(250))
    before = await loaded(path, api)
    with case(path, api) as log:
        log.store.connection.execute("DELETE FROM place WHERE position >= 240")
    with case(path, api) as log:
        assert log.kept_feed(plan(query_of("")), Anchor.NEWEST) is None
        view = View(log, query_of(""))
        await view.more(ALL, everything=True)
        assert keys_of(view) == before


@pytest.mark.parametrize("fails", ["writes fail", "inserts fail", "fails at times"])
async def test_a_page_that_cannot_be_saved_is_not_shown_and_comes_once_there_is_room(path: Path, fails: str) -> None:
    api = server(log_of(450))
    with case(path, api) as log:
        view = View(log, query_of(""))
        await view.more(150)
        saved = keys_of(view)
        disk = faulty(log.store, Random(3))
        disk.fails = fails
        await view.more(ALL, everything=True)
        assert isinstance(view.error, StoreError)
        disk.fails = "works"
        assert keys_of(view)[: len(saved)] == saved
        await view.more(ALL, everything=True)
        assert keys_of(view) == newest_first(range(450))
        assert view.summary().state is State.COMPLETE


async def test_a_failure_between_the_rows_and_the_state_undoes_both(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = server(log_of(450))
    with case(path, api) as log:
        view = View(log, query_of(""))
        await view.more(150)
        before, state = keys_of(view), view.feed.keeping.state()
        with monkeypatch.context() as patched:
            patched.setattr(view.feed, "_keep", _full)
            await view.more(100)
        assert isinstance(view.error, StoreError)
        assert (keys_of(view), view.feed.keeping.state()) == (before, state)
        assert log.store.read("SELECT count(*) FROM entry", []) == [(len(before),)]
        await view.more(ALL, everything=True)
        assert keys_of(view) == newest_first(range(450))


def _full(feed: object) -> None:
    raise StoreError("full")


# -- kill -9 -------------------------------------------------------------------------------------------------------


class Killing:
    """Copies a case's files before each transaction, as they would be left by a kill there."""

    def __init__(self, log: Log, path: Path, folder: Path) -> None:
        self.left: list[tuple[Path, list[str]]] = []
        self.shown: Callable[[], list[str]] = list
        self._path, self._folder = path, folder
        self._store, self._writing = log.store, log.store.writing
        log.store.writing = self._note  # type: ignore[method-assign]  # watched

    @contextmanager
    def _note(self) -> Iterator[None]:
        if self._store._unit is None:  # within one, nothing is drawn
            self.copy()
        with self._writing():
            yield

    def copy(self) -> None:
        to = self._folder / str(len(self.left))
        to.mkdir()
        for each in self._path.parent.glob(f"{self._path.name}*"):
            if each.suffix != ".db-shm":
                shutil.copy(each, to / each.name)
        self.left.append((to / self._path.name, self.shown()))


happenings = st.lists(st.sampled_from(["grow", "late", "forget", "nothing"]), max_size=8)


def happen(api: FakeApi, what: str, dice: Random) -> None:
    number = 10_000 + len(api.entries) + dice.randrange(10**6)
    times = [each["created_at"] for each in api.entries]
    if what == "grow":
        api.entries.append(entry(number, created_at=rfc3339(_us(max(times, default=rfc3339(START_US))) + 1_000_000)))
    elif what == "late" and times:
        api.entries.append(entry(number, created_at=dice.choice(times)))
    elif what == "forget" and api.entries:
        api.entries.remove(min(api.entries, key=lambda each: each["created_at"]))


def _us(text: str) -> int:
    from auditlog_tui.text.times import instant_us

    return instant_us(text) or 0


@example(
    count=28, page_size=10, rows=30, generation=EVERY_FILTER, text="", during=[],
    meanwhile=["forget", "forget", "late"],
    seed=0,
)  # fmt: skip
@given(
    count=st.integers(0, 60),
    page_size=st.sampled_from([10, 15, 100]),
    rows=st.sampled_from([10, 30, ALL]),
    generation=st.sampled_from([frozenset[str](), EVERY_FILTER]),
    text=st.sampled_from(["", "method:GET", "status:>=400"]),
    during=happenings,
    meanwhile=happenings,
    seed=st.integers(0, 1 << 16),
)
def test_a_kill_between_any_two_transactions_leaves_what_was_shown_and_no_verdict_that_lies(
    count: int,
    page_size: int,
    rows: int,
    generation: frozenset[str],
    text: str,
    during: list[str],
    meanwhile: list[str],
    seed: int,
) -> None:
    dice = Random(seed)
    entries = [
        entry(n, at=n // 3, method=dice.choice(["GET", "PUT"]), status_code=dice.choice([200, 404]))
        for n in range(count)
    ]
    api = server(entries, ignores=generation, page_size=page_size)

    async def first(path: Path, folder: Path) -> Killing:
        with case(path, api) as log:
            view = View(log, query_of(text))
            killing = Killing(log, path, folder)
            killing.shown = lambda: keys_of(view)
            await view.more(rows, everything=rows == ALL)
            if await view.prove():
                await view.more(rows, everything=rows == ALL)
            for what in during:
                happen(api, what, dice)
            if view.complete:
                from auditlog_tui.log.live import LiveTail

                tail = LiveTail(view)
                await tail.poll()
                await tail.mend()
            killing.copy()
            return killing

    async def second(path: Path, shown: list[str]) -> None:
        with case(path, api) as log:
            if generation:
                log.server_support.ignored |= EVERY_FILTER - {"sort", "created_at_min", "created_at_max"}
            query = query_of(text)
            planned = plan(query, frozenset(log.server_support.ignored))
            feed = log.kept_feed(planned, Anchor.NEWEST)
            if feed is None:
                assert not shown or generation  # of this generation, the first pages may be of another request
                return
            view = View(log, query, feed=feed)
            await view.evaluate()
            assert len(set(keys_of(view))) == len(view)
            assert set(shown) <= set(keys_of(view))
            assert view.summary().state is not State.COMPLETE
            for _ in range(3):
                await view.more(ALL, everything=True)
            if view.summary().state is State.COMPLETE:
                there = {each["id"] for each in api.entries if _matches(each, text)}
                assert there <= set(keys_of(view))

    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        folder = Path(name)
        (folder / "case").mkdir()
        killing = asyncio.run(first(folder / "case" / "incident.db", folder))
        for what in meanwhile:
            happen(api, what, dice)
        for path, shown in [killing.left[-1], *dice.sample(killing.left, min(2, len(killing.left)))]:
            asyncio.run(second(_fresh(path), shown))


def _fresh(path: Path) -> Path:
    """A copy of what a kill left, as it is changed by being opened."""
    folder = Path(tempfile.mkdtemp(dir=path.parent))
    for each in path.parent.glob("incident.db*"):
        shutil.copy(each, folder / each.name)
    return folder / path.name


def _matches(data: Mapping[str, object], text: str) -> bool:
    match text:
        case "method:GET":
            return data["method"] == "GET"
        case "status:>=400":
            return int(str(data["status_code"])) >= 400
        case _:
            return True
