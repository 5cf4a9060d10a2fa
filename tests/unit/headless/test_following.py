"""`follow` over a log that grows, is late, repeats itself and fails."""

import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from auditlog_tui.errors import (
    ApiError,
    BadRequestError,
    KeyRefusedError,
    NotPermittedError,
    QueryError,
    RateLimitedError,
    ServerError,
    UnreachableError,
)
from auditlog_tui.evidence.formats import TableStyle, Writer
from auditlog_tui.headless import following as module
from auditlog_tui.headless.following import Extent, Following, check_followable
from auditlog_tui.headless.listing import Printer
from auditlog_tui.headless.streams import Out, Progress
from auditlog_tui.log import insertion, view
from auditlog_tui.log.log import Log
from auditlog_tui.log.polling import POLL_S, SLOWEST_S, slower
from auditlog_tui.query.seen_values import Unseen
from auditlog_tui.store.entries import EntryStore
from auditlog_tui.text.glyphs import UNICODE
from tests.effort import LONG_EXAMPLES
from tests.unit.fake import EVERY_FILTER, START_US, FakeApi, Json, entry, log_of, read
from tests.unit.tails import GENERATIONS, set_clock
from tests.unit.views import query_of

STYLE = TableStyle(None, "utc", UTC, START_US, UNICODE)
SECOND = 1_000_000
SPAN_S = 7_200
"""The log begins so many seconds before following does."""

Step = Callable[["Run"], object]


class OverError(Exception):
    """The test's schedule has ended."""


class ClockLog(Log):
    """A log whose clock is set by the test."""

    us = START_US + SPAN_S * SECOND

    def now_us(self) -> int:
        return self.us


@dataclass
class Run:
    """`follow` on a schedule: before each poll, one step happens to the log, `POLL_S` after the one before."""

    api: FakeApi
    text: str = ""
    form: str = "jsonl"
    extent: Extent = field(default_factory=lambda: Extent(last=0))
    told: list[str] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    after: list[int] = field(default_factory=list)
    """The number of lines written when each step began."""
    missing: str = ""

    def __post_init__(self) -> None:
        self._sink = BytesIO()
        self._steps: list[Step] = []
        self.log = ClockLog(self.api, EntryStore())
        self.log.store.seen = Unseen()
        set_clock(self.api, self.log.us)
        writer = Writer(self.form, STYLE, fixed=True)
        printer = Printer(self.log.store, writer, Out(self._sink, Progress(None)))
        self.following = Following(self.log, query_of(self.text), printer, self.extent, self.told.append, self._sleep)

    async def go(self, *steps: Step) -> "Run":
        self._steps = list(steps)
        self.matched = await self.following.begin()
        self.first = self.lines
        with suppress(OverError):
            self.missing = await self.following.go()
        return self

    async def _sleep(self, seconds: float) -> None:
        self.delays.append(seconds)
        self.log.us += int(seconds * SECOND)
        set_clock(self.api, self.log.us)
        self.after.append(len(self.lines))
        if not self._steps:
            raise OverError
        self._steps.pop(0)(self)

    @property
    def lines(self) -> list[str]:
        return self._sink.getvalue().decode().splitlines()

    @property
    def new(self) -> list[str]:
        return self.lines[len(self.first) :]

    @property
    def ids(self) -> list[str]:
        return [json.loads(line)["id"] for line in self.new]

    def add(self, number: int, *, ago_s: float = 0.5, **fields: Any) -> Json:
        """Write an entry that is dated so many seconds before now."""
        moment = datetime.fromtimestamp(self.log.us / SECOND, UTC) - timedelta(seconds=ago_s)
        data = entry(number, created_at=moment.isoformat().replace("+00:00", "Z"), **fields)
        self.api.entries.append(data)
        return data


def quiet(run: Run) -> None:
    """Nothing happens."""


def adding(*numbers: int, ago_s: float = 0.5, **fields: Any) -> Step:
    """Entries come in this order, a millisecond apart."""
    return lambda run: [run.add(number, ago_s=ago_s - n / 1_000, **fields) for n, number in enumerate(numbers)]


def failing(error: ApiError | None) -> Step:
    def step(run: Run) -> None:
        run.api.fails = error

    return step


def log_before(count: int = 240) -> list[Json]:
    """A log that ends when following begins."""
    return [entry(n, at=SPAN_S * n // count, method="DELETE" if n % 3 == 0 else "GET") for n in range(count)]


# -- what is written -----------------------------------------------------------------------------------------------


@GENERATIONS
@pytest.mark.parametrize("last", [0, 3, 10, 150])
async def test_the_last_entries_come_first_oldest_first(ignores: Sequence[str], last: int) -> None:
    run = await Run(FakeApi(log_before(), ignores=ignores), "method:DELETE", extent=Extent(last)).go(quiet)
    assert [json.loads(line)["id"] for line in run.first] == [f"id-{n}" for n in range(0, 240, 3)][-last or 240 :]
    assert run.new == []


async def test_the_last_entries_of_a_short_log_are_all() -> None:
    run = await Run(FakeApi(log_before(4)), extent=Extent()).go(adding(1_000))
    assert [json.loads(line)["id"] for line in run.lines] == ["id-0", "id-1", "id-2", "id-3", "id-1000"]


@pytest.fixture
def short_scans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pages a step of a scan."""
    monkeypatch.setattr(view, "SCAN_REQUESTS", 2)


def sparse_log(count: int = 700) -> list[Json]:
    """A log in which one entry of 140 is of a rare agent, the first one included."""
    return [entry(n, at=SPAN_S * n // count, user_agent="rare" if n % 140 == 0 else "usual") for n in range(count)]


@pytest.mark.usefixtures("short_scans")
@pytest.mark.parametrize("last", [2, 5, 10])
async def test_the_last_entries_are_searched_to_the_end_of_the_log(last: int) -> None:
    run = await Run(FakeApi(sparse_log()), "ua:rare", extent=Extent(last)).go(adding(9_000, user_agent="rare"), quiet)
    assert [json.loads(line)["id"] for line in run.first] == [f"id-{n}" for n in range(0, 700, 140)][-last:]
    assert run.ids == ["id-9000"]
    searching = [f"2 of the last {last} found so far: searching older entries"] if last > 2 else []
    assert [told.partition(" before")[0] for told in run.told] == searching


@pytest.mark.usefixtures("short_scans")
async def test_without_last_entries_nothing_is_searched() -> None:
    run = await Run(FakeApi(sparse_log()), "ua:none").go(adding(9_000, user_agent="none"), quiet)
    assert (run.ids, run.told) == (["id-9000"], [])
    assert run.log.store.size < 700


@pytest.mark.usefixtures("short_scans")
async def test_it_is_told_why_fewer_of_the_last_entries_were_found() -> None:
    run = Run(FakeApi(sparse_log()), "ua:rare", extent=Extent(5))
    tell = run.following._tell

    def fail(text: str) -> None:
        tell(text)
        run.api.fails = ServerError("It failed (503).", status=503) if "so far" in text else None

    run.following._tell = fail
    await run.go(adding(9_000, user_agent="rare"), quiet)
    assert [json.loads(line)["id"] for line in run.first] == [f"id-{n}" for n in range(420, 700, 140)]
    assert run.told[1] == "Only 2 of the last 5 found, older ones are missing: It failed (503)."
    assert run.ids == ["id-9000"]


@pytest.mark.usefixtures("short_scans")
async def test_a_deadline_ends_the_search_and_one_poll_follows() -> None:
    run = Run(FakeApi(sparse_log()), "ua:rare", extent=Extent(5, until_us=ClockLog.us + 12 * SECOND))
    tell = run.following._tell

    def expire(text: str) -> None:
        tell(text)
        if "so far" in text:
            run.log.us += 12 * SECOND
            run.add(9_000, user_agent="rare")

    run.following._tell = expire
    await run.go(quiet)
    assert run.told[1] == f"Only {len(run.first)} of the last 5 found, older ones are missing: the deadline came."
    assert (run.ids, run.delays, run.missing) == (["id-9000"], [0.0], "")


@GENERATIONS
@pytest.mark.parametrize("text", ["", "method:DELETE", "-method:GET", "ua:tool", "method:PATCH"])
@pytest.mark.parametrize("before", [0, 240])
async def test_new_entries_are_written_as_they_come(text: str, before: int, ignores: Sequence[str]) -> None:
    wanted: dict[str, Any] = {"method": "DELETE", "user_agent": "a tool"}
    wanted = {"": {}, "method:PATCH": {"method": "PATCH"}}.get(text, wanted)
    run = await Run(FakeApi(log_before(before), ignores=ignores), text).go(
        quiet,
        adding(1_001, 1_002, **wanted),
        adding(1_003, **wanted),
        quiet,
        adding(1_004, ago_s=900, **wanted),
        quiet,
    )
    assert run.ids == ["id-1001", "id-1002", "id-1003", "id-1004"]
    assert [after - run.after[0] for after in run.after] == [0, 0, 2, 3, 3, 4, 4]
    assert run.following.written == 4
    assert run.told == []


async def test_what_does_not_match_is_not_written() -> None:
    for ignores in ((), EVERY_FILTER):
        run = await Run(FakeApi(log_before(), ignores=ignores), "method:DELETE ua:tool").go(
            adding(1_001, method="GET", user_agent="tool"), adding(1_002, method="DELETE"), quiet
        )
        assert (run.new, run.following.written) == ([], 0)


@GENERATIONS
async def test_a_crowd_in_one_instant_is_written_whole(ignores: Sequence[str]) -> None:
    run = await Run(FakeApi(log_before(), ignores=ignores)).go(
        lambda run: [run.add(number) for number in range(1_000, 1_350)], quiet
    )
    assert sorted(run.ids) == [f"id-{n}" for n in range(1_000, 1_350)]


@GENERATIONS
async def test_every_text_under_an_id_is_written_once(ignores: Sequence[str]) -> None:
    steps = adding(1_001, path="/a"), adding(1_001, path="/b"), adding(5, path="/c"), quiet
    run = await Run(FakeApi(log_before(), ignores=ignores)).go(*steps)
    assert [(json.loads(line)["id"], json.loads(line)["path"]) for line in run.new] == [
        ("id-1001", "/a"), ("id-1001", "/b"), ("id-5", "/c"),
    ]  # fmt: skip
    assert run.told == []
    rows = await Run(FakeApi(log_before(), ignores=ignores), form="ids").go(*steps)
    assert rows.new == ["id-1001", "id-5"]


async def test_the_text_before_the_one_that_matches_is_written_with_it() -> None:
    run = await Run(FakeApi(log_before()), "ua:second").go(
        adding(1_001, user_agent="first"), adding(1_001, user_agent="second"), quiet
    )
    assert sorted(json.loads(line)["user_agent"] for line in run.new) == ["first", "second"]


@pytest.mark.parametrize("text", ["", "ua:tool"])
async def test_a_late_entry_too_deep_to_be_inserted_is_written(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insertion, "MAX_MOVED_ROWS", 5)
    run = await Run(FakeApi(log_before()), text).go(
        adding(1_001, ago_s=900, user_agent="tool"), adding(1_002, ago_s=901), quiet
    )
    assert run.ids == ["id-1001", "id-1002"][: 1 if text else 2]


# -- the property --------------------------------------------------------------------------------------------------


ERRORS = (
    ServerError("503", status=503), UnreachableError("no route"), BadRequestError("cursor", status=400),
    RateLimitedError("429", status=429),
)  # fmt: skip

arrivals = st.tuples(
    st.sampled_from(["new", "late"] * 3 + ["again", "again", "crowd"]), st.booleans(), st.integers(1, 2_400)
)
"""Its kind, whether it matches, and how many seconds late a late one is."""

happenings = st.lists(
    st.tuples(
        st.lists(arrivals, max_size=3),
        st.sampled_from([None, None, None, "down", "call"]),
        st.sampled_from(ERRORS),
        st.integers(1, 4),
    ),
    max_size=4,
)
"""Per poll: what arrives, and how it fails: altogether, or in one of its first calls."""


def happening(
    what: tuple[list[tuple[str, bool, int]], str | None, ApiError, int], wanted: list[tuple[int, Json]], at: int
) -> Step:
    def step(run: Run) -> None:
        arriving, fault, error, call = what
        for kind, matches, late_s in arriving:
            matches = matches or kind == "again"  # else its text is written with another one that matches
            fields = {"method": "DELETE", "user_agent": "tool"} if matches else {"method": "GET"}
            number = 10_000 + len(run.api.entries)
            if kind == "again":
                number = 5
                fields["path"] = f"/again-{len(run.api.entries)}"
            for n in range(103 if kind == "crowd" else 1):
                data = run.add(number + n, ago_s=late_s if kind == "late" else 0.5, **fields)
                if matches:
                    wanted.append((at, data))
        run.api.fails = error if fault == "down" else None
        run.api.trouble = {len(run.api.calls) + call: "error"} if fault == "call" else {}

    return step


def healed(run: Run) -> None:
    run.api.fails, run.api.trouble = None, {}


@pytest.mark.parametrize(
    ("text", "ignores"),
    [("", ()), ("method:DELETE", ()), ("ua:tool", ()), ("method:DELETE", EVERY_FILTER)],
    ids=["everything", "pushed", "evaluated here", "generation-1"],
)
@settings(phases=(Phase.explicit, Phase.generate), max_examples=LONG_EXAMPLES)
@example(
    plan=[
        ([("late", True, 1_115), ("again", True, 1)], None, ERRORS[0], 1),
        ([("again", True, 1), ("crowd", True, 1), ("late", True, 983)], None, ERRORS[0], 1),
    ]
)
@given(plan=happenings)
async def test_every_entry_that_arrives_is_written_exactly_once(
    text: str, ignores: Sequence[str], plan: list[Any]
) -> None:
    if not text:  # everything matches
        plan = [([(kind, True, late_s) for kind, _, late_s in what[0]], *what[1:]) for what in plan]
    kinds = {kind for what in plan for kind, *_ in what[0]}
    late = {at for at, what in enumerate(plan) if any(kind == "late" for kind, *_ in what[0])}
    wanted: list[tuple[int, Json]] = []
    run = Run(FakeApi(log_before(120), ignores=ignores), text)
    await run.go(*(happening(what, wanted, at) for at, what in enumerate(plan)), healed, quiet, quiet, quiet)
    texts = [read(data).raw for _, data in wanted]
    assert len(set(run.new)) == len(run.new)
    if {"again", "late"} <= kinds and run.told:  # ids of several records may hide late ones from the counts
        in_time = [read(data).raw for at, data in wanted if at not in late]
        assert set(in_time) <= set(run.new) <= set(texts)
        return
    assert sorted(run.new) == sorted(texts)
    if not any(fault for _, fault, *_ in plan):
        came = {text: at for (at, _), text in zip(wanted, texts, strict=True)}
        order = [came[line] for line in run.new]
        assert order == sorted(order)
        assert not run.told or "again" in kinds  # several records under one id may look like late ones


# -- faults --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_a_fault_is_told_once_and_outlived(error: ApiError) -> None:
    run = await Run(FakeApi(log_before())).go(
        adding(1_001), failing(error), adding(1_002), quiet, failing(None), adding(1_003), quiet
    )
    assert run.ids == ["id-1001", "id-1002", "id-1003"]
    lost, again = run.told
    assert lost == f"2027-01-15T10:00:10Z No answer: {error} Trying again at 10:00:20 UTC, until one comes."
    assert "Connected again after 1 min" in again
    assert "missing" not in again
    assert run.delays == [POLL_S, POLL_S, 10, 20, 40, POLL_S, POLL_S, POLL_S]


async def test_the_progress_line_tells_when_it_tries_again() -> None:
    shown: list[str] = []
    look: Step = lambda run: shown.append(run.following.describe())  # noqa: E731
    await Run(FakeApi(log_before())).go(failing(ServerError("503", status=503)), look, look)
    assert [text.partition("Z · ")[2] for text in shown] == ["again at 10:00:15 UTC", "again at 10:00:35 UTC"]


async def test_a_gap_in_which_late_entries_can_not_be_told_is_named() -> None:
    api = FakeApi(log_before())
    api.counts = False
    run = await Run(api).go(quiet, failing(ServerError("503", status=503)), failing(None), quiet)
    (_, again) = run.told
    assert "From 2027-01-15T10:00:05Z to 2027-01-15T10:00:20Z late entries may be missing" in again


async def test_entries_that_the_server_counts_and_does_not_send_are_told_of() -> None:
    class Hiding(FakeApi):
        """Counts an entry that it lists nowhere."""

        hidden = 0

        async def list(self, params: Any, *, limit: int, cursor: str | None = None) -> Any:
            page = await super().list(params, limit=limit, cursor=cursor)
            return type(page)(
                page.entries, page.next_cursor, page.previous_cursor, (page.total_count or 0) + self.hidden,
                page.served_at, page.unclear,
            )  # fmt: skip

    api = Hiding(log_before(50))

    def hide(run: Run) -> None:
        api.hidden = 1

    run = await Run(api).go(quiet, hide, quiet, quiet)
    (told,) = run.told
    assert "From the log's beginning to" in told
    assert "entries may be missing: the server counts 1 more" in told


async def test_an_entry_from_before_what_is_loaded_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LATE_US", 600 * SECOND)
    run = await Run(FakeApi(log_before())).go(adding(1_001, ago_s=7_000), adding(1_002), quiet)
    assert run.ids == ["id-1002"]
    (told,) = run.told
    assert "1 entry may be missing: late ones, likely dated before 2027-01-15T" in told


@pytest.mark.parametrize("error", [KeyRefusedError("401", status=401), NotPermittedError("403", status=403)])
async def test_a_key_that_is_refused_ends_it(error: ApiError) -> None:
    run = Run(FakeApi(log_before()))
    with pytest.raises(type(error)):
        await run.go(adding(1_001), failing(error))
    assert run.ids == ["id-1001"]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_a_fault_at_the_start_ends_it(error: ApiError) -> None:
    api = FakeApi(log_before())
    api.fails = error
    with pytest.raises(type(error)):
        await Run(api).go()


def test_a_server_is_not_asked_before_the_time_that_it_names() -> None:
    asked = RateLimitedError("429", status=429, retry_at=datetime.now(UTC) + timedelta(seconds=300))
    assert 295 < slower(POLL_S, asked) <= 300
    assert slower(POLL_S, RateLimitedError("429", status=429)) == 2 * POLL_S
    past = RateLimitedError("429", status=429, retry_at=datetime.now(UTC) - timedelta(seconds=300))
    assert slower(50, past) == SLOWEST_S


# -- the end -------------------------------------------------------------------------------------------------------


async def test_a_limit_counts_new_entries() -> None:
    run = await Run(FakeApi(log_before()), extent=Extent(limit=3)).go(
        adding(1_001), adding(1_002, 1_003, 1_004), quiet
    )
    assert len(run.first) == 10
    assert (run.ids, run.missing) == (["id-1001", "id-1002", "id-1003"], "")
    assert len(run.delays) == 2


async def test_a_deadline_has_a_last_poll() -> None:
    until_us = ClockLog.us + 12 * SECOND
    run = await Run(FakeApi(log_before()), extent=Extent(0, until_us=until_us)).go(
        *[adding(n) for n in range(900, 999)]
    )
    assert (run.ids, run.missing) == (["id-900", "id-901", "id-902"], "")
    assert run.delays == [5, 5, 2]


async def test_a_deadline_without_an_answer_is_incomplete() -> None:
    until_us = ClockLog.us + 12 * SECOND
    run = await Run(FakeApi(log_before()), extent=Extent(0, until_us=until_us)).go(
        adding(1_001), failing(ServerError("503", status=503)), quiet
    )
    assert run.missing == "Incomplete: no answer since 2027-01-15T10:00:05Z. What came later is missing."


# -- the table -----------------------------------------------------------------------------------------------------


async def test_a_table_has_its_header_first_and_keeps_its_columns() -> None:
    uuid = "25b7ccb2-7c05-4c54-9c5c-3b6f1c1a9f10"
    nameless = {"type": "api_key", "id": uuid}
    run = await Run(FakeApi(log_before(0)), form="table").go(
        adding(1_001),
        adding(1_002, action="a-very-long-action.of-many-more-words.deleted", path="/v1/" + "long/" * 20 + "end"),
        adding(1_003, actor=nameless, target={"type": "vm", "id": uuid}),
        quiet,
    )
    header, *_ = run.first
    assert header.startswith("TIME")
    for line in run.new:
        for title in ("ACTION", "ACTOR", "IP", "ST", "METHOD", "PATH", "TARGET", "ID"):
            at = header.index(f" {title}")
            assert line[at] == " " != line[at + 1]
    _, long, other = run.new
    assert re.search(r"  a-very-long-act\S*…\S*words.deleted  Alice ", long)
    assert re.search(r"  api_key 25b7c?…[-0-9a-f]+1a9f10  ", other)
    assert f"vm {uuid}" in other


# -- filters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["sort:status", "method:GET sort:-created", "id:123e4567-e89b-12d3-a456-426614174000"]
)
def test_a_filter_without_a_newest_end_is_refused_at_its_term(text: str) -> None:
    with pytest.raises(QueryError) as caught:
        check_followable(query_of(text))
    assert text[caught.value.start : caught.value.end] in text.split()
    assert caught.value.hint


@pytest.mark.parametrize("form", ["timesketch", "ocsf", "ecs", "markdown"])
async def test_a_new_entry_is_written_in_the_formats_for_other_tools(form: str) -> None:
    run = await Run(FakeApi(log_of(3)), form=form).go(adding(7), quiet)
    assert len(run.new) == 1
    assert "id-7" in run.new[0]
    assert len(run.first) == (2 if form == "markdown" else 0)
