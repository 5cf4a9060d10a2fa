"""Walking a whole query without a screen, compared with a bare loop of GET and decode."""

from __future__ import annotations

import os
import subprocess
import time

from tests.bench import peers
from tests.bench.bench import APP, Bench
from tests.bench.figures import Figure, at_most, median

LOG = 20_000
TIMES = 3


def measure(bench: Bench) -> None:
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
            at_most(f"`list --format jsonl`, CPU a page, {latency:.0f} ms a request", median(ours), median(bare), 1.5,
                    f"{median(ours):.2f} ms", f"httpx and json {median(bare):.2f} ms"),
            Figure(f"`list` of {LOG:,} entries, {latency:.0f} ms a request", f"{median(seconds):.1f} s"),
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
