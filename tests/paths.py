"""Count how far a thing travels through the package: files, functions and calls from file to file.

python -m tests.paths         three journeys through the app, over the demo's log
python -m tests.paths --list  names the files too, and the calls between them

A journey runs from one event to another in an app that is warm and idle:

- page: from the answer leaving the transport to the frame that shows one of its entries
- query: from Enter in the filter bar to the request entering the transport
- copy: from the key `c` to the frame that shows its message

Every function of the package that runs in between counts, in any thread, except for repeating timers (clock, spinner,
cursor) and, where the end is no frame, drawing. A call goes from the nearest function of the package
on the stack, whatever libraries lie between, to the function that starts; a coroutine that is resumed counts as a
function and makes no call. A function that Textual or asyncio calls from its own loop has no caller.

Each journey is repeated in several processes, because messages and threads may interleave differently: functions,
files and moves count if most rounds have them. Of the calls the fewest count: a message more makes more of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import CO_OPTIMIZED
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CodeType, FrameType
from typing import Any, TypeVar
from unittest.mock import patch

import httpx
from textual.timer import Timer

import auditlog_tui
from tests.app.helpers import Hand, running
from tests.app.wire import Answers, Json, Wire, log_of
from tests.effort import HANGS_S

ROOT = Path(__file__).parent.parent
PACKAGE = Path(auditlog_tui.__file__).parent
ROUNDS = 5
REST_S = 0.3
"""Seconds that the app gets to finish what is under way before a journey."""

Move = tuple[str, str]
"""A file with a call, and the file called."""

T = TypeVar("T")


# -- counting ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Figures:
    """One journey: files, functions (`file:name:line`), moves, and the number of all calls between files."""

    files: frozenset[str]
    functions: frozenset[str]
    moves: frozenset[Move]
    calls: int

    def __str__(self) -> str:
        return (
            f"{len(self.files):>3} files {len(self.functions):>4} functions"
            f" {len(self.moves):>4} moves {self.calls:>5} calls between files"
        )


class Tracer:
    """Records the functions below a folder that run while it is `running`, and their callers."""

    def __init__(self, folder: Path) -> None:
        self.running = False
        self._within = f"{folder}{os.sep}"
        self._names: dict[str, str] = {}
        self._seen: list[tuple[CodeType, CodeType | None]] = []

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Watch this thread and those that start in this block."""
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)
        try:
            yield
        finally:
            self.running = False
            sys.setprofile(None)
            threading.setprofile(None)

    def figures(self) -> Figures:
        """What ran so far."""
        ran = [code for code, _ in self._seen]
        calls = [(self._file(by), self._file(code)) for code, by in self._seen if by is not None]
        between = [(one, other) for one, other in calls if one != other]
        return Figures(
            frozenset(map(self._file, ran)),
            frozenset(f"{self._file(code)}:{code.co_qualname}:{code.co_firstlineno}" for code in ran),
            frozenset(between),
            len(between),
        )

    def _profile(self, frame: FrameType, event: str, arg: object) -> None:
        if self.running and event == "call" and self._counts(frame.f_code):
            self._seen.append((frame.f_code, self._caller_of(frame) if _begins(frame) else None))

    def _caller_of(self, frame: FrameType) -> CodeType | None:
        above = frame.f_back
        while above is not None and not self._file(above.f_code):
            above = above.f_back
        return above.f_code if above is not None else None

    def _counts(self, code: CodeType) -> bool:
        """Whether it is a function: no body of a module or class, and no comprehension."""
        return bool(self._file(code) and code.co_flags & CO_OPTIMIZED and code.co_name not in _COMPREHENSIONS)

    def knows(self, code: CodeType) -> bool:
        """Whether it is code of a file below the folder."""
        return bool(self._file(code))

    def _file(self, code: CodeType) -> str:
        """The file below the folder; empty for any other."""
        file = code.co_filename
        name = self._names.get(file)
        if name is None:
            name = self._names[file] = file.removeprefix(self._within) if file.startswith(self._within) else ""
        return name


_COMPREHENSIONS = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}  # from 3.12 on only the last is a function


def _begins(frame: FrameType) -> bool:
    """Whether a frame starts; that of a generator or coroutine may be resumed."""
    return frame.f_code.co_code[frame.f_lasti + 1] & 3 == 0  # a call event is at RESUME, whose argument says where


def most(rounds: Sequence[Figures]) -> Figures:
    """What ran in more than half of the rounds, in the fewest calls."""

    def common(sets: Iterable[frozenset[T]]) -> frozenset[T]:
        times = Counter(each for found in sets for each in found)
        return frozenset(each for each, number in times.items() if 2 * number > len(rounds))

    return Figures(
        common(each.files for each in rounds),
        common(each.functions for each in rounds),
        common(each.moves for each in rounds),
        min(each.calls for each in rounds),
    )


# -- journeys ------------------------------------------------------------------------------------------------------


class Gate(Wire):
    """A wire that reports each request entering it, and each answer leaving it."""

    def __init__(self, log: Answers) -> None:
        super().__init__(log)
        self.entered: Callable[[httpx.Request], None] = lambda request: None
        self.left: Callable[[], None] = lambda: None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.entered(request)
        response = await super().handle_async_request(request)
        self.left()
        return response


class Journey:
    """A running app, its wire, and the tracer that runs from `begin` to `end`. `drawn`: a frame is the end."""

    def __init__(self, hand: Hand, gate: Gate, tracer: Tracer) -> None:
        self.hand = hand
        self.gate = gate
        self.tracer = tracer
        self.drawn = False
        self.held = False
        self.begun = 0.0
        self._ended = asyncio.Event()

    def begin(self) -> None:
        """Start the journey, which is made once."""
        self.begun = time.monotonic()
        self.tracer.running = not self._ended.is_set()

    def end(self) -> None:
        self.tracer.running = False
        self._ended.set()

    async def ended(self) -> None:
        """Wait for the end without running any code of the package."""
        await self._ended.wait()

    async def rest(self) -> None:
        """Hold repeating timers from here on, and let the app finish what is under way."""
        self.held = True
        await asyncio.sleep(REST_S)

    def ends_at_frame(self, text: str) -> None:
        """End with the frame that draws this text."""
        self.drawn = True
        app = self.hand.app
        display = app._display

        def shown(screen: Any, renderable: Any) -> None:
            display(screen, renderable)
            if renderable is not None and text in _plain(renderable.render_segments(app.console)):
                self.end()

        app._display = shown  # type: ignore[method-assign]  # called for each frame, without a terminal too


def _plain(sequence: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", sequence)


@contextmanager
def still(journey: Journey) -> Iterator[None]:
    """Keep the wall clock out of the journey, so that every run takes the same turns.

    Repeating timers are held (frames are drawn where the journey ends with one), the package's clock stands still,
    and its pauses are so long that everything else is finished before they end.
    """
    tracer = journey.tracer
    tick, clock, sleep = Timer._tick, time.monotonic, asyncio.sleep

    def by_package() -> bool:
        return tracer.running and tracer.knows(sys._getframe(2).f_code)

    async def ticked(timer: Timer, *, next_timer: float, count: int) -> None:
        frame = timer.name == "screen_update" and (journey.drawn or not tracer.running)
        if not journey.held or timer._repeat == 0 or frame:
            await tick(timer, next_timer=next_timer, count=count)

    def told() -> float:
        return journey.begun if by_package() else clock()

    def paused(delay: float, result: object = None) -> Coroutine[Any, Any, object]:
        return sleep(max(delay, REST_S) if delay > 0 and by_package() else delay, result)

    with (
        patch.object(Timer, "_tick", ticked),
        patch.object(time, "monotonic", told),
        patch.object(asyncio, "sleep", paused),
    ):
        yield


async def page(journey: Journey) -> None:
    """A page of entries, from the wire to strips on the screen"""
    hand, gate = journey.hand, journey.gate
    mark = "vm.on_this_page"

    def marked(number: int, body: Json) -> Json:
        return {**body, "items": [{**item, "action": mark} for item in body["items"]]}

    asked = len(gate.requests)
    while len(gate.requests) == asked:  # an earlier page, so that the code is warm
        await hand.press("pagedown")
    gate.hold()
    asked = len(gate.requests)
    while hand.table.cursor < len(hand.table.view or ()) - 1:
        hand.send("pagedown")
        await journey.rest()
    assert len(gate.requests) == asked + 1
    gate.edit = marked
    gate.left = journey.begin
    journey.ends_at_frame(mark)
    gate.release()
    await journey.ended()


async def query(journey: Journey) -> None:
    """A query, from Enter in the filter bar to the request on the wire"""
    hand, gate = journey.hand, journey.gate
    await hand.filter("method:POST")  # warms the code
    await hand.press("/")
    hand.input.value = "status:>=400 actor.type:api_key last:30d"
    await hand.settled()
    await journey.rest()
    gate.entered = lambda request: journey.end()
    journey.begin()
    hand.send("enter")
    await journey.ended()


async def copy(journey: Journey) -> None:
    """The key `c`, from the keyboard to its message on the screen"""
    hand = journey.hand
    await hand.press("down", "c", "down")  # warms the code
    await journey.rest()
    journey.ends_at_frame(hand.row.key)
    journey.begin()
    hand.send("c")
    await journey.ended()


JOURNEYS: dict[str, Callable[[Journey], Awaitable[None]]] = {each.__name__: each for each in (page, query, copy)}


async def traced(name: str) -> Figures:
    """Make one journey in this process."""
    tracer = Tracer(PACKAGE)
    with tracer.installed():
        gate = Gate(log_of())
        async with running(gate) as hand:
            journey = Journey(hand, gate, tracer)
            async with asyncio.timeout(HANGS_S):
                with still(journey):
                    await JOURNEYS[name](journey)
    return tracer.figures()


# -- rounds --------------------------------------------------------------------------------------------------------


def once(name: str) -> Figures:
    """Make one journey in a process of its own, in a fixed environment."""
    with TemporaryDirectory() as home:
        folders = ("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")
        environ = dict.fromkeys(folders, home) | {"TZ": "UTC", "PYTHONUTF8": "1", "PYTHONHASHSEED": "0"}
        command = [sys.executable, "-m", "tests.paths", "--once", name]
        done = subprocess.run(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True, check=True)
    told = json.loads(done.stdout)
    moves = frozenset((one, other) for one, other in told["moves"])
    return Figures(frozenset(told["files"]), frozenset(told["functions"]), moves, told["calls"])


def written(figures: Figures) -> str:
    """The figures as JSON, for `once`."""
    listed = {name: sorted(getattr(figures, name)) for name in ("files", "functions", "moves")}
    return json.dumps({**listed, "calls": figures.calls})


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.paths", description="Count how far a thing travels through the package."
    )
    parser.add_argument("--list", action="store_true", help="name the files and the moves")
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, metavar="N", help=f"how often to repeat each (default: {ROUNDS})"
    )
    parser.add_argument("--once", choices=JOURNEYS, help="make one journey in this process; prints JSON")
    options = parser.parse_args(argv)
    if options.once:
        print(written(asyncio.run(traced(options.once))))
        return 0
    for name, journey in JOURNEYS.items():
        figures = most([once(name) for _ in range(options.rounds)])
        print(f"{figures}   {journey.__doc__}", flush=True)
        if options.list:
            lines = [f"  {file}" for file in sorted(figures.files)]
            lines += [f"  {one} -> {other}" for one, other in sorted(figures.moves)]
            print("\n".join(lines), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
