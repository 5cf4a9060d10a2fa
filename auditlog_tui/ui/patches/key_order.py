"""Processes keys one at a time, so that fast typing reaches the right widget.

Overrides: `App.on_event` (public). Uses `MessagePump.message_queue_size`.
Why: Textual sends each key to the widget that has the focus at that moment, before the previous key's action has run.
    If `/status` arrives at once, as over a slow connection, the letters go to the table instead of the filter bar.
    Keys that can't be done yet, as what they are for is not there, are kept in their order with all that follow them.
Tested with Textual 8.2.8.
If Textual changes: keys may be handled by the widget that had the focus before. After `MAX_TURNS` no key waits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from textual import events, on
from textual.app import App
from textual.dom import DOMNode
from textual.message import Message
from textual.screen import Screen

from auditlog_tui.runtime import input_arrived, input_handled
from auditlog_tui.ui.patches.timers import certain

MAX_TURNS = 500
"""Turns of the event loop that a key waits for the previous one at most."""


MOST_KEPT = 200
"""Keys and pastes that are kept until they can be done. What follows them is dropped."""

KEPT_S = 0.02
"""Seconds between two looks at whether the first key that is kept can be done."""

DROPS = frozenset({"escape", "ctrl+c"})
"""Keys that drop those that are kept."""

AT_ONCE = frozenset({"ctrl+q", "ctrl+z"})
"""Keys that need nothing, and are done before those that are kept: to quit, and to suspend."""


class Handled(Message):
    """Posted after a key, to the same queues: once it arrives, the key has been handled."""

    arrived = False


class KeptKeys(Protocol):
    """Decides which keys can't be done yet, and is told of those that are kept."""

    def must_wait(self, key: str, screen: Screen[Any], drop: Callable[[], int]) -> bool:
        """Whether a key can't be done yet. It calls `drop`, and returns True, if it never can be."""

    def kept(self, number: int, *, full: bool) -> None:
        """Called with the number of keys that are kept, each time it changes: 0 once they can be done.

        `full` says that a key was dropped, as too many are kept.
        """

    def dropped(self, number: int) -> None:
        """Called after the user dropped the keys that were kept."""


class TypeAheadApp(App[None]):
    """An app that handles each key and paste before the next one, and keeps those that can't be done yet."""

    def __init__(self) -> None:
        super().__init__()
        self._typed: deque[events.Key | events.Paste] = deque()
        self._waiting = False
        self._previous: tuple[Handled, DOMNode] | None = None
        self._keeping = self._full = False
        self.kept_keys: KeptKeys | None = None

    def drop_typed(self) -> int:
        """Drop the keys that wait. Returns how many there were."""
        number = len(self._typed)
        self._typed.clear()
        self._keeping = self._full = False
        return number

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
        elif self._keeping or self._full:
            await self._keep(event)
        else:
            input_arrived()
            self._typed.append(event)
            if not self._waiting:
                await self._send_typed(0)

    async def _keep(self, event: events.Key | events.Paste) -> None:
        """Keep a key after those that are kept, unless there are too many or one was dropped already."""
        key = event.key if isinstance(event, events.Key) else ""
        if key in AT_ONCE:
            await super().on_event(event)
            return
        if key in DROPS:
            number = self.drop_typed()
            if self.kept_keys is not None:
                self.kept_keys.dropped(number)
            return
        self._full = self._full or len(self._typed) >= MOST_KEPT
        if not self._full:
            self._typed.append(event)
        if self.kept_keys is not None:
            self.kept_keys.kept(len(self._typed), full=self._full)

    async def _send_typed(self, turns: int) -> None:
        """Send the waiting keys, or try again in the next turn of the event loop, or later if they can't be done."""
        if turns:
            await asyncio.sleep(0)
        self._waiting = False
        if not self.screen_stack:  # the app is closing
            self._typed.clear()
        while self._typed and (self._previous_done() or turns > MAX_TURNS):
            if self._first_waits():
                return
            turns = 0
            target: DOMNode = self.focused or self.screen
            await super().on_event(self._typed.popleft())
            self._previous = Handled(), target
            target.post_message(self._previous[0])
        if self._typed:
            self._waiting = True
            self.call_later(self._send_typed, turns + 1)
        else:
            self._full = False

    def _first_waits(self) -> bool:
        """Whether the first key has to be kept; if so, look again soon."""
        first, keys = self._typed[0], self.kept_keys
        if keys is None:
            return False
        if isinstance(first, events.Key) and keys.must_wait(first.key, self.screen, self.drop_typed):
            if self._typed and not self._keeping:
                self._keeping = True
                for key in [each for each in self._typed if isinstance(each, events.Key) and each.key in AT_ONCE]:
                    self._typed.remove(key)
                    self.post_message(key)  # it came with those that are kept
                while len(self._typed) > MOST_KEPT:
                    self._typed.pop()
                    self._full = True
                input_handled()
                keys.kept(len(self._typed), full=self._full)
            if self._typed:
                self._waiting = True
                certain(self.set_timer(KEPT_S, partial(self._send_typed, 0)))
            return True
        if self._keeping:
            self._keeping = False
            keys.kept(0, full=False)
        return False

    def _previous_done(self) -> bool:
        """Whether the previous key has been handled, or its target is gone."""
        if self._previous is not None:
            handled, target = self._previous
            if target.is_running and not handled.arrived:
                return False
        return not self._has_queued_messages()

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
