"""Keeps a screen or widget running after an error that the user can act on.

Overrides: nothing here; the base classes in this room pass `MessagePump._dispatch_message` through `guarded`. Calls
    `App._handle_exception`.
Why: Textual ends the app for every exception that leaves an action, a handler, a callback, a timer or a worker. All
    of them reach `App._handle_exception`, where the app shows an `AuditLogError` on the status line instead. While a
    message is being dispatched that is too late: the receiver has stopped processing messages by then.
Tested with Textual 8.2.8.
If Textual changes: a network or disk error in a handler stops the widget that handled it, or ends the app.
"""

from __future__ import annotations

from collections.abc import Awaitable

from textual.message_pump import MessagePump
from textual.worker import WorkerFailed

from auditlog_tui.errors import AuditLogError


def cause(error: BaseException | None) -> BaseException | None:
    """The exception raised in a worker; any other error unchanged."""
    return error.error if isinstance(error, WorkerFailed) else error


def expected(error: BaseException) -> AuditLogError | None:
    """The error to show to the user, or `None` for a bug."""
    found = cause(error)
    return found if isinstance(found, AuditLogError) else None


async def guarded(pump: MessagePump, dispatching: Awaitable[None]) -> None:
    """Dispatch a message; report an `AuditLogError` to the app instead of stopping `pump`."""
    try:
        await dispatching
    except AuditLogError as error:
        pump.app._handle_exception(error)
