"""Process tuning for input latency: the garbage collector, Textual's frame rate, and pauses of background work.

It cuts the 99th percentile of scrolling keys from 46 ms to 3 (tests/bench, 1,000 entries): a full collection visits
every object, and at 60 frames a second a key may wait 16 ms for its frame.
"""

from __future__ import annotations

import gc
import os
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio import CancelledError, Future

FRAMES_PER_S = "240"

YOUNG_LIMIT = 10_000
"""Young containers (allocated, minus freed) above which the young generation is collected."""

COLLECTIONS_PER_OLDER = 10
"""Collections of one generation after which the next older one is collected as well; Python's own default."""

LONGEST_S = 0.05
"""The most seconds that background work waits for a key or click to be handled."""

FRAME_S = 0.006
"""Seconds that background work waits after a key was handled: its frame follows at most 1/240 s later."""

BUSY_S = 0.25
"""Seconds after input in which it may still not be drawn, on a slow or busy machine."""

TURNS = 8
"""Turns of the event loop between two slices of background work within `BUSY_S`: a key takes about 20 turns."""


def prepare() -> None:
    """Turn the collector off and set the frame rate. Call it before other imports: they take 30 ms less.

    Textual reads `TEXTUAL_FPS` when it is imported; a value that the user has set is kept.
    """
    gc.disable()
    os.environ.setdefault("TEXTUAL_FPS", FRAMES_PER_S)


def enable_collector() -> None:
    """Turn the automatic collector on, for commands without a screen. It skips the objects that exist now."""
    gc.freeze()
    gc.enable()


def freeze_startup_objects() -> None:
    """Exclude the objects that exist now from later collections.

    Call it again after a library was imported late: its objects would be visited once more, which takes 5 to 10 ms.
    """
    if not gc.isenabled():
        gc.freeze()


def collect_garbage(*, idle: bool, pressed: bool = False) -> None:
    """Collect young objects, which takes a millisecond, or all objects if the user is `idle`.

    Call it about once a second. If the user is never idle for long, cycles accumulate among older objects. So the
    middle generation is collected after `COLLECTIONS_PER_OLDER` young collections, and all objects after as many of
    the middle one, unless a key was just `pressed`.
    """
    if gc.isenabled():
        return
    young, collections_of_young, collections_of_older = gc.get_count()
    full_due = not pressed and collections_of_older >= COLLECTIONS_PER_OLDER
    if full_due or (idle and (young > YOUNG_LIMIT or collections_of_young)):
        gc.collect()
    elif not pressed and collections_of_young >= COLLECTIONS_PER_OLDER:
        gc.collect(1)
    elif young > YOUNG_LIMIT:
        gc.collect(0)


class _Pause:
    """The reading of `time.perf_counter()` until which background work pauses."""

    until = 0.0
    waiting = 0
    """Slices that wait for their turns after the pause."""


def input_arrived() -> None:
    """Let background work pause until `input_handled`, for `LONGEST_S` at most; any thread may call it."""
    _Pause.until = time.perf_counter() + LONGEST_S


def input_handled() -> None:
    """Let background work go on once the input is drawn."""
    _Pause.until = time.perf_counter() + FRAME_S


def pause_left() -> float:
    """Seconds for which background work should pause; 0 or less if it should not."""
    return _Pause.until - time.perf_counter()


NAP_S = 0.002
"""Seconds that work in a thread sleeps between two looks at whether the input is drawn."""


def give_way_in_thread() -> None:
    """`give_way` for work in a thread, which would take turns with the event loop at running Python."""
    while pause_left() > 0:
        time.sleep(NAP_S)


async def give_way() -> None:
    """Let other tasks run, and what the user typed be drawn; await it between two slices of background work.

    Steady input slows background work down and never stops it.
    """
    from asyncio import sleep  # late: `prepare` runs before other imports

    await sleep(0)
    await pause()


async def pause() -> None:
    """Wait if what the user typed may not be drawn yet; otherwise return at once.

    What is typed between two turns is waited for as well, but once: steady input must not stop the work.
    """
    from asyncio import sleep

    if (left := pause_left()) > 0:
        await sleep(left)
    if pause_left() > -BUSY_S:
        _Pause.waiting += 1
        try:
            for _ in range(TURNS * _Pause.waiting):  # one slice after the other, however many tasks there are
                await sleep(0)
        finally:
            _Pause.waiting -= 1
        if (left := pause_left()) > 0:
            await sleep(left)


async def wait_for_end(task: Future[Any]) -> CancelledError | None:
    """Wait until a task has ended, and return the last cancellation of the waiting one meanwhile.

    The caller decides whether that still counts. The task's own result or error is not looked at.
    """
    from asyncio import CancelledError, wait

    cancelled: CancelledError | None = None
    while not task.done():
        try:
            await wait([task])
        except CancelledError as error:
            cancelled = error
    return cancelled
