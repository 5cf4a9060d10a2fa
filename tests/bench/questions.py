"""Questions over everything loaded from a server without filters: the time of each, and its longest slice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from auditlog_tui.analysis.facets import KINDS, Facet
from auditlog_tui.analysis.search import find
from auditlog_tui.api.client import AuditLogClient
from auditlog_tui.log.feed import Anchor
from auditlog_tui.log.log import Log
from auditlog_tui.log.view import View
from auditlog_tui.query import freeze, parse
from auditlog_tui.store.entries import EntryStore
from auditlog_tui.store.sorting import sorted_run
from tests.bench import peers
from tests.bench.bench import Bench
from tests.bench.figures import Figure, p99
from tests.bench.server import UNTIL
from tests.bench.terminal import Terminal

LONGEST_SLICE_MS = 16


@dataclass(frozen=True, slots=True)
class Took:
    """The total in seconds, and each delay of the event loop in milliseconds."""

    seconds: float
    slices: list[float]

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s, slices p99 {p99(self.slices):.1f}, longest {max(self.slices):.1f} ms"


def measure(bench: Bench) -> None:
    asyncio.run(_measure(bench))


def view_of(log: Log, text: str, *, like: View | None = None, anchor: Anchor = Anchor.NEWEST) -> View:
    """The view of a typed filter at the end of the bench's log."""
    return View(log, freeze(parse(text), int(UNTIL.timestamp()) * 1_000_000, UTC), anchor=anchor, like=like)


async def _measure(bench: Bench) -> None:
    client = AuditLogClient(base_url=bench.urls(bench.entries)[0], key="any")
    store = EntryStore()
    log = Log(client, store)
    try:
        everything = view_of(log, "")
        bench.say(f"loading {bench.entries:,} entries from a server that knows no filters")
        start = time.perf_counter()
        await everything.more(bench.entries, _nothing, everything=True)
        rate = len(everything) / (time.perf_counter() - start)
        # Learning the server's support with the first filter is not part of the question.
        await view_of(log, "status:>=400").more(1, _nothing)
        await _ask(bench, log, everything, rate)
    finally:
        await client.aclose()
        store.close()
    bench.add(await _oldest(bench))


async def _ask(bench: Bench, log: Log, everything: View, rate: float) -> None:
    size = len(everything)
    bench.add(Figure(f"loading {size:,} without a screen, HTTP to store", f"{rate:,.0f} entries/s"))
    failed = view_of(log, "status:>=400", like=everything)
    took = await timed(failed.more(bench.entries, _nothing, everything=True))
    lnav = _lnav(bench)
    name = f"filter `status:>=400` over {size:,} loaded ({len(failed):,} match)"
    if lnav is None:
        bench.add(_said(name, took))
    else:
        ratio = took.seconds / lnav
        bench.add(Figure(name, str(took), f"lnav {lnav:.2f} s", f"{ratio:.3f}x", "<= 0.05x", ratio <= 0.05))
    bench.add(_said("the same, its slices", took, LONGEST_SLICE_MS))
    took = await timed(_facets(log.store, everything))
    bench.add(_said(f"facets ({len(KINDS)}) over {size:,}", took, LONGEST_SLICE_MS))
    took = await timed(find(everything, "no entry has this", 0, 1))
    bench.add(_said(f"find a text that is in none of {size:,}", took, LONGEST_SLICE_MS))
    took = await timed(sorted_run(log.store, everything.run, [("path", "asc")]))
    bench.add(_said(f"sort {size:,} by path", took, LONGEST_SLICE_MS))


def _said(name: str, took: Took, goal: float | None = None) -> Figure:
    longest = max(took.slices)
    if goal is None:
        return Figure(name, str(took))
    return Figure(name, str(took), "", "", f"slice <= {goal:g} ms", longest <= goal)


async def timed(work: Coroutine[Any, Any, object]) -> Took:
    """Run it beside a task that measures the event loop's delays."""
    slices: list[float] = []
    over = asyncio.Event()

    async def watch() -> None:
        last = time.perf_counter()
        while not over.is_set():
            await asyncio.sleep(0)
            now = time.perf_counter()
            slices.append((now - last) * 1000)
            last = now

    watching = asyncio.create_task(watch())
    start = time.perf_counter()
    await work
    seconds = time.perf_counter() - start
    over.set()
    await watching
    return Took(seconds, slices)


async def _facets(store: EntryStore, view: View) -> None:
    for kind in KINDS:
        facet = Facet(kind, store, view.run)
        while facet.behind:
            facet.count_slice()
            await asyncio.sleep(0)


async def _oldest(bench: Bench) -> Figure:
    """The number of requests for the oldest entry, from a server that supports sorting."""
    client = AuditLogClient(base_url=bench.urls(bench.entries)[1], key="any")
    store = EntryStore()
    try:
        view = view_of(Log(client, store), "", anchor=Anchor.OLDEST)
        await view.more(40, _nothing, older=False)
        created = view.window(len(view) - 1, 1)[0].created_us or 0
        pages = -(-bench.entries // 100)
        oldest = datetime.fromtimestamp(created / 1e6, UTC)
        return Figure(
            f"requests to the oldest of {bench.entries:,} ({oldest:%Y-%m-%d})", str(client.requests),
            f"a cursor pager {pages:,}", "", "1", client.requests == 1,
        )  # fmt: skip
    finally:
        await client.aclose()
        store.close()


def _lnav(bench: Bench) -> float | None:
    """The seconds until lnav has filtered the same entries in its own way."""
    command = peers.lnav(bench.home, bench.log(bench.entries))
    if command is None:
        return None
    with Terminal(command, bench.env()) as program:
        program.wait_for(peers.LNAV_SHOWS)
        program.idle(1.0)
        start = program.cpu_ms()
        program.type(":filter-expr :status_code >= 400\r")
        program.idle(1.0)
        return (program.cpu_ms() - start) / 1000


def _nothing() -> None:
    pass
