"""The crash report printed on the terminal: enough to find the fault, without secrets."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from urllib.parse import quote, quote_plus

from auditlog_tui.text.safe import safe_lines

LIMIT = 20_000
"""The most characters in a report; a longer one keeps its start and end."""

_LINE_LIMIT = 1_000
_READ = 100_000  # characters processed at the start and at the end of a longer text
_PART = 8
_REDACTED = "[redacted]"
_LAST_LINE = (
    "auditlog-tui failed (exit status 1). It only reads: the audit log itself was not changed."
    " Please report the lines above, after removing anything they quote from your log."
)


def crash_report(error: BaseException, secrets: Sequence[str]) -> str:
    """The traceback of `error` and its causes, then a line on what to do; ends with LF.

    It has no local variables, no control characters but LF, and no eight consecutive characters of any of the
    `secrets` (of a shorter one: not the whole), in any form of quoting.
    """
    text = _shorten(_redact(_shorten(_described(error), 2 * _READ), secrets), 2 * LIMIT)
    return _shorten(safe_lines(text.rstrip("\n"), _LINE_LIMIT), LIMIT) + f"\n\n{_LAST_LINE}\n"


def _described(error: BaseException) -> str:
    try:
        return "".join(traceback.TracebackException.from_exception(error).format())
    except Exception:  # the exception's own methods run here, and may raise anything
        return f"{type(error).__name__} (its traceback could not be read)"


def _shorten(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n… {len(text) - 2 * half:,} characters left out …\n{text[-half:]}"


def _redact(text: str, secrets: Sequence[str]) -> str:
    """Replace each run of characters that consists of parts of a secret.

    Parts, because messages abbreviate what they quote: pydantic's keep a value's start and end.
    """
    parts = {part for secret in secrets for form in _forms(secret) for part in _parts(form)}
    hidden = bytearray(len(text))
    for size in {len(part) for part in parts}:
        for start in range(len(text) - size + 1):
            if text[start : start + size] in parts:
                hidden[start : start + size] = b"\1" * size
    return "".join(_redacted_pieces(text, hidden))


def _redacted_pieces(text: str, hidden: bytearray) -> Iterator[str]:
    position = 0
    while (start := hidden.find(1, position)) >= 0:
        yield text[position:start]
        yield _REDACTED
        end = hidden.find(0, start)
        position = end if end >= 0 else len(text)
    yield text[position:]


def _parts(form: str) -> Iterator[str]:
    size = min(len(form), _PART)
    return (form[start : start + size] for start in range(len(form) - size + 1))


def _forms(secret: str) -> set[str]:
    """The forms in which a message may quote a secret, including quotations of a quotation."""
    forms = {secret, secret.strip()}
    for _ in range(2):
        forms |= {quoted for form in forms for quoted in _quoted(form)}
    return {form for form in forms if form.strip()}


def _quoted(text: str) -> Iterator[str]:
    import json  # late: the first frame does not need it

    octets = text.encode("utf-8", "surrogatepass")
    for form in (repr(text)[1:-1], ascii(text)[1:-1], repr(octets)[2:-1], json.dumps(text)[1:-1]):
        yield form
        yield form.replace("\\'", "'")
        yield form.replace("'", "\\'")
    yield quote(octets, safe="")
    yield quote_plus(octets)
