"""Walking a whole query without a screen, compared with a bare loop of GET and decode."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.bench import peers
from tests.bench.bench import APP, Bench
from tests.bench.figures import Figure, at_most, median

LOG = 20_000
TIMES = 3
LIST = [*APP, "list", "--format", "jsonl"]


class Ran(NamedTuple):
    """Milliseconds of CPU, and seconds in all, of a program from its start to its end."""

    cpu_ms: float
    seconds: float


def measure(bench: Bench) -> None:
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
        cpu_a_page("no latency", ours, bare),
        Figure(f"`list` of {LOG:,} entries, no latency", f"{median(seconds):.1f} s"),
    )


def bare_page(bench: Bench, url: str, pages: int) -> float:
    """Milliseconds of CPU that the bare loop takes for a page."""
    one, whole = (run(peers.command("get", url, str(count)), bench.env(url)) for count in (1, pages))
    return (whole.cpu_ms - one.cpu_ms) / (pages - 1)


def cpu_a_page(where: str, ours: list[float], bare: list[float]) -> Figure:
    return at_most(
        f"`list --format jsonl`, CPU a page, {where}", median(ours), median(bare), 2,
        f"{median(ours):.2f} ms", f"httpx and json {median(bare):.2f} ms",
    )  # fmt: skip


def run(command: list[str], env: Mapping[str, str], output: Path = Path(os.devnull)) -> Ran:
    """Run a program to its end; its standard output goes to a file. Raises `RuntimeError` if it fails."""
    start = time.perf_counter()
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, env=env)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return Ran((used.ru_utime + used.ru_stime) * 1000, time.perf_counter() - start)
