"""The command line's words: which are the filter, which are flags, and what `list`, `get` and `count` take."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence

from auditlog_tui.settings import OPTIONS

COMMANDS = {
    "list": "Write the entries that match a filter, as they come.",
    "get": "Write one entry in full, by its ID.",
    "count": "Write how many entries match a filter.",
}
"""What works without a screen, when it is the first word: `auditlog-tui -- list` searches for the word."""

_STATUS = (
    "Exit status: 0 done; 1 incomplete (standard error says what is missing) or crashed; 2 for what was typed or set"
    " wrongly; 3 the API refused or could not be reached; 130 Ctrl+C; 141 nobody reads the output any more."
)


def command_of(arguments: Sequence[str]) -> str:
    """The command that the first word names; empty for the browser."""
    return arguments[0] if arguments and arguments[0] in COMMANDS else ""


def read_options(parser: argparse.ArgumentParser, command: str, arguments: Sequence[str]) -> argparse.Namespace:
    """The flags, and in `query` the words. Ends the program, as argparse does, where they can't be read."""
    parser.set_defaults(format="jsonl" if command == "get" else "table", limit=None)
    valued = {option.flag for option in OPTIONS}
    if command:
        _make_command(parser, command)
        valued |= {"--format", "--limit"}
    words, flags = split(arguments[1:] if command else arguments, valued)
    options = parser.parse_args(flags)
    if command == "get" and len(words) != 1:
        parser.error("get takes one ID")
    options.query = words
    return options


def _make_command(parser: argparse.ArgumentParser, command: str) -> None:
    parser.prog = f"{parser.prog} {command}"
    parser.description = COMMANDS[command]
    parser.epilog = _STATUS
    if command == "count":
        return
    default = parser.get_default("format")
    from auditlog_tui.output.formats import FORMATS  # late: the screen, which has no formats, is not to wait for it

    parser.add_argument("--format", choices=FORMATS, default=default, help=f"how to write them (default: {default})")
    if command == "list":
        parser.add_argument("--limit", type=_positive, metavar="N", help="no more than so many")


def split(arguments: Sequence[str], valued: Collection[str]) -> tuple[list[str], list[str]]:
    """The filter's words and the flags, each in their order; `valued` are the flags that a value follows.

    argparse takes every word that begins with a dash for a flag, but `-method:GET` is a term of a filter: here only
    `--name` and `-h` are flags, and nothing after `--` is.
    """
    words: list[str] = []
    flags: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            words.extend(rest)
        elif argument in valued:
            value = next(rest, None)
            flags.append(argument if value is None else f"{argument}={value}")
        elif argument.startswith("--") or argument == "-h":
            flags.append(argument)
        else:
            words.append(argument)
    return words, flags


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return int(text)
