"""Everything that can go wrong, as one tree; each message says what happened and what to do next.

AuditLogError
├── SettingsError          a flag, variable or file can't be used; nothing was sent
│   └── NoKeyError         there is no API key
├── QueryError             the filter can't be read; points at its columns
├── StoreError             the working set can't be written (a full disk, say)
├── ClipboardError         no route to a clipboard worked
└── ApiError               the server, or the way to it
    ├── KeyRefusedError    401
    ├── NotPermittedError  403
    ├── NotFoundError      404
    ├── BadRequestError    400 and every other 4xx
    ├── RateLimitedError   429, or a wait longer than we are willing to sit out
    ├── ServerError        5xx, or an answer of 200 that is an error
    ├── UnreachableError   no connection, or it broke
    ├── TimedOutError      no complete answer within the deadline
    ├── StoppedError       the user did not want to wait any longer
    └── NotTheApiError     an answer that is not this API's (HTML, a redirect, other JSON)
"""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum


class AuditLogError(Exception):
    """The root; `str(error)` is one or two sentences for a person, free of control characters."""


class SettingsError(AuditLogError):
    """A flag, an environment variable or a file holds something that can't be used."""


class NoKeyError(SettingsError):
    """No API key was given."""


class QueryError(AuditLogError):
    """The filter can't be read.

    `start` and `end` are the columns (0-based, `end` exclusive) of the term in the typed text; `hint` says what
    would be valid there, and `offers` are the filters that it writes out.
    """

    def __init__(self, message: str, start: int, end: int, hint: str = "", offers: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end
        self.hint = hint
        self.offers = offers


class StoreError(AuditLogError):
    """The working set can't be read or written."""


class ClipboardError(AuditLogError):
    """Nothing took the text."""


class ApiError(AuditLogError):
    """The server answered with an error, or did not answer. `status` is the HTTP status, if there was one."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class KeyRefusedError(ApiError):
    """401: the key is wrong, expired or revoked."""


class NotPermittedError(ApiError):
    """403: the key is good, but may not read the audit log."""


class NotFoundError(ApiError):
    """404: there is no such entry (or no such endpoint)."""


class BadRequestError(ApiError):
    """The server refuses what was asked: 400 and every other 4xx."""


class RateLimitedError(ApiError):
    """Too many requests. `retry_at` (UTC) is when the server is willing again, where it said so."""

    def __init__(self, message: str, *, status: int | None = None, retry_at: datetime | None = None) -> None:
        super().__init__(message, status=status)
        self.retry_at = retry_at


class ServerError(ApiError):
    """5xx, after the retries, or an answer of 200 that is an error by its words."""


class UnreachableError(ApiError):
    """No connection could be made, or it broke, after the retries."""


class TimedOutError(ApiError):
    """No complete answer within the deadline, after the retries."""


class StoppedError(ApiError):
    """The user stopped the request."""


class NotTheApiError(ApiError):
    """Something answered that is not this API."""


class ExitStatus(IntEnum):
    """How the program ends.

    `INCOMPLETE` is also that of a crash. `INTERRUPTED` is that of Ctrl+C, and `BROKEN_PIPE` that of a program which
    SIGPIPE ended: nobody reads its output any more.
    """

    DONE = 0
    INCOMPLETE = 1
    USAGE = 2
    API = 3
    INTERRUPTED = 130
    BROKEN_PIPE = 141
