"""A view as the command line that shows it again, and such a line, pasted, as the filter in it."""

from __future__ import annotations

import shlex

from auditlog_tui.arguments import COMMANDS, command_of, split
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
    if query.startswith("-") or query in COMMANDS:
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
    arguments = words[2:] if command_of(words[1:]) else words[1:]
    found, _ = split(arguments, _FLAGS)
    return " ".join(found)
