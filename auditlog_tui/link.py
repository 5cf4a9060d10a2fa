"""A view as the command line that shows it again, and such a line, pasted, as the filter in it."""

from __future__ import annotations

import shlex

from auditlog_tui.arguments import mistaken, split, without_command
from auditlog_tui.query.words import PROGRAM as WORDS
from auditlog_tui.settings import OPTIONS

PROGRAM = "auditlog-tui"
_FLAGS = frozenset((*(option.flag for option in OPTIONS), "--format", "--limit"))
"""Those that a value follows."""


def command_line(query: str, *, base_url: str = "", demo: bool = False) -> str:
    """The command that shows what `query` (with absolute times) shows now; `base_url` unless it is the default."""
    parts = [PROGRAM]
    if demo:
        parts.append("--demo")
    elif base_url:
        parts += ["--base-url", base_url]
    if query.startswith("-") or (query.split() or [""])[0] in WORDS or mistaken([query]):
        parts.append("--")
    return shlex.join([*parts, *([query] if query else [])])


def filter_in(text: str) -> str:
    """The filter in a pasted command line; any other text as it is."""
    try:
        words = shlex.split(text)
    except ValueError:
        return text
    if not words or words[0].rpartition("/")[2] != PROGRAM:
        return text
    found, _ = split(without_command(words[1:]), _FLAGS)
    return " ".join(found)
