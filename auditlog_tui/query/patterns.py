"""Regular expressions that can't freeze the screen.

Each pattern is compiled once and has an allowance of processor time: some to begin with and a little more for every
value it is tried on, which ordinary patterns don't come near. On a value for which none is left the pattern counts
as not found (and its negation as true), and the pattern counts such values, so that the screen can say so.
"""

from __future__ import annotations

import re
import time
from functools import lru_cache
from typing import Any

LONGEST = 500
"""Characters in a pattern."""

MOST_REPEATS = 1_000
"""What the counts in a pattern may multiply to: `(a{1000}){1000}` takes a second to compile."""

PER_VALUE = 0.000_05
AT_ONCE = 0.01
AT_FIRST = 0.2
"""Seconds of processor time: earned by each value, spent on one at most, and to begin with."""

_COUNT = re.compile(r"\{(\d{1,9})")


class TooBigError(ValueError):
    """A pattern that would take too long to compile."""


class Pattern:
    """One compiled pattern; `overruns` is the number of values it had no time for."""

    def __init__(self, pattern: str) -> None:
        self.overruns = 0
        self._left = AT_FIRST
        self._search = _compile(pattern).search

    def found(self, value: str) -> bool:
        """Whether the pattern matches somewhere in the value; False where it runs out of time."""
        self._left = min(AT_FIRST, self._left + PER_VALUE)
        if self._left < PER_VALUE:
            self.overruns += 1
            return False
        began = time.thread_time()
        try:
            return self._search(value, timeout=min(AT_ONCE, max(self._left, PER_VALUE))) is not None
        except (TimeoutError, MemoryError):
            self.overruns += 1
            return False
        finally:
            self._left -= time.thread_time() - began


@lru_cache(maxsize=64)
def compiled(pattern: str) -> Pattern:
    """The one `Pattern` of this text. Raises `ValueError`, whose text is the reason, for one that can't be used."""
    return Pattern(pattern)


def _compile(pattern: str) -> Any:
    import regex  # type: ignore[import-untyped]  # it ships no types; here, as it is slow to import

    if len(pattern) > LONGEST:
        raise TooBigError(f"it has more than {LONGEST} characters")
    repeats = 1
    for count in _COUNT.findall(pattern):
        repeats *= max(1, int(count))
    if repeats > MOST_REPEATS:
        raise TooBigError(f"its counts multiply to more than {MOST_REPEATS:,}")
    try:
        return regex.compile(pattern)
    except (regex.error, ValueError, OverflowError, RecursionError, KeyError, IndexError) as error:
        raise ValueError(str(error) or "it can't be compiled") from error
