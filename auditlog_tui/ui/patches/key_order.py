"""Processes keys one at a time, so that fast typing reaches the right widget.

Overrides: `App.on_event` (public). Uses `MessagePump.message_queue_size`.
Why: Textual sends each key to the widget that has the focus at that moment, before the previous key's action has run.
    If `/status` arrives at once, as over a slow connection, the letters go to the table instead of the filter bar.
Tested with Textual 8.2.8.
If Textual changes: keys may be handled by the widget that had the focus before. After `MAX_TURNS` no key waits.
"""

from __future__ import annotations

import asyncio
from collections import deque

from textual import events, on
from textual.app import App
from textual.dom import DOMNode
from textual.message import Message

from auditlog_tui.runtime import input_arrived, input_handled

MAX_TURNS = 500
"""Turns of the event loop that a key waits for the previous one at most."""


class Handled(Message):
    """Posted after a key, to the same queues: once it arrives, the key has been handled."""

    arrived = False


class TypeAheadApp(App[None]):
    """An app that handles each key and paste before the next one."""

    def __init__(self) -> None:
        super().__init__()
        self._typed: deque[events.Key | events.Paste] = deque()
        self._waiting = False
        self._previous: tuple[Handled, DOMNode] | None = None

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            input_arrived()
            self._typed.append(event)
            if not self._waiting:
                await self._send_typed(0)
        else:
            await super().on_event(event)

    async def _send_typed(self, turns: int) -> None:
        """Send the waiting keys, or try again in the next turn of the event loop."""
        self._waiting = False
        if not self.screen_stack:  # the app is closing
            self._typed.clear()
        while self._typed and (self._previous_done() or turns > MAX_TURNS):
            turns = 0
            target: DOMNode = self.focused or self.screen
            await super().on_event(self._typed.popleft())
            self._previous = Handled(), target
            target.post_message(self._previous[0])
        if self._typed:
            self._waiting = True
            self.call_later(self._try_again, turns + 1)

    async def _try_again(self, turns: int) -> None:
        await asyncio.sleep(0)
        await self._send_typed(turns)

    def _previous_done(self) -> bool:
        """Whether the previous key has been handled, or its target is gone."""
        if self._previous is None:
            return True
        handled, target = self._previous
        return (handled.arrived or not target.is_running) and not self._has_queued_messages()

    def _has_queued_messages(self) -> bool:
        """Whether messages are waiting that may move the focus."""
        if not self.screen_stack:
            return False
        return any(pump.message_queue_size for pump in (self, *self.screen.walk_children(with_self=True)))

    @on(Handled)
    def _arrived(self, message: Handled) -> None:
        message.arrived = True
        if not self._typed:
            input_handled()
