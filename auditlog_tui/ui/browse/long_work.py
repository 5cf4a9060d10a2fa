"""Background work of the browse screen that may be long."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from auditlog_tui.runtime import give_way
from auditlog_tui.text.times import count
from auditlog_tui.ui.browse.host import Host

if TYPE_CHECKING:
    from textual.worker import Worker

PORTION = 100
"""Entries processed between two keys: parsing or storing them takes 4 ms (measured)."""

_T = TypeVar("_T")


class LongWork:
    """Work on many entries, one piece at a time, in portions. Shows its progress; Escape stops it."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._worker: Worker[None] | None = None
        self._doing = ""
        self._stopped = ""

    @property
    def busy(self) -> bool:
        return self._worker is not None and not self._worker.is_finished

    async def do(self, amount: int, work: Callable[[], Coroutine[Any, Any, None]]) -> Worker[None] | None:
        """Run work on so many entries: at once if they are few, else in the background, by the worker returned."""
        if amount <= PORTION:
            await work()
        elif self.busy:
            self._host.say(f"{self._doing}: that goes first, Esc stops it", "warning")
        else:
            self._worker = self._host.start(work, "long work")
            return self._worker
        return None

    def begin(self, doing: str, stopped: str) -> None:
        """Say what is being done. `stopped` describes the result if it is stopped now."""
        self._doing, self._stopped = doing, stopped
        self._host.say(f"{doing}, Esc stops", "")

    def note(self, stopped: str) -> None:
        """Describe the result if it is stopped now."""
        self._stopped = stopped

    async def portions(
        self, items: Sequence[_T], doing: str, stopped: Callable[[int], str]
    ) -> AsyncIterator[Sequence[_T]]:
        """The items in portions; messages are handled between them.

        `doing` names the work. `stopped` describes the result if it is stopped after so many items.
        """
        self._doing, self._stopped = doing, stopped(0)
        for first in range(0, len(items), PORTION):
            yield items[first : first + PORTION]
            done = first + PORTION
            if done < len(items):
                self._stopped = stopped(done)
                self._host.say(f"{doing}: {count(done)} of {count(len(items))}, Esc stops", "")
                await give_way()

    def stop(self) -> bool:
        """Stop, and say what was done. False if nothing was running."""
        if self._worker is None or self._worker.is_finished:
            return False
        self._worker.cancel()
        self._worker = None
        self._host.say(f"Stopped: {self._stopped}", "warning")
        return True


class TargetWork:
    """Work that concerns a target, in the background: it is started again only for another target."""

    def __init__(self, host: Host, group: str) -> None:
        self._host = host
        self._group = group
        self._target: object = None
        self._worker: Worker[None] | None = None

    def run(self, target: object, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `work` unless work on the same target is running; work on another target is cancelled."""
        if self._worker is None or self._worker.is_finished or self._target is not target:
            self._target, self._worker = target, self._host.start(work, self._group)

    def cancel(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
        self._worker = None
