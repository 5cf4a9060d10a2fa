"""A state machine over the navigator that checks every statement of its views, whatever happens to them and their
log.

The server follows the contract over a log that grows, writes late entries, deletes, changes, and has two records with
one id; on request it fails, refuses cursors or caps its counts. The model knows when each record was written and
deleted, so an independent evaluator can tell which entries a view that is COMPLETE must hold.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import time
from bisect import bisect_right
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from auditlog_tui.entries.models import Entry, Page, read_entry
from auditlog_tui.errors import BadRequestError, NotFoundError, ServerError, StoreError
from auditlog_tui.log.feed import Anchor, Feed
from auditlog_tui.log.live import LiveTail
from auditlog_tui.log.log import Log
from auditlog_tui.log.view import State, View
from auditlog_tui.query import FIELDS, Query
from auditlog_tui.session.navigator import Navigator
from auditlog_tui.store import scans, sorting
from auditlog_tui.store.entries import EntryStore, Row
from auditlog_tui.text.times import instant_us, rfc3339
from tests.unit.fake import EVERY_FILTER
from tests.unit.query.evaluate import log_of, matches

START_US = 1_800_000_000_000_000
SERVED_AT = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
LATEST_S = 3_600
"""An entry may be written this many seconds after it happened."""

TEXTS = (
    "",
    "method:GET",
    "status:>=400",
    "status:200 method:PUT",
    "ua:a",
    "-method:GET",
    "status:>=400 ua:b",
    "method:GET ua:a",
    "-status:200 ua:b",
    "sort:created",
    "sort:path",
    "sort:-path ua:a",
    "sort:path method:PUT",
    "sort:-status",
    "sort:status,-created ua:a",
    "sort:ua,-status status:>=400",
    "id:id-3",
    "id:id-3 status:>=400",
    "created:>=2027-01-15T08:00:20Z",
    "created:2027-01-15T08:00:05Z..2027-01-15T08:00:30Z ua:a",
    "created:<=2027-01-15T08:00:40Z method:GET",
    "id:id-1,id-2,id-5",
    "marked:yes",
    "-marked:yes ua:a",
    "marked:yes method:GET",
)
EVERYTHING = 1 << 60


# -- the server ----------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Record:
    """One record; two may have the same id. `born` and `gone` are times of the server's clock."""

    number: int
    entry: Entry
    us: int
    born: int
    gone: int | None = None
    known: dict[object, bool] = field(default_factory=dict)

    def matches(self, query: Any) -> bool:
        found = self.known.get(query)
        if found is None:
            found = self.known[query] = matches(query, self.entry)
        return found

    def through(self, first: int, last: int) -> bool:
        """Whether the record existed throughout the period."""
        return self.born <= first and (self.gone is None or self.gone > last)


Terms = list[list[str]]
Placed = list[tuple[tuple[int, ...], Record]]


class Server:
    """An `AuditLogApi` over records. Its clock, `tick`, counts the requests."""

    def __init__(self, generation: int, page_size: int) -> None:
        self.clock_offset_us: int | None = 0
        self.at_once = math.inf
        self.records: list[Record] = []
        self.now_s = 0
        self.tick = 0
        self.ids = 0
        self.page_size = page_size
        self.ignores = EVERY_FILTER if generation == 1 else frozenset[str]()
        self.failures = 0
        self.epoch = 0
        self.refuses_cursors = False
        self.counts = True
        self.cap = EVERYTHING
        self.coming: list[tuple[int, Callable[[], None]]] = []
        self.grown = self.troubled = self.changed = 0
        self._cache: dict[frozenset[tuple[str, str]], Placed] = {}
        self._cached_at = -1

    # -- changes to the log -------------------------------------------------------------------------------------

    def write(self, at_s: int, method: str, status: int, agent: str, entry_id: str | None = None) -> None:
        self.tick += 1
        number = len(self.records)
        if entry_id is None:
            entry_id, self.ids = f"id-{self.ids}", self.ids + 1
        us = START_US + 1_000_000 * at_s
        data = {
            "id": entry_id, "action": f"n.{number}", "actor": {"id": "actor", "name": "A", "type": "user"},
            "client_ip": "203.0.113.7", "created_at": rfc3339(us), "method": method, "path": f"/{number * 7 % 5}",
            "status_code": status, "user_agent": agent, "target": None,
        }  # fmt: skip
        self.records.append(Record(number, read_entry(json.dumps(data)), us, self.tick))
        self.grown = self.changed = self.tick

    def change(self, records: list[Record]) -> None:
        """Replace a record's texts, as when an actor is renamed."""
        self.tick += 1
        for record in records:
            data = json.loads(record.entry.raw)
            data["actor"]["name"] = f"A {self.tick}"
            record.entry = read_entry(json.dumps(data))

    def forget(self, count: int) -> None:
        """Delete the oldest records (retention)."""
        self.tick += 1
        for record in sorted(self.alive, key=lambda record: (record.us, record.number))[:count]:
            record.gone = self.changed = self.tick

    @property
    def alive(self) -> list[Record]:
        return [record for record in self.records if record.gone is None]

    # -- responses ---------------------------------------------------------------------------------------------

    def _begin(self, cursor: str | None) -> None:
        self.tick += 1
        for _ in range(len(self.coming)):
            left, event = self.coming.pop(0)
            if left <= 1:
                event()
            else:
                self.coming.append((left - 1, event))
        self.tick += 1
        if self.failures:
            self.failures -= 1
            self.troubled = self.tick
            raise ServerError("The server failed.", status=500)
        if cursor is not None and (self.refuses_cursors or json.loads(cursor)[0] != self.epoch):
            self.troubled = self.tick
            raise BadRequestError("cursor expired", status=400)

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        assert 10 <= limit <= 100
        await asyncio.sleep(0)
        self._begin(cursor)
        heeded = {name: value for name, value in params.items() if name not in self.ignores}
        terms = [term.split(":") for term in heeded.get("sort", "created_at:desc").split(",")]
        placed = self._placed(heeded, terms)
        after = json.loads(cursor)[1] if cursor is not None else None
        begin = 0 if after is None else bisect_right(placed, after, key=lambda each: list(each[0]))
        end = begin + min(limit, self.page_size)
        following = json.dumps([self.epoch, placed[end - 1][0]]) if end < len(placed) else None
        total = min(self.cap, len(placed)) if self.counts else None
        served = SERVED_AT + timedelta(seconds=self.tick)
        await asyncio.sleep(0)
        return Page(tuple(record.entry for _, record in placed[begin:end]), following, None, total, served)

    def _placed(self, heeded: dict[str, str], terms: Terms) -> Placed:
        """The records that match the parameters, in order."""
        key = frozenset(heeded.items())
        if self._cached_at != self.changed:
            self._cached_at, self._cache = self.changed, {}
        if key not in self._cache:
            found = [record for record in self.alive if all(_holds(record, *item) for item in heeded.items())]
            self._cache[key] = sorted((_place(record, terms), record) for record in found)
        return self._cache[key]

    async def get(self, entry_id: str) -> Entry:
        await asyncio.sleep(0)
        self._begin(None)
        for record in self.alive:
            if record.entry.key == entry_id:
                return record.entry
        raise NotFoundError("There is no such entry.", status=404)


_bound = lru_cache(maxsize=1_000)(instant_us)


def _place(record: Record, terms: list[list[str]]) -> tuple[int, ...]:
    values = {"created_at": record.us, "status_code": log_of(record.entry).status_code or 0}
    ranks = [values[name] * (1 if way == "asc" else -1) for name, way in terms]
    if "created_at" not in [name for name, _ in terms]:
        ranks.append(-record.us)
    return (*ranks, record.number if ["created_at", "asc"] in terms else -record.number)


def _holds(record: Record, name: str, value: str) -> bool:
    log = log_of(record.entry)
    match name:
        case "sort":
            return True
        case "created_at_min":
            return record.us >= (_bound(value) or 0)
        case "created_at_max":
            return record.us <= (_bound(value) or 0)
        case "status_code_min":
            return (log.status_code or 0) >= int(value)
        case "status_code_max":
            return (log.status_code or 0) <= int(value)
        case "path":
            return value.casefold() in str(log.path).casefold()
        case "actor_id" | "actor_type" | "target_id" | "target_type":
            part = record.entry.actor if name.startswith("actor") else record.entry.target
            return bool(getattr(part, name.partition("_")[2]) == value)
        case _:
            return bool(getattr(log, name) == value)


# -- the machine ---------------------------------------------------------------------------------------------------

texts = st.sampled_from(TEXTS)
dice = st.integers(0, 1 << 16).map(random.Random)
few = st.integers(0, 6)
methods, statuses, agents = st.sampled_from(["GET", "PUT"]), st.sampled_from([200, 404, 500]), st.sampled_from("ab")
events = st.lists(
    st.tuples(st.integers(1, 12), st.sampled_from(["grow", "late", "forget", "twin", "change", "fail", "die"]), dice),
    max_size=4,
)


class Verdicts(RuleBasedStateMachine):
    """Whatever happens, a view that is COMPLETE holds every entry that it must."""

    @initialize(
        generation=st.sampled_from([2, 2, 2, 1]),
        page_size=st.sampled_from([3, 5, 10, 30, 100]),
        count=st.integers(0, 60) | st.integers(0, 400),
        dice=dice,
        spread=st.sampled_from([0, 1, 3, 200]),
        twins=st.sampled_from([0, 0, 0.1, 0.4]),
        cap=st.sampled_from([EVERYTHING, EVERYTHING, EVERYTHING, 30]),
    )
    def begin(
        self, generation: int, page_size: int, count: int, dice: random.Random, spread: int, twins: float, cap: int
    ) -> None:
        self.loop = asyncio.new_event_loop()
        self.server = Server(generation, page_size)
        self.server.cap = cap
        self.crowd = random.Random(dice.randrange(1 << 30))
        self.spread = spread
        for _ in range(count):
            self._happens("twin" if self.crowd.random() < twins else "grow", self.crowd)
        self.store = EntryStore(":memory:")
        self.navigator = Navigator(Log(self.server, self.store), UTC)
        self.began: dict[Feed, int] = {}
        self.tails: dict[View, LiveTail] = {}
        self.raced: set[Feed] = set()
        self.frozen: dict[View, frozenset[str]] = {}
        self.asked: dict[Feed, int] = {}
        self.entries: dict[int, Entry] = {}
        self.patches = ExitStack()
        self.patches.enter_context(patch.object(scans, "SLICE", 7))
        self.patches.enter_context(patch.object(sorting, "SORT_SLICE", 7))
        for name in ("_request", "_fetch_slice"):
            self.patches.enter_context(patch.object(Feed, name, self._noting(getattr(Feed, name))))
        self.navigator.submit("")

    def _noting(self, ask: Callable[..., Coroutine[Any, Any, Page]]) -> Callable[..., Coroutine[Any, Any, Page]]:
        """A feed's method that asks for a page, made to note when it did first and last."""

        async def noted(feed: Feed, *what: Any) -> Page:
            self.began.setdefault(feed, self.server.tick + 1)
            self.asked[feed] = self.server.tick + 1
            try:
                return await ask(feed, *what)
            finally:
                self.asked[feed] = self.server.tick

        return noted

    def teardown(self) -> None:
        if not hasattr(self, "patches"):
            return
        try:
            for place in self.navigator.places:
                self._check(place.view)
            self._settle()
        finally:
            self.patches.close()
            self.store.close()
            self.loop.close()

    def _happens(self, what: str, dice: random.Random) -> None:
        server = self.server
        fields = dice.choice(["GET", "PUT"]), dice.choice([200, 404, 500]), dice.choice("ab")
        match what:
            case "grow":
                server.now_s += dice.randint(0, self.spread)
                server.write(server.now_s, *fields)
            case "late":
                server.write(server.now_s - dice.choice([1, 3, 20, 299, 400, LATEST_S]), *fields)
            case "twin" if server.alive:
                of = dice.choice(server.alive[-20:])
                at_s = (of.us - START_US) // 1_000_000 + dice.choice([0, 0, 1, 5])
                server.write(at_s, *fields, entry_id=of.entry.key)
            case "change":
                server.change(dice.choice([server.alive, server.alive[-10:], server.alive[::7]]))
            case "forget":
                server.forget(dice.randint(1, 1 + len(server.alive) // 3))
            case "fail":
                server.failures += dice.randint(1, 2)
            case "die":
                server.epoch += 1

    def _do(self, work: Coroutine[Any, Any, Any], cancel: int | None = None) -> Any:
        """Run to the end, or cancel after this many turns of the event loop."""

        async def run() -> Any:
            task = asyncio.ensure_future(work)
            if cancel is not None:
                for _ in range(cancel):
                    await asyncio.sleep(0)
                task.cancel()
            await asyncio.wait([task])
            return None if task.cancelled() else task.result()

        return self.loop.run_until_complete(asyncio.wait_for(run(), 60))

    # -- the log -----------------------------------------------------------------------------------------------

    @rule(what=st.sampled_from(["grow", "late", "twin"]), count=st.integers(1, 12), dice=dice)
    def it_is_written_to(self, what: str, count: int, dice: random.Random) -> None:
        for _ in range(count):
            self._happens(what, dice)

    @rule(dice=dice)
    def it_forgets(self, dice: random.Random) -> None:
        self._happens("forget", dice)

    @rule(dice=dice)
    def it_is_changed(self, dice: random.Random) -> None:
        self._happens("change", dice)

    @rule(coming=events)
    def something_is_about_to_happen(self, coming: list[tuple[int, str, random.Random]]) -> None:
        for after, what, dice in coming:
            self.server.coming.append((after, lambda what=what, dice=dice: self._happens(what, dice)))  # type: ignore[misc]  # mypy can't infer such a lambda

    @rule(refuses=st.booleans(), counts=st.sampled_from([True, True, False]))
    def its_ways_change(self, refuses: bool, counts: bool) -> None:
        self.server.refuses_cursors, self.server.counts = refuses, counts
        self.server.troubled = self.server.tick

    # -- the user ----------------------------------------------------------------------------------------------

    @rule(text=texts)
    def filter_by(self, text: str) -> None:
        self.navigator.submit(text)

    @rule(text=texts, cancel=st.none() | st.integers(0, 40))
    def filter_by_and_load_all(self, text: str, cancel: int | None) -> None:
        self.navigator.submit(text)
        self._do(self._load(EVERYTHING, everything=True), cancel)

    @rule(oldest=st.booleans())
    def jump(self, oldest: bool) -> None:
        self.navigator.jump(oldest=oldest)

    @rule(at_s=st.integers(-5, 80))
    def go_to_a_moment(self, at_s: int) -> None:
        self.navigator.at_moment(START_US + 1_000_000 * at_s)

    @rule(number=st.integers(0, 50), half_s=st.sampled_from([1, 5, 60]))
    def look_around(self, number: int, half_s: int) -> None:
        for row in self.navigator.view.window(number, 1):
            self.navigator.around(row, half_s * 1_000_000, 0)

    @rule()
    def park(self) -> None:
        self.navigator.park()

    @rule()
    def back(self) -> None:
        self.navigator.back()

    @rule()
    def forward(self) -> None:
        self.navigator.forward()

    @rule(rows=st.sets(st.integers(0, 20), min_size=1, max_size=3))
    def mark(self, rows: set[int]) -> None:
        found = [row for number in rows for row in self.navigator.view.window(number, 1)]
        if found:
            self.navigator.marks.toggle([self._entry(row) for row in found])

    @rule()
    def show_only_what_is_marked(self) -> None:
        self.navigator.only_marked()
        self._note_frozen()

    @rule()
    def refresh(self) -> None:
        self.navigator.refresh()
        self._note_frozen()

    def _note_frozen(self) -> None:
        """Remember what was marked when a view of just that was opened."""
        if self.navigator.view.fixed:
            self.frozen.setdefault(self.navigator.view, self.navigator.marks.keys)

    @rule(want=st.integers(1, 30), older=st.booleans(), cancel=st.none() | st.integers(0, 30))
    def scroll(self, want: int, older: bool, cancel: int | None) -> None:
        self._do(self._load(want, older=older), cancel)

    @rule(cancel=st.none() | st.none() | st.integers(0, 60))
    def load_all(self, cancel: int | None) -> None:
        self._do(self._load(EVERYTHING, everything=True), cancel)

    @rule(mend=st.booleans(), cancel=st.none() | st.integers(0, 20))
    def follow(self, mend: bool, cancel: int | None) -> None:
        self._do(self._poll(mend), cancel)
        if cancel is None:
            self.raced.discard(self.navigator.view.feed)

    @rule(mend=st.booleans(), want=st.integers(1, 100))
    def follow_while_it_loads(self, mend: bool, want: int) -> None:
        async def both() -> None:
            await asyncio.gather(self._poll(mend), self._load(want, everything=want > 50))

        self.raced.add(self.navigator.view.feed)
        self._do(both())

    async def _load(self, want: int, *, older: bool = True, everything: bool = False) -> None:
        shown = self.navigator.view
        for end in (older, not older) if everything else (older,):
            await shown.more(want, _ignore, older=end, everything=everything)
        if shown.error is None and not shown.paused and await shown.prove():
            await shown.more(want, _ignore, older=older, everything=everything)

    async def _poll(self, mend: bool) -> None:
        followed = self.tails.setdefault(self.navigator.view, LiveTail(self.navigator.view))
        feed, now = self.navigator.view.feed, self.server.tick + 1
        try:
            if followed.possible:
                self.began.setdefault(feed, now)  # following an unfinished walk completes it
                self.asked.setdefault(feed, now)
                await followed.poll()
                if mend:
                    await followed.mend()
        except (ServerError, BadRequestError):
            pass

    # -- invariants --------------------------------------------------------------------------------------------

    @invariant()
    def it_does_not_lie(self) -> None:
        if hasattr(self, "navigator"):
            self._check(self.navigator.view)

    def _entry(self, row: Row) -> Entry:
        found = self.entries.get(row.n)
        if found is None:
            found = self.entries[row.n] = self.store.entry(row.n)
        return found

    def _check(self, shown: View) -> None:
        rows = shown.window(0, len(shown))
        keys = [row.key for row in rows]
        said = f"{shown.query.terms} {shown.summary()}"
        assert not isinstance(shown.error, StoreError), f"{shown.error} {said}"
        assert len(keys) == len(set(keys)) == len(shown), f"an entry is shown twice: {said}"
        for row in rows:
            entry = self._entry(row)
            log = log_of(entry)
            assert (row.status_code, row.user_agent) == (log.status_code, log.user_agent)
            # Until the first page arrives the server's support is unknown, and it stays so for a view that was left.
            unread = any(name in self.server.ignores for name in shown.feed.plan.params)
            held = unread or shown.marks_changed or self._matches(shown, entry)
            assert held, f"{entry.raw} does not match: {said}"
        if shown.summary().state is State.COMPLETE:
            missing = self._required(shown) - set(keys)
            assert not missing, f"COMPLETE without {sorted(missing)}: {said}"
            assert _in_order(shown, rows), f"not in the order asked for: {said}"

        self._check_gone(shown)
        if shown.feed.short and shown.feed not in self.raced:  # otherwise the next poll compares again
            self._check_short(shown)

    def _check_gone(self, shown: View) -> None:
        """The view reports no more entries gone than the server really deleted."""
        held = {row.key for row in self.store.window(shown.feed.run, 0, len(shown.feed.run))}
        gone = [record for record in self.server.records if record.gone is not None and record.entry.key in held]
        assert shown.feed.gone <= len(gone), f"{shown.feed.gone} are not gone, {len(gone)} are: {shown.summary()}"

    def _check_short(self, shown: View) -> None:
        """If the view reports missing entries, some must be missing; entries deleted after they arrived are not."""
        feed, server = shown.feed, self.server
        first = self.began[feed]
        params = {name: value for name, value in feed.plan.params.items() if name not in server.ignores}
        held = {row.key for row in self.store.window(feed.run, 0, len(feed.run))}
        there = [
            record.entry.key
            for record in server.records
            if (record.gone is None or record.gone > first) and all(_holds(record, *each) for each in params.items())
        ]
        lost = set(there) - held
        assert lost or len(there) > len(set(there)), f"nothing is missing: {feed.short}"

    def _required(self, shown: View) -> set[str]:
        """The ids of matching entries that existed throughout the walk."""
        if shown.marked:
            entries = self.navigator.marks.entries()
            return {entry.key for entry in entries if self._matches(shown, entry)} | self.frozen.get(
                shown, frozenset()
            )
        feed, now = shown.feed, self.server.tick
        first, last = self.began.get(feed, now), self.asked.get(feed, now)
        found = [record for record in self.server.records if record.through(first, last)]
        if feed.plan.entry_id is not None:  # requested by its id, which returns one record even if there are two
            known = [record for record in self.server.records if record.entry.key == feed.plan.entry_id]
            found = found if len(known) == 1 else []
        return {record.entry.key for record in found if self._matches(shown, record.entry, record)}

    def _matches(self, shown: View, entry: Entry, record: Record | None = None) -> bool:
        """Whether a view should show an entry, by the marks as they are now, or as they were where it stays so."""
        marked, terms = self.frozen.get(shown, self.navigator.marks.keys), []
        for term in shown.query.terms:
            if term.key != "marked":
                terms.append(term)
            elif (entry.key in marked) is term.negated:  # its only value here is yes
                return False
        query = shown.query if len(terms) == len(shown.query.terms) else Query(tuple(terms))
        return matches(query, entry) if record is None else record.matches(query)

    def _settle(self) -> None:
        """Once nothing changes any more, every view finds all entries and is COMPLETE."""
        server = self.server
        server.coming.clear()
        server.failures, server.refuses_cursors, server.counts, server.cap = 0, False, True, EVERYTHING
        for text in ("", "status:>=400 ua:b", "method:PUT sort:-path"):
            self.navigator.submit(text)
            self.navigator.refresh()
            self._do(self._load(EVERYTHING, everything=True))
            shown = self.navigator.view
            self._check(shown)
            keys = {row.key for row in shown.window(0, len(shown))}
            summary = shown.summary()
            wanted = {record.entry.key for record in server.alive if record.matches(shown.query)}
            assert (keys, summary.state) == (wanted, State.COMPLETE), f"{text!r}: {summary}"


def _ignore() -> None:
    pass


def _in_order(shown: View, rows: list[Row]) -> bool:
    """Whether rows that begin at the top are in the requested order; an entry with two versions may be at either
    place.
    """
    order = [(FIELDS[name].columns[0], way) for name, way in shown.plan.order]
    for one, other in pairwise(row for row in rows if not row.versions) if shown.anchor is Anchor.NEWEST else ():
        values = [(getattr(one, column), getattr(other, column), way) for column, way in order]
        unlike = next((each for each in values if each[0] != each[1]), None)
        if unlike is not None and (unlike[0] < unlike[1]) != (unlike[2] == "asc"):
            return False
    return True


# -- running -------------------------------------------------------------------------------------------------------


def check(examples: int, steps: int, number: int, *, shrink: bool = True) -> None:
    """Run this many sessions of this many steps. Raises the failure, with its steps in its notes."""
    run_state_machine_as_test(
        seed(number)(type("Verdicts", (Verdicts,), {})),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
        ),
    )


def run(seconds: float, seed: int) -> str:
    """Look for a false verdict for this many seconds. Raises `AssertionError` with the steps that lead to it."""
    begun, examples = time.monotonic(), 0
    for number in _numbers(seed):
        if time.monotonic() - begun >= seconds:
            break
        try:
            check(100, 30, number)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            steps = "\n".join(getattr(error, "__notes__", []))
            raise AssertionError(f"seed {number}: {error!r}\n{steps}") from error
        examples += 100
    return f"{examples} runs in {time.monotonic() - begun:.0f} s, and no verdict that lies"


def _numbers(first: int) -> Iterator[int]:
    dice = random.Random(first)
    while True:
        yield dice.randrange(1 << 32)
