"""The resident memory of the whole process, compared with lnav's on the same entries."""

from __future__ import annotations

from tests.bench import peers
from tests.bench.bench import Bench
from tests.bench.figures import Figure, at_most


def measure(bench: Bench) -> None:
    empty = bench.ours(1_000)
    bench.add(Figure("memory with 200 entries", _of(empty.memory_mib(), empty.memory_mib("VmHWM"))))
    for size in bench.sizes[1:]:
        program = bench.all_of(size)
        now, most = program.memory_mib(), program.memory_mib("VmHWM")
        lnav = _lnav(bench, size)
        if lnav is None:
            bench.add(Figure(f"memory with {size:,} entries", _of(now, most)))
        else:
            goal = 1.0 if size == bench.entries else None
            bench.add(
                at_most(f"memory with {size:,} entries", now, lnav, goal, _of(now, most), f"lnav {lnav:.0f} MiB")
            )


def _of(now: float, most: float) -> str:
    return f"{now:.0f} MiB (at most {most:.0f})"


def _lnav(bench: Bench, size: int) -> float | None:
    command = peers.lnav(bench.home, bench.log(size))
    if command is None:
        return None
    program = bench.start(command)
    program.wait_for(peers.LNAV_SHOWS)
    program.idle(1.0)
    return program.memory_mib()
