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


def measure(bench: Bench) -> None:
    url = bench.urls(LINES)[1]
    host = re.escape(urlsplit(url).netloc.encode())
    shown = newest(url)
    found: dict[str, list[float]] = defaultdict(list)
    log = bench.log(LINES)
    others = {
        "toolong": (peers.toolong(log), peers.TOOLONG_SHOWS),
        "lnav": (peers.lnav(bench.home, log), peers.LNAV_SHOWS),
    }
    for _ in range(TIMES if bench.rounds > 5 else 3):
        found["bare"].append(until(bench, peers.command("bare"), peers.READY.encode()))
        with Terminal(APP, bench.env(url)) as ours:
            found["paint"].append(ours.wait_for(host)[0] * 1000)
            found["rows"].append(ours.wait_for(shown)[0] * 1000)
        found["least"].append(until(bench, peers.command("fetching", url), shown))
        for name, (command, shows) in others.items():
            if command:
                found[name].append(until(bench, command, shows, bench.env_of_peers()))
    bare = median(found["bare"])
    beside = f"bare Textual app {ms(found['bare'])}"
    bench.add(
        at_most("first paint", median(found["paint"]), bare, 1.25, ms(found["paint"]), beside),
        at_most("first rows, over HTTP", median(found["rows"]), bare, 1.6, ms(found["rows"]), beside),
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


def until(bench: Bench, command: list[str], pattern: bytes, env: dict[str, str] | None = None) -> float:
    """Milliseconds from the program's start until it has written the pattern."""
    with Terminal(command, env or bench.env()) as program:
        return program.wait_for(pattern)[0] * 1000


def newest(url: str) -> bytes:
    """The newest entry's time as the table shows it."""
    entry = httpx.get(f"{url}/v1/audit_logs", params={"limit": "10"}).json()["items"][0]
    return re.escape(str(entry["created_at"])[:19].replace("T", " ").encode())
