"""Walking a whole query without a screen, compared with a bare loop of GET and decode."""

from __future__ import annotations

import filecmp
import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from auditlog_tui.entries import models
from auditlog_tui.entries.contract import PAGE
from auditlog_tui.entries.models import read_page
from auditlog_tui.entries.raw_json import run_at_once
from tests.bench import peers
from tests.bench.bench import APP, Bench
from tests.bench.figures import Figure, at_most, median

LOG = 20_000
TIMES = 3
READ = 200
EXPORTED = 200_000
LIST = [*APP, "list", "--format", "jsonl"]
NOWHERE = Path(os.devnull)


class Ran(NamedTuple):
    """Milliseconds of CPU, and seconds in all, of a program from its start to its end."""

    cpu_ms: float
    seconds: float


def measure(bench: Bench) -> None:
    _measure_reading(bench)
    _measure_export(bench)
    url = bench.server(LOG).url
    pages = LOG // 100
    ours: list[float] = []
    bare: list[float] = []
    seconds: list[float] = []
    for _ in range(TIMES):
        one, whole = run([*LIST, "--limit", "100"], bench.env(url)), run(LIST, bench.env(url))
        ours.append((whole.cpu_ms - one.cpu_ms) / (pages - 1))
        seconds.append(whole.seconds)
        bare.append(bare_page(bench, url, pages))
    bench.add(
        cpu_a_page("list --format jsonl", "no latency", ours, bare),
        Figure(f"`list` of {LOG:,} entries, no latency", f"{median(seconds):.1f} s"),
    )


def _measure_export(bench: Bench) -> None:
    """An export to a file, in turn with the bare loop, and that it has what `list` writes."""
    entries = min(EXPORTED, bench.entries)
    url, pages = bench.server(entries).url, entries // 100
    out, listed = bench.home / "export.jsonl", bench.home / "listed.jsonl"
    one = run([*LIST, "--limit", "100"], bench.env(url))
    ours, bare, seconds = list[float](), list[float](), list[float]()
    for _ in range(TIMES):
        out.unlink(missing_ok=True)
        whole = run([*APP, "export", "--out", str(out)], bench.env(url))
        ours.append((whole.cpu_ms - one.cpu_ms) / (pages - 1))
        seconds.append(whole.seconds)
        bare.append(bare_page(bench, url, pages))
    run(LIST, bench.env(url), listed)
    if not filecmp.cmp(out, listed, shallow=False):
        raise RuntimeError("an export differs from what list writes")
    own, beside = f"{median(ours):.2f} ms", f"httpx and json {median(bare):.2f} ms"
    bench.add(
        at_most(f"`export` of {entries:,} entries, CPU a page", median(ours), median(bare), 2, own, beside),
        Figure("the same", f"{median(seconds):.1f} s"),
    )


def _measure_reading(bench: Bench) -> None:
    """The CPU that one page takes to read, each way in turn."""
    entries = [json.loads(line) for line in bench.log(LOG).read_text().splitlines()[:PAGE]]
    pagination = {"next_cursor": "c", "previous_cursor": None, "total_count": LOG}
    text = json.dumps({"items": entries, "pagination": pagination}, separators=(",", ":"))
    ways: dict[str, Callable[[], object]] = {
        "ours": lambda: read_page(text),
        "lenient": lambda: run_at_once(models._read_leniently(text, None)),
        "json": lambda: json.loads(text),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(READ):
        for name, read in ways.items():
            start = time.thread_time()
            read()
            times[name].append((time.thread_time() - start) * 1000)
    own, lenient, plain = (median(times[name]) for name in ways)
    what = "reading a page of 100 with exact texts, CPU"
    bench.add(
        at_most(what, own, plain, 2.5, f"{own:.2f} ms", f"json.loads {plain:.2f} ms"),
        at_most("the same, a page as in the contract", own, lenient, 0.35, f"{own:.2f} ms",
                f"the lenient reader {lenient:.2f} ms"),
    )  # fmt: skip


def bare_page(bench: Bench, url: str, pages: int) -> float:
    """Milliseconds of CPU that the bare loop takes for a page."""
    one, whole = (run(peers.command("get", url, str(count)), bench.env(url)) for count in (1, pages))
    return (whole.cpu_ms - one.cpu_ms) / (pages - 1)


def cpu_a_page(command: str, where: str, ours: list[float], bare: list[float]) -> Figure:
    return at_most(
        f"`{command}`, CPU a page, {where}", median(ours), median(bare), 2,
        f"{median(ours):.2f} ms", f"httpx and json {median(bare):.2f} ms",
    )  # fmt: skip


def run(command: list[str], env: Mapping[str, str], output: Path = NOWHERE) -> Ran:
    """Run a program to its end; its standard output goes to a file. Raises `RuntimeError` if it fails."""
    start = time.perf_counter()
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, env=env)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return Ran((used.ru_utime + used.ru_stime) * 1000, time.perf_counter() - start)
