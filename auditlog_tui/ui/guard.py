"""Errors that a person can act on are said; only faults of the program end it.

Textual (8.2.8) ends the app with whatever leaves an action, a handler, a callback, a timer or a worker. All of them
end in `App._handle_exception`, where the app says an `AuditLogError` instead. Only for a message that is being
dispatched that comes too late, as its receiver stops afterwards: whatever reads the log or its store dispatches by
`guarded`.
"""

from __future__ import annotations

from collections.abc import Awaitable

from textual.message_pump import MessagePump
from textual.worker import WorkerFailed

from auditlog_tui.errors import AuditLogError


def cause(error: BaseException | None) -> BaseException | None:
    """What failed in a worker; any other error as it is."""
    return error.error if isinstance(error, WorkerFailed) else error


def expected(error: BaseException) -> AuditLogError | None:
    """The error to be said, `None` for a fault of the program."""
    found = cause(error)
    return found if isinstance(found, AuditLogError) else None


async def guarded(pump: MessagePump, dispatching: Awaitable[None]) -> None:
    """Let `pump` outlive what goes wrong while it handles a message."""
    try:
        await dispatching
    except AuditLogError as error:
        pump.app._handle_exception(error)
