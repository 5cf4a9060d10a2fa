"""How the process runs so that no key waits for Python itself: its garbage collector, and Textual's frame rate.

Without these two, of keys that scroll the slowest in a hundred took 46 ms instead of 3 (measured by tests/bench at
1,000 entries): a collection looks through everything there is, and at 60 frames a second a frame may wait for 16 ms.
"""

from __future__ import annotations

import gc
import os

FRAMES_PER_S = "240"

ENOUGH = 10_000
"""Containers made, less those that are gone already, from which it is worth looking for cycles among them."""

OLDER = 10
"""Collections of one generation after which the next older one is collected too; Python's own number."""


def begin() -> None:
    """Call before all else is imported, which takes 30 ms less without the collector.

    Textual reads `TEXTUAL_FPS`, which goes before ours, when it is imported.
    """
    gc.disable()
    os.environ.setdefault("TEXTUAL_FPS", FRAMES_PER_S)


def without_screen() -> None:
    """Let the collector work as always: nobody waits for a frame."""
    gc.enable()


def settle() -> None:
    """What is there now stays, and need not be looked through again and again."""
    if not gc.isenabled():
        gc.freeze()


def rest(*, idle: bool, pressed: bool = False) -> None:
    """Call it each second or so: collects what was made since, in a millisecond; when `idle`, whatever there is.

    Somebody who is never idle for long leaves cycles that were not young any more when they were left: those are
    looked for after every `OLDER`th of these collections, and among all objects after as many of those, but not
    while a key was `pressed` just now.
    """
    if gc.isenabled():
        return
    young, collections_of_young, collections_of_older = gc.get_count()
    waited = not pressed and collections_of_older >= OLDER
    if waited or (idle and (young > ENOUGH or collections_of_young)):
        gc.collect()
    elif not pressed and collections_of_young >= OLDER:
        gc.collect(1)
    elif young > ENOUGH:
        gc.collect(0)
