"""The time from a key to the complete frame, in a pty, at several sizes, in rounds over all programs."""

from __future__ import annotations

from collections import defaultdict

from tests.bench import peers
from tests.bench.bench import Bench
from tests.bench.figures import Figure, at_most, median, ms, p99
from tests.bench.terminal import Frame, Terminal

DOWN, UP, PAGE_DOWN, END, HOME = "\x1b[B", "\x1b[A", "\x1b[6~", "\x1b[F", "\x1b[H"
TABLE_KEYS = {"scroll": DOWN, "in view": UP, "page": PAGE_DOWN, "End": END, "Home": HOME}
LNAV_KEYS = {"scroll": "j", "page": " ", "End": "G", "Home": "g"}
TIMES = {"scroll": 10, "in view": 10, "page": 5, "End": 1, "Home": 1}

Frames = dict[str, list[Frame]]


def measure(bench: Bench) -> None:
    programs: dict[str, tuple[Terminal, dict[str, str]]] = {}
    for size in bench.sizes:
        programs[f"{size:,}"] = bench.all_of(size), TABLE_KEYS
    programs["DataTable"] = _datatable(bench), TABLE_KEYS
    if lnav := _lnav(bench):
        programs["lnav"] = lnav, LNAV_KEYS
    found: dict[str, Frames] = {name: defaultdict(list) for name in programs}
    for number in range(bench.rounds):
        bench.say(f"keys, round {number + 1} of {bench.rounds}")
        for name, (program, keys) in programs.items():
            _round(program, keys, found[name])
    _report(bench, found)


def _round(program: Terminal, keys: dict[str, str], found: Frames) -> None:
    program.type(keys["scroll"] * 60)  # to the lower edge, so that the next key scrolls
    program.settle(0.1)
    for name, key in keys.items():
        for _ in range(TIMES[name]):
            frame = program.key(key)
            if frame.bytes:
                found[name].append(frame)


def _datatable(bench: Bench) -> Terminal:
    program = bench.start(peers.command("datatable"))
    program.wait_for(b"/v1/")
    program.idle()
    return program


def _lnav(bench: Bench) -> Terminal | None:
    command = peers.lnav(bench.home, bench.log(bench.entries))
    if command is None:
        bench.notes.append("lnav was not found: apt-get install lnav")
        return None
    program = bench.start(command)
    program.wait_for(peers.LNAV_SHOWS)
    program.idle(1.0)
    program.key("g")
    return program


def _ms(frames: list[Frame]) -> list[float]:
    return [frame.ms for frame in frames]


def _report(bench: Bench, found: dict[str, Frames]) -> None:
    small, large = f"{bench.sizes[0]:,}", f"{bench.sizes[-1]:,}"
    ours, table, lnav = found[large], found["DataTable"], found.get("lnav", {})
    for name in TABLE_KEYS:
        sizes = ", ".join(f"{size:,}: {ms(_ms(found[f'{size:,}'][name]))}" for size in bench.sizes)
        flat = median(_ms(ours[name])) / median(_ms(found[small][name]))
        goal, met = ("<= 1.1x", flat <= 1.1) if name in ("scroll", "page") else ("", None)
        said = f"{flat:.2f}x of medians, {large} / {small}"
        bench.add(Figure(f"key to frame, {name}", sizes, "", said, goal, met))
        scroll = name == "scroll"
        if name in lnav:
            bench.add(_worst(f"{name}, p99 at {large} (lnav)", ours[name], lnav[name], 2 if scroll else None, "lnav"))
        peer = f"DataTable, {peers.ROWS:,}"
        limit = 1 / 15 if scroll else None
        bench.add(_worst(f"{name}, p99 at {large} (DataTable)", ours[name], table[name], limit, peer))
    for name in ("scroll", "page", "in view"):
        sent, theirs = median([f.bytes for f in ours[name]]), median([f.bytes for f in table[name]])
        other = f", lnav {median([f.bytes for f in lnav[name]]):,.0f}" if name in lnav else ""
        scroll = name == "scroll"
        bench.add(
            Figure(f"bytes to the terminal, {name}", f"{sent:,.0f}", f"DataTable {theirs:,.0f}{other}",
                   f"{sent / theirs:.2f}x", "<= 10,000" if scroll else "", sent <= 10_000 if scroll else None)
        )  # fmt: skip


def _worst(what: str, ours: list[Frame], theirs: list[Frame], goal: float | None, who: str) -> Figure:
    mine, other = _ms(ours), _ms(theirs)
    return at_most(what, p99(mine), p99(other), goal, ms(mine), f"{who} {ms(other)}")
