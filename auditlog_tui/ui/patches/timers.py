"""Timers that call once, however late they start.

Overrides: nothing; sets `Timer._skip`.
Why: Textual's timers skip the calls that are overdue, and of one call leave nothing. A timer of a few milliseconds is
    overdue if the process has to wait for the processor between the timer's first two looks at the clock.
Tested with Textual 8.2.8.
If Textual changes: on a busy machine the screen may miss a change of size, or show old rows while more are loaded.
"""

from __future__ import annotations

from textual.timer import Timer


def certain(timer: Timer) -> Timer:
    """Have a timer that has just been set call in any case."""
    timer._skip = False
    return timer
