"""The base class of the app: hooks for errors and shutdown, and access to the terminal and the line filters.

Overrides: `App._handle_exception`, `App._fatal_error`, `App._shutdown`, `App._check_resize`,
    `MessagePump._dispatch_message`, `MessagePump.set_timer` (public). Uses `App._exit`, `App._exception`,
    `App._clipboard`, `App._driver`, `App._filters`, `App._loop`, `App._resize_event`, `MessagePump._closing`,
    `MessagePump._close_messages_no_wait`.
Why: Textual ends the app for every exception, prints a traceback with all local variables (which may hold the API
    key), and removes the widgets before it cancels the workers that draw in them. It has no public way to change the
    line filters, to write to the terminal, or to schedule a call from a thread without waiting for the result.
    It draws nothing if the size has changed and changed back by the time it looks, though the terminal has lost what
    it showed; and a timer that is late when it starts never calls, which would leave the app at the old size.
Tested with Textual 8.2.8.
If Textual changes: errors that the user can act on would end the app, crash reports would hold secrets, and the
    screen may stay blank after a change of size.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from textual.filter import LineFilter
from textual.geometry import Size
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer, TimerCallback

from auditlog_tui.ui.patches.error_guard import guarded
from auditlog_tui.ui.patches.key_order import TypeAheadApp
from auditlog_tui.ui.patches.timers import certain


class PatchedApp(TypeAheadApp):
    """Subclasses override `handle_error`, `report_crash` and `before_shutdown`."""

    # -- hooks -------------------------------------------------------------------------------------------------

    def handle_error(self, error: Exception) -> bool:
        """Handle an exception from a handler, callback, timer or worker; False to end the app with it."""
        return False

    def report_crash(self, error: BaseException) -> None:
        """Called with each exception that ends the app, in place of Textual's own traceback."""

    def before_shutdown(self) -> None:
        """Called before the widgets are removed."""

    # -- state of the app --------------------------------------------------------------------------------------

    @property
    def exit_requested(self) -> bool:
        """Whether `exit` was called."""
        return self._exit

    @property
    def is_closing(self) -> bool:
        """Whether the app is about to end, by `exit` or after a crash."""
        return self._exit or self._closing

    @property
    def line_filters(self) -> list[LineFilter]:
        """The filters that every drawn line passes through, disabled ones included. May be changed in place."""
        return self._filters

    def set_clipboard(self, text: str) -> None:
        """Set what `App.clipboard` returns, and so what Textual's inputs paste."""
        self._clipboard = text

    # -- callable from any thread ------------------------------------------------------------------------------

    def call_soon(self, callback: Callable[[], object]) -> None:
        """Run `callback` in the event loop, without waiting for it. Does nothing once the loop has ended."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(callback)

    def fail(self, error: Exception) -> None:
        """Treat `error` as if a handler had raised it."""
        self.call_soon(lambda: self._handle_exception(error))

    def abandon(self) -> None:
        """Restore the terminal without waiting for it. The process must end afterwards."""
        abandon = getattr(self._driver, "abandon", None)
        if abandon is not None:
            abandon()

    # -- the terminal ------------------------------------------------------------------------------------------

    def write_to_terminal(self, sequence: str) -> None:
        """Write an escape sequence. Raises `OSError` if there is no terminal."""
        if self._driver is None:
            raise OSError("no terminal")
        self._driver.write(sequence)

    def ask_background(self) -> None:
        """Ask the terminal for its background colour, without waiting: see `BackgroundReported`."""
        ask = getattr(self._driver, "ask_background", None)
        if ask is not None:
            ask()

    # -- overrides ---------------------------------------------------------------------------------------------

    async def _dispatch_message(self, message: Message) -> None:
        await guarded(self, super()._dispatch_message(message))

    def _handle_exception(self, error: Exception) -> None:
        if not self.handle_error(error):
            super()._handle_exception(error)

    def _fatal_error(self) -> None:
        error = self._exception or sys.exc_info()[1]
        if error is not None:
            self.report_crash(error)
        self._close_messages_no_wait()

    def _check_resize(self) -> None:
        if self._resize_event is not None and self.screen_stack:
            self.screen.call_later(_redraw_unresized, self.screen, self._resize_event.size)
        super()._check_resize()

    def set_timer(
        self, delay: float, callback: TimerCallback | None = None, *, name: str | None = None, pause: bool = False
    ) -> Timer:
        return certain(super().set_timer(delay, callback, name=name, pause=pause))

    async def _shutdown(self) -> None:
        self.before_shutdown()
        await super()._shutdown()


def _redraw_unresized(screen: Screen[Any], size: Size) -> None:
    """Draw everything if the coming `Resize` won't, because the screen has that size already."""
    if screen.outer_size == size:
        screen.refresh()
