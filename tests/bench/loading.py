"""Load all: its rate, the response to keys while it runs, and the cost of one more page at several sizes."""

from __future__ import annotations

import math
import time

from tests.bench.bench import Bench
from tests.bench.figures import Figure, at_most, median, ms, p99
from tests.bench.keys import DOWN, PAGE_DOWN, UP
from tests.bench.terminal import HEIGHT, WIDTH, Terminal

CURSOR = "▌".encode()
PAGES = 30
BOTTOM = f"\x1b[<0;{WIDTH};{HEIGHT - 1}M\x1b[<0;{WIDTH};{HEIGHT - 1}m"
"""A click on the lower end of the scroll bar."""


def measure(bench: Bench) -> None:
    program = bench.ours(bench.entries)
    pages = {1_000: _pages(program)}
    keys: list[float] = []
    rates: list[str] = []
    for goal in (bench.entries // 10, bench.entries * 95 // 100):
        rates.append(_load(program, goal, keys))
        program.key(BOTTOM)
        program.key(PAGE_DOWN)
        pages[goal] = _pages(program)
    program.type("A")
    program.wait_for(b"COMPLETE")
    program.settle(0.3)
    bench.loaded[bench.entries] = program
    bench.add(
        Figure("load all", ", then ".join(rates)),
        Figure("key in view to frame while all is loaded", f"{ms(keys)}, {len(keys)} keys", "", "", "p99 <= 10 ms",
               p99(keys) <= 10),
    )  # fmt: skip
    small = median(pages[1_000])
    for size, costs in list(pages.items())[1:]:
        limit = 1.2 if size > bench.entries // 2 else None
        name = f"page down with the page it fetches, CPU, at {size:,}"
        bench.add(at_most(name, median(costs), small, limit, ms(costs), f"from 200 on {ms(pages[1_000])}"))


def _pages(program: Terminal) -> list[float]:
    """The CPU time of each page down at the end of the loaded rows; every second one fetches a page of the log."""
    single = [program.cpu_of(PAGE_DOWN) for _ in range(2 * PAGES)]
    return [a + b for a, b in zip(single[::2], single[1::2], strict=True)]


def _load(program: Terminal, goal: int, keys: list[float]) -> str:
    """Load about `goal` entries while pressing keys, then stop."""
    start, first, cpu = time.perf_counter(), _loaded(program), program.cpu_ms()
    press_while_loading(program, goal, keys)
    count = max(1, int(_loaded(program)) - int(first))
    seconds, used = time.perf_counter() - start, program.cpu_ms() - cpu
    program.type("\x1b")
    program.idle(0.3)
    return f"{count:,} at {count / seconds:,.0f}/s ({100 * used / count:.2f} ms CPU a page of 100)"


def press_while_loading(program: Terminal, goal: int, keys: list[float]) -> None:
    """Begin to load everything, and press keys in view until `goal` entries are loaded; adds their milliseconds."""
    program.type("A")
    program.settle(0.01)
    number = 0
    while _loaded(program) < goal:
        end = time.perf_counter() + 0.1
        while time.perf_counter() < end:
            program.read(0.02)
        keys.append(program.key_among_others(UP if number % 2 else DOWN, CURSOR))
        number += 1


def _loaded(program: Terminal) -> float:
    """The header's latest count; infinite once everything is loaded."""
    _, found = program.wait_for(rb"(?s).*(?:[ m]([\d,]+) of [\d,]+ loaded|COMPLETE)")
    return math.inf if found[1] is None else int(found[1].replace(b",", b""))
