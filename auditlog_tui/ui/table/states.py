"""The texts that the table shows besides entries: progress, errors, the end of the log, reasons for no rows."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, NamedTuple

from auditlog_tui.errors import (
    AnotherEntryError,
    AuditLogError,
    BadRequestError,
    KeyRefusedError,
    NotFoundError,
    NotPermittedError,
    NotTheApiError,
    RateLimitedError,
    ServerError,
    StoppedError,
    TimedOutError,
    UnreachableError,
)
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import count, counted, format_time

if TYPE_CHECKING:
    from auditlog_tui.log.view import Summary, View
    from auditlog_tui.session.navigator import Navigator
    from auditlog_tui.ui.look import Look

StyledText = tuple[str, str]
"""A line that is no entry, and the name of its style."""

NOTHING: StyledText = ("", "dim")


class States(NamedTuple):
    """The line above the first entry, the one below the last, and the lines shown if there is no entry."""

    head: StyledText = NOTHING
    tail: StyledText = NOTHING
    blank: tuple[StyledText, ...] = ()


def why_nothing(error: AuditLogError) -> str:
    """Why there are no rows, in two words."""
    match error:
        case UnreachableError() | TimedOutError():
            return "not connected"
        case KeyRefusedError() | NotPermittedError():
            return "key refused"
        case NotTheApiError():
            return "not the API"
        case _:
            return "nothing loaded"


def why_lost(error: AuditLogError | None, before: str) -> str:
    """Why the server does not serve the log, in two words, after a request that ended with `error`; empty if it does.

    `before` is what was said before: an error that tells nothing about other requests changes nothing.
    """
    match error:
        case None | NotFoundError() | BadRequestError():
            return ""
        case ServerError():
            return "server error"
        case StoppedError() | RateLimitedError() | AnotherEntryError():
            return before
        case _:
            return why_nothing(error)


def is_refusal(error: AuditLogError) -> bool:
    """Whether the server does not accept the filter."""
    return isinstance(error, BadRequestError) and error.status in (400, 422)


def describe(navigator: Navigator, summary: Summary, look: Look, *, busy: bool, frame: int, width: int) -> States:
    """The texts for the place shown, whose view has this summary.

    `busy`: something is being fetched. `frame` counts the spinner's turns. `width` is in cells.
    """
    view = navigator.view
    spinner = look.glyphs.spinner[frame % len(look.glyphs.spinner)]
    if summary.rows == 0:
        return States(blank=_wrapped(_blank(navigator, summary, look, spinner if busy else ""), width))
    head = NOTHING if view.newer_done else (f"{spinner} newer entries" if busy else "newer entries above", "dim")
    return States(head=head, tail=_tail(view, summary, look, spinner if busy else ""))


def _tail(view: View, summary: Summary, look: Look, spinner: str) -> StyledText:
    glyphs = look.glyphs
    if view.error is not None:
        return f"{glyphs.refused} r tries again: {view.error}", "error"  # the hint first, as the error may be cut
    if summary.reason and not summary.final:
        return f"{glyphs.failed} INCOMPLETE, r goes on: {summary.reason}", "error"
    if view.older_done and summary.final:
        return f"{glyphs.failed} INCOMPLETE: {summary.reason}", "error"
    if view.older_done:
        return f"{glyphs.line * 2} {_ending(view, summary)} {glyphs.line * 2}", "dim"
    if view.plan.local_order and not spinner:
        return f"sorted over {count(summary.loaded)} loaded; A loads all", "accent"
    if spinner:
        return f"{spinner} {_progress(summary, look)}", "dim"
    if view.paused:
        return f"{_progress(summary, look)}  Space goes on", "accent"
    return "older entries below", "dim"


def _ending(view: View, summary: Summary) -> str:
    if summary.only:
        return f"end: {count(summary.rows)} {summary.only}"
    part = any(term.key != "sort" for term in view.query.terms)
    if not view.complete:
        return "the oldest entry that matches" if part else f"the {_log_of(view)}'s oldest entry"
    seen = counted(summary.rows, "entry", "entries")
    if not part:
        return f"end: the whole {_log_of(view)}, {seen}"
    return f"end: {seen} that {'matches' if summary.rows == 1 else 'match'}"


def _log_of(view: View) -> str:
    return "log" if view.log.origin is None else view.log.origin.kind


def _progress(summary: Summary, look: Look) -> str:
    if not summary.filtered:
        return f"loading older entries, {count(summary.loaded)} so far"
    back = _back_to(summary, look)
    return f"{count(summary.rows)} of {count(summary.loaded)} scanned{back}"


def _back_to(summary: Summary, look: Look) -> str:
    if summary.scanned_to_us is None:
        return ""
    mode = "utc" if look.mode == "relative" else look.mode
    return f", back to {format_time(summary.scanned_to_us, mode, look.now_us, look.zone)}"


def _blank(navigator: Navigator, summary: Summary, look: Look, spinner: str) -> list[StyledText]:
    view, text = navigator.view, navigator.place.text
    back = "[ goes back · " if navigator.at else ""
    if view.error is not None:
        keys = f"r tries again · / changes the filter · {back}q quits"
        return [(str(view.error), "error"), ("", "dim"), (keys, "dim")]
    if view.paused:
        scanned = counted(summary.loaded, "entry", "entries")
        progress = f"None matches of {scanned} scanned{_back_to(summary, look)}."
        return [(progress, "text"), ("", "dim"), ("Space scans on · / changes the filter · z turns it off", "dim")]
    if summary.reason and not summary.final and not spinner:
        return [(f"INCOMPLETE: {summary.reason}.", "error"), ("", "dim"), ("r goes on · / changes the filter", "dim")]
    if spinner or not view.older_done or not view.newer_done:
        scanned = f"  {_progress(summary, look)}" if summary.loaded else ""
        return [(f"{spinner or look.glyphs.spinner[0]} asking for entries …{scanned}", "dim")]
    if not text:
        origin = view.log.origin
        empty = "The log is empty." if origin is None else origin.empty
        return [(empty, "text"), ("", "dim"), ("r asks again", "dim")]
    as_of = "" if summary.as_of is None else f"as of {summary.as_of:%Y-%m-%d %H:%M:%S} UTC. "
    scanned = f"Scanned {count(summary.loaded)}{_back_to(summary, look)}." if summary.loaded else ""
    return [
        (f"No entry that you {summary.only} matches" if summary.only else "No entry matches", "text"),
        (safe(text), "accent"),
        (f"{as_of}{scanned}", "dim"),
        *((safe(reason), "accent") for reason in _reasons(view, look)),
        *([(f"INCOMPLETE: {summary.reason}.", "error")] if summary.final else []),
        ("", "dim"),
        (f"/ changes the filter · z turns it off · {back}r asks again", "dim"),
    ]


def _reasons(view: View, look: Look) -> list[str]:
    from auditlog_tui.analysis.no_matches import reasons  # late: it loads the models

    return reasons(view.query, view.log.store.seen, look.now_us, "what was loaded")


def _wrapped(lines: list[StyledText], width: int) -> tuple[StyledText, ...]:
    found: list[StyledText] = []
    for text, style in lines:
        found += [(part, style) for part in textwrap.wrap(text, max(20, width - 4)) or [""]]
    return tuple(found)
