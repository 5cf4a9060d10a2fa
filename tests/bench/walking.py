"""Walking a whole query without a screen, compared with a bare loop of GET and decode."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable

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


def measure(bench: Bench) -> None:
    _measure_reading(bench)
    for latency in (0.0, 50.0):
        url = bench.urls(LOG, latency)[1]
        ours: list[float] = []
        bare: list[float] = []
        seconds: list[float] = []
        for _ in range(TIMES if not latency else 1):
            one, _ = _run(bench, [*APP, "list", "--format", "jsonl", "--limit", "100"], url)
            all_, took = _run(bench, [*APP, "list", "--format", "jsonl"], url)
            ours.append((all_ - one) / (LOG // 100 - 1))
            seconds.append(took)
            one, _ = _run(bench, peers.command("get", url, "1"), url)
            all_, _ = _run(bench, peers.command("get", url, str(LOG // 100)), url)
            bare.append((all_ - one) / (LOG // 100 - 1))
        bench.add(
            at_most(f"`list --format jsonl`, CPU a page, {latency:.0f} ms a request", median(ours), median(bare), 2.0,
                    f"{median(ours):.2f} ms", f"httpx's AsyncClient and json {median(bare):.2f} ms"),
            Figure(f"`list` of {LOG:,} entries, {latency:.0f} ms a request", f"{median(seconds):.1f} s"),
        )  # fmt: skip


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


def _run(bench: Bench, command: list[str], url: str) -> tuple[float, float]:
    """Milliseconds of CPU, and seconds in all."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=bench.env(url))
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return (used.ru_utime + used.ru_stime) * 1000, time.perf_counter() - start
