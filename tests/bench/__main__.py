"""`python -m tests.bench` measures everything and prints a Markdown table.

`--quick` compares counts with `baseline.json` in a few seconds. `--only NAME` (repeatable) selects parts; `--entries`
and `--rounds` shorten a run. `tests/bench/peers.py` says how to install lnav and toolong.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from platform import python_version

from tests.bench import keys, loading, memory, network, questions, quick, saved, startup, walking
from tests.bench.bench import Bench
from tests.bench.figures import table

PARTS: dict[str, Callable[[Bench], None]] = {
    "startup": startup.measure,
    "walking": walking.measure,
    "network": network.measure,
    "questions": questions.measure,
    "loading": loading.measure,
    "keys": keys.measure,
    "memory": memory.measure,
    "saved": saved.measure,
}
"""In this order, because later parts measure what earlier ones have loaded."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only what can be counted")
    parser.add_argument("--update", action="store_true", help="with --quick: make the counts the baseline")
    parser.add_argument("--only", action="append", choices=PARTS, help="a part; may be given more than once")
    parser.add_argument("--entries", type=int, default=1_000_000, help="size of the large log (default: 1000000)")
    parser.add_argument("--rounds", type=int, default=20, help="how often every key is pressed (default: 20)")
    options = parser.parse_args()
    return _quick(update=options.update) if options.quick else _full(options)


def _quick(*, update: bool) -> int:
    found = asyncio.run(quick.counts())
    if update:
        quick.update(found)
    for name, count in found.items():
        print(f"{name}: {count:g}")
    wrong = quick.complaints(found)
    print("\n".join(wrong))
    return 1 if wrong else 0


def _full(options: argparse.Namespace) -> int:
    with Bench(options.entries, options.rounds) as bench:
        for name, measure in PARTS.items():
            if options.only and name not in options.only:
                continue
            try:
                measure(bench)
            except (OSError, EOFError, RuntimeError, AssertionError, ArithmeticError) as error:
                bench.notes.append(f"{name} came to no end: {error}")
                bench.say(bench.notes[-1])
        load = os.getloadavg()[1]
        print(
            f"{date.today()}, {os.cpu_count()} cores, load {load:.1f}, Python {python_version()}, "
            f"Textual {version('textual')}, {options.entries:,} entries; median / p99\n"
        )
        print(table(bench.figures))
        print("\n".join(f"\n{note}" for note in bench.notes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
