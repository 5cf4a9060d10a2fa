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
        self._handling = False

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            self._typed.append(event)
            if not self._handling:
                await self._hand_on()
        else:
            await super().on_event(event)

    async def _hand_on(self) -> None:
        self._handling = bool(self._typed)
        if self._typed:
            target: DOMNode = self.focused or self.screen
            handled = Handled()
            await super().on_event(self._typed.popleft())
            target.post_message(handled)
            self.call_later(self._wait, handled, target, 0)

    async def _wait(self, handled: Handled, target: DOMNode, turns: int) -> None:
        """Hand the next key on when this one is done; one whose target is gone is."""
        done = (handled.arrived or not target.is_running) and not self._unread()
        if done or turns > PATIENCE:
            await self._hand_on()
        else:
            await asyncio.sleep(0)
            self.call_later(self._wait, handled, target, turns + 1)

    def _unread(self) -> bool:
        """Whether anything is still to be done that may move the focus."""
        if not self.screen_stack:
            return False
        return any(pump.message_queue_size for pump in (self, *self.screen.walk_children(with_self=True)))

    @on(Handled)
    def _arrived(self, message: Handled) -> None:
        message.arrived = True
