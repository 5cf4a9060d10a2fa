"""Work on many entries, a portion at a time between keys: it says how far it is, and Escape stops it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from auditlog_tui.text.present import count
from auditlog_tui.ui.patches.workers import start

if TYPE_CHECKING:
    from textual.screen import Screen
    from textual.worker import Worker

PORTION = 100
"""Entries done in one go: to parse them takes 4 ms, to store them too (measured)."""

_T = TypeVar("_T")


class LongWork:
    """One piece of work at a time; `say` shows a text, of a severity, on the status line."""

    def __init__(self, screen: Screen[None], say: Callable[[str, str], None]) -> None:
        self._screen = screen
        self._say = say
        self._worker: Worker[None] | None = None
        self._doing = ""
        self._stopped = ""

    @property
    def busy(self) -> bool:
        return self._worker is not None and not self._worker.is_finished

    async def do(self, amount: int, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do what concerns so many entries: at once where they are few, else in the background."""
        if amount <= PORTION:
            await work()
        elif self.busy:
            self._say(f"{self._doing}: that goes first, Esc stops it", "warning")
        else:
            self._worker = start(self._screen, work, "long work")

    async def portions(
        self, items: Sequence[_T], doing: str, stopped: Callable[[int], str]
    ) -> AsyncIterator[Sequence[_T]]:
        """The items in portions, between which everything else has its turn.

        `doing` names the work, and `stopped` tells what is true if it ends after so many items.
        """
        from auditlog_tui.store.scans import give_way  # late: it loads the models

        self._doing, self._stopped = doing, stopped(0)
        for first in range(0, len(items), PORTION):
            yield items[first : first + PORTION]
            done = first + PORTION
            if done < len(items):
                self._stopped = stopped(done)
                self._say(f"{doing}: {count(done)} of {count(len(items))}, Esc stops", "")
                await give_way()

    def stop(self) -> bool:
        """Stop, and say what is done; False where nothing was running."""
        if self._worker is None or self._worker.is_finished:
            return False
        self._worker.cancel()
        self._worker = None
        self._say(f"Stopped: {self._stopped}", "warning")
        return True
