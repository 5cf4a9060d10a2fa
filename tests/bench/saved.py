"""Opening a log that was saved to a file, compared with a bare loop that reads its JSON."""

from __future__ import annotations

import sys
import time

from tests.bench.bench import APP, Bench
from tests.bench.figures import Figure, at_most, median, ms
from tests.bench.terminal import Terminal
from tests.bench.walking import run

BARE = """
import json, sys
with open(sys.argv[1], "rb") as file:
    print(sum(1 for line in file if json.loads(line)))
"""
LETTERS = "QWZXK"
"""Letters that are on the screen only once they are typed."""


def measure(bench: Bench) -> None:
    size, path = bench.entries, bench.log(bench.entries)
    bare = run([sys.executable, "-c", BARE, str(path)], bench.env()).cpu_ms
    start = time.perf_counter()
    terminal = bench.start([*APP, "open", str(path)])
    terminal.wait_for(rb"% read")
    while_reading = _keys(terminal)
    terminal.wait_for(rb"[\d,]+ of [\d,]+ loaded|ALL IN FILE")
    seconds, most, cpu = time.perf_counter() - start, terminal.memory_mib("VmHWM"), terminal.cpu_ms()
    opened = _keys(terminal)
    said = f"{cpu / 1000:.1f} s, at most {most:.0f} MiB"
    bench.add(
        at_most(f"open of {size:,} entries, CPU", cpu, bare, 6, said, f"a bare json loop {bare / 1000:.1f} s"),
        Figure(f"open of {size:,} entries, until they are on the screen", f"{seconds:.1f} s"),
        at_most(
            "key to frame in the filter while a file is read", median(while_reading), median(opened), 1.2,
            f"{ms(while_reading)}, {len(while_reading)} keys", f"once it is open {ms(opened)}",
        ),
    )  # fmt: skip


def _keys(terminal: Terminal) -> list[float]:
    """Milliseconds of each letter typed into the filter bar, which is closed again."""
    terminal.type("/")
    terminal.wait_for(rb"apply")
    found = [terminal.key_among_others(letter, letter.encode()) for letter in LETTERS * 40]
    terminal.type("\x15\x1b")
    return found
