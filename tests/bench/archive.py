"""`python -m tests.bench.archive` measures a large archive: the source that answers for it, and whole programs.

The archive is made first, or found in --folder from an earlier run: 10,000,000 entries take about ten minutes and
1.3 GB there. Beside it stand `open` and lnav over the newest entries as JSON Lines (--beside), as neither can hold
as many.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from random import Random
from typing import Any, NamedTuple
from urllib.parse import urlencode

from auditlog_tui.archive.dataset import read_manifest
from auditlog_tui.archive.source import ArchiveSource
from auditlog_tui.demo.cast import GRAFANA
from auditlog_tui.entries.contract import LIST_PATH
from auditlog_tui.offline.transport import Endpoints
from auditlog_tui.text.times import instant_us, rfc3339
from tests.bench import big_log, peers
from tests.bench.bench import APP, Bench
from tests.bench.figures import Figure, median, ms, table
from tests.bench.terminal import PATIENCE_S, Terminal
from tests.bench.walking import run

PAGE_MS = COUNT_MS = 50
FIRST_PAGE_MS = 100
TIMES, PROGRAMS = 5, 3
"""How often is measured what is answered from memory the second time, and whole programs; each time anew."""

RARE = "/EXPORT"
"""In the path of a single entry, in other letters."""

FACET = 10
"""Actors that are counted: a facet's first lines."""

KEY = {"Authorization": "Bearer any"}
Params = dict[str, str | int]
NEWEST: Params = {"limit": 100}
COUNT: Params = {"limit": 10}
FAILED: Params = {"status_code_min": 400}
OTHER: Params = {"method": "HEAD"}
"""A filter that nothing matches: after it, what every file says of itself has been read."""

SILENCE_S, IDLE_SHARE = 1.0, 0.05
"""A program that writes nothing for so long, and takes no more of a core, has done what it was told."""

MOST_S, MOST_S_PER_MILLION = 5.0, 25.0
"""A program over so many entries that still writes after so long is not waited for."""

SHOWN = rb"[\d,]+ of [\d,]+ loaded|ALL IN|COMPLETE"


class Took(NamedTuple):
    """Milliseconds in all, and of CPU in all threads: these say what it takes where others work too."""

    ms: float
    cpu_ms: float


class Asked(NamedTuple):
    """An answer of the endpoints, and how long it took."""

    took: Took
    answer: Any

    @property
    def items(self) -> list[Any]:
        return list(self.answer["items"])

    @property
    def total(self) -> int:
        return int(self.answer["pagination"]["total_count"])


class Opened:
    """The endpoints over an archive that has just been opened. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        start = _now()
        self._source = ArchiveSource(folder)
        self.opening = _since(start)
        self._endpoints = Endpoints(self._source)

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self._source.close()

    def ask(self, params: Params, path: str = "") -> Asked:
        """Raises `RuntimeError` if the answer is an error."""
        start = _now()
        answer = self._endpoints.answer("GET", f"{LIST_PATH}{path}?{urlencode(params)}", KEY)
        took = _since(start)
        if answer.status != 200:
            raise RuntimeError(answer.body)
        return Asked(took, json.loads(answer.body))


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(start: tuple[float, float]) -> Took:
    ended = _now()
    return Took((ended[0] - start[0]) * 1000, (ended[1] - start[1]) * 1000)


def _anew(folder: Path, params: Params, before: Params | None = None) -> list[Took]:
    """What a question takes an archive that has just been opened, several times; `before` was asked first."""
    found = []
    for _ in range(TIMES):
        with Opened(folder) as archive:
            if before is not None:
                archive.ask(before)
            found.append(archive.ask(params).took)
    return found


def _within(what: str, found: Sequence[Took], goal: float | None = None, more: str = "") -> Figure:
    times = [each.ms for each in found]
    said = f"{ms(times)}, CPU {median([each.cpu_ms for each in found]):.1f} ms{more}"
    if goal is None:
        return Figure(what, said)
    return Figure(what, said, "", "", f"<= {goal:g} ms", median(times) <= goal)


# -- the source ----------------------------------------------------------------------------------------------------


def measure_source(bench: Bench, folder: Path) -> None:
    """Opening, pages, counts, text and single entries, as the screen asks for them."""
    opening = []
    for _ in range(TIMES):
        with Opened(folder) as archive:
            opening.append(archive.opening)
    bench.add(
        _within("open the archive", opening),
        _within("first page", _anew(folder, NEWEST), FIRST_PAGE_MS),
        _within("the first filter after that, `status:>=400`: a page and the count", _anew(folder, NEWEST | FAILED)),
    )
    for name, params in (("", {}), (" of `status:>=400`", FAILED)):
        _measure_depth(bench, folder, name, NEWEST | params)
    _measure_counts(bench, folder)
    _measure_several(bench, folder)


def _measure_depth(bench: Bench, folder: Path, name: str, params: Params) -> None:
    """Pages from moments at random, and the pages after them."""
    dice = Random(19)
    low, high = _span(folder)
    jumps, after = [], []
    with Opened(folder) as archive:
        archive.ask(params)
        for _ in range(bench.rounds):
            here = params | {"created_at_max": rfc3339(dice.randrange(low, high))}
            page = archive.ask(here)
            jumps.append(page.took)
            if cursor := page.answer["pagination"]["next_cursor"]:
                after.append(archive.ask(here | {"cursor": cursor}).took)
    bench.add(_within(f"a page{name} at any depth", jumps, None if name else PAGE_MS))
    if after:
        bench.add(_within(f"the page{name} after it", after, None if name else PAGE_MS))


def _span(folder: Path) -> tuple[int, int]:
    """The times of the archive's first and last entry in microseconds."""
    manifest = read_manifest(folder)
    assert manifest is not None
    times = [instant_us(each) for part in manifest.parts for each in (part.first, part.last) if each]
    known = [us for us in times if us is not None]
    return min(known), max(known)


def _measure_counts(bench: Bench, folder: Path) -> None:
    questions: Mapping[str, Params] = {
        "count all": {},
        "count `status:>=400`": FAILED,
        "count one actor": {"actor_id": GRAFANA.id},
        "rare text in the path": {"path": RARE},
    }
    for name, params in questions.items():
        with Opened(folder) as archive:
            total = archive.ask(COUNT | params).total
        if not params and total != bench.entries:
            raise RuntimeError(f"the archive has {total:,} entries")
        took = _anew(folder, COUNT | params, before=COUNT | OTHER)
        bench.add(_within(name, took, None if "path" in params else COUNT_MS, f", {total:,}"))


def _measure_several(bench: Bench, folder: Path) -> None:
    """The lines of a facet, and entries by their IDs."""
    low, high = _span(folder)
    with Opened(folder) as archive:
        actors = list(dict.fromkeys(item["actor"]["id"] for item in archive.ask(NEWEST).items))[:FACET]
        facets = {
            name: [archive.ask(COUNT | params | {"actor_id": actor}).took for actor in actors]
            for name, params in (("", {}), (" of `status:>=400`", FAILED))
        }
        gets = []
        for part in range(TIMES):
            moment = rfc3339(high - (high - low) * part // TIMES)
            first = archive.ask(COUNT | {"created_at_max": moment}).items[0]
            gets.append(archive.ask({}, f"/{first['id']}").took)
    for name, facet in facets.items():
        took = f"{sum(each.ms for each in facet):.0f} ms, CPU {sum(each.cpu_ms for each in facet):.0f} ms"
        bench.add(Figure(f"{len(actors)} actors counted{name}, as in a facet", took))
    bench.add(
        _within("one entry by its ID", gets),
        _within("the first page sorted by status", _anew(folder, NEWEST | {"sort": "status_code:desc"})),
    )


# -- programs ------------------------------------------------------------------------------------------------------


def measure_programs(bench: Bench, folder: Path) -> float:
    """Whole programs over the archive; returns the seconds until `open` shows it."""
    command = [*APP, "list", "--from", str(folder), "--limit", "100"]
    listed = [_run(bench, command) for _ in range(PROGRAMS)]
    counted = [_run(bench, [*APP, "count", "--from", str(folder), "status:>=400"]) for _ in range(PROGRAMS)]
    bench.add(
        _within("`list --from DIR --limit 100`, the whole program", listed),
        _within("`count --from DIR status:>=400`, the whole program", counted),
    )
    terminal = bench.start([*APP, "open", str(folder)])
    shown, _ = terminal.wait_for(SHOWN)
    terminal.settle(0.3)
    first = terminal.memory_mib()
    bench.add(Figure("`open DIR` until its first rows are on the screen", f"{shown:.2f} s"))
    most_s = _most_s(bench.entries)
    keys = ("G", "/status:>=400\r", f"/\x15path:{RARE}\r")
    oldest, filtered, rare = (_told(_until(terminal, each, most_s), most_s) for each in keys)
    bench.add(
        Figure("G, to the oldest entry, until idle", oldest),
        Figure("`status:>=400` on the screen, until idle", filtered),
        Figure("rare text in the path on the screen, until idle", rare),
        Figure("memory of `open DIR`", f"{first:.0f} MiB, {terminal.memory_mib():.0f} after all this"
               f" (at most {terminal.memory_mib('VmHWM'):.0f})"),
    )  # fmt: skip
    return shown


def _run(bench: Bench, command: list[str]) -> Took:
    done = run(command, bench.env())
    return Took(done.seconds * 1000, done.cpu_ms)


def _until(terminal: Terminal, keys: str, most_s: float) -> float | None:
    """Milliseconds from keys to the last byte before a silence: both programs show that they are at work.

    None if there is no silence within `most_s`, before the keys or after them.
    """
    if _silent(terminal, most_s) is None:
        return None
    start = time.perf_counter()
    terminal.type(keys)
    last = _silent(terminal, most_s)
    return None if last is None else (last - start) * 1000


def _silent(terminal: Terminal, most_s: float) -> float | None:
    """When the last byte before the program was silent and idle; None if it is not within `most_s`."""
    last = start = time.perf_counter()
    while time.perf_counter() - start < most_s:
        before = terminal.cpu_ms()
        if terminal.read(SILENCE_S):
            last = time.perf_counter()
        elif terminal.cpu_ms() - before < IDLE_SHARE * SILENCE_S * 1000:
            return last
    return None


def _most_s(entries: int) -> float:
    return MOST_S + MOST_S_PER_MILLION * min(1.0, entries / 1_000_000)


def _told(took_ms: float | None, most_s: float, more: str = "") -> str:
    return f"no answer in {most_s:.0f} s" if took_ms is None else f"{took_ms / 1000:.2f} s{more}"


def measure_beside(bench: Bench, folder: Path, entries: int, seconds: float) -> None:
    """`open` and lnav over the newest entries as JSON Lines; `seconds` are those until the archive is shown."""
    path = big_log.jsonl(folder, entries)
    terminal = bench.start([*APP, "open", str(path)])
    shown, _ = terminal.wait_for(SHOWN)
    terminal.settle(0.3)
    ratio = (shown / entries) / (seconds / bench.entries)
    bench.add(
        Figure(f"`open` of {entries:,} entries as JSON Lines, until read", f"{shown:.1f} s",
               f"archive {seconds:.2f} s", f"{ratio:,.0f}x an entry"),
        Figure("memory of that", f"{terminal.memory_mib():.0f} MiB"),
    )  # fmt: skip
    command = peers.lnav(bench.home, path)
    if command is None:
        bench.notes.append("lnav is not installed.")
    else:
        _measure_lnav(bench, command, entries)


def _measure_lnav(bench: Bench, command: list[str], entries: int) -> None:
    lnav = bench.start(command)
    shows, most_s = f"lnav, first screen of {entries:,} entries", _most_s(entries)
    try:
        first, _ = lnav.wait_for(peers.LNAV_SHOWS)
    except TimeoutError:
        bench.add(Figure(shows, _told(None, PATIENCE_S)))
        return
    _silent(lnav, most_s)
    before = lnav.cpu_ms()
    took = _until(lnav, ":filter-expr :status_code >= 400\r", most_s)
    cpu = (lnav.cpu_ms() - before) / 1000
    bench.add(
        Figure(shows, f"{first:.2f} s"),
        Figure(f"lnav, filter `status_code >= 400` of {entries:,}", _told(took, most_s, f", CPU {cpu:.1f} s")),
        Figure("memory of lnav", f"{lnav.memory_mib():.0f} MiB"),
    )


# -- all -----------------------------------------------------------------------------------------------------------


def measure(bench: Bench, folder: Path, beside: int) -> None:
    """Make the archive and the file, and measure."""
    folder.mkdir(parents=True, exist_ok=True)
    bench.say(f"making an archive of {bench.entries:,} entries, unless it is there")
    start = time.perf_counter()
    archive = big_log.archive(folder, bench.entries)
    seconds = time.perf_counter() - start
    manifest = read_manifest(archive)
    assert manifest is not None
    size = sum(part.bytes for part in manifest.parts)
    bench.notes.append(
        f"{len(manifest.parts)} parts, {size / 1e6:,.0f} MB, {size / manifest.rows:.0f} bytes an entry;"
        f" made or found in {seconds:.0f} s."
    )
    measure_source(bench, archive)
    seconds = measure_programs(bench, archive)
    measure_beside(bench, folder, beside, seconds)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.archive",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--entries", type=int, default=10_000_000, help="entries in the archive (default: 10000000)")
    parser.add_argument("--beside", type=int, default=1_000_000, help="entries as JSON Lines (default: 1000000)")
    parser.add_argument("--folder", type=Path, help="where both are kept; without it, they are deleted at the end")
    parser.add_argument("--rounds", type=int, default=20, help="pages at random depths (default: 20)")
    options = parser.parse_args(argv)
    with Bench(options.entries, options.rounds) as bench:
        measure(bench, options.folder or bench.home / "archive", min(options.beside, options.entries))
        load = os.getloadavg()[1]
        print(
            f"{date.today()}, {os.cpu_count()} cores, load {load:.1f}, Python {python_version()}, DuckDB"
            f" {version('duckdb')}, {options.entries:,} entries; median / p99\n"
        )
        print(table(bench.figures))
        print("\n".join(f"\n{note}" for note in bench.notes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
