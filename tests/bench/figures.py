"""One result of a measurement, and the table of all results."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: ours, what it is compared with, the ratio, the goal (empty: none) and whether it is met."""

    what: str
    ours: str
    beside: str = ""
    ratio: str = ""
    goal: str = ""
    met: bool | None = None


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def p99(values: Sequence[float]) -> float:
    """The 99th percentile; of fewer than a hundred values the maximum."""
    ordered = sorted(values)
    return ordered[max(0, -(-99 * len(ordered) // 100) - 1)]


def ms(values: Sequence[float]) -> str:
    """The median and the 99th percentile."""
    return f"{median(values):.1f} / {p99(values):.1f} ms"


def at_most(
    what: str, ours: float, peer: float, goal: float | None, said: str = "", beside: str = "", unit: str = "ms"
) -> Figure:
    """The ratio of ours to the peer's must not exceed the goal."""
    ratio = ours / peer if peer else float("inf")
    return Figure(
        what, said or f"{ours:.1f} {unit}", beside or f"{peer:.1f} {unit}", f"{ratio:.2f}x",
        "" if goal is None else f"<= {goal:.3g}x", None if goal is None else ratio <= goal,
    )  # fmt: skip


def table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table."""
    lines = ["| | auditlog-tui | beside it | ratio | goal | |", "|---|---|---|---|---|---|"]
    for each in figures:
        met = {True: "met", False: "**missed**", None: ""}[each.met]
        lines.append(f"| {each.what} | {each.ours} | {each.beside} | {each.ratio} | {each.goal} | {met} |")
    return "\n".join(lines)
