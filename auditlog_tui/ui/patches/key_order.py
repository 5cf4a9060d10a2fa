"""Keys reach what they were meant for, however fast they come.

Textual hands every key to what has the focus at that moment, and does what a key means only later: of `/status` that
arrives at once, as over a slow line, the letters would still go to the table. Here each key waits until what the one
before it did is done.
"""

from __future__ import annotations

import asyncio
from collections import deque

from textual import events, on
from textual.app import App
from textual.dom import DOMNode
from textual.message import Message

PATIENCE = 500
"""Turns of the event loop after which a key is no longer waited for."""


class Handled(Message):
    """Follows a key through the same queues; where it comes out, the key has been."""

    arrived = False


class TypeAheadApp(App[None]):
    """An app that takes keys and pasted text one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self._typed: deque[events.Key | events.Paste] = deque()
        self._waiting = False
        self._before: tuple[Handled, DOMNode] | None = None

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            self._typed.append(event)
            if not self._waiting:
                await self._hand_on(0)
        else:
            await super().on_event(event)

    async def _hand_on(self, turns: int) -> None:
        """Hand on what was typed; what must wait is looked at again in the next turn of the event loop."""
        self._waiting = False
        if not self.screen_stack:  # the app is closing
            self._typed.clear()
        while self._typed and (self._done() or turns > PATIENCE):
            turns = 0
            target: DOMNode = self.focused or self.screen
            await super().on_event(self._typed.popleft())
            self._before = Handled(), target
            target.post_message(self._before[0])
        if self._typed:
            self._waiting = True
            self.call_later(self._later, turns + 1)

    async def _later(self, turns: int) -> None:
        await asyncio.sleep(0)
        await self._hand_on(turns)

    def _done(self) -> bool:
        """Whether what the key before did is done; one whose target is gone is."""
        if self._before is None:
            return True
        handled, target = self._before
        return (handled.arrived or not target.is_running) and not self._unread()

    def _unread(self) -> bool:
        """Whether anything is still to be done that may move the focus."""
        if not self.screen_stack:
            return False
        return any(pump.message_queue_size for pump in (self, *self.screen.walk_children(with_self=True)))

    @on(Handled)
    def _arrived(self, message: Handled) -> None:
        message.arrived = True
