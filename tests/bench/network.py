"""What users wait for over a network: the first rows, and walks with several requests at once.

Answers are delayed by the server; the requests are counted there. Of several at once the limit comes from
`AUDITLOG_TUI_PARALLEL`; one cursor walks where it is 1.
"""

from __future__ import annotations

import filecmp
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.bench import peers
from tests.bench.bench import APP, Bench, Server
from tests.bench.figures import Figure, at_most, median, ms, p99
from tests.bench.loading import press_while_loading
from tests.bench.startup import newest, until
from tests.bench.terminal import Terminal
from tests.bench.walking import LIST, NOWHERE, Ran, bare_page, cpu_a_page, run

FAR_MS = 150.0
"""Latency for the first rows."""

NEAR_MS = 50.0
"""Latency for walks."""

LOG = 32_000
"""Entries of every walk: slices reach their full length at 16 requests at once; one cursor takes about 20 seconds."""

PAGES = LOG // 100
ORDER = (8, 16, 1, 16, 8)
"""Requests at once, in the order of the runs. One cursor's time hardly varies: its latency is nearly all of it."""

FASTER = {8: 6.5, 16: 12.0}
"""Goals: how many times as fast as one cursor."""

RATE = 40.0
SCANNED = "ua:terraform"
"""A filter that the server can't evaluate."""

LOADED = rb"[\d,]+ of [\d,]+ loaded|COMPLETE"
FIRST_ROWS = 9
"""How often the first rows are timed."""

KEYS = (8, 1, 8, 1, 8)
"""Requests at once while all is loaded and keys are pressed. One cursor's are beside the goal, so fewer will do."""

KEYS_UNTIL = {8: 0.9, 1: 0.15}
"""The share of the log after which no more keys are pressed."""


class Walked(NamedTuple):
    """A walk's seconds without its start, its requests, and its milliseconds of CPU a page where they are known."""

    seconds: float
    requests: int
    cpu_ms: float = 0.0


def measure(bench: Bench) -> None:
    _first_rows(bench)
    server = bench.server(LOG, NEAR_MS)
    _compare(bench, f"`A`, {LOG:,} entries in a pty", lambda parallel: _load_all(bench, server, parallel))
    _compare(bench, f"`count {SCANNED}`, {LOG:,} entries", lambda parallel: _scan(bench, server, parallel))
    listed = _compare(bench, f"`list` of {LOG:,} entries", lambda parallel: _list(bench, server, parallel))
    bare = bare_page(bench, server.url, PAGES // 5)
    exported = _compare(bench, f"`export` of {LOG:,} entries", lambda parallel: _export(bench, server, parallel))
    where = f"{NEAR_MS:.0f} ms a request, 8 at once"
    for name, walks in (("list --format jsonl", listed), ("export", exported)):
        bench.add(cpu_a_page(name, where, [each.cpu_ms for each in walks[8]], [bare]))
    _same_output(bench)
    _keys(bench, server)
    _limited(bench)


def _first_rows(bench: Bench) -> None:
    url = bench.server(1_000, FAR_MS).url
    rows, bare = list[float](), list[float]()
    shown = newest(url)
    for _ in range(FIRST_ROWS if bench.rounds > 5 else 3):
        bare.append(until(bench, peers.command("bare"), peers.READY.encode()) + FAR_MS)
        rows.append(until(bench, APP, shown, bench.env(url)))
    bench.add(
        at_most(f"first rows, {FAR_MS:.0f} ms a request", median(rows), median(bare), 1.05, ms(rows),
                f"bare Textual app + {FAR_MS:.0f} ms: {ms(bare)}")
    )  # fmt: skip


# -- walks -----------------------------------------------------------------------------------------------------------


def _compare(bench: Bench, what: str, walk: Callable[[int], Walked]) -> Mapping[int, list[Walked]]:
    """The same walk with several requests at once and with one cursor, in turn."""
    found: dict[int, list[Walked]] = defaultdict(list)
    for parallel in ORDER:
        bench.say(f"{what}, {parallel} at once")
        found[parallel].append(walk(parallel))
    one = found[1][0]
    for parallel, goal in FASTER.items():
        seconds = median([each.seconds for each in found[parallel]])
        requests = max(each.requests for each in found[parallel])
        faster, most = one.seconds / seconds, 1.15 * one.requests + 10
        bench.add(
            Figure(f"{what}, {NEAR_MS:.0f} ms a request, {parallel} at once", f"{seconds:.2f} s",
                   f"one cursor {one.seconds:.2f} s", f"{faster:.1f}x as fast", f">= {goal:g}x", faster >= goal),
            Figure("the same, requests", f"{requests:,}", f"one cursor {one.requests:,}",
                   f"{requests / one.requests:.2f}x", "<= 1.15x + 10", requests <= most),
        )  # fmt: skip
    return found


def _load_all(bench: Bench, server: Server, parallel: int) -> Walked:
    with _opened(bench, server, parallel) as program:
        before, start, written = server.requests(), time.perf_counter(), program.written
        program.type("A")
        _, verdict = program.wait_for(rb"(IN)?COMPLETE", written)
        seconds = time.perf_counter() - start
        if verdict[1]:
            raise RuntimeError("loading everything ended INCOMPLETE")
        return Walked(seconds, server.requests() - before)


def _scan(bench: Bench, server: Server, parallel: int) -> Walked:
    env = _env(bench, server, parallel)
    start = _start(bench, server, *APP, "count")
    before = server.requests()
    whole = run([*APP, "count", SCANNED], env, bench.home / f"count-{parallel}")
    return Walked(whole.seconds - start.seconds, server.requests() - before)


def _list(bench: Bench, server: Server, parallel: int) -> Walked:
    return _written(bench, server, parallel, LIST, _listed(bench, parallel))


def _export(bench: Bench, server: Server, parallel: int) -> Walked:
    out = _exported(bench, parallel)
    out.unlink(missing_ok=True)
    return _written(bench, server, parallel, [*APP, "export", "--out", str(out)])


def _written(bench: Bench, server: Server, parallel: int, command: list[str], output: Path = NOWHERE) -> Walked:
    """A command that writes all entries; its start is what `list` takes for one page."""
    start = _start(bench, server, *LIST, "--limit", "100")
    before = server.requests()
    whole = run(command, _env(bench, server, parallel), output)
    cpu_ms = (whole.cpu_ms - start.cpu_ms) / (PAGES - 1)
    return Walked(whole.seconds - start.seconds, server.requests() - before, cpu_ms)


@cache
def _start(bench: Bench, server: Server, *command: str) -> Ran:
    """A command that asks for one page, whose time is no part of a walk's: its median of three."""
    ran = [run(list(command), bench.env(server.url)) for _ in range(3)]
    return Ran(median([each.cpu_ms for each in ran]), median([each.seconds for each in ran]))


def _same_output(bench: Bench) -> None:
    """Raise `RuntimeError` if the number of requests at once changed what was written."""
    for parallel in FASTER:
        for one, other in ((_listed(bench, 1), _listed(bench, parallel)),
                           (_listed(bench, 1), _exported(bench, parallel)),
                           (_exported(bench, 1), _exported(bench, parallel)),
                           (bench.home / "count-1", bench.home / f"count-{parallel}")):  # fmt: skip
            if not filecmp.cmp(one, other, shallow=False):
                raise RuntimeError(f"{other.name} differs from {one.name}")


def _limited(bench: Bench) -> None:
    """At a server with a rate limit: the time beside the least that the limit allows."""
    server = bench.server(LOG, NEAR_MS, RATE)
    walked = _list(bench, server, 8)
    _same_output(bench)
    least = (PAGES - RATE) / RATE
    bench.add(
        at_most(f"`list` of {LOG:,} entries, {RATE:.0f} requests a second allowed, 8 at once", walked.seconds, least,
                None, f"{walked.seconds:.1f} s, {walked.requests:,} requests", f"the limit allows {least:.1f} s")
    )  # fmt: skip


# -- keys ------------------------------------------------------------------------------------------------------------


def _keys(bench: Bench, server: Server) -> None:
    """The response to keys while everything is loaded, with eight requests at once and with one cursor, in turn."""
    found: dict[int, list[float]] = defaultdict(list)
    for parallel in KEYS:
        bench.say(f"keys while everything is loaded, {parallel} at once")
        with _opened(bench, server, parallel) as program:
            press_while_loading(program, int(LOG * KEYS_UNTIL[parallel]), found[parallel])
    bench.add(
        Figure(f"key in view to frame while all is loaded, {NEAR_MS:.0f} ms a request, 8 at once",
               f"{ms(found[8])}, {len(found[8])} keys", f"one cursor {ms(found[1])}, {len(found[1])} keys", "",
               "p99 <= 10 ms", p99(found[8]) <= 10)
    )  # fmt: skip


# -- programs --------------------------------------------------------------------------------------------------------


def _env(bench: Bench, server: Server, parallel: int) -> dict[str, str]:
    return bench.env(server.url, AUDITLOG_TUI_PARALLEL=str(parallel))


@contextmanager
def _opened(bench: Bench, server: Server, parallel: int) -> Iterator[Terminal]:
    """Our browser with its first rows."""
    with Terminal(APP, _env(bench, server, parallel)) as program:
        program.wait_for(re.escape(urlsplit(server.url).netloc.encode()))
        program.wait_for(LOADED)
        program.settle(0.3)
        yield program


def _listed(bench: Bench, parallel: int) -> Path:
    return bench.home / f"list-{parallel}"


def _exported(bench: Bench, parallel: int) -> Path:
    return bench.home / f"export-{parallel}.jsonl"
