"""How fast entries come while everything is loaded, and how long the rest will take."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable

from auditlog_tui.api.retry import PATIENCE, TOO_MANY, Wait
from auditlog_tui.text.times import count

WINDOW_S = 5.0
"""Seconds that the rate is measured over."""

STEADY = 1.5
"""The time left is told where the rates of the window's two halves differ by no more than this factor."""

HOLD_S = 4.0
"""Seconds that the time left stays told when the rates differ more."""

_Sample = tuple[float, int]
"""A time (seconds) and how many entries had come."""


class Pace:
    """The requests at once, the rate and the time left of a walk. `now` is a monotonic clock in seconds.

    `wanted` requests are sent at once unless the server allows fewer; `allowed` returns how many it does.
    """

    def __init__(
        self,
        at_once: Callable[[], int],
        now: Callable[[], float] = time.monotonic,
        *,
        wanted: int = 1,
        allowed: Callable[[], float] = lambda: math.inf,
    ) -> None:
        self._at_once = at_once
        self._now = now
        self._wanted = wanted
        self._allowed = allowed
        self._samples: deque[_Sample] = deque()
        self._left: int | None = None
        self._came_at = now()
        self._steady_at = -math.inf

    def note(self, loaded: int, left: int | None) -> None:
        """So many entries have come; `left` is how many are to come, `None` if unknown."""
        now = self._now()
        self._left, self._came_at = left, now
        if self._samples and now - self._samples[-1][0] < WINDOW_S / 50:
            return
        self._samples.append((now, loaded))
        while len(self._samples) > 2 and self._samples[1][0] < now - WINDOW_S:
            self._samples.popleft()
        if self._steady():
            self._steady_at = now

    def tells(self, wait: Wait) -> bool:
        """Whether a wait is told as part of the text: the server asks for fewer requests, and entries come."""
        if wait.until is not None:
            return wait.status in TOO_MANY and wait.left(self._now()) <= PATIENCE
        return self._slowed(wait) and self._now() - self._came_at < PATIENCE

    def text(self, wait: Wait | None = None, *, short: bool = False) -> str:
        """For example `8 requests at once, 2,140 entries/s, 3 min left`; short, `8 at once, 2,140/s, 3 min left`."""
        at_once = max(1, self._at_once())  # a cursor that walks where slices can't is not counted
        parts = [f"{at_once} at once" if short else f"{at_once} request{'s' * (at_once != 1)} at once"]
        if self._slowed(wait):
            parts.append("slowed by the server")
        return ", ".join([*parts, *self.speed("" if short else " entries")])

    def speed(self, noun: str = "") -> list[str]:
        """The rate, as `2,140 entries/s`, and the time left, as `3 min left`, as far as they are known."""
        rate = self._rate(0, -1)
        if not rate:
            return []
        told = [f"{count(round(rate))}{noun}/s"]
        if self._left is not None and self._now() - self._steady_at <= HOLD_S:
            told.append(f"{_duration(self._left / rate)} left")
        return told

    def _slowed(self, wait: Wait | None) -> bool:
        return self._allowed() < self._wanted or (wait is not None and wait.status in TOO_MANY)

    def _rate(self, first: int, last: int) -> float | None:
        """Entries per second between two samples; `None` if they are too close together."""
        if len(self._samples) < 2:
            return None
        (since, before), (until, after) = self._samples[first], self._samples[last]
        return (after - before) / (until - since) if until - since >= 1.0 else None

    def _steady(self) -> bool:
        middle = len(self._samples) // 2
        one, other = self._rate(0, middle), self._rate(middle, -1)
        return bool(one and other) and max(one or 0, other or 0) <= STEADY * min(one or 0, other or 0)


def _duration(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"
