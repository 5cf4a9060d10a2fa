"""Regular expressions with a limit on processor time, so that none can freeze the screen.

Each pattern is compiled once and has a budget: an initial amount, plus a little for every value it is tried on.
Ordinary patterns stay far below it. Once it is used up, further values count as not matching (so their negation
matches); the pattern counts them, so that the screen can report their number.
"""

from __future__ import annotations

import re
import time
from functools import lru_cache
from typing import Any

LONGEST = 500
"""The most characters in a pattern."""

MOST_REPEATS = 1_000
"""The greatest product of a pattern's repeat counts: `(a{1000}){1000}` takes a second to compile."""

PER_VALUE = 0.000_05
MOST_PER_VALUE = 0.01
INITIAL = 0.2
"""The budget in seconds of processor time: earned per value, the most for one value, and the initial amount.

The initial amount is also the most that can be saved up.
"""

_COUNT = re.compile(r"\{(\d{1,9})")


class TooBigError(ValueError):
    """The pattern would take too long to compile."""


class Pattern:
    """One compiled pattern; `overruns` is the number of values that exceeded its budget."""

    def __init__(self, pattern: str) -> None:
        self.overruns = 0
        self._left = INITIAL
        self._search = _compile(pattern).search

    def found(self, value: str) -> bool:
        """Whether the pattern matches anywhere in the value; False if it runs out of time."""
        self._left = min(INITIAL, self._left + PER_VALUE)
        if self._left < PER_VALUE:
            self.overruns += 1
            return False
        began = time.thread_time()
        try:
            return self._search(value, timeout=min(MOST_PER_VALUE, max(self._left, PER_VALUE))) is not None
        except (TimeoutError, MemoryError):
            self.overruns += 1
            return False
        finally:
            self._left -= time.thread_time() - began


@lru_cache(maxsize=64)
def compiled(pattern: str) -> Pattern:
    """The shared `Pattern` of this text. Raises `ValueError` with the reason if it is invalid."""
    return Pattern(pattern)


def _compile(pattern: str) -> Any:
    import regex  # type: ignore[import-untyped]  # it ships no types; here, as it is slow to import

    if len(pattern) > LONGEST:
        raise TooBigError(f"it has more than {LONGEST} characters")
    repeats = 1
    for count in _COUNT.findall(pattern):
        repeats *= max(1, int(count))
    if repeats > MOST_REPEATS:
        raise TooBigError(f"its repeat counts multiply to more than {MOST_REPEATS:,}")
    try:
        return regex.compile(pattern)
    except (regex.error, ValueError, OverflowError, RecursionError, KeyError, IndexError) as error:
        raise ValueError(str(error) or "it can't be compiled") from error
