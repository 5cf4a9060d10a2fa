"""The exception tree. Each message says what happened and what to do next.

AuditLogError
├── SettingsError          a flag, variable or file can't be used
│   ├── NoKeyError         there is no API key
│   └── CaseError          a case can't be opened: it is none, damaged, or of another log
├── QueryError             the filter is invalid; names the columns of the mistake
├── StoreError             the working set can't be read or written (for example, the disk is full)
├── ClipboardError         no route to a clipboard worked
├── ExportError            an export can't be written or go on
│   └── ExportRefusedError nothing was written, because something else is there or was asked for
├── BundleError            a file is no bundle, or entries can't become one
├── ArchiveError           an archive can't be read or written
│   └── ArchiveRefusedError a folder is no archive, or one of something else, or DuckDB is missing
└── ApiError               the server or the connection to it failed
    ├── KeyRefusedError    401
    ├── NotPermittedError  403
    ├── NotFoundError      404
    ├── BadRequestError    400 and every other 4xx
    ├── RateLimitedError   429, or a Retry-After longer than we wait
    ├── ServerError        5xx, or an error in a response with status 200
    ├── UnreachableError   no connection, or it broke
    ├── TimedOutError      no complete response within the deadline
    ├── StoppedError       the user stopped the request
    └── NotTheApiError     a response that is not from this API (HTML, a redirect, other JSON)
        └── AnotherEntryError  another entry than the one that was asked for
"""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum


class AuditLogError(Exception):
    """The root of the tree; `str(error)` is one or two sentences for the user, without control characters."""


class SettingsError(AuditLogError):
    """A flag, an environment variable or a file has an unusable value."""


class NoKeyError(SettingsError):
    """There is no API key."""


class CaseError(SettingsError):
    """A case can't be opened, is of another log, or is no case; nothing in it was changed."""


class QueryError(AuditLogError):
    """The filter is invalid.

    `start` and `end` are the columns of the term in the typed text (0-based, `end` exclusive). `hint` says what would
    be valid there, and `offers` are the corrected filters that the hint suggests.
    """

    def __init__(self, message: str, start: int, end: int, hint: str = "", offers: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end
        self.hint = hint
        self.offers = offers


class SecretError(QueryError):
    """A secret was typed, in a filter or elsewhere. `text` is what was typed without it, and has the columns."""

    def __init__(self, text: str, start: int, end: int) -> None:
        super().__init__(
            "This has the API key in it, or the value of a custom header: it is not searched for and not kept.",
            start, end, "Take it out.",
        )  # fmt: skip
        self.text = text


class StoreError(AuditLogError):
    """The working set can't be read or written."""


class ClipboardError(AuditLogError):
    """No clipboard accepted the text, and no file could be written either."""


class ExportError(AuditLogError):
    """An export can't be written or go on."""


class ExportRefusedError(ExportError):
    """An export was not begun: its file exists, or belongs to another export."""


class BundleError(AuditLogError):
    """A file can't be read as a bundle, or entries and notes can't be written as one."""


class ArchiveError(AuditLogError):
    """An archive can't be read or written."""


class ArchiveRefusedError(ArchiveError):
    """Nothing was done: the folder is no archive, or one of something else, or is in use, or DuckDB is missing."""


class ApiError(AuditLogError):
    """The server answered with an error or not at all. `status` is the HTTP status, `None` without a response."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class KeyRefusedError(ApiError):
    """401: the key is wrong, expired or revoked."""


class NotPermittedError(ApiError):
    """403: the key is valid but not allowed to read the audit log."""


class NotFoundError(ApiError):
    """404: no such entry (or no such endpoint)."""


class BadRequestError(ApiError):
    """The server refused the request: 400 and every 4xx without a class of its own."""


class RateLimitedError(ApiError):
    """Too many requests. `retry_at` (UTC) is when the server accepts requests again, `None` if it did not say."""

    def __init__(self, message: str, *, status: int | None = None, retry_at: datetime | None = None) -> None:
        super().__init__(message, status=status)
        self.retry_at = retry_at


class ServerError(ApiError):
    """5xx after the retries, or a response with status 200 whose body is an error."""


class UnreachableError(ApiError):
    """No connection could be made, or it broke, even after the retries."""


class TimedOutError(ApiError):
    """No complete response within the deadline, even after the retries."""


class StoppedError(ApiError):
    """The user stopped the request."""


class NotTheApiError(ApiError):
    """The response is not from this API."""


class AnotherEntryError(NotTheApiError):
    """One entry was asked for, and another one came. `got` is the ID of that one."""

    def __init__(self, message: str, got: str) -> None:
        super().__init__(message)
        self.got = got


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
