"""Counts that do not depend on the machine, compared with `baseline.json`; `--update` rewrites that file."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx

from auditlog_tui.demo import demo_log
from auditlog_tui.demo.server import serving
from auditlog_tui.offline.transport import Endpoints, OfflineTransport
from tests.app.helpers import Hand, TestOpener, app_over, settled, until
from tests.app.wire import Wire
from tests.bench.bench import APP
from tests.bench.keys import DOWN, END, HOME, PAGE_DOWN, UP
from tests.bench.server import UNTIL
from tests.bench.terminal import HEIGHT, WIDTH, Terminal, environment

BASELINE = Path(__file__).with_name("baseline.json")
TOLERANCE = 0.1
SMALL, LARGE = 1_000, 10_000
KEYS = {"down in view": "down", "scroll": "down", "page": "pagedown", "End": "end", "Home": "home"}

Counts = dict[str, float]


class _Counting(httpx.AsyncBaseTransport):
    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self.requests = 0
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        return await self._transport.handle_async_request(request)


async def counts() -> Counts:
    """All counts by name."""
    found: Counts = {}
    for size in (SMALL, LARGE):
        found |= await _screen_counts(size)
    return found | written()


@asynccontextmanager
async def _loaded(size: int) -> AsyncIterator[tuple[Hand, _Counting, int]]:
    """The app with a log of this many entries loaded, and the number of requests for its first rows."""
    log = demo_log(entries=size, until=UNTIL)
    wire = _Counting(OfflineTransport(log))
    app = app_over(TestOpener(wire, parallel=1))
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        hand = Hand(pilot, app, Wire(Endpoints(log)))
        await until(pilot, lambda: hand.table.view is not None and len(hand.table.view) > 0)
        first = wire.requests
        await settled(pilot)
        await hand.press("A")
        assert len(hand.table.view or ()) == size
        yield hand, wire, first


async def _screen_counts(size: int) -> Counts:
    found: Counts = {}
    async with _loaded(size) as (hand, wire, first):
        found[f"requests to the first rows of {size}"] = first
        found[f"requests to load {size}"] = wire.requests
        statements = 0

        def count(_: str) -> None:
            nonlocal statements
            statements += 1

        hand.navigator.log.store.connection.set_trace_callback(count)
        for name, key in KEYS.items():
            if name == "scroll":
                await hand.press(*["down"] * HEIGHT)
            times = 1 if name in ("End", "Home") else 20
            before, drawn = statements, hand.table.canvas.formatted
            await hand.press(*[key] * times)
            found[f"statements, {name}, {size}"] = (statements - before) / times
            found[f"rows formatted, {name}, {size}"] = (hand.table.canvas.formatted - drawn) / times
        hand.navigator.log.store.connection.set_trace_callback(None)
    return found


def written() -> Counts:
    """The bytes that the program writes to a terminal for a key."""
    found: Counts = {}
    with TemporaryDirectory() as home, serving(demo_log(entries=SMALL, until=UNTIL)) as server:
        env = environment(
            Path(home), NIRVANA_LABS_BASE_URL=server.url, NIRVANA_LABS_API_KEY="any", AUDITLOG_TUI_ZONE="utc"
        )
        with Terminal(APP, env) as program:
            program.wait_for(b"loaded")
            program.settle(0.5)
            program.type("A")
            program.wait_for(b"COMPLETE")
            program.settle(0.5)
            found["bytes, down in view"] = _bytes(program, DOWN)
            program.type(DOWN * HEIGHT)
            program.settle(0.5)
            found["bytes, scroll"] = _bytes(program, DOWN)
            found["bytes, up in view"] = _bytes(program, UP)
            found["bytes, page"] = _bytes(program, PAGE_DOWN)
            found["bytes, End"] = program.key(END).bytes
            found["bytes, Home"] = program.key(HOME).bytes
    return found


def _bytes(program: Terminal, key: str) -> float:
    return median(program.key(key).bytes for _ in range(9))


def complaints(found: Counts) -> list[str]:
    """The counts that exceed the baseline by more than the tolerance, as messages that say what to do."""
    textual = version("textual")
    known: dict[str, Counts] = json.loads(BASELINE.read_text())
    if textual not in known:
        return [f"baseline.json knows nothing of Textual {textual}. {_HOW}"]
    was = known[textual]
    wrong = [f"{name}: {now:g}, was {was[name]:g}" for name, now in found.items() if _worse(now, was.get(name, now))]
    wrong += [f"{name}: not in the baseline" for name in found if name not in was]
    wrong += [f"{name}: not counted any more" for name in was if name not in found]
    return [*wrong, _HOW] if wrong else []


_HOW = "Where that is meant: `python -m tests.bench --quick --update`, and commit baseline.json."


def _worse(now: float, was: float) -> bool:
    return now > was * (1 + TOLERANCE)


def update(found: Counts) -> None:
    """Make these counts the baseline for this version of Textual."""
    known = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    known[version("textual")] = found
    BASELINE.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")
