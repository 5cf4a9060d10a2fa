"""The time from process start to the first paint, and to the first rows of data."""

from __future__ import annotations

import re
from collections import defaultdict
from urllib.parse import urlsplit

import httpx

from tests.bench import peers
from tests.bench.bench import APP, Bench
from tests.bench.figures import at_most, median, ms
from tests.bench.terminal import Terminal

TIMES = 15
LINES = 1_000
LATENCY_MS = 150


def measure(bench: Bench) -> None:
    url, far = bench.urls(LINES)[1], bench.urls(LINES, LATENCY_MS)[1]
    host = re.escape(urlsplit(url).netloc.encode())
    newest = _newest(url)
    found: dict[str, list[float]] = defaultdict(list)
    log = bench.log(LINES)
    others = {
        "toolong": (peers.toolong(log), peers.TOOLONG_SHOWS),
        "lnav": (peers.lnav(bench.home, log), peers.LNAV_SHOWS),
    }
    for _ in range(TIMES if bench.rounds > 5 else 3):
        found["bare"].append(_until(bench, peers.command("bare"), peers.READY.encode()))
        with Terminal(APP, bench.env(url)) as ours:
            found["paint"].append(ours.wait_for(host)[0] * 1000)
            found["rows"].append(ours.wait_for(newest)[0] * 1000)
        found["far rows"].append(_until(bench, APP, newest, bench.env(far)))
        found["least"].append(_until(bench, peers.command("fetching", url), newest))
        for name, (command, shows) in others.items():
            if command:
                found[name].append(_until(bench, command, shows, bench.env_of_peers()))
    bare = median(found["bare"])
    beside = f"bare Textual app {ms(found['bare'])}"
    bench.add(
        at_most("first paint", median(found["paint"]), bare, 1.25, ms(found["paint"]), beside),
        at_most("first rows, over HTTP", median(found["rows"]), bare, 1.6, ms(found["rows"]), beside),
        at_most(
            f"first rows at {LATENCY_MS} ms a request", median(found["far rows"]), bare + LATENCY_MS, 1.05,
            ms(found["far rows"]), f"{beside}, and {LATENCY_MS} ms",
        ),
        at_most(
            "first rows, beside the least there can be", median(found["rows"]), median(found["least"]), None,
            ms(found["rows"]), f"one widget, one httpx GET, two pydantic models {ms(found['least'])}",
        ),
    )  # fmt: skip
    for name, goal in (("toolong", 0.6), ("lnav", None)):
        if found[name]:
            said = f"{name}, {LINES:,} lines of a file {ms(found[name])}"
            bench.add(
                at_most(
                    f"first rows ({name})", median(found["rows"]), median(found[name]), goal, ms(found["rows"]), said
                )
            )


def _until(bench: Bench, command: list[str], pattern: bytes, env: dict[str, str] | None = None) -> float:
    with Terminal(command, env or bench.env()) as program:
        return program.wait_for(pattern)[0] * 1000


def _newest(url: str) -> bytes:
    """The newest entry's time as the table shows it."""
    entry = httpx.get(f"{url}/v1/audit_logs", params={"limit": "10"}).json()["items"][0]
    return re.escape(str(entry["created_at"])[:19].replace("T", " ").encode())
